"""The names of the parts of the patient's page that several callbacks draw again."""

from dashboard.secure import Current

BODY = "patient-body"
LATE = "patient-late"
GRAPH = "patient-graph"


def stamp_of(here: Current) -> str:
    """Differs each time, so that the page draws itself again."""
    return here.now.isoformat()

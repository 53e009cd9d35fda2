"""The patient's page in parts: what it reads, what changed since the last visit, what it shows, what it takes in."""

from dashboard.secure import Current

WHO_ACTS = ("nurse", "physician", "admin")
"""Roles that may enter facts, act on alerts and answer suggestions here; everybody else reads."""

REF = "patient-ref"
"""The store with the record number and the day the page stands at."""

CHANGED = "patient-changed"
"""The store that makes the page draw itself again; `stamp_of` gives it something new."""

BODY = "patient-body"
LATE = "patient-late"
GRAPH = "patient-graph"

ABOVE_DIALOGS = {"zIndex": 430}
"""Where lists and calendars of a form open: above its dialog or drawer."""


def stamp_of(here: Current) -> str:
    """Differs each time, so that the page draws itself again."""
    return here.now.isoformat()

"""The section of what the rules could not answer."""

from dash import html

from dashboard.components.formats import counted
from dashboard.components.states import section
from dashboard.patient.subjects import question_title
from dashboard.patient.view import PatientView


def could_not_tell_section(view: PatientView) -> html.Section | None:
    """What the rules could not answer, and why: silence is not all clear."""
    rows = view.could_not_tell()
    if not rows:
        return None
    return section(
        "Could not tell",
        html.Ul(
            [
                html.Li(
                    [
                        html.B(question_title(row["rule"], row["subject"])),
                        f": {row['cannot_tell_because']}",
                    ]
                )
                for row in rows
            ],
            className="tight",
        ),
        note=counted(len(rows), "question"),
    )

"""One patient: what changed, on one time axis, beside what needs attention and what could be considered.

The page answers "what changed since the last visit" first. Alerts stand beside the chart with what they rest on;
suggestions follow a moment later, because the rules are asked again for them. `?known=2026-03-03` shows what was known
on that day; nothing can be done there.
"""

from typing import Any

from dash import dcc, html

from dashboard import shell
from dashboard.components.states import empty_state
from dashboard.pages.patient.alerts import register_alerts
from dashboard.pages.patient.body import body, dialogs
from dashboard.pages.patient.decisions import register_decisions
from dashboard.pages.patient.drawing import register_view
from dashboard.pages.patient.entering import register_confirmation, register_entry, register_record
from dashboard.patient import BODY, CHANGED, REF, WHO_ACTS, calculators, own_thresholds, plan
from dashboard.patient.view import gather, parse_day
from dashboard.secure import DECIDERS, READERS, Page, SecureDash, current

PAGE = Page("/patients/<mrn>", "Patient", READERS)


def layout(mrn: str, known: str = "", **_query: str) -> Any:
    """The page of one record number."""
    here = current()
    view = gather(here, mrn, parse_day(known))
    if view is None:
        return html.Div(
            empty_state(
                f"There is no patient {mrn}",
                "Record numbers are compared exactly, leading zeros included. The number may be mistyped, or the "
                "patient may not have been imported yet.",
                action="Go to the panel",
                href="/",
            ),
            className="page",
        )
    shell.note_reading(here, view.id)
    return html.Div(
        [
            dcc.Store(id=REF, data={"mrn": mrn, "known": view.past.isoformat() if view.past else ""}),
            dcc.Store(id=CHANGED),
            dcc.Store(id="patient-nothing"),
            dcc.Store(id="patient-act"),
            dcc.Store(id="patient-fact-act"),
            dcc.Store(id="patient-suggestion-act"),
            html.Div(body(view, here), id=BODY),
            plan.drawer(),
            calculators.drawer(),
            *([own_thresholds.modal()] if here.may(DECIDERS) and view.past is None else []),
            *(dialogs() if here.may(WHO_ACTS) and view.past is None else []),
        ],
        className="page patient",
    )


def register(app: SecureDash) -> None:
    """What the page does: redraw, advise, act on alerts, take in facts, record decisions."""
    register_view(app)
    register_alerts(app)
    register_decisions(app)
    register_entry(app)
    register_record(app)
    register_confirmation(app)
    plan.register(app)
    calculators.register(app)
    own_thresholds.register(app)

"""The body of the patient's page: its sections in their order, and the buttons at its head."""

from typing import Any

from dash import dcc, html

from dashboard.components.dates import short_day
from dashboard.components.states import notice
from dashboard.pages.patient.chart_card import chart_card
from dashboard.pages.patient.names import LATE
from dashboard.patient import WHO_ACTS, own_thresholds, taken
from dashboard.patient.advice import response_section
from dashboard.patient.alert_cards import alerts_section
from dashboard.patient.antibodies import antibodies_section
from dashboard.patient.banner import banner
from dashboard.patient.could_not_tell import could_not_tell_section
from dashboard.patient.labs import labs_section
from dashboard.patient.since_card import since_card
from dashboard.patient.skin_and_lung import skin_and_lung_section
from dashboard.patient.steroid import steroid_section
from dashboard.patient.view import PatientView, reviewed_today
from dashboard.patient.visit_sheet import visit_sheet
from dashboard.secure import DECIDERS, Current


def body(
    view: PatientView, here: Current, *, shown: str = "", scale: str = "times", as_table: bool = False
) -> list[Any]:
    """Everything that changes when a fact or an alert does. The arguments keep how the reader had set the chart."""
    acts = here.may(WHO_ACTS) and view.past is None
    zone = here.settings.zone
    aside = [alerts_section(view, zone, here.today, acts=acts), html.Div(_waiting(), id=LATE, role="status")]
    decides = here.may(DECIDERS) and view.past is None
    more = [
        taken.taken_section(view, acts=acts),
        labs_section(view),
        steroid_section(view),
        skin_and_lung_section(view),
        antibodies_section(view),
        response_section(view),
        could_not_tell_section(view),
        own_thresholds.own_section(view, decides=decides),
    ]
    return [
        _past_notice(view),
        _stale_notice(view),
        banner(view, _buttons(view, here, acts=acts), zone, here.today),
        since_card(view),
        html.Div(
            [
                html.Div(aside, className="act"),
                chart_card(view, shown=shown, scale=scale, as_table=as_table),
                html.Div(
                    [html.Div(id="patient-explanations"), *[part for part in more if part is not None]],
                    className="more",
                ),
            ],
            className="patient-grid",
        ),
        visit_sheet(view, here.today),
    ]


def _past_notice(view: PatientView) -> Any:
    if view.past is None:
        return None
    back = dcc.Link("Back to today", href=f"/patients/{view.patient.mrn}")
    text = f"As known on {short_day(view.past, view.past)} {view.past.year}: later facts and corrections are left out. "
    return notice([text, back], kind="warn")


def _stale_notice(view: PatientView) -> Any:
    if view.evaluated or view.patient.status != "active":
        return None
    return notice("The rules have not looked at this patient's newest facts yet.", kind="warn")


def _buttons(view: PatientView, here: Current, *, acts: bool) -> list[Any]:
    buttons: list[Any] = []
    if acts:
        undo = reviewed_today(view, here)
        buttons += [
            html.Button("Add to record", id="patient-record-open", className="button", n_clicks=0, title="n"),
            html.Button("Entries", id="patient-entries-open", className="button-quiet", n_clicks=0),
            html.Button(
                "Undo review" if undo else "Mark as reviewed",
                id={"type": "patient-review", "act": "undo" if undo else "mark"},
                className="button-quiet",
                n_clicks=0,
            ),
        ]
    buttons.append(html.Button("Calculators", id="patient-calc-open", className="button-quiet", n_clicks=0))
    buttons.append(html.Button("Visit sheet", id="patient-print", className="button-quiet", n_clicks=0, title="Print"))
    return buttons


def _waiting() -> Any:
    return html.Div("Asking the rules what could be considered …", className="quiet waiting")

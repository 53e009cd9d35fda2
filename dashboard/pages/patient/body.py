"""What the patient's page shows: its sections in their order, the card with the chart, and its dialogs."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.components.accessible import aria
from dashboard.components.dates import short_day
from dashboard.components.graph import graph
from dashboard.components.states import empty_state, notice
from dashboard.figures.timeline import timeline
from dashboard.figures.timeline.data import starting_range
from dashboard.patient import ABOVE_DIALOGS, GRAPH, LATE, WHO_ACTS, own_thresholds, taken
from dashboard.patient.advice import response_section
from dashboard.patient.alert_cards import alerts_section, could_not_tell_section
from dashboard.patient.antibodies import antibodies_section
from dashboard.patient.banner import banner, since_card
from dashboard.patient.labs_and_steroid import labs_section, steroid_section
from dashboard.patient.sheets import flowsheet, score_note, visit_sheet
from dashboard.patient.skin_and_lung import skin_and_lung_section
from dashboard.patient.view import PatientView, reviewed_today, timeline_data
from dashboard.secure import DECIDERS, Current
from models.vocabulary import answers


def chart_card(view: PatientView, *, shown: str = "", scale: str = "times", as_table: bool = False) -> html.Section:
    """The time axis with its switches, and the same numbers as a table."""
    data = timeline_data(view)
    if data.is_empty:
        nothing = empty_state(
            "Nothing on file yet",
            "Scores, results, treatments and events will stand here on one time axis. They come with the next import, "
            "or can be typed in with “Add to record”.",
        )
        # The switches that redrawing reads are not there yet: empty stores stand for them.
        unset = [dcc.Store(id=f"patient-{name}") for name in ("range", "scale", "table")]
        return html.Section([nothing, *unset], className="card chart")
    choice = shown or starting_range(data)
    figure = timeline(data, scale="units" if scale == "units" else "times", shown=choice)
    drawn = "Strength, CK, troponin, skin, lung, steroid dose, treatments, events and alerts"
    label = f"{drawn} of {view.patient.name} over time"
    ranges = [
        {"value": key, "label": text} for key, text in (("3m", "3 m"), ("6m", "6 m"), ("1y", "1 y"), ("all", "All"))
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Course", className="only-read"),
                    _segments("patient-range", choice, ranges, "Time shown"),
                    _segments(
                        "patient-scale",
                        scale,
                        [{"value": "times", "label": "× limit"}, {"value": "units", "label": "U/L"}],
                        "Scale of CK",
                    )
                    if len(data.enzyme)
                    else dcc.Store(id="patient-scale", data="times"),
                    html.Span(className="grow"),
                    dmc.DateInput(
                        id="patient-known",
                        value=view.past.isoformat() if view.past else None,
                        placeholder="As known on …",
                        valueFormat="D MMM YYYY",
                        size="xs",
                        clearable=True,
                        className="known",
                        **aria(label="Show what was known on a day"),
                    ),
                    _segments(
                        "patient-table",
                        "table" if as_table else "chart",
                        [{"value": "chart", "label": "Chart"}, {"value": "table", "label": "Table"}],
                        "Chart or table",
                    ),
                ],
                className="chart-head",
            ),
            html.Div(
                graph(figure, id=GRAPH, label=label, height=int(figure.layout.height)),
                id="patient-chart",
                hidden=as_table,
            ),
            html.Div(flowsheet(view) if as_table else None, id="patient-numbers", hidden=not as_table),
            *([html.P(note, className="quiet small")] if (note := score_note(view)) else []),
        ],
        className="card chart",
        **aria(label="Course"),
    )


def _segments(id: str, value: str, data: list[dict[str, str]], label: str) -> Any:
    return dmc.SegmentedControl(id=id, value=value, data=data, size="xs", **aria(label=label))


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


def dialogs() -> list[Any]:
    """All of them."""
    code = dmc.Select(
        id="patient-act-code", label="Reason", data=[], size="sm", allowDeselect=False, comboboxProps=ABOVE_DIALOGS
    )
    until = dmc.DateInput(
        id="patient-act-until", label="Until", valueFormat="YYYY-MM-DD", size="sm", popoverProps=ABOVE_DIALOGS
    )
    note = dmc.Textarea(id="patient-act-note", label="Note", size="sm", autosize=True, minRows=2, value="")
    act = html.Div(
        [
            html.Div(code, id="patient-act-code-box"),
            html.Div(until, id="patient-act-until-box"),
            note,
            html.Div(id="patient-act-said", role="alert", className="form-said"),
            _save("patient-act-save"),
        ],
        className="form-stack",
    )
    fact = html.Div(
        [
            html.Div(
                dmc.TextInput(id="patient-fact-value", label="Right value", size="sm", value=""),
                id="patient-fact-value-box",
            ),
            dmc.Textarea(
                id="patient-fact-reason", label="Why it is wrong", size="sm", autosize=True, value="", required=True
            ),
            html.Div(id="patient-fact-said", role="alert", className="form-said"),
            _save("patient-fact-save"),
        ],
        className="form-stack",
    )
    decide = html.Div(
        [
            dmc.Select(
                id="patient-decision",
                label="Decided",
                data=[],
                size="sm",
                allowDeselect=False,
                comboboxProps=ABOVE_DIALOGS,
            ),
            html.Div(
                dmc.Select(
                    id="patient-decision-reason",
                    label="Reason",
                    data=[{"value": key, "label": row.label} for key, row in answers("decline").items()],
                    size="sm",
                    comboboxProps=ABOVE_DIALOGS,
                ),
                id="patient-decision-reason-box",
            ),
            dmc.Textarea(id="patient-decision-note", label="Note", size="sm", autosize=True, minRows=2, value=""),
            html.Div(id="patient-decision-said", role="alert", className="form-said"),
            _save("patient-decision-save"),
        ],
        className="form-stack",
    )
    return [
        _modal("patient-act-modal", "Alert", act),
        _modal("patient-decision-modal", "Decision", decide),
        _modal("patient-entry-modal", "Add to record", html.Div(id="patient-entry-box"), size="lg"),
        dmc.Drawer(
            html.Div(id="patient-entries-box"),
            id="patient-entries",
            position="right",
            size="xl",
            padding="md",
            title="Entries on file",
            opened=False,
        ),
        _modal("patient-fact-modal", "Entry", fact),
    ]


def _save(id: str) -> html.Div:
    return html.Div(html.Button("Save", id=id, type="button", className="button", n_clicks=0), className="form-end")


def _modal(id: str, title: str, content: Any, size: str = "md") -> Any:
    return dmc.Modal(content, id=id, title=title, opened=False, centered=size == "md", size=size, zIndex=410)

"""The four forms of entry: score, result, drug, event; and their fields."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.formats import number
from dashboard.patient import ABOVE_DIALOGS
from models.event import CONFIRMED
from models.vocabulary import (
    INTENTS,
    ROUTES,
    STEROID_ROUTES_NOT_COUNTED,
    accepted_units,
    drugs,
    events,
    frequencies,
    measures,
    vocabulary,
    written_unit,
)

KINDS = ("score", "result", "drug", "event")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "score": ("measure", "value", "observed_at", "assessor", "comment"),
    "result": ("measure", "value", "unit", "upper_limit", "lower_limit", "assay", "observed_at", "comment"),
    "drug": ("current", "drug", "dose", "unit", "frequency", "route", "intent", "start_date", "end_date"),
    "event": ("event", "date", "end_date", "present", "detail"),
}
"""The fields of each form; all but `current` are columns of the canonical rows."""

DRUG_FIELDS: Mapping[str, tuple[str, ...]] = {
    "start": ("drug", "dose", "unit", "frequency", "route", "intent", "start_date", "end_date"),
    "change": ("current", "dose", "unit", "frequency", "start_date"),
    "stop": ("current", "end_date"),
}
DOSE_UNITS = ("mg", "g", "mg/kg", "g/kg", "mg/m2")


def field_id(kind: str, field: str) -> str:
    """The id of a form's field."""
    return f"patient-{kind}-{field}"


def choice_field(kind: str, field: str, label: str, data: Any, value: str | None = None, **more: Any) -> Any:
    """A field with a list to choose from."""
    return dmc.Select(
        id=field_id(kind, field),
        label=label,
        data=data,
        value=value,
        size="sm",
        comboboxProps=ABOVE_DIALOGS,
        **({"searchable": True} | more),
    )


def day_field(kind: str, field: str, label: str, value: dt.date | None, **more: Any) -> Any:
    """A field for a day."""
    return dmc.DateInput(
        id=field_id(kind, field),
        label=label,
        value=value.isoformat() if value else None,
        valueFormat="YYYY-MM-DD",
        size="sm",
        clearable=value is None,
        popoverProps=ABOVE_DIALOGS,
        **more,
    )


def text_field(kind: str, field: str, label: str, **more: Any) -> Any:
    """A field for words or a number."""
    return dmc.TextInput(id=field_id(kind, field), label=label, value="", size="sm", **more)


def form_end(kind: str) -> list[Any]:
    """Where a form says what is wrong, and its button."""
    return [
        html.Div(id=f"patient-{kind}-said", role="alert", className="form-said"),
        html.Div(
            html.Button("Save", id=f"patient-{kind}-save", type="button", className="button", n_clicks=0),
            className="form-end",
        ),
    ]


def forms(today: dt.date, running: Sequence[tuple[int, str]], weight: float | None) -> Any:
    """The four forms as tabs. `running` are the current medication statements: id and words."""
    return dmc.Tabs(
        [
            dmc.TabsList(
                [
                    dmc.TabsTab(text, value=kind)
                    for kind, text in zip(KINDS, ("Score", "Result", "Drug", "Event"), strict=True)
                ]
            ),
            dmc.TabsPanel(_score_form(today), value="score", pt="sm"),
            dmc.TabsPanel(_result_form(today), value="result", pt="sm"),
            dmc.TabsPanel(_drug_form(today, running, weight), value="drug", pt="sm"),
            dmc.TabsPanel(_event_form(today), value="event", pt="sm"),
        ],
        value="score",
        id="patient-entry-tabs",
        keepMounted=True,
    )


def _score_form(today: dt.date) -> Any:
    kinds = {"strength", "global", "function", "skin"}
    names = [key for key, row in measures().items() if row.kind in kinds and key not in vocabulary().retired]
    options = [
        {"value": key, "label": f"{measures()[key].short_label} (of {number(measures()[key].max_value or 0)})"}
        for key in names
    ]
    return html.Div(
        [
            html.Div(
                [
                    choice_field("score", "measure", "Instrument", options, "cmas", allowDeselect=False),
                    day_field("score", "observed_at", "Day", today),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    text_field("score", "value", "Total", inputProps={"inputMode": "decimal"}),
                    text_field("score", "assessor", "Assessor", description=None),
                ],
                className="form-row",
            ),
            html.Details(
                [html.Summary("Enter item by item, the total is worked out"), html.Div(id="patient-items")],
                id="patient-items-box",
            ),
            html.Div(id="patient-items-said", role="status"),
            text_field("score", "comment", "Comment"),
            *form_end("score"),
        ],
        className="form-stack",
    )


def _result_form(today: dt.date) -> Any:
    kinds = {"laboratory": "Laboratory", "body": "Body", "respiratory": "Breathing"}
    data = [
        {
            "group": title,
            "items": [
                {"value": key, "label": row.label}
                for key, row in measures().items()
                if row.kind == kind and key not in vocabulary().retired
            ],
        }
        for kind, title in kinds.items()
    ]
    return html.Div(
        [
            html.Div(
                [
                    choice_field("result", "measure", "Test", data, "ck", allowDeselect=False),
                    day_field("result", "observed_at", "Day taken", today),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    text_field("result", "value", "Value", placeholder="may begin with < or >"),
                    choice_field("result", "unit", "Unit", unit_options("ck"), "U/L", allowDeselect=False),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    text_field("result", "upper_limit", "Upper limit on the report"),
                    text_field("result", "lower_limit", "Lower limit"),
                ],
                className="form-row",
            ),
            html.Div(
                [text_field("result", "assay", "Assay"), text_field("result", "comment", "Comment")],
                className="form-row",
            ),
            *form_end("result"),
        ],
        className="form-stack",
    )


def _drug_form(today: dt.date, running: Sequence[tuple[int, str]], weight: float | None) -> Any:
    current = [{"value": str(one), "label": text} for one, text in running]
    words = {key: row.label for key, row in frequencies().items()}
    note = f"Last weight {number(weight)} kg" if weight else "No weight on file: doses per kg cannot be worked out"
    return html.Div(
        [
            dmc.SegmentedControl(
                id="patient-drug-mode",
                value="start",
                data=[
                    {"value": "start", "label": "Start"},
                    {"value": "change", "label": "Change dose"},
                    {"value": "stop", "label": "Stop"},
                ],
                size="xs",
            ),
            html.Div(
                choice_field("drug", "current", "Which", current, nothingFoundMessage="Nothing is being taken"),
                id="patient-drug-current-box",
                hidden=True,
            ),
            html.Div(
                choice_field(
                    "drug", "drug", "Drug", [{"value": key, "label": row.label} for key, row in drugs().items()]
                ),
                id="patient-drug-drug-box",
            ),
            html.Div(
                [
                    text_field("drug", "dose", "Dose", inputProps={"inputMode": "decimal"}),
                    choice_field("drug", "unit", "Unit", list(DOSE_UNITS), "mg", allowDeselect=False, searchable=False),
                    choice_field(
                        "drug",
                        "frequency",
                        "How often",
                        [{"value": key, "label": text} for key, text in words.items()],
                        "daily",
                        allowDeselect=False,
                        searchable=False,
                    ),
                ],
                className="form-row",
                id="patient-drug-dose-box",
            ),
            html.Div(
                [
                    choice_field(
                        "drug", "route", "Route", _route_options(), "oral", allowDeselect=False, searchable=False
                    ),
                    choice_field(
                        "drug", "intent", "Given as", sorted(INTENTS), "daily", allowDeselect=False, searchable=False
                    ),
                ],
                className="form-row",
                id="patient-drug-route-box",
            ),
            html.Div(
                [
                    html.Div(day_field("drug", "start_date", "First day", today), id="patient-drug-start-box"),
                    html.Div(
                        day_field("drug", "end_date", "Last day taken (empty: continuing)", None),
                        id="patient-drug-end-box",
                    ),
                ],
                className="form-row",
            ),
            html.P(note, className="quiet small"),
            *form_end("drug"),
        ],
        className="form-stack",
    )


def _route_options() -> list[dict[str, str]]:
    counted = sorted(ROUTES - STEROID_ROUTES_NOT_COUNTED, key=("oral", "iv", "sc", "im").index)
    return [{"value": key, "label": key} for key in (*counted, *sorted(STEROID_ROUTES_NOT_COUNTED))]


def _event_form(today: dt.date) -> Any:
    titles = {"symptom": "Symptoms", "procedure": "Procedures", "screening": "Screening", "condition": "Conditions"}
    groups: dict[str, list[dict[str, str]]] = {}
    for key, row in events().items():
        if key == CONFIRMED:
            continue  # It has its own button, beside the drug.
        groups.setdefault(titles.get(row.kind, "Other"), []).append({"value": key, "label": row.label})
    data = [{"group": title, "items": items} for title, items in groups.items()]
    return html.Div(
        [
            html.Div(
                [
                    choice_field("event", "event", "Event", data),
                    choice_field(
                        "event",
                        "present",
                        "Present",
                        [{"value": "yes", "label": "yes"}, {"value": "no", "label": "no: asked and absent"}],
                        "yes",
                        allowDeselect=False,
                        searchable=False,
                    ),
                ],
                className="form-row",
            ),
            html.Div(
                [day_field("event", "date", "Day", today), day_field("event", "end_date", "Until (if over)", None)],
                className="form-row",
            ),
            text_field("event", "detail", "Detail"),
            *form_end("event"),
        ],
        className="form-stack",
    )


def unit_options(measure: str) -> list[dict[str, str]]:
    """The units a measure may come in, its own first; a pure score says so."""
    known = list(dict.fromkeys([measures()[measure].unit, *accepted_units(measure)]))
    return [{"value": unit or "-", "label": written_unit(unit) or "no unit"} for unit in known]

"""The fields of the forms of entry: which there are, and what they look like."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

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
_POPUP = {"zIndex": 430}


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
        comboboxProps=_POPUP,
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
        popoverProps=_POPUP,
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

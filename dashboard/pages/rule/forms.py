"""The forms for a new threshold or status of a rule."""

import datetime as dt
from dataclasses import Field
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.components.badges import mark_tag
from dashboard.pages.rule.names import FROM, MRN, REASON, RESET, SAVE, STATUS, UNTIL, VALUE, WHAT
from dashboard.pages.rule.words import range_words, value_words
from dashboard.pages.rules.status import STATUS_WORDS
from jobs.rule import Rule
from jobs.thresholds import Thresholds


def threshold_form(shown: Rule, field: Field[Any], thresholds: Thresholds, today: dt.date) -> Any:
    """A value, from when, for whom, until when, why."""
    meta = field.metadata
    value = getattr(thresholds.clinic[shown.key], field.name)
    label = (meta["meaning"][:1].upper() + meta["meaning"][1:]).replace("`", "")
    if meta["choices"]:
        entry: Any = dmc.Select(id=VALUE, label=label, value=value, data=list(meta["choices"]), allowDeselect=False)
    elif isinstance(field.default, bool):
        choices = [{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}]
        entry = dmc.Select(id=VALUE, label=label, value=str(value).lower(), data=choices, allowDeselect=False)
    else:
        entry = dmc.NumberInput(
            id=VALUE,
            label=label,
            description=f"{range_words(meta)} {meta['unit']}; default {value_words(field.default)}",
            value=value,
            min=meta["low"],
            max=meta["high"],
            allowDecimal=not isinstance(field.default, int),
            clampBehavior="none",
        )
    return html.Div(
        [
            dcc.Store(id=WHAT, data=field.name),
            entry,
            html.Div([mark_tag(meta["mark"]), " ", html.Span(meta["source"], className="sub")]),
            _from(today),
            dmc.TextInput(
                id=MRN,
                label="For one patient only",
                description="Record number; leave empty for the whole clinic.",
            ),
            dmc.DatePickerInput(
                id=UNTIL,
                label="Until, for one patient",
                description="A patient's own threshold always has an end.",
                minDate=today.isoformat(),
                valueFormat="D MMM YYYY",
                clearable=True,
            ),
            _why(),
            html.Div(
                [
                    html.Button("Back to default", id=RESET, className="button-quiet"),
                    html.Button("Save", id=SAVE, className="button"),
                ],
                className="form-end",
            ),
        ],
        className="form-stack",
    )


def status_form(shown: Rule, thresholds: Thresholds, today: dt.date) -> Any:
    """A status, from when, why."""
    return html.Div(
        [
            dcc.Store(id=WHAT, data=STATUS),
            dmc.Select(
                id=VALUE,
                label="Status",
                value=thresholds.status[shown.key],
                data=[{"value": key, "label": f"{words}: {title}"} for key, (words, title, _) in STATUS_WORDS.items()],
                allowDeselect=False,
            ),
            _from(today),
            # The same fields as for a threshold, so that one callback saves both; a status is the clinic's alone.
            html.Div([dmc.TextInput(id=MRN), dmc.DatePickerInput(id=UNTIL), html.Button(id=RESET)], hidden=True),
            _why(),
            html.Div(html.Button("Save", id=SAVE, className="button"), className="form-end"),
        ],
        className="form-stack",
    )


def _from(today: dt.date) -> Any:
    return dmc.DatePickerInput(
        id=FROM, label="From", value=today.isoformat(), minDate=today.isoformat(), valueFormat="D MMM YYYY"
    )


def _why() -> Any:
    return dmc.Textarea(
        id=REASON,
        label="Reason",
        description="Kept with your name and the date.",
        required=True,
        autosize=True,
        minRows=2,
    )

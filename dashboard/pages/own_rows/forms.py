"""The forms to add, change, end or bring back an own row."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.pages.own_rows.words import (
    ADD,
    ALTER,
    END,
    FIELD,
    FROM,
    OUTCOME,
    POLL,
    REASON,
    RETURN,
    SAVE,
    TRIAL,
    TRY,
    WHAT,
    WORDS,
    name_of_row,
    what_it_says,
)
from dashboard.secure import Current
from jobs.own_rows import (
    own_rows,
)
from models.alert_lifecycle import present_day
from models.database import reading
from models.errors import ActionRefused
from models.own_vocabulary import Version, words_of
from models.vocabulary import DRUG_CLASSES, vocabulary
from models.vocabulary.own import FIELDS, Kind, OwnField

POLL_MS = 700


def form_for(here: Current, act: str, kind: Kind, row: str) -> tuple[str, Any]:
    """The title and the form of an action on a row (a key, or the number of a version to go back to).

    Raises:
        ActionRefused: there is no such row.
    """
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        found = own_rows(session, today)
    cells: Mapping[str, str] = {}
    shown: Version | None = None
    if act != ADD:
        shown = next(
            (
                version
                for one in found
                for version in (one.history if act == RETURN else (one.holds or one.newest,))
                if (str(version.id) if act == RETURN else version.key) == row and version.kind == kind
            ),
            None,
        )
        if shown is None:
            raise ActionRefused("This row is not on record any more. Reload the page.")
        cells = shown.cells
    with words_of(here.engine, today):
        entries: list[Any] = []
        if act in (ADD, ALTER):
            entries = [
                _entry(field, cells.get(field.name, ""), kind, fixed=_fixed(act, kind, field)) for field in FIELDS[kind]
            ]
        elif shown is not None:
            entries = [html.P([html.B(name_of_row(kind, shown.key, cells)), f": {what_it_says(kind, cells)}"])]
    titles = {
        ADD: f"Add a {WORDS[kind]}",
        ALTER: f"Change a {WORDS[kind]}",
        END: f"End a {WORDS[kind]}",
        RETURN: "Back to an earlier version",
    }
    form = html.Div(
        [
            dcc.Store(id=WHAT, data={"act": act, "kind": kind, "row": row}),
            dcc.Store(id=TRIAL),
            dcc.Interval(id=POLL, interval=POLL_MS, disabled=True),
            html.Div(entries, className="form-pairs" if act in (ADD, ALTER) else None),
            dmc.DatePickerInput(
                id=FROM, label="From", value=today.isoformat(), minDate=today.isoformat(), valueFormat="D MMM YYYY"
            ),
            dmc.Textarea(
                id=REASON,
                label="Reason",
                description="Kept with your name and the date.",
                required=True,
                autosize=True,
                minRows=2,
            ),
            html.Div(id=OUTCOME, role="status"),
            html.Div(
                [
                    html.Button("Check", id=TRY, className="button-quiet"),
                    html.Button("Save", id=SAVE, className="button", disabled=True),
                ],
                className="form-end stays",
            ),
        ],
        className="form-stack",
    )
    return titles[act], form


def _fixed(act: str, kind: Kind, field: OwnField) -> bool:
    """Whether a field is part of what the row is, and stays when it is changed."""
    parts = {"measure": ("key",), "drug": ("key",), "monitoring": ("treatment", "test", "only_if", "from_day")}
    return act == ALTER and field.name in parts[kind]


def _entry(field: OwnField, value: str, kind: Kind, *, fixed: bool) -> Any:
    common: dict[str, Any] = {
        "id": {"type": FIELD, "name": field.name},
        "label": field.label,
        "description": field.means[:1].upper() + field.means[1:] + ".",
        "required": field.needed,
        "disabled": fixed,
    }
    if field.choices:
        data = [{"value": choice, "label": choice} for choice in field.choices]
        return dmc.Select(value=value or field.choices[0], data=data, allowDeselect=False, **common)
    if field.name == "classes":
        return dmc.MultiSelect(
            value=value.split(";") if value else [], data=sorted(DRUG_CLASSES), searchable=True, **common
        )
    if (kind, field.name) == ("monitoring", "treatment"):
        return dmc.Select(value=value or None, data=_treatments(), searchable=True, **common)
    if (kind, field.name) == ("monitoring", "test"):
        return dmc.Select(value=value or None, data=_tests(), searchable=True, **common)
    if (kind, field.name) == ("monitoring", "only_if"):
        return dmc.Select(value=value or None, data=_conditions(), searchable=True, clearable=True, **common)
    return dmc.TextInput(value=value, **common)


def _treatments() -> list[dict[str, Any]]:
    known = vocabulary()
    classes = sorted(DRUG_CLASSES - set(known.drugs))
    return [
        {"group": "Groups", "items": [{"value": "active-treatment", "label": "Any active treatment"}]},
        {
            "group": "Classes",
            "items": [{"value": name, "label": name.replace("-", " ")} for name in classes],
        },
        {"group": "Drugs", "items": [{"value": row.key, "label": row.label} for row in known.drugs.values()]},
        {
            "group": "Conditions on record",
            "items": [
                {"value": row.key, "label": row.label}
                for row in known.events.values()
                if row.kind in ("condition", "symptom")
            ],
        },
    ]


def _tests() -> list[dict[str, Any]]:
    known = vocabulary()
    alone = [row for row in known.measures.values() if row.key not in known.tests and row.key not in known.retired]
    return [
        {
            "group": "Tests",
            "items": [
                {"value": row.key, "label": row.label} for row in known.tests.values() if row.key not in known.retired
            ],
        },
        {"group": "Measures", "items": [{"value": row.key, "label": row.label} for row in alone]},
    ]


def _conditions() -> list[dict[str, Any]]:
    known = vocabulary()
    conditions = [row for row in known.events.values() if row.kind == "condition"]
    return [
        {"group": "Age", "items": [{"value": "child", "label": "child"}, {"value": "adult", "label": "adult"}]},
        {
            "group": "On record",
            "items": [{"value": row.key, "label": row.label} for row in conditions],
        },
        {
            "group": "Positive result",
            "items": [
                {"value": row.key, "label": row.label} for row in known.measures.values() if row.family == "presence"
            ],
        },
    ]

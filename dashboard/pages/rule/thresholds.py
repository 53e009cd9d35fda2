"""The thresholds of a rule: in use, by default, and those that patients have of their own."""

import datetime as dt
from typing import Any

from dash import dcc, html

from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.tables import table
from dashboard.pages.rule.names import CHANGE
from dashboard.pages.rule.words import as_sentence, range_words, value_words, with_values
from dashboard.pages.rules.rule_list import UNCERTAIN
from jobs.provenance import Number, all_numbers
from jobs.rule import Rule
from jobs.thresholds import Thresholds


def thresholds_part(
    shown: Rule, thresholds: Thresholds, changes: list[dict[str, Any]], may: bool, today: dt.date
) -> Any:
    """Each threshold with the value in use, its default, its range and its source."""
    fields = shown.parameter_fields()
    if not fields:
        return html.Section([html.H2("Thresholds"), html.P("This rule has none.")], className="part")
    clinic = thresholds.clinic[shown.key]
    numbers = {one.name: one for one in all_numbers() if one.owner == shown.key}
    lines = []
    for field in fields:
        meta, value = field.metadata, getattr(clinic, field.name)
        same = value == field.default
        cells: list[Any] = [
            ([html.Span(with_values(as_sentence(meta["meaning"]))), html.Code(field.name, className="key")], "wide"),
            (html.Span(value_words(value), className="" if same else "changed"), "nowrap"),
            (meta["unit"], ""),
            (value_words(field.default), "nowrap"),
            (range_words(meta), "nowrap"),
            (
                [
                    mark_tag(meta["mark"]),
                    html.Span(meta["source"], className="sub block"),
                    _checked(numbers[field.name], today),
                ],
                "",
            ),
        ]
        if may:
            cells.append(
                (html.Button("Change…", id={"type": CHANGE, "name": field.name}, className="row-button"), "act")
            )
        lines.append(cells)
    unsure = sum(field.metadata["mark"] in UNCERTAIN for field in fields)
    own = [
        change
        for change in changes
        if change["mrn"] and change["valid_from"] <= today and (change["expires_on"] or today) >= today
    ]
    return html.Section(
        [
            html.H2("Thresholds"),
            html.P(
                f"{unsure} of {len(fields)} are site settings or to be verified; the mark beside each says which."
                if unsure
                else "Every one was read in the source beside it."
            ),
            table(
                ["Meaning", "Now", "Unit", "Default", "Range", "Known", *([""] if may else [])],
                lines,
                label="Thresholds",
                kind="cards",
            ),
            html.P(
                [html.B("Patients with thresholds of their own: "), _own(own, thresholds, shown, today)],
                className="more",
            )
            if own
            else None,
        ],
        className="part",
    )


def _checked(number: Number, today: dt.date) -> Any:
    """Until when the source of a threshold holds as read; who read it, on pointing."""
    due = number.next_review
    late = due is None or due <= today
    text = "review due" if late else f"review {short_day(due, today)}"
    return html.Span(text, className="sub block", title=f"Checked by: {number.checked_by}.")


def _own(changes: list[dict[str, Any]], thresholds: Thresholds, shown: Rule, today: dt.date) -> Any:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for one in changes:
        newest.setdefault((one["mrn"], one["parameter"]), one)
    told: list[Any] = []
    for (mrn, name), one in newest.items():
        if one["value"] is None:
            continue
        told += [
            "; " if told else "",
            dcc.Link(mrn, href=f"/patients/{mrn}"),
            f" {name.replace('_', ' ')} {value_words(one['value'])} until {short_day(one['expires_on'], today)}",
        ]
    return html.Span(told or "none at present")

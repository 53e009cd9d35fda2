"""What is on file of a patient, entry by entry, and which drugs go on."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.components.dates import short_day
from dashboard.patient.view import dose_text
from models.medication import MedicationStatement
from models.patient_record import FactOnFile
from models.vocabulary import (
    drug,
    events,
    measures,
)


def running_statements(rows: Sequence[MedicationStatement], today: dt.date) -> list[tuple[int, str]]:
    """Statements that go on, for the lists of what can be changed or stopped."""
    found = []
    for row in rows:
        if row.known_to is not None or row.status != "active" or row.frequency == "once":
            continue
        if row.end_on is not None and row.end_on < today:
            continue
        known = drug(row.drug)
        label = known.label if known else row.drug
        dose = dose_text(row.dose, row.unit, row.frequency)
        found.append((row.id or 0, f"{label} {dose}, since {short_day(row.start_on, today)}"))
    return found


def record_table(rows: Sequence[FactOnFile], today: dt.date) -> Any:
    """Every current entry with where it came from, and the way to take it back or correct it."""
    if not rows:
        return html.P("Nothing on file yet.", className="quiet")
    return html.Table(
        [
            html.Thead(
                html.Tr(
                    [
                        *[html.Th(text) for text in ("Day", "Entry", "Value", "From")],
                        html.Th(html.Span("Change", className="only-read")),
                    ]
                )
            ),
            html.Tbody([_record_row(row, today) for row in rows]),
        ],
        className="plain record",
    )


def _record_row(row: FactOnFile, today: dt.date) -> html.Tr:
    if row.kind == "o":
        label = measures()[row.what].short_label if row.what in measures() else row.what
    elif row.kind == "m":
        known = drug(row.what)
        label = known.label if known else row.what
    else:
        label = events()[row.what].label if row.what in events() else row.what
    gone = row.status in {"entered-in-error", "cancelled"}
    who = row.entered_by or row.sender
    buttons: list[Any] = [html.Span("withdrawn", className="quiet")] if gone else []
    if not gone:
        if row.kind == "o" and row.status != "not-done":
            buttons.append(_record_button(row, "correct", "Correct"))
        buttons.append(_record_button(row, "withdraw", "Withdraw"))
    return html.Tr(
        [
            html.Td(short_day(row.day, today), className="nowrap"),
            html.Td([label, html.Small(f" {row.detail}", className="quiet") if row.detail else None]),
            html.Td(f"{row.value} {row.unit}".strip(), className="nowrap"),
            html.Td(who, className="quiet"),
            html.Td(buttons, className="row-actions"),
        ],
        className="gone" if gone else None,
    )


def _record_button(row: FactOnFile, act: str, text: str) -> html.Button:
    return html.Button(
        text,
        id={"type": "patient-fact", "kind": row.kind, "fact": row.id, "act": act},
        className="button-quiet",
        type="button",
    )

"""Skin and lung of one patient beside the chart: the last value of each measure, and how it stands to those before."""

from typing import Any

from dash import html

from dashboard.components.dates import short_day
from dashboard.components.formats import number
from dashboard.components.states import section
from dashboard.patient.since_last_visit import ORGANS
from dashboard.patient.view import PatientView, as_day
from models.vocabulary import measures, written_unit

SHOWN = ("cdasi_activity", "fvc_percent", "dlco_percent", "oxygen_saturation", "ferritin")
BEFORE = 3
"""So many values before the last one are shown."""


def skin_and_lung_section(view: PatientView) -> html.Section | None:
    """None where nothing of skin or lung is on file."""
    rows = [row for key in SHOWN if (row := _row(view, key)) is not None]
    if not rows:
        return None
    head = html.Thead(html.Tr([html.Th("Measure"), html.Th("Last", className="num"), html.Th("On"), html.Th("Before")]))
    return section("Skin and lung", html.Table([head, html.Tbody(rows)], className="plain"), id="patient-organs")


def _row(view: PatientView, key: str) -> html.Tr | None:
    readings = view.readings(key)
    if readings.empty:
        return None
    known, latest = measures()[key], readings.iloc[-1]
    unit = f"of {number(known.max_value)}" if known.kind == "skin" and known.max_value else written_unit(known.unit)
    value = f"{latest['comparator']}{number(latest['value'])} {unit}"
    answer = view.assessment(ORGANS.get(key, ""), key)
    worse = answer is not None and answer["state"] == "met"
    before = readings[readings["day"] < latest["day"]]["value"].tolist()[-BEFORE:]
    return html.Tr(
        [
            html.Td(known.short_label.removesuffix(" %"), title=known.label),
            html.Td(
                [value, html.Span(" (worse)", className="only-read") if worse else None],
                className="num nowrap c-warn" if worse else "num nowrap",
                title=str(answer["explanation"]) if answer is not None and worse else None,
            ),
            html.Td(short_day(as_day(latest["day"]), view.as_of), className="nowrap"),
            html.Td(_before(before), className="nowrap quiet"),
        ]
    )


def _before(values: list[Any]) -> str:
    """The values before, oldest first."""
    return ", ".join(number(value) for value in values) or "none"

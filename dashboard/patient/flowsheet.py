"""The numbers of the chart as a table."""

import datetime as dt
from typing import Any

import pandas as pd
from dash import html

from dashboard.components.accessible import aria
from dashboard.components.dates import short_day
from dashboard.components.formats import number, times_limit
from dashboard.patient.view import PatientView, as_day, dose_text, rows_of
from models.event import CONFIRMED
from models.vocabulary import drug, events, measures

MAIN_MEASURES = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total", "ck", "troponin_t", "troponin_i")


def flowsheet(view: PatientView, *, most_days: int | None = None, main_only: bool = False) -> Any:
    """The numbers of the chart as a table: a row a day, newest first; columns as far as there are values.

    `main_only` leaves out everything but strength, CK, troponin and steroid, for the printed sheet.
    """
    names = measures()
    present = [key for key in names if len(view.readings(key))]
    columns = [key for key in MAIN_MEASURES if key in present]
    others = [] if main_only else [key for key in present if key not in columns]
    cells: dict[dt.date, dict[str, list[str]]] = {}

    def put(day: dt.date, column: str, text: str) -> None:
        cells.setdefault(day, {}).setdefault(column, []).append(text)

    for key in (*columns, *others):
        row = names[key]
        for reading in rows_of(view.readings(key)):
            text = f"{reading.comparator}{number(reading.value, 2)}"
            if row.family == "presence":
                text = "positive" if reading.value else "negative"
            if key in columns:
                limit = reading.upper_limit
                if limit == limit:
                    text += f" ({times_limit(reading.value, limit)})"
                put(as_day(reading.day), key, text)
            else:
                put(as_day(reading.day), "other", f"{row.short_label} {text}{' ' + row.unit if row.unit else ''}")
    for event in rows_of(view.frames.events) if not main_only else ():
        if event.event == CONFIRMED:
            continue
        kind = events().get(str(event.event))
        label = kind.label if kind else str(event.event)
        put(as_day(event.day), "event", label if event.present else f"no {label.lower()}")
    for given in rows_of(view.frames.medications) if not main_only else ():
        known = drug(str(given.drug))
        label = known.label if known else str(given.drug)
        dose = dose_text(float(given.dose), str(given.unit), str(given.frequency))
        put(as_day(given.start), "event", f"{label} {dose}" + ("" if given.frequency == "once" else " from here"))
        if not pd.isna(given.end) and given.frequency != "once" and as_day(given.end) <= view.as_of:
            put(as_day(given.end), "event", f"{label} {dose} ended")
    if not cells:
        return html.P("Nothing on file yet.", className="quiet")
    days = sorted(cells, reverse=True)[:most_days]
    steroid = bool(view.steroid["segments"])
    heads = [html.Th("Day")]
    for key in columns:
        row = names[key]
        unit = f"of {number(row.max_value)}" if row.is_strength and row.max_value else row.unit
        heads.append(html.Th([row.short_label, html.Small(f" {unit}")], className="num"))
    heads += [html.Th(["Steroid", html.Small(" mg/d")], className="num")] if steroid else []
    heads += [html.Th("Other results")] if others else []
    heads += [] if main_only else [html.Th("Treatments and events")]
    body = []
    for day in days:
        found = cells[day]
        line: list[Any] = [html.Th(short_day(day, view.as_of), scope="row", className="nowrap")]
        line += [html.Td(", ".join(found.get(key, [])), className="num") for key in columns]
        line += [html.Td(_dose_text_on(view, day), className="num quiet")] if steroid else []
        line += [html.Td(", ".join(found.get("other", [])))] if others else []
        line += [] if main_only else [html.Td("; ".join(found.get("event", [])))]
        body.append(html.Tr(line))
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)], className="plain flowsheet"),
        className="scroll-x",
        tabIndex="0",
        role="region",
        **aria(label="All values by day"),
    )


def _dose_text_on(view: PatientView, day: dt.date) -> str:
    text = day.isoformat()
    dose = next((float(p["dose"]) for p in view.steroid["segments"] if p["start"] <= text <= p["end"]), 0.0)
    return number(dose)

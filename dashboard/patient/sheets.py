"""The numbers of the chart as a table, and the one page that is printed for a visit."""

import datetime as dt
from typing import Any

import pandas as pd
from dash import html

from dashboard.components.accessible import aria
from dashboard.components.dates import age, short_day
from dashboard.components.formats import number, times_limit
from dashboard.patient.banner import after_comma, length_of, sex_letter
from dashboard.patient.evidence import arrows, question_title
from dashboard.patient.since_last_visit import changes, compared_with
from dashboard.patient.taken import said_of
from dashboard.patient.view import PatientView, as_day, dose_text, rows_of, shown_alerts
from jobs.scores.cmas import age_note
from models.age import age_on
from models.event import CONFIRMED
from models.vocabulary import drug, events, measures, written_unit

MAIN_MEASURES = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total", "ck", "troponin_t", "troponin_i")


def score_note(view: PatientView) -> str:
    """What the age at the newest CMAS means for it; empty where nothing is to be said."""
    scores = view.readings("cmas")
    if not len(scores):
        return ""
    day = as_day(scores["day"].iloc[-1])
    note = age_note(age_on(view.patient.birth_date, day))
    return f"CMAS of {short_day(day, view.as_of)}: {note}" if note else ""


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
                put(
                    as_day(reading.day),
                    "other",
                    f"{row.short_label} {text}{' ' + written_unit(row.unit) if row.unit else ''}",
                )
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
        unit = f"of {number(row.max_value)}" if row.is_strength and row.max_value else written_unit(row.unit)
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


def visit_sheet(view: PatientView, today: dt.date) -> html.Section:
    """One printed page for the visit: who, what changed, what is taken, what to decide, room to write."""
    patient = view.patient
    rows = [alert for alert, _ in shown_alerts(view) if alert.ended_at is None and not alert.covered_by]
    late = [row for row in view.labs() if row["state"] == "met"]
    return html.Section(
        [
            html.H1(f"{patient.name} · {patient.mrn}"),
            html.P(
                " · ".join(
                    part
                    for part in (
                        age(patient.birth_date, view.as_of),
                        sex_letter(patient.sex),
                        patient.diagnosis,
                        f"born {patient.birth_date.isoformat()}" if patient.birth_date else "",
                        f"visit sheet of {view.as_of.isoformat()}",
                    )
                    if part
                )
            ),
            html.H2(f"Since {short_day(compared_with(view), view.as_of) or 'the beginning'}"),
            html.Ul(
                [
                    html.Li([html.B(f"{one.label}: "), one.text, f" ({one.detail})" if one.detail else ""])
                    for one in changes(view)
                ]
            ),
            html.H2("Takes"),
            html.P(
                "; ".join(
                    f"{one.label} {one.dose} ({length_of(one.start, view.as_of)}{after_comma(said_of(one, view))})"
                    for one in view.courses
                )
                or "nothing on file"
            ),
            html.H2("Alerts"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.B(f"{question_title(one.rule, one.subject)}: "),
                            arrows(one.explanation),
                            html.I(f" First: {one.suggested_action}.") if one.suggested_action else "",
                        ]
                    )
                    for one in rows[:6]
                ]
            )
            if rows
            else html.P("none"),
            html.H2("Tests overdue"),
            html.P(", ".join(str(row["numbers"].get("label") or row["subject"]) for row in late) or "none"),
            html.H2("Last values"),
            flowsheet(view, most_days=6, main_only=True),
            *([html.P(note)] if (note := score_note(view)) else []),
            html.H2("Decided today"),
            html.Div(className="lines"),
            html.P("Signature and date ______________________________"),
        ],
        className="sheet",
        **aria(hidden="true"),
    )

"""The sections of monitoring and of the steroid: tests that are due; today's dose, the course, the plan."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from dashboard.components.dates import day_and_ago, short_day
from dashboard.components.formats import number
from dashboard.components.states import section
from dashboard.patient.evidence import thing_label
from dashboard.patient.taken import said_of
from dashboard.patient.view import Course, PatientView, is_supportive
from jobs.phrasing import day_of
from jobs.taper import plan_standing
from models.vocabulary import drug, no_monitoring

DUE_WORDS = {
    "not_due": "not due",
    "due": "due today",
    "grace": "due, in grace",
    "overdue": "overdue",
    "never_measured": "never measured",
    "not_possible": "not possible",
    "paused": "paused",
}


def labs_section(view: PatientView) -> html.Section | None:
    """The tests the treatment requires, each in one of seven states, and the drugs that ask for none."""
    rows = view.labs()
    silent = _unmonitored(view.courses)
    if not rows and silent is None:
        return None
    late = sum(row["state"] == "met" for row in rows)
    listed = html.Table(
        [
            html.Thead(html.Tr([html.Th("Test"), html.Th("State"), html.Th("Due"), html.Th("Last")])),
            html.Tbody([_lab(row, view.as_of) for row in rows]),
        ],
        className="plain",
    )
    return section(
        "Labs due",
        html.Div([listed if rows else None, silent]),
        note=f"{late} overdue" if late else "none overdue" if rows else "",
    )


def _unmonitored(taken: Sequence[Course]) -> html.P | None:
    """`No monitoring known: Wonderdrug`, each with the reason; drugs that only supplement are left out."""
    said: list[Any] = []
    for course in taken:
        known = drug(course.drug)
        if known is not None and is_supportive(known.key):
            continue
        row = no_monitoring(known) if known else None
        why = row.because if row else "in no table of ours" if known is None else ""
        if why:
            said += [", " if said else "No monitoring known: ", html.Span(course.label, title=why)]
    return html.P(said, className="quiet small") if said else None


def _lab(row: Mapping[str, Any], today: dt.date) -> html.Tr:
    numbers = row["numbers"]
    state = "cannot_tell" if row["state"] == "cannot_tell" else str(numbers.get("due_state", ""))
    word = "cannot tell" if state == "cannot_tell" else DUE_WORDS.get(state, state)
    late = row["state"] == "met"
    last = day_of(numbers.get("last_day") or None) if numbers.get("measured") else None
    why = f"every {int(numbers.get('interval_days') or 0)} days for {numbers.get('treatment', '')}"
    note = row["cannot_tell_because"] or numbers.get("note") or ""
    return html.Tr(
        [
            html.Td(str(numbers.get("label") or thing_label(row["subject"])).split(" (")[0], title=why),
            html.Td(
                word, className="nowrap c-warn" if late or state == "cannot_tell" else "nowrap", title=note or None
            ),
            html.Td(short_day(row["due"], today), className="nowrap"),
            html.Td(short_day(last, today) or "never", className="nowrap quiet"),
        ]
    )


def steroid_section(view: PatientView) -> html.Section | None:
    """Dose, days at high dose, the day on which the 28-day line will be crossed, the agreed taper, cumulative dose."""
    told = view.steroid
    if not told["segments"] and not told["unknown"] and not told["ignored"] and view.agreed is None:
        return None
    course, current, cumulative = told["course"], told["current"], told["cumulative"]
    dose = float(current["dose"])
    weight = told["weight"]
    rows: list[tuple[str, Any]] = []
    per_kg = f" ({number(dose / weight['kg'], 2)} mg/kg)" if dose and weight else ""
    since = day_of(current["since"])
    text = f"{number(dose)} mg/day{per_kg}" if dose else "none"
    rows.append(("Now", text + (f" since {short_day(since, view.as_of)}" if since else "")))
    high = int(course["high_days"])
    longest = int(course["longer_than_days"])
    if high:
        rows.append(
            ("High dose", f"{high} days in this course, began {short_day(day_of(course['start']), view.as_of)}")
        )
    crosses, crossed = day_of(told["next"]["crosses_on"]), day_of(course["crossed_on"])
    if crossed:
        rows.append(
            (f"{longest}-day line", html.Span(f"crossed {day_and_ago(crossed, view.as_of)}", className="c-warn"))
        )
    elif crosses and high >= 21:
        rows.append(
            (
                f"{longest}-day line",
                html.Span(f"will be crossed {day_and_ago(crosses, view.as_of)}", className="c-warn"),
            )
        )
    answer = view.assessment("prolonged-high-dose-steroids")
    rows.append(("Last 12 months", f"{number(cumulative['last_365_days_mg'], 0)} mg"))
    rows.append(("On file in all", f"{number(cumulative['total_mg'], 0)} mg"))
    rows += _plan_rows(view)
    notes: list[Any] = []
    steroids = [(one, told_) for one in view.courses if one.is_steroid and (told_ := said_of(one, view))]
    notes += [html.P(f"{one.label} {one.dose}: {old}.", className="quiet small") for one, old in steroids]
    if answer is not None and answer["state"] == "cannot_tell":
        notes.append(html.P(answer["cannot_tell_because"], className="c-warn"))
    notes += [html.P(f"{row['drug']}: {row['why']}", className="c-warn") for row in told["unknown"]]
    notes += [
        html.P(f"{thing_label(row['drug'])} is not counted: {row['why']}", className="quiet small")
        for row in told["ignored"]
    ]
    plan = html.Div(
        html.Button(
            "Taper plan",
            id="patient-taper-open",
            type="button",
            className="button-quiet",
            n_clicks=0,
        ),
        className="acts",
    )
    return section("Steroid", [definition_rows(rows), *_distinct(notes), plan], note="prednisone-equivalent")


def _plan_rows(view: PatientView) -> list[tuple[str, Any]]:
    """Where the patient stands against the agreed taper, and its next step."""
    if view.agreed is None:
        return []
    found = plan_standing(view.facts)
    rows: list[tuple[str, Any]] = []
    if found is not None:
        late = found.actual_mg > found.planned_mg and found.words != "on plan"
        text = f"{found.words} ({number(found.planned_mg)} mg planned)"
        rows.append(("Agreed plan", html.Span(text, className="c-warn" if late else None)))
        more = found.more_than_planned_mg
        if abs(more) >= 1:
            since = short_day(view.plan[0][0], view.as_of)
            rows.append(("Against plan", f"{number(abs(more), 0)} mg {'more' if more > 0 else 'less'} since {since}"))
    ahead = next(((day, mg) for day, mg in view.plan if day > view.as_of), None)
    if ahead:
        rows.append(("Planned next", f"{number(ahead[1])} mg/day from {short_day(ahead[0], view.as_of)}"))
    return rows


def _distinct(notes: Sequence[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for note in notes:
        seen.setdefault(str(note.children), note)
    return list(seen.values())


def definition_rows(rows: Sequence[tuple[str, Any]]) -> html.Dl:
    """Label and value, one pair a line."""
    return html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in rows], className="pairs")

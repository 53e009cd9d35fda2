"""The section of monitoring: which tests are due, and which treatments ask for none."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from dashboard.components.dates import short_day
from dashboard.components.states import section
from dashboard.patient.evidence import day_of
from dashboard.patient.subjects import thing_label
from dashboard.patient.view import Course, PatientView, is_supportive
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
    last = day_of(numbers.get("last_day")) if numbers.get("measured") else None
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

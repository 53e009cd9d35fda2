"""Labs due by patient: a row for each, the states as columns."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from sqlmodel import Session

from dashboard.components.accessible import aria
from dashboard.components.addresses import address
from dashboard.components.dates import day_and_ago, short_day
from dashboard.components.formats import number
from dashboard.components.states import empty_state
from dashboard.components.tables import table
from dashboard.pages.labs_due.labels import short_label
from dashboard.pages.labs_due.names import EXCUSE, PAGE
from dashboard.pages.labs_due.states import STATES, Row, patients_concerned
from dashboard.secure import ACTORS, Current
from models.labs_due import (
    Wanted,
    in_state,
    labs_rows,
    most_pressing,
    patients_by_state,
    patients_to_take,
)

ROWS_SHOWN = 150


def by_patient(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """One row a patient, the states as columns, most overdue first."""
    state = query.get("state", "")
    counts = patients_by_state(session, asked)
    chips = [
        ("", f"To take {number(patients_to_take(session, asked, today))}"),
        *((key, f"{STATES[key][0]} {number(counts[key])}") for key in STATES),
        ("all", "All"),
    ]
    line = html.Nav(
        [
            dcc.Link(
                words,
                href=address(PAGE.path, query, state=key),
                className="chip",
                title=STATES[key][1] if key in STATES else None,
            )
            if key != state
            else html.Span(words, className="chip here", **aria(current="true"))
            for key, words in chips
        ],
        className="chips",
        **aria(label="States"),
    )
    total = patients_concerned(session, asked, query, "patient", today)
    order = most_pressing(session, asked, in_state(state, today), ROWS_SHOWN)
    if not order:
        nothing = "No blood test is due" if not state else f"Nobody: {STATES.get(state, ('all',))[0].lower()}"
        return [line, empty_state(nothing, "Nobody within these filters has a test in this state.")]
    people: dict[int, list[Row]] = defaultdict(list)
    for row in labs_rows(session, asked, patient_ids=order):
        people[row["patient_id"]].append(row)
    columns = [key for key in STATES if any(row["state"] == key for found in people.values() for row in found)]
    may = here.may(ACTORS)
    lines = []
    for found in (people[who] for who in order):
        first = found[0]
        cells: list[Any] = [(_who(first), "who")]
        cells += [(_tests(found, key, today), f"state s-{key}") for key in columns]
        if may:
            cells.append(
                (
                    html.Button(
                        "Leave out…",
                        id={"type": EXCUSE, "mrn": first["mrn"]},
                        className="row-button",
                        title=f"Pause tests of {first['name']}, or record that they are not possible",
                    ),
                    "act",
                )
            )
        lines.append(cells)
    hidden = total - len(order)
    return [
        line,
        table(
            ["Patient", *(STATES[key][0] for key in columns), *([""] if may else [])],
            lines,
            label="Blood tests by patient, most overdue first",
            kind="cards states",
        ),
        html.P(f"{number(hidden)} more are not listed: narrow the filters.", className="quiet more")
        if hidden > 0
        else None,
    ]


def _who(row: Row) -> Any:
    return html.Div(
        [
            dcc.Link(row["name"], href=f"/patients/{row['mrn']}", className="name"),
            html.Span(row["mrn"], className="sub"),
        ]
    )


def _tests(found: list[Row], state: str, today: dt.date) -> Any:
    chosen = [row for row in found if row["state"] == state]
    if not chosen:
        return None
    if state == "not_due":
        soonest = min(chosen, key=lambda row: row["due"])
        names = ", ".join(short_label(row["label"]) for row in chosen)
        return html.Span(
            [f"{len(chosen)} ", html.Span(f"next {short_day(soonest['due'], today)}", className="sub")],
            title=f"{names}; next {short_label(soonest['label'])}",
        )
    together: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(chosen, key=lambda row: (row["due"] or today, row["label"])):
        together[_beside(row, today)].append(row)
    return html.Div(
        [
            html.Div(
                [", ".join(short_label(row["label"]) for row in group), " ", html.Span(beside, className="sub")],
                title="\n".join(_told(row, today) for row in group),
            )
            for beside, group in together.items()
        ]
    )


def _beside(row: Row, today: dt.date) -> str:
    """What stands beside a test's name: how late, until when, or why."""
    if row["state"] in ("paused", "not_possible"):
        return str(row["note"])
    if row["state"] == "cannot_tell":
        return f"due {short_day(row['due'], today)}"
    days = (today - row["due"]).days if row["due"] else 0
    return "today" if days == 0 else f"{days} d late" if days > 0 else f"in {-days} d"


def _told(row: Row, today: dt.date) -> str:
    last = f"last {day_and_ago(row['last'], today)}" if row["last"] else "never measured here"
    why = f"every {row['interval']} d by {row['treatment'].replace('-', ' ')}"
    return f"{row['label']}: due {day_and_ago(row['due'], today)}; {last}; {why}"

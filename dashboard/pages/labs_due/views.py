"""Labs due by patient, by test, by day, and as the list to print for whoever takes blood."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from sqlmodel import Session

from dashboard.components.accessible import aria
from dashboard.components.addresses import address
from dashboard.components.dates import age, ago, day_and_ago, short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import empty_state
from dashboard.components.tables import table
from dashboard.pages.labs_due.states import (
    EXCUSE,
    PAGE,
    SOON_DAYS,
    STATES,
    Row,
    last_day_of,
    patients_concerned,
    short_label,
)
from dashboard.secure import ACTORS, Current
from models.labs_due import (
    Wanted,
    in_state,
    intervals,
    labs_rows,
    most_pressing,
    patients_by_state,
    patients_to_take,
    tests_by_state,
    to_take,
)
from models.vocabulary import tests

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


def by_test(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """One row a test, patients counted by state; each count leads to those patients."""
    del here, today
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (test, state), count in tests_by_state(session, asked).items():
        counts[test][state] = count
    if not counts:
        return empty_state("No test fits these filters", "Choose another test, site or clinician.")
    every = intervals(session)
    known = tests()
    labels = {test: known[test].label if test in known else test for test in counts}
    order = sorted(counts, key=lambda test: (-counts[test]["overdue"], -counts[test]["grace"], labels[test]))

    def cell(test: str, state: str) -> Any:
        count = counts[test][state]
        if not count:
            return (html.Span("0", className="none"), f"s-{state}")
        href = address(PAGE.path, query, view="", test=test, state=state)
        return (dcc.Link(number(count), href=href), f"s-{state}")

    lines = [
        [
            (
                html.Div(
                    [
                        html.Span(short_label(labels[test]), className="name"),
                        html.Span(_inside(labels[test]), className="sub"),
                    ]
                ),
                "who",
            ),
            (_span(*every[test]), "nowrap"),
            *(cell(test, state) for state in STATES),
            number(sum(counts[test].values())),
        ]
        for test in order
    ]
    return table(
        ["Test", "Every", *(words for words, _ in STATES.values()), "Patients"],
        lines,
        label="Patients by test and state",
        numeric=range(2, 3 + len(STATES)),
        kind="matrix states",
    )


def _span(low: int, high: int) -> str:
    return f"{low} d" if low == high else f"{low} to {high} d"


def _inside(label: str) -> str:
    return label.partition(" (")[2].rstrip(")")


A_DAY_SHOWN = 150


def by_day(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """What falls due on each of the next fourteen days; what is late already stands on top."""
    del here, query
    last = today + dt.timedelta(days=SOON_DAYS)
    days: dict[dt.date | None, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in labs_rows(session, asked, which=to_take(last)):
        days[None if row["due"] < today else row["due"]][row["mrn"]].append(row)
    if not days:
        return empty_state("Nothing falls due", f"No test is due within {SOON_DAYS} days for anybody in these filters.")
    lines = []
    for day in sorted(days, key=lambda one: one or dt.date.min):
        people = days[day]
        words = "Late already" if day is None else f"{day:%a} {short_day(day, today)}"
        beside = "" if day is None else ago(day, today)
        who = [
            html.Div(
                [
                    dcc.Link(found[0]["name"], href=f"/patients/{mrn}"),
                    html.Span(f" {mrn} · {', '.join(short_label(row['label']) for row in found)}", className="sub"),
                ]
            )
            for mrn, found in list(people.items())[:A_DAY_SHOWN]
        ]
        if len(people) > A_DAY_SHOWN:
            more = f"and {number(len(people) - A_DAY_SHOWN)} more: narrow the filters, or print the list"
            who.append(html.Div(more, className="quiet"))
        lines.append(
            [
                (html.Div([html.Span(words, className="name"), html.Span(beside, className="sub")]), "who"),
                number(len(people)),
                (html.Div(who, className="people"), ""),
            ]
        )
    return table(
        ["Day", "Patients", "Who and what"], lines, label="Tests by the day they fall due", numeric=[1], kind="cards"
    )


def print_list(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """Per patient the tests to take, to print for phlebotomy: who, what, a box to tick; nothing else about them."""
    del here
    until = last_day_of(query, today)
    ahead = (until - today).days
    people: dict[str, list[Row]] = defaultdict(list)
    for row in labs_rows(session, asked, which=to_take(until)):
        people[row["mrn"]].append(row)
    choices = html.Nav(
        [
            html.Span(words, className="chip here", **aria(current="true"))
            if days == str(ahead)
            else dcc.Link(words, href=address(PAGE.path, query, days="" if days == "0" else days), className="chip")
            for days, words in (("0", "Due by today"), ("7", "and in 7 days"), ("14", "and in 14 days"))
        ],
        className="chips",
        **aria(label="How far ahead"),
    )
    unknown = patients_by_state(session, asked)["cannot_tell"]
    head = html.Div([choices, html.Button("Print", className="button print-page")], className="print-line no-print")
    if not people:
        return [head, empty_state("Nobody to draw blood from", "No test is due by then for anybody in these filters.")]
    where = " · ".join(filter(None, (query.get("site"), query.get("who"))))
    lines = [
        [
            (html.Div([html.B(found[0]["name"]), html.Span(found[0]["mrn"], className="sub")]), "who"),
            (_born(found[0]["birth_date"], today), "nowrap"),
            (
                html.Div(
                    [html.Span([html.I(className="tick"), short_label(row["label"])]) for row in found],
                    className="take",
                ),
                "",
            ),
            ("", "blank"),
        ]
        for found in (
            sorted(rows_of, key=lambda row: row["label"])
            for rows_of in sorted(people.values(), key=lambda rows_of: rows_of[0]["name"].split()[-1])
        )
    ]
    return [
        head,
        html.Div(
            [
                html.H2(f"Blood to take, {short_day(today, today)} {today.year}{f' · {where}' if where else ''}"),
                html.P(
                    f"{counted(len(people), 'patient')}, {counted(sum(map(len, people.values())), 'test')}."
                    + (f" Left out: {counted(unknown, 'patient')} whose results stopped coming in." if unknown else ""),
                    className="quiet",
                ),
                table(["Patient", "Born", "Tests", "Taken by, when"], lines, label="Blood to take", kind="paper"),
            ],
            className="blood-list",
        ),
    ]


def _born(birth: dt.date | None, today: dt.date) -> str:
    return f"{birth.isoformat()} ({age(birth, today)})" if birth else ""

"""The list to print for whoever takes blood."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from sqlmodel import Session

from dashboard.components.accessible import aria
from dashboard.components.addresses import address
from dashboard.components.dates import age, short_day
from dashboard.components.formats import counted
from dashboard.components.states import empty_state
from dashboard.components.tables import table
from dashboard.pages.labs_due.labels import short_label
from dashboard.pages.labs_due.names import PAGE
from dashboard.pages.labs_due.states import Row, last_day_of
from dashboard.secure import Current
from models.labs_due import (
    Wanted,
    labs_rows,
    patients_by_state,
    to_take,
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

"""Labs due by day: what falls due within the next two weeks."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from sqlmodel import Session

from dashboard.components.dates import ago, short_day
from dashboard.components.formats import number
from dashboard.components.states import empty_state
from dashboard.components.tables import table
from dashboard.pages.labs_due.labels import short_label
from dashboard.pages.labs_due.states import SOON_DAYS, Row
from dashboard.secure import Current
from models.labs_due import (
    Wanted,
    labs_rows,
    to_take,
)

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

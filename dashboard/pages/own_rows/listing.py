"""The clinic's own rows by kind, and every version of them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from dashboard.components.dates import clock_time, short_day
from dashboard.components.states import empty_state, notice
from dashboard.components.tables import table
from dashboard.pages.own_rows.words import ADD, ALTER, END, OPEN, RETURN, WORDS, name_of_row, what_it_says
from dashboard.secure import Current
from jobs.own_rows import (
    Listed,
    own_rows,
    set_aside,
)
from models.alert_lifecycle import present_day
from models.database import reading
from models.own_vocabulary import words_of
from models.vocabulary.own import KINDS, Kind

TITLES: Mapping[Kind, str] = {"measure": "Measures", "drug": "Drugs", "monitoring": "Monitoring rows"}


def body(here: Current) -> Any:
    """The clinic's rows by kind, and every version of them."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        found = own_rows(session, today)
        aside = set_aside(session, today)
    with words_of(here.engine, today):
        parts: list[Any] = [
            html.Div(
                [
                    html.H1("Own rows"),
                    html.Div(
                        [_button(f"Add a {WORDS[kind]}…", ADD, kind, "", "button-quiet") for kind in KINDS],
                        className="filters",
                    ),
                ],
                className="page-head",
            ),
            html.P(
                "Measures, drugs and monitoring rows that this clinic added to those of the program. Imports, charts "
                "and rules know them from their day on. Before one is kept, the rules' examples are answered anew and "
                "the patients counted who would be asked.",
                className="lead",
            ),
        ]
        if aside:
            parts.append(
                notice(
                    f"Not in use, because it no longer fits this version of the program: {', '.join(aside)}. End it.",
                    kind="warn",
                )
            )
        if not found:
            parts.append(
                empty_state(
                    "Nothing was added yet",
                    "A test that only your laboratory does, a drug of a trial, an interval of your own: add it here.",
                )
            )
        for kind in KINDS:
            rows = [one for one in found if one.kind == kind]
            if rows:
                parts.append(_rows(kind, rows, today))
        if found:
            parts.append(_versions(found, here, today))
    return parts


def _rows(kind: Kind, rows: Sequence[Listed], today: dt.date) -> Any:
    lines = []
    for one in rows:
        shown = one.holds or one.newest
        cells = shown.cells or next(row.cells for row in reversed(one.history) if row.cells)
        later = one.newest if one.newest is not shown else None
        state = {"holds": "in use", "begins": "begins later", "ended": "ended"}[one.state]
        when = f"since {short_day(shown.valid_from, today)}"
        acts = []
        if one.state != "ended":
            acts = [_button("Change…", ALTER, kind, one.key), _button("End…", END, kind, one.key)]
        lines.append(
            [
                (
                    [
                        html.Span(name_of_row(kind, one.key, cells), className="name"),
                        html.Span(one.key, className="sub"),
                    ],
                    "who",
                ),
                (what_it_says(kind, cells), "wide wrap"),
                (
                    html.Span([html.I(), state], className=f"status {'good' if one.state == 'holds' else ''}".strip()),
                    "nowrap",
                ),
                (
                    [
                        when,
                        html.Span(
                            f"{'ends' if later.ended else 'changes'} {short_day(later.valid_from, today)}",
                            className="sub",
                        )
                        if later
                        else None,
                    ],
                    "nowrap",
                ),
                (html.Div(acts, className="marks"), "act"),
            ]
        )
    return html.Section(
        [
            html.H2(TITLES[kind]),
            table(["Name", "Says", "State", "From", ""], lines, label=TITLES[kind], kind="cards"),
        ],
        className="part",
    )


def _versions(found: Sequence[Listed], here: Current, today: dt.date) -> Any:
    newest = {one.newest.id for one in found}
    rows = sorted((version for one in found for version in one.history), key=lambda one: -one.id)
    lines = [
        [
            (clock_time(one.created_at, here.settings.zone, here.today), "nowrap"),
            (name_of_row(one.kind, one.key, one.cells), "wide"),
            ("ended" if one.ended else what_it_says(one.kind, one.cells), "wide wrap"),
            (short_day(one.valid_from, today), "nowrap"),
            (one.author, "nowrap"),
            (one.reason, "wide wrap"),
            (
                _button("Back to this…", RETURN, one.kind, str(one.id))
                if one.id not in newest and not one.ended
                else None,
                "act",
            ),
        ]
        for one in rows
    ]
    return html.Section(
        [
            html.H2("Every version"),
            html.P("Nothing is deleted: what was concluded on a day stays explained by the rows of that day."),
            table(["When", "What", "Says", "From", "By", "Reason", ""], lines, label="Every version", kind="cards"),
        ],
        className="part",
    )


def _button(words: str, act: str, kind: str, row: str, name: str = "row-button") -> html.Button:
    return html.Button(words, id={"type": OPEN, "act": act, "kind": kind, "row": row}, className=name)

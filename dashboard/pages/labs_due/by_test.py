"""Labs due by test: a row for each, patients counted by state."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from sqlmodel import Session

from dashboard.components.addresses import address
from dashboard.components.formats import number
from dashboard.components.states import empty_state
from dashboard.components.tables import table
from dashboard.pages.labs_due.labels import short_label
from dashboard.pages.labs_due.names import PAGE
from dashboard.pages.labs_due.states import STATES
from dashboard.secure import Current
from models.labs_due import (
    Wanted,
    intervals,
    tests_by_state,
)
from models.vocabulary import tests


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

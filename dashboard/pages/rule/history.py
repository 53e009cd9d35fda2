"""What was changed of a rule here, by whom and why."""

import datetime as dt
from typing import Any

from dash import dcc, html

from dashboard.components.dates import clock_time, short_day
from dashboard.components.tables import table
from dashboard.pages.rule.words import value_words
from jobs.rule import Rule

HISTORY_SHOWN = 100


def history_part(shown: Rule, changes: list[dict[str, Any]], zone: dt.tzinfo, today: dt.date) -> Any:
    """The changes as a table, newest first."""
    head = [html.H2("Changes")]
    released = f"Version {shown.version}" + (f": {shown.changed}" if shown.changed else "") + "."
    if not changes:
        return html.Section([*head, html.P(f"{released} Nothing was changed at this clinic.")], className="part")
    lines = []
    for one in changes[:HISTORY_SHOWN]:
        value = "back to the default" if one["value"] is None else value_words(one["value"])
        until = f" until {short_day(one['expires_on'], today)}" if one["expires_on"] else ""
        lines.append(
            [
                (clock_time(one["at"], zone, today), "nowrap"),
                one["parameter"].replace("_", " ") or "status",
                (html.B(value), "nowrap"),
                (f"{short_day(one['valid_from'], today)}{until}", "nowrap"),
                (dcc.Link(one["mrn"], href=f"/patients/{one['mrn']}") if one["mrn"] else "clinic", "nowrap"),
                (one["author"], "nowrap"),
                (one["reason"], "wide"),
            ]
        )
    return html.Section(
        [
            *head,
            html.P(f"{released} A replay of an earlier month uses that month's thresholds."),
            table(["When", "What", "To", "From", "For", "By", "Reason"], lines, label="Changes", kind="cards"),
        ],
        className="part",
    )

"""A reason in one short line, as its rule says it (`jobs.rule.Rule.phrase`): what a nurse would say at the board.

A rule without words of its own is told by the first sentence of its explanation; all of it is one click away.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from dashboard.components.dates import ago
from jobs.phrasing import day_of, first_sentence
from jobs.rule import Rule, all_rules


@lru_cache(maxsize=1)
def _rules() -> dict[str, Rule]:
    return {rule.key: rule for rule in all_rules()}


def rule_of(key: str) -> Rule | None:
    """The rule of that key; None for one that this version no longer has."""
    return _rules().get(key)


def rule_title(key: str) -> str:
    """A rule's title; for a rule this version no longer has, its key in words."""
    found = _rules().get(key)
    return found.title if found else key.replace("-", " ").capitalize()


def group_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Answers about one patient with the same group make one line: five enzymes that rise are one event."""
    rule = str(row["rule"])
    found = _rules().get(rule)
    return rule, found.one_line({**row["numbers"], **row}) if found else str(row["subject"])


def short_reason(row: Mapping[str, Any], today: dt.date, *, since: bool = True) -> str:
    """One line for an answer `met`: `rule`, `subject`, `severity`, `grade`, `since`, `due`, `explanation`, `numbers`.

    `since` false leaves the day out, where a column of its own shows it.
    """
    return together([row if since else {**row, "since": None}], today)


def together(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    """The answers of one group (see `group_of`) in one line."""
    text = phrase_of(_rules().get(str(rows[0]["rule"])), rows) or first_sentence(str(rows[0]["explanation"]))
    return as_of_today(text, rows, today)


def phrase_of(rule: Rule | None, rows: Sequence[Mapping[str, Any]]) -> str:
    """The rule's own phrase for the answers of a group; empty where it has none."""
    if rule is None or rule.phrase is None:
        return ""
    try:
        return rule.phrase([{**row["numbers"], **row} for row in rows])
    except KeyError:
        # Stored by another version of the rule, with other columns: its explanation still tells it.
        return ""


def as_of_today(text: str, rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    """A stored phrase as it reads today: without the present year, and with how long a test has been due."""
    said = text.replace("->", "→").replace(f" {today.year}", "")
    found = _rules().get(str(rows[0]["rule"]))
    due = min((day for row in rows if (day := day_of(row["due"]))), default=None)
    if found is not None and found.listed_in == "labs" and due is not None:
        said += f" ({ago(due, today)})"
    return said

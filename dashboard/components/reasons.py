"""A reason in one short line: what a nurse would say at the board. The full explanation is one click away.

The numbers are the rule's own (the columns its explanation quotes). A rule without words of its own here is told by
its title and the first sentence of its explanation.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from dashboard.components.dates import ago, short_day
from dashboard.components.formats import number
from jobs.rule import all_rules
from models.vocabulary import measures, tests


@lru_cache(maxsize=1)
def rule_titles() -> dict[str, str]:
    """Title by rule key."""
    return {rule.key: rule.title for rule in all_rules()}


def rule_title(key: str) -> str:
    """A rule's title; for a rule this version no longer has, its key in words."""
    return rule_titles().get(key) or key.replace("-", " ").capitalize()


def subject_label(subject: str) -> str:
    """What the rule looked at, in the clinic's words: `CMAS`, `Troponin`, `Methotrexate`."""
    if subject in measures():
        return measures()[subject].short_label
    if subject in tests():
        # The list of what a blood count consists of is for the laboratory.
        return tests()[subject].label.split(" (")[0]
    return subject.replace("_", " ").replace("-", " ").capitalize()


def short_reason(row: Mapping[str, Any], today: dt.date, *, since: bool = True) -> str:
    """One line for an answer `met`: `rule`, `subject`, `grade`, `since`, `due`, `explanation`, `numbers`.

    `since` false leaves the day out, where a column of its own shows it.
    """
    if not since:
        row = {**row, "since": None}
    numbers: Mapping[str, Any] = row["numbers"]
    if row["rule"] == "overdue-labs":
        return _overdue([row], today)
    words = _WORDS.get(str(row["rule"]))
    if words is not None:
        try:
            told = words(row, numbers, today)
        except KeyError:
            # Stored by another version of the rule, with other columns: its explanation still tells it.
            told = ""
        if told:
            return told
    return f"{rule_title(str(row['rule']))}: {first_sentence(str(row['explanation']))}".replace("->", "→")


def first_sentence(text: str) -> str:
    """The first sentence, without its full stop."""
    return re.split(r"(?<=[a-z0-9)%])\.\s", text, maxsplit=1)[0].rstrip(".")


def _strength(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    label = subject_label(str(row["subject"]))
    most = measures()[str(row["subject"])].max_value if str(row["subject"]) in measures() else None
    of = f" of {number(most)}" if most else ""
    grade = f", {row['grade']}" if row["grade"] else ""
    since = f" since {short_day(row['since'], today)}" if row["since"] else ""
    return f"Weaker: {label} {number(numbers['reference'])} → {number(numbers['latest'])}{of}{since}{grade}"


def _enzyme(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    del today
    rested = ", after exercise" if numbers.get("exercise") else ""
    label = subject_label(str(row["subject"]))
    return (
        f"{label} rising: {number(numbers['latest'], 0)} U/L, {number(numbers['times_limit'])}× its limit, "
        f"{number(numbers['factor'])}× baseline{rested}"
    )


def _troponin(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    del row, today
    letter = "I" if str(numbers["kind"]).lower() in {"i", "troponin_i"} else "T"
    hint = {"normal": ", I normal", "missing": ", no I measured"}.get(str(numbers.get("troponin_i")), "")
    return f"Troponin {letter} {number(numbers['latest'])} ng/L, limit {number(numbers['upper_limit'])}{hint}"


def _steroids(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    del today
    ending = ", on its taper" if row["severity"] == "watch" else ", no taper begun or behind it"
    return f"{number(numbers['dose'])} mg/day, day {number(numbers['high_days'])} at high dose{ending}"


_WORDS = {
    "declining-strength": _strength,
    "rising-muscle-enzymes": _enzyme,
    "raised-troponin": _troponin,
    "prolonged-high-dose-steroids": _steroids,
}


TOGETHER = ("overdue-labs", "rising-muscle-enzymes")
"""Rules whose answers about one patient make one line: five enzymes that rise are one event."""


def together(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    """Several answers of one rule of `TOGETHER` about one patient in one line; of another rule, the first one's."""
    if rows[0]["rule"] == "overdue-labs":
        return _overdue(rows, today)
    ranked = sorted(rows, key=lambda row: -float(row["numbers"].get("times_limit") or 0))
    first = next((row for row in ranked if row["subject"] == "ck"), ranked[0])
    others = ", ".join(subject_label(str(row["subject"])) for row in ranked if row is not first)
    return short_reason(first, today) + (f"; also {others}" if others else "")


def _overdue(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    found = sorted(rows, key=lambda row: row["due"] or today)
    names = ", ".join(subject_label(str(row["subject"])) for row in found)
    first = found[0]["due"]
    due = f" · due {short_day(first, today)} ({ago(first, today)})" if first else ""
    return f"Overdue: {names}{due}"

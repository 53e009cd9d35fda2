"""A reason in one short line: what a nurse would say at the board. The full explanation is one click away.

The numbers are the rule's own (the columns its explanation quotes). A rule without words of its own here is told by the
first sentence of its explanation.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
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
    # An explanation is a sentence that stands by itself; the year goes without saying while it is this one.
    return first_sentence(str(row["explanation"])).replace("->", "→").replace(f" {today.year}", "")


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


def _one_protection(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    del numbers
    return _protection([row], today)


def _sparing(row: Mapping[str, Any], numbers: Mapping[str, Any], today: dt.date) -> str:
    if numbers["outcome"] != "decline":
        return ""
    started = short_day(dt.date.fromisoformat(str(numbers["started"])[:10]), today)
    return f"{subject_label(str(row['subject']))} since {started}: weaker despite it"


_WORDS = {
    "steroid-sparing-not-working": _sparing,
    "missing-prophylaxis": _one_protection,
    "declining-strength": _strength,
    "rising-muscle-enzymes": _enzyme,
    "raised-troponin": _troponin,
    "prolonged-high-dose-steroids": _steroids,
}


def group_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Answers about one patient with the same group make one line: five enzymes that rise are one event."""
    rule = str(row["rule"])
    if rule == "drug-safety":
        issue = str(row["numbers"].get("issue"))
        return rule, issue if issue == "limit" else str(row["subject"])
    return rule, "" if rule in _TOGETHER else str(row["subject"])


def together(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    """The answers of one group (see `group_of`) in one line."""
    tell = _TOGETHER.get(str(rows[0]["rule"]))
    return tell(rows, today) if tell is not None and len(rows) > 1 else short_reason(rows[0], today)


def _overdue(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    found = sorted(rows, key=lambda row: row["due"] or today)
    names = ", ".join(subject_label(str(row["subject"])) for row in found)
    first = found[0]["due"]
    due = f" · due {short_day(first, today)} ({ago(first, today)})" if first else ""
    return f"Overdue: {names}{due}"


def _enzymes(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    ranked = sorted(rows, key=lambda row: -float(row["numbers"].get("times_limit") or 0))
    first = next((row for row in ranked if row["subject"] == "ck"), ranked[0])
    others = ", ".join(subject_label(str(row["subject"])) for row in ranked if row is not first)
    return f"{short_reason(first, today)}; also {others}"


def _protection(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    del today
    names = (_PROTECTION.get(str(row["subject"]), subject_label(str(row["subject"])).lower()) for row in rows)
    return f"Missing beside steroids: {', '.join(names)}"


_PROTECTION = {
    "pneumocystis": "Pneumocystis protection",
    "bone-protection": "bone protection",
    "bone-density": "bone density scan",
    "calcium-vitamin-d": "calcium and vitamin D",
}


def _screens(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    del today
    drugs = ", ".join(dict.fromkeys(str(row["numbers"].get("drug", "")) for row in rows))
    return f"Screening missing: {', '.join(str(row['numbers'].get('screen')) for row in rows)} ({drugs})"


def _limits(rows: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    del today
    pairs = [str(row["subject"]).partition(":") for row in rows]
    measured = ", ".join(dict.fromkeys(subject_label(measure or drug) for drug, _, measure in pairs))
    return f"{measured} beyond the action limit under {', '.join(dict.fromkeys(drug for drug, _, _ in pairs))}"


_TOGETHER: Mapping[str, Callable[[Sequence[Mapping[str, Any]], dt.date], str]] = {
    "overdue-labs": _overdue,
    "rising-muscle-enzymes": _enzymes,
    "missing-prophylaxis": _protection,
    "missing-safety-screen": _screens,
    "drug-safety": _limits,
}

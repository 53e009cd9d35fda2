"""What a value that was sent as text means, and its unit: as it stands, or as it was decided for its sender."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jobs.importers.canonical import PRESENCE_WORDS, Refused, Waits
from jobs.importers.coded import Limits, one_unit
from jobs.importers.decisions import decisions
from jobs.importers.message_row import unit_to_decide, value_to_decide
from jobs.importers.number_marks import plain_number
from models import vocabulary

NOT_DONE = "not-done"
"""What a form of value is mapped to that says there is no result."""

_COMPARATORS = {"<=": "<", ">=": ">", "≤": "<", "≥": ">", "<": "<", ">": ">", "=": ""}
_WITH_COMPARATOR = re.compile(r"(<=|>=|≤|≥|<|>|=)?\s*(.*)", re.DOTALL)
_WITH_UNIT = re.compile(r"([+-]?\d[\d.,]*)\s*([^\d\s.,<>].*)", re.DOTALL)


class Value(NamedTuple):
    """A value as text of a number with its comparator, or as it was sent.

    `status` where the value decides it; `unit` where it stands in the same text.
    """

    text: str
    status: str = ""
    unit: str = ""


def decided_value(sender: str, measure: vocabulary.Measure, sent: str) -> Value | None:
    """What was decided of a form of value, or None.

    Raises:
        NotOurs: that it is not for this clinic.
    """
    decided = decisions().of(sender, "value", value_to_decide(measure.key, sent))
    if decided is None:
        return None
    return Value("", NOT_DONE) if decided.to == NOT_DONE else Value(decided.to)


def value_in_text(
    sender: str, measure: vocabulary.Measure, text: str, *, sent: str = "", limits: Limits | None = None, flag: str = ""
) -> Value:
    """A value from its text. `flag` and `limits` as sent: they may speak against what the sender's mark means.

    Raises:
        Waits: it may be two.
    """
    found = _WITH_COMPARATOR.fullmatch(text)
    comparator, rest = (found[1] or "", found[2]) if found is not None else ("", text)
    if rest.lower() in PRESENCE_WORDS:
        return Value(text)
    unit = ""
    number = plain_number(sender, measure.key, rest)
    if number is None:
        rest, unit = _without_unit(sender, measure, rest)
        number = plain_number(sender, measure.key, rest) if unit else None
    if number is None:
        return Value(text)
    if number.by_habit and (why := _against(float(number.text), flag, limits or Limits())):
        raise Waits("value", text, f"read as {number.text}, but {why}", kind="value",
                    what=value_to_decide(measure.key, sent or text))  # fmt: skip
    return Value(f"{_COMPARATORS.get(comparator, '')}{number.text}", unit=unit)


def _without_unit(sender: str, measure: vocabulary.Measure, text: str) -> tuple[str, str]:
    """A number and the unit behind it in one text; the unit is '' where what stands there is none of the measure's."""
    found = _WITH_UNIT.fullmatch(text.strip())
    if found is None:
        return text, ""
    unit = found[2].strip()
    try:
        vocabulary.conversion(measure.key, unit)
    except vocabulary.UnknownUnit:
        if decisions().of(sender, "unit", unit_to_decide(measure.key, unit)) is None:
            return text, ""
    return found[1], unit


def _against(value: float, flag: str, limits: Limits) -> str:
    """What the sender's own flag says against a value, or ''."""
    low, high = (float(one) if one else None for one in (limits.low, limits.high))
    if flag in {"H", "HH", ">"} and high is not None and value <= high:
        return f"it is flagged high and not above {limits.high}"
    if flag in {"L", "LL", "<"} and low is not None and value >= low:
        return f"it is flagged low and not below {limits.low}"
    if flag == "N" and ((high is not None and value > high) or (low is not None and value < low)):
        return "it is flagged normal and outside its limits"
    return ""


def unit_meant(sender: str, measure: vocabulary.Measure, names: Sequence[str], otherwise: str = "") -> str:
    """The unit of a result: as sent if it is one of the measure's, as decided for this sender, or `otherwise`.

    Raises:
        Refused: it is named twice and not the same, and nothing is decided.
    """
    try:
        unit = one_unit(measure.key, names)
    except Refused as twice:
        decided = decisions().of(sender, "unit", unit_to_decide(measure.key, twice.value))
        if decided is None:
            raise
        return decided.unit
    try:
        vocabulary.conversion(measure.key, unit)
    except vocabulary.UnknownUnit:
        decided = decisions().of(sender, "unit", unit_to_decide(measure.key, unit))
        if decided is not None:
            return decided.unit
        return unit or otherwise
    return unit

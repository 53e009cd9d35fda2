"""OBX-5 and OBX-6: a value as the canonical reading understands it, and its unit."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jobs.importers.canonical import PRESENCE_WORDS, Refused, Waits
from jobs.importers.coded import Limits, one_unit
from jobs.importers.decisions import decisions
from jobs.importers.hl7v2_oru.encoding import Segment
from jobs.importers.message_row import unit_to_decide, value_to_decide
from jobs.importers.number_marks import plain_number
from models import vocabulary

NOT_DONE = "not-done"
"""What a form of value is mapped to that says there is no result."""

_COMPARATORS = {"<=": "<", ">=": ">", "≤": "<", "≥": ">", "<": "<", ">": ">", "=": ""}
_WITH_COMPARATOR = re.compile(r"(<=|>=|≤|≥|<|>|=)?\s*(.*)", re.DOTALL)


class Value(NamedTuple):
    """A value as text of a number with its comparator, or as it was sent; `status` where the value decides it."""

    text: str
    status: str = ""


def sent_value(result: Segment) -> str:
    """The value as one text, for people."""
    return " ".join(filter(None, (" ".join(filter(None, parts)) for parts in result.repetitions(5))))


def value_of(sender: str, result: Segment, measure: vocabulary.Measure, limits: Limits) -> Value:
    """The value of a result.

    Raises:
        Refused: it is of a type or form that is no one value. Waits: it may be two.
    """
    kind = result.get(2).upper()
    values = result.repetitions(5)
    if not values or not any(values[0]):
        return Value("")
    decided = decisions().of(sender, "value", value_to_decide(measure.key, sent_value(result)))
    if decided is not None:
        return Value("", NOT_DONE) if decided.to == NOT_DONE else Value(decided.to)
    if len(values) > 1:
        raise Refused("value", sent_value(result), "the result has more than one value")
    parts = values[0]
    if kind == "SN":
        comparator, number, separator, second = (*parts, "", "", "", "")[:4]
        if separator or second:
            raise Refused("value", sent_value(result), "a range or ratio is not one value")
        return _read(sender, result, measure, limits, f"{comparator}{number}")
    if kind in {"CE", "CWE", "CNE", "CF"}:
        return _read(sender, result, measure, limits, parts[1] if len(parts) > 1 and parts[1] else parts[0])
    if kind not in {"NM", "ST", "TX", "FT", "IS", "ID", ""}:
        # What it holds may be a whole document: it is not repeated, and no decision makes a number of it.
        raise Refused("value", "", f"a value of type {kind} is not a value of {measure.label}")
    return _read(sender, result, measure, limits, " ".join(filter(None, parts)))


def _read(sender: str, result: Segment, measure: vocabulary.Measure, limits: Limits, text: str) -> Value:
    found = _WITH_COMPARATOR.fullmatch(text)
    comparator, rest = (found[1] or "", found[2]) if found is not None else ("", text)
    if rest.lower() in PRESENCE_WORDS:
        return Value(text)
    number = plain_number(sender, measure.key, rest)
    if number is None:
        return Value(text)
    if number.by_habit and (why := _against(float(number.text), result.get(8).upper(), limits)):
        raise Waits("value", text, f"read as {number.text}, but {why}", kind="value",
                    what=value_to_decide(measure.key, sent_value(result)))  # fmt: skip
    return Value(f"{_COMPARATORS.get(comparator, '')}{number.text}")


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


def unit_of(sender: str, result: Segment, measure: vocabulary.Measure, otherwise: str) -> str:
    """The unit of a result: as sent if it is one of the measure's, as decided for this sender, or `otherwise`.

    Raises:
        Refused: it is named twice and not the same, and nothing is decided.
    """
    try:
        unit = one_unit(measure.key, _unit_names(result))
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


def _unit_names(result: Segment) -> Sequence[str]:
    """The unit as code and as text. Some senders write `10^9/L` without escaping the separator: it is put together."""
    parts = result.components(6)
    if len(parts) == 2 and re.fullmatch(r"x?10", parts[0]):
        return [f"10*{parts[1]}"]
    return [*parts[:2], *parts[3:5]]

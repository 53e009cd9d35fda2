"""OBX-3, OBX-5 and OBX-6: the codes of a result, its value as the canonical reading understands it, and its unit."""

import re
from collections.abc import Sequence

from jobs.importers.canonical import Refused
from jobs.importers.coded import LOCAL, LOINC, OTHER, Coding, Limits, loinc_or
from jobs.importers.hl7v2_oru.encoding import Segment
from jobs.importers.value_meant import Value, decided_value, unit_meant, value_in_text
from models import vocabulary


def codings_of(result: Segment) -> list[Coding]:
    """The codes of OBX-3: the first, and the alternate one."""
    parts = result.components(3)
    return [coding for start in (0, 3) if (coding := _coding(parts[start : start + 3])) is not None]


def _coding(triplet: Sequence[str]) -> Coding | None:
    code, name, system = (*triplet, "", "", "")[:3]
    if not code and not name:
        return None
    spelled = system.upper()
    if spelled in {"LN", "LOINC"}:
        known = LOINC
    elif spelled in {"", "L", "LOCAL"} or spelled.startswith("99"):
        known = loinc_or("" if not spelled else LOCAL, code)
    else:
        known = OTHER
    return Coding(known, code, name)


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
    sent = sent_value(result)
    decided = decided_value(sender, measure, sent)
    if decided is not None:
        return decided
    if len(values) > 1:
        raise Refused("value", sent, "the result has more than one value")
    parts = values[0]
    text = " ".join(filter(None, parts))
    if kind == "SN":
        comparator, number, separator, second = (*parts, "", "", "", "")[:4]
        if separator or second:
            raise Refused("value", sent, "a range or ratio is not one value")
        text = f"{comparator}{number}"
    elif kind in {"CE", "CWE", "CNE", "CF"}:
        text = parts[1] if len(parts) > 1 and parts[1] else parts[0]
    elif kind not in {"NM", "ST", "TX", "FT", "IS", "ID", ""}:
        # What it holds may be a whole document: it is not repeated, and no decision makes a number of it.
        raise Refused("value", "", f"a value of type {kind} is not a value of {measure.label}")
    return value_in_text(sender, measure, text, sent=sent, limits=limits, flag=result.get(8).upper())


def unit_of(sender: str, result: Segment, measure: vocabulary.Measure, beside: str, otherwise: str) -> str:
    """The unit of a result; `beside`: what stands in its value, `otherwise`: what was decided where none is named.

    Raises:
        Refused: it is named twice and not the same, and nothing is decided.
    """
    names = list(filter(None, _unit_names(result)))
    if not names or not beside:
        return unit_meant(sender, measure, [*names, beside], otherwise)
    unit = unit_meant(sender, measure, names)
    # A field of its own that names no unit of the measure is asked about, whatever the value says beside it.
    known = vocabulary.unit_key(unit) in {vocabulary.unit_key(one) for one in vocabulary.accepted_units(measure.key)}
    return unit_meant(sender, measure, [unit, beside]) if known else unit


def _unit_names(result: Segment) -> Sequence[str]:
    """The unit as code and as text. Some senders write `10^9/L` without escaping the separator: it is put together."""
    parts = result.components(6)
    if len(parts) == 2 and re.fullmatch(r"x?10", parts[0]):
        return [f"10*{parts[1]}"]
    return [*parts[:2], *parts[3:5]]

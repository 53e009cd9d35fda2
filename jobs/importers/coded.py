"""What coded messages (FHIR, HL7) have in common: rows with paths, codes that mean a measure or drug, reported limits.

A code is never trusted against its name: public code lists contain wrong pairs, and a troponin I that is really a
troponin T, or an MB fraction taken for creatine kinase, would be believed for years.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from jobs.importers.canonical import COLUMNS, Kind, Refused
from jobs.importers.sheet import Record, Sheet
from models import vocabulary

LOINC, LOCAL, OTHER = "loinc", "local", "other"

_LOINC_CODE = re.compile(r"\d{1,7}-\d", re.ASCII)


class CodedRow(list[str]):
    """The cells of one fact in the order of the kind's columns, with where they stood in the message.

    Attributes:
        paths: column -> place in the message, for reasons.
        sent: the whole resource or segment, kept with a rejected row.
        refused: why the message could not be turned into cells, if it could not.
    """

    __slots__ = ("paths", "refused", "sent")

    def __init__(
        self, kind: Kind, cells: Mapping[str, str], paths: Mapping[str, str], sent: Any, refused: Refused | None = None
    ) -> None:
        super().__init__(cells.get(column, "") for column in COLUMNS[kind])
        self.paths = paths
        self.sent = sent
        self.refused = refused


class CodedSheet(Sheet):
    """The facts of one kind and one sender in a message file; reasons name the place in the message."""

    def __init__(self, kind: Kind, name: str, records: Iterator[Record], sender: str) -> None:
        super().__init__(kind, name, COLUMNS[kind], records, decimal_comma=False, sender=sender)

    def __post_init__(self) -> None:
        # A message may take an event back, which a file has no column for: all columns stand in their own order.
        self.places = tuple(range(len(COLUMNS[self.kind])))

    def told(self, cells: Sequence[str], refused: Refused) -> Refused:
        """The same refusal with the path in the message for the column."""
        if not isinstance(cells, CodedRow):
            return refused
        known = cells.refused or refused
        return Refused(cells.paths.get(known.column, known.column), known.value, known.why)

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """The cells that were made of the message, and the message itself."""
        filled = {column: cell for column, cell in zip(self.header, cells, strict=False) if cell}
        return filled | ({"message": text_of(cells.sent)} if isinstance(cells, CodedRow) else {})


def text_of(sent: Any) -> str:
    """A resource or segment as text."""
    if isinstance(sent, str):
        return sent
    # Imported here: who imports tables needs no JSON.
    import json

    return json.dumps(sent, ensure_ascii=False, default=str)


# ---------------------------------------------------------------------------------------------------------------- codes


class Coding(NamedTuple):
    """A code of `loinc`, a `local` or some `other` system, with the name it came with."""

    system: str
    code: str
    name: str


def loinc_or(system: str, code: str) -> str:
    """`loinc` where no system was given and the code is written like one of LOINC's."""
    return LOINC if not system and _LOINC_CODE.fullmatch(code) else (system or LOCAL)


# --------------------------------------------------------------------------------------------------------------- limits

_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_BETWEEN = re.compile(rf"({_NUMBER})\s*(?:-|–|\.\.|to|bis)\s*({_NUMBER})\s*([^\d\s].*)?", re.IGNORECASE)
_BELOW = re.compile(rf"(?:<=|<|≤|up to|bis)\s*({_NUMBER})\s*([^\d\s].*)?", re.IGNORECASE)
_ABOVE = re.compile(rf"(?:>=|>|≥)\s*({_NUMBER})\s*([^\d\s].*)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d*,\d{3}")


class Limits(NamedTuple):
    """A reference range as reported: texts of numbers, '' where there is none, and the unit if one stood there."""

    low: str = ""
    high: str = ""
    unit: str = ""


def limits_of_text(text: str) -> Limits:
    """`0-200`, `<200`, `>60`, `0 - 200 U/L`. What cannot be read without guessing gives no limit."""
    said = text.strip().strip("[]()").strip()
    for pattern, low, high, unit in ((_BETWEEN, 1, 2, 3), (_BELOW, 0, 1, 2), (_ABOVE, 1, 0, 2)):
        found = pattern.fullmatch(said)
        if found is not None:
            numbers = [found[place] if place else "" for place in (low, high)]
            if any(_THOUSANDS.fullmatch(number) for number in numbers):
                return Limits()
            low_limit, high_limit = (number.replace(",", ".") for number in numbers)
            return Limits(low_limit, high_limit, (found[unit] or "").strip())
    return Limits()


def in_unit_of_value(measure: str, limit: str, limit_unit: str, unit: str) -> str:
    """A limit reported in another unit than its value, in the value's unit; '' where one of the units is unknown."""
    if not limit or not limit_unit or vocabulary.unit_key(limit_unit) == vocabulary.unit_key(unit):
        return limit
    try:
        there, here = vocabulary.conversion(measure, limit_unit), vocabulary.conversion(measure, unit)
        canonical = Fraction(limit) * there.factor + there.offset
    except (vocabulary.UnknownUnit, ValueError):
        return ""
    return repr(float((canonical - here.offset) / here.factor))


def one_unit(measure: str, spelled: Sequence[str], column: str = "unit") -> str:
    """The unit of a result that names it more than once (as code and as text).

    Raises:
        Refused: two of the names are units of the measure and not the same one.
    """
    given = [unit for unit in dict.fromkeys(unit.strip() for unit in spelled) if unit]
    known = {}
    for unit in given:
        try:
            conversion = vocabulary.conversion(measure, unit)
        except vocabulary.UnknownUnit:
            continue
        known[unit] = (conversion.factor, conversion.offset)
    if len(set(known.values())) > 1:
        raise Refused(column, " / ".join(known), f"the unit is named twice and not the same: {' and '.join(known)}")
    return next(iter(known), given[0] if given else "")

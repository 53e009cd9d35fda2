"""A row that a message brought, and a sheet of them whose rows may wait: what HL7 and FHIR share beyond codes.

Such rows are counted once however often they are sent. What the checks of `canonical` refuse in a row because nobody
yet knows what its sender means (a unit, a form of value) waits; everything else is rejected with its reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jobs.importers.canonical import COLUMNS, LONGEST_NAME, Kind, Merging, NothingToTake, NotOurs, Refused, Waits
from jobs.importers.coded import CodedRow, CodedSheet, text_of
from jobs.importers.sheet import Record


class MessageRow(CodedRow):
    """A coded row with what makes it this result and no other.

    Attributes:
        within: what besides number, patient, measure and time makes it this result: specimen, sub-id.
        once: what recognises the row when it is sent again, without what every sending has anew.
        example: value and unit, or whatever lets a person recognise what it is about.
        taken_back: the cells that take the result out of force where they correct it and cannot be read; else None.
        message: which of the messages of its import it stands in; '' where they are not told apart.
        kept: what the row is read again from, where that is more than what was sent.
    """

    __slots__ = ("example", "kept", "message", "once", "taken_back", "within")

    def __init__(
        self,
        kind: Kind,
        cells: Mapping[str, str],
        paths: Mapping[str, str],
        sent: Any,
        refused: Refused | None = None,
        *,
        within: tuple[str, ...] = (),
        once: str = "",
        example: str = "",
        taken_back: Mapping[str, str] | None = None,
        kept: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(kind, cells, paths, sent, refused)
        self.within = within
        self.message = ""
        self.once = once or text_of(sent)
        self.example = example
        self.kept = kept or (lambda: text_of(sent))
        self.taken_back = None if taken_back is None else [taken_back.get(column, "") for column in COLUMNS[kind]]


class MessageSheet(CodedSheet):
    """Rows of messages of one sender. `format` says how a row that waits is read again."""

    def __init__(self, kind: Kind, name: str, records: Iterator[Record], sender: str, format: str) -> None:
        super().__init__(kind, name, records, sender)
        self.format = format

    def told(self, cells: Sequence[str], refused: Refused) -> Refused:
        """The refusal with the place in the message; one that a decision would lift becomes waiting."""
        if not isinstance(cells, CodedRow):
            return refused
        known = cells.refused or refused
        if isinstance(known, (NotOurs, Merging)):
            return known
        column = cells.paths.get(known.column, known.column)
        if isinstance(known, Waits):
            return Waits(column, known.value, known.why, kind=known.kind, what=known.what)
        about = self._about(cells, known)
        if about is not None:
            kind, what = about
            return Waits(column, known.value, known.why, kind=kind, what=what)
        kind_of_refusal = NothingToTake if isinstance(known, NothingToTake) else Refused
        return kind_of_refusal(column, known.value, known.why)

    def _about(self, cells: CodedRow, refused: Refused) -> tuple[str, str] | None:
        """What a decision would have to say for the row to be readable; None where none would help."""
        said = dict(zip(COLUMNS[self.kind], cells, strict=True))
        key = said.get("measure", "")
        if cells.refused is None and refused.column == "mrn" and refused.value == said["mrn"] != "":
            # It was somebody while it was read, and is nobody now.
            return "patient", refused.value[:LONGEST_NAME]
        if self.kind != "observations" or not key:
            return None
        if refused.column == "unit":
            return "unit", unit_to_decide(key, refused.value)
        if refused.column == "value" and refused.value and not _is_number(refused.value):
            return "value", value_to_decide(key, refused.value)
        return None


def unit_to_decide(key: str, unit: str) -> str:
    """How an unknown unit of a measure is called where it waits: `ck E/L`, `ck without unit`."""
    return f"{key} {unit.strip()}"[:LONGEST_NAME] if unit.strip() else f"{key} without unit"


def value_to_decide(key: str, text: str) -> str:
    """How a form of value is called where it waits: `hbsag negativ`."""
    return f"{key} {' '.join(text.split())}"[:LONGEST_NAME]


def _is_number(text: str) -> bool:
    try:
        float(text.lstrip("<> ").replace(",", "."))
    except ValueError:
        return False
    return True

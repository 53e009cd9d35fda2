"""The rows of a sheet, each read as a fact or with why there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.importers.canonical import COLUMNS, ObservationFact, Reading, Refused, Waits, reader
from jobs.importers.canonical.repeated import RepeatedCells
from jobs.importers.message_row import MessageRow
from jobs.importers.number_marks import FORMS
from jobs.importers.sheet import Sheet


@dataclass(slots=True)
class RowRead:
    """One row of a table that was read: its fact, or why there is none.

    With both, the fact only takes out of force what the row corrects: what it says instead needs a decision first.
    """

    line: int
    record: list[str]
    fact: Any = None
    refused: Refused | None = None


def rows_of(sheet: Sheet, cells: Reading) -> Iterator[RowRead]:
    """The rows of a sheet that are not blank, each with its fact or why there is none."""
    read, places = reader(sheet.kind), sheet.places
    repeated = RepeatedCells(places, len(sheet.header)) if sheet.kind == "observations" else None
    for line, record, why in sheet.records:
        if repeated is not None and not why:
            fact = repeated.read(record)
            if fact is not None:
                yield RowRead(line, record, _as_of_message(fact, record))
                continue
        width = len(record)
        texts = [record[place].strip() if place is not None and place < width else "" for place in places]
        if not why and not any(texts) and not any(cell.strip() for cell in record):
            continue
        try:
            if why:
                raise Refused("", "", why)
            _check_shape(sheet, record, texts)
            fact = read(texts, cells)
        except Refused as refused:
            yield _taken_back(sheet, line, record, refused, cells) or RowRead(line, record, refused=refused)
            continue
        if repeated is not None:
            repeated.remember(record, fact)
        yield RowRead(line, record, _as_of_message(fact, record))


def _as_of_message(fact: Any, record: Sequence[str]) -> Any:
    """The fact with what its message says besides that makes it this one."""
    if isinstance(record, MessageRow) and isinstance(fact, ObservationFact):
        fact.within, fact.message = record.within, record.message
    return fact


def _taken_back(sheet: Sheet, line: int, record: list[str], refused: Refused, cells: Reading) -> RowRead | None:
    """A correction that cannot be read takes out of force what it corrects; it waits itself if a decision helps."""
    if not isinstance(record, MessageRow) or record.taken_back is None:
        return None
    try:
        fact = reader(sheet.kind)([cell.strip() for cell in record.taken_back], cells)
    except Refused:
        return None
    told = sheet.told(record, refused)
    helps = isinstance(told, Waits) and (told.kind != "value" or told.what in FORMS.values())
    return RowRead(line, record, _as_of_message(fact, record), refused if helps else None)


def _check_shape(sheet: Sheet, record: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse a row whose cells cannot be assigned to columns, and characters no database stores."""
    if len(record) > len(sheet.header):
        surplus = [cell for cell in record[len(sheet.header) :] if cell.strip()]
        if surplus:
            raise Refused(
                "",
                surplus[0].strip(),
                f"the row has {len(record)} cells, the header {len(sheet.header)}; "
                "put a cell that contains the separator into quotation marks",
            )
    if "\x00" in "".join(cells):
        column, cell = next(
            (column, cell) for column, cell in zip(COLUMNS[sheet.kind], cells, strict=True) if "\x00" in cell
        )
        raise Refused(column, cell, "the cell contains a NUL character; the file is damaged")

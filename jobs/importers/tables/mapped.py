"""Rows of a mapped table as facts, one a row of a long table and one a cell of a wide one.

What its mapping does not say and no table of the vocabulary knows waits for a decision on its source, as in messages. A
table in the columns of the CSV folder has no source of its own: there it is rejected, as in the CSV folder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from jobs.importers.canonical import LONGEST_NAME, PRESENCE_WORDS, Kind, Refused, Waits
from jobs.importers.cell_text import Exact
from jobs.importers.coded import CodedRow, CodedSheet, limits_of_text
from jobs.importers.decisions import decisions
from jobs.importers.drug_meant import drug_meant
from jobs.importers.measure_names import measure_named
from jobs.importers.message_row import MessageRow, MessageSheet
from jobs.importers.number_marks import DECIMAL, FORMS, learn_from
from jobs.importers.sheet import REASONS, Record, Sheet, column_name
from jobs.importers.tables.grid import Grid
from jobs.importers.tables.mapping import RANGE, TableMapping, WideColumn, heading_key
from jobs.importers.tables.marks import is_ambiguous, moment, number, value_and_unit
from jobs.importers.value_meant import decided_value, unit_meant
from models import vocabulary

_INSTANTS = ("observed_at", "received_at")
_DAYS = ("start_date", "end_date", "birth_date", "date", "diagnosed_on")
_NUMBERS = ("value", "dose", "max_value")
_UNIT_DECIDED = "unit decided"
_OTHER = {".": ",", ",": "."}
LATEST_YEAR_OF_TWO_DIGITS = 2068
"""As POSIX reads two digits; a day too far ahead is refused when the row is read."""


FORMAT = "table"


class _UnderItsHeadings(CodedSheet):
    """A sheet whose rejected rows are given back as they stood under the headings of the table."""

    sent_under: tuple[str, ...] = ()

    def under(self, header: Sequence[str]) -> Self:
        """The same sheet with the headings of its table."""
        self.sent_under = tuple(name for name in header if column_name(name) not in REASONS)
        return self

    @property
    def rejected_under(self) -> tuple[str, ...]:
        """The headings of the table."""
        return self.sent_under

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """The row as it was sent."""
        return dict(cells.sent) if isinstance(cells, CodedRow) else {}


class OwnSheet(_UnderItsHeadings):
    """The facts of a table in the columns of the CSV folder."""


class MappedSheet(_UnderItsHeadings, MessageSheet):
    """The facts of a table of a source; its rows may wait."""


@dataclass(frozen=True)
class MappedTable:
    """One table of a file and what it means."""

    grid: Grid
    place: int
    mapping: TableMapping
    sender: str
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Which kind of rows it has."""
        return self.mapping.kind

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.grid.name

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of it."""
        header = self.grid.header_at(self.place)
        warnings: list[str] = []
        records = self._told(header, warnings)
        sheet: OwnSheet | MappedSheet
        if self.sender:
            sheet = MappedSheet(self.kind, self.name, records, self.sender, FORMAT).under(header)
        else:
            sheet = OwnSheet(self.kind, self.name, records, self.sender).under(header)
        sheet.warnings = warnings
        yield sheet

    def _told(self, header: Sequence[str], warnings: list[str]) -> Iterator[Record]:
        reading = RowsOfTable(self.mapping, header, self.sender)
        for line, cells, why in self.grid.below(self.place):
            if why or any(cells):
                yield from reading.facts(line, cells, why)
        if reading.left_out:
            warnings.append(f"{self.name}: {reading.left_out} rows of tests that are not ours left out")
        warnings += [f"{self.name}: {note}" for note in reading.notes]


@dataclass
class RowsOfTable:
    """Reads the rows of one table. `sender`: whose decisions count; '' for nobody's."""

    mapping: TableMapping
    header: Sequence[str]
    sender: str = ""
    left_out: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        places = {heading_key(name): place for place, name in reversed(list(enumerate(self.header)))}
        self.places = {name: places[heading_key(name)] for name in self.mapping.headings()}
        self.paths = dict(self.mapping.columns)
        self.words = {
            column: {heading_key(sent): meant for sent, meant in words.items()}
            for column, words in self.mapping.words.items()
        }

    def facts(self, line: int, cells: Sequence[str], why: str) -> Iterator[Record]:
        """The facts of a row, each with the row it came from."""
        sent = {name: cell for name, cell in zip(self.header, cells, strict=False) if name}
        try:
            if why:
                raise Refused("", "", why)
            if len(cells) > len(self.header) and any(cells[len(self.header) :]):
                raise Refused("", "", f"the row has {len(cells)} cells, the header {len(self.header)}")
            common = self._common(cells)
        except Refused as refused:
            yield self._record(line, sent, {}, self.paths, None, refused)
            return
        if common is None:
            self.left_out += 1
            return
        if not self.mapping.wide:
            yield from self._fact(line, cells, sent, common, None)
            return
        for one in self.mapping.wide:
            if self._cell(cells, one.column):
                yield from self._fact(line, cells, sent, common, one)

    def _fact(
        self,
        line: int,
        cells: Sequence[str],
        sent: Mapping[str, str],
        common: Mapping[str, str],
        one: WideColumn | None,
    ) -> Iterator[Record]:
        paths = self.paths if one is None else {**self.paths, **_paths_of(one)}
        try:
            made = self._long(cells, common) if one is None else self._wide(cells, common, one)
        except Refused as refused:
            yield self._record(line, sent, {}, paths, one, refused)
            return
        if made is not None:
            yield self._record(line, sent, made, paths, one, None)

    def _record(
        self,
        line: int,
        sent: Mapping[str, str],
        made: Mapping[str, str],
        paths: Mapping[str, str],
        one: WideColumn | None,
        refused: Refused | None,
    ) -> Record:
        why = "" if refused is None else refused.why
        kind = self.mapping.kind
        if not self.sender:
            return line, CodedRow(kind, made, paths, sent, refused), why
        column = "" if one is None else one.column
        example = sent.get(column or self.mapping.columns.get("value") or self.mapping.columns.get("dose") or "", "")
        row = MessageRow(
            kind, made, paths, sent, refused, once=repr((kind, sorted(sent.items()), column)), example=example,
            kept=lambda: self._kept(sent, one),
        )  # fmt: skip
        return line, row, why

    def _kept(self, sent: Mapping[str, str], one: WideColumn | None) -> str:
        """A row with so much of its mapping as it takes to read it again alone."""
        words = {
            column: {said: meant for said, meant in known.items() if said in set(sent.values())}
            for column, known in self.mapping.words.items()
        }
        update = {"wide": self.mapping.wide if one is None else [one], "words": words, "sheet": ""}
        mapping = self.mapping.model_copy(update=update)
        exact = [name for name, cell in sent.items() if isinstance(cell, Exact)]
        return json.dumps(
            {"mapping": mapping.model_dump(exclude_defaults=True), "row": dict(sent), "exact": exact},
            ensure_ascii=False,
        )

    def _cell(self, cells: Sequence[str], heading: str) -> str:
        place = self.places[heading] if heading else len(cells)
        return cells[place] if place < len(cells) else ""

    def _common(self, cells: Sequence[str]) -> dict[str, str] | None:
        """What every fact of a row has; None for a row that is not ours."""
        found = dict(self.mapping.fixed)
        for column, heading in self.mapping.columns.items():
            text = self._cell(cells, heading)
            if not text:
                continue
            words = self.words.get(column)
            if words is not None and heading_key(text) in words:
                meant = words[heading_key(text)]
                if meant is None:
                    return None
                text = meant
            elif column == "measure":
                text, found[_UNIT_DECIDED] = self._measure(text)
            elif column == "mrn" and self.sender and self.mapping.kind != "patients":
                text = self._whose(text)
            elif column == "drug" and self.sender:
                text = drug_meant(self.sender, text)
            if column in _INSTANTS or column in _DAYS:
                text = moment(text, self.mapping.dates, column, LATEST_YEAR_OF_TWO_DIGITS, day_only=column in _DAYS)
            found[column] = text
        return found

    def _measure(self, text: str) -> tuple[str, str]:
        """The measure of a name, and the unit that was decided for it where none is sent."""
        key = measure_named(text)
        if key is not None:
            return key, ""
        why = f"{text!r} is not mapped; add it to words.measure with its measure, or null: not ours"
        if not self.sender:
            raise Refused("measure", text, why)
        what = " ".join(text.split())[:LONGEST_NAME]
        decided = decisions().needed(self.sender, "code", what, column="measure", value=text, why=why)
        return decided.to, decided.unit

    def _whose(self, number: str) -> str:
        """The record number on file that the source's number is."""
        known = decisions()
        decided = known.of(self.sender, "patient", number)
        if decided is None and known.on_file(number) is not None:
            return number
        why = f"no patient with record number {number!r} is on file. Record numbers are compared exactly"
        decided = known.needed(self.sender, "patient", number, column="mrn", value=number, why=why)
        if known.on_file(decided.to) is None:
            raise Waits("mrn", number, why, kind="patient", what=number)
        return decided.to

    def _long(self, cells: Sequence[str], common: Mapping[str, str]) -> dict[str, str]:
        del cells
        made = {column: text for column, text in common.items() if column not in (RANGE, _UNIT_DECIDED)}
        if self.mapping.kind != "observations":
            return self._with_numbers(made)
        value, unit = made.get("value", ""), made.get("unit", "")
        if not unit:
            value, unit = value_and_unit(value)
            unit = unit or self.mapping.units.get(made.get("measure", ""), "") or common.get(_UNIT_DECIDED, "")
        made |= {"value": value, "unit": unit}
        if RANGE in common:
            limits = limits_of_text(self._range(common[RANGE]))
            made.setdefault("lower_limit", limits.low)
            made.setdefault("upper_limit", limits.high)
        return self._with_limits(self._with_numbers(made))

    def _wide(self, cells: Sequence[str], common: Mapping[str, str], one: WideColumn) -> dict[str, str] | None:
        made = dict(common)
        text = self._cell(cells, one.column)
        if one.drug:
            made |= {"drug": one.drug, "dose": text, "unit": one.unit or made.get("unit", "mg")}
            made = self._with_numbers(made)
            # A day without a dose in a diary is no dose.
            return None if made["dose"].strip("0.,") == "" else made
        sent_unit = self._cell(cells, one.unit_column)
        unit = one.units.get(sent_unit, sent_unit) or one.unit
        if not unit:
            text, unit = value_and_unit(text)
        made |= {"measure": one.measure, "value": text, "unit": unit}
        made.pop(_UNIT_DECIDED, None)
        for column, heading in (("upper_limit", one.upper_limit_column), ("lower_limit", one.lower_limit_column)):
            if self._cell(cells, heading):
                made[column] = self._cell(cells, heading)
        return self._with_limits(self._with_numbers(made))

    def _with_numbers(self, made: dict[str, str]) -> dict[str, str]:
        for column in _NUMBERS:
            if made.get(column) and made[column].lower() not in PRESENCE_WORDS:
                made[column] = self._number(made[column], column)
        return self._as_decided(made) if self.sender and made.get("measure") in vocabulary.measures() else made

    def _number(self, text: str, column: str) -> str:
        """A number by the mark of the source.

        Raises:
            Waits: it may mean two numbers, and the source has not shown which.
        """
        decimal: str = self.mapping.decimal
        if not self.sender or decimal:
            return number(text, decimal, column)
        learn_from(self.sender, text)
        mark = "." if "." in text else ","
        decided = decisions().of(self.sender, "value", FORMS[mark]) if is_ambiguous(text) else None
        if decided is not None:
            decimal = mark if decided.to == DECIMAL else _OTHER[mark]
        try:
            return number(text, decimal, column)
        except Refused as refused:
            if decided is None and is_ambiguous(text):
                raise Waits(column, text, refused.why, kind="value", what=FORMS[mark]) from None
            raise

    def _as_decided(self, made: dict[str, str]) -> dict[str, str]:
        """Unit and form of value as they were decided for the source."""
        measure = vocabulary.measure(made["measure"])
        made["unit"] = unit_meant(self.sender, measure, [made.get("unit", "")])
        decided = decided_value(self.sender, measure, made["value"]) if made.get("value") else None
        if decided is None:
            return made
        if decided.status:
            made |= {"status": decided.status, "reason": made["value"]}
        return made | {"value": decided.text, "unit": made["unit"] if decided.text else ""}

    def _with_limits(self, made: dict[str, str]) -> dict[str, str]:
        """Limits in the same spelling; what is none is left out, and said: the value does not hang on it."""
        for column in ("lower_limit", "upper_limit"):
            if not made.get(column):
                continue
            try:
                text = self._number(made[column], column)
                if float(text) < 0 or (column == "upper_limit" and float(text) == 0):
                    raise Refused(column, text, "it cannot be")
            except (Refused, ValueError):
                self.notes[f"a limit of {made[column]!r} cannot be read; the values were kept without it"] = None
                text = ""
            made[column] = text
        low, high = made.get("lower_limit"), made.get("upper_limit")
        if low and high and float(low) > float(high):
            self.notes[f"limits of {low} to {high} cannot be; the values were kept without them"] = None
            made |= {"lower_limit": "", "upper_limit": ""}
        return made

    def _range(self, text: str) -> str:
        return text.replace(",", ".") if self.mapping.decimal == "," else text


def _paths_of(one: WideColumn) -> dict[str, str]:
    paths = dict.fromkeys(("measure", "value", "drug", "dose"), one.column)
    paths["unit"] = one.unit_column or one.column
    paths |= {"upper_limit": one.upper_limit_column, "lower_limit": one.lower_limit_column}
    return {column: heading for column, heading in paths.items() if heading}

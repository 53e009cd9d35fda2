"""Rows of a mapped table as facts, one a row of a long table and one a cell of a wide one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jobs.importers.canonical import FILE_COLUMNS, KINDS, PRESENCE_WORDS, Kind, Refused
from jobs.importers.coded import CodedRow, CodedSheet, limits_of_text
from jobs.importers.measure_names import measure_named
from jobs.importers.sheet import REASONS, Record, Sheet, column_name, kind_of_header
from jobs.importers.tables.grid import Grid, read_grids
from jobs.importers.tables.guess import ROWS_ABOVE
from jobs.importers.tables.mapping import RANGE, TableMapping, TableMappings, WideColumn, heading_key
from jobs.importers.tables.marks import moment, number, value_and_unit
from models.errors import UsageError

_INSTANTS = ("observed_at", "received_at")
_DAYS = ("start_date", "end_date", "birth_date", "date", "diagnosed_on")
_NUMBERS = ("value", "dose", "max_value")
LATEST_YEAR_OF_TWO_DIGITS = 2068
"""As POSIX reads two digits; a day too far ahead is refused when the row is read."""


class MappedSheet(CodedSheet):
    """The facts of one table; a rejected row is given back as it stood under its own headings."""

    def __init__(self, kind: Kind, name: str, records: Iterator[Record], sender: str, header: Sequence[str]) -> None:
        super().__init__(kind, name, records, sender)
        self.sent_under = tuple(name for name in header if column_name(name) not in REASONS)

    @property
    def rejected_under(self) -> tuple[str, ...]:
        """The headings of the table."""
        return self.sent_under

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """The row as it was sent."""
        return dict(cells.sent) if isinstance(cells, CodedRow) else {}


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
        sheet = MappedSheet(self.kind, self.name, self._told(header, warnings), self.sender, header)
        sheet.warnings = warnings
        yield sheet

    def _told(self, header: Sequence[str], warnings: list[str]) -> Iterator[Record]:
        reading = _Rows(self.mapping, header)
        for line, cells, why in self.grid.below(self.place):
            if why or any(cells):
                yield from reading.facts(line, cells, why)
        if reading.left_out:
            warnings.append(f"{self.name}: {reading.left_out} rows of tests that are not ours left out")
        warnings += [f"{self.name}: {note}" for note in reading.notes]


@dataclass
class _Rows:
    """Reads the rows of one table."""

    mapping: TableMapping
    header: Sequence[str]
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
            yield self._refused(line, sent, refused, self.paths)
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
            yield self._refused(line, sent, refused, paths)
            return
        if made is not None:
            yield line, CodedRow(self.mapping.kind, made, paths, sent), ""

    def _refused(self, line: int, sent: Mapping[str, str], refused: Refused, paths: Mapping[str, str]) -> Record:
        return line, CodedRow(self.mapping.kind, {}, paths, sent, refused), refused.why

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
                text = self._measure(text)
            if column in _INSTANTS or column in _DAYS:
                text = moment(text, self.mapping.dates, column, LATEST_YEAR_OF_TWO_DIGITS, day_only=column in _DAYS)
            found[column] = text
        return found

    def _measure(self, text: str) -> str:
        key = measure_named(text)
        if key is None:
            raise Refused(
                "measure", text, f"{text!r} is not mapped; add it to words.measure with its measure, or null: not ours"
            )
        return key

    def _long(self, cells: Sequence[str], common: Mapping[str, str]) -> dict[str, str]:
        del cells
        made = {column: text for column, text in common.items() if column != RANGE}
        if self.mapping.kind != "observations":
            return self._with_numbers(made)
        value, unit = made.get("value", ""), made.get("unit", "")
        if not unit:
            value, unit = value_and_unit(value)
            unit = unit or self.mapping.units.get(made.get("measure", ""), "")
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
        for column, heading in (("upper_limit", one.upper_limit_column), ("lower_limit", one.lower_limit_column)):
            if self._cell(cells, heading):
                made[column] = self._cell(cells, heading)
        return self._with_limits(self._with_numbers(made))

    def _with_numbers(self, made: dict[str, str]) -> dict[str, str]:
        for column in _NUMBERS:
            if made.get(column) and made[column].lower() not in PRESENCE_WORDS:
                made[column] = number(made[column], self.mapping.decimal, column)
        return made

    def _with_limits(self, made: dict[str, str]) -> dict[str, str]:
        """Limits in the same spelling; what is none is left out, and said: the value does not hang on it."""
        for column in ("lower_limit", "upper_limit"):
            if not made.get(column):
                continue
            try:
                text = number(made[column], self.mapping.decimal, column)
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


def find_tables(paths: Sequence[Path], mappings: Sequence[TableMappings]) -> tuple[list[MappedTable], list[str]]:
    """The tables of files and what they mean, in the order in which they have to be loaded, and warnings.

    `mappings`: the one that was named, or all that were kept.

    Raises:
        UsageError: a file cannot be read, no mapping fits one, or those of two sources do.
    """
    found: list[MappedTable] = []
    warnings: list[str] = []
    for path in paths:
        fitting = {one.source: tables for one in mappings if (tables := _fitting(path, one))}
        if len(fitting) > 1:
            raise UsageError(f"{path.name}: mappings of {', '.join(sorted(fitting))} fit; name one with --mapping.")
        if not fitting and (ours := _ours(path)):
            fitting = {"": ours}
        if not fitting:
            raise UsageError(
                f"{path}: its columns are not those of the CSV folder, and no mapping fits them. "
                f"Write a guess with --propose mapping.json, look through it, and import with --mapping mapping.json."
            )
        for tables in fitting.values():
            found += tables
            warnings += [warning for one in tables for warning in one.grid.warnings]
    return sorted(found, key=lambda one: KINDS.index(one.kind)), warnings


def _fitting(path: Path, mappings: TableMappings) -> list[MappedTable]:
    try:
        grids = read_grids(path, encoding=mappings.encoding, separator=mappings.separator)
    except UsageError:
        if not mappings.encoding:
            raise
        # Kept for a source that writes otherwise.
        return []
    found = []
    for grid in grids:
        # The mapping of this very sheet counts before one for any.
        tables = sorted(mappings.tables, key=lambda one: not one.sheet)
        fitting = ((place, one) for one in tables if (place := _header(grid, one)) is not None)
        place, table = next(fitting, (0, None))
        if table is not None:
            found.append(MappedTable(grid, place, table, mappings.source))
    return found


def _ours(path: Path) -> list[MappedTable]:
    """The tables of a file in another format that has the columns of the CSV folder: nothing has to be mapped."""
    found = []
    for grid in read_grids(path):
        header = grid.header_at(0) if grid.rows else ()
        kind = kind_of_header(header)
        if kind is not None:
            known = {column_name(name): name for name in header}
            columns = {column: known[column] for column in FILE_COLUMNS[kind] if column in known}
            mapping = TableMapping(kind=kind, columns=columns, dates="ymd", decimal=".")
            found.append(MappedTable(grid, 0, mapping, ""))
    return found


def _header(grid: Grid, table: TableMapping) -> int | None:
    """Which row has the headings that a mapping needs."""
    for place in range(min(ROWS_ABOVE, len(grid.rows))):
        if table.fits(grid.header_at(place), grid.title):
            return place
    return None

"""Which mapping fits which table of a file; and rows of tables that waited, read again."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from jobs.importers.canonical import FILE_COLUMNS, KINDS, Kind
from jobs.importers.cell_text import Exact
from jobs.importers.sheet import Record, Sheet, column_name, kind_of_header
from jobs.importers.tables.grid import Grid, read_grids
from jobs.importers.tables.guess import ROWS_ABOVE
from jobs.importers.tables.mapped import FORMAT, MappedSheet, MappedTable, RowsOfTable
from jobs.importers.tables.mapping import TableMapping, TableMappings
from models.errors import UsageError


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


@dataclass(frozen=True)
class KeptRowsOfTables:
    """Rows of one kind of one source that waited."""

    name: str
    sender: str
    kind: Kind
    kept: Sequence[tuple[int, Mapping[str, Any]]]

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of the rows."""
        header = tuple(self.kept[0][1]["row"]) if self.kept else ()
        yield MappedSheet(self.kind, self.name, self._records(), self.sender, FORMAT).under(header)

    def _records(self) -> Iterator[Record]:
        for line, one in self.kept:
            sent: Mapping[str, str] = one["row"]
            cells = [Exact(cell) if name in one["exact"] else cell for name, cell in sent.items()]
            mapping = TableMapping.model_validate(one["mapping"])
            yield from RowsOfTable(mapping, tuple(sent), self.sender).facts(line, cells, "")


def kept_rows(name: str, sender: str, kept: Iterable[tuple[int, str]]) -> list[KeptRowsOfTables]:
    """Rows that waited, as they were kept, to be read again."""
    read = [(line, json.loads(text)) for line, text in kept]
    read.sort(key=lambda one: KINDS.index(one[1]["mapping"]["kind"]))
    return [
        KeptRowsOfTables(name, sender, kind, list(some))
        for kind, some in groupby(read, key=lambda one: one[1]["mapping"]["kind"])
    ]

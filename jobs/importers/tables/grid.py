"""A table as rows of text, whatever format it came in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.importers.bounds import bounded, check_size
from jobs.importers.csv_folder import records_of
from jobs.importers.inert import as_sent
from jobs.importers.sheet import REASONS, Record, column_name
from jobs.importers.tables.decoding import decoded, separator_of
from jobs.importers.workbook import SUFFIXES as WORKBOOKS
from jobs.importers.workbook import read_workbook
from models.errors import UsageError

TEXTS = (".csv", ".tsv", ".tab", ".txt")
SUFFIXES = (*TEXTS, *WORKBOOKS)


@dataclass
class Grid:
    """One table: its rows with their lines. `title` is its sheet's, '' of a text file."""

    path: Path
    title: str
    rows: list[Record]
    encoding: str = ""
    separator: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in reports."""
        return f"{self.path.name}/{self.title}" if self.title else self.path.name

    def header_at(self, place: int) -> tuple[str, ...]:
        """The cells of a row as headings."""
        cells = [" ".join(cell.split()) for cell in self.rows[place][1]]
        while cells and not cells[-1]:
            cells.pop()
        return tuple(cells)

    def below(self, place: int) -> Iterator[Record]:
        """The rows below a row; in a file of rejected rows that came back without what a spreadsheet needed."""
        came_back = {column_name(name) for name in self.header_at(place)}.issuperset(REASONS)
        for line, cells, why in self.rows[place + 1 :]:
            yield line, [as_sent(cell) for cell in cells] if came_back else cells, why


def read_grids(path: Path, *, encoding: str = "", separator: str = "") -> list[Grid]:
    """The tables of a file: one of a text file, one for each sheet of a workbook that has cells.

    Raises:
        UsageError: it does not exist, cannot be read, or holds too much.
    """
    if not path.is_file():
        raise UsageError(f"{path} does not exist.")
    if path.suffix.lower() in WORKBOOKS:
        book = read_workbook(path, lambda _: True)
        grids = [Grid(path, title, rows) for title, rows in book.sheets.items() if rows]
        if not grids:
            raise UsageError(f"{path.name}: no sheet of it has cells.")
        skipped = [f"{path.name}: sheets without cells (charts) skipped: {', '.join(book.without_cells)}"]
        grids[0].warnings += [*book.warnings, *(skipped if book.without_cells else [])]
        return grids
    check_size(path)
    text, used = decoded(path.read_bytes(), encoding, path.name)
    mark = separator or separator_of(text)
    rows = list(bounded(_rows(text, mark), path.name))
    return [Grid(path, "", rows, used, mark)] if rows else []


def _rows(text: str, separator: str) -> Iterator[Record]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    width = _width(lines, separator)
    for line, cells, why in records_of(iter(f"{one}\n" for one in lines), separator, width, 0):
        if why or any(cell.strip() for cell in cells):
            yield line, [cell.strip() for cell in cells], why


def _width(lines: Sequence[str], separator: str) -> int:
    """How many cells most lines have."""
    counts = [line.count(separator) + 1 for line in lines[:1000] if line.strip()]
    return max(set(counts), key=counts.count) if counts else 1

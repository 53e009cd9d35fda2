"""A workbook with one sheet per file of the CSV folder: the same columns, the same checks, the same messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.importers.canonical import COLUMNS, KINDS, Kind
from jobs.importers.sheet import Record, Sheet, kind_of_name
from jobs.importers.workbook import read_workbook
from models.errors import UsageError


@dataclass(frozen=True)
class WorkbookSheet:
    """One sheet of a workbook and the kind of rows it has. It is read whole, so that damage is found at once."""

    path: Path
    title: str
    kind: Kind
    records: Sequence[Record]

    @property
    def name(self) -> str:
        """Workbook and sheet, as reports call it."""
        return f"{self.path.name}/{self.title}"

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet."""
        rows = iter(self.records)
        header = next((cells for _, cells, _ in rows if any(cell.strip() for cell in cells)), [])
        while header and not header[-1].strip():
            header = header[:-1]
        if header:
            yield Sheet(self.kind, self.name, tuple(header), rows, decimal_comma=True)
        else:
            sheet = Sheet(self.kind, self.name, COLUMNS[self.kind], iter(()), decimal_comma=True)
            sheet.warnings.append(f"{self.name}: the sheet is empty")
            yield sheet


def has_our_sheets(path: Path) -> bool:
    """Whether a workbook has a sheet named like a file of the CSV folder; one that cannot be opened says so later."""
    try:
        book = read_workbook(path, lambda _: False)
    except UsageError:
        return True
    return any(kind_of_name(title) is not None for title in book.titles)


def find_sheets(paths: list[Path]) -> tuple[list[WorkbookSheet], list[str]]:
    """The sheets of the workbooks in the order in which they have to be loaded, and warnings about the others.

    Raises:
        UsageError: a path is no workbook, too large, protected, or has no sheet named like a file of the CSV folder.
    """
    found: list[WorkbookSheet] = []
    warnings: list[str] = []
    for path in paths:
        book = read_workbook(path, lambda title: kind_of_name(title) is not None)
        here = [
            WorkbookSheet(path, title, kind, records)
            for title, records in book.sheets.items()
            if (kind := kind_of_name(title)) is not None
        ]
        if not here:
            raise UsageError(f"{path}: no sheet is named {', '.join(KINDS)}; found {', '.join(book.titles)}.")
        warnings += book.warnings
        if book.without_cells:
            warnings.append(f"{path.name}: sheets without cells (charts) skipped: {', '.join(book.without_cells)}")
        ignored = [title for title in book.titles if title not in book.sheets and title not in book.without_cells]
        if ignored:
            warnings.append(f"{path.name}: sheets ignored: {', '.join(ignored)}")
        found += here
    return sorted(found, key=lambda sheet: KINDS.index(sheet.kind)), warnings

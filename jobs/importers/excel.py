"""A workbook with one sheet per file of the CSV folder: the same columns, the same checks, the same messages."""

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.importers.canonical import COLUMNS, KINDS, Kind
from jobs.importers.sheet import Record, Sheet, kind_of_name
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


def find_sheets(paths: list[Path]) -> tuple[list[WorkbookSheet], list[str]]:
    """The sheets of the workbooks in the order in which they have to be loaded, and warnings about the others.

    Raises:
        UsageError: a path is no workbook, or has no sheet named like a file of the CSV folder.
    """
    found: list[WorkbookSheet] = []
    warnings: list[str] = []
    for path in paths:
        with _workbook(path) as book:
            titles = list(book.sheetnames)
            here = [
                WorkbookSheet(path, title, kind, list(_records(book[title])))
                for title in titles
                if (kind := kind_of_name(title)) is not None
            ]
        if not here:
            raise UsageError(f"{path}: no sheet is named {', '.join(KINDS)}; found {', '.join(titles)}.")
        ignored = [title for title in titles if kind_of_name(title) is None]
        if ignored:
            warnings.append(f"{path.name}: sheets ignored: {', '.join(ignored)}")
        found += here
    return sorted(found, key=lambda sheet: KINDS.index(sheet.kind)), warnings


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    # openpyxl costs a third of a second: only who imports a workbook pays for it.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not path.is_file():
        raise UsageError(f"{path} does not exist.")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path} is not an Excel workbook (.xlsx): {error}") from error
    try:
        yield book
    finally:
        book.close()


def _records(sheet: Any) -> Iterator[Record]:
    # Excel notes a used area that may be wrong; without it every row is read to its real end.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), 1):
        yield number, [_text(cell) for cell in row], ""


def _text(cell: Any) -> str:
    """A cell as a CSV file would have it. A number shown with leading zeros (a record number) keeps them."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        shown = cell.number_format or ""
        return f"{value:0{len(shown)}d}" if shown and set(shown) == {"0"} else str(value)
    return repr(value) if isinstance(value, float) else str(value)

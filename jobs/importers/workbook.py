"""The sheets of a workbook as rows of text: .xlsx by openpyxl; .xls, .xlsb and .ods by calamine in its own process.

openpyxl reads row by row and knows how a number is shown, so that a record number keeps its leading zeros. The other
formats are read whole by a library that trusts what the file says of its own size; a process with a limit of memory and
time reads them, so that a file that lies harms nobody.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.importers.bounds import BOUNDS, bounded, check_package, check_size
from jobs.importers.cell_text import Exact, text_of_cell
from jobs.importers.sheet import Record
from models.errors import UsageError

BY_OPENPYXL = (".xlsx", ".xlsm")
BY_CALAMINE = (".xls", ".xlsb", ".ods")
SUFFIXES = (*BY_OPENPYXL, *BY_CALAMINE)
SECONDS = 120
"""After which a workbook that is still being read is given up [default]."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_LOCKED = "it is protected by a password; open it and save a copy without one."


@dataclass
class Workbook:
    """The sheets that were wanted, and what became of the others: a sentence each."""

    sheets: dict[str, list[Record]] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    without_cells: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_workbook(path: Path, wanted: Callable[[str], bool]) -> Workbook:
    """The sheets whose title is wanted, read whole and bounded.

    Raises:
        UsageError: it does not exist, is no workbook, protected, damaged, or too large.
    """
    if not path.is_file():
        raise UsageError(f"{path} does not exist.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path.name} is not a workbook ({', '.join(SUFFIXES)}).")
    if suffix in BY_CALAMINE:
        return _by_calamine(path, wanted)
    with path.open("rb") as stream:
        if stream.read(8) == _OLE:
            # Excel puts a protected workbook into the envelope of the old format.
            raise UsageError(f"{path.name}: {_LOCKED}")
    check_package(path)
    try:
        return _by_openpyxl(path, wanted)
    except _NotForOpenpyxl as error:
        # It stumbles over what other programs leave out, such as a chart sheet without a chart.
        found = _by_calamine(path, wanted)
        found.warnings.append(
            f"{path.name}: read in another way ({error}); a record number typed as a number lost its leading zeros"
        )
        return found


class _NotForOpenpyxl(Exception):
    """A workbook that openpyxl cannot open, with its words."""


def _check_sheets(path: Path, titles: list[str]) -> None:
    if len(titles) > BOUNDS.sheets:
        raise UsageError(f"{path.name}: it has {len(titles):,} sheets; at most {BOUNDS.sheets} are read.")


# ------------------------------------------------------------------------------------------------------------ openpyxl


def _by_openpyxl(path: Path, wanted: Callable[[str], bool]) -> Workbook:
    with _opened(path) as book:
        found = Workbook(titles=list(book.sheetnames))
        _check_sheets(path, found.titles)
        for title in found.titles:
            sheet = book[title]
            if not hasattr(sheet, "iter_rows"):
                found.without_cells.append(title)
            elif wanted(title):
                found.sheets[title] = _filled(bounded(_rows_of(sheet), f"{path.name}/{title}"))
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # openpyxl costs a third of a second: only who imports a workbook pays for it.
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # whatever it stumbles over: the other reader decides whether this is a workbook
        raise _NotForOpenpyxl(f"{type(error).__name__}: {error}") from error
    try:
        yield book
    except (zipfile.BadZipFile, KeyError, SyntaxError) as error:
        raise UsageError(f"{path.name} is damaged: {error}") from error
    finally:
        book.close()


def _rows_of(sheet: Any) -> Iterator[Record]:
    # Excel notes a used area that may be wrong; without it every row is read to its real end.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), 1):
        yield number, [_shown(cell) for cell in row], ""


def _filled(records: Iterator[Record]) -> list[Record]:
    """The rows in which something stands, with the number each has in the sheet."""
    return [record for record in records if any(record[1])]


def _shown(cell: Any) -> str:
    """A cell as a CSV file would have it. A number shown with leading zeros (a record number) keeps them."""
    value = cell.value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        shown = cell.number_format or ""
        if shown and set(shown) == {"0"}:
            return f"{value:0{len(shown)}d}"
    return text_of_cell(value)


# ------------------------------------------------------------------------------------------------------------ calamine


def _by_calamine(path: Path, wanted: Callable[[str], bool]) -> Workbook:
    if path.suffix.lower() == ".xls":
        check_size(path)
    else:
        check_package(path)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "cells")
        command = [sys.executable, "-m", "jobs.importers.foreign_workbook", str(path), str(told)]
        try:
            ran = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  our own module
        except subprocess.TimeoutExpired:
            raise UsageError(f"{path.name}: reading it took more than {SECONDS} seconds; save it as CSV.") from None
        if ran.returncode == 3:
            raise UsageError(f"{path.name}: {_LOCKED}")
        if ran.returncode == 2:
            said = ran.stderr.decode("utf-8", "replace").strip()
            raise UsageError(f"{path.name} is not such a workbook, or it is damaged: {said}")
        if ran.returncode:
            raise UsageError(f"{path.name}: it claims more cells than can be read, or is damaged; save it as CSV.")
        return _told(path, told, wanted)


def _told(path: Path, told: Path, wanted: Callable[[str], bool]) -> Workbook:
    """What the other process wrote: one line for each sheet, followed by its rows."""
    found = Workbook()
    with told.open(encoding="utf-8") as lines:
        line = next(lines, "")
        while line:
            title, has_cells = json.loads(line)
            found.titles.append(title)
            _check_sheets(path, found.titles)
            rows: list[Record] = []
            line = ""
            for text in lines:
                said = json.loads(text)
                if isinstance(said[0], str):
                    line = text
                    break
                if wanted(title):
                    cells = [Exact(cell[0]) if isinstance(cell, list) else cell for cell in said[1]]
                    rows.append((said[0], cells, ""))
            if not has_cells:
                found.without_cells.append(title)
            elif wanted(title):
                found.sheets[title] = _filled(bounded(iter(rows), f"{path.name}/{title}"))
    return found

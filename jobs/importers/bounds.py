"""How much a table may hold. Everything is measured while it is read, before anything is locked or written.

A workbook of five kilobytes can claim nine hundred million rows, and a zip file of one megabyte can unpack to a
thousand. The numbers are those of Excel itself where it has one; nothing a hospital sends comes near the others.
"""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UsageError

if TYPE_CHECKING:
    from jobs.importers.sheet import Record


@dataclass(frozen=True)
class Bounds:
    """The most of everything; rows and cells of one sheet or file."""

    rows: int = 1_048_576
    cells: int = 20_000_000
    cell_length: int = 32_767
    sheets: int = 255
    unpacked_bytes: int = 512 * 1024 * 1024
    packed_bytes: int = 256 * 1024 * 1024


BOUNDS = Bounds()


def bounded(records: Iterable["Record"], name: str, bounds: Bounds | None = None) -> Iterator["Record"]:
    """The records as long as they stay within the bounds.

    Raises:
        UsageError: there are too many rows or cells, or a cell is too long.
    """
    most = bounds or BOUNDS
    cells = 0
    for record in records:
        line, row, _ = record
        if line > most.rows:
            raise UsageError(f"{name}: it has more than {most.rows:,} rows; import it in parts.")
        cells += len(row)
        if cells > most.cells:
            raise UsageError(f"{name}: it has more than {most.cells:,} cells; import it in parts.")
        for cell in row:
            if len(cell) > most.cell_length:
                raise UsageError(f"{name}: a cell of line {line} has more than {most.cell_length:,} characters.")
        yield record


def check_package(path: Path, bounds: Bounds | None = None) -> None:
    """Look at what a workbook would unpack to, before unpacking it.

    Raises:
        UsageError: it is no zip file, too large, or unpacks to too much.
    """
    most = bounds or BOUNDS
    check_size(path, most)
    try:
        with zipfile.ZipFile(path) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UsageError(f"{path.name} is not a workbook, or it is damaged: {error}") from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > most.unpacked_bytes:
        raise UsageError(
            f"{path.name}: it unpacks to {_megabytes(unpacked)}; at most {_megabytes(most.unpacked_bytes)} are read."
        )


def check_size(path: Path, bounds: Bounds | None = None) -> None:
    """Refuse a file that is too large to be read whole.

    Raises:
        UsageError: it is, or it cannot be read.
    """
    most = bounds or BOUNDS
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if size > most.packed_bytes:
        raise UsageError(f"{path.name}: it has {_megabytes(size)}; at most {_megabytes(most.packed_bytes)} are read.")


def _megabytes(size: int) -> str:
    return f"{size // 1024**2:,} MB"

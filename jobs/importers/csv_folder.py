"""The CSV folder: patients.csv, observations.csv, medications.csv, events.csv, or single files of these kinds.

UTF-8 with or without BOM, comma or semicolon. The splitting is our own where quotation marks do not fit: a forgotten
closing mark would otherwise swallow all rows up to the next mark, and nobody would miss them.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.importers.canonical import COLUMNS, KINDS, Kind
from jobs.importers.sheet import Record, Sheet, column_name, kind_of_header, kind_of_name
from models.errors import UsageError

DELIMITERS = (",", ";")
_DECIMAL_POINT = re.compile(rb'(?:^|[;"<>])\s*[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|0\.\d+|\d{4,}\.\d+)\s*(?=[;"\r\n]|$)')

LONGEST_RECORD_LINES = 200
"""A quoted cell may hold line breaks; one that has not ended after this many lines was never closed."""


@dataclass(frozen=True)
class CsvFile:
    """A file on disk and the kind of rows it has."""

    path: Path
    kind: Kind
    name: str

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of the file; it is read while it is being loaded, never whole.

        Raises:
            UsageError: not UTF-8, or the header lacks a required column (also later, while records are read).
        """
        with _refusing_other_encodings(self.path), self.path.open(encoding="utf-8-sig", newline="") as stream:
            header, delimiter, lines_read = _header(stream)
            if not header:
                # Nothing at all stands in the file: no rows, rather than a header without columns.
                sheet = Sheet(self.kind, self.name, COLUMNS[self.kind], iter(()), decimal_comma=False)
                sheet.warnings.append(f"{self.name}: the file is empty")
            else:
                records = records_of(stream, delimiter, len(header), lines_read)
                # Where semicolons separate cells a comma may be the decimal mark, and then a point separates thousands.
                semicolons = delimiter == ";"
                sheet = Sheet(
                    self.kind,
                    self.name,
                    tuple(header),
                    records,
                    decimal_comma=semicolons,
                    thousands_point=semicolons and not _has_decimal_points(self.path),
                )
            yield sheet


def find_csv(paths: Sequence[Path]) -> tuple[list[CsvFile], list[str]]:
    """The files behind the paths in the order in which they have to be loaded, and warnings about what was left out.

    Raises:
        UsageError: a path does not exist, holds nothing that can be imported, is not UTF-8, or its kind cannot be told.
    """
    found: list[tuple[Kind, Path]] = []
    warnings: list[str] = []
    for path in paths:
        if path.is_dir():
            inside, ignored = _in_folder(path)
            if not inside:
                wanted = ", ".join(f"{kind}.csv" for kind in KINDS)
                raise UsageError(f"{path}: none of {wanted} is in this folder.")
            found += inside
            if ignored:
                warnings.append(f"{path.name or path}: files ignored: {', '.join(ignored)}")
        elif path.is_file():
            found.append((_kind(path), path))
        else:
            raise UsageError(f"{path} does not exist.")
    for _, path in found:
        _check_encoding(path)
    names = [path.name for _, path in found]
    files = [CsvFile(path, kind, path.name if names.count(path.name) == 1 else str(path)) for kind, path in found]
    return sorted(files, key=lambda file: KINDS.index(file.kind)), warnings


def has_our_columns(path: Path) -> bool:
    """Whether a file is one of the CSV folder, by its name or its header."""
    if kind_of_name(path.stem) is not None:
        return True
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        header = _header(stream)[0]
    # An empty file holds nothing that a mapping could help with.
    return not header or kind_of_header(header) is not None


def _in_folder(folder: Path) -> tuple[list[tuple[Kind, Path]], list[str]]:
    inside: list[tuple[Kind, Path]] = []
    ignored = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        stem = path.stem.lower()
        if path.is_file() and path.suffix.lower() == ".csv" and stem in KINDS:
            inside.append((KINDS[KINDS.index(stem)], path))
        else:
            ignored.append(path.name)
    return inside, ignored


def _kind(path: Path) -> Kind:
    by_name = kind_of_name(path.stem)
    if by_name is not None:
        return by_name
    with _refusing_other_encodings(path), path.open(encoding="utf-8-sig", newline="") as stream:
        by_header = kind_of_header(_header(stream)[0])
    if by_header is None:
        raise UsageError(
            f"{path}: neither its name nor its header says what it holds. Name it like one of "
            f"{', '.join(f'{kind}.csv' for kind in KINDS)}, or give it their columns."
        )
    return by_header


@contextmanager
def _refusing_other_encodings(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path.name}: {_where_not_utf8(path)} is not UTF-8. Save the file as CSV UTF-8, or import it "
            "by a mapping (--propose)."
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_encoding(path: Path) -> None:
    """Refuse a file that is not UTF-8 to its end before anything of it is taken over."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _refusing_other_encodings(path), path.open("rb") as stream:
        while part := stream.read(1 << 20):
            decoder.decode(part)
        decoder.decode(b"", final=True)


def _has_decimal_points(path: Path) -> bool:
    """Whether some number of a file separated by semicolons has a point that can only be a decimal one: 12.5, 0.014."""
    with path.open("rb") as stream:
        return any(_DECIMAL_POINT.search(line) for line in stream)


def _where_not_utf8(path: Path) -> str:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number}"
    return "the file"


def _header(stream: Iterator[str]) -> tuple[list[str], str, int]:
    """Column names, the delimiter that gives more known ones, and how many lines were read; blank lines are skipped."""
    known = {column for columns in COLUMNS.values() for column in columns}
    for number, line in enumerate(stream, 1):
        if not line.strip(" \t\r\n,;"):
            continue
        splits = []
        for delimiter in DELIMITERS:
            cells = _split(line, delimiter)
            splits.append((sum(column_name(cell) in known for cell in cells), len(cells), cells, delimiter))
        _, _, cells, delimiter = max(splits, key=lambda split: split[:2])
        return cells, delimiter, number
    return [], ",", 0


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.rstrip("\r\n").split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def records_of(lines: Iterator[str], delimiter: str, width: int, line: int) -> Iterator[Record]:
    """Records after the header. `line` is the number of lines read so far, `width` the number of columns."""
    put_back: deque[str] = deque()
    while True:
        first = put_back.popleft() if put_back else next(lines, None)
        if first is None:
            return
        line += 1
        if '"' not in first:
            yield line, first.rstrip("\r\n").split(delimiter), ""
            continue
        gathered = [first]
        while True:
            cells, why, open_at_end = _quoted(gathered, delimiter)
            if not open_at_end or len(gathered) >= LONGEST_RECORD_LINES:
                break
            following = put_back.popleft() if put_back else next(lines, None)
            if following is None:
                break
            gathered.append(following)
        if len(gathered) > 1 and (why or len(cells) != width):
            why = "a quotation mark opens a cell on this line and does not close it there"
        if why:
            # Only this line is lost: the ones gathered after it are looked at again on their own.
            put_back.extendleft(reversed(gathered[1:]))
            yield line, first.rstrip("\r\n").split(delimiter), why
            continue
        yield line, cells, ""
        line += len(gathered) - 1


def _quoted(gathered: list[str], delimiter: str) -> tuple[list[str], str, bool]:
    """Cells of a record with quotation marks, why it cannot be read, and whether more lines might help."""
    try:
        return next(csv.reader(gathered, delimiter=delimiter, strict=True, skipinitialspace=True)), "", False
    except csv.Error as error:
        why = f"the quotation marks do not fit ({error}); write a mark inside a cell twice"
        return [], why, "end of data" in str(error)

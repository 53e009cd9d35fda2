"""A table of rows as a file or a workbook has it: header checked, cells still text."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from jobs.importers.canonical import COLUMNS, FILE_COLUMNS, KINDS, REQUIRED, Kind, Refused
from jobs.importers.inert import as_sent
from models.errors import UsageError

Record = tuple[int, list[str], str]
"""Line of the row's first cell (the header is line 1), its cells as they stand, and why it cannot be read, or ''."""

REASONS = ("file", "line", "column", "why")
"""The columns that a file of rejected rows has before those of its rows."""


@dataclass
class Sheet:
    """One open table.

    Attributes:
        header: column names as sent.
        places: for each column of the kind, its place in a record, or None.
        decimal_comma: whether a comma between digits can only be a decimal sign.
        thousands_point: whether a point before three digits may separate thousands.
        warnings: sentences about the table as a whole.
        sender: who speaks, where the file itself says so; empty: whoever the import was told.
    """

    kind: Kind
    name: str
    header: tuple[str, ...]
    records: Iterator[Record]
    decimal_comma: bool
    places: tuple[int | None, ...] = ()
    warnings: list[str] = field(default_factory=list)
    sender: str = ""
    thousands_point: bool = False

    def __post_init__(self) -> None:
        names = [column_name(text) for text in self.header]
        repeated = sorted({name for name in names if name and names.count(name) > 1})
        if repeated:
            raise UsageError(f"{self.name}: the column {', '.join(repeated)} appears more than once in the header.")
        missing = [name for name in REQUIRED[self.kind] if name not in names]
        if missing:
            raise UsageError(
                f"{self.name}: the header lacks {', '.join(missing)}. It needs {', '.join(REQUIRED[self.kind])}; "
                f"found: {', '.join(filter(None, names)) or 'nothing'}."
            )
        known = FILE_COLUMNS[self.kind]
        unknown = [name for name in names if name and name not in known]
        if self.came_back:
            unknown = [name for name in unknown if name not in REASONS]
            # What was only put there for the spreadsheet is taken off again.
            self.records = ((line, [as_sent(cell) for cell in cells], why) for line, cells, why in self.records)
        if unknown:
            self.warnings.append(f"{self.name}: unknown columns ignored: {', '.join(unknown)}")
        self.places = tuple(
            names.index(name) if name in names and name in known else None for name in COLUMNS[self.kind]
        )

    @property
    def came_back(self) -> bool:
        """Whether it is a file of rejected rows that was mended."""
        return {column_name(name) for name in self.header}.issuperset(REASONS)

    @property
    def rejected_under(self) -> tuple[str, ...]:
        """The headings under which its rejected rows are given back; () for those of its kind in the CSV folder."""
        return ()

    def told(self, cells: Sequence[str], refused: Refused) -> Refused:
        """A refusal in the words of whoever sent the file: a message format has paths and not columns."""
        del cells
        return refused

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """The record as sent, by the header's own names; surplus cells under `+1`, `+2`..."""
        pairs = enumerate(zip(self.header, cells, strict=False), 1)
        sent = {name or f"column {place}": cell for place, (name, cell) in pairs}
        for number, cell in enumerate(cells[len(self.header) :], 1):
            sent[f"+{number}"] = cell
        return sent


class SheetSource(Protocol):
    """Something that can be opened as a sheet."""

    @property
    def kind(self) -> Kind:
        """Which kind of rows it has."""
        ...

    @property
    def name(self) -> str:
        """Its name in reports."""
        ...

    def open(self) -> AbstractContextManager[Sheet]:
        """The open sheet."""
        ...


def column_name(text: str) -> str:
    """A header cell in the spelling of the contract."""
    return text.strip().lower()


def kind_of_name(stem: str) -> Kind | None:
    """What kind of rows a file or sheet has, judged by its name (`observations`, `Observations-2026-05`)."""
    spelled = stem.strip().lower()
    for kind in KINDS:
        if spelled == kind or spelled.startswith((f"{kind}-", f"{kind}_", f"{kind}.")):
            return kind
    return None


def kind_of_header(header: Sequence[str]) -> Kind | None:
    """What kind of rows a table has, judged by its columns."""
    names = {column_name(text) for text in header}
    for kind in ("observations", "medications", "events"):
        if names.issuperset(REQUIRED[kind]):
            return kind
    if "mrn" in names and len(names & set(COLUMNS["patients"])) > 1:
        return "patients"
    return None

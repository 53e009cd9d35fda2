"""What an import says of itself: how many rows became what, which were refused, and whom it touched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from models.errors import MyopanelError

COUNTS = ("read", "created", "updated", "unchanged", "waiting", "rejected")


@dataclass
class Counts:
    """What became of the rows: read = created + updated + unchanged + waiting + rejected."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        """Add another file's counts."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class FileCounts(Counts):
    """The counts of one file."""

    name: str = ""


@dataclass(frozen=True)
class Reject:
    """A row that was not taken over: where it stands, which cell is to blame, and what to do."""

    file: str
    line: int
    column: str
    value: str
    why: str

    def sentence(self) -> str:
        """For people: `observations.csv line 17, column unit: ...`."""
        where = f"{self.file} line {self.line}"
        return f"{where}, column {self.column}: {self.why}" if self.column else f"{where}: {self.why}"


@dataclass
class ImportReport:
    """What an import did, or with `dry_run` would have done."""

    total: Counts = field(default_factory=Counts)
    files: list[FileCounts] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    told_again: list[Reject] = field(default_factory=list)
    """Rows that were rejected before and came again: unchanged, and no more readable than then."""
    waits: list[Reject] = field(default_factory=list)
    """Rows that wait for a decision, with what it is about."""
    warnings: list[str] = field(default_factory=list)
    dry_run: bool = False
    batch_id: int | None = None
    patient_ids: list[int] = field(default_factory=list)
    """Patients of whom something was created or updated, in order; empty in a dry run."""
    may_wait: bool = False
    """Whether rows of this format can wait for a decision; the rows of a CSV folder cannot."""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """In a dry run the first facts as they would be stored."""

    @property
    def refused(self) -> list[Reject]:
        """Every row that cannot be taken over, whether it came before or not."""
        return [*self.rejects, *self.told_again]

    def to_dict(self) -> dict[str, Any]:
        """The shape other programs rely on."""
        return {
            "total": self._shown(self.total),
            "files": [{"name": file.name} | self._shown(file) for file in self.files],
            "rejects": [asdict(reject) for reject in self.rejects],
            "warnings": list(self.warnings),
            "dry_run": self.dry_run,
        }

    def _shown(self, counts: Counts) -> dict[str, Any]:
        shown = asdict(counts)
        if not self.may_wait:
            del shown["waiting"]
        return shown


class FactsRefused(MyopanelError, ValueError):
    """Facts typed in that cannot be taken over; `problems` has (row, column, value, why) for each of them."""

    def __init__(self, problems: Sequence[tuple[int, str, str, str]]) -> None:
        super().__init__("; ".join(f"{column}: {why}" if column else why for _, column, _, why in problems))
        self.problems = tuple(problems)

    def by_column(self, row: int = 0) -> dict[str, str]:
        """Column -> message for one row, as a form shows it."""
        return {column: why for number, column, _, why in self.problems if number == row}

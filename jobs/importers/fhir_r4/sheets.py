"""Which resources of a file hold which kind of fact, as sheets in the order in which they have to be loaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.importers.canonical import KINDS, Kind
from jobs.importers.fhir_r4.condition import myositis_of
from jobs.importers.fhir_r4.elements import Body, list_of, text_of, values_in
from jobs.importers.fhir_r4.entries import SUFFIXES, Content, Entry
from jobs.importers.fhir_r4.index import MEDICATIONS, SUPPORTING, Index
from jobs.importers.fhir_r4.records import FORMAT, records_of
from jobs.importers.files import named_files
from jobs.importers.message_row import MessageSheet
from jobs.importers.sheet import Record, Sheet
from models.errors import UsageError


@dataclass(frozen=True)
class ResourceSheet:
    """The facts of one kind that one sender has in one file."""

    content: Content
    kind: Kind
    sender: str
    diagnoses: bool
    index: Index

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet; the file is read again for each kind, and lines are never all in memory."""
        records = self._diagnosed() if self.diagnoses else self._records()
        warnings: list[str] = []
        sender = self.index.speaker(self.sender)
        sheet = MessageSheet(self.kind, self.name, self._told(records, warnings), sender, FORMAT)
        sheet.warnings = warnings
        yield sheet

    def _told(self, records: Iterator[Record], warnings: list[str]) -> Iterator[Record]:
        """The records; at their end it is known how many patients were named by a reference alone."""
        self.index.taken_as_number.clear()
        self.index.notes.clear()
        yield from records
        warnings += [
            f"{self.name}: {note} ({times} {'result' if times == 1 else 'results'})"
            for note, times in self.index.notes.items()
        ]
        many = len(self.index.taken_as_number)
        if many:
            warnings.append(
                f"{self.name}: {many} {'patient was' if many == 1 else 'patients were'} named by a reference alone; "
                "its id was taken as the record number"
            )

    def _mine(self) -> Iterator[Entry]:
        for entry in self.content.entries():
            if entry.sender == self.sender and _sorted_into(entry) == (self.kind, self.diagnoses):
                yield entry

    def _records(self) -> Iterator[Record]:
        for entry in self._mine():
            yield from records_of(entry, self.kind, self.index)

    def _diagnosed(self) -> Iterator[Record]:
        # The last word counts, so the newest diagnosis comes last, and "unspecified" never hides a known one.
        entries = sorted(
            self._mine(),
            key=lambda entry: (
                getattr(myositis_of(entry.resource), "code", "") != "UNSPECIFIED",
                text_of(entry.resource.get("recordedDate")) or text_of(entry.resource.get("onsetDateTime")),
            ),
        )
        for entry in entries:
            yield from records_of(entry, self.kind, self.index)


def find_resources(paths: Sequence[Path], timezone: str = "UTC") -> tuple[list[ResourceSheet], list[str]]:
    """The facts in files and folders of resources, in the order in which they have to be loaded, and warnings.

    A file that cannot be read at all is refused as one row; the others are loaded.

    Raises:
        UsageError: a path does not exist, a folder holds no such file, or none of the files is FHIR.
    """
    files, warnings = named_files(paths, SUFFIXES)
    contents = [Content(name, path) for path, name in files]
    _check(contents)
    sheets, more = sheets_of(contents, timezone)
    return sheets, warnings + more


def _check(contents: Sequence[Content]) -> None:
    """Find the files that cannot be read at all.

    Raises:
        UsageError: none of them can.
    """
    refused: list[UsageError] = []
    for content in contents:
        try:
            content.check()
        except UsageError as error:
            refused.append(error)
    if refused and len(refused) == len(contents):
        raise refused[0]


def sheets_of(
    contents: Sequence[Content], timezone: str = "UTC", *, references_are_numbers: bool = False, sender: str = ""
) -> tuple[list[ResourceSheet], list[str]]:
    """The same for messages that were never files. `references_are_numbers`, `sender`: see `Index`.

    Raises:
        UsageError: one of them is not FHIR.
    """
    index = Index(timezone, references_are_numbers, sender)
    warnings: list[str] = []
    there: list[tuple[int, int, ResourceSheet]] = []
    for place, content in enumerate(contents):
        groups: dict[tuple[Kind, bool, str], None] = {}
        ignored: Counter[str] = Counter()
        for entry in content.entries():
            index.add(entry)
            sorted_into = _sorted_into(entry)
            if sorted_into is not None:
                groups[(*sorted_into, entry.sender)] = None
            elif entry.type not in SUPPORTING:
                ignored[entry.type] += 1
        for kind, diagnoses, sender in groups:
            order = 2 * KINDS.index(kind) + diagnoses
            there.append((order, place, ResourceSheet(content, kind, sender, diagnoses, index)))
        if ignored:
            listed = ", ".join(f"{number} {name}" for name, number in ignored.items())
            warnings.append(f"{content.name}: resources without a fact for this clinic ignored: {listed}")
    return [sheet for _, _, sheet in sorted(there, key=lambda one: one[:2])], warnings


def _sorted_into(entry: Entry) -> tuple[Kind, bool] | None:
    """Which kind of fact an entry is, and whether it is a diagnosis; None for what holds none."""
    kind = entry.type
    if entry.why or kind == "Observation":
        # A panel holds results by reference and has no value of its own.
        return None if _is_panel(entry.resource) else ("observations", False)
    if kind == "Patient":
        return "patients", False
    if kind in MEDICATIONS or kind == "MedicationDispense":
        return "medications", False
    if kind == "Condition":
        return ("patients", True) if myositis_of(entry.resource) is not None else ("events", False)
    return ("events", False) if kind == "Procedure" else None


def _is_panel(resource: Body) -> bool:
    return bool(
        list_of(resource.get("hasMember")) and not list_of(resource.get("component")) and not any(values_in(resource))
    )

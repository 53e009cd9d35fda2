"""Facts into the database: what is new is added, what was corrected is superseded, what is known changes nothing.

Every fact is a chain of versions in the order in which they became known. A version is believed from its `received_at`
until the next one's, which is its `known_to`. Nothing is ever overwritten: a correction is a new row, and the only
change made to an old one is to close its span. A version that arrives late but was known earlier is put in its place
in the chain.

One import is one transaction: it is there whole or not at all.
"""

import csv
import datetime as dt
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlmodel import Session, SQLModel

from jobs.importers.canonical import (
    COLUMNS,
    FILE_COLUMNS,
    KINDS,
    LONGEST_NAME,
    ROWS,
    EventFact,
    Fact,
    Kind,
    MedicationFact,
    ObservationFact,
    PatientFact,
    Reading,
    Refused,
    reader,
)
from jobs.importers.csv_folder import find_csv
from jobs.importers.excel import find_sheets
from jobs.importers.fhir_r4 import SUFFIXES as FHIR_SUFFIXES
from jobs.importers.fhir_r4 import find_resources
from jobs.importers.hl7v2_oru import SUFFIXES as HL7_SUFFIXES
from jobs.importers.hl7v2_oru import find_messages
from jobs.importers.sheet import Sheet, SheetSource
from models.clock import clinic_date
from models.database import writing
from models.delivery import MOST_NAMED, Delivery
from models.errors import MyopanelError, UsageError
from models.event import ClinicalEvent
from models.import_batch import ImportBatch, ImportFile, RejectedRow
from models.medication import MedicationStatement
from models.observation import Observation, plainly
from models.patient import Patient
from models.patient_reading import refresh

FORMATS = ("auto", "csv", "xlsx", "fhir", "hl7")
Follow = Callable[[str, int, str], None]
"""Told of every row as it is settled: file, line, and `created`, `updated`, `unchanged` or `rejected`."""

CHUNK = 20_000
"""Rows held in memory at a time."""

DEFAULT_SENDER = "csv"
"""Who speaks where neither the import nor the file says so."""

IDS_PER_QUERY = 5_000
"""SQLite takes at most 32,766 values in one statement."""

REJECTS_REPORTED = 10_000
"""Of a hopeless file the report names this many rows; the database and the file of rejects hold all of them."""

IMPORT_LOCK = 0x4D594F
"""Key of the PostgreSQL lock that lets one import run at a time, as SQLite does by itself."""


# ------------------------------------------------------------------------------------------------------------- reports


@dataclass
class Counts:
    """What became of the rows: read = created + updated + unchanged + rejected."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        """Add another file's counts."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)


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
    warnings: list[str] = field(default_factory=list)
    dry_run: bool = False
    batch_id: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The shape other programs rely on."""
        return {
            "total": asdict(self.total),
            "files": [{"name": file.name} | asdict(file) for file in self.files],
            "rejects": [asdict(reject) for reject in self.rejects],
            "warnings": list(self.warnings),
            "dry_run": self.dry_run,
        }


class FactsRefused(MyopanelError, ValueError):
    """Facts typed in that cannot be taken over; `problems` has (row, column, value, why) for each of them."""

    def __init__(self, problems: Sequence[tuple[int, str, str, str]]) -> None:
        super().__init__("; ".join(f"{column}: {why}" if column else why for _, column, _, why in problems))
        self.problems = tuple(problems)

    def by_column(self, row: int = 0) -> dict[str, str]:
        """Column -> message for one row, as a form shows it."""
        return {column: why for number, column, _, why in self.problems if number == row}


# --------------------------------------------------------------------------------------------- columns of the databases


def _given(value: Any, before: Mapping[str, Any] | None, column: str, otherwise: Any) -> Any:
    """What was said; where nothing was said what the version before says; where there is none, the default."""
    if value is not None:
        return value
    return otherwise if before is None else before[column]


def _observation_values(fact: ObservationFact, before: Mapping[str, Any] | None) -> dict[str, Any]:
    values = {
        "measure": fact.measure,
        "value": fact.value,
        "comparator": fact.comparator,
        "unit": fact.unit,
        # What the value and its unit say already is not kept twice: `Observation.sent`.
        "value_sent": ""
        if fact.value is not None and fact.value_sent == plainly(fact.comparator, fact.value)
        else fact.value_sent,
        "unit_sent": "" if fact.value is not None and fact.unit_sent == fact.unit else fact.unit_sent,
        "max_value": fact.max_value,
        "status": fact.status,
        "effective_at": fact.effective_at,
        "effective_on": fact.effective_on,
    }
    if fact.value is None and before is not None:
        values |= {column: before[column] for column in ("value", "comparator", "value_sent", "unit_sent")}
    for column in ("upper_limit", "lower_limit", "assay", "assessor", "reason", "comment"):
        values[column] = _given(getattr(fact, column), before, column, None)
    return values


def _medication_values(fact: MedicationFact, before: Mapping[str, Any] | None) -> dict[str, Any]:
    end_on = _given(fact.end_on, before, "end_on", None)
    if end_on is not None and end_on < fact.start_on:
        # It was the end of what was stated before, and cannot be that of what is stated now.
        end_on = None
    intent = _given(fact.intent, before, "intent", "daily")
    status = _given(fact.status, before, "status", "active")
    if fact.status is None and status == "entered-in-error":
        # Stated anew without a status, it is a statement again.
        status = "active"
    return {
        "drug": fact.drug,
        "dose": fact.dose,
        "unit": fact.unit,
        "frequency": fact.frequency,
        "route": _given(fact.route, before, "route", "oral" if intent == "daily" else "iv"),
        "start_on": fact.start_on,
        "end_on": end_on,
        "intent": intent,
        "status": status,
    }


def _event_values(fact: EventFact, before: Mapping[str, Any] | None) -> dict[str, Any]:
    end_on = _given(fact.end_on, before, "end_on", None)
    if end_on is not None and end_on < fact.occurred_on:
        end_on = None
    return {
        "event": fact.event,
        "occurred_on": fact.occurred_on,
        "end_on": end_on,
        "present": _given(fact.present, before, "present", True),
        "detail": _given(fact.detail, before, "detail", ""),
        "status": fact.status or "final",
    }


_TABLES: dict[Kind, tuple[type[SQLModel], Callable[[Any, Mapping[str, Any] | None], dict[str, Any]]]] = {
    "observations": (Observation, _observation_values),
    "medications": (MedicationStatement, _medication_values),
    "events": (ClinicalEvent, _event_values),
}


def _table(model: type[SQLModel]) -> sa.Table:
    return cast(sa.Table, model.__table__)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------------- versions


class _Version:
    """One version of a fact: stored (`id`) or to be stored (`row`)."""

    __slots__ = ("closed_before", "content", "id", "known_to", "patient_id", "received_at", "row")

    def __init__(
        self,
        received_at: dt.datetime,
        content: bytes,
        patient_id: int,
        *,
        id: int | None = None,
        known_to: dt.datetime | None = None,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self.received_at = received_at
        self.content = content
        self.patient_id = patient_id
        self.id = id
        self.known_to = known_to
        self.closed_before = known_to
        self.row = row


_Chain = list[_Version]
"""All versions of one fact in the order in which they became known; of two known at once, the later said is last."""


def _place(chain: _Chain, version: _Version) -> None:
    """Put a version in its place and let each be believed until the next became known."""
    chain.insert(bisect_right(chain, version.received_at, key=lambda other: other.received_at), version)
    for this, following in pairwise(chain):
        this.known_to = following.received_at
    chain[-1].known_to = None


class _Store:
    """Stores patients and facts of one import within its caller's transaction."""

    def __init__(
        self,
        connection: sa.Connection,
        *,
        timezone: str,
        sender: str,
        now: dt.datetime,
        batch_id: int | None = None,
        entered_by: str | None = None,
    ) -> None:
        self.connection = connection
        self.timezone = timezone
        self.sender = sender
        self.now = now
        self.batch_id = batch_id
        self.entered_by = entered_by
        self.changed: set[int] = set()
        self.moved = 0
        self._ids: dict[str, int | None] = {}

    # ---- patients

    def patients(self, rows: Sequence[tuple[int, PatientFact]]) -> list[str]:
        """Create or update patients; says of each row what became of it."""
        table = _table(Patient)
        # A file may name a patient more than once: the last word on each column counts, so that the same file read
        # again changes nothing.
        last_word: dict[str, dict[str, Any]] = {}
        for _, fact in rows:
            last_word.setdefault(fact.mrn, {}).update(fact.given)
        state: dict[str, dict[str, Any]] = {}
        for mrns in _parts(sorted(last_word)):
            for row in self.connection.execute(sa.select(table).where(table.c.mrn.in_(mrns))).mappings():
                state[row["mrn"]] = dict(row)
        settled = {
            mrn for mrn, known in state.items() if all(known[name] == said for name, said in last_word[mrn].items())
        }
        new: dict[str, dict[str, Any]] = {}
        changed: dict[str, dict[str, Any]] = {}
        outcomes = []
        for _, fact in rows:
            known = state.get(fact.mrn)
            if known is None:
                made = Patient(mrn=fact.mrn, created_at=self.now, updated_at=self.now, **fact.given)
                known = {column.name: getattr(made, column.name) for column in table.columns if column.name != "id"}
                state[fact.mrn] = new[fact.mrn] = known
                outcomes.append("created")
            elif fact.mrn in settled or all(known[column] == value for column, value in fact.given.items()):
                outcomes.append("unchanged")
            else:
                known |= fact.given
                known["updated_at"] = self.now
                if fact.mrn not in new:
                    changed[fact.mrn] = known
                outcomes.append("updated")
        if new:
            self.connection.execute(sa.insert(table), list(new.values()))
        for known in changed.values():
            values = {column: value for column, value in known.items() if column not in ("id", "revision")}
            # evaluated_revision belongs to the evaluation: it is not written back.
            values.pop("evaluated_revision")
            self.connection.execute(sa.update(table).where(table.c.id == known["id"]).values(values))
            self.changed.add(known["id"])
        for mrn in new:
            self._ids.pop(mrn, None)
        return outcomes

    def _patient_ids(self, mrns: Iterable[str]) -> dict[str, int | None]:
        table = _table(Patient)
        unknown = sorted({mrn for mrn in mrns if mrn not in self._ids})
        for part in _parts(unknown):
            self._ids.update(dict.fromkeys(part))
            found = self.connection.execute(sa.select(table.c.mrn, table.c.id).where(table.c.mrn.in_(part)))
            self._ids.update((mrn, patient_id) for mrn, patient_id in found)
        return self._ids

    # ---- observations, medications, events

    def facts(
        self, kind: Kind, facts: Sequence[Fact], lines: Sequence[int | None], *, known_since_now: bool = False
    ) -> list[str | Refused]:
        """Store facts of one kind; says of each what became of it, or why it was refused.

        `known_since_now`: a fact without `received_at` became known now (typed in) and not when it was true.
        """
        model, values_of = _TABLES[kind]
        table = _table(model)
        ids = self._patient_ids(fact.mrn for fact in facts)
        identities = [fact.identity(self.sender) for fact in facts]
        contents = [fact.content() for fact in facts]
        chains = self._chains(table, identities, contents)
        new: list[_Version] = []
        touched: dict[bytes, _Chain] = {}
        outcomes: list[str | Refused] = []
        for fact, line, identity, content in zip(facts, lines, identities, contents, strict=True):
            patient_id = ids[fact.mrn]
            if patient_id is None:
                outcomes.append(Refused("mrn", fact.mrn, _unknown_patient(fact.mrn)))
                continue
            chain = chains.get(identity)
            if chain is not None and any(version.content == content for version in chain):
                outcomes.append("unchanged")
                continue
            received_at = fact.received_at
            if received_at is None:
                received_at = self.now if known_since_now else fact.known_since(self.timezone)
                if chain:
                    # What corrects a fact cannot have been known before it.
                    received_at = max(received_at, chain[-1].received_at)
            before = None
            if chain:
                place = bisect_right(chain, received_at, key=lambda other: other.received_at)
                before = chain[place - 1].row if place else None
            row = values_of(fact, before)
            row["patient_id"] = patient_id
            row["received_at"] = received_at
            row["imported_at"] = self.now
            row["source_id"] = fact.source_id
            row["identity"] = identity
            row["content"] = content
            row["line"] = line
            version = _Version(received_at, content, patient_id, row=row)
            new.append(version)
            if chain is None:
                chains[identity] = [version]
                outcomes.append("created")
            else:
                if chain[-1].patient_id != patient_id:
                    self.moved += 1
                _place(chain, version)
                touched[identity] = chain
                outcomes.append("updated")
        self._write(table, new, touched)
        return outcomes

    def _chains(self, table: sa.Table, identities: Sequence[bytes], contents: Sequence[bytes]) -> dict[bytes, _Chain]:
        """The stored versions of the facts, each chain in its order; whole rows only where something is new."""
        chains: dict[bytes, _Chain] = {}
        columns = table.c
        for part in _parts(sorted(set(identities))):
            found = self.connection.execute(
                sa.select(
                    columns.identity,
                    columns.received_at,
                    columns.content,
                    columns.patient_id,
                    columns.id,
                    columns.known_to,
                )
                .where(columns.identity.in_(part))
                .order_by(columns.received_at, columns.id)
            )
            for identity, received_at, content, patient_id, row_id, known_to in found:
                version = _Version(received_at, content, patient_id, id=row_id, known_to=known_to)
                chains.setdefault(identity, []).append(version)
        growing: dict[int, _Version] = {}
        for identity, content in zip(identities, contents, strict=True):
            chain = chains.get(identity)
            if chain is not None and all(version.content != content for version in chain):
                growing.update((cast(int, version.id), version) for version in chain)
        for ids in _parts(sorted(growing)):
            for row in self.connection.execute(sa.select(table).where(columns.id.in_(ids))).mappings():
                growing[row["id"]].row = dict(row)
        return chains

    def _write(self, table: sa.Table, new: Sequence[_Version], touched: Mapping[bytes, _Chain]) -> None:
        if new:
            common = {"sender": self.sender, "batch_id": self.batch_id, "entered_by": self.entered_by}
            # Most rows were received when they were true: the clinic day is already known for them.
            days: dict[dt.datetime, dt.date] = {}
            rows = []
            for version in new:
                row = cast(dict[str, Any], version.row)
                received_at = version.received_at
                if received_at not in days:
                    days[received_at] = clinic_date(received_at, self.timezone)
                row["received_on"] = days[received_at]
                row["known_to"] = version.known_to
                row |= common
                rows.append(row)
                self.changed.add(version.patient_id)
            _insert(self.connection, table, rows)
            if table is _table(Observation):
                _count_deliveries(
                    self.connection,
                    ((self.sender, row["measure"], row["received_on"], row["patient_id"]) for row in rows),
                )
        closed = []
        for chain in touched.values():
            # A patient who lost a fact to another one has changed as much as the one who got it.
            self.changed.update(version.patient_id for version in chain)
            closed += [
                {"version_id": version.id, "closed_at": version.known_to}
                for version in chain
                if version.id is not None and version.known_to != version.closed_before
            ]
        if closed:
            this = table.c.id == sa.bindparam("version_id")
            self.connection.execute(sa.update(table).where(this).values(known_to=sa.bindparam("closed_at")), closed)

    def bump_revisions(self) -> None:
        """Mark every patient whose facts changed, so that the next evaluation looks at them again."""
        table = _table(Patient)
        for ids in _parts(sorted(self.changed)):
            self.connection.execute(sa.update(table).where(table.c.id.in_(ids)).values(revision=table.c.revision + 1))
        # Packed here, where the facts have just been, so that the next evaluation need not read them row by row.
        refresh(self.connection, sorted(self.changed), timezone=self.timezone)
        self.changed.clear()


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows past SQLAlchemy's work on each of them, which would be half the cost of an import."""
    names = [column.name for column in table.columns if column.name != "id"]
    if connection.dialect.name == "postgresql":
        quoted = ", ".join(f'"{name}"' for name in names)
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(f'COPY "{table.name}" ({quoted}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
        return
    processors = {
        place: processor
        for place, name in enumerate(names)
        if not isinstance(table.c[name].type, sa.Float)
        and (processor := table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect))
    }
    # The same days and instants come again and again.
    stored: dict[int, dict[Any, Any]] = {place: {None: None} for place in processors}
    bound = []
    for row in rows:
        values = [row[name] for name in names]
        for place, processor in processors.items():
            value = values[place]
            seen = stored[place]
            if value not in seen:
                seen[value] = processor(value)
            values[place] = seen[value]
        bound.append(tuple(values))
    statement = sa.insert(table).compile(dialect=connection.dialect, column_keys=names)
    connection.exec_driver_sql(str(statement), bound)


def _count_deliveries(connection: sa.Connection, rows: Iterable[tuple[str, str, dt.date, int]]) -> None:
    """Add to what each sender delivered of each measure on each day; rows are sender, measure, day, patient."""
    brought: dict[tuple[str, str, dt.date], list[int]] = {}
    for sender, measure, day, patient_id in rows:
        brought.setdefault((sender, measure, day), []).append(patient_id)
    table = _table(Delivery)
    made = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    together = table.c.results + made.excluded.results
    all_named = sa.and_(together <= MOST_NAMED, table.c.patients != "", made.excluded.patients != "")
    connection.execute(
        made.on_conflict_do_update(
            index_elements=[table.c.sender, table.c.measure, table.c.received_on],
            set_={
                "results": together,
                "patients": sa.case((all_named, table.c.patients + made.excluded.patients), else_=""),
            },
        ),
        [
            {
                "sender": sender,
                "measure": measure,
                "received_on": day,
                "results": len(patients),
                "patients": "".join(f",{one}" for one in patients) if len(patients) <= MOST_NAMED else "",
            }
            for (sender, measure, day), patients in brought.items()
        ],
    )


def _unknown_patient(mrn: str) -> str:
    return f"no patient with record number {mrn!r}; add it to patients.csv. Record numbers are compared exactly"


_Item = TypeVar("_Item")


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), IDS_PER_QUERY):
        yield items[start : start + IDS_PER_QUERY]


# -------------------------------------------------------------------------------------------------- importing files


class _DryRun(Exception):
    """Undoes everything at the end of a dry run, which has the real counts because it did the real thing."""


class _RejectsFile:
    """Rejected rows as sent, beside the reasons, in a file that can be mended and imported again."""

    REASONS = ("file", "line", "column", "why")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.kinds: set[Kind] = set()
        try:
            self.spool: IO[str] = self.partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error

    def add(self, kind: Kind, reject: Reject, row: Mapping[str, str]) -> None:
        """Keep one row; what columns the file needs is known only at the end."""
        self.kinds.add(kind)
        said = {name.strip().lower(): cell for name, cell in row.items()}
        self.spool.write(json.dumps([kind, asdict(reject), said]) + "\n")

    def finish(self) -> None:
        """Write the file. Rows of one kind keep that kind's header, so that the file can be imported as it is."""
        columns = list(dict.fromkeys(column for kind in KINDS if kind in self.kinds for column in FILE_COLUMNS[kind]))
        self.spool.seek(0)
        try:
            self._write(columns)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _write(self, columns: Sequence[str]) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*self.REASONS, *columns])
            for text in self.spool:
                _, reject, row = json.loads(text)
                writer.writerow(
                    [*(reject[name] for name in self.REASONS), *(row.get(column, "") for column in columns)]
                )

    def close(self) -> None:
        """Remove what was only kept meanwhile."""
        self.spool.close()
        self.partial.unlink(missing_ok=True)


@contextmanager
def _rejects_file(path: Path | None) -> Iterator[_RejectsFile | None]:
    if path is None:
        yield None
        return
    rejects = _RejectsFile(path)
    try:
        yield rejects
    finally:
        rejects.close()


class _Import:
    """One import: sheets one after the other, in chunks, with what becomes of each row counted."""

    def __init__(
        self,
        session: Session,
        store: _Store,
        report: ImportReport,
        rejects: _RejectsFile | None,
        follow: Follow | None = None,
    ) -> None:
        self.session = session
        self.store = store
        self.report = report
        self.rejects = rejects
        self.follow = follow
        self._files: dict[str, tuple[FileCounts, ImportFile]] = {}

    def load(self, sheet: Sheet) -> None:
        """Read a sheet to its end; every row that is not blank is created, updated, unchanged or rejected."""
        counts = FileCounts(name=sheet.name)
        reading = Reading(self.store.timezone, self.store.now, decimal_comma=sheet.decimal_comma)
        read = reader(sheet.kind)
        places = sheet.places
        good: list[tuple[int, list[str], Any]] = []
        bad: list[tuple[int, list[str], Refused]] = []
        for line, record, why in sheet.records:
            width = len(record)
            cells = [record[place].strip() if place is not None and place < width else "" for place in places]
            if not why and not any(cells) and not any(cell.strip() for cell in record):
                continue
            counts.read += 1
            try:
                if why:
                    raise Refused("", "", why)
                _check_shape(sheet, record, cells)
                good.append((line, record, read(cells, reading)))
            except Refused as refused:
                bad.append((line, record, refused))
            if len(good) + len(bad) >= CHUNK:
                self._flush(sheet, counts, good, bad)
                good, bad = [], []
        self._flush(sheet, counts, good, bad)
        self._count(counts)
        self.report.total.add(Counts(counts.read, counts.created, counts.updated, counts.unchanged, counts.rejected))
        self.report.warnings += sheet.warnings
        self.report.warnings += [
            f"{sheet.name}: {note} ({times} {'row' if times == 1 else 'rows'})" for note, times in reading.notes.items()
        ]

    def _count(self, counts: FileCounts) -> None:
        """Add to the file's counts; a message format gives several sheets of one file."""
        known = self._files.get(counts.name)
        if known is None:
            row = ImportFile(batch_id=self._batch_id, **asdict(counts))
            self._files[counts.name] = counts, row
            self.report.files.append(counts)
            self.session.add(row)
            return
        whole, row = known
        whole.add(Counts(counts.read, counts.created, counts.updated, counts.unchanged, counts.rejected))
        for name, number in asdict(whole).items():
            setattr(row, name, number)

    @property
    def _batch_id(self) -> int:
        return cast(int, self.store.batch_id)

    def _flush(
        self,
        sheet: Sheet,
        counts: FileCounts,
        good: list[tuple[int, list[str], Any]],
        bad: list[tuple[int, list[str], Refused]],
    ) -> None:
        outcomes: Sequence[str | Refused]
        if not good:
            outcomes = []
        elif sheet.kind == "patients":
            outcomes = self.store.patients([(line, fact) for line, _, fact in good])
        else:
            outcomes = self.store.facts(sheet.kind, [fact for _, _, fact in good], [line for line, _, _ in good])
        for (line, record, _), outcome in zip(good, outcomes, strict=True):
            if isinstance(outcome, Refused):
                bad.append((line, record, outcome))
                continue
            if self.follow is not None:
                self.follow(sheet.name, line, outcome)
            if outcome == "created":
                counts.created += 1
            elif outcome == "updated":
                counts.updated += 1
            else:
                counts.unchanged += 1
        bad.sort(key=lambda entry: entry[0])
        counts.rejected += len(bad)
        kept = []
        for line, record, reason in bad:
            refused = sheet.told(record, reason)
            reject = Reject(sheet.name, line, refused.column, _printable(refused.value), _printable(refused.why))
            row = sheet.row(record)
            kept.append(asdict(reject) | {"batch_id": self._batch_id, "row": json.dumps(row, ensure_ascii=False)})
            if len(self.report.rejects) < REJECTS_REPORTED:
                self.report.rejects.append(reject)
            if self.rejects is not None:
                self.rejects.add(sheet.kind, reject, row)
            if self.follow is not None:
                self.follow(sheet.name, line, "rejected")
        if kept:
            for entry in kept:
                entry["row"] = _printable(entry["row"])
            self.session.connection().execute(sa.insert(_table(RejectedRow)), kept)


def _check_shape(sheet: Sheet, record: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse a row whose cells cannot be assigned to columns, and characters no database stores."""
    if len(record) > len(sheet.header):
        surplus = [cell for cell in record[len(sheet.header) :] if cell.strip()]
        if surplus:
            raise Refused(
                "",
                surplus[0].strip(),
                f"the row has {len(record)} cells, the header {len(sheet.header)}; "
                "put a cell that contains the separator into quotation marks",
            )
    if "\x00" in "".join(cells):
        column, cell = next(
            (column, cell) for column, cell in zip(COLUMNS[sheet.kind], cells, strict=True) if "\x00" in cell
        )
        raise Refused(column, cell, "the cell contains a NUL character; the file is damaged")


def _printable(text: str) -> str:
    # PostgreSQL stores no NUL in a text.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def import_paths(
    engine: Engine,
    paths: Sequence[str | Path],
    *,
    format: str = "auto",
    timezone: str,
    by: str,
    now: dt.datetime,
    sender: str | None = None,
    dry_run: bool = False,
    rejects_file: str | Path | None = None,
) -> ImportReport:
    """Import CSV folders, single CSV files, workbooks, FHIR or HL7 files in one transaction.

    Args:
        format: `auto` (by the paths' suffixes), `csv`, `xlsx`, `fhir` or `hl7`.
        timezone: the clinic's zone; times without an offset are in it.
        by: who imports. `sender`: who speaks; a `source_id` is the sender's own. By default whom a message names, and
            `csv` for tables.
        dry_run: do everything and undo it; nothing is left in the database, the counts are the real ones.
        rejects_file: where rejected rows are written as sent, with the reason.

    Raises:
        UsageError: something cannot be read at all; nothing was changed.
    """
    sources, used_format, warnings = _sources([Path(path) for path in paths], format, timezone)
    return import_sources(
        engine,
        sources,
        format=used_format,
        name=", ".join(Path(path).name or str(path) for path in paths),
        timezone=timezone,
        by=by,
        now=now,
        sender=sender,
        dry_run=dry_run,
        rejects_file=rejects_file,
        warnings=warnings,
    )


def import_sources(
    engine: Engine,
    sources: Sequence[SheetSource],
    *,
    format: str,
    name: str,
    timezone: str,
    by: str,
    now: dt.datetime,
    sender: str | None = None,
    dry_run: bool = False,
    rejects_file: str | Path | None = None,
    warnings: Sequence[str] = (),
    follow: Follow | None = None,
) -> ImportReport:
    """The same for sheets that are open already or were never files: what a message brought.

    Args:
        name: what the import is called in lists. `warnings`: what was noticed before anything was read.
        follow: told of every row what became of it; with it a message can be answered entry by entry.

    Raises:
        UsageError: something cannot be read at all; nothing was changed.
    """
    report = ImportReport(warnings=list(warnings), dry_run=dry_run)
    with _rejects_file(None if rejects_file is None else Path(rejects_file)) as rejects:
        try:
            with writing(engine) as session:
                _one_import_at_a_time(session)
                batch = ImportBatch(format=format, name=name, sender=sender or DEFAULT_SENDER, by=by, started_at=now)
                session.add(batch)
                session.flush()
                store = _Store(session.connection(), timezone=timezone, sender=batch.sender, now=now, batch_id=batch.id)
                running = _Import(session, store, report, rejects, follow)
                senders = []
                for source in sources:
                    with source.open() as sheet:
                        store.sender = sender or sheet.sender or DEFAULT_SENDER
                        senders.append(store.sender)
                        running.load(sheet)
                batch.sender = ", ".join(dict.fromkeys(senders))[:LONGEST_NAME] or batch.sender
                store.bump_revisions()
                _closing_warnings(report, store)
                for column, number in asdict(report.total).items():
                    setattr(batch, column, number)
                batch.warnings = json.dumps(report.warnings, ensure_ascii=False)
                batch.finished_at = now
                session.add(batch)
                session.flush()
                if rejects is not None:
                    rejects.finish()
                if dry_run:
                    raise _DryRun
                report.batch_id = batch.id
        except _DryRun:
            pass
    return report


def _closing_warnings(report: ImportReport, store: _Store) -> None:
    if store.moved:
        report.warnings.append(
            f"{store.moved} corrected {'fact was' if store.moved == 1 else 'facts were'} moved to another patient"
        )
    hidden = report.total.rejected - len(report.rejects)
    if hidden > 0:
        report.warnings.append(f"{hidden} more rejected rows are not listed here; all are kept in the database")


def _sources(paths: list[Path], format: str, timezone: str) -> tuple[Sequence[SheetSource], str, list[str]]:
    if format not in FORMATS:
        raise UsageError(f"{format!r} is not an import format; known are {', '.join(FORMATS)}.")
    if not paths:
        raise UsageError("Name at least one folder or file to import.")
    told = {_format_of(path) for path in paths} if format == "auto" else {format}
    if len(told) > 1:
        raise UsageError(
            f"Files of different formats ({', '.join(sorted(told))}) cannot be imported in one go; import one after "
            "the other."
        )
    used = told.pop()
    sources: Sequence[SheetSource]
    if used == "fhir":
        sources, warnings = find_resources(paths, timezone)
    elif used == "hl7":
        sources, warnings = find_messages(paths)
    elif used == "xlsx":
        sources, warnings = find_sheets(paths)
    else:
        sources, warnings = find_csv(paths)
    return sources, used, warnings


_FORMAT_OF_SUFFIX = {
    ".csv": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    **dict.fromkeys(FHIR_SUFFIXES, "fhir"),
    **dict.fromkeys(HL7_SUFFIXES, "hl7"),
}


def _format_of(path: Path) -> str:
    """By the suffix; of a folder by what lies in it: one table makes it a CSV folder, whatever lies beside it."""
    if not path.is_dir():
        return _FORMAT_OF_SUFFIX.get(path.suffix.lower(), "csv")
    inside = {_FORMAT_OF_SUFFIX.get(one.suffix.lower()) for one in path.iterdir() if one.is_file()}
    return next((format for format in ("csv", "fhir", "hl7") if format in inside), "csv")


def _one_import_at_a_time(session: Session) -> None:
    """On PostgreSQL wait for a running import: two of them could both find a fact unknown and store it twice."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(IMPORT_LOCK)))


# ------------------------------------------------------------------------------------------------------------- typed in


def record_facts(
    session: Session,
    rows: Sequence[Any],
    *,
    by: str,
    now: dt.datetime,
    timezone: str,
    sender: str = "manual",
) -> Counts:
    """Store facts that a person typed in, with the same checks and versions as imported ones.

    A fact without `received_at` counts as known since `now`, not since it was true: it was told today. All rows are
    stored or none. The session should be one of `models.database.writing`; the caller commits.

    Args:
        rows: PatientRow, ObservationRow, MedicationRow or EventRow of `jobs.importers.canonical`.

    Raises:
        FactsRefused: with (row, column, value, why) for each problem; nothing was stored.
    """
    _one_import_at_a_time(session)
    kinds = {row_type: kind for kind, row_type in ROWS.items()}
    reading = Reading(timezone, now, decimal_comma=True)
    read: dict[Kind, list[tuple[int, Any]]] = {kind: [] for kind in KINDS}
    problems: list[tuple[int, str, str, str]] = []
    for number, row in enumerate(rows):
        kind = kinds[type(row)]
        cells = [" ".join(cell.split("\x00")) for cell in row.cells()]
        try:
            read[kind].append((number, reader(kind)(cells, reading)))
        except Refused as refused:
            problems.append((number, refused.column, refused.value, refused.why))
    if problems:
        raise FactsRefused(problems)
    store = _Store(session.connection(), timezone=timezone, sender=sender, now=now, entered_by=by)
    counts = Counts(read=len(rows))
    with session.begin_nested():
        for kind in KINDS:
            numbered = read[kind]
            if not numbered:
                continue
            outcomes: Sequence[str | Refused]
            if kind == "patients":
                outcomes = store.patients(numbered)
            else:
                facts = [fact for _, fact in numbered]
                outcomes = store.facts(kind, facts, [None] * len(facts), known_since_now=True)
            for (number, _), outcome in zip(numbered, outcomes, strict=True):
                if isinstance(outcome, Refused):
                    problems.append((number, outcome.column, outcome.value, outcome.why))
                else:
                    setattr(counts, outcome, getattr(counts, outcome) + 1)
        if problems:
            raise FactsRefused(problems)
        store.bump_revisions()
    return counts


def row_from_form(kind: Kind, cells: Mapping[str, Any]) -> Any:
    """A row as sent from the fields of a form.

    Raises:
        FactsRefused: a required field is not there, or a field the kind does not have.
    """
    try:
        return ROWS[kind](**cells)
    except ValidationError as error:
        problems = [(0, str(problem["loc"][0]), "", f"{problem['msg']}") for problem in error.errors()]
        raise FactsRefused(problems) from error

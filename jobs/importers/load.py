"""An import: tables are read and checked outside any transaction, and written in short blocks.

Whoever else writes (a nurse who acknowledges an alert, another import) gets in between two blocks. What a block brought
is there with its counts or not at all: an import that dies says in its batch how far it got, and can be repeated,
because what is known already changes nothing. What cannot be read at all is found out before the first block.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from jobs.importers.canonical import LONGEST_NAME, Merging, ObservationFact, Reading, Refused
from jobs.importers.decisions import Decisions, deciding, decisions
from jobs.importers.loading.bulk import table_of
from jobs.importers.loading.decided import decisions_on_file, keep_learned
from jobs.importers.loading.mappings import keep_mapping, kept_mappings
from jobs.importers.loading.one_at_a_time import one_import_at_a_time
from jobs.importers.loading.people import last_word_of, person_in
from jobs.importers.loading.rejects import RejectsFile, rejects_file
from jobs.importers.loading.report import Counts, FactsRefused, FileCounts, ImportReport, Reject
from jobs.importers.loading.row_read import RowRead, rows_of
from jobs.importers.loading.said import Said
from jobs.importers.loading.sources import FORMATS, find_sources
from jobs.importers.loading.store import Store
from jobs.importers.loading.typed_in import record_facts, row_from_form
from jobs.importers.loading.waiting_room import Arrived, WaitingRoom, digest_of, is_reject
from jobs.importers.message_row import MessageRow, MessageSheet
from jobs.importers.sheet import Sheet, SheetSource
from jobs.importers.tables import named_mapping
from models.database import reading, writing
from models.import_batch import ImportBatch, ImportFile, RejectedRow
from models.own_vocabulary import words_at
from models.patient_reading import keep_packed, newly_packed
from models.rows import collector_paused

__all__ = [
    "FORMATS",
    "Counts",
    "FactsRefused",
    "ImportReport",
    "Reject",
    "import_paths",
    "import_sources",
    "record_facts",
    "row_from_form",
]

Follow = Callable[[str, int, str], None]
"""Told of every row as it is settled: file, line, and `created`, `updated`, `unchanged`, `waiting` or `rejected`."""

BLOCK = 2_000
"""Rows written in one transaction: some hundredths of a second in which nobody else can write."""

PEOPLE = 20_000
"""Rows of patients among which the last word on each of them counts."""

PACKED_AT_ONCE = 25
"""Patients whose facts are packed at a time."""

DEFAULT_SENDER = "csv"
"""Who speaks where neither the import nor the file says so."""

FACTS_SHOWN = 50
"""So many facts a dry run shows as they would be stored."""

REJECTS_REPORTED = 10_000
"""Of a hopeless file the report names this many rows; the database and the file of rejects hold all of them."""


@dataclass
class _Progress:
    """One file of the import: what was committed of it, and its row in the database."""

    counts: FileCounts
    id: int | None = None


@dataclass
class _Import:
    """One import: sheets one after the other, in blocks, with what becomes of each row counted."""

    engine: Engine
    store: Store
    report: ImportReport
    rejects: RejectsFile | None
    follow: Follow | None
    batch: dict[str, Any]
    room: WaitingRoom
    newcomers: set[str] = field(default_factory=set)
    """Record numbers of patients this import made."""
    _files: dict[str, _Progress] = field(default_factory=dict)

    def load(self, sheet: Sheet) -> None:
        """Read a sheet to its end; every row that is not blank is counted as one thing or another."""
        cells = Reading(
            self.store.timezone,
            self.store.now,
            decimal_comma=sheet.decimal_comma,
            thousands_point=sheet.thousands_point,
        )
        read = rows_of(sheet, cells)
        most = PEOPLE if sheet.kind == "patients" else BLOCK
        more = True
        while more:
            with collector_paused():
                rows = list(islice(read, most))
                more = len(rows) == most
                self._write(sheet, rows)
        self.report.warnings += sheet.warnings
        self.report.warnings += [
            f"{sheet.name}: {note} ({times} {'row' if times == 1 else 'rows'})" for note, times in cells.notes.items()
        ]

    def begin(self) -> None:
        """Say in the database that the import has begun."""
        with writing(self.engine) as session:
            batch = ImportBatch(**self.batch)
            session.add(batch)
            session.flush()
            self.store.batch_id = self.report.batch_id = batch.id

    def finish(self) -> None:
        """Say in the database that it came to its end."""
        with writing(self.engine) as session:
            table = table_of(ImportBatch)
            session.connection().execute(
                sa.update(table)
                .where(table.c.id == self.store.batch_id)
                .values(
                    sender=self.batch["sender"],
                    warnings=json.dumps(self.report.warnings, ensure_ascii=False),
                    finished_at=self.store.now,
                )
            )

    def _write(self, sheet: Sheet, rows: list[RowRead]) -> None:
        """Write what was read, block by block."""
        last_word = {}
        if sheet.kind == "patients":
            last_word = last_word_of(row.fact for row in rows if row.fact is not None)
        for start in range(0, max(len(rows), 1), BLOCK):
            self._write_block(sheet, rows[start : start + BLOCK], last_word)

    def _write_block(self, sheet: Sheet, rows: list[RowRead], last_word: Mapping[str, Mapping[str, Any]]) -> None:
        good = [row for row in rows if row.fact is not None]
        facts = [row.fact for row in good]
        said = None
        if sheet.kind != "patients":
            said = Said.by(self.store.sender, sheet.kind, facts, [row.line for row in good])
        progress = self._files.get(sheet.name) or _Progress(FileCounts(name=sheet.name))
        with self._transaction() as session:
            connection = session.connection()
            merged = {
                id(row): self.store.merge(session, row.record.refused, self.batch["by"])
                for row in rows
                if isinstance(row.record, MessageRow) and isinstance(row.record.refused, Merging)
                and row.record.refused.agreed
            }  # fmt: skip
            if said is None:
                outcomes: Sequence[str | Refused] = self.store.patients(connection, facts, last_word)
            else:
                outcomes = self.store.facts(connection, said)
            counts, rejects, ends = self._settled(connection, sheet, rows, good, outcomes, merged)
            file = FileCounts(**asdict(progress.counts))
            file.add(counts)
            total = Counts(**asdict(self.report.total))
            total.add(counts)
            if not self.store.dry_run:
                self._note(connection, progress, file, total, rejects)
        # Only what is committed is told.
        self.report.total = total
        if sheet.name in self._files:
            progress.counts.__dict__.update(asdict(file))
        else:
            progress.counts = file
            self._files[sheet.name] = progress
            self.report.files.append(file)
        if sheet.kind == "patients":
            made = zip(facts, outcomes, strict=True)
            new = [fact for fact, outcome in made if outcome == "created"]
            self.newcomers |= {fact.mrn for fact in new}
            if self.store.dry_run:
                decisions().met.update((fact.mrn, person_in(fact)) for fact in new)
        self._tell(sheet, rows, ends, rejects)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        if self.store.dry_run:
            with reading(self.engine) as session:
                yield session
            return
        with writing(self.engine) as session:
            one_import_at_a_time(session)
            yield session

    def _settled(
        self,
        connection: sa.Connection,
        sheet: Sheet,
        rows: Sequence[RowRead],
        good: Sequence[RowRead],
        outcomes: Sequence[str | Refused],
        merged: Mapping[int, str],
    ) -> tuple[Counts, "list[_Rejected]", list[str]]:
        """The counts of a block, its rejected rows as sent, and what became of each row."""
        became: dict[int, str] = dict(merged)
        for row, outcome in zip(good, outcomes, strict=True):
            if isinstance(outcome, Refused):
                row.refused = outcome
            elif row.refused is None:
                became[id(row)] = outcome
        told = {
            id(row): sheet.told(row.record, row.refused)
            for row in rows
            if row.refused is not None and id(row) not in merged
        }
        rejected: list[RowRead] = []
        if isinstance(sheet, MessageSheet):
            self.report.may_wait = True
            arrived = [Arrived(row.line, cast(MessageRow, row.record), told.get(id(row))) for row in rows]
            settled = self.room.settle(connection, sheet, arrived, self.store.batch_id)
            for row, what in zip(rows, settled, strict=True):
                if what != "fact":
                    became[id(row)] = what
                if what == "rejected":
                    rejected.append(row)
                elif what != "fact":
                    self._remark(sheet, row, told[id(row)], what)
        else:
            rejected = [row for row in rows if id(row) in told]
            became |= {id(row): "rejected" for row in rejected}
        ends = [became[id(row)] for row in rows]
        counts = Counts(read=len(rows))
        for end in ends:
            setattr(counts, end, getattr(counts, end) + 1)
        return counts, [self._rejected(sheet, row, told[id(row)]) for row in rejected], ends

    def _remark(self, sheet: Sheet, row: RowRead, told: Refused, what: str) -> None:
        """Tell of a row that waits, or was rejected before, for whoever answers its sender row by row."""
        lists = {"waiting": self.report.waits, "unchanged": self.report.told_again}
        if (what == "waiting" or is_reject(told)) and len(lists[what]) < REJECTS_REPORTED:
            lists[what].append(self._rejected(sheet, row, told).reject)

    @staticmethod
    def _rejected(sheet: Sheet, row: RowRead, told: Refused) -> "_Rejected":
        reject = Reject(sheet.name, row.line, told.column, _printable(told.value), _printable(told.why))
        once = digest_of(row.record) if isinstance(row.record, MessageRow) else None
        return _Rejected(reject, sheet.row(row.record), once)

    def _note(
        self,
        connection: sa.Connection,
        progress: _Progress,
        file: FileCounts,
        total: Counts,
        rejects: "Sequence[_Rejected]",
    ) -> None:
        """Write beside the block how far the import has got, and the rows it refused."""
        batch_id = self.store.batch_id
        batches, files = table_of(ImportBatch), table_of(ImportFile)
        connection.execute(sa.update(batches).where(batches.c.id == batch_id).values(asdict(total)))
        if progress.id is None:
            made = connection.execute(sa.insert(files).values(batch_id=batch_id, **asdict(file)))
            progress.id = cast(int, made.inserted_primary_key[0])  # type: ignore[index]
        else:
            connection.execute(sa.update(files).where(files.c.id == progress.id).values(asdict(file)))
        if rejects:
            connection.execute(
                sa.insert(table_of(RejectedRow)),
                [
                    asdict(one.reject)
                    | {
                        "batch_id": batch_id,
                        "row": _printable(json.dumps(one.row, ensure_ascii=False)),
                        "digest": one.once,
                    }
                    for one in rejects
                ],
            )

    def _tell(self, sheet: Sheet, rows: Sequence[RowRead], ends: Sequence[str], rejects: "Sequence[_Rejected]") -> None:
        """Tell the report, the file of rejects and whoever follows what became of a block."""
        for row, end in zip(rows, ends, strict=True):
            if self.follow is not None:
                self.follow(sheet.name, row.line, end)
            if self.store.dry_run and end in ("created", "updated") and len(self.report.seen) < FACTS_SHOWN:
                self._show(row.fact, end)
        for one in rejects:
            if len(self.report.rejects) < REJECTS_REPORTED:
                self.report.rejects.append(one.reject)
            if self.rejects is not None:
                self.rejects.add(sheet.kind, one.reject, one.row, sheet.rejected_under)

    def _show(self, fact: Any, outcome: str) -> None:
        """How a fact would look."""
        if isinstance(fact, ObservationFact):
            result = fact.result
            self.report.seen.append(
                {
                    "mrn": fact.mrn, "measure": result.measure, "value": result.value, "comparator": result.comparator,
                    "unit": result.unit, "upper_limit": result.upper_limit, "date": fact.taken.effective_on.isoformat(),
                    "status": result.status, "outcome": outcome,
                }
            )  # fmt: skip


@dataclass(frozen=True)
class _Rejected:
    """A rejected row: what is told of it, the row as sent, and what recognises it when it is sent again."""

    reject: Reject
    row: dict[str, str]
    once: bytes | None


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
    mapping: str | None = None,
) -> ImportReport:
    """Import CSV folders, single CSV files, workbooks, tables by a mapping, FHIR or HL7 files.

    Args:
        format: `auto` (by the paths' suffixes and headers), `csv`, `xlsx`, `table`, `fhir` or `hl7`.
        timezone: the clinic's zone; times without an offset are in it.
        by: who imports. `sender`: who speaks; a `source_id` is the sender's own. By default whom a message names, and
            `csv` for tables.
        dry_run: write nothing; the counts are those that the import would have.
        rejects_file: where rejected rows are written as sent, with the reason.
        mapping: what the columns of a table mean: a file, or the name of a ready one. It is kept for its source and
            applied by itself to the next table with the same headings.

    Raises:
        UsageError: something cannot be read at all; nothing was changed.
    """
    files = [Path(path) for path in paths]
    with words_at(engine, now, timezone):
        named = None if mapping is None else named_mapping(mapping, files)
        sources, used_format, warnings = find_sources(
            files,
            format if named is None else "table",
            timezone,
            lambda: kept_mappings(engine) if named is None else [named],
        )
    report = import_sources(
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
    if named is not None and not dry_run:
        keep_mapping(engine, named, by=by, now=now)
    return report


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
    decided: Decisions | None = None,
    again: bool = False,
) -> ImportReport:
    """The same for sheets that are open already or were never files: what a message brought.

    Args:
        name: what the import is called in lists. `warnings`: what was noticed before anything was read.
        follow: told of every row what became of it; with it a message can be answered entry by entry.
        decided: what was decided about senders; by default what is on file.
        again: the rows waited before and are read again.

    Raises:
        UsageError: something cannot be read at all; nothing was changed.
    """
    with words_at(engine, now, timezone):
        for source in sources:
            # A header that lacks a column refuses the whole import, not what follows it.
            with source.open():
                pass
    report = ImportReport(warnings=list(warnings), dry_run=dry_run)
    held = decisions_on_file(engine) if decided is None else decided
    with _rejects(rejects_file) as rejects, words_at(engine, now, timezone), deciding(held):
        store = Store(engine.dialect, timezone=timezone, sender=sender or DEFAULT_SENDER, now=now, dry_run=dry_run)
        batch = {"format": format, "name": name, "sender": store.sender, "by": by, "started_at": now}
        room = WaitingRoom(now, dry_run=dry_run, again=again)
        running = _Import(engine, store, report, rejects, follow, batch, room)
        if not dry_run:
            running.begin()
        senders = []
        for source in sources:
            with source.open() as sheet:
                store.sender = sender or sheet.sender or DEFAULT_SENDER
                senders.append(store.sender)
                running.load(sheet)
        batch["sender"] = ", ".join(dict.fromkeys(senders))[:LONGEST_NAME] or batch["sender"]
        _closing_warnings(report, store)
        report.patient_ids = sorted(store.touched)
        if not dry_run:
            _pack(engine, report.patient_ids, timezone)
            running.finish()
        if rejects is not None:
            rejects.finish()
    if not dry_run:
        new = keep_learned(engine, held.learned, now)
        if new or running.newcomers:
            # Imported here: what flows is an import of its own.
            from jobs.importers.loading.flow import flow_of_itself

            flow_of_itself(engine, report, learned=new, newcomers=running.newcomers, timezone=timezone, by=by, now=now)
    return report


def _pack(engine: Engine, patient_ids: Sequence[int], timezone: str) -> None:
    """Pack the facts of those the import touched once, so that the next evaluation need not read them row by row."""
    for start in range(0, len(patient_ids), PACKED_AT_ONCE):
        some = patient_ids[start : start + PACKED_AT_ONCE]
        with collector_paused(), reading(engine) as session:
            packed = newly_packed(session.connection(), some, timezone=timezone)
        with writing(engine) as session:
            keep_packed(session.connection(), packed)


@contextmanager
def _rejects(path: str | Path | None) -> Iterator[RejectsFile | None]:
    with rejects_file(None if path is None else Path(path)) as rejects:
        yield rejects


def _closing_warnings(report: ImportReport, store: Store) -> None:
    if store.moved:
        report.warnings.append(
            f"{store.moved} corrected {'fact was' if store.moved == 1 else 'facts were'} moved to another patient"
        )
    if report.total.waiting:
        many = "1 row waits" if report.total.waiting == 1 else f"{report.total.waiting} rows wait"
        report.warnings.append(f"{many} for a decision; `myopanel waiting` lists them, `myopanel map add` decides")
    hidden = report.total.rejected - len(report.rejects)
    if hidden > 0:
        report.warnings.append(f"{hidden} more rejected rows are not listed here; all are kept in the database")

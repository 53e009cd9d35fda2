"""Facts into the database: what is new is added, what was corrected is superseded, what is known changes nothing."""

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session

from jobs.importers.canonical import Fact, Kind, Merging, ObservationFact, PatientFact, Refused
from jobs.importers.canonical.medication import MedicationFact
from jobs.importers.canonical.observation import GROUPS
from jobs.importers.loading.bulk import Writer, count_deliveries, parts, table_of, versions_on_file
from jobs.importers.loading.corrections import aimed, beside
from jobs.importers.loading.people import People
from jobs.importers.loading.said import Said
from jobs.importers.loading.versions import Chain, Version, place
from models.clock import clinic_date
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.merging import carry_out
from models.observation import Observation
from models.patient import Patient
from models.recorded import Recorded, own_columns

TABLES: Mapping[Kind, type[Recorded]] = {
    "observations": Observation,
    "medications": MedicationStatement,
    "events": ClinicalEvent,
}
_OF_EACH_ROW = (
    "patient_id", "received_at", "received_on", "known_to", "source_id", "identity", "content", "line",
)  # fmt: skip
_OF_THE_IMPORT = ("imported_at", "sender", "batch_id", "entered_by")
_received = attrgetter("received_at")


class Store:
    """Stores patients and facts of one import, each call within its caller's transaction.

    Attributes:
        sender: who speaks.
        touched: patients of whom something was created or updated so far.
        moved: how many corrected facts went to another patient.
    """

    def __init__(
        self,
        dialect: sa.Dialect,
        *,
        timezone: str,
        sender: str,
        now: dt.datetime,
        batch_id: int | None = None,
        entered_by: str | None = None,
        dry_run: bool = False,
    ) -> None:
        self.timezone = timezone
        self.sender = sender
        self.now = now
        self.batch_id = batch_id
        self.entered_by = entered_by
        self.dry_run = dry_run
        self.touched: set[int] = set()
        self.moved = 0
        self._dialect = dialect
        self._people = People(now, dry_run=dry_run)
        self._writers: dict[Kind, Writer] = {}
        self._imagined: dict[tuple[Kind, bytes], Chain] = {}

    def patients(
        self, connection: sa.Connection, facts: Sequence[PatientFact], last_word: Mapping[str, Mapping[str, Any]]
    ) -> list[str]:
        """Create or update patients; says of each row what became of it. See `People.store`."""
        outcomes, made, changed = self._people.store(connection, facts, last_word)
        self.touched |= made
        self._bump(connection, changed)
        return outcomes

    def facts(self, connection: sa.Connection, said: Said, *, known_since_now: bool = False) -> list[str | Refused]:
        """Store facts of one kind; says of each what became of it, or why it was refused.

        `known_since_now`: a fact without `received_at` became known now (typed in) and not when it was true.
        """
        ids = self._people.ids(connection, {fact.mrn for fact in said.facts})
        said = self._under_former_numbers(connection, said)
        said, ambiguous = aimed(connection, said, ids, self.sender)
        on_file = self._on_file(connection, said)
        placed, asked = beside(connection, said, ids, self.sender, on_file, self.batch_id)
        if placed.identities != said.identities:
            said, on_file = placed, self._on_file(connection, placed)
        undecided = {**ambiguous, **asked}
        chains = self._chains(connection, said, on_file)
        block = _Block(self, connection, said.kind, known_since_now=known_since_now)
        outcomes: list[str | Refused] = []
        rows = zip(said.facts, said.lines, said.identities, said.contents, strict=True)
        for number, (fact, line, identity, content) in enumerate(rows):
            patient_id = ids[fact.mrn]
            if number in undecided:
                outcomes.append(undecided[number])
            elif patient_id is None:
                outcomes.append(Refused("mrn", fact.mrn, _unknown_patient(fact.mrn)))
            elif (chain := chains.get(identity)) is not None:
                outcomes.append(block.add_version(chain, fact, line, identity, content, patient_id))
            elif identity in on_file:
                outcomes.append("unchanged")
            else:
                outcomes.append(block.add(fact, line, identity, content, patient_id))
        self.moved += block.moved
        if self.dry_run:
            self._imagine(said.kind, block)
        else:
            block.write()
            self._bump(connection, block.changed)
        if said.kind == "medications":
            self._confirm(connection, said, outcomes, known_since_now=known_since_now)
        return outcomes

    def _under_former_numbers(self, connection: sa.Connection, said: Said) -> Said:
        """Facts that were stored under a number merged since then are recognised by what they were called then."""
        former: dict[str, list[str]] = {}
        for mrn, holds in self._people.merged(connection).items():
            former.setdefault(holds, []).append(mrn)
        if not any(fact.mrn in former for fact in said.facts):
            return said
        on_file = self._on_file(connection, said)
        renamed: dict[int, Said] = {}
        for number, fact in enumerate(said.facts):
            if said.identities[number] not in on_file and fact.mrn in former:
                others = [_under(fact, mrn) for mrn in former[fact.mrn]]
                renamed[number] = Said.by(self.sender, said.kind, others, [None] * len(others))
        found = versions_on_file(
            connection, table_of(TABLES[said.kind]), [one for some in renamed.values() for one in some.identities]
        )
        identities, contents = list(said.identities), list(said.contents)
        for number, some in renamed.items():
            for identity, content in zip(some.identities, some.contents, strict=True):
                if identity in found:
                    identities[number], contents[number] = identity, content
        return replace(said, identities=identities, contents=contents)

    def merge(self, session: Session, merging: Merging, by: str) -> str:
        """Carry out a merge of record numbers; `updated`, or `unchanged` where there was nothing to do."""
        if self.dry_run:
            return "updated"
        made = carry_out(session, merging.former, merging.into, sender=self.sender, by=by, now=self.now)
        if made is None:
            return "unchanged"
        self._people.forget()
        self.touched |= {made.former_id, made.into_id}
        return "updated"

    def _confirm(
        self, connection: sa.Connection, said: Said, outcomes: list[str | Refused], *, known_since_now: bool
    ) -> None:
        """Store that drugs were confirmed with the patient; a row that says only this anew counts as updated."""
        told = [
            (number, event)
            for number, (fact, outcome) in enumerate(zip(said.facts, outcomes, strict=True))
            if isinstance(fact, MedicationFact)
            and not isinstance(outcome, Refused)
            and (event := fact.confirmation()) is not None
        ]
        if not told:
            return
        lines = [said.lines[number] for number, _ in told]
        events = Said.by(self.sender, "events", [event for _, event in told], lines)
        stored = self.facts(connection, events, known_since_now=known_since_now)
        for (number, _), outcome in zip(told, stored, strict=True):
            if outcomes[number] == "unchanged" and outcome != "unchanged":
                outcomes[number] = "updated"

    def _on_file(self, connection: sa.Connection, said: Said) -> dict[bytes, list[bytes]]:
        identities = sorted(set(said.identities))
        on_file = versions_on_file(connection, table_of(TABLES[said.kind]), identities)
        if self._imagined:
            for identity in identities:
                chain = self._imagined.get((said.kind, identity))
                if chain is not None:
                    on_file[identity] = [version.content for version in chain]
        return on_file

    def _chains(
        self, connection: sa.Connection, said: Said, on_file: Mapping[bytes, Sequence[bytes]]
    ) -> dict[bytes, Chain]:
        """The versions of those facts that get another one here, or are told more than once here; few of many."""
        growing = {
            identity
            for identity, content in zip(said.identities, said.contents, strict=True)
            if identity in on_file and content not in on_file[identity]
        }
        if len(set(said.identities)) < len(said.identities):
            growing |= {identity for identity, times in Counter(said.identities).items() if times > 1}
        chains: dict[bytes, Chain] = {identity: [] for identity in growing}
        table = table_of(TABLES[said.kind])
        stored = sorted(
            identity for identity in growing if identity in on_file and (said.kind, identity) not in self._imagined
        )
        for part in parts(stored):
            query = sa.select(table).where(table.c.identity.in_(part)).order_by(table.c.received_at, table.c.id)
            for row in connection.execute(query).mappings():
                version = Version(
                    row["received_at"], row["content"], row["patient_id"], id=row["id"], known_to=row["known_to"],
                    row=dict(row),
                )  # fmt: skip
                chains[row["identity"]].append(version)
        for identity in growing:
            chains[identity] += self._imagined.get((said.kind, identity), [])
        return chains

    def _imagine(self, kind: Kind, block: "_Block") -> None:
        """What a dry run would have stored, for what it reads next."""
        self._imagined.update(((kind, identity), [version]) for identity, version in block.single.items())
        self._imagined.update(((kind, identity), chain) for identity, chain in block.grown.items())

    def _bump(self, connection: sa.Connection, patients: set[int]) -> None:
        """Mark every patient whose facts changed, so that the next evaluation looks at them again."""
        self.touched |= patients
        table = table_of(Patient)
        for ids in parts(sorted(patients)):
            connection.execute(sa.update(table).where(table.c.id.in_(ids)).values(revision=table.c.revision + 1))

    def writer(self, kind: Kind) -> Writer:
        """How rows of a kind are written: what each row has of its own, what it says, what all of the import share."""
        known = self._writers.get(kind)
        if known is None:
            own = [field for group in GROUPS for field in group._fields]
            if kind != "observations":
                own = list(own_columns(TABLES[kind]))
            columns = (*_OF_EACH_ROW, *own, *_OF_THE_IMPORT)
            known = self._writers[kind] = Writer(table_of(TABLES[kind]), columns, self._dialect)
        return known


class _Block:
    """New rows of one kind until they are written together, in the order in which they were told."""

    def __init__(self, store: Store, connection: sa.Connection, kind: Kind, *, known_since_now: bool) -> None:
        self.kind = kind
        self.changed: set[int] = set()
        self.moved = 0
        self.single: dict[bytes, Version] = {}
        self.grown: dict[bytes, Chain] = {}
        self._store = store
        self._connection = connection
        self._known_since_now = known_since_now
        self._writer = store.writer(kind)
        self._instant = self._writer.stored("received_at")
        self._day = self._writer.stored("received_on")
        self._common = {
            "imported_at": store.now,
            "sender": store.sender,
            "batch_id": store.batch_id,
            "entered_by": store.entered_by,
        }
        self._tail = tuple(self._writer.stored(column)(self._common[column]) for column in _OF_THE_IMPORT)
        self._rows: list[tuple[Any, ...] | Version] = []
        self._days: dict[dt.datetime, dt.date] = {}
        self._delivered: list[tuple[str, Any, int]] = []

    def add(self, fact: Fact, line: int | None, identity: bytes, content: bytes, patient_id: int) -> str:
        """A fact nobody told before."""
        received_at = self._received_at(fact)
        if self._store.dry_run:
            self.single[identity] = Version(received_at, content, patient_id)
            return "created"
        day = self._received_on(received_at)
        if isinstance(fact, ObservationFact):
            stored_day, (at, on) = self._day(day), fact.taken
            head = (patient_id, self._instant(received_at), stored_day, None, fact.source_id, identity, content, line)
            self._rows.append((*head, *fact.result, self._instant(at), self._day(on), *fact.told, *self._tail))
            self._delivered.append((fact.result.measure, stored_day, patient_id))
        else:
            said = (patient_id, received_at, day, None, fact.source_id, identity, content, line)
            row = dict(zip(_OF_EACH_ROW, said, strict=True))
            self._rows.append(self._writer.row(row | fact.values(None) | self._common))
        self.changed.add(patient_id)
        return "created"

    def add_version(
        self, chain: Chain, fact: Fact, line: int | None, identity: bytes, content: bytes, patient_id: int
    ) -> str:
        """Another version of a fact, or the first of one that is told again in this block."""
        if any(version.content == content for version in chain):
            return "unchanged"
        received_at = self._received_at(fact)
        if chain and fact.received_at is None:
            # What corrects a fact cannot have been known before it.
            received_at = max(received_at, chain[-1].received_at)
        before = None
        if chain:
            at = bisect_right(chain, received_at, key=_received)
            before = chain[at - 1].row if at else None
        row: dict[str, Any] = {}
        if not self._store.dry_run:
            row = fact.values(before) | {
                "patient_id": patient_id,
                "received_at": received_at,
                "received_on": self._received_on(received_at),
                "source_id": fact.source_id,
                "identity": identity,
                "content": content,
                "line": line,
            }
        version = Version(received_at, content, patient_id, row=row)
        outcome = "updated" if chain else "created"
        self.moved += bool(chain) and chain[-1].patient_id != patient_id
        place(chain, version)
        self._rows.append(version)
        self.grown[identity] = chain
        return outcome

    def write(self) -> None:
        """Insert the new rows and close the spans of those they replace."""
        rows = [row if isinstance(row, tuple) else self._of_version(row) for row in self._rows]
        if rows:
            self._writer.write(self._connection, rows)
            count_deliveries(self._connection, self._store.sender, self._delivered)
        closed = []
        for chain in self.grown.values():
            # A patient who lost a fact to another one has changed as much as the one who got it.
            self.changed.update(version.patient_id for version in chain)
            closed += [
                {"version_id": version.id, "closed_at": version.known_to}
                for version in chain
                if version.id is not None and version.known_to != version.closed_before
            ]
        if closed:
            table = self._writer.table
            this = table.c.id == sa.bindparam("version_id")
            change = sa.update(table).where(this).values(known_to=sa.bindparam("closed_at"))
            self._connection.execute(change, closed)

    def _of_version(self, version: Version) -> tuple[Any, ...]:
        row = cast(Mapping[str, Any], version.row)
        if self.kind == "observations":
            self._delivered.append((row["measure"], self._day(row["received_on"]), version.patient_id))
        return self._writer.row({**row, "known_to": version.known_to, **self._common})

    def _received_at(self, fact: Fact) -> dt.datetime:
        if fact.received_at is not None:
            return fact.received_at
        return self._store.now if self._known_since_now else fact.known_since(self._store.timezone)

    def _received_on(self, received_at: dt.datetime) -> dt.date:
        # Most rows were received when they were true, and a visit has many of them.
        day = self._days.get(received_at)
        if day is None:
            day = self._days[received_at] = clinic_date(received_at, self._store.timezone)
        return day


def _under(fact: Fact, mrn: str) -> Fact:
    """The fact as it would be said of another record number."""
    other = replace(fact, mrn=mrn)
    if isinstance(other, ObservationFact):
        other.digest = b""
    return other


def _unknown_patient(mrn: str) -> str:
    return f"no patient with record number {mrn!r}; add it to patients.csv. Record numbers are compared exactly"

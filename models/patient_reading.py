"""Rows become patients' facts here and nowhere else: packed as one value, or read as they were known at an instant.

What is believed now comes packed (`models.packed_facts`) where the value is of the patient's revision, and from the
rows otherwise. What was known at an instant of the past is always read from the rows.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.clock import end_of_day, start_of_day
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.packed_facts import MAGIC, PackedFacts, Plan, RowsOfPatient, Unpacked, is_readable, pack
from models.patient import Patient
from models.patient_facts import FeedSilence, PatientFacts, Reading, date_of, day_number
from models.plausibility import plausible
from models.rows import as_day, collector_paused, fetch, listed
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

CHUNK = 500


def read_patients(
    connection: sa.Connection,
    as_of: dt.date,
    *,
    timezone: str,
    known_at: dt.datetime | None = None,
    patient_ids: Sequence[int] | None = None,
    statuses: Sequence[str] = ("active",),
    feeds: Sequence[FeedSilence] = (),
    packed_anew: list[PackedFacts] | None = None,
) -> Iterator[PatientFacts]:
    """The facts of the panel (or of `patient_ids`) as they stood on `as_of`, as known at `known_at`, by patient id.

    Patients whose status is not in `statuses` appear nowhere. Facts dated after `as_of` are left out. `feeds` is handed
    on. Read in blocks, so that a panel of any size needs little memory; the caller decides what one state is. Values
    that had to be packed on the way are added to `packed_anew`: the caller may keep them (`keep_packed`).
    """
    today, evening = day_number(as_of), end_of_day(as_of, timezone).timestamp()
    asked = _members(connection, statuses) if patient_ids is None else sorted(patient_ids)
    for start in range(0, len(asked), CHUNK):
        with collector_paused():
            people, packed = _block(connection, asked[start : start + CHUNK], statuses, timezone, known_at, packed_anew)
        for person in people:
            yield _facts(person, packed[person[0]], today, evening, feeds)


def _members(connection: sa.Connection, statuses: Sequence[str]) -> list[int]:
    return [int(row[0]) for row in fetch(connection, _members_query(), {"statuses": list(statuses)})]


@lru_cache(maxsize=1)
def _members_query() -> sa.Select[Any]:
    table: Any = Patient
    return sa.select(table.id).where(table.status.in_(listed("statuses"))).order_by(table.id)


_PERSON = (
    "id", "mrn", "birth_date", "sex", "diagnosis", "diagnosed_on", "autoantibodies", "site", "clinician", "status",
    "revision",
)  # fmt: skip


def _block(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    statuses: Sequence[str],
    timezone: str,
    known_at: dt.datetime | None,
    packed_anew: list[PackedFacts] | None,
) -> tuple[list[Sequence[Any]], dict[int, bytes]]:
    people = fetch(connection, _block_query(), {"ids": list(patient_ids), "statuses": list(statuses)})
    if known_at is not None:
        return people, _packed_rows(connection, [row[0] for row in people], timezone, known_at)
    packed = {row[0]: bytes(row[12]) for row in people if row[11] == row[10] and is_readable(row[12])}
    stale = {row[0]: row[10] for row in people if row[0] not in packed}
    if stale:
        anew = _packed_rows(connection, list(stale), timezone, None)
        packed |= anew
        if packed_anew is not None:
            packed_anew += [
                PackedFacts(patient_id=who, revision=stale[who], packed=value) for who, value in anew.items()
            ]
    return people, packed


@lru_cache(maxsize=1)
def _block_query() -> sa.Select[Any]:
    table: Any = Patient
    entry: Any = PackedFacts
    query = sa.select(*(getattr(table, name) for name in _PERSON), entry.revision, entry.packed)
    query = query.join(PackedFacts, entry.patient_id == table.id, isouter=True).order_by(table.id)
    return query.where(table.id.in_(listed("ids")), table.status.in_(listed("statuses")))


def _facts(
    person: Sequence[Any],
    packed: bytes,
    today: int,
    evening: float,
    feeds: Sequence[FeedSilence],
) -> PatientFacts:
    birth_date = _date(person[2])
    unpacked = Unpacked(packed, today, evening=evening, birth_date=birth_date)
    return PatientFacts(
        today=today,
        id=person[0],
        mrn=person[1],
        birth_date=birth_date,
        sex=person[3] or "unknown",
        diagnosis=person[4] or "UNSPECIFIED",
        diagnosed_on=_date(person[5]),
        autoantibodies=person[6] or "",
        site=person[7] or "",
        clinician=person[8] or "",
        status=person[9],
        revision=person[10],
        read=unpacked.series,
        read_latest=unpacked.latest,
        read_doubtful=unpacked.doubtful if unpacked.suspect else None,
        measures=unpacked.measures(),
        statements=unpacked.statements,
        happenings=unpacked.happenings,
        not_done=unpacked.not_done,
        pauses=unpacked.pauses,
        plan=unpacked.plan,
        feeds=feeds,
        ahead=unpacked.ahead,
    )


def refresh(connection: sa.Connection, patient_ids: Iterable[int], *, timezone: str) -> int:
    """Pack those of the patients whose value is not of their revision; returns how many were packed."""
    asked = sorted(patient_ids)
    count = 0
    for start in range(0, len(asked), CHUNK):
        packed = newly_packed(connection, asked[start : start + CHUNK], timezone=timezone)
        keep_packed(connection, packed)
        count += len(packed)
    return count


def newly_packed(connection: sa.Connection, patient_ids: Sequence[int], *, timezone: str) -> list[PackedFacts]:
    """The values of those of some patients (up to `CHUNK`) whose kept value is not of their revision; only read."""
    found = fetch(connection, _stale_query(), {"ids": list(patient_ids)})
    revisions = {int(row[0]): int(row[1]) for row in found}
    packed = _packed_rows(connection, sorted(revisions), timezone, None) if revisions else {}
    return [PackedFacts(patient_id=who, revision=revisions[who], packed=value) for who, value in packed.items()]


@lru_cache(maxsize=1)
def _stale_query() -> sa.Select[Any]:
    table: Any = Patient
    entry: Any = PackedFacts
    query = sa.select(table.id, table.revision).join(PackedFacts, entry.patient_id == table.id, isouter=True)
    stale = sa.or_(
        entry.revision.is_(None),
        entry.revision != table.revision,
        sa.func.substr(entry.packed, 1, len(MAGIC)) != sa.literal(MAGIC, sa.LargeBinary()),
    )
    return query.where(table.id.in_(listed("ids")), stale)


def keep_packed(connection: sa.Connection, packed: Sequence[PackedFacts]) -> None:
    """Keep the values, each unless one of a later revision is kept already."""
    if not packed:
        return
    made: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = made(PackedFacts)
    entry: Any = PackedFacts
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["patient_id"],
            set_={"revision": insert.excluded.revision, "packed": insert.excluded.packed},
            where=entry.revision <= insert.excluded.revision,
        ),
        [one.model_dump() for one in packed],
    )


# ------------------------------------------------------------------------------------------------------- from the rows


class FactRow(NamedTuple):
    """A fact as packed, whose it is, and the span of knowledge in which it was believed (as the driver gives it)."""

    patient_id: int
    fact: Any
    received_at: Any
    known_to: Any


class ObservationRow(NamedTuple):
    """An observation as packed (id, day, value, limit, assay, assessor, comparator), or a note of one not done."""

    patient_id: int
    measure: str
    fact: Any
    not_done: Any
    effective_at: Any
    received_at: Any
    known_to: Any
    imported_at: Any


def _packed_rows(
    connection: sa.Connection, patient_ids: Sequence[int], timezone: str, known_at: dt.datetime | None
) -> dict[int, bytes]:
    """Each patient's rows packed, as believed at `known_at` (None: now)."""
    out: dict[int, bytes] = {}
    for start in range(0, len(patient_ids), CHUNK):
        some = list(patient_ids[start : start + CHUNK])
        readings, not_done = _observations(connection, some, timezone, known_at)
        statements = _by_patient(statement_rows(connection, some, known_at), day=6)
        happenings = _by_patient(happening_rows(connection, some, known_at), day=2)
        pauses = _by_patient(pause_rows(connection, some, known_at))
        plans = _by_patient(plan_rows(connection, some, known_at))
        births = {row[0]: row[2] for row in patient_rows(connection, some)}
        for who in some:
            out[who] = pack(
                RowsOfPatient(
                    readings.get(who, {}),
                    statements.get(who, []),
                    happenings.get(who, []),
                    not_done.get(who, []),
                    pauses.get(who, []),
                    plans.get(who, []),
                    _suspect(readings.get(who, {}), births.get(who)),
                )
            )
    return out


def _suspect(readings: Mapping[str, Sequence[Any]], birth_date: dt.date | None) -> list[str]:
    """The measures among whose readings is one that cannot be."""
    return [measure for measure, series in readings.items() if plausible(_read(measure, series), birth_date)[1]]


def _read(measure: str, series: Sequence[Any]) -> list[Reading]:
    """Readings out of facts as packed."""
    return [
        Reading(day, value, limit, sign or "", number, assay, assessor, measure)
        for number, day, value, limit, assay, assessor, sign in series
    ]


def _by_patient(rows: Iterable[FactRow], day: int | None = None) -> dict[int, list[Any]]:
    """Facts by patient; sorted by the day at place `day` and their id, where asked."""
    out: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        out[row.patient_id].append(row.fact)
    if day is not None:
        for facts in out.values():
            facts.sort(key=lambda fact: (fact[day], fact[0]))
    return out


Versions = Literal["now", "then", "every"]
"""Which versions of each fact are read: the one believed now, the one believed at an instant, or all."""


def _versions(known_at: dt.datetime | None, every_version: bool) -> Versions:
    return "every" if every_version else "now" if known_at is None else "then"


def _values(patient_ids: Sequence[int], known_at: dt.datetime | None) -> dict[str, Any]:
    """What the queries below are asked with."""
    return {"ids": list(patient_ids)} | ({} if known_at is None else {"known_at": known_at})


def _known(table: Any, versions: Versions) -> list[Any]:
    """The conditions that pick the patients (`ids`) and the version of each fact (believed at `known_at`)."""
    mine = table.patient_id.in_(listed("ids"))
    if versions == "every":
        return [mine]
    if versions == "now":
        return [mine, table.known_to.is_(None)]
    instant = sa.bindparam("known_at", type_=table.received_at.type)
    return [mine, table.received_at <= instant, sa.or_(table.known_to.is_(None), table.known_to > instant)]


def _observations(
    connection: sa.Connection, patient_ids: Sequence[int], timezone: str, known_at: dt.datetime | None
) -> tuple[dict[int, dict[str, list[Any]]], dict[int, list[Any]]]:
    readings: dict[int, dict[str, list[Any]]] = {}
    undone: dict[int, list[Any]] = defaultdict(list)
    moments: dict[int, Moments] = {}
    for row in observation_rows(connection, patient_ids, known_at):
        if row.not_done is not None:
            undone[row.patient_id].append(row.not_done)
            continue
        readings.setdefault(row.patient_id, {}).setdefault(row.measure, []).append(row.fact)
        moments[row.fact[0]] = row.effective_at, row.received_at, row.imported_at
    for mine in readings.values():
        for series in mine.values():
            series.sort(key=lambda fact: (fact[1], fact[0]))
            order_within_days(series, moments, timezone)
    for notes in undone.values():
        notes.sort(key=lambda note: (note[2], note[0]))
    return readings, undone


Moments = tuple[Any, Any, Any]
"""When a reading was taken, received and imported, as the driver gives it."""


def order_within_days(series: list[Any], moments: Mapping[int, Moments], timezone: str) -> None:
    """Put readings of one day in the order of their time of day, then of their receipt.

    `series` holds facts as packed, sorted by day; `moments` are by id. A reading without a time takes the time of its
    receipt if that was the same day, else the day's end.
    """
    begin = 0
    while begin < len(series):
        end = begin + 1
        while end < len(series) and series[end][1] == series[begin][1]:
            end += 1
        if end - begin > 1:
            day = date_of(series[begin][1])
            span = start_of_day(day, timezone), end_of_day(day, timezone)
            series[begin:end] = sorted(series[begin:end], key=lambda fact: _moment(fact[0], moments, *span))
        begin = end


def _moment(
    number: int, moments: Mapping[int, Moments], midnight: dt.datetime, evening: dt.datetime
) -> tuple[dt.datetime, dt.datetime, int]:
    effective, received, imported = (instant(one) for one in moments[number])
    if effective != midnight:
        return effective, received, number
    # Midnight stands for "no time given". A receipt at that instant was not given either: then the import is it.
    receipt = imported if received == midnight else received
    return (receipt if midnight < receipt <= evening else evening), received, number


def patient_rows(connection: sa.Connection, patient_ids: Sequence[int]) -> list[list[Any]]:
    """The patients themselves, in the order of `_PERSON`, dates as dates."""
    rows = [list(row) for row in fetch(connection, _people_query(), {"ids": list(patient_ids)})]
    for row in rows:
        row[2], row[5] = _date(row[2]), _date(row[5])
    return rows


@lru_cache(maxsize=1)
def _people_query() -> sa.Select[Any]:
    table: Any = Patient
    query = sa.select(*(getattr(table, name) for name in _PERSON))
    return query.where(table.id.in_(listed("ids"))).order_by(table.id)


def observation_rows(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    known_at: dt.datetime | None = None,
    *,
    every_version: bool = False,
) -> Iterator[ObservationRow]:
    """Valid observations and notes of what was not done, as believed at `known_at`, or in every version."""
    query = _observation_query(_versions(known_at, every_version))
    days: dict[Any, int] = {}
    for (
        who, measure, number, on, value, limit, assay, assessor, sign, status, reason, effective, received, until,
        imported,
    ) in fetch(connection, query, _values(patient_ids, known_at)):  # fmt: skip
        day = days.get(on)
        if day is None:
            day = days[on] = as_day(on)
        note = (number, measure, day, reason) if status == "not-done" else None
        fact = (number, day, value, limit, assay, assessor, sign)
        yield ObservationRow(who, measure, fact, note, effective, received, until, imported)


@lru_cache(maxsize=3)
def _observation_query(versions: Versions) -> sa.Select[Any]:
    table: Any = Observation
    return sa.select(
        table.patient_id, table.measure, table.id, table.effective_on, table.value, table.upper_limit, table.assay,
        table.assessor, table.comparator, table.status, table.reason, table.effective_at, table.received_at,
        table.known_to, table.imported_at,
    ).where(*_known(table, versions), table.status.in_((*VALID, "not-done")))  # fmt: skip


def statement_rows(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    known_at: dt.datetime | None = None,
    *,
    every_version: bool = False,
) -> Iterator[FactRow]:
    """Medication statements (in the order of `Statement`) not entered in error."""
    rows = fetch(connection, _statement_query(_versions(known_at, every_version)), _values(patient_ids, known_at))
    for who, number, drug, dose, unit, often, route, start, end, intent, status, since, until in rows:
        dated = (as_day(start), None if end is None else as_day(end))
        yield FactRow(
            who, (number, drug, dose, unit, often, route or "", *dated, intent or "", status or ""), since, until
        )


@lru_cache(maxsize=3)
def _statement_query(versions: Versions) -> sa.Select[Any]:
    table: Any = MedicationStatement
    return sa.select(
        table.patient_id, table.id, table.drug, table.dose, table.unit, table.frequency, table.route, table.start_on,
        table.end_on, table.intent, table.status, table.received_at, table.known_to,
    ).where(*_known(table, versions), table.status != "entered-in-error")  # fmt: skip


def happening_rows(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    known_at: dt.datetime | None = None,
    *,
    every_version: bool = False,
) -> Iterator[FactRow]:
    """Events (in the order of `Happening`) not entered in error."""
    rows = fetch(connection, _happening_query(_versions(known_at, every_version)), _values(patient_ids, known_at))
    for who, number, event, on, end, present, detail, since, until in rows:
        ended = None if end is None else as_day(end)
        yield FactRow(who, (number, event, as_day(on), ended, bool(present), detail or ""), since, until)


@lru_cache(maxsize=3)
def _happening_query(versions: Versions) -> sa.Select[Any]:
    table: Any = ClinicalEvent
    return sa.select(
        table.patient_id, table.id, table.event, table.occurred_on, table.end_on, table.present, table.detail,
        table.received_at, table.known_to,
    ).where(*_known(table, versions), table.status != "entered-in-error")  # fmt: skip


def pause_rows(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    known_at: dt.datetime | None = None,
    *,
    every_version: bool = False,
) -> Iterator[FactRow]:
    """Pauses in monitoring (in the order of `Pause`)."""
    rows = fetch(connection, _pause_query(_versions(known_at, every_version)), _values(patient_ids, known_at))
    for who, test, reason, start, until, since, withdrawn in rows:
        yield FactRow(who, (test, reason, as_day(start), as_day(until)), since, withdrawn)


@lru_cache(maxsize=3)
def _pause_query(versions: Versions) -> sa.Select[Any]:
    table: Any = MonitoringPause
    query = sa.select(
        table.patient_id, table.test, table.reason, table.start_on, table.until, table.created_at, table.withdrawn_at
    )
    return query.where(*_stands(table, versions)).order_by(table.id)


def _stands(table: Any, versions: Versions) -> list[Any]:
    """As `_known`, for what is withdrawn instead of replaced."""
    mine = table.patient_id.in_(listed("ids"))
    if versions == "every":
        return [mine]
    if versions == "now":
        return [mine, table.withdrawn_at.is_(None)]
    instant = sa.bindparam("known_at", type_=table.created_at.type)
    return [mine, table.created_at <= instant, sa.or_(table.withdrawn_at.is_(None), table.withdrawn_at > instant)]


def plan_rows(
    connection: sa.Connection,
    patient_ids: Sequence[int],
    known_at: dt.datetime | None = None,
) -> Iterator[FactRow]:
    """Taper plans with their steps, the newest agreement last.

    As believed now, those withdrawn are among them with the instant: on an earlier day they still stood.
    """
    # Those withdrawn are read for the present, too.
    rows = fetch(connection, _plan_query("every" if known_at is None else "then"), _values(patient_ids, known_at))
    for _, steps in groupby(rows, key=lambda row: row[1]):
        mine = list(steps)
        who, number, template, agreed, since, withdrawn = mine[0][:6]
        ended = None if withdrawn is None or known_at is not None else instant(withdrawn).timestamp()
        doses = [(as_day(row[6]), row[7]) for row in mine]
        yield FactRow(who, Plan(number, template or "", as_day(agreed), ended, doses), since, withdrawn)


@lru_cache(maxsize=2)
def _plan_query(versions: Versions) -> sa.Select[Any]:
    plan: Any = TaperPlan
    step: Any = TaperStep
    query = sa.select(
        plan.patient_id, plan.id, plan.template, plan.agreed_on, plan.created_at, plan.withdrawn_at,
        step.start_on, step.dose_mg,
    ).join(step, step.plan_id == plan.id)  # fmt: skip
    return query.where(*_stands(plan, versions)).order_by(plan.patient_id, plan.agreed_on, plan.id, step.start_on)


def _date(value: Any) -> dt.date | None:
    """A date as the driver gives it: ISO text on SQLite, a date on PostgreSQL."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def instant(value: Any) -> dt.datetime:
    """An instant as the driver gives it: seconds since 1970 or text in UTC on SQLite, aware on PostgreSQL."""
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)

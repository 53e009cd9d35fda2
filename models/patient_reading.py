"""Rows become patients' facts here and nowhere else: packed as one value, or read as they were known at an instant.

What is believed now comes packed (`models.packed_facts`) where the value is of the patient's revision, and from the
rows otherwise. What was known at an instant of the past is always read from the rows.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from models.clock import end_of_day, start_of_day
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.packed_facts import PackedFacts, Plan, RowsOfPatient, Unpacked, pack
from models.patient import Patient
from models.patient_facts import FeedSilence, PatientFacts, day_number
from models.rows import collector_paused, fetch
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

HORIZON_DAYS = 550
"""Readings older than this are read only where they are the patient's last of their measure."""
CHUNK = 500


def read_patients(
    connection: sa.Connection,
    as_of: dt.date,
    *,
    timezone: str,
    known_at: dt.datetime | None = None,
    patient_ids: Sequence[int] | None = None,
    statuses: Sequence[str] = ("active",),
    horizon_days: int | None = HORIZON_DAYS,
    feeds: Sequence[FeedSilence] = (),
) -> Iterator[PatientFacts]:
    """The facts of the panel (or of `patient_ids`) as they stood on `as_of`, as known at `known_at`, by patient id.

    Patients whose status is not in `statuses` appear nowhere. Facts dated after `as_of` are left out. `feeds` is handed
    on. Read in blocks, so that a panel of any size needs little memory; the caller decides what one state is.
    """
    today, evening = day_number(as_of), end_of_day(as_of, timezone).timestamp()
    wanted = _members(connection, statuses) if patient_ids is None else sorted(patient_ids)
    for start in range(0, len(wanted), CHUNK):
        with collector_paused():
            people, packed = _block(connection, wanted[start : start + CHUNK], statuses, timezone, known_at)
        for person in people:
            yield _facts(person, packed[person[0]], today, evening, horizon_days, feeds)


def _members(connection: sa.Connection, statuses: Sequence[str]) -> list[int]:
    table: Any = Patient
    query = sa.select(table.id).where(table.status.in_(list(statuses))).order_by(table.id)
    return [int(row[0]) for row in fetch(connection, query)]


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
) -> tuple[list[Sequence[Any]], dict[int, bytes]]:
    table: Any = Patient
    entry: Any = PackedFacts
    query = sa.select(*(getattr(table, name) for name in _PERSON), entry.revision, entry.packed)
    query = query.join(PackedFacts, entry.patient_id == table.id, isouter=True).order_by(table.id)
    people = fetch(connection, query.where(table.id.in_(patient_ids), table.status.in_(list(statuses))))
    if known_at is not None:
        return people, _packed_rows(connection, [row[0] for row in people], timezone, known_at)
    packed = {row[0]: bytes(row[12]) for row in people if row[11] == row[10] and row[12] is not None}
    stale = [row[0] for row in people if row[0] not in packed]
    if stale:
        packed |= _packed_rows(connection, stale, timezone, None)
    return people, packed


def _facts(
    person: Sequence[Any],
    packed: bytes,
    today: int,
    evening: float,
    horizon_days: int | None,
    feeds: Sequence[FeedSilence],
) -> PatientFacts:
    unpacked = Unpacked(packed, today, horizon_days=horizon_days, evening=evening)
    return PatientFacts(
        today=today,
        id=person[0],
        mrn=person[1],
        birth_date=_date(person[2]),
        sex=person[3] or "unknown",
        diagnosis=person[4] or "UNSPECIFIED",
        diagnosed_on=_date(person[5]),
        autoantibodies=person[6] or "",
        site=person[7] or "",
        clinician=person[8] or "",
        status=person[9],
        revision=person[10],
        read=unpacked.series,
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
    table: Any = Patient
    entry: Any = PackedFacts
    wanted = sorted(patient_ids)
    count = 0
    for start in range(0, len(wanted), CHUNK):
        query = sa.select(table.id, table.revision).join(PackedFacts, entry.patient_id == table.id, isouter=True)
        stale = sa.or_(entry.revision.is_(None), entry.revision != table.revision)
        found = fetch(connection, query.where(table.id.in_(wanted[start : start + CHUNK]), stale))
        revisions = {int(row[0]): int(row[1]) for row in found}
        if not revisions:
            continue
        packed = _packed_rows(connection, sorted(revisions), timezone, None)
        connection.execute(sa.delete(PackedFacts).where(entry.patient_id.in_(list(revisions))))
        connection.execute(
            sa.insert(PackedFacts),
            [{"patient_id": who, "revision": revisions[who], "packed": value} for who, value in packed.items()],
        )
        count += len(packed)
    return count


# ------------------------------------------------------------------------------------------------------- from the rows


def _packed_rows(
    connection: sa.Connection, patient_ids: Sequence[int], timezone: str, known_at: dt.datetime | None
) -> dict[int, bytes]:
    """Each patient's rows packed, as believed at `known_at` (None: now)."""
    out: dict[int, bytes] = {}
    for start in range(0, len(patient_ids), CHUNK):
        some = list(patient_ids[start : start + CHUNK])
        readings, not_done = _observations(connection, some, timezone, known_at)
        statements = _statements(connection, some, known_at)
        happenings = _happenings(connection, some, known_at)
        pauses = _pauses(connection, some, known_at)
        plans = _plans(connection, some, known_at)
        for who in some:
            out[who] = pack(
                RowsOfPatient(
                    readings.get(who, {}),
                    statements.get(who, []),
                    happenings.get(who, []),
                    not_done.get(who, []),
                    pauses.get(who, []),
                    plans.get(who, []),
                )
            )
    return out


def _known(table: Any, known_at: dt.datetime | None) -> list[Any]:
    """The condition that picks the version of each fact believed at `known_at`."""
    if known_at is None:
        return [table.known_to.is_(None)]
    return [table.received_at <= known_at, sa.or_(table.known_to.is_(None), table.known_to > known_at)]


def _observations(
    connection: sa.Connection, patient_ids: Sequence[int], timezone: str, known_at: dt.datetime | None
) -> tuple[dict[int, dict[str, list[Any]]], dict[int, list[Any]]]:
    table: Any = Observation
    query = sa.select(
        table.patient_id, table.measure, table.id, table.effective_on, table.value, table.upper_limit, table.assay,
        table.assessor, table.comparator, table.status, table.reason, table.effective_at, table.received_at,
    ).where(
        table.patient_id.in_(patient_ids), *_known(table, known_at), table.status.in_((*VALID, "not-done"))
    )  # fmt: skip
    readings: dict[int, dict[str, list[Any]]] = {}
    undone: dict[int, list[Any]] = defaultdict(list)
    days: dict[Any, int] = {}
    moments: dict[int, tuple[Any, Any]] = {}
    for (
        who, measure, identifier, on, value, limit, assay, assessor, comparator, status, reason, effective, received,
    ) in fetch(connection, query):  # fmt: skip
        day = days.get(on)
        if day is None:
            day = days[on] = _day(on)
        if status == "not-done":
            undone[who].append((identifier, measure, day, reason))
            continue
        series = readings.setdefault(who, {}).setdefault(measure, [])
        series.append((identifier, day, value, limit, assay, assessor, comparator))
        moments[identifier] = effective, received
    for mine in readings.values():
        for series in mine.values():
            series.sort(key=lambda row: (row[1], row[0]))
            _order_within_days(series, moments, timezone)
    for notes in undone.values():
        notes.sort(key=lambda row: (row[2], row[0]))
    return readings, undone


def _order_within_days(series: list[Any], moments: dict[int, tuple[Any, Any]], timezone: str) -> None:
    """Readings of one day stand in the order of their time of day, then of their receipt.

    One without a time takes the time of its receipt if that was the same day, else the day's end.
    """
    begin = 0
    while begin < len(series):
        end = begin + 1
        while end < len(series) and series[end][1] == series[begin][1]:
            end += 1
        if end - begin > 1:
            midnight = start_of_day(dt.date.fromordinal(series[begin][1] + _EPOCH), timezone)
            evening = end_of_day(dt.date.fromordinal(series[begin][1] + _EPOCH), timezone)

            def moment(row: Any, midnight: dt.datetime = midnight, evening: dt.datetime = evening) -> Any:
                effective, received = (_instant(one) for one in moments[row[0]])
                if effective != midnight:
                    return effective, received, row[0]
                told = midnight < received <= evening
                return (received if told else evening), received, row[0]

            series[begin:end] = sorted(series[begin:end], key=moment)
        begin = end


def _statements(
    connection: sa.Connection, patient_ids: Sequence[int], known_at: dt.datetime | None
) -> dict[int, list[Any]]:
    table: Any = MedicationStatement
    query = sa.select(
        table.patient_id, table.id, table.drug, table.dose, table.unit, table.frequency, table.route, table.start_on,
        table.end_on, table.intent, table.status,
    ).where(
        table.patient_id.in_(patient_ids), *_known(table, known_at), table.status != "entered-in-error"
    )  # fmt: skip
    out: dict[int, list[Any]] = defaultdict(list)
    for who, identifier, drug, dose, unit, often, route, start, end, intent, status in fetch(connection, query):
        dated = (_day(start), None if end is None else _day(end))
        out[who].append((identifier, drug, dose, unit, often, route or "", *dated, intent or "", status or ""))
    for rows in out.values():
        rows.sort(key=lambda row: (row[6], row[0]))
    return out


def _happenings(
    connection: sa.Connection, patient_ids: Sequence[int], known_at: dt.datetime | None
) -> dict[int, list[Any]]:
    table: Any = ClinicalEvent
    query = sa.select(
        table.patient_id, table.id, table.event, table.occurred_on, table.end_on, table.present, table.detail
    ).where(table.patient_id.in_(patient_ids), *_known(table, known_at), table.status != "entered-in-error")
    out: dict[int, list[Any]] = defaultdict(list)
    for who, identifier, event, on, end, present, detail in fetch(connection, query):
        ended = None if end is None else _day(end)
        out[who].append((identifier, event, _day(on), ended, bool(present), detail or ""))
    for rows in out.values():
        rows.sort(key=lambda row: (row[2], row[0]))
    return out


def _pauses(
    connection: sa.Connection, patient_ids: Sequence[int], known_at: dt.datetime | None
) -> dict[int, list[Any]]:
    table: Any = MonitoringPause
    query = sa.select(table.patient_id, table.test, table.reason, table.start_on, table.until, table.id)
    query = query.where(table.patient_id.in_(patient_ids))
    if known_at is None:
        query = query.where(table.withdrawn_at.is_(None))
    else:
        query = query.where(
            table.created_at <= known_at, sa.or_(table.withdrawn_at.is_(None), table.withdrawn_at > known_at)
        )
    out: dict[int, list[Any]] = defaultdict(list)
    for who, test, reason, start, until, _ in fetch(connection, query.order_by(table.id)):
        out[who].append((test, reason, _day(start), _day(until)))
    return out


def _plans(
    connection: sa.Connection, patient_ids: Sequence[int], known_at: dt.datetime | None
) -> dict[int, list[Plan]]:
    plan: Any = TaperPlan
    step: Any = TaperStep
    query = (
        sa.select(
            plan.patient_id, plan.id, plan.template, plan.agreed_on, plan.withdrawn_at, step.start_on, step.dose_mg
        )
        .join(step, step.plan_id == plan.id)
        .where(plan.patient_id.in_(patient_ids))
        .order_by(plan.patient_id, plan.agreed_on, plan.id, step.start_on)
    )
    if known_at is not None:
        query = query.where(
            plan.created_at <= known_at, sa.or_(plan.withdrawn_at.is_(None), plan.withdrawn_at > known_at)
        )
    out: dict[int, list[Plan]] = defaultdict(list)
    for who, identifier, template, agreed, withdrawn, start, dose in fetch(connection, query):
        mine = out[who]
        if not mine or mine[-1].id != identifier:
            # Of a plan withdrawn after the instant asked about nothing was known then.
            ended = None if withdrawn is None or known_at is not None else _instant(withdrawn).timestamp()
            mine.append(Plan(identifier, template or "", _day(agreed), ended, []))
        steps: Any = mine[-1].steps
        steps.append((_day(start), dose))
    return out


_EPOCH = dt.date(1970, 1, 1).toordinal()


def _date(value: Any) -> dt.date | None:
    """A date as the driver gives it: ISO text on SQLite, a date on PostgreSQL."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _day(value: Any) -> int:
    day = dt.date.fromisoformat(value) if isinstance(value, str) else value
    return int(day.toordinal() - _EPOCH)


def _instant(value: Any) -> dt.datetime:
    """An instant as the driver gives it: text in UTC on SQLite, aware on PostgreSQL."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)

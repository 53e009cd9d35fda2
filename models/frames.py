"""Rows become data frames here and nowhere else: the facts of a panel as they stood on a day, as known at an instant.

Reading is the cost of an evaluation, not the rules: no ORM objects, no whole tables. One narrow query per kind of
fact runs on the driver's own cursor and is turned into numpy columns.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from models.clock import clinic_date, end_of_day
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.patient import STATUSES, Patient
from models.patient_series import COMPARATORS, Columns, read_columns, read_series
from models.rows import columns_of, days, fetch, floats, text_column, texts
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

HORIZON_DAYS = 550
"""Observations older than this are read only where they are the patient's last of their measure."""

FEED_NORMAL_DAYS = 60
FEED_MEMORY_DAYS = 180
"""A feed that has been silent for longer than this (less the 60 days) is taken to have ended, not to have failed."""

OBSERVATION_COLUMNS = (
    "id",
    "patient_id",
    "measure",
    "value",
    "comparator",
    "upper_limit",
    "assay",
    "assessor",
    "day",
    "received",
)


@dataclass
class Frames:
    """The facts of some patients as they stood on `as_of`, known at `known_at` (None: all that is on file).

    Attributes:
        patients: index `patient_id`; `mrn`, `birth_date` (datetime64), `sex`, `diagnosis`, `diagnosed_on`,
            `autoantibodies` (codes separated by `;`), `site`, `clinician`, `status`.
        medications: `id`, `patient_id`, `drug`, `dose`, `unit`, `frequency`, `route`, `start`, `end` (NaT: continuing),
            `intent`, `status`; no statement entered in error; none that starts after `as_of`.
        events: `id`, `patient_id`, `event`, `day`, `end`, `present`, `detail`; none after `as_of`.
        pauses: `patient_id`, `test`, `reason`, `start`, `until`.
        plans: the patient's newest taper plan: `patient_id`, `plan_id`, `template`, `agreed_on`, `start`, `dose_mg`.
        feeds: how each sender delivered: `sender`, `measure`, `last_day`, `results` (in the 60 days up to `last_day`).
        assessments: answers of rules that were evaluated before, by rule key.
        derived: a place for what several rules share (the steroid exposure); filled by its owner.
    """

    as_of: dt.date
    known_at: dt.datetime | None
    patients: pd.DataFrame
    medications: pd.DataFrame
    events: pd.DataFrame
    pauses: pd.DataFrame
    plans: pd.DataFrame
    feeds: pd.DataFrame
    by_measure: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    not_done: pd.DataFrame = field(default_factory=pd.DataFrame)
    assessments: dict[str, pd.DataFrame] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict)

    def observations(self, *measures: str) -> pd.DataFrame:
        """Valid observations of the named measures, sorted by patient, measure, day and time.

        Columns: `id`, `patient_id`, `measure`, `value` (canonical unit), `comparator` ('', '<', '>'), `upper_limit`,
        `assay`, `assessor` (None where not given), `day` and `received` (datetime64[s], clinic days).
        """
        parts = [self.by_measure[measure] for measure in measures if measure in self.by_measure]
        if not parts:
            return _empty_observations()
        if len(parts) == 1:
            return parts[0]
        return pd.concat(parts, ignore_index=True)

    def only(self, patient_ids: Iterable[int]) -> "Frames":
        """The same facts for some of the patients (for thresholds of a patient's own)."""
        wanted = np.asarray(sorted(patient_ids), dtype="int64")

        def keep(frame: pd.DataFrame) -> pd.DataFrame:
            if frame.empty:
                return frame
            return frame[np.isin(frame["patient_id"].to_numpy(), wanted)].reset_index(drop=True)

        return Frames(
            as_of=self.as_of,
            known_at=self.known_at,
            patients=self.patients[np.isin(self.patients.index.to_numpy(), wanted)],
            medications=keep(self.medications),
            events=keep(self.events),
            pauses=keep(self.pauses),
            plans=keep(self.plans),
            feeds=self.feeds,
            by_measure={key: keep(frame) for key, frame in self.by_measure.items()},
            not_done=keep(self.not_done),
            assessments={key: keep(frame) for key, frame in self.assessments.items()},
        )


def _empty_observations() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.array([], "int64"),
            "patient_id": np.array([], "int64"),
            "measure": np.array([], object),
            "value": np.array([], "float64"),
            "comparator": np.array([], object),
            "upper_limit": np.array([], "float64"),
            "assay": np.array([], object),
            "assessor": np.array([], object),
            "day": np.array([], "datetime64[s]"),
            "received": np.array([], "datetime64[s]"),
        }
    )


def _known(table: Any, known_at: dt.datetime | None) -> list[Any]:
    """The condition that picks the version of each fact believed at `known_at`."""
    if known_at is None:
        return [table.known_to.is_(None)]
    return [table.received_at <= known_at, sa.or_(table.known_to.is_(None), table.known_to > known_at)]


class SeriesByMeasure(Mapping[str, pd.DataFrame]):
    """The observations of each measure as a data frame, built when a rule asks for it."""

    def __init__(self, columns: Columns) -> None:
        # Sorted by patient, measure, day: a stable sort by measure keeps the rest.
        order = np.argsort(columns.measure, kind="stable")
        self._columns = columns.take(order)
        edges = np.searchsorted(self._columns.measure, np.arange(len(columns.measures) + 1))
        self._edges = {
            name: (int(edges[code]), int(edges[code + 1]))
            for code, name in enumerate(columns.measures)
            if edges[code + 1] > edges[code]
        }
        self._built: dict[str, pd.DataFrame] = {}
        self._assays = texts(columns.assays)
        self._assessors = texts(columns.assessors)
        self._comparators = texts(COMPARATORS)

    def __getitem__(self, measure: str) -> pd.DataFrame:
        if measure not in self._built:
            begin, end = self._edges[measure]
            part, rows = slice(begin, end), end - begin
            columns = self._columns
            named = np.full(rows, measure, dtype=object)
            self._built[measure] = pd.DataFrame(
                {
                    "id": columns.id[part],
                    "patient_id": columns.patient[part],
                    "measure": text_column(named),
                    "value": columns.value[part],
                    "comparator": text_column(self._comparators[columns.comparator[part]]),
                    "upper_limit": columns.limit[part],
                    "assay": text_column(self._assays[columns.assay[part]]),
                    "assessor": text_column(self._assessors[columns.assessor[part]]),
                    "day": columns.day[part].astype("int64").astype("datetime64[D]").astype("datetime64[s]"),
                    "received": columns.received[part].astype("int64").astype("datetime64[D]").astype("datetime64[s]"),
                },
                copy=False,
            )
        return self._built[measure]

    def __iter__(self) -> Iterator[str]:
        return iter(self._edges)

    def __len__(self) -> int:
        return len(self._edges)


def read_frames(
    connection: sa.Connection,
    as_of: dt.date,
    *,
    timezone: str = "UTC",
    known_at: dt.datetime | None = None,
    patient_ids: Sequence[int] | None = None,
    statuses: Sequence[str] = ("active",),
    horizon_days: int | None = HORIZON_DAYS,
) -> Frames:
    """The facts of the panel (or of `patient_ids`) as they stood on `as_of`, as known at `known_at`.

    Patients whose status is not in `statuses` appear nowhere. Facts dated after `as_of` are left out.
    """
    whole_panel = patient_ids is None
    patients = _patients(connection, statuses, patient_ids)
    member = None if whole_panel else list(map(int, patients.index))
    frames = Frames(
        as_of=as_of,
        known_at=known_at,
        patients=patients,
        medications=_medications(connection, as_of, known_at, member),
        events=_events(connection, as_of, known_at, member),
        pauses=_pauses(connection, as_of, known_at, member),
        plans=_plans(connection, as_of, known_at, member, timezone),
        feeds=read_feeds(connection, as_of, timezone=timezone, known_at=known_at),
    )
    since = None if horizon_days is None else as_of - dt.timedelta(days=horizon_days)
    frames.by_measure, frames.not_done = _observations(connection, as_of, known_at, member, since, statuses)
    if whole_panel:
        # What is not read by status is read for everybody: a membership test here is cheaper than a join there.
        inside = patients.index.to_numpy()
        for name in ("medications", "events", "pauses", "plans", "not_done"):
            table = getattr(frames, name)
            if len(table):
                member_rows = np.isin(table["patient_id"].to_numpy(), inside)
                if not member_rows.all():
                    setattr(frames, name, table[member_rows].reset_index(drop=True))
        if known_at is not None:
            frames.by_measure = {
                measure: rows[np.isin(rows["patient_id"].to_numpy(), inside)].reset_index(drop=True)
                for measure, rows in frames.by_measure.items()
            }
    return frames


def _patients(connection: sa.Connection, statuses: Sequence[str], patient_ids: Sequence[int] | None) -> pd.DataFrame:
    table: Any = Patient
    query = sa.select(
        table.id,
        table.mrn,
        table.birth_date,
        table.sex,
        table.diagnosis,
        table.diagnosed_on,
        table.autoantibodies,
        table.site,
        table.clinician,
        table.status,
    ).where(table.status.in_(list(statuses)))
    if patient_ids is not None:
        query = query.where(table.id.in_(list(patient_ids)))
    columns = columns_of(fetch(connection, query.order_by(table.id)), 10)
    return pd.DataFrame(
        {
            "mrn": text_column(columns[1]),
            "birth_date": days(columns[2]),
            "sex": text_column(columns[3]),
            "diagnosis": text_column(columns[4]),
            "diagnosed_on": days(columns[5]),
            "autoantibodies": text_column(columns[6]),
            "site": text_column(columns[7]),
            "clinician": text_column(columns[8]),
            "status": text_column(columns[9]),
        },
        index=pd.Index(np.array(columns[0], dtype="int64"), name="patient_id"),
    )


def _observations(
    connection: sa.Connection,
    as_of: dt.date,
    known_at: dt.datetime | None,
    member: list[int] | None,
    since: dt.date | None,
    statuses: Sequence[str] | None = None,
) -> tuple[Mapping[str, pd.DataFrame], pd.DataFrame]:
    """Valid observations by measure up to `as_of`, and those recorded as not done.

    From `since` on all of them, before it only the last of each patient and measure.
    """
    table: Any = Observation
    if known_at is None:
        columns = read_series(connection, member, STATUSES if statuses is None else statuses)
    else:
        conditions = [*_known(table, known_at), table.effective_on <= as_of, table.status.in_(VALID)]
        if member is not None:
            conditions.append(table.patient_id.in_(member))
        columns = read_columns(connection, conditions)
    kept = columns.day <= np.datetime64(as_of, "D").astype("int64")
    if since is not None:
        recent = columns.day >= np.datetime64(since, "D").astype("int64")
        # Of the rows before the horizon, the days that no later row before the horizon of the same series follows.
        old = np.flatnonzero(kept & ~recent)
        if len(old):
            series = columns.patient[old] * (len(columns.measures) + 1) + columns.measure[old]
            ends = np.append(np.flatnonzero(series[1:] != series[:-1]), len(old) - 1)
            last_day = np.repeat(columns.day[old][ends], np.diff(np.append(-1, ends)))
            kept &= recent
            kept[old[columns.day[old] == last_day]] = True
    if not kept.all():
        columns = columns.take(np.flatnonzero(kept))
    # The day is compared here, not in the query: a bound on it would lead SQLite away from the small index of these rows.
    query = sa.select(table.id, table.patient_id, table.measure, table.effective_on, table.reason).where(
        *_known(table, known_at), sa.literal_column("status = 'not-done'")
    )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    limit = np.datetime64(as_of, "D")
    undone = columns_of([row for row in fetch(connection, query) if np.datetime64(row[3], "D") <= limit], 5)
    not_done = pd.DataFrame(
        {
            "id": np.array(undone[0], "int64"),
            "patient_id": np.array(undone[1], "int64"),
            "measure": text_column(undone[2]),
            "day": days(undone[3]),
            "reason": text_column(undone[4]),
        }
    )
    return SeriesByMeasure(columns), not_done


def _sorted_rows(columns: list[Sequence[Any]], *, day: int) -> list[Any]:
    """Columns sorted by patient (the second), day and id (the first)."""
    if not len(columns[0]):
        return columns
    order = np.lexsort((np.array(columns[0], "int64"), days(columns[day]), np.array(columns[1], "int64")))
    return [texts(column)[order] for column in columns]


def _medications(
    connection: sa.Connection, as_of: dt.date, known_at: dt.datetime | None, member: list[int] | None
) -> pd.DataFrame:
    table: Any = MedicationStatement
    query = (
        sa.select(
            table.id,
            table.patient_id,
            table.drug,
            table.dose,
            table.unit,
            table.frequency,
            table.route,
            table.start_on,
            table.end_on,
            table.intent,
            table.status,
        )
        .where(*_known(table, known_at), table.status != "entered-in-error", table.start_on <= as_of)
    )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    columns = _sorted_rows(columns_of(fetch(connection, query), 11), day=7)
    return pd.DataFrame(
        {
            "id": np.array(columns[0], "int64"),
            "patient_id": np.array(columns[1], "int64"),
            "drug": text_column(columns[2]),
            "dose": floats(columns[3]),
            "unit": text_column(columns[4]),
            "frequency": text_column(columns[5]),
            "route": text_column(columns[6]),
            "start": days(columns[7]),
            "end": days(columns[8]),
            "intent": text_column(columns[9]),
            "status": text_column(columns[10]),
        }
    )


def _events(
    connection: sa.Connection, as_of: dt.date, known_at: dt.datetime | None, member: list[int] | None
) -> pd.DataFrame:
    table: Any = ClinicalEvent
    query = (
        sa.select(table.id, table.patient_id, table.event, table.occurred_on, table.end_on, table.present, table.detail)
        .where(*_known(table, known_at), table.status != "entered-in-error", table.occurred_on <= as_of)
    )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    columns = _sorted_rows(columns_of(fetch(connection, query), 7), day=3)
    return pd.DataFrame(
        {
            "id": np.array(columns[0], "int64"),
            "patient_id": np.array(columns[1], "int64"),
            "event": text_column(columns[2]),
            "day": days(columns[3]),
            "end": days(columns[4]),
            "present": np.array(columns[5], dtype=bool),
            "detail": text_column(columns[6]),
        }
    )


def _pauses(
    connection: sa.Connection, as_of: dt.date, known_at: dt.datetime | None, member: list[int] | None
) -> pd.DataFrame:
    table: Any = MonitoringPause
    query = sa.select(table.patient_id, table.test, table.reason, table.start_on, table.until).where(
        table.start_on <= as_of, table.until >= as_of
    )
    if known_at is None:
        query = query.where(table.withdrawn_at.is_(None))
    else:
        query = query.where(
            table.created_at <= known_at, sa.or_(table.withdrawn_at.is_(None), table.withdrawn_at > known_at)
        )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    columns = columns_of(fetch(connection, query), 5)
    return pd.DataFrame(
        {
            "patient_id": np.array(columns[0], "int64"),
            "test": text_column(columns[1]),
            "reason": text_column(columns[2]),
            "start": days(columns[3]),
            "until": days(columns[4]),
        }
    )


def _plans(
    connection: sa.Connection,
    as_of: dt.date,
    known_at: dt.datetime | None,
    member: list[int] | None,
    timezone: str,
) -> pd.DataFrame:
    plan: Any = TaperPlan
    step: Any = TaperStep
    limit = known_at or end_of_day(as_of, timezone)
    query = (
        sa.select(plan.patient_id, plan.id, plan.template, plan.agreed_on, step.start_on, step.dose_mg)
        .join(step, step.plan_id == plan.id)
        .where(plan.agreed_on <= as_of, sa.or_(plan.withdrawn_at.is_(None), plan.withdrawn_at > limit))
        .order_by(plan.patient_id, plan.agreed_on, plan.id, step.start_on)
    )
    if known_at is not None:
        query = query.where(plan.created_at <= known_at)
    if member is not None:
        query = query.where(plan.patient_id.in_(member))
    columns = columns_of(fetch(connection, query), 6)
    frame = pd.DataFrame(
        {
            "patient_id": np.array(columns[0], "int64"),
            "plan_id": np.array(columns[1], "int64"),
            "template": text_column(columns[2]),
            "agreed_on": days(columns[3]),
            "start": days(columns[4]),
            "dose_mg": floats(columns[5]),
        }
    )
    if frame.empty:
        return frame
    newest = frame.groupby("patient_id")["plan_id"].transform("last")
    return frame[frame["plan_id"] == newest].reset_index(drop=True)


def read_feeds(
    connection: sa.Connection, as_of: dt.date, *, timezone: str = "UTC", known_at: dt.datetime | None = None
) -> pd.DataFrame:
    """How regularly each sender delivered each measure, judged by the days on which results were received.

    Columns: `sender`, `measure`, `last_day` (newest delivery up to `as_of`), `results` (delivered in the
    60 days up to and including `last_day`).
    """
    table: Any = Observation
    last = as_of if known_at is None else min(as_of, clinic_date(known_at, timezone))
    query = (
        sa.select(table.sender, table.measure, table.received_on, sa.func.count())
        .where(table.received_on <= last, table.received_on > last - dt.timedelta(days=FEED_MEMORY_DAYS))
        .group_by(table.received_on, table.sender, table.measure)
    )
    columns = columns_of(fetch(connection, query), 4)
    frame = pd.DataFrame(
        {
            "sender": text_column(columns[0]),
            "measure": text_column(columns[1]),
            "day": days(columns[2]),
            "results": np.array(columns[3], "int64"),
        }
    )
    if frame.empty:
        return pd.DataFrame({"sender": [], "measure": [], "last_day": days([]), "results": np.array([], "int64")})
    last = frame.groupby(["sender", "measure"])["day"].transform("max")
    frame["last_day"] = last
    recent = frame[frame["day"] > last - pd.Timedelta(days=FEED_NORMAL_DAYS)]
    return recent.groupby(["sender", "measure"], as_index=False).agg(last_day=("last_day", "first"), results=("results", "sum"))

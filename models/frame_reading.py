"""Rows become data frames here and nowhere else.

Reading is the cost of an evaluation, not the rules: no ORM objects, no whole tables. Current observations come packed
(`models.patient_series`); the rest, and everything known at an instant of the past, through one narrow query per kind
of fact on the driver's own cursor.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from models import feeds as feed_reading
from models.clock import end_of_day
from models.event import ClinicalEvent
from models.frames import Frames, SeriesByMeasure, text_column, texts
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.patient import STATUSES, Patient
from models.patient_facts import date_of
from models.patient_series import read_columns, read_series
from models.rows import collector_paused, columns_of, days, fetch, floats
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

HORIZON_DAYS = 550
"""Observations older than this are read only where they are the patient's last of their measure."""


def _known(table: Any, known_at: dt.datetime | None) -> list[Any]:
    """The condition that picks the version of each fact believed at `known_at`."""
    if known_at is None:
        return [table.known_to.is_(None)]
    return [table.received_at <= known_at, sa.or_(table.known_to.is_(None), table.known_to > known_at)]


@collector_paused()
def read_frames(
    connection: sa.Connection,
    as_of: dt.date,
    *,
    timezone: str = "UTC",
    known_at: dt.datetime | None = None,
    patient_ids: Sequence[int] | None = None,
    statuses: Sequence[str] = ("active",),
    horizon_days: int | None = HORIZON_DAYS,
    feeds: pd.DataFrame | None = None,
) -> Frames:
    """The facts of the panel (or of `patient_ids`) as they stood on `as_of`, as known at `known_at`.

    Patients whose status is not in `statuses` appear nowhere. Facts dated after `as_of` are left out. `feeds` saves
    reading them again when a panel is read in parts.
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
        feeds=read_feeds(connection, as_of, timezone=timezone, known_at=known_at) if feeds is None else feeds,
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
    frame = pd.DataFrame(
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
        }
    )
    # Set afterwards: given to the constructor, it would realign the text columns.
    frame.index = pd.Index(np.array(columns[0], dtype="int64"), name="patient_id")
    return frame


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
    # The day is compared here, not in the query: a bound on it would lead SQLite away from these rows' small index.
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
    query = sa.select(
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
    ).where(*_known(table, known_at), table.status != "entered-in-error", table.start_on <= as_of)
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
    query = sa.select(
        table.id, table.patient_id, table.event, table.occurred_on, table.end_on, table.present, table.detail
    ).where(*_known(table, known_at), table.status != "entered-in-error", table.occurred_on <= as_of)
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
        table.start_on <= as_of
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
    """How regularly each sender delivered each measure: `models.feeds.read_feeds` as a frame.

    Columns: those of `models.patient_facts.FeedSilence`, `last_day` as a date.
    """
    found = feed_reading.read_feeds(connection, as_of, timezone=timezone, known_at=known_at)
    return pd.DataFrame(
        {
            "sender": text_column([one.sender for one in found]),
            "measure": text_column([one.measure for one in found]),
            "last_day": days([date_of(one.last_day) for one in found]),
            "results": np.array([one.results for one in found], "int64"),
            "delivery_days": np.array([one.delivery_days for one in found], "int64"),
            "median_gap": floats([one.median_gap for one in found]),
            "patients_waiting": np.array([one.patients_waiting for one in found], "int64"),
        }
    )

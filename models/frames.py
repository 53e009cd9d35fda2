"""Rows become data frames here and nowhere else: the facts of a panel as they stood on a day, as known at an instant.

Reading is the cost of an evaluation, not the rules: no ORM objects, no whole tables. One narrow query per kind of
fact runs on the driver's own cursor and is turned into numpy columns.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from models.clock import end_of_day
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.patient import Patient
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

HORIZON_DAYS = 730
"""Observations older than this are read only where they are the patient's last of their measure."""

FEED_NORMAL_DAYS = 60

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
    by_measure: dict[str, pd.DataFrame] = field(default_factory=dict)
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


def days(values: Sequence[Any]) -> np.ndarray:
    """Dates, ISO strings or None to datetime64[s] (None becomes NaT)."""
    cleaned = [value if value is not None else "NaT" for value in values]
    return np.array(cleaned, dtype="datetime64[D]").astype("datetime64[s]")


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Sequence[Any]]:
    """Run a query on the driver's cursor: SQLAlchemy's result processing would cost more than all rules together."""
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    cursor = connection.connection.cursor()
    try:
        parameters: Any = compiled.construct_params()
        processors = compiled._bind_processors  # the values as the dialect stores them
        bound = {key: processors[key](value) if key in processors else value for key, value in parameters.items()}
        if compiled.positional:
            cursor.execute(str(compiled), [bound[name] for name in compiled.positiontup or ()])
        else:
            cursor.execute(str(compiled), bound)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def _columns(rows: list[Sequence[Any]], count: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _known(table: Any, known_at: dt.datetime | None) -> list[Any]:
    """The condition that picks the version of each fact believed at `known_at`."""
    if known_at is None:
        return [table.known_to.is_(None)]
    return [table.received_at <= known_at, sa.or_(table.known_to.is_(None), table.known_to > known_at)]


def _floats(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype="float64") if values else np.array([], dtype="float64")


def _texts(values: Sequence[Any]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


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
    wanted = sa.select(Patient.id).where(Patient.status.in_(statuses))  # type: ignore[attr-defined, call-overload]
    if patient_ids is not None:
        wanted = wanted.where(Patient.id.in_(list(patient_ids)))  # type: ignore[union-attr]
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
    since = None if horizon_days is None or not whole_panel else as_of - dt.timedelta(days=horizon_days)
    frames.by_measure, frames.not_done = _observations(connection, as_of, known_at, member, since)
    if whole_panel:
        # Facts of patients who left the clinic were read along: one membership test is cheaper than a join.
        inside = patients.index.to_numpy()
        everyone = connection.execute(sa.select(sa.func.count()).select_from(Patient)).scalar_one()
        if everyone != len(inside):
            frames = frames.only(inside.tolist())
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
    columns = _columns(_rows(connection, query.order_by(table.id)), 10)
    return pd.DataFrame(
        {
            "mrn": _texts(columns[1]),
            "birth_date": days(columns[2]),
            "sex": _texts(columns[3]),
            "diagnosis": _texts(columns[4]),
            "diagnosed_on": days(columns[5]),
            "autoantibodies": _texts(columns[6]),
            "site": _texts(columns[7]),
            "clinician": _texts(columns[8]),
            "status": _texts(columns[9]),
        },
        index=pd.Index(np.array(columns[0], dtype="int64"), name="patient_id"),
    )


def _observations(
    connection: sa.Connection,
    as_of: dt.date,
    known_at: dt.datetime | None,
    member: list[int] | None,
    since: dt.date | None,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    table: Any = Observation
    selected = (
        table.id,
        table.patient_id,
        table.measure,
        table.value,
        table.comparator,
        table.upper_limit,
        table.assay,
        table.assessor,
        table.effective_on,
        table.received_on,
        table.effective_at,
    )
    valid = [*_known(table, known_at), table.effective_on <= as_of, table.status.in_(VALID)]
    if member is not None:
        valid.append(table.patient_id.in_(member))
    query = sa.select(*selected).where(*valid)
    rows = _rows(connection, query.where(table.effective_on >= since) if since else query)
    if since is not None:
        last = (
            sa.select(table.patient_id, table.measure, sa.func.max(table.effective_on).label("day"))
            .where(*_known(table, known_at), table.status.in_(VALID), table.effective_on < since)
            .group_by(table.patient_id, table.measure)
            .subquery()
        )
        rows += _rows(
            connection,
            sa.select(*selected)
            .join(
                last,
                sa.and_(
                    table.patient_id == last.c.patient_id,
                    table.measure == last.c.measure,
                    table.effective_on == last.c.day,
                ),
            )
            .where(*valid),
        )
    columns = _columns(rows, len(selected))
    not_done_columns = _columns(
        _rows(
            connection,
            sa.select(table.id, table.patient_id, table.measure, table.effective_on, table.reason).where(
                *_known(table, known_at),
                table.effective_on <= as_of,
                table.status == "not-done",
                *([] if member is None else [table.patient_id.in_(member)]),
            ),
        ),
        5,
    )
    not_done = pd.DataFrame(
        {
            "id": np.array(not_done_columns[0], "int64"),
            "patient_id": np.array(not_done_columns[1], "int64"),
            "measure": _texts(not_done_columns[2]),
            "day": days(not_done_columns[3]),
            "reason": _texts(not_done_columns[4]),
        }
    )
    if not rows:
        return {}, not_done
    patient = np.array(columns[1], dtype="int64")
    identifier = np.array(columns[0], dtype="int64")
    day = np.array(columns[8], dtype="datetime64[D]")
    code, names = pd.factorize(_texts(columns[2]), sort=True)
    moment = pd.factorize(_texts(columns[10]), sort=True)[0]
    order = np.lexsort((identifier, moment, day, patient, code))
    frame = pd.DataFrame(
        {
            "id": identifier[order],
            "patient_id": patient[order],
            "measure": np.asarray(names, dtype=object)[code[order]],
            "value": _floats(columns[3])[order],
            "comparator": _texts(columns[4])[order],
            "upper_limit": _floats(columns[5])[order],
            "assay": _texts(columns[6])[order],
            "assessor": _texts(columns[7])[order],
            "day": day[order].astype("datetime64[s]"),
            "received": days(columns[9])[order],
        },
        copy=False,
    )
    edges = np.searchsorted(code[order], np.arange(len(names) + 1))
    return {
        str(name): frame.iloc[edges[place] : edges[place + 1]].reset_index(drop=True) for place, name in enumerate(names)
    }, not_done


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
        .order_by(table.patient_id, table.start_on, table.id)
    )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    columns = _columns(_rows(connection, query), 11)
    return pd.DataFrame(
        {
            "id": np.array(columns[0], "int64"),
            "patient_id": np.array(columns[1], "int64"),
            "drug": _texts(columns[2]),
            "dose": _floats(columns[3]),
            "unit": _texts(columns[4]),
            "frequency": _texts(columns[5]),
            "route": _texts(columns[6]),
            "start": days(columns[7]),
            "end": days(columns[8]),
            "intent": _texts(columns[9]),
            "status": _texts(columns[10]),
        }
    )


def _events(
    connection: sa.Connection, as_of: dt.date, known_at: dt.datetime | None, member: list[int] | None
) -> pd.DataFrame:
    table: Any = ClinicalEvent
    query = (
        sa.select(table.id, table.patient_id, table.event, table.occurred_on, table.end_on, table.present, table.detail)
        .where(*_known(table, known_at), table.status != "entered-in-error", table.occurred_on <= as_of)
        .order_by(table.patient_id, table.occurred_on, table.id)
    )
    if member is not None:
        query = query.where(table.patient_id.in_(member))
    columns = _columns(_rows(connection, query), 7)
    return pd.DataFrame(
        {
            "id": np.array(columns[0], "int64"),
            "patient_id": np.array(columns[1], "int64"),
            "event": _texts(columns[2]),
            "day": days(columns[3]),
            "end": days(columns[4]),
            "present": np.array(columns[5], dtype=bool),
            "detail": _texts(columns[6]),
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
    columns = _columns(_rows(connection, query), 5)
    return pd.DataFrame(
        {
            "patient_id": np.array(columns[0], "int64"),
            "test": _texts(columns[1]),
            "reason": _texts(columns[2]),
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
    columns = _columns(_rows(connection, query), 6)
    frame = pd.DataFrame(
        {
            "patient_id": np.array(columns[0], "int64"),
            "plan_id": np.array(columns[1], "int64"),
            "template": _texts(columns[2]),
            "agreed_on": days(columns[3]),
            "start": days(columns[4]),
            "dose_mg": _floats(columns[5]),
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
    end = end_of_day(as_of, timezone)
    if known_at is not None:
        end = min(end, known_at)
    start = end - dt.timedelta(days=2 * FEED_NORMAL_DAYS + 60)
    query = (
        sa.select(
            table.sender,
            table.measure,
            table.received_on,
            sa.func.count().label("results"),
        )
        .where(
            table.effective_on <= as_of,
            table.effective_on >= start.date(),
            table.received_at <= end,
            table.status.in_(VALID),
        )
        .group_by(table.sender, table.measure, table.received_on)
    )
    columns = _columns(_rows(connection, query), 4)
    frame = pd.DataFrame(
        {
            "sender": _texts(columns[0]),
            "measure": _texts(columns[1]),
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

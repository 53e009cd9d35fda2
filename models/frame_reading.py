"""Patients' facts become data frames here and nowhere else: for figures, exports and research.

The same facts in the same order as the rules see them (`models.patient_reading`), as tables with documented columns.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from models.feeds import read_feeds
from models.frames import Frames, text_column
from models.patient_facts import EPOCH, FeedSilence, PatientFacts
from models.patient_reading import HORIZON_DAYS, read_patients

__all__ = ["HORIZON_DAYS", "frames_of", "read_feeds", "read_frames"]


def read_frames(
    connection: sa.Connection,
    as_of: dt.date,
    *,
    timezone: str = "UTC",
    known_at: dt.datetime | None = None,
    patient_ids: Sequence[int] | None = None,
    statuses: Sequence[str] = ("active",),
    horizon_days: int | None = HORIZON_DAYS,
    feeds: Sequence[FeedSilence] | None = None,
) -> Frames:
    """The facts of the panel (or of `patient_ids`) as they stood on `as_of`, as known at `known_at`.

    Patients whose status is not in `statuses` appear nowhere. Facts dated after `as_of` are left out.
    """
    if feeds is None:
        feeds = read_feeds(connection, as_of, timezone=timezone, known_at=known_at)
    people = read_patients(
        connection,
        as_of,
        timezone=timezone,
        known_at=known_at,
        patient_ids=patient_ids,
        statuses=statuses,
        horizon_days=horizon_days,
        feeds=feeds,
    )
    return frames_of(list(people), as_of, known_at=known_at, feeds=feeds)


def frames_of(
    people: Sequence[PatientFacts],
    as_of: dt.date,
    *,
    known_at: dt.datetime | None = None,
    feeds: Sequence[FeedSilence] = (),
) -> Frames:
    """The facts of some patients as tables; patients stand in the order given."""
    measures = sorted({measure for patient in people for measure in patient.measures})
    by_measure = {measure: _readings(people, measure) for measure in measures}
    return Frames(
        as_of=as_of,
        known_at=known_at,
        patients=_patients(people),
        medications=_table(
            people,
            lambda one: one.statements,
            id="id", drug="text", dose="number", unit="text", frequency="text", route="text", start="day", end="day",
            intent="text", status="text",
        ),
        events=_table(
            people,
            lambda one: one.happenings,
            id="id", event="text", day="day", end="day", present="flag", detail="text",
        ),
        pauses=_table(people, lambda one: one.pauses, test="text", reason="text", start="day", until="day"),
        plans=_plans(people),
        feeds=pd.DataFrame(
            {
                "sender": text_column([feed.sender for feed in feeds]),
                "measure": text_column([feed.measure for feed in feeds]),
                "last_day": _days([feed.last_day for feed in feeds]),
                "results": np.array([feed.results for feed in feeds], "int64"),
                "delivery_days": np.array([feed.delivery_days for feed in feeds], "int64"),
                "median_gap": _column([feed.median_gap for feed in feeds], "number"),
                "patients_waiting": np.array([feed.patients_waiting for feed in feeds], "int64"),
            }
        ),
        by_measure={measure: frame for measure, frame in by_measure.items() if len(frame)},
        not_done=_table(people, lambda one: one.not_done, id="id", measure="text", day="day", reason="text"),
    )  # fmt: skip


def _days(values: Iterable[int | None]) -> np.ndarray:
    days = [np.datetime64("NaT") if value is None else np.datetime64(value, "D") for value in values]
    return np.array(days, dtype="datetime64[D]").astype("datetime64[s]")


def _column(values: Sequence[Any], kind: str) -> Any:
    if kind == "day":
        return _days(values)
    if kind == "text":
        return text_column(values)
    if kind == "number":
        return np.array([np.nan if value is None else value for value in values], "float64")
    return np.array(values, dtype=bool if kind == "flag" else "int64")


def _table(
    people: Sequence[PatientFacts], facts: Callable[[PatientFacts], Sequence[Any]], **columns: str
) -> pd.DataFrame:
    rows = [(patient.id, fact) for patient in people for fact in facts(patient)]
    out: dict[str, Any] = {}
    for name, kind in columns.items():
        out[name] = _column([getattr(fact, name) for _, fact in rows], kind)
        if len(out) == 1:
            out["patient_id"] = np.array([who for who, _ in rows], "int64")
    return pd.DataFrame(out)


def _readings(people: Sequence[PatientFacts], measure: str) -> pd.DataFrame:
    rows = [(patient.id, reading) for patient in people for reading in patient.series(measure)]
    return pd.DataFrame(
        {
            "id": np.array([one.id for _, one in rows], "int64"),
            "patient_id": np.array([who for who, _ in rows], "int64"),
            "measure": text_column([measure] * len(rows)),
            "value": np.array([one.value for _, one in rows], "float64"),
            "comparator": text_column([one.comparator for _, one in rows]),
            "upper_limit": _column([one.limit for _, one in rows], "number"),
            "assay": text_column([one.assay for _, one in rows]),
            "assessor": text_column([one.assessor for _, one in rows]),
            "day": _days([one.day for _, one in rows]),
        }
    )


def _patients(people: Sequence[PatientFacts]) -> pd.DataFrame:
    dates = {name: [getattr(one, name) for one in people] for name in ("birth_date", "diagnosed_on")}
    frame = pd.DataFrame(
        {
            "mrn": text_column([one.mrn for one in people]),
            "birth_date": _dates(dates["birth_date"]),
            **{name: text_column([getattr(one, name) for one in people]) for name in ("sex", "diagnosis")},
            "diagnosed_on": _dates(dates["diagnosed_on"]),
            **{
                name: text_column([getattr(one, name) for one in people])
                for name in ("autoantibodies", "site", "clinician", "status")
            },
        }
    )
    # Set afterwards: given to the constructor, it would realign the text columns.
    frame.index = pd.Index(np.array([one.id for one in people], dtype="int64"), name="patient_id")
    return frame


def _dates(values: Sequence[dt.date | None]) -> np.ndarray:
    return _days([None if value is None else value.toordinal() - EPOCH for value in values])


def _plans(people: Sequence[PatientFacts]) -> pd.DataFrame:
    rows = [(one.id, one.plan, step) for one in people if one.plan is not None for step in one.plan.steps]
    return pd.DataFrame(
        {
            "patient_id": np.array([who for who, _, _ in rows], "int64"),
            "plan_id": np.array([plan.id for _, plan, _ in rows], "int64"),
            "template": text_column([plan.template for _, plan, _ in rows]),
            "agreed_on": _days([plan.agreed_on for _, plan, _ in rows]),
            "start": _days([step.start for _, _, step in rows]),
            "dose_mg": np.array([step.dose_mg for _, _, step in rows], "float64"),
        }
    )

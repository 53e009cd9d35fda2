"""A rule asked about every patient of some frames, and its answers as a frame: for tests that state small tables."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from jobs.rule import NOT_MET, Answer, Rule
from models.patient_facts import (
    FeedSilence,
    Happening,
    NotDone,
    PatientFacts,
    Pause,
    PlannedDose,
    Reading,
    Statement,
    TaperAgreed,
    date_of,
    day_number,
)
from models.plausibility import Doubtful, plausible
from tests.frames_builder import Frames


def patients_of(frames: Frames) -> Mapping[int, PatientFacts]:
    """The facts of every patient of the frames, by patient id; made once per frames."""
    found: Mapping[int, PatientFacts] | None = frames.derived.get("patients")
    if found is None:
        found = frames.derived["patients"] = _patients_of(frames)
    return found


def _days(column: Any) -> list[int | None]:
    values = np.asarray(column, dtype="datetime64[D]")
    return [None if np.isnat(day) else int(number) for day, number in zip(values, values.astype("int64"), strict=True)]


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _cut(frame: pd.DataFrame, *names: str, days: Iterable[str] = ()) -> dict[int, list[tuple[Any, ...]]]:
    """Rows by patient, in the frame's order."""
    out: dict[int, list[tuple[Any, ...]]] = {}
    if frame.empty:
        return out
    columns = [_days(frame[name].to_numpy()) if name in days else frame[name].tolist() for name in names]
    for who, row in zip(frame["patient_id"].tolist(), zip(*columns, strict=True), strict=True):
        out.setdefault(int(who), []).append(row)
    return out


def _patients_of(frames: Frames) -> dict[int, PatientFacts]:
    today = day_number(frames.as_of)
    series: dict[int, dict[str, list[Reading]]] = {}
    for measure, frame in frames.by_measure.items():
        names = ("day", "value", "upper_limit", "comparator", "id", "assay", "assessor")
        for who, rows in _cut(frame, *names, days=("day",)).items():
            series.setdefault(who, {})[measure] = [
                Reading(
                    day,
                    value,
                    None if limit != limit else limit,
                    sign or "",
                    int(i),
                    _text(assay) or None,
                    _text(assessor) or None,
                    measure,
                )
                for day, value, limit, sign, i, assay, assessor in rows
            ]
    statements = _cut(
        frames.medications, "id", "drug", "dose", "unit", "frequency", "route", "start", "end", "intent", "status",
        days=("start", "end"),
    )  # fmt: skip
    happenings = _cut(frames.events, "id", "event", "day", "end", "present", "detail", days=("day", "end"))
    undone = _cut(frames.not_done, "id", "measure", "day", "reason", days=("day",)) if len(frames.not_done) else {}
    pauses = _cut(frames.pauses, "test", "reason", "start", "until", days=("start", "until"))
    plans = _cut(frames.plans, "plan_id", "template", "agreed_on", "start", "dose_mg", days=("agreed_on", "start"))
    feeds = feeds_of(frames.feeds)
    answers = {key: answers_by_patient(frame) for key, frame in frames.assessments.items()}
    people = {}
    births, since = _days(frames.patients["birth_date"]), _days(frames.patients["diagnosed_on"])
    for place, (index, row) in enumerate(frames.patients.to_dict("index").items()):
        identifier = int(str(index))
        birth, diagnosed = births[place], since[place]
        birth_date = None if birth is None else date_of(birth)
        kept, doubtful = _plausible(series.get(identifier, {}), birth_date)
        planned = plans.get(identifier, [])
        people[identifier] = PatientFacts(
            today=today,
            id=identifier,
            mrn=str(row["mrn"]),
            birth_date=birth_date,
            sex=_text(row["sex"]) or "unknown",
            diagnosis=_text(row["diagnosis"]) or "UNSPECIFIED",
            diagnosed_on=None if diagnosed is None else date_of(diagnosed),
            autoantibodies=_text(row["autoantibodies"]),
            site=_text(row["site"]),
            clinician=_text(row["clinician"]),
            status=_text(row["status"]),
            series=kept,
            read_doubtful=partial(list, doubtful),
            statements=[
                Statement(int(i), drug, None if dose != dose else dose, _text(unit), _text(often), _text(route), *rest)
                for i, drug, dose, unit, often, route, *rest in statements.get(identifier, [])
            ],
            happenings=[
                Happening(int(i), event, day, end, bool(present), _text(detail))
                for i, event, day, end, present, detail in happenings.get(identifier, [])
            ],
            not_done=[NotDone(int(i), *rest) for i, *rest in undone.get(identifier, [])],
            pauses=[Pause(*row) for row in pauses.get(identifier, [])],
            plan=TaperAgreed(
                int(planned[0][0]),
                _text(planned[0][1]),
                planned[0][2],
                tuple(PlannedDose(start, dose) for _, _, _, start, dose in planned),
            )
            if planned
            else None,
            feeds=feeds,
        )
        for key, by_patient in answers.items():
            people[identifier].answers[key] = by_patient.get(identifier, ())
    return people


def _plausible(
    series: Mapping[str, list[Reading]], birth_date: dt.date | None
) -> tuple[dict[str, Sequence[Reading]], list[Doubtful]]:
    """The readings that can be by measure, and those that cannot."""
    divided = {measure: plausible(readings, birth_date) for measure, readings in series.items()}
    return (
        {measure: kept for measure, (kept, _) in divided.items()},
        [one for _, held_back in divided.values() for one in held_back],
    )


def feeds_of(table: pd.DataFrame) -> list[FeedSilence]:
    """The feeds of a frame as plain values."""
    return [
        FeedSilence(
            str(row["sender"]),
            str(row["measure"]),
            day_number(row["last_day"].date()),
            int(row["results"]),
            int(row.get("delivery_days", 0)),
            None if (gap := row.get("median_gap")) is None or gap != gap else float(gap),
            int(row.get("patients_waiting", 0)),
        )
        for row in table.to_dict("records")
    ]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else None if value is pd.NaT else value


def answers_by_patient(frame: pd.DataFrame) -> dict[int, list[Answer]]:
    """The answers of an assessment frame by patient; a missing number is None."""
    base = ("subject", "state", "grade", "severity", "since", "due", "recheck_on", "evidence", "cannot_tell_because")
    own = [name for name in frame.columns if name not in {*base, "patient_id"}]
    out: dict[int, list[Answer]] = {}
    for who, rows in _cut(frame, *base, *own, days=("since", "due", "recheck_on")).items():
        out[who] = [
            Answer._make((*row[: len(base)], None, dict(zip(own, map(_known, row[len(base) :]), strict=True))))
            for row in rows
        ]
    return out


def on_frames(rule: Rule, frames: Frames, as_of: dt.date, parameters: Any) -> pd.DataFrame:
    """The answers of a rule about every patient of the frames on their day, `as_of`."""
    assert as_of == frames.as_of
    today = day_number(as_of)
    found: list[tuple[int, Answer]] = []
    for who, patient in patients_of(frames).items():
        for key, frame in frames.assessments.items():
            if key not in patient.answers:
                patient.answers[key] = answers_by_patient(frame[frame["patient_id"] == who]).get(who, ())
        mine = list(rule.assess(patient, today, parameters))
        patient.answers[rule.key] = mine
        found += [(who, answer) for answer in mine]
    return as_frame(found)


def as_frame(found: list[tuple[int, Answer]]) -> pd.DataFrame:
    """Answers with their patients as an assessment frame."""
    if not found:
        return empty()
    own = list(dict.fromkeys(name for _, answer in found for name in answer.numbers))

    def day(name: str) -> Any:
        days = [getattr(answer, name) for _, answer in found]
        return np.array(["NaT" if one is None else date_of(one) for one in days], "datetime64[D]").astype(
            "datetime64[s]"
        )

    def column(name: str) -> Any:
        values = [answer.numbers.get(name) for _, answer in found]
        if any(hasattr(one, "isoformat") for one in values):
            return np.array(["NaT" if one is None else one for one in values], "datetime64[D]").astype("datetime64[s]")
        if all(isinstance(one, bool) for one in values):
            return np.array(values, bool)
        if any(isinstance(one, float) for one in values) and all(
            one is None or isinstance(one, int | float) for one in values
        ):
            return np.array([np.nan if one is None else one for one in values], "float64")
        out = np.empty(len(values), dtype=object)
        out[:] = values
        return out

    def texts(name: str) -> Any:
        out = np.empty(len(found), dtype=object)
        out[:] = [getattr(answer, name) for _, answer in found]
        return out

    frame = assessments(
        patient_id=np.array([who for who, _ in found], "int64"),
        subject=texts("subject"),
        state=texts("state"),
        grade=texts("grade"),
        severity=texts("severity"),
        since=day("since"),
        due=day("due"),
        recheck_on=day("recheck_on"),
        evidence=[answer.evidence for _, answer in found],
        cannot_tell_because=texts("cannot_tell_because"),
        **{name: column(name) for name in own},
    )
    return frame.sort_values(["patient_id", "subject"], kind="stable", ignore_index=True)


COLUMNS = (
    "patient_id",
    "subject",
    "state",
    "grade",
    "severity",
    "since",
    "due",
    "recheck_on",
    "evidence",
    "cannot_tell_because",
)
"""Columns every assessment frame has. `since`, `due`, `recheck_on` are datetime64; `evidence` a tuple of fact ids
such as `("o17", "m4", "e2")` (observation, medication statement, event); the rule's own columns follow."""


def choose(condition: Any, then: Any, otherwise: Any = None) -> np.ndarray:
    """`then` where the condition holds, else `otherwise`, as an object array (None stays None)."""
    mask = np.asarray(condition, dtype=bool)
    out = np.empty(len(mask), dtype=object)
    out[:] = otherwise if isinstance(otherwise, np.ndarray) else [otherwise] * len(mask)
    out[mask] = then[mask] if isinstance(then, np.ndarray) else then
    return out


def empty() -> pd.DataFrame:
    """An assessment frame without rows."""
    return assessments(patient_id=np.array([], dtype="int64"), subject="", state=NOT_MET)


def assessments(
    *,
    patient_id: Any,
    subject: Any,
    state: Any,
    grade: Any = None,
    severity: Any = None,
    since: Any = None,
    due: Any = None,
    recheck_on: Any = None,
    evidence: Any = None,
    cannot_tell_because: Any = None,
    **own: Any,
) -> pd.DataFrame:
    """Put an assessment frame together; scalars are spread over the rows, dates become datetime64[s]."""
    identifiers = np.asarray(patient_id, dtype="int64")
    count = len(identifiers)

    def text(value: Any) -> np.ndarray:
        if isinstance(value, pd.Series | np.ndarray):
            return np.asarray(value, dtype=object)
        out = np.empty(count, dtype=object)
        if isinstance(value, list):
            out[:] = value
        else:
            out[:] = [value] * count
        return out

    def day(value: Any) -> np.ndarray:
        if value is None:
            return np.full(count, np.datetime64("NaT", "s"))
        if isinstance(value, dt.date):
            return np.full(count, np.datetime64(value, "s"))
        return np.asarray(value, dtype="datetime64[s]")

    if evidence is None:
        facts = np.empty(count, dtype=object)
        facts[:] = [()] * count
    else:
        facts = np.empty(count, dtype=object)
        facts[:] = list(evidence)
    columns: dict[str, Any] = {
        "patient_id": identifiers,
        "subject": text(subject),
        "state": text(state),
        "grade": text(grade),
        "severity": text(severity),
        "since": day(since),
        "due": day(due),
        "recheck_on": day(recheck_on),
        "evidence": facts,
        "cannot_tell_because": text(cannot_tell_because),
    }
    for name, value in own.items():
        columns[name] = (
            value if isinstance(value, np.ndarray) else np.asarray(value if np.ndim(value) else [value] * count)
        )
    # Columns of text stay columns of objects: pandas would make them strings and every None in them a NaN.
    kept = {
        name: pd.Series(value, dtype=object) if value.dtype.kind == "O" else value for name, value in columns.items()
    }
    return pd.DataFrame(kept, copy=False)

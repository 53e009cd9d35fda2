"""Frames out of small tables of facts, without a database: for tests of rules and of what they share.

Rows are written as in the CSV folder format. Days are offsets from the day asked about (`"day": -14`; `start` and `end`
for medications), or dates. A row that names no patient belongs to the first one.

    frames(AS_OF, medications=[{"drug": "prednisone", "dose": 40, "start": -28}])
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from jobs.rule import Example
from models.vocabulary import to_canonical


@dataclass
class Frames:
    """The facts of several patients in small tables, as they stood on `as_of`.

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

    def only(self, patient_ids: Iterable[int]) -> "Frames":
        """The same facts for some of the patients."""
        wanted = np.asarray(sorted(patient_ids), dtype="int64")

        def keep(frame: pd.DataFrame) -> pd.DataFrame:
            if frame.empty:
                return frame
            return frame[np.isin(frame["patient_id"].to_numpy(), wanted)].reset_index(drop=True)

        return Frames(
            as_of=self.as_of,
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


Facts = Sequence[Mapping[str, Any]]

AS_OF = dt.date(2026, 11, 22)
ONE_PATIENT: Facts = ({"mrn": "1"},)


def frames(
    as_of: dt.date = AS_OF,
    *,
    patients: Facts = ONE_PATIENT,
    observations: Facts = (),
    medications: Facts = (),
    events: Facts = (),
    pauses: Facts = (),
    plans: Facts = (),
    feeds: Facts = (),
    assessments: Mapping[str, pd.DataFrame] | None = None,
) -> Frames:
    """The frames that stand for of these facts on `as_of`; patients are numbered from 1.

    As there, facts after `as_of` are left out, and values are in their canonical unit (a row's `unit` is converted).
    """
    number = {str(row["mrn"]): place for place, row in enumerate(patients, start=1)}
    first = next(iter(number))

    def who(row: Mapping[str, Any]) -> int:
        return number[str(row.get("mrn", first))]

    def day(value: Any) -> np.datetime64:
        if value is None or value == "":
            return np.datetime64("NaT", "s")
        if isinstance(value, int | np.integer):
            return np.datetime64(as_of + dt.timedelta(days=int(value)), "s")
        return np.datetime64(str(value), "D").astype("datetime64[s]")

    limit = day(0)
    panel = pd.DataFrame(
        {
            "mrn": _texts([str(row["mrn"]) for row in patients]),
            "birth_date": _days([_birth(row, as_of, day) for row in patients]),
            "sex": _texts([row.get("sex", "unknown") for row in patients]),
            "diagnosis": _texts([row.get("diagnosis", "DM") for row in patients]),
            "diagnosed_on": _days([day(row.get("diagnosed_day", row.get("diagnosed_on"))) for row in patients]),
            "autoantibodies": _texts([row.get("autoantibodies", "") for row in patients]),
            "site": _texts([row.get("site", "") for row in patients]),
            "clinician": _texts([row.get("clinician", "") for row in patients]),
            "status": _texts([row.get("status", "active") for row in patients]),
        },
        index=pd.Index(np.arange(1, len(patients) + 1, dtype="int64"), name="patient_id"),
    )
    taken = [
        (
            int(row.get("id", place)),
            who(row),
            row["drug"],
            float(row.get("dose", np.nan)),
            row.get("unit", "mg"),
            row.get("frequency", "daily"),
            row.get("route", "oral"),
            day(row["start"]),
            day(row.get("end")),
            row.get("intent", "daily"),
            row.get("status", "active"),
        )
        for place, row in enumerate(medications, start=1)
        if row.get("status") != "entered-in-error" and day(row["start"]) <= limit
    ]
    taken.sort(key=lambda row: (row[1], row[7], row[0]))
    happened = [
        (
            int(row.get("id", place)),
            who(row),
            row["event"],
            day(row["day"]),
            day(row.get("end")),
            row.get("present", "yes") in ("yes", True),
            row.get("detail", ""),
        )
        for place, row in enumerate(events, start=1)
        if day(row["day"]) <= limit
    ]
    happened.sort(key=lambda row: (row[1], row[3], row[0]))
    built = Frames(
        as_of=as_of,
        patients=panel,
        medications=pd.DataFrame(
            {
                "id": _whole([row[0] for row in taken]),
                "patient_id": _whole([row[1] for row in taken]),
                "drug": _texts([row[2] for row in taken]),
                "dose": np.array([row[3] for row in taken], "float64"),
                "unit": _texts([row[4] for row in taken]),
                "frequency": _texts([row[5] for row in taken]),
                "route": _texts([row[6] for row in taken]),
                "start": _days([row[7] for row in taken]),
                "end": _days([row[8] for row in taken]),
                "intent": _texts([row[9] for row in taken]),
                "status": _texts([row[10] for row in taken]),
            }
        ),
        events=pd.DataFrame(
            {
                "id": _whole([row[0] for row in happened]),
                "patient_id": _whole([row[1] for row in happened]),
                "event": _texts([row[2] for row in happened]),
                "day": _days([row[3] for row in happened]),
                "end": _days([row[4] for row in happened]),
                "present": np.array([row[5] for row in happened], dtype=bool),
                "detail": _texts([row[6] for row in happened]),
            }
        ),
        pauses=pd.DataFrame(
            {
                "patient_id": _whole([who(row) for row in pauses]),
                "test": _texts([row["test"] for row in pauses]),
                "reason": _texts([row.get("reason", "") for row in pauses]),
                "start": _days([day(row["start"]) for row in pauses]),
                "until": _days([day(row["until"]) for row in pauses]),
            }
        ),
        plans=pd.DataFrame(
            {
                "patient_id": _whole([who(row) for row in plans]),
                "plan_id": _whole([row.get("plan_id", 1) for row in plans]),
                "template": _texts([row.get("template", "") for row in plans]),
                "agreed_on": _days([day(row.get("agreed_on", row["start"])) for row in plans]),
                "start": _days([day(row["start"]) for row in plans]),
                "dose_mg": np.array([row["dose_mg"] for row in plans], "float64"),
            }
        ),
        feeds=pd.DataFrame(
            {
                "sender": _texts([row["sender"] for row in feeds]),
                "measure": _texts([row["measure"] for row in feeds]),
                "last_day": _days([day(row["last_day"]) for row in feeds]),
                "results": _whole([row["results"] for row in feeds]),
                "delivery_days": _whole([row.get("delivery_days", 0) for row in feeds]),
                "median_gap": np.array([row.get("median_gap", np.nan) for row in feeds], "float64"),
                "patients_waiting": _whole([row.get("patients_waiting", 0) for row in feeds]),
            }
        ),
    )
    kept = [row for row in observations if day(row["day"]) <= limit]
    numbered = [(int(row.get("id", place)), row) for place, row in enumerate(observations, start=1) if row in kept]
    done = [(key, row) for key, row in numbered if row.get("status", "final") in ("final", "corrected")]
    undone = [(key, row) for key, row in numbered if row.get("status") == "not-done"]
    built.not_done = pd.DataFrame(
        {
            "id": _whole([key for key, _ in undone]),
            "patient_id": _whole([who(row) for _, row in undone]),
            "measure": _texts([row["measure"] for _, row in undone]),
            "day": _days([day(row["day"]) for _, row in undone]),
            "reason": _texts([row.get("reason", "") for _, row in undone]),
        }
    )
    for measure in sorted({str(row["measure"]) for _, row in done}):
        rows = [(key, row) for key, row in done if row["measure"] == measure]
        rows.sort(key=lambda pair: (who(pair[1]), day(pair[1]["day"]), pair[0]))
        values = [_value(row) for _, row in rows]
        built.by_measure[measure] = pd.DataFrame(
            {
                "id": _whole([key for key, _ in rows]),
                "patient_id": _whole([who(row) for _, row in rows]),
                "measure": _texts([measure] * len(rows)),
                "value": np.array([value for _, value in values], "float64"),
                "comparator": _texts([comparator for comparator, _ in values]),
                "upper_limit": np.array([_limit(row) for _, row in rows], "float64"),
                "assay": _texts([row.get("assay") for _, row in rows]),
                "assessor": _texts([row.get("assessor") for _, row in rows]),
                "day": _days([day(row["day"]) for _, row in rows]),
                "received": _days([day(row.get("received", row["day"])) for _, row in rows]),
            }
        )
    built.assessments = dict(assessments or {})
    return built


def of_example(example: Example, as_of: dt.date = AS_OF) -> Frames:
    """The frames of a rule's worked example: one patient."""
    return frames(
        as_of,
        patients=[{"mrn": "1", **example.patient}],
        observations=example.observations,
        medications=example.medications,
        events=example.events,
    )


def _birth(row: Mapping[str, Any], as_of: dt.date, day: Any) -> np.datetime64:
    if "age_years" in row:
        return np.datetime64(as_of - dt.timedelta(days=round(365.25 * float(row["age_years"]))), "s")
    value: np.datetime64 = day(row.get("birth_day", row.get("birth_date")))
    return value


def _value(row: Mapping[str, Any]) -> tuple[str, float]:
    value = row["value"]
    comparator = ""
    if isinstance(value, str) and value[:1] in "<>":
        comparator, value = value[0], value[1:]
    number = float(value)
    return comparator, to_canonical(str(row["measure"]), number, str(row["unit"])) if row.get("unit") else number


def _limit(row: Mapping[str, Any]) -> float:
    limit = row.get("upper_limit")
    if limit is None:
        return float("nan")
    number = float(limit)
    return to_canonical(str(row["measure"]), number, str(row["unit"])) if row.get("unit") else number


def _days(values: Sequence[np.datetime64]) -> np.ndarray:
    return np.array(values, dtype="datetime64[s]")


def _whole(values: Sequence[int]) -> np.ndarray:
    return np.array(values, dtype="int64")


def _texts(values: Sequence[Any]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out

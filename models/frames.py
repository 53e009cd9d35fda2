"""What a rule sees: the facts of some patients as data frames, as they stood on a day and as known at an instant.

Nothing here reads a database (that is `models.frame_reading`): a rule, and a test of a rule, needs only this.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd


def texts(values: Sequence[Any]) -> np.ndarray:
    """Values as an object array."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def text_column(values: Sequence[Any] | np.ndarray) -> "pd.Series[Any]":
    """Texts for a data frame, kept as they are: None stays None, whatever string storage pandas finds installed."""
    return pd.Series(values if isinstance(values, np.ndarray) else texts(values), dtype=object, copy=False)


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
        `assay`, `assessor` (None where not given), `day` (datetime64[s], clinic days).
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
        }
    )

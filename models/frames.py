"""What a rule sees: the facts of some patients as data frames, as they stood on a day and as known at an instant.

Nothing here reads a database (that is `models.frame_reading`): a rule, and a test of a rule, needs only this.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

COMPARATORS = ("", "<", ">")
COLUMNS = (
    ("id", "<i8"),
    ("day", "<i4"),
    ("received", "<i4"),
    ("value", "<f8"),
    ("limit", "<f8"),
    ("measure", "<u2"),
    ("assay", "<u2"),
    ("assessor", "<u2"),
    ("comparator", "u1"),
)


def texts(values: Sequence[Any]) -> np.ndarray:
    """Values as an object array."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def text_column(values: Sequence[Any] | np.ndarray) -> "pd.Series[Any]":
    """Texts for a data frame, kept as they are: None stays None, whatever string storage pandas finds installed."""
    return pd.Series(values if isinstance(values, np.ndarray) else texts(values), dtype=object, copy=False)


@dataclass
class Columns:
    """Observations of many patients as arrays, sorted by patient, measure, day, time and id.

    `measure`, `assay` and `assessor` are codes into `measures`, `assays` and `assessors` (0: not given);
    `day` and `received` are days since 1970-01-01; `limit` is the upper limit, NaN where none was reported.
    """

    patient: np.ndarray
    id: np.ndarray
    day: np.ndarray
    received: np.ndarray
    value: np.ndarray
    limit: np.ndarray
    measure: np.ndarray
    assay: np.ndarray
    assessor: np.ndarray
    comparator: np.ndarray
    measures: list[str]
    assays: list[str | None]
    assessors: list[str | None]

    def __len__(self) -> int:
        return len(self.id)

    def take(self, kept: np.ndarray) -> "Columns":
        """Some of the rows, by mask or by place."""
        return Columns(
            **{name: getattr(self, name)[kept] for name in ("patient", *(name for name, _ in COLUMNS))},
            measures=self.measures,
            assays=self.assays,
            assessors=self.assessors,
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

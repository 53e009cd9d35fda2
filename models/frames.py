"""One patient's facts as data frames: for figures, tables and series of scores, where a table is the natural thing.

The same facts in the same order as the rules see them (`models.patient_facts`).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from models.patient_facts import PatientFacts, Reading, date_of


def text_column(values: Sequence[Any]) -> "pd.Series[Any]":
    """Texts for a data frame, kept as they are: None stays None, whatever string storage pandas finds installed."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return pd.Series(out, dtype=object, copy=False)


@dataclass
class Frames:
    """The facts of one patient as they stood on `as_of`, however old.

    Attributes:
        medications: `id`, `drug`, `dose`, `unit`, `frequency`, `route`, `start`, `end` (NaT: continuing), `intent`,
            `status`; no statement entered in error; none that starts after `as_of`.
        events: `id`, `event`, `day`, `end`, `present`, `detail`; none after `as_of`.
    """

    as_of: dt.date
    medications: pd.DataFrame
    events: pd.DataFrame
    by_measure: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def observations(self, *measures: str) -> pd.DataFrame:
        """Valid observations of the named measures, sorted by measure (as named), day and time.

        Columns: `id`, `measure`, `value` (canonical unit), `comparator` ('', '<', '>'), `upper_limit`, `assay`,
        `assessor` (None where not given), `day` (datetime64[s], clinic days).
        """
        parts = [self.by_measure[measure] for measure in measures if measure in self.by_measure]
        if not parts:
            return _observations(())
        if len(parts) == 1:
            return parts[0]
        return pd.concat(parts, ignore_index=True)


def frames_of(patient: PatientFacts) -> Frames:
    """The patient's facts as tables."""
    return Frames(
        as_of=date_of(patient.today),
        medications=_table(
            patient.statements,
            id="id", drug="text", dose="number", unit="text", frequency="text", route="text", start="day", end="day",
            intent="text", status="text",
        ),
        events=_table(
            patient.happenings, id="id", event="text", day="day", end="day", present="flag", detail="text"
        ),
        by_measure={
            measure: _observations(readings)
            for measure in sorted(patient.measures)
            if (readings := patient.series(measure))
        },
    )  # fmt: skip


def _observations(readings: Sequence[Reading]) -> pd.DataFrame:
    table = _table(
        readings,
        id="id", measure="text", value="number", comparator="text", limit="number", assay="text", assessor="text",
        day="day",
    )  # fmt: skip
    return table.rename(columns={"limit": "upper_limit"})


def _table(facts: Sequence[Any], **columns: str) -> pd.DataFrame:
    return pd.DataFrame(
        {name: _column([getattr(fact, name) for fact in facts], kind) for name, kind in columns.items()}
    )


def _column(values: Sequence[Any], kind: str) -> Any:
    if kind == "day":
        return _days(values)
    if kind == "text":
        return text_column(values)
    if kind == "number":
        return np.array([np.nan if value is None else value for value in values], "float64")
    return np.array(values, dtype=bool if kind == "flag" else "int64")


def _days(values: Iterable[int | None]) -> np.ndarray:
    days = [np.datetime64("NaT") if value is None else np.datetime64(value, "D") for value in values]
    return np.array(days, dtype="datetime64[D]").astype("datetime64[s]")

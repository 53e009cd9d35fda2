"""The newest word on something, for a whole panel at once: a value, an event, the verdict on strength; and its dates.

Shared by rules that ask "what was last said about this patient", each in its own way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.frames import Frames
from tests.oracle import series
from tests.oracle.rule import CANNOT_TELL, GRADE_ORDER, MET

FAR = 10**6
"""A day number beyond all days: nothing changes by time alone."""


# ------------------------------------------------------------- the newest word on something, for a whole panel at once


@dataclass(frozen=True)
class NewestValue:
    """Per patient the newest valid value of a measure; `day` is `-FAR` and `value` NaN where there is none."""

    day: series.Ints
    value: series.Floats
    limit: series.Floats
    comparator: np.ndarray
    id: series.Ints

    @property
    def times_limit(self) -> series.Floats:
        """The value as a multiple of the limit reported with it; NaN without a limit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.limit > 0, self.value / self.limit, np.nan)


@dataclass(frozen=True)
class NewestEvent:
    """Per patient the newest record of an event; `day` and `end` are `-FAR` where there is none."""

    day: series.Ints
    end: series.Ints
    present: series.Bools
    id: series.Ints

    def still_there(self, today: int, for_days: int) -> series.Bools:
        """Recorded as present and not ended; without an end for `for_days` days after it was recorded."""
        until = np.where(self.end > -FAR, self.end, self.day + for_days)
        return self.present & (self.day > -FAR) & (until >= today)

    def forgotten(self, today: int, for_days: int, reach: int) -> series.Bools:
        """Recorded as present without an end, longer than `for_days` but not longer than `reach` days ago."""
        age = today - self.day
        return self.present & (self.end <= -FAR) & (age > for_days) & (age <= reach)


@dataclass(frozen=True)
class StrengthVerdicts:
    """Per patient what `declining-strength` answered: is there a fall on any instrument, since when, how sure."""

    met: series.Bools
    cannot_tell: series.Bools
    answered: series.Bools
    since: series.Ints
    recheck: series.Ints
    grade: np.ndarray
    facts: Mapping[int, tuple[str, ...]]


def newest_value(frames: Frames, measure: str, who: series.Ints) -> NewestValue:
    """The newest value of one measure for each of the (sorted) patients."""
    rows = frames.observations(measure)
    last = series.groups_of(rows["patient_id"].to_numpy()).last
    place = np.searchsorted(who, rows["patient_id"].to_numpy()[last])
    count = len(who)
    day, identifier = np.full(count, -FAR, dtype="int64"), np.full(count, -1, dtype="int64")
    value, limit = np.full(count, np.nan), np.full(count, np.nan)
    comparator = np.full(count, "", dtype=object)
    day[place] = series.day_numbers(rows["day"].to_numpy()[last])
    identifier[place] = rows["id"].to_numpy()[last]
    value[place], limit[place] = rows["value"].to_numpy()[last], rows["upper_limit"].to_numpy()[last]
    comparator[place] = rows["comparator"].to_numpy()[last]
    return NewestValue(day, value, limit, comparator, identifier)


def newest_event(frames: Frames, kind: str, who: series.Ints) -> NewestEvent:
    """The newest record of one kind of event for each of the (sorted) patients."""
    count = len(who)
    day, end = np.full(count, -FAR, dtype="int64"), np.full(count, -FAR, dtype="int64")
    present, identifier = np.zeros(count, dtype=bool), np.full(count, -1, dtype="int64")
    table = frames.events
    chosen = np.flatnonzero((table["event"] == kind).to_numpy()) if len(table) else np.array([], dtype="int64")
    if len(chosen):
        patient = table["patient_id"].to_numpy()[chosen]
        row = chosen[series.groups_of(patient).last]
        place = np.searchsorted(who, table["patient_id"].to_numpy()[row])
        day[place] = series.day_numbers(table["day"].to_numpy()[row])
        ended = table["end"].to_numpy()[row]
        end[place] = np.where(np.isnat(ended), -FAR, series.day_numbers(ended))
        present[place] = table["present"].to_numpy()[row]
        identifier[place] = table["id"].to_numpy()[row]
    return NewestEvent(day, end, present, identifier)


def strength_verdicts(frames: Frames, who: series.Ints) -> StrengthVerdicts:
    """What `declining-strength` said of each of the (sorted) patients, its instruments taken together."""
    count = len(who)
    met, unknown, answered = (np.zeros(count, dtype=bool) for _ in range(3))
    since, recheck = np.full(count, FAR, dtype="int64"), np.full(count, FAR, dtype="int64")
    grade = np.full(count, None, dtype=object)
    facts: dict[int, tuple[str, ...]] = {}
    table = frames.assessments.get("declining-strength")
    if table is not None and len(table):
        patient = table["patient_id"].to_numpy(dtype="int64")
        inside = np.flatnonzero(np.isin(patient, who))
        place = np.searchsorted(who, patient[inside])
        state = table["state"].to_numpy()[inside]
        answered[place] = True
        unknown[place[state == CANNOT_TELL]] = True
        falls = np.flatnonzero(state == MET)
        met[place[falls]] = True
        begun = series.day_numbers(table["since"].to_numpy()[inside][falls])
        np.minimum.at(since, place[falls], begun)
        again = table["recheck_on"].to_numpy()[inside]
        dated = ~np.isnat(again.astype("datetime64[s]"))
        np.minimum.at(recheck, place[dated], series.day_numbers(again[dated]))
        grades, evidence = table["grade"].to_numpy()[inside], table["evidence"].to_numpy()[inside]
        for row in falls:
            one = int(place[row])
            if GRADE_ORDER.get(grades[row], 0) > GRADE_ORDER.get(grade[one], 0):
                grade[one] = grades[row]
            facts[one] = facts.get(one, ()) + tuple(evidence[row])
    return StrengthVerdicts(met, unknown & ~met, answered, since, recheck, grade, facts)


def dates(numbers: Any) -> np.ndarray:
    """Day numbers to datetime64[s]; `FAR` and `-FAR` and beyond become NaT."""
    values = np.asarray(numbers, dtype="int64")
    out = values.astype("datetime64[D]").astype("datetime64[s]")
    out[np.abs(values) >= FAR // 2] = np.datetime64("NaT", "s")
    return out


def only_where(flags: series.Bools, value: Any) -> np.ndarray:
    """Texts (one, or one for each row) where the flag is set, None elsewhere."""
    out = np.full(len(flags), None, dtype=object)
    out[flags] = value[flags] if isinstance(value, np.ndarray) else value
    return out


def next_after(today: int, *candidates: Any) -> series.Ints:
    """Elementwise the earliest of the candidate days after `today`, `FAR` where there is none.

    What lies more than a century ahead stands for "continuing" and is no day.
    """
    best = np.asarray(FAR, dtype="int64")
    for days in candidates:
        values = np.asarray(days, dtype="int64")
        best = np.minimum(best, np.where((values > today) & (values < today + 40_000), values, FAR))
    return np.asarray(best)

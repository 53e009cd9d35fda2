"""Values that cannot be: kept as they were sent, held back from the rules, and asked about.

A weight typed without its last digit, a creatinine in umol/L under the heading mg/dL: value, unit and limits do not fit
together, or there is a jump that no body makes. The bounds here are generous on purpose [default]: a value outside is a
slip of the pen or of a unit, never merely a grave illness. Nothing here reads a database.
"""

import datetime as dt
from collections.abc import Sequence
from math import log, sqrt
from typing import NamedTuple

from models.age import age_on
from models.patient_facts import ADULT_FROM_YEARS, Reading, date_of
from models.vocabulary import measure, remembered, vocabulary, written_unit

YEAR_DAYS = 366


class Bounds(NamedTuple):
    """What a value and the upper limit reported with it can be, in the canonical unit of the measure.

    `times`: within a year no two values differ by more than this factor; None where illness does it.
    """

    lowest: float
    highest: float
    limit_lowest: float = 0.0
    limit_highest: float = float("inf")
    times: float | None = None


# Enzymes, troponin and markers of inflammation are read as multiples of the limit reported with them, whatever that is:
# their limit is not judged.
BOUNDS: dict[str, Bounds] = {
    "creatinine": Bounds(0.05, 25, 0.15, 2.5, 30),
    "haemoglobin": Bounds(2, 25, 9, 22, 3.5),
    "white_cells": Bounds(0, 600, 3, 30),
    "neutrophils": Bounds(0, 200, 2, 25),
    "lymphocytes": Bounds(0, 600, 1, 15),
    "eosinophils": Bounds(0, 100, 0.1, 3),
    "platelets": Bounds(0, 3000, 150, 1000),
    "mcv": Bounds(40, 160, 80, 125, 1.6),
    "ck": Bounds(0, 1_000_000),
    "aldolase": Bounds(0, 1000),
    "ldh": Bounds(5, 60_000),
    "ast": Bounds(0, 40_000),
    "alt": Bounds(0, 40_000),
    "gamma_gt": Bounds(0, 10_000),
    "bilirubin": Bounds(0, 80, 0.3, 3),
    "albumin": Bounds(0.5, 8, 3, 7, 4),
    "crp": Bounds(0, 1000),
    "esr": Bounds(0, 200),
    "troponin_t": Bounds(0, 1_000_000),
    "troponin_i": Bounds(0, 10_000_000),
    "potassium": Bounds(1.2, 10, 4, 7.5, 4),
    "magnesium": Bounds(0.1, 8, 0.7, 1.6),
    "glucose": Bounds(10, 2500, 60, 250),
    "hba1c": Bounds(2.5, 22, 4, 9, 4),
    "igg": Bounds(0, 15_000, 300, 4000),
    "egfr": Bounds(0, 250),
    "systolic": Bounds(40, 300),
    "diastolic": Bounds(10, 200),
    "fvc_percent": Bounds(3, 200),
    "dlco_percent": Bounds(3, 200),
    "oxygen_saturation": Bounds(40, 100),
    "ferritin": Bounds(0, 500_000),
    "nif": Bounds(1, 300),
    "weight": Bounds(0.4, 400, times=1.8),
    "height": Bounds(25, 250, times=1.35),
}

# From an age in years on: lowest and highest value of a living person. Between two ages the younger row holds.
_BY_AGE: dict[str, tuple[tuple[int, float, float], ...]] = {
    "weight": ((0, 0.4, 18), (1, 4, 30), (3, 7, 60), (6, 10, 110), (10, 14, 180), (14, 18, 300), (18, 22, 400)),
    "height": ((0, 25, 100), (1, 50, 125), (3, 65, 145), (6, 75, 180), (10, 85, 215), (14, 90, 240), (18, 90, 250)),
}


class Doubtful(NamedTuple):
    """A reading that is held back, and why, as a question to whoever recorded it."""

    reading: Reading
    reason: str


def plausible(readings: Sequence[Reading], birth_date: dt.date | None) -> tuple[Sequence[Reading], list[Doubtful]]:
    """The readings of one measure, oldest first, divided into those that can be and those that are held back.

    A jump is believed as soon as a second value agrees with it: then the change was real, or the value before was the
    slip, which it is taken for where no earlier one of the year agrees with it.
    """
    bounds = BOUNDS.get(readings[0].measure) if readings else None
    if bounds is None or _all_ordinary(readings, bounds):
        return readings, []
    kept: list[Reading] = []
    doubtful: list[Doubtful] = []
    jumped: Reading | None = None
    for reading in readings:
        age = age_on(birth_date, date_of(reading.day)) if reading.measure in _BY_AGE else None
        reason = _out_of_bounds(reading, bounds, age)
        if reason is None and kept and bounds.times is not None:
            reason = _conflict(reading, kept[-1], bounds.times, age)
            if reason is not None and jumped is not None and _conflict(reading, jumped, bounds.times, age) is None:
                reason = None
                doubtful = [one for one in doubtful if one.reading is not jumped]
                if _alone(kept, bounds.times, age):
                    odd = kept.pop()
                    doubtful.append(Doubtful(odd, _belied(odd, jumped, reading)))
                kept.append(jumped)
            jumped = reading if reason is not None else None
        if reason is None:
            kept.append(reading)
        else:
            doubtful.append(Doubtful(reading, reason))
    return kept, sorted(doubtful, key=lambda one: (one.reading.day, one.reading.id))


def _alone(kept: Sequence[Reading], times: float, age: int | None) -> bool:
    """Whether nothing of the year before agrees with the last reading."""
    if len(kept) == 1:
        return True
    last, before = kept[-1], kept[-2]
    return last.day - before.day > YEAR_DAYS or _conflict(last, before, times, age) is not None


def _belied(odd: Reading, first: Reading, second: Reading) -> str:
    """Why a reading cannot have been right when two that agree followed it."""
    known = measure(odd.measure)
    return (
        f"{known.label} {_shown(odd.value)} {written_unit(known.unit)} cannot have been followed by "
        f"{_shown(first.value)} on {_day_text(first.day)} and {_shown(second.value)} on {_day_text(second.day)}: "
        "was it a slip?"
    )


def _all_ordinary(readings: Sequence[Reading], bounds: Bounds) -> bool:
    """Whether nothing needs a second look: the quick way for nearly every series."""
    if readings[0].measure in _BY_AGE:
        return False
    lowest, highest, limit_lowest, limit_highest, times = bounds
    for _, value, limit, comparator, *_ in readings:
        if not lowest <= value <= highest or comparator:
            return False
        if limit is not None and not limit_lowest <= limit <= limit_highest:
            return False
    if times is None:
        return True
    values = [reading.value for reading in readings]
    return max(values) <= times * min(values)


def _out_of_bounds(reading: Reading, bounds: Bounds, age: int | None) -> str | None:
    lowest, highest = bounds.lowest, bounds.highest
    if age is not None and reading.measure in _BY_AGE:
        lowest, highest = _bounds_at(reading.measure, age)
    value, limit = reading.value, reading.limit
    too_low = value < lowest and reading.comparator != "<"
    too_high = value > highest
    odd_limit = limit is not None and not bounds.limit_lowest <= limit <= bounds.limit_highest
    if not (too_low or too_high or odd_limit):
        return None
    known = measure(reading.measure)
    said = f"{known.label} {_shown(value)} {written_unit(known.unit)}"
    if odd_limit and limit is not None:
        said += f" with an upper limit of {_shown(limit)}"
    if age is not None and reading.measure in _BY_AGE:
        said += f" at {age} years"
    unit = _unit_that_fits(reading.measure, value, limit, lowest, highest)
    asked = (
        f": is it in {_UNIT_NAMES.get(unit, written_unit(unit))}?"
        if unit
        else ": is the value, its decimal point or its unit wrong?"
    )
    return f"{said} cannot be{asked}"


def _bounds_at(key: str, age: int) -> tuple[float, float]:
    """The bounds of the row of the age."""
    rows = _BY_AGE[key]
    row = next(one for one in reversed(rows) if one[0] <= max(age, 0))
    return row[1], row[2]


GROWS = "height"
SHRINKS_BY_CM = 2.0
"""A child measured lower than before by more than this did not shrink [default]: the tape, a slip, or a vertebra."""


def _conflict(reading: Reading, before: Reading, times: float, age: int | None) -> str | None:
    """Why a value cannot follow the one before it: a jump that no body makes, or a child that shrinks."""
    return _jump(reading, before, times) or _shrunk(reading, before, age)


def _shrunk(reading: Reading, before: Reading, age: int | None) -> str | None:
    if reading.measure != GROWS or age is None or age >= ADULT_FROM_YEARS or reading.comparator or before.comparator:
        return None
    if before.value - reading.value <= SHRINKS_BY_CM:
        return None
    unit = written_unit(measure(GROWS).unit)
    return (
        f"Height {_shown(reading.value)} {unit} of a child cannot follow {_shown(before.value)} {unit} of "
        f"{_day_text(before.day)}: which of the two is right? Where both are, look at the spine."
    )


def _jump(reading: Reading, before: Reading, times: float) -> str | None:
    """Why a value cannot follow the one before it; None after more than a year, or where either is a bound."""
    if reading.comparator or before.comparator or reading.day - before.day > YEAR_DAYS:
        return None
    higher, lower = max(reading.value, before.value), min(reading.value, before.value)
    if lower > 0 and higher / lower <= times:
        return None
    known = measure(reading.measure)
    return (
        f"{known.label} {_shown(reading.value)} {written_unit(known.unit)} cannot follow {_shown(before.value)} "
        f"{written_unit(known.unit)} of {_day_text(before.day)}: which of the two is right?"
    )


@remembered(maxsize=1024)
def _unit_that_fits(key: str, value: float, limit: float | None, lowest: float, highest: float) -> str | None:
    """The unit in which the same numbers would be the most ordinary ones; None where none fits or none can be told."""
    if limit is None and key not in _TOLD_BY_VALUE:
        return None
    known, bounds = measure(key), BOUNDS[key]
    ordinary = sqrt(bounds.limit_lowest * min(bounds.limit_highest, bounds.highest)) or bounds.highest
    fitting: list[tuple[float, str]] = []
    for rule in vocabulary().units.values():
        if rule.applies_to not in (known.key, known.family) or rule.factor == 1 or rule.offset:
            continue
        factor = float(rule.factor)
        if not lowest <= value * factor <= highest:
            continue
        if limit is None or bounds.limit_lowest <= limit * factor <= bounds.limit_highest:
            fitting.append((abs(log(max(value * factor, 1e-9) / ordinary)), rule.unit))
    return min(fitting, key=lambda one: one[0])[1] if fitting else None


_TOLD_BY_VALUE = frozenset({"creatinine", "haemoglobin", "albumin", "height"})
"""Measures whose usual units lie so far apart that the number alone tells which one was meant."""


_UNIT_NAMES = {"in": "inches", "[in_i]": "inches", "lb": "pounds", "[lb_av]": "pounds"}
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _day_text(day: int) -> str:
    """`3 Mar 2026`."""
    date = date_of(day)
    return f"{date.day} {_MONTHS[date.month]} {date.year}"


def _shown(value: float) -> str:
    """No more digits than a reader compares: a value in another unit has many."""
    return f"{value:g}" if value >= 1 else f"{value:.3g}"

"""The steroid of each day, added up by a second hand: day by day, from the statements as they were written."""

from collections.abc import Callable
from functools import lru_cache

from models.patient_facts import PatientFacts, Statement
from models.vocabulary import drug

TIMES = {"twice-daily": 2.0, "three-times-daily": 3.0, "every-other-day": 0.5}
EVERY = {"weekly": 7, "every-2-weeks": 14, "every-4-weeks": 28}
LOCAL = ("topical", "inhaled", "intra-articular")
REACH = 800
LIKE_A_PULSE = 250


def _factor(one: Statement) -> float:
    row = drug(one.drug)
    counts = row is not None and row.is_glucocorticoid and one.route not in LOCAL
    return (row.prednisone_factor or 0.0) if counts and row is not None else 0.0


def _goes_on(one: Statement) -> bool:
    return one.frequency != "once" and one.intent == "daily"


def _end(one: Statement, patient: PatientFacts) -> int:
    """The last day of a statement; an open one ends where the same is begun anew."""
    if one.frequency == "once":
        return one.start
    if one.end is not None:
        return min(one.end, patient.today)
    later = [
        other.start - 1
        for other in patient.statements
        if _goes_on(one)
        and _goes_on(other)
        and (other.drug, other.route) == (one.drug, one.route)
        and other.start > one.start
    ]
    return min([*later, patient.today])


def milligrams(one: Statement, patient: PatientFacts) -> float | None:
    """Prednisone-equivalent of a day on which it is taken; None where that is not known."""
    if one.dose is None or (one.status == "stopped" and one.end is None and one.frequency != "once"):
        return None
    weights = patient.series("weight")
    scale = {"mg": 1.0, "g": 1000.0}.get(one.unit)
    if scale is None:
        if one.unit not in ("mg/kg", "g/kg") or not weights:
            return None
        scale = weights[-1].value * (1000.0 if one.unit == "g/kg" else 1.0)
    return one.dose * scale * TIMES.get(one.frequency, 1.0) * _factor(one)


@lru_cache(maxsize=4)
def days(patient: PatientFacts) -> dict[int, tuple[float, float]]:
    """By day the whole dose, and the part of it that is no pulse."""
    found = dict.fromkeys(range(patient.today - REACH, patient.today + 1), (0.0, 0.0))
    for one in patient.statements:
        mg = milligrams(one, patient) if _factor(one) else None
        if not mg:
            continue
        steady = 0.0 if one.intent == "pulse" or mg >= LIKE_A_PULSE - 1e-5 else mg
        for day in range(one.start, _end(one, patient) + 1, EVERY.get(one.frequency, 1)):
            if day in found:
                found[day] = (found[day][0] + mg, found[day][1] + steady)
    return found


def dose(patient: PatientFacts, day: int) -> float:
    """mg on a day."""
    return days(patient).get(day, (0.0, 0.0))[0]


def steady(patient: PatientFacts, day: int) -> float:
    """mg on a day, pulses left out."""
    return days(patient).get(day, (0.0, 0.0))[1]


def run(patient: PatientFacts, holds: Callable[[float], bool], gap: int, until: int | None = None) -> list[int]:
    """The days of the newest spell up to a day at which it holds; other days in a row, up to `gap`, do not end it."""
    until = patient.today if until is None else until
    found: list[int] = []
    for day in range(until, until - REACH, -1):
        if holds(dose(patient, day)):
            found.append(day)
        elif (found[-1] if found else until + 1) - day > gap:
            break
    return found[::-1]


def is_high(patient: PatientFacts, above: float = 30, per_kg: float = 0.5) -> Callable[[float], bool]:
    """Whether a dose is high for this patient."""
    weights = patient.series("weight")
    by_weight = per_kg * weights[-1].value if weights else float("inf")
    return lambda mg: mg > above + 1e-5 or mg >= by_weight - 1e-5

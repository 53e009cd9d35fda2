"""The exposure of a patient as one report: today, the course, the year, what does not count."""

from collections.abc import Callable
from typing import Any

from jobs.exposure.adding_up import exposure
from jobs.exposure.doses import HIGH_MG, HIGH_MG_KG, SMALLEST_DIFFERENCE_MG, Exposure, Segment
from jobs.exposure.spells import runs
from models.patient_facts import PatientFacts, date_of

COURSE_GAP_DAYS = 3
"""Days without a high dose that do not end a course (contract)."""
LONGEST_HIGH_DAYS = 28
"""Days at high dose that must be exceeded before a course is prolonged (contract)."""
UNIT = "mg/day prednisone-equivalent"
_YEAR_DAYS = 365


def exposure_report(
    patient: PatientFacts,
    *,
    above_mg: float = HIGH_MG,
    from_mg_kg: float = HIGH_MG_KG,
    gap_days: int = COURSE_GAP_DAYS,
    longest_days: int = LONGEST_HIGH_DAYS,
) -> dict[str, Any]:
    """Everything about one patient's steroids as plain data, ready for JSON; dates as `YYYY-MM-DD`.

    `days` holds the days of the last year on which (or since which) a steroid was on file; `segments` the whole
    history; `spans` the stretches above each limit; `next` the date on which the line would be crossed if today's
    dose continued.
    """
    found = exposure(patient)
    known, today, kilograms = found.known, found.today, found.kilograms

    def is_high(segment: Segment) -> bool:
        return found.is_high(segment, above_mg, from_mg_kg)

    courses = runs(known, is_high, gap_days=gap_days, nth=longest_days + 1)
    newest = courses[-1] if courses and today - courses[-1].last <= gap_days else None
    now = known[-1] if known and known[-1].end >= today else None
    crosses = None
    if now is not None and newest is not None and is_high(now) and not newest.reached:
        crosses = today + longest_days + 1 - newest.days
    limit = f"above {above_mg:g} mg/day" + ("" if kilograms is None else f" or at least {from_mg_kg:g} mg/kg/day")
    lasting = runs(known, lambda one: one.mg > 7.5 + SMALLEST_DIFFERENCE_MG, gap_days=gap_days)
    since = now.start if now else (known[-1].end + 1 if known else None)
    return {
        "mrn": patient.mrn,
        "as_of": _text(today),
        "unit": UNIT,
        "days": _days_of_the_year(found, is_high),
        "segments": [
            {
                "start": _text(one.start),
                "end": _text(one.end),
                "dose": _rounded(one.mg),
                "pulse": one.is_pulse,
                "high": is_high(one),
            }
            for one in known
        ],
        "spans": [
            {"start": _text(run.start), "end": _text(run.last), "days": run.days, "limit": words}
            for words, part in ((limit, courses), ("above 7.5 mg/day", lasting))
            for run in part
        ],
        "cumulative": {
            "total_mg": _rounded(found.cumulative(None, today)),
            "last_365_days_mg": _rounded(found.cumulative(today - _YEAR_DAYS + 1, today)),
        },
        "current": {"dose": _rounded(now.mg) if now else 0.0, "since": _text(since)},
        "course": {
            "start": _text(newest.start) if newest else None,
            "high_days": newest.days if newest else 0,
            "longer_than_days": longest_days,
            "crossed_on": _text(newest.nth_day) if newest else None,
        },
        "weight": None if found.weight is None else {"kg": found.weight.value, "date": _text(found.weight.day)},
        "ignored": [
            {"drug": one.statement.drug, "route": one.statement.route, "why": one.why} for one in found.ignored
        ],
        "unknown": [{"drug": one.statement.drug, "start": _text(one.first), "why": one.why} for one in found.unknown],
        "replaced": [
            {
                "drug": one.statement.drug,
                "route": one.statement.route,
                "dose": one.statement.dose,
                "unit": one.statement.unit,
                "frequency": one.statement.frequency,
                "start": _text(one.statement.start),
                "by_dose": one.by.dose,
                "by_unit": one.by.unit,
                "by_frequency": one.by.frequency,
                "by_start": _text(one.by.start),
                "how": one.how,
                "says": one.words,
            }
            for one in found.replaced
        ],
        "next": {"crosses_on": _text(crosses)},
    }


def _days_of_the_year(found: Exposure, is_high: Callable[[Segment], bool]) -> list[dict[str, Any]]:
    """The dose of each day of the last year, from the first day of any steroid on."""
    if not found.known:
        return []
    begin = max(found.today - _YEAR_DAYS + 1, found.known[0].start)
    kilograms = found.kilograms
    days = dict.fromkeys(range(begin, found.today + 1), (0.0, False))
    for segment in found.known:
        of_it = (segment.mg, is_high(segment))
        days.update(dict.fromkeys(range(max(segment.start, begin), segment.end + 1), of_it))
    return [
        {
            "date": _text(day),
            "dose": _rounded(dose),
            "mg_per_kg": round(dose / kilograms, 3) if kilograms else None,
            "high": high,
        }
        for day, (dose, high) in days.items()
    ]


def _text(day: int | None) -> str | None:
    return None if day is None else date_of(day).isoformat()


def _rounded(milligrams: float) -> float:
    return round(milligrams, 3)

"""Is active disease treated, is it too early to judge the treatment, and does it help?

Looked at: the glucocorticoids and immunosuppressants that run or still act, on which day the last of them was begun or
raised, and strength and enzymes before that day and now. A treatment is judged once its time has come; while one change
follows the other within that time, the time runs on, but never longer than half a year.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobs.exposure import SMALLEST_DIFFERENCE_MG, exposure
from jobs.response import ResponseSteps
from jobs.rule import day_text, number, parameter
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.treatment import GAP_DAYS, Course, courses, weekly_dose
from models.patient_facts import PatientFacts, Reading
from models.vocabulary import measure

UNTREATED, TOO_EARLY, RESPONDING, NOT_RESPONDING, NOT_JUDGED = (
    "untreated",
    "too_early",
    "responding",
    "not_responding",
    "not_judged",
)
ENZYMES = ("ck", "aldolase", "ast", "alt", "ldh")
_STEP = {key: f"step_{key}" for key in INSTRUMENTS}


@dataclass(frozen=True)
class TreatmentTimes(ResponseSteps):
    """When a treatment can be judged, and with what it is compared."""

    steroid_days: int = parameter(
        28,
        unit="days",
        low=14,
        high=84,
        meaning="a pulse or a glucocorticoid is not judged before this",
        source="four to six weeks, educational page (seed 001)",
        mark="contract",
    )
    agent_days: int = parameter(
        90,
        unit="days",
        low=28,
        high=182,
        meaning="an immunosuppressant is not judged before this",
        source="three to six months, educational page (seed 004); SHARE 12 weeks",
        mark="contract",
    )
    longest_wait_days: int = parameter(
        180,
        unit="days",
        low=90,
        high=365,
        meaning="however many changes follow each other, treatment is judged after this",
        mark="contract",
    )
    raised_share: float = parameter(
        0.25, unit="share of the dose before", low=0.1, high=1, meaning="a dose raised by this begins a new wait",
        mark="contract",
    )  # fmt: skip
    raised_steroid_mg: float = parameter(
        5, unit="mg/day prednisone-equivalent", low=1, high=20, meaning="so does a glucocorticoid raised by this step"
    )
    raised_weekly_mg: float = parameter(
        5, unit="mg/week", low=1, high=15, meaning="so does an agent taken once a week that is raised by this step"
    )
    before_days: int = parameter(
        90,
        unit="days",
        low=14,
        high=182,
        meaning="how long before the treatment a result may lie to be compared with",
        mark="contract",
    )
    apart_days: int = parameter(
        56,
        unit="days",
        low=28,
        high=182,
        meaning="without one, the first result after its start counts if the newest came this long after it",
        mark="contract",
    )
    enzyme_share: float = parameter(
        0.5,
        unit="x value before",
        low=0.3,
        high=0.8,
        meaning="an enzyme at or below this share of the value before is a response",
        mark="contract",
    )


class Judged(NamedTuple):
    """Whether the disease is treated and how it answers.

    Attributes:
        verdict: `untreated`, `too_early`, `responding`, `not_responding` or `not_judged`.
        start: the day from which the treatment in force is judged; None where untreated.
        due: the first day on which it can be judged; while too early.
        said: strength and enzymes before and now, for a sentence.
        running: the drugs that run or still act.
        facts: the evidence: the newest statements of those drugs and the results compared.
        changes: days on which time alone changes this.
    """

    verdict: str
    start: int | None = None
    due: int | None = None
    said: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    changes: tuple[int | None, ...] = ()


class _Change(NamedTuple):
    """A treatment begun or raised on a day, and the first day on which that can be judged."""

    day: int
    due: int


def judged_treatment(patient: PatientFacts, latest_days: int, times: TreatmentTimes) -> Judged:
    """How the treatment in force stands on the day asked about; results older than `latest_days` say nothing."""
    today = patient.today
    running = [course for course in courses(patient) if _counts(course)]
    changes = sorted(_changes(patient, running, times))
    if not running and not (changes and today < changes[-1].due):
        return Judged(UNTREATED)
    drugs = tuple(course.drug for course in running)
    facts = tuple(course.newest.fact for course in running)
    ends = (*(course.through + 1 for course in running), exposure(patient).next_change)
    start, due = _wait(changes, times)
    if today < due:
        return Judged(TOO_EARLY, start, due, (), drugs, facts, (*ends, due))
    gains = [gain for gain in _gains(patient, start, latest_days, times) if gain is not None]
    said = tuple(gain.said for gain in gains)
    facts += tuple(fact for gain in gains for fact in gain.facts)
    if not gains:
        verdict = NOT_JUDGED
    elif any(gain.gained for gain in gains) and not any(gain.worse for gain in gains):
        verdict = RESPONDING
    else:
        verdict = NOT_RESPONDING
    return Judged(verdict, start, None, said, drugs, facts, ends)


def _counts(course: Course) -> bool:
    return course.row is not None and course.row.counts_as_active_treatment


# ------------------------------------------------------------------------------------------ what was begun or raised


def _changes(patient: PatientFacts, running: Sequence[Course], times: TreatmentTimes) -> Iterator[_Change]:
    for day in _steroid_changes(patient, times):
        yield _Change(day, day + times.steroid_days)
    for course in running:
        if course.row is not None and not course.row.is_glucocorticoid:
            for day in _agent_changes(course, times):
                yield _Change(day, day + times.agent_days)


def _steroid_changes(patient: PatientFacts, times: TreatmentTimes) -> Iterator[int]:
    """Days on which a pulse ended, or the steady dose was begun or raised."""
    found = exposure(patient)
    for unknown in found.unknown:
        yield unknown.first
    steady = ended = None
    for segment in found.known:
        if segment.is_pulse:
            yield segment.end
        dose = segment.steady_mg
        if dose <= SMALLEST_DIFFERENCE_MG:
            continue
        begun = steady is None or ended is None or segment.start - ended - 1 > GAP_DAYS
        if begun or _is_raise(steady or 0.0, dose, times.raised_share, times.raised_steroid_mg):
            yield segment.start
        steady, ended = dose, segment.end


def _agent_changes(course: Course, times: TreatmentTimes) -> Iterator[int]:
    """The first day of a course, and the days on which its dose was raised."""
    yield course.start
    before: float | None = None
    unit = ""
    for statement in course.statements:
        dose = weekly_dose(statement)
        if dose is None:
            continue
        if before is not None and statement.unit == unit:
            taken_weekly = statement.frequency == "weekly" and unit == "mg"
            if _is_raise(before, dose, times.raised_share, times.raised_weekly_mg if taken_weekly else math.inf):
                yield statement.start
        before, unit = dose, statement.unit


def _is_raise(before: float, now: float, share: float, step: float) -> bool:
    """A dose raised by a share of the one before, or by a step."""
    return now >= min(before * (1 + share), before + step) - SMALLEST_DIFFERENCE_MG


def _wait(changes: Sequence[_Change], times: TreatmentTimes) -> tuple[int, int]:
    """The first of the changes that follow each other before they could be judged, and the day they can be judged."""
    start, due = changes[0]
    for change in changes[1:]:
        if change.day >= min(due, start + times.longest_wait_days):
            start, due = change
        else:
            due = max(due, change.due)
    return start, min(due, start + times.longest_wait_days)


# ---------------------------------------------------------------------------------------------- before it, and now


class _Gain(NamedTuple):
    """A measure before the treatment and now."""

    gained: bool
    worse: bool
    said: str
    facts: tuple[str, ...]


def _gains(patient: PatientFacts, start: int, latest_days: int, times: TreatmentTimes) -> Iterator[_Gain | None]:
    for instrument in INSTRUMENTS:
        yield _of_strength(patient, instrument, start, latest_days, times)
    for enzyme in ENZYMES:
        found = _of_enzyme(patient, enzyme, start, latest_days, times)
        if found is not None:
            yield found
            return


def _of_strength(
    patient: PatientFacts, instrument: str, start: int, latest_days: int, times: TreatmentTimes
) -> _Gain | None:
    series = patient.series(instrument)
    baseline = _baseline(series, start, patient.today - latest_days, times)
    if baseline is None:
        return None
    newest, step = series[-1], float(getattr(times, _STEP[instrument]))
    worse = newest.value <= baseline.value - step
    row = measure(instrument)
    if row.max_value is not None and baseline.value > row.max_value - step and not worse:
        return None  # strength that cannot become a step better says nothing of a response
    best = max(one.value for one in series if one.day >= baseline.day)
    lost = newest.value <= best - step
    gained = newest.value >= baseline.value + step and not lost
    return _Gain(
        gained, worse, _said(row.short_label, baseline.value, newest.value, newest.day), _both(baseline, newest)
    )


def _of_enzyme(patient: PatientFacts, enzyme: str, start: int, latest_days: int, times: TreatmentTimes) -> _Gain | None:
    usable = [one for one in patient.series(enzyme) if one.times_limit is not None]
    baseline = _baseline(usable, start, patient.today - latest_days, times)
    if baseline is None:
        return None
    newest = usable[-1]
    before, now = baseline.times_limit or 0.0, newest.times_limit or 0.0
    if before <= times.raised_ck:
        return None  # an enzyme that was not raised says nothing of a response
    lowest = min(one.times_limit or 0.0 for one in usable if one.day >= baseline.day)
    lost = now > times.raised_ck and now * times.enzyme_share >= lowest
    gained = now <= times.enzyme_share * before + 1e-9 and not lost
    said = _said(f"{measure(enzyme).short_label}, times its limit,", before, now, newest.day)
    return _Gain(gained, False, said, _both(baseline, newest))


def _baseline(series: Sequence[Reading], start: int, not_before: int, times: TreatmentTimes) -> Reading | None:
    """The newest result shortly before the treatment, else the first after its start if the newest came long after."""
    if not series or series[-1].day < not_before:
        return None
    newest = series[-1]
    before = next((one for one in reversed(series) if one.day <= start), None)
    if before is not None and before.day >= start - times.before_days:
        return before if before is not newest else None
    after = next((one for one in series if one.day > start), None)
    return after if after is not None and newest.day - after.day >= times.apart_days else None


def _both(before: Reading, now: Reading) -> tuple[str, str]:
    return before.fact, now.fact


def _said(label: str, before: float, now: float, day: int) -> str:
    return f"{label} {number(before, 2)} -> {number(now, 2)} ({day_text(day)})"

"""Coming down from a steroid: what a taper plans for a day, and how far a patient lies behind or ahead of it.

A taper is a list of doses with the day of the course from which each holds; day 0 is the first day. It comes from a
template of the vocabulary (A, B, JDM-PRINTO, BSR) and a start dose, or from the plan agreed for one patient. Doses are
prednisone-equivalent mg/day. Everything here is arithmetic on such a list: no template is a recommendation.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from jobs.exposure import SMALLEST_DIFFERENCE_MG, Segment, daily
from models.patient_facts import PatientFacts, PlannedDose, date_of
from models.vocabulary import TaperTemplate, taper_templates


@dataclass(frozen=True)
class Standing:
    """Where an actual dose lies against a taper.

    Attributes:
        expected_mg: the dose planned for the day, mg/day.
        days_behind: days since the taper left the actual dose; 0 when not behind.
        steps_behind: reductions that should have happened and did not.
        days_ahead: days until the taper comes down to the actual dose; 0 when not ahead.
    """

    expected_mg: float
    days_behind: int
    steps_behind: int
    days_ahead: int

    @property
    def behind(self) -> str:
        """How far behind, in words (`12 days and 1 step`); on the day of a missed step only the step. Empty: not."""
        counts = ((self.days_behind, "day"), (self.steps_behind, "step"))
        return " and ".join(_count(count, noun) for count, noun in counts if count)


@dataclass(frozen=True)
class Schedule:
    """Planned doses: `steps` are (day of the course, mg/day from that day on), by day; the first is day 0."""

    steps: tuple[tuple[int, float], ...]

    def dose_on(self, day: int) -> float:
        """The planned mg/day on a day of the course; before the first step the first dose."""
        dose = self.steps[0][1]
        for begins, planned in self.steps:
            if begins > day:
                break
            dose = planned
        return dose

    def day_at_or_below(self, mg: float) -> int | None:
        """The first day of the course planned at `mg` or less; None if the taper ends higher."""
        return next((day for day, planned in self.steps if planned <= mg + SMALLEST_DIFFERENCE_MG), None)

    def day_below(self, mg: float) -> int | None:
        """The first day of the course planned under `mg`; None if the taper ends at it or higher."""
        return next((day for day, planned in self.steps if planned < mg - SMALLEST_DIFFERENCE_MG), None)

    def standing(self, day: int, actual_mg: float) -> Standing:
        """How an actual dose on a day of the course compares with the plan."""
        expected = self.dose_on(day)
        if actual_mg > expected + SMALLEST_DIFFERENCE_MG:
            left = self.day_below(actual_mg)
            late = [
                begins
                for begins, planned in self.steps
                if begins <= day and planned < actual_mg - SMALLEST_DIFFERENCE_MG
            ]
            return Standing(expected, day - left if left is not None else 0, len(late), 0)
        if actual_mg < expected - SMALLEST_DIFFERENCE_MG:
            reached = self.day_at_or_below(actual_mg)
            return Standing(expected, 0, 0, reached - day if reached is not None else self.steps[-1][0] - day)
        return Standing(expected, 0, 0, 0)


@lru_cache(maxsize=4096)
def planned(
    template_key: str, start_mg: float, begin_day: int | None = None, weight_kg: float | None = None
) -> Schedule:
    """The schedule of a template from a start dose (mg/day).

    The first reduction happens on `begin_day` of the course, or on the latest day the template allows. A template per
    kg needs `weight_kg`. Raises `KeyError` for an unknown template, `ValueError` for a missing weight.
    """
    template = _template(template_key)
    begin = template.start_by_day if begin_day is None else begin_day
    if template.unit == "mg":
        return Schedule(tuple(template.schedule(start_mg, begin)))
    if weight_kg is None or not weight_kg > 0:
        raise ValueError(f"template {template_key} counts per kg: a weight is needed")
    return Schedule(
        tuple(
            (day, round(dose * weight_kg, 6)) for day, dose in template.schedule(round(start_mg / weight_kg, 6), begin)
        )
    )


def one_step_below(template_key: str, mg: float, weight_kg: float | None = None) -> float:
    """The next dose of a template below `mg` (mg/day); 0 where nothing is left to reduce.

    A template per kg without a weight raises `ValueError`.
    """
    template = _template(template_key)
    scale = 1.0
    if template.unit == "mg/kg":
        if weight_kg is None or not weight_kg > 0:
            raise ValueError(f"template {template_key} counts per kg: a weight is needed")
        scale = weight_kg
    following = template.next_dose(round(mg / scale, 6))
    return 0.0 if following is None else following[0] * scale


def from_plan(plan: Sequence[PlannedDose], course_start: int, start_mg: float) -> Schedule:
    """The schedule of a plan agreed for one patient: dated doses, before the first of them the dose as it was."""
    steps = [(step.start - course_start, step.dose_mg) for step in plan]
    earlier = [step for step in steps if step[0] <= 0]
    opening = earlier[-1][1] if earlier else start_mg
    return Schedule(((0, opening), *(step for step in steps if step[0] > 0)))


def what_if(
    template_key: str, current_mg: float, begins_on: dt.date, *, weight_kg: float | None = None
) -> list[tuple[dt.date, float]]:
    """The dated doses if a taper began on a day: each dose with the date from which it would hold, highest first."""
    steps = planned(template_key, current_mg, 0, weight_kg).steps
    # Day 0 stands twice: the dose as it is, and the first reduction on the same day.
    return [(begins_on + dt.timedelta(days=day), dose) for day, dose in steps[1:]]


def start_dose(
    segments: Sequence[Segment], course_start: int, today: int, *, held_days: int = 3, within_days: int = 14
) -> float:
    """The dose a course began with, mg/day: the highest steady dose held `held_days` within its first days.

    Pulses are left out. Where no dose was held that long it is the first steady dose, or the first dose at all.
    """
    until = min(course_start + within_days, today)
    first_days = [one for one in segments if one.end >= course_start and one.start <= until]
    held: list[tuple[float, int, int]] = []  # dose, last day, days
    for segment in first_days:
        mg = segment.steady_mg
        first, last = max(segment.start, course_start), min(segment.end, until)
        if held and abs(held[-1][0] - mg) <= SMALLEST_DIFFERENCE_MG and held[-1][1] + 1 == first:
            held[-1] = (held[-1][0], last, held[-1][2] + last - first + 1)
        elif mg > SMALLEST_DIFFERENCE_MG:
            held.append((mg, last, last - first + 1))
    lasting = [mg for mg, _, days in held if days >= held_days]
    if lasting:
        return max(lasting)
    if held:
        return held[0][0]
    return first_days[0].mg if first_days else 0.0


RE_INDUCTION = 1.5
"""A steady dose this many times the one before starts the taper anew [default, catalogue A0]."""
OFF_STEROID_DAYS = 14
"""More days than this without any steroid end the course of the taper [default, catalogue A0]."""


def clock_start(segments: Sequence[Segment], today: int) -> int | None:
    """The day from which the time since induction counts for the patient on a steroid today (or within two weeks).

    Unlike the high-dose days of the rules this clock goes on below the high dose, begins anew after more than
    `OFF_STEROID_DAYS` off steroid, and with a re-induction: a steady dose at least `RE_INDUCTION` times the one before.
    Pulses neither start nor stop it. None where nothing has been taken for so long.
    """
    started: int | None = None
    last_end, last_mg = 0, 0.0
    for segment in segments:
        mg = segment.steady_mg
        if segment.start > today or mg <= SMALLEST_DIFFERENCE_MG:
            continue
        begins = started is None or segment.start - last_end - 1 > OFF_STEROID_DAYS
        if begins or mg >= RE_INDUCTION * last_mg - SMALLEST_DIFFERENCE_MG:
            started = segment.start
        last_end, last_mg = segment.end, mg
    return None if started is None or today - last_end > OFF_STEROID_DAYS else started


def rounded(steps: Sequence[tuple[dt.date, float]], to_mg: float) -> list[tuple[dt.date, float]]:
    """Dated doses to the nearest amount that tablets allow, without steps that then change nothing; 0 leaves them."""
    if not to_mg > 0:
        return list(steps)
    out: list[tuple[dt.date, float]] = []
    for day, mg in steps:
        dose = round(round(mg / to_mg) * to_mg, 6)
        if not out or dose != out[-1][1]:
            out.append((day, dose))
    return out


def planned_total(steps: Sequence[tuple[dt.date, float]], first: dt.date, last: dt.date) -> float:
    """The mg a plan adds up to from one day to another, both included; days before its first step count nothing."""
    total = 0.0
    for place, (day, mg) in enumerate(steps):
        following = steps[place + 1][0] if place + 1 < len(steps) else last + dt.timedelta(days=1)
        begin, end = max(day, first), min(following, last + dt.timedelta(days=1))
        total += max((end - begin).days, 0) * mg
    return round(total, 6)


def larger_cuts(
    steps: Sequence[tuple[dt.date, float]], template_key: str, weight_kg: float | None = None
) -> list[tuple[dt.date, float, float]]:
    """Reductions that go below one step of a template, or follow the one before sooner than 14 days, by at least that.

    Each as (day, dose before, dose after). An agreed plan may do so; who agrees on it should have seen it.
    """
    found = []
    for (before, high), (day, low) in pairwise(steps):
        if low >= high - SMALLEST_DIFFERENCE_MG:
            continue
        # A step that was kept for weeks may be as large as the template's; a shorter one has no room for it.
        allowed = one_step_below(template_key, high, weight_kg) if (day - before).days >= 14 else high
        below_ten = high <= 10 + SMALLEST_DIFFERENCE_MG
        if low < allowed - SMALLEST_DIFFERENCE_MG and not (below_ten and high - low <= 1 + SMALLEST_DIFFERENCE_MG):
            found.append((day, high, low))
    return found


class PlannedDay(NamedTuple):
    """A day of an agreed plan: what it has for the day and what was taken, mg/day."""

    day: int
    planned_mg: float
    actual_mg: float

    @property
    def difference_mg(self) -> float:
        """Positive: more was taken than planned."""
        return self.actual_mg - self.planned_mg


@dataclass(frozen=True)
class PlanStanding:
    """Today's steady dose against the agreed plan, and the mg taken beyond it since it began (negative: less)."""

    day: dt.date
    planned_mg: float
    actual_mg: float
    standing: Standing
    more_than_planned_mg: float

    @property
    def words(self) -> str:
        """`on plan`, `12 days and 1 step behind the plan`, `9 days ahead of the plan`."""
        if behind := self.standing.behind:
            return f"{behind} behind the plan"
        if self.standing.days_ahead > 0:
            return f"{_count(self.standing.days_ahead, 'day')} ahead of the plan"
        return "below the plan" if self.actual_mg < self.planned_mg - SMALLEST_DIFFERENCE_MG else "on plan"


def plan_standing(patient: PatientFacts) -> PlanStanding | None:
    """How a patient stands against their agreed plan; None without a plan, or before its first step."""
    compared = planned_and_actual(patient)
    if not compared or patient.plan is None:
        return None
    steps = patient.plan.steps
    schedule = from_plan(steps, steps[0].start, steps[0].dose_mg)
    now = compared[-1]
    return PlanStanding(
        day=date_of(patient.today),
        planned_mg=now.planned_mg,
        actual_mg=now.actual_mg,
        standing=schedule.standing(patient.today - steps[0].start, now.actual_mg),
        more_than_planned_mg=round(sum(day.difference_mg for day in compared), 3),
    )


def planned_and_actual(patient: PatientFacts) -> list[PlannedDay]:
    """A patient's agreed plan beside what was taken, day by day from its first step on; nothing without a plan."""
    if patient.plan is None or not patient.plan.steps:
        return []
    first, today = patient.plan.steps[0].start, patient.today
    taken = daily(patient, first, today)
    changes = {step.start: step.dose_mg for step in patient.plan.steps}
    planned_mg, days = changes[first], []
    for day, actual_mg in zip(range(first, today + 1), taken, strict=True):
        planned_mg = changes.get(day, planned_mg)
        days.append(PlannedDay(day, planned_mg, actual_mg))
    return days


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _template(key: str) -> TaperTemplate:
    try:
        return taper_templates()[key]
    except KeyError:
        raise KeyError(f"unknown taper template {key!r}") from None

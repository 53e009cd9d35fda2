"""Coming down from a steroid: what a taper plans for a day, and how far a patient lies behind or ahead of it.

A taper is a list of doses with the day of the course from which each holds; day 0 is the first day. It comes from a
template of the vocabulary (A, B, JDM-PRINTO, BSR) and a start dose, or from the plan agreed for one patient. Doses are
prednisone-equivalent mg/day. Everything here is arithmetic on such a list: no template is a recommendation.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from jobs.exposure import SMALLEST_DIFFERENCE_MG, Segments, daily
from models.frames import Frames
from models.vocabulary import TaperTemplate, taper_templates

MILESTONES_MG = (30.0, 20.0, 15.0, 10.0, 7.5, 5.0)
"""Doses whose day is worth knowing when a taper is planned, mg/day."""


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


def from_plan(starts: Sequence[dt.date], doses_mg: Sequence[float], course_start: dt.date, start_mg: float) -> Schedule:
    """The schedule of a plan agreed for one patient: dated doses, before the first of them the dose as it was."""
    steps = [((start - course_start).days, float(dose)) for start, dose in zip(starts, doses_mg, strict=True)]
    earlier = [step for step in steps if step[0] <= 0]
    opening = earlier[-1][1] if earlier else start_mg
    return Schedule(((0, opening), *(step for step in steps if step[0] > 0)))


def milestones(
    schedule: Schedule, course_start: dt.date, limits: Sequence[float] = MILESTONES_MG
) -> dict[float, dt.date | None]:
    """The date from which the taper stands at or below each of the doses (mg/day); None where it never does."""
    found: dict[float, dt.date | None] = {}
    for limit in limits:
        day = schedule.day_at_or_below(limit)
        found[limit] = None if day is None else course_start + dt.timedelta(days=day)
    return found


def what_if(
    template_key: str, current_mg: float, begins_on: dt.date, *, weight_kg: float | None = None
) -> list[tuple[dt.date, float]]:
    """The dated doses if a taper began on a day: each dose with the date from which it would hold, highest first."""
    steps = planned(template_key, current_mg, 0, weight_kg).steps
    # Day 0 stands twice: the dose as it is, and the first reduction on the same day.
    return [(begins_on + dt.timedelta(days=day), dose) for day, dose in steps[1:]]


def start_dose(mine: Segments, course_start: int, today: int, *, held_days: int = 3, within_days: int = 14) -> float:
    """The dose a course began with, mg/day: the highest steady dose held `held_days` within its first days.

    Pulses are left out. Where no dose was held that long it is the first steady dose, or the first dose at all.
    `mine` are one patient's segments, `course_start` and `today` day numbers.
    """
    until = min(course_start + within_days, today)
    inside = (mine.end >= course_start) & (mine.start <= until)
    part = mine.where(inside)
    held: list[list[float]] = []  # dose, last day, days
    for start, end, mg in zip(part.start, part.end, part.steady_mg, strict=True):
        first, last = max(int(start), course_start), min(int(end), until)
        if held and abs(held[-1][0] - mg) <= SMALLEST_DIFFERENCE_MG and held[-1][1] + 1 == first:
            held[-1][1:] = [last, held[-1][2] + last - first + 1]
        elif mg > SMALLEST_DIFFERENCE_MG:
            held.append([float(mg), last, last - first + 1])
    lasting = [mg for mg, _, days in held if days >= held_days]
    if lasting:
        return max(lasting)
    if held:
        return held[0][0]
    return float(part.mg[0]) if len(part) else 0.0


def planned_and_actual(frames: Frames, patient_id: int, until: dt.date) -> pd.DataFrame:
    """A patient's agreed plan beside what was taken, day by day from the plan's first step to `until`.

    Columns: `planned_mg`, `actual_mg`, `difference_mg` (positive: more than planned), indexed by day. No rows without a
    plan.
    """
    plan = frames.plans
    mine = plan[plan["patient_id"] == patient_id] if len(plan) else plan
    if mine.empty:
        return pd.DataFrame({"planned_mg": [], "actual_mg": [], "difference_mg": []}, dtype="float64")
    first = pd.Timestamp(mine["start"].iloc[0]).date()
    actual = daily(frames, patient_id, first, until)
    steps: pd.Series[Any] = pd.Series(mine["dose_mg"].to_numpy(), index=pd.DatetimeIndex(mine["start"]).as_unit("s"))
    steps = steps[~steps.index.duplicated(keep="last")]
    agreed = steps.reindex(pd.DatetimeIndex(actual.index).as_unit("s"), method="ffill").to_numpy()
    return pd.DataFrame(
        {"planned_mg": agreed, "actual_mg": actual.to_numpy(), "difference_mg": actual.to_numpy() - agreed},
        index=actual.index,
    )


def _template(key: str) -> TaperTemplate:
    try:
        return taper_templates()[key]
    except KeyError:
        raise KeyError(f"unknown taper template {key!r}") from None

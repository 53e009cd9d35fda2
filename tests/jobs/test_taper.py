"""What a taper plans for a day, and how far a dose lies behind or ahead of it."""

import datetime as dt
from typing import Any

import pytest

from jobs import taper
from jobs.exposure import Segment, exposure
from models.patient_facts import PatientFacts, day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

TODAY = day_number(AS_OF)


def someone(**facts: Any) -> PatientFacts:
    """The first patient of the facts."""
    return patients_of(frames(**facts))[1]


def taken(*doses: dict[str, Any]) -> tuple[Segment, ...]:
    """What a patient with these statements took."""
    return exposure(someone(medications=doses)).known


def test_template_a_from_60_mg_begun_on_day_28() -> None:
    schedule = taper.planned("A", 60)
    assert [schedule.dose_on(day) for day in (0, 27, 28, 41, 42, 56, 70, 84, 98)] == [
        60,
        60,
        50,
        50,
        40,
        30,
        25,
        20,
        17.5,
    ]


@pytest.mark.parametrize(
    ("template", "start", "begin", "week_30", "week_20"),
    [
        ("A", 60, 14, 6, 10),
        ("A", 60, 28, 8, 12),
        ("A", 80, 14, 10, 14),
        ("A", 80, 28, 12, 16),
        ("A", 40, 28, 4, 8),
        ("B", 60, 14, 4, 8),
        ("B", 60, 28, 6, 10),
        ("B", 80, 14, 6, 10),
        ("B", 80, 28, 8, 12),
        ("B", 40, 28, 4, 8),
    ],
)
def test_the_weeks_in_which_30_and_20_mg_are_reached(
    template: str, start: float, begin: int, week_30: int, week_20: int
) -> None:
    schedule = taper.planned(template, start, begin)
    assert schedule.day_at_or_below(30) == 7 * week_30
    assert schedule.day_at_or_below(20) == 7 * week_20


@pytest.mark.parametrize(
    ("day", "actual", "days_behind", "steps_behind", "days_ahead"),
    [
        (35, 50, 0, 0, 0),  # vector 9: on template
        (30, 60, 2, 1, 0),
        (41, 60, 13, 1, 0),
        (42, 60, 14, 2, 0),
        (42, 55, 14, 2, 0),
        (55, 50, 13, 1, 0),
        (56, 50, 14, 2, 0),
        (40, 40, 0, 0, 2),
        (20, 60, 0, 0, 0),
    ],
)
def test_behind_and_ahead_in_days_and_steps(
    day: int, actual: float, days_behind: int, steps_behind: int, days_ahead: int
) -> None:
    standing = taper.planned("A", 60).standing(day, actual)
    assert (standing.days_behind, standing.steps_behind, standing.days_ahead) == (days_behind, steps_behind, days_ahead)


def test_the_childrens_template_counts_per_kilogram() -> None:
    schedule = taper.planned("JDM-PRINTO", 40, None, 20.0)  # 2 mg/kg
    assert schedule.dose_on(0) == 40
    assert schedule.dose_on(60) == pytest.approx(20)  # 1 mg/kg after two months
    assert schedule.dose_on(180) == pytest.approx(4)  # 0.2 mg/kg after four more
    with pytest.raises(ValueError, match="weight"):
        taper.planned("JDM-PRINTO", 40)


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(KeyError, match="Z"):
        taper.planned("Z", 40)


def test_what_if_begins_with_the_first_reduction() -> None:
    steps = taper.what_if("A", 60, dt.date(2026, 1, 1))
    assert steps[:3] == [(dt.date(2026, 1, 1), 50), (dt.date(2026, 1, 15), 40), (dt.date(2026, 1, 29), 30)]
    assert steps[-1][1] == 0


@pytest.mark.parametrize(
    ("template", "mg", "expected"),
    [("A", 60, 50), ("A", 35, 30), ("A", 30, 25), ("A", 20, 17.5), ("A", 1, 0), ("B", 60, 40)],
)
def test_one_step_below(template: str, mg: float, expected: float) -> None:
    assert taper.one_step_below(template, mg) == expected


@pytest.mark.parametrize(
    ("doses", "expected"),
    [
        ([(60, -20, None)], 60),
        ([(60, -20, -19), (40, -18, None)], 40),  # two days are not held
        ([(40, -20, -15), (60, -14, None)], 60),  # raised within two weeks
        ([(40, -20, -6), (60, -5, None)], 40),  # raised after two weeks
        ([(1000, -20, -18), (50, -17, None)], 50),  # a pulse is left out
    ],
)
def test_the_start_dose_is_the_highest_held_dose_of_the_first_two_weeks(
    doses: list[tuple[float, int, int | None]], expected: float
) -> None:
    segments = taken(*({"drug": "prednisone", "dose": mg, "start": a, "end": b} for mg, a, b in doses))
    assert taper.start_dose(segments, TODAY - 20, TODAY) == expected


def test_a_plan_of_the_patients_own_is_compared_day_by_day() -> None:
    patient = someone(
        medications=[{"drug": "prednisone", "dose": 40, "start": -10}],
        plans=[{"start": -4, "dose_mg": 40}, {"start": -1, "dose_mg": 35}],
    )
    days = taper.planned_and_actual(patient)
    assert [day.planned_mg for day in days] == [40, 40, 40, 35, 35]
    assert [day.difference_mg for day in days] == [0, 0, 0, 5, 5]
    assert taper.planned_and_actual(someone()) == []


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        (35, "on plan"),
        (40, "1 step behind the plan"),  # the step was this morning: no "0 days behind"
        (45, "3 days and 2 steps behind the plan"),
        (60, "10 days and 3 steps behind the plan"),
        (30, "2 days ahead of the plan"),
        (29, "2 days ahead of the plan"),  # lower than any step
    ],
)
def test_the_standing_against_the_plan_in_words(dose: float, words: str) -> None:
    patient = someone(
        medications=[{"drug": "prednisone", "dose": dose, "start": -10}],
        plans=[{"start": day, "dose_mg": mg} for day, mg in ((-10, 45), (-3, 40), (0, 35), (2, 30))],
    )
    found = taper.plan_standing(patient)
    assert found is not None
    assert (found.words, found.planned_mg, found.actual_mg) == (words, 35, dose)


def test_without_a_plan_there_is_no_standing() -> None:
    assert taper.plan_standing(someone()) is None


@pytest.mark.parametrize(
    ("medications", "started"),
    [
        ([(60, -90, None)], -90),
        ([(60, -90, -31), (30, -30, None)], -90),  # a reduction goes on
        ([(40, -90, -31), (59, -30, None)], -90),  # less than half as much again
        ([(40, -90, -31), (60, -30, None)], -30),  # re-induction
        ([(40, -90, -45), (40, -30, None)], -90),  # fourteen days off
        ([(40, -90, -46), (40, -30, None)], -30),  # fifteen days off
        ([(40, -90, -14)], -90),
        ([(40, -90, -15)], None),
        ([], None),
    ],
)
def test_the_clock_of_the_taper_begins_anew_after_a_pause_or_a_re_induction(
    medications: list[tuple[float, int, int | None]], started: int | None
) -> None:
    rows = [{"drug": "prednisone", "dose": mg, "start": start, "end": end} for mg, start, end in medications]
    found = taper.clock_start(taken(*rows), TODAY)
    assert (None if found is None else found - TODAY) == started


def test_a_pulse_is_no_re_induction() -> None:
    pulse = {"drug": "methylprednisolone", "dose": 1, "unit": "g", "route": "iv", "intent": "pulse"}
    rows = [{"drug": "prednisone", "dose": 40, "start": -90}, {**pulse, "start": -20, "end": -18}]
    assert taper.clock_start(taken(*rows), TODAY) == TODAY - 90


def test_a_plan_adds_up_over_the_days_asked_about() -> None:
    first = AS_OF
    steps = [(first, 60.0), (first + dt.timedelta(days=14), 50.0)]
    assert taper.planned_total(steps, first, first + dt.timedelta(days=27)) == 14 * 60 + 14 * 50
    assert taper.planned_total(steps, first - dt.timedelta(days=5), first) == 60
    assert taper.planned_total([], first, first) == 0


def test_rounding_leaves_out_steps_that_change_nothing() -> None:
    days = [AS_OF + dt.timedelta(days=14 * place) for place in range(4)]
    steps = list(zip(days, (19.0, 17.6, 17.4, 15.2), strict=True))
    assert taper.rounded(steps, 2.5) == [(days[0], 20.0), (days[1], 17.5), (days[3], 15.0)]
    assert taper.rounded(steps, 0) == steps

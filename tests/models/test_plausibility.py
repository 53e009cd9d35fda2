"""Values that cannot be are held back and asked about; values of the gravely ill are not."""

import datetime as dt
import random

import pytest

from models.patient_facts import Reading, date_of, day_number
from models.plausibility import BOUNDS, plausible
from models.vocabulary import measures

DAY = day_number(dt.date(2026, 11, 20))


def reading(
    measure: str, value: float, limit: float | None = None, *, day: int = DAY, comparator: str = "", id: int = 1
) -> Reading:
    return Reading(day, value, limit, comparator, id, None, None, measure)


def asked_about(one: Reading, age: int | None, *earlier: Reading) -> str | None:
    """What is asked about a reading of somebody of that age, after earlier ones; None where it is believed."""
    day = date_of(one.day)
    held_back = plausible([*earlier, one], None if age is None else day.replace(year=day.year - age))[1]
    return next((doubtful.reason for doubtful in held_back if doubtful.reading == one), None)


@pytest.mark.parametrize(
    ("measure", "value", "limit", "age", "asked"),
    [
        ("weight", 6.5, None, 56, "at 56 years cannot be"),
        ("weight", 650, None, 56, "cannot be"),
        ("weight", 650, None, None, "cannot be"),
        ("weight", 3.2, None, 10, "at 10 years cannot be"),
        ("height", 17.2, None, 56, "is the value, its decimal point or its unit wrong?"),
        ("height", 68, None, 56, "is it in inches?"),
        ("height", 1.72, None, 56, "is it in m?"),
        ("creatinine", 72, 106, 56, "is it in µmol/L?"),
        ("creatinine", 72, None, 56, "is it in µmol/L?"),
        ("creatinine", 0.8, 106, 56, "with an upper limit of 106"),
        ("haemoglobin", 132, 160, 56, "is it in g/L?"),
        ("albumin", 41, 50, 56, "is it in g/L?"),
        ("white_cells", 6500, 10_000, 56, "is it in /µL?"),
        ("potassium", 42, 5.1, 56, "decimal point"),
    ],
)
def test_value_unit_and_limit_that_do_not_fit_together_are_asked_about(
    measure: str, value: float, limit: float | None, age: int | None, asked: str
) -> None:
    said = asked_about(reading(measure, value, limit), age)
    assert said is not None
    assert asked in said


@pytest.mark.parametrize(
    ("measure", "value", "limit", "age"),
    [
        ("weight", 3.2, None, 0),
        ("weight", 34, None, 56),  # cachexia
        ("weight", 240, None, 40),
        ("height", 118, None, 45),  # short stature
        ("creatinine", 14, 1.1, 56),  # dialysis
        ("creatinine", 0.2, 0.5, 3),
        ("haemoglobin", 3.1, 16, 30),
        ("platelets", 2, 400, 30),
        ("white_cells", 180, 11, 30),
        ("ck", 250_000, 170, 30),
        ("alt", 9_000, 40, 30),
        ("potassium", 7.9, 5.1, 30),
        ("troponin_i", 60_000, 26, 60),
        ("crp", 420, 5, 60),
        ("crp", 420, None, None),
        ("cmas", 3, None, 8),
    ],
)
def test_values_of_the_gravely_ill_are_believed(measure: str, value: float, limit: float | None, age: int) -> None:
    assert asked_about(reading(measure, value, limit), age) is None


def test_a_value_that_is_only_a_bound_is_not_too_low() -> None:
    assert asked_about(reading("creatinine", 0.04, 1.1, comparator="<"), 40) is None


@pytest.mark.parametrize(
    ("measure", "before", "now", "days", "held"),
    [
        ("weight", 65, 130, 14, True),
        ("weight", 65, 35, 60, True),
        ("weight", 65, 95, 200, False),
        ("weight", 30, 60, 900, False),  # a child who was not weighed for years
        ("height", 172, 127, 30, True),
        ("height", 120, 128, 360, False),
        ("creatinine", 0.3, 22, 30, True),  # umol/L again
        ("creatinine", 0.8, 9, 4, False),  # kidney failure
        ("haemoglobin", 13.2, 4.1, 2, False),  # bleeding
        ("ck", 150, 90_000, 2, False),
    ],
)
def test_a_jump_that_no_body_makes_is_asked_about(
    measure: str, before: float, now: float, days: int, held: bool
) -> None:
    said = asked_about(reading(measure, now), None, reading(measure, before, day=DAY - days))
    assert (said is not None) == held
    if said is not None:
        assert "cannot follow" in said


def test_a_series_is_divided_by_what_each_reading_was_preceded_by_and_the_age_of_its_day() -> None:
    weights = [
        reading("weight", value, day=DAY - 200 + 30 * place, id=place) for place, value in enumerate((64, 6.5, 65, 651))
    ]
    kept, doubtful = plausible(weights, dt.date(1970, 1, 1))
    assert [one.value for one in kept] == [64, 65]
    assert [one.reading.value for one in doubtful] == [6.5, 651]


def test_a_second_value_that_agrees_with_a_jump_shows_that_the_earlier_one_was_the_slip() -> None:
    weights = [reading("weight", value, day=DAY - 90 + 30 * n) for n, value in enumerate((165, 65, 66, 64))]
    kept, doubtful = plausible(weights, dt.date(1970, 1, 1))
    assert [one.value for one in kept] == [65, 66, 64]
    assert [one.reading.value for one in doubtful] == [165]
    assert "cannot have been followed by 65" in doubtful[0].reason


def test_a_change_that_lasts_is_believed_from_its_first_value_on_and_takes_nothing_from_those_before() -> None:
    weights = [reading("weight", value, day=DAY - 120 + 30 * n) for n, value in enumerate((64, 66, 125, 124))]
    kept, doubtful = plausible(weights, dt.date(1970, 1, 1))
    assert [one.value for one in kept] == [64, 66, 125, 124]
    assert doubtful == []


def test_a_second_slip_that_does_not_agree_with_the_first_is_held_back_too() -> None:
    weights = [reading("weight", value, day=DAY - 120 + 30 * n) for n, value in enumerate((65, 6.6, 165, 66))]
    kept, doubtful = plausible(weights, None)
    assert [one.value for one in kept] == [65, 66]
    assert [one.reading.value for one in doubtful] == [6.6, 165]


def test_a_child_is_judged_by_the_age_of_the_day_of_the_reading() -> None:
    born = dt.date(2020, 11, 21)
    baby = reading("weight", 4.0, day=day_number(dt.date(2021, 1, 5)))
    child = reading("weight", 4.0, day=DAY)
    assert plausible([baby], born)[1] == []
    assert len(plausible([child], born)[1]) == 1
    assert len(plausible([baby], None)[1]) == 0


def test_the_bounds_are_of_measures_that_exist() -> None:
    assert set(BOUNDS) <= set(measures())


@pytest.mark.parametrize("measure", sorted(BOUNDS))
def test_the_quick_way_through_an_ordinary_series_agrees_with_the_judgement_of_each_reading(measure: str) -> None:
    chance = random.Random(measure)
    bounds = BOUNDS[measure]
    for _ in range(50):
        middle = (bounds.lowest + min(bounds.highest, 100 * bounds.lowest + 100)) / 2
        series = [
            reading(
                measure, middle * chance.choice((0.2, 0.9, 1, 1.1, 2, 40)), chance.choice((None, 10)), day=DAY + n, id=n
            )
            for n in range(chance.randint(1, 5))
        ]
        kept, doubtful = plausible(series, None)
        assert sorted([*kept, *(one.reading for one in doubtful)], key=lambda one: one.id) == series
        # What cannot be at the end of it sends the same series the long way.
        far_out = reading(measure, 10 * bounds.highest, day=DAY + len(series), id=len(series))
        kept_so, doubtful_so = plausible([*series, far_out], None)
        assert list(kept) == list(kept_so)
        assert doubtful == doubtful_so[:-1]
        assert doubtful_so[-1].reading == far_out
        for one in doubtful:
            before = [other for other in kept if other.id < one.reading.id]
            after = [other for other in kept if other.id > one.reading.id]
            if "followed by" in one.reason:  # those after it agree with each other, and nothing before with it
                assert asked_about(after[1], None, after[0]) is None
                assert asked_about(after[0], None, one.reading) is not None
            elif asked_about(one.reading, None, *before[-1:]) != one.reason:
                # It was held against a value that was found to be the slip only later.
                slips = [other.reading for other in doubtful if "followed by" in other.reason]
                assert any(asked_about(one.reading, None, slip) == one.reason for slip in slips)


@pytest.mark.parametrize(
    ("born", "heights", "asked_about_one"),
    [
        (dt.date(2016, 1, 1), (130, 120, 131), 120),  # a slip between two that agree
        (dt.date(2016, 1, 1), (150, 131, 132), 150),  # the first was the slip
        (dt.date(2016, 1, 1), (130, 128.5, 131), None),  # the tape
        (dt.date(1970, 1, 1), (170, 166, 166), None),  # an adult's spine
        (None, (130, 120, 131), None),  # nobody knows whether a child
    ],
)
def test_a_child_does_not_shrink(
    born: dt.date | None, heights: tuple[float, ...], asked_about_one: float | None
) -> None:
    series = [reading("height", value, None, day=DAY + 100 * n, id=n) for n, value in enumerate(heights)]
    kept, doubtful = plausible(series, born)
    assert [one.reading.value for one in doubtful] == ([] if asked_about_one is None else [asked_about_one])
    assert len(kept) + len(doubtful) == len(heights)


def test_of_a_child_measured_lower_it_is_asked_which_is_right_and_for_the_spine() -> None:
    series = [reading("height", 130, None, day=DAY, id=0), reading("height", 120, None, day=DAY + 100, id=1)]
    _, doubtful = plausible(series, dt.date(2016, 1, 1))
    assert "which of the two is right? Where both are, look at the spine." in doubtful[0].reason

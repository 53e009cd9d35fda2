"""Age in completed years and the birthday that completes one."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.age import age_on, birthday

BIRTHS = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
LEAP_DAY = dt.date(2008, 2, 29)


@pytest.mark.parametrize("born", [dt.date(2008, 3, day) for day in (1, 27, 28, 29, 30, 31)])
def test_a_child_is_an_adult_on_the_eighteenth_birthday_and_not_the_day_before(born: dt.date) -> None:
    eighteenth = dt.date(2026, 3, born.day)
    assert age_on(born, eighteenth - dt.timedelta(days=1)) == 17
    assert age_on(born, eighteenth) == 18


def test_whoever_was_born_on_29_february_completes_a_common_year_on_1_march() -> None:
    assert birthday(LEAP_DAY, 18) == dt.date(2026, 3, 1)
    assert age_on(LEAP_DAY, dt.date(2026, 2, 28)) == 17
    assert age_on(LEAP_DAY, dt.date(2026, 3, 1)) == 18


def test_whoever_was_born_on_29_february_completes_a_leap_year_on_that_day() -> None:
    assert birthday(LEAP_DAY, 20) == dt.date(2028, 2, 29)
    assert age_on(LEAP_DAY, dt.date(2028, 2, 28)) == 19
    assert age_on(LEAP_DAY, dt.date(2028, 2, 29)) == 20


def test_years_are_common_in_1900_and_2100_and_a_leap_year_in_2000() -> None:
    assert birthday(dt.date(1896, 2, 29), 4) == dt.date(1900, 3, 1)
    assert birthday(dt.date(1896, 2, 29), 104) == dt.date(2000, 2, 29)
    assert birthday(dt.date(2096, 2, 29), 4) == dt.date(2100, 3, 1)


@given(birth=BIRTHS, years=st.integers(1, 120))
@example(birth=LEAP_DAY, years=18)
@example(birth=LEAP_DAY, years=20)
def test_the_birthday_is_the_first_day_of_that_age(birth: dt.date, years: int) -> None:
    day = birthday(birth, years)
    assert age_on(birth, day) == years
    assert age_on(birth, day - dt.timedelta(days=1)) == years - 1


@given(birth=BIRTHS, days=st.integers(0, 120 * 366), years=st.integers(0, 120))
@example(birth=LEAP_DAY, days=(dt.date(2026, 2, 28) - LEAP_DAY).days, years=18)
def test_an_age_is_reached_exactly_when_its_birthday_has_come(birth: dt.date, days: int, years: int) -> None:
    day = birth + dt.timedelta(days=days)
    age = age_on(birth, day)
    assert age is not None
    assert (age >= years) == (day >= birthday(birth, years))


def test_a_newborn_is_nought_on_the_day_of_birth_and_nobody_has_an_age_before_it() -> None:
    born = dt.date(2026, 11, 17)
    assert birthday(born, 0) == born
    assert age_on(born, born) == 0
    assert age_on(born, born - dt.timedelta(days=1)) is None


def test_without_a_birth_date_there_is_no_age() -> None:
    assert age_on(None, dt.date(2026, 11, 17)) is None


def test_a_birthday_of_a_negative_age_or_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 years"):
        birthday(LEAP_DAY, -1)
    with pytest.raises(ValueError, match="year"):
        birthday(dt.date(9000, 1, 1), 1000)

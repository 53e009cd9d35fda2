"""Which day the list stands at, and what people may do with an alert on it."""

import datetime as dt

import pytest
from sqlalchemy import Engine

from models.alert_lifecycle import present_day
from models.assessment import EvaluationRun
from models.clock import clinic_date
from models.database import engine_for, reading, writing

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@pytest.fixture
def engine(sqlite_url: str) -> Engine:
    return engine_for(sqlite_url)


def ran(engine: Engine, as_of: dt.date, began: dt.datetime, minutes: float = 0.1, **more: bool) -> None:
    """Record an evaluation."""
    ended = began + dt.timedelta(minutes=minutes)
    with writing(engine) as session:
        session.add(EvaluationRun(as_of=as_of, full=True, started_at=began, finished_at=ended, **more))


def stands_at(engine: Engine, now: dt.datetime, timezone: str = "UTC") -> dt.date:
    with reading(engine) as session:
        return present_day(session, now, timezone)


def test_before_the_first_evaluation_the_list_stands_at_the_clinics_today(engine: Engine) -> None:
    assert stands_at(engine, NOON) == dt.date(2026, 11, 22)
    assert stands_at(engine, dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC), "Europe/Berlin") == dt.date(2026, 11, 23)


def test_the_list_moves_on_with_the_days_gone_by_since_a_day_of_the_past_was_evaluated(engine: Engine) -> None:
    ran(engine, dt.date(2026, 3, 1), NOON)
    assert stands_at(engine, NOON + dt.timedelta(hours=11)) == dt.date(2026, 3, 1)
    assert stands_at(engine, NOON + dt.timedelta(hours=13)) == dt.date(2026, 3, 2)
    assert stands_at(engine, NOON + dt.timedelta(days=400)) == dt.date(2027, 4, 5)


def test_an_evaluation_that_ends_after_midnight_still_stands_for_the_day_on_which_it_began(engine: Engine) -> None:
    began = dt.datetime(2026, 11, 22, 23, 59, tzinfo=dt.UTC)
    ran(engine, began.date(), began, minutes=3)
    assert stands_at(engine, began + dt.timedelta(minutes=5)) == dt.date(2026, 11, 23)


def test_a_look_that_changed_no_alert_does_not_move_the_list(engine: Engine) -> None:
    ran(engine, dt.date(2026, 3, 1), NOON)
    ran(engine, dt.date(2025, 1, 1), NOON, reconciled=False)
    assert stands_at(engine, NOON) == dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("timezone", "night"),
    [
        ("Europe/Berlin", dt.date(2027, 3, 28)),
        ("Europe/Berlin", dt.date(2027, 10, 31)),
        ("America/New_York", dt.date(2027, 3, 14)),
        ("America/New_York", dt.date(2027, 11, 7)),
    ],
)
def test_a_day_of_23_or_25_hours_counts_as_one(engine: Engine, timezone: str, night: dt.date) -> None:
    began = dt.datetime.combine(night - dt.timedelta(days=1), dt.time(14), dt.UTC)
    ran(engine, clinic_date(began, timezone), began)
    hours = [began + dt.timedelta(minutes=30 * step) for step in range(96)]
    assert {clinic_date(hour, timezone) - stands_at(engine, hour, timezone) for hour in hours} == {dt.timedelta(0)}

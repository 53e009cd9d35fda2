"""When jobs are due, in clinic time and across clock changes."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from jobs.schedule import Daily, Every, Job, Outcome, due_slot, job_named, jobs_of, next_slot, slot_text
from models.errors import UsageError
from models.settings import Settings

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
ZONES = [BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu"]
JOBS = jobs_of(Settings(database_url="sqlite://"))


def job(cadence: Every | Daily) -> Job:
    return Job("job", "A job", cadence, lambda work: Outcome(), late_after=dt.timedelta(hours=1))


def at(text: str, zone: str = BERLIN) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def slots(job: Job, start: dt.datetime, end: dt.datetime, zone: str) -> list[dt.datetime]:
    found, now = [], start
    while (now := next_slot(job, now, zone)) <= end:
        found.append(now)
    return found


@pytest.mark.parametrize(
    ("now", "due", "following"),
    [
        ("2026-03-10T06:29:59", "2026-03-09T06:30", "2026-03-10T06:30"),
        ("2026-03-10T06:30:00", "2026-03-10T06:30", "2026-03-11T06:30"),
        ("2026-03-10T23:59:00", "2026-03-10T06:30", "2026-03-11T06:30"),
        ("2026-03-11T00:00:00", "2026-03-10T06:30", "2026-03-11T06:30"),
    ],
)
def test_a_daily_job_is_due_from_its_clinic_time_on(now: str, due: str, following: str) -> None:
    digest = job(Daily(dt.time(6, 30)))
    assert due_slot(digest, at(now), BERLIN) == at(due)
    assert next_slot(digest, at(now), BERLIN) == at(following)


@pytest.mark.parametrize(
    ("minutes", "now", "due", "following"),
    [
        (60, "2026-03-10T07:59", "2026-03-10T07:00", "2026-03-10T08:00"),
        (60, "2026-03-10T08:00", "2026-03-10T08:00", "2026-03-10T09:00"),
        (60, "2026-03-10T00:30", "2026-03-10T00:00", "2026-03-10T04:00"),
        (60, "2026-03-10T02:30", "2026-03-10T00:00", "2026-03-10T04:00"),
        (10, "2026-03-10T01:00", "2026-03-10T00:50", "2026-03-10T04:00"),
        (1440, "2026-03-10T03:00", "2026-03-09T04:00", "2026-03-10T04:00"),
        (1440, "2026-03-10T23:00", "2026-03-10T04:00", "2026-03-11T04:00"),
        (5000, "2026-03-10T23:00", "2026-03-10T04:00", "2026-03-11T04:00"),
    ],
)
def test_a_job_every_so_many_minutes_counts_from_four_in_the_morning(
    minutes: int, now: str, due: str, following: str
) -> None:
    often = job(Every(minutes))
    assert due_slot(often, at(now), BERLIN) == at(due)
    assert next_slot(often, at(now), BERLIN) == at(following)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("key", [job.key for job in JOBS])
def test_through_a_whole_year_nothing_starts_between_one_and_four(key: str, zone: str) -> None:
    found = slots(job_named(JOBS, key), at("2026-01-01T12:00", zone), at("2026-12-31T12:00", zone), zone)
    local = [slot.astimezone(ZoneInfo(zone)) for slot in found]
    assert not [moment for moment in local if 1 <= moment.hour < 4]
    assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at_time", [dt.time(4, 15), dt.time(6, 30), dt.time(0, 30), dt.time(23, 30)])
def test_a_daily_job_has_one_slot_a_day_the_whole_year(at_time: dt.time, zone: str) -> None:
    found = slots(job(Daily(at_time)), at("2026-01-01T03:00", zone), at("2027-01-01T03:00", zone), zone)
    assert len(found) in {365, 366}
    gaps = {later - earlier for earlier, later in pairwise(found)}
    assert gaps <= {dt.timedelta(hours=hours) for hours in (23, 23.5, 24, 24.5, 25)}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),  # 02:00 becomes 03:00
        (BERLIN, "2026-10-25", 25),  # 03:00 becomes 02:00
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
    ],
)
def test_on_the_day_of_a_clock_change_each_job_runs_as_often_as_on_any_day(zone: str, day: str, hours: int) -> None:
    midnight, tomorrow = at(f"{day}T00:00", zone), at(f"{day}T23:59:59", zone)
    assert round((tomorrow - midnight).total_seconds() / 3600) == hours
    just_before = midnight - dt.timedelta(seconds=1)
    for each in JOBS:
        ordinary = slots(
            each, at("2026-06-14T00:00", zone) - dt.timedelta(seconds=1), at("2026-06-14T23:59", zone), zone
        )
        changed = slots(each, just_before, tomorrow, zone)
        wall = [f"{slot.astimezone(ZoneInfo(zone)):%H:%M}" for slot in changed]
        assert wall == [f"{slot.astimezone(ZoneInfo(zone)):%H:%M}" for slot in ordinary], each.key


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-06-10"])
def test_the_due_slot_never_goes_back_and_never_lies_ahead(day: str, zone: str) -> None:
    for each in JOBS:
        now = at(f"{day}T00:00", zone)
        before = due_slot(each, now, zone)
        for _ in range(26 * 12):
            now += dt.timedelta(minutes=5)
            slot = due_slot(each, now, zone)
            assert before <= slot <= now < next_slot(each, now, zone)
            before = slot


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_daily_time_that_a_clock_change_can_hit_is_refused(hour: int) -> None:
    with pytest.raises(ValueError, match="clock changes"):
        Daily(dt.time(hour, 30))


def test_the_table_names_each_job_once_and_in_words() -> None:
    assert [job.key for job in JOBS] == ["evaluate", "check", "escalate", "digest", "deliver", "backup", "purge"]
    assert all(job.title for job in JOBS)
    assert str(job_named(JOBS, "evaluate").cadence) == "every hour"
    assert str(job_named(JOBS, "backup").cadence) == "daily at 04:15"
    assert str(job_named(JOBS, "check").cadence) == "weekly on Sunday at 05:00"


def test_an_unknown_job_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="evaluate, check, escalate, digest"):
        job_named(JOBS, "evalute")


def test_the_settings_decide_how_often_the_rules_run() -> None:
    often = jobs_of(Settings(database_url="sqlite://", evaluation_every_minutes=15, evaluation_late_minutes=40))
    assert job_named(often, "evaluate").cadence == Every(15)
    assert job_named(often, "evaluate").late_after == dt.timedelta(minutes=40)


def test_slots_are_written_so_that_they_sort_by_time() -> None:
    texts = [slot_text(slot) for slot in slots(JOBS[0], at("2026-10-24T00:00"), at("2026-10-26T23:00"), BERLIN)]
    assert texts == sorted(texts)
    assert texts[0].endswith("Z")

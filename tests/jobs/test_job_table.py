"""The real table of jobs, each run once as the scheduler runs it."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from jobs.health import health
from jobs.runner import begin_schedule, owed, run_job
from jobs.schedule import due_slot, job_named, jobs_of
from models.clock import utc_now
from models.database import reading, writing
from models.job_run import OutboxMessage
from models.settings import Settings
from models.user import User

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database_url="sqlite://", backup_directory=tmp_path / "copies")


@pytest.mark.parametrize("key", [job.key for job in jobs_of(Settings(database_url="sqlite://"))])
def test_each_job_of_the_table_succeeds_on_an_empty_clinic(engine: Engine, settings: Settings, key: str) -> None:
    slot = due_slot(job_named(jobs_of(settings), key), NOON, settings.timezone)
    done = run_job(engine, settings, key, slot=slot, now=NOON)
    assert (done.status, done.finished_at is not None) == ("succeeded", True), done.message
    assert run_job(engine, settings, key, slot=slot, now=NOON).id == done.id


@pytest.mark.anyday
def test_a_new_installation_evaluates_at_once_and_is_then_well(engine: Engine, settings: Settings) -> None:
    now = utc_now()
    begin_schedule(engine, now)
    found = owed(engine, settings, now)
    assert [job.key for job, _ in found] in (["evaluate"], [job.key for job in jobs_of(settings) if job.at_start])
    for job, slot in found:
        run_job(engine, settings, job.key, slot=slot, now=now)
    told = health(engine, settings, utc_now())
    assert told["status"] == "ok"
    assert told["evaluated_at"] is not None


@pytest.mark.parametrize(("hour", "written"), [(11, 1), (26, 0)])
def test_a_missed_digest_is_made_up_for_on_its_day_only(
    engine: Engine, settings: Settings, hour: int, written: int
) -> None:
    with writing(engine) as session:
        session.add(User(name="ines", role="nurse", created_at=NOON))
    now = dt.datetime(2026, 3, 10, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
    slot = due_slot(job_named(jobs_of(settings), "digest"), now, settings.timezone)
    assert slot == dt.datetime(2026, 3, 10, 6, 30, tzinfo=dt.UTC)
    done = run_job(engine, settings, "digest", slot=slot, now=now)
    assert (done.status, done.rows) == ("succeeded", written)
    with reading(engine) as session:
        assert len(session.exec(select(OutboxMessage)).all()) == written

"""The scheduler of a process: who works, what is made up for, what an error does not stop."""

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from jobs.lease import SCHEDULER, standing
from jobs.schedule import Every, Job, Outcome, Work
from jobs.scheduler import Scheduler
from models.assessment import EvaluationRun
from models.database import reading, writing
from models.job_run import JobRun
from models.patient import Patient
from models.settings import Settings
from tests.conftest import PATIENCE

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SETTINGS = Settings(database_url="sqlite://")


class Clock:
    """A clock that stands until it is put on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now

    def on(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def job(key: str, function: Callable[[Work], Outcome]) -> Job:
    return Job(key, key, Every(60), function, late_after=dt.timedelta(hours=2), at_start=True)


def noting(into: list[str], key: str) -> Job:
    def note(work: Work) -> Outcome:
        into.append(f"{key} {work.slot:%d %H:%M} as of {work.as_of:%d}")
        return Outcome(rows=1)

    return job(key, note)


def states(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        return [(run.job, run.status) for run in session.exec(select(JobRun).order_by(col(JobRun.id))).all()]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_each_tick_runs_what_is_owed_and_nothing_else(engine: Engine, clock: Clock) -> None:
    ran: list[str] = []
    scheduler = Scheduler(engine, SETTINGS, jobs=(noting(ran, "a"), noting(ran, "b")), clock=clock)
    assert scheduler.tick() == 2
    assert scheduler.tick() == 0
    clock.on(minutes=59)
    assert scheduler.tick() == 0
    clock.on(minutes=1)
    assert scheduler.tick() == 2
    assert ran == ["a 10 12:00 as of 10", "b 10 12:00 as of 10", "a 10 13:00 as of 10", "b 10 13:00 as of 10"]


def test_after_days_of_stand_still_each_job_runs_once_for_the_present_day(engine: Engine, clock: Clock) -> None:
    ran: list[str] = []
    Scheduler(engine, SETTINGS, jobs=(noting(ran, "a"),), clock=clock).tick()
    clock.on(days=9, minutes=20)
    assert Scheduler(engine, SETTINGS, jobs=(noting(ran, "a"),), clock=clock).tick() == 1
    assert ran == ["a 10 12:00 as of 10", "a 19 12:00 as of 19"]


def test_only_the_holder_of_the_lease_works_and_after_the_expiry_another(engine: Engine, clock: Clock) -> None:
    ran: list[str] = []
    first, second = (Scheduler(engine, SETTINGS, jobs=(noting(ran, "a"),), clock=clock) for _ in range(2))
    assert first.tick() == 1
    clock.on(seconds=29)
    assert second.tick() == 0
    assert (first.leading, second.leading) == (True, False)
    clock.on(seconds=1)  # the first one renewed no more
    second.tick()
    assert (second.leading, first.tick(), first.leading) == (True, 0, False)
    clock.on(hours=1)
    assert second.tick() == 1
    assert (first.tick(), first.leading, second.leading) == (0, False, True)


def test_a_failing_job_stops_neither_the_others_nor_the_scheduler(engine: Engine, clock: Clock) -> None:
    ran: list[str] = []

    def broken(work: Work) -> Outcome:
        raise RuntimeError

    scheduler = Scheduler(engine, SETTINGS, jobs=(job("bad", broken), noting(ran, "good")), clock=clock)
    assert scheduler.tick() == 2
    clock.on(hours=1)
    assert scheduler.tick() == 2
    assert states(engine) == [("bad", "failed"), ("good", "succeeded")] * 2


def test_a_database_that_is_away_does_not_end_the_scheduler(
    sqlite_url: str, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.database import engine_for

    engine, ran = engine_for(sqlite_url), list[str]()
    scheduler = Scheduler(engine, SETTINGS, jobs=(noting(ran, "a"),), clock=clock)
    with monkeypatch.context() as patch:
        patch.setattr("jobs.lease.acquire", lambda *_, **__: (_ for _ in ()).throw(OSError("gone 'host-1'")))
        assert scheduler.tick() == 0
    assert "OSError: gone …" in caplog.text
    assert scheduler.tick() == 1
    engine.dispose()


def test_facts_that_were_imported_are_evaluated_without_waiting_for_the_next_slot(engine: Engine, clock: Clock) -> None:
    def evaluate(work: Work) -> Outcome:
        with writing(work.engine) as session:
            patient = session.exec(select(Patient)).one()
            patient.evaluated_revision = patient.revision
            session.add(EvaluationRun(as_of=work.as_of, full=False, started_at=work.now, finished_at=work.now))
            work.finish(session, Outcome())
        return Outcome()

    def imported() -> None:
        with writing(engine) as session:
            session.exec(select(Patient)).one().revision += 1

    with writing(engine) as session:
        session.add(Patient(mrn="1", created_at=NOON, updated_at=NOON))
    scheduler = Scheduler(engine, SETTINGS, jobs=(job("evaluate", evaluate),), clock=clock)
    assert scheduler.tick() == 1
    clock.on(seconds=5)
    imported()
    imported()
    assert scheduler.tick() == 0, "what arrives in quick succession is evaluated together"
    clock.on(seconds=10)
    assert scheduler.tick() == 1
    clock.on(minutes=1)
    assert scheduler.tick() == 0
    clock.on(minutes=59)
    assert scheduler.tick() == 1, "the slots of the schedule go on"
    with reading(engine) as session:
        slots = session.exec(select(JobRun.slot).order_by(col(JobRun.id))).all()
    assert slots == ["2026-03-10T12:00:00Z", "manual-changes-3", "2026-03-10T13:00:00Z"]


def test_an_evaluation_after_an_import_that_fails_is_not_repeated_at_every_tick(engine: Engine, clock: Clock) -> None:
    def broken(work: Work) -> Outcome:
        raise RuntimeError

    with writing(engine) as session:
        session.add(EvaluationRun(as_of=NOON.date(), full=True, started_at=NOON, finished_at=NOON))
        session.add(Patient(mrn="1", created_at=NOON, updated_at=NOON))
    clock.on(minutes=62)
    scheduler = Scheduler(engine, SETTINGS, jobs=(job("evaluate", broken),), clock=clock)
    ran = []
    for _ in range(20):
        ran.append(scheduler.tick())
        clock.on(seconds=5)
    assert sum(ran) <= 4
    assert {status for _, status in states(engine)} == {"failed"}


@pytest.mark.anyday
def test_started_it_runs_by_itself_and_stopping_waits_and_hands_the_lease_back(engine: Engine) -> None:
    inside, finished = threading.Event(), []

    def slow(work: Work) -> Outcome:
        inside.set()
        time.sleep(0.5)
        finished.append(True)
        return Outcome()

    scheduler = Scheduler(engine, SETTINGS, jobs=(job("slow", slow),), tick_seconds=0.1)
    scheduler.start()
    scheduler.start()  # a second start changes nothing
    assert inside.wait(PATIENCE)
    scheduler.stop()
    assert finished == [True]
    assert states(engine) == [("slow", "succeeded")]
    lease = standing(engine, SCHEDULER)
    assert lease is not None
    successor = Scheduler(engine, SETTINGS, jobs=())
    successor.tick()
    assert successor.leading, "the lease is free at once"


def test_a_job_longer_than_the_lease_keeps_it(engine: Engine, clock: Clock) -> None:
    others: list[bool] = []
    other = Scheduler(engine, SETTINGS, jobs=(), clock=clock)

    def renewed_at() -> dt.datetime | None:
        lease = standing(engine, SCHEDULER)
        return lease and lease.renewed_at

    def long(work: Work) -> Outcome:
        for _ in range(6):
            clock.on(seconds=20)
            wait_for(lambda: renewed_at() == clock.now)
            other.tick()
            others.append(other.leading)
        return Outcome()

    scheduler = Scheduler(
        engine,
        SETTINGS,
        jobs=(job("long", long),),
        clock=clock,
        tick_seconds=0.1,
        renewed_every=dt.timedelta(seconds=0.1),
    )
    scheduler.start()
    wait_for(lambda: ("long", "succeeded") in states(engine))
    scheduler.stop()
    assert others == [False] * 6

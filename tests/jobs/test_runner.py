"""One job, one slot: what is recorded, what is repeated, what never runs twice."""

import datetime as dt
import json
import os
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from jobs.lease import SCHEDULER, acquire
from jobs.runner import RETRY_AFTER, begin_schedule, close_dead_runs, forget_runs, owed, run_job
from jobs.schedule import Daily, Every, Job, Outcome, Work, due_slot, slot_text
from models.database import engine_for, reading, writing
from models.errors import UsageError, told
from models.job_run import Installation, JobRun
from models.settings import Settings
from tests.conftest import PATIENCE

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SETTINGS = Settings(database_url="sqlite://", timezone="Europe/Berlin")


def hours(number: float) -> dt.timedelta:
    return dt.timedelta(hours=number)


def job(function: Callable[[Work], Outcome], key: str = "job", *, at_start: bool = False) -> Job:
    return Job(key, "A job", Every(60), function, late_after=hours(2), at_start=at_start)


def fine(work: Work) -> Outcome:
    return Outcome(rows=3, message="three", detail={"of": 5})


def broken(work: Work) -> Outcome:
    raise ValueError("cannot read 'Ada Lovelace', CK 4812")


def runs(engine: Engine) -> list[JobRun]:
    with reading(engine) as session:
        found = list(session.exec(select(JobRun).order_by(col(JobRun.id))).all())
        session.expunge_all()
    return found


def count_in(session: Session, key: str = "counter") -> int:
    row = session.get(Installation, key)
    return 0 if row is None else int(row.value)


def add_one(session: Session, key: str = "counter") -> None:
    session.merge(Installation(key=key, value=str(count_in(session, key) + 1)))


def test_a_run_is_recorded_with_its_day_its_rows_and_its_duration(engine: Engine) -> None:
    done = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON + hours(11.5), owner="me", jobs=(job(fine),))
    assert (done.status, done.rows, done.message, done.owner) == ("succeeded", 3, "three", "me")
    assert done.slot == "2026-03-10T12:00:00Z"
    assert done.as_of == dt.date(2026, 3, 11), "23:30 UTC is the next day in the clinic"
    assert done.finished_at is not None
    assert done.finished_at >= done.started_at
    detail = json.loads(done.detail)
    assert detail["of"] == 5
    assert detail["seconds"] >= 0


def test_a_slot_that_succeeded_never_runs_again(engine: Engine) -> None:
    ran = []

    def once(work: Work) -> Outcome:
        ran.append(work.slot)
        return Outcome()

    first = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON, jobs=(job(once),))
    again = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON + hours(1), jobs=(job(once),))
    assert ran == [NOON]
    assert again.id == first.id


def test_a_run_by_hand_runs_as_often_as_it_is_asked_for(engine: Engine) -> None:
    for _ in range(2):
        done = run_job(engine, SETTINGS, "job", slot=None, now=NOON, as_of=dt.date(2026, 1, 5), jobs=(job(fine),))
        assert done.status == "succeeded"
        assert done.as_of == dt.date(2026, 1, 5)
    assert len(runs(engine)) == 2
    begin_schedule(engine, NOON - hours(24))
    assert owed(engine, SETTINGS, NOON, (job(fine),)), "a run by hand is not the run of the slot"


def test_an_exception_ends_the_run_and_is_told_without_patient_data(engine: Engine) -> None:
    done = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON, jobs=(job(broken),))
    assert done.status == "failed"
    assert done.message == "ValueError: cannot read …, CK #"
    assert json.loads(done.detail)["where"].startswith("tests/jobs/test_runner.py:")


def test_a_refused_row_is_told_without_the_row(engine: Engine) -> None:
    def refused(work: Work) -> Outcome:
        with writing(work.engine) as session:
            session.add(Installation(key="MRN-0042", value="Ada Lovelace"))
            session.flush()
            session.execute(sa.insert(Installation).values(key="MRN-0042", value="Ada Lovelace"))
        return Outcome()

    done = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON, jobs=(job(refused),))
    assert done.status == "failed"
    assert done.message.startswith("IntegrityError: ")
    for secret in ("0042", "Ada", "Lovelace"):
        assert secret not in done.message + done.detail


def test_partly_done_is_recorded_as_such_and_not_repeated_for_the_same_slot(engine: Engine) -> None:
    partly = job(lambda work: Outcome(rows=1, message="one rule failed", status="partly"))
    begin_schedule(engine, NOON - hours(24))
    run_job(engine, SETTINGS, "job", slot=due_slot(partly, NOON, "Europe/Berlin"), now=NOON, jobs=(partly,))
    assert runs(engine)[0].status == "partly"
    assert owed(engine, SETTINGS, NOON, (partly,)) == []
    assert owed(engine, SETTINGS, NOON + hours(1), (partly,))


def test_an_unknown_job_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no job 'jab'"):
        run_job(engine, SETTINGS, "jab", slot=None, now=NOON, jobs=(job(fine),))
    assert runs(engine) == []


# ------------------------------------------------------------------------------------------------------- what is owed


def test_after_a_stand_still_each_job_is_owed_once_for_its_newest_slot(engine: Engine) -> None:
    table = (job(fine, "hourly"), Job("daily", "Daily", Daily(dt.time(6, 30)), fine, late_after=hours(1)))
    begin_schedule(engine, NOON)
    later = NOON + dt.timedelta(days=9, minutes=10)
    found = [(job.key, slot_text(slot)) for job, slot in owed(engine, SETTINGS, later, table)]
    assert found == [("hourly", "2026-03-19T12:00:00Z"), ("daily", "2026-03-19T05:30:00Z")]
    for each, slot in owed(engine, SETTINGS, later, table):
        run_job(engine, SETTINGS, each.key, slot=slot, now=later, jobs=table)
    assert owed(engine, SETTINGS, later, table) == []


def test_a_new_installation_runs_at_once_only_what_is_meant_to(engine: Engine) -> None:
    table = (job(fine, "first", at_start=True), job(fine, "second"))
    begin_schedule(engine, NOON + hours(0.5))
    assert [job.key for job, _ in owed(engine, SETTINGS, NOON + hours(0.5), table)] == ["first"]
    assert [job.key for job, _ in owed(engine, SETTINGS, NOON + hours(1), table)] == ["first", "second"]


def test_the_beginning_is_noted_once(engine: Engine) -> None:
    table = (job(fine),)
    begin_schedule(engine, NOON)
    begin_schedule(engine, NOON + hours(5))
    assert owed(engine, SETTINGS, NOON + hours(1), table)


def test_a_failed_slot_is_tried_again_later_and_later(engine: Engine) -> None:
    table = (Job("job", "A job", Daily(dt.time(6, 30)), broken, late_after=hours(1)),)
    now = NOON
    begin_schedule(engine, NOON - hours(24))
    for pause in (*RETRY_AFTER, RETRY_AFTER[-1]):
        ((_, slot),) = owed(engine, SETTINGS, now, table)
        finished = run_job(engine, SETTINGS, "job", slot=slot, now=now, jobs=table).finished_at
        assert finished is not None
        assert owed(engine, SETTINGS, finished + pause - dt.timedelta(seconds=1), table) == []
        now = finished + pause


def test_a_later_success_makes_an_older_slot_superfluous(engine: Engine) -> None:
    begin_schedule(engine, NOON - hours(24))
    run_job(engine, SETTINGS, "job", slot=NOON + hours(1), now=NOON + hours(1), jobs=(job(fine),))
    assert owed(engine, SETTINGS, NOON, (job(fine),)) == [], "a clock set back repeats nothing"


# --------------------------------------------------------------------------------------------- whose process has died


def test_a_run_of_a_dead_scheduler_is_closed_and_its_slot_repeated(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(
            JobRun(job="job", slot=slot_text(NOON), as_of=NOON.date(), started_at=NOON, owner="old", status="running")
        )
    begin_schedule(engine, NOON - hours(24))
    acquire(engine, SCHEDULER, "new", NOON + hours(0.5))
    assert close_dead_runs(engine, NOON + hours(0.5)) == 1
    assert owed(engine, SETTINGS, NOON + hours(0.5), (job(fine),)) != []
    run_job(engine, SETTINGS, "job", slot=NOON, now=NOON + hours(0.5), owner="new", under_lease=True, jobs=(job(fine),))
    assert [run.status for run in runs(engine)] == ["interrupted", "succeeded"]
    assert runs(engine)[0].message == "its process ended before the job did"


def test_a_job_that_keeps_killing_its_process_is_slowed_down(engine: Engine) -> None:
    begin_schedule(engine, NOON - hours(24))
    for expected in (True, True, False):
        with writing(engine) as session:
            session.add(
                JobRun(job="job", slot=slot_text(NOON), as_of=NOON.date(), started_at=NOON, owner="x", status="running")
            )
        close_dead_runs(engine, NOON)
        assert bool(owed(engine, SETTINGS, NOON, (job(fine),))) is expected
    assert owed(engine, SETTINGS, NOON + RETRY_AFTER[0], (job(fine),))


@pytest.mark.parametrize(
    ("owner_pid", "age", "status"),
    [(os.getpid(), 1, "running"), (2**22 + 1, 1, "interrupted"), (os.getpid(), 25, "interrupted")],
    ids=("alive", "gone", "alive but a day old"),
)
def test_a_run_by_hand_is_dead_when_its_process_is_gone(engine: Engine, owner_pid: int, age: int, status: str) -> None:
    import socket

    with writing(engine) as session:
        session.add(
            JobRun(
                job="job",
                slot="manual-1",
                as_of=NOON.date(),
                started_at=NOON - hours(age),
                owner=f"{socket.gethostname()}:{owner_pid}:abcd",
                status="running",
            )
        )
    run_job(engine, SETTINGS, "job", slot=None, now=NOON, jobs=(job(fine),))
    assert runs(engine)[0].status == status


def test_work_of_a_scheduler_that_lost_its_lease_is_not_recorded_as_done(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "slow", NOON)

    def suspended(work: Work) -> Outcome:
        # Meanwhile the machine slept, and another process took over.
        acquire(engine, SCHEDULER, "quick", NOON + hours(1))
        with writing(work.engine) as session:
            add_one(session)
            work.finish(session, Outcome())
        return Outcome()

    done = run_job(engine, SETTINGS, "job", slot=NOON, now=NOON, owner="slow", under_lease=True, jobs=(job(suspended),))
    assert done.status == "interrupted"
    assert done.message.startswith("LeaseLost")
    with reading(engine) as session:
        assert count_in(session) == 0, "what it wrote with its record was rolled back with it"


def test_ctrl_c_leaves_no_run_that_looks_alive(engine: Engine) -> None:
    def interrupted(work: Work) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(engine, SETTINGS, "job", slot=None, now=NOON, jobs=(job(interrupted),))
    assert runs(engine)[0].status == "interrupted"


def test_of_two_processes_on_the_same_slot_one_succeeds(database_url: str) -> None:
    both_inside, finished = threading.Barrier(2), []

    def slowly(work: Work) -> Outcome:
        both_inside.wait(timeout=PATIENCE)
        with writing(work.engine) as session:
            add_one(session)
            work.finish(session, Outcome())
        return Outcome()

    def go(owner: str) -> None:
        own = engine_for(database_url)
        finished.append(run_job(own, SETTINGS, "job", slot=NOON, now=NOON, owner=owner, jobs=(job(slowly),)).status)
        own.dispose()

    threads = [threading.Thread(target=go, args=(owner,)) for owner in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == ["interrupted", "succeeded"]
    own = engine_for(database_url)
    with reading(own) as session:
        assert count_in(session) == 1
    own.dispose()


# ---------------------------------------------------------------------------------------------------- keeping in order


def test_old_runs_are_forgotten_but_the_newest_of_each_kind_stays(engine: Engine) -> None:
    for days in (200, 150, 100, 1):
        when = NOON - dt.timedelta(days=days)
        run_job(engine, SETTINGS, "job", slot=when, now=when, jobs=(job(fine),))
        run_job(
            engine, SETTINGS, "bad", slot=when - hours(1), now=when, jobs=(job(broken, "bad"),)
        ) if days > 1 else None
    with writing(engine) as session:
        assert forget_runs(session, NOON) == 5
    assert [(run.job, run.slot[:10]) for run in runs(engine)] == [("bad", "2025-11-30"), ("job", "2026-03-09")]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError(""), "ValueError"),
        (
            ValueError("could not convert string to float: 'Smith 3.4'"),
            "ValueError: could not convert string to float: …",
        ),
        (OSError(28, "No space left on device"), "OSError: [Errno #] No space left on device"),
        (KeyError("Ada"), "KeyError: …"),
        (ValueError("first line\nAda Lovelace"), "ValueError: first line"),
    ],
)
def test_errors_are_told_without_quoted_words_and_numbers(error: Exception, sentence: str) -> None:
    assert told(error) == sentence

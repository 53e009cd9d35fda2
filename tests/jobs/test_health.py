"""Is the clinic being watched: when a job is late, and what is told about it."""

import datetime as dt
import json

import pytest
from sqlalchemy import Engine

from jobs.health import health
from jobs.lease import SCHEDULER, acquire
from jobs.mllp.standing import lease_name
from jobs.runner import begin_schedule, run_job
from jobs.schedule import Daily, Every, Job, Outcome, Work
from models.assessment import EvaluationRun
from models.database import engine_for, writing
from models.settings import Settings
from models.user import User

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SETTINGS = Settings(database_url="sqlite://")


def hours(number: float) -> dt.timedelta:
    return dt.timedelta(hours=number)


def fine(work: Work) -> Outcome:
    return Outcome(rows=7)


def broken(work: Work) -> Outcome:
    raise RuntimeError("no")


HOURLY = Job("evaluate", "Evaluate the rules", Every(60), fine, late_after=hours(2), at_start=True)
DAILY = Job("backup", "Back up the database", Daily(dt.time(4, 15)), fine, late_after=hours(6))
TABLE = (HOURLY, DAILY)


def run(engine: Engine, job: Job, slot: dt.datetime, now: dt.datetime | None = None) -> None:
    run_job(engine, SETTINGS, job.key, slot=slot, now=now or slot, jobs=(job,))


def late(engine: Engine, now: dt.datetime) -> list[str]:
    return [job["key"] for job in health(engine, SETTINGS, now, TABLE)["jobs"] if job["late"]]


def test_an_empty_installation_is_starting(engine: Engine) -> None:
    told = health(engine, SETTINGS, NOON, TABLE)
    assert told["status"] == "starting"
    assert told["evaluated_at"] is None
    assert told["database"] == engine.dialect.name
    assert told["problems"] == []


def test_where_a_port_for_hl7_is_set_and_nobody_listens_it_is_told(engine: Engine) -> None:
    listening = Settings(database_url="sqlite://", mllp_port=2575)
    assert health(engine, SETTINGS, NOON, TABLE)["hl7"] is None
    told = health(engine, listening, NOON, TABLE)
    assert (told["status"], told["problems"]) == ("failed", ["HL7: nobody listens for messages"])
    acquire(engine, lease_name(listening), "here", NOON)
    told = health(engine, listening, NOON, TABLE)
    assert (told["status"], told["problems"]) == ("starting", [])
    assert told["hl7"] == {"listening": True, "last_message": None, "not_read": 0}


def test_what_is_told_is_json_with_every_job(engine: Engine) -> None:
    begin_schedule(engine, NOON)
    run(engine, HOURLY, NOON)
    told = json.loads(json.dumps(health(engine, SETTINGS, NOON + hours(0.1), TABLE)))
    assert told["status"] == "ok"
    assert {"status", "version", "database", "evaluated_at", "evaluated_as_of", "jobs"} <= set(told)
    evaluate, backup = told["jobs"]
    assert (evaluate["key"], evaluate["status"], evaluate["late"], evaluate["rows"]) == (
        "evaluate",
        "succeeded",
        False,
        7,
    )
    assert evaluate["last_run"] == "2026-03-10T12:00:00+00:00"
    assert evaluate["finished_at"].startswith("2026-03-10T12:00:")
    assert evaluate["next"] == "2026-03-10T13:00:00+00:00"
    assert (backup["last_run"], backup["status"], backup["late"]) == (None, None, False)
    assert backup["next"] == "2026-03-11T04:15:00+00:00"


@pytest.mark.parametrize(("passed", "expected"), [(1.0, []), (2.99, []), (3.0, ["evaluate"]), (10, ["evaluate"])])
def test_a_job_is_late_when_a_slot_was_due_too_long_ago(engine: Engine, passed: float, expected: list[str]) -> None:
    begin_schedule(engine, NOON)
    run(engine, HOURLY, NOON)
    assert late(engine, NOON + hours(passed)) == expected
    assert health(engine, SETTINGS, NOON + hours(passed), TABLE)["status"] == ("late" if expected else "ok")


def test_the_quiet_hours_make_nothing_late(engine: Engine) -> None:
    begin_schedule(engine, NOON - hours(24))
    midnight = NOON + hours(12)
    run(engine, DAILY, dt.datetime(2026, 3, 10, 4, 15, tzinfo=dt.UTC))
    run(engine, HOURLY, midnight)
    assert late(engine, midnight + hours(5.9)) == [], "05:54: the slot of 04:00 is not two hours old"
    assert late(engine, midnight + hours(6)) == ["evaluate"]


def test_a_nightly_job_that_was_missed_is_late_after_its_hours_of_grace(engine: Engine) -> None:
    begin_schedule(engine, NOON)
    run(engine, HOURLY, NOON + hours(22))
    assert late(engine, dt.datetime(2026, 3, 11, 10, 14, tzinfo=dt.UTC)) == []
    assert late(engine, dt.datetime(2026, 3, 11, 10, 15, tzinfo=dt.UTC)) == ["backup"]


def test_a_new_scheduler_that_never_gets_an_evaluation_done_becomes_late(engine: Engine) -> None:
    begin_schedule(engine, NOON)
    assert health(engine, SETTINGS, NOON + hours(1), TABLE)["status"] == "starting"
    run_job(engine, SETTINGS, "evaluate", slot=NOON, now=NOON, jobs=(Job("evaluate", "", Every(60), broken, hours(2)),))
    assert health(engine, SETTINGS, NOON + hours(1), TABLE)["status"] == "failed"
    assert health(engine, SETTINGS, NOON + hours(2.1), TABLE)["status"] == "late"


def test_an_installation_in_use_without_any_scheduler_becomes_late(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(User(name="n", role="nurse", created_at=NOON))
    assert health(engine, SETTINGS, NOON + hours(1), TABLE)["status"] == "starting"
    assert late(engine, NOON + hours(3)) == ["evaluate"]


def test_an_evaluation_started_by_hand_counts_for_the_age_of_the_list(engine: Engine) -> None:
    begin_schedule(engine, NOON)
    with writing(engine) as session:
        session.add(EvaluationRun(as_of=NOON.date(), full=True, started_at=NOON, finished_at=NOON + hours(3)))
    told = health(engine, SETTINGS, NOON + hours(4), TABLE)
    assert told["evaluated_at"] == "2026-03-10T15:00:00+00:00"
    assert told["evaluated_as_of"] == "2026-03-10"
    assert told["status"] == "ok"


def test_a_failed_job_is_told_with_its_reason(engine: Engine) -> None:
    begin_schedule(engine, NOON)
    run(engine, HOURLY, NOON)
    run_job(engine, SETTINGS, "backup", slot=None, now=NOON, jobs=(Job("backup", "", Every(60), broken, hours(2)),))
    told = health(engine, SETTINGS, NOON + hours(0.1), TABLE)
    assert told["status"] == "failed"
    assert told["problems"] == ["Back up the database: RuntimeError: no"]


def test_the_scheduler_is_alive_while_its_lease_lasts(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "secret-host:1:x", NOON)
    told = health(engine, SETTINGS, NOON + hours(0.001), TABLE)
    assert told["scheduler"] == {"alive": True, "last_seen": "2026-03-10T12:00:00+00:00"}
    assert "secret-host" not in json.dumps(told)
    assert health(engine, SETTINGS, NOON + hours(1), TABLE)["scheduler"]["alive"] is False


def test_a_database_that_does_not_answer_is_told_not_raised() -> None:
    told = health(engine_for("sqlite://"), SETTINGS, NOON)
    assert told["status"] == "failed"
    assert told["problems"] == ["the database does not answer (OperationalError)"]

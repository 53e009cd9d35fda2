"""Jobs: what ran for which day, what failed and whom it left out, messages, and who did what."""

import datetime as dt
import json
import re

import pytest
from sqlmodel import select

from dashboard.pages import jobs
from jobs.schedule import jobs_of
from models.accounts import audit
from models.assessment import EvaluationRun
from models.database import writing
from models.errors import UsageError
from models.job_run import JobRun, Lease, OutboxMessage
from models.received_message import ReceivedMessage
from models.user import AuditEvent
from tests.dashboard.conftest import NOW, TODAY, Clinic, call
from tests.dashboard.shown import here, rows, words


def page(clinic: Clinic, name: str = "nora", **query: str) -> object:
    return jobs.content(here(clinic, name), query)


def test_every_job_is_listed_with_when_it_comes_next(filled: Clinic) -> None:
    listed = rows(page(filled))
    assert [re.split(" every | daily | weekly ", row[0])[0] for row in listed] == [
        job.title for job in jobs_of(filled.app.settings)
    ]
    assert listed[0][1] == "not run yet"
    assert listed[0][5] == "08:00"


def test_an_administrator_runs_a_job_now_and_it_is_on_record(filled: Clinic) -> None:
    said = jobs.run_now(here(filled, "ada"), "escalate")
    assert "Follow up unanswered alerts: done" in words(said)
    with writing(filled.engine) as session:
        run = session.exec(select(JobRun)).one()
        assert (run.job, run.status, run.slot.startswith("manual-")) == ("escalate", "succeeded", True)
        assert session.exec(select(AuditEvent.detail).where(AuditEvent.action == "run job")).one() == "escalate"
    assert rows(page(filled, tab="runs"))[0][5] == "by hand"


def test_an_unknown_job_is_refused(filled: Clinic) -> None:
    with pytest.raises(UsageError, match="no job"):
        jobs.run_now(here(filled, "ada"), "tidy-up")


def test_a_failed_run_is_told_with_its_message_and_can_be_looked_for(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        for number, status in enumerate(("succeeded", "failed")):
            started = NOW - dt.timedelta(hours=2 - number)
            session.add(
                JobRun(
                    job="backup", slot=f"2026-11-2{number}T03:15:00Z", as_of=TODAY, started_at=started, status=status,
                    finished_at=started + dt.timedelta(seconds=3), message="disk full" if number else "", rows=1,
                    detail=json.dumps({"seconds": 3.2}),
                )
            )  # fmt: skip
    assert len(rows(page(filled, tab="runs"))) == 2
    failed = rows(page(filled, tab="runs", status="failed"))
    assert [row[1] for row in failed] == ["failed"]
    assert (failed[0][3], failed[0][7]) == ("3.2 s", "disk full")
    assert "No such run" in words(page(filled, tab="runs", job="digest"))


def test_whom_the_last_evaluation_left_out_is_named_by_record_number(filled: Clinic) -> None:
    left_out = [filled.patients["0044"], filled.patients["0050"]]
    failed = {"raised-troponin": {"error": "KeyError: x", "patients": left_out}}
    with writing(filled.engine) as session:
        session.add(
            EvaluationRun(as_of=TODAY, full=True, started_at=NOW, finished_at=NOW, rules_failed=json.dumps(failed))
        )
    assert "Raised troponin left 2 patients unevaluated (KeyError: x): 0044 0050" in words(page(filled))


def test_only_administrators_see_which_machine_holds_the_lease(filled: Clinic) -> None:
    assert "not running" in words(page(filled))
    with writing(filled.engine) as session:
        later = NOW + dt.timedelta(seconds=20)
        session.add(Lease(name="scheduler", holder="ward7:41:ab", expires_at=later, renewed_at=NOW))
    assert "Scheduler running" in words(page(filled))
    assert "ward7" not in words(page(filled))
    assert "ward7:41:ab" in words(page(filled, "ada"))


def test_messages_that_were_not_sent_stand_here_with_the_reason(filled: Clinic) -> None:
    assert "No messages yet" in words(page(filled, tab="messages"))
    with writing(filled.engine) as session:
        for number, sent in enumerate((NOW, None)):
            session.add(
                OutboxMessage(
                    key=f"k{number}", recipient="nora", kind="digest", subject="3 alerts", body="", created_at=NOW,
                    sent_at=sent, not_sent_because="" if sent else "the account has no e-mail address",
                )
            )  # fmt: skip
    said = words(page(filled, tab="messages"))
    assert "1 digest sent, 1 not sent" in said
    assert "Not sent: the account has no e-mail address (1)" in said


def test_the_audit_trail_is_for_administrators_and_can_be_narrowed(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        audit(session, "nora", "read patient", now=NOW, patient_id=filled.patients["0012"])
        audit(session, "paul", "change threshold", now=NOW, detail="overdue-labs grace_days")
    assert "Audit trail" not in words(page(filled, "nora", tab="audit"))
    assert [row[1:4] for row in rows(page(filled, "ada", tab="audit"))] == [
        ["paul", "change threshold", ""],
        ["nora", "read patient", "0012"],
    ]
    assert [row[1] for row in rows(page(filled, "ada", tab="audit", mrn="0012"))] == ["nora"]
    assert [row[1] for row in rows(page(filled, "ada", tab="audit", by="paul"))] == ["paul"]


@pytest.mark.parametrize(("name", "may"), [("vera", False), ("nora", False), ("paul", False), ("ada", True)])
def test_only_an_administrator_may_run_a_job(filled: Clinic, name: str, may: bool) -> None:
    assert ("Run now" in words(page(filled, name))) is may
    output = next(key for key in filled.app.callback_roles if "jobs-said" in key)
    assert (call(filled.client(name), output).status_code == 403) is not may


def test_who_was_heard_over_the_wire_and_when_last_stands_beside_the_backup(filled: Clinic) -> None:
    assert "HL7 messages" not in words(page(filled))
    with writing(filled.engine) as session:
        for number, answer in enumerate(("AA", "AE", None)):
            session.add(
                ReceivedMessage(
                    digest=bytes([number]), content=b"MSH", sender="hl7:LAB:H", answer=answer,
                    first_at=NOW, last_at=NOW - dt.timedelta(minutes=number),
                )
            )  # fmt: skip
    said = words(page(filled))
    assert "HL7 messages" in said
    assert "not configured" in said
    assert "Not read yet 1 message" in said
    assert "hl7:LAB:H 07:02 (3 messages, 1 not taken over)" in said

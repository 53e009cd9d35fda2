"""Alerts nobody answers: when they come back, when they are escalated, and how far."""

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from jobs.unanswered import FollowedUp, follow_up
from models.alert import Alert, AlertEvent
from models.database import reading, writing
from models.job_run import OutboxMessage
from models.patient import Patient
from models.settings import Settings
from models.user import User

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SETTINGS = Settings(database_url="sqlite://")

Open = Callable[..., int]


@pytest.fixture
def opened(engine: Engine) -> Open:
    """A maker of alerts, opened on 10 March at noon unless said otherwise; returns the id."""

    def make(severity: str = "urgent", **more: object) -> int:
        with writing(engine) as session:
            count = len(session.exec(select(Patient)).all())
            patient = Patient(mrn=f"P{count}", created_at=NOON, updated_at=NOON)
            session.add(patient)
            session.flush()
            fields: dict[str, object] = {
                "patient_id": patient.id,
                "rule": "raised-troponin",
                "subject": "troponin_i",
                "rule_version": "1",
                "severity": severity,
                "explanation": "",
                "opened_at": NOON,
                "opened_for": NOON.date(),
                "last_true_on": NOON.date(),
            }
            alert = Alert(**fields | more)
            session.add(alert)
            session.flush()
            return alert.id or 0

    return make


def after(engine: Engine, **passed: float) -> FollowedUp:
    with writing(engine) as session:
        return follow_up(session, NOON + dt.timedelta(**passed), SETTINGS)


def events(session: Session, alert_id: int) -> list[str]:
    wanted = select(AlertEvent.event).where(AlertEvent.alert_id == alert_id).order_by(col(AlertEvent.id))
    return list(session.exec(wanted).all())


@pytest.mark.parametrize(
    ("severity", "hours", "escalated"),
    [("urgent", 24, 0), ("urgent", 24.1, 1), ("action", 168, 0), ("action", 168.1, 1), ("watch", 5000, 0)],
)
def test_an_alert_is_escalated_once_it_has_waited_longer_than_its_severity_allows(
    engine: Engine, opened: Open, severity: str, hours: float, escalated: int
) -> None:
    opened(severity)
    assert after(engine, hours=hours) == FollowedUp(0, escalated)


@pytest.mark.parametrize(
    "state",
    [
        {"acknowledged_at": NOON, "acknowledged_by": "ines", "lapses_on": dt.date(2026, 3, 30)},
        {"snoozed_until": dt.date(2026, 3, 30), "snoozed_by": "ines"},
        {"covered_by": "red-flag-symptoms"},
        {"settled_at": NOON, "ended_at": NOON},
        {"resolved_at": NOON, "resolved_by": "paul", "outcome": "acted", "ended_at": NOON},
    ],
    ids=["acknowledged", "snoozed", "covered", "settled", "resolved"],
)
def test_an_alert_that_is_not_waiting_is_not_escalated(engine: Engine, opened: Open, state: dict[str, object]) -> None:
    opened("urgent", **state)
    assert after(engine, days=8).escalated == 0


def test_escalating_is_a_step_of_the_same_alert_and_ends_after_two(engine: Engine, opened: Open) -> None:
    alert_id = opened("urgent")
    assert [after(engine, hours=hours).escalated for hours in range(0, 200, 5)].count(1) == 2
    with reading(engine) as session:
        (alert,) = session.exec(select(Alert)).all()
        assert (alert.id, alert.escalation) == (alert_id, 2)
        assert events(session, alert_id) == ["escalated", "escalated"]


def test_the_second_step_waits_as_long_again(engine: Engine, opened: Open) -> None:
    opened("urgent")
    steps = [hours for hours in range(200) if after(engine, hours=hours).escalated]
    assert steps == [25, 50]


def test_run_twice_for_the_same_moment_it_does_nothing_the_second_time(engine: Engine, opened: Open) -> None:
    opened("urgent")
    opened("action")
    assert after(engine, days=8) == FollowedUp(0, 2)
    assert after(engine, days=8) == FollowedUp(0, 0)


def test_an_acknowledgement_that_lapsed_brings_it_back_before_it_escalates(engine: Engine, opened: Open) -> None:
    alert_id = opened("urgent", acknowledged_at=NOON, acknowledged_by="ines", lapses_on=dt.date(2026, 3, 12))
    assert after(engine, days=1) == FollowedUp(0, 0)
    assert after(engine, days=2) == FollowedUp(1, 0)
    assert after(engine, days=2.9) == FollowedUp(0, 0)
    assert after(engine, days=3.1) == FollowedUp(0, 1)
    with reading(engine) as session:
        assert events(session, alert_id) == ["lapsed", "escalated"]


def test_what_got_worse_waits_anew(engine: Engine, opened: Open) -> None:
    opened("urgent", opened_at=NOON - dt.timedelta(days=30), worsened_at=NOON)
    assert after(engine, hours=23).escalated == 0
    assert after(engine, hours=25).escalated == 1


def test_the_physicians_are_told_how_many_and_not_of_whom(engine: Engine, opened: Open) -> None:
    with writing(engine) as session:
        for name, role in (("ines", "nurse"), ("paul", "physician"), ("petra", "physician")):
            session.add(User(name=name, role=role, created_at=NOON))
    opened("urgent")
    opened("urgent")
    opened("action", opened_at=NOON - dt.timedelta(days=9))
    after(engine, hours=25)
    after(engine, hours=26)
    with reading(engine) as session:
        messages = session.exec(select(OutboxMessage).order_by(col(OutboxMessage.id))).all()
        assert [message.recipient for message in messages] == ["paul", "petra"]
        assert messages[0].body.splitlines() == [
            "2 urgent alerts unanswered for 24 hours",
            "1 action alert unanswered for 7 days",
            "",
            "http://127.0.0.1:8050/alerts",
        ]

"""Settings of the phenotype branch and of the suggestions: kept like those of rules, and without touching the rules."""

import datetime as dt
from typing import Any

import pytest
from sqlmodel import Session

from jobs.thresholds import advice_on, own_thresholds, set_parameter, thresholds_on
from models.errors import ActionRefused
from models.patient import Patient

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _one_patient(session: Session) -> None:
    session.add(Patient(mrn="1", created_at=NOW, updated_at=NOW))
    session.flush()


def patient_id(session: Session) -> int:
    from models.patient_record import find

    patient = find(session, "1")
    assert patient is not None
    return patient.id or 0


def put(session: Session, key: str, name: str, value: Any, day: int = 0, **more: Any) -> None:
    set_parameter(
        session,
        key,
        name,
        value,
        reason="tried here",
        author="paul",
        valid_from=TODAY + dt.timedelta(days=day),
        now=NOW,
        **more,
    )


def test_the_clinics_value_holds_from_its_day_on_and_the_rest_is_as_shipped(session: Session) -> None:
    put(session, "phenotype", "ck_raised", 2)
    put(session, "escalation:start-taper", "review_day", "21")
    before, after = advice_on(session, TODAY - dt.timedelta(days=1)), advice_on(session, TODAY)
    assert (before.phenotype.ck_raised, after.phenotype.ck_raised) == (1.5, 2.0)
    assert (before.escalations["start-taper"].review_day, after.escalations["start-taper"].review_day) == (14, 21)
    assert after.phenotype.ck_clearly_raised == before.phenotype.ck_clearly_raised


def test_a_patients_own_value_stands_above_the_clinics_until_its_end(session: Session) -> None:
    mine = patient_id(session)
    end = TODAY + dt.timedelta(days=30)
    put(session, "phenotype", "ck_raised", 3, patient_id=mine, expires_on=end)
    put(session, "phenotype", "ck_raised", 2, day=1)
    day = TODAY + dt.timedelta(days=5)
    assert advice_on(session, day, mine).phenotype.ck_raised == 3
    assert advice_on(session, day).phenotype.ck_raised == 2
    assert advice_on(session, end + dt.timedelta(days=1), mine).phenotype.ck_raised == 2
    put(session, "phenotype", "ck_raised", None, day=2, patient_id=mine)
    assert advice_on(session, day, mine).phenotype.ck_raised == 2


@pytest.mark.parametrize(
    ("key", "name", "value", "said"),
    [
        ("phenotype", "ck_raised", 50, "between"),
        ("phenotype", "nothing", 1, "no parameter"),
        ("phenotype", "fresh_days", "soon", "must be a number"),
        ("escalation:no-such", "x", 1, "no suggestion"),
        ("escalation", "x", 1, "no rule"),
        ("no-such-rule", "x", 1, "no rule"),
    ],
)
def test_what_cannot_be_is_refused(session: Session, key: str, name: str, value: Any, said: str) -> None:
    with pytest.raises(ActionRefused, match=said):
        put(session, key, name, value)


def test_a_setting_of_a_suggestion_leaves_the_rules_as_they_are(session: Session) -> None:
    before = thresholds_on(session, TODAY).fingerprint
    put(session, "phenotype", "ck_raised", 2)
    put(session, "escalation:start-taper", "review_day", 21)
    assert thresholds_on(session, TODAY).fingerprint == before


def test_a_patients_own_thresholds_are_listed_beside_the_clinics(session: Session) -> None:
    mine = patient_id(session)
    end = TODAY + dt.timedelta(days=30)
    put(session, "prolonged-high-dose-steroids", "more_than_days", 42, patient_id=mine, expires_on=end)
    put(session, "phenotype", "ck_raised", 3, patient_id=mine, expires_on=end)
    put(session, "overdue-labs", "grace_days", 9)
    found = {one.key: (one.value, one.clinic, one.reason) for one in own_thresholds(session, mine, TODAY)}
    assert found == {
        "prolonged-high-dose-steroids": (42, 28, "tried here"),
        "phenotype": (3.0, 1.5, "tried here"),
    }
    put(session, "phenotype", "ck_raised", None, patient_id=mine)
    assert [one.key for one in own_thresholds(session, mine, TODAY)] == ["prolonged-high-dose-steroids"]
    assert own_thresholds(session, mine, end + dt.timedelta(days=1)) == []

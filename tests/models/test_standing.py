"""Where patients stand in the list, and parts of the list as the pages ask for them."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, select

from models.alert import Alert
from models.alert_filter import Only
from models.alert_lifecycle import acknowledge, record, resolve, snooze
from models.alert_list import TO_DO, alert_counts, alert_page, alert_rows
from models.database import reading, writing
from models.list_order import Danger, class_of
from models.panel import Asked, causes, panel_counts, panel_page
from models.patient import Patient
from models.patient_record import mark_reviewed
from models.patient_summary import OF_FACTS, PatientSummary, write_summaries
from models.standing import settle, stand_again

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
EMPTY: dict[str, Any] = {
    **dict.fromkeys(OF_FACTS),
    "untold": False, "reasons": "[]", "strength": "", "ck": "", "steroid_steps": "", "lab_states": 0,
    "gaps": [], "labs": [],
}  # fmt: skip
GAP = {"rule": "raised-troponin", "words": "no newer value", "cause": "stale"}


def clinic(session: Session, count: int, **special: dict[str, Any]) -> dict[str, int]:
    """Patients "0", "1", ... with an empty summary each; `special` gives single ones alerts or other columns."""
    known: dict[str, int] = {}
    for number in range(count):
        own = special.get(f"p{number}", {})
        patient = Patient(
            mrn=str(number), family_name=f"Name{number:03}", created_at=NOW, updated_at=NOW,
            evaluated_revision=own.get("evaluated", 1), status=own.get("status", "active"),
            site=own.get("site", "North"), clinician=own.get("clinician", ""),
        )  # fmt: skip
        session.add(patient)
        session.flush()
        known[patient.mrn] = patient.id or 0
        for place, alert in enumerate(own.get("alerts", ())):
            told = {"severity": "action", "opened_at": NOW} | alert
            row = Alert(
                patient_id=patient.id, rule=f"rule-{place}", subject="x", rule_version="1", explanation="Said.",
                opened_for=TODAY, last_true_on=TODAY, **told,
            )  # fmt: skip
            session.add(row)
            session.flush()
            record(session, row, "opened", "myopanel", NOW)
    untold = {mrn for mrn in known if special.get(f"p{mrn}", {}).get("untold")}
    rows = {who: EMPTY | ({"untold": True, "gaps": [GAP]} if mrn in untold else {}) for mrn, who in known.items()}
    unwritten = {known[key[1:]] for key, own in special.items() if own.get("unwritten")}
    write_summaries(session.connection(), {who: row for who, row in rows.items() if who not in unwritten})
    stand_again(session.connection(), list(rows), TODAY)
    return known


def order(session: Session, asked: Asked | None = None, start: int = 0, count: int = 100) -> list[str]:
    return [row.mrn for row in panel_page(session, asked or Asked(), start, count)]


def place(engine: Engine, who: int) -> int:
    with Session(engine) as session:
        return class_of(session.get_one(PatientSummary, who).place)


# --------------------------------------------------------------------------------------------------------------- places


def test_patients_stand_by_the_worst_alert_that_asks_for_something(engine: Engine) -> None:
    with writing(engine) as session:
        clinic(
            session,
            6,
            p1={"alerts": [{"severity": "watch"}]},
            p2={"untold": True},
            p3={"alerts": [{"severity": "action"}, {"severity": "urgent"}]},
            p4={"alerts": [{"severity": "urgent", "danger": Danger.BREATHING}]},
        )
        assert order(session) == ["4", "3", "1", "2", "5", "0"]


def test_what_is_acknowledged_no_longer_leads_and_comes_back_on_the_day_it_lapses(engine: Engine) -> None:
    with writing(engine) as session:
        known = clinic(session, 2, p0={"alerts": [{"severity": "urgent"}]}, p1={"alerts": [{"severity": "watch"}]})
    with writing(engine) as session:
        alert = session.exec(select(Alert).where(Alert.patient_id == known["0"])).one()
        acknowledge(session, alert.id or 0, "nora", today=TODAY, now=NOW)
    settle(engine, TODAY)
    with reading(engine) as session:
        assert order(session) == ["1", "0"]
    settle(engine, TODAY + dt.timedelta(days=2))
    with reading(engine) as session:
        assert order(session) == ["0", "1"]


def test_a_snoozed_alert_is_back_on_its_day_and_not_before(engine: Engine) -> None:
    with writing(engine) as session:
        known = clinic(session, 1, p0={"alerts": [{"severity": "action"}]})
    with writing(engine) as session:
        alert = session.exec(select(Alert)).one()
        snooze(session, alert.id or 0, "nora", until=TODAY + dt.timedelta(days=3), today=TODAY, now=NOW)
    settle(engine, TODAY)
    assert place(engine, known["0"]) == 0
    settle(engine, TODAY + dt.timedelta(days=2))
    assert place(engine, known["0"]) == 0
    settle(engine, TODAY + dt.timedelta(days=3))
    assert place(engine, known["0"]) == 4


def test_what_was_resolved_leaves_the_list_at_once(engine: Engine) -> None:
    with writing(engine) as session:
        known = clinic(session, 1, p0={"alerts": [{"severity": "urgent"}]})
    with writing(engine) as session:
        resolve(session, session.exec(select(Alert)).one().id or 0, "nora", outcome="acted", now=NOW)
    settle(engine, TODAY)
    assert place(engine, known["0"]) == 0


def test_who_was_looked_at_stands_behind_who_was_not(engine: Engine) -> None:
    with writing(engine) as session:
        clinic(session, 2, p0={"alerts": [{"severity": "urgent"}]}, p1={"alerts": [{"severity": "urgent"}]})
        patient = session.exec(select(Patient).where(Patient.mrn == "0")).one()
        mark_reviewed(session, patient, "paul", now=NOW + dt.timedelta(hours=1))
    settle(engine, TODAY)
    with reading(engine) as session:
        assert order(session) == ["1", "0"]


def test_a_row_is_written_only_when_it_says_something_else(engine: Engine) -> None:
    with writing(engine) as session:
        known = clinic(session, 2)
        connection = session.connection()
        rows = dict.fromkeys(known.values(), EMPTY)
        assert write_summaries(connection, rows) == []
        changed = rows | {known["1"]: EMPTY | {"steroid_mg": 5.0}}
        assert write_summaries(connection, changed) == [known["1"]]


# --------------------------------------------------------------------------------------------------- parts of the panel


@pytest.fixture
def mixed(engine: Engine) -> Engine:
    """Twelve patients: two ask, one cannot be told, one waits, one was never written, one has left, six are fine."""
    with writing(engine) as session:
        clinic(
            session,
            12,
            p3={"alerts": [{"severity": "urgent"}], "site": "South"},
            p5={"alerts": [{"severity": "action"}]},
            p6={"untold": True},
            p8={"evaluated": 3},
            p9={"evaluated": 0, "unwritten": True},
            p10={"status": "discharged", "alerts": [{"severity": "urgent"}]},
        )
    return engine


EXPECTED = ["3", "5", "6", "9", "8", "11", "7", "4", "2", "1", "0"]


def test_who_waits_for_an_evaluation_stands_before_who_is_fine_and_who_left_nowhere(mixed: Engine) -> None:
    with reading(mixed) as session:
        assert order(session) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
def test_the_list_read_in_parts_is_the_list(mixed: Engine, size: int) -> None:
    with reading(mixed) as session:
        parts = [order(session, start=start, count=size) for start in range(0, 14, size)]
    assert [mrn for part in parts for mrn in part] == EXPECTED


def test_the_counts_agree_with_the_list_however_they_are_worked_out(mixed: Engine) -> None:
    with reading(mixed) as session:
        everybody = panel_counts(session, Asked())
        assert (everybody.patients, everybody.today, everybody.this_week, everybody.cannot_tell) == (11, 1, 1, 3)
        for severity, expected in (
            ("urgent", ["3"]),
            ("action", ["5"]),
            ("watch", []),
            ("cannot_tell", ["6", "9", "8"]),
        ):
            assert order(session, Asked(severity=severity)) == expected
            assert panel_counts(session, Asked(severity=severity)).patients == len(expected)
        assert panel_counts(session, Asked(words=("name",))) == everybody
        assert order(session, Asked(words=("name",))) == EXPECTED


def test_causes_count_active_patients_only_and_lead_to_them(mixed: Engine) -> None:
    with reading(mixed) as session:
        found = causes(session)
        assert sorted(count for _, _, count in found) == [1, 1, 1]
        led = [order(session, Asked(cause=(rule, words))) for rule, words, _ in found]
    assert sorted(led) == [["6"], ["8"], ["9"]]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        (Asked(sort="patient"), "0"),
        (Asked(sort="patient", descending=True), "11"),
        (Asked(site="South"), "3"),
        (Asked(words=("005",)), "5"),
    ],
)
def test_filters_and_sorting_are_the_databases(mixed: Engine, asked: Asked, first: str) -> None:
    with reading(mixed) as session:
        assert order(session, asked)[0] == first


@pytest.mark.parametrize(("sort", "column"), [("dose", "steroid_mg"), ("labs", "next_lab_due"), ("seen", "last_visit")])
def test_sorting_leaves_nobody_out(mixed: Engine, sort: str, column: str) -> None:
    with writing(mixed) as session:
        value = 5.0 if column == "steroid_mg" else TODAY
        session.execute(sa.update(PatientSummary).where(PatientSummary.place > 0).values({column: value}))  # type: ignore[arg-type]
    with reading(mixed) as session:
        for descending in (False, True):
            assert sorted(order(session, Asked(sort=sort, descending=descending))) == sorted(EXPECTED)


# ---------------------------------------------------------------------------------------------- parts of the nurse list


def test_alerts_in_parts_are_the_alerts_of_the_list(mixed: Engine) -> None:
    with reading(mixed) as session:
        everything = alert_rows(session, TODAY)
        parts = []
        start, more = 0, True
        while more:
            rows, more = alert_page(session, TODAY, TO_DO, start, 1)
            parts += rows
            start += 1
        assert parts == everything
        counts = alert_counts(session, TODAY).alerts
    assert {view: count for view, count in counts.items() if count} == {"urgent": 1, "action": 1, "todo": 2}


def test_alerts_are_shared_out_between_owners_and_nobody(mixed: Engine) -> None:
    with writing(mixed) as session:
        session.execute(sa.update(Alert).where(Alert.severity == "action").values(owner="nora"))  # type: ignore[arg-type]
    with reading(mixed) as session:
        for owners, severities in ((("nora",), ["action"]), ((), ["urgent"]), (None, ["urgent", "action"])):
            rows, _ = alert_page(session, TODAY, TO_DO, 0, 10, only=Only(owners))
            assert [row["severity"] for row in rows] == severities
            assert alert_counts(session, TODAY, only=Only(owners)).alerts["todo"] == len(severities)


def test_an_alert_in_somebodys_hands_stands_in_its_own_view_only(mixed: Engine) -> None:
    with writing(mixed) as session:
        alert = session.exec(select(Alert).where(Alert.severity == "action")).one()
        acknowledge(session, alert.id or 0, "nora", today=TODAY, now=NOW)
    settle(mixed, TODAY)
    with reading(mixed) as session:
        assert [row["severity"] for row in alert_page(session, TODAY, TO_DO, 0, 10)[0]] == ["urgent"]
        assert [row["severity"] for row in alert_page(session, TODAY, ("acknowledged",), 0, 10)[0]] == ["action"]

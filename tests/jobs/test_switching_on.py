"""What a new version, or a rule switched on, asks of a clinic that ran before: one group, and no danger in it."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import col, select

from jobs.evaluation import evaluate, follow
from jobs.importers.load import import_paths
from jobs.switching_on import give_back, take_over_group
from jobs.thresholds import set_status
from models.alert import Alert
from models.alert_lifecycle import acknowledge, aside, lapse, reopen
from models.alert_list import alert_counts, alert_page, waiting_group
from models.database import engine_for, reading, upgrade, writing
from models.panel import nav_counts
from models.patient import Patient
from tests.first_release import fill_first_release

DAY = dt.date(2026, 11, 27)
"""The last day on which the first release evaluated the clinic."""
BEFORE = "2026-11-20 06:00:00.000000"
STEADY, NEUTROPENIC, FALLING = 2, 3, 4
"""Weak with a high CK for months and untreated; with 0.4 neutrophils; weak since long, with an alert in hand."""


def _observation(number: int, patient: int, measure: str, value: float, day: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "patient_id": patient, "measure": measure, "value": value, "value_sent": f"{value:g}",
        "unit": "", "unit_sent": "", "upper_limit": None, "known_to": None, "status": "final", "received_on": day,
        "identity": f"nk:{number}", "content": f"{number}", "imported_at": BEFORE, "effective_on": day,
        "received_at": f"{day} 08:00:00.000000", "effective_at": f"{day} 08:00:00.000000", **more,
    }  # fmt: skip


def _patient(number: int, mrn: str) -> dict[str, Any]:
    return {"id": number, "mrn": mrn, "created_at": BEFORE, "updated_at": BEFORE, "evaluated_revision": 2}


CK = {"unit": "U/L", "unit_sent": "U/L", "upper_limit": 200.0}
COUNT = {"unit": "10^9/L", "unit_sent": "10^9/L", "lower_limit": 1.8}
CLINIC: dict[str, list[dict[str, Any]]] = {
    "patient": [_patient(STEADY, "STEADY"), _patient(NEUTROPENIC, "NEUTROPENIC"), _patient(FALLING, "FALLING")],
    "observation": [
        _observation(20, STEADY, "ck", 1500, "2026-09-10", **CK),
        _observation(21, STEADY, "ck", 1500, "2026-11-10", **CK),
        _observation(22, STEADY, "mmt8", 60, "2026-09-10", max_value=80.0),
        _observation(23, STEADY, "mmt8", 60, "2026-11-10", max_value=80.0),
        _observation(30, NEUTROPENIC, "neutrophils", 0.4, "2026-11-20", **COUNT),
        _observation(40, FALLING, "ck", 150, "2026-11-12", **CK),
        _observation(41, FALLING, "mmt8", 78, "2026-09-10", max_value=80.0),
        _observation(42, FALLING, "mmt8", 70, "2026-11-12", max_value=80.0),
    ],
    "medication_statement": [
        {
            "id": 30, "patient_id": NEUTROPENIC, "drug": "azathioprine", "dose": 100.0, "frequency": "daily",
            "start_on": "2026-01-10", "received_on": "2026-01-10", "received_at": "2026-01-10 08:00:00.000000",
            "identity": "nk:m30", "content": "m30", "imported_at": BEFORE,
        }
    ],
    "evaluation_run": [
        {
            "id": 1, "as_of": "2026-11-27", "full": 1, "started_at": "2026-11-27 07:00:00.000000",
            "finished_at": "2026-11-27 07:00:01.000000", "patients": 4, "computed": 4, "rules_failed": "{}",
            "fingerprint": "of the first release", "reconciled": 1,
        }
    ],
}  # fmt: skip


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """A clinic that ran release 0.1.0 until yesterday, at the newest schema."""
    fill_first_release(empty_database_url, CLINIC)
    upgrade(empty_database_url)
    engine = engine_for(empty_database_url)
    yield engine
    engine.dispose()


def at(day: dt.date, hour: int = 7) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, tzinfo=dt.UTC))


def on(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def run(engine: Engine, offset: int, *, full: bool = False) -> None:
    report = evaluate(engine, on(offset), timezone="UTC", now=at(on(offset)), full=full, collect=False)
    assert not report.failures


def found(engine: Engine, mrn: str, rule: str | None = None) -> list[Alert]:
    """The running alerts of a patient, oldest first."""
    query = select(Alert).join(Patient).where(Patient.mrn == mrn, col(Alert.ended_at).is_(None)).order_by(col(Alert.id))
    with reading(engine) as session:
        rows = [one for one in session.exec(query) if rule in {None, one.rule}]
        session.expunge_all()
    return rows


def only(engine: Engine, mrn: str, rule: str) -> Alert:
    (one,) = found(engine, mrn, rule)
    return one


def load(engine: Engine, folder: Path, offset: int, hour: int = 6) -> None:
    now = at(on(offset), hour)
    assert import_paths(engine, [folder], timezone="UTC", by="test", now=now).total.rejected == 0


BOTH = pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])


@BOTH
def test_what_the_version_newly_asks_waits_as_one_group_and_nothing_urgent_is_in_it(engine: Engine, full: bool) -> None:
    run(engine, 1, full=full)
    new = only(engine, "STEADY", "active-disease")
    assert aside(new)
    assert new.brought_by is not None
    assert new.brought_by.startswith("version ")
    urgent = [one for one in found(engine, "NEUTROPENIC", "drug-safety") if one.severity == "urgent"]
    assert urgent
    assert not any(aside(one) for one in urgent)
    with reading(engine) as session:
        every = list(session.exec(select(Alert)))
        counts = alert_counts(session, on(1)).alerts
        group = waiting_group(session)
        listed, _ = alert_page(session, on(1), ("urgent", "action", "watch"), 0, 100)
        grouped, _ = alert_page(session, on(1), ("new",), 0, 100)
    assert not any(one.severity == "urgent" or one.danger for one in every if one.set_aside)
    assert group is not None
    assert group.alerts == counts["new"] == len(grouped) > 0
    assert {row["id"] for row in listed} | {row["id"] for row in grouped} == {
        one.id for one in every if one.ended_at is None and one.covered_by is None
    }


def test_what_the_first_release_asked_already_is_not_new(engine: Engine) -> None:
    run(engine, 1)
    # A rule of the same version: had it been true before, it had been told before.
    assert [one.brought_by for one in found(engine, "STEADY", "missing-prophylaxis")] == []
    with reading(engine) as session:
        same = session.exec(select(Alert).where(col(Alert.rule).in_(["overdue-assessment", "steroid-monotherapy"])))
        assert not any(one.set_aside or one.brought_by for one in same)


@BOTH
def test_what_is_new_after_the_first_evaluation_is_ordinary(
    engine: Engine, clinic_folder: Callable[..., Path], full: bool
) -> None:
    run(engine, 1, full=full)
    rows = [
        {"mrn": "FALLING", "measure": "mmt8", "value": 60, "unit": "", "observed_at": on(2).isoformat()},
        {"mrn": "FALLING", "measure": "ck", "value": 1500, "unit": "U/L", "upper_limit": 200,
         "observed_at": on(2).isoformat()},
    ]  # fmt: skip
    load(engine, clinic_folder(observations=rows), 2)
    run(engine, 2, full=full)
    new = only(engine, "FALLING", "active-disease")
    assert (new.brought_by, new.set_aside) == (None, False)
    assert aside(only(engine, "STEADY", "active-disease")), "what waited goes on waiting"


def test_what_became_true_or_arrived_between_the_last_evaluation_and_the_upgrade_is_ordinary(
    engine: Engine, clinic_folder: Callable[..., Path]
) -> None:
    rows = [
        {"mrn": "FALLING", "measure": "ck", "value": 1500, "unit": "U/L", "upper_limit": 200,
         "observed_at": "2026-11-26"},
    ]  # fmt: skip
    load(engine, clinic_folder(observations=rows), 1)
    run(engine, 1)
    assert not any(one.set_aside for one in found(engine, "FALLING", "active-disease"))


def test_a_patient_who_came_after_the_upgrade_is_ordinary(engine: Engine, clinic_folder: Callable[..., Path]) -> None:
    common = {"mrn": "LATER", "observed_at": "2026-11-10"}
    rows = [
        common | {"measure": "ck", "value": 1500, "unit": "U/L", "upper_limit": 200},
        common | {"measure": "mmt8", "value": 60, "unit": ""},
    ]
    load(engine, clinic_folder(patients=[{"mrn": "LATER"}], observations=rows), 1)
    run(engine, 1)
    assert not aside(only(engine, "LATER", "active-disease"))


def test_whoever_gets_a_result_before_the_first_evaluation_of_all_is_looked_at_alone_and_ordinarily(
    engine: Engine, clinic_folder: Callable[..., Path]
) -> None:
    rows = [
        {"mrn": "FALLING", "measure": "ck", "value": 1500, "unit": "U/L", "upper_limit": 200,
         "observed_at": on(1).isoformat()},
    ]  # fmt: skip
    load(engine, clinic_folder(observations=rows), 1)
    assert follow(engine, timezone="UTC", now=at(on(1))) is not None
    assert not any(one.set_aside for one in found(engine, "FALLING", "active-disease"))
    run(engine, 1)
    assert aside(only(engine, "STEADY", "active-disease")), "looking at some ends the switching on for nobody"


def test_a_clinic_evaluated_for_the_first_time_has_no_group(
    database_url: str, clinic_folder: Callable[..., Path]
) -> None:
    engine = engine_for(database_url)
    rows = [
        {"mrn": "1", "measure": "ck", "value": 1500, "unit": "U/L", "upper_limit": 200, "observed_at": "2026-11-10"},
        {"mrn": "1", "measure": "mmt8", "value": 60, "unit": "", "observed_at": "2026-11-10"},
    ]
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=rows), 0)
    run(engine, 1)
    run(engine, 2)
    with reading(engine) as session:
        assert waiting_group(session) is None
    engine.dispose()


def test_a_run_that_broke_off_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.evaluation.run import Run

    def breaks(*_: Any) -> None:
        raise RuntimeError("the machine went down")

    with monkeypatch.context() as broken:
        broken.setattr(Run, "_close", breaks)
        with pytest.raises(RuntimeError):
            run(engine, 1)
    run(engine, 1)
    assert aside(only(engine, "STEADY", "active-disease"))


@BOTH
def test_a_rule_that_is_switched_on_brings_a_group_too(engine: Engine, full: bool) -> None:
    with writing(engine) as session:
        set_status(session, "active-disease", "shadow", reason="a look", author="ada", valid_from=on(1), now=at(on(1)))
    run(engine, 1, full=full)
    assert not found(engine, "STEADY", "active-disease")
    with writing(engine) as session:
        set_status(session, "active-disease", "active", reason="agreed", author="ada", valid_from=on(3), now=at(on(2)))
    run(engine, 2, full=full)
    run(engine, 3, full=full)
    new = only(engine, "STEADY", "active-disease")
    assert (aside(new), new.brought_by) == (True, "switched on")


def test_a_status_that_the_clinic_had_given_a_rule_before_the_upgrade_counts(empty_database_url: str) -> None:
    change = {
        "rule": "steroid-monotherapy", "status": "shadow", "reason": "too many", "author": "ada",
        "valid_from": "2026-10-01", "created_at": "2026-10-01 07:00:00.000000",
    }  # fmt: skip
    fill_first_release(empty_database_url, CLINIC | {"rule_status_change": [change]})
    upgrade(empty_database_url)
    engine = engine_for(empty_database_url)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT rule FROM rule_in_force WHERE version = '1.0.0'"))
        asked = {row[0] for row in found}
    engine.dispose()
    assert "raised-troponin" in asked
    assert not asked & {"steroid-monotherapy", "plasmapheresis-after-ivig", "active-disease"}


# ------------------------------------------------------------------------------------------------- working through it


def test_taken_over_it_stands_in_the_list_and_can_be_put_back(engine: Engine) -> None:
    run(engine, 1)
    now = at(on(1), 8)
    with reading(engine) as session:
        before = nav_counts(session, on(1))["Alerts"], alert_counts(session, on(1)).alerts
    with writing(engine) as session:
        taken = take_over_group(session, "nora", now=now)
    assert len(taken) == before[1]["new"] + sum(one.covered_by is not None for one in _all(engine) if one.id in taken)
    with reading(engine) as session:
        assert waiting_group(session) is None
        assert nav_counts(session, on(1))["Alerts"] > before[0]
    with writing(engine) as session:
        assert give_back(session, "nora", now=now, alert_ids=taken) == taken
    with reading(engine) as session:
        assert (nav_counts(session, on(1))["Alerts"], alert_counts(session, on(1)).alerts) == before


def _all(engine: Engine) -> list[Alert]:
    with reading(engine) as session:
        rows = list(session.exec(select(Alert)))
        session.expunge_all()
    return rows


def test_what_somebody_had_in_hand_never_goes_back_into_the_group(engine: Engine) -> None:
    run(engine, 1)
    number = only(engine, "STEADY", "active-disease").id or 0
    with writing(engine) as session:
        acknowledge(session, number, "nora", today=on(1), now=at(on(1), 8))
    assert not aside(only(engine, "STEADY", "active-disease"))
    with writing(engine) as session:
        reopen(session, number, "nora", now=at(on(1), 9))
    assert aside(only(engine, "STEADY", "active-disease")), "a slip taken back leaves it where it was"
    with writing(engine) as session:
        acknowledge(session, number, "nora", today=on(1), now=at(on(1), 10))
        lapse(session, today=on(60), now=at(on(60)))
    assert not aside(only(engine, "STEADY", "active-disease"))


def test_what_waits_and_gets_worse_comes_into_the_list(engine: Engine, clinic_folder: Callable[..., Path]) -> None:
    run(engine, 1)
    events = [{"mrn": "STEADY", "event": "dysphagia", "date": on(2).isoformat(), "present": "yes"}]
    load(engine, clinic_folder(events=events), 2)
    run(engine, 2)
    worse = only(engine, "STEADY", "active-disease")
    assert (worse.severity, aside(worse)) == ("urgent", False)


def test_an_alert_that_waits_hides_no_alert_of_the_list(engine: Engine) -> None:
    run(engine, 1)
    waiting = {(one.patient_id, one.rule) for one in _all(engine) if one.set_aside}
    for one in _all(engine):
        if one.covered_by and not one.set_aside:
            assert (one.patient_id, one.covered_by) not in waiting

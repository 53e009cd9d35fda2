"""A database of an earlier release, brought up to date: every fact is there, as it was, and is still recognised."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from jobs.importers.load import import_paths
from models.alert import Alert, AlertEvent
from models.database import engine_for, reading, upgrade
from models.delivery import Delivery
from models.list_order import Danger
from models.tables import METADATA, ClinicalEvent, MedicationStatement, Observation, ObservationItem
from tests.first_release import RELEASE, fill_first_release

NOW = dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC)


def _alert_of_the_release(connection: sa.Connection) -> None:
    """An acknowledged alert with its history, as the release stored it."""
    alert, event, patient = (
        sa.Table(name, sa.MetaData(), autoload_with=connection) for name in ("alert", "alert_event", "patient")
    )
    who = connection.execute(sa.select(sa.func.min(patient.c.id))).scalar()
    then = NOW.replace(day=20)
    row = {
        "patient_id": who, "rule": "raised-troponin", "subject": "troponin_i", "rule_version": "1.0.0",
        "severity": "urgent", "explanation": "Troponin I 480 ng/L.", "clears_when": "", "suggested_action": "",
        "evidence": "[]", "numbers": "{}", "opened_at": then, "opened_for": then.date(), "last_true_on": then.date(),
        "acknowledged_at": then, "acknowledged_by": "nora", "escalation": 0,
    }  # fmt: skip
    number = connection.execute(sa.insert(alert).returning(alert.c.id), row).scalar()
    said = {"alert_id": number, "at": then, "event": "acknowledged", "by": "nora", "detail": "{}"}
    connection.execute(sa.insert(event), said)


@pytest.fixture
def upgraded(empty_database_url: str) -> Any:
    """A database that release 0.1.0 filled, at the newest schema."""
    fill_first_release(empty_database_url)
    engine = engine_for(empty_database_url)
    with engine.begin() as connection:
        _alert_of_the_release(connection)
    engine.dispose()
    upgrade(empty_database_url)
    engine = engine_for(empty_database_url)
    yield engine
    engine.dispose()


def _all(engine: sa.Engine, model: Any) -> list[Any]:
    with reading(engine) as session:
        return list(session.execute(sa.select(model).order_by(model.id)).scalars())


def test_every_alert_of_the_first_release_keeps_its_history(upgraded: sa.Engine) -> None:
    (alert,) = _all(upgraded, Alert)
    assert (alert.acknowledged_by, alert.danger) == ("nora", Danger.HEART)
    (event,) = _all(upgraded, AlertEvent)
    assert (event.alert_id, event.event) == (alert.id, "acknowledged")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("observation", Observation),
        ("medication_statement", MedicationStatement),
        ("clinical_event", ClinicalEvent),
        ("observation_item", ObservationItem),
    ],
)
def test_every_fact_of_the_first_release_is_as_it_was(upgraded: sa.Engine, name: str, model: Any) -> None:
    there = _all(upgraded, model)
    assert len(there) == len(RELEASE["tables"][name])
    for now, before in zip(there, RELEASE["tables"][name], strict=True):
        for column, text in before.items():
            if column in {"identity", "content", "value_sent", "unit_sent"}:
                continue
            value = getattr(now, column)
            if isinstance(value, dt.datetime):
                assert value == dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC), column
            elif isinstance(value, dt.date):
                assert value == dt.date.fromisoformat(text), column
            else:
                assert value == text, column
        if name == "observation":
            assert now.sent == (before["value_sent"], before["unit_sent"])


def test_the_files_of_the_first_release_say_nothing_new_after_the_upgrade(upgraded: sa.Engine, tmp_path: Path) -> None:
    for name, text in RELEASE["files"].items():
        (tmp_path / name).write_text(text)
    total = import_paths(upgraded, [tmp_path], timezone="Europe/Berlin", by="nora", now=NOW).total
    assert (total.read, total.unchanged) == (10, 10)


def test_versions_that_were_told_apart_by_when_they_were_received_only_stay_two(upgraded: sa.Engine) -> None:
    same = [row for row in _all(upgraded, Observation) if row.id in {3, 7}]
    assert len({row.identity for row in same}) == 1
    assert len({row.content for row in same}) == 2


def test_what_each_sender_had_delivered_is_counted_on_the_way(upgraded: sa.Engine) -> None:
    with reading(upgraded) as session:
        counted = {
            (row.measure, row.received_on): row.results for row in session.execute(sa.select(Delivery)).scalars()
        }
    assert counted["ck", dt.date(2026, 5, 2)] == 2
    assert sum(counted.values()) == len(RELEASE["tables"]["observation"])


def test_the_upgraded_schema_is_the_one_the_tables_declare(upgraded: sa.Engine) -> None:
    with upgraded.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, METADATA) == []

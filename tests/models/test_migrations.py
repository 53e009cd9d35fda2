"""A database of an earlier release, brought up to date: every fact is there, as it was, and is still recognised."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from jobs.importers.load import import_paths
from models.alert import Alert, AlertEvent
from models.database import engine_for, reading, upgrade, writing
from models.delivery import Delivery
from models.list_order import Danger
from models.patient import Patient
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


# ------------------------------------------------------------------------------------------------ results of messages


def _sent(value: str, at: str, *, status: str = "F", code: str = "2157-6^CK^LN", sent: str = "20260611100000") -> str:
    """A message about the release's first patient, every result under one number."""
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|H|MYO|H|{sent}||ORU^R01|1|P|2.5.1",
            f"PID|1||{RELEASE['tables']['patient'][0]['mrn']}^^^H^MR",
            f"OBR|1|P40|F40^LAB|CK|||{at}|||||||||||||||{sent}|||F",
            f"OBX|1|NM|{code}||{value}|U/L|30-200||||{status}|||{at}",
            "",
        ]
    )


MESSAGES = (
    # Two results of one order: the release let the second replace the first.
    (_sent("303", "20260601080000"), "2157-6", 1),
    (_sent("353", "20260603080000", sent="20260612100000"), "2157-6", None),
    # A correction under another code: the release made a second result of it.
    (_sent("930", "20260603080000", status="C", code="CK^CK^L^2157-6^CK^LN", sent="20260613100000"), "CK", None),
)


def _as_the_release_stored(sqlite_url: str, folder: Path) -> list[dict[str, Any]]:
    """The results of the messages in the spelling of 0.1.0."""
    engine = engine_for(sqlite_url)
    with writing(engine) as session:
        session.add(Patient(mrn=RELEASE["tables"]["patient"][0]["mrn"], created_at=NOW, updated_at=NOW))
    path = folder / "all.hl7"
    path.write_text("".join(text for text, _, _ in MESSAGES))
    import_paths(engine, [path], timezone="Europe/Berlin", by="nora", now=NOW)
    made = sorted(_all(engine, Observation), key=lambda one: one.received_at)
    engine.dispose()
    rows = []
    for number, (one, (_, code, replaced)) in enumerate(zip(made, MESSAGES, strict=True)):
        closed = None if replaced is None else made[number + replaced].received_at
        rows.append(
            {
                "id": 900 + number, "patient_id": RELEASE["tables"]["patient"][0]["id"], "sender": one.sender,
                "source_id": f"F40^LAB/{code}", "identity": f"id:{one.sender}:ck:F40^LAB/{code}",
                "content": one.content.hex() + "0" * 16, "value": one.value, "value_sent": "", "unit_sent": "",
                "upper_limit": one.upper_limit, "lower_limit": one.lower_limit, "status": one.status,
                "effective_at": _plainly(one.effective_at), "effective_on": one.effective_on.isoformat(),
                "received_at": _plainly(one.received_at), "received_on": one.received_on.isoformat(),
                "known_to": None if closed is None else _plainly(closed), "batch_id": None,
            }
        )  # fmt: skip
    return rows


def _plainly(moment: dt.datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ")


def test_results_of_messages_are_recognised_and_told_apart_as_from_now_on(
    empty_database_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    fill_first_release(empty_database_url, {"observation": _as_the_release_stored(sqlite_url, tmp_path)})
    upgrade(empty_database_url)
    engine = engine_for(empty_database_url)
    mine = [one for one in _all(engine, Observation) if one.id >= 900]
    assert [(one.value, one.known_to is None, one.source_id) for one in mine] == [
        (303, True, "F40^LAB"), (353, False, "F40^LAB"), (930, True, "F40^LAB"),
    ]  # fmt: skip
    total = import_paths(engine, [tmp_path / "all.hl7"], timezone="Europe/Berlin", by="nora", now=NOW).total
    assert (total.read, total.unchanged) == (3, 3)
    engine.dispose()


def test_results_of_resources_are_recognised_and_told_apart_as_from_now_on(
    empty_database_url: str, tmp_path: Path
) -> None:
    def sent(value: float, at: str, status: str = "final") -> dict[str, Any]:
        return {
            "resourceType": "Observation", "status": status, "issued": f"2026-06-{10 + int(value) // 100}T11:00:00Z",
            "identifier": [{"system": "urn:lab", "value": "F40"}], "effectiveDateTime": at,
            "subject": {"identifier": {"system": "urn:h", "value": RELEASE["tables"]["patient"][0]["mrn"]}},
            "code": {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]},
            "valueQuantity": {"value": value, "unit": "U/L"},
        }  # fmt: skip

    # The release let the second replace the first; the third corrects the second.
    told = [
        sent(300, "2026-06-01T08:00:00Z"), sent(400, "2026-06-03T08:00:00Z"),
        sent(500, "2026-06-03T08:00:00Z", "corrected"),
    ]  # fmt: skip
    moments = ["2026-06-13 11:00:00.000000", "2026-06-14 11:00:00.000000", "2026-06-15 11:00:00.000000", None]
    rows = [
        {
            "id": 900 + number, "patient_id": RELEASE["tables"]["patient"][0]["id"], "sender": "fhir",
            "source_id": "urn:lab|F40", "identity": "id:fhir:ck:urn:lab|F40", "content": f"{number:048x}",
            "value": one["valueQuantity"]["value"], "value_sent": "", "unit_sent": "", "upper_limit": None,
            "lower_limit": None, "status": one["status"],
            "effective_at": one["effectiveDateTime"][:19].replace("T", " "),
            "effective_on": one["effectiveDateTime"][:10], "received_at": moments[number],
            "received_on": str(moments[number])[:10], "known_to": moments[number + 1], "batch_id": None,
        }
        for number, one in enumerate(told)
    ]  # fmt: skip
    fill_first_release(empty_database_url, {"observation": rows})
    upgrade(empty_database_url)
    engine = engine_for(empty_database_url)
    mine = [one for one in _all(engine, Observation) if one.id >= 900]
    assert [(one.value, one.known_to is None) for one in mine] == [(300, True), (400, False), (500, True)]
    assert len({bytes(one.identity) for one in mine}) == 2
    path = tmp_path / "again.json"
    path.write_text(
        json.dumps(told[2] | {"issued": "2026-06-20T11:00:00Z", "valueQuantity": {"value": 510, "unit": "U/L"}})
    )
    total = import_paths(engine, [path], timezone="Europe/Berlin", by="nora", now=NOW).total
    assert (total.read, total.updated) == (1, 1)
    engine.dispose()

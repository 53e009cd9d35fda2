"""The interfaces on PostgreSQL: the same questions, the same answers."""

from collections.abc import Iterator

import pytest

from models.accounts import add_user
from models.database import engine_for, writing
from models.settings import Settings
from tests.dashboard.conftest import NOW, TOKEN, Clinic, Clock, fill

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def on_postgresql(postgres_url: str, clock: Clock) -> Iterator[Clinic]:
    from dashboard.app import create_app

    engine = engine_for(postgres_url)
    with writing(engine) as session:
        add_user(session, "lab", "service", TOKEN, now=NOW)
        known = fill(session)
    settings = Settings(database_url=postgres_url, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    yield Clinic(create_app(settings, engine, clock=clock), engine, clock, known)
    engine.dispose()


@pytest.mark.postgres
def test_searches_metrics_cards_and_bundles_work_on_postgresql_too(on_postgresql: Clinic) -> None:
    client = on_postgresql.app.server.test_client()
    totals = {}
    for path in (
        "Patient?family=kar&_lastUpdated=ge2026-11-22",
        "Observation?patient=0012&code=cmas-total&date=ge2026-11-01&_id=1,2",
        "MedicationStatement?status=active,completed&patient=0012",
        "DetectedIssue?_lastUpdated=ge2026-11-22",
        "Flag?_lastUpdated=ge2026-11-22",
    ):
        answer = client.get(f"/fhir/R4/{path}", headers=BEARER)
        assert answer.status_code == 200, answer.text
        totals[path.partition("?")[0]] = answer.json["total"]
    assert totals == {"Patient": 1, "Observation": 2, "MedicationStatement": 0, "DetectedIssue": 4, "Flag": 2}
    assert 'state="open"} 2' in client.get("/metrics", headers=BEARER).text
    hook = {"hook": "patient-view", "hookInstance": "i", "context": {"patientId": "0012"}}
    assert client.post("/cds-services/myopanel-patient-view", json=hook, headers=BEARER).json["cards"]
    patient = {"resourceType": "Patient", "id": "P1", "gender": "female"}
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient}]}
    answer = client.post("/fhir/R4", json=sent, headers=BEARER)
    assert [one["response"]["status"] for one in answer.json["entry"]] == ["201 Created"]

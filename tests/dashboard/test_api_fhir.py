"""FHIR over HTTP: who may, what is served, paging, and a Bundle that comes in."""

import datetime as dt
import json
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.database import writing
from models.import_batch import ImportBatch
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.user import AuditEvent
from tests.dashboard.conftest import TOKEN, Clinic, csrf_of

BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASE = "/fhir/R4"
READ = ["metadata", "Patient", "Observation", "MedicationStatement", "DetectedIssue", "Flag", "Patient/0012"]

Resource = dict[str, Any]


def get(clinic: Clinic, path: str, status: int = 200) -> Any:
    answer = clinic.client().get(f"{BASE}/{path}", headers=BEARER)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/fhir+json"
    return answer.json


def post(clinic: Clinic, body: Any, status: int = 200) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = clinic.client().post(BASE, data=content, headers=BEARER, content_type="application/fhir+json")
    assert answer.status_code == status, answer.text
    return answer.json


def resources(bundle: Any) -> list[Resource]:
    assert bundle["type"] == "searchset"
    return [entry["resource"] for entry in bundle["entry"]]


def bundle(*entries: Resource, kind: str = "batch") -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in entries]}


def person(mrn: str = "P1") -> Resource:
    return {"resourceType": "Patient", "id": mrn, "identifier": [{"value": mrn}], "gender": "female"}


def ck(value: float = 410, unit: str = "U/L", mrn: str = "P1", **more: Any) -> Resource:
    return {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": f"Patient/{mrn}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]},
        "valueQuantity": {"value": value, "unit": unit}, "effectiveDateTime": "2026-11-20",
        "referenceRange": [{"high": {"value": 200}}], **more,
    }  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- who


@pytest.mark.parametrize("path", READ)
def test_nobody_reads_without_signing_in(filled: Clinic, path: str) -> None:
    answer = filled.client().get(f"{BASE}/{path}")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="myopanel"')
    wrong = filled.client().get(f"{BASE}/{path}", headers={"Authorization": "Bearer guessed"})
    assert wrong.status_code == 401


@pytest.mark.parametrize("path", READ)
def test_a_machine_and_a_signed_in_person_read(filled: Clinic, path: str) -> None:
    get(filled, path)
    assert filled.client("vera").get(f"{BASE}/{path}").status_code == 200


def test_a_person_does_not_send(filled: Clinic) -> None:
    client = filled.client("ada")
    headers = {"X-CSRFToken": csrf_of(client)}
    assert client.post(BASE, json=bundle(person()), headers=headers).status_code == 403
    assert filled.client().post(BASE, json=bundle(person())).status_code == 401


# ------------------------------------------------------------------------------------------------------------- reading


def test_a_patient_is_found_by_record_number_and_read_by_id(filled: Clinic) -> None:
    found = resources(get(filled, "Patient?identifier=urn:myopanel:mrn|0012"))
    assert [one["id"] for one in found] == ["0012"]
    assert found[0]["name"] == [{"family": "Karst", "given": ["Ada"]}]
    assert get(filled, "Patient/0012") == found[0]
    assert resources(get(filled, "Patient?family=KAR&gender=female")) == found
    assert resources(get(filled, "Patient?family=%25")) == []


def test_results_are_searched_by_patient_code_and_date(filled: Clinic) -> None:
    found = resources(get(filled, "Observation?patient=Patient/0012&code=cmas-total"))
    assert [one["valueQuantity"]["value"] for one in found] == [27, 20]
    assert found[0]["performer"] == [{"display": "PT Lind"}]
    assert len(resources(get(filled, "Observation?patient.identifier=0012&date=ge2026-11-19"))) == 1
    assert resources(get(filled, "Observation?patient=0044")) == []
    assert resources(get(filled, "Observation?code=2157-6")) == []
    assert resources(get(filled, "Observation?category=laboratory")) == []


def test_pages_follow_each_other_without_gap_or_repeat(filled: Clinic) -> None:
    seen: list[str] = []
    path = "Patient?_count=2"
    while path:
        page = get(filled, path)
        assert page["total"] == 5
        seen += [one["id"] for one in resources(page)]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        path = following.partition(f"{BASE}/")[2]
    assert seen == ["0012", "0044", "0050", "0060", "0099"]
    assert get(filled, "Patient?_summary=count")["entry"] == []


def test_running_alerts_of_active_patients_are_issues_and_flags(filled: Clinic) -> None:
    issues = resources(get(filled, "DetectedIssue"))
    assert {one["patient"]["identifier"]["value"] for one in issues} == {"0012", "0044"}
    worst = next(one for one in issues if one["code"]["coding"][0]["code"] == "declining-strength")
    assert (worst["severity"], worst["extension"][0]["valueCode"]) == ("high", "open")
    evidence = worst["evidence"][0]["detail"][0]["reference"]
    assert get(filled, evidence)["resourceType"] == "Observation"
    flags = resources(get(filled, "Flag"))
    assert [one["id"] for one in flags] == ["0012", "0044"]
    assert "1 urgent, 2 action (3 open)" in flags[0]["code"]["text"]
    assert "27" not in flags[0]["code"]["text"]


def test_last_updated_finds_what_changed(filled: Clinic) -> None:
    for kind in ("Patient", "Observation", "DetectedIssue", "Flag"):
        assert resources(get(filled, f"{kind}?_lastUpdated=ge2026-11-22"))
        assert resources(get(filled, f"{kind}?_lastUpdated=gt2026-11-22")) == []


def test_reading_is_on_record_for_each_patient_shown(filled: Clinic) -> None:
    get(filled, "Patient?_count=2")
    with Session(filled.engine) as session:
        noted = session.exec(select(AuditEvent).where(col(AuditEvent.action) == "read patient")).all()
    assert [one.patient_id for one in noted] == [filled.patients["0012"], filled.patients["0044"]]
    assert {(one.by, one.detail) for one in noted} == {("lab", "FHIR Patient")}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Patient/9999", 404),
        ("Patient/%2e%2e", 404),
        ("Patient/a b", 404),
        ("Observation/999999999999999999999", 404),
        ("Observation/x", 404),
        ("Encounter", 404),
        ("Encounter/1", 404),
        ("Patient?shoe-size=42", 400),
        ("Patient?_count=-1", 400),
        ("Patient?_count=x", 400),
        ("Patient?birthdate=2014-02-31", 400),
        ("Observation?date=ge2026-13", 400),
        ("Observation?date=yesterday", 400),
        ("Observation?date=2026-01-01Tnoon", 400),
        ("Observation?date=9999-12-31", 400),
        ("Flag?_after=x", 400),
    ],
)
def test_a_wrong_question_is_answered_with_an_outcome(filled: Clinic, path: str, status: int) -> None:
    assert get(filled, path, status)["resourceType"] == "OperationOutcome"


# -------------------------------------------------------------------------------------------------------------- sending


def test_a_batch_is_taken_over_entry_by_entry(clinic: Clinic) -> None:
    sent = bundle(ck(), person(), ck(id="o2", unit=""), {"resourceType": "Encounter"}, ck(id="o3", status="draft"))
    answer = post(clinic, sent)
    assert answer["type"] == "batch-response"
    assert [one["response"]["status"] for one in answer["entry"]] == [
        "201 Created", "201 Created", "202 Accepted", "200 OK", "422 Unprocessable Entity",
    ]  # fmt: skip
    told = answer["entry"][2]["response"]["outcome"]["issue"][1]
    assert (told["severity"], told["expression"]) == ("information", ["Bundle.entry[2].resource.valueQuantity.unit"])
    with Session(clinic.engine) as session:
        one = session.exec(select(Observation)).one()
        assert (one.value, one.upper_limit, one.sender) == (410, 200, "fhir:lab")
        batch = session.exec(select(ImportBatch)).one()
        assert (batch.read, batch.created, batch.waiting, batch.rejected, batch.by) == (4, 2, 1, 1, "lab")
    again = post(clinic, sent)
    assert [one["response"]["status"] for one in again["entry"]] == [
        "200 OK", "200 OK", "200 OK", "200 OK", "422 Unprocessable Entity",
    ]  # fmt: skip


def test_the_same_bundle_again_changes_nothing_and_a_correction_updates(clinic: Clinic) -> None:
    post(clinic, bundle(person(), ck()))
    again = post(clinic, bundle(person(), ck()))
    assert [one["response"]["status"] for one in again["entry"]] == ["200 OK", "200 OK"]
    corrected = post(clinic, bundle(ck(41, status="corrected")))
    assert corrected["entry"][0]["response"]["status"] == "200 OK"
    found = resources(get(clinic, "Observation?patient=P1"))
    assert [(one["id"], one["valueQuantity"]["value"], one["status"]) for one in found] == [("1", 41, "corrected")]
    assert found[0]["meta"]["versionId"] == "2"
    # Whichever version's id somebody kept, it leads to what is believed now.
    assert get(clinic, "Observation/1") == get(clinic, "Observation/2") == found[0]


def test_a_transaction_is_taken_over_whole_or_not_at_all(clinic: Clinic) -> None:
    answer = post(clinic, bundle(person(), ck(), ck(id="o2", unit=""), kind="transaction"), 422)
    assert [one["expression"] for one in answer["issue"]] == [["Bundle.entry[2].resource.valueQuantity.unit"]]
    with Session(clinic.engine) as session:
        assert session.exec(select(Patient)).all() == []
        assert "1 of 3" in session.exec(select(AuditEvent.detail).where(AuditEvent.action == "import refused")).one()
    good = post(clinic, bundle(person(), ck(), kind="transaction"))
    assert good["type"] == "transaction-response"
    assert [one["response"]["status"] for one in good["entry"]] == ["201 Created", "201 Created"]


def test_what_is_served_can_be_sent_back_and_is_the_same(clinic: Clinic) -> None:
    facts = [
        person(), ck(), ck(value=3, comparator="<", id="o2", effectiveDateTime="2026-11-21"),
        ck(id="o3", valueQuantity=None, status="final", dataAbsentReason={"coding": [{"code": "not-performed"}]}),
        ck(id="o4", code={"coding": [{"code": "cmas-total"}]}, valueQuantity={"value": 27, "unit": "{score}"},
           referenceRange=[]),
        ck(14, "ng/L", id="o5", code={"coding": [{"system": "http://loinc.org", "code": "67151-1"}]}),
        ck(id="o6", code={"coding": [{"system": "http://loinc.org", "code": "5196-1"}]}, referenceRange=[],
           valueQuantity=None, valueCodeableConcept={"text": "Negative"}),
        {
            "resourceType": "MedicationStatement", "id": "m1", "status": "active",
            "subject": {"reference": "Patient/P1"}, "medicationCodeableConcept": {"text": "methotrexate"},
            "effectivePeriod": {"start": "2026-10-01"},
            "dosage": [{
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}, "route": {"text": "sc"},
                "doseAndRate": [{"doseQuantity": {"value": 15, "unit": "mg"}}],
            }],
        },
    ]  # fmt: skip
    assert [one["response"]["status"] for one in post(clinic, bundle(*facts))["entry"]] == ["201 Created"] * len(facts)
    kinds = ("Patient", "Observation", "MedicationStatement")
    served = [one for kind in kinds for one in resources(get(clinic, kind))]
    assert len(served) == len(facts)

    def content() -> list[tuple[Any, ...]]:
        with Session(clinic.engine) as session:
            results = session.exec(select(Observation).where(col(Observation.sender) == sender)).all()
            drugs = session.exec(select(MedicationStatement).where(col(MedicationStatement.sender) == sender)).all()
            columns = ("measure", "value", "comparator", "unit", "upper_limit", "status", "effective_at", "max_value")
            doses = ("drug", "dose", "unit", "frequency", "route", "start_on", "end_on", "status")
            return [tuple(getattr(one, name) for name in columns) for one in results] + [
                tuple(getattr(one, name) for name in doses) for one in drugs
            ]

    sender = "fhir:lab"
    first = content()
    with writing(clinic.engine) as session:
        from models.accounts import add_user

        add_user(session, "other", "service", "another-token", now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
    answer = clinic.client().post(BASE, json=bundle(*served), headers={"Authorization": "Bearer another-token"})
    assert [one["response"]["status"] for one in answer.json["entry"]] == ["200 OK"] + ["201 Created"] * 7
    sender = "fhir:other"
    assert content() == first


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"5", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000, 400),
        ({"resourceType": "Patient"}, 400),
        ({"resourceType": "Bundle", "entry": 5}, 400),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle"}}]}, 400),
        ({"resourceType": "Bundle"}, 200),
        ({"resourceType": "Bundle", "entry": [None, 5, "x", [], {}]}, 200),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{}]}, 422),
        (bundle(ck(mrn="\x00")), 200),
        (bundle(ck(value=1e300)), 200),
        (bundle(person("x" * 300)), 200),
    ],
)
def test_malformed_input_is_told_and_never_a_fault_of_ours(clinic: Clinic, body: Any, status: int) -> None:
    answer = post(clinic, body, status)
    assert answer["resourceType"] == ("Bundle" if status == 200 else "OperationOutcome")


def test_xml_is_not_read(clinic: Clinic) -> None:
    answer = clinic.client().post(BASE, data=b"<Bundle/>", headers=BEARER, content_type="application/fhir+xml")
    assert (answer.status_code, answer.json["resourceType"]) == (415, "OperationOutcome")


def test_a_record_number_that_is_no_fhir_id_is_served_under_another(clinic: Clinic) -> None:
    post(clinic, bundle({"resourceType": "Patient", "identifier": [{"value": "Ä 7/8"}]}))
    served = resources(get(clinic, "Patient"))[0]
    assert (served["id"], served["identifier"][0]["value"]) == ("myopanel-1", "Ä 7/8")
    assert get(clinic, "Patient/myopanel-1") == served

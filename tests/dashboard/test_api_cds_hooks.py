"""CDS Hooks: discovery, cards where the patient is open, drafts that do not go together, feedback."""

import datetime as dt
from typing import Any

import pytest
from sqlmodel import Session, col, select

from dashboard.api.cds_hooks import ORDER_SELECT, PATIENT_VIEW, shortened
from models.alert import AlertEvent
from models.alert_lifecycle import acknowledge
from models.database import writing
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.user import AuditEvent
from models.vocabulary import answers
from tests.dashboard.conftest import NOW, TODAY, TOKEN, Clinic, csrf_of, days

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def hook(clinic: Clinic, service: str, context: Any, status: int = 200, **more: Any) -> Any:
    name = "patient-view" if service == PATIENT_VIEW else "order-select"
    body = {"hook": name, "hookInstance": "i-1", "context": context, **more}
    answer = clinic.client().post(f"/cds-services/{service}", json=body, headers=BEARER)
    assert answer.status_code == status, answer.text
    return answer.json


def cards(clinic: Clinic, mrn: str = "0012", **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hook(clinic, PATIENT_VIEW, {"userId": "u", "patientId": mrn}, **more)["cards"]
    return found


def give(clinic: Clinic, drug: str, start: dt.date, mrn: str = "0060", **more: Any) -> None:
    with writing(clinic.engine) as session:
        session.add(
            MedicationStatement(
                patient_id=clinic.patients[mrn], drug=drug, dose=more.pop("dose", 15), unit="mg", start_on=start,
                frequency=more.pop("frequency", "weekly"), received_at=NOW, received_on=TODAY, imported_at=NOW,
                sender="csv", identity=f"{drug}-{mrn}", content="x", **more,
            )
        )  # fmt: skip


def drafts(*orders: dict[str, Any], mrn: str = "0060", selections: list[str] | None = None) -> dict[str, Any]:
    entries = [{"resource": {"id": f"d{number}", "status": "draft", **one}} for number, one in enumerate(orders)]
    chosen = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries]
    bundle = {"resourceType": "Bundle", "entry": entries}
    return {
        "userId": "u", "patientId": mrn, "draftOrders": bundle,
        "selections": chosen if selections is None else selections,
    }  # fmt: skip


def request(drug: str) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": drug}}


EXCHANGE = {"resourceType": "ServiceRequest", "code": {"text": "Plasma exchange"}}


def test_only_a_machine_calls_and_only_the_known_discover(filled: Clinic) -> None:
    assert filled.client().get("/cds-services").status_code == 401
    assert filled.client().post(f"/cds-services/{PATIENT_VIEW}", json={}).status_code == 401
    assert filled.client().post(f"/cds-services/{PATIENT_VIEW}/feedback", json={}).status_code == 401
    person = filled.client("nora")
    headers = {"X-CSRFToken": csrf_of(person)}
    assert person.post(f"/cds-services/{PATIENT_VIEW}", json={}, headers=headers).status_code == 403
    listed = filled.client().get("/cds-services", headers=BEARER).json["services"]
    assert {one["hook"] for one in listed} == {"patient-view", "order-select"}
    assert all({"hook", "id", "description", "prefetch"} <= set(one) for one in listed)


def test_open_alerts_and_suggestions_are_cards_the_most_urgent_first(filled: Clinic) -> None:
    found = cards(filled)
    assert found[0]["indicator"] == "critical"
    order = ["critical", "warning", "info"]
    assert [order.index(one["indicator"]) for one in found] == sorted(order.index(one["indicator"]) for one in found)
    alerts = [one for one in found if one["uuid"].startswith("alert-")]
    assert len(alerts) == 3
    for one in found:
        assert 0 < len(one["summary"]) < 140
        assert one["source"]["label"].startswith("Myopanel")
        assert "suggestions" not in one
        assert {reason["code"] for reason in one["overrideReasons"]} <= set(answers())
    strength = next(one for one in alerts if "CMAS" in one["summary"])
    assert "repeat the CMAS" in strength["detail"]


def test_what_was_acknowledged_is_not_in_the_way(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        for alert_id in filled.alert_ids("overdue-labs"):
            acknowledge(session, alert_id, "nora", today=TODAY, now=NOW)
    found = [one["uuid"] for one in cards(filled) if one["uuid"].startswith("alert-")]
    assert found == [f"alert-{filled.alert_ids('declining-strength')[0]}"]


def test_the_record_number_of_the_prefetched_patient_counts(filled: Clinic) -> None:
    fetched = {"resourceType": "Patient", "id": "ehr-7", "identifier": [{"value": "0012"}]}
    assert cards(filled, "ehr-7", prefetch={"patient": fetched})
    assert cards(filled, "ehr-7") == []
    context = {"patientId": "0044"}
    assert "not the patient" in hook(filled, PATIENT_VIEW, context, 400, prefetch={"patient": fetched})["error"]


@pytest.mark.parametrize("mrn", ["0099", "7777"])
def test_who_has_left_or_is_not_ours_has_no_card(filled: Clinic, mrn: str) -> None:
    assert cards(filled, mrn) == []


def test_showing_cards_is_on_record(filled: Clinic) -> None:
    cards(filled)
    with Session(filled.engine) as session:
        noted = session.exec(select(AuditEvent).where(col(AuditEvent.action) == "read patient")).one()
    assert (noted.by, noted.patient_id, noted.detail) == ("lab", filled.patients["0012"], "CDS Hooks patient-view")


def test_co_trimoxazole_ordered_beside_methotrexate_is_critical(filled: Clinic) -> None:
    give(filled, "methotrexate", days(-100))
    found = hook(filled, ORDER_SELECT, drafts(request("Co-trimoxazole")))["cards"]
    assert [(one["indicator"], one["uuid"]) for one in found] == [
        ("critical", f"order-{filled.patients['0060']}-review-methotrexate-with-trimethoprim")
    ]
    assert "suggestions" not in found[0]


def test_both_drugs_among_the_drafts_are_found_too(filled: Clinic) -> None:
    context = drafts(request("MTX"), request("co-trimoxazole"), selections=["MedicationRequest/d1"])
    assert len(hook(filled, ORDER_SELECT, context)["cards"]) == 1


@pytest.mark.parametrize(
    ("repeat", "cards"),
    [
        ({"frequency": 1, "period": 1, "periodUnit": "wk"}, []),
        ({"dayOfWeek": ["mon"]}, []),
        ({"frequency": 1, "period": 1, "periodUnit": "d"}, ["check-methotrexate-frequency"]),
        ({"frequency": 2, "period": 1, "periodUnit": "wk"}, ["check-methotrexate-frequency"]),
        (None, []),
    ],
)
def test_a_draft_is_judged_by_its_own_rhythm(filled: Clinic, repeat: Any, cards: list[str]) -> None:
    timing = [] if repeat is None else [{"timing": {"repeat": repeat}}]
    found = hook(filled, ORDER_SELECT, drafts(request("methotrexate") | {"dosageInstruction": timing}))["cards"]
    told = [one["uuid"].split("-", 2)[2] for one in found]
    assert [one for one in told if "frequency" in one] == cards


def test_a_drafts_contained_medication_is_read(filled: Clinic) -> None:
    give(filled, "methotrexate", days(-100))
    order = {
        "resourceType": "MedicationRequest", "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "co-trimoxazole"}}],
    }  # fmt: skip
    found = hook(filled, ORDER_SELECT, drafts(order))["cards"]
    assert [one["uuid"].split("-", 2)[2] for one in found] == ["review-methotrexate-with-trimethoprim"]


def test_plasma_exchange_ordered_after_immunoglobulin_is_told(filled: Clinic) -> None:
    give(filled, "ivig", days(-5), frequency="once", dose=60, route="iv", intent="infusion")
    found = hook(filled, ORDER_SELECT, drafts(EXCHANGE))["cards"]
    assert [one["uuid"].split("-", 2)[2] for one in found] == ["exchange-before-ivig"]
    give(filled, "ivig", days(-60), mrn="0050", frequency="once", dose=60, route="iv", intent="infusion")
    assert hook(filled, ORDER_SELECT, drafts(EXCHANGE, mrn="0050"))["cards"] == []


def test_an_order_that_goes_with_everything_or_is_not_selected_says_nothing(filled: Clinic) -> None:
    give(filled, "methotrexate", days(-100))
    assert hook(filled, ORDER_SELECT, drafts(request("Paracetamol"), EXCHANGE))["cards"] == []
    assert hook(filled, ORDER_SELECT, drafts(request("co-trimoxazole"), selections=[]))["cards"] == []
    with Session(filled.engine) as session:
        assert session.exec(select(ClinicalEvent)).all() == []


def test_feedback_is_kept_with_the_alert_and_acknowledges_nothing(filled: Clinic) -> None:
    alert_id = filled.alert_ids("declining-strength")[0]
    suggestion = next(one["uuid"] for one in cards(filled) if one["uuid"].startswith("suggestion-"))
    told = [
        {
            "card": f"alert-{alert_id}",
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "disagree"}, "userComment": "measured by somebody else"},
        },
        {"card": suggestion, "outcome": "accepted", "acceptedSuggestions": []},
    ]
    url = f"/cds-services/{PATIENT_VIEW}/feedback"
    assert filled.client().post(url, json={"feedback": told}, headers=BEARER).status_code == 200
    with Session(filled.engine) as session:
        kept = session.exec(select(AlertEvent).where(col(AlertEvent.event) == "card overridden")).one()
        assert (kept.alert_id, kept.by, kept.reason) == (alert_id, "lab", "disagree")
        assert kept.note == "measured by somebody else"
        details = session.exec(select(AuditEvent.detail).where(AuditEvent.action == "CDS Hooks feedback")).all()
    assert sorted(details)[-1] == "declining-strength: overridden (disagree)" or len(details) == 2
    assert any(one["uuid"] == f"alert-{alert_id}" for one in cards(filled))


def test_feedback_that_is_sent_again_is_taken_once_and_a_later_answer_is_another(filled: Clinic) -> None:
    url = f"/cds-services/{PATIENT_VIEW}/feedback"
    alert_id = filled.alert_ids("declining-strength")[0]

    def tell(*moments: str | None) -> int:
        told = [
            {"card": f"alert-{alert_id}", "outcome": "accepted"} | ({} if at is None else {"outcomeTimestamp": at})
            for at in moments
        ]
        assert filled.client().post(url, json={"feedback": told}, headers=BEARER).status_code == 200
        with Session(filled.engine) as session:
            return len(session.exec(select(AlertEvent).where(col(AlertEvent.event) == "card accepted")).all())

    assert tell("2026-11-22T07:00:00Z") == 1
    assert tell("2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z") == 1
    assert tell("2026-11-22T09:00:00Z") == 2
    assert (tell(None), tell(None)) == (3, 3)
    filled.clock.forward(days=1)
    assert tell(None) == 4


@pytest.mark.parametrize(
    "told",
    [
        None, 5, {}, [5], [{}], [{"card": "alert-1"}], [{"card": "alert-99999", "outcome": "accepted"}],
        [{"card": "x", "outcome": "accepted"}], [{"card": "suggestion-1-nothing", "outcome": "accepted"}],
        [{"card": 5, "outcome": "accepted"}],
        [{"card": "alert-1", "outcome": "overridden", "overrideReason": {"reason": {"code": "because"}}}],
        [{"card": "alert-1", "outcome": "accepted"}, {"card": "x", "outcome": "accepted"}],
    ],
)  # fmt: skip
def test_malformed_feedback_is_refused_and_leaves_nothing(filled: Clinic, told: Any) -> None:
    url = f"/cds-services/{PATIENT_VIEW}/feedback"
    answer = filled.client().post(url, json={"feedback": told}, headers=BEARER)
    assert (answer.status_code, list(answer.json)) == (400, ["error"])
    with Session(filled.engine) as session:
        assert session.exec(select(AlertEvent).where(col(AlertEvent.event).startswith("card"))).all() == []


@pytest.mark.parametrize(
    ("service", "body", "status"),
    [
        ("nothing", b"{}", 404),
        (PATIENT_VIEW, b"", 400),
        (PATIENT_VIEW, b"[]", 400),
        (PATIENT_VIEW, b"{}", 400),
        (PATIENT_VIEW, b'{"hook": "order-select", "hookInstance": "i", "context": {}}', 400),
        (PATIENT_VIEW, b'{"hook": "patient-view", "context": {"patientId": "1"}}', 400),
        (PATIENT_VIEW, b'{"hook": "patient-view", "hookInstance": "i", "context": {}}', 400),
        (PATIENT_VIEW, b'{"hook": "patient-view", "hookInstance": "i", "context": {"patientId": 5}}', 400),
        (ORDER_SELECT, b'{"hook": "order-select", "hookInstance": "i", "context": {"patientId": "0012"}}', 400),
        (
            ORDER_SELECT,
            b'{"hook": "order-select", "hookInstance": "i", "context": {"patientId": "0012", "draftOrders":'
            b' {"entry": [5, {"resource": {"resourceType": "MedicationRequest", "medicationCodeableConcept": 5}},'
            b' {"resource": {"resourceType": "ServiceRequest", "code": [5]}}]}}}',
            200,
        ),
    ],
)
def test_a_malformed_hook_is_told(filled: Clinic, service: str, body: bytes, status: int) -> None:
    answer = filled.client().post(f"/cds-services/{service}", data=body, headers=BEARER)
    assert answer.status_code == status
    assert list(answer.json) == (["cards"] if status == 200 else ["error"])


def test_a_summary_is_cut_between_words() -> None:
    assert shortened("short") == "short"
    cut = shortened("word " * 60)
    assert len(cut) < 140
    assert cut.endswith("word…")

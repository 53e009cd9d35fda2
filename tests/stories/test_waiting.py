"""A laboratory's own codes through the command: they wait, are decided once, flow, and the alerts follow."""

import json
from pathlib import Path
from typing import Any

from tests.jobs.importers.conftest import result
from tests.stories.conftest import Clinic, day

SENDER = "hl7:LAB:H"


def _sent(clinic: Clinic, folder: Path, name: str, *messages: str, code: int = 0) -> Any:
    path = folder / name
    path.write_text("".join(messages))
    return clinic("import", path, "--format", "json", code=code).json()["total"]


def _troponin(value: str, offset: int) -> str:
    at = day(offset).replace("-", "") + "080000"
    own = {"code": "TNI7^Herzmuskelprobe^L", "unit": "ng/L", "limits": "0-16"}
    return result(value, at=at, sent=at, number=f"F{value}", **own)


def _waiting(clinic: Clinic, *options: object) -> Any:
    return clinic("waiting", "--format", "json", *options).json()


def _map(clinic: Clinic, *options: object, code: int = 0) -> Any:
    return clinic("map", "add", "--sender", SENDER, "--by", "nora", "--format", "json", *options, code=code)


def test_what_waits_is_listed_decided_once_flows_and_alerts_follow(clinic: Clinic, tmp_path: Path) -> None:
    clinic.people("M1", family_name="Doe")
    clinic.evaluate(0)
    total = _sent(clinic, tmp_path, "one.hl7", _troponin("480", -3), _troponin("520", -1))
    assert total == {"read": 2, "created": 0, "updated": 0, "unchanged": 0, "waiting": 2, "rejected": 0}
    assert _sent(clinic, tmp_path, "one.hl7", _troponin("480", -3), _troponin("520", -1))["unchanged"] == 2
    (one,) = _waiting(clinic)
    assert {key: one[key] for key in ("sender", "kind", "what", "count", "example")} == {
        "sender": SENDER, "kind": "code", "what": "TNI7", "count": 2, "example": "480 ng/L",
    }  # fmt: skip
    assert {"id", "first_at"} <= set(one)
    assert _waiting(clinic, "--kind", "unit") == []
    assert _waiting(clinic, "--sender", "hl7:OTHER") == []
    assert clinic.alerts() == []
    told = _map(clinic, "--kind", "code", "--what", "TNI7", "--to", "troponin_i", "--dry-run").json()
    assert (told["created"], len(told["facts"]), told["mapping"]) == (2, 2, None)
    assert len(_waiting(clinic)) == 1
    told = _map(clinic, "--kind", "code", "--what", "TNI7", "--to", "troponin_i").json()
    assert told["total"] == {"read": 2, "created": 2, "updated": 0, "unchanged": 0, "waiting": 0, "rejected": 0}
    assert _waiting(clinic) == []
    assert [(one["rule"], one["mrn"]) for one in clinic.alerts()] == [("raised-troponin", "M1")]
    (mapping,) = [one for one in clinic("map", "list", "--format", "json").json() if one["kind"] == "code"]
    assert (mapping["to"], mapping["by"], mapping["not_ours"]) == ("troponin_i", "nora", False)
    clinic("map", "remove", mapping["id"], "--by", "nora")
    assert _sent(clinic, tmp_path, "two.hl7", _troponin("530", 0))["waiting"] == 1


def test_what_is_not_ours_is_counted_and_leaves_the_list(clinic: Clinic, tmp_path: Path) -> None:
    clinic.people("M1")
    _sent(clinic, tmp_path, "one.hl7", result(code="GLU^Glukose^L"), result(patient="PID|1||X9^^^H^MR", number="F2"))
    assert [(one["kind"], one["what"]) for one in _waiting(clinic)] == [("code", "GLU"), ("patient", "X9^^^H")]
    _map(clinic, "--kind", "code", "--what", "GLU", "--not-ours")
    _map(clinic, "--kind", "patient", "--what", "*", "--not-ours")
    assert _waiting(clinic) == []
    assert _sent(clinic, tmp_path, "two.hl7", result(patient="PID|1||X8^^^H^MR", number="F3"))["unchanged"] == 1
    came = {one["what"]: one["came"] for one in clinic("map", "list", "--format", "json").json() if one["not_ours"]}
    assert came == {"GLU": 1, "*": 2}


def test_wrong_usage_of_the_map_changes_nothing_and_says_why(clinic: Clinic) -> None:
    clinic.people("M1")
    _map(clinic, "--kind", "code", "--what", "X", "--to", "nonsense", code=2)
    _map(clinic, "--kind", "patient", "--what", "7", "--to", "M9", code=2)
    _map(clinic, "--kind", "code", "--what", "X", code=2)
    clinic("map", "remove", "17", "--by", "nora", code=2)
    clinic("waiting", "--kind", "colour", code=2)
    assert clinic("map", "list", "--format", "json").json() == []


def test_a_folder_of_tables_counts_as_before(clinic: Clinic) -> None:
    total = clinic.load(patients=[{"mrn": "1"}])["total"]
    assert set(total) == {"read", "created", "updated", "unchanged", "rejected"}


def test_record_numbers_that_a_sender_merges_are_one_patient_until_it_is_undone(clinic: Clinic, tmp_path: Path) -> None:
    clinic.people("M1", "M2")
    _sent(clinic, tmp_path, "one.hl7", result("300", patient="PID|1||M2^^^H^MR"))
    merge = "MSH|^~\\&|LAB|H|MYO|H|20260601120000||ADT^A40|1|P|2.5.1\rPID|1||M1^^^H^MR\rMRG|M2^^^H^MR\r"
    assert _sent(clinic, tmp_path, "merge.hl7", merge)["updated"] == 1
    (one,) = clinic("merge", "list", "--format", "json").json()
    assert (one["former"], one["into"], one["undone_at"]) == ("M2", "M1", None)
    clinic("merge", "undo", one["id"], "--by", "nora")
    (one,) = clinic("merge", "list", "--format", "json").json()
    assert one["undone_by"] == "nora"
    clinic("merge", "undo", one["id"], "--by", "nora", code=2)


def test_fhir_waits_is_decided_and_flows_through_the_command(clinic: Clinic, tmp_path: Path) -> None:
    clinic.people("M1")
    sent = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": [{"code": "CKX"}]},
        "subject": {"identifier": {"system": "urn:h", "value": "M1"}}, "effectiveDateTime": day(-1),
        "valueQuantity": {"value": 412, "unit": "U/L"},
    }  # fmt: skip
    counted = _sent(clinic, tmp_path, "one.json", json.dumps(sent))
    assert counted == {"read": 1, "created": 0, "updated": 0, "unchanged": 0, "waiting": 1, "rejected": 0}
    assert _sent(clinic, tmp_path, "again.json", json.dumps(sent))["unchanged"] == 1
    (one,) = _waiting(clinic, "--sender", "fhir")
    assert (one["kind"], one["what"], one["example"]) == ("code", "CKX", "412 U/L")
    decided = ("--kind", "code", "--what", "CKX", "--to", "ck", "--by", "nora", "--format", "json")
    assert clinic("map", "add", "--sender", "fhir", *decided).json()["total"]["created"] == 1
    assert _waiting(clinic) == []

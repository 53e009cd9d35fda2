"""What waits, what was decided of it, and how it flows: on both databases."""

from typing import Any

import pytest
from sqlmodel import Session, select

from jobs.importers.load import import_paths
from jobs.importers.loading.flow import Wanted, decide, decisions_listed, preview, undecide
from jobs.importers.loading.report import ImportReport
from models.errors import ActionRefused
from models.patient import Patient
from models.user import AuditEvent
from models.waiting import SenderMapping, WaitingRow
from tests.jobs.importers.conftest import NOW, Laboratory, result

S = "hl7:LAB:H"
AS: dict[str, Any] = {"timezone": "Europe/Berlin", "by": "nora", "now": NOW}
OWN = "CKX^CK ultra^L"


def settle(laboratory: Laboratory, kind: str, what: str, to: str = "", **more: Any) -> ImportReport:
    return decide(laboratory.engine, Wanted(S, kind, what, to, **more), **AS)[1]


@pytest.mark.parametrize(
    ("sent", "kind", "what", "to", "more", "charted"),
    [
        (result(code=OWN), "code", "CKX", "ck", {}, ("ck", 412.0)),
        (result(code=OWN, unit=""), "code", "CKX", "ck", {"unit": "ukat/L"}, ("ck", 24720.0)),
        (result(code="2157-6^CKMB^LN"), "code", "2157-6 CKMB", "ck", {}, ("ck", 412.0)),
        (result(unit="E/L"), "unit", "ck E/L", "U/L", {}, ("ck", 412.0)),
        (result(unit="E/L"), "unit", "ck E/L", "ck", {"unit": "U/L"}, ("ck", 412.0)),
        (result(unit=""), "unit", "ck without unit", "U/L", {}, ("ck", 412.0)),
        (result("19.250"), "value", "point before three digits", "thousands", {}, ("ck", 19250.0)),
        (result("9.250", flag="", limits=""), "value", "point before three digits", "decimal", {}, ("ck", 9.25)),
        (result("too high"), "value", "ck too high", ">5000", {}, ("ck", 5000.0)),
        (result("haemolysed"), "value", "ck haemolysed", "not-done", {}, ("ck", None)),
        (result(patient="PID|1||77^^^H^MR||Doe"), "patient", "77^^^H", "M1", {}, ("ck", 412.0)),
        (
            result(patient="PID|1||M1^^^H^MR||Smith^Jane"), "patient", "M1^^^H: Smith Jane", "M1", {}, ("ck", 412.0),
        ),
    ],
)  # fmt: skip
def test_what_waits_flows_once_it_is_decided_and_what_comes_later_needs_no_decision(
    laboratory_on_both: Laboratory,
    sent: str,
    kind: str,
    what: str,
    to: str,
    more: dict[str, str],
    charted: tuple[str, float | None],
) -> None:
    laboratory = laboratory_on_both
    assert laboratory.send(sent).total.waiting == 1
    assert laboratory.send(sent).total.unchanged == 1
    assert laboratory.waiting() == [(kind, what, 1)]
    tried = preview(laboratory.engine, Wanted(S, kind, what, to, **more), **AS)
    assert (tried.total.read, tried.total.created, len(tried.seen)) == (1, 1, 1)
    assert (laboratory.charted(), laboratory.waiting()) == ([], [(kind, what, 1)])
    report = settle(laboratory, kind, what, to, **more)
    assert (report.total.read, report.total.created) == (1, 1)
    assert laboratory.waiting() == []
    (one,) = laboratory.charted()
    assert (one.measure, one.value) == charted
    assert laboratory.send(sent).total.unchanged == 1
    later = sent.replace("20260601", "20260701").replace("F1", "F9")
    assert laboratory.send(later).total.created == 1


def test_all_that_waited_flows_in_the_order_in_which_it_came(laboratory_on_both: Laboratory) -> None:
    laboratory = laboratory_on_both
    laboratory.send(result("300", code=OWN) + result("301", code=OWN, number="F2", at="20260602080000"))
    laboratory.send(result("310", code=OWN, status="C", sent="20260603110000"))
    laboratory.send(result("320", code=OWN, status="C", sent="20260604110000"))
    assert laboratory.waiting() == [("code", "CKX", 4)]
    report = settle(laboratory, "code", "CKX", "ck")
    assert (report.total.read, report.total.created, report.total.updated) == (4, 2, 2)
    assert laboratory.values() == [320, 301]
    assert report.patient_ids == [1]


def test_a_row_that_still_waits_after_a_decision_waits_for_the_next(laboratory_on_both: Laboratory) -> None:
    laboratory = laboratory_on_both
    laboratory.send(result(code=OWN, unit="E/L", patient="PID|1||77^^^H^MR"))
    assert laboratory.waiting() == [("patient", "77^^^H", 1)]
    assert settle(laboratory, "patient", "77^^^H", "M1").total.waiting == 1
    assert laboratory.waiting() == [("code", "CKX", 1)]
    assert settle(laboratory, "code", "CKX", "ck").total.waiting == 1
    assert laboratory.waiting() == [("unit", "ck E/L", 1)]
    assert settle(laboratory, "unit", "ck E/L", "U/L").total.created == 1
    assert laboratory.values() == [412]


@pytest.mark.parametrize(
    ("kind", "what"),
    [("code", "GLU"), ("code", "*"), ("patient", "77^^^H"), ("patient", "*"), ("patient", "*^^^H")],
)
def test_of_what_is_not_ours_nothing_is_kept_but_how_often_it_came(
    laboratory_on_both: Laboratory, kind: str, what: str
) -> None:
    laboratory = laboratory_on_both
    patient = "PID|1||77^^^H^MR||Secret^Person" if kind == "patient" else "PID|1||M1^^^H^MR"
    sent = [result(str(5 + n), code="GLU^Glucose^L", patient=patient, number=f"F{n}") for n in range(3)]
    laboratory.send(sent[0])
    report = settle(laboratory, kind, what, not_ours=True)
    assert (report.total.read, report.total.unchanged) == (1, 1)
    for one in sent:
        assert laboratory.send(one).total.unchanged == 1
    with Session(laboratory.engine) as session:
        rows = list(session.exec(select(WaitingRow)))
    assert len(rows) == 3
    assert all((one.sent, one.what, one.example, one.why, one.file) == ("", "", "", "", "") for one in rows)
    assert [one["came"] for one in decisions_listed(laboratory.engine) if one["not_ours"]] == [3]
    assert (laboratory.waiting(), laboratory.charted()) == ([], [])


def test_not_ours_for_all_unknown_spares_the_known_and_the_contradicting(laboratory: Laboratory) -> None:
    laboratory.send(result(number="F0", at="20260501080000"))
    settle(laboratory, "patient", "*", not_ours=True)
    settle(laboratory, "code", "*", not_ours=True)
    assert laboratory.send(result()).total.created == 1
    assert laboratory.send(result(number="F2", patient="PID|1||M1^^^H^MR||Smith^Bob")).total.waiting == 1
    assert laboratory.send(result(number="F3", code="2157-6^CKMB^LN")).total.waiting == 1
    assert laboratory.send(result(number="F4", patient="PID|1||88^^^H^MR")).total.waiting == 0


def test_a_decision_on_a_code_does_not_cover_a_name_that_means_another_test(laboratory: Laboratory) -> None:
    laboratory.send(result(code=OWN))
    settle(laboratory, "code", "CKX", "ck")
    assert laboratory.send(result(code="CKX^CK-MB^L", number="F2")).total.waiting == 1
    assert laboratory.waiting() == [("code", "CKX CK-MB", 1)]


def test_a_decision_of_one_sender_says_nothing_of_another(laboratory: Laboratory) -> None:
    laboratory.send(result(code=OWN))
    settle(laboratory, "code", "CKX", "ck")
    assert laboratory.send(result(code=OWN, sender="OTHER|H")).total.waiting == 1


def test_a_decision_that_ended_lets_later_rows_wait_and_leaves_what_flowed(laboratory_on_both: Laboratory) -> None:
    laboratory = laboratory_on_both
    laboratory.send(result(code=OWN))
    made, _ = decide(laboratory.engine, Wanted(S, "code", "CKX", "ck"), **AS)
    undecide(laboratory.engine, made.id or 0, by="nora", now=NOW)
    assert laboratory.values() == [412]
    assert laboratory.send(result(code=OWN, number="F2", at="20260701080000")).total.waiting == 1
    with pytest.raises(ActionRefused, match="no decision"):
        undecide(laboratory.engine, made.id or 0, by="nora", now=NOW)
    with Session(laboratory.engine) as session:
        kept = session.get(SenderMapping, made.id)
        told = list(session.exec(select(AuditEvent.action)))
    assert kept is not None
    assert (kept.by, kept.removed_by, told) == ("nora", "nora", ["map", "map removed"])


def test_what_was_not_ours_and_is_again_asked_about_waits_when_it_is_sent_again(laboratory: Laboratory) -> None:
    laboratory.send(result(code=OWN))
    made, _ = decide(laboratory.engine, Wanted(S, "code", "CKX", not_ours=True), **AS)
    undecide(laboratory.engine, made.id or 0, by="nora", now=NOW)
    assert laboratory.send(result(code=OWN)).total.waiting == 1
    assert settle(laboratory, "code", "CKX", "ck").total.created == 1


def test_the_same_decision_again_changes_nothing_and_another_is_refused(laboratory: Laboratory) -> None:
    laboratory.send(result(code=OWN))
    assert settle(laboratory, "code", "CKX", "ck").total.created == 1
    assert settle(laboratory, "code", "CKX", "ck").total.read == 0
    with pytest.raises(ActionRefused, match="decided otherwise"):
        settle(laboratory, "code", "CKX", "alt")


@pytest.mark.parametrize(
    ("kind", "what", "to", "more", "why"),
    [
        ("colour", "x", "y", {}, "known are"), ("code", "", "ck", {}, "what is to be decided"),
        ("code", "CKX", "", {}, "what it means"), ("code", "CKX", "ck", {"not_ours": True}, "not both"),
        ("code", "*", "ck", {}, "only be not ours"), ("code", "CKX", "nonsense", {}, "not a measure"),
        ("code", "CKX", "ck", {"unit": "mg/dL"}, "not a unit of ck"),
        ("unit", "ck E/L", "mg/dL", {}, "not a unit of ck"),
        ("unit", "ck E/L", "ck", {}, "which unit"), ("unit", "E/L", "U/L", {}, "measure unit"),
        ("patient", "77^^^H", "M99", {}, "on file"), ("patient", "*^^^H", "M1", {}, "are ours"),
        ("patient", "merge M2 into M1", "M2", {}, "number that holds"), ("value", "ck x", "many", {}, "a number"),
        ("value", "point before three digits", "maybe", {}, "decimal or thousands"),
        ("drug", "X", "gold dust", {}, "drug"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_refused_and_nothing_changes(
    laboratory: Laboratory, kind: str, what: str, to: str, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ActionRefused, match=why):
        settle(laboratory, kind, what, to, **more)
    assert decisions_listed(laboratory.engine) == []


def test_what_waited_for_a_patient_flows_when_the_patient_is_taken_on(laboratory_on_both: Laboratory) -> None:
    laboratory = laboratory_on_both
    laboratory.send(result(patient="PID|1||M9^^^H^MR||New^Person"))
    folder = laboratory.folder / "patients.csv"
    folder.write_text("mrn,family_name\nM9,New\nM10,Else\n")
    report = import_paths(laboratory.engine, [folder], timezone="Europe/Berlin", by="nora", now=NOW)
    assert "waiting" not in report.to_dict()["total"]
    assert any("could be taken over now" in one for one in report.warnings)
    assert (laboratory.values(), laboratory.waiting()) == ([412], [])
    with Session(laboratory.engine) as session:
        number = session.exec(select(Patient.id).where(Patient.mrn == "M9")).one()
    assert number in report.patient_ids


def test_a_dry_run_decides_learns_and_keeps_nothing(laboratory: Laboratory) -> None:
    report = laboratory.send(result("7.1") + result(code=OWN) * 2, dry_run=True)
    assert (report.total.created, report.total.waiting, report.total.unchanged) == (1, 1, 1)
    assert (laboratory.waiting(), decisions_listed(laboratory.engine), laboratory.charted()) == ([], [], [])


def test_the_report_of_messages_counts_what_waits_and_adds_up(laboratory: Laboratory) -> None:
    told = laboratory.send(result() + result(code=OWN, number="F2") + result(mode="T", number="F3")).to_dict()
    assert told["total"] == {"read": 3, "created": 1, "updated": 0, "unchanged": 0, "waiting": 1, "rejected": 1}
    assert all(set(one) == {"name", *told["total"]} for one in told["files"])

"""FHIR: what nobody decided yet waits, whose it is comes before what it says, and a decision lets it flow."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from jobs.importers.load import import_paths
from jobs.importers.loading.flow import Wanted, decide, decisions_listed, preview
from jobs.importers.loading.report import ImportReport
from models.medication import MedicationStatement
from models.patient import Patient
from models.waiting import WaitingRow
from tests.jobs.importers.conftest import NOW, Laboratory
from tests.jobs.importers.test_fhir_r4 import PREDNISONE, UCUM, Resource, observation, statement
from tests.jobs.importers.test_fhir_r4 import bundle as of_resources

AS: dict[str, Any] = {"timezone": "Europe/Berlin", "by": "nora", "now": NOW}
M1 = {"identifier": {"system": "urn:h", "value": "M1"}}
LOINC = "http://loinc.org"
Change = Callable[[Resource], Resource]


def jane(mrn: str = "M1", system: str = "urn:h", **more: Any) -> Resource:
    return {
        "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1980-02-29",
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "system": system, "value": mrn}],
        "name": [{"family": "Doe", "given": ["Jane"]}], **more,
    }  # fmt: skip


def ck(value: Any = 412, subject: Resource = M1, **more: Any) -> Resource:
    return observation(value=value, subject=subject, **more)


def bring(laboratory: Laboratory, *resources: Resource, **options: Any) -> ImportReport:
    path = laboratory.folder / f"sent-{len(list(laboratory.folder.iterdir()))}.json"
    path.write_text(json.dumps(of_resources(*resources)))
    return laboratory.bring(path, **options)


def settle(laboratory: Laboratory, kind: str, what: str, to: str = "", **more: Any) -> ImportReport:
    return decide(laboratory.engine, Wanted("fhir", kind, what, to, **more), **AS)[1]


def coded(code: str, name: str = "", system: str = "urn:lab") -> Resource:
    return {"coding": [{"system": system, "code": code, **({"display": name} if name else {})}]}


def quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit}


@pytest.mark.parametrize(
    ("given", "kind", "what", "to", "more", "charted"),
    [
        ({"code": coded("CKX", "CK ultra")}, "code", "CKX", "ck", {}, ("ck", 412.0)),
        ({"code": {"text": "Muskelenzym"}}, "code", "Muskelenzym", "ck", {}, ("ck", 412.0)),
        ({"code": coded("2157-6", "CK [MB]", LOINC)}, "code", "2157-6 CK [MB]", "ck", {}, ("ck", 412.0)),
        (
            {"code": {**coded("2157-6", "", LOINC), "text": "Troponin T"}}, "code", "Troponin T", "ck", {},
            ("ck", 412.0),
        ),
        (
            {"code": coded("CKX"), "valueQuantity": {"value": 10}}, "code", "CKX", "ck", {"unit": "ukat/L"},
            ("ck", 600.0),
        ),
        ({"specimen": {"display": "Urine"}}, "code", "2157-6 in Urine", "ck", {}, ("ck", 412.0)),
        ({"valueQuantity": quantity(412, "E/L")}, "unit", "ck E/L", "U/L", {}, ("ck", 412.0)),
        ({"valueQuantity": {"value": 412}}, "unit", "ck without unit", "U/L", {}, ("ck", 412.0)),
        (
            {"valueQuantity": {"value": 412, "unit": "ukat/L", "code": "U/L", "system": UCUM}}, "unit",
            "ck U/L / ukat/L", "U/L", {}, ("ck", 412.0),
        ),
        (
            {"code": coded("5196-1", "", LOINC), "valueQuantity": None, "valueCodeableConcept": {"text": "negativ"}},
            "value", "hbsag negativ", "0", {}, ("hbsag", 0.0),
        ),
        ({"valueQuantity": None, "valueString": "haemolysed"}, "value", "ck haemolysed", "not-done", {}, ("ck", None)),
        (
            {"valueQuantity": None, "valueString": "19.250 U/L"}, "value", "point before three digits", "thousands",
            {}, ("ck", 19250.0),
        ),
        ({"subject": {"reference": "Patient/p1"}}, "patient", "Patient/p1", "M1", {}, ("ck", 412.0)),
        (
            {"subject": {"identifier": {"system": "urn:h", "value": "77"}}}, "patient", "77^^^urn:h", "M1", {},
            ("ck", 412.0),
        ),
    ],
)  # fmt: skip
def test_what_waits_counts_once_and_flows_once_it_is_decided(
    laboratory: Laboratory,
    given: Resource,
    kind: str,
    what: str,
    to: str,
    more: dict[str, str],
    charted: tuple[str, float | None],
) -> None:
    sent = ck(**given)
    report = bring(laboratory, sent)
    assert (report.total.waiting, report.rejects) == (1, [])
    again = {**sent, "meta": {"versionId": "2", "lastUpdated": "2026-05-01T00:00:00Z"}}
    assert bring(laboratory, again).total.unchanged == 1
    assert laboratory.waiting() == [(kind, what, 1)]
    tried = preview(laboratory.engine, Wanted("fhir", kind, what, to, **more), **AS)
    assert (tried.total.created, laboratory.charted()) == (1, [])
    assert settle(laboratory, kind, what, to, **more).total.created == 1
    assert laboratory.waiting() == []
    (one,) = laboratory.charted()
    assert (one.measure, one.value) == charted
    assert bring(laboratory, sent).total.unchanged == 1
    later = {**sent, "id": "o9", "effectiveDateTime": "2026-04-02T08:30:00+01:00"}
    assert bring(laboratory, later).total.created == 1


@pytest.mark.parametrize(
    ("concept", "what", "to", "drug"),
    [
        ({"text": "Decortin forte"}, "Decortin forte", "prednisone", "prednisone"),
        ({"text": "Ramipril"}, "Ramipril", "Ramipril", "ramipril"),
        ({"coding": [{"system": "urn:pharmacy", "code": "P20"}]}, "P20", "prednisone", "prednisone"),
        ({"coding": PREDNISONE["coding"], "text": "methotrexate"}, "methotrexate", "prednisone", "prednisone"),
    ],
)
def test_a_drug_nobody_knows_waits_and_may_keep_its_name(
    laboratory: Laboratory, concept: Resource, what: str, to: str, drug: str
) -> None:
    assert bring(laboratory, statement(concept, subject=M1)).total.waiting == 1
    assert laboratory.waiting() == [("drug", what, 1)]
    assert settle(laboratory, "drug", what, to).total.created == 1
    with Session(laboratory.engine) as session:
        (one,) = session.exec(select(MedicationStatement))
    assert (one.drug.lower(), one.dose) == (drug, 20)
    assert bring(laboratory, statement(concept, subject=M1)).total.unchanged == 1


def test_a_value_with_its_unit_in_one_text_is_read(laboratory: Laboratory) -> None:
    assert bring(laboratory, ck(valueQuantity=None, valueString="< 640 U/L")).total.created == 1
    assert [(one.comparator, one.value) for one in laboratory.charted()] == [("<", 640)]


def test_all_that_waited_flows_in_order_with_the_times_and_names_of_its_import(laboratory: Laboratory) -> None:
    person, performer = {"reference": "Patient/p1"}, {"reference": "Practitioner/d1"}
    doctor = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Rot"}]}
    bare = ck(300, None, code=coded("CKX"), performer=[performer], effectiveDateTime=None)
    panel = {
        "resourceType": "DiagnosticReport", "id": "dr", "status": "final", "subject": person,
        "effectiveDateTime": "2026-03-02T08:30:00+01:00", "result": [{"reference": "Observation/o1"}],
    }  # fmt: skip
    bring(laboratory, jane(), doctor, panel, bare)
    bring(laboratory, jane(), ck(310, person, code=coded("CKX"), status="amended", issued="2026-03-05T12:00:00Z"))
    assert laboratory.waiting() == [("code", "CKX", 2)]
    report = settle(laboratory, "code", "CKX", "ck")
    assert (report.total.read, report.total.created, report.total.updated) == (2, 1, 1)
    assert [(one.value, one.assessor, one.effective_on) for one in laboratory.charted(current=False)] == [
        (300, "Rot", dt.date(2026, 3, 2)), (310, "Rot", dt.date(2026, 3, 2)),
    ]  # fmt: skip


def test_each_component_waits_alone(laboratory: Laboratory) -> None:
    parts = [
        {"code": coded("1920-8", "", LOINC), "valueQuantity": quantity(40, "U/L")},
        {"code": coded("AX"), "valueQuantity": quantity(50, "U/L")},
        {"code": coded("BX"), "valueQuantity": quantity(60, "U/L")},
    ]
    report = bring(laboratory, ck(valueQuantity=None, code={"text": "liver"}, component=parts))
    assert (report.total.created, report.total.waiting) == (1, 2)
    assert settle(laboratory, "code", "BX", "alt").total.created == 1
    assert laboratory.waiting() == [("code", "AX", 1)]
    assert sorted(laboratory.values()) == [40, 60]


def test_everything_of_an_entry_that_waited_for_its_patient_flows(laboratory: Laboratory) -> None:
    parts = [
        {"code": coded("1920-8", "", LOINC), "valueQuantity": quantity(40, "U/L")},
        {"code": coded("AX"), "valueQuantity": quantity(50, "U/L")},
    ]
    stranger = {"identifier": {"system": "urn:h", "value": "77"}}
    bring(laboratory, ck(subject=stranger, valueQuantity=None, code={"text": "liver"}, component=parts))
    report = settle(laboratory, "patient", "77^^^urn:h", "M1")
    assert (report.total.read, report.total.created, report.total.waiting) == (2, 1, 1)
    assert settle(laboratory, "code", "AX", "alt").total.created == 1
    assert laboratory.waiting() == []


# ------------------------------------------------------------------------------------------------------------- whose


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"name": [{"family": "Smith", "given": ["Jane"]}]}, "M1^^^urn:h: Smith Jane, 1980-02-29, female"),
        ({"birthDate": "1981-02-28"}, "M1^^^urn:h: Doe Jane, 1981-02-28, female"),
        ({"gender": "male"}, "M1^^^urn:h: Doe Jane, 1980-02-29, male"),
    ],
)
def test_a_name_birth_date_or_sex_that_contradicts_holds_patient_and_result(
    laboratory: Laboratory, change: Resource, what: str
) -> None:
    subject = {"reference": "Patient/p1"}
    report = bring(laboratory, jane(**change), ck(subject=subject), statement(PREDNISONE, subject=subject))
    assert (report.total.read, report.total.waiting) == (3, 3)
    assert laboratory.waiting() == [("patient", what, 3)]
    with Session(laboratory.engine) as session:
        known = session.exec(select(Patient).where(Patient.mrn == "M1")).one()
        assert (known.family_name, known.birth_date, known.sex) == ("Doe", dt.date(1980, 2, 29), "female")
        assert session.exec(select(MedicationStatement)).all() == []
    flowed = settle(laboratory, "patient", what, "M1")
    assert (flowed.total.updated, flowed.total.created) == (1, 2)
    assert laboratory.values() == [412]


def test_what_agrees_or_says_less_fills_in_and_charts(laboratory: Laboratory) -> None:
    less = jane(name=[{"family": "Doe", "given": ["J."]}], birthDate="1980")
    assert bring(laboratory, less, ck(subject={"reference": "Patient/p1"})).total.waiting == 0
    assert laboratory.values() == [412]


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"system": "urn:other", "value": "M1"}},
        {"reference": "Patient?identifier=urn:other|M1"},
        {"reference": "Patient/p2"},
    ],
)
def test_the_same_number_of_another_hospital_waits_until_its_authority_is_decided(
    laboratory: Laboratory, subject: Resource
) -> None:
    bring(laboratory, jane(), ck(300, {"reference": "Patient/p1"}))
    # Remembered: the next import knows the sender's first authority.
    more = [jane(system="urn:other", id="p2", name=[])] if "p2" in str(subject) else []
    report = bring(laboratory, *more, ck(412, subject, id="o2", effectiveDateTime="2026-04-02"))
    assert report.total.waiting == len(more) + 1
    assert laboratory.values() == [300]
    assert laboratory.waiting() == [("patient", "M1^^^urn:other", len(more) + 1)]
    settle(laboratory, "patient", "*^^^urn:other", "ours")
    assert laboratory.values() == [300, 412]


def test_a_setting_names_the_systems_of_our_numbers(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYOPANEL_MRN_AUTHORITIES", "urn:h, urn:clinic")
    assert bring(laboratory, ck(subject={"identifier": {"system": "urn:x", "value": "M1"}})).total.waiting == 1
    assert bring(laboratory, ck(subject={"identifier": {"system": "urn:clinic", "value": "M1"}})).total.created == 1


def test_unknown_patients_of_a_sender_can_be_not_ours_and_nothing_of_them_is_kept(laboratory: Laboratory) -> None:
    stranger = {"identifier": {"system": "urn:h", "value": "88"}}
    bring(laboratory, ck(subject=stranger, id="o1"))
    settle(laboratory, "patient", "*", not_ours=True)
    sent = [jane("88", id="p9"), ck(subject=stranger, id="o2")]
    for _ in range(2):
        assert bring(laboratory, *sent).total.unchanged == 2
    assert bring(laboratory, ck()).total.created == 1
    with Session(laboratory.engine) as session:
        assert all(one.sent == one.what == one.example == "" for one in session.exec(select(WaitingRow)))
        assert session.exec(select(Patient).where(Patient.mrn == "88")).all() == []
    assert [one["came"] for one in decisions_listed(laboratory.engine) if one["not_ours"]] == [3]


def test_a_code_that_is_not_ours_is_counted_and_not_kept(laboratory: Laboratory) -> None:
    report_of_an_infection = ck(code=coded("94500-6", "SARS-CoV-2 RNA", LOINC))
    bring(laboratory, report_of_an_infection)
    assert settle(laboratory, "code", "94500-6", not_ours=True).total.unchanged == 1
    assert bring(laboratory, {**report_of_an_infection, "id": "o2"}).total.unchanged == 1
    assert (laboratory.waiting(), laboratory.charted()) == ([], [])


def test_what_waited_for_a_patient_flows_when_the_patient_comes(laboratory: Laboratory) -> None:
    bring(laboratory, ck(subject={"identifier": {"system": "urn:h", "value": "M9"}}))
    report = bring(laboratory, jane("M9", id="p9"))
    assert any("could be taken over now" in one for one in report.warnings)
    assert (laboratory.values(), laboratory.waiting()) == ([412], [])


def test_a_dry_run_reads_results_of_patients_it_would_make_and_keeps_nothing(laboratory: Laboratory) -> None:
    report = bring(laboratory, jane("M9"), ck(subject={"reference": "Patient/p1"}), dry_run=True)
    assert (report.total.created, report.total.waiting) == (2, 0)
    assert (laboratory.charted(), decisions_listed(laboratory.engine)) == ([], [])


# --------------------------------------------------------------------------------------------------- which result it is


@pytest.mark.parametrize(
    ("second", "values"),
    [
        ({"value": 900}, [900]),
        ({"value": 900, "effectiveDateTime": "2026-03-03T08:30:00+01:00"}, [412, 900]),
        ({"value": 900, "effectiveDateTime": "2026-03-03T08:30:00+01:00", "status": "amended"}, [900]),
        ({"value": 900, "specimen": {"display": "Capillary blood"}}, [412, 900]),
        ({"value": 900, "subject": {"identifier": {"system": "urn:h", "value": "M2"}}}, [412, 900]),
        ({"value": 900, "subject": {"identifier": {"system": "urn:h", "value": "M2"}}, "status": "corrected"}, [900]),
        ({"value": None, "valueQuantity": None, "status": "entered-in-error", "effectiveDateTime": None}, [412]),
        ({"value": None, "valueQuantity": None, "status": "entered-in-error"}, []),
    ],
)
def test_a_result_is_a_version_of_another_only_in_its_place_or_by_saying_so(
    laboratory: Laboratory, second: Resource, values: list[float]
) -> None:
    bring(laboratory, ck())
    bring(laboratory, ck(**{"status": "final", **second}))
    assert sorted(value for value in laboratory.values() if value is not None) == values


def test_a_correction_that_cannot_be_read_takes_the_old_value_out_of_force(laboratory: Laboratory) -> None:
    bring(laboratory, ck())
    report = bring(laboratory, ck(status="corrected", valueQuantity=None, valueString="specimen rejected"))
    assert report.total.updated == 1
    (one,) = laboratory.charted()
    assert (one.status, one.reason) == ("cancelled", "corrected: specimen rejected")


def test_two_resources_of_one_import_are_two_and_one_that_comes_later_is_asked_about(laboratory: Laboratory) -> None:
    assert bring(laboratory, ck(300, id="a"), ck(400, id="b")).total.created == 2
    assert bring(laboratory, ck(500, id="c")).total.waiting == 1
    ((_, what, _),) = laboratory.waiting()
    assert settle(laboratory, "value", what, "both").total.created == 1
    assert sorted(laboratory.values()) == [300, 400, 500]


def test_a_message_from_a_folder_of_such_files_is_imported_once(laboratory: Laboratory, tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(of_resources(jane(), ck(subject={"reference": "Patient/p1"}))))
    (folder / "b.json").write_text(json.dumps(of_resources(ck(code=coded("CKX"), id="o7"))))
    for counts in ((3, 1, 1), (3, 0, 0)):
        total = import_paths(laboratory.engine, [folder], **AS).total
        assert (total.read, total.created, total.waiting) == counts

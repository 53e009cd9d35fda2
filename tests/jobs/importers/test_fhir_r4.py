"""FHIR R4 as facts: what real senders write, what they get wrong, and what must never be believed."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, SQLModel, col, select

from jobs.importers.coded import Limits, limits_of_text
from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for
from models.errors import UsageError
from models.event import ClinicalEvent
from models.import_batch import RejectedRow
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
UCUM = "http://unitsofmeasure.org"

Resource = dict[str, Any]
Bring = Callable[..., ImportReport]


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Bring:
    """Import some resources as a bundle: `bring(patient(), ck())`."""
    made = iter(range(100))

    def run(*resources: Resource, **options: Any) -> ImportReport:
        path = tmp_path / f"bundle-{next(made)}.json"
        path.write_text(json.dumps(bundle(*resources)))
        return import_paths(engine, [path], timezone="Europe/Berlin", by="nora", now=NOW, **options)

    return run


def bundle(*resources: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def patient(mrn: str = "0012", **more: Any) -> Resource:
    return {
        "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "2014-05-01",
        "identifier": [
            {"use": "official", "system": "urn:ssn", "value": "999-99"},
            {"type": {"coding": [{"code": "MR"}]}, "system": "urn:hospital", "value": mrn},
        ],
        "name": [{"family": "Karst", "given": ["Ada", "B."]}], **more,
    }  # fmt: skip


def observation(loinc: str = "2157-6", value: Any = 410, unit: str = "U/L", **more: Any) -> Resource:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    made = {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]}, "valueQuantity": quantity,
        "effectiveDateTime": "2026-03-02T08:30:00+01:00", "issued": "2026-03-02T12:00:00Z", **more,
    }  # fmt: skip
    return {key: one for key, one in made.items() if one is not None}


def statement(drug: Resource, dose: float = 20, unit: str = "mg", **more: Any) -> Resource:
    dosage = {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}],
    }
    return {
        "resourceType": "MedicationStatement", "id": "m1", "status": "active", "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": drug, "effectivePeriod": {"start": "2026-02-01"}, "dosage": [dosage], **more,
    }  # fmt: skip


PREDNISONE = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "8640"}]}


def stored(engine: Engine, model: type[SQLModel], *, current: bool = True) -> list[Any]:
    with Session(engine) as session:
        query = select(model).order_by(model.id)  # type: ignore[attr-defined]
        if current and hasattr(model, "known_to"):
            query = query.where(col(model.known_to).is_(None))
        return list(session.exec(query))


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    total = report.total
    assert total.read == total.created + total.updated + total.unchanged + total.waiting + total.rejected
    return total.read, total.created, total.updated, total.unchanged, total.rejected


def why(report: ImportReport) -> tuple[int, str, str]:
    reject = report.rejects[0]
    return reject.line, reject.column, reject.why


# ------------------------------------------------------------------------------------------------------------- results


def test_a_patient_and_a_result_arrive_with_unit_limit_assay_and_assessor(engine: Engine, bring: Bring) -> None:
    told = observation(
        referenceRange=[{"low": {"value": 20}, "high": {"value": 200, "unit": "U/L"}}],
        method={"text": "IFCC 37 C"},
        performer=[{"display": "Central Laboratory"}],
        note=[{"text": "haemolytic"}],
        extension=[{"url": "urn:anything", "valueString": "ignored"}],
    )
    assert counts(bring(told, patient())) == (2, 2, 0, 0, 0)
    one = stored(engine, Observation)[0]
    assert (one.measure, one.value, one.unit, one.upper_limit, one.lower_limit) == ("ck", 410, "U/L", 200, 20)
    assert (one.assay, one.assessor, one.comment) == ("IFCC 37 C", "Central Laboratory", "haemolytic")
    assert one.received_at == dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
    assert one.effective_on == dt.date(2026, 3, 2)
    person = stored(engine, Patient)[0]
    assert (person.mrn, person.given_name, person.family_name, person.sex) == ("0012", "Ada B.", "Karst", "female")


def test_the_same_bundle_twice_changes_nothing(engine: Engine, bring: Bring) -> None:
    everything = (patient(), observation(), statement(PREDNISONE))
    bring(*everything)
    assert counts(bring(*everything)) == (3, 0, 0, 3, 0)
    assert len(stored(engine, Observation, current=False)) == 1


def test_an_amended_result_supersedes_the_first_and_is_known_since_it_was_written(engine: Engine, bring: Bring) -> None:
    bring(patient(), observation())
    amended = observation(value=41, status="amended", meta={"lastUpdated": "2026-03-05T09:00:00Z"})
    assert counts(bring(patient(), amended))[2:4] == (1, 1)
    first, second = stored(engine, Observation, current=False)
    assert (second.value, second.status) == (41, "corrected")
    assert first.known_to == second.received_at == dt.datetime(2026, 3, 5, 9, tzinfo=dt.UTC)


def test_a_result_entered_in_error_is_taken_back_without_a_value(engine: Engine, bring: Bring) -> None:
    bring(patient(), observation())
    wrong = observation(status="entered-in-error", valueQuantity=None, issued="2026-03-06T09:00:00Z")
    assert counts(bring(patient(), wrong))[2] == 1
    assert [one.status for one in stored(engine, Observation)] == ["entered-in-error"]


@pytest.mark.parametrize("status", ["preliminary", "registered", "bogus", ""])
def test_what_is_not_final_is_refused_with_its_path(bring: Bring, status: str) -> None:
    report = bring(patient(), observation(status=status))
    assert counts(report) == (2, 1, 0, 0, 1)
    line, column, reason = why(report)
    assert (line, column) == (2, "Observation.status")
    assert "final" in reason or "status" in reason


@pytest.mark.parametrize(
    ("given", "value", "comparator"),
    [
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "ng/L"}}, 5, "<"),
        ({"valueQuantity": {"value": 5, "comparator": "<=", "unit": "ng/L"}}, 5, "<"),
        ({"valueQuantity": {"value": 0.029, "unit": "ng/mL"}}, 29, ""),
        ({"valueQuantity": {"value": 29, "unit": "pg/ml", "system": UCUM, "code": "pg/mL"}}, 29, ""),
    ],
)
def test_bounds_and_units_of_a_troponin(
    engine: Engine, bring: Bring, given: Resource, value: float, comparator: str
) -> None:
    bring(patient(), observation("67151-1", **given))
    one = stored(engine, Observation)[0]
    assert (one.measure, one.value, one.comparator, one.unit) == ("troponin_t", value, comparator, "ng/L")


@pytest.mark.parametrize(
    ("given", "column", "reason"),
    [
        ({"code": {"coding": [{"system": "http://loinc.org", "code": "32673-6"}]}}, "Observation.code", "MB fraction"),
        ({"code": "ck"}, "Observation.code", "no code"),
        ({"valueQuantity": {"value": "14", "unit": "ng/L"}}, "Observation.valueQuantity.value", "not a number"),
        ({"valueQuantity": {"value": True, "unit": "ng/L"}}, "Observation.valueQuantity.value", "not a number"),
        ({"effectiveDateTime": "2026-03"}, "Observation.effectiveDateTime", "not a point in time"),
        ({"effectiveDateTime": None}, "Observation.effectiveDateTime", "missing"),
        ({"subject": {"reference": "Group/1"}}, "Observation.subject", "no patient"),
        ({"subject": {"reference": "urn:uuid:9"}}, "Observation.subject", "send the Patient too"),
        ({"subject": None}, "Observation.subject", "whom it is about"),
        ({"subject": {"reference": "Patient/p1", "identifier": {"value": "9"}}}, "Observation.subject", "two people"),
    ],
)
def test_traps_are_refused_and_name_their_path(bring: Bring, given: Resource, column: str, reason: str) -> None:
    report = bring(patient(), observation(**{"code": observation("67151-1")["code"], **given}))
    assert counts(report) == (2, 1, 0, 0, 1)
    assert why(report)[1] == column
    assert reason in why(report)[2]


def test_a_score_comes_under_its_local_code_as_an_integer(engine: Engine, bring: Bring) -> None:
    code = {"coding": [{"system": "urn:clinic", "code": "cmas-total", "display": "CMAS"}]}
    bring(patient(), observation(code=code, valueQuantity=None, valueInteger=27))
    one = stored(engine, Observation)[0]
    assert (one.measure, one.value, one.max_value) == ("cmas", 27, 52)


def test_a_score_above_its_maximum_is_refused(bring: Bring) -> None:
    code = {"coding": [{"code": "cmas-total"}]}
    assert "maximum" in why(bring(patient(), observation(code=code, valueQuantity=None, valueInteger=53)))[2]


def test_a_qualitative_result_is_read_from_its_code(engine: Engine, bring: Bring) -> None:
    concept = {"coding": [{"system": "http://snomed.info/sct", "code": "260385009"}]}
    bring(patient(), observation("5196-1", valueQuantity=None, valueCodeableConcept=concept))
    assert stored(engine, Observation)[0].value == 0


def test_a_limit_in_another_unit_than_its_value_is_converted(engine: Engine, bring: Bring) -> None:
    bring(patient(), observation("67151-1", 20, "ng/L", referenceRange=[{"high": {"value": 0.014, "unit": "ng/mL"}}]))
    assert stored(engine, Observation)[0].upper_limit == 14


def test_a_range_in_words_is_read_and_several_ranges_give_none(engine: Engine, bring: Bring) -> None:
    one = observation(referenceRange=[{"text": "0 - 200 U/L"}])
    two = observation(id="o2", referenceRange=[{"high": {"value": 170}}, {"high": {"value": 200}}])
    bring(patient(), one, two)
    assert [found.upper_limit for found in stored(engine, Observation)] == [200, None]


def test_what_was_not_done_says_so(engine: Engine, bring: Bring) -> None:
    absent = {"coding": [{"code": "not-performed"}], "text": "refused"}
    bring(patient(), observation(valueQuantity=None, dataAbsentReason=absent))
    one = stored(engine, Observation)[0]
    assert (one.status, one.reason, one.value) == ("not-done", "refused", None)


def test_components_are_results_of_their_own_and_an_unknown_one_is_told(engine: Engine, bring: Bring) -> None:
    parts = [
        {"code": observation("1920-8")["code"], "valueQuantity": {"value": 40, "unit": "U/L"}},
        {"code": observation("9999-1")["code"], "valueQuantity": {"value": 1, "unit": "x"}},
    ]
    report = bring(patient(), observation(valueQuantity=None, code={"text": "liver"}, component=parts))
    assert (counts(report), report.total.waiting) == ((3, 2, 0, 0, 0), 1)
    assert [one.column for one in report.waits] == ["Observation.component[1].code"]


def test_equal_ids_of_two_servers_are_two_results(engine: Engine, bring: Bring) -> None:
    north = observation(meta={"source": "urn:lab:north#4711"})
    south = observation(meta={"source": "urn:lab:south"}, subject={"identifier": {"value": "0012"}})
    assert counts(bring(patient(), north, south))[1] == 3
    assert sorted(one.sender for one in stored(engine, Observation)) == ["fhir:urn:lab:north", "fhir:urn:lab:south"]
    again = observation(meta={"source": "urn:lab:north#4712"})
    assert counts(bring(patient(), again)) == (2, 0, 0, 2, 0)


def test_entries_that_are_no_facts_are_refused_or_named_and_the_others_arrive(engine: Engine, tmp_path: Path) -> None:
    whole = bundle(patient(), observation(), {"resourceType": "Encounter", "id": "e"})
    whole["entry"] += [
        None,
        {"resource": 5},
        {"resource": {"id": "x"}},
        {"request": {"method": "DELETE", "url": "Observation/o1"}},
    ]
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(whole))
    report = import_paths(engine, [path], timezone="UTC", by="nora", now=NOW)
    assert counts(report) == (6, 2, 0, 0, 4)
    assert [reject.line for reject in report.rejects] == [4, 5, 6, 7]
    assert any("1 Encounter" in warning for warning in report.warnings)
    assert [(file.name, file.read) for file in report.files] == [("odd.json", 6)]


def test_a_refused_resource_is_kept_whole(engine: Engine, bring: Bring) -> None:
    bring(patient(), observation("32673-6"))
    kept = json.loads(stored(engine, RejectedRow)[0].row)
    assert json.loads(kept["message"])["code"]["coding"][0]["code"] == "32673-6"


# -------------------------------------------------------------------------------------------------- containers


def test_ndjson_is_read_line_by_line_and_a_broken_line_costs_only_itself(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text(json.dumps(patient()) + "\n")
    lines = [json.dumps(observation()), "{broken", "", json.dumps(observation(id="o2", value=500))]
    (folder / "Observation.ndjson").write_text("\n".join(lines))
    (folder / "README").write_text("x")
    report = import_paths(engine, [folder], timezone="UTC", by="nora", now=NOW)
    assert counts(report) == (4, 3, 0, 0, 1)
    assert (report.rejects[0].file, report.rejects[0].line) == ("Observation.ndjson", 2)


def test_lines_called_json_are_recognised(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(patient()) + "\n" + json.dumps(observation()))
    assert counts(import_paths(engine, [path], timezone="UTC", by="nora", now=NOW))[1] == 2


@pytest.mark.parametrize("content", ["<Bundle/>", "{", "5", '"x"', '{"a": 1}'])
def test_what_is_not_fhir_is_wrong_usage(engine: Engine, tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"FHIR|JSON"):
        import_paths(engine, [path], timezone="UTC", by="nora", now=NOW)


@pytest.mark.parametrize("kind", ["Patient", "Observation", "MedicationStatement", "MedicationRequest", "Condition",
                                  "MedicationAdministration", "Procedure"])  # fmt: skip
def test_any_member_may_be_of_any_type_without_harm(bring: Bring, kind: str) -> None:
    templates = (patient(), observation(), statement(PREDNISONE))
    members = {key for one in templates for key in one} | {"onsetDateTime", "performedPeriod", "dosage", "meta", "link"}
    odd: list[Resource] = []
    for member in sorted(members - {"resourceType"}):
        for value in (
            None,
            5,
            "x",
            [],
            [5],
            {},
            {"reference": 5},
            [{"coding": 5}],
            [[]],
            {"coding": [None, {"code": 1}]},
        ):
            base = next((one for one in templates if one["resourceType"] == kind), {})
            odd.append({**base, "resourceType": kind, member: value})
    report = bring(patient(), *odd)
    assert counts(report)[0] >= len(odd) / 2


# -------------------------------------------------------------------------------------------------- treatments


def test_a_statement_by_rxnorm_becomes_a_daily_dose(engine: Engine, bring: Bring) -> None:
    bring(patient(), statement(PREDNISONE))
    one = stored(engine, MedicationStatement)[0]
    assert (one.drug, one.dose, one.unit, one.frequency, one.route) == ("prednisone", 20, "mg", "daily", "oral")
    assert (one.start_on, one.end_on) == (dt.date(2026, 2, 1), None)


@pytest.mark.parametrize(
    ("concept", "drug"),
    [
        ({"coding": [{"system": "http://www.whocc.no/atc", "code": "L04AX03"}]}, "methotrexate"),
        ({"text": "Prednisone 5 MG Oral Tablet"}, "prednisone"),
        ({"text": "MTX"}, "methotrexate"),
        ({"text": "Sulfamethoxazole-Trimethoprim"}, "co-trimoxazole"),
        ({"text": "prednisoLONE 3 MG/ML Oral Solution"}, "prednisolone"),
        ({"text": "Prednison 5 mg Tabletten"}, "prednisone"),
    ],
)
def test_how_a_drug_is_named(engine: Engine, bring: Bring, concept: Resource, drug: str) -> None:
    bring(patient(), statement(concept))
    assert [one.drug for one in stored(engine, MedicationStatement)] == [drug]


@pytest.mark.parametrize(
    ("repeat", "frequency"),
    [
        ({"frequency": 1, "period": 12, "periodUnit": "h"}, "twice-daily"),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, "every-other-day"),
        ({"period": 1, "periodUnit": "wk"}, "weekly"),
        ({"frequency": 1, "period": 4, "periodUnit": "wk"}, "every-4-weeks"),
        ({"frequency": 3, "period": 1, "periodUnit": "wk"}, "three-times-weekly"),
        ({"frequency": 1, "period": 10, "periodUnit": "d"}, None),
        ({"frequency": "x", "period": "y"}, None),
    ],
)
def test_how_often_a_dose_is_taken(engine: Engine, bring: Bring, repeat: Resource, frequency: str | None) -> None:
    made = statement(PREDNISONE)
    made["dosage"][0]["timing"] = {"repeat": repeat}
    report = bring(patient(), made)
    assert [one.frequency for one in stored(engine, MedicationStatement)] == ([frequency] if frequency else [])
    if frequency is None:
        assert why(report)[1] == "MedicationStatement.dosage.timing"


def test_a_steroid_for_the_skin_is_topical_by_its_atc_home_and_an_odd_route_is_refused(
    engine: Engine, bring: Bring
) -> None:
    skin = {"coding": [{"system": "http://www.whocc.no/atc", "code": "D07AA03", "display": "Prednisolone"}]}
    odd = statement(PREDNISONE, id="m2")
    odd["dosage"][0]["route"] = {"text": "through the ear"}
    report = bring(patient(), statement(skin), odd)
    assert [(one.drug, one.route) for one in stored(engine, MedicationStatement)] == [("prednisolone", "topical")]
    assert why(report)[1] == "MedicationStatement.dosage.route"


def test_a_statement_that_ends_closes_the_first_one(engine: Engine, bring: Bring) -> None:
    bring(patient(), statement(PREDNISONE))
    bring(
        patient(),
        statement(PREDNISONE, status="completed", effectivePeriod={"start": "2026-02-01", "end": "2026-03-01"}),
    )
    one = stored(engine, MedicationStatement)[0]
    assert (one.end_on, one.status) == (dt.date(2026, 3, 1), "stopped")


def test_a_request_counts_from_its_authoring_and_a_proposal_not_at_all(engine: Engine, bring: Bring) -> None:
    request = statement(PREDNISONE, resourceType="MedicationRequest", intent="order", authoredOn="2026-02-03")
    request["dosageInstruction"] = request.pop("dosage")
    del request["effectivePeriod"]
    report = bring(patient(), request, {**request, "id": "m2", "intent": "proposal"})
    assert [one.start_on for one in stored(engine, MedicationStatement)] == [dt.date(2026, 2, 3)]
    assert counts(report)[4] == 1


def test_an_infusion_given_is_a_single_dose_and_a_pulse_by_its_size(engine: Engine, bring: Bring) -> None:
    given = {
        "resourceType": "MedicationAdministration", "id": "a1", "status": "completed",
        "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": {"text": "Methylprednisolone"},
        "effectivePeriod": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"},
        "dosage": {"route": {"text": "IV"}, "dose": {"value": 1, "unit": "g"}},
    }  # fmt: skip
    ivig = {**given, "id": "a2", "medicationCodeableConcept": {"text": "IVIG"}}
    bring(patient(), given, ivig)
    assert [(one.drug, one.frequency, one.intent, one.route) for one in stored(engine, MedicationStatement)] == [
        ("methylprednisolone", "once", "pulse", "iv"),
        ("ivig", "once", "infusion", "iv"),
    ]


def test_as_needed_is_no_dose_per_day(bring: Bring) -> None:
    made = statement(PREDNISONE)
    made["dosage"][0]["asNeededBoolean"] = True
    assert "as needed" in why(bring(patient(), made))[2]


# ------------------------------------------------------------------------------------------ conditions, procedures


def condition(code: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": code,
        "onsetDateTime": "2025-06-01", **more,
    }  # fmt: skip


def icd(code: str) -> Resource:
    return {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}


def test_a_myositis_is_the_diagnosis_and_the_newest_one_counts(engine: Engine, bring: Bring) -> None:
    bring(
        condition(icd("G72.41"), id="c2", onsetDateTime="2025-09-01"),
        condition(icd("M33.20")),
        condition(icd("M60.9"), id="c3", onsetDateTime="2026-01-01"),
        patient(),
    )
    one = stored(engine, Patient)[0]
    assert (one.diagnosis, one.diagnosed_on) == ("IBM", dt.date(2025, 9, 1))


def test_a_diagnosis_alone_makes_no_patient_and_is_that_of_one_on_file(engine: Engine, bring: Bring) -> None:
    known = {"identifier": {"system": "urn:hospital", "value": "0012"}}
    assert bring(condition(icd("M33.10"), subject=known)).total.waiting == 1
    assert stored(engine, Patient) == []
    bring(patient())
    assert stored(engine, Patient)[0].diagnosis == "DM"


def test_conditions_and_procedures_the_vocabulary_knows_become_events(engine: Engine, bring: Bring) -> None:
    exchange = {
        "resourceType": "Procedure", "id": "x", "status": "completed", "subject": {"reference": "Patient/p1"},
        "code": {"text": "Plasma exchange"}, "performedDateTime": "2026-03-03T23:30:00Z",
    }  # fmt: skip
    lung = condition({"coding": [{"system": "http://snomed.info/sct", "code": "233703007"}]})
    unknown = condition({"text": "Hypertension"}, id="c9")
    report = bring(patient(), exchange, lung, unknown)
    assert counts(report) == (4, 3, 0, 0, 1)
    # Half past eleven at night in UTC is the next day at the clinic.
    assert {(one.event, one.occurred_on) for one in stored(engine, ClinicalEvent)} == {
        ("plasmapheresis", dt.date(2026, 3, 4)),
        ("interstitial_lung_disease", dt.date(2025, 6, 1)),
    }


def test_a_procedure_entered_in_error_is_taken_back(engine: Engine, bring: Bring) -> None:
    made = {
        "resourceType": "Procedure", "id": "x", "status": "completed", "subject": {"reference": "Patient/p1"},
        "code": {"text": "Plasma exchange"}, "performedDateTime": "2026-03-03",
    }  # fmt: skip
    bring(patient(), made)
    assert counts(bring(patient(), {**made, "status": "entered-in-error"}))[2] == 1
    assert [one.status for one in stored(engine, ClinicalEvent)] == ["entered-in-error"]


# -------------------------------------------------------------------------------------------------------- ranges, names


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("0-200", Limits("0", "200")),
        ("[13,0 – 17,5]", Limits("13.0", "17.5")),
        ("<200", Limits("", "200")),
        ("≤ 0.5 mg/L", Limits("", "0.5", "mg/L")),
        (">= 60", Limits("60", "")),
        ("0-1,000", Limits()),
        ("negative", Limits()),
        ("", Limits()),
        ("200", Limits()),
    ],
)
def test_reference_ranges_as_laboratories_write_them(text: str, limits: Limits) -> None:
    assert limits_of_text(text) == limits


# ------------------------------------------------------------------------- who is meant, and what belongs to whom


def report_of(*results: str, **more: Any) -> Resource:
    return {
        "resourceType": "DiagnosticReport", "id": "dr", "status": "final", "code": {"text": "Lab"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-03-02T08:30:00+01:00",
        "result": [{"reference": one} for one in results], **more,
    }  # fmt: skip


def test_a_result_contained_in_its_report_is_read_with_the_reports_patient_and_time(
    engine: Engine, bring: Bring
) -> None:
    inside = observation(id="o", subject=None, effectiveDateTime=None, issued=None)
    made = report_of("#o", contained=[inside])
    assert counts(bring(patient(), made)) == (2, 2, 0, 0, 0)
    one = stored(engine, Observation)[0]
    assert (one.value, one.effective_on, one.source_id) == (410, dt.date(2026, 3, 2), "dr#o")
    assert counts(bring(patient(), made)) == (2, 0, 0, 2, 0)


def test_a_result_inherits_what_it_leaves_to_the_report_or_panel_that_holds_it(engine: Engine, bring: Bring) -> None:
    bare = observation(subject=None, effectiveDateTime=None)
    panel = observation(
        id="panel", valueQuantity=None, code={"text": "liver"}, hasMember=[{"reference": "Observation/o2"}]
    )
    member = observation("1920-8", 40, id="o2", subject=None, effectiveDateTime=None)
    assert counts(bring(patient(), bare, report_of("Observation/o1"), panel, member)) == (3, 3, 0, 0, 0)
    assert {one.measure: one.effective_on for one in stored(engine, Observation)} == {
        "ck": dt.date(2026, 3, 2),
        "ast": dt.date(2026, 3, 2),
    }


def test_a_result_in_two_reports_that_disagree_is_refused(bring: Bring) -> None:
    one = report_of("Observation/o1")
    two = report_of("Observation/o1", id="dr2", subject={"identifier": {"value": "9"}})
    assert "two reports" in why(bring(patient(), observation(subject=None), one, two))[2]


def test_what_a_report_entered_in_error_contains_is_taken_back(engine: Engine, bring: Bring) -> None:
    made = report_of("#o", contained=[observation(id="o")])
    bring(patient(), made)
    bring(patient(), {**made, "status": "entered-in-error"})
    assert [one.status for one in stored(engine, Observation)] == ["entered-in-error"]


def test_a_dispense_is_kept_and_counted_and_is_no_dose(engine: Engine, bring: Bring) -> None:
    dispense = statement(PREDNISONE, resourceType="MedicationDispense", whenHandedOver="2026-03-01")
    report = bring(patient(), dispense)
    assert counts(report) == (2, 1, 0, 0, 1)
    assert "handed over, not what is taken" in why(report)[2]
    assert stored(engine, MedicationStatement) == []
    assert "MedicationDispense" in stored(engine, RejectedRow)[0].row


def test_an_identifier_is_the_senders_id_where_there_is_no_lasting_one(engine: Engine, bring: Bring) -> None:
    number = [{"system": "urn:lab", "value": "ACC-1"}]
    assert counts(bring(patient(), observation(id=None, identifier=number)))[1] == 2
    corrected = observation(id=None, identifier=number, value=900, status="corrected")
    assert counts(bring(patient(), corrected)) == (2, 0, 1, 1, 0)
    assert [(one.value, one.source_id) for one in stored(engine, Observation)] == [(900, "urn:lab|ACC-1")]


def test_an_id_that_a_message_made_up_for_itself_gives_way_to_the_identifier(engine: Engine, tmp_path: Path) -> None:
    for number, value in enumerate((410, 900)):
        status = "corrected" if number else "final"
        result = observation(
            id=f"made-up-{number}", value=value, status=status, identifier=[{"system": "urn:lab", "value": "R-7"}]
        )
        whole = bundle(patient(), result)
        whole["entry"][1]["fullUrl"] = f"urn:uuid:made-up-{number}"
        path = tmp_path / f"message-{number}.json"
        path.write_text(json.dumps(whole))
        import_paths(engine, [path], timezone="UTC", by="nora", now=NOW)
    assert [one.value for one in stored(engine, Observation)] == [900]


def test_a_number_that_several_results_share_is_that_of_their_order(engine: Engine, bring: Bring) -> None:
    number = [{"system": "urn:lab", "value": "ORDER-1"}]
    early = observation(id=None, identifier=number)
    late = observation(id=None, identifier=number, value=900, effectiveDateTime="2026-03-02T20:30:00+01:00")
    assert counts(bring(patient(), early, late)) == (3, 3, 0, 0, 0)


def test_another_number_of_a_patient_in_the_message_finds_that_patient(engine: Engine, bring: Bring) -> None:
    report = bring(patient(), observation(subject={"identifier": {"system": "urn:ssn", "value": "999-99"}}))
    assert counts(report) == (2, 2, 0, 0, 0)


def test_a_limit_of_zero_or_the_wrong_way_round_is_left_out_and_said(engine: Engine, bring: Bring) -> None:
    zero = observation(referenceRange=[{"low": {"value": 0}, "high": {"value": 0}}])
    turned = observation("1920-8", 40, id="o2", referenceRange=[{"low": {"value": 50}, "high": {"value": 10}}])
    report = bring(patient(), zero, turned)
    assert counts(report) == (3, 3, 0, 0, 0)
    assert [(one.value, one.upper_limit, one.lower_limit) for one in stored(engine, Observation)] == [
        (410, None, None),
        (40, None, None),
    ]
    assert sum("kept without its limits" in warning for warning in report.warnings) == 2


def test_of_ranges_by_sex_and_age_the_patients_own_is_read(engine: Engine, bring: Bring) -> None:
    def limit(high: float, sex: str = "", ages: tuple[int, int] | None = None) -> Resource:
        made: Resource = {"high": {"value": high}}
        if sex:
            made["appliesTo"] = [{"coding": [{"code": sex}]}]
        if ages:
            made["age"] = {"low": {"value": ages[0], "code": "a"}, "high": {"value": ages[1], "code": "a"}}
        return made

    by_sex = observation(referenceRange=[limit(170, "female"), limit(200, "male")])
    by_age = observation(id="o2", referenceRange=[limit(400, ages=(0, 17)), limit(200, ages=(18, 120))])
    neither = observation(id="o3", referenceRange=[limit(170, "male"), limit(200, "male")])
    bring(patient(), by_sex, by_age, neither)
    assert [one.upper_limit for one in stored(engine, Observation)] == [170, 400, None]


def test_a_file_that_cannot_be_read_is_one_reject_and_the_others_are_loaded(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(bundle(patient(), observation())))
    (tmp_path / "b.json").write_text('{"resourceType":"Observation",')
    (tmp_path / "c.json").write_text('{"hello": 1}')
    report = import_paths(engine, [tmp_path], timezone="UTC", by="nora", now=NOW)
    assert counts(report) == (4, 2, 0, 0, 2)
    assert [one.file for one in report.rejects] == ["b.json", "c.json"]
    assert len(stored(engine, RejectedRow)) == 2

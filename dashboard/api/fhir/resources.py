"""What is served, as FHIR resources: facts in canonical units, alerts, and the outcome of what was refused."""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import flask
import sqlalchemy as sa
from sqlmodel import col

from dashboard.secure import Current
from jobs.importers.fhir_r4 import (
    ATC,
    LOINC_SYSTEM,
    OUR_DIAGNOSES,
    OUR_DRUGS,
    OUR_MEASURES,
    OUR_RECORD_NUMBERS,
    RXNORM,
    SNOMED,
    UCUM,
)
from jobs.rule import all_rules
from models import vocabulary
from models.alert import Alert
from models.alert_lifecycle import state_of
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

MIME = "application/fhir+json"

Resource = dict[str, Any]


class Refusal(Exception):
    """What is answered with an OperationOutcome: status, code of the issue, and a sentence."""

    def __init__(self, status: int, code: str, why: str, issues: Sequence[Resource] = ()) -> None:
        super().__init__(why)
        self.status = status
        self.issues = list(issues) or [issue(code, why)]


def issue(code: str, why: str, *, severity: str = "error", expression: str = "") -> Resource:
    """One issue of an OperationOutcome."""
    made: Resource = {"severity": severity, "code": code, "diagnostics": why}
    return made | ({"expression": [expression]} if expression else {})


def outcome(issues: Sequence[Resource]) -> Resource:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


BASE = "/fhir/R4"
UNNAMED = "myopanel-"
"""Prefix of the id of a patient whose record number is not a FHIR id."""

FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)


def patient_reference_id(mrn: str, patient_id: int) -> str:
    """The id under which a patient is served: the record number where FHIR allows it as an id."""
    return mrn if FHIR_ID.fullmatch(mrn) and not mrn.startswith(UNNAMED) else f"{UNNAMED}{patient_id}"


def of_ids(ids: Sequence[str]) -> Any:
    """Patients by the ids under which they are served."""
    numbers = [int(one.removeprefix(UNNAMED)) for one in ids if re.fullmatch(rf"{UNNAMED}\d{{1,15}}", one, re.ASCII)]
    return sa.or_(
        col(Patient.mrn).in_([one for one in ids if FHIR_ID.fullmatch(one) and not one.startswith(UNNAMED)]),
        col(Patient.id).in_(numbers),
    )


def base_url(here: Current) -> str:
    """The address of this server, as others reach it."""
    root = here.settings.public_address or flask.request.host_url
    return f"{root.rstrip('/')}{BASE}"


GENERAL_TROPONIN: Mapping[str, tuple[str, str]] = {
    # The method is not kept as a code: a code that names one would claim too much.
    "troponin_t": ("6598-7", "Troponin T.cardiac [Mass/volume] in Serum or Plasma"),
    "troponin_i": ("10839-9", "Troponin I.cardiac [Mass/volume] in Serum or Plasma"),
}
OBSERVATION_STATUS: Mapping[str, str] = {
    "final": "final", "corrected": "corrected", "entered-in-error": "entered-in-error", "cancelled": "cancelled",
    "not-done": "final",
}  # fmt: skip
CATEGORIES: Mapping[str, str] = {"laboratory": "laboratory", "body": "vital-signs", "respiratory": "procedure"}
ROUTES: Mapping[str, tuple[str, str]] = {
    "oral": ("26643006", "Oral route"),
    "iv": ("47625008", "Intravenous route"),
    "im": ("78421000", "Intramuscular route"),
    "sc": ("34206005", "Subcutaneous route"),
    "topical": ("6064005", "Topical route"),
    "inhaled": ("447694001", "Respiratory tract route"),
    "intra-articular": ("12130007", "Intra-articular route"),
}


def subject_of(patient: Patient) -> Resource:
    """A reference that carries the record number, so that it can be followed without asking."""
    return {
        "reference": f"Patient/{patient_reference_id(patient.mrn, patient.id or 0)}",
        "identifier": {"system": OUR_RECORD_NUMBERS, "value": patient.mrn},
    }


def instant(moment: dt.datetime) -> str:
    """ISO 8601 in UTC to the millisecond, as FHIR writes instants."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def concept(system: str, code: str, display: str = "", text: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def patient_resource(patient: Patient) -> Resource:
    """A Patient."""
    name = {"family": patient.family_name, "given": patient.given_name.split()}
    made: Resource = {
        "resourceType": "Patient",
        "id": patient_reference_id(patient.mrn, patient.id or 0),
        "meta": {"versionId": str(patient.revision), "lastUpdated": instant(patient.updated_at)},
        "identifier": [
            {
                "use": "usual",
                "type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"),
                "system": OUR_RECORD_NUMBERS,
                "value": patient.mrn,
            }
        ],
        # The exact word is kept beside FHIR's yes or no.
        "extension": [{"url": f"{OUR_RECORD_NUMBERS}:status", "valueCode": patient.status}],
        "active": patient.status == "active",
        "gender": patient.sex,
    }
    if patient.family_name or patient.given_name:
        made["name"] = [{key: value for key, value in name.items() if value}]
    if patient.birth_date:
        made["birthDate"] = patient.birth_date.isoformat()
    if patient.status == "deceased":
        made["deceasedBoolean"] = True
    if patient.site:
        made["managingOrganization"] = {"display": patient.site}
    if patient.diagnosis:
        known = vocabulary.diagnoses().get(patient.diagnosis)
        made["extension"].append(
            {
                "url": OUR_DIAGNOSES,
                "valueCodeableConcept": concept(OUR_DIAGNOSES, patient.diagnosis, known.label if known else ""),
            }
        )
    return made


def measure_concept(key: str) -> Resource:
    """The code of a measure: our own key, and LOINC where a code says no more than we know."""
    known = vocabulary.measure(key)
    codings = [{"system": OUR_MEASURES, "code": key, "display": known.label}]
    code, name = GENERAL_TROPONIN.get(key, (known.loinc, known.loinc_name))
    if code:
        codings.insert(0, {"system": LOINC_SYSTEM, "code": code} | ({"display": name} if name else {}))
    return {"coding": codings, "text": known.short_label}


def observation_resource(fact: Observation, patient: Patient, identifier: int, version: int) -> Resource:
    """An Observation in canonical units; a result not done has a reason instead of a value."""
    known = vocabulary.measure(fact.measure)
    made = _meta("Observation", fact, identifier, version)
    made |= {
        "status": OBSERVATION_STATUS[fact.status],
        "category": [
            concept("http://terminology.hl7.org/CodeSystem/observation-category", CATEGORIES.get(known.kind, "exam"))
        ],
        "code": measure_concept(fact.measure),
        "subject": subject_of(patient),
        "effectiveDateTime": instant(fact.effective_at),
        "issued": instant(fact.received_at),
    }
    if fact.value is not None:
        if known.family == "presence":
            positive = fact.value == 1
            made["valueCodeableConcept"] = concept(
                SNOMED, "10828004" if positive else "260385009", "Positive" if positive else "Negative"
            )
        else:
            made["valueQuantity"] = _quantity(fact.value, fact.unit) | (
                {"comparator": fact.comparator} if fact.comparator else {}
            )
    if fact.status == "not-done":
        absent = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed")
        made["dataAbsentReason"] = absent | ({"text": fact.reason} if fact.reason else {})
    limits = {"low": fact.lower_limit, "high": fact.upper_limit}
    if any(limit is not None for limit in limits.values()):
        made["referenceRange"] = [
            {side: _quantity(limit, fact.unit) for side, limit in limits.items() if limit is not None}
        ]
    if fact.assay:
        made["method"] = {"text": fact.assay}
    if fact.assessor:
        made["performer"] = [{"display": fact.assessor}]
    if fact.comment:
        made["note"] = [{"text": fact.comment}]
    return made


def repeat_of(frequency: str) -> Resource:
    """How often, as a Timing says it."""
    often = vocabulary.frequencies()[frequency]
    if often.every_days is None:
        return {"count": 1}
    weeks, days = divmod(often.every_days, 7)
    period = {"period": often.every_days, "periodUnit": "d"} if days else {"period": weeks, "periodUnit": "wk"}
    return {"frequency": often.doses, **period}


def medication_resource(
    fact: MedicationStatement, patient: Patient, identifier: int, version: int, today: dt.date
) -> Resource:
    """A MedicationStatement."""
    known = vocabulary.drugs().get(fact.drug)
    codings = []
    if known is not None:
        codings.append({"system": OUR_DRUGS, "code": known.key, "display": known.label})
        # Codes from memory are used to read and not handed on.
        if known.rxnorm and known.rxnorm_mark == "seen":
            codings.append({"system": RXNORM, "code": known.rxnorm, "display": known.label})
        if known.atc and known.atc_mark == "seen":
            codings.append({"system": ATC, "code": known.atc})
    ended = fact.end_on is not None and fact.end_on < today
    status = {"active": "completed" if ended else "active"}.get(fact.status, fact.status)
    period = {"start": fact.start_on.isoformat()}
    if fact.end_on:
        period["end"] = fact.end_on.isoformat()
    drug = {"coding": codings} if codings else {}
    made = _meta("MedicationStatement", fact, identifier, version) | {
        "status": status,
        "medicationCodeableConcept": drug | {"text": known.label if known else fact.drug},
        "subject": subject_of(patient),
        "effectivePeriod": period,
        "dateAsserted": instant(fact.received_at),
        "dosage": [
            {
                "timing": {"repeat": repeat_of(fact.frequency)},
                "doseAndRate": [{"doseQuantity": _quantity(fact.dose, fact.unit)}],
            }
        ],
    }
    if fact.route in ROUTES:
        made["dosage"][0]["route"] = concept(SNOMED, *ROUTES[fact.route])
    return made


def _meta(kind: str, fact: Observation | MedicationStatement, identifier: int, version: int) -> Resource:
    made: Resource = {
        "resourceType": kind,
        "id": str(identifier),
        "meta": {
            "versionId": str(version),
            "lastUpdated": instant(fact.imported_at),
            "source": f"urn:myopanel:sender:{quote(fact.sender, safe='')}",
        },
    }
    if fact.source_id:
        system = f"urn:myopanel:source:{quote(fact.sender, safe='')}"
        made["identifier"] = [{"system": system, "value": fact.source_id}]
    return made


def _quantity(value: float, unit: str) -> Resource:
    code = unit or "{score}"
    number = int(value) if float(value).is_integer() and abs(value) < 1e15 else value
    return {"value": number, "unit": code, "system": UCUM, "code": code}


OUR_RULES = "urn:myopanel:rule"
OUR_ANSWERS = "urn:myopanel:answer"
OUR_ALERT_STATE = "urn:myopanel:alert-state"
SEVERITIES: Mapping[str, str] = {"urgent": "high", "action": "moderate", "watch": "low"}


def _rule_titles() -> Mapping[str, str]:
    return {rule.key: rule.title for rule in all_rules()}


def issue_resource(alert: Alert, patient: Patient, changed: dt.datetime, today: dt.date) -> Resource:
    """A DetectedIssue: one episode of a rule being true, in the rule's own words."""
    state = state_of(alert, today)
    rule = concept(OUR_RULES, alert.rule, _rule_titles().get(alert.rule, ""))
    made: Resource = {
        "resourceType": "DetectedIssue",
        "id": str(alert.id),
        "meta": {"lastUpdated": instant(changed)},
        "extension": [{"url": OUR_ALERT_STATE, "valueCode": state}],
        "status": "entered-in-error" if state == "withdrawn" else "final",
        "code": rule,
        "severity": SEVERITIES.get(alert.severity, "low"),
        "patient": subject_of(patient),
        "identifiedDateTime": instant(alert.opened_at),
        "author": {"display": f"Myopanel {alert.rule} {alert.rule_version}"},
        "detail": " ".join(filter(None, (alert.explanation, alert.suggested_action))),
    }
    kinds = {"observation": "Observation", "medication": "MedicationStatement"}
    facts = [
        {"reference": f"{kinds[fact['kind']]}/{fact['id']}"}
        for fact in json.loads(alert.evidence)
        if fact.get("kind") in kinds and fact.get("id")
    ]
    if facts:
        made["evidence"] = [{"detail": facts}]
    done = [
        (alert.acknowledged_at, alert.acknowledged_by, alert.acknowledged_reason or "reviewed"),
        (alert.resolved_at, alert.resolved_by, alert.outcome or "reviewed"),
    ]
    mitigation = [
        {"action": _answer(code), "date": instant(at), "author": {"display": by}} for at, by, code in done if at and by
    ]
    if mitigation:
        made["mitigation"] = mitigation
    return made


def _answer(code: str) -> Resource:
    known = vocabulary.answers().get(code)
    return concept(OUR_ANSWERS, code, known.label if known else "")


def flag_resource(patient: Patient, alerts: Sequence[Alert], changed: dt.datetime, today: dt.date) -> Resource:
    """A Flag: that and why a patient is on the list, without the values."""
    titles = _rule_titles()
    states = [state_of(alert, today) for alert in alerts]
    by_severity = {one: sum(alert.severity == one for alert in alerts) for one in SEVERITIES}
    counts = ", ".join(f"{number} {name}" for name, number in by_severity.items() if number)
    names = ", ".join(dict.fromkeys(titles.get(alert.rule, alert.rule) for alert in alerts))
    return {
        "resourceType": "Flag",
        "id": patient_reference_id(patient.mrn, patient.id or 0),
        "meta": {"lastUpdated": instant(changed)},
        "status": "active",
        "category": [concept("http://terminology.hl7.org/CodeSystem/flag-category", "clinical")],
        "code": {
            "coding": [{"system": OUR_RULES, "code": rule} for rule in dict.fromkeys(alert.rule for alert in alerts)],
            "text": f"Myositis clinic: {counts} ({states.count('open')} open): {names}",
        },
        "subject": subject_of(patient),
        "period": {"start": instant(min(alert.opened_at for alert in alerts))},
    }

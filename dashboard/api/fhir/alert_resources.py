"""Alerts as FHIR resources: a DetectedIssue for each episode, a Flag for each patient on the list."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence

from dashboard.api.fhir.addresses import patient_reference_id
from dashboard.api.fhir.outcome import Resource
from dashboard.api.fhir.resources import concept, instant, subject_of
from jobs.rule import all_rules
from models import vocabulary
from models.alert import Alert
from models.alert_lifecycle import state_of
from models.patient import Patient

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

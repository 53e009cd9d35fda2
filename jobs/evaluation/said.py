"""What was said of patients, in the shape other programs rely on."""

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from sqlmodel import Session, col, select

from jobs.assessing import Asked, document, evidence_documents
from jobs.rule import CANNOT_TELL, MET, Rule, rule
from jobs.thresholds import Thresholds
from models.assessment import Assessment
from models.errors import told
from models.patient import Patient
from models.states import severity_rank

log = logging.getLogger(__name__)


def documents(
    asked: Asked, thresholds: Thresholds, *, rules: Sequence[str] | None = None, all_states: bool = False
) -> list[dict[str, Any]]:
    """A patient's assessments in the shape other programs rely on: those met, or all.

    A rule that finds no words for one of its answers is noted in `asked.failed`, and none of its answers is shown.
    """
    index: dict[str, Any] = {}
    out: list[dict[str, Any]] = []
    for key, answers in asked.answers.items():
        if rules is not None and key not in rules:
            continue
        one: Rule = rule(key)
        parameters = thresholds.patients.get(key, {}).get(asked.patient.id, thresholds.clinic[key])
        status, mrn = thresholds.status[key], asked.patient.mrn
        try:
            out += [
                document(
                    answer, one, status, mrn, parameters, evidence_documents(asked.patient, answer.evidence, index)
                )
                for answer in answers
                if all_states or answer.state == MET
            ]
        except Exception as error:
            no_words(asked, key, error)
    return out


def no_words(asked: Asked, key: str, error: Exception) -> None:
    """A rule that finds no words for an answer has failed for the patient, visibly."""
    asked.failed[key] = told(error)
    log.warning("rule %s found no words: %s", key, asked.failed[key])


def in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Documents most pressing first."""
    return sorted(
        found,
        key=lambda one: (-severity_rank(one["severity"]), one["mrn"], one["rule"], one["subject"], one["state"]),
    )


def stored_documents(session: Session, *, rules: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The stored assessments that are met, of the whole panel."""
    query = select(Assessment, Patient.mrn).join(Patient, col(Patient.id) == col(Assessment.patient_id))
    query = query.where(Assessment.state == MET.value)
    if rules is not None:
        query = query.where(col(Assessment.rule).in_(list(rules)))
    return in_order([_stored_document(row, mrn) for row, mrn in session.exec(query)])


def _stored_document(row: Assessment, mrn: str) -> dict[str, Any]:
    numbers = orjson.loads(row.numbers)
    return {
        "mrn": mrn,
        "rule": row.rule,
        "rule_version": row.rule_version,
        "status": row.status,
        "subject": row.subject,
        "state": row.state,
        "grade": row.grade,
        "severity": row.severity,
        "since": row.since.isoformat() if row.since else None,
        "due": row.due.isoformat() if row.due else None,
        "recheck_on": row.recheck_on.isoformat() if row.recheck_on else None,
        "explanation": row.explanation,
        "clears_when": row.clears_when or None,
        "suggested_action": row.suggested_action or None,
        "evidence": orjson.loads(row.evidence),
        "cannot_tell_because": row.cannot_tell_because,
        **({"due_state": numbers["due_state"]} if "due_state" in numbers else {}),
        "numbers": numbers,
    }


def could_not_tell(session: Session, patient_ids: Sequence[int] | None = None) -> list[Assessment]:
    """Stored answers that could not be given, with the cause."""
    query = select(Assessment).where(Assessment.state == CANNOT_TELL.value, Assessment.status == "active")
    if patient_ids is not None:
        query = query.where(col(Assessment.patient_id).in_(list(patient_ids)))
    return list(session.exec(query))

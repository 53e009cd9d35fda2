"""One patient's record as the patient's page reads and annotates it: facts on file, alerts, reviews, answers.

Everything is read by the patient's own index, so that the page costs the same in a clinic of ten thousand.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.accounts import audit
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import history
from models.assessment import Assessment
from models.clock import clinic_date
from models.errors import ActionRefused
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import Observation, ObservationItem
from models.patient import STATUSES, Patient
from models.patient_facts import PatientFacts
from models.patient_reading import read_patients
from models.patient_summary import mark
from models.suggestion import SuggestionAnswer
from models.user import PatientReview
from models.vocabulary import answers

ENDED_SHOWN = 40
"""Alerts that have ended and are still drawn on the time axis."""


def find(session: Session, mrn: str) -> Patient | None:
    """The patient of a record number, compared exactly; None where there is none."""
    return session.exec(select(Patient).where(Patient.mrn == mrn)).first()


def facts_of(
    connection: sa.Connection,
    patient: Patient,
    as_of: dt.date,
    *,
    timezone: str,
    known_at: dt.datetime | None = None,
) -> PatientFacts:
    """One patient's facts up to `as_of`, as rules see them, whatever the patient's status."""
    (facts,) = read_patients(
        connection, as_of, timezone=timezone, known_at=known_at, patient_ids=[patient.id or 0], statuses=STATUSES
    )
    return facts


def alerts_of(session: Session, patient_id: int) -> list[tuple[Alert, list[AlertEvent]]]:
    """Running alerts and the newest ended ones, newest first, each with its history."""
    running = list(
        session.exec(select(Alert).where(Alert.patient_id == patient_id, col(Alert.ended_at).is_(None))).all()
    )
    ended = session.exec(
        select(Alert)
        .where(Alert.patient_id == patient_id, col(Alert.ended_at).is_not(None))
        .order_by(col(Alert.id).desc())
        .limit(ENDED_SHOWN)
    ).all()
    found = [*running, *ended]
    told = history(session, [alert.id or 0 for alert in found])
    return [(alert, told[alert.id or 0]) for alert in found]


def assessments_of(session: Session, patient_id: int) -> list[dict[str, Any]]:
    """The stored answer of every rule about the patient, `evidence` and `numbers` as data."""
    found = session.exec(select(Assessment).where(Assessment.patient_id == patient_id))
    return [
        row.model_dump() | {"evidence": json.loads(row.evidence), "numbers": json.loads(row.numbers)} for row in found
    ]


# -------------------------------------------------------------------------------------------------------- facts on file


@dataclass(frozen=True)
class FactOnFile:
    """A current fact with where it came from, for whoever has to correct it. `kind` is `o`, `m` or `e`."""

    kind: str
    id: int
    day: dt.date
    what: str
    value: str
    unit: str
    detail: str
    sender: str
    entered_by: str | None
    status: str


def facts_on_file(session: Session, patient_id: int, *, most: int = 200) -> list[FactOnFile]:
    """The patient's newest current facts of every kind, newest first; withdrawn ones are among them and say so."""
    rows: list[FactOnFile] = []
    observed = session.exec(
        select(Observation)
        .where(Observation.patient_id == patient_id, col(Observation.known_to).is_(None))
        .order_by(col(Observation.effective_on).desc(), col(Observation.id).desc())
        .limit(most)
    )
    for fact in observed:
        value = "not done" if fact.value is None else f"{fact.comparator}{fact.value:g}"
        detail = " · ".join(part for part in (fact.assay, fact.assessor, fact.reason, fact.comment) if part)
        rows.append(
            FactOnFile(
                "o",
                fact.id or 0,
                fact.effective_on,
                fact.measure,
                value,
                fact.unit,
                detail,
                fact.sender,
                fact.entered_by,
                fact.status,
            )
        )
    given = session.exec(
        select(MedicationStatement)
        .where(MedicationStatement.patient_id == patient_id, col(MedicationStatement.known_to).is_(None))
        .order_by(col(MedicationStatement.start_on).desc(), col(MedicationStatement.id).desc())
        .limit(most)
    )
    for dose in given:
        until = f"until {dose.end_on.isoformat()}" if dose.end_on else "continuing"
        rows.append(
            FactOnFile(
                "m",
                dose.id or 0,
                dose.start_on,
                dose.drug,
                f"{dose.dose:g}",
                f"{dose.unit} {dose.frequency}",
                f"{dose.route}, {until}",
                dose.sender,
                dose.entered_by,
                dose.status,
            )
        )
    happened = session.exec(
        select(ClinicalEvent)
        .where(ClinicalEvent.patient_id == patient_id, col(ClinicalEvent.known_to).is_(None))
        .order_by(col(ClinicalEvent.occurred_on).desc(), col(ClinicalEvent.id).desc())
        .limit(most)
    )
    rows.extend(
        FactOnFile(
            "e",
            event.id or 0,
            event.occurred_on,
            event.event,
            "yes" if event.present else "no",
            "",
            event.detail,
            event.sender,
            event.entered_by,
            event.status,
        )
        for event in happened
    )
    return sorted(rows, key=lambda row: (row.day, row.kind, row.id), reverse=True)[:most]


Stored = Observation | MedicationStatement | ClinicalEvent

_KINDS: Mapping[str, Any] = {"o": Observation, "m": MedicationStatement, "e": ClinicalEvent}


def stored_fact(session: Session, patient_id: int, kind: str, fact_id: int) -> Stored:
    """A fact of this patient that is believed now.

    Raises:
        ActionRefused: there is none, or a newer version has replaced it.
    """
    fact: Stored | None = session.get(_KINDS[kind], fact_id) if kind in _KINDS else None
    if fact is None or fact.patient_id != patient_id:
        raise ActionRefused("This entry is not in the patient's record.")
    if fact.known_to is not None:
        raise ActionRefused("This entry has been corrected meanwhile. Look at the newest version.")
    return fact


def keep_items(
    session: Session, patient_id: int, measure: str, day: dt.date, items: Sequence[Mapping[str, Any]]
) -> int:
    """Keep the single items (`item`, `side`, `score`, `seconds`) beside the newest score of a measure and day."""
    if not items:
        return 0
    score = session.exec(
        select(Observation)
        .where(
            Observation.patient_id == patient_id,
            Observation.measure == measure,
            Observation.effective_on == day,
            col(Observation.known_to).is_(None),
        )
        .order_by(col(Observation.id).desc())
    ).first()
    if score is None or score.id is None:
        raise ActionRefused("The score these items belong to is not on file.")
    known = session.exec(select(ObservationItem.id).where(ObservationItem.observation_id == score.id)).first()
    if known is not None:
        return 0
    for item in items:
        session.add(
            ObservationItem(
                observation_id=score.id,
                item=str(item["item"]),
                side=str(item.get("side") or ""),
                score=item.get("score"),
                seconds=item.get("seconds"),
            )
        )
    return len(items)


# ------------------------------------------------------------------------------------------------- reviews and answers


@dataclass(frozen=True)
class Review:
    """The newest review that stands: who, when, and whether something is new since."""

    id: int
    by: str
    at: dt.datetime
    is_current: bool


def last_review(session: Session, patient: Patient) -> Review | None:
    """The newest review of the patient that was not undone."""
    row = session.exec(
        select(PatientReview)
        .where(PatientReview.patient_id == patient.id, col(PatientReview.undone_at).is_(None))
        .order_by(col(PatientReview.id).desc())
    ).first()
    return None if row is None else Review(row.id or 0, row.by, row.at, row.revision == patient.revision)


def mark_reviewed(session: Session, patient: Patient, by: str, *, now: dt.datetime) -> None:
    """Put on record that somebody looked at everything known about the patient up to now."""
    session.add(PatientReview(patient_id=patient.id or 0, by=by, at=now, revision=patient.revision))
    mark(session.connection(), patient.id or 0)
    audit(session, by, "reviewed patient", now=now, patient_id=patient.id)


def undo_review(session: Session, patient: Patient, by: str, *, now: dt.datetime, timezone: str) -> None:
    """Take one's own review back, on the same clinic day.

    Raises:
        ActionRefused: there is none, it is somebody else's, or it is from another day.
    """
    standing = last_review(session, patient)
    if standing is None:
        raise ActionRefused("There is no review to undo.")
    if standing.by != by:
        raise ActionRefused(f"The review is {standing.by}'s: only they can undo it.")
    if clinic_date(standing.at, timezone) != clinic_date(now, timezone):
        raise ActionRefused("A review can be undone on the same day only.")
    row = session.get(PatientReview, standing.id)
    if row is not None:
        row.undone_at = now
        session.add(row)
        mark(session.connection(), patient.id or 0)
    audit(session, by, "undid review", now=now, patient_id=patient.id)


def answer_suggestion(
    session: Session,
    patient: Patient,
    suggestion: Mapping[str, Any],
    *,
    answer: str,
    option: str | None,
    reason: str | None,
    note: str | None,
    by: str,
    now: dt.datetime,
    as_of: dt.date,
) -> SuggestionAnswer:
    """Keep what was decided about a suggestion (`accepted`, `declined`, `deferred`), with the suggestion as shown.

    Raises:
        ActionRefused: an unknown answer or option, or a decision against it without a coded reason.
    """
    if answer not in {"accepted", "declined", "deferred"}:
        raise ActionRefused("Say what was decided: accepted, declined or put off.")
    options = {str(one["key"]) for one in suggestion.get("options", [])}
    if answer == "accepted" and option not in options:
        raise ActionRefused("Say which of the options was chosen.")
    codes = answers("decline")
    if answer != "accepted" and reason not in codes:
        raise ActionRefused("No change is an answer too, with its reason: choose one.")
    row = SuggestionAnswer(
        patient_id=patient.id or 0,
        key=str(suggestion["key"]),
        answer=answer,
        option=option if answer == "accepted" else reason,
        note=(note or "").strip() or None,
        by=by,
        at=now,
        as_of=as_of,
        shown=json.dumps(dict(suggestion), ensure_ascii=False, default=str),
    )
    session.add(row)
    audit(session, by, "answered suggestion", now=now, patient_id=patient.id, detail=f"{row.key}: {answer}")
    return row


def suggestion_answers(session: Session, patient_id: int) -> dict[str, SuggestionAnswer]:
    """The newest answer to each suggestion of the patient."""
    rows = session.exec(
        select(SuggestionAnswer).where(SuggestionAnswer.patient_id == patient_id).order_by(col(SuggestionAnswer.id))
    )
    return {row.key: row for row in rows}

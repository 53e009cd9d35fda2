"""Which blood tests are due, as the pages read it, and what people may say about them: a pause, or "not possible".

The answers are the stored ones of the overdue-labs rule; nothing is computed here. A pause has a reason and an end. A
test that could not be taken is an observation with the status not-done (written by `jobs.importers.load`). Both are
taken back without deleting anything: what was believed meanwhile stays on file.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.assessment import Assessment
from models.errors import ActionRefused
from models.observation import Observation
from models.panel import LABS_RULE
from models.patient import Patient
from models.taper_plan import MonitoringPause

LONGEST_PAUSE_DAYS = 365
"""A pause ends after a year at the latest [default], so that somebody decides again."""

NOT_DONE = "not-done"


def labs_rows(session: Session, *, mrn: str | None = None) -> list[dict[str, Any]]:
    """One row per active patient and test required of them, as last evaluated.

    Rows: the patient's `patient_id`, `mrn`, `name`, `birth_date`, `site`, `clinician`; `test`, `label`; `state` (one of
    the seven states, or `cannot_tell`), `due`, `last` (day or None), `interval` (days), `treatment`, `note`, `because`.
    """
    table: Any = Patient
    answer: Any = Assessment
    query = (
        sa.select(
            table.id, table.mrn, table.given_name, table.family_name, table.birth_date, table.site, table.clinician,
            answer.subject, answer.state, answer.due, answer.cannot_tell_because, answer.numbers,
        )
        .join(table, table.id == answer.patient_id)
        .where(answer.rule == LABS_RULE, answer.status == "active", table.status == "active")
        .order_by(table.family_name, table.given_name, table.mrn, answer.due)
    )  # fmt: skip
    if mrn is not None:
        query = query.where(table.mrn == mrn)
    rows = []
    for row in session.execute(query):
        numbers = json.loads(row.numbers)
        last = numbers.get("last_day")
        rows.append(
            {
                "patient_id": row.id,
                "mrn": row.mrn,
                "name": " ".join(part for part in (row.given_name, row.family_name) if part) or row.mrn,
                "birth_date": row.birth_date,
                "site": row.site,
                "clinician": row.clinician,
                "test": row.subject,
                "label": str(numbers.get("label") or row.subject),
                "state": _state(row.state, numbers),
                "due": row.due,
                "last": dt.date.fromisoformat(last) if last and numbers.get("measured") else None,
                "interval": numbers.get("interval_days"),
                "treatment": numbers.get("treatment", ""),
                "note": numbers.get("note", ""),
                "because": row.cannot_tell_because or "",
            }
        )
    return rows


def _state(answer: str, numbers: dict[str, Any]) -> str:
    if answer == "cannot_tell":
        return answer
    # Stored by another version of the rule, without the state in words: what the answer itself says still stands.
    return str(numbers.get("due_state") or ("overdue" if answer == "met" else "not_due"))


def active_patients(session: Session) -> int:
    """How many patients the panel has."""
    query = sa.select(sa.func.count()).select_from(Patient).where(col(Patient.status) == "active")
    return int(session.execute(query).scalar_one())


def patient_of(session: Session, mrn: str) -> Patient:
    """The active patient of a record number.

    Raises:
        ActionRefused: there is none, or they left the clinic.
    """
    found = session.exec(select(Patient).where(Patient.mrn == mrn)).first()
    if found is None or found.status != "active":
        raise ActionRefused(f"There is no active patient with record number {mrn!r}.")
    return found


def pause(
    session: Session,
    patient: Patient,
    tests: Sequence[str],
    *,
    reason: str,
    until: dt.date | None,
    by: str,
    today: dt.date,
    now: dt.datetime,
) -> list[int]:
    """Leave tests out for a patient up to and including `until`; returns the ids of the pauses.

    Raises:
        ActionRefused: no test, no reason, no end, or an end in the past or too far away.
    """
    if not tests:
        raise ActionRefused("Choose at least one test.")
    if not reason.strip():
        raise ActionRefused("A pause needs a reason.")
    if until is None:
        raise ActionRefused("A pause needs an end, so that somebody looks at it again.")
    if until < today:
        raise ActionRefused("The end of a pause lies in the past.")
    if (until - today).days > LONGEST_PAUSE_DAYS:
        raise ActionRefused(
            f"A pause lasts at most {LONGEST_PAUSE_DAYS} days. Choose an earlier end and renew it then."
        )
    made = [
        MonitoringPause(
            patient_id=patient.id or 0,
            test=test,
            reason=reason.strip(),
            start_on=today,
            until=until,
            author=by,
            created_at=now,
        )
        for test in dict.fromkeys(tests)
    ]
    session.add_all(made)
    _changed(session, patient)
    session.flush()
    return [row.id or 0 for row in made]


def end_pause(session: Session, pause_id: int, *, now: dt.datetime) -> Patient:
    """Take a pause back from now on; returns whose it was.

    Raises:
        ActionRefused: no such pause, or it was taken back already.
    """
    found = session.get(MonitoringPause, pause_id)
    if found is None or found.withdrawn_at is not None:
        raise ActionRefused("This pause has ended already.")
    found.withdrawn_at = now
    session.add(found)
    return _owner(session, found.patient_id)


def take_back_not_done(session: Session, observation_id: int, *, now: dt.datetime) -> Patient:
    """No longer believe, from now on, that a test could not be done; returns whose it was.

    Raises:
        ActionRefused: no such note, or it was replaced already.
    """
    found = session.get(Observation, observation_id)
    if found is None or found.status != NOT_DONE or found.known_to is not None:
        raise ActionRefused("This note was taken back already.")
    # Never believed before it was recorded, and no longer from now on: what was known in between stays answerable.
    found.known_to = max(now, found.received_at)
    session.add(found)
    return _owner(session, found.patient_id)


def excuses(session: Session, patient_id: int, today: dt.date) -> list[dict[str, Any]]:
    """What excuses a patient from tests now: pauses, and tests noted as not done within the last year.

    Rows: `kind` (`pause`, `not_done`), `id`, `what` (a test or measure), `reason`, `day`, `until` (of a pause), `by`.
    """
    pauses = session.exec(
        select(MonitoringPause)
        .where(
            MonitoringPause.patient_id == patient_id,
            col(MonitoringPause.withdrawn_at).is_(None),
            MonitoringPause.until >= today,
        )
        .order_by(col(MonitoringPause.until))
    ).all()
    notes = session.exec(
        select(Observation)
        .where(
            Observation.patient_id == patient_id,
            Observation.status == NOT_DONE,
            col(Observation.known_to).is_(None),
            Observation.effective_on >= today - dt.timedelta(days=LONGEST_PAUSE_DAYS),
        )
        .order_by(col(Observation.effective_on).desc())
    ).all()
    rows: list[dict[str, Any]] = [
        {
            "kind": "pause",
            "id": row.id,
            "what": row.test,
            "reason": row.reason,
            "day": row.start_on,
            "until": row.until,
            "by": row.author,
        }
        for row in pauses
    ]
    return rows + [
        {
            "kind": "not_done",
            "id": row.id,
            "what": row.measure,
            "reason": row.reason or "no reason given",
            "day": row.effective_on,
            "until": None,
            "by": row.entered_by or row.sender,
        }
        for row in notes
    ]


def not_done_ids(session: Session, patient_id: int, source_ids: Sequence[str]) -> list[int]:
    """The ids of notes just written under these ids of ours."""
    query = select(Observation.id).where(
        Observation.patient_id == patient_id, col(Observation.source_id).in_(list(source_ids))
    )
    return [int(found) for found in session.exec(query) if found is not None]


def _owner(session: Session, patient_id: int) -> Patient:
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise ActionRefused("The patient is no longer on file.")
    _changed(session, patient)
    return patient


def _changed(session: Session, patient: Patient) -> None:
    """Let the next evaluation look at the patient again."""
    session.execute(sa.update(Patient).where(col(Patient.id) == patient.id).values(revision=col(Patient.revision) + 1))

"""The visit a patient's response is measured from: chosen once, frozen, and changed only with a reason.

The total improvement score against "the visit before" is another quantity than the score since treatment began, so the
baseline must not move by itself when an older visit is imported. A new choice is a new row; the newest counts.
"""

import datetime as dt

from sqlmodel import Field, Session, SQLModel, col, select

from models.accounts import audit
from models.errors import ActionRefused
from models.patient import Patient


class ResponseBaseline(SQLModel, table=True):
    """From `created_at` on the patient's response is measured from the visit of `visit_on`."""

    __tablename__ = "response_baseline"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True, ondelete="RESTRICT")
    visit_on: dt.date
    reason: str
    author: str
    created_at: dt.datetime


def baseline_of(session: Session, patient_id: int, *, known_at: dt.datetime | None = None) -> ResponseBaseline | None:
    """The baseline chosen for a patient (by an instant), None where nobody has chosen."""
    query = select(ResponseBaseline).where(ResponseBaseline.patient_id == patient_id)
    if known_at is not None:
        query = query.where(ResponseBaseline.created_at <= known_at)
    return session.exec(query.order_by(col(ResponseBaseline.id).desc())).first()


def choose_baseline(
    session: Session,
    patient: Patient,
    visit_on: dt.date | None,
    *,
    reason: str,
    by: str,
    today: dt.date,
    now: dt.datetime,
) -> ResponseBaseline:
    """Freeze a visit as the patient's baseline.

    Raises:
        ActionRefused: no visit, one that lies ahead, the one that holds already, or no reason.
    """
    if visit_on is None:
        raise ActionRefused("Choose the visit that the response is measured from.")
    if visit_on > today:
        raise ActionRefused("The baseline lies ahead. Choose a visit that has happened.")
    if not reason.strip():
        raise ActionRefused("Say why this visit is the baseline: the score means nothing without it.")
    standing = baseline_of(session, patient.id or 0)
    if standing is not None and standing.visit_on == visit_on:
        raise ActionRefused("This visit is the baseline already.")
    row = ResponseBaseline(
        patient_id=patient.id or 0, visit_on=visit_on, reason=reason.strip(), author=by, created_at=now
    )
    session.add(row)
    # No rule reads it, so the patient's revision stays: nothing has to be computed again.
    audit(session, by, "chose response baseline", now=now, patient_id=patient.id)
    session.flush()
    return row

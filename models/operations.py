"""What the jobs page reads: runs, the scheduler's lease, messages to people, and the record of who did what."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.job_run import JobRun, Lease, OutboxMessage
from models.patient import Patient
from models.user import AuditEvent


def runs(session: Session, *, job: str = "", status: str = "", limit: int = 100) -> list[JobRun]:
    """The newest runs, newest first; of one job and one status where named."""
    query = select(JobRun).order_by(col(JobRun.started_at).desc(), col(JobRun.id).desc()).limit(limit)
    if job:
        query = query.where(JobRun.job == job)
    if status:
        query = query.where(JobRun.status == status)
    return list(session.exec(query))


def run_counts(session: Session) -> dict[str, int]:
    """How many runs are on record, by status."""
    query = sa.select(col(JobRun.status), sa.func.count()).group_by(col(JobRun.status))
    return {str(row[0]): int(row[1]) for row in session.execute(query)}


def leases(session: Session) -> list[Lease]:
    """Who may act as the scheduler, until when."""
    return list(session.exec(select(Lease).order_by(col(Lease.name))))


def message_counts(session: Session) -> dict[str, dict[str, int]]:
    """By kind of message, how many were sent, wait, or will not be sent: `sent`, `unsent`."""
    sent = col(OutboxMessage.sent_at).is_not(None)
    query = sa.select(col(OutboxMessage.kind), sent, sa.func.count()).group_by(col(OutboxMessage.kind), sent)
    counts: dict[str, dict[str, int]] = {}
    for kind, was_sent, count in session.execute(query):
        counts.setdefault(kind, {"sent": 0, "unsent": 0})["sent" if was_sent else "unsent"] = count
    return counts


def reasons_unsent(session: Session) -> list[tuple[str, int]]:
    """Why messages were not sent, and how many; the commonest first."""
    count = sa.func.count()
    query = (
        sa.select(col(OutboxMessage.not_sent_because), count)
        .where(col(OutboxMessage.sent_at).is_(None))
        .group_by(col(OutboxMessage.not_sent_because))
        .order_by(count.desc())
    )
    return [(why or "not tried yet", number) for why, number in session.execute(query)]


def messages(session: Session, *, limit: int = 100) -> list[OutboxMessage]:
    """The newest messages, newest first."""
    return list(session.exec(select(OutboxMessage).order_by(col(OutboxMessage.id).desc()).limit(limit)))


def audit_events(session: Session, *, by: str = "", mrn: str = "", limit: int = 200) -> list[dict[str, Any]]:
    """The newest entries of the audit trail, of one person or patient if named.

    Rows: `at`, `by`, `action`, `mrn`, `detail`.
    """
    query = (
        select(AuditEvent, Patient.mrn)
        .join(Patient, col(Patient.id) == col(AuditEvent.patient_id), isouter=True)
        .order_by(col(AuditEvent.id).desc())
        .limit(limit)
    )
    if by:
        query = query.where(AuditEvent.by == by)
    if mrn:
        query = query.where(Patient.mrn == mrn)
    return [
        {"at": event.at, "by": event.by, "action": event.action, "mrn": of or "", "detail": event.detail}
        for event, of in session.exec(query)
    ]


def audit_count(session: Session) -> int:
    """How many entries the audit trail has."""
    return int(session.execute(sa.select(sa.func.count()).select_from(AuditEvent)).scalar_one())

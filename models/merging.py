"""Two record numbers that turned out to be one person's: everything moves to the one that holds, and can move back.

The former patient stays on file as one who has moved, with the alerts there were; whatever comes under the former
number from then on is the other one's. Each row that was moved is remembered, so that undoing moves just these.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from models.accounts import audit
from models.errors import ActionRefused
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.recorded import Recorded
from models.response_baseline import ResponseBaseline
from models.rule_setting import RuleSetting
from models.suggestion import SuggestionAnswer
from models.taper_plan import MonitoringPause, TaperPlan

MOVED: tuple[type[SQLModel], ...] = (
    Observation, MedicationStatement, ClinicalEvent, TaperPlan, MonitoringPause, ResponseBaseline, RuleSetting,
    SuggestionAnswer,
)  # fmt: skip
"""What is the person's and not the record's."""

_LIVE = sa.text("undone_at IS NULL")


class PatientMerge(SQLModel, table=True):
    """`former_mrn` was merged into `into_mrn`; with the same patient on both sides only the number changed."""

    __tablename__ = "patient_merge"
    __table_args__ = (
        sa.Index("uq_patient_merge", "former_mrn", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    id: int | None = Field(default=None, primary_key=True)
    former_mrn: str
    into_mrn: str
    former_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    into_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    former_status: str = Field(description="The status the former patient had.")
    moved: str = Field(description="JSON: table -> ids of the rows that were moved.")
    sender: str
    by: str
    at: dt.datetime
    undone_at: dt.datetime | None = None
    undone_by: str | None = None


def merged_numbers(connection: sa.Connection) -> dict[str, str]:
    """Former record number -> the one that holds now, through every step."""
    table: Any = PatientMerge
    query = sa.select(table.former_mrn, table.into_mrn).where(table.undone_at.is_(None))
    steps: dict[str, str] = {row.former_mrn: row.into_mrn for row in connection.execute(query)}
    found = {}
    for former, into in steps.items():
        seen = {former}
        while into in steps and into not in seen:
            seen.add(into)
            into = steps[into]
        found[former] = into
    return found


def carry_out(
    session: Session, former_mrn: str, into_mrn: str, *, sender: str, by: str, now: dt.datetime
) -> PatientMerge | None:
    """Move everything of a number to another; None where that was done before, or nobody has the former one.

    With nobody under the other number the patient gets it. One that was itself merged stands for the one that holds.
    """
    into_mrn = merged_numbers(session.connection()).get(into_mrn, into_mrn)
    former, into = _patient(session, former_mrn), _patient(session, into_mrn)
    live = select(PatientMerge).where(PatientMerge.former_mrn == former_mrn, col(PatientMerge.undone_at).is_(None))
    if former is None or former_mrn == into_mrn or session.exec(live).first() is not None:
        return None
    moved: dict[str, list[int]] = {}
    status = former.status
    if into is None:
        into = former
        former.mrn = into_mrn
    else:
        moved = {table.__tablename__: _move(session, table, former.id or 0, into.id or 0) for table in MOVED}  # type: ignore[misc]
        former.status = "moved"
    merge = PatientMerge(
        former_mrn=former_mrn, into_mrn=into_mrn, former_id=former.id or 0, into_id=into.id or 0, former_status=status,
        moved=json.dumps(moved), sender=sender, by=by, at=now,
    )  # fmt: skip
    session.add(merge)
    _touch(session, {former.id or 0, into.id or 0}, now)
    session.flush()
    audit(session, by, "patient merged", now=now, patient_id=into.id, detail=f"merge {merge.id}")
    return merge


def undo(session: Session, merge_id: int, *, by: str, now: dt.datetime) -> PatientMerge:
    """Move back what a merge moved, with what corrected it since; what else came since stays with the number that held.

    Raises:
        ActionRefused: there is no such merge, it was undone, or its numbers have changed since.
    """
    merge = session.get(PatientMerge, merge_id)
    if merge is None or merge.undone_at is not None:
        raise ActionRefused(f"There is no merge no. {merge_id} that could be undone.")
    former, into = session.get_one(Patient, merge.former_id), session.get_one(Patient, merge.into_id)
    if into.mrn != merge.into_mrn:
        raise ActionRefused(f"The record number {merge.into_mrn} was changed since; undo that first.")
    if former.id == into.id:
        former.mrn = merge.former_mrn
    else:
        kept: Mapping[str, list[int]] = json.loads(merge.moved)
        for table in MOVED:
            ids = kept.get(str(table.__tablename__), [])
            _set_patient(session, table, _versions(session, table, ids, into.id or 0), former.id or 0)
        former.status = merge.former_status
    merge.undone_at, merge.undone_by = now, by
    _touch(session, {former.id or 0, into.id or 0}, now)
    audit(session, by, "patient merge undone", now=now, patient_id=into.id, detail=f"merge {merge.id}")
    session.flush()
    return merge


def merges(session: Session) -> list[PatientMerge]:
    """Every merge, the newest first."""
    return list(session.exec(select(PatientMerge).order_by(col(PatientMerge.id).desc())))


def _patient(session: Session, mrn: str) -> Patient | None:
    return session.exec(select(Patient).where(Patient.mrn == mrn)).first()


def _move(session: Session, table: Any, former: int, into: int) -> list[int]:
    ids = [int(number) for (number,) in session.execute(sa.select(table.id).where(table.patient_id == former))]
    _set_patient(session, table, ids, into)
    return ids


def _versions(session: Session, table: Any, ids: list[int], of: int) -> list[int]:
    """The rows with the later versions of the same facts."""
    if not issubclass(table, Recorded):
        return ids
    found = set(ids)
    for start in range(0, len(ids), 500):
        these = sa.select(table.identity).where(table.id.in_(ids[start : start + 500]))
        found |= set(session.scalars(sa.select(table.id).where(table.identity.in_(these), table.patient_id == of)))
    return sorted(found)


def _set_patient(session: Session, table: Any, ids: list[int], patient_id: int) -> None:
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        session.execute(sa.update(table).where(table.id.in_(some)).values(patient_id=patient_id))


def _touch(session: Session, patients: set[int], now: dt.datetime) -> None:
    """Their facts are packed and their answers worked out anew."""
    table: Any = Patient
    session.flush()
    session.execute(sa.update(table).where(table.id.in_(patients)).values(revision=table.revision + 1, updated_at=now))
    session.expire_all()

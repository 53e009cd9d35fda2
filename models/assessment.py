"""What the rules last said of each patient that is worth keeping, and the evaluation runs that said it."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class Assessment(SQLModel, table=True):
    """One row per rule, patient and subject that is `met` or cannot be told; what is `not_met` leaves no row.

    Derived from facts at any time; kept so that pages only read.
    """

    __table_args__ = (
        sa.UniqueConstraint("patient_id", "rule", "subject", name="uq_assessment"),
        sa.Index("ix_assessment_state", "state", "rule"),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="CASCADE")
    rule: str
    rule_version: str
    status: str = "active"
    subject: str
    state: str
    grade: str | None = None
    severity: str | None = None
    since: dt.date | None = None
    due: dt.date | None = None
    recheck_on: dt.date | None = None
    explanation: str = ""
    clears_when: str = ""
    suggested_action: str = ""
    cannot_tell_because: str | None = None
    cause: str | None = Field(default=None, description="Why it cannot be told, as a code (`models.states.Cause`).")
    evidence: str = Field(default="[]", description="JSON list of the facts used.")
    numbers: str = Field(default="{}", description="JSON object: the rule's own values, which the explanation quotes.")
    digest: str = Field(default="", description="Of the answer, so that an unchanged one is neither told nor written.")


class RuleInForce(SQLModel, table=True):
    """A rule that the newest evaluation of the clinic asked, in that version: what is not here is new to the clinic."""

    __tablename__ = "rule_in_force"

    rule: str = Field(primary_key=True)
    version: str
    since: dt.date = Field(description="The first day for which this version was asked.")


class EvaluationRun(SQLModel, table=True):
    """One run of the rules over the panel."""

    __tablename__ = "evaluation_run"

    id: int | None = Field(default=None, primary_key=True)
    as_of: dt.date
    full: bool
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    patients: int = 0
    computed: int = 0
    rules_failed: str = Field(default="{}", description="JSON: rule key -> {error, patients}.")
    fingerprint: str = Field(default="", description="Digest of rule versions, thresholds and feed state it rests on.")
    reconciled: bool = True

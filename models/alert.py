"""An alert is one episode of one rule being true of one patient and subject; its events say all that happened to it.

Identity is rule + patient + subject, never the value and never the message. The database itself refuses a second
running episode. State is derived from stored moments (`models.alert_lifecycle.state_of`); nothing is deleted.
"""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class Alert(SQLModel, table=True):
    """One episode. Only `models.alert_lifecycle` writes it."""

    __table_args__ = (
        sa.Index(
            "uq_alert_running",
            "patient_id",
            "rule",
            "subject",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_alert_patient", "patient_id"),
        sa.Index(
            "ix_alert_open",
            "ended_at",
            "severity",
            "covered_by",
            "snoozed_until",
            "acknowledged_at",
            "lapses_on",
            "owner",
            "set_aside",
            "patient_id",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        # Only while a group waits: its count is read with every page.
        sa.Index(
            "ix_alert_aside",
            "patient_id",
            sqlite_where=sa.text("set_aside AND ended_at IS NULL"),
            postgresql_where=sa.text("set_aside AND ended_at IS NULL"),
        ),
        sa.Index(
            "ix_alert_unseen",
            "ended_at",
            sqlite_where=sa.text("ended_at IS NOT NULL AND seen_at IS NULL AND resolved_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NOT NULL AND seen_at IS NULL AND resolved_at IS NULL"),
        ),
        sa.Index(
            "ix_alert_lent",
            "lent_by",
            sqlite_where=sa.text("lent_by IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=sa.text("lent_by IS NOT NULL AND ended_at IS NULL"),
        ),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="ck_alert_acknowledged"),
        sa.CheckConstraint("(snoozed_until IS NULL) = (snoozed_by IS NULL)", name="ck_alert_snoozed"),
        sa.CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="ck_alert_resolved"),
        sa.CheckConstraint(
            "ended_at IS NOT NULL OR (settled_at IS NULL AND resolved_at IS NULL AND withdrawn_at IS NULL)",
            name="ck_alert_ended",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    rule: str
    subject: str
    rule_version: str
    severity: str
    grade: str | None = None
    danger: int = Field(default=0, description="What is in danger (`models.list_order.Danger`); 0: nothing.")
    since: dt.date | None = None
    due: dt.date | None = None
    explanation: str
    clears_when: str = ""
    suggested_action: str = ""
    evidence: str = "[]"
    numbers: str = "{}"
    digest: str = Field(
        default="",
        sa_column_kwargs={"server_default": ""},
        description="Of the answer it was last brought into agreement with.",
    )
    opened_at: dt.datetime
    opened_for: dt.date = Field(description="The day the run that opened it was asked about.")
    last_true_on: dt.date
    cannot_tell_because: str | None = Field(default=None, description="Why the last run could not tell any more.")
    owner: str | None = None
    lent_by: str | None = Field(default=None, description="Whose it is again once they are back (`models.absence`).")
    acknowledged_at: dt.datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_reason: str | None = None
    acknowledged_value: str | None = Field(default=None, description="JSON: severity, grade and numbers when seen.")
    lapses_on: dt.date | None = Field(default=None, description="When an acknowledgement without action lapses.")
    snoozed_until: dt.date | None = None
    snoozed_by: str | None = None
    worsened_at: dt.datetime | None = None
    settled_at: dt.datetime | None = None
    seen_at: dt.datetime | None = Field(default=None, description="When somebody looked at a settled or withdrawn one.")
    resolved_at: dt.datetime | None = None
    resolved_by: str | None = None
    outcome: str | None = None
    withdrawn_at: dt.datetime | None = None
    ended_at: dt.datetime | None = Field(default=None, description="Set once settled, resolved or withdrawn.")
    previous_id: int | None = Field(default=None, foreign_key="alert.id")
    covered_by: str | None = Field(default=None, description="Rule of the more general alert that covers this one.")
    escalation: int = Field(default=0, description="How many times it was escalated; bounded.")
    brought_by: str | None = Field(
        default=None,
        description="What made it be asked: `version 0.2.0`, or `switched on`; empty: something about the patient.",
    )
    handled_at: dt.datetime | None = Field(
        default=None, description="When a person last acted on it; empty again where what they saw was wrong."
    )
    handled_on: dt.date | None = Field(default=None, description="The day of the list on which that was.")
    set_aside: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": "0"},
        description="It came with many others of its kind and stands in their group (`models.alert_lifecycle.aside`).",
    )


class AlertEvent(SQLModel, table=True):
    """Something that happened to an alert: who, when, why. Append-only."""

    __tablename__ = "alert_event"
    __table_args__ = (
        sa.Index("ix_alert_event_alert", "alert_id", "id"),
        # What people did lately: beside what the jobs write, that is little.
        sa.Index(
            "ix_alert_event_by_person",
            "at",
            "alert_id",
            sqlite_where=sa.text("by <> 'myopanel'"),
            postgresql_where=sa.text("by <> 'myopanel'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", ondelete="RESTRICT")
    at: dt.datetime
    event: str
    by: str
    reason: str | None = None
    note: str | None = None
    detail: str = "{}"

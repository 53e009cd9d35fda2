"""Accounts, sessions, and the record of who did and who read what."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

ROLES = ("nurse", "physician", "admin", "viewer", "service")


class User(SQLModel, table=True):
    """A person or a machine that may sign in."""

    __tablename__ = "user_account"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    display_name: str = ""
    email: str = ""
    role: str
    password_hash: str = ""
    token_hash: str | None = Field(default=None, index=True, description="SHA-256 of a service's bearer token.")
    disabled_at: dt.datetime | None = None
    failed_attempts: int = 0
    locked_until: dt.datetime | None = None
    theme: str = "auto"
    created_at: dt.datetime


class UserSession(SQLModel, table=True):
    """A sign-in on one browser; revocable. Polling by the page does not keep it alive, the user's own action does."""

    __tablename__ = "user_session"

    id: str = Field(primary_key=True, description="SHA-256 of the random id in the cookie.")
    user_id: int = Field(foreign_key="user_account.id", index=True, ondelete="CASCADE")
    csrf: str
    created_at: dt.datetime
    last_action_at: dt.datetime
    ended_at: dt.datetime | None = None


class AuditEvent(SQLModel, table=True):
    """Who did what, when; reading a patient's page too. Append-only."""

    __tablename__ = "audit_event"
    __table_args__ = (sa.Index("ix_audit_patient", "patient_id", "at"), sa.Index("ix_audit_at", "at"))

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime
    by: str
    action: str
    patient_id: int | None = Field(default=None, foreign_key="patient.id", ondelete="RESTRICT")
    detail: str = ""


class PatientReview(SQLModel, table=True):
    """A clinician looked at a patient's data as they stood at `revision`; undone the same day by the same person."""

    __tablename__ = "patient_review"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True, ondelete="RESTRICT")
    by: str
    at: dt.datetime
    revision: int
    undone_at: dt.datetime | None = None

"""A clinic's or a patient's own value for a rule's parameter, and a rule's status: from when, by whom, why."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class RuleSetting(SQLModel, table=True):
    """One parameter of one rule, for the clinic (`patient_id` empty) or one patient. Superseded by a later row."""

    __tablename__ = "rule_setting"
    __table_args__ = (sa.Index("ix_rule_setting", "rule", "parameter", "valid_from"),)

    id: int | None = Field(default=None, primary_key=True)
    rule: str
    patient_id: int | None = Field(default=None, foreign_key="patient.id", ondelete="RESTRICT")
    parameter: str
    value: str = Field(description="JSON.")
    reason: str
    author: str
    valid_from: dt.date
    expires_on: dt.date | None = Field(default=None, description="Last day it holds; always set for a patient's own.")
    created_at: dt.datetime


class RuleStatusChange(SQLModel, table=True):
    """draft, shadow, active or retired, from a day on."""

    __tablename__ = "rule_status_change"

    id: int | None = Field(default=None, primary_key=True)
    rule: str = Field(index=True)
    status: str
    reason: str
    author: str
    valid_from: dt.date
    created_at: dt.datetime

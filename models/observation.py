"""One measured or scored fact."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.recorded import Recorded

STATUSES = ("final", "corrected", "entered-in-error", "cancelled", "not-done")
VALID = ("final", "corrected")


class Observation(Recorded, table=True):
    """A value with its unit as sent and in the measure's canonical unit, and the limits reported with it.

    Troponin T, troponin I and each assay are separate series; a strength score is only ever compared with scores of
    the same `measure` and `max_value`.
    """

    __table_args__ = (
        sa.UniqueConstraint("identity", "content", "received_at", name="uq_observation_version"),
        # What a rule reads, for one patient or for all: no table row is touched for it.
        sa.Index(
            "ix_observation_current",
            "patient_id",
            "measure",
            "effective_on",
            "value",
            "id",
            sqlite_where=sa.text("known_to IS NULL"),
            postgresql_where=sa.text("known_to IS NULL"),
        ),
        sa.Index("ix_observation_day", "effective_on", "patient_id"),
        sa.Index("ix_observation_identity", "identity"),
        # Which sender delivered what on which day, without touching a row.
        sa.Index("ix_observation_received", "sender", "measure", "received_on"),
        sa.Index(
            "ix_observation_not_done",
            "patient_id",
            "effective_on",
            sqlite_where=sa.text("status = 'not-done'"),
            postgresql_where=sa.text("status = 'not-done'"),
        ),
        sa.CheckConstraint("status NOT IN ('final', 'corrected') OR value IS NOT NULL", name="ck_observation_value"),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    measure: str
    value: float | None = Field(default=None, description="In the measure's canonical unit.")
    comparator: str = Field(default="", description="'', '<' or '>': the value is a bound, not a point.")
    unit: str = ""
    value_sent: str = ""
    unit_sent: str = ""
    max_value: float | None = None
    upper_limit: float | None = Field(default=None, description="As reported with this result, canonical unit.")
    lower_limit: float | None = None
    assay: str | None = None
    assessor: str | None = None
    status: str = "final"
    reason: str | None = None
    comment: str | None = None
    effective_at: dt.datetime
    effective_on: dt.date = Field(description="The clinic day of `effective_at`; rules see days.")


class ObservationItem(SQLModel, table=True):
    """One muscle or one CMAS item of a scored observation."""

    __tablename__ = "observation_item"

    id: int | None = Field(default=None, primary_key=True)
    observation_id: int = Field(foreign_key="observation.id", index=True, ondelete="CASCADE")
    item: str
    side: str = ""
    score: float | None = None
    seconds: float | None = None

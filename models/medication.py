"""What a patient takes, as stated: drug, dose, frequency, from when to when."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field

from models.recorded import Recorded

STATUSES = ("active", "stopped", "entered-in-error")


class MedicationStatement(Recorded, table=True):
    """One drug at one dose over one stretch of days; `end_on` is the last day taken, empty means continuing."""

    __tablename__ = "medication_statement"
    __table_args__ = (
        sa.UniqueConstraint("identity", "content", name="uq_medication_version"),
        sa.Index("ix_medication_current", "patient_id", "known_to", "start_on"),
        sa.CheckConstraint("end_on IS NULL OR end_on >= start_on", name="ck_medication_days"),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    drug: str
    dose: float
    unit: str
    frequency: str
    route: str = "oral"
    start_on: dt.date
    end_on: dt.date | None = None
    intent: str = "daily"
    status: str = "active"

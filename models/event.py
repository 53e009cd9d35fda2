"""Symptoms, procedures, screening done, exposures and conditions."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field

from models.recorded import Recorded

CONFIRMED = "medication_confirmed"
"""Somebody confirmed with the patient what is taken: the drug named in `detail`, all that run where it is empty."""


class ClinicalEvent(Recorded, table=True):
    """Something that was (or expressly was not, `present` false) the case on a day or over a stretch of days."""

    __tablename__ = "clinical_event"
    __table_args__ = (
        sa.UniqueConstraint("identity", "content", name="uq_event_version"),
        sa.Index("ix_event_current", "patient_id", "known_to", "occurred_on"),
        sa.CheckConstraint("end_on IS NULL OR end_on >= occurred_on", name="ck_event_days"),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    event: str
    occurred_on: dt.date
    end_on: dt.date | None = None
    present: bool = True
    detail: str = ""
    status: str = "final"

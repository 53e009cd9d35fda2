"""A patient's own planned steroid taper, and pauses in monitoring: what was agreed, by whom, until when."""

import datetime as dt

from sqlmodel import Field, SQLModel


class TaperPlan(SQLModel, table=True):
    """Planned steps for one patient. A new plan replaces the one before by its `agreed_on`; nothing is deleted."""

    __tablename__ = "taper_plan"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True, ondelete="RESTRICT")
    template: str = Field(default="", description="Template it was drawn from, or empty for a plan of its own.")
    agreed_on: dt.date
    author: str
    note: str = ""
    created_at: dt.datetime
    withdrawn_at: dt.datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_because: str | None = None


class TaperStep(SQLModel, table=True):
    """From `start_on` the planned dose is `dose_mg` of prednisone-equivalent a day."""

    __tablename__ = "taper_step"

    id: int | None = Field(default=None, primary_key=True)
    plan_id: int = Field(foreign_key="taper_plan.id", index=True, ondelete="CASCADE")
    start_on: dt.date
    dose_mg: float = Field(ge=0)


class MonitoringPause(SQLModel, table=True):
    """A test that need not be done for this patient for a while, with the reason and an end."""

    __tablename__ = "monitoring_pause"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True, ondelete="RESTRICT")
    test: str
    reason: str
    start_on: dt.date
    until: dt.date
    author: str
    created_at: dt.datetime
    withdrawn_at: dt.datetime | None = None

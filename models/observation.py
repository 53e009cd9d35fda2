"""One measured or scored fact."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.column_types import Day, Instant
from models.recorded import Recorded

STATUSES = ("final", "corrected", "entered-in-error", "cancelled", "not-done")
VALID = ("final", "corrected")


class Observation(Recorded, table=True):
    """A value with its unit as sent and in the measure's canonical unit, and the limits reported with it.

    Troponin T, troponin I and each assay are separate series; a strength score is only ever compared with scores of
    the same `measure` and `max_value`.
    """

    __table_args__ = (
        # Its first column also finds the versions of a fact.
        sa.UniqueConstraint("identity", "content", name="uq_observation_version"),
        sa.Index("ix_observation_patient", "patient_id", "effective_on"),
        # Whose facts become true on a day: no row is touched for it.
        sa.Index("ix_observation_day", "effective_on", "patient_id"),
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
    value_sent: str = Field(default="", description="As sent; empty where it is `value` written plainly: see `sent`.")
    unit_sent: str = Field(default="", description="As sent; empty where it is `unit`: see `sent`.")
    max_value: float | None = None
    upper_limit: float | None = Field(default=None, description="As reported with this result, canonical unit.")
    lower_limit: float | None = None
    assay: str | None = None
    assessor: str | None = None
    status: str = "final"
    reason: str | None = None
    comment: str | None = None
    effective_at: dt.datetime = Field(sa_type=Instant)
    effective_on: dt.date = Field(sa_type=Day, description="The clinic day of `effective_at`; rules see days.")

    @property
    def sent(self) -> tuple[str, str]:
        """Value and unit as the sender wrote them."""
        if self.value is None:
            return self.value_sent, self.unit_sent
        return self.value_sent or plainly(self.comparator, self.value), self.unit_sent or self.unit


def plainly(comparator: str, value: float) -> str:
    """A value as most senders write it: `12.5`, `182`, `<5`."""
    return f"{comparator}{int(value) if value.is_integer() else value}"


class ObservationItem(SQLModel, table=True):
    """One muscle or one CMAS item of a scored observation."""

    __tablename__ = "observation_item"

    id: int | None = Field(default=None, primary_key=True)
    observation_id: int = Field(foreign_key="observation.id", index=True, ondelete="CASCADE")
    item: str
    side: str = ""
    score: float | None = None
    seconds: float | None = None

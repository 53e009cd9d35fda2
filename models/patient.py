"""A patient of the clinic, as the panel needs them."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

STATUSES = ("active", "discharged", "deceased", "moved")
LEFT = tuple(status for status in STATUSES if status != "active")
SEXES = ("female", "male", "other", "unknown")


class Patient(SQLModel, table=True):
    """One person under one record number (`mrn`), compared exactly as text."""

    __table_args__ = (
        # Few at any time: whose newest facts no evaluation has looked at.
        sa.Index(
            "ix_patient_waiting",
            "status",
            "evaluated_revision",
            sqlite_where=sa.text("revision <> evaluated_revision"),
            postgresql_where=sa.text("revision <> evaluated_revision"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    mrn: str = Field(unique=True, index=True)
    family_name: str = ""
    given_name: str = ""
    birth_date: dt.date | None = None
    sex: str = "unknown"
    diagnosis: str = "UNSPECIFIED"
    diagnosed_on: dt.date | None = None
    autoantibodies: str = Field(default="", description="Codes separated by `;`, sorted.")
    site: str = Field(default="", index=True)
    clinician: str = ""
    status: str = Field(default="active", index=True)
    created_at: dt.datetime
    updated_at: dt.datetime
    revision: int = Field(default=1, description="Grows with every change to this patient's facts.")
    evaluated_revision: int = Field(default=0, description="The revision the stored assessments rest on.")
    look_again_on: dt.date | None = Field(
        default=None, index=True, description="First day on which an answer may change without a new fact."
    )
    looks: str = Field(
        default="{}", sa_column_kwargs={"server_default": "{}"}, description="JSON: rule key -> its own first such day."
    )

    @property
    def name(self) -> str:
        """Given and family name, or the record number where neither is known."""
        return " ".join(part for part in (self.given_name, self.family_name) if part) or self.mrn


def ids_of_left() -> Any:
    """Patients who are no longer under the clinic's care, as a query of ids."""
    return sa.select(col(Patient.id)).where(col(Patient.status).in_(LEFT))


def says(word: str, *, start_of_mrn: bool = False) -> Any:
    """Whether the name has a word, or the record number has it (or starts with it)."""
    plain = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    number = f"{plain}%" if start_of_mrn else f"%{plain}%"
    return sa.or_(
        col(Patient.mrn).ilike(number, escape="\\"),
        col(Patient.family_name).ilike(f"%{plain}%", escape="\\"),
        col(Patient.given_name).ilike(f"%{plain}%", escape="\\"),
    )


def name_of(row: Any) -> str:
    """Given and family name of a row of patients, or the record number where neither is known."""
    return " ".join(part for part in (row.given_name, row.family_name) if part) or str(row.mrn)

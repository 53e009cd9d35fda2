"""The row that holds one patient's packed observations; `models.patient_series` packs and reads them.

Apart from it, because every command needs all tables and few commands need arrays.
"""

from sqlmodel import Field, SQLModel


class PatientSeries(SQLModel, table=True):
    """One patient's observations: a header (names of measures, assays, assessors), then one column after the other."""

    __tablename__ = "patient_series"

    patient_id: int = Field(primary_key=True, foreign_key="patient.id", ondelete="CASCADE")
    revision: int
    packed: bytes

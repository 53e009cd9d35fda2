"""What a clinician answered to a suggestion. The suggestion itself is worked out from facts each time."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class SuggestionAnswer(SQLModel, table=True):
    """Accepted, declined or put off, with the reason; kept with the suggestion as it was shown."""

    __tablename__ = "suggestion_answer"
    __table_args__ = (sa.Index("ix_suggestion_answer", "patient_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", ondelete="RESTRICT")
    key: str
    answer: str
    option: str | None = None
    note: str | None = None
    by: str
    at: dt.datetime
    as_of: dt.date
    shown: str = Field(description="JSON of the suggestion as it was shown.")

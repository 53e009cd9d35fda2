"""What every fact carries besides itself: who sent it, when we learned it, and until when it was believed.

A correction is a new row. The row it replaces keeps its content and gets `known_to`, the instant at which the
correction became known, so that "what did we know on 3 March" is one comparison.
"""

import datetime as dt

from sqlmodel import Field, SQLModel

from models.column_types import CONTENT_BYTES, IDENTITY_BYTES, Day, Digest, Instant


class Recorded(SQLModel):
    """Columns shared by observations, medication statements and clinical events."""

    received_at: dt.datetime = Field(
        sa_type=Instant, description="When we learned it (UTC). A history being loaded: when it was true."
    )
    received_on: dt.date = Field(sa_type=Day, description="The clinic day of `received_at`.")
    known_to: dt.datetime | None = Field(
        default=None, sa_type=Instant, description="When a later version replaced it; empty: current."
    )
    imported_at: dt.datetime = Field(sa_type=Instant, description="When the row was written here (UTC).")
    sender: str = Field(description="Who delivered it: `csv`, a laboratory, a signed-in person.")
    source_id: str | None = Field(default=None, description="The sender's own id of this fact.")
    identity: bytes = Field(
        sa_type=Digest(IDENTITY_BYTES),
        description="Digest of what makes two rows versions of the same fact (never its value alone).",
    )
    content: bytes = Field(
        sa_type=Digest(CONTENT_BYTES),
        description="Digest of everything said, to recognise a row that says nothing new.",
    )
    batch_id: int | None = Field(default=None, foreign_key="import_batch.id", ondelete="RESTRICT")
    line: int | None = Field(default=None, description="Line in the file it came from.")
    entered_by: str | None = Field(default=None, description="User name, when entered by hand.")


def own_columns(model: type[Recorded]) -> tuple[str, ...]:
    """The columns that say what the fact is: those of its table without whose it is and what every fact carries."""
    return tuple(name for name in model.model_fields if name not in {"id", "patient_id", *Recorded.model_fields})

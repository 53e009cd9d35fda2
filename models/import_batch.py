"""Where each fact came from, and what was refused: nothing that arrived is ever lost."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.column_types import IDENTITY_BYTES, Digest

_ONCE = sa.text("digest IS NOT NULL")


class ImportBatch(SQLModel, table=True):
    """One import: a folder, a workbook, a message. read = created + updated + unchanged + waiting + rejected."""

    __tablename__ = "import_batch"

    id: int | None = Field(default=None, primary_key=True)
    format: str
    name: str
    sender: str
    by: str
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rejected: int = 0
    warnings: str = Field(default="[]", description="JSON list of sentences (unknown columns and the like).")


class ImportFile(SQLModel, table=True):
    """The same counts for one file of a batch."""

    __tablename__ = "import_file"

    id: int | None = Field(default=None, primary_key=True)
    batch_id: int = Field(foreign_key="import_batch.id", index=True, ondelete="RESTRICT")
    name: str
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rejected: int = 0


class RejectedRow(SQLModel, table=True):
    """A row that was not taken over, kept whole with where it stood and why."""

    __tablename__ = "rejected_row"
    __table_args__ = (sa.Index("ix_rejected_row_digest", "digest", sqlite_where=_ONCE, postgresql_where=_ONCE),)

    id: int | None = Field(default=None, primary_key=True)
    batch_id: int = Field(foreign_key="import_batch.id", index=True, ondelete="RESTRICT")
    file: str
    line: int
    column: str = ""
    value: str = ""
    why: str
    row: str = Field(description="JSON of the row as it was sent.")
    digest: bytes | None = Field(
        default=None,
        sa_type=Digest(IDENTITY_BYTES),
        description="Of a message's row: recognises it when it is sent again, so that it is counted once.",
    )

"""Which job ran for which day, how it ended; and the lease that makes the scheduler the only one."""

import datetime as dt

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class JobRun(SQLModel, table=True):
    """One run of one job for one slot. A slot is run to success once; a failed or killed try is kept and repeated."""

    __tablename__ = "job_run"
    __table_args__ = (
        sa.Index(
            "uq_job_run_done",
            "job",
            "slot",
            unique=True,
            sqlite_where=sa.text("status = 'succeeded'"),
            postgresql_where=sa.text("status = 'succeeded'"),
        ),
        sa.Index("ix_job_run_job", "job", "started_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    job: str
    slot: str = Field(description="The moment it was due (ISO, UTC), or `manual-...`.")
    as_of: dt.date
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    status: str = "running"
    owner: str = ""
    rows: int = 0
    message: str = ""
    detail: str = "{}"


class Lease(SQLModel, table=True):
    """Who may act as the scheduler, until when. Taken and renewed by compare-and-set."""

    name: str = Field(primary_key=True)
    holder: str
    expires_at: dt.datetime
    renewed_at: dt.datetime


class OutboxMessage(SQLModel, table=True):
    """A message to people, written in the same transaction as what it tells; sent once, every non-sending explained."""

    __tablename__ = "outbox_message"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, description="Idempotency key: the same digest is never written twice.")
    recipient: str
    kind: str
    subject: str
    body: str = Field(description="Counts and links only; never a patient's name, number or value.")
    created_at: dt.datetime
    sent_at: dt.datetime | None = None
    tries: int = 0
    not_before: dt.datetime | None = Field(default=None, description="Claimed, or to be tried again, from then on.")
    not_sent_because: str = ""


class Installation(SQLModel, table=True):
    """What is true of the whole database, such as the zone its clinical dates were worked out in."""

    key: str = Field(primary_key=True)
    value: str

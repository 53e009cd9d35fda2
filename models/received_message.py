"""Messages that other systems sent over the wire, each kept byte for byte before anything is made of it."""

import datetime as dt
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

_OPEN = sa.text("answer IS NULL")


class ReceivedMessage(SQLModel, table=True):
    """One message as it came, however often it came. Until `answer` is set nobody was told that it is taken over."""

    __tablename__ = "received_message"
    __table_args__ = (
        sa.Index("ix_received_message_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        sa.Index("ix_received_message_sender", "sender", "last_at", "answer"),
    )

    id: int | None = Field(default=None, primary_key=True)
    digest: bytes = Field(unique=True, description="SHA-256 of `content`: the same message again is the same row.")
    content: bytes = Field(description="What stood within the frame; of what is no HL7 its beginning.")
    sender: str = Field(description="`hl7:` with MSH-3 and MSH-4.")
    type: str = Field(default="", description="MSH-9, such as ORU^R01.")
    number: str = Field(default="", description="MSH-10.")
    first_at: dt.datetime
    last_at: dt.datetime
    times: int = 1
    batch_id: int | None = Field(default=None, foreign_key="import_batch.id", ondelete="RESTRICT")
    answer: str | None = Field(default=None, description="AA, AE or AR; empty until it is read to its end.")
    answered_at: dt.datetime | None = None
    problems: str = Field(default="[]", description="JSON of what was answered: code, reason, place.")
    failed: str = Field(default="", description="What went wrong inside when it was last read; it is tried again.")


class Heard(NamedTuple):
    """What a sender's messages came to: how many, the newest one, and how many were not taken over."""

    sender: str
    messages: int
    last_at: dt.datetime
    not_taken: int
    unread: int


def heard_of(session: Session) -> list[Heard]:
    """Every sender, the one heard last first. It reads an index to its end: not for every page."""
    table = ReceivedMessage
    last = sa.func.max(table.last_at)
    refused = sa.func.count().filter(col(table.answer) != "AA")
    unread = sa.func.count().filter(col(table.answer).is_(None))
    query = sa.select(col(table.sender), sa.func.count(), last, refused, unread).group_by(col(table.sender))
    return [Heard(*row) for row in session.execute(query.order_by(last.desc()))]


def newest_message(session: Session) -> dt.datetime | None:
    """When a message last came that had not come before; None where none ever came."""
    return session.exec(select(ReceivedMessage.first_at).order_by(col(ReceivedMessage.id).desc()).limit(1)).first()


def unread_messages(session: Session, *, after: int = 0, limit: int | None = None) -> list[int]:
    """Messages that were kept and not read to their end, in the order in which they came; those behind `after`."""
    query = (
        select(ReceivedMessage.id)
        .where(col(ReceivedMessage.answer).is_(None), col(ReceivedMessage.id) > after)
        .order_by(col(ReceivedMessage.id))
        .limit(limit)
    )
    return [number for number in session.exec(query) if number is not None]

"""What arrived and waits for a decision, and the decisions that were made once for a sender.

Nothing that waits is lost and nothing of it is believed: the row is kept as it was sent, with what it waits for. A
decision (`SenderMapping`) holds for everything this sender sends from then on, and lets what waited flow.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from models.column_types import IDENTITY_BYTES, Digest

WaitingKind = Literal["code", "unit", "patient", "value", "drug"]
KINDS: tuple[WaitingKind, ...] = get_args(WaitingKind)
ANY = "*"
"""In a decision: whatever this sender sends of the kind that nothing else decides."""

LEARNED = "learned"
"""Who decided where a sender's own messages told it: its first authority, its decimal mark."""

_LIVE = sa.text("removed_at IS NULL")
_WAITS = sa.text("mapping_id IS NULL")


class SenderMapping(SQLModel, table=True):
    """One decision about what a sender means: a code, a unit, a patient number, a form of value, a drug."""

    __tablename__ = "sender_mapping"
    __table_args__ = (
        sa.Index(
            "uq_sender_mapping", "sender", "kind", "what", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    sender: str
    kind: str
    what: str = Field(description="As `myopanel waiting` shows it; `*` for all of the kind.")
    to: str = Field(default="", description="Measure, record number, unit, drug or form of value; empty: not ours.")
    unit: str = Field(default="", description="Of a code: the unit its values have where the sender names none.")
    not_ours: bool = False
    by: str
    at: dt.datetime
    removed_at: dt.datetime | None = None
    removed_by: str | None = None


class WaitingRow(SQLModel, table=True):
    """A row that waits, kept as it was sent; or, with `mapping_id`, the mere trace that it came and was not ours."""

    __tablename__ = "waiting_row"
    __table_args__ = (
        sa.UniqueConstraint("sender", "digest", name="uq_waiting_row"),
        sa.Index("ix_waiting_row", "sender", "kind", "what", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )

    id: int | None = Field(default=None, primary_key=True)
    sender: str
    digest: bytes = Field(sa_type=Digest(IDENTITY_BYTES), description="Recognises the same row when it is sent again.")
    format: str = Field(description="How `sent` is read again: hl7, fhir.")
    kind: str
    what: str
    why: str = ""
    example: str = Field(default="", description="Value and unit, to recognise what it is about.")
    file: str = ""
    line: int = 0
    sent: str = Field(default="", description="The row as sent; empty once it is known not to be ours.")
    batch_id: int | None = Field(default=None, foreign_key="import_batch.id", ondelete="RESTRICT")
    first_at: dt.datetime
    mapping_id: int | None = Field(default=None, foreign_key="sender_mapping.id", ondelete="RESTRICT")


def mappings_in_force(session: Session) -> list[SenderMapping]:
    """Every decision that holds, in the order in which they were made."""
    query = select(SenderMapping).where(col(SenderMapping.removed_at).is_(None)).order_by(col(SenderMapping.id))
    return list(session.exec(query))


def mapping_of(session: Session, sender: str, kind: str, what: str) -> SenderMapping | None:
    """The decision that holds for exactly this, or None."""
    query = select(SenderMapping).where(
        SenderMapping.sender == sender,
        SenderMapping.kind == kind,
        SenderMapping.what == what,
        col(SenderMapping.removed_at).is_(None),
    )
    return session.exec(query).first()


def waiting_groups(session: Session, *, kind: str | None = None, sender: str | None = None) -> list[dict[str, Any]]:
    """What waits, one row for each thing to decide, longest waiting first.

    Each has `id` (of its first row), `sender`, `kind`, `what`, `count`, `first_at`, `example`, `why`.
    """
    table: Any = WaitingRow
    wanted = [table.mapping_id.is_(None)]
    if kind is not None:
        wanted.append(table.kind == kind)
    if sender is not None:
        wanted.append(table.sender == sender)
    groups = (
        sa.select(sa.func.min(table.id).label("id"), sa.func.count().label("count"))
        .where(*wanted)
        .group_by(table.sender, table.kind, table.what)
        .subquery()
    )
    query = (
        sa.select(table.sender, table.kind, table.what, table.first_at, table.example, table.why, groups)
        .join(groups, table.id == groups.c.id)
        .order_by(table.id)
    )
    names = ("id", "sender", "kind", "what", "count", "first_at", "example", "why")
    return [{name: row[name] for name in names} for row in session.execute(query).mappings()]


def waiting_rows(
    connection: sa.Connection, sender: str, kind: str, whats: Sequence[str] | None
) -> Sequence[tuple[str, str, int, str]]:
    """(format, file, line, as sent) of what waits, in the order of arrival; `whats` None: all of the kind."""
    table: Any = WaitingRow
    wanted = [table.mapping_id.is_(None), table.sender == sender, table.kind == kind]
    if whats is not None:
        wanted.append(table.what.in_(whats))
    query = sa.select(table.format, table.file, table.line, table.sent).where(*wanted).order_by(table.id)
    return [(row.format, row.file, row.line, row.sent) for row in connection.execute(query)]


def traces_of(session: Session) -> dict[int, int]:
    """By decision: how many rows came that were not ours."""
    table: Any = WaitingRow
    query = sa.select(table.mapping_id, sa.func.count()).where(table.mapping_id.is_not(None)).group_by(table.mapping_id)
    return {int(number): int(count) for number, count in session.execute(query)}

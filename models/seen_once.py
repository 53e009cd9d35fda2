"""What a machine may say only once: a token that admits one request, a piece of feedback that is sent again."""

import datetime as dt
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col


class SeenOnce(SQLModel, table=True):
    """That something was said, by its digest; what it was is kept elsewhere or not at all."""

    __tablename__ = "seen_once"

    digest: bytes = Field(primary_key=True)
    at: dt.datetime
    until: dt.datetime | None = Field(default=None, description="From then on nobody can say it any more.")


def first_time(session: Session, *said: str, now: dt.datetime, until: dt.datetime | None = None) -> bool:
    """Whether this is said for the first time; it is not from now on. The primary key decides between two at once.

    Args:
        until: it need not be remembered after this instant, because it is refused by then anyway.
    """
    table = SeenOnce
    session.execute(sa.delete(table).where(col(table.until) < now), execution_options={"synchronize_session": False})
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {"digest": sha256(repr(said).encode("utf-8", "surrogatepass")).digest(), "at": now, "until": until}
    statement = insert(table).values(row).on_conflict_do_nothing().returning(col(table.digest))
    return session.execute(statement).scalar() is not None

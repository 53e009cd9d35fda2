"""A lease: the right to act as the scheduler, held by one process at a time and lost when its holder dies.

It is one row in the database, taken and renewed by compare-and-set, so that it works alike on SQLite and PostgreSQL
and across machines. A holder that dies hard renews no more, and after the expiry the next one takes over. Whoever
records something under a lease checks in the same transaction that it is still theirs (`fence`): a process that was
suspended for minutes and wakes up must not write over its successor's work.

Every function is told the time. The clocks of the machines must agree to within the expiry.
"""

import datetime as dt
import os
import secrets
import socket

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult, Engine
from sqlmodel import Session, col

from models.database import reading, writing
from models.errors import MyopanelError
from models.job_run import Lease

SCHEDULER = "scheduler"
"""Name of the lease under which jobs are run; a listener for HL7 shows under one of its own that it is alive."""
LASTS = dt.timedelta(seconds=30)
RENEWED_EVERY = dt.timedelta(seconds=10)


class LeaseLost(MyopanelError):
    """Another process has taken over, or nobody renewed the lease in time."""


def new_holder() -> str:
    """A name for this process as a holder: `host:pid:random`. The random part tells a recycled pid apart."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def acquire(engine: Engine, name: str, holder: str, now: dt.datetime, *, lasts: dt.timedelta = LASTS) -> bool:
    """Take the lease if it is free, expired or already ours; says whether it is ours now."""
    with writing(engine) as session:
        taken = _changed(
            session,
            sa.update(Lease)
            .where(col(Lease.name) == name, sa.or_(col(Lease.holder) == holder, col(Lease.expires_at) <= now))
            .values(holder=holder, expires_at=now + lasts, renewed_at=now),
        )
        if taken:
            return True
        # Nobody has ever held it, or somebody does: the primary key decides between two who try at once.
        return _inserted_first(session, name, holder, now, now + lasts)


def renew(engine: Engine, name: str, holder: str, now: dt.datetime, *, lasts: dt.timedelta = LASTS) -> bool:
    """Prolong a lease that is ours and has not expired; False when it is not ours any more."""
    with writing(engine) as session:
        return _changed(
            session,
            sa.update(Lease)
            .where(col(Lease.name) == name, col(Lease.holder) == holder, col(Lease.expires_at) > now)
            .values(expires_at=now + lasts, renewed_at=now),
        )


def release(engine: Engine, name: str, holder: str, now: dt.datetime) -> bool:
    """Let go, so that the next process need not wait for the expiry. Does nothing to somebody else's lease."""
    with writing(engine) as session:
        return _changed(
            session,
            sa.update(Lease)
            .where(col(Lease.name) == name, col(Lease.holder) == holder, col(Lease.expires_at) > now)
            .values(expires_at=now),
        )


def fence(session: Session, name: str, holder: str, now: dt.datetime) -> None:
    """Hold the lease row until this transaction ends, or refuse: nobody can take over in between.

    Raises:
        LeaseLost: the lease has expired or is another's.
    """
    # An update rather than a select: it locks the row on PostgreSQL and asks for the write lock on SQLite.
    ours = _changed(
        session,
        sa.update(Lease)
        .where(col(Lease.name) == name, col(Lease.holder) == holder, col(Lease.expires_at) > now)
        .values(renewed_at=now),
    )
    if not ours:
        raise LeaseLost("The lease was lost while the job was running; whoever holds it now repeats the job.")


def standing(engine: Engine, name: str) -> Lease | None:
    """The lease as it stands, expired or not; None when nobody ever held it."""
    with reading(engine) as session:
        return session.get(Lease, name)


def _changed(session: Session, statement: sa.Executable) -> bool:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return isinstance(result, CursorResult) and result.rowcount == 1


def _inserted_first(session: Session, name: str, holder: str, now: dt.datetime, expires_at: dt.datetime) -> bool:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {"name": name, "holder": holder, "renewed_at": now, "expires_at": expires_at}
    # What the statement returns, not its row count: PostgreSQL's driver does not count inserted rows.
    statement = insert(Lease).values(row).on_conflict_do_nothing().returning(col(Lease.name))
    return session.execute(statement).scalar() is not None

"""Two imports at once write one block after the other: both could find a fact unknown and store it twice."""

import sqlalchemy as sa
from sqlmodel import Session

IMPORT_LOCK = 0x4D594F
"""Key of the PostgreSQL lock that lets one import write at a time, as SQLite does by itself."""


def one_import_at_a_time(session: Session) -> None:
    """Wait until no other import is within a transaction; until the end of this one the others wait."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(IMPORT_LOCK)))

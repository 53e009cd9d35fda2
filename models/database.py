"""Engine, sessions, schema version, backup. Nothing else opens a connection.

SQLite runs in WAL mode with foreign keys on. A writing transaction takes the write lock when it begins (`BEGIN
IMMEDIATE`): with SQLite's deferred default, two read-modify-write transactions silently lose one of the updates.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from models.errors import MyopanelError, UsageError

WRITE = "myopanel_write"
BUSY_SECONDS = 30
VERSIONS = Path(__file__).parent / "migrations" / "versions"
UNUSABLE = (sa.exc.OperationalError, sa.exc.DatabaseError)
"""What says that there is no database to speak to, or that the file is none; their subclasses are our own mistakes."""


def engine_for(url: str, *, durable: bool = False) -> Engine:
    """An engine on a database URL, with the connection settings the rest of the code relies on.

    Args:
        durable: a commit survives a power cut, as it always does on PostgreSQL. SQLite otherwise loses the last moments
            then, which nobody minds who can repeat what he did; a sender who was told "taken" does not repeat it.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    # Parameters are patients' values: an error text, which ends in logs and on screens, must not repeat them.
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # We send BEGIN ourselves, below; the driver's own implicit BEGIN would come too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one consistent state and must not write."""
    with engine.connect() as connection, Session(bind=connection, autoflush=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: committed at the end, rolled back whole if anything is raised."""
    # Rows are written in the order of the foreign keys between all tables, whichever of them the caller imported.
    import models.tables  # noqa: F401

    with (
        engine.connect().execution_options(**{WRITE: True}) as connection,
        connection.begin(),
        Session(bind=connection, expire_on_commit=False) as session,
    ):
        yield session
        session.flush()


def is_sqlite(engine: Engine) -> bool:
    """Whether the engine is on SQLite."""
    return engine.dialect.name == "sqlite"


def is_postgresql(connection: sa.Connection) -> bool:
    """Whether the connection is to a PostgreSQL server."""
    return connection.dialect.name == "postgresql"


@contextmanager
def snapshot(engine: Engine) -> Iterator[sa.Connection]:
    """A connection on which every query sees the database as the first one saw it. Must not write.

    SQLite does so by itself; PostgreSQL would let each query see what was committed before that query.
    """
    with engine.connect() as plain:
        server = is_postgresql(plain)
        connection = plain.execution_options(isolation_level="REPEATABLE READ") if server else plain
        with connection.begin():
            yield connection


def _alembic(engine: Engine) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def upgrade(url: str) -> str:
    """Bring the schema to the newest version (creating the SQLite file if need be); returns that version.

    Raises:
        UsageError: the database cannot be opened or written.
    """
    from alembic import command
    from alembic.util import CommandError

    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        folder = Path(str(parsed.database)).resolve().parent
        if not folder.is_dir():
            raise UsageError(
                f"The folder {folder} of the database does not exist. Create it, or change MYOPANEL_DATABASE_URL."
            )
    engine = engine_for(url)
    try:
        command.upgrade(_alembic(engine), "head")
    except CommandError as error:
        raise UsageError(f"The schema of the database is not one of this version's: {error}") from error
    except sa.exc.DatabaseError as error:
        if type(error) not in UNUSABLE:
            raise
        raise UsageError(f"The database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()
    return newest_version()


def newest_version() -> str:
    """The schema version this code was written for: the number its newest migration file begins with.

    Read from the names, because every command asks and loading Alembic for it took a tenth of a short one.
    """
    numbers = [path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py")]
    if not numbers:
        raise MyopanelError("The installation is incomplete: no schema versions found.")
    return max(numbers)


def schema_version(engine: Engine) -> str | None:
    """The version the database stands at, or None when it has no schema yet."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def open_database(url: str) -> Engine:
    """An engine on a database whose schema is the newest, creating or upgrading it if necessary."""
    engine = engine_for(url)
    try:
        current = schema_version(engine)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        if type(error) not in UNUSABLE:
            raise
        folder = Path(str(sa.make_url(url).database or ".")).resolve().parent
        if not folder.is_dir():
            raise UsageError(
                f"The folder {folder} of the database does not exist. Create it, or change MYOPANEL_DATABASE_URL."
            ) from error
        raise UsageError(f"The database cannot be opened: {error.orig}") from error
    if current != newest_version():
        upgrade(url)
    return engine


def backup(engine: Engine, target: Path) -> int:
    """Write a consistent copy of a running SQLite database to `target`; returns its size in bytes.

    The copy appears under its name only once it is complete and has passed an integrity check.

    Raises:
        UsageError: on PostgreSQL (use pg_dump) or when the target exists already.
    """
    if not is_sqlite(engine):
        raise UsageError("On PostgreSQL take backups with pg_dump: the server, not this program, holds the files.")
    if target.exists():
        raise UsageError(f"{target} exists already; a backup never overwrites a file.")
    if not target.resolve().parent.is_dir():
        raise UsageError(f"The folder {target.resolve().parent} does not exist.")
    handle, name = tempfile.mkstemp(prefix=target.name, suffix=".partial", dir=target.resolve().parent)
    os.close(handle)
    partial = Path(name)
    try:
        with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise MyopanelError(f"The copy failed its integrity check: {verdict}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size

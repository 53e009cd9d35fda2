"""Putting a backup back: everything is checked, and brought to this version, before anything is replaced.

The database is replaced inside one transaction of SQLite's own (the pages of the backup are written under a rollback
journal): whoever opens it after a crash in the middle finds the old one, whole. It is refused while anybody has the
database, because what was confirmed to people since they read it would be lost without a word.
"""

import datetime as dt
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jobs.lease import SCHEDULER, standing
from models.database import engine_for, newest_version, upgrade
from models.errors import UsageError

STAMP = "%Y%m%dT%H%M%SZ"
BEGINNING = b"SQLite format 3\x00"
PREFIX, SUFFIX = "restoring-", ".partial"
ABANDONED_AFTER = dt.timedelta(hours=6)
OURS = frozenset({"alembic_version", "patient", "observation", "alert"})
"""Tables that every Myopanel database has had since the first release."""


@dataclass(frozen=True)
class Restored:
    """What was done: the schema version the database now has, that of the backup, and where the old database is."""

    version: str
    was: str
    kept: Path | None


def restore(url: str, source: Path, now: dt.datetime) -> Restored:
    """Put a backup in the place of the configured SQLite database; the replaced one is kept beside it.

    Raises:
        UsageError: the database is a server's or in use; the file is missing, corrupt, of a newer schema, not
            Myopanel's, or the database itself. Nothing has been changed then.
    """
    target = _target(url)
    _not_the_database_itself(source, target)
    was = checked(source)
    folder = target.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"The folder {folder} of the database does not exist. Create it, or change the setting.")
    _clear_abandoned(folder, now)
    with _brought_up_to_date(source, folder) as ready:
        _nobody_has(url, target, now)
        kept = _replace(target, ready, now)
    return Restored(newest_version(), was, kept)


def _target(url: str) -> Path:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise UsageError("On PostgreSQL restore with pg_restore: the server, not this program, holds the files.")
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError("A database in memory cannot be restored: set MYOPANEL_DATABASE_URL to a file.")
    return Path(str(parsed.database))


def _not_the_database_itself(source: Path, target: Path) -> None:
    if not source.is_file():
        raise UsageError(f"{source} does not exist, or is no file.")
    for mine in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        if mine.exists() and mine.samefile(source):
            raise UsageError(f"{source} is the database itself. Name the backup that should take its place.")


# ------------------------------------------------------------------------------------------------ before anything else


def checked(source: Path) -> str:
    """The schema version of a backup that is whole and ours.

    Raises:
        UsageError: it is not, with the reason.
    """
    with closing(_opened(source)) as connection:
        try:
            tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            verdict = connection.execute("pragma integrity_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{source} is not a database, or is damaged: {error}.") from error
        if not tables >= OURS:
            raise UsageError(f"{source} is a database, but not one of Myopanel's.")
        if verdict != "ok":
            raise UsageError(f"{source} is damaged: {str(verdict).splitlines()[0]}.")
        lost = connection.execute("pragma foreign_key_check").fetchone()
        if lost is not None:
            raise UsageError(f"{source} is damaged: rows of {lost[0]} belong to rows of {lost[2]} that are missing.")
        found = connection.execute("select version_num from alembic_version").fetchall()
    version = str(found[0][0]) if len(found) == 1 else ""
    if not (version.isdigit() and version <= newest_version()):
        raise UsageError(
            f"{source} has the schema version {version or 'none'}; this program knows versions up to "
            f"{newest_version()}. Install the version of Myopanel that wrote it, or a newer one."
        )
    return version


def _opened(source: Path) -> sqlite3.Connection:
    """The backup, only read. Without a log beside it the file is all of it, and nothing is written beside it either."""
    log = source.with_name(f"{source.name}-wal")
    alone = not log.exists() or log.stat().st_size == 0
    return sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}", uri=True)


def _clear_abandoned(folder: Path, now: dt.datetime) -> None:
    """Remove copies that a restore killed long ago left behind: there are patients in them."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}*"):
        if path.stat().st_mtime < (now - ABANDONED_AFTER).timestamp():
            path.unlink(missing_ok=True)


@contextmanager
def _brought_up_to_date(source: Path, folder: Path) -> Iterator[Path]:
    """A copy of the backup beside the database, upgraded to the schema of this version; removed at the end."""
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
    os.close(handle)
    copy = Path(name)
    try:
        with closing(_opened(source)) as original, closing(sqlite3.connect(copy)) as connection:
            original.backup(connection)
        upgrade(f"sqlite:///{copy}")
        yield copy
    finally:
        for path in (copy, *(copy.with_name(copy.name + suffix) for suffix in ("-wal", "-shm", "-journal"))):
            path.unlink(missing_ok=True)


def _nobody_has(url: str, target: Path, now: dt.datetime) -> None:
    """Refuse while a scheduler holds its lease. Open connections are found out when the file is taken, below."""
    if not _looks_like_a_database(target):
        return
    engine = engine_for(url)
    try:
        lease = standing(engine, SCHEDULER)
    except sa.exc.DatabaseError:
        return  # damaged, or of an old schema: this may be why a backup is put back
    finally:
        engine.dispose()
    if lease is not None and lease.expires_at > now:
        raise UsageError(
            f"The database is in use: {lease.holder} runs the scheduled jobs. Stop the server and the worker first "
            f"(one that died lets go of its lease by {lease.expires_at:%H:%M:%S} UTC)."
        )


# ------------------------------------------------------------------------------------------------------- the replacing


def _replace(target: Path, ready: Path, now: dt.datetime) -> Path | None:
    """Write the pages of `ready` over the database in one transaction; returns where the old database was kept."""
    if not target.exists():
        ready.replace(target)
        return None
    kept = _name_for_the_old(target, now)
    if not _looks_like_a_database(target):
        return _replace_damaged(target, ready, kept)
    with closing(sqlite3.connect(target, timeout=1, isolation_level=None)) as connection:
        try:
            # Leaving the WAL needs the file alone: it fails while any other process has it open, however idle.
            mode = connection.execute("pragma journal_mode = delete").fetchone()[0]
            connection.execute("pragma locking_mode = exclusive")
            connection.execute("begin exclusive")
            connection.execute("commit")
        except sqlite3.OperationalError as error:
            raise UsageError(
                "The database is in use. Stop the server, the worker and whatever else has it open first."
            ) from error
        except sqlite3.DatabaseError:
            mode = ""  # not a database any more
        if mode == "delete":
            try:
                with closing(sqlite3.connect(kept)) as old:
                    connection.backup(old)
            except sqlite3.DatabaseError:
                kept.unlink(missing_ok=True)
            else:
                kept.chmod(target.stat().st_mode & 0o777)
                with closing(sqlite3.connect(ready)) as new:
                    new.backup(connection)
                return kept
    return _replace_damaged(target, ready, kept)


def _replace_damaged(target: Path, ready: Path, kept: Path) -> Path:
    """Exchange the file of a database that cannot be read; it is kept as it is, its log too."""
    for suffix in ("-wal", "-shm", "-journal"):
        log = target.with_name(target.name + suffix)
        if log.exists():
            log.replace(kept.with_name(kept.name + suffix))
    os.link(target, kept)
    ready.replace(target)
    return kept


def _looks_like_a_database(path: Path) -> bool:
    """Whether the file begins as SQLite's do. Opening one that does not would throw away the log beside it."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(BEGINNING)) in (BEGINNING, b"")


def _name_for_the_old(target: Path, now: dt.datetime) -> Path:
    first = target.with_name(f"{target.name}.replaced-{now.astimezone(dt.UTC):{STAMP}}")
    kept, number = first, 1
    while kept.exists():
        number += 1
        kept = first.with_name(f"{first.name}-{number}")
    return kept

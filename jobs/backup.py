"""The nightly copy of the database: consistent while everybody works, checked, and only so many are kept."""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from models.database import backup, is_sqlite
from models.errors import MyopanelError
from models.settings import Settings

NAME = re.compile(r"myopanel-\d{8}T\d{6}Z\.db")
"""What a nightly copy is called; files with other names in the folder are never touched."""
PARTIAL = re.compile(r"myopanel-(\d{8}T\d{6}Z)\.db.*\.partial")
"""One being written, or left by a process that died meanwhile; its name says when it was begun."""
STAMP = "%Y%m%dT%H%M%SZ"
ABANDONED_AFTER = dt.timedelta(days=1)
NOT_OURS = "not ours to back up: on PostgreSQL use pg_dump (see docs/operations.md)"


@dataclass(frozen=True)
class BackedUp:
    """What a night's run did."""

    size: int
    removed: int
    message: str


def backup_folder(engine: Engine, settings: Settings) -> Path:
    """Where the copies go: the configured folder, or `backups` beside the database.

    Raises:
        MyopanelError: the database is in memory and no folder is configured.
    """
    if settings.backup_directory is not None:
        return settings.backup_directory
    database = engine.url.database
    if not database or database == ":memory:":
        raise MyopanelError("A database in memory has no folder beside it: set MYOPANEL_BACKUP_DIRECTORY.")
    return Path(database).resolve().parent / "backups"


def nightly_backup(engine: Engine, settings: Settings, now: dt.datetime) -> BackedUp:
    """Copy the database, then remove the oldest copies beyond `settings.backups_kept`.

    Old copies go only after the new one is complete and checked, so that a full disk never costs a good copy.
    """
    if not is_sqlite(engine):
        return BackedUp(0, 0, NOT_OURS)
    folder = backup_folder(engine, settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"myopanel-{now.astimezone(dt.UTC):{STAMP}}.db"
    size = target.stat().st_size if target.exists() else backup(engine, target)
    copies = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    surplus = copies[: max(0, len(copies) - settings.backups_kept)]
    for path in [*surplus, *_abandoned(folder, now)]:
        path.unlink(missing_ok=True)
    return BackedUp(size, len(surplus), f"{target.name}, {size // 1024} KiB")


def _abandoned(folder: Path, now: dt.datetime) -> list[Path]:
    """Half-written copies of a process that died, old enough that nobody can still be writing them."""
    before = f"{(now - ABANDONED_AFTER).astimezone(dt.UTC):{STAMP}}"
    return [path for path in folder.iterdir() if (name := PARTIAL.fullmatch(path.name)) and name[1] < before]

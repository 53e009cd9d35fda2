"""The nightly copy: whole, checked, and only so many."""

import datetime as dt
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from jobs.backup import NOT_OURS, nightly_backup
from models.database import engine_for, writing
from models.errors import MyopanelError
from models.job_run import Installation
from models.settings import Settings

NIGHT = dt.datetime(2026, 3, 10, 4, 15, tzinfo=dt.UTC)


@pytest.fixture
def clinic(sqlite_url: str) -> Engine:
    return engine_for(sqlite_url)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_copy_lies_beside_the_database_and_holds_what_it_held(clinic: Engine, tmp_path: Path) -> None:
    with writing(clinic) as session:
        session.add(Installation(key="word", value="kept"))
    done = nightly_backup(clinic, Settings(), NIGHT)
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name == "myopanel-20260310T041500Z.db"
    assert done.size == copy.stat().st_size
    assert copy.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert (tmp_path / "backups").stat().st_mode & 0o077 == 0
    found = sqlite3.connect(copy).execute("select value from installation where key = 'word'").fetchall()
    assert found == [("kept",)]


def test_only_the_newest_copies_are_kept_and_other_files_left_alone(clinic: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "copies"
    settings = Settings(backup_directory=folder, backups_kept=3)
    folder.mkdir(parents=True)
    (folder / "myopanel-before-the-move.db").touch()
    removed = [nightly_backup(clinic, settings, NIGHT + dt.timedelta(days=day)).removed for day in range(5)]
    assert removed == [0, 0, 0, 1, 1]
    assert names(folder) == [
        "myopanel-20260312T041500Z.db",
        "myopanel-20260313T041500Z.db",
        "myopanel-20260314T041500Z.db",
        "myopanel-before-the-move.db",
    ]


def test_repeated_for_the_same_moment_it_makes_no_second_copy(clinic: Engine, tmp_path: Path) -> None:
    assert nightly_backup(clinic, Settings(), NIGHT).size == nightly_backup(clinic, Settings(), NIGHT).size
    assert len(names(tmp_path / "backups")) == 1


def test_half_written_copies_of_a_dead_process_are_removed_after_a_day(clinic: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("myopanel-20260309T041400Z.dbabc.partial", "myopanel-20260309T041600Z.dbxyz.partial"):
        (folder / name).touch()
    nightly_backup(clinic, Settings(), NIGHT)
    assert names(folder) == ["myopanel-20260309T041600Z.dbxyz.partial", "myopanel-20260310T041500Z.db"]


def test_a_failed_copy_costs_no_older_one(clinic: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(backups_kept=1)
    nightly_backup(clinic, settings, NIGHT)

    def disk_full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.backup.backup", disk_full)
    with pytest.raises(OSError, match="No space"):
        nightly_backup(clinic, settings, NIGHT + dt.timedelta(days=1))
    assert names(tmp_path / "backups") == ["myopanel-20260310T041500Z.db"]


def test_a_database_in_memory_says_what_to_do() -> None:
    with pytest.raises(MyopanelError, match="MYOPANEL_BACKUP_DIRECTORY"):
        nightly_backup(engine_for("sqlite://"), Settings(), NIGHT)


@pytest.mark.postgres
def test_on_postgresql_the_backup_is_the_servers_and_that_is_said(postgres_url: str) -> None:
    engine = engine_for(postgres_url)
    done = nightly_backup(engine, Settings(), NIGHT)
    engine.dispose()
    assert done.size == 0
    assert done.message == NOT_OURS

"""Putting a backup back: refused while anybody has the database, checked before, all or nothing."""

import datetime as dt
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from sqlmodel import Session, select

from jobs.lease import SCHEDULER, acquire
from jobs.restoring import restore
from models.database import _alembic, backup, engine_for, newest_version, writing
from models.errors import UsageError
from models.patient import Patient

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)


def people(path: Path) -> list[str]:
    """The record numbers in a database."""
    engine = engine_for(f"sqlite:///{path}")
    with Session(engine) as session:
        found = sorted(session.exec(select(Patient.mrn)))
    engine.dispose()
    return found


def add(path: Path, *mrns: str) -> None:
    engine = engine_for(f"sqlite:///{path}")
    with writing(engine) as session:
        for mrn in mrns:
            session.add(Patient(mrn=mrn, created_at=NOW, updated_at=NOW))
    engine.dispose()


@pytest.fixture
def clinic(sqlite_template: Path, tmp_path: Path) -> Path:
    """A database with patient `before`."""
    path = tmp_path / "clinic.db"
    shutil.copyfile(sqlite_template, path)
    add(path, "before")
    return path


@pytest.fixture
def saved(clinic: Path, tmp_path: Path) -> Path:
    """A backup of it; patient `after` came later."""
    path = tmp_path / "saved.db"
    engine = engine_for(f"sqlite:///{clinic}")
    backup(engine, path)
    engine.dispose()
    add(clinic, "after")
    return path


def refused(clinic: Path, source: Path, now: dt.datetime = NOW) -> str:
    """Why it was refused; the database is what it was, and nothing is left beside it."""
    held, beside = people(clinic), sorted(clinic.parent.iterdir())
    with pytest.raises(UsageError) as said:
        restore(f"sqlite:///{clinic}", source, now)
    assert people(clinic) == held
    assert [path for path in sorted(clinic.parent.iterdir()) if path not in beside] == []
    return str(said.value)


def test_the_backup_takes_the_place_of_the_database_which_is_kept(clinic: Path, saved: Path) -> None:
    done = restore(f"sqlite:///{clinic}", saved, NOW)
    assert people(clinic) == ["before"]
    assert done.version == done.was == newest_version()
    assert done.kept is not None
    assert done.kept.name == "clinic.db.replaced-20261122T070000Z"
    assert people(done.kept) == ["after", "before"]
    assert people(saved) == ["before"]
    again = restore(f"sqlite:///{clinic}", done.kept, NOW)
    assert people(clinic) == ["after", "before"]
    assert again.kept is not None
    assert again.kept.name == "clinic.db.replaced-20261122T070000Z-2"


def test_where_there_is_no_database_the_backup_becomes_it(saved: Path, tmp_path: Path) -> None:
    done = restore(f"sqlite:///{tmp_path / 'new.db'}", saved, NOW)
    assert done.kept is None
    assert people(tmp_path / "new.db") == ["before"]


def test_it_is_refused_while_any_process_has_the_database_open_however_idle(clinic: Path, saved: Path) -> None:
    engine = engine_for(f"sqlite:///{clinic}")
    with engine.connect() as connection:
        connection.execute(sa.text("select count(*) from patient")).scalar()
    assert "in use" in refused(clinic, saved)  # the connection is back in its pool, and open
    engine.dispose()
    restore(f"sqlite:///{clinic}", saved, NOW)


def test_it_is_refused_while_a_scheduler_holds_its_lease_and_says_until_when(clinic: Path, saved: Path) -> None:
    engine = engine_for(f"sqlite:///{clinic}")
    acquire(engine, SCHEDULER, "host:1:ab", NOW)
    engine.dispose()
    said = refused(clinic, saved, NOW + dt.timedelta(seconds=29))
    assert "host:1:ab" in said
    assert "07:00:30 UTC" in said
    restore(f"sqlite:///{clinic}", saved, NOW + dt.timedelta(seconds=30))


@pytest.mark.parametrize("way", ["by its name", "through a link", "under another name"])
def test_the_database_itself_is_refused(clinic: Path, tmp_path: Path, way: str) -> None:
    named = clinic
    if way == "through a link":
        named = tmp_path / "link.db"
        named.symlink_to(clinic)
    elif way == "under another name":
        named = tmp_path / "other.db"
        os.link(clinic, named)
    assert "the database itself" in refused(clinic, named)


def spoiled(saved: Path, how: str) -> Path:
    path = saved.with_name("spoiled.db")
    content = saved.read_bytes()
    if how == "a letter":
        path.write_text("Dear colleague, thank you for referring this patient to us.", encoding="utf-8")
    elif how == "nothing":
        path.write_bytes(b"")
    elif how == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "a damaged page":
        with closing(sqlite3.connect(saved)) as connection:
            page = connection.execute("select rootpage from sqlite_master where name = 'patient'").fetchone()[0]
        path.write_bytes(content[: (page - 1) * 4096] + b"\xff" * 4096 + content[page * 4096 :])
    elif how == "another program's":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("create table patient (id integer)")
    else:
        path.write_bytes(content)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if how == "a newer schema":
                connection.execute("update alembic_version set version_num = '9999'")
            elif how == "no version":
                connection.execute("delete from alembic_version")
            elif how == "an orphan":
                connection.execute("pragma foreign_keys = off")
                connection.execute("insert into packed_facts values (4711, 1, x'00')")
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a letter", "is not a database"),
        ("nothing", "not one of Myopanel's"),
        ("cut short", "damaged"),
        ("a damaged page", "damaged"),
        ("another program's", "not one of Myopanel's"),
        ("a newer schema", "schema version 9999"),
        ("no version", "schema version none"),
        ("an orphan", "rows of packed_facts belong to rows of patient that are missing"),
    ],
)
def test_a_file_that_is_not_whole_or_not_ours_is_refused(clinic: Path, saved: Path, how: str, said: str) -> None:
    assert said in refused(clinic, spoiled(saved, how))


def test_a_backup_of_the_first_release_is_brought_up_to_date_first(clinic: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    engine = engine_for(f"sqlite:///{old}")
    command.upgrade(_alembic(engine), "0001")
    with engine.begin() as connection:
        columns = {row[1]: row for row in connection.execute(sa.text("pragma table_info(patient)"))}
        given = {name: "'from of old'" if name == "mrn" else _anything(row) for name, row in columns.items() if row[3]}
        connection.execute(sa.text(f"insert into patient ({', '.join(given)}) values ({', '.join(given.values())})"))
    engine.dispose()
    done = restore(f"sqlite:///{clinic}", old, NOW)
    assert (done.was, done.version) == ("0001", newest_version())
    assert people(clinic) == ["from of old"]


def _anything(column: "sa.Row[tuple[object, ...]]") -> str:
    return "1" if "INT" in str(column[2]).upper() else "'2026-01-01 00:00:00'" if "DATE" in str(column[2]) else "''"


def test_a_backup_that_cannot_be_brought_up_to_date_changes_nothing(
    clinic: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(url: str) -> str:
        raise UsageError("a migration failed")

    monkeypatch.setattr("jobs.restoring.upgrade", fails)
    assert refused(clinic, saved) == "a migration failed"


def test_a_damaged_database_is_replaced_and_kept_with_its_log(clinic: Path, saved: Path) -> None:
    clinic.write_bytes(b"not a database any more" * 1000)
    clinic.with_name("clinic.db-wal").write_bytes(b"its log")
    done = restore(f"sqlite:///{clinic}", saved, NOW)
    assert people(clinic) == ["before"]
    assert done.kept is not None
    assert done.kept.read_bytes().startswith(b"not a database")
    assert done.kept.with_name(f"{done.kept.name}-wal").read_bytes() == b"its log"


def test_what_a_killed_restore_left_behind_is_removed_by_a_later_one(clinic: Path, saved: Path) -> None:
    left, fresh = clinic.with_name("restoring-abc.partial"), clinic.with_name("restoring-def.partial")
    for path, hours in ((left, 7), (fresh, 1)):
        path.write_bytes(b"patients")
        moment = (NOW - dt.timedelta(hours=hours)).timestamp()
        os.utime(path, (moment, moment))
    restore(f"sqlite:///{clinic}", saved, NOW)
    assert not left.exists()
    assert fresh.exists()


KILLED = """
    import datetime as dt, os, signal, sqlite3, sys
    from pathlib import Path
    from jobs import restoring

    clinic, saved, pages = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    class Dying(sqlite3.Connection):
        def backup(self, target, **options):
            swapping = target.execute("pragma database_list").fetchone()[2] == str(clinic.resolve())
            written = []
            def count(status, remaining, total):
                written.append(remaining)
                if len(written) >= pages:
                    os.kill(os.getpid(), signal.SIGKILL)
            super().backup(target, **({"pages": 1, "progress": count} if swapping else {}))

    connect = sqlite3.connect
    restoring.sqlite3.connect = lambda *given, **options: connect(*given, factory=Dying, **options)
    restoring.restore(f"sqlite:///{clinic}", saved, dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC))
"""


@pytest.mark.parametrize("pages", [1, 5, 60])
def test_killed_in_the_middle_of_the_swap_the_old_database_is_whole(clinic: Path, saved: Path, pages: int) -> None:
    died = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(clinic), str(saved), str(pages)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert people(clinic) == ["after", "before"]
    with closing(sqlite3.connect(clinic)) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    restore(f"sqlite:///{clinic}", saved, NOW)
    assert people(clinic) == ["before"]


def test_the_command_says_what_it_did_and_refuses_with_2(
    cli: "Callable[..., object]", clinic: Path, saved: Path
) -> None:
    env = {"MYOPANEL_DATABASE_URL": f"sqlite:///{clinic}"}
    done = cli("db", "restore", saved, env=env)
    assert (done.code, people(clinic)) == (0, ["before"])  # type: ignore[attr-defined]
    assert "the database it replaced is" in done.stdout  # type: ignore[attr-defined]
    no = cli("db", "restore", clinic, env=env)
    assert (no.code, no.stdout) == (2, "")  # type: ignore[attr-defined]
    assert "the database itself" in no.stderr  # type: ignore[attr-defined]

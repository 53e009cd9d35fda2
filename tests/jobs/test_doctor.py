"""What the doctor says of an installation, and what to do about it; it changes nothing."""

import datetime as dt
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
import sqlalchemy as sa

from jobs.doctor import Check, State, examine
from jobs.lease import SCHEDULER, acquire
from models.database import backup, engine_for, writing
from models.job_run import JobRun
from models.settings import Settings

NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A database that only its owner can read."""
    path = tmp_path / "myopanel.db"
    shutil.copyfile(sqlite_template, path)
    path.chmod(0o600)
    return path


def settings(file: Path, **given: Any) -> Settings:
    return Settings(database_url=f"sqlite:///{file}", **given)


def told(checks: list[Check], about: str) -> list[tuple[str, str, str]]:
    return [(one.state.value, one.found, one.do) for one in checks if one.check == about]


def worst(checks: list[Check], about: str) -> State:
    order = [State.OK, State.WARN, State.FAIL]
    return max((one.state for one in checks if one.check == about), key=order.index)


def test_a_sound_installation_is_told_so_and_nothing_is_changed(file: Path) -> None:
    engine = engine_for(f"sqlite:///{file}")
    acquire(engine, SCHEDULER, "here", NOW)
    folder = file.parent / "backups"
    folder.mkdir()
    backup(engine, folder / "myopanel-20261122T041500Z.db")
    engine.dispose()
    before = file.read_bytes()
    checks = examine(settings(file), NOW)
    assert {one.check: one.state for one in checks if one.check != "disk"} == {
        "settings": State.OK, "database": State.OK, "clock": State.OK, "jobs": State.OK, "backups": State.OK,
        "mail": State.WARN, "versions": State.OK,
    }  # fmt: skip
    assert file.read_bytes() == before
    assert all(one.do for one in checks if one.state is not State.OK)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    checks = examine(settings(tmp_path / "none.db"), NOW)
    assert worst(checks, "database") is State.FAIL
    assert "db upgrade" in told(checks, "database")[0][2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "found", "do"),
    [("0001", "schema version 0001", "db upgrade"), ("9999", "schema version 9999", "Install the version")],
)
def test_another_schema_is_told_with_what_to_do(file: Path, version: str, found: str, do: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("update alembic_version set version_num = ?", (version,))
    state, said, what = told(examine(settings(file), NOW), "database")[0]
    assert state == "fail"
    assert found in said
    assert do in what


def test_a_file_that_is_no_database_and_one_that_is_damaged_are_told_apart_from_sound_ones(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        page = connection.execute("select rootpage from sqlite_master where name = 'patient'").fetchone()[0]
        connection.execute("pragma journal_mode = delete")
    content = file.read_bytes()
    file.write_bytes(content[: (page - 1) * 4096] + b"\xff" * 4096 + content[page * 4096 :])
    assert worst(examine(settings(file), NOW), "database") is State.FAIL
    file.write_text("Dear colleague, thank you for referring this patient to us." * 100, encoding="utf-8")
    state, said, what = told(examine(settings(file), NOW), "database")[0]
    assert (state, "does not answer" in said, "db restore" in what) == ("fail", True, True)


def test_records_later_than_now_mean_that_a_clock_was_or_is_wrong(file: Path) -> None:
    engine = engine_for(f"sqlite:///{file}")
    with writing(engine) as session:
        session.add(JobRun(job="evaluate", slot="x", as_of=NOW.date(), started_at=NOW, status="failed"))
    engine.dispose()
    assert worst(examine(settings(file), NOW), "clock") is State.OK
    assert worst(examine(settings(file), NOW - dt.timedelta(seconds=50)), "clock") is State.OK
    state, said, _ = told(examine(settings(file), NOW - dt.timedelta(hours=2)), "clock")[0]
    assert state == "fail"
    assert "2026-11-22 07:00 UTC" in said


def test_no_scheduler_and_an_old_backup_are_told(file: Path) -> None:
    folder = file.parent / "backups"
    folder.mkdir()
    (folder / "myopanel-20261119T041500Z.db").write_bytes(b"")
    checks = examine(settings(file), NOW)
    assert any("no scheduler" in said for _, said, _ in told(checks, "jobs"))
    assert told(checks, "backups")[0][0] == "warn"


def test_a_secret_that_others_can_read_is_a_fault_and_is_not_repeated(file: Path) -> None:
    secret = file.parent / "myopanel.secret"
    secret.write_text("very secret indeed\n", encoding="utf-8")
    secret.chmod(0o644)
    checks = examine(settings(file), NOW)
    assert worst(checks, "settings") is State.FAIL
    assert "very secret" not in repr(checks)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_a_database_that_every_user_can_read_is_told(file: Path) -> None:
    file.chmod(0o644)
    assert worst(examine(settings(file), NOW), "database") is State.WARN


class _Mail(StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            self.wfile.write(b"221 bye\r\n" if line.lower().startswith(b"quit") else b"250 fine\r\n")


@pytest.fixture
def mail_port() -> Iterator[int]:
    """A mail server on this machine that agrees to everything."""
    with ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_mail_server_is_asked_and_a_silent_one_told(file: Path, mail_port: int) -> None:
    there = settings(file, smtp_host="127.0.0.1", smtp_port=mail_port)
    assert worst(examine(there, NOW), "mail") is State.OK
    gone = settings(file, smtp_host="127.0.0.1", smtp_port=1)
    assert worst(examine(gone, NOW), "mail") is State.FAIL


@pytest.mark.postgres
def test_on_postgresql_the_clocks_are_compared_and_backups_are_the_servers(postgres_url: str) -> None:
    engine = engine_for(postgres_url)
    with engine.connect() as connection:
        there = connection.execute(sa.text("select now()")).scalar()
    engine.dispose()
    checks = examine(Settings(database_url=postgres_url), there)
    assert worst(checks, "clock") is State.OK
    assert worst(checks, "backups") is State.WARN
    wrong = examine(Settings(database_url=postgres_url), there + dt.timedelta(hours=1))
    assert worst(wrong, "clock") is State.FAIL


def test_where_a_port_for_hl7_is_set_somebody_has_to_listen_there(file: Path, mail_port: int, free_port: int) -> None:
    assert told(examine(settings(file), NOW), "hl7") == []
    ((state, found, do),) = told(examine(settings(file, mllp_port=free_port), NOW), "hl7")
    assert (state, found) == ("fail", f"nobody listens on 127.0.0.1:{free_port}")
    assert "myopanel worker" in do
    # Whoever listens: that it is ours is seen on the Jobs page.
    ((state, found, _),) = told(examine(settings(file, mllp_port=mail_port), NOW), "hl7")
    assert (state, found) == ("ok", f"listening on 127.0.0.1:{mail_port}; no message yet")
    open_to_all = examine(settings(file, mllp_port=mail_port, mllp_host="0.0.0.0"), NOW)  # noqa: S104
    assert ("warn" in [state for state, found, _ in told(open_to_all, "hl7") if "neither passwords" in found]) is True

"""The listener holds its bounds: of time, of size, of connections; and ends cleanly."""

import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from jobs import lease
from jobs.mllp import listener as listener_module
from jobs.mllp.framing import MOST_JUNK, framed
from jobs.mllp.listener import Listener
from jobs.mllp.standing import lease_name
from models.clock import utc_now
from models.database import engine_for
from models.errors import UsageError
from models.observation import Observation
from models.settings import Settings
from tests.conftest import PATIENCE
from tests.jobs.importers.conftest import result
from tests.jobs.mllp.test_inbox import with_patient


@contextmanager
def listening(engine: Engine, port: int, **more: Any) -> Iterator[Listener]:
    settings = Settings(database_url=str(engine.url), mllp_port=port, **more)
    listener = Listener(engine, settings)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def connected(port: int) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))


def heard(connection: socket.socket) -> bytes:
    """Everything up to the end of an answer, or of the connection."""
    said = b""
    while not said.endswith(b"\x1c\r"):
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        said += piece
    return said


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = with_patient(sqlite_url)
    yield engine
    engine.dispose()


def test_while_the_database_is_locked_a_message_is_asked_for_again_within_two_seconds_and_then_taken(
    engine: Engine, free_port: int
) -> None:
    sent = {
        b"F1": framed(result().encode()),
        b"F2": framed(result("500", number="F2", at="20260602080000").encode()),
    }
    with listening(engine, free_port), connected(free_port) as line, connected(free_port) as other:
        lines = {b"F1": line, b"F2": other}
        with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            for number, message in sent.items():
                lines[number].sendall(message)
            for number in sent:
                answer = heard(lines[number])
                assert b"MSA|AR|" + number in answer
                assert b"send the message again" in answer
            assert time.monotonic() - began < 2.5
            blocker.execute("ROLLBACK")
        for number, message in sent.items():
            deadline = time.monotonic() + PATIENCE
            answer = b""
            while b"MSA|AA|" + number not in answer:
                assert time.monotonic() < deadline, answer
                lines[number].sendall(message)
                answer = heard(lines[number])
    with Session(engine) as session:
        assert sorted(one.value or 0 for one in session.exec(select(Observation))) == [412, 500]


def test_who_sends_no_frames_or_too_long_ones_is_cut_and_the_others_are_served(engine: Engine, free_port: int) -> None:
    with listening(engine, free_port, mllp_frame_mib=1):
        with connected(free_port) as line:
            line.sendall(b"x" * (MOST_JUNK + 10))
            assert heard(line) == b""
        with connected(free_port) as line:
            head = b"\x0bMSH|^~\\&|L|H|M|C|2026||ORU^R01|big|P|2.5\r"
            line.sendall(head + b"x" * (1024 * 1024))
            assert b"MSA|AR|big|the message is longer than 1 MiB" in heard(line)
            assert heard(line) == b""
        with connected(free_port) as line:
            line.sendall(framed(result().encode()))
            assert b"MSA|AA|F1" in heard(line)


def test_a_frame_without_end_and_a_silent_line_are_closed_and_no_more_lines_are_taken_than_allowed(
    engine: Engine, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_COMPLETE_WITHIN", 0.3)
    with (
        listening(engine, free_port, mllp_connections=2, mllp_idle_seconds=1),
        connected(free_port) as slow,
        connected(free_port) as silent,
    ):
        slow.sendall(b"\x0bMSH|^~\\&|")
        time.sleep(0.1)
        with connected(free_port) as third:
            assert heard(third) == b""
        assert heard(slow) == b""
        assert heard(silent) == b""
        with connected(free_port) as later:
            later.sendall(framed(b"hello"))
            assert b"MSA|AR|" in heard(later)


def test_a_sender_that_leaves_out_the_carriage_return_is_answered(engine: Engine, free_port: int) -> None:
    with listening(engine, free_port), connected(free_port) as line:
        line.sendall(b"\x0b" + result().encode() + b"\x1c")
        assert b"MSA|AA|F1" in heard(line)


def test_it_shows_that_it_lives_and_hands_that_back_when_it_stops(engine: Engine, free_port: int) -> None:
    with listening(engine, free_port) as listener:
        name = lease_name(Settings(mllp_port=free_port))
        assert listener.address == f"127.0.0.1:{free_port}"
        deadline = time.monotonic() + PATIENCE
        while (standing := lease.standing(engine, name)) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert standing is not None
        assert standing.expires_at > utc_now()
        with pytest.raises(UsageError, match="Cannot listen for HL7"):
            Listener(engine, Settings(database_url=str(engine.url), mllp_port=free_port)).start()
    standing = lease.standing(engine, name)
    assert standing is not None
    assert standing.expires_at <= utc_now()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port), timeout=1)


def test_a_commit_of_the_inbox_survives_a_power_cut(sqlite_url: str) -> None:
    found = []
    for durable in (True, False):
        engine = engine_for(sqlite_url, durable=durable)
        with engine.connect() as connection:
            found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
        engine.dispose()
    assert found == [2, 1], "FULL and NORMAL"

"""A laboratory on the wire: `myopanel worker` in a process of its own, spoken to through sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlmodel import Session, select

from models.alert import Alert
from models.clock import utc_now
from models.database import engine_for
from models.observation import Observation
from models.received_message import ReceivedMessage
from tests.conftest import PATIENCE
from tests.jobs.importers.conftest import result
from tests.stories.conftest import Clinic, day

pytestmark = [pytest.mark.serial, pytest.mark.slow]
COMMAND = str(Path(sys.executable).parent / "myopanel")


class Worker:
    """A worker that listens, and a sender's way to it."""

    def __init__(self, env: dict[str, str], folder: Path, port: int) -> None:
        self.port = port
        self.errors = folder / "errors.txt"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MYOPANEL_")}
        with self.errors.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [COMMAND, "worker"], env=clean | env | {"MYOPANEL_MLLP_PORT": str(port)}, cwd=folder, stderr=errors
            )
        deadline = time.monotonic() + PATIENCE
        while f"Listening for HL7 on 127.0.0.1:{port}." not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.05)

    def said(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    def connect(self) -> "Line":
        return Line(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


class Line:
    """One connection; `told` is the code and the number in each answer."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._left = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)
            time.sleep(0.02)

    def told(self) -> tuple[str, str]:
        while b"\x1c\r" not in self._left:
            piece = self.connection.recv(65536)
            assert piece, "the line was closed without an answer"
            self._left += piece
        answer, _, self._left = self._left.partition(b"\x1c\r")
        found = re.search(rb"\rMSA\|(\w\w)\|([^|\r]*)", answer)
        assert answer.startswith(b"\x0bMSH|^~\\&|"), answer
        assert found, answer
        return found[1].decode(), found[2].decode()

    def ask(self, message: str | bytes) -> tuple[str, str]:
        """Send a message as it should be and hear what became of it."""
        content = message.encode() if isinstance(message, str) else message
        self.send(b"\x0b" + content + b"\x1c\r")
        return self.told()


@contextmanager
def working(clinic: Clinic, folder: Path, port: int) -> Iterator[Worker]:
    worker = Worker(clinic.env, folder, port)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.kill()


def ck(number: int, value: int = 480) -> str:
    at = day(-number).replace("-", "") + "080000"
    return result(str(value + number), at=at, sent=at, number=f"C{number}")


def values(clinic: Clinic) -> list[float | None]:
    with opened(clinic) as session:
        return sorted((one.value for one in session.exec(select(Observation))), key=lambda value: value or 0)


@contextmanager
def opened(clinic: Clinic) -> Iterator[Session]:
    engine = engine_for(clinic.env["MYOPANEL_DATABASE_URL"])
    with Session(engine) as session:
        yield session
    engine.dispose()


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_messages_are_answered_in_whatever_pieces_they_come_and_the_alerts_follow(
    clinic: Clinic, free_port: int, tmp_path: Path
) -> None:
    clinic.people("M1", family_name="Doe")
    clinic.evaluate(None)
    with working(clinic, tmp_path, free_port) as worker:
        line, other = worker.connect(), worker.connect()
        assert line.ask(ck(1)) == ("AA", "C1")
        assert line.ask(ck(1)) == ("AA", "C1"), "the same again"
        # Cut anywhere, with junk before, and two glued together.
        whole = ck(2).encode()
        line.send(b"junk\r\n\x0b" + whole[:7], whole[7:90], whole[90:], b"\x1c", b"\r")
        assert line.told() == ("AA", "C2")
        line.send(b"".join(b"\x0b" + ck(number).encode() + b"\x1c\r" for number in (3, 4)))
        assert [line.told(), line.told()] == [("AA", "C3"), ("AA", "C4")]
        # Two senders at once, one of them in the middle of a message.
        other.send(b"\x0b" + ck(5).encode()[:50])
        assert line.ask(ck(6)) == ("AA", "C6")
        other.send(ck(5).encode()[50:] + b"\x1c\r")
        assert other.told() == ("AA", "C5")
        # What cannot be read, and what is no HL7, spoil nothing of what follows on the same line.
        assert line.ask(result(at="yesterday", number="C7")) == ("AE", "C7")
        assert line.ask(b"GET / HTTP/1.1") == ("AR", "")
        # Of today, because the worker's own scheduler evaluates for today as well.
        today = f"{utc_now():%Y%m%d}"
        kind = {"code": "67151-1^Troponin T^LN", "unit": "ng/L", "limits": "0-14"}
        troponin = result("520", at=today, sent=today, number="C8", **kind)
        assert other.ask(troponin) == ("AA", "C8")
        assert values(clinic) == [481, 482, 483, 484, 485, 486, 520]

        def alerted() -> bool:
            with opened(clinic) as session:
                return "raised-troponin" in {one.rule for one in session.exec(select(Alert))}

        # Ten seconds are promised; a busy machine is slower. The scheduler alone would take half a minute.
        wait_for(alerted, patience=20)
        second = clinic.run("worker", env=clinic.env | {"MYOPANEL_MLLP_PORT": str(free_port)})
        assert second.code == 2
        (sentence,) = [text for text in second.stderr.splitlines() if text]
        assert f"Cannot listen for HL7 on 127.0.0.1:{free_port}" in sentence
        assert "Doe" not in worker.said()
        assert worker.stop() == 0


def test_killed_at_any_moment_nothing_that_was_acknowledged_is_lost_and_nothing_is_stored_twice(
    clinic: Clinic, free_port: int, tmp_path: Path
) -> None:
    clinic.people("M1", family_name="Doe")
    acknowledged: list[int] = []
    number = 0
    for delay in (0.05, 0.3):
        with working(clinic, tmp_path, free_port) as worker:
            line = worker.connect()
            killer = threading.Timer(delay, worker.kill)
            killer.start()
            while True:
                try:
                    # Without an answer the sender sends the same message again, as they do.
                    code, told = line.ask(ck(number + 1))
                except (AssertionError, OSError):
                    break
                if code == "AA":
                    assert told == f"C{number + 1}"
                    acknowledged.append(number + 1)
                    number += 1
            killer.join()
            assert len(values(clinic)) - len(acknowledged) in (0, 1), "at most the one that nobody was told of"
    with working(clinic, tmp_path, free_port) as worker:
        assert worker.connect().ask(ck(number + 1)) == ("AA", f"C{number + 1}")
        assert worker.stop() == 0
    assert values(clinic) == [480 + one for one in range(1, number + 2)]
    with opened(clinic) as session:
        assert {one.answer for one in session.exec(select(ReceivedMessage))} == {"AA"}

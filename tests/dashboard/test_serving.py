"""Closing the web server: whatever a late request still does, it does not write into somebody else's file."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from dashboard.serving import close
from tests.web_server import web_server

Start = Callable[[str, list[tuple[str, str]]], Any]


def asked(port: int) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_request_that_outlives_the_server_does_not_write_into_a_file_opened_since(tmp_path: Path) -> None:
    from waitress.server import create_server

    inside, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow(_environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        inside.set()
        go_on.wait(20)
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    server: Any = create_server(slow, host="127.0.0.1", port=0, threads=1)
    service = server.task_dispatcher.add_task

    def watched(task: Any) -> None:
        class Task:
            def service(self) -> None:
                task.service()
                done.set()

            def cancel(self) -> None:
                task.cancel()

        service(Task())

    server.task_dispatcher.add_task = watched
    port = int(server.effective_port)
    loop = threading.Thread(target=server.run, daemon=True)
    loop.start()

    def ask() -> None:
        with contextlib.suppress(OSError, HTTPException):  # the server goes away, as it should
            asked(port)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert inside.wait(20)
    server.trigger.pull_trigger(lambda: close(server, patience=0.1))
    asking.join(20)  # its connection is closed: the server is

    opened = []
    for number in range(20):  # whichever descriptor became free, one of these has it now
        descriptor = os.open(tmp_path / f"{number}.db", os.O_RDWR | os.O_CREAT)
        os.write(descriptor, b"SQLite format 3\0")
        os.lseek(descriptor, 0, os.SEEK_SET)
        opened.append(descriptor)
    go_on.set()
    assert done.wait(20)
    for descriptor in opened:
        os.close(descriptor)
    assert {one.read_bytes() for one in tmp_path.glob("*.db")} == {b"SQLite format 3\0"}
    server.trigger.close()


def test_a_closed_server_leaves_neither_thread_nor_descriptor() -> None:
    def hello(_environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with web_server(hello) as address:
        assert asked(int(address.rpartition(":")[2])) == b"ok"
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors

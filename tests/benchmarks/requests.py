"""What the server does when the panel is opened: the requests of the list, by its own processor time."""

import datetime as dt
import http.client
import json
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import brotli
import psutil

from tests.benchmarks import ours
from tests.benchmarks.clinic import NOW, Clinic
from tests.benchmarks.measuring import REPOSITORY, Cost, Goal, Report, task_of

OPENS = 10
CONTENT = "shell-page.children"
"""The output of the callback that answers with a page's content."""


def list_requests(report: Report, clinic: Clinic, small: Clinic) -> None:
    """Opening the panel: as usual, first thing after a start, first thing after midnight; with a tenth of the rows."""
    tenth, _, _ = _openings(small)
    usual, start, midnight = _openings(clinic)
    report.time(
        f"the list's own requests, {clinic.patients:,} patients", usual, tenth,
        peer_is=f"with {small.patients:,} patients", goal=Goal(0.05, "s"),
    )  # fmt: skip
    for metric, cost in (("first open after a start", start), ("first open after midnight", midnight)):
        report.time(metric, cost, usual, peer_is="any other", goal=Goal(1.5, note="(as any other)"))


def _openings(clinic: Clinic) -> tuple[Cost, Cost, Cost]:
    """What an open costs the server: the middle of several, the first of all, and the first of the next day."""
    database = clinic.copy("served.db", of=ours.evaluated(clinic))
    clock = clinic.folder / "clock"
    clock.write_text(NOW.isoformat())
    with _served(database, clock) as server:
        browser = Browser(server.address)
        browser.sign_in()
        first = server.cost_of(browser)
        usual = [server.cost_of(browser) for _ in range(OPENS)]
        clock.write_text((NOW + dt.timedelta(days=1)).isoformat())
        browser.sign_in()
        midnight = server.cost_of(browser)
    # The kernel counts a process's time in hundredths of a second, so the middle would be a step: the mean is not.
    return Cost(*(statistics.fmean(getattr(one, by) for one in usual) for by in ("wall", "processor"))), first, midnight


@dataclass(frozen=True)
class Server:
    """A started server and its process."""

    address: str
    process: psutil.Process

    def cost_of(self, browser: "Browser") -> Cost:
        """What one opening of the panel takes of the server's processor time, and how long it is waited for."""
        before, begin = self._used(), time.perf_counter()
        browser.open_panel()
        wall = time.perf_counter() - begin
        return Cost(wall, self._used() - before)

    def _used(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _served(database: Path, clock: Path) -> Iterator[Server]:
    command = task_of("serve", database, clock)
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        if len(said) != 2:
            raise RuntimeError("the server did not start")
        try:
            yield Server(said[0], psutil.Process(int(said[1])))
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.stdout.read()


class Browser:
    """As much of a browser as asks for what a page needs from the server, once it is signed in."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
        self._cookies: dict[str, str] = {}

    def sign_in(self) -> None:
        """As the nurse. A session of the day before has ended."""
        form = re.search(r'name="csrf" value="([0-9a-f]+)"', self._ask("GET", "/sign-in"))
        assert form is not None
        sent = urlencode({"csrf": form[1], "name": ours.NURSE, "password": ours.PASSWORD})
        self._ask("POST", "/sign-in", sent, {"Content-Type": "application/x-www-form-urlencoded"})
        self._ask("GET", "/")
        self._callbacks = json.loads(self._ask("GET", "/_dash-dependencies"))

    def open_panel(self) -> None:
        """The content of the page `/`, and the first part of its list."""
        content = self._call(CONTENT, {"pathname": "/", "search": "", "href": "/"})
        if "panel" not in content:
            raise RuntimeError(f"the panel did not come: {content[:300]}")
        if not json.loads(self._ask("GET", ours.PANEL_ROWS))["rows"]:
            raise RuntimeError("the panel has no rows")

    def _call(self, output: str, known: dict[str, Any]) -> str:
        one = next(one for one in self._callbacks if output in one["output"])

        def given(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**part, "value": known.get(part["property"])} for part in parts]

        names = [
            dict(zip(("id", "property"), name.rsplit(".", 1), strict=True))
            for name in one["output"].strip(".").split("...")
        ]
        body = {
            "output": one["output"],
            "outputs": names if one["output"].startswith("..") else names[0],
            "inputs": given(one["inputs"]),
            "state": given(one["state"]),
            "changedPropIds": [f"{part['id']}.{part['property']}" for part in one["inputs"][:1]],
        }
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._cookies.get("_csrf_token", "")}
        return self._ask("POST", "/_dash-update-component", json.dumps(body), headers)

    def _ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Cookie": cookies, "Accept-Encoding": "gzip, deflate, br", **(headers or {})}
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        raw = answer.read()
        text = (brotli.decompress(raw) if answer.headers.get("Content-Encoding") == "br" else raw).decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]}")
        return text

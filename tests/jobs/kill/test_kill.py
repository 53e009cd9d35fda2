"""A scheduler is killed in the middle of a job: nothing is lost, nothing is done twice, another takes over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from models.database import engine_for, reading
from models.job_run import JobRun, OutboxMessage
from tests.conftest import PATIENCE

pytestmark = [pytest.mark.serial, pytest.mark.slow]

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "said"


@pytest.fixture
def start(database_url: str, out: Path) -> Iterator[Start]:
    """A maker of schedulers in processes of their own; those still alive at the end are killed."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(mode: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), database_url, str(out), mode],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait()


def said(out: Path) -> list[str]:
    return out.read_text(encoding="utf-8").splitlines() if out.exists() else []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def recorded(database_url: str) -> tuple[list[str], int]:
    """The states of the runs, oldest first, and how many rows the job's work left behind."""
    engine = engine_for(database_url)
    with reading(engine) as session:
        states = list(session.exec(select(JobRun.status).order_by(col(JobRun.id))).all())
        rows = len(session.exec(select(OutboxMessage)).all())
    engine.dispose()
    return states, rows


def test_killed_in_the_middle_of_a_job_the_work_is_done_once_by_the_next(
    database_url: str, out: Path, start: Start
) -> None:
    first = start("hang")
    wait_for(lambda: f"inside {first.pid}" in said(out))
    second = start("work")
    wait_for(lambda: f"start {second.pid}" in said(out))
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: f"end {second.pid}" in said(out))
    wait_for(lambda: recorded(database_url)[0] == ["interrupted", "succeeded"])
    assert recorded(database_url)[1] == 1, "nothing of the killed run remains, the repeated run wrote once"


def test_of_two_schedulers_one_runs_the_job_and_the_other_waits(database_url: str, out: Path, start: Start) -> None:
    both = [start("work"), start("work")]
    wait_for(lambda: all(f"start {process.pid}" in said(out) for process in both))
    wait_for(lambda: any(line.startswith("end") for line in said(out)))
    time.sleep(1.5)
    assert len([line for line in said(out) if line.startswith("begin")]) == 1
    assert recorded(database_url) == (["succeeded"], 1)


def test_asked_to_stop_it_lets_the_running_job_finish(database_url: str, out: Path, start: Start) -> None:
    process = start("slow")
    wait_for(lambda: f"inside {process.pid}" in said(out))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0
    assert [line.split()[0] for line in said(out)] == ["start", "begin", "inside", "end", "stop"]
    assert recorded(database_url) == (["succeeded"], 1)
    # The lease was handed back: the next one need not wait for the expiry, and finds nothing left to do.
    successor = start("work")
    wait_for(lambda: f"start {successor.pid}" in said(out))
    time.sleep(1)
    assert recorded(database_url) == (["succeeded"], 1)

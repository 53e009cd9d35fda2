"""How long a click waits while the machine is at work: alerts acknowledged during an evaluation and an import."""

import datetime as dt
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from models.alert_lifecycle import acknowledge
from models.database import engine_for, writing
from tests.benchmarks import ours
from tests.benchmarks.clinic import AS_OF, NOW, Clinic
from tests.benchmarks.measuring import REPOSITORY, Goal, Report, percentile, seconds, task_of

BETWEEN_CLICKS = 0.1
"""Seconds from one click to the next. A click that is kept waiting does not put off the next: that one waits, too."""
AT_REST = 3.0
"""Seconds of clicks before the work begins."""


def acknowledging(report: Report, clinic: Clinic, small: Clinic) -> None:
    """Acknowledge alerts one by one: with the machine at rest, during a full evaluation, during an import."""
    start = ours.evaluated(clinic)
    busy = clinic.copy("busy.db", of=start)
    _measure(report, f"{clinic.patients:,} patients are evaluated in full", busy, task_of("evaluate", busy))
    receiving = small.copy("receiving.db", of=ours.evaluated(small))
    _measure(report, f"{clinic.rows:,} rows are imported", receiving, task_of("bring_in", receiving, clinic.csv))


def _measure(report: Report, meanwhile: str, database: Path, command: list[str]) -> None:
    engine = engine_for(f"sqlite:///{database}")
    alerts = iter(_running_alerts(database))
    failures: list[str] = []
    rest = time.perf_counter() + AT_REST
    at_rest = list(_clicks(engine, alerts, failures, lambda: time.perf_counter() < rest))
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as work:
        assert work.stdout is not None
        while work.stdout.readline().strip() not in {"begin", ""}:
            pass
        waits = list(_clicks(engine, alerts, failures, lambda: work.poll() is None))
        work.stdout.read()
    engine.dispose()
    if work.returncode:
        raise RuntimeError(f"the work meanwhile ended with {work.returncode}")
    if not waits or not at_rest:
        report.remark(f"acknowledging while {meanwhile}: it was over before a click was measured")
        return
    report.amount(
        f"acknowledging while {meanwhile}, p95", percentile(waits, 0.95), percentile(at_rest, 0.95), unit="s",
        peer_is="the same at rest", goal=Goal(0.3, "s"),
    )  # fmt: skip
    report.amount("clicks that failed", len(failures), unit="clicks", goal=Goal(0, "clicks"))
    report.remark(f"{len(waits)} clicks meanwhile, the longest wait {seconds(max(waits))}" + "".join(failures[:1]))


def _running_alerts(database: Path) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        return [int(row[0]) for row in connection.execute("select id from alert where ended_at is null order by id")]


def _clicks(
    engine: Engine, alerts: Iterator[int], failures: list[str], going_on: Callable[[], bool]
) -> Iterator[float]:
    """Seconds from the moment a click was due to its answer, until the alerts or the work come to their end."""
    begin = time.perf_counter()
    for number, alert in enumerate(alerts):
        due = begin + number * BETWEEN_CLICKS
        time.sleep(max(due - time.perf_counter(), 0))
        if not going_on():
            return
        try:
            with writing(engine) as session:
                moment = NOW + dt.timedelta(seconds=number)
                acknowledge(session, alert, ours.NURSE, today=AS_OF, now=moment, reason="reviewed", note=None)
        except SQLAlchemyError as error:  # counted and shown: the row says that it must not happen
            failures.append(f"; {type(error).__name__}: {str(error).splitlines()[0]}")
        yield time.perf_counter() - due

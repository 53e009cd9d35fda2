"""What starting a command costs: whole processes, from the interpreter's start to the answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import ours, peers
from tests.benchmarks.clinic import Clinic
from tests.benchmarks.measuring import REPOSITORY, Disagreement, Goal, Report, in_turns

ENTRY = "import sys; from dashboard.cli import main; sys.exit(main())"
STACK = "import sqlite3, sqlmodel, typer"


def start_to_answer(report: Report, clinic: Clinic, repeats: int) -> None:
    """`myopanel alerts` and `--version`, against an interpreter that imports the libraries and does nothing."""
    database = ours.evaluated(clinic)
    listed = [one["id"] for one in json.loads(_command(database, "alerts", "--format", "json"))]
    if sorted(listed) != peers.alert_numbers(database):
        raise Disagreement(f"`myopanel alerts` lists {len(listed)} alerts, plain SQL finds others")
    medians = in_turns(
        {
            "alerts": lambda: _command(database, "alerts"),
            "json": lambda: _command(database, "alerts", "--format", "json"),
            "version": lambda: _command(database, "--version"),
            "stack": lambda: _run(database, STACK),
        },
        repeats,
    )
    stack = "python -c 'import sqlmodel, typer'"
    report.time(
        f"myopanel alerts, start to answer, {len(listed):,} alerts", medians["alerts"], medians["stack"], peer_is=stack,
        goal=Goal(1.1, "s"),
    )  # fmt: skip
    report.time("myopanel alerts --format json", medians["json"], medians["stack"], peer_is=stack)
    report.time("myopanel --version", medians["version"], medians["stack"], peer_is=stack)


def _command(database: Path, *arguments: str) -> str:
    return _run(database, ENTRY, *arguments)


def _run(database: Path, code: str, *arguments: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MYOPANEL_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        env=clean | {"MYOPANEL_DATABASE_URL": f"sqlite:///{database}"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout

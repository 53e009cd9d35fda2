"""An evaluation beside an import, a second evaluation, a nurse: nothing is marked unseen, nothing is lost.

Real processes on a real SQLite file and a real PostgreSQL.
"""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from models.alert import Alert
from models.alert_lifecycle import acknowledge
from models.assessment import EvaluationRun
from models.database import reading, writing
from models.patient import Patient

REPOSITORY = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 3, 15)
NOW = dt.datetime(2026, 3, 15, 7, tzinfo=dt.UTC)
PEOPLE = 600
COMMAND = "import sys; from dashboard.cli import main; sys.exit(main())"

Folder = Callable[..., Path]
Begin = Callable[..., "subprocess.Popen[str]"]


def scores(offset: int, value: float, people: range = range(PEOPLE)) -> list[dict[str, object]]:
    day = (DAY + dt.timedelta(days=offset)).isoformat()
    return [{"mrn": str(n), "measure": "cmas", "value": value, "unit": "", "observed_at": day} for n in people]


@pytest.fixture
def begin(database_url: str) -> Iterator[Begin]:
    """A maker of commands that run in processes of their own on the database."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from dashboard.cli import main; sys.exit(main())",
                *map(str, arguments),
            ],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY), "MYOPANEL_DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def clinic(engine: Engine, clinic_folder: Folder) -> Engine:
    """Six hundred patients with one score each, never evaluated."""
    people = [{"mrn": str(n)} for n in range(PEOPLE)]
    folder = clinic_folder(patients=people, observations=scores(-28, 40))
    import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)
    return engine


def ended_well(process: "subprocess.Popen[str]") -> str:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output


def test_what_is_imported_while_an_evaluation_computes_is_never_marked_as_looked_at(
    clinic: Engine, clinic_folder: Folder, begin: Begin
) -> None:
    evaluate(clinic, DAY, timezone="UTC", now=NOW)
    running = begin("evaluate", "--full", "--as-of", DAY)
    for part in range(6):
        some = range(part * 100, part * 100 + 100)
        folder = clinic_folder(name=f"part-{part}", observations=scores(-1, 30, some))
        import_paths(clinic, [folder], timezone="UTC", by="test", now=NOW)
    ended_well(running)
    with reading(clinic) as session:
        unseen = session.exec(select(Patient.id).where(col(Patient.revision) != col(Patient.evaluated_revision))).all()
        alerted = set(session.exec(select(Alert.patient_id).where(col(Alert.ended_at).is_(None))).all())
        everybody = set(session.exec(select(Patient.id)).all())
    assert everybody - alerted <= set(unseen), "whoever has no alert yet still asks to be looked at"
    evaluate(clinic, DAY, timezone="UTC", now=NOW)
    with reading(clinic) as session:
        assert set(session.exec(select(Alert.patient_id).where(col(Alert.ended_at).is_(None))).all()) == everybody


def test_two_evaluations_at_once_open_each_alert_once(clinic: Engine, clinic_folder: Folder, begin: Begin) -> None:
    folder = clinic_folder(name="falls", observations=scores(-1, 30))
    import_paths(clinic, [folder], timezone="UTC", by="test", now=NOW)
    both = [begin("evaluate", "--full", "--as-of", DAY) for _ in range(2)]
    for process in both:
        ended_well(process)
    with reading(clinic) as session:
        running = session.exec(select(Alert.patient_id, Alert.rule, Alert.subject)).all()
        runs = session.exec(select(EvaluationRun.id)).all()
    assert len(running) == len(set(running)) == PEOPLE
    assert len(runs) == 2


def test_a_nurse_acknowledges_while_everybody_is_evaluated(clinic: Engine, clinic_folder: Folder, begin: Begin) -> None:
    folder = clinic_folder(name="falls", observations=scores(-1, 30))
    import_paths(clinic, [folder], timezone="UTC", by="test", now=NOW)
    evaluate(clinic, DAY, timezone="UTC", now=NOW)
    with reading(clinic) as session:
        numbers = session.exec(select(Alert.id).limit(40)).all()
    running = begin("evaluate", "--full", "--as-of", DAY)
    for number in numbers:
        with writing(clinic) as session:
            acknowledge(session, number or 0, "nora", today=DAY, now=NOW)
    ended_well(running)
    with reading(clinic) as session:
        kept = session.exec(select(Alert.acknowledged_by).where(col(Alert.id).in_(list(numbers)))).all()
    assert kept == ["nora"] * len(numbers), "an evaluation beside it takes no acknowledgement back"

"""Several processes come to the answers of one."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import select

from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from jobs.replay import replay
from jobs.workers import FEWEST, dealt
from models.alert import Alert
from models.assessment import Assessment
from models.database import reading
from models.errors import UsageError

DAY = dt.date(2026, 3, 15)
NOW = dt.datetime(2026, 3, 15, 7, tzinfo=dt.UTC)
PEOPLE = FEWEST + 30


@pytest.fixture
def clinic(engine: Engine, clinic_folder: Callable[..., Path]) -> Engine:
    """A hundred and thirty patients, of whom every third gets weaker."""
    scores = [
        {
            "mrn": str(n),
            "measure": "cmas",
            "unit": "",
            "value": value,
            "observed_at": str(DAY + dt.timedelta(d)),
        }
        for n in range(PEOPLE)
        for d, value in ((-28, 40), (-1, 30 if n % 3 == 0 else 41))
    ]
    folder = clinic_folder(patients=[{"mrn": str(n)} for n in range(PEOPLE)], observations=scores)
    import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)
    return engine


def stored(engine: Engine) -> Any:
    with reading(engine) as session:
        answers = session.exec(select(Assessment.patient_id, Assessment.rule, Assessment.subject, Assessment.digest))
        alerts = session.exec(select(Alert.patient_id, Alert.rule, Alert.subject, Alert.explanation))
        return sorted(answers.all()), sorted(alerts.all())


def test_two_workers_store_what_one_process_stores(clinic: Engine) -> None:
    together = evaluate(clinic, DAY, timezone="UTC", now=NOW, workers=2)
    assert together.computed == together.patients == PEOPLE
    by_two = stored(clinic)
    alone = evaluate(clinic, DAY, timezone="UTC", now=NOW, full=True)
    assert stored(clinic) == by_two
    assert set(alone.decisions) == {"unchanged"}
    assert together.assessments == alone.assessments


def test_a_replay_by_two_workers_is_that_of_one(clinic: Engine) -> None:
    span = DAY - dt.timedelta(days=5), DAY
    assert replay(clinic, *span, timezone="UTC", workers=2) == replay(clinic, *span, timezone="UTC")


def test_a_cluster_that_is_not_installed_and_no_worker_at_all_are_refused(clinic: Engine) -> None:
    with pytest.raises(UsageError, match="at least one"):
        evaluate(clinic, DAY, timezone="UTC", now=NOW, workers=0)
    with pytest.raises(UsageError, match="--scheduler"):
        evaluate(clinic, DAY, timezone="UTC", now=NOW, scheduler="tcp://127.0.0.1:1")


def test_every_patient_is_dealt_once_and_no_share_is_empty() -> None:
    assert dealt([1, 2, 3], 2) == [[1, 3], [2]]
    assert dealt([1], 4) == [[1]]

"""The stories and invented patients of a cohort, read for contradictions as a specialist would: all that is said."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from jobs.assessing import ask
from jobs.chart import chart_of
from jobs.importers.load import import_paths
from jobs.rule import all_rules
from jobs.suggest import answer_for
from jobs.thresholds import Thresholds
from models.database import engine_for, reading
from models.patient import STATUSES
from models.patient_facts import PatientFacts
from models.patient_reading import read_patients
from seed_data.cohort import write_cohort
from seed_data.stories import write_stories
from tests.contradictions import contradictions
from tests.jobs.rules.sentences.histories import patient

AS_OF = dt.date(2026, 5, 20)
NOW = dt.datetime.combine(AS_OF, dt.time(20), dt.UTC)


@pytest.fixture
def engine(sqlite_url: str) -> Engine:
    return engine_for(sqlite_url)


def everybody(engine: Engine, folder: Path) -> Iterator[PatientFacts]:
    """The active patients of a folder of facts, every rule asked of each."""
    import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)
    thresholds = Thresholds({rule.key: rule.defaults() for rule in all_rules()}, {}, {})
    with reading(engine) as session:
        for one in read_patients(session.connection(), AS_OF, timezone="UTC", statuses=STATUSES):
            if one.status == "active":
                asked = ask(one, thresholds, {rule.key for rule in all_rules()})
                assert not asked.failed
                yield one


def test_no_story_is_told_with_a_contradiction(engine: Engine, tmp_path: Path) -> None:
    write_stories(tmp_path / "stories", AS_OF)
    read = 0
    for one in everybody(engine, tmp_path / "stories"):
        found = contradictions(one, one.answers, answer_for(chart_of(one, one.answers)))
        assert not found, (one.mrn, found)
        read += 1
    assert read > 30


def test_no_worked_example_of_a_rule_is_told_with_a_contradiction() -> None:
    thresholds = Thresholds({rule.key: rule.defaults() for rule in all_rules()}, {}, {})
    for rule in all_rules():
        for example in rule.examples:
            one = patient(example.observations, example.medications, example.events, example.patient)
            asked = ask(one, thresholds, {rule.key for rule in all_rules()})
            found = contradictions(one, asked.answers, answer_for(chart_of(one, asked.answers)))
            assert not found, (rule.key, example.title, found)


def test_no_patient_of_a_cohort_is_told_with_a_contradiction(engine: Engine, tmp_path: Path) -> None:
    write_cohort(tmp_path / "cohort", patients=100, seed=41, as_of=AS_OF)
    for one in everybody(engine, tmp_path / "cohort"):
        found = contradictions(one, one.answers, answer_for(chart_of(one, one.answers)))
        assert not found, (one.mrn, found)

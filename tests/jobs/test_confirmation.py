"""When a dose was last confirmed with the patient, from the file or the page to what is said beside it."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from jobs.confirmation import confirmed
from jobs.importers.load import import_paths
from models.database import engine_for, reading
from models.event import CONFIRMED, ClinicalEvent
from models.medication import MedicationStatement
from models.patient_facts import day_number
from models.patient_reading import read_patients

TODAY = dt.date(2026, 3, 30)
NOW = dt.datetime(2026, 3, 30, 9, tzinfo=dt.UTC)
MTX = {"mrn": "1", "drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start_date": "2025-01-10"}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = engine_for(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def load(engine: Engine, clinic_folder: Callable[..., Path]) -> Callable[..., Any]:
    count = iter(range(100))

    def loading(**files: list[dict[str, Any]]) -> Any:
        folder = clinic_folder(name=f"folder-{next(count)}", patients=[{"mrn": "1"}], **files)
        report = import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)
        assert report.total.rejected == 0, report.rejects
        return next(file for file in report.files if file.name == "medications.csv") if "medications" in files else None

    return loading


def said(engine: Engine, drug: str = "methotrexate", start: str = "2025-01-10", after: int = 182) -> str:
    with engine.connect() as connection:
        (patient,) = read_patients(connection, TODAY, timezone="UTC")
    return confirmed(patient, drug, day_number(dt.date.fromisoformat(start))).told(after)


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("", "never confirmed"),
        ("2025-01-15", "last confirmed 14 months ago"),
        ("2025-12-01", ""),
        ("2026-03-30", ""),
    ],
)
def test_beside_a_dose_stands_how_long_ago_it_was_confirmed(
    engine: Engine, load: Callable[..., Any], on: str, told: str
) -> None:
    load(medications=[MTX | {"confirmed_on": on}])
    assert said(engine) == told


def test_how_old_it_may_be_is_the_clinics_choice(engine: Engine, load: Callable[..., Any]) -> None:
    load(medications=[MTX | {"confirmed_on": "2026-03-01"}])
    assert said(engine, after=28) == "last confirmed 29 days ago"
    assert said(engine, after=29) == ""


def test_a_row_that_says_only_that_it_was_confirmed_again_leaves_the_statement_as_it_is(
    engine: Engine, load: Callable[..., Any]
) -> None:
    load(medications=[MTX])
    first = load(medications=[MTX | {"confirmed_on": "2025-06-01"}])
    second = load(medications=[MTX | {"confirmed_on": "2026-03-01"}])
    again = load(medications=[MTX | {"confirmed_on": "2026-03-01"}])
    without = load(medications=[MTX])
    assert [(one.read, one.updated, one.unchanged) for one in (first, second, again, without)] == [
        (1, 1, 0), (1, 1, 0), (1, 0, 1), (1, 0, 1),
    ]  # fmt: skip
    with reading(engine) as session:
        assert len(session.exec(select(MedicationStatement)).all()) == 1
        events = session.exec(select(ClinicalEvent)).all()
    assert [(one.event, one.detail, one.occurred_on.isoformat()) for one in events] == [
        (CONFIRMED, "methotrexate", "2025-06-01"),
        (CONFIRMED, "methotrexate", "2026-03-01"),
    ]
    assert said(engine) == ""


def test_a_whole_list_is_confirmed_by_an_event_and_says_nothing_of_a_dose_begun_since(
    engine: Engine, load: Callable[..., Any]
) -> None:
    load(
        medications=[MTX, MTX | {"drug": "prednisone", "frequency": "daily"}],
        events=[{"mrn": "1", "event": CONFIRMED, "date": "2026-03-01"}],
    )
    assert (said(engine), said(engine, "prednisone")) == ("", "")
    assert said(engine, start="2026-03-02") == "never confirmed"


def test_two_drugs_confirmed_on_one_day_are_two_confirmations(engine: Engine, load: Callable[..., Any]) -> None:
    both = [MTX, MTX | {"drug": "prednisone", "frequency": "daily"}]
    load(medications=[row | {"confirmed_on": "2026-03-01"} for row in both])
    assert (said(engine), said(engine, "prednisone")) == ("", "")


def test_a_confirmation_before_the_first_day_or_far_ahead_is_refused(
    engine: Engine, clinic_folder: Callable[..., Path]
) -> None:
    rows = [MTX | {"confirmed_on": day} for day in ("2025-01-09", "2028-01-01")]
    folder = clinic_folder(patients=[{"mrn": "1"}], medications=rows)
    report = import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)
    assert [one.column for one in report.rejects] == ["confirmed_on", "confirmed_on"]

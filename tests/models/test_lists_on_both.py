"""The lists' questions on both databases: who left, who waits for an evaluation, and sites nobody wrote down."""

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from models import labs_due
from models.database import reading, writing
from models.labs_due import Wanted
from models.list_order import IN_HAND, NOTHING, URGENT, Asks, floor
from models.panel import Asked, Counts, panel_counts, panel_page, sites
from models.patient import Patient
from models.patient_summary import PatientLab, PatientSummary
from models.standing import alerts_behind

if TYPE_CHECKING:
    from sqlalchemy import Engine

NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)
TODAY = NOW.date()

WHO = (
    # record number, site, status, revision, evaluated, place, untold
    ("calm", "", "active", 1, 1, NOTHING, False),
    ("urgent", "Bonn", "active", 1, 1, URGENT, False),
    ("left", "Aachen", "deceased", 1, 1, URGENT, True),
    ("new", "Bonn", "active", 1, 0, None, False),
    ("in hand", "Celle", "active", 1, 1, IN_HAND, True),
)


@pytest.fixture
def clinic(engine: "Engine") -> "Engine":
    with writing(engine) as session:
        for mrn, site, status, revision, evaluated, place, untold in WHO:
            looked = {"revision": revision, "evaluated_revision": evaluated}
            patient = Patient(mrn=mrn, site=site, status=status, created_at=NOW, updated_at=NOW, **looked)
            session.add(patient)
            session.flush()
            assert patient.id is not None
            if place is None:
                continue
            due = TODAY - dt.timedelta(days=3 + len(mrn))
            asks = {NOTHING: Asks.NOTHING, IN_HAND: Asks.IN_HAND, URGENT: Asks.TODAY}[place]
            session.add(
                PatientSummary(
                    patient_id=patient.id, place=floor(place), asks=asks, untold=untold, to_take_from=due, reasons="[]"
                )
            )
            session.flush()
            session.add(PatientLab(patient_id=patient.id, test="ck", state="overdue", due=due, interval_days=42))
    return engine


def test_the_list_is_worst_first_without_who_left_and_with_who_waits_before_the_calm(clinic: "Engine") -> None:
    with reading(clinic) as session:
        assert [row.mrn for row in panel_page(session, Asked(), 0, 10)] == ["urgent", "in hand", "new", "calm"]
        assert [row.mrn for row in panel_page(session, Asked(), 2, 1)] == ["new"]
        assert [row.mrn for row in panel_page(session, Asked(), 3, 5)] == ["calm"]
        assert [row.mrn for row in panel_page(session, Asked(site="Bonn"), 0, 10)] == ["urgent", "new"]


def test_who_left_is_counted_nowhere_and_who_waits_is_among_those_nothing_can_be_said_of(clinic: "Engine") -> None:
    with reading(clinic) as session:
        assert panel_counts(session, Asked()) == Counts(patients=4, today=1, this_week=0, cannot_tell=2)
        assert labs_due.tests_by_state(session, Wanted()) == {("ck", "overdue"): 3}
        assert labs_due.patients_to_take(session, Wanted(), TODAY) == 3
        assert len(labs_due.most_pressing(session, Wanted(), labs_due.to_take(TODAY), 10)) == 3


def test_every_site_is_found_once_in_order(clinic: "Engine") -> None:
    with reading(clinic) as session:
        assert sites(session) == ["Aachen", "Bonn", "Celle"]


def test_an_empty_clinic_has_no_sites_and_nobody(engine: "Engine") -> None:
    with reading(engine) as session:
        assert sites(session) == []
        assert panel_counts(session, Asked()) == Counts(0, 0, 0, 0)
        assert not alerts_behind(session.connection(), [1, 2])

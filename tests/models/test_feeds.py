"""How the clinic's senders deliver: counted for busy ones, by their own rhythm for those of few results."""

import datetime as dt

import pytest

from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from models.database import reading
from models.delivery import MOST_NAMED
from models.feeds import read_feeds
from models.patient_facts import date_of

NOW = dt.datetime(2026, 11, 9, 7, tzinfo=dt.UTC)
METHOTREXATE = {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start_date": "2025-06-01"}


def patients(count, **more):
    return [{"mrn": f"F{one}", "diagnosis": "DM", **more} for one in range(count)]


def ck(mrn, day):
    return {
        "mrn": mrn, "measure": "ck", "value": 100, "unit": "U/L", "upper_limit": 170, "observed_at": day.isoformat(),
        "source_id": f"{mrn}{day}",
    }  # fmt: skip


def every_six_weeks(count, until=dt.date(2026, 10, 9)):
    """Ten patients tested every 42 days, one of them about every four days, until the laboratory falls silent."""
    first = dt.date(2026, 1, 1)
    rows = [
        ck(f"F{one}", first + dt.timedelta(days=42 * visit + 4 * one + one // 5))
        for one in range(count)
        for visit in range(10)
    ]
    return [row for row in rows if row["observed_at"] <= until.isoformat()]


def load(engine, folder):
    return import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)


def feeds(engine, day):
    with reading(engine) as session:
        return {one.measure: one for one in read_feeds(session.connection(), day)}


def said_of_ck(engine, day):
    report = evaluate(engine, day, timezone="UTC", now=NOW, dry_run=True, all_states=True, rules=["overdue-labs"])
    return [one for one in report.assessments if one["subject"] == "ck"]


def test_a_sparse_feed_is_read_with_its_rhythm_and_with_those_who_wait_longer_than_they_usually_do(
    engine, clinic_folder
):
    folder = clinic_folder(patients=patients(10), observations=every_six_weeks(10))
    load(engine, folder)
    found = feeds(engine, dt.date(2026, 11, 9))["ck"]
    assert date_of(found.last_day) == dt.date(2026, 10, 9)
    assert 10 <= found.results < 20
    assert found.median_gap == 4
    assert found.delivery_days == len({row["observed_at"] for row in every_six_weeks(10)})
    assert found.patients_waiting == 7
    assert set(feeds(engine, dt.date(2026, 11, 9))) == {"ck"}


def test_of_a_busy_feed_the_rhythm_is_not_read(engine, clinic_folder):
    load(engine, clinic_folder(patients=patients(20), observations=every_six_weeks(20)))
    found = feeds(engine, dt.date(2026, 11, 9))["ck"]
    assert found.results >= 20
    assert (found.delivery_days, found.median_gap, found.patients_waiting) == (0, None, 0)


def test_a_small_clinics_silent_feed_is_named_a_month_after_its_last_result_instead_of_calling_patients_overdue(
    engine, clinic_folder
):
    medications = [{"mrn": f"F{one}", **METHOTREXATE} for one in range(10)]
    load(engine, clinic_folder(patients=patients(10), medications=medications, observations=every_six_weeks(10)))
    late = [one for one in said_of_ck(engine, dt.date(2026, 11, 9)) if one["state"] != "not_met"]
    assert len(late) >= 4
    assert {(one["state"], one["cannot_tell_because"]) for one in late} == {
        ("cannot_tell", "feed silent since 9 Oct 2026")
    }


@pytest.mark.parametrize("status", ["discharged", "deceased", "moved"])
def test_patients_who_left_do_not_wait(engine, clinic_folder, status):
    load(engine, clinic_folder(patients=patients(10, status=status), observations=every_six_weeks(10)))
    assert feeds(engine, dt.date(2026, 11, 9))["ck"].patients_waiting == 0


@pytest.mark.parametrize("busy", [MOST_NAMED, MOST_NAMED + 1])
def test_a_feed_that_was_busy_once_is_still_judged_by_all_its_deliveries(engine, clinic_folder, busy):
    days = [dt.date(2026, 2, 1), *(dt.date(2026, 9, 1) + dt.timedelta(days=7 * week) for week in range(4))]
    rows = [ck(f"F{one}", days[0]) for one in range(busy)] + [ck("F0", day) for day in days[1:]]
    for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        load(engine, clinic_folder(patients=patients(busy), observations=half))
    found = feeds(engine, dt.date(2026, 11, 9))["ck"]
    assert (found.results, found.delivery_days, found.median_gap) == (4, 5, 7)
    assert found.patients_waiting == busy

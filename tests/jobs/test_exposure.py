"""How medication statements become prednisone-equivalent doses a day."""

import datetime as dt
import random
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import array_exposure as steroids
from jobs.array_exposure import daily, exposure, exposure_report
from tests.frames_builder import AS_OF, frames


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def today_dose(*medications: dict[str, Any], **facts: Any) -> float:
    return float(daily(frames(medications=medications, **facts), 1, AS_OF, AS_OF).iloc[0])


@pytest.mark.parametrize(
    ("drug", "dose", "expected"),
    [
        ("prednisone", 40, 40),
        ("prednisolone", 40, 40),
        ("methylprednisolone", 32, 40),
        ("dexamethasone", 4.5, 30),
        ("betamethasone", 0.75, 5),
        ("triamcinolone", 4, 5),
        ("hydrocortisone", 20, 5),
        ("cortisone", 25, 5),
        ("deflazacort", 36, 30),
        ("budesonide", 9, 0),
        ("fludrocortisone", 0.1, 0),
        ("vamorolone", 200, 0),
        ("methotrexate", 15, 0),
        ("a drug nobody knows", 40, 0),
    ],
)
def test_a_drug_counts_by_its_equivalence(drug: str, dose: float, expected: float) -> None:
    assert today_dose({"drug": drug, "dose": dose, "start": -3}) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("route", ["topical", "inhaled", "intra-articular"])
def test_local_steroids_do_not_count(route: str) -> None:
    assert today_dose(pred(40, -3, route=route)) == 0


@pytest.mark.parametrize("route", ["oral", "iv", "im", "sc"])
def test_systemic_routes_count(route: str) -> None:
    assert today_dose(pred(40, -3, route=route)) == 40


@pytest.mark.parametrize(
    ("frequency", "expected"), [("daily", 20), ("twice-daily", 40), ("three-times-daily", 60), ("every-other-day", 10)]
)
def test_the_frequency_makes_the_dose_of_a_day(frequency: str, expected: float) -> None:
    assert today_dose(pred(20, -3, frequency=frequency)) == expected


@pytest.mark.parametrize(("frequency", "days"), [("weekly", 7), ("every-2-weeks", 14), ("every-4-weeks", 28)])
def test_a_rare_dose_counts_in_full_on_its_days_only(frequency: str, days: int) -> None:
    panel = frames(medications=[pred(100, -60, frequency=frequency)])
    doses = daily(panel, 1, AS_OF - dt.timedelta(days=60), AS_OF)
    assert np.flatnonzero(doses.to_numpy() == 100).tolist() == list(range(0, 61, days))
    assert doses.sum() == 100 * len(range(0, 61, days))


def test_a_single_dose_counts_on_its_first_day_only() -> None:
    panel = frames(medications=[pred(100, -5, None, frequency="once"), pred(50, -3, 0, frequency="once")])
    assert daily(panel, 1, AS_OF - dt.timedelta(days=6), AS_OF).tolist() == [0, 100, 0, 50, 0, 0, 0]


def test_the_last_day_taken_is_included() -> None:
    panel = frames(medications=[pred(40, -5, -3)])
    assert daily(panel, 1, AS_OF - dt.timedelta(days=6), AS_OF).tolist() == [0, 40, 40, 40, 0, 0, 0]


def test_doses_at_the_same_time_add_up_exactly() -> None:
    parts = [pred(dose, -9) for dose in (0.1, 0.2, 9.7, 10, 10)]
    assert today_dose(*parts) == 30.0


def test_grams_are_a_thousand_milligrams_and_a_pulse_is_flagged() -> None:
    panel = frames(
        medications=[
            {
                "drug": "methylprednisolone",
                "dose": 1,
                "unit": "g",
                "route": "iv",
                "intent": "pulse",
                "start": -9,
                "end": -7,
            },
            pred(60, -9),
        ]
    )
    segments = exposure(panel).known.frame()
    assert segments["mg_day"].tolist() == [1310, 60]
    assert segments["steady_mg"].tolist() == [60, 60]
    assert segments["pulse"].tolist() == [True, False]


def test_a_dose_of_250_mg_is_a_pulse_without_being_called_one() -> None:
    found = exposure(frames(medications=[{"drug": "methylprednisolone", "dose": 200, "start": -2}]))
    assert found.known.is_pulse.tolist() == [True]


def test_a_dose_per_kilogram_uses_the_last_weight_on_file() -> None:
    weights = [{"measure": "weight", "value": kg, "day": day} for kg, day in ((18, -200), (20, -3))]
    assert today_dose(pred(0.5, -9, unit="mg/kg", frequency="twice-daily"), observations=weights) == 20


def test_a_dose_per_square_metre_uses_weight_and_height() -> None:
    body = [{"measure": "weight", "value": 20, "day": -3}, {"measure": "height", "value": 115, "day": -300}]
    assert today_dose(pred(60, -9, unit="mg/m2"), observations=body) == pytest.approx(60 * (20 * 115 / 3600) ** 0.5)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (pred(1, -9, unit="mg/kg"), "no weight"),
        (pred(60, -9, unit="mg/m2"), "weight or height"),
        (pred(60, -9, status="stopped"), "stopped without an end date"),
        (pred(60, -9, unit="tablets"), "unit"),
        (pred(60, -9, frequency="when needed"), "how often"),
        (pred(float("nan"), -9), "no dose"),
    ],
)
def test_what_is_not_known_is_not_guessed(row: dict[str, Any], why: str) -> None:
    found = exposure(frames(medications=[row]))
    assert len(found.known) == 0
    assert why in steroids.why_unknown(found, 1)
    assert float(found.possible.mg.max()) > 0


def test_a_statement_stopped_on_an_unknown_day_had_ended_before_the_next_of_the_drug() -> None:
    found = exposure(frames(medications=[pred(60, -90, status="stopped"), pred(10, -40)]))
    assert found.unknown["last"].tolist() == [found.today - 41]


def test_a_statement_that_starts_after_the_day_asked_about_does_not_count() -> None:
    assert today_dose(pred(40, 1)) == 0


def test_the_course_counts_days_and_bridges_a_gap() -> None:
    found = exposure(frames(medications=[pred(40, -20, -11), pred(40, -7)]))
    course = steroids.runs(found.known, found.is_high(found.known), gap_days=3, nth=12)
    assert (course.days.tolist(), (course.nth_day - found.today).tolist()) == ([18], [-6])
    assert len(steroids.runs(found.known, found.is_high(found.known), gap_days=2)) == 2


def test_the_next_change_is_the_day_after_a_planned_end_or_the_next_rare_dose() -> None:
    def change(*medications: dict[str, Any]) -> list[int]:
        found = exposure(frames(medications=medications))
        return (found.changes_on(np.array([1])) - found.today).tolist()

    assert change(pred(40, -5, 9)) == [10]
    assert change(pred(40, -5, 9), pred(40, -6, frequency="weekly")) == [1]
    assert change(pred(40, -3, frequency="weekly")) == [4]
    assert change(pred(40, -7, frequency="weekly")) == [1]
    assert change(pred(40, 0, frequency="once")) == [1]
    assert not steroids.is_day(exposure(frames(medications=[pred(40, -5)])).changes_on(np.array([1]))).any()


def test_the_report_holds_days_spans_sums_and_what_was_left_out() -> None:
    report = exposure_report(
        frames(
            medications=[
                pred(60, -400, -391),
                pred(40, -20),
                {"drug": "budesonide", "dose": 9, "start": -3},
                pred(5, -3, status="stopped", route="im"),
            ],
            observations=[{"measure": "weight", "value": 80, "day": -50}],
        ),
        1,
        AS_OF,
    )
    assert report["mrn"] == "1"
    assert report["as_of"] == "2026-11-22"
    assert len(report["days"]) == 365
    assert report["days"][-1] == {"date": "2026-11-22", "dose": 40.0, "mg_per_kg": 0.5, "high": True}
    high = [span for span in report["spans"] if span["limit"].startswith("above 30")]
    assert [(span["start"], span["days"]) for span in high] == [("2025-10-18", 10), ("2026-11-02", 21)]
    assert report["cumulative"] == {"total_mg": 1440.0, "last_365_days_mg": 840.0}
    assert report["current"] == {"dose": 40.0, "since": "2026-11-02"}
    assert report["next"] == {"crosses_on": "2026-11-30"}
    assert [row["drug"] for row in report["ignored"]] == ["budesonide"]
    assert report["unknown"][0]["why"] == "stopped without an end date"


def test_the_report_of_someone_never_on_steroids_is_empty() -> None:
    report = exposure_report(frames(), 1, AS_OF)
    assert (report["days"], report["segments"], report["spans"]) == ([], [], [])
    assert report["current"] == {"dose": 0.0, "since": None}


def test_the_report_of_a_patient_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        exposure_report(frames(), 99, AS_OF)


STATEMENT = st.fixed_dictionaries(
    {
        "drug": st.sampled_from(["prednisone", "methylprednisolone", "dexamethasone", "deflazacort", "budesonide"]),
        "dose": st.sampled_from([0.75, 1.5, 5, 7, 12.5, 36, 60]),
        "unit": st.sampled_from(["mg", "mg/kg"]),
        "frequency": st.sampled_from(["daily", "twice-daily", "every-other-day"]),
        "start": st.integers(-120, 0),
        "days": st.integers(0, 60),
        "mrn": st.sampled_from(["1", "2"]),
    }
)
WEIGHTS = [{"measure": "weight", "value": 21.3, "day": -100}, {"measure": "weight", "value": 23.1, "day": -20}]


def segments_of(statements: list[dict[str, Any]]) -> pd.DataFrame:
    rows = [{**row, "end": row.get("end", row["start"] + row.get("days", 0))} for row in statements]
    panel = frames(patients=[{"mrn": "1"}, {"mrn": "2"}], medications=rows, observations=WEIGHTS)
    return exposure(panel).known.frame()


@settings(max_examples=60, deadline=None)
@given(st.lists(STATEMENT, min_size=1, max_size=6), st.integers(0, 59), st.randoms(use_true_random=False))
def test_neither_cutting_statements_nor_their_order_changes_the_exposure(
    statements: list[dict[str, Any]], at: int, chance: random.Random
) -> None:
    pieces: list[dict[str, Any]] = []
    for row in statements:
        end = row["start"] + row["days"]
        cut = row["start"] + at
        if cut < end:
            pieces += [{**row, "end": cut}, {**row, "start": cut + 1, "end": end}]
        else:
            pieces.append({**row, "end": end})
    chance.shuffle(pieces)
    pd.testing.assert_frame_equal(segments_of(statements), segments_of(pieces))


@settings(max_examples=60, deadline=None)
@given(st.lists(STATEMENT, min_size=1, max_size=6))
def test_the_segments_say_the_same_as_adding_up_day_by_day(statements: list[dict[str, Any]]) -> None:
    factor = {
        "prednisone": 1,
        "methylprednisolone": 1.25,
        "dexamethasone": 5 / 0.75,
        "deflazacort": 5 / 6,
        "budesonide": 0,
    }
    times = {"daily": 1, "twice-daily": 2, "every-other-day": 0.5}
    rows = [{**row, "end": row["start"] + row["days"]} for row in statements]
    panel = frames(patients=[{"mrn": "1"}, {"mrn": "2"}], medications=rows, observations=WEIGHTS)
    for number, mrn in ((1, "1"), (2, "2")):
        expected = np.zeros(121)
        for row in rows:
            if row["mrn"] != mrn or (row["unit"] == "mg/kg" and mrn == "2"):
                continue
            mg = row["dose"] * factor[row["drug"]] * times[row["frequency"]] * (23.1 if row["unit"] == "mg/kg" else 1)
            expected[row["start"] + 120 : min(row["end"], 0) + 121] += mg
        found = daily(panel, number, AS_OF - dt.timedelta(days=120), AS_OF)
        np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-4)


@pytest.mark.serial
def test_ten_thousand_patients_take_less_than_150_ms() -> None:
    chance = np.random.default_rng(7)
    rows, patients = 170_000, 10_000
    panel = frames(patients=[{"mrn": "1"}])
    start = np.datetime64(AS_OF, "s") - chance.integers(0, 1800, rows).astype("timedelta64[D]")
    names = np.array(["prednisone", "methylprednisolone", "methotrexate", "folic acid", "azathioprine"], dtype=object)
    panel.medications = pd.DataFrame(
        {
            "id": np.arange(rows),
            "patient_id": np.sort(chance.integers(1, patients + 1, rows)),
            "drug": names[chance.integers(0, len(names), rows)],
            "dose": chance.choice([5.0, 20.0, 40.0], rows),
            "unit": np.full(rows, "mg", dtype=object),
            "frequency": np.full(rows, "daily", dtype=object),
            "route": np.full(rows, "oral", dtype=object),
            "start": start,
            "end": start + chance.integers(0, 90, rows).astype("timedelta64[D]"),
            "intent": np.full(rows, "daily", dtype=object),
            "status": np.full(rows, "active", dtype=object),
        }
    )
    taken = []
    for _ in range(4):
        panel.derived.clear()
        began = time.perf_counter()
        exposure(panel)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.150

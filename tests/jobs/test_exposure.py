"""How medication statements become prednisone-equivalent doses a day."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import exposure as steroids
from jobs.exposure import Segment, daily, exposure, exposure_report
from models.patient_facts import PatientFacts, day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

TODAY = day_number(AS_OF)


def someone(**facts: Any) -> PatientFacts:
    """The first patient of the facts."""
    return patients_of(frames(**facts))[1]


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def today_dose(*medications: dict[str, Any], **facts: Any) -> float:
    return daily(someone(medications=medications, **facts), TODAY, TODAY)[0]


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
    doses = daily(someone(medications=[pred(100, -60, frequency=frequency)]), TODAY - 60, TODAY)
    assert doses == [100 if day % days == 0 else 0 for day in range(61)]


def test_a_single_dose_counts_on_its_first_day_only() -> None:
    patient = someone(medications=[pred(100, -5, None, frequency="once"), pred(50, -3, 0, frequency="once")])
    assert daily(patient, TODAY - 6, TODAY) == [0, 100, 0, 50, 0, 0, 0]


def test_the_last_day_taken_is_included() -> None:
    patient = someone(medications=[pred(40, -5, -3)])
    assert daily(patient, TODAY - 6, TODAY) == [0, 40, 40, 40, 0, 0, 0]


def test_doses_at_the_same_time_add_up_exactly() -> None:
    parts = [pred(dose, -9) for dose in (0.1, 0.2, 9.7, 10, 10)]
    assert today_dose(*parts) == 30.0


def test_grams_are_a_thousand_milligrams_and_a_pulse_is_flagged() -> None:
    patient = someone(
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
    segments = exposure(patient).known
    assert [(one.mg, one.steady_mg, one.is_pulse) for one in segments] == [(1310, 60, True), (60, 60, False)]


def test_a_dose_of_250_mg_is_a_pulse_without_being_called_one() -> None:
    found = exposure(someone(medications=[{"drug": "methylprednisolone", "dose": 200, "start": -2}]))
    assert [one.is_pulse for one in found.known] == [True]


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
    found = exposure(someone(medications=[row]))
    assert not found.known
    assert why in steroids.why_unknown(found)
    assert max(one.mg for one in found.possible) > 0


def test_a_statement_stopped_on_an_unknown_day_had_ended_before_the_next_of_the_drug() -> None:
    found = exposure(someone(medications=[pred(60, -90, status="stopped"), pred(10, -40)]))
    assert [one.last for one in found.unknown] == [TODAY - 41]


def test_a_statement_that_starts_after_the_day_asked_about_does_not_count() -> None:
    assert today_dose(pred(40, 1)) == 0


def test_the_course_counts_days_and_bridges_a_gap() -> None:
    found = exposure(someone(medications=[pred(40, -20, -11), pred(40, -7)]))
    (course,) = steroids.runs(found.known, found.is_high, gap_days=3, nth=12)
    assert course == (TODAY - 20, TODAY, 18, TODAY - 6)
    assert len(steroids.runs(found.known, found.is_high, gap_days=2)) == 2


def test_the_next_change_is_the_day_after_a_planned_end_or_the_next_rare_dose() -> None:
    def change(*medications: dict[str, Any]) -> int | None:
        found = exposure(someone(medications=medications)).next_change
        return None if found is None else found - TODAY

    assert change(pred(40, -5, 9)) == 10
    assert change(pred(40, -5, 9), pred(40, -6, frequency="weekly", drug="prednisolone")) == 1
    assert change(pred(40, -3, frequency="weekly")) == 4
    assert change(pred(40, -7, frequency="weekly")) == 1
    assert change(pred(40, 0, frequency="once")) == 1
    assert change(pred(40, -5)) is None


def test_the_report_holds_days_spans_sums_and_what_was_left_out() -> None:
    report = exposure_report(
        someone(
            medications=[
                pred(60, -400, -391),
                pred(40, -20),
                {"drug": "budesonide", "dose": 9, "start": -3},
                pred(5, -3, status="stopped", route="im"),
            ],
            observations=[{"measure": "weight", "value": 80, "day": -50}],
        )
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
    report = exposure_report(someone())
    assert (report["days"], report["segments"], report["spans"]) == ([], [], [])
    assert report["current"] == {"dose": 0.0, "since": None}


def test_the_same_drug_begun_at_another_dose_while_the_older_has_no_end_is_a_change_of_dose() -> None:
    found = exposure(someone(medications=[pred(40, -27), pred(20, -8)]))
    assert [(one.start - TODAY, one.end - TODAY, one.mg) for one in found.known] == [(-27, -9, 40), (-8, 0, 20)]
    (read,) = found.replaced
    assert read.words == (
        "prednisone 40 mg once daily of 26 Oct 2026, which has no end, is taken to have been replaced by "
        "20 mg once daily on 14 Nov 2026 (a change of dose)"
    )


@pytest.mark.parametrize("again", [pred(40, -8), pred(20, -8, frequency="twice-daily")])
def test_the_same_dose_begun_again_is_a_refill(again: dict[str, Any]) -> None:
    found = exposure(someone(medications=[pred(40, -27), again]))
    assert [(one.start - TODAY, one.mg) for one in found.known] == [(-27, 40)]
    assert [one.how for one in found.replaced] == ["a refill"]


def test_three_doses_in_a_row_without_an_end_replace_one_another() -> None:
    found = exposure(someone(medications=[pred(60, -40), pred(40, -20), pred(20, -5)]))
    assert [(one.start - TODAY, one.mg) for one in found.known] == [(-40, 60), (-20, 40), (-5, 20)]
    assert len(found.replaced) == 2


@pytest.mark.parametrize(
    ("older", "newer", "dose"),
    [
        (pred(40, -27, 5), pred(20, -8), 60),  # the older has an end
        (pred(40, -27), pred(20, -27), 60),  # begun on the same day: two parts of one dose
        (pred(40, -27), pred(20, -8, route="im"), 60),
        (pred(40, -27), pred(20, -8, drug="prednisolone"), 60),
        (pred(40, -27), pred(100, 0, frequency="once"), 140),
        (pred(40, -27), pred(1000, -1, None, intent="pulse"), 1040),
    ],
)
def test_anything_else_adds_up(older: dict[str, Any], newer: dict[str, Any], dose: float) -> None:
    patient = someone(medications=[older, newer])
    assert daily(patient, TODAY, TODAY) == [dose]
    assert not exposure(patient).replaced


def test_the_report_says_what_was_taken_to_be_replaced() -> None:
    report = exposure_report(someone(medications=[pred(40, -27), pred(20, -8)]))
    assert report["current"] == {"dose": 20.0, "since": "2026-11-14"}
    (read,) = report["replaced"]
    assert (read["dose"], read["by_dose"], read["by_start"]) == (40, 20, "2026-11-14")
    assert read["how"] == "a change of dose"


def test_a_weight_of_zero_makes_no_dose_per_kilogram() -> None:
    weight = {"measure": "weight", "value": 0, "day": -3}
    report = exposure_report(someone(medications=[pred(5, -3)], observations=[weight]))
    assert report["days"][-1]["mg_per_kg"] is None


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


def segments_of(statements: list[dict[str, Any]], who: int) -> tuple[Segment, ...]:
    rows = [{**row, "end": row.get("end", row["start"] + row.get("days", 0))} for row in statements]
    panel = frames(patients=[{"mrn": "1"}, {"mrn": "2"}], medications=rows, observations=WEIGHTS)
    return exposure(patients_of(panel)[who]).known


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
    for who in (1, 2):
        assert segments_of(statements, who) == segments_of(pieces, who)


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
        expected = [0.0] * 121
        for row in rows:
            if row["mrn"] != mrn or (row["unit"] == "mg/kg" and mrn == "2"):
                continue
            mg = row["dose"] * factor[row["drug"]] * times[row["frequency"]] * (23.1 if row["unit"] == "mg/kg" else 1)
            for day in range(row["start"] + 120, min(row["end"], 0) + 121):
                expected[day] += mg
        assert daily(patients_of(panel)[number], TODAY - 120, TODAY) == pytest.approx(expected, abs=1e-4)

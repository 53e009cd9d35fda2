"""When a high steroid dose has lasted too long, and whether it is coming down."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, WATCH
from jobs.rules.prolonged_high_dose_steroids import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def weight(kg: float, day: int = -50) -> dict[str, Any]:
    return {"measure": "weight", "value": kg, "day": day}


def assess(*medications: dict[str, Any], parameters: Parameters | None = None, **facts: Any) -> dict[str, Any]:
    panel = frames(medications=medications, **facts)
    rows = on_frames(RULE, panel, AS_OF, parameters or Parameters()).to_dict("records")
    assert len(rows) == 1
    return rows[0]


def since(row: dict[str, Any]) -> int | None:
    return None if pd.isna(row["since"]) else (row["since"].date() - AS_OF).days


PULSE = {"drug": "methylprednisolone", "dose": 1, "unit": "g", "route": "iv", "intent": "pulse"}


@pytest.mark.parametrize(
    ("medications", "expected_since"),
    [
        ([pred(40, -28)], 0),
        ([pred(40, -60)], -32),
        ([pred(31, -28)], 0),
        ([pred(30.1, -28)], 0),
        ([pred(20, -28), pred(15, -28)], 0),  # overlapping doses add up
        ([pred(60, -28, frequency="every-other-day"), pred(1, -28)], 0),  # a daily mean of 31
        ([pred(10, -28, frequency="twice-daily"), pred(4, -28, frequency="three-times-daily")], 0),
        ([{"drug": "methylprednisolone", "dose": 32, "start": -28}], 0),
        ([pred(40, -31, -18), pred(40, -14)], 0),  # 14 + 15 days, a gap of three
        ([{**PULSE, "start": -28, "end": -26}, pred(60, -25)], 0),  # a pulse counts
        ([pred(40, -31, -3)], -3),  # 29 days, then a gap of three so far
    ],
)
def test_more_than_28_high_days_in_one_course_are_too_many(
    medications: list[dict[str, Any]], expected_since: int
) -> None:
    row = assess(*medications)
    assert (row["state"], since(row)) == (MET, expected_since)
    assert row["recheck_on"].date() == AS_OF + dt.timedelta(days=1)


@pytest.mark.parametrize(
    "medications",
    [
        [pred(40, -27)],  # day 28
        [pred(30, -400)],  # exactly 30 mg is not high
        [{"drug": "dexamethasone", "dose": 4.5, "start": -60}],  # exactly 30 mg again
        [pred(60, -60, frequency="every-other-day")],  # a daily mean of 30 mg
        [pred(40, -32, -19), pred(40, -14)],  # a gap of four days ends the course
        [pred(40, -60, -4)],  # off for four days: the course has ended
        [pred(40, -60, -4), pred(10, -3)],  # low for four days
        [pred(40, -60, route="topical")],
        [pred(40, -60, route="inhaled")],
        [pred(40, -60, route="intra-articular")],
        [{"drug": "budesonide", "dose": 60, "start": -60}],
        [{"drug": "fludrocortisone", "dose": 60, "start": -60}],
        [{**PULSE, "start": -84, "frequency": "every-4-weeks"}],  # single days
        [pred(40, -60, status="entered-in-error"), pred(10, -60)],
    ],
)
def test_anything_less_is_not_too_long(medications: list[dict[str, Any]]) -> None:
    row = assess(*medications)
    assert row["state"] == NOT_MET
    assert row["severity"] is None
    assert since(row) is None


@pytest.mark.parametrize(("dose", "state"), [(10, MET), (9.9, NOT_MET)])
def test_half_a_milligram_per_kilogram_is_high_even_as_a_small_dose(dose: float, state: str) -> None:
    row = assess(
        pred(dose, -28), observations=[weight(20)], patients=[{"mrn": "1", "age_years": 5, "diagnosis": "JDM"}]
    )
    assert row["state"] == state


def test_the_weight_that_makes_a_dose_high_is_evidence() -> None:
    assert assess(pred(10, -28), observations=[weight(20)])["evidence"] == ("m1", "o1")
    assert assess(pred(40, -28), observations=[weight(80)])["evidence"] == ("m1",)


def test_the_last_weight_on_file_counts() -> None:
    assert assess(pred(10, -28), observations=[weight(18, -40), weight(21, -5)])["state"] == NOT_MET


@pytest.mark.parametrize(
    ("kg", "dose", "unit", "state"), [(6.5, 5, "mg", NOT_MET), (650, 1, "mg/kg", CANNOT_TELL), (65, 1, "mg/kg", MET)]
)
def test_a_weight_that_cannot_be_right_never_makes_a_dose_high(kg: float, dose: float, unit: str, state: str) -> None:
    adult = [{"mrn": "1", "age_years": 56}]
    assert assess(pred(dose, -58, unit=unit), observations=[weight(kg)], patients=adult)["state"] == state


def test_a_slip_in_the_newest_weight_leaves_the_one_before_it() -> None:
    row = assess(pred(10, -58), observations=[weight(65, -90), weight(6.5, -50)])
    assert (row["state"], row["weight_kg"]) == (NOT_MET, 65)


def test_a_dose_per_kilogram_without_a_weight_cannot_be_told() -> None:
    row = assess(pred(1, -40, unit="mg/kg"))
    assert row["state"] == CANNOT_TELL
    assert "no weight is on file" in row["cannot_tell_because"]


def test_a_dose_per_kilogram_too_small_for_any_body_is_not_high() -> None:
    assert assess(pred(0.1, -40, unit="mg/kg"))["state"] == NOT_MET


def test_before_28_days_an_unknown_weight_does_not_matter() -> None:
    assert assess(pred(1, -20, unit="mg/kg"))["state"] == NOT_MET


def test_an_unknown_dose_beside_a_long_high_one_changes_nothing() -> None:
    assert assess(pred(1, -40, unit="mg/kg"), pred(40, -40))["state"] == MET


def test_stopped_without_an_end_date_cannot_be_told() -> None:
    row = assess(pred(60, -50, status="stopped"))
    assert (row["state"], row["cannot_tell_because"]) == (CANNOT_TELL, "prednisone: stopped without an end date")


def test_stopped_without_an_end_date_is_settled_by_a_later_statement() -> None:
    assert assess(pred(60, -90, status="stopped"), pred(10, -40))["state"] == NOT_MET


@pytest.mark.parametrize(
    ("medications", "severity", "tapering"),
    [
        ([pred(60, -30)], ACTION, "not begun"),  # vector 8
        ([pred(60, -45)], ACTION, "not begun"),  # vector 10
        ([pred(60, -35, -8), pred(50, -7)], WATCH, "on template"),  # vector 9
        ([pred(60, -35, -8), pred(54, -7)], ACTION, "not begun"),  # exactly 90 %
        ([pred(60, -35, -8), pred(53.9, -7)], WATCH, "on template"),  # one step behind
        ([pred(60, -41, -14), pred(50, -13)], WATCH, "on template"),
        ([pred(60, -42, -15), pred(50, -14)], WATCH, "on template"),  # one step of ten is due today
        ([pred(60, -55, -28), pred(50, -27)], WATCH, "on template"),  # 13 days behind
        ([pred(60, -56, -29), pred(50, -28)], ACTION, "behind"),  # 14 days and two steps behind
        ([pred(60, -40, -27), pred(50, -26, -13), pred(40, -12)], WATCH, "on template"),  # ahead
        ([{**PULSE, "start": -35, "end": -33}, pred(60, -35, -8), pred(50, -7)], WATCH, "on template"),
        ([{**PULSE, "start": -35, "end": -33}, pred(60, -32)], ACTION, "not begun"),  # the pulse is no start dose
        ([pred(40, -20, -11), pred(60, -10), pred(40, -35, -21)], ACTION, "not begun"),  # raised since
    ],
)
def test_the_severity_says_whether_the_taper_is_on_time(
    medications: list[dict[str, Any]], severity: str, tapering: str
) -> None:
    row = assess(*medications)
    assert (row["state"], row["severity"], row["tapering"]) == (MET, severity, tapering)


def test_template_b_expects_larger_steps() -> None:
    medications = [pred(60, -55, -28), pred(50, -27)]
    assert assess(*medications)["severity"] == WATCH
    row = assess(*medications, parameters=Parameters(template="B"))
    assert (row["template_dose"], row["severity"], row["steps_behind"]) == (30, ACTION, 2)


def test_the_template_of_the_british_guideline_begins_at_six_weeks() -> None:
    assert assess(pred(60, -41), parameters=Parameters(template="BSR"))["severity"] == WATCH
    assert assess(pred(60, -42), parameters=Parameters(template="BSR"))["severity"] == ACTION


def test_a_child_is_compared_per_kilogram() -> None:
    child = [{"mrn": "1", "age_years": 8, "diagnosis": "JDM"}]
    row = assess(pred(40, -35, -20), pred(35, -19), patients=child, observations=[weight(20)])
    assert (row["template"], row["template_dose"], row["severity"]) == ("JDM-PRINTO", 30, WATCH)


def test_a_child_without_a_weight_is_compared_with_the_adult_template() -> None:
    row = assess(pred(40, -35), patients=[{"mrn": "1", "age_years": 8, "diagnosis": "JDM"}])
    assert (row["template"], row["severity"]) == ("A", ACTION)


def test_a_plan_agreed_for_the_patient_replaces_the_template() -> None:
    plan = [{"start": -35, "dose_mg": 60}, {"start": 5, "dose_mg": 50}]
    assert assess(pred(60, -35), plans=plan)["severity"] == WATCH
    behind = [{"start": -35, "dose_mg": 60}, {"start": -20, "dose_mg": 50}]
    row = assess(pred(60, -35, -6), pred(53, -5), plans=behind)
    assert (row["template"], row["template_dose"], row["severity"], row["days_behind"]) == ("plan", 50, ACTION, 20)


def test_a_plan_of_an_earlier_course_is_not_used() -> None:
    plan = [{"start": -400, "dose_mg": 20}, {"start": -300, "dose_mg": 5}]
    assert assess(pred(60, -35, -8), pred(50, -7), plans=plan)["template"] == "A"


def test_before_the_line_the_day_of_crossing_is_named() -> None:
    row = assess(pred(40, -20))
    assert row["state"] == NOT_MET
    assert row["crosses_on"].date() == row["recheck_on"].date() == AS_OF + dt.timedelta(days=8)
    assert row["forecast_from"].date() == AS_OF
    assert "30 Nov 2026" in RULE.explain(row, Parameters())


def test_a_planned_end_is_looked_at_again_on_the_day_after() -> None:
    assert assess(pred(40, -20, 3))["recheck_on"].date() == AS_OF + dt.timedelta(days=4)
    assert assess(pred(10, -20, 3))["recheck_on"].date() == AS_OF + dt.timedelta(days=4)
    assert pd.isna(assess(pred(10, -20))["recheck_on"])


def test_whoever_never_took_a_steroid_has_no_row() -> None:
    panel = frames(medications=[{"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -60}])
    assert on_frames(RULE, panel, AS_OF, Parameters()).empty


def test_after_a_sudden_stop_no_taper_is_called_on_time() -> None:
    text = RULE.explain(assess(pred(60, -60, -3)), Parameters())
    assert "no dose on file from 20 Nov 2026 on" in text
    assert "on time" not in text


@pytest.mark.parametrize(
    ("second", "asked"),
    [
        ({"drug": "prednisolone", "dose": 20, "start": -20}, True),
        ({"drug": "prednisone", "dose": 20, "start": -20, "route": "iv"}, True),
        ({"drug": "prednisolone", "dose": 20, "start": -20, "end": 10}, False),
        ({"drug": "prednisolone", "dose": 20, "start": -40}, False),  # begun together
        ({"drug": "methylprednisolone", "dose": 1000, "start": -1, "route": "iv", "intent": "pulse"}, False),
        ({"drug": "prednisolone", "dose": 20, "start": -20, "route": "topical"}, False),
    ],
)
def test_two_steroids_without_an_end_are_added_up_and_asked_about(second: dict[str, Any], asked: bool) -> None:
    row = assess(pred(40, -40), second)
    assert ("ask if both are taken" in RULE.explain(row, Parameters())) is asked
    if asked:
        assert row["dose"] == 60


def test_the_explanation_holds_the_numbers() -> None:
    text = RULE.explain(assess(pred(60, -32)), Parameters())
    assert "Above 30 mg/day (prednisone-equivalent) since 21 Oct 2026, longer than 28 days since 18 Nov 2026" in text
    assert "no taper has begun" in text
    text = RULE.explain(assess(pred(60, -56, -29), pred(50, -28)), Parameters())
    assert "now 50 mg, where template A has 30 mg: behind since 8 Nov 2026" in text
    assert "no weight" in RULE.explain(assess(pred(1, -40, unit="mg/kg")), Parameters())


def test_a_dose_continued_at_another_one_without_an_end_is_a_change_and_said_beside_the_number() -> None:
    row = assess(pred(40, -27), pred(20, -8))
    assert (row["state"], row["dose"]) == (NOT_MET, 20)
    text = RULE.explain(row, Parameters())
    assert text.startswith("20 mg/day")
    assert "replaced by 20 mg once daily on 14 Nov 2026 (a change of dose): ask if both are taken" in text
    assert "replaced" not in RULE.explain(assess(pred(20, -8)), Parameters())


def test_a_refill_neither_doubles_the_dose_nor_begins_a_course() -> None:
    row = assess(pred(20, -60), pred(20, -30))
    assert (row["state"], row["dose"]) == (NOT_MET, 20)
    assert since(assess(pred(40, -60), pred(40, -30))) == -32


def test_every_state_suggests_something_different() -> None:
    rows = [assess(pred(60, -32)), assess(pred(60, -35, -8), pred(50, -7)), assess(pred(60, -56, -29), pred(50, -28))]
    assert len({RULE.suggested_action(row, Parameters()) for row in rows}) == 3


STATEMENT = st.fixed_dictionaries(
    {
        "dose": st.sampled_from([10, 20, 30, 40, 60]),
        "frequency": st.sampled_from(["daily", "daily", "every-other-day", "weekly", "once"]),
        "start": st.integers(-60, -1),
        "days": st.integers(0, 70),
        "open": st.booleans(),
        "status": st.sampled_from(["active", "active", "active", "stopped"]),
    }
)


@settings(max_examples=80, deadline=None)
@given(st.lists(STATEMENT, min_size=1, max_size=5), st.integers(1, 12))
def test_an_answer_only_changes_on_the_day_it_said_to_look_again(statements: list[dict[str, Any]], later: int) -> None:
    first = AS_OF
    rows = [
        pred(
            row["dose"],
            row["start"],
            None if row["open"] else row["start"] + row["days"],
            frequency=row["frequency"],
            status=row["status"],
        )
        for row in statements
    ]
    before = on_frames(RULE, frames(first, medications=rows), first, Parameters())
    recheck = before["recheck_on"].iloc[0]
    until = later if pd.isna(recheck) else min(later, (recheck.date() - first).days - 1)
    if until < 1:
        return
    day = first + dt.timedelta(days=until)
    shifted = [
        {**row, "start": row["start"] - until, "end": None if row["end"] is None else row["end"] - until}
        for row in rows
    ]
    after = on_frames(RULE, frames(day, medications=shifted), day, Parameters())
    pd.testing.assert_frame_equal(before, after)
    assert np.all(before["state"].to_numpy() != MET)


@pytest.mark.parametrize(
    ("medications", "review"),
    [
        ([pred(40, -84)], "second line"),
        ([pred(40, -83)], None),
        ([pred(31, -84)], "second line"),
        ([pred(25, -84, -40), pred(31, -39)], "second line"),  # the clock also runs below the line
        ([pred(40, -84, -35), pred(60, -34)], None),  # a re-induction starts it anew
    ],
)
def test_an_adult_still_above_30_mg_on_day_84_since_induction_has_the_second_line_reviewed(
    medications: list[dict[str, Any]], review: str | None
) -> None:
    row = assess(*medications)
    assert (row["state"], row["review"]) == (MET, review)
    assert ("second line" in RULE.suggested_action(row, Parameters())) is (review is not None)
    assert ("after induction on" in RULE.explain(row, Parameters())) is (review is not None)


@pytest.mark.parametrize(
    ("dose", "start", "review"),
    [
        (21, -70, "expert centre"),
        (21, -69, None),
        (20, -70, None),  # exactly 1 mg/kg
        (11, -130, "expert centre"),
        (11, -129, None),
        (10, -130, None),  # exactly half a milligram per kg: high, not slower than the trial
        (35, -60, None),  # above 30 mg means nothing in a child
    ],
)
def test_a_child_above_the_doses_of_the_trial_is_for_an_expert_centre(
    dose: float, start: int, review: str | None
) -> None:
    row = assess(pred(dose, start), observations=[weight(20)], patients=[{"mrn": "1", "age_years": 6}])
    assert (row["state"], row["review"]) == (MET, review)
    assert ("expert centre" in RULE.suggested_action(row, Parameters())) is (review is not None)


def test_the_reviews_change_neither_state_nor_severity() -> None:
    late = assess(pred(80, -90, -41), pred(35, -40))
    assert (late["state"], late["severity"], late["review"]) == (MET, WATCH, "second line")
    assert RULE.suggested_action(late, Parameters()).startswith("next visit: continue the taper; review")
    re_induced = assess(pred(40, -84, -35), pred(60, -34))
    assert (since(re_induced), re_induced["severity"]) == (-56, ACTION)


def test_two_doses_of_one_drug_that_begin_on_one_day_are_asked_about() -> None:
    row = assess({"drug": "prednisone", "dose": 40, "start": -10}, {"drug": "prednisone", "dose": 20, "start": -10})
    said = RULE.explain(row, Parameters())
    assert (
        "Prednisone begins more than once on 12 Nov 2026, 40 mg once daily and 20 mg once daily, and is added up"
        in said
    )
    assert said.endswith("ask if both are taken.")

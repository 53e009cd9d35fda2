"""Strength that nobody has tested for too long."""

from typing import Any

import pandas as pd
import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules import declining_strength
from jobs.rules.overdue_assessment import DECLINE, HIGH_DOSE, NEW_TREATMENT, RAISED_CK, RULE, STEADY, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

STEADY_METHOTREXATE = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -700}
HIGH = {"drug": "prednisone", "dose": 60, "start": -20}


def assess(**facts: Any) -> dict[str, Any] | None:
    panel = frames(**facts)
    panel.assessments["declining-strength"] = on_frames(
        declining_strength.RULE, panel, AS_OF, declining_strength.Parameters()
    )
    rows = on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")
    assert len(rows) <= 1
    return rows[0] if rows else None


def score(day: int, value: float = 75, measure: str = "mmt8", **more: Any) -> dict[str, Any]:
    return {"measure": measure, "value": value, "day": day, **more}


@pytest.mark.parametrize(
    ("medication", "day", "expected", "why"),
    [
        (HIGH, -42, NOT_MET, HIGH_DOSE),
        (HIGH, -43, MET, HIGH_DOSE),
        (STEADY_METHOTREXATE, -43, NOT_MET, STEADY),
        (STEADY_METHOTREXATE, -90, NOT_MET, STEADY),
        (STEADY_METHOTREXATE, -91, MET, STEADY),
        ({**STEADY_METHOTREXATE, "start": -60}, -43, MET, NEW_TREATMENT),
    ],
)
def test_six_weeks_while_the_disease_is_active_and_three_months_on_steady_treatment(
    medication: dict[str, Any], day: int, expected: str, why: str
) -> None:
    row = assess(medications=[medication], observations=[score(day)])
    assert row is not None
    assert (row["state"], row["why"]) == (expected, why)


def test_raised_ck_shortens_the_interval() -> None:
    ck = {"measure": "ck", "value": 400, "upper_limit": 200, "day": -10}
    row = assess(medications=[STEADY_METHOTREXATE], observations=[score(-43), ck])
    assert row is not None
    assert (row["state"], row["why"]) == (MET, RAISED_CK)


def test_declining_strength_shortens_the_interval() -> None:
    row = assess(medications=[STEADY_METHOTREXATE], observations=[score(-70, 75), score(-43, 60)])
    assert row is not None
    assert (row["state"], row["why"]) == (MET, DECLINE)


def test_nobody_is_asked_for_a_test_without_treatment() -> None:
    assert assess(observations=[score(-300)]) is None
    assert assess(medications=[{**STEADY_METHOTREXATE, "end": -30}], observations=[score(-300)]) is None
    assert assess(medications=[{"drug": "hydroxychloroquine", "dose": 200, "start": -300}]) is None


def test_whoever_was_never_tested_is_due_six_weeks_after_treatment_began() -> None:
    row = assess(medications=[{"drug": "prednisone", "dose": 10, "start": -43}])
    assert row is not None
    assert row["state"] == MET
    assert (row["due"].date() - AS_OF).days == -1
    assert "never tested" in RULE.explain(row, Parameters())


def test_any_instrument_counts() -> None:
    row = assess(medications=[HIGH], observations=[score(-100), score(-10, 200, "mmt_total")])
    assert row is not None
    assert (row["state"], row["instrument"]) == (NOT_MET, "mmt_total")


def test_a_test_recorded_as_not_possible_excuses_for_one_interval() -> None:
    undone = score(-10, status="not-done", reason="fracture")
    row = assess(medications=[HIGH], observations=[score(-100), undone])
    assert row is not None
    assert row["state"] == NOT_MET
    assert (row["recheck_on"].date() - AS_OF).days == 33
    old = assess(medications=[HIGH], observations=[score(-100), {**undone, "day": -50}])
    assert old is not None
    assert old["state"] == MET


def test_an_unknown_dose_matters_only_between_the_two_intervals() -> None:
    unknown = {"drug": "prednisone", "dose": 0.4, "unit": "mg/kg", "start": -300}
    states = []
    for day in (-42, -43, -90, -91):
        row = assess(medications=[unknown], observations=[score(day)])
        assert row is not None
        states.append(row["state"])
    assert states == [NOT_MET, CANNOT_TELL, CANNOT_TELL, MET]


def test_a_childrens_scale_in_an_adult_is_said() -> None:
    facts: dict[str, Any] = {"medications": [HIGH], "observations": [score(-50, 45, "cmas")]}
    adult = assess(patients=[{"mrn": "1", "age_years": 40}], **facts)
    child = assess(patients=[{"mrn": "1", "age_years": 9}], **facts)
    assert adult is not None
    assert child is not None
    assert "children's scale" in RULE.explain(adult, Parameters())
    assert "children's scale" not in RULE.explain(child, Parameters())


def test_the_day_to_look_again_is_the_day_after_it_is_due() -> None:
    row = assess(medications=[STEADY_METHOTREXATE], observations=[score(-10)])
    assert row is not None
    assert row["recheck_on"] == pd.Timestamp(row["due"]) + pd.Timedelta(days=1)

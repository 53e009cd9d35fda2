"""Pain that is not inflamed muscle."""

from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules import declining_strength
from jobs.rules.pain_without_weakness import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

PAIN = {"measure": "pain", "value": 6, "day": -2}
STRONG = {"measure": "mmt8", "value": 80, "day": -2}
QUIET_CK = {"measure": "ck", "value": 160, "upper_limit": 200, "day": -2}


def assess(*observations: dict[str, Any], **facts: Any) -> dict[str, Any] | None:
    panel = frames(observations=observations, **facts)
    panel.assessments["declining-strength"] = on_frames(
        declining_strength.RULE, panel, AS_OF, declining_strength.Parameters()
    )
    rows = on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")
    assert len(rows) <= 1
    return rows[0] if rows else None


def state(*observations: dict[str, Any], **facts: Any) -> str | None:
    row = assess(*observations, **facts)
    return row["state"] if row else None


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([PAIN, STRONG, QUIET_CK], MET),
        ([{**PAIN, "value": 4}, STRONG, QUIET_CK], MET),
        ([{**PAIN, "value": 3.9}, STRONG, QUIET_CK], None),
        ([PAIN, {**STRONG, "value": 77}, QUIET_CK], MET),
        ([PAIN, {**STRONG, "value": 76}, QUIET_CK], NOT_MET),
        ([PAIN, STRONG, {**QUIET_CK, "value": 300}], MET),
        ([PAIN, STRONG, {**QUIET_CK, "value": 301}], NOT_MET),
        ([PAIN, STRONG, QUIET_CK, {"measure": "aldolase", "value": 24, "upper_limit": 8, "day": -2}], NOT_MET),
        ([PAIN, STRONG], CANNOT_TELL),
        ([PAIN, QUIET_CK], CANNOT_TELL),
        ([PAIN, STRONG, {**QUIET_CK, "upper_limit": None}], CANNOT_TELL),
        ([PAIN, STRONG, {**QUIET_CK, "day": -91}], CANNOT_TELL),
        ([{**PAIN, "day": -29}, STRONG, QUIET_CK], CANNOT_TELL),
        ([{**PAIN, "day": -183}, STRONG, QUIET_CK], None),
        ([PAIN, {**PAIN, "value": 1, "day": -1}, STRONG, QUIET_CK], None),
        ([STRONG, QUIET_CK], None),
    ],
)
def test_pain_with_normal_strength_and_quiet_ck(observations: list[dict[str, Any]], expected: str | None) -> None:
    assert state(*observations) == expected


def test_a_fall_of_strength_is_weakness_even_when_the_score_is_still_high() -> None:
    scores = [{"measure": "cmas", "value": value, "day": day} for value, day in ((52, -60), (52, -30), (49, -2))]
    assert state(PAIN, QUIET_CK, *scores) == NOT_MET


def test_one_instrument_below_normal_is_enough_to_be_weak() -> None:
    assert state(PAIN, STRONG, {"measure": "cmas", "value": 40, "day": -2}, QUIET_CK) == NOT_MET


def test_reported_muscle_pain_counts_until_a_later_score_says_otherwise() -> None:
    report = [{"event": "myalgia", "day": -5}]
    assert state(STRONG, QUIET_CK, events=report) == MET
    assert state({**PAIN, "value": 0, "day": -1}, STRONG, QUIET_CK, events=report) is None
    assert state(STRONG, QUIET_CK, events=[*report, {"event": "myalgia", "day": -1, "present": "no"}]) is None


def test_a_definite_sign_decides_even_when_another_fact_is_missing() -> None:
    assert state(PAIN, {**QUIET_CK, "value": 900}) == NOT_MET


def test_the_advice_is_not_to_escalate_and_names_a_statin() -> None:
    row = assess(
        PAIN,
        STRONG,
        QUIET_CK,
        {"measure": "crp", "value": 30, "upper_limit": 5, "day": -2},
        medications=[{"drug": "simvastatin", "dose": 20, "start": -300}],
    )
    assert row is not None
    assert row["severity"] == "watch"
    assert "do not escalate" in RULE.suggested_action(row, Parameters())
    said = RULE.explain(row, Parameters())
    assert "simvastatin" in said
    assert "polymyalgia" in said


def test_pain_began_with_the_first_of_the_painful_scores() -> None:
    scores = [{**PAIN, "value": value, "day": day} for value, day in ((7, -120), (1, -80), (6, -50), (7, -20), (8, -2))]
    row = assess(*scores, STRONG, QUIET_CK)
    assert row is not None
    assert (row["since"].date() - AS_OF).days == -50

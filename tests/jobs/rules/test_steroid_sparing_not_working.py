"""Whether a steroid-sparing drug does its work."""

from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules import declining_strength
from jobs.rules.steroid_sparing_not_working import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames


def methotrexate(start: int, dose: float = 15, **more: Any) -> dict[str, Any]:
    return {"drug": "methotrexate", "dose": dose, "frequency": "weekly", "start": start, **more}


def mmt8(value: float, day: int) -> dict[str, Any]:
    return {"measure": "mmt8", "value": value, "day": day}


def ck(value: float, day: int) -> dict[str, Any]:
    return {"measure": "ck", "value": value, "upper_limit": 200, "day": day}


def assess(*medications: dict[str, Any], **facts: Any) -> list[dict[str, Any]]:
    panel = frames(medications=medications, **facts)
    panel.assessments["declining-strength"] = on_frames(
        declining_strength.RULE, panel, AS_OF, declining_strength.Parameters()
    )
    return on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")


def only(*medications: dict[str, Any], **facts: Any) -> dict[str, Any]:
    rows = assess(*medications, **facts)
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    ("start", "expected"), [(-89, NOT_MET), (-179, NOT_MET), (-180, MET), (-365, MET), (-366, NOT_MET)]
)
def test_a_missing_gain_is_asked_about_from_half_a_year_to_a_year_on_the_drug(start: int, expected: str) -> None:
    observed = [mmt8(62, start - 5), mmt8(62, -60), mmt8(62, -5)]
    assert only(methotrexate(start), observations=observed)["state"] == expected


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([mmt8(62, -205), mmt8(67, -5)], MET),
        ([mmt8(62, -205), mmt8(68, -5)], NOT_MET),
        ([mmt8(62, -205), mmt8(62, -5), ck(900, -205), ck(600, -5)], NOT_MET),
        ([mmt8(78, -205), mmt8(79, -5)], NOT_MET),
        ([mmt8(62, -205), mmt8(62, -100)], CANNOT_TELL),
        ([mmt8(62, -5)], CANNOT_TELL),
        ([], CANNOT_TELL),
    ],
)
def test_a_gain_is_a_step_of_strength_or_a_third_of_ck(observations: list[dict[str, Any]], expected: str) -> None:
    assert only(methotrexate(-200), observations=observations)["state"] == expected


@pytest.mark.parametrize(("dose", "expected"), [(20, NOT_MET), (21, MET)])
def test_a_steroid_brought_down_to_half_is_a_gain(dose: float, expected: str) -> None:
    steroid = [
        {"drug": "prednisone", "dose": 40, "start": -220, "end": -150},
        {"drug": "prednisone", "dose": dose, "start": -149},
    ]
    observed = [mmt8(62, -205), mmt8(62, -5)]
    rows = assess(methotrexate(-200), *steroid, observations=observed)
    assert [row["state"] for row in rows] == [expected]


LOWER_TWICE = [mmt8(70, -120), mmt8(70, -90), mmt8(60, -20), mmt8(60, 0)]


@pytest.mark.parametrize(("start", "expected"), [(-110, MET), (-109, NOT_MET)])
def test_a_fall_within_the_first_three_months_is_not_the_drugs_failure(start: int, expected: str) -> None:
    assert only(methotrexate(start), observations=LOWER_TWICE)["state"] == expected


def test_a_single_lower_score_is_not_called_failure() -> None:
    row = only(methotrexate(-150), observations=[mmt8(70, -60), mmt8(63, -5)])
    assert row["state"] == CANNOT_TELL
    assert "repeated" in row["cannot_tell_because"]


def test_a_dose_with_room_is_said_for_adults_only() -> None:
    adult = only(methotrexate(-150), observations=LOWER_TWICE, patients=[{"mrn": "1", "age_years": 50}])
    target = only(methotrexate(-150, 25), observations=LOWER_TWICE, patients=[{"mrn": "1", "age_years": 50}])
    child = only(methotrexate(-150), observations=LOWER_TWICE, patients=[{"mrn": "1", "age_years": 9}])
    assert "not optimised: 15 mg a week" in RULE.explain(adult, Parameters())
    assert "room to be raised" in RULE.suggested_action(adult, Parameters())
    assert "optimised" not in RULE.explain(target, Parameters()) + RULE.explain(child, Parameters())


def test_it_is_always_for_the_next_visit() -> None:
    assert only(methotrexate(-150), observations=LOWER_TWICE)["severity"] == "watch"


def test_each_drug_is_judged_by_its_own_start_and_others_are_not_judged() -> None:
    rows = assess(
        methotrexate(-300),
        {"drug": "azathioprine", "dose": 150, "start": -50},
        {"drug": "rituximab", "dose": 1000, "frequency": "once", "start": -200},
        {"drug": "prednisone", "dose": 10, "start": -300},
        observations=LOWER_TWICE,
    )
    assert {row["subject"]: row["state"] for row in rows} == {"methotrexate": MET, "azathioprine": NOT_MET}


def test_inclusion_body_myositis_and_ended_drugs_are_left_out() -> None:
    assert assess(methotrexate(-150), observations=LOWER_TWICE, patients=[{"mrn": "1", "diagnosis": "IBM"}]) == []
    assert assess(methotrexate(-150, end=-30), observations=LOWER_TWICE) == []

"""Weakness that the steroid itself may cause."""

from typing import Any

import pandas as pd
import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT, WATCH
from jobs.rules import declining_strength, rising_muscle_enzymes
from jobs.rules.steroid_myopathy_pattern import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

LOWER_ONCE = [{"measure": "cmas", "value": 27, "day": -14}, {"measure": "cmas", "value": 24, "day": 0}]
LOWER_TWICE = [
    {"measure": "cmas", "value": value, "day": day} for value, day in ((40, -90), (40, -60), (33, -14), (33, 0))
]
QUIET_CK = {"measure": "ck", "value": 100, "upper_limit": 200, "day": 0}
FIVE_WEEKS = {"drug": "prednisone", "dose": 60, "start": -35}


def assess(*medications: dict[str, Any], **facts: Any) -> dict[str, Any] | None:
    panel = frames(medications=medications, **facts)
    panel.assessments["declining-strength"] = on_frames(
        declining_strength.RULE, panel, AS_OF, declining_strength.Parameters()
    )
    rows = on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")
    assert len(rows) <= 1
    return rows[0] if rows else None


def state(*medications: dict[str, Any], **facts: Any) -> str | None:
    row = assess(*medications, **facts)
    return row["state"] if row else None


@pytest.mark.parametrize(
    ("start", "dose", "expected"), [(-20, 60, MET), (-19, 60, NOT_MET), (-60, 30, NOT_MET), (-60, 31, MET)]
)
def test_three_weeks_above_30_mg_are_long_enough(start: int, dose: float, expected: str) -> None:
    medication = {"drug": "prednisone", "dose": dose, "start": start}
    assert state(medication, observations=[*LOWER_ONCE, QUIET_CK]) == expected


@pytest.mark.parametrize(("end", "expected"), [(0, MET), (-3, MET), (-4, NOT_MET)])
def test_a_course_ends_after_more_than_three_days_without_a_high_dose(end: int, expected: str) -> None:
    assert state({**FIVE_WEEKS, "end": end}, observations=[*LOWER_ONCE, QUIET_CK]) == expected


@pytest.mark.parametrize(("end", "expected"), [(-14, MET), (-15, NOT_MET)])
def test_a_pulse_counts_for_a_fortnight(end: int, expected: str) -> None:
    pulse = {"drug": "methylprednisolone", "dose": 1000, "route": "iv", "start": end - 2, "end": end, "intent": "pulse"}
    assert state(pulse, observations=[*LOWER_ONCE, QUIET_CK]) == expected


@pytest.mark.parametrize(
    ("earlier", "now", "expected"),
    [
        ([150], 100, MET),
        ([100], 160, MET),  # within its limit: not up
        ([200], 310, NOT_MET),  # 1.55 times the own baseline and above the limit
        ([300], 300, MET),  # one and a half times the limit, stable
        ([310], 310, NOT_MET),  # above it and not falling: inflammation comes first
        ([900], 600, MET),  # three times the limit but falling by a third
        ([], 190, MET),
        ([], 250, CANNOT_TELL),  # above its limit, nothing to compare with
        ([], 500, NOT_MET),
    ],
)
def test_ck_is_up_when_it_rises_beyond_chance_or_lies_above_one_and_a_half_times_its_limit(
    earlier: list[float], now: float, expected: str
) -> None:
    values = [{**QUIET_CK, "value": value, "day": -40} for value in earlier] + [{**QUIET_CK, "value": now}]
    assert state(FIVE_WEEKS, observations=[*LOWER_ONCE, *values]) == expected


@pytest.mark.parametrize(("day", "expected"), [(-28, MET), (-29, CANNOT_TELL)])
def test_an_old_ck_does_not_tell(day: int, expected: str) -> None:
    assert state(FIVE_WEEKS, observations=[*LOWER_ONCE, {**QUIET_CK, "day": day}]) == expected


@pytest.mark.parametrize(
    "sign",
    [
        {"observations": [{"measure": "crp", "value": 20, "upper_limit": 5, "day": -1}]},
        {"observations": [{"measure": "aldolase", "value": 20, "upper_limit": 8, "day": -1}]},
        {
            "observations": [
                {"measure": "extramuscular_global", "value": 2, "day": -40},
                {"measure": "extramuscular_global", "value": 4, "day": -1},
            ]
        },
        {"events": [{"event": "rash", "day": -3}]},
        {"events": [{"event": "dysphagia", "day": -3}]},
    ],
)
def test_a_sign_of_a_flare_speaks_against_it(sign: dict[str, Any]) -> None:
    observations = [*LOWER_ONCE, QUIET_CK, *sign.get("observations", [])]
    row = assess(FIVE_WEEKS, observations=observations, events=sign.get("events", []))
    assert row is not None
    assert row["state"] == NOT_MET
    assert "rather a flare" in RULE.explain(row, Parameters())


def test_the_severity_follows_the_grade_of_the_decline() -> None:
    once, twice = (assess(FIVE_WEEKS, observations=[*scores, QUIET_CK]) for scores in (LOWER_ONCE, LOWER_TWICE))
    assert once is not None
    assert twice is not None
    assert (once["severity"], twice["severity"]) == (WATCH, ACTION)


def test_the_acute_form_is_possible_whatever_the_ck_after_a_week_at_very_high_doses() -> None:
    scores = [{"measure": "mmt8", "value": 70, "day": -30}, {"measure": "mmt8", "value": 55, "day": 0}]
    raised = {**QUIET_CK, "value": 2000}
    daily = {"drug": "methylprednisolone", "dose": 240, "route": "iv", "start": -9}
    week = assess(daily, observations=[*scores, raised])
    assert week is not None
    assert (week["state"], week["severity"], week["kind"]) == (MET, URGENT, "acute")
    pulse = {**daily, "dose": 1000, "start": -4, "intent": "pulse"}
    assert state(pulse, observations=[*scores, raised]) == NOT_MET


def test_a_dose_that_is_not_known_cannot_tell() -> None:
    unknown = {"drug": "prednisone", "dose": 1, "unit": "mg/kg", "start": -35}
    assert state(unknown, observations=[*LOWER_ONCE, QUIET_CK]) == CANNOT_TELL


def test_without_a_recent_score_nobody_can_tell() -> None:
    old = [{**score, "day": score["day"] - 100} for score in LOWER_ONCE]
    assert state(FIVE_WEEKS, observations=[*old, QUIET_CK]) == CANNOT_TELL


def test_it_never_says_that_it_is_a_diagnosis_nor_that_the_steroid_should_go_up() -> None:
    row = assess(FIVE_WEEKS, observations=[*LOWER_TWICE, QUIET_CK])
    assert row is not None
    assert "a flare with normal CK fits it too" in RULE.explain(row, Parameters())
    assert "do not increase the steroid" in RULE.suggested_action(row, Parameters())


def test_it_began_when_weakness_and_exposure_had_both_begun() -> None:
    row = assess({**FIVE_WEEKS, "start": -22}, observations=[*LOWER_TWICE, QUIET_CK])
    assert row is not None
    assert row["since"] == pd.Timestamp(AS_OF) - pd.Timedelta(days=2)  # the 21st day at high dose


REMEMBERED = (
    {"drug": "prednisone", "dose": 40, "start": -180, "end": -31},
    {"drug": "prednisone", "dose": 20, "start": -30},
)


@pytest.mark.parametrize(
    ("length", "ago", "still", "expected"),
    [
        (150, 30, True, MET),
        (42, 30, True, MET),
        (41, 30, True, NOT_MET),  # too short to be remembered
        (150, 90, True, MET),
        (150, 91, True, NOT_MET),  # too long ago
        (150, 30, False, NOT_MET),  # no steroid any more
    ],
)
def test_a_long_course_at_high_dose_is_remembered_while_a_steroid_is_taken(
    length: int, ago: int, still: bool, expected: str
) -> None:
    high = {"drug": "prednisone", "dose": 40, "start": -ago - length + 1, "end": -ago}
    low = {"drug": "prednisone", "dose": 20, "start": -ago + 1, "end": None if still else -1}
    assert state(high, low, observations=[*LOWER_ONCE, QUIET_CK]) == expected


def test_a_remembered_course_offers_the_next_step_of_the_taper() -> None:
    row = assess(*REMEMBERED, observations=[*LOWER_ONCE, QUIET_CK])
    assert row is not None
    assert "high-dose steroid from" in RULE.explain(row, Parameters())
    assert "next step of the taper" in RULE.suggested_action(row, Parameters())


def test_a_remembered_course_needs_a_quiet_ck() -> None:
    falling = [
        {"measure": "ck", "value": 2000, "upper_limit": 200, "day": -40},
        {"measure": "ck", "value": 320, "upper_limit": 200, "day": 0},
    ]
    row = assess(*REMEMBERED, observations=[*LOWER_ONCE, *falling])
    assert row is not None
    assert row["state"] == NOT_MET
    assert "CK is up (1.6 times its limit)" in RULE.explain(row, Parameters())


@pytest.mark.parametrize("enzyme", ["ast", "alt", "ldh"])
def test_a_rising_enzyme_speaks_for_a_flare(enzyme: str) -> None:
    rising = [
        {"measure": enzyme, "value": value, "upper_limit": 40, "day": day} for value, day in ((30, -40), (120, 0))
    ]
    panel = frames(medications=REMEMBERED, observations=[*LOWER_ONCE, QUIET_CK, *rising])
    for rule in (declining_strength.RULE, rising_muscle_enzymes.RULE):
        panel.assessments[rule.key] = on_frames(rule, panel, AS_OF, rule.defaults())
    (row,) = on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")
    assert row["state"] == NOT_MET
    assert "up on 22 Nov 2026" in RULE.explain(row, Parameters())

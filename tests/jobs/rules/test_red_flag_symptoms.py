"""Signs that cannot wait until the next visit."""

from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET, URGENT
from jobs.rules import declining_strength
from jobs.rules.red_flag_symptoms import CHECKPOINT, RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames
from tests.jobs.rules.sentences.histories import patient


def assess(subject: str, **facts: Any) -> dict[str, Any] | None:
    panel = frames(**facts)
    panel.assessments["declining-strength"] = on_frames(
        declining_strength.RULE, panel, AS_OF, declining_strength.Parameters()
    )
    rows = [row for row in on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records") if row["subject"] == subject]
    assert len(rows) <= 1
    return rows[0] if rows else None


def state(subject: str, **facts: Any) -> str | None:
    row = assess(subject, **facts)
    return row["state"] if row else None


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"event": "dysphagia", "day": 0}], MET),
        ([{"event": "dysphagia", "day": -28}], MET),
        ([{"event": "dysphagia", "day": -29}], CANNOT_TELL),
        ([{"event": "dysphagia", "day": -182}], CANNOT_TELL),
        ([{"event": "dysphagia", "day": -183}], NOT_MET),
        ([{"event": "dysphagia", "day": -100, "end": 30}], MET),
        ([{"event": "dysphagia", "day": -10, "end": -1}], NOT_MET),
        ([{"event": "dysphagia", "day": -10, "end": 0}], MET),
        ([{"event": "dysphagia", "day": -10}, {"event": "dysphagia", "day": -3, "present": "no"}], NOT_MET),
        ([{"event": "dysphagia", "day": -10, "present": "no"}, {"event": "dysphagia", "day": -3}], MET),
        ([], None),
    ],
)
def test_a_symptom_counts_for_four_weeks_or_until_somebody_says_it_is_over(
    events: list[dict[str, Any]], expected: str | None
) -> None:
    assert state("dysphagia", events=events) == expected


def test_silence_about_a_symptom_is_never_recovery() -> None:
    row = assess("dyspnoea", events=[{"event": "dyspnoea", "day": -60}])
    assert row is not None
    assert row["state"] == CANNOT_TELL
    assert "never mentioned again" in row["cannot_tell_because"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(29.9, MET), (30, NOT_MET), ("<30", MET), ("<35", CANNOT_TELL), (">20", CANNOT_TELL), (">60", NOT_MET)],
)
def test_a_breath_in_weaker_than_30_is_a_red_flag(value: Any, expected: str) -> None:
    assert state("nif", observations=[{"measure": "nif", "value": value, "day": 0}]) == expected


def test_an_old_breathing_test_cannot_tell() -> None:
    assert state("nif", observations=[{"measure": "nif", "value": 20, "day": -91}]) == CANNOT_TELL


@pytest.mark.parametrize(
    ("before", "now", "expected"), [(100, 69, MET), (100, 70, NOT_MET), (60, 45, NOT_MET), (60, 41, MET)]
)
def test_vital_capacity_is_compared_with_the_best_value_of_the_year(before: float, now: float, expected: str) -> None:
    values = [(before, -300), (before - 20, -60), (now, -1)]
    observed = [{"measure": "fvc_percent", "value": value, "day": day} for value, day in values]
    assert state("fvc_percent", observations=observed) == expected


def test_one_vital_capacity_alone_is_no_fall() -> None:
    assert state("fvc_percent", observations=[{"measure": "fvc_percent", "value": 40, "day": -1}]) is None


PEMBROLIZUMAB = {"drug": "pembrolizumab", "dose": 200, "frequency": "once", "route": "iv"}


@pytest.mark.parametrize(
    ("start", "ck", "expected"),
    [(-180, 301, MET), (-181, 301, None), (-20, 300, NOT_MET), (-20, None, CANNOT_TELL)],
)
def test_ck_above_one_and_a_half_times_its_limit_within_six_months_of_a_checkpoint_inhibitor(
    start: int, ck: float | None, expected: str | None
) -> None:
    observed = [] if ck is None else [{"measure": "ck", "value": ck, "upper_limit": 200, "day": -1}]
    assert state(CHECKPOINT, observations=observed, medications=[{**PEMBROLIZUMAB, "start": start}]) == expected


def test_weakness_after_a_checkpoint_inhibitor_is_a_red_flag_with_normal_ck() -> None:
    row = assess(
        CHECKPOINT,
        observations=[
            {"measure": "mmt8", "value": 80, "day": -30},
            {"measure": "mmt8", "value": 70, "day": -2},
            {"measure": "ck", "value": 100, "upper_limit": 200, "day": -2},
        ],
        medications=[{**PEMBROLIZUMAB, "start": -40}],
    )
    assert row is not None
    assert (row["state"], row["severity"]) == (MET, "urgent")
    assert {"o1", "o2", "m1"} <= set(row["evidence"])


def test_a_diagnosis_of_checkpoint_myositis_counts_without_the_drug() -> None:
    observed = [{"measure": "ck", "value": 900, "upper_limit": 200, "day": -1}]
    assert state(CHECKPOINT, patients=[{"mrn": "1", "diagnosis": "ICI_MYOSITIS"}], observations=observed) == MET
    assert state(CHECKPOINT, observations=observed) is None


@pytest.mark.parametrize(
    ("value", "day", "expected"),
    [
        (89.9, 0, MET),
        (90, 0, NOT_MET),
        ("<90", 0, MET),
        (85, -90, MET),
        (85, -91, CANNOT_TELL),  # nobody measured again: silence is no recovery
        (97, -400, NOT_MET),  # an old one that was fine is no reason to ask
    ],
)
def test_a_low_oxygen_saturation_at_rest_is_a_red_flag_whatever_the_antibody(
    value: Any, day: int, expected: str
) -> None:
    found = assess("oxygen_saturation", observations=[{"measure": "oxygen_saturation", "value": value, "day": day}])
    assert found is not None
    assert found["state"] == expected


def test_a_later_normal_saturation_ends_it() -> None:
    values = [{"measure": "oxygen_saturation", "value": value, "day": day} for value, day in ((86, -5), (96, -1))]
    assert state("oxygen_saturation", observations=values) == NOT_MET


@pytest.mark.parametrize(
    ("diagnosis", "event", "urgent"),
    [
        ("JDM", "abdominal_pain", True),
        ("DM", "abdominal_pain", False),
        ("JDM", "gastrointestinal_bleeding", True),
        ("DM", "gastrointestinal_bleeding", True),
    ],
)
def test_the_gut_is_a_danger_in_juvenile_disease_and_bleeding_from_it_in_anybody(
    diagnosis: str, event: str, urgent: bool
) -> None:
    one = patient((), (), ({"event": event, "day": -1},), {"diagnosis": diagnosis, "age_years": 12})
    found = [answer for answer in RULE.assess(one, one.today, RULE.defaults()) if answer.subject == event]
    assert [answer.severity for answer in found] == ([URGENT] if urgent else [])
    if urgent:
        assert "see today" in RULE.suggested_action(found[0].cells(), RULE.defaults())

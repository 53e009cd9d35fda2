"""Where an antibody goes with lung disease, somebody looks for it in time: one alert a patient, never an urgent one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, WATCH, Answer
from jobs.rules.lung_screening import RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]


def answered(observations: Sequence[Row] = (), events: Sequence[Row] = (), **patient: Any) -> Answer | None:
    who = {"mrn": "1", "diagnosis": "ASYS", "autoantibodies": "JO1", "age_years": 50, "diagnosed_day": -400, **patient}
    built = frames(AS_OF, patients=[who], observations=observations, events=events)
    return next(iter(RULE.assess(patients_of(built)[1], TODAY, P)), None)


def lung(day: int, *measures: str) -> list[Row]:
    return [{"measure": measure, "value": 85, "day": day} for measure in measures or ("fvc_percent", "dlco_percent")]


CT = {"event": "chest_ct", "day": -390}


@pytest.mark.parametrize(
    ("patient", "observations", "events", "state"),
    [
        ({}, lung(-30), [CT], NOT_MET),
        ({}, lung(-30), [], MET),  # no chest CT
        ({"diagnosed_day": -1096}, lung(-30), [], NOT_MET),  # it may lie in older records
        ({}, lung(-425), [CT], NOT_MET),  # a year and 60 days
        ({}, lung(-426), [CT], MET),
        ({}, lung(-30, "fvc_percent"), [CT], MET),
        ({"diagnosed_day": -60}, [], [], NOT_MET),
        ({"diagnosed_day": -61}, [], [], MET),
        ({}, [], [{"event": "interstitial_lung_disease", "day": -300}], NOT_MET),
        ({"diagnosis": "DM", "autoantibodies": "MI2;RO52"}, [], [], None),
        ({"diagnosis": "DM", "autoantibodies": "PL12"}, [], [], MET),
        ({"diagnosis": "ASYS", "autoantibodies": ""}, [], [], MET),
        ({"diagnosis": "DM", "autoantibodies": "SOMETHING"}, [], [], None),
        ({"age_years": 5}, [], [], None),
        ({"diagnosed_day": None}, [], [], CANNOT_TELL),
        ({"autoantibodies": "MDA5", "diagnosed_day": -200}, lung(-151), [CT], NOT_MET),
        ({"autoantibodies": "MDA5", "diagnosed_day": -200}, lung(-152), [CT], MET),
        ({"autoantibodies": "MDA5", "diagnosed_day": -500}, lung(-200), [CT], NOT_MET),
    ],
)
def test_what_is_looked_for_and_when(
    patient: Row, observations: Sequence[Row], events: Sequence[Row], state: str | None
) -> None:
    found = answered(observations, events, **patient)
    assert (found.state if found else None) == state


def test_anti_mda5_that_nobody_looked_at_is_for_this_week_and_the_rest_for_the_next_visit() -> None:
    never = answered(autoantibodies="MDA5;JO1", diagnosed_day=-100)
    some = answered(lung(-200), autoantibodies="MDA5", diagnosed_day=-300)
    other = answered(diagnosed_day=-100)
    assert never is not None
    assert some is not None
    assert other is not None
    assert [one.severity for one in (never, some, other)] == [ACTION, WATCH, WATCH]
    assert RULE.explain(never.cells(), P) == (
        "Anti-MDA5 goes with lung disease, and none is on file. Due: chest CT (none on file; due 14 Aug 2026), "
        "FVC (none on file; due 14 Aug 2026), DLCO (none on file; due 14 Aug 2026)."
    )


def test_another_ct_of_the_chest_is_named_and_does_not_count() -> None:
    found = answered(lung(-30), [{"event": "ct_neck_to_pelvis", "day": -20}])
    assert found is not None
    assert found.numbers["said"] == (
        "chest CT (none on file but the CT of neck, chest, abdomen and pelvis on 2 Nov 2026; due 18 Oct 2025)"
    )


def test_lung_disease_that_is_over_is_not_called_absent_from_the_file() -> None:
    found = answered(events=[{"event": "interstitial_lung_disease", "day": -800, "end": -500}])
    assert found is not None
    assert RULE.explain(found.cells(), P).startswith(
        "Anti-Jo-1 goes with lung disease, and none on file goes on. Due: "
    )


def test_a_test_that_could_not_be_done_is_asked_for_again_after_its_interval() -> None:
    undone = {"measure": "dlco_percent", "value": 0, "day": -30, "status": "not-done", "reason": "cannot hold breath"}
    found = answered([*lung(-30, "fvc_percent"), undone], [CT])
    assert found is not None
    assert found.state == NOT_MET

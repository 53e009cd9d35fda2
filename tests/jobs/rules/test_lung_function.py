"""The lung gets worse by a published meaningful decline against the patient's own values, and never by noise alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rule import ACTION, CANNOT_TELL, CONFIRMED, MET, NOT_MET, POSSIBLE, WATCH, Answer
from jobs.rules.lung_function import DLCO, FVC, RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]


def measured(measure: str, *points: tuple[int, Any]) -> list[Row]:
    return [{"measure": measure, "value": value, "day": day} for day, value in points]


def answers(observations: Sequence[Row], events: Sequence[Row] = (), parameters: Parameters = P) -> dict[str, Answer]:
    built = frames(observations=observations, events=events)
    return {one.subject: one for one in RULE.assess(patients_of(built)[1], TODAY, parameters)}


@pytest.mark.parametrize(
    ("values", "state", "grade"),
    [
        ([(-200, 80), (0, 72)], MET, POSSIBLE),  # exactly 10 %
        ([(-200, 80), (0, 72.1)], NOT_MET, None),
        ([(-730, 80), (0, 72)], MET, POSSIBLE),
        ([(-731, 80), (0, 72)], CANNOT_TELL, None),
        ([(-300, 84), (-200, 80), (-100, 75), (0, 75)], MET, CONFIRMED),  # two below 90 % of the best, not of the mean
        ([(-300, 84), (-200, 72), (-100, 80), (0, 78)], NOT_MET, None),  # came back
        ([(-300, 80), (-10, 70), (0, 79)], NOT_MET, None),
        ([(0, 72)], CANNOT_TELL, None),
        ([(-500, 84), (-366, 60)], CANNOT_TELL, None),  # nothing within a year
        ([(-500, 84), (-365, 60)], MET, POSSIBLE),
        ([(-200, 80), (0, "<72")], MET, POSSIBLE),
        ([(-200, 80), (-100, 79), (0, ">40")], NOT_MET, None),  # at least 40 says nothing of a fall
    ],
)  # fmt: skip
def test_vital_capacity_falls_by_a_tenth_of_the_patients_own(
    values: Sequence[tuple[int, Any]], state: str, grade: str | None
) -> None:
    found = answers(measured(FVC, *values))[FVC]
    assert (found.state, found.grade) == (state, grade)
    assert found.severity == (ACTION if state == MET else None)


def test_diffusing_capacity_falls_by_fifteen_per_cent() -> None:
    assert answers(measured(DLCO, (-100, 60), (0, 51)))[DLCO].state == MET
    assert answers(measured(DLCO, (-100, 60), (0, 51.2)))[DLCO].state == NOT_MET


def test_a_fall_that_stays_counts_from_its_first_test() -> None:
    found = answers(measured(FVC, (-400, 85), (-210, 74), (-90, 75), (0, 74)))[FVC]
    assert found.since == TODAY - 210


def test_two_tests_of_one_day_are_one_test() -> None:
    assert answers(measured(FVC, (-200, 80), (0, 71), (0, 71)))[FVC].grade == POSSIBLE


@pytest.mark.parametrize(
    ("observations", "events", "state"),
    [
        (measured(FVC, (-200, 80), (0, 75)), [], NOT_MET),
        (measured(FVC, (-200, 80), (0, 75)), [{"event": "dyspnoea", "day": -90}], MET),
        (measured(FVC, (-200, 80), (0, 75)), [{"event": "dyspnoea", "day": -91}], NOT_MET),
        (measured(FVC, (-200, 80), (0, 75)), [{"event": "dyspnoea", "day": -5, "present": "no"}], NOT_MET),
        (measured(FVC, (-200, 80), (0, 76)), [{"event": "dyspnoea", "day": -5}], NOT_MET),
        ([*measured(FVC, (-200, 80), (0, 75)), *measured(DLCO, (-200, 90), (0, 80))], [], MET),
        ([*measured(FVC, (-200, 80), (0, 75)), *measured(DLCO, (-200, 90), (0, 81))], [], NOT_MET),
        (measured(FVC, (-370, 80), (0, 75)), [{"event": "dyspnoea", "day": -5}], NOT_MET),
    ],
)
def test_a_smaller_fall_counts_with_a_second_sign_only(
    observations: Sequence[Row], events: Sequence[Row], state: str
) -> None:
    found = answers(observations, events)[FVC]
    assert found.state == state
    if state == MET:
        assert (found.severity, found.grade) == (WATCH, POSSIBLE)
        assert "only together" in RULE.explain(found.cells(), P)


def test_the_sentence_gives_the_values_it_compares() -> None:
    found = answers(measured(FVC, (-300, 84), (-200, 82), (-100, 83), (0, 72)))[FVC]
    assert RULE.explain(found.cells(), P) == (
        "FVC 83 (the mean of the 3 tests before) -> 72 % of predicted on 22 Nov 2026, 13.3 % less "
        "(meaningful from 10 % on). Possible only: one test; effort and device make tests vary."
    )
    assert RULE.phrase is not None
    assert RULE.phrase([found.cells()]) == "Lung worse: FVC 83 → 72 %"


def test_another_fall_since_somebody_looked_is_worse() -> None:
    assert RULE.worse is not None
    assert RULE.worse({"latest": 72}, {"latest": 67, "subject": FVC}, P) == "72 -> 67 % since seen"
    assert RULE.worse({"latest": 72}, {"latest": 68, "subject": FVC}, P) is None


@given(st.lists(st.integers(20, 120), min_size=2, max_size=8))
def test_values_that_only_rise_are_never_a_fall(values: list[int]) -> None:
    rising = sorted(values)
    points = [(-90 * (len(rising) - place - 1), value) for place, value in enumerate(rising)]
    assert answers(measured(FVC, *points))[FVC].state in (NOT_MET, CANNOT_TELL)


@given(st.lists(st.floats(20, 120, allow_nan=False), min_size=2, max_size=8), st.floats(0.2, 1.0))
def test_a_lower_last_value_never_takes_a_fall_away(values: list[float], share: float) -> None:
    def state(last: float) -> str:
        days = [-90 * (len(values) - place - 1) for place in range(len(values))]
        return answers(measured(FVC, *zip(days, [*values[:-1], last], strict=True)))[FVC].state

    if state(values[-1]) == MET:
        assert state(values[-1] * share) == MET

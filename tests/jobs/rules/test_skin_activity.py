"""The skin is worse by the smallest meaningful change of its score against the patient's own."""

from collections.abc import Sequence

import pytest

from jobs.rule import ACTION, CANNOT_TELL, CONFIRMED, MET, NOT_MET, POSSIBLE, WATCH, Answer
from jobs.rules.skin_activity import CDASI, RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)


def answered(*points: tuple[int, float]) -> Answer | None:
    scores = [{"measure": CDASI, "value": value, "day": day} for day, value in points]
    return next(iter(RULE.assess(patients_of(frames(observations=scores))[1], TODAY, P)), None)


@pytest.mark.parametrize(
    ("points", "state", "grade", "severity"),
    [
        ([(-60, 10), (0, 15)], MET, POSSIBLE, WATCH),
        ([(-60, 10), (0, 14.9)], NOT_MET, None, None),
        ([(-60, 10), (0, 20)], MET, POSSIBLE, ACTION),  # two steps, and above 19
        ([(-60, 15), (0, 20)], MET, POSSIBLE, ACTION),  # above 19
        ([(-120, 10), (-60, 16), (0, 15)], MET, CONFIRMED, WATCH),
        ([(-120, 10), (-60, 16), (0, 14)], NOT_MET, None, None),  # came back to less than a step
        ([(-180, 10), (-120, 12), (-60, 14), (0, 17)], MET, POSSIBLE, WATCH),  # slowly
        ([(0, 30)], CANNOT_TELL, None, None),
        ([(-400, 10), (-183, 30)], CANNOT_TELL, None, None),  # half a year ago
        ([(-366, 10), (0, 30)], CANNOT_TELL, None, None),
    ],
)
def test_a_score_a_step_above_the_mean_of_the_patients_own_is_worse(
    points: Sequence[tuple[int, float]], state: str, grade: str | None, severity: str | None
) -> None:
    found = answered(*points)
    assert found is not None
    assert (found.state, found.grade, found.severity) == (state, grade, severity)


def test_a_patient_whose_skin_is_not_scored_has_no_answer() -> None:
    assert answered() is None


def test_a_rise_that_stays_counts_from_its_first_score() -> None:
    found = answered((-150, 8), (-60, 14), (0, 15))
    assert found is not None
    assert found.since == TODAY - 60
    assert RULE.explain(found.cells(), P) == (
        "CDASI activity 8 (the score before) -> 15 of 100 on 22 Nov 2026: 5 points are a meaningful change. "
        "Since 23 Sep 2026."
    )

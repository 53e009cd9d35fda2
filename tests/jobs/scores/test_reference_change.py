"""Reference change values and measurement error, against the figures in the literature notes."""

import pytest

from jobs.scores.exact import ScoreInputError
from jobs.scores.reference_change import (
    BETWEEN_SUBJECT_PERCENT,
    WITHIN_SUBJECT_PERCENT,
    index_of_individuality,
    lognormal_reference_change,
    minimal_detectable_change,
    standard_error_of_difference,
    standard_error_of_measurement,
    symmetric_reference_change,
)


@pytest.mark.parametrize(
    ("within", "analytical", "z", "symmetric", "up", "down"),
    [
        (14.5, 2, 1.96, 40.6, 1.50, 0.67),
        (14.5, 7.25, 1.96, 44.9, 1.56, 0.64),
        (14.5, 2, 2.58, 53.4, 1.70, 0.59),
        (19, 2, 1.96, 53.0, 1.69, 0.59),
    ],
)
def test_the_published_table_for_ck_is_reproduced(
    within: float, analytical: float, z: float, symmetric: float, up: float, down: float
) -> None:
    assert round(symmetric_reference_change(analytical, within, z), 1) == symmetric
    factors = lognormal_reference_change(analytical, within, z)
    assert (round(factors.up, 2), round(factors.down, 2)) == (up, down)


def test_troponin_i_may_rise_by_six_tenths_without_meaning() -> None:
    factors = lognormal_reference_change(5, 16.6)
    assert (round(factors.up, 2), round(factors.down, 2)) == (1.61, 0.62)


def test_a_rise_and_the_fall_back_are_judged_alike() -> None:
    factors = lognormal_reference_change(4, 20)
    assert factors.up * factors.down == pytest.approx(1)


def test_without_any_variation_every_change_counts() -> None:
    assert symmetric_reference_change(0, 0) == 0
    assert lognormal_reference_change(0, 0) == (1, 1)


def test_the_own_baseline_of_ck_says_more_than_the_population() -> None:
    assert round(index_of_individuality(WITHIN_SUBJECT_PERCENT["ck"], BETWEEN_SUBJECT_PERCENT["ck"]), 2) == 0.46


def test_two_points_of_measurement_error_hide_changes_below_five_and_a_half() -> None:
    assert round(minimal_detectable_change(2), 1) == 5.5


@pytest.mark.parametrize(("deviation", "reliability", "expected"), [(10, 0.91, 3), (8.7, 1, 0), (5, 0, 5)])
def test_measurement_error_follows_from_reliability(deviation: float, reliability: float, expected: float) -> None:
    assert standard_error_of_measurement(deviation, reliability) == pytest.approx(expected)


def test_more_scores_on_either_side_narrow_the_difference() -> None:
    assert standard_error_of_difference(2.9, 1, 1) == pytest.approx(2.9 * 2**0.5)
    assert standard_error_of_difference(2.9, 4, 2) == pytest.approx(2.9 * 0.75**0.5)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ScoreInputError):
        symmetric_reference_change(-1, 5)
    with pytest.raises(ScoreInputError):
        lognormal_reference_change(5, float("nan"))
    with pytest.raises(ScoreInputError):
        symmetric_reference_change(1, 5, z=0)
    with pytest.raises(ScoreInputError):
        index_of_individuality(10, 0)
    with pytest.raises(ScoreInputError):
        standard_error_of_measurement(5, 1.1)
    with pytest.raises(ScoreInputError):
        standard_error_of_difference(5, 0, 2)

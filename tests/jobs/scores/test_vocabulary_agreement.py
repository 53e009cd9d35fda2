"""The calculators carry their own small tables so that they run alone; they must say what the vocabulary says."""

from jobs.scores.cmas import ITEMS
from jobs.scores.core_set import ENZYME_RANGE_IN_UPPER_LIMITS, INSTRUMENT_MAXIMA, SCALE_RANGES
from jobs.scores.exact import ScoreInputError
from jobs.scores.mmt import MUSCLE_GROUPS
from models import vocabulary
from models.errors import UsageError


def test_the_cmas_items_have_the_maxima_and_times_of_the_vocabulary() -> None:
    known = {str(item.number): (item.max, item.thresholds_seconds) for item in vocabulary.cmas_items().values()}
    assert {number: (item.maximum, item.seconds_from) for number, item in ITEMS.items()} == known


def test_the_muscle_groups_are_those_of_the_vocabulary() -> None:
    known = {group.key: (group.region, group.paired, group.in_mmt8) for group in vocabulary.muscle_groups().values()}
    assert {key: (group.region, group.paired, group.in_mmt8) for key, group in MUSCLE_GROUPS.items()} == known


def test_scales_have_the_maxima_of_the_vocabulary() -> None:
    measures = vocabulary.measures()
    for key, highest in (*INSTRUMENT_MAXIMA.items(), *SCALE_RANGES.items()):
        assert measures[key].max_value == highest
    assert set(ENZYME_RANGE_IN_UPPER_LIMITS) <= set(measures)


def test_input_a_calculator_refuses_is_wrong_usage_with_exit_code_2() -> None:
    assert issubclass(ScoreInputError, UsageError)
    assert ScoreInputError("haq", "is missing").exit_code == 2

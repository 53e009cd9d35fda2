"""Rising muscle enzymes: against the patient's own baseline, in multiples of the limit reported with each value."""

import pytest

from jobs.rule import MET, assessments
from jobs.rules.rising_muscle_enzymes import RULE, Parameters
from tests.frames_builder import AS_OF, frames

PARAMETERS = Parameters()


def assess(values, *, measure="ck", limit=200, events=(), strength=None):
    """The row about one enzyme, values as (day offset, value) or (day offset, value, limit)."""
    rows = [
        {"measure": measure, "value": one[1], "upper_limit": one[2] if len(one) > 2 else limit, "day": one[0]}
        for one in values
    ]
    facts = frames(observations=rows, events=list(events))
    if strength:
        facts.assessments["declining-strength"] = assessments(patient_id=[1], subject="cmas", state=strength)
    return RULE.on_frames(facts, AS_OF, PARAMETERS).iloc[0]


@pytest.mark.parametrize(
    ("before", "now", "state", "severity"),
    [
        ([200], 300, "met", "watch"),
        ([200], 299, "not_met", None),
        ([100], 200, "not_met", None),
        ([110], 202, "met", "watch"),
        ([100], 201, "met", "action"),
        ([150], 301, "met", "action"),
        ([400], 600, "met", "action"),
        ([399], 598, "not_met", None),
        ([100, 900, 200], 310, "met", "watch"),
    ],
)
def test_a_rise_is_one_and_a_half_times_the_median_of_the_last_three_and_above_the_limit(before, now, state, severity):
    values = [(-30 * (len(before) - place), value) for place, value in enumerate(before)]
    row = assess([*values, (0, now)])
    assert (row["state"], row["severity"]) == (state, severity)


def test_a_chronically_raised_stable_value_is_not_a_rise():
    assert assess([(-90, 900), (-60, 950), (-30, 870), (0, 930)])["state"] == "not_met"


def test_values_of_laboratories_with_other_limits_are_compared_as_multiples():
    assert assess([(-30, 300, 100), (0, 900, 300)])["state"] == "not_met"


def test_strenuous_exercise_in_the_seven_days_before_makes_it_a_watch():
    marathon = [{"event": "strenuous_exercise", "day": -7}]
    row = assess([(-60, 150), (0, 12000)], events=marathon)
    assert row["severity"] == "watch"
    assert "repeat after 7 days of rest" in RULE.explain(row, PARAMETERS)
    assert assess([(-60, 150), (0, 12000)], events=[{"event": "strenuous_exercise", "day": -8}])["severity"] == "action"


def test_declining_strength_makes_it_an_action():
    assert assess([(-30, 200), (0, 310)], strength=MET)["severity"] == "action"


def test_what_cannot_be_told_and_why():
    assert "no upper limit" in assess([(-30, 200), (0, 900, None)])["cannot_tell_because"]
    assert "no earlier value" in assess([(0, 900)])["cannot_tell_because"]
    assert assess([(-366, 200), (0, 900)])["state"] == "cannot_tell"
    assert assess([(-365, 200), (0, 900)])["state"] == "met"
    assert assess([(-200, 200), (-91, 900)])["state"] == "cannot_tell"
    assert assess([(-200, 200), (-90, 900)])["state"] == "met"

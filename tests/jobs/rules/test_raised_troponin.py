"""Raised troponin: kinds and assays apart, limits as reported, and what troponin I says about a raised T."""

import pytest

from jobs.rules.raised_troponin import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

PARAMETERS = Parameters()


def assess(*observations):
    """All rows about one patient, by subject."""
    found = on_frames(RULE, frames(observations=list(observations)), AS_OF, PARAMETERS)
    return {row["subject"]: row for _, row in found.iterrows()}


def t(value, day=0, **more):
    return {"measure": "troponin_t", "value": value, "upper_limit": 14, "day": day, **more}


def i(value, day=0, **more):
    return {"measure": "troponin_i", "value": value, "upper_limit": 26, "day": day, **more}


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        ([t(90)], "action"),
        ([t(90), i(5, -14)], "watch"),
        ([t(90), i(5, -15)], "action"),
        ([t(90), i(60, -3)], "action"),
        ([t(90), i(5, -3, upper_limit=None)], "action"),
    ],
)
def test_a_raised_troponin_t_is_judged_by_troponin_i_within_14_days(facts, severity):
    row = assess(*facts)["troponin_t"]
    assert (row["state"], row["severity"]) == ("met", severity)


def test_measure_troponin_i_is_the_advice_where_none_was():
    assert RULE.suggested_action(assess(t(90))["troponin_t"], PARAMETERS) == "measure troponin I"
    assert "skeletal muscle is a likely source" in RULE.explain(assess(t(90), i(5))["troponin_t"], PARAMETERS)


def test_a_raised_troponin_i_is_urgent():
    assert assess(i(27))["troponin_i"]["severity"] == "urgent"
    assert assess(i(26))["troponin_i"]["state"] == "not_met"


def test_without_a_limit_nobody_can_tell():
    row = assess(i(60, upper_limit=None))["troponin_i"]
    assert row["state"] == "cannot_tell"
    assert "no upper limit" in row["cannot_tell_because"]


def test_each_assay_is_its_own_series():
    rows = assess(t(90, -5, assay="Gen 5", upper_limit=19), t(10, 0, assay="Gen 6", upper_limit=27))
    assert {subject: row["state"] for subject, row in rows.items()} == {
        "troponin_t:Gen 5": "met",
        "troponin_t:Gen 6": "not_met",
    }


def test_it_stays_until_a_later_value_of_the_same_kind_and_assay_is_at_its_limit():
    assert assess(t(90, -20), t(14))["troponin_t"]["state"] == "not_met"
    row = assess(t(10, -60), t(90, -40), t(30, -3))["troponin_t"]
    assert (row["state"], (row["since"].date() - AS_OF).days) == ("met", -40)


def test_an_older_value_than_90_days_cannot_tell():
    assert assess(i(60, -90))["troponin_i"]["state"] == "met"
    assert assess(i(60, -91))["troponin_i"]["state"] == "cannot_tell"


def test_a_bound_is_read_in_the_direction_in_which_it_is_certain():
    assert assess(t("<5"))["troponin_t"]["state"] == "not_met"
    assert assess(t(">500"))["troponin_t"]["state"] == "met"


def test_since_when_it_is_raised_does_not_move_with_what_a_panel_still_reads():
    # A value of long ago does not move the day since when it is raised.
    with_old = assess(t(24, -560), t(18, -400), t(18, -35))["troponin_t"]
    without = assess(t(18, -400), t(18, -35))["troponin_t"]
    assert with_old["since"] == without["since"]
    assert with_old["evidence"][0] == "o2"


@pytest.mark.parametrize(("value", "state"), [(14.02, "met"), (14, "not_met"), (13.98, "not_met")])
def test_the_value_shown_is_seen_to_lie_on_its_side_of_the_limit(value, state):
    facts = frames(observations=[{"measure": "troponin_t", "value": value, "upper_limit": 14, "day": 0}])
    row = on_frames(RULE, facts, AS_OF, Parameters()).iloc[0]
    assert row["state"] == state
    assert f"{value} ng/L" in RULE.explain(row, Parameters())

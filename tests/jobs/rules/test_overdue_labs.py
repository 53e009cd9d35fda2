"""Overdue laboratory tests: due dates, grace, states, silent feeds."""

import datetime as dt

import pytest

from jobs.rules.overdue_labs import RULE, Parameters
from tests.frames_builder import AS_OF, frames

PARAMETERS = Parameters()
PREDNISONE = {"drug": "prednisone", "dose": 5, "start": -400}
METHOTREXATE = {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start": -400}


def labs(day, *measures):
    """A result of each measure on a day."""
    return [{"measure": measure, "value": 5, "upper_limit": 200, "day": day} for measure in measures]


def assess(subject="ck", *, as_of=AS_OF, parameters=PARAMETERS, **facts):
    """The rule's row about one test of one patient; None if the test is not required."""
    found = RULE.on_frames(frames(as_of, **facts), as_of, parameters)
    rows = found[found["subject"] == subject]
    return None if rows.empty else rows.iloc[0]


@pytest.mark.parametrize(
    ("age", "due_state", "state"),
    [
        (0, "not_due", "not_met"),
        (41, "not_due", "not_met"),
        (42, "due", "not_met"),
        (43, "grace", "not_met"),
        (49, "grace", "not_met"),
        (50, "overdue", "met"),
        (400, "overdue", "met"),
    ],
)
def test_ck_is_due_after_42_days_and_overdue_from_the_day_after_due_plus_7(age, due_state, state):
    row = assess(observations=labs(-age, "ck"), medications=[PREDNISONE])
    assert (row["due_state"], row["state"]) == (due_state, state)
    assert row["due"].date() == AS_OF + dt.timedelta(days=42 - age)
    if state == "met":
        assert row["since"].date() == AS_OF + dt.timedelta(days=50 - age)


def test_either_troponin_satisfies_troponin():
    for kind in ("troponin_t", "troponin_i"):
        assert assess("troponin", observations=labs(-5, kind), medications=[PREDNISONE])["state"] == "not_met"


def test_without_active_treatment_nothing_is_required():
    assert assess(observations=labs(-400, "ck")) is None
    assert assess(medications=[{"drug": "folic acid", "dose": 1, "start": -400}]) is None
    assert assess(medications=[{**PREDNISONE, "end": -1}]) is None


def test_the_last_day_taken_still_requires():
    assert assess(medications=[{**PREDNISONE, "end": 0}]) is not None


def test_never_measured_counts_from_the_start_of_treatment_whatever_was_split_into_statements():
    row = assess(medications=[{**PREDNISONE, "start": -50, "end": -20}, {**PREDNISONE, "start": -19}])
    assert (row["state"], row["due_state"]) == ("met", "never_measured")
    assert assess(medications=[{**PREDNISONE, "start": -49}])["state"] == "not_met"


def test_methotrexate_requires_blood_count_liver_and_kidney_tests_by_phase():
    recent = labs(-10, "ck", "troponin_i", "crp")
    for start, interval in ((-60, 28), (-120, 84), (-400, 84)):
        row = assess("blood_count", observations=recent, medications=[{**METHOTREXATE, "start": start}])
        assert row["interval_days"] == interval


def test_a_dose_increase_starts_the_close_phase_again():
    raised = [{**METHOTREXATE, "end": -31}, {**METHOTREXATE, "dose": 20, "start": -30}]
    assert assess("transaminases", medications=raised)["interval_days"] == 28


def test_the_shortest_interval_of_all_drugs_counts():
    both = [METHOTREXATE, {"drug": "azathioprine", "dose": 100, "start": -20}]
    row = assess("blood_count", observations=labs(-5, "white_cells"), medications=both)
    assert (row["interval_days"], row["due"].date()) == (14, AS_OF + dt.timedelta(days=9))


def test_a_pause_with_a_reason_silences_until_its_end():
    facts = {"observations": labs(-400, "ck"), "medications": [PREDNISONE]}
    row = assess(**facts, pauses=[{"test": "ck", "reason": "travelling", "start": -3, "until": 0}])
    assert (row["state"], row["due_state"]) == ("not_met", "paused")
    assert row["recheck_on"].date() == AS_OF + dt.timedelta(days=1)


def test_not_possible_with_a_reason_excuses_for_one_interval_and_grace():
    undone = {"measure": "ck", "status": "not-done", "reason": "no veins", "day": -49}
    facts = {"observations": [*labs(-400, "ck"), undone], "medications": [PREDNISONE]}
    assert assess(**facts)["due_state"] == "not_possible"
    assert assess(**facts, as_of=AS_OF + dt.timedelta(days=0))["state"] == "not_met"
    older = [*labs(-400, "ck"), {**undone, "day": -50}]
    assert assess(observations=older, medications=[PREDNISONE])["state"] == "met"


def feed(last, results, sender="laboratory"):
    return {"sender": sender, "measure": "ck", "last_day": last, "results": results}


@pytest.mark.parametrize(
    ("feeds", "state"),
    [
        ([feed(-7, 20)], "cannot_tell"),
        ([feed(-6, 20)], "met"),
        ([feed(-7, 19)], "met"),
        ([feed(-7, 20), feed(-1, 40, "other laboratory")], "met"),
        ([], "met"),
    ],
)
def test_a_feed_that_normally_delivers_and_has_fallen_silent_makes_it_impossible_to_tell(feeds, state):
    row = assess(observations=labs(-60, "ck"), medications=[PREDNISONE], feeds=feeds)
    assert row["state"] == state
    if state == "cannot_tell":
        assert row["cannot_tell_because"].startswith("feed silent since")


def test_a_silent_feed_says_nothing_about_tests_that_are_not_overdue():
    row = assess(observations=labs(-20, "ck"), medications=[PREDNISONE], feeds=[feed(-20, 50)])
    assert row["state"] == "not_met"


def test_rituximab_goes_on_requiring_while_it_acts():
    infusion = {"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -200}
    assert assess(medications=[infusion]) is not None
    assert assess(medications=[{**infusion, "start": -275}]) is None


def test_local_steroids_are_no_active_treatment():
    assert assess(medications=[{**PREDNISONE, "route": "topical"}]) is None


def test_explanations_quote_dates_so_that_they_stay_true_tomorrow():
    row = assess(observations=labs(-60, "ck"), medications=[PREDNISONE])
    assert "days ago" not in RULE.explain(row, PARAMETERS)
    assert RULE.suggested_action(row, PARAMETERS).startswith("order CK")

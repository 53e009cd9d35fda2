"""Overdue laboratory tests: due dates, grace, states, silent feeds."""

import datetime as dt

import pandas as pd
import pytest

from jobs.rules.overdue_labs import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

PARAMETERS = Parameters()
PREDNISONE = {"drug": "prednisone", "dose": 5, "start": -400}
METHOTREXATE = {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start": -400}


def labs(day, *measures):
    """A result of each measure on a day."""
    return [{"measure": measure, "value": 5, "upper_limit": 200, "day": day} for measure in measures]


def assess(subject="ck", *, as_of=AS_OF, parameters=PARAMETERS, **facts):
    """The rule's row about one test of one patient; None if the test is not required."""
    found = on_frames(RULE, frames(as_of, **facts), as_of, parameters)
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
    recent = labs(-10, "white_cells", "alt", "creatinine")
    for test in ("blood_count", "transaminases", "creatinine"):
        for start, interval in ((-60, 28), (-120, 84), (-400, 84)):
            row = assess(test, observations=recent, medications=[{**METHOTREXATE, "start": start}])
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


def on(day, drug="methotrexate", **more):
    """What is said of the blood count of somebody on a drug since 1 June 2026 whose last one is of a day."""
    dose = {"methotrexate": {"dose": 15, "frequency": "weekly"}, "azathioprine": {"dose": 150}}[drug]
    statement = {"drug": drug, "unit": "mg", "start": "2026-06-01", **dose}
    last = more.pop("last", "2026-06-29")
    results = [{"measure": "platelets", "value": 250, "day": last}]
    results += more.pop("observations", [])
    return assess("blood_count", as_of=day, observations=results, medications=[statement], **more)


@pytest.mark.parametrize("day", ["2026-08-04", "2026-08-30", "2026-08-31", "2026-09-28", "2026-09-29", "2027-06-01"])
def test_a_missed_test_stays_missed_when_a_later_phase_has_longer_intervals(day):
    row = on(dt.date.fromisoformat(day))
    assert (row["state"], row["due_state"], row["interval_days"]) == ("met", "overdue", 28)
    assert (row["due"].date(), row["since"].date()) == (dt.date(2026, 7, 27), dt.date(2026, 8, 4))
    assert pd.isna(row["recheck_on"])


def test_the_missed_test_of_azathioprine_was_due_after_two_weeks_and_stays_so():
    for day in (dt.date(2026, 7, 8), dt.date(2026, 7, 14), dt.date(2026, 11, 28)):
        row = on(day, "azathioprine", last="2026-06-16")
        assert (row["state"], row["due"].date()) == ("met", dt.date(2026, 6, 30))


def test_a_valid_result_ends_a_miss_and_the_next_one_is_due_by_the_interval_of_its_own_day():
    late = {"measure": "platelets", "value": 240, "day": "2026-09-01"}
    row = on(dt.date(2026, 9, 29), observations=[late])
    assert (row["state"], row["due"].date(), row["interval_days"]) == ("not_met", dt.date(2026, 11, 24), 84)


def test_a_phase_that_begins_before_the_day_is_reached_moves_a_day_that_has_not_passed():
    """Taken on day 80 of 90 of the close phase: 28 days later the distant phase has begun."""
    row = on(dt.date(2026, 9, 20), last="2026-08-20")
    assert (row["state"], row["due"].date(), row["interval_days"]) == ("not_met", dt.date(2026, 11, 12), 84)


def test_a_dose_increase_asks_at_once_for_what_the_close_interval_has_already_passed():
    raised = [{**METHOTREXATE, "end": -1}, {**METHOTREXATE, "dose": 20, "start": 0}]
    row = assess("blood_count", observations=labs(-60, "white_cells"), medications=raised)
    assert (row["due_state"], row["due"].date(), row["interval_days"]) == ("due", AS_OF, 28)
    before = assess("blood_count", observations=labs(-60, "white_cells"), medications=[METHOTREXATE])
    assert (before["due_state"], before["interval_days"]) == ("not_due", 84)


def test_what_was_missed_before_a_dose_increase_is_not_forgiven_by_it():
    raised = [{**METHOTREXATE, "start": -200, "end": -3}, {**METHOTREXATE, "dose": 20, "start": -2}]
    row = assess("blood_count", observations=labs(-190, "white_cells"), medications=raised)
    assert (row["state"], row["due"].date()) == ("met", AS_OF - dt.timedelta(days=162))


def test_a_drug_begun_today_asks_today_for_what_was_last_measured_long_ago_and_never_before_it_began():
    row = assess(observations=labs(-300, "ck"), medications=[{**PREDNISONE, "start": 0}])
    assert (row["state"], row["due_state"], row["due"].date()) == ("not_met", "due", AS_OF)
    row = assess(observations=labs(-300, "ck"), medications=[{**PREDNISONE, "start": -8}])
    assert (row["state"], row["since"].date()) == ("met", AS_OF)


def test_the_end_of_the_reason_ends_the_miss_and_another_reason_goes_on_by_its_own_interval():
    both = [{**METHOTREXATE, "start": -60}, {"drug": "rituximab", "dose": 1000, "frequency": "once", "start": -60}]
    facts = {"observations": labs(-50, "white_cells")}
    assert assess("blood_count", medications=both, **facts)["state"] == "met"
    stopped = [{**both[0], "end": -1}, both[1]]
    row = assess("blood_count", medications=stopped, **facts)
    assert (row["state"], row["treatment"], row["interval_days"]) == ("not_met", "rituximab", 84)


@pytest.mark.parametrize(
    ("start", "until", "due_state", "state"),
    [
        (-40, -30, "overdue", "met"),
        (-30, -1, "overdue", "met"),  # nothing was taken while it was paused: the test is still missed
        (-10, 0, "paused", "not_met"),
        (-10, 3, "paused", "not_met"),
    ],
)
def test_a_pause_holds_while_it_lasts_and_forgives_nothing(start, until, due_state, state):
    pauses = [{"test": "ck", "reason": "travelling", "start": start, "until": until}]
    row = assess(observations=labs(-70, "ck"), medications=[PREDNISONE], pauses=pauses)
    assert (row["due_state"], row["state"]) == (due_state, state)
    assert row["due"].date() == AS_OF - dt.timedelta(days=28)


def small(last, **more):
    """A sender of few results: on seven days of a year, five days apart as a rule."""
    return {**feed(last, 14), "delivery_days": 7, "median_gap": 5, "patients_waiting": 5, **more}


@pytest.mark.parametrize(
    ("feeds", "state"),
    [
        ([small(-21)], "cannot_tell"),
        ([small(-20)], "met"),  # more than four times its gap, but not three weeks
        ([small(-24, median_gap=6)], "met"),  # not yet more than four times its gap
        ([small(-25, median_gap=6)], "cannot_tell"),
        ([small(-21, patients_waiting=4)], "met"),
        ([small(-21, delivery_days=4)], "met"),
        ([small(-21), small(-2, sender="other")], "met"),
        ([small(-21), feed(-2, 40, "large laboratory")], "met"),
    ],
)
def test_a_sender_of_few_results_is_judged_by_its_own_rhythm(feeds, state):
    assert assess(observations=labs(-60, "ck"), medications=[PREDNISONE], feeds=feeds)["state"] == state


LEFLUNOMIDE = {"drug": "leflunomide", "dose": 20, "unit": "mg", "start": "2026-01-10"}


def test_leflunomide_asks_for_blood_count_liver_kidney_blood_pressure_and_weight():
    day = dt.date(2026, 11, 28)
    for test in ("blood_count", "creatinine", "albumin", "blood_pressure", "weight"):
        row = assess(test, as_of=day, medications=[LEFLUNOMIDE])
        assert (row["state"], row["due"].date(), row["interval_days"]) == ("met", dt.date(2026, 1, 24), 14)
    measured = [{"measure": "alt", "value": 180, "upper_limit": 40, "day": "2026-11-20"}]
    row = assess("transaminases", as_of=day, medications=[LEFLUNOMIDE], observations=measured)
    assert (row["state"], row["interval_days"]) == ("not_met", 91)


def test_the_eyes_are_looked_at_yearly_after_five_years_of_hydroxychloroquine_and_an_examination_counts():
    drug = {"drug": "hydroxychloroquine", "dose": 200, "unit": "mg", "start": -1900}
    seen = [{"event": "eye_examination", "day": -400}]
    assert assess("eye_examination", medications=[drug], events=seen)["due_state"] == "overdue"
    assert assess("eye_examination", medications=[drug], events=[*seen, {"event": "eye_examination", "day": -30}])[
        "due"
    ].date() == AS_OF + dt.timedelta(days=335)
    refused = [*seen, {"event": "eye_examination", "day": -30, "present": "no"}]
    assert assess("eye_examination", medications=[drug], events=refused)["state"] == "met"


def test_under_long_steroid_treatment_glucose_and_blood_pressure_are_asked_for_where_a_site_wants_it():
    assert assess("glucose", medications=[PREDNISONE]) is None
    wanted = Parameters(steroid_tests="yes")
    assert assess("glucose", medications=[PREDNISONE], parameters=wanted)["state"] == "met"
    assert assess("blood_pressure", medications=[PREDNISONE], parameters=wanted)["interval_days"] == 91
    short = {**PREDNISONE, "start": -60}
    assert assess("glucose", medications=[short], parameters=wanted)["due_state"] == "never_measured"
    hba1c = [{"measure": "hba1c", "value": 5.5, "day": -10}]
    assert assess("glucose", medications=[PREDNISONE], observations=hba1c, parameters=wanted)["due_state"] == "not_due"


# ------------------------------------------------------------------------------------------------ conditions on record

LUNG = {"event": "interstitial_lung_disease", "day": -400}


def test_lung_disease_asks_for_lung_function_whatever_is_taken_and_less_often_after_a_year():
    old = [{"measure": "fvc_percent", "value": 70, "unit": "%", "day": -189}]
    in_first_year = assess("fvc", observations=old, events=[{**LUNG, "day": -200}])
    assert (in_first_year["state"], in_first_year["interval_days"]) == ("not_met", 182)
    later = assess("fvc", observations=old, events=[{**LUNG, "day": -800}])
    assert (later["due_state"], later["interval_days"]) == ("not_due", 364)
    assert assess("fvc", observations=old) is None
    never = assess("dlco", events=[{**LUNG, "day": -190}])
    assert (never["due_state"], never["state"]) == ("never_measured", "met")
    assert "on record since" in RULE.explain(never, PARAMETERS)


def test_a_condition_that_somebody_took_back_asks_no_more_and_begins_anew_when_it_comes_back():
    gone = {**LUNG, "day": -10, "present": "no"}
    assert assess("fvc", events=[LUNG, gone]) is None
    back = assess("fvc", events=[LUNG, gone, {**LUNG, "day": -3}])
    assert back["due"].date() == AS_OF + dt.timedelta(days=179)


def test_a_new_difficulty_swallowing_asks_for_an_assessment_within_two_weeks_once_it_was_done_half_a_year_later():
    trouble = [{"event": "dysphagia", "day": -22}]
    row = assess("swallowing", events=trouble)
    assert (row["state"], row["due"].date()) == ("met", AS_OF - dt.timedelta(days=8))
    assert "within 14 days of difficulty swallowing" in RULE.explain(row, PARAMETERS)
    assert assess("swallowing", events=[{"event": "dysphagia", "day": -21}])["state"] == "not_met"
    done = assess("swallowing", events=[*trouble, {"event": "swallow_assessment", "day": -15}])
    assert (done["due_state"], done["interval_days"]) == ("not_due", 182)
    not_done = assess("swallowing", events=[*trouble, {"event": "swallow_assessment", "day": -15, "present": "no"}])
    assert not_done["state"] == "met"


def test_a_symptom_without_an_end_asks_for_ninety_days():
    assert assess("swallowing", events=[{"event": "dysphagia", "day": -90}]) is not None
    assert assess("swallowing", events=[{"event": "dysphagia", "day": -91}]) is None
    assert (
        assess("swallowing", events=[{"event": "dysphagia", "day": -91}, {"event": "dysphagia", "day": -1}]) is not None
    )


def test_a_breathing_test_is_asked_for_once_at_symptoms_and_either_kind_does():
    trouble = [{"event": "dyspnoea", "day": -22}]
    assert assess("breathing", events=trouble)["state"] == "met"
    done = [{"measure": "nif", "value": 60, "unit": "cm[H2O]", "day": -10}]
    assert assess("breathing", events=trouble, observations=done) is None


def test_growth_is_asked_of_children_only_and_ends_with_the_eighteenth_birthday():
    taken = [{**PREDNISONE, "start": -400}]
    height = [{"measure": "height", "value": 130, "unit": "cm", "day": -200}]
    facts = {"observations": height, "medications": taken}
    row = assess("growth", patients=[{"mrn": "P1", "birth_date": "2017-01-01"}], **facts)
    assert (row["state"], row["severity"]) == ("met", "watch")
    assert assess("growth", patients=[{"mrn": "P1", "birth_date": "2008-11-22"}], **facts) is None
    assert RULE.ages(PARAMETERS) == (18,)


def test_hepatitis_b_core_antibody_asks_for_liver_tests_under_rituximab_where_it_is_positive():
    infusion = [{"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -120}]
    for value, state in ((1, "met"), (0, None)):
        core = [{"measure": "anti_hbc", "value": value, "day": -150}]
        row = assess("transaminases", observations=core, medications=infusion)
        assert (None if row is None else row["state"]) == state


def test_lipids_under_ciclosporin_are_asked_for_after_a_month_and_then_yearly():
    taken = [{"drug": "ciclosporin", "dose": 100, "start": -40}]
    assert assess("lipids", medications=taken)["due"].date() == AS_OF - dt.timedelta(days=12)
    done = [{"measure": "cholesterol", "value": 180, "day": -10}]
    assert assess("lipids", medications=taken, observations=done)["interval_days"] == 364


def test_an_egfr_counts_as_a_creatinine():
    egfr = [{"measure": "egfr", "value": 80, "day": -5}]
    assert assess("creatinine", observations=egfr, medications=[METHOTREXATE])["state"] == "not_met"


def test_no_number_from_memory_is_asked_for_whatever_is_switched_on():
    everything = Parameters(steroid_tests="yes")
    taken = [{**PREDNISONE, "start": -800}, {"drug": "dapsone", "dose": 100, "start": -800}]
    assert assess("glucose", medications=taken, parameters=everything)["state"] == "met"
    assert assess("eye_examination", medications=taken, parameters=everything) is None
    assert assess("blood_count", medications=taken, parameters=everything) is None


def test_without_the_safety_tests_of_drugs_a_condition_still_asks():
    none = Parameters(drug_profile="none")
    assert assess("fvc", events=[LUNG], parameters=none) is not None
    assert assess("blood_count", medications=[METHOTREXATE], parameters=none) is None

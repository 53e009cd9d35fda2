"""Worse without a strength score, told by commands alone: what opens an alert, and what ends it."""

from tests.stories.conftest import Clinic, cmas, drug, event, observation

RULE = "worsening"


def test_a_flare_reported_by_telephone_opens_a_call_back_that_the_next_visit_ends(clinic: Clinic) -> None:
    clinic.load(patients=[{"mrn": "1", "diagnosis": "JDM"}], observations=[cmas("1", 48, -40)])
    clinic.evaluate(-4)
    clinic.load(events=[event("1", "flare_reported", -3)])
    clinic.evaluate(-3)
    opened = next(one for one in clinic.alerts() if one["rule"] == RULE)
    assert opened["severity"] == "action"
    assert "flare reported" in opened["explanation"]
    clinic.load(observations=[observation("1", "chaq", 0.5, -2)])
    clinic.evaluate(-2)
    assert any(one["rule"] == RULE for one in clinic.alerts()), "a questionnaire from home is no visit"
    clinic.load(observations=[cmas("1", 48, -1)])
    clinic.evaluate(-1)
    assert not any(one["rule"] == RULE for one in clinic.alerts())


def test_a_flare_nobody_looked_at_is_not_over_because_two_weeks_have_passed(clinic: Clinic) -> None:
    clinic.load(patients=[{"mrn": "1", "diagnosis": "DM"}], events=[event("1", "flare_reported", -20)])
    clinic.evaluate(-10)
    assert [one["rule"] for one in clinic.alerts()] == [RULE]
    clinic.evaluate(0)
    assert [one["rule"] for one in clinic.alerts()] == [RULE]
    assert clinic.answers(0, RULE)["1", "patient"]["state"] == "cannot_tell"


def test_a_global_that_stays_up_stays_worse_although_it_is_the_patients_own_mean_by_now(clinic: Clinic) -> None:
    visits = [(-150, 1), (-120, 4), (-90, 4), (-60, 4), (-30, 4)]
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "DM"}],
        observations=[observation("1", "physician_global", value, on) for on, value in visits],
    )
    answer = clinic.answers(0, RULE)["1", "patient"]
    assert (answer["state"], answer["since"]) == ("met", "2024-11-16")
    clinic.load(observations=[observation("1", "physician_global", 2, 0)])
    assert clinic.answers(0, RULE)["1", "patient"]["state"] == "not_met"


def test_a_rash_is_new_only_to_whom_somebody_knew_before(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "new", "diagnosis": "DM"}, {"mrn": "known", "diagnosis": "DM"}],
        observations=[observation("new", "physician_global", 6, -3)],
        medications=[drug("known", "methotrexate", 15, -200, frequency="weekly")],
        events=[event("new", "rash", -3), event("known", "rash", -3)],
    )
    states = {mrn: one["state"] for (mrn, _), one in clinic.answers(0, RULE).items()}
    assert states == {"new": "not_met", "known": "met"}
    clinic.load(events=[event("known", "rash", 0, present="no")])
    assert clinic.answers(0, RULE)["known", "patient"]["state"] == "not_met"

"""Immunoglobulin as a trial, told by commands alone: planned, judged, made less."""

from typing import Any

from tests.stories.conftest import Clinic, drug, observation

RULE = "ivig-trial"
IVIG = {"unit": "g/kg", "frequency": "every-4-weeks", "route": "iv"}


def keys(suggestion: Any) -> dict[str, list[str]]:
    return {one["key"]: [option["key"] for option in one["options"]] for one in suggestion["suggestions"]}


def test_a_trial_is_judged_after_sixteen_weeks_and_made_less_after_twenty_eight(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "DM", "birth_date": "1980-01-01"}],
        observations=[observation("1", "mmt8", 60, -2)],
        medications=[drug("1", "ivig", 2, 0, **IVIG), drug("1", "methotrexate", 20, -200, frequency="weekly")],
    )
    planned = clinic.answers(20, RULE)["1", "response"]
    assert (planned["state"], planned["due"]) == ("not_met", "2025-07-06")
    late = clinic.answers(112, RULE)["1", "response"]
    assert (late["state"], late["severity"], late["since"]) == ("met", "watch", "2025-07-06")
    clinic.load(observations=[observation("1", "mmt8", 61, 110)])
    nothing = clinic.answers(112, RULE)["1", "response"]
    assert (nothing["state"], nothing["severity"]) == ("met", "action")
    assert "rituximab" in keys(clinic.suggest("1", 112))["review-ivig-trial"]
    clinic.load(observations=[observation("1", "mmt8", 78, 140)])
    assert clinic.answers(141, RULE)["1", "response"]["state"] == "not_met"
    clinic.load(observations=[observation("1", "mmt8", 78, 195)])
    less = clinic.answers(196, RULE)["1", "response"]
    assert (less["state"], less["severity"], less["since"]) == ("met", "watch", "2025-09-28")
    assert "lower-dose" in keys(clinic.suggest("1", 196))["review-ivig-trial"]

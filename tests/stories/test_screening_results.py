"""What a screen found, told by commands alone: the alert, the list of options, and what ends it."""

from typing import Any

from tests.stories.conftest import Clinic, drug, event, laboratory, observation

RULE = "screening-result"
WOMAN = {"mrn": "1", "diagnosis": "DM", "sex": "female", "birth_date": "1990-05-05"}


def screen(measure: str, value: object, offset: int, unit: str = "", **more: object) -> dict[str, object]:
    return observation("1", measure, value, offset, unit=unit, **more)


def active() -> list[dict[str, Any]]:
    return [screen("mmt8", 50, -3), laboratory("1", "ck", 4000, -3, 200)]


def options(suggestion: Any, key: str) -> list[str]:
    return next([option["key"] for option in one["options"]] for one in suggestion["suggestions"] if one["key"] == key)


def test_absent_tpmt_takes_azathioprine_off_the_list_before_anybody_orders_it(clinic: Clinic) -> None:
    clinic.load(patients=[WOMAN], observations=[*active(), screen("tpmt", 2, -30, "U/mL{RBCs}")])
    answer = clinic.answers(0, RULE)["1", "tpmt"]
    assert (answer["state"], answer["severity"]) == ("met", "action")
    said = clinic.suggest("1")
    assert "azathioprine" not in options(said, "start-first-line-treatment")
    assert any(one["key"] == "heed-screening-result" for one in said["safety"])
    clinic.load(medications=[drug("1", "azathioprine", 150, 0)])
    assert clinic.answers(0, RULE)["1", "tpmt"]["severity"] == "urgent"


def test_hepatitis_b_sent_as_a_number_matters_before_and_under_rituximab_and_until_it_acts_no_longer(
    clinic: Clinic,
) -> None:
    clinic.load(patients=[WOMAN], observations=[screen("anti_hbc", 8.2, -400, "S/CO", upper_limit=1)])
    assert clinic.answers(0, RULE)["1", "anti_hbc"]["state"] == "not_met"
    clinic.load(medications=[drug("1", "rituximab", 1000, 0, frequency="once", route="iv")])
    assert clinic.answers(0, RULE)["1", "anti_hbc"]["severity"] == "urgent"
    assert clinic.answers(274, RULE)["1", "anti_hbc"]["severity"] == "urgent"
    assert clinic.answers(275, RULE)["1", "anti_hbc"]["state"] == "not_met"
    missing = clinic.answers(0, "missing-safety-screen")
    assert ("1", "rituximab:hepatitis_b_core_antibody") not in missing
    assert ("1", "rituximab:hepatitis_b_surface_antigen") in missing


def test_a_pregnancy_under_methotrexate_is_for_today_and_is_over_with_a_negative_test(clinic: Clinic) -> None:
    clinic.load(
        patients=[WOMAN],
        medications=[drug("1", "methotrexate", 15, -100, frequency="weekly")],
        events=[event("1", "pregnancy_test", -1, detail="positive")],
    )
    clinic.evaluate(0)
    assert next(one for one in clinic.alerts() if one["rule"] == RULE)["severity"] == "urgent"
    clinic.load(events=[event("1", "pregnancy_test", 1, detail="negative")])
    clinic.evaluate(1)
    assert not any(one["rule"] == RULE for one in clinic.alerts())

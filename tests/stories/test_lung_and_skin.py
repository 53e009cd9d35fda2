"""Skin and lung, asked through import and evaluate: what is worse, what is not, and what is urgent."""

import pytest

from tests.stories.conftest import Clinic, day, event, observation


def lung(mrn: str, value: object, offset: int, measure: str = "fvc_percent") -> dict[str, object]:
    """A test of lung function as a share of predicted."""
    return observation(mrn, measure, value, offset, unit="%")


def skin(mrn: str, value: object, offset: int) -> dict[str, object]:
    """A CDASI activity score."""
    return observation(mrn, "cdasi_activity", value, offset)


def test_a_fall_of_lung_function_is_an_alert_for_this_week_and_no_patient_is_called_stable_beside_it(
    clinic: Clinic,
) -> None:
    steady = [observation("2", "mmt8", 80), observation("2", "ck", 100, unit="U/L", upper_limit=200)]
    clinic.load(
        patients=[{"mrn": mrn, "diagnosis": "ASYS", "birth_date": "1970-02-03"} for mrn in ("1", "2")],
        observations=[lung("1", 80, -200), lung("1", 72.1, 0), lung("2", 80, -200), lung("2", 72, 0), *steady],
    )
    answers = clinic.answers(0, "lung-function")
    assert {who: one["state"] for (who, _), one in answers.items()} == {"1": "not_met", "2": "met"}
    found = answers["2", "fvc_percent"]
    assert (found["severity"], found["grade"], found["since"]) == ("action", "possible", day(0))
    assert {fact["value"] for fact in found["evidence"]} == {80, 72}
    assert clinic.suggest("2")["state"] != "stable"


def test_a_value_no_lung_has_is_held_back_and_decides_nothing(clinic: Clinic) -> None:
    clinic.load(patients=[{"mrn": "1"}], observations=[lung("1", 80, -200), lung("1", 81, -90), lung("1", 2, 0)])
    assert clinic.answers(0, "lung-function")["1", "fvc_percent"]["state"] == "not_met"
    assert ("1", "doubtful-value", "fvc_percent") in clinic.met()


@pytest.mark.parametrize(("value", "refused"), [(100, False), (101, True), (-1, True)])
def test_a_skin_score_out_of_its_range_is_refused(clinic: Clinic, value: int, refused: bool) -> None:
    counts = clinic.load(patients=[{"mrn": "1"}], observations=[skin("1", value, 0)], code=1 if refused else 0)
    assert counts["total"]["rejected"] == (1 if refused else 0)


def test_skin_that_is_worse_is_said_and_skin_that_came_back_is_not(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "DM"}, {"mrn": "2", "diagnosis": "DM"}],
        observations=[skin("1", 8, -90), skin("1", 14, 0), skin("2", 8, -90), skin("2", 14, -30), skin("2", 9, 0)],
        events=[event("1", "rash", 0)],
    )
    answers = clinic.answers(0, "skin-activity")
    assert {who: (one["state"], one["severity"]) for (who, _), one in answers.items()} == {
        "1": ("met", "watch"), "2": ("not_met", None),
    }  # fmt: skip


def with_antibody(mrn: str, antibody: str, diagnosed: int = -100, **more: object) -> dict[str, object]:
    """A patient of 50 years with an antibody."""
    return {
        "mrn": mrn, "diagnosis": "ADM", "birth_date": "1975-02-03", "diagnosed_on": day(diagnosed),
        "autoantibodies": antibody, **more,
    }  # fmt: skip


def test_anti_mda5_with_shortness_of_breath_stands_first_and_leads_to_early_combination_treatment(
    clinic: Clinic,
) -> None:
    clinic.load(
        patients=[with_antibody("1", "anti-MDA5"), with_antibody("2", "Jo-1"), {"mrn": "3", "diagnosis": "DM"}],
        observations=[observation("3", "cmas", 40, -14), observation("3", "cmas", 30, 0), lung("1", 92, -1)],
        events=[event("1", "dyspnoea", 0), event("2", "rash", 0)],
    )
    clinic.evaluate()
    first = clinic.alerts()[0]
    assert (first["mrn"], first["severity"]) == ("1", "urgent")
    assert ("1", "mda5-lung-disease") in {(one["mrn"], one["rule"]) for one in clinic.alerts()}
    card = {one["key"]: one for one in clinic.suggest("1")["suggestions"]}["treat-mda5-lung-disease"]
    assert (card["status"], card["urgency"]) == ("ready", "urgent")
    assert {"calcineurin-inhibitor", "triple", "rescue", "no-change"} <= {one["key"] for one in card["options"]}
    assert "chest CT (high resolution)" in card["collect_first"]
    assert {source["id"] for source in card["sources"]} == {"MEDRA5-2020", "ACR-ILD-TREAT-2023"}
    assert "treat-mda5-lung-disease" not in {one["key"] for one in clinic.suggest("2")["suggestions"]}


def test_with_fever_an_infection_is_looked_for_before_the_lung_is_treated(clinic: Clinic) -> None:
    clinic.load(
        patients=[with_antibody("1", "MDA5")],
        events=[event("1", "dyspnoea", 0), event("1", "fever", 0)],
        medications=[
            {"mrn": "1", "drug": "tacrolimus", "dose": 2, "unit": "mg", "frequency": "daily", "start_date": day(-20)}
        ],
    )
    card = {one["key"]: one for one in clinic.suggest("1")["suggestions"]}["treat-mda5-lung-disease"]
    assert card["status"] == "pending"
    assert "infection" in card["collect_first"][0]
    assert "calcineurin-inhibitor" not in {one["key"] for one in card["options"]}


def test_looking_for_lung_disease_is_one_alert_that_ends_when_it_was_done(clinic: Clinic) -> None:
    clinic.load(patients=[with_antibody("1", "PL7"), with_antibody("2", "MI2")])
    answers = clinic.answers(0, "lung-screening")
    assert {who: (one["state"], one["severity"]) for (who, _), one in answers.items()} == {"1": ("met", "watch")}
    clinic.load(
        events=[event("1", "chest_ct", -5)],
        observations=[lung("1", 90, -5), lung("1", 80, -5, measure="dlco_percent")],
    )
    assert clinic.answers(0, "lung-screening")["1", "lung"]["state"] == "not_met"

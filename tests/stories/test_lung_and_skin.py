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

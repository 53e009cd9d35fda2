"""Inclusion body myositis, told by commands alone: its own follow-up, and no call for immunosuppression."""

from tests.stories.conftest import Clinic, event, laboratory, observation

RULE = "inclusion-body-follow-up"


def test_follow_up_is_due_until_each_question_has_an_answer_and_a_fall_is_for_this_week(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "IBM", "diagnosed_on": "2023-01-01", "birth_date": "1950-01-01"}],
        observations=[observation("1", "mmt8", 50, -3), laboratory("1", "ck", 3000, -3, 200)],
    )
    assert clinic.met(0) == {("1", RULE, "follow-up")}
    said = clinic.suggest("1")
    assert "nflammatory" not in said["phenotype"]["title"]
    clinic.load(
        observations=[observation("1", "fvc_percent", 80, 0, unit="%")],
        events=[event("1", "dysphagia", 0, present="no"), event("1", "fall", 0, present="no")],
    )
    assert clinic.met(0) == set()
    clinic.load(events=[event("1", "fall", 10)])
    assert clinic.met(10) == {("1", RULE, "fall")}
    assert clinic.answers(10, RULE)["1", "fall"]["severity"] == "action"

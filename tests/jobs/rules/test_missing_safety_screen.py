"""Screens that have to be there before a drug."""

from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules.missing_safety_screen import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames


def states(*medications: dict[str, Any], parameters: Parameters | None = None, **facts: Any) -> dict[str, str]:
    panel = frames(medications=medications, **facts)
    rows = on_frames(RULE, panel, AS_OF, parameters or Parameters()).to_dict("records")
    assert len({row["subject"] for row in rows}) == len(rows)
    return {row["subject"]: row["state"] for row in rows}


def taken(drug: str, start: int = -20, dose: float = 10) -> dict[str, Any]:
    return {"drug": drug, "dose": dose, "start": start}


def result(measure: str, day: int, value: float = 0, **more: Any) -> dict[str, Any]:
    return {"measure": measure, "value": value, "day": day, **more}


BEFORE_METHOTREXATE = [result(measure, -30, 1) for measure in ("white_cells", "alt", "creatinine")] + [
    result(measure, -30) for measure in ("hbsag", "anti_hbc", "anti_hcv")
]


def test_methotrexate_asks_for_its_screens_from_the_first_day() -> None:
    wanted = {
        "blood_count", "transaminases", "creatinine", "hepatitis_b_surface_antigen", "hepatitis_b_core_antibody",
        "hepatitis_c_antibody", "chest_x_ray", "vaccines",
    }  # fmt: skip
    found = states(taken("methotrexate", 0))
    assert found == {f"methotrexate:{screen}": MET for screen in wanted}


def test_nothing_is_said_when_everything_is_there() -> None:
    events = [{"event": "chest_x_ray", "day": -40}, {"event": "vaccines_updated", "day": -40}]
    assert states(taken("methotrexate"), observations=BEFORE_METHOTREXATE, events=events) == {}


@pytest.mark.parametrize(
    ("day", "missing"),
    [(-110, False), (-111, True), (-5, False)],
    ids=["in time", "too old", "later is better than never"],
)
def test_a_result_holds_for_as_long_as_the_table_says(day: int, missing: bool) -> None:
    found = states(taken("methotrexate"), observations=[result("creatinine", day, 0.8)])
    assert ("methotrexate:creatinine" in found) is missing


def test_tpmt_is_measured_once_in_a_life() -> None:
    assert "azathioprine:tpmt" in states(taken("azathioprine"))
    assert "azathioprine:tpmt" not in states(taken("azathioprine"), observations=[result("tpmt", -3000, 30)])


@pytest.mark.parametrize(("start", "expected"), [(-365, MET), (-366, CANNOT_TELL)])
def test_for_a_drug_taken_long_the_screen_may_lie_in_older_records(start: int, expected: str) -> None:
    assert states(taken("azathioprine", start))["azathioprine:tpmt"] == expected


def test_a_drug_that_ended_asks_for_nothing() -> None:
    assert states({**taken("azathioprine"), "end": -2}) == {}


def test_rituximab_asks_for_hepatitis_and_immunoglobulin_while_it_acts() -> None:
    found = states({"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -100})
    assert found["rituximab:hepatitis_b_surface_antigen"] == MET
    assert found["rituximab:igg"] == MET


def test_screens_without_a_seen_source_are_off_as_shipped() -> None:
    rituximab = {"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -100}
    assert "rituximab:hepatitis_c_antibody" not in states(rituximab)
    assert "rituximab:hepatitis_c_antibody" in states(rituximab, parameters=Parameters(include_unverified="yes"))


def test_screens_wanted_at_risk_or_by_site_are_off_as_shipped() -> None:
    assert "azathioprine:hepatitis_b_surface_antigen" not in states(taken("azathioprine"))
    found = states(taken("azathioprine"), parameters=Parameters(include_if_risk="yes"))
    assert found["azathioprine:hepatitis_b_surface_antigen"] == MET


def test_vaccines_are_asked_for_once_and_not_for_a_steroid_alone() -> None:
    assert states(taken("prednisone", -20, 10)) == {}
    found = states(taken("azathioprine", -30), taken("methotrexate", -20))
    assert [subject for subject in found if subject.endswith(":vaccines")] == ["azathioprine:vaccines"]


def test_a_screen_recorded_as_not_possible_is_not_asked_for() -> None:
    undone = result("tpmt", -5, 0, status="not-done", reason="laboratory does not offer it")
    assert "azathioprine:tpmt" not in states(taken("azathioprine"), observations=[undone])


def test_a_screen_wanted_within_a_year_is_not_missing_before() -> None:
    eyes = "hydroxychloroquine:eye_examination"
    assert states(taken("hydroxychloroquine", -365))[eyes] == NOT_MET
    late = states(taken("hydroxychloroquine", -366), parameters=Parameters(started_within_days=700))
    assert late[eyes] == MET


def test_what_can_kill_is_for_this_week() -> None:
    rows = on_frames(RULE, frames(medications=[taken("azathioprine")]), AS_OF, Parameters()).to_dict("records")
    assert {row["subject"]: row["severity"] for row in rows if row["severity"] == "action"} == {
        "azathioprine:tpmt": "action"
    }


MYCOPHENOLATE = {"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -500}


def asked_about_pregnancy(*, drug=MYCOPHENOLATE, patient=None, **facts):
    who = {"mrn": "1", "sex": "female", "age_years": 30, **(patient or {})}
    built = frames(AS_OF, patients=[who], medications=[drug], **facts)
    rows = on_frames(RULE, built, AS_OF, Parameters()).to_dict("records")
    return [row for row in rows if row["subject"].endswith(":pregnancy")]


@pytest.mark.parametrize(
    "drug",
    [
        MYCOPHENOLATE,
        {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -10},
        {"drug": "leflunomide", "dose": 20, "start": -900},
        {"drug": "cyclophosphamide", "dose": 500, "frequency": "every-4-weeks", "route": "iv", "start": -20},
    ],
)
def test_pregnancy_is_asked_about_where_nothing_is_on_file_however_long_the_drug_has_been_taken(drug):
    (row,) = asked_about_pregnancy(drug=drug)
    assert (row["state"], row["severity"]) == ("met", "watch")
    assert "nothing on file" in RULE.explain(row, Parameters())
    assert RULE.suggested_action(row, Parameters()).startswith("ask about pregnancy")


@pytest.mark.parametrize(
    "facts",
    [
        {"events": [{"event": "pregnancy_possible", "day": -100, "present": "no"}]},
        {"events": [{"event": "pregnancy_possible", "day": -100}]},  # drug-safety looks at protection
        {"events": [{"event": "contraception", "day": -900}]},
        {"events": [{"event": "pregnancy_test", "day": -20}]},
        {"observations": [{"measure": "hcg", "value": 0, "day": -20}]},
        {"patient": {"sex": "male"}},
        {"patient": {"sex": "unknown"}},
        {"patient": {"age_years": 11}},
        {"patient": {"age_years": 51}},
        {"drug": {"drug": "azathioprine", "dose": 150, "start": -10}},
    ],
)
def test_pregnancy_is_not_asked_about_where_it_was_spoken_of_or_cannot_be(facts):
    assert asked_about_pregnancy(**facts) == []


def test_pregnancy_is_asked_about_from_the_birthday_on_and_the_rule_names_its_ages():
    assert len(asked_about_pregnancy(patient={"age_years": 12})) == 1
    assert len(asked_about_pregnancy(patient={"age_years": 50})) == 1
    assert RULE.ages(Parameters()) == (12, 51)

"""The search for cancer: risk by subtype, antibody and features; what is due; one alert a patient, and no flood."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.cancer_risk import HIGH, MODERATE, STANDARD
from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, WATCH, Answer
from jobs.rules.cancer_screening import RULE, Parameters
from models.patient_facts import day_number
from models.states import Cause
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]
WOMAN = {
    "mrn": "1",
    "diagnosis": "ASYS",
    "autoantibodies": "JO1",
    "age_years": 35,
    "sex": "female",
    "diagnosed_day": -200,
}


def answered(observations: Sequence[Row] = (), events: Sequence[Row] = (), **patient: Any) -> Answer | None:
    built = frames(AS_OF, patients=[{**WOMAN, **patient}], observations=observations, events=events)
    return next(iter(RULE.assess(patients_of(built)[1], TODAY, P)), None)


def of(found: Answer | None) -> Answer:
    assert found is not None
    return found


def done(day: int, *names: str) -> list[Row]:
    return [{"event": name, "day": day} for name in names]


ALL = done(-190, "cancer_screening")


@pytest.mark.parametrize(
    ("patient", "events", "risk"),
    [
        ({}, [], STANDARD),
        ({"sex": "male"}, [], STANDARD),
        ({"age_years": 60}, [], MODERATE),
        ({"age_years": 41.2}, [], STANDARD),  # 40 at the diagnosis is not above 40
        ({"age_years": 41.8}, [], MODERATE),
        ({"diagnosis": "DM", "autoantibodies": "MI2"}, [], MODERATE),
        ({"diagnosis": "DM", "autoantibodies": "MI2", "age_years": 60}, [], HIGH),
        ({"diagnosis": "DM", "autoantibodies": "NXP2"}, [], HIGH),
        ({"diagnosis": "PM", "autoantibodies": "SRP"}, [], STANDARD),
        ({"diagnosis": "PM", "autoantibodies": "SRP", "sex": "male"}, [], MODERATE),
        ({"diagnosis": "IMNM", "autoantibodies": "HMGCR"}, [], MODERATE),
        ({"diagnosis": "IMNM", "autoantibodies": "HMGCR"}, done(-100, "dysphagia"), MODERATE),
        ({"diagnosis": "IMNM", "autoantibodies": "HMGCR", "age_years": 60}, done(-100, "dysphagia"), HIGH),
        ({"diagnosis": "DM", "autoantibodies": "MI2"}, done(-100, "skin_ulcers"), HIGH),
        (
            {"diagnosis": "DM", "autoantibodies": "MI2"},
            [{"event": "dysphagia", "day": -100, "present": "no"}],
            MODERATE,
        ),
    ],
)
def test_two_high_factors_make_the_risk_high_and_one_or_two_moderate_ones_moderate(
    patient: Row, events: Sequence[Row], risk: str
) -> None:
    assert of(answered(events=events, **patient)).numbers["risk"] == risk


@pytest.mark.parametrize(
    "patient",
    [
        {"diagnosis": "JDM", "autoantibodies": "TIF1G", "age_years": 30},
        {"diagnosis": "IBM"},
        {"diagnosis": "ICI_MYOSITIS"},
        {"diagnosis": "DM", "age_years": 18.2},  # 17 at the diagnosis
        {"diagnosed_day": -(3 * 365 + 183)},
    ],
)
def test_who_is_not_screened_has_no_answer(patient: Row) -> None:
    assert answered(**patient) is None


def test_a_known_cancer_ends_the_search() -> None:
    found = of(answered(events=done(-10, "cancer"), diagnosis="DM", autoantibodies="TIF1G", age_years=60))
    assert found.state == NOT_MET
    assert RULE.explain(found.cells(), P) == "No search for a cancer is asked for: a cancer is on file."


@pytest.mark.parametrize(
    ("sex", "wanted"),
    [
        ("female", {"cervical screening", "mammography", "CA-125", "pelvic ultrasound"}),
        ("male", {"PSA"}),
        ("unknown", set()),
    ],
)
def test_what_goes_by_sex_is_asked_for_by_sex(sex: str, wanted: set[str]) -> None:
    found = of(answered(diagnosis="DM", autoantibodies="TIF1G", age_years=60, sex=sex))
    said = set(found.numbers["said"].split(", "))
    by_sex = {"cervical screening", "mammography", "CA-125", "pelvic ultrasound", "PSA"}
    assert said & by_sex == wanted
    assert "faecal occult blood" in said
    assert ("sex" in found.numbers["missing"]) == (sex == "unknown")


def test_standard_risk_asks_for_the_basic_panel_once_and_never_again() -> None:
    found = of(answered())
    assert found.numbers["said"] == (
        "blood count, liver tests, ESR or CRP, protein electrophoresis, urinalysis, chest X-ray"
    )
    old = [{"event": "cancer_screening", "day": -900}]
    assert of(answered(events=old, diagnosed_day=-900)).state == NOT_MET


@pytest.mark.parametrize(
    ("diagnosed", "last", "state"),
    [
        (-424, -400, NOT_MET),  # the second round is due since 59 days
        (-425, -400, NOT_MET),
        (-426, -400, MET),
        (-426, -244, MET),  # 182 days before its day is 243 days ago
        (-426, -243, NOT_MET),
        (-800, -200, NOT_MET),
        (-800, -300, MET),
        (-1095 - 61, -900, MET),
        (-1095 - 61, -100, NOT_MET),
    ],
)
def test_high_risk_asks_for_the_basic_panel_each_year(diagnosed: int, last: int, state: str) -> None:
    enhanced = done(diagnosed + 10, "cancer_screening")
    found = of(
        answered(
            events=[*enhanced, *done(last, "cancer_screening")],
            diagnosis="DM", autoantibodies="TIF1G", age_years=70, diagnosed_day=diagnosed,
        )
    )  # fmt: skip
    assert found.state == state
    if state == MET:
        assert found.severity == WATCH
        assert "CT of neck" not in found.numbers["said"]


def test_only_high_risk_that_nobody_began_to_search_in_the_first_year_is_for_this_week() -> None:
    dm = {"diagnosis": "DM", "autoantibodies": "TIF1G", "age_years": 60}
    assert of(answered(**dm)).severity == ACTION
    assert of(answered(events=done(-100, "mammography"), **dm)).severity == WATCH
    assert of(answered(**{**dm, "diagnosed_day": -366})).severity == WATCH
    assert of(answered()).severity == WATCH


@pytest.mark.parametrize(("day", "state"), [(-60, NOT_MET), (-61, MET)])
def test_there_are_two_months_from_the_diagnosis_on(day: int, state: str) -> None:
    assert of(answered(diagnosed_day=day)).state == state


def test_what_was_done_in_the_year_before_the_diagnosis_counts() -> None:
    assert of(answered(events=done(-565, "cancer_screening"))).state == NOT_MET
    assert of(answered(events=done(-566, "cancer_screening"))).state == MET


@pytest.mark.parametrize(
    ("patient", "missing"),
    [
        ({"autoantibodies": ""}, "a myositis-specific antibody"),
        ({"autoantibodies": "RO52"}, "a myositis-specific antibody"),
        ({"age_years": None, "birth_date": ""}, "birth date"),
        ({"diagnosis": "UNSPECIFIED"}, "subtype"),
    ],
)
def test_where_what_is_missing_could_raise_the_risk_it_cannot_be_told(patient: Row, missing: str) -> None:
    who = {key: value for key, value in {**WOMAN, **patient}.items() if value is not None}
    built = frames(AS_OF, patients=[who], events=ALL)
    found = of(next(iter(RULE.assess(patients_of(built)[1], TODAY, P)), None))
    assert (found.state, found.cause) == (CANNOT_TELL, Cause.NOT_ON_FILE)
    assert missing in str(found.cannot_tell_because)


def test_what_is_due_for_the_known_risk_is_said_together_with_what_is_missing() -> None:
    found = of(answered(autoantibodies=""))
    assert found.state == MET
    assert RULE.explain(found.cells(), P) == (
        "Cancer risk standard. Due since 6 May 2026 and not on file since 6 May 2025: blood count, "
        "liver tests, ESR or CRP, protein electrophoresis, urinalysis, chest X-ray. Not on file: a myositis-specific "
        "antibody; the risk could be moderate."
    )


def test_without_the_day_of_the_diagnosis_it_cannot_be_told_for_whoever_is_treated() -> None:
    who = {key: value for key, value in WOMAN.items() if key != "diagnosed_day"}
    built = frames(AS_OF, patients=[who], medications=[{"drug": "methotrexate", "dose": 15, "start": -100}])
    found = of(next(iter(RULE.assess(patients_of(built)[1], TODAY, P)), None))
    assert found.state == CANNOT_TELL


def test_each_round_of_the_search_is_told_with_its_own_days() -> None:
    some = done(-500, "mammography", "urinalysis")
    found = of(answered(events=some, diagnosis="DM", autoantibodies="TIF1G", age_years=60, diagnosed_day=-510))
    assert RULE.explain(found.cells(), P) == (
        "Cancer risk high (dermatomyositis, Anti-TIF1 gamma, age 58 at the diagnosis). Due since 30 Jun 2025 and not "
        "on file since 30 Jun 2024: CT of neck, chest, abdomen and pelvis, faecal occult blood, cervical screening, "
        "CA-125, pelvic ultrasound; due since 30 Jun 2026 and not on file since 30 Dec 2025: blood count, liver tests, "
        "ESR or CRP, protein electrophoresis, urinalysis, chest X-ray. To be considered: PET-CT and upper and lower "
        "endoscopy where the first search found nothing."
    )


def test_what_the_record_lacks_is_what_is_asked_for() -> None:
    untold = of(answered(autoantibodies="", events=ALL))
    assert RULE.suggested_action(untold.cells(), P) == "complete the record: a myositis-specific antibody"


@given(
    st.sampled_from(["DM", "ADM", "PM", "IMNM", "ASYS", "OVERLAP", "UNSPECIFIED"]),
    st.sampled_from(["TIF1G", "NXP2", "MI2", "JO1", "RO52", ""]),
    st.integers(20, 90),
    st.sampled_from(["female", "male", "unknown"]),
    st.integers(0, 1200),
)
def test_there_is_never_more_than_one_alert_and_never_an_urgent_one(
    diagnosis: str, antibody: str, age: int, sex: str, ago: int
) -> None:
    who = {"mrn": "1", "diagnosis": diagnosis, "autoantibodies": antibody, "age_years": age, "sex": sex}
    built = frames(AS_OF, patients=[{**who, "diagnosed_day": -ago}])
    found = list(RULE.assess(patients_of(built)[1], TODAY, P))
    assert len(found) <= 1
    for one in found:
        assert one.severity in (None, ACTION, WATCH)
        order = (STANDARD, MODERATE, HIGH)
        if one.numbers["risk"]:
            assert order.index(one.numbers["could_be"]) >= order.index(one.numbers["risk"])

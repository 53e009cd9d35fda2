"""What a screening test found, read for the drugs it matters for."""

import datetime as dt
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT, WATCH, Answer
from jobs.rules.screening_result import RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames
from tests.suggestion_cases import ADULT, answered, ck, mmt8

TODAY = day_number(AS_OF)
PREDNISONE = {"drug": "prednisone", "dose": 20, "start": -100}
METHOTREXATE = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100}
AZATHIOPRINE = {"drug": "azathioprine", "dose": 150, "start": -100}
TOFACITINIB = {"drug": "tofacitinib", "dose": 5, "frequency": "twice-daily", "start": -100}
RITUXIMAB = {"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -100}
INFLIXIMAB = {"drug": "infliximab", "dose": 300, "frequency": "once", "route": "iv", "start": -10}
IVIG = {"drug": "ivig", "dose": 70, "unit": "g", "frequency": "once", "route": "iv", "start": -40}
MYCOPHENOLATE = {"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -100}


def assess(*medications: dict[str, Any], **facts: Any) -> dict[str, dict[str, Any]]:
    rows = on_frames(RULE, frames(medications=medications, **facts), AS_OF, Parameters()).to_dict("records")
    return {row["subject"]: row for row in rows}


def said(
    screen: str, value: float, *medications: dict[str, Any], day: int = -30, **facts: Any
) -> tuple[str, Any] | None:
    row = assess(*medications, observations=[{"measure": screen, "value": value, "day": day}], **facts).get(screen)
    return None if row is None else (row["state"], row["severity"])


@pytest.mark.parametrize(
    ("screen", "value", "drug", "severity"),
    [
        ("hbsag", 1, METHOTREXATE, ACTION),
        ("hbsag", 1, RITUXIMAB, URGENT),
        ("hbsag", 1, TOFACITINIB, URGENT),
        ("anti_hbc", 1, RITUXIMAB, URGENT),
        ("anti_hbc", 1, TOFACITINIB, ACTION),
        ("anti_hbc", 1, PREDNISONE, WATCH),
        ("anti_hcv", 1, METHOTREXATE, ACTION),
        ("hiv", 1, RITUXIMAB, ACTION),
        ("igra", 1, PREDNISONE, ACTION),
        ("igra", 1, INFLIXIMAB, URGENT),
        ("vzv_igg", 0, METHOTREXATE, WATCH),
        ("tpmt", 2, AZATHIOPRINE, URGENT),
        ("tpmt", 15, AZATHIOPRINE, ACTION),
        ("igg", 550, RITUXIMAB, WATCH),
        ("igg", 350, RITUXIMAB, ACTION),
        ("glucose", 199, PREDNISONE, None),
        ("glucose", 200, PREDNISONE, ACTION),
        ("glucose", 400, PREDNISONE, URGENT),
        ("hba1c", 6.5, PREDNISONE, ACTION),
        ("hcg", 1, MYCOPHENOLATE, URGENT),
        ("hcg", 1, METHOTREXATE, URGENT),
        ("hcg", 1, AZATHIOPRINE, ACTION),
        ("hbsag", 0, RITUXIMAB, None),
        ("vzv_igg", 1, METHOTREXATE, None),
        ("tpmt", 30, AZATHIOPRINE, None),
        ("igg", 900, RITUXIMAB, None),
        ("hcg", 0, MYCOPHENOLATE, None),
    ],
)
def test_a_result_is_graded_by_what_it_means_for_the_drug(
    screen: str, value: float, drug: dict[str, Any], severity: str | None
) -> None:
    assert said(screen, value, drug) == ((NOT_MET, None) if severity is None else (MET, severity))


@pytest.mark.parametrize(
    ("screen", "value", "drug"),
    [("tpmt", 2, METHOTREXATE), ("glucose", 300, METHOTREXATE), ("hbsag", 1, IVIG)],
)
def test_a_result_stands_against_nothing_where_no_drug_makes_it_matter(
    screen: str, value: float, drug: dict[str, Any]
) -> None:
    assert said(screen, value, drug) == (NOT_MET, None)


def test_rituximab_matters_while_it_acts_and_no_longer() -> None:
    assert said("anti_hbc", 1, {**RITUXIMAB, "start": -274}, day=-400) == (MET, URGENT)
    assert said("anti_hbc", 1, {**RITUXIMAB, "start": -275}, day=-400) == (NOT_MET, None)


def test_a_result_from_before_the_drug_counts_from_the_drugs_first_day() -> None:
    row = assess(RITUXIMAB, observations=[{"measure": "anti_hbc", "value": 1, "day": -700}])["anti_hbc"]
    assert row["since"].date() == AS_OF - dt.timedelta(days=100)
    row = assess(RITUXIMAB, observations=[{"measure": "anti_hbc", "value": 1, "day": -20}])["anti_hbc"]
    assert row["since"].date() == AS_OF - dt.timedelta(days=20)


def test_the_latest_result_speaks() -> None:
    twice = [{"measure": "hbsag", "value": 1, "day": -90}, {"measure": "hbsag", "value": 0, "day": -10}]
    assert assess(RITUXIMAB, observations=twice)["hbsag"]["state"] == NOT_MET


def test_the_gravest_drug_speaks_for_a_screen_and_is_named() -> None:
    row = assess(METHOTREXATE, RITUXIMAB, observations=[{"measure": "anti_hbc", "value": 1, "day": -300}])["anti_hbc"]
    assert (row["drug"], row["severity"]) == ("rituximab", URGENT)
    assert "rituximab since" in RULE.explain(row, Parameters())
    assert "HBV DNA" in RULE.suggested_action(row, Parameters())


def test_antibodies_after_immunoglobulin_may_be_the_donors() -> None:
    assert said("anti_hbc", 1, RITUXIMAB, IVIG, day=-20) == (MET, WATCH)
    assert said("anti_hbc", 1, RITUXIMAB, IVIG, day=-60) == (MET, URGENT)
    assert said("hbsag", 1, RITUXIMAB, IVIG, day=-20) == (MET, URGENT)


def test_whose_antibodies_they_are_is_settled_when_the_blood_is_taken_not_when_the_immunoglobulin_ends() -> None:
    over = {**IVIG, "frequency": "every-4-weeks", "start": -200, "end": -90}
    assert said("anti_hbc", 1, RITUXIMAB, over, day=-100) == (MET, WATCH)
    assert said("anti_hbc", 1, RITUXIMAB, over, day=-34) == (MET, WATCH)
    assert said("anti_hbc", 1, RITUXIMAB, over, day=-33) == (MET, URGENT)


def test_for_a_childs_immunoglobulin_no_limit_is_known() -> None:
    child = [{"mrn": "1", "age_years": 9}]
    assert said("igg", 450, RITUXIMAB, patients=child) == (CANNOT_TELL, None)
    assert said("igg", 900, RITUXIMAB, patients=child) == (NOT_MET, None)


def test_an_old_glucose_says_nothing_of_today_but_an_old_hepatitis_does() -> None:
    assert said("glucose", 250, PREDNISONE, day=-182) == (MET, ACTION)
    assert said("glucose", 250, PREDNISONE, day=-183) == (CANNOT_TELL, None)
    assert said("hbsag", 1, PREDNISONE, day=-1800) == (MET, ACTION)


@pytest.mark.parametrize(
    ("detail", "state"),
    [
        ("IGRA positive", MET),
        ("Positive 12 mm", MET),
        ("negative", NOT_MET),
        ("", NOT_MET),
        ("non-reactive", NOT_MET),
        ("QuantiFERON: reactive", MET),
    ],
)
def test_a_screen_recorded_as_an_event_is_read_by_its_text(detail: str, state: str) -> None:
    events = [{"event": "tb_screen", "day": -30, "detail": detail}]
    assert assess(TOFACITINIB, events=events)["tb_screen"]["state"] == state


def test_without_a_drug_taken_or_thought_of_nothing_stands_against_anything() -> None:
    positive = [{"measure": "hbsag", "value": 1, "day": -3}]
    ended = {**METHOTREXATE, "end": -1}
    for medications in ((), (ended,)):
        row = assess(*medications, observations=positive)["hbsag"]
        assert row["state"] == NOT_MET
        assert "no drug that it matters for is taken or thought of" in RULE.explain(row, Parameters())
    assert assess(observations=[{"measure": "hbsag", "value": 0, "day": -3}]) == {}


# ------------------------------------------------------------------------------------------ drugs only thought of


ACTIVE = (mmt8(50, -3), ck(20, -3))
FAILED = (mmt8(50, -250), ck(20, -250), *ACTIVE)
WOMAN = {**ADULT, "age_years": 30}


def result(screen: str, value: float) -> dict[str, Any]:
    return {"measure": screen, "value": value, "day": -10}


def thought_of(*observations: dict[str, Any], medications: Any = (), patient: Any = ADULT) -> dict[str, Answer]:
    facts = answered(patient=patient, observations=observations, medications=medications)
    return {one.subject: one for one in facts.answers[RULE.key]}


@pytest.mark.parametrize(
    ("screen", "value", "severity", "drug"),
    [
        ("tpmt", 2, ACTION, "azathioprine"),
        ("tpmt", 15, ACTION, "azathioprine"),
        ("hbsag", 1, ACTION, "prednisone"),
        ("anti_hbc", 1, WATCH, "prednisone"),
        ("anti_hcv", 1, ACTION, "prednisone"),
        ("hiv", 1, ACTION, "prednisone"),
        ("igra", 1, ACTION, "prednisone"),
        ("vzv_igg", 0, WATCH, "prednisone"),
        ("hba1c", 9, ACTION, "prednisone"),
        ("glucose", 400, ACTION, "prednisone"),
        ("hcg", 1, ACTION, "methotrexate"),
    ],
)
def test_a_result_is_told_for_the_drugs_that_are_only_among_the_options(
    screen: str, value: float, severity: str, drug: str
) -> None:
    answer = thought_of(*ACTIVE, result(screen, value), patient=WOMAN)[screen]
    assert (answer.state, answer.severity, answer.numbers["drug"]) == (MET, severity, drug)
    assert "among the options of 'Consider first-line treatment'" in RULE.explain(answer.cells(), Parameters())
    assert answer.recheck_on == TODAY + 1


def test_the_drug_for_which_a_result_is_gravest_speaks_taken_or_thought_of() -> None:
    treated = ({**METHOTREXATE, "start": -240}, {**PREDNISONE, "start": -240})
    answer = thought_of(*FAILED, result("anti_hbc", 1), medications=treated)["anti_hbc"]
    assert (answer.severity, answer.numbers["drug"]) == (ACTION, "rituximab")
    quiet = thought_of(mmt8(80, -3), ck(0.5, -3), result("anti_hbc", 1), medications=treated)["anti_hbc"]
    assert (quiet.severity, quiet.numbers["drug"]) == (WATCH, "methotrexate")


@pytest.mark.parametrize(("screen", "value"), [("tpmt", 30), ("hbsag", 0), ("hba1c", 5.5), ("hcg", 0), ("vzv_igg", 1)])
def test_a_good_result_stands_against_nothing(screen: str, value: float) -> None:
    answer = thought_of(*ACTIVE, result(screen, value), patient=WOMAN).get(screen)
    assert answer is None or answer.state == NOT_MET

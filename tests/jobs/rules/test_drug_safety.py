"""Drugs on the list that endanger a patient."""

import datetime as dt
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT, WATCH
from jobs.rules.drug_safety import RULE, Parameters
from models.age import birthday
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

WEEKLY = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100}
AZATHIOPRINE = {"drug": "azathioprine", "dose": 150, "start": -100}


def assess(*medications: dict[str, Any], **facts: Any) -> dict[str, dict[str, Any]]:
    rows = on_frames(RULE, frames(medications=medications, **facts), AS_OF, Parameters()).to_dict("records")
    assert len({row["subject"] for row in rows}) == len(rows)
    return {row["subject"]: row for row in rows}


def found(*medications: dict[str, Any], **facts: Any) -> dict[str, tuple[str, str]]:
    return {
        subject: (row["state"], row["severity"] if row["state"] == MET else "")
        for subject, row in assess(*medications, **facts).items()
    }


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("daily", (MET, URGENT)),
        ("twice-daily", (MET, URGENT)),
        ("every-other-day", (MET, URGENT)),
        ("weekly", None),
        ("every-2-weeks", None),
        ("once", None),
    ],
)
def test_methotrexate_is_taken_once_a_week_at_most(frequency: str, expected: tuple[str, str] | None) -> None:
    assert found({**WEEKLY, "frequency": frequency, "start": 0}).get("methotrexate:frequency") == expected


def test_two_weekly_prescriptions_at_the_same_time_are_too_many() -> None:
    assert found(WEEKLY, {**WEEKLY, "dose": 20, "start": -5}) == {"methotrexate:frequency": (MET, ACTION)}
    assert found({**WEEKLY, "end": -6}, {**WEEKLY, "dose": 20, "start": -5}) == {}


def test_an_unknown_rhythm_of_methotrexate_cannot_tell() -> None:
    assert found({**WEEKLY, "frequency": "as needed"}) == {"methotrexate:frequency": (CANNOT_TELL, "")}


@pytest.mark.parametrize("name", ["co-trimoxazole", "trimethoprim"])
def test_methotrexate_with_trimethoprim_is_urgent(name: str) -> None:
    other = {"drug": name, "dose": 480, "start": -10}
    assert found(WEEKLY, other) == {f"methotrexate+{name}": (MET, URGENT)}
    assert found(WEEKLY, {**other, "end": -1}) == {}
    assert found(AZATHIOPRINE, other) == {}


POSSIBLE = {"event": "pregnancy_possible", "day": -400}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([POSSIBLE], (MET, URGENT)),
        ([], None),
        ([POSSIBLE, {**POSSIBLE, "day": -10, "present": "no"}], None),
        ([POSSIBLE, {"event": "contraception", "day": -200}], (NOT_MET, "")),
        ([POSSIBLE, {"event": "contraception", "day": -366}], (MET, URGENT)),
        ([POSSIBLE, {"event": "contraception", "day": -900, "end": 90}], (NOT_MET, "")),
        (
            [POSSIBLE, {"event": "contraception", "day": -200}, {"event": "contraception", "day": -3, "present": "no"}],
            (MET, URGENT),
        ),
    ],
)
def test_a_drug_that_harms_an_unknown_age_child_asks_for_contraception(
    events: list[dict[str, Any]], expected: tuple[str, str] | None
) -> None:
    assert found(WEEKLY, events=events).get("methotrexate:pregnancy") == expected
    assert found(AZATHIOPRINE, events=events) == {}


def test_methotrexate_in_lung_disease_is_watched() -> None:
    lung = [{"event": "interstitial_lung_disease", "day": -300}]
    assert found(WEEKLY, events=lung) == {"methotrexate:interstitial_lung_disease": (MET, WATCH)}


@pytest.mark.parametrize(
    ("measure", "value", "expected"),
    [
        ("white_cells", 3.4, (MET, ACTION)),
        ("white_cells", 3.5, None),
        ("white_cells", "<3.5", (MET, ACTION)),
        ("white_cells", "<4", (CANNOT_TELL, "")),
        ("neutrophils", 1.5, (MET, ACTION)),
        ("platelets", 139, (MET, ACTION)),
        ("alt", 101, (MET, ACTION)),
        ("alt", 100, None),
        ("alt", ">90", (CANNOT_TELL, "")),
        ("alt", ">100", (MET, ACTION)),
    ],
)
def test_a_result_beyond_the_action_limit_of_a_monitored_drug(
    measure: str, value: Any, expected: tuple[str, str] | None
) -> None:
    observed = [{"measure": measure, "value": value, "day": -3}]
    assert found(AZATHIOPRINE, observations=observed).get(f"azathioprine:{measure}") == expected
    prednisone = found({"drug": "prednisone", "dose": 5, "start": -100}, observations=observed)
    assert MET not in {state for state, _ in prednisone.values()}


@pytest.mark.parametrize(
    ("ck", "day", "severity"), [(301, -3, WATCH), (300, -3, ACTION), (900, -31, WATCH), (900, -32, ACTION)]
)
def test_raised_liver_enzymes_are_only_watched_while_ck_is_raised(ck: float, day: int, severity: str) -> None:
    observed = [
        {"measure": "ast", "value": 150, "day": -3},
        {"measure": "ck", "value": ck, "upper_limit": 200, "day": day},
    ]
    row = assess(WEEKLY, observations=observed)["methotrexate:ast"]
    assert (row["state"], row["severity"]) == (MET, severity)
    if severity == WATCH:
        assert "do not stop it for this alone" in RULE.suggested_action(row, Parameters())


@pytest.mark.parametrize(("now", "state"), [(1.05, MET), (1.04, None)])
def test_creatinine_is_compared_with_the_values_of_the_year_before(now: float, state: str | None) -> None:
    values = [(0.8, -200), (0.8, -100), (0.8, -50), (now, -2)]
    observed = [{"measure": "creatinine", "value": value, "day": day} for value, day in values]
    row = assess(WEEKLY, observations=observed).get("methotrexate:creatinine")
    assert (row["state"] if row else None) == state


def test_of_a_child_beyond_a_limit_for_adults_it_is_said_that_none_is_known() -> None:
    observed = [{"measure": "white_cells", "value": 3.0, "day": -3}]
    child = [{"mrn": "1", "age_years": 12}]
    assert found(WEEKLY, observations=observed, patients=child) == {"methotrexate:white_cells": (CANNOT_TELL, "")}
    unknown_age = [{"mrn": "1", "diagnosis": "JDM"}]  # the birth date is unknown, the diagnosis is a child's
    assert found(WEEKLY, observations=observed, patients=unknown_age) == {"methotrexate:white_cells": (CANNOT_TELL, "")}
    grown = [{"mrn": "1", "age_years": 30, "diagnosis": "JDM"}]
    assert found(WEEKLY, observations=observed, patients=grown) == {"methotrexate:white_cells": (MET, ACTION)}
    inside = [{"measure": "white_cells", "value": 4.0, "day": -3}]
    assert found(WEEKLY, observations=inside, patients=child) == {}


@pytest.mark.parametrize(("born", "adult_from"), [("2008-03-30", 18), ("2008-02-29", 18), ("2006-04-09", 20)])
def test_the_limits_for_adults_hold_from_the_birthday_on_and_the_rule_names_that_age(
    born: str, adult_from: int
) -> None:
    parameters = Parameters(adult_from=adult_from)
    day = birthday(dt.date.fromisoformat(born), adult_from)
    for as_of, state in ((day - dt.timedelta(days=1), CANNOT_TELL), (day, MET)):
        facts = frames(
            as_of,
            patients=[{"mrn": "1", "birth_date": born}],
            medications=[WEEKLY],
            observations=[{"measure": "white_cells", "value": 3.0, "day": -3}],
        )
        (row,) = on_frames(RULE, facts, as_of, parameters).to_dict("records")
        assert row["state"] == state
    assert RULE.ages(parameters) == (1, adult_from)


def test_raised_liver_enzymes_wait_for_a_clinics_own_age_of_adults_unless_they_are_dangerous_at_any_age() -> None:
    """Born on 10 April 2006, in a clinic where adults are 20 or older."""
    for value, before, after in ((250, (CANNOT_TELL, None), (MET, ACTION)), (401, (MET, URGENT), (MET, URGENT))):
        for day, expected in ((9, before), (10, after), (12, after)):
            as_of = dt.date(2026, 4, day)
            facts = frames(
                as_of,
                patients=[{"mrn": "1", "birth_date": "2006-04-10"}],
                medications=[WEEKLY],
                observations=[
                    {"measure": "alt", "value": 30, "upper_limit": 40, "day": -60},
                    {"measure": "alt", "value": value, "upper_limit": 40, "day": -20},
                    {"measure": "ck", "value": 100, "upper_limit": 170, "day": -20},
                ],
            )
            (row,) = on_frames(RULE, facts, as_of, Parameters(adult_from=20)).to_dict("records")
            assert (row["state"], row["severity"]) == expected


@pytest.mark.parametrize(
    ("measure", "value", "severity"),
    [
        ("neutrophils", 0.4, URGENT),
        ("neutrophils", 0.99, URGENT),
        ("neutrophils", 1.0, None),
        ("platelets", 49, URGENT),
        ("platelets", 50, None),
        ("haemoglobin", 7.0, URGENT),
        ("potassium", 6.1, URGENT),
        ("potassium", 5.6, ACTION),
        ("creatinine", 3.1, URGENT),
    ],
)
def test_a_dangerous_value_is_for_today_whatever_the_drug_and_the_age(
    measure: str, value: float, severity: str | None
) -> None:
    observed = [{"measure": measure, "value": value, "day": -3}]
    for drug in ("prednisone", "ivig", "rituximab", "tacrolimus"):
        statement = {"drug": drug, "dose": 5, "start": -20}
        said = found(statement, observations=observed, patients=[{"mrn": "1", "age_years": 9}])
        met = {subject: grade for subject, (state, grade) in said.items() if state == MET}
        assert met == ({} if severity is None else {f"{drug}:{measure}": severity})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.3, None), (1.31, (MET, ACTION)), (2.01, (MET, URGENT))],
)
def test_a_single_creatinine_is_held_against_its_reported_limit_under_immunoglobulin(
    value: float, expected: tuple[str, str] | None
) -> None:
    observed = [{"measure": "creatinine", "value": value, "upper_limit": 1.0, "day": -2}]
    ivig = {"drug": "ivig", "dose": 70, "unit": "g", "frequency": "once", "route": "iv", "start": -3}
    assert found(ivig, observations=observed).get("ivig:creatinine") == expected


def test_under_leflunomide_raised_alt_with_quiet_ck_and_blood_pressure_are_for_this_week() -> None:
    leflunomide = {"drug": "leflunomide", "dose": 20, "start": -300}
    observed = [
        {"measure": "alt", "value": 180, "upper_limit": 40, "day": -8},
        {"measure": "ck", "value": 100, "upper_limit": 170, "day": -8},
        {"measure": "systolic", "value": 150, "day": -8},
    ]
    assert found(leflunomide, observations=observed) == {
        "leflunomide:alt": (MET, ACTION),
        "leflunomide:systolic": (MET, ACTION),
    }


def series(measure: str, *values: float, every: int = 31) -> list[dict[str, Any]]:
    """Results a month apart, the last one ten days ago."""
    first = -10 - every * (len(values) - 1)
    return [{"measure": measure, "value": value, "day": first + every * n} for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("measure", "values", "noted"),
    [
        ("platelets", (380, 300), False),
        ("platelets", (380, 300, 220), True),
        ("platelets", (380, 300, 220, 150), True),
        ("platelets", (380, 300, 220, 250), False),  # it rose again
        ("platelets", (150, 148, 146), False),  # near the limit, but steady
        ("alt", (20, 45), False),
        ("alt", (20, 45, 70), True),
        ("white_cells", (8.0, 3.6), True),
        ("haemoglobin", (14.2, 13.6, 12.1), False),
    ],
)
def test_a_trend_towards_a_limit_is_noted_low_key_before_it_is_crossed(
    measure: str, values: tuple[float, ...], noted: bool
) -> None:
    said = found(WEEKLY, observations=series(measure, *values))
    assert said == ({f"methotrexate:{measure}": (MET, WATCH)} if noted else {})


def test_a_trend_names_its_values_and_ends_when_the_limit_is_crossed() -> None:
    (row,) = assess(WEEKLY, observations=series("platelets", 380, 300, 220, 150)).values()
    said = RULE.explain(row, Parameters())
    assert "fell from" in said
    assert "380, 300, 220, 150 10⁹/L, towards the action limit of 140" in said
    assert row["since"].date() == AS_OF - dt.timedelta(days=41)
    beyond = found(WEEKLY, observations=series("platelets", 380, 300, 220, 139))
    assert beyond == {"methotrexate:platelets": (MET, ACTION)}


def test_rising_liver_enzymes_are_no_trend_of_the_drug_while_ck_is_raised() -> None:
    ck = [{"measure": "ck", "value": 900, "upper_limit": 170, "day": -10}]
    assert found(WEEKLY, observations=[*series("alt", 20, 45, 70), *ck]) == {}


def test_the_strictest_limit_that_is_broken_speaks_for_a_result() -> None:
    observed = [{"measure": "neutrophils", "value": 0.9, "day": -3}]
    tofacitinib = {"drug": "tofacitinib", "dose": 5, "frequency": "twice-daily", "start": -60}
    assert found(tofacitinib, observations=observed) == {"tofacitinib:neutrophils": (MET, URGENT)}


def test_a_low_count_that_nobody_repeated_cannot_tell_and_is_not_forgotten() -> None:
    observed = [{"measure": "platelets", "value": 90, "day": -91}]
    assert found(AZATHIOPRINE, observations=observed) == {"azathioprine:platelets": (CANNOT_TELL, "")}


def test_a_low_count_is_dated_by_the_first_of_the_low_ones() -> None:
    values = [(3.0, -80), (5.0, -60), (3.2, -40), (3.1, -5)]
    observed = [{"measure": "white_cells", "value": value, "day": day} for value, day in values]
    row = assess(AZATHIOPRINE, observations=observed)["azathioprine:white_cells"]
    assert (row["since"].date() - AS_OF).days == -40


# -------------------------------------------------------------------------------------- dangerous whatever is taken

NEUTROPHILS = {"measure": "neutrophils", "value": 0.3, "day": -1}


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({"drug": "hydroxychloroquine", "dose": 400, "start": -100}, {"hydroxychloroquine:neutrophils": (MET, URGENT)}),
        ({"drug": "wonderdrug", "dose": 4, "start": -100}, {"wonderdrug:neutrophils": (MET, URGENT)}),
        ({**WEEKLY, "end": -1}, {"methotrexate:neutrophils": (MET, URGENT)}),
        ({**WEEKLY, "end": -28}, {"methotrexate:neutrophils": (MET, URGENT)}),
        ({**WEEKLY, "end": -29}, {}),
    ],
)
def test_a_dangerous_count_is_told_under_any_drug_and_for_four_weeks_after_it(
    taken: dict[str, Any], expected: dict[str, tuple[str, str]]
) -> None:
    assert found(taken, observations=[NEUTROPHILS]) == expected


def test_the_treatment_of_the_disease_is_named_before_what_only_stands_beside_it() -> None:
    vitamin = {"drug": "cholecalciferol", "dose": 1, "start": -900}
    assert found(vitamin, WEEKLY, observations=[NEUTROPHILS]) == {"methotrexate:neutrophils": (MET, URGENT)}


def test_a_limit_at_which_one_only_acts_ends_with_the_drug() -> None:
    low = [{"measure": "neutrophils", "value": 1.4, "day": -1}]
    assert found(WEEKLY, observations=low) == {"methotrexate:neutrophils": (MET, ACTION)}
    assert found({**WEEKLY, "end": -1}, observations=low) == {}


def test_biologics_and_immunoglobulin_have_limits_of_their_own() -> None:
    rituximab = {"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -60}
    assert found(rituximab, observations=[{"measure": "neutrophils", "value": 1.2, "day": -1}]) == {
        "rituximab:neutrophils": (MET, ACTION)
    }
    ivig = {"drug": "ivig", "dose": 1, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -60}
    for value, severity in ((55, ACTION), (25, URGENT)):
        assert found(ivig, observations=[{"measure": "egfr", "value": value, "day": -1}]) == {
            "ivig:egfr": (MET, severity)
        }


@pytest.mark.parametrize(("gamma_gt", "severity"), [(None, WATCH), (60, WATCH), (61, ACTION)])
def test_a_raised_gamma_gt_says_that_muscle_alone_does_not_explain_a_transaminase(
    gamma_gt: float | None, severity: str
) -> None:
    results = [
        {"measure": "alt", "value": 130, "day": -2},
        {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -2},
    ]
    if gamma_gt is not None:
        results.append({"measure": "gamma_gt", "value": gamma_gt, "upper_limit": 60, "day": -2})
    assert found(WEEKLY, observations=results) == {"methotrexate:alt": (MET, severity)}


@pytest.mark.parametrize(
    ("ck_day", "gamma_gt", "says", "severity"),
    [
        (-2, None, "muscle is a likely source; gamma-GT and bilirubin tell it from the liver", WATCH),
        (-30, None, "muscle is a likely source; gamma-GT and bilirubin tell it from the liver", WATCH),
        (-31, None, "CK was 5 times its limit on 22 Oct 2026, at another time: muscle is a possible source", ACTION),
        (-100, None, "at another time: muscle is a possible source; gamma-GT and bilirubin", ACTION),
        (-2, 40, "muscle is a likely source; Gamma-GT 40 U/L on 20 Nov 2026 is not raised", WATCH),
    ],
)
def test_of_a_raised_transaminase_muscle_is_named_wherever_ck_is_raised(
    ck_day: int, gamma_gt: float | None, says: str, severity: str
) -> None:
    observations = [
        *({"measure": "alt", "value": value, "day": day} for value, day in ((128, -58), (131, -30), (130, -2))),
        {"measure": "ck", "value": 1000, "upper_limit": 200, "day": ck_day},
    ]
    if gamma_gt is not None:
        observations.append({"measure": "gamma_gt", "value": gamma_gt, "upper_limit": 60, "day": -2})
    answer = assess(WEEKLY, observations=observations)["methotrexate:alt"]
    assert (answer["state"], answer["severity"]) == (MET, severity)
    assert says in RULE.explain(answer, RULE.defaults())


def test_of_two_values_of_ck_the_one_near_the_transaminase_is_read() -> None:
    observations = [
        {"measure": "alt", "value": 130, "day": -40},
        {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -41},
        {"measure": "ck", "value": 150, "upper_limit": 200, "day": -1},
    ]
    assert found(WEEKLY, observations=observations) == {"methotrexate:alt": (MET, WATCH)}


def test_a_trend_of_a_transaminase_names_the_muscle_too() -> None:
    observations = [
        *({"measure": "alt", "value": value, "day": day} for value, day in ((40, -58), (60, -30), (90, -2))),
        {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -40},
    ]
    answer = assess(WEEKLY, observations=observations)["methotrexate:alt"]
    assert "muscle is a possible source" in RULE.explain(answer, RULE.defaults())


@pytest.mark.parametrize(
    ("medication", "expected"),
    [
        ({"drug": "prednisone", "dose": 100}, None),
        ({"drug": "prednisone", "dose": 101}, ACTION),
        ({"drug": "prednisone", "dose": 0.4, "unit": "g"}, ACTION),
        ({"drug": "methylprednisolone", "dose": 96}, ACTION),
        ({"drug": "dexamethasone", "dose": 40}, ACTION),
        ({"drug": "methylprednisolone", "dose": 500, "intent": "pulse"}, None),
        ({"drug": "methylprednisolone", "dose": 1000, "route": "iv", "end": 0}, None),
        ({"drug": "prednisone", "dose": 400, "end": -1}, None),
        ({"drug": "prednisone", "dose": 400, "status": "stopped"}, None),
        ({"drug": "prednisone", "dose": 15, "unit": "mg/kg"}, None),
        ({"drug": "methotrexate", "dose": 40, "frequency": "weekly"}, None),
        ({"drug": "methotrexate", "dose": 150, "frequency": "weekly"}, URGENT),
        ({"drug": "azathioprine", "dose": 1500}, ACTION),
        ({"drug": "mycophenolate mofetil", "dose": 1500, "frequency": "twice-daily"}, None),
        ({"drug": "mycophenolate mofetil", "dose": 15, "unit": "g", "frequency": "twice-daily"}, ACTION),
    ],
)
def test_a_dose_that_is_hardly_ever_meant_is_asked_about(medication: dict[str, Any], expected: str | None) -> None:
    said = found({"start": -10, **medication})
    assert said.get(f"{medication['drug']}:dose") == (None if expected is None else (MET, expected))


def test_a_dose_per_kilogram_is_asked_about_once_the_weight_is_known() -> None:
    weighed = [{"measure": "weight", "value": 70, "day": -3}]
    assert found({"drug": "prednisone", "dose": 15, "unit": "mg/kg", "start": -10}, observations=weighed) == {
        "prednisone:dose": (MET, ACTION)
    }


def test_of_two_such_doses_of_a_drug_the_larger_one_is_told() -> None:
    two = [{"drug": "prednisone", "dose": dose, "start": day} for dose, day in ((400, -10), (600, -3))]
    assert found(*two) == {"prednisone:dose": (MET, ACTION)}
    assert "600 mg once daily" in RULE.explain(assess(*two)["prednisone:dose"], RULE.defaults())

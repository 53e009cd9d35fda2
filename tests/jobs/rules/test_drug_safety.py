"""Drugs on the list that endanger a patient."""

from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT, WATCH
from jobs.rules.drug_safety import RULE, Parameters
from tests.frames_builder import AS_OF, frames

WEEKLY = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100}
AZATHIOPRINE = {"drug": "azathioprine", "dose": 150, "start": -100}


def assess(*medications: dict[str, Any], **facts: Any) -> dict[str, dict[str, Any]]:
    rows = RULE.on_frames(frames(medications=medications, **facts), AS_OF, Parameters()).to_dict("records")
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
def test_a_drug_that_harms_an_unborn_child_asks_for_contraception(
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
    assert found({"drug": "prednisone", "dose": 5, "start": -100}, observations=observed) == {}


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


def test_the_limits_are_for_adults() -> None:
    observed = [{"measure": "white_cells", "value": 3.0, "day": -3}]
    assert found(WEEKLY, observations=observed, patients=[{"mrn": "1", "age_years": 12}]) == {}
    assert found(WEEKLY, observations=observed, patients=[{"mrn": "1", "diagnosis": "JDM"}]) == {}
    assert found(WEEKLY, observations=observed, patients=[{"mrn": "1", "age_years": 30, "diagnosis": "JDM"}])


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

"""A conclusion about a patient depends on that patient's facts alone, on whichever path it was reached."""

import datetime as dt
from typing import Any

import pytest

from tests.stories.conftest import Clinic, day


def score(mrn: str, offset: int, value: float) -> dict[str, object]:
    return {"mrn": mrn, "measure": "cmas", "value": value, "unit": "", "observed_at": day(offset)}


def test_neighbours_do_not_decide_whether_a_fall_was_regained(clinic: Clinic) -> None:
    people = [{"mrn": mrn, "birth_date": "2015-04-02", "diagnosis": "JDM"} for mrn in "123"]
    mine = [score("1", -60, 40), score("1", -30, 36), score("1", 0, 38.5)]
    clinic.load(patients=people[:1], observations=mine)
    alone = clinic.answers(0, "declining-strength")["1", "cmas"]
    clinic.load(patients=people, observations=[*mine, score("2", -10, 51), score("3", -10, 20.2)])
    assert clinic.answers(0, "declining-strength")["1", "cmas"] == alone


def on_methotrexate(clinic: Clinic, birth_date: str) -> None:
    """ALT above an adult limit and below a child's under methotrexate, on 20 March 2025."""
    fixed = {"mrn": "1", "unit": "U/L"}
    clinic.load(
        patients=[{"mrn": "1", "birth_date": birth_date, "diagnosis": "DM"}],
        medications=[
            {"mrn": "1", "drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly",
             "start_date": "2025-01-01"}
        ],
        observations=[
            {**fixed, "measure": "alt", "value": 30, "upper_limit": 40, "observed_at": "2025-02-10"},
            {**fixed, "measure": "alt", "value": 110, "upper_limit": 40, "observed_at": "2025-03-20"},
            {**fixed, "measure": "ck", "value": 100, "upper_limit": 170, "observed_at": "2025-03-20"},
        ],
    )  # fmt: skip


def met_on(clinic: Clinic, asked: dt.date, *options: str) -> set[Any]:
    found = clinic("evaluate", "--as-of", asked.isoformat(), "--format", "json", *options).json()
    return {(one["rule"], one["subject"], one["severity"]) for one in found if one["rule"] == "drug-safety"}


@pytest.mark.parametrize(
    ("birth", "birthday"),
    [
        ("2007-03-30", dt.date(2025, 3, 30)),
        ("2007-03-29", dt.date(2025, 3, 29)),
        ("2007-03-31", dt.date(2025, 3, 31)),
        ("2007-04-01", dt.date(2025, 4, 1)),
    ],
)
def test_adult_limits_hold_from_the_birthday_on(clinic: Clinic, birth: str, birthday: dt.date) -> None:
    on_methotrexate(clinic, birth)
    before = met_on(clinic, birthday - dt.timedelta(days=1))
    assert met_on(clinic, birthday) != before, "the limits of adults are others than those of children"
    assert met_on(clinic, birthday) == met_on(clinic, birthday, "--full")


def test_an_age_the_clinic_sets_is_looked_at_on_its_birthday_too(clinic: Clinic) -> None:
    on_methotrexate(clinic, "2005-04-10")
    reason = ("--by", "paul", "--reason", "young adults are treated as children here")
    clinic("rule", "set", "drug-safety.adult_from=20", "--from", "2025-03-01", *reason)
    for offset in range(-2, 4):
        asked = dt.date(2025, 4, 10) + dt.timedelta(days=offset)
        step_by_step = met_on(clinic, asked)
        assert step_by_step == met_on(clinic, asked, "--full", "--dry-run"), asked

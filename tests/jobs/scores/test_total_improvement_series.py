"""The score along visits: one frozen baseline, values used once, nothing carried forward."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from jobs.scores.exact import ScoreInputError
from jobs.scores.total_improvement_series import COLUMNS, tis_series

BASELINE = date(2026, 1, 5)
A_BEFORE = {"physician_global": 6.0, "patient_global": 7.0, "mmt8_bilateral": 110, "haq": 1.5, "ck": 4500,
            "extramuscular_global": 4.0}  # fmt: skip
A_AFTER = {"physician_global": 3.0, "patient_global": 5.0, "mmt8_bilateral": 130, "haq": 1.0, "ck": 1200,
           "extramuscular_global": 2.0}  # fmt: skip


def facts(*visits: tuple[str, dict[str, Any]]) -> pd.DataFrame:
    rows = [
        {"measure": measure, "value": value, "upper_limit": 200.0 if measure == "ck" else None, "day": day}
        for day, values in visits
        for measure, value in values.items()
    ]
    frame = pd.DataFrame(rows, columns=["measure", "value", "upper_limit", "day"])
    return frame.assign(day=pd.to_datetime(frame["day"]), comparator="", patient_id=1)


def series(frame: pd.DataFrame, **options: Any) -> list[dict[str, Any]]:
    arguments: dict[str, Any] = {"disease_class": "adult", "baseline_on": BASELINE} | options
    answer = tis_series(frame, **arguments)
    assert list(answer.columns) == list(COLUMNS)
    return [dict(zip(COLUMNS, row, strict=True)) for row in answer.itertuples(index=False, name=None)]


def test_a_complete_visit_scores_as_the_calculator_does() -> None:
    (row,) = series(facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER)))
    assert row["visit_on"] == date(2026, 4, 6)
    assert (row["tis"], row["category"], row["bounds_low"], row["bounds_high"]) == (70, "major", 70, 70)
    assert (row["enzyme"], row["instrument"], row["missing"], row["problems"]) == ("ck", "mmt8_bilateral", (), ())


def test_every_visit_is_compared_with_the_frozen_baseline_and_not_with_the_visit_before() -> None:
    rows = series(facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER), ("2026-07-06", A_AFTER)))
    assert [row["tis"] for row in rows] == [70, 70]


@pytest.mark.parametrize(
    ("laboratory_day", "missing"), [("2026-04-20", ()), ("2026-04-21", ("enzyme",)), ("2026-03-23", ())]
)
def test_a_value_counts_up_to_fourteen_days_from_the_visit(laboratory_day: str, missing: tuple[str, ...]) -> None:
    clinic = {measure: value for measure, value in A_AFTER.items() if measure != "ck"}
    (row,) = series(
        facts(("2026-01-05", A_BEFORE), ("2026-04-06", clinic), (laboratory_day, {"ck": 1200})),
    )
    assert row["missing"] == missing
    assert (row["tis"] is None) == bool(missing)


def test_an_undecided_score_is_none_and_not_nan() -> None:
    rows = series(facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER), ("2026-07-06", {"physician_global": 2.0})))
    assert rows[1]["tis"] is None
    assert rows[1]["category"] is None
    assert (rows[1]["bounds_low"], rows[1]["bounds_high"]) == (17.5, 97.5)


def test_a_value_of_the_baseline_is_not_used_again_for_a_visit_nearby() -> None:
    clinic = {measure: value for measure, value in A_AFTER.items() if measure != "ck"}
    (row,) = series(facts(("2026-01-05", A_BEFORE), ("2026-01-12", clinic)))
    assert row["missing"] == ("enzyme",)


def test_the_nearest_of_several_values_counts() -> None:
    frame = facts(
        ("2026-01-05", A_BEFORE), ("2026-04-01", {"ck": 4500}), ("2026-04-06", A_AFTER), ("2026-04-10", {"ck": 4500})
    )
    assert [row["tis"] for row in series(frame)] == [70]


def test_another_instrument_at_a_later_visit_leaves_strength_missing_and_says_why() -> None:
    after = {measure: value for measure, value in A_AFTER.items() if measure != "mmt8_bilateral"} | {"mmt8": 78}
    (row,) = series(facts(("2026-01-05", A_BEFORE), ("2026-04-06", after)))
    assert row["missing"] == ("strength",)
    assert any("mmt8" in problem for problem in row["problems"])


def test_a_day_with_a_strength_test_alone_is_a_visit_only_if_no_other_is_near() -> None:
    rows = series(
        facts(
            ("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER), ("2026-04-08", {"mmt8_bilateral": 131}),
            ("2026-05-20", {"mmt8_bilateral": 132}),
        )
    )  # fmt: skip
    assert [row["visit_on"] for row in rows] == [date(2026, 4, 6), date(2026, 5, 20)]


def test_a_value_outside_its_scale_is_left_out_and_named() -> None:
    (row,) = series(facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER | {"patient_global": 50.0})))
    assert row["missing"] == ("patient_global",)
    assert any("follow_up.patient_global" in problem for problem in row["problems"])


def test_a_child_is_followed_with_cmas_and_chaq_even_if_others_were_recorded_too() -> None:
    before = {"physician_global": 7.0, "patient_global": 6.0, "cmas": 27, "mmt8": 60, "chaq": 2.0, "haq": 0.0,
              "ck": 300, "extramuscular_global": 5.0}  # fmt: skip
    after = {"physician_global": 3.0, "patient_global": 3.0, "cmas": 38, "mmt8": 60, "chaq": 1.25, "haq": 3.0,
             "ck": 150, "extramuscular_global": 2.5}  # fmt: skip
    (row,) = series(facts(("2026-01-05", before), ("2026-04-06", after)), disease_class="juvenile")
    assert row["instrument"] == "cmas"
    assert row["tis"] == 17.5 + 7.5 + 27.5 + 7.5 + 0 + 12.5


def test_without_facts_or_without_later_visits_there_are_no_rows() -> None:
    assert series(facts()) == []
    assert series(facts(("2026-01-05", A_BEFORE))) == []


def test_given_visit_days_are_used_and_nothing_before_the_baseline() -> None:
    frame = facts(("2025-10-01", A_AFTER), ("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER))
    rows = series(frame, visits_on=[date(2025, 10, 1), date(2026, 4, 3)])
    assert [(row["visit_on"], row["tis"]) for row in rows] == [(date(2026, 4, 3), 70)]


@pytest.mark.parametrize("wrong", [{"disease_class": "child"}, {"instrument": "grip"}, {"window_days": -1}])
def test_unknown_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ScoreInputError):
        series(facts(("2026-01-05", A_BEFORE)), **wrong)


def test_an_enzyme_reported_as_below_a_number_is_used_as_that_number_and_named() -> None:
    frame = facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER | {"ck": 20}))
    frame.loc[(frame["measure"] == "ck") & (frame["value"] == 20), "comparator"] = "<"
    (row,) = series(frame)
    assert row["tis"] == 70
    assert row["problems"] == ("follow_up: ck was reported as < 20; the number was used.",)


def test_facts_of_two_patients_are_never_mixed() -> None:
    frame = facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER))
    frame.loc[frame["day"] > pd.Timestamp("2026-03-01"), "patient_id"] = 2
    with pytest.raises(ScoreInputError):
        series(frame)


def test_of_two_values_on_one_day_the_later_one_counts() -> None:
    frame = facts(("2026-01-05", A_BEFORE), ("2026-04-06", A_AFTER | {"ck": 4500}), ("2026-04-06", {"ck": 1200}))
    assert [row["tis"] for row in series(frame)] == [70]

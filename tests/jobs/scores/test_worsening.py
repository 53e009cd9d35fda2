"""Definitions of worsening: boundaries of each limb, confirmation, and what missing values leave open."""

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import pytest

from jobs.scores.exact import ScoreInputError
from jobs.scores.worsening import IMACS, PRODERM, WorseningDefinition, confirmed_deterioration

BASELINE: dict[str, Any] = {
    "date": "2026-01-05",
    "physician_global": 5.0,
    "patient_global": 5.0,
    "strength": {"instrument": "mmt8", "score": 60},
    "haq": 1.0,
    "extramuscular_global": 2.0,
    "enzymes": {"ck": {"value": 400, "upper_limit": 200}},
}


def visit(day: str, **changed: Any) -> dict[str, Any]:
    strength = changed.pop("strength", 60)
    if isinstance(strength, int):
        strength = {"instrument": "mmt8", "score": strength}
    return BASELINE | {"date": day, "strength": strength} | changed


def twice(**changed: Any) -> list[dict[str, Any]]:
    return [visit("2026-02-02", **changed), visit("2026-03-02", **changed)]


@pytest.mark.parametrize(
    ("changed", "limbs"),
    [
        ({}, ()),
        ({"physician_global": 7.0, "strength": 48}, ("a",)),  # 12 of 60 is exactly 20 %
        ({"physician_global": 6.9, "strength": 48}, ()),
        ({"physician_global": 7.0, "strength": 49}, ()),
        ({"extramuscular_global": 4.0}, ("b",)),
        ({"extramuscular_global": "3.99"}, ()),
        ({"physician_global": 6.5, "patient_global": 6.5, "haq": 1.3}, ("c",)),  # each exactly 30 %
        ({"physician_global": 6.5, "patient_global": 6.5, "haq": 1.29}, ()),
        ({"physician_global": 6.5, "patient_global": 6.5, "strength": 42}, ("c",)),
        ({"enzymes": {"ck": {"value": 4000, "upper_limit": 200}}, "physician_global": 6.5, "patient_global": 6.5}, ()),
        ({"physician_global": 8.0, "strength": 40, "haq": 2.0, "extramuscular_global": 5.0}, ("a", "b", "c")),
    ],
)
def test_each_limb_begins_exactly_at_its_boundary(changed: dict[str, Any], limbs: tuple[str, ...]) -> None:
    answer = confirmed_deterioration(BASELINE, twice(**changed))
    assert answer.limbs == limbs
    assert answer.state == ("confirmed" if limbs else "not_met")
    assert answer.missing == ()


def test_it_takes_two_visits_in_a_row() -> None:
    worse = {"extramuscular_global": 4.0}
    first = visit("2026-02-02", **worse)
    assert confirmed_deterioration(BASELINE, [first]).state == "awaiting_confirmation"
    between = [first, visit("2026-03-02"), visit("2026-03-30", **worse)]
    answer = confirmed_deterioration(BASELINE, between)
    assert (answer.state, answer.since) == ("awaiting_confirmation", date(2026, 3, 30))
    answer = confirmed_deterioration(BASELINE, [*between, visit("2026-04-27", **worse)])
    assert (answer.state, answer.since, answer.confirmed_on) == ("confirmed", date(2026, 3, 30), date(2026, 4, 27))


def test_visits_may_come_in_any_order() -> None:
    answer = confirmed_deterioration(BASELINE, list(reversed(twice(extramuscular_global=4.0))))
    assert (answer.since, answer.confirmed_on) == (date(2026, 2, 2), date(2026, 3, 2))


def test_a_change_that_has_gone_again_is_not_met() -> None:
    answer = confirmed_deterioration(BASELINE, [visit("2026-02-02", extramuscular_global=4.0), visit("2026-03-02")])
    assert (answer.state, answer.since, answer.limbs) == ("not_met", None, ())


def test_both_visits_may_meet_different_limbs_and_each_says_which() -> None:
    visits = [visit("2026-02-02", extramuscular_global=4.0), visit("2026-03-02", physician_global=7.0, strength=48)]
    answer = confirmed_deterioration(BASELINE, visits)
    assert (answer.state, answer.limbs) == ("confirmed", ("a", "b"))
    assert [[limb for limb, met in judged.limbs.items() if met] for judged in answer.visits] == [["b"], ["a"]]


def test_the_decline_of_the_seed_meets_no_published_definition() -> None:
    baseline = BASELINE | {"strength": {"instrument": "cmas", "score": 27}, "haq": 1.5, "extramuscular_global": 3.0}
    later = twice(
        physician_global=7.0, patient_global=6.0, strength={"instrument": "cmas", "score": 24}, haq=1.75,
        extramuscular_global=3.0,
    )  # fmt: skip
    assert confirmed_deterioration(baseline, later).state == "not_met"
    assert confirmed_deterioration(baseline, later, IMACS).state == "not_met"


def test_a_missing_measure_that_decides_is_named_and_leaves_the_answer_open() -> None:
    answer = confirmed_deterioration(BASELINE, twice(extramuscular_global=None))
    assert (answer.state, answer.missing) == ("cannot_tell", ("extramuscular_global",))
    assert answer.visits[0].limbs == {"a": False, "b": None, "c": False}


def test_a_missing_measure_that_cannot_change_the_answer_does_not_matter() -> None:
    answer = confirmed_deterioration(BASELINE, twice(extramuscular_global=4.0, haq=None, patient_global=None))
    assert (answer.state, answer.limbs) == ("confirmed", ("b",))
    answer = confirmed_deterioration(BASELINE, twice(haq=None))
    assert answer.state == "not_met"
    assert answer.visits[0].missing == ("haq",)


def test_without_visits_nothing_can_be_told() -> None:
    assert confirmed_deterioration(BASELINE, []).state == "cannot_tell"


def test_another_instrument_leaves_strength_unknown_and_says_so() -> None:
    answer = confirmed_deterioration(
        BASELINE, twice(physician_global=7.0, strength={"instrument": "mmt8_bilateral", "score": 90})
    )
    assert answer.state == "cannot_tell"
    assert answer.missing == ("strength",)
    assert answer.visits[0].problems


@pytest.mark.parametrize(("after", "worse"), [(1.0, False), (1.1, True)])
def test_from_zero_a_measure_is_worse_beyond_a_tenth_of_its_range(after: float, worse: bool) -> None:
    answer = confirmed_deterioration(BASELINE | {"patient_global": 0}, twice(patient_global=after))
    assert ("patient_global" in answer.visits[0].worse_measures) is worse


def test_the_consensus_variant_counts_enzymes_and_needs_one_visit() -> None:
    one = [visit("2026-02-02", enzymes={"ck": {"value": 520, "upper_limit": 200}}, physician_global=6.5, haq=1.3)]
    answer = confirmed_deterioration(BASELINE, one, IMACS)
    assert (answer.definition, answer.state, answer.limbs) == ("imacs", "confirmed", ("c",))
    assert set(answer.visits[0].worse_measures) == {"physician_global", "haq", "enzyme"}
    assert IMACS.mark == "memory"
    assert confirmed_deterioration(BASELINE, one).state == "not_met"


def test_the_numbers_of_a_definition_can_be_set() -> None:
    gentler = replace(PRODERM, key="clinic", extramuscular_step=Fraction(1), consecutive_visits=1)
    answer = confirmed_deterioration(BASELINE, [visit("2026-02-02", extramuscular_global=3.0)], gentler)
    assert (answer.definition, answer.state) == ("clinic", "confirmed")


@pytest.mark.parametrize("wrong", [{"consecutive_visits": 0}, {"core_count": 0}, {"core_count": 6}])
def test_a_definition_that_cannot_be_met_or_is_always_met_is_refused(wrong: dict[str, int]) -> None:
    numbers: dict[str, Any] = {
        "key": "x", "title": "x", "source": "x", "mark": "default", "core_measures": PRODERM.core_measures,
        "consecutive_visits": 2,
    }  # fmt: skip
    with pytest.raises(ScoreInputError):
        WorseningDefinition(**(numbers | wrong))


@pytest.mark.parametrize(
    ("visits", "field"),
    [
        ([visit("2026-02-02"), visit("2026-02-02")], "visits.1.date"),
        ([visit("2026-01-05")], "visits.0.date"),
        ([visit("last week")], "visits.0.date"),
        ([visit("2026-02-02") | {"date": None}], "visits.0.date"),
        ([visit("2026-02-02") | {"date": datetime(2026, 2, 2, 9)}], "visits.0.date"),  # noqa: DTZ001
        ([visit("2026-02-02", physician_global=11)], "visits.0.physician_global"),
    ],
)
def test_visits_that_cannot_be_placed_in_time_are_refused(visits: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(ScoreInputError) as refused:
        confirmed_deterioration(BASELINE, visits)
    assert refused.value.field == field

"""The total improvement score: published cases, every boundary, and what holds for any patient."""

import copy
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scores.core_set import MEASURES
from jobs.scores.exact import ScoreInputError
from jobs.scores.total_improvement import POINTS, category, points_for, total_improvement_score


def visit(
    physician: Any, patient: Any, instrument: str, score: Any, haq: Any, extramuscular: Any, **enzymes: tuple[Any, Any]
) -> dict[str, Any]:
    return {
        "physician_global": physician,
        "patient_global": patient,
        "strength": {"instrument": instrument, "score": score},
        "haq": haq,
        "extramuscular_global": extramuscular,
        "enzymes": {name: {"value": value, "upper_limit": limit} for name, (value, limit) in enzymes.items()},
    }


E_BASELINE = visit("6.0", "5.0", "mmt8", "60", "1.5", "3.0", ck=("3000", "200"))
E_FOLLOW_UP = visit("4.5", "4.0", "mmt8", "66", "1.125", "1.9", ck=("1500", "200"))

# class, baseline, follow-up, enzyme, points (physician, patient, strength, haq, enzyme, extramuscular), score, category
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, list[float], float, str]] = {
    "A": (
        "adult",
        visit("6.0", "7.0", "mmt8_bilateral", "110", "1.5", "4.0", ck=("4500", "200"), ldh=("500", "250")),
        visit("3.0", "5.0", "mmt8_bilateral", "130", "1.0", "2.0", ck=("1200", "200"), ldh=("300", "250")),
        "ck", [17.5, 5, 20, 7.5, 7.5, 12.5], 70, "major",
    ),
    "B": (
        "adult",
        visit("5.0", "5.0", "mmt8_bilateral", "138", "0.875", "2.0", ck=("900", "200")),
        visit("4.0", "6.0", "mmt8_bilateral", "142", "0.75", "2.0", ck=("600", "200")),
        "ck", [7.5, 0, 10, 0, 2.5, 0], 20, "minimal",
    ),
    "C": (
        "adult",
        visit("5.0", "5.0", "mmt8_bilateral", "120", "1.0", "3.0", ck=("1000", "200")),
        visit("4.5", "4.5", "mmt8_bilateral", "123", "0.875", "2.5", ck=("850", "200")),
        "ck", [0, 0, 0, 0, 0, 0], 0, "none",
    ),
    "D": (
        "juvenile",
        visit("7.0", "6.0", "cmas", "27", "2.0", "5.0", ck=("300", "200"), ldh=("600", "250")),
        visit("3.0", "3.0", "cmas", "38", "1.25", "2.5", ck=("150", "200"), ldh=("400", "250")),
        "ldh", [17.5, 7.5, 27.5, 7.5, 7.5, 12.5], 80, "major",
    ),
    "E adult": ("adult", E_BASELINE, E_FOLLOW_UP, "ck", [7.5, 2.5, 10, 5, 7.5, 7.5], 40, "moderate"),
    "E juvenile": ("juvenile", E_BASELINE, E_FOLLOW_UP, "ck", [7.5, 2.5, 10, 5, 7.5, 7.5], 40, "minimal"),
    "F seed decline": (
        "juvenile",
        visit("5.0", "5.0", "cmas", "27", "1.5", "3.0", ck=("900", "200")),
        visit("7.0", "6.0", "cmas", "24", "1.75", "3.0", ck=("900", "200")),
        "ck", [0, 0, 0, 0, 0, 0], 0, "none",
    ),
}  # fmt: skip


def document(case: str) -> dict[str, Any]:
    disease_class, baseline, follow_up = CASES[case][:3]
    return copy.deepcopy({"class": disease_class, "baseline": baseline, "follow_up": follow_up})


def with_numbers(value: Any, kind: type) -> Any:
    """The same document with its decimal strings as another type of number."""
    if isinstance(value, dict):
        return {key: with_numbers(entry, kind) for key, entry in value.items()}
    if isinstance(value, str) and value.replace(".", "").isdigit():
        return kind(value)
    return value


@pytest.mark.parametrize("kind", [str, float, Decimal, Fraction])
@pytest.mark.parametrize("case", CASES)
def test_the_reference_cases_come_out_as_published_however_numbers_are_written(case: str, kind: type) -> None:
    _, _, _, enzyme, points, tis, expected_category = CASES[case]
    answer = total_improvement_score(with_numbers(document(case), kind))
    assert answer == {
        "tis": tis,
        "category": expected_category,
        "enzyme": enzyme,
        "parts": dict(
            zip(("physician_global", "patient_global", "strength", "haq", "enzyme", "extramuscular_global"), points,
                strict=True)
        ),
        "missing": [],
        "bounds": [tis, tis],
        "problems": [],
    }  # fmt: skip
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("measure", "per_cent", "level"),
    [
        (measure, boundary + step, position + (1 if step > 0 else 0))
        for measure in MEASURES
        for position, boundary in enumerate((2, 10, 20, 30) if measure == "strength" else (5, 15, 25, 40))
        for step in (Fraction(-1, 1000), Fraction(0), Fraction(1, 1000))
    ],
)
def test_intervals_are_open_below_and_closed_above(measure: str, per_cent: Fraction, level: int) -> None:
    assert points_for(measure, per_cent) == POINTS[measure][level]


def test_the_maxima_add_up_to_a_hundred() -> None:
    assert sum(points[-1] for points in POINTS.values()) == 100


@pytest.mark.parametrize(
    ("disease_class", "score", "expected"),
    [
        ("adult", Fraction("19.9"), "none"), ("adult", 20, "minimal"), ("adult", Fraction("39.9"), "minimal"),
        ("adult", 40, "moderate"), ("adult", Fraction("59.9"), "moderate"), ("adult", 60, "major"),
        ("juvenile", Fraction("29.9"), "none"), ("juvenile", 30, "minimal"), ("juvenile", Fraction("44.9"), "minimal"),
        ("juvenile", 45, "moderate"), ("juvenile", Fraction("69.9"), "moderate"), ("juvenile", 70, "major"),
    ],
)  # fmt: skip
def test_a_score_on_a_threshold_has_reached_it(disease_class: str, score: Fraction | int, expected: str) -> None:
    assert category(score, disease_class) == expected


@pytest.mark.parametrize(("before", "after"), [(1.1, 0.6), (2.3, 1.8), (4.1, 3.6), (9.7, 9.2), ("0.5", 0), (0.5, "0")])
def test_half_a_centimetre_of_improvement_earns_nothing_whatever_binary_floats_say(before: Any, after: Any) -> None:
    changed = document("C")
    changed["baseline"]["physician_global"], changed["follow_up"]["physician_global"] = before, after
    assert total_improvement_score(changed)["parts"]["physician_global"] == 0


@given(tenths=st.integers(0, 95), measure=st.sampled_from(["physician_global", "patient_global"]))
def test_no_float_ever_crosses_the_five_per_cent_boundary(tenths: int, measure: str) -> None:
    changed = document("C")
    changed["baseline"][measure], changed["follow_up"][measure] = (tenths + 5) / 10, tenths / 10
    assert total_improvement_score(changed)["parts"][measure] == 0


def test_the_enzyme_is_the_one_most_above_its_limit_and_not_the_largest_number() -> None:
    assert total_improvement_score(document("D"))["enzyme"] == "ldh"


def test_a_changed_upper_limit_is_bridged_by_multiples_of_the_limit() -> None:
    changed = document("A")
    # 4500/200 is 22.5 limits, 2250/300 is 7.5 limits: all of the 15 in the range; raw values would say 75 %.
    changed["follow_up"]["enzymes"]["ck"] = {"value": 2250, "upper_limit": 300}
    assert total_improvement_score(changed)["parts"]["enzyme"] == 7.5
    changed["follow_up"]["enzymes"]["ck"] = {"value": 4500, "upper_limit": 400}
    assert total_improvement_score(changed)["parts"]["enzyme"] == 7.5
    changed["follow_up"]["enzymes"]["ck"] = {"value": 4500, "upper_limit": 200}
    assert total_improvement_score(changed)["parts"]["enzyme"] == 0


@pytest.mark.parametrize(("enzyme", "multiplier"), [("ck", 15), ("aldolase", 6), ("ldh", 3), ("ast", 3), ("alt", 3)])
def test_each_enzyme_has_its_own_range(enzyme: str, multiplier: int) -> None:
    changed = document("C")
    on_boundary = 20 * 100 - 5 * multiplier  # an improvement of exactly 5 % of the range, limit 100
    for value, points in ((on_boundary, 0), (on_boundary - 1, 2.5)):
        changed["baseline"]["enzymes"] = {enzyme: {"value": 2000, "upper_limit": 100}}
        changed["follow_up"]["enzymes"] = {enzyme: {"value": value, "upper_limit": 100}}
        assert total_improvement_score(changed)["parts"]["enzyme"] == points


def test_another_enzyme_never_takes_the_place_of_the_one_chosen_at_baseline() -> None:
    changed = document("D")
    del changed["follow_up"]["enzymes"]["ldh"]
    answer = total_improvement_score(changed)
    assert answer["enzyme"] == "ldh"
    assert answer["missing"] == ["enzyme"]
    assert any("ldh" in problem for problem in answer["problems"])


def test_of_equally_abnormal_enzymes_the_one_measured_again_is_followed() -> None:
    changed = document("C")
    changed["baseline"]["enzymes"] = {
        "ck": {"value": 400, "upper_limit": 200},
        "ldh": {"value": 500, "upper_limit": 250},
    }
    changed["follow_up"]["enzymes"] = {"ldh": {"value": 250, "upper_limit": 250}}
    answer = total_improvement_score(changed)
    assert (answer["enzyme"], answer["parts"]["enzyme"]) == ("ldh", 7.5)


def test_a_follow_up_enzyme_without_limit_is_read_against_the_limit_of_the_baseline_and_says_so() -> None:
    changed = document("A")
    del changed["follow_up"]["enzymes"]["ck"]["upper_limit"]
    answer = total_improvement_score(changed)
    assert answer["tis"] == 70
    assert any("limit of the baseline" in problem for problem in answer["problems"])


def test_an_enzyme_without_any_limit_cannot_be_used() -> None:
    changed = document("B")
    changed["baseline"]["enzymes"]["ck"]["upper_limit"] = None
    answer = total_improvement_score(changed)
    assert (answer["enzyme"], answer["missing"], answer["tis"]) == (None, ["enzyme"], None)


@pytest.mark.parametrize("absent", [None, "deleted"])
@pytest.mark.parametrize("side", ["baseline", "follow_up"])
@pytest.mark.parametrize(
    ("key", "measure", "bounds", "expected"),
    [
        ("physician_global", "physician_global", [52.5, 72.5], None),
        ("patient_global", "patient_global", [65, 75], "major"),
        ("strength", "strength", [50, 82.5], None),
        ("haq", "haq", [62.5, 72.5], "major"),
        ("enzymes", "enzyme", [62.5, 70], "major"),
        ("extramuscular_global", "extramuscular_global", [57.5, 77.5], None),
    ],
)
def test_with_a_measure_missing_there_is_no_score_and_a_category_only_if_both_bounds_agree(
    key: str, measure: str, bounds: list[float], expected: str | None, side: str, absent: str | None
) -> None:
    changed = document("A")
    if absent is None:
        changed[side][key] = None
    else:
        del changed[side][key]
    answer = total_improvement_score(changed)
    assert answer["tis"] is None
    assert answer["missing"] == [measure]
    assert answer["parts"][measure] is None
    assert answer["bounds"] == bounds
    assert answer["category"] == expected


def test_with_nothing_measured_everything_from_none_to_all_is_possible() -> None:
    answer = total_improvement_score({"class": "adult", "baseline": {}, "follow_up": {}})
    assert (answer["tis"], answer["category"], answer["bounds"]) == (None, None, [0, 100])
    assert answer["missing"] == list(MEASURES)


def test_scores_of_different_instruments_are_never_compared() -> None:
    changed = document("A")
    changed["follow_up"]["strength"] = {"instrument": "mmt8", "score": 78}
    answer = total_improvement_score(changed)
    assert answer["missing"] == ["strength"]
    assert any("mmt8_bilateral" in problem for problem in answer["problems"])


def test_a_paediatric_instrument_in_an_adult_is_pointed_out() -> None:
    changed = document("F seed decline") | {"class": "adult"}
    assert any("paediatric" in problem for problem in total_improvement_score(changed)["problems"])


def test_an_unknown_entry_is_named_and_not_silently_dropped() -> None:
    changed = document("A")
    changed["baseline"]["physicianglobal"] = 3
    assert any("physicianglobal" in problem for problem in total_improvement_score(changed)["problems"])


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("baseline", "physician_global"), 11, "baseline.physician_global"),
        (("follow_up", "patient_global"), -1, "follow_up.patient_global"),
        (("baseline", "haq"), "3.1", "baseline.haq"),
        (("baseline", "extramuscular_global"), "lots", "baseline.extramuscular_global"),
        (("baseline", "physician_global"), True, "baseline.physician_global"),
        (("baseline", "physician_global"), float("nan"), "baseline.physician_global"),
        (("baseline", "physician_global"), float("inf"), "baseline.physician_global"),
        (("baseline", "physician_global"), "1e999999999", "baseline.physician_global"),
        (("follow_up", "strength", "score"), 151, "follow_up.strength.score"),
        (("follow_up", "strength", "score"), -1, "follow_up.strength.score"),
        (("baseline", "strength", "instrument"), "grip", "baseline.strength.instrument"),
        (("baseline", "strength"), 110, "baseline.strength"),
        (("baseline", "strength", "max"), 80, "baseline.strength.max"),
        (("baseline", "enzymes", "ck", "value"), -5, "baseline.enzymes.ck.value"),
        (("baseline", "enzymes", "ck", "upper_limit"), 0, "baseline.enzymes.ck.upper_limit"),
        (("baseline", "enzymes", "ck"), 900, "baseline.enzymes.ck"),
        (("baseline", "enzymes", "amylase"), {"value": 1, "upper_limit": 1}, "baseline.enzymes.amylase"),
        (("baseline", "enzymes"), [], "baseline.enzymes"),
        (("class",), "adolescent", "class"),
        (("class",), None, "class"),
        (("class",), ["adult"], "class"),
        (("baseline",), None, "baseline"),
        (("follow_up",), [], "follow_up"),
    ],
)
def test_what_cannot_be_a_measurement_is_refused_by_name(path: tuple[str, ...], value: Any, field: str) -> None:
    changed = document("A")
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ScoreInputError) as refused:
        total_improvement_score(changed)
    assert refused.value.field == field


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(ScoreInputError):
        total_improvement_score([])


def _hundredths(highest: int) -> st.SearchStrategy[float]:
    return st.integers(0, highest * 100).map(lambda number: number / 100)


@st.composite
def visits(draw: st.DrawFn) -> dict[str, Any]:
    return visit(
        draw(_hundredths(10)), draw(_hundredths(10)), "mmt8", draw(st.integers(0, 80)), draw(_hundredths(3)),
        draw(_hundredths(10)), ck=(draw(st.integers(1, 20000)), draw(st.sampled_from([150, 200, 333]))),
        ldh=(draw(st.integers(1, 2000)), 250),
    )  # fmt: skip


@given(st.sampled_from(["adult", "juvenile"]), visits(), visits(), st.sampled_from(MEASURES), st.data())
def test_a_better_follow_up_never_scores_lower(
    disease_class: str, baseline: dict[str, Any], follow_up: dict[str, Any], measure: str, data: st.DataObject
) -> None:
    better = copy.deepcopy(follow_up)
    if measure == "strength":
        better["strength"]["score"] = data.draw(st.integers(follow_up["strength"]["score"], 80))
    elif measure == "enzyme":
        for result in better["enzymes"].values():
            result["value"] = data.draw(st.integers(0, result["value"]))
    else:
        better[measure] = data.draw(st.integers(0, round(follow_up[measure] * 100))) / 100
    before = total_improvement_score({"class": disease_class, "baseline": baseline, "follow_up": follow_up})["tis"]
    after = total_improvement_score({"class": disease_class, "baseline": baseline, "follow_up": better})["tis"]
    assert before is not None
    assert after is not None
    assert after >= before
    assert 0 <= before <= 100


@given(
    st.sampled_from(["adult", "juvenile"]),
    visits(),
    visits(),
    st.sets(st.tuples(st.sampled_from(["baseline", "follow_up"]), st.sampled_from(MEASURES)), min_size=1),
)
def test_whatever_the_missing_values_are_the_score_lies_within_the_bounds(
    disease_class: str, baseline: dict[str, Any], follow_up: dict[str, Any], absent: set[tuple[str, str]]
) -> None:
    complete: dict[str, Any] = {"class": disease_class, "baseline": baseline, "follow_up": follow_up}
    partial = copy.deepcopy(complete)
    for side, measure in absent:
        partial[side]["enzymes" if measure == "enzyme" else measure] = None
    known = total_improvement_score(complete)
    answer = total_improvement_score(partial)
    low, high = answer["bounds"]
    assert known["tis"] is not None
    assert low <= known["tis"] <= high
    assert answer["tis"] is None
    assert set(answer["missing"]) == {measure for _, measure in absent}
    assert answer["category"] in (None, known["category"])

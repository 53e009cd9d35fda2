"""Manual muscle testing totals: neck flexors once, nothing prorated, nothing upsampled."""

from typing import Any

import pytest

from jobs.scores.exact import ScoreInputError
from jobs.scores.mmt import MUSCLE_GROUPS, SIDES, composition, maximum, mmt


def assessment(instrument: str, grade: Any = 10, **changed: Any) -> dict[str, Any]:
    """All 26 tests with one grade, some groups changed."""
    full: dict[str, Any] = {
        key: dict.fromkeys(SIDES, grade) if group.paired else grade for key, group in MUSCLE_GROUPS.items()
    }
    return {"instrument": instrument, "items": full | changed}


@pytest.mark.parametrize(("instrument", "tests", "highest"), [("mmt8", 8, 80), ("mmt8_bilateral", 15, 150),
                                                             ("mmt_total", 26, 260)])  # fmt: skip
def test_a_full_assessment_gives_each_variant_its_maximum(instrument: str, tests: int, highest: int) -> None:
    answer = mmt(assessment(instrument))
    assert len(composition(instrument)) == tests
    assert maximum(instrument) == highest
    assert (answer["total"], answer["max"], answer["missing"], answer["problems"]) == (highest, highest, [], [])


def test_regions_are_20_axial_160_proximal_80_distal() -> None:
    points = dict.fromkeys(("axial", "proximal", "distal"), 0)
    for group in MUSCLE_GROUPS.values():
        points[group.region] += 20 if group.paired else 10
    assert points == {"axial": 20, "proximal": 160, "distal": 80}


def test_neck_flexors_count_once_so_that_a_weak_neck_costs_the_same_in_80_and_150() -> None:
    assert mmt(assessment("mmt8", neck_flexors=4))["total"] == 74
    assert mmt(assessment("mmt8_bilateral", neck_flexors=4))["total"] == 144


def test_one_side_is_tested_on_the_side_that_is_named() -> None:
    weak_left = assessment("mmt8", deltoid={"right": 10, "left": 5})
    assert (mmt(weak_left)["total"], mmt(weak_left)["side"]) == (80, "right")
    assert (mmt(weak_left | {"side": "left"})["total"], mmt(weak_left | {"side": "left"})["side"]) == (75, "left")
    assert mmt(weak_left | {"instrument": "mmt8_bilateral"})["side"] is None


def test_one_grade_a_group_is_enough_for_one_side() -> None:
    answer = mmt({"instrument": "mmt8", "items": {key: 7 for key, group in MUSCLE_GROUPS.items() if group.in_mmt8}})
    assert answer["total"] == 56


@pytest.mark.parametrize("absent", [{"right": 10}, {"right": 10, "left": None}])
def test_a_missing_test_leaves_no_total_and_is_named(absent: dict[str, Any]) -> None:
    answer = mmt(assessment("mmt8_bilateral", deltoid=absent))
    assert (answer["total"], answer["missing"]) == (None, ["deltoid.left"])


def test_groups_outside_the_variant_may_be_missing() -> None:
    assert mmt(assessment("mmt8_bilateral", iliopsoas=None))["total"] == 150
    assert mmt(assessment("mmt_total", iliopsoas=None))["missing"] == ["iliopsoas.right", "iliopsoas.left"]


def test_a_trace_counts_as_0_and_is_flagged() -> None:
    answer = mmt(assessment("mmt8", deltoid={"right": "T", "left": 10}))
    assert answer["total"] == 70
    assert answer["flags"] == ["deltoid.right: contains a trace grade, counted as 0."]


@pytest.mark.parametrize("grade", [11, -1, 7.5, "strong", True])
def test_an_impossible_grade_leaves_no_total_and_is_a_problem(grade: Any) -> None:
    answer = mmt(assessment("mmt8", neck_flexors=grade))
    assert answer["total"] is None
    assert len(answer["problems"]) == 1
    assert "neck_flexors" in answer["problems"][0]


def test_plain_mrc_grades_are_never_turned_into_a_total_out_of_ten() -> None:
    answer = mmt(assessment("mmt8", grade=4) | {"scale": "MRC_0_5"})
    assert (answer["total"], answer["scale"]) == (None, "MRC_0_5")
    assert answer["problems"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"instrument": "mmt24"}, "instrument"), ({"instrument": None}, "instrument"), ({"side": "both"}, "side"),
        ({"scale": "0-4"}, "scale"), ({"items": None}, "items"), ({"items": {"soleus": 5}}, "items.soleus"),
        ({"items": {"deltoid": {"middle": 5}}}, "items.deltoid.middle"),
        ({"items": {"neck_flexors": {"right": 5}}}, "items.neck_flexors"),
        ({"instrument": "mmt_total", "items": {"deltoid": 5}}, "items.deltoid"),
    ],
)  # fmt: skip
def test_what_is_not_on_the_form_is_refused_by_name(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ScoreInputError) as refused:
        mmt(assessment("mmt8") | changed)
    assert refused.value.field == field

"""EULAR/ACR classification: columns not swapped, cut-offs exact, unknown is not absent, the tree."""

from typing import Any

import pytest

from jobs.scores.classification import BIOPSY_CRITERIA, CRITERIA, classify, probability
from jobs.scores.exact import ScoreInputError

NO_RASH_TREE = {"finger_flexor_weakness": False, "treatment_response": True}


def patient(age: Any, *present: str, biopsy: tuple[str, ...] | None = None, **tree: bool | None) -> dict[str, Any]:
    """Everything known; only the named findings present."""
    return {
        "onset_age": age,
        "findings": {key: key in present for key in CRITERIA} | NO_RASH_TREE | tree,
        "biopsy": None if biopsy is None else {key: key in biopsy for key in BIOPSY_CRITERIA},
    }


@pytest.mark.parametrize(
    ("age", "without", "with_biopsy"), [(17, 0, 0), (17.9, 0, 0), (18, 1.3, 1.5), (39, 1.3, 1.5), (40, 2.1, 2.2)]
)
def test_points_for_the_age_of_onset(age: float, without: float, with_biopsy: float) -> None:
    assert classify(patient(age))["score"] == without
    assert classify(patient(age, biopsy=()))["score"] == with_biopsy


@pytest.mark.parametrize(
    ("finding", "without", "with_biopsy"),
    [
        ("weakness_proximal_upper", 0.7, 0.7), ("weakness_proximal_lower", 0.8, 0.5),
        ("neck_flexors_weaker_than_extensors", 1.9, 1.6), ("leg_proximal_weaker_than_distal", 0.9, 1.2),
        ("heliotrope", 3.1, 3.2), ("gottron_papules", 2.1, 2.7), ("gottron_sign", 3.3, 3.7), ("dysphagia", 0.7, 0.6),
        ("anti_jo1", 3.9, 3.8), ("raised_muscle_enzyme", 1.3, 1.4),
    ],
)  # fmt: skip
def test_each_finding_has_its_own_points_with_and_without_biopsy(
    finding: str, without: float, with_biopsy: float
) -> None:
    assert classify(patient(10, finding))["score"] == without
    assert classify(patient(10, finding, biopsy=()))["score"] == with_biopsy


@pytest.mark.parametrize(
    ("finding", "points"),
    [("endomysial_infiltrate", 1.7), ("perimysial_perivascular_infiltrate", 1.2), ("perifascicular_atrophy", 1.9),
     ("rimmed_vacuoles", 3.1)],
)  # fmt: skip
def test_findings_of_the_biopsy_count(finding: str, points: float) -> None:
    assert classify(patient(10, biopsy=(finding,)))["score"] == points


@pytest.mark.parametrize(
    ("document", "score", "category"),
    [
        # 2.1 + 3.3 + 2.1 = 7.5 exactly, which binary floats need not reach
        (patient(45, "gottron_sign", "gottron_papules"), 7.5, "definite"),
        (patient(10, "heliotrope", "gottron_papules", "raised_muscle_enzyme", "leg_proximal_weaker_than_distal"),
         7.4, "probable"),
        (patient(45, "gottron_sign"), 5.4, "possible"),
        (patient(10, "gottron_sign", "gottron_papules"), 5.4, "possible"),
        (patient(45, "heliotrope"), 5.2, "not_iim"),
        (patient(10, "gottron_sign", "raised_muscle_enzyme", "leg_proximal_weaker_than_distal"), 5.5, "probable"),
        (patient(18, "heliotrope", "leg_proximal_weaker_than_distal"), 5.3, "possible"),
        (patient(10, "gottron_sign", "heliotrope", "raised_muscle_enzyme", biopsy=()), 8.3, "probable"),
        (patient(10, "gottron_sign", "anti_jo1", "leg_proximal_weaker_than_distal", biopsy=()), 8.7, "definite"),
        (patient(10, "gottron_sign", biopsy=("rimmed_vacuoles",)), 6.8, "probable"),
        (patient(10, "anti_jo1", "gottron_papules", biopsy=()), 6.5, "possible"),
        (patient(10, "gottron_sign", "gottron_papules", biopsy=()), 6.4, "not_iim"),
    ],
)  # fmt: skip
def test_a_score_on_a_cut_off_has_reached_it(document: dict[str, Any], score: float, category: str) -> None:
    answer = classify(document)
    assert (answer["score"], answer["category"]) == (score, category)
    assert answer["bounds"] == [score, score]
    assert answer["missing"] == []


def test_the_probability_is_ninety_per_cent_at_both_cut_offs_of_definite() -> None:
    assert probability(7.5, False) == pytest.approx(0.90, abs=0.005)
    assert probability(8.7, True) == pytest.approx(0.90, abs=0.005)
    assert probability(5.33, False) == 0.5


def test_what_is_not_known_is_not_taken_as_absent() -> None:
    document = patient(45, "heliotrope")
    document["findings"]["anti_jo1"] = None
    answer = classify(document)
    assert (answer["score"], answer["probability"], answer["category"]) == (None, None, None)
    assert (answer["bounds"], answer["missing"]) == ([5.2, 9.1], ["anti_jo1"])
    assert answer["probability_bounds"][0] < 0.5 < answer["probability_bounds"][1]


def test_an_unknown_finding_that_cannot_change_the_category_leaves_it() -> None:
    document = patient(45, "heliotrope", "gottron_sign", "weakness_proximal_upper")
    del document["findings"]["dysphagia"]
    answer = classify(document)
    assert (answer["category"], answer["subgroup"], answer["score"]) == ("definite", "DM", None)


def test_with_nothing_known_everything_is_missing() -> None:
    answer = classify({})
    assert (answer["category"], answer["subgroup"], answer["bounds"][0]) == (None, None, 0)
    assert answer["missing"] == ["onset_age", *CRITERIA]


STRONG = ("anti_jo1", "raised_muscle_enzyme", "weakness_proximal_upper", "weakness_proximal_lower")


@pytest.mark.parametrize(
    ("document", "subgroup"),
    [
        (patient(8, "heliotrope", "gottron_sign"), "JDM"),
        (patient(8, *STRONG), "JUVENILE_OTHER"),
        (patient(17.9, "heliotrope", "gottron_sign"), "JDM"),
        (patient(18, "heliotrope", "gottron_sign"), "ADM"),
        (patient(30, "heliotrope", "gottron_sign", "neck_flexors_weaker_than_extensors"), "DM"),
        (patient(30, "heliotrope", "gottron_sign"), "ADM"),
        (patient(50, *STRONG), "PM"),
        (patient(50, *STRONG, finger_flexor_weakness=True, treatment_response=False), "IBM"),
        (patient(50, *STRONG, finger_flexor_weakness=True), "PM"),
        (patient(50, *STRONG, biopsy=("rimmed_vacuoles",)), "IBM"),
        (patient(50, *STRONG, biopsy=()), "PM"),
        (patient(50, "heliotrope"), None),
    ],
)
def test_the_tree_leads_to_a_subgroup_from_probable_on(document: dict[str, Any], subgroup: str | None) -> None:
    assert classify(document)["subgroup"] == subgroup


@pytest.mark.parametrize(
    ("tree", "missing"),
    [
        ({"finger_flexor_weakness": None, "treatment_response": False}, ["finger_flexor_weakness"]),
        ({"finger_flexor_weakness": True, "treatment_response": None}, ["treatment_response"]),
        ({"finger_flexor_weakness": None, "treatment_response": None},
         ["finger_flexor_weakness", "treatment_response"]),
    ],
)  # fmt: skip
def test_an_undecided_branch_names_what_would_decide_it(tree: dict[str, Any], missing: list[str]) -> None:
    answer = classify(patient(50, *STRONG, **tree))
    assert (answer["subgroup"], answer["subgroup_missing"]) == (None, missing)


def test_a_branch_that_cannot_be_taken_needs_no_further_findings() -> None:
    answer = classify(patient(50, *STRONG, finger_flexor_weakness=False, treatment_response=None))
    assert (answer["subgroup"], answer["subgroup_missing"]) == ("PM", [])


def test_what_is_only_remembered_is_marked() -> None:
    assert classify({})["marks"] == {
        "weights": "seen", "cut_offs": "seen", "probability": "memory", "subgroup": "memory",
    }  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [[], {"onset_age": -1}, {"onset_age": "old"}, {"findings": {"itch": True}}, {"findings": {"heliotrope": 1}},
     {"findings": []}, {"biopsy": {"heliotrope": True}}, {"biopsy": True}],
)  # fmt: skip
def test_unknown_names_and_values_are_refused(document: Any) -> None:
    with pytest.raises(ScoreInputError):
        classify(document)

"""CMAS totals: complete, incomplete, impossible, and the times that check the grades."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scores.cmas import ITEMS, MAXIMUM, age_note, cmas
from jobs.scores.exact import ScoreInputError


def items(**changed: Any) -> dict[str, Any]:
    """Every item at its maximum, except the changed ones (i8=...)."""
    full: dict[str, Any] = {number: {"score": item.maximum} for number, item in ITEMS.items()}
    return {"items": full | {key.removeprefix("i"): value for key, value in changed.items()}}


def test_the_maxima_of_the_fourteen_items_add_up_to_52() -> None:
    assert [item.maximum for item in ITEMS.values()] == [5, 2, 5, 3, 6, 3, 3, 4, 3, 4, 4, 4, 3, 3]
    assert MAXIMUM == 52
    assert all(len(item.seconds_from) in (0, item.maximum) for item in ITEMS.values())


def test_full_marks_are_52() -> None:
    assert cmas(items()) == {"total": 52, "max": 52, "missing": [], "problems": []}


@pytest.mark.parametrize("number", ["1", 1])
def test_item_numbers_may_be_text_or_numbers(number: Any) -> None:
    full = items()
    del full["items"]["1"]
    full["items"][number] = {"score": "4"}
    assert cmas(full)["total"] == 51


@pytest.mark.parametrize("entry", [None, {}, {"score": None}, {"seconds": 121}])
def test_a_missing_item_leaves_no_total_and_is_named(entry: Any) -> None:
    answer = cmas(items(i1=entry))
    assert (answer["total"], answer["max"], answer["missing"], answer["problems"]) == (None, 52, ["1"], [])


def test_missing_items_come_in_the_order_of_the_form() -> None:
    assert cmas({"items": {"1": {"score": 5}}})["missing"] == [str(number) for number in range(2, 15)]


@pytest.mark.parametrize(
    ("number", "score"),
    [("8", 5), ("4", 4), ("2", 3), ("5", 7), ("14", 4), ("3", -1), ("6", 1.5), ("7", "all"), ("9", True)],
)
def test_an_impossible_grade_leaves_no_total_and_is_a_problem(number: str, score: Any) -> None:
    answer = cmas(items(**{f"i{number}": {"score": score}}))
    assert answer["total"] is None
    assert answer["missing"] == []
    assert len(answer["problems"]) == 1
    assert answer["problems"][0].startswith(f"Item {number} ")


def test_an_item_the_scale_does_not_have_leaves_no_total() -> None:
    answer = cmas(items(i15={"score": 1}))
    assert answer["total"] is None
    assert "Item 15" in answer["problems"][0]


@pytest.mark.parametrize(
    ("number", "seconds", "grade"),
    [
        *[(number, seconds, grade) for number in ("1", "3") for seconds, grade in
          [(0, 0), (0.9, 0), (1, 1), (9, 1), (9.9, 1), (10, 2), (29, 2), (30, 3), (59, 3), (60, 4), (119, 4),
           (120, 5), ("121", 5)]],
        ("8", 0, 0), ("8", 1, 1), ("8", 10, 2), ("8", 30, 3), ("8", 59, 3), ("8", 60, 4), ("8", 300, 4),
    ],
)  # fmt: skip
def test_seconds_that_fit_the_grade_are_no_problem_and_others_are(number: str, seconds: Any, grade: int) -> None:
    fitting = cmas(items(**{f"i{number}": {"score": grade, "seconds": seconds}}))
    assert fitting["problems"] == []
    wrong = grade - 1 if grade else 1
    contradicting = cmas(items(**{f"i{number}": {"score": wrong, "seconds": seconds}}))
    assert len(contradicting["problems"]) == 1
    assert f"is grade {grade}" in contradicting["problems"][0]
    assert contradicting["total"] == 52 - ITEMS[number].maximum + wrong


@pytest.mark.parametrize(("number", "seconds"), [("1", -1), ("1", "long"), ("2", 10)])
def test_seconds_that_cannot_be_used_are_a_problem(number: str, seconds: Any) -> None:
    answer = cmas(items(**{f"i{number}": {"score": ITEMS[number].maximum, "seconds": seconds}}))
    assert answer["total"] == 52
    assert len(answer["problems"]) == 1


@pytest.mark.parametrize("document", [None, [], {}, {"items": None}, {"items": [5, 2]}])
def test_without_an_object_of_items_the_input_is_refused(document: Any) -> None:
    with pytest.raises(ScoreInputError):
        cmas(document)


@given(st.fixed_dictionaries({number: st.integers(0, item.maximum) for number, item in ITEMS.items()}))
def test_the_total_is_the_sum_of_the_grades(grades: dict[str, int]) -> None:
    answer = cmas({"items": {number: {"score": grade} for number, grade in grades.items()}})
    assert answer["total"] == sum(grades.values())


@pytest.mark.parametrize(
    ("age", "says"),
    [(3, "younger than 4"), (4, "46.6"), (5, "depend on age"), (9, "depend on age"), (10, ""), (17, ""),
     (18, "scored in an adult"), (None, "")],
)  # fmt: skip
def test_52_is_not_called_normal_for_young_children_nor_the_scale_one_for_adults(age: int | None, says: str) -> None:
    assert says in age_note(age)
    assert bool(age_note(age)) == bool(says)

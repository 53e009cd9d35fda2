"""Childhood Myositis Assessment Scale (CMAS): 14 items, 0 to 52.

Sources: item maxima and graded times from IMACS Form 05c as constrained in the openEHR archetype cmas_score.v0;
range 0-52 Huber 2004, doi:10.1002/art.20179; mean of healthy children of 4 years
doi:10.1002/acr.22041; age dependence of head lift and sit-ups doi:10.1002/art.20397.

An item set whose maxima do not add up to 52 is not this instrument (53 comes from grading the arm raise 0-5, 51 from
leaving out the top grade of supine to prone). Missing items are never prorated: no published rule was read. The wording
of the form is copyrighted; the labels here are our own short ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypedDict

from jobs.scores.exact import ScoreInputError, exact_number, written
from models.patient_facts import ADULT_FROM_YEARS


@dataclass(frozen=True)
class Item:
    """One item: own short label, highest grade, and for timed items the seconds from which grades 1, 2, ... begin."""

    label: str
    maximum: int
    seconds_from: tuple[int, ...] = ()


_UP_TO_TWO_MINUTES: Final = (1, 10, 30, 60, 120)

ITEMS: Final[Mapping[str, Item]] = {
    "1": Item("Head lift", 5, _UP_TO_TWO_MINUTES),
    "2": Item("Leg raise to object", 2),
    "3": Item("Straight leg lift", 5, _UP_TO_TWO_MINUTES),
    "4": Item("Supine to prone", 3),
    "5": Item("Sit-ups", 6),
    "6": Item("Supine to sit", 3),
    "7": Item("Arm raise", 3),
    "8": Item("Arm raise, held", 4, (1, 10, 30, 60)),
    "9": Item("Floor sit", 3),
    "10": Item("All-fours", 4),
    "11": Item("Floor rise", 4),
    "12": Item("Chair rise", 4),
    "13": Item("Stool step", 3),
    "14": Item("Pick-up", 3),
}

MAXIMUM: Final = sum(item.maximum for item in ITEMS.values())


def age_note(age: int | None) -> str:
    """What to say beside a CMAS scored at this age (completed years); empty where nothing is to be said."""
    if age is None:
        return ""
    if age < 4:
        return "No normal values were read for children younger than 4; healthy children of 4 average 46.6 of 52."
    if age < 5:
        return "Healthy children of 4 average 46.6 of 52 (standard deviation 2.3); 52 is not the normal score at 4."
    if age < 10:
        return "Head lift and sit-ups depend on age between 4 and 9: less than 52 can be normal at this age."
    if age >= ADULT_FROM_YEARS:
        return "CMAS is an instrument for children and was scored in an adult."
    return ""


class CmasScore(TypedDict):
    """The answer of `score cmas`: ``missing`` are item numbers as in the input, ``problems`` are sentences."""

    total: int | None
    max: int
    missing: list[str]
    problems: list[str]


def cmas(document: object) -> CmasScore:
    """Total of the 14 items: contract, "Shapes", `score cmas`.

    The total is None if an item is missing, has an impossible grade, or is no item of the scale. A time that does not
    fit the grade of items 1, 3 and 8 is a problem too, but leaves the total: the grade is the item's score, and which
    of the two was written wrongly is for the assessor to say. A time without a grade is a missing grade. Raises
    ScoreInputError if there is no object of items.
    """
    items = document.get("items") if isinstance(document, Mapping) else None
    if not isinstance(items, Mapping):
        raise ScoreInputError("items", "is missing or is not an object")
    given: dict[str, object] = {str(key).strip(): value for key, value in items.items()}
    problems: list[str] = []
    missing: list[str] = []
    total, usable = 0, True

    unknown = [key for key in given if key not in ITEMS]
    if unknown:
        usable = False
        problems.extend(f"Item {key} is not an item of CMAS; it has items 1 to {len(ITEMS)}." for key in unknown)
    for number, item in ITEMS.items():
        entry = given.get(number)
        grade_given, seconds_given = (
            (entry.get("score"), entry.get("seconds")) if isinstance(entry, Mapping) else (entry, None)
        )
        seconds, seconds_problem = _seconds(number, item, seconds_given)
        if seconds_problem:
            problems.append(seconds_problem)
        if grade_given is None:
            missing.append(number)
            continue
        grade, grade_problem = _grade(number, item, grade_given)
        if grade is None:
            usable = False
            problems.append(grade_problem)
            continue
        total += grade
        if seconds is not None:
            expected = sum(1 for start in item.seconds_from if seconds >= start)
            if expected != grade:
                problems.append(
                    f"Item {number} ({item.label.lower()}): {written(seconds)} seconds is grade {expected}, "
                    f"but the grade given is {grade}."
                )
    return {
        "total": total if usable and not missing else None,
        "max": MAXIMUM,
        "missing": missing,
        "problems": problems,
    }


def _grade(number: str, item: Item, given: object) -> tuple[int | None, str]:
    """The grade, or None and the sentence that says why it cannot be one."""
    name = f"Item {number} ({item.label.lower()})"
    try:
        grade = exact_number(given, name)
    except ScoreInputError as error:
        return None, f"{error}."
    if grade.denominator != 1:
        return None, f"{name}: the grade {written(grade)} is not a whole number."
    if grade < 0:
        return None, f"{name}: the grade {written(grade)} is below 0."
    if grade > item.maximum:
        return None, f"{name}: the grade {written(grade)} is above the item's maximum of {item.maximum}."
    return int(grade), ""


def _seconds(number: str, item: Item, given: object) -> tuple[Fraction | None, str]:
    """The time of a timed item, or None; with a sentence if a time was given that cannot be used."""
    if given is None:
        return None, ""
    name = f"Item {number} ({item.label.lower()})"
    if not item.seconds_from:
        return None, f"{name} is not a timed item; its seconds were ignored."
    try:
        seconds = exact_number(given, name)
    except ScoreInputError as error:
        return None, f"{error} of seconds."
    if seconds < 0:
        return None, f"{name}: {written(seconds)} seconds is below 0."
    return seconds, ""

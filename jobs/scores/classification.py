"""2017 EULAR/ACR classification criteria for idiopathic inflammatory myopathies, doi:10.1136/annrheumdis-2017-211468.

Weights and cut-offs were read ([seen]); a mirror of the table prints the two columns under swapped headings, and the
higher column belongs to the criteria with a biopsy. Only remembered: the formula of the probability ([memory], it gives
0.90 at both cut-offs of "definite") and the tree of subgroups ([memory]). The criteria are for research, apply only
where nothing else explains the findings better, and are no diagnosis. They do not separate necrotising myopathy or
the antisynthetase syndrome: keep this subgroup beside the clinical subtype, never instead of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypedDict

from jobs.scores.exact import ScoreInputError, exact_number, json_number, written

MARKS: Final[Mapping[str, str]] = {
    "weights": "seen",
    "cut_offs": "seen",
    "probability": "memory",
    "subgroup": "memory",
}


@dataclass(frozen=True)
class Weight:
    """Points of a criterion without and with a biopsy; None where the criterion needs the biopsy."""

    without_biopsy: Fraction | None
    with_biopsy: Fraction


def _weight(without_biopsy: str | None, with_biopsy: str) -> Weight:
    return Weight(None if without_biopsy is None else Fraction(without_biopsy), Fraction(with_biopsy))


ONSET_18_TO_39: Final = _weight("1.3", "1.5")
ONSET_FROM_40: Final = _weight("2.1", "2.2")

CRITERIA: Final[Mapping[str, Weight]] = {
    "weakness_proximal_upper": _weight("0.7", "0.7"),
    "weakness_proximal_lower": _weight("0.8", "0.5"),
    "neck_flexors_weaker_than_extensors": _weight("1.9", "1.6"),
    "leg_proximal_weaker_than_distal": _weight("0.9", "1.2"),
    "heliotrope": _weight("3.1", "3.2"),
    "gottron_papules": _weight("2.1", "2.7"),
    "gottron_sign": _weight("3.3", "3.7"),
    "dysphagia": _weight("0.7", "0.6"),
    "anti_jo1": _weight("3.9", "3.8"),
    "raised_muscle_enzyme": _weight("1.3", "1.4"),
}

BIOPSY_CRITERIA: Final[Mapping[str, Weight]] = {
    "endomysial_infiltrate": _weight(None, "1.7"),
    "perimysial_perivascular_infiltrate": _weight(None, "1.2"),
    "perifascicular_atrophy": _weight(None, "1.9"),
    "rimmed_vacuoles": _weight(None, "3.1"),
}

CUT_OFFS: Final[Mapping[bool, tuple[tuple[str, Fraction], ...]]] = {
    False: (("definite", Fraction("7.5")), ("probable", Fraction("5.5")), ("possible", Fraction("5.3"))),
    True: (("definite", Fraction("8.7")), ("probable", Fraction("6.7")), ("possible", Fraction("6.5"))),
}
"""Lowest scores of the categories; key: with biopsy. Below them: "not_iim"."""

_PROBABILITY_OFFSET: Final[Mapping[bool, float]] = {False: 5.33, True: 6.49}

_RASH: Final = ("heliotrope", "gottron_papules", "gottron_sign")
_WEAKNESS: Final = (
    "weakness_proximal_upper",
    "weakness_proximal_lower",
    "neck_flexors_weaker_than_extensors",
    "leg_proximal_weaker_than_distal",
)
# Asked by the tree alone; they carry no points.
_TREE_ONLY: Final = ("finger_flexor_weakness", "treatment_response")


class Classification(TypedDict):
    """``score``, ``category``, ``probability`` and ``subgroup`` are None where findings that are not known decide."""

    with_biopsy: bool
    score: int | float | None
    bounds: list[int | float]
    probability: float | None
    probability_bounds: list[float]
    category: str | None
    subgroup: str | None
    missing: list[str]
    subgroup_missing: list[str]
    marks: dict[str, str]


def classify(document: object) -> Classification:
    """Score, probability, category and subgroup.

    In: ``{"onset_age": 45, "findings": {"heliotrope": true, ...}, "biopsy": null | {"rimmed_vacuoles": false, ...}}``.
    Findings are true, false, or null/absent for not known; ``biopsy`` null or absent means none was taken. For the tree
    alone findings may hold ``finger_flexor_weakness`` and ``treatment_response``.

    What is not known is not taken as absent: ``bounds`` hold the score with none and with all of it, and the category
    is given if both have the same. A subgroup is given from "probable" on. Raises ScoreInputError for unknown names
    and anything that is not true, false or null.
    """
    if not isinstance(document, Mapping):
        raise ScoreInputError("document", "is not an object")
    findings = _answers(document.get("findings"), "findings", (*CRITERIA, *_TREE_ONLY))
    biopsy_given = document.get("biopsy")
    with_biopsy = biopsy_given is not None
    biopsy = _answers(biopsy_given, "biopsy", tuple(BIOPSY_CRITERIA)) if with_biopsy else {}
    onset = None
    if document.get("onset_age") is not None:
        onset = exact_number(document["onset_age"], "onset_age")
        if not 0 <= onset <= 120:
            raise ScoreInputError("onset_age", f"{written(onset)} is not an age in years")

    low, high, missing = _bounds(onset, findings, biopsy, with_biopsy)
    low_category, high_category = _category(low, with_biopsy), _category(high, with_biopsy)
    category = low_category if low_category == high_category else None
    subgroup, subgroup_missing = _subgroup(onset, {**findings, **biopsy}, with_biopsy)
    # "probable or definite" is enough to enter the tree, even if it is not known which of them.
    classified = {low_category, high_category} <= {"definite", "probable"}
    return {
        "with_biopsy": with_biopsy,
        "score": None if missing else json_number(low),
        "bounds": [json_number(low), json_number(high)],
        "probability": None if missing else probability(low, with_biopsy),
        "probability_bounds": [probability(low, with_biopsy), probability(high, with_biopsy)],
        "category": category,
        "subgroup": subgroup if classified else None,
        "missing": missing,
        "subgroup_missing": subgroup_missing if classified else [],
        "marks": dict(MARKS),
    }


def probability(score: Fraction | int | float, with_biopsy: bool) -> float:
    """Probability of the disease at a score, 0 to 1, to four places [memory]."""
    return round(1 / (1 + math.exp(_PROBABILITY_OFFSET[with_biopsy] - float(score))), 4)


def _category(score: Fraction, with_biopsy: bool) -> str:
    for name, lowest in CUT_OFFS[with_biopsy]:
        if score >= lowest:
            return name
    return "not_iim"


def _answers(document: object, name: str, known: tuple[str, ...]) -> dict[str, bool | None]:
    if document is None:
        return dict.fromkeys(known)
    if not isinstance(document, Mapping):
        raise ScoreInputError(name, "is not an object")
    for key, value in document.items():
        if key not in known:
            raise ScoreInputError(f"{name}.{key}", "is not a finding of these criteria")
        if value is not None and not isinstance(value, bool):
            raise ScoreInputError(f"{name}.{key}", f"{value!r} is not true, false or null")
    return {key: document.get(key) for key in known}


def _bounds(
    onset: Fraction | None,
    findings: Mapping[str, bool | None],
    biopsy: Mapping[str, bool | None],
    with_biopsy: bool,
) -> tuple[Fraction, Fraction, list[str]]:
    """Lowest and highest score that the unknown findings allow, and their names."""

    def points(weight: Weight) -> Fraction:
        without = Fraction(0) if weight.without_biopsy is None else weight.without_biopsy
        return weight.with_biopsy if with_biopsy else without

    low = high = Fraction(0)
    missing: list[str] = []
    if onset is None:
        missing.append("onset_age")
        high += points(ONSET_FROM_40)
    elif onset >= 18:
        for_age = points(ONSET_FROM_40 if onset >= 40 else ONSET_18_TO_39)
        low, high = low + for_age, high + for_age
    criteria = {**CRITERIA, **BIOPSY_CRITERIA} if with_biopsy else CRITERIA
    known = {**findings, **biopsy}
    for key, weight in criteria.items():
        if known[key] is None:
            missing.append(key)
            high += points(weight)
        elif known[key]:
            low, high = low + points(weight), high + points(weight)
    return low, high, missing


def _subgroup(
    onset: Fraction | None, findings: Mapping[str, bool | None], with_biopsy: bool
) -> tuple[str | None, list[str]]:
    """The leaf of the tree, or None with the findings that would decide the branch."""
    if onset is None:
        return None, ["onset_age"]
    rash, rash_unknown = _any_of(_RASH, findings)
    if rash is None:
        return None, rash_unknown
    if onset < 18:
        return ("JDM" if rash else "JUVENILE_OTHER"), []
    if rash:
        weak, weakness_unknown = _any_of(_WEAKNESS, findings)
        if weak is None:
            return None, weakness_unknown
        return ("DM" if weak else "ADM"), []
    if with_biopsy and findings["rimmed_vacuoles"]:
        return "IBM", []
    finger, response = findings["finger_flexor_weakness"], findings["treatment_response"]
    if finger and response is False:
        return "IBM", []
    unknown = [key for key in ("rimmed_vacuoles",) if with_biopsy and findings[key] is None]
    if finger is not False and response is not True:
        unknown += [key for key in _TREE_ONLY if findings[key] is None]
    return (None, unknown) if unknown else ("PM", [])


def _any_of(keys: tuple[str, ...], findings: Mapping[str, bool | None]) -> tuple[bool | None, list[str]]:
    if any(findings[key] for key in keys):
        return True, []
    unknown = [key for key in keys if findings[key] is None]
    return (None, unknown) if unknown else (False, [])

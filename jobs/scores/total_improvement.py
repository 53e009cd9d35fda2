"""Total improvement score (TIS), the 2016 ACR/EULAR response criteria for myositis, 0 to 100.

Sources: adult dermatomyositis and polymyositis doi:10.1136/annrheumdis-2017-211400; juvenile dermatomyositis
doi:10.1136/annrheumdis-2017-211401; points and both sets of thresholds read in PMC5577002, table 3.

Improvement of a measure is its change divided by the width of its scale (not by its baseline value), in per cent, and
earns points by intervals that are open below and closed above: exactly 5 % earns nothing. Worsening earns nothing
either; the score cannot show it (see jobs.scores.worsening).

Only remembered, or ours: the aldolase range of 6 upper limits [memory]; choosing the enzyme at baseline [memory];
bounds for an incomplete set of measures [proposal], since no published rule for missing measures was read. Which
thresholds hold for a juvenile patient who has grown up was not stated in what was read: the caller chooses the class.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, TypedDict

from jobs.scores.core_set import (
    ENZYME_RANGE_IN_UPPER_LIMITS,
    MEASURES,
    SCALE_RANGES,
    CoreSet,
    FollowedEnzyme,
    differing_instruments,
    follow_enzyme,
    read_core_set,
)
from jobs.scores.exact import ScoreInputError, json_number

_LEVELS: Final = (5, 15, 25, 40)
_STRENGTH_LEVELS: Final = (2, 10, 20, 30)
"""Per cent of the range that must be exceeded for levels 1 to 4."""


def _points(*points: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in points)


POINTS: Final[Mapping[str, tuple[Fraction, ...]]] = {
    "physician_global": _points("0", "7.5", "15", "17.5", "20"),
    "patient_global": _points("0", "2.5", "5", "7.5", "10"),
    "strength": _points("0", "10", "20", "27.5", "32.5"),
    # The repeated 7.5 of HAQ and of the enzyme stand so in the published table.
    "haq": _points("0", "5", "7.5", "7.5", "10"),
    "enzyme": _points("0", "2.5", "5", "7.5", "7.5"),
    "extramuscular_global": _points("0", "7.5", "12.5", "15", "20"),
}
"""Points of levels 0 to 4 for each measure; the maxima add up to 100."""

THRESHOLDS: Final[Mapping[str, tuple[int, int, int]]] = {"adult": (20, 40, 60), "juvenile": (30, 45, 70)}
"""Lowest score that is minimal, moderate and major improvement."""

CATEGORIES: Final = ("none", "minimal", "moderate", "major")


class TotalImprovement(TypedDict):
    """The answer of `score tis`. ``problems`` are sentences for the reader; the rest is the contract's shape."""

    tis: int | float | None
    category: str | None
    enzyme: str | None
    parts: dict[str, int | float | None]
    missing: list[str]
    bounds: list[int | float]
    problems: list[str]


def total_improvement_score(document: object) -> TotalImprovement:
    """The score between two visits: contract, "Shapes", `score tis`.

    With a measure missing at either visit ``tis`` is None, ``missing`` names the measure, and ``bounds`` holds what the
    score would be with no improvement and with full points in everything missing; ``category`` is given only if both
    bounds have the same. Raises ScoreInputError, naming the field, for input that cannot be a measurement.
    """
    if not isinstance(document, Mapping):
        raise ScoreInputError("document", "is not an object")
    disease_class = document.get("class")
    if not isinstance(disease_class, str) or disease_class not in THRESHOLDS:
        raise ScoreInputError("class", f"{disease_class!r} is not one of {', '.join(THRESHOLDS)}")
    baseline = read_core_set(document.get("baseline"), "baseline")
    follow_up = read_core_set(document.get("follow_up"), "follow_up")
    enzyme = follow_enzyme(baseline, follow_up)

    improvements = _improvements(baseline, follow_up, enzyme)
    parts = {
        measure: None if improvement is None else points_for(measure, improvement)
        for measure, improvement in improvements.items()
    }
    missing = [measure for measure, points in parts.items() if points is None]
    low = sum((points for points in parts.values() if points is not None), Fraction(0))
    high = low + sum((POINTS[measure][-1] for measure in missing), Fraction(0))
    low_category, high_category = (category(bound, disease_class) for bound in (low, high))

    return {
        "tis": None if missing else json_number(low),
        "category": low_category if low_category == high_category else None,
        "enzyme": enzyme.enzyme,
        "parts": {measure: None if points is None else json_number(points) for measure, points in parts.items()},
        "missing": missing,
        "bounds": [json_number(low), json_number(high)],
        "problems": _problems(disease_class, baseline, follow_up, enzyme),
    }


def points_for(measure: str, improvement: Fraction) -> Fraction:
    """Points of a measure for an improvement in per cent of its range (negative: worse, which earns nothing)."""
    levels: Sequence[int] = _STRENGTH_LEVELS if measure == "strength" else _LEVELS
    return POINTS[measure][sum(1 for level in levels if improvement > level)]


def category(score: Fraction | int, disease_class: str) -> str:
    """none, minimal, moderate or major, by the thresholds of the class ("adult", "juvenile")."""
    return CATEGORIES[sum(1 for threshold in THRESHOLDS[disease_class] if score >= threshold)]


def _improvements(baseline: CoreSet, follow_up: CoreSet, enzyme: FollowedEnzyme) -> dict[str, Fraction | None]:
    """Improvement of each measure in per cent of its range; None where it cannot be known."""
    improvements: dict[str, Fraction | None] = dict.fromkeys(MEASURES)
    for measure, width in SCALE_RANGES.items():
        if measure in baseline.scales and measure in follow_up.scales:
            improvements[measure] = 100 * (baseline.scales[measure] - follow_up.scales[measure]) / width
    before, after = baseline.strength, follow_up.strength
    if before is not None and after is not None and before.instrument == after.instrument:
        improvements["strength"] = 100 * (after.score - before.score) / before.maximum
    if enzyme.enzyme is not None and enzyme.baseline is not None and enzyme.follow_up is not None:
        width = ENZYME_RANGE_IN_UPPER_LIMITS[enzyme.enzyme]
        improvements["enzyme"] = 100 * (enzyme.baseline - enzyme.follow_up) / width
    return improvements


def _problems(disease_class: str, baseline: CoreSet, follow_up: CoreSet, enzyme: FollowedEnzyme) -> list[str]:
    problems = [*baseline.remarks, *follow_up.remarks]
    mismatch = differing_instruments(baseline, follow_up)
    if mismatch:
        problems.append(mismatch)
    if disease_class == "adult" and any(
        visit.strength is not None and visit.strength.instrument == "cmas" for visit in (baseline, follow_up)
    ):
        problems.append("CMAS is a paediatric instrument and was recorded for an adult.")
    problems.extend(enzyme.problems)
    return problems

"""What change of a result or a score is larger than its ordinary variation.

Laboratory: the reference change value after Fraser 2001 (biologicalvariation.com/RCV.html, read), symmetric; and the
lognormal form, which fits CK, after Fokkema 2006 ([memory]). Within-subject variation: CK 14.5 %, AST 9.5 %, ALT 9.3 %,
LDH 5.2 % Carobene 2017, doi:10.1373/clinchem.2016.269811; troponin I 16.6 % (Singulex) and 13.8 % (Atellica) Ceriotti
2020. These come from healthy people at rest: a floor for a true change, not a threshold of disease.

Scores: standard error of measurement and minimal detectable change, the usual arithmetic. For MMT8 the only standard
error found (2 points, intra-rater, abstract ARD 2016;75(S2):1281) does not say on which total, so what follows from
it is conditional.

Roots and exponentials leave exact arithmetic; compare such results with a tolerance, never at a boundary.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from jobs.scores.exact import ScoreInputError

Z_TWO_SIDED_95: Final = 1.96
Z_TWO_SIDED_99: Final = 2.58
Z_ONE_SIDED_95: Final = 1.65

WITHIN_SUBJECT_PERCENT: Final[Mapping[str, float]] = {"ck": 14.5, "ast": 9.5, "alt": 9.3, "ldh": 5.2}
BETWEEN_SUBJECT_PERCENT: Final[Mapping[str, float]] = {"ck": 31.5, "ast": 20.3, "alt": 28.2, "ldh": 12.6}


class ChangeFactors(NamedTuple):
    """Ratio of the newer to the older result from which a rise, and down to which a fall, exceeds variation."""

    up: float
    down: float


def symmetric_reference_change(
    analytical_percent: float, within_subject_percent: float, z: float = Z_TWO_SIDED_95
) -> float:
    """Reference change value in per cent: sqrt(2) z sqrt(CV_A^2 + CV_I^2). Arguments are per cent, not negative."""
    return math.sqrt(2) * _positive(z, "z") * _combined(analytical_percent, within_subject_percent)


def lognormal_reference_change(
    analytical_percent: float, within_subject_percent: float, z: float = Z_TWO_SIDED_95
) -> ChangeFactors:
    """Reference change factors for a skewed analyte such as CK. Arguments are per cent, not negative."""
    variation = _combined(analytical_percent, within_subject_percent) / 100
    spread = math.sqrt(2) * _positive(z, "z") * math.sqrt(math.log1p(variation**2))
    return ChangeFactors(math.exp(spread), math.exp(-spread))


def index_of_individuality(within_subject_percent: float, between_subject_percent: float) -> float:
    """CV_I / CV_G. Below 0.6 a person's own earlier values say more than the limits of a population."""
    within = _not_negative(within_subject_percent, "within_subject_percent")
    return within / _positive(between_subject_percent, "between_subject_percent")


def standard_error_of_measurement(standard_deviation: float, reliability: float) -> float:
    """SD sqrt(1 - reliability), in points; reliability is an intraclass correlation from 0 to 1."""
    if not 0 <= reliability <= 1:
        raise ScoreInputError("reliability", f"{reliability} is outside 0 to 1")
    return _not_negative(standard_deviation, "standard_deviation") * math.sqrt(1 - reliability)


def minimal_detectable_change(standard_error: float, z: float = Z_TWO_SIDED_95) -> float:
    """z sqrt(2) SEM, in points: the change between two single scores that exceeds measurement error."""
    return _positive(z, "z") * standard_error_of_difference(standard_error, 1, 1)


def standard_error_of_difference(standard_error: float, scores_before: int, scores_since: int) -> float:
    """Standard error, in points, of the difference between the means of two groups of scores."""
    if scores_before < 1 or scores_since < 1:
        raise ScoreInputError("scores_before" if scores_before < 1 else "scores_since", "is below 1")
    return _not_negative(standard_error, "standard_error") * math.sqrt(1 / scores_before + 1 / scores_since)


def _combined(analytical_percent: float, within_subject_percent: float) -> float:
    return math.hypot(
        _not_negative(analytical_percent, "analytical_percent"),
        _not_negative(within_subject_percent, "within_subject_percent"),
    )


def _not_negative(value: float, name: str) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ScoreInputError(name, f"{value} is not zero or above")
    return value


def _positive(value: float, name: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ScoreInputError(name, f"{value} is not above zero")
    return value

"""How strongly one measure says that a patient has changed for the worse, as a weight that adds up over measures.

The weight of a measure is half the square of how many standard errors it lies on the bad side of the patient's own past
(the log likelihood ratio of "changed" to "as before" for normally distributed errors), in tenths. A measure that did
not change, or became better, weighs nothing: quiet enzymes never argue against weakness, and a steady value at any
level adds nothing.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from models.patient_facts import Happening, PatientFacts, Reading

LONGEST_SCATTER = 12
"""A patient's own scatter is that of the last so many values: what was true under another treatment is left behind."""

SMALLEST = 0.01
"""Nothing is looked at below this (in U/L, or times the limit): the logarithm of a value of nothing has no bottom."""

_VARIANCE_OF_MEDIAN = {1: 1.0, 2: 0.5, 3: 0.4487}
"""Of a median of so many normal values, as a share of the variance of one (order statistics); beyond, pi/2n."""


class Change(NamedTuple):
    """One measure for the worse: what it weighs, from what to what, and the readings it rests on.

    Attributes:
        before: median (enzymes) or mean (globals) of the patient's own values before.
        now: the value itself, or the geometric mean (enzymes) or mean of several.
        scatter: the standard deviation of one value it was judged by (of the logarithm for enzymes).
        own_scatter: whether that is the patient's own.
        in_limits: `before` and `now` are multiples of the limits, not in the measure's unit.
    """

    weight: float
    before: float
    now: float
    values: int
    scatter: float
    own_scatter: bool
    in_limits: bool
    readings: tuple[Reading, ...]


def weight_of(gap: float, error: float) -> float:
    """The weight of a gap on the bad side with this standard error, in tenths; nothing for none or a better value."""
    return round(gap * gap / (2 * error * error), 1) if gap > 0 else 0.0


def judged_and_before(
    readings: Sequence[Reading], begun_after: int, when: int, near: int
) -> tuple[Sequence[Reading], Sequence[Reading]]:
    """The readings of the change, and those before them.

    The newest reading within `near` days of `when` is judged, together with those before it that are later than
    `begun_after`. Nothing is judged where there is no reading within reach.
    """
    last = len(readings) - 1
    while last >= 0 and readings[last].day > when + near:
        last -= 1
    if last < 0 or readings[last].day < when - near:
        return (), ()
    first = last
    while first > 0 and readings[first - 1].day > begun_after:
        first -= 1
    return readings[first : last + 1], readings[:first]


def enzyme_change(
    judged: Sequence[Reading],
    before: Sequence[Reading],
    *,
    reference_values: int,
    reference_days: int,
    scatter: float,
    own_from: int,
    least_scatter: float,
    most_scatter: float,
) -> Change | None:
    """An enzyme against the median of the patient's own last few values, on the logarithmic scale.

    `scatter` is the within-person variation as a share (0.25 for 25 %), replaced by the patient's own once `own_from`
    values are on file before the judged ones. Values are compared as multiples of their limits where every one of
    them has one and these differ. None where there is nothing to compare, or the newest only lies below a bound.
    """
    if not judged or judged[-1].comparator == "<":
        return None
    oldest = judged[0].day - reference_days
    reference = [value for value in before[-reference_values:] if value.day >= oldest]
    if not reference:
        return None
    limits = {value.limit for value in (*judged, *reference)}
    in_limits = len(limits) > 1 and all(limits)
    before_it = median([_amount(value, in_limits) for value in reference])
    now = math.exp(sum(math.log(_amount(value, in_limits)) for value in judged) / len(judged))
    own = len(before) >= own_from
    share = own_variation(before) if own else scatter
    error_of_one = log_scatter(min(max(share, least_scatter), most_scatter) if own else share)
    error = error_of_one * math.sqrt(variance_of_median(len(reference)) + 1 / len(judged))
    return Change(
        weight_of(math.log(now / before_it), error),
        before_it,
        now,
        len(judged),
        error_of_one,
        own,
        in_limits,
        (*reference, *judged),
    )


def global_change(
    judged: Sequence[Reading], before: Sequence[Reading], *, reference_values: int, reference_days: int, scatter: float
) -> Change | None:
    """A global assessment (0-10, higher is worse) against the mean of the patient's own last few."""
    if not judged:
        return None
    oldest = judged[0].day - reference_days
    reference = [value for value in before[-reference_values:] if value.day >= oldest]
    if not reference:
        return None
    mean_before = sum(value.value for value in reference) / len(reference)
    mean_now = sum(value.value for value in judged) / len(judged)
    error = scatter * math.sqrt(1 / len(reference) + 1 / len(judged))
    return Change(
        weight_of(mean_now - mean_before, error),
        mean_before,
        mean_now,
        len(judged),
        scatter,
        False,
        False,
        (*reference, *judged),
    )


def own_variation(values: Sequence[Reading]) -> float:
    """The patient's own variation as a share: from the median step between neighbouring values, on the log scale.

    Steps between neighbours rather than distances from a common middle: a flare treated years ago, or values that
    swing between two levels, would make the one far too large and the other nothing.
    """
    logs = [math.log(_amount(value, False)) for value in values[-LONGEST_SCATTER:]]
    steps = [abs(after - before) for before, after in itertools.pairwise(logs)]
    spread = 1.4826 * median(steps) / math.sqrt(2)
    return variation_of(spread)


def log_scatter(share: float) -> float:
    """The standard deviation of the logarithm for a variation given as a share (25 % is 0.246)."""
    return math.sqrt(math.log1p(share * share))


def variation_of(scatter: float) -> float:
    """The other way round: the variation as a share for a standard deviation of the logarithm."""
    return math.sqrt(math.expm1(scatter * scatter))


def variance_of_median(values: int) -> float:
    """Of the median of so many values, as a share of the variance of one."""
    return _VARIANCE_OF_MEDIAN.get(values) or math.pi / (2 * values)


def newly_present(patient: PatientFacts, name: str, when: int, near: int, memory: int) -> Happening | None:
    """A symptom that began within `near` days of a day, and was not known before; None where there is none.

    Known before: the record before it, no more than `memory` days old, says that it was there, and had not ended.
    """
    before: Happening | None = None
    found: Happening | None = None
    for one in patient.events(name):
        if one.present and abs(one.day - when) <= near:
            known = before is not None and before.present and one.day - before.day <= memory
            if not known or (before is not None and before.end is not None and before.end < one.day - near):
                found = one
        before = one
    return found


def median(values: Sequence[float]) -> float:
    """The middle of some values, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _amount(value: Reading, in_limits: bool) -> float:
    return max(value.value / value.limit if in_limits and value.limit else value.value, SMALLEST)

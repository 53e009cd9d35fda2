"""How the scores of one strength instrument run: what a score is compared with, and where strength went down.

A fall, a shift and a steady fall are the contract's; each needs nothing but the scores of one patient and instrument.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from models.patient_facts import Reading

INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
_STEP = {key: f"step_{key}" for key in INSTRUMENTS}
_SEM = {key: f"sem_{key}" for key in INSTRUMENTS}


class CourseParameters(Protocol):
    """What of a rule's parameters is needed here; beside it `step_` and `sem_` for every instrument."""

    @property
    def reference_scores(self) -> int:
        """Scores before one that make its reference."""
        ...

    @property
    def reference_days(self) -> int:
        """The oldest of them."""
        ...

    @property
    def window_days(self) -> int:
        """How far back a fall or shift counts."""
        ...

    @property
    def standard_errors(self) -> float:
        """How far beyond measurement error a shift must lie."""
        ...

    @property
    def gradual_scores(self) -> int:
        """Fewest scores of a steady fall."""
        ...

    @property
    def least_share(self) -> float:
        """The share of a step from which on lower scores count together with other measures."""
        ...


class Reference(NamedTuple):
    """What a score is compared with: the mean of the scores before it, and how many those are."""

    mean: float
    scores: int


class Lowered(NamedTuple):
    """A score from which on strength lies lower, nothing since having come back to within half a step.

    Attributes:
        place: its place in the series.
        mean: of the scores from it on; `scores` of them.
        is_fall: it lies a step or more below its reference.
        is_shift: the scores from it on lie further below than measurement error allows.
    """

    place: int
    reference: Reference
    mean: float
    scores: int
    is_fall: bool
    is_shift: bool

    @property
    def counts(self) -> bool:
        """Whether it makes a decline by itself, without any other measure."""
        return self.is_fall or self.is_shift


class Gradual(NamedTuple):
    """A steady fall: the places at which it began and at which it reached a step."""

    began: int
    reached: int


def step_of(instrument: str, parameters: CourseParameters) -> float:
    """The smallest fall of an instrument that counts, in its points."""
    step: float = getattr(parameters, _STEP[instrument])
    return step


def measurement_error_of(instrument: str, parameters: CourseParameters) -> float:
    """The standard error of measurement of an instrument, in its points."""
    error: float = getattr(parameters, _SEM[instrument])
    return error


def reference_of(scores: Sequence[Reading], place: int, parameters: CourseParameters) -> Reference | None:
    """The mean of the last few scores before one, none of them too old beside it; None where there is none."""
    oldest = scores[place].day - parameters.reference_days
    most = parameters.reference_scores
    total, number_of = 0.0, 0
    while place > 0 and number_of < most:
        place -= 1
        day, value = scores[place][:2]
        if day < oldest:
            break
        total += value
        number_of += 1
    return Reference(total / number_of, number_of) if number_of else None


def lowered_scores(
    instrument: str, scores: Sequence[Reading], as_of: int, parameters: CourseParameters
) -> Sequence[Lowered]:
    """The scores of the last `window_days` from which on strength lies lower, oldest first.

    Those that count by themselves (a fall nothing has regained, the beginning of a shift), and those that count only
    together with other measures: the mean from there on is `least_share` of a step or more below the reference.
    """
    step, error = step_of(instrument, parameters), measurement_error_of(instrument, parameters)
    least = parameters.least_share * step
    oldest = as_of - parameters.window_days
    found: list[Lowered] = []
    highest = -math.inf
    total, since = 0.0, 0
    for place in range(len(scores) - 1, 0, -1):
        day, value = scores[place][:2]
        if day < oldest:
            break
        total += value
        since += 1
        highest = value if value > highest else highest
        reference = reference_of(scores, place, parameters)
        # A score that comes back to within half a step of the reference has regained it.
        if reference is None or highest >= reference.mean - step / 2:
            continue
        mean = total / since
        is_fall = value <= reference.mean - step
        is_shift = has_shifted(reference, mean, since, step, error, parameters)
        if is_fall or is_shift or mean <= reference.mean - least:
            found.append(Lowered(place, reference, mean, since, is_fall, is_shift))
    found.reverse()
    return found


def has_shifted(
    reference: Reference, mean: float, scores: int, step: float, error: float, parameters: CourseParameters
) -> bool:
    """Whether two or more scores together lie further below their reference than measurement error allows."""
    if scores < 2 or reference.scores < 2:
        return False
    gap = reference.mean - mean
    chance = error * math.sqrt(1 / reference.scores + 1 / scores)
    return mean <= reference.mean - step and gap >= parameters.standard_errors * chance


def gradual_fall(
    instrument: str, scores: Sequence[Reading], as_of: int, parameters: CourseParameters
) -> Gradual | None:
    """A run of scores, each no higher than the one before, within `window_days`, that falls by a step or more.

    It no longer counts once a later score comes back to within half a step of where the run began.
    """
    window, fewest = parameters.window_days, parameters.gradual_scores
    if len(scores) < fewest:
        return None
    step = step_of(instrument, parameters)
    begin = len(scores) - 1
    while begin > 0 and scores[begin - 1].day >= as_of - 2 * window:
        begin -= 1
    found: Gradual | None = None
    run, before = begin, scores[begin].value
    for place in range(begin + 1, len(scores)):
        day, value = scores[place][:2]
        if value > before:
            run = place
        before = value
        while day - scores[run].day > window:
            run += 1
        if found is not None and value >= scores[found.began].value - step / 2:
            found = None
        if found is None and day >= as_of - window and place - run + 1 >= fewest and scores[run].value - value >= step:
            found = Gradual(run, place)
    return found

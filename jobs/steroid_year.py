"""The steroid of a year against a limit: when its sum reaches it, and since when and until when it stands there."""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from jobs import exposure as steroids

YEAR_DAYS = 365


def day_the_year_reaches(found: steroids.Exposure, year_mg: float, as_of: int, limit_mg: float) -> int | None:
    """The day on which the sum of the year before it first reaches the limit if today's dose goes on.

    Old doses leave the year while today's enters it, each day as much as the other less: stretch by stretch, so that
    the day named for looking again does not move with the day it is worked out on.
    """
    dose = found.dose_on(as_of)
    if not dose > 0 or year_mg + YEAR_DAYS * dose < limit_mg:
        return None
    missing = limit_mg - steroids.SMALLEST_DIFFERENCE_MG - year_mg
    leaving = as_of - YEAR_DAYS + 1
    for last, mg in _doses_without_holes(found, leaving, as_of):
        gain, days = dose - mg, last - leaving + 1
        if gain > 0 and (needed := max(ceil(missing / gain), 1)) <= days:
            return leaving + needed - 1 + YEAR_DAYS
        missing -= gain * days
        leaving = last + 1
    return None


def _doses_without_holes(found: steroids.Exposure, first: int, last: int) -> Iterator[tuple[int, float]]:
    """The dose from one day to another as stretches (last day, mg/day); days off are 0."""
    for segment in found.known:
        if segment.end < first:
            continue
        if segment.start > first:
            yield segment.start - 1, 0.0
        yield segment.end, segment.mg
        first = segment.end + 1
    if first <= last:
        yield last, 0.0


class YearAtLimit(NamedTuple):
    """A sum of the year before today that is at its limit.

    Attributes:
        since: the first of the days up to today on each of which it was.
        until: the first day on which it no longer is if today's dose goes on; None where it stays.
    """

    since: int
    until: int | None


def year_at_limit(found: steroids.Exposure, as_of: int, limit_mg: float) -> YearAtLimit:
    """Since when, and until when, the sum of the year is at its limit; today it is."""
    begin = found.known[0].start
    daily = [0.0] * (as_of - begin + 1)
    for segment in found.known:
        for day in range(segment.start, min(segment.end, as_of) + 1):
            daily[day - begin] = segment.mg

    def taken(day: int) -> float:
        return daily[day - begin] if day >= begin else 0.0

    limit = limit_mg - steroids.SMALLEST_DIFFERENCE_MG
    year_mg = found.cumulative(as_of - YEAR_DAYS + 1, as_of)
    since, total = as_of, year_mg
    while since > begin:
        total += taken(since - YEAR_DAYS) - taken(since)
        if total < limit:
            break
        since -= 1
    dose, total = taken(as_of), year_mg
    for day in range(as_of + 1, as_of + YEAR_DAYS + 1):
        total += dose - taken(day - YEAR_DAYS)
        # A day too early is only a look for nothing.
        if total < limit + 2 * steroids.SMALLEST_DIFFERENCE_MG:
            return YearAtLimit(since, day)
    return YearAtLimit(since, None)

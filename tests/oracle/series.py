"""Arithmetic on many patients' series at once: groups of consecutive rows, the rows before, the rows after.

Every function takes flat arrays sorted by group and, within a group, by time. Nothing here knows about patients.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def day_numbers(values: object) -> Ints:
    """Days since 1970-01-01 of datetime64 values. NaT becomes the smallest integer."""
    return np.asarray(values, dtype="datetime64[D]").astype("int64")


@dataclass(frozen=True)
class Groups:
    """Where each group begins and ends in the flat arrays: `first[g]` to `last[g]` inclusive; `of[i]` is row i's."""

    first: Ints
    last: Ints
    of: Ints

    @property
    def count(self) -> int:
        """How many groups."""
        return len(self.first)


def groups_of(*keys: NDArray[np.generic]) -> Groups:
    """Consecutive rows that agree in all `keys` are one group."""
    rows = len(keys[0])
    if rows == 0:
        none = np.array([], dtype="int64")
        return Groups(none, none, none)
    change = np.zeros(rows, dtype=bool)
    change[0] = True
    for key in keys:
        change[1:] |= key[1:] != key[:-1]
    first = np.flatnonzero(change)
    last = np.append(first[1:] - 1, rows - 1)
    return Groups(first.astype("int64"), last.astype("int64"), np.cumsum(change).astype("int64") - 1)


def mean_before(values: Floats, days: Ints, groups: Groups, most: int, oldest_days: int) -> tuple[Floats, Ints]:
    """For each row, the mean of the up to `most` rows before it in its group, none older than `oldest_days` before it.

    Returns the means (NaN where there is none) and how many rows each rests on.
    """
    rows = len(values)
    total = np.zeros(rows)
    number = np.zeros(rows, dtype="int64")
    place = np.arange(rows)
    start = groups.first[groups.of] if rows else place
    for back in range(1, most + 1):
        before = place - back
        usable = before >= start
        before = np.where(usable, before, 0)
        usable &= days - days[before] <= oldest_days
        total += np.where(usable, values[before], 0.0)
        number += usable
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(number > 0, total / number, np.nan), number


def highest_from(values: Floats, groups: Groups) -> Floats:
    """For each row, the highest value from it on to the end of its group."""
    if not len(values):
        return values
    spread = float(np.nanmax(values) - np.nanmin(values)) + 1.0
    # Reversed, each group is lifted above the one before, so that one running maximum serves all groups.
    lift = (groups.count - 1 - groups.of) * spread
    return np.asarray(np.maximum.accumulate((values + lift)[::-1])[::-1] - lift)


def mean_from(values: Floats, groups: Groups) -> tuple[Floats, Ints]:
    """For each row, the mean of the values from it on to the end of its group, and how many they are."""
    if not len(values):
        return values, np.array([], dtype="int64")
    running = np.cumsum(values)
    last = groups.last[groups.of]
    number = last - np.arange(len(values)) + 1
    return (running[last] - running + values) / number, number


def first_true(flags: Bools, groups: Groups) -> Ints:
    """Per group, the place of the first true row, or -1."""
    place = np.where(flags, np.arange(len(flags)), len(flags))
    out = np.full(groups.count, -1, dtype="int64")
    if groups.count:
        best = np.minimum.reduceat(place, groups.first)
        out = np.where(best < len(flags), best, -1)
    return np.asarray(out)


def any_true(flags: Bools, groups: Groups) -> Bools:
    """Per group, whether any row is true."""
    if not groups.count:
        return np.array([], dtype=bool)
    return np.asarray(np.logical_or.reduceat(flags, groups.first))

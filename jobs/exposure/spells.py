"""Spells at a dose: days in a row that satisfy a condition, short gaps bridged."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from jobs.exposure.doses import SMALLEST_DIFFERENCE_MG, Exposure, Segment


class Run(NamedTuple):
    """A spell of days that satisfy a condition, short gaps bridged.

    Attributes:
        start, last: first and last day that satisfies it.
        days: how many days satisfy it; days in a gap are not counted.
        nth_day: the day on which the asked-for number of days was reached, None where it was not.
    """

    start: int
    last: int
    days: int
    nth_day: int | None

    @property
    def reached(self) -> bool:
        """Whether the asked-for number of days was reached."""
        return self.nth_day is not None


def runs(segments: Iterable[Segment], chosen: Callable[[Segment], bool], *, gap_days: int, nth: int = 1) -> list[Run]:
    """Spells of chosen segments; up to `gap_days` other days in a row do not end a spell and are not counted.

    `nth` is the number of days whose date is wanted (`Run.nth_day`).
    """
    found: list[Run] = []
    begun = last = days = 0
    nth_day: int | None = None
    for segment in segments:
        if not chosen(segment):
            continue
        if days and segment.start - last - 1 > gap_days:
            found.append(Run(begun, last, days, nth_day))
            days, nth_day = 0, None
        if not days:
            begun = segment.start
        length = segment.end - segment.start + 1
        if nth_day is None and days + length >= nth:
            nth_day = segment.start + nth - days - 1
        days += length
        last = segment.end
    if days:
        found.append(Run(begun, last, days, nth_day))
    return found


def newest_run(
    segments: Iterable[Segment], chosen: Callable[[Segment], bool], *, gap_days: int, nth: int = 1
) -> Run | None:
    """The newest of the spells, None where there is none."""
    found = runs(segments, chosen, gap_days=gap_days, nth=nth)
    return found[-1] if found else None


class Spell(NamedTuple):
    """Whether the patient is at this time in a spell at or above a dose, and for long enough.

    Attributes:
        run: the newest spell.
        alive: it goes on, or paused for no longer than a gap that does not end it.
        reached: it goes on and has lasted long enough.
        could_be: it would have lasted long enough if everything unknown had been taken; False where `reached`.
        recheck: first day on which time alone changes any of these at the doses on file.
    """

    run: Run | None
    alive: bool
    reached: bool
    could_be: bool
    recheck: int | None


def spell(found: Exposure, from_mg: float, *, gap_days: int, nth: int) -> Spell:
    """The spell of `nth` days or more at `from_mg` mg/day or above."""
    today, least = found.today, from_mg - SMALLEST_DIFFERENCE_MG

    def at_it(segment: Segment) -> bool:
        return segment.mg >= least

    run = newest_run(found.known, at_it, gap_days=gap_days, nth=nth)
    largest = newest_run(found.possible, at_it, gap_days=gap_days, nth=nth) if found.possible else None
    alive = run is not None and today - run.last <= gap_days
    reached = alive and run is not None and run.reached
    maybe = largest is not None and today - largest.last <= gap_days
    recheck = found.next_change
    if run is not None and alive and run.last < today:
        recheck = earliest(recheck, run.last + gap_days + 1)
    elif run is not None and alive and not reached:
        recheck = earliest(recheck, today + nth - run.days)
    if maybe and not reached:
        recheck = earliest(recheck, today + 1)
    could_be = maybe and largest is not None and largest.reached and not reached
    return Spell(run, alive, reached, could_be, recheck)


def earliest(*days: int | None) -> int | None:
    """The earliest of several days; those that are None are passed over."""
    return min((day for day in days if day is not None), default=None)

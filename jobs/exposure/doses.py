"""What a patient took, as values: segments of days at one dose, which statements counted, and which did not and why."""

from dataclasses import dataclass
from typing import NamedTuple

from jobs.exposure.prescribed import as_prescribed, dose_words
from jobs.phrasing import dated
from models.patient_facts import Reading, Statement

HIGH_MG = 30.0
"""Prednisone-equivalent mg/day above which a dose is high (EULAR 2013 dose classes)."""
HIGH_MG_KG = 0.5
"""Prednisone-equivalent mg/kg/day from which a dose is high (contract)."""
PULSE_MG = 250.0
"""Prednisone-equivalent mg on one day from which it is a pulse (Buttgereit 2002; from memory, to be verified)."""

SMALLEST_DIFFERENCE_MG = 1e-5
"""Doses nearer than this are the same dose: 4.5 mg of dexamethasone is 30 mg, not 30.000000000000004."""


class Segment(NamedTuple):
    """A stretch of days at one dose, both days included.

    `mg` is the whole prednisone-equivalent dose a day, `pulse_mg` the part of it that comes from pulses.
    """

    start: int
    end: int
    mg: float
    pulse_mg: float

    @property
    def steady_mg(self) -> float:
        """The dose without pulses, mg/day."""
        return self.mg - self.pulse_mg

    @property
    def is_pulse(self) -> bool:
        """Whether a pulse was given on these days."""
        return self.pulse_mg > 0 or self.mg >= PULSE_MG - SMALLEST_DIFFERENCE_MG


class Counted(NamedTuple):
    """A statement that counts, with the days it was taken (`last` at most today) and what a day of it amounts to.

    `mg_day` is prednisone-equivalent, on a day it is taken; `by_weight`: the dose was stated per kg or m2.
    """

    statement: Statement
    first: int
    last: int
    mg_day: float
    pulse: bool
    by_weight: bool


class Ignored(NamedTuple):
    """A steroid statement that does not count, and why."""

    statement: Statement
    why: str


class Replaced(NamedTuple):
    """A statement without an end that a later one of the same drug and route took the place of."""

    statement: Statement
    by: Statement

    @property
    def last(self) -> int:
        """The last day it counts for."""
        return self.by.start - 1

    @property
    def is_refill(self) -> bool:
        """The same dose prescribed again; otherwise the dose was changed."""
        return as_prescribed(self.statement) == as_prescribed(self.by)

    @property
    def how(self) -> str:
        """`a refill` or `a change of dose`."""
        return "a refill" if self.is_refill else "a change of dose"

    @property
    def words(self) -> str:
        """What was taken to be the case, for a sentence."""
        return (
            f"{self.statement.drug} {dose_words(self.statement)} of {dated(self.statement.start)}, which has no "
            f"end, is taken to have been replaced by {dose_words(self.by)} on {dated(self.by.start)} ({self.how})"
        )


class Unknown(NamedTuple):
    """A statement of unknown dose or end, the days on which it may have been taken, and what is not known."""

    statement: Statement
    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """The steroid exposure of one patient up to and including one day, oldest first.

    Attributes:
        today: the day asked about.
        known: what was taken for certain.
        possible: the same with everything that could have been taken added; empty where nothing is unknown.
        statements: the statements that count.
        ignored: steroid statements that do not count.
        unknown: statements of unknown dose or end.
        replaced: statements without an end that a later one of the same drug and route took the place of.
        weight: last weight on file that can be right.
        next_change: the first future day on which the dose on file changes by itself, None where none does.
    """

    today: int
    known: tuple[Segment, ...]
    possible: tuple[Segment, ...]
    statements: tuple[Counted, ...]
    ignored: tuple[Ignored, ...]
    unknown: tuple[Unknown, ...]
    replaced: tuple[Replaced, ...]
    weight: Reading | None
    next_change: int | None

    @property
    def on_file(self) -> bool:
        """Whether a steroid statement of any kind is on file, counted or not."""
        return bool(self.statements or self.ignored or self.unknown)

    @property
    def kilograms(self) -> float | None:
        """The last weight on file that can be right."""
        return None if self.weight is None else self.weight.value

    def dose_on(self, day: int, *, steady: bool = False) -> float:
        """mg/day on a day; 0 where none. `steady` leaves pulses out."""
        for segment in reversed(self.known):
            if segment.start <= day:
                if segment.end < day:
                    break
                return segment.steady_mg if steady else segment.mg
        return 0.0

    def is_high(self, segment: Segment, above_mg: float = HIGH_MG, from_mg_kg: float = HIGH_MG_KG) -> bool:
        """Whether a segment lies above `above_mg`, or at or above `from_mg_kg` where a weight is on file."""
        if segment.mg > above_mg + SMALLEST_DIFFERENCE_MG:
            return True
        return self.weight is not None and segment.mg >= from_mg_kg * self.weight.value - SMALLEST_DIFFERENCE_MG

    def cumulative(self, first: int | None, last: int) -> float:
        """Milligrams of prednisone-equivalent taken from a day (None: from the beginning) to another, both included."""
        total = 0.0
        for segment in self.known:
            begin = segment.start if first is None else max(segment.start, first)
            days = min(segment.end, last) - begin + 1
            if days > 0:
                total += days * segment.mg
        return total


def evidence(found: Exposure, since: int) -> tuple[str, ...]:
    """The statements taken on or after a day, oldest first, those of unknown dose or end after the others."""
    counted = [one.statement.fact for one in found.statements if one.last >= since]
    return (*counted, *[one.statement.fact for one in found.unknown if one.last >= since])


def why_unknown(found: Exposure) -> str:
    """What is not known about the steroids, for a sentence."""
    return "; ".join(dict.fromkeys(f"{one.statement.drug}: {one.why}" for one in found.unknown))

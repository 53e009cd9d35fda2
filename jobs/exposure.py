"""How much steroid a patient takes: medication statements become prednisone-equivalent milligrams a day.

Doses are piecewise constant, so a patient's history is a short list of segments and never a row per day. Doses at
the same time add up; they are added as whole nanograms, so that three prescriptions of 10 mg are exactly 30 mg and
the order or the cutting of the statements cannot change the answer.

What counts: oral, intravenous, intramuscular and subcutaneous glucocorticoids with a known equivalence. A dose taken
every other day counts as its daily mean; a dose taken weekly or more rarely counts in full on the day it is given.
What does not: topical, inhaled and intra-articular routes, oral budesonide, fludrocortisone, vamorolone.

The same drug by the same route begun again while an older statement without an end stands replaces it: at another dose
that is a change of dose, at the same dose a refill. Single doses, pulses and infusions replace nothing. What was read
so is kept apart (`Exposure.replaced`), to be said beside the number: both may have been meant.

A statement whose dose or end is not known is never guessed. It is kept apart as what *could* have been taken, so that
a rule can answer `cannot_tell` exactly where it matters and nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

from jobs.phrasing import amount, dated
from models.patient_facts import PatientFacts, Reading, Statement, date_of
from models.vocabulary import STEROID_ROUTES_NOT_COUNTED, drug, frequencies, remembered

HIGH_MG = 30.0
"""Prednisone-equivalent mg/day above which a dose is high (EULAR 2013 dose classes)."""
HIGH_MG_KG = 0.5
"""Prednisone-equivalent mg/kg/day from which a dose is high (contract)."""
COURSE_GAP_DAYS = 3
"""Days without a high dose that do not end a course (contract)."""
LONGEST_HIGH_DAYS = 28
"""Days at high dose that must be exceeded before a course is prolonged (contract)."""
PULSE_MG = 250.0
"""Prednisone-equivalent mg on one day from which it is a pulse (Buttgereit 2002; from memory, to be verified)."""
UNIT = "mg/day prednisone-equivalent"

SMALLEST_DIFFERENCE_MG = 1e-5
"""Doses nearer than this are the same dose: 4.5 mg of dexamethasone is 30 mg, not 30.000000000000004."""

# Generous bounds of a body, used only to say what a dose could at most have been where no weight is on file.
_HEAVIEST_KG = 250.0
_LARGEST_M2 = 3.0
_ANY_DOSE_MG = 10_000.0

_NANOGRAMS = 1_000_000  # in a milligram
_YEAR_DAYS = 365

_NO_WEIGHT = "the dose is per kg and no weight is on file"
_NO_AREA = "the dose is per m2 and weight or height is not on file"
_NO_DOSE = "no dose was stated"
_NO_FREQUENCY = "how often it was taken is not known"
_NO_UNIT = "the unit of the dose is not known"
_NO_END = "stopped without an end date"


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
        return _as_prescribed(self.statement) == _as_prescribed(self.by)

    @property
    def how(self) -> str:
        """`a refill` or `a change of dose`."""
        return "a refill" if self.is_refill else "a change of dose"

    @property
    def words(self) -> str:
        """What was taken to be the case, for a sentence."""
        return (
            f"{self.statement.drug} {_dose_words(self.statement)} of {dated(self.statement.start)}, which has no "
            f"end, is taken to have been replaced by {_dose_words(self.by)} on {dated(self.by.start)} ({self.how})"
        )


class Unknown(NamedTuple):
    """A statement of unknown dose or end, the days on which it may have been taken, and what is not known."""

    statement: Statement
    first: int
    last: int
    why: str


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


def exposure(patient: PatientFacts) -> Exposure:
    """The patient's steroid exposure; worked out once."""
    return patient.once("exposure", _exposure)


# ------------------------------------------------------------------------------------------------- spells at a dose


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


# ------------------------------------------------------------------------------- from statements to milligrams a day


class _Stretch(NamedTuple):
    """Days on which a dose is taken every day, in whole nanograms."""

    first: int
    last: int
    nanograms: int
    pulse_nanograms: int


def _exposure(patient: PatientFacts) -> Exposure:
    today, weight = patient.today, patient.latest("weight")
    counted: list[Counted] = []
    ignored: list[Ignored] = []
    unknown: list[Unknown] = []
    replaced: list[Replaced] = []
    certain: list[_Stretch] = []
    uncertain: list[_Stretch] = []
    change: int | None = None
    for statement in patient.statements:
        equivalence = _equivalence(statement.drug, statement.route)
        if equivalence is None:
            continue
        factor, because = equivalence
        if because:
            ignored.append(Ignored(statement, because))
            continue
        first, (share, every) = statement.start, _rhythm(statement.frequency)
        end, open_end = _last_dose(statement, every), statement.end is None and every != 0
        last = today if end is None else min(end, today)
        milligrams, at_most, why = _milligrams(statement, weight, patient)
        if every < 0:
            at_most, why = _ANY_DOSE_MG, why or _NO_FREQUENCY
        if open_end and statement.status == "stopped":
            why = why or _NO_END
            last = min(last, _day_before_the_next(statement, patient.statements))
        elif open_end and (newer := _replacement(statement, patient.statements)) is not None:
            replaced.append(Replaced(statement, newer))
            end = _last_dose(statement._replace(end=newer.start - 1), every)
            last = newer.start - 1 if end is None else end
        if first > today or last < first:
            continue
        change = earliest(change, _next_change(today, first, end, every))
        pulse = statement.intent == "pulse"
        if why:
            unknown.append(Unknown(statement, first, last, why))
            uncertain += _stretches(first, last, every, at_most * factor * share, pulse)
            continue
        per_day = milligrams * factor * share
        pulse = pulse or per_day >= PULSE_MG - SMALLEST_DIFFERENCE_MG
        counted.append(Counted(statement, first, last, per_day, pulse, "/" in statement.unit))
        certain += _stretches(first, last, every, per_day, pulse)
    return Exposure(
        today=today,
        known=_added_up(certain),
        possible=_added_up(certain + uncertain) if unknown else (),
        statements=tuple(counted),
        ignored=tuple(ignored),
        unknown=tuple(unknown),
        replaced=tuple(replaced),
        weight=weight,
        next_change=change,
    )


@remembered(maxsize=4096)
def _equivalence(name: str, route: str) -> tuple[float, str] | None:
    """Prednisone-equivalent of 1 mg and, where it does not count, why; None for a drug that is no steroid."""
    row = drug(name)
    if row is None or not row.is_glucocorticoid:
        return None
    if route in STEROID_ROUTES_NOT_COUNTED:
        return 0.0, f"{route} steroids are not counted"
    factor = row.prednisone_factor
    if not factor:
        return 0.0, row.excluded_because or "no equivalence known"
    return factor, ""


@remembered(maxsize=256)
def _rhythm(frequency: str) -> tuple[float, int]:
    """What a dose amounts to on a day it is taken, in doses, and every how many days it is taken.

    0 days: a single dose; -1: not known. Every other day, and several doses spread over a week, count as their daily
    mean; weekly and rarer doses count in full on their days.
    """
    often = frequencies().get(frequency)
    if often is None:
        return 1.0, -1
    every = often.every_days or 0
    if often.doses > 1 and every > 1:
        return often.doses / every, 1
    return (often.doses / every if 1 <= every <= 2 else float(often.doses)), every


def _last_dose(statement: Statement, every: int) -> int | None:
    """The last day on which the statement is taken; None while it goes on or where its end is not known."""
    if every == 0:
        return statement.start
    if statement.end is None or every < 3:
        return statement.end
    return statement.start + (statement.end - statement.start) // every * every


def _day_before_the_next(statement: Statement, others: Sequence[Statement]) -> int:
    """A statement stopped on an unknown day had ended, at the latest, before the next one of the drug began."""
    later = (one.start for one in others if one.drug == statement.drug and one.start > statement.start)
    return min(later, default=_FAR) - 1


def _replacement(statement: Statement, others: Sequence[Statement]) -> Statement | None:
    """The first statement of the same drug and route begun later; None for what is given at single times."""
    if not _goes_on(statement):
        return None
    later = (
        one
        for one in others
        if one.drug == statement.drug and one.route == statement.route and one.start > statement.start and _goes_on(one)
    )
    return min(later, key=lambda one: (one.start, one.id), default=None)


def _goes_on(statement: Statement) -> bool:
    """Taken from day to day: neither a single dose nor a pulse or infusion."""
    return statement.intent not in ("pulse", "infusion") and _rhythm(statement.frequency)[1] != 0


def _as_prescribed(statement: Statement) -> tuple[float | None, str, int]:
    """What two statements have in common that prescribe the same: ten twice a day are twenty a day."""
    share, every = _rhythm(statement.frequency)
    return None if statement.dose is None else statement.dose * share, statement.unit, max(every, 2)


def _dose_words(statement: Statement) -> str:
    dose = "an unknown dose" if statement.dose is None else f"{amount(statement.dose, 2)} {statement.unit}"
    often = frequencies().get(statement.frequency)
    return f"{dose} {often.label.lower() if often else statement.frequency}"


_FAR = 10_000_000
"""A day number beyond all days."""

_NOT_KNOWN = float("nan")


def _milligrams(statement: Statement, weight: Reading | None, patient: PatientFacts) -> tuple[float, float, str | None]:
    """Milligrams of one dose, the most they could be, and why they are not known (None where they are)."""
    dose, unit = statement.dose, statement.unit
    if dose is None:
        return _NOT_KNOWN, _ANY_DOSE_MG, _NO_DOSE
    if unit == "mg":
        return dose, dose, None
    if unit == "g":
        return 1000.0 * dose, 1000.0 * dose, None
    if unit in ("mg/kg", "g/kg"):
        thousand = 1000.0 if unit == "g/kg" else 1.0
        if weight is None:
            return _NOT_KNOWN, _HEAVIEST_KG * thousand * dose, _NO_WEIGHT
        milligrams = weight.value * thousand * dose
        return milligrams, milligrams, None
    if unit == "mg/m2":
        height = patient.latest("height")
        if weight is None or height is None:
            return _NOT_KNOWN, _LARGEST_M2 * dose, _NO_AREA
        milligrams = sqrt(weight.value * height.value / 3600.0) * dose  # Mosteller
        return milligrams, milligrams, None
    return _NOT_KNOWN, _ANY_DOSE_MG, _NO_UNIT


def _stretches(first: int, last: int, every: int, mg: float, pulse: bool) -> Iterable[_Stretch]:
    """A statement as stretches taken every day; one taken weekly or more rarely is one day for each of its doses."""
    nanograms = round(mg * _NANOGRAMS)
    of_pulse = nanograms if pulse else 0
    if every < 3:
        return (_Stretch(first, last, nanograms, of_pulse),)
    return [_Stretch(day, day, nanograms, of_pulse) for day in range(first, last + 1, every)]


def _added_up(stretches: Sequence[_Stretch]) -> tuple[Segment, ...]:
    """Stretches that overlap become segments of one dose; neighbours of the same dose become one."""
    steps: dict[int, tuple[int, int]] = {}
    for first, last, nanograms, pulse in stretches:
        dose, of_pulse = steps.get(first, _NO_STEP)
        steps[first] = (dose + nanograms, of_pulse + pulse)
        dose, of_pulse = steps.get(last + 1, _NO_STEP)
        steps[last + 1] = (dose - nanograms, of_pulse - pulse)
    found: list[Segment] = []
    total = pulses = begun = 0
    for day in sorted(steps):
        more, more_pulse = steps[day]
        if not more and not more_pulse:
            continue
        if total > 0:
            found.append(Segment(begun, day - 1, total / _NANOGRAMS, pulses / _NANOGRAMS))
        total, pulses, begun = total + more, pulses + more_pulse, day
    return tuple(found)


_NO_STEP = (0, 0)


def _next_change(today: int, first: int, end: int | None, every: int) -> int | None:
    """The first day after today on which a statement in force ends by itself or its next rare dose is due."""
    goes_on = end is None or end >= today
    if every == 0:
        return today + 1 if first == today else None
    if every < 3:
        return end + 1 if end is not None and goes_on else None
    since = (today - first) % every
    if since == 0:
        return today + 1 if goes_on else None
    coming = today - since + every
    return coming if end is None or coming <= end else None


# ----------------------------------------------------------------------------------------------- what is said of it


def evidence(found: Exposure, since: int) -> tuple[str, ...]:
    """The statements taken on or after a day, oldest first, those of unknown dose or end after the others."""
    counted = [one.statement.fact for one in found.statements if one.last >= since]
    return (*counted, *[one.statement.fact for one in found.unknown if one.last >= since])


def why_unknown(found: Exposure) -> str:
    """What is not known about the steroids, for a sentence."""
    return "; ".join(dict.fromkeys(f"{one.statement.drug}: {one.why}" for one in found.unknown))


def daily(patient: PatientFacts, first: int, last: int) -> list[float]:
    """Prednisone-equivalent mg for each day from `first` to `last`, both included."""
    doses = [0.0] * max(last - first + 1, 0)
    for segment in exposure(patient).known:
        for day in range(max(segment.start, first), min(segment.end, last) + 1):
            doses[day - first] = segment.mg
    return doses


def exposure_report(
    patient: PatientFacts,
    *,
    above_mg: float = HIGH_MG,
    from_mg_kg: float = HIGH_MG_KG,
    gap_days: int = COURSE_GAP_DAYS,
    longest_days: int = LONGEST_HIGH_DAYS,
) -> dict[str, Any]:
    """Everything about one patient's steroids as plain data, ready for JSON; dates as `YYYY-MM-DD`.

    `days` holds the days of the last year on which (or since which) a steroid was on file; `segments` the whole
    history; `spans` the stretches above each limit; `next` the date on which the line would be crossed if today's
    dose continued.
    """
    found = exposure(patient)
    known, today, kilograms = found.known, found.today, found.kilograms

    def is_high(segment: Segment) -> bool:
        return found.is_high(segment, above_mg, from_mg_kg)

    courses = runs(known, is_high, gap_days=gap_days, nth=longest_days + 1)
    newest = courses[-1] if courses and today - courses[-1].last <= gap_days else None
    now = known[-1] if known and known[-1].end >= today else None
    crosses = None
    if now is not None and newest is not None and is_high(now) and not newest.reached:
        crosses = today + longest_days + 1 - newest.days
    limit = f"above {above_mg:g} mg/day" + ("" if kilograms is None else f" or at least {from_mg_kg:g} mg/kg/day")
    lasting = runs(known, lambda one: one.mg > 7.5 + SMALLEST_DIFFERENCE_MG, gap_days=gap_days)
    since = now.start if now else (known[-1].end + 1 if known else None)
    return {
        "mrn": patient.mrn,
        "as_of": _text(today),
        "unit": UNIT,
        "days": _days_of_the_year(found, is_high),
        "segments": [
            {
                "start": _text(one.start),
                "end": _text(one.end),
                "dose": _rounded(one.mg),
                "pulse": one.is_pulse,
                "high": is_high(one),
            }
            for one in known
        ],
        "spans": [
            {"start": _text(run.start), "end": _text(run.last), "days": run.days, "limit": words}
            for words, part in ((limit, courses), ("above 7.5 mg/day", lasting))
            for run in part
        ],
        "cumulative": {
            "total_mg": _rounded(found.cumulative(None, today)),
            "last_365_days_mg": _rounded(found.cumulative(today - _YEAR_DAYS + 1, today)),
        },
        "current": {"dose": _rounded(now.mg) if now else 0.0, "since": _text(since)},
        "course": {
            "start": _text(newest.start) if newest else None,
            "high_days": newest.days if newest else 0,
            "longer_than_days": longest_days,
            "crossed_on": _text(newest.nth_day) if newest else None,
        },
        "weight": None if found.weight is None else {"kg": found.weight.value, "date": _text(found.weight.day)},
        "ignored": [
            {"drug": one.statement.drug, "route": one.statement.route, "why": one.why} for one in found.ignored
        ],
        "unknown": [{"drug": one.statement.drug, "start": _text(one.first), "why": one.why} for one in found.unknown],
        "replaced": [
            {
                "drug": one.statement.drug,
                "route": one.statement.route,
                "dose": one.statement.dose,
                "unit": one.statement.unit,
                "frequency": one.statement.frequency,
                "start": _text(one.statement.start),
                "by_dose": one.by.dose,
                "by_unit": one.by.unit,
                "by_frequency": one.by.frequency,
                "by_start": _text(one.by.start),
                "how": one.how,
                "says": one.words,
            }
            for one in found.replaced
        ],
        "next": {"crosses_on": _text(crosses)},
    }


def _days_of_the_year(found: Exposure, is_high: Callable[[Segment], bool]) -> list[dict[str, Any]]:
    """The dose of each day of the last year, from the first day of any steroid on."""
    if not found.known:
        return []
    begin = max(found.today - _YEAR_DAYS + 1, found.known[0].start)
    kilograms = found.kilograms
    days = dict.fromkeys(range(begin, found.today + 1), (0.0, False))
    for segment in found.known:
        of_it = (segment.mg, is_high(segment))
        days.update(dict.fromkeys(range(max(segment.start, begin), segment.end + 1), of_it))
    return [
        {
            "date": _text(day),
            "dose": _rounded(dose),
            "mg_per_kg": round(dose / kilograms, 3) if kilograms else None,
            "high": high,
        }
        for day, (dose, high) in days.items()
    ]


def _text(day: int | None) -> str | None:
    return None if day is None else date_of(day).isoformat()


def _rounded(milligrams: float) -> float:
    return round(milligrams, 3)

"""From all statements of a patient to milligrams a day: doses at the same time add up, as whole nanograms."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobs.exposure.doses import PULSE_MG, SMALLEST_DIFFERENCE_MG, Counted, Exposure, Ignored, Replaced, Segment, Unknown
from jobs.exposure.prescribed import (
    ANY_DOSE_MG,
    day_before_the_next,
    equivalence_of,
    last_dose,
    milligrams_of,
    replacement,
    rhythm,
)
from jobs.exposure.spells import earliest
from models.patient_facts import PatientFacts

_NANOGRAMS = 1_000_000  # in a milligram
_NO_FREQUENCY = "how often it was taken is not known"
_NO_END = "stopped without an end date"


def exposure(patient: PatientFacts) -> Exposure:
    """The patient's steroid exposure; worked out once."""
    return patient.once("exposure", _exposure)


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
        equivalence = equivalence_of(statement.drug, statement.route)
        if equivalence is None:
            continue
        factor, because = equivalence
        if because:
            ignored.append(Ignored(statement, because))
            continue
        first, (share, every) = statement.start, rhythm(statement.frequency)
        end, open_end = last_dose(statement, every), statement.end is None and every != 0
        last = today if end is None else min(end, today)
        milligrams, at_most, why = milligrams_of(statement, weight, patient)
        if every < 0:
            at_most, why = ANY_DOSE_MG, why or _NO_FREQUENCY
        if open_end and statement.status == "stopped":
            why = why or _NO_END
            last = min(last, day_before_the_next(statement, patient.statements))
        elif open_end and (newer := replacement(statement, patient.statements)) is not None:
            replaced.append(Replaced(statement, newer))
            end = last_dose(statement._replace(end=newer.start - 1), every)
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


def daily(patient: PatientFacts, first: int, last: int) -> list[float]:
    """Prednisone-equivalent mg for each day from `first` to `last`, both included."""
    doses = [0.0] * max(last - first + 1, 0)
    for segment in exposure(patient).known:
        for day in range(max(segment.start, first), min(segment.end, last) + 1):
            doses[day - first] = segment.mg
    return doses

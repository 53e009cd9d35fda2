"""One statement as it was prescribed: what it is equivalent to, how often it is taken, until when, in milligrams."""

from collections.abc import Sequence
from math import sqrt

from jobs.phrasing import amount
from models.patient_facts import PatientFacts, Reading, Statement
from models.vocabulary import STEROID_ROUTES_NOT_COUNTED, drug, frequencies, remembered

# Generous bounds of a body, used only to say what a dose could at most have been where no weight is on file.
_HEAVIEST_KG = 250.0
_LARGEST_M2 = 3.0
ANY_DOSE_MG = 10_000.0

_NO_WEIGHT = "the dose is per kg and no weight is on file"
_NO_AREA = "the dose is per m² and weight or height is not on file"
_NO_DOSE = "no dose was stated"
_NO_UNIT = "the unit of the dose is not known"


@remembered(maxsize=4096)
def equivalence_of(name: str, route: str) -> tuple[float, str] | None:
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
def rhythm(frequency: str) -> tuple[float, int]:
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


def last_dose(statement: Statement, every: int) -> int | None:
    """The last day on which the statement is taken; None while it goes on or where its end is not known."""
    if every == 0:
        return statement.start
    if statement.end is None or every < 3:
        return statement.end
    return statement.start + (statement.end - statement.start) // every * every


def day_before_the_next(statement: Statement, others: Sequence[Statement]) -> int:
    """A statement stopped on an unknown day had ended, at the latest, before the next one of the drug began."""
    later = (one.start for one in others if one.drug == statement.drug and one.start > statement.start)
    return min(later, default=_FAR) - 1


def replacement(statement: Statement, others: Sequence[Statement]) -> Statement | None:
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
    return statement.intent not in ("pulse", "infusion") and rhythm(statement.frequency)[1] != 0


def as_prescribed(statement: Statement) -> tuple[float | None, str, int]:
    """What two statements have in common that prescribe the same: ten twice a day are twenty a day."""
    share, every = rhythm(statement.frequency)
    return None if statement.dose is None else statement.dose * share, statement.unit, max(every, 2)


def dose_words(statement: Statement) -> str:
    """`40 mg once daily`."""
    dose = "an unknown dose" if statement.dose is None else f"{amount(statement.dose, 2)} {statement.unit}"
    often = frequencies().get(statement.frequency)
    return f"{dose} {often.label.lower() if often else statement.frequency}"


_FAR = 10_000_000
"""A day number beyond all days."""

_NOT_KNOWN = float("nan")


def milligrams_of(
    statement: Statement, weight: Reading | None, patient: PatientFacts
) -> tuple[float, float, str | None]:
    """Milligrams of one dose, the most they could be, and why they are not known (None where they are)."""
    dose, unit = statement.dose, statement.unit
    if dose is None:
        return _NOT_KNOWN, ANY_DOSE_MG, _NO_DOSE
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
    return _NOT_KNOWN, ANY_DOSE_MG, _NO_UNIT

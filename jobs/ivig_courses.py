"""Immunoglobulin as it was given: which courses, how much, how far apart, and what speaks for a slower rate.

A course is what was infused on days next to one another. A statement that repeats (every four weeks) stands for its
courses up to the day asked about.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jobs.treatment import courses
from models.patient_facts import PatientFacts, Statement
from models.vocabulary import frequencies

IVIG = "ivig"
SAME_COURSE_DAYS = 7
"""Infusions this near to one another are one course: 2 g/kg are spread over two to five days (label, S25)."""


class Given(NamedTuple):
    """One course: its first day, the dose of one of its statements with the unit, and the statement."""

    day: int
    dose: float | None
    unit: str
    statement: Statement


class Trial(NamedTuple):
    """The present treatment: its courses, oldest first; the day of the next planned one; how long it acts."""

    given: Sequence[Given]
    next_day: int | None
    through: int


def ivig_trial(patient: PatientFacts) -> Trial | None:
    """The present treatment with intravenous immunoglobulin; None where there is none, or it acts no longer."""
    running = next((one for one in courses(patient) if one.drug == IVIG), None)
    if running is None:
        return None
    infusions: list[Given] = []
    planned: list[int] = []
    for statement in running.statements:
        days = _days(statement, patient.today)
        infusions += [Given(day, statement.dose, statement.unit, statement) for day in days]
        following = _next_day(statement, days[-1])
        if following is not None:
            planned.append(following)
    infusions.sort(key=lambda one: (one.day, one.statement.id))
    found: list[Given] = []
    last = None
    for one in infusions:
        newest = found[-1] if found else None
        if newest is None or last is None or one.day - last > SAME_COURSE_DAYS:
            found.append(one)
        elif one.dose is not None and newest.dose is not None and one.unit == newest.unit:
            found[-1] = newest._replace(dose=newest.dose + one.dose)
        last = one.day
    return Trial(found, min(planned, default=None), running.through)


def _days(statement: Statement, today: int) -> list[int]:
    """The days on which a statement stands for an infusion, up to today."""
    every = _every(statement)
    if every is None or (statement.end is None and statement.status == "stopped"):
        return [statement.start]
    through = today if statement.end is None else min(today, statement.end)
    return list(range(statement.start, through + 1, every)) or [statement.start]


def _next_day(statement: Statement, last: int) -> int | None:
    """The day of the next infusion a repeating statement stands for."""
    every = _every(statement)
    if every is None or (statement.end is None and statement.status == "stopped"):
        return None
    following = last + every
    return following if statement.end is None or following <= statement.end else None


def _every(statement: Statement) -> int | None:
    """The days from infusion to infusion; None for a single one."""
    often = frequencies().get(statement.frequency)
    return None if often is None or not often.every_days else often.every_days


def slower_because(patient: PatientFacts, from_age: int) -> list[tuple[str, str]]:
    """What asks for a slower rate and five days instead of two: in words, with the fact behind it ("" for the age)."""
    found = []
    if patient.age is not None and patient.age >= from_age:
        found.append((f"age {patient.age}", ""))
    for event, words in (("thrombosis", "a clot on file"), ("diabetes", "diabetes")):
        last = patient.last_event(event)
        if last is not None and last.present:
            found.append((words, last.fact))
    creatinine = patient.latest("creatinine")
    if creatinine is not None and (creatinine.times_limit or 0) > 1:
        found.append(("creatinine above its limit", creatinine.fact))
    return found

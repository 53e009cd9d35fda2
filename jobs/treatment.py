"""Which drugs a patient is on, and since when: medication statements joined into courses.

A course of a drug is a chain of its statements without a gap of more than `GAP_DAYS`. A drug given as single infusions
goes on acting for the days its vocabulary row says (rituximab nine months, immunoglobulin eight weeks).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.patient_facts import PatientFacts, Statement
from models.vocabulary import Drug, drug, frequencies
from models.vocabulary.rows import STEROID_ROUTES_NOT_COUNTED

GAP_DAYS = 14
"""A pause of up to this long does not end a course (site setting in spirit; a forgotten prescription is not a stop)."""

CONTINUING = 1_000_000
"""Day number that stands for "no end": the same whatever day is asked about, so that answers do not drift with it."""


@dataclass(frozen=True, slots=True)
class Course:
    """A drug being taken, or still acting, on the day asked about. Days are day numbers.

    Attributes:
        start: first day of the course.
        increased: day of the last dose increase, or the start.
        phases: the start and the days of all dose increases, on which close monitoring begins (anew).
        through: last day it is known to act; `CONTINUING` where it goes on.
        statements: its statements, oldest first.
        weekly_dose: of the newest statement; None for a single dose or where the dose is not known.
        unit: unit of `weekly_dose`.
    """

    drug: str
    start: int
    increased: int
    through: int
    statements: tuple[Statement, ...]
    weekly_dose: float | None
    unit: str
    phases: tuple[int, ...]

    @property
    def row(self) -> Drug | None:
        """The vocabulary's row of the drug; None for a drug it does not know."""
        return drug(self.drug)

    @property
    def newest(self) -> Statement:
        """The newest statement of the course."""
        return self.statements[-1]


class Taking(NamedTuple):
    """What a patient takes of some drugs, or is still under the effect of."""

    courses: Sequence[Course]

    @property
    def has(self) -> bool:
        """Whether any of them."""
        return bool(self.courses)

    @property
    def since(self) -> int | None:
        """The day the first of them was begun."""
        return min((one.start for one in self.courses), default=None)

    @property
    def ends(self) -> int | None:
        """The first day without one of them, where one is known: what is said of several changes on it."""
        return min((one.through + 1 for one in self.courses if one.through < CONTINUING), default=None)

    @property
    def names(self) -> str:
        """Their names for a sentence."""
        return " and ".join(one.drug for one in self.courses)

    @property
    def facts(self) -> tuple[str, ...]:
        """Their statements as evidence."""
        return tuple(statement.fact for one in self.courses for statement in one.statements)


def taking(patient: PatientFacts, wanted: Callable[[Drug], bool]) -> Taking:
    """What the patient takes of the drugs whose row in the drug table is wanted."""
    return Taking([one for one in courses(patient) if one.row is not None and wanted(one.row)])


def courses(patient: PatientFacts) -> Sequence[Course]:
    """The patient's courses on the day asked about, by name of the drug; local steroids are left out."""
    return patient.once("courses", _running)


def ended_courses(patient: PatientFacts, within_days: int) -> Sequence[Course]:
    """The last course of each drug that ended up to so many days before the day asked about."""
    since = patient.today - within_days
    return [one for one in _newest_courses(patient) if since <= one.through < patient.today]


def _running(patient: PatientFacts) -> Sequence[Course]:
    return [one for one in _newest_courses(patient) if one.through >= patient.today]


def _newest_courses(patient: PatientFacts) -> Sequence[Course]:
    return patient.once("newest courses", _chains)


def _chains(patient: PatientFacts) -> Sequence[Course]:
    of_drug: dict[str, list[Statement]] = {}
    for statement in patient.statements:
        of_drug.setdefault(statement.drug, []).append(statement)
    found = []
    for name in sorted(of_drug):
        row = drug(name)
        steroid = row is not None and row.is_glucocorticoid
        taken = [one for one in of_drug[name] if not (steroid and one.route in STEROID_ROUTES_NOT_COUNTED)]
        taken.sort(key=lambda one: (one.start, one.id))
        if taken:
            found.append(_newest_course(name, row, taken))
    return found


def _newest_course(name: str, row: Drug | None, taken: Sequence[Statement]) -> Course:
    """The last chain of a drug's statements (at least one), whether or not it goes on."""
    acts = (row.acts_for_days if row else None) or 0
    chain: list[Statement] = []
    reach = 0
    phases: list[int] = []
    weekly_before: float | None = None
    for statement in taken:
        if not chain or statement.start > reach + GAP_DAYS:
            chain, reach, phases = [], statement.start, [statement.start]
        weekly = weekly_dose(statement)
        comparable = bool(chain) and statement.unit == chain[-1].unit
        if comparable and weekly is not None and weekly_before is not None and weekly > weekly_before:
            phases.append(statement.start)
        chain.append(statement)
        weekly_before = weekly
        reach = max(reach, acts_through(statement, acts))
    dose, unit = weekly_before, chain[-1].unit
    return Course(name, chain[0].start, phases[-1], reach, tuple(chain), dose, unit, tuple(phases))


def weekly_dose(statement: Statement) -> float | None:
    """The statement's dose in a week, in its unit; None for a single dose or where dose or frequency is not known."""
    often = frequencies().get(statement.frequency)
    times = often.doses_per_day if often else None
    return None if times is None or statement.dose is None else statement.dose * 7 * times


def acts_through(statement: Statement, acts_for_days: int) -> int:
    """The last day on which a statement's drug is taken or still acts; `CONTINUING` where it goes on."""
    if statement.frequency == "once":
        return statement.start + acts_for_days
    if statement.end is not None:
        return statement.end + acts_for_days
    # "Stopped" without a last day: it is not being taken, and we do not know since when.
    return statement.start if statement.status == "stopped" else CONTINUING

"""Does this patient take steroids alone, without an agent that would let the steroid come down?

Looked at: the steroid dose and every steroid-sparing agent (methotrexate, azathioprine, mycophenolate, ciclosporin,
tacrolimus, cyclophosphamide, rituximab, immunoglobulin and others of the drug table), infusions as long as they act.
What counts: a high dose with no agent, from its first day; or 15 mg a day and more (a child: a quarter of a milligram
per kilogram) for more than two weeks with no agent. An agent that ended less than two weeks ago still counts: changing
from one to another takes time. What does not: inclusion body myositis, for which no agent is known to work.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.exposure import Exposure, Segment, Spell, earliest, evidence, exposure, newest_run, spell, why_unknown
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
    stretch,
)
from jobs.treatment import CONTINUING
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, Statement, date_of
from models.states import Cause
from models.vocabulary import drug, frequencies, remembered

SUBJECT = "steroids"
ALONE, FROM_THE_START = "alone", "from the start"
EXCLUDED_DIAGNOSES = ("IBM",)


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the steroid-monotherapy rule."""

    from_mg: float = parameter(
        15, unit="mg/day prednisone-equivalent", low=5, high=60, meaning="a dose from this on should not be given alone"
    )
    child_from_mg_per_kg: float = parameter(
        0.25, unit="mg/kg/day", low=0.1, high=2, meaning="the same for a child with a weight on file"
    )
    more_than_days: int = parameter(14, unit="days", low=1, high=90, meaning="days at that dose that must be exceeded")
    high_above_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=100,
        meaning="above this an agent is missed from the first day",
        source="dose classes, EULAR 2013 (S7)",
        mark="seen",
    )
    high_from_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day",
        low=0.1,
        high=2,
        meaning="the same per kilogram where a weight is on file",
        source="educational page (seed 004)",
        mark="seed",
    )
    gap_days: int = parameter(3, unit="days", low=0, high=14, meaning="days off that do not end the course")
    agent_gap_days: int = parameter(
        14,
        unit="days",
        low=0,
        high=90,
        meaning="an agent that ended (or stopped acting) less than this ago still counts",
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient with a steroid statement; never met for the excluded diagnoses."""
    found = exposure(patient)
    if not found.on_file:
        return
    limit = _limit(patient, found, parameters)
    long = spell(found, limit, gap_days=parameters.gap_days, nth=parameters.more_than_days + 1)
    high = _high_spell(found, parameters)
    covered = _covered_until(patient)
    until = None if covered is None else covered + parameters.agent_gap_days
    alone = until is None or until < as_of
    judged = alone and patient.diagnosis not in EXCLUDED_DIAGNOSES
    met = judged and (long.reached or high.alive)
    could_be = long.could_be or high.could_be
    cannot_tell = judged and not met and could_be
    start = _course_start(long, high)
    answer = Answer(
        SUBJECT,
        NOT_MET,
        recheck_on=earliest(
            long.recheck,
            high.recheck,
            None if alone or until is None or until >= CONTINUING else until + 1,
            as_of + 1 if could_be and not met else None,
        ),
        numbers={
            "finding": (ALONE if long.reached else FROM_THE_START) if met else None,
            "dose": round(found.dose_on(as_of) * 1000) / 1000,
            "limit_mg": round(limit * 1000) / 1000,
            "course_start": None if start is None else date_of(start),
            "agent_until": date_of(covered) if alone and covered is not None else None,
        },
    )
    if met:
        begins = min(day for day in (_reached_on(long), high.start) if day is not None)
        # The days of grace after an agent are not counted against the patient: alone since the agent was gone.
        since = begins if until is None else max(begins, until + 1)
        facts = evidence(found, as_of if start is None else start)
        answer = answer._replace(state=MET, severity=ACTION, since=since, evidence=facts)
    elif cannot_tell:
        answer = answer._replace(
            state=CANNOT_TELL,
            evidence=evidence(found, as_of if start is None else start),
            cannot_tell_because=why_unknown(found),
            cause=Cause.DOSE_UNKNOWN,
        )
    yield answer


def _limit(patient: PatientFacts, found: Exposure, parameters: Parameters) -> float:
    """The daily dose that should not be given alone: a child's by weight, where it is on file."""
    kilograms = found.kilograms
    if kilograms is not None and patient.is_child():
        return parameters.child_from_mg_per_kg * kilograms
    return parameters.from_mg


@dataclass(frozen=True, slots=True)
class _HighSpell:
    """A high dose that goes on, or paused for no longer than a gap that does not end it; or that may be one."""

    start: int | None
    could_be: bool
    recheck: int | None

    @property
    def alive(self) -> bool:
        return self.start is not None


def _high_spell(found: Exposure, parameters: Parameters) -> _HighSpell:
    gap = parameters.gap_days

    def is_high(segment: Segment) -> bool:
        return found.is_high(segment, parameters.high_above_mg, parameters.high_from_mg_per_kg)

    run = newest_run(found.known, is_high, gap_days=gap)
    largest = newest_run(found.possible, is_high, gap_days=gap) if found.possible else None
    could_be = largest is not None and found.today - largest.last <= gap
    if run is None or found.today - run.last > gap:
        return _HighSpell(None, could_be, None)
    return _HighSpell(run.start, could_be, run.last + gap + 1 if run.last < found.today else None)


def _reached_on(long: Spell) -> int | None:
    return long.run.nth_day if long.reached and long.run is not None else None


def _course_start(long: Spell, high: _HighSpell) -> int | None:
    """The first day of the dose that should not be given alone: of the long one, else of the high one."""
    begun = long.run.start if long.alive and long.run is not None else None
    return begun if long.reached or high.start is None else high.start


def _covered_until(patient: PatientFacts) -> int | None:
    """The last day on which any steroid-sparing agent acts, `CONTINUING` where one goes on, None where there is none.

    Infusions act for the days of their row in the drug table; a weekly tablet until the next would be due. An agent
    that was stopped on an unknown day does not act any more.
    """
    through = [last for one in patient.statements if (last := _acts_through(one)) is not None]
    return max(through, default=None)


def _acts_through(statement: Statement) -> int | None:
    acts = _acts_for(statement.drug)
    if acts is None:
        return None
    often = frequencies().get(statement.frequency)
    every = (often.every_days if often else None) or 1
    ended = statement.start if statement.frequency == "once" else statement.end
    if ended is None:
        if statement.status != "stopped":
            return CONTINUING
        ended = statement.start
    return ended + max(acts, every - 1)


@remembered(maxsize=512)
def _acts_for(name: str) -> int | None:
    """For how many days a steroid-sparing agent goes on acting; None for any other drug."""
    row = drug(name)
    return None if row is None or not row.sparing_agent else row.acts_for_days or 0


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The dose, since when, and what is missing."""
    dose = f"{number(row['dose'], 2)} mg/day prednisone-equivalent" if row["dose"] else "No steroid dose on this day"
    if row["state"] == CANNOT_TELL:
        return f"No steroid-sparing agent acts today, and the steroid dose is not known: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{dose}: not a long or high dose without a steroid-sparing agent."
    before = ""
    agent_until = row.get("agent_until")
    if agent_until is not None and agent_until == agent_until:  # a frame writes a missing day as NaT
        before = f" (the last one acted until {day_text(agent_until)})"
    since = day_text(row["course_start"])
    without = f"No steroid-sparing agent acts{before}."
    if row["finding"] == ALONE:
        return (
            f"{number(row['limit_mg'], 2)} mg/day of steroid or more since {since}, on more than "
            f"{parameters.more_than_days} days; today: {dose}. {without}"
        )
    return f"High steroid dose since {since}; today: {dose}. {without}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    return (
        "ask the prescriber whether a steroid-sparing agent is meant to be added, or why not; check the medication list"
    )


RULE = Rule(
    key="steroid-monotherapy",
    title="Steroids without a steroid-sparing agent",
    question="Is this patient treated with steroids alone?",
    why_it_matters=(
        "Steroids alone often have to be given longer and higher. An agent started together with them takes months to "
        "work; each week without it is a week more on steroid."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("medications", "weight", "diagnosis"),
    sources=(
        Source(
            "Treatment options in inflammatory myopathy",
            None,
            "educational page, not a guideline",
            "seed",
            "start a steroid-sparing agent together with the steroid",
        ),
        Source("Pulse therapy in myositis", None, "educational page, not a guideline", "seed"),
        Source("Glucocorticoid dose classes", 2013, "ard.bmj.com/content/72/12/1905", "seen"),
    ),
    known_false_alarms=(
        "an agent given elsewhere and not on this list",
        "polymyalgia or another reason for the steroid",
        "myositis under a checkpoint inhibitor, where a steroid alone may be the first step",
        "an agent deliberately withheld: infection, pregnancy, waiting for a screening result",
    ),
    clears_when=lambda limits: (
        f"a steroid-sparing agent is on file, or the dose has been below {number(limits.from_mg)} mg/day (of a child: "
        f"{number(limits.child_from_mg_per_kg, 2)} mg/kg/day) for more than {stretch(limits.gap_days)}"
    ),
    topic="steroid sparing",
    limitations=(
        "15 mg, two weeks and the two weeks of grace after an agent are settings of this program, not published limits."
    ),
    version="1.0.1",
    changed="Wording: the start told is that of the dose named; no agent acts today, instead of begun without one.",
    catalogue=("IS-01", "IS-02"),
    examples=(
        Example(
            title="40 mg on day one without an agent",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": 0},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0, "finding": FROM_THE_START},
        ),
        Example(
            title="40 mg on day 15 without an agent",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -14},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -14, "finding": ALONE},
        ),
        Example(
            title="15 mg on day 15",
            medications=({"drug": "prednisone", "dose": 15, "unit": "mg", "frequency": "daily", "start": -14},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0, "finding": ALONE},
        ),
        Example(
            title="15 mg on day 14",
            medications=({"drug": "prednisone", "dose": 15, "unit": "mg", "frequency": "daily", "start": -13},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="40 mg with methotrexate",
            medications=(
                {"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -20},
                {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start": -20},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="rituximab five months ago still acts",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -60},
                {"drug": "rituximab", "dose": 1, "unit": "g", "frequency": "once", "route": "iv", "start": -150},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

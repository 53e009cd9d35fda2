"""Has nobody tested this patient's strength for too long?

Looked at: the day of the last strength score on any instrument. What counts: more than six weeks while the disease is
active (high steroid dose, declining strength, raised CK, treatment begun or increased within three months), more than
three months on steady treatment otherwise. What does not: patients without treatment, and a test that was recorded as
not possible.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.exposure import Exposure, Segment, exposure, why_unknown
from jobs.newest import next_after, strength_verdict
from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    parameter,
)
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.treatment import Course, courses
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure

SUBJECT = "strength"
HIGH_DOSE, DECLINE, RAISED_CK, NEW_TREATMENT, STEADY = (
    "high steroid dose",
    "declining strength",
    "raised CK",
    "treatment begun or increased",
    "steady treatment",
)


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the overdue-assessment rule."""

    active_days: int = parameter(
        42,
        unit="days",
        low=14,
        high=180,
        meaning="strength is tested at least this often while the disease is active",
        source="standardised testing at every visit, educational pages; the number is a site setting",
    )
    steady_days: int = parameter(
        90, unit="days", low=28, high=365, meaning="strength is tested at least this often on steady treatment"
    )
    new_treatment_days: int = parameter(
        90, unit="days", low=0, high=182, meaning="how long after its start or increase a treatment counts as new"
    )
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="CK above this counts as active disease",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )
    latest_days: int = parameter(90, unit="days", low=14, high=365, meaning="an older CK says nothing about activity")
    high_dose_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=100,
        meaning="a steroid dose above this is high",
        source="dose classes, EULAR 2013 (S7)",
        mark="seen",
    )
    high_dose_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day prednisone-equivalent",
        low=0.1,
        high=2,
        meaning="a steroid dose from this on is high where a weight is on file",
        source="educational page (seed 004)",
        mark="seed",
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient on active treatment."""
    running = [one for one in courses(patient) if (row := one.row) is not None and row.counts_as_active_treatment]
    if not running:
        return
    dose = exposure(patient)
    verdict = strength_verdict(patient)
    enzyme = _raised_enzyme(patient, as_of, parameters)
    new_until = max(course.increased for course in running) + parameters.new_treatment_days
    maybe_high = False
    if _is_high(dose.known, dose, as_of, parameters):
        why = HIGH_DOSE
    else:
        maybe_high = _is_high(dose.possible, dose, as_of, parameters)
        why = _why(verdict.met, enzyme, as_of <= new_until)
    interval = parameters.steady_days if why == STEADY else parameters.active_days

    last = last_score(patient)
    begun = min(course.start for course in running)
    base = begun if last is None else last.day
    due = base + interval
    excused_until = _excused_until(patient, last, interval)
    excused = excused_until is not None and as_of <= excused_until
    over = as_of > due and not excused
    # Whether the dose is high decides, and the dose is not known.
    unsure = maybe_high and why == STEADY and not over and not excused and as_of > base + parameters.active_days
    state = MET if over else CANNOT_TELL if unsure else NOT_MET
    yield Answer(
        SUBJECT,
        state,
        severity=WATCH if over else None,
        since=due + 1 if over else None,
        due=due,
        recheck_on=next_after(
            as_of,
            due + 1,
            min(course.through for course in running) + 1,
            dose.next_change,
            new_until + 1,
            None if enzyme is None else enzyme.day + parameters.latest_days + 1,
            verdict.recheck_on,
            excused_until + 1 if excused and excused_until is not None else None,
            as_of + 1 if maybe_high else None,
        ),
        evidence=() if state == NOT_MET else _evidence(last, enzyme if why == RAISED_CK else None, running),
        cannot_tell_because=f"steroid dose unknown ({why_unknown(dose)})" if unsure else None,
        cause=Cause.DOSE_UNKNOWN if unsure else None,
        numbers={
            "last_day": None if last is None else date_of(last.day),
            "instrument": "" if last is None else last.measure,
            "interval_days": interval,
            "why": why,
            "treatment_start": date_of(begun),
            "excused": excused,
            "childrens_scale": last is not None and last.measure == "cmas" and _known_adult(patient),
        },
    )


def _why(declining: bool, enzyme: Reading | None, treatment_is_new: bool) -> str:
    """What makes the disease active where the steroid dose is not high."""
    if declining:
        return DECLINE
    if enzyme is not None:
        return RAISED_CK
    return NEW_TREATMENT if treatment_is_new else STEADY


def _is_high(segments: Sequence[Segment], dose: Exposure, as_of: int, parameters: Parameters) -> bool:
    """Whether the steroid dose of the day is high."""
    return any(
        segment.start <= as_of <= segment.end
        and dose.is_high(segment, parameters.high_dose_mg, parameters.high_dose_mg_per_kg)
        for segment in segments
    )


def _raised_enzyme(patient: PatientFacts, as_of: int, parameters: Parameters) -> Reading | None:
    """The newest CK, where it is recent and raised."""
    ck = patient.latest("ck")
    if ck is None or as_of - ck.day > parameters.latest_days:
        return None
    return ck if (ck.times_limit or 0) > parameters.raised_ck else None


def last_score(patient: PatientFacts) -> Reading | None:
    """The newest strength score of any instrument."""
    scores = [score for key in INSTRUMENTS if (score := patient.latest(key)) is not None]
    return max(scores, key=lambda score: score.day, default=None)


def _excused_until(patient: PatientFacts, last: Reading | None, interval: int) -> int | None:
    """How long a record that strength could not be tested holds, where it is newer than the last score."""
    undone = max((one.day for one in patient.not_done if one.measure in INSTRUMENTS), default=None)
    return None if undone is None or (last is not None and undone <= last.day) else undone + interval


def _evidence(last: Reading | None, enzyme: Reading | None, running: Sequence[Course]) -> tuple[str, ...]:
    return tuple(one.fact for one in (last, enzyme, running[0].newest) if one is not None)


def _known_adult(patient: PatientFacts) -> bool:
    return patient.age is not None and patient.age >= ADULT_FROM_YEARS


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """When strength was last tested, how often it should be, and why."""
    del parameters
    if row["instrument"]:
        last = f"last tested on {day_text(row['last_day'])} ({measure(str(row['instrument'])).short_label})"
    else:
        last = f"never tested here, treatment began on {day_text(row['treatment_start'])}"
    often = f"every {int(row['interval_days'])} days ({row['why']})"
    if row["state"] == CANNOT_TELL:
        return (
            f"Strength {last}; whether that is long enough ago to repeat it cannot be told: "
            f"{row['cannot_tell_because']}."
        )
    note = " CMAS is a children's scale: choose another instrument." if row["childrens_scale"] else ""
    if row["state"] == MET:
        return f"Strength {last}, wanted {often}: was due on {day_text(row['due'])}.{note}"
    if row["excused"]:
        return f"Strength {last}; recorded as not possible since.{note}"
    return f"Strength {last}, wanted {often}: due on {day_text(row['due'])}.{note}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    return (
        "test strength at the next contact, same assessor, or record why it is not possible"
        if row["state"] == MET
        else ""
    )


RULE = Rule(
    key="overdue-assessment",
    title="Overdue strength test",
    question="Has nobody tested this patient's strength for too long?",
    why_it_matters=(
        "Every rule about weakness is blind without scores. A patient who is not tested looks stable, and a steroid "
        "dose then is steered by CK alone."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=(*INSTRUMENTS, "ck", "medications", "declining-strength"),
    sources=(
        Source(
            "Declining strength, pulse therapy and treatment options",
            2025,
            "educational pages, not guidelines",
            "seed",
            "standardised strength tests, regularly",
        ),
        Source("Intervals of six weeks and three months", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "a test done at another hospital or on paper that was not entered",
        "a drug that was stopped but never ended in the record",
    ),
    clears_when="a strength score of any instrument arrives, or the treatment ends",
    after=("declining-strength",),
    topic="monitoring",
    limitations="Intervals are site settings. Which instrument was used does not matter here, only that one was.",
    catalogue=("STR-04",),
    examples=(
        Example(
            title="60 mg of prednisone, last score 43 days ago",
            observations=({"measure": "mmt8", "value": 70, "day": -43},),
            medications=({"drug": "prednisone", "dose": 60, "start": -50},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": 0, "due": -1},
        ),
        Example(
            title="60 mg of prednisone, last score 42 days ago",
            observations=({"measure": "mmt8", "value": 70, "day": -42},),
            medications=({"drug": "prednisone", "dose": 60, "start": -50},),
            expect={"subject": SUBJECT, "state": NOT_MET, "due": 0},
        ),
        Example(
            title="on steady methotrexate eight weeks are in order",
            observations=({"measure": "mmt8", "value": 78, "day": -56},),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -700},),
            expect={"subject": SUBJECT, "state": NOT_MET, "due": 34},
        ),
        Example(
            title="never tested since treatment began",
            medications=({"drug": "prednisone", "dose": 40, "start": -43},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": 0, "due": -1},
        ),
        Example(
            title="a dose per kilogram, no weight, last score seven weeks ago",
            observations=({"measure": "cmas", "value": 48, "day": -49},),
            medications=({"drug": "prednisone", "dose": 0.4, "unit": "mg/kg", "start": -300},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
    ),
)

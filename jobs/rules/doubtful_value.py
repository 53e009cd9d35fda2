"""Is there a value on file that cannot be right?

Looked at: the values held back from all other rules, because value, unit and limit do not fit together or no body makes
such a jump. What counts: each of the last year, until it is corrected, entered in error, or confirmed by a second value
that agrees with it. What does not: a value that is only very abnormal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rule import MET, WATCH, Answer, Example, Rule, Source, parameter, stretch
from models.patient_facts import PatientFacts
from models.vocabulary import measure


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the doubtful-value rule."""

    asked_for_days: int = parameter(
        365, unit="days", low=30, high=3650, meaning="a value that cannot be is asked about this long"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterable[Answer]:
    """One row per measure: the newest value held back."""
    newest = {one.reading.measure: one for one in patient.doubtful()}
    for key, one in newest.items():
        if as_of - one.reading.day <= parameters.asked_for_days:
            yield Answer(
                key,
                MET,
                severity=WATCH,
                since=one.reading.day,
                recheck_on=one.reading.day + parameters.asked_for_days + 1,
                evidence=(one.reading.fact,),
                numbers={"reason": one.reason, "value": one.reading.value, "upper_limit": one.reading.limit},
            )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What does not fit, and that no rule uses it."""
    del parameters
    return f"{row['reason']} It is kept, and no other rule uses it."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    return f"correct the {measure(str(row['subject'])).short_label} or mark it as entered in error"


RULE = Rule(
    key="doubtful-value",
    title="A value that cannot be right",
    question="Is there a value on file that cannot be right?",
    why_it_matters=(
        "A weight typed without its last digit makes every dose per kilogram a high one; a creatinine under the wrong "
        "unit is a kidney failure or hides one. Neither may decide anything, and neither may vanish."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="measure",
    reads=("every measure with known bounds",),
    sources=(Source("Bounds of what a living body shows", None, "set here, generous on purpose", "default"),),
    known_false_alarms=("a change of weight beyond all experience that is real: a second value confirms it",),
    clears_when="the value is corrected or marked as entered in error",
    in_time=lambda limits: f"the value is more than {stretch(limits.asked_for_days)} old",
    topic="data",
    limitations="Only measures with known bounds are judged. A wrong value within the bounds is not noticed.",
    catalogue=("DQ",),
    examples=(
        Example(
            title="6.5 kg at 40 years",
            observations=({"measure": "weight", "value": 6.5, "day": -3},),
            patient={"age_years": 40},
            expect={"subject": "weight", "state": MET, "severity": WATCH, "since": -3},
        ),
        Example(
            title="65 kg at 40 years",
            observations=({"measure": "weight", "value": 65, "day": -3},),
            patient={"age_years": 40},
            expect={"state": "not_met"},
        ),
    ),
)

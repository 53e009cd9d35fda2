"""A high CK after exercise: repeat it after rest.

Looked at: the phenotype branch. Values above 10,000 U/L happen after hard exercise without any treatment being needed.
"""

from dataclasses import dataclass

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import EXERCISE_CK
from jobs.rule import WATCH, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """How long to rest."""

    rest_days: int = parameter(
        7, unit="days", low=3, high=14, meaning="days of rest before the repeat", source="S30", mark="seen"
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Watch in the exercise branch."""
    exercise = situation.signs.exercise
    if situation.state != EXERCISE_CK or exercise is None:
        return None
    until = (exercise.end or exercise.day) + parameters.rest_days
    return Proposal(
        because=situation.phenotype.because,
        why=situation.phenotype.why,
        urgency=WATCH,
        options=(Option("repeat", f"Repeat CK after {parameters.rest_days} days of rest, from {day_text(until)} on."),),
        collect_first=("CK after rest",),
        cautions=("Dark urine, severe pain or swelling: kidneys and potassium today (from memory).",),
    )


ESCALATION = Escalation(
    key="repeat-ck-after-rest",
    title="Repeat CK after rest",
    question="Is the CK high because of exercise?",
    why_it_matters="A CK after exercise has led to treatment nobody needed.",
    topic="ck",
    kind="collect",
    order=13,
    catalogue=("PH-09",),
    reads=("rising-muscle-enzymes",),
    logic="CK above 1.5 times its limit, strength normal, strenuous exercise in the 7 days before the sample.",
    limitations="Exercise is known only where somebody asked.",
    citations=(
        Citation("S30", "After hard exercise 25 of 100 volunteers were above 10,000 U/L; back in 5 to 7 days."),
        *seeds(s000="CK above 10,000 U/L after exercise needs no treatment."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)

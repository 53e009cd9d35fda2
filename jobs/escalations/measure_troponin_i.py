"""Raised troponin T without troponin I: is it the heart or the muscle?

Looked at: the newest troponin T of each assay. What does not count: a troponin T without an upper limit reported with
it, and one that has a troponin I within 14 days. Troponin T is never called myocarditis here.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import ACTION, URGENT, parameter
from models.patient_facts import Reading


@dataclass(frozen=True)
class Parameters:
    """Windows of the troponin pair."""

    pair_days: int = parameter(
        14,
        unit="days",
        low=1,
        high=42,
        meaning="a troponin I this near to the troponin T answers it",
        mark="contract",
        source="raised-troponin",
    )
    valid_days: int = parameter(
        90,
        unit="days",
        low=14,
        high=365,
        meaning="an older troponin T is not used",
        mark="contract",
        source="raised-troponin",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Ready for a raised troponin T without a troponin I near it; urgent with a checkpoint inhibitor or dyspnoea."""
    chart, signs = situation.chart, situation.signs
    newest: dict[str | None, Reading] = {reading.assay: reading for reading in chart.series("troponin_t")}
    raised = [
        reading
        for reading in newest.values()
        if (reading.times_limit or 0) > 1
        and reading.comparator != "<"
        and chart.days_since(reading.day) <= parameters.valid_days
    ]
    if not raised:
        return None
    latest = max(raised, key=lambda reading: (reading.day, reading.id))
    if any(abs(other.day - latest.day) <= parameters.pair_days for other in chart.series("troponin_i")):
        return None
    danger = bool(signs.checkpoint or signs.breathing)
    return Proposal(
        because=(fact_of(latest), *(fact_of(statement) for statement in signs.checkpoint[-1:])),
        why="Troponin T is raised and no troponin I is on file near it: diseased skeletal muscle can be the source.",
        urgency=URGENT if danger else ACTION,
        options=(
            Option("troponin-i", "Measure troponin I, on the same assay as before where there was one."),
            Option("ecg", "Add an ECG at the same visit."),
        ),
        collect_first=("troponin I", "ECG"),
        cautions=(
            "Raised troponin T alone is not myocarditis, and it does not exclude it: chest pain, dyspnoea, "
            "palpitations or "
            "a checkpoint inhibitor change the picture.",
            "Troponin T and troponin I are never converted into each other.",
        ),
    )


ESCALATION = Escalation(
    key="measure-troponin-i",
    title="Measure troponin I",
    question="Does the raised troponin T come from the heart?",
    why_it_matters="Troponin T is raised in about four of ten patients with myositis without heart disease, "
    "troponin I in "
    "about one of forty.",
    topic="heart",
    kind="organ",
    order=20,
    catalogue=("SAFE-12",),
    reads=("raised-troponin",),
    logic="The newest troponin T of an assay lies above the limit reported with it, is at most 90 days old, and no "
    "troponin I lies within 14 days of it.",
    limitations="A troponin without a reported limit is not judged. Symptoms of the heart are not all recorded as "
    "events.",
    citations=(
        Citation("S27", "In 39 patients without heart disease troponin T was raised in 41 %, troponin I in 2.5 %."),
        Citation("HUGHES-2015", "Suggests troponin T first, then troponin I to confirm."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)

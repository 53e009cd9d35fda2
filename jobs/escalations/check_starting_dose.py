"""A new steroid course: is its dose within the usual range?

Looked at: the dose of the first fortnight of a steroid course by weight, and the cap. Pulses are left out.
"""

import math
from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, number, parameter


@dataclass(frozen=True)
class Parameters:
    """The usual range of a starting dose."""

    cap_adult: float = parameter(
        80,
        unit="mg/day prednisone equivalent",
        low=60,
        high=100,
        meaning="cap in adults",
        source="seed-001, seed-004",
        mark="seed",
    )
    cap_child: float = parameter(
        60,
        unit="mg/day prednisone equivalent",
        low=40,
        high=80,
        meaning="cap in children",
        source="seed-004",
        mark="seed",
    )
    most_mg_kg_child: float = parameter(
        2, unit="mg/kg/day", low=1, high=2, meaning="cap by weight in children", source="S1; seed-004", mark="seen"
    )
    within_days: int = parameter(14, unit="days", low=7, high=42, meaning="checked this long")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Action where today's oral dose lies above the cap."""
    chart = situation.chart
    if chart.last_pulse() is not None and chart.days_since(chart.last_pulse()[1]) < 1:  # type: ignore[index]
        return None
    dose = chart.steroid.today
    if dose <= 0 or dose >= 250:
        return None
    highest = chart.steroid.highest_within(parameters.within_days)
    if not math.isclose(highest, dose, rel_tol=1e-5) and highest < 250:
        return None
    weight = chart.latest("weight")
    cap = parameters.cap_child if chart.is_child else parameters.cap_adult
    if chart.is_child and weight is not None:
        cap = min(cap, parameters.most_mg_kg_child * weight.value)
    if dose <= cap + 0.5:
        return None
    return Proposal(
        because=(*chart.steroid_facts(), *((fact_of(weight),) if weight else ())),
        why=f"Steroid {number(dose)} mg/day (prednisone equivalent) is above the usual cap of {number(cap)} mg/day.",
        urgency=ACTION,
        options=(
            Option("check", "Check the prescription: unit, frequency, two entries of the same drug."),
            Option("confirm", "Confirm it as meant, with the reason."),
        ),
        conflicts=("C8: the pages and the guidelines give different starting doses.",),
    )


ESCALATION = Escalation(
    key="check-starting-dose",
    title="Steroid dose above the usual cap",
    question="Is the dose meant?",
    why_it_matters="A wrong unit or a doubled entry looks like this.",
    topic="dose-check",
    kind="safety",
    order=53,
    catalogue=("GC-10",),
    logic="Daily oral dose above 80 mg in adults, above 60 mg or 2 mg/kg in children, pulses aside.",
    limitations="Doses meant for another disease are not told apart.",
    citations=(
        Citation("S1", "Adults 40 to 60 mg, children 1 to 2 mg/kg."),
        *seeds(s004="60 to 80 mg; juvenile disease at most 60 mg."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
    for_ibm=True,
)

"""Inflammatory weakness without any treatment on file: what does first-line treatment look like?

Looked at: the phenotype branch, current and past steroid and steroid-sparing agents, age, lung disease, pregnancy, and
conditions that make steroid more harmful.
"""

from typing import Any

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, dose_by_weight, seeds
from jobs.escalations.add_steroid_sparing_agent import agents
from jobs.phenotype import TRUE_MYOSITIS
from jobs.rule import ACTION, URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Ready in inflammatory weakness without treatment on file."""
    chart, signs = situation.chart, situation.signs
    if situation.treated or not (situation.state == TRUE_MYOSITIS or (situation.waits and signs.weak)):
        return None
    if chart.is_child:
        dose = dose_by_weight(chart, 1, 2, "mg", per="/day", most=60)
        steroid = Option("prednisone", "Prednisone from the start.", dose.text, dose.cautions)
    else:
        dose = dose_by_weight(chart, 0.5, 1, "mg", per="/day", most=80)
        lean = any(chart.condition(event) for event in ("diabetes", "osteoporosis", "glaucoma"))
        steroid = Option(
            "prednisone",
            "Prednisone, single morning dose, taper after 2 to 4 weeks.",
            dose.text,
            (*dose.cautions, *(("Diabetes, osteoporosis or glaucoma on file: nearer the lower end.",) if lean else ())),
        )
    return Proposal(
        because=(*situation.phenotype.because, *dose.facts),
        why="Inflammatory weakness and no treatment on file: steroid and a steroid-sparing agent start together.",
        urgency=URGENT if signs.severe else ACTION,
        status=situation.status,
        options=(steroid, *agents(situation)),
        collect_first=situation.first,
        cautions=("Treatment given elsewhere may not be on file: ask.",),
        conflicts=(
            "C8: 0.5 to 1 mg/kg and 60 to 80 mg are given for the same dose; the British guideline gives 40 to 60 mg "
            "for adults and 1 to 2 mg/kg for children.",
        ),
    )


ESCALATION = Escalation(
    key="start-first-line-treatment",
    title="Consider first-line treatment",
    question="What does first-line treatment look like for this patient?",
    why_it_matters="Early treatment goes with better function later.",
    topic="first-line",
    kind="escalation",
    order=28,
    catalogue=("PH-01", "IS-06", "GC-09", "GC-10"),
    reads=("declining-strength",),
    logic="Inflammatory weakness, no steroid, no steroid-sparing agent and no pulse on file.",
    limitations="Treatment from another clinic may be missing from the file.",
    citations=(
        Citation("S1", "Adults 40 to 60 mg, children 1 to 2 mg/kg."),
        Citation("S2", "Juvenile disease: methotrexate 15 to 20 mg/m2 a week, at most 40 mg, from the start."),
        *seeds(s004="0.5 to 1 mg/kg a day together with a steroid-sparing agent from day one."),
    ),
    propose=propose,
)

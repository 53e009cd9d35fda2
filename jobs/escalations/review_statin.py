"""A statin with pain, weakness or raised CK: is it a cause?

Looked at: statins among the current drugs, the phenotype branch's signs, antibodies on file.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Action where a statin goes with signs from the muscle."""
    if "statin" not in situation.phenotype.modifiers:
        return None
    chart, signs = situation.chart, situation.signs
    known = "HMGCR" in chart.autoantibodies
    options = [Option("pause", "Pause the statin and look again, with whoever prescribed it.")]
    if known:
        options = [Option("stop", "Anti-HMGCR antibodies are on file: stop the statin, with cardiology.")]
    else:
        options.append(Option("antibody", "Test anti-HMGCR antibodies, above all if weakness stays after the pause."))
    signs_seen = (*signs.weakness_facts(), *((fact_of(signs.pain),) if signs.pain else ()))
    return Proposal(
        because=(*(fact_of(course) for course in signs.statins), *signs_seen, *signs.ck_facts()[-1:]),
        why="A statin is taken and the muscle shows signs.",
        urgency=ACTION,
        options=tuple(options),
        cautions=("Weigh the risk for heart and vessels before a longer pause.",),
    )


ESCALATION = Escalation(
    key="review-statin",
    title="Review the statin",
    question="Is the statin a cause?",
    why_it_matters="Statins cause muscle pain, raised CK and, rarely, an antibody-driven necrotising myopathy.",
    topic="statin",
    kind="review",
    order=37,
    catalogue=("PH-11",),
    logic="A statin is being taken and there is pain, weakness or CK above 1.5 times its limit.",
    limitations="Statins bought or prescribed elsewhere may not be on file.",
    citations=(
        Citation("S36", "Anti-HMGCR disease can follow statins."),
        *seeds(s000="Review the drug list for statins."),
    ),
    propose=propose,
)

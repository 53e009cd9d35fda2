"""Inclusion body myositis that gets weaker: why nothing is escalated.

Looked at: the diagnosis and a met decline. The disease answers poorly to immunosuppression, so the usual suggestions
are switched off and this says so.
"""

from typing import Any

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import WATCH


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Watch for a declining patient with inclusion body myositis."""
    signs = situation.signs
    if situation.chart.diagnosis != "IBM" or not signs.weak:
        return None
    return Proposal(
        because=(*signs.weakness_facts(), *signs.ck_facts()[-1:]),
        why="Inclusion body myositis: slow decline is its course and immunosuppression rarely changes it.",
        urgency=WATCH,
        options=(
            Option("support", "Physiotherapy, aids, fall prevention, swallowing review."),
            Option(
                "time-limited-trial",
                "A time-limited trial of prednisone with methotrexate is a clinician's choice in newly "
                "diagnosed patients; agree beforehand when it ends.",
            ),
        ),
        cautions=("A fast decline does not fit: look for another cause.",),
        conflicts=("C18: one page calls the disease resistant and a trial reasonable.",),
    )


ESCALATION = Escalation(
    key="ibm-no-escalation",
    title="Inclusion body myositis: no escalation",
    question="Should a decline in inclusion body myositis be treated with more immunosuppression?",
    why_it_matters="The harm of immunosuppression is certain here and its benefit is not.",
    topic="ibm",
    kind="review",
    order=35,
    catalogue=("ESC-16",),
    reads=("declining-strength",),
    logic="Diagnosis IBM and a met decline or red flag.",
    limitations="A wrong diagnosis is not detected.",
    citations=(
        Citation("S35", "No immunosuppressive treatment with lasting benefit."),
        *seeds(s004="Generally resistant."),
    ),
    propose=propose,
    for_ibm=True,
)

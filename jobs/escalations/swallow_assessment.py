"""Difficulty swallowing: has it been assessed?

Looked at: dysphagia recorded in the last four weeks.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Escalation, Option, Proposal, Situation, seeds
from jobs.rule import URGENT, day_text


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent while difficulty swallowing is on file."""
    flag = situation.signs.swallowing
    if flag is None:
        return None
    return Proposal(
        because=(fact_of(flag),),
        why=f"Difficulty swallowing on {day_text(flag.day)}: risk of aspiration.",
        urgency=URGENT,
        options=(
            Option("swallow-test", "Swallow assessment before the next meal is planned; texture of food and drinks."),
            Option("monitored-setting", "Monitored setting where aspiration is likely or breathing is weak too."),
        ),
        collect_first=("FVC and NIF", "weight"),
        cautions=("Tablets may not be absorbed: think of another route.",),
    )


ESCALATION = Escalation(
    key="swallow-assessment",
    title="Assess swallowing",
    question="Can the patient swallow safely?",
    why_it_matters="Aspiration is a main cause of death in severe myositis.",
    topic="swallowing",
    kind="organ",
    order=2,
    catalogue=("SAFE-15", "RESP-01"),
    reads=("red-flag-symptoms",),
    logic="Dysphagia recorded as present in the last 28 days.",
    limitations="A same-day review entry, not an emergency monitor. Only recorded symptoms are known.",
    citations=seeds(
        s001="Risk of aspiration pneumonia in severe weakness.", s000="Monitored setting for respiratory involvement."
    ),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

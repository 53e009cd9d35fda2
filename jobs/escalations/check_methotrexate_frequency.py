"""Methotrexate that is not taken once a week: a dangerous error.

Looked at: the frequency of current methotrexate statements.
"""

from typing import Any

from jobs.chart import fact_of, last_day_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import URGENT
from models.vocabulary import frequencies

ONCE_A_WEEK = 1 / 7


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent for methotrexate recorded as taken more often than once a week."""
    chart = situation.chart
    wrong = [
        statement
        for statement in chart.given("methotrexate")
        if _too_often(statement.frequency) and statement.start <= chart.today <= last_day_of(statement)
    ]
    if not wrong:
        return None
    return Proposal(
        because=tuple(fact_of(statement) for statement in wrong),
        why=f"Methotrexate is on file as taken {wrong[-1].frequency}; it is a weekly drug.",
        urgency=URGENT,
        options=(
            Option("call", "Call the patient today: what is really taken?"),
            Option("correct-record", "Correct the record where it is a typing error."),
        ),
        collect_first=("blood count, creatinine, AST and ALT today if it was taken so",),
        cautions=("Folinic acid where it was taken so (from memory).",),
    )


def _too_often(frequency: str) -> bool:
    """More often than once a week. A single dose is no rhythm, and of one that was not said nothing is known."""
    often = frequencies().get(frequency)
    return often is not None and (often.doses_per_day or 0) > ONCE_A_WEEK


ESCALATION = Escalation(
    key="check-methotrexate-frequency",
    title="Methotrexate is not weekly",
    question="Is methotrexate taken more than once a week?",
    why_it_matters="Daily methotrexate kills.",
    topic="methotrexate-frequency",
    kind="safety",
    order=49,
    catalogue=("IS-08",),
    reads=("drug-safety",),
    logic="A current methotrexate statement with a frequency of more than once a week.",
    limitations="A weekly dose split within one day is recorded differently by different senders.",
    citations=(Citation("S12", "Methotrexate is taken once a week."),),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

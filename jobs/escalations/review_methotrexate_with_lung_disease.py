"""Methotrexate in a patient with interstitial lung disease.

Looked at: interstitial lung disease on file and methotrexate among the current drugs.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Action where both are on file."""
    lung, course = situation.signs.lung_disease, situation.chart.on("methotrexate")
    if lung is None or course is None:
        return None
    return Proposal(
        because=(fact_of(lung), fact_of(course)),
        why="Methotrexate is taken with interstitial lung disease on file.",
        urgency=ACTION,
        options=(
            Option("azathioprine", "Azathioprine, after TPMT.", drugs=("azathioprine",)),
            Option(
                "mycophenolate",
                "Mycophenolate, not where pregnancy is planned.",
                drugs=("mycophenolate mofetil",),
            ),
            Option("documented-decision", "Go on with methotrexate by a documented decision, with lung function."),
        ),
        collect_first=() if situation.chart.latest("fvc_percent", 182) else ("FVC",),
        cautions=("New cough or dyspnoea under methotrexate: think of the drug.",),
    )


ESCALATION = Escalation(
    key="review-methotrexate-with-lung-disease",
    title="Methotrexate with lung disease",
    question="Is methotrexate the right agent with this lung disease?",
    why_it_matters="Methotrexate can itself injure the lung and confuses the picture.",
    topic="methotrexate-lung",
    kind="safety",
    order=57,
    catalogue=("IS-04",),
    reads=("drug-safety",),
    logic="Interstitial lung disease on file and methotrexate among the current drugs.",
    limitations="How severe the lung disease is decides, and that is not on file.",
    citations=seeds(s004="Methotrexate for patients without lung disease; azathioprine or mycophenolate with it."),
    propose=propose,
    for_ibm=True,
)

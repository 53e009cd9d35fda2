"""Methotrexate together with trimethoprim or co-trimoxazole.

Looked at: both among the current drugs, and the dose of co-trimoxazole. Both block folate; marrow failure has followed.
"""

from typing import Any

from jobs.chart import fact_of, label_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent while both are on file as being taken."""
    chart = situation.chart
    methotrexate, other = chart.on("methotrexate"), chart.on("co-trimoxazole", "trimethoprim")
    if methotrexate is None or other is None:
        return None
    counts = [
        fact_of(reading) for name in ("white_cells", "neutrophils", "platelets") if (reading := chart.latest(name, 28))
    ]
    return Proposal(
        because=(fact_of(methotrexate), fact_of(other), *counts),
        why=f"Methotrexate and {label_of(other)} are taken together: risk of marrow failure.",
        urgency=URGENT,
        options=(
            Option("other-drug", "Another drug against pneumocystis: atovaquone, dapsone or pentamidine."),
            Option(
                "documented-decision",
                "A documented specialist's decision for a prophylactic dose, with a plan of blood counts.",
            ),
            Option("pause-methotrexate", "Pause methotrexate during a treatment dose."),
        ),
        collect_first=() if counts else ("blood count now",),
        cautions=("Mouth ulcers, fever, bruising: blood count today.",),
    )


ESCALATION = Escalation(
    key="review-methotrexate-with-trimethoprim",
    title="Methotrexate with trimethoprim: risk to the marrow",
    question="Should the two go on together?",
    why_it_matters="Fatal marrow failure has been reported with this pair.",
    topic="interaction",
    kind="safety",
    order=50,
    catalogue=("SAFE-05",),
    reads=("drug-safety",),
    logic="Methotrexate and trimethoprim or co-trimoxazole among the current drugs.",
    limitations="Whether a decision is documented elsewhere is not on file. The alternatives are from memory.",
    citations=(Citation("S24", "Avoid the combination."),),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

"""A drug that harms an unborn child, and pregnancy possible: is contraception on file?

Looked at: methotrexate, mycophenolate and cyclophosphamide among the current drugs; pregnancy possible; contraception.
"""

from typing import Any

from jobs.chart import fact_of, label_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import URGENT
from jobs.screens import HARMS_THE_UNBORN


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent where pregnancy is possible and no contraception is recorded."""
    chart = situation.chart
    possible = chart.condition("pregnancy_possible")
    unprotected = {answer.subject for answer in chart.met("drug-safety")}
    courses = [course for name in HARMS_THE_UNBORN if f"{name}:pregnancy" in unprotected and (course := chart.on(name))]
    if possible is None or not courses:
        return None
    return Proposal(
        because=(fact_of(possible), *(fact_of(course) for course in courses)),
        why=f"Pregnancy is possible under {', '.join(label_of(course) for course in courses)} and no contraception is "
        "on file.",
        urgency=URGENT,
        options=(
            Option("ask", "Ask today; pregnancy test; record contraception."),
            Option(
                "azathioprine",
                "Where a pregnancy is planned: azathioprine instead, after TPMT.",
                drugs=("azathioprine",),
            ),
        ),
        collect_first=("pregnancy test",),
        cautions=("Do not stop a drug that holds severe disease without a plan.",),
    )


ESCALATION = Escalation(
    key="confirm-contraception",
    title="Confirm contraception",
    question="Is a pregnancy excluded and prevented?",
    why_it_matters="These drugs cause malformations and miscarriage.",
    topic="pregnancy",
    kind="safety",
    order=51,
    catalogue=("IS-05",),
    reads=("drug-safety", "missing-safety-screen"),
    logic="The rule on drug safety finds one of the drugs, pregnancy possible and no contraception that still holds.",
    limitations="Contraception of the partner is recorded only where somebody asked.",
    citations=(
        Citation("S39", "Stop methotrexate, mycophenolate and cyclophosphamide for a pregnancy."),
        *seeds(s004="Reliable contraception under methotrexate."),
    ),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

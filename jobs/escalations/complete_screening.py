"""Screens before and under immunosuppression: which are missing?

Looked at: what the rule on missing screens says of the drugs being taken: the list and the card ask for the same.
"""

from typing import Any

from jobs.chart import Fact
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION
from models.vocabulary import drug

MISSING_SCREENS = "missing-safety-screen"


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Action where required screens are missing; one option for each drug."""
    missing = situation.chart.met(MISSING_SCREENS)
    if not missing:
        return None
    by_drug: dict[str, list[str]] = {}
    facts: dict[str, Fact] = {}
    for answer in missing:
        name = str(answer.numbers["drug"])
        label = known.label if (known := drug(name)) else name
        by_drug.setdefault(label, []).append(str(answer.numbers["screen"]))
        facts |= {fact.name: fact for fact in situation.chart.facts(answer.evidence)}
    return Proposal(
        because=tuple(facts.values()),
        why="Screens that the current drugs ask for are not on file: "
        + "; ".join(f"{drug}: {', '.join(names)}" for drug, names in by_drug.items())
        + ".",
        urgency=ACTION,
        options=(Option("complete", "Complete the screens, or record where they were done."),),
        collect_first=tuple(dict.fromkeys(name for names in by_drug.values() for name in names)),
        cautions=(
            "A screen done elsewhere counts once it is on file.",
            *(
                ("Azathioprine without TPMT: absent activity means severe marrow failure.",)
                if any(answer.subject.endswith(":tpmt") for answer in missing)
                else ()
            ),
        ),
    )


ESCALATION = Escalation(
    key="complete-screening",
    title="Complete the screens of the current drugs",
    question="Which screens are missing?",
    why_it_matters="Hepatitis B, absent TPMT and pregnancy change which drug is safe.",
    topic="screening",
    kind="safety",
    order=55,
    catalogue=("SAFE-06", "SAFE-08", "SAFE-09", "SAFE-10"),
    reads=(MISSING_SCREENS,),
    logic="The rule on safety screens misses a screen of a current drug, and no other rule asks for the same test.",
    limitations="Screens done elsewhere are known only once recorded.",
    citations=(
        Citation("S12", "Screens before methotrexate, azathioprine and mycophenolate."),
        Citation("S16", "Hepatitis B and immunoglobulins before rituximab."),
        *seeds(s004="Hepatitis B and C before methotrexate, TPMT before azathioprine, vaccines."),
    ),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

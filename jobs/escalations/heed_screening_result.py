"""A screening result that stands against a drug taken, or thought of: what does it change?

Looked at: what the rule on screening results says of drugs that run, still act, or are among the options.
"""

from typing import Any

from jobs.escalation import URGENCIES, Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, rule


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """As urgent as the gravest result; each result with what it changes."""
    chart = situation.chart
    found = chart.met("screening-result")
    if not found:
        return None
    asked = rule("screening-result")
    values = asked.defaults()
    ordered = sorted(found, key=lambda one: URGENCIES.index(one.severity or ACTION))
    said = [asked.explain(one.cells(), values) for one in ordered]
    return Proposal(
        because=tuple(fact for one in ordered for fact in chart.facts(one.evidence)),
        why=" ".join(said),
        urgency=ordered[0].severity or ACTION,
        options=tuple(Option(one.subject, f"{_capital(str(one.numbers['do']))}.") for one in ordered),
        cautions=("A result stands until a newer one: repeat it where it does not fit.",),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


ESCALATION = Escalation(
    key="heed-screening-result",
    title="A screening result changes the choice of drugs",
    question="What does the result of a screen change?",
    why_it_matters="A result that nobody reads protects nobody.",
    topic="screening-result",
    kind="safety",
    order=50,
    catalogue=("SAFE-08", "SAFE-09", "SAFE-10"),
    reads=("screening-result",),
    logic="The latest result of a screen is positive or beyond its limit, and a drug that it matters for runs, still "
    "acts, or is among the options of a suggestion.",
    limitations="What was done about a result is not on file.",
    citations=(
        Citation("S12", "TPMT: absent, avoid azathioprine; low, half the dose."),
        Citation("S16", "Hepatitis B and immunoglobulins under rituximab."),
        Citation("S39", "Stop methotrexate, mycophenolate and cyclophosphamide in pregnancy."),
        *seeds(s004="Hepatitis B and C before methotrexate, TPMT before azathioprine."),
    ),
    propose=propose,
    audience=("nurse", "physician"),
    for_ibm=True,
)

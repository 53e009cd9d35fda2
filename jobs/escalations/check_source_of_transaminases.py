"""Raised AST or ALT under methotrexate or azathioprine: liver or muscle?

Looked at: AST and ALT against their limits, CK against its limit at about the same time.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import ACTION, parameter


@dataclass(frozen=True)
class Parameters:
    """When transaminases count as raised."""

    act_at: float = parameter(
        100,
        unit="U/L",
        low=60,
        high=300,
        meaning="AST or ALT above this asks for action",
        source="S11, S12",
        mark="seen",
    )
    ck_raised: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=5,
        meaning="CK above this makes muscle the likely source",
        source="S29",
        mark="seen",
    )
    valid_days: int = parameter(42, unit="days", low=14, high=90, meaning="an older result is not used")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Action where AST or ALT is above 100 U/L under a liver-toxic agent while CK is raised."""
    chart = situation.chart
    course = chart.on("methotrexate", "azathioprine")
    raised = [
        r for name in ("ast", "alt") if (r := chart.latest(name, parameters.valid_days)) and r.value > parameters.act_at
    ]
    ck = chart.latest("ck", parameters.valid_days)
    if course is None or not raised or ck is None or (ck.times_limit or 0) <= parameters.ck_raised:
        return None
    return Proposal(
        because=(*(fact_of(reading) for reading in raised), fact_of(ck), fact_of(course)),
        why="AST or ALT is raised while CK is raised too: the muscle is a likely source.",
        urgency=ACTION,
        options=(
            Option("ggt-bilirubin", "Add GGT and bilirubin before changing the drug."),
            Option("trend", "Compare the trend of AST and ALT with that of CK."),
        ),
        collect_first=("GGT", "bilirubin"),
        cautions=("Do not stop the drug on these values alone; do not ignore them either.",),
    )


ESCALATION = Escalation(
    key="check-source-of-transaminases",
    title="AST or ALT raised: liver or muscle?",
    question="Do the transaminases come from the muscle?",
    why_it_matters="A working drug has been stopped for muscle enzymes read as liver enzymes.",
    topic="transaminases",
    kind="safety",
    order=58,
    catalogue=("SAFE-13",),
    reads=("drug-safety",),
    logic="AST or ALT above 100 U/L under methotrexate or azathioprine, CK above 1.5 times its limit.",
    limitations="GGT and bilirubin are not among the measures on file.",
    citations=(Citation("S32", "Transaminases rise with muscle damage."), Citation("S12", "Act at 100 U/L.")),
    propose=propose,
    parameters=Parameters,
    for_ibm=True,
)

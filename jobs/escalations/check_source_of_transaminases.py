"""Raised AST or ALT under methotrexate or azathioprine: liver or muscle?

Looked at: AST and ALT against their limits; CK, gamma-GT and bilirubin against theirs at about the same time.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import ACTION, WATCH, parameter
from jobs.rules.drug_safety import OF_THE_LIVER
from jobs.treatment import Course
from models.patient_facts import Reading


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
    return _proposal(situation, raised, ck, course, parameters)


def _proposal(
    situation: Situation, raised: list[Reading], ck: Reading, course: Course, parameters: Parameters
) -> Proposal:
    """What gamma-GT and bilirubin say where they are on file, else that they are wanted."""
    tests = [r for name in OF_THE_LIVER if (r := situation.chart.latest(name, parameters.valid_days))]
    beyond = [r for r in tests if (r.times_limit or 0) > 1]
    quiet = not beyond and any(r.measure == "gamma_gt" and r.times_limit is not None for r in tests)
    why = "AST or ALT is raised while CK is raised too: "
    if beyond:
        why += f"{' and '.join(fact_of(r).label for r in beyond)} raised as well, so muscle alone does not explain it."
    elif quiet:
        why += "gamma-GT is not, so the muscle is the likely source."
    else:
        why += "the muscle is a likely source."
    wanted = tuple(
        label for name, label in zip(OF_THE_LIVER, ("GGT", "bilirubin"), strict=True)
        if not any(r.measure == name for r in tests)
    )  # fmt: skip
    add = Option("ggt-bilirubin", f"Add {' and '.join(wanted)} before changing the drug.")
    dose = Option("dose", "Look at the dose with the prescriber, and repeat within a week.")
    return Proposal(
        because=(*(fact_of(reading) for reading in (*raised, ck, *tests)), fact_of(course)),
        why=why,
        urgency=WATCH if quiet else ACTION,
        options=(
            *((add,) if wanted else ()),
            *((dose,) if beyond else ()),
            Option("trend", "Compare the trend of AST and ALT with that of CK."),
        ),
        collect_first=wanted,
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
    logic="AST or ALT above 100 U/L under methotrexate or azathioprine, CK above 1.5 times its limit; gamma-GT and "
    "bilirubin, which muscle does not raise, tell the two apart.",
    limitations="Other liver tests are not read; nor is a scan of the liver.",
    citations=(Citation("S32", "Transaminases rise with muscle damage."), Citation("S12", "Act at 100 U/L.")),
    propose=propose,
    parameters=Parameters,
    for_ibm=True,
)

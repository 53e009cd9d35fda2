"""Active disease under methotrexate: is its dose used up?

Looked at: the weekly dose, how long it has run, and the phenotype branch. What counts: an adult below 25 mg a week
whose disease is active; after 180 days it counts as not optimised (RSP-03), before that as still rising. Where the
treatment helps it is for the next visit.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import TRUE_MYOSITIS
from jobs.rule import ACTION, WATCH, day_text, number, parameter


@dataclass(frozen=True)
class Parameters:
    """The target dose."""

    target_mg: float = parameter(
        25, unit="mg/week", low=15, high=30, meaning="target dose in adults", source="seed-004", mark="seed"
    )
    by_day: int = parameter(
        180, unit="days", low=90, high=365, meaning="the target is reached by this day", source="seed-004", mark="seed"
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Action when below target after 180 days in a flare; watch before that."""
    chart = situation.chart
    course = chart.on("methotrexate")
    if course is None or chart.is_child or chart.is_juvenile or situation.state != TRUE_MYOSITIS:
        return None
    if course.unit != "mg" or course.weekly_dose is None or not 0 < course.weekly_dose < parameters.target_mg:
        return None
    days = chart.days_since(course.start)
    late = days >= parameters.by_day and not (situation.signs.responding or situation.signs.recovering)
    return Proposal(
        because=(fact_of(course), *situation.phenotype.because),
        why=f"{_state_in_words(situation)} under methotrexate "
        f"{number(course.weekly_dose)} mg a week, taken since {day_text(course.start)}; the target is "
        f"{number(parameters.target_mg)} mg by {day_text(course.start + parameters.by_day)}.",
        urgency=ACTION if late else WATCH,
        status=situation.status,
        options=(
            Option(
                "raise",
                "Raise in steps.",
                f"towards {number(parameters.target_mg)} mg once a week",
                drugs=("methotrexate",),
            ),
            Option(
                "subcutaneous",
                "Change to subcutaneous where the tablet is absorbed or tolerated badly.",
                drugs=("methotrexate",),
            ),
        ),
        collect_first=situation.first
        + (() if chart.latest("creatinine", 90) else ("creatinine, blood count, AST and ALT",)),
        cautions=(
            f"Not judged as failed before {day_text(course.start + 90)}."
            if days < 90
            else "Blood count and liver values every 2 weeks after each rise.",
        ),
    )


def _state_in_words(situation: Situation) -> str:
    signs = situation.signs
    return "Weaker" if signs.declines and not signs.recovering else "Active disease"


ESCALATION = Escalation(
    key="optimise-methotrexate",
    title="Methotrexate below its target dose",
    question="Is the methotrexate dose used up?",
    why_it_matters="An agent below its target dose is not a failed agent.",
    topic="methotrexate-dose",
    kind="escalation",
    order=38,
    catalogue=("RSP-02", "RSP-03"),
    reads=("declining-strength",),
    logic="An adult in a flare on less than 25 mg methotrexate a week.",
    limitations="Earlier intolerance of a higher dose may not be on file.",
    citations=(
        *seeds(s004="15 mg a week, to 25 mg within 3 to 6 months."),
        Citation("S11", "Blood tests every 2 weeks until the dose is stable."),
    ),
    propose=propose,
    parameters=Parameters,
)

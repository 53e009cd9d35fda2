"""Three and six months after a steroid-sparing agent: has its effect been looked at?

Looked at: the start of methotrexate, azathioprine, mycophenolate and the calcineurin inhibitors, and strength scores
since. Before day 90 an agent is never called failed.
"""

from dataclasses import dataclass

from jobs.chart import STRENGTH_INSTRUMENTS, fact_of, label_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import WATCH, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """The two moments and how long they stay open."""

    first_day: int = parameter(
        90, unit="days", low=60, high=120, meaning="first look at the effect", source="seed-004; S2", mark="seed"
    )
    second_day: int = parameter(
        180, unit="days", low=120, high=270, meaning="second look at the effect", source="seed-004", mark="seed"
    )
    open_days: int = parameter(28, unit="days", low=7, high=60, meaning="how long each look stays due")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Watch while a look is due and no strength score was taken since it fell due."""
    chart = situation.chart
    for course in chart.on_class("conventional-sparing", "calcineurin-inhibitor"):
        running = chart.days_since(course.start)
        for moment in (parameters.second_day, parameters.first_day):
            late = running - moment
            if not 0 <= late <= parameters.open_days or chart.newest(STRENGTH_INSTRUMENTS, late + 14) is not None:
                continue
            return Proposal(
                because=(fact_of(course),),
                why=f"{label_of(course).capitalize()} was started on {day_text(course.start)}: its effect "
                f"can be judged from {day_text(course.start + moment)} on, and no strength score of these weeks is on "
                "file.",
                urgency=WATCH,
                options=(
                    Option("check", "Strength, CK, function and the steroid dose reached: has the agent worked?"),
                    Option("mri", "Muscle MRI (T1, T2 with fat suppression) where strength and CK leave it open."),
                ),
                collect_first=("a strength score", "CK"),
                cautions=(
                    "Before day 90 no agent is called failed; after day 180 without effect the second line is due.",
                ),
            )
    return None


ESCALATION = Escalation(
    key="check-response-to-sparing-agent",
    title="Check the effect of the steroid-sparing agent",
    question="Has the agent worked?",
    why_it_matters="An agent that does not work keeps the steroid high.",
    topic="sparing-response",
    kind="collect",
    order=15,
    catalogue=("RSP-02",),
    reads=("steroid-sparing-not-working",),
    logic="Day 90 to 118 or 180 to 208 of a steroid-sparing agent, no strength score since shortly before.",
    limitations="Dose changes restart nothing here.",
    citations=(
        *seeds(s004="These agents take 3 to 6 months to full effect."),
        Citation("S2", "Juvenile disease: 12 weeks."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)

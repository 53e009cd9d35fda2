"""Four to six weeks after a pulse: did it work?

Looked at: the day of the last pulse, strength scores and CK since day 28 after it.
"""

from dataclasses import dataclass

from jobs.chart import STRENGTH_INSTRUMENTS, fact_of
from jobs.escalation import Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """The window in which a pulse is judged."""

    from_day: int = parameter(
        28, unit="days", low=14, high=42, meaning="a pulse is judged from this day on", source="seed-001", mark="seed"
    )
    to_day: int = parameter(
        42, unit="days", low=28, high=84, meaning="a pulse is judged up to this day", source="seed-001", mark="seed"
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Ready in the window while strength or CK of the window is missing."""
    chart = situation.chart
    last = chart.last_pulse()
    if last is None or not parameters.from_day <= chart.days_since(last[1]) <= parameters.to_day:
        return None
    within = chart.days_since(last[1]) - parameters.from_day
    missing = []
    if chart.newest(STRENGTH_INSTRUMENTS, within) is None:
        missing.append("a strength score")
    if chart.latest("ck", within) is None:
        missing.append("CK")
    if not missing:
        return None
    return Proposal(
        because=(fact_of(last[0]),),
        why=f"The pulse ended on {day_text(last[1])}; its effect shows 4 to 6 weeks later and {' and '.join(missing)} "
        "of this window is not on file.",
        urgency=ACTION,
        options=(
            Option("check", "Strength test and CK at this visit, then decide whether the pulse worked."),
            Option("mri", "Muscle MRI (T1, T2 with fat suppression) where strength and CK leave it open."),
        ),
        collect_first=tuple(missing),
    )


ESCALATION = Escalation(
    key="check-response-after-pulse",
    title="Check the response to the pulse",
    question="Did the pulse work?",
    why_it_matters="A pulse without response asks for the next step, and nobody notices it without a test.",
    topic="pulse-response",
    kind="collect",
    order=14,
    catalogue=("RSP-01",),
    reads=("no-response-after-pulse",),
    logic="Day 28 to 42 after the last pulse, strength or CK of this window missing.",
    limitations="Pulses given elsewhere may not be on file.",
    citations=seeds(s001="Strength improves 4 to 6 weeks after a pulse."),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)

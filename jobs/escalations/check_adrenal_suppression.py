"""Steroid stopped abruptly after weeks: are the adrenal glands awake?

Looked at: the dose on the days before it ended. What counts: no steroid today, after 21 days and more above 7.5 mg/day
that ended within the last four weeks without a step below. The whole question rests on a number from memory.
"""

from dataclasses import dataclass

from jobs.chart import fact_of, last_day_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import URGENT, day_text, number, parameter
from models.vocabulary import drug


@dataclass(frozen=True)
class Parameters:
    """What counts as an abrupt stop."""

    above_mg: float = parameter(
        7.5, unit="mg/day prednisone equivalent", low=5, high=20, meaning="steroid above this", mark="memory"
    )
    for_days: int = parameter(
        21, unit="days", low=14, high=60, meaning="for this many days before the stop", mark="memory"
    )
    within_days: int = parameter(28, unit="days", low=7, high=90, meaning="the stop lies within this many days")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Urgent after an abrupt stop of the last four weeks."""
    chart = situation.chart
    mg = chart.steroid.mg
    if chart.steroid.today > 0 or not len(mg) or chart.steroid.unknown:
        return None
    last = next((place for place in range(len(mg) - 1, -1, -1) if mg[place] > 0), None)
    if last is None or len(mg) - 1 - last > parameters.within_days:
        return None
    before = mg[max(last - parameters.for_days + 1, 0) : last + 1]
    steady = [dose for dose in before if dose < 250]
    if len(before) < parameters.for_days or not steady or min(before) <= parameters.above_mg:
        return None
    days = len(mg) - 1 - last
    ended = [
        fact_of(one)
        for one in chart.statements
        if (row := drug(one.drug)) and row.prednisone_factor is not None and last_day_of(one) < chart.today
    ]
    return Proposal(
        because=tuple(ended[-1:]),
        why=f"Steroid ended on {day_text(chart.today - days)} at {number(mg[last])} mg/day without a step below "
        f"{number(parameters.above_mg)} mg/day.",
        urgency=URGENT,
        options=(
            Option("ask", "Ask today: is steroid still taken, and how does the patient feel?"),
            Option("cover", "Cover and a slow taper where it really was stopped; morning cortisol."),
        ),
        cautions=(
            "Often the record only lacks the next prescription.",
            "The limits are from memory and to be verified.",
        ),
    )


ESCALATION = Escalation(
    key="check-adrenal-suppression",
    title="Steroid ended abruptly",
    question="Was the steroid stopped abruptly?",
    why_it_matters="Suppressed adrenal glands cannot answer an infection or an operation.",
    topic="adrenal",
    kind="safety",
    order=52,
    catalogue=("GC-08",),
    reads=("taper-too-fast",),
    logic="No steroid today; above 7.5 mg/day on each of the 21 days before it ended, within the last 28 days.",
    limitations="Rests on limits from memory; a missing prescription looks the same as a stop.",
    citations=(Citation("S21", "Steroid treatment is tapered, not stopped."),),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
    for_ibm=True,
)

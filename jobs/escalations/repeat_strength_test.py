"""Should the strength test be repeated before it counts?

Looked at: declines that rest on one score (grade possible), on a score by another assessor, or a decline of unknown
course because no recent score is on file. What does not count: a decline that a second score or sign supports.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.phenotype import STABLE
from jobs.rule import ACTION, POSSIBLE, WATCH, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """When the test is to be repeated."""

    within_days: int = parameter(
        14,
        unit="days",
        low=3,
        high=42,
        meaning="a possible fall is re-examined within this",
        mark="contract",
        source="declining-strength",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Ready for a possible decline, a change of assessor, or weakness without a recent score."""
    signs, chart = situation.signs, situation.chart
    unsupported = bool(signs.declines) and signs.grade == POSSIBLE
    unmeasured = situation.state != STABLE and not signs.strength_fresh and (signs.weak or signs.new_pain)
    rising_untested = signs.ck_rising and not signs.strength_fresh
    if not (unsupported or unmeasured or rising_untested):
        return None
    until = day_text(chart.today + parameters.within_days)
    cautions = ["Same assessor, same instrument, same time of day; not during an infection."]
    latest = signs.strength
    if latest is not None and latest.assessor:
        cautions.append(f"The latest score was taken by {latest.assessor}.")
    if latest is not None and latest.measure == "cmas" and not chart.is_child and not chart.is_juvenile:
        cautions.append("CMAS is a scale for children; this patient is an adult.")
    if signs.other_assessor:
        why = "The lower score has another assessor than the one before; assessors differ."
    elif unsupported:
        why = f"Possible only, until it is measured again: {signs.decline_sentence()}."
    elif latest is not None:
        why = f"The newest strength score is of {day_text(latest.day)}, too old to go with the other signs."
    else:
        why = "No recent strength score is on file to go with the other signs."
    return Proposal(
        because=signs.weakness_facts() or ((fact_of(latest),) if latest else signs.ck_facts()[-1:]),
        why=why,
        urgency=ACTION if signs.weak else WATCH,
        options=(Option("repeat", f"Repeat the strength test by {until}, by the same assessor."),),
        cautions=tuple(cautions),
    )


ESCALATION = Escalation(
    key="repeat-strength-test",
    title="Repeat the strength test",
    question="Is the lower score real?",
    why_it_matters="With the published measurement error a single fall of 3 CMAS points happens to most stable "
    "patients.",
    topic="strength-test",
    kind="collect",
    order=12,
    catalogue=("STR-01", "STR-02", "STR-03", "STR-04"),
    reads=("declining-strength",),
    logic="A met decline of grade possible, a change of assessor, or weakness or new pain without a recent score.",
    limitations="A change in how the patient was positioned or motivated is not on file.",
    citations=(
        Citation("S28", "CMAS: agreement between assessors 0.89; smallest important difference 1.5 to 3 points."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
)

"""Active disease under steroid: how should the steroid go on?

Looked at: the phenotype branch, the steroid dose and how long it has been high, dose cuts of the last fortnight. In a
flare the steroid is not cut fast (GC-05). Where it has also been high for more than four weeks both are said on one
card (GC-07): strengthen the other treatment so that the steroid can come down. Two opposite cards are never printed.
"""

from dataclasses import dataclass

from jobs.chart import Fact
from jobs.escalation import PENDING, READY, Escalation, Option, Proposal, Situation, seeds
from jobs.escalations.start_taper import past_the_line
from jobs.phenotype import ICI_MYOSITIS, INDETERMINATE, TRUE_MYOSITIS
from jobs.rule import ACTION, day_text, number, parameter


@dataclass(frozen=True)
class Parameters:
    """From which dose on a card is worth its place."""

    low_mg: float = parameter(
        7.5,
        unit="mg/day prednisone equivalent",
        low=0,
        high=15,
        meaning="at this dose or below nothing is said where nobody cut it",
        source="EULAR dose classes (S7)",
        mark="seen",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Ready in a flare under steroid; pending while it is not clear whether it is one."""
    signs, chart, state = situation.signs, situation.chart, situation.state
    long_high = past_the_line(situation)
    # Active without a fall: only where the steroid would have to come down, and treatment did not help.
    unhelped = long_high and (signs.unhelped or bool(situation.pulse_without_response))
    if not signs.on_steroid or not (signs.weak or unhelped) or chart.diagnosis == "IBM":
        return None
    flare = state in (TRUE_MYOSITIS, ICI_MYOSITIS)
    if not flare and not (state == INDETERMINATE and situation.phenotype.waits and signs.declines):
        return None
    cut = chart.met("taper-too-fast")
    # A small daily dose that nobody cut asks for no card.
    if chart.steroid.today <= parameters.low_mg and not (cut or long_high):
        return None
    dose = number(chart.steroid.today)
    options = [
        Option(
            "hold",
            f"Hold the steroid near {dose} mg/day (prednisone equivalent) until the response to the change shows.",
        )
    ]
    if long_high:
        options = [
            Option(
                "strengthen-then-taper",
                "Strengthen the steroid-sparing treatment or add IVIG, and bring the steroid down "
                "by template steps as soon as strength holds.",
            ),
            Option(
                "slow-steps",
                "Begin now with the smallest template step where harm of the steroid is already there.",
                "one step per 2 weeks at most",
            ),
        ]
        why = (
            f"Active disease, and a high dose since {day_text(signs.high_since)}: strengthen the other treatment so "
            "that the steroid can come down; do not cut it fast."
        )
        title = "Active disease and more than 4 weeks of high-dose steroid"
    else:
        why = f"Active disease under {dose} mg/day: a rapid taper can make it worse."
        title = "Avoid a rapid taper"
    if cut:
        options.append(Option("step-back", "Go back to the dose before the last cut, then taper more slowly."))
        why += " The dose was cut by more than one step in the last fortnight."
    if not flare:
        why += " Whether it is a flare is not settled: until then neither raise nor cut quickly."
    evidence: tuple[Fact, ...] = tuple(fact for verdict in cut for fact in chart.facts(verdict.evidence))
    return Proposal(
        because=(*situation.phenotype.because, *chart.steroid_facts(), *evidence),
        why=why,
        title=title,
        urgency=ACTION,
        status=READY if flare and not situation.waits else PENDING,
        options=tuple(options),
        collect_first=situation.first,
        cautions=("Does not mean raising the steroid: weakness with a long high dose can be steroid myopathy.",),
        conflicts=(
            "C5: keep the high dose, never beyond 2 to 4 weeks, below 30 mg, or no rapid taper: which holds depends on "
            "what the weakness is.",
        ),
    )


ESCALATION = Escalation(
    key="avoid-rapid-taper",
    title="Avoid a rapid taper",
    question="How should the steroid go on while the disease is active?",
    why_it_matters="A fast cut in a flare costs strength; staying high for months costs bone, muscle and infections.",
    topic="steroid-dose",
    kind="steroid",
    order=40,
    catalogue=("GC-05", "GC-07"),
    reads=("declining-strength", "prolonged-high-dose-steroids", "taper-too-fast"),
    logic="On steroid and in a flare; with more than 28 days at high dose the card holds both halves of the advice, "
    "also where the disease is active without a fall and treatment did not help.",
    limitations="Whether the last cut was the prescriber's or the patient's is not on file.",
    citations=seeds(s002="No rapid taper during a flare.", s004="High dose no longer than 2 to 4 weeks."),
    propose=propose,
    parameters=Parameters,
)

"""Is an intravenous steroid pulse to be considered?

Looked at: how severe the weakness is, swallowing and breathing, pulses of the last weeks. What counts: severe
inflammatory weakness (ESC-04), severe myositis after a checkpoint inhibitor (ESC-06), a nerve pattern after one
(ESC-11). What does not: pain, possible steroid myopathy, a nerve pattern of its own, a pulse that has not had time to
work.
"""

from dataclasses import dataclass

from jobs.escalation import (
    COMING_BACK,
    Citation,
    Escalation,
    Option,
    Proposal,
    Situation,
    Withheld,
    dose_by_weight,
    seeds,
)
from jobs.phenotype import GBS_PATTERN, ICI_MYOSITIS, STABLE, TRUE_MYOSITIS
from jobs.rule import ACTION, URGENT, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """Limits of a pulse."""

    most_mg: float = parameter(
        1000,
        unit="mg/day methylprednisolone",
        low=500,
        high=1000,
        meaning="highest dose of a pulse day",
        source="seed-001",
        mark="seed",
    )
    response_days: int = parameter(
        28,
        unit="days",
        low=14,
        high=56,
        meaning="a pulse is not repeated before it could be judged (4 to 6 weeks)",
        source="seed-001",
        mark="seed",
    )


CONFLICT = (
    "C10: 10 to 20 mg/kg and 250 to 1000 mg are given for the same pulse; at 70 kg the first exceeds the second. "
    "The cap is "
    "1000 mg a day on at most 5 days; in children 30 mg/kg, at most 1000 mg.",
)


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Ready in severe inflammatory weakness; always together with another immunosuppressant."""
    signs, chart, state = situation.signs, situation.chart, situation.state
    if state == STABLE:
        return None
    if state == GBS_PATTERN and not signs.checkpoint:
        return Withheld("Steroid alone does not help the idiopathic nerve disease.")
    if not signs.severe and not (state == ICI_MYOSITIS and signs.troponin_i_raised):
        return Withheld("The weakness on file is not severe: no red flag, less than two steps.") if signs.weak else None
    if situation.pulse_without_response and state not in (GBS_PATTERN, ICI_MYOSITIS):
        return Withheld("The last pulse did not help: another way is looked for before another pulse.")
    if signs.recovering and state == TRUE_MYOSITIS:
        return Withheld(f"{COMING_BACK} {signs.decline_sentence()}.")
    last = chart.last_pulse()
    if last is not None and chart.days_since(last[1]) < parameters.response_days and state == TRUE_MYOSITIS:
        return Withheld(f"The last pulse ended on {day_text(last[1])}: it is judged 4 to 6 weeks later.")
    return Proposal(
        because=(*situation.phenotype.because, *situation.treatment),
        why=_why(situation),
        urgency=URGENT if state in (ICI_MYOSITIS, GBS_PATTERN) or signs.red_flags else ACTION,
        status=situation.status,
        options=_options(situation, parameters),
        collect_first=(*situation.first, "glucose, blood pressure and potassium before and during the pulse"),
        cautions=(
            "Together with a steroid-sparing agent or IVIG, not alone.",
            *(() if state in (ICI_MYOSITIS, GBS_PATTERN) else (_AFTERWARDS,)),
            *_conditions(situation),
        ),
        conflicts=CONFLICT,
    )


_AFTERWARDS = (
    "Afterwards steroid by mouth with a steroid-sparing agent, tapered after 2 to 4 weeks; strength is judged 4 to 6 "
    "weeks after the pulse."
)


def _why(situation: Situation) -> str:
    if situation.state == ICI_MYOSITIS and not situation.signs.severe:
        return (
            "Raised troponin I after a checkpoint inhibitor: the heart may be inflamed, and steroid comes first there."
        )
    return "Severe weakness: a pulse acts faster than a higher daily dose, and only together with another drug."


def _options(situation: Situation, parameters: Parameters) -> tuple[Option, ...]:
    chart, state = situation.chart, situation.state
    if state == ICI_MYOSITIS:
        dose = dose_by_weight(chart, 1, 2, "mg", per="/day", most=parameters.most_mg)
        return (
            Option(
                "methylprednisolone",
                "Methylprednisolone intravenously, daily, with IVIG or plasma exchange.",
                dose.text,
                dose.cautions,
                ("methylprednisolone",),
            ),
        )
    if state == GBS_PATTERN:
        dose = dose_by_weight(chart, 2, 4, "mg", per="/day", most=parameters.most_mg)
        return (
            Option(
                "methylprednisolone",
                "Methylprednisolone intravenously with IVIG or plasma exchange.",
                dose.text,
                dose.cautions,
                ("methylprednisolone",),
            ),
            Option(
                "pulse",
                "A pulse alongside IVIG or plasma exchange.",
                "1000 mg/day for 5 days",
                drugs=("methylprednisolone",),
            ),
        )
    if chart.is_child:
        dose = dose_by_weight(chart, 10, 30, "mg", per="/day", most=parameters.most_mg)
        return (
            Option(
                "pulse",
                "Methylprednisolone pulse, in an expert centre.",
                f"{dose.text}, 1 to 5 days; often 3",
                dose.cautions,
                ("methylprednisolone",),
            ),
        )
    return (
        Option(
            "pulse",
            "Methylprednisolone pulse.",
            f"250 to {parameters.most_mg:.0f} mg/day on 1 to 5 days",
            drugs=("methylprednisolone",),
        ),
    )


def _conditions(situation: Situation) -> tuple[str, ...]:
    names = {"diabetes": "Diabetes", "glaucoma": "Glaucoma", "osteoporosis": "Osteoporosis"}
    return tuple(
        f"{label} is on file: more harm from steroid."
        for event, label in names.items()
        if situation.chart.condition(event)
    )


ESCALATION = Escalation(
    key="consider-pulse",
    title="Consider an intravenous steroid pulse",
    question="Does the severity ask for a pulse?",
    why_it_matters="Weak swallowing and breathing muscles can fail before a slower treatment works.",
    topic="pulse",
    kind="escalation",
    order=31,
    catalogue=("ESC-04", "ESC-06", "ESC-11"),
    reads=("declining-strength", "no-response-after-pulse"),
    logic="Inflammatory weakness with difficulty swallowing or breathing or a fall of two steps and more, no pulse "
    "in the "
    "last 28 days and no pulse that did not help; severe myositis or a nerve pattern after a checkpoint inhibitor.",
    limitations="Vasculopathy of the gut is a reason too and is not on file as such; extensive disease outside the "
    "muscle is one, and how extensive it is, is not weighed here.",
    citations=(
        Citation("S5", "1 to 2 mg/kg/day for severe checkpoint inhibitor myositis."),
        Citation("S6", "2 to 4 mg/kg/day, or 1 g/day for 5 days, in the nerve disease after a checkpoint inhibitor."),
        Citation("S1", "Children: 30 mg/kg, at most 1 g."),
        *seeds(s001="250 to 1000 mg on 1 to 5 days, in addition to another immunosuppressant."),
    ),
    propose=propose,
    parameters=Parameters,
)

"""Is plasma exchange to be considered?

Looked at: the phenotype branch, danger to breathing or heart, IVIG of the last weeks. What counts: a nerve pattern,
severe myositis after a checkpoint inhibitor, life-threatening inflammatory weakness. What does not: other flares,
where the sources disagree and IVIG comes first. Within three weeks of IVIG it always carries a caution.
"""

from dataclasses import dataclass

from jobs.chart import fact_of, last_day_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, Withheld, seeds
from jobs.phenotype import GBS_PATTERN, ICI_MYOSITIS, STABLE, TRUE_MYOSITIS
from jobs.rule import ACTION, URGENT, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """How long IVIG speaks against an exchange."""

    after_ivig_days: int = parameter(
        21,
        unit="days",
        low=7,
        high=28,
        meaning="plasma exchange within this time after IVIG carries a caution",
        source="half-life of IgG about 3 weeks",
        mark="memory",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Urgent where nerves, heart or breathing are in danger; a caution after recent IVIG."""
    signs, chart, state = situation.signs, situation.chart, situation.state
    if state == STABLE:
        return None
    breathing = signs.breathing is not None and signs.weak and signs.lung_disease is None
    danger = state == TRUE_MYOSITIS and (breathing or signs.troponin_i_raised is not None)
    severe_ici = state == ICI_MYOSITIS and (signs.severe or signs.troponin_i_raised is not None)
    unanswered = bool(situation.pulse_without_response)
    in_danger = state == GBS_PATTERN or severe_ici or danger
    if not (in_danger or unanswered):
        if not signs.weak:
            return None
        return Withheld(
            "Plasma exchange is kept for nerve patterns, checkpoint inhibitors, danger to life and a pulse without "
            "response; IVIG first (C3)."
        )
    cautions = ["Access, clotting and blood pressure during the exchange; infections after it."]
    infusions = [
        given
        for given in chart.given("ivig")
        if 0 <= chart.days_since(last_day_of(given) if given.end else given.start) <= parameters.after_ivig_days
    ]
    if infusions:
        cautions.insert(
            0,
            f"IVIG was given on {day_text(infusions[-1].start)}: an exchange removes it again. Where both are "
            "wanted, exchange first and give IVIG after the last exchange.",
        )
    return Proposal(
        because=(
            *situation.phenotype.because,
            *(situation.active_facts if unanswered else ()),
            *(fact_of(given) for given in infusions[-1:]),
        ),
        why="Nerves, heart or breathing are in danger and an exchange acts fastest."
        if in_danger
        else "The steroid pulse did not help: IVIG or plasma exchange, with neurology and the heart looked at.",
        urgency=URGENT if in_danger else ACTION,
        status=situation.status,
        options=(
            Option(
                "plasmapheresis",
                "Plasma exchange in a monitored setting.",
                None,
                tuple(cautions[:1] if infusions else ()),
            ),
            Option("ivig", "IVIG instead; if both are wanted, after the last exchange."),
        ),
        collect_first=situation.first,
        cautions=tuple(cautions),
        conflicts=(
            "C3: one page prefers plasma exchange, one allows either, one names IVIG only: after a pulse without "
            "response both are named, in other flares IVIG comes first; the guideline on "
            "checkpoint inhibitors uses exchange for acute or severe disease.",
            "C4: no source gives the number of days after IVIG; 21 is from the half-life of IgG, from memory.",
        ),
    )


ESCALATION = Escalation(
    key="consider-plasmapheresis",
    title="Consider plasma exchange",
    question="Is the danger great enough for plasma exchange?",
    why_it_matters="It acts within days, and it removes immunoglobulin that was just given.",
    topic="plasmapheresis",
    kind="escalation",
    order=32,
    catalogue=("ESC-05", "ESC-06", "ESC-10", "ESC-12"),
    reads=("declining-strength", "no-response-after-pulse"),
    logic="A nerve pattern; checkpoint inhibitor myositis with red flags, a fall of two steps or raised troponin I; "
    "inflammatory weakness with shortness of breath or raised troponin I; or no response 28 days and "
    "more after a pulse.",
    limitations="Oxygen, blood gases and bedside findings are not on file. A same-day review entry, not an "
    "emergency monitor.",
    citations=(
        Citation("S5", "Plasma exchange in acute or severe disease; IVIG acts more slowly."),
        Citation("S6", "IVIG or plasma exchange in the nerve disease."),
        Citation("S37", "Immunoglobulin after, not before, an exchange."),
        *seeds(s000="Not immediately after IVIG, because it removes the immunoglobulin."),
    ),
    propose=propose,
    parameters=Parameters,
)

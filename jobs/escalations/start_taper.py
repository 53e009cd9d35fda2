"""High-dose steroid without a taper: is it time to begin?

Looked at: days at high dose in one course, whether a taper has begun, the chosen template. What counts: more than 28
days at high dose with no taper, or behind the template. From day 14 a review point opens (watch). What does not: a
course that follows its template, and a lung in danger with anti-MDA5. In a flare or in possible steroid myopathy the
card on the steroid dose says what to do instead.
"""

from dataclasses import dataclass

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, Withheld, seeds
from jobs.rule import ACTION, MET, WATCH, day_text, number, parameter
from jobs.rules.prolonged_high_dose_steroids import EXPERT_CENTRE, SECOND_LINE


@dataclass(frozen=True)
class Parameters:
    """When a taper is due."""

    review_day: int = parameter(
        14, unit="days", low=7, high=28, meaning="review point for a taper", source="seed-001, seed-004", mark="seed"
    )
    hard_day: int = parameter(
        28,
        unit="days",
        low=21,
        high=56,
        meaning="high dose beyond this without a taper",
        mark="contract",
        source="prolonged-high-dose-steroids",
    )
    unchanged: float = parameter(
        0.9, unit="share of the start dose", low=0.7, high=1, meaning="a dose from here on is not tapered yet"
    )
    second_line_day: int = parameter(
        84,
        unit="days",
        low=56,
        high=182,
        meaning="still high: review of the second line (GC-04)",
        source="longest time on the pages' own tapers, computed",
    )


def past_the_line(situation: Situation) -> bool:
    """Whether the steroid has been high for longer than the line allows, whatever the template says."""
    verdict = situation.chart.verdict("prolonged-high-dose-steroids")
    if verdict is not None and verdict.state == MET:
        return True
    return situation.signs.high_dose_days > Parameters().hard_day


def _untapered(situation: Situation, share: float) -> bool:
    """Today's dose against the highest of the course's steady days; pulse days are not a start dose."""
    days = max(situation.signs.high_dose_days, 1)
    recent = situation.chart.steroid.mg[-days:]
    steady = [dose for dose in recent if dose < 250]
    return bool(steady) and situation.chart.steroid.today >= share * max(steady)


_SECOND_LINE = Option("second-line", "Twelve weeks at high dose: look at the second line of treatment.")
_EXPERT_CENTRE = Option("expert-centre", "Slower than in the PRINTO trial: ask an expert centre for juvenile myositis.")


def _review(situation: Situation, review: str) -> Proposal:
    """On its template, and still too high for the time since induction (GC-04, GC-04c)."""
    chart, signs = situation.chart, situation.signs
    child = review == EXPERT_CENTRE
    return Proposal(
        because=chart.steroid_facts(),
        why=f"High dose since {day_text(signs.high_since)}, {number(chart.steroid.today)} mg/day now: the taper "
        "follows its template, and the dose is still high for the time since induction.",
        title="Steroid coming down more slowly than in the trial" if child else "Twelve weeks at high dose",
        urgency=ACTION,
        options=(
            _EXPERT_CENTRE if child else _SECOND_LINE,
            *(() if chart.sparing() else (Option("sparing-agent", "Start a steroid-sparing agent beside the taper."),)),
        ),
        collect_first=() if signs.strength_fresh else ("a strength score before the next step",),
        cautions=("Go on with the taper meanwhile; never stop abruptly after more than three weeks.",),
    )


def _still_active(situation: Situation) -> tuple[str, ...]:
    """Where the disease is still active: by what, and that a taper waits for strength."""
    active = situation.signs.active
    if active is None:
        return ()
    numbers = active.numbers
    helps = " The treatment helps." if situation.signs.responding else ""
    return (
        f"Still active: {numbers['weak']}; {numbers['active']}.{helps} Strength and CK before each step, no fast cut.",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Action past four weeks without a taper or behind the template; watch from the review point on."""
    chart, signs = situation.chart, situation.signs
    if signs.high_dose_days == 0 or not signs.on_steroid:
        return None
    if any(one.subject == "lung" for one in chart.met("mda5-lung-disease")):
        return Withheld("Anti-MDA5 with a sign of the lung: the lung is treated before the steroid comes down.")
    verdict = chart.verdict("prolonged-high-dose-steroids")
    untapered = _untapered(situation, parameters.unchanged)
    if verdict is not None and verdict.state == MET:
        if verdict.severity == WATCH and verdict.numbers.get("review"):
            return _review(situation, str(verdict.numbers["review"]))
        if verdict.severity == WATCH:
            return Withheld(
                "The steroid has been high for more than four weeks and follows its template: nothing to change."
            )
        due, urgency = True, ACTION
    else:
        due = signs.high_dose_days > parameters.hard_day and untapered
        urgency = ACTION
    if not due:
        if signs.high_dose_days < parameters.review_day or not untapered or signs.weak:
            return None
        urgency = WATCH
    dose = number(chart.steroid.today)
    review = None if verdict is None else verdict.numbers.get("review")
    late = review == SECOND_LINE or (not chart.is_child and signs.high_dose_days >= parameters.second_line_day)
    options = [
        Option("template-a", "Taper by template A.", "minus 10 mg every 2 weeks to 30, minus 5 to 20, then minus 2.5"),
        Option(
            "template-b", "Taper by template B.", "60, 40, 30, 25, 20 mg, 2 weeks each, then minus 2.5 every 2 weeks"
        ),
    ]
    if chart.is_child or chart.is_juvenile:
        options = [
            Option(
                "printo",
                "Taper of the PRINTO trial for juvenile disease.",
                "from 2 to 1 mg/kg/day over 2 months, to 0.2 mg/kg/day over the next 4, as the core measures improve",
            )
        ]
    options.append(Option("later-start", "British guideline: begin at about week 6, by response."))
    inclusion_body = chart.diagnosis == "IBM"
    if late and not inclusion_body:
        options.append(_SECOND_LINE)
    if review == EXPERT_CENTRE:
        options.append(_EXPERT_CENTRE)
    if not chart.sparing() and not inclusion_body:
        options.append(Option("sparing-agent", "Start a steroid-sparing agent together with the taper."))
    since = f" (past the line since {day_text(verdict.since)})" if verdict and verdict.since else ""
    return Proposal(
        because=chart.steroid_facts(),
        why=f"High dose since {day_text(signs.high_since)}{since}, {dose} mg/day now"
        + (", no taper begun." if untapered else ", behind the template."),
        title="Review point: can the taper begin?" if urgency == WATCH else None,
        urgency=urgency,
        options=tuple(options),
        collect_first=() if signs.strength_fresh else ("a strength score before the first step",),
        cautions=(
            *_still_active(situation),
            "Strength and CK at every second step.",
            "Look for harm of the steroid meanwhile: sugar, blood pressure, weight, lipids, eyes, bone; growth in a "
            "child.",
            "Never stop abruptly after more than three weeks.",
        ),
        conflicts=(
            "C6: high dose is above 30 mg/day or from 0.5 mg/kg/day on.",
            "C7: taper after 2 to 4 weeks on the pages, at about 6 weeks in the British guideline.",
            "C9: templates A and B differ between 60 and 30 mg.",
        ),
    )


ESCALATION = Escalation(
    key="start-taper",
    title="Consider starting the taper",
    question="Is it time to bring the steroid down?",
    why_it_matters="High doses past four weeks add harm without adding benefit.",
    topic="steroid-dose",
    kind="steroid",
    order=42,
    catalogue=("GC-01", "GC-02", "GC-03", "GC-04", "GC-04c"),
    reads=(
        "mda5-lung-disease",
        "prolonged-high-dose-steroids",
    ),
    logic="More than 28 days above 30 mg/day or at 0.5 mg/kg/day and more, with the dose still at 90 % of its start or "
    "behind the template; a review point from day 14 on. On its template, too, once it is still above 30 mg on day 84 "
    "since induction, or in a child above 1 mg/kg on day 70 or 0.5 mg/kg on day 130.",
    limitations="A slower taper agreed with the patient counts only where it is recorded as a plan.",
    citations=(
        Citation("S1", "Taper from about week 6, by response."),
        Citation("S4", "Taper of the PRINTO trial."),
        Citation("S7", "Above 30 mg/day is high."),
        *seeds(
            s001="Begin after 2 to 4 weeks; steps of 10, 5 and 2.5 mg every 2 weeks.",
            s004="60, 40, 30, 25, 20 mg every 2 weeks; no high dose beyond 2 to 4 weeks.",
        ),
    ),
    propose=propose,
    parameters=Parameters,
)

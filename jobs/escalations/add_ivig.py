"""Should intravenous immunoglobulin be added?

Looked at: the phenotype branch, current treatment, earlier IVIG, swallowing. What counts: inflammatory weakness under
treatment (ESC-01), difficulty swallowing, severe skin or steroid resistance (ESC-18), a nerve pattern (ESC-10), severe
myositis after a checkpoint inhibitor (ESC-06). What does not: pain alone, a CK after exercise, possible steroid
myopathy, inclusion body myositis, IVIG that is still acting. Where CK or strength is missing the suggestion waits.
"""

from dataclasses import dataclass

from jobs.chart import Fact, fact_of, label_of
from jobs.escalation import (
    COMING_BACK,
    Citation,
    DoseByWeight,
    Escalation,
    Option,
    Proposal,
    Situation,
    Withheld,
    dose_by_weight,
    seeds,
    unless_active,
)
from jobs.ivig_courses import slower_because
from jobs.phenotype import GBS_PATTERN, ICI_MYOSITIS, STABLE, TRUE_MYOSITIS
from jobs.rule import ACTION, URGENT, Answer, day_text, number, parameter, rule


@dataclass(frozen=True)
class Parameters:
    """Dose range and windows of IVIG."""

    grams_per_kg: float = parameter(
        2,
        unit="g/kg",
        low=1,
        high=2,
        meaning="total of one course, upper end of the range",
        source="S25 (label, adult dermatomyositis)",
        mark="seen",
    )
    grams_per_kg_low: float = parameter(
        1,
        unit="g/kg",
        low=0.5,
        high=2,
        meaning="total of one course, lower end of the range",
        source="seed-002",
        mark="seed",
    )
    cycle_days: int = parameter(
        28, unit="days", low=21, high=56, meaning="from course to course", source="S25", mark="seen"
    )
    longer_from_age: int = parameter(
        65, unit="years", low=50, high=90, meaning="from this age five days instead of two"
    )
    slow_rate: float = parameter(
        3.3,
        unit="mg/kg/min",
        low=1,
        high=4,
        meaning="at most this fast where clots or the kidneys are a concern",
        source="label (S25), monitoring page (S26)",
        mark="seen",
    )
    judged_after_weeks: int = parameter(
        16,
        unit="weeks",
        low=12,
        high=26,
        meaning="the response is judged after this",
        source="ProDERM trial (PRODERM-2022): response at week 16",
        mark="seen",
    )
    judge_sparing_from: int = parameter(
        90,
        unit="days",
        low=60,
        high=180,
        meaning="a steroid-sparing agent is not called failed before this day",
        source="seed-004; SHARE 12 weeks (S2)",
        mark="seed",
    )
    juvenile_weeks: int = parameter(
        12,
        unit="weeks",
        low=6,
        high=26,
        meaning="intensification within this time after expert-centre advice",
        source="SHARE (S2)",
        mark="seen",
    )


CONFLICTS = (
    "C1: one page gives 2 g/kg over 5 days, one 1 to 2 g/kg over 1 to 2 days a month, one 1 to 2 g/kg of ideal "
    "weight over "
    "2 days; the label for adult dermatomyositis 2 g/kg over 2 to 5 days every 4 weeks. The range is shown, the "
    "site chooses.",
    "C2: measured or ideal body weight: both totals are shown where the height is on file.",
)


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Ready in a flare under treatment, urgent with organ signs, pending while facts are missing."""
    signs, chart, state = situation.signs, situation.chart, situation.state
    asked_by_answers = situation.inadequate or bool(situation.pulse_without_response)
    skin = None
    if not (signs.weak or asked_by_answers or state in (GBS_PATTERN, ICI_MYOSITIS)):
        skin = _severe_skin(situation)
        if skin is None:
            return None
    elif state == STABLE:
        return None
    running = chart.on("ivig", "scig")
    if running is not None:
        last = running.statements[-1]
        return Withheld(f"{label_of(running)} is on file from {day_text(last.start)} and still counts as acting.")
    if skin is not None:
        return _for_the_skin(situation, parameters, skin)
    if state == GBS_PATTERN:
        return _nerve_pattern(situation)
    if signs.recovering and not asked_by_answers and state == TRUE_MYOSITIS:
        return Withheld(f"{COMING_BACK} {signs.decline_sentence()}.")
    if state == ICI_MYOSITIS and not signs.severe and not signs.troponin_i_raised:
        return Withheld(
            "The checkpoint inhibitor myositis is not severe on file: steroid and holding the drug come first."
        )
    early = bool(chart.autoantibodies & {"HMGCR", "SRP"}) or chart.diagnosis == "IMNM"
    if not situation.treated and not (signs.red_flags or signs.severe or early or state == ICI_MYOSITIS):
        return Withheld("No treatment is on file yet: first-line treatment comes before IVIG.")
    dose = dose_by_weight(chart, parameters.grams_per_kg_low, parameters.grams_per_kg, "g")
    urgent = state == ICI_MYOSITIS or (signs.severe and state == TRUE_MYOSITIS)
    return Proposal(
        because=_because(situation, dose),
        why=_why(situation),
        urgency=URGENT if urgent else ACTION,
        status=situation.status,
        options=_options(situation, parameters, dose),
        collect_first=(*situation.first, *_screens(situation)),
        cautions=_cautions(situation, parameters),
        conflicts=CONFLICTS,
    )


OF_THE_SKIN = ("DM", "ADM", "JDM")


def _severe_skin(situation: Situation) -> Answer | None:
    """Skin that got worse and is severe under treatment (ESC-18), whatever strength does."""
    chart = situation.chart
    if chart.diagnosis not in OF_THE_SKIN or not situation.treated:
        return None
    return next((one for one in chart.met("skin-activity") if one.severity == ACTION), None)


def _for_the_skin(situation: Situation, parameters: Parameters, skin: Answer) -> Proposal:
    chart = situation.chart
    dose = dose_by_weight(chart, parameters.grams_per_kg_low, parameters.grams_per_kg, "g")
    told = rule("skin-activity")
    mycophenolate = Option("mycophenolate", "Mycophenolate, preferred for severe skin disease.")
    return Proposal(
        because=(*chart.facts(skin.evidence), *situation.treatment, *dose.facts),
        why=f"{told.explain(skin.cells(), told.defaults())} A severe rash under treatment is a reason for IVIG without "
        "weakness too.",
        urgency=ACTION,
        options=unless_active(
            chart,
            [
                (Option("skin-care", "Protection from the sun, topical treatment and the dermatologist first."), ()),
                (
                    Option(
                        "ivig",
                        _with_what(situation),
                        f"{dose.text}; over 2 to 5 days, every {parameters.cycle_days} days",
                        (
                            *dose.cautions,
                            "Kidney function, clotting risk and IgA before the first course.",
                            f"A trial: skin score before it, judged after {parameters.judged_after_weeks} weeks.",
                            "The trial in adult dermatomyositis took weak patients (below 142 of 150); skin without "
                            "weakness was not studied.",
                        ),
                        ("ivig",),
                    ),
                    ("ivig",),
                ),
                (mycophenolate, ("mycophenolate mofetil", "mycophenolic acid")),
            ],
        ),
        collect_first=_screens(situation),
        conflicts=CONFLICTS,
    )


def _because(situation: Situation, dose: DoseByWeight) -> tuple[Fact, ...]:
    """What the suggestion rests on, with the signs beside the weakness that speak for it (ESC-18), each once."""
    chart = situation.chart
    found = (chart.happened(event, SPEAKS_WITHIN_DAYS) for event in SPEAK_FOR_IT)
    signs = [fact_of(one) for one in found if one is not None]
    facts = (*situation.phenotype.because, *situation.active_facts, *signs, *situation.treatment, *dose.facts)
    return tuple(dict.fromkeys(facts))


SPEAK_FOR_IT = ("dysphagia", "weight_loss", "rash", "skin_ulcers")
SPEAKS_WITHIN_DAYS = 28
"""A symptom of the last four weeks, as in the branch of the patient's state."""


def _why(situation: Situation) -> str:
    signs = situation.signs
    under = _under(situation)
    if situation.pulse_without_response and not signs.declines:
        said = "; ".join(str(one.numbers["said"]) for one in situation.pulse_without_response)
        return f"The steroid pulse did not help ({said}){under}."
    if signs.active is not None and (signs.not_responding or signs.declines) and not situation.waits:
        numbers = signs.active.numbers
        kind, compared = "Active disease", ""
        if signs.not_responding:
            kind, compared = "Active disease that does not respond", f" ({numbers['compared']})"
        # The fall stands beside it with its own grade: it is not what makes the disease active.
        fall = f" The fall of strength: {signs.decline_sentence()}." if signs.declines else ""
        weak = f"weak ({numbers['weak']}) with {numbers['active']}"
        return f"{kind}: {weak}{under}{compared}.{fall}"
    said = signs.decline_sentence() or "; ".join(
        f"{fact_of(flag).label.lower()} on {day_text(flag.day)}" for flag in signs.red_flags
    )
    if situation.state == ICI_MYOSITIS:
        heart = fact_of(signs.troponin_i_raised).text() if signs.troponin_i_raised else ""
        return (
            f"Severe myositis after a checkpoint inhibitor ({'; '.join(one for one in (said, heart) if one)}){under}."
        )
    if situation.waits:
        active = signs.active.numbers if signs.active is not None else None
        kind = "Weaker" if said or active is None else "Active disease"
        told = said or (f"{active['weak']}; {active['active']}" if active is not None else "")
        return f"{kind}{under}{f' ({told})' if told else ''}; the cause has to be settled first."
    if not situation.treated:
        return f"Weaker{under} ({said})."
    return f"Inadequate response: weaker{under} ({said})."


def _under(situation: Situation) -> str:
    """What the patient takes, as the end of a sentence: ` under methotrexate and steroid 20 mg/day ...`."""
    chart, signs = situation.chart, situation.signs
    drugs = [label_of(course) for course in chart.sparing()]
    if signs.on_steroid:
        drugs.append(f"steroid {number(chart.steroid.today)} mg/day (prednisone equivalent)")
    after = " after a steroid pulse" if chart.pulses() else ""
    if not drugs:
        return f"{after}, with no steroid and no steroid-sparing agent on file"
    without = "" if signs.on_steroid else " and no steroid"
    without = " and no steroid-sparing agent" if not chart.sparing() else without
    return f" under {', '.join(drugs[:-1])}{' and ' if len(drugs) > 1 else ''}{drugs[-1]}{without}{after}"


def _nerve_pattern(situation: Situation) -> Proposal:
    dose = dose_by_weight(situation.chart, 0.4, 0.4, "g", per="/day")
    return Proposal(
        because=(*situation.phenotype.because, *dose.facts),
        why="Weakness with absent reflexes or sensory signs: IVIG or plasma exchange is the treatment of the nerve "
        "disease.",
        urgency=URGENT,
        options=(
            Option("ivig", "IVIG on five days", f"{dose.text}, for 5 days", dose.cautions),
            Option("plasmapheresis", "Plasma exchange instead of IVIG, not after it."),
        ),
        collect_first=situation.phenotype.collect,
        cautions=(
            "Breathing can fail within hours: NIF and vital capacity several times a day.",
            "Steroid alone does not help the idiopathic form.",
        ),
        conflicts=CONFLICTS[1:],
    )


def _options(situation: Situation, parameters: Parameters, dose: DoseByWeight) -> tuple[Option, ...]:
    chart = situation.chart
    slower = [words for words, _ in slower_because(chart.patient, parameters.longer_from_age + 1)]
    slow = bool(slower) or situation.state == ICI_MYOSITIS
    days = "5 days pre-selected" if slow else "2 days pre-selected"
    rate = (f"At most {number(parameters.slow_rate)} mg/kg/min: {', '.join(slower)}.",) if slower else ()
    checkpoint = situation.state == ICI_MYOSITIS
    trial = (
        f"A trial: baseline first, judged after {parameters.judged_after_weeks} weeks (79 % responded in the trial "
        "in adult dermatomyositis, 44 % under placebo).",
    )
    ivig = Option(
        "ivig",
        _with_what(situation),
        f"{dose.text}; over 2 to 5 days ({days}), every {parameters.cycle_days} days",
        (
            *dose.cautions,
            *rate,
            "Kidney function, clotting risk and IgA before the first course; five days where they are a concern.",
            *(() if checkpoint else trial),
        ),
    )
    choices: list[tuple[Option, tuple[str, ...]]] = [
        (ivig, ("ivig",)),
        (
            Option("check-taking", "Check first that the drugs are taken and absorbed, and that the doses are right."),
            (),
        ),
    ]
    # After a checkpoint inhibitor the sources name them late, and others: their own card says so.
    if not checkpoint:
        choices += [
            (Option("rituximab", "Rituximab where IVIG failed or cannot be given."), ("rituximab",)),
            (
                Option("mycophenolate", "Mycophenolate where IVIG failed or cannot be given."),
                ("mycophenolate mofetil", "mycophenolic acid"),
            ),
            (
                Option("ciclosporin", "Ciclosporin where IVIG failed or cannot be given; blood pressure and kidneys."),
                ("ciclosporin",),
            ),
        ]
    if chart.is_juvenile:
        choices += [
            (
                Option("combination", "High-dose methotrexate with ciclosporin and IVIG together (juvenile disease)."),
                () if chart.on("methotrexate") else ("methotrexate",),
            ),
            (
                Option(
                    "anti-tnf",
                    "Infliximab or adalimumab, in an expert centre (juvenile disease only).",
                    cautions=("In adults the muscle disease got worse in 12 of 42 treated with a TNF blocker.",),
                ),
                ("infliximab", "adalimumab"),
            ),
            (
                Option(
                    "expert-centre",
                    f"Ask an expert centre; within the first {parameters.juvenile_weeks} weeks before any change.",
                ),
                (),
            ),
        ]
    if checkpoint:
        choices.append((Option("plasmapheresis", "Plasma exchange, before and not after IVIG."), ()))
    choices.append(
        (Option("multidisciplinary", "Rheumatology with physiotherapy, and dermatology where the skin is active."), ())
    )
    return unless_active(chart, choices)


def _with_what(situation: Situation) -> str:
    """The option in words: what goes on beside it, or begins with it."""
    steroid, agent = situation.signs.on_steroid, bool(situation.chart.sparing())
    if steroid and agent:
        return "Add IVIG and go on with the steroid and the steroid-sparing agent."
    if steroid or agent:
        return f"Add IVIG and go on with the {'steroid' if steroid else 'steroid-sparing agent'}."
    first = "steroid" if situation.state == ICI_MYOSITIS else "first-line treatment"
    return f"IVIG together with {first}: nothing is on file as being taken."


def _cautions(situation: Situation, parameters: Parameters) -> tuple[str, ...]:
    chart, signs = situation.chart, situation.signs
    out = [
        f"{label_of(course).capitalize()} since {day_text(course.start)}: not called failed before "
        f"{day_text(course.start + parameters.judge_sparing_from)}."
        for course in chart.sparing()
        if course.drug not in ("ivig", "scig") and chart.days_since(course.start) < parameters.judge_sparing_from
    ]
    exchange = chart.happened("plasmapheresis", 21)
    if exchange is not None:
        out.append(f"Plasma exchange on {day_text(exchange.day)}: IVIG only after the last exchange.")
    if signs.grade == "possible":
        out.append("The fall is possible only: repeat the score within 14 days, same assessor.")
    if signs.fever is not None:
        out.append(f"Fever on {day_text(signs.fever.day)}: exclude an infection first.")
    if signs.statins:
        out.append("A statin is on the list: consider it as a cause.")
    if chart.condition("diabetes") is not None:
        out.append(
            "Diabetes: some IVIG products contain glucose or maltose, which disturb glucose meters (from memory)."
        )
    return tuple(out)


def _screens(situation: Situation) -> tuple[str, ...]:
    return () if situation.chart.latest("creatinine", 90) else ("creatinine before the first course",)


ESCALATION = Escalation(
    key="add-ivig",
    title="Consider adding IVIG",
    question="Should intravenous immunoglobulin be added?",
    why_it_matters="Strength lost in an untreated flare is regained slowly or not at all; IVIG has trial evidence in "
    "dermatomyositis and leaves the current drugs in place.",
    topic="ivig",
    kind="escalation",
    order=30,
    catalogue=("ESC-01", "ESC-02", "ESC-03", "ESC-05", "ESC-06", "ESC-10", "ESC-18", "RSP-02", "ESC-17"),
    reads=("declining-strength", "active-disease", "no-response-after-pulse", "skin-activity"),
    logic="Inflammatory weakness (weaker with CK above 1.5 times its limit) under a steroid or a steroid-sparing "
    "agent; active disease that does not respond to steroid and agent; no response 28 days and more after a pulse; or "
    "a nerve pattern; or severe myositis after a checkpoint inhibitor; or a skin "
    "score that got worse and is severe under treatment. Pending while CK or strength is missing or old.",
    limitations="Adherence and absorption are not on file. The dose is a range, not an order; rates and products "
    "are not "
    "covered. The evidence is best in dermatomyositis.",
    citations=(
        Citation(
            "S2",
            "SHARE: intensify where the response to methotrexate and steroid is inadequate; IVIG among the options.",
        ),
        Citation("PRODERM-2022", "79 % of 47 adults responded at week 16, 44 % of 48 under placebo."),
        Citation("PRODERM-2023", "Eight clots in six patients, fewer at a lower rate."),
        Citation("S25", "Label for adult dermatomyositis: 2 g/kg in equal doses over 2 to 5 days every 4 weeks."),
        Citation("S6", "Checkpoint inhibitor nerve disease: 0.4 g/kg/day for 5 days."),
        *seeds(
            s002="Falls from 27 to 24 of 52 under methotrexate and steroid: add IVIG, keep the rest.",
            s004="Names swallowing trouble, weight loss, severe rash, weakness and steroid resistance as reasons.",
            s000="2 g/kg over 5 days after a pulse that did not help, where CK is raised and the patient is weak.",
        ),
    ),
    propose=propose,
    parameters=Parameters,
)

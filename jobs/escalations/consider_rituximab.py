"""Is it time for rituximab?

Looked at: the phenotype branch, earlier IVIG and how long ago, antibodies, earlier rituximab. What counts: still weak
after IVIG had four weeks to work (ESC-03, ESC-13), anti-SRP disease (ESC-15), no better two weeks into treatment after
a checkpoint inhibitor (ESC-08). What does not: a first inadequate response, where IVIG comes first.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import (
    COMING_BACK,
    Citation,
    Escalation,
    Option,
    Proposal,
    Situation,
    Withheld,
    seeds,
    unless_active,
)
from jobs.phenotype import GBS_PATTERN, ICI_MYOSITIS, STABLE, TRUE_MYOSITIS
from jobs.rule import ACTION, day_text, parameter


@dataclass(frozen=True)
class Parameters:
    """Windows of the second line."""

    ivig_judged_after: int = parameter(
        28, unit="days", low=14, high=90, meaning="IVIG is judged this many days after its first course"
    )
    ici_judged_after: int = parameter(
        14,
        unit="days",
        low=7,
        high=42,
        meaning="steroid after a checkpoint inhibitor is judged after this",
        source="ASCO 2021 (S5)",
        mark="seen",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Ready where IVIG has failed, in anti-SRP disease, or late in checkpoint inhibitor myositis."""
    signs, chart, state = situation.signs, situation.chart, situation.state
    if state in (STABLE, GBS_PATTERN) or not (signs.weak or situation.inadequate):
        return None
    running = chart.on("rituximab")
    if running is not None:
        return Withheld(
            f"Rituximab was given from {day_text(running.statements[-1].start)} and still counts as acting."
        )
    infusions = chart.given("ivig", "scig")
    failed = bool(infusions) and chart.days_since(infusions[0].start) >= parameters.ivig_judged_after
    srp = "SRP" in chart.autoantibodies and situation.treated
    ici_late = state == ICI_MYOSITIS and _steroid_days(situation) >= parameters.ici_judged_after
    if state == ICI_MYOSITIS and not ici_late:
        return Withheld(
            f"Steroid and holding the checkpoint inhibitor are judged after {parameters.ici_judged_after} days."
        )
    if signs.recovering and state == TRUE_MYOSITIS:
        return Withheld(f"{COMING_BACK} {signs.decline_sentence()}.")
    if not (failed or srp or ici_late):
        return Withheld(
            "IVIG comes first here; rituximab is listed there as the alternative if it fails or cannot be given."
        )
    if failed:
        still = "Still weaker" if signs.weak else "Still active"
        why = f"{still} after IVIG (first course {day_text(infusions[0].start)})."
    elif srp:
        still = "weaker" if signs.weak else "still active"
        why = f"Anti-SRP disease, {still} under treatment: rituximab is often preferred here."
    else:
        why = "No better two weeks into treatment after a checkpoint inhibitor."
    return Proposal(
        because=(*situation.phenotype.because, *situation.treatment, *(fact_of(s) for s in infusions[-1:])),
        why=why,
        urgency=ACTION,
        status=situation.status,
        options=_options(situation),
        collect_first=(*situation.first, *_screens(situation)),
        cautions=(
            "Its effect lasts for months: infections, vaccines and pregnancy have to be thought of before the first "
            "dose.",
            *(("Efficacy in checkpoint inhibitor myositis is not established.",) if ici_late else ()),
            *_still_on_trial(situation),
        ),
    )


def _still_on_trial(situation: Situation) -> tuple[str, ...]:
    """Where the trial of immunoglobulin has not reached its day of judgement, that is said beside the next drug."""
    trial = situation.chart.verdict("ivig-trial", "response")
    if trial is None or trial.due is None or trial.due <= situation.chart.today:
        return ()
    return (
        f"The response to immunoglobulin is judged on {day_text(trial.due)}: before it only where waiting is worse.",
    )


def _steroid_days(situation: Situation) -> int:
    return situation.chart.steroid.days_at_least(1.0, within=60) if situation.signs.on_steroid else 0


def _options(situation: Situation) -> tuple[Option, ...]:
    chart = situation.chart
    dose = "1000 mg twice, 14 days apart (adults)" if not chart.is_child else None
    child = ("The dose for children is not in the sources read: ask an expert centre.",) if chart.is_child else ()
    choices: list[tuple[Option, tuple[str, ...]]] = [
        (
            Option("rituximab", "Add rituximab; keep the steroid and the steroid-sparing agent at first.", dose, child),
            ("rituximab",),
        ),
        (Option("mycophenolate", "Mycophenolate."), ("mycophenolate mofetil", "mycophenolic acid")),
        (
            Option("ciclosporin", "Ciclosporin or tacrolimus; blood pressure and kidneys."),
            ("ciclosporin", "tacrolimus"),
        ),
    ]
    if situation.state == ICI_MYOSITIS:
        choices.append(
            (
                Option(
                    "anti-tnf-or-il6",
                    "A TNF or IL-6 antagonist, with oncology.",
                    cautions=("Efficacy in checkpoint inhibitor myositis is not established.",),
                ),
                ("infliximab", "tocilizumab"),
            )
        )
    elif chart.is_juvenile:
        choices.append(
            (
                Option("anti-tnf", "Infliximab or adalimumab, in an expert centre (juvenile disease only)."),
                ("infliximab", "adalimumab"),
            )
        )
    choices.append(
        (Option("review-diagnosis", "Look at the diagnosis again: MRI, biopsy, inclusion body myositis, damage."), ())
    )
    return unless_active(chart, choices)


def _screens(situation: Situation) -> tuple[str, ...]:
    names = {"hbsag": "HBsAg", "anti_hbc": "anti-HBc", "igg": "IgG"}
    return tuple(f"{label} before rituximab" for key, label in names.items() if situation.chart.latest(key) is None)


ESCALATION = Escalation(
    key="consider-rituximab",
    title="Consider rituximab",
    question="Has IVIG failed, so that rituximab is next?",
    why_it_matters="Refractory disease loses strength with every month; rituximab acts late and long.",
    topic="rituximab",
    kind="escalation",
    order=34,
    catalogue=("ESC-03", "ESC-08", "ESC-13", "ESC-15", "IS-07", "SAFE-10"),
    reads=("declining-strength", "active-disease", "ivig-trial"),
    logic="Weaker or active at least 28 days after the first IVIG; or anti-SRP disease weaker or active under "
    "treatment; or 14 days of steroid without effect after a checkpoint inhibitor. Not where rituximab of the last "
    "nine months still counts.",
    limitations="Reasons against IVIG are not on file. The dose is the adult one of one page.",
    citations=(
        Citation("S36", "Necrotising myopathy: rituximab often favoured with anti-SRP, early IVIG with anti-HMGCR."),
        Citation("S5", "Rituximab, TNF or IL-6 antagonists where two weeks of steroid did not help."),
        Citation("S16", "Hepatitis B and immunoglobulins before the first dose."),
        *seeds(
            s002="Names rituximab first among the options if IVIG fails.",
            s004="Two doses of 1000 mg two weeks apart.",
            s000="Caution because of the long effect.",
        ),
    ),
    propose=propose,
    parameters=Parameters,
)

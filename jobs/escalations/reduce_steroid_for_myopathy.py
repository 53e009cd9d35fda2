"""Possible steroid myopathy: should the steroid come down?

Looked at: the phenotype branch and today's dose. The advice turns round here: weakness with quiet enzymes under a long
high dose asks for less steroid, not for more, together with the prescriber.
"""

from dataclasses import dataclass

from jobs.chart import Chart
from jobs.escalation import READY, Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import STEROID_MYOPATHY_POSSIBLE
from jobs.rule import ACTION, URGENT, number, parameter
from jobs.taper import one_step_below


@dataclass(frozen=True)
class Parameters:
    """The dose below which weakness may resolve."""

    target_mg: float = parameter(
        30,
        unit="mg/day prednisone equivalent",
        low=20,
        high=40,
        meaning="steroid myopathy may resolve below this",
        source="seed-003",
        mark="seed",
    )
    target_mg_kg: float = parameter(
        0.5,
        unit="mg/kg/day",
        low=0.25,
        high=1,
        meaning="the same line by weight, for children",
        source="seed-004",
        mark="seed",
    )


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Ready where steroid myopathy is possible and the dose is at or above the line, or in the acute form."""
    signs, chart = situation.signs, situation.chart
    if situation.state != STEROID_MYOPATHY_POSSIBLE or not (signs.on_steroid or signs.recent_pulse):
        return None
    weight = chart.latest("weight")
    line = parameters.target_mg
    if chart.is_child and weight is not None:
        line = min(line, parameters.target_mg_kg * weight.value)
    acute = "acute" in situation.phenotype.modifiers
    dose = chart.steroid.today
    if dose >= line or acute:
        step = "reduce or stop when possible" if acute else f"from {number(dose)} towards below {number(line)} mg/day"
        reduce = Option(
            "reduce",
            "Reduce the steroid together with its prescriber, by template steps.",
            step,
            ("Not abruptly: the adrenal glands may be suppressed.",),
        )
    else:
        reduce = _next_step(chart, dose, line)
    sparing = (
        () if chart.sparing() else (Option("sparing-agent", "A steroid-sparing agent lets the steroid come down."),)
    )
    return Proposal(
        because=situation.phenotype.because,
        why=situation.phenotype.why,
        urgency=URGENT if acute else ACTION,
        status=READY,
        options=(
            reduce,
            *sparing,
            Option("look-closer", "MRI with T2 or STIR and EMG; flexors of the hip and of the neck one by one."),
            Option(
                "physiotherapy",
                "Range of motion, stretching, aerobic and balance training, transfers and walking; resistance only for "
                "muscles stronger than gravity; no high-intensity training; aids through occupational therapy.",
            ),
            Option("breathing", "FVC and NIF: breathing muscles can be affected; a lung physician where they are."),
            Option(
                "others",
                "A neurologist where the cause stays open; a physician of rehabilitation for the training.",
            ),
        ),
        collect_first=situation.phenotype.collect,
        cautions=(
            "A pattern, not a diagnosis: active disease with normal CK looks the same. If strength falls further "
            "after the "
            "reduction, think of a flare.",
            *(("CRP and ESR are not on file: a flare is less well excluded.",) if not signs.inflammation_known else ()),
        ),
        conflicts=(
            "C5: continue the high dose, or bring it below 30 mg/day: the pattern decides.",
            "Neck flexors: one source counts their weakness as steroid myopathy, one as active disease.",
        ),
    )


def _next_step(chart: Chart, dose: float, line: float) -> Option:
    """Below the line already: the next step of the taper, and not up again."""
    cautions = ("Not up again for this alone.", "Not abruptly: the adrenal glands may be suppressed.")
    weight = chart.latest("weight")
    if chart.is_child and weight is not None:
        key, lower = _CHILD, one_step_below(_CHILD, dose, weight.value)
    else:
        key, lower = _ADULT, one_step_below(_ADULT, dose)
    if chart.patient.plan is not None or not dose > 0 or lower >= dose:
        text = f"Keep the steroid below {number(line)} mg/day; discuss the next step of the agreed taper."
        return Option("next-step", text, None, cautions)
    step = f"from {number(dose)} to {number(lower)} mg/day (template {key})"
    return Option("next-step", "Discuss the next step of the taper with its prescriber.", step, cautions)


_ADULT, _CHILD = "A", "JDM-PRINTO"
"""The templates whose next step is shown where no plan was agreed."""


ESCALATION = Escalation(
    key="reduce-steroid-for-myopathy",
    title="Possible steroid myopathy: consider reducing the steroid",
    question="Is the steroid itself making the patient weak?",
    why_it_matters="More steroid makes steroid myopathy worse; less steroid can bring the strength back.",
    topic="steroid-dose",
    kind="steroid",
    order=39,
    catalogue=("PH-04", "PH-04b", "GC-06", "GC-11"),
    reads=("declining-strength", "prolonged-high-dose-steroids", "rising-muscle-enzymes", "steroid-myopathy-pattern"),
    version="1.1.0",
    effective="2026-11-28",
    logic="Weaker, at least 21 days at high dose or a pulse in the last 14 days, CK not raised or falling below 3 "
    "times its limit, AST, ALT and LDH not rising, CRP and ESR not raised; or weaker after at least 7 very-high-dose "
    "days in the last fortnight; or six weeks at high dose that came down in the last three months, with a quiet CK.",
    limitations="No validated limits exist for this pattern; muscle-by-muscle scores, MRI and EMG are not read by "
    "the program.",
    citations=(
        Citation("S31", "Proximal weakness with normal CK; the acute form can raise CK."),
        *seeds(
            s003="Below 30 mg/day the weakness may resolve; adjust with the prescriber.",
            s001="Steroid myopathy among the harms of long use.",
        ),
    ),
    propose=propose,
    parameters=Parameters,
)

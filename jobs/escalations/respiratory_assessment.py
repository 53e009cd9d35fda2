"""Breathing muscles: have they been measured?

Looked at: shortness of breath and difficulty swallowing of the last four weeks, NIF and FVC. What counts as critical:
NIF weaker than 30 cmH2O or an FVC that fell by more than 30 per cent (a rule from Guillain-Barre syndrome, read
second-hand).
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import URGENT, day_text, number, parameter


@dataclass(frozen=True)
class Parameters:
    """Critical limits."""

    nif: float = parameter(
        30,
        unit="cm[H2O]",
        low=15,
        high=60,
        meaning="a weaker NIF is critical (read second-hand)",
        source="S38",
        mark="memory",
    )
    fall: float = parameter(
        0.3,
        unit="share",
        low=0.1,
        high=0.5,
        meaning="a greater fall of FVC is critical (read second-hand)",
        source="S38",
        mark="memory",
    )
    valid_days: int = parameter(28, unit="days", low=1, high=90, meaning="an older measurement is not used")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Urgent with shortness of breath, difficulty swallowing, or a critical measurement."""
    chart, signs = situation.chart, situation.signs
    nif = chart.latest("nif", parameters.valid_days)
    fvc = chart.latest("fvc_percent", parameters.valid_days)
    earlier = chart.before(fvc, 182, 1) if fvc else ()
    weak_nif = nif is not None and abs(nif.value) < parameters.nif
    fell = bool(fvc and earlier and (earlier[-1].value - fvc.value) > parameters.fall * earlier[-1].value)
    if not (signs.red_flags or weak_nif or fell):
        return None
    said = []
    if weak_nif and nif:
        said.append(f"NIF {number(nif.value)} cmH2O on {day_text(nif.day)}")
    if fell and fvc:
        said.append(f"FVC {number(fvc.value)} % on {day_text(fvc.day)}, before {number(earlier[-1].value)} %")
    said += [f"{fact_of(flag).label.lower()} on {day_text(flag.day)}" for flag in signs.red_flags]
    critical = weak_nif or fell
    return Proposal(
        because=(
            *(fact_of(flag) for flag in signs.red_flags),
            *(fact_of(reading) for reading in (nif, fvc) if reading),
        ),
        why="Breathing muscles may be involved: " + ", ".join(said) + ".",
        title="Breathing muscles critically weak" if critical else None,
        urgency=URGENT,
        options=(
            Option("measure", "FVC and NIF now, sitting and lying; repeat by the trend."),
            *((Option("intensive-care", "Talk to intensive care now."),) if critical else ()),
            Option("infection", "Look for infection, aspiration and lung disease as other causes."),
        ),
        collect_first=("FVC", "NIF"),
        cautions=("Oxygen saturation stays normal until late in muscle weakness (from memory).",),
    )


ESCALATION = Escalation(
    key="respiratory-assessment",
    title="Measure the breathing muscles",
    question="Are the breathing muscles weak?",
    why_it_matters="Respiratory failure of weak muscles comes without warning by symptoms.",
    topic="breathing",
    kind="organ",
    order=1,
    catalogue=("RESP-01", "RESP-02"),
    reads=("red-flag-symptoms",),
    logic="Shortness of breath or difficulty swallowing in the last 28 days, NIF weaker than 30 cmH2O, or FVC down "
    "by more "
    "than 30 per cent.",
    limitations="The critical limits come from another disease and were read second-hand. A same-day review entry, "
    "not an "
    "emergency monitor.",
    citations=(
        Citation("S38", "Limits of vital capacity, inspiratory and expiratory pressure in nerve disease."),
        *seeds(s000="Lung function if any respiratory symptom develops."),
    ),
    propose=propose,
    parameters=Parameters,
    audience=("nurse", "physician"),
    for_ibm=True,
)

"""Severe or refractory lung disease: is cyclophosphamide to be considered?

Looked at: interstitial lung disease on file, shortness of breath, FVC and DLCO and their fall, current agents.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Escalation, Option, Proposal, Situation, Withheld, seeds, unless_active
from jobs.rule import ACTION, URGENT, WATCH, day_text, number, parameter


@dataclass(frozen=True)
class Parameters:
    """When lung disease counts as severe."""

    low_fvc: float = parameter(60, unit="% predicted", low=40, high=80, meaning="FVC below this is severe")
    fvc_fall: float = parameter(
        10, unit="% points", low=5, high=30, meaning="FVC this much lower than before is a fall"
    )
    valid_days: int = parameter(182, unit="days", low=28, high=365, meaning="an older FVC is not used")


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Pending until imaging and lung function are there; urgent with new shortness of breath."""
    chart, signs = situation.chart, situation.signs
    lung = signs.lung_disease
    if lung is None:
        return None
    fvc = chart.latest("fvc_percent", parameters.valid_days)
    earlier = chart.before(fvc, 365, 1) if fvc else ()
    falling = chart.met("lung-function")
    fell = bool(falling or (fvc and earlier and earlier[-1].value - fvc.value >= parameters.fvc_fall))
    low = fvc is not None and fvc.value < parameters.low_fvc
    if not (fell or low or signs.breathing):
        return None
    if (running := chart.on("cyclophosphamide")) is not None:
        return Withheld(f"Cyclophosphamide is on file from {day_text(running.start)}.")
    if signs.fever is not None:
        return Withheld("Fever with lung disease: exclude an infection before more immunosuppression.")
    said = f"FVC {number(fvc.value)} % on {day_text(fvc.day)}" if fvc else "no FVC on file"
    # Low and steady under an agent is for the next visit; low and untreated, or not known to be steady, is not.
    steady = bool(fvc and earlier and not fell and not signs.breathing and chart.sparing())
    if steady:
        said += f" ({number(earlier[-1].value)} % on {day_text(earlier[-1].day)}): low, and not falling"
    choices: list[tuple[Option, tuple[str, ...]]] = [
        (
            Option(
                "cyclophosphamide",
                "Cyclophosphamide by infusion.",
                "every 4 weeks for 3 to 6 months, up to 12",
                ("Fertility, pregnancy, infection, bladder; blood count before each dose.",),
            ),
            ("cyclophosphamide",),
        ),
        (
            Option("mycophenolate", "Mycophenolate.", cautions=("Not in pregnancy: azathioprine then (C19).",)),
            ("mycophenolate mofetil", "mycophenolic acid"),
        ),
        (
            Option("calcineurin-inhibitor", "Tacrolimus or ciclosporin; blood pressure and kidneys."),
            ("tacrolimus", "ciclosporin"),
        ),
        (Option("rituximab", "Rituximab."), ("rituximab",)),
    ]
    return Proposal(
        because=(
            fact_of(lung),
            *((fact_of(fvc),) if fvc else ()),
            *(fact for one in falling for fact in chart.facts(one.evidence)),
            *(fact_of(flag) for flag in signs.red_flags),
            *situation.treatment,
        ),
        why=f"Interstitial lung disease with {said}" + (" and shortness of breath." if signs.breathing else "."),
        title="Lung disease with a low vital capacity: is the treatment enough?" if steady else None,
        urgency=URGENT if signs.breathing else WATCH if steady else ACTION,
        status="pending" if fvc is None else "ready",
        options=unless_active(chart, choices),
        collect_first=("FVC and diffusing capacity", "high-resolution CT", "signs of infection"),
        cautions=(
            "Decide with a lung physician.",
            *(("Anti-MDA5: lung disease can worsen within weeks.",) if "MDA5" in chart.autoantibodies else ()),
        ),
    )


ESCALATION = Escalation(
    key="consider-cyclophosphamide",
    title="Lung disease: consider stronger treatment",
    question="Does the lung disease ask for cyclophosphamide or another agent?",
    why_it_matters="Lung disease decides survival in several subtypes.",
    topic="lung",
    kind="organ",
    order=33,
    catalogue=("ESC-14",),
    reads=("lung-function",),
    version="1.2.0",
    logic=(
        "Interstitial lung disease on file with shortness of breath, FVC below 60 %, a fall of it by 10 points, or "
        "FVC or DLCO falling by the rule on lung function. Low, steady and treated it is for the next visit. Pain, "
        "exercise and steroid myopathy do not switch it off: they are about the muscle."
    ),
    limitations="Chest CT is not read. The limits of FVC are site settings.",
    citations=seeds(s004="Cyclophosphamide every 4 weeks for 3 to 6 months in severe lung disease."),
    propose=propose,
    parameters=Parameters,
    for_ibm=True,
)

"""Pneumocystis prophylaxis: should it be considered?

Looked at: steroid dose and how long, other immunosuppressants, prophylaxis among current drugs, methotrexate.
"""

from dataclasses import dataclass

from jobs.chart import fact_of, label_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, number, parameter


@dataclass(frozen=True)
class Parameters:
    """When prophylaxis is considered (within the range of the EULAR recommendation)."""

    from_mg: float = parameter(
        20, unit="mg/day prednisone equivalent", low=15, high=30, meaning="steroid dose from here on"
    )
    for_days: int = parameter(28, unit="days", low=14, high=42, meaning="for at least this many days")


def propose(situation: Situation, parameters: Parameters) -> Proposal | None:
    """Action at 20 mg/day and more for 28 days with another agent, on cyclophosphamide, or rituximab with steroid."""
    chart = situation.chart
    if chart.on_class("pjp-prophylaxis"):
        return None
    others = [course for course in chart.sparing() if course.drug not in ("ivig", "scig")]
    days = chart.steroid.days_at_least(parameters.from_mg, parameters.for_days)
    long_steroid = days >= parameters.for_days and bool(others)
    strong = chart.on("cyclophosphamide") or (chart.on("rituximab") if situation.signs.on_steroid else None)
    if not (long_steroid or strong):
        return None
    methotrexate = chart.on("methotrexate")
    alternatives = Option(
        "alternative", "Atovaquone, dapsone or pentamidine.", None, ("Dapsone: G6PD first (from memory).",)
    )
    co_trimoxazole = Option("co-trimoxazole", "Co-trimoxazole.", None, ("Blood count, potassium and kidney function.",))
    options = (alternatives,) if methotrexate else (co_trimoxazole, alternatives)
    return Proposal(
        because=(*chart.steroid_facts(), *(fact_of(course) for course in others)),
        why=f"Steroid {number(chart.steroid.today)} mg/day with "
        f"{', '.join(label_of(course) for course in others) or 'no other agent'}"
        " and no prophylaxis on file.",
        urgency=ACTION,
        options=options,
        cautions=("Methotrexate is taken: co-trimoxazole can stop the bone marrow; another drug is preferred.",)
        if methotrexate
        else (),
        conflicts=(
            "C17: one page asks for it under several immunosuppressants, EULAR above 15 to 30 mg for 2 to 4 weeks.",
        ),
    )


ESCALATION = Escalation(
    key="add-pjp-prophylaxis",
    title="Consider pneumocystis prophylaxis",
    question="Is prophylaxis due?",
    why_it_matters="Pneumocystis pneumonia is rare, deadly and preventable.",
    topic="pjp-prophylaxis",
    kind="safety",
    order=60,
    catalogue=("SAFE-04",),
    reads=("missing-prophylaxis",),
    logic="20 mg/day and more for 28 days with another immunosuppressant; cyclophosphamide; or rituximab with steroid.",
    limitations="Allergies are not on file.",
    citations=(
        Citation("S23", "Consider it above 15 to 30 mg/day for more than 2 to 4 weeks."),
        Citation("S24", "Avoid trimethoprim with methotrexate."),
        *seeds(s004="Under several immunosuppressants."),
    ),
    propose=propose,
    parameters=Parameters,
)

"""Steroid without a steroid-sparing agent: which agent could be added?

Looked at: the steroid dose and for how long, current agents, diagnosis, age, lung disease, pregnancy, antibodies. What
counts: a high dose without an agent from its first day (IS-01), or 15 mg/day and more for over 14 days (IS-02). What
does not: inclusion body myositis, a polymyalgia pattern, pain without inflammation.
"""

from dataclasses import dataclass

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, Withheld, seeds
from jobs.phenotype import ICI_MYOSITIS, PAIN_NON_INFLAMMATORY
from jobs.rule import ACTION, MET, number, parameter


@dataclass(frozen=True)
class Parameters:
    """What counts as steroid alone."""

    from_mg: float = parameter(
        15, unit="mg/day prednisone equivalent", low=5, high=30, meaning="steroid alone from here on"
    )
    from_mg_kg: float = parameter(
        0.25, unit="mg/kg/day", low=0.1, high=0.5, meaning="steroid alone from here on (children)"
    )
    for_days: int = parameter(14, unit="days", low=7, high=42, meaning="for more days than this")
    within_days: int = parameter(21, unit="days", low=14, high=60, meaning="counted within this many days")


def propose(situation: Situation, parameters: Parameters) -> Proposal | Withheld | None:
    """Ready for high-dose or longer medium-dose steroid without a steroid-sparing agent."""
    chart, signs = situation.chart, situation.signs
    if chart.sparing() or not signs.on_steroid:
        return None
    line = parameters.from_mg
    weight = chart.latest("weight")
    if chart.is_child and weight is not None:
        line = min(line, parameters.from_mg_kg * weight.value)
    days = chart.steroid.days_at_least(line, parameters.within_days)
    verdict = chart.verdict("steroid-monotherapy")
    alone = (days > parameters.for_days and chart.steroid.today >= line) or (
        verdict is not None and verdict.state == MET
    )
    high = signs.high_dose_days > 0
    if not (alone or high):
        return None
    if chart.diagnosis == "IBM":
        return Withheld("Inclusion body myositis: a steroid-sparing agent is not expected to help.")
    if situation.state == PAIN_NON_INFLAMMATORY:
        return Withheld("Pain without inflamed muscle: first settle whether any steroid is needed.")
    after_inhibitor = situation.state == ICI_MYOSITIS
    imnm = bool(chart.autoantibodies & {"HMGCR", "SRP"}) or chart.diagnosis == "IMNM"
    why = f"Steroid {number(chart.steroid.today)} mg/day (prednisone equivalent) without a steroid-sparing agent"
    if days > parameters.for_days:
        why += f", at {number(line)} mg/day or more for more than {parameters.for_days} days"
    why += "."
    return Proposal(
        because=(*chart.steroid_facts(), *((fact_of(weight),) if weight and chart.is_child else ())),
        why=why,
        urgency=ACTION,
        options=agents(situation),
        collect_first=agent_screens(situation),
        cautions=(
            "An agent takes 3 to 6 months to work: it starts together with the steroid.",
            *(
                (
                    "Necrotising myopathy: never steroid alone; IVIG early with anti-HMGCR, rituximab often with "
                    "anti-SRP.",
                )
                if imnm
                else ()
            ),
            *(("Efficacy in checkpoint inhibitor myositis is not established.",) if after_inhibitor else ()),
        ),
        conflicts=(
            "C11: methotrexate in juvenile disease 15 mg/m² on one page, 15 to 20 mg/m² in the recommendations.",
            "C19: mycophenolate for lung disease, azathioprine for a planned pregnancy: pregnancy decides.",
        ),
    )


def agents(situation: Situation) -> tuple[Option, ...]:
    """The agents to choose from, the fitting ones first, each with why it may not fit (IS-03, IS-04, IS-05)."""
    chart, signs = situation.chart, situation.signs
    lung = signs.lung_disease is not None
    pregnancy = chart.condition("pregnancy_possible") is not None and chart.condition("contraception") is None
    if chart.is_child or chart.is_juvenile:
        methotrexate_dose = "15 to 20 mg/m² once a week subcutaneously, at most 40 mg, with folic acid"
    else:
        methotrexate_dose = "15 mg once a week with folic acid 1 mg/day, to 25 mg a week in 3 to 6 months"
    methotrexate = Option(
        "methotrexate",
        "Methotrexate once a week.",
        methotrexate_dose,
        ("Lung disease on file: azathioprine or mycophenolate preferred.",) if lung else (),
        ("methotrexate",),
    )
    tpmt = () if chart.latest("tpmt") else ("TPMT first: absent, avoid; low, half the dose.",)
    azathioprine = Option(
        "azathioprine", "Azathioprine.", "to 2 mg/kg/day of ideal body weight", tpmt, ("azathioprine",)
    )
    mycophenolate = Option(
        "mycophenolate",
        "Mycophenolate mofetil.",
        "500 mg twice a day to start (adults)",
        drugs=("mycophenolate mofetil",),
    )
    if pregnancy:
        return azathioprine, mycophenolate, methotrexate
    if lung:
        return mycophenolate, azathioprine, methotrexate
    return methotrexate, azathioprine, mycophenolate


def agent_screens(situation: Situation) -> tuple[str, ...]:
    """What is not on file and wanted before the first dose of an agent."""
    chart = situation.chart
    wanted = {"hbsag": "HBsAg", "anti_hbc": "anti-HBc", "anti_hcv": "anti-HCV"}
    missing = [label for key, label in wanted.items() if chart.latest(key) is None]
    if chart.newest(("ast", "alt"), 90) is None:
        missing.append("AST and ALT")
    if chart.latest("creatinine", 90) is None:
        missing.append("creatinine")
    if chart.newest(("white_cells", "neutrophils"), 90) is None:
        missing.append("blood count")
    return tuple(f"{item} before the first dose" for item in missing)


ESCALATION = Escalation(
    key="add-steroid-sparing-agent",
    title="Consider a steroid-sparing agent",
    question="Which agent could let the steroid come down?",
    why_it_matters="Steroid alone rarely holds the disease and does harm that grows with every month.",
    topic="sparing-agent",
    kind="sparing",
    order=36,
    catalogue=("IS-01", "IS-02", "IS-03", "IS-04", "IS-05", "IS-06", "ESC-15"),
    reads=("steroid-monotherapy",),
    logic="No steroid-sparing agent acting, and either a high dose today, or 15 mg/day and more (children 0.25 "
    "mg/kg) on "
    "more than 14 of the last 21 days.",
    limitations="Agents tried before and not tolerated are not always on file. The limits of dose and time are site "
    "settings.",
    citations=(
        Citation("S2", "Juvenile disease: methotrexate from the start."),
        Citation("S36", "Necrotising myopathy: combination from the outset."),
        Citation("S39", "Methotrexate, mycophenolate and cyclophosphamide are stopped for a pregnancy."),
        *seeds(
            s004="A steroid-sparing agent from day one; methotrexate, azathioprine after TPMT, or mycophenolate.",
            s001="After a pulse, oral steroid together with a steroid-sparing agent.",
        ),
    ),
    propose=propose,
    parameters=Parameters,
)

"""Pneumocystis prophylaxis: should it be considered, and with which drug?

Looked at: what the rule on missing protection found (dose, duration, what else is taken), methotrexate, kidney
function, potassium, and glucose-6-phosphate dehydrogenase. When it may stop has its own question
(`review_pjp_prophylaxis`).
"""

from typing import Any

from jobs.chart import Chart, Fact, fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.rule import ACTION, MET, number
from jobs.rules.missing_prophylaxis import PNEUMOCYSTIS, RULE

STOPPING = (
    "It may stop when what called for it is over: no guideline gives a number; most rheumatologists asked stopped "
    "below about 15 to 20 mg/day."
)


_MARROW = (
    "Methotrexate is taken: co-trimoxazole can stop the bone marrow; another drug is preferred. Together only by a "
    "documented specialist's decision, with a plan of blood counts."
)
_ADULTS = "The thresholds are of adults; doses for children by the local paediatric formulary."


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Action wherever the rule finds that protection is called for and not on file."""
    del parameters
    chart = situation.chart
    found = chart.verdict(RULE.key, PNEUMOCYSTIS)
    if found is None or found.state != MET:
        return None
    methotrexate = chart.on("methotrexate")
    dapsone, g6pd, first = _dapsone(chart)
    others = (
        Option(
            "atovaquone",
            "Atovaquone.",
            None,
            ("Taken with fat; liver tests (from memory).",),
        ),
        Option(
            "pentamidine",
            "Pentamidine, inhaled once a month.",
            None,
            ("Spasm of the airways, weaker in the upper lobes (from memory); think twice in lung disease.",),
        ),
        *dapsone,
    )
    co_trimoxazole = Option(
        "co-trimoxazole",
        "Co-trimoxazole.",
        "480 mg a day in the cohorts that EULAR reviewed" if not chart.is_child else None,
        (
            "Sulphonamide allergy and pregnancy are not asked for here: ask.",
            "Blood count, potassium and kidney function; lower dose in kidney disease.",
            *(f"{fact.text()}." for fact in _kidney(chart)),
        ),
    )
    return Proposal(
        because=tuple(
            {
                (fact.kind, fact.name, fact.id): fact
                for fact in (*chart.steroid_facts(), *chart.facts(found.evidence), *_kidney(chart), *g6pd)
            }.values()
        ),
        why=f"{_sentence(str(found.numbers['called_for_by']))} {_sentence(str(found.numbers['basis']))}",
        urgency=ACTION,
        options=others if methotrexate else (co_trimoxazole, *others),
        collect_first=first,
        cautions=(
            *((_MARROW,) if methotrexate else ()),
            *((_ADULTS,) if chart.is_child else ()),
            STOPPING,
        ),
        conflicts=(
            "C17: one page asks for it under several immunosuppressants, EULAR above 15 to 30 mg for 2 to 4 weeks.",
        ),
    )


def _dapsone(chart: Chart) -> tuple[tuple[Option, ...], tuple[Fact, ...], tuple[str, ...]]:
    """Dapsone as an option, the deficiency as a fact, and what to measure first."""
    g6pd = chart.latest("g6pd_deficiency")
    if g6pd is not None and g6pd.value >= 1:
        # Left out: it would destroy the red cells.
        return (), (fact_of(g6pd),), ()
    known = g6pd is not None
    caution = "G6PD deficiency ruled out." if known else "Only after G6PD deficiency is ruled out."
    option = Option("dapsone", "Dapsone.", None, (caution, "Haemolysis and methaemoglobin: blood count."))
    return (option,), (fact_of(g6pd),) if g6pd is not None else (), () if known else ("G6PD, if dapsone is considered",)


def _kidney(chart: Chart) -> tuple[Fact, ...]:
    """Kidney function and potassium of the last three months."""
    return tuple(fact_of(one) for name in ("egfr", "creatinine", "potassium") if (one := chart.latest(name, 90)))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


ESCALATION = Escalation(
    key="add-pjp-prophylaxis",
    title="Consider pneumocystis prophylaxis",
    question="Is prophylaxis due, and with which drug?",
    why_it_matters="Pneumocystis pneumonia is rare, deadly and preventable.",
    topic="pjp-prophylaxis",
    kind="safety",
    order=60,
    catalogue=("SAFE-04",),
    reads=(RULE.key,),
    logic="Wherever the rule on missing protection calls for it: 20 mg/day and more for 28 days with another "
    f"immunosuppressant; {number(RULE.defaults().pneumocystis_alone_from_mg)} mg alone; more than 15 mg for more than "
    "14 days with another immunosuppressant and a further risk; cyclophosphamide; rituximab with a steroid; after a "
    "checkpoint inhibitor 20 mg for four weeks or more than 30 mg for three.",
    limitations="Allergies are not on file. Doses other than that of co-trimoxazole are left to the formulary.",
    citations=(
        Citation("S23", "Benefit above 15 to 30 mg/day for more than 2 to 4 weeks."),
        Citation("EULAR-PCP-REVIEW", "30 mg for four weeks or more; co-trimoxazole 480 mg a day."),
        Citation("S5", "After a checkpoint inhibitor: 20 mg for four weeks, or more than 30 mg for three."),
        Citation("ACR-AAV-2021", "In ANCA vasculitis under cyclophosphamide or rituximab; carried over here."),
        Citation("JIIM-PJP-2021", "Juvenile myositis: anti-MDA5, lung disease, skin ulcers, pulses."),
        Citation("PCP-SURVEY-2019", "When rheumatologists stop it; not a guideline."),
        Citation("S24", "Avoid trimethoprim with methotrexate."),
        *seeds(s004="Under several immunosuppressants."),
    ),
    propose=propose,
    version="2.0.0",
    effective="2026-11-28",
    for_ibm=True,
)

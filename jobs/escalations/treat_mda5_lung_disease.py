"""Anti-MDA5 with a sign that the lung is ill: early combination treatment.

Looked at: the answer of the rule on anti-MDA5 and the lung, current drugs, fever, whether a pregnancy is possible, and
which screens are on file.
"""

from dataclasses import replace
from typing import Any

from jobs.chart import Chart, fact_of
from jobs.escalation import PENDING, READY, Citation, Escalation, Option, Proposal, Situation, unless_active
from jobs.rule import URGENT, Answer

RULE_KEY = "mda5-lung-disease"


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent with any sign; the treatment waits for what excludes an infection where there is a fever."""
    del parameters
    chart = situation.chart
    found = next((one for one in chart.met(RULE_KEY) if one.subject == "lung"), None)
    if found is None:
        return None
    fever = situation.signs.fever
    return Proposal(
        because=(*chart.facts(found.evidence), *situation.treatment, *((fact_of(fever),) if fever else ())),
        why=_why(found),
        urgency=URGENT,
        status=PENDING if fever is not None else READY,
        options=_options(chart),
        collect_first=(
            *(("signs of infection: fever is not a flare by default",) if fever is not None else ()),
            "chest CT (high resolution)",
            "oxygen saturation at rest and walking",
            *(() if chart.latest("ferritin", 14) else ("ferritin",)),
            "FVC and diffusing capacity, if breathing allows",
            "infection: cultures, viruses, Pneumocystis",
            *_screens(chart),
        ),
        cautions=(
            "Decide the same day with a respiratory physician; intensive care and a transplant centre told early.",
            "Protection against Pneumocystis goes with this combination.",
            *_pregnancy(chart),
            *(
                ("Methotrexate is on file: the guideline on this lung disease advises against it.",)
                if chart.on("methotrexate")
                else ()
            ),
            *(("Doses for children are not in the sources read: ask an expert centre now.",) if chart.is_child else ()),
        ),
        conflicts=(
            "The Spanish recommendations begin with a steroid and a calcineurin inhibitor, with or without "
            "cyclophosphamide; the American guideline asks for a steroid into the vein and two more agents.",
        ),
    )


def _why(found: Answer) -> str:
    return f"Anti-MDA5 with {found.numbers['said']}{found.numbers['disease']}."


def _options(chart: Chart) -> tuple[Option, ...]:
    choices: list[tuple[Option, tuple[str, ...]]] = [
        (Option("look-today", "See today: saturation, chest CT, respiratory physician, place of care."), ()),
        (
            Option(
                "calcineurin-inhibitor",
                "Steroid (a pulse into the vein where severe) with tacrolimus or ciclosporin from the start.",
                cautions=("Levels, blood pressure, kidneys, magnesium.",),
            ),
            ("tacrolimus", "ciclosporin"),
        ),
        (
            Option(
                "triple",
                "The same and cyclophosphamide by infusion from the start.",
                cautions=("Fertility, infection, bladder; blood count before each dose.",),
            ),
            ("cyclophosphamide",),
        ),
        (
            Option(
                "without-calcineurin-inhibitor",
                "Where those cannot be given: steroid with cyclophosphamide, mycophenolate or rituximab.",
            ),
            (),
        ),
        (
            Option(
                "add-jak-inhibitor",
                "No response: add tofacitinib, rituximab or mycophenolate.",
                cautions=("Infection, herpes zoster, clots.",),
            ),
            ("tofacitinib",),
        ),
        (
            Option("rescue", "Still worse: plasma exchange and other rescue treatment in a centre; transplant centre."),
            (),
        ),
    ]
    instead = ("cyclophosphamide", "mycophenolate mofetil", "rituximab")
    return tuple(
        replace(option, drugs=instead) if option.key == "without-calcineurin-inhibitor" else option
        for option in unless_active(chart, choices)
    )


def _pregnancy(chart: Chart) -> tuple[str, ...]:
    possible = chart.condition("pregnancy_possible") is not None and chart.condition("contraception") is None
    return ("Pregnancy possible: no cyclophosphamide or mycophenolate before that is settled.",) if possible else ()


def _screens(chart: Chart) -> tuple[str, ...]:
    names = {"hbsag": "HBsAg", "anti_hbc": "anti-HBc", "igra": "tuberculosis screen"}
    return tuple(
        f"{label} (does not hold up the first dose of steroid)"
        for key, label in names.items()
        if chart.latest(key) is None
    )


ESCALATION = Escalation(
    key="treat-mda5-lung-disease",
    title="Anti-MDA5 with lung disease: early combination treatment",
    question="Does this lung disease ask for combination treatment now?",
    why_it_matters="Rapidly progressive lung disease of anti-MDA5 is treated before it is proven, or too late.",
    topic="lung",
    kind="organ",
    order=3,
    catalogue=("LUNG-02",),
    reads=(RULE_KEY,),
    logic=(
        "Anti-MDA5 on file and the rule on anti-MDA5 and the lung is met: shortness of breath, new lung disease, "
        "falling lung function or saturation, or lung disease with a raised ferritin."
    ),
    limitations=(
        "Chest CT is not read. The recommendations rest on case series (grade D); doses are left to the centre. It is "
        "no emergency monitor."
    ),
    citations=(
        Citation(
            "MEDRA5-2020",
            "Combination first: a steroid with a calcineurin inhibitor, or with cyclophosphamide as well; tofacitinib, "
            "rituximab, mycophenolate or plasma exchange where that fails.",
        ),
        Citation(
            "ACR-ILD-TREAT-2023",
            "Rapidly progressive lung disease: a steroid into the vein and two more agents; against methotrexate as a "
            "first treatment of the lung.",
        ),
    ),
    propose=propose,
    for_ibm=True,
)

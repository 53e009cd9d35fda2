"""Inflammatory weakness without any treatment on file: what does first-line treatment look like?

Looked at: the phenotype branch, current and past steroid and steroid-sparing agents, age, lung disease, pregnancy, and
conditions that make steroid more harmful.
"""

from typing import Any

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, dose_by_weight, seeds
from jobs.escalations.add_steroid_sparing_agent import agent_screens, agents
from jobs.option_screens import ASK_ABOUT_PREGNANCY, pregnancy_never_asked
from jobs.phenotype import TRUE_MYOSITIS
from jobs.rule import ACTION, URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Ready in inflammatory weakness without treatment on file."""
    chart, signs = situation.chart, situation.signs
    inflamed = situation.state == TRUE_MYOSITIS or (situation.waits and signs.weak)
    if not inflamed or not (signs.untreated or not situation.treated):
        return None
    if chart.is_child:
        dose = dose_by_weight(chart, 1, 2, "mg", per="/day", most=60)
        steroid = Option("prednisone", "Prednisone from the start.", dose.text, dose.cautions, ("prednisone",))
    else:
        dose = dose_by_weight(chart, 0.5, 1, "mg", per="/day", most=80)
        lean = any(chart.condition(event) for event in ("diabetes", "osteoporosis", "glaucoma"))
        steroid = Option(
            "prednisone",
            "Prednisone, single morning dose, taper after 2 to 4 weeks.",
            dose.text,
            (*dose.cautions, _LOWER_END if lean else _WHICH_END),
            ("prednisone",),
        )
    return Proposal(
        because=(*situation.phenotype.because, *dose.facts),
        why="Inflammatory weakness and no treatment on file: steroid and a steroid-sparing agent start together.",
        urgency=URGENT if signs.severe else ACTION,
        status=situation.status,
        options=(steroid, *agents(situation), *_necrotising(situation)),
        collect_first=(*situation.first, *agent_screens(situation), *_steroid_screens(situation)),
        cautions=(
            "Treatment given elsewhere may not be on file: ask.",
            *(("Earlier treatment on file has ended: ask why.",) if situation.treated else ()),
        ),
        conflicts=(
            "C8: 0.5 to 1 mg/kg and 60 to 80 mg are given for the same dose; the British guideline gives 40 to 60 mg "
            "for adults and 1 to 2 mg/kg for children.",
        ),
    )


_LOWER_END = "Diabetes, osteoporosis or glaucoma on file: nearer the lower end."
_WHICH_END = "Nearer the upper end where a relapse is likely and harm of the steroid is not."


def _necrotising(situation: Situation) -> tuple[Option, ...]:
    """Necrotising myopathy is treated with more than steroid from the outset (ESC-15)."""
    antibodies = situation.chart.autoantibodies
    if situation.chart.diagnosis != "IMNM" and not antibodies & {"HMGCR", "SRP"}:
        return ()
    if "SRP" in antibodies:
        return (
            Option(
                "rituximab-early",
                "Anti-SRP: rituximab early, beside steroid and agent.",
                cautions=("HBsAg, anti-HBc and IgG first.",),
                drugs=("rituximab",),
            ),
        )
    whose = "Anti-HMGCR" if "HMGCR" in antibodies else "Necrotising myopathy"
    return (
        Option(
            "ivig-early",
            f"{whose}: IVIG early, beside steroid and agent.",
            cautions=("Kidney function, clotting risk and IgA before the first course.",),
            drugs=("ivig",),
        ),
    )


def _steroid_screens(situation: Situation) -> tuple[str, ...]:
    """What is wanted before weeks of steroid: sugar, and whether a pregnancy is possible."""
    chart = situation.chart
    sugar = () if chart.latest("hba1c") else ("glucose and HbA1c before steroid",)
    return (*sugar, *((ASK_ABOUT_PREGNANCY,) if pregnancy_never_asked(chart) else ()))


ESCALATION = Escalation(
    key="start-first-line-treatment",
    title="Consider first-line treatment",
    question="What does first-line treatment look like for this patient?",
    why_it_matters="Early treatment goes with better function later.",
    topic="first-line",
    kind="escalation",
    order=28,
    catalogue=("PH-01", "ESC-15", "IS-06", "GC-09", "GC-10"),
    reads=("declining-strength", "active-disease"),
    logic="Inflammatory weakness, or weakness with signs of activity, and no steroid and no immunosuppressant that "
    "runs or still acts.",
    limitations="Treatment from another clinic may be missing from the file.",
    citations=(
        Citation("S1", "Adults 40 to 60 mg, children 1 to 2 mg/kg."),
        Citation(
            "S36",
            "Necrotising myopathy: combination from the outset; IVIG early with anti-HMGCR, rituximab with anti-SRP.",
        ),
        Citation("S2", "Juvenile disease: methotrexate 15 to 20 mg/m² a week, at most 40 mg, from the start."),
        *seeds(s004="0.5 to 1 mg/kg a day together with a steroid-sparing agent from day one."),
    ),
    propose=propose,
)

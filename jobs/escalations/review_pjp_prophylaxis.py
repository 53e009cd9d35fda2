"""Pneumocystis prophylaxis that nothing on file calls for any more: may it stop?

Looked at: what the rule on missing protection found: the drug is taken, no reason holds, and the steroid has been low
for four weeks. Rituximab still acting keeps it.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.rule import WATCH, day_text
from jobs.rules.missing_prophylaxis import PNEUMOCYSTIS, RULE


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """For the next visit."""
    del parameters
    chart = situation.chart
    found = chart.verdict(RULE.key, PNEUMOCYSTIS)
    taken = chart.on_class("pjp-prophylaxis")
    if found is None or not found.numbers.get("may_stop") or not taken:
        return None
    lymphocytes = chart.latest("lymphocytes", 90)
    return Proposal(
        because=(
            *chart.steroid_facts(),
            *(fact_of(course) for course in taken),
            *((fact_of(lymphocytes),) if lymphocytes else ()),
        ),
        why="Protection against Pneumocystis is taken, and no dose or drug on file calls for it any more.",
        urgency=WATCH,
        options=(
            Option("stop", "Stop it.", None, ("The drug may be taken for another reason: ask.",)),
            Option(
                "continue",
                "Go on, with a date to look again.",
                None,
                ("Few lymphocytes, lung disease, anti-MDA5, or a new course expected.",),
            ),
        ),
        collect_first=() if lymphocytes else ("lymphocyte count",),
        cautions=(f"Taken since {day_text(taken[0].start)}. No guideline gives a number for stopping.",),
    )


ESCALATION = Escalation(
    key="review-pjp-prophylaxis",
    title="Pneumocystis prophylaxis: still needed?",
    question="May it stop?",
    why_it_matters="Co-trimoxazole does harm too: rash, marrow, kidney and potassium.",
    topic="pjp-prophylaxis",
    kind="safety",
    order=62,
    catalogue=("SAFE-04",),
    reads=(RULE.key,),
    logic="A protective drug on file, no reason for it, rituximab no longer acting, and a steroid below 15 mg/day for "
    "four weeks.",
    limitations="No guideline says when to stop: the dose and the four weeks are settings of this program.",
    citations=(
        Citation("S23", "The need is to be assessed again from time to time."),
        Citation("PCP-SURVEY-2019", "Two thirds of those asked stopped it below a dose, most of them 16 to 20 mg."),
    ),
    propose=propose,
    effective="2026-11-28",
    for_ibm=True,
)

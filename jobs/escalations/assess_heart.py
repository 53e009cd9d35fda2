"""Raised troponin I: has the heart been looked at?

Looked at: the newest troponin I of each assay against the limit reported with it. After a checkpoint inhibitor the
review of that drug takes this card's place.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation
from jobs.phenotype import ICI_MYOSITIS
from jobs.rule import URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent for a raised troponin I, outside checkpoint inhibitor myositis."""
    raised = situation.signs.troponin_i_raised
    if raised is None or situation.state == ICI_MYOSITIS:
        return None
    chart = situation.chart
    done = [fact_of(found) for event in ("ecg", "echocardiogram") if (found := chart.happened(event, 30))]
    return Proposal(
        because=(fact_of(raised), *done),
        why="Troponin I is raised above the limit reported with it.",
        urgency=URGENT,
        options=(
            Option("ecg-echo", "ECG today, echocardiogram, and a second troponin I."),
            Option("cardiology", "Talk to cardiology today; cardiac MRI where myocarditis is possible."),
        ),
        collect_first=("ECG", "echocardiogram", "a second troponin I of the same assay"),
        cautions=("Kidney disease, infection and coronary disease raise troponin I too.",),
    )


ESCALATION = Escalation(
    key="assess-heart",
    title="Look at the heart",
    question="Is the heart muscle involved?",
    why_it_matters="Involvement of the heart is rare, dangerous, and often silent at first.",
    topic="heart",
    kind="organ",
    order=3,
    catalogue=("SAFE-12",),
    reads=("raised-troponin",),
    logic="The newest troponin I of an assay lies above the limit reported with it and is at most 90 days old.",
    limitations="A same-day review entry, not an emergency monitor.",
    citations=(Citation("S27", "Troponin I separates patients with from patients without heart involvement."),),
    propose=propose,
)

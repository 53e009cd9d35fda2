"""Should neurology see the patient now?

Looked at: a nerve pattern, myositis after a checkpoint inhibitor, and a pulse without response. Any of them asks for a
neurologist before the next step is chosen.
"""

from typing import Any

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import GBS_PATTERN, ICI_MYOSITIS
from jobs.rule import ACTION, URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent for a nerve pattern or a checkpoint inhibitor, action after a pulse without response."""
    state, chart = situation.state, situation.chart
    unanswered = situation.pulse_without_response
    nerve = state in (GBS_PATTERN, ICI_MYOSITIS)
    if not nerve and not unanswered:
        return None
    evidence = tuple(fact for verdict in unanswered for fact in chart.facts(verdict.evidence))
    return Proposal(
        because=situation.phenotype.because + evidence,
        why=situation.phenotype.why if nerve else "No response four weeks and more after a steroid pulse.",
        urgency=URGENT if nerve else ACTION,
        options=(
            Option("neurology", "Neurology today." if nerve else "Neurology within days."),
            Option("nerve-studies", "Nerve conduction study, EMG, acetylcholine receptor antibodies."),
            *(
                (Option("heart-and-setting", "Heart: troponin I, ECG, echocardiogram; a setting with monitoring."),)
                if unanswered
                else ()
            ),
        ),
        cautions=("Repeated examination of strength, reflexes, swallowing and breathing until then.",),
    )


ESCALATION = Escalation(
    key="refer-neurology",
    title="Ask neurology",
    question="Is a neurologist needed before the next step?",
    why_it_matters="A nerve disease or myasthenia under the name of myositis is treated differently.",
    topic="neurology",
    kind="review",
    order=4,
    catalogue=("PH-07", "ESC-05", "ESC-10"),
    reads=("no-response-after-pulse",),
    logic="A nerve pattern, myositis after a checkpoint inhibitor, or no response 28 to 42 days after a pulse.",
    limitations="A same-day review entry from the last evaluation, not an emergency monitor.",
    citations=(
        Citation("S6", "Work-up of the nerve disease after checkpoint inhibitors."),
        *seeds(s000="Urgent neurology after a pulse that did not help."),
    ),
    propose=propose,
    for_ibm=True,
)

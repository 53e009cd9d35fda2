"""Pain without weakness: what else could it be?

Looked at: pain, strength and CK (the phenotype branch). More immunosuppression is switched off; this card lists what
to look for instead.
"""

from typing import Any

from jobs.escalation import Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import PAIN_NON_INFLAMMATORY
from jobs.rule import WATCH
from models.vocabulary import measure

ENZYMES = ("ck", "aldolase", "ast", "alt", "ldh")
ENZYMES_WITHIN_DAYS = 90
"""A result of the last three months counts (site setting in spirit)."""


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Watch in the pain branch; the polymyalgia pattern puts that first."""
    if situation.state != PAIN_NON_INFLAMMATORY:
        return None
    polymyalgia = Option(
        "polymyalgia",
        "Polymyalgia: girdle pain and stiffness with high CRP or ESR.",
        "prednisone 10 to 20 mg/day, no pulse",
    )
    fibromyalgia = Option(
        "fibromyalgia",
        "Fibromyalgia: widespread pain, sleep, fatigue; duloxetine is an option in adults.",
        "30 mg/day for a week, then 60 mg/day; effect after 2 to 4 weeks",
        ("Liver, blood pressure and other serotonergic drugs.",),
    )
    options = [polymyalgia] if "polymyalgia" in situation.phenotype.modifiers else []
    if not situation.chart.is_child:
        options.append(fibromyalgia)
    if situation.signs.statins:
        options.append(Option("statin", "A statin is on the list: review it as a cause."))
    options.append(Option("mechanical", "Joints, tendons, spine, vitamin D, thyroid."))
    return Proposal(
        because=situation.phenotype.because,
        why=situation.phenotype.why,
        urgency=WATCH,
        options=tuple(options),
        collect_first=(*(() if situation.signs.inflammation_known else ("CRP and ESR",)), *_enzymes(situation)),
        cautions=("If strength falls or CK rises, the question is open again.",),
        conflicts=(
            "C15: the title of one page asks what to add for pain; its own text says to stop escalating.",
            "C13: CK up to 1.5 times its limit counts as compatible with pain without inflammation.",
        ),
    )


def _enzymes(situation: Situation) -> tuple[str, ...]:
    """The muscle enzymes that no result of the last weeks is on file for: at most mildly raised in this branch."""
    missing = [measure(key).short_label for key in ENZYMES if situation.chart.latest(key, ENZYMES_WITHIN_DAYS) is None]
    return (f"{', '.join(missing)}: at most mildly raised where the muscle is not inflamed",) if missing else ()


ESCALATION = Escalation(
    key="explain-pain",
    title="Pain without weakness: look for other causes",
    question="What else could explain the pain?",
    why_it_matters="Immunosuppression does not help this pain and does harm.",
    topic="pain",
    kind="review",
    order=16,
    catalogue=("PH-02", "PH-10", "PH-12"),
    reads=("pain-without-weakness",),
    logic="Pain 4 of 10 and more or muscle pain on file, strength at 96 % of its maximum or more, CK at most 1.5 "
    "times its "
    "limit, other enzymes below 3 times.",
    limitations="Where the pain sits is not on file.",
    citations=seeds(s000="Pain without weakness is not inflammatory myositis: stop escalating, look for other causes."),
    propose=propose,
)

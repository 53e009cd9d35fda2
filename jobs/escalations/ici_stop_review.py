"""Myositis after a checkpoint inhibitor: must the inhibitor stop, and what is checked today?

Looked at: the phenotype branch, troponin I, symptoms of swallowing and breathing. With heart involvement the sources
ask for a permanent stop; without it for holding the drug until the picture is clear.
"""

from typing import Any

from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import ICI_MYOSITIS
from jobs.rule import URGENT


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Urgent in the checkpoint inhibitor branch; the heart decides between holding and stopping."""
    if situation.state != ICI_MYOSITIS:
        return None
    signs = situation.signs
    heart = signs.troponin_i_raised is not None
    stop = (
        Option("stop", "Permanent stop of the checkpoint inhibitor, decided with oncology and cardiology.")
        if heart
        else Option(
            "hold", "Hold the checkpoint inhibitor until heart, swallowing and breathing are assessed, with oncology."
        )
    )
    return Proposal(
        because=situation.phenotype.because,
        why="Weakness or raised markers after a checkpoint inhibitor"
        + (", with raised troponin I: the heart is probably involved." if heart else "."),
        urgency=URGENT,
        title="Checkpoint inhibitor: stop, and look at the heart today" if heart else None,
        options=(
            stop,
            Option(
                "monitored-setting", "Admit to a monitored setting where weakness is severe or the heart is involved."
            ),
            Option(
                "restart-later",
                "Restart only when CK is normal, symptoms are gone and prednisone is below 10 mg/day; "
                "not after heart involvement.",
            ),
        ),
        collect_first=situation.phenotype.collect,
        cautions=("Overlap with myasthenia and myocarditis is common in this setting; each needs its own work-up.",),
    )


ESCALATION = Escalation(
    key="ici-stop-review",
    title="Checkpoint inhibitor: hold and assess",
    question="Must the checkpoint inhibitor stop?",
    why_it_matters="Myocarditis after a checkpoint inhibitor is life-threatening and comes together with myositis.",
    topic="checkpoint-inhibitor",
    kind="organ",
    order=1,
    catalogue=("PH-08", "ESC-07", "ESC-09"),
    logic="A checkpoint inhibitor within its window and weakness, CK above 1.5 times its limit, or raised troponin I.",
    limitations="A same-day review entry from the last evaluation, not an emergency monitor.",
    citations=(
        Citation("S5", "Hold in grade 2, stop with heart involvement; conditions of a restart."),
        Citation("S6", "Work-up of heart and nerves under checkpoint inhibitors."),
        *seeds(s000="Heart involvement asks for a permanent stop and more aggressive treatment."),
    ),
    propose=propose,
    for_ibm=True,
)

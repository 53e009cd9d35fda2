"""Is enough known to decide? What to collect before any change of treatment.

Looked at: the phenotype branch. Where a decline, new pain or a rising CK cannot be placed because CK, strength or
another finding is missing, too old or contradictory, this comes before every other suggestion and they wait for it.
"""

from typing import Any

from jobs.chart import fact_of
from jobs.escalation import Citation, Escalation, Option, Proposal, Situation, seeds
from jobs.phenotype import INDETERMINATE
from jobs.rule import ACTION, WATCH


def propose(situation: Situation, parameters: Any) -> Proposal | None:
    """Ready whenever the state is indeterminate: what is missing, then what tells the possibilities apart."""
    found = situation.phenotype
    if situation.chart.diagnosis == "IBM" and found.branch in ("PH-06", "IBM"):
        return None  # Slow decline with a quiet CK is the course of the disease: its own card says so.
    if found.state != INDETERMINATE and not (situation.signs.weak and situation.signs.fever):
        return None
    if found.branch == "not-stable" and not (found.missing or found.collect):
        return None  # The alert of the day says what to do.
    wanted = (*found.missing, *(item for item in found.collect if item not in found.missing))
    if situation.signs.fever is not None:
        wanted = ("signs of infection: fever is not a flare by default", *wanted)
    return Proposal(
        because=found.because + ((fact_of(situation.signs.fever),) if situation.signs.fever else ()),
        why=found.why,
        urgency=WATCH if found.branch == "not-stable" and not _alert_of_this_week(situation) else ACTION,
        options=(Option("collect", "Collect: " + "; ".join(dict.fromkeys(wanted)) + "."),),
        collect_first=tuple(dict.fromkeys(wanted)),
        cautions=("Treatment that works stays as it is until this is known, unless organs are in danger.",),
    )


def _alert_of_this_week(situation: Situation) -> bool:
    """Whether an alert asks for the same findings this week: a very high CK without known weakness."""
    return any(one.severity != WATCH for one in situation.chart.met("active-disease"))


ESCALATION = Escalation(
    key="collect-first",
    title="Collect before deciding",
    question="Is enough known to tell a flare from pain, steroid, damage or measurement?",
    why_it_matters="More immunosuppression helps a flare and harms everyone else; the same falling score fits both.",
    topic="collect",
    kind="collect",
    order=5,
    catalogue=("PH-00", "PH-03", "PH-06", "STR-03", "RSP-04"),
    reads=("declining-strength",),
    logic="A decline or new pain with CK or strength missing or older than 28 days; pain with raised CK; weakness with "
    "normal CK; a lower score by another assessor; a rising CK alone; or weakness with fever.",
    limitations="The findings of MRI, EMG and biopsy are free text and are not read by the program.",
    citations=(
        *seeds(s000="Asks for CK, aldolase, AST, ALT and LDH, MRI, EMG and biopsy where the picture is unclear."),
        Citation("S33", "CK can be normal in active myositis."),
        Citation("S29", "CK above 1.5 times the limit is raised; from 3 times on further work-up."),
    ),
    propose=propose,
    audience=("nurse", "physician"),
)

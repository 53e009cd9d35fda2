"""Proposals for one patient put together: what the state allows, what screening results rule out, one card per topic.

Pure: no database. `jobs.suggest` asks it for a reader, the rule about screening results for the drugs that are among
the options.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.chart import Chart, chart_of
from jobs.escalation import (
    NO_CHANGE,
    URGENCIES,
    Escalation,
    Option,
    Proposal,
    Situation,
    Withheld,
    all_escalations,
)
from jobs.option_screens import obeying
from jobs.phenotype import (
    GBS_PATTERN,
    ICI_MYOSITIS,
    STABLE,
    STEROID_MYOPATHY_POSSIBLE,
    Parameters,
    Phenotype,
    phenotype_of,
    signs_of,
)
from jobs.rule import ACTION, URGENT
from models.patient_facts import PatientFacts
from models.vocabulary import answers as coded_answers

OF_THE_DISEASE = ("escalation", "organ", "collect")
"""Kinds of cards that are about how active the disease is; the others are about a drug, its dose and its safety."""


@dataclass(frozen=True)
class Card:
    """A proposal with the file it comes from."""

    escalation: Escalation
    proposal: Proposal
    values: Any

    @property
    def rank(self) -> tuple[int, int]:
        """Where the card stands: urgency first, then the order of the catalogue."""
        return URGENCIES.index(self.proposal.urgency), self.escalation.order

    def as_json(self, chart: Chart) -> dict[str, Any]:
        """The contract's shape, and the fields a reader needs to check the basis (rule, version, logic, thresholds)."""
        one, said = self.escalation, self.proposal
        recheck = Option(NO_CHANGE, "Leave things as they are, with the reason, and say when to look again.")
        facts = {(fact.kind, fact.name, fact.id, fact.date): fact for fact in said.because}
        return {
            "key": one.key,
            "title": said.title or one.title,
            "status": said.status,
            "urgency": said.urgency,
            "why": said.why,
            "because": [fact.as_json() for fact in facts.values()],
            "options": [option.as_json() for option in (*said.options, recheck)],
            "collect_first": list(dict.fromkeys(said.collect_first)),
            "cautions": list(dict.fromkeys(said.cautions)),
            "sources": [citation.as_json() for citation in one.citations],
            "no_change_is_an_option": True,
            "topic": one.topic,
            "question": one.question,
            "why_it_matters": one.why_it_matters,
            "conflicts": list(said.conflicts),
            "rule_id": one.key,
            "catalogue": list(one.catalogue),
            "version": one.version,
            "effective_date": one.effective,
            "thresholds": one.thresholds(self.values),
            "logic_plain": one.logic,
            "limitations": one.limitations,
            "intended_user": list(one.audience),
            "expires": (chart.as_of + dt.timedelta(days=1)).isoformat(),
            "override_codes": list(coded_answers("decline")),
        }


def told_beside(found: Phenotype, cards: Sequence[Card]) -> Phenotype:
    """The state as said beside the cards: no title calls somebody quiet whose disease asks for a decision soon."""
    soon = [
        card.proposal.title or card.escalation.title
        for card in cards
        if card.escalation.kind in OF_THE_DISEASE and card.proposal.urgency in (URGENT, ACTION)
    ]
    if found.state != STABLE or not soon:
        return found
    beside = "; ".join(_inside(title) for title in soon)
    return replace(found, titled=f"Muscle quiet; {beside}", why=f"{found.why} To be decided on: {beside}.")


def _inside(title: str) -> str:
    return title[:1].lower() + title[1:]


def why_switched_off(one: Escalation, situation: Situation) -> str | None:
    """Why the state does not allow this suggestion at all; None where it does (exit rule of A2, ESC-16)."""
    found, chart = situation.phenotype, situation.chart
    inclusion_body = chart.diagnosis == "IBM" and found.state not in (GBS_PATTERN, ICI_MYOSITIS)
    if one.kind in ("escalation", "sparing") and inclusion_body and not one.for_ibm and situation.signs.weak:
        return "Inclusion body myositis answers poorly to immunosuppression: no escalation is suggested (ESC-16)."
    if one.kind != "escalation":
        return None
    if found.suppresses_escalation:
        return f"Switched off by the state '{found.title}' ({found.branch}): {found.why}"
    if found.state == STEROID_MYOPATHY_POSSIBLE and not one.for_ibm:
        return f"Switched off by the state '{found.title}' ({found.branch}): less steroid, not more drugs."
    return None


def answer_of(one: Escalation, situation: Situation, values: Any) -> Proposal | Withheld | None:
    """What a suggestion file says, with the options that screening results leave."""
    answer = one.propose(situation, values)
    if not isinstance(answer, Proposal):
        return answer
    obeyed = obeying(situation.chart, answer)
    if answer.options and not obeyed.options:
        return Withheld(" ".join(obeyed.cautions[len(answer.cautions) :]))
    return obeyed


def compose(
    situation: Situation, settings: Mapping[str, Any] | None = None
) -> tuple[list[Card], list[tuple[str, str]]]:
    """The cards for a situation, most urgent first and one per topic, and what was held back with its reason.

    `settings` holds a clinic's own parameters by suggestion key; the rest are as shipped.
    """
    cards: list[Card] = []
    held: list[tuple[str, str]] = []
    for one in all_escalations():
        off = why_switched_off(one, situation)
        if off is not None:
            held.append((one.key, off))
            continue
        values = (settings or {}).get(one.key) or one.defaults()
        answer = answer_of(one, situation, values)
        if isinstance(answer, Withheld):
            held.append((one.key, answer.reason))
        elif answer is not None:
            cards.append(Card(one, answer, values))
    cards.sort(key=lambda card: card.rank)
    kept: dict[str, Card] = {}
    for card in cards:
        first = kept.setdefault(card.escalation.topic, card)
        if first is not card:
            title = first.proposal.title or first.escalation.title
            held.append((card.escalation.key, f"merged: one card per topic, see '{title}' ({first.escalation.key})."))
    return list(kept.values()), held


def situation_of(chart: Chart, parameters: Parameters | None = None) -> Situation:
    """The chart with its signs and the state they were put into."""
    signs = signs_of(chart, parameters)
    return Situation(chart, signs, phenotype_of(signs))


def proposed_drugs(patient: PatientFacts) -> dict[str, str]:
    """The drugs among the options of today's cards, each with the title of a card; what results rule out too."""
    situation = situation_of(chart_of(patient, patient.answers))
    found: dict[str, str] = {}
    for one in all_escalations():
        if why_switched_off(one, situation) is not None:
            continue
        answer = one.propose(situation, one.defaults())
        if isinstance(answer, Proposal):
            for option in answer.options:
                for name in option.drugs:
                    found.setdefault(name, answer.title or one.title)
    return found

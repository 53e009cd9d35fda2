"""Escalation suggestions for one patient: facts -> phenotype branch -> proposals -> one card per topic.

The order is that of the clinical catalogue (A9): danger to organs first, then the state, then what the state allows.
Two files can never give opposite advice on one topic, because only one card per topic is shown; what was switched off
or merged is listed with its reason, so that a missing suggestion can always be explained.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import select

from jobs.assessing import ask
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
    thresholds_of,
)
from jobs.phenotype import (
    GBS_PATTERN,
    ICI_MYOSITIS,
    INDETERMINATE,
    STEROID_MYOPATHY_POSSIBLE,
    Parameters,
    Phenotype,
    explanations_of,
    phenotype_of,
    signs_of,
)
from jobs.thresholds import advice_on, thresholds_on
from models.database import reading
from models.errors import UnknownPatient
from models.patient import STATUSES, Patient
from models.patient_reading import read_patients
from models.vocabulary import answers as coded_answers

PURPOSE = "Options for a health professional to consider and to check; not an order, not for time-critical decisions."

LEAVING_REASONS = {
    "discharged": "The patient is discharged: nothing is suggested.",
    "deceased": "The patient has died: nothing is suggested.",
    "moved": "The patient has moved to other care: nothing is suggested.",
}


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
        answer = one.propose(situation, values)
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


def answer_for(
    chart: Chart, *, parameters: Parameters | None = None, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole suggestion answer for one chart, in the contract's shape and more."""
    if chart.status != "active":
        return _nobody_here(chart)
    situation = situation_of(chart, parameters)
    cards, held = compose(situation, settings)
    found = situation.phenotype
    return {
        "mrn": chart.mrn,
        "as_of": chart.as_of.isoformat(),
        "state": found.state,
        "suggestions": [card.as_json(chart) for card in cards if card.escalation.kind != "safety"],
        "safety": [card.as_json(chart) for card in cards if card.escalation.kind == "safety"],
        "suppressed": [{"key": key, "reason": reason} for key, reason in held],
        "missing": _missing(situation),
        "phenotype": found.as_json(),
        "explanations": [explanation.as_json() for explanation in explanations_of(situation.signs)],
        "thresholds": thresholds_of(situation.signs.parameters),
        "purpose": PURPOSE,
    }


def _nobody_here(chart: Chart) -> dict[str, Any]:
    reason = LEAVING_REASONS.get(chart.status, f"The patient's status is {chart.status}: nothing is suggested.")
    return {
        "mrn": chart.mrn,
        "as_of": chart.as_of.isoformat(),
        "state": INDETERMINATE,
        "suggestions": [],
        "safety": [],
        "suppressed": [{"key": one.key, "reason": reason} for one in all_escalations()],
        "missing": [],
        "phenotype": Phenotype(INDETERMINATE, "none", reason).as_json(),
        "explanations": [],
        "thresholds": [],
        "purpose": PURPOSE,
    }


def _missing(situation: Situation) -> list[str]:
    """What is not on file although the branch or a suggestion would use it."""
    chart, signs = situation.chart, situation.signs
    out = list(situation.phenotype.missing)
    if signs.ck is None and not any(item.startswith("CK") for item in out):
        out.append(f"CK: none in the last {signs.parameters.valid_days} days")
    elif signs.ck is not None and signs.ck_ratio is None and not any("upper limit" in item for item in out):
        out.append("upper limit of the last CK")
    if signs.strength is None and not any(item.startswith("strength") for item in out):
        out.append(f"strength score: none in the last {signs.parameters.valid_days} days")
    if chart.latest("weight") is None:
        out.append("weight")
    if not signs.inflammation_known and not any(item.startswith("CRP") for item in out):
        out.append(f"CRP or ESR with its limit of the last {signs.parameters.fresh_days} days")
    if chart.newest(("troponin_t", "troponin_i"), 90) is None:
        out.append("troponin: none in the last 90 days")
    if chart.patient.birth_date is None:
        out.append("birth date")
    return list(dict.fromkeys(out))


def suggest(
    engine: Engine, mrn: str, as_of: dt.date, known_at: dt.datetime | None = None, timezone: str = "UTC"
) -> dict[str, Any]:
    """The suggestions for one patient on a clinic day, from the facts known at `known_at` (None: all on file).

    Runs every active rule on the patient's whole history, with the clinic's and the patient's own thresholds, those of
    the phenotype branch and of the suggestions among them. A rule
    that fails is named in `missing`, never passed over in silence.

    Raises:
        UnknownPatient: no patient with that record number.
    """
    with reading(engine) as session:
        patient_id = session.exec(select(Patient.id).where(Patient.mrn == mrn)).first()
        if patient_id is None:
            raise UnknownPatient(mrn)
        (patient,) = read_patients(
            session.connection(),
            as_of,
            timezone=timezone,
            known_at=known_at,
            patient_ids=[patient_id],
            statuses=STATUSES,
            horizon_days=None,
        )
        asked = ask(patient, thresholds_on(session, as_of))
        advice = advice_on(session, as_of, patient_id)
    chart = chart_of(patient, asked.answers)
    answer = answer_for(chart, parameters=advice.phenotype, settings=advice.escalations)
    answer["missing"] += [f"answer of the rule {key}: {error}" for key, error in asked.failed.items()]
    if known_at is not None:
        answer["known_at"] = known_at.isoformat()
    return answer

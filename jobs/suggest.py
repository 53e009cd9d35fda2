"""Escalation suggestions for one patient: facts -> phenotype branch -> proposals -> one card per topic.

The order is that of the clinical catalogue (A9): danger to organs first, then the state, then what the state allows.
Two files can never give opposite advice on one topic, because only one card per topic is shown; what was switched off
or merged is listed with its reason, so that a missing suggestion can always be explained.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import select

from jobs.assessing import ask
from jobs.cards import compose, situation_of, told_beside
from jobs.chart import Chart, chart_of
from jobs.escalation import Situation, all_escalations, thresholds_of
from jobs.phenotype import INDETERMINATE, Parameters, Phenotype, explanations_of
from jobs.thresholds import advice_on, thresholds_on
from models.database import reading
from models.errors import UnknownPatient
from models.own_vocabulary import words_of
from models.patient import STATUSES, Patient
from models.patient_reading import read_patients

PURPOSE = "Options for a health professional to consider and to check; not an order, not for time-critical decisions."

LEAVING_REASONS = {
    "discharged": "The patient is discharged: nothing is suggested.",
    "deceased": "The patient has died: nothing is suggested.",
    "moved": "The patient has moved to other care: nothing is suggested.",
}


def answer_for(
    chart: Chart, *, parameters: Parameters | None = None, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole suggestion answer for one chart, in the contract's shape and more."""
    if chart.status != "active":
        return _nobody_here(chart)
    situation = situation_of(chart, parameters)
    cards, held = compose(situation, settings)
    found = told_beside(situation.phenotype, cards)
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
    with words_of(engine, as_of, known_at):
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
            )
            asked = ask(patient, thresholds_on(session, as_of))
            advice = advice_on(session, as_of, patient_id)
        chart = chart_of(patient, asked.answers)
        answer = answer_for(chart, parameters=advice.phenotype, settings=advice.escalations)
    answer["missing"] += [f"answer of the rule {key}: {error}" for key, error in asked.failed.items()]
    if known_at is not None:
        answer["known_at"] = known_at.isoformat()
    return answer

"""Patients for the tests of the phenotype branch and of the suggestions: small tables of facts, every rule run."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.chart import Chart, chart_of
from jobs.rule import all_rules
from jobs.suggest import answer_for
from models.patient_facts import PatientFacts
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

Rows = Sequence[Mapping[str, Any]]

JUVENILE = {"mrn": "1", "diagnosis": "JDM", "age_years": 10}
ADULT = {"mrn": "1", "diagnosis": "DM", "age_years": 50, "sex": "female"}

METHOTREXATE = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -200}
PREDNISONE = {"drug": "prednisone", "dose": 20, "start": -100}
EARLIER_PULSE = {
    "drug": "methylprednisolone", "dose": 500, "route": "iv", "start": -90, "end": -88, "intent": "pulse",
}  # fmt: skip
TREATED = (METHOTREXATE, PREDNISONE, EARLIER_PULSE)


def cmas(value: float, day: int, assessor: str | None = None) -> dict[str, Any]:
    """A CMAS score `day` days from the day asked about."""
    return {"measure": "cmas", "value": value, "day": day, "assessor": assessor}


def mmt8(value: float, day: int) -> dict[str, Any]:
    """An MMT8 score (one side)."""
    return {"measure": "mmt8", "value": value, "day": day}


def ck(times_limit: float, day: int = 0) -> dict[str, Any]:
    """A CK as a multiple of its limit of 200 U/L."""
    return {"measure": "ck", "value": 200 * times_limit, "unit": "U/L", "upper_limit": 200, "day": day}


def steroid(dose: float, start: int, end: int | None = None) -> dict[str, Any]:
    """Daily oral prednisone in mg."""
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end}


FALLING = (cmas(27, -14), cmas(24, 0))
"""The case the project began with: 27 of 52, then 24 two weeks later."""


def answered(
    *, patient: Mapping[str, Any] = JUVENILE, observations: Rows = (), medications: Rows = (), events: Rows = ()
) -> PatientFacts:
    """The facts of one patient, of whom every rule has been asked."""
    built = frames(AS_OF, patients=[patient], observations=observations, medications=medications, events=events)
    facts = patients_of(built)[1]
    for rule in all_rules():
        facts.answers[rule.key] = tuple(rule.assess(facts, facts.today, rule.defaults()))
    return facts


def chart(**facts: Any) -> Chart:
    """The chart of one patient."""
    patient = answered(**facts)
    return chart_of(patient, patient.answers)


def suggestions(**facts: Any) -> dict[str, Any]:
    """The suggestion answer for one patient."""
    return answer_for(chart(**facts))


def card(answer: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """The suggestion (or safety card) of that key, None where it is not made."""
    found: dict[str, Any]
    for found in (*answer["suggestions"], *answer["safety"]):
        if found["key"] == key:
            return found
    return None


def keys(answer: Mapping[str, Any]) -> list[str]:
    """The keys of the suggestions, in their order."""
    return [found["key"] for found in answer["suggestions"]]


def held_back(answer: Mapping[str, Any]) -> dict[str, str]:
    """What was suppressed, with its reason."""
    return {row["key"]: row["reason"] for row in answer["suppressed"]}

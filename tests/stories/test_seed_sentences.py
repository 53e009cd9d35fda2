"""Every sentence of the five pages that asks a clinic for something is said by the program, to whom it is for."""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pytest

from jobs.chart import chart_of
from jobs.rule import MET, rule
from jobs.suggest import answer_for
from models.patient_facts import PatientFacts
from tests.stories.seed_sentences import PATIENTS, SENTENCES, Answered, Branch, Card, Sentence, Switched
from tests.suggestion_cases import answered, card, keys


@lru_cache(maxsize=len(PATIENTS))
def facts(name: str) -> PatientFacts:
    """The patient, of whom every rule has been asked."""
    return answered(**PATIENTS[name])


@lru_cache(maxsize=len(PATIENTS))
def answer(name: str) -> Mapping[str, Any]:
    """The suggestion answer for the patient."""
    return answer_for(chart_of(facts(name), facts(name).answers))


def of_card(name: str, wanted: Card) -> str:
    """Everything the card says."""
    found = card(answer(name), wanted.key)
    assert found is not None, keys(answer(name))
    return str(found)


def of_rule(name: str, wanted: Answered) -> str:
    """What a met rule says of the subject, and what it says to do."""
    asked = rule(wanted.rule)
    found = {one.subject: one for one in facts(name).answers_of(wanted.rule) if one.state == MET}
    assert wanted.subject in found, sorted(found)
    cells = found[wanted.subject].cells()
    return f"{asked.explain(cells, asked.defaults())} {asked.suggested_action(cells, asked.defaults())}"


@pytest.mark.parametrize("one", SENTENCES, ids=[f"{n}-seed-{one.seed}: {one.asks}" for n, one in enumerate(SENTENCES)])
def test_what_a_page_asks_for_is_said(one: Sentence) -> None:
    match one.found:
        case Card():
            said = of_card(one.patient, one.found)
            assert [words for words in one.found.words if words not in said] == []
        case Answered():
            said = of_rule(one.patient, one.found)
            assert [words for words in one.found.words if words not in said] == []
        case Branch():
            found = answer(one.patient)
            assert found["state"] == one.found.state
            made = [key for key in keys(found) if key in one.found.without]
            assert made == []
        case Switched():
            asked = rule(one.found.rule)
            parameters = dataclasses.replace(asked.defaults(), **one.found.setting)
            patient = facts(one.patient)
            met = {row.subject for row in asked.assess(patient, patient.today, parameters) if row.state == MET}
            assert one.found.subject in met
            assert one.found.subject not in {row.subject for row in patient.answers_of(one.found.rule)}


def test_every_page_is_retold_and_every_patient_is_asked_about() -> None:
    assert {one.seed for one in SENTENCES} == {0, 1, 2, 3, 4}
    assert {one.patient for one in SENTENCES} == set(PATIENTS)
    told = [(one.seed, one.asks, one.patient, one.found) for one in SENTENCES]
    assert all(told.count(row) == 1 for row in told)

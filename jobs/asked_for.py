"""Which tests somebody is asked for already, so that no rule asks for the same test a second time.

One sample answers whoever wanted it. Of several rules that miss the same test one asks: a test that monitoring is
waiting for before a screen that was due when the drug began (its baseline can no longer be had, and the monitoring
result is what is acted upon), both before a search for lung disease, and that before a search for a cancer.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from models.patient_facts import PatientFacts
from models.states import State
from models.vocabulary import tests

OVERDUE_LABS = "overdue-labs"
ASKS = "asks"
"""Under this name an answer's numbers hold what it asks for."""
SETTLED_WITH = ("paused", "not_possible")
"""Somebody decided that the test is not to be had at present: nobody else asks for it either."""


def asks_for(facts: Iterable[str]) -> str:
    """Measures and events that an answer asks for, as they stand in its numbers."""
    return ";".join(dict.fromkeys(facts))


def asked_by(rule: str, subject: str, numbers: Mapping[str, Any]) -> frozenset[str]:
    """The measures and events, any of which would do, that an answer which is met asks for."""
    if rule == OVERDUE_LABS:
        return frozenset(tests()[subject].measures)
    return frozenset(str(numbers.get(ASKS) or "").split(";")) - {""}


def asked_for(patient: PatientFacts, rules: Collection[str]) -> frozenset[str]:
    """The measures and events that the answers of these rules ask for (or that a decision says are not to be had).

    What a rule in shadow asks for reaches nobody, so others still ask for it.
    """
    return frozenset().union(
        *(
            asked_by(rule, answer.subject, answer.numbers)
            for rule in rules
            if rule not in patient.unheard
            for answer in patient.answers_of(rule)
            if answer.state == State.MET or answer.numbers.get("due_state") in SETTLED_WITH
        )
    )

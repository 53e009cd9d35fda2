"""Every rule asked of one patient: what they answer, which of them failed, and when to look again. Pure: no database.

A rule that fails for a patient fails for that patient only, and visibly.
"""

import datetime as dt
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jobs.rule import NOT_MET, Answer, Rule, all_rules
from jobs.thresholds import Thresholds
from models.age import birthday
from models.errors import told
from models.patient_facts import PatientFacts, date_of, day_number

log = logging.getLogger(__name__)


@dataclass
class Failure:
    """A rule that could not answer for some patients."""

    rule: str
    error: str
    patients: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """What the rules said of one patient.

    Attributes:
        answers: by rule key; a rule that failed or was not asked is absent.
        failed: by rule key, why it could not answer, without what a person entered.
        looks: by rule key, the first day on which time alone could change its answers.
    """

    patient: PatientFacts
    answers: dict[str, Sequence[Answer]]
    failed: dict[str, str] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def holds(self, rule: str, today: int) -> bool:
        """Whether the rule answered, and time alone cannot have changed that until `today`."""
        return rule in self.answers and today < self.looks.get(rule, today + 1)

    @property
    def look_again(self) -> int | None:
        """The first day on which anything about the patient could change without a new fact; None if nothing can."""
        return min((*self.looks.values(), *((self.patient.ahead,) if self.patient.ahead else ())), default=None)


def ask(
    patient: PatientFacts,
    thresholds: Thresholds,
    rules: Collection[str] | None = None,
    *,
    before: Asked | None = None,
) -> Asked:
    """Ask every rule that is active or in shadow (or those named, and what they read) about one patient.

    `before` is what was said on an earlier day of the same facts under the same thresholds, no fact having begun or
    ended by its date since: what time alone has not reached, and what reads nothing that was asked anew, still holds.
    """
    asked = Asked(patient, {})
    patient.unheard = thresholds.in_shadow
    today = patient.today
    anew: set[str] = set()
    for rule in rules_asked(thresholds.running() if rules is None else frozenset(rules), rules is not None):
        if before is not None and anew.isdisjoint(rule.after) and before.holds(rule.key, today):
            patient.answers[rule.key] = asked.answers[rule.key] = before.answers[rule.key]
            if rule.key in before.looks:
                asked.looks[rule.key] = before.looks[rule.key]
            continue
        anew.add(rule.key)
        own = thresholds.patients.get(rule.key)
        parameters = thresholds.clinic[rule.key] if own is None else own.get(patient.id, thresholds.clinic[rule.key])
        try:
            answers = tuple(rule.assess(patient, today, parameters))
        except Exception as error:
            asked.failed[rule.key] = told(error)
            log.warning("rule %s failed: %s", rule.key, asked.failed[rule.key])
            continue
        patient.answers[rule.key] = asked.answers[rule.key] = answers
        look = _look_again(patient, rule, parameters, answers)
        if look is not None:
            asked.looks[rule.key] = look
    return asked


def _look_again(patient: PatientFacts, rule: Rule, parameters: Any, answers: Sequence[Answer]) -> int | None:
    look = None
    for answer in answers:
        day = answer.recheck_on
        if day is not None and (look is None or day < look):
            look = day
    if patient.birth_date is not None:
        today = patient.today
        for age in rule.ages(parameters):
            day = _birthday(patient.birth_date, age)
            if day > today and (look is None or day < look):
                look = day
    return look


@lru_cache(maxsize=65536)
def _birthday(birth: dt.date, age: int) -> int:
    return day_number(birthday(birth, age))


@lru_cache(maxsize=64)
def rules_asked(keys: frozenset[str], named: bool) -> tuple[Rule, ...]:
    """The rules of these keys in an order in which each follows those it reads; where named, with those they read."""
    wanted = set(keys)
    if named:
        known = {rule.key: rule for rule in all_rules()}
        todo = list(keys)
        while todo:
            for key in known[todo.pop()].after:
                if key not in wanted:
                    wanted.add(key)
                    todo.append(key)
    return tuple(rule for rule in all_rules() if rule.key in wanted)


# ------------------------------------------------------------------------------------------ answers as documents


def evidence_documents(patient: PatientFacts, evidence: Sequence[str], index: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts an answer rests on, as JSON-ready data. `index` is kept by the caller for further answers."""
    if evidence and not index:
        index.update(patient.facts_by_kind())
    found = (index[name[0]].get(int(name[1:])) for name in evidence)
    return [one.document() for one in found if one is not None]


def document(answer: Answer, rule: Rule, status: str, mrn: str, parameters: Any, evidence: Any) -> dict[str, Any]:
    """One assessment in the shape other programs rely on; a due-date rule's row says its `due_state` too."""
    cells = answer.cells()
    numbers = {name: plain(value) for name, value in answer.numbers.items()}
    return {
        "mrn": mrn,
        "rule": rule.key,
        "rule_version": rule.version,
        "status": status,
        "subject": answer.subject,
        "state": answer.state.value,
        "grade": answer.grade.value if answer.grade else None,
        "severity": answer.severity.value if answer.severity else None,
        "since": _iso(answer.since),
        "due": _iso(answer.due),
        "recheck_on": _iso(answer.recheck_on),
        "explanation": rule.explain(cells, parameters),
        "clears_when": (rule.ends_when(parameters) if answer.state != NOT_MET else "") or None,
        "suggested_action": rule.suggested_action(cells, parameters) or None,
        "evidence": evidence,
        "cannot_tell_because": answer.cannot_tell_because,
        **({"due_state": numbers["due_state"]} if "due_state" in numbers else {}),
        "numbers": numbers,
    }


def plain(value: Any) -> Any:
    """A number of a rule as JSON-ready data."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, str):
        return str(value)
    return value


def _iso(day: int | None) -> str | None:
    return None if day is None else date_of(day).isoformat()

"""What ended alerts by itself and has not been looked at: which alerts, and the newest value that came in meanwhile."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from models.alert import Alert
from models.alert_filter import EVERYTHING, Only
from models.alert_list import UNSEEN
from models.observation import Observation
from models.patient import Patient, name_of
from models.patient_summary import chunks
from models.vocabulary import measures, screening, tests

_A: Any = Alert
_O: Any = Observation
_P: Any = Patient
AT_ONCE = 200
"""Alerts that one look can take in: as many as one action may mark."""


@dataclass(frozen=True)
class Ending:
    """An alert that ended by itself: whose, what it was about, when, and what the rule says ends it."""

    id: int
    patient_id: int
    name: str
    rule: str
    subject: str
    ended_at: dt.datetime
    withdrawn: bool
    clears_when: str


@dataclass(frozen=True)
class Value:
    """A result: measure, value with its sign, unit, day."""

    measure: str
    value: float
    comparator: str
    unit: str
    day: dt.date


def endings(session: Session, *, only: Only = EVERYTHING) -> list[Ending]:
    """At most `AT_ONCE` alerts that ended by themselves and that nobody has looked at, the newest ending first."""
    query = (
        sa.select(
            _A.id, _A.patient_id, _A.rule, _A.subject, _A.ended_at, _A.withdrawn_at, _A.clears_when,
            _P.mrn, _P.given_name, _P.family_name,
        )
        .join(_P, _P.id == _A.patient_id)
        .where(UNSEEN, only.condition)
        .order_by(_A.ended_at.desc(), _A.id.desc())
        .limit(AT_ONCE)
    )  # fmt: skip
    return [
        Ending(
            row.id, row.patient_id, name_of(row), row.rule, row.subject, row.ended_at, row.withdrawn_at is not None,
            row.clears_when,
        )
        for row in session.execute(query)
    ]  # fmt: skip


def measures_of(subject: str) -> tuple[str, ...]:
    """The measures that answer what an alert is about: `ck`, a test such as `blood_count`, or `azathioprine:tpmt`."""
    if subject in measures():
        return (subject,)
    if subject in tests():
        return tests()[subject].measures
    _, _, screen = subject.partition(":")
    return tuple({name for row in screening() if screen and row.screen == screen for name in row.satisfied_by})


def newest_values(session: Session, alert_ids: Sequence[int]) -> dict[int, Value]:
    """By alert, the newest value that came in while it ran, or is of a day after it began; none of its evidence.

    An alert without such a value is left out: it ended for another reason (a drug that ended, time).
    """
    columns = (_A.id, _A.patient_id, _A.subject, _A.opened_at, _A.ended_at, _A.since, _A.due, _A.evidence)
    alerts = [row for part in chunks(alert_ids) for row in session.execute(sa.select(*columns).where(_A.id.in_(part)))]
    wanted = {row.id: set(measures_of(row.subject)) & set(measures()) for row in alerts}
    people = sorted({row.patient_id for row in alerts if wanted[row.id]})
    asked = sorted(set().union(*wanted.values())) if wanted else []
    values: dict[int, list[Any]] = {}
    for part in chunks(people):
        query = sa.select(_O).where(
            _O.patient_id.in_(part), _O.measure.in_(asked), _O.known_to.is_(None), _O.value.is_not(None)
        )
        for fact in session.execute(query).scalars():
            values.setdefault(fact.patient_id, []).append(fact)
    found: dict[int, Value] = {}
    for row in alerts:
        fits = [
            fact
            for fact in values.get(row.patient_id, ())
            if fact.measure in wanted[row.id] and _came_meanwhile(row, fact)
        ]
        if fits:
            last = max(fits, key=lambda fact: (fact.effective_at, fact.id))
            found[row.id] = Value(last.measure, last.value, last.comparator, last.unit, last.effective_on)
    return found


def _came_meanwhile(alert: Any, fact: Any) -> bool:
    evidence = {_number(item) for item in json.loads(alert.evidence)}
    if fact.id in evidence or fact.status == "entered-in-error":
        return False
    if alert.ended_at is not None and fact.received_at > alert.ended_at:
        return False
    begun = alert.due or alert.since
    return bool(fact.received_at > alert.opened_at or (begun is not None and fact.effective_on > begun))


def _number(item: Mapping[str, Any] | str) -> int | None:
    """The number of an observation in an alert's evidence, in either spelling; None for another kind of fact."""
    kind, number = (
        (str(item.get("kind", ""))[:1], str(item.get("id", ""))) if isinstance(item, Mapping) else (item[:1], item[1:])
    )
    number = number.lstrip("o")
    return int(number) if kind == "o" and number.isdecimal() else None

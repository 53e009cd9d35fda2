"""What a new version, or a rule switched on, asks of a clinic that ran before: one group, not thirty alerts a morning.

The first evaluation after an upgrade finds what rules never asked here before, or never in this version, find in facts
that lay there all the time. Those alerts are opened and marked with what brought them, and wait as one group until
somebody opens it. Never in the group: what is urgent or endangers heart, breathing or swallowing; what became true
since the last evaluation; what rests on a fact that has come since; patients who have come since. After that evaluation
everything new is ordinary again. A clinic evaluated for the first time has no such group.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.covering import cover
from jobs.rule import rule
from jobs.thresholds import Thresholds
from models.alert_lifecycle import set_aside_again, take_over
from models.alert_list import SWITCHED_ON
from models.answer_store import CHUNK
from models.assessment import EvaluationRun, RuleInForce
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.rows import fetch
from models.rule_setting import RuleStatusChange
from models.states import Severity

_FACTS: Mapping[str, Any] = {
    "observation": Observation, "medication": MedicationStatement, "event": ClinicalEvent,
}  # fmt: skip


@dataclass(frozen=True)
class NewlyAsked:
    """The rules that no evaluation of the clinic has asked yet in their version, and when the last one was."""

    rules: Mapping[str, str] = field(default_factory=dict)
    """By rule key, what brought it: `version 0.2.0`, or `SWITCHED_ON`."""
    last_day: dt.date = dt.date.max
    last_began: dt.datetime | None = None

    def backlog(self, session: Session, answers: Iterable[Mapping[str, Any]]) -> dict[int, str]:
        """By place among the answers (rows of an assessment): what brought it, where the facts are none since.

        Such an answer would have been given at the last evaluation, had its rule been asked then.
        """
        found: dict[int, str] = {}
        if not self.rules:
            return found
        facts: dict[str, dict[int, set[int]]] = {kind: defaultdict(set) for kind in _FACTS}
        people: dict[int, set[int]] = defaultdict(set)
        for place, row in enumerate(answers):
            by = self.rules.get(row["rule"])
            if by is None or (row["since"] is not None and row["since"] > self.last_day):
                continue
            found[place] = by
            people[row["patient_id"]].add(place)
            for fact in json.loads(row["evidence"]):
                if fact["kind"] in facts:
                    facts[fact["kind"]][int(fact["id"])].add(place)
        arrived = [(Patient, col(Patient.created_at), people)]
        arrived += [(table, table.imported_at, facts[kind]) for kind, table in _FACTS.items()]
        for table, when, places in arrived:
            for number in self._since(session, table, when, places):
                for place in places[number]:
                    found.pop(place, None)
        return found

    def _since(self, session: Session, table: Any, when: Any, numbers: Collection[int]) -> list[int]:
        """Which of the rows came to the clinic after the last evaluation had begun."""
        wanted = sorted(numbers)
        query = sa.select(table.id).where(when >= self.last_began)
        parts = (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK))
        return [int(row[0]) for part in parts for row in fetch(session.connection(), query.where(table.id.in_(part)))]


NOTHING_NEW = NewlyAsked()


def can_wait(severity: str | None, danger: int) -> bool:
    """Whether an alert may stand in the group: nothing that is for today, or in danger, ever does."""
    return severity != Severity.URGENT and not danger


def newly_asked(session: Session, thresholds: Thresholds, last: EvaluationRun | None) -> NewlyAsked:
    """What the next evaluation asks that the last one, `last`, did not; nothing in a clinic never evaluated."""
    if last is None:
        return NOTHING_NEW
    before = {row.rule: row.version for row in session.exec(select(RuleInForce))}
    fresh = {key for key in _active(thresholds) if before.get(key) != rule(key).version}
    if not fresh:
        return NOTHING_NEW
    changes = sa.select(col(RuleStatusChange.rule)).where(
        col(RuleStatusChange.rule).in_(fresh - set(before)),
        col(RuleStatusChange.status) == "active",
        sa.or_(col(RuleStatusChange.created_at) >= last.started_at, col(RuleStatusChange.valid_from) > last.as_of),
    )
    switched = set(session.execute(changes).scalars())
    release = f"version {version('myopanel')}"
    by = {key: SWITCHED_ON if key in switched else release for key in fresh}
    return NewlyAsked(by, last.as_of, last.started_at)


def note_asked(session: Session, thresholds: Thresholds, as_of: dt.date, *, broken: Collection[str] = ()) -> None:
    """Write down which rules the clinic has been asked now, and in which version; `broken` ones said nothing."""
    before = {row.rule: row for row in session.exec(select(RuleInForce))}
    now = {key: rule(key).version for key in _active(thresholds) if key not in broken}
    for key, row in before.items():
        if now.get(key) != row.version:
            session.delete(row)
    session.flush()
    for key, its_version in now.items():
        if key not in before or before[key].version != its_version:
            session.add(RuleInForce(rule=key, version=its_version, since=as_of))


def take_over_group(
    session: Session, by: str, *, now: dt.datetime, alert_ids: Sequence[int] | None = None
) -> list[int]:
    """Alerts of the group (all of it, or some) go into the list; returns which. Their causes may cover others now.

    Raises:
        ActionRefused: an account that may not act.
    """
    taken = take_over(session, by, now=now, alert_ids=alert_ids)
    cover(session, sorted(set(taken.values())))
    return sorted(taken)


def give_back(session: Session, by: str, *, now: dt.datetime, alert_ids: Sequence[int]) -> list[int]:
    """Undo of `take_over_group`, for those of the alerts that nobody has done anything to since; returns which."""
    back = set_aside_again(session, by, now=now, alert_ids=alert_ids)
    cover(session, sorted(set(back.values())))
    return sorted(back)


def _active(thresholds: Thresholds) -> list[str]:
    return [key for key, status in thresholds.status.items() if status == "active"]

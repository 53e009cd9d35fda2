"""Assessments meet running alerts: what to open, keep, worsen, settle, withdraw. Each decision has a reason.

Only `not_met` settles an alert; `cannot_tell` leaves it open and says so. Reconciling twice for the same day changes
nothing. One alert per identity (rule, patient, subject): a running one is updated, never doubled.
"""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.answer_row import AnswerRow
from jobs.covering import cover
from jobs.rule import CANNOT_TELL, MET, Rule
from jobs.switching_on import NOTHING_NEW, NewlyAsked, can_wait
from jobs.thresholds import Thresholds
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import SYSTEM, last_ended, record, running_alerts
from models.answer_store import CHUNK, Key
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.patient_summary import mark
from models.rows import fetch, listed
from models.states import Severity, grade_rank, severity_rank

UNTOLD = "the facts needed are missing"
QUIET_AFTER_RESOLVING_DAYS = 28
"""A resolved alert whose episode goes on being true comes back after this long at the latest [default]."""


class Reason(StrEnum):
    """Why an alert is (not) in the list after a run; used by logs, screens and tests."""

    OPENED = "opened"
    OPENED_AGAIN = "opened again"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    WORSENED = "worsened"
    CORRECTED = "corrected"
    CANNOT_TELL = "cannot tell"
    SETTLED = "settled"
    NO_LONGER_LOOKED_AT = "no longer looked at"
    WITHDRAWN = "withdrawn"
    RESOLVED_STILL_TRUE = "resolved, still true"
    PATIENT_LEFT = "patient left"


@dataclass(frozen=True)
class Evaluated:
    """What a run computed: the answers are complete for these patients and rules, save where a rule failed."""

    patients: Collection[int]
    rules: Collection[str]
    failed: Mapping[str, Collection[int]]
    news: Collection[int] = ()
    """Patients with new facts since their last evaluation."""

    def speaks_of(self, patient: int, rule: str) -> bool:
        """Whether the absence of an answer means `not_met`."""
        return rule in self.rules and patient not in self.failed.get(rule, ())


class _Running(NamedTuple):
    """What is needed of a running alert to see that nothing changed."""

    id: int
    digest: str
    cannot_tell_because: str | None


def reconcile(
    session: Session,
    answers: Mapping[Key, AnswerRow],
    evaluated: Evaluated,
    *,
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
    newly: NewlyAsked = NOTHING_NEW,
) -> Counter[str]:
    """Bring the alerts of the patients evaluated into agreement with the answers of a run.

    Args:
        answers: `met` and `cannot_tell` answers by patient id, rule and subject; all others were not met or absent.
        thresholds: status and parameters on the day.
        newly: the rules that the clinic has not been asked before; what they find in old facts waits as one group.

    Returns:
        How often each `Reason` was given.
    """
    counted: Counter[str] = Counter()
    running = _running(session, evaluated.patients)
    same: list[int] = []
    todo: dict[int, Key] = {}
    for key, alert in running.items():
        patient, rule_key, _ = key
        status = thresholds.status.get(rule_key)
        if status == "active" and not evaluated.speaks_of(patient, rule_key):
            continue
        answer = answers.get(key) if status == "active" else None
        if answer is not None and _is_unchanged(alert, answer, patient in evaluated.news):
            told = answer.state == CANNOT_TELL
            counted[Reason.CANNOT_TELL if told else Reason.UNCHANGED] += 1
            if not told:
                same.append(alert.id)
        else:
            todo[alert.id] = key
    _still_true(session, same, as_of)
    touched: set[int] = set()
    for loaded in _loaded(session, todo):
        key = todo[loaded.id or 0]
        touched.add(key[0])
        counted[_changed(session, loaded, answers.get(key), thresholds, as_of, now, newly)] += 1
    opened = _open(session, answers, running, thresholds, as_of, now, newly)
    counted.update(reason for _, reason in opened)
    touched.update(patient for patient, _ in opened)
    session.flush()
    if touched:
        cover(session, sorted(touched))
        mark(session.connection(), *sorted(touched))
    return counted


def leave(session: Session, patient_ids: Sequence[int], *, now: dt.datetime) -> Counter[str]:
    """End the running alerts of patients who are no longer under the clinic's care."""
    counted: Counter[str] = Counter()
    for alert in running_alerts(session, list(patient_ids)):
        _end(session, alert, now, Reason.PATIENT_LEFT, "the patient is no longer under the clinic's care")
        alert.seen_at = now
        counted[Reason.PATIENT_LEFT] += 1
    return counted


def _running(session: Session, patient_ids: Collection[int]) -> dict[Key, _Running]:
    asked = sorted(patient_ids)
    found: dict[Key, _Running] = {}
    for start in range(0, len(asked), CHUNK):
        rows = fetch(session.connection(), _running_query(), {"ids": asked[start : start + CHUNK]})
        for patient, rule_key, subject, *rest in rows:
            found[patient, rule_key, subject] = _Running(*rest)
    return found


@lru_cache(maxsize=1)
def _running_query() -> sa.Select[Any]:
    table: Any = Alert
    return sa.select(
        table.patient_id, table.rule, table.subject, table.id, table.digest, table.cannot_tell_because
    ).where(table.ended_at.is_(None), table.patient_id.in_(listed("ids")))


def _is_unchanged(alert: _Running, answer: AnswerRow, has_news: bool) -> bool:
    if answer.state == CANNOT_TELL:
        # With new facts the ones the alert rests on may have been corrected: then it is looked at.
        return not has_news and alert.cannot_tell_because == (answer.answer.cannot_tell_because or UNTOLD)
    return alert.cannot_tell_because is None and alert.digest == answer.digest


def _still_true(session: Session, alert_ids: Sequence[int], as_of: dt.date) -> None:
    for start in range(0, len(alert_ids), CHUNK):
        session.connection().execute(_truth(), {"ids": list(alert_ids[start : start + CHUNK]), "day": as_of})


@lru_cache(maxsize=1)
def _truth() -> sa.Update:
    table: Any = Alert
    day = sa.bindparam("day", type_=table.last_true_on.type)
    return sa.update(Alert).where(table.id.in_(listed("ids")), table.last_true_on < day).values(last_true_on=day)


def _loaded(session: Session, wanted: Collection[int]) -> Iterator[Alert]:
    numbers = sorted(wanted)
    for start in range(0, len(numbers), CHUNK):
        query = select(Alert).where(col(Alert.id).in_(numbers[start : start + CHUNK])).order_by(col(Alert.id))
        yield from session.exec(query).all()


def _changed(
    session: Session,
    alert: Alert,
    answer: AnswerRow | None,
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
    newly: NewlyAsked,
) -> Reason:
    status = thresholds.status.get(alert.rule)
    if status != "active":
        _end(session, alert, now, Reason.NO_LONGER_LOOKED_AT, f"the rule is now {status}")
        return Reason.NO_LONGER_LOOKED_AT
    if answer is None or answer.state == CANNOT_TELL:
        return _no_longer_met(session, alert, answer.full() if answer else None, now)
    return _still_met(session, alert, answer.full(), answer.rule, thresholds, as_of, now, newly)


def _open(
    session: Session,
    answers: Mapping[Key, AnswerRow],
    running: Mapping[Key, _Running],
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
    newly: NewlyAsked,
) -> list[tuple[int, Reason]]:
    """Open an alert for every answer that has none; returns of whom, and whether it was open before."""
    fresh = [
        (key, answer)
        for key, answer in sorted(answers.items())
        if answer.state == MET and key not in running and answer.status == "active"
    ]
    if not fresh:
        return []
    ended = last_ended(session, sorted({key[0] for key, _ in fresh}))
    decided: list[tuple[int, Reason]] = []
    rows: list[dict[str, Any]] = []
    befores: list[Alert | None] = []
    for key, answer in fresh:
        row, before = answer.full(), ended.get(key)
        if before is not None and _resolved_and_the_same(before, row, answer.rule, thresholds, as_of):
            decided.append((key[0], Reason.RESOLVED_STILL_TRUE))
            continue
        decided.append((key[0], Reason.OPENED_AGAIN if before else Reason.OPENED))
        rows.append(_new(row, before, as_of, now) | {"danger": answer.rule.danger(key[2]) or 0})
        befores.append(before)
    for place, by in newly.backlog(session, rows).items():
        row = rows[place]
        rows[place] = row | {"brought_by": by, "set_aside": can_wait(row["severity"], row["danger"])}
    if rows:
        table: Any = Alert
        returning = sa.insert(Alert).returning(table.id, sort_by_parameter_order=True)
        identifiers = session.connection().execute(returning, rows).scalars().all()
        session.connection().execute(
            sa.insert(AlertEvent),
            [_opening(number, row, as_of, now) for number, row in zip(identifiers, rows, strict=True)],
        )
        for number, before in zip(identifiers, befores, strict=True):
            if before is not None and before.ended_at is not None and before.seen_at is None:
                # The episode before settled unseen; looking at this one is looking at that one.
                before.seen_at = now
                session.add(before)
                detail = {"alert": number}
                record(session, before, "seen", SYSTEM, now, note="continued by a new episode", detail=detail)
    return decided


def _fill(alert: Alert, answer: Mapping[str, Any]) -> None:
    alert.rule_version = answer["rule_version"]
    alert.severity = answer["severity"] or "watch"
    alert.grade = answer["grade"]
    alert.since = answer["since"] if alert.since is None else min(alert.since, answer["since"] or alert.since)
    alert.due = answer["due"]
    alert.explanation = answer["explanation"]
    alert.clears_when = answer["clears_when"]
    alert.suggested_action = answer["suggested_action"]
    alert.evidence = answer["evidence"]
    alert.numbers = answer["numbers"]
    alert.digest = answer["digest"]
    alert.cannot_tell_because = None


def _resolved_and_the_same(
    before: Alert, answer: Mapping[str, Any], rule: Rule, thresholds: Thresholds, as_of: dt.date
) -> bool:
    """Somebody closed this episode with an outcome, it is still the same one, not worse, and not for too long."""
    if before.resolved_at is None or before.settled_at is not None:
        return False
    same = before.last_true_on >= (answer["since"] or as_of) or before.since == answer["since"]
    quiet = (as_of - before.opened_for).days <= QUIET_AFTER_RESOLVING_DAYS or (
        (as_of - before.last_true_on).days <= QUIET_AFTER_RESOLVING_DAYS
    )
    return same and quiet and _worse(before, answer, rule, thresholds) is None


def _new(answer: Mapping[str, Any], before: Alert | None, as_of: dt.date, now: dt.datetime) -> dict[str, Any]:
    """The row of a new alert."""
    taken = (
        "patient_id", "rule", "subject", "rule_version", "grade", "since", "due", "explanation", "clears_when",
        "suggested_action", "evidence", "numbers", "digest",
    )  # fmt: skip
    return {
        **{name: answer[name] for name in taken},
        "severity": answer["severity"] or Severity.WATCH.value,
        "opened_at": now,
        "opened_for": as_of,
        "last_true_on": as_of,
        "previous_id": before.id if before else None,
        "escalation": 0,
        "brought_by": None,
        "set_aside": False,
    }


def _opening(alert_id: int, row: Mapping[str, Any], as_of: dt.date, now: dt.datetime) -> dict[str, Any]:
    """The row of the event with which an alert's history begins."""
    detail = {
        "as_of": as_of,
        "since": row["since"],
        "severity": row["severity"],
        "grade": row["grade"],
        "rule_version": row["rule_version"],
        "evidence": json.loads(row["evidence"]),
        "previous": row["previous_id"],
        **({"brought_by": row["brought_by"]} if row["brought_by"] else {}),
    }
    return {
        "alert_id": alert_id,
        "at": now,
        "event": "opened",
        "by": SYSTEM,
        "note": row["explanation"],
        "detail": json.dumps(detail, default=str),
    }


def _worse(
    alert: Alert,
    answer: Mapping[str, Any],
    rule: Rule,
    thresholds: Thresholds,
    *,
    base: Mapping[str, Any] | None = None,
) -> str | None:
    """In words, how the answer is worse than what was last seen (or last stored), or None."""
    seen = base or (
        json.loads(alert.acknowledged_value)
        if alert.acknowledged_value
        else {"severity": alert.severity, "grade": alert.grade, "numbers": json.loads(alert.numbers)}
    )
    if severity_rank(answer["severity"]) > severity_rank(seen["severity"]):
        return f"{seen['severity']} -> {answer['severity']}"
    if grade_rank(answer["grade"]) > grade_rank(seen["grade"]):
        return f"{seen['grade']} -> {answer['grade']}"
    if rule.worse is not None:
        own = thresholds.patients.get(rule.key, {}).get(alert.patient_id, thresholds.clinic[rule.key])
        return rule.worse(seen["numbers"], json.loads(answer["numbers"]) | {"subject": alert.subject}, own)
    return None


def _still_met(
    session: Session,
    alert: Alert,
    answer: Mapping[str, Any],
    rule: Rule,
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
    newly: NewlyAsked,
) -> Reason:
    stored = {"severity": alert.severity, "grade": alert.grade, "numbers": json.loads(alert.numbers)}
    since_stored = _worse(alert, answer, rule, thresholds, base=stored)
    touched = alert.acknowledged_at is not None or alert.snoozed_until is not None
    since_seen = _worse(alert, answer, rule, thresholds) if touched else None
    corrected = _corrected(session, json.loads(alert.evidence)) if touched else []
    before = (alert.severity, alert.grade, alert.explanation, alert.evidence, alert.cannot_tell_because)
    _fill(alert, answer)
    changed = before != (alert.severity, alert.grade, alert.explanation, alert.evidence, alert.cannot_tell_because)
    alert.last_true_on = max(alert.last_true_on, as_of)
    session.add(alert)
    if since_seen or corrected:
        detail = {
            "acknowledged_by": alert.acknowledged_by,
            "snoozed_by": alert.snoozed_by,
            "difference": since_seen,
            "corrected": corrected,
        }
        who = alert.acknowledged_by or alert.snoozed_by
        alert.acknowledged_at = alert.acknowledged_by = alert.acknowledged_reason = alert.lapses_on = None
        alert.snoozed_until = alert.snoozed_by = None
    if since_seen or corrected or since_stored:
        # What somebody had in hand and only another version of the rule grades differently waits with the others.
        by = None if corrected else newly.backlog(session, [answer]).get(0)
        alert.set_aside = by is not None and (touched or alert.set_aside) and can_wait(alert.severity, alert.danger)
        alert.brought_by = by or alert.brought_by
    if corrected:
        # What they saw was wrong: nobody has seen what it says now.
        alert.handled_at = alert.handled_on = None
        # Whoever saw it judged by a value that was wrong: it comes back, whichever way the correction went.
        said = f"{'; '.join(corrected)} since {who} saw it"
        record(session, alert, "corrected", SYSTEM, now, note=said, detail=detail)
    if since_seen:
        alert.worsened_at = now
        record(session, alert, "worsened", SYSTEM, now, note=f"worse since {who} saw it: {since_seen}", detail=detail)
        return Reason.WORSENED
    if corrected:
        return Reason.CORRECTED
    if since_stored:
        alert.worsened_at = now
        record(session, alert, "worsened", SYSTEM, now, note=since_stored, detail={"difference": since_stored})
        return Reason.WORSENED
    return Reason.UPDATED if changed else Reason.UNCHANGED


def _no_longer_met(session: Session, alert: Alert, answer: Mapping[str, Any] | None, now: dt.datetime) -> Reason:
    corrected = _corrected(session, json.loads(alert.evidence))
    if corrected:
        alert.withdrawn_at = now
        alert.ended_at = now
        # Whoever was told is told once more: a withdrawn alert asks for one look whether or not it was acknowledged.
        session.add(alert)
        record(session, alert, "withdrawn", SYSTEM, now, note="; ".join(corrected))
        return Reason.WITHDRAWN
    if answer is not None:
        because = answer["cannot_tell_because"] or UNTOLD
        if alert.cannot_tell_because != because:
            alert.cannot_tell_because = because
            session.add(alert)
            record(session, alert, "cannot tell", SYSTEM, now, note=because)
        return Reason.CANNOT_TELL
    _end(
        session,
        alert,
        now,
        Reason.SETTLED,
        f"no longer true; {alert.clears_when}" if alert.clears_when else "no longer true",
    )
    return Reason.SETTLED


def _end(session: Session, alert: Alert, now: dt.datetime, reason: Reason, note: str) -> None:
    alert.settled_at = now
    alert.ended_at = now
    if alert.acknowledged_at is not None:
        alert.seen_at = now
    session.add(alert)
    record(session, alert, "settled", SYSTEM, now, reason=str(reason), note=note)


def _corrected(session: Session, evidence: list[dict[str, Any]]) -> list[str]:
    """In words, which of the facts an alert rests on were since corrected or entered in error."""
    tables: dict[str, Any] = {"observation": Observation, "medication": MedicationStatement, "event": ClinicalEvent}
    wanted: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for fact in evidence:
        if fact["kind"] in tables:
            wanted[fact["kind"]][int(fact["id"])] = fact
    said: list[str] = []
    for kind, facts in wanted.items():
        table = tables[kind]
        rows = session.exec(
            select(table).where(
                col(table.id).in_(list(facts)),
                sa.or_(col(table.known_to).is_not(None), col(table.status).in_(["entered-in-error", "cancelled"])),
            )
        ).all()
        for row in rows:
            newer = session.exec(
                select(table).where(col(table.identity) == row.identity, col(table.known_to).is_(None))
            ).first()
            line = _correction(kind, row, newer, facts[row.id])
            if line:
                said.append(line)
    return said


def _correction(kind: str, old: Any, new: Any, fact: Mapping[str, Any]) -> str | None:
    """What became of a fact, if it was taken back or its value changed; an ordinary update (a drug ended) is none."""
    name = fact.get("measure") or fact.get("drug") or fact.get("event") or kind
    if new is None or new.status in {"entered-in-error", "cancelled"}:
        return f"{name} of {fact.get('date')} was entered in error"
    if new.patient_id != old.patient_id:
        return f"{name} of {fact.get('date')} belongs to another patient"
    if kind == "observation":
        if new.value != old.value or new.measure != old.measure or new.effective_on != old.effective_on:
            (before, _), (after, unit) = old.sent, new.sent
            change = f"from {before} to {after} {unit}".rstrip()
            return f"{name} of {fact.get('date')} was corrected {change}"
        if new.upper_limit != old.upper_limit:
            return f"the upper limit of {name} of {fact.get('date')} was corrected"
        if new.status not in VALID:
            return f"{name} of {fact.get('date')} is no longer valid"
    if kind == "medication" and (new.dose, new.unit, new.drug, new.start_on, new.frequency) != (
        old.dose,
        old.unit,
        old.drug,
        old.start_on,
        old.frequency,
    ):
        return f"{name} from {fact.get('date')} was corrected"
    if kind == "event" and new.present != old.present:
        return f"{name} of {fact.get('date')} was corrected"
    return None

"""Assessments meet running alerts: what to open, keep, worsen, settle, withdraw. Each decision has a reason.

Only `not_met` settles an alert; `cannot_tell` leaves it open and says so. Reconciling twice for the same day changes
nothing. One alert per identity (rule, patient, subject): a running one is updated, never doubled.
"""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.rule import CANNOT_TELL, GRADE_ORDER, MET, SEVERITY_ORDER, Rule, all_rules
from jobs.thresholds import Thresholds
from models.alert import Alert
from models.alert_lifecycle import SYSTEM, last_ended, record, running_alerts
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import VALID, Observation

QUIET_AFTER_RESOLVING_DAYS = 28
"""A resolved alert whose episode goes on being true comes back after this long at the latest [default]."""


class Reason(StrEnum):
    """Why an alert is (not) in the list after a run; used by logs, screens and tests."""

    OPENED = "opened"
    OPENED_AGAIN = "opened again"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    WORSENED = "worsened"
    CANNOT_TELL = "cannot tell"
    SETTLED = "settled"
    NO_LONGER_LOOKED_AT = "no longer looked at"
    WITHDRAWN = "withdrawn"
    RESOLVED_STILL_TRUE = "resolved, still true"
    PATIENT_LEFT = "patient left"


Key = tuple[int, str, str]


def reconcile(
    session: Session,
    answers: Mapping[Key, Mapping[str, Any]],
    *,
    patient_ids: Collection[int] | None,
    rules_evaluated: Mapping[str, Collection[int] | None],
    left: Collection[int],
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
) -> Counter[str]:
    """Bring the alerts into agreement with the answers of a run.

    Args:
        answers: `met` and `cannot_tell` assessments by (patient id, rule, subject); all others were not met or absent.
        patient_ids: whom the run computed; None for everybody.
        rules_evaluated: rules that answered -> patients for whom they failed (their alerts are left alone), or None.
        left: patients who are no longer active: their running alerts end.
        thresholds: status and parameters on the day.

    Returns:
        How often each `Reason` was given.
    """
    counted: Counter[str] = Counter()
    whom = None if patient_ids is None else sorted(set(patient_ids) | set(left))
    running = {(alert.patient_id, alert.rule, alert.subject): alert for alert in running_alerts(session, whom)}
    ended = last_ended(session, whom)
    rules = {rule.key: rule for rule in all_rules()}
    gone = set(left)
    for key, alert in sorted(running.items(), key=lambda item: item[1].id or 0):
        patient, rule_key, _ = key
        if patient in gone:
            _end(session, alert, now, Reason.PATIENT_LEFT, "the patient is no longer under the clinic's care")
            alert.seen_at = now
            counted[Reason.PATIENT_LEFT] += 1
            continue
        if rule_key not in rules_evaluated or patient in (rules_evaluated[rule_key] or ()):
            continue
        if thresholds.status.get(rule_key) != "active":
            _end(session, alert, now, Reason.NO_LONGER_LOOKED_AT, f"the rule is now {thresholds.status.get(rule_key)}")
            counted[Reason.NO_LONGER_LOOKED_AT] += 1
            continue
        answer = answers.get(key)
        if answer is None or answer["state"] == CANNOT_TELL:
            counted[_no_longer_met(session, alert, answer, now)] += 1
        else:
            counted[_still_met(session, alert, answer, rules[rule_key], thresholds, as_of, now)] += 1
    fresh: list[tuple[Alert, Mapping[str, Any], Alert | None]] = []
    for key, answer in sorted(answers.items()):
        if answer["state"] != MET or key in running or thresholds.status.get(key[1]) != "active" or key[0] in gone:
            continue
        before = ended.get(key)
        if before is not None and _resolved_and_the_same(before, answer, rules[key[1]], thresholds, as_of):
            counted[Reason.RESOLVED_STILL_TRUE] += 1
            continue
        fresh.append((_new(key, answer, before, as_of, now), answer, before))
        counted[Reason.OPENED_AGAIN if before else Reason.OPENED] += 1
    session.add_all(alert for alert, _, _ in fresh)
    session.flush()
    for alert, answer, before in fresh:
        _record_opening(session, alert, answer, before, as_of, now)
    session.flush()
    _cover(session, whom)
    return counted


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


def _new(key: Key, answer: Mapping[str, Any], before: Alert | None, as_of: dt.date, now: dt.datetime) -> Alert:
    alert = Alert(
        patient_id=key[0],
        rule=key[1],
        subject=key[2],
        rule_version=answer["rule_version"],
        severity="watch",
        explanation="",
        opened_at=now,
        opened_for=as_of,
        last_true_on=as_of,
        previous_id=before.id if before else None,
    )
    _fill(alert, answer)
    return alert


def _record_opening(
    session: Session,
    alert: Alert,
    answer: Mapping[str, Any],
    before: Alert | None,
    as_of: dt.date,
    now: dt.datetime,
) -> None:
    if before is not None and before.ended_at is not None and before.seen_at is None:
        # The episode before settled unseen; looking at this one is looking at that one.
        before.seen_at = now
        session.add(before)
        record(session, before, "seen", SYSTEM, now, note="continued by a new episode", detail={"alert": alert.id})
    record(
        session,
        alert,
        "opened",
        SYSTEM,
        now,
        note=answer["explanation"],
        detail={
            "as_of": as_of,
            "since": answer["since"],
            "severity": alert.severity,
            "grade": alert.grade,
            "rule_version": alert.rule_version,
            "evidence": json.loads(alert.evidence),
            "previous": alert.previous_id,
        },
    )


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
    if SEVERITY_ORDER[answer["severity"]] > SEVERITY_ORDER.get(seen["severity"], 0):
        return f"{seen['severity']} -> {answer['severity']}"
    if GRADE_ORDER.get(answer["grade"], 0) > GRADE_ORDER.get(seen["grade"], 0):
        return f"{seen['grade']} -> {answer['grade']}"
    if rule.worse is not None:
        own = thresholds.patients.get(rule.key, {}).get(alert.patient_id, thresholds.clinic[rule.key])
        return rule.worse(seen["numbers"], json.loads(answer["numbers"]), own)
    return None


def _still_met(
    session: Session,
    alert: Alert,
    answer: Mapping[str, Any],
    rule: Rule,
    thresholds: Thresholds,
    as_of: dt.date,
    now: dt.datetime,
) -> Reason:
    stored = {"severity": alert.severity, "grade": alert.grade, "numbers": json.loads(alert.numbers)}
    since_stored = _worse(alert, answer, rule, thresholds, base=stored)
    touched = alert.acknowledged_at is not None or alert.snoozed_until is not None
    since_seen = _worse(alert, answer, rule, thresholds) if touched else None
    before = (alert.severity, alert.grade, alert.explanation, alert.evidence, alert.cannot_tell_because)
    _fill(alert, answer)
    changed = before != (alert.severity, alert.grade, alert.explanation, alert.evidence, alert.cannot_tell_because)
    alert.last_true_on = max(alert.last_true_on, as_of)
    session.add(alert)
    if since_seen:
        detail = {
            "acknowledged_by": alert.acknowledged_by,
            "snoozed_by": alert.snoozed_by,
            "difference": since_seen,
        }
        who = alert.acknowledged_by or alert.snoozed_by
        alert.acknowledged_at = alert.acknowledged_by = alert.acknowledged_reason = alert.lapses_on = None
        alert.snoozed_until = alert.snoozed_by = None
        alert.worsened_at = now
        record(session, alert, "worsened", SYSTEM, now, note=f"worse since {who} saw it: {since_seen}", detail=detail)
        return Reason.WORSENED
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
        because = answer["cannot_tell_because"] or "the facts needed are missing"
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


def _cover(session: Session, whom: list[int] | None) -> None:
    """A more general alert covers its consequences for the same patient: visible, counted, not in the way."""
    covers = {rule.key: rule.covers for rule in all_rules() if rule.covers}
    by_patient: dict[int, list[Alert]] = defaultdict(list)
    for alert in running_alerts(session, whom):
        by_patient[alert.patient_id].append(alert)
    for alerts in by_patient.values():
        present: dict[str, int] = {}
        for alert in alerts:
            present[alert.rule] = max(present.get(alert.rule, 0), SEVERITY_ORDER[alert.severity])
        for alert in alerts:
            # A consequence more urgent than its cause stands for itself.
            cover = next(
                (
                    key
                    for key, covered in covers.items()
                    if alert.rule in covered and present.get(key, 0) >= SEVERITY_ORDER[alert.severity]
                ),
                None,
            )
            if alert.covered_by != cover:
                alert.covered_by = cover
                session.add(alert)
    session.flush()

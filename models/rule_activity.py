"""What the rules have to say at present, and who changed their settings: counts and history for the Rules page."""

import datetime as dt
import json
import re
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.alert import Alert
from models.assessment import Assessment, EvaluationRun
from models.patient import Patient
from models.rule_setting import RuleSetting, RuleStatusChange

RUNS_LOOKED_AT = 200

_DAY = re.compile(r"\b\d{1,2} [A-Z][a-z]{2} \d{4}\b")
"""A day as rules write it in a sentence."""


def answers_now(session: Session) -> dict[str, dict[str, int]]:
    """By rule, how many answers are `met` or `cannot_tell`, and of how many `patients` it is met."""
    table: Any = Assessment
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"met": 0, "cannot_tell": 0, "patients": 0})
    query = sa.select(table.rule, table.state, sa.func.count()).group_by(table.rule, table.state)
    for rule, state, count in session.execute(query):
        counts[rule][state] = count
    people = sa.select(table.rule, sa.func.count(sa.distinct(table.patient_id))).where(table.state == "met")
    people = people.group_by(table.rule)
    for rule, count in session.execute(people):
        counts[rule]["patients"] = count
    return dict(counts)


def causes_of_silence(session: Session, rule: str) -> list[tuple[str, int]]:
    """Why a rule could not tell, and how often; the commonest first. Causes that differ in a date only are one."""
    table: Any = Assessment
    query = (
        sa.select(table.cannot_tell_because, sa.func.count())
        .where(table.rule == rule, table.state == "cannot_tell")
        .group_by(table.cannot_tell_because)
    )
    counts: dict[str, int] = defaultdict(int)
    for because, count in session.execute(query):
        counts[_DAY.sub("…", because or "no reason given")] += count
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def open_alerts(session: Session) -> dict[str, int]:
    """By rule, how many alerts are running (open, acknowledged or snoozed)."""
    query = sa.select(col(Alert.rule), sa.func.count()).where(col(Alert.ended_at).is_(None)).group_by(col(Alert.rule))
    return {str(row[0]): int(row[1]) for row in session.execute(query)}


def opened_since(session: Session, since: dt.datetime) -> dict[str, int]:
    """By rule, how many alerts were opened from an instant on."""
    query = sa.select(col(Alert.rule), sa.func.count()).where(col(Alert.opened_at) >= since).group_by(col(Alert.rule))
    return {str(row[0]): int(row[1]) for row in session.execute(query)}


def last_run(session: Session) -> EvaluationRun | None:
    """The newest finished run of the rules over the panel."""
    return session.exec(
        select(EvaluationRun).where(col(EvaluationRun.finished_at).is_not(None)).order_by(col(EvaluationRun.id).desc())
    ).first()


def failures(session: Session) -> dict[str, dict[str, Any]]:
    """By rule that failed in the newest run: `error`, `patients` (how many were left unevaluated), `mrns` (some)."""
    run = last_run(session)
    if run is None:
        return {}
    out = {}
    for rule, failed in json.loads(run.rules_failed).items():
        ids = failed.get("patients", [])
        query = select(Patient.mrn).where(col(Patient.id).in_(ids[:20])).order_by(col(Patient.mrn))
        out[rule] = {"error": failed.get("error", ""), "patients": len(ids), "mrns": list(session.exec(query))}
    return out


def failure_history(session: Session, rule: str) -> list[dict[str, Any]]:
    """The newest runs in which a rule failed: `at`, `as_of`, `error`, `patients` (a number)."""
    query = (
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.rules_failed) != "{}")
        .order_by(col(EvaluationRun.id).desc())
        .limit(RUNS_LOOKED_AT)
    )
    rows = []
    for run in session.exec(query):
        failed = json.loads(run.rules_failed).get(rule)
        if failed:
            rows.append(
                {
                    "at": run.finished_at,
                    "as_of": run.as_of,
                    "error": failed.get("error", ""),
                    "patients": len(failed.get("patients", [])),
                }
            )
    return rows


def settings_changed(session: Session, today: dt.date) -> dict[str, int]:
    """By rule, how many settings (the clinic's and patients' own) have been changed and hold today."""
    query = select(RuleSetting).where(
        RuleSetting.valid_from <= today,
        sa.or_(col(RuleSetting.expires_on).is_(None), col(RuleSetting.expires_on) >= today),
    )
    newest: dict[tuple[str, int | None, str], str] = {}
    for row in session.exec(query.order_by(col(RuleSetting.valid_from), col(RuleSetting.id))):
        newest[row.rule, row.patient_id, row.parameter] = row.value
    counts: dict[str, int] = defaultdict(int)
    for (rule, _, _), value in newest.items():
        counts[rule] += json.loads(value) is not None
    return dict(counts)


def history(session: Session, rule: str) -> list[dict[str, Any]]:
    """Every change of a rule's settings and status, newest first.

    Rows: `at`, `valid_from`, `expires_on`, `parameter` (empty: the status), `value` (None: back to what held before),
    `mrn` (empty: the clinic), `reason`, `author`.
    """
    settings = session.exec(
        select(RuleSetting, Patient.mrn)
        .join(Patient, col(Patient.id) == col(RuleSetting.patient_id), isouter=True)
        .where(RuleSetting.rule == rule)
    ).all()
    rows: list[dict[str, Any]] = [
        {
            "at": row.created_at,
            "valid_from": row.valid_from,
            "expires_on": row.expires_on,
            "parameter": row.parameter,
            "value": json.loads(row.value),
            "mrn": mrn or "",
            "reason": row.reason,
            "author": row.author,
        }
        for row, mrn in settings
    ]
    rows += [
        {
            "at": change.created_at,
            "valid_from": change.valid_from,
            "expires_on": None,
            "parameter": "",
            "value": change.status,
            "mrn": "",
            "reason": change.reason,
            "author": change.author,
        }
        for change in session.exec(select(RuleStatusChange).where(RuleStatusChange.rule == rule))
    ]
    return sorted(rows, key=lambda row: row["at"], reverse=True)

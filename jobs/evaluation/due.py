"""Whom a run has to compute, and what could change the answers of everybody at once."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.alerting import QUIET_AFTER_RESOLVING_DAYS
from jobs.rules.overdue_labs import silent_feeds
from jobs.thresholds import Thresholds
from models.alert import Alert
from models.assessment import EvaluationRun
from models.patient import Patient
from models.patient_facts import FeedSilence, day_number
from models.rows import fetch, listed
from models.rule_setting import RuleSetting
from models.vocabulary import vocabulary

BLOCK = 250
"""Patients read, computed and written at a time: what one write may take bounds how long a click can wait."""


def last_run(session: Session) -> EvaluationRun | None:
    """The newest evaluation that was not a look."""
    return session.exec(
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
        .order_by(col(EvaluationRun.id).desc())
        .limit(1)
    ).first()


@lru_cache(maxsize=1)
def unevaluated() -> sa.Select[Any]:
    table: Any = Patient
    return sa.select(table.id).where(table.id.in_(listed("ids")), table.revision != table.evaluated_revision)


def active_among(connection: sa.Connection, patient_ids: Sequence[int]) -> tuple[int, set[int]]:
    """How many patients the clinic has, and which of these are among them."""
    count, query = _active_queries()
    found: set[int] = set()
    for start in range(0, len(patient_ids), BLOCK):
        rows = fetch(connection, query, {"ids": list(patient_ids[start : start + BLOCK])})
        found |= {int(row[0]) for row in rows}
    return int(fetch(connection, count)[0][0]), found


@lru_cache(maxsize=1)
def _active_queries() -> tuple[sa.Select[Any], sa.Select[Any]]:
    table: Any = Patient
    count = sa.select(sa.func.count()).select_from(Patient).where(table.status == "active")
    return count, sa.select(table.id).where(table.id.in_(listed("ids")), table.status == "active")


def fingerprint_of(thresholds: Thresholds, as_of: dt.date, feeds: Sequence[FeedSilence]) -> str:
    """Changes when an answer could change for every patient at once: rules, thresholds, own rows, a silent feed."""
    silent = silent_feeds(feeds, day_number(as_of), thresholds.clinic["overdue-labs"])
    said = thresholds.fingerprint + json.dumps(dict(sorted(silent.items()))) + vocabulary().own_words()
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def changed(connection: sa.Connection, last: EvaluationRun | None, as_of: dt.date) -> set[int]:
    """Patients with something new, for whom a day to look again has come, or whose own thresholds begin or end.

    And those with a resolved alert that has been quiet for as long as it may.
    """
    patient: Any = Patient
    setting: Any = RuleSetting
    queries: list[Any] = [
        sa.select(patient.id).where(patient.revision != patient.evaluated_revision),
        sa.select(patient.id).where(patient.look_again_on <= as_of),
    ]
    if last is not None and as_of > last.as_of:
        ended = last.as_of - dt.timedelta(days=1), as_of - dt.timedelta(days=1)
        queries.append(
            sa.select(setting.patient_id).where(
                setting.patient_id.is_not(None),
                sa.or_(
                    sa.and_(setting.valid_from > last.as_of, setting.valid_from <= as_of),
                    sa.and_(setting.expires_on > ended[0], setting.expires_on <= ended[1]),
                ),
            )
        )
        # The quiet after somebody resolved an alert has an end, whether or not anything is new.
        alert: Any = Alert
        quiet = dt.timedelta(days=QUIET_AFTER_RESOLVING_DAYS)
        queries.append(
            sa.select(alert.patient_id).where(
                alert.resolved_at.is_not(None),
                alert.last_true_on >= last.as_of - quiet,
                alert.last_true_on < as_of - quiet,
            )
        )
    return {int(row[0]) for query in queries for row in fetch(connection, query)}

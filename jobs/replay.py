"""What the rules would have said, day by day, as known each day: the burden of a rule before it is switched on.

For each day the facts are those received by the end of it, results corrected later still in their first version; alerts
open and settle as in a live clinic in which nobody acts on them. Only patients for whom a day brings something are
computed on it. A patient's status (active, discharged) has no history: today's active patients are replayed.
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.evaluation import assess
from jobs.rule import CANNOT_TELL, MET, all_rules
from jobs.rules.overdue_labs import silent_feeds
from jobs.thresholds import Thresholds, thresholds_on
from models.age import birthday
from models.clock import clinic_date, end_of_day
from models.database import reading
from models.errors import UsageError
from models.event import ClinicalEvent
from models.frame_reading import HORIZON_DAYS, read_feeds, read_frames
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.rule_setting import RuleSetting, RuleStatusChange
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

Key = tuple[int, str, str]
DAYS_PER_MONTH = 365.25 / 12


@dataclass
class Episode:
    """One alert the rules would have opened."""

    patient_id: int
    rule: str
    subject: str
    opened_on: dt.date
    severity: str | None
    since: dt.date | None
    settled_on: dt.date | None = None


def replay(
    engine: Engine,
    first: dt.date,
    last: dt.date,
    *,
    timezone: str,
    rules: list[str] | None = None,
    overrides: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Evaluate every day from `first` to `last` with the knowledge of its evening.

    Returns:
        `rules`: per rule the alerts opened, per week and per 100 patient-months; `alerts`: each episode, with the
        days it opened and settled; `failures`: rules that failed, with the day.

    Raises:
        UsageError: an unknown rule. ActionRefused: an override that no rule has, or out of range.
    """
    known = {rule.key for rule in all_rules()}
    for key in rules or ():
        if key not in known:
            raise UsageError(f"There is no rule {key!r}. Rules: {', '.join(sorted(known))}.")
    with reading(engine) as session:
        episodes, failures, people = _play(session, first, last, timezone, rules, overrides)
        mrn = {int(row[0] or 0): row[1] for row in session.execute(sa.select(col(Patient.id), col(Patient.mrn)))}
    days = (last - first).days + 1
    months = people * days / DAYS_PER_MONTH
    table = []
    for key in sorted({one.rule for one in episodes} | set(rules or ())):
        mine = [one for one in episodes if one.rule == key]
        table.append(
            {
                "rule": key,
                "opened": len(mine),
                "per_week": round(len(mine) / (days / 7), 2),
                "per_100_patient_months": round(100 * len(mine) / months, 2) if months else None,
                "patients": len({one.patient_id for one in mine}),
                "settled": sum(one.settled_on is not None for one in mine),
            }
        )
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "days": days,
        "patients": people,
        "patient_months": round(months, 1),
        "opened": len(episodes),
        "rules": table,
        "alerts": [
            {
                "mrn": mrn[one.patient_id],
                "rule": one.rule,
                "subject": one.subject,
                "opened_on": one.opened_on.isoformat(),
                "settled_on": one.settled_on.isoformat() if one.settled_on else None,
                "since": one.since.isoformat() if one.since else None,
                "severity": one.severity,
            }
            for one in episodes
        ],
        "failures": failures,
    }


def _play(
    session: Session,
    first: dt.date,
    last: dt.date,
    timezone: str,
    rules: list[str] | None,
    overrides: dict[str, dict[str, Any]] | None,
) -> tuple[list[Episode], list[dict[str, Any]], int]:
    connection = session.connection()
    table: Any = Patient
    active = {int(row[0]) for row in connection.execute(sa.select(table.id).where(table.status == "active"))}
    changes = _changes(connection, timezone)
    fixed = (
        session.exec(select(RuleSetting.id)).first() is None
        and session.exec(select(RuleStatusChange.id)).first() is None
    )
    thresholds = thresholds_on(session, first, overrides)
    recheck: dict[int, dict[tuple[str, str], dt.date]] = {}
    running: dict[Key, Episode] = {}
    episodes: list[Episode] = []
    failures: list[dict[str, Any]] = []
    before = ""
    day = first
    while day <= last:
        evening = end_of_day(day, timezone)
        if not fixed:
            thresholds = thresholds_on(session, day, overrides)
        state = _state(connection, thresholds, day, evening, timezone)
        todo = (
            active
            if state != before
            else active
            & (changes[day] | {who for who, dates in recheck.items() if any(on <= day for on in dates.values())})
        )
        before = state
        if todo:
            frames = read_frames(
                connection,
                day,
                timezone=timezone,
                known_at=evening,
                patient_ids=None if len(todo) == len(active) else sorted(todo),
                horizon_days=HORIZON_DAYS,
            )
            answers = assess(frames, thresholds, rules)
            failed = {failure.rule: set(failure.patients) for failure in answers.failures}
            failures += [
                {
                    "day": day.isoformat(),
                    "rule": failure.rule,
                    "error": failure.error,
                    "patients": len(failure.patients),
                }
                for failure in answers.failures
            ]
            for who in todo:
                recheck[who] = {}
            told: dict[Key, tuple[str, str | None, dt.date | None]] = {}
            for key, answer in answers.frames.items():
                if rules is not None and key not in rules:
                    continue
                shown = rules is not None or thresholds.status[key] == "active"
                for who, subject, verdict, severity, since, again in zip(
                    answer["patient_id"].tolist(),
                    answer["subject"].tolist(),
                    answer["state"].tolist(),
                    answer["severity"].tolist(),
                    answer["since"].to_numpy(),
                    answer["recheck_on"].to_numpy(),
                    strict=True,
                ):
                    if not np.isnat(again):
                        recheck[who][key, subject] = again.astype("datetime64[D]").item()
                    if shown and verdict in {MET, CANNOT_TELL}:
                        told[who, key, str(subject)] = (
                            verdict,
                            severity,
                            None if np.isnat(since) else since.astype("datetime64[D]").item(),
                        )
            for identity in [one for one in running if one[0] in todo]:
                if identity not in told and identity[0] not in failed.get(identity[1], ()):
                    running.pop(identity).settled_on = day
            for identity, (verdict, severity, since) in sorted(told.items()):
                if verdict == MET and identity not in running:
                    running[identity] = Episode(*identity, opened_on=day, severity=severity, since=since)
                    episodes.append(running[identity])
        day += dt.timedelta(days=1)
    return episodes, failures, len(active)


def _state(connection: sa.Connection, thresholds: Thresholds, day: dt.date, evening: dt.datetime, timezone: str) -> str:
    """Changes when the answers of all patients may: other thresholds, a feed that fell silent or speaks again."""
    feeds = read_feeds(connection, day, timezone=timezone, known_at=evening)
    return thresholds.fingerprint() + repr(sorted(silent_feeds(feeds, day, thresholds.clinic["overdue-labs"]).items()))


def _changes(connection: sa.Connection, timezone: str) -> defaultdict[dt.date, set[int]]:
    """For each day, whose facts or knowledge change on it."""
    found: defaultdict[dt.date, set[int]] = defaultdict(set)
    one_day = dt.timedelta(days=1)

    def add(query: Any, shift: dt.timedelta = dt.timedelta()) -> None:
        for patient, day in connection.execute(query.distinct()):
            if patient is not None and day is not None:
                found[day + shift].add(patient)

    for table in (Observation, MedicationStatement, ClinicalEvent):
        add(sa.select(col(table.patient_id), col(table.received_on)))
        superseded = sa.select(col(table.patient_id), col(table.known_to)).where(col(table.known_to).is_not(None))
        for who, moment in connection.execute(superseded):
            if moment is not None:
                found[clinic_date(moment, timezone)].add(who)
    add(sa.select(col(Observation.patient_id), col(Observation.effective_on)))
    add(sa.select(col(MedicationStatement.patient_id), col(MedicationStatement.start_on)))
    add(sa.select(col(MedicationStatement.patient_id), col(MedicationStatement.end_on)), one_day)
    add(sa.select(col(ClinicalEvent.patient_id), col(ClinicalEvent.occurred_on)))
    add(sa.select(col(ClinicalEvent.patient_id), col(ClinicalEvent.end_on)), one_day)
    add(sa.select(col(MonitoringPause.patient_id), col(MonitoringPause.start_on)))
    add(sa.select(col(MonitoringPause.patient_id), col(MonitoringPause.until)), one_day)
    add(sa.select(col(TaperPlan.patient_id), col(TaperPlan.agreed_on)))
    add(
        sa.select(col(TaperPlan.patient_id), col(TaperStep.start_on)).join(
            TaperStep, col(TaperStep.plan_id) == col(TaperPlan.id)
        )
    )
    add(sa.select(col(RuleSetting.patient_id), col(RuleSetting.valid_from)))
    add(sa.select(col(RuleSetting.patient_id), col(RuleSetting.expires_on)), one_day)
    people: Any = Patient
    for patient, birth in connection.execute(
        sa.select(people.id, people.birth_date).where(people.birth_date.is_not(None))
    ):
        for years in (4, 16, 18, 40):
            found[birthday(birth, years)].add(patient)
    return found

"""Who is due -> facts -> every rule -> answers and alerts: one run of the rules over the panel.

A run computes only the patients for whom something is new or time has reached the day to look again; it always ends in
the same state as a full run. It computes outside any write lock and writes in short blocks: a patient whose facts
changed meanwhile is computed again, so that nothing is marked as looked at that was not.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from jobs.assessing import Failure, ask
from jobs.evaluation.due import last_run
from jobs.evaluation.report import EvaluationReport, note_failures
from jobs.evaluation.run import Run
from jobs.evaluation.said import could_not_tell, documents, in_order, stored_documents
from jobs.rule import all_rules
from jobs.thresholds import thresholds_on
from jobs.workers import hands
from models.alert import Alert
from models.alert_lifecycle import day_after
from models.database import reading, snapshot
from models.errors import UnknownPatient, UsageError
from models.feeds import read_feeds
from models.own_vocabulary import words_of
from models.patient import Patient
from models.patient_reading import read_patients
from models.rows import collector_paused, fetch

__all__ = [
    "EvaluationReport", "could_not_tell", "documents", "evaluate", "follow", "in_order", "last_run", "look",
    "stored_documents",
]  # fmt: skip


def evaluate(
    engine: Engine,
    as_of: dt.date,
    *,
    timezone: str,
    now: dt.datetime,
    full: bool = False,
    known_at: dt.datetime | None = None,
    rules: Sequence[str] | None = None,
    mrns: Sequence[str] | None = None,
    patient_ids: Sequence[int] | None = None,
    dry_run: bool = False,
    all_states: bool = False,
    overrides: dict[str, dict[str, Any]] | None = None,
    collect: bool = True,
    workers: int = 1,
    scheduler: str | None = None,
) -> EvaluationReport:
    """Run the rules for the clinic day `as_of` and bring the alerts into agreement with the answers.

    An evaluation for a day before the last one, or with `known_at`, is a look at the past: always full, and it
    changes no alert. `rules` and `mrns` (or `patient_ids`) restrict the run. `collect` false leaves out the list of
    assessments. `now` is the instant at which the run begins, whatever the machine's clock says. `workers` processes,
    or the Dask cluster of a `scheduler`, come to the same answers together; few patients, or a look, are not handed on.

    Raises:
        UsageError: an unknown rule. UnknownPatient: an unknown record number.
    """
    known = {one.key for one in all_rules()}
    for key in rules or ():
        if key not in known:
            raise UsageError(f"There is no rule {key!r}. Rules: {', '.join(sorted(known))}.")
    with reading(engine) as session:
        last = last_run(session)
        members = list(patient_ids) if patient_ids is not None else _ids_of(session, mrns)
    past = known_at is not None or (last is not None and as_of < last.as_of)
    with hands(workers, scheduler) as executor, words_of(engine, as_of, known_at):
        if dry_run or past or overrides:
            return look(
                engine, as_of, timezone=timezone, known_at=known_at, rules=rules, members=members,
                all_states=all_states, overrides=overrides, collect=collect,
            )  # fmt: skip
        run = Run(engine, as_of, timezone, now, rules, members, keep=collect and (all_states or members is not None))
        run.go(full, executor, workers)
        report = run.report()
        if collect:
            report.assessments = _collected(engine, run, rules, members, all_states)
        return report


def follow(engine: Engine, *, timezone: str, now: dt.datetime) -> EvaluationReport | None:
    """Bring everybody with new facts up to date for the present day: what whoever stored facts does next.

    None where the clinic was never evaluated (the first look at a panel is owed by the schedule, or asked for), and
    where nothing is new.
    """
    with reading(engine) as session:
        last = last_run(session)
        if last is None:
            return None
        # A clock that was ahead and went back must not make what is new a look at the past.
        today = max(day_after(last, now, timezone), last.as_of)
        news = [int(row[0]) for query in _news_queries() for row in fetch(session.connection(), query)]
    if not news:
        return None
    with words_of(engine, today):
        run = Run(engine, today, timezone, now, None, sorted(news), keep=False)
        run.go(full=False)
        return run.report()


@lru_cache(maxsize=1)
def _news_queries() -> tuple[sa.Select[Any], ...]:
    """Active patients with facts nobody has evaluated, and those who left with alerts still running."""
    table: Any = Patient
    alert: Any = Alert
    gone = alert.patient_id.in_(sa.select(table.id).where(table.status != "active"))
    return (
        sa.select(table.id).where(table.status == "active", table.revision != table.evaluated_revision),
        sa.select(alert.patient_id).distinct().where(alert.ended_at.is_(None), gone),
    )


def _ids_of(session: Session, mrns: Sequence[str] | None) -> list[int] | None:
    if mrns is None:
        return None
    out = []
    for mrn in mrns:
        found = session.exec(select(Patient.id).where(Patient.mrn == mrn)).first()
        if found is None:
            raise UnknownPatient(mrn)
        out.append(found)
    return out


def look(
    engine: Engine,
    as_of: dt.date,
    *,
    timezone: str,
    known_at: dt.datetime | None = None,
    rules: Sequence[str] | None = None,
    members: Sequence[int] | None = None,
    all_states: bool = False,
    overrides: dict[str, dict[str, Any]] | None = None,
    collect: bool = True,
) -> EvaluationReport:
    """What the rules say of the panel or of some patients; nothing is written."""
    failures: dict[str, Failure] = {}
    found: list[dict[str, Any]] = []
    count = 0
    with (
        snapshot(engine) as connection,
        Session(bind=connection, autoflush=False) as session,
        words_of(connection, as_of, known_at),
        collector_paused(),
    ):
        thresholds = thresholds_on(session, as_of, overrides)
        feeds = read_feeds(connection, as_of, timezone=timezone, known_at=known_at)
        for patient in read_patients(
            connection, as_of, timezone=timezone, known_at=known_at, patient_ids=members, feeds=feeds
        ):
            count += 1
            asked = ask(patient, thresholds, rules)
            if collect:
                found += documents(asked, thresholds, rules=rules, all_states=all_states)
            note_failures(failures, asked)
    return EvaluationReport(
        as_of=as_of,
        full=True,
        reconciled=False,
        patients=count,
        computed=count,
        assessments=in_order(found),
        decisions=Counter(),
        failures=list(failures.values()),
    )


def _collected(
    engine: Engine, run: Run, rules: Sequence[str] | None, members: Sequence[int] | None, all_states: bool
) -> list[dict[str, Any]]:
    """The assessments of the patients asked about, whether or not this run had to compute them."""
    if members is None and not all_states:
        with reading(engine) as session:
            return stored_documents(session, rules=rules)
    if members is None and not run.whole:
        return look(engine, run.as_of, timezone=run.timezone, rules=rules, all_states=True).assessments
    return in_order(
        [one for asked in run.kept for one in documents(asked, run.thresholds, rules=rules, all_states=all_states)]
    )

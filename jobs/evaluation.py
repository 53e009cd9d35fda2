"""Who is due -> facts -> every rule -> answers and alerts: one run of the rules over the panel.

A run computes only the patients for whom something is new or time has reached the day to look again; it always ends in
the same state as a full run. It computes outside any write lock and writes in short blocks: a patient whose facts
changed meanwhile is computed again, so that nothing is marked as looked at that was not.
"""

import datetime as dt
import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.alerting import QUIET_AFTER_RESOLVING_DAYS, Evaluated, leave, reconcile
from jobs.answer_row import AnswerRow, RowMaker
from jobs.assessing import Asked, Failure, ask, document, evidence_documents
from jobs.rule import CANNOT_TELL, MET, Answer, Rule, all_rules, rule
from jobs.rules.overdue_labs import silent_feeds
from jobs.summary import summary_of
from jobs.switching_on import newly_asked, note_asked
from jobs.thresholds import Thresholds, thresholds_on
from jobs.workers import FEWEST, address_of, dealt, hands
from models.alert import Alert
from models.alert_lifecycle import day_after
from models.answer_store import Key, digests, forget, mark_evaluated, unchanged_since, write
from models.assessment import Assessment, EvaluationRun
from models.clock import seconds
from models.database import engine_for, reading, snapshot, writing
from models.errors import UnknownPatient, UsageError, told
from models.feeds import read_feeds
from models.own_vocabulary import words_of
from models.packed_facts import PackedFacts
from models.patient import Patient
from models.patient_facts import FeedSilence, date_of, day_number
from models.patient_reading import keep_packed, read_patients
from models.patient_summary import forget_summaries, write_summaries
from models.rows import collector_paused, fetch, listed
from models.rule_setting import RuleSetting
from models.standing import due_again, stand_again
from models.states import severity_rank
from models.vocabulary import vocabulary

log = logging.getLogger(__name__)

BLOCK = 250
"""Patients read, computed and written at a time: what one write may take bounds how long a click can wait."""
MOST_TRIES = 5
"""A patient whose facts change this often while being computed is left to the next run."""


@dataclass
class EvaluationReport:
    """What a run did."""

    as_of: dt.date
    full: bool
    reconciled: bool
    patients: int
    computed: int
    assessments: list[dict[str, Any]]
    decisions: Counter[str]
    failures: list[Failure]
    written: Counter[str] = field(default_factory=Counter)
    """By rule, how many stored answers were new, changed or gone."""

    @property
    def exit_code(self) -> int:
        """0 done; 1 done, but some rules failed."""
        return 1 if self.failures else 0


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
        run = _Run(engine, as_of, timezone, now, rules, members, keep=collect and (all_states or members is not None))
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
        run = _Run(engine, today, timezone, now, None, sorted(news), keep=False)
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


def last_run(session: Session) -> EvaluationRun | None:
    """The newest evaluation that was not a look."""
    return session.exec(
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
        .order_by(col(EvaluationRun.id).desc())
        .limit(1)
    ).first()


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


# ---------------------------------------------------------------------------------------------- a look changes nothing


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
            _note_failures(failures, asked)
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


def _note_failures(failures: dict[str, Failure], asked: Asked) -> None:
    for key, error in asked.failed.items():
        failures.setdefault(key, Failure(key, error)).patients.append(asked.patient.id)


# ------------------------------------------------------------------------------------------------------------ a run


class _Run:
    """One evaluation that counts."""

    def __init__(
        self,
        engine: Engine,
        as_of: dt.date,
        timezone: str,
        now: dt.datetime,
        rules: Sequence[str] | None,
        members: Sequence[int] | None,
        *,
        keep: bool,
    ) -> None:
        self.engine = engine
        self.as_of = as_of
        self.timezone = timezone
        self.now = now
        self.rules = rules
        self.members = members
        self.keep = keep
        self.begun = seconds()
        self.decisions: Counter[str] = Counter()
        self.failures: dict[str, Failure] = {}
        self.written: Counter[str] = Counter()
        self.computed: set[int] = set()
        self.handed_out = 0
        self.kept: list[Asked] = []
        self.whole = False
        self.patients = 0
        with snapshot(engine) as connection, Session(bind=connection, autoflush=False) as session:
            self.thresholds = thresholds_on(session, as_of)
            self.feeds = read_feeds(connection, as_of, timezone=timezone)
            self.newly = newly_asked(session, self.thresholds, last_run(session))
        self._rows = RowMaker(self.thresholds)

    @property
    def is_partial(self) -> bool:
        """Whether the run was restricted: it is then no evaluation of the clinic's day."""
        return self.rules is not None or self.members is not None

    def go(self, full: bool, executor: Executor | None = None, workers: int = 1) -> None:
        """Compute and write, block by block, then close the run; with an executor, a share of the patients each."""
        fingerprint = "" if self.is_partial else _fingerprint(self.thresholds, self.as_of, self.feeds)
        todo, gone = self._due(full, fingerprint)
        if executor is not None and len(todo) >= FEWEST and not self.keep:
            self._hand_out(todo, executor, max(workers, 2))
            todo = []
        tries = 0
        while todo and tries < MOST_TRIES:
            tries += 1
            again: list[int] = []
            for start in range(0, len(todo), BLOCK):
                with collector_paused():
                    again += self._block(todo[start : start + BLOCK])
            todo = again
        self._close(gone, fingerprint)

    def _hand_out(self, todo: Sequence[int], executor: Executor, workers: int) -> None:
        """Let the workers compute and write their shares, and put together what they did."""
        share = partial(
            _share,
            address_of(self.engine),
            self.as_of,
            self.timezone,
            self.now,
            self.rules,
        )
        for report in executor.map(share, dealt(todo, workers)):
            self.decisions += report.decisions
            self.written += report.written
            self.handed_out += report.computed
            for failure in report.failures:
                known = self.failures.setdefault(failure.rule, Failure(failure.rule, failure.error))
                known.patients += failure.patients

    def _due(self, full: bool, fingerprint: str) -> tuple[list[int], list[int]]:
        """Whom to compute, and who left the clinic."""
        table: Any = Patient
        with snapshot(self.engine) as connection, Session(bind=connection, autoflush=False) as session:
            if self.members is not None:
                self.patients, active = _active_among(connection, self.members)
                return sorted(active), sorted(set(self.members) - active)
            last = last_run(session)
            status = {int(row[0]): row[1] for row in fetch(connection, sa.select(table.id, table.status))}
            active = {who for who, state in status.items() if state == "active"}
            self.patients = len(active)
            self.whole = full or last is None or last.fingerprint != fingerprint
            due = active if self.whole else active & _changed(connection, last, self.as_of)
            return sorted(due), sorted(set(status) - active)

    def _block(self, patient_ids: Sequence[int]) -> list[int]:
        """Compute and write some patients; returns those whose facts changed meanwhile."""
        packed: list[PackedFacts] = []
        with snapshot(self.engine) as connection:
            patients = read_patients(
                connection, self.as_of, timezone=self.timezone, patient_ids=patient_ids, feeds=self.feeds,
                packed_anew=packed,
            )  # fmt: skip
            asked = [ask(patient, self.thresholds, self.rules) for patient in patients]
        rows: dict[int, dict[Key, AnswerRow]] = {}
        shown: dict[int, dict[str, Any]] = {}
        wanted = None if self.rules is None else set(self.rules)
        for one in asked:
            rows[one.patient.id] = self._told(one, wanted)
            if wanted is None:
                shown[one.patient.id] = self._summary(one, rows[one.patient.id])
        with writing(self.engine) as session:
            current = unchanged_since(session.connection(), {one.patient.id: one.patient.revision for one in asked})
            self._store(session, [one for one in asked if one.patient.id in current], rows, shown)
            keep_packed(session.connection(), [one for one in packed if one.patient_id in current])
        for one in asked:
            if one.patient.id in current:
                self.computed.add(one.patient.id)
                _note_failures(self.failures, one)
                if self.keep:
                    self.kept.append(one)
        return [one.patient.id for one in asked if one.patient.id not in current]

    def _told(self, one: Asked, wanted: set[str] | None) -> dict[Key, AnswerRow]:
        """The answers that are kept, each in words. A rule that finds none for an answer has failed for the patient."""
        rows = dict(self._rows.rows(one, wanted))
        for (_, key, _), row in rows.items():
            if key not in one.failed:
                try:
                    row.words()
                except Exception as error:
                    _no_words(one, key, error)
        for key in one.failed:
            one.answers.pop(key, None)
        return {name: row for name, row in rows.items() if name[1] not in one.failed}

    def _summary(self, one: Asked, rows: Mapping[Key, AnswerRow]) -> dict[str, Any]:
        """What the lists show of the patient."""

        def sentence(key: str, answer: Answer) -> str:
            return rows[one.patient.id, key, answer.subject].words()[0]

        return summary_of(one.patient, one.answers, self.thresholds.status, sentence, failed=one.failed)

    def _store(
        self,
        session: Session,
        asked: Sequence[Asked],
        rows: Mapping[int, Mapping[Key, AnswerRow]],
        shown: Mapping[int, Mapping[str, Any]],
    ) -> None:
        connection = session.connection()
        patients = [one.patient.id for one in asked]
        failed: dict[str, set[int]] = defaultdict(set)
        for one in asked:
            for key in one.failed:
                failed[key].add(one.patient.id)
        now = {key: row for who in patients for key, row in rows[who].items()}
        speaks = Evaluated(patients, self._rules_spoken(), failed, news=self._with_news(connection, patients))
        before = digests(connection, patients)
        known = {one.key for one in all_rules()}
        fresh = [key for key in now if key not in before]
        changed = [key for key, row in now.items() if key in before and before[key].digest != row.digest]
        gone = [key for key in before if key not in now and (key[1] not in known or speaks.speaks_of(key[0], key[1]))]
        write(
            connection,
            [now[key].full() for key in fresh],
            [(before[key].id, now[key].full()) for key in changed],
            [before[key].id for key in gone],
        )
        self.written.update(rule_key for _, rule_key, _ in (*fresh, *changed, *gone))
        active = {key: row for key, row in now.items() if row.status == "active"}
        self.decisions += reconcile(
            session, active, speaks, thresholds=self.thresholds, as_of=self.as_of, now=self.now, newly=self.newly
        )
        if self.rules is None:
            revisions = {one.patient.id: one.patient.revision for one in asked}
            written = write_summaries(connection, {who: shown[who] for who in patients}, revisions)
            stand_again(connection, sorted({*written, *due_again(connection, self.as_of)}), self.as_of)
            mark_evaluated(connection, [self._mark(one) for one in asked])

    def _rules_spoken(self) -> frozenset[str]:
        """Rules of which no answer means `not_met`: those asked, and those switched off, which have no more to say."""
        if self.rules is not None:
            return frozenset(self.rules)
        return frozenset(self.thresholds.status)

    def _with_news(self, connection: sa.Connection, patient_ids: Sequence[int]) -> set[int]:
        return {int(row[0]) for row in fetch(connection, _unevaluated(), {"ids": list(patient_ids)})}

    def _mark(self, one: Asked) -> tuple[int, int, dt.date | None, str]:
        """What is noted of a patient computed; one for whom a rule failed stays due: the next run tries again."""
        looks = {key: date_of(day).isoformat() for key, day in one.looks.items()}
        again = one.look_again
        day = self.as_of if one.failed else None if again is None else date_of(again)
        return one.patient.id, one.patient.revision, day, orjson.dumps(looks).decode()

    def _close(self, gone: Sequence[int], fingerprint: str) -> None:
        """Those who left, what is as true as before, and the record of the run."""
        if self.is_partial and not gone:
            return
        with writing(self.engine) as session:
            if gone:
                forget(session.connection(), gone)
                forget_summaries(session.connection(), gone)
                self.decisions += leave(session, gone, now=self.now)
            if self.is_partial:
                return
            _still_true(session, self.as_of, self.failures.values())
            stand_again(session.connection(), due_again(session.connection(), self.as_of), self.as_of)
            failed = {
                one.rule: {"error": one.error, "patients": sorted(one.patients)} for one in self.failures.values()
            }
            computed = len(self.computed) + self.handed_out
            silent = [one.rule for one in self.failures.values() if len(one.patients) >= computed]
            note_asked(session, self.thresholds, self.as_of, broken=silent)
            session.add(
                EvaluationRun(
                    as_of=self.as_of,
                    full=self.whole,
                    started_at=self.now,
                    finished_at=self.now + dt.timedelta(seconds=seconds() - self.begun),
                    patients=self.patients,
                    computed=computed,
                    rules_failed=json.dumps(failed),
                    fingerprint=fingerprint,
                )
            )

    def report(self) -> EvaluationReport:
        """What the run did, without the list of assessments."""
        return EvaluationReport(
            as_of=self.as_of,
            full=self.whole,
            reconciled=True,
            patients=self.patients,
            computed=len(self.computed) + self.handed_out,
            assessments=[],
            decisions=self.decisions,
            failures=list(self.failures.values()),
            written=self.written,
        )


def _share(
    address: str,
    as_of: dt.date,
    timezone: str,
    now: dt.datetime,
    rules: Sequence[str] | None,
    patient_ids: Sequence[int],
) -> EvaluationReport:
    """What one worker does: its share of the patients, in a database it opens itself."""
    engine = engine_for(address)
    try:
        with words_of(engine, as_of):
            run = _Run(engine, as_of, timezone, now, rules, patient_ids, keep=False)
            run.go(full=True)
            return run.report()
    finally:
        engine.dispose()


@lru_cache(maxsize=1)
def _unevaluated() -> sa.Select[Any]:
    table: Any = Patient
    return sa.select(table.id).where(table.id.in_(listed("ids")), table.revision != table.evaluated_revision)


def _active_among(connection: sa.Connection, patient_ids: Sequence[int]) -> tuple[int, set[int]]:
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


def _still_true(session: Session, as_of: dt.date, failures: Iterable[Failure]) -> None:
    """Alerts of patients whose answers the run need not compute are as true as on the run before."""
    table: Any = Alert
    broken = {(who, one.rule) for one in failures for who in one.patients}
    statement = sa.update(Alert).where(
        table.ended_at.is_(None), table.cannot_tell_because.is_(None), table.last_true_on < as_of
    )
    if broken:
        statement = statement.where(sa.tuple_(table.patient_id, table.rule).not_in(sorted(broken)))
    session.execute(statement.values(last_true_on=as_of), execution_options={"synchronize_session": False})


def _fingerprint(thresholds: Thresholds, as_of: dt.date, feeds: Sequence[FeedSilence]) -> str:
    """Changes when an answer could change for every patient at once: rules, thresholds, own rows, a silent feed."""
    silent = silent_feeds(feeds, day_number(as_of), thresholds.clinic["overdue-labs"])
    said = thresholds.fingerprint + json.dumps(dict(sorted(silent.items()))) + vocabulary().own_words()
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _changed(connection: sa.Connection, last: EvaluationRun | None, as_of: dt.date) -> set[int]:
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


# ------------------------------------------------------------------------------------------------------ what was said


def documents(
    asked: Asked, thresholds: Thresholds, *, rules: Sequence[str] | None = None, all_states: bool = False
) -> list[dict[str, Any]]:
    """A patient's assessments in the shape other programs rely on: those met, or all.

    A rule that finds no words for one of its answers is noted in `asked.failed`, and none of its answers is shown.
    """
    index: dict[str, Any] = {}
    out: list[dict[str, Any]] = []
    for key, answers in asked.answers.items():
        if rules is not None and key not in rules:
            continue
        one: Rule = rule(key)
        parameters = thresholds.patients.get(key, {}).get(asked.patient.id, thresholds.clinic[key])
        status, mrn = thresholds.status[key], asked.patient.mrn
        try:
            out += [
                document(
                    answer, one, status, mrn, parameters, evidence_documents(asked.patient, answer.evidence, index)
                )
                for answer in answers
                if all_states or answer.state == MET
            ]
        except Exception as error:
            _no_words(asked, key, error)
    return out


def _no_words(asked: Asked, key: str, error: Exception) -> None:
    """A rule that finds no words for an answer has failed for the patient, visibly."""
    asked.failed[key] = told(error)
    log.warning("rule %s found no words: %s", key, asked.failed[key])


def in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Documents most pressing first."""
    return sorted(
        found,
        key=lambda one: (-severity_rank(one["severity"]), one["mrn"], one["rule"], one["subject"], one["state"]),
    )


def _collected(
    engine: Engine, run: _Run, rules: Sequence[str] | None, members: Sequence[int] | None, all_states: bool
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


def stored_documents(session: Session, *, rules: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The stored assessments that are met, of the whole panel."""
    query = select(Assessment, Patient.mrn).join(Patient, col(Patient.id) == col(Assessment.patient_id))
    query = query.where(Assessment.state == MET.value)
    if rules is not None:
        query = query.where(col(Assessment.rule).in_(list(rules)))
    return in_order([_stored_document(row, mrn) for row, mrn in session.exec(query)])


def _stored_document(row: Assessment, mrn: str) -> dict[str, Any]:
    numbers = orjson.loads(row.numbers)
    return {
        "mrn": mrn,
        "rule": row.rule,
        "rule_version": row.rule_version,
        "status": row.status,
        "subject": row.subject,
        "state": row.state,
        "grade": row.grade,
        "severity": row.severity,
        "since": row.since.isoformat() if row.since else None,
        "due": row.due.isoformat() if row.due else None,
        "recheck_on": row.recheck_on.isoformat() if row.recheck_on else None,
        "explanation": row.explanation,
        "clears_when": row.clears_when or None,
        "suggested_action": row.suggested_action or None,
        "evidence": orjson.loads(row.evidence),
        "cannot_tell_because": row.cannot_tell_because,
        **({"due_state": numbers["due_state"]} if "due_state" in numbers else {}),
        "numbers": numbers,
    }


def could_not_tell(session: Session, patient_ids: Sequence[int] | None = None) -> list[Assessment]:
    """Stored answers that could not be given, with the cause."""
    query = select(Assessment).where(Assessment.state == CANNOT_TELL.value, Assessment.status == "active")
    if patient_ids is not None:
        query = query.where(col(Assessment.patient_id).in_(list(patient_ids)))
    return list(session.exec(query))

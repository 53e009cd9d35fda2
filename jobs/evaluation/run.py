"""One evaluation that counts: block by block computed outside any write lock, and written in short blocks."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from jobs.alerting import Evaluated, leave, reconcile
from jobs.answer_row import AnswerRow, RowMaker
from jobs.assessing import Asked, Failure, ask
from jobs.evaluation.due import BLOCK, active_among, changed, fingerprint_of, last_run, unevaluated
from jobs.evaluation.report import EvaluationReport, note_failures
from jobs.evaluation.said import no_words
from jobs.rule import Answer, all_rules
from jobs.summary import summary_of
from jobs.switching_on import newly_asked, note_asked
from jobs.thresholds import thresholds_on
from jobs.workers import FEWEST, address_of, dealt
from models.alert import Alert
from models.answer_store import Key, digests, forget, mark_evaluated, unchanged_since, write
from models.assessment import EvaluationRun
from models.clock import seconds
from models.database import engine_for, snapshot, writing
from models.feeds import read_feeds
from models.own_vocabulary import words_of
from models.packed_facts import PackedFacts
from models.patient import Patient
from models.patient_facts import date_of
from models.patient_reading import keep_packed, read_patients
from models.patient_summary import forget_summaries, write_summaries
from models.rows import collector_paused, fetch
from models.standing import due_again, stand_again

MOST_TRIES = 5
"""A patient whose facts change this often while being computed is left to the next run."""


class Run:
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
        fingerprint = "" if self.is_partial else fingerprint_of(self.thresholds, self.as_of, self.feeds)
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
                self.patients, active = active_among(connection, self.members)
                return sorted(active), sorted(set(self.members) - active)
            last = last_run(session)
            status = {int(row[0]): row[1] for row in fetch(connection, sa.select(table.id, table.status))}
            active = {who for who, state in status.items() if state == "active"}
            self.patients = len(active)
            self.whole = full or last is None or last.fingerprint != fingerprint
            due = active if self.whole else active & changed(connection, last, self.as_of)
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
                note_failures(self.failures, one)
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
                    no_words(one, key, error)
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
        return {int(row[0]) for row in fetch(connection, unevaluated(), {"ids": list(patient_ids)})}

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
            run = Run(engine, as_of, timezone, now, rules, patient_ids, keep=False)
            run.go(full=True)
            return run.report()
    finally:
        engine.dispose()


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

"""Frames -> every rule -> assessments -> alerts: one run of the rules over the panel, isolated from one another.

A run computes only the patients for whom something is new or time has reached a `recheck_on`; it always ends in the
same state as a full run. A rule that fails for a patient fails for that patient only, and visibly.
"""

import datetime as dt
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.alerting import reconcile
from jobs.rule import CANNOT_TELL, COLUMNS, MET, NOT_MET, Rule, all_rules
from jobs.rules.overdue_labs import silent_feeds
from jobs.thresholds import Thresholds, thresholds_on
from models.alert import Alert
from models.assessment import Assessment, EvaluationRun
from models.clock import seconds
from models.database import reading, writing
from models.errors import UnknownPatient, UsageError, told
from models.event import ClinicalEvent
from models.frame_reading import HORIZON_DAYS, read_feeds, read_frames
from models.frames import Frames
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.rows import fetch
from models.rule_setting import RuleSetting
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep

log = logging.getLogger(__name__)

MOST_ISOLATED = 50
"""A rule that fails for more patients than this is taken to be broken for all of those not yet answered."""
CHUNK = 400
LARGEST_BLOCK = 12_000
BLOCK = 5_000
"""Patients computed at a time in a panel larger than `LARGEST_BLOCK`."""


@dataclass
class Failure:
    """A rule that could not answer for some patients."""

    rule: str
    error: str
    patients: list[int] = field(default_factory=list)


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

    @property
    def exit_code(self) -> int:
        """0 done; 1 done, but some rules failed."""
        return 1 if self.failures else 0


@dataclass
class Answers:
    """The assessment frames of a run, by rule, and what failed."""

    frames: dict[str, pd.DataFrame]
    failures: list[Failure]


def assess(frames: Frames, thresholds: Thresholds, rules: Collection[str] | None = None) -> Answers:
    """Run every rule that is not a draft or retired (or those named) over the frames. Pure: no database, no clock."""
    failures: list[Failure] = []
    answers: dict[str, pd.DataFrame] = {}
    wanted = _with_what_they_read(rules) if rules is not None else None
    for rule in all_rules():
        if wanted is not None and rule.key not in wanted:
            continue
        if wanted is None and thresholds.status[rule.key] not in {"active", "shadow"}:
            continue
        own = thresholds.patients.get(rule.key, {})
        inside = [who for who in own if who in frames.patients.index]
        if not inside:
            answer = _isolated(rule, frames, thresholds.clinic[rule.key], failures)
        else:
            rest = frames.patients.index.difference(pd.Index(inside))
            parts = [_isolated(rule, frames.only(rest.tolist()), thresholds.clinic[rule.key], failures)]
            parts += [_isolated(rule, frames.only([who]), own[who], failures) for who in inside]
            answer = (
                pd.concat([part for part in parts if len(part)], ignore_index=True)
                if any(map(len, parts))
                else parts[0]
            )
        frames.assessments[rule.key] = answer
        answers[rule.key] = answer
    return Answers(answers, failures)


def _with_what_they_read(keys: Collection[str]) -> set[str]:
    known = {rule.key: rule for rule in all_rules()}
    wanted: set[str] = set()
    todo = list(keys)
    while todo:
        key = todo.pop()
        if key not in wanted:
            wanted.add(key)
            todo += known[key].after
    return wanted


def _isolated(rule: Rule, frames: Frames, parameters: Any, failures: list[Failure]) -> pd.DataFrame:
    """The rule's answer; where it raises, halve the panel until only the patients it cannot answer for are left out."""
    try:
        return rule.on_frames(frames, frames.as_of, parameters)
    except Exception as error:
        reason = told(error)
        log.warning("rule %s failed for %d patients: %s", rule.key, len(frames.patients), reason)
    people = frames.patients.index.tolist()
    failure = next((found for found in failures if found.rule == rule.key), None)
    if failure is None:
        failure = Failure(rule.key, reason)
        failures.append(failure)
    if len(people) <= 1 or len(failure.patients) > MOST_ISOLATED:
        failure.patients += people
        return pd.DataFrame({name: [] for name in COLUMNS})
    half = len(people) // 2
    parts = [_isolated(rule, frames.only(part), parameters, failures) for part in (people[:half], people[half:])]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else parts[0]


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
    dry_run: bool = False,
    all_states: bool = False,
    overrides: dict[str, dict[str, Any]] | None = None,
    collect: bool = True,
) -> EvaluationReport:
    """Run the rules for the clinic day `as_of` and bring the alerts into agreement with the answers.

    An evaluation for a day before the last one, or with `known_at`, is a look at the past: always full, and it
    changes no alert. `rules` and `mrns` restrict the run. `collect` false leaves out the list of assessments. `now` is
    the instant at which the run begins, whatever the machine's clock says.

    Raises:
        UsageError: an unknown rule. UnknownPatient: an unknown record number.
    """
    known_rules = {rule.key for rule in all_rules()}
    for key in rules or ():
        if key not in known_rules:
            raise UsageError(f"There is no rule {key!r}. Rules: {', '.join(sorted(known_rules))}.")
    with reading(engine) as session:
        last = _last_run(session)
        past = known_at is not None or (last is not None and as_of < last.as_of)
        view = dry_run or past or bool(overrides)
    if view:
        with reading(engine) as session:
            return _view(session, as_of, timezone, known_at, rules, mrns, all_states, overrides)
    with writing(engine) as session:
        return _run(session, as_of, timezone, full, rules, mrns, all_states, collect, now)


def _last_run(session: Session) -> EvaluationRun | None:
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


def _view(
    session: Session,
    as_of: dt.date,
    timezone: str,
    known_at: dt.datetime | None,
    rules: Sequence[str] | None,
    mrns: Sequence[str] | None,
    all_states: bool,
    overrides: dict[str, dict[str, Any]] | None,
) -> EvaluationReport:
    thresholds = thresholds_on(session, as_of, overrides)
    members = _ids_of(session, mrns)
    frames = read_frames(
        session.connection(),
        as_of,
        timezone=timezone,
        known_at=known_at,
        patient_ids=members,
        horizon_days=HORIZON_DAYS,
    )
    answers = assess(frames, thresholds, rules)
    return EvaluationReport(
        as_of=as_of,
        full=True,
        reconciled=False,
        patients=len(frames.patients),
        computed=len(frames.patients),
        assessments=documents(frames, answers, thresholds, rules=rules, all_states=all_states),
        decisions=Counter(),
        failures=answers.failures,
    )


def _run(
    session: Session,
    as_of: dt.date,
    timezone: str,
    full: bool,
    rules: Sequence[str] | None,
    mrns: Sequence[str] | None,
    all_states: bool,
    collect: bool,
    now: dt.datetime,
) -> EvaluationReport:
    begun = seconds()
    connection = session.connection()
    thresholds = thresholds_on(session, as_of)
    partial = rules is not None or mrns is not None
    members = _ids_of(session, mrns)
    last = _last_run(session)
    feeds = read_feeds(connection, as_of, timezone=timezone)
    fingerprint = _fingerprint(thresholds, as_of, feeds)
    people: Any = Patient
    everyone: dict[int, str] = {
        int(row[0]): str(row[1]) for row in connection.execute(sa.select(people.id, people.status))
    }
    active = sorted(who for who, status in everyone.items() if status == "active")
    left = sorted(set(everyone) - set(active))
    whole = members is None and (full or last is None or last.fingerprint != fingerprint)
    if members is not None:
        todo = [who for who in members if everyone.get(who) == "active"]
    else:
        todo = active if whole else sorted(_changed(connection, last, as_of) & set(active))
    failures: dict[str, Failure] = {}
    decisions: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    computed = 0
    for block in _blocks(todo, whole):
        frames = read_frames(
            connection, as_of, timezone=timezone, patient_ids=block, horizon_days=HORIZON_DAYS, feeds=feeds
        )
        answers = assess(frames, thresholds, rules)
        inside = frames.patients.index.tolist()
        failed = {failure.rule: set(failure.patients) for failure in answers.failures}
        evaluated: dict[str, set[int] | None] = {
            key: failed.get(key) for key in answers.frames if rules is None or key in rules
        }
        if rules is None:
            # A rule that was switched off has nothing more to say about anybody.
            evaluated |= {key: None for key, status in thresholds.status.items() if status in {"draft", "retired"}}
        rows = stored_rows(frames, answers, thresholds, rules)
        _store(session, rows, evaluated, inside)
        decisions += reconcile(
            session,
            {key: row for key, row in rows.items() if row["state"] != NOT_MET and row["status"] == "active"},
            patient_ids=inside,
            rules_evaluated=evaluated,
            left=(),
            thresholds=thresholds,
            as_of=as_of,
            now=now,
        )
        for failure in answers.failures:
            failures.setdefault(failure.rule, Failure(failure.rule, failure.error)).patients += failure.patients
        if not partial:
            # A patient for whom a rule failed stays due, so that the next run tries again.
            broken = set().union(*failed.values()) if failed else set()
            _mark_evaluated(connection, [who for who in inside if who not in broken])
        if collect and (all_states or members is not None):
            found += documents(frames, answers, thresholds, rules=rules, all_states=all_states)
        computed += len(inside)
    if not partial:
        _still_true(connection, as_of, set(todo))
    if members is None or left:
        gone = left if members is None else sorted(set(members) & set(left))
        _forget(connection, gone)
        decisions += reconcile(
            session, {}, patient_ids=(), rules_evaluated={}, left=gone, thresholds=thresholds, as_of=as_of, now=now
        )
    if not partial:
        session.add(
            EvaluationRun(
                as_of=as_of,
                full=whole,
                started_at=now,
                finished_at=now + dt.timedelta(seconds=seconds() - begun),
                patients=len(active),
                computed=computed,
                rules_failed=json.dumps(
                    {one.rule: {"error": one.error, "patients": sorted(one.patients)} for one in failures.values()}
                ),
                fingerprint=fingerprint,
            )
        )
    session.flush()
    if collect and members is None:
        if not all_states:
            found = stored_documents(session, rules=rules)
        elif not whole:
            report = _view(session, as_of, timezone, None, rules, None, all_states, None)
            found = report.assessments
    return EvaluationReport(
        as_of=as_of,
        full=whole,
        reconciled=True,
        patients=len(active),
        computed=computed,
        assessments=_sorted(found),
        decisions=decisions,
        failures=list(failures.values()),
    )


def _still_true(connection: sa.Connection, as_of: dt.date, computed: set[int]) -> None:
    """Alerts of patients whose answers this run need not compute are as true as on the run before."""
    table: Any = Alert
    query = sa.select(table.id, table.patient_id).where(
        table.ended_at.is_(None), table.cannot_tell_because.is_(None), table.last_true_on < as_of
    )
    alerts = [int(row[0]) for row in connection.execute(query) if int(row[1]) not in computed]
    for start in range(0, len(alerts), CHUNK):
        connection.execute(
            sa.update(Alert).where(table.id.in_(alerts[start : start + CHUNK])).values(last_true_on=as_of),
            execution_options={"synchronize_session": False},
        )


def _blocks(todo: Sequence[int], whole: bool) -> Iterator[list[int] | None]:
    """The patients to compute, in parts that bound the memory a run needs; None stands for the whole panel at once."""
    if whole and len(todo) <= LARGEST_BLOCK:
        yield None
        return
    for start in range(0, len(todo), BLOCK):
        yield list(todo[start : start + BLOCK])


def _fingerprint(thresholds: Thresholds, as_of: dt.date, feeds: pd.DataFrame) -> str:
    """Changes when an answer could change for every patient at once: rules, thresholds, a feed that fell silent."""
    overdue = thresholds.clinic.get("overdue-labs")
    silent = silent_feeds(feeds, as_of, overdue) if overdue else {}
    said = thresholds.fingerprint() + json.dumps({key: str(day) for key, day in sorted(silent.items())})
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _changed(connection: sa.Connection, last: EvaluationRun | None, as_of: dt.date) -> set[int]:
    """Patients with something new, or for whom time has reached a date on which an answer may change."""
    if last is None:
        return set()
    patient, before = col(Patient.id), last.as_of
    queries: list[Any] = [
        sa.select(patient).where(col(Patient.revision) != col(Patient.evaluated_revision)),
        sa.select(col(Assessment.patient_id)).where(col(Assessment.recheck_on) <= as_of),
    ]
    if as_of > before:

        def between(column: Any, *, shift: int = 0) -> Any:
            delta = dt.timedelta(days=shift)
            return sa.and_(column > before - delta, column <= as_of - delta)

        current = sa.select(col(Observation.patient_id)).where(col(Observation.known_to).is_(None))
        taken = sa.select(col(MedicationStatement.patient_id)).where(col(MedicationStatement.known_to).is_(None))
        happened = sa.select(col(ClinicalEvent.patient_id)).where(col(ClinicalEvent.known_to).is_(None))
        paused = sa.select(col(MonitoringPause.patient_id))
        planned = sa.select(col(TaperPlan.patient_id)).join(TaperStep, col(TaperStep.plan_id) == col(TaperPlan.id))
        settings = sa.select(col(RuleSetting.patient_id)).where(col(RuleSetting.patient_id).is_not(None))
        queries += [
            # Facts entered ahead of their day.
            current.where(between(col(Observation.effective_on))),
            taken.where(between(col(MedicationStatement.start_on))),
            taken.where(between(col(MedicationStatement.end_on), shift=1)),
            happened.where(between(col(ClinicalEvent.occurred_on))),
            happened.where(between(col(ClinicalEvent.end_on), shift=1)),
            paused.where(between(col(MonitoringPause.start_on))),
            paused.where(between(col(MonitoringPause.until), shift=1)),
            planned.where(sa.or_(between(col(TaperStep.start_on)), between(col(TaperPlan.agreed_on)))),
            settings.where(sa.or_(between(col(RuleSetting.valid_from)), between(col(RuleSetting.expires_on), shift=1))),
            # A birthday may change which limits hold.
            *(
                sa.select(patient).where(
                    col(Patient.birth_date) > _years_before(before, years),
                    col(Patient.birth_date) <= _years_before(as_of, years),
                )
                for years in (4, 16, 18, 40)
            ),
        ]
    return {int(row[0]) for query in queries for row in connection.execute(query)}


def _years_before(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


def _day(value: Any) -> dt.date | None:
    if value is None or value != value:
        return None
    stamp = np.datetime64(value, "D")
    return None if np.isnat(stamp) else dt.date.fromisoformat(str(stamp))


def _plain(value: Any) -> Any:
    """A cell as JSON-ready data."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return None if value != value else float(value)
    if isinstance(value, np.datetime64 | pd.Timestamp | dt.date):
        day = _day(value)
        return day.isoformat() if day else None
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if pd.isna(value):
        return None
    return str(value)


def _iterate(answer: pd.DataFrame, places: Iterable[int]) -> Iterable[dict[str, Any]]:
    """Rows of an assessment frame as dictionaries, without building a Series for each."""
    columns = {name: answer[name].to_numpy() for name in answer.columns}
    for place in places:
        yield {name: values[place] for name, values in columns.items()}


class _FactBook:
    """Looks up the facts an assessment names: `o17` -> {"kind": "observation", "id": 17, "measure": ...}."""

    def __init__(self, frames: Frames, wanted: set[str]) -> None:
        self.facts: dict[str, dict[str, Any]] = {}
        observed = np.array(sorted(int(fact[1:]) for fact in wanted if fact[0] == "o"), dtype="int64")
        from models.vocabulary import canonical_unit

        for key, rows in frames.by_measure.items():
            part = rows[np.isin(rows["id"].to_numpy(), observed)] if len(observed) else rows.iloc[:0]
            for one in _iterate(part, range(len(part))):
                value = float(one["value"])
                self.facts[f"o{one['id']}"] = {
                    "kind": "observation",
                    "id": int(one["id"]),
                    "measure": key,
                    "value": int(value) if value == int(value) else value,
                    "unit": canonical_unit(key),
                    "date": str(np.datetime64(one["day"], "D")),
                    **({"comparator": one["comparator"]} if one["comparator"] else {}),
                    **({"upper_limit": float(one["upper_limit"])} if one["upper_limit"] == one["upper_limit"] else {}),
                    **({"assay": one["assay"]} if one["assay"] else {}),
                    **({"assessor": one["assessor"]} if one["assessor"] else {}),
                }
        for one in _iterate(
            frames.medications, range(len(frames.medications)) if any(f[0] == "m" for f in wanted) else ()
        ):
            if f"m{one['id']}" in wanted:
                self.facts[f"m{one['id']}"] = {
                    "kind": "medication",
                    "id": int(one["id"]),
                    "drug": one["drug"],
                    "value": float(one["dose"]),
                    "unit": one["unit"],
                    "date": str(np.datetime64(one["start"], "D")),
                    "frequency": one["frequency"],
                    "end": _plain(one["end"]),
                }
        for one in _iterate(frames.events, range(len(frames.events)) if any(f[0] == "e" for f in wanted) else ()):
            if f"e{one['id']}" in wanted:
                self.facts[f"e{one['id']}"] = {
                    "kind": "event",
                    "id": int(one["id"]),
                    "event": one["event"],
                    "value": "present" if one["present"] else "absent",
                    "unit": None,
                    "date": str(np.datetime64(one["day"], "D")),
                }

    def of(self, evidence: Iterable[str]) -> list[dict[str, Any]]:
        return [self.facts[fact] for fact in evidence if fact in self.facts]


def stored_rows(
    frames: Frames, answers: Answers, thresholds: Thresholds, rules: Sequence[str] | None, *, explain_all: bool = False
) -> dict[tuple[int, str, str], dict[str, Any]]:
    """Every answer as a row to store, by (patient id, rule, subject); sentences and evidence only where read."""
    known = {rule.key: rule for rule in all_rules()}
    wanted: set[str] = set()
    for key, answer in answers.frames.items():
        if (rules is None or key in rules) and len(answer):
            telling = np.ones(len(answer), dtype=bool) if explain_all else answer["state"].to_numpy() != NOT_MET
            for facts in answer["evidence"].to_numpy()[telling]:
                wanted.update(facts)
    book = _FactBook(frames, wanted)
    out: dict[tuple[int, str, str], dict[str, Any]] = {}
    for key, answer in answers.frames.items():
        if (rules is not None and key not in rules) or not len(answer):
            continue
        rule = known[key]
        own_names = [name for name in answer.columns if name not in COLUMNS]
        people = thresholds.patients.get(key, {})
        days: dict[str, list[dt.date | None]] = {
            name: answer[name].to_numpy().astype("datetime64[D]").tolist() for name in ("since", "due", "recheck_on")
        }
        columns = {name: answer[name].to_numpy() for name in answer.columns}
        own = {
            name: (
                [None if text == "NaT" else text for text in columns[name].astype("datetime64[D]").astype(str).tolist()]
                if columns[name].dtype.kind == "M"
                else columns[name].tolist()
            )
            for name in own_names
        }
        patients = columns["patient_id"].tolist()
        for place, patient in enumerate(patients):
            state = columns["state"][place]
            telling = explain_all or state != NOT_MET
            subject = str(columns["subject"][place])
            numbers = {name: _number_or_none(values[place]) for name, values in own.items()}
            row: dict[str, Any] = {
                "patient_id": patient,
                "rule": key,
                "rule_version": rule.version,
                "status": thresholds.status[key],
                "subject": subject,
                "state": state,
                "grade": columns["grade"][place],
                "severity": columns["severity"][place],
                "since": days["since"][place],
                "due": days["due"][place],
                "recheck_on": days["recheck_on"][place],
                "explanation": "",
                "clears_when": "",
                "suggested_action": "",
                "cannot_tell_because": columns["cannot_tell_because"][place],
                "evidence": "[]",
                "numbers": orjson.dumps(numbers).decode(),
            }
            if telling:
                parameters = people.get(patient, thresholds.clinic[key])
                cells = {name: columns[name][place] for name in answer.columns}
                row["explanation"] = rule.explain(cells, parameters)
                row["clears_when"] = rule.clears_when if state != NOT_MET else ""
                row["suggested_action"] = rule.suggested_action(cells, parameters)
                row["evidence"] = orjson.dumps(book.of(columns["evidence"][place])).decode()
            out[patient, key, subject] = row
    return out


def _number_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def documents(
    frames: Frames,
    answers: Answers,
    thresholds: Thresholds,
    *,
    rules: Sequence[str] | None = None,
    all_states: bool = False,
) -> list[dict[str, Any]]:
    """Assessments in the shape other programs rely on: those met, or all."""
    rows = stored_rows(frames, answers, thresholds, rules, explain_all=all_states)
    mrn = frames.patients["mrn"].to_dict()
    chosen = [row for row in rows.values() if all_states or row["state"] == MET]
    return _sorted([document(row, mrn[row["patient_id"]]) for row in chosen])


def document(row: Mapping[str, Any], mrn: str) -> dict[str, Any]:
    """One assessment in the shape other programs rely on; a due-date rule's row says its `due_state` too."""
    numbers = json.loads(row["numbers"])
    return {
        "mrn": mrn,
        "rule": row["rule"],
        "rule_version": row["rule_version"],
        "status": row["status"],
        "subject": row["subject"],
        "state": row["state"],
        "grade": row["grade"],
        "severity": row["severity"],
        "since": row["since"].isoformat() if row["since"] else None,
        "due": row["due"].isoformat() if row["due"] else None,
        "recheck_on": row["recheck_on"].isoformat() if row["recheck_on"] else None,
        "explanation": row["explanation"],
        "clears_when": row["clears_when"] or None,
        "suggested_action": row["suggested_action"] or None,
        "evidence": json.loads(row["evidence"]),
        "cannot_tell_because": row["cannot_tell_because"],
        **({"due_state": numbers["due_state"]} if "due_state" in numbers else {}),
        "numbers": numbers,
    }


def _sorted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    order = {"urgent": 0, "action": 1, "watch": 2}
    return sorted(
        found, key=lambda one: (order.get(one["severity"], 3), one["mrn"], one["rule"], one["subject"], one["state"])
    )


def stored_documents(session: Session, *, rules: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The stored assessments that are met, of the whole panel."""
    query = select(Assessment, Patient.mrn).join(Patient, col(Patient.id) == col(Assessment.patient_id))
    query = query.where(Assessment.state == MET)
    if rules is not None:
        query = query.where(col(Assessment.rule).in_(list(rules)))
    return _sorted([document(row.model_dump(), mrn) for row, mrn in session.exec(query)])


STORED = (
    "rule_version",
    "status",
    "state",
    "grade",
    "severity",
    "since",
    "due",
    "recheck_on",
    "explanation",
    "clears_when",
    "suggested_action",
    "cannot_tell_because",
    "evidence",
    "numbers",
)


def _store(
    session: Session,
    rows: dict[tuple[int, str, str], dict[str, Any]],
    evaluated: Mapping[str, set[int] | None],
    computed: list[int],
) -> None:
    """Write the answers that changed; delete those of rules that no longer speak of a patient and subject."""
    connection = session.connection()
    table: Any = Assessment
    old: dict[tuple[int, str, str], tuple[int, str]] = {}
    query = sa.select(table.id, table.patient_id, table.rule, table.subject, table.digest)
    for start in range(0, len(computed), CHUNK):
        for found in fetch(connection, query.where(table.patient_id.in_(computed[start : start + CHUNK]))):
            old[int(found[1]), str(found[2]), str(found[3])] = int(found[0]), str(found[4])
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for key, row in rows.items():
        digest = hashlib.blake2b(repr([row[name] for name in STORED]).encode(), digest_size=12).hexdigest()
        before = old.pop(key, None)
        if before is None:
            fresh.append({**row, "digest": digest})
        elif before[1] != digest:
            changed.append({**row, "digest": digest, "row_id": before[0]})
    known = {rule.key for rule in all_rules()}
    obsolete = [
        identifier
        for (patient, rule, _), (identifier, _) in old.items()
        if rule not in known or (rule in evaluated and patient not in (evaluated[rule] or ()))
    ]
    if fresh:
        connection.execute(sa.insert(Assessment), fresh)
    if changed:
        names = (*STORED, "digest")
        connection.execute(
            sa.update(Assessment)
            .where(table.id == sa.bindparam("row_id"))
            .values({name: sa.bindparam(f"new_{name}") for name in names}),
            [{f"new_{name}": one[name] for name in names} | {"row_id": one["row_id"]} for one in changed],
            execution_options={"synchronize_session": False},
        )
    for start in range(0, len(obsolete), CHUNK):
        connection.execute(sa.delete(Assessment).where(table.id.in_(obsolete[start : start + CHUNK])))


def _forget(connection: sa.Connection, patient_ids: Sequence[int]) -> None:
    """Patients who left have no answers any more."""
    table: Any = Assessment
    for start in range(0, len(patient_ids), CHUNK):
        connection.execute(sa.delete(Assessment).where(table.patient_id.in_(patient_ids[start : start + CHUNK])))


def _mark_evaluated(connection: sa.Connection, patient_ids: Sequence[int]) -> None:
    table: Any = Patient
    statement = sa.update(Patient).values(evaluated_revision=table.revision)
    statement = statement.where(table.revision != table.evaluated_revision)
    for start in range(0, len(patient_ids), CHUNK):
        connection.execute(statement.where(table.id.in_(patient_ids[start : start + CHUNK])))


def could_not_tell(session: Session, patient_ids: Sequence[int] | None = None) -> list[Assessment]:
    """Stored answers that could not be given, with the cause."""
    query = select(Assessment).where(Assessment.state == CANNOT_TELL, Assessment.status == "active")
    if patient_ids is not None:
        query = query.where(col(Assessment.patient_id).in_(list(patient_ids)))
    return list(session.exec(query))

"""What the rules would have said, day by day, as known each day: the burden of a rule before it is switched on.

For each day the facts are those received by the end of it, results corrected later still in their first version; alerts
open and settle as in a live clinic in which nobody acts on them. A patient's facts are read once in all their versions,
and computed only on days that bring something. A patient's status (active, discharged) has no history: today's active
patients are replayed.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.assessing import Asked, ask
from jobs.rule import MET, NOT_MET, all_rules
from jobs.rules.overdue_labs import silent_feeds
from jobs.thresholds import Thresholds, thresholds_on
from jobs.workers import FEWEST, address_of, dealt, hands
from models.clock import end_of_day
from models.database import engine_for, snapshot
from models.errors import UsageError
from models.feeds import read_feeds
from models.own_vocabulary import words_of
from models.patient import Patient
from models.patient_facts import FeedSilence, date_of, day_number
from models.patient_versions import PatientVersions, read_versions
from models.rows import collector_paused
from models.rule_setting import RuleSetting, RuleStatusChange
from models.vocabulary import Vocabulary, holding, vocabulary

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
    workers: int = 1,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Evaluate every day from `first` to `last` with the knowledge of its evening.

    `workers` processes, or the Dask cluster of a `scheduler`, come to the same together.

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
    asked = _Question(first, last, timezone, rules, overrides)
    with snapshot(engine) as connection, Session(bind=connection, autoflush=False) as session:
        table_of_people: Any = Patient
        query = sa.select(table_of_people.id).where(table_of_people.status == "active").order_by(table_of_people.id)
        active = [int(row[0]) for row in connection.execute(query)]
        people = len(active)
        with hands(workers, scheduler) as executor:
            if executor is None or people < FEWEST:
                parts = [_play(session, asked, active)]
            else:
                share = partial(_share, address_of(engine), asked)
                parts = list(executor.map(share, dealt(active, max(workers, 2))))
        mrn = {int(row[0] or 0): row[1] for row in session.execute(sa.select(col(Patient.id), col(Patient.mrn)))}
    episodes, failures = _together(parts)
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


@dataclass(frozen=True)
class _Day:
    """What is the same for every patient on a day of the past."""

    day: dt.date
    today: int
    evening: float
    thresholds: Thresholds
    feeds: Sequence[FeedSilence]
    words: Vocabulary
    news: bool
    """Whether the answers of all patients may differ from the day before: thresholds, own rows, a feed gone silent."""


@dataclass(frozen=True)
class _Question:
    """What is replayed: from when to when, in which zone, which rules, with which thresholds."""

    first: dt.date
    last: dt.date
    timezone: str
    rules: list[str] | None
    overrides: dict[str, dict[str, Any]] | None


Failures = Counter[tuple[dt.date, str, str]]
"""For how many patients a rule failed, by day, rule and error."""


def _play(session: Session, asked: _Question, patient_ids: Sequence[int]) -> tuple[list[Episode], Failures]:
    connection = session.connection()
    days = list(_days(session, asked.first, asked.last, asked.timezone, asked.overrides))
    settings = _settings_change(connection)
    episodes: list[Episode] = []
    failures: Failures = Counter()
    for patient in read_versions(connection, patient_ids, timezone=asked.timezone):
        with collector_paused():
            episodes += _of_one(patient, days, settings.get(patient.id, set()), asked.rules, failures)
    return episodes, failures


def _share(address: str, asked: _Question, patient_ids: Sequence[int]) -> tuple[list[Episode], Failures]:
    """What one worker does: its share of the patients, in a database it opens itself."""
    engine = engine_for(address)
    try:
        with snapshot(engine) as connection, Session(bind=connection, autoflush=False) as session:
            return _play(session, asked, patient_ids)
    finally:
        engine.dispose()


def _together(parts: Iterable[tuple[list[Episode], Failures]]) -> tuple[list[Episode], list[dict[str, Any]]]:
    """The episodes of all workers in order, and what failed as data."""
    episodes: list[Episode] = []
    failures: Failures = Counter()
    for some, failed in parts:
        episodes += some
        failures += failed
    episodes.sort(key=lambda one: (one.opened_on, one.patient_id, one.rule, one.subject))
    told = [
        {"day": day.isoformat(), "rule": key, "error": error, "patients": count}
        for (day, key, error), count in sorted(failures.items())
    ]
    return episodes, told


def _of_one(
    patient: PatientVersions,
    days: Sequence[_Day],
    settings: set[int],
    rules: Sequence[str] | None,
    failures: Failures,
) -> list[Episode]:
    """One patient's alerts, day by day: computed only on days that bring something."""
    changes = patient.changes() | settings
    episodes: list[Episode] = []
    running: dict[tuple[str, str], Episode] = {}
    before: Asked | None = None
    look_again: int | None = None
    for one in days:
        new = before is None or one.news or one.today in changes or _reached(before.patient.ahead, one.today)
        if not (new or _reached(look_again, one.today)):
            continue
        with holding(one.words):
            facts = patient.facts(one.today, one.evening, feeds=one.feeds)
            before = asked = ask(facts, one.thresholds, rules, before=None if new else before)
        look_again = one.today + 1 if asked.failed else asked.look_again
        for key, error in asked.failed.items():
            failures[one.day, key, error] += 1
        told = {
            (key, answer.subject): answer
            for key, answers in asked.answers.items()
            if (key in rules if rules is not None else one.thresholds.status[key] == "active")
            for answer in answers
            if answer.state != NOT_MET
        }
        for identity in [name for name in running if name not in told and name[0] not in asked.failed]:
            running.pop(identity).settled_on = one.day
        for identity, answer in sorted(told.items()):
            if answer.state == MET and identity not in running:
                since = None if answer.since is None else date_of(answer.since)
                severity = answer.severity.value if answer.severity else None
                running[identity] = Episode(patient.id, *identity, one.day, severity, since)
                episodes.append(running[identity])
    return episodes


def _reached(day: int | None, today: int) -> bool:
    return day is not None and day <= today


def _days(
    session: Session, first: dt.date, last: dt.date, timezone: str, overrides: dict[str, dict[str, Any]] | None
) -> Iterator[_Day]:
    connection = session.connection()
    fixed = (
        session.exec(select(RuleSetting.id)).first() is None
        and session.exec(select(RuleStatusChange.id)).first() is None
    )
    thresholds = thresholds_on(session, first, overrides)
    before = None
    day = first
    while day <= last:
        evening = end_of_day(day, timezone)
        if not fixed:
            thresholds = thresholds_on(session, day, overrides)
        today = day_number(day)
        # A row holds from its day on whenever it was recorded, like a threshold.
        with words_of(connection, day):
            words = vocabulary()
            feeds = read_feeds(connection, day, timezone=timezone, known_at=evening)
            silent = sorted(silent_feeds(feeds, today, thresholds.clinic["overdue-labs"]).items())
        state = thresholds.fingerprint, silent, words.own_words()
        yield _Day(day, today, evening.timestamp(), thresholds, feeds, words, state != before)
        before = state
        day += dt.timedelta(days=1)


def _settings_change(connection: sa.Connection) -> dict[int, set[int]]:
    """By patient, the days on which a threshold of their own begins, or has just ended."""
    found: dict[int, set[int]] = defaultdict(set)
    setting: Any = RuleSetting
    query = sa.select(setting.patient_id, setting.valid_from, setting.expires_on).where(setting.patient_id.is_not(None))
    for who, begins, ends in connection.execute(query):
        found[who].add(day_number(begins))
        if ends is not None:
            found[who].add(day_number(ends) + 1)
    return found

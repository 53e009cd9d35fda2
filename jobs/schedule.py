"""What runs by itself and when: the table of jobs as plain data, and the arithmetic of their slots.

A slot is the moment at which a job is due. It is what the record of runs is kept by: a slot that was run to success
never runs again, and after a stand-still only the newest slot of each job is made up for. All cadences are given in
clinic time. Nothing starts by itself between 01:00 and 03:59, the hours that clock changes repeat or leave out; the
slots of a job that runs every so many minutes are counted in elapsed time from 04:00 of the clinic's day.

Everything here is told the time; nothing reads the clock.
"""

import calendar
import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine
from sqlmodel import Session

from models.clock import clinic_date
from models.database import writing
from models.errors import UsageError
from models.settings import Settings

log = logging.getLogger(__name__)

QUIET_FROM, QUIET_TO = dt.time(1), dt.time(4)
"""Clinic hours in which nothing starts by itself: [01:00, 04:00)."""


# ------------------------------------------------------------------------------------------------------------- cadences


@dataclass(frozen=True)
class Every:
    """Every so many minutes of elapsed time from 04:00 of a clinic day until 01:00 of the next."""

    minutes: int

    def __post_init__(self) -> None:
        if self.minutes < 1:
            raise ValueError("a job cannot be due more often than once a minute")

    def newest(self, day: dt.date, until: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The last slot of clinic day `day` at or before the instant `until`, or None."""
        first, end = self._span(day, zone)
        last = min(until, end - dt.timedelta(microseconds=1))
        if last < first:
            return None
        step = dt.timedelta(minutes=self.minutes)
        return first + (last - first) // step * step

    def after(self, day: dt.date, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The first slot of clinic day `day` after the instant `now`, or None."""
        first, end = self._span(day, zone)
        before = self.newest(day, now, zone)
        coming = first if before is None else before + dt.timedelta(minutes=self.minutes)
        return coming if now < coming < end else None

    def _span(self, day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        return _instant(day, QUIET_TO, zone), _instant(day + dt.timedelta(days=1), QUIET_FROM, zone)

    def __str__(self) -> str:
        if self.minutes % 60:
            return f"every {self.minutes} minutes"
        return "every hour" if self.minutes == 60 else f"every {self.minutes // 60} hours"


@dataclass(frozen=True)
class Daily:
    """Once a clinic day, at a time outside the hours of clock changes."""

    at: dt.time

    def __post_init__(self) -> None:
        if QUIET_FROM <= self.at < QUIET_TO:
            raise ValueError(f"{self.at:%H:%M} lies in the hours that clock changes repeat or leave out")

    def newest(self, day: dt.date, until: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The slot of clinic day `day` if it lies at or before the instant `until`."""
        slot = _instant(day, self.at, zone)
        return slot if slot <= until else None

    def after(self, day: dt.date, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The slot of clinic day `day` if it lies after the instant `now`."""
        slot = _instant(day, self.at, zone)
        return slot if slot > now else None

    def __str__(self) -> str:
        return f"daily at {self.at:%H:%M}"


@dataclass(frozen=True)
class Weekly:
    """Once a week, on a clinic day (0 is Monday), at a time outside the hours of clock changes."""

    weekday: int
    at: dt.time

    def __post_init__(self) -> None:
        Daily(self.at)

    def newest(self, day: dt.date, until: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The slot of clinic day `day` if it is the day of the week and the slot lies at or before `until`."""
        return Daily(self.at).newest(day, until, zone) if day.weekday() == self.weekday else None

    def after(self, day: dt.date, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
        """The slot of clinic day `day` if it is the day of the week and the slot lies after the instant `now`."""
        return Daily(self.at).after(day, now, zone) if day.weekday() == self.weekday else None

    def __str__(self) -> str:
        return f"weekly on {calendar.day_name[self.weekday]} at {self.at:%H:%M}"


Cadence = Every | Daily | Weekly


def _instant(day: dt.date, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, at, zone).astimezone(dt.UTC)


# ----------------------------------------------------------------------------------------------------------------- jobs


@dataclass(frozen=True)
class Outcome:
    """How a job's work ended: how many rows it was about, a sentence without patient data, figures for the record."""

    rows: int = 0
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    status: Literal["succeeded", "partly"] = "succeeded"


@dataclass(frozen=True)
class Work:
    """What a job is told. Nothing in it need be asked of the outside: neither the clock nor the environment."""

    engine: Engine
    settings: Settings
    as_of: dt.date
    now: dt.datetime
    slot: dt.datetime | None
    """The moment it was due; None when a person started it."""
    finish: Callable[[Session, Outcome], None]
    """Record the end of the run in the caller's own transaction, so that work and record stand or fall together."""


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    key: str
    title: str
    cadence: Cadence
    function: Callable[[Work], Outcome]
    late_after: dt.timedelta
    """How long after a slot without a success people are told."""
    at_start: bool = False
    """Whether a new installation runs it at once, or waits for its first slot."""


def _evaluate(work: Work) -> Outcome:
    # Imported here because listing the jobs, as every page does, needs no data frames.
    from jobs.evaluation import evaluate

    report = evaluate(work.engine, work.as_of, timezone=work.settings.timezone, collect=False, now=work.now)
    failed = sorted({failure.rule for failure in report.failures})
    message = f"could not be evaluated for everybody: {', '.join(failed)}" if failed else ""
    if not report.reconciled:
        message = f"nothing changed: the panel has been evaluated for a later day than {work.as_of}"
    return Outcome(
        rows=report.computed,
        message=message,
        detail={"patients": report.patients, "computed": report.computed, "full": report.full, "rules_failed": failed},
        status="partly" if failed else "succeeded",
    )


def _check(work: Work) -> Outcome:
    """Everybody computed anew must come to what was computed step by step; what differs is mended, and said loudly."""
    from jobs.evaluation import evaluate

    asked: dict[str, Any] = {"timezone": work.settings.timezone, "collect": False, "now": work.now}
    evaluate(work.engine, work.as_of, **asked)
    report = evaluate(work.engine, work.as_of, full=True, **asked)
    if not report.reconciled:
        return Outcome(message=f"nothing checked: the panel has been evaluated for a later day than {work.as_of}")
    differing = sum(report.written.values())
    if not differing:
        return Outcome(rows=report.computed, message="what was computed step by step agrees with a full evaluation")
    rules = ", ".join(sorted(report.written))
    log.error("%d answers differ between evaluating step by step and in full: %s", differing, rules)
    return Outcome(
        rows=report.computed,
        message=f"{differing} answers had been missed step by step and were mended: {rules}. Please report this.",
        detail={"differing": dict(report.written)},
        status="partly",
    )


def _escalate(work: Work) -> Outcome:
    from jobs.unanswered import follow_up

    with writing(work.engine) as session:
        done = follow_up(session, work.now, work.settings)
        outcome = Outcome(
            rows=done.escalated + done.returned,
            message=f"{done.escalated} escalated, {done.returned} back in the list",
            detail={"escalated": done.escalated, "returned": done.returned},
        )
        work.finish(session, outcome)
    return outcome


def _digest(work: Work) -> Outcome:
    from jobs.notify import write_digest

    with writing(work.engine) as session:
        if work.slot is not None and clinic_date(work.slot, work.settings.timezone) < work.as_of:
            outcome = Outcome(message="not written: the morning it was for is over")
        else:
            written = write_digest(session, work.as_of, work.now, work.settings)
            outcome = Outcome(rows=written, message=f"{written} written")
        work.finish(session, outcome)
    return outcome


def _deliver(work: Work) -> Outcome:
    from jobs.notify import deliver

    done = deliver(work.engine, work.settings, work.now)
    return Outcome(
        rows=done.sent,
        message=f"{done.sent} sent, {done.waiting} waiting, {done.failed} failed, {done.dropped} not to be sent",
        detail={"sent": done.sent, "waiting": done.waiting, "failed": done.failed, "dropped": done.dropped},
        status="partly" if done.failed else "succeeded",
    )


def _backup(work: Work) -> Outcome:
    from jobs.backup import nightly_backup

    done = nightly_backup(work.engine, work.settings, work.now)
    return Outcome(rows=int(done.size > 0), message=done.message, detail={"bytes": done.size, "removed": done.removed})


def _purge(work: Work) -> Outcome:
    from jobs.runner import forget_runs
    from models.accounts import purge_sessions

    with writing(work.engine) as session:
        sessions = purge_sessions(session, before=work.now - dt.timedelta(hours=work.settings.session_hours))
        runs = forget_runs(session, work.now)
        outcome = Outcome(
            rows=sessions + runs,
            message=f"{sessions} sessions and {runs} old job runs removed",
            detail={"sessions": sessions, "runs": runs},
        )
        work.finish(session, outcome)
    return outcome


def jobs_of(settings: Settings) -> tuple[Job, ...]:
    """The table, in the order in which jobs due at the same moment run: conclusions first, then telling people."""
    return (
        Job(
            "evaluate",
            "Evaluate the rules",
            Every(settings.evaluation_every_minutes),
            _evaluate,
            late_after=dt.timedelta(minutes=settings.evaluation_late_minutes),
            at_start=True,
        ),
        Job(
            "check",
            "Check that nothing was missed: evaluate everybody in full",
            Weekly(calendar.SUNDAY, dt.time(5)),
            _check,
            late_after=dt.timedelta(days=1),
        ),
        Job("escalate", "Follow up unanswered alerts", Every(60), _escalate, late_after=dt.timedelta(hours=3)),
        Job("digest", "Write the morning digest", Daily(dt.time(6, 30)), _digest, late_after=dt.timedelta(hours=2)),
        Job("deliver", "Send waiting messages", Every(10), _deliver, late_after=dt.timedelta(hours=1)),
        Job("backup", "Back up the database", Daily(dt.time(4, 15)), _backup, late_after=dt.timedelta(hours=6)),
        Job(
            "purge",
            "Remove sessions that are over and old job runs",
            Daily(dt.time(4, 45)),
            _purge,
            late_after=dt.timedelta(days=1),
        ),
    )


def job_named(jobs: tuple[Job, ...], key: str) -> Job:
    """The job of that key.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    for job in jobs:
        if job.key == key:
            return job
    raise UsageError(f"There is no job {key!r}; the jobs are {', '.join(job.key for job in jobs)}.")


# ---------------------------------------------------------------------------------------------------------------- slots


_DAYS_AROUND = 9
"""Within so many days every job has a slot: a week, and a day more on either side for the clinic's zone."""


def due_slot(job: Job, now: dt.datetime, timezone: str) -> dt.datetime:
    """The newest slot at or before the instant `now`, as an instant in UTC."""
    day = clinic_date(now, timezone)
    for back in range(_DAYS_AROUND):
        slot = job.cadence.newest(day - dt.timedelta(days=back), now, ZoneInfo(timezone))
        if slot is not None:
            return slot
    raise AssertionError(f"{job.key} has no slot in a week")  # pragma: no cover - each week has one


def next_slot(job: Job, now: dt.datetime, timezone: str) -> dt.datetime:
    """The first slot after the instant `now`, as an instant in UTC."""
    day = clinic_date(now, timezone)
    for ahead in range(-1, _DAYS_AROUND):
        slot = job.cadence.after(day + dt.timedelta(days=ahead), now, ZoneInfo(timezone))
        if slot is not None:
            return slot
    raise AssertionError(f"{job.key} has no slot in a week")  # pragma: no cover - each week has one


def slot_text(slot: dt.datetime) -> str:
    """How a slot is written in the record of runs; later slots sort behind earlier ones."""
    return slot.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

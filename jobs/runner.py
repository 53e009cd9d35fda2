"""Run one job for one slot, and keep a record of it that survives whatever happens to the process.

The record is the truth about what ran (`models.job_run.JobRun`). A run is written down before it begins; it ends as
`succeeded`, `partly` (done, but not for everything), `failed`, or, when its process died or lost the lease,
`interrupted`. An exception ends one run, never the scheduler. Whatever a job tells about itself is free of patient
data: of an exception we keep its type, where it was raised, and its message without quoted words and numbers.
"""

import datetime as dt
import json
import logging
import os
import secrets
import socket
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Engine
from sqlmodel import Session, col, select

from jobs.lease import SCHEDULER, LeaseLost, fence
from jobs.schedule import Job, Outcome, Work, due_slot, job_named, jobs_of, slot_text
from models.assessment import EvaluationRun
from models.clock import clinic_date, seconds
from models.database import reading, writing
from models.errors import MyopanelError, told
from models.job_run import Installation, JobRun
from models.own_vocabulary import words_of
from models.patient import Patient
from models.settings import Settings

log = logging.getLogger(__name__)

RUNNING, SUCCEEDED, PARTLY, FAILED, INTERRUPTED = "running", "succeeded", "partly", "failed", "interrupted"
DONE = (SUCCEEDED, PARTLY)
"""After these a slot is not run again: a rule that fails fails again five seconds later, too."""
RETRY_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""How long a slot waits after its first, second, ... failure; the last one for all further failures [default]."""
FREE_RESTARTS = 2
"""So many interrupted tries are repeated at once; a job that keeps killing its process then waits like a failed one."""
GIVEN_UP_AFTER = dt.timedelta(hours=24)
"""A run started by hand whose process cannot be seen from here counts as dead after this long."""
RUNS_KEPT = dt.timedelta(days=90)
SCHEDULED_SINCE = "scheduled_since"
MANUAL = "manual-"
AFTER_CHANGES = f"{MANUAL}changes-"
"""Runs that are no slot of the schedule: those a person asked for, and those that new facts ask for."""
BETWEEN_EVALUATIONS = dt.timedelta(seconds=15)
"""Facts that arrive one by one are evaluated together, this long after the last evaluation at the earliest."""
_REPOSITORY = Path(__file__).resolve().parent.parent


class _FinishedElsewhere(MyopanelError):
    """The run was closed by somebody else, or another process ran the same slot to success first."""


@dataclass
class _Record:
    """One run's row, and the only way to close it."""

    run_id: int
    owner: str
    under_lease: bool
    now: dt.datetime
    started: float
    closed: bool = False

    def close(self, session: Session, status: str, rows: int, message: str, detail: dict[str, Any]) -> None:
        """Write the end of the run, in the caller's transaction.

        Raises:
            LeaseLost: somebody else is the scheduler by now. _FinishedElsewhere: the row is closed already.
        """
        elapsed = seconds() - self.started
        finished_at = self.now + dt.timedelta(seconds=elapsed)
        if self.under_lease:
            fence(session, SCHEDULER, self.owner, finished_at)
        changed = session.execute(
            sa.update(JobRun)
            .where(col(JobRun.id) == self.run_id, col(JobRun.status) == RUNNING)
            .values(
                status=status,
                rows=rows,
                message=message,
                finished_at=finished_at,
                detail=json.dumps({"seconds": round(elapsed, 3), **detail}, default=str),
            ),
            execution_options={"synchronize_session": False},
        )
        if not isinstance(changed, CursorResult) or changed.rowcount != 1:
            raise _FinishedElsewhere("The run was closed by another process.")
        self.closed = True


def run_job(
    engine: Engine,
    settings: Settings,
    key: str,
    *,
    slot: dt.datetime | str | None,
    now: dt.datetime,
    owner: str | None = None,
    as_of: dt.date | None = None,
    under_lease: bool = False,
    jobs: tuple[Job, ...] | None = None,
) -> JobRun:
    """Run the job `key` once and return the record of it. Whatever the job raises ends up in the record.

    `slot` is the moment it was due, or the name of an occasion such as a change of facts; None for a run asked for by a
    person, which is never "done already". `as_of` is the clinic day it is asked about, by default that of `now`. With
    `under_lease` the end is recorded only while `owner` still holds the scheduler's lease. `jobs` replaces the table.

    Raises:
        UsageError: there is no such job.
    """
    job = job_named(jobs if jobs is not None else jobs_of(settings), key)
    owner = owner or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    as_of = as_of or clinic_date(now, settings.timezone)
    due = slot if isinstance(slot, dt.datetime) else None
    if isinstance(slot, dt.datetime):
        text = slot_text(slot)
    else:
        text = slot or f"{MANUAL}{now.isoformat()}-{secrets.token_hex(3)}"
    with writing(engine) as session:
        done = session.exec(
            select(JobRun).where(JobRun.job == key, JobRun.slot == text, col(JobRun.status).in_(DONE))
        ).first()
        if done is not None:
            return done
        _close_dead_runs(session, now, leading=under_lease)
        row = JobRun(job=key, slot=text, as_of=as_of, started_at=now, status=RUNNING, owner=owner)
        session.add(row)
        session.flush()
        run_id = row.id or 0
    record = _Record(run_id, owner, under_lease, now, seconds())
    log.info("job %s for %s begins", key, text)
    try:
        with words_of(engine, as_of):
            outcome = job.function(_work(engine, settings, as_of, now, due, record))
        if not record.closed:
            with writing(engine) as session:
                record.close(session, outcome.status, outcome.rows, outcome.message, dict(outcome.detail))
    except (LeaseLost, _FinishedElsewhere, sa.exc.IntegrityError) as error:
        if isinstance(error, sa.exc.IntegrityError) and not _succeeded(engine, key, text):
            _close_as(engine, record, FAILED, error)
        else:
            _close_as(engine, record, INTERRUPTED, error)
    except Exception as error:
        _close_as(engine, record, FAILED, error)
    except BaseException as error:  # Ctrl-C during a run started by hand: leave no row that looks alive.
        _close_as(engine, record, INTERRUPTED, error)
        raise
    with reading(engine) as session:
        finished = session.get_one(JobRun, run_id)
        session.expunge(finished)
    level = logging.INFO if finished.status == SUCCEEDED else logging.WARNING
    log.log(level, "job %s for %s %s: %d rows %s", key, text, finished.status, finished.rows, finished.message)
    return finished


def run_by_hand(
    engine: Engine, settings: Settings, key: str, *, now: dt.datetime, as_of: dt.date | None = None
) -> JobRun:
    """Run a job because somebody asked for it; it does not replace the scheduled run.

    Raises:
        UsageError: there is no such job.
    """
    return run_job(engine, settings, key, slot=None, now=now, as_of=as_of)


def _work(
    engine: Engine,
    settings: Settings,
    as_of: dt.date,
    now: dt.datetime,
    slot: dt.datetime | None,
    record: _Record,
) -> Work:
    def finish(session: Session, outcome: Outcome) -> None:
        record.close(session, outcome.status, outcome.rows, outcome.message, dict(outcome.detail))

    return Work(engine=engine, settings=settings, as_of=as_of, now=now, slot=slot, finish=finish)


def _close_as(engine: Engine, record: _Record, status: str, error: BaseException) -> None:
    """Close a run that raised. The lease plays no part here: a failure may be told by whoever met it."""
    elapsed = seconds() - record.started
    with writing(engine) as session:
        session.execute(
            sa.update(JobRun)
            .where(col(JobRun.id) == record.run_id, col(JobRun.status) == RUNNING)
            .values(
                status=status,
                message=told(error),
                finished_at=record.now + dt.timedelta(seconds=elapsed),
                detail=json.dumps({"seconds": round(elapsed, 3), "where": _where(error)}),
            ),
            execution_options={"synchronize_session": False},
        )


def _succeeded(engine: Engine, key: str, text: str) -> bool:
    with reading(engine) as session:
        wanted = select(JobRun.id).where(JobRun.job == key, JobRun.slot == text, JobRun.status == SUCCEEDED)
        return session.exec(wanted).first() is not None


# ------------------------------------------------------------------------------------------------------- what is owed


def owed(
    engine: Engine, settings: Settings, now: dt.datetime, jobs: tuple[Job, ...] | None = None
) -> list[tuple[Job, dt.datetime]]:
    """Which jobs should run now, for which slot: the newest due slot of each that has no success and need not wait.

    A slot from before the scheduler first ran here is not owed, unless the job is one that a new installation runs
    at once. Older slots that were missed are not made up for.
    """
    table = jobs if jobs is not None else jobs_of(settings)
    with reading(engine) as session:
        since = scheduled_since(session)
        found = []
        for job in table:
            slot = due_slot(job, now, settings.timezone)
            if since is not None and slot < since and not job.at_start:
                continue
            if _waits(session, job.key, slot_text(slot), now):
                continue
            found.append((job, slot))
    return found


def _waits(session: Session, key: str, text: str, now: dt.datetime) -> bool:
    """Whether the slot is done (or a later one is), or failed so recently that its next try is still ahead."""
    newest_done: str | None = session.exec(
        select(sa.func.max(JobRun.slot)).where(
            JobRun.job == key, col(JobRun.status).in_(DONE), ~col(JobRun.slot).startswith(MANUAL)
        )
    ).one()
    return (newest_done is not None and newest_done >= text) or _rests(session, key, text, now)


def _rests(session: Session, key: str, text: str, now: dt.datetime) -> bool:
    """Whether it failed so recently that its next try is still ahead."""
    tries = session.exec(
        select(JobRun).where(JobRun.job == key, JobRun.slot == text, col(JobRun.status).in_((FAILED, INTERRUPTED)))
    ).all()
    failures = sum(run.status == FAILED for run in tries)
    failures += max(0, sum(run.status == INTERRUPTED for run in tries) - FREE_RESTARTS)
    if failures == 0:
        return False
    last = max(run.finished_at or run.started_at for run in tries)
    return now < last + RETRY_AFTER[min(failures, len(RETRY_AFTER)) - 1]


def asked_for(engine: Engine, now: dt.datetime) -> str | None:
    """The occasion for an evaluation outside the schedule: facts have changed since the last one; None otherwise.

    Whoever imports or enters them need not ask: every change of a patient's facts raises the patient's revision. The
    sum of all revisions names the occasion, so that a patient for whom a rule keeps failing is no new one.
    """
    with reading(engine) as session:
        evaluated = session.exec(
            select(EvaluationRun)
            .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
            .order_by(col(EvaluationRun.id).desc())
            .limit(1)
        ).first()
        if evaluated is None or now - evaluated.started_at < BETWEEN_EVALUATIONS:
            return None  # the first evaluation of all is owed by the schedule
        changed = select(Patient.id).where(
            Patient.status == "active", col(Patient.revision) > col(Patient.evaluated_revision)
        )
        if session.exec(changed.limit(1)).first() is None:
            return None
        text = f"{AFTER_CHANGES}{session.exec(select(sa.func.sum(Patient.revision))).one()}"
        done = select(JobRun.id).where(JobRun.slot == text, col(JobRun.status).in_(DONE))
        if session.exec(done).first() is not None or _rests(session, "evaluate", text, now):
            return None
        return text


def begin_schedule(engine: Engine, now: dt.datetime) -> None:
    """Note when a scheduler first ran on this database; later calls change nothing."""
    with writing(engine) as session:
        if session.get(Installation, SCHEDULED_SINCE) is None:
            session.add(Installation(key=SCHEDULED_SINCE, value=now.astimezone(dt.UTC).isoformat()))


def scheduled_since(session: Session) -> dt.datetime | None:
    """When a scheduler first ran on this database, or None."""
    row = session.get(Installation, SCHEDULED_SINCE)
    return None if row is None else dt.datetime.fromisoformat(row.value)


# ------------------------------------------------------------------------------------------------------- the record


def close_dead_runs(engine: Engine, now: dt.datetime) -> int:
    """Mark as interrupted what dead processes left running; for the holder of the lease only. Returns how many."""
    with writing(engine) as session:
        return _close_dead_runs(session, now, leading=True)


def _close_dead_runs(session: Session, now: dt.datetime, *, leading: bool) -> int:
    closed = 0
    for run in session.exec(select(JobRun).where(JobRun.status == RUNNING)).all():
        by_hand = run.slot.startswith(MANUAL) and not run.slot.startswith(AFTER_CHANGES)
        # The holder of the lease runs one scheduled job at a time. If that is us and we are about to begin one, every
        # other is a leftover: of a process that died or lost the lease, or of ours when the database went away.
        if _gone(run, now) if by_hand else leading:
            run.status = INTERRUPTED
            run.finished_at = now
            run.message = "its process ended before the job did"
            session.add(run)
            closed += 1
            log.warning("job %s for %s was interrupted", run.job, run.slot)
    return closed


def _gone(run: JobRun, now: dt.datetime) -> bool:
    """Whether a run started by hand has no process any more."""
    host, _, rest = run.owner.rpartition(":")[0].rpartition(":")
    if host == socket.gethostname() and rest.isdigit():
        try:
            os.kill(int(rest), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # alive, and somebody else's
    return now - run.started_at > GIVEN_UP_AFTER


def last_runs(session: Session, keys: list[str]) -> dict[str, JobRun]:
    """The newest run of each job, by hand or scheduled, whatever became of it."""
    newest = select(sa.func.max(JobRun.id)).where(col(JobRun.job).in_(keys)).group_by(col(JobRun.job))
    return {run.job: run for run in session.exec(select(JobRun).where(col(JobRun.id).in_(newest))).all()}


def forget_runs(session: Session, now: dt.datetime) -> int:
    """Delete records of runs older than `RUNS_KEPT`, but of each job the newest; returns how many."""
    newest = select(sa.func.max(JobRun.id)).group_by(col(JobRun.job), col(JobRun.status))
    gone = session.execute(
        sa.delete(JobRun).where(
            col(JobRun.started_at) < now - RUNS_KEPT, col(JobRun.status) != RUNNING, col(JobRun.id).not_in(newest)
        ),
        execution_options={"synchronize_session": False},
    )
    return gone.rowcount if isinstance(gone, CursorResult) else 0


# ------------------------------------------------------------------------------------------------- telling of an error


def _where(error: BaseException) -> str:
    """File and line of ours in which it was raised, such as `jobs/backup.py:41`."""
    ours = [
        f"{path.relative_to(_REPOSITORY).as_posix()}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if (path := Path(frame.filename)).is_relative_to(_REPOSITORY) and ".venv" not in path.parts
    ]
    return ours[-1] if ours else ""

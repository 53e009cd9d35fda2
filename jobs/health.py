"""Is the clinic being watched? What `/health`, the line on each page and `myopanel jobs list` say.

A job is late when a slot that was due so long ago that it should have been run has no success, neither itself nor a
later one. Nothing here tells of a patient, a person or a machine.
"""

import datetime as dt
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.lease import SCHEDULER
from jobs.mllp.standing import Standing, standing
from jobs.runner import DONE, MANUAL, last_runs, scheduled_since
from jobs.schedule import Job, due_slot, jobs_of, next_slot, slot_text
from models.assessment import EvaluationRun
from models.database import reading
from models.import_batch import ImportBatch
from models.job_run import JobRun, Lease
from models.settings import Settings
from models.user import User

OK, STARTING, LATE, FAILED = "ok", "starting", "late", "failed"


def health(engine: Engine, settings: Settings, now: dt.datetime, jobs: tuple[Job, ...] | None = None) -> dict[str, Any]:
    """The state of the installation at the instant `now`, ready for JSON; instants are ISO 8601 in UTC.

    `status` is `ok`; `starting` while nothing has been due for long enough to be missed; `late` when a job is late;
    `failed` when the newest run of a job failed, nobody listens for HL7 though a port is set, or the database does not
    answer. Late comes before failed: what is
    late has had no success for hours, a failure may be tried again in a minute.
    """
    answer: dict[str, Any] = {"status": OK, "version": _version(), "database": engine.dialect.name}
    try:
        with reading(engine) as session:
            answer |= _state(session, settings, now, jobs if jobs is not None else jobs_of(settings))
    except sa.exc.SQLAlchemyError as error:
        # The question is whether we work; "the database does not answer" is an answer to it, not a reason to fail.
        why = f"the database does not answer ({type(error).__name__})"
        nothing: dict[str, Any] = {
            "evaluated_at": None,
            "evaluated_as_of": None,
            "scheduler": None,
            "hl7": None,
            "jobs": [],
        }
        return answer | nothing | {"status": FAILED, "problems": [why]}
    return answer


def _state(session: Session, settings: Settings, now: dt.datetime, jobs: tuple[Job, ...]) -> dict[str, Any]:
    evaluated = session.exec(
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
        .order_by(col(EvaluationRun.id).desc())
        .limit(1)
    ).first()
    since = scheduled_since(session) or _first_sign_of_life(session)
    last = last_runs(session, [job.key for job in jobs])
    told = [_told(session, job, last.get(job.key), evaluated, since, settings, now) for job in jobs]
    late = [job for job in told if job["late"]]
    failed = [job for job in told if job["status"] == FAILED]
    succeeded = any(job["last_success"] for job in told) or evaluated is not None
    hl7 = standing(session, settings, now)
    status = LATE if late else FAILED if failed or (hl7.address and not hl7.alive) else OK if succeeded else STARTING
    return {
        "status": status,
        "evaluated_at": _iso(evaluated.finished_at if evaluated else None),
        "evaluated_as_of": evaluated.as_of.isoformat() if evaluated else None,
        "scheduler": _scheduler(session, now),
        "hl7": _hl7(hl7),
        "problems": [f"{job['title']}: late, due {job['due']}" for job in late]
        + [f"{job['title']}: {job['message'] or job['status']}" for job in told if job["status"] in {FAILED, "partly"}]
        + hl7.problems(),
        "jobs": told,
    }


def _told(
    session: Session,
    job: Job,
    run: JobRun | None,
    evaluated: EvaluationRun | None,
    since: dt.datetime | None,
    settings: Settings,
    now: dt.datetime,
) -> dict[str, Any]:
    newest = session.exec(
        select(JobRun)
        .where(JobRun.job == job.key, col(JobRun.status).in_(DONE), ~col(JobRun.slot).startswith(MANUAL))
        .order_by(col(JobRun.slot).desc())
        .limit(1)
    ).first()
    needed = due_slot(job, now - job.late_after, settings.timezone)
    covered = newest is not None and newest.slot >= slot_text(needed)
    if job.key == "evaluate" and evaluated is not None and evaluated.finished_at is not None:
        # However it was started: what counts is how old the list is.
        covered = covered or evaluated.finished_at >= needed
    # What was due before this installation existed was missed by nobody.
    awaited = since is not None and (needed >= since or (job.at_start and now - since > job.late_after))
    return {
        "key": job.key,
        "title": job.title,
        "cadence": str(job.cadence),
        "last_run": _iso(run.started_at if run else None),
        "last_success": _iso(newest.finished_at if newest else None),
        "slot": run.slot if run else None,
        "as_of": run.as_of.isoformat() if run else None,
        "status": run.status if run else None,
        "finished_at": _iso(run.finished_at if run else None),
        "rows": run.rows if run else None,
        "message": run.message if run else "",
        "late": awaited and not covered,
        "due": _iso(needed),
        "next": _iso(next_slot(job, now, settings.timezone)),
    }


def _first_sign_of_life(session: Session) -> dt.datetime | None:
    """When the database was first used, if no scheduler ever ran on it: from then on somebody relies on the list."""
    first_user = session.exec(select(sa.func.min(User.created_at))).one()
    first_import = session.exec(select(sa.func.min(ImportBatch.started_at))).one()
    return min(filter(None, (first_user, first_import)), default=None)


def _scheduler(session: Session, now: dt.datetime) -> dict[str, Any]:
    lease = session.get(Lease, SCHEDULER)
    return {
        "alive": lease is not None and lease.expires_at > now,
        "last_seen": _iso(lease.renewed_at if lease else None),
    }


def _hl7(found: Standing) -> dict[str, Any] | None:
    """Whether somebody listens where the settings say so, and when the last message came; None without a listener."""
    if not found.address:
        return None
    return {"listening": found.alive, "last_message": _iso(found.last_at), "not_read": found.unread}


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _version() -> str:
    try:
        return version("myopanel")
    except PackageNotFoundError:
        return "not installed"

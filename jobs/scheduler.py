"""Wakes up every few seconds, asks what is owed, and runs it: in one process only, whichever holds the lease.

The schedule is code (`jobs.schedule`) and the truth is the record of runs (`jobs.runner`); APScheduler only wakes us.
Its own memory of what is due is not used: it forgets what was missed while the process was down, and several
processes with a store in common run everything several times.
"""

import datetime as dt
import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.engine import Engine

from jobs import lease
from jobs.runner import asked_for, begin_schedule, close_dead_runs, owed, run_job
from jobs.schedule import Job, jobs_of
from models.clock import utc_now
from models.errors import told
from models.settings import Settings

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0


class Scheduler:
    """The scheduler of this process. Any number may be started on one database; one of them works at a time.

    `start` returns at once and works in threads; `stop` lets the running job finish and hands the lease back;
    `run_forever` does both around a wait for SIGTERM or SIGINT.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        jobs: tuple[Job, ...] | None = None,
        clock: Callable[[], dt.datetime] = utc_now,
        tick_seconds: float = TICK_SECONDS,
        lasts: dt.timedelta = lease.LASTS,
        renewed_every: dt.timedelta = lease.RENEWED_EVERY,
    ) -> None:
        self.holder = lease.new_holder()
        self._engine = engine
        self._settings = settings
        self._jobs = jobs if jobs is not None else jobs_of(settings)
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._lasts = lasts
        self._renewed_every = renewed_every
        self._leading = False
        self._stopping = threading.Event()
        self._working = threading.Lock()
        self._wakes: BackgroundScheduler | None = None

    @property
    def leading(self) -> bool:
        """Whether this process held the lease when it last looked."""
        return self._leading

    def start(self) -> None:
        """Begin to wake up, the first time at once."""
        if self._wakes is not None:
            return
        self._stopping.clear()
        wakes = BackgroundScheduler(
            timezone=dt.UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        now = self._clock()
        self._add(wakes, self.tick, self._tick_seconds, utc_now())
        self._add(wakes, self._renew, self._renewed_every.total_seconds(), None)
        # A tick that meets a long-running job is expected, and said by nobody every five seconds.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        wakes.start()
        self._wakes = wakes
        log.info("scheduler %s started at %s", self.holder, now.isoformat(timespec="seconds"))

    @staticmethod
    def _add(wakes: BackgroundScheduler, work: Callable[[], Any], every: float, first: dt.datetime | None) -> None:
        # Without a first moment of its own a job waits one interval.
        options = {} if first is None else {"next_run_time": first}
        wakes.add_job(work, "interval", seconds=every, **options)

    def stop(self) -> None:
        """Let the job that is running finish, begin no other, and hand the lease back."""
        self._stopping.set()
        # Renewing goes on meanwhile: a long job must not lose the lease because we are leaving.
        with self._working:
            if self._wakes is not None:
                self._wakes.shutdown(wait=True)
                self._wakes = None
            if self._leading:
                self._leading = False
                lease.release(self._engine, lease.SCHEDULER, self.holder, self._clock())
        log.info("scheduler %s stopped", self.holder)

    def run_forever(self) -> None:
        """Work until SIGTERM or SIGINT; then let the running job finish and return. Main thread only."""
        asked = threading.Event()
        before = {
            number: signal.signal(number, lambda _number, _frame: asked.set())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            self.start()
            while not asked.wait(timeout=3600):
                pass
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def tick(self) -> int:
        """Run what is owed, if the lease is ours or to be had; returns how many jobs were run.

        Whatever goes wrong outside a job (mostly: the database is away) is logged, and tried again at the next tick.
        """
        if not self._working.acquire(blocking=False):
            return 0
        try:
            if self._stopping.is_set() or not self._lead():
                return 0
            return self._run_owed()
        except Exception as error:
            self._leading = False
            log.error("scheduler: %s", told(error))
            return 0
        finally:
            self._working.release()

    def _lead(self) -> bool:
        now = self._clock()
        was = self._leading
        self._leading = lease.acquire(self._engine, lease.SCHEDULER, self.holder, now, lasts=self._lasts)
        if self._leading and not was:
            log.info("scheduler %s has the lease", self.holder)
            begin_schedule(self._engine, now)
            close_dead_runs(self._engine, now)
        return self._leading

    def _run_owed(self) -> int:
        ran = 0
        keys = {job.key for job in self._jobs}
        found: list[tuple[str, dt.datetime | str]] = [
            (job.key, slot) for job, slot in owed(self._engine, self._settings, self._clock(), self._jobs)
        ]
        if "evaluate" in keys and "evaluate" not in {key for key, _ in found}:
            occasion = asked_for(self._engine, self._clock())
            if occasion is not None:
                found.insert(0, ("evaluate", occasion))
        for key, slot in found:
            # Asked again before each job: the one before may have taken long enough to lose the lease.
            if self._stopping.is_set() or not self._lead():
                break
            run_job(
                self._engine,
                self._settings,
                key,
                slot=slot,
                now=self._clock(),
                owner=self.holder,
                under_lease=True,
                jobs=self._jobs,
            )
            ran += 1
        return ran

    def _renew(self) -> None:
        if not self._leading:
            return
        try:
            kept = lease.renew(self._engine, lease.SCHEDULER, self.holder, self._clock(), lasts=self._lasts)
        except Exception as error:
            log.error("scheduler: the lease was not renewed: %s", told(error))
            return
        if not kept:
            self._leading = False
            log.warning("scheduler %s has lost the lease", self.holder)

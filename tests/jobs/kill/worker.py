"""A scheduler in a process of its own, to be killed: `worker.py DATABASE_URL OUT MODE`.

Its one job adds a line to the file OUT when it begins and one to the database when it ends. MODE `hang` stops it in
the middle of its transaction, after the writes and before the commit; `work` lets it finish.
"""

import datetime as dt
import os
import sys
import time
from pathlib import Path

from jobs.schedule import Every, Job, Outcome, Work
from jobs.scheduler import Scheduler
from models.database import engine_for, writing
from models.job_run import OutboxMessage
from models.settings import Settings


def main(url: str, out: str, mode: str) -> None:
    """Run until killed or asked to stop."""
    log = Path(out)

    def say(word: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{word} {os.getpid()}\n")

    def work(task: Work) -> Outcome:
        say("begin")
        with writing(task.engine) as session:
            session.add(
                OutboxMessage(key=f"{task.slot}", recipient="x", kind="test", subject="", body="", created_at=task.now)
            )
            session.flush()
            if mode == "hang":
                say("inside")
                time.sleep(600)
            if mode == "slow":
                say("inside")
                time.sleep(2)
            task.finish(session, Outcome(rows=1))
        say("end")
        return Outcome(rows=1)

    engine = engine_for(url)
    jobs = (Job("job", "A job", Every(1440), work, late_after=dt.timedelta(minutes=5), at_start=True),)
    scheduler = Scheduler(
        engine,
        Settings(database_url=url),
        jobs=jobs,
        tick_seconds=0.2,
        # Short where it has to expire during the test; where it must not, longer than any machine is busy.
        lasts=dt.timedelta(seconds=3 if mode == "hang" else 600),
        renewed_every=dt.timedelta(seconds=1),
    )
    say("start")
    scheduler.run_forever()
    say("stop")
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])

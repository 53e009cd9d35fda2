"""One measured task in a process of its own: `python -m tests.benchmarks.alone TASK PATH...`.

Prints `begin` when the work begins and, at the end, wall seconds, processor seconds (both with the imports, without
the interpreter's start) and peak MiB.
"""

import datetime as dt
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def imports() -> None:
    """Nothing but what every task imports."""
    from tests.benchmarks import ours  # noqa: F401


def rules(folder: Path) -> None:
    """Every rule over the panel, nothing written."""
    from models.database import engine_for
    from tests.benchmarks import ours
    from tests.benchmarks.clinic import AS_OF

    begun()
    ours.look(engine_for(f"sqlite:///{folder / 'clinic.db'}"), AS_OF)


def pandas(folder: Path) -> None:
    """The pandas peer."""
    from tests.benchmarks.clinic import AS_OF
    from tests.benchmarks.peers import pandas_from_parquet

    begun()
    pandas_from_parquet(folder, AS_OF)


def evaluate(database: Path) -> None:
    """A full evaluation, everything written."""
    from tests.benchmarks import ours
    from tests.benchmarks.clinic import AS_OF

    begun()
    ours.full_evaluation(database, AS_OF)


def bring_in(database: Path, csv: Path) -> None:
    """An import of a CSV folder, evaluation left out."""
    from models.database import engine_for
    from tests.benchmarks import ours

    begun()
    ours.imported(engine_for(f"sqlite:///{database}"), csv)


def serve(database: Path, clock: Path) -> None:
    """The application until standard input ends, at the instant that stands in the file `clock` (ISO 8601)."""
    from waitress.server import create_server

    from dashboard.app import create_app, warm
    from models.database import engine_for
    from models.settings import Settings

    url = f"sqlite:///{database}"
    settings = Settings(database_url=url, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    app = create_app(settings, engine_for(url), clock=lambda: dt.datetime.fromisoformat(clock.read_text()))
    warm(app)
    server = create_server(app.server, host="127.0.0.1", port=0, threads=4)
    sys.stdout.write(f"http://127.0.0.1:{server.effective_port} {os.getpid()}\n")
    sys.stdout.flush()
    import threading

    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task for task in (imports, rules, pandas, evaluate, bring_in, serve)
}


def begun() -> None:
    """Tell whoever started us that from here on the work is done."""
    sys.stdout.write("begin\n")
    sys.stdout.flush()


def peak_memory() -> float:
    """The largest memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts what the parent held when it started us
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> int:
    """Run a task and say what it cost."""
    if not arguments or arguments[0] not in TASKS:
        sys.stderr.write(f"usage: python -m tests.benchmarks.alone {{{','.join(TASKS)}}} PATH...\n")
        return 2
    begin, used = time.perf_counter(), time.process_time()
    TASKS[arguments[0]](*map(Path, arguments[1:]))
    sys.stdout.write(f"{time.perf_counter() - begin} {time.process_time() - used} {peak_memory()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

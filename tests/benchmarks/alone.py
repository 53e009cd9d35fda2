"""One measured task in a process of its own: `python -m tests.benchmarks.alone TASK FOLDER`.

Prints seconds and peak MiB.
"""

import resource
import sys
import time
from pathlib import Path

TASKS = ("imports", "rules", "evaluate", "pandas")


def main(task: str, folder: Path) -> None:
    """Run one task: nothing but the imports; all rules; a full evaluation with alerts; the pandas peer."""
    if task == "pandas":
        from tests.benchmarks.clinic import AS_OF
        from tests.benchmarks.peers import pandas_from_parquet

        pandas_from_parquet(folder, AS_OF)
        return
    from models.database import engine_for
    from tests.benchmarks import ours
    from tests.benchmarks.clinic import AS_OF

    if task == "rules":
        ours.all_rules_of_the_panel(engine_for(f"sqlite:///{folder / 'clinic.db'}"), AS_OF)
    elif task == "evaluate":
        ours.full_evaluation(folder / "alone.db", AS_OF)


def peak_memory() -> float:
    """The largest memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts what the parent held when it started us
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in TASKS:
        sys.exit(f"usage: python -m tests.benchmarks.alone {{{','.join(TASKS)}}} FOLDER")
    begin = time.perf_counter()
    main(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write(f"{time.perf_counter() - begin} {peak_memory()}\n")

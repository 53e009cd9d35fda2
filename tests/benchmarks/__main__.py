"""The benchmark tables: `make bench`, or `python -m tests.benchmarks --patients 10000 --keep DIR`.

Each section is printed as soon as it is done. One that fails says so, and the others go on; then the command exits 1.
"""

import argparse
import gc
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks import browser, calibration, commands, evaluations, facts, ours, requests, rules, waiting
from tests.benchmarks.clinic import AS_OF, Clinic, made, without
from tests.benchmarks.measuring import Disagreement, Report, Unavailable, say

LARGE = 50_000
"""From here on a history is shorter (about 100 observations) and only what grows with the panel is measured."""
NAMES = (
    "commands", "import", "room", "rules", "patient", "evaluate", "night", "result", "replay", "waiting", "requests",
    "browser", "calibration",
)  # fmt: skip
OF_A_LARGE_PANEL = ("import", "room", "rules", "evaluate", "night", "result", "requests")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 however the goals were met, 1 when a section failed or two sides answered differently."""
    options = _options(arguments)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="myopanel-bench-") as temporary:
        folder = options.keep or Path(temporary)
        clinic = made(folder / "panel", options.patients, options.years)
        small = made(folder / "tenth", max(options.patients // 10, 10), options.years)
        for one in (clinic, small):
            without(one.folder / ours.EVALUATED)
        _print(
            f"{options.patients:,} invented patients of {options.years:g} years ({clinic.rows:,} rows), as of {AS_OF}; "
            f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}.\n"
            f"Medians of up to {options.repeats} runs in turns, wall and processor; ratios are ours / peer."
        )
        failed = run(
            {
                name: section
                for name, section in _sections(report, clinic, small, options).items()
                if name in options.only
            },
            report,
        )
    _print(_summary(report, failed))
    return 1 if failed else 0


def run(sections: Mapping[str, Callable[[], None]], report: Report) -> dict[str, str]:
    """Run the sections and print each when it is done; returns those that failed, with the reason."""
    failed: dict[str, str] = {}
    for name, section in sections.items():
        say(f"[{name}]")
        verdict = ""
        try:
            section()
        except Unavailable as error:
            verdict = f"not measured: {error}"
            report.left_out.append(f"{name}: {error}")
        except Disagreement as error:
            failed[name] = f"no times, the answers differ: {error}"
        except Exception as error:  # the other sections can still be measured; the exit code tells
            failed[name] = f"{type(error).__name__}: {error}"
            say(traceback.format_exc())
        if name in failed:
            verdict = f"FAILED: {failed[name]}"
        _print(f"[{name}] {verdict}".rstrip())
        table = report.section()
        if table:
            _print(table)
        gc.collect()
    return failed


def _sections(
    report: Report, clinic: Clinic, small: Clinic, options: argparse.Namespace
) -> dict[str, Callable[[], None]]:
    repeats: int = options.repeats
    return {
        "commands": lambda: commands.start_to_answer(report, clinic, repeats),
        "import": lambda: facts.import_speed(report, small, repeats),
        "room": lambda: facts.room(report, clinic),
        "rules": lambda: rules.population_pass(report, clinic, repeats),
        "patient": lambda: rules.per_patient(report, clinic, repeats),
        "evaluate": lambda: evaluations.full_evaluation(report, clinic, small, repeats),
        "night": lambda: evaluations.nightly_run(report, clinic, repeats),
        "result": lambda: evaluations.one_new_result(report, clinic, options.results),
        "replay": lambda: evaluations.replayed_year(report, small, options.replay_days, repeats),
        "waiting": lambda: waiting.acknowledging(report, clinic, small),
        "requests": lambda: requests.list_requests(report, clinic, small),
        "browser": lambda: browser.screens(report, clinic, repeats),
        "calibration": lambda: calibration.print_table(calibration.PATIENTS),
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--patients", type=int, default=1000, help="size of the panel: 1000, 10000 (the goals), 100000 (takes an hour)"
    )
    parser.add_argument("--years", type=float, help="length of each history [5; in a large panel 1.1]")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each side")
    parser.add_argument("--results", type=int, default=40, help="new results, one by one, in `result`")
    parser.add_argument("--replay-days", type=int, default=60, help="days replayed over a tenth of the panel")
    parser.add_argument("--keep", type=Path, help="a folder in which the clinic stays for the next run")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these sections [all; of a large panel what grows]")
    options = parser.parse_args(arguments)
    large = options.patients >= LARGE
    options.years = options.years or (1.1 if large else 5.0)
    options.only = options.only or (OF_A_LARGE_PANEL if large else NAMES)
    return options


def _summary(report: Report, failed: Mapping[str, str]) -> str:
    lines = [f"{len(report.met)} of {len(report.met) + len(report.missed)} goals met."]
    lines += [f"missed: {metric}" for metric in report.missed]
    lines += [f"not measured: {what}" for what in report.left_out]
    lines += [f"FAILED: {name}: {why}" for name, why in failed.items()]
    return "\n".join(lines)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

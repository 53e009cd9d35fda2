"""Times taken in turns, the memory of a process of its own, and the table that is printed."""

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One row of the table: two measurements, their ratio, and what it should be."""

    metric: str
    ours: str
    peer: str
    ratio: float | None
    target: str
    met: bool | None


@dataclass
class Report:
    """The rows so far, and remarks printed below them."""

    lines: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(
        self,
        metric: str,
        ours: float,
        peer: float,
        *,
        unit: str,
        peer_is: str,
        at_most: float | None = None,
        target: str = "",
        met: bool | None = None,
        invert: bool = False,
    ) -> None:
        """A row; met if ours / peer is at most `at_most`. `invert`: peer / ours, and at least `at_most`."""
        ratio = (peer / ours if invert else ours / peer) if ours and peer else None
        if at_most is not None and ratio is not None:
            met = ratio >= at_most if invert else ratio <= at_most
            target = target or f"{'>=' if invert else '<='} {at_most:g} x"
        self.lines.append(
            Line(
                metric, f"{shown(ours)} {unit}".strip(), f"{shown(peer)} {unit} ({peer_is})".strip(), ratio, target, met
            )
        )
        say(f"  {metric}: {self.lines[-1].ours} against {self.lines[-1].peer}")

    def value(self, metric: str, ours: float, *, unit: str, target: str = "", met: bool | None = None) -> None:
        """A row without a peer."""
        self.lines.append(Line(metric, f"{shown(ours)} {unit}".strip(), "", None, target, met))
        say(f"  {metric}: {self.lines[-1].ours}")

    def remark(self, text: str) -> None:
        """A sentence below the table."""
        self.remarks.append(text)
        say(f"  {text}")

    def table(self) -> str:
        """All rows as aligned text."""
        head = ("metric", "ours", "peer", "ratio", "target", "")
        body = [
            (
                line.metric,
                line.ours,
                line.peer or "-",
                f"{line.ratio:.3g} x" if line.ratio is not None else "-",
                line.target or "-",
                {True: "met", False: "MISSED", None: ""}[line.met],
            )
            for line in self.lines
        ]
        width = [max(len(row[place]) for row in (head, *body)) for place in range(len(head))]
        rows = [
            "  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=True)).rstrip() for row in (head, *body)
        ]
        rows.insert(1, "  ".join("-" * size for size in width))
        return "\n".join([*rows, *(f"* {remark}" for remark in self.remarks)])


def shown(value: float) -> str:
    """Three digits of a number."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def say(text: str) -> None:
    """Progress, apart from the table."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, run A B C A B C after a warm-up: what disturbs the machine disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            gc.collect()
            begin = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the (unsorted) values lie."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def process(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds (imports included, start of the interpreter not) and peak MiB of a task of `alone` in its own process.

    Raises:
        subprocess.CalledProcessError: it did not end well.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.alone", *arguments],
        cwd=Path(__file__).resolve().parents[2],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)

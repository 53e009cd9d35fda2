"""Costs taken in turns, in this process and in others, and the tables that are printed.

A cost is wall seconds and processor seconds (user and system, all threads). On a machine that does other work besides,
wall says what somebody waits for and processor what the work takes.
"""

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = ("what", "ours", "processor", "peer", "processor", "ratio", "goal", "", "the peer")


class Disagreement(Exception):
    """Two sides answered differently, so their times say nothing."""


class Unavailable(Exception):
    """Something a section needs and this machine does not have."""


@dataclass(frozen=True)
class Cost:
    """What a piece of work took, in seconds; `peak` is the largest memory of its process in MiB, where it had one."""

    wall: float
    processor: float
    peak: float = 0.0

    def times(self, factor: float) -> "Cost":
        """So many of it."""
        return Cost(self.wall * factor, self.processor * factor, self.peak)


@contextmanager
def stop_watch(costs: list[Cost]) -> Iterator[None]:
    """Append what the block took in this process and in the processes that it started and waited for."""
    gc.collect()
    children, own, begin = _of_children(), time.process_time(), time.perf_counter()
    yield
    wall = time.perf_counter() - begin
    costs.append(Cost(wall, time.process_time() - own + _of_children() - children))


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians, each of its own."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.processor for cost in costs),
        statistics.median(cost.peak for cost in costs),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the (unsorted) values lie."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int, *, warm_up: bool = True) -> dict[str, Cost]:
    """The middle cost of each, run A B C A B C: what disturbs the machine disturbs all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for turn in range(repeats + warm_up):
        for name, run in runs.items():
            taken: list[Cost] = []
            with stop_watch(taken):
                run()
            if turn or not warm_up:
                costs[name] += taken
    return {name: middle(taken) for name, taken in costs.items()}


def alone(task: str, *arguments: object) -> Cost:
    """A task of `tests.benchmarks.alone` in a process of its own: its imports included, the interpreter's start not.

    Raises:
        subprocess.CalledProcessError: it did not end well.
    """
    done = subprocess.run(task_of(task, *arguments), cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return cost_said(done.stdout)


def task_of(task: str, *arguments: object) -> list[str]:
    """The command line of a task of `tests.benchmarks.alone`."""
    return [sys.executable, "-m", "tests.benchmarks.alone", task, *map(str, arguments)]


def cost_said(output: str) -> Cost:
    """The cost that `tests.benchmarks.alone` prints as its last line."""
    wall, processor, peak = output.split()[-3:]
    return Cost(float(wall), float(processor), float(peak))


# -------------------------------------------------------------------------------------------------------------- report


@dataclass(frozen=True)
class Goal:
    """What a row should reach.

    Attributes:
        limit: the number; `unit` is its unit, `x` for a ratio ours / peer.
        least: whether it is the least and not the most.
        judged: whether this run can tell, say because the panel is as large as the goal is meant for.
        note: in words, what the number alone does not say.
    """

    limit: float
    unit: str = "x"
    least: bool = False
    judged: bool = True
    note: str = ""

    def text(self) -> str:
        """As it stands in the table."""
        return f"{'>=' if self.least else '<='} {shown(self.limit)} {self.unit}" + (f" {self.note}" * bool(self.note))

    def met_by(self, value: float | None) -> bool | None:
        """None where it cannot be judged."""
        if value is None or not self.judged:
            return None
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    cells: tuple[str, ...]
    metric: str
    met: bool | None


@dataclass
class Report:
    """The rows and remarks of the section at work, and how all of them so far stand to their goals."""

    lines: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def time(
        self,
        metric: str,
        ours: Cost,
        peer: Cost | None = None,
        *,
        peer_is: str = "",
        goal: Goal | None = None,
        by: Literal["wall", "processor"] = "processor",
    ) -> None:
        """A row of seconds: the ratio, and a goal in seconds, are judged `by` wall or by processor time."""
        mine, other = getattr(ours, by), getattr(peer, by) if peer else 0.0
        ratio = mine / other if other else None
        if goal is not None and goal.unit not in {"x", "s"}:
            raise ValueError(f"{metric}: a goal for seconds is in s or x, not {goal.unit}")
        met = goal.met_by(ratio if goal.unit == "x" else mine) if goal else None
        cells = (
            metric, seconds(ours.wall), seconds(ours.processor), *((seconds(peer.wall), seconds(peer.processor))
            if peer else ("", "")), ratio_text(ratio), goal.text() if goal else "", verdict(met), peer_is,
        )  # fmt: skip
        self._add(Line(cells, metric, met))

    def amount(
        self, metric: str, ours: float, peer: float | None = None, *, unit: str, peer_is: str = "",
        goal: Goal | None = None,
    ) -> None:  # fmt: skip
        """A row of anything but seconds of work: bytes, rows per second, waits of many clicks."""
        ratio = ours / peer if peer else None
        met = goal.met_by(ratio if goal.unit == "x" else ours) if goal else None
        cells = (
            metric, f"{shown(ours)} {unit}", "", f"{shown(peer)} {unit}" if peer is not None else "", "",
            ratio_text(ratio), goal.text() if goal else "", verdict(met), peer_is,
        )  # fmt: skip
        self._add(Line(cells, metric, met))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        if line.met is not None:
            (self.met if line.met else self.missed).append(line.metric)
        say("  " + " | ".join(cell for cell in line.cells if cell))

    def remark(self, text: str) -> None:
        """A sentence below the table."""
        self.remarks.append(text)
        say(f"  {text}")

    def section(self) -> str:
        """What has come since the last call, as aligned text."""
        rows = [HEAD, *(line.cells for line in self.lines)]
        width = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        text = ["  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=True)).rstrip() for row in rows]
        text.insert(1, "  ".join("-" * size for size in width))
        shown_lines = (text if self.lines else []) + [f"* {remark}" for remark in self.remarks]
        self.lines.clear()
        self.remarks.clear()
        return "\n".join(shown_lines)


def verdict(met: bool | None) -> str:
    """The word for it."""
    return {True: "met", False: "MISSED", None: ""}[met]


def ratio_text(ratio: float | None) -> str:
    """A ratio, or nothing."""
    return "" if ratio is None else f"{shown(ratio)} x"


def shown(value: float) -> str:
    """Three digits of a number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """Seconds, or milliseconds below a tenth."""
    return f"{shown(value)} s" if value >= 0.1 else f"{shown(1000 * value)} ms"


def say(text: str) -> None:
    """Progress, apart from the tables."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()

"""The benchmarks themselves: that they run, survive a section that fails, and refuse to time answers that differ."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import run
from tests.benchmarks.measuring import Cost, Disagreement, Goal, Report, Unavailable
from tests.benchmarks.reference import agree

REPOSITORY = Path(__file__).resolve().parents[2]


def test_no_time_is_reported_when_two_sides_differ() -> None:
    with pytest.raises(Disagreement, match="1 too many"):
        agree("a peer", {"overdue-labs": {(1, "ck")}}, {"overdue-labs": set()})


def test_a_missed_goal_is_said_in_the_table_and_remembered() -> None:
    report = Report()
    report.time("pass", Cost(9.0, 3.0), Cost(9.0, 2.0), peer_is="peer", goal=Goal(1))
    report.amount("memory", 100, unit="MiB", goal=Goal(200, "MiB"))
    lines = report.section().splitlines()
    assert "MISSED" in lines[2]
    assert "met" in lines[3]
    assert (report.met, report.missed) == (["memory"], ["pass"])


def test_processor_time_decides_unless_it_is_the_wait_that_matters() -> None:
    report = Report()
    report.time("work", Cost(9.0, 1.0), Cost(3.0, 2.0), goal=Goal(1))
    report.time("wait", Cost(9.0, 1.0), goal=Goal(2, "s"), by="wall")
    assert (report.met, report.missed) == (["work"], ["wait"])


def test_a_goal_that_this_run_cannot_judge_is_shown_and_not_counted() -> None:
    report = Report()
    report.amount("memory", 9_999, unit="MiB", goal=Goal(1536, "MiB", judged=False, note="at 100,000 patients"))
    assert "<= 1,536 MiB at 100,000 patients" in report.section()
    assert not report.met
    assert not report.missed


def test_sections_are_printed_one_by_one_and_outlive_one_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    printed: list[str] = []

    def broken() -> None:
        report.amount("before it broke", 1, unit="byte")
        raise ValueError("the disk is full")

    def differing() -> None:
        raise Disagreement("2 too many")

    def lacking() -> None:
        raise Unavailable("no Chromium found")

    def last() -> None:
        printed.append(capsys.readouterr().out)
        report.amount("last", 3, unit="bytes")

    failed = run({"one": broken, "two": differing, "three": lacking, "four": last}, report)
    assert "[one] FAILED: ValueError: the disk is full" in printed[0]
    assert "before it broke" in printed[0]
    assert "[two] FAILED: no times, the answers differ: 2 too many" in printed[0]
    assert "[three] not measured: no Chromium found" in printed[0]
    end = capsys.readouterr().out
    assert "3 bytes" in end
    assert "before it broke" not in end
    assert set(failed) == {"one", "two"}


@pytest.mark.slow
def test_the_benchmarks_run_on_a_small_clinic(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "--patients", "20", "--years", "1", "--repeats", "1"),
            *("--results", "2", "--replay-days", "3", "--keep", str(tmp_path), "--only", "commands", "import", "room"),
            *("rules", "patient", "evaluate", "night", "result", "replay", "waiting", "requests"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for said in ("nightly run", "goals met", "the list's own requests", "myopanel alerts, start to answer"):
        assert said in done.stdout

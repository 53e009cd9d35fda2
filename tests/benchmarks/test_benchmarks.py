"""The benchmarks themselves: that they run, and that they refuse to time answers that differ."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import Disagreement, _agree
from tests.benchmarks.measuring import Report

REPOSITORY = Path(__file__).resolve().parents[2]


def test_no_time_is_reported_when_two_sides_differ() -> None:
    with pytest.raises(Disagreement, match="1 too many"):
        _agree("a peer", {"overdue-labs": {(1, "ck")}}, {"overdue-labs": set()})


def test_a_missed_target_is_said_in_the_table() -> None:
    report = Report()
    report.add("pass", 3.0, 2.0, unit="s", peer_is="peer", at_most=1.0)
    report.add("memory", 1.0, 2.0, unit="MiB", peer_is="peer", at_most=1.0)
    lines = report.table().splitlines()
    assert lines[2].endswith("MISSED")
    assert lines[3].endswith("met")


@pytest.mark.slow
@pytest.mark.serial
def test_the_benchmarks_run_on_a_small_clinic(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "--patients", "20", "--years", "1", "--repeats", "1"),
            *("--results", "2", "--replay-days", "3", "--keep", str(tmp_path)),
            *("--only", "import", "rules", "night", "result", "patient", "replay"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nightly run" in done.stdout

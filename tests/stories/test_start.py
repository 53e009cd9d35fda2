"""What a command loads before it answers. How long it takes is for `make bench`, never for a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import dashboard
from models.database import VERSIONS, newest_version
from tests.stories.conftest import Clinic, cmas, day

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = frozenset({"alembic", "apscheduler", "dash", "flask", "numpy", "openpyxl", "pandas", "plotly", "waitress"})
ENTRY = "import sys; from dashboard.cli import main; sys.exit(main())"


def loaded_by(folder: Path, url: str, *arguments: str) -> set[str]:
    """The packages that the command imports, as the interpreter itself reports them; the command has to succeed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", ENTRY, *arguments],
        cwd=folder,
        env=os.environ | {"MYOPANEL_DATABASE_URL": url, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("alerts",),
        ("alerts", "--state", "all", "--format", "json"),
        ("alert", "ack", "1", "--by", "nora", "--reason", "reviewed"),
        ("alert", "comment", "1", "--by", "nora", "--note", "called back"),
        ("jobs", "list"),
        ("user", "add", "nora", "--role", "nurse", "--password", "a long enough password"),
        ("db", "backup", "copy.db"),
        ("rule", "list"),
        ("evaluate", "--full", "--as-of", day(0)),
        ("suggest", "1", "--as-of", day(0)),
        ("exposure", "1", "--as-of", day(0)),
        ("replay", "--from", day(-1), "--to", day(0)),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_frames_loads_none(
    clinic: Clinic, sqlite_url: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    clinic.load(patients=[{"mrn": "1", "diagnosis": "DM"}], observations=[cmas("1", 27, -14), cmas("1", 24)])
    clinic.evaluate(0)
    found = loaded_by(tmp_path, sqlite_url, *arguments)
    assert "dashboard" in found
    assert not found & HEAVY


def test_an_import_loads_no_frames(clinic: Clinic, sqlite_url: str, tmp_path: Path) -> None:
    folder = clinic.folder(patients=[{"mrn": "1", "diagnosis": "DM"}], observations=[cmas("1", 27)])
    assert not loaded_by(tmp_path, sqlite_url, "import", str(folder)) & HEAVY


def test_what_a_command_does_need_is_seen(sqlite_url: str, tmp_path: Path) -> None:
    """So that the tests above cannot pass because nothing is reported."""
    assert "alembic" in loaded_by(tmp_path, sqlite_url, "db", "upgrade")


def test_the_version_is_printed_without_opening_a_database(tmp_path: Path, clinic: Clinic) -> None:
    assert clinic("--version").stdout == f"myopanel {dashboard.__version__}\n"
    assert "sqlalchemy" not in loaded_by(tmp_path, "sqlite:///nowhere/at/all.db", "--version")


def test_the_newest_schema_version_is_the_one_alembic_finds() -> None:
    """It is read from the file names: each begins with its revision, and later revisions sort behind earlier ones."""
    script = ScriptDirectory(str(VERSIONS.parent))
    assert newest_version() == script.get_current_head()
    revisions = [one.revision for one in script.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)
    assert sorted(path.name.partition("_")[0] for path in VERSIONS.glob("*.py")) == sorted(revisions)

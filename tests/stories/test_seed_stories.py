"""Every invented patient's story, from the CSV folder to the answers: what each story promises is what is said."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from seed_data.stories import (
    Expectation,
    Story,
    load_silent_laboratory,
    load_stories,
    write_silent_laboratory,
    write_stories,
)

AS_OF = dt.date(2026, 5, 20)
STORIES = load_stories()
SILENT = load_silent_laboratory()


@pytest.fixture(scope="module")
def clinics(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> dict[str, Path]:
    """Two databases, imported by the command: the stories, and the laboratory that fell silent."""
    import shutil
    import subprocess
    import sys

    made = {}
    for name, write in (("stories", write_stories), ("silent", write_silent_laboratory)):
        folder = tmp_path_factory.mktemp(name)
        write(folder / "csv", AS_OF)
        database = folder / "myopanel.db"
        shutil.copyfile(sqlite_template, database)
        command = Path(sys.executable).parent / "myopanel"
        done = subprocess.run(
            [str(command), "import", str(folder / "csv"), "--format", "json"],
            env={"MYOPANEL_DATABASE_URL": f"sqlite:///{database}", "PATH": ""},
            capture_output=True, text=True, check=False, cwd=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made[name] = database
    return made


_asked: dict[tuple[Path, tuple[str, ...]], Any] = {}


def _ask(cli: Callable[..., Any], database: Path, *arguments: str) -> Any:
    """The command's JSON, asked once per module for the same arguments."""
    if (database, arguments) not in _asked:
        done = cli(*arguments, "--format", "json", env={"MYOPANEL_DATABASE_URL": f"sqlite:///{database}"})
        assert done.code == 0, done.stderr
        _asked[database, arguments] = done.json()
    return _asked[database, arguments]


def _rows(cli: Callable[..., Any], database: Path, story: Story, wanted: Expectation) -> list[dict[str, Any]]:
    asked = AS_OF + dt.timedelta(days=wanted.on_day)
    arguments = ["evaluate", "--dry-run", "--all-states", "--as-of", asked.isoformat()]
    if wanted.known_day is not None:
        arguments += ["--known-at", (AS_OF + dt.timedelta(days=wanted.known_day)).isoformat()]
    return [
        one
        for one in _ask(cli, database, *arguments)
        if one["mrn"] == story.mrn and one["rule"] == wanted.rule and one["subject"].startswith(wanted.subject)
    ]


def _params(stories: Iterable[Story], kind: str) -> list[Any]:
    return [
        pytest.param(story, one, id=f"{story.mrn}-{number}-{getattr(one, 'rule', getattr(one, 'state', ''))}")
        for story in stories
        for number, one in enumerate(getattr(story, kind), 1)
    ]


def _database(clinics: dict[str, Path], story: Story) -> Path:
    return clinics["silent" if story in SILENT else "stories"]


@pytest.mark.parametrize(("story", "wanted"), _params([*STORIES, *SILENT], "expect"))
def test_a_story_is_answered_as_it_promises(
    cli: Callable[..., Any], clinics: dict[str, Path], story: Story, wanted: Expectation
) -> None:
    rows = _rows(cli, _database(clinics, story), story, wanted)
    told = [(one["subject"], one["state"], one["severity"], one["grade"], one["since"]) for one in rows]
    since = None if wanted.since_day is None else (AS_OF + dt.timedelta(days=wanted.since_day)).isoformat()
    assert any(
        one["state"] == wanted.state
        and wanted.severity in (None, one["severity"])
        and wanted.grade in (None, one["grade"])
        and since in (None, one["since"])
        for one in rows
    ), f"{wanted}: {told}"


@pytest.mark.parametrize(("story", "wanted"), _params([*STORIES, *SILENT], "expect_not"))
def test_a_story_is_not_met_where_it_must_not_be(
    cli: Callable[..., Any], clinics: dict[str, Path], story: Story, wanted: Expectation
) -> None:
    assert [one for one in _rows(cli, _database(clinics, story), story, wanted) if one["state"] == "met"] == []


@pytest.mark.parametrize(("story", "wanted"), _params([*STORIES, *SILENT], "expect_suggestions"))
def test_a_story_is_given_the_suggestions_it_promises(
    cli: Callable[..., Any], clinics: dict[str, Path], story: Story, wanted: Any
) -> None:
    asked = (AS_OF + dt.timedelta(days=wanted.on_day)).isoformat()
    answer = _ask(cli, _database(clinics, story), "suggest", story.mrn, "--as-of", asked)
    keys = {one["key"] for one in answer["suggestions"]}
    assert answer["state"] == wanted.state, (wanted.reason, answer["phenotype"])
    assert set(wanted.keys) <= keys, wanted.reason
    assert not set(wanted.absent_keys) & keys, wanted.reason

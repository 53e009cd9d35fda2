"""What the documents say about the code is true: commands, settings, rules, examples, the tour, the first import."""

import ast
import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from jobs.escalation import all_escalations
from jobs.phenotype import Parameters as PhenotypeParameters
from jobs.rule import all_rules
from jobs.schedule import jobs_of
from models.settings import Settings
from tests.documents import MARKS, PLACE, REPOSITORY, documents, written_anew
from tests.screenshots import LARGEST, SHOTS

CLINICAL = REPOSITORY / "docs" / "clinical.md"
README = REPOSITORY / "README.md"
PNG = b"\x89PNG\r\n\x1a\n"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(path: Path, title: str) -> str:
    """The text under a heading, up to the next of the same level."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", text(path), flags=re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no part {title!r}"
    return found[2]


# ------------------------------------------------------------------------------------------------------ generated parts


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_the_generated_parts_are_what_the_code_says_now(path: Path) -> None:
    assert text(path) == written_anew(text(path)), "python -m tests.documents writes them anew"


def test_the_tables_a_reader_is_promised_are_there() -> None:
    parts = {name for path in documents() for _, name, _, _ in PLACE.findall(text(path))}
    assert {"commands", "settings", "rules", "from memory", "examples declining-strength"} <= parts


def test_every_kind_of_mark_is_explained() -> None:
    explained = section(CLINICAL, "What every answer has in common")
    used = {field.metadata["mark"] for one in all_rules() for field in one.parameter_fields()}
    assert used <= set(MARKS)
    assert [mark for mark in MARKS.values() if f"| {mark} |" not in explained] == []


INTENDED_USE = REPOSITORY / "docs" / "intended-use.md"
MUST_BE_COVERED = (
    "nobody looks", "results stopped coming", "a row was dropped", "a rule fails", "a threshold is mis-set",
    "the clock is wrong", "False alerts", "Wrong patient", "Wrong value or unit", "Stale page", "Wrong dose of a drug",
    "Replaced statements", "An option against an exclusion", "Unverified numbers", "Upgrade", "Restore",
)  # fmt: skip


def hazards() -> list[list[str]]:
    """The rows of the hazard log: hazard, cause, control, tests."""
    rows = [line for line in section(INTENDED_USE, "Hazards").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[1:]]


def test_each_hazard_has_a_cause_a_control_and_tests_that_exist() -> None:
    named = 0
    for hazard, cause, control, tests in hazards():
        assert cause, hazard
        assert control, hazard
        found = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert found, f"no test shows the control of: {hazard}"
        assert len(found) == tests.count("`") // 2, f"something else stands among the tests of: {hazard}"
        for file, name in found:
            assert name in functions_of(REPOSITORY / file), f"{hazard}: there is no {file}::{name}"
            named += 1
    assert named > 40


def test_the_hazards_that_have_to_be_thought_of_are_in_the_log() -> None:
    said = " ".join(row[0] for row in hazards())
    assert [words for words in MUST_BE_COVERED if words not in said] == []


@cache
def functions_of(file: Path) -> frozenset[str]:
    """The functions a file defines at its top; none where there is no such file."""
    if not file.is_file():
        return frozenset()
    return frozenset(one.name for one in ast.parse(text(file)).body if isinstance(one, ast.FunctionDef))


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


# ----------------------------------------------------------------------------------------------------------- references


@cache
def defined(path: str) -> frozenset[str]:
    """Names of the functions and classes of a file, methods included."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(ast.parse(text(REPOSITORY / path))) if isinstance(node, kinds))


def test_the_tour_names_files_functions_and_classes_that_exist() -> None:
    tour = section(README, "A tour: one creatine kinase value")
    steps = re.split(r"^\d+\. ", tour, flags=re.MULTILINE)[1:]
    assert len(steps) == 9
    seen = 0
    for step in steps:
        words = re.findall(r"`([^`]+)`", step)
        files = [word for word in words if word.endswith(".py")]
        assert files, step
        assert [file for file in files if not (REPOSITORY / file).is_file()] == []
        known = frozenset[str]().union(*map(defined, files))
        names = [word.removesuffix("()") for word in words if re.fullmatch(r"_?[A-Za-z]\w*(\(\))?", word)]
        assert [name for name in names if name not in known] == [], step
        seen += len(names)
    assert seen > 20


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_file_a_document_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:models|jobs|dashboard|seed_data|tests|docs|\.ci)/[\w./-]*)`", text(path))
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text(path))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_setting_a_document_names_exists(path: Path) -> None:
    settings = {f"MYOPANEL_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"MYOPANEL_[A-Z_]+[A-Z]", text(path))) - settings == set()


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_command_a_document_names_exists(path: Path) -> None:
    import typer

    from dashboard.cli import app

    root: Any = typer.main.get_command(app)
    unknown = []
    for line in re.findall(r"(?:`|^|^ {4}|bin/|\.db )myopanel ([a-z][^`\n|#]*)", text(path), flags=re.MULTILINE):
        command, words = root, line.split()
        while words and getattr(command, "commands", None):
            command = command.commands.get(words.pop(0))
        options = {option for one in getattr(command, "params", ()) for option in (*one.opts, *one.secondary_opts)}
        used = {word.split("=")[0] for word in re.findall(r"(?<![\w-])--[a-z-]+", line)}
        if command is None or used - options - {"--help"}:
            unknown.append(line)
    assert unknown == []


def parameters() -> set[str]:
    """Every threshold, as documents write it: `rule.parameter`, `suggestion.parameter`, `phenotype.parameter`."""
    owners: Iterator[tuple[str, Any]] = iter(
        [
            *((one.key, one.parameters) for one in all_rules()),
            *((one.key, one.parameters) for one in all_escalations()),
            ("phenotype", PhenotypeParameters),
        ]
    )
    return {f"{key}.{field.name}" for key, owner in owners for field in dataclasses.fields(owner)}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_threshold_a_document_names_exists(path: Path) -> None:
    keys = "|".join(sorted({name.split(".")[0] for name in parameters()}, key=len, reverse=True))
    named = set(re.findall(rf"(?<![\w/-])((?:{keys})\.[a-z_0-9]+)(?=[`=])", text(path)))
    assert named - parameters() == set()


def test_every_disagreement_of_the_sources_is_resolved_somewhere_in_the_code() -> None:
    rows = re.findall(r"^\| (C\d+) \|.*\| ([^|]+) \|$", section(CLINICAL, "Where sources disagree"), flags=re.MULTILINE)
    assert [number for number, _ in rows] == [f"C{number}" for number in range(1, 21)]
    for number, where in rows:
        for name in re.findall(r"`([^`]+)`", where):
            assert name in parameters() or (REPOSITORY / name).is_file(), f"{number}: {name}"


def test_the_page_for_whoever_runs_it_lists_every_job() -> None:
    operations = text(REPOSITORY / "docs" / "operations.md")
    assert [job.key for job in jobs_of(Settings()) if f"| `{job.key}` |" not in operations] == []


# ------------------------------------------------------------------------------------------------------------ changelog


def test_the_changelog_names_every_rule_with_its_version_and_status() -> None:
    changelog = text(REPOSITORY / "CHANGELOG.md")
    missing = [one.key for one in all_rules() if f"| `{one.key}` | {one.version} | {one.status} |" not in changelog]
    assert missing == []


def test_the_version_is_the_newest_release_or_the_one_in_the_making_after_it() -> None:
    from dashboard import __version__

    changelog = text(REPOSITORY / "CHANGELOG.md")
    releases = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", changelog, flags=re.MULTILINE)
    number, _, in_the_making = __version__.partition(".dev")
    assert bool(in_the_making) == ("\n## Unreleased\n" in changelog)
    if in_the_making:
        assert [int(part) for part in number.split(".")] > [int(part) for part in releases[0].split(".")]
    else:
        assert number == releases[0]


# --------------------------------------------------------------------------------------------------------- first import


def test_the_first_import_of_the_readme_works_as_it_stands(cli: Callable[..., Any], tmp_path: Path) -> None:
    script = section(README, "Your own data").split("```sh\n")[1].split("```")[0]
    for name, content in re.findall(r"cat > (\S+) <<'EOF'\n(.*?)EOF\n", script, flags=re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    commands = [line.split()[1:] for line in script.splitlines() if line.startswith(".venv/bin/myopanel ")]
    assert [command[0] for command in commands] == ["db", "import", "evaluate"]
    answers = [cli(*command) for command in commands]
    assert [answer.code for answer in answers] == [0, 0, 0], [answer.stderr for answer in answers]
    assessments = answers[-1].stdout.splitlines()[2:]
    assert len(assessments) == 2, "the README says that it prints two lines"
    said = {key: line for line in assessments for key in ("active-disease", "declining-strength") if key in line}
    assert "No glucocorticoid and no immunosuppressant" in said["active-disease"]
    assert "Possible only" in said["declining-strength"]
    assert "17 Nov 2026" in said["declining-strength"]
    again = cli("import", "first-import", "--format", "csv")
    assert again.stdout.splitlines()[-1] == "total,5,0,0,5,0", "imported again, nothing changes"


# ---------------------------------------------------------------------------------------------------------- screenshots


def test_every_picture_is_there_small_enough_and_shown_in_the_readme() -> None:
    for shot in SHOTS:
        file = REPOSITORY / "docs" / "screenshots" / f"{shot.name}.png"
        content = file.read_bytes()
        assert content.startswith(PNG), file.name
        size = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
        assert size == (shot.width, shot.height), file.name
        assert len(content) < LARGEST, file.name
        assert f"docs/screenshots/{file.name}" in text(README), file.name


def test_no_picture_is_left_over() -> None:
    shown = {f"{shot.name}.png" for shot in SHOTS}
    assert {file.name for file in (REPOSITORY / "docs" / "screenshots").iterdir()} == shown

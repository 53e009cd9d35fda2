"""What must hold of the repository itself: layout, lock, documents, and that nothing local leaks into it."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LARGEST_FILE = 400 * 1024

FILES_AT_THE_TOP = {
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.lock",
}
FOLDERS_AT_THE_TOP = {".ci", "benchmarks", "dashboard", "docs", "jobs", "models", "seed_data", "tests"}

# Put together here, so that this file does not contain what it looks for.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("anaconda", "org"),
    ]
)
# An absolute path into a developer's machine; the look-behind spares addresses and relative paths.
MACHINE_PATH = re.compile(r"(?<![\w.~)}\]*-])/(?:" + "|".join(["work", "tmp", "root", "opt", "Users"]) + r")/[\w.]")


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed. Outside a git checkout: every file that is not a cache."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
        return tuple(path for path in (REPOSITORY / name for name in names) if path.is_file())
    caches = {".git", ".venv", "__pycache__", "dist", "build"}
    return tuple(
        path
        for path in REPOSITORY.rglob("*")
        if path.is_file()
        and not any(part in caches or part.endswith("_cache") for part in path.relative_to(REPOSITORY).parts)
    )


def text_of(path: Path) -> str | None:
    """The file's text, or None if it is not text (an image)."""
    content = path.read_bytes()
    if b"\0" in content:
        return None
    return content.decode("utf-8")


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@cache
def project() -> dict[str, dict[str, object]]:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def normal(requirement: str) -> str:
    """The package's name as registries compare it: `psycopg[binary]>=3` -> `psycopg`."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


FOR_A_CLUSTER = {"distributed"}
"""Installed by whoever has a cluster; without it the command says what to do. Not locked: no clinic needs it."""


def required_packages() -> set[str]:
    table = project()["project"]
    groups = [table["dependencies"], *table["optional-dependencies"].values()]  # type: ignore[attr-defined]
    return {normal(requirement) for group in groups for requirement in group}  # type: ignore[attr-defined]


def sections(document: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", document, flags=re.MULTILINE)


# --------------------------------------------------------------------------------------------------------------- layout


def test_the_top_level_holds_only_what_the_architecture_names() -> None:
    tops = {path.relative_to(REPOSITORY).parts for path in repository_files()}
    files = {parts[0] for parts in tops if len(parts) == 1}
    folders = {parts[0] for parts in tops if len(parts) > 1}
    assert files - FILES_AT_THE_TOP == set()
    assert folders - FOLDERS_AT_THE_TOP == set()


def test_every_folder_at_the_top_is_explained_in_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    folders = {path.relative_to(REPOSITORY).parts[0] for path in repository_files() if path.parent != REPOSITORY}
    unexplained = {folder for folder in folders - {".ci"} if f"| `{folder}/` |" not in readme}
    assert unexplained == set()


def test_no_module_is_called_utils_or_helpers() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "common"}
    found = [
        named(path) for path in repository_files() if path.suffix == ".py" and vague & {path.stem, path.parent.name}
    ]
    assert found == []


def test_no_file_is_larger_than_400_kb() -> None:
    large = {named(path): path.stat().st_size for path in repository_files() if path.stat().st_size > LARGEST_FILE}
    assert large == {}


def lines_of_the_packages() -> dict[str, int]:
    """The number of lines of each Python file of the three packages; what Alembic writes is left out."""
    return {
        named(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in repository_files()
        if path.suffix == ".py"
        and named(path).startswith(("models/", "jobs/", "dashboard/"))
        and not named(path).startswith("models/migrations/")
    }


# These are longer than four times the median and were so when the limit was set. Whoever splits one strikes it out;
# none is added: a file that grows beyond the limit is split by its nouns.
NOT_YET_SPLIT = {
    "dashboard/cli.py",
    "jobs/phenotype.py",
    "jobs/rules/active_disease.py",
    "jobs/rules/declining_strength.py",
    "jobs/rules/drug_safety.py",
    "jobs/rules/overdue_labs.py",
    "jobs/rules/prolonged_high_dose_steroids.py",
    "jobs/rules/steroid_myopathy_pattern.py",
    "jobs/rules/worsening.py",
    "models/alert_lifecycle.py",
}


def test_no_file_is_longer_than_four_times_the_median() -> None:
    lines = lines_of_the_packages()
    limit = 4 * statistics.median(lines.values())
    assert {name: count for name, count in lines.items() if count > limit and name not in NOT_YET_SPLIT} == {}


def test_what_has_been_split_is_struck_out_of_the_files_not_yet_split() -> None:
    lines = lines_of_the_packages()
    limit = 4 * statistics.median(lines.values())
    assert {name for name in NOT_YET_SPLIT if lines.get(name, 0) <= limit} == set()


def test_no_database_or_secret_is_in_the_repository() -> None:
    private = {".db", ".sqlite", ".sqlite3", ".secret", ".env", ".pem", ".key"}
    found = [named(path) for path in repository_files() if path.suffix in private or path.name == ".env"]
    assert found == []


# ---------------------------------------------------------------------------------------------------------- local leaks


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{named(path)}: {host}"
        for path in repository_files()
        for host in REGISTRY_HOSTS
        if (text := text_of(path)) is not None and host in text
    ]
    assert found == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = []
    for path in repository_files():
        for number, line in enumerate((text_of(path) or "").splitlines(), start=1):
            if MACHINE_PATH.search(line) and path != Path(__file__).resolve():
                found.append(f"{named(path)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("see /" + "tmp/x.db", True),
        ("sqlite:////" + "work/clinic.db", True),
        ('"/' + 'root/.config"', True),
        ("https://example.org/" + "tmp/page", False),
        ("frame" + "work/x", False),
        ("./" + "tmp/x", False),
    ],
)
def test_a_path_of_a_machine_is_told_from_an_address(line: str, is_one: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) is is_one


# ------------------------------------------------------------------------------------------------ dependencies and lock


@cache
def lock() -> str:
    return (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


def locked_packages() -> set[str]:
    return {normal(name) for name in re.findall(r"^([A-Za-z0-9][\w.\-]*(?:\[[^\]]*\])?)==", lock(), flags=re.MULTILINE)}


def test_the_lock_covers_every_required_package() -> None:
    assert required_packages() - locked_packages() == FOR_A_CLUSTER


def test_the_lock_fixes_every_package_by_version_and_hash() -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", lock(), flags=re.MULTILINE).strip())
    loose = [
        entry.splitlines()[0]
        for entry in entries
        if not re.match(r"[\w.\-\[\],]+==\S+", entry) or not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)
    ]
    assert entries
    assert loose == []


def test_the_lock_says_nothing_about_where_packages_come_from() -> None:
    assert "://" not in lock()
    assert "--index-url" not in lock()
    assert "--find-links" not in lock()
    assert " @ " not in lock()


def test_every_locked_version_lies_in_the_range_of_the_project() -> None:
    from packaging.requirements import Requirement
    from packaging.version import Version

    table = project()["project"]
    groups = [table["dependencies"], table["optional-dependencies"]["dev"]]  # type: ignore[index]
    pins = re.findall(r"^([A-Za-z0-9][\w.\-]*)==([^ ;\\]+)", lock(), flags=re.MULTILINE)
    versions: dict[str, list[Version]] = {}
    for name, version in pins:
        versions.setdefault(normal(name), []).append(Version(version))
    outside = [
        f"{requirement}: {version}"
        for group in groups
        for requirement in map(Requirement, group)
        for version in versions[normal(requirement.name)]
        if version not in requirement.specifier
    ]
    assert outside == []


def test_every_dependency_has_its_line_of_reason_and_no_reason_lacks_its_dependency() -> None:
    document = (REPOSITORY / "docs/decisions/0002-dependencies.md").read_text(encoding="utf-8")
    used = document.split("### Considered and left out")[0]
    reasons = dict(re.findall(r"^\| `([\w.\-]+)` \| (.+?) \|$", used, flags=re.MULTILINE))
    assert {normal(name) for name in reasons} == required_packages()
    assert [name for name, reason in reasons.items() if len(reason) < 10] == []


def imported_packages(folder: str) -> set[str]:
    found: set[str] = set()
    for path in repository_files():
        if path.suffix == ".py" and named(path).startswith(f"{folder}/"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names)


@pytest.mark.parametrize("folder", ["models", "jobs", "dashboard", "seed_data"])
def test_what_runs_in_the_clinic_imports_only_declared_packages(folder: str) -> None:
    # Flask and werkzeug are Dash's own server: declared by Dash, which bounds their versions.
    brought_by_dash = {"flask", "werkzeug"}
    called_otherwise = {"argon2", "jwt"}
    ours = {"models", "jobs", "dashboard", "seed_data"}
    declared = {normal(name) for name in project()["project"]["dependencies"]}  # type: ignore[attr-defined]
    foreign = {normal(name) for name in imported_packages(folder) - ours}
    assert foreign - declared - called_otherwise - brought_by_dash - FOR_A_CLUSTER == set()


# ----------------------------------------------------------------------------------------------------- commands, checks


def make_targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, flags=re.MULTILINE))


@pytest.mark.parametrize("document", ["README.md", "docs/decisions/0002-dependencies.md", ".ci/run"])
def test_every_make_command_a_document_names_exists(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    # Commands stand in code: between backticks, or at the start of a line of a code block or script.
    commands = set(re.findall(r"(?:`|^|exec )make ([a-z][a-z-]*)", text, flags=re.MULTILINE))
    assert commands
    assert commands - make_targets() == set()


def test_the_promised_make_targets_exist() -> None:
    assert {
        "install",
        "demo",
        "test",
        "bench",
        "check",
        "lint",
        "types",
        "contracts",
        "lock",
        "clean",
    } <= make_targets()


def test_the_build_machine_runs_the_readmes_test_command() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run must be executable"
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_import_contracts_hold() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


# ------------------------------------------------------------------------------------------------------------ documents


def test_the_licence_is_apache_2() -> None:
    words = " ".join((REPOSITORY / "LICENSE").read_text(encoding="utf-8").split())
    assert words.startswith("Apache License Version 2.0, January 2004")
    assert "END OF TERMS AND CONDITIONS" in words
    assert project()["project"]["license"] == "Apache-2.0"


def test_the_changelog_keeps_clinical_changes_apart() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    assert releases
    for release in releases:
        assert "Clinical" in sections(release), f"no clinical part: {release.splitlines()[0]}"


def test_every_rule_is_in_the_clinical_part_of_the_changelog() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    clinical = "".join(re.findall(r"^### Clinical\n(.*?)(?=^##|\Z)", changelog, flags=re.MULTILINE | re.DOTALL))
    missing = [key for key in sorted(rule_keys()) if f"`{key}`" not in clinical]
    assert missing == []


def rule_keys() -> set[str]:
    """The key of every rule, read from the files without running them."""
    found = set()
    for path in (REPOSITORY / "jobs" / "rules").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule":
                found |= {
                    str(keyword.value.value)
                    for keyword in node.keywords
                    if keyword.arg == "key" and isinstance(keyword.value, ast.Constant)
                }
    return found


def test_decisions_are_numbered_without_gaps_and_say_context_decision_and_consequences() -> None:
    decisions = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        document = path.read_text(encoding="utf-8")
        assert document.startswith(f"# {path.name[:4]} "), path.name
        assert "Status: " in document, path.name
        assert {"Context", "Decision", "Consequences"} <= set(sections(document)), path.name


def test_the_readme_says_what_myopanel_is_not() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert "What it is not" in sections(readme)
    assert "emergency" in readme
    assert "judgement" in readme


def test_every_document_the_readme_links_to_exists() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", readme)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


WORDS_OF_A_CLINIC = {"drug", "drugs", "measure", "measures", "tests", "monitoring", "vocabulary", "conversion"}


@pytest.mark.parametrize("folder", ["models", "jobs", "dashboard"])
def test_what_follows_from_the_vocabulary_is_remembered_by_the_vocabulary(folder: str) -> None:
    """A clinic adds drugs and measures while the program runs: `functools.lru_cache` would go on without them."""
    forgotten = []
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(one, ast.FunctionDef) or path.parent.name == "vocabulary":
                continue
            cached = any("lru_cache" in ast.unparse(decorator) for decorator in one.decorator_list)
            called = {ast.unparse(call.func) for call in ast.walk(one) if isinstance(call, ast.Call)}
            if cached and called & WORDS_OF_A_CLINIC:
                forgotten.append(f"{path.relative_to(REPOSITORY)}: {one.name}")
    assert forgotten == []

"""The clock is read at the outermost edge only: everything below is told the time."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "jobs", "dashboard", "seed_data")
EDGE = {"dashboard/cli.py", "dashboard/app.py", "jobs/scheduler.py", "jobs/mllp/listener.py"}
"""One question for each command, each request, each tick of the scheduler, each message that arrives."""
DATABASES_CLOCK = re.compile(r"func\.(now|current_\w+)\(|CURRENT_(TIMESTAMP|DATE|TIME)|\bnow\(\)'|date(time)?\('now'")


def sources() -> Iterator[tuple[str, str]]:
    """Name and text of every module that is shipped."""
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")


def asks_the_clock(text: str) -> bool:
    """Whether a module imports `utc_now` or the module that has it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            names = {one.name for one in node.names}
            if (node.module == "models.clock" and "utc_now" in names) or (node.module == "models" and "clock" in names):
                return True
        if isinstance(node, ast.Import) and any(one.name == "models.clock" for one in node.names):
            return True
    return False


def test_only_commands_the_application_the_scheduler_and_the_listener_ask_what_time_it_is() -> None:
    assert {name for name, text in sources() if asks_the_clock(text)} == EDGE


def test_no_query_asks_the_database_what_time_it_is() -> None:
    # The doctor compares the two clocks: that is its question.
    assert [name for name, text in sources() if DATABASES_CLOCK.search(text)] == ["jobs/doctor.py"]

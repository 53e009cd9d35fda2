"""The shared fixtures do what the tests of every package rely on."""

import os
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_database_is_upgraded_and_answers(engine: sa.Engine) -> None:
    tables = sa.inspect(engine).get_table_names()
    assert "patient" in tables
    assert "alembic_version" in tables


def test_a_database_is_fresh_for_every_test(database_url: str, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE only_here (x INTEGER)"))
    assert "only_here" in sa.inspect(engine).get_table_names()


def test_what_another_test_did_is_gone(engine: sa.Engine) -> None:
    assert "only_here" not in sa.inspect(engine).get_table_names()


def test_both_kinds_of_database_are_covered(engine: sa.Engine, request: pytest.FixtureRequest) -> None:
    assert engine.dialect.name == ("postgresql" if "postgres" in request.node.name else "sqlite")


def test_a_clinic_folder_has_the_columns_of_its_rows_and_empty_cells_for_none(
    clinic_folder: Callable[..., Path],
) -> None:
    folder = clinic_folder(
        patients=[{"mrn": "1", "sex": "female"}, {"mrn": "2", "diagnosis": "DM", "sex": None}],
        observations=[{"mrn": "1", "comment": "a, b"}],
    )
    assert (folder / "patients.csv").read_text(encoding="utf-8") == "mrn,sex,diagnosis\n1,female,\n2,,DM\n"
    assert (folder / "observations.csv").read_text(encoding="utf-8") == 'mrn,comment\n1,"a, b"\n'
    assert clinic_folder(patients=[{"mrn": "3"}]) != folder


def test_the_command_inside_the_process_keeps_streams_and_exit_code_apart(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def main() -> int:
        sys.stdout.write(" ".join(sys.argv[1:]) + sys.stdin.read())
        sys.stdout.buffer.write(b"!")
        sys.stderr.write("warning")
        assert os.environ["MYOPANEL_TIMEZONE"] == "Europe/Berlin"
        return 1

    monkeypatch.setattr("dashboard.cli.main", main)
    done = cli("alerts", 3, env={"MYOPANEL_TIMEZONE": "Europe/Berlin"}, stdin=" in")
    assert (done.code, done.stdout, done.stderr) == (1, "alerts 3 in!", "warning")
    assert "MYOPANEL_TIMEZONE" not in os.environ


def test_the_installed_command_answers_in_a_process_of_its_own(run_cli: Callable[..., Any]) -> None:
    help_ = run_cli("--help")
    assert help_.code == 0, help_.stderr
    assert "evaluate" in help_.stdout
    assert run_cli("no-such-command").code == 2


@pytest.fixture
def one_page() -> Iterator[str]:
    """Address of a server on this machine with one small page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<html lang=en><title>Here</title><button onclick=\"document.title='Seen'\">See</button>")

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent: the test's output is for the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.browser
def test_the_browser_opens_a_page_of_this_machine(page: "Page", one_page: str) -> None:
    page.goto(one_page)
    page.get_by_role("button", name="See").click()
    assert page.title() == "Seen"

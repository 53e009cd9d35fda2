"""Take the pictures of the README anew: `python -m tests.screenshots [NAME]... [--out FOLDER] [--patients N]`.

A demonstration clinic is built as `myopanel demo` builds it, in a folder that goes afterwards, its jobs are run once,
and Chromium visits each page as an invented nurse. Nothing in the pictures belongs to anybody. `CHROMIUM=/path` names a
browser elsewhere.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from waitress.server import create_server

from dashboard.app import create_app
from dashboard.demonstration import build_demo_clinic
from jobs.runner import run_by_hand
from jobs.schedule import jobs_of
from models.clock import utc_now
from models.settings import Settings

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
LARGEST = 250_000
"""Bytes of one picture: a clone of the repository should stay small."""
PATIENTS = 200
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One picture: which page, who looks, and what must be there before it is taken."""

    name: str
    path: str
    until: str
    width: int = 1440
    height: int = 900
    theme: str = "light"
    by: str = "nora"


ROW = ".ag-center-cols-container .ag-row"
SHOTS = (
    Shot("panel", "/", ROW),
    Shot("alerts", "/alerts", ROW),
    Shot("patient", "/patients/S-0001", ".js-plotly-plot .main-svg"),
    Shot("labs-due", "/labs", "main table, main .ag-row"),
    Shot("rules", "/rules/declining-strength", "main h1"),
    Shot("imports", "/imports", "main h1"),
    Shot("jobs", "/jobs", "main table", by="ada"),
    Shot("phone", "/alerts", ROW, width=390, height=844),
    Shot("dark", "/patients/S-0001", ".js-plotly-plot .main-svg", theme="dark"),
)


def chromium() -> str:
    """The browser.

    Raises:
        SystemExit: there is none.
    """
    given = os.environ.get("CHROMIUM")
    for name in (given,) if given else ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise SystemExit("No Chromium found; CHROMIUM=/path names one.")


@contextmanager
def demonstration(patients: int) -> Iterator[tuple[str, str]]:
    """A running demonstration: its address and the password of its cast."""
    with tempfile.TemporaryDirectory(prefix="myopanel-screenshots-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = Settings(
            database_url=f"sqlite:///{folder / 'demo.db'}",
            environment="demo",
            secret_key=SecretStr("only for pictures of invented patients, 1234567890"),
            backup_directory=folder / "backups",
        )
        engine, password = build_demo_clinic(settings, folder, patients)
        for job in jobs_of(settings):
            run_by_hand(engine, settings, job.key, now=utc_now())
        application = create_app(settings, engine, demo_password=password).server
        server: Any = create_server(application, host="127.0.0.1", port=0, threads=4)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.effective_port}", password
        finally:
            server.close()
            thread.join(timeout=5)
            engine.dispose()


def take(browser: Any, address: str, password: str, shot: Shot, folder: Path) -> Path:
    """Sign in, open the page, wait until it stands still, and write the picture."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme="dark" if shot.theme == "dark" else "light",
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{address}/sign-in")
    page.fill("main > form input[name=name]", shot.by)
    page.fill("main > form input[name=password]", password)
    page.click("main > form button")
    page.wait_for_selector("main .page")
    page.goto(f"{address}{shot.path}")
    page.wait_for_selector(shot.until)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    file = folder / f"{shot.name}.png"
    page.screenshot(path=str(file), animations="disabled")
    context.close()
    return file


def main(arguments: list[str] | None = None) -> int:
    """Take all pictures, or those named; 1 if one is too large for the repository."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--patients", type=int, default=PATIENTS, metavar="N")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(shot.name for shot in SHOTS))
    given = parser.parse_args(arguments)
    wanted = [shot for shot in SHOTS if not given.names or shot.name in given.names]
    if not wanted:
        parser.error("no picture of that name")
    from playwright.sync_api import sync_playwright

    given.out.mkdir(parents=True, exist_ok=True)
    large = []
    with demonstration(given.patients) as (address, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for shot in wanted:
            file = take(browser, address, password, shot, given.out)
            size = file.stat().st_size
            sys.stdout.write(f"{file.name}: {size / 1000:.0f} kB\n")
            large += [file.name] if size > LARGEST else []
        browser.close()
    if large:
        sys.stderr.write(f"Larger than {LARGEST / 1000:.0f} kB: {', '.join(large)}\n")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())

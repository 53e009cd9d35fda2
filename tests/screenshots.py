"""Take the pictures of the README anew: `python -m tests.screenshots [NAME]... [--out FOLDER] [--patients N]`.

A demonstration clinic is built and run as `myopanel demo` does it, in a folder that goes afterwards. Chromium visits
each page as one of its invented cast. Nothing in the pictures belongs to anybody. They are kept in 256 colours: a third
of the size, and no difference to be seen on a screen of text. `CHROMIUM=/path` names a browser elsewhere.
"""

import argparse
import os
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.web_server import web_server

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
LARGEST = 250_000
"""Bytes of one picture: a clone of the repository should stay small."""
PATIENTS = 200
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


LATE_RESULTS = """mrn,measure,value,unit,upper_limit,observed_at
S-0031,ck,96,U/L,170,2026-01-12
S-0032,ck,110,mg,170,2026-01-12
"""
"""An import with a row that is refused, so that the page of imports shows what it does about one."""


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
    Shot("rules", "/rules", "main table"),
    Shot("rule", "/rules/declining-strength", "main h1"),
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
    from pydantic import SecretStr

    from dashboard.app import create_app
    from dashboard.demonstration import build_demo_clinic
    from jobs.importers.load import import_paths
    from jobs.runner import run_by_hand
    from jobs.scheduler import Scheduler
    from models.clock import utc_now
    from models.settings import Settings

    with tempfile.TemporaryDirectory(prefix="myopanel-screenshots-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        now = utc_now()
        settings = Settings(
            database_url=f"sqlite:///{folder / 'demo.db'}",
            environment="demo",
            secret_key=SecretStr("only for pictures of invented patients, 1234567890"),
            backup_directory=folder / "backups",
        )
        engine, password = build_demo_clinic(settings, folder, patients, now)
        (folder / "results.csv").write_text(LATE_RESULTS, encoding="utf-8")
        import_paths(engine, [folder / "results.csv"], timezone=settings.timezone, by="nora", now=now)
        run_by_hand(engine, settings, "backup", now=now)
        scheduler = Scheduler(engine, settings)
        scheduler.start()
        application = create_app(settings, engine, demo_password=password).server
        try:
            with web_server(application) as address:
                yield address, password
        finally:
            scheduler.stop()
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
    file.write_bytes(in_256_colours(page.screenshot(animations="disabled")))
    context.close()
    return file


def in_256_colours(png: bytes) -> bytes:
    """The same picture with a palette. Takes what Chromium writes: 8 bits a channel, not interlaced.

    Raises:
        ValueError: another kind of PNG.
    """
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", png[16:29])
    if depth != 8 or kind not in (2, 6) or interlace:
        raise ValueError("not a picture as Chromium writes it")
    channels = 3 if kind == 2 else 4
    packed, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        packed += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), "uint8").reshape(height, 1 + width * channels)
    colours = _unfiltered(lines, channels)[:, :, :3].reshape(-1, 3)
    found, inverse = np.unique(colours, axis=0, return_inverse=True)
    number = np.bincount(inverse)
    for bits in range(9):
        # Colours that agree but for their lowest bits become one: the commonest of them, so that white stays white.
        group, member = np.unique(found >> bits, axis=0, return_inverse=True)
        if len(group) <= 256:
            break
    commonest = np.lexsort((number, member))
    last = np.append(np.flatnonzero(np.diff(member[commonest])), len(member) - 1)
    palette = found[commonest[last]]
    indexed = np.zeros((height, 1 + width), "uint8")
    indexed[:, 1:] = member[inverse].reshape(height, width)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return (
        png[:8]
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette.astype("uint8").tobytes())
        + chunk(b"IDAT", zlib.compress(indexed.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def _unfiltered(lines: np.ndarray, channels: int) -> np.ndarray:
    """Bytes as they were before PNG wrote each line as differences to its neighbours."""
    height = len(lines)
    width = (lines.shape[1] - 1) // channels
    rows = np.zeros((height + 1, width + 1, channels), "int64")
    for number in range(height):
        how = int(lines[number, 0])
        given = lines[number, 1:].reshape(width, channels).astype("int64")
        above, row = rows[number], rows[number + 1]
        if how == 0:
            row[1:] = given
        elif how == 1:
            row[1:] = np.cumsum(given, axis=0) % 256
        elif how == 2:
            row[1:] = (given + above[1:]) % 256
        else:
            for column in range(1, width + 1):
                left, up, corner = row[column - 1], above[column], above[column - 1]
                if how == 3:
                    guess = (left + up) // 2
                else:
                    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                    nearest_up = np.where(to_up <= to_corner, up, corner)
                    guess = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest_up)
                row[column] = (given[column - 1] + guess) % 256
    return rows[1:, 1:].astype("uint8")


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

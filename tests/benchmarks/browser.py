"""What a person at a screen waits for, measured by the page's own clock in headless Chromium."""

import logging
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from dashboard.app import create_app
from models.database import engine_for
from models.settings import Settings
from tests.benchmarks import ours
from tests.benchmarks.clinic import NOW, Clinic
from tests.benchmarks.measuring import Goal, Report, Unavailable
from tests.web_server import web_server

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
ROW = ".ag-center-cols-container .ag-row"
TIMELINE = ".js-plotly-plot .main-svg"
SEARCH = "input[placeholder='Filter by name or MRN']"
# Notes when `selector` first matches, from the start of the navigation.
FIRST_SEEN = """(() => {
  const look = () => {
    if (document.querySelector(%r)) { window.__seen = performance.now(); } else { setTimeout(look, 2); } };
  look(); })()"""
WHEN_FILTERED = """mrn => { window.__done = undefined; window.__begun = undefined;
  document.addEventListener('input', () => { window.__begun ??= performance.now(); }, {capture: true});
  const look = () => {
    const rows = document.querySelectorAll('.ag-center-cols-container .ag-row');
    if (window.__begun !== undefined && rows.length === 1 && rows[0].textContent.includes(mrn)) {
      requestAnimationFrame(() => { window.__done = performance.now(); });
    } else { setTimeout(look, 2); } };
  look(); }"""

PEER_ROW = ".dash-spreadsheet td[data-dash-column='mrn']"


def chromium() -> str | None:
    """The browser, or None."""
    given = os.environ.get("CHROMIUM")
    names = (given,) if given else ("chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, names) if found), None)


def screens(report: Report, clinic: Clinic, repeats: int) -> None:
    """First row of the panel, filter, a patient's timeline, bytes until then; beside a plain Dash page.

    Raises:
        Unavailable: there is no browser to measure with.
    """
    executable = chromium()
    if executable is None:
        raise Unavailable("no Chromium found (CHROMIUM=/path names one)")
    from playwright.sync_api import sync_playwright

    engine = engine_for(f"sqlite:///{clinic.copy('screens.db', of=ours.evaluated(clinic))}")
    settings = Settings(database_url=str(engine.url), secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    app = create_app(settings, engine, clock=lambda: NOW)
    turns: list[dict[str, float]] = []
    with _served(app.server) as address, _served(plain_dash(clinic)) as plain, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for _ in range(repeats + 1):
            turn = _one_visit(browser, address)
            for name, selector in (("peer_row", PEER_ROW), ("peer_timeline", TIMELINE)):
                page = _fresh_page(browser, [])
                turn[f"{name}_ms"], turn[f"{name}_mb"] = _open(page, plain, selector)
                page.context.close()
            turns.append(turn)
        browser.close()
    engine.dispose()
    middle = {name: statistics.median(turn[name] for turn in turns[1:]) for name in turns[0]}
    people, peer = f"panel of {clinic.patients:,}", "plain Dash page, DataTable and graph"
    for metric, name in ((f"{people}, first row", "row"), ("patient page, timeline", "timeline")):
        mine, other = middle["panel_ms" if name == "row" else "timeline_ms"], middle[f"peer_{name}_ms"]
        report.amount(metric, mine, other, unit="ms", peer_is=peer, goal=Goal(1))
    report.amount(f"{people}, filter, keystroke to row", middle["filter_ms"], unit="ms", goal=Goal(100, "ms"))
    for metric, name in ((f"{people}, sent before it", "panel"), ("patient page, sent before it", "timeline")):
        peers_own = middle["peer_row_mb" if name == "panel" else "peer_timeline_mb"]
        report.amount(metric, middle[f"{name}_mb"], peers_own, unit="MB", peer_is=peer, goal=Goal(2.5, "MB"))


@contextmanager
def _served(application: Any) -> Iterator[str]:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a browser asks for much at once
    with web_server(application) as address:
        yield address


def plain_dash(clinic: Clinic) -> Any:
    """The peer: what Dash does by default, fifty rows of a table paged by the server, and one patient's values.

    It asks no database, signs nobody in and explains nothing.
    """
    import dash
    import plotly.graph_objects as go
    from dash import dash_table, dcc, html

    values = pd.read_parquet(clinic.folder / "observations.parquet")
    one = values[values["patient_id"] == values["patient_id"].iloc[0]]
    figure = go.Figure(
        [
            go.Scatter(x=rows["day"], y=rows["value"], name=str(key), mode="lines+markers")
            for key, rows in one.groupby("measure", observed=True)
        ]
    )
    names = ["mrn", *(f"column {number}" for number in range(13))]
    rows = [{name: f"{name} {row}" for name in names} for row in range(50)]
    app = dash.Dash("plain", update_title="")
    table = dash_table.DataTable(
        data=rows,
        columns=[{"name": name, "id": name} for name in names],
        page_action="custom",
        page_count=max(clinic.patients // 50, 1),
        page_size=50,
    )
    app.layout = html.Div([table, dcc.Graph(figure=figure)])  # noqa: TID251 - the bare component is the peer
    return app.server


def _one_visit(browser: Any, address: str) -> dict[str, float]:
    """A fresh browser context that signs in, empties its cache and opens the panel; another for a patient's page."""
    found: dict[str, float] = {}
    cookies = _signed_in(browser, address)
    page = _fresh_page(browser, cookies)
    found["panel_ms"], found["panel_mb"] = _open(page, f"{address}/", ROW)
    page.wait_for_load_state("networkidle")
    rows = page.locator(ROW)
    mrn = rows.nth(min(3, rows.count() - 1)).get_attribute("row-id")
    page.evaluate(WHEN_FILTERED, mrn)
    # The number up to its last digit first: only the last keystroke is timed.
    search = page.locator(SEARCH)
    search.fill(mrn[:-1])
    page.wait_for_timeout(400)
    page.evaluate("() => { window.__begun = undefined; window.__done = undefined; }")
    page.evaluate(WHEN_FILTERED, mrn)
    search.press_sequentially(mrn[-1])
    done = _awaited(page, "window.__done")
    found["filter_ms"] = done - float(page.evaluate("window.__begun"))
    page.context.close()
    page = _fresh_page(browser, cookies)
    found["timeline_ms"], found["timeline_mb"] = _open(page, f"{address}/patients/{mrn}", TIMELINE)
    page.context.close()
    return found


def _signed_in(browser: Any, address: str) -> list[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.fill("main > form input[name=name]", ours.NURSE)
    page.fill("main > form input[name=password]", ours.PASSWORD)
    page.click("main > form button")
    page.wait_for_selector(".page")
    cookies: list[Any] = context.cookies()
    context.close()
    return cookies


def _fresh_page(browser: Any, cookies: list[Any]) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC")
    context.add_cookies(cookies)
    page = context.new_page()
    page.set_default_timeout(30_000)
    return page


def _open(page: Any, url: str, selector: str) -> tuple[float, float]:
    """Milliseconds from navigation to the first match of `selector`, and megabytes received by then."""
    received = [0.0]
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on(
        "Network.loadingFinished", lambda event: received.__setitem__(0, received[0] + event["encodedDataLength"])
    )
    page.add_init_script(FIRST_SEEN % selector)
    page.goto(url, wait_until="commit")
    return _awaited(page, "window.__seen"), received[0] / 1e6


def _awaited(page: Any, variable: str) -> float:
    """The number a script of ours leaves in `variable`; asked for from here, because the pages allow no eval.

    Raises:
        TimeoutError: it did not come within 30 s.
    """
    begin = time.perf_counter()
    while time.perf_counter() - begin < 30:
        value = page.evaluate(variable)
        if value is not None:
            return float(value)
        page.wait_for_timeout(20)
    raise TimeoutError(f"{variable} did not come on {page.url}")

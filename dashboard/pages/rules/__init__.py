"""Rules: every clinical question asked of the data, and the tables the rules rest on."""

from collections.abc import Callable, Mapping
from typing import Any

from dash import Input, Output, State, html, no_update

from dashboard.components.addresses import address, query_of
from dashboard.components.states import page_head
from dashboard.components.tables import tabs
from dashboard.pages.rules.rule_list import rule_list
from dashboard.pages.rules.sources import source_table
from dashboard.pages.rules.treatments import (
    equivalents_table,
    limits_table,
    monitoring_table,
    screening_table,
    taper_tables,
)
from dashboard.secure import DECIDERS, READERS, Current, Page, SecureDash, current
from dashboard.shell import URL

PAGE = Page("/rules", "Rules", READERS, nav=40)

CONTENT = "rules-content"
VIEWS = (
    ("rules", "Rules"),
    ("monitoring", "Monitoring"),
    ("screening", "Screening"),
    ("limits", "Action limits"),
    ("drugs", "Steroid equivalents"),
    ("tapers", "Taper templates"),
    ("sources", "Sources"),
)


def layout(**query: str) -> Any:
    """The page; the tab comes from the address."""
    return html.Div(
        [page_head("Rules"), html.Div(content(current(), query), id=CONTENT)],
        className="page records rules",
    )


def register(app: SecureDash) -> None:
    """Changing the tab changes the address only."""

    @app.callback(
        Output(CONTENT, "children"),
        Input(URL, "search"),
        State(URL, "pathname"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show(search: str | None, pathname: str | None) -> Any:
        return content(current(), query_of(search)) if pathname == PAGE.path else no_update


def content(here: Current, query: Mapping[str, str]) -> Any:
    """The tabs and the chosen table."""
    view = query.get("tab", "rules")
    shown: dict[str, Callable[[], Any]] = {
        "rules": lambda: rule_list(here),
        "monitoring": lambda: monitoring_table(here),
        "screening": screening_table,
        "limits": limits_table,
        "drugs": equivalents_table,
        "tapers": taper_tables,
        "sources": lambda: source_table(here),
    }
    view = view if view in shown else "rules"
    links = [(key, words, address(PAGE.path, {}, tab="" if key == "rules" else key)) for key, words in VIEWS]
    if here.may(DECIDERS):
        links.append(("own", "Own rows", "/rules/own"))
    return [html.Div(tabs(links, view, label="Tables"), className="view-line"), html.Div(shown[view]())]

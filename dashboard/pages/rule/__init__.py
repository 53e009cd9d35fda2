"""One rule, read from its own file: what it asks, on which numbers, what it gets wrong, and what was changed here."""

import secrets
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.states import empty_state, notice
from dashboard.pages.rule.body import body
from dashboard.pages.rule.thresholds import change, status_form, threshold_field, threshold_form
from dashboard.pages.rule.words import (
    BODY,
    CHANGE,
    CHANGED,
    FORM,
    FROM,
    KEY,
    MODAL,
    MRN,
    REASON,
    RESET,
    SAID,
    SAVE,
    STATUS,
    UNTIL,
    VALUE,
    WHAT,
)
from dashboard.secure import DECIDERS, READERS, Page, SecureDash, current
from dashboard.shell import REFRESH
from jobs.rule import rule
from jobs.thresholds import thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.errors import ActionRefused

PAGE = Page("/rules/<key>", "Rule", READERS)


def layout(key: str, **_query: str) -> Any:
    """The page of one rule."""
    here = current()
    try:
        shown = rule(key)
    except KeyError:
        missing = empty_state(
            "There is no such rule",
            "It may belong to another version of the program.",
            action="All rules",
            href="/rules",
        )
        return html.Div(missing, className="page records")
    return html.Div(
        [
            html.Div([dcc.Link("Rules", href="/rules"), " / ", shown.key], className="crumbs"),
            html.Div(id=SAID, role="status"),
            html.Div(body(here, shown), id=BODY),
            dcc.Store(id=KEY, data=key),
            dcc.Store(id=CHANGED),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="md", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ],
        className="page records rule",
    )  # fmt: skip


def register(app: SecureDash) -> None:
    """Changing a threshold or the status, with a reason."""

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": CHANGE, "name": ALL}, "n_clicks"),
        State(KEY, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def open_form(clicks: list[int | None], key: str) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        here = current()
        name = ctx.triggered_id["name"]
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            thresholds = thresholds_on(session, today)
        if name == STATUS:
            return True, "Change the rule's status", status_form(rule(key), thresholds, today)
        field = threshold_field(rule(key), name)
        return True, "Change a threshold", threshold_form(rule(key), field, thresholds, today)

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(SAVE, "n_clicks"),
        Input(RESET, "n_clicks"),
        State(KEY, "data"),
        State(WHAT, "data"),
        State(VALUE, "value"),
        State(FROM, "value"),
        State(MRN, "value"),
        State(UNTIL, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def save(
        saves: int | None,
        resets: int | None,
        key: str,
        what: str,
        value: Any,
        begins: str | None,
        mrn: str | None,
        until: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not (saves or resets):
            return (no_update,) * 4
        wanted = None if ctx.triggered_id == RESET else value
        if wanted == "" and ctx.triggered_id == SAVE:
            raise ActionRefused("Enter a value.")
        said = change(current(), rule(key), what, wanted, begins, (mrn or "").strip(), until, reason or "")
        stamp = secrets.token_hex(4)
        return False, notice(said), stamp, stamp

    @app.callback(
        Output(BODY, "children"), Input(CHANGED, "data"), State(KEY, "data"), prevent_initial_call=True, roles=READERS
    )
    def show(_changed: Any, key: str) -> Any:
        return body(current(), rule(key))

"""Own rows: measures, drugs and monitoring rows that a clinic adds, changes or ends, each tried before it is kept."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.states import notice
from dashboard.pages.own_rows.changing import begin, outcome_shown, save_change
from dashboard.pages.own_rows.forms import form_for
from dashboard.pages.own_rows.listing import body
from dashboard.pages.own_rows.words import (
    BODY,
    CHANGED,
    FIELD,
    FORM,
    FROM,
    MODAL,
    OPEN,
    OUTCOME,
    POLL,
    REASON,
    SAID,
    SAVE,
    TRIAL,
    TRY,
    WHAT,
)
from dashboard.secure import DECIDERS, Page, SecureDash, current
from dashboard.shell import REFRESH
from jobs.own_rows import (
    trial_of,
)
from models.errors import ActionRefused, MyopanelError
from models.vocabulary.own import Kind

PAGE = Page("/rules/own", "Own rows", DECIDERS)


def layout(**_query: str) -> Any:
    """What the clinic added, and forms to add, change and end."""
    return html.Div(
        [
            html.Div([dcc.Link("Rules", href="/rules"), " / own rows"], className="crumbs"),
            html.Div(id=SAID, role="status"),
            html.Div(body(current()), id=BODY),
            dcc.Store(id=CHANGED),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="lg", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ],
        className="page records rules",
    )  # fmt: skip


def register(app: SecureDash) -> None:
    """Opening a form, trying what it says, keeping it."""

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": OPEN, "act": ALL, "kind": ALL, "row": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def open_form(clicks: list[int | None]) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        asked = ctx.triggered_id
        title, form = form_for(current(), asked["act"], cast(Kind, asked["kind"]), asked["row"])
        return True, title, form

    @app.callback(
        Output(TRIAL, "data"),
        Output(POLL, "disabled"),
        Output(SAVE, "disabled"),
        Output(OUTCOME, "children"),
        Input(TRY, "n_clicks"),
        State(WHAT, "data"),
        State({"type": FIELD, "name": ALL}, "value"),
        State({"type": FIELD, "name": ALL}, "id"),
        State(FROM, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def try_it(
        clicks: int | None,
        what: Mapping[str, str],
        values: list[Any],
        names: list[Mapping[str, str]],
        begins: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        try:
            number = begin(current(), what, _said(values, names), begins, reason or "")
        except MyopanelError as refused:
            return None, True, True, notice(str(refused), kind="bad")
        return number, False, True, html.P("Checking: the rules' examples and every patient's tests…", role="status")

    @app.callback(
        Output(POLL, "disabled", allow_duplicate=True),
        Output(SAVE, "disabled", allow_duplicate=True),
        Output(OUTCOME, "children", allow_duplicate=True),
        Input(POLL, "n_intervals"),
        State(TRIAL, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def look(_times: int | None, number: int | None) -> tuple[Any, Any, Any]:
        if number is None:
            return True, True, no_update
        here = current()
        try:
            _change, outcome = trial_of(here.engine, number, here.now)
        except ActionRefused as refused:
            return True, True, notice(str(refused), kind="bad")
        return (no_update,) * 3 if outcome is None else (True, False, outcome_shown(outcome))

    @app.callback(
        Output(SAVE, "disabled", allow_duplicate=True),
        Input({"type": FIELD, "name": ALL}, "value"),
        Input(FROM, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def changed_since(_values: list[Any], _begins: str | None) -> bool:
        # What is kept is what was checked.
        return True

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(SAVE, "n_clicks"),
        State(TRIAL, "data"),
        State(WHAT, "data"),
        State({"type": FIELD, "name": ALL}, "value"),
        State({"type": FIELD, "name": ALL}, "id"),
        State(FROM, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def save(
        clicks: int | None,
        number: int | None,
        what: Mapping[str, str],
        values: list[Any],
        names: list[Mapping[str, str]],
        begins: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        said = save_change(current(), what, _said(values, names), begins, reason or "", number)
        stamp = secrets.token_hex(4)
        return False, notice(said), stamp, stamp

    @app.callback(Output(BODY, "children"), Input(CHANGED, "data"), prevent_initial_call=True, roles=DECIDERS)
    def show(_changed: Any) -> Any:
        return body(current())


def _said(values: Sequence[Any], names: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The fields of the form that were filled in; several choices stand in one cell."""
    said = {}
    for value, name in zip(values, names, strict=True):
        text = ";".join(value) if isinstance(value, list) else str(value if value is not None else "")
        if text.strip():
            said[name["name"]] = text
    return said

"""Accounts, for administrators: who may sign in, in which role; new passwords and tokens, shown once."""

import secrets
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.dates import clock_time
from dashboard.components.formats import counted
from dashboard.components.states import notice, page_head, section
from dashboard.components.tables import table
from dashboard.secure import Current, Page, SecureDash, current
from models.absence import pass_on
from models.accounts import add_user, audit, disable_user, enable_user, set_password, users
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.user import ROLES

ADMIN = ("admin",)
PAGE = Page("/users", "Accounts", ADMIN)

LIST, SAID, CHANGED, ACT = "users-list", "users-said", "users-changed", "users-act"
NAME, SHOWN, EMAIL, ROLE, ADD = "users-name", "users-shown", "users-email", "users-role", "users-add"

ROLE_WORDS = {
    "nurse": "nurse: works the list, records, imports",
    "physician": "physician: the same, and sets thresholds",
    "admin": "admin: accounts, imports, jobs, thresholds",
    "viewer": "viewer: reads everything, changes nothing",
    "service": "service: a machine with a token, no pages",
}


def layout(**_query: str) -> Any:
    """The accounts, and a form for a new one."""
    here = current()
    return html.Div(
        [
            page_head("Accounts"),
            html.Div(id=SAID, role="status"),
            html.Div(account_list(here), id=LIST),
            html.Div(
                section(
                    "New account",
                    html.Div(
                        [
                            dmc.TextInput(id=NAME, label="User name", required=True),
                            dmc.TextInput(id=SHOWN, label="Name shown"),
                            dmc.TextInput(id=EMAIL, label="E-mail", description="For digests; may be empty."),
                            dmc.Select(
                                id=ROLE,
                                label="Role",
                                value="nurse",
                                allowDeselect=False,
                                data=[{"value": role, "label": ROLE_WORDS.get(role, role)} for role in ROLES],
                            ),
                            html.Div(html.Button("Add account", id=ADD, className="button"), className="form-end"),
                        ],
                        className="form-stack",
                    ),
                ),
                className="narrow part",
            ),
            dcc.Store(id=CHANGED),
        ],
        className="page records",
    )


def register(app: SecureDash) -> None:
    """Adding, disabling, enabling, new passwords."""

    @app.callback(
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(NAME, "value"),
        Output(SHOWN, "value"),
        Output(EMAIL, "value"),
        Input(ADD, "n_clicks"),
        State(NAME, "value"),
        State(SHOWN, "value"),
        State(EMAIL, "value"),
        State(ROLE, "value"),
        prevent_initial_call=True,
        roles=ADMIN,
    )
    def add(
        clicks: int | None, name: str | None, shown: str | None, email: str | None, role: str
    ) -> tuple[Any, Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 5
        secret = add_account(current(), (name or "").strip(), (shown or "").strip(), (email or "").strip(), role)
        return _once(str(name), role, secret), secrets.token_hex(4), "", "", ""

    @app.callback(
        Output(SAID, "children", allow_duplicate=True),
        Output(CHANGED, "data", allow_duplicate=True),
        Input({"type": ACT, "what": ALL, "name": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=ADMIN,
    )
    def act(clicks: list[int | None]) -> tuple[Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update
        here, what, name = current(), ctx.triggered_id["what"], ctx.triggered_id["name"]
        if what == "secret":
            role, secret = new_secret(here, name)
            said = _once(name, role, secret)
        else:
            switch(here, name, on=what == "enable")
            said = notice(f"{name} may sign in again." if what == "enable" else f"{name} can no longer sign in.")
        return said, secrets.token_hex(4)

    @app.callback(Output(LIST, "children"), Input(CHANGED, "data"), prevent_initial_call=True, roles=ADMIN)
    def show(_changed: Any) -> Any:
        return account_list(current())


def add_account(here: Current, name: str, shown: str, email: str, role: str) -> str:
    """Add an account; returns its first password or token, which is stored nowhere in clear.

    Raises:
        ActionRefused: the name is taken or malformed, or the role is unknown.
    """
    password = None if role == "service" else secrets.token_urlsafe(12)
    with writing(here.engine) as session:
        token = add_user(session, name, role, password, now=here.now, display_name=shown, email=email)
        audit(session, here.user.name, "add account", now=here.now, detail=f"{name}, {role}")
    return token or password or ""


def new_secret(here: Current, name: str) -> tuple[str, str]:
    """Give an account a new password or token and end its sessions; returns its role and the secret.

    Raises:
        ActionRefused: no such account, or one's own.
    """
    if name == here.user.name:
        raise ActionRefused("Change your own password under Account.")
    with writing(here.engine) as session:
        role = next((user.role for user in users(session) if user.name == name), "")
        password = None if role == "service" else secrets.token_urlsafe(12)
        token = set_password(session, name, password, now=here.now)
        audit(session, here.user.name, "reset password", now=here.now, detail=name)
    return role, token or password or ""


def switch(here: Current, name: str, *, on: bool) -> None:
    """Let an account sign in again, or no more.

    Raises:
        ActionRefused: no such account, one's own, or the last administrator.
    """
    with writing(here.engine) as session:
        if on:
            enable_user(session, name)
        else:
            if name == here.user.name:
                raise ActionRefused("You cannot disable your own account. Another administrator can.")
            left = [
                user.name
                for user in users(session)
                if user.role == "admin" and user.disabled_at is None and user.name != name
            ]
            if not left:
                raise ActionRefused("This is the last administrator.")
            disable_user(session, name, now=here.now)
        session.flush()
        pass_on(session, today=present_day(session, here.now, here.settings.timezone), now=here.now)
        audit(session, here.user.name, "enable account" if on else "disable account", now=here.now, detail=name)


def account_list(here: Current) -> Any:
    """Every account with its state and what can be done about it."""
    with reading(here.engine) as session:
        found = users(session)
    zone = here.settings.zone
    lines = []
    for user in found:
        if user.disabled_at is not None:
            state = html.Span(
                [html.I(), f"disabled {clock_time(user.disabled_at, zone, here.today)}"], className="status"
            )
        elif user.locked_until is not None and user.locked_until > here.now:
            until = clock_time(user.locked_until, zone, here.today)
            state = html.Span([html.I(), f"locked until {until}"], className="status warn")
        else:
            state = html.Span(
                [html.I(), "may sign in" if user.role != "service" else "has a token"], className="status good"
            )
        own = user.name == here.user.name
        off = user.disabled_at is not None
        words = "New token" if user.role == "service" else "New password"
        lines.append(
            [
                ([html.Span(user.name, className="name"), html.Span(user.display_name, className="sub")], "who"),
                user.role,
                (user.email, "wide"),
                (state, "nowrap"),
                (clock_time(user.created_at, zone, here.today), "nowrap quiet"),
                (
                    html.Span("you", className="quiet")
                    if own
                    else html.Div(
                        [
                            html.Button(words, id=_id("secret", user.name), className="row-button"),
                            html.Button(
                                "Enable" if off else "Disable",
                                id=_id("enable" if off else "disable", user.name),
                                className="row-button",
                            ),
                        ],
                        className="row-actions",
                    ),
                    "act",
                ),
            ]
        )
    return [
        html.P(counted(len(found), "account"), className="quiet"),
        table(["Account", "Role", "E-mail", "State", "Since", ""], lines, label="Accounts", kind="cards"),
    ]


def _id(what: str, name: str) -> dict[str, str]:
    return {"type": ACT, "what": what, "name": name}


def _once(name: str, role: str, secret: str) -> Any:
    what = "Token" if role == "service" else "Password"
    return notice(
        [html.B(f"{what} of {name}, shown this once:"), html.Code(secret, className="secret")],
    )

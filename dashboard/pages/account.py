"""One's own account: password, and light or dark."""

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, dcc, html, no_update

from dashboard.components.accessible import aria
from dashboard.components.states import notice, page_head, section
from dashboard.secure import READERS, Current, Page, SecureDash, current
from models.accounts import SHORTEST_PASSWORD, audit, check_password, set_password
from models.database import writing
from models.errors import ActionRefused

PAGE = Page("/account", "Account", READERS)

NOW, NEW, AGAIN, SAVE, SAID = "account-now", "account-new", "account-again", "account-save", "account-said"


def layout(**_query: str) -> Any:
    """The page of whoever asks."""
    here = current()
    facts = [("Name", here.user.shown_name), ("Signs in as", here.user.name), ("Role", here.user.role)]
    return html.Div(
        [
            page_head("Account"),
            html.Div(id=SAID, role="status", className="narrow"),
            html.Div(
                [
                    section(
                        "You",
                        [
                            html.Dl(
                                [part for name, value in facts for part in (html.Dt(name), html.Dd(value))],
                                className="facts",
                            ),
                            html.P(dcc.Link("Manage accounts", href="/users"), className="more")
                            if here.may(("admin",))
                            else None,
                        ],
                    ),
                    section(
                        "Password",
                        html.Div(
                            [
                                dmc.PasswordInput(
                                    id=NOW, label="Present password", required=True, **_fills("current-password")
                                ),
                                dmc.PasswordInput(
                                    id=NEW,
                                    label="New password",
                                    description=f"At least {SHORTEST_PASSWORD} characters.",
                                    required=True,
                                    **_fills("new-password"),
                                ),
                                dmc.PasswordInput(
                                    id=AGAIN, label="New password again", required=True, **_fills("new-password")
                                ),
                                html.Div(
                                    html.Button("Change password", id=SAVE, className="button"), className="form-end"
                                ),
                            ],
                            className="form-stack",
                        ),
                        note="You sign in again afterwards, everywhere.",
                    ),
                    section(
                        "Appearance",
                        html.Div(
                            [
                                html.Button(words, id=f"account-theme-{key}", className="button-quiet theme-choice")
                                for key, words in (("auto", "As the system"), ("light", "Light"), ("dark", "Dark"))
                            ],
                            className="filters",
                            role="group",
                            **aria(label="Appearance"),
                        ),
                    ),
                ],
                className="narrow",
            ),
        ],
        className="page records",
    )


def _fills(what: str) -> dict[str, Any]:
    """What a password manager may fill in."""
    return {"inputProps": {"autoComplete": what}}


def register(app: SecureDash) -> None:
    """Changing one's own password."""

    @app.callback(
        Output(SAID, "children"),
        Output(NOW, "value"),
        Output(NEW, "value"),
        Output(AGAIN, "value"),
        Input(SAVE, "n_clicks"),
        State(NOW, "value"),
        State(NEW, "value"),
        State(AGAIN, "value"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def save(clicks: int | None, now: str | None, new: str | None, again: str | None) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        try:
            change_password(current(), now or "", new or "", again or "")
        except ActionRefused as refused:
            return notice(str(refused), kind="warn"), no_update, no_update, no_update
        said = notice(["Your password is changed. ", html.A("Sign in again", href="/sign-in"), "."])
        return said, "", "", ""


def change_password(here: Current, now: str, new: str, again: str) -> None:
    """Give oneself a new password; ends all one's sessions.

    Raises:
        ActionRefused: the present password is wrong (counted like a failed sign-in), or the new one will not do.
    """
    if new != again:
        raise ActionRefused("The two new passwords differ.")
    if new == now:
        raise ActionRefused("The new password is the present one.")
    # In a transaction of its own: a failed try must be counted even though it is refused.
    with writing(here.engine) as session:
        known = check_password(session, here.user.name, now, now=here.now) is not None
        if not known:
            audit(session, here.user.name, "password change refused", now=here.now)
    if not known:
        raise ActionRefused("The present password is wrong, or there were too many tries; wait a minute then.")
    with writing(here.engine) as session:
        set_password(session, here.user.name, new, now=here.now)
        audit(session, here.user.name, "change password", now=here.now)

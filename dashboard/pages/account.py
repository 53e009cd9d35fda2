"""One's own account: being away, password, and light or dark."""

import datetime as dt
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.accessible import aria
from dashboard.components.dates import short_day
from dashboard.components.states import notice, page_head, section
from dashboard.secure import ACTORS, READERS, Current, Page, SecureDash, current
from models.absence import absences, come_back, go_away
from models.accounts import SHORTEST_PASSWORD, audit, check_password, clinicians, set_password
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused

PAGE = Page("/account", "Account", READERS)

NOW, NEW, AGAIN, SAVE, SAID = "account-now", "account-new", "account-again", "account-save", "account-said"
AWAY, AWAY_FROM, AWAY_TO = "account-away", "account-away-from", "account-away-to"
AWAY_COVER, AWAY_SAVE, AWAY_END = "account-away-cover", "account-away-save", "account-away-end"


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
                    section("Away", html.Div(_away(here), id=AWAY), note="Your alerts go to who stands in.")
                    if here.may(ACTORS)
                    else None,
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


def _away(here: Current) -> Any:
    """When one is away and who stands in, and the form for another time."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        mine = absences(session, today, name=here.user.name)
        others = [user for user in clinicians(session) if user.name != here.user.name]
    people = [{"value": user.name, "label": f"{user.display_name or user.name} ({user.role})"} for user in others]

    def day(name: str, label: str) -> Any:
        return dmc.DateInput(
            id=name, label=label, minDate=today.isoformat(), valueFormat="D MMM YYYY", required=True, size="sm"
        )

    known = [
        html.P(
            [
                f"{short_day(one.begins_on, today)} to {short_day(one.ends_on, today)}, {one.cover} stands in. ",
                html.Button(
                    "I am back" if one.begins_on <= today else "Cancel",
                    id={"type": AWAY_END, "id": one.id},
                    type="button",
                    className="row-button",
                ),
            ]
        )
        for one in mine
    ]
    return html.Div(
        [
            *known,
            html.Div([day(AWAY_FROM, "First day away"), day(AWAY_TO, "Last day away")], className="form-pairs"),
            dmc.Select(id=AWAY_COVER, label="Who stands in", data=people, required=True, size="sm"),
            html.Div(
                html.Button("Save absence", id=AWAY_SAVE, type="button", className="button", n_clicks=0),
                className="form-end",
            ),
        ],
        className="form-stack",
    )


def _fills(what: str) -> dict[str, Any]:
    """What a password manager may fill in."""
    return {"inputProps": {"autoComplete": what}}


def register(app: SecureDash) -> None:
    """Changing one's own password, and being away."""

    @app.callback(
        Output(SAID, "children", allow_duplicate=True),
        Output(AWAY, "children"),
        Input(AWAY_SAVE, "n_clicks"),
        Input({"type": AWAY_END, "id": ALL}, "n_clicks"),
        State(AWAY_FROM, "value"),
        State(AWAY_TO, "value"),
        State(AWAY_COVER, "value"),
        prevent_initial_call=True,
        roles=ACTORS,
    )
    def away(clicks: int | None, ends: list[int | None], first: Any, last: Any, cover: Any) -> tuple[Any, Any]:
        here, asked = current(), ctx.triggered_id
        if not asked or not (clicks if asked == AWAY_SAVE else any(ends)):
            return no_update, no_update
        try:
            said = be_away(here, first, last, cover) if asked == AWAY_SAVE else be_back(here, int(asked["id"]))
        except ActionRefused as refused:
            return notice(str(refused), kind="warn"), no_update
        return notice(said), _away(here)

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


def be_away(here: Current, first: str | None, last: str | None, cover: str | None) -> str:
    """Be away from a day to a day; what to say.

    Raises:
        ActionRefused: something is missing, or as for `models.absence.go_away`.
    """
    if not first or not last or not cover:
        raise ActionRefused("Say the first day, the last day, and who stands in.")
    begins, ends = dt.date.fromisoformat(first[:10]), dt.date.fromisoformat(last[:10])
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        go_away(
            session, here.user.name, begins_on=begins, ends_on=ends, cover=cover, by=here.user.name, today=today,
            now=here.now,
        )  # fmt: skip
        audit(session, here.user.name, "away", now=here.now, detail=f"{begins} to {ends}, cover {cover}")
    return f"You are away from {short_day(begins, today)} to {short_day(ends, today)}; {cover} stands in."


def be_back(here: Current, absence_id: int) -> str:
    """End one's own absence, or take back one that has not begun; what to say.

    Raises:
        ActionRefused: it is over, or somebody else's.
    """
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        if absence_id not in {one.id for one in absences(session, today, name=here.user.name)}:
            raise ActionRefused("This absence is over.")
        come_back(session, absence_id, by=here.user.name, today=today, now=here.now)
        audit(session, here.user.name, "back", now=here.now, detail=str(absence_id))
    return "The absence has ended. Alerts of yours that are still open are yours again."


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

"""What surrounds every page: the top bar with its counts, search, the line that says how fresh the list is, the theme.

The freshness line stands in the same place on every page. It turns amber when the rules have not run for too long, and
red, with the reason, when a job failed: a list that looks calm because nobody computed it is the worst kind.
"""

import datetime as dt
from typing import Any

import dash_mantine_components as dmc
import flask
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from dashboard.components.accessible import aria
from dashboard.components.dates import age, clock_time
from dashboard.components.states import empty_state
from dashboard.secure import READERS, Current, SecureDash, current
from jobs.health import health
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.panel import nav_counts, search_patients

URL = "shell-url"
PAGE = "shell-page"
NOTICES = "shell-notices"
NAV = "shell-nav"
FRESH = "shell-fresh"
BANNER = "shell-banner"
SEARCH = "shell-search"
TICK = "shell-tick"
TITLE = "shell-title"
LOADING = "shell-loading"
SAID = "shell-said"
REFRESH = "shell-refresh"
"""A store: whatever changes an alert writes to it, and the counts in the top bar follow at once."""

TICK_SECONDS = 30

# The accent in ten steps, light to dark, as Mantine wants it. Actions only; never a state of a patient.
ACCENT = [
    "#e6f7fa", "#d0edf2", "#a0dae4", "#6cc6d5", "#44b5c8", "#2aaac0", "#1799b0", "#0b8599", "#0b7285", "#075e6e",
]  # fmt: skip

# Mantine's greys of the dark theme, in the hue of ours.
DARK = [
    "#c9d1d8", "#b4bec7", "#8e9ba6", "#67737f", "#3a454e", "#283138", "#171d22", "#11161a", "#0d1114", "#090c0e",
]  # fmt: skip

THEME: dict[str, Any] = {
    "primaryColor": "accent",
    "colors": {"accent": ACCENT, "dark": DARK},
    "primaryShade": {"light": 8, "dark": 5},
    "autoContrast": True,
    "fontFamily": 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
    "fontSizes": {"xs": "12px", "sm": "13px", "md": "14px", "lg": "16px", "xl": "20px"},
    "defaultRadius": "6px",
    "cursorType": "pointer",
}


def layout() -> Any:
    """The frame of the application. Dash calls it once without a request, to learn the components."""
    person = flask.g.get("principal") if flask.has_request_context() else None
    name = person.shown_name if person else ""
    role = person.role if person else ""
    csrf = person.csrf if person else ""
    return dmc.MantineProvider(
        [
            dcc.Location(id=URL, refresh="callback-nav"),
            dcc.Interval(id=TICK, interval=TICK_SECONDS * 1000),
            dcc.Store(id=TITLE),
            dcc.Store(id=REFRESH),
            dmc.NotificationContainer(id=NOTICES, position="bottom-right", autoClose=7000),
            html.A("Skip to the page", href=f"#{PAGE}", className="skip"),
            html.Header(
                [
                    dcc.Link(
                        [html.Span(className="logo", **aria(hidden="true")), "Myopanel"], href="/", className="brand"
                    ),
                    html.Nav(id=NAV, **aria(label="Pages")),
                    html.Div(
                        dmc.Select(
                            id=SEARCH,
                            placeholder="Search name or MRN",
                            searchable=True,
                            clearable=True,
                            data=[],
                            nothingFoundMessage="No such patient",
                            selectFirstOptionOnChange=True,
                            rightSection=html.Kbd("/"),
                            rightSectionPointerEvents="none",
                            size="xs",
                            maxDropdownHeight=360,
                            comboboxProps={"width": 320, "position": "bottom-end", "shadow": "md"},
                            inputProps={"aria-label": "Search a patient by name or record number"},
                            filter={"function": "keepAll"},
                        ),
                        className="search",
                    ),
                    html.Div(id=FRESH, className="fresh", role="status"),
                    html.Button(
                        [
                            html.Span(className="theme-icon", **aria(hidden="true")),
                            html.Span("Auto", className="theme-word"),
                        ],
                        id="shell-theme",
                        className="quiet-button",
                        title="Light, dark, or as the system says",
                    ),
                    html.Details(
                        [
                            html.Summary(
                                [
                                    html.Span(name, className="full"),
                                    html.Span(_initials(name), className="initials"),
                                    html.Span(className="caret", **aria(hidden="true")),
                                ],
                                className="quiet-button",
                                title=f"Signed in as {name}, {role}",
                            ),
                            html.Div(
                                [
                                    html.P(f"{name} · {role}", className="quiet small"),
                                    html.A("Your account", href="/account", className="menu-link"),
                                    html.A("Users", href="/users", className="menu-link") if role == "admin" else None,
                                    html.Form(
                                        [
                                            dcc.Input(type="hidden", name="csrf", value=csrf),
                                            html.Button("Sign out", type="submit", className="menu-button"),
                                        ],
                                        action="/sign-out",
                                        method="POST",
                                    ),
                                ],
                                className="menu",
                            ),
                        ],
                        className="user",
                    ),
                ],
                className="top",
            ),
            html.Div(id=BANNER),
            html.Main(id=PAGE, tabIndex="-1"),
            # Over the page that is being left, from the click until the new one stands.
            html.Div(
                [
                    html.P(id="shell-loading-what", role="status"),
                    html.Div([html.I() for _ in range(6)], className="bones", **aria(hidden="true")),
                    html.Div(id="shell-loading-late", hidden=True),
                ],
                id=LOADING,
                className="loading",
            ),
            html.Div(id=SAID, className="saved", role="status"),
        ],
        theme=THEME,
        defaultColorScheme="auto",
    )


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2]).upper()


def notification(title: str, message: str, colour: str = "accent", *, close_after_ms: int = 8000) -> dict[str, Any]:
    """What `NOTICES.sendNotifications` takes a list of."""
    return {
        "action": "show",
        "title": title,
        "message": message,
        "color": colour,
        "autoClose": close_after_ms,
        "withBorder": True,
    }


def note_reading(here: Current, patient_id: int) -> None:
    """Put on record that the person opened a patient's page."""
    with writing(here.engine) as session:
        audit(session, here.user.name, "read patient", now=here.now, patient_id=patient_id)


def register(app: SecureDash) -> None:
    """The router, the top bar, search."""
    pages = sorted((page for page in app.pages if page.nav), key=lambda page: page.nav)

    @app.callback(
        Output(PAGE, "children"), Output(TITLE, "data"), Input(URL, "pathname"), State(URL, "search"), roles=READERS
    )
    def show_page(pathname: str | None, search: str | None) -> tuple[Any, list[str]]:
        content, title = _page_at(pathname or "/", search or "")
        # With the address it belongs to: what arrives late, of a page left since, is never taken for the new one.
        return content, [title, pathname or "/"]

    def _page_at(pathname: str, search: str) -> tuple[Any, str]:
        found = app.page_at(pathname)
        if found is not None and not current().may(found[0].roles):
            closed = empty_state(
                "This page is not open to you",
                f"It is for those who sign in as {' or '.join(found[0].roles)}.",
                action="Go to the panel",
                href="/",
            )
            return html.Div(closed, className="page"), "Not open to you · Myopanel"
        shown = app.render(pathname, search)
        if shown is None:
            missing = empty_state(
                "There is no such page", "The address may be old or mistyped.", action="Go to the panel", href="/"
            )
            return html.Div(missing, className="page"), "Not found · Myopanel"
        page, content = shown
        return content, f"{page.name} · Myopanel"

    app.clientside_callback(
        ClientsideFunction("myopanel", "setTitle"), Output(TITLE, "modified_timestamp"), Input(TITLE, "data")
    )
    app.clientside_callback(ClientsideFunction("myopanel", "saved"), Output(SAID, "title"), Input(REFRESH, "data"))

    @app.callback(
        Output(NAV, "children"),
        Output(FRESH, "children"),
        Output(FRESH, "className"),
        Output(BANNER, "children"),
        Input(URL, "pathname"),
        Input(TICK, "n_intervals"),
        Input(REFRESH, "data"),
        roles=READERS,
    )
    def show_bar(pathname: str | None, _tick: int | None, _refresh: Any) -> tuple[Any, Any, str, Any]:
        here = current()
        with reading(here.engine) as session:
            counts = nav_counts(session, present_day(session, here.now, here.settings.timezone))
        found = app.page_at(pathname or "/")
        links = [
            dcc.Link(
                [page.name, html.Span(f"{counts[page.name]:,}", className="n") if counts.get(page.name) else None],
                href=page.path,
                className="here" if found and found[0] is page else "",
            )
            for page in pages
            if here.may(page.roles)
        ]
        line, kind, banner = freshness(health(here.engine, here.settings, here.now), here)
        return links, line, f"fresh {kind}".strip(), banner

    @app.callback(
        Output(SEARCH, "data"),
        Input(SEARCH, "searchValue"),
        State(SEARCH, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def find(text: str | None, shown: list[dict[str, str]] | None) -> Any:
        # Choosing an option writes its label into the field: that is not a new question.
        if any(text == option["label"] for option in shown or []):
            return no_update
        here = current()
        with reading(here.engine) as session:
            found = search_patients(session, text or "", limit=8)
        return [
            {"value": row["mrn"], "label": " · ".join(filter(None, (
                row["name"], row["mrn"], row["diagnosis"], age(row["birth_date"], here.today),
                "" if row["status"] == "active" else row["status"],
            )))}
            for row in found
        ]  # fmt: skip

    app.clientside_callback(
        ClientsideFunction("myopanel", "openPatient"),
        Output(URL, "href"),
        Output(SEARCH, "value"),
        Input(SEARCH, "value"),
        prevent_initial_call=True,
    )


def freshness(state: dict[str, Any], here: Current) -> tuple[list[Any], str, Any]:
    """The freshness line, its kind ('', `late`, `failed`) and the banner (None when all is well)."""
    zone = here.settings.zone
    evaluated = state.get("evaluated_at")
    if isinstance(evaluated, str):
        evaluated = dt.datetime.fromisoformat(evaluated)
    told = f"evaluated {clock_time(evaluated, zone, here.today)}" if evaluated else "not evaluated yet"
    local = here.now.astimezone(zone)
    line = [html.Span(f"as of {local.day} {local:%b %H:%M}", className="as-of"), html.Span(told, className="evaluated")]
    jobs = dcc.Link("See jobs", href="/jobs")
    failed = [job for job in state.get("jobs", []) if job.get("status") in {"failed", "partly"}]
    if state.get("status") == "failed" or failed:
        why = "; ".join(_failure(job) for job in failed) or "; ".join(state.get("problems", [])) or "a job failed"
        evaluation = any(job.get("key") == "evaluate" for job in failed)
        what = "Not everything was evaluated. " if evaluation else "Something needs an administrator. "
        text: list[Any] = [html.B(what), why, ". ", jobs]
        return line, "failed", html.Div(text, className="banner bad", role="alert")
    if state.get("status") == "late":
        late = [str(job.get("title") or job.get("key")) for job in state.get("jobs", []) if job.get("late")]
        what = f"Late: {', '.join(late)}. " if late else "The list has not been evaluated for too long. "
        text = [html.B(what), "What you see may be out of date. ", jobs]
        return line, "late", html.Div(text, className="banner warn", role="status")
    if not evaluated:
        text = [html.B("Nothing has been evaluated yet. "), "An empty list says nothing about anybody. ", jobs]
        return line, "late", html.Div(text, className="banner warn", role="status")
    return line, "", None


def _failure(job: dict[str, Any]) -> str:
    why = str(job.get("message") or "").strip()
    return f"{job.get('title') or job.get('key')}{': ' + why.rstrip('.') if why else ' failed'}"

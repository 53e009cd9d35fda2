"""The web application put together: `create_app(settings, engine)`. Nothing happens at import.

How to add a page
-----------------
One file in `dashboard/pages/`, or a folder where a page has several parts; it is found by folder. It declares:

    PAGE = Page("/jobs", "Jobs", READERS, nav=60)      # path, name, who may see it, place in the top bar (0: not there)

    def layout(**query: str) -> Component:             # called per visit, already checked against PAGE.roles
        here = current()                               # .engine .settings .user .now .today .may(ACTORS)
        with reading(here.engine) as session: ...
        return html.Div([page_head("Jobs", counts, filters), ...], className="page")

    def register(app: SecureDash) -> None:             # callbacks; each names its roles or the start is refused
        @app.callback(Output(...), Input(...), roles=ACTORS, prevent_initial_call=True)
        def act(...): ...

A path may hold names (`/patients/<mrn>`), which reach `layout` with the query. Put ids in one place at the top, and
prefix them with the page's name: all pages share one namespace. A page that shows one patient calls
`dashboard.shell.note_reading(here, patient_id)`. Raise `ActionRefused` (or any `MyopanelError`) in a callback to
tell the person why not: it appears as a notice, and nothing else changes. Scripts go to `dashboard/assets/*.js` and
are called with `ClientsideFunction`: inline ones break the content security policy. Colours, badges, dates, cards,
graphs: `dashboard/components/` and the variables at the top of `dashboard/assets/myopanel.css`.

How to add an HTTP route
------------------------
One file in `dashboard/api/` with `register(app: SecureDash) -> None` that adds Flask views to `app.server`, each under
`@roles("service", ...)` or `@public` (from `dashboard.secure`). Machines come with a bearer token and need no CSRF
token; people come with their session. `dashboard.secure.current()` works there too.
"""

import datetime as dt
import importlib
import logging
import pkgutil
import secrets
from collections.abc import Callable
from types import ModuleType
from typing import Any

import flask
from dash import set_props
from flask_compress import Compress
from sqlalchemy.engine import Engine
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard import auth, shell, suites
from dashboard.secure import Page, SecureDash
from models.accounts import Principal
from models.clock import clinic_date, utc_now
from models.errors import MyopanelError
from models.own_vocabulary import clinic_vocabulary
from models.settings import Settings
from models.vocabulary import hold

LARGEST_REQUEST = 32 * 1024 * 1024

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
{%favicon%}
{%css%}
<script src="/assets/early/theme.js"></script>
<script src="/assets/early/rows.js"></script>
</head>
<body>
<noscript>Myopanel's pages need JavaScript, which this browser does not run.</noscript>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

log = logging.getLogger(__name__)


def create_app(
    settings: Settings, engine: Engine, *, clock: Callable[[], dt.datetime] = utc_now, demo_password: str = ""
) -> SecureDash:
    """The application on a database whose schema is the newest. Serve `.server` (a Flask application).

    Args:
        clock: tells the time; tests and replays give their own.
        demo_password: password of a demo clinic's invented people, shown on its sign-in page (environment `demo` only).

    Raises:
        RuntimeError, TypeError: a page, callback or route does not say who may use it.
    """
    server = flask.Flask("myopanel", static_folder=None)
    server.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    server.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    # Brotli's default level costs more time than it saves on answers that are made anew each time.
    server.config["COMPRESS_BR_LEVEL"] = 4
    server.config["MYOPANEL_HEADERS"] = {}
    if settings.behind_proxy:
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app = SecureDash(
        engine=engine,
        settings=settings,
        clock=clock,
        name="dashboard",
        server=server,
        assets_ignore=r".*early/.*|.*(theme|rows)\.js$",
        index_string=INDEX,
        title="Myopanel",
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        use_pages=False,
        pages_folder="",
        enable_mcp=False,
        add_log_handler=False,
        on_error=_explain,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    Compress(server)
    suites.install(app)
    auth.install(app, demo_password=demo_password)
    _speak_clinics_words(app)
    for module in _modules("dashboard.api"):
        module.register(app)
    for module in _modules("dashboard.pages"):
        page = getattr(module, "PAGE", None)
        if not isinstance(page, Page):
            raise TypeError(f"{module.__name__} declares no PAGE")
        app.add_page(page, module.layout)
        module.register(app)
    shell.register(app)
    app.layout = shell.layout
    # Dash finishes its set-up within the first request, and on a threaded server the requests that come meanwhile
    # fail. So the first request is ours.
    answer = server.test_client().get("/sign-in")
    if answer.status_code != 200:
        raise RuntimeError(f"the application does not answer: {answer.status_code}")
    app.check()
    server.config["MYOPANEL_HEADERS"] = security_headers(list(app.csp_hashes()))
    return app


def warm(app: SecureDash) -> None:
    """Answer for nobody what a first visitor asks, so that they wait no longer than the next; a second's work.

    That compresses the libraries, loads what pages load late, and compiles what they ask of the database. A page that
    cannot be drawn is logged, as it is when somebody opens it; the others are of use all the same.
    """
    suites.warm(app)
    nobody = Principal(0, "", "", "viewer")
    server = app.server
    stranger = server.test_client()
    stranger.set_cookie(auth.SESSION_COOKIE, "nobody's")
    stranger.get("/account")
    pages = [page for page in app.pages if page.nav and nobody.role in page.roles]
    questions = [_question(app, output, page.path) for output in (shell.PAGE, shell.NAV) for page in pages]
    for asked in (*questions, {"path": "/panel/rows"}, {"path": "/alerts/rows"}):
        with server.test_request_context(**asked):
            flask.g.principal, flask.g.now = nobody, app.clock()
            server.dispatch_request()


def _question(app: SecureDash, output: str, path: str) -> dict[str, Any]:
    """What the browser sends to have `output` drawn for the page at `path`."""
    name, entry = next((key, entry) for key, entry in app.callback_map.items() if f"{output}.children" in key)
    known = {"pathname": path, "search": "", "n_intervals": 0}
    sent = {kind: [one | {"value": known.get(one["property"])} for one in entry[kind]] for kind in ("inputs", "state")}
    names = [dict(zip(("id", "property"), one.rsplit(".", 1), strict=True)) for one in name.strip(".").split("...")]
    changed = [f"{shell.URL}.pathname"]
    body = {"output": name, "outputs": names, "changedPropIds": changed, **sent}
    return {"path": "/_dash-update-component", "method": "POST", "json": body}


def _speak_clinics_words(app: SecureDash) -> None:
    """For the time of a request the clinic's own measures, drugs and monitoring rows are known, whoever added them."""

    @app.server.before_request
    def hold_words() -> None:
        if flask.g.get("principal") is not None:
            hold(clinic_vocabulary(app.engine, clinic_date(flask.g.now, app.settings.timezone)))

    @app.server.teardown_request
    def let_words_go(_error: BaseException | None) -> None:
        hold(None)


def security_headers(script_hashes: list[str]) -> dict[str, str]:
    """What browsers are told on every answer: load and run only what comes from here, and show us in no frame."""
    policy = [
        "default-src 'self'",
        f"script-src 'self' {' '.join(script_hashes)}".strip(),
        # Dash, Mantine, the grid and Plotly write style elements of their own without a nonce.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _modules(package: str) -> list[ModuleType]:
    folder = importlib.import_module(package)
    return [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)]


def _explain(error: Exception) -> None:
    """Tell the person what went wrong in a callback; the page stays as it was."""
    if isinstance(error, HTTPException):
        raise error
    if isinstance(error, MyopanelError):
        _notify("Not done", str(error), "orange")
        return
    reference = secrets.token_hex(4)
    log.error("callback failed, reference %s", reference, exc_info=error)
    _notify("Something went wrong", f"Nothing was changed. Reference for your administrator: {reference}", "red")


def _notify(title: str, message: str, colour: str) -> None:
    set_props(shell.NOTICES, {"sendNotifications": [shell.notification(title, message, colour)]})

"""Signing in and out, and the gate every request passes.

Sign-in is a plain form without scripts. The browser keeps one random secret in an HttpOnly cookie; the session is a
row in the database and can be ended there. A page that refreshes itself does not keep its session alive: only what
the person does counts (see `_is_own_action`). Machines send a bearer token with each request instead and get
no cookie.
"""

import datetime as dt
import hmac
import logging
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

import flask
import sqlalchemy as sa
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from dashboard.cds_clients import Clients, NotAdmitted, allow_origin, is_token, preflight, serves
from dashboard.secure import READERS, SUITES, SecureDash, public, roles, view_roles
from models.accounts import (
    audit,
    check_password,
    end_session,
    principal_of_session,
    principal_of_token,
    start_session,
    touch_session,
    users,
)
from models.database import BUSY_SECONDS, WRITE, is_sqlite, reading, writing
from seed_data.demo import demo_users

SESSION_COOKIE = "myopanel_session"
CSRF_COOKIE = "_csrf_token"  # the name the Dash renderer copies into the header
FORM_COOKIE = "myopanel_form"
CSRF_HEADER = "X-CSRFToken"
IDLE_HEADER = "X-Myopanel-Idle"
OWN_ACTION_SECONDS = 60
TOUCH_WAITS_MS = 100
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = logging.getLogger(__name__)


def install(app: SecureDash, *, demo_password: str = "") -> None:
    """Put the gate, the response headers and the sign-in pages on the application's server.

    `demo_password` is that of every invented person of a demo clinic; the sign-in page then lets one click do.
    """
    server = app.server
    secure_cookies = app.settings.environment == "production"
    cookie: dict[str, Any] = {"httponly": True, "secure": secure_cookies, "samesite": "Lax", "path": "/"}
    longest = dt.timedelta(hours=app.settings.session_hours)
    idle = dt.timedelta(minutes=app.settings.session_idle_minutes)

    clients = Clients(app)

    @server.before_request
    def gate() -> ResponseReturnValue | None:
        flask.g.now = app.clock()
        flask.g.principal = None
        request = flask.request
        allowed = view_roles(server.view_functions, request.endpoint)
        asked = preflight(app.settings) if serves(request.path) and app.settings.cors_origins else None
        if asked is not None:
            return asked
        if allowed == ("*",) or request.path.startswith(SUITES):
            return None
        try:
            _recognise(app, clients, now=flask.g.now, idle=idle, longest=longest)
        except NotAdmitted as error:
            log.warning("CDS Hooks: a token was refused: %s", error)
            said = f'Bearer realm="myopanel", error="invalid_token", error_description="{error}"'
            return flask.Response(f"{error}.", 401, {"WWW-Authenticate": said}, mimetype="text/plain")
        principal = flask.g.principal
        if principal is None:
            return _ask_to_sign_in(machine=allowed is not None and "service" in allowed)
        if principal.role == "service":
            # A machine reaches the routes that name it, never a page.
            return None if allowed is not None and "service" in allowed else flask.abort(403)
        if request.method not in SAFE_METHODS:
            sent = request.headers.get(CSRF_HEADER, "") or request.form.get("csrf", "")
            if not hmac.compare_digest(sent.encode(), principal.csrf.encode()):
                flask.abort(403, "This page is out of date. Reload it and try again.")
        if allowed is not None:
            return None if principal.role in allowed else flask.abort(403)
        if request.path == "/_dash-update-component":
            body = request.get_json(silent=True) or {}
            needed = app.callback_roles.get(str(body.get("output", "")))
            if needed is None or principal.role not in needed:
                flask.abort(403)
        if _is_own_action() and (
            principal.last_action_at is None
            or flask.g.now - principal.last_action_at > min(dt.timedelta(seconds=OWN_ACTION_SECONDS), idle / 4)
        ):
            _touch(app, request.cookies[SESSION_COOKIE], flask.g.now)
        return None

    @server.after_request
    def headers(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if not path.startswith(SUITES) or response.status_code >= 400:
            response.headers["Cache-Control"] = "no-store"
        if serves(path):
            allow_origin(response, app.settings)
        for name, value in server.config["MYOPANEL_HEADERS"].items():
            response.headers.setdefault(name, value)
        if secure_cookies:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        principal = flask.g.get("principal")
        if principal is not None and principal.csrf and flask.request.cookies.get(CSRF_COOKIE) != principal.csrf:
            # Readable by our own script only, which copies it into a header: other sites can do neither.
            response.set_cookie(CSRF_COOKIE, principal.csrf, secure=secure_cookies, samesite="Strict", path="/")
        if flask.request.endpoint == "/<path:path>" and app.page_at(path) is None and response.status_code == 200:
            response.status_code = 404
        return response

    def form_token(value: str) -> str:
        return hmac.new(app.settings.signing_key().encode(), value.encode(), sha256).hexdigest()

    @server.get("/sign-in")
    @public
    def sign_in_form() -> ResponseReturnValue:
        return sign_in_page()

    def accounts_exist() -> bool:
        with reading(app.engine) as session:
            return bool(users(session))

    def sign_in_page(error: str = "", name: str = "", status: int = 200) -> flask.Response:
        seed = flask.request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
        demo = app.settings.environment == "demo" and bool(demo_password)
        response = flask.make_response(
            flask.render_template_string(
                SIGN_IN,
                csrf=form_token(seed),
                error=error,
                name=name,
                next=_local(flask.request.values.get("next", "")),
                ended="ended" in flask.request.args,
                nobody=not accounts_exist(),
                people=[user for user in demo_users() if user.role in READERS] if demo else (),
                password=demo_password if demo else "",
                style=app.get_asset_url("myopanel.css"),
                early=app.get_asset_url("early/theme.js"),
                icon=app.get_asset_url("favicon.svg"),
            ),
            status,
        )
        response.set_cookie(FORM_COOKIE, seed, **cookie)
        return response

    @server.post("/sign-in")
    @public
    def sign_in() -> ResponseReturnValue:
        form, now = flask.request.form, flask.g.now
        seed = flask.request.cookies.get(FORM_COOKIE, "")
        if not seed or not hmac.compare_digest(form.get("csrf", "").encode(), form_token(seed).encode()):
            return sign_in_page("The form was open for too long. Please try again.", form.get("name", ""), 400)
        name = form.get("name", "").strip()
        with writing(app.engine) as session:
            user = check_password(session, name, form.get("password", ""), now=now)
            if user is None:
                audit(session, name or "?", "sign-in refused", now=now)
                token, home = None, ""
            else:
                home = home_of(user.role)
                # A session left over in this browser ends here: the new secret is never the old one.
                end_session(session, flask.request.cookies.get(SESSION_COOKIE, ""), now=now)
                token = start_session(session, user, now=now)
                audit(session, user.name, "signed in", now=now)
        if token is None:
            return sign_in_page("Name or password is not right, or the account is locked for a few minutes.", name, 401)
        response = flask.redirect(_local(form.get("next", "")) or home, 303)
        response.set_cookie(SESSION_COOKIE, token, max_age=int(longest.total_seconds()), **cookie)
        response.delete_cookie(FORM_COOKIE)
        return response

    @server.post("/sign-out")
    @roles(*READERS)
    def sign_out() -> ResponseReturnValue:
        with writing(app.engine) as session:
            end_session(session, flask.request.cookies.get(SESSION_COOKIE, ""), now=flask.g.now)
            audit(session, flask.g.principal.name, "signed out", now=flask.g.now)
        flask.g.principal = None
        response = flask.redirect("/sign-in", 303)
        response.delete_cookie(SESSION_COOKIE)
        response.delete_cookie(CSRF_COOKIE)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response


def _recognise(
    app: SecureDash, clients: Clients, *, now: dt.datetime, idle: dt.timedelta, longest: dt.timedelta
) -> None:
    scheme, _, token = flask.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        with reading(app.engine) as session:
            flask.g.principal = principal_of_token(session, token.strip())
        if flask.g.principal is None and serves(flask.request.path) and is_token(token.strip()):
            flask.g.principal = clients.admit(token.strip(), flask.request.path, now)
        return
    secret = flask.request.cookies.get(SESSION_COOKIE)
    if secret:
        with reading(app.engine) as session:
            flask.g.principal = principal_of_session(session, secret, now=now, idle=idle, longest=longest)


def _ask_to_sign_in(*, machine: bool) -> ResponseReturnValue:
    request = flask.request
    page = request.method == "GET" and request.endpoint in {"/", "/<path:path>"} and not request.path.startswith("/_")
    if not page:
        headers = {"WWW-Authenticate": 'Bearer realm="myopanel"'} if machine else {}
        return flask.Response("Sign in first.", 401, headers, mimetype="text/plain")
    came_for = request.full_path.rstrip("?")
    ended = "&ended=1" if SESSION_COOKIE in request.cookies else ""
    return flask.redirect("/sign-in" if came_for == "/" and not ended else f"/sign-in?next={quote(came_for)}{ended}")


def _local(address: str) -> str:
    """The address if it leads back into this application, otherwise nothing."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith(("//", "/\\")):
        return ""
    return address if "\\" not in address and not any(ord(letter) < 32 for letter in address) else ""


def home_of(role: str) -> str:
    """Where a person's work begins: a nurse's with her list, everybody else's with the panel."""
    return "/alerts" if role == "nurse" else "/"


def _is_own_action() -> bool:
    """Whether this request comes from something the person did, not from a page that refreshes itself.

    The page says how many seconds ago a key or the pointer was last used. Without that word, a callback counts unless
    a timer alone set it off.
    """
    said = flask.request.headers.get(IDLE_HEADER)
    if said is not None:
        return said.isdecimal() and int(said) <= OWN_ACTION_SECONDS
    if flask.request.path != "/_dash-update-component":
        return True
    changed = (flask.request.get_json(silent=True) or {}).get("changedPropIds") or []
    return not changed or not all(str(item).endswith(".n_intervals") for item in changed)


def _touch(app: SecureDash, token: str, now: dt.datetime) -> None:
    """Note the action, unless a long write holds the database: then the next request, seconds later, will."""
    with app.engine.connect().execution_options(**{WRITE: True}) as connection:
        raw = connection.connection.cursor()
        if is_sqlite(app.engine):
            raw.execute(f"PRAGMA busy_timeout={TOUCH_WAITS_MS}")
        try:
            with connection.begin(), Session(bind=connection) as session:
                touch_session(session, token, now=now)
        except sa.exc.OperationalError as error:
            log.info("a session's last action was not noted yet: %s", type(error.orig).__name__)
        finally:
            if is_sqlite(app.engine):
                raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            raw.close()


SIGN_IN = """<!doctype html>
<html lang="en" class="sign-in">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Myopanel</title>
<link rel="icon" href="{{ icon }}"><link rel="stylesheet" href="{{ style }}">
<script src="{{ early }}"></script>
</head>
<body>
<main>
<h1><img src="{{ icon }}" alt="" width="28" height="28"> Myopanel</h1>
<p class="quiet">The myositis clinic's list: who is getting worse, what is overdue, what to do first.</p>
{% if error %}<p class="notice notice-bad" role="alert">{{ error }}</p>
{% elif ended %}<p class="notice" role="status">Your session has ended. Sign in to go on where you were.</p>{% endif %}
{% if nobody %}<p class="notice" role="status">There is no account yet. On the server run
<code>myopanel user add NAME --role admin</code>, then reload this page.</p>{% endif %}
<form method="post" action="/sign-in">
<input type="hidden" name="csrf" value="{{ csrf }}"><input type="hidden" name="next" value="{{ next }}">
<label>User name<input name="name" value="{{ name }}" autocomplete="username" autocapitalize="none" spellcheck="false"
 required {% if not name %}autofocus{% endif %}></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required
 {% if name %}autofocus{% endif %}></label>
<button type="submit">Sign in</button>
</form>
{% if people %}
<section aria-labelledby="demo"><h2 id="demo">Demo clinic, invented patients</h2>
<p class="quiet">Every password is <code>{{ password }}</code></p>
<ul>{% for person in people %}
<li><form method="post" action="/sign-in"><input type="hidden" name="csrf" value="{{ csrf }}">
<input type="hidden" name="next" value="{{ next }}"><input type="hidden" name="name" value="{{ person.name }}">
<input type="hidden" name="password" value="{{ password }}">
<button type="submit" class="plain"><b>{{ person.name }}</b> <span>{{ person.role }}</span>
<i>{{ person.purpose }}</i></button></form></li>
{% endfor %}</ul></section>{% endif %}
<p class="quiet small">Myopanel supports clinical judgement; it does not replace it, and it is not for emergencies.</p>
</main>
</body>
</html>"""

"""A Dash that denies by default: a page, callback or HTTP route that does not say who may use it stops the start.

Three questions are asked of every request, in `dashboard.auth`: who is it, is it really them (CSRF), may this role do
this. The third is asked again inside each callback and each page layout, so that no other way of reaching them
skips it.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

import dash
import flask
from sqlalchemy.engine import Engine

from dashboard.still import stilled
from models.accounts import PEOPLE, Principal
from models.clock import clinic_date
from models.settings import Settings

READERS = PEOPLE
"""Everybody who signs in to the pages."""

ACTORS = ("nurse", "physician", "admin")
"""Who may act on alerts."""

DECIDERS = ("physician", "admin")
"""Who may change what a rule does."""

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Page:
    """What a page module declares as `PAGE`. `nav` places it in the top bar (lowest first); 0 leaves it out.

    `path` may hold one or more `<names>`, which reach `layout` as keyword arguments beside those of the query.
    """

    path: str
    name: str
    roles: tuple[str, ...]
    nav: int = 0

    def match(self, pathname: str) -> dict[str, str] | None:
        """The named parts of an address that is this page's, or None."""
        pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, pathname.rstrip("/") or "/")
        return None if found is None else {key: unquote(value) for key, value in found.groupdict().items()}


@dataclass(frozen=True)
class Current:
    """What a layout or callback may know of the request it answers."""

    engine: Engine
    settings: Settings
    user: Principal
    now: dt.datetime

    @property
    def today(self) -> dt.date:
        """The clinic's date."""
        return clinic_date(self.now, self.settings.timezone)

    def may(self, roles: Iterable[str]) -> bool:
        """Whether the signed-in person has one of the roles."""
        return self.user.role in roles


def current() -> Current:
    """The request being answered: database, settings, who asks, and when.

    Raises:
        werkzeug.exceptions.Unauthorized: nobody is signed in.
    """
    principal = flask.g.get("principal")
    if principal is None:
        flask.abort(401)
    app: SecureDash = flask.current_app.config["MYOPANEL_APP"]
    return Current(app.engine, app.settings, principal, flask.g.now)


def require(roles: Iterable[str]) -> Current:
    """`current()`, or 403 for a person who has none of the roles."""
    here = current()
    if not here.may(roles):
        flask.abort(403)
    return here


def roles(*allowed: str) -> Callable[[View], View]:
    """Say who may call a Flask view: `@roles("service", "admin")`. A view that says nothing stops the start."""

    def mark(view: View) -> View:
        view.myopanel_roles = allowed  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Say that a Flask view is open to everybody: the sign-in page and `/health`, nothing with a patient in it."""
    view.myopanel_roles = ("*",)  # type: ignore[attr-defined]
    return view


class SecureDash(dash.Dash):
    """Dash with the application's own state, roles on every server callback, and a page table of its own.

    The page table replaces Dash's, which is one global per process and re-renders a page when only its filters in
    the address change.
    """

    def __init__(self, *, engine: Engine, settings: Settings, clock: Callable[[], dt.datetime], **options: Any) -> None:
        self.engine = engine
        self.settings = settings
        self.clock = clock
        self.callback_roles: dict[str, tuple[str, ...]] = {}
        self.pages: dict[Page, Callable[..., Any]] = {}
        self.ahead: Callable[[str], str] = lambda _path: ""
        super().__init__(**options)
        self.server.config["MYOPANEL_APP"] = self

    def callback(self, *args: Any, roles: tuple[str, ...] | None = None, **options: Any) -> Any:
        """`Dash.callback` that must be told which roles may call it. What never changes in its answer is packed."""
        if not roles:
            raise TypeError(f"a callback needs roles=...: {args[:1]}")
        before = set(self.callback_map)
        register = super().callback(*args, **options)
        for callback_id in set(self.callback_map) - before:
            self.callback_roles[callback_id] = roles

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def guarded(*values: Any, **named: Any) -> Any:
                require(roles)
                return stilled(function(*values, **named))

            register(guarded)
            return function

        return decorate

    def interpolate_index(self, metas: Any = "", *parts: Any, **named: Any) -> str:
        """The frame of every page, which tells the browser at once what this one will need."""
        return str(super().interpolate_index(metas + self.ahead(flask.request.path), *parts, **named))

    def add_page(self, page: Page, layout: Callable[..., Any]) -> None:
        """Make a page reachable for its roles.

        Raises:
            TypeError: the page names no role, or its path is taken.
        """
        if not page.roles:
            raise TypeError(f"the page {page.path} says nobody may see it: give it roles")
        if any(page.path == other.path for other in self.pages):
            raise TypeError(f"two pages at {page.path}")
        self.pages[page] = layout

    def page_at(self, pathname: str) -> tuple[Page, dict[str, str]] | None:
        """The page of an address with the named parts of the address; fixed paths come before patterns."""
        for page in sorted(self.pages, key=lambda candidate: "<" in candidate.path):
            found = page.match(pathname)
            if found is not None:
                return page, found
        return None

    def render(self, pathname: str, search: str) -> tuple[Page, Any] | None:
        """The page and its content for whoever is signed in; None where there is no such page."""
        found = self.page_at(pathname)
        if found is None:
            return None
        page, parts = found
        require(page.roles)
        query = {key: value for key, value in parse_qsl(search.lstrip("?")) if key.isidentifier()}
        return page, self.pages[page](**(query | parts))

    def check(self) -> None:
        """Refuse to start with anything reachable that nobody thought about.

        Raises:
            RuntimeError: a server callback or a Flask view without roles.
        """
        unguarded = [
            key for key, entry in self.callback_map.items() if entry.get("callback") and key not in self.callback_roles
        ]
        if unguarded:
            raise RuntimeError(f"callbacks without roles: {sorted(unguarded)}")
        undeclared = [
            f"{rule.rule} ({rule.endpoint})"
            for rule in self.server.url_map.iter_rules()
            if view_roles(self.server.view_functions, rule.endpoint) is None and not is_dash(rule.rule)
        ]
        if undeclared:
            raise RuntimeError(f"routes without roles: {sorted(undeclared)}")


ASSETS, LIBRARIES = "/assets/", "/_dash-component-suites/"
SUITES = (ASSETS, LIBRARIES)
"""Our own scripts and styles and Dash's: the same for everybody, no data in them."""


def is_dash(rule: str) -> bool:
    """Whether a routing rule is one of Dash's own, which `dashboard.auth` guards one by one."""
    return rule in {"/", "/<path:path>"} or rule.startswith(("/_dash", "/_reload-hash", "/_favicon", *SUITES))


def view_roles(views: Mapping[str, Any], endpoint: str | None) -> tuple[str, ...] | None:
    """The roles a Flask view declares; `("*",)` for everybody; None if it declares nothing."""
    declared = getattr(views.get(endpoint or ""), "myopanel_roles", None)
    return None if declared is None else tuple(declared)

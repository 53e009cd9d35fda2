"""The libraries of the pages as they go over the wire: read and compressed once, then answered from memory.

They are megabytes that are the same for everybody. Compressed anew for each browser that opens its first page, they
kept the page waiting for longer than everything else the server does for it.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass

import brotli
import flask
from dash.fingerprint import check_fingerprint

from dashboard.secure import ASSETS, LIBRARIES, SecureDash

BROTLI_QUALITY, GZIP_LEVEL = 5, 6
"""Above these the largest library takes a second more to be smaller by one part in thirty."""
YEAR_SECONDS = 365 * 24 * 60 * 60

_GRID = ("dash_ag_grid/async-community.js",)
_CHART = ("dash/dcc/async-graph.js", "plotly/package_data/plotly.min.js")
_AHEAD = (("/patients/", _CHART), ("/alerts", _GRID), ("/", _GRID))
"""Libraries that Dash asks for only when a page's content has come, by the address of the page, or how it begins."""


@dataclass(frozen=True)
class _Kept:
    body: bytes
    coding: str
    mimetype: str
    tag: str
    for_good: bool
    """Whether the address changes with the content, so that no browser has to ask again."""


def install(app: SecureDash) -> None:
    """Answer for Dash's own route of the libraries, from the second request for each on."""
    kept: dict[tuple[str, str], _Kept] = {}
    server = app.server
    app.ahead = ahead

    @server.before_request
    def from_memory() -> flask.Response | None:
        found = kept.get(_asked())
        return None if found is None else _as_kept(flask.Response(mimetype=found.mimetype), found)

    @server.after_request
    def remember(response: flask.Response) -> flask.Response:
        request = flask.request
        if response.status_code != 200 or "Content-Encoding" in response.headers:
            return response
        if request.path.startswith(ASSETS) and "m" in request.args:
            # Dash puts the time of the last change into the address of a file of ours.
            return _for_good(response)
        name, coding = _asked()
        if not coding:
            return response
        body = _compressed(response.get_data(), coding)
        tag = hashlib.blake2b(body, digest_size=12).hexdigest()
        versioned = check_fingerprint(request.path.removeprefix(LIBRARIES))[1]
        mimetype = response.mimetype or "text/plain"
        found = kept[name, coding] = _Kept(body, coding, mimetype, tag, versioned)
        return _as_kept(response, found)


_DONE: dict[tuple[bytes, str], bytes] = {}
"""What was compressed in this process, by digest and coding: a second application has the same libraries."""


def _compressed(raw: bytes, coding: str) -> bytes:
    key = hashlib.blake2b(raw, digest_size=16).digest(), coding
    if key not in _DONE:
        better = coding == "br"
        _DONE[key] = brotli.compress(raw, quality=BROTLI_QUALITY) if better else gzip.compress(raw, GZIP_LEVEL)
    return _DONE[key]


def _asked() -> tuple[str, str]:
    """Which library is asked for, and how it may be compressed; two empty texts for anything else.

    Only files that are there are kept, by their name without the version in it: nobody can fill the memory.
    """
    request = flask.request
    coding = request.accept_encodings.best_match(("br", "gzip"))
    if request.method != "GET" or not request.path.startswith(LIBRARIES) or coding is None:
        return "", ""
    name, versioned = check_fingerprint(request.path.removeprefix(LIBRARIES))
    return f"{name}{' ' if versioned else ''}", coding


def _as_kept(response: flask.Response, kept: _Kept) -> flask.Response:
    response.set_data(kept.body)
    response.headers["Content-Encoding"] = kept.coding
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(kept.tag)
    if kept.for_good:
        _for_good(response)
    response.make_conditional(flask.request)
    return response


def _for_good(response: flask.Response) -> flask.Response:
    response.cache_control.no_cache = None
    response.cache_control.max_age = YEAR_SECONDS
    response.cache_control.immutable = True
    return response


def ahead(path: str) -> str:
    """Tags that tell the browser at once what the page at this address will ask for later."""
    names = next((names for start, names in _AHEAD if path == start or (len(start) > 1 and path.startswith(start))), ())
    # What shows the words comes first.
    return "".join(f'<link rel="preload" as="script" fetchpriority="low" href="{LIBRARIES}{name}">' for name in names)


def warm(app: SecureDash) -> None:
    """Read and compress what the pages need, so that the first visitor does not wait for it."""
    client = app.server.test_client()
    scripts = re.findall(r'src="([^"]+)"', app._generate_scripts_html())
    later = [f"{LIBRARIES}{name}" for name in (*_GRID, *_CHART)]
    for address in (*(one for one in scripts if one.startswith(LIBRARIES)), *later):
        client.get(address, headers={"Accept-Encoding": "br"})

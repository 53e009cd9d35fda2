"""Rows of the lists as compact JSON through plain routes: nothing of Dash or Plotly walks through them.

An answer that would say the same again is 304 without a body: the browser keeps what it has.
"""

import hashlib
from typing import Any

import flask
import orjson

ROWS_AT_ONCE = 500
"""A request for more rows than this gets so many."""


def answer(content: dict[str, Any]) -> flask.Response:
    """The content as JSON with its own tag, or 304 where the browser has it already."""
    body = orjson.dumps(content)
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    known = flask.request.headers.get("If-None-Match", "").strip('"').partition(":")[0]
    if known == tag:
        unchanged = flask.Response(status=304)
        unchanged.set_etag(tag)
        return unchanged
    told = flask.Response(body, mimetype="application/json")
    told.set_etag(tag)
    return told


def number_asked(name: str, default: int, most: int | None = None) -> int:
    """A whole number of the address, not below 0; the default where there is none that can be read."""
    text = flask.request.args.get(name, "")
    found = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default
    return found if most is None else min(found, most)

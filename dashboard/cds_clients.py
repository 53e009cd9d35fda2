"""Who calls the CDS services without an account: a health record that signs its requests, and a browser page of it.

A record proves itself with a JSON Web Token as CDS Hooks 2.0 describes it, signed by a key of an issuer that the clinic
has configured. The keys come from the address configured for the issuer, or from one below the issuer's own address; an
address that only the token names is never asked. Such a caller reaches the CDS services and nothing else.
"""

import datetime as dt
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
import jwt
from jwt.types import Options

from dashboard.secure import SecureDash
from models.accounts import Principal
from models.database import writing
from models.seen_once import first_time
from models.settings import Settings

SERVICES = "/cds-services"
ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""Signatures by a private key. The specification names ES384 and RS384; a shared secret or none is never taken."""
WELL_KNOWN = "/.well-known/jwks.json"
LEEWAY = dt.timedelta(seconds=30)
"""So far the caller's clock may be from ours."""
LONGEST = dt.timedelta(hours=1)
"""The specification asks for five minutes; what holds longer than this is no token for one request."""
KEYS_LAST = dt.timedelta(minutes=10)
ASKED_AGAIN_AFTER = dt.timedelta(minutes=1)
"""For a key that is not known: the issuer may have a new one, but nobody makes us ask it for each request."""
MOST_PLACES = 4
_FETCH_SECONDS = 5
_LARGEST_KEYS = 256 * 1024

_ONLY_THE_SIGNATURE: Options = {
    "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False,
    "verify_sub": False, "verify_jti": False, "enforce_minimum_key_length": True,
}  # fmt: skip

log = logging.getLogger(__name__)


class NotAdmitted(Exception):
    """A token that admits nobody, with the sentence that its sender is told."""


def is_token(said: str) -> bool:
    """Whether a bearer's words look like a JSON Web Token, and not like the secret of one of our accounts."""
    return said.count(".") == 2 and said.startswith("ey")


def serves(path: str) -> bool:
    """Whether an address is one of the CDS services."""
    return path == SERVICES or path.startswith(SERVICES + "/")


# ----------------------------------------------------------------------------------------------------------------- keys


@dataclass(frozen=True)
class Key:
    """A public key of an issuer: its number, what it is for, and with which algorithm (where the issuer says so)."""

    number: object
    key: Any
    use: str | None
    algorithm: str | None


class Keys:
    """The public keys of the configured issuers, each fetched when it is needed and kept for a while."""

    def __init__(self, issuers: Mapping[str, str]) -> None:
        self._issuers = issuers
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[dt.datetime, list[Key]]] = {}

    def of(self, issuer: str, header: Mapping[str, Any], now: dt.datetime) -> Key:
        """The key that a token of the issuer says it is signed with.

        Raises:
            NotAdmitted: the issuer is not configured, its keys are elsewhere, cannot be had, or are without this one.
        """
        if issuer not in self._issuers:
            raise NotAdmitted("the issuer is not one of MYOPANEL_CDS_ISSUERS")
        place = self._issuers[issuer] or _own_address(issuer, header.get("jku"))
        number = header.get("kid")
        with self._lock:
            asked_at, keys = self._known.get((issuer, place), (None, []))
            found = _named(keys, number)
            if asked_at is None or now - asked_at > (ASKED_AGAIN_AFTER if found is None else KEYS_LAST):
                if asked_at is None:
                    self._make_room(issuer, now)
                # That we asked counts, whatever comes back: a stranger's tokens must not make us ask without end.
                self._known[issuer, place] = (now, keys)
                keys = _read_keys(place)
                self._known[issuer, place] = (now, keys)
                found = _named(keys, number)
        if found is None:
            raise NotAdmitted("the issuer has no such key, or its keys could not be read a moment ago")
        return found

    def _make_room(self, issuer: str, now: dt.datetime) -> None:
        """Few addresses of an issuer are remembered and asked: a token may name any number of them."""
        of_issuer = [one for one in self._known if one[0] == issuer]
        if len(of_issuer) < MOST_PLACES:
            return
        useless = [
            one for one in of_issuer if not self._known[one][1] and now - self._known[one][0] > ASKED_AGAIN_AFTER
        ]
        if not useless:
            raise NotAdmitted("the issuer's keys are looked for at too many addresses (jku)")
        del self._known[useless[0]]


def _named(keys: Sequence[Key], number: object) -> Key | None:
    """The key of that number; the only one where the token names none."""
    fitting = [key for key in keys if number is None or key.number == number]
    return fitting[0] if len(fitting) == 1 else None


def _own_address(issuer: str, said: object) -> str:
    """Where the keys of an issuer are that is configured without an address: below its own, wherever it says."""
    if said is None:
        return issuer.rstrip("/") + WELL_KNOWN
    home, place = urlsplit(issuer), urlsplit(str(said))
    below = place.path.startswith(home.path.rstrip("/") + "/") and ".." not in place.path.split("/")
    if (home.scheme, home.netloc) != (place.scheme, place.netloc) or not below or not home.netloc:
        raise NotAdmitted("the keys are not at an address of the issuer (jku)")
    return str(said)


class _NoOtherPlace(urllib.request.HTTPRedirectHandler):
    """An issuer whose server sends us elsewhere has not told us its keys."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _read_keys(place: str) -> list[Key]:
    try:
        if urlsplit(place).scheme in {"http", "https"}:
            opener = urllib.request.build_opener(_NoOtherPlace)
            with opener.open(place, timeout=_FETCH_SECONDS) as answer:
                raw = answer.read(_LARGEST_KEYS + 1)
        else:
            raw = Path(place).read_bytes()
        if len(raw) > _LARGEST_KEYS:
            raise NotAdmitted("the issuer's keys are too large to be keys")
        found = [_key(one) for one in json.loads(raw)["keys"] if one.get("kty") in {"EC", "RSA"}]
        return [key for key in found if key is not None]
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        # urllib's errors are OSErrors, json's are ValueErrors; the last ones are what no set of keys looks like.
        log.warning("CDS Hooks: the keys at %s cannot be read: %s", place, type(error).__name__)
        raise NotAdmitted("the issuer's keys cannot be read") from error


def _key(sent: Mapping[str, Any]) -> Key | None:
    """A key of a set; None for one that we do not know how to read, which is no reason against the others."""
    algorithm = sent.get("alg")
    # Without a word of the issuer any algorithm of its kind will do: which one, the token says.
    try:
        known = jwt.PyJWK.from_dict(dict(sent), algorithm or ("RS384" if sent["kty"] == "RSA" else None))
    except jwt.PyJWTError:
        return None
    return Key(sent.get("kid"), known.key, sent.get("use"), algorithm)


# --------------------------------------------------------------------------------------------------------------- tokens


class Clients:
    """The gate for callers of the CDS services."""

    def __init__(self, app: SecureDash) -> None:
        self._app = app
        self._keys = Keys(app.settings.cds_issuers_by_name())

    def admit(self, token: str, path: str, now: dt.datetime) -> Principal:
        """Whom a token admits to an address.

        Raises:
            NotAdmitted: nobody; with the reason.
        """
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise NotAdmitted("this is no JSON Web Token") from error
        if header.get("alg") not in ALGORITHMS:
            raise NotAdmitted("the token is not signed with one of " + ", ".join(ALGORITHMS))
        issuer = claimed.get("iss")
        if not isinstance(issuer, str):
            raise NotAdmitted("the token names no issuer (iss)")
        key = self._keys.of(issuer, header, now)
        if key.use == "enc" or key.algorithm not in (None, header["alg"]):
            raise NotAdmitted("the key is for something else")
        try:
            # The claims are checked below, the times among them against the application's clock.
            claims = jwt.decode(token, key=key.key, algorithms=[header["alg"]], options=_ONLY_THE_SIGNATURE)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise NotAdmitted("the signature is not the issuer's") from error
        until = self._check(claims, path, now)
        with writing(self._app.engine) as session:
            if not first_time(session, "jwt", issuer, str(claims["jti"]), now=now, until=until + LEEWAY):
                raise NotAdmitted("the token has been used (jti)")
        return Principal(0, f"cds:{issuer}", "", "service")

    def _check(self, claims: Mapping[str, Any], path: str, now: dt.datetime) -> dt.datetime:
        """Until when a token holds.

        Raises:
            NotAdmitted: it is over, not yet, for somebody else, or for ever.
        """
        until, since = _instant(claims, "exp"), _instant(claims, "iat")
        if until <= now - LEEWAY:
            raise NotAdmitted("the token is over (exp)")
        if since > now + LEEWAY:
            raise NotAdmitted("the token is of a time to come (iat)")
        if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
            raise NotAdmitted("the token does not hold yet (nbf)")
        if until - since > LONGEST or until - now > LONGEST:
            raise NotAdmitted("the token holds for more than an hour (exp)")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            raise NotAdmitted("the token has no number of its own (jti)")
        meant = claims.get("aud")
        wanted = _addresses(self._app.settings, path)
        if not any(isinstance(one, str) and one.rstrip("/") in wanted for one in _listed(meant)):
            raise NotAdmitted("the token is for another address (aud)")
        return until


def _listed(meant: object) -> list[object]:
    return list(meant) if isinstance(meant, list) else [meant]


def _instant(claims: Mapping[str, Any], name: str) -> dt.datetime:
    said = claims.get(name)
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        raise NotAdmitted(f"the token has no {name}")
    try:
        return dt.datetime.fromtimestamp(said, dt.UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise NotAdmitted(f"the token's {name} is no time") from error


def _addresses(settings: Settings, path: str) -> set[str]:
    """What a token for a request may name as its audience: the service that is called, or all of ours."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    root = (settings.public_address or f"http://{host}:{settings.port}").rstrip("/")
    called = path.rstrip("/")
    return {root, root + SERVICES, root + called, root + called.removesuffix("/feedback")}


# ------------------------------------------------------------------------------------------------------------- browsers


def preflight(settings: Settings) -> flask.Response | None:
    """The answer to a browser that asks whether a page of another site may call; None where it does not ask."""
    request = flask.request
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if request.headers.get("Origin", "") not in settings.cors_origins_listed():
        return flask.Response("This site may not call here (MYOPANEL_CORS_ORIGINS).", 403, mimetype="text/plain")
    return flask.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        },
    )


def allow_origin(response: flask.Response, settings: Settings) -> None:
    """Let a page of a configured site read the answer. Cookies are never asked for: a caller brings its token."""
    listed = settings.cors_origins_listed()
    if not listed:
        return
    response.vary.add("Origin")
    origin = flask.request.headers.get("Origin", "")
    if origin in listed:
        response.headers["Access-Control-Allow-Origin"] = origin

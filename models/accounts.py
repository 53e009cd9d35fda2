"""Who may sign in, with what, and for how long; and the record of who did and read what.

Passwords are kept as argon2id hashes, session ids and bearer tokens as SHA-256 digests of long random strings, so
that a copy of the database lets nobody in. Every function is told the time.
"""

import datetime as dt
import hashlib
import re
import secrets
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session, select

from models.errors import ActionRefused
from models.user import ROLES, AuditEvent, User, UserSession

SHORTEST_PASSWORD = 8
TRIES_BEFORE_LOCK = 5
FIRST_LOCK = dt.timedelta(minutes=1)
LONGEST_LOCK = dt.timedelta(minutes=15)

PEOPLE = ("nurse", "physician", "admin", "viewer")
"""Roles that sign in to the pages; a `service` only ever carries a bearer token."""


@dataclass(frozen=True)
class Principal:
    """Whoever is asking: a signed-in person, or a machine with a token."""

    user_id: int
    name: str
    display_name: str
    role: str
    csrf: str = ""
    last_action_at: dt.datetime | None = None

    @property
    def shown_name(self) -> str:
        """The name people know them by."""
        return self.display_name or self.name


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def digest(secret: str) -> str:
    """SHA-256 of a random secret. Enough for 256 random bits; never used for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


# ----------------------------------------------------------------------------------------------------------- accounts


def add_user(
    session: Session,
    name: str,
    role: str,
    secret: str | None,
    *,
    now: dt.datetime,
    display_name: str = "",
    email: str = "",
) -> str | None:
    """Add an account; for a `service` returns its bearer token (made up here unless `secret` is given).

    Raises:
        ActionRefused: the name is taken or malformed, the role is unknown, or the password is too short.
    """
    if not re.fullmatch(r"[\w.@-]{1,80}", name):
        raise ActionRefused(f"{name!r} cannot be a user name: use letters, digits, and . _ - @ only.")
    if role not in ROLES:
        raise ActionRefused(f"There is no role {role!r}; choose one of {', '.join(ROLES)}.")
    if session.exec(select(User.id).where(User.name == name)).first() is not None:
        raise ActionRefused(f"There is a user {name!r} already.")
    user = User(name=name, role=role, display_name=display_name, email=email, created_at=now)
    token = _give_secret(user, secret)
    session.add(user)
    session.flush()
    return token


def set_password(session: Session, name: str, secret: str | None, *, now: dt.datetime) -> str | None:
    """Give a user a new password (a service: a new token, returned), lift a lock, and end all their sessions.

    Raises:
        ActionRefused: no such user, or the password is too short.
    """
    user = _user(session, name)
    token = _give_secret(user, secret)
    user.failed_attempts = 0
    user.locked_until = None
    session.add(user)
    _end_all_sessions(session, user, now)
    return token


def disable_user(session: Session, name: str, *, now: dt.datetime) -> None:
    """Let a user in no more, from now on; what they did stays on record under their name.

    Raises:
        ActionRefused: no such user.
    """
    user = _user(session, name)
    user.disabled_at = user.disabled_at or now
    session.add(user)
    _end_all_sessions(session, user, now)


def enable_user(session: Session, name: str) -> None:
    """Let a disabled user in again.

    Raises:
        ActionRefused: no such user.
    """
    user = _user(session, name)
    user.disabled_at = None
    user.failed_attempts = 0
    user.locked_until = None
    session.add(user)


def users(session: Session) -> list[User]:
    """Every account, by name."""
    return list(session.exec(select(User).order_by(User.name)).all())


def clinicians(session: Session) -> list[User]:
    """The accounts an alert can be assigned to: nurses and physicians who may sign in."""
    wanted = select(User).where(sa.column("role").in_(("nurse", "physician")), sa.column("disabled_at").is_(None))
    return list(session.exec(wanted.order_by(User.name)).all())


def _user(session: Session, name: str) -> User:
    user = session.exec(select(User).where(User.name == name)).first()
    if user is None:
        raise ActionRefused(f"There is no user {name!r}.")
    return user


def _give_secret(user: User, secret: str | None) -> str | None:
    if user.role == "service":
        token = secret or secrets.token_urlsafe(32)
        user.token_hash = digest(token)
        return token
    if secret is None or len(secret) < SHORTEST_PASSWORD:
        raise ActionRefused(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    user.password_hash = _hasher().hash(secret)
    return None


# ----------------------------------------------------------------------------------------------------------- signing in


def check_password(session: Session, name: str, password: str, *, now: dt.datetime) -> User | None:
    """The user whose name and password these are, or None. Counts failures and locks; run it in a write transaction.

    After 5 wrong passwords in a row the account is locked for a minute, then two, up to 15. While it is locked even
    the right password is refused, so that guessing goes no faster; a stranger learns nothing from the answer or
    from how long it takes.
    """
    user = session.exec(select(User).where(User.name == name)).first()
    if user is None or user.role not in PEOPLE or not user.password_hash:
        _matches(_nobodys_hash(), password)
        return None
    right = _matches(user.password_hash, password)
    if user.disabled_at is not None or (user.locked_until is not None and now < user.locked_until):
        return None
    if not right:
        user.failed_attempts += 1
        over = user.failed_attempts - TRIES_BEFORE_LOCK
        if over >= 0:
            user.locked_until = now + min(FIRST_LOCK * 2 ** min(over, 10), LONGEST_LOCK)
        session.add(user)
        return None
    user.failed_attempts = 0
    user.locked_until = None
    if _hasher().check_needs_rehash(user.password_hash):
        user.password_hash = _hasher().hash(password)
    session.add(user)
    return user


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def start_session(session: Session, user: User, *, now: dt.datetime) -> str:
    """Begin a signed-in session; returns the secret for the cookie, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            id=digest(token), user_id=user.id or 0, csrf=secrets.token_urlsafe(24), created_at=now, last_action_at=now
        )
    )
    return token


def principal_of_session(
    session: Session, token: str, *, now: dt.datetime, idle: dt.timedelta, longest: dt.timedelta
) -> Principal | None:
    """Whose session the cookie's secret opens, or None when it has ended, was left idle, or the user is disabled."""
    row = session.exec(
        select(UserSession, User).where(UserSession.id == digest(token), UserSession.user_id == User.id)
    ).first()
    if row is None:
        return None
    signed_in, user = row
    if signed_in.ended_at is not None or user.disabled_at is not None or user.role not in PEOPLE:
        return None
    if now - signed_in.last_action_at > idle or now - signed_in.created_at > longest:
        return None
    return Principal(
        user.id or 0, user.name, user.display_name, user.role, signed_in.csrf, last_action_at=signed_in.last_action_at
    )


def touch_session(session: Session, token: str, *, now: dt.datetime) -> None:
    """Note that the person did something just now."""
    session.execute(sa.update(UserSession).where(sa.column("id") == digest(token)).values(last_action_at=now))


def end_session(session: Session, token: str, *, now: dt.datetime) -> None:
    """End one session for good."""
    row = session.get(UserSession, digest(token))
    if row is not None and row.ended_at is None:
        row.ended_at = now
        session.add(row)


def _end_all_sessions(session: Session, user: User, now: dt.datetime) -> None:
    running = select(UserSession).where(UserSession.user_id == user.id, sa.column("ended_at").is_(None))
    for row in session.exec(running).all():
        row.ended_at = now
        session.add(row)


def principal_of_token(session: Session, token: str) -> Principal | None:
    """The service whose bearer token this is, or None."""
    if not token:
        return None
    user = session.exec(select(User).where(User.token_hash == digest(token))).first()
    if user is None or user.role != "service" or user.disabled_at is not None:
        return None
    return Principal(user.id or 0, user.name, user.display_name, user.role)


def purge_sessions(session: Session, *, before: dt.datetime) -> int:
    """Delete sessions begun before an instant (all of them over by then); returns how many."""
    return int(session.execute(sa.delete(UserSession).where(sa.column("created_at") < before)).rowcount)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------------------------- audit


def audit(
    session: Session, by: str, action: str, *, now: dt.datetime, patient_id: int | None = None, detail: str = ""
) -> None:
    """Append to the record of who did what. `detail` must hold no clinical value and no password."""
    session.add(AuditEvent(at=now, by=by[:80], action=action, patient_id=patient_id, detail=detail))

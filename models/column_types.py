"""Column types that store instants, days and digests of facts in few bytes.

A clinic has millions of observations, and on SQLite an instant as text takes 26 bytes, a day 10. Here they are numbers
there: an instant the seconds since 1970 (4 bytes unless it has a fraction), a day the days since 1970 (2 bytes). In
Python, and on PostgreSQL, they are what they always were.
"""

import datetime as dt
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()

IDENTITY_BYTES = 12
"""96 bits: among a hundred million facts two meet by chance once in ten million clinics."""
CONTENT_BYTES = 8
"""Compared only with the other versions of one fact."""


class Instant(TypeDecorator[dt.datetime]):
    """An aware instant, returned in UTC. SQLite: seconds since 1970, exact to the microsecond until the year 2242."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A number on SQLite, a timestamp elsewhere."""
        return dialect.type_descriptor(sa.Float() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Whatever it is compared with is stored in the same way."""
        return self

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Refuses a time without zone: nobody could tell later which instant was meant."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value} has no time zone; an instant is stored with one")
        return seconds_of(value) if dialect.name == "sqlite" else value.astimezone(dt.UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        return instant_of(value) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


class Day(TypeDecorator[dt.date]):
    """A calendar day. SQLite: days since 1970."""

    impl = sa.Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A number on SQLite, a date elsewhere."""
        return dialect.type_descriptor(sa.Integer() if dialect.name == "sqlite" else sa.Date())

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Whatever it is compared with is stored in the same way."""
        return self

    def process_bind_param(self, value: dt.date | None, dialect: Dialect) -> Any:
        """The day as the database has it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.toordinal() - EPOCH_DAY

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.date | None:
        """The day."""
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return dt.date.fromordinal(value + EPOCH_DAY)


class Digest(TypeDecorator[bytes]):
    """The first bytes of a digest. A text is stored as its digest, bytes as they are."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def __repr__(self) -> str:
        return f"Digest({self.length})"

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """The bytes kept."""
        return digest(value, self.length) if isinstance(value, str) else value


def seconds_of(instant: dt.datetime) -> float:
    """Seconds since 1970."""
    return (instant - EPOCH).total_seconds()


def instant_of(seconds: float) -> dt.datetime:
    """The instant so many seconds after 1970, in UTC."""
    return EPOCH + dt.timedelta(seconds=seconds)


def digest(text: str, length: int) -> bytes:
    """The first `length` bytes of a text's SHA-256, which PostgreSQL can compute as well."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:length]

"""Rows from the driver's own cursor, for reading in bulk: SQLAlchemy's work on each value costs more than the rules."""

import datetime as dt
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from models.patient_facts import day_number


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for garbage cycles while rows are read or rules asked: they hold none, and it takes up to a third."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fetch(
    connection: sa.Connection, query: sa.Select[Any], parameters: Mapping[str, Any] | None = None
) -> list[Sequence[Any]]:
    """All rows of a query as the driver gives them: dates are ISO text on SQLite and dates on PostgreSQL.

    A query that is asked again and again is built once, with `listed` in the place of what differs: building one and
    turning it into text costs more than its rows.
    """
    result = connection.execute(query, parameters)
    try:
        return list(result.cursor.fetchall())
    finally:
        result.close()


def listed(name: str) -> Any:
    """The place of a list of values in a query that is built once: `column.in_(listed("ids"))`."""
    return sa.bindparam(name, expanding=True)


def as_day(value: Any) -> int:
    """The number of a day as the driver gives it: a number or ISO text on SQLite, a date on PostgreSQL."""
    if isinstance(value, int):
        return value
    return day_number(dt.date.fromisoformat(value) if isinstance(value, str) else value)

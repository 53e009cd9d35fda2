"""Rows from the driver's own cursor, for reading in bulk: SQLAlchemy's work on each value costs more than the rules."""

import datetime as dt
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from models.patient_facts import day_number


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for garbage cycles while many rows are read: they hold none, and it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fetch(connection: sa.Connection, query: sa.Select[Any]) -> list[Sequence[Any]]:
    """All rows of a query as the driver gives them: dates are ISO text on SQLite and dates on PostgreSQL."""
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    processors: Any = compiled._bind_processors  # the values as the dialect stores them
    bound = {
        name: processors[name](value) if name in processors else value
        for name, value in compiled.construct_params().items()
    }
    parameters: Any = [bound[name] for name in compiled.positiontup or ()] if compiled.positional else bound
    cursor = connection.connection.cursor()
    try:
        cursor.execute(str(compiled), parameters)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def as_day(value: Any) -> int:
    """The number of a day as the driver gives it: a number or ISO text on SQLite, a date on PostgreSQL."""
    if isinstance(value, int):
        return value
    return day_number(dt.date.fromisoformat(value) if isinstance(value, str) else value)

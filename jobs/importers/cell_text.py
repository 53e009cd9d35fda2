"""Cells of workbooks as a CSV file would have them. Nothing heavy is imported: a process starts for it."""

import datetime as dt
from typing import Any


class Exact(str):
    """Text made of a number or date that the workbook holds as such: its marks and order are certain."""

    __slots__ = ()


def text_of_cell(value: Any) -> str:
    """A value of a cell as a CSV file would have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return Exact(value.date().isoformat() if value.time() == dt.time() else value.isoformat())
    if isinstance(value, (dt.date, dt.time)):
        return Exact(value.isoformat())
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return Exact(repr(value)) if isinstance(value, (int, float)) else str(value)

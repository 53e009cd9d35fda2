"""Cells that a spreadsheet must not run: what was rejected may have come from anywhere.

A cell that a spreadsheet would take for a formula gets an apostrophe in front. It is taken off again where the file
comes back mended, so that nothing is changed by the way through a spreadsheet.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\uff0b\uff1d\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")


def inert(cell: str) -> str:
    """A cell as it may be opened in a spreadsheet. A negative number is a number."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def as_sent(cell: str) -> str:
    """The cell that was made inert."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell

"""Cells that every kind of row has: record numbers, free texts, words of a list."""

import datetime as dt
import difflib
from collections.abc import Collection
from functools import lru_cache

from jobs.importers.canonical.reading import Reading
from jobs.importers.canonical.refusal import Refused

LONGEST_NAME = 200
LONGEST_TEXT = 20_000


def free_text(column: str, text: str, longest: int = LONGEST_TEXT) -> str | None:
    """Free text, or None where the cell is blank."""
    if not text:
        return None
    if len(text) > longest:
        raise Refused(column, text[:80] + "...", f"the text has {len(text)} characters; at most {longest} are kept")
    return text


def record_number(text: str) -> str:
    """A record number, compared exactly as text."""
    if not text:
        raise Refused("mrn", "", "the record number is missing; every row needs one")
    if len(text) > LONGEST_NAME:
        raise Refused("mrn", text[:80] + "...", f"a record number has at most {LONGEST_NAME} characters")
    return text


@lru_cache(maxsize=4096)
def _nearest(text: str, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(text.lower()[:60], [name.lower() for name in known], n=1, cutoff=0.6)
    if found:
        name = next(name for name in known if name.lower() == found[0])
        return f"did you mean {name}?"
    return "known are " + ", ".join(known)


def choice(column: str, text: str, known: Collection[str], what: str) -> str:
    """One of the known words, whatever its case."""
    if text in known:
        return text
    for spelled in (text.lower(), text.upper()):
        if spelled in known:
            return spelled
    if not text:
        raise Refused(column, "", f"{what} is missing; known are {', '.join(known)}")
    raise Refused(column, text, f"{text[:80]!r} is not a known {what}; {_nearest(text, tuple(known))}")


def required(column: str, text: str, what: str) -> str:
    """A cell that may not be blank."""
    if not text:
        raise Refused(column, "", f"{what} is missing")
    return text


def received(reading: Reading, text: str) -> dt.datetime | None:
    """When a fact became known, None where not given."""
    return reading.instant("received_at", text)[0] if text else None

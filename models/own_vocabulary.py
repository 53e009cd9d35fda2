"""A clinic's own measures, drugs and monitoring rows in its database: who added what, when and why, and what holds.

Nothing is changed or deleted: a change, an end and a return to an earlier state are further versions. A version holds
from a clinical day on and was known from the moment it was recorded, so that an answer of last month is explained by
the rows of last month. What a measure or drug is called is not a matter of days: old results stay readable.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Field, SQLModel

from models.clock import clinic_date
from models.errors import told
from models.vocabulary import OwnLine, Vocabulary, VocabularyError, holding, with_own
from models.vocabulary.loading.lines import BEGINS
from models.vocabulary.own import KINDS, Kind, lines_of

log = logging.getLogger(__name__)


class OwnRow(SQLModel, table=True):
    """One version of a clinic's own row: what it says from a day on, or that it has ended."""

    __tablename__ = "own_row"
    __table_args__ = (sa.Index("ix_own_row", "kind", "key", "valid_from"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(description="measure, drug or monitoring.")
    key: str = Field(description="What makes two rows versions of one (`models.vocabulary.own.identity_of`).")
    cells: str = Field(description="JSON; empty object where the row has ended.")
    ended: bool
    valid_from: dt.date
    reason: str
    author: str
    created_at: dt.datetime


class VocabularyTrial(SQLModel, table=True):
    """A change of the vocabulary that is being tried, or was: the rules' examples and the panel under it."""

    __tablename__ = "vocabulary_trial"

    id: int | None = Field(default=None, primary_key=True)
    change: str = Field(description="JSON: kind, key, cells, ended, valid_from.")
    by: str
    begun_at: dt.datetime
    finished_at: dt.datetime | None = None
    outcome: str = Field(default="", description="JSON once it has finished.")


@dataclass(frozen=True)
class Version:
    """One version of an own row, as read."""

    id: int
    kind: Kind
    key: str
    cells: Mapping[str, str]
    ended: bool
    valid_from: dt.date
    reason: str
    author: str
    created_at: dt.datetime


def versions(connection: sa.Connection, known_at: dt.datetime | None = None) -> list[Version]:
    """Every version that was known at an instant (None: by now), the earliest first."""
    table: Any = OwnRow
    query = sa.select(
        table.id, table.kind, table.key, table.cells, table.ended, table.valid_from, table.reason, table.author,
        table.created_at,
    ).order_by(table.valid_from, table.id)  # fmt: skip
    if known_at is not None:
        query = query.where(table.created_at <= known_at)
    return [
        Version(
            number, cast(Kind, kind), key, json.loads(cells), bool(ended), valid_from, reason, author,
            created_at,
        )
        for number, kind, key, cells, ended, valid_from, reason, author, created_at in connection.execute(query)
    ]  # fmt: skip


def standing(known: Sequence[Version], day: dt.date) -> dict[tuple[Kind, str], Version]:
    """The version of each row that holds on a day, ended ones among them; rows that begin later are left out."""
    found: dict[tuple[Kind, str], Version] = {}
    for one in known:
        if one.valid_from <= day:
            found[one.kind, one.key] = one
    return found


def vocabulary_of(known: Sequence[Version], day: dt.date, *, strict: bool = False, as_ever: bool = False) -> Vocabulary:
    """The shipped vocabulary with the rows that hold on a day.

    A measure that begins later, or has ended, is known as well, so that its results can be read; the ended takes no new
    ones. A row that no longer fits (a newer program brings the same measure) is set aside with a warning and never
    stops the clinic. `as_ever` takes the rows as if they had always been there: what they would mean in the long run.

    Raises:
        VocabularyError: a row does not fit, with `strict` only.
    """
    rows = standing(known, day)
    spoken: list[Version] = []
    retired: list[tuple[str, str]] = []
    for kind in KINDS:
        for key in dict.fromkeys(one.key for one in known if one.kind == kind):
            now = rows.get((kind, key))
            said = [one for one in known if (one.kind, one.key) == (kind, key) and not one.ended]
            if now is not None and not now.ended:
                spoken.append(now)
            elif kind == "measure" and said:
                spoken.append(_last_said(said, now))
                if now is not None:
                    retired.append((key, f"since {now.valid_from.isoformat()} ({now.reason})"))
    try:
        return with_own(_lines(spoken, None if as_ever else known), tuple(retired))
    except VocabularyError:
        if strict:
            raise
        return with_own(_lines(_fitting(spoken), None if as_ever else known), tuple(retired))


def _last_said(said: Sequence[Version], ended: Version | None) -> Version:
    """What was last said of a measure before it ended; of one that begins later, what is said first."""
    if ended is None:
        return said[0]
    before = [one for one in said if (one.valid_from, one.id) < (ended.valid_from, ended.id)]
    return (before or said)[-1]


def _lines(rows: Sequence[Version], known: Sequence[Version] | None = None) -> tuple[OwnLine, ...]:
    """The table lines of some rows, with the day they began where all versions are given.

    A measure of the program's that two of them ask for becomes a test once.
    """
    lines: list[OwnLine] = []
    tests: set[str] = set()
    for one in rows:
        for line in lines_of(one.kind, one.cells):
            key = dict(line.cells).get("key", "")
            if line.file == "tests.csv" and key in tests:
                continue
            if line.file == "tests.csv":
                tests.add(key)
            if line.file == "monitoring.csv" and known is not None:
                line = line._replace(cells=(*line.cells, (BEGINS, _begun(one, known).isoformat())))
            lines.append(line)
    return tuple(lines)


def _begun(one: Version, known: Sequence[Version]) -> dt.date:
    """The day from which a row has held without an end: a change of what it says is no new beginning."""
    begun = one.valid_from
    for row in known:
        if (row.kind, row.key) != (one.kind, one.key) or (row.valid_from, row.id) > (one.valid_from, one.id):
            continue
        begun = one.valid_from if row.ended else min(begun, row.valid_from)
    return begun


def _fitting(rows: Sequence[Version]) -> list[Version]:
    """The rows that fit, each beside those before it."""
    found: list[Version] = []
    for one in rows:
        try:
            with_own(_lines([*found, one]))
        except VocabularyError as error:
            log.warning("a row of the clinic's own vocabulary is set aside: %s", told(error))
        else:
            found.append(one)
    return found


# ------------------------------------------------------------------------------------------------------ what holds here

_KNOWN: "WeakKeyDictionary[Engine, dict[Any, Vocabulary]]" = WeakKeyDictionary()
_MOST_KEPT = 64


def clinic_vocabulary(
    place: Engine | sa.Connection, day: dt.date, known_at: dt.datetime | None = None
) -> Vocabulary | None:
    """The vocabulary of a clinic's database on a day, as known at an instant (None: by now).

    None where the clinic has no rows of its own: the shipped one holds. What another process added is seen at once: one
    short query asks whether anything is new.
    """
    if isinstance(place, Engine):
        with place.connect() as connection:
            return _of(place, connection, day, known_at)
    return _of(place.engine, place, day, known_at)


def _of(engine: Engine, connection: sa.Connection, day: dt.date, known_at: dt.datetime | None) -> Vocabulary | None:
    table: Any = OwnRow
    newest = sa.select(sa.func.count(table.id), sa.func.max(table.id), sa.func.max(table.created_at))
    stamp = tuple(connection.execute(newest).one())
    if not stamp[0]:
        return None
    kept = _KNOWN.setdefault(engine, {})
    name = stamp, day, known_at
    found = kept.get(name)
    if found is None:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        found = kept[name] = vocabulary_of(versions(connection, known_at), day)
    return found


@contextmanager
def words_of(place: Engine | sa.Connection, day: dt.date, known_at: dt.datetime | None = None) -> Iterator[None]:
    """The clinic's vocabulary of a day holds until the block ends."""
    with holding(clinic_vocabulary(place, day, known_at)):
        yield


@contextmanager
def words_at(place: Engine | sa.Connection, now: dt.datetime, timezone: str) -> Iterator[None]:
    """The clinic's vocabulary of an instant's day holds until the block ends."""
    with words_of(place, clinic_date(now, timezone)):
        yield

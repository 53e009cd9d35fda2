"""The stored answers: read by digest, written only where they changed. One short transaction of the caller's each."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from models.assessment import Assessment
from models.database import is_postgresql
from models.patient import Patient
from models.rows import fetch, listed

CHUNK = 500
Key = tuple[int, str, str]
"""Patient id, rule, subject."""

STORED = (
    "rule_version", "status", "state", "grade", "severity", "since", "due", "recheck_on", "explanation", "clears_when",
    "suggested_action", "cannot_tell_because", "cause", "evidence", "numbers", "digest",
)  # fmt: skip


class StoredAnswer(NamedTuple):
    """A stored answer's row number and digest."""

    id: int
    digest: str


def digests(connection: sa.Connection, patient_ids: Sequence[int]) -> dict[Key, StoredAnswer]:
    """The stored answers about the patients."""
    found: dict[Key, StoredAnswer] = {}
    for start in range(0, len(patient_ids), CHUNK):
        for row in fetch(connection, _digest_query(), {"ids": list(patient_ids[start : start + CHUNK])}):
            found[row[1], row[2], row[3]] = StoredAnswer(row[0], row[4])
    return found


@lru_cache(maxsize=1)
def _digest_query() -> sa.Select[Any]:
    table: Any = Assessment
    query = sa.select(table.id, table.patient_id, table.rule, table.subject, table.digest)
    return query.where(table.patient_id.in_(listed("ids")))


def write(
    connection: sa.Connection,
    fresh: Sequence[Mapping[str, Any]],
    changed: Sequence[tuple[int, Mapping[str, Any]]],
    obsolete: Sequence[int],
) -> None:
    """Insert, update (by row number) and delete answers. Rows hold the columns of `Assessment`."""
    table: Any = Assessment
    if obsolete:
        for start in range(0, len(obsolete), CHUNK):
            connection.execute(sa.delete(Assessment).where(table.id.in_(obsolete[start : start + CHUNK])))
    if changed:
        connection.execute(
            _updating(),
            [{f"new_{name}": row[name] for name in STORED} | {"row_id": number} for number, row in changed],
            execution_options={"synchronize_session": False},
        )
    if fresh:
        connection.execute(sa.insert(Assessment), list(fresh))


@lru_cache(maxsize=1)
def _updating() -> sa.Update:
    table: Any = Assessment
    query = sa.update(Assessment).where(table.id == sa.bindparam("row_id"))
    return query.values({name: sa.bindparam(f"new_{name}") for name in STORED})


def unchanged_since(connection: sa.Connection, revisions: Mapping[int, int]) -> set[int]:
    """Which of the patients are still active and at the revision read; they stay so until the transaction ends.

    The rows are locked where the database locks rows, so that two evaluations of a patient, or an evaluation and an
    import, wait for each other; SQLite lets only one write at a time anyway.
    """
    asked = sorted(revisions)
    query = _revision_query(is_postgresql(connection))
    found: set[int] = set()
    for start in range(0, len(asked), CHUNK):
        for who, revision in connection.execute(query, {"ids": asked[start : start + CHUNK]}):
            if revisions[who] == revision:
                found.add(int(who))
    return found


@lru_cache(maxsize=2)
def _revision_query(locking: bool) -> sa.Select[Any]:
    table: Any = Patient
    query = sa.select(table.id, table.revision).where(table.status == "active", table.id.in_(listed("ids")))
    query = query.order_by(table.id)
    return query.with_for_update() if locking else query


def mark_evaluated(connection: sa.Connection, rows: Iterable[tuple[int, int, dt.date | None, str]]) -> None:
    """Note patient id, the revision read, the first day to look again, and that day by rule (JSON)."""
    values = [{"who": who, "read": read, "look": look, "by_rule": looks} for who, read, look, looks in rows]
    if values:
        connection.execute(_marking(), values, execution_options={"synchronize_session": False})


@lru_cache(maxsize=1)
def _marking() -> sa.Update:
    table: Any = Patient
    return (
        sa.update(Patient)
        .where(
            table.id == sa.bindparam("who"),
            sa.or_(
                table.evaluated_revision != sa.bindparam("read"),
                table.look_again_on.is_distinct_from(sa.bindparam("look", type_=sa.Date())),
                table.looks != sa.bindparam("by_rule"),
            ),
        )
        .values(
            evaluated_revision=sa.bindparam("read"),
            look_again_on=sa.bindparam("look", type_=sa.Date()),
            looks=sa.bindparam("by_rule"),
        )
    )


def forget(connection: sa.Connection, patient_ids: Sequence[int]) -> None:
    """Patients who left have no answers any more."""
    table: Any = Assessment
    for start in range(0, len(patient_ids), CHUNK):
        connection.execute(sa.delete(Assessment).where(table.patient_id.in_(patient_ids[start : start + CHUNK])))

"""Where each patient stands in the list: worked out from their alerts whenever these, or the day, change.

Whoever changes an alert need not know about places: `models.alert_lifecycle.record` marks the patient, and the next
run or the next reader works the place out again before the list is read (`settle`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from models.alert import Alert
from models.alert_lifecycle import aside, state_of
from models.assessment import Assessment
from models.database import BUSY_SECONDS, WRITE, is_sqlite
from models.list_order import (
    CANNOT_TELL,
    IN_HAND,
    NOTHING,
    WATCH,
    Asks,
    asks_of,
    floor,
    is_held,
    place_held,
    place_of,
    place_of_alert,
)
from models.patient_summary import PatientSummary, chunks
from models.rows import listed
from models.user import PatientReview

PATIENCE_MS = 250
"""How long a reader waits for somebody who is writing before showing the places as they are kept."""

_ALERT = (
    "patient_id", "rule", "subject", "severity", "danger", "covered_by", "snoozed_until", "withdrawn_at", "resolved_at",
    "settled_at", "acknowledged_at", "lapses_on", "opened_at", "worsened_at", "owner", "set_aside", "brought_by",
    "handled_at", "handled_on",
)  # fmt: skip
QUIET = ("acknowledged", "snoozed", "resolved")


def alerts_behind(
    connection: sa.Connection, patient_ids: Sequence[int], *, more: Sequence[str] = ()
) -> Mapping[int, Mapping[tuple[str, str], Mapping[str, Any]]]:
    """By patient, by (rule, subject): the running alert, or the resolved one where the same thing is still true.

    `more` names further columns of the alert.
    """
    found: dict[int, dict[tuple[str, str], Mapping[str, Any]]] = defaultdict(dict)
    for part in chunks(patient_ids):
        for query in _behind_queries(tuple(more)):
            for row in connection.execute(query, {"ids": list(part)}):
                found[row.patient_id][row.rule, row.subject] = dict(row._mapping)
    return found


@lru_cache(maxsize=8)
def _behind_queries(more: tuple[str, ...]) -> tuple[sa.Select[Any], ...]:
    """The resolved alerts of some patients whose question is still answered `met`, and the running ones."""
    alert: Any = Alert
    answer: Any = Assessment
    columns = [getattr(alert, name) for name in (*_ALERT, *more)]
    mine = alert.patient_id.in_(listed("ids"))
    # Ended episodes pile up over the years: only those whose question is still answered `met` are read.
    same = sa.and_(answer.patient_id == alert.patient_id, answer.rule == alert.rule, answer.subject == alert.subject)
    still_met = sa.exists().where(same, answer.state == "met")
    resolved = sa.select(*columns).where(mine, alert.resolved_at.is_not(None), still_met).order_by(alert.id)
    # Not along the index of all running alerts, which is the clinic's: along that of the patients.
    running = sa.select(*columns).where(mine, sa.func.coalesce(alert.ended_at, sa.null()).is_(None))
    return resolved, running


def quiet_word(alert: Any, today: dt.date) -> str:
    """Why a reason asks for nothing now, in a word; empty when it does ask."""
    if alert is None:
        return ""
    if alert["covered_by"]:
        return "covered"
    row = cast(Alert, _Row(alert))
    state = state_of(row, today)
    if state in QUIET:
        return state
    return f"new: {row.brought_by}" if aside(row) and state == "open" else ""


class _Row:
    """The columns of an alert as attributes, for `state_of`."""

    __slots__ = ("_row",)

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        return self._row[name]


def stand_again(connection: sa.Connection, patient_ids: Sequence[int], today: dt.date) -> None:
    """Work out the place of these patients (of those that have a row) on the day `today`, and keep it."""
    moved = []
    for part in chunks(patient_ids):
        behind = alerts_behind(connection, part)
        resolved = _resolved_on(connection, part, today)
        seen = last_reviews(connection, part)
        for row in connection.execute(_standing_query(), {"ids": list(part)}):
            alerts = behind.get(row.patient_id, {})
            done = [*alerts.values(), *resolved.get(row.patient_id, ())]
            place, asks = _place(orjson.loads(row.reasons), alerts, done, row.untold, seen.get(row.patient_id), today)
            until = _next_change(done, today)
            if (place, asks, until) != (row.place, row.asks, row.stands_until):
                moved.append({"who": row.patient_id, "new_place": place, "new_asks": asks, "until": until})
    if moved:
        connection.execute(_moving(), moved, execution_options={"synchronize_session": False})


@lru_cache(maxsize=1)
def _standing_query() -> sa.Select[Any]:
    table: Any = PatientSummary
    columns = (table.patient_id, table.reasons, table.untold, table.place, table.asks, table.stands_until)
    return sa.select(*columns).where(table.patient_id.in_(listed("ids")))


@lru_cache(maxsize=1)
def _moving() -> sa.Update:
    table: Any = PatientSummary
    query = sa.update(PatientSummary).where(table.patient_id == sa.bindparam("who"))
    return query.values(
        place=sa.bindparam("new_place"), asks=sa.bindparam("new_asks"), stands_until=sa.bindparam("until")
    )


def _place(
    reasons: Sequence[Mapping[str, Any]],
    alerts: Mapping[tuple[str, str], Mapping[str, Any]],
    done: Iterable[Mapping[str, Any]],
    untold: bool,
    reviewed_at: dt.datetime | None,
    today: dt.date,
) -> tuple[int, Asks]:
    """Where a patient stands, and what they ask for now. `done`: alerts among which some were dealt with today."""
    # An alert whose question nobody can answer any more goes on asking.
    awake = [alert for alert in alerts.values() if not quiet_word(alert, today)]
    places = [place_of_alert(alert, reviewed_at, today) for alert in awake]
    asked = [asks_of(alert["severity"]) for alert in awake]
    for reason in reasons:
        if (reason["rule"], reason["subject"]) not in alerts:
            places.append(place_of(reason["severity"], 0, None, reviewed_at))
            asked.append(asks_of(reason["severity"]))
    held = [
        place_of_alert(alert, reviewed_at, today)
        for alert in done
        if is_held({"state": state_of(cast(Alert, _Row(alert)), today), "handled_on": alert["handled_on"]}, today)
    ]
    place = place_held(places, held)
    if place:
        return place, max(asked)
    if reasons:
        return floor(IN_HAND), Asks.IN_HAND
    return (floor(CANNOT_TELL), Asks.CANNOT_TELL) if untold else (floor(NOTHING), Asks.NOTHING)


def _next_change(alerts: Iterable[Mapping[str, Any]], today: dt.date) -> dt.date | None:
    """The first day on which a snooze ends, an acknowledgement lapses, or what was done today no longer holds."""
    ahead = [
        day
        for row in alerts
        for day in (
            row["snoozed_until"],
            row["lapses_on"],
            today + dt.timedelta(days=1) if row["handled_on"] is not None and row["handled_on"] >= today else None,
        )
        if day is not None
    ]
    return min((day for day in ahead if day > today), default=None)


def _resolved_on(
    connection: sa.Connection, patient_ids: Sequence[int], today: dt.date
) -> Mapping[int, Sequence[Mapping[str, Any]]]:
    """By patient, the alerts resolved on the day: they hold the place of the others until it ends."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in connection.execute(_resolved_query(), {"ids": list(patient_ids), "today": today}):
        found[row.patient_id].append(dict(row._mapping))
    return found


@lru_cache(maxsize=1)
def _resolved_query() -> sa.Select[Any]:
    alert: Any = Alert
    columns = [getattr(alert, name) for name in _ALERT]
    return sa.select(*columns).where(
        alert.patient_id.in_(listed("ids")),
        alert.ended_at.is_not(None),
        alert.resolved_at.is_not(None),
        alert.handled_on == sa.bindparam("today", type_=sa.Date()),
    )


def places(connection: sa.Connection, patient_ids: Sequence[int]) -> dict[int, int]:
    """By patient, the place that is kept, of those of whom something asks."""
    table: Any = PatientSummary
    found: dict[int, int] = {}
    for part in chunks(patient_ids):
        query = sa.select(table.patient_id, table.place).where(table.patient_id.in_(part), table.place >= floor(WATCH))
        found |= {int(row[0]): int(row[1]) for row in connection.execute(query)}
    return found


def last_reviews(connection: sa.Connection, patient_ids: Sequence[int]) -> dict[int, dt.datetime]:
    """By patient, when somebody last looked through the record."""
    rows = (connection.execute(_review_query(), {"ids": list(part)}) for part in chunks(patient_ids))
    return {row[0]: row[1] for part in rows for row in part}


@lru_cache(maxsize=1)
def _review_query() -> sa.Select[Any]:
    review: Any = PatientReview
    query = sa.select(review.patient_id, sa.func.max(review.at))
    return query.where(review.patient_id.in_(listed("ids")), review.undone_at.is_(None)).group_by(review.patient_id)


def due_again(connection: sa.Connection, today: dt.date) -> list[int]:
    """Patients whose place has to be worked out again: marked ones, and those whom the calendar has reached."""
    return [row[0] for row in connection.execute(_due_query(), {"today": today})]


@lru_cache(maxsize=1)
def _due_query() -> sa.Select[Any]:
    table: Any = PatientSummary
    return sa.select(table.patient_id).where(table.stands_until <= sa.bindparam("today", type_=sa.Date()))


def settle(engine: Engine, today: dt.date) -> None:
    """Before a list is read: work out the places that are due. Waits only briefly for somebody who is writing.

    Where it had to give up, the list is in the order kept before; what each line says is right all the same.
    """
    with engine.connect() as connection:
        waiting = due_again(connection, today)
    if not waiting:
        return
    with engine.connect().execution_options(**{WRITE: True}) as connection, _impatient(connection):
        try:
            with connection.begin():
                if not is_sqlite(engine):
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
                stand_again(connection, waiting, today)
        except sa.exc.OperationalError as error:
            if not _is_busy(error):
                raise


@contextmanager
def _impatient(connection: sa.Connection) -> Iterator[None]:
    """SQLite's patience belongs to the connection, which goes back to the pool afterwards."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")


def _is_busy(error: sa.exc.OperationalError) -> bool:
    """Whether somebody else is writing: SQLite's lock, or a row that PostgreSQL has locked for another."""
    return "locked" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "55P03"

"""How regularly each sender delivers each measure to the clinic: facts of the feed, not of any patient."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa

from models.clock import clinic_date
from models.delivery import Delivery, patients_in
from models.import_batch import ImportBatch
from models.observation import Observation
from models.patient import Patient
from models.patient_facts import FeedSilence, date_of, day_number
from models.rows import as_day, fetch, listed
from models.vocabulary import tests

NORMAL_DAYS = 60
MEMORY_DAYS = 180
"""A feed that has been silent for longer than this is taken to have ended, not to have failed."""
RHYTHM_DAYS = 365
MOST_COUNTED = 1000
"""Results are counted up to this many: enough to tell a feed that normally delivers."""
SPARSE_BELOW = 20
"""With fewer results than this in `NORMAL_DAYS` a feed is judged by its own rhythm (contract)."""
USUAL_GAP_DAYS = 42
"""How often somebody is tested of whom a feed delivered one result only (contract: active treatment)."""


def read_feeds(
    connection: sa.Connection, as_of: dt.date, *, timezone: str = "UTC", known_at: dt.datetime | None = None
) -> tuple[FeedSilence, ...]:
    """Every sender's delivery of every measure that a laboratory test consists of, by the days of receipt.

    What each day brought is counted as it is stored (`models.delivery`): the cost does not grow with the panel.
    """
    end = as_of if known_at is None else min(as_of, clinic_date(known_at, timezone))
    senders, counted = _feed_queries()
    said = {
        "senders": [row[0] for row in fetch(connection, senders)],
        "measures": sorted({measure for test in tests().values() for measure in test.measures}),
        "end": end,
        "since": end - dt.timedelta(days=MEMORY_DAYS),
    }
    found = []
    for sender, measure, on, many in fetch(connection, counted, said):
        feed = FeedSilence(sender, measure, as_day(on), min(int(many), MOST_COUNTED))
        sparse = feed.results < SPARSE_BELOW
        found.append(_with_rhythm(connection, feed, date_of(feed.last_day), end) if sparse else feed)
    return tuple(found)


@lru_cache(maxsize=1)
def _feed_queries() -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Who ever sent an import; by sender and measure the last day before `end` and what the days up to it brought."""
    table: Any = Delivery
    batch: Any = ImportBatch
    end, since = (sa.bindparam(name, type_=table.received_on.type) for name in ("end", "since"))
    newest = (
        sa.select(table.sender, table.measure, sa.func.max(table.received_on).label("last"))
        .where(
            table.sender.in_(listed("senders")),
            table.measure.in_(listed("measures")),
            table.received_on <= end,
            table.received_on > since,
        )
        .group_by(table.sender, table.measure)
        .subquery()
    )
    # Days are numbers or dates, whatever the database: a plain number of days can be taken from either.
    window = newest.c.last - sa.literal_column(str(NORMAL_DAYS))
    counted = (
        sa.select(table.sender, table.measure, newest.c.last, sa.func.sum(table.results))
        .join(newest, sa.and_(newest.c.sender == table.sender, newest.c.measure == table.measure))
        .where(table.received_on <= newest.c.last, table.received_on > window)
        .group_by(table.sender, table.measure, newest.c.last)
        .order_by(table.sender, table.measure)
    )
    return sa.select(batch.sender).distinct(), counted


def _with_rhythm(connection: sa.Connection, feed: FeedSilence, last: dt.date, end: dt.date) -> FeedSilence:
    """A sparse feed with its delivery days of the year up to the last one, and who waits for the next."""
    days_of: dict[int, list[int]] = {}
    for patient, day in sorted(_deliveries(connection, feed, last)):
        days_of.setdefault(patient, []).append(day_number(day))
    all_days = sorted({day for days in days_of.values() for day in days})
    waiting = [who for who, days in days_of.items() if day_number(end) - max(days) > usual_gap(days)]
    return feed._replace(
        delivery_days=len(all_days),
        median_gap=_median_gap(all_days),
        patients_waiting=_without_other_results(connection, feed, waiting, last, end),
    )


def _deliveries(connection: sa.Connection, feed: FeedSilence, last: dt.date) -> set[tuple[int, dt.date]]:
    """Who got a result from the feed on which day of the year up to its last one."""
    made: Any = Delivery
    first = last - dt.timedelta(days=RHYTHM_DAYS)
    rows = connection.execute(
        sa.select(made.received_on, made.patients).where(
            made.sender == feed.sender,
            made.measure == feed.measure,
            made.received_on <= last,
            made.received_on > first,
        )
    ).all()
    if all(row.patients for row in rows):
        return {(patient, row.received_on) for row in rows for patient in patients_in(row.patients)}
    # It was busy once: of its busy days only the results themselves say whose they were.
    table: Any = Observation
    query = sa.select(table.patient_id, table.received_on).where(
        table.sender == feed.sender,
        table.measure == feed.measure,
        table.received_on <= last,
        table.received_on > first,
    )
    return {(patient, day) for patient, day in connection.execute(query.distinct())}


def _median_gap(days: Iterable[int]) -> float | None:
    """The median number of days between deliveries; None where there are fewer than two."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(days))]
    return float(median(gaps)) if gaps else None


def usual_gap(days: Sequence[int]) -> float:
    """How many days usually lie between a patient's results."""
    gap = _median_gap(days)
    return USUAL_GAP_DAYS if gap is None else gap


def _without_other_results(
    connection: sa.Connection, feed: FeedSilence, waiting: Sequence[int], last: dt.date, end: dt.date
) -> int:
    """How many of the patients are active and got no result of the measure from anybody since the feed's last day."""
    if not waiting:
        return 0
    patient: Any = Patient
    table: Any = Observation
    elsewhere = sa.exists().where(
        table.patient_id == patient.id,
        table.measure == feed.measure,
        table.received_on > last,
        table.received_on <= end,
    )
    query = sa.select(sa.func.count()).where(patient.id.in_(waiting), patient.status == "active", ~elsewhere)
    return int(connection.execute(query).scalar_one())

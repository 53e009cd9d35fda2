"""The order of every list: danger first, then what is new or worse, each newest change first.

Danger means heart, then breathing, then swallowing: the rule says by its coded subject what it endangers, no sentence
is ever read. After it come urgent alerts that are new or worse since anybody saw them, then urgent ones, then those for
this week, then those for the next visit. The alerts of one patient stand together, at the place of the first, until
nothing of theirs asks any more: what was dealt with keeps its patient's place for the rest of the day, so that acting
on one never makes the others jump.

This is the only definition. Pages, print, digest, cards and commands read `in_order`, or the places kept by
`models.standing`, or, for questions the database answers, `models.list_order_sql`, which says the same in SQL.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeVar

from models.states import Severity

Row = TypeVar("Row", bound=Mapping[str, Any])


class Danger(IntEnum):
    """What an alert says is in danger; the larger goes first."""

    SWALLOWING = 1
    BREATHING = 2
    HEART = 3


NOTHING, CANNOT_TELL, IN_HAND = 0, 1, 2
"""Below every alert that asks for something: nothing to say, something nobody could tell, everything in hand."""
WATCH, ACTION, URGENT, URGENT_UNSEEN, DANGER = 3, 4, 5, 6, 6
_OF_SEVERITY = {Severity.URGENT: URGENT, Severity.ACTION: ACTION}
PER_CLASS = 10**17
"""More microseconds than lie between 1970 and any change."""
_BEGIN = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Asks(IntEnum):
    """What a patient asks for now, whatever was dealt with today: the counts of the lists rest on it."""

    NOTHING = 0
    CANNOT_TELL = 1
    IN_HAND = 2
    NEXT_VISIT = 3
    THIS_WEEK = 4
    TODAY = 5


_ASKS = {Severity.WATCH: Asks.NEXT_VISIT, Severity.ACTION: Asks.THIS_WEEK, Severity.URGENT: Asks.TODAY}


def asks_of(severity: str | None) -> Asks:
    """What an alert of a severity asks for."""
    return _ASKS[Severity(severity)] if severity else Asks.NEXT_VISIT


def place_of(
    severity: str | None, danger: int, changed_at: dt.datetime | None, seen_at: dt.datetime | None = None
) -> int:
    """The place of an alert that asks for something: the larger, the nearer to the top.

    Args:
        severity: `urgent`, `action` or `watch`.
        danger: of `Danger`; 0 for none.
        changed_at: when it was opened or last became worse, whichever is later.
        seen_at: when somebody last saw it (`seen_before`); None where nobody has.
    """
    return _class(severity, danger, changed_at, seen_at) * PER_CLASS + (
        (changed_at - _BEGIN) // dt.timedelta(microseconds=1) if changed_at is not None else 0
    )


def _class(severity: str | None, danger: int, changed_at: dt.datetime | None, seen_at: dt.datetime | None) -> int:
    if danger:
        return DANGER + danger
    if severity == Severity.URGENT:
        unseen = seen_at is None or changed_at is None or changed_at > seen_at
        return URGENT_UNSEEN if unseen else URGENT
    return _OF_SEVERITY.get(Severity(severity), WATCH) if severity else WATCH


def class_of(place: int) -> int:
    """What a place stands for: `WATCH`, `ACTION`, `URGENT` and more, or one of those below."""
    return place // PER_CLASS


def floor(least: int) -> int:
    """The lowest place of a class."""
    return least * PER_CLASS


def changed_at(row: Mapping[str, Any]) -> dt.datetime | None:
    """When an alert last became worse, or was opened."""
    opened: dt.datetime | None = row["opened_at"]
    worsened: dt.datetime | None = row["worsened_at"]
    return opened if worsened is None or (opened is not None and opened > worsened) else worsened


def seen_before(row: Mapping[str, Any], reviewed_at: dt.datetime | None, today: dt.date) -> dt.datetime | None:
    """When somebody last saw an alert: acted on it on an earlier day, or looked through the patient's record.

    What was done today counts from tomorrow on: an alert that somebody has just been given does not leave its place.
    """
    handled: dt.datetime | None = row["handled_at"]
    if handled is None or row["handled_on"] is None or row["handled_on"] >= today:
        return reviewed_at
    return handled if reviewed_at is None else max(handled, reviewed_at)


def place_of_alert(row: Mapping[str, Any], reviewed_at: dt.datetime | None, today: dt.date) -> int:
    """`place_of` of a row with an alert's columns."""
    return place_of(row["severity"], row["danger"], changed_at(row), seen_before(row, reviewed_at, today))


def asks(row: Mapping[str, Any]) -> bool:
    """Whether an alert asks for something now: open, no other stands for it, and it waits in no group."""
    return bool(row["state"] == "open" and row["covered_by"] is None and not row["aside"])


def place_held(places: Iterable[int], held: Iterable[int]) -> int:
    """Where a patient stands: at the first of what asks, or of what was dealt with today while something still asks.

    Args:
        places: of the alerts that ask; none of them: 0.
        held: of those that somebody dealt with today (`is_held`).
    """
    asking = max(places, default=0)
    return max(asking, max(held, default=0)) if asking else 0


def is_held(row: Mapping[str, Any], today: dt.date) -> bool:
    """Whether an alert was dealt with today, and so goes on holding its patient's place."""
    return bool(row["state"] in {"acknowledged", "snoozed", "resolved"} and row["handled_on"] == today)


def in_order(
    rows: Iterable[Row],
    today: dt.date,
    reviewed_at: Mapping[int, dt.datetime] | None = None,
    *,
    stands: Mapping[int, int] | None = None,
) -> Sequence[Row]:
    """Alerts in the order in which they are worked off, one patient's together.

    Rows have `id`, `patient_id`, `severity`, `danger`, `state`, `covered_by`, `aside` (it waits in the group of what a
    version brought), `opened_at`, `worsened_at`, `handled_at`, `handled_on`. Patients of whom nothing asks come after
    all others.

    Args:
        today: the day the list stands at.
        reviewed_at: by patient, when their record was last looked through.
        stands: by patient, the place that is kept (`models.standing.places`); it counts before what the rows say, which
            may be only some of the patient's alerts.
    """
    reviews, kept = reviewed_at or {}, stands or {}
    placed = [(row, asks(row), place_of_alert(row, reviews.get(row["patient_id"]), today)) for row in rows]
    awake: dict[int, list[int]] = {}
    held: dict[int, list[int]] = {}
    asleep: dict[int, int] = {}
    for row, asking, place in placed:
        who = row["patient_id"]
        if asking:
            awake.setdefault(who, []).append(place)
        elif is_held(row, today):
            held.setdefault(who, []).append(place)
        asleep[who] = max(asleep.get(who, 0), place)
    first: dict[int, tuple[int, int]] = {}
    for who, place in asleep.items():
        top = kept.get(who, 0) if stands is not None else place_held(awake.get(who, ()), held.get(who, ()))
        first[who] = (top if class_of(top) >= WATCH else 0, place)

    def key(one: tuple[Row, bool, int]) -> tuple[Any, ...]:
        row, asking, place = one
        top, otherwise = first[row["patient_id"]]
        # Among equals the patient whose record was made last: so the database reads an index backwards.
        return (-top, -otherwise if not top else 0, -row["patient_id"], -asking, -place, row["id"])

    return [row for row, _, _ in sorted(placed, key=key)]

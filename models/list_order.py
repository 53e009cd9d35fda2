"""The order of every list: danger first, then what is new or worse, each newest change first.

Danger means heart, then breathing, then swallowing. After it come urgent alerts that are new or worse since somebody
last looked at the patient, then urgent ones, then those for this week, then those for the next visit. The alerts of one
patient stand together, at the place of the first.
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
PER_CLASS = 10**11
"""More seconds than lie between 1970 and any change."""


def place_of(
    severity: str | None, danger: int, changed_at: dt.datetime | None, seen_at: dt.datetime | None = None
) -> int:
    """The place of an alert that asks for something: the larger, the nearer to the top.

    Args:
        severity: `urgent`, `action` or `watch`.
        danger: of `Danger`; 0 for none.
        changed_at: when it was opened or last became worse, whichever is later.
        seen_at: when somebody last looked through the patient's record; None where nobody has.
    """
    return _class(severity, danger, changed_at, seen_at) * PER_CLASS + (
        int(changed_at.timestamp()) if changed_at is not None else 0
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


def asks(row: Mapping[str, Any]) -> bool:
    """Whether an alert asks for something now: open, no other stands for it, and it waits in no group."""
    return bool(row["state"] == "open" and row["covered_by"] is None and not row["aside"])


def in_order(rows: Iterable[Row], seen_at: Mapping[int, dt.datetime] | None = None) -> Sequence[Row]:
    """Alerts in the order in which they are worked off, one patient's together.

    Rows have `id`, `patient_id`, `severity`, `danger`, `state`, `covered_by`, `aside` (it waits in the group of what a
    version brought), `opened_at`, `worsened_at`. Patients
    of whom nothing asks come after all others. `seen_at`: by patient, when their record was last looked through.
    """
    seen = seen_at or {}
    placed = [
        (row, asks(row), place_of(row["severity"], row["danger"], changed_at(row), seen.get(row["patient_id"])))
        for row in rows
    ]
    first: dict[int, tuple[bool, int]] = {}
    for row, awake, place in placed:
        first[row["patient_id"]] = max(first.get(row["patient_id"], (False, 0)), (awake, place))

    def key(one: tuple[Row, bool, int]) -> tuple[Any, ...]:
        row, awake, place = one
        lead, top = first[row["patient_id"]]
        # Among equals the patient whose record was made last: so the database reads an index backwards.
        return (-lead, -top, -row["patient_id"], -awake, -place, row["id"])

    return [row for row, _, _ in sorted(placed, key=key)]

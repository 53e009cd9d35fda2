"""The order in which alerts are worked off."""

import datetime as dt
from typing import Any

import pytest

from models.list_order import Danger, class_of, floor, in_order, place_of

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)


def hours(count: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=count)


def alert(number: int, patient: int, severity: str, opened: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "patient_id": patient, "severity": severity, "danger": 0, "state": "open", "covered_by": None,
        "aside": False,
        "opened_at": hours(opened), "worsened_at": None, "handled_at": None, "handled_on": None,
    } | more  # fmt: skip


def order(*rows: dict[str, Any], seen: dict[int, dt.datetime] | None = None) -> list[int]:
    return [row["id"] for row in in_order(rows, NOW.date(), seen)]


def test_danger_to_heart_breathing_and_swallowing_goes_before_everything_in_this_order() -> None:
    found = order(
        alert(1, 1, "urgent", opened=9),
        alert(2, 2, "urgent", danger=Danger.SWALLOWING, opened=8),
        alert(3, 3, "urgent", danger=Danger.HEART),
        alert(4, 4, "urgent", danger=Danger.BREATHING, opened=7),
    )
    assert found == [3, 4, 2, 1]


def test_after_danger_come_today_this_week_and_the_next_visit() -> None:
    assert order(alert(1, 1, "watch", 9), alert(2, 2, "action", 5), alert(3, 3, "urgent", 1)) == [3, 2, 1]


def test_what_is_urgent_and_new_or_worse_since_the_patient_was_last_looked_at_goes_first() -> None:
    rows = (alert(1, 1, "urgent", 5), alert(2, 2, "urgent", 1), alert(3, 3, "urgent", 1, worsened_at=hours(9)))
    assert order(*rows) == [3, 1, 2]
    assert order(*rows, seen={1: hours(6), 3: hours(8)}) == [3, 2, 1]


def test_of_the_same_kind_the_newest_change_goes_first() -> None:
    rows = (alert(1, 1, "action", 1), alert(2, 2, "action", 3), alert(3, 3, "action", 0, worsened_at=hours(4)))
    assert order(*rows) == [3, 2, 1]


def test_the_alerts_of_a_patient_stand_together_at_the_place_of_the_first() -> None:
    rows = (alert(1, 1, "watch", 5), alert(2, 2, "action"), alert(3, 1, "urgent"), alert(4, 2, "watch"))
    assert order(*rows) == [3, 1, 2, 4]


@pytest.mark.parametrize("change", [{"state": "acknowledged"}, {"state": "snoozed"}, {"covered_by": "a-rule"}])
def test_what_asks_for_nothing_now_does_not_lift_its_patient(change: dict[str, Any]) -> None:
    assert order(alert(1, 1, "urgent", **change), alert(2, 2, "watch"), alert(3, 1, "watch", -1)) == [2, 3, 1]
    assert order(alert(1, 1, "urgent", **change), alert(2, 2, "watch")) == [2, 1]


def test_a_place_tells_its_class_and_orders_as_the_list_does() -> None:
    places = [
        place_of("watch", 0, hours(9)),
        place_of("action", 0, hours(5)),
        place_of("urgent", 0, hours(3), hours(4)),
        place_of("urgent", 0, hours(2)),
        place_of("urgent", Danger.SWALLOWING, hours(1)),
    ]
    assert places == sorted(places)
    assert [class_of(place) for place in places] == [3, 4, 5, 6, 7]
    assert floor(4) <= places[1] < floor(5)

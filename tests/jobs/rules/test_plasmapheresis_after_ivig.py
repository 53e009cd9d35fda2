"""Plasma exchange that removes immunoglobulin just given."""

from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules.plasmapheresis_after_ivig import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames


def ivig(start: int, **more: Any) -> dict[str, Any]:
    return {"drug": "ivig", "dose": 1, "unit": "g/kg", "frequency": "once", "route": "iv", "start": start, **more}


def exchange(day: int, **more: Any) -> dict[str, Any]:
    return {"event": "plasmapheresis", "day": day, **more}


def state(medications: list[dict[str, Any]], events: list[dict[str, Any]]) -> str | None:
    rows = on_frames(RULE, frames(medications=medications, events=events), AS_OF, Parameters()).to_dict("records")
    assert len(rows) <= 1
    return rows[0]["state"] if rows else None


@pytest.mark.parametrize(
    ("medications", "events", "expected"),
    [
        ([ivig(-21)], [exchange(0)], MET),
        ([ivig(-22)], [exchange(0)], NOT_MET),
        ([ivig(-1)], [exchange(0)], MET),
        ([ivig(0)], [exchange(0)], CANNOT_TELL),
        ([ivig(0)], [exchange(-1)], NOT_MET),
        ([ivig(-30, end=-20)], [exchange(0)], MET),  # five days of one course: the last one counts
        ([ivig(-70, frequency="every-4-weeks")], [exchange(0)], MET),  # doses on day -70, -42 and -14
        ([ivig(-80, frequency="every-4-weeks")], [exchange(-3)], MET),  # on -24: 21 days before
        ([ivig(-82, frequency="every-4-weeks")], [exchange(-4)], NOT_MET),  # on -26: 22 days before
        ([ivig(-2)], [exchange(-5, end=0)], MET),  # a series of exchanges around the dose
        ([ivig(-10)], [exchange(0, present="no")], None),
        ([ivig(-40)], [exchange(-29)], None),  # no longer of use to anybody
        ([], [exchange(0)], NOT_MET),
        ([{**ivig(-3), "drug": "rituximab"}], [exchange(0)], NOT_MET),
        ([ivig(-3)], [], None),
    ],
)
def test_an_exchange_within_three_weeks_after_a_dose(
    medications: list[dict[str, Any]], events: list[dict[str, Any]], expected: str | None
) -> None:
    assert state(medications, events) == expected


def test_it_is_active_and_its_number_of_days_is_marked_as_from_memory() -> None:
    marks = {field.name: field.metadata["mark"] for field in RULE.parameter_fields()}
    assert (RULE.status, marks["caution_days"]) == ("active", "memory")

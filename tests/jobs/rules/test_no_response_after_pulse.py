"""Whether a steroid pulse helped."""

from typing import Any

import pandas as pd
import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET
from jobs.rules.no_response_after_pulse import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames


def pulse(last: int) -> dict[str, Any]:
    return {
        "drug": "methylprednisolone", "dose": 1000, "route": "iv", "start": last - 2, "end": last, "intent": "pulse",
    }  # fmt: skip


def mmt8(value: float, day: int) -> dict[str, Any]:
    return {"measure": "mmt8", "value": value, "day": day}


def ck(value: float, day: int) -> dict[str, Any]:
    return {"measure": "ck", "value": value, "upper_limit": 200, "day": day}


def assess(*observations: dict[str, Any], last: int = -35, **facts: Any) -> dict[str, Any] | None:
    panel = frames(observations=observations, medications=[pulse(last)], **facts)
    rows = on_frames(RULE, panel, AS_OF, Parameters()).to_dict("records")
    assert len(rows) <= 1
    return rows[0] if rows else None


def state(*observations: dict[str, Any], **facts: Any) -> str | None:
    row = assess(*observations, **facts)
    return row["state"] if row else None


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([mmt8(60, -40), mmt8(61, -2)], MET),
        ([mmt8(60, -40), mmt8(65, -2)], MET),
        ([mmt8(60, -40), mmt8(66, -2)], NOT_MET),
        ([mmt8(60, -40), mmt8(60, -2), ck(1000, -40), ck(670, -2)], NOT_MET),
        ([mmt8(60, -40), mmt8(60, -2), ck(1000, -40), ck(680, -2)], MET),
        (
            [mmt8(60, -40), mmt8(60, -2), ck(290, -40), ck(150, -2)],
            NOT_MET,
        ),  # CK went down by half, though never raised
        ([mmt8(60, -40), mmt8(53, -2), ck(1000, -40), ck(400, -2)], MET),  # weaker: a better CK does not make up for it
        ([mmt8(78, -40), mmt8(79, -2)], NOT_MET),  # nothing to gain
        ([mmt8(78, -40), mmt8(79, -2), ck(1000, -40), ck(1000, -2)], MET),
        ([mmt8(60, -40)], CANNOT_TELL),
        ([mmt8(60, -40), mmt8(70, -20)], CANNOT_TELL),  # within the first four weeks
        ([mmt8(60, -2)], CANNOT_TELL),  # nothing before
        ([mmt8(60, -200), mmt8(60, -2)], CANNOT_TELL),  # too long before
        ([ck(1000, -40), ck(1000, -2)], CANNOT_TELL),  # CK alone does not say that it failed
        ([ck(1000, -40), ck(500, -2)], NOT_MET),  # but it says that it helped
    ],
)
def test_a_response_is_a_step_of_strength_or_a_third_of_ck(observations: list[dict[str, Any]], expected: str) -> None:
    assert state(*observations) == expected


@pytest.mark.parametrize(("last", "expected"), [(-27, NOT_MET), (-28, MET), (-182, MET), (-183, None)])
def test_it_is_judged_from_day_28_and_asked_about_for_half_a_year(last: int, expected: str | None) -> None:
    assert state(mmt8(60, last - 5), mmt8(60, 0), last=last) == expected


def test_before_day_28_it_names_the_day_on_which_it_will_be_judged() -> None:
    row = assess(mmt8(60, -30), last=-10)
    assert row is not None
    assert row["recheck_on"] == pd.Timestamp(AS_OF) + pd.Timedelta(days=18)


def test_different_instruments_are_never_compared() -> None:
    assert state(mmt8(60, -40), {"measure": "mmt8_bilateral", "value": 120, "day": -2}) == CANNOT_TELL


def test_inclusion_body_myositis_is_left_out_and_checkpoint_myositis_is_urgent() -> None:
    facts = mmt8(60, -40), mmt8(60, -2)
    assert assess(*facts, patients=[{"mrn": "1", "diagnosis": "IBM"}]) is None
    row = assess(*facts, patients=[{"mrn": "1", "diagnosis": "ICI_MYOSITIS"}])
    assert row is not None
    assert row["severity"] == "urgent"


def test_the_evidence_is_the_pulse_and_the_results_before_and_after_it() -> None:
    row = assess(mmt8(60, -40), mmt8(58, -20), mmt8(60, -2), ck(1000, -40), ck(990, -2))
    assert row is not None
    assert set(row["evidence"]) == {"m1", "o1", "o3", "o4", "o5"}
    assert "MMT8 60 -> 60" in RULE.explain(row, Parameters())

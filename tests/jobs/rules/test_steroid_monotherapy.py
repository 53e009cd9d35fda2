"""When steroids are given without an agent that would let them come down."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET
from jobs.rules.steroid_monotherapy import RULE, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

P = Parameters()


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def agent(drug: str, start: int, end: int | None = None, frequency: str = "daily", **more: Any) -> dict[str, Any]:
    return {"drug": drug, "dose": 1, "start": start, "end": end, "frequency": frequency, **more}


def assess(*medications: dict[str, Any], **facts: Any) -> dict[str, Any]:
    rows = on_frames(RULE, frames(medications=medications, **facts), AS_OF, P).to_dict("records")
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    ("medications", "state", "since", "finding"),
    [
        ([pred(40, 0)], MET, 0, "from the start"),  # vector 15, day 1
        ([pred(40, -14)], MET, -14, "alone"),  # vector 15, day 15
        ([pred(15, -14)], MET, 0, "alone"),
        ([pred(15, -13)], NOT_MET, None, None),
        ([pred(14.9, -300)], NOT_MET, None, None),
        ([pred(40, -14), agent("methotrexate", 0, frequency="weekly")], NOT_MET, None, None),
        ([pred(40, -14), agent("hydroxychloroquine", -14)], MET, -14, "alone"),
        ([pred(40, -14), agent("folic acid", -14)], MET, -14, "alone"),
        ([pred(20, -100), agent("methotrexate", -100, -21, "weekly")], MET, 0, "alone"),  # grace: 6 + 14 days
        ([pred(20, -100), agent("methotrexate", -100, -20, "weekly")], NOT_MET, None, None),
        ([pred(20, -400), agent("rituximab", -274 - 14, frequency="once")], NOT_MET, None, None),
        ([pred(20, -400), agent("rituximab", -274 - 15, frequency="once")], MET, 0, "alone"),
        ([pred(20, -400), agent("ivig", -60, frequency="once")], NOT_MET, None, None),
        ([pred(20, -400), agent("azathioprine", -200, status="stopped")], MET, -185, "alone"),
    ],
)
def test_who_takes_steroids_alone(
    medications: list[dict[str, Any]], state: str, since: int | None, finding: str | None
) -> None:
    row = assess(*medications)
    assert (row["state"], row["finding"]) == (state, finding)
    assert row["severity"] == (ACTION if state == MET else None)
    assert (None if pd.isna(row["since"]) else (row["since"].date() - AS_OF).days) == since


def test_inclusion_body_myositis_is_left_out() -> None:
    assert assess(pred(40, -30), patients=[{"mrn": "1", "diagnosis": "IBM"}])["state"] == NOT_MET


def test_a_child_is_judged_per_kilogram() -> None:
    weight = [{"measure": "weight", "value": 20, "day": -50}]
    child = [{"mrn": "1", "age_years": 6}]
    assert assess(pred(5, -14), patients=child, observations=weight)["state"] == MET
    assert assess(pred(4.9, -14), patients=child, observations=weight)["state"] == NOT_MET
    assert assess(pred(5, -14), patients=child)["state"] == NOT_MET  # no weight: the adult limit


def test_an_unknown_dose_without_an_agent_cannot_be_told() -> None:
    row = assess(pred(1, -30, unit="mg/kg"))
    assert row["state"] == CANNOT_TELL
    assert "weight" in row["cannot_tell_because"]


def test_it_is_looked_at_again_on_the_day_the_limit_is_passed_or_the_agent_ends() -> None:
    assert assess(pred(20, -9))["recheck_on"].date() == AS_OF + dt.timedelta(days=5)
    covered = assess(pred(20, -90), agent("azathioprine", -90, 10))
    assert covered["recheck_on"].date() == AS_OF + dt.timedelta(days=10 + 14 + 1)


def test_a_childs_limit_holds_until_the_day_before_the_eighteenth_birthday() -> None:
    weight = [{"measure": "weight", "value": 40, "day": -50}]
    last_day_of_childhood = [{"mrn": "1", "birth_date": str(AS_OF.replace(year=AS_OF.year - 18, day=AS_OF.day + 1))}]
    assert assess(pred(12, -300), patients=last_day_of_childhood, observations=weight)["state"] == MET
    of_age = [{"mrn": "1", "birth_date": str(AS_OF.replace(year=AS_OF.year - 18))}]
    assert assess(pred(12, -300), patients=of_age, observations=weight)["state"] == NOT_MET
    assert 18 in RULE.ages(P)


def test_the_explanation_names_the_dose_and_the_last_agent() -> None:
    text = RULE.explain(assess(pred(20, -100), agent("methotrexate", -100, -21, "weekly")), P)
    assert "20 mg/day" in text
    assert "acted until 7 Nov 2026" in text

"""When the steroid was cut faster than the disease allows."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT
from jobs.rules.taper_too_fast import IN_FLARE, RULE, STOP, Parameters
from tests.frame_answers import assessments, on_frames
from tests.frames_builder import AS_OF, frames

ADULT = [{"mrn": "1", "age_years": 45}]


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def strength(state: str | None, since: int = -3) -> dict[str, pd.DataFrame]:
    if state is None:
        return {}
    return {
        "declining-strength": assessments(
            patient_id=[1],
            subject="cmas",
            state=state,
            since=AS_OF + dt.timedelta(days=since) if state == MET else None,
            evidence=[("o1", "o2")],
        )
    }


def assess(
    *medications: dict[str, Any],
    flare: str | None = MET,
    subject: str = IN_FLARE,
    parameters: Parameters | None = None,
    **facts: Any,
) -> dict[str, Any]:
    facts.setdefault("patients", ADULT)
    panel = frames(medications=medications, assessments=strength(flare), **facts)
    rows = on_frames(RULE, panel, AS_OF, parameters or Parameters()).to_dict("records")
    rows = [row for row in rows if row["subject"] == subject]
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(("to", "state"), [(17.5, NOT_MET), (17.47, NOT_MET), (17.4, MET)])
def test_of_a_step_per_kilogram_a_child_is_allowed_what_tablets_can_do(to: float, state: str) -> None:
    """20.3 kg, 20 mg: one step of the template leads to 17.97 mg, and 17.5 mg is what can be taken."""
    child = {"mrn": "1", "diagnosis": "JDM", "age_years": 5}
    weighed = [{"measure": "weight", "value": 20.3, "day": -10}]
    row = assess(pred(20, -60, -5), pred(to, -4), patients=[child], observations=weighed)
    assert row["state"] == state


@pytest.mark.parametrize(
    ("medications", "state"),
    [
        ([pred(60, -60, -8), pred(40, -7)], MET),
        ([pred(60, -60, -8), pred(50, -7)], NOT_MET),  # one step
        ([pred(60, -60, -8), pred(49.9, -7)], MET),
        ([pred(60, -60, -15), pred(50, -14, -1), pred(40, 0)], NOT_MET),  # two steps, two weeks apart
        ([pred(60, -60, -11), pred(50, -10, -1), pred(40, 0)], MET),  # two steps in ten days
        ([pred(60, -60, -8), pred(30, -7, -2), pred(55, -1)], NOT_MET),  # taken back
        ([pred(60, -90, -29), pred(40, -28)], NOT_MET),  # four weeks ago
        ([pred(60, -90, -28), pred(40, -27)], MET),
        ([pred(30, -60), pred(1000, -9, -7, intent="pulse")], NOT_MET),  # the end of a pulse
        ([pred(30, -60, -7), pred(40, -6, -5), pred(30, -4)], NOT_MET),  # two days are not held
        ([pred(12.5, -60, -8)], MET),  # stopped at once
        ([pred(1, -60, -8)], NOT_MET),  # the last step of the taper
        ([pred(10, -60)], NOT_MET),
    ],
)
def test_more_than_one_step_in_two_weeks_is_too_fast_in_a_flare(medications: list[dict[str, Any]], state: str) -> None:
    row = assess(*medications)
    assert row["state"] == state
    assert row["severity"] == (ACTION if state == MET else None)


FAST = (pred(60, -60, -8), pred(30, -7))


@pytest.mark.parametrize(
    ("flare", "state"), [(MET, MET), (NOT_MET, NOT_MET), (CANNOT_TELL, CANNOT_TELL), (None, CANNOT_TELL)]
)
def test_a_fast_cut_counts_while_strength_declines(flare: str | None, state: str) -> None:
    assert assess(*FAST, flare=flare)["state"] == state


def test_it_holds_since_the_later_of_cut_and_decline_and_is_forgotten_after_four_weeks() -> None:
    row = assess(*FAST)
    assert row["since"].date() == AS_OF - dt.timedelta(days=3)
    assert row["recheck_on"].date() == AS_OF + dt.timedelta(days=21)
    assert row["evidence"] == ("m1", "m2", "o1", "o2")


def test_a_child_is_measured_by_steps_per_kilogram() -> None:
    child = {
        "patients": [{"mrn": "1", "age_years": 7}],
        "observations": [{"measure": "weight", "value": 20, "day": -60}],
    }
    assert assess(pred(40, -60, -8), pred(35, -7), **child)["state"] == NOT_MET  # 2 to 1.75 mg/kg
    assert assess(pred(40, -60, -8), pred(30, -7), **child)["state"] == MET


@pytest.mark.parametrize(("to", "state"), [(2, NOT_MET), (1, MET)])
def test_a_cut_by_one_small_tablet_is_never_too_fast_however_small_the_child(to: float, state: str) -> None:
    child = {
        "patients": [{"mrn": "1", "age_years": 8, "diagnosis": "JDM"}],
        "observations": [{"measure": "weight", "value": 20, "day": -60}],
    }
    assert assess(pred(3, -60, -8), pred(to, -7), **child)["state"] == state


def test_an_unknown_dose_beside_the_cut_cannot_be_told() -> None:
    row = assess(*FAST, pred(0.5, -7, unit="mg/kg"))
    assert row["state"] == CANNOT_TELL


def test_full_stops_are_not_judged_where_switched_off() -> None:
    panel = frames(medications=[pred(20, -60, -3)], patients=ADULT)
    assert set(on_frames(RULE, panel, AS_OF, Parameters(judge_stops="off"))["subject"]) == {IN_FLARE}


def test_whether_a_steroid_was_stopped_cannot_be_told_while_an_older_statement_has_no_end() -> None:
    row = assess(pred(20, -60), pred(40, -12, -6), subject=STOP)
    assert row["state"] == CANNOT_TELL
    assert "which has no end" in row["cannot_tell_because"]


def test_a_dose_changed_without_an_end_of_the_older_one_is_neither_a_stop_nor_a_rise() -> None:
    row = assess(pred(60, -40), pred(50, -7), subject=STOP)
    assert (row["state"], row["dose"]) == (NOT_MET, 50)
    assert assess(pred(60, -40), pred(50, -7))["state"] == NOT_MET


@pytest.mark.parametrize(
    ("medications", "state"),
    [
        ([pred(20, -40, -3)], MET),
        ([pred(20, -23, -3)], MET),  # 21 days
        ([pred(20, -22, -3)], NOT_MET),
        ([pred(7.5, -400, -3)], NOT_MET),
        ([pred(20, -60, -15), pred(5, -14, -3)], NOT_MET),  # came down first
        ([pred(20, -60, -31)], NOT_MET),  # long ago
        ([pred(20, -60)], NOT_MET),
    ],
)
def test_a_full_stop_after_a_long_course_is_urgent(medications: list[dict[str, Any]], state: str) -> None:
    row = assess(*medications, subject=STOP)
    assert row["state"] == state
    assert row["severity"] == (URGENT if state == MET else None)


def test_the_explanations_name_the_doses() -> None:
    assert "from 60 to 30 mg/day within 14 days, on 15 Nov 2026; one step would have been to 50 mg" in RULE.explain(
        assess(*FAST), Parameters()
    )
    assert "38 days above 7.5 mg/day" in RULE.explain(assess(pred(20, -40, -3), subject=STOP), Parameters())


@pytest.mark.parametrize(
    ("dose", "kilograms", "state"),
    [(6.5, 13, MET), (1.4, 13, MET), (1.3, 13, NOT_MET), (7.6, 90, MET), (7.5, 90, NOT_MET)],
)
def test_a_small_childs_full_stop_is_judged_by_the_kilogram(dose: float, kilograms: float, state: str) -> None:
    child = [{"mrn": "1", "age_years": 4, "diagnosis": "JDM"}]
    weight = [{"measure": "weight", "value": kilograms, "unit": "kg", "day": -60}]
    taken = [pred(dose, -60, -3)]
    rows = on_frames(RULE, frames(patients=child, observations=weight, medications=taken), AS_OF, Parameters())
    assert rows[rows["subject"] == STOP]["state"].item() == state

"""Transition from paediatric to adult care: planned, handed over, and asked of nobody else."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.rule import CANNOT_TELL, MET, NOT_MET, WATCH, Answer
from jobs.rules.transition_to_adult_care import HANDOVER, PLAN, RULE
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames


def answer(age: int | None, *events: str, diagnosis: str = "JDM", **more: Any) -> Answer | None:
    patient: dict[str, Any] = {"mrn": "1", "diagnosis": diagnosis, **more}
    if age is not None:
        patient["age_years"] = age
    rows: list[Mapping[str, Any]] = [{"event": event, "day": -30} for event in events]
    drugs = [{"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300}]
    built = frames(patients=[patient], events=rows, medications=drugs)
    return next(iter(RULE.assess(patients_of(built)[1], day_number(AS_OF), RULE.defaults())), None)


@pytest.mark.parametrize(
    ("age", "events", "state"),
    [
        (13, (), None),
        (14, (), CANNOT_TELL),
        (16, (), CANNOT_TELL),
        (16, (PLAN,), NOT_MET),
        (17, (PLAN,), MET),
        (17, (PLAN, HANDOVER), NOT_MET),
        (20, (), MET),
        (21, (), None),
        (None, (), None),
    ],
)
def test_a_plan_is_wanted_from_fourteen_and_a_handover_from_seventeen_on(
    age: int | None, events: tuple[str, ...], state: str | None
) -> None:
    found = answer(age, *events)
    assert (found.state if found else None) == state
    if found is not None:
        assert found.severity == (WATCH if state == MET else None)


def test_adult_disease_is_not_asked() -> None:
    assert answer(17, diagnosis="DM") is None


def test_the_answer_lists_what_there_is_to_hand_over() -> None:
    found = answer(18, "calcinosis", autoantibodies="NXP2")
    assert found is not None
    said = RULE.explain(found.cells(), RULE.defaults())
    for part in ("antibodies (NXP2)", "drugs (methotrexate)", "damage (calcinosis)", "contraception under a drug"):
        assert part in said

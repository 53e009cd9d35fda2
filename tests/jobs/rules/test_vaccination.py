"""Vaccination and treatment: live vaccines under immunosuppression, and the pause of methotrexate."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, MET, NOT_MET, WATCH, Answer
from jobs.rules.vaccination import LIVE, PAUSE, RULE
from tests.suggestion_cases import ADULT, JUVENILE, METHOTREXATE, PREDNISONE, answered, ck, mmt8

Row = Mapping[str, Any]
IVIG = {"drug": "ivig", "dose": 70, "unit": "g", "frequency": "once", "route": "iv", "start": -20}


def answers(
    event: str, day: int, medications: Sequence[Row], *, patient: Row = ADULT, observations: Sequence[Row] = ()
) -> dict[str, Answer]:
    facts = answered(
        patient=patient,
        observations=observations,
        medications=medications,
        events=[{"event": event, "day": day}],
    )
    return {one.subject: one for one in facts.answers[RULE.key]}


@pytest.mark.parametrize("event", ["vaccination", "vaccines_updated"])
def test_a_vaccine_under_methotrexate_brings_the_pause_to_mind_for_two_weeks(event: str) -> None:
    for day, said in ((0, True), (-14, True), (-15, False)):
        found = answers(event, day, [METHOTREXATE]).get(PAUSE)
        assert (found is not None and (found.state, found.severity) == (MET, WATCH)) is said
    assert answers(event, -3, [PREDNISONE]) == {}


def test_no_pause_for_a_child_or_while_the_disease_is_active() -> None:
    assert answers("vaccination", -3, [METHOTREXATE], patient=JUVENILE) == {}
    active = answers("vaccination", -3, [METHOTREXATE], observations=[mmt8(50, -3), ck(20, -3)])[PAUSE]
    assert active.state == NOT_MET
    assert "no pause is thought of" in RULE.explain(active.cells(), RULE.defaults())


def test_a_live_vaccine_under_immunosuppression_is_for_this_week() -> None:
    found = answers("live_vaccination", -42, [METHOTREXATE, PREDNISONE])[LIVE]
    assert (found.state, found.severity) == (MET, ACTION)
    assert "methotrexate" in found.numbers["under"]
    assert "prednisone" in found.numbers["under"]
    assert answers("live_vaccination", -43, [METHOTREXATE]) == {}
    assert answers("live_vaccination", -3, [{**METHOTREXATE, "start": -2}])[LIVE].state == NOT_MET
    assert answers("live_vaccination", -3, [IVIG])[LIVE].state == NOT_MET

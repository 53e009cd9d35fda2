"""Worse without a strength score: published definitions, single measures, and a flare that waits for a call back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, Answer
from jobs.rules.worsening import RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]


def visit(day: int, **values: float) -> list[Row]:
    return [{"measure": measure, "value": value, "day": day} for measure, value in values.items()]


def answered(observations: Sequence[Row] = (), events: Sequence[Row] = ()) -> Answer | None:
    built = frames(patients=[{"mrn": "1", "age_years": 40}], observations=observations, events=events)
    assert RULE.assess is not None
    return next(iter(RULE.assess(patients_of(built)[1], TODAY, P)), None)


FLARE = {"event": "flare_reported", "day": -3}


@pytest.mark.parametrize(
    ("observations", "events", "state"),
    [
        ([], [FLARE], MET),
        ([], [{**FLARE, "day": -14}], MET),
        ([], [{**FLARE, "day": -15}], None),
        ([], [{**FLARE, "present": "no"}], None),
        (visit(-3, physician_global=1), [FLARE], NOT_MET),
        (visit(-4, physician_global=1), [FLARE], MET),
        ([{"measure": "ck", "value": 900, "upper_limit": 200, "day": -1}], [FLARE], MET),
    ],
)
def test_a_reported_flare_asks_for_a_call_back_until_somebody_sees_the_patient(
    observations: Sequence[Row], events: Sequence[Row], state: str | None
) -> None:
    found = answered(observations, events)
    assert (found.state if found else None) == state
    if found is not None and state == MET:
        assert (found.severity, found.numbers["call_back"]) == (ACTION, True)
        assert "call back this week" in RULE.suggested_action(found.cells(), P)
        assert found.recheck_on is not None
        assert found.recheck_on > TODAY


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        ({"physician_global": 2}, {"physician_global": 4}, MET),
        ({"physician_global": 2}, {"physician_global": 3.9}, NOT_MET),
        ({"fvc_percent": 85}, {"fvc_percent": 75}, MET),
        ({"fvc_percent": 85}, {"fvc_percent": 75.1}, NOT_MET),
        ({"extramuscular_global": 1}, {"extramuscular_global": 3}, MET),
        ({"patient_global": 2}, {"patient_global": 9}, NOT_MET),
        (
            {"physician_global": 3, "patient_global": 3, "haq": 1},
            {"physician_global": 3.9, "patient_global": 3.9, "haq": 1.3},
            MET,
        ),
        (
            {"physician_global": 3, "patient_global": 3, "haq": 1},
            {"physician_global": 3.9, "patient_global": 3.9, "haq": 1.25},
            NOT_MET,
        ),
        ({"patient_global": 3, "haq": 1, "mmt8": 70}, {"patient_global": 4, "haq": 1.4, "mmt8": 49}, MET),
        ({"patient_global": 3, "haq": 1, "mmt8": 70}, {"patient_global": 4, "haq": 1.4, "cmas": 20}, NOT_MET),
    ],
)
def test_a_visit_is_compared_with_the_visit_before(before: dict[str, float], now: dict[str, float], state: str) -> None:
    found = answered([*visit(-60, **before), *visit(0, **now)])
    assert found is not None
    assert found.state == state


def test_the_reference_is_the_mean_of_up_to_three_own_visits_of_the_year_before() -> None:
    own = [*visit(-150, physician_global=6), *visit(-100, physician_global=2), *visit(-50, physician_global=1)]
    assert answered([*own, *visit(0, physician_global=5)]).state == MET  # type: ignore[union-attr]
    assert answered([*own, *visit(0, physician_global=4.9)]).state == NOT_MET  # type: ignore[union-attr]
    older = visit(-170, physician_global=0)
    assert answered([*older, *own, *visit(0, physician_global=4.9)]).state == NOT_MET  # type: ignore[union-attr]


def test_a_later_visit_without_it_ends_it_and_silence_does_not() -> None:
    worse = [*visit(-250, physician_global=1), *visit(-190, physician_global=6)]
    assert answered([*worse, *visit(-10, physician_global=1)]).state == NOT_MET  # type: ignore[union-attr]
    silent = answered(worse)
    assert silent is not None
    assert (silent.state, silent.cause) == (CANNOT_TELL, "stale")


def test_the_sentence_says_against_what_it_is_worse() -> None:
    found = answered([*visit(-60, physician_global=2), *visit(-30, physician_global=1), *visit(0, physician_global=5)])
    assert found is not None
    assert RULE.explain(found.cells(), P) == (
        "Worse: physician global 1.5, the mean of the 2 before -> 5 of 10 on 22 Nov 2026."
    )

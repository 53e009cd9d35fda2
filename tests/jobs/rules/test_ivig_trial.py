"""Immunoglobulin as a trial: begun with a baseline, judged on its day, made less, and stopped for a clot."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.assessing import ask
from jobs.rule import ACTION, MET, NOT_MET, URGENT, WATCH, Answer, all_rules
from jobs.rules.ivig_trial import CLOT, RESPONSE, RULE, Parameters
from jobs.thresholds import Thresholds
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames
from tests.jobs.rules.sentences.histories import patient

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]


def every_four_weeks(start: int, end: int | None = None, dose: float = 2, unit: str = "g/kg") -> dict[str, Any]:
    return {
        "drug": "ivig", "dose": dose, "unit": unit, "frequency": "every-4-weeks", "route": "iv", "start": start,
        "end": end,
    }  # fmt: skip


def once(*days: int, dose: float = 140, unit: str = "g") -> list[Row]:
    row = {"drug": "ivig", "dose": dose, "unit": unit, "frequency": "once", "route": "iv"}
    return [{**row, "start": day} for day in days]


def mmt8(value: float, day: int) -> Row:
    return {"measure": "mmt8", "value": value, "day": day}


def answers(
    medications: Sequence[Row],
    observations: Sequence[Row] = (),
    events: Sequence[Row] = (),
    patient: Mapping[str, Any] | None = None,
) -> dict[str, Answer]:
    built = frames(
        patients=[{"mrn": "1", "age_years": 40, **(patient or {})}],
        observations=observations,
        medications=medications,
        events=events,
    )
    return {one.subject: one for one in RULE.assess(patients_of(built)[1], TODAY, P)}


def step(*medications: Row, observations: Sequence[Row] = ()) -> tuple[str, str, str | None]:
    found = answers(medications, observations)[RESPONSE]
    assert found.recheck_on is None or found.recheck_on > TODAY
    return found.numbers["step"], found.state, found.severity


def test_a_baseline_is_asked_for_until_the_second_course() -> None:
    assert step(every_four_weeks(-7)) == ("no baseline", MET, WATCH)
    assert step(every_four_weeks(-28)) == ("no baseline", MET, WATCH)
    assert step(every_four_weeks(-29))[1] == NOT_MET
    for day, state in ((-97, NOT_MET), (-98, MET), (-5, NOT_MET), (-4, MET)):
        assert step(every_four_weeks(-7), observations=[mmt8(60, day)])[1] == state, day


@pytest.mark.parametrize(
    ("start", "after", "expected"),
    [
        (-111, mmt8(60, -5), ("on its way", NOT_MET, None)),
        (-112, mmt8(60, -5), ("no response", MET, ACTION)),
        (-112, mmt8(66, -5), ("response", NOT_MET, None)),
        (-112, mmt8(66, -28), ("response", NOT_MET, None)),
        (-112, mmt8(66, -29), ("not looked at", MET, WATCH)),
        (-195, mmt8(66, -5), ("response", NOT_MET, None)),
        (-196, mmt8(66, -5), ("could become less", MET, WATCH)),
        (-196, mmt8(50, -5), ("no response", MET, ACTION)),
    ],
)
def test_the_response_is_judged_after_sixteen_weeks_and_less_is_thought_of_after_twenty_eight(
    start: int, after: Row, expected: tuple[str, str, str | None]
) -> None:
    assert step(every_four_weeks(start), observations=[mmt8(60, start - 3), after]) == expected


def test_the_total_improvement_score_decides_where_it_can() -> None:
    def core(day: int, score: float, globe: float, haq: float, ck: float) -> list[Row]:
        values = {"mmt8": score, "physician_global": globe, "patient_global": globe, "extramuscular_global": globe}
        rows = [{"measure": key, "value": value, "day": day} for key, value in values.items()]
        rows.append({"measure": "haq", "value": haq, "day": day})
        return [*rows, {"measure": "ck", "value": ck, "upper_limit": 200, "day": day}]

    before = core(-115, 76, 6, 1.5, 3000)
    better = answers([every_four_weeks(-112)], [*before, *core(-5, 78, 2, 0.5, 1000)])[RESPONSE]
    assert (better.state, better.numbers["step"]) == (NOT_MET, "response")
    assert "total improvement score" in better.numbers["said"]
    same = answers([every_four_weeks(-112)], [*before, *core(-5, 77, 6, 1.5, 3000)])[RESPONSE]
    assert (same.state, same.severity) == (MET, ACTION)


def test_courses_are_counted_however_they_were_written() -> None:
    for medications in (
        [every_four_weeks(-112)],
        once(-112, -84, -56, -28, 0),
        once(-112, -111, -84, -83, -56, -55, -28, -27, -1, 0),
    ):
        assert answers(medications)[RESPONSE].numbers["courses"] == 5
    assert answers([every_four_weeks(-112, end=-30)])[RESPONSE].numbers["courses"] == 3
    assert answers(once(-57)) == {}


def test_a_single_course_is_not_judged_and_one_that_is_over_is_forgotten() -> None:
    assert step(*once(-20), observations=[mmt8(60, -25)])[1] == NOT_MET
    assert answers(once(-200)) == {}
    assert answers([{**every_four_weeks(-112), "drug": "scig", "route": "sc"}]) == {}


@pytest.mark.parametrize(
    "later",
    [
        [every_four_weeks(-28, dose=1)],
        once(-56, -7, dose=140),
    ],
)
def test_a_lower_dose_or_wider_gaps_are_already_less(later: list[Row]) -> None:
    first = every_four_weeks(-240, end=-57) if len(later) == 1 else None
    medications = [first, *later] if first else [*once(-240, -212, -184, -156, -128, -100), *later]
    found = answers(medications, [mmt8(60, -241), mmt8(76, -5)])[RESPONSE]
    assert (found.numbers["step"], found.state) == ("response", NOT_MET)


def test_a_clot_soon_after_an_infusion_is_for_today() -> None:
    clot = {"event": "thrombosis", "day": -3}
    found = answers(once(-40), events=[clot])[CLOT]
    assert (found.state, found.severity, found.since) == (MET, URGENT, TODAY - 3)
    assert answers(once(-40), events=[{**clot, "day": -41}])[CLOT].state == NOT_MET
    assert answers(once(-40), events=[{**clot, "present": "no"}])[CLOT].state == NOT_MET
    assert CLOT not in answers(once(-40))


@pytest.mark.parametrize(
    ("patient", "observations", "events", "says"),
    [
        ({"age_years": 65}, [], [], "age 65"),
        ({"age_years": 64}, [], [], None),
        ({}, [], [{"event": "thrombosis", "day": -900}], "a clot on file"),
        (
            {},
            [{"measure": "creatinine", "value": 1.6, "upper_limit": 1.2, "day": -40}],
            [],
            "creatinine above its limit",
        ),
        ({}, [], [{"event": "diabetes", "day": -900}], "diabetes"),
    ],
)
def test_a_slower_rate_is_shown_where_clots_or_kidneys_are_a_concern(
    patient: Mapping[str, Any], observations: Sequence[Row], events: Sequence[Row], says: str | None
) -> None:
    found = answers([every_four_weeks(-60)], [*observations, mmt8(60, -61)], events, patient)[RESPONSE]
    said = RULE.explain(found.cells(), P)
    assert ("3.3 mg/kg/min, over five days: " in said) == (says is not None)
    assert says is None or says in said


def said(*observations: Row) -> str:
    found = next(
        one
        for one in ask(
            patient(observations, (every_four_weeks(-130), {"drug": "methotrexate", "dose": 20, "frequency": "weekly",
                                                            "start": -400}), (), {}),
            Thresholds({one.key: one.defaults() for one in all_rules()}, {}, {}),
            {RULE.key},
        ).answers[RULE.key]
        if one.subject == RESPONSE
    )  # fmt: skip
    return RULE.explain(found.cells(), P)


@pytest.mark.parametrize(
    ("observations", "missing"),
    [
        ((), "and cannot be: no strength score from the 90 days before it, and none since 7 Oct 2026."),
        ((mmt8(78, -5),), "and cannot be: no strength score from the 90 days before it."),
        ((mmt8(78, -140),), "and cannot be: no strength score since 7 Oct 2026."),
        (
            (mmt8(78, -140), {"measure": "cmas", "value": 50, "day": -5}),
            "and cannot be: no instrument of strength was used both before it and since 7 Oct 2026.",
        ),
        ((mmt8(78, -140), mmt8(78, -5)), "strength before it was too near its maximum to become better by a step"),
    ],
)
def test_what_is_missing_to_judge_it_is_named(observations: Sequence[Row], missing: str) -> None:
    assert missing in said(*observations)


def test_where_active_disease_is_known_not_to_respond_the_trial_does_not_say_that_nobody_can_tell() -> None:
    ck = {"measure": "ck", "value": 4000, "upper_limit": 200}
    told = said(mmt8(50, -100), {**ck, "day": -100}, mmt8(51, -4), {**ck, "day": -4})
    assert "cannot be" not in told
    assert "no strength score from the 90 days before it; by the values that active disease is judged by" in told
    assert "no response (MMT8 50 -> 51" in told

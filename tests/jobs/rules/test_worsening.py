"""Worse without a strength score: published definitions, single measures, and a flare that waits for a call back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, POSSIBLE, WATCH, Answer
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
        ([], [{**FLARE, "day": -15}], CANNOT_TELL),
        ([], [{**FLARE, "day": -182}], CANNOT_TELL),
        ([], [{**FLARE, "day": -183}], None),
        ([], [{**FLARE, "present": "no"}], NOT_MET),
        ([], [FLARE, {**FLARE, "day": -1, "present": "no"}], NOT_MET),
        (visit(-1, patient_global=4, haq=1), [FLARE], MET),
        (visit(-1, mmt8=70), [FLARE], NOT_MET),
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


def test_a_vital_capacity_that_was_lower_and_not_measured_again_is_not_over() -> None:
    fell = [*visit(-283, fvc_percent=85), *visit(-183, fvc_percent=75)]
    found = answered(fell)
    assert found is not None
    assert found.state == CANNOT_TELL
    assert RULE.explain(found.cells(), P).endswith("FVC 85 on 12 Feb 2026 -> 75 % on 23 May 2026, and nothing newer.")
    assert RULE.suggested_action(found.cells(), P).startswith("measure again")
    again = answered([*fell, *visit(-1, fvc_percent=84)])
    assert again is not None
    assert again.state == NOT_MET


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        ({"physician_global": 2}, {"physician_global": 4}, MET),
        ({"physician_global": 2}, {"physician_global": 3.9}, NOT_MET),
        ({"fvc_percent": 85}, {"fvc_percent": 75}, MET),
        ({"fvc_percent": 85}, {"fvc_percent": 75.1}, NOT_MET),
        ({"extramuscular_global": 1}, {"extramuscular_global": 3}, MET),
        ({"patient_global": 2}, {"patient_global": 5}, MET),
        ({"patient_global": 2}, {"patient_global": 4.9}, NOT_MET),
        ({"haq": 1}, {"haq": 1.5}, MET),
        ({"haq": 1}, {"haq": 1.4}, NOT_MET),
        ({"chaq": 1}, {"haq": 2}, NOT_MET),
        ({"weight": 60}, {"weight": 57}, MET),
        ({"weight": 60}, {"weight": 57.1}, NOT_MET),
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
    assert (found.state if found else NOT_MET) == state


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        ({"physician_global": 2}, {"physician_global": 4}, ACTION),
        ({"fvc_percent": 85}, {"fvc_percent": 75}, ACTION),
        ({"extramuscular_global": 1}, {"extramuscular_global": 3}, ACTION),
        ({"patient_global": 2}, {"patient_global": 9}, WATCH),
        ({"chaq": 0.5}, {"chaq": 1.5}, WATCH),
        ({"weight": 60}, {"weight": 50}, WATCH),
        ({"patient_global": 2, "physician_global": 2}, {"patient_global": 9, "physician_global": 6}, ACTION),
    ],
)
def test_what_patient_and_scales_say_alone_is_for_the_next_visit(
    before: dict[str, float], now: dict[str, float], severity: str
) -> None:
    found = answered([*visit(-60, **before), *visit(0, **now)])
    assert found is not None
    assert (found.severity, found.grade) == (severity, POSSIBLE if severity == WATCH else None)


@pytest.mark.parametrize("measure", ["physician_global", "patient_global", "haq", "chaq", "fvc_percent", "weight"])
def test_what_was_worse_stays_until_half_of_it_is_regained(measure: str) -> None:
    start, worse, half, short = {
        "physician_global": (2, 5, 3, 3.1),
        "patient_global": (2, 6, 3.5, 3.6),
        "haq": (0.5, 1.5, 0.75, 0.875),
        "chaq": (0.5, 1.5, 0.75, 0.875),
        "fvc_percent": (90, 70, 85, 84),
        "weight": (60, 50, 58.5, 58),
    }[measure]
    fall = [*visit(-150, **{measure: start}), *visit(-120, **{measure: worse})]
    seen = visit(-1, mmt8=80)
    assert answered([*fall, *seen]).state == MET  # type: ignore[union-attr]
    assert answered([*fall, *visit(-60, **{measure: worse}), *visit(-5, **{measure: worse})]).state == MET  # type: ignore[union-attr]
    assert answered([*fall, *visit(-5, **{measure: short}), *seen]).state == MET  # type: ignore[union-attr]
    assert answered([*fall, *visit(-5, **{measure: half}), *seen]).state == NOT_MET  # type: ignore[union-attr]


def test_a_visit_at_which_other_things_were_measured_regains_nothing() -> None:
    fall = [*visit(-90, extramuscular_global=1), *visit(-60, extramuscular_global=4)]
    assert answered([*fall, *visit(-5, mmt8=80, patient_global=1)]).state == MET  # type: ignore[union-attr]
    assert answered([*fall, *visit(-5, extramuscular_global=4)]).state == MET  # type: ignore[union-attr]
    assert answered([*fall, *visit(-5, extramuscular_global=1)]).state == NOT_MET  # type: ignore[union-attr]


def test_a_visit_that_meets_a_definition_is_told_with_what_counted_and_the_visit_that_confirmed_it() -> None:
    before = visit(-60, patient_global=2, haq=0.5, extramuscular_global=2, physician_global=2)
    worse = {"patient_global": 3, "haq": 0.75, "extramuscular_global": 3, "physician_global": 2}
    found = answered([*before, *visit(-30, **worse), *visit(0, **worse)])
    assert found is not None
    assert RULE.explain(found.cells(), P) == (
        "Worse: definition of worsening (IMACS) met on 23 Oct 2026 against the mean of the visits before (patient "
        "global 2 -> 3 of 10, HAQ 0.5 -> 0.75 of 3, extramuscular activity 2 -> 3 of 10), and again on 22 Nov 2026: "
        "confirmed as in the ProDERM trial."
    )


def test_thirty_per_cent_of_next_to_nothing_is_nothing() -> None:
    quiet = visit(-60, physician_global=0.3, extramuscular_global=0.2, haq=0.125, mmt8=80)
    restless = visit(0, physician_global=0.7, extramuscular_global=0.6, haq=0.25, mmt8=79)
    assert answered([*quiet, *restless]).state == NOT_MET  # type: ignore[union-attr]
    enzyme = [{"measure": "ck", "value": value, "upper_limit": 200, "day": day} for day, value in ((-60, 80), (0, 130))]
    before = visit(-60, physician_global=3, patient_global=3)
    now = visit(0, physician_global=4.5, patient_global=4.5)
    assert answered([*before, *now, *enzyme]).state == NOT_MET  # type: ignore[union-attr]
    enzyme[1]["value"] = 400
    assert answered([*before, *now, *enzyme]).state == MET  # type: ignore[union-attr]


RASH = {"event": "rash", "day": -3}


@pytest.mark.parametrize(
    ("observations", "events", "expected"),
    [
        # Somebody known to the clinic, whose rash is new.
        (visit(-60, mmt8=80), [RASH], (MET, ACTION)),
        (visit(-120, mmt8=80), [{**RASH, "day": -90}], (MET, ACTION)),
        (visit(-120, mmt8=80), [{**RASH, "day": -91}], (CANNOT_TELL, None)),
        # Seen with it since: no hurry any more. A questionnaire from home is no look at the skin.
        ([*visit(-60, mmt8=80), *visit(-1, physician_global=2)], [RASH], (MET, WATCH)),
        ([*visit(-60, mmt8=80), *visit(-1, patient_global=2)], [RASH], (MET, ACTION)),
        # It is over when somebody says so.
        (visit(-60, mmt8=80), [RASH, {**RASH, "day": -1, "present": "no"}], (NOT_MET, None)),
        (visit(-60, mmt8=80), [{**RASH, "end": -1}], (NOT_MET, None)),
        (visit(-60, mmt8=80), [{**RASH, "end": 0}], (MET, ACTION)),
        # With which the disease came: nothing is on file from before.
        (visit(-3, mmt8=60), [RASH], (NOT_MET, None)),
        # There for long, mentioned again and again.
        (visit(-40, mmt8=80), [{**RASH, "day": day} for day in (-300, -150, -3)], (NOT_MET, None)),
        # Gone in between: new again.
        (visit(-400, mmt8=80), [{**RASH, "day": -300}, {**RASH, "day": -90, "present": "no"}, RASH], (MET, ACTION)),
        (visit(-400, mmt8=80), [{**RASH, "day": -300, "end": -280}, RASH], (MET, ACTION)),
        # Ulcers and loss of weight are no beginning of anything: they count from the first day on.
        (visit(-3, mmt8=60), [{**RASH, "event": "skin_ulcers"}], (MET, ACTION)),
        (visit(-3, mmt8=60), [{**RASH, "event": "weight_loss"}], (MET, WATCH)),
        ([], [{**RASH, "event": "weight_loss"}], (MET, ACTION)),
        # Calcinosis stays: that it is new is told for three months, without hurry, and never asked about again.
        (visit(-40, mmt8=80), [{**RASH, "event": "calcinosis"}], (MET, WATCH)),
        (visit(-100, mmt8=80), [{**RASH, "event": "calcinosis", "day": -90}], (MET, WATCH)),
        (visit(-100, mmt8=80), [{**RASH, "event": "calcinosis", "day": -91}], (NOT_MET, None)),
        (visit(-3, mmt8=80), [{**RASH, "event": "calcinosis"}], (NOT_MET, None)),
    ],
)
def test_a_new_rash_ulcers_and_loss_of_weight_are_worse(
    observations: Sequence[Row], events: Sequence[Row], expected: tuple[str, str | None]
) -> None:
    found = answered(observations, events)
    assert found is not None
    assert (found.state, found.severity) == expected
    if found.state == MET:
        assert found.recheck_on is not None
        assert found.recheck_on > TODAY


def test_what_was_reported_and_not_yet_seen_asks_for_a_call_this_week() -> None:
    seen_before = visit(-60, mmt8=80)
    for events, called in (([RASH], True), ([{**RASH, "day": -15}], False)):
        found = answered(seen_before, events)
        assert found is not None
        assert found.numbers["call_back"] is called
        assert ("call back this week" in RULE.suggested_action(found.cells(), P)) is called


def test_a_patient_seen_once_cannot_be_compared_and_we_say_so() -> None:
    found = answered(visit(-5, physician_global=8, chaq=2))
    assert found is not None
    assert RULE.explain(found.cells(), P) == "Seen on 17 Nov 2026: no earlier visit to compare with."


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

"""Anti-MDA5: one sign of the lung is urgent; steady lung disease is not; not knowing is said."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rule import ACTION, CANNOT_TELL, CORROBORATED, MET, NOT_MET, POSSIBLE, URGENT, Answer
from jobs.rules.mda5_lung_disease import FERRITIN, LUNG, RULE, Parameters
from models.list_order import Danger
from models.patient_facts import day_number
from tests.suggestion_cases import answered

P = Parameters()
MDA5 = {"mrn": "1", "diagnosis": "ADM", "autoantibodies": "MDA5;RO52", "age_years": 50}
Row = Mapping[str, Any]
ILD = "interstitial_lung_disease"


def value(measure: str, number: Any, day: int, **more: Any) -> Row:
    return {"measure": measure, "value": number, "day": day, **more}


def happened(event: str, day: int, **more: Any) -> Row:
    return {"event": event, "day": day, **more}


def said(*observations: Row, events: Sequence[Row] = (), **patient: Any) -> dict[str, Answer]:
    facts = answered(patient={**MDA5, **patient}, observations=observations, events=events)
    return {one.subject: one for one in facts.answers_of("mda5-lung-disease")}


SEEN = value("fvc_percent", 90, -20)
"""A test that says the lung was looked at lately."""


@pytest.mark.parametrize(
    ("observations", "events", "state"),
    [
        ([SEEN], [], NOT_MET),
        ([SEEN], [happened("dyspnoea", -28)], MET),
        ([SEEN], [happened("dyspnoea", -29)], NOT_MET),
        ([SEEN], [happened("dyspnoea", -3, present="no")], NOT_MET),
        ([SEEN], [happened("dyspnoea", -200, end=5)], MET),
        ([SEEN], [happened(ILD, -182)], MET),
        ([SEEN], [happened(ILD, -183)], NOT_MET),
        ([SEEN], [happened(ILD, -900), happened(ILD, -10)], NOT_MET),  # recorded again is not new
        ([SEEN, value("oxygen_saturation", 93.9, 0)], [], MET),
        ([SEEN, value("oxygen_saturation", 94, 0)], [], NOT_MET),
        ([value("oxygen_saturation", 99, -50), value("oxygen_saturation", 95, 0)], [], MET),
        ([value("oxygen_saturation", 98, -50), value("oxygen_saturation", 95, 0)], [], NOT_MET),
        ([SEEN, value("oxygen_saturation", 90, -91)], [], NOT_MET),  # of a quarter ago, and the lung was tested since
        ([value("fvc_percent", 90, -100), value("fvc_percent", 81, 0)], [], MET),
        ([value("fvc_percent", 90, -100), value("fvc_percent", 82, 0)], [], NOT_MET),
        ([value("dlco_percent", 80, -100), value("dlco_percent", 68, 0)], [], MET),
        ([SEEN, value("ferritin", 301, 0, upper_limit=300)], [happened(ILD, -900)], MET),
        ([SEEN, value("ferritin", 300, 0, upper_limit=300)], [happened(ILD, -900)], NOT_MET),
        ([SEEN, value("ferritin", 500, 0)], [happened(ILD, -900)], MET),
        ([SEEN, value("ferritin", 499, 0)], [happened(ILD, -900)], NOT_MET),
        ([SEEN, value("ferritin", 900, 0, upper_limit=300)], [happened(ILD, -900, end=-10)], NOT_MET),
        ([], [], CANNOT_TELL),
        ([value("fvc_percent", 90, -366)], [], CANNOT_TELL),
        ([], [happened("chest_ct", -20)], NOT_MET),
    ],
)
def test_one_sign_of_the_lung_is_enough(observations: Sequence[Row], events: Sequence[Row], state: str) -> None:
    found = said(*observations, events=events)[LUNG]
    assert found.state == state
    assert found.severity == (URGENT if state == MET else None)


@pytest.mark.parametrize(("diagnosed", "state"), [(-100, CANNOT_TELL), (-400, NOT_MET)])
def test_soon_after_the_diagnosis_a_test_says_something_for_a_quarter_only(diagnosed: int, state: str) -> None:
    assert said(value("fvc_percent", 90, -91), diagnosed_day=diagnosed)[LUNG].state == state


def test_other_antibodies_are_not_asked_about() -> None:
    assert said(events=[happened("dyspnoea", 0)], autoantibodies="JO1") == {}
    assert said(events=[happened("dyspnoea", 0)], autoantibodies="") == {}


def test_a_raised_ferritin_alone_asks_for_a_look_at_the_lung_this_week() -> None:
    found = said(SEEN, value("ferritin", 900, 0, upper_limit=300))
    assert (found[LUNG].state, found[FERRITIN].state, found[FERRITIN].severity) == (NOT_MET, MET, ACTION)
    assert "chest CT" in RULE.suggested_action(found[FERRITIN].cells(), P)


def test_a_raised_ferritin_beside_a_sign_is_not_said_twice() -> None:
    found = said(SEEN, value("ferritin", 900, 0, upper_limit=300), events=[happened("dyspnoea", 0)])
    assert (found[LUNG].state, found[FERRITIN].state) == (MET, NOT_MET)


def test_several_signs_speak_for_each_other_and_the_sentence_names_them() -> None:
    found = said(
        value("oxygen_saturation", 91, -1), SEEN, value("ferritin", 1500, -1, upper_limit=300),
        events=[happened("dyspnoea", -4), happened(ILD, -400)],
    )[LUNG]  # fmt: skip
    assert found.grade == CORROBORATED
    assert RULE.explain(found.cells(), P) == (
        "Anti-MDA5 with shortness of breath on 18 Nov 2026; oxygen saturation 91 % on 21 Nov 2026; ferritin 1500 µg/L "
        "on 21 Nov 2026, limit 300; lung disease on file since 18 Oct 2025. "
        "Its lung disease can advance within days to weeks."
    )


def test_lung_disease_that_was_recorded_twice_is_on_file_since_the_first_time_and_one_that_is_over_is_not() -> None:
    def of(*events: Row, subject: str = LUNG, ferritin: float = 200) -> str:
        found = said(SEEN, value("ferritin", ferritin, 0, upper_limit=300), events=events)[subject]
        return RULE.explain(found.cells(), P)

    assert "; lung disease on file since 8 Mar 2025." in of(happened(ILD, -624), happened(ILD, -300))
    assert "; lung disease on file since 26 Jan 2026." in of(
        happened(ILD, -624), happened(ILD, -400, present="no"), happened(ILD, -300)
    )
    over = of(happened(ILD, -900, end=-400), subject=FERRITIN, ferritin=300.3)
    assert over == "Anti-MDA5 with ferritin 300.3 µg/L on 22 Nov 2026, limit 300, and no lung disease on file goes on."


@pytest.mark.parametrize(
    ("observations", "events", "because"),
    [
        ([value("oxygen_saturation", 90, -91)], [], "oxygen saturation 90 % on 23 Aug 2026"),
        (
            [value("oxygen_saturation", 90, -91), value("fvc_percent", 80, -92)],
            [],
            "oxygen saturation 90 % on 23 Aug 2026",
        ),
        ([value("fvc_percent", 80, -40)], [happened("dyspnoea", -30)], "shortness of breath on 23 Oct 2026"),
        ([value("ferritin", 900, -91)], [happened(ILD, -700)], "ferritin 900 µg/L on 23 Aug 2026, no limit reported"),
    ],
)
def test_a_sign_that_nobody_looked_after_is_not_over(observations: list[Row], events: list[Row], because: str) -> None:
    found = said(*observations, events=events)[LUNG]
    assert (found.state, found.cannot_tell_because) == (CANNOT_TELL, f"nothing newer than {because}")
    assert said(*observations, SEEN, events=events)[LUNG].state == NOT_MET


def test_a_raised_ferritin_that_nobody_looked_after_is_not_over() -> None:
    assert said(value("ferritin", 900, -91))[FERRITIN].state == CANNOT_TELL
    assert said(value("ferritin", 900, -91), SEEN)[FERRITIN].state == NOT_MET


def test_the_lung_stands_among_the_dangers_to_breathing_and_ferritin_does_not() -> None:
    assert (RULE.danger(LUNG), RULE.danger(FERRITIN)) == (Danger.BREATHING, None)


def test_a_further_sign_since_somebody_looked_is_worse() -> None:
    assert RULE.worse is not None
    assert RULE.worse({"signs": 1}, {"signs": 2, "subject": LUNG}, P) == "1 -> 2 signs since seen"
    assert RULE.worse({"signs": 2}, {"signs": 2, "subject": LUNG}, P) is None


@given(st.integers(80, 100), st.integers(0, 10))
def test_a_lower_saturation_never_takes_the_alert_away(latest: int, lower: int) -> None:
    def state(last: int) -> str:
        built = answered_only(value("oxygen_saturation", 98, -30), value("oxygen_saturation", last, 0))
        return built.state

    if state(latest) == MET:
        assert state(latest - lower) == MET


def answered_only(*observations: Row) -> Answer:
    """The lung's answer without asking the other rules."""
    from tests.frame_answers import patients_of
    from tests.frames_builder import AS_OF, frames

    patient = patients_of(frames(AS_OF, patients=[MDA5], observations=observations))[1]
    return next(iter(RULE.assess(patient, day_number(AS_OF), P)))


def test_one_sign_is_possible_only() -> None:
    assert said(SEEN, events=[happened("dyspnoea", 0)])[LUNG].grade == POSSIBLE

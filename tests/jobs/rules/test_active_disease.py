"""Active disease from where the patient is: small tables of patients, looked at from outside."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, URGENT, WATCH, Answer
from jobs.rules.active_disease import RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]


def mmt8(value: float, day: int = 0) -> Row:
    return {"measure": "mmt8", "value": value, "day": day}


def cmas(value: float, day: int = 0) -> Row:
    return {"measure": "cmas", "value": value, "day": day}


def enzyme(measure: str, times: float, day: int = 0) -> Row:
    return {"measure": measure, "value": 100 * times, "upper_limit": 100, "day": day}


def ck(times: float, day: int = 0) -> Row:
    return enzyme("ck", times, day)


def physician(value: float, day: int = 0) -> Row:
    return {"measure": "physician_global", "value": value, "day": day}


def event(name: str, day: int = -2, **more: Any) -> Row:
    return {"event": name, "day": day, **more}


def drug(name: str, start: int, dose: float = 20, **more: Any) -> Row:
    return {"drug": name, "dose": dose, "start": start, **more}


def weekly(start: int, dose: float = 15, **more: Any) -> Row:
    return drug("methotrexate", start, dose, frequency="weekly", **more)


PULSE = {"route": "iv", "intent": "pulse"}


def answers(
    *observations: Row,
    events: Sequence[Row] = (),
    medications: Sequence[Row] = (),
    parameters: Parameters = P,
    **patient: Any,
) -> dict[str, Answer]:
    built = frames(
        patients=[{"mrn": "1", "age_years": 40, **patient}],
        observations=observations,
        events=events,
        medications=medications,
    )
    assert RULE.assess is not None
    return {one.subject: one for one in RULE.assess(patients_of(built)[1], TODAY, parameters)}


def muscle(*observations: Row, **facts: Any) -> Answer:
    return answers(*observations, **facts)["muscle"]


@pytest.mark.parametrize(
    ("title", "facts", "events", "state"),
    [
        ("below the limit with CK above 1.5 times", (mmt8(75), ck(1.6)), (), MET),
        ("on the limit is not weak", (mmt8(76), ck(1.6)), (), NOT_MET),
        ("CK of exactly 1.5 times is no sign", (mmt8(60), ck(1.5)), (), NOT_MET),
        ("physician global of 3 is a sign", (mmt8(60), physician(3)), (), MET),
        ("physician global below 3 is none", (mmt8(60), physician(2.9)), (), NOT_MET),
        ("weak and nothing known of activity", (mmt8(60),), (), CANNOT_TELL),
        ("weak and a CK without a limit", (mmt8(60), {"measure": "ck", "value": 900, "day": 0}), (), CANNOT_TELL),
        ("an enzyme and nothing known of strength", (ck(4),), (), CANNOT_TELL),
        ("a score 91 days old says nothing", (mmt8(60, -91), ck(4)), (), CANNOT_TELL),
        ("a score 90 days old does", (mmt8(60, -90), ck(4)), (), MET),
        ("an old CK is no sign and no calm", (mmt8(60), ck(9, -91)), (), CANNOT_TELL),
        ("difficulty with stairs is weakness", (ck(4),), (event("difficulty_stairs"),), MET),
        ("difficulty that is over is none", (ck(4),), (event("difficulty_stairs", -30, end=-10),), NOT_MET),
        ("difficulty recorded as absent", (ck(4),), (event("difficulty_walking", present="no"),), NOT_MET),
        ("difficulty swallowing is a sign", (mmt8(60), ck(1)), (event("dysphagia", -60),), MET),
        ("a rash is a sign", (mmt8(60), ck(1)), (event("rash", -10),), MET),
        ("a rash that is gone", (mmt8(60), ck(1)), (event("rash", -10), event("rash", -1, present="no")), NOT_MET),
        ("AST counts where neither CK nor aldolase is on file", (mmt8(60), enzyme("ast", 3)), (), MET),
        ("AST does not count beside a quiet CK", (mmt8(60), ck(1), enzyme("ast", 3)), (), NOT_MET),
        ("aldolase counts beside a quiet CK", (mmt8(60), ck(1), enzyme("aldolase", 2)), (), MET),
        ("strong and inflamed", (mmt8(80), ck(5)), (), NOT_MET),
        ("a bound below is not above", (mmt8(60), {**ck(4), "value": "<400"}), (), NOT_MET),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) > 12 else "",
)  # fmt: skip
def test_weak_with_a_sign_of_activity(title: str, facts: Sequence[Row], events: Sequence[Row], state: str) -> None:
    del title
    assert muscle(*facts, events=events).state == state


@pytest.mark.parametrize(
    ("medications", "treatment", "severity", "due"),
    [
        ((), "untreated", ACTION, None),
        ([drug("hydroxychloroquine", -400)], "untreated", ACTION, None),
        ([drug("prednisone", -400, route="topical")], "untreated", ACTION, None),
        ([drug("prednisone", -400, end=-100)], "untreated", ACTION, None),
        ([drug("rituximab", -200, 1000, frequency="once", route="iv")], "not_responding", ACTION, None),
        ([drug("rituximab", -300, 1000, frequency="once", route="iv")], "untreated", ACTION, None),
        ([drug("prednisone", -10)], "too_early", WATCH, 18),
        ([drug("prednisone", -28)], "not_responding", ACTION, None),
        ([weekly(-89)], "too_early", WATCH, 1),
        ([weekly(-90)], "not_responding", ACTION, None),
        ([weekly(-200, 10, end=-31), weekly(-30, 15)], "too_early", WATCH, 60),
        ([weekly(-200, 20, end=-31), weekly(-30, 22.5)], "not_responding", ACTION, None),
        ([drug("prednisone", -200, 40, end=-11), drug("prednisone", -10, 20)], "not_responding", ACTION, None),
        ([drug("prednisone", -200, 20, end=-11), drug("prednisone", -10, 25)], "too_early", WATCH, 18),
        ([drug("methylprednisolone", -12, 1000, end=-10, **PULSE)], "too_early", WATCH, 18),
        ([drug("methylprednisolone", -32, 1000, end=-30, **PULSE)], "untreated", ACTION, None),
    ],
)
def test_the_treatment_is_named(medications: Any, treatment: str, severity: str, due: int | None) -> None:
    facts = [reading for day in (-290, -205, -95, -35, 0) for reading in (mmt8(50, day), ck(20, day))]
    found = muscle(*facts, medications=medications)
    assert (found.numbers["treatment"], found.severity) == (treatment, severity)
    assert found.due == (None if due is None else TODAY + due)


def test_changes_that_follow_each_other_put_the_judgement_off_for_half_a_year_at_most() -> None:
    monthly = [drug("methylprednisolone", day, 1000, end=day, **PULSE) for day in range(-170, 0, 20)]
    facts = (mmt8(50, -180), mmt8(50, 0), ck(20))
    waiting = muscle(*facts, medications=[weekly(-200 + 30), *monthly])
    assert (waiting.numbers["treatment"], waiting.due) == ("too_early", TODAY + 10)
    longer = [drug("methylprednisolone", day, 1000, end=day, **PULSE) for day in range(-180, 0, 20)]
    assert muscle(*facts, medications=[weekly(-180), *longer]).numbers["treatment"] == "not_responding"


@pytest.mark.parametrize(
    ("facts", "treatment", "severity"),
    [
        ((mmt8(50, -205), mmt8(56, 0), ck(20, -205), ck(19)), "responding", WATCH),
        ((mmt8(50, -205), mmt8(55, 0), ck(20, -205), ck(19)), "not_responding", ACTION),
        ((mmt8(50, -205), mmt8(50, 0), ck(20, -205), ck(10)), "responding", WATCH),
        ((mmt8(50, -205), mmt8(50, 0), ck(20, -205), ck(10.1)), "not_responding", ACTION),
        ((mmt8(50, -205), mmt8(44, 0), ck(20, -205), ck(5)), "not_responding", ACTION),
        ((mmt8(50, -205), mmt8(70, -100), mmt8(60, 0), ck(20, -205), ck(19)), "not_responding", ACTION),
        ((mmt8(50, -205), mmt8(50, 0), ck(20, -205), ck(2, -100), ck(9)), "not_responding", ACTION),
        ((mmt8(50, 0), ck(20)), "not_judged", WATCH),
        ((mmt8(50, -60), mmt8(50, 0), ck(20)), "not_responding", ACTION),
        ((mmt8(50, -55), mmt8(50, 0), ck(20)), "not_judged", WATCH),
        ((mmt8(50, -300), mmt8(50, 0), ck(20)), "not_judged", WATCH),
        ((cmas(30, -205), mmt8(50, 0), ck(20)), "not_judged", WATCH),
    ],
)
def test_a_treatment_is_judged_by_what_was_before_it(facts: Sequence[Row], treatment: str, severity: str) -> None:
    found = muscle(*facts, medications=[weekly(-200), drug("prednisone", -200)])
    assert (found.numbers["treatment"], found.severity) == (treatment, severity)


def test_difficulty_swallowing_or_breathing_makes_untreated_and_unanswered_disease_urgent() -> None:
    for name in ("dysphagia", "dyspnoea"):
        assert muscle(mmt8(50), ck(20), events=[event(name)]).severity == URGENT
        assert muscle(mmt8(50), ck(20), events=[event(name, -40)]).severity == ACTION
        early = muscle(mmt8(50), ck(20), events=[event(name)], medications=[weekly(-20)])
        assert early.severity == WATCH


@pytest.mark.parametrize(
    ("facts", "events", "state"),
    [
        ((ck(10.1),), (), MET),
        ((ck(10),), (), NOT_MET),
        ((ck(10.1), mmt8(80)), (), MET),
        ((ck(10.1), mmt8(60)), (), NOT_MET),
        ((ck(60),), (event("strenuous_exercise", -7),), NOT_MET),
        ((ck(60),), (event("strenuous_exercise", -8),), MET),
        ((ck(60, -91),), (), CANNOT_TELL),
    ],
)
def test_a_very_high_ck_counts_without_known_weakness(facts: Sequence[Row], events: Sequence[Row], state: str) -> None:
    found = answers(*facts, events=events)["enzyme"]
    assert (found.state, found.grade) == (state, "possible" if state == MET else None)


def test_a_cmas_says_nothing_of_weakness_under_five() -> None:
    assert muscle(cmas(40), ck(4), age_years=5, diagnosis="JDM").state == MET
    assert muscle(cmas(40), ck(4), age_years=4, diagnosis="JDM").state == CANNOT_TELL
    assert RULE.ages(P) == (5,)


def test_inclusion_body_myositis_has_its_own_card() -> None:
    assert answers(mmt8(50), ck(20), diagnosis="IBM") == {}


def test_whoever_was_never_looked_at_has_no_answer_and_silence_settles_nothing() -> None:
    assert answers() == {}
    assert muscle(mmt8(50, -200), ck(20, -200)).state == CANNOT_TELL


def test_it_is_active_since_both_weakness_and_activity_are_on_file() -> None:
    found = muscle(mmt8(78, -120), mmt8(70, -80), mmt8(60, 0), ck(1, -120), ck(3, -40), ck(4, 0))
    assert found.since == TODAY - 40


def test_the_sentence_names_what_is_weak_what_is_active_and_what_the_treatment_does() -> None:
    facts = (mmt8(50, -205), mmt8(51, 0), ck(20, -205), ck(18))
    said = RULE.explain(muscle(*facts, medications=[weekly(-200), drug("prednisone", -200)]).cells(), P)
    assert said == (
        "Weak (MMT8 51 of 80 on 22 Nov 2026) with signs of activity (CK 18 times its limit on 22 Nov 2026). Treatment "
        "judged from 6 May 2026, when it was begun, raised or a pulse was last given: no response that holds (MMT8 "
        "50 -> 51 (22 Nov 2026); CK, times its limit, 20 -> 18 (22 Nov 2026))."
    )


def _first(answer: Answer) -> str:
    return RULE.suggested_action(answer.cells(), P)


def test_the_first_thing_to_do_stands_against_nothing_that_is_on_file() -> None:
    weak = (mmt8(50), ck(20))
    assert _first(answers(*weak)["muscle"]) == "discuss first-line treatment this week, with its safety screens"
    urgent = answers(*weak, events=[event("dysphagia")])["muscle"]
    assert _first(urgent) == "discuss first-line treatment today, with its safety screens"
    nivolumab = drug("nivolumab", -60, 240, route="iv", frequency="every-2-weeks")
    inhibitor = answers(*weak, medications=[nivolumab])["muscle"]
    assert _first(inhibitor).startswith("troponin I, ECG, swallowing and breathing today")
    early = answers(*weak, medications=[weekly(-30)])["muscle"]
    assert "go on" not in _first(early)
    assert "see it earlier where it gets worse, or where a pulse did not help" in _first(early)


def test_a_strength_that_was_just_tested_is_not_asked_for() -> None:
    assert _first(answers(mmt8(80), ck(12))["enzyme"]).startswith("repeat CK after a week of rest")
    assert _first(answers(ck(12))["enzyme"]).startswith("test strength, repeat CK")

"""Inclusion body myositis: followed for what it does, and never asked for immunosuppression."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.rule import ACTION, CANNOT_TELL, MET, NOT_MET, WATCH, Answer, all_rules
from jobs.rules.inclusion_body_follow_up import ASKED, FALL, FOLLOW_UP, RULE, Parameters
from models.patient_facts import day_number
from tests.frame_answers import patients_of
from tests.frames_builder import AS_OF, frames
from tests.suggestion_cases import answered, ck, mmt8, suggestions

P = Parameters()
TODAY = day_number(AS_OF)
Row = Mapping[str, Any]
IBM = {"mrn": "1", "diagnosis": "IBM", "age_years": 70, "sex": "male"}


def answers(
    observations: Sequence[Row] = (), events: Sequence[Row] = (), patient: Mapping[str, Any] = IBM
) -> dict[str, Answer]:
    built = frames(patients=[patient], observations=observations, events=events)
    return {one.subject: one for one in RULE.assess(patients_of(built)[1], TODAY, P)}


def event(name: str, day: int, present: str = "yes") -> Row:
    return {"event": name, "day": day, "present": present}


ALL_RECENT = {
    "swallowing": event("dysphagia", -1, "no"),
    "falls": event("fall", -1, "no"),
    "function": {"measure": "haq", "value": 1, "day": -1},
    "breathing": {"measure": "fvc_percent", "value": 80, "day": -1},
}


@pytest.mark.parametrize(
    ("subject", "row", "interval"),
    [
        ("swallowing", {"event": "dysphagia", "present": "no"}, 182),
        ("swallowing", {"event": "dysphagia"}, 182),
        ("swallowing", {"event": "swallow_assessment"}, 182),
        ("falls", {"event": "fall", "present": "no"}, 182),
        ("function", {"event": "difficulty_stairs", "present": "no"}, 182),
        ("function", {"measure": "haq", "value": 1}, 182),
        ("function", {"measure": "mmt8", "value": 60}, 182),
        ("breathing", {"measure": "fvc_percent", "value": 80}, 365),
    ],
)
def test_each_is_wanted_again_after_its_interval(subject: str, row: Row, interval: int) -> None:
    for age, state in ((interval, NOT_MET), (interval + 1, MET)):
        rows = [{**row, "day": -age}, *(other for key, other in ALL_RECENT.items() if key != subject)]
        found = answers([one for one in rows if "measure" in one], [one for one in rows if "event" in one])[FOLLOW_UP]
        assert (found.state, found.severity) == (state, WATCH if state == MET else None)
        if state == MET:
            assert (found.due, found.since) == (TODAY - age + interval, TODAY - age + interval + 1)
            assert found.numbers["subjects"] == subject


def test_what_was_never_asked_is_wanted_soon_after_the_first_record_in_one_answer() -> None:
    assert answers(patient={**IBM, "diagnosed_day": -56})[FOLLOW_UP].state == NOT_MET
    found = answers(patient={**IBM, "diagnosed_day": -57})[FOLLOW_UP]
    assert found.numbers["subjects"].split(";") == list(ASKED)
    assert "record the answer, also where it is no" in RULE.suggested_action(found.cells(), P)
    assert answers()[FOLLOW_UP].state == CANNOT_TELL


def test_a_fall_is_for_this_week_until_three_months_have_passed_or_a_no() -> None:
    found = answers(events=[event("fall", -90)])[FALL]
    assert (found.state, found.severity, found.since) == (MET, ACTION, TODAY - 90)
    assert answers(events=[event("fall", -91)])[FALL].state == NOT_MET
    assert answers(events=[event("fall", -20), event("fall", -3, "no")])[FALL].state == NOT_MET


def test_only_inclusion_body_myositis_is_asked() -> None:
    assert answers(events=[event("fall", -3)], patient={**IBM, "diagnosis": "DM"}) == {}


IMMUNOSUPPRESSION = {
    "active-disease", "no-response-after-pulse", "steroid-monotherapy", "steroid-sparing-not-working",
}  # fmt: skip
WEAKER = (*(mmt8(value, day) for value, day in ((60, -120), (61, -90), (60, -60), (48, -30), (47, -3))), ck(20, -3))
PULSE = {"drug": "methylprednisolone", "dose": 1000, "route": "iv", "start": -60, "end": -58, "intent": "pulse"}


@pytest.mark.parametrize(
    "medications",
    [
        (),
        ({"drug": "prednisone", "dose": 60, "start": -120},),
        ({"drug": "methotrexate", "dose": 10, "frequency": "weekly", "start": -300},),
        (PULSE, {"drug": "prednisone", "dose": 20, "start": -120}),
    ],
)
def test_no_rule_and_no_list_of_options_asks_for_more_immunosuppression(medications: Sequence[Row]) -> None:
    facts = {"patient": IBM, "observations": WEAKER, "medications": medications}
    told = answered(**facts)  # type: ignore[arg-type]
    met = {key for key, rows in told.answers.items() if any(one.state == MET for one in rows)}
    assert not met & IMMUNOSUPPRESSION
    weaker = next(one for one in told.answers["declining-strength"] if one.state == MET)
    rule = next(one for one in all_rules() if one.key == "declining-strength")
    assert "escalation" not in rule.suggested_action(weaker.cells(), rule.defaults())
    shown = suggestions(**facts)
    assert "nflammatory" not in shown["phenotype"]["title"]
    for card in shown["suggestions"]:
        offered = {option["key"] for option in card["options"]}
        allowed = {"time-limited-trial"} if card["key"] == "ibm-no-escalation" else set()
        started = {"ivig", "rituximab", "methotrexate", "azathioprine", "mycophenolate", "sparing-agent", "pulse"}
        assert not (offered & started) - allowed, card["key"]

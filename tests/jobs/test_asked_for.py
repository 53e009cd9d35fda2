"""One sample serves whoever wants it: of several rules that miss the same test one asks."""

from collections.abc import Mapping, Sequence

from jobs.asked_for import asked_by
from jobs.assessing import ask
from jobs.chart import chart_of
from jobs.rule import ACTION, MET, NOT_MET, Answer, all_rules, rule
from jobs.suggest import answer_for
from jobs.thresholds import Thresholds
from models.patient_facts import PatientFacts
from tests.jobs.rules.sentences.histories import patient

THRESHOLDS = Thresholds({one.key: one.defaults() for one in all_rules()}, {}, {})
EVERY = {one.key for one in all_rules()}
AZATHIOPRINE = {"drug": "azathioprine", "dose": 150, "start": -40}
METHOTREXATE = {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -40}


def answers(found: PatientFacts) -> Mapping[str, Sequence[Answer]]:
    return ask(found, THRESHOLDS, EVERY).answers


def who_asks_for(found: Mapping[str, Sequence[Answer]], fact: str) -> list[str]:
    return [
        f"{key} {one.subject}"
        for key, all_of_it in found.items()
        for one in all_of_it
        if one.state == MET and fact in asked_by(key, one.subject, one.numbers)
    ]


def test_until_monitoring_is_overdue_the_screen_asks_and_then_monitoring_does() -> None:
    for start, who in ((-10, "missing-safety-screen azathioprine:blood_count"), (-40, "overdue-labs blood_count")):
        found = answers(patient((), ({**AZATHIOPRINE, "start": start},), (), {}))
        assert who_asks_for(found, "platelets") == [who]


def test_a_rule_in_shadow_asks_nobody_so_the_screen_still_asks() -> None:
    shadowed = Thresholds(THRESHOLDS.clinic, {}, {"overdue-labs": "shadow"})
    found = ask(patient((), (AZATHIOPRINE,), (), {}), shadowed, EVERY).answers
    assert "missing-safety-screen azathioprine:blood_count" in who_asks_for(found, "platelets")


def test_a_screen_left_to_monitoring_says_so() -> None:
    found = answers(patient((), (AZATHIOPRINE,), (), {}))["missing-safety-screen"]
    one = next(answer for answer in found if answer.subject == "azathioprine:blood_count")
    screens = rule("missing-safety-screen")
    assert one.state == NOT_MET
    assert "asked for by its schedule" in screens.explain(one.cells(), screens.defaults())


def test_what_no_schedule_asks_for_is_still_asked_for_as_a_screen() -> None:
    found = answers(patient((), (AZATHIOPRINE,), (), {}))
    assert who_asks_for(found, "tpmt") == ["missing-safety-screen azathioprine:tpmt"]


def test_a_screen_that_two_drugs_want_is_asked_for_once_where_it_is_gravest() -> None:
    rituximab = {"drug": "rituximab", "dose": 1000, "route": "iv", "frequency": "once", "start": -5}
    found = answers(patient((), ({**METHOTREXATE, "start": -10}, rituximab), (), {}))
    assert who_asks_for(found, "hbsag") == ["missing-safety-screen rituximab:hepatitis_b_surface_antigen"]
    assert who_asks_for(found, "anti_hcv") == ["missing-safety-screen methotrexate:hepatitis_c_antibody"]


def test_a_test_that_is_paused_is_not_asked_for_as_a_screen_either() -> None:
    one = patient((), (AZATHIOPRINE,), (), {})
    today = one.today

    class Pause:
        test, start, until, reason = "all", today - 1, today + 30, "in hospital"

    one.pauses = (Pause(),)
    assert who_asks_for(answers(one), "platelets") == []


def test_the_search_for_a_cancer_leaves_out_what_is_asked_for_already() -> None:
    who = {"diagnosis": "DM", "diagnosed_day": -100, "age_years": 60, "sex": "female"}
    found = answers(patient((), (METHOTREXATE,), (), who))
    assert who_asks_for(found, "platelets") == ["overdue-labs blood_count"]
    assert who_asks_for(found, "chest_x_ray") == ["missing-safety-screen methotrexate:chest_x_ray"]
    said = next(one for one in found["cancer-screening"] if one.state == MET).numbers["said"]
    assert "blood count" not in said
    assert "chest X-ray" not in said
    assert "protein electrophoresis" in said


def test_lung_function_asked_for_because_of_shortness_of_breath_is_not_asked_for_again() -> None:
    who = {"diagnosis": "ASYS", "autoantibodies": "JO1", "diagnosed_day": -300, "age_years": 50}
    found = answers(patient((), (METHOTREXATE,), ({"event": "dyspnoea", "day": -30},), who))
    assert who_asks_for(found, "fvc_percent") == ["overdue-labs breathing"]
    assert who_asks_for(found, "chest_ct") == ["lung-screening lung"]


def test_the_card_on_screens_lists_what_the_rule_asks_for() -> None:
    one = patient((), (AZATHIOPRINE,), (), {})
    found = answers(one)
    said = answer_for(chart_of(one, found))
    card = next(card for card in (*said["suggestions"], *said["safety"]) if card["key"] == "complete-screening")
    missing = [answer for answer in found["missing-safety-screen"] if answer.state == MET]
    assert card["collect_first"] == [answer.numbers["screen"] for answer in missing]
    assert not any("Blood count" in text for text in card["collect_first"])


def test_of_two_overdue_tests_that_one_result_serves_the_narrower_is_asked_for_as_soon_as_the_other_was() -> None:
    events = ({"event": "interstitial_lung_disease", "day": -400}, {"event": "dyspnoea", "day": -30})
    found = answers(patient((), (METHOTREXATE,), events, {}))
    assert who_asks_for(found, "fvc_percent") == ["overdue-labs fvc"]
    assert next(one for one in found["overdue-labs"] if one.subject == "fvc").severity == ACTION

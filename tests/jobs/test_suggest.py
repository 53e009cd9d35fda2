"""The suggestion answer: the worked vectors of the catalogue, its shape, and what it never says."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session

from jobs.escalation import all_escalations
from jobs.phenotype import STATES
from jobs.suggest import suggest
from models.errors import UnknownPatient
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from tests.frames_builder import AS_OF
from tests.suggestion_cases import (
    ADULT,
    EARLIER_PULSE,
    FALLING,
    JUVENILE,
    METHOTREXATE,
    PREDNISONE,
    TREATED,
    card,
    ck,
    cmas,
    held_back,
    keys,
    mmt8,
    steroid,
    suggestions,
)

ESCALATIONS = {one.key for one in all_escalations() if one.kind == "escalation"}
STRONG = (mmt8(80, -40), mmt8(80, -1))
NIVOLUMAB = {"drug": "nivolumab", "dose": 240, "route": "iv", "frequency": "every-2-weeks", "start": -60}
TROPONIN_T = {"measure": "troponin_t", "value": 90, "unit": "ng/L", "upper_limit": 14, "day": 0}
TROPONIN_I = {"measure": "troponin_i", "value": 90, "unit": "ng/L", "upper_limit": 16, "day": 0}
IVIG = {"drug": "ivig", "dose": 2, "unit": "g/kg", "route": "iv", "frequency": "once", "intent": "infusion"}


# ------------------------------------------------------------ the vectors of the catalogue


def test_vector_1_falling_strength_under_methotrexate_and_steroid_after_a_pulse_suggests_ivig_first() -> None:
    answer = suggestions(observations=(*FALLING, ck(2)), medications=TREATED)
    assert answer["state"] == "true_myositis"
    # A fall of one step is possible only: the test is repeated as well. Of what is escalated, immunoglobulin is first.
    assert next(key for key in keys(answer) if key in ESCALATIONS) == "add-ivig"
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert ivig["status"] == "ready"
    assert {"rituximab", "anti-tnf", "combination", "no-change", "multidisciplinary"} <= {
        o["key"] for o in ivig["options"]
    }
    taper = card(answer, "avoid-rapid-taper")
    assert taper is not None
    assert taper["status"] == "ready"
    assert "start-taper" not in keys(answer)


def test_vector_2_without_ck_ivig_waits_and_the_facts_are_collected_first() -> None:
    answer = suggestions(observations=FALLING, medications=TREATED)
    ivig = card(answer, "add-ivig")
    assert answer["state"] == "indeterminate"
    assert keys(answer)[0] == "collect-first"
    assert ivig is not None
    assert ivig["status"] == "pending"
    assert any("CK" in item for item in ivig["collect_first"])
    assert any("CK" in item for item in answer["missing"])
    assert "repeat-strength-test" in keys(answer)


def test_vector_3_normal_ck_under_long_high_dose_suggests_less_steroid_and_no_ivig() -> None:
    answer = suggestions(observations=(*FALLING, ck(0.8)), medications=(METHOTREXATE, steroid(60, -35), EARLIER_PULSE))
    assert answer["state"] == "steroid_myopathy_possible"
    assert "reduce-steroid-for-myopathy" in keys(answer)
    assert not ESCALATIONS & set(keys(answer))
    assert set(held_back(answer)) | {"consider-cyclophosphamide"} >= ESCALATIONS
    assert "merged" in held_back(answer)["start-taper"]


def test_vector_4_27_then_26_suggests_nothing() -> None:
    answer = suggestions(observations=(cmas(27, -14), cmas(26, 0), ck(1)), medications=TREATED)
    assert (answer["state"], answer["suggestions"]) == ("stable", [])
    assert answer["phenotype"]["title"] == "No sign of activity; weakness remains"
    active = suggestions(observations=(cmas(27, -14), cmas(26, 0), ck(2)), medications=TREATED)
    assert (active["state"], active["suggestions"]) == ("true_myositis", [])


NEW_AND_ACTIVE = (mmt8(50, 0), ck(20), {"measure": "physician_global", "value": 8, "day": 0})
FOR_MONTHS = (mmt8(52, -230), mmt8(51, 0), ck(20, -230), ck(18))
PULSE = {
    "drug": "methylprednisolone", "dose": 1000, "route": "iv", "start": -37, "end": -35, "intent": "pulse",
}  # fmt: skip


def test_active_untreated_disease_asks_for_first_line_treatment_with_its_safety_screens() -> None:
    answer = suggestions(patient=ADULT, observations=NEW_AND_ACTIVE)
    first = card(answer, "start-first-line-treatment")
    assert first is not None
    assert (answer["state"], first["status"], first["urgency"]) == ("true_myositis", "ready", "action")
    assert {"HBsAg before the first dose", "glucose and HbA1c before steroid"} <= set(first["collect_first"])
    assert any("pregnancy" in item for item in first["collect_first"])
    assert "add-ivig" not in keys(answer)


def test_treatment_that_ended_a_year_ago_does_not_hide_that_nothing_runs() -> None:
    ended = ({"drug": "prednisone", "dose": 20, "start": -700, "end": -400}, {**PULSE, "start": -703, "end": -701})
    first = card(
        suggestions(patient=ADULT, observations=NEW_AND_ACTIVE, medications=ended), "start-first-line-treatment"
    )
    assert first is not None
    assert "Earlier treatment on file has ended: ask why." in first["cautions"]


def test_active_disease_that_does_not_respond_to_steroid_and_agent_asks_for_ivig() -> None:
    treated = (
        {"drug": "methotrexate", "dose": 20, "frequency": "weekly", "start": -220},
        {"drug": "prednisone", "dose": 20, "start": -220},
    )
    answer = suggestions(patient=ADULT, observations=FOR_MONTHS, medications=treated)
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert (answer["state"], ivig["status"], ivig["urgency"]) == ("true_myositis", "ready", "action")
    assert "does not respond" in ivig["why"]
    too_early = [{**one, "start": -30} for one in treated]
    assert "add-ivig" not in keys(suggestions(patient=ADULT, observations=FOR_MONTHS, medications=too_early))
    alone = suggestions(patient=ADULT, observations=FOR_MONTHS, medications=treated[1:])
    assert "add-ivig" not in keys(alone)
    assert "add-steroid-sparing-agent" in keys(alone)


def test_a_pulse_without_response_asks_for_ivig_exchange_and_neurology_though_no_score_fell() -> None:
    observations = (mmt8(60, -38), mmt8(60, -2), ck(7.5, -38), ck(7.7, -2))
    medications = (PULSE, METHOTREXATE, {"drug": "prednisone", "dose": 20, "start": -200})
    answer = suggestions(patient=ADULT, observations=observations, medications=medications)
    assert {"add-ivig", "consider-plasmapheresis", "refer-neurology"} <= set(keys(answer))
    assert not any(verdict["for"] == [] and verdict["key"] == "flare" for verdict in answer["explanations"])


def test_a_pulse_without_response_where_steroid_myopathy_is_possible_asks_for_less_steroid_not_for_ivig() -> None:
    observations = (mmt8(70, -60), mmt8(70, -38), mmt8(60, -2), ck(1, -38), ck(0.8, -2))
    medications = (PULSE, {"drug": "prednisone", "dose": 60, "start": -60})
    answer = suggestions(patient=ADULT, observations=observations, medications=medications)
    assert answer["state"] == "steroid_myopathy_possible"
    assert "add-ivig" not in keys(answer)


def test_the_headline_case_leads_to_ivig() -> None:
    answer = suggestions(observations=(cmas(27, -14), cmas(24, 0), ck(2)), medications=TREATED)
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert (answer["state"], ivig["status"]) == ("true_myositis", "ready")


def test_vector_5_another_assessor_asks_for_a_repeat_before_anything_else() -> None:
    answer = suggestions(observations=(cmas(45, -14, "A"), cmas(42, 0, "B"), ck(1)), medications=TREATED)
    ivig = card(answer, "add-ivig")
    assert "repeat-strength-test" in keys(answer)
    assert ivig is None or ivig["status"] == "pending"


def test_vector_6_pain_without_weakness_switches_every_escalation_off() -> None:
    answer = suggestions(
        patient=ADULT, observations=(*STRONG, {"measure": "pain", "value": 8, "day": 0}, ck(0.8)), medications=TREATED
    )
    assert answer["state"] == "pain_non_inflammatory"
    assert not ESCALATIONS & set(keys(answer))
    assert set(held_back(answer)) >= ESCALATIONS
    assert "explain-pain" in keys(answer)


def test_vector_7_ck_after_a_marathon_is_repeated_after_rest() -> None:
    answer = suggestions(
        patient=ADULT, observations=(*STRONG, ck(60)), events=[{"event": "strenuous_exercise", "day": -2}]
    )
    assert answer["state"] == "exercise_ck"
    assert keys(answer) == ["repeat-ck-after-rest"]
    assert set(held_back(answer)) >= ESCALATIONS


def test_vector_8_60_mg_unchanged_for_30_days_suggests_the_taper() -> None:
    answer = suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(60, -30)))
    taper = card(answer, "start-taper")
    assert taper is not None
    assert (taper["status"], taper["urgency"]) == ("ready", "action")


def test_vector_9_a_course_on_template_asks_for_nothing() -> None:
    answer = suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(60, -35, -8), steroid(50, -7)))
    assert "start-taper" not in keys(answer)
    assert "follows its template" in held_back(answer)["start-taper"]


def test_vector_10_a_flare_under_long_high_dose_gets_one_card_that_says_both() -> None:
    answer = suggestions(observations=(*FALLING, ck(3)), medications=(METHOTREXATE, steroid(60, -45)))
    single = card(answer, "avoid-rapid-taper")
    assert single is not None
    assert "strengthen" in single["why"]
    assert "do not cut it fast" in single["why"]
    assert "start-taper" not in keys(answer)
    assert "merged" in held_back(answer)["start-taper"]


def test_vector_11_an_exchange_three_days_after_ivig_is_cautioned() -> None:
    answer = suggestions(
        patient=ADULT, medications=({**IVIG, "start": -3},), events=[{"event": "plasmapheresis", "day": 0}]
    )
    found = card(answer, "exchange-before-ivig")
    assert found is not None
    assert found["urgency"] == "urgent"


def test_vector_12_methotrexate_with_co_trimoxazole_is_a_safety_card() -> None:
    both = (METHOTREXATE, {"drug": "co-trimoxazole", "dose": 480, "start": -10})
    found = card(suggestions(patient=ADULT, medications=both), "review-methotrexate-with-trimethoprim")
    assert found is not None
    assert found["urgency"] == "urgent"


def test_vector_13_troponin_t_alone_asks_for_troponin_i_and_is_not_called_myocarditis() -> None:
    answer = suggestions(patient=ADULT, observations=(TROPONIN_T,))
    found = card(answer, "measure-troponin-i")
    assert found is not None
    assert found["urgency"] == "action"
    assert "myocarditis" not in found["title"] + found["why"]
    assert "measure-troponin-i" not in keys(
        suggestions(patient=ADULT, observations=(TROPONIN_T, {**TROPONIN_I, "day": -14}))
    )


def test_vector_14_troponin_i_after_a_checkpoint_inhibitor_asks_for_a_stop_today() -> None:
    answer = suggestions(patient=ADULT, observations=(TROPONIN_I,), medications=(NIVOLUMAB,))
    found = card(answer, "ici-stop-review")
    assert answer["state"] == "ici_myositis"
    assert found is not None
    assert (found["urgency"], found["options"][0]["key"]) == ("urgent", "stop")


@pytest.mark.parametrize("start", [0, -14])
def test_vector_15_high_dose_without_an_agent_suggests_one_on_day_1_and_on_day_15(start: int) -> None:
    assert "add-steroid-sparing-agent" in keys(suggestions(patient=ADULT, medications=(steroid(40, start),)))


def test_vector_16_a_decline_in_inclusion_body_myositis_is_not_escalated() -> None:
    answer = suggestions(
        patient={**ADULT, "diagnosis": "IBM"}, observations=(mmt8(70, -14), mmt8(60, 0), ck(2)), medications=TREATED
    )
    assert "ibm-no-escalation" in keys(answer)
    assert not {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis"} & set(keys(answer))
    assert "ESC-16" in held_back(answer)["add-ivig"]


def test_vector_17_azathioprine_without_tpmt_is_a_missing_screen() -> None:
    found = card(
        suggestions(patient=ADULT, medications=({"drug": "azathioprine", "dose": 100, "start": -5},)),
        "complete-screening",
    )
    assert found is not None
    assert any("TPMT" in item for item in found["collect_first"])


# ------------------------------------------------------------ further questions


def test_the_dose_of_ivig_is_a_range_with_totals_for_the_weight_on_file() -> None:
    weight = {"measure": "weight", "value": 30, "unit": "kg", "day": -20}
    ivig = card(suggestions(observations=(*FALLING, ck(2), weight), medications=TREATED), "add-ivig")
    assert ivig is not None
    assert "30 to 60 g at 30 kg" in ivig["options"][0]["dose"]
    assert any(fact.get("measure") == "weight" for fact in ivig["because"])
    assert any(conflict.startswith("C1") for conflict in ivig["conflicts"])


@pytest.mark.parametrize(("weight", "said"), [
    ((), "No weight is on file"),
    (({"measure": "weight", "value": 30, "unit": "kg", "day": -120},), "weigh first"),
])  # fmt: skip
def test_without_a_usable_weight_no_total_is_shown_and_the_option_says_so(weight: tuple[Any, ...], said: str) -> None:
    ivig = card(suggestions(observations=(*FALLING, ck(2), *weight), medications=TREATED), "add-ivig")
    assert ivig is not None
    assert any(said in caution for caution in ivig["options"][0]["cautions"])
    assert " kg (" not in ivig["options"][0]["dose"]


def test_for_an_adult_of_known_height_the_total_by_ideal_weight_is_shown_beside() -> None:
    body = (
        {"measure": "weight", "value": 100, "unit": "kg", "day": -20},
        {"measure": "height", "value": 165, "unit": "cm", "day": -20},
    )
    answer = suggestions(patient=ADULT, observations=(mmt8(78, -14), mmt8(70, 0), ck(4), *body), medications=TREATED)
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert "100 to 200 g at 100 kg" in ivig["options"][0]["dose"]
    assert "57 to 114 g at 57 kg" in ivig["options"][0]["dose"]


def test_ivig_that_still_acts_is_not_suggested_again() -> None:
    answer = suggestions(observations=(*FALLING, ck(2)), medications=(*TREATED, {**IVIG, "start": -20}))
    assert "add-ivig" not in keys(answer)
    assert "acting" in held_back(answer)["add-ivig"]


def test_after_ivig_had_four_weeks_rituximab_is_considered() -> None:
    answer = suggestions(observations=(*FALLING, ck(2)), medications=(*TREATED, {**IVIG, "start": -40}))
    rituximab = card(answer, "consider-rituximab")
    assert rituximab is not None
    assert rituximab["status"] == "ready"
    assert any("HBsAg" in item for item in rituximab["collect_first"])


def test_rituximab_of_the_last_nine_months_is_not_repeated() -> None:
    earlier = {
        "drug": "rituximab",
        "dose": 1000,
        "route": "iv",
        "frequency": "once",
        "intent": "infusion",
        "start": -200,
    }
    answer = suggestions(
        patient=ADULT,
        observations=(mmt8(78, -14), mmt8(70, 0), ck(2)),
        medications=(*TREATED, {**IVIG, "start": -90}, earlier),
    )
    assert "consider-rituximab" not in keys(answer)


def test_severe_weakness_without_a_recent_pulse_lists_pulse_and_ivig() -> None:
    answer = suggestions(
        observations=(cmas(40, -14), cmas(30, 0), ck(4)),
        medications=TREATED,
        events=[{"event": "dysphagia", "day": -2}],
    )
    assert {"consider-pulse", "add-ivig", "swallow-assessment"} <= set(keys(answer))
    assert answer["suggestions"][0]["urgency"] == "urgent"


def test_a_nerve_pattern_asks_for_ivig_by_the_day_and_no_steroid() -> None:
    answer = suggestions(observations=(*FALLING, ck(1)), events=[{"event": "areflexia", "day": -1}])
    ivig = card(answer, "add-ivig")
    assert answer["state"] == "gbs_pattern"
    assert ivig is not None
    assert "0.4 g/kg/day" in ivig["options"][0]["dose"]
    assert "consider-plasmapheresis" in keys(answer)
    assert "refer-neurology" in keys(answer)
    assert "consider-pulse" not in keys(answer)


def test_a_fever_makes_the_escalation_wait() -> None:
    answer = suggestions(observations=(*FALLING, ck(2)), medications=TREATED, events=[{"event": "fever", "day": -2}])
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert ivig["status"] == "pending"
    assert any("infection" in item for item in ivig["collect_first"])


def test_a_new_steroid_sparing_agent_is_not_called_failed() -> None:
    young = {**METHOTREXATE, "start": -40}
    ivig = card(suggestions(observations=(*FALLING, ck(2)), medications=(young, PREDNISONE)), "add-ivig")
    assert ivig is not None
    assert any("not called failed" in caution for caution in ivig["cautions"])


def test_an_adult_below_the_target_dose_is_told_so() -> None:
    answer = suggestions(patient=ADULT, observations=(mmt8(78, -14), mmt8(70, 0), ck(2)), medications=TREATED)
    assert "optimise-methotrexate" in keys(answer)
    assert "optimise-methotrexate" not in keys(suggestions(observations=(*FALLING, ck(2)), medications=TREATED))


@pytest.mark.parametrize("status", ["discharged", "deceased", "moved"])
def test_nothing_is_suggested_for_a_patient_who_left_and_the_reason_is_given(status: str) -> None:
    answer = suggestions(patient={**JUVENILE, "status": status}, observations=(*FALLING, ck(2)), medications=TREATED)
    assert answer["suggestions"] == []
    assert answer["safety"] == []
    assert "nothing is suggested" in held_back(answer)["add-ivig"]


def test_every_card_shows_what_a_reader_needs_to_check_it() -> None:
    answer = suggestions(observations=(*FALLING, ck(2)), medications=TREATED)
    json.dumps(answer)
    for found in (*answer["suggestions"], *answer["safety"]):
        assert found["status"] in ("ready", "pending")
        assert found["urgency"] in ("urgent", "action", "watch")
        assert found["no_change_is_an_option"] is True
        assert found["options"][-1]["key"] == "no-change"
        assert found["because"]
        for fact in found["because"]:
            assert {"value", "unit", "date"} <= fact.keys()
        for option in found["options"]:
            assert option.keys() == {"key", "text", "dose", "cautions"}
        for source in found["sources"]:
            assert {"title", "year", "where"} <= source.keys()
        for field in ("rule_id", "version", "logic_plain", "limitations", "thresholds", "override_codes"):
            assert field in found


def test_an_educational_page_is_never_called_a_guideline() -> None:
    for one in all_escalations():
        for citation in one.citations:
            shown = citation.as_json()
            if citation.id.startswith("seed-"):
                assert shown["label"] == "educational page, not a guideline"


def test_the_86_per_cent_of_one_page_and_experimental_agents_appear_nowhere() -> None:
    text = json.dumps(
        [[one.logic, one.limitations, one.why_it_matters, [c.says for c in one.citations]] for one in all_escalations()]
    )
    for forbidden in ("86", "creatine ", "IGF", "glutamine", "testosterone", "DHEA", "mifepristone"):
        assert forbidden not in text


def test_every_suggestion_names_its_catalogue_rows_sources_and_limits() -> None:
    assert {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis", "add-steroid-sparing-agent",
            "start-taper", "avoid-rapid-taper", "reduce-steroid-for-myopathy", "measure-troponin-i", "collect-first",
            "repeat-strength-test"} <= {one.key for one in all_escalations()}  # fmt: skip
    for one in all_escalations():
        assert one.catalogue, one.key
        assert one.citations, one.key
        assert one.logic, one.key
        assert one.limitations, one.key
        for row in one.thresholds(one.defaults()):
            assert row["mark"] in ("seen", "seed", "memory", "default", "contract")
            assert row["mark"] not in ("seen", "seed", "contract") or row["source"], (one.key, row["key"])


# ------------------------------------------------------------ what it can never say

SCORES = st.lists(st.tuples(st.integers(0, 52), st.integers(-120, 0)), max_size=5)
CKS = st.lists(st.tuples(st.floats(0.2, 60), st.integers(-120, 0)), max_size=3)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "dysphagia",
                "dyspnoea",
                "myalgia",
                "fever",
                "rash",
                "areflexia",
                "strenuous_exercise",
                "plasmapheresis",
                "interstitial_lung_disease",
            ]
        ),
        st.integers(-30, 0),
    ),
    max_size=3,
)
DRUGS = st.lists(
    st.tuples(st.sampled_from(["steroid", "pulse", "methotrexate", "ivig", "rituximab", "nivolumab", "azathioprine"]),
              st.integers(5, 80), st.integers(-200, 0)),
    max_size=4,
)  # fmt: skip


def _medication(kind: str, dose: int, start: int) -> dict[str, Any]:
    return {
        "steroid": steroid(dose, start),
        "pulse": {**EARLIER_PULSE, "start": start, "end": min(start + 2, 0)},
        "methotrexate": {**METHOTREXATE, "start": start},
        "ivig": {**IVIG, "start": start},
        "rituximab": {"drug": "rituximab", "dose": 1000, "route": "iv", "frequency": "once", "start": start},
        "nivolumab": {**NIVOLUMAB, "start": start},
        "azathioprine": {"drug": "azathioprine", "dose": dose, "start": start},
    }[kind]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    diagnosis=st.sampled_from(["JDM", "DM", "IBM", "IMNM", "ICI_MYOSITIS"]),
    scores=SCORES,
    cks=CKS,
    pain=st.none() | st.integers(0, 10),
    happened=EVENTS,
    drugs=DRUGS,
)
def test_no_two_cards_contradict_each_other(
    diagnosis: str,
    scores: list[tuple[int, int]],
    cks: list[tuple[float, int]],
    pain: int | None,
    happened: list[tuple[str, int]],
    drugs: list[tuple[str, int, int]],
) -> None:
    observations = [cmas(*score) for score in scores] + [ck(*value) for value in cks]
    if pain is not None:
        observations.append({"measure": "pain", "value": pain, "day": 0})
    answer = suggestions(
        patient={"mrn": "1", "diagnosis": diagnosis, "age_years": 10 if diagnosis == "JDM" else 60},
        observations=observations,
        medications=[_medication(*drug) for drug in drugs],
        events=[{"event": event, "day": day} for event, day in happened],
    )
    said = set(keys(answer))
    assert answer["state"] in STATES
    assert len({"start-taper", "avoid-rapid-taper", "reduce-steroid-for-myopathy"} & said) <= 1
    if "reduce-steroid-for-myopathy" in said:
        assert not ESCALATIONS - {"consider-cyclophosphamide"} & said
    if answer["state"] in ("pain_non_inflammatory", "exercise_ck"):
        assert not ESCALATIONS & said
    if answer["state"] == "indeterminate":
        assert all(
            found["status"] == "pending"
            for found in answer["suggestions"]
            if found["key"] in {"add-ivig", "consider-rituximab", "consider-pulse", "avoid-rapid-taper"}
        )
    if diagnosis == "IBM" and answer["state"] not in ("gbs_pattern", "ici_myositis"):
        assert not {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis"} & said
    exchange = card(answer, "consider-plasmapheresis")
    if exchange and any(kind == "ivig" and start >= -21 for kind, _, start in drugs):
        assert any("IVIG was given" in caution for caution in exchange["cautions"])
    for found in answer["suggestions"]:
        offered = {option["key"] for option in found["options"]}
        if offered & {"anti-tnf", "anti-tnf-or-il6"}:
            assert diagnosis == "JDM" or answer["state"] == "ici_myositis"
    topics = [found["topic"] for found in answer["suggestions"]]
    assert len(topics) == len(set(topics))
    assert not said & set(held_back(answer))


# ------------------------------------------------------------ what stands beside what

ILD = {"event": "interstitial_lung_disease", "day": -300}
MYCOPHENOLATE = {"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -300}
QUIET = (mmt8(80, -60), mmt8(80, -2), ck(0.5, -2))


def fvc(value: float, day: int) -> dict[str, Any]:
    return {"measure": "fvc_percent", "value": value, "day": day}


def test_a_low_and_steady_vital_capacity_under_treatment_is_for_the_next_visit() -> None:
    answer = suggestions(
        patient=ADULT, observations=(*QUIET, fvc(52, -200), fvc(53, -5)), medications=(MYCOPHENOLATE,), events=[ILD]
    )
    lung = card(answer, "consider-cyclophosphamide")
    assert lung is not None
    assert (answer["state"], lung["urgency"]) == ("stable", "watch")
    assert "low, and not falling" in lung["why"]


@pytest.mark.parametrize(
    "facts",
    [
        {"observations": (*QUIET, fvc(52, -200), fvc(53, -5))},
        {"observations": (*QUIET, fvc(52, -5)), "medications": (MYCOPHENOLATE,)},
    ],
    ids=["untreated", "one test only"],
)
def test_nobody_is_called_quiet_beside_a_card_of_this_week_about_the_disease(facts: dict[str, Any]) -> None:
    answer = suggestions(patient=ADULT, events=[ILD], **facts)
    lung = card(answer, "consider-cyclophosphamide")
    assert lung is not None
    assert lung["urgency"] == "action"
    assert answer["phenotype"]["title"] == "Muscle quiet; lung disease: consider stronger treatment"


def test_pain_does_not_switch_off_what_the_lung_asks_for() -> None:
    pain = [{"measure": "pain", "value": 7, "day": day} for day in (-60, -2)]
    answer = suggestions(patient=ADULT, observations=(*QUIET, *pain, fvc(80, -100), fvc(66, -2)), events=[ILD])
    assert answer["state"] == "pain_non_inflammatory"
    assert card(answer, "consider-cyclophosphamide") is not None
    assert "Beside it, and not explained by it: lung worse: FVC 80 → 66 %" in answer["phenotype"]["why"]
    assert not ESCALATIONS & set(keys(answer))


def test_after_a_pulse_that_did_not_help_no_other_pulse_is_proposed() -> None:
    facts: dict[str, Any] = {
        "patient": ADULT,
        "observations": (mmt8(50, -45), mmt8(50, -2), ck(15, -45), ck(15, -2)),
        "medications": (METHOTREXATE, PREDNISONE, {**EARLIER_PULSE, "start": -40, "end": -38}),
        "events": [{"event": "dysphagia", "day": -3}],
    }
    answer = suggestions(**facts)
    assert "did not help" in held_back(answer)["consider-pulse"]
    assert {"add-ivig", "consider-plasmapheresis", "refer-neurology"} <= set(keys(answer))
    # A pulse that helped may be followed by another.
    facts["observations"] = (mmt8(50, -45), mmt8(62, -2), ck(15, -45), ck(5, -2))
    assert "did not help" not in held_back(suggestions(**facts)).get("consider-pulse", "")


def test_active_disease_without_a_fall_is_not_called_weaker() -> None:
    steady = (mmt8(50, -190), mmt8(51, -60), mmt8(50, -2), ck(20, -190), ck(20, -60), ck(20, -2))
    answer = suggestions(patient=ADULT, observations=steady, medications=(METHOTREXATE, steroid(20, -200)))
    methotrexate = card(answer, "optimise-methotrexate")
    assert methotrexate is not None
    assert methotrexate["why"].startswith("Active disease under methotrexate 15 mg a week, taken since 6 May 2026")


def test_a_long_high_dose_in_disease_that_does_not_respond_is_one_card_with_both_halves() -> None:
    steady = (mmt8(50, -190), mmt8(51, -60), mmt8(50, -2), ck(20, -190), ck(20, -60), ck(20, -2))
    answer = suggestions(patient=ADULT, observations=steady, medications=(METHOTREXATE, steroid(60, -200)))
    both = card(answer, "avoid-rapid-taper")
    assert both is not None
    assert "strengthen the other treatment" in both["why"]
    assert card(answer, "start-taper") is None


def test_a_taper_in_disease_that_is_still_active_says_so() -> None:
    early = (mmt8(50, -36), mmt8(52, -2), ck(20, -36), ck(15, -2))
    answer = suggestions(
        patient=ADULT, observations=early, medications=({**METHOTREXATE, "start": -35}, steroid(60, -35))
    )
    taper = card(answer, "start-taper")
    assert taper is not None
    assert any(one.startswith("Still active: MMT8 52 of 80") for one in taper["cautions"])


RECOVERING = (
    mmt8(73, -250), mmt8(73, -220), mmt8(73, -190), mmt8(54, -170), mmt8(55, -140), mmt8(62, -60), mmt8(68, -2),
    ck(4, -190), ck(11, -170), ck(11, -140), ck(5, -60), ck(3, -2),
)  # fmt: skip


def test_nothing_is_added_while_a_fall_is_being_regained_under_treatment() -> None:
    medications = ({**METHOTREXATE, "dose": 25, "start": -800}, steroid(60, -165, -110), steroid(20, -109))
    answer = suggestions(patient=ADULT, observations=RECOVERING, medications=medications)
    assert answer["phenotype"]["title"] == "Inflammatory weakness, recovering under treatment"
    assert "MMT8 73 (the mean of the 3 scores before) -> 54" in held_back(answer)["add-ivig"]
    # Lost again, it is asked again.
    again = (*RECOVERING[:6], mmt8(55, -2), *RECOVERING[7:])
    assert "add-ivig" in keys(suggestions(patient=ADULT, observations=again, medications=medications))


def test_a_raised_troponin_under_a_checkpoint_inhibitor_is_not_called_weakness() -> None:
    heart = {"measure": "troponin_i", "value": 80, "unit": "ng/L", "upper_limit": 16, "day": -1}
    answer = suggestions(patient=ADULT, observations=(heart, ck(7)), medications=(NIVOLUMAB,))
    for key in ("add-ivig", "consider-pulse"):
        found = card(answer, key)
        assert found is not None
        assert "eak" not in found["why"]
    ivig = card(answer, "add-ivig")
    assert ivig is not None
    assert ivig["options"][0]["text"] == "IVIG together with steroid: nothing is on file as being taken."
    assert "adult dermatomyositis" not in str(ivig["options"])


@pytest.mark.parametrize(("antibody", "option"), [("HMGCR", "ivig-early"), ("SRP", "rituximab-early"), ("MI2", None)])
def test_necrotising_myopathy_begins_with_more_than_steroid(antibody: str, option: str | None) -> None:
    answer = suggestions(patient={**ADULT, "autoantibodies": antibody}, observations=(mmt8(60, -1), ck(45)))
    first = card(answer, "start-first-line-treatment")
    assert first is not None
    assert {"ivig-early", "rituximab-early"} & {one["key"] for one in first["options"]} == (
        {option} if option else set()
    )


@pytest.mark.parametrize(
    ("tests", "says", "urgency"),
    [
        ({}, "the muscle is a likely source", "action"),
        ({"gamma_gt": 30}, "gamma-GT is not, so the muscle is the likely source", "watch"),
        ({"gamma_gt": 130}, "muscle alone does not explain it", "action"),
    ],
)
def test_what_separates_liver_from_muscle_is_read(tests: dict[str, float], says: str, urgency: str) -> None:
    liver = [{"measure": key, "value": value, "upper_limit": 60, "day": -2} for key, value in tests.items()]
    answer = suggestions(
        patient=ADULT,
        observations=(*QUIET[:2], ck(5, -2), {"measure": "alt", "value": 130, "upper_limit": 40, "day": -2}, *liver),
        medications=(METHOTREXATE,),
    )
    source = card(answer, "check-source-of-transaminases")
    assert source is not None
    assert says in source["why"]
    assert source["urgency"] == urgency


def test_a_small_dose_that_nobody_cut_has_no_card_of_its_own() -> None:
    for dose, shown in ((7.5, False), (10, True)):
        answer = suggestions(observations=(*FALLING, ck(2)), medications=(METHOTREXATE, steroid(dose, -100)))
        assert (card(answer, "avoid-rapid-taper") is not None) == shown


# ------------------------------------------------------------ from the database


def _fact(day: dt.date, name: str) -> dict[str, Any]:
    instant = dt.datetime.combine(day, dt.time(12), dt.UTC)
    return {
        "received_at": instant, "received_on": day, "imported_at": instant, "sender": "csv",
        "identity": name, "content": name,
    }  # fmt: skip


def _store(engine: Engine) -> None:
    """The first vector as rows: 27 then 24, CK twice its limit that became known three days later."""
    instant = dt.datetime.combine(AS_OF, dt.time(12), dt.UTC)
    with Session(engine) as session:
        patient = Patient(mrn="007", diagnosis="JDM", created_at=instant, updated_at=instant)
        session.add(patient)
        session.flush()
        assert patient.id is not None
        for name, measure, value, limit, days in (
            ("a", "cmas", 27.0, None, 14), ("b", "cmas", 24.0, None, 0), ("c", "ck", 400.0, 200.0, 0),
        ):  # fmt: skip
            day = AS_OF - dt.timedelta(days=days)
            recorded = _fact(day, name)
            if measure == "ck":
                recorded["received_at"] += dt.timedelta(days=3)
            session.add(
                Observation(
                    patient_id=patient.id,
                    measure=measure,
                    value=value,
                    upper_limit=limit,
                    effective_on=day,
                    effective_at=dt.datetime.combine(day, dt.time(9), dt.UTC),
                    **recorded,
                )
            )
        for drug, dose, frequency in (("methotrexate", 15.0, "weekly"), ("prednisone", 20.0, "daily")):
            day = AS_OF - dt.timedelta(days=120)
            session.add(
                MedicationStatement(
                    patient_id=patient.id,
                    drug=drug,
                    dose=dose,
                    unit="mg",
                    frequency=frequency,
                    route="oral",
                    start_on=day,
                    **_fact(day, drug),
                )
            )
        session.commit()


def test_the_answer_for_a_patient_of_the_database(engine: Engine) -> None:
    _store(engine)
    answer = suggest(engine, "007", AS_OF)
    assert (answer["mrn"], answer["as_of"], answer["state"]) == ("007", AS_OF.isoformat(), "true_myositis")
    assert next(key for key in keys(answer) if key in ESCALATIONS) == "add-ivig"


def test_a_result_not_yet_known_leaves_the_suggestion_waiting(engine: Engine) -> None:
    _store(engine)
    known_at = dt.datetime.combine(AS_OF, dt.time(20), dt.UTC)
    ivig = card(suggest(engine, "007", AS_OF, known_at), "add-ivig")
    assert ivig is not None
    assert ivig["status"] == "pending"


def test_an_unknown_record_number_is_refused(engine: Engine) -> None:
    with pytest.raises(UnknownPatient):
        suggest(engine, "7", AS_OF)

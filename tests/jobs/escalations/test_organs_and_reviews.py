"""Suggestions about breathing, heart, lungs, statins and the response to treatment."""

from typing import Any

import pytest

from tests.suggestion_cases import (
    ADULT,
    EARLIER_PULSE,
    FALLING,
    METHOTREXATE,
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

WEAKER = (mmt8(78, -14), mmt8(68, 0))
NIVOLUMAB = {"drug": "nivolumab", "dose": 240, "route": "iv", "frequency": "every-2-weeks", "start": -60}
LUNG = {"event": "interstitial_lung_disease", "day": -300}


@pytest.mark.parametrize(("nif", "critical"), [(29, True), (30, False)])
def test_a_nif_weaker_than_30_is_critical(nif: float, critical: bool) -> None:
    found = card(
        suggestions(observations=({"measure": "nif", "value": nif, "unit": "cm[H2O]", "day": -1},)),
        "respiratory-assessment",
    )
    assert (found is not None) is critical
    if found:
        assert "intensive-care" in {option["key"] for option in found["options"]}


def test_a_fall_of_fvc_by_more_than_30_per_cent_is_critical() -> None:
    fvc = [{"measure": "fvc_percent", "value": value, "unit": "%", "day": day} for value, day in ((90, -60), (60, 0))]
    assert "respiratory-assessment" in keys(suggestions(observations=fvc))


def test_raised_troponin_i_outside_a_checkpoint_inhibitor_asks_for_the_heart() -> None:
    answer = suggestions(
        patient=ADULT,
        observations=({"measure": "troponin_i", "value": 30, "unit": "ng/L", "upper_limit": 16, "day": -3},),
    )
    found = card(answer, "assess-heart")
    assert found is not None
    assert found["urgency"] == "urgent"


def test_a_troponin_t_of_another_assay_that_was_cleared_does_not_ask_again() -> None:
    readings = [
        {"measure": "troponin_t", "value": value, "unit": "ng/L", "upper_limit": 14, "assay": "hs", "day": day}
        for value, day in ((90, -30), (10, 0))
    ]
    assert "measure-troponin-i" not in keys(suggestions(patient=ADULT, observations=readings))


def test_severe_checkpoint_inhibitor_myositis_lists_ivig_exchange_and_steroid() -> None:
    answer = suggestions(
        patient=ADULT,
        observations=(*WEAKER, ck(10)),
        medications=(NIVOLUMAB,),
        events=[{"event": "dysphagia", "day": -1}],
    )
    assert {"ici-stop-review", "add-ivig", "consider-plasmapheresis", "consider-pulse", "refer-neurology"} <= set(
        keys(answer)
    )
    assert "judged after 14 days" in held_back(answer)["consider-rituximab"]


def test_two_weeks_of_steroid_without_effect_after_a_checkpoint_inhibitor_consider_rituximab() -> None:
    answer = suggestions(patient=ADULT, observations=(*WEAKER, ck(10)), medications=(NIVOLUMAB, steroid(60, -20)))
    found = card(answer, "consider-rituximab")
    assert found is not None
    assert any("not established" in caution for caution in found["cautions"])


def test_an_exchange_in_danger_after_recent_ivig_carries_the_caution() -> None:
    ivig = {"drug": "ivig", "dose": 2, "unit": "g/kg", "route": "iv", "frequency": "once", "start": -10}
    answer = suggestions(
        patient=ADULT,
        observations=(*WEAKER, ck(10)),
        medications=(*TREATED, ivig),
        events=[{"event": "dyspnoea", "day": -1}],
    )
    found = card(answer, "consider-plasmapheresis")
    assert found is not None
    assert "IVIG was given" in found["cautions"][0]


@pytest.mark.parametrize(("fvc", "suggested"), [((80, 75), False), ((80, 70), True), ((58, 58), True)])
def test_lung_disease_with_a_low_or_falling_fvc_considers_stronger_treatment(
    fvc: tuple[float, float], suggested: bool
) -> None:
    readings = [
        {"measure": "fvc_percent", "value": value, "unit": "%", "day": day}
        for value, day in zip(fvc, (-120, -2), strict=True)
    ]
    answer = suggestions(patient=ADULT, observations=readings, events=[LUNG])
    assert ("consider-cyclophosphamide" in keys(answer)) is suggested


def test_lung_disease_with_dyspnoea_and_no_fvc_waits_for_it() -> None:
    found = card(
        suggestions(patient=ADULT, events=[LUNG, {"event": "dyspnoea", "day": -1}]), "consider-cyclophosphamide"
    )
    assert found is not None
    assert (found["status"], found["urgency"]) == ("pending", "urgent")


def test_a_statin_with_weakness_is_reviewed_and_stopped_with_its_antibody() -> None:
    statin = {"drug": "atorvastatin", "dose": 20, "start": -300}
    review = card(suggestions(patient=ADULT, observations=(*WEAKER, ck(10)), medications=(statin,)), "review-statin")
    known = card(
        suggestions(
            patient={**ADULT, "autoantibodies": "HMGCR"}, observations=(*WEAKER, ck(10)), medications=(statin,)
        ),
        "review-statin",
    )
    assert review is not None
    assert known is not None
    assert (review["options"][0]["key"], known["options"][0]["key"]) == ("pause", "stop")
    assert "review-statin" not in keys(suggestions(patient=ADULT, observations=(ck(1),), medications=(statin,)))


@pytest.mark.parametrize(("ended", "due"), [(-27, False), (-28, True), (-42, True), (-43, False)])
def test_a_pulse_is_checked_from_day_28_to_day_42(ended: int, due: bool) -> None:
    pulse = {**EARLIER_PULSE, "start": ended - 2, "end": ended}
    assert ("check-response-after-pulse" in keys(suggestions(medications=(METHOTREXATE, pulse)))) is due


def test_a_pulse_with_strength_and_ck_in_its_window_needs_no_check() -> None:
    pulse = {**EARLIER_PULSE, "start": -37, "end": -35}
    answer = suggestions(observations=(cmas(30, -50), cmas(33, -2), ck(1, -2)), medications=(METHOTREXATE, pulse))
    assert "check-response-after-pulse" not in keys(answer)


@pytest.mark.parametrize(("start", "due"), [(-89, False), (-90, True), (-118, True), (-119, False), (-180, True)])
def test_an_agent_is_looked_at_after_three_and_six_months(start: int, due: bool) -> None:
    agent = {**METHOTREXATE, "start": start}
    assert ("check-response-to-sparing-agent" in keys(suggestions(patient=ADULT, medications=(agent,)))) is due


def test_first_line_treatment_is_for_inflammatory_weakness_without_any() -> None:
    body = {"measure": "weight", "value": 70, "unit": "kg", "day": -5}
    answer = suggestions(patient=ADULT, observations=(*WEAKER, ck(10), body))
    found = card(answer, "start-first-line-treatment")
    assert found is not None
    assert "35 to 70 mg at 70 kg" in found["options"][0]["dose"]
    assert "first-line treatment comes before IVIG" in held_back(answer)["add-ivig"]
    assert "start-first-line-treatment" not in keys(suggestions(observations=(*FALLING, ck(2)), medications=TREATED))


def test_anti_hmgcr_disease_lists_ivig_early() -> None:
    answer = suggestions(
        patient={**ADULT, "diagnosis": "IMNM", "autoantibodies": "HMGCR"}, observations=(*WEAKER, ck(20))
    )
    assert {"start-first-line-treatment", "add-ivig"} <= set(keys(answer))


def test_anti_srp_disease_lists_rituximab_under_treatment() -> None:
    answer = suggestions(
        patient={**ADULT, "diagnosis": "IMNM", "autoantibodies": "SRP"},
        observations=(*WEAKER, ck(20)),
        medications=TREATED,
    )
    assert {"add-ivig", "consider-rituximab"} <= set(keys(answer))


def test_azathioprine_comes_first_where_pregnancy_is_possible_and_mycophenolate_with_lung_disease() -> None:
    alone = (steroid(40, -20),)
    pregnancy = card(
        suggestions(patient=ADULT, medications=alone, events=[{"event": "pregnancy_possible", "day": -20}]),
        "add-steroid-sparing-agent",
    )
    lung = card(suggestions(patient=ADULT, medications=alone, events=[LUNG]), "add-steroid-sparing-agent")
    assert pregnancy is not None
    assert lung is not None
    assert pregnancy["options"][0]["key"] == "azathioprine"
    assert lung["options"][0]["key"] == "mycophenolate"


def test_a_review_point_for_the_taper_opens_on_day_14() -> None:
    early = card(suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(60, -13))), "start-taper")
    assert early is not None
    assert early["urgency"] == "watch"
    assert card(suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(60, -12))), "start-taper") is None


def test_exactly_30_mg_is_not_high_and_asks_for_no_taper() -> None:
    assert card(suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(30, -60))), "start-taper") is None


def test_a_dose_that_was_cut_fast_in_a_flare_offers_the_step_back() -> None:
    cut = (METHOTREXATE, steroid(40, -60, -6), steroid(15, -5))
    found = card(suggestions(observations=(*FALLING, ck(3)), medications=cut), "avoid-rapid-taper")
    assert found is not None
    assert "step-back" in {option["key"] for option in found["options"]}


def test_slow_inclusion_body_myositis_with_a_quiet_ck_asks_for_no_work_up() -> None:
    answer = suggestions(patient={**ADULT, "diagnosis": "IBM"}, observations=(*WEAKER, ck(1)))
    assert keys(answer) == ["repeat-strength-test", "ibm-no-escalation"] or keys(answer) == ["ibm-no-escalation"]


def test_a_pulse_that_waits_for_facts_is_not_urgent() -> None:
    found = card(suggestions(observations=(cmas(40, -14), cmas(30, 0)), medications=TREATED), "consider-pulse")
    assert found is not None
    assert (found["status"], found["urgency"]) == ("pending", "action")


STRONG = ({"measure": "mmt8", "value": 80, "day": -3}, {"measure": "ck", "value": 100, "upper_limit": 200, "day": -3})


def worse_skin(last: float) -> tuple[dict[str, Any], ...]:
    return tuple({"measure": "cdasi_activity", "value": value, "day": day}
                 for value, day in ((12, -120), (13, -60), (last, -3)))  # fmt: skip


def test_severe_skin_without_weakness_brings_ivig_as_an_option_with_what_was_not_studied() -> None:
    found = card(
        suggestions(patient=ADULT, observations=(*STRONG, *worse_skin(30)), medications=(METHOTREXATE,)), "add-ivig"
    )
    assert found is not None
    assert "A severe rash under treatment is a reason for IVIG without weakness too." in found["why"]
    assert [one["key"] for one in found["options"]] == ["skin-care", "ivig", "mycophenolate", "no-change"]
    told = str(found["options"])
    assert "skin without weakness was not studied" in told


@pytest.mark.parametrize(
    ("last", "drugs", "diagnosis"),
    [
        (18, (METHOTREXATE,), "DM"),  # worse, but mild
        (30, (), "DM"),  # untreated: first-line treatment first
        (30, (METHOTREXATE,), "IMNM"),
    ],
)
def test_skin_that_is_mild_or_untreated_or_not_of_this_disease_brings_no_ivig(
    last: float, drugs: tuple[dict[str, Any], ...], diagnosis: str
) -> None:
    who = ADULT | {"diagnosis": diagnosis}
    assert "add-ivig" not in keys(
        suggestions(patient=who, observations=(*STRONG, *worse_skin(last)), medications=drugs)
    )


def test_ivig_that_runs_is_not_offered_for_the_skin_again() -> None:
    ivig = {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -60}
    answer = suggestions(patient=ADULT, observations=(*STRONG, *worse_skin(30)), medications=(METHOTREXATE, ivig))
    assert "add-ivig" not in keys(answer)


@pytest.mark.parametrize(("begun", "said"), [(-60, True), (-130, False)])
def test_rituximab_before_the_trial_of_immunoglobulin_is_judged_says_so(begun: int, said: bool) -> None:
    ivig = {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": begun}
    weaker = (cmas(40, -140), cmas(40, -110), cmas(30, -14), cmas(29, 0), ck(6))
    found = card(
        suggestions(patient=ADULT, observations=weaker, medications=(METHOTREXATE, ivig)), "consider-rituximab"
    )
    assert found is not None
    assert ("judged on" in " ".join(found["cautions"])) == said

"""Safety cards: prevention, screens and dangerous pairs, apart from the treatment suggestions."""

from typing import Any

import pytest

from tests.suggestion_cases import ADULT, METHOTREXATE, card, ck, steroid, suggestions


def made(key: str, **facts: Any) -> bool:
    """Whether the card is shown."""
    return card(suggestions(patient=ADULT, **facts), key) is not None


def test_safety_cards_stand_apart_from_the_suggestions() -> None:
    answer = suggestions(patient=ADULT, medications=(METHOTREXATE,))
    assert "complete-screening" in {found["key"] for found in answer["safety"]}
    assert "complete-screening" not in {found["key"] for found in answer["suggestions"]}


@pytest.mark.parametrize(("dose", "start", "due"), [(20, -27, True), (20, -26, False), (19, -60, False)])
def test_prophylaxis_is_considered_at_20_mg_for_28_days_with_another_agent(dose: float, start: int, due: bool) -> None:
    assert made("add-pjp-prophylaxis", medications=(METHOTREXATE, steroid(dose, start))) is due


def test_prophylaxis_on_file_is_enough_and_methotrexate_rules_co_trimoxazole_out() -> None:
    atovaquone = {"drug": "atovaquone", "dose": 1500, "start": -20}
    assert not made("add-pjp-prophylaxis", medications=(METHOTREXATE, steroid(30, -60), atovaquone))
    found = card(suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(30, -60))), "add-pjp-prophylaxis")
    assert found is not None
    assert "co-trimoxazole" not in {option["key"] for option in found["options"]}


def test_bone_is_protected_after_three_months_of_steroid() -> None:
    assert made("add-bone-protection", medications=(steroid(5, -100),))
    assert not made("add-bone-protection", medications=(steroid(5, -60),))
    covered = (steroid(5, -100), {"drug": "calcium and vitamin d", "dose": 1000, "start": -90})
    assert not made("add-bone-protection", medications=covered, events=[{"event": "dxa", "day": -50}])


def test_a_bone_drug_is_due_at_very_high_dose() -> None:
    found = card(suggestions(patient=ADULT, medications=(steroid(60, -40),)), "add-bone-protection")
    assert found is not None
    assert "bone-drug" in {option["key"] for option in found["options"]}


def options(found: dict[str, Any] | None) -> list[str]:
    """The keys of a card's options, in their order."""
    assert found is not None
    return [option["key"] for option in found["options"]]


def said(found: dict[str, Any] | None) -> str:
    """All a card says, in one text."""
    return str(found)


def test_an_anabolic_drug_stands_first_at_very_high_risk_only() -> None:
    very_high = card(suggestions(patient=ADULT, medications=(steroid(60, -40),)), "add-bone-protection")
    assert options(very_high)[0] == "anabolic"
    assert "teriparatide or abaloparatide" in said(very_high)
    moderate = suggestions(
        patient=ADULT,
        medications=(steroid(5, -120), {"drug": "calcium and vitamin d", "dose": 1000, "start": -90}),
        observations=({"measure": "bone_t_score", "value": -1.4, "unit": "", "day": -20},),
        events=[{"event": "dxa", "day": -20}],
    )
    assert options(card(moderate, "add-bone-protection"))[0] == "bone-drug"


def test_what_is_not_on_file_of_the_fracture_risk_is_said() -> None:
    found = card(suggestions(patient=ADULT, medications=(steroid(5, -120),)), "add-bone-protection")
    assert found is not None
    assert found["collect_first"] == ["FRAX and a T-score are not on file"]


def test_a_child_is_asked_for_the_spine_and_growth_never_for_a_scan() -> None:
    found = card(
        suggestions(patient={**ADULT, "age_years": 9}, medications=(steroid(10, -200),)), "add-bone-protection"
    )
    assert "child-bone" in options(found)
    assert not {"dxa", "bone-drug", "anabolic"} & set(options(found))


def test_a_young_adult_is_asked_for_a_scan_without_frax() -> None:
    found = card(
        suggestions(patient={**ADULT, "age_years": 30}, medications=(steroid(5, -200),)), "add-bone-protection"
    )
    assert found is not None
    scan = next(option for option in found["options"] if option["key"] == "dxa")
    assert "FRAX" not in scan["text"]
    assert "FRAX is not made for under 40" in str(scan["cautions"])


@pytest.mark.parametrize(("value", "offered", "asked"), [(None, True, True), (0, True, False), (1, False, False)])
def test_dapsone_waits_for_g6pd_and_is_left_out_in_deficiency(value: int | None, offered: bool, asked: bool) -> None:
    on_file = () if value is None else ({"measure": "g6pd_deficiency", "value": value, "unit": "", "day": -20},)
    answer = suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(30, -60)), observations=on_file)
    found = card(answer, "add-pjp-prophylaxis")
    assert found is not None
    assert ("dapsone" in options(found)) is offered
    assert any("G6PD" in one for one in found["collect_first"]) is asked


def test_prophylaxis_names_whose_threshold_it_is_and_when_it_may_stop() -> None:
    found = card(suggestions(patient=ADULT, medications=(METHOTREXATE, steroid(20, -27))), "add-pjp-prophylaxis")
    assert "EULAR 2022" in said(found)
    assert "may stop" in said(found)


def test_prophylaxis_nothing_calls_for_any_more_is_reviewed() -> None:
    atovaquone = {"drug": "atovaquone", "dose": 1500, "start": -200}
    low = (METHOTREXATE, steroid(40, -200, -60), steroid(5, -59), atovaquone)
    assert made("review-pjp-prophylaxis", medications=low)
    assert not made("review-pjp-prophylaxis", medications=(METHOTREXATE, steroid(40, -200), atovaquone))


@pytest.mark.parametrize(("frequency", "wrong"), [("daily", True), ("twice-daily", True), ("weekly", False)])
def test_methotrexate_is_weekly(frequency: str, wrong: bool) -> None:
    assert made("check-methotrexate-frequency", medications=({**METHOTREXATE, "frequency": frequency},)) is wrong


def test_contraception_is_confirmed_where_pregnancy_is_possible() -> None:
    possible = {"event": "pregnancy_possible", "day": -30}
    assert made("confirm-contraception", medications=(METHOTREXATE,), events=[possible])
    safe = [possible, {"event": "contraception", "day": -20}]
    assert not made("confirm-contraception", medications=(METHOTREXATE,), events=safe)
    assert not made("confirm-contraception", medications=(METHOTREXATE,))
    ended = [*safe, {"event": "contraception", "day": -5, "present": "no"}]
    assert made("confirm-contraception", medications=(METHOTREXATE,), events=ended)
    long_ago = [possible, {"event": "contraception", "day": -400}]
    assert made("confirm-contraception", medications=(METHOTREXATE,), events=long_ago)


def test_methotrexate_with_lung_disease_is_reviewed() -> None:
    lung = [{"event": "interstitial_lung_disease", "day": -30}]
    assert made("review-methotrexate-with-lung-disease", medications=(METHOTREXATE,), events=lung)


def test_transaminases_with_raised_ck_are_checked_for_their_source() -> None:
    alt = {"measure": "alt", "value": 150, "unit": "U/L", "upper_limit": 40, "day": 0}
    assert made("check-source-of-transaminases", observations=(alt, ck(4)), medications=(METHOTREXATE,))
    assert not made("check-source-of-transaminases", observations=(alt, ck(1)), medications=(METHOTREXATE,))


@pytest.mark.parametrize(("start", "end", "dose", "abrupt"), [
    (-60, -5, 20, True),
    (-24, -5, 20, False),
    (-60, -5, 7.5, False),
    (-60, -40, 20, False),
])  # fmt: skip
def test_an_abrupt_end_of_a_long_course_asks_about_the_adrenal_glands(
    start: int, end: int, dose: float, abrupt: bool
) -> None:
    assert made("check-adrenal-suppression", medications=(steroid(dose, start, end),)) is abrupt


def test_a_tapered_end_does_not() -> None:
    tapered = (steroid(20, -60, -15), steroid(5, -14, -5))
    assert not made("check-adrenal-suppression", medications=tapered)


@pytest.mark.parametrize(("dose", "above"), [(80, False), (100, True)])
def test_a_dose_above_the_cap_is_checked(dose: float, above: bool) -> None:
    assert made("check-starting-dose", medications=(steroid(dose, -3),)) is above


@pytest.mark.parametrize(
    ("who", "asked_about"), [(ADULT, True), (ADULT | {"age_years": 60}, False), (ADULT | {"sex": "male"}, False)]
)
def test_a_screen_done_before_the_drug_counts_and_pregnancy_is_asked_about_as_the_rule_does(
    who: dict[str, Any], asked_about: bool
) -> None:
    screens = [{"measure": name, "value": 0, "day": -400} for name in ("hbsag", "anti_hbc", "anti_hcv")]
    found = card(suggestions(patient=who, observations=screens, medications=(METHOTREXATE,)), "complete-screening")
    assert found is not None
    asked = " ".join(found["collect_first"])
    assert "HBsAg" not in asked
    assert ("egnancy" in asked) == asked_about

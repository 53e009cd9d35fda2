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


@pytest.mark.parametrize(("frequency", "wrong"), [("daily", True), ("twice-daily", True), ("weekly", False)])
def test_methotrexate_is_weekly(frequency: str, wrong: bool) -> None:
    assert made("check-methotrexate-frequency", medications=({**METHOTREXATE, "frequency": frequency},)) is wrong


def test_contraception_is_confirmed_where_pregnancy_is_possible() -> None:
    possible = {"event": "pregnancy_possible", "day": -30}
    assert made("confirm-contraception", medications=(METHOTREXATE,), events=[possible])
    safe = [possible, {"event": "contraception", "day": -20}]
    assert not made("confirm-contraception", medications=(METHOTREXATE,), events=safe)
    assert not made("confirm-contraception", medications=(METHOTREXATE,))


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


def test_a_screen_done_before_the_drug_counts_and_pregnancy_only_where_possible() -> None:
    screens = [{"measure": name, "value": 0, "day": -400} for name in ("hbsag", "anti_hbc", "anti_hcv")]
    found = card(suggestions(patient=ADULT, observations=screens, medications=(METHOTREXATE,)), "complete-screening")
    assert found is not None
    asked = " ".join(found["collect_first"])
    assert "HBsAg" not in asked
    assert "egnancy" not in asked

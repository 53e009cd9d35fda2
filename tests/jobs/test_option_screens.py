"""Lists of options obey what screening found, whichever suggestion makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.option_screens import PREGNANCY_NOT_ASKED
from tests.suggestion_cases import ADULT, JUVENILE, card, ck, mmt8, suggestions

ACTIVE = (mmt8(50, -3), ck(20, -3))
FAILED = (mmt8(50, -250), ck(20, -250), *ACTIVE)
TREATED = (
    {"drug": "azathioprine", "dose": 150, "start": -240},
    {"drug": "prednisone", "dose": 20, "start": -240},
)
WOMAN = {**ADULT, "age_years": 30}
IVIG_FAILED = (*TREATED, {"drug": "ivig", "dose": 70, "unit": "g", "frequency": "once", "route": "iv", "start": -120})
LUNG = {"event": "interstitial_lung_disease", "day": -100}


def result(screen: str, value: float) -> dict[str, Any]:
    return {"measure": screen, "value": value, "day": -10}


def options(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {one["key"]: one for one in shown["options"]}


LISTS: dict[str, dict[str, Any]] = {
    "start-first-line-treatment": {"observations": ACTIVE},
    "add-ivig": {"observations": FAILED, "medications": TREATED},
    "consider-rituximab": {"observations": FAILED, "medications": IVIG_FAILED},
    "add-steroid-sparing-agent": {"observations": ACTIVE, "medications": TREATED[1:]},
    "consider-cyclophosphamide": {
        "observations": (*FAILED, {"measure": "fvc_percent", "value": 50, "day": -5}),
        "medications": TREATED,
        "events": (LUNG,),
    },
}


def asked(key: str, *results: Mapping[str, Any], patient: Any = WOMAN, events: Sequence[Any] = ()) -> Mapping[str, Any]:
    case = LISTS[key]
    found = suggestions(
        patient=patient,
        observations=(*case["observations"], *results),
        medications=case.get("medications", ()),
        events=(*case.get("events", ()), *events),
    )
    return card(found, key)


@pytest.mark.parametrize("key", ["start-first-line-treatment", "add-steroid-sparing-agent"])
def test_azathioprine_is_no_option_without_tpmt_activity_and_the_card_says_why(key: str) -> None:
    shown = asked(key, result("tpmt", 2))
    assert "azathioprine" not in options(shown)
    assert any("Azathioprine is left out: TPMT 2" in caution for caution in shown["cautions"])
    assert "azathioprine" in options(asked(key, result("tpmt", 30)))
    low = options(asked(key, result("tpmt", 15)))["azathioprine"]
    assert any("half the dose" in caution for caution in low["cautions"])


HARMFUL = {"methotrexate", "mycophenolate", "cyclophosphamide"}


@pytest.mark.parametrize("key", LISTS)
def test_no_list_offers_what_harms_the_unborn_in_pregnancy(key: str) -> None:
    before, now = options(asked(key)), options(asked(key, result("hcg", 1)))
    assert HARMFUL & set(before)
    assert not HARMFUL & set(now)
    assert set(before) - HARMFUL == set(now)


@pytest.mark.parametrize("key", LISTS)
def test_pregnancy_is_asked_about_where_nothing_is_on_file(key: str) -> None:
    shown = asked(key)
    for name in HARMFUL & set(options(shown)):
        assert any("pregnancy" in caution for caution in options(shown)[name]["cautions"]), name
    assert any("pregnancy is possible" in item for item in shown["collect_first"])
    man = asked(key, patient={**WOMAN, "sex": "male"})
    assert not any(PREGNANCY_NOT_ASKED in one["cautions"] for one in man["options"])
    assert not any("pregnancy is possible" in item for item in man["collect_first"])
    no = {"event": "pregnancy_possible", "day": -30, "present": "no"}
    assert not any("pregnancy is possible" in item for item in asked(key, events=[no])["collect_first"])


@pytest.mark.parametrize("key", LISTS)
def test_what_could_harm_the_unborn_stands_last_while_pregnancy_is_possible_and_not_prevented(key: str) -> None:
    possible = {"event": "pregnancy_possible", "day": -30}
    keys = [one["key"] for one in asked(key, events=[possible])["options"] if one["key"] != "no-change"]
    harmful = [name in HARMFUL for name in keys]
    assert harmful == sorted(harmful)
    protected = asked(key, events=[possible, {"event": "contraception", "day": -20}])
    assert not any(
        "not before that is settled" in caution for one in protected["options"] for caution in one["cautions"]
    )


@pytest.mark.parametrize("key", ["add-ivig", "consider-rituximab", "consider-cyclophosphamide"])
@pytest.mark.parametrize(
    ("screen", "value", "says"),
    [
        ("hbsag", 1, "antiviral treatment first"),
        ("anti_hbc", 1, "HBV DNA first"),
        ("igg", 300, "replacement first"),
        ("hiv", 1, "infectious diseases first"),
        ("igra", 1, "preventive treatment first"),
    ],
)
def test_rituximab_is_offered_with_what_comes_first_and_behind_the_rest(
    key: str, screen: str, value: float, says: str
) -> None:
    shown = asked(key, result(screen, value))
    assert any(says in caution for caution in options(shown)["rituximab"]["cautions"])
    assert any(fact.get("measure") == screen for fact in shown["because"])
    clean = asked(key, result(screen, {"igg": 900}.get(screen, 0)))
    assert not any(says in caution for caution in options(clean)["rituximab"]["cautions"])


def test_high_sugar_is_told_beside_the_steroid_which_stays_first() -> None:
    shown = asked("start-first-line-treatment", result("hba1c", 9))
    assert shown["options"][0]["key"] == "prednisone"
    assert any("HbA1c 9 %" in caution for caution in shown["options"][0]["cautions"])


def test_a_childs_immunoglobulin_is_not_held_against_an_adult_limit() -> None:
    found = suggestions(patient=JUVENILE, observations=(*ACTIVE, result("igg", 300)))
    shown = card(found, "start-first-line-treatment")
    assert not any("IgG" in caution for one in shown["options"] for caution in one["cautions"])


def test_what_a_result_changes_is_a_card_of_its_own() -> None:
    found = suggestions(
        patient=ADULT,
        observations=(result("anti_hbc", 1),),
        medications=({"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -60},),
    )
    shown = card(found, "heed-screening-result")
    assert shown["urgency"] == "urgent"
    assert "HBV DNA" in options(shown)["anti_hbc"]["text"]

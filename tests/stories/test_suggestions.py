"""The seventeen worked cases of the clinical catalogue, asked through import and suggest."""

from typing import Any

import pytest

from tests.stories.conftest import Clinic, cmas, day, drug, event, laboratory, observation

CHILD = {"mrn": "1", "diagnosis": "JDM", "birth_date": "2015-05-01"}
ADULT = {"mrn": "1", "diagnosis": "DM", "birth_date": "1970-05-01", "sex": "male"}
FALL = (cmas("1", 27, -14, assessor="PT A"), cmas("1", 24, 0, assessor="PT A"))
MTX = drug("1", "methotrexate", 15, -200, frequency="weekly", route="sc")
PREDNISONE = drug("1", "prednisone", 20, -100)
PULSE = drug("1", "methylprednisolone", 500, -120, -118, route="iv", intent="pulse")


def ck(times: float, offset: int = 0) -> dict[str, object]:
    """A CK as multiples of its limit of 200."""
    return laboratory("1", "ck", 200 * times, offset, 200)


def _keys(answer: dict[str, Any]) -> list[str]:
    return [one["key"] for one in answer["suggestions"]]


def _card(answer: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for one in answer["suggestions"] if one["key"] == key)


def _escalations(answer: dict[str, Any]) -> set[str]:
    return set(_keys(answer)) & {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis"}


def _everything(answer: dict[str, Any]) -> str:
    return str(answer).lower()


def test_the_answer_has_the_shape_other_programs_rely_on(clinic: Clinic) -> None:
    clinic.load(patients=[CHILD], observations=[*FALL, ck(2, -14), ck(2)], medications=[MTX, PREDNISONE, PULSE])
    answer = clinic.suggest("1")
    assert {"mrn", "as_of", "state", "suggestions", "suppressed", "missing"} <= set(answer)
    assert (answer["mrn"], answer["as_of"]) == ("1", day(0))
    for one in answer["suggestions"]:
        assert {
            "key", "title", "status", "urgency", "because", "options", "collect_first", "cautions", "sources",
            "no_change_is_an_option",
        } <= set(one)  # fmt: skip
        assert one["status"] in {"ready", "pending"}
        assert one["no_change_is_an_option"] is True
        assert one["because"]
        for fact in one["because"]:
            assert {"value", "unit", "date"} <= set(fact)
        for option in one["options"]:
            assert {"key", "text", "dose", "cautions"} <= set(option)
        for source in one["sources"]:
            assert {"title", "year", "where"} <= set(source)
    for one in answer["suppressed"]:
        assert set(one) >= {"key", "reason"}
        assert one["reason"]
    assert all(isinstance(one, str) for one in answer["missing"])


def test_1_decline_with_raised_ck_on_methotrexate_and_steroid_asks_about_ivig_first(clinic: Clinic) -> None:
    clinic.load(patients=[CHILD], observations=[*FALL, ck(2, -14), ck(2)], medications=[MTX, PREDNISONE, PULSE])
    answer = clinic.suggest("1")
    assert answer["state"] == "true_myositis"
    assert "add-ivig" in _keys(answer)
    assert _card(answer, "add-ivig")["status"] == "ready"
    order = [
        key
        for key in _keys(answer)
        if key in {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis"}
    ]
    assert order[0] == "add-ivig"
    assert {(fact["value"], fact["date"]) for fact in _card(answer, "add-ivig")["because"]} >= {
        (24, day(0)),
        (27, day(-14)),
    }


def test_2_the_same_without_ck_is_pending(clinic: Clinic) -> None:
    clinic.load(patients=[CHILD], observations=FALL, medications=[MTX, PREDNISONE, PULSE])
    answer = clinic.suggest("1")
    assert "collect-first" in _keys(answer) or any(one["status"] == "pending" for one in answer["suggestions"])
    if "add-ivig" in _keys(answer):
        assert _card(answer, "add-ivig")["status"] == "pending"
        assert _card(answer, "add-ivig")["collect_first"]
    assert any("ck" in one.lower() for one in answer["missing"])


def test_3_the_same_with_normal_ck_on_60_mg_for_five_weeks_is_not_answered_with_ivig(clinic: Clinic) -> None:
    clinic.load(
        patients=[CHILD],
        observations=[*FALL, ck(0.8, -14), ck(0.8)],
        medications=[MTX, drug("1", "prednisone", 60, -35), PULSE],
    )
    answer = clinic.suggest("1")
    assert answer["state"] in {"steroid_myopathy_possible", "indeterminate"}
    assert "add-ivig" not in [one["key"] for one in answer["suggestions"] if one["status"] == "ready"]
    assert "reduce-steroid-for-myopathy" in _keys(answer)
    assert ("1", "prolonged-high-dose-steroids", "steroids") in clinic.met(0)


def test_4_one_point_is_nothing(clinic: Clinic) -> None:
    clinic.load(patients=[CHILD], observations=[cmas("1", 27, -14), cmas("1", 26), ck(0.8)], medications=[MTX])
    assert clinic.met(0, "--rule", "declining-strength") == set()
    assert _escalations(clinic.suggest("1")) == set()


def test_5_another_assessor_asks_for_a_repeat_first(clinic: Clinic) -> None:
    clinic.load(
        patients=[CHILD],
        observations=[cmas("1", 45, -14, assessor="PT A"), cmas("1", 42, 0, assessor="PT B"), ck(0.8)],
        medications=[MTX],
    )
    answer = clinic.suggest("1")
    assert "repeat-strength-test" in _keys(answer)
    assert {one["status"] for one in answer["suggestions"] if one["key"] in _escalations(answer)} <= {"pending"}


def test_6_pain_with_normal_strength_and_normal_ck_suppresses_every_escalation(clinic: Clinic) -> None:
    clinic.load(
        patients=[ADULT],
        observations=[
            observation("1", "pain", 8), observation("1", "mmt8", 80, -28), observation("1", "mmt8", 80), ck(0.8),
            laboratory("1", "crp", 1, 0, 5, unit="mg/L"), laboratory("1", "aldolase", 4, 0, 8),
        ],
        medications=[MTX, PREDNISONE],
    )  # fmt: skip
    answer = clinic.suggest("1")
    assert answer["state"] == "pain_non_inflammatory"
    assert _escalations(answer) == set()
    suppressed = {one["key"] for one in answer["suppressed"]}
    assert {"add-ivig", "consider-rituximab", "consider-pulse", "consider-plasmapheresis"} <= suppressed


def test_7_a_marathon_explains_a_ck_of_12000(clinic: Clinic) -> None:
    clinic.load(
        patients=[ADULT],
        observations=[
            observation("1", "mmt8", 80, -28),
            observation("1", "mmt8", 80),
            ck(0.8, -60),
            laboratory("1", "ck", 12000, 0, 200),
        ],
        events=[event("1", "strenuous_exercise", -2)],
    )
    answer = clinic.suggest("1")
    assert answer["state"] == "exercise_ck"
    assert _escalations(answer) == set()
    assert "repeat" in _everything(answer)


def test_8_and_9_60_mg_for_30_days_and_template_a_begun_on_day_28(clinic: Clinic) -> None:
    clinic.load(
        patients=[{**ADULT, "mrn": "8"}, {**ADULT, "mrn": "9"}],
        medications=[
            drug("8", "prednisone", 60, -29), drug("9", "prednisone", 60, -34, -7), drug("9", "prednisone", 50, -6),
        ],
    )  # fmt: skip
    found = {one["mrn"]: one["severity"] for one in clinic.evaluate(0, "--rule", "prolonged-high-dose-steroids")}
    assert found["8"] == "action"
    assert found.get("9") in {None, "watch"}
    assert "start-taper" in _keys(clinic.suggest("8"))
    assert "start-taper" not in _keys(clinic.suggest("9"))


def test_10_a_flare_on_an_untapered_dose_gets_one_card_about_the_dose(clinic: Clinic) -> None:
    clinic.load(
        patients=[ADULT],
        observations=[observation("1", "mmt8", 70, -14), observation("1", "mmt8", 60), ck(3, -14), ck(4)],
        medications=[drug("1", "prednisone", 60, -45)],
    )
    answer = clinic.suggest("1")
    assert answer["state"] == "true_myositis"
    doses = set(_keys(answer)) & {"start-taper", "avoid-rapid-taper", "reduce-steroid-for-myopathy"}
    assert len(doses) == 1


def test_11_plasmapheresis_three_days_after_ivig_is_cautioned(clinic: Clinic) -> None:
    clinic.load(
        patients=[ADULT],
        medications=[drug("1", "ivig", 2, -3, -3, unit="g/kg", frequency="once", route="iv", intent="infusion")],
        events=[event("1", "plasmapheresis", 0)],
    )
    assert {one["rule"] for one in clinic.evaluate(0)} >= {"plasmapheresis-after-ivig"}
    assert "exchange" in _everything(clinic.suggest("1"))


def test_12_methotrexate_with_co_trimoxazole(clinic: Clinic) -> None:
    clinic.load(patients=[ADULT], medications=[MTX, drug("1", "co-trimoxazole", 960, -5, frequency="twice-daily")])
    (one,) = clinic.evaluate(0, "--rule", "drug-safety")
    assert one["severity"] == "urgent"
    assert {fact["drug"] for fact in one["evidence"]} >= {"methotrexate", "co-trimoxazole"}


def test_13_troponin_t_alone_asks_for_troponin_i_and_does_not_say_myocarditis_is_there(clinic: Clinic) -> None:
    clinic.load(
        patients=[ADULT], observations=[laboratory("1", "troponin_t", 90, 0, 14, unit="ng/L")], medications=[PREDNISONE]
    )
    answer = clinic.suggest("1")
    assert "measure-troponin-i" in _keys(answer)
    (one,) = clinic.evaluate(0, "--rule", "raised-troponin")
    assert "myocarditis" not in one["explanation"].lower()


def test_14_troponin_i_on_a_checkpoint_inhibitor(clinic: Clinic) -> None:
    clinic.load(
        patients=[{**ADULT, "diagnosis": "ICI_MYOSITIS"}],
        observations=[laboratory("1", "troponin_i", 90, 0, 16, unit="ng/L"), ck(5)],
        medications=[drug("1", "pembrolizumab", 200, -40, -40, frequency="once", route="iv", intent="infusion")],
    )
    answer = clinic.suggest("1")
    assert answer["state"] == "ici_myositis"
    assert any("checkpoint" in str(one).lower() for one in answer["suggestions"])


def test_15_steroid_alone_on_day_1_and_day_15(clinic: Clinic) -> None:
    clinic.load(
        patients=[{**ADULT, "mrn": "d1"}, {**ADULT, "mrn": "d14"}, {**ADULT, "mrn": "d15"}, {**ADULT, "mrn": "mtx"}],
        medications=[
            drug("d1", "prednisone", 40, 0), drug("d14", "prednisone", 20, -13), drug("d15", "prednisone", 40, -14),
            drug("mtx", "prednisone", 40, -14), drug("mtx", "methotrexate", 15, -14, frequency="weekly"),
        ],
    )  # fmt: skip
    met = {one["mrn"] for one in clinic.evaluate(0, "--rule", "steroid-monotherapy")}
    assert met >= {"d1", "d15"}
    assert "mtx" not in met
    assert "d14" not in met
    assert "add-steroid-sparing-agent" in _keys(clinic.suggest("d15"))


def test_16_inclusion_body_myositis_is_not_escalated(clinic: Clinic) -> None:
    clinic.load(
        patients=[{**ADULT, "diagnosis": "IBM"}],
        observations=[observation("1", "mmt8", 70, -14), observation("1", "mmt8", 60), ck(3, -14), ck(3)],
        medications=[MTX, PREDNISONE, PULSE],
    )
    answer = clinic.suggest("1")
    assert _escalations(answer) == set()
    assert "inclusion body" in _everything(answer)


def test_17_azathioprine_without_tpmt(clinic: Clinic) -> None:
    clinic.load(patients=[ADULT], medications=[drug("1", "azathioprine", 100, -3)])
    found = {(one["rule"], one["subject"]) for one in clinic.evaluate(0, "--rule", "missing-safety-screen")}
    assert any("tpmt" in f"{subject}" or "azathioprine" in subject for _, subject in found)
    assert "tpmt" in _everything(clinic.suggest("1"))


def test_a_suggestion_is_asked_with_the_knowledge_of_then(clinic: Clinic) -> None:
    late = {**ck(2), "received_at": f"{day(2)}T09:00:00Z"}
    clinic.load(patients=[CHILD], observations=[*FALL, ck(2, -60), late], medications=[MTX, PREDNISONE, PULSE])
    assert clinic.suggest("1", 0, "--known-at", f"{day(1)}T00:00:00Z") != clinic.suggest("1", 0)
    assert clinic.suggest("1")["state"] == "true_myositis"


@pytest.mark.parametrize("status", ["discharged", "deceased", "moved"])
def test_nothing_is_suggested_for_patients_who_left(clinic: Clinic, status: str) -> None:
    clinic.load(patients=[{**CHILD, "status": status}], observations=[*FALL, ck(2)], medications=[MTX, PREDNISONE])
    assert clinic.suggest("1")["suggestions"] == []

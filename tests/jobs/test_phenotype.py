"""The phenotype branch: one state per patient and day, with the facts for and against it."""

from typing import Any

import pytest

from jobs.phenotype import (
    EXERCISE_CK,
    GBS_PATTERN,
    ICI_MYOSITIS,
    INDETERMINATE,
    PAIN_NON_INFLAMMATORY,
    STABLE,
    STEROID_MYOPATHY_POSSIBLE,
    TRUE_MYOSITIS,
    Parameters,
    explanations_of,
    phenotype_of,
    signs_of,
)
from tests.suggestion_cases import ADULT, FALLING, JUVENILE, TREATED, chart, ck, cmas, mmt8, steroid, suggestions

STRONG = (mmt8(80, -40), mmt8(80, -1))
PAIN = {"measure": "pain", "value": 8, "day": -1}
NIVOLUMAB = {"drug": "nivolumab", "dose": 240, "route": "iv", "frequency": "every-2-weeks", "start": -60}
HIGH_DOSE = steroid(60, -35)
GLOBAL_8 = {"measure": "physician_global", "value": 8, "day": 0}
CRP_UP = {"measure": "crp", "value": 40, "unit": "mg/L", "upper_limit": 5, "day": -2}

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("weaker with raised CK", {"observations": (*FALLING, ck(2))}, TRUE_MYOSITIS, "PH-01"),
    ("weaker, CK missing", {"observations": FALLING}, INDETERMINATE, "PH-00"),
    ("weaker, CK 40 days old", {"observations": (*FALLING, ck(2, -40))}, TRUE_MYOSITIS, "PH-12"),
    ("weaker, CK without a limit",
     {"observations": (*FALLING, {"measure": "ck", "value": 900, "unit": "U/L", "day": 0})}, INDETERMINATE, "PH-00"),
    ("weaker, CK normal, low dose",
     {"observations": (*FALLING, ck(0.8)), "medications": TREATED}, INDETERMINATE, "PH-06"),
    ("weaker, CK normal, five weeks of 60 mg",
     {"observations": (*FALLING, ck(0.8)), "medications": (HIGH_DOSE,)}, STEROID_MYOPATHY_POSSIBLE, "PH-04"),
    ("the same for 20 days only",
     {"observations": (*FALLING, ck(0.8)), "medications": (steroid(60, -19),)}, INDETERMINATE, "PH-06"),
    ("the same for 21 days",
     {"observations": (*FALLING, ck(0.8)), "medications": (steroid(60, -20),)}, STEROID_MYOPATHY_POSSIBLE, "PH-04"),
    ("the same with raised CRP",
     {"observations": (*FALLING, ck(0.8), CRP_UP), "medications": (HIGH_DOSE,)}, INDETERMINATE, "PH-06"),
    ("the same with difficulty swallowing",
     {"observations": (*FALLING, ck(0.8)), "medications": (HIGH_DOSE,), "events": [{"event": "dysphagia", "day": -3}]},
     TRUE_MYOSITIS, "PH-12"),
    ("the same with CK rising above its limit",
     {"observations": (*FALLING, ck(0.7, -30), ck(1.3)), "medications": (HIGH_DOSE,)}, TRUE_MYOSITIS, "PH-05"),
    ("the same with CK falling, no longer clearly raised",
     {"observations": (*FALLING, ck(6, -30), ck(2.5)), "medications": (HIGH_DOSE,)},
     STEROID_MYOPATHY_POSSIBLE, "PH-04"),
    ("the same with CK falling but clearly raised",
     {"observations": (*FALLING, ck(12, -30), ck(5)), "medications": (HIGH_DOSE,)}, TRUE_MYOSITIS, "PH-01"),
    ("ten days of 240 mg methylprednisolone, CK raised",
     {"patient": ADULT, "observations": (mmt8(78, -14), mmt8(60, 0), ck(4)),
      "medications": ({"drug": "methylprednisolone", "dose": 240, "route": "iv", "start": -12, "end": -3},)},
     STEROID_MYOPATHY_POSSIBLE, "PH-04b"),
    ("a three-day pulse, CK raised",
     {"observations": (*FALLING, ck(2)),
      "medications": ({"drug": "methylprednisolone", "dose": 1000, "route": "iv",
                       "start": -9, "end": -7, "intent": "pulse"},)},
     TRUE_MYOSITIS, "PH-01"),
    ("lower score by another assessor",
     {"observations": (cmas(45, -14, "A"), cmas(42, 0, "B"), ck(1))}, INDETERMINATE, "STR-03"),
    ("pain, strong, CK normal",
     {"patient": ADULT, "observations": (*STRONG, PAIN, ck(0.8))}, PAIN_NON_INFLAMMATORY, "PH-02"),
    ("pain, strong, CK exactly 1.5 times",
     {"patient": ADULT, "observations": (*STRONG, PAIN, ck(1.5))}, PAIN_NON_INFLAMMATORY, "PH-02"),
    ("pain, strong, CK 2 times", {"patient": ADULT, "observations": (*STRONG, PAIN, ck(2))}, INDETERMINATE, "PH-03"),
    ("new pain, no CK", {"patient": ADULT, "observations": (*STRONG, PAIN)}, INDETERMINATE, "PH-00"),
    ("pain of 3 is not pain",
     {"patient": ADULT, "observations": (*STRONG, {"measure": "pain", "value": 3, "day": -1}, ck(0.8))},
     STABLE, "none"),
    ("long-standing pain does not ask for a fresh CK",
     {"patient": ADULT, "observations": (*STRONG, {"measure": "pain", "value": 8, "day": -60}, PAIN, ck(0.8, -50))},
     PAIN_NON_INFLAMMATORY, "PH-02"),
    ("polymyalgia pattern",
     {"patient": {**ADULT, "age_years": 68}, "observations": (*STRONG, PAIN, ck(0.5), CRP_UP)},
     PAIN_NON_INFLAMMATORY, "PH-10"),
    ("CK of 12,000 two days after a marathon, strong",
     {"patient": ADULT, "observations": (*STRONG, ck(60)), "events": [{"event": "strenuous_exercise", "day": -2}]},
     EXERCISE_CK, "PH-09"),
    ("the same eight days after",
     {"patient": ADULT, "observations": (*STRONG, PAIN, ck(60)),
      "events": [{"event": "strenuous_exercise", "day": -8}]},
     INDETERMINATE, "PH-03"),
    ("checkpoint inhibitor and weaker",
     {"patient": ADULT, "observations": (mmt8(78, -14), mmt8(70, 0)), "medications": (NIVOLUMAB,)},
     ICI_MYOSITIS, "PH-08"),
    ("checkpoint inhibitor and troponin I",
     {"patient": ADULT, "medications": (NIVOLUMAB,),
      "observations": ({"measure": "troponin_i", "value": 80, "unit": "ng/L", "upper_limit": 16, "day": -1},)},
     ICI_MYOSITIS, "PH-08"),
    ("checkpoint inhibitor and nothing else",
     {"patient": ADULT, "observations": (*STRONG, ck(0.9)), "medications": (NIVOLUMAB,)}, STABLE, "none"),
    ("weaker with absent reflexes",
     {"observations": (*FALLING, ck(1)), "events": [{"event": "areflexia", "day": -1}]}, GBS_PATTERN, "PH-07"),
    ("absent reflexes, strong", {"patient": ADULT, "observations": (*STRONG, ck(1)),
                                 "events": [{"event": "areflexia", "day": -1}]}, INDETERMINATE, "not-stable"),
    ("27 then 26, low as before and CK raised",
     {"observations": (cmas(27, -14), cmas(26, 0), ck(2)), "medications": TREATED}, TRUE_MYOSITIS, "PH-12"),
    ("27 then 26, CK quiet",
     {"observations": (cmas(27, -14), cmas(26, 0), ck(1)), "medications": TREATED}, STABLE, "none"),
    ("rising CK alone", {"patient": ADULT, "observations": (*STRONG, ck(1, -40), ck(4))}, INDETERMINATE, "CK-alone"),
    ("chronically raised, stable CK",
     {"patient": ADULT, "observations": (*STRONG, ck(3, -80), ck(3.2, -40), ck(3.1))},
     INDETERMINATE, "not-stable"),
    ("nothing on file", {"patient": ADULT}, INDETERMINATE, "not-stable"),
    ("strong, no CK for half a year", {"patient": ADULT, "observations": (*STRONG, ck(1, -180))},
     INDETERMINATE, "not-stable"),
    ("strong and quiet, a flare reported since",
     {"patient": ADULT, "observations": (mmt8(80, -20), ck(1)), "events": [{"event": "flare_reported", "day": -2}]},
     INDETERMINATE, "not-stable"),
    ("first visit: 50 of 80, CK 20 times, global 8",
     {"patient": ADULT, "observations": (mmt8(50, 0), ck(20), GLOBAL_8)}, TRUE_MYOSITIS, "PH-12"),
    ("the same without a score, difficulty with stairs",
     {"patient": ADULT, "observations": (ck(20),), "events": [{"event": "difficulty_stairs", "day": -3}]},
     TRUE_MYOSITIS, "PH-12"),
    ("the same under a checkpoint inhibitor",
     {"patient": ADULT, "observations": (mmt8(50, 0), ck(20)), "medications": (NIVOLUMAB,)}, ICI_MYOSITIS, "PH-08"),
    ("inclusion body myositis, weaker with CK 3 times",
     {"patient": {**ADULT, "diagnosis": "IBM"}, "observations": (mmt8(70, -14), mmt8(60, 0), ck(3))},
     INDETERMINATE, "IBM"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state", "branch"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_branch_decides(facts: dict[str, Any], state: str, branch: str) -> None:
    found = phenotype_of(signs_of(chart(**facts)))
    assert (found.state, found.branch) == (state, branch)


def test_a_state_names_the_facts_it_rests_on_with_value_unit_and_date() -> None:
    found = phenotype_of(signs_of(chart(observations=(*FALLING, ck(2)))))
    said = [(fact.name, fact.value, fact.unit) for fact in found.because]
    assert said == [("cmas", 27, "of 52"), ("cmas", 24, "of 52"), ("ck", 400, "U/L")]
    assert all(fact.date is not None and fact.id is not None for fact in found.because)


def test_shortness_of_breath_with_known_lung_disease_is_not_muscle_weakness() -> None:
    events = [{"event": "interstitial_lung_disease", "day": -300}, {"event": "dyspnoea", "day": -3}]
    assert not signs_of(chart(events=events)).weak
    assert signs_of(chart(events=events[1:])).weak


def test_a_symptom_last_recorded_as_absent_does_not_count() -> None:
    events = [{"event": "dysphagia", "day": -10}, {"event": "dysphagia", "day": -2, "present": "no"}]
    assert signs_of(chart(events=events)).red_flags == ()


def test_a_lasting_symptom_counts_until_it_ends() -> None:
    assert signs_of(chart(events=[{"event": "dysphagia", "day": -100, "end": -5}])).swallowing is not None
    assert signs_of(chart(events=[{"event": "dysphagia", "day": -100, "end": -40}])).swallowing is None


def test_a_statin_goes_with_any_state() -> None:
    statin = {"drug": "atorvastatin", "dose": 20, "start": -300}
    found = phenotype_of(signs_of(chart(observations=(*FALLING, ck(2)), medications=(statin,))))
    assert found.state == TRUE_MYOSITIS
    assert "statin" in found.modifiers


def test_the_unknown_steroid_dose_is_named_as_missing() -> None:
    per_kg = {"drug": "prednisone", "dose": 1, "unit": "mg/kg", "start": -40}
    found = phenotype_of(signs_of(chart(observations=(*FALLING, ck(2)), medications=(per_kg,))))
    assert any("weight" in item for item in found.missing)


def test_a_clinic_may_choose_other_limits() -> None:
    facts = chart(observations=(*FALLING, ck(1.4)))
    assert phenotype_of(signs_of(facts)).state == INDETERMINATE
    assert phenotype_of(signs_of(facts, Parameters(ck_raised=1.2))).state == TRUE_MYOSITIS


def test_every_explanation_lists_facts_for_and_against_and_none_is_chosen() -> None:
    signs = signs_of(chart(observations=(*FALLING, ck(0.8)), medications=(HIGH_DOSE,)))
    flare, steroid_myopathy, damage, chance = explanations_of(signs)
    assert any("CK 0.8" in item for item in steroid_myopathy.speaks_for)
    assert any("CK 0.8" in item for item in flare.speaks_against)
    assert any("since 18 Oct 2026" in item for item in steroid_myopathy.speaks_for)
    assert any("MRI" in item for item in flare.missing)
    assert any("within weeks" in item for item in damage.speaks_against)
    assert any("not confirmed by further scores" in item for item in chance.speaks_for)


def test_a_juvenile_patient_without_birth_date_is_a_child() -> None:
    assert chart(patient={"mrn": "1", "diagnosis": "JDM"}).is_child
    assert chart(patient=JUVENILE).age == 10


def test_steady_weakness_without_activity_is_called_that() -> None:
    found = phenotype_of(signs_of(chart(patient=ADULT, observations=(mmt8(60, -60), mmt8(60, 0), ck(0.8)))))
    assert (found.state, found.title) == (STABLE, "No sign of activity; weakness remains")
    strong = phenotype_of(signs_of(chart(patient=ADULT, observations=(*STRONG, ck(0.8)))))
    assert (strong.state, strong.title) == (STABLE, "No sign of change")


def test_what_keeps_a_patient_from_being_called_stable_is_named() -> None:
    silent = phenotype_of(signs_of(chart(patient=ADULT)))
    assert silent.missing == ("strength score: none in the last 90 days", "CK: none in the last 90 days")
    raised = phenotype_of(signs_of(chart(patient=ADULT, observations=(*STRONG, ck(3, -80), ck(3)))))
    assert "CK 3 times its limit" in raised.why


def test_inclusion_body_myositis_is_never_titled_inflammatory() -> None:
    for value in (1, 3, 12):
        found = phenotype_of(
            signs_of(
                chart(
                    patient={**ADULT, "diagnosis": "IBM"},
                    observations=(mmt8(72, -90), mmt8(70, -14), mmt8(60, 0), ck(1, -40), ck(value)),
                    medications=(HIGH_DOSE,),
                )
            )
        )
        assert (found.state == TRUE_MYOSITIS, "nflammatory" in found.title) == (False, False)


PAST_HIGH_DOSE = (steroid(40, -180, -31), steroid(20, -30))
WEAKER = (mmt8(80, -90), mmt8(66, -5))


@pytest.mark.parametrize(
    ("observations", "state"),
    [
        ((ck(0.6, -5), ck(0.55, -60)), "steroid_myopathy_possible"),
        ((ck(1.6, -5), ck(1.55, -60)), "true_myositis"),
        ((ck(1.4, -5), ck(0.55, -60)), "indeterminate"),  # within 1.5 times its limit, but rising
        *(
            (
                (
                    ck(0.6, -5),
                    ck(0.55, -60),
                    {"measure": name, "value": 30, "unit": "U/L", "upper_limit": 40, "day": -60},
                    {"measure": name, "value": 75, "unit": "U/L", "upper_limit": 40, "day": -5},
                ),
                "indeterminate",
            )
            for name in ("ast", "alt", "ldh")
        ),
    ],
)
def test_a_high_dose_of_the_past_is_remembered_unless_an_enzyme_rises(observations: Any, state: str) -> None:
    answer = suggestions(patient=ADULT, medications=PAST_HIGH_DOSE, observations=(*WEAKER, *observations))
    assert answer["state"] == state
    keys = [one["key"] for one in answer["suggestions"]]
    assert ("reduce-steroid-for-myopathy" in keys) is (state == "steroid_myopathy_possible")
    if state == "steroid_myopathy_possible":
        assert "add-ivig" not in keys
        found = next(one for one in answer["suggestions"] if one["key"] == "reduce-steroid-for-myopathy")
        step = next(option for option in found["options"] if option["key"] == "next-step")
        assert step["dose"] == "from 20 to 17.5 mg/day (template A)"


def test_damage_on_file_speaks_for_damage_and_a_mild_steady_ck_brings_a_note_on_higher_normal_values() -> None:
    def told(times: float, *scores: Any, events: Any = ()) -> dict[str, Any]:
        observations = (*scores, ck(times, -60), ck(times, -3))
        answer = suggestions(patient=ADULT, observations=observations, events=events)
        return {one["key"]: one for one in answer["explanations"]}

    atrophy = told(0.5, mmt8(60, -3), events=[{"event": "muscle_atrophy", "day": -200}])
    assert any("Muscle atrophy" in said for said in atrophy["damage"]["for"])
    strong = (mmt8(80, -60), mmt8(80, -3))
    for times, noted in ((1.0, False), (1.1, True), (3.0, True), (3.1, False)):
        assert any("much muscle" in said for said in told(times, *strong)["measurement"]["for"]) is noted, times


def _title(**facts: Any) -> tuple[str, str]:
    found = phenotype_of(signs_of(chart(**facts)))
    return found.state, found.title


def test_a_title_says_what_is_quiet_and_what_is_not() -> None:
    quiet = (*STRONG, ck(0.8))
    lung = [{"measure": "fvc_percent", "value": value, "day": day} for value, day in ((80, -100), (66, -2))]
    skin = [{"measure": "cdasi_activity", "value": value, "day": day} for value, day in ((8, -100), (24, -2))]
    assert _title(patient=ADULT, observations=(*quiet, *lung)) == (INDETERMINATE, "Muscle quiet; the lung is worse")
    assert _title(patient=ADULT, observations=(*quiet, *skin)) == (INDETERMINATE, "Muscle quiet; the skin is worse")
    assert _title(
        patient={**ADULT, "age_years": 30},
        observations=quiet,
        medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -200},),
        events=[{"event": "pregnancy_possible", "day": -3}],
    ) == (INDETERMINATE, "No sign of activity; something urgent stands beside it")


def test_weakness_that_gets_better_is_not_called_damage() -> None:
    better = phenotype_of(
        signs_of(chart(observations=(cmas(30, -41), cmas(38, -1), ck(1.1)), medications=(HIGH_DOSE,)))
    )
    assert (better.state, better.title) == (STABLE, "No sign of activity; strength recovering")
    assert "CMAS 30 on 12 Oct 2026, 38 on 21 Nov 2026" in better.why
    steady = phenotype_of(
        signs_of(chart(observations=(cmas(37, -41), cmas(38, -1), ck(1.1)), medications=(HIGH_DOSE,)))
    )
    assert "may be damage, or come from the steroid (high dose since 18 Oct 2026)" in steady.why


def test_the_note_on_a_higher_normal_ck_is_for_adults_who_are_not_weak() -> None:
    def noted(patient: dict[str, Any], *scores: dict[str, Any], values: tuple[float, ...] = (2, 2.1, 2)) -> bool:
        readings = [ck(value, day) for value, day in zip(values, (-60, -30, 0), strict=True)]
        found = explanations_of(signs_of(chart(patient=patient, observations=(*scores, *readings))))
        return any("healthy men" in one for one in found[3].speaks_for)

    assert noted(ADULT, *STRONG)
    assert not noted(ADULT, mmt8(60, -40), mmt8(60, -1))
    assert not noted(JUVENILE, cmas(52, -40), cmas(52, -1))
    assert not noted(ADULT, *STRONG, values=(6, 5, 2))


def test_a_very_high_ck_is_repeated_after_a_week_of_rest_as_its_alert_says() -> None:
    found = phenotype_of(signs_of(chart(patient=ADULT, observations=(mmt8(80, -1), ck(12)))))
    assert "CK again after a week of rest" in found.collect


def test_a_raised_ck_alone_is_no_riddle_in_inclusion_body_myositis() -> None:
    found = phenotype_of(
        signs_of(chart(patient={**ADULT, "diagnosis": "IBM"}, observations=(mmt8(60, -90), mmt8(60, -1), ck(3))))
    )
    assert (found.title, found.collect) == ("Inclusion body myositis; CK raised, as it often is", ())


def test_weaker_is_said_of_a_fall_and_trouble_swallowing_by_its_name() -> None:
    steady = (mmt8(78, -60), mmt8(78, -1), ck(0.5))
    swallowing = phenotype_of(
        signs_of(chart(patient=ADULT, observations=steady, events=[{"event": "dysphagia", "day": -2}]))
    )
    assert swallowing.why.startswith("Difficulty swallowing with a CK that is not raised")
    fallen = phenotype_of(signs_of(chart(observations=(*FALLING, ck(0.8)))))
    assert fallen.why.startswith("Weaker with a CK that is not raised")


def test_the_fall_told_is_the_one_that_counted_with_its_own_day() -> None:
    scores = [mmt8(value, day) for value, day in
              ((73, -200), (73, -170), (54, -140), (54, -100), (60, -60), (64, -1))]  # fmt: skip
    said = signs_of(chart(patient=ADULT, observations=(*scores, ck(2)))).decline_sentence()
    assert said.startswith("MMT8 73 (the mean of the 2 scores before) -> 54 on 5 Jul 2026, 64 on 21 Nov 2026 (")


def test_what_was_just_tested_is_not_called_unrecorded() -> None:
    tested = phenotype_of(signs_of(chart(patient=ADULT, observations=(*STRONG, ck(1, -40), ck(4)))))
    assert (tested.branch, tested.why) == ("CK-alone", "CK has risen to 4 times its limit; strength has not fallen.")
    assert "a strength score by the same assessor" not in tested.collect
    untested = phenotype_of(signs_of(chart(patient=ADULT, observations=(ck(1, -40), ck(4)))))
    assert untested.why.endswith("without recorded weakness or pain: test strength first.")


def test_inclusion_body_myositis_that_gets_weaker_has_its_own_title() -> None:
    ibm = {**ADULT, "diagnosis": "IBM"}
    for newest in (0, -40):  # the score and the CK are of today, or too old to decide on
        scores = (mmt8(60, newest - 60), mmt8(60, newest - 30), mmt8(50, newest))
        assert _title(patient=ibm, observations=(*scores, ck(0.8, newest))) == (
            INDETERMINATE,
            "Inclusion body myositis, weaker",
        )

"""The vocabulary: what its tables promise, which traps it avoids, and what the loader refuses."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models.vocabulary as vocabulary
from models.vocabulary import (
    ACTIVE_TREATMENT,
    CodeMismatch,
    ImpossibleValue,
    UnknownUnit,
    VocabularyError,
    to_canonical,
)

CONTRACT_MEASURES = [
    "ck",
    "troponin_t",
    "troponin_i",
    "aldolase",
    "ldh",
    "ast",
    "alt",
    "crp",
    "esr",
    "creatinine",
    "haemoglobin",
    "white_cells",
    "neutrophils",
    "platelets",
    "hba1c",
    "tpmt",
    "hbsag",
    "anti_hbc",
    "anti_hcv",
    "igg",
    "cmas",
    "mmt8",
    "mmt8_bilateral",
    "mmt_total",
    "physician_global",
    "patient_global",
    "extramuscular_global",
    "pain",
    "haq",
    "chaq",
    "weight",
    "height",
    "fvc_percent",
    "nif",
]
CONTRACT_EVENTS = [
    "dysphagia",
    "dyspnoea",
    "myalgia",
    "rash",
    "fever",
    "strenuous_exercise",
    "areflexia",
    "plasmapheresis",
    "emg",
    "mri",
    "ecg",
    "echocardiogram",
    "dxa",
    "chest_x_ray",
    "vaccines_updated",
    "contraception",
    "pregnancy_possible",
    "interstitial_lung_disease",
    "osteoporosis",
    "diabetes",
    "glaucoma",
    "flare_reported",
]
CONTRACT_DIAGNOSES = ["DM", "ADM", "JDM", "PM", "IMNM", "IBM", "ASYS", "OVERLAP", "ICI_MYOSITIS", "UNSPECIFIED"]
CONTRACT_ANSWERS = ["reviewed", "acted", "contacted-patient", "not-applicable", "wrong-data", "disagree", "deferred"]


# -- what the contract names ---------------------------------------------------------------------------------------


def test_every_measure_of_the_contract_is_there() -> None:
    assert set(CONTRACT_MEASURES) <= set(vocabulary.measures())


def test_what_drug_safety_asks_for_can_be_recorded_in_the_units_laboratories_send() -> None:
    for measure, unit, value, stored in (
        ("gamma_gt", "U/L", 80, 80),
        ("bilirubin", "umol/L", 17.1, 1),
        ("albumin", "g/L", 28, 2.8),
        ("mcv", "fL", 106, 106),
        ("eosinophils", "/uL", 600, 0.6),
        ("egfr", "mL/min/1.73m2", 55, 55),
        ("potassium", "mEq/L", 5.6, 5.6),
        ("tacrolimus_level", "ug/L", 8, 8),
        ("glucose", "mmol/L", 10, 180.16),
        ("systolic", "mmHg", 142, 142),
        ("igra", "", 1, 1),
    ):
        assert to_canonical(measure, value, unit) == pytest.approx(stored)


def test_every_drug_is_monitored_or_it_is_said_why_not() -> None:
    silent = [
        drug.key
        for drug in vocabulary.drugs().values()
        if not any(row.applies_to(drug) for row in vocabulary.monitoring() if row.treatment != ACTIVE_TREATMENT)
        and vocabulary.no_monitoring(drug) is None
    ]
    assert silent == []


def test_what_is_said_to_need_nothing_has_no_row_in_use() -> None:
    both = [
        drug.key
        for drug in vocabulary.drugs().values()
        if drug.key in vocabulary.vocabulary().no_monitoring
        and any(drug.key == row.treatment for row in vocabulary.monitoring())
    ]
    assert both == []


@pytest.mark.parametrize(
    ("treatment", "test"),
    [
        ("leflunomide", "blood_pressure"),
        ("tacrolimus", "tacrolimus_level"),
        ("tacrolimus", "magnesium"),
        ("ciclosporin", "potassium"),
        ("ciclosporin", "lipids"),
        ("cyclophosphamide", "urine_protein"),
        ("jak-inhibitor", "lipids"),
        ("antimalarial", "eye_examination"),
        ("glucocorticoid", "growth"),
        ("interstitial_lung_disease", "fvc"),
        ("interstitial_lung_disease", "dlco"),
        ("dysphagia", "swallowing"),
    ],
)
def test_what_section_c_names_has_a_row_in_use(treatment: str, test: str) -> None:
    assert [row for row in vocabulary.monitoring() if (row.treatment, row.test) == (treatment, test)]


def test_the_limits_of_one_measure_are_in_the_order_of_their_danger() -> None:
    for limit in vocabulary.action_limits().values():
        for other in vocabulary.action_limits().values():
            same = (limit.measure, limit.kind, limit.direction, limit.applies_to) == (
                other.measure, other.kind, other.direction, other.applies_to
            )  # fmt: skip
            if same and limit.consequence == "act" and other.consequence == "interrupt":
                assert (other.limit < limit.limit) == (limit.direction == "below"), (limit.key, other.key)


def test_every_event_diagnosis_and_answer_of_the_contract_is_there() -> None:
    assert [key for key, row in vocabulary.events().items() if row.origin == "contract"] == CONTRACT_EVENTS
    assert list(vocabulary.diagnoses()) == CONTRACT_DIAGNOSES
    assert set(CONTRACT_ANSWERS) <= set(vocabulary.answers())


def test_only_swallowing_and_breathing_are_red_flags() -> None:
    assert {key for key, row in vocabulary.events().items() if row.red_flag} == {"dysphagia", "dyspnoea"}


@pytest.mark.parametrize(
    ("instrument", "maximum"), [("cmas", 52), ("mmt8", 80), ("mmt8_bilateral", 150), ("mmt_total", 260)]
)
def test_each_strength_instrument_has_its_own_maximum(instrument: str, maximum: int) -> None:
    assert vocabulary.measure(instrument).max_value == maximum
    assert vocabulary.measure(instrument).is_strength


@pytest.mark.parametrize(
    ("frequency", "per_day"),
    [
        ("daily", 1),
        ("twice-daily", 2),
        ("three-times-daily", 3),
        ("every-other-day", 0.5),
        ("weekly", 1 / 7),
        ("every-2-weeks", 1 / 14),
        ("every-4-weeks", 1 / 28),
        ("three-times-weekly", 3 / 7),
        ("every-3-weeks", 1 / 21),
        ("once", None),
    ],
)
def test_a_frequency_says_how_many_doses_fall_on_a_day(frequency: str, per_day: float | None) -> None:
    assert vocabulary.frequencies()[frequency].doses_per_day == per_day


def test_active_treatment_requires_ck_troponin_and_crp_every_42_days() -> None:
    rows = [row for row in vocabulary.monitoring() if row.treatment == vocabulary.ACTIVE_TREATMENT]
    assert {(row.test, row.interval_days) for row in rows} == {("ck", 42), ("troponin", 42), ("crp", 42)}
    assert vocabulary.tests()["troponin"].measures == ("troponin_t", "troponin_i")
    assert vocabulary.tests()["troponin"].counts_when == "any"


# -- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "value", "unit", "canonical"),
    [
        ("ck", 300, "U/L", 300),
        ("ck", 300, "IU/L", 300),
        ("ck", 300, " iu/l ", 300),
        ("ck", 300, "[IU]/L", 300),
        ("ck", 20, "ukat/L", 1200),
        ("ck", 125, "µkat/L", 7500),
        ("ck", 125, "μkat/L", 7500),
        ("ldh", 4.1, "ukat/L", 246),
        ("aldolase", 7.5, "mU/mL", 7.5),
        ("troponin_t", 14, "ng/L", 14),
        ("troponin_t", 14, "pg/mL", 14),
        ("troponin_t", 0.029, "ng/mL", 29),
        ("troponin_i", 0.014, "ug/L", 14),
        ("troponin_i", 0.014, "µg/L", 14),
        ("crp", 1.2, "mg/dL", 12),
        ("crp", 100, "nmol/L", 10.5),
        ("creatinine", 88.4, "umol/L", 1),
        ("haemoglobin", 135, "g/L", 13.5),
        ("haemoglobin", 10, "mmol/L", 16.1),
        ("white_cells", 6.1, "10*9/L", 6.1),
        ("white_cells", 6.1, "10^9/L", 6.1),
        ("white_cells", 6.1, "x10^9/L", 6.1),
        ("white_cells", 6.1, "× 10⁹/L", 6.1),
        ("white_cells", 6.1, "10E9/L", 6.1),
        ("white_cells", 6.1, "G/L", 6.1),
        ("white_cells", 6.1, "10*3/uL", 6.1),
        ("white_cells", 6100, "/uL", 6.1),
        ("platelets", 210, "x10³/µL", 210),
        ("igg", 7.2, "g/L", 720),
        ("hba1c", 6.5, "%", 6.5),
        ("weight", 70000, "g", 70),
        ("weight", 100, "lb", 45.359237),
        ("height", 1.72, "m", 172),
        ("height", 10, "in", 25.4),
        ("nif", -40, "cmH2O", 40),
        ("nif", 40, "cm[H2O]", 40),
        ("fvc_percent", 81, "%", 81),
        ("physician_global", 43, "mm", 4.3),
        ("cmas", 27, "", 27),
        ("cmas", 27, "{score}", 27),
        ("mmt8", 70, "points", 70),
        ("hbsag", 1, "", 1),
        ("anti_hbc", 0, "presence", 0),
    ],
)
def test_a_value_is_stored_in_its_canonical_unit(measure: str, value: float, unit: str, canonical: float) -> None:
    assert to_canonical(measure, value, unit) == canonical


def test_an_ifcc_hba1c_is_shifted_as_well_as_scaled() -> None:
    assert to_canonical("hba1c", 48, "mmol/mol") == pytest.approx(0.09148 * 48 + 2.152)


@pytest.mark.parametrize(
    ("measure", "unit"),
    [
        ("troponin_t", ""),
        ("troponin_i", "  "),
        ("ck", ""),
        ("weight", ""),
        ("ck", "ng/mL"),
        ("troponin_t", "U/L"),
        ("haemoglobin", "10*9/L"),
        ("cmas", "%"),
        ("fvc_percent", "L"),
        ("nif", ""),
    ],
)
def test_a_unit_that_does_not_fit_or_is_missing_is_refused(measure: str, unit: str) -> None:
    with pytest.raises(UnknownUnit) as refusal:
        to_canonical(measure, 14, unit)
    assert refusal.value.measure == measure
    assert measure in str(refusal.value)
    assert all(accepted in str(refusal.value) for accepted in refusal.value.accepted)


def test_a_presence_result_is_absent_or_present_and_nothing_between() -> None:
    with pytest.raises(ImpossibleValue):
        to_canonical("hbsag", 0.3, "")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_stored(value: float) -> None:
    with pytest.raises(ImpossibleValue):
        to_canonical("ck", value, "ukat/L")


def test_an_unknown_measure_is_named() -> None:
    with pytest.raises(KeyError, match="ceruloplasmin"):
        to_canonical("ceruloplasmin", 1, "ug/L")


def test_every_measure_takes_each_unit_it_says_it_accepts() -> None:
    for key in vocabulary.measures():
        for unit in vocabulary.accepted_units(key):
            assert to_canonical(key, 1, unit) > 0


@given(
    st.sampled_from([key for key, row in vocabulary.measures().items() if row.family != "presence"]),
    st.floats(min_value=0, max_value=1e6),
    st.floats(min_value=0, max_value=1e6),
)
def test_no_unit_changes_which_of_two_values_is_higher(measure: str, one: float, other: float) -> None:
    for unit in vocabulary.accepted_units(measure):
        lower, higher = sorted((one, other))
        assert to_canonical(measure, lower, unit) <= to_canonical(measure, higher, unit)


# -- codes -----------------------------------------------------------------------------------------------------------


def test_the_two_troponins_never_share_a_code() -> None:
    for code, kind in [("67151-1", "troponin_t"), ("6598-7", "troponin_t"), ("89579-7", "troponin_i")]:
        found = vocabulary.measure_for_code("loinc", code)
        assert found is not None
        assert found.key == kind


@pytest.mark.parametrize("code", ["13969-1", "50756-6", "33438-3", "19998-4", "31204-1", "19870-5"])
def test_a_code_that_is_easily_mistaken_is_refused_with_a_reason(code: str) -> None:
    with pytest.raises(CodeMismatch, match=code):
        vocabulary.measure_for_code("loinc", code)


def test_a_code_is_not_trusted_against_its_name() -> None:
    assert vocabulary.measure_for_code("loinc", "2157-6", "Creatine kinase in Serum") is not None
    with pytest.raises(CodeMismatch, match="Glucose"):
        vocabulary.measure_for_code("loinc", "2157-6", "Glucose")


def test_a_code_no_table_knows_is_none() -> None:
    assert vocabulary.measure_for_code("loinc", "0000-0") is None
    assert vocabulary.measure_for_code("loinc", "cmas-total") is None


def test_no_strength_score_claims_a_loinc_code() -> None:
    for row in vocabulary.measures().values():
        if row.is_strength:
            assert not row.loinc
            assert vocabulary.measure_for_code("local", row.local_code) is row


def test_every_code_says_how_it_is_known() -> None:
    assert all(row.mark for row in vocabulary.measures().values())
    assert all(row.rxnorm_mark for row in vocabulary.drugs().values() if row.rxnorm)
    assert all(row.icd10cm_mark for row in vocabulary.diagnoses().values() if row.icd10cm)


@pytest.mark.parametrize(
    ("system", "code", "diagnosis"),
    [
        ("snomed", "396230008", "DM"),
        ("icd10cm", "M33.13", "ADM"),
        ("icd10cm", "M33.00", "JDM"),
        ("icd10cm", "G72.41", "IBM"),
        ("icd10cm", "G72.49", None),
        ("snomed", "26889001", None),
        ("snomed", "38826005", None),
    ],
)
def test_a_diagnosis_code_leads_to_one_subtype_or_to_none(system: str, code: str, diagnosis: str | None) -> None:
    found = vocabulary.diagnosis_for_code(system, code)
    assert (found.code if found else None) == diagnosis


def test_what_an_antibody_warns_of_is_a_word_with_what_it_means_and_how_it_is_known() -> None:
    warns_of = {
        code: {row.warns_of for row in vocabulary.antibody_warnings(code)} for code in vocabulary.autoantibodies()
    }
    assert "lung" in warns_of["JO1"] & warns_of["MDA5"] & warns_of["PL12"]
    assert "cancer" in warns_of["TIF1G"] & warns_of["NXP2"]
    assert "calcinosis" in warns_of["NXP2"]
    assert {"heart", "severe weakness"} <= warns_of["SRP"]
    assert "statin" in warns_of["HMGCR"]
    assert warns_of["LA"] == set()
    assert vocabulary.antibody_warnings("SOMETHING") == ()


def test_every_antisynthetase_antibody_warns_of_the_lung() -> None:
    silent = [
        code
        for code, row in vocabulary.autoantibodies().items()
        if row.group == "ASYS" and "lung" not in {one.warns_of for one in vocabulary.antibody_warnings(code)}
    ]
    assert silent == []


@pytest.mark.parametrize("name", ["JO1", "Jo-1", "anti-Jo-1", "ANTI JO1"])
def test_an_autoantibody_is_found_however_it_is_written(name: str) -> None:
    found = vocabulary.autoantibody(name)
    assert found is not None
    assert found.code == "JO1"


# -- drugs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "key", "acts_for"),
    [
        ("Xeljanz", "tofacitinib", None),
        ("Olumiant", "baricitinib", None),
        ("Rinvoq", "upadacitinib", None),
        ("Jakavi", "ruxolitinib", None),
        ("Jyseleca", "filgotinib", None),
        ("brepocitinib", "brepocitinib", None),
        ("Vyvgart", "efgartigimod", 56),
        ("Imaavy", "nipocalimab", 56),
        ("Rystiggo", "rozanolixizumab", 56),
        ("CAR-T", "cd19 car-t", 365),
        ("Gazyva", "obinutuzumab", 274),
        ("Darzalex", "daratumumab", 84),
        ("Saphnelo", "anifrolumab", 56),
        ("Benlysta", "belimumab", 56),
        ("Ofev", "nintedanib", None),
        ("Esbriet", "pirfenidone", None),
    ],
)
def test_newcomers_are_known_by_brand_and_by_how_long_they_act(written: str, key: str, acts_for: int | None) -> None:
    found = vocabulary.drug(written)
    assert found is not None
    assert (found.key, found.acts_for_days) == (key, acts_for)
    assert found.counts_as_active_treatment == (key not in ("nintedanib", "pirfenidone"))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("MTX", "methotrexate"),
        ("pred", "prednisone"),
        ("cyclosporine", "ciclosporin"),
        ("Cyclosporin A", "ciclosporin"),
        ("cotrimoxazole", "co-trimoxazole"),
        ("TMP/SMX", "co-trimoxazole"),
        ("MMF", "mycophenolate mofetil"),
        ("mycophenolate", "mycophenolate mofetil"),
        ("folic-acid", "folic acid"),
        ("IVIg", "ivig"),
        ("alendronic acid", "alendronate"),
    ],
)
def test_a_drug_is_found_under_its_other_names(written: str, key: str) -> None:
    found = vocabulary.drug(written)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("name", ["colchicine", "plasmapheresis", ""])
def test_an_unknown_drug_is_no_error(name: str) -> None:
    assert vocabulary.drug(name) is None
    assert vocabulary.screening(name) == ()


@pytest.mark.parametrize(
    ("drug", "dose_mg", "prednisone_mg"),
    [
        ("prednisolone", 20, 20),
        ("methylprednisolone", 1000, 1250),
        ("dexamethasone", 0.75, 5),
        ("betamethasone", 0.75, 5),
        ("triamcinolone", 4, 5),
        ("hydrocortisone", 20, 5),
        ("cortisone", 25, 5),
        ("deflazacort", 6, 5),
    ],
)
def test_a_steroid_dose_converts_to_prednisone(drug: str, dose_mg: float, prednisone_mg: float) -> None:
    factor = vocabulary.drugs()[drug].prednisone_factor
    assert factor is not None
    assert dose_mg * factor == pytest.approx(prednisone_mg)


@pytest.mark.parametrize("drug", ["budesonide", "fludrocortisone", "vamorolone"])
def test_a_steroid_that_does_not_count_says_why(drug: str) -> None:
    row = vocabulary.drugs()[drug]
    assert row.prednisone_factor is None
    assert row.excluded_because
    assert not row.counts_as_active_treatment


@pytest.mark.parametrize(
    "drug", ["folic acid", "co-trimoxazole", "hydroxychloroquine", "atorvastatin", "pembrolizumab"]
)
def test_what_does_not_suppress_the_immune_system_is_no_active_treatment(drug: str) -> None:
    assert not vocabulary.drugs()[drug].counts_as_active_treatment


def test_a_steroid_is_active_treatment_but_spares_no_steroid() -> None:
    for row in vocabulary.drugs().values():
        if row.is_glucocorticoid:
            assert not row.sparing_agent
    assert vocabulary.drugs()["prednisone"].counts_as_active_treatment


def test_the_steroid_sparing_agents_of_the_rule_catalogue_are_marked() -> None:
    named = ["methotrexate", "azathioprine", "mycophenolate mofetil", "ciclosporin", "tacrolimus", "cyclophosphamide"]
    assert all(vocabulary.drugs()[drug].sparing_agent for drug in [*named, "rituximab", "ivig"])


def test_a_code_that_public_lists_confuse_leads_to_the_right_drug() -> None:
    found = {code: vocabulary.drug_for_rxnorm(code) for code in ("3008", "1514", "1347", "4850")}
    assert found["3008"] is vocabulary.drugs()["ciclosporin"]
    assert found["1514"] is vocabulary.drugs()["betamethasone"]
    assert found["1347"] is None
    assert found["4850"] is None


# -- monitoring and screening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "day", "interval"),
    [("acr", 10, 28), ("acr", 100, 84), ("bsr", 10, 14), ("bsr", 60, 28), ("bsr", 400, 84)],
)
def test_methotrexate_is_watched_closely_first_and_less_later(profile: str, day: int, interval: int) -> None:
    methotrexate = vocabulary.drugs()["methotrexate"]
    rows = [row for row in vocabulary.monitoring(profile) if row.applies_to(methotrexate)]
    rows = [row for row in rows if row.from_day <= day and (row.to_day is None or day <= row.to_day)]
    assert {row.test for row in rows} == {"blood_count", "transaminases", "creatinine"}
    assert {row.interval_days for row in rows} == {interval}


def test_only_one_methotrexate_profile_is_active_by_default() -> None:
    assert {row.profile for row in vocabulary.monitoring() if row.treatment == "methotrexate"} == {"acr"}


def test_no_number_from_memory_is_active() -> None:
    assert all(row.mark != "memory" for row in vocabulary.monitoring())


def test_an_unknown_monitoring_profile_is_named() -> None:
    with pytest.raises(KeyError, match="eular"):
        vocabulary.monitoring("eular")


def test_folic_acid_asks_for_no_test_and_no_screen() -> None:
    folic_acid = vocabulary.drugs()["folic acid"]
    assert not [row for row in vocabulary.monitoring() if row.applies_to(folic_acid)]
    assert vocabulary.screening("folic acid") == ()


def test_hepatitis_b_is_screened_before_rituximab_and_tpmt_before_azathioprine() -> None:
    required = {
        drug: {row.screen for row in vocabulary.screening(drug) if row.requirement == "required"}
        for drug in ("rituximab", "azathioprine")
    }
    assert {"hepatitis_b_surface_antigen", "hepatitis_b_core_antibody", "igg"} <= required["rituximab"]
    assert "tpmt" in required["azathioprine"]


def test_transaminase_limits_warn_of_muscle_as_their_source() -> None:
    for key in ("alt_high", "ast_high"):
        assert vocabulary.action_limits()[key].limit == 100
        assert "muscle" in vocabulary.action_limits()[key].caveat


# -- tapers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "from_week", "template", "week_at_30", "week_at_20"),
    [
        (60, 2, "A", 6, 10),
        (60, 4, "A", 8, 12),
        (80, 2, "A", 10, 14),
        (80, 4, "A", 12, 16),
        (40, 4, "A", 4, 8),
        (60, 2, "B", 4, 8),
        (60, 4, "B", 6, 10),
        (80, 2, "B", 6, 10),
        (80, 4, "B", 8, 12),
        (40, 4, "B", 4, 8),
    ],
)
def test_a_walked_taper_reaches_30_and_20_mg_when_the_reference_table_says(
    start: float, from_week: int, template: str, week_at_30: int, week_at_20: int
) -> None:
    plan = vocabulary.taper_templates()[template].schedule(start, taper_from_day=7 * from_week)
    assert next(day for day, dose in plan if dose <= 30) == 7 * week_at_30
    assert next(day for day, dose in plan if dose <= 20) == 7 * week_at_20


def test_every_taper_leads_down_to_nothing() -> None:
    for template in vocabulary.taper_templates().values():
        doses = [dose for _, dose in template.schedule(80 if template.unit == "mg" else 2, 14)]
        assert doses == sorted(doses, reverse=True)
        assert doses[-1] == 0


def test_the_juvenile_taper_passes_its_published_end_points() -> None:
    plan = dict(vocabulary.taper_templates()["JDM-PRINTO"].schedule(2, taper_from_day=15))
    assert plan[60] == 1
    assert plan[180] == 0.2
    assert 700 <= max(plan) <= 760


# -- instruments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "seconds"), [(1, (1, 10, 30, 60, 120)), (3, (1, 10, 30, 60, 120)), (8, (1, 10, 30, 60)), (5, ())]
)
def test_a_timed_cmas_item_has_one_point_for_each_time_that_is_reached(item: int, seconds: tuple[int, ...]) -> None:
    assert vocabulary.cmas_items()[item].thresholds_seconds == seconds


def test_the_eight_groups_count_the_neck_flexors_once() -> None:
    subset = [group for group in vocabulary.muscle_groups().values() if group.in_mmt8]
    assert len(subset) == 8
    assert [group.key for group in subset if not group.paired] == ["neck_flexors"]


# -- sources and answers ---------------------------------------------------------------------------------------------


def test_an_educational_page_is_never_a_guideline() -> None:
    for number in range(5):
        assert vocabulary.source(f"seed-00{number}").kind == "educational-page"
    assert vocabulary.source("S2").kind == "guideline"


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(KeyError, match="S999"):
        vocabulary.source("S999")


def test_answers_can_be_asked_for_by_where_they_are_given() -> None:
    assert set(CONTRACT_ANSWERS) <= set(vocabulary.answers("acknowledge"))
    assert "deferred" in vocabulary.answers("snooze")
    assert "deferred" not in vocabulary.answers("outcome")


def test_importing_the_vocabulary_needs_no_pandas() -> None:
    script = "import sys, models.vocabulary; sys.exit('pandas' in sys.modules or 'sqlalchemy' in sys.modules)"
    repository = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=repository, check=False).returncode == 0


# -- what the loader refuses -----------------------------------------------------------------------------------------

Edit = Callable[[list[dict[str, str]]], None]


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, Edit], Path]:
    """Copies the tables and breaks one of them."""

    def breaker(file: str, edit: Edit) -> Path:
        directory = tmp_path / "tables"
        shutil.copytree(vocabulary.TABLES_DIRECTORY, directory)
        with (directory / file).open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        columns = list(rows[0])
        edit(rows)
        with (directory / file).open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, columns)
            writer.writeheader()
            writer.writerows(rows)
        return directory

    return breaker


def changed(row: int, **cells: str) -> Edit:
    """An edit that overwrites cells of one row."""
    return lambda rows: rows[row].update(cells)


def duplicated(rows: list[dict[str, str]]) -> None:
    """An edit that repeats the first row at the end."""
    rows.append(dict(rows[0]))


@pytest.mark.parametrize(
    ("file", "edit", "why"),
    [
        *(
            (file, duplicated, "twice")
            for file in ("sources.csv", "measures.csv", "units.csv", "drugs.csv", "events.csv")
        ),
        *((file, duplicated, "twice") for file in ("tests.csv", "monitoring.csv", "screening.csv", "answers.csv")),
        ("units.csv", changed(0, unit=" u/l "), None),
        ("units.csv", changed(1, unit="u / L"), "twice"),
        ("units.csv", changed(0, factor="2"), "does not accept its own unit"),
        ("units.csv", changed(0, factor="1/0"), "must be a number"),
        ("units.csv", changed(0, applies_to="vitamins"), "no table knows"),
        ("units.csv", changed(0, unit=""), "may come without a unit"),
        ("monitoring.csv", changed(0, source=""), "source is empty"),
        ("monitoring.csv", changed(0, mark=""), "mark is empty"),
        ("monitoring.csv", changed(0, source="S999"), "not in sources.csv"),
        ("monitoring.csv", changed(0, mark="seen"), "educational page"),
        ("monitoring.csv", changed(0, mark="memory"), "never active"),
        ("monitoring.csv", changed(0, test="ceruloplasmin"), "no table knows"),
        ("monitoring.csv", changed(0, treatment="aspirin"), "no table knows"),
        ("monitoring.csv", changed(0, only_if="tall"), "no table knows"),
        ("monitoring.csv", changed(0, only_if="ck"), "no table knows"),
        ("no_monitoring.csv", changed(0, treatment="aspirin"), "no table knows"),
        ("antibody_warnings.csv", changed(0, antibody="SOMETHING"), "no table knows"),
        ("antibody_warnings.csv", changed(0, warns_of="luck"), "warns_of"),
        ("antibody_warnings.csv", changed(0, source=""), "source"),
        ("no_monitoring.csv", changed(0, source=""), "source is empty"),
        ("monitoring.csv", changed(0, interval_days="soon"), "whole number"),
        ("monitoring.csv", changed(0, interval_days="0"), "above 0"),
        ("tests.csv", changed(0, measures="ck;ceruloplasmin"), "no table knows"),
        ("screening.csv", changed(0, satisfied_by="guess"), "no table knows"),
        ("action_limits.csv", changed(0, measure="ceruloplasmin"), "no table knows"),
        ("action_limits.csv", changed(0, unit="mg/L"), "must be '10\\*9/L'"),
        ("drugs.csv", changed(0, factor_source=""), "factor_source is empty"),
        ("drugs.csv", changed(0, equivalent_mg_to_5=""), "does not count"),
        ("drugs.csv", changed(0, classes="painkiller"), "no table knows"),
        ("drugs.csv", changed(0, synonyms="MTX"), "could mean two rows"),
        ("drugs.csv", changed(0, rxnorm="8638"), "appears twice"),
        ("measures.csv", changed(0, loinc="2532-0"), "is not a code of ck"),
        ("measures.csv", changed(0, loinc="9999-9"), "is not a code of ck"),
        ("measures.csv", changed(20, max_value="53"), "its items sum to 52"),
        ("measure_codes.csv", changed(0, name="Glucose"), "contains none of"),
        ("measure_codes.csv", changed(0, code_mark="guessed"), "must be one of"),
        ("measure_names.csv", changed(0, measure="kryptonite"), "must be one of"),
        ("measure_names.csv", changed(0, mark=""), "mark is empty"),
        ("measure_names.csv", changed(0, own_words="mb"), "cannot be a word of its own"),
        ("name_words.csv", changed(0, means="anything"), "must be one of"),
        ("name_words.csv", changed(0, words=" ; "), "words is empty"),
        ("cmas_items.csv", changed(7, max="5"), "one rising threshold per point"),
        ("cmas_items.csv", changed(1, max="3"), "its items sum to 53"),
        ("muscle_groups.csv", changed(0, paired="yes"), "its items sum to"),
        ("taper_steps.csv", changed(1, from_dose="25"), "does not begin where"),
        ("taper_steps.csv", changed(3, to_dose="5"), "end at 0"),
        ("diagnoses.csv", changed(1, icd10cm="M33.10"), "appears twice"),
        ("answers.csv", changed(0, kinds="shrug"), "no table knows"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_the_place_and_the_reason(
    broken: Callable[[str, Edit], Path], file: str, edit: Edit, why: str | None
) -> None:
    directory = broken(file, edit)
    if why is None:
        vocabulary.load(directory)
        return
    with pytest.raises(VocabularyError, match=why) as refusal:
        vocabulary.load(directory)
    assert ".csv" in str(refusal.value) or "appears twice" in str(refusal.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"sources\.csv"):
        vocabulary.load(tmp_path)


def test_an_unknown_or_missing_column_is_named(broken: Callable[[str, Edit], Path]) -> None:
    directory = broken("events.csv", lambda rows: None)
    path = directory / "events.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("red_flag", "alarm", 1), encoding="utf-8")
    with pytest.raises(VocabularyError, match="alarm, red_flag"):
        vocabulary.load(directory)


def test_a_line_with_a_cell_too_many_is_named(broken: Callable[[str, Edit], Path]) -> None:
    directory = broken("events.csv", lambda rows: None)
    with (directory / "events.csv").open("a", encoding="utf-8") as handle:
        handle.write("itch,Itch,symptom,no,,added,extra\n")
    with pytest.raises(VocabularyError, match="7 cells"):
        vocabulary.load(directory)

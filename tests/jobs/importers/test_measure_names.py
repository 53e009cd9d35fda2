"""What results are called: a name contradicts a code only where it is known to mean something else."""

import pytest

from jobs.importers.canonical import Refused, Waits
from jobs.importers.coded import LOCAL, LOINC, Coding
from jobs.importers.measure_meant import meant_by_codes
from jobs.importers.measure_names import another_test, is_named, measure_named
from models import vocabulary


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ck", "CK SerPl-cCnc"), ("ck", "CPK"), ("ck", "Creatine Kinase, Total"), ("ck", "Creatinkinase"),
        ("ck", "Kreatininkinase"), ("ck", "クレアチンキナーゼ"), ("ck", "Creatina quinasa"),
        ("ck", "whatever they say"),
        ("creatinine", "Creat SerPl-mCnc"), ("creatinine", "Serum creatinine"), ("creatinine", "Kreatinin (Jaffé)"),
        ("alt", "ALT (SGPT)"), ("alt", "GPT (ALAT)"), ("ast", "SGOT"), ("crp", "CRP SerPl HS-mCnc"),
        ("crp", "Protéine C-réactive"), ("troponin_i", "Troponin I SerPl HS-mCnc"), ("ldh", "LDH SerPl L to P-cCnc"),
        ("esr", "ESR Bld Qn Westrgrn"), ("haemoglobin", "Hgb Bld-mCnc"), ("white_cells", "WBC # Bld Auto"),
        ("hba1c", "HbA1c MFr Bld"), ("hba1c", "Hemoglobin A1c/Hemoglobin.total in Blood"), ("weight", "Gewicht"),
        ("hbsag", "HBV surface Ag Ser Ql"), ("platelets", "Plaquettes"),
        ("urine_protein", "Protein/Creatinine ratio, urine"),
        ("egfr", "GFR/1.73 sq M.predicted by CKD-EPI (creatinine)"),
    ],
)  # fmt: skip
def test_short_names_other_languages_and_unknown_words_contradict_nothing(key: str, name: str) -> None:
    assert not another_test(key, name)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ck", "CK-MB"), ("ck", "CKMB"), ("ck", "Creatine kinase.MB/Creatine kinase.total"), ("ck", "Creatinine"),
        ("ck", "Macro-CK"), ("ck", "CK, urine"), ("troponin_t", "Troponin I, high sensitivity"),
        ("troponin_t", "Troponine I"), ("creatinine", "Creatinine clearance"), ("creatinine", "Creat Ur-mCnc"),
        ("creatinine", "Kreatinin im Urin"), ("creatinine", "Protein/Creatinine ratio"), ("ldh", "Lactate"),
        ("alt", "AST (GOT)"), ("ast", "AST/ALT ratio"), ("haemoglobin", "Hemoglobin A1c"),
        ("haemoglobin", "Mean corpuscular hemoglobin"), ("neutrophils", "Neutrophils NFr Bld Auto"),
        ("neutrophils", "Neutrophils %"), ("platelets", "Mean platelet volume"), ("igg", "IgA"),
        ("bilirubin", "Bilirubin direct"), ("glucose", "Glucose-6-phosphate dehydrogenase"), ("weight", "Birth weight"),
        ("ck", "CK [MB]"), ("ck", "CK Anteil in Prozent"), ("ck", "CK Masse"), ("ck", "U-CK"),
        ("haemoglobin", "Glykiertes Hämoglobin"), ("haemoglobin", "Hemoglobin S"), ("weight", "Weight change"),
        ("mmt8", "MMT8 total both sides"), ("crp", "CRP index"),
    ],
)  # fmt: skip
def test_another_test_specimen_isoform_share_or_ratio_contradicts(key: str, name: str) -> None:
    assert another_test(key, name)


@pytest.mark.parametrize("key", sorted(vocabulary.measures()))
def test_no_measure_contradicts_its_own_names_and_codes(key: str) -> None:
    row = vocabulary.measure(key)
    codes = [one.name for one in vocabulary.vocabulary().measure_codes.values() if one.measure == key]
    for name in (row.label, row.short_label, *codes):
        assert not another_test(key, name), name


def test_a_name_alone_means_a_measure_only_as_a_whole() -> None:
    assert measure_named("Creatine kinase") == "ck"
    assert measure_named("PLAQUETTES") == "platelets"
    assert measure_named("Creatine kinase, patient fasting") is None
    assert measure_named("CK-MB") is None
    assert measure_named("lactate") is None


def test_a_name_too_short_to_mean_a_measure_alone_means_it_beside_a_code() -> None:
    assert measure_named("mg") is None
    assert is_named("magnesium", "Mg")


def test_a_laboratorys_own_code_means_only_what_its_name_says() -> None:
    assert meant_by_codes("", [Coding(LOCAL, "AST", "ASAT (GOT)")], ()).measure.key == "ast"
    assert is_named("ast", "ASAT (GOT)")
    with pytest.raises(Waits, match="no measure"):
        meant_by_codes("", [Coding(LOCAL, "AST", "Antistreptolysin titre")], ())


def test_a_code_that_must_not_be_used_is_refused_whatever_it_is_called() -> None:
    with pytest.raises(Refused, match="MB fraction"):
        meant_by_codes("", [Coding(LOINC, "32673-6", "CK")], ())

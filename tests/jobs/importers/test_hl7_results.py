"""Which result is which, what a value is, and what is never charted: whole kinds, each with its other members."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.importers.loading.flow import Wanted, decide
from tests.jobs.importers.conftest import MESSAGES, NOW, Laboratory, result

# ----------------------------------------------------------------------------------------------- identity before value


@pytest.mark.parametrize(
    ("second", "values"),
    [
        (result("350", at="20260601120000"), [300, 350]),
        (result("350", sub="2"), [300, 350]),
        (result("350", number="F2", at="20260603080000"), [300, 350]),
        (result("350", patient="PID|1||M2^^^H^MR||Müller"), [300, 350]),
        (result("350", sender="LAB|SOUTH"), [300, 350]),
        (result("350", code="1920-8^AST^LN"), [300, 350]),
        (result("350", specimen="PLAS&Plasma"), [300, 350]),
        (result("350", status="C", sent="20260602110000"), [350]),
        (result("350", status="C", sent="20260602110000", code="CK^Creatine kinase^L^2157-6^CK^LN"), [350]),
        (result("350", status="C", sent="20260602110000", code="LAB7^CPK^L^2157-6^CK SerPl-cCnc^LN"), [350]),
        (result("350", status="C", sent="20260602110000", at="20260601083000"), [350]),
        (result("350", status="C", sent="20260602110000", patient="PID|1||M2^^^H^MR||Müller"), [350]),
        (result("350", status="C", number="F9", sent="20260602110000"), [300, 350]),
        (result("", status="W", sent="20260602110000"), []),
        (result("", status="D", sent="20260602110000"), []),
        (result("", status="X", sent="20260602110000"), []),
        (result("", status="X", number="F9", sent="20260602110000"), [300]),
        (result("", status="D", sub="2", sent="20260602110000"), [300]),
    ],
)
def test_a_result_is_a_version_of_another_only_in_its_place_or_by_saying_so(
    laboratory: Laboratory, second: str, values: list[float]
) -> None:
    laboratory.send(result("300"))
    laboratory.send(second)
    assert sorted(one for one in laboratory.values() if one is not None) == values
    before = len(laboratory.charted(current=False))
    for again in (result("300"), second):
        assert laboratory.send(again).total.unchanged == 1
    assert len(laboratory.charted(current=False)) == before


@pytest.mark.parametrize(("answer", "values"), [("both", [412, 500]), ("replaces", [500])])
def test_a_result_under_another_number_in_the_place_of_one_that_says_otherwise_is_asked_about(
    laboratory_on_both: Laboratory, answer: str, values: list[float]
) -> None:
    laboratory = laboratory_on_both
    laboratory.send(result())
    sent = result("500", number="F3")
    assert (laboratory.send(sent).total.waiting, laboratory.send(sent).total.unchanged) == (1, 1)
    ((kind, what, _),) = laboratory.waiting()
    assert (kind, what) == ("value", "another ck M1 2026-06-01T06:00:00+00:00: F3^LAB beside F1^LAB")
    asked = Wanted("hl7:LAB:H", "value", what, answer)
    decide(laboratory.engine, asked, timezone="Europe/Berlin", by="nora", now=NOW)
    assert sorted(value or 0 for value in laboratory.values()) == values
    laboratory.send(result("510", number="F3", status="C"))
    assert 510 in laboratory.values()
    assert 500 not in laboratory.values()


def test_two_orders_of_one_message_are_two_even_at_the_same_time(laboratory: Laboratory) -> None:
    second = result("500", number="F2").partition("OBR|")[2]
    assert laboratory.send(result() + "OBR|" + second).total.created == 2


def test_the_same_value_under_another_number_says_nothing_otherwise(laboratory: Laboratory) -> None:
    assert laboratory.send(result() + result(number="F2")).total.created == 2


def test_two_numbers_of_one_file_that_differ_are_asked_about_and_can_be_not_ours(laboratory: Laboratory) -> None:
    sent = result() + result("500", number="F2")
    report = laboratory.send(sent)
    assert (report.total.created, report.total.waiting) == (1, 1)
    ((_, what, _),) = laboratory.waiting()
    not_ours = Wanted("hl7:LAB:H", "value", what, not_ours=True)
    decide(laboratory.engine, not_ours, timezone="Europe/Berlin", by="nora", now=NOW)
    assert (laboratory.waiting(), laboratory.send(sent).total.unchanged) == ([], 2)


@pytest.mark.parametrize(
    "other",
    [
        {"at": "20260601090000"}, {"specimen": "BLDC^Capillary"}, {"sub": "2"}, {"sender": "OTHER|H"},
        {"patient": "PID|1||M2^^^H^MR"}, {"code": "1742-6^ALT^LN"}, {"unit": "ukat/L"},
    ],
)  # fmt: skip
def test_another_number_in_another_place_is_another_result(laboratory: Laboratory, other: dict[str, str]) -> None:
    laboratory.send(result())
    assert laboratory.send(result("500", number="F2", **other)).total.created == 1


def test_two_results_of_one_report_are_two_even_at_the_same_time(laboratory: Laboratory) -> None:
    twice = result("300") + "OBX|2|NM|2157-6^Creatine kinase^LN||350|U/L|30-200|H|||F|||20260601080000\r"
    assert laboratory.send(twice).total.created == 2
    assert laboratory.values() == [300, 350]
    assert laboratory.send(twice).total.unchanged == 2


def test_a_correction_that_fits_two_results_of_a_number_waits(laboratory: Laboratory) -> None:
    laboratory.send(result("300"))
    laboratory.send(result("350", at="20260601120000"))
    report = laboratory.send(result("400", at="20260601100000", status="C", sent="20260602110000"))
    assert report.total.waiting == 1
    assert laboratory.values() == [300, 350]
    assert laboratory.waiting()[0][1].startswith("correction of ck F1^LAB")


def test_a_correction_in_the_same_file_as_what_it_corrects_finds_it(laboratory: Laboratory) -> None:
    report = laboratory.send(result("300") + result("350", status="C", at="20260601083000", sent="20260602110000"))
    assert (report.total.created, report.total.updated) == (1, 1)
    assert laboratory.values() == [350]


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("specimen rejected", "ST", "corrected: specimen rejected"),
        ("see report~of today", "TX", "corrected: see report of today U/L"),
        ("", "NM", "corrected: U/L"),
        ("^application^pdf^Base64^JVBERi0", "ED", "corrected:"),
    ],
)
def test_a_correction_that_cannot_be_read_takes_the_old_value_out_of_force_and_shows_it(
    laboratory: Laboratory, text: str, kind: str, reason: str
) -> None:
    laboratory.send(result("840"))
    report = laboratory.send(result(text, kind=kind, status="C", sent="20260602110000", notes=("clotted",)))
    assert (report.total.updated, report.total.rejected, report.total.waiting) == (1, 0, 0)
    assert laboratory.values() == []
    (now,) = laboratory.charted()
    assert now.status == "cancelled"
    assert (now.reason or "").startswith(reason)
    assert "clotted" in (now.reason or "")


def test_a_correction_in_an_unknown_unit_takes_the_old_value_out_and_waits_itself(laboratory: Laboratory) -> None:
    laboratory.send(result("840"))
    report = laboratory.send(result("14", unit="furlongs", status="C", sent="20260602110000"))
    assert (report.total.read, report.total.waiting) == (1, 1)
    assert laboratory.values() == []
    assert laboratory.waiting() == [("unit", "ck furlongs", 1)]


# ------------------------------------------------------------------------------------------------ what is measured


@pytest.mark.parametrize(
    "name",
    [
        "CKMB", "CK-MB", "CK MB", "CK_MB", "Creatine kinase.MB", "Creatine kinase MB isoenzyme", "CK-MB Masse",
        "CK urine", "CK (Urin)", "U-CK", "CK Ur-cCnc", "CK in CSF", "CK im Liquor", "Makro-CK", "Macro CK type 1",
        "macrocreatine kinase macro", "CK-BB", "CK MM", "CK isoforms", "CK Isoenzyme", "CK fraction", "CK-Fraktion",
        "CK ratio", "CK index", "CK relative index", "CK %", "CK percent", "CK Anteil in Prozent", "CK mitochondrial",
        "CK electrophoresis", "CK1", "anti-CK antibody", "Myoglobin", "ALT", "GOT", "Lactate dehydrogenase", "Creatine",
        "Kreatinin", "Pyruvate kinase", "Troponin T", "CK pleural fluid", "CK Masse",
    ],
)  # fmt: skip
def test_a_name_that_means_another_test_holds_the_result(laboratory: Laboratory, name: str) -> None:
    assert laboratory.send(result(code=f"2157-6^{name}^LN")).total.waiting == 1
    assert laboratory.charted() == []
    assert laboratory.waiting() == [("code", f"2157-6 {name}", 1)]


@pytest.mark.parametrize(
    "name",
    [
        "", "CK", "CPK", "CK total", "CK gesamt", "CK, total", "Creatine kinase", "CREATINE KINASE", "Kreatinkinase",
        "Creatinkinase (CK)", "Créatine kinase", "Creatina quinasa", "Creatin-Kinase", "CK NAC-aktiviert",
        "Creatinfosfochinasi", "Creatine kinase [Enzymatic activity/volume] in Serum or Plasma", "CK SerPl-cCnc",
        "CK (37 °C)", "CK im Serum", "S-CK", "P-CK", "Kreatiinikinaasi", "something nobody knows", "4711",
    ],
)  # fmt: skip
def test_a_name_of_the_measure_in_any_language_or_one_nobody_knows_contradicts_nothing(
    laboratory: Laboratory, name: str
) -> None:
    assert laboratory.send(result(code=f"2157-6^{name}^LN")).total.created == 1
    assert [one.measure for one in laboratory.charted()] == ["ck"]


@pytest.mark.parametrize(
    ("code", "unit", "measure"),
    [
        ("67151-1^Troponin T SerPl HS-mCnc^LN", "ng/L", "troponin_t"),
        ("89579-7^hs-TnI^LN", "ng/L", "troponin_i"),
        ("1920-8^GOT (ASAT)^LN", "U/L", "ast"),
        ("1742-6^Alanin-Aminotransferase^LN", "U/L", "alt"),
        ("718-7^Hgb Bld-mCnc^LN", "g/dL", "haemoglobin"),
        ("718-7^Hämoglobin^LN", "g/dL", "haemoglobin"),
        ("6690-2^WBC # Bld Auto^LN", "10*9/L", "white_cells"),
        ("777-3^Thrombozyten^LN", "G/L", "platelets"),
        ("4537-7^BSG mm/h^LN", "mm/h", "esr"),
        ("1988-5^C-reaktives Protein^LN", "mg/L", "crp"),
        ("1988-5^PCR^LN", "mg/L", "crp"),
        ("2160-0^Créatinine^LN", "mg/dL", "creatinine"),
        ("1975-2^Bilirubin gesamt^LN", "mg/dL", "bilirubin"),
        ("2093-3^Cholesterin^LN", "mg/dL", "cholesterol"),
        ("2465-3^IgG^LN", "mg/dL", "igg"),
        ("GOT^AST^L", "U/L", None),
        ("ALT^GPT^L", "U/L", "alt"),
        ("CK^^L", "U/L", "ck"),
    ],
)
def test_names_of_other_measures_are_read_as_well(
    laboratory: Laboratory, code: str, unit: str, measure: str | None
) -> None:
    laboratory.send(result("5", code=code, unit=unit, limits=""))
    assert [one.measure for one in laboratory.charted()] == ([measure] if measure else [])


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("67151-1^cTnI^LN", "ng/L"),
        ("718-7^HbA1c^LN", "g/dL"),
        ("718-7^MCHC^LN", "g/dL"),
        ("1975-2^Bilirubin direkt^LN", "mg/dL"),
        ("2093-3^LDL cholesterol^LN", "mg/dL"),
        ("751-8^Neutrophils %^LN", "10*9/L"),
        ("777-3^MPV^LN", "10*9/L"),
        ("2160-0^Creatinine clearance^LN", "mg/dL"),
        ("2160-0^Kreatinin im Urin^LN", "mg/dL"),
        ("2465-3^IgG4^LN", "mg/dL"),
        ("2532-0^LDH 1^LN", "U/L"),
        ("1988-5^Procalcitonin^LN", "mg/L"),
    ],
)
def test_other_tests_of_other_measures_are_held_as_well(laboratory: Laboratory, code: str, unit: str) -> None:
    assert laboratory.send(result("5", code=code, unit=unit, limits="")).total.waiting == 1
    assert laboratory.charted() == []


@pytest.mark.parametrize("specimen", ["UR&Urine", "UR", "CSF", "PLR&Pleural fluid", "Spontanurin"])
def test_the_specimen_named_with_the_order_counts_like_one_in_the_name(laboratory: Laboratory, specimen: str) -> None:
    assert laboratory.send(result(specimen=specimen)).total.waiting == 1
    sample = result().replace("OBX|1", "OBX|1", 1) + f"SPM|1|77||{specimen.replace('&', '^')}\r"
    assert laboratory.send(sample).total.waiting == 1
    assert laboratory.charted() == []


@pytest.mark.parametrize("specimen", ["", "SER&Serum", "BLD&Blood", "SER/PLAS", "nobody knows"])
def test_a_specimen_of_blood_or_one_nobody_knows_holds_nothing(laboratory: Laboratory, specimen: str) -> None:
    assert laboratory.send(result(specimen=specimen)).total.created == 1


# --------------------------------------------------------------------------------------------------- what is no result


@pytest.mark.parametrize("mode", ["T", "D", "T^T", "t"])
def test_what_is_not_of_production_is_kept_once_and_never_charted(laboratory: Laboratory, mode: str) -> None:
    report = laboratory.send(result(mode=mode))
    assert (report.total.rejected, report.rejects[0].column) == (1, "MSH-11")
    assert laboratory.charted() == []
    assert laboratory.send(result(mode=mode)).total.unchanged == 1


@pytest.mark.parametrize("mode", ["P", "p", "P^T", ""])
def test_what_is_of_production_or_does_not_say_is_charted(laboratory: Laboratory, mode: str) -> None:
    assert laboratory.send(result(mode=mode)).total.created == 1


def test_notes_of_the_order_and_of_the_result_and_an_odd_range_are_kept_with_the_result(laboratory: Laboratory) -> None:
    text = result(limits="see leaflet", notes=("repeat",)).replace("OBX|1", "NTE|1||grossly haemolysed\rOBX|1")
    laboratory.send(text)
    (one,) = laboratory.charted()
    assert one.comment == "repeat; grossly haemolysed; Range as sent: see leaflet"
    assert one.upper_limit is None


@pytest.mark.parametrize(
    ("text", "low", "high", "kept"),
    [
        ("30-200", 30, 200, False),
        ("M 39-308 F 26-192", 26, 192, True),
        ("M: 39-308; F: 26-192", 26, 192, True),
        ("F 26-192 / M 39-308", 26, 192, True),
        ("m<190 w<170", None, 170, True),
        ("Männer < 190, Frauen < 170", None, 170, True),
        ("39-308 (M), 26-192 (F)", 26, 192, True),
        ("male 39-308 female 26-192", 26, 192, True),
        ("hommes 39-308 femmes 26-192", 26, 192, True),
        ("M 39-308", None, None, True),
        ("18-50 y: F 26-192 M 39-308", None, None, True),
        ("0-0", None, None, True),
        ("200-30", None, None, True),
        ("negative", None, None, True),
        ("", None, None, False),
        ("30-1.200", None, None, True),
    ],
)
def test_a_range_is_read_for_the_patients_sex_or_left_out_and_kept(
    laboratory: Laboratory, text: str, low: float | None, high: float | None, kept: bool
) -> None:
    assert laboratory.send(result(limits=text)).total.created == 1
    (one,) = laboratory.charted()
    assert (one.lower_limit, one.upper_limit) == (low, high)
    assert (f"Range as sent: {text}" in (one.comment or "")) is kept


def test_without_a_sex_on_file_that_of_the_message_counts(laboratory: Laboratory) -> None:
    laboratory.send(result(limits="M 39-308 F 26-192", patient="PID|1||M3^^^H^MR|||||M"))
    assert [one.upper_limit for one in laboratory.charted()] == [308]


# ------------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("412", 412), ("412.5", 412.5), ("0.029", 0.029), ("412,5", 412.5), ("1.234.567", 1234567), ("1,234.5", 1234.5),
        ("1.234,5", 1234.5), ("1 234", 1234), ("1'234", 1234), ("1234.567", 1234.567), ("0,125", 0.125), ("<5", 5),
        ("> 1.000.000", 1000000), ("19.250", None), ("19,250", None), ("<1.250", None), ("999.999", None),
    ],
)  # fmt: skip
def test_a_number_is_read_where_it_means_one_and_held_where_it_may_mean_two(
    laboratory: Laboratory, sent: str, value: float | None
) -> None:
    report = laboratory.send(result(sent, limits="", flag=""))
    assert report.total.waiting == (value is None)
    assert laboratory.values() == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("shown", "sent", "flag", "limits", "value"),
    [
        ("7.1", "19.250", "", "", 19.25),
        ("7,1", "19.250", "H", "30-200", 19250),
        ("0.5", "19,250", "H", "30-200", 19250),
        ("1.234,5", "19.250", "", "", 19250),
        # The sender's own flag contradicts what its habit says.
        ("7.1", "19.250", "H", "30-200", None),
        ("7.1", "250.125", "N", "30-200", None),
    ],
)
def test_a_senders_decimal_mark_is_learned_from_what_it_writes_elsewhere(
    laboratory: Laboratory, shown: str, sent: str, flag: str, limits: str, value: float | None
) -> None:
    laboratory.send(result(shown, code="6690-2^WBC^LN", unit="10*9/L", limits="", flag="", number="F0"))
    laboratory.send(result(sent, flag=flag, limits=limits))
    assert [one.value for one in laboratory.charted() if one.measure == "ck"] == ([] if value is None else [value])


def test_what_was_held_flows_by_itself_once_the_sender_shows_its_mark(laboratory: Laboratory) -> None:
    assert laboratory.send(result("19.250", limits="", flag="")).total.waiting == 1
    report = laboratory.send(result("7.1", code="6690-2^WBC^LN", unit="10*9/L", limits="", number="F0"))
    assert any("could be taken over now" in one for one in report.warnings)
    assert laboratory.waiting() == []
    assert sorted(one for one in laboratory.values() if one) == [7.1, 19.25]


def test_the_mark_of_one_sender_says_nothing_of_another(laboratory: Laboratory) -> None:
    laboratory.send(result("7.1", code="6690-2^WBC^LN", unit="10*9/L", limits="", number="F0"))
    assert laboratory.send(result("19.250", sender="OTHER|H")).total.waiting == 1


# ------------------------------------------------------------------------------------------------------- whole files


@pytest.mark.parametrize(
    ("charset", "written", "warned"),
    [
        ("", "utf-8", False), ("8859/1", "iso-8859-1", False), ("8859/2", "iso-8859-2", False),
        ("UNICODE UTF-8", "utf-8", False), ("", "iso-8859-1", True), ("UNICODE UTF-8", "iso-8859-1", True),
        ("ASCII", "iso-8859-1", True), ("ASCII", "utf-8", True), ("MARTIAN", "utf-8", True), ("", "utf-16", False),
        ("8859/15", "iso-8859-15", False),
    ],
)  # fmt: skip
def test_each_message_is_read_in_its_own_character_set(
    laboratory: Laboratory, charset: str, written: str, warned: bool
) -> None:
    text = result(notes=("Müller geprüft",)).replace("|P|2.5.1", f"|P|2.5.1||||||{charset}", 1)
    report = laboratory.send(text.encode(written))
    assert report.total.created == 1
    assert bool(report.warnings) is warned
    assert [one.comment for one in laboratory.charted()] == ["Müller geprüft"]


def test_one_bad_message_stops_none_of_the_others(laboratory: Laboratory, tmp_path: Path) -> None:
    good = [result(number="F1"), result(number="F2", at="20260602080000")]
    latin = result(number="F3", at="20260603080000", notes=("süß",)).encode("iso-8859-1")
    bad = b"MSH|^^~\\&|X\rPID|1||M1\r"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.hl7").write_bytes(good[0].encode() + bad + latin + b"MSH\r" + good[1].encode())
    (folder / "b.hl7").write_bytes(b"\x00\x01 nothing of the kind")
    report = laboratory.bring(folder)
    assert (report.total.created, report.total.rejected) == (3, 3)
    assert {one.file for one in report.rejects} == {"a.hl7", "b.hl7"}


SEGMENTS = st.lists(
    st.sampled_from(
        [
            "MSH|^~\\&|LAB|H|MYO|H|20260601120000||ORU^R01|1|P|2.5.1", "MSH|^^~|", "MSH|^~\\&|X|Y|||2026||ADT^A40|2|P",
            "MSH|^~\\&|LAB|H|MYO|H|20260601120000||ORU^R01|3|T|2.5.1", "MSH|^~\\&|Z||||2026||OUL^R22|4|P|2.5.1",
            "PID|1||M1^^^H^MR||Doe^J", "PID|1||M1^^^X^MR||Roe^B||19990101|M", "PID|1", "PID|1||M2^^^H||M\xfcller",
            "MRG|M2^^^H^MR", "OBR|1|P1|F1^LAB|X|||20260601080000|||||||||||||||20260601110000|||F", "OBR|1",
            "SPM|1|||UR",
            "OBX|1|NM|2157-6^Creatine kinase^LN||412|U/L|30-200|H|||F", "OBX|2|NM|2157-6^CKMB^LN||4|U/L||||F",
            "OBX|3|NM|2157-6^CK^LN||19.250|U/L|M 1-2 F 3-4||||C|||20260601", "OBX|4|ST|GLU^Glucose^L||x~y|mg||||F",
            "OBX|5|NM|2157-6^CK^LN||1|furlongs|||||C|||20260601080000", "OBX|6|ED|2157-6||a^b||||||F", "OBX|7",
            "OBX|8|NM|2157-6^CK^LN||1|U/L|||||D|||20260601080000", "NTE|1||note", "ZZZ|1", "\x0b", "\x1c",
            "garbage", "",
        ]
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SEGMENTS)
def test_whatever_the_segments_every_row_is_counted_once_and_a_second_import_changes_nothing(
    laboratory: Laboratory, segments: list[str]
) -> None:
    content = "\r".join(["MSH|^~\\&|LAB|H|MYO|H|2026||ORU^R01|0|P|2.5.1", *segments]).encode("latin-1")
    trial = laboratory.send(content, dry_run=True).total
    first = laboratory.send(content).total
    assert (first.read, first.rejected) == (trial.read, trial.rejected)
    there = [(one.id, one.known_to) for one in laboratory.charted(current=False)]
    second = laboratory.send(content).total
    assert (second.read, second.unchanged) == (first.read, first.read)
    assert [(one.id, one.known_to) for one in laboratory.charted(current=False)] == there


def test_the_files_that_were_read_wrongly_once_are_read_as_expected(laboratory: Laboratory) -> None:
    report = laboratory.bring(*sorted(MESSAGES.glob("*.hl7")))
    ended = {one.name: (one.created, one.updated, one.waiting, one.rejected) for one in report.files}
    assert ended == {
        "code-urine.hl7": (0, 0, 1, 0),
        "correction-unreadable.hl7": (1, 1, 0, 0),
        "correction-under-another-code.hl7": (1, 1, 0, 0),
        "one-report-empty.hl7": (1, 0, 0, 1),
        "one-number-two-days.hl7": (2, 0, 0, 0),
        "other-hospital.hl7": (0, 0, 1, 0),
        "other-person.hl7": (0, 0, 1, 0),
        "test-mode.hl7": (0, 0, 0, 1),
        "thousands.hl7": (0, 0, 1, 0),
    }
    assert laboratory.bring(*sorted(MESSAGES.glob("*.hl7"))).total.unchanged == report.total.read

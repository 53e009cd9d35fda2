"""HL7 v2 results as observations: separators, escapes, statuses, times, and what must never be believed."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.importers.hl7v2_oru import Encoding, rows_of
from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for, writing
from models.errors import UsageError
from models.observation import Observation
from models.patient import Patient
from models.waiting import waiting_groups

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
MSH = "MSH|^~\\&|LIS|NORTH|MYO|CLINIC|20260302130000+0100||ORU^R01^ORU_R01|MSG1|P|2.5.1"
PID = "PID|1||999^^^SSN^SS~0012^^^NORTH^MR||Karst^Ada"
OBR = "OBR|1|PL1|F77^LIS|CHEM^Chemistry^L|||20260302083000+0100|||||||||||||||20260302125500+0100|||F"

Bring = Callable[..., ImportReport]


def obx(code: str = "2157-6^Creatine kinase^LN", value: str = "410", unit: str = "U/L", limits: str = "0-200",
        status: str = "F", kind: str = "NM", rest: str = "") -> str:  # fmt: skip
    return f"OBX|1|{kind}|{code}||{value}|{unit}|{limits}|H|||{status}{rest}"


def message(*results: str, header: str = MSH, patient: str = PID, order: str = OBR) -> str:
    return "\r".join(filter(None, [header, patient, order, *results])) + "\r"


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    with writing(engine) as session:
        session.add(Patient(mrn="0012", created_at=NOW, updated_at=NOW))
    yield engine
    engine.dispose()


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Bring:
    made = iter(range(100))

    def run(content: str | bytes, **options: Any) -> ImportReport:
        path = tmp_path / f"results-{next(made)}.hl7"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return import_paths(engine, [path], timezone="Europe/Berlin", by="nora", now=NOW, **options)

    return run


def stored(engine: Engine, *, current: bool = True) -> list[Observation]:
    with Session(engine) as session:
        query = select(Observation).order_by(col(Observation.id))
        if current:
            query = query.where(col(Observation.known_to).is_(None))
        return list(session.exec(query))


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    total = report.total
    assert total.read == total.created + total.updated + total.unchanged + total.waiting + total.rejected
    return total.read, total.created, total.updated, total.unchanged, total.rejected


def waiting(engine: Engine) -> list[tuple[str, str, str]]:
    with Session(engine) as session:
        return [(one["kind"], one["what"], one["why"]) for one in waiting_groups(session)]


def test_a_result_arrives_with_unit_limits_times_and_whose_it_is(engine: Engine, bring: Bring) -> None:
    rest = "|||20260302084500+0100||^Lind^Pia|IFCC^IFCC 37 C"
    assert counts(bring(message(obx(rest=rest), "NTE|1||haemolytic\\.br\\sample"))) == (1, 1, 0, 0, 0)
    one = stored(engine)[0]
    assert (one.measure, one.value, one.upper_limit, one.lower_limit) == ("ck", 410, 200, 0)
    assert one.effective_at == dt.datetime(2026, 3, 2, 7, 45, tzinfo=dt.UTC)
    assert one.received_at == dt.datetime(2026, 3, 2, 11, 55, tzinfo=dt.UTC)
    assert (one.sender, one.source_id) == ("hl7:LIS:NORTH", "F77^LIS")
    assert (one.assay, one.assessor, one.comment) == ("IFCC 37 C", "Pia Lind", "haemolytic sample")


def test_the_same_message_twice_changes_nothing(engine: Engine, bring: Bring) -> None:
    bring(message(obx()))
    assert counts(bring(message(obx()))) == (1, 0, 0, 1, 0)


def test_a_corrected_result_supersedes_the_first(engine: Engine, bring: Bring) -> None:
    bring(message(obx()))
    later = OBR.replace("20260302125500", "20260303090000")
    assert counts(bring(message(obx(value="41", status="C"), order=later)))[2] == 1
    first, second = stored(engine, current=False)
    assert (second.value, second.status, first.known_to) == (41, "corrected", second.received_at)


@pytest.mark.parametrize(("status", "kept"), [("W", "entered-in-error"), ("D", "entered-in-error"), ("X", "cancelled")])
def test_a_result_that_was_wrong_or_cannot_be_had_is_taken_back(
    engine: Engine, bring: Bring, status: str, kept: str
) -> None:
    bring(message(obx()))
    later = OBR.replace("20260302125500", "20260303090000")
    assert counts(bring(message(obx(value="", unit="", status=status), order=later)))[2] == 1
    assert [one.status for one in stored(engine)] == [kept]


@pytest.mark.parametrize("status", ["P", "R", "S", "I", "N", "O", "Z"])
def test_what_is_not_final_is_refused_with_its_segment_and_field(bring: Bring, status: str) -> None:
    report = bring(message(obx(status=status)))
    assert counts(report) == (1, 0, 0, 0, 1)
    reject = report.rejects[0]
    assert (reject.line, reject.column) == (4, "OBX-11")
    assert "final" in reject.why


def test_a_result_without_status_has_that_of_its_order(engine: Engine, bring: Bring) -> None:
    assert counts(bring(message(obx(status=""))))[1] == 1


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_segments_end_as_the_standard_or_an_editor_ends_them(bring: Bring, ending: str) -> None:
    assert counts(bring(message(obx()).replace("\r", ending)))[1] == 1


def test_batches_and_the_marks_of_the_wire_are_passed_over(engine: Engine, bring: Bring) -> None:
    other = MSH.replace("MSG1", "MSG2")
    content = (
        "FHS|^~\\&|LIS\rBHS|^~\\&|LIS\r\x0b" + message(obx()) + "\x1c\r"
        + message(obx("1920-8^AST^LN", "30"), header=other) + "BTS|2\rFTS|1\r"
    )  # fmt: skip
    assert counts(bring(content)) == (2, 2, 0, 0, 0)


def test_other_separators_are_honoured(engine: Engine, bring: Bring) -> None:
    header = "MSH#*!?$#LIS#NORTH###20260302130000##ORU*R01#1#P#2.3"
    rest = [
        "PID###0012***X*MR", "OBR#1##F1####20260302083000",
        "OBX#1#NM#2157-6*Creatine kinase?S?MB##410#U/L#0-200####F",
    ]  # fmt: skip
    assert counts(bring("\r".join([header, *rest]))) == (1, 0, 0, 0, 0)
    assert waiting(engine)[0][:2] == ("code", "2157-6 Creatine kinase*MB")
    assert counts(bring("\r".join([header, *rest]).replace("?S?MB", "")))[1] == 1


def test_escapes_mean_the_separators_themselves(engine: Engine, bring: Bring) -> None:
    assert Encoding().text("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f") == "a|b^c&d~e\\f"
    assert Encoding().text("\\X4142\\\\H\\x\\N\\") == "ABx"
    assert counts(bring(message(obx("6690-2^Leukocytes^LN", "7.1", "10\\S\\9/L", "4-10"))))[1] == 1
    assert stored(engine)[0].value == 7.1


def test_a_power_of_ten_that_nobody_escaped_is_put_together(engine: Engine, bring: Bring) -> None:
    assert counts(bring(message(obx("6690-2^Leukocytes^LN", "7.1", "10^9/L", "4-10"))))[1] == 1


@pytest.mark.parametrize(
    ("result", "value", "comparator", "limit"),
    [
        (obx("67151-1^Troponin T^LN", "<5", "ng/L", "<14"), 5, "<", 14),
        (obx("67151-1^Troponin T^LN", "<^5", "ng/L", "<14", kind="SN"), 5, "<", 14),
        (obx("67151-1^Troponin T^LN", "0.029", "ng/mL", "0 - 0.014"), 29, "", 14),
        (obx("67151-1^Troponin T^LN", "29", "ng/L", "0 - 0.014 ng/mL"), 29, "", 14),
        (obx("5196-1^HBs surface antigen^LN", "NEG^Negative^L", "", "", kind="CWE"), 0, "", None),
        (obx("CK^Creatine kinase^L", "410"), 410, "", 200),
        (obx("CK^Creatine kinase^L", "640 U/L", "", kind="ST"), 640, "", 200),
        (obx("CK^Creatine kinase^L", "640 U/L", "IU/L", kind="ST"), 640, "", 200),
        (obx("CK^Creatine kinase^L", "10.5µkat/L", "", "", kind="ST"), 630, "", None),
        (obx("67151-1^Troponin T^LN", "< 5 ng/L", "", "<14", kind="ST"), 5, "<", 14),
        (obx("cmas-total^CMAS^99MYO", "27", "", ""), 27, "", None),
        (obx("L123^CK total^L^2157-6^Creatine kinase^LN", "410"), 410, "", 200),
    ],
)
def test_values_codes_and_limits_as_laboratories_send_them(
    engine: Engine, bring: Bring, result: str, value: float, comparator: str, limit: float | None
) -> None:
    report = bring(message(result))
    assert report.rejects == []
    one = stored(engine)[0]
    assert (one.value, one.comparator, one.upper_limit) == (value, comparator, limit)


@pytest.mark.parametrize(
    ("content", "column", "reason"),
    [
        (message(obx("13969-1^Creatine kinase.MB^LN", "4")), "OBX-3", "MB fraction"),
        (message(obx(kind="ED")), "OBX-5", "type ED"),
        (message(obx(value="")), "OBX-5", "missing"),
        (message(obx(value="-4")), "OBX-5", "below 0"),
        (message(obx(), patient="PID|1"), "PID-3", "no identifier"),
        (message(obx(), patient=""), "PID-3", "whose"),
        (message(obx(), order="OBR|1||F1"), "OBX-14", "missing"),
        (message(obx(rest="|||202603")), "OBX-14", "names no day"),
        (message(obx(rest="|||yesterday")), "OBX-14", "not a time"),
        (message(obx(), header=MSH.replace("ORU^R01^ORU_R01", "SIU^S12")), "MSH-9", "not read"),
        (message(), "OBX", "no result"),
        (message(obx(), header=MSH.replace("|P|2.5.1", "|T|2.5.1")), "MSH-11", "test or training"),
        (message(obx(), header=MSH.replace("|P|2.5.1", "|D|2.5.1")), "MSH-11", "finding faults"),
    ],
)
def test_what_no_decision_can_mend_is_refused_and_names_its_field(
    bring: Bring, content: str, column: str, reason: str
) -> None:
    report = bring(content)
    assert counts(report) == (1, 0, 0, 0, 1)
    assert report.rejects[0].column == column
    assert reason in report.rejects[0].why


@pytest.mark.parametrize(
    ("content", "kind", "what", "reason"),
    [
        (message(obx("67151-1^Troponin I^LN", "14", "ng/L")), "code", "67151-1 Troponin I", "troponin T"),
        (message(obx("2157-6^CK-MB^LN", "14")), "code", "2157-6 CK-MB", "not Creatine kinase"),
        (message(obx("CK^Cytokeratin^L", "14")), "code", "CK", "Cytokeratin"),
        (
            message(obx("67151-1^Troponin T^LN^89579-7^Troponin I^LN", "14", "ng/L")),
            "code", "67151-1 Troponin T, 89579-7 Troponin I", "different measures",
        ),
        (message(obx("77777-7^Other^LN")), "code", "77777-7", "no measure"),
        (message(obx("67151-1^Troponin T^LN", "14", "")), "unit", "troponin_t without unit", "unit is missing"),
        (message(obx("67151-1^TnT^LN", "14", "ng/L^ng/mL^UCUM")), "unit", "troponin_t ng/L / ng/mL", "named twice"),
        (message(obx(unit="furlongs")), "unit", "ck furlongs", "not a unit"),
        (message(obx(value="640 U/L", unit="mg/dL", kind="ST")), "unit", "ck mg/dL", "not a unit"),
        (message(obx("67151-1^TnT^LN", "14 ng/L", "ng/mL")), "unit", "troponin_t ng/mL / ng/L", "named twice"),
        (message(obx(value="640 haemolysed", unit="")), "value", "ck 640 haemolysed", "not a number"),
        (message(obx(value="haemolysed")), "value", "ck haemolysed", "not a number"),
        (message(obx(value="1~2")), "value", "ck 1 2", "more than one"),
        (message(obx(value="1^^-^2", kind="SN")), "value", "ck 1 - 2", "range"),
        (message(obx(), patient=PID.replace("0012", "0404")), "patient", "0404^^^NORTH", "no patient"),
        (message(obx(), patient="PID|1||999^^^SSN^SS"), "patient", "999^^^SSN", "no record number"),
    ],
)  # fmt: skip
def test_what_a_decision_can_mend_waits_for_it(
    engine: Engine, bring: Bring, content: str, kind: str, what: str, reason: str
) -> None:
    report = bring(content)
    assert (report.total.waiting, report.rejects) == (1, [])
    ((found_kind, found_what, why),) = waiting(engine)
    assert (found_kind, found_what) == (kind, what)
    assert reason in why
    assert stored(engine) == []
    assert counts(bring(content)) == (1, 0, 0, 1, 0)


def test_a_time_without_offset_is_in_that_of_the_message_else_the_clinics(engine: Engine, bring: Bring) -> None:
    order = "OBR|1||F1||||20260302083000"
    bring(message(obx(), order=order, header=MSH.replace("130000+0100", "130000-0500")))
    bring(message(obx(), order=order.replace("F1", "F2"), header=MSH.replace("130000+0100", "130000")))
    assert [one.effective_at.hour for one in stored(engine)] == [13, 7]


def test_equal_order_numbers_of_two_laboratories_are_two_results(engine: Engine, bring: Bring) -> None:
    south = message(obx(value="99"), header=MSH.replace("NORTH", "SOUTH"))
    report = bring(message(obx()) + south)
    assert counts(report)[1] == 2
    assert [one.sender for one in stored(engine)] == ["hl7:LIS:NORTH", "hl7:LIS:SOUTH"]
    assert [(file.read, file.name) for file in report.files] == [(2, "results-0.hl7")]


def test_a_second_patient_in_a_message_has_no_order_of_the_first(bring: Bring) -> None:
    report = bring(message(obx(), "PID|2||0012^^^NORTH", obx()))
    assert counts(report)[1::3] == (1, 1)


def test_latin_1_is_read_where_the_message_says_so_and_with_a_warning_where_not(engine: Engine, bring: Bring) -> None:
    content = message(obx(), "NTE|1||größer", header=MSH + "||||||8859/1")
    report = bring(content.encode("iso-8859-1"))
    assert (counts(report)[1], report.warnings) == (1, [])
    assert stored(engine)[0].comment == "größer"
    undeclared = message(obx(), "NTE|1||älter", order=OBR.replace("F77", "F78")).encode("iso-8859-1")
    report = bring(undeclared)
    assert counts(report)[1] == 1
    assert stored(engine)[1].comment == "älter"
    assert "not UTF-8; read as Windows 1252" in report.warnings[0]


def test_a_folder_of_messages_is_recognised(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.hl7").write_text(message(obx()))
    (folder / "b.hl7").write_text(message(obx("1920-8^AST^LN", "30")))
    report = import_paths(engine, [folder], timezone="UTC", by="nora", now=NOW)
    assert counts(report) == (2, 2, 0, 0, 0)
    assert [file.name for file in report.files] == ["a.hl7", "b.hl7"]


@pytest.mark.parametrize("content", ["", "hello", "PID|1||0012", "MSH", "MSH|||", "MSH|^^~&|x"])
def test_what_is_not_hl7_is_wrong_usage(bring: Bring, content: str) -> None:
    with pytest.raises(UsageError):
        bring(content)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet="|^~\\&\r\n0123456789OBXPIDRMSHFabc<>-. ", max_size=60), max_size=6))
def test_no_text_behind_a_header_makes_the_reader_fail(lines: list[str]) -> None:
    content = "\r".join([MSH, PID, OBR, obx(), *lines]).encode()
    try:
        found = list(rows_of(content, "x.hl7"))
    except UsageError:
        return
    assert found

"""Whose a message is: number and authority, and what it says of the person."""

import datetime as dt

import pytest
from sqlmodel import Session, select

from jobs.importers.decisions import Person
from jobs.importers.identity import Claim, contradiction, corroborates, same_authority
from jobs.importers.loading.flow import Wanted, decide
from models.database import writing
from models.errors import ActionRefused
from models.medication import MedicationStatement
from models.merging import merges, undo
from models.patient import Patient
from models.settings import settings
from models.user import AuditEvent
from tests.jobs.importers.conftest import NOW, Laboratory, result

ADA = Person("1", "Müller-Karst", "Ada Maria", dt.date(1980, 2, 29), "female")


@pytest.mark.parametrize(
    ("family", "given", "birth", "sex"),
    [
        ("Müller-Karst", "Ada Maria", "1980-02-29", "female"),
        ("MUELLER-KARST", "ADA MARIA", "", ""),
        ("Muller Karst", "Ada-Maria", "1980", "female"),
        ("Müller", "Ada", "1980-02", ""),
        ("Karst", "Maria", "", ""),
        ("Müllerkarst", "Adamaria", "", ""),
        ("Müller", "A", "", ""),
        ("Müller", "A.", "", ""),
        ("M", "X", "", ""),
        ("", "", "", ""),
        ("Müller-Karst", "", "", ""),
        ("", "Ada", "", ""),
        # Family and given name in each other's place.
        ("Ada Maria", "Müller-Karst", "1980-02-29", ""),
    ],
)
def test_what_is_missing_an_initial_or_spelled_otherwise_contradicts_nothing(
    family: str, given: str, birth: str, sex: str
) -> None:
    assert contradiction(ADA, Claim(((family, given),), birth, sex)) == ""


@pytest.mark.parametrize(
    ("family", "given", "birth", "sex", "reason"),
    [
        ("Schmidt", "Ada Maria", "1980-02-29", "female", "family name 'Schmidt'"),
        ("Müller-Schmidt", "Ada", "", "", "family name"),
        ("Müller", "Eva Maria", "1980-02-29", "female", "given name 'Eva Maria'"),
        ("Müller", "Eva", "1980-02-29", "female", "given name"),
        ("Müller", "Ada", "1980-02-28", "female", "born 1980-02-28"),
        ("Müller", "Ada", "1981", "", "born 1981"),
        ("Müller", "Ada", "", "male", "says male"),
        ("Ada", "Schmidt", "", "", "family name"),
    ],
)
def test_another_name_birth_date_or_sex_contradicts(family: str, given: str, birth: str, sex: str, reason: str) -> None:
    assert reason in contradiction(ADA, Claim(((family, given),), birth, sex))


def test_one_of_several_names_that_agrees_is_enough() -> None:
    assert contradiction(ADA, Claim((("Schmidt", "Ada"), ("Müller", "Ada")))) == ""


def test_nothing_on_file_is_contradicted_by_nothing() -> None:
    assert contradiction(Person("1"), Claim((("Smith", "Bob"),), "1990-01-01", "male")) == ""


def test_a_birth_date_or_a_family_name_that_agrees_corroborates_and_a_given_name_does_not() -> None:
    assert corroborates(ADA, Claim(birth_date="1980-02-29"))
    assert corroborates(ADA, Claim((("MULLER KARST", ""),)))
    assert not corroborates(ADA, Claim((("", "Ada Maria"),), "1980", "female"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("H", "h", True), ("H", "X", False), ("H&1.2", "H&1.2", True), ("A&1.2", "B&1.2", True),
        ("H&1.2", "H&1.3", False),
        ("H", "H&1.2", True), ("1.2", "H&1.2", True), ("", "", True), ("", "H", False),
    ],
)  # fmt: skip
def test_authorities_are_one_by_their_universal_id_or_else_by_name(one: str, other: str, same: bool) -> None:
    assert same_authority(one, other) is same


# ------------------------------------------------------------------------------------------------------------ messages


def test_the_first_authority_of_a_sender_is_ours_and_another_one_waits(laboratory: Laboratory) -> None:
    assert laboratory.send(result()).total.created == 1
    other = result(number="F2", patient="PID|1||M1^^^OTHER&2.16.1&ISO^MR||Doe^Jane||19800229|F")
    assert laboratory.send(other).total.waiting == 1
    assert laboratory.waiting() == [("patient", "M1^^^OTHER&2.16.1", 1)]
    elsewhere = result(number="F3", sender="SECOND|X", patient="PID|1||M1^^^OTHER^MR||Doe^Jane")
    assert laboratory.send(elsewhere).total.created == 1


def test_a_setting_names_our_authorities(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYOPANEL_MRN_AUTHORITIES", "MINE, 2.16.1")
    settings.cache_clear()
    assert laboratory.send(result()).total.waiting == 1
    for place, authority in enumerate(("MINE", "mine&9.9&ISO", "X&2.16.1&ISO")):
        sent = result(number=f"G{place}", patient=f"PID|1||M1^^^{authority}^MR||Doe")
        assert laboratory.send(sent).total.created == 1


@pytest.mark.parametrize(
    ("pid", "created"),
    [
        ("PID|1||M1^^^^MR||Doe^Jane", True),
        ("PID|1||M1||^^||19800229", True),
        ("PID|1||M1", False),
        ("PID|1||M1||^Jane||1980|F", False),
        ("PID|1||999^^^SSN^SS~M1^^^H^MR||Doe", True),
        ("PID|1||M7^^^OTHER^MR~M1^^^H^MR||Doe", True),
        ("PID|1||M1^^^H^MR~M2^^^H^MR||", False),
        ("PID|1||M1^^^H^MR~M9^^^H^MR||Doe", True),
        ("PID|1||M1^^^H^SS||Doe", False),
        ("PID|1||m1^^^H^MR||Doe", False),
        ("PID|1|M1^^^H^MR|||Doe", True),
        ("PID|1||M1^^^H^MR||Smith^Bob~Doe^Jane", True),
        ("PID|1||M1^^^H^MR||Doe^Janet", False),
    ],
)
def test_which_of_the_numbers_of_a_message_is_the_record_number(
    laboratory: Laboratory, pid: str, created: bool
) -> None:
    laboratory.send(result(number="F0", at="20260501080000"))
    report = laboratory.send(result(patient=pid))
    assert (report.total.created, report.total.waiting) == ((1, 0) if created else (0, 1))
    assert {one.patient_id for one in laboratory.charted()} == {1}


def test_a_message_of_a_person_who_contradicts_is_held_and_says_why(laboratory: Laboratory) -> None:
    report = laboratory.send(result(patient="PID|1||M1^^^H^MR||Smith^Bob||19900101|M"))
    assert report.total.waiting == 1
    assert laboratory.waiting() == [("patient", "M1^^^H: Smith Bob, 1990-01-01, male", 1)]
    assert laboratory.charted() == []


ADT = (
    "MSH|^~\\&|LAB|H|MYO|H|20260601120000||ADT^{type}|{number}|P|2.5.1\r"
    "PID|1||{into}^^^H^MR||Doe^Jane\rMRG|{former}^^^H^MR\r"
)


@pytest.mark.parametrize("type", ["A40", "A40^ADT_A39", "A34", "A18"])
def test_a_merge_that_the_record_contradicts_is_held_and_carried_out_once_decided(
    laboratory: Laboratory, type: str
) -> None:
    sent = ADT.format(type=type, number=1, into="M1", former="M2")
    assert laboratory.send(sent).total.waiting == 1
    assert laboratory.waiting() == [("patient", "merge M2^^^H into M1^^^H", 1)]
    assert merged(laboratory) == []
    asked = Wanted("hl7:LAB:H", "patient", "merge M2^^^H into M1^^^H", "M1")
    _, report = decide(laboratory.engine, asked, timezone="Europe/Berlin", by="nora", now=NOW)
    assert report.total.updated == 1
    assert (laboratory.waiting(), merged(laboratory)) == ([], [("M2", "M1", "nora")])
    assert laboratory.send(sent).total.unchanged == 1


def merged(laboratory: Laboratory) -> list[tuple[str, str, str]]:
    with Session(laboratory.engine) as session:
        return [(one.former_mrn, one.into_mrn, one.by) for one in merges(session) if one.undone_at is None]


def owners(laboratory: Laboratory) -> list[tuple[float | None, str]]:
    with Session(laboratory.engine) as session:
        return [(one.value, session.get_one(Patient, one.patient_id).mrn) for one in laboratory.charted()]


def test_a_merge_moves_everything_to_the_number_that_holds_and_can_be_undone(laboratory_on_both: Laboratory) -> None:
    laboratory = laboratory_on_both
    of_m3 = result("300", patient="PID|1||M3^^^H^MR", number="F3", at="20260501080000")
    laboratory.send(result() + of_m3)
    medications = laboratory.folder / "medications.csv"
    medications.write_text("mrn,drug,dose,unit,frequency,start_date\nM3,prednisone,20,mg,daily,2026-05-01\n")
    laboratory.bring(medications)
    merge = ADT.format(type="A40", number=1, into="M1", former="M3")
    report = laboratory.send(merge)
    assert (report.total.updated, len(report.patient_ids)) == (1, 2)
    assert owners(laboratory) == [(300, "M1"), (412, "M1")]
    assert laboratory.send(merge).total.unchanged == 1
    # What was stored before is recognised, and what comes under the former number is the other one's.
    assert laboratory.send(of_m3).total.unchanged == 1
    assert laboratory.send(of_m3.replace("M3^^^", "M1^^^")).total.unchanged == 1
    assert laboratory.bring(medications).total.unchanged == 1
    laboratory.send(of_m3.replace("|300|", "|310|").replace("|||F||", "|||C||"))
    laboratory.send(result("290", patient="PID|1||M3^^^H^MR", number="F4", at="20260401080000"))
    assert owners(laboratory) == [(290, "M1"), (310, "M1"), (412, "M1")]
    with writing(laboratory.engine) as session:
        (one,) = merges(session)
        undo(session, one.id or 0, by="nora", now=NOW)
    # A correction that came since goes with what it corrects; a result that came since stays.
    assert owners(laboratory) == [(290, "M1"), (310, "M3"), (412, "M1")]
    with Session(laboratory.engine) as session:
        (drug,) = session.exec(select(MedicationStatement))
        patient = session.get_one(Patient, drug.patient_id)
        assert (patient.mrn, patient.status) == ("M3", "active")
        told = list(session.exec(select(AuditEvent.action)))
    assert told == ["patient merged", "patient merge undone"]
    with writing(laboratory.engine) as session, pytest.raises(ActionRefused, match="no merge"):
        undo(session, one.id or 0, by="nora", now=NOW)


def test_a_number_that_becomes_one_nobody_has_is_changed_and_changed_back(laboratory: Laboratory) -> None:
    laboratory.send(result())
    assert laboratory.send(ADT.format(type="A40", number=1, into="M77", former="M1")).total.updated == 1
    assert owners(laboratory) == [(412, "M77")]
    assert laboratory.send(result()).total.unchanged == 1
    assert laboratory.send(result("500", number="F2", at="20260701080000", patient="PID|1||M77^^^H^MR")).total.created
    with writing(laboratory.engine) as session:
        undo(session, merges(session)[0].id or 0, by="nora", now=NOW)
    assert {mrn for _, mrn in owners(laboratory)} == {"M1"}


def test_merges_follow_one_another_and_one_the_other_way_round_changes_nothing(laboratory: Laboratory) -> None:
    laboratory.send(result(patient="PID|1||M3^^^H^MR"))
    laboratory.send(ADT.format(type="A40", number=1, into="M77", former="M3"))
    assert laboratory.send(ADT.format(type="A40", number=2, into="M1", former="M77")).total.updated == 1
    assert laboratory.send(ADT.format(type="A40", number=3, into="M3", former="M1")).total.updated == 0
    assert merged(laboratory) == [("M77", "M1", "nora"), ("M3", "M77", "nora")]
    assert laboratory.send(result("500", number="F2", at="20260701080000", patient="PID|1||M3^^^H^MR")).total.created
    assert {mrn for _, mrn in owners(laboratory)} == {"M1"}


def test_a_dry_run_merges_nothing(laboratory: Laboratory) -> None:
    laboratory.send(result())
    report = laboratory.send(ADT.format(type="A40", number=1, into="M1", former="M3"), dry_run=True)
    assert (report.total.updated, merged(laboratory)) == (1, [])


def test_a_merge_of_numbers_nobody_knows_is_kept_and_needs_no_decision(laboratory: Laboratory) -> None:
    report = laboratory.send(ADT.format(type="A40", number=1, into="X1", former="X2"))
    assert (report.total.rejected, laboratory.waiting()) == (1, [])


# ------------------------------------------------------------------------------------------ an administration (ADT)


def adt(patient: str, *, event: str = "A08", number: int = 1, processing: str = "P") -> str:
    return f"MSH|^~\\&|ADT|H|MYO|H|20260601120000||ADT^{event}|{number}|{processing}|2.5.1\rPID|1||{patient}\r"


@pytest.fixture
def unnamed(laboratory: Laboratory) -> Laboratory:
    """M5 is on file with a number and nothing else."""
    with writing(laboratory.engine) as session:
        session.add(Patient(mrn="M5", created_at=NOW, updated_at=NOW))
    return laboratory


def on_file(laboratory: Laboratory, mrn: str) -> Patient:
    with Session(laboratory.engine) as session:
        return session.exec(select(Patient).where(Patient.mrn == mrn)).one()


@pytest.mark.parametrize("event", ["A01", "A04", "A08", "A31"])
def test_what_is_not_on_file_of_a_patient_is_filled_in_once(unnamed: Laboratory, event: str) -> None:
    sent = adt("M5^^^H^MR||Berg^Ida||20140501|F", event=event)
    assert unnamed.send(sent).total.updated == 1
    found = on_file(unnamed, "M5")
    assert (found.family_name, found.given_name, found.birth_date, found.sex) == (
        "Berg", "Ida", dt.date(2014, 5, 1), "female",
    )  # fmt: skip
    again = unnamed.send(sent).total
    assert (again.read, again.unchanged) == (1, 1)


def test_nobody_becomes_a_patient_by_a_message_of_the_administration(unnamed: Laboratory) -> None:
    report = unnamed.send(adt("M999^^^H^MR||Berg^Ida||20140501|F"))
    assert (report.total.created, report.total.updated, report.total.waiting) == (0, 0, 0)
    with Session(unnamed.engine) as session:
        assert session.exec(select(Patient).where(Patient.mrn == "M999")).first() is None


def test_what_is_on_file_is_not_written_over_by_an_initial(unnamed: Laboratory) -> None:
    unnamed.send(adt("M5^^^H^MR||Berg^Ida||20140501|F"))
    unnamed.send(adt("M5^^^H^MR||Berg^I||2014|", number=2))
    found = on_file(unnamed, "M5")
    assert (found.given_name, found.birth_date, found.sex) == ("Ida", dt.date(2014, 5, 1), "female")


@pytest.mark.parametrize("said", ["Schmidt^Ida||20140501|F", "Berg^Ida||20140502|F", "Berg^Ida||20140501|M"])
def test_an_administration_that_contradicts_what_is_on_file_is_held(unnamed: Laboratory, said: str) -> None:
    unnamed.send(adt("M5^^^H^MR||Berg^Ida||20140501|F"))
    assert unnamed.send(adt(f"M5^^^H^MR||{said}", number=2)).total.waiting == 1
    assert on_file(unnamed, "M5").family_name == "Berg"


def test_an_administration_that_leaves_out_the_authority_is_believed_where_the_person_fits(unnamed: Laboratory) -> None:
    unnamed.send(adt("M5^^^H^MR||Berg^Ida||20140501|"))
    assert unnamed.send(adt("M5||Berg^Ida||20140501|F", number=2)).total.updated == 1
    assert on_file(unnamed, "M5").sex == "female"


def test_the_same_number_of_another_hospital_waits_to_be_decided(unnamed: Laboratory) -> None:
    unnamed.send(adt("M5^^^H^MR||Berg^Ida||20140501|F"))
    assert unnamed.send(adt("M5^^^OTHER^MR||Berg^Ida||20140501|F", number=2)).total.waiting == 1


def test_a_death_is_taken_over_and_one_of_a_training_message_is_not(unnamed: Laboratory) -> None:
    dead = "M5^^^H^MR||Berg^Ida||20140501|F" + "|" * 22 + "Y"
    unnamed.send(adt(dead, processing="T"))
    assert on_file(unnamed, "M5").status == "active"
    unnamed.send(adt(dead, number=2))
    assert on_file(unnamed, "M5").status == "deceased"


def test_people_and_results_of_one_file_are_each_counted_once(unnamed: Laboratory) -> None:
    report = unnamed.send(adt("M5^^^H^MR||Berg^Ida||20140501|F") + result(patient="PID|1||M5^^^H^MR"))
    assert report.total.read == report.total.created + report.total.updated == 2

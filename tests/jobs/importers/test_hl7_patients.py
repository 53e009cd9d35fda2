"""Whose a message is: number and authority, and what it says of the person."""

import datetime as dt

import pytest

from jobs.importers.decisions import Person
from jobs.importers.identity import Claim, contradiction, corroborates, same_authority
from models.settings import settings
from tests.jobs.importers.conftest import Laboratory, result

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
def test_a_merge_of_record_numbers_is_held_and_visible(laboratory: Laboratory, type: str) -> None:
    assert laboratory.send(ADT.format(type=type, number=1, into="M1", former="M2")).total.waiting == 1
    assert laboratory.waiting() == [("patient", "merge M2^^^H into M1^^^H", 1)]


def test_a_merge_of_numbers_nobody_knows_is_kept_and_needs_no_decision(laboratory: Laboratory) -> None:
    report = laboratory.send(ADT.format(type="A40", number=1, into="X1", former="X2"))
    assert (report.total.rejected, laboratory.waiting()) == (1, [])

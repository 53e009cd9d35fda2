"""The answer is HL7 itself, in the separators, the version and the bytes of the message it answers."""

import datetime as dt

import pytest

from jobs.importers.hl7v2_oru import messages_of
from jobs.mllp.answer import BAD_DATA, TAKEN, UNREADABLE, Problem, answer_to

AT = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
WHY = Problem(BAD_DATA, "'4|5^6' is no number", "OBX-5")


def answered(content: bytes, code: str = TAKEN, *problems: Problem) -> list[list[bytes]]:
    """The fields of each segment, by the separator of the message."""
    answer = answer_to(content, code, problems, number="A1", at=AT)
    return [segment.split(answer[3:4]) for segment in answer.split(b"\r")[:-1]]


def test_sender_and_receiver_change_places_and_number_processing_version_and_event_are_those_of_the_message() -> None:
    header, told = answered(b"MSH|^~\\&|LAB|HOSP|MYO|CLINIC|20260301||ORU^R01^ORU_R01|C17|D|2.3.1\rPID|1\r")
    assert header == [
        b"MSH", b"^~\\&", b"MYO", b"CLINIC", b"LAB", b"HOSP", b"20260301123000+0000", b"", b"ACK^R01^ACK", b"A1", b"D",
        b"2.3.1",
    ]  # fmt: skip
    assert told == [b"MSA", b"AA", b"C17"]


def test_the_separators_of_the_message_are_kept_and_escaped_in_the_reason() -> None:
    content = b"MSH$%~!*$LAB$H$M$C$2026$$ORU%R01$7$P$2.5.1\r"
    header, told, error = answered(content, UNREADABLE, Problem(BAD_DATA, "costs 5$ or 7%!"))
    assert header[1:3] == [b"%~!*", b"M"]
    assert told == [b"MSA", b"AE", b"7", b"costs 5!F! or 7!S!!E!"]
    assert error[:5] == [b"ERR", b"", b"", b"102%Data type error%HL70357", b"E"]
    (read,) = messages_of(answer_to(content, UNREADABLE, [Problem(BAD_DATA, "costs 5$ or 7%!")], number="1", at=AT))
    assert read.segments[0].get(3) == "costs 5$ or 7%!"


def test_names_come_back_byte_for_byte_whatever_their_character_set() -> None:
    header, *_ = answered("MSH|^~\\&|Süd|Öst|M|C|2026||ORU^R01|ä1|P|2.5||||||8859/1\r".encode("latin-1"))
    assert header[4:6] == ["Süd".encode("latin-1"), "Öst".encode("latin-1")]
    assert header[17] == b"8859/1"


@pytest.mark.parametrize(("version", "segments"), [(b"2.2", 2), (b"2.4", 2), (b"2.5", 3), (b"2.8.1", 3)])
def test_the_reason_stands_in_the_answer_and_from_version_2_5_on_in_a_segment_of_its_own(
    version: bytes, segments: int
) -> None:
    told = answered(b"MSH|^~\\&|L|H|M|C|2026||ORU^R01|7|P|" + version + b"\r", UNREADABLE, WHY, WHY)
    assert len(told[:3]) == segments
    assert told[1][3] == b"OBX-5: '4\\F\\5\\S\\6' is no number (and 1 more)"


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1\r\n\r\n", b"MSH", b"MSH|", b"MSH|^^~|", b"\xff\x00\x01"])
def test_what_is_no_hl7_gets_an_answer_that_is(content: bytes) -> None:
    header, told, *_ = answered(content, UNREADABLE, WHY)
    assert (header[0], header[1], told[:2]) == (b"MSH", b"^~\\&", [b"MSA", b"AE"])


def test_a_batch_is_answered_by_its_first_message() -> None:
    content = b"FHS|^~\\&|X\rBHS|^~\\&|X\rMSH|^~\\&|L|H|M|C|2026||ORU^R01|one|P|2.5\rPID|1\rMSH|^~\\&|L|H|||||two\r"
    assert answered(content)[1] == [b"MSA", b"AA", b"one"]

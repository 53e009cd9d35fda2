"""What is made of a message: kept first, read once, and never answered as taken before it is."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from jobs.importers.load import ImportReport
from jobs.mllp import inbox as inbox_module
from jobs.mllp.inbox import Inbox
from models.database import engine_for, writing
from models.import_batch import ImportBatch
from models.observation import Observation
from models.patient import Patient
from models.received_message import ReceivedMessage, heard_of
from models.waiting import WaitingRow
from tests.jobs.importers.conftest import result

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)


class Clinic:
    """An inbox on a database with one patient, and what became of what it took."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.changed = 0
        self.inbox = Inbox(engine, timezone="UTC", clock=lambda: NOW, changed=self._note)

    def _note(self) -> None:
        self.changed += 1

    def take(self, content: str | bytes) -> tuple[str, str, str]:
        """Code, number and reason of the answer."""
        answer = self.inbox.take(content if isinstance(content, bytes) else content.encode()).decode()
        fields = next(line for line in answer.split("\r") if line.startswith("MSA")).split("|")
        return fields[1], fields[2], fields[3] if len(fields) > 3 else ""

    def count(self, table: type) -> int:
        with Session(self.engine) as session:
            return len(session.exec(select(table)).all())

    def kept(self) -> list[ReceivedMessage]:
        with Session(self.engine) as session:
            return list(session.exec(select(ReceivedMessage).order_by(sa.text("id"))))


def with_patient(url: str) -> Engine:
    engine = engine_for(url)
    with writing(engine) as session:
        session.add(Patient(mrn="M1", family_name="Doe", given_name="Jane", created_at=NOW, updated_at=NOW))
    return engine


@pytest.fixture
def clinic(sqlite_url: str) -> Iterator[Clinic]:
    engine = with_patient(sqlite_url)
    yield Clinic(engine)
    engine.dispose()


@pytest.fixture
def clinic_on_both(database_url: str) -> Iterator[Clinic]:
    engine = with_patient(database_url)
    yield Clinic(engine)
    engine.dispose()


def test_a_result_is_stored_and_the_same_message_again_is_answered_the_same_and_changes_nothing(
    clinic_on_both: Clinic,
) -> None:
    clinic = clinic_on_both
    message = result("480").encode()
    first = clinic.inbox.take(message)
    assert b"MSA|AA|F1\r" in first
    assert (clinic.count(Observation), clinic.count(ImportBatch), clinic.changed) == (1, 1, 1)
    assert clinic.inbox.take(message) == first
    assert (clinic.count(Observation), clinic.count(ImportBatch), clinic.changed) == (1, 1, 1)
    (kept,) = clinic.kept()
    assert (kept.content, kept.times, kept.sender, kept.type, kept.number) == (
        message, 2, "hl7:LAB:H", "ORU^R01", "F1",
    )  # fmt: skip


def test_what_waits_for_a_decision_is_taken(clinic: Clinic) -> None:
    assert clinic.take(result(code="OWN^Own test^L"))[0] == "AA"
    assert clinic.take(result(patient="PID|1||X9^^^H^MR", number="F2"))[0] == "AA"
    assert (clinic.count(WaitingRow), clinic.count(Observation), clinic.changed) == (2, 0, 0)


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b"hello", "AR", "not HL7"),
        (b"\x00\xff\xfe", "AR", "not HL7"),
        (b"MSH|^^~|L|H", "AE", "two meanings"),
        (b"MSH|^~\\&|L|H|M|C|2026||SIU^S12|7|P|2.5\rPID|1||M1^^^H\r", "AE", "are not read"),
        (b"MSH|^~\\&|L|H|M|C|2026||ORU^R01|7|P|2.5\rPID|1||M1^^^H\r", "AE", "no result"),
        (result(at="yesterday").encode(), "AE", "not a time"),
        (result(mode="T").encode(), "AE", "never charted"),
    ],
)
def test_what_cannot_be_read_is_kept_and_says_why_each_time(
    clinic: Clinic, content: bytes, code: str, reason: str
) -> None:
    for _ in range(2):
        told = clinic.take(content)
        assert told[0] == code
        assert reason in told[2]
    (kept,) = clinic.kept()
    assert (kept.content, kept.times, kept.answer) == (content, 2, code)


def test_the_same_unreadable_report_under_another_number_is_still_unreadable(clinic: Clinic) -> None:
    assert clinic.take(result(at="yesterday"))[0] == "AE"
    assert clinic.take(result(at="yesterday").replace("|F1|P|", "|F7|P|"))[:2] == ("AE", "F7")


def test_what_is_understood_and_brings_nothing_is_no_fault_of_the_sender(clinic: Clinic) -> None:
    assert clinic.take(result(status="P"))[0] == "AA"
    strangers = "MSH|^~\\&|ADT|H|M|C|2026||ADT^A40|3|P|2.5\rPID|1||X1^^^H^MR||Doe\rMRG|X2^^^H^MR\r"
    assert clinic.take(strangers)[0] == "AA"
    assert clinic.take(strangers.replace("X1", "M1").replace("|3|", "|4|"))[0] == "AA"
    assert clinic.count(WaitingRow) == 0, "nothing on file speaks against a stranger's number becoming one of ours"
    person = "MSH|^~\\&|ADT|H|M|C|2026||ADT^A08|5|P|2.5\rPID|1||{}^^^H^MR||Doe^Jane\r"
    assert clinic.take(person.format("X9"))[0] == "AA", "of whom the clinic does not follow nothing is taken"
    assert clinic.take(person.format("M1"))[0] == "AA"


def test_of_a_report_that_is_read_in_part_the_rest_is_named_in_the_answer(clinic: Clinic) -> None:
    message = result("480") + "OBX|2|NM|2157-6^Creatine kinase^LN||480|U/L|||||F|||nonsense\r"
    code, _, reason = clinic.take(message)
    assert (code, clinic.count(Observation)) == ("AA", 1)
    assert reason.startswith("OBX-14: 'nonsense'")


def test_several_messages_of_several_senders_in_one_frame_are_all_read(clinic: Clinic) -> None:
    assert clinic.take(result("480") + result("500", number="G1", sender="OTHER|H", at="20260602080000"))[0] == "AA"
    assert clinic.count(Observation) == 2


def test_where_the_database_does_not_answer_the_message_is_asked_for_again_and_then_taken(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = sa.exc.OperationalError("insert", {}, Exception("database is locked"))
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "_kept", _raising(away))
        code, number, reason = clinic.take(result())
        assert (code, number) == ("AR", "F1")
        assert "send the message again" in reason
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "import_sources", _raising(away))
        assert clinic.take(result())[0] == "AR"
    assert [kept.answer for kept in clinic.kept()] == [None]
    assert clinic.take(result())[0] == "AA"
    assert clinic.count(Observation) == 1


def test_killed_between_storing_and_answering_it_is_answered_on_the_next_try_and_nothing_is_stored_twice(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "_note", _raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            clinic.inbox.take(result().encode())
    assert (clinic.count(Observation), [kept.answer for kept in clinic.kept()]) == (1, [None])
    clinic.inbox.catch_up(again=False)
    assert [kept.answer for kept in clinic.kept()] == ["AA"]
    assert clinic.take(result())[0] == "AA"
    assert (clinic.count(Observation), [kept.answer for kept in clinic.kept()]) == (1, ["AA"])


def test_an_error_of_ours_keeps_the_message_for_the_next_start_and_stops_no_other(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "import_sources", _raising(ZeroDivisionError("value '480' of Jane")))
        assert clinic.take(result())[0] == "AE"
    assert [(kept.answer, kept.failed) for kept in clinic.kept()] == [(None, "ZeroDivisionError: value … of Jane")]
    assert clinic.take(result("500", number="F2", at="20260602080000"))[0] == "AA"
    clinic.inbox.catch_up(again=False)
    assert [kept.answer for kept in clinic.kept()] == [None, "AA"]
    clinic.inbox.catch_up(again=True)
    assert [kept.answer for kept in clinic.kept()] == ["AA", "AA"]
    assert clinic.take(result())[0] == "AA"
    assert clinic.count(Observation) == 2


def test_much_that_was_left_unread_is_read_bit_by_bit_each_once(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module, "import_sources", _raising(ZeroDivisionError()))
        for number in range(25):
            clinic.take(result(str(300 + number), number=f"F{number}", at=f"202606{number + 1:02}080000"))
    rounds, after = 0, 0
    while after is not None:
        after = clinic.inbox.catch_up(again=True, after=after)
        rounds += 1
    assert (rounds, {kept.answer for kept in clinic.kept()}, clinic.count(Observation)) == (3, {"AA"}, 25)


def test_of_what_is_no_hl7_only_the_beginning_is_kept(clinic: Clinic) -> None:
    for _ in range(2):
        assert clinic.take(b"x" * 200_000)[0] == "AR"
    assert [(len(kept.content), kept.times) for kept in clinic.kept()] == [(64 * 1024, 2)]


def test_who_sent_how_much_and_when_last_is_told_by_sender(clinic_on_both: Clinic) -> None:
    clinic = clinic_on_both
    clinic.take(result())
    clinic.take(result(at="yesterday", number="F2"))
    clinic.take(b"hello")
    with Session(clinic.engine) as session:
        told = {one.sender: (one.messages, one.not_taken, one.unread, one.last_at) for one in heard_of(session)}
    assert told == {"hl7:LAB:H": (2, 1, 0, NOW), "hl7": (1, 1, 0, NOW)}


def _raising(error: BaseException) -> Callable[..., ImportReport]:
    def fail(*_: object, **__: object) -> ImportReport:
        raise error

    return fail

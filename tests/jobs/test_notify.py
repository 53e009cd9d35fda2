"""Messages to people: what they say, who gets them, that each is sent once, and why one was not."""

import asyncio
import datetime as dt
import email
import email.policy
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from jobs import notify
from jobs.notify import TRY_AGAIN_AFTER, Delivered, deliver, write_digest
from models.alert import Alert
from models.database import engine_for, reading, writing
from models.job_run import OutboxMessage
from models.list_order import Danger
from models.patient import Patient
from models.patient_summary import PatientSummary
from models.settings import Settings
from models.user import User
from tests.conftest import PATIENCE

NOW = dt.datetime(2026, 3, 10, 6, 30, tzinfo=dt.UTC)
TODAY = NOW.date()


class MailServer:
    """A real SMTP server on 127.0.0.1 that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.refuse: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            verb = line.split(b":")[0].split()[0].upper()
            if verb == b"EHLO":
                writer.write(b"250 test\r\n")
            elif verb == b"RCPT":
                to = line.decode().split("<")[1].split(">")[0]
                writer.write(b"550 no such box\r\n" if to in self.refuse else b"250 ok\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                parsed = email.message_from_bytes(body[:-3], policy=email.policy.default)
                assert isinstance(parsed, EmailMessage)
                self.taken.append((to, parsed))
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


def settings_for(port: int | None) -> Settings:
    return Settings(smtp_host="127.0.0.1" if port else "", smtp_port=port or 25, mail_from="clinic@example.org")


def add_users(engine: Engine, *names_and_roles: tuple[str, str]) -> None:
    with writing(engine) as session:
        for name, role in names_and_roles:
            address = "" if name == "poste-restante" else f"{name}@example.org"
            session.add(User(name=name, role=role, email=address, created_at=NOW))


def add_alert(session: Session, number: int, severity: str, **more: object) -> None:
    patient = Patient(
        mrn=f"MRN-77{number:03}", family_name="Lovelace", created_at=NOW, updated_at=NOW, evaluated_revision=1
    )
    session.add(patient)
    session.flush()
    fields: dict[str, object] = {
        "patient_id": patient.id,
        "rule": "declining-strength",
        "subject": "cmas",
        "rule_version": "1",
        "severity": severity,
        "explanation": "CMAS 24 of 52, was 31.",
        "opened_at": NOW,
        "opened_for": TODAY,
        "last_true_on": TODAY,
    }
    session.add(Alert(**fields | more))


def outbox(engine: Engine) -> list[OutboxMessage]:
    with reading(engine) as session:
        found = list(session.exec(select(OutboxMessage).order_by(col(OutboxMessage.id))).all())
        session.expunge_all()
    return found


def digest(engine: Engine, settings: Settings, now: dt.datetime = NOW) -> int:
    with writing(engine) as session:
        return write_digest(session, now.date(), now, settings)


# -------------------------------------------------------------------------------------------------------- what is said


def test_the_digest_counts_what_waits_and_names_nobody(engine: Engine) -> None:
    add_users(engine, ("ines", "nurse"), ("paul", "physician"))
    with writing(engine) as session:
        add_alert(session, 1, "urgent", owner="paul", escalation=1)
        add_alert(session, 2, "action")
        add_alert(session, 3, "action")
        add_alert(session, 4, "action", covered_by="red-flag-symptoms")
        add_alert(session, 5, "action", snoozed_until=TODAY + dt.timedelta(days=3), snoozed_by="ines")
        add_alert(session, 6, "action", settled_at=NOW, ended_at=NOW)
        add_alert(session, 7, "urgent", danger=Danger.SWALLOWING)
        session.add(PatientSummary(patient_id=1, to_take_from=TODAY))
        session.add(PatientSummary(patient_id=2, to_take_from=TODAY + dt.timedelta(days=1)))
        session.add(PatientSummary(patient_id=3, untold=True))
    assert digest(engine, settings_for(None)) == 2
    nurse, physician = outbox(engine)
    assert nurse.body.splitlines() == [
        "1 alert says that swallowing may be in danger",
        "2 alerts are to be looked at today (2 patients)",
        "2 alerts are to be looked at this week (2 patients)",
        "1 of them was escalated",
        "1 alert settled by itself and not yet looked at (1 patient)",
        "1 patient has blood tests that are due to be taken",
        "1 patient about whom a rule could not tell",
        "",
        "http://127.0.0.1:8050/alerts",
    ]
    assert "1 alert is assigned to you" in physician.body
    for message in (nurse, physician):
        for secret in ("Lovelace", "MRN", "77", "24", "31", "CMAS", "declining"):
            assert secret not in message.subject + message.body


def test_what_a_version_brought_is_one_line_with_how_long_it_has_waited(engine: Engine) -> None:
    add_users(engine, ("ines", "nurse"))
    with writing(engine) as session:
        add_alert(session, 1, "action")
        for number in range(2, 7):
            add_alert(
                session, number, "action", brought_by="version 9.1.0", set_aside=True,
                opened_at=NOW - dt.timedelta(days=3),
            )  # fmt: skip
        add_alert(session, 8, "action", brought_by="version 9.1.0", set_aside=True, owner="ines")
    digest(engine, settings_for(None))
    (message,) = outbox(engine)
    assert message.body.splitlines()[:2] == [
        "2 alerts are to be looked at this week (2 patients)",
        "5 alerts are new with version 9.1.0, none of them for today; one group to look through, waiting for 3 days",
    ]


def test_nurses_and_physicians_get_one_each_and_an_empty_list_is_told_too(engine: Engine) -> None:
    add_users(engine, ("ines", "nurse"), ("paul", "physician"), ("ada", "admin"), ("eve", "viewer"), ("lab", "service"))
    with writing(engine) as session:
        session.add(User(name="gone", role="nurse", created_at=NOW, disabled_at=NOW))
    assert digest(engine, settings_for(None)) == 2
    assert [message.recipient for message in outbox(engine)] == ["ines", "paul"]
    assert outbox(engine)[0].body.startswith("Nothing is waiting.")


def test_the_same_digest_is_never_written_twice(engine: Engine) -> None:
    add_users(engine, ("ines", "nurse"))
    assert digest(engine, settings_for(None)) == 1
    assert digest(engine, settings_for(None), NOW + dt.timedelta(hours=5)) == 0
    assert digest(engine, settings_for(None), NOW + dt.timedelta(days=1)) == 1


# ------------------------------------------------------------------------------------------------------------- sending


def test_a_message_is_sent_once_and_only_once(engine: Engine, mail: MailServer) -> None:
    settings = settings_for(mail.port)
    add_users(engine, ("ines", "nurse"), ("paul", "physician"))
    digest(engine, settings)
    assert deliver(engine, settings, NOW) == Delivered(sent=2)
    assert deliver(engine, settings, NOW + dt.timedelta(hours=1)) == Delivered()
    assert sorted(to for to, _ in mail.taken) == ["ines@example.org", "paul@example.org"]
    message = mail.taken[0][1]
    assert message["Subject"] == "Myopanel: 2026-03-10"
    assert message["From"] == "clinic@example.org"
    assert "Nothing is waiting." in message.get_content()
    assert all(row.sent_at == NOW and row.not_sent_because == "" for row in outbox(engine))


def test_of_two_senders_at_the_same_time_one_sends(
    database_url: str, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, engine = settings_for(mail.port), engine_for(database_url)
    add_users(engine, *[(f"nurse-{number}", "nurse") for number in range(5)])
    digest(engine, settings)
    both_have_read = threading.Barrier(2)
    claim, first_claim = notify._claim, threading.local()

    def claim_together(*arguments: object) -> bool:
        if not getattr(first_claim, "made", False):
            first_claim.made = True
            both_have_read.wait(timeout=PATIENCE)
        return claim(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(notify, "_claim", claim_together)
    sent: list[int] = []

    def go() -> None:
        own = engine_for(database_url)
        sent.append(deliver(own, settings, NOW).sent)
        own.dispose()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 5
    assert len(mail.taken) == len({to for to, _ in mail.taken}) == 5
    engine.dispose()


@pytest.mark.parametrize(
    ("user", "reason"),
    [("ines", "no mail server is configured (MYOPANEL_SMTP_HOST)"), ("poste-restante", "no mail server")],
)
def test_without_a_mail_server_messages_wait_and_say_why(engine: Engine, user: str, reason: str) -> None:
    add_users(engine, (user, "nurse"))
    digest(engine, settings_for(None))
    assert deliver(engine, settings_for(None), NOW) == Delivered(waiting=1)
    (message,) = outbox(engine)
    assert message.not_sent_because.startswith(reason)
    assert message.tries == 0


def test_a_user_without_an_address_is_told_of_in_the_outbox(engine: Engine, mail: MailServer) -> None:
    settings = settings_for(mail.port)
    add_users(engine, ("poste-restante", "nurse"))
    digest(engine, settings)
    assert deliver(engine, settings, NOW) == Delivered(waiting=1)
    assert outbox(engine)[0].not_sent_because == "the account has no e-mail address"


def test_an_account_disabled_meanwhile_gets_nothing(engine: Engine, mail: MailServer) -> None:
    settings = settings_for(mail.port)
    add_users(engine, ("ines", "nurse"))
    digest(engine, settings)
    with writing(engine) as session:
        session.exec(select(User)).one().disabled_at = NOW
    assert deliver(engine, settings, NOW) == Delivered(dropped=1)
    assert outbox(engine)[0].not_sent_because == "the account is disabled or gone"
    assert mail.taken == []


def test_yesterdays_digest_is_not_sent_any_more(engine: Engine, mail: MailServer) -> None:
    add_users(engine, ("ines", "nurse"))
    digest(engine, settings_for(None))
    assert deliver(engine, settings_for(mail.port), NOW + dt.timedelta(hours=21)) == Delivered(dropped=1)
    assert outbox(engine)[0].not_sent_because.startswith("too old to be useful; until then: no mail server")
    assert mail.taken == []


def test_a_refused_recipient_does_not_keep_the_others_waiting(engine: Engine, mail: MailServer) -> None:
    settings = settings_for(mail.port)
    mail.refuse = {"ines@example.org"}
    add_users(engine, ("ines", "nurse"), ("nora", "nurse"))
    digest(engine, settings)
    assert deliver(engine, settings, NOW) == Delivered(sent=1, failed=1)
    refused, taken = outbox(engine)
    assert refused.not_sent_because == "the mail server refused the recipient (550)"
    assert taken.sent_at == NOW
    mail.refuse = set()
    assert deliver(engine, settings, NOW + TRY_AGAIN_AFTER[0] - dt.timedelta(seconds=1)) == Delivered(waiting=1)
    assert deliver(engine, settings, NOW + TRY_AGAIN_AFTER[0]) == Delivered(sent=1)


def test_a_server_that_is_down_is_tried_less_and_less_and_then_given_up(engine: Engine, free_port: int) -> None:
    settings = settings_for(free_port)
    add_users(engine, ("ines", "nurse"), ("nora", "nurse"))
    with writing(engine) as session:
        for name in ("ines", "nora"):
            session.add(OutboxMessage(key=name, recipient=name, kind="note", subject="s", body="b", created_at=NOW))
    assert deliver(engine, settings, NOW) == Delivered(failed=1, waiting=1), "one try a round tells that it is down"
    first, second = outbox(engine)
    assert (
        first.not_sent_because
        == second.not_sent_because
        == "the mail server cannot be reached (ConnectionRefusedError)"
    )
    now, rounds = NOW, 0
    while any(message.tries <= len(TRY_AGAIN_AFTER) for message in outbox(engine)):
        now += dt.timedelta(hours=1)
        deliver(engine, settings, now)
        rounds += 1
        assert rounds < 200
    assert all(message.not_sent_because.startswith("given up: the mail server") for message in outbox(engine))
    assert deliver(engine, settings, now + dt.timedelta(days=1)) == Delivered()


@pytest.mark.parametrize("address", ["not an address", "a@b\nBcc: everybody@example.org", "@"])
def test_a_malformed_address_sends_nothing_to_anybody(engine: Engine, mail: MailServer, address: str) -> None:
    settings = settings_for(mail.port)
    with writing(engine) as session:
        session.add(User(name="ines", role="nurse", email=address, created_at=NOW))
    digest(engine, settings)
    assert deliver(engine, settings, NOW).sent == 0
    assert outbox(engine)[0].not_sent_because == "the e-mail address is malformed"
    assert mail.taken == []

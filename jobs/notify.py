"""The outbox: messages to people, written beside what they tell, sent once, every non-sending explained.

A message holds counts and a link, never a patient's name, number or value: mail is read on telephones and kept by
servers we do not know. It is written in the transaction of whatever it tells and sent later, so that neither can
happen without the other. Sending is claimed by compare-and-set first: of two senders one sends. A sender that dies
between handing the message over and noting it makes it be sent again, with the same Message-ID; it is never lost.
"""

import datetime as dt
import smtplib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Engine
from sqlmodel import Session, col, select

from models.alert_lifecycle import present_day
from models.alert_list import (
    TO_DO,
    AlertCounts,
    Group,
    alert_counts,
    danger_counts,
    escalated_count,
    todo_by_owner,
    waiting_group,
)
from models.clock import clinic_date
from models.database import reading, writing
from models.job_run import OutboxMessage
from models.list_order import Danger
from models.panel import Asked, nav_counts, panel_counts
from models.settings import Settings
from models.user import User

DIGEST_ROLES = ("nurse", "physician")
TRY_AGAIN_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (10, 30, 120, 360, 720, 1440))
"""How long a message rests after its first, second, ... try; after the last of them it is given up [default]."""
USELESS_AFTER: Mapping[str, dt.timedelta] = MappingProxyType(
    {"digest": dt.timedelta(hours=20), "escalation": dt.timedelta(days=3)}
)
"""Messages older than this are not sent any more: the list has moved on [default]."""
TIMEOUT_SECONDS = 20

WAITING = "waiting to be sent"
BEING_SENT = "being sent"
NO_SERVER = "no mail server is configured (MYOPANEL_SMTP_HOST)"
NO_ADDRESS = "the account has no e-mail address"
DISABLED = "the account is disabled or gone"
TOO_OLD = "too old to be useful"


# ------------------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True)
class Sentence:
    """A count in words: `Sentence(2, "alert is", "alerts are", "waiting")`."""

    count: int
    one: str
    many: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.count} {self.one if self.count == 1 else self.many} {self.rest}".rstrip()


def write_digest(session: Session, as_of: dt.date, now: dt.datetime, settings: Settings) -> int:
    """Put the morning digest of clinic day `as_of` into the outbox, one for each nurse and physician.

    Counts of what waits for everybody, and of what is assigned to the reader. Written again for the same day it
    changes nothing. Returns how many messages are new. Also an empty list is told: silence would be ambiguous.
    """
    today = present_day(session, now, settings.timezone)
    counts = alert_counts(session, today, people_of=(*TO_DO, "settled"))
    common = [
        *_in_danger(danger_counts(session, today)),
        *_by_severity(counts),
        Sentence(escalated_count(session, today), "of them was", "of them were", "escalated"),
        *_of_group(waiting_group(session), today, settings),
        _told(counts, "settled", "alert", "alerts", "settled by itself and not yet looked at"),
        Sentence(
            nav_counts(session, today)["Labs due"],
            "patient has",
            "patients have",
            "blood tests that are due to be taken",
        ),
        Sentence(panel_counts(session, Asked()).cannot_tell, "patient", "patients", "about whom a rule could not tell"),
    ]
    told: dict[str | None, list[Sentence]] = {None: common}
    for owner, count in todo_by_owner(session, today).items():
        told[owner] = [*common, Sentence(count, "alert is", "alerts are", "assigned to you")]
    return write_to(
        session,
        roles=DIGEST_ROLES,
        kind="digest",
        key=f"digest:{as_of.isoformat()}",
        subject=f"Myopanel: {as_of.isoformat()}",
        sentences=told,
        page="/alerts",
        now=now,
        settings=settings,
    )


def write_to(
    session: Session,
    *,
    roles: Sequence[str],
    kind: str,
    key: str,
    subject: str,
    sentences: Mapping[str | None, Iterable[Sentence]],
    page: str,
    now: dt.datetime,
    settings: Settings,
) -> int:
    """Put a message for each user of the roles into the outbox unless it is there already; returns how many are new.

    `sentences` is by user name; whoever has none of their own gets those of None.
    """
    wanted = select(User).where(col(User.role).in_(roles), col(User.disabled_at).is_(None)).order_by(User.name)
    users = session.exec(wanted).all()
    keys = [f"{key}:{user.name}" for user in users]
    known = set(session.exec(select(OutboxMessage.key).where(col(OutboxMessage.key).in_(keys))).all())
    written = 0
    for user, own_key in zip(users, keys, strict=True):
        if own_key in known:
            continue
        lines = [str(sentence) for sentence in sentences.get(user.name, sentences[None]) if sentence.count]
        body = "\n".join([*(lines or ["Nothing is waiting."]), "", f"{address(settings)}{page}"])
        session.add(
            OutboxMessage(
                key=own_key,
                recipient=user.name,
                kind=kind,
                subject=subject,
                body=body,
                created_at=now,
                not_sent_because=WAITING if settings.smtp_host else NO_SERVER,
            )
        )
        written += 1
    session.flush()
    return written


def address(settings: Settings) -> str:
    """Where the reader finds the list."""
    return settings.public_address.rstrip("/") or f"http://{settings.host}:{settings.port}"


_ENDANGERED = {Danger.HEART: "the heart", Danger.BREATHING: "breathing", Danger.SWALLOWING: "swallowing"}


def _in_danger(counts: Mapping[Danger, int]) -> list[Sentence]:
    """Danger first, in the order of the list."""
    return [
        Sentence(count, "alert says", "alerts say", f"that {_ENDANGERED[danger]} may be in danger")
        for danger, count in counts.items()
    ]


def _by_severity(counts: AlertCounts) -> list[Sentence]:
    by_when = {"urgent": "today", "action": "this week", "watch": "by the next visit"}
    return [
        _told(counts, severity, "alert is", "alerts are", f"to be looked at {when}")
        for severity, when in by_when.items()
    ]


def _told(counts: AlertCounts, view: str, one: str, many: str, rest: str) -> Sentence:
    """The count of a view of Alerts, in alerts and in patients, as its page shows it."""
    people = counts.patients[view]
    return Sentence(counts.alerts[view], one, many, f"{rest} ({people} {'patient' if people == 1 else 'patients'})")


def _of_group(group: Group | None, today: dt.date, settings: Settings) -> list[Sentence]:
    """One line for everything that a new version asks, and for how long it has waited."""
    if group is None or group.since is None:
        return []
    days = (today - clinic_date(group.since, settings.timezone)).days
    waited = f", waiting for {days} {'day' if days == 1 else 'days'}" if days > 0 else ""
    rest = f"{group.said}, none of them for today; one group to look through{waited}"
    return [Sentence(group.alerts, "alert is", "alerts are", rest)]


# ------------------------------------------------------------------------------------------------------------- sending


@dataclass
class Delivered:
    """What a round of sending did, in messages."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    dropped: int = 0


def deliver(engine: Engine, settings: Settings, now: dt.datetime) -> Delivered:
    """Send what is due, each message once; write down why the others were not sent."""
    done = Delivered()
    with reading(engine) as session:
        pending = select(OutboxMessage).where(
            col(OutboxMessage.sent_at).is_(None), col(OutboxMessage.tries) <= len(TRY_AGAIN_AFTER)
        )
        messages = list(session.exec(pending.order_by(col(OutboxMessage.id))).all())
        names = {message.recipient for message in messages}
        users = {user.name: user for user in session.exec(select(User).where(col(User.name).in_(names))).all()}
        session.expunge_all()
    mail = _Mail(settings)
    try:
        for message in messages:
            _deliver_one(engine, settings, now, message, users.get(message.recipient), mail, done)
    finally:
        mail.close()
    return done


def _deliver_one(
    engine: Engine,
    settings: Settings,
    now: dt.datetime,
    message: OutboxMessage,
    user: User | None,
    mail: "_Mail",
    done: Delivered,
) -> None:
    final = _never(message, user, now)
    if final is not None:
        done.dropped += _explain(engine, message, final, given_up=True)
        return
    if not settings.smtp_host or user is None or not user.email:
        _explain(engine, message, NO_ADDRESS if settings.smtp_host else NO_SERVER, given_up=False)
        done.waiting += 1
        return
    if message.not_before is not None and now < message.not_before:
        done.waiting += 1
        return
    if mail.broken is not None:
        _explain(engine, message, mail.broken, given_up=False)
        done.waiting += 1
        return
    if message.tries >= len(TRY_AGAIN_AFTER):
        done.dropped += _explain(engine, message, f"given up: {message.not_sent_because}", given_up=True)
        return
    if not _claim(engine, message, now):
        return  # another sender has it
    why = mail.send(message, user.email, now)
    if why is None:
        with writing(engine) as session:
            session.execute(
                sa.update(OutboxMessage)
                .where(col(OutboxMessage.id) == message.id)
                .values(sent_at=now, not_sent_because="", not_before=None)
            )
        done.sent += 1
    else:
        _explain(engine, message, why, given_up=False)
        done.failed += 1


def _never(message: OutboxMessage, user: User | None, now: dt.datetime) -> str | None:
    """Why the message will not be sent any more, or None."""
    if user is None or user.disabled_at is not None:
        return DISABLED
    lasts = USELESS_AFTER.get(message.kind)
    if lasts is None or now - message.created_at <= lasts:
        return None
    return f"{TOO_OLD}; until then: {message.not_sent_because}"


def _claim(engine: Engine, message: OutboxMessage, now: dt.datetime) -> bool:
    """Count the try and put the message to rest before it is sent: whoever changes the row first is the sender."""
    with writing(engine) as session:
        changed = session.execute(
            sa.update(OutboxMessage)
            .where(
                col(OutboxMessage.id) == message.id,
                col(OutboxMessage.tries) == message.tries,
                col(OutboxMessage.sent_at).is_(None),
            )
            .values(
                tries=message.tries + 1,
                not_before=now + TRY_AGAIN_AFTER[message.tries],
                not_sent_because=BEING_SENT,
            )
        )
        claimed = isinstance(changed, CursorResult) and changed.rowcount == 1
    if claimed:
        message.not_sent_because = BEING_SENT
    return claimed


def _explain(engine: Engine, message: OutboxMessage, why: str, *, given_up: bool) -> int:
    """Write down why a message was not sent; given up, it is not looked at again. Returns 1."""
    values: dict[str, object] = {"not_sent_because": why}
    if given_up:
        values |= {"tries": len(TRY_AGAIN_AFTER) + 1, "not_before": None}
    elif message.not_sent_because == why:
        return 1
    with writing(engine) as session:
        session.execute(
            sa.update(OutboxMessage)
            .where(col(OutboxMessage.id) == message.id, col(OutboxMessage.sent_at).is_(None))
            .values(**values)
        )
    return 1


class _Mail:
    """One connection to the mail server for a round of sending, opened when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: smtplib.SMTP | None = None
        self.broken: str | None = None
        """Why the server cannot be reached; the rest of the round does not wait for it again."""

    def send(self, message: OutboxMessage, to: str, now: dt.datetime) -> str | None:
        """Hand one message over; None when the server took it, otherwise why not."""
        if "@" not in parseaddr(to)[1]:
            return "the e-mail address is malformed"
        try:
            connection = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            self.broken = f"the mail server cannot be reached ({type(error).__name__})"
            return self.broken
        try:
            connection.send_message(self._compose(message, to, now))
        except smtplib.SMTPRecipientsRefused as error:
            return f"the mail server refused the recipient ({next(iter(error.recipients.values()))[0]})"
        except smtplib.SMTPResponseException as error:
            return f"the mail server refused the message ({error.smtp_code})"
        except (OSError, smtplib.SMTPException) as error:
            self.broken = f"the connection to the mail server broke ({type(error).__name__})"
            return self.broken
        except ValueError:
            return "the e-mail address is malformed"
        return None

    def close(self) -> None:
        """Say goodbye to the server, if it was spoken to."""
        if self._connection is not None:
            try:
                self._connection.quit()
            except (OSError, smtplib.SMTPException):
                self._connection.close()

    def _connect(self) -> smtplib.SMTP:
        if self._connection is None:
            connection = smtplib.SMTP(self._settings.smtp_host, self._settings.smtp_port, timeout=TIMEOUT_SECONDS)
            connection.ehlo()
            if connection.has_extn("starttls"):
                # Encrypted where offered, as between mail servers; nothing in the message tells of a patient.
                connection.starttls()
                connection.ehlo()
            self._connection = connection
        return self._connection

    def _compose(self, message: OutboxMessage, to: str, now: dt.datetime) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._settings.mail_from
        mail["To"] = to
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<outbox-{message.id}-{int(message.created_at.timestamp())}@myopanel>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body + "\n")
        return mail

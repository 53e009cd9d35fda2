"""What is made of a message: kept as it came, read as a file of it would be, and answered once that is committed.

Whatever happens in between, a message is never answered as taken before it is; one that was kept and not read to its
end is read again, by the sender's repetition or by ourselves. Reading it again changes nothing that was stored before.
"""

import datetime as dt
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from jobs.importers.canonical import LONGEST_NAME, NothingToTake, NotOurs, Refused, Waits
from jobs.importers.hl7v2_oru import FORMAT, header_in, messages_of, sheets_of
from jobs.importers.load import ImportReport, import_sources
from jobs.mllp.answer import (
    BAD_DATA,
    INTERNAL,
    MISSING,
    NOT_PRODUCTION,
    REFUSED,
    TAKEN,
    UNKNOWN_TYPE,
    UNREADABLE,
    Problem,
    answer_to,
)
from models.database import UNUSABLE, reading, writing
from models.errors import told
from models.received_message import ReceivedMessage, unread_messages

log = logging.getLogger(__name__)

BY = "mllp"
"""Who imports what comes over the wire."""
_CODES = {"": MISSING, "MSH-2": MISSING, "OBX": MISSING, "MSH-9": UNKNOWN_TYPE, "MSH-11": NOT_PRODUCTION}
_MOST_KEPT = 50
_AT_ONCE = 10
_OF_NO_HL7 = 64 * 1024
"""So much is kept of what is no HL7: enough to see what it was."""
_NOT_HL7 = Problem(MISSING, "this is not HL7: it does not begin with a message header (MSH)")
_AGAIN = Problem(INTERNAL, "the database does not answer; nothing is lost, send the message again")
_OUR_FAULT = Problem(INTERNAL, "the message is kept and could not be read because of an error here; it is tried again")


class Inbox:
    """Takes messages one at a time. `changed` is called whenever facts of patients were stored."""

    def __init__(
        self, engine: Engine, *, timezone: str, clock: Callable[[], dt.datetime], changed: Callable[[], object]
    ) -> None:
        self._engine = engine
        self._timezone = timezone
        self._clock = clock
        self._changed = changed

    def take(self, content: bytes) -> bytes:
        """Keep a message, read it, and say how that ended; the same message again is answered the same."""
        try:
            kept = self._keep(content)
            if kept.answer is None:
                kept = self._read(kept)
        except sa.exc.SQLAlchemyError as error:
            log.error("HL7: a message was not taken: %s", told(error))
            return self.refusal(content, _AGAIN)
        return self._answer(kept)

    def refusal(self, content: bytes, problem: Problem, code: str = REFUSED) -> bytes:
        """The answer to a message of which nothing is said to be kept."""
        return answer_to(content, code, [problem], number=secrets.token_hex(8), at=self._clock())

    def catch_up(self, *, again: bool, after: int = 0) -> int | None:
        """Read some of what was kept and never read to its end; returns where to go on, or None at the end.

        Only some, so that what arrives meanwhile does not wait for the rest.

        Args:
            again: also those on which something went wrong inside: a newer version may read them.
            after: the number of the message that was looked at last.
        """
        try:
            with reading(self._engine) as session:
                waiting = unread_messages(session, after=after, limit=_AT_ONCE)
            for number in waiting:
                with reading(self._engine) as session:
                    kept = session.get(ReceivedMessage, number)
                if kept is not None and kept.answer is None and (again or not kept.failed):
                    self._read(kept)
        except sa.exc.SQLAlchemyError as error:
            log.error("HL7: kept messages were not read: %s", told(error))
            return None
        return waiting[-1] if len(waiting) == _AT_ONCE else None

    def _answer(self, kept: ReceivedMessage) -> bytes:
        if kept.answer is None or kept.answered_at is None:
            return answer_to(
                kept.content, UNREADABLE, [_OUR_FAULT], number=f"MYO{kept.id}.{kept.times}", at=kept.last_at
            )
        problems = [Problem(**one) for one in json.loads(kept.problems)]
        return answer_to(kept.content, kept.answer, problems, number=f"MYO{kept.id}", at=kept.answered_at)

    # ------------------------------------------------------------------------------------------------------- keeping

    def _keep(self, content: bytes) -> ReceivedMessage:
        try:
            return self._kept(content)
        except sa.exc.IntegrityError:
            # Another process kept the same message at the same moment.
            return self._kept(content)

    def _kept(self, content: bytes) -> ReceivedMessage:
        now = self._clock()
        mark = sha256(content).digest()
        with writing(self._engine) as session:
            known = session.exec(select(ReceivedMessage).where(col(ReceivedMessage.digest) == mark)).first()
            if known is None:
                known = _row_of(content, mark, now)
            else:
                known.times += 1
                known.last_at = now
            session.add(known)
            session.flush()
            return ReceivedMessage(**known.model_dump())

    # ------------------------------------------------------------------------------------------------------- reading

    def _read(self, kept: ReceivedMessage) -> ReceivedMessage:
        """The message with its answer, or with what went wrong inside."""
        refusals: dict[tuple[int, str, str], Refused] = {}

        def heard(row: int, refused: Refused) -> None:
            refusals[row, refused.column, refused.why] = refused

        try:
            report = import_sources(
                self._engine,
                sheets_of(kept.content, f"message {kept.id}", heard),
                format=FORMAT,
                name=f"message {kept.id}",
                timezone=self._timezone,
                by=BY,
                now=self._clock(),
            )
        except Exception as error:
            if _is_of_the_database(error):
                raise
            # Whatever it is, the other messages must not wait for it; the reason stands beside the message.
            log.error("HL7: message %s could not be read: %s", kept.id, told(error))
            return self._note(kept, failed=told(error))
        code, problems = _verdict(report, list(refusals.values()))
        done = self._note(
            kept,
            answer=code,
            answered_at=self._clock(),
            problems=json.dumps([asdict(one) for one in problems[:_MOST_KEPT]], ensure_ascii=False),
            batch_id=report.batch_id,
            failed="",
        )
        if report.patient_ids:
            self._changed()
        return done

    def _note(self, kept: ReceivedMessage, **values: object) -> ReceivedMessage:
        with writing(self._engine) as session:
            changed = sa.update(ReceivedMessage).where(col(ReceivedMessage.id) == kept.id).values(values)
            session.execute(changed, execution_options={"synchronize_session": False})
        return ReceivedMessage(**(kept.model_dump() | values))


def _is_of_the_database(error: Exception) -> bool:
    """Whether the database is away, locked or full; a row that it refuses is a mistake of ours."""
    return isinstance(error, (sa.exc.InterfaceError, sa.exc.TimeoutError)) or type(error) in UNUSABLE


def _row_of(content: bytes, mark: bytes, now: dt.datetime) -> ReceivedMessage:
    """A message that came for the first time. What is no HL7 is answered with it."""
    row = ReceivedMessage(digest=mark, content=content, sender=FORMAT, first_at=now, last_at=now)
    if header_in(content) is None:
        row.content = content[:_OF_NO_HL7]
        row.answer, row.answered_at, row.problems = REFUSED, now, json.dumps([asdict(_NOT_HL7)])
        return row
    first = next((message for message in messages_of(content) if message.header is not None), None)
    if first is not None and first.header is not None:
        row.sender = _short(first.sender)
        row.type, row.number = _short(first.type), _short(first.header.get(10))
    return row


def _short(text: str) -> str:
    # PostgreSQL stores no NUL in a text.
    return text[:LONGEST_NAME].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _verdict(report: ImportReport, refusals: Sequence[Refused]) -> tuple[str, list[Problem]]:
    """The answer to what was read: taken unless every row of it was refused for what it says."""
    refused = [one for one in refusals if not isinstance(one, (Waits, NotOurs, NothingToTake))]
    problems = [
        Problem(_CODES.get(one.column, BAD_DATA), _short(one.why), "" if one.column == "" else _short(one.column))
        for one in refused
    ]
    taken = report.total.read > len(refusals) or len(refusals) > len(refused)
    return (TAKEN if taken or not refused else UNREADABLE), problems

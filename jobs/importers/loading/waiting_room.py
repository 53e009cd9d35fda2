"""Rows of messages that are no facts (yet): waiting, not ours, rejected; each counted once however often it is sent."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from jobs.importers.canonical import LONGEST_NAME, NotOurs, Refused, Waits
from jobs.importers.loading.bulk import parts, table_of
from jobs.importers.message_row import MessageRow, MessageSheet
from models.column_types import IDENTITY_BYTES, digest
from models.import_batch import RejectedRow
from models.waiting import WaitingRow

_MAY_CHANGE = ("kind", "what", "why", "example", "file", "line", "sent", "mapping_id")


class Arrived(NamedTuple):
    """A row of a message, and why it is no fact; None where it is one."""

    line: int
    row: MessageRow
    refused: Refused | None


class WaitingRoom:
    """What is kept of the rows of one import that are no facts, each call within its caller's transaction.

    `again`: the rows waited and are read again, so that one which still waits is told as waiting.
    """

    def __init__(self, now: dt.datetime, *, dry_run: bool, again: bool = False) -> None:
        self.now = now
        self.dry_run = dry_run
        self.again = again
        self._imagined: dict[tuple[str, bytes], _There] = {}
        self._imagined_rejects: set[bytes] = set()

    def settle(
        self, connection: sa.Connection, sheet: MessageSheet, arrived: Sequence[Arrived], batch_id: int | None
    ) -> list[str]:
        """What becomes of each row: `fact`, `waiting`, `rejected`, or `unchanged` where it came before."""
        digests = [digest_of(one.row) for one in arrived]
        waiting = self._waiting(connection, sheet.sender, digests)
        rejected = self._rejected(
            connection,
            [mark for one, mark in zip(arrived, digests, strict=True) if is_reject(one.refused)],
        )
        outcomes = []
        new: dict[bytes, dict[str, Any]] = {}
        gone: list[int] = []
        for one, mark in zip(arrived, digests, strict=True):
            there = waiting.get(mark)
            refused = one.refused
            if refused is None or is_reject(refused):
                if there is not None and there.number is not None:
                    gone.append(there.number)
                    del waiting[mark]
                new.pop(mark, None)
                known = refused is not None and mark in rejected
                outcomes.append("fact" if refused is None else "unchanged" if known else "rejected")
                if refused is not None:
                    rejected.add(mark)
                continue
            row = _kept(sheet, one, mark, batch_id, self.now)
            if there is None:
                new[mark] = row
                waiting[mark] = _There(None, row["kind"], row["what"], row["mapping_id"])
                outcomes.append("unchanged" if isinstance(refused, NotOurs) else "waiting")
                continue
            # It came before: it stays one row, though it may wait for something else by now, or no longer be ours.
            if (there.kind, there.what, there.mapping_id) != (row["kind"], row["what"], row["mapping_id"]):
                self._change(connection, there, new, mark, row)
            waits_anew = isinstance(refused, Waits) and (self.again or there.mapping_id is not None)
            outcomes.append("waiting" if waits_anew else "unchanged")
        if self.dry_run:
            self._imagined |= {(sheet.sender, mark): there for mark, there in waiting.items()}
            self._imagined_rejects |= rejected
        else:
            self._write(connection, gone, list(new.values()))
        return outcomes

    def _waiting(self, connection: sa.Connection, sender: str, marks: Sequence[bytes]) -> "dict[bytes, _There]":
        table: Any = WaitingRow
        found: dict[bytes, _There] = {}
        for part in parts(sorted(set(marks))):
            query = sa.select(table.digest, table.id, table.kind, table.what, table.mapping_id).where(
                table.sender == sender, table.digest.in_(part)
            )
            for row in connection.execute(query):
                found[bytes(row.digest)] = _There(row.id, row.kind, row.what, row.mapping_id)
        found.update((mark, self._imagined[sender, mark]) for mark in marks if (sender, mark) in self._imagined)
        return found

    def _rejected(self, connection: sa.Connection, marks: Sequence[bytes]) -> set[bytes]:
        table: Any = RejectedRow
        found = self._imagined_rejects & set(marks)
        for part in parts(sorted(set(marks))):
            query = sa.select(table.digest).where(table.digest.is_not(None), table.digest.in_(part))
            found |= {bytes(mark) for (mark,) in connection.execute(query)}
        return found

    def _change(
        self,
        connection: sa.Connection,
        there: "_There",
        new: dict[bytes, dict[str, Any]],
        mark: bytes,
        row: dict[str, Any],
    ) -> None:
        if there.number is None:
            new[mark] = row
        elif not self.dry_run:
            table = table_of(WaitingRow)
            kept = {name: row[name] for name in _MAY_CHANGE}
            connection.execute(sa.update(table).where(table.c.id == there.number).values(kept))

    @staticmethod
    def _write(connection: sa.Connection, gone: Sequence[int], new: Iterable[dict[str, Any]]) -> None:
        table = table_of(WaitingRow)
        for part in parts(sorted(set(gone))):
            connection.execute(sa.delete(table).where(table.c.id.in_(part)))
        rows = list(new)
        if rows:
            connection.execute(sa.insert(table), rows)


class _There(NamedTuple):
    """A row that is kept already; `number` None: in this block."""

    number: int | None
    kind: str
    what: str
    mapping_id: int | None


def digest_of(row: MessageRow) -> bytes:
    """What recognises a row when it is sent again."""
    return digest(row.once, IDENTITY_BYTES)


def is_reject(refused: Refused | None) -> bool:
    """Whether a row is neither a fact nor waits for a decision, nor is known not to be ours."""
    return refused is not None and not isinstance(refused, (Waits, NotOurs))


def _kept(sheet: MessageSheet, one: Arrived, mark: bytes, batch_id: int | None, now: dt.datetime) -> dict[str, Any]:
    """The columns of a row that waits; of one that is not ours only that it came."""
    row: dict[str, Any] = {
        "sender": sheet.sender, "digest": mark, "format": sheet.format, "kind": "", "what": "", "why": "",
        "example": "", "file": "", "line": 0, "sent": "", "batch_id": batch_id, "first_at": now, "mapping_id": None,
    }  # fmt: skip
    if isinstance(one.refused, NotOurs):
        return row | {"mapping_id": one.refused.decision}
    assert isinstance(one.refused, Waits)  # noqa: S101  the only other kind
    return row | {
        "kind": one.refused.kind,
        "what": _printable(one.refused.what),
        "why": _printable(one.refused.why),
        "example": _printable(one.row.example)[:LONGEST_NAME],
        "file": sheet.name,
        "line": one.line,
        "sent": _printable(one.row.kept()),
    }


def _printable(text: str) -> str:
    # PostgreSQL stores no NUL in a text.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")

"""What the imports page reads: batches, their files, and the rows that were not taken over."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.import_batch import ImportBatch, ImportFile, RejectedRow

ROWS_AT_A_TIME = 5_000


def batches(session: Session, *, limit: int = 50) -> list[ImportBatch]:
    """The newest imports, newest first."""
    return list(session.exec(select(ImportBatch).order_by(col(ImportBatch.id).desc()).limit(limit)))


def batch(session: Session, batch_id: int) -> ImportBatch | None:
    """One import, or None."""
    return session.get(ImportBatch, batch_id)


def count_batches(session: Session) -> int:
    """How many imports there were."""
    return int(session.execute(sa.select(sa.func.count()).select_from(ImportBatch)).scalar_one())


def files_of(session: Session, batch_id: int) -> list[ImportFile]:
    """The files of an import in the order in which they were read."""
    query = select(ImportFile).where(ImportFile.batch_id == batch_id).order_by(col(ImportFile.id))
    return list(session.exec(query))


def rejects_of(session: Session, batch_id: int, *, limit: int) -> list[RejectedRow]:
    """The first rejected rows of an import, by file and line."""
    query = (
        select(RejectedRow)
        .where(RejectedRow.batch_id == batch_id)
        .order_by(col(RejectedRow.file), col(RejectedRow.line), col(RejectedRow.id))
        .limit(limit)
    )
    return list(session.exec(query))


def reasons_of(session: Session, batch_id: int, *, limit: int = 8) -> list[tuple[str, str, int]]:
    """What was wrong, most often first: file, column, count. One fault of a sender shows as one line."""
    table: Any = RejectedRow
    count = sa.func.count()
    query = (
        sa.select(table.file, table.column, count)
        .where(table.batch_id == batch_id)
        .group_by(table.file, table.column)
        .order_by(count.desc(), table.file, table.column)
        .limit(limit)
    )
    return [(file, column, number) for file, column, number in session.execute(query)]


def rejected_cells(session: Session, batch_id: int) -> Iterator[dict[str, Any]]:
    """Every rejected row of an import: `file`, `line`, `column`, `why`, and `row`, the cells as they were sent."""
    last = 0
    while True:
        found = session.exec(
            select(RejectedRow)
            .where(RejectedRow.batch_id == batch_id, col(RejectedRow.id) > last)
            .order_by(col(RejectedRow.id))
            .limit(ROWS_AT_A_TIME)
        ).all()
        for one in found:
            yield {"file": one.file, "line": one.line, "column": one.column, "why": one.why, "row": json.loads(one.row)}
        if len(found) < ROWS_AT_A_TIME:
            return
        last = found[-1].id or 0
        session.expunge_all()

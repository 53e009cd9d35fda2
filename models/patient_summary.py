"""What the lists show of each active patient, written by the evaluation: pages read some of these and compute nothing.

One row a patient (`PatientSummary`), one for each thing that could not be told of them (`PatientGap`), one for each
blood test required of them (`PatientLab`). Everything in them follows from facts and answers, holds days instead of
counts of days, and so stays as it is until something changes. Only the place in the list follows from the alerts
(`models.standing`).
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.list_order import CANNOT_TELL, NOTHING, Asks, floor
from models.rows import listed

LAB_STATES = (
    "overdue", "never_measured", "grace", "due", "not_due", "not_possible", "paused", "cannot_tell",
)  # fmt: skip
"""What a required test can be, most pressing first."""
LATE = 1 << len(LAB_STATES)
"""Bit beside those of the states: a test is late, past its days of grace, whether it was ever measured or not."""
EXCUSED = ("not_possible", "paused")
NOT_TAKEN = (*EXCUSED, "cannot_tell")
"""States in which nobody is sent to have blood taken: excused, or the results stopped coming in."""
LONG_AGO = dt.date(1970, 1, 1)
"""`stands_until` of a patient whose place has to be worked out again."""
CHUNK = 500
T = TypeVar("T")


class PatientSummary(SQLModel, table=True):
    """One active patient in the lists."""

    __tablename__ = "patient_summary"
    __table_args__ = (
        sa.Index("ix_patient_summary_place", "place", "patient_id"),
        sa.Index("ix_patient_summary_asks", "asks", "place", "patient_id"),
        sa.Index(
            "ix_patient_summary_untold",
            "patient_id",
            sqlite_where=sa.text("untold"),
            postgresql_where=sa.text("untold"),
        ),
        sa.Index("ix_patient_summary_stands", "stands_until"),
        sa.Index("ix_patient_summary_next_lab", "next_lab_due"),
        sa.Index("ix_patient_summary_take", "to_take_from"),
        sa.Index("ix_patient_summary_labs", "lab_states"),
    )

    patient_id: int = Field(
        primary_key=True, foreign_key="patient.id", ondelete="CASCADE", sa_column_kwargs={"autoincrement": False}
    )
    revision: int = Field(default=0, description="The patient's revision it rests on.")
    digest: str = Field(default="", description="Of all that follows from facts and answers.")
    place: int = Field(default=0, sa_type=sa.BigInteger, description="In the order of the list (`models.list_order`).")
    asks: int = Field(
        default=0,
        sa_type=sa.SmallInteger,
        sa_column_kwargs={"server_default": "0"},
        description="What the patient asks for now (`models.list_order.Asks`): what the lists count.",
    )
    stands_until: dt.date | None = Field(
        default=None,
        description="When the calendar may change the place; long ago: work it out again.",
    )
    untold: bool = Field(default=False, description="Something could not be told of the patient (`PatientGap`).")
    reasons: str = Field(default="[]", description="JSON list: what is true of the patient, see `jobs.summary`.")
    strength: str = Field(default="", description="JSON: text, label, curve of the newest instrument; empty for none.")
    ck: str = Field(default="", description="JSON: text, multiple of the limit, curve, whether raised; empty for none.")
    steroid_mg: float | None = Field(default=None, description="Prednisone-equivalent a day without pulses.")
    steroid_steps: str = Field(default="", description="JSON list of [day, mg/day] from then on; empty for none.")
    high_from: dt.date | None = Field(default=None, description="First of the days at high dose, if they had no gap.")
    last_visit: dt.date | None = None
    last_lab: dt.date | None = None
    next_lab_due: dt.date | None = Field(default=None, description="Earliest test that is neither paused nor excused.")
    to_take_from: dt.date | None = Field(default=None, description="From when blood should be taken.")
    lab_states: int = Field(default=0, sa_type=sa.SmallInteger, description="Bit set of `LAB_STATES`, and `LATE`.")


class PatientGap(SQLModel, table=True):
    """Something that a rule could not tell of a patient, in words without the one patient's date."""

    __tablename__ = "patient_gap"
    __table_args__ = (sa.Index("ix_patient_gap_cause", "rule", "words", "patient_id"),)

    patient_id: int = Field(primary_key=True, foreign_key="patient.id", ondelete="CASCADE")
    rule: str = Field(primary_key=True)
    words: str = Field(primary_key=True)
    cause: str = Field(default="", description="`models.states.Cause`; empty where the rule gave none.")


class PatientLab(SQLModel, table=True):
    """A blood test required of a patient, due or not."""

    __tablename__ = "patient_lab"
    __table_args__ = (
        sa.Index("ix_patient_lab_test", "test", "state", "patient_id"),
        sa.Index("ix_patient_lab_state", "state", "due", "patient_id"),
    )

    patient_id: int = Field(primary_key=True, foreign_key="patient.id", ondelete="CASCADE")
    test: str = Field(primary_key=True)
    state: str
    due: dt.date | None = None
    last_on: dt.date | None = None
    interval_days: int | None = None
    treatment: str = ""
    note: str = ""
    because: str = ""


OF_FACTS = (
    "untold", "reasons", "strength", "ck", "steroid_mg", "steroid_steps", "high_from", "last_visit", "last_lab",
    "next_lab_due", "to_take_from", "lab_states",
)  # fmt: skip
"""Columns of a row that follow from facts and answers; `gaps` and `labs` (lists of rows) stand beside them."""


def bits_of(states: Iterable[str]) -> int:
    """The bit set of some of `LAB_STATES`."""
    found = 0
    for state in states:
        found |= 1 << LAB_STATES.index(state)
    return found


def digest_of(row: Mapping[str, Any]) -> str:
    """Of everything that follows from facts and answers, so that an unchanged row is not written again."""
    said = orjson.dumps([*(row[name] for name in OF_FACTS), row["gaps"], row["labs"]])
    return hashlib.blake2b(said, digest_size=12).hexdigest()


def write_summaries(
    connection: sa.Connection, rows: Mapping[int, Mapping[str, Any]], revisions: Mapping[int, int] | None = None
) -> list[int]:
    """Write the rows (see `jobs.summary.summary_of`) of patients that differ from what is kept.

    Args:
        rows: by patient id.
        revisions: by patient id, the revision each rests on.

    Returns:
        The patients whose row was written: their place in the list has to be worked out (`models.standing`).
    """
    known = kept_digests(connection, rows)
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for who, row in rows.items():
        digest = digest_of(row)
        if known.get(who) == digest:
            continue
        written = {name: row[name] for name in OF_FACTS} | {"digest": digest, "revision": (revisions or {}).get(who, 0)}
        if who in known:
            changed.append({f"new_{name}": value for name, value in written.items()} | {"who": who})
        else:
            place = floor(CANNOT_TELL if row["untold"] else NOTHING)
            now = Asks.CANNOT_TELL if row["untold"] else Asks.NOTHING
            fresh.append({"patient_id": who, "place": place, "asks": now, "stands_until": None, **written})
    if fresh:
        connection.execute(sa.insert(PatientSummary), fresh)
    if changed:
        connection.execute(_updating(), changed, execution_options={"synchronize_session": False})
    _write_parts(connection, rows, [one["who"] for one in changed], [one["patient_id"] for one in fresh])
    return [one["who"] for one in changed] + [one["patient_id"] for one in fresh]


def kept_digests(connection: sa.Connection, patient_ids: Iterable[int]) -> dict[int, str]:
    """Digests of the kept rows of these patients."""
    found: dict[int, str] = {}
    for part in chunks(list(patient_ids)):
        found |= {int(row[0]): str(row[1]) for row in connection.execute(_digest_query(), {"ids": part})}
    return found


@lru_cache(maxsize=1)
def _digest_query() -> sa.Select[Any]:
    table: Any = PatientSummary
    return sa.select(table.patient_id, table.digest).where(table.patient_id.in_(listed("ids")))


@lru_cache(maxsize=1)
def _updating() -> sa.Update:
    table: Any = PatientSummary
    query = sa.update(PatientSummary).where(table.patient_id == sa.bindparam("who"))
    return query.values({name: sa.bindparam(f"new_{name}") for name in (*OF_FACTS, "digest", "revision")})


def _write_parts(
    connection: sa.Connection, rows: Mapping[int, Mapping[str, Any]], before: Sequence[int], fresh: Sequence[int]
) -> None:
    for kind, name in ((PatientGap, "gaps"), (PatientLab, "labs")):
        table: Any = kind
        for part in chunks(before):
            connection.execute(sa.delete(kind).where(table.patient_id.in_(part)))
        parts = [{"patient_id": who, **one} for who in (*before, *fresh) for one in rows[who][name]]
        if parts:
            connection.execute(sa.insert(kind), parts)


def mark(connection: sa.Connection, *patient_ids: int) -> None:
    """These patients' places have to be worked out again before the list is read."""
    for part in chunks(patient_ids):
        connection.execute(_marking(), {"ids": list(part)}, execution_options={"synchronize_session": False})


@lru_cache(maxsize=1)
def _marking() -> sa.Update:
    table: Any = PatientSummary
    return sa.update(PatientSummary).where(table.patient_id.in_(listed("ids"))).values(stands_until=LONG_AGO)


def forget_summaries(connection: sa.Connection, patient_ids: Sequence[int]) -> None:
    """Patients who left stand in no list any more."""
    for kind in (PatientGap, PatientLab, PatientSummary):
        table: Any = kind
        for part in chunks(patient_ids):
            connection.execute(sa.delete(kind).where(table.patient_id.in_(part)))


def chunks(patient_ids: Sequence[T]) -> Iterable[Sequence[T]]:
    """Parts that fit into one `IN (...)`."""
    for start in range(0, len(patient_ids), CHUNK):
        yield patient_ids[start : start + CHUNK]

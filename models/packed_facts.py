"""One patient's facts in one value: what an evaluation reads instead of single rows.

Reading is the cost of an evaluation, not the rules: a row fetched from a database becomes a dozen Python objects. Here
a patient's history is one value, decoded measure by measure when a rule asks. It is derived and never the truth: it
counts only while its `revision` is the patient's; anything else is packed anew from the rows.

Layout (little-endian): magic, the length of the head, number of readings, the newest day of any reading; the head
(JSON: the names of measures, assays and assessors, the same for many patients); for each measure the place of its first
reading; the columns of `READING_COLUMNS` one after the other, sorted by measure and time; the tail (JSON: the other
facts).
"""

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, NamedTuple

import orjson
from sqlmodel import Field, SQLModel

from models.patient_facts import Happening, NotDone, Pause, PlannedDose, Reading, Statement, TaperAgreed

MAGIC = b"MF01"
_HEAD = struct.Struct("<4sIIi")
READING_COLUMNS = (("id", "q"), ("day", "i"), ("value", "d"), ("limit", "d"), ("assay", "H"), ("assessor", "H"),
                   ("comparator", "B"))  # fmt: skip
"""Names and type codes (`array`) of a reading's columns; assay and assessor are codes into the head's names."""
COMPARATORS = ("", "<", ">")
_WIDTH = {code: array(code).itemsize for code in "qidHB"}
NO_DAY = -(2**31)
# What `_make` does, without a function of Python's own for each row.
_READING = partial(tuple.__new__, Reading)
_STATEMENT = partial(tuple.__new__, Statement)
_HAPPENING = partial(tuple.__new__, Happening)
_NOT_DONE = partial(tuple.__new__, NotDone)


class PackedFacts(SQLModel, table=True):
    """One patient's facts as packed at `revision`."""

    __tablename__ = "packed_facts"

    patient_id: int = Field(primary_key=True, foreign_key="patient.id", ondelete="CASCADE")
    revision: int
    packed: bytes


class Plan(NamedTuple):
    """A taper plan on file; `withdrawn` is the instant it was withdrawn (seconds since 1970), None while it stands."""

    id: int
    template: str
    agreed_on: int
    withdrawn: float | None
    steps: Sequence[Sequence[float]]


class RowsOfPatient(NamedTuple):
    """The current rows of one patient, ready to be packed: readings sorted by measure and time, the rest by day and id.

    `readings` rows are (id, day, value, limit, assay, assessor, comparator) by measure.
    """

    readings: Mapping[str, Sequence[Sequence[Any]]]
    statements: Sequence[Sequence[Any]]
    happenings: Sequence[Sequence[Any]]
    not_done: Sequence[Sequence[Any]]
    pauses: Sequence[Sequence[Any]]
    plans: Sequence[Plan]


def pack(rows: RowsOfPatient) -> bytes:
    """The rows in one value."""
    measures = sorted(rows.readings)
    every = [row for measure in measures for row in rows.readings[measure]]
    ids, days, values, limits, assays, assessors, comparators = zip(*every, strict=True) if every else ((),) * 7
    assay_names = sorted({name for name in assays if name})
    assessor_names = sorted({name for name in assessors if name})
    head = orjson.dumps([measures, assay_names, assessor_names])
    edges, place = [], 0
    for measure in measures:
        edges.append(place)
        place += len(rows.readings[measure])
    edges.append(place)
    assay_code = {name: code for code, name in enumerate(assay_names, start=1)}
    assessor_code = {name: code for code, name in enumerate(assessor_names, start=1)}
    columns: dict[str, Iterable[Any]] = {
        "id": ids,
        "day": days,
        "value": values,
        "limit": [float("nan") if limit is None else limit for limit in limits],
        "assay": [assay_code.get(name, 0) for name in assays],
        "assessor": [assessor_code.get(name, 0) for name in assessors],
        "comparator": [COMPARATORS.index(sign or "") for sign in comparators],
    }
    tail = orjson.dumps([rows.statements, rows.happenings, rows.not_done, rows.pauses, rows.plans])
    return b"".join(
        (
            _HEAD.pack(MAGIC, len(head), len(every), max(days, default=NO_DAY)),
            head,
            _little("I", edges),
            *(_little(code, columns[name]) for name, code in READING_COLUMNS),
            tail,
        )
    )


def _little(code: str, values: Iterable[Any]) -> bytes:
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


@lru_cache(maxsize=4096)
def _names(head: bytes) -> tuple[Mapping[str, int], tuple[str | None, ...], tuple[str | None, ...]]:
    measures, assays, assessors = orjson.loads(head)
    return {name: place for place, name in enumerate(measures)}, (None, *assays), (None, *assessors)


class Unpacked:
    """One patient's packed facts, up to a day; readings are decoded measure by measure."""

    __slots__ = ("_assays", "_assessors", "_columns", "_edges", "_measures", "_oldest", "_packed", "_today", "ahead",
                 "happenings", "not_done", "pauses", "plan", "statements")  # fmt: skip

    def __init__(self, packed: bytes, today: int, *, horizon_days: int | None, evening: float) -> None:
        """Facts after `today` are left out, and readings older than `horizon_days`, save the last day of a measure.

        `evening` is the last instant of `today` in seconds since 1970: a taper plan withdrawn later still stood then.
        """
        magic, head, rows, newest = _HEAD.unpack_from(packed)
        if magic != MAGIC:
            raise ValueError("this is not a packed record of this version")
        self._packed = packed
        self._today = today
        self._oldest = NO_DAY if horizon_days is None else today - horizon_days
        place = _HEAD.size + head
        self._measures, self._assays, self._assessors = _names(packed[_HEAD.size : place])
        self._edges = struct.unpack_from(f"<{len(self._measures) + 1}I", packed, place)
        place += 4 * len(self._edges)
        self._columns = {}
        for name, code in READING_COLUMNS:
            self._columns[name] = place
            place += _WIDTH[code] * rows
        statements, happenings, not_done, pauses, plans = orjson.loads(packed[place:])
        self.ahead: int | None = None
        if newest > today:
            self._look_ahead(day for measure in self._measures for day in self._days(measure))
        self.statements = self._until(map(_STATEMENT, statements), 6)
        self.happenings = self._until(map(_HAPPENING, happenings), 2)
        self.not_done = self._until(map(_NOT_DONE, not_done), 2)
        self._look_ahead(one.end + 1 for one in self.statements if one.end is not None)
        self._look_ahead(one.end + 1 for one in self.happenings if one.end is not None)
        self.pauses: list[Pause] = []
        if pauses:
            self._look_ahead(day for pause in pauses for day in (pause[2], pause[3] + 1))
            self.pauses = [Pause._make(one) for one in pauses if one[2] <= today <= one[3]]
        self.plan = self._newest_plan(plans, evening) if plans else None

    def _look_ahead(self, days: Iterable[int]) -> None:
        for day in days:
            if day > self._today and (self.ahead is None or day < self.ahead):
                self.ahead = day

    def _until(self, facts: Iterable[Any], place: int) -> list[Any]:
        """The facts that have begun; the first that has not is a day to look ahead to. Sorted by that day."""
        begun = []
        for fact in facts:
            if fact[place] > self._today:
                self._look_ahead((fact[place],))
                break
            begun.append(fact)
        return begun

    def _newest_plan(self, plans: Sequence[Any], evening: float) -> TaperAgreed | None:
        standing = None
        for identifier, template, agreed_on, withdrawn, steps in plans:
            self._look_ahead((agreed_on, *(int(start) for start, _ in steps)))
            if agreed_on <= self._today and (withdrawn is None or withdrawn > evening) and steps:
                doses = tuple(PlannedDose(int(start), dose) for start, dose in steps)
                standing = TaperAgreed(identifier, template, agreed_on, doses)
        return standing

    def _column(self, name: str, code: str, begin: int, end: int) -> list[Any]:
        width = _WIDTH[code]
        place = self._columns[name]
        part = self._packed[place + begin * width : place + end * width]
        column = array(code, part)
        if sys.byteorder == "big":
            column.byteswap()
        return column.tolist()

    def _days(self, measure: str) -> list[int]:
        place = self._measures[measure]
        return self._column("day", "i", self._edges[place], self._edges[place + 1])

    def measures(self) -> Iterable[str]:
        """The measures on file, on whatever day."""
        return self._measures

    def series(self, measure: str) -> Sequence[Reading]:
        """The valid readings of one measure in the order of their time."""
        place = self._measures.get(measure)
        if place is None:
            return ()
        begin = self._edges[place]
        days = self._column("day", "i", begin, self._edges[place + 1])
        last = bisect_right(days, self._today) if days[-1] > self._today else len(days)
        first = 0
        if last and days[0] < self._oldest:
            first = bisect_left(days, self._oldest, 0, last)
            # Of what lies before the horizon the last day stays: "when was it last done" has no horizon.
            first = bisect_left(days, days[first - 1], 0, first)
        begin, end = begin + first, begin + last
        if begin >= end:
            return ()
        limits = self._column("limit", "d", begin, end)
        comparators = self._column("comparator", "B", begin, end)
        assays = self._column("assay", "H", begin, end)
        assessors = self._column("assessor", "H", begin, end)
        return list(
            map(
                _READING,
                zip(
                    days[first:last],
                    self._column("value", "d", begin, end),
                    [None if limit != limit else limit for limit in limits],
                    [COMPARATORS[sign] for sign in comparators] if any(comparators) else repeat(""),
                    self._column("id", "q", begin, end),
                    [self._assays[code] for code in assays] if any(assays) else repeat(None),
                    [self._assessors[code] for code in assessors] if any(assessors) else repeat(None),
                    repeat(measure),
                    strict=False,
                ),
            )
        )

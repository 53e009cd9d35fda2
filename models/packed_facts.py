"""One patient's facts in one value: what an evaluation reads instead of single rows.

Reading is the cost of an evaluation, not the rules: a row fetched from a database becomes a dozen Python objects. Here
a patient's history is one value, decoded measure by measure when a rule asks. It is derived and never the truth: it
counts only while its `revision` is the patient's; anything else is packed anew from the rows.

Layout (little-endian): magic, the length of the head, number of readings, the newest day of any reading; the head
(JSON: the names of measures, assays and assessors, the same for many patients); for each measure the place of its first
reading; the readings, sorted by measure and time; the tail (JSON: the other facts).
"""

import datetime as dt
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson
from sqlmodel import Field, SQLModel

from models.patient_facts import Happening, NotDone, Pause, PlannedDose, Reading, Statement, TaperAgreed
from models.plausibility import Doubtful, plausible

MAGIC = b"MF03"
_HEAD = struct.Struct("<4sIIi")
_ROW = struct.Struct("<iddqHHB")
"""Day, value, limit (NaN: none), id, assay, assessor and comparator; the last three are codes (0: not given)."""
_DAY = struct.Struct("<i")
_PLACE = struct.Struct("<I")
_SPAN = struct.Struct("<II")
COMPARATORS = ("", "<", ">")
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

    `readings` rows are (id, day, value, limit, assay, assessor, comparator), by measure.
    """

    readings: Mapping[str, Sequence[Sequence[Any]]]
    statements: Sequence[Sequence[Any]]
    happenings: Sequence[Sequence[Any]]
    not_done: Sequence[Sequence[Any]]
    pauses: Sequence[Sequence[Any]]
    plans: Sequence[Plan]
    suspect: Sequence[str] = ()
    """Measures among whose readings is one that cannot be (`models.plausibility`)."""


def pack(rows: RowsOfPatient) -> bytes:
    """The rows in one value."""
    measures = sorted(rows.readings)
    every = [row for measure in measures for row in rows.readings[measure]]
    assays, assessors = ({name for row in every if (name := row[place])} for place in (4, 5))
    head = orjson.dumps([measures, sorted(assays), sorted(assessors)])
    assay = {name: code for code, name in enumerate(sorted(assays), start=1)}
    assessor = {name: code for code, name in enumerate(sorted(assessors), start=1)}
    places, place = [], 0
    for measure in measures:
        places.append(_PLACE.pack(place))
        place += len(rows.readings[measure])
    readings = [
        _ROW.pack(
            day,
            value,
            float("nan") if limit is None else limit,
            number,
            assay.get(assay_name, 0),
            assessor.get(assessor_name, 0),
            COMPARATORS.index(sign or ""),
        )
        for number, day, value, limit, assay_name, assessor_name, sign in every
    ]
    newest = max((row[1] for row in every), default=NO_DAY)
    plans = [tuple(plan) for plan in rows.plans]
    tail = orjson.dumps([rows.statements, rows.happenings, rows.not_done, rows.pauses, plans, rows.suspect])
    return b"".join(
        (_HEAD.pack(MAGIC, len(head), len(every), newest), head, *places, _PLACE.pack(place), *readings, tail)
    )


def is_readable(packed: bytes | None) -> bool:
    """Whether there is a value, of this layout and not of another version's; otherwise the rows are packed anew."""
    return packed is not None and bytes(packed[: len(MAGIC)]) == MAGIC


@lru_cache(maxsize=4096)
def _names(head: bytes) -> tuple[Mapping[str, int], tuple[str | None, ...], tuple[str | None, ...]]:
    measures, assays, assessors = orjson.loads(head)
    return {name: place for place, name in enumerate(measures)}, (None, *assays), (None, *assessors)


class Unpacked:
    """One patient's packed facts, up to a day; readings are decoded measure by measure."""

    __slots__ = (
        "_assays", "_assessors", "_birth_date", "_doubtful", "_measures", "_packed", "_places",
        "_reaches_beyond", "_start", "_today", "ahead", "happenings", "not_done", "pauses", "plan", "statements",
        "suspect",
    )  # fmt: skip

    def __init__(
        self,
        packed: bytes,
        today: int,
        *,
        evening: float,
        birth_date: dt.date | None = None,
    ) -> None:
        """Facts after `today` are left out; none is too old: what an answer rests on must not fade overnight.

        `evening` is the last instant of `today` in seconds since 1970: a taper plan withdrawn later still stood then.
        What is plausible depends on the age, hence `birth_date`.
        """
        magic, head, rows, newest = _HEAD.unpack_from(packed)
        if magic != MAGIC:
            raise ValueError("this is not a packed record of this version")
        self._packed = packed
        self._today = today
        place = _HEAD.size + head
        self._measures, self._assays, self._assessors = _names(packed[_HEAD.size : place])
        self._places = place
        self._start = place + _PLACE.size * (len(self._measures) + 1)
        statements, happenings, not_done, pauses, plans, suspect = orjson.loads(
            packed[self._start + _ROW.size * rows :]
        )
        self.suspect = frozenset(suspect)
        self._birth_date = birth_date
        self._doubtful: dict[str, list[Doubtful]] = {}
        self.ahead: int | None = None
        self._reaches_beyond = newest > today
        if newest > today:
            self._look_ahead(day for measure in self._measures for day in self._days_of(measure))
        self.statements = self._until(map(_STATEMENT, statements), 6)
        self.happenings = self._until(map(_HAPPENING, happenings), 2)
        self.not_done = self._until(map(_NOT_DONE, not_done), 2)
        self._look_ahead(one[7] + 1 for one in self.statements if one[7] is not None)
        self._look_ahead(one[3] + 1 for one in self.happenings if one[3] is not None)
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

    def _span(self, measure: str) -> tuple[int, int]:
        """Where a measure's readings up to today begin and end."""
        place = self._measures.get(measure)
        if place is None:
            return 0, 0
        begin, end = _SPAN.unpack_from(self._packed, self._places + _PLACE.size * place)
        if self._reaches_beyond:
            while end > begin and self._day(end - 1) > self._today:
                end -= 1
        return begin, end

    def _day(self, row: int) -> int:
        day: int = _DAY.unpack_from(self._packed, self._start + _ROW.size * row)[0]
        return day

    def _days_of(self, measure: str) -> Iterable[int]:
        place = self._places + _PLACE.size * self._measures[measure]
        return map(self._day, range(*_SPAN.unpack_from(self._packed, place)))

    def measures(self) -> Iterable[str]:
        """The measures on file, on whatever day."""
        return self._measures

    def latest(self, measure: str) -> Reading | None:
        """The newest valid reading of one measure."""
        if measure in self.suspect:
            series = self.series(measure)
            return series[-1] if series else None
        begin, end = self._span(measure)
        return self._readings(measure, end - 1, end)[0] if end > begin else None

    def series(self, measure: str) -> Sequence[Reading]:
        """The valid readings of one measure in the order of their time, those held back left out."""
        begin, end = self._span(measure)
        if begin == end:
            return ()
        readings = self._readings(measure, begin, end)
        if measure not in self.suspect:
            return readings
        kept, self._doubtful[measure] = plausible(readings, self._birth_date)
        return kept

    def doubtful(self) -> Sequence[Doubtful]:
        """The readings held back up to today, oldest first of each measure."""
        for measure in sorted(self.suspect):
            self.series(measure)
        return [one for measure in sorted(self._doubtful) for one in self._doubtful[measure]]

    def _readings(self, measure: str, begin: int, end: int) -> list[Reading]:
        part = self._packed[self._start + _ROW.size * begin : self._start + _ROW.size * end]
        assays, assessors = self._assays, self._assessors
        return [
            _READING(
                (
                    day, value, limit if limit == limit else None, COMPARATORS[sign], number, assays[assay],
                    assessors[assessor], measure,
                )
            )
            for day, value, limit, number, assay, assessor, sign in _ROW.iter_unpack(part)
        ]  # fmt: skip

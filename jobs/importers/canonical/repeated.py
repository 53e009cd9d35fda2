"""Rows of observations whose cells have all been read before, apart from whose and which they are.

A table of a million results has some ten thousand different ones. Reading a row here is looking its groups of cells up;
a row with anything new in it is left to `read_observation`, which alone knows the checks and their messages.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from jobs.importers.canonical.cells import LONGEST_NAME
from jobs.importers.canonical.digests import content_of_text
from jobs.importers.canonical.observation import NO_RESULT, ObservationFact
from jobs.importers.canonical.rows import COLUMNS

MOST_REMEMBERED = 50_000

_RESULT = ("measure", "value", "unit", "max_value", "upper_limit", "lower_limit", "status")
_TOLD = ("assay", "assessor", "reason", "comment")


class RepeatedCells:
    """What the cells of one table were read as.

    Args:
        places: for each column of an observation, its place in a record, or None.
        width: how many cells a record has that can be assigned to columns.
    """

    def __init__(self, places: Sequence[int | None], width: int) -> None:
        place = dict(zip(COLUMNS["observations"], places, strict=True))
        self._width = width
        self._mrn, self._at = place["mrn"], place["observed_at"]
        self._received_place, self._source = place["received_at"], place["source_id"]
        self._result_cells = _cells_at([place[column] for column in _RESULT])
        self._told_cells = _cells_at([place[column] for column in _TOLD])
        self._people: dict[str, tuple[str, str]] = {}
        self._results: dict[Any, tuple[Any, str, str]] = {}
        self._taken: dict[str, tuple[Any, str]] = {}
        self._told: dict[Any, tuple[Any, str, str]] = {}
        self._received: dict[str, tuple[Any, str]] = {"": (None, "None")}

    def read(self, record: Sequence[str]) -> ObservationFact | None:
        """The fact of a record, or None where something in it is new."""
        if len(record) != self._width:
            return None
        try:
            mrn, mrn_said = self._people[record[self._mrn]]  # type: ignore[index]  # required columns have a place
            result, result_said, status_said = self._results[self._result_cells(record)]
            taken, taken_said = self._taken[record[self._at]]  # type: ignore[index]
            told, who_said, why_said = self._told[self._told_cells(record)]
            received_at, received_said = self._received[
                "" if self._received_place is None else record[self._received_place]
            ]
        except KeyError:
            return None
        source_id = "" if self._source is None else record[self._source].strip()
        if len(source_id) > LONGEST_NAME or "\x00" in source_id:
            return None
        # Letter by letter what `ObservationFact.content` makes a digest of.
        said = f"({mrn_said}, {taken_said}, {result_said}, {who_said}, {status_said}, {why_said}, {received_said})"
        return ObservationFact(mrn, result, taken, told, received_at, source_id or None, content_of_text(said))

    def remember(self, record: Sequence[str], fact: ObservationFact) -> None:
        """Keep how a record's cells were read. What is no result may be readable only because of its source_id."""
        if fact.result.status in NO_RESULT or len(record) != self._width:
            return
        result, told, moment = fact.result, fact.told, fact.taken.effective_at.isoformat()
        limits = f"{result.upper_limit!r}, {result.lower_limit!r}"
        _keep(self._people, record[self._mrn], (fact.mrn, repr(fact.mrn)))  # type: ignore[index]
        _keep(
            self._results,
            self._result_cells(record),
            (result, f"{result.value!r}, {result.comparator!r}, {limits}", repr(result.status)),
        )
        _keep(self._taken, record[self._at], (fact.taken, repr(moment)))  # type: ignore[index]
        _keep(
            self._told,
            self._told_cells(record),
            (told, f"{told.assay!r}, {told.assessor!r}", f"{told.reason!r}, {told.comment!r}"),
        )
        if self._received_place is not None and fact.received_at is not None:
            said = repr(fact.received_at.isoformat())
            _keep(self._received, record[self._received_place], (fact.received_at, said))


def _cells_at(places: Sequence[int | None]) -> Callable[[Sequence[str]], Any]:
    there = [place for place in places if place is not None]
    return itemgetter(*there) if there else _nothing


def _nothing(_record: Sequence[str]) -> tuple[()]:
    return ()


def _keep(known: dict[Any, Any], cells: Any, read: Any) -> None:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known.setdefault(cells, read)

"""Sources that many clinics have: what is known of their exports beforehand, beside what the file itself shows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobs.importers.tables.grid import Grid
from jobs.importers.tables.guess import propose
from jobs.importers.tables.mapping import ASKED, TableMapping, TableMappings
from models.errors import UsageError


class Ready(NamedTuple):
    """A kind of source: what it is, the headings that tell it, and the order of its dates."""

    what: str
    headings: tuple[str, ...]
    dates: str = ""
    fixed: Mapping[str, str] = {}


READY: Mapping[str, Ready] = {
    # American exports write the month first, and the half of the day beside the hour.
    "epic": Ready("results exported from Epic", ("ComponentName", "ResultValue"), "mdy"),
    # A data export of REDCap writes dates in ISO 8601; choices come as codes, whose meaning is the project's.
    "redcap": Ready("a data export of REDCap", ("redcap_event_name",), "ymd"),
    "steroid-diary": Ready("days and doses of prednisone", (), "", {"drug": "prednisone", "unit": "mg"}),
}


def ready_mapping(name: str, grids: Sequence[Grid]) -> TableMappings:
    """The mapping of a ready kind for a file of it; what only the clinic can know is asked.

    Raises:
        UsageError: no such kind, or the file is none of it.
    """
    known = READY.get(name)
    if known is None:
        raise UsageError(f"There is no mapping file {name!r}, and no ready one; ready are {', '.join(READY)}.")
    found = propose(grids, name)
    headings = {cell for grid in grids for _, cells, _ in grid.rows for cell in cells}
    if not headings.issuperset(known.headings):
        raise UsageError(f"{grids[0].path.name} is not {known.what}: {', '.join(known.headings)} is not in its header.")
    for table in found.tables:
        _answer(table, known)
    return found


def _answer(table: TableMapping, known: Ready) -> None:
    if table.dates == ASKED and known.dates:
        table.dates = known.dates  # type: ignore[assignment]
    for column, value in known.fixed.items():
        if table.fixed.get(column) == ASKED:
            table.fixed[column] = value

"""What a table probably means: proposed, to be looked through, never applied by itself.

The header is the row whose cells mean most; a table is long where one column names the test, wide where the
headings do. What a file cannot tell (which of two numbers is the month, what a code for a unit means) is asked: `?`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobs.importers.canonical import KINDS, Kind, Refused
from jobs.importers.fhir_r4.timing import rhythm_of
from jobs.importers.measure_names import measure_named
from jobs.importers.tables.grid import Grid
from jobs.importers.tables.headings import Heading, column_of, heading_of, how_likely
from jobs.importers.tables.mapping import ASKED, RANGE, TableMapping, TableMappings, WideColumn
from jobs.importers.tables.marks import is_ambiguous, mark_shown_by, order_shown_by
from models import vocabulary
from models.errors import UsageError

ROWS_ABOVE = 40
"""A header stands within this many rows; above it stand titles."""

ROWS_LOOKED_AT = 20_000

_DATES = ("observed_at", "start_date", "end_date", "birth_date", "date", "diagnosed_on", "received_at")
_LOINC = re.compile(r"\d{1,7}-\d", re.ASCII)
_SEXES = {"f": "female", "w": "female", "weiblich": "female", "feminin": "female", "mujer": "female", "m": "male",
          "mannlich": "male", "m\u00e4nnlich": "male", "masculin": "male", "hombre": "male"}  # fmt: skip


@dataclass
class _Table:
    """A grid with its header and the cells below it."""

    grid: Grid
    place: int
    header: tuple[str, ...]
    rows: list[list[str]]

    def cells(self, heading: str) -> list[str]:
        """What stands under a heading, blanks left out."""
        place = self.header.index(heading)
        return [row[place] for row in self.rows if place < len(row) and row[place].strip()]


def header_place(grid: Grid) -> int:
    """Which row is the header: the one of whose cells most mean something, the first of equals."""
    best, most = 0, (0, 0)
    for place in range(min(ROWS_ABOVE, len(grid.rows))):
        header = grid.header_at(place)
        known = sum(bool(column_of(cell) or heading_of(cell)) for cell in header if cell)
        filled = sum(bool(cell) for cell in header)
        if known and filled > 1 and (known, filled) > most and known * 4 >= filled:
            best, most = place, (known, filled)
    return best


def propose(grids: Sequence[Grid], source: str) -> TableMappings:
    """A mapping for the tables of one file.

    Raises:
        UsageError: nothing in it looks like a table of patients' facts.
    """
    tables: list[TableMapping] = []
    notes: list[str] = []
    for grid in grids:
        place = header_place(grid)
        rows = [cells for _, cells, why in grid.below(place) if not why][:ROWS_LOOKED_AT]
        table = _Table(grid, place, grid.header_at(place), rows)
        proposed = _table(table, notes)
        if proposed is None:
            notes.append(f"{grid.name}: nothing known stands in its header: {', '.join(table.header) or 'nothing'}")
        else:
            tables.append(proposed)
    if not tables:
        raise UsageError(" ".join(f"{note}." for note in notes) or "There is no table in it.")
    first = grids[0]
    if first.separator:
        notes.append(f"cells were taken to be separated by {first.separator!r}, letters to be {first.encoding}")
    ordered = sorted(_merged(tables), key=lambda one: KINDS.index(one.kind))
    legacy = first.encoding if first.encoding in {"cp1252", "mac_roman"} else ""
    return TableMappings(source=source, encoding=legacy, tables=ordered, notes=notes)


def _merged(tables: Sequence[TableMapping]) -> list[TableMapping]:
    """Sheets that mean the same under one mapping: next month's sheet has another title."""
    found: list[TableMapping] = []
    for table in tables:
        same = next((one for one in found if _means(one) == _means(table)), None)
        if same is None:
            found.append(table)
            continue
        same.sheet = ""
        for column, words in table.words.items():
            same.words.setdefault(column, {}).update(words)
    if len(found) == 1:
        found[0].sheet = ""
    return found


def _means(table: TableMapping) -> dict[str, object]:
    return table.model_dump(exclude={"sheet", "words"})


def _table(table: _Table, notes: list[str]) -> TableMapping | None:
    columns = _columns(table.header)
    wide = {name: found for name in table.header if name not in columns.values() and (found := heading_of(name))}
    kind = _kind(columns, wide)
    if kind is None:
        return None
    _rename_dates(columns, kind)
    mapping = TableMapping(sheet=table.grid.title, kind=kind, columns=_of_kind(columns, kind))
    if "mrn" not in columns:
        mapping.fixed["mrn"] = ASKED
        notes.append(f"{table.grid.name}: no column says whose rows they are; fixed.mrn is the record number of all")
    else:
        notes.append(
            f"{table.grid.name}: patients are told by {columns['mrn']!r}, compared with record numbers as text"
        )
    if table.place:
        notes.append(
            f"{table.grid.name}: the header is line {table.grid.rows[table.place][0]}; what stands above is left out"
        )
    if kind == "observations" and "measure" in columns:
        _long(table, mapping, notes)
    elif kind == "observations":
        _results(table, mapping, wide)
    elif kind == "medications":
        _doses(table, mapping, wide, notes)
    elif kind == "patients" and "sex" in columns:
        _words(table, mapping, "sex", _SEXES)
    mapping.dates = _order(table, mapping)  # type: ignore[assignment]
    mapping.decimal = _decimal(table, mapping, notes)  # type: ignore[assignment]
    unused = [name for name in table.header if name and name not in set(mapping.headings())]
    if unused:
        notes.append(f"{table.grid.name}: columns left out: {', '.join(unused)}")
    return mapping


def _columns(header: Sequence[str]) -> dict[str, str]:
    """Column -> heading; of several headings for one the likeliest."""
    found: dict[str, list[str]] = {}
    for name in header:
        if name and (column := column_of(name)):
            found.setdefault(column, []).append(name)
    return {column: min(names, key=lambda name: how_likely(name, column)) for column, names in found.items()}


def _kind(columns: Mapping[str, str], wide: Mapping[str, Heading]) -> Kind | None:
    has = columns.keys()
    measured = any(one.measure for one in wide.values())
    dosed = any(one.drug for one in wide.values())
    when = has & {"observed_at", "start_date"}
    if {"measure", "value"} <= has and when:
        return "observations"
    if ("dose" in has and when) or ("drug" in has and when):
        return "medications"
    if measured and when:
        return "observations"
    if dosed and when:
        return "medications"
    if "event" in has and when and "mrn" in has:
        return "events"
    if "mrn" in has and has & {"family_name", "birth_date", "sex", "diagnosis"}:
        return "patients"
    return None


def _rename_dates(columns: dict[str, str], kind: Kind) -> None:
    """One date in a table is that of what the table holds."""
    wanted = {"observations": "observed_at", "medications": "start_date", "events": "date", "patients": ""}[kind]
    for other in ("observed_at", "start_date"):
        if wanted and wanted not in columns and other in columns:
            columns[wanted] = columns.pop(other)


_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "patients": ("mrn", "family_name", "given_name", "birth_date", "sex", "diagnosis", "diagnosed_on", "status",
                 "site"),
    "observations": ("mrn", "measure", "value", "unit", "observed_at", "lower_limit", "upper_limit", RANGE, "assay",
                     "source_id", "comment", "received_at", "max_value", "assessor"),
    "medications": ("mrn", "drug", "dose", "unit", "frequency", "route", "start_date", "end_date", "intent",
                    "source_id", "status"),
    "events": ("mrn", "event", "date", "end_date", "present", "detail", "source_id"),
}  # fmt: skip


def _of_kind(columns: Mapping[str, str], kind: Kind) -> dict[str, str]:
    return {column: columns[column] for column in _OF_KIND[kind] if column in columns}


def _long(table: _Table, mapping: TableMapping, notes: list[str]) -> None:
    """Words for the tests that are named, and units where none is sent."""
    words: dict[str, str | None] = {}
    unknown = []
    for sent, _ in Counter(table.cells(mapping.columns["measure"])).most_common():
        key = _measure(sent)
        words[sent] = key
        if key is None:
            unknown.append(sent)
    mapping.words["measure"] = words
    if unknown:
        notes.append(f"{table.grid.name}: tests left out as not ours (null in words.measure): {', '.join(unknown)}")
    if "unit" not in mapping.columns:
        for key in sorted({key for key in words.values() if key}):
            if not vocabulary.measure(key).is_score:
                mapping.units[key] = ASKED


def _measure(sent: str) -> str | None:
    if sent in vocabulary.measures():
        return sent
    if (named := measure_named(sent)) is not None:
        return named
    found = heading_of(sent)
    if found is not None and found.measure and found.role == "value":
        return found.measure
    try:
        known = vocabulary.measure_for_code("loinc" if _LOINC.fullmatch(sent) else "local", sent)
    except vocabulary.CodeMismatch:
        return None
    return known.key if known else None


def _results(table: _Table, mapping: TableMapping, wide: Mapping[str, Heading]) -> None:
    """The columns of a wide table of results, each with the columns that belong to it."""
    beside: dict[tuple[str, str], str] = {
        (one.measure, one.role): name for name, one in wide.items() if one.measure and one.role != "value"
    }
    for name, one in wide.items():
        if not one.measure or one.role != "value":
            continue
        column = WideColumn(
            column=name,
            measure=one.measure,
            unit_column=beside.get((one.measure, "unit"), ""),
            upper_limit_column=beside.get((one.measure, "upper"), ""),
            lower_limit_column=beside.get((one.measure, "lower"), ""),
        )
        accepted = _accepts(one.measure, one.unit)
        if accepted and one.unit:
            column.unit = one.unit
        elif column.unit_column:
            said = dict.fromkeys(table.cells(column.unit_column))
            column.units = {unit: ASKED for unit in said if not _accepts(one.measure, unit)}
        elif not _accepts(one.measure, ""):
            column.unit = ASKED
        mapping.wide.append(column)


def _accepts(measure: str, unit: str) -> bool:
    try:
        vocabulary.conversion(measure, unit)
    except vocabulary.UnknownUnit:
        return False
    return True


def _doses(table: _Table, mapping: TableMapping, wide: Mapping[str, Heading], notes: list[str]) -> None:
    """Doses: in a column for all drugs, or a column for each; a diary of days has one day a row."""
    if "dose" not in mapping.columns:
        for name, one in wide.items():
            if one.drug and one.role == "value":
                unit = one.unit.lower() if one.unit.lower() in vocabulary.DOSE_UNITS else ASKED
                mapping.wide.append(WideColumn(column=name, drug=one.drug, unit=unit))
    elif "drug" not in mapping.columns:
        mapping.fixed["drug"] = ASKED
    if "unit" not in mapping.columns and not mapping.wide:
        mapping.fixed["unit"] = "mg" if "mg" in mapping.columns["dose"].lower() else ASKED
    if "frequency" not in mapping.columns:
        mapping.fixed["frequency"] = "daily"
        notes.append(f"{table.grid.name}: doses were taken for those of a day (fixed.frequency)")
    else:
        _words(table, mapping, "frequency", {})
    if "end_date" not in mapping.columns and (mapping.wide or "drug" not in mapping.columns):
        mapping.columns["end_date"] = mapping.columns["start_date"]
        notes.append(f"{table.grid.name}: each row was taken for one day (a diary): it ends on the day it begins")


def _words(table: _Table, mapping: TableMapping, column: str, known: Mapping[str, str]) -> None:
    """What the words of a column mean; those nobody knows are asked."""
    said: dict[str, str | None] = {}
    for sent in dict.fromkeys(table.cells(mapping.columns[column])):
        meant = known.get(sent.casefold(), "")
        if column == "frequency":
            meant = _frequency(sent)
        elif sent.casefold() in set(known.values()):
            meant = sent.casefold()
        if meant != sent:
            said[sent] = meant or ASKED
    if said:
        mapping.words[column] = said


def _frequency(sent: str) -> str:
    try:
        rhythm = rhythm_of({"code": {"text": sent}})
    except Refused:
        return ""
    return rhythm.frequency if rhythm.factor == 1 else ""


def _order(table: _Table, mapping: TableMapping) -> str:
    """Whether the day or the month is first; `?` where the file does not show it, or shows both."""
    shown: Counter[str] = Counter()
    for column, heading in mapping.columns.items():
        if column in _DATES:
            shown.update(order for cell in table.cells(heading) if (order := order_shown_by(cell)))
    certain = {order for order in shown if order != ASKED}
    if len(certain) == 1:
        return certain.pop()
    return ASKED if shown else "ymd"


def _decimal(table: _Table, mapping: TableMapping, notes: list[str]) -> str:
    """The decimal mark that some number shows; '' where none does: ambiguous ones are held."""
    cells = list(_numbers(table, mapping))
    shown = {mark for cell in cells if (mark := mark_shown_by(cell))}
    held = sum(is_ambiguous(cell) for cell in cells)
    if len(shown) == 1:
        return shown.pop()
    if held:
        notes.append(
            f"{table.grid.name}: {held} numbers like 1.234 may mean 1234 or 1.234, and nothing shows which; they are "
            "held until decimal is '.' or ','"
        )
    return ""


def _numbers(table: _Table, mapping: TableMapping) -> Iterable[str]:
    headings = [
        mapping.columns[name] for name in ("value", "dose", "lower_limit", "upper_limit") if name in mapping.columns
    ]
    headings += [
        name for one in mapping.wide for name in (one.column, one.upper_limit_column, one.lower_limit_column) if name
    ]
    return (cell for heading in headings for cell in table.cells(heading))

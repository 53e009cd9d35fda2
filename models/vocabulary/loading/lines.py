"""The lines of the vocabulary tables, with typed access to their cells and errors that name file and line.

A table has exactly the columns named here; a key that appears twice is refused.
"""

import csv
import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeVar

from models.vocabulary.naming import name_key
from models.vocabulary.rows import (
    Mark,
    Source,
    SourceCheck,
)

BEGINS = "begins"
"""Beside the columns of its file a clinic's own line says from which day it holds."""

MARKS = frozenset({"seen", "seed", "memory", "default", "computed"})

T = TypeVar("T")
K = TypeVar("K")


class VocabularyError(ValueError):
    """A vocabulary table is not as it must be; the message names file, line and reason."""


class OwnLine(NamedTuple):
    """A line that a clinic adds to one of the tables; `said` names it in a refusal, cells left out are blank."""

    file: str
    said: str
    cells: tuple[tuple[str, str], ...]


class Tables(NamedTuple):
    """Where the tables are: a directory, and the clinic's own lines."""

    directory: Path
    own: tuple[OwnLine, ...]


class Line:
    """One line of a table, with typed access to its cells and errors that say where they are."""

    __slots__ = ("_cells", "_file", "_line")

    def __init__(self, file: str, line: int | None, cells: Mapping[str, str]) -> None:
        self._file = file
        self._line = line
        self._cells = cells

    def fail(self, message: str) -> NoReturn:
        place = self._file if self._line is None else f"{self._file}, line {self._line}"
        raise VocabularyError(f"{place}: {message}")

    def optional(self, column: str) -> str:
        return self._cells[column].strip()

    def begins(self) -> dt.date | None:
        """From which day a clinic's own line holds; no column of the files."""
        day = self._cells.get(BEGINS)
        return dt.date.fromisoformat(day) if day else None

    def text(self, column: str) -> str:
        value = self.optional(column)
        if not value:
            self.fail(f"{column} is empty")
        return value

    def choice(self, column: str, allowed: Collection[str]) -> Any:
        """A cell that must be one of a closed list (typed Any: the row classes narrow it to a Literal)."""
        value = self.optional(column)
        if value not in allowed:
            self.fail(f"{column} is {value!r}, must be one of {', '.join(sorted(allowed))}")
        return value

    def flag(self, column: str) -> bool:
        return bool(self.choice(column, ("yes", "no")) == "yes")

    def many(self, column: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.optional(column).split(";") if part.strip())

    def number(self, column: str) -> float | None:
        value = self.optional(column)
        return float(self._fraction(column, value)) if value else None

    def day(self, column: str) -> dt.date:
        value = self.text(column)
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{column} is {value!r}, must be a date (YYYY-MM-DD)")

    def required_number(self, column: str) -> float:
        return float(self._fraction(column, self.text(column)))

    def fraction(self, column: str) -> Fraction:
        return self._fraction(column, self.text(column))

    def whole(self, column: str) -> int | None:
        value = self.optional(column)
        if not value:
            return None
        if not value.isdecimal():
            self.fail(f"{column} is {value!r}, must be a whole number")
        return int(value)

    def required_whole(self, column: str) -> int:
        value = self.whole(column)
        if value is None:
            self.fail(f"{column} is empty")
        return value

    def positive_whole(self, column: str) -> int:
        value = self.required_whole(column)
        if value == 0:
            self.fail(f"{column} must be above 0")
        return value

    def _fraction(self, column: str, value: str) -> Fraction:
        top, _, bottom = value.partition("/")
        try:
            return Fraction(top) / Fraction(bottom or "1")
        except (ValueError, ZeroDivisionError):
            self.fail(f"{column} is {value!r}, must be a number")

    def mark(self, column: str, source_column: str | None, sources: Mapping[str, Source], needed: bool) -> Mark:
        """The mark of a number, refused where it is missing or claims a source that is not there."""
        mark = self.optional(column)
        if mark and mark not in MARKS:
            self.fail(f"{column} is {mark!r}, must be one of {', '.join(sorted(MARKS))}")
        if needed and not mark:
            self.fail(f"{column} is empty: every number says how it is known")
        source_id = self.optional(source_column) if source_column else ""
        if source_id and source_id not in sources:
            self.fail(f"{source_column} {source_id!r} is not in sources.csv")
        if source_column is not None and mark in {"seen", "seed"}:
            if not source_id:
                self.fail(f"{column} is {mark!r} but {source_column} is empty")
            educational = sources[source_id].kind == "educational-page"
            if mark == "seen" and educational:
                self.fail(f"{source_id} is an educational page: its numbers carry the mark 'seed', not 'seen'")
            if mark == "seed" and not educational:
                self.fail(f"the mark 'seed' is for educational pages, {source_id} is not one")
        return mark  # type: ignore[return-value]  # checked against MARKS above


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sources.csv": ("id", "title", "year", "where", "kind"),
    "source_checks.csv": ("source", "read", "checked_by", "checked_on", "next_review", "note"),
    "measures.csv": (
        "key", "label", "short_label", "kind", "family", "unit", "min_value", "max_value", "higher_is", "loinc",
        "local_code", "range_mark", "range_source",
    ),
    "measure_codes.csv": (
        "system", "code", "name", "name_contains", "measure", "refused_because", "code_mark", "code_source",
        "name_mark",
    ),
    "measure_names.csv": ("measure", "names", "beside_a_code", "other_forms", "own_words", "mark", "source"),
    "name_words.csv": ("means", "what", "words", "mark", "source"),
    "units.csv": ("applies_to", "unit", "factor", "offset", "mark", "source"),
    "tests.csv": ("key", "label", "measures", "counts_when", "mark", "source"),
    "monitoring.csv": (
        "profile", "treatment", "only_if", "test", "phase", "from_day", "to_day", "interval_days", "mark", "source",
        "active", "note",
    ),
    "no_monitoring.csv": ("treatment", "because", "mark", "source"),
    "screening.csv": (
        "treatment", "screen", "satisfied_by", "requirement", "only_if", "within_days", "valid_for_days",
        "validity_mark", "mark", "source", "note",
    ),
    "action_limits.csv": (
        "key", "measure", "applies_to", "kind", "direction", "limit", "unit", "within_days", "from_age", "consequence",
        "caveat", "mark", "source",
    ),
    "drugs.csv": (
        "key", "label", "synonyms", "classes", "rxnorm", "rxnorm_mark", "rxnorm_source", "atc", "atc_mark",
        "equivalent_mg_to_5", "factor_mark", "factor_source", "excluded_because", "counts_as_active_treatment",
        "sparing_agent", "sparing_mark", "acts_for_days", "acts_for_mark", "note",
    ),
    "events.csv": ("key", "label", "kind", "red_flag", "snomed", "origin"),
    "diagnoses.csv": (
        "code", "label", "juvenile", "icd10cm", "icd10cm_mark", "snomed", "snomed_mark", "source", "note",
    ),
    "autoantibodies.csv": (
        "code", "label", "synonyms", "target", "target_mark", "group", "features", "mark", "source",
    ),
    "antibody_warnings.csv": ("antibody", "warns_of", "says", "mark", "source"),
    "frequencies.csv": ("key", "label", "doses", "every_days"),
    "taper_templates.csv": (
        "key", "label", "unit", "population", "start_from_day", "start_by_day", "mark", "source", "note",
    ),
    "taper_steps.csv": ("template", "from_dose", "to_dose", "step", "every_days", "mark", "source"),
    "cmas_items.csv": ("number", "label", "max", "timed", "thresholds_seconds", "mark", "source"),
    "muscle_groups.csv": ("number", "key", "label", "region", "paired", "in_mmt8", "mark", "source"),
    "answers.csv": ("code", "label", "kinds"),
}  # fmt: skip


def _lines(tables: Tables, file: str) -> Iterator[Line]:
    path = tables.directory / file
    try:
        handle = path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise VocabularyError(f"{file}: cannot be read ({error.strerror})") from error
    with handle:
        reader = csv.reader(handle, strict=True)
        try:
            header = next(reader, [])
            if set(header) != set(COLUMNS[file]) or len(header) != len(COLUMNS[file]):
                wrong = ", ".join(sorted(set(header) ^ set(COLUMNS[file]))) or "a column appears twice"
                raise VocabularyError(f"{file}: columns do not match: {wrong}")
            for cells in reader:
                if len(cells) != len(header):
                    raise VocabularyError(
                        f"{file}, line {reader.line_num}: {len(cells)} cells where the header has {len(header)}"
                    )
                yield Line(file, reader.line_num, dict(zip(header, cells, strict=True)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise VocabularyError(f"{file}: cannot be read ({error})") from error
    for own in tables.own:
        if own.file == file:
            yield Line(own.said, None, dict.fromkeys(COLUMNS[file], "") | dict(own.cells))


def keyed(tables: Tables, file: str, parse: Callable[[Line], T], key: Callable[[T], K]) -> Mapping[K, T]:
    """The rows of a table by their key, in the order of the file; a key that appears twice is refused."""
    rows: dict[K, T] = {}
    for line in _lines(tables, file):
        row = parse(line)
        if key(row) in rows:
            line.fail(f"{key(row)!r} appears twice")
        rows[key(row)] = row
    if not rows:
        raise VocabularyError(f"{file}: the table is empty")
    return MappingProxyType(rows)


def by_name(file: str, named: Iterator[tuple[T, tuple[str, ...]]]) -> Mapping[str, T]:
    """Rows by every normalised name; a name that could mean two rows is refused."""
    rows: dict[str, T] = {}
    for row, names in named:
        for name in names:
            if rows.setdefault(name_key(name), row) is not row:
                raise VocabularyError(f"{file}: the name {name!r} appears twice and could mean two rows")
    return MappingProxyType(rows)


def refer(line: Line, column: str, values: tuple[str, ...], allowed: Collection[str]) -> None:
    """Refuse a cell that names what no table knows."""
    for value in values:
        if value not in allowed:
            line.fail(f"{column} names {value!r}, which no table knows")


SOURCE_KINDS = frozenset(
    {
        "guideline",
        "article",
        "label",
        "terminology",
        "instrument",
        "regulation",
        "secondary",
        "educational-page",
        "project",
    }
)
HOW_READ = frozenset({"full text", "part", "summary", "abstract", "second-hand", "list", "own choice", "not read"})


def read_source(line: Line) -> Source:
    """A line of sources.csv."""
    return Source(
        id=line.text("id"),
        title=line.text("title"),
        year=line.whole("year"),
        where=line.text("where"),
        kind=line.choice("kind", SOURCE_KINDS),
    )


def read_source_check(line: Line, sources: Mapping[str, Source]) -> SourceCheck:
    """A line of source_checks.csv."""
    check = SourceCheck(
        source=line.choice("source", sources.keys()),
        read=line.choice("read", HOW_READ),
        checked_by=line.text("checked_by"),
        checked_on=line.day("checked_on"),
        next_review=line.day("next_review"),
        note=line.optional("note"),
    )
    if check.next_review < check.checked_on:
        line.fail("next_review lies before checked_on")
    return check

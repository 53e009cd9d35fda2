"""What the columns of a source mean: proposed, confirmed by somebody, and kept.

A mapping is a JSON or TOML file. `?` stands where only somebody who knows the source can answer; with one left nothing
is imported.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.importers.canonical import FILE_COLUMNS, Kind
from models import vocabulary
from models.errors import UsageError

ASKED = "?"
RANGE = "range"
"""A column that holds both limits in one text."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WideColumn(_Part):
    """A column whose heading says what its cells are: results of one measure, or doses of one drug."""

    column: str
    measure: str = ""
    drug: str = ""
    unit: str = ""
    unit_column: str = ""
    units: dict[str, str] = Field(default_factory=dict, description="What the unit column says -> unit.")
    upper_limit_column: str = ""
    lower_limit_column: str = ""

    def columns(self) -> Iterator[str]:
        """The headings it names."""
        yield from filter(None, (self.column, self.unit_column, self.upper_limit_column, self.lower_limit_column))


class TableMapping(_Part):
    """What one table, or one sheet of a workbook, means."""

    sheet: str = Field("", description="Title of the sheet; '' for any.")
    kind: Kind
    columns: dict[str, str] = Field(description="Column of the CSV folder (or `range`) -> heading.")
    fixed: dict[str, str] = Field(default_factory=dict, description="Column of the CSV folder -> what every row has.")
    wide: list[WideColumn] = Field(default_factory=list)
    words: dict[str, dict[str, str | None]] = Field(
        default_factory=dict, description="Column -> as sent -> as the CSV folder has it; null: not ours, left out."
    )
    units: dict[str, str] = Field(default_factory=dict, description="Measure -> its unit where none is sent.")
    dates: Literal["ymd", "dmy", "mdy", "?", ""] = ""
    decimal: Literal[".", ",", ""] = Field("", description="'' where nothing showed it: what is ambiguous is held.")

    def headings(self) -> list[str]:
        """Every heading it needs."""
        return [*self.columns.values(), *(name for one in self.wide for name in one.columns())]

    def fits(self, header: Sequence[str], title: str = "") -> bool:
        """Whether a table has all its headings."""
        there = {heading_key(name) for name in header}
        return (not self.sheet or self.sheet == title) and there.issuperset(map(heading_key, self.headings()))

    def questions(self) -> list[str]:
        """What has to be answered before it can be used."""
        asked = []
        if self.dates == ASKED:
            asked.append("dates: is the day or the month first? Write dmy or mdy.")
        for column, value in self.fixed.items():
            if value == ASKED:
                asked.append(f"fixed.{column}: what is it for all rows?")
        for measure, unit in self.units.items():
            if unit == ASKED:
                asked.append(f"units.{measure}: in which unit are these values?")
        for column, words in self.words.items():
            asked += [f"words.{column}: what does {sent!r} mean?" for sent, meant in words.items() if meant == ASKED]
        for one in self.wide:
            if one.unit == ASKED:
                asked.append(f"wide {one.column}: in which unit are these values?")
            asked += [
                f"wide {one.column}: which unit does {sent!r} in {one.unit_column} mean?"
                for sent, meant in one.units.items()
                if meant == ASKED
            ]
        return asked


class TableMappings(_Part):
    """The tables of one source."""

    version: Literal[1] = 1
    source: str = Field(min_length=1, max_length=100, description="Who speaks: the sender kept with every fact.")
    encoding: str = ""
    separator: str = ""
    tables: list[TableMapping] = Field(min_length=1)
    notes: list[str] = Field(default_factory=list, description="What was assumed; for whoever confirms.")

    def questions(self) -> list[str]:
        """What has to be answered before it can be used."""
        return [question for table in self.tables for question in table.questions()]

    def to_json(self) -> str:
        """The mapping as a file."""
        told = self.model_dump(exclude_defaults=True) | {"version": self.version, "questions": self.questions()}
        return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def heading_key(name: str) -> str:
    """A heading without regard to case and blanks."""
    return " ".join(name.split()).casefold()


def read_mapping(path: Path) -> TableMappings:
    """A mapping file, checked.

    Raises:
        UsageError: it cannot be read, names what does not exist, or has questions that nobody answered.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        told = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path} is no mapping: {error}") from error
    return mapping_of(told, path.name)


def mapping_of(told: object, name: str) -> TableMappings:
    """A mapping from data.

    Raises:
        UsageError: it names what does not exist, or has questions that nobody answered.
    """
    if isinstance(told, dict):
        # Written for whoever reads the file; worked out anew here.
        told = {key: value for key, value in told.items() if key != "questions"}
    try:
        mapping = TableMappings.model_validate(told)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"{name}: {where}: {problem['msg']}.") from error
    for table in mapping.tables:
        _check(table, name)
    asked = mapping.questions()
    if asked:
        raise UsageError(f"{name}: answer first what only you can know: {' '.join(asked)}")
    return mapping


def _check(table: TableMapping, name: str) -> None:
    known = {*FILE_COLUMNS[table.kind], RANGE}
    for part, columns in (("columns", table.columns), ("fixed", table.fixed), ("words", table.words)):
        for column in columns:
            if column not in known:
                raise UsageError(f"{name}: {part}.{column} is no column of {table.kind}.csv.")
    measures = vocabulary.measures()
    named = {one.measure for one in table.wide if one.measure} | set(table.units)
    named |= {meant for meant in table.words.get("measure", {}).values() if meant}
    for measure in sorted(named - {ASKED}):
        if measure not in measures:
            raise UsageError(f"{name}: {measure!r} is no measure.")
    for one in table.wide:
        if bool(one.measure) == bool(one.drug):
            raise UsageError(f"{name}: wide {one.column} needs a measure or a drug.")

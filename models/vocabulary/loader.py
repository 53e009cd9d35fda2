"""Reads the vocabulary tables from a directory and refuses them if anything does not fit.

Checked are: unknown or missing columns, wrong types, keys that appear twice, references between tables that lead
nowhere, and numbers that claim to have been read somewhere without naming a source. An error names file and line.
"""

import csv
import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeVar

from models.vocabulary.naming import name_key, unit_key
from models.vocabulary.rows import (
    ACTIVE_TREATMENT,
    ADULT,
    ANY_DRUG,
    ANY_IMMUNOSUPPRESSANT,
    ANY_MONITORED,
    CHILD,
    DRUG_CLASSES,
    WARNS_OF,
    ActionLimit,
    Answer,
    AntibodyWarning,
    Autoantibody,
    CmasItem,
    Diagnosis,
    Drug,
    EventKind,
    Frequency,
    LabTest,
    Mark,
    Measure,
    MeasureCode,
    MonitoringRow,
    MuscleGroup,
    NoMonitoring,
    Screen,
    Source,
    SourceCheck,
    TaperStep,
    TaperTemplate,
    UnitRule,
)

TABLES_DIRECTORY = Path(__file__).parent / "tables"

BEGINS = "begins"
"""Beside the columns of its file a clinic's own line says from which day it holds."""

MARKS = frozenset({"seen", "seed", "memory", "default", "computed"})
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
FAMILIES_WITHOUT_UNIT = frozenset({"presence", "score", "vas"})

T = TypeVar("T")
K = TypeVar("K")


class VocabularyError(ValueError):
    """A vocabulary table is not as it must be; the message names file, line and reason."""


class OwnLine(NamedTuple):
    """A line that a clinic adds to one of the tables; `said` names it in a refusal, cells left out are blank."""

    file: str
    said: str
    cells: tuple[tuple[str, str], ...]


class _Tables(NamedTuple):
    directory: Path
    own: tuple[OwnLine, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All tables of one directory, checked against each other and read-only."""

    sources: Mapping[str, Source]
    source_checks: Mapping[str, SourceCheck]
    measures: Mapping[str, Measure]
    measure_codes: Mapping[tuple[str, str], MeasureCode]
    units: Mapping[tuple[str, str], UnitRule]
    tests: Mapping[str, LabTest]
    monitoring: tuple[MonitoringRow, ...]
    no_monitoring: Mapping[str, NoMonitoring]
    screening: tuple[Screen, ...]
    action_limits: Mapping[str, ActionLimit]
    drugs: Mapping[str, Drug]
    drugs_by_name: Mapping[str, Drug]
    events: Mapping[str, EventKind]
    diagnoses: Mapping[str, Diagnosis]
    autoantibodies: Mapping[str, Autoantibody]
    autoantibodies_by_name: Mapping[str, Autoantibody]
    antibody_warnings: tuple[AntibodyWarning, ...]
    frequencies: Mapping[str, Frequency]
    taper_templates: Mapping[str, TaperTemplate]
    cmas_items: Mapping[int, CmasItem]
    muscle_groups: Mapping[int, MuscleGroup]
    answers: Mapping[str, Answer]
    own: tuple[OwnLine, ...] = ()
    retired: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What is worked out from the tables once (`models.vocabulary.in_force.remembered`)."""

    def own_words(self) -> str:
        """The clinic's own lines in one text, empty without any: where it differs, answers may."""
        return repr((self.own, sorted(self.retired.items()))) if self.own or self.retired else ""


class _Line:
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


def load(
    directory: Path = TABLES_DIRECTORY, own: Collection[OwnLine] = (), retired: Mapping[str, str] | None = None
) -> Vocabulary:
    """Read and check all tables of a directory; raises :class:`VocabularyError` naming file, line and reason.

    `own` lines stand below those of the files and are checked like them. `retired` are measures that are known, so that
    old results can be read, and take no new ones, each with the reason.
    """
    tables = _Tables(directory, tuple(own))
    sources = _keyed(tables, "sources.csv", _source, lambda row: row.id)
    codes = _keyed(tables, "measure_codes.csv", lambda line: _code(line, sources), lambda row: (row.system, row.code))
    measures = _keyed(tables, "measures.csv", lambda line: _measure(line, sources, codes), lambda row: row.key)
    for code in codes.values():
        if code.measure and code.measure not in measures:
            raise VocabularyError(f"measure_codes.csv: {code.code} names the unknown measure {code.measure!r}")
    families = {row.family for row in measures.values()}
    units = _keyed(
        tables,
        "units.csv",
        lambda line: _unit(line, sources, families | measures.keys()),
        lambda row: (row.applies_to, unit_key(row.unit)),
    )
    _check_canonical_units(measures, units)
    events = _keyed(tables, "events.csv", _event, lambda row: row.key)
    tests = _keyed(
        tables, "tests.csv", lambda line: _test(line, sources, measures.keys() | events.keys()), lambda row: row.key
    )
    drugs = _keyed(tables, "drugs.csv", lambda line: _drug(line, sources), lambda row: row.key)
    treatments = drugs.keys() | DRUG_CLASSES
    monitoring = _keyed(
        tables,
        "monitoring.csv",
        lambda line: _monitoring(line, sources, tests, frozenset(treatments | {ACTIVE_TREATMENT}), events, measures),
        lambda row: (row.profile, row.treatment, row.only_if, row.test, row.from_day),
    )
    _check_monitoring_periods(monitoring.values())
    no_monitoring = _keyed(
        tables,
        "no_monitoring.csv",
        lambda line: _no_monitoring(line, sources, treatments),
        lambda row: row.treatment,
    )
    screening = _keyed(
        tables,
        "screening.csv",
        lambda line: _screen(line, sources, measures, events, treatments | {ANY_IMMUNOSUPPRESSANT}),
        lambda row: (row.treatment, row.screen),
    )
    limits = _keyed(
        tables,
        "action_limits.csv",
        lambda line: _limit(line, sources, measures, treatments | {ANY_MONITORED, ACTIVE_TREATMENT, ANY_DRUG}),
        lambda row: row.key,
    )
    antibodies = _keyed(tables, "autoantibodies.csv", lambda line: _antibody(line, sources), lambda row: row.code)
    warnings = _keyed(
        tables,
        "antibody_warnings.csv",
        lambda line: _warning(line, sources, antibodies),
        lambda row: (row.antibody, row.warns_of),
    )
    cmas_items = _keyed(tables, "cmas_items.csv", lambda line: _cmas_item(line, sources), lambda row: row.number)
    groups = _keyed(tables, "muscle_groups.csv", lambda line: _group(line, sources), lambda row: row.number)
    _check_instruments(measures, cmas_items, groups)
    diagnoses = _keyed(tables, "diagnoses.csv", lambda line: _diagnosis(line, sources), lambda row: row.code)
    _check_codes_are_unambiguous(diagnoses, drugs)
    return Vocabulary(
        sources=sources,
        source_checks=_keyed(
            tables, "source_checks.csv", lambda line: _source_check(line, sources), lambda row: row.source
        ),
        measures=measures,
        measure_codes=codes,
        units=units,
        tests=tests,
        monitoring=tuple(monitoring.values()),
        no_monitoring=no_monitoring,
        screening=tuple(screening.values()),
        action_limits=limits,
        drugs=drugs,
        drugs_by_name=_by_name("drugs.csv", ((row, (row.key, row.label, *row.synonyms)) for row in drugs.values())),
        events=events,
        diagnoses=diagnoses,
        autoantibodies=antibodies,
        autoantibodies_by_name=_by_name(
            "autoantibodies.csv", ((row, (row.code, row.label, *row.synonyms)) for row in antibodies.values())
        ),
        antibody_warnings=tuple(warnings.values()),
        frequencies=_keyed(tables, "frequencies.csv", _frequency, lambda row: row.key),
        taper_templates=_tapers(tables, sources),
        cmas_items=cmas_items,
        muscle_groups=groups,
        answers=_keyed(tables, "answers.csv", _answer, lambda row: row.code),
        own=tables.own,
        retired=MappingProxyType(dict(retired or {})),
    )


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


def _lines(tables: _Tables, file: str) -> Iterator[_Line]:
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
                yield _Line(file, reader.line_num, dict(zip(header, cells, strict=True)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise VocabularyError(f"{file}: cannot be read ({error})") from error
    for own in tables.own:
        if own.file == file:
            yield _Line(own.said, None, dict.fromkeys(COLUMNS[file], "") | dict(own.cells))


def _keyed(tables: _Tables, file: str, parse: Callable[[_Line], T], key: Callable[[T], K]) -> Mapping[K, T]:
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


def _by_name(file: str, named: Iterator[tuple[T, tuple[str, ...]]]) -> Mapping[str, T]:
    """Rows by every normalised name; a name that could mean two rows is refused."""
    rows: dict[str, T] = {}
    for row, names in named:
        for name in names:
            if rows.setdefault(name_key(name), row) is not row:
                raise VocabularyError(f"{file}: the name {name!r} appears twice and could mean two rows")
    return MappingProxyType(rows)


def _refer(line: _Line, column: str, values: tuple[str, ...], allowed: Collection[str]) -> None:
    for value in values:
        if value not in allowed:
            line.fail(f"{column} names {value!r}, which no table knows")


def _source(line: _Line) -> Source:
    return Source(
        id=line.text("id"),
        title=line.text("title"),
        year=line.whole("year"),
        where=line.text("where"),
        kind=line.choice("kind", SOURCE_KINDS),
    )


def _source_check(line: _Line, sources: Mapping[str, Source]) -> SourceCheck:
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


def _code(line: _Line, sources: Mapping[str, Source]) -> MeasureCode:
    code = MeasureCode(
        system=line.choice("system", ("loinc", "local")),
        code=line.text("code"),
        name=line.optional("name"),
        name_contains=tuple(part.lower() for part in line.many("name_contains")),
        measure=line.optional("measure"),
        refused_because=line.optional("refused_because"),
        code_mark=line.mark("code_mark", "code_source", sources, needed=True),
        source=line.optional("code_source"),
        name_mark=line.mark("name_mark", None, sources, needed=bool(line.optional("name"))),
    )
    if bool(code.measure) == bool(code.refused_because):
        line.fail("a code either names a measure or says why it is refused")
    if code.measure and not (code.name and code.name_contains):
        line.fail("a code that names a measure needs a name to be checked against")
    if code.name and not _name_fits(code, code.name):
        line.fail(f"the name {code.name!r} contains none of {', '.join(code.name_contains)}")
    return code


def _name_fits(code: MeasureCode, name: str) -> bool:
    return any(part in name.lower() for part in code.name_contains)


def _measure(line: _Line, sources: Mapping[str, Source], codes: Mapping[tuple[str, str], MeasureCode]) -> Measure:
    key = line.text("key")
    loinc, local = line.optional("loinc"), line.optional("local_code")
    if bool(loinc) == bool(local):
        line.fail("a measure has either a LOINC or a local code")
    system, code = ("loinc", loinc) if loinc else ("local", local)
    entry = codes.get((system, code))
    if entry is None or entry.measure != key:
        line.fail(f"{system} {code} is not a code of {key} in measure_codes.csv")
    low, high = line.number("min_value"), line.number("max_value")
    if low is not None and high is not None and low >= high:
        line.fail("min_value is not below max_value")
    measure = Measure(
        key=key,
        label=line.text("label"),
        short_label=line.text("short_label"),
        kind=line.choice("kind", ("laboratory", "strength", "global", "function", "skin", "body", "respiratory")),
        family=line.text("family"),
        unit=line.optional("unit"),
        min_value=low,
        max_value=high,
        higher_is=line.choice("higher_is", ("better", "worse", "neither")),
        loinc=loinc,
        loinc_name=entry.name if loinc else "",
        local_code=local,
        mark=entry.code_mark,
        source=entry.source,
        range_mark=line.mark("range_mark", "range_source", sources, needed=high is not None),
        range_source=line.optional("range_source"),
    )
    if not measure.unit and measure.family not in FAMILIES_WITHOUT_UNIT:
        line.fail("only scores and presence results have no unit")
    return measure


def _unit(line: _Line, sources: Mapping[str, Source], targets: Collection[str]) -> UnitRule:
    rule = UnitRule(
        applies_to=line.text("applies_to"),
        unit=line.optional("unit"),
        factor=line.fraction("factor"),
        offset=line.fraction("offset"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    _refer(line, "applies_to", (rule.applies_to,), targets)
    if rule.factor <= 0:
        line.fail("factor must be above 0")
    if not rule.unit and rule.applies_to not in FAMILIES_WITHOUT_UNIT:
        line.fail("only scores and presence results may come without a unit")
    return rule


def _check_canonical_units(measures: Mapping[str, Measure], units: Mapping[tuple[str, str], UnitRule]) -> None:
    """Every measure accepts its own canonical unit unchanged."""
    for measure in measures.values():
        own = unit_key(measure.unit)
        rule = units.get((measure.key, own)) or units.get((measure.family, own))
        if rule is None or rule.factor != 1 or rule.offset != 0:
            raise VocabularyError(f"units.csv: {measure.key} does not accept its own unit {measure.unit!r} unchanged")


def _test(line: _Line, sources: Mapping[str, Source], facts: Collection[str]) -> LabTest:
    test = LabTest(
        key=line.text("key"),
        label=line.text("label"),
        measures=line.many("measures"),
        counts_when=line.choice("counts_when", ("any", "all")),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    if not test.measures:
        line.fail("measures is empty")
    _refer(line, "measures", test.measures, facts)
    return test


def _monitoring(
    line: _Line,
    sources: Mapping[str, Source],
    tests: Mapping[str, LabTest],
    treatments: frozenset[str],
    events: Mapping[str, EventKind],
    measures: Mapping[str, Measure],
) -> MonitoringRow:
    row = MonitoringRow(
        profile=line.text("profile"),
        treatment=line.text("treatment"),
        only_if=line.optional("only_if"),
        test=line.text("test"),
        phase=line.choice("phase", ("any", "start", "stable", "maintenance")),
        from_day=line.required_whole("from_day"),
        to_day=line.whole("to_day"),
        interval_days=line.positive_whole("interval_days"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
        active=line.flag("active"),
        note=line.optional("note"),
        begins=line.begins(),
    )
    _refer(line, "treatment", (row.treatment,), treatments | events.keys())
    _refer(line, "test", (row.test,), tests)
    if row.only_if:
        positive = {key for key, measure in measures.items() if measure.family == "presence"}
        _refer(line, "only_if", (row.only_if,), {CHILD, ADULT} | events.keys() | positive)
    if row.to_day is not None and row.to_day < row.from_day:
        line.fail("to_day lies before from_day")
    if row.active and row.mark == "memory":
        line.fail("a number from memory is never active")
    return row


def _check_monitoring_periods(rows: Collection[MonitoringRow]) -> None:
    """Within a profile, the periods of one treatment and test neither overlap nor leave a day uncovered."""
    periods: dict[tuple[str, str, str, str], list[MonitoringRow]] = {}
    for row in rows:
        periods.setdefault((row.profile, row.treatment, row.only_if, row.test), []).append(row)
    for (profile, treatment, _, test), group in periods.items():
        ordered = sorted(group, key=lambda row: row.from_day)
        for earlier, later in pairwise(ordered):
            if earlier.to_day is None or later.from_day != earlier.to_day + 1:
                raise VocabularyError(
                    f"monitoring.csv: {profile}, {treatment}, {test}: day {later.from_day} does not follow on"
                )


def _no_monitoring(line: _Line, sources: Mapping[str, Source], treatments: Collection[str]) -> NoMonitoring:
    row = NoMonitoring(
        treatment=line.text("treatment"),
        because=line.text("because"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    _refer(line, "treatment", (row.treatment,), treatments)
    return row


def _screen(
    line: _Line,
    sources: Mapping[str, Source],
    measures: Mapping[str, Measure],
    events: Mapping[str, EventKind],
    treatments: Collection[str],
) -> Screen:
    valid_for = line.whole("valid_for_days")
    row = Screen(
        treatment=line.text("treatment"),
        screen=line.text("screen"),
        satisfied_by=line.many("satisfied_by"),
        requirement=line.choice("requirement", ("required", "if-risk", "site")),
        only_if=line.optional("only_if"),
        within_days=line.required_whole("within_days"),
        valid_for_days=valid_for,
        validity_mark=line.mark("validity_mark", None, sources, needed=valid_for is not None),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
        note=line.optional("note"),
    )
    _refer(line, "treatment", (row.treatment,), treatments)
    if not row.satisfied_by:
        line.fail("satisfied_by is empty")
    _refer(line, "satisfied_by", row.satisfied_by, measures.keys() | events.keys())
    if row.only_if:
        _refer(line, "only_if", (row.only_if,), events)
    return row


def _limit(
    line: _Line, sources: Mapping[str, Source], measures: Mapping[str, Measure], treatments: Collection[str]
) -> ActionLimit:
    row = ActionLimit(
        key=line.text("key"),
        measure=line.text("measure"),
        applies_to=line.text("applies_to"),
        kind=line.choice("kind", ("absolute", "relative-rise", "times-limit")),
        direction=line.choice("direction", ("below", "above")),
        limit=line.required_number("limit"),
        unit=line.text("unit"),
        within_days=line.whole("within_days"),
        from_age=line.required_whole("from_age"),
        consequence=line.choice("consequence", ("act", "interrupt")),
        caveat=line.optional("caveat"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    _refer(line, "measure", (row.measure,), measures)
    _refer(line, "applies_to", (row.applies_to,), treatments)
    expected = {"relative-rise": "%", "times-limit": "x"}.get(row.kind, measures[row.measure].unit)
    if row.unit != expected:
        line.fail(f"unit is {row.unit!r}, must be {expected!r}")
    return row


def _drug(line: _Line, sources: Mapping[str, Source]) -> Drug:
    equivalent = line.number("equivalent_mg_to_5")
    rxnorm, atc = line.optional("rxnorm"), line.optional("atc")
    sparing, acts_for = line.flag("sparing_agent"), line.whole("acts_for_days")
    drug = Drug(
        key=line.text("key"),
        label=line.text("label"),
        synonyms=line.many("synonyms"),
        classes=line.many("classes"),
        rxnorm=rxnorm,
        rxnorm_mark=line.mark("rxnorm_mark", "rxnorm_source", sources, needed=bool(rxnorm)),
        rxnorm_source=line.optional("rxnorm_source"),
        atc=atc,
        atc_mark=line.mark("atc_mark", None, sources, needed=bool(atc)),
        equivalent_mg_to_5=equivalent,
        factor_mark=line.mark("factor_mark", "factor_source", sources, needed=equivalent is not None),
        factor_source=line.optional("factor_source"),
        excluded_because=line.optional("excluded_because"),
        counts_as_active_treatment=line.flag("counts_as_active_treatment"),
        sparing_agent=sparing,
        sparing_mark=line.mark("sparing_mark", None, sources, needed=sparing),
        acts_for_days=acts_for,
        acts_for_mark=line.mark("acts_for_mark", None, sources, needed=acts_for is not None),
        note=line.optional("note"),
    )
    if not drug.classes:
        line.fail("classes is empty")
    _refer(line, "classes", drug.classes, DRUG_CLASSES)
    if drug.key != drug.key.lower():
        line.fail("key is the lower-case ingredient name")
    if equivalent is not None and not (equivalent > 0 and drug.is_glucocorticoid):
        line.fail("an equivalence is a positive number of milligrams of a glucocorticoid")
    if drug.is_glucocorticoid and (equivalent is None) == (not drug.excluded_because):
        line.fail("a glucocorticoid has either a sourced equivalence or a reason why it does not count")
    if sparing and not drug.counts_as_active_treatment:
        line.fail("a steroid-sparing agent counts as active treatment")
    return drug


def _event(line: _Line) -> EventKind:
    return EventKind(
        key=line.text("key"),
        label=line.text("label"),
        kind=line.choice("kind", ("symptom", "procedure", "screening", "condition", "exposure", "report")),
        red_flag=line.flag("red_flag"),
        snomed=line.optional("snomed"),
        origin=line.choice("origin", ("contract", "added")),
    )


def _diagnosis(line: _Line, sources: Mapping[str, Source]) -> Diagnosis:
    icd, snomed = line.many("icd10cm"), line.many("snomed")
    return Diagnosis(
        code=line.text("code"),
        label=line.text("label"),
        juvenile=line.flag("juvenile"),
        icd10cm=icd,
        icd10cm_mark=line.mark("icd10cm_mark", "source", sources, needed=bool(icd)),
        snomed=snomed,
        snomed_mark=line.mark("snomed_mark", "source", sources, needed=bool(snomed)),
        source=line.optional("source"),
        note=line.optional("note"),
    )


def _check_codes_are_unambiguous(diagnoses: Mapping[str, Diagnosis], drugs: Mapping[str, Drug]) -> None:
    """A code read from another system leads to one row only (RxNorm, ICD-10-CM and SNOMED CT)."""
    claimed: dict[tuple[str, str], str] = {}
    pairs = [(("icd10cm", code), row.code) for row in diagnoses.values() for code in row.icd10cm]
    pairs += [(("snomed", code), row.code) for row in diagnoses.values() for code in row.snomed]
    pairs += [(("rxnorm", row.rxnorm), row.key) for row in drugs.values() if row.rxnorm]
    for code, owner in pairs:
        if claimed.setdefault(code, owner) != owner:
            raise VocabularyError(f"{code[0]} {code[1]} appears twice: for {claimed[code]} and for {owner}")


def _antibody(line: _Line, sources: Mapping[str, Source]) -> Autoantibody:
    target = line.optional("target")
    return Autoantibody(
        code=line.text("code"),
        label=line.text("label"),
        synonyms=line.many("synonyms"),
        target=target,
        target_mark=line.mark("target_mark", None, sources, needed=bool(target)),
        group=line.choice("group", ("ASYS", "DM", "IMNM", "IBM", "MAA")),
        features=line.optional("features"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )


def _warning(line: _Line, sources: Mapping[str, Source], antibodies: Mapping[str, Autoantibody]) -> AntibodyWarning:
    row = AntibodyWarning(
        antibody=line.text("antibody"),
        warns_of=line.choice("warns_of", tuple(sorted(WARNS_OF))),
        says=line.text("says"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    _refer(line, "antibody", (row.antibody,), antibodies)
    return row


def _frequency(line: _Line) -> Frequency:
    every = line.whole("every_days")
    if every == 0:
        line.fail("every_days must be above 0")
    return Frequency(
        key=line.text("key"), label=line.text("label"), doses=line.positive_whole("doses"), every_days=every
    )


def _tapers(tables: _Tables, sources: Mapping[str, Source]) -> Mapping[str, TaperTemplate]:
    def parse_step(line: _Line) -> TaperStep:
        step = TaperStep(
            template=line.text("template"),
            from_dose=line.number("from_dose"),
            to_dose=line.required_number("to_dose"),
            step=line.required_number("step"),
            every_days=line.positive_whole("every_days"),
            mark=line.mark("mark", "source", sources, needed=True),
            source=line.optional("source"),
        )
        if step.step <= 0 or step.to_dose < 0 or (step.from_dose is not None and step.from_dose <= step.to_dose):
            line.fail("a taper step leads downwards")
        return step

    steps = _keyed(tables, "taper_steps.csv", parse_step, lambda step: (step.template, step.to_dose))

    def parse_template(line: _Line) -> TaperTemplate:
        key = line.text("key")
        own = tuple(step for step in steps.values() if step.template == key)
        if not own or own[0].from_dose is not None or own[-1].to_dose != 0:
            line.fail("the steps in taper_steps.csv must begin without an upper dose and end at 0")
        for above, below in pairwise(own):
            if below.from_dose != above.to_dose:
                line.fail(f"the step from {below.from_dose} does not begin where the one before ends")
        return TaperTemplate(
            key=key,
            label=line.text("label"),
            unit=line.choice("unit", ("mg", "mg/kg")),
            population=line.choice("population", ("adult", "juvenile")),
            start_from_day=line.required_whole("start_from_day"),
            start_by_day=line.required_whole("start_by_day"),
            mark=line.mark("mark", "source", sources, needed=True),
            source=line.optional("source"),
            note=line.optional("note"),
            steps=own,
        )

    templates = _keyed(tables, "taper_templates.csv", parse_template, lambda row: row.key)
    for step in steps.values():
        if step.template not in templates:
            raise VocabularyError(f"taper_steps.csv: {step.template!r} is not in taper_templates.csv")
    return templates


def _cmas_item(line: _Line, sources: Mapping[str, Source]) -> CmasItem:
    try:
        thresholds = tuple(int(seconds) for seconds in line.many("thresholds_seconds"))
    except ValueError:
        line.fail("thresholds_seconds must be whole seconds")
    item = CmasItem(
        number=line.required_whole("number"),
        label=line.text("label"),
        max=line.positive_whole("max"),
        timed=line.flag("timed"),
        thresholds_seconds=thresholds,
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    if len(thresholds) != (item.max if item.timed else 0) or list(thresholds) != sorted(set(thresholds)):
        line.fail("a timed item has one rising threshold per point, another item has none")
    return item


def _group(line: _Line, sources: Mapping[str, Source]) -> MuscleGroup:
    return MuscleGroup(
        number=line.required_whole("number"),
        key=line.text("key"),
        label=line.text("label"),
        region=line.choice("region", ("axial", "proximal", "distal")),
        paired=line.flag("paired"),
        in_mmt8=line.flag("in_mmt8"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )


def _check_instruments(
    measures: Mapping[str, Measure], items: Mapping[int, CmasItem], groups: Mapping[int, MuscleGroup]
) -> None:
    """The maximum of each strength instrument is what its items add up to (10 points a muscle test)."""
    sides = {group.number: 2 if group.paired else 1 for group in groups.values()}
    subset = [group.number for group in groups.values() if group.in_mmt8]
    totals = {
        "cmas": sum(item.max for item in items.values()),
        "mmt8": 10 * len(subset),
        "mmt8_bilateral": 10 * sum(sides[number] for number in subset),
        "mmt_total": 10 * sum(sides.values()),
    }
    for key, total in totals.items():
        if key in measures and measures[key].max_value != total:
            raise VocabularyError(
                f"measures.csv: the maximum of {key} is {measures[key].max_value}, its items sum to {total}"
            )
    if len({group.key for group in groups.values()}) != len(groups):
        raise VocabularyError("muscle_groups.csv: a key appears twice")


def _answer(line: _Line) -> Answer:
    kinds = line.many("kinds")
    _refer(line, "kinds", kinds, ("acknowledge", "outcome", "snooze", "decline"))
    if not kinds:
        line.fail("kinds is empty")
    return Answer(code=line.text("code"), label=line.text("label"), kinds=kinds)  # type: ignore[arg-type]  # checked

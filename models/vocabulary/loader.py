"""Reads the vocabulary tables from a directory and refuses them if anything does not fit.

Checked are: unknown or missing columns, wrong types, keys that appear twice, references between tables that lead
nowhere, and numbers that claim to have been read somewhere without naming a source. An error names file and line.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.vocabulary.loading.diseases import (
    check_codes_are_unambiguous,
    read_answer,
    read_antibody,
    read_diagnosis,
    read_event,
    read_warning,
)
from models.vocabulary.loading.lines import (
    OwnLine,
    Tables,
    VocabularyError,
    by_name,
    keyed,
    read_source,
    read_source_check,
)
from models.vocabulary.loading.measures import (
    check_canonical_units,
    check_instruments,
    read_cmas_item,
    read_measure,
    read_measure_code,
    read_measure_names,
    read_muscle_group,
    read_name_words,
    read_test,
    read_unit,
)
from models.vocabulary.loading.treatments import (
    check_monitoring_periods,
    read_drug,
    read_frequency,
    read_limit,
    read_monitoring,
    read_no_monitoring,
    read_screen,
    read_tapers,
)
from models.vocabulary.naming import unit_key
from models.vocabulary.rows import (
    ACTIVE_TREATMENT,
    ANY_DRUG,
    ANY_IMMUNOSUPPRESSANT,
    ANY_MONITORED,
    DRUG_CLASSES,
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
    Measure,
    MeasureCode,
    MeasureNames,
    MonitoringRow,
    MuscleGroup,
    NameWords,
    NoMonitoring,
    Screen,
    Source,
    SourceCheck,
    TaperTemplate,
    UnitRule,
)

TABLES_DIRECTORY = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All tables of one directory, checked against each other and read-only."""

    sources: Mapping[str, Source]
    source_checks: Mapping[str, SourceCheck]
    measures: Mapping[str, Measure]
    measure_codes: Mapping[tuple[str, str], MeasureCode]
    measure_names: Mapping[str, MeasureNames]
    name_words: Mapping[tuple[str, str], NameWords]
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


def load(
    directory: Path = TABLES_DIRECTORY, own: Collection[OwnLine] = (), retired: Mapping[str, str] | None = None
) -> Vocabulary:
    """Read and check all tables of a directory; raises :class:`VocabularyError` naming file, line and reason.

    `own` lines stand below those of the files and are checked like them. `retired` are measures that are known, so that
    old results can be read, and take no new ones, each with the reason.
    """
    tables = Tables(directory, tuple(own))
    sources = keyed(tables, "sources.csv", read_source, lambda row: row.id)
    codes = keyed(
        tables, "measure_codes.csv", lambda line: read_measure_code(line, sources), lambda row: (row.system, row.code)
    )
    measures = keyed(tables, "measures.csv", lambda line: read_measure(line, sources, codes), lambda row: row.key)
    for code in codes.values():
        if code.measure and code.measure not in measures:
            raise VocabularyError(f"measure_codes.csv: {code.code} names the unknown measure {code.measure!r}")
    families = {row.family for row in measures.values()}
    units = keyed(
        tables,
        "units.csv",
        lambda line: read_unit(line, sources, families | measures.keys()),
        lambda row: (row.applies_to, unit_key(row.unit)),
    )
    check_canonical_units(measures, units)
    events = keyed(tables, "events.csv", read_event, lambda row: row.key)
    tests = keyed(
        tables, "tests.csv", lambda line: read_test(line, sources, measures.keys() | events.keys()), lambda row: row.key
    )
    drugs = keyed(tables, "drugs.csv", lambda line: read_drug(line, sources), lambda row: row.key)
    treatments = drugs.keys() | DRUG_CLASSES
    monitoring = keyed(
        tables,
        "monitoring.csv",
        lambda line: read_monitoring(
            line, sources, tests, frozenset(treatments | {ACTIVE_TREATMENT}), events, measures
        ),
        lambda row: (row.profile, row.treatment, row.only_if, row.test, row.from_day),
    )
    check_monitoring_periods(monitoring.values())
    no_monitoring = keyed(
        tables,
        "no_monitoring.csv",
        lambda line: read_no_monitoring(line, sources, treatments),
        lambda row: row.treatment,
    )
    screening = keyed(
        tables,
        "screening.csv",
        lambda line: read_screen(line, sources, measures, events, treatments | {ANY_IMMUNOSUPPRESSANT}),
        lambda row: (row.treatment, row.screen),
    )
    limits = keyed(
        tables,
        "action_limits.csv",
        lambda line: read_limit(line, sources, measures, treatments | {ANY_MONITORED, ACTIVE_TREATMENT, ANY_DRUG}),
        lambda row: row.key,
    )
    antibodies = keyed(tables, "autoantibodies.csv", lambda line: read_antibody(line, sources), lambda row: row.code)
    warnings = keyed(
        tables,
        "antibody_warnings.csv",
        lambda line: read_warning(line, sources, antibodies),
        lambda row: (row.antibody, row.warns_of),
    )
    cmas_items = keyed(tables, "cmas_items.csv", lambda line: read_cmas_item(line, sources), lambda row: row.number)
    groups = keyed(tables, "muscle_groups.csv", lambda line: read_muscle_group(line, sources), lambda row: row.number)
    check_instruments(measures, cmas_items, groups)
    diagnoses = keyed(tables, "diagnoses.csv", lambda line: read_diagnosis(line, sources), lambda row: row.code)
    check_codes_are_unambiguous(diagnoses, drugs)
    return Vocabulary(
        sources=sources,
        source_checks=keyed(
            tables, "source_checks.csv", lambda line: read_source_check(line, sources), lambda row: row.source
        ),
        measures=measures,
        measure_codes=codes,
        measure_names=keyed(
            tables,
            "measure_names.csv",
            lambda line: read_measure_names(line, sources, measures),
            lambda row: row.measure,
        ),
        name_words=keyed(
            tables, "name_words.csv", lambda line: read_name_words(line, sources), lambda row: (row.means, row.what)
        ),
        units=units,
        tests=tests,
        monitoring=tuple(monitoring.values()),
        no_monitoring=no_monitoring,
        screening=tuple(screening.values()),
        action_limits=limits,
        drugs=drugs,
        drugs_by_name=by_name("drugs.csv", ((row, (row.key, row.label, *row.synonyms)) for row in drugs.values())),
        events=events,
        diagnoses=diagnoses,
        autoantibodies=antibodies,
        autoantibodies_by_name=by_name(
            "autoantibodies.csv", ((row, (row.code, row.label, *row.synonyms)) for row in antibodies.values())
        ),
        antibody_warnings=tuple(warnings.values()),
        frequencies=keyed(tables, "frequencies.csv", read_frequency, lambda row: row.key),
        taper_templates=read_tapers(tables, sources),
        cmas_items=cmas_items,
        muscle_groups=groups,
        answers=keyed(tables, "answers.csv", read_answer, lambda row: row.code),
        own=tables.own,
        retired=MappingProxyType(dict(retired or {})),
    )

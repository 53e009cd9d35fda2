"""Lines about what is measured: codes, measures, units, tests, and the items of strength instruments."""

from collections.abc import Collection, Mapping

from models.vocabulary.loading.lines import Line, VocabularyError, refer
from models.vocabulary.naming import unit_key
from models.vocabulary.rows import (
    CmasItem,
    LabTest,
    Measure,
    MeasureCode,
    MeasureNames,
    MuscleGroup,
    NameWords,
    Source,
    UnitRule,
)

FAMILIES_WITHOUT_UNIT = frozenset({"presence", "score", "vas"})


def read_measure_code(line: Line, sources: Mapping[str, Source]) -> MeasureCode:
    """A line of measure_codes.csv."""
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


def read_measure(line: Line, sources: Mapping[str, Source], codes: Mapping[tuple[str, str], MeasureCode]) -> Measure:
    """A line of measures.csv."""
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


NAME_WORDS = ("another-test", "another-specimen", "blood", "another-form")


def read_measure_names(line: Line, sources: Mapping[str, Source], measures: Collection[str]) -> MeasureNames:
    """A line of measure_names.csv."""
    names = MeasureNames(
        measure=line.choice("measure", measures),
        names=line.many("names"),
        beside_a_code=line.many("beside_a_code"),
        other_forms=frozenset(line.many("other_forms")),
        own_words=frozenset(line.many("own_words")),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    if both := names.other_forms & names.own_words:
        line.fail(f"{', '.join(sorted(both))} cannot be a word of its own and of another form")
    return names


def read_name_words(line: Line, sources: Mapping[str, Source]) -> NameWords:
    """A line of name_words.csv."""
    words = NameWords(
        means=line.choice("means", NAME_WORDS),
        what=line.text("what"),
        words=line.many("words"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    if not words.words:
        line.fail("words is empty")
    return words


def read_unit(line: Line, sources: Mapping[str, Source], targets: Collection[str]) -> UnitRule:
    """A line of units.csv."""
    rule = UnitRule(
        applies_to=line.text("applies_to"),
        unit=line.optional("unit"),
        factor=line.fraction("factor"),
        offset=line.fraction("offset"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    refer(line, "applies_to", (rule.applies_to,), targets)
    if rule.factor <= 0:
        line.fail("factor must be above 0")
    if not rule.unit and rule.applies_to not in FAMILIES_WITHOUT_UNIT:
        line.fail("only scores and presence results may come without a unit")
    return rule


def check_canonical_units(measures: Mapping[str, Measure], units: Mapping[tuple[str, str], UnitRule]) -> None:
    """Every measure accepts its own canonical unit unchanged."""
    for measure in measures.values():
        own = unit_key(measure.unit)
        rule = units.get((measure.key, own)) or units.get((measure.family, own))
        if rule is None or rule.factor != 1 or rule.offset != 0:
            raise VocabularyError(f"units.csv: {measure.key} does not accept its own unit {measure.unit!r} unchanged")


def read_test(line: Line, sources: Mapping[str, Source], facts: Collection[str]) -> LabTest:
    """A line of tests.csv."""
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
    refer(line, "measures", test.measures, facts)
    return test


def read_cmas_item(line: Line, sources: Mapping[str, Source]) -> CmasItem:
    """A line of cmas_items.csv."""
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


def read_muscle_group(line: Line, sources: Mapping[str, Source]) -> MuscleGroup:
    """A line of muscle_groups.csv."""
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


def check_instruments(
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

"""Lines about treatments: drugs, tapers, and what they ask for: tests, screening, limits to act on."""

from collections.abc import Collection, Mapping
from itertools import pairwise

from models.vocabulary.loading.lines import Line, Tables, VocabularyError, keyed, refer
from models.vocabulary.rows import (
    ADULT,
    CHILD,
    DRUG_CLASSES,
    ActionLimit,
    Drug,
    EventKind,
    Frequency,
    LabTest,
    Measure,
    MonitoringRow,
    NoMonitoring,
    Screen,
    Source,
    TaperStep,
    TaperTemplate,
)


def read_drug(line: Line, sources: Mapping[str, Source]) -> Drug:
    """A line of drugs.csv."""
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
    refer(line, "classes", drug.classes, DRUG_CLASSES)
    if drug.key != drug.key.lower():
        line.fail("key is the lower-case ingredient name")
    if equivalent is not None and not (equivalent > 0 and drug.is_glucocorticoid):
        line.fail("an equivalence is a positive number of milligrams of a glucocorticoid")
    if drug.is_glucocorticoid and (equivalent is None) == (not drug.excluded_because):
        line.fail("a glucocorticoid has either a sourced equivalence or a reason why it does not count")
    if sparing and not drug.counts_as_active_treatment:
        line.fail("a steroid-sparing agent counts as active treatment")
    return drug


def read_frequency(line: Line) -> Frequency:
    """A line of frequencies.csv."""
    every = line.whole("every_days")
    if every == 0:
        line.fail("every_days must be above 0")
    return Frequency(
        key=line.text("key"), label=line.text("label"), doses=line.positive_whole("doses"), every_days=every
    )


def read_tapers(tables: Tables, sources: Mapping[str, Source]) -> Mapping[str, TaperTemplate]:
    """The templates of taper_templates.csv with their steps from taper_steps.csv."""

    def parse_step(line: Line) -> TaperStep:
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

    steps = keyed(tables, "taper_steps.csv", parse_step, lambda step: (step.template, step.to_dose))

    def parse_template(line: Line) -> TaperTemplate:
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

    templates = keyed(tables, "taper_templates.csv", parse_template, lambda row: row.key)
    for step in steps.values():
        if step.template not in templates:
            raise VocabularyError(f"taper_steps.csv: {step.template!r} is not in taper_templates.csv")
    return templates


def read_monitoring(
    line: Line,
    sources: Mapping[str, Source],
    tests: Mapping[str, LabTest],
    treatments: frozenset[str],
    events: Mapping[str, EventKind],
    measures: Mapping[str, Measure],
) -> MonitoringRow:
    """A line of monitoring.csv."""
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
    refer(line, "treatment", (row.treatment,), treatments | events.keys())
    refer(line, "test", (row.test,), tests)
    if row.only_if:
        positive = {key for key, measure in measures.items() if measure.family == "presence"}
        refer(line, "only_if", (row.only_if,), {CHILD, ADULT} | events.keys() | positive)
    if row.to_day is not None and row.to_day < row.from_day:
        line.fail("to_day lies before from_day")
    if row.active and row.mark == "memory":
        line.fail("a number from memory is never active")
    return row


def check_monitoring_periods(rows: Collection[MonitoringRow]) -> None:
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


def read_no_monitoring(line: Line, sources: Mapping[str, Source], treatments: Collection[str]) -> NoMonitoring:
    """A line of no_monitoring.csv."""
    row = NoMonitoring(
        treatment=line.text("treatment"),
        because=line.text("because"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    refer(line, "treatment", (row.treatment,), treatments)
    return row


def read_screen(
    line: Line,
    sources: Mapping[str, Source],
    measures: Mapping[str, Measure],
    events: Mapping[str, EventKind],
    treatments: Collection[str],
) -> Screen:
    """A line of screening.csv."""
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
    refer(line, "treatment", (row.treatment,), treatments)
    if not row.satisfied_by:
        line.fail("satisfied_by is empty")
    refer(line, "satisfied_by", row.satisfied_by, measures.keys() | events.keys())
    if row.only_if:
        refer(line, "only_if", (row.only_if,), events)
    return row


def read_limit(
    line: Line, sources: Mapping[str, Source], measures: Mapping[str, Measure], treatments: Collection[str]
) -> ActionLimit:
    """A line of action_limits.csv."""
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
    refer(line, "measure", (row.measure,), measures)
    refer(line, "applies_to", (row.applies_to,), treatments)
    expected = {"relative-rise": "%", "times-limit": "x"}.get(row.kind, measures[row.measure].unit)
    if row.unit != expected:
        line.fail(f"unit is {row.unit!r}, must be {expected!r}")
    return row

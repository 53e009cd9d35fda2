"""Lines about what treatments ask for: laboratory tests, screening before the start, and limits to act on."""

from collections.abc import Collection, Mapping
from itertools import pairwise

from models.vocabulary.loading.lines import Line, VocabularyError, refer
from models.vocabulary.rows import (
    ADULT,
    CHILD,
    ActionLimit,
    EventKind,
    LabTest,
    Measure,
    MonitoringRow,
    NoMonitoring,
    Screen,
    Source,
)


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

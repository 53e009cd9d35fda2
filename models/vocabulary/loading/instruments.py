"""Lines about strength instruments: CMAS items and muscle groups, whose points must add up to the maximum."""

from collections.abc import Mapping

from models.vocabulary.loading.lines import Line, VocabularyError
from models.vocabulary.rows import (
    CmasItem,
    Measure,
    MuscleGroup,
    Source,
)


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

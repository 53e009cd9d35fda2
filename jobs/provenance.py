"""Where every number of the program comes from, who checked it, and when it is to be looked at again.

A number is a threshold of a rule, of the phenotype branch or of a suggestion, or a figure of the vocabulary's tables.
Its source and mark stand beside it; how a source was read, by whom and until when that holds is kept once for each
source (`source_checks.csv`). A number without a source rests on a choice of this program, on the specification, on
arithmetic or on memory, and these four have a check of their own: no number is without one.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from jobs.rule import all_rules
from jobs.thresholds import Adjustable, advice_sets
from models.vocabulary import (
    SourceCheck,
    action_limits,
    cmas_items,
    drugs,
    measures,
    monitoring,
    screening,
    source_checks,
    sources,
    taper_templates,
    vocabulary,
)

OF_A_MARK = {
    "default": "own-setting",
    "contract": "contract",
    "computed": "computed",
    "memory": "from-memory",
}
"""What a number rests on that names no source."""


class Number(NamedTuple):
    """One number: whose it is, its name, its value in words, how it is known, and the sources it rests on."""

    owner: str
    name: str
    value: str
    mark: str
    sources: tuple[str, ...]

    @property
    def checks(self) -> tuple[SourceCheck, ...]:
        """How its sources were looked at; those that nobody looked at are left out."""
        return tuple(check for one in self.sources if (check := source_checks().get(one)) is not None)

    @property
    def checked_by(self) -> str:
        """Who looked at its sources; `nobody` where no one did."""
        return "; ".join(dict.fromkeys(check.checked_by for check in self.checks)) or "nobody"

    @property
    def next_review(self) -> dt.date | None:
        """When the first of its sources is to be looked at again; None where nobody ever looked."""
        return min((check.next_review for check in self.checks), default=None)


@dataclass(frozen=True)
class Due:
    """A source that is to be looked at again, and the numbers that rest on it; `check` None: nobody ever looked."""

    source: str
    check: SourceCheck | None
    numbers: tuple[Number, ...]


def sources_of(mark: str, said: str) -> tuple[str, ...]:
    """The ids of the sources that a number's text names, and what its mark rests on where it is our own."""
    named = [
        one for one in re.findall(r"[A-Za-z0-9-]+", re.sub(r"\bseed (?=\d{3}\b)", "seed-", said)) if one in sources()
    ]
    own = [OF_A_MARK[mark]] if mark in OF_A_MARK else []
    return tuple(dict.fromkeys((*named, *own)))


@lru_cache(maxsize=1)
def all_numbers() -> tuple[Number, ...]:
    """Every number of the program: thresholds first, then the tables."""
    return (*_thresholds(), *_tables())


def resting_on(source: str) -> tuple[Number, ...]:
    """The numbers that rest on a source."""
    return tuple(one for one in all_numbers() if source in one.sources)


def due_for_review(day: dt.date) -> tuple[Due, ...]:
    """The sources to be looked at again on a day, the longest due first; a source no number rests on is left out."""
    found = []
    for source in sources():
        check = source_checks().get(source)
        numbers = resting_on(source)
        if numbers and (check is None or check.next_review <= day):
            found.append(Due(source, check, numbers))
    return tuple(
        sorted(found, key=lambda one: (one.check.next_review if one.check else dt.date.min, -len(one.numbers)))
    )


def _thresholds() -> Iterator[Number]:
    owners: tuple[Adjustable, ...] = (*all_rules(), *advice_sets())
    for owner in owners:
        for field in owner.parameter_fields():
            meta = field.metadata
            value = f"{field.default} {meta['unit']}"
            yield Number(owner.key, field.name, value, meta["mark"], sources_of(meta["mark"], meta["source"]))


def _tables() -> Iterator[Number]:
    for row in monitoring():
        value = f"every {row.interval_days} days"
        yield _of_table("monitoring", f"{row.treatment}: {row.test}", value, row.mark, row.source)
    for screen in screening():
        name = f"{screen.treatment}: {screen.screen}"
        yield _of_table("screening", name, f"within {screen.within_days} days", screen.mark, screen.source)
        if screen.valid_for_days is not None:
            value = f"valid for {screen.valid_for_days} days"
            source = screen.source if screen.validity_mark in ("seen", "seed") else ""
            yield _of_table("screening", name, value, screen.validity_mark, source)
    for limit in action_limits().values():
        yield _of_table("action limits", limit.key, f"{limit.limit} {limit.unit}", limit.mark, limit.source)
    for unit in vocabulary().units.values():
        yield _of_table("units", f"{unit.applies_to}: {unit.unit}", f"x {unit.factor}", unit.mark, unit.source)
    for measure in measures().values():
        if measure.max_value is not None:
            value = f"at most {measure.max_value:g}"
            yield _of_table("measures", measure.key, value, measure.range_mark, measure.range_source)
    for drug in drugs().values():
        if drug.equivalent_mg_to_5 is not None:
            value = f"{drug.equivalent_mg_to_5:g} mg for 5 mg of prednisone"
            yield _of_table("drugs", drug.key, value, drug.factor_mark, drug.factor_source)
        if drug.acts_for_days is not None:
            yield _of_table("drugs", drug.key, f"acts for {drug.acts_for_days} days", drug.acts_for_mark, "")
    for template in taper_templates().values():
        value = f"from day {template.start_from_day} to {template.start_by_day}"
        yield _of_table("taper templates", template.key, value, template.mark, template.source)
        for step in template.steps:
            value = f"minus {step.step:g} to {step.to_dose:g} every {step.every_days} days"
            yield _of_table("taper templates", template.key, value, step.mark, step.source)
    for item in cmas_items().values():
        yield _of_table("CMAS items", item.label, f"at most {item.max}", item.mark, item.source)


def _of_table(table: str, name: str, value: str, mark: str, source: str) -> Number:
    return Number(f"table {table}", name, value, mark, sources_of(mark, source))

"""Published definitions of worsening, which the total improvement score cannot show.

``PRODERM``: confirmed deterioration of the ProDERM trial, doi:10.1186/s13075-023-03232-2, figure 1 (read). Compared
with baseline, at two consecutive visits, any of: (a) physician global worse by 2 cm or more and strength worse by 20
% or more; (b) extramuscular global worse by 2 cm or more; (c) three or more of five core set measures, enzymes
excluded, worse by 30 % or more. Leaving out the enzymes avoids alarms from CK alone, so this is the default.

``IMACS``: the consensus definition, Oddis 2005, doi:10.1002/art.21291, at a single visit and with six measures in
(c). Its text could not be read: all of it is [memory].

Percentages are relative to the baseline value [memory]. From a baseline of 0 no percentage exists: such a measure
counts as worse when it changed by more than 10 % of its range [proposal]. The trial's figure does not say that the
two visits must meet the same limb, so any limb counts at each; the answer names the limbs of each visit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from jobs.scores.core_set import (
    ENZYME_RANGE_IN_UPPER_LIMITS,
    SCALE_RANGES,
    CoreSet,
    differing_instruments,
    follow_enzyme,
    read_core_set,
)
from jobs.scores.exact import ScoreInputError

GLOBAL_AND_STRENGTH: Final = "a"
EXTRAMUSCULAR: Final = "b"
CORE_SET: Final = "c"
LIMBS: Final = (GLOBAL_AND_STRENGTH, EXTRAMUSCULAR, CORE_SET)


@dataclass(frozen=True)
class WorseningDefinition:
    """The numbers of a definition, all of which may be set otherwise: steps in cm of a 10-cm scale, per cent 0-100."""

    key: str
    title: str
    source: str
    mark: str
    core_measures: tuple[str, ...]
    consecutive_visits: int
    global_step: Fraction = Fraction(2)
    strength_percent: Fraction = Fraction(20)
    extramuscular_step: Fraction = Fraction(2)
    core_percent: Fraction = Fraction(30)
    core_count: int = 3
    percent_of_range_from_zero: Fraction = Fraction(10)

    def __post_init__(self) -> None:
        if self.consecutive_visits < 1:
            raise ScoreInputError("consecutive_visits", "is below 1")
        if not 1 <= self.core_count <= len(self.core_measures):
            raise ScoreInputError("core_count", f"is not between 1 and {len(self.core_measures)}")


PRODERM: Final = WorseningDefinition(
    key="proderm",
    title="Confirmed deterioration (ProDERM)",
    source="doi:10.1186/s13075-023-03232-2, figure 1",
    mark="seen",
    core_measures=("physician_global", "patient_global", "strength", "haq", "extramuscular_global"),
    consecutive_visits=2,
)

IMACS: Final = WorseningDefinition(
    key="imacs",
    title="Definition of worsening (IMACS consensus)",
    source="doi:10.1002/art.21291",
    mark="memory",
    core_measures=(*PRODERM.core_measures, "enzyme"),
    consecutive_visits=1,
)


DEFINITIONS: Final[Mapping[str, WorseningDefinition]] = {PRODERM.key: PRODERM, IMACS.key: IMACS}


@dataclass(frozen=True)
class VisitWorsening:
    """One visit against the baseline. ``worse`` and each limb: True, False, or None where a missing value decides."""

    visit_on: date
    worse: bool | None
    limbs: Mapping[str, bool | None]
    worse_measures: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Worsening:
    """The answer over all visits.

    ``state``: ``confirmed`` (as many consecutive visits as the definition asks for are worse),
    ``awaiting_confirmation`` (the latest visit is worse, the one needed beside it is not there), ``cannot_tell``
    (missing values decide, or there is no visit), ``not_met``. ``since`` is the first visit of the confirming or
    awaiting run, ``confirmed_on`` its last required visit; ``limbs`` are those met in that run. ``missing`` are the
    measures without which nothing is decided.
    """

    definition: str
    state: str
    since: date | None
    confirmed_on: date | None
    limbs: tuple[str, ...]
    missing: tuple[str, ...]
    visits: tuple[VisitWorsening, ...]


def confirmed_deterioration(
    baseline: Mapping[str, object],
    visits: Sequence[Mapping[str, object]],
    definition: WorseningDefinition = PRODERM,
) -> Worsening:
    """Judge the visits after a baseline.

    ``baseline`` and each of ``visits`` have the contract's shape V (as for `score tis`); visits also a ``date``
    (YYYY-MM-DD or a date). Raises ScoreInputError for values outside their scale, a visit without a date or not after
    the baseline's, and two visits on one day.
    """
    reference = read_core_set(baseline, "baseline")
    baseline_on = _day(baseline["date"], "baseline.date") if baseline.get("date") is not None else None
    dated: dict[date, CoreSet] = {}
    for position, visit in enumerate(visits):
        name = f"visits.{position}"
        core_set = read_core_set(visit, name)
        day = _day(visit.get("date"), f"{name}.date")
        if day in dated:
            raise ScoreInputError(f"{name}.date", f"{day} is given twice")
        if baseline_on is not None and day <= baseline_on:
            raise ScoreInputError(f"{name}.date", f"{day} is not after the baseline of {baseline_on}")
        dated[day] = core_set
    judged = tuple(judge(day, reference, dated[day], definition) for day in sorted(dated))
    return _combine(judged, definition)


def judge_document(document: object) -> dict[str, Any]:
    """`score worsening`: the answer of `confirmed_deterioration` as data, dates as `YYYY-MM-DD`.

    In: ``{"definition": "proderm" | "imacs", "baseline": V, "visits": [V with "date", ...]}``; the definition may be
    absent. Raises ScoreInputError for anything else.
    """
    if not isinstance(document, Mapping):
        raise ScoreInputError("document", "is not an object")
    key = document.get("definition", PRODERM.key)
    if key not in DEFINITIONS:
        raise ScoreInputError("definition", f"{key!r} is not one of {', '.join(DEFINITIONS)}")
    baseline, visits = document.get("baseline"), document.get("visits")
    if not isinstance(baseline, Mapping):
        raise ScoreInputError("baseline", "is not an object")
    if not isinstance(visits, list) or not all(isinstance(visit, Mapping) for visit in visits):
        raise ScoreInputError("visits", "is not a list of objects")
    definition = DEFINITIONS[key]
    found = confirmed_deterioration(baseline, visits, definition)
    return {
        **{name: _plain(value) for name, value in vars(found).items() if name != "visits"},
        "visits": [{name: _plain(value) for name, value in vars(visit).items()} for visit in found.visits],
        "mark": definition.mark,
        "source": definition.source,
    }


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _day(value: object, name: str) -> date:
    if isinstance(value, datetime):
        raise ScoreInputError(name, "is an instant; a clinical date is needed")
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # said below, together with everything else that is no date
    raise ScoreInputError(name, f"{value!r} is not a date (YYYY-MM-DD)")


def judge(day: date, baseline: CoreSet, visit: CoreSet, definition: WorseningDefinition) -> VisitWorsening:
    """One visit against a baseline, both as read by `read_core_set` or known to be within their scales."""
    changes, problems = _changes(baseline, visit)
    worse: dict[str, bool | None] = {}
    for measure in definition.core_measures:
        change = changes[measure]
        worse[measure] = None if change is None else change.worse_by(definition.core_percent, definition)
    limb_c = _at_least(definition.core_count, list(worse.values()))

    physician, strength, extramuscular = (
        changes["physician_global"], changes["strength"], changes["extramuscular_global"],
    )  # fmt: skip
    limbs = {
        GLOBAL_AND_STRENGTH: _both(
            None if physician is None else physician.worse_units >= definition.global_step,
            None if strength is None else strength.worse_by(definition.strength_percent, definition),
        ),
        EXTRAMUSCULAR: None if extramuscular is None else extramuscular.worse_units >= definition.extramuscular_step,
        CORE_SET: limb_c,
    }
    needed = dict.fromkeys((*definition.core_measures, "physician_global", "strength", "extramuscular_global"))
    return VisitWorsening(
        visit_on=day,
        worse=_any(list(limbs.values())),
        limbs=limbs,
        worse_measures=tuple(measure for measure, is_worse in worse.items() if is_worse),
        missing=tuple(measure for measure in needed if changes[measure] is None),
        problems=problems,
    )


@dataclass(frozen=True)
class _Change:
    """A measure's baseline, by how many units it became worse (negative: better), and the width of its range."""

    baseline: Fraction
    worse_units: Fraction
    width: int

    def worse_by(self, percent: Fraction, definition: WorseningDefinition) -> bool:
        if self.baseline == 0:
            return 100 * self.worse_units > definition.percent_of_range_from_zero * self.width
        return 100 * self.worse_units >= percent * self.baseline


def _changes(baseline: CoreSet, visit: CoreSet) -> tuple[dict[str, _Change | None], tuple[str, ...]]:
    changes: dict[str, _Change | None] = dict.fromkeys((*SCALE_RANGES, "strength", "enzyme"))
    for measure, width in SCALE_RANGES.items():
        if measure in baseline.scales and measure in visit.scales:
            before = baseline.scales[measure]
            changes[measure] = _Change(before, visit.scales[measure] - before, width)
    problems = [*baseline.remarks, *visit.remarks]
    mismatch = differing_instruments(baseline, visit)
    if mismatch:
        problems.append(mismatch)
    elif baseline.strength is not None and visit.strength is not None:
        changes["strength"] = _Change(
            baseline.strength.score, baseline.strength.score - visit.strength.score, baseline.strength.maximum
        )
    enzyme = follow_enzyme(baseline, visit)
    problems.extend(enzyme.problems)
    if enzyme.enzyme is not None and enzyme.baseline is not None and enzyme.follow_up is not None:
        width = ENZYME_RANGE_IN_UPPER_LIMITS[enzyme.enzyme]
        changes["enzyme"] = _Change(enzyme.baseline, enzyme.follow_up - enzyme.baseline, width)
    return changes, tuple(problems)


def _both(first: bool | None, second: bool | None) -> bool | None:
    """Three-valued "and": a No decides even beside an unknown."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _any(answers: Sequence[bool | None]) -> bool | None:
    """Three-valued "or": a Yes decides even beside an unknown."""
    return _at_least(1, answers)


def _at_least(count: int, answers: Sequence[bool | None]) -> bool | None:
    certain = sum(1 for answer in answers if answer)
    unknown = sum(1 for answer in answers if answer is None)
    if certain >= count:
        return True
    return None if certain + unknown >= count else False


def _combine(visits: tuple[VisitWorsening, ...], definition: WorseningDefinition) -> Worsening:
    needed = definition.consecutive_visits
    runs = [visits[start : start + needed] for start in range(len(visits) - needed + 1)]

    def answer(state: str, run: Sequence[VisitWorsening], *, confirmed: bool = False) -> Worsening:
        met = [limb for limb in LIMBS if any(visit.limbs[limb] for visit in run)]
        undecided = [visit for visit in visits if visit.worse is None]
        return Worsening(
            definition=definition.key,
            state=state,
            since=run[0].visit_on if run else None,
            confirmed_on=run[-1].visit_on if confirmed else None,
            limbs=tuple(met),
            missing=tuple(dict.fromkeys(measure for visit in undecided for measure in visit.missing)),
            visits=visits,
        )

    for run in runs:
        if all(visit.worse for visit in run):
            return answer("confirmed", run, confirmed=True)
    if visits and visits[-1].worse:
        first = len(visits)
        while first > 0 and visits[first - 1].worse:
            first -= 1
        return answer("awaiting_confirmation", visits[first:])
    undecided_run = any(all(visit.worse is not False for visit in run) for run in runs)
    if not visits or visits[-1].worse is None or undecided_run:
        return answer("cannot_tell", ())
    return answer("not_met", ())

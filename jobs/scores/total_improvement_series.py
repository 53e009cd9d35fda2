"""The total improvement score along a patient's visits, against one frozen baseline visit.

Kept apart from the calculator so that the calculator starts without pandas. Source and marks: see
jobs.scores.total_improvement. The window within which a value belongs to a visit (14 days) is ours [proposal].

Freezing matters twice: the score against "the previous visit" is a different quantity, and so is the score after a
change of instrument. The strength instrument and the function questionnaire are therefore those of the baseline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

import pandas as pd

from jobs.scores.core_set import ENZYME_RANGE_IN_UPPER_LIMITS, INSTRUMENT_MAXIMA, read_core_set
from jobs.scores.exact import ScoreInputError
from jobs.scores.total_improvement import THRESHOLDS, total_improvement_score

COLUMNS: Final = (
    "visit_on", "tis", "category", "bounds_low", "bounds_high", "enzyme", "instrument", "missing", "problems", "parts",
)  # fmt: skip

# Where several instruments were used on the same day, the one with the finer scale for the age is followed [default].
_INSTRUMENT_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "adult": ("mmt_total", "mmt8_bilateral", "mmt8", "cmas"),
    "juvenile": ("cmas", "mmt8_bilateral", "mmt8", "mmt_total"),
}
_FUNCTION_ORDER: Final[Mapping[str, tuple[str, ...]]] = {"adult": ("haq", "chaq"), "juvenile": ("chaq", "haq")}
_GLOBALS: Final = ("physician_global", "patient_global", "extramuscular_global")

CORE_MEASURES: Final = (*_GLOBALS, *INSTRUMENT_MAXIMA, *ENZYME_RANGE_IN_UPPER_LIMITS, "haq", "chaq")
"""The measures a series reads: `tis_series(frames.observations(*CORE_MEASURES), ...)`."""


class _Nearest(NamedTuple):
    """The value of a measure that belongs to a visit, and by how many days it was taken beside it."""

    away: int
    value: Any
    comparator: str
    upper_limit: Any


_VisitValues = dict[str, _Nearest]


@dataclass(frozen=True)
class DatedVisit:
    """What was measured at one visit, in the contract's shape V, and a sentence for every value left out of it."""

    on: date
    document: dict[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class VisitSeries:
    """A baseline and the visits after it, oldest first, all with the baseline's instrument and questionnaire."""

    baseline: DatedVisit
    visits: tuple[DatedVisit, ...]
    instrument: str | None


def visit_series(
    observations: pd.DataFrame,
    *,
    disease_class: str,
    baseline_on: date,
    visits_on: Sequence[date] | None = None,
    window_days: int = 14,
    instrument: str | None = None,
) -> VisitSeries:
    """The core set of the baseline and of every visit after it, for the total improvement score and for worsening.

    ``observations``: the valid facts of one patient as `Frames.observations` gives them: ``measure``, ``value``,
    ``day``, ``upper_limit`` (enzymes) and ``comparator`` (may be absent, as ``patient_id`` may); other measures are
    ignored. ``visits_on``: the visit days; by default those of `visit_days`.

    Every value belongs to the visit nearest to it (the earlier of two equally near) within ``window_days``, and to no
    other: nothing is carried forward, and a value of the baseline is never also that of a follow-up. A value outside
    its scale is left out and named in ``problems``; an enzyme reported as below or above a number counts as that number
    and is named too. Raises ScoreInputError for an unknown class or instrument, and for facts of more than one patient.
    """
    if disease_class not in THRESHOLDS:
        raise ScoreInputError("class", f"{disease_class!r} is not one of {', '.join(THRESHOLDS)}")
    if instrument is not None and instrument not in INSTRUMENT_MAXIMA:
        raise ScoreInputError("instrument", f"{instrument!r} is not one of {', '.join(INSTRUMENT_MAXIMA)}")
    if window_days < 0:
        raise ScoreInputError("window_days", f"{window_days} is negative")

    facts = _core_facts(observations)
    visits = sorted(set(visits_on)) if visits_on is not None else _visit_days(facts, baseline_on, window_days)
    visits = [day for day in visits if day > baseline_on]
    values = _values_by_visit(facts, [baseline_on, *visits], window_days)

    at_baseline = values[baseline_on]
    followed = instrument or _frozen(at_baseline, _INSTRUMENT_ORDER[disease_class])
    questionnaire = _frozen(at_baseline, _FUNCTION_ORDER[disease_class])

    def visit(day: date, name: str) -> DatedVisit:
        document, problems = _visit_document(values[day], followed, questionnaire, name)
        return DatedVisit(day, document, tuple(problems))

    return VisitSeries(visit(baseline_on, "baseline"), tuple(visit(day, "follow_up") for day in visits), followed)


def tis_series(
    observations: pd.DataFrame,
    *,
    disease_class: str,
    baseline_on: date,
    visits_on: Sequence[date] | None = None,
    window_days: int = 14,
    instrument: str | None = None,
    newest: int | None = None,
) -> pd.DataFrame:
    """Scores of all visits after the baseline (or of the ``newest`` so many), oldest first.

    Arguments and errors as `visit_series`. Returns one row a visit with COLUMNS: ``tis`` and ``category`` None where
    undecided, ``missing`` and ``problems`` tuples, ``parts`` the points of each measure (None where not known).
    """
    series = visit_series(
        observations,
        disease_class=disease_class,
        baseline_on=baseline_on,
        visits_on=visits_on,
        window_days=window_days,
        instrument=instrument,
    )
    return scored(series, disease_class, newest=newest)


def scored(series: VisitSeries, disease_class: str, *, newest: int | None = None) -> pd.DataFrame:
    """The total improvement score of each visit (or of the ``newest`` so many) of a series: see `tis_series`."""
    rows: list[dict[str, Any]] = []
    for visit in series.visits if newest is None else series.visits[-newest:]:
        score = total_improvement_score(
            {"class": disease_class, "baseline": series.baseline.document, "follow_up": visit.document}
        )
        rows.append(
            {
                "visit_on": visit.on,
                "tis": score["tis"],
                "category": score["category"],
                "bounds_low": score["bounds"][0],
                "bounds_high": score["bounds"][1],
                "enzyme": score["enzyme"],
                "instrument": series.instrument,
                "missing": tuple(score["missing"]),
                "problems": (*series.baseline.problems, *visit.problems, *score["problems"]),
                "parts": score["parts"],
            }
        )
    # Object columns: an undecided score stays None instead of turning into NaN beside numbers.
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def visit_days(observations: pd.DataFrame, *, window_days: int = 14) -> list[date]:
    """The days that count as visits: those with a physician global, and strength scores further away than the window.

    Oldest first. The first with a physician global is the usual baseline.
    """
    facts = _core_facts(observations)
    seen = sorted(set(facts.loc[facts["measure"] == "physician_global", "day"]))
    tested = sorted(set(facts.loc[facts["measure"].isin(list(INSTRUMENT_MAXIMA)), "day"]))
    first = (seen or tested)[:1]
    return _visit_days(facts, first[0], window_days) if first else []


def _core_facts(observations: pd.DataFrame) -> pd.DataFrame:
    """The rows that are core set measures, ``day`` as plain dates, oldest first and otherwise in the order given."""
    if "patient_id" in observations and observations["patient_id"].nunique() > 1:
        raise ScoreInputError("observations", "are of more than one patient")
    facts = observations.loc[observations["measure"].isin(list(CORE_MEASURES)) & observations["value"].notna()].copy()
    facts["day"] = pd.to_datetime(facts["day"]).dt.date
    if "comparator" not in facts:
        facts["comparator"] = ""
    return facts.sort_values("day", kind="stable")


def _visit_days(facts: pd.DataFrame, baseline_on: date, window_days: int) -> list[date]:
    seen = set(facts.loc[facts["measure"] == "physician_global", "day"]) | {baseline_on}
    tested = set(facts.loc[facts["measure"].isin(list(INSTRUMENT_MAXIMA)), "day"])
    alone = {day for day in tested if all(abs((day - other).days) > window_days for other in seen)}
    return sorted(seen | alone)


def _values_by_visit(facts: pd.DataFrame, visits: Sequence[date], window_days: int) -> dict[date, _VisitValues]:
    """For each visit and measure the nearest value; the later of two equally near."""
    chosen: dict[date, _VisitValues] = {day: {} for day in visits}
    columns = (facts[name] for name in ("measure", "value", "comparator", "upper_limit", "day"))
    for measure, value, comparator, upper_limit, day in zip(*columns, strict=True):
        away, visit = min((abs((day - visit).days), visit) for visit in visits)
        known = chosen[visit].get(measure)
        if away <= window_days and (known is None or away <= known.away):
            limit = None if pd.isna(upper_limit) else upper_limit
            chosen[visit][measure] = _Nearest(away, value, comparator or "", limit)
    return chosen


def _frozen(at_baseline: _VisitValues, order: Sequence[str]) -> str | None:
    """Of the given measures the one taken nearest to the baseline day; ``order`` decides between equals."""
    taken = [measure for measure in order if measure in at_baseline]
    return min(taken, key=lambda measure: (at_baseline[measure].away, order.index(measure))) if taken else None


def _visit_document(
    values: _VisitValues, instrument: str | None, questionnaire: str | None, visit: str
) -> tuple[dict[str, Any], list[str]]:
    """The contract's document of one visit, and a sentence for every value that had to be left out."""
    candidates: list[dict[str, Any]] = [{name: values[name].value} for name in _GLOBALS if name in values]
    if questionnaire is not None and questionnaire in values:
        candidates.append({"haq": values[questionnaire].value})
    if instrument is not None and instrument in values:
        candidates.append({"strength": {"instrument": instrument, "score": values[instrument].value}})
    candidates.extend(
        {"enzymes": {enzyme: {"value": values[enzyme].value, "upper_limit": values[enzyme].upper_limit}}}
        for enzyme in ENZYME_RANGE_IN_UPPER_LIMITS
        if enzyme in values
    )

    document: dict[str, Any] = {"enzymes": {}}
    problems = [
        f"{visit}: {enzyme} was reported as {values[enzyme].comparator} {values[enzyme].value:g}; the number was used."
        for enzyme in ENZYME_RANGE_IN_UPPER_LIMITS
        if enzyme in values and values[enzyme].comparator
    ]
    for candidate in candidates:
        try:
            read_core_set(candidate, visit)
        except ScoreInputError as error:
            problems.append(f"{error}; the value was left out.")
            continue
        if "enzymes" in candidate:
            document["enzymes"].update(candidate["enzymes"])
        else:
            document.update(candidate)
    others = sorted(name for name in INSTRUMENT_MAXIMA if name in values and name != instrument)
    if instrument is not None and instrument not in values and others:
        problems.append(
            f"{visit}: strength was measured with {', '.join(others)}, the baseline with {instrument}; "
            "scores of different instruments are never compared."
        )
    return document, problems

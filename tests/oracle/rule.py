"""What a rule file must declare, and the shape of what it answers.

A rule is one clinical question: a pure function over data frames with a date, in one file, together with its
thresholds, sources and explanation. It answers with an assessment for every patient and subject it looked at, in
one of three states: `met`, `not_met`, `cannot_tell`. Silence is never recovery: when the facts a rule needs are
missing or too old it says `cannot_tell`, and an open alert stays open.
"""

import dataclasses
import datetime as dt
import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from models.frames import Frames

MET, NOT_MET, CANNOT_TELL = "met", "not_met", "cannot_tell"
POSSIBLE, CONFIRMED, CORROBORATED = "possible", "confirmed", "corroborated"
URGENT, ACTION, WATCH = "urgent", "action", "watch"
SEVERITY_ORDER: Mapping[str | None, int] = MappingProxyType({URGENT: 3, ACTION: 2, WATCH: 1, None: 0})
GRADE_ORDER: Mapping[str | None, int] = MappingProxyType({CORROBORATED: 3, CONFIRMED: 2, POSSIBLE: 1, None: 0})
STATUSES = ("draft", "shadow", "active", "retired")

COLUMNS = (
    "patient_id",
    "subject",
    "state",
    "grade",
    "severity",
    "since",
    "due",
    "recheck_on",
    "evidence",
    "cannot_tell_because",
)
"""Columns every assessment frame has. `since`, `due`, `recheck_on` are datetime64; `evidence` a tuple of fact ids
such as `("o17", "m4", "e2")` (observation, medication statement, event); the rule's own columns follow."""


@dataclass(frozen=True)
class Source:
    """Where a rule or a number comes from, and how well that was checked."""

    title: str
    year: int | None
    where: str
    mark: Literal["seen", "seed", "memory", "default", "contract"] = "seen"
    says: str = ""


def parameter(
    default: Any,
    *,
    unit: str,
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    source: str = "",
    mark: Literal["seen", "seed", "memory", "default", "contract"] = "default",
) -> Any:
    """A field of a rule's `Parameters`: default, unit, allowed range, meaning in words, source and mark."""
    return field(
        default=default,
        metadata={
            "unit": unit,
            "meaning": meaning,
            "low": low,
            "high": high,
            "choices": tuple(choices),
            "source": source,
            "mark": mark,
        },
    )


@dataclass(frozen=True)
class NoParameters:
    """For a rule without thresholds."""


@dataclass(frozen=True)
class Example:
    """A worked example that is a test of the rule and is printed on the Rules page.

    `facts` rows are written as in the CSV folder format, with `day` (offset in days from the day asked about) in
    place of a date: `{"measure": "cmas", "value": 27, "day": -14}`; medications use `start` and `end` offsets.
    """

    title: str
    observations: Sequence[Mapping[str, Any]] = ()
    medications: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    patient: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)


class Evaluate(Protocol):
    """The pure function at the heart of a rule file."""

    def __call__(self, frames: Frames, as_of: dt.date, parameters: Any) -> pd.DataFrame:
        """Assess every patient of `frames.patients` on the clinic day `as_of`."""
        ...


@dataclass(frozen=True)
class Rule:
    """One clinical question with everything a clinician needs to judge it."""

    key: str
    title: str
    question: str
    why_it_matters: str
    evaluate: Evaluate
    explain: Callable[[Mapping[str, Any], Any], str]
    reads: tuple[str, ...]
    sources: tuple[Source, ...]
    known_false_alarms: tuple[str, ...]
    clears_when: str
    suggested_action: Callable[[Mapping[str, Any], Any], str]
    parameters: type = NoParameters
    worse: Callable[[Mapping[str, Any], Mapping[str, Any], Any], str | None] | None = None
    subject: str = "patient"
    status: str = "active"
    version: str = "1.0.0"
    changed: str = ""
    author: str = "Myopanel"
    audience: tuple[str, ...] = ("nurse", "physician")
    topic: str = ""
    covers: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    limitations: str = ""
    catalogue: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def defaults(self) -> Any:
        """The parameters as shipped."""
        return self.parameters()

    def parameter_fields(self) -> tuple[dataclasses.Field[Any], ...]:
        """The declared parameters, with unit, range, meaning, source and mark in `.metadata`."""
        return dataclasses.fields(self.parameters)


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every rule of `jobs/rules`, found by folder, in an order in which each follows the rules it reads."""
    import tests.oracle.rules

    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(tests.oracle.rules.__path__):
        rule = getattr(importlib.import_module(f"tests.oracle.rules.{module.name}"), "RULE", None)
        if not isinstance(rule, Rule):
            raise TypeError(f"jobs/rules/{module.name}.py declares no RULE")
        if rule.key in found:
            raise ValueError(f"two rules are called {rule.key}")
        found[rule.key] = rule
    ordered: dict[str, Rule] = {}

    def place(rule: Rule, path: tuple[str, ...]) -> None:
        if rule.key in path:
            raise ValueError("rules read each other in a circle: " + " -> ".join((*path, rule.key)))
        for key in rule.after:
            place(found[key], (*path, rule.key))
        ordered.setdefault(rule.key, rule)

    for key in sorted(found):
        place(found[key], ())
    return tuple(ordered.values())


def rule(key: str) -> Rule:
    """The rule of that key.

    Raises:
        KeyError: no such rule.
    """
    for candidate in all_rules():
        if candidate.key == key:
            return candidate
    raise KeyError(key)


def choose(condition: Any, then: Any, otherwise: Any = None) -> np.ndarray:
    """`then` where the condition holds, else `otherwise`, as an object array (None stays None)."""
    mask = np.asarray(condition, dtype=bool)
    out = np.empty(len(mask), dtype=object)
    out[:] = otherwise if isinstance(otherwise, np.ndarray) else [otherwise] * len(mask)
    out[mask] = then[mask] if isinstance(then, np.ndarray) else then
    return out


def empty() -> pd.DataFrame:
    """An assessment frame without rows."""
    return assessments(patient_id=np.array([], dtype="int64"), subject="", state=NOT_MET)


def assessments(
    *,
    patient_id: Any,
    subject: Any,
    state: Any,
    grade: Any = None,
    severity: Any = None,
    since: Any = None,
    due: Any = None,
    recheck_on: Any = None,
    evidence: Any = None,
    cannot_tell_because: Any = None,
    **own: Any,
) -> pd.DataFrame:
    """Put an assessment frame together; scalars are spread over the rows, dates become datetime64[s]."""
    identifiers = np.asarray(patient_id, dtype="int64")
    count = len(identifiers)

    def text(value: Any) -> np.ndarray:
        if isinstance(value, pd.Series | np.ndarray):
            return np.asarray(value, dtype=object)
        out = np.empty(count, dtype=object)
        if isinstance(value, list):
            out[:] = value
        else:
            out[:] = [value] * count
        return out

    def day(value: Any) -> np.ndarray:
        if value is None:
            return np.full(count, np.datetime64("NaT", "s"))
        if isinstance(value, dt.date):
            return np.full(count, np.datetime64(value, "s"))
        return np.asarray(value, dtype="datetime64[s]")

    if evidence is None:
        facts = np.empty(count, dtype=object)
        facts[:] = [()] * count
    else:
        facts = np.empty(count, dtype=object)
        facts[:] = list(evidence)
    columns: dict[str, Any] = {
        "patient_id": identifiers,
        "subject": text(subject),
        "state": text(state),
        "grade": text(grade),
        "severity": text(severity),
        "since": day(since),
        "due": day(due),
        "recheck_on": day(recheck_on),
        "evidence": facts,
        "cannot_tell_because": text(cannot_tell_because),
    }
    for name, value in own.items():
        columns[name] = (
            value if isinstance(value, np.ndarray) else np.asarray(value if np.ndim(value) else [value] * count)
        )
    # Columns of text stay columns of objects: pandas would make them strings and every None in them a NaN.
    kept = {
        name: pd.Series(value, dtype=object) if value.dtype.kind == "O" else value for name, value in columns.items()
    }
    return pd.DataFrame(kept, copy=False)


def number(value: float | None, digits: int = 1) -> str:
    """A number for a sentence: `27`, `3.2`, never `27.0`."""
    if value is None or math.isnan(value):
        return "unknown"
    rounded = round(float(value), digits)
    return str(int(rounded)) if rounded == int(rounded) else f"{rounded:.{digits}f}".rstrip("0").rstrip(".")


def day_text(value: Any) -> str:
    """A date for a sentence: `3 Mar 2026`."""
    stamp: Any = pd.Timestamp(value)
    if pd.isna(stamp):
        return "an unknown day"
    return f"{stamp.day} {stamp.strftime('%b %Y')}"

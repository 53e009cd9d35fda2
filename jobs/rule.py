"""What a rule file must declare, and the shape of what it answers.

A rule is one clinical question: a pure function of one patient's facts and a day, in one file, together with its
thresholds, sources and explanation. It answers for every subject it looked at, in one of three states: `met`,
`not_met`, `cannot_tell`. Silence is never recovery: when the facts a rule needs are missing or too old it says
`cannot_tell`, and an open alert stays open.
"""

import dataclasses
import datetime as dt
import importlib
import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from models.list_order import Danger
from models.patient_facts import PatientFacts, date_of
from models.states import Cause, Grade, Severity, State

MET, NOT_MET, CANNOT_TELL = State.MET, State.NOT_MET, State.CANNOT_TELL
POSSIBLE, CONFIRMED, CORROBORATED = Grade.POSSIBLE, Grade.CONFIRMED, Grade.CORROBORATED
URGENT, ACTION, WATCH = Severity.URGENT, Severity.ACTION, Severity.WATCH
STATUSES = ("draft", "shadow", "active", "retired")
NO_NUMBERS: Mapping[str, Any] = MappingProxyType({})


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


class Answer(NamedTuple):
    """What a rule says of one patient and one subject on a day. Days are day numbers (`models.patient_facts`).

    Attributes:
        subject: about what (`cmas`, `ck`, `methotrexate`, ...).
        since: the clinical day from which it is true, worked out from the facts.
        due: for rules about due dates, when it was due.
        recheck_on: the first day on which time alone could change this answer, None if it cannot.
        evidence: the facts used (`o17` an observation, `m4` a medication statement, `e2` an event), oldest first.
        cannot_tell_because, cause: why it cannot be told, in words and as a code; with `cannot_tell` only.
        numbers: the rule's own values, which `explain` quotes and the panel shows; days among them as dates.
    """

    subject: str
    state: State
    grade: Grade | None = None
    severity: Severity | None = None
    since: int | None = None
    due: int | None = None
    recheck_on: int | None = None
    evidence: tuple[str, ...] = ()
    cannot_tell_because: str | None = None
    cause: Cause | None = None
    numbers: Mapping[str, Any] = NO_NUMBERS

    def cells(self) -> dict[str, Any]:
        """Everything by name, as `explain` and `suggested_action` read it; days as dates."""
        return {
            **self.numbers,
            "subject": self.subject,
            "state": self.state,
            "grade": self.grade,
            "severity": self.severity,
            "since": None if self.since is None else date_of(self.since),
            "due": None if self.due is None else date_of(self.due),
            "recheck_on": None if self.recheck_on is None else date_of(self.recheck_on),
            "cannot_tell_because": self.cannot_tell_because,
        }


class Assess(Protocol):
    """The pure function at the heart of a rule file: one patient's facts, a day, parameters -> answers."""

    def __call__(self, patient: PatientFacts, as_of: int, parameters: Any) -> Iterable[Answer]:
        """Answer for every subject there is something to say of; a subject never looked at has no answer."""
        ...


class Phrase(Protocol):
    """How the answers `met` that make one line are said in a list; empty where the explanation says it better."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """One line without full stop for the answers (at least one), each as `explain` reads it."""
        ...


Words = str | Callable[[Any], str]
"""Words of a rule that name a threshold are told from its parameters in force; all others are as they stand."""


def _said(words: Words, parameters: Any) -> str:
    return words if isinstance(words, str) else words(parameters)


def one_line_each(row: Mapping[str, Any]) -> str:
    """Each subject has its line."""
    return str(row["subject"])


def one_line_for_all(row: Mapping[str, Any]) -> str:
    """All subjects of a patient share one line: five enzymes that rise are one event."""
    del row
    return ""


def no_danger(subject: str) -> Danger | None:
    """Nothing that goes before everything else."""
    del subject
    return None


@dataclass(frozen=True)
class Rule:
    """One clinical question with everything a clinician needs to judge it.

    Attributes:
        phrase: the short line of a list; without one, the first sentence of the explanation.
        one_line: answers of a patient for which this is equal share a line (`one_line_each`, `one_line_for_all`).
        shown: the numbers that the phrase of several answers needs.
        clears_when: the facts that end its alerts, told with the thresholds in force where they name one. With nothing
            new on file nothing may settle, except
        in_time: what time alone ends, because the question has become pointless; empty where only facts do.
        danger: of a subject, what it endangers; such alerts stand before all others (`models.list_order`).
        listed_in: which page lists it in full: the alerts, or the tests that are due.
        quiet_when_untold: its missing facts may never come (what was screened before a drug begun years ago): that
            it cannot tell is said on the patient's page, not in the panel.
        several_series: it asks the same question of several series, one of which suffices: a stale one beside a
            current one is not told in the panel.
        covers: rules whose alerts are this one's consequences, or the same finding told more generally.
        stands_by_itself: of an alert's numbers, whether they tell more than another rule's alert that would cover it.
    """

    key: str
    title: str
    question: str
    why_it_matters: str
    explain: Callable[[Mapping[str, Any], Any], str]
    reads: tuple[str, ...]
    sources: tuple[Source, ...]
    known_false_alarms: tuple[str, ...]
    clears_when: Words
    suggested_action: Callable[[Mapping[str, Any], Any], str]
    assess: Assess
    ages: Callable[[Any], tuple[int, ...]] = lambda parameters: ()
    phrase: Phrase | None = None
    one_line: Callable[[Mapping[str, Any]], str] = one_line_each
    shown: tuple[str, ...] = ()
    danger: Callable[[str], Danger | None] = no_danger
    listed_in: Literal["alerts", "labs"] = "alerts"
    in_time: Words = ""
    quiet_when_untold: bool = False
    several_series: bool = False
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
    stands_by_itself: Callable[[Mapping[str, Any]], bool] = lambda numbers: False
    after: tuple[str, ...] = ()
    limitations: str = ""
    catalogue: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def facts_that_end(self, parameters: Any) -> str:
        """The facts that end its alerts under these thresholds."""
        return _said(self.clears_when, parameters)

    def time_that_ends(self, parameters: Any) -> str:
        """What time alone ends under these thresholds; empty where only facts do."""
        return _said(self.in_time, parameters)

    def ends_when(self, parameters: Any) -> str:
        """What ends its alerts under these thresholds, by facts and by time alone."""
        in_time = self.time_that_ends(parameters)
        return self.facts_that_end(parameters) + (f"; with nothing new on file: {in_time}" if in_time else "")

    def defaults(self) -> Any:
        """The parameters as shipped."""
        return self.parameters()

    def parameter_fields(self) -> tuple[dataclasses.Field[Any], ...]:
        """The declared parameters, with unit, range, meaning, source and mark in `.metadata`."""
        return dataclasses.fields(self.parameters)


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every rule of `jobs/rules`, found by folder, in an order in which each follows the rules it reads."""
    import jobs.rules

    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(jobs.rules.__path__):
        rule = getattr(importlib.import_module(f"jobs.rules.{module.name}"), "RULE", None)
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


@lru_cache(maxsize=1)
def _by_key() -> Mapping[str, Rule]:
    return MappingProxyType({one.key: one for one in all_rules()})


def rule(key: str) -> Rule:
    """The rule of that key.

    Raises:
        KeyError: no such rule.
    """
    return _by_key()[key]


def number(value: float | None, digits: int = 1) -> str:
    """A number for a sentence: `27`, `3.2`, never `27.0`."""
    if value is None or math.isnan(value):
        return "unknown"
    rounded = round(float(value), digits)
    return str(int(rounded)) if rounded == int(rounded) else f"{rounded:.{digits}f}".rstrip("0").rstrip(".")


def apart(value: float, threshold: float, digits: int = 1) -> str:
    """A number with as many digits as it takes to see on which side of a threshold it lies: 1.52 is above 1.5."""
    if abs(value - threshold) <= _ROUNDING:
        return number(threshold, max(digits, 3))
    side = value > threshold
    for enough in range(digits, _MOST_DIGITS):
        shown = round(value, enough)
        if shown != threshold and (shown > threshold) == side:
            return number(value, enough)
    return f"just {'above' if side else 'below'} {number(threshold, max(digits, 3))}"


_ROUNDING = 1e-6
"""Nearer to a threshold than this lies on it: 1.5 times 0.7 is not 1.05 in binary."""
_MOST_DIGITS = 6


def stretch(days: float) -> str:
    """So many days as they are said of a threshold: `4 weeks`, `half a year`, `90 days`, `1 year`; never rounded."""
    if days == _HALF_A_YEAR:
        return "half a year"
    for unit, length in (("year", _YEAR), ("week", _WEEK)):
        if days > 0 and days % length == 0 and (unit == "year" or days <= _YEAR):
            return f"{number(days / length)} {unit}{'' if days == length else 's'}"
    return f"{number(days, _MOST_DIGITS)} day{'' if days == 1 else 's'}"


_WEEK, _HALF_A_YEAR, _YEAR = 7, 182, 365


def day_text(value: dt.date | int | None) -> str:
    """A date (or a day number) for a sentence: `3 Mar 2026`."""
    if value is None:
        return "an unknown day"
    day = date_of(value) if isinstance(value, int) else value
    return f"{day.day} {_MONTHS[day.month]} {day.year}"


_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

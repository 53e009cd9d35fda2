"""Sentences taken apart: which claims a sentence makes, and whether the facts on file say so.

A file `about_...` states, for one rule, every sentence the rule may say as a template, and beside it, in plain code of
its own, how each value in it follows from the patient's raw facts:

    @SAYS("Troponin <letter:w> <value:n> ng/L on <day:d>, at or below its upper limit <limit:n> ng/L.")
    def is_within_its_limit(case, letter, value, day, limit): ...

A text is read from left to right; what no template reads fails, so that a new sentence has to bring its check. `<x:n>`
is a number, `<x:i>` a whole one, `<x:d>` a date (handed over as a day number), `<x:w>` words, `<x:s>` the sign of a
bound; `[...]` may be absent (its values are None then).
"""

import datetime as dt
import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.rule import Answer, Rule
from models.patient_facts import Happening, PatientFacts, Reading, Statement, date_of, day_number

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PATTERNS = {
    "n": r"-?\d+(?:\u202f\d{3})*(?:\.\d+)?",
    "i": r"\d+",
    "d": r"\d{1,2} (?:" + "|".join(MONTHS) + r") \d{4}",
    "w": r".+?",
    "s": "[<>]",
}


def day_of(text: str) -> int:
    """`3 Mar 2026` as a day number."""
    day, month, year = text.split()
    return day_number(dt.date(int(year), MONTHS.index(month) + 1, int(day)))


READ: Mapping[str, Callable[[str], Any]] = {
    "n": lambda text: float(text.replace("\u202f", "")),
    "i": int,
    "d": day_of,
    "w": str,
    "s": str,
}


@dataclass(frozen=True)
class Case:
    """One answer of one rule about one patient, and what is on file about the patient."""

    patient: PatientFacts
    rule: Rule
    answer: Answer
    text: str = ""
    parameters: Any = None
    together: tuple[Answer, ...] = ()

    @property
    def today(self) -> int:
        """The day asked about."""
        return self.patient.today

    @property
    def subject(self) -> str:
        """What the answer is about."""
        return self.answer.subject

    @property
    def state(self) -> str:
        """Met, not met, or nobody can tell."""
        return str(self.answer.state)

    def values(self, measure: str, until: int | None = None) -> list[Reading]:
        """The readings of a measure, oldest first, up to a day."""
        return [one for one in self.patient.series(measure) if until is None or one.day <= until]

    def happened(self, event: str) -> list[Happening]:
        """The records of an event, oldest first."""
        return [one for one in self.patient.happenings if one.event == event]

    def named(self) -> list[Reading | Statement | Happening]:
        """The facts the answer names as its evidence."""
        by_name: dict[str, Any] = {one.fact: one for one in (*self.patient.statements, *self.patient.happenings)}
        by_name |= {one.fact: one for key in self.patient.measures for one in self.patient.series(key)}
        return [by_name[name] for name in self.answer.evidence]

    def numbers(self, name: str) -> Any:
        """A number of the answer."""
        return self.answer.numbers[name]

    def __str__(self) -> str:
        facts = [f"{one.measure} {one.value}/{one.limit} {date_of(one.day)}" for key in self.patient.measures
                 for one in self.patient.series(key)]  # fmt: skip
        facts += [f"{one.drug} {one.dose} {one.unit} {one.frequency} {one.intent} {one.route} {date_of(one.start)} to "
                  f"{one.end and date_of(one.end)} {one.status}" for one in self.patient.statements]  # fmt: skip
        facts += [f"{one.event} {one.present} {date_of(one.day)} to {one.end and date_of(one.end)}"
                  for one in self.patient.happenings]  # fmt: skip
        return f"\n{self.text}\n{self.answer}\non {date_of(self.today)}:\n  " + "\n  ".join(facts)


Check = Callable[..., None]


@dataclass
class Template:
    """One sentence, or part of one, with its check and how often it was read."""

    words: str
    check: Check
    pattern: re.Pattern[str]
    kinds: Mapping[str, str]
    rare: bool = False

    def values(self, found: re.Match[str]) -> dict[str, Any]:
        """The values in the text by name."""
        return {
            name: None if (text := found.group(name)) is None else READ[kind](text) for name, kind in self.kinds.items()
        }


_PLACE = re.compile(r"<(\w+):([nidws])>|\[|\]")


def _pattern(words: str) -> tuple[re.Pattern[str], dict[str, str]]:
    out, kinds, at = "", {}, 0
    for place in _PLACE.finditer(words):
        out += re.escape(words[at : place.start()])
        if place.group(1):
            kinds[place.group(1)] = place.group(2)
            out += f"(?P<{place.group(1)}>{PATTERNS[place.group(2)]})"
        else:
            out += "(?:" if place.group() == "[" else ")?"
        at = place.end()
    # Words at the end go to the end of the text: nothing else says where they stop.
    ends = "$" if words.rstrip("]").endswith(":w>") else "(?= |$)"
    return re.compile(out + re.escape(words[at:]) + ends), kinds


def _own_words(found: re.Match[str]) -> int:
    return len(found.group()) - sum(len(value) for value in found.groups() if value)


@dataclass
class Says:
    """All that a rule may say. Call it with a template to give the template its check."""

    key: str
    templates: list[Template] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    parts: Sequence["Says"] = ()
    """What reads parts of its sentences."""

    def __call__(self, *templates: str, rare: bool = False) -> Callable[[Check], Check]:
        """Each of the templates is checked by the function; `rare` ones need not come up in random histories."""

        def with_check(check: Check) -> Check:
            for words in templates:
                pattern, kinds = _pattern(words)
                takes = list(inspect.signature(check).parameters.values())[1:]
                wanted = {one.name for one in takes if one.default is inspect.Parameter.empty}
                assert wanted <= set(kinds) <= {one.name for one in takes}, f"{words}: names {sorted(kinds)}"
                self.templates.append(Template(words, check, pattern, kinds, rare))
            return check

        return with_check

    def hold(self, case: Case) -> None:
        """Every part of the case's text is one of the templates, and what it claims is so."""
        text, at = case.text, 0
        while at < len(text):
            matches = [(found.end(), one, found) for one in self.templates if (found := one.pattern.match(text, at))]
            assert matches, f"no template reads: {text[at:]!r}{case}"
            # The template with the most words of its own; what only fills its places counts least.
            at, template, found = max(matches, key=lambda match: (_own_words(match[2]), match[0]))
            self.read[template.words] += 1
            try:
                template.check(case, **template.values(found))
            except (AssertionError, IndexError, KeyError, TypeError, ValueError, StopIteration) as error:
                raise AssertionError(f"{template.check.__name__}: {found.group()!r} {error!r}{case}") from error
            at += at < len(text) and text[at] == " "

    def never_read(self) -> list[str]:
        """The templates that came up nowhere: sentences of the past, or histories that do not reach them."""
        never = [one.words for one in self.templates if not one.rare and not self.read[one.words]]
        return never + [words for part in self.parts for words in part.never_read()]


def same(said: float, true: float, digits: int = 1) -> bool:
    """Whether a number in a sentence is the true one, rounded to so many digits."""
    return abs(said - true) <= 0.5 * 10.0**-digits + 1e-9


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return sum(values) / len(values)

"""The examples of a rule: the days of an invented patient, and what the rule must answer."""

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.formats import number
from dashboard.components.tables import table
from dashboard.pages.rule.words import as_sentence, value_words
from jobs.phrasing import subject_label
from jobs.rule import Example
from models.vocabulary import drug, events, measures, written_unit


def examples_part(found: tuple[Example, ...]) -> Any:
    """The examples one below the other."""
    if not found:
        return None
    return html.Section(
        [
            html.H2("Worked examples"),
            html.P("Each is also a test: the program is not released if the rule answers differently."),
            html.Div([_example(one) for one in found], className="examples"),
        ],
        className="part",
    )


def _example(one: Example) -> Any:
    lines: list[tuple[int, list[Any]]] = []
    for fact in one.observations:
        found = measures().get(fact["measure"])
        limit = f", limit {value_words(fact['upper_limit'])}" if fact.get("upper_limit") else ""
        most = f" of {number(fact.get('max_value') or found.max_value)}" if found and found.is_strength else ""
        unit = written_unit(fact.get("unit") or (found.unit if found else ""))
        label = found.short_label if found else fact["measure"]
        status = f" ({fact['status']})" if fact.get("status") else ""
        lines.append(
            (fact.get("day", 0), [label, f"{value_words(fact.get('value', ''))}{most} {unit}{limit}{status}".strip()])
        )
    for fact in one.medications:
        known = drug(fact["drug"])
        every = str(fact.get("frequency", "daily")).replace("-", " ")
        dose = f"{value_words(fact['dose'])} {fact.get('unit', 'mg')} {every}"
        until = f", until {_day(fact['end'])}" if fact.get("end") is not None else ""
        lines.append((fact["start"], [known.label if known else fact["drug"], f"{dose}{until}"]))
    for fact in one.events:
        kind = events().get(fact["event"])
        said = "no" if fact.get("present") in ("no", False) else "yes"
        lines.append((fact.get("day", 0), [kind.label if kind else fact["event"], said]))
    lines.sort(key=lambda line: line[0])
    about = _words(f"{name.replace('_', ' ')} {value_words(value)}" for name, value in one.patient.items())
    return html.Div(
        [
            html.H3(as_sentence(one.title)),
            html.P(f"Patient: {about}", className="sub") if about else None,
            table(
                ["Day", "Fact", "Value"],
                [[(_day(day), "nowrap quiet"), *cells] for day, cells in lines],
                label=f"Facts of the example: {one.title}",
            ),
            html.P([html.B("Answer: "), expected(one.expect)], className="answer"),
        ],
        className="example",
    )


def expected(expect: Mapping[str, Any]) -> str:
    """The answer of a worked example in words: `met, possible, this week, since the day asked about`."""
    words = {"met": "met", "not_met": "not met", "cannot_tell": "cannot tell"}
    told = []
    for name, value in expect.items():
        if name == "subject":
            told.append(subject_label(str(value)))
        elif name == "state":
            told.append(words.get(str(value), str(value)))
        elif name == "severity":
            told.append(SEVERITY_WORDS.get(str(value), str(value)).lower())
        elif name in ("since", "due", "recheck_on") and isinstance(value, int):
            told.append(f"{name.replace('recheck_on', 'looked at again')} {_day(value)}")
        elif name == "grade":
            told.append(str(value))
        elif value is not None:
            told.append(f"{name.replace('_', ' ')} {value_words(value)}")
    return ", ".join(told)


def _day(offset: int) -> str:
    if offset == 0:
        return "day 0"
    return f"day {offset}".replace("-", "\N{MINUS SIGN}") if offset < 0 else f"day +{offset}"


def _words(items: Any) -> str:
    return ", ".join(str(item).replace("_", " ") for item in items)

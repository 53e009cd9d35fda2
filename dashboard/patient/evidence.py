"""About what a rule asks and on what its answer rests: facts with value and limit, the rule in words, sources."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import number, times_limit
from dashboard.components.reasons import rule_title
from jobs.phrasing import day_of
from jobs.rule import Rule
from models.vocabulary import drug, events, measures, tests, written_unit


def question_title(rule: str, subject: str) -> str:
    """A rule's title, and what it looked at unless the title says so already."""
    title = rule_title(rule)
    about = thing_label(subject).split(" (")[0]
    return title if not about or about.lower() in title.lower() else f"{title} · {about}"


def thing_label(subject: str) -> str:
    """A subject of a rule in words: a measure, a drug, a test, an event; empty for the patient as a whole."""
    if subject in {"", "patient"}:
        return ""
    key = subject.split(":", 1)[0]
    if key in measures():
        return measures()[key].short_label + (f" ({subject.split(':', 1)[1]})" if ":" in subject else "")
    if key in tests():
        return tests()[key].label
    known = drug(key)
    if known is not None:
        return known.label
    return events()[key].label if key in events() else subject.replace("_", " ").replace("-", " ")


def why_details(
    *,
    evidence: Sequence[Mapping[str, Any]],
    rule: Rule | None,
    clears_when: str,
    today: dt.date,
    history: Sequence[Any] = (),
) -> html.Details:
    """Data points, rule in words, sources and history, one click away."""
    parts: list[Any] = [html.H4("Data"), evidence_table(evidence, today)]
    if rule is not None:
        parts += [html.H4("Rule"), html.P(rule.question), html.P(rule.why_it_matters, className="quiet")]
        if clears_when:
            parts.append(html.P(["Clears when ", clears_when, "."], className="quiet"))
        if rule.known_false_alarms:
            parts += [html.H4("Known false alarms"), html.Ul([html.Li(text) for text in rule.known_false_alarms])]
        parts += [
            html.H4("Sources"),
            html.Ul(
                [
                    html.Li(
                        [
                            f"{source.title}{f' ({source.year})' if source.year else ''}, {source.where} ",
                            mark_tag(source.mark),
                        ]
                    )
                    for source in rule.sources
                ]
            ),
            html.P(dcc.Link(f"Rule {rule.key} {rule.version}", href=f"/rules?rule={rule.key}"), className="small"),
        ]
    if history:
        parts += [html.H4("History"), html.Ul(list(history), className="history")]
    return html.Details(
        [html.Summary("Why, data, sources" + (", history" if history else "")), html.Div(parts)], className="why-more"
    )


def evidence_table(evidence: Sequence[Mapping[str, Any]], today: dt.date) -> Any:
    """The facts an answer rests on, newest first: day, what, value, limit."""
    if not evidence:
        return html.P("It rests on the absence of a result.", className="quiet")
    rows = sorted(evidence, key=lambda fact: str(fact.get("date") or ""), reverse=True)
    return html.Table(
        [
            html.Thead(
                html.Tr(
                    [
                        html.Th("Day"),
                        html.Th("What"),
                        html.Th("Value", className="num"),
                        html.Th("Limit", className="num"),
                    ]
                )
            ),
            html.Tbody(
                [
                    html.Tr(
                        [
                            html.Td(short_day(day_of(fact.get("date") or None), today), className="nowrap"),
                            html.Td(fact_name(fact)),
                            html.Td(fact_value(fact), className="num"),
                            html.Td(_fact_limit(fact), className="num"),
                        ]
                    )
                    for fact in rows
                ]
            ),
        ],
        className="plain evidence",
    )


def arrows(text: str) -> str:
    """A sentence of a rule with real arrows."""
    return text.replace("->", "→")


def fact_name(fact: Mapping[str, Any]) -> str:
    """What a fact of an assessment or suggestion is about, with its assay or assessor."""
    name = str(fact.get("label") or "") or thing_label(
        str(fact.get("measure") or fact.get("drug") or fact.get("event") or fact.get("name") or "")
    )
    beside = fact.get("assay") or fact.get("assessor")
    return f"{name} ({beside})" if beside else name


def fact_value(fact: Mapping[str, Any]) -> str:
    """Its value with comparator and unit; a strength score with its maximum."""
    value = fact.get("value")
    shown = number(value, 2) if isinstance(value, int | float) else str(value or "")
    unit = written_unit(str(fact.get("unit") or ""))
    row = measures().get(str(fact.get("measure") or ""))
    if row is not None and row.is_strength and row.max_value and not unit:
        unit = f"of {number(row.max_value)}"
    often = str(fact.get("frequency") or "")
    return " ".join(part for part in (f"{fact.get('comparator') or ''}{shown}", unit, often) if part)


def _fact_limit(fact: Mapping[str, Any]) -> str:
    limit, value = fact.get("upper_limit"), fact.get("value")
    if limit is None:
        return ""
    times = times_limit(value, limit) if isinstance(value, int | float) else ""
    return f"{number(limit, 2)}" + (f" ({times})" if times else "")

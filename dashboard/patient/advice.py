"""What could be considered, and what kind of problem this is: suggestions, the branch, what speaks for what, response.

Worked out after the page stands, because it asks every rule again for this one patient. Nothing here is an order: every
card offers "no change" and names its facts, its cautions and how well its numbers are known.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from dashboard.components.accessible import aria
from dashboard.components.badges import mark_tag, severity_badge, tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import section
from dashboard.patient.evidence import fact_name, fact_value
from dashboard.patient.view import PatientView, rows_of
from jobs.scores.total_improvement_series import CORE_MEASURES, tis_series
from models.suggestion import SuggestionAnswer
from models.vocabulary import answers, diagnoses, written_unit

OPTIONS_SHOWN = 3
ANSWER_WORDS = {"accepted": "accepted", "declined": "declined", "deferred": "put off"}


def suggestions_section(
    told: Mapping[str, Any], answered: Mapping[str, SuggestionAnswer], today: dt.date, *, acts: bool
) -> html.Section:
    """The cards to consider, the most urgent open; then safety, what was held back and why, and what is missing."""
    cards, safety = told["suggestions"], told.get("safety", [])
    phenotype = told["phenotype"]
    body: list[Any] = [
        html.P(
            [html.B(phenotype["title"]), html.Br(), html.Span(phenotype["why"], className="quiet")], className="branch"
        )
    ]
    body += [
        _card(card, answered.get(card["key"]), today, acts=acts, open_=place == 0) for place, card in enumerate(cards)
    ]
    if not cards:
        body.append(html.P("Nothing to consider today.", className="quiet"))
    if safety:
        body.append(
            html.Details(
                [
                    html.Summary(
                        f"{counted(len(safety), 'safety check')}: {', '.join(card['title'].lower() for card in safety)}"
                    ),
                    *[_card(card, answered.get(card["key"]), today, acts=acts, open_=False) for card in safety],
                ],
                className="held",
            )
        )
    if told["missing"]:
        body.append(html.P([html.B("Missing: "), "; ".join(told["missing"]), "."], className="missing-line"))
    if told["suppressed"]:
        body.append(
            html.Details(
                [
                    html.Summary(f"{counted(len(told['suppressed']), 'suggestion')} held back"),
                    html.Ul(
                        [
                            html.Li([html.B(f"{one['key'].replace('-', ' ')}: "), one["reason"]])
                            for one in told["suppressed"]
                        ],
                        className="tight",
                    ),
                ],
                className="held",
            )
        )
    body.append(html.P(told["purpose"], className="quiet small"))
    return section("Consider", body, note=counted(len(cards), "suggestion"))


def _card(
    card: Mapping[str, Any], answered: SuggestionAnswer | None, today: dt.date, *, acts: bool, open_: bool
) -> html.Details:
    marks: list[Any] = [severity_badge(card["urgency"], words=False), html.Span(card["title"], className="card-title")]
    if card["status"] == "pending":
        marks.append(tag("pending", kind="warn", title="Facts have to be collected first."))
    if answered is not None:
        marks.append(tag(f"{ANSWER_WORDS.get(answered.answer, answered.answer)} by {answered.by}", kind="accent"))
    options = card["options"]
    change = [one for one in options if one["key"] != "no-change"]
    stay = [one for one in options if one["key"] == "no-change"]
    parts: list[Any] = [html.P(card.get("why", ""), className="why-text") if card.get("why") else None]
    if card["collect_first"]:
        parts.append(html.P([html.B("Collect first: "), "; ".join(card["collect_first"]), "."], className="c-warn"))
    parts.append(html.Ul([*[_option(one) for one in change[:OPTIONS_SHOWN]]], className="options"))
    if len(change) > OPTIONS_SHOWN:
        parts.append(
            html.Details(
                [
                    html.Summary(counted(len(change) - OPTIONS_SHOWN, "further option")),
                    html.Ul([_option(one) for one in change[OPTIONS_SHOWN:]], className="options"),
                ]
            )
        )
    parts.append(html.Ul([_option(one) for one in stay], className="options"))
    if card["cautions"]:
        parts.append(html.P([html.B("Cautions: "), " ".join(card["cautions"])]))
    parts += [
        html.P([html.B("Sources differ: "), conflict], className="quiet") for conflict in card.get("conflicts", [])
    ]
    if acts:
        parts.append(
            html.Div(
                html.Button(
                    "Record decision", id={"type": "patient-suggestion", "key": card["key"]}, className="button-quiet"
                ),
                className="acts",
            )
        )
    if answered is not None:
        parts.append(html.P(_said(answered, options, today), className="quiet small"))
    parts.append(_basis(card, today))
    return html.Details([html.Summary(marks), html.Div(parts)], className="advice", open=open_)


def _said(answered: SuggestionAnswer, options: Sequence[Mapping[str, Any]], today: dt.date) -> str:
    texts = {one["key"]: one["text"] for one in options}
    codes = answers()
    key = answered.option or ""
    what = texts.get(key) or (codes[key].label if key in codes else key)
    word = ANSWER_WORDS.get(answered.answer, answered.answer).capitalize()
    note = f" {answered.note}" if answered.note else ""
    return f"{word} by {answered.by}, {short_day(answered.at.date(), today)}: {what}{note}"


def _option(one: Mapping[str, Any]) -> html.Li:
    return html.Li(
        [
            html.Span(one["text"]),
            html.Div(one["dose"], className="dose") if one["dose"] else None,
            html.Div(" ".join(one["cautions"]), className="quiet small") if one["cautions"] else None,
        ]
    )


def _basis(card: Mapping[str, Any], today: dt.date) -> html.Details:
    """The facts, the logic in words, the thresholds with their marks, the sources and the limits of the card."""
    facts = html.Table(
        html.Tbody(
            [
                html.Tr(
                    [
                        html.Td(short_day(_day(fact.get("date")), today), className="nowrap"),
                        html.Td(fact_name(fact)),
                        html.Td(fact_value(fact), className="num"),
                    ]
                )
                for fact in card["because"]
            ]
        ),
        className="plain evidence",
    )
    parts: list[Any] = [html.H4("Because"), facts]
    if card.get("logic_plain"):
        parts += [html.H4("Logic"), html.P(card["logic_plain"])]
    if card.get("thresholds"):
        parts += [
            html.H4("Thresholds"),
            html.Ul(
                [
                    html.Li(
                        [
                            f"{one['meaning']}: {_value(one['value'])} {written_unit(one['unit'])} ",
                            mark_tag(one["mark"]),
                        ]
                    )
                    for one in card["thresholds"]
                ]
            ),
        ]
    if card.get("limitations"):
        parts += [html.H4("Limits"), html.P(card["limitations"])]
    parts += [html.H4("Sources"), html.Ul([html.Li(_source(one)) for one in card["sources"]])]
    return html.Details([html.Summary("Because, logic, sources"), html.Div(parts)], className="why-more")


def _value(value: Any) -> str:
    return number(value, 2) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _source(one: Mapping[str, Any]) -> list[Any]:
    year = f" ({one['year']})" if one.get("year") else ""
    label = str(one.get("label") or "")
    warn = "not a guideline" in label or "check the original" in label
    says = f" {one['says']}" if one.get("says") else ""
    return [f"{one['title']}{year}, {one['where']}. ", tag(label, kind="warn" if warn else "") if label else "", says]


def explanations_section(told: Mapping[str, Any]) -> html.Section | None:
    """Flare, steroid myopathy, damage, measurement side by side: what speaks for and against each."""
    rows = told.get("explanations") or []
    if not rows:
        return None

    def facts(items: Sequence[str], empty: str = "") -> Any:
        return html.Ul([html.Li(text) for text in items], className="tight") if items else empty

    return section(
        "What speaks for what",
        html.Div(
            html.Table(
                [
                    html.Thead(
                        html.Tr(
                            [
                                html.Th(html.Span("Direction", className="only-read")),
                                *[html.Th(row["title"]) for row in rows],
                            ]
                        )
                    ),
                    html.Tbody(
                        [
                            html.Tr([html.Th(label, scope="row"), *[html.Td(facts(row[key])) for row in rows]])
                            for key, label in (("for", "For"), ("against", "Against"), ("missing", "Not known"))
                            if any(row[key] for row in rows)
                        ]
                    ),
                ],
                className="plain explanations",
            ),
            className="scroll-x",
            tabIndex="0",
            role="region",
            **aria(label="What speaks for what"),
        ),
        note="facts on file, not a diagnosis",
    )


# ------------------------------------------------------------------------------------------------------------- response


VISITS_SHOWN = 4


def disease_class(view: PatientView) -> str:
    """`juvenile` for a juvenile diagnosis, whatever the age today; `adult` otherwise."""
    diagnosis = diagnoses().get(view.patient.diagnosis)
    return "juvenile" if diagnosis is not None and diagnosis.juvenile else "adult"


def usual_baseline(view: PatientView) -> dt.date | None:
    """The visit that was chosen as baseline, or the first with a physician global; None without either."""
    if view.baseline is not None:
        return view.baseline.visit_on
    globals_ = view.readings("physician_global")
    return None if globals_.empty else globals_["day"].iloc[0].date()


def response_section(view: PatientView) -> html.Section | None:
    """The total improvement score of the newest visits against the baseline visit."""
    baseline = usual_baseline(view)
    if baseline is None:
        return None
    facts = view.frames.observations(*CORE_MEASURES)
    kind = disease_class(view)
    series = tis_series(facts, disease_class=kind, baseline_on=baseline, newest=VISITS_SHOWN)
    if series.empty:
        return None
    newest = series.iloc[::-1]
    rows = [
        html.Tr(
            [
                html.Td(short_day(row.visit_on, view.as_of), className="nowrap"),
                html.Td(score_text(row), className="num"),
                html.Td(str(row.category or "undecided")),
                html.Td(", ".join(str(name).replace("_", " ") for name in row.missing), className="quiet"),
            ]
        )
        for row in rows_of(newest)
    ]
    last = newest.iloc[0]
    problems = [html.P(text, className="quiet small") for text in last["problems"]]
    return section(
        "Response",
        [
            html.Table(
                [
                    html.Thead(
                        html.Tr(
                            [
                                html.Th("Visit"),
                                html.Th("Score", className="num"),
                                html.Th("Improvement"),
                                html.Th("Missing"),
                            ]
                        )
                    ),
                    html.Tbody(rows),
                ],
                className="plain",
            ),
            *problems[:2],
            html.P(
                f"Total improvement score (0 to 100, {kind} thresholds) against the visit of "
                f"{short_day(baseline, view.as_of)}, "
                + (f"chosen by {view.baseline.author}. " if view.baseline else "the first with a physician global. ")
                + "It cannot show worsening.",
                className="quiet small",
            ),
        ],
        note=f"since {short_day(baseline, view.as_of)}",
    )


def score_text(row: Any) -> str:
    """The score of a visit, or between what and what it lies."""
    if row.tis is not None:
        return number(float(row.tis))
    return f"{number(float(row.bounds_low))} to {number(float(row.bounds_high))}"


def _day(text: Any) -> dt.date | None:
    return dt.date.fromisoformat(str(text)[:10]) if text else None

"""A rule as it stands today: what it asks and why, what it said, its sources, and what was changed here."""

import datetime as dt
import inspect
import re
import sys
from typing import Any

from dash import dcc, html

from dashboard.components.badges import mark_tag
from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.reasons import rule_title
from dashboard.components.states import notice
from dashboard.components.tables import table
from dashboard.pages.rule.examples import examples_part
from dashboard.pages.rule.thresholds import thresholds_part
from dashboard.pages.rule.words import CHANGE, STATUS, as_sentence, value_words
from dashboard.pages.rules.rule_list import RECENT_DAYS, status_tag
from dashboard.pages.rules.words import where_found
from dashboard.secure import DECIDERS, Current
from jobs.rule import Rule, Source
from jobs.thresholds import thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.rule_activity import (
    answers_now,
    causes_of_silence,
    failure_history,
    failures,
    history,
    last_run,
    open_alerts,
    opened_since,
)
from models.vocabulary import measures


def sources_part(found: tuple[Source, ...]) -> Any:
    """The sources as a table."""
    lines = [
        [
            ([html.Span(one.title), html.Span(one.says, className="sub block") if one.says else None], "wide"),
            str(one.year or ""),
            (mark_tag(one.mark), ""),
            (where_found(one.where), "wide"),
        ]
        for one in found
    ]
    return html.Section(
        [html.H2("Sources"), table(["Title", "Year", "Known", "Where"], lines, label="Sources", kind="cards")],
        className="part",
    )


HISTORY_SHOWN = 100


def history_part(shown: Rule, changes: list[dict[str, Any]], zone: dt.tzinfo, today: dt.date) -> Any:
    """The changes as a table, newest first."""
    head = [html.H2("Changes")]
    released = f"Version {shown.version}" + (f": {shown.changed}" if shown.changed else "") + "."
    if not changes:
        return html.Section([*head, html.P(f"{released} Nothing was changed at this clinic.")], className="part")
    lines = []
    for one in changes[:HISTORY_SHOWN]:
        value = "back to the default" if one["value"] is None else value_words(one["value"])
        until = f" until {short_day(one['expires_on'], today)}" if one["expires_on"] else ""
        lines.append(
            [
                (clock_time(one["at"], zone, today), "nowrap"),
                one["parameter"].replace("_", " ") or "status",
                (html.B(value), "nowrap"),
                (f"{short_day(one['valid_from'], today)}{until}", "nowrap"),
                (dcc.Link(one["mrn"], href=f"/patients/{one['mrn']}") if one["mrn"] else "clinic", "nowrap"),
                (one["author"], "nowrap"),
                (one["reason"], "wide"),
            ]
        )
    return html.Section(
        [
            *head,
            html.P(f"{released} A replay of an earlier month uses that month's thresholds."),
            table(["When", "What", "To", "From", "For", "By", "Reason"], lines, label="Changes", kind="cards"),
        ],
        className="part",
    )


def body(here: Current, shown: Rule) -> Any:
    """The rule as it stands today."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        thresholds = thresholds_on(session, today)
        said = answers_now(session).get(shown.key, {})
        alerts = open_alerts(session).get(shown.key, 0)
        recent = opened_since(session, here.now - dt.timedelta(days=RECENT_DAYS)).get(shown.key, 0)
        silence = causes_of_silence(session, shown.key)
        broken = failures(session).get(shown.key)
        failed = failure_history(session, shown.key)
        changes = history(session, shown.key)
        run = last_run(session)
    status, in_force = thresholds.status[shown.key], thresholds.clinic[shown.key]
    may = here.may(DECIDERS)
    zone = here.settings.zone
    numbers = [
        (number(alerts), "running alerts"),
        (number(recent), f"opened in {RECENT_DAYS} days"),
        (number(said.get("met", 0)), "answers met"),
        (number(said.get("patients", 0)), "patients"),
        (number(said.get("cannot_tell", 0)), "cannot tell"),
    ]
    facts: list[tuple[str, Any]] = [
        ("Status", status_tag(status)),
        ("Version", shown.version),
        ("Last run", clock_time(run.finished_at, zone, here.today) if run else "not yet"),
        ("Looks at", ", ".join(_fact(name) for name in shown.reads)),
        ("About", shown.subject),
        ("For", " and ".join(shown.audience)),
        ("Catalogue", ", ".join(shown.catalogue)),
    ]
    if shown.covers:
        facts.append(("Covers", _links(shown.covers)))
    if shown.after:
        facts.append(("Reads the answers of", _links(shown.after)))
    aside = html.Aside(
        [
            html.Dl(
                [part for name, value in facts if value for part in (html.Dt(name), html.Dd(value))], className="facts"
            ),
            html.Button("Change status…", id={"type": CHANGE, "name": STATUS}, className="row-button") if may else None,
        ],
        className="aside",
    )
    return [
        html.Div([html.H1(shown.title), status_tag(status)], className="page-head"),
        _failed(broken, failed, zone, today),
        html.Div([html.Span([html.B(count), words]) for count, words in numbers], className="numbers"),
        html.Div(
            [
                html.Div(
                    [
                        html.P(shown.question, className="question"),
                        html.H2("Why it matters"),
                        html.P(shown.why_it_matters),
                        html.H2("What is looked at, and what counts"),
                        *[html.P(text) for text in what_counts(shown)],
                        html.H2("When it clears"),
                        html.P(
                            as_sentence(shown.ends_when(in_force))
                            if shown.in_time
                            else f"{as_sentence(shown.facts_that_end(in_force))} Without new facts nothing settles: "
                            "silence is not recovery."
                        ),
                        html.H2("Known false alarms"),
                        html.Ul([html.Li(as_sentence(text)) for text in shown.known_false_alarms]),
                        *([html.H2("Limitations"), html.P(shown.limitations)] if shown.limitations else []),
                        *(
                            [
                                html.H2("Why it cannot tell, at present"),
                                html.Ul(
                                    [
                                        html.Li(f"{as_sentence(why).rstrip('.')} ({counted(count, 'answer')})")
                                        for why, count in silence
                                    ]
                                ),
                            ]
                            if silence
                            else []
                        ),
                    ],
                    className="prose",
                ),
                aside,
            ],
            className="two",
        ),
        thresholds_part(shown, thresholds, changes, may, today),
        sources_part(shown.sources),
        examples_part(shown.examples),
        history_part(shown, changes, zone, here.today),
    ]


def what_counts(shown: Rule) -> list[str]:
    """The paragraphs a rule file opens with, after its question, written for a nurse."""
    text = inspect.cleandoc(sys.modules[shown.explain.__module__].__doc__ or "")
    joined = " ".join(text.split("\n\n", 1)[-1].split())
    parts = re.split(r"(?=(?:Looked at|What counts|What does not[^:.]{0,12}):)", joined)
    return [part.strip() for part in parts if part.strip()]


def _failed(broken: dict[str, Any] | None, failed: list[dict[str, Any]], zone: dt.tzinfo, today: dt.date) -> Any:
    if broken:
        whom = ", ".join(broken["mrns"])
        more = (
            f" and {broken['patients'] - len(broken['mrns'])} more" if broken["patients"] > len(broken["mrns"]) else ""
        )
        return notice(
            [
                html.B(f"In the last run this rule failed for {counted(broken['patients'], 'patient')}. "),
                f"{broken['error']}. Left unevaluated: {whom}{more}.",
            ],
            kind="bad",
        )
    if failed:
        last = failed[0]
        return notice(
            f"It last failed {clock_time(last['at'], zone, today)} for {counted(last['patients'], 'patient')}: "
            f"{last['error']}."
            f" {counted(len(failed), 'failed run')} on record.",
            kind="warn",
        )
    return None


def _fact(name: str) -> str:
    if name in measures():
        return measures()[name].short_label
    return rule_title(name).lower() if "-" in name else name.replace("_", " ")


def _links(keys: tuple[str, ...]) -> Any:
    out: list[Any] = []
    for key in keys:
        out += [", " if out else "", dcc.Link(rule_title(key), href=f"/rules/{key}")]
    return html.Span(out)

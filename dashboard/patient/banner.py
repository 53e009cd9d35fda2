"""The head of the patient's page: who this is, what is taken, and what changed since the last visit."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboard.components.accessible import aria
from dashboard.components.badges import tag
from dashboard.components.dates import age, ago, clock_time, day_and_ago
from dashboard.components.formats import number
from dashboard.patient.since_last_visit import Change, changes, compared_with
from dashboard.patient.taken import unconfirmed
from dashboard.patient.view import PatientView, is_supportive
from models.vocabulary import diagnoses


def banner(view: PatientView, buttons: Sequence[Any], zone: ZoneInfo, today: dt.date) -> html.Header:
    """Who it is, what they have, what they take and since when, and what can be done."""
    patient = view.patient
    weight = view.readings("weight")
    diagnosis = diagnoses().get(patient.diagnosis)
    facts: list[Any] = [
        html.Span(patient.mrn, className="mrn", title="Record number"),
        " ".join(part for part in (age(patient.birth_date, view.as_of), sex_letter(patient.sex)) if part),
        html.Span(patient.diagnosis, title=diagnosis.label if diagnosis else None),
        ", ".join(
            f"anti-{code}" if not code.lower().startswith("anti") else code for code in _codes(patient.autoantibodies)
        ),
        f"since {_month(patient.diagnosed_on)}" if patient.diagnosed_on else "",
        f"{number(weight['value'].iloc[-1])} kg" if len(weight) else "no weight on file",
    ]
    shown = [fact for fact in facts if fact]
    line: list[Any] = []
    for place, fact in enumerate(shown):
        line += [html.Span("·", className="dot", **aria(hidden="true"))] if place else []
        line.append(fact if isinstance(fact, html.Span) else html.Span(fact))
    status = (
        []
        if patient.status == "active"
        else [tag(patient.status, kind="warn", title="Rules do not look at this patient.")]
    )
    reviewed = (
        html.Span(
            f"reviewed {clock_time(view.review.at, zone, today)} by {view.review.by}"
            + ("" if view.review.is_current else ", new facts since"),
            className="quiet small reviewed",
        )
        if view.review
        else html.Span("not reviewed yet", className="quiet small reviewed")
    )
    return html.Header(
        [
            html.Div(
                [
                    html.Div([html.H1(patient.name), *status, html.Div(line, className="who")], className="line"),
                    html.Div(_treatments(view), className="takes"),
                ],
                className="said",
            ),
            html.Div([reviewed, *buttons], className="does"),
        ],
        className="banner-patient",
    )


def _treatments(view: PatientView) -> list[Any]:
    if not view.courses:
        return [html.Span("No treatment on file", className="quiet")]
    main, behind = [], []
    for course in view.courses:
        text = f"{course.dose} · {length_of(course.start, view.as_of)}"
        if is_supportive(course.drug):
            behind.append(f"{course.label} {text}")
        else:
            main.append(html.Span([html.B(course.label), f" {text}"], className="course"))
    more = [html.Span(f"+ {len(behind)} supportive", className="quiet", title="\n".join(behind))] if behind else []
    old = unconfirmed(view)
    return [*main, *more, *([html.Span(old, className="quiet")] if old else [])]


def after_comma(text: str) -> str:
    """The text as a further part of a sentence; nothing without it."""
    return f", {text}" if text else ""


def length_of(start: dt.date, today: dt.date) -> str:
    """`41 d`, `8 mo`, `3 y`."""
    text = ago(start, today)
    return text.removesuffix(" ago") if text != "today" else "from today"


def sex_letter(sex: str) -> str:
    """`F`, `M`, or that it is another."""
    return {"female": "F", "male": "M", "other": "other sex"}.get(sex, "")


def _codes(text: str) -> list[str]:
    return [code for code in text.split(";") if code]


def _month(day: dt.date) -> str:
    return f"{day:%b %Y}"


def since_card(view: PatientView) -> html.Section:
    """What changed since the last visit; each field opens nothing: the numbers behind it stand in the chart below."""
    day = compared_with(view)
    if day is None:
        head = "No visit on file"
        note = "A visit is a day with a strength score or a physician global."
    else:
        head = "Since last visit"
        note = day_and_ago(day, view.as_of)
    return html.Section(
        [
            html.Div([html.H2(head), html.Span(note, className="quiet")], className="since-head"),
            html.Dl([_change(change) for change in changes(view)]),
        ],
        className="since",
        **aria(label=head),
    )


def _change(change: Change) -> html.Div:
    words = {"worse": "worse", "missing": "missing or old"}.get(change.tone, "")
    return html.Div(
        [
            html.Dt(change.label),
            html.Dd(
                [
                    html.Span([change.text, html.Span(f" ({words})", className="only-read") if words else None]),
                    html.Small(change.detail) if change.detail else None,
                ]
            ),
        ],
        className=f"change {change.tone}".strip(),
    )

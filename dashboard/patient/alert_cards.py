"""What the rules say: a card for each alert; looking back, what they would have said; what they cannot tell."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboard.components.badges import STATE_WORDS, severity_badge, tag
from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted
from dashboard.components.reasons import rule_of
from dashboard.components.states import section
from dashboard.patient.evidence import arrows, question_title, thing_label, why_details
from dashboard.patient.view import PatientView, shown_alerts
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import needs_a_look
from models.vocabulary import answers

EVENT_WORDS = {
    "opened": "opened",
    "reopened": "opened again",
    "acknowledged": "acknowledged",
    "snoozed": "snoozed",
    "assigned": "assigned",
    "resolved": "resolved",
    "settled": "settled by itself",
    "withdrawn": "withdrawn: its result was corrected",
    "worsened": "got worse",
    "corrected": "rests on a corrected value",
    "undone": "undone",
    "lapsed": "acknowledgement lapsed",
    "returned": "came back from snooze",
    "seen": "looked at",
    "commented": "comment",
    "escalated": "escalated",
}


def alerts_section(view: PatientView, zone: ZoneInfo, today: dt.date, *, acts: bool) -> html.Section:
    """The patient's alerts with their evidence, or for a day of the past what the rules said then."""
    if view.past is not None:
        return _said_then(view)
    rows = shown_alerts(view)
    if not rows:
        text = (
            "Nothing needs attention by the rules that could be evaluated."
            if view.evaluated
            else ("The rules have not looked at this patient yet.")
        )
        if view.patient.status != "active":
            text = f"The patient is {view.patient.status}: the rules do not look at them."
        return section("Alerts", html.P(text, className="quiet"), id="patient-alerts")
    top = [(alert, told) for alert, told in rows if not alert.covered_by]
    covered = [(alert, told) for alert, told in rows if alert.covered_by]
    body: list[Any] = []
    groups: dict[tuple[str, str], list[tuple[Alert, list[AlertEvent]]]] = {}
    for alert, told in top:
        groups.setdefault((alert.rule, alert.severity), []).append((alert, told))
    for (first, first_told), *others in groups.values():
        body.append(alert_card(first, first_told, view, zone, today, acts=acts))
        if others:
            names = ", ".join(thing_label(alert.subject).split(" (")[0] or "again" for alert, _ in others)
            cards = [alert_card(alert, told, view, zone, today, acts=acts) for alert, told in others]
            body.append(
                html.Details([html.Summary(f"{len(others)} more like it: {names}"), *cards], className="covered")
            )
    if covered:
        body.append(
            html.Details(
                [
                    html.Summary(f"{counted(len(covered), 'alert')} covered by a more general one"),
                    *[alert_card(alert, told, view, zone, today, acts=acts) for alert, told in covered],
                ],
                className="covered",
            )
        )
    return section("Alerts", body, note=counted(len(top), "alert"), id="patient-alerts")


def alert_card(
    alert: Alert, told: Sequence[AlertEvent], view: PatientView, zone: ZoneInfo, today: dt.date, *, acts: bool
) -> html.Article:
    """One alert: why, what to do first, what can be done about it, and everything it rests on."""
    rule = rule_of(alert.rule)
    state = view.states[alert.id or 0]
    title = question_title(alert.rule, alert.subject)
    marks: list[Any] = []
    if alert.grade:
        marks.append(tag(alert.grade))
    if state != "open":
        marks.append(tag(_state_text(alert, state, view.as_of), kind="accent" if state == "acknowledged" else ""))
    if alert.owner:
        marks.append(tag(f"with {alert.owner}"))
    lines: list[Any] = [html.P(arrows(alert.explanation), className="why-text")]
    if alert.cannot_tell_because:
        lines.append(html.P(f"Can no longer be told: {alert.cannot_tell_because}.", className="c-warn"))
    if alert.suggested_action and alert.ended_at is None:
        lines.append(html.P([html.B("First: "), alert.suggested_action], className="first-thing"))
    return html.Article(
        [
            html.Div([severity_badge(alert.severity), html.H3(title)], className="alert-head"),
            html.Div(marks, className="marks") if marks else None,
            *lines,
            _alert_buttons(alert, state, told) if acts else None,
            why_details(
                evidence=json.loads(alert.evidence),
                rule=rule,
                clears_when=alert.clears_when,
                today=view.as_of,
                history=[*_history(told, zone, today)],
            ),
        ],
        className=f"alert alert-{state}",
    )


def _state_text(alert: Alert, state: str, today: dt.date) -> str:
    if state == "snoozed":
        return f"snoozed until {short_day(alert.snoozed_until, today)}"
    if state == "acknowledged":
        return f"acknowledged by {alert.acknowledged_by}"
    return STATE_WORDS.get(state, state).lower()


def _alert_buttons(alert: Alert, state: str, told: Sequence[AlertEvent]) -> html.Div:
    # How far its history was read: whoever acts after somebody else is told.
    seen = (told[-1].id if told else 0) or 0

    def button(act: str, text: str) -> html.Button:
        which = {"type": "patient-alert", "alert": alert.id, "act": act, "seen": seen}
        return html.Button(text, id=which, className="button-quiet")

    if needs_a_look(alert):
        return html.Div([button("seen", "Looked at")], className="acts")
    if state in {"acknowledged", "snoozed"}:
        return html.Div(
            [button("resolve", "Resolve"), button("comment", "Comment"), button("undo", "Undo")], className="acts"
        )
    return html.Div(
        [
            button("ack", "Acknowledge"),
            button("snooze", "Snooze"),
            button("resolve", "Resolve"),
            button("comment", "Comment"),
        ],
        className="acts",
    )


def _history(told: Iterable[AlertEvent], zone: ZoneInfo, today: dt.date) -> Iterable[Any]:
    codes = answers()
    for event in told:
        code = event.reason or ""
        reason = codes[code].label.lower() if code in codes else code
        # The first note repeats the explanation that stands above.
        said = "" if event.event == "opened" else ": ".join(part for part in (reason, event.note) if part)
        when = clock_time(event.at, zone, today)
        yield html.Li(
            [
                html.Span(EVENT_WORDS.get(event.event, event.event)),
                html.Span(f" by {event.by}, {when}", className="quiet"),
                html.Div(said, className="small") if said else None,
            ]
        )


def _said_then(view: PatientView) -> html.Section:
    rows = [
        html.Article(
            [
                html.Div(
                    [
                        severity_badge(row["severity"]),
                        html.H3(question_title(row["rule"], row["subject"])),
                    ],
                    className="alert-head",
                ),
                html.P(arrows(row["explanation"]), className="why-text"),
                why_details(
                    evidence=row["evidence"],
                    rule=rule_of(row["rule"]),
                    clears_when=row["clears_when"] or "",
                    today=view.as_of,
                ),
            ],
            className="alert",
        )
        for row in view.met()
    ]
    body: Any = rows or html.P("The rules would have said nothing.", className="quiet")
    return section("What the rules would have said", body, note=counted(len(rows), "answer"), id="patient-alerts")


def could_not_tell_section(view: PatientView) -> html.Section | None:
    """What the rules could not answer, and why: silence is not all clear."""
    rows = view.could_not_tell()
    if not rows:
        return None
    return section(
        "Could not tell",
        html.Ul(
            [
                html.Li(
                    [
                        html.B(question_title(row["rule"], row["subject"])),
                        f": {row['cannot_tell_because']}",
                    ]
                )
                for row in rows
            ],
            className="tight",
        ),
        note=counted(len(rows), "question"),
    )

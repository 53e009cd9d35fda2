"""The parts of the patient's page as components: banner, card, alerts, labs, steroid, table. No queries."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from dash import dcc, html

from dashboard.components.accessible import aria
from dashboard.components.badges import STATE_WORDS, mark_tag, severity_badge, tag
from dashboard.components.dates import age, ago, clock_time, day_and_ago, short_day
from dashboard.components.formats import counted, number, times_limit
from dashboard.components.states import section
from dashboard.patient.since_last_visit import Change, changes, compared_with
from dashboard.patient.taken import said_of, unconfirmed
from dashboard.patient.view import Course, PatientView, as_day, dose_text, is_supportive, rows_of, shown_alerts
from jobs.rule import Rule, all_rules
from jobs.taper import plan_standing
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import needs_a_look
from models.event import CONFIRMED
from models.vocabulary import answers, diagnoses, drug, events, measures, no_monitoring, tests

DUE_WORDS = {
    "not_due": "not due",
    "due": "due today",
    "grace": "due, in grace",
    "overdue": "overdue",
    "never_measured": "never measured",
    "not_possible": "not possible",
    "paused": "paused",
}

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


def rules_by_key() -> dict[str, Rule]:
    """Every rule by its key."""
    return {rule.key: rule for rule in all_rules()}


def question_title(rule: str, subject: str) -> str:
    """A rule's title, and what it looked at unless the title says so already."""
    known = rules_by_key().get(rule)
    title = known.title if known else rule.replace("-", " ").capitalize()
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


# --------------------------------------------------------------------------------------------------------------- banner


def banner(view: PatientView, buttons: Sequence[Any], zone: ZoneInfo, today: dt.date) -> html.Header:
    """Who it is, what they have, what they take and since when, and what can be done."""
    patient = view.patient
    weight = view.readings("weight")
    diagnosis = diagnoses().get(patient.diagnosis)
    facts: list[Any] = [
        html.Span(patient.mrn, className="mrn", title="Record number"),
        " ".join(part for part in (age(patient.birth_date, view.as_of), _sex(patient.sex)) if part),
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
        text = f"{course.dose} · {_length(course.start, view.as_of)}"
        if is_supportive(course.drug):
            behind.append(f"{course.label} {text}")
        else:
            main.append(html.Span([html.B(course.label), f" {text}"], className="course"))
    more = [html.Span(f"+ {len(behind)} supportive", className="quiet", title="\n".join(behind))] if behind else []
    old = unconfirmed(view)
    return [*main, *more, *([html.Span(old, className="quiet")] if old else [])]


def _comma(text: str) -> str:
    return f", {text}" if text else ""


def _length(start: dt.date, today: dt.date) -> str:
    """`41 d`, `8 mo`, `3 y`."""
    text = ago(start, today)
    return text.removesuffix(" ago") if text != "today" else "from today"


def _sex(sex: str) -> str:
    return {"female": "F", "male": "M", "other": "other sex"}.get(sex, "")


def _codes(text: str) -> list[str]:
    return [code for code in text.split(";") if code]


def _month(day: dt.date) -> str:
    return f"{day:%b %Y}"


# ----------------------------------------------------------------------------------------------------------------- card


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


# --------------------------------------------------------------------------------------------------------------- alerts


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
    rule = rules_by_key().get(alert.rule)
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
    known = rules_by_key()
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
                    rule=known[row["rule"]],
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
                            html.Td(short_day(_date(fact.get("date")), today), className="nowrap"),
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
    unit = str(fact.get("unit") or "")
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


def _date(text: Any) -> dt.date | None:
    return dt.date.fromisoformat(str(text)[:10]) if text else None


# --------------------------------------------------------------------------------------------------- labs and steroid


def labs_section(view: PatientView) -> html.Section | None:
    """The tests the treatment requires, each in one of seven states, and the drugs that ask for none."""
    rows = view.labs()
    silent = _unmonitored(view.courses)
    if not rows and silent is None:
        return None
    late = sum(row["state"] == "met" for row in rows)
    listed = html.Table(
        [
            html.Thead(html.Tr([html.Th("Test"), html.Th("State"), html.Th("Due"), html.Th("Last")])),
            html.Tbody([_lab(row, view.as_of) for row in rows]),
        ],
        className="plain",
    )
    return section(
        "Labs due",
        html.Div([listed if rows else None, silent]),
        note=f"{late} overdue" if late else "none overdue" if rows else "",
    )


def _unmonitored(taken: Sequence[Course]) -> html.P | None:
    """`No monitoring known: Wonderdrug`, each with the reason; drugs that only supplement are left out."""
    said: list[Any] = []
    for course in taken:
        known = drug(course.drug)
        if known is not None and is_supportive(known.key):
            continue
        row = no_monitoring(known) if known else None
        why = row.because if row else "in no table of ours" if known is None else ""
        if why:
            said += [", " if said else "No monitoring known: ", html.Span(course.label, title=why)]
    return html.P(said, className="quiet small") if said else None


def _lab(row: Mapping[str, Any], today: dt.date) -> html.Tr:
    numbers = row["numbers"]
    state = "cannot_tell" if row["state"] == "cannot_tell" else str(numbers.get("due_state", ""))
    word = "cannot tell" if state == "cannot_tell" else DUE_WORDS.get(state, state)
    late = row["state"] == "met"
    last = _date(numbers.get("last_day")) if numbers.get("measured") else None
    why = f"every {int(numbers.get('interval_days') or 0)} days for {numbers.get('treatment', '')}"
    note = row["cannot_tell_because"] or numbers.get("note") or ""
    return html.Tr(
        [
            html.Td(str(numbers.get("label") or thing_label(row["subject"])).split(" (")[0], title=why),
            html.Td(
                word, className="nowrap c-warn" if late or state == "cannot_tell" else "nowrap", title=note or None
            ),
            html.Td(short_day(row["due"], today), className="nowrap"),
            html.Td(short_day(last, today) or "never", className="nowrap quiet"),
        ]
    )


def steroid_section(view: PatientView) -> html.Section | None:
    """Dose, days at high dose, the day on which the 28-day line will be crossed, the agreed taper, cumulative dose."""
    told = view.steroid
    if not told["segments"] and not told["unknown"] and not told["ignored"] and view.agreed is None:
        return None
    course, current, cumulative = told["course"], told["current"], told["cumulative"]
    dose = float(current["dose"])
    weight = told["weight"]
    rows: list[tuple[str, Any]] = []
    per_kg = f" ({number(dose / weight['kg'], 2)} mg/kg)" if dose and weight else ""
    since = _date(current["since"])
    text = f"{number(dose)} mg/day{per_kg}" if dose else "none"
    rows.append(("Now", text + (f" since {short_day(since, view.as_of)}" if since else "")))
    high = int(course["high_days"])
    longest = int(course["longer_than_days"])
    if high:
        rows.append(("High dose", f"{high} days in this course, began {short_day(_date(course['start']), view.as_of)}"))
    crosses, crossed = _date(told["next"]["crosses_on"]), _date(course["crossed_on"])
    if crossed:
        rows.append(
            (f"{longest}-day line", html.Span(f"crossed {day_and_ago(crossed, view.as_of)}", className="c-warn"))
        )
    elif crosses and high >= 21:
        rows.append(
            (
                f"{longest}-day line",
                html.Span(f"will be crossed {day_and_ago(crosses, view.as_of)}", className="c-warn"),
            )
        )
    answer = view.assessment("prolonged-high-dose-steroids")
    rows.append(("Last 12 months", f"{number(cumulative['last_365_days_mg'], 0)} mg"))
    rows.append(("On file in all", f"{number(cumulative['total_mg'], 0)} mg"))
    rows += _plan_rows(view)
    notes: list[Any] = []
    steroids = [(one, told_) for one in view.courses if one.is_steroid and (told_ := said_of(one, view))]
    notes += [html.P(f"{one.label} {one.dose}: {old}.", className="quiet small") for one, old in steroids]
    if answer is not None and answer["state"] == "cannot_tell":
        notes.append(html.P(answer["cannot_tell_because"], className="c-warn"))
    notes += [html.P(f"{row['drug']}: {row['why']}", className="c-warn") for row in told["unknown"]]
    notes += [
        html.P(f"{thing_label(row['drug'])} is not counted: {row['why']}", className="quiet small")
        for row in told["ignored"]
    ]
    plan = html.Div(
        html.Button(
            "Taper plan",
            id="patient-taper-open",
            type="button",
            className="button-quiet",
            n_clicks=0,
        ),
        className="acts",
    )
    return section("Steroid", [definition_rows(rows), *_distinct(notes), plan], note="prednisone-equivalent")


def _plan_rows(view: PatientView) -> list[tuple[str, Any]]:
    """Where the patient stands against the agreed taper, and its next step."""
    if view.agreed is None:
        return []
    found = plan_standing(view.facts)
    rows: list[tuple[str, Any]] = []
    if found is not None:
        late = found.actual_mg > found.planned_mg and found.words != "on plan"
        text = f"{found.words} ({number(found.planned_mg)} mg planned)"
        rows.append(("Agreed plan", html.Span(text, className="c-warn" if late else None)))
        more = found.more_than_planned_mg
        if abs(more) >= 1:
            since = short_day(view.plan[0][0], view.as_of)
            rows.append(("Against plan", f"{number(abs(more), 0)} mg {'more' if more > 0 else 'less'} since {since}"))
    ahead = next(((day, mg) for day, mg in view.plan if day > view.as_of), None)
    if ahead:
        rows.append(("Planned next", f"{number(ahead[1])} mg/day from {short_day(ahead[0], view.as_of)}"))
    return rows


def _distinct(notes: Sequence[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for note in notes:
        seen.setdefault(str(note.children), note)
    return list(seen.values())


def definition_rows(rows: Sequence[tuple[str, Any]]) -> html.Dl:
    """Label and value, one pair a line."""
    return html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in rows], className="pairs")


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


# ---------------------------------------------------------------------------------------------------------------- table

MAIN_MEASURES = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total", "ck", "troponin_t", "troponin_i")


def flowsheet(view: PatientView, *, most_days: int | None = None, main_only: bool = False) -> Any:
    """The numbers of the chart as a table: a row a day, newest first; columns as far as there are values.

    `main_only` leaves out everything but strength, CK, troponin and steroid, for the printed sheet.
    """
    names = measures()
    present = [key for key in names if len(view.readings(key))]
    columns = [key for key in MAIN_MEASURES if key in present]
    others = [] if main_only else [key for key in present if key not in columns]
    cells: dict[dt.date, dict[str, list[str]]] = {}

    def put(day: dt.date, column: str, text: str) -> None:
        cells.setdefault(day, {}).setdefault(column, []).append(text)

    for key in (*columns, *others):
        row = names[key]
        for reading in rows_of(view.readings(key)):
            text = f"{reading.comparator}{number(reading.value, 2)}"
            if row.family == "presence":
                text = "positive" if reading.value else "negative"
            if key in columns:
                limit = reading.upper_limit
                if limit == limit:
                    text += f" ({times_limit(reading.value, limit)})"
                put(as_day(reading.day), key, text)
            else:
                put(as_day(reading.day), "other", f"{row.short_label} {text}{' ' + row.unit if row.unit else ''}")
    for event in rows_of(view.frames.events) if not main_only else ():
        if event.event == CONFIRMED:
            continue
        kind = events().get(str(event.event))
        label = kind.label if kind else str(event.event)
        put(as_day(event.day), "event", label if event.present else f"no {label.lower()}")
    for given in rows_of(view.frames.medications) if not main_only else ():
        known = drug(str(given.drug))
        label = known.label if known else str(given.drug)
        dose = dose_text(float(given.dose), str(given.unit), str(given.frequency))
        put(as_day(given.start), "event", f"{label} {dose}" + ("" if given.frequency == "once" else " from here"))
        if not pd.isna(given.end) and given.frequency != "once" and as_day(given.end) <= view.as_of:
            put(as_day(given.end), "event", f"{label} {dose} ended")
    if not cells:
        return html.P("Nothing on file yet.", className="quiet")
    days = sorted(cells, reverse=True)[:most_days]
    steroid = bool(view.steroid["segments"])
    heads = [html.Th("Day")]
    for key in columns:
        row = names[key]
        unit = f"of {number(row.max_value)}" if row.is_strength and row.max_value else row.unit
        heads.append(html.Th([row.short_label, html.Small(f" {unit}")], className="num"))
    heads += [html.Th(["Steroid", html.Small(" mg/d")], className="num")] if steroid else []
    heads += [html.Th("Other results")] if others else []
    heads += [] if main_only else [html.Th("Treatments and events")]
    body = []
    for day in days:
        found = cells[day]
        line: list[Any] = [html.Th(short_day(day, view.as_of), scope="row", className="nowrap")]
        line += [html.Td(", ".join(found.get(key, [])), className="num") for key in columns]
        line += [html.Td(_dose_text_on(view, day), className="num quiet")] if steroid else []
        line += [html.Td(", ".join(found.get("other", [])))] if others else []
        line += [] if main_only else [html.Td("; ".join(found.get("event", [])))]
        body.append(html.Tr(line))
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)], className="plain flowsheet"),
        className="scroll-x",
        tabIndex="0",
        role="region",
        **aria(label="All values by day"),
    )


def _dose_text_on(view: PatientView, day: dt.date) -> str:
    text = day.isoformat()
    dose = next((float(p["dose"]) for p in view.steroid["segments"] if p["start"] <= text <= p["end"]), 0.0)
    return number(dose)


# ---------------------------------------------------------------------------------------------------------- visit sheet


def visit_sheet(view: PatientView, today: dt.date) -> html.Section:
    """One printed page for the visit: who, what changed, what is taken, what to decide, room to write."""
    patient = view.patient
    rows = [alert for alert, _ in shown_alerts(view) if alert.ended_at is None and not alert.covered_by]
    late = [row for row in view.labs() if row["state"] == "met"]
    return html.Section(
        [
            html.H1(f"{patient.name} · {patient.mrn}"),
            html.P(
                " · ".join(
                    part
                    for part in (
                        age(patient.birth_date, view.as_of),
                        _sex(patient.sex),
                        patient.diagnosis,
                        f"born {patient.birth_date.isoformat()}" if patient.birth_date else "",
                        f"visit sheet of {view.as_of.isoformat()}",
                    )
                    if part
                )
            ),
            html.H2(f"Since {short_day(compared_with(view), view.as_of) or 'the beginning'}"),
            html.Ul(
                [
                    html.Li([html.B(f"{one.label}: "), one.text, f" ({one.detail})" if one.detail else ""])
                    for one in changes(view)
                ]
            ),
            html.H2("Takes"),
            html.P(
                "; ".join(
                    f"{one.label} {one.dose} ({_length(one.start, view.as_of)}{_comma(said_of(one, view))})"
                    for one in view.courses
                )
                or "nothing on file"
            ),
            html.H2("Alerts"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.B(f"{question_title(one.rule, one.subject)}: "),
                            arrows(one.explanation),
                            html.I(f" First: {one.suggested_action}.") if one.suggested_action else "",
                        ]
                    )
                    for one in rows[:6]
                ]
            )
            if rows
            else html.P("none"),
            html.H2("Tests overdue"),
            html.P(", ".join(str(row["numbers"].get("label") or row["subject"]) for row in late) or "none"),
            html.H2("Last values"),
            flowsheet(view, most_days=6, main_only=True),
            html.H2("Decided today"),
            html.Div(className="lines"),
            html.P("Signature and date ______________________________"),
        ],
        className="sheet",
        **aria(hidden="true"),
    )

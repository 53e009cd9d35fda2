"""What opens over the nurse list: the drawer of an alert or of a visit, and the dialog that asks how and why.

The drawer shows an alert with its evidence, rule and history, or a visit with its alerts; the dialog asks for reason,
day, person, outcome and note.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.alert_lines import key_of, kind_of
from dashboard.components.accessible import data
from dashboard.components.badges import SEVERITY_WORDS, STATE_WORDS, severity_badge, tag
from dashboard.components.dates import clock_time, day_and_ago
from dashboard.components.formats import number
from dashboard.components.reasons import rule_title
from dashboard.secure import ACTORS, Current
from jobs.phrasing import first_sentence, listed, subject_label
from jobs.rule import rule as rule_of
from jobs.visits import VISITS, first_of, line_of, names_of
from models.alert_lifecycle import LONGEST_SNOOZE, last_action
from models.clock import start_of_day
from models.vocabulary import answers, drug, events, measures, written_unit
from models.vocabulary.rows import AnswerKind


def act_button(kind: str, label: str, *, key: str = "", main: bool = False) -> Any:
    """A button that does one thing to the alerts chosen; what it does is decided by `dashboard.acting`."""
    return html.Button(
        [label, html.Kbd(key)] if key else label,
        type="button",
        className="button" if main else "button-quiet",
        **data(alerts_act=kind),
    )


def drawer_title(row: dict[str, Any]) -> Any:
    """Severity and rule."""
    return html.Span([severity_badge(row["severity"]), html.Span(f"  {rule_title(row['rule'])}", className="c-strong")])


def drawer(
    row: dict[str, Any],
    facts: list[dict[str, Any]],
    happened: Sequence[Any],
    here: Current,
    today: dt.date,
    seen: int,
) -> Any:
    """One alert: what it says, what can be done, what it rests on, its rule, and all that happened to it."""
    ended = row["state"] in {"resolved", "settled", "withdrawn"}
    acting = []
    if here.may(ACTORS):
        if row["needs_a_look"]:
            acting = [act_button("seen", "Seen", key="m", main=True), act_button("comment", "Comment", key="c")]
        elif row["state"] != "resolved":
            acting = [
                act_button("snooze", "Snooze", key="s"),
                act_button("assign", "Assign", key="g"),
                act_button("resolve", "Resolve", key="r"),
                act_button("comment", "Comment", key="c"),
            ]
            if row["state"] != "acknowledged":
                acting.insert(0, act_button("acknowledge", "Acknowledge", key="a", main=True))
            if row["view"] == "new":
                acting.insert(-1, act_button("take-over", "Take over", key="t"))
        else:
            acting = [act_button("comment", "Comment", key="c")]
        acting = [*_taking_back(happened, here, today), *acting]
    return html.Div(
        [
            html.Div(
                [
                    dcc.Link(row["name"], href=f"/patients/{row['mrn']}", className="c-strong"),
                    html.Span(f"{row['mrn']} · {row['diagnosis']}", className="quiet"),
                    tag(STATE_WORDS[row["state"]]),
                    tag(row["grade"], title="How strong the evidence is") if row["grade"] else None,
                    tag(f"owner {row['owner']}") if row["owner"] else None,
                ],
                className="line",
            ),
            html.P(row["explanation"].replace("->", "→"), className="lead"),
            html.P([html.B("First: "), row["suggested_action"]]) if row["suggested_action"] and not ended else None,
            html.P(["Clears when ", _uncapital(row["clears_when"])], className="quiet") if row["clears_when"] else None,
            html.P(["No newer answer: ", row["cannot_tell_because"]], className="notice notice-warn")
            if row["cannot_tell_because"] and not ended
            else None,
            html.Div(acting, className="line"),
            html.H2("Evidence"),
            _evidence(facts, today),
            html.H2("The rule in words"),
            _rule_words(row["rule"]),
            html.H2("History"),
            html.Ul([_happened(event, here, today) for event in happened], className="history"),
        ],
        className="drawer",
        **data(
            alerts_drawer=str(row["id"]),
            alerts_seen=str(seen),
            alerts_label=f"{row['name']}: {first_sentence(row['explanation'])}",
        ),
    )


def visit_title(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Severity and kind of the visit that these alerts ask for."""
    worst = min(rows, key=lambda row: ("urgent", "action", "watch").index(row["severity"]))
    title = VISITS[kind_of(key_of(rows[0]))].title
    return html.Span([severity_badge(worst["severity"]), html.Span(f"  {title}", className="c-strong")])


def visit_drawer(
    rows: Sequence[dict[str, Any]],
    happened: Mapping[int, Sequence[Any]],
    here: Current,
    today: dt.date,
    seen: int,
) -> Any:
    """One visit: the tests or measures in it, each with its alert, and what can be done to all of them at once."""
    first, kind = rows[0], kind_of(key_of(rows[0]))
    running = [row for row in rows if row["state"] not in {"resolved", "settled", "withdrawn"}]
    acting: list[Any] = []
    if here.may(ACTORS):
        if running:
            acting = [
                act_button("acknowledge", "Acknowledge all", key="a", main=True),
                act_button("snooze", "Snooze all", key="s"),
                act_button("assign", "Assign all", key="g"),
                act_button("resolve", "Resolve all", key="r"),
                act_button("comment", "Comment", key="c"),
            ]
            if all(row["state"] == "acknowledged" for row in running):
                acting = acting[1:]
        elif any(row["needs_a_look"] for row in rows):
            acting = [act_button("seen", "Seen", key="m", main=True)]
    return html.Div(
        [
            html.Div(
                [
                    dcc.Link(first["name"], href=f"/patients/{first['mrn']}", className="c-strong"),
                    html.Span(f"{first['mrn']} · {first['diagnosis']}", className="quiet"),
                ],
                className="line",
            ),
            html.P(line_of(kind, rows), className="lead"),
            html.P([html.B("First: "), first_of(kind, running)]) if running else None,
            html.P(
                "Each alert ends by itself once its result is on file; the line goes with the last.", className="quiet"
            ),
            html.Div(acting, className="line"),
            html.H2("In this visit"),
            html.Ul([_part(row, today) for row in rows], className="history"),
            html.H2("History"),
            html.Ul(_shared_history(rows, happened, here, today), className="history"),
        ],
        className="drawer",
        **data(
            alerts_drawer=key_of(first),
            alerts_ids=" ".join(str(row["id"]) for row in rows),
            alerts_seen=str(seen),
            alerts_label=f"{first['name']}: {line_of(kind, rows)}",
        ),
    )


def _part(row: Mapping[str, Any], today: dt.date) -> Any:
    state = STATE_WORDS[row["state"]] if row["state"] != "open" else ""
    said = (state, f"owner {row['owner']}" if row["owner"] else "", f"since {day_and_ago(row['since'], today)}")
    return html.Li(
        [
            severity_badge(row["severity"], words=False),
            " ",
            row["explanation"].replace("->", "→"),
            " ",
            html.Button("Open", type="button", className="link", **data(alerts_open=str(row["id"]))),
            html.Div(" · ".join(filter(None, said)), className="quiet"),
        ]
    )


def _shared_history(
    rows: Sequence[Mapping[str, Any]], happened: Mapping[int, Sequence[Any]], here: Current, today: dt.date
) -> list[Any]:
    """What happened to the alerts of a visit, once where it happened to several at the same moment."""
    found: dict[tuple[Any, ...], tuple[Any, list[str]]] = {}
    for row in rows:
        name = names_of([row])[0]
        for event in happened[row["id"]]:
            same = (event.at, event.event, event.by, event.reason, event.note if event.event != "opened" else "")
            found.setdefault(same, (event, []))[1].append(name)
    ordered = sorted(found.values(), key=lambda one: one[0].id or 0)
    return [_happened(event, here, today, of=listed(names)) for event, names in ordered]


def _taking_back(happened: Sequence[Any], here: Current, today: dt.date) -> list[Any]:
    """The button that takes back what was last done, where that was today."""
    last = last_action(happened)
    if last is None or last.at < start_of_day(here.today, here.settings.timezone):
        return []
    did = f"{last.event} by {last.by} {clock_time(last.at, here.settings.zone, today)}"
    return [html.Button(f"Undo: {did}", type="button", className="button-quiet", **data(alerts_undo=str(last.id)))]


def _uncapital(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _evidence(facts: list[dict[str, Any]], today: dt.date) -> Any:
    if not facts:
        return html.P("No single fact: the answer rests on something that is missing.", className="quiet")
    body = []
    for fact in facts:
        limit = f"limit {number(fact['upper_limit'])}" if fact["upper_limit"] else ""
        detail = " · ".join(filter(None, (limit, fact["detail"], fact["status"])))
        value = f"{fact['value']} {written_unit(fact['unit'])}".strip()
        cells = [day_and_ago(fact["date"], today), _fact_label(fact["what"]), value, detail]
        body.append(
            html.Tr(
                [
                    html.Td(cells[0], className="nowrap"),
                    html.Td(cells[1]),
                    html.Td(cells[2], className="num"),
                    html.Td(cells[3], className="quiet"),
                ]
            )
        )
    head = html.Thead(html.Tr([html.Th("Date"), html.Th("What"), html.Th("Value", className="num"), html.Th("")]))
    return html.Table([head, html.Tbody(body)], className="plain")


def _fact_label(key: str) -> str:
    if key in measures():
        return measures()[key].short_label
    if key in events():
        return events()[key].label
    found = drug(key)
    return found.label if found else subject_label(key)


def _rule_words(key: str) -> Any:
    try:
        rule = rule_of(key)
    except KeyError:
        return html.P("This version of Myopanel no longer has this rule.", className="quiet")
    return html.Div(
        [
            html.P(rule.question),
            html.P(rule.why_it_matters, className="quiet"),
            html.Details(
                [html.Summary("Known false alarms"), html.Ul([html.Li(text) for text in rule.known_false_alarms])]
            )
            if rule.known_false_alarms
            else None,
            dcc.Link("Thresholds and sources", href=f"/rules?rule={key}"),
        ]
    )


def _happened(event: Any, here: Current, today: dt.date, *, of: str = "") -> Any:
    detail = json.loads(event.detail or "{}")
    name = (
        f"Taken back: {detail['what']}" if event.event == "undone" and detail.get("what") else event.event.capitalize()
    )
    coded = answers().get(event.reason or "")
    reason = coded.label if coded else (event.reason or "")
    said = [
        of,
        reason,
        f"until {detail['until']}" if detail.get("until") else "",
        f"to {detail['to'] or 'everybody'}" if "to" in detail else "",
        f"for {detail['for']}, who is away" if detail.get("for") else "",
        "" if not event.note or event.event == "opened" else f"“{event.note.replace('->', '→')}”",
    ]
    when = clock_time(event.at, here.settings.zone, today)
    who = "" if event.by == "myopanel" else f" by {event.by}"
    told = html.Div(" · ".join(filter(None, said)), className="quiet")
    return html.Li([html.B(name), f"{who} · {when}", told])


# ---------------------------------------------------------------------------------------------------------- dialog

FIELDS = ("reason", "snooze-reason", "outcome", "until", "to", "note")
"""What the dialog asks for; which of them, the action decides."""


def modal(today: dt.date, people: Sequence[tuple[str, str, str]]) -> Any:
    """The dialog, closed. `people`: user name, name and role of whoever an alert can be given to."""

    def coded(field: str, label: str, kind: AnswerKind, default: str | None) -> Any:
        return dmc.Select(
            id=f"alerts-{field}",
            label=label,
            data=[{"value": code, "label": answer.label} for code, answer in answers(kind).items()],
            value=default,
            allowDeselect=False,
            required=True,
            size="sm",
            comboboxProps={"zIndex": 420},
        )

    def shown(field: str, child: Any) -> Any:
        return html.Div(child, **data(alerts_field=field), hidden=True)

    quick = [(1, "1 day"), (3, "3 days"), (7, "1 week"), (14, "2 weeks"), (28, "4 weeks")]
    longest = ", ".join(f"{SEVERITY_WORDS[key].lower()} {days} days" for key, days in LONGEST_SNOOZE.items())
    return dmc.Modal(
        html.Div(
            [
                html.Div(id="alerts-what", className="quiet"),
                shown("reason", coded("reason", "Reason", "acknowledge", "reviewed")),
                shown("snooze-reason", coded("snooze-reason", "Reason", "snooze", "deferred")),
                shown("outcome", coded("outcome", "Outcome", "outcome", None)),
                shown(
                    "until",
                    [
                        dmc.DateInput(
                            id="alerts-until",
                            label="Until (back in the list that day, or earlier if it gets worse)",
                            description=f"At most: {longest}",
                            value=(today + dt.timedelta(days=3)).isoformat(),
                            minDate=(today + dt.timedelta(days=1)).isoformat(),
                            valueFormat="D MMM YYYY",
                            size="sm",
                            required=True,
                            popoverProps={"zIndex": 420},
                        ),
                        html.Div(
                            [
                                html.Button(
                                    label,
                                    type="button",
                                    className="chip",
                                    **data(alerts_until=(today + dt.timedelta(days=days)).isoformat()),
                                )
                                for days, label in quick
                            ],
                            className="chips",
                        ),
                    ],
                ),
                shown(
                    "to",
                    dmc.Select(
                        id="alerts-to",
                        label="Give to",
                        data=[{"value": "", "label": "Nobody: back to everybody"}]
                        + [{"value": name, "label": f"{display} ({role})"} for name, display, role in people],
                        allowDeselect=False,
                        searchable=len(people) > 8,
                        size="sm",
                        comboboxProps={"zIndex": 420},
                    ),
                ),
                shown(
                    "note", dmc.Textarea(id="alerts-note", label="Note", autosize=True, minRows=2, maxRows=6, size="sm")
                ),
                html.Div(id="alerts-refused", role="alert"),
                html.Div(
                    [
                        html.Button(
                            "Cancel",
                            id="alerts-cancel",
                            type="button",
                            className="button-quiet",
                            **data(dialog_cancel=""),
                        ),
                        html.Button("Save", id="alerts-apply", type="button", className="button", n_clicks=0),
                    ],
                    className="form-end",
                ),
            ],
            className="form-stack",
        ),
        id="alerts-modal",
        title=" ",
        opened=False,
        centered=True,
        size="md",
        zIndex=410,
    )

"""The nurse list: every alert by patient, worst first, with the first thing to do, and what can be done about it."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import flask
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update
from sqlmodel import Session

from dashboard.acting import do, take_back
from dashboard.components.accessible import aria, data
from dashboard.components.badges import SEVERITY_WORDS, STATE_WORDS, severity_badge, tag
from dashboard.components.dates import clock_time, day_and_ago, short_day
from dashboard.components.formats import counted, number
from dashboard.components.reasons import rule_title, short_reason
from dashboard.components.states import page_head
from dashboard.rows import ROWS_AT_ONCE, answer, number_asked
from dashboard.secure import ACTORS, READERS, Current, Page, SecureDash, current, roles
from jobs.phrasing import first_sentence, subject_label
from jobs.rule import rule as rule_of
from models.accounts import audit, clinicians
from models.alert_lifecycle import LONGEST_SNOOZE, history, last_action, present_day
from models.alert_list import (
    SWITCHED_ON,
    TO_DO,
    Group,
    actions_since,
    alert_counts,
    alert_page,
    alert_rows,
    done_rows,
    evidence_rows,
    newest_event,
    waiting_group,
)
from models.alert_list import VIEWS as ALL_VIEWS
from models.clock import start_of_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.standing import settle
from models.vocabulary import answers, drug, events, measures, written_unit
from models.vocabulary.rows import AnswerKind

PAGE = Page("/alerts", "Alerts", READERS, nav=20)

GRID = "alerts-grid"
WHO = "alerts-who"
SHOW = "alerts-show"
COMMAND = "alerts-command"
VERSION = "alerts-version"
OPEN = "alerts-open"
TICK = "alerts-tick"
FIELDS = ("reason", "snooze-reason", "outcome", "until", "to", "note")

VIEWS = (
    ("todo", "To do"),
    ("urgent", SEVERITY_WORDS["urgent"]),
    ("action", SEVERITY_WORDS["action"]),
    ("watch", SEVERITY_WORDS["watch"]),
    ("new", "New with this version"),
    ("settled", "Settled, not yet seen"),
    ("acknowledged", "Acknowledged"),
    ("snoozed", "Snoozed"),
    ("covered", "Covered"),
)
DONE_VIEW = ("done", "Done today")


def layout(**query: str) -> Any:
    """The frame of the list; tab and view come from the address, and the grid asks `/alerts/rows` for its alerts."""
    here = current()
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        people = [(user.name, user.display_name or user.name, user.role) for user in clinicians(session)]
    views = [key for key, _ in (*VIEWS, DONE_VIEW)]
    return html.Div(
        [
            page_head(
                "Nurse list",
                None,
                [
                    dmc.SegmentedControl(
                        id=WHO,
                        value=query["who"] if query.get("who") in {"all", "mine", "none"} else "all",
                        data=[
                            {"value": "mine", "label": "Mine"},
                            {"value": "all", "label": "All"},
                            {"value": "none", "label": "Unassigned"},
                        ],
                        size="xs",
                    ),
                    html.Div(
                        [_chip(key, label) for key, label in (*VIEWS, DONE_VIEW)],
                        className="chips",
                        role="group",
                        **aria(label="View"),
                    ),
                ],
            ),
            html.Div(
                [
                    html.Span(id="alerts-count", className="quiet", role="status"),
                    html.Div(
                        [
                            html.Span(id="alerts-said", role="status"),
                            html.Button(
                                ["Undo", html.Kbd("u")],
                                id="alerts-undo-button",
                                type="button",
                                className="button-quiet",
                                hidden=True,
                            ),
                        ],
                        className="said-last",
                    ),
                    html.A("Print", id="alerts-print", href="/alerts/print", className="quiet"),
                ],
                className="list-line",
            ),
            html.Div(id="alerts-group", hidden=True, className="notice notice-line", role="status"),
            html.Div(_grid(here), className="grid-wrap", role="region", **aria(label="Alerts by patient, worst first")),
            html.Div(id="alerts-filtered", hidden=True),
            html.Div(id="alerts-unread", hidden=True, className="notice notice-bad", role="alert"),
            _bulk() if here.may(ACTORS) else None,
            html.Div(id="alerts-refusals", className="notice notice-bad notice-line", hidden=True, role="alert"),
            dcc.Store(id=SHOW, data=query["show"] if query.get("show") in views else "todo"),
            dcc.Store(id=COMMAND),
            dcc.Store(id=OPEN, data=query.get("alert")),
            dcc.Store(id=VERSION),
            dcc.Interval(id=TICK, interval=20_000),
            dmc.Drawer(id="alerts-drawer", position="right", size="lg", padding="md", title=" ", opened=False),
            _modal(today, people),
        ],
        className="page fill",
        **data(keys="alerts", may="1" if here.may(ACTORS) else ""),
    )


# ------------------------------------------------------------------------------------------------------------- rows


def list_rows(session: Session, here: Current, today: dt.date) -> list[dict[str, Any]]:
    """Every alert of the list as the grid shows it, in the order in which it is shown."""
    return [_row(row, here, today) for row in alert_rows(session, today)]


def content(here: Current, query: Mapping[str, str]) -> dict[str, Any]:
    """A part of the list: `rows` of so many patients, whether there are `more`, and the `counts` of every view."""
    shown = {"todo", *ALL_VIEWS, DONE_VIEW[0]}
    show = query.get("show", "todo") if query.get("show") in shown else "todo"
    owner = owner_of(here, query)
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    settle(here.engine, today)
    with reading(here.engine) as session:
        # Before anything else is read: whatever happens after it was not seen by whoever acts on this list.
        seen = newest_event(session)
        counts = alert_counts(session, today, owner=owner, people_of=(show,))
        done = actions_since(session, start_of_day(here.today, here.settings.timezone), by=owner or None)
        if show == DONE_VIEW[0]:
            found, more = done_rows(session, today, done), False
        else:
            start, count = number_asked("start", 0), number_asked("count", 200, ROWS_AT_ONCE)
            found, more = alert_page(session, today, views_of(show), start, count, owner=owner)
        group = waiting_group(session)
    return {
        "rows": [_row(row, here, today) for row in found],
        "more": more,
        "counts": counts.alerts | {"done": len(done)},
        "people": counts.patients,
        "seen": seen,
        "group": _group_told(group, here, today),
    }


def views_of(show: str) -> tuple[str, ...]:
    """The views that a tab of the page lists."""
    return TO_DO if show not in ALL_VIEWS else (show,)


def owner_of(here: Current, query: Mapping[str, str]) -> str | None:
    """Whose alerts an address asks for, as `models.alert_list` has it."""
    return {"mine": here.user.name, "none": ""}.get(query.get("who", ""))


def _group_told(group: Group | None, here: Current, today: dt.date) -> dict[str, Any] | None:
    """What waits as one group: how many alerts, in a word for the button, and in a sentence."""
    if group is None or group.since is None:
        return None
    verb = "is" if group.alerts == 1 else "are"
    since = clock_time(group.since, here.settings.zone, today)
    return {
        "count": group.alerts,
        "lead": f"{counted(group.alerts, 'alert')} of {counted(group.patients, 'patient')} {verb} {group.said}",
        "rest": f"None is for today. They wait here since {since}.",
        "all": f"{counted(group.alerts, 'alert')} of {counted(group.patients, 'patient')}",
    }


def _row(row: dict[str, Any], here: Current, today: dt.date) -> dict[str, Any]:
    view = row["view"]
    return {
        "id": str(row["id"]),
        "m": row["mrn"],
        "n": row["name"],
        "x": row["diagnosis"],
        "s": row["severity"],
        "v": view,
        "t": short_reason(row, today, since=False),
        "f": _first(row, here, today),
        "h": "" if row.get("action") else _note(row, here, today),
        "d": short_day(row["since"], today),
        "o": row["owner"] or "",
    } | ({"u": row["action"].id} if row.get("action") else {})


def _first(row: dict[str, Any], here: Current, today: dt.date) -> str:
    """The first thing to do; of what was done today, what that was."""
    action = row.get("action")
    if action is not None:
        return f"{action.event.capitalize()} by {action.by} {clock_time(action.at, here.settings.zone, today)}"
    return str(row["suggested_action"]) if row["view"] != "settled" else "look once: it ended by itself"


def _note(row: dict[str, Any], here: Current, today: dt.date) -> str:
    """What else must be known before acting, in a few words."""
    if row["withdrawn_at"]:
        return "withdrawn: its result was corrected"
    if row["needs_a_look"]:
        return "no longer true"
    if row["state"] == "snoozed":
        return f"until {short_day(row['snoozed_until'], today)}"
    if row["state"] == "acknowledged":
        lapses = f", lapses {short_day(row['lapses_on'], today)}" if row["lapses_on"] else ""
        return f"by {row['acknowledged_by']}{lapses}"
    if row["covered_by"]:
        return f"by {rule_title(row['covered_by']).lower()}"
    if row["worsened_at"]:
        return f"worse since {clock_time(row['worsened_at'], here.settings.zone, today)}"
    if row["escalation"]:
        return "nobody has acted"
    if row["cannot_tell_because"]:
        return f"no newer answer: {row['cannot_tell_because']}"
    if row["brought_by"] == SWITCHED_ON:
        return "rule switched on"
    if row["brought_by"] and row["view"] != "new":
        return f"new: {row['brought_by']}"
    return "again" if row["previous_id"] else ""


def _grid(here: Current) -> Any:
    def column(field: str, title: str, renderer: str, **more: Any) -> dict[str, Any]:
        return {
            "field": field,
            "headerName": title,
            "cellRenderer": renderer,
            "cellDataType": False,
            "sortable": False,
            "resizable": True,
            "suppressMovable": True,
        } | more

    acting = here.may(ACTORS)
    options: dict[str, Any] = {
        "getRowHeight": {"function": "alertsRowHeight(params.data)"},
        "headerHeight": 32,
        "animateRows": False,
        "ensureDomOrder": True,
        "suppressColumnVirtualisation": True,
        "localeText": {"noRowsToShow": "Nothing here."},
    }
    if acting:
        options["rowSelection"] = {
            "mode": "multiRow",
            "checkboxes": True,
            "headerCheckbox": True,
            "selectAll": "filtered",
            "enableClickSelection": False,
        }
        options["selectionColumnDef"] = {"width": 42, "maxWidth": 42, "resizable": False}
    return dag.AgGrid(
        id=GRID,
        columnDefs=[
            column("n", "Patient", "AlertPatient", colId="patient", width=200),
            column("t", "What, and the first thing to do", "AlertWhat", flex=1, minWidth=200),
            column("d", "Since", "AlertSince", colId="since", width=190),
            column("o", "Owner", "AlertOwner", colId="owner", width=110),
            *([column("id", "Act", "AlertActions", colId="actions", width=268, resizable=False)] if acting else []),
        ],
        rowData=[],
        getRowId="params.data.id",
        defaultColDef={"suppressHeaderMenuButton": True},
        dashGridOptions=options,
        style={"height": "100%", "width": "100%"},
    )


def _chip(key: str, label: str) -> Any:
    return html.Button(
        [label, " ", html.B("", **data(alerts_count=key))],
        type="button",
        className="chip",
        **data(alerts_show=key),
    )


def _act_button(kind: str, label: str, *, key: str = "", main: bool = False) -> Any:
    return html.Button(
        [label, html.Kbd(key)] if key else label,
        type="button",
        className="button" if main else "button-quiet",
        **data(alerts_act=kind),
    )


def _bulk() -> Any:
    return html.Div(
        [
            html.Span("", className="said", **data(alerts_selected="")),
            html.Span(
                [
                    _act_button("acknowledge", "Acknowledge", key="a"),
                    _act_button("snooze", "Snooze", key="s"),
                    _act_button("assign", "Assign"),
                    _act_button("resolve", "Resolve"),
                ],
                className="acts",
                **data(alerts_not="done"),
            ),
            html.Span(_act_button("undo", "Undo", key="u"), **data(alerts_only="done"), hidden=True),
            html.Span(_act_button("take-over", "Take over", key="t"), **data(alerts_only="new"), hidden=True),
            _act_button("clear", "Clear"),
        ],
        id="alerts-bulk",
        className="bulk",
        hidden=True,
    )


def _modal(today: dt.date, people: Sequence[tuple[str, str, str]]) -> Any:
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


# ------------------------------------------------------------------------------------------------------- callbacks


def register(app: SecureDash) -> None:
    """Acting, undoing, refreshing, the drawer."""
    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "filter"),
        Output("alerts-filtered", "title"),
        Input(WHO, "value"),
        Input(SHOW, "data"),
    )
    # Somebody acted, here or elsewhere: what has not changed since is answered with 304.
    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "again"),
        Output("alerts-filtered", "dir"),
        Input(VERSION, "data"),
        Input(TICK, "n_intervals"),
        prevent_initial_call=True,
    )

    @app.server.get("/alerts/rows")
    @roles(*READERS)
    def alerts_rows() -> flask.Response:
        return answer(content(current(), flask.request.args))

    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "clicked"),
        Output("alerts-filtered", "lang"),
        Input(GRID, "cellClicked"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "closed"),
        Output("alerts-filtered", "tabIndex"),
        Input("alerts-drawer", "opened"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "save"),
        Output("alerts-filtered", "className"),
        Input("alerts-apply", "n_clicks"),
        State(COMMAND, "data"),
        *[State(f"alerts-{field}", "value") for field in FIELDS],
        prevent_initial_call=True,
    )

    @app.server.post("/alerts/act")
    @roles(*ACTORS)
    def alerts_act() -> flask.Response:
        return _acted(do)

    @app.server.post("/alerts/undo")
    @roles(*ACTORS)
    def alerts_undo() -> flask.Response:
        return _acted(take_back)

    @app.callback(
        Output("alerts-drawer", "children"),
        Output("alerts-drawer", "title"),
        Output("alerts-drawer", "opened"),
        Input(OPEN, "data"),
        roles=READERS,
    )
    def open_drawer(asked: Any) -> tuple[Any, Any, Any]:
        alert_id = _opened(asked)
        if alert_id is None:
            return no_update, no_update, no_update
        here = current()
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            found = alert_rows(session, today, ids=[alert_id])
            if not found:
                raise ActionRefused(f"There is no alert {alert_id}.")
            row = found[0]
            facts = evidence_rows(session, row["evidence"])
            happened = history(session, [alert_id])[alert_id]
            seen = newest_event(session)
        with writing(here.engine) as session:
            audit(
                session, here.user.name, "read alert", now=here.now, patient_id=row["patient_id"], detail=str(alert_id)
            )
        return _drawer(row, facts, happened, here, today, seen), _drawer_title(row), True


def _acted(work: Callable[[Current, Mapping[str, Any]], dict[str, Any]]) -> flask.Response:
    """What an action answers; what is refused altogether is 422 with the reason in words."""
    sent = flask.request.get_json(silent=True)
    try:
        return flask.jsonify(work(current(), sent if isinstance(sent, dict) else {}))
    except ActionRefused as reason:
        refused = flask.jsonify({"said": "", "done": [], "refused": [str(reason)], "undo": {}})
        refused.status_code = 422
        return refused


def _opened(asked: Any) -> int | None:
    value = asked.get("id") if isinstance(asked, dict) else asked
    return int(str(value)) if str(value or "").isdecimal() else None


# ---------------------------------------------------------------------------------------------------------- drawer


def _drawer_title(row: dict[str, Any]) -> Any:
    return html.Span([severity_badge(row["severity"]), html.Span(f"  {rule_title(row['rule'])}", className="c-strong")])


def _drawer(
    row: dict[str, Any],
    facts: list[dict[str, Any]],
    happened: Sequence[Any],
    here: Current,
    today: dt.date,
    seen: int,
) -> Any:
    ended = row["state"] in {"resolved", "settled", "withdrawn"}
    acting = []
    if here.may(ACTORS):
        if row["needs_a_look"]:
            acting = [_act_button("seen", "Seen", main=True), _act_button("comment", "Comment")]
        elif row["state"] != "resolved":
            acting = [
                _act_button("snooze", "Snooze", key="s"),
                _act_button("assign", "Assign"),
                _act_button("resolve", "Resolve"),
                _act_button("comment", "Comment"),
            ]
            if row["state"] != "acknowledged":
                acting.insert(0, _act_button("acknowledge", "Acknowledge", key="a", main=True))
            if row["view"] == "new":
                acting.insert(-1, _act_button("take-over", "Take over", key="t"))
        else:
            acting = [_act_button("comment", "Comment")]
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


def _happened(event: Any, here: Current, today: dt.date) -> Any:
    detail = json.loads(event.detail or "{}")
    name = (
        f"Taken back: {detail['what']}" if event.event == "undone" and detail.get("what") else event.event.capitalize()
    )
    coded = answers().get(event.reason or "")
    reason = coded.label if coded else (event.reason or "")
    said = [
        reason,
        f"until {detail['until']}" if detail.get("until") else "",
        f"to {detail['to'] or 'everybody'}" if "to" in detail else "",
        "" if not event.note or event.event == "opened" else f"“{event.note.replace('->', '→')}”",
    ]
    when = clock_time(event.at, here.settings.zone, today)
    who = "" if event.by == "myopanel" else f" by {event.by}"
    told = html.Div(" · ".join(filter(None, said)), className="quiet")
    return html.Li([html.B(name), f"{who} · {when}", told])

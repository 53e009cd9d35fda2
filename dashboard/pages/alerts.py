"""The nurse list: every alert by patient, worst first, with the first thing to do, and what can be done about it."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import flask
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update
from sqlmodel import Session

from dashboard.acting import do, numbers, take_back
from dashboard.alert_choice import only_of, people_of, whose_choices
from dashboard.alert_drawer import FIELDS, act_button, drawer, drawer_title, modal, visit_drawer, visit_title
from dashboard.alert_lines import ended_by_itself, ending_told, grouped, lines, row_of
from dashboard.components.accessible import aria, data
from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.dates import clock_time
from dashboard.components.formats import counted, number
from dashboard.components.states import page_head
from dashboard.rows import ROWS_AT_ONCE, answer, number_asked
from dashboard.secure import ACTORS, READERS, Current, Page, SecureDash, current, roles
from jobs.rule import all_rules
from models.absence import keep_cover
from models.accounts import audit, clinicians
from models.alert_endings import newest_values
from models.alert_lifecycle import history, present_day
from models.alert_list import (
    TO_DO,
    Group,
    actions_since,
    alert_counts,
    alert_page,
    alert_rows,
    done_rows,
    evidence_rows,
    newest_event,
    rule_counts,
    waiting_group,
)
from models.alert_list import VIEWS as ALL_VIEWS
from models.clock import start_of_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.standing import settle

PAGE = Page("/alerts", "Alerts", READERS, nav=20)

GRID = "alerts-grid"
WHO = "alerts-who"
SHOW = "alerts-show"
COMMAND = "alerts-command"
VERSION = "alerts-version"
OPEN = "alerts-open"
TICK = "alerts-tick"
SEARCH, RULE, SEVERITY = "alerts-q", "alerts-rule", "alerts-sev"

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
    whose = whose_choices(here)
    return html.Div(
        [
            page_head(
                "Nurse list",
                None,
                [
                    dmc.SegmentedControl(
                        id=WHO,
                        value=query["who"] if query.get("who") in {one["value"] for one in whose} else "all",
                        data=whose,
                        size="xs",
                    ),
                    *_filters(query),
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
                    html.Button(
                        "Clear filters", id="alerts-clear-filters", type="button", className="link", hidden=True
                    ),
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
                    html.Button(
                        ["Keys ", html.Kbd("?")], type="button", className="link quiet keys-open", **data(keys_open="")
                    ),
                    html.A("Print", id="alerts-print", href="/alerts/print", className="quiet"),
                ],
                className="list-line",
            ),
            html.Div(id="alerts-group", hidden=True, className="notice notice-line", role="status"),
            html.Div(id="alerts-settled", hidden=True, className="notice notice-line", role="status"),
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
            modal(today, people),
        ],
        className="page fill",
        **data(keys="alerts", may="1" if here.may(ACTORS) else ""),
    )


def _filters(query: Mapping[str, str]) -> list[Any]:
    """Search, rule and urgency. The rules are counted when they are first asked for."""
    return [
        dmc.TextInput(
            id=SEARCH,
            value=query.get("q", ""),
            placeholder="Filter by name, MRN, words",
            rightSection=html.Kbd("f"),
            rightSectionPointerEvents="none",
            size="xs",
            w=200,
            debounce=250,
            inputProps={"aria-label": "Filter by name, record number, words of the alert, or its number"},
        ),
        dmc.Select(
            id=RULE,
            data=[{"value": rule.key, "label": rule.title} for rule in all_rules()],
            value=query.get("rule") if query.get("rule") in {rule.key for rule in all_rules()} else None,
            placeholder="Any rule",
            clearable=True,
            searchable=True,
            size="xs",
            w=150,
            comboboxProps={"width": "max-content", "position": "bottom-start"},
            inputProps={"aria-label": "Any rule"},
        ),
        dmc.Select(
            id=SEVERITY,
            data=[{"value": key, "label": SEVERITY_WORDS[key]} for key in TO_DO],
            value=query.get("sev") if query.get("sev") in TO_DO else None,
            placeholder="Any urgency",
            clearable=True,
            size="xs",
            w=118,
            comboboxProps={"width": "max-content", "position": "bottom-start"},
            inputProps={"aria-label": "Any urgency"},
            # On a telephone the tabs say it.
            className="optional",
        ),
    ]


# ------------------------------------------------------------------------------------------------------------- rows


def list_rows(session: Session, here: Current, today: dt.date) -> list[dict[str, Any]]:
    """Every alert of the list as the grid shows it, in the order in which it is shown."""
    return [row_of(row, here, today) for row in alert_rows(session, today)]


def content(here: Current, query: Mapping[str, str]) -> dict[str, Any]:
    """A part of the list.

    `rows`: the alerts of so many patients, `more`: whether there are more, `visits`: by key what the line of those says
    that one visit ends (`dashboard.alert_lines`), `counts` of every view, `people` of the one shown, and where
    something is filtered, `of`: how many there are without.
    """
    shown = {"todo", *ALL_VIEWS, DONE_VIEW[0]}
    show = query.get("show", "todo") if query.get("show") in shown else "todo"
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        only = only_of(session, here, query)
    keep_cover(here.engine, today=today, now=here.now)
    settle(here.engine, today)
    with reading(here.engine) as session:
        # Before anything else is read: whatever happens after it was not seen by whoever acts on this list.
        seen = newest_event(session)
        counts = alert_counts(session, today, only=only, people_of=(show,))
        since = start_of_day(here.today, here.settings.timezone)
        done = actions_since(session, since, by=people_of(session, here, query) or None, only=only)
        if show == DONE_VIEW[0]:
            found, more = done_rows(session, today, done), False
        else:
            start, count = number_asked("start", 0), number_asked("count", 200, ROWS_AT_ONCE)
            found, more = alert_page(session, today, views_of(show), start, count, only=only)
        group = waiting_group(session)
        told = {row["id"]: row_of(row, here, today) for row in found}
        if show == "settled":
            values = newest_values(session, list(told))
            for row in found:
                if not row["withdrawn_at"]:
                    because = ending_told(row["ended_at"], values.get(row["id"]), row["clears_when"], here, today)
                    told[row["id"]]["f"] = because
        settled = ended_by_itself(session, only, here, today) if show in {"todo", "settled"} else None
        visits = lines(session, found, told, today)
        everything = alert_counts(session, today, people_of=()) if not only.everything else counts
    line_of = {row["id"]: key for key, rows in grouped(found).items() for row in rows}
    return {
        "rows": [one | ({"g": line_of[number]} if number in line_of else {}) for number, one in told.items()],
        "visits": visits,
        "more": more,
        "counts": counts.alerts | {"done": len(done)},
        "people": counts.patients,
        "of": everything.alerts[show] if not only.everything and show != DONE_VIEW[0] else None,
        "seen": seen,
        "group": _group_told(group, here, today),
        "settled": settled,
    }


def views_of(show: str) -> tuple[str, ...]:
    """The views that a tab of the page lists."""
    return TO_DO if show not in ALL_VIEWS else (show,)


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


def _bulk() -> Any:
    return html.Div(
        [
            html.Span("", className="said", **data(alerts_selected="")),
            html.Span(
                [
                    act_button("acknowledge", "Acknowledge", key="a"),
                    act_button("snooze", "Snooze", key="s"),
                    act_button("assign", "Assign"),
                    act_button("resolve", "Resolve"),
                ],
                className="acts",
                **data(alerts_not="done"),
            ),
            html.Span(act_button("undo", "Undo", key="u"), **data(alerts_only="done"), hidden=True),
            html.Span(act_button("take-over", "Take over", key="t"), **data(alerts_only="new"), hidden=True),
            act_button("clear", "Clear"),
        ],
        id="alerts-bulk",
        className="bulk",
        hidden=True,
    )


# ------------------------------------------------------------------------------------------------------- callbacks


def register(app: SecureDash) -> None:
    """Acting, undoing, refreshing, the drawer."""
    app.clientside_callback(
        ClientsideFunction("myopanelAlerts", "filter"),
        Output("alerts-filtered", "title"),
        Input(WHO, "value"),
        Input(SHOW, "data"),
        Input(SEARCH, "value"),
        Input(RULE, "value"),
        Input(SEVERITY, "value"),
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

    @app.server.get("/alerts/choices")
    @roles(*READERS)
    def alerts_choices() -> flask.Response:
        here = current()
        show = flask.request.args.get("show", "todo")
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            counts = rule_counts(session, today, views_of(show))
        titles = {rule.key: rule.title for rule in all_rules()}
        asked = [(key, count) for key, count in counts.items() if key in titles]
        others = [key for key in titles if key not in counts]
        return answer(
            {
                "rule": [{"value": key, "label": f"{titles[key]} ({number(count)})"} for key, count in asked]
                + [{"value": key, "label": f"{titles[key]} (0)"} for key in others]
            }
        )

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
        chosen = _opened(asked)
        if not chosen:
            return no_update, no_update, no_update
        here = current()
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            found = alert_rows(session, today, ids=chosen)
            if not found:
                raise ActionRefused(f"There is no alert {chosen[0]}.")
            visit = next((rows for rows in grouped(found).values() if len(rows) == len(chosen)), None)
            if visit is None:
                found = found[:1]
            facts = evidence_rows(session, found[0]["evidence"])
            happened = history(session, [row["id"] for row in found])
            seen = newest_event(session)
        with writing(here.engine) as session:
            for row in found:
                audit(
                    session, here.user.name, "read alert", now=here.now, patient_id=row["patient_id"],
                    detail=str(row["id"]),
                )  # fmt: skip
        if visit is not None:
            return visit_drawer(visit, happened, here, today, seen), visit_title(visit), True
        row = found[0]
        return drawer(row, facts, happened[row["id"]], here, today, seen), drawer_title(row), True


def _acted(work: Callable[[Current, Mapping[str, Any]], dict[str, Any]]) -> flask.Response:
    """What an action answers; what is refused altogether is 422 with the reason in words."""
    sent = flask.request.get_json(silent=True)
    try:
        return flask.jsonify(work(current(), sent if isinstance(sent, dict) else {}))
    except ActionRefused as reason:
        refused = flask.jsonify({"said": "", "done": [], "refused": [str(reason)], "undo": {}})
        refused.status_code = 422
        return refused


def _opened(asked: Any) -> list[int]:
    """The alerts whose drawer is asked for: one, or those of a visit."""
    value = (asked.get("ids") or [asked.get("id")]) if isinstance(asked, dict) else [asked]
    return numbers(value)

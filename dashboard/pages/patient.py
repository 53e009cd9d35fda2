"""One patient: what changed, on one time axis, beside what needs attention and what could be considered.

The page answers "what changed since the last visit" first. Alerts stand beside the chart with what they rest on;
suggestions follow a moment later, because the rules are asked again for them. `?known=2026-03-03` shows what was known
on that day; nothing can be done there.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate
from sqlmodel import col, select

from dashboard import shell
from dashboard.components.accessible import aria
from dashboard.components.dates import short_day
from dashboard.components.graph import graph
from dashboard.components.states import empty_state, notice
from dashboard.figures.timeline import starting_range, timeline
from dashboard.patient import CHANGED, REF, WHO_ACTS, calculators, entry, own_thresholds, plan, taken
from dashboard.patient.advice import explanations_section, response_section, suggestions_section
from dashboard.patient.antibodies import antibodies_section
from dashboard.patient.sections import (
    alerts_section,
    banner,
    could_not_tell_section,
    flowsheet,
    labs_section,
    since_card,
    steroid_section,
    visit_sheet,
)
from dashboard.patient.skin_and_lung import skin_and_lung_section
from dashboard.patient.view import PatientView, gather, parse_day, reviewed_today, timeline_data
from dashboard.secure import DECIDERS, READERS, Current, Page, SecureDash, current
from jobs.importers.load import FactsRefused
from jobs.suggest import suggest
from models import alert_lifecycle
from models.accounts import audit
from models.alert import Alert
from models.database import reading, writing
from models.errors import ActionRefused
from models.medication import MedicationStatement
from models.patient_record import (
    answer_suggestion,
    facts_on_file,
    find,
    mark_reviewed,
    suggestion_answers,
    undo_review,
)
from models.vocabulary import answers, measures

PAGE = Page("/patients/<mrn>", "Patient", READERS)

BODY = "patient-body"
LATE = "patient-late"
GRAPH = "patient-graph"

ACTS: Mapping[str, tuple[str, str]] = {
    "snooze": ("Snooze", "snooze"),
    "resolve": ("Resolve", "outcome"),
    "comment": ("Comment", ""),
}
"""Actions that ask something first: title and the kind of codes they take. The others are done at once."""

DEFAULT_CODES = {"snooze": "deferred"}
SNOOZE_DAYS = {"urgent": 1, "action": 7, "watch": 28}
"""Days a snooze is proposed for, by severity [default]; the longest allowed is the lifecycle's."""


def layout(mrn: str, known: str = "", **_query: str) -> Any:
    """The page of one record number."""
    here = current()
    view = gather(here, mrn, parse_day(known))
    if view is None:
        return html.Div(
            empty_state(
                f"There is no patient {mrn}",
                "Record numbers are compared exactly, leading zeros included. The number may be mistyped, or the "
                "patient may not have been imported yet.",
                action="Go to the panel",
                href="/",
            ),
            className="page",
        )
    shell.note_reading(here, view.id)
    return html.Div(
        [
            dcc.Store(id=REF, data={"mrn": mrn, "known": view.past.isoformat() if view.past else ""}),
            dcc.Store(id=CHANGED),
            dcc.Store(id="patient-nothing"),
            dcc.Store(id="patient-act"),
            dcc.Store(id="patient-fact-act"),
            dcc.Store(id="patient-suggestion-act"),
            html.Div(body(view, here), id=BODY),
            plan.drawer(),
            calculators.drawer(),
            *([own_thresholds.modal()] if here.may(DECIDERS) and view.past is None else []),
            *(_dialogs() if here.may(WHO_ACTS) and view.past is None else []),
        ],
        className="page patient",
    )


# ------------------------------------------------------------------------------------------------------------ the body


def body(
    view: PatientView, here: Current, *, shown: str = "", scale: str = "times", as_table: bool = False
) -> list[Any]:
    """Everything that changes when a fact or an alert does. The arguments keep how the reader had set the chart."""
    acts = here.may(WHO_ACTS) and view.past is None
    zone = here.settings.zone
    aside = [alerts_section(view, zone, here.today, acts=acts), html.Div(_waiting(), id=LATE, role="status")]
    decides = here.may(DECIDERS) and view.past is None
    more = [
        taken.taken_section(view, acts=acts),
        labs_section(view),
        steroid_section(view),
        skin_and_lung_section(view),
        antibodies_section(view),
        response_section(view),
        could_not_tell_section(view),
        own_thresholds.own_section(view, decides=decides),
    ]
    return [
        _past_notice(view),
        _stale_notice(view),
        banner(view, _buttons(view, here, acts=acts), zone, here.today),
        since_card(view),
        html.Div(
            [
                html.Div(aside, className="act"),
                chart_card(view, shown=shown, scale=scale, as_table=as_table),
                html.Div(
                    [html.Div(id="patient-explanations"), *[part for part in more if part is not None]],
                    className="more",
                ),
            ],
            className="patient-grid",
        ),
        visit_sheet(view, here.today),
    ]


def _past_notice(view: PatientView) -> Any:
    if view.past is None:
        return None
    back = dcc.Link("Back to today", href=f"/patients/{view.patient.mrn}")
    text = f"As known on {short_day(view.past, view.past)} {view.past.year}: later facts and corrections are left out. "
    return notice([text, back], kind="warn")


def _stale_notice(view: PatientView) -> Any:
    if view.evaluated or view.patient.status != "active":
        return None
    return notice("The rules have not looked at this patient's newest facts yet.", kind="warn")


def _buttons(view: PatientView, here: Current, *, acts: bool) -> list[Any]:
    buttons: list[Any] = []
    if acts:
        undo = reviewed_today(view, here)
        buttons += [
            html.Button("Add to record", id="patient-record-open", className="button", n_clicks=0, title="n"),
            html.Button("Entries", id="patient-entries-open", className="button-quiet", n_clicks=0),
            html.Button(
                "Undo review" if undo else "Mark as reviewed",
                id={"type": "patient-review", "act": "undo" if undo else "mark"},
                className="button-quiet",
                n_clicks=0,
            ),
        ]
    buttons.append(html.Button("Calculators", id="patient-calc-open", className="button-quiet", n_clicks=0))
    buttons.append(html.Button("Visit sheet", id="patient-print", className="button-quiet", n_clicks=0, title="Print"))
    return buttons


def chart_card(view: PatientView, *, shown: str = "", scale: str = "times", as_table: bool = False) -> html.Section:
    """The time axis with its switches, and the same numbers as a table."""
    data = timeline_data(view)
    if data.is_empty:
        nothing = empty_state(
            "Nothing on file yet",
            "Scores, results, treatments and events will stand here on one time axis. They come with the next import, "
            "or can be typed in with “Add to record”.",
        )
        # The switches that redrawing reads are not there yet: empty stores stand for them.
        unset = [dcc.Store(id=f"patient-{name}") for name in ("range", "scale", "table")]
        return html.Section([nothing, *unset], className="card chart")
    choice = shown or starting_range(data)
    figure = timeline(data, scale="units" if scale == "units" else "times", shown=choice)
    drawn = "Strength, CK, troponin, skin, lung, steroid dose, treatments, events and alerts"
    label = f"{drawn} of {view.patient.name} over time"
    ranges = [
        {"value": key, "label": text} for key, text in (("3m", "3 m"), ("6m", "6 m"), ("1y", "1 y"), ("all", "All"))
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Course", className="only-read"),
                    _segments("patient-range", choice, ranges, "Time shown"),
                    _segments(
                        "patient-scale",
                        scale,
                        [{"value": "times", "label": "× limit"}, {"value": "units", "label": "U/L"}],
                        "Scale of CK",
                    )
                    if len(data.enzyme)
                    else dcc.Store(id="patient-scale", data="times"),
                    html.Span(className="grow"),
                    dmc.DateInput(
                        id="patient-known",
                        value=view.past.isoformat() if view.past else None,
                        placeholder="As known on …",
                        valueFormat="D MMM YYYY",
                        size="xs",
                        clearable=True,
                        className="known",
                        **aria(label="Show what was known on a day"),
                    ),
                    _segments(
                        "patient-table",
                        "table" if as_table else "chart",
                        [{"value": "chart", "label": "Chart"}, {"value": "table", "label": "Table"}],
                        "Chart or table",
                    ),
                ],
                className="chart-head",
            ),
            html.Div(
                graph(figure, id=GRAPH, label=label, height=int(figure.layout.height)),
                id="patient-chart",
                hidden=as_table,
            ),
            html.Div(flowsheet(view) if as_table else None, id="patient-numbers", hidden=not as_table),
        ],
        className="card chart",
        **aria(label="Course"),
    )


def _segments(id: str, value: str, data: list[dict[str, str]], label: str) -> Any:
    return dmc.SegmentedControl(id=id, value=value, data=data, size="xs", **aria(label=label))


def _waiting() -> Any:
    return html.Div("Asking the rules what could be considered …", className="quiet waiting")


# ------------------------------------------------------------------------------------------------------------- dialogs


def _dialogs() -> list[Any]:
    popup = {"zIndex": 430}
    code = dmc.Select(
        id="patient-act-code", label="Reason", data=[], size="sm", allowDeselect=False, comboboxProps=popup
    )
    until = dmc.DateInput(
        id="patient-act-until", label="Until", valueFormat="YYYY-MM-DD", size="sm", popoverProps=popup
    )
    note = dmc.Textarea(id="patient-act-note", label="Note", size="sm", autosize=True, minRows=2, value="")
    act = html.Div(
        [
            html.Div(code, id="patient-act-code-box"),
            html.Div(until, id="patient-act-until-box"),
            note,
            html.Div(id="patient-act-said", role="alert", className="form-said"),
            _save("patient-act-save"),
        ],
        className="form-stack",
    )
    fact = html.Div(
        [
            html.Div(
                dmc.TextInput(id="patient-fact-value", label="Right value", size="sm", value=""),
                id="patient-fact-value-box",
            ),
            dmc.Textarea(
                id="patient-fact-reason", label="Why it is wrong", size="sm", autosize=True, value="", required=True
            ),
            html.Div(id="patient-fact-said", role="alert", className="form-said"),
            _save("patient-fact-save"),
        ],
        className="form-stack",
    )
    decide = html.Div(
        [
            dmc.Select(
                id="patient-decision", label="Decided", data=[], size="sm", allowDeselect=False, comboboxProps=popup
            ),
            html.Div(
                dmc.Select(
                    id="patient-decision-reason",
                    label="Reason",
                    data=[{"value": key, "label": row.label} for key, row in answers("decline").items()],
                    size="sm",
                    comboboxProps=popup,
                ),
                id="patient-decision-reason-box",
            ),
            dmc.Textarea(id="patient-decision-note", label="Note", size="sm", autosize=True, minRows=2, value=""),
            html.Div(id="patient-decision-said", role="alert", className="form-said"),
            _save("patient-decision-save"),
        ],
        className="form-stack",
    )
    return [
        _modal("patient-act-modal", "Alert", act),
        _modal("patient-decision-modal", "Decision", decide),
        _modal("patient-entry-modal", "Add to record", html.Div(id="patient-entry-box"), size="lg"),
        dmc.Drawer(
            html.Div(id="patient-entries-box"),
            id="patient-entries",
            position="right",
            size="xl",
            padding="md",
            title="Entries on file",
            opened=False,
        ),
        _modal("patient-fact-modal", "Entry", fact),
    ]


def _save(id: str) -> html.Div:
    return html.Div(html.Button("Save", id=id, type="button", className="button", n_clicks=0), className="form-end")


def _modal(id: str, title: str, content: Any, size: str = "md") -> Any:
    return dmc.Modal(content, id=id, title=title, opened=False, centered=size == "md", size=size, zIndex=410)


# ----------------------------------------------------------------------------------------------------------- callbacks


def register(app: SecureDash) -> None:
    """What the page does: redraw, advise, act on alerts, take in facts, record decisions."""
    _register_view(app)
    _register_alerts(app)
    _register_decisions(app)
    _register_entry(app)
    _register_record(app)
    _register_confirmation(app)
    plan.register(app)
    calculators.register(app)
    own_thresholds.register(app)


def _register_view(app: SecureDash) -> None:
    clientside = {
        "setRange": (Output("patient-nothing", "data"), Input("patient-range", "value")),
        "print": (Output("patient-nothing", "data", allow_duplicate=True), Input("patient-print", "n_clicks")),
    }
    for name, (output, trigger) in clientside.items():
        app.clientside_callback(ClientsideFunction("myopanelPatient", name), output, trigger, prevent_initial_call=True)
    app.clientside_callback(
        ClientsideFunction("myopanelPatient", "chartOrTable"),
        Output("patient-chart", "hidden"),
        Output("patient-numbers", "hidden"),
        Input("patient-table", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("myopanelPatient", "asKnown"),
        Output(shell.URL, "href", allow_duplicate=True),
        Input("patient-known", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(BODY, "children"),
        Input(CHANGED, "data"),
        State(REF, "data"),
        State("patient-range", "value"),
        State("patient-scale", "value"),
        State("patient-table", "value"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def redraw(changed: Any, ref: Mapping[str, str], shown: str | None, scale: str | None, table: str | None) -> Any:
        if not changed:
            raise PreventUpdate
        here = current()
        view = gather(here, ref["mrn"], parse_day(ref["known"]))
        if view is None:
            raise ActionRefused("This patient is not on file any more.")
        return body(view, here, shown=shown or "", scale=scale or "times", as_table=table == "table")

    @app.callback(
        Output(GRAPH, "figure"),
        Input("patient-scale", "value"),
        State(REF, "data"),
        State("patient-range", "value"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def rescale(scale: str, ref: Mapping[str, str], shown: str) -> Any:
        from dashboard.components.graph import TEMPLATE

        view = gather(current(), ref["mrn"], parse_day(ref["known"]))
        if view is None:
            raise PreventUpdate
        figure = timeline(timeline_data(view), scale="units" if scale == "units" else "times", shown=shown)
        return figure.update_layout(template=TEMPLATE)

    @app.callback(
        Output("patient-numbers", "children"),
        Input("patient-table", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show_table(choice: str | None, ref: Mapping[str, str]) -> Any:
        if choice != "table":
            raise PreventUpdate
        view = gather(current(), ref["mrn"], parse_day(ref["known"]))
        if view is None:
            raise PreventUpdate
        return flowsheet(view)

    @app.callback(
        Output(LATE, "children"),
        Output("patient-explanations", "children"),
        Input(REF, "data"),
        Input(LATE, "id"),
        roles=READERS,
    )
    def advise(ref: Mapping[str, str], _drawn: str) -> tuple[Any, Any]:
        here = current()
        view = gather(here, ref["mrn"], parse_day(ref["known"]))
        if view is None:
            raise PreventUpdate
        told = suggest(here.engine, view.patient.mrn, view.as_of, view.known_at, here.settings.timezone)
        with reading(here.engine) as session:
            answered = suggestion_answers(session, view.id)
        acts = here.may(WHO_ACTS) and view.past is None
        return suggestions_section(told, answered, view.as_of, acts=acts), explanations_section(told)

    @app.callback(
        Output(CHANGED, "data"),
        Input({"type": "patient-review", "act": ALL}, "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def review(clicks: list[int | None], ref: Mapping[str, str]) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        here = current()
        with writing(here.engine) as session:
            patient = find(session, ref["mrn"])
            if patient is None:
                raise ActionRefused("This patient is not on file any more.")
            if ctx.triggered_id["act"] == "undo":
                undo_review(session, patient, here.user.name, now=here.now, timezone=here.settings.timezone)
            else:
                mark_reviewed(session, patient, here.user.name, now=here.now)
        return _stamp(here)


def _register_confirmation(app: SecureDash) -> None:
    @app.callback(
        Output(CHANGED, "data", allow_duplicate=True),
        Input({"type": "patient-confirm", "act": ALL, "what": ALL}, "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def confirm(clicks: list[int | None], ref: Mapping[str, str]) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        here = current()
        what = str(ctx.triggered_id["what"])
        if ctx.triggered_id["act"] == "undo":
            entry.withdraw(here, ref["mrn"], "e", int(what), "confirmed by mistake")
        else:
            entry.confirm_medication(here, ref["mrn"], "" if what == taken.ASK_ALL else what)
        return _stamp(here)


def _stamp(here: Current) -> str:
    """Differs each time, so that the page draws itself again."""
    return here.now.isoformat()


def _register_alerts(app: SecureDash) -> None:
    @app.callback(
        Output("patient-act", "data"),
        Output("patient-act-modal", "opened"),
        Output("patient-act-modal", "title"),
        Output("patient-act-code", "data"),
        Output("patient-act-code", "value"),
        Output("patient-act-code-box", "hidden"),
        Output("patient-act-until", "value"),
        Output("patient-act-until", "minDate"),
        Output("patient-act-until", "maxDate"),
        Output("patient-act-until-box", "hidden"),
        Output("patient-act-note", "value"),
        Output("patient-act-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input({"type": "patient-alert", "alert": ALL, "act": ALL, "seen": ALL}, "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def begin(clicks: list[int | None], ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        here = current()
        alert_id, act = int(ctx.triggered_id["alert"]), str(ctx.triggered_id["act"])
        seen = int(ctx.triggered_id["seen"])
        with reading(here.engine) as session:
            alert = _own_alert(session, ref["mrn"], alert_id)
            today = alert_lifecycle.present_day(session, here.now, here.settings.timezone)
            severity = alert.severity
        if act not in ACTS:
            do_to_alert(here, ref["mrn"], alert_id, act, as_of_event=seen)
            stamp = _stamp(here)
            return (*[no_update] * 12, stamp, stamp)
        title, kind = ACTS[act]
        codes = [{"value": key, "label": row.label} for key, row in answers(kind).items()] if kind else []  # type: ignore[arg-type]
        longest = alert_lifecycle.LONGEST_SNOOZE.get(severity, 31)
        proposed = today + dt.timedelta(days=min(SNOOZE_DAYS.get(severity, 7), longest))
        return (
            {"alert": alert_id, "act": act, "seen": seen},
            True,
            title,
            codes,
            DEFAULT_CODES.get(kind),
            not kind,
            proposed.isoformat(),
            (today + dt.timedelta(days=1)).isoformat(),
            (today + dt.timedelta(days=longest)).isoformat(),
            act != "snooze",
            "",
            "",
            no_update,
            no_update,
        )

    @app.callback(
        Output("patient-act-modal", "opened", allow_duplicate=True),
        Output("patient-act-said", "children", allow_duplicate=True),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("patient-act-save", "n_clicks"),
        State("patient-act", "data"),
        State("patient-act-code", "value"),
        State("patient-act-until", "value"),
        State("patient-act-note", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def finish(
        clicks: int | None,
        chosen: Mapping[str, Any] | None,
        code: str | None,
        until: str | None,
        note: str | None,
        ref: Mapping[str, str],
    ) -> tuple[Any, ...]:
        if not clicks or not chosen:
            raise PreventUpdate
        here = current()
        try:
            do_to_alert(
                here, ref["mrn"], int(chosen["alert"]), str(chosen["act"]), code=code, until=parse_day(until),
                note=note, as_of_event=int(chosen["seen"]),
            )  # fmt: skip
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = _stamp(here)
        return False, "", stamp, stamp


def _own_alert(session: Any, mrn: str, alert_id: int) -> Alert:
    alert = alert_lifecycle.find(session, alert_id)
    patient = find(session, mrn)
    if patient is None or alert.patient_id != patient.id:
        raise ActionRefused("This alert is not this patient's.")
    return alert


def do_to_alert(
    here: Current,
    mrn: str,
    alert_id: int,
    act: str,
    *,
    code: str | None = None,
    until: dt.date | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
) -> None:
    """Acknowledge, snooze, resolve, comment, look at or undo: one alert of this patient.

    `as_of_event`: the newest event of the alert that the person has read; whoever acts second is told.

    Raises:
        ActionRefused: with the reason, in words.
    """
    said = (note or "").strip() or None
    with writing(here.engine) as session:
        alert = _own_alert(session, mrn, alert_id)
        today = alert_lifecycle.present_day(session, here.now, here.settings.timezone)
        by, now = here.user.name, here.now
        if act == "ack":
            alert_lifecycle.acknowledge(
                session, alert_id, by, today=today, now=now, reason=code, note=said, as_of_event=as_of_event
            )
        elif act == "snooze":
            alert_lifecycle.snooze(
                session, alert_id, by, until=until, today=today, now=now, reason=code, note=said,
                as_of_event=as_of_event,
            )  # fmt: skip
        elif act == "resolve":
            alert_lifecycle.resolve(
                session, alert_id, by, outcome=code, today=today, now=now, note=said, as_of_event=as_of_event
            )
        elif act == "comment":
            alert_lifecycle.comment(session, alert_id, by, note=said, now=now)
        elif act == "seen":
            alert_lifecycle.mark_seen(session, alert_id, by, today=today, now=now, note=said, as_of_event=as_of_event)
        elif act == "undo":
            last = alert_lifecycle.last_action(alert_lifecycle.history(session, [alert_id])[alert_id])
            if last is not None:
                alert_lifecycle.undo(session, last.id or 0, by, now=now, note=said)
            else:
                alert_lifecycle.reopen(session, alert_id, by, now=now, note=said)
        else:
            raise ActionRefused(f"There is no action {act!r}.")
        audit(session, by, f"alert {act}", now=now, patient_id=alert.patient_id, detail=f"alert {alert_id}")


def _register_decisions(app: SecureDash) -> None:
    @app.callback(
        Output("patient-suggestion-act", "data"),
        Output("patient-decision-modal", "opened"),
        Output("patient-decision-modal", "title"),
        Output("patient-decision", "data"),
        Output("patient-decision", "value"),
        Output("patient-decision-reason", "value"),
        Output("patient-decision-note", "value"),
        Output("patient-decision-said", "children"),
        Input({"type": "patient-suggestion", "key": ALL}, "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def begin(clicks: list[int | None], ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        card = _suggestion(current(), ref["mrn"], str(ctx.triggered_id["key"]))[0]
        options = [
            {"value": f"accepted:{one['key']}", "label": one["text"]}
            for one in card["options"]
            if one["key"] != "no-change"
        ]
        options += [
            {"value": "declined", "label": "No change, with the reason"},
            {"value": "deferred", "label": "Put off, with the reason"},
        ]
        return {"key": card["key"]}, True, card["title"], options, None, None, "", ""

    @app.callback(Output("patient-decision-reason-box", "hidden"), Input("patient-decision", "value"), roles=WHO_ACTS)
    def ask_reason(decided: str | None) -> bool:
        return not decided or decided.startswith("accepted")

    @app.callback(
        Output("patient-decision-modal", "opened", allow_duplicate=True),
        Output("patient-decision-said", "children", allow_duplicate=True),
        Output(CHANGED, "data", allow_duplicate=True),
        Input("patient-decision-save", "n_clicks"),
        State("patient-suggestion-act", "data"),
        State("patient-decision", "value"),
        State("patient-decision-reason", "value"),
        State("patient-decision-note", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def finish(
        clicks: int | None,
        chosen: Mapping[str, Any] | None,
        decided: str | None,
        reason: str | None,
        note: str | None,
        ref: Mapping[str, str],
    ) -> tuple[Any, ...]:
        if not clicks or not chosen:
            raise PreventUpdate
        here = current()
        answer, _, option = (decided or "").partition(":")
        try:
            card, as_of = _suggestion(here, ref["mrn"], str(chosen["key"]))
            with writing(here.engine) as session:
                patient = find(session, ref["mrn"])
                if patient is None:
                    raise ActionRefused("This patient is not on file any more.")
                answer_suggestion(
                    session,
                    patient,
                    card,
                    answer=answer,
                    option=option or None,
                    reason=reason,
                    note=note,
                    by=here.user.name,
                    now=here.now,
                    as_of=as_of,
                )
        except ActionRefused as refused:
            return no_update, str(refused), no_update
        return False, "", _stamp(here)


def _suggestion(here: Current, mrn: str, key: str) -> tuple[dict[str, Any], dt.date]:
    """The suggestion as it stands now, and the day it stands for."""
    with reading(here.engine) as session:
        today = alert_lifecycle.present_day(session, here.now, here.settings.timezone)
    told = suggest(here.engine, mrn, today, None, here.settings.timezone)
    for card in [*told["suggestions"], *told.get("safety", [])]:
        if card["key"] == key:
            return card, today
    raise ActionRefused("This suggestion no longer stands: the facts have changed. Reload the page.")


def _register_entry(app: SecureDash) -> None:
    @app.callback(
        Output("patient-entry-box", "children"),
        Output("patient-entry-modal", "opened"),
        Input("patient-record-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def open_forms(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        here = current()
        view = gather(here, ref["mrn"])
        if view is None:
            raise ActionRefused("This patient is not on file any more.")
        with reading(here.engine) as session:
            rows = session.exec(
                select(MedicationStatement).where(
                    MedicationStatement.patient_id == view.id, col(MedicationStatement.known_to).is_(None)
                )
            ).all()
            running = entry.running_statements(rows, view.as_of)
        weight = view.readings("weight")
        return entry.forms(view.as_of, running, float(weight["value"].iloc[-1]) if len(weight) else None), True

    @app.callback(
        Output("patient-items", "children"),
        Output("patient-items-box", "hidden"),
        Input("patient-score-measure", "value"),
        roles=WHO_ACTS,
    )
    def show_items(measure: str | None) -> tuple[Any, bool]:
        if measure not in entry.ITEMISED:
            return None, True
        return entry.item_fields(measure), False

    @app.callback(
        Output("patient-score-value", "value"),
        Output("patient-score-value", "error", allow_duplicate=True),
        Output("patient-items-said", "children"),
        Input({"type": "patient-item", "item": ALL, "part": ALL}, "value"),
        State("patient-score-measure", "value"),
        State("patient-score-value", "value"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def work_out(_values: list[Any], measure: str, value: str | None) -> tuple[Any, Any, Any]:
        items = _items(0)
        if not items:
            return no_update, no_update, ""
        total, remarks, _ = entry.total_of_items(measure, items)
        said = [f"Total {total}. "] if total is not None else []
        text = html.P([*said, " ".join(remarks)], className="c-warn small" if remarks else "quiet small")
        return (str(total) if total is not None else value or ""), "", text

    @app.callback(
        Output("patient-result-unit", "data"),
        Output("patient-result-unit", "value"),
        Input("patient-result-measure", "value"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def show_units(measure: str | None) -> tuple[Any, Any]:
        if measure is None or measure not in measures():
            raise PreventUpdate
        options = entry.unit_options(measure)
        return options, options[0]["value"]

    boxes = {
        "current": ("current",),
        "drug": ("drug",),
        "dose": ("dose",),
        "route": ("route",),
        "start": ("start_date",),
        "end": ("end_date",),
    }

    @app.callback(
        *[Output(f"patient-drug-{box}-box", "hidden") for box in boxes],
        Input("patient-drug-mode", "value"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def show_drug_fields(mode: str) -> list[bool]:
        return [not set(fields) & set(entry.DRUG_FIELDS[mode]) for fields in boxes.values()]

    for kind in entry.KINDS:
        _register_form(app, kind)


def _items(place: int) -> dict[tuple[str, str], Any]:
    """What was typed into the item fields, from the callback's own inputs or states."""
    groups = [group for group in (*ctx.inputs_list, *ctx.states_list) if isinstance(group, list)]
    if len(groups) <= place:
        return {}
    return {
        (str(one["id"]["item"]), str(one["id"]["part"])): one.get("value")
        for one in groups[place]
        if one.get("value") not in ("", None)
    }


def _register_form(app: SecureDash, kind: str) -> None:
    fields = entry.FIELDS[kind]
    states = [State(entry.field_id(kind, field), "value") for field in fields]
    if kind == "score":
        states.append(State({"type": "patient-item", "item": ALL, "part": ALL}, "value"))
    if kind == "drug":
        states.append(State("patient-drug-mode", "value"))

    @app.callback(
        Output("patient-entry-modal", "opened", allow_duplicate=True),
        Output(f"patient-{kind}-said", "children"),
        *[Output(entry.field_id(kind, field), "error") for field in fields],
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input(f"patient-{kind}-save", "n_clicks"),
        State(REF, "data"),
        *states,
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def save(clicks: int | None, ref: Mapping[str, str], *values: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        cells = dict(zip(fields, values, strict=False))
        nothing = [""] * len(fields)
        try:
            if kind == "score":
                items = entry.total_of_items(str(cells["measure"]), _items(0))[2]
                entry.save_score(here, ref["mrn"], cells, items)
            elif kind == "result":
                entry.save_result(here, ref["mrn"], cells)
            elif kind == "drug":
                entry.save_drug(here, ref["mrn"], str(values[-1]), cells)
            else:
                entry.save_event(here, ref["mrn"], cells)
        except FactsRefused as refused:
            by_field = refused.by_column()
            errors = [by_field.get(field, "") for field in fields]
            rest = [why for column, why in by_field.items() if column not in fields]
            return no_update, " ".join(rest), *errors, no_update, no_update
        except ActionRefused as refused:
            return no_update, str(refused), *nothing, no_update, no_update
        stamp = _stamp(here)
        return False, "", *nothing, stamp, stamp


def _register_record(app: SecureDash) -> None:
    @app.callback(
        Output("patient-entries-box", "children"),
        Output("patient-entries", "opened"),
        Input("patient-entries-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def open_entries(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        return _entries(current(), ref["mrn"]), True

    @app.callback(
        Output("patient-fact-act", "data"),
        Output("patient-fact-modal", "opened"),
        Output("patient-fact-modal", "title"),
        Output("patient-fact-value-box", "hidden"),
        Output("patient-fact-value", "value"),
        Output("patient-fact-reason", "value"),
        Output("patient-fact-said", "children"),
        Input({"type": "patient-fact", "kind": ALL, "fact": ALL, "act": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def begin(clicks: list[int | None]) -> tuple[Any, ...]:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        chosen = dict(ctx.triggered_id)
        correct = chosen["act"] == "correct"
        title = "Correct the value" if correct else "Withdraw: entered in error"
        return chosen, True, title, not correct, "", "", ""

    @app.callback(
        Output("patient-fact-modal", "opened", allow_duplicate=True),
        Output("patient-fact-said", "children", allow_duplicate=True),
        Output("patient-entries-box", "children", allow_duplicate=True),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("patient-fact-save", "n_clicks"),
        State("patient-fact-act", "data"),
        State("patient-fact-value", "value"),
        State("patient-fact-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=WHO_ACTS,
    )
    def finish(
        clicks: int | None,
        chosen: Mapping[str, Any] | None,
        value: str | None,
        reason: str | None,
        ref: Mapping[str, str],
    ) -> tuple[Any, ...]:
        if not clicks or not chosen:
            raise PreventUpdate
        here = current()
        try:
            if chosen["act"] == "correct":
                entry.correct_value(here, ref["mrn"], int(chosen["fact"]), value or "", reason or "")
            else:
                entry.withdraw(here, ref["mrn"], str(chosen["kind"]), int(chosen["fact"]), reason or "")
        except (FactsRefused, ActionRefused) as refused:
            return no_update, str(refused), no_update, no_update, no_update
        stamp = _stamp(here)
        return False, "", _entries(here, ref["mrn"]), stamp, stamp


def _entries(here: Current, mrn: str) -> Any:
    with reading(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        today = alert_lifecycle.present_day(session, here.now, here.settings.timezone)
        rows = facts_on_file(session, patient.id or 0)
    return [
        html.P(
            "A withdrawn entry stays in the history and counts nowhere. The newest 200 entries are listed.",
            className="quiet",
        ),
        entry.record_table(rows, today),
    ]

"""What arrived and waits, on the imports page: once per sender, with what a decision would let in."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import notice, section
from dashboard.components.tables import table
from dashboard.secure import Current, SecureDash, current
from dashboard.shell import REFRESH
from jobs import evaluation
from jobs.importers.identity import EVERY_NUMBER, OURS
from jobs.importers.loading.corrections import ANOTHER, BOTH, REPLACES
from jobs.importers.loading.flow import Wanted, decide, decisions_listed, preview, undecide
from jobs.importers.loading.report import ImportReport
from jobs.importers.number_marks import DECIMAL, FORMS, THOUSANDS
from models.database import reading
from models.errors import MyopanelError
from models.vocabulary import accepted_units, drugs, measures, written_unit
from models.waiting import waiting_groups

IMPORTERS = ("nurse", "physician", "admin")

BODY, MODAL, FORM, OPEN, END = "waiting-body", "waiting-modal", "waiting-form", "waiting-open", "waiting-end"
WHAT, TO, UNIT, NOT_OURS = "waiting-what", "waiting-to", "waiting-unit", "waiting-not-ours"
LOOK, DECIDE, SAID, OUTCOME = "waiting-look", "waiting-decide", "waiting-said", "waiting-outcome"

KINDS: Mapping[str, str] = {
    "code": "test", "unit": "unit", "patient": "patient", "value": "value", "drug": "drug",
}  # fmt: skip
SHOWN = 200
FACTS_SHOWN = 12


def waiting_part(here: Current) -> Any:
    """The section with its form, for those who may decide and those who may look."""
    return html.Div(
        [
            html.Div(id=SAID, role="status"),
            html.Div(waiting_list(here), id=BODY),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="lg", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ]
    )  # fmt: skip


def waiting_list(here: Current) -> Any:
    """What waits, by sender, longest first; and what is decided. Nothing at all where nothing ever waited."""
    with reading(here.engine) as session:
        groups = waiting_groups(session)
    decided = decisions_listed(here.engine)
    if not groups and not decided:
        return None
    parts: list[Any] = []
    may = here.may(IMPORTERS)
    if groups:
        by_sender: dict[str, list[dict[str, Any]]] = {}
        for one in groups[:SHOWN]:
            by_sender.setdefault(one["sender"], []).append(one)
        for sender, ones in by_sender.items():
            parts += [
                html.H3(f"{sender}: {counted(sum(one['count'] for one in ones), 'row')}", className="more"),
                _groups(here, sender, ones, may),
            ]
        hidden = len(groups) - SHOWN
        if hidden > 0:
            parts.append(html.P(f"and {number(hidden)} more; `myopanel waiting` lists all.", className="quiet"))
    else:
        parts.append(html.P("Nothing waits.", className="quiet"))
    if decided:
        parts.append(html.Details([html.Summary(counted(len(decided), "decision")), _decided(here, decided, may)]))
    rows = sum(one["count"] for one in groups)
    return section("Waiting for a decision", parts, note=counted(rows, "row") if rows else None, id="waiting")


def _groups(here: Current, sender: str, ones: list[dict[str, Any]], may: bool) -> Any:
    lines = [
        [
            (html.Code(one["what"]), "wide"),
            KINDS.get(one["kind"], one["kind"]),
            number(one["count"]),
            clock_time(one["first_at"], here.settings.zone, here.today),
            (one["example"], "sent"),
            (one["why"], "wide"),
            html.Button("Decide", id={"type": OPEN, "row": one["id"]}, className="button-quiet") if may else "",
        ]
        for one in ones
    ]
    return table(
        ["What", "Kind", "Rows", "Since", "Example", "Why", ""], lines, label=f"What waits from {sender}", numeric=[2],
        kind="cards",
    )  # fmt: skip


def _decided(here: Current, decided: list[dict[str, Any]], may: bool) -> Any:
    lines = [
        [
            (one["sender"], "nowrap"),
            (html.Code(one["what"]), "wide"),
            "not ours" if one["not_ours"] else " ".join(filter(None, (one["to"], one["unit"]))),
            f"{one['by']}, {short_day(dt.datetime.fromisoformat(one['at']).date(), here.today)}",
            number(one["came"]) if one["not_ours"] else "",
            html.Button("End", id={"type": END, "row": one["id"]}, className="button-quiet") if may else "",
        ]
        for one in decided
    ]
    return table(
        ["Sender", "What", "Means", "Decided", "Came", ""], lines, label="What was decided of each sender", numeric=[4],
        kind="cards",
    )  # fmt: skip


def form_for(here: Current, row: int) -> tuple[str, Any]:
    """The form that decides one thing; its title and body."""
    with reading(here.engine) as session:
        one = next((one for one in waiting_groups(session) if one["id"] == row), None)
    if one is None:
        return "Nothing to decide", notice("It no longer waits.")
    what = {"sender": one["sender"], "kind": one["kind"], "what": one["what"]}
    unit: Any = dmc.TextInput(id=UNIT, label="Unit where the sender names none", value="", size="sm")
    if one["kind"] != "code":
        unit = html.Div(dmc.TextInput(id=UNIT, value="", size="sm"), hidden=True)
    return (
        f"{one['sender']}: {one['what']}",
        html.Div(
            [
                html.P(one["why"], className="quiet"),
                html.P([f"{counted(one['count'], 'row')} waiting, for example ", html.B(one["example"] or "no value")]),
                _meaning(one["kind"], one["what"]),
                unit,
                dmc.Checkbox(id=NOT_OURS, label="It is not for this clinic: its content is not kept", checked=False),
                html.Div(id=OUTCOME, role="status"),
                html.Div(
                    [
                        html.Button("Show what would flow", id=LOOK, className="button-quiet"),
                        html.Button("Decide for this sender", id=DECIDE, className="button"),
                    ],
                    className="form-end",
                ),
                dcc.Store(id=WHAT, data=what),
            ]
        ),
    )


def _meaning(kind: str, what: str) -> Any:
    """The field for what it means: a list where the answer is one of a few, else a line."""
    if kind == "code":
        data = [{"value": key, "label": row.label} for key, row in measures().items()]
        return dmc.Select(id=TO, label="Means", data=data, searchable=True, size="sm")
    if kind == "unit":
        data = [{"value": unit, "label": unit} for unit in accepted_units(what.split(" ", 1)[0]) if unit]
        return dmc.Select(id=TO, label="Means the unit", data=data, size="sm")
    if kind == "drug":
        data = [{"value": key, "label": row.label} for key, row in drugs().items()]
        return dmc.Select(id=TO, label="Means", data=data, searchable=True, size="sm")
    if kind == "value" and what in FORMS.values():
        data = [
            {"value": DECIMAL, "label": "separates decimals"},
            {"value": THOUSANDS, "label": "separates thousands"},
        ]
        return dmc.Select(id=TO, label=f"The {what}", data=data, size="sm")
    if kind == "value" and what.startswith(ANOTHER):
        data = [
            {"value": BOTH, "label": "two results: both count"},
            {"value": REPLACES, "label": "it replaces the other"},
        ]
        return dmc.Select(id=TO, label="The result under another number", data=data, size="sm")
    if kind == "patient" and what.startswith(EVERY_NUMBER):
        return dmc.Select(id=TO, label="Numbers of this authority", data=[{"value": OURS, "label": "ours"}], size="sm")
    label = "Record number of our patient" if kind == "patient" else "Means (a number, or not-done)"
    return dmc.TextInput(id=TO, label=label, value="", size="sm")


def wanted(what: Mapping[str, str], to: str | None, unit: str | None, not_ours: bool) -> Wanted:
    """The decision that a form says."""
    said = ("", "") if not_ours else ((to or "").strip(), (unit or "").strip())
    return Wanted(what["sender"], what["kind"], what["what"], *said, not_ours)


def flow_shown(report: ImportReport, *, done: bool) -> Any:
    """What flowed, or would, and how it looks."""
    total = report.total
    parts = ", ".join(
        f"{number(getattr(total, name))} {name}" for name in ("created", "updated", "unchanged", "waiting", "rejected")
    )
    words = f"{counted(total.read, 'row')} {'read again' if done else 'would be read again'}: {parts}."
    lines = [
        [
            fact["mrn"],
            measures()[fact["measure"]].short_label,
            f"{fact['comparator']}{fact['value']:g} {written_unit(fact['unit'])}"
            if fact["value"] is not None
            else fact["status"],
            "" if fact["upper_limit"] is None else f"up to {fact['upper_limit']:g}",
            fact["date"],
        ]
        for fact in report.seen[:FACTS_SHOWN]
    ]
    rejects = [html.Li(one.sentence()) for one in report.rejects[:FACTS_SHOWN]]
    return html.Div(
        [
            html.P(words),
            table(["Patient", "Measure", "Value", "Limit", "On"], lines, label="How it would look", kind="cards")
            if lines
            else None,
            html.Ul(rejects, className="warnings") if rejects else None,
        ]
    )


def decided_now(here: Current, one: Wanted) -> Any:
    """Decide, bring the alerts of the patients concerned up to date, and say what flowed."""
    named: dict[str, Any] = {"timezone": here.settings.timezone, "by": here.user.name, "now": here.now}
    _, report = decide(here.engine, one, **named)
    evaluation.follow(here.engine, timezone=here.settings.timezone, now=here.now)
    return notice(flow_shown(report, done=True))


def register(app: SecureDash) -> None:
    """Opening the form, showing what would flow, deciding, ending a decision."""

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": OPEN, "row": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=IMPORTERS,
    )
    def open_form(clicks: list[int | None]) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        return True, *form_for(current(), int(ctx.triggered_id["row"]))

    @app.callback(
        Output(OUTCOME, "children"),
        Input(LOOK, "n_clicks"),
        State(WHAT, "data"),
        State(TO, "value"),
        State(UNIT, "value"),
        State(NOT_OURS, "checked"),
        prevent_initial_call=True,
        roles=IMPORTERS,
    )
    def look(clicks: int | None, what: Mapping[str, str], to: str | None, unit: str | None, not_ours: bool) -> Any:
        if not clicks:
            return no_update
        here = current()
        try:
            named: dict[str, Any] = {"timezone": here.settings.timezone, "by": here.user.name, "now": here.now}
            return flow_shown(preview(here.engine, wanted(what, to, unit, not_ours), **named), done=False)
        except MyopanelError as refused:
            return notice(str(refused), kind="warn")

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(BODY, "children"),
        Output(OUTCOME, "children", allow_duplicate=True),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(DECIDE, "n_clicks"),
        State(WHAT, "data"),
        State(TO, "value"),
        State(UNIT, "value"),
        State(NOT_OURS, "checked"),
        prevent_initial_call=True,
        running=[(Output(DECIDE, "disabled"), True, False)],
        roles=IMPORTERS,
    )
    def settle(
        clicks: int | None, what: Mapping[str, str], to: str | None, unit: str | None, not_ours: bool
    ) -> tuple[Any, Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 5
        here = current()
        try:
            said = decided_now(here, wanted(what, to, unit, not_ours))
        except MyopanelError as refused:
            return no_update, no_update, no_update, notice(str(refused), kind="warn"), no_update
        return False, said, waiting_list(here), None, here.now.isoformat()

    @app.callback(
        Output(SAID, "children", allow_duplicate=True),
        Output(BODY, "children", allow_duplicate=True),
        Input({"type": END, "row": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=IMPORTERS,
    )
    def end(clicks: list[int | None]) -> tuple[Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update
        here = current()
        try:
            undecide(here.engine, int(ctx.triggered_id["row"]), by=here.user.name, now=here.now)
        except MyopanelError as refused:
            return notice(str(refused), kind="warn"), no_update
        return notice("The decision has ended: what comes from now on waits again. What has flowed stays."), (
            waiting_list(here)
        )

"""To enter facts, to confirm what is taken, and to correct or withdraw what is on file."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate
from sqlmodel import col, select

from dashboard import shell
from dashboard.patient import CHANGED, REF, WHO_ACTS, stamp_of, taken
from dashboard.patient.entry.forms import DRUG_FIELDS, FIELDS, KINDS, field_id, forms, unit_options
from dashboard.patient.entry.items import ITEMISED, item_fields, total_of_items
from dashboard.patient.entry.saving import (
    confirm_medication,
    correct_value,
    record_table,
    running_statements,
    save_drug,
    save_event,
    save_result,
    save_score,
    withdraw,
)
from dashboard.patient.view import gather
from dashboard.secure import Current, SecureDash, current
from jobs.importers.load import FactsRefused
from models import alert_lifecycle
from models.database import reading
from models.errors import ActionRefused
from models.medication import MedicationStatement
from models.patient_record import (
    facts_on_file,
    find,
)
from models.vocabulary import measures


def register_confirmation(app: SecureDash) -> None:
    """The callback behind the confirmation that drugs are taken as stated."""

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
            withdraw(here, ref["mrn"], "e", int(what), "confirmed by mistake")
        else:
            confirm_medication(here, ref["mrn"], "" if what == taken.ASK_ALL else what)
        return stamp_of(here)


def register_entry(app: SecureDash) -> None:
    """The callbacks of the forms."""

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
            running = running_statements(rows, view.as_of)
        weight = view.readings("weight")
        return forms(view.as_of, running, float(weight["value"].iloc[-1]) if len(weight) else None), True

    @app.callback(
        Output("patient-items", "children"),
        Output("patient-items-box", "hidden"),
        Input("patient-score-measure", "value"),
        roles=WHO_ACTS,
    )
    def show_items(measure: str | None) -> tuple[Any, bool]:
        if measure not in ITEMISED:
            return None, True
        return item_fields(measure), False

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
        total, remarks, _ = total_of_items(measure, items)
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
        options = unit_options(measure)
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
        return [not set(fields) & set(DRUG_FIELDS[mode]) for fields in boxes.values()]

    for kind in KINDS:
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
    fields = FIELDS[kind]
    states = [State(field_id(kind, field), "value") for field in fields]
    if kind == "score":
        states.append(State({"type": "patient-item", "item": ALL, "part": ALL}, "value"))
    if kind == "drug":
        states.append(State("patient-drug-mode", "value"))

    @app.callback(
        Output("patient-entry-modal", "opened", allow_duplicate=True),
        Output(f"patient-{kind}-said", "children"),
        *[Output(field_id(kind, field), "error") for field in fields],
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
                items = total_of_items(str(cells["measure"]), _items(0))[2]
                save_score(here, ref["mrn"], cells, items)
            elif kind == "result":
                save_result(here, ref["mrn"], cells)
            elif kind == "drug":
                save_drug(here, ref["mrn"], str(values[-1]), cells)
            else:
                save_event(here, ref["mrn"], cells)
        except FactsRefused as refused:
            by_field = refused.by_column()
            errors = [by_field.get(field, "") for field in fields]
            rest = [why for column, why in by_field.items() if column not in fields]
            return no_update, " ".join(rest), *errors, no_update, no_update
        except ActionRefused as refused:
            return no_update, str(refused), *nothing, no_update, no_update
        stamp = stamp_of(here)
        return False, "", *nothing, stamp, stamp


def register_record(app: SecureDash) -> None:
    """The callbacks of the list of what is on file."""

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
                correct_value(here, ref["mrn"], int(chosen["fact"]), value or "", reason or "")
            else:
                withdraw(here, ref["mrn"], str(chosen["kind"]), int(chosen["fact"]), reason or "")
        except (FactsRefused, ActionRefused) as refused:
            return no_update, str(refused), no_update, no_update, no_update
        stamp = stamp_of(here)
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
        record_table(rows, today),
    ]

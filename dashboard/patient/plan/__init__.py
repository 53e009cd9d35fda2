"""The patient's own taper: what is agreed, what a template would mean from today on, and agreeing on a plan.

Trying out writes nothing; everybody who reads the page may do it. Only a physician or an administrator agrees on a plan
or withdraws one. Doses are prednisone-equivalent mg/day throughout; no template is a recommendation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.patient import CHANGED, REF
from dashboard.patient.entry.saving import ask_again
from dashboard.patient.plan.form import FIELDS, panel
from dashboard.patient.plan.preview import preview
from dashboard.patient.plan.steps import OWN, steps_of, usual_begin, usual_rounding, usual_template, written_steps
from dashboard.patient.view import PatientView, gather, parse_day
from dashboard.secure import DECIDERS, READERS, Current, SecureDash, current
from models.database import writing
from models.errors import ActionRefused
from models.patient_record import find
from models.taper_planning import OWN_STEPS, agree_plan, withdraw_plan


def save_plan(here: Current, mrn: str, form: Mapping[str, Any], note: str) -> None:
    """Agree on the plan that the form stands for, and ask the rules again.

    Raises:
        ActionRefused: the form is no plan, or the patient has left.
    """
    view = gather(here, mrn)
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    steps = steps_of(view, form)
    template = OWN_STEPS if form["template"] == OWN else str(form["template"])
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        agree_plan(
            session, patient, steps, template=template, note=note, by=here.user.name, today=view.as_of, now=here.now
        )
    ask_again(here, mrn)


def take_back_plan(here: Current, mrn: str, reason: str) -> None:
    """Withdraw the agreed plan, and ask the rules again.

    Raises:
        ActionRefused: no plan, or no reason.
    """
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        withdraw_plan(session, patient, reason=reason, by=here.user.name, now=here.now)
    ask_again(here, mrn)


@dataclass(frozen=True)
class _Asked:
    here: Current
    view: PatientView


def _asked(ref: Mapping[str, str]) -> _Asked:
    here = current()
    view = gather(here, ref["mrn"], parse_day(ref["known"]))
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    return _Asked(here, view)


def drawer() -> Any:
    """The empty drawer; it is filled when it is opened."""
    return dmc.Drawer(
        html.Div(id="taper-panel"),
        id="taper-drawer",
        position="right",
        size="lg",
        padding="md",
        title="Taper plan",
        opened=False,
        zIndex=410,
    )


def register(app: SecureDash) -> None:
    """Opening the drawer, trying out, agreeing and withdrawing."""
    inputs = [Input(f"taper-{name}", "value") for name in FIELDS]
    states = [State(f"taper-{name}", "value") for name in FIELDS]

    @app.callback(
        Output("taper-panel", "children"),
        Output("taper-drawer", "opened"),
        Input("patient-taper-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def open_drawer(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        asked = _asked(ref)
        decides = asked.here.may(DECIDERS) and asked.view.past is None
        return panel(asked.view, decides=decides), True

    @app.callback(
        Output("taper-template-box", "hidden"),
        Output("taper-own-box", "hidden"),
        Output("taper-own", "value"),
        Output("taper-begin", "value"),
        Output("taper-round", "value"),
        Input("taper-template", "value"),
        State(REF, "data"),
        *[State(f"taper-{name}", "value") for name in ("dose", "from", "begin", "round", "own")],
        prevent_initial_call=True,
        roles=READERS,
    )
    def choose(template: str | None, ref: Mapping[str, str], *values: Any) -> tuple[Any, ...]:
        view = _asked(ref).view
        form = dict(zip(("dose", "from", "begin", "round", "own"), values, strict=True))
        if template != OWN:
            begin = usual_begin(view, str(template))
            return False, True, no_update, begin.isoformat(), usual_rounding(str(template))
        if str(form["own"] or "").strip():
            return True, False, no_update, no_update, no_update
        try:
            # Own steps begin as a copy of a template's, to be edited: nobody types twenty lines.
            first = written_steps(steps_of(view, {**form, "template": usual_template(view)}))
        except ActionRefused:
            first = ""
        return True, False, first, no_update, no_update

    @app.callback(
        Output("taper-preview", "children"), *inputs, State(REF, "data"), prevent_initial_call=True, roles=READERS
    )
    def try_out(*values: Any) -> Any:
        *typed, ref = values
        return preview(_asked(ref).view, dict(zip(FIELDS, typed, strict=True)))

    @app.callback(
        Output("taper-drawer", "opened", allow_duplicate=True),
        Output("taper-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("taper-save", "n_clicks"),
        State("taper-note", "value"),
        State(REF, "data"),
        *states,
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def agree(clicks: int | None, note: str | None, ref: Mapping[str, str], *values: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            save_plan(here, ref["mrn"], dict(zip(FIELDS, values, strict=True)), note or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = here.now.isoformat()
        return False, "", stamp, stamp

    @app.callback(
        Output("taper-drawer", "opened", allow_duplicate=True),
        Output("taper-withdraw-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("taper-withdraw", "n_clicks"),
        State("taper-withdraw-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def withdraw(clicks: int | None, reason: str | None, ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            take_back_plan(here, ref["mrn"], reason or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = here.now.isoformat()
        return False, "", stamp, stamp

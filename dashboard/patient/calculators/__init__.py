"""The calculators beside the chart: response, worsening, classification, prednisone-equivalent.

They read what is on file and what is typed; only the choice of the baseline visit is written. A result that is not
complete says what is missing and between which bounds it lies. CMAS and MMT from their items stand where a score is
entered.
"""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from dashboard.patient import CHANGED, REF
from dashboard.patient.calculators.classification import classification_result, classification_tab
from dashboard.patient.calculators.prednisone import prednisone_result, prednisone_tab
from dashboard.patient.calculators.response import (
    keep_baseline,
    response_result,
    response_tab,
    worsening_result,
    worsening_tab,
)
from dashboard.patient.view import PatientView, gather, parse_day
from dashboard.secure import DECIDERS, READERS, SecureDash, current
from jobs.scores.total_improvement import THRESHOLDS
from models.errors import ActionRefused


def drawer() -> Any:
    """The empty drawer; it is filled when it is opened."""
    return dmc.Drawer(
        html.Div(id="calc-panel"),
        id="calc-drawer",
        position="right",
        size="xl",
        padding="md",
        title="Calculators",
        opened=False,
        zIndex=410,
    )


def panel(view: PatientView, *, decides: bool) -> Any:
    """The calculators as tabs."""
    tabs = (
        ("response", "Response", response_tab(view, decides=decides)),
        ("worsening", "Worsening", worsening_tab(view)),
        ("classification", "Classification", classification_tab(view)),
        ("prednisone", "Prednisone", prednisone_tab(view)),
    )
    return html.Div(
        [
            dmc.Tabs(
                [
                    dmc.TabsList([dmc.TabsTab(title, value=key) for key, title, _ in tabs]),
                    *[dmc.TabsPanel(content, value=key, pt="sm") for key, _, content in tabs],
                ],
                value="response",
                keepMounted=True,
            ),
            html.P(
                "CMAS, MMT8 and the whole MMT from their items: “Add to record”, Score, item by item.",
                className="quiet small",
            ),
        ]
    )


def _view(ref: Mapping[str, str]) -> PatientView:
    view = gather(current(), ref["mrn"], parse_day(ref["known"]))
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    return view


def register(app: SecureDash) -> None:
    """Opening the drawer, working out, and keeping the baseline."""

    @app.callback(
        Output("calc-panel", "children"),
        Output("calc-drawer", "opened"),
        Input("patient-calc-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def open_drawer(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        view = _view(ref)
        return panel(view, decides=current().may(DECIDERS) and view.past is None), True

    @app.callback(
        Output("calc-response", "children"),
        Output("calc-worsening", "children"),
        Input("calc-baseline", "value"),
        Input("calc-class", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def work_out(baseline: str | None, kind: str | None, ref: Mapping[str, str]) -> tuple[Any, Any]:
        day = parse_day(baseline)
        if day is None or kind is None or kind not in THRESHOLDS:
            raise PreventUpdate
        view = _view(ref)
        return response_result(view, kind, day), worsening_result(view, kind, day)

    @app.callback(
        Output("calc-drawer", "opened", allow_duplicate=True),
        Output("calc-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Input("calc-keep", "n_clicks"),
        State("calc-baseline", "value"),
        State("calc-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def keep(clicks: int | None, baseline: str | None, reason: str | None, ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            keep_baseline(here, ref["mrn"], parse_day(baseline), reason or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update
        return False, "", here.now.isoformat()

    @app.callback(
        Output("calc-classification", "children"),
        Output("calc-biopsy-box", "hidden"),
        Input("calc-onset", "value"),
        Input("calc-biopsy", "checked"),
        Input({"type": "calc-finding", "key": ALL}, "value"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def judge(onset: Any, biopsy: bool | None, _values: list[str]) -> tuple[Any, bool]:
        answers = {"yes": True, "no": False}
        findings = {str(one["id"]["key"]): answers.get(str(one.get("value"))) for one in ctx.inputs_list[2]}
        return classification_result({"onset_age": onset, "biopsy": bool(biopsy), "findings": findings}), not biopsy

    @app.callback(
        Output("calc-prednisone", "children"),
        *[Input(f"calc-{name}", "value") for name in ("drug", "dose", "unit", "frequency")],
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def convert(drug: str, dose: str, unit: str, frequency: str, ref: Mapping[str, str]) -> Any:
        return prednisone_result(_view(ref), {"drug": drug, "dose": dose, "unit": unit, "frequency": frequency})

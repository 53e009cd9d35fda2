"""To draw the patient's page again: after a change, at another scale, as a table; and to note that it was reviewed."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.figures.timeline import timeline
from dashboard.pages.patient.body import body
from dashboard.patient import BODY, CHANGED, GRAPH, LATE, REF, WHO_ACTS, stamp_of
from dashboard.patient.advice import explanations_section, suggestions_section
from dashboard.patient.sheets import flowsheet
from dashboard.patient.view import gather, parse_day, timeline_data
from dashboard.secure import READERS, SecureDash, current
from jobs.suggest import suggest
from models.database import reading, writing
from models.errors import ActionRefused
from models.patient_record import (
    find,
    mark_reviewed,
    suggestion_answers,
    undo_review,
)


def register_view(app: SecureDash) -> None:
    """The callbacks that draw the page again, and that note a review."""
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
        return stamp_of(here)

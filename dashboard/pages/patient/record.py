"""To correct or withdraw what is on file of the patient."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.pages.patient.names import stamp_of
from dashboard.patient import CHANGED, REF, WHO_ACTS
from dashboard.patient.entry.record import record_table
from dashboard.patient.entry.saving import (
    correct_value,
    withdraw,
)
from dashboard.secure import Current, SecureDash, current
from jobs.importers.load import FactsRefused
from models import alert_lifecycle
from models.database import reading
from models.errors import ActionRefused
from models.patient_record import (
    facts_on_file,
    find,
)


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

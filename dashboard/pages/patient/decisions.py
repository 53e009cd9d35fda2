"""To answer a suggestion: to accept an option, to decline, to put it off."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dash import ALL, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from dashboard.patient import CHANGED, REF, WHO_ACTS, stamp_of
from dashboard.secure import Current, SecureDash, current
from jobs.suggest import suggest
from models import alert_lifecycle
from models.database import reading, writing
from models.errors import ActionRefused
from models.patient_record import (
    answer_suggestion,
    find,
)


def register_decisions(app: SecureDash) -> None:
    """The callbacks behind the buttons of suggestions."""

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
        return False, "", stamp_of(here)


def _suggestion(here: Current, mrn: str, key: str) -> tuple[dict[str, Any], dt.date]:
    """The suggestion as it stands now, and the day it stands for."""
    with reading(here.engine) as session:
        today = alert_lifecycle.present_day(session, here.now, here.settings.timezone)
    told = suggest(here.engine, mrn, today, None, here.settings.timezone)
    for card in [*told["suggestions"], *told.get("safety", [])]:
        if card["key"] == key:
            return card, today
    raise ActionRefused("This suggestion no longer stands: the facts have changed. Reload the page.")

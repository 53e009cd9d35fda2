"""To act on the patient's alerts: acknowledge, snooze, resolve, comment, look at, undo."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dash import ALL, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.patient import CHANGED, REF, WHO_ACTS, stamp_of
from dashboard.patient.view import parse_day
from dashboard.secure import Current, SecureDash, current
from models import alert_lifecycle
from models.accounts import audit
from models.alert import Alert
from models.database import reading, writing
from models.errors import ActionRefused
from models.patient_record import (
    find,
)
from models.vocabulary import answers

ACTS: Mapping[str, tuple[str, str]] = {
    "snooze": ("Snooze", "snooze"),
    "resolve": ("Resolve", "outcome"),
    "comment": ("Comment", ""),
}
"""Actions that ask something first: title and the kind of codes they take. The others are done at once."""

DEFAULT_CODES = {"snooze": "deferred"}
SNOOZE_DAYS = {"urgent": 1, "action": 7, "watch": 28}
"""Days a snooze is proposed for, by severity [default]; the longest allowed is the lifecycle's."""


def register_alerts(app: SecureDash) -> None:
    """The callbacks behind the buttons of alerts."""

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
            stamp = stamp_of(here)
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
        stamp = stamp_of(here)
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

"""A patient's own thresholds on their page: which hold, until when and why, and setting one or taking it back.

The same numbers as on the page of a rule, for one patient, always with an end. Only a physician or an administrator
sets them.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import section
from dashboard.patient import ABOVE_DIALOGS, CHANGED, REF
from dashboard.patient.entry.saving import ask_again
from dashboard.patient.view import PatientView, gather, parse_day
from dashboard.secure import DECIDERS, Current, SecureDash, current
from jobs.rule import all_rules
from jobs.thresholds import PHENOTYPE, adjustable, advice_on, advice_sets, set_parameter, thresholds_on
from models.accounts import audit
from models.database import reading, writing
from models.errors import ActionRefused
from models.patient_record import find
from models.vocabulary import written_unit

LONGEST_DAYS = 366
"""A patient's own threshold is looked at again after a year at the latest [default]."""
PROPOSED_DAYS = 90


def own_section(view: PatientView, *, decides: bool) -> html.Section | None:
    """The thresholds of the patient's own; nothing where there are none and the reader could not set one."""
    if not view.own and not decides:
        return None
    button = html.Div(
        html.Button("Set a threshold", id="own-open", type="button", className="button-quiet", n_clicks=0),
        className="acts",
    )
    if not view.own:
        return section(
            "Own thresholds",
            [html.P("None: the clinic's hold.", className="quiet"), button],
        )
    rows = [
        html.Li(
            [
                html.B(f"{one.title}: "),
                f"{one.meaning}: {_value(one.value)} {written_unit(one.unit)} (clinic {_value(one.clinic)})",
                html.Div(
                    f"Until {short_day(one.expires_on, view.as_of)}, {one.author}: {one.reason}",
                    className="quiet small",
                ),
                html.Button(
                    "Back to the clinic's",
                    id={"type": "own-back", "rule": one.key, "parameter": one.parameter},
                    type="button",
                    className="button-quiet",
                    n_clicks=0,
                )
                if decides
                else None,
            ]
        )
        for one in view.own
    ]
    return section(
        "Own thresholds",
        [html.Ul(rows, className="tight own"), button if decides else None],
        note=counted(len(view.own), "threshold"),
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value), 3) if isinstance(value, int | float) else str(value)


# ---------------------------------------------------------------------------------------------------------------- form


def choices() -> list[dict[str, Any]]:
    """Every threshold there is, by rule and suggestion, for a searchable list."""
    owners: list[Any] = [*all_rules(), *advice_sets()]
    return [
        {
            "group": ("Suggestion: " if owner.key.startswith("escalation:") else "") + owner.title,
            "items": [
                {"value": f"{owner.key}.{field.name}", "label": str(field.metadata["meaning"]).replace("`", "")}
                for field in owner.parameter_fields()
            ],
        }
        for owner in owners
        if owner.parameter_fields()
    ]


def form(today: dt.date) -> Any:
    """Which threshold, its value, until when, why."""
    return html.Div(
        [
            dmc.Select(
                id="own-what",
                label="Threshold",
                data=choices(),
                searchable=True,
                size="sm",
                maxDropdownHeight=320,
                comboboxProps=ABOVE_DIALOGS,
            ),
            html.Div(id="own-now", role="status"),
            html.Div(
                [
                    dmc.TextInput(id="own-value", label="Value for this patient", value="", size="sm"),
                    dmc.DateInput(
                        id="own-until",
                        label="Until",
                        value=(today + dt.timedelta(days=PROPOSED_DAYS)).isoformat(),
                        minDate=today.isoformat(),
                        maxDate=(today + dt.timedelta(days=LONGEST_DAYS)).isoformat(),
                        valueFormat="YYYY-MM-DD",
                        size="sm",
                        popoverProps=ABOVE_DIALOGS,
                    ),
                ],
                className="form-row",
            ),
            dmc.Textarea(id="own-reason", label="Reason", value="", size="sm", autosize=True, minRows=2, required=True),
            html.Div(id="own-said", role="alert", className="form-said"),
            html.Div(
                html.Button("Save", id="own-save", type="button", className="button", n_clicks=0), className="form-end"
            ),
        ],
        className="form-stack",
    )


def told_about(here: Current, what: str, today: dt.date) -> Any:
    """What holds at the clinic, the range a value may have, and how well the default is known."""
    key, _, name = what.rpartition(".")
    owner = adjustable(key)
    fields = {field.name: field for field in owner.parameter_fields()}
    if name not in fields:
        raise ActionRefused("There is no such threshold in this version.")
    with reading(here.engine) as session:
        if any(rule.key == key for rule in all_rules()):
            clinic = thresholds_on(session, today).clinic[key]
        else:
            advice = advice_on(session, today)
            clinic = advice.phenotype if key == PHENOTYPE else advice.escalations[key.partition(":")[2]]
    meta = fields[name].metadata
    span = ", ".join(meta["choices"]) or f"{_value(meta['low'])} to {_value(meta['high'])}"
    return html.P(
        [
            f"Clinic {_value(getattr(clinic, name))} {written_unit(meta['unit'])}; "
            f"default {_value(fields[name].default)}; "
            f"may be {span}. ",
            mark_tag(meta["mark"]),
            f" {meta['source']}" if meta["source"] else "",
        ],
        className="quiet small",
    )


def save(here: Current, mrn: str, what: str, value: Any, *, until: dt.date | None, reason: str) -> None:
    """Set a threshold for the patient (None: back to the clinic's), and ask the rules again.

    Raises:
        ActionRefused: no threshold, value, end or reason, or one that cannot be.
    """
    key, dot, parameter = what.rpartition(".")
    if not dot:
        raise ActionRefused("Choose the threshold.")
    if value is not None and not str(value).strip():
        raise ActionRefused("Give the value.")
    view = gather(here, mrn)
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    if until is not None and (until - view.as_of).days > LONGEST_DAYS:
        raise ActionRefused("At most a year: somebody has to look at it again.")
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        set_parameter(
            session,
            key,
            parameter,
            value.strip().replace(",", ".") if isinstance(value, str) else value,
            reason=reason,
            author=here.user.name,
            valid_from=view.as_of,
            now=here.now,
            patient_id=patient.id,
            expires_on=until,
        )
        audit(
            session,
            here.user.name,
            "set own threshold",
            now=here.now,
            patient_id=patient.id,
            detail=f"{key}.{parameter}",
        )
    ask_again(here, mrn)


def modal() -> Any:
    """The empty dialog; it is filled when it is opened."""
    return dmc.Modal(
        html.Div(id="own-form"), id="own-modal", title="Threshold for this patient", opened=False, size="lg", zIndex=410
    )


def register(app: SecureDash) -> None:
    """Opening the form, what is said about the chosen threshold, saving, and going back."""

    @app.callback(
        Output("own-form", "children"),
        Output("own-modal", "opened"),
        Input("own-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def open_form(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        view = gather(current(), ref["mrn"])
        if view is None:
            raise ActionRefused("This patient is not on file any more.")
        return form(view.as_of), True

    @app.callback(Output("own-now", "children"), Input("own-what", "value"), prevent_initial_call=True, roles=DECIDERS)
    def say(what: str | None) -> Any:
        here = current()
        return told_about(here, what, here.today) if what else None

    @app.callback(
        Output("own-modal", "opened", allow_duplicate=True),
        Output("own-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("own-save", "n_clicks"),
        State("own-what", "value"),
        State("own-value", "value"),
        State("own-until", "value"),
        State("own-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def set_one(
        clicks: int | None,
        what: str | None,
        value: str | None,
        until: str | None,
        reason: str | None,
        ref: Mapping[str, str],
    ) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            save(here, ref["mrn"], what or "", value or "", until=parse_day(until), reason=reason or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = here.now.isoformat()
        return False, "", stamp, stamp

    @app.callback(
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input({"type": "own-back", "rule": ALL, "parameter": ALL}, "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def go_back(clicks: list[int | None], ref: Mapping[str, str]) -> tuple[str, str]:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            raise PreventUpdate
        here = current()
        what = f"{ctx.triggered_id['rule']}.{ctx.triggered_id['parameter']}"
        save(here, ref["mrn"], what, None, until=None, reason="Back to the clinic's threshold")
        stamp = here.now.isoformat()
        return stamp, stamp

"""The plan that is agreed, and the form to try one out and to agree on it."""

import datetime as dt
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.patient import ABOVE_DIALOGS
from dashboard.patient.plan.preview import preview, steps_table
from dashboard.patient.plan.steps import OWN, offered, usual_begin, usual_rounding, usual_template
from dashboard.patient.view import PatientView
from jobs import taper

ROUNDINGS = {"0": "as computed", "0.5": "0.5 mg", "1": "1 mg", "2.5": "2.5 mg", "5": "5 mg"}
FIELDS = ("template", "dose", "from", "begin", "round", "own")


def panel(view: PatientView, *, decides: bool) -> list[Any]:
    """The agreed plan, and the form to try one out and to agree on it."""
    template = usual_template(view)
    templates = offered(view)
    dose = float(view.steroid["current"]["dose"])
    options = [{"value": key, "label": f"{key}: {row.label}"} for key, row in templates.items()]
    options.append({"value": OWN, "label": "Own steps"})
    begin = usual_begin(view, template)
    form = {
        "template": template,
        "dose": dose or "",
        "from": view.as_of,
        "begin": begin,
        "round": usual_rounding(template),
    }
    fields = html.Div(
        [
            dmc.Select(
                id="taper-template",
                label="Template",
                data=options,
                value=template,
                size="sm",
                allowDeselect=False,
                comboboxProps=ABOVE_DIALOGS,
            ),
            html.Div(
                [
                    dmc.TextInput(
                        id="taper-dose",
                        label="Start dose, mg/day",
                        value=number(dose) if dose else "",
                        size="sm",
                        debounce=300,
                        inputProps={"inputMode": "decimal"},
                    ),
                    _day("taper-from", "From", view.as_of),
                    _day("taper-begin", "First reduction", begin),
                    dmc.Select(
                        id="taper-round",
                        label="Round to",
                        data=[{"value": key, "label": text} for key, text in ROUNDINGS.items()],
                        value=usual_rounding(template),
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                ],
                id="taper-template-box",
                className="form-row",
            ),
            html.Div(
                dmc.Textarea(
                    id="taper-own",
                    label="Steps, one a line: day and mg/day",
                    placeholder="2026-12-01 40",
                    value="",
                    size="sm",
                    autosize=True,
                    minRows=4,
                    maxRows=14,
                    debounce=400,
                ),
                id="taper-own-box",
                hidden=True,
            ),
        ],
        className="form-stack",
    )
    save: Any = html.P("A physician agrees on the plan; here it can be tried out.", className="quiet small")
    if decides:
        save = html.Div(
            [
                dmc.Textarea(id="taper-note", label="Note", size="sm", autosize=True, minRows=1, value=""),
                html.Div(id="taper-said", role="alert", className="form-said"),
                html.Div(
                    html.Button("Agree on this plan", id="taper-save", type="button", className="button", n_clicks=0),
                    className="form-end",
                ),
            ],
            className="form-stack",
        )
    if view.patient.status != "active":
        save = html.P(f"The patient is {view.patient.status}: nothing is planned any more.", className="quiet small")
    return [
        agreed_part(view, decides=decides),
        html.H3("New plan" if view.agreed else "Try out a plan"),
        fields,
        html.Div(preview(view, form), id="taper-preview", role="status"),
        save,
    ]


def _day(id: str, label: str, value: dt.date) -> Any:
    return dmc.DateInput(
        id=id, label=label, value=value.isoformat(), valueFormat="YYYY-MM-DD", size="sm", popoverProps=ABOVE_DIALOGS
    )


def agreed_part(view: PatientView, *, decides: bool) -> Any:
    """The plan that holds: by whom, how the patient stands against it, its steps, and the way to withdraw it."""
    if view.agreed is None:
        return html.P("No plan is agreed. The rules compare the dose with a template.", className="quiet")
    plan = view.agreed.plan
    source = f"template {plan.template}" if plan.template else "own steps"
    standing = taper.plan_standing(view.facts)
    told: list[Any] = []
    if standing is not None:
        told.append(
            html.P(
                [
                    html.B(f"{standing.words.capitalize()}: "),
                    f"{number(standing.actual_mg)} mg today, {number(standing.planned_mg)} mg planned.",
                ]
            )
        )
    parts: list[Any] = [
        html.H3("Agreed plan"),
        html.P(
            f"Agreed {short_day(plan.agreed_on, view.as_of)} by {plan.author}, {source}."
            + (f" {plan.note}" if plan.note else ""),
            className="quiet",
        ),
        *told,
        html.Details([html.Summary(counted(len(view.plan), "step")), steps_table(view.plan, view)], className="held"),
    ]
    if decides:
        parts.append(
            html.Details(
                [
                    html.Summary("Withdraw this plan"),
                    html.Div(
                        [
                            dmc.TextInput(
                                id="taper-withdraw-reason", label="Why it no longer holds", value="", size="sm"
                            ),
                            html.Div(id="taper-withdraw-said", role="alert", className="form-said"),
                            html.Div(
                                html.Button(
                                    "Withdraw", id="taper-withdraw", type="button", className="button-quiet", n_clicks=0
                                ),
                                className="form-end",
                            ),
                        ],
                        className="form-stack",
                    ),
                ],
                className="held",
            )
        )
    return html.Div(parts, className="agreed")

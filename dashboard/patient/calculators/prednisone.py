"""The calculator of prednisone: what a dose of another glucocorticoid equals, with its source."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.badges import mark_tag
from dashboard.components.formats import number
from dashboard.patient import ABOVE_DIALOGS
from dashboard.patient.view import PatientView
from jobs.scores.exact import ScoreInputError
from jobs.scores.steroid_equivalence import equivalence_table, prednisone_equivalent
from models.vocabulary import frequencies


def prednisone_tab(view: PatientView) -> Any:
    """Drug and dose to prednisone, and the table of equivalences."""
    table = equivalence_table()
    options = [{"value": row["drug"], "label": row["label"]} for row in table if row["equivalent_to_5_mg"] is not None]
    lines = [
        html.Tr(
            [
                html.Th(row["label"], scope="row"),
                html.Td(
                    number(float(row["equivalent_to_5_mg"]), 2) if row["equivalent_to_5_mg"] is not None else "–",
                    className="num",
                ),
                html.Td(
                    mark_tag(row["mark"])
                    if row["equivalent_to_5_mg"] is not None
                    else f"not counted: {row['not_counted_because']}",
                    className="quiet",
                ),
            ]
        )
        for row in table
    ]
    form = {"drug": "methylprednisolone", "dose": "16", "unit": "mg", "frequency": "daily"}
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id="calc-drug",
                        label="Steroid",
                        data=options,
                        value=form["drug"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                    dmc.TextInput(
                        id="calc-dose",
                        label="Dose",
                        value=form["dose"],
                        size="sm",
                        debounce=300,
                        inputProps={"inputMode": "decimal"},
                    ),
                    dmc.Select(
                        id="calc-unit",
                        label="Unit",
                        data=["mg", "g", "mg/kg"],
                        value=form["unit"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                    dmc.Select(
                        id="calc-frequency",
                        label="How often",
                        data=[{"value": key, "label": row.label} for key, row in frequencies().items()],
                        value=form["frequency"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                ],
                className="form-row",
            ),
            html.Div(prednisone_result(view, form), id="calc-prednisone", role="status"),
            html.Table(
                [
                    html.Thead(
                        html.Tr(
                            [html.Th("Steroid"), html.Th("Equals 5 mg prednisone", className="num"), html.Th("Known")]
                        )
                    ),
                    html.Tbody(lines),
                ],
                className="plain",
            ),
        ],
        className="form-stack",
    )


def prednisone_result(view: PatientView, form: Mapping[str, Any]) -> list[Any]:
    """The dose in prednisone, a day and per kg of the last weight."""
    weight = view.readings("weight")
    kilograms = float(weight["value"].iloc[-1]) if len(weight) else None
    try:
        found = prednisone_equivalent(
            str(form["drug"] or ""),
            str(form["dose"] or "").replace(",", "."),
            str(form["unit"] or ""),
            frequency=str(form["frequency"] or ""),
            weight_kg=kilograms,
        )
    except ScoreInputError as error:
        return [html.P(str(error), className="c-warn")]
    rows: list[tuple[str, str]] = []
    per_day = found["mg_per_day"]
    if per_day is None:
        rows.append(("Once", f"{number(float(found['prednisone_mg']), 2)} mg prednisone"))
    else:
        rows.append(("A day", f"{number(float(per_day), 2)} mg prednisone"))
        if found["mg_per_kg_per_day"] is not None:
            rows.append(("Per kg", f"{number(found['mg_per_kg_per_day'], 2)} mg/kg/day at {number(kilograms)} kg"))
    return [
        html.Dl([html.Div([html.Dt(label), html.Dd(html.B(value))]) for label, value in rows], className="pairs"),
        *[html.P(text, className="quiet small") for text in found["remarks"]],
    ]

"""The card with the chart, and what it can be set to: range, scale, chart or table."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.components.accessible import aria
from dashboard.components.graph import graph
from dashboard.components.states import empty_state
from dashboard.figures.timeline import timeline
from dashboard.figures.timeline.span import starting_range
from dashboard.pages.patient.names import GRAPH
from dashboard.patient.flowsheet import flowsheet
from dashboard.patient.view import PatientView, timeline_data


def chart_card(view: PatientView, *, shown: str = "", scale: str = "times", as_table: bool = False) -> html.Section:
    """The time axis with its switches, and the same numbers as a table."""
    data = timeline_data(view)
    if data.is_empty:
        nothing = empty_state(
            "Nothing on file yet",
            "Scores, results, treatments and events will stand here on one time axis. They come with the next import, "
            "or can be typed in with “Add to record”.",
        )
        # The switches that redrawing reads are not there yet: empty stores stand for them.
        unset = [dcc.Store(id=f"patient-{name}") for name in ("range", "scale", "table")]
        return html.Section([nothing, *unset], className="card chart")
    choice = shown or starting_range(data)
    figure = timeline(data, scale="units" if scale == "units" else "times", shown=choice)
    drawn = "Strength, CK, troponin, skin, lung, steroid dose, treatments, events and alerts"
    label = f"{drawn} of {view.patient.name} over time"
    ranges = [
        {"value": key, "label": text} for key, text in (("3m", "3 m"), ("6m", "6 m"), ("1y", "1 y"), ("all", "All"))
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Course", className="only-read"),
                    _segments("patient-range", choice, ranges, "Time shown"),
                    _segments(
                        "patient-scale",
                        scale,
                        [{"value": "times", "label": "× limit"}, {"value": "units", "label": "U/L"}],
                        "Scale of CK",
                    )
                    if len(data.enzyme)
                    else dcc.Store(id="patient-scale", data="times"),
                    html.Span(className="grow"),
                    dmc.DateInput(
                        id="patient-known",
                        value=view.past.isoformat() if view.past else None,
                        placeholder="As known on …",
                        valueFormat="D MMM YYYY",
                        size="xs",
                        clearable=True,
                        className="known",
                        **aria(label="Show what was known on a day"),
                    ),
                    _segments(
                        "patient-table",
                        "table" if as_table else "chart",
                        [{"value": "chart", "label": "Chart"}, {"value": "table", "label": "Table"}],
                        "Chart or table",
                    ),
                ],
                className="chart-head",
            ),
            html.Div(
                graph(figure, id=GRAPH, label=label, height=int(figure.layout.height)),
                id="patient-chart",
                hidden=as_table,
            ),
            html.Div(flowsheet(view) if as_table else None, id="patient-numbers", hidden=not as_table),
        ],
        className="card chart",
        **aria(label="Course"),
    )


def _segments(id: str, value: str, data: list[dict[str, str]], label: str) -> Any:
    return dmc.SegmentedControl(id=id, value=value, data=data, size="xs", **aria(label=label))

"""The one place that makes a graph: no upload button, our template, colours that follow light and dark.

Figures are built once for both themes. Whatever should follow the theme is drawn in one of the two stand-in colours
`INK` and `GRID`; the style sheet replaces them. Data colours are chosen to read on both grounds.
"""

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html

from dashboard.components.accessible import aria

INK = "rgb(1, 2, 3)"
GRID = "rgb(1, 2, 4)"
FAINT = "rgba(127, 140, 155, 0.16)"
"""A band (a reference range) that reads on both grounds."""

COLOURS = {
    "strength": "#1098ad",
    "enzyme": "#d9730d",
    "troponin_t": "#a855c7",
    "troponin_i": "#d6336c",
    "steroid": "#748c2a",
    "other": "#7b8794",
    "urgent": "#e03131",
    "action": "#d9820b",
}
"""Colours that are told apart with the common kinds of colour blindness, and have a shape or label beside them."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "colorway": [COLOURS[key] for key in ("strength", "enzyme", "troponin_t", "steroid", "other")],
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "xaxis": {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True, "ticks": ""},
        "yaxis": {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True, "ticks": ""},
    }
)

CONFIG: Any = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displayModeBar": "hover",
    # Zoom reset is the only button that is left.
    "modeBarButtons": [["resetScale2d"]],
    "responsive": True,
    "doubleClick": "reset",
}


def graph(figure: go.Figure, *, id: str | dict[str, str], label: str, height: int | None = None) -> html.Div:
    """A labelled box around a `dcc.Graph` that cannot send the figure anywhere.

    Args:
        figure: holds lists, not arrays (`.tolist()`): a Patch on an array trace silently destroys it.
        id: id of the graph itself, for callbacks.
        label: what the graph shows, for those who do not see it. Give the numbers as a table nearby too.
        height: in pixels; by default the figure's own.
    """
    figure.update_layout(template=TEMPLATE)
    style = {"height": f"{height}px"} if height else {}
    return html.Div(
        dcc.Graph(id=id, figure=figure, config=CONFIG, style=style),
        className="graph",
        role="figure",
        **aria(label=label),
    )

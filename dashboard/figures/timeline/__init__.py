"""One patient on one time axis: strength, CK, troponin, skin, lung, steroid dose, treatments, events and alerts.

The figure is a pure function of small tables. What cannot be compared stands apart: every strength instrument has a
pane of its own with its own maximum, every troponin assay is a series of its own. A result reported as below or above
a number is drawn as an open mark that points where the true value lies. Nothing is drawn between results that lie
far apart, because nobody knows what happened there.
"""

from typing import Any

import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData, days_ahead, shown_range, starting_range
from dashboard.figures.timeline.measured import (
    EnzymeScale,
    enzyme_panes,
    lung_panes,
    own_panes,
    skin_panes,
    strength_panes,
    troponin_panes,
)
from dashboard.figures.timeline.treatment import course_panes, mark_panes, steroid_panes

LABEL_SPACE = 92
"""Pixels at the right for the labels at the end of the lines."""
_TITLE_HEIGHT, _FOOT = 30, 32


def timeline(data: TimelineData, *, scale: EnzymeScale = "times", shown: str | None = None) -> go.Figure:
    """The figure: one pane below the other, one shared axis of days, one read-out for all panes.

    Args:
        scale: CK as multiples of the limit reported with each result, or in U/L with that limit drawn.
        shown: one of `RANGES`; by default the last year, or everything where that is less.
    """
    panes = [
        *strength_panes(data),
        *enzyme_panes(data, scale),
        *troponin_panes(data),
        *skin_panes(data),
        *lung_panes(data),
        *own_panes(data),
        *steroid_panes(data),
        *course_panes(data),
        *mark_panes(data),
    ]
    figure = go.Figure()
    total = sum(pane.height + _TITLE_HEIGHT for pane in panes) + _FOOT
    drawn = max(total - _FOOT, 1)
    layout: dict[str, Any] = {}
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    top = 1.0
    for number, pane in enumerate(panes, start=1):
        suffix = "" if number == 1 else str(number)
        axis = f"y{suffix}"
        high = top - _TITLE_HEIGHT / drawn
        low = max(high - pane.height / drawn, 0.0)
        layout[f"yaxis{suffix}"] = {"domain": [low, high], "anchor": "x", "fixedrange": True, **pane.axis}
        for trace in pane.traces:
            figure.add_trace(trace.update(xaxis="x", yaxis=axis))
        shapes += [{"yref": axis, **shape} for shape in pane.shapes]
        notes += [{"yref": axis, **note} for note in pane.notes]
        notes.append(
            {
                "text": pane.title,
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": high,
                "xanchor": "left",
                "yanchor": "bottom",
                "yshift": 3,
                "showarrow": False,
                "font": {"size": 12, "color": palette.INK},
            }
        )
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "yref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": low,
                "y1": low,
                "line": {"width": 1, "color": palette.GRID},
                "layer": "below",
            }
        )
        top = low
    today = data.today.isoformat()
    shapes.append(
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": today,
            "x1": today,
            "y0": 0,
            "y1": 1,
            "line": {"width": 1, "color": palette.GRID, "dash": "dot"},
            "layer": "below",
        }
    )
    figure.update_layout(
        **layout,
        height=total,
        margin={"l": 44, "r": LABEL_SPACE, "t": 2, "b": _FOOT},
        shapes=shapes,
        annotations=notes,
        hovermode="x unified",
        hoversubplots="axis",
        hoverdistance=80,
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": palette.OTHER, "activecolor": palette.STRENGTH},
        dragmode="zoom",
        showlegend=False,
        uirevision="timeline",
        meta={"first": data.first.isoformat(), "today": today, "ahead": days_ahead(data)},
        xaxis={
            "type": "date",
            "range": shown_range(data.first, data.today, shown or starting_range(data), days_ahead(data)),
            "anchor": "free",
            "position": 0,
            "domain": [0, 1],
            "showgrid": True,
            "showspikes": True,
            "spikemode": "across",
            "spikesnap": "cursor",
            "spikethickness": 1,
            "spikedash": "solid",
            "spikecolor": palette.OTHER,
            "hoverformat": "%-d %b %Y",
            "tickformatstops": [
                {"dtickrange": [None, "M1"], "value": "%-d %b"},
                {"dtickrange": ["M1", "M6"], "value": "%b<br>%Y"},
                {"dtickrange": ["M6", None], "value": "%b %Y"},
            ],
        },
    )
    return figure

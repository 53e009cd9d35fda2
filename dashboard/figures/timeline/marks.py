"""The pane of single days: events and alerts."""

import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import Pane, iso_days, row_label

_MARK_HEIGHT = 22


def mark_panes(data: TimelineData) -> list[Pane]:
    """The pane of events and alerts."""
    rows = [("Events", data.events), ("Alerts", data.alerts)]
    shown = [(name, table) for name, table in rows if len(table)]
    if not shown:
        return []
    pane = Pane(
        "<b>Events and alerts</b>",
        _MARK_HEIGHT * len(shown),
        {"range": [-0.6, len(shown) - 0.4], "showticklabels": False, "showgrid": False},
    )
    for number, (name, table) in enumerate(shown):
        height = float(len(shown) - 1 - number)
        if name == "Events":
            flags = table["red_flag"].astype(bool).tolist()
            present = table["present"].astype(bool).tolist()
            shapes = [
                ("diamond" if flag else "circle") if there else "circle-open"
                for flag, there in zip(flags, present, strict=True)
            ]
            colours = [
                palette.URGENT if flag and there else palette.OTHER for flag, there in zip(flags, present, strict=True)
            ]
        else:
            shapes = [palette.SEVERITY_SHAPES.get(key, "circle") for key in table["severity"]]
            colours = [palette.SEVERITY.get(key, palette.OTHER) for key in table["severity"]]
        pane.traces.append(
            go.Scatter(
                x=iso_days(table["day"]),
                y=[height] * len(table),
                mode="markers",
                marker={"symbol": shapes, "size": 9, "color": colours},
                text=table["label"].tolist(),
                hovertemplate="%{text}<extra></extra>",
                name=name,
            )
        )
        pane.notes.append(row_label(name, height))
    return [pane]

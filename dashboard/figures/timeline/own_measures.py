"""Panes of the clinic's own measures."""

import html

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import Pane, end_label, plain_number, result_points, said_of_results

_OWN_HEIGHT = 84


def own_panes(data: TimelineData) -> list[Pane]:
    """Each in a pane and a unit of its own: what is not known to be comparable stands apart."""
    panes = []
    for (label, unit), rows in data.own.groupby(["label", "unit"], sort=False):
        rows = rows.sort_values("day", kind="stable")
        values = rows["value"].astype(float).tolist()
        limits = rows["upper_limit"].dropna().astype(float)
        top = max([*values, *limits.tolist()]) * 1.15 or 1.0
        title = f"<b>{html.escape(str(label))}</b> {html.escape(str(unit))}".rstrip()
        pane = Pane(title, _OWN_HEIGHT, {"range": [0, top], "nticks": 3})
        said = said_of_results(str(label), rows, str(unit))
        pane.traces += result_points(rows, values, said, palette.OTHER, str(label))
        pane.notes.append(end_label(plain_number(values[-1]), rows["day"].iloc[-1], values[-1], data, palette.OTHER))
        panes.append(pane)
    return panes

"""Panes of what myositis does beside the muscle: skin activity and lung function."""

import math
from typing import Any

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import (
    Pane,
    day_words,
    end_label,
    line_and_points,
    plain_number,
    pushed_apart,
    result_points,
)

LUNG_GAP_DAYS = 400
"""Lung function is tested every 3 to 12 months: tests up to a year apart are one course [default]."""
_SKIN_HEIGHT, _LUNG_HEIGHT = 92, 112


def skin_panes(data: TimelineData) -> list[Pane]:
    """The pane of skin activity."""
    if data.skin.empty:
        return []
    rows = data.skin.sort_values("day", kind="stable")
    values = rows["value"].astype(float).tolist()
    top = min(100.0, max(20.0, math.ceil(max(values) * 1.12 / 10) * 10))
    pane = Pane("<b>Skin</b> CDASI activity of 100, lower is better", _SKIN_HEIGHT, {"range": [0, top], "nticks": 3})
    said = [
        f"CDASI activity {plain_number(value)} of 100, {day_words(day)}"
        + (f", {who}" if isinstance(who, str) and who else "")
        for value, day, who in zip(values, rows["day"], rows["assessor"], strict=True)
    ]
    pane.traces += line_and_points(rows["day"], values, said, palette.SKIN, "CDASI")
    pane.notes.append(end_label(plain_number(values[-1]), rows["day"].iloc[-1], values[-1], data, palette.SKIN))
    return [pane]


def lung_panes(data: TimelineData) -> list[Pane]:
    """FVC and DLCO, both as a share of what is predicted: told apart by colour, mark and label."""
    if data.lung.empty:
        return []
    shares = data.lung["value"].astype(float)
    low = max(0.0, math.floor((float(shares.min()) - 8) / 10) * 10)
    top = max(100.0, float(shares.max()) + 6)
    kinds = data.lung["kind"].unique().tolist()
    named = "FVC and DLCO" if len(kinds) > 1 else str(kinds[0])
    pane = Pane(f"<b>Lung</b> {named}, % of predicted", _LUNG_HEIGHT, {"range": [low, top], "nticks": 4})
    ends: list[tuple[float, dict[str, Any]]] = []
    looks = {"FVC": (palette.LUNG_FVC, "circle"), "DLCO": (palette.LUNG_DLCO, "square")}
    for kind, rows in data.lung.groupby("kind", sort=False):
        rows = rows.sort_values("day", kind="stable")
        values = rows["value"].astype(float).tolist()
        colour, symbol = looks[str(kind)]
        said = [
            f"{kind} {sign or ''}{plain_number(value)} % of predicted, {day_words(day)}"
            for value, sign, day in zip(values, rows["comparator"], rows["day"], strict=True)
        ]
        pane.traces += result_points(rows, values, said, colour, str(kind), symbol=symbol, gap=LUNG_GAP_DAYS)
        text = f"{kind} {plain_number(values[-1])} %"
        ends.append((values[-1] - low, end_label(text, rows["day"].iloc[-1], values[-1], data, colour)))
    pane.notes += pushed_apart(ends, span=top - low, height=_LUNG_HEIGHT)
    return [pane]

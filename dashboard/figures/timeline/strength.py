"""Panes of strength: one for each instrument, with its own maximum."""

import math

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import Pane, day_words, end_label, line_and_points, plain_number

_STRENGTH_HEIGHT = 128


def strength_panes(data: TimelineData) -> list[Pane]:
    """One pane for each strength instrument."""
    panes = []
    for _, scores in data.strength.groupby("measure", sort=False):
        scores = scores.sort_values("day", kind="stable")
        maximum = float(scores["maximum"].iloc[0])
        label = str(scores["label"].iloc[0])
        values = scores["value"].astype(float)
        low = max(0.0, math.floor((values.min() - 0.12 * maximum) / 10) * 10)
        pane = Pane(
            f"<b>{label}</b> of {maximum:g}",
            _STRENGTH_HEIGHT,
            {"range": [low, maximum * 1.02], "nticks": 4},
        )
        said = [
            f"{label} {plain_number(value)} of {maximum:g}, {day_words(day)}"
            + (f", {who}" if isinstance(who, str) and who else "")
            for value, day, who in zip(values, scores["day"], scores["assessor"], strict=True)
        ]
        pane.traces += line_and_points(scores["day"], values.tolist(), said, palette.STRENGTH, label)
        pane.notes.append(
            end_label(plain_number(values.iloc[-1]), scores["day"].iloc[-1], values.iloc[-1], data, palette.STRENGTH)
        )
        panes.append(pane)
    return panes

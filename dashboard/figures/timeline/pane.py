"""One pane of the timeline and what is drawn in any of them: lines with points, limits, labels, days as words."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData

GAP_DAYS = 120
"""Results further apart are not joined by a line [default]."""


@dataclass
class Pane:
    """A part of the figure with an axis of its own: title, height in pixels, and what is drawn in it."""

    title: str
    height: int
    axis: dict[str, Any]
    traces: list[Any] = field(default_factory=list)
    shapes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)


def said_of_results(name: str, rows: pd.DataFrame, unit: str) -> list[str]:
    """Hover text: the value as reported, its own limit, and the day."""
    said = []
    for value, sign, limit, day in zip(
        rows["value"], rows["comparator"], rows["upper_limit"], rows["day"], strict=True
    ):
        against = (
            f" ({plain_number(value / limit)}× of {plain_number(limit)})"
            if limit == limit and limit
            else ", no limit reported"
        )
        said.append(f"{name} {sign or ''}{plain_number(value)} {unit}{against}, {day_words(day)}")
    return said


def result_points(
    rows: pd.DataFrame,
    values: list[float],
    said: list[str],
    colour: str,
    name: str,
    *,
    symbol: str = "circle",
    gap: int = GAP_DAYS,
) -> list[Any]:
    """A laboratory series: exact results filled, bounds (`<`, `>`) as open triangles that point to the truth."""
    signs = rows["comparator"].fillna("").tolist()
    shapes = [{"<": "triangle-down-open", ">": "triangle-up-open"}.get(sign, symbol) for sign in signs]
    sizes = [9 if sign else 7 for sign in signs]
    return line_and_points(rows["day"], values, said, colour, name, symbols=shapes, sizes=sizes, gap=gap)


def line_and_points(
    days: "pd.Series[Any]",
    values: list[float],
    said: list[str],
    colour: str,
    name: str,
    *,
    symbols: Sequence[str] | str = "circle",
    sizes: Sequence[int] | int = 7,
    gap: int = GAP_DAYS,
) -> list[Any]:
    """A line broken at gaps, and the points on it. The read-out belongs to the points."""
    stamps = [pd.Timestamp(day) for day in days]
    xs: list[str | None] = []
    ys: list[float | None] = []
    for number, (stamp, value) in enumerate(zip(stamps, values, strict=True)):
        if number and (stamp - stamps[number - 1]).days > gap:
            xs.append(None)
            ys.append(None)
        xs.append(iso_day(stamp))
        ys.append(value)
    line = go.Scatter(
        x=xs, y=ys, mode="lines", line={"color": colour, "width": 1.5}, hoverinfo="skip", connectgaps=False, name=name
    )
    points = go.Scatter(
        x=[iso_day(stamp) for stamp in stamps],
        y=values,
        mode="markers",
        marker={
            "color": colour,
            "size": list(sizes) if not isinstance(sizes, int) else sizes,
            "symbol": list(symbols) if not isinstance(symbols, str) else symbols,
        },
        text=said,
        hovertemplate="%{text}<extra></extra>",
        name=name,
    )
    return [line, points]


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """A logarithmic axis with few ticks, all of them numbers that a reader knows."""
    known = [value for value in values if value > 0] or [1.0]
    low, high = math.log10(min(known)), math.log10(max(known))
    air = max((high - low) * 0.12, 0.08)
    span = high - low + 2 * air
    # Ticks a reader knows, and never more than a handful.
    mantissas = (1, 2, 5) if span < 2.2 else (1,)
    ticks = [m * 10.0**e for e in range(math.floor(low - air), math.ceil(high + air) + 1) for m in mantissas]
    inside = [tick for tick in ticks if low - air <= math.log10(tick) <= high + air]
    if len(inside) < 3:
        fine = [
            m * 10.0**e for e in range(math.floor(low - air), math.ceil(high + air) + 1) for m in (1, 1.5, 2, 3, 5, 7)
        ]
        inside = [tick for tick in fine if low - air <= math.log10(tick) <= high + air]
    return {
        "type": "log",
        "range": [low - air, high + air],
        "tickmode": "array",
        "tickvals": inside,
        "ticktext": [f"{tick:,.6g}".replace(",", "\u202f") for tick in inside],
    }


def limit_shapes(span: Sequence[float], *, log: bool) -> list[dict[str, Any]]:
    """The range below the upper limit as a faint band, and the limit as a thin line."""
    low = 10.0 ** span[0] if log else span[0]
    return [
        {
            "type": "rect",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": low,
            "y1": 1,
            "fillcolor": palette.FAINT,
            "line": {"width": 0},
            "layer": "below",
        },
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 1,
            "y1": 1,
            "line": {"width": 1, "color": palette.OTHER, "dash": "dot"},
            "layer": "below",
        },
    ]


def end_label(
    text: str, day: Any, value: float, data: TimelineData, colour: str, *, log: bool = False
) -> dict[str, Any]:
    """The last value beside the axis; with its day where it is not recent."""
    stamp = pd.Timestamp(day)
    old = (pd.Timestamp(data.today) - stamp).days > 42
    return {
        "text": f"<b>{text}</b>"
        + (f"<br><span style='font-size:10px'>{day_words(stamp, year=False)}</span>" if old else ""),
        "xref": "paper",
        "x": 1,
        "xanchor": "left",
        "xshift": 5,
        "y": math.log10(value) if log and value > 0 else value,
        "yanchor": "middle",
        "showarrow": False,
        "align": "left",
        "font": {"color": colour, "size": 12},
    }


def pushed_apart(ends: list[tuple[float, dict[str, Any]]], *, span: float, height: int) -> list[dict[str, Any]]:
    """Labels at the line's end, pushed apart where they would cover one another (15 pixels a label)."""
    placed: list[dict[str, Any]] = []
    before = -math.inf
    for value, label in sorted(ends, key=lambda pair: pair[0]):
        at = value / span * height
        shift = max(0.0, before + 15 - at)
        label["yshift"] = shift
        before = at + shift
        placed.append(label)
    return placed


def limit_label(text: str, value: float, *, log: bool) -> dict[str, Any]:
    """The name of a limit, at the left on its line."""
    return inside_label(text, math.log10(value) if log else value, top=False)


def inside_label(text: str, y: float, *, top: bool) -> dict[str, Any]:
    """A small text at the left, inside the pane."""
    return {
        "text": text,
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "xshift": 4,
        "y": y,
        "yanchor": "bottom" if not top else "top",
        "showarrow": False,
        "font": {"size": 10, "color": palette.INK},
    }


def row_label(text: str, y: float) -> dict[str, Any]:
    """The name of a row of bars or marks, at its right end where the present is."""
    short = text if len(text) <= 12 else text[:11] + "…"
    return {
        "text": short,
        "xref": "paper",
        "x": 1,
        "xanchor": "left",
        "xshift": 5,
        "y": y,
        "yanchor": "middle",
        "showarrow": False,
        "align": "left",
        "font": {"size": 11, "color": palette.INK},
        "hovertext": text,
    }


def iso_day(stamp: pd.Timestamp) -> str:
    """A day as plotly reads it."""
    return stamp.strftime("%Y-%m-%d")


def iso_days(days: "pd.Series[Any]") -> list[str]:
    """Days as plotly reads them."""
    return [iso_day(pd.Timestamp(day)) for day in days]


def day_words(value: Any, *, year: bool = True) -> str:
    """`5 Mar 2026`, without its year on wish."""
    stamp = pd.Timestamp(value)
    return f"{stamp.day} {stamp.strftime('%b %Y' if year else '%b')}"


def plain_number(value: float) -> str:
    """`27`, `3.2`, `0.04`, `1 240`."""
    number = float(value)
    digits = 2 if 0 < abs(number) < 0.1 else 1 if abs(number) < 10 or number != round(number) else 0
    text = f"{number:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", "\u202f")

"""One patient on one time axis: strength, CK, troponin, skin, lung, steroid dose, treatments, events and alerts.

The figure is a pure function of small tables. What cannot be compared stands apart: every strength instrument has a
pane of its own with its own maximum, every troponin assay is a series of its own. A result reported as below or above
a number is drawn as an open mark that points where the true value lies. Nothing is drawn between results that lie
far apart, because nobody knows what happened there.
"""

import datetime as dt
import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import palette

GAP_DAYS = 120
"""Results further apart are not joined by a line [default]."""
LUNG_GAP_DAYS = 400
"""Lung function is tested every 3 to 12 months: tests up to a year apart are one course [default]."""
HIGH_DOSE_MG = 30.0
"""The line above which a steroid dose is high (EULAR 2013 dose classes)."""
RANGES = {"3m": 92, "6m": 183, "1y": 366, "all": None}
LABEL_SPACE = 92
"""Pixels at the right for the labels at the end of the lines."""

EnzymeScale = Literal["times", "units"]

_STRENGTH_HEIGHT, _ENZYME_HEIGHT, _TROPONIN_HEIGHT, _STEROID_HEIGHT = 128, 140, 100, 118
_SKIN_HEIGHT, _LUNG_HEIGHT, _OWN_HEIGHT = 92, 112, 84
_BAR_HEIGHT, _MARK_HEIGHT, _TITLE_HEIGHT, _FOOT = 19, 22, 30, 32


def _no(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})


@dataclass(frozen=True)
class TimelineData:
    """What the figure draws. Days are datetime64; empty tables leave their pane out.

    Attributes:
        first, today: the days the axis runs from and to when everything is shown.
        strength: `measure`, `label`, `maximum`, `day`, `value`, `assessor`.
        enzyme: CK: `day`, `value` (U/L), `comparator`, `upper_limit` (as reported with each, NaN where none).
        troponin: `kind` (`T` or `I`), `assay`, `day`, `value` (ng/L), `comparator`, `upper_limit`.
        skin: CDASI activity (0 to 100): `day`, `value`, `assessor`.
        lung: `kind` (`FVC` or `DLCO`), `day`, `value` (% of predicted), `comparator`.
        own: the clinic's own measures: `label`, `unit`, `day`, `value`, `comparator`, `upper_limit`.
        steroid: `start`, `end` (last day), `steady_mg`, `mg_day`, `pulse`; prednisone-equivalent mg/day.
        plan: the agreed taper: `start`, `dose_mg`.
        courses: other drugs: `label`, `start`, `end` (NaT: continuing), `text`; sorted as they are to stand.
        events: `day`, `label`, `present`, `red_flag`.
        alerts: `day`, `severity`, `label`.
    """

    first: dt.date
    today: dt.date
    strength: pd.DataFrame = field(
        default_factory=lambda: _no("measure", "label", "maximum", "day", "value", "assessor")
    )
    enzyme: pd.DataFrame = field(default_factory=lambda: _no("day", "value", "comparator", "upper_limit"))
    troponin: pd.DataFrame = field(
        default_factory=lambda: _no("kind", "assay", "day", "value", "comparator", "upper_limit")
    )
    skin: pd.DataFrame = field(default_factory=lambda: _no("day", "value", "assessor"))
    lung: pd.DataFrame = field(default_factory=lambda: _no("kind", "day", "value", "comparator"))
    own: pd.DataFrame = field(default_factory=lambda: _no("label", "unit", "day", "value", "comparator", "upper_limit"))
    steroid: pd.DataFrame = field(default_factory=lambda: _no("start", "end", "steady_mg", "mg_day", "pulse"))
    plan: pd.DataFrame = field(default_factory=lambda: _no("start", "dose_mg"))
    courses: pd.DataFrame = field(default_factory=lambda: _no("label", "start", "end", "text"))
    events: pd.DataFrame = field(default_factory=lambda: _no("day", "label", "present", "red_flag"))
    alerts: pd.DataFrame = field(default_factory=lambda: _no("day", "severity", "label"))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all to draw."""
        measured = (self.strength, self.enzyme, self.troponin, self.skin, self.lung, self.own)
        return all(table.empty for table in (*measured, self.steroid, self.courses, self.events, self.alerts))


@dataclass
class _Pane:
    title: str
    height: int
    axis: dict[str, Any]
    traces: list[Any] = field(default_factory=list)
    shapes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)


PLAN_AHEAD_DAYS = 70
"""So much of an agreed taper that lies ahead is shown to the right of today: five steps of a fortnight."""


def days_ahead(data: TimelineData) -> int:
    """How many days after today the axis goes on for the steps of an agreed taper; 0 without any ahead."""
    if data.plan.empty:
        return 0
    last = (pd.Timestamp(data.plan["start"].iloc[-1]) - pd.Timestamp(data.today)).days
    return max(min(last + 1, PLAN_AHEAD_DAYS), 0)


def shown_range(first: dt.date, today: dt.date, choice: str, ahead: int = 0) -> list[str]:
    """The ends of the axis for one of `RANGES`, with `ahead` days of a plan or a little air at the right."""
    span = RANGES.get(choice)
    begin = first if span is None else max(today - dt.timedelta(days=span), dt.date(1900, 1, 1))
    length = max((today - begin).days, 7)
    air = dt.timedelta(days=max(round(length * 0.012), 1))
    return [(begin - air).isoformat(), (today + max(air, dt.timedelta(days=ahead))).isoformat()]


def starting_range(data: TimelineData) -> str:
    """The narrowest of one year and everything."""
    return "all" if (data.today - data.first).days <= 366 else "1y"


def timeline(data: TimelineData, *, scale: EnzymeScale = "times", shown: str | None = None) -> go.Figure:
    """The figure: one pane below the other, one shared axis of days, one read-out for all panes.

    Args:
        scale: CK as multiples of the limit reported with each result, or in U/L with that limit drawn.
        shown: one of `RANGES`; by default the last year, or everything where that is less.
    """
    panes = [
        *_strength_panes(data),
        *_enzyme_panes(data, scale),
        *_troponin_panes(data),
        *_skin_panes(data),
        *_lung_panes(data),
        *_own_panes(data),
        *_steroid_panes(data),
        *_course_panes(data),
        *_mark_panes(data),
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


# ------------------------------------------------------------------------------------------------------------- strength


def _strength_panes(data: TimelineData) -> list[_Pane]:
    panes = []
    for _, scores in data.strength.groupby("measure", sort=False):
        scores = scores.sort_values("day", kind="stable")
        maximum = float(scores["maximum"].iloc[0])
        label = str(scores["label"].iloc[0])
        values = scores["value"].astype(float)
        low = max(0.0, math.floor((values.min() - 0.12 * maximum) / 10) * 10)
        pane = _Pane(
            f"<b>{label}</b> of {maximum:g}",
            _STRENGTH_HEIGHT,
            {"range": [low, maximum * 1.02], "nticks": 4},
        )
        said = [
            f"{label} {_plain(value)} of {maximum:g}, {_day(day)}"
            + (f", {who}" if isinstance(who, str) and who else "")
            for value, day, who in zip(values, scores["day"], scores["assessor"], strict=True)
        ]
        pane.traces += _line_and_points(scores["day"], values.tolist(), said, palette.STRENGTH, label)
        pane.notes.append(
            _end_label(_plain(values.iloc[-1]), scores["day"].iloc[-1], values.iloc[-1], data, palette.STRENGTH)
        )
        panes.append(pane)
    return panes


# -------------------------------------------------------------------------------------------------------------- enzymes


def _enzyme_panes(data: TimelineData, scale: EnzymeScale) -> list[_Pane]:
    if data.enzyme.empty:
        return []
    rows = data.enzyme.sort_values("day", kind="stable")
    if scale == "times":
        return _times_panes(rows, data)
    values = rows["value"].astype(float)
    said = _said_of_results("CK", rows, "U/L")
    pane = _Pane("<b>CK</b> U/L, logarithmic", _ENZYME_HEIGHT, _log_axis([*values, *rows["upper_limit"].dropna()]))
    limits = rows.dropna(subset=["upper_limit"])
    if len(limits):
        pane.traces.append(
            go.Scatter(
                x=_texts(limits["day"]),
                y=limits["upper_limit"].astype(float).tolist(),
                mode="lines",
                line={"color": palette.OTHER, "width": 1, "shape": "hv", "dash": "dot"},
                hoverinfo="skip",
                name="upper limit as reported",
            )
        )
        pane.notes.append(_limit_label("upper limit as reported", limits["upper_limit"].iloc[0], log=True))
    pane.traces += _results(rows, values.tolist(), said, palette.ENZYME, "CK")
    pane.notes.append(
        _end_label(_plain(values.iloc[-1]), rows["day"].iloc[-1], values.iloc[-1], data, palette.ENZYME, log=True)
    )
    return [pane]


def _times_panes(rows: pd.DataFrame, data: TimelineData) -> list[_Pane]:
    """CK as multiples of its limit. A result that came without a limit cannot be drawn, and the title says so."""
    known = rows.dropna(subset=["upper_limit"])
    left_out = len(rows) - len(known)
    title = "<b>CK</b> as multiples of the upper limit, logarithmic"
    if left_out:
        title += f" · {left_out} without a limit: see U/L"
    times = (known["value"] / known["upper_limit"]).astype(float)
    pane = _Pane(title, _ENZYME_HEIGHT if len(known) else 20, _log_axis([1.0, *times]))
    if len(known):
        said = _said_of_results("CK", known, "U/L")
        pane.shapes += _limit_shapes(pane.axis["range"], log=True)
        pane.notes.append(_limit_label("upper limit", 1.0, log=True))
        pane.traces += _results(known, times.tolist(), said, palette.ENZYME, "CK")
        pane.notes.append(
            _end_label(
                f"{_plain(times.iloc[-1])}×", known["day"].iloc[-1], times.iloc[-1], data, palette.ENZYME, log=True
            )
        )
    return [pane]


def _troponin_panes(data: TimelineData) -> list[_Pane]:
    if data.troponin.empty:
        return []
    known = data.troponin.dropna(subset=["upper_limit"])
    left_out = len(data.troponin) - len(known)
    title = "<b>Troponin</b> as multiples of the upper limit"
    if left_out:
        title += f" · {left_out} without a limit: see the table"
    times = (known["value"] / known["upper_limit"]).astype(float)
    top = max(1.6, float(times.max()) * 1.15) if len(known) else 1.6
    pane = _Pane(title, _TROPONIN_HEIGHT if len(known) else 20, {"range": [0, top], "nticks": 3})
    pane.shapes += _limit_shapes([0, top], log=False)
    pane.notes.append(_limit_label("upper limit", 1.0, log=False))
    ends: list[tuple[float, dict[str, Any]]] = []
    colours = {"T": palette.TROPONIN_T, "I": palette.TROPONIN_I}
    for (kind, assay), rows in known.assign(assay=known["assay"].fillna("")).groupby(["kind", "assay"], sort=True):
        rows = rows.sort_values("day", kind="stable")
        values = (rows["value"] / rows["upper_limit"]).astype(float)
        name = f"Troponin {kind}" + (f" ({assay})" if str(assay) else "")
        said = _said_of_results(name, rows, "ng/L")
        pane.traces += _results(
            rows, values.tolist(), said, colours[str(kind)], name, symbol="square" if kind == "I" else "circle"
        )
        text = f"{kind} {_plain(values.iloc[-1])}×"
        ends.append(
            (float(values.iloc[-1]), _end_label(text, rows["day"].iloc[-1], values.iloc[-1], data, colours[str(kind)]))
        )
    pane.notes += _apart(ends, span=top, height=_TROPONIN_HEIGHT)
    return [pane]


def _said_of_results(name: str, rows: pd.DataFrame, unit: str) -> list[str]:
    """Hover text: the value as reported, its own limit, and the day."""
    said = []
    for value, sign, limit, day in zip(
        rows["value"], rows["comparator"], rows["upper_limit"], rows["day"], strict=True
    ):
        against = (
            f" ({_plain(value / limit)}× of {_plain(limit)})" if limit == limit and limit else ", no limit reported"
        )
        said.append(f"{name} {sign or ''}{_plain(value)} {unit}{against}, {_day(day)}")
    return said


def _results(
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
    return _line_and_points(rows["day"], values, said, colour, name, symbols=shapes, sizes=sizes, gap=gap)


# -------------------------------------------------------------------------------------------------------- skin and lung


def _skin_panes(data: TimelineData) -> list[_Pane]:
    if data.skin.empty:
        return []
    rows = data.skin.sort_values("day", kind="stable")
    values = rows["value"].astype(float).tolist()
    top = min(100.0, max(20.0, math.ceil(max(values) * 1.12 / 10) * 10))
    pane = _Pane("<b>Skin</b> CDASI activity of 100, lower is better", _SKIN_HEIGHT, {"range": [0, top], "nticks": 3})
    said = [
        f"CDASI activity {_plain(value)} of 100, {_day(day)}" + (f", {who}" if isinstance(who, str) and who else "")
        for value, day, who in zip(values, rows["day"], rows["assessor"], strict=True)
    ]
    pane.traces += _line_and_points(rows["day"], values, said, palette.SKIN, "CDASI")
    pane.notes.append(_end_label(_plain(values[-1]), rows["day"].iloc[-1], values[-1], data, palette.SKIN))
    return [pane]


def _lung_panes(data: TimelineData) -> list[_Pane]:
    """FVC and DLCO, both as a share of what is predicted: told apart by colour, mark and label."""
    if data.lung.empty:
        return []
    shares = data.lung["value"].astype(float)
    low = max(0.0, math.floor((float(shares.min()) - 8) / 10) * 10)
    top = max(100.0, float(shares.max()) + 6)
    kinds = data.lung["kind"].unique().tolist()
    named = "FVC and DLCO" if len(kinds) > 1 else str(kinds[0])
    pane = _Pane(f"<b>Lung</b> {named}, % of predicted", _LUNG_HEIGHT, {"range": [low, top], "nticks": 4})
    ends: list[tuple[float, dict[str, Any]]] = []
    looks = {"FVC": (palette.LUNG_FVC, "circle"), "DLCO": (palette.LUNG_DLCO, "square")}
    for kind, rows in data.lung.groupby("kind", sort=False):
        rows = rows.sort_values("day", kind="stable")
        values = rows["value"].astype(float).tolist()
        colour, symbol = looks[str(kind)]
        said = [
            f"{kind} {sign or ''}{_plain(value)} % of predicted, {_day(day)}"
            for value, sign, day in zip(values, rows["comparator"], rows["day"], strict=True)
        ]
        pane.traces += _results(rows, values, said, colour, str(kind), symbol=symbol, gap=LUNG_GAP_DAYS)
        text = f"{kind} {_plain(values[-1])} %"
        ends.append((values[-1] - low, _end_label(text, rows["day"].iloc[-1], values[-1], data, colour)))
    pane.notes += _apart(ends, span=top - low, height=_LUNG_HEIGHT)
    return [pane]


# -------------------------------------------------------------------------------------------- the clinic's own measures


def _own_panes(data: TimelineData) -> list[_Pane]:
    """Each in a pane and a unit of its own: what is not known to be comparable stands apart."""
    panes = []
    for (label, unit), rows in data.own.groupby(["label", "unit"], sort=False):
        rows = rows.sort_values("day", kind="stable")
        values = rows["value"].astype(float).tolist()
        limits = rows["upper_limit"].dropna().astype(float)
        top = max([*values, *limits.tolist()]) * 1.15 or 1.0
        title = f"<b>{html.escape(str(label))}</b> {html.escape(str(unit))}".rstrip()
        pane = _Pane(title, _OWN_HEIGHT, {"range": [0, top], "nticks": 3})
        said = _said_of_results(str(label), rows, str(unit))
        pane.traces += _results(rows, values, said, palette.OTHER, str(label))
        pane.notes.append(_end_label(_plain(values[-1]), rows["day"].iloc[-1], values[-1], data, palette.OTHER))
        panes.append(pane)
    return panes


# ------------------------------------------------------------------------------------------------------------- steroids


def _steroid_panes(data: TimelineData) -> list[_Pane]:
    if data.steroid.empty and data.plan.empty:
        return []
    today = pd.Timestamp(data.today)
    days: list[str] = []
    doses: list[float] = []
    said: list[str] = []
    before: pd.Timestamp | None = None
    for start, end, mg in zip(data.steroid["start"], data.steroid["end"], data.steroid["steady_mg"], strict=True):
        start, end = pd.Timestamp(start), min(pd.Timestamp(end), today)
        if before is not None and start > before + pd.Timedelta(days=1):
            days += [_iso(before + pd.Timedelta(days=1)), _iso(start)]
            doses += [0.0, 0.0]
            said += ["", ""]
        # A point a day lets the read-out answer for any day; on long courses one every few days is enough.
        step = max(1, (end - start).days // 120)
        for offset in range(0, (end - start).days + 1, step):
            days.append(_iso(start + pd.Timedelta(days=offset)))
            doses.append(float(mg))
            said.append(f"Steroid {_plain(mg)} mg/d since {_day(start)}")
        days.append(_iso(end))
        doses.append(float(mg))
        said.append(said[-1])
        before = end
    if before is not None and before < today:
        days += [_iso(before + pd.Timedelta(days=1)), _iso(today)]
        doses += [0.0, 0.0]
        said += ["", "no steroid on file"]
    planned = data.plan["dose_mg"].astype(float).tolist() if len(data.plan) else []
    top = max([HIGH_DOSE_MG * 1.15, *(dose * 1.1 for dose in doses), *(dose * 1.1 for dose in planned)])
    pane = _Pane("<b>Steroid</b> mg a day, prednisone-equivalent", _STEROID_HEIGHT, {"range": [0, top], "nticks": 4})
    pane.traces.append(
        go.Scatter(
            x=days,
            y=doses,
            mode="lines",
            line={"color": palette.STEROID, "width": 1.5, "shape": "hv"},
            fill="tozeroy",
            fillcolor="rgba(116, 140, 42, 0.18)",
            text=said,
            hovertemplate="%{text}<extra></extra>",
            name="Steroid",
        )
    )
    if planned:
        ahead = max(pd.Timestamp(data.plan["start"].iloc[-1]), today)
        pane.traces.append(
            go.Scatter(
                x=[*_texts(data.plan["start"]), _iso(ahead)],
                y=[*planned, planned[-1]],
                mode="lines",
                line={"color": palette.OTHER, "width": 1.5, "shape": "hv", "dash": "dash"},
                name="Planned taper",
                text=[
                    f"planned {_plain(dose)} mg/d from {_day(day)}"
                    for dose, day in zip(planned, data.plan["start"], strict=True)
                ]
                + [""],
                hovertemplate="%{text}<extra></extra>",
            )
        )
        pane.notes.append(_inside_label("planned taper", planned[0], top=True))
    pulses = data.steroid[data.steroid["pulse"].astype(bool)] if len(data.steroid) else data.steroid
    if len(pulses):
        pane.traces.append(
            go.Scatter(
                x=_texts(pulses["start"]),
                y=[top * 0.9] * len(pulses),
                mode="markers",
                marker={"symbol": "triangle-up", "size": 10, "color": palette.STEROID},
                text=[
                    f"Pulse {_plain(mg)} mg/d, {_day(start)} to {_day(end)}"
                    for start, end, mg in zip(pulses["start"], pulses["end"], pulses["mg_day"], strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
                name="Steroid pulse",
            )
        )
    pane.shapes.append(
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": HIGH_DOSE_MG,
            "y1": HIGH_DOSE_MG,
            "line": {"width": 1, "color": palette.OTHER, "dash": "dot"},
            "layer": "below",
        }
    )
    pane.notes.append(_inside_label("30 mg: high above", HIGH_DOSE_MG, top=False))
    if doses:
        pane.notes.append(_end_label(f"{_plain(doses[-1])} mg", data.today, doses[-1], data, palette.STEROID))
    return [pane]


# ------------------------------------------------------------------------------------------- treatments, events, alerts


def _course_panes(data: TimelineData) -> list[_Pane]:
    if data.courses.empty:
        return []
    labels = list(dict.fromkeys(data.courses["label"].tolist()))
    place = {label: len(labels) - 1 - number for number, label in enumerate(labels)}
    pane = _Pane(
        "<b>Treatments</b>",
        _BAR_HEIGHT * len(labels),
        {"range": [-0.6, len(labels) - 0.4], "showticklabels": False, "showgrid": False},
    )
    today = pd.Timestamp(data.today)
    ends = [today if pd.isna(end) else min(pd.Timestamp(end), today) for end in data.courses["end"]]
    for label, rows in data.courses.assign(until=ends).groupby("label", sort=False):
        spans = [
            (pd.Timestamp(start), pd.Timestamp(end)) for start, end in zip(rows["start"], rows["until"], strict=True)
        ]
        lines: list[str | None] = []
        texts: list[str] = []
        heights: list[float | None] = []
        points: list[tuple[pd.Timestamp, str]] = []
        for (start, end), text in zip(spans, rows["text"], strict=True):
            if end <= start:
                points.append((start, text))
                continue
            step = max(1, (end - start).days // 60)
            inside = [*range(0, (end - start).days, step), (end - start).days]
            lines += [*(_iso(start + pd.Timedelta(days=offset)) for offset in inside), None]
            heights += [*([float(place[label])] * len(inside)), None]
            texts += [text] * (len(inside) + 1)
        if lines:
            pane.traces.append(
                go.Scatter(
                    x=lines,
                    y=heights,
                    mode="lines",
                    line={"color": palette.OTHER, "width": 9},
                    opacity=0.75,
                    text=texts,
                    hovertemplate="%{text}<extra></extra>",
                    name=label,
                    connectgaps=False,
                )
            )
        if points:
            pane.traces.append(
                go.Scatter(
                    x=[_iso(day) for day, _ in points],
                    y=[float(place[label])] * len(points),
                    mode="markers",
                    marker={"symbol": "triangle-up", "size": 9, "color": palette.OTHER},
                    text=[text for _, text in points],
                    hovertemplate="%{text}<extra></extra>",
                    name=label,
                )
            )
        pane.notes.append(_row_label(str(label), place[label]))
    return [pane]


def _mark_panes(data: TimelineData) -> list[_Pane]:
    rows = [("Events", data.events), ("Alerts", data.alerts)]
    shown = [(name, table) for name, table in rows if len(table)]
    if not shown:
        return []
    pane = _Pane(
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
                x=_texts(table["day"]),
                y=[height] * len(table),
                mode="markers",
                marker={"symbol": shapes, "size": 9, "color": colours},
                text=table["label"].tolist(),
                hovertemplate="%{text}<extra></extra>",
                name=name,
            )
        )
        pane.notes.append(_row_label(name, height))
    return [pane]


# --------------------------------------------------------------------------------------------------------------- pieces


def _line_and_points(
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
        xs.append(_iso(stamp))
        ys.append(value)
    line = go.Scatter(
        x=xs, y=ys, mode="lines", line={"color": colour, "width": 1.5}, hoverinfo="skip", connectgaps=False, name=name
    )
    points = go.Scatter(
        x=[_iso(stamp) for stamp in stamps],
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


def _log_axis(values: Iterable[float]) -> dict[str, Any]:
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


def _limit_shapes(span: Sequence[float], *, log: bool) -> list[dict[str, Any]]:
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


def _end_label(
    text: str, day: Any, value: float, data: TimelineData, colour: str, *, log: bool = False
) -> dict[str, Any]:
    """The last value beside the axis; with its day where it is not recent."""
    stamp = pd.Timestamp(day)
    old = (pd.Timestamp(data.today) - stamp).days > 42
    return {
        "text": f"<b>{text}</b>"
        + (f"<br><span style='font-size:10px'>{_day(stamp, year=False)}</span>" if old else ""),
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


def _apart(ends: list[tuple[float, dict[str, Any]]], *, span: float, height: int) -> list[dict[str, Any]]:
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


def _limit_label(text: str, value: float, *, log: bool) -> dict[str, Any]:
    return _inside_label(text, math.log10(value) if log else value, top=False)


def _inside_label(text: str, y: float, *, top: bool) -> dict[str, Any]:
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


def _row_label(text: str, y: float) -> dict[str, Any]:
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


def _iso(stamp: pd.Timestamp) -> str:
    return stamp.strftime("%Y-%m-%d")


def _texts(days: "pd.Series[Any]") -> list[str]:
    return [_iso(pd.Timestamp(day)) for day in days]


def _day(value: Any, *, year: bool = True) -> str:
    stamp = pd.Timestamp(value)
    return f"{stamp.day} {stamp.strftime('%b %Y' if year else '%b')}"


def _plain(value: float) -> str:
    """`27`, `3.2`, `0.04`, `1 240`."""
    number = float(value)
    digits = 2 if 0 < abs(number) < 0.1 else 1 if abs(number) < 10 or number != round(number) else 0
    text = f"{number:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", "\u202f")

"""Panes of what was done and what happened: steroid, other drugs, events and alerts."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import (
    Pane,
    day_words,
    end_label,
    inside_label,
    iso_day,
    iso_days,
    plain_number,
    row_label,
)

HIGH_DOSE_MG = 30.0
"""The line above which a steroid dose is high (EULAR 2013 dose classes)."""
_STEROID_HEIGHT = 118
_BAR_HEIGHT = 19


def steroid_panes(data: TimelineData) -> list[Pane]:
    """The pane of the steroid dose."""
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
            days += [iso_day(before + pd.Timedelta(days=1)), iso_day(start)]
            doses += [0.0, 0.0]
            said += ["", ""]
        # A point a day lets the read-out answer for any day; on long courses one every few days is enough.
        step = max(1, (end - start).days // 120)
        for offset in range(0, (end - start).days + 1, step):
            days.append(iso_day(start + pd.Timedelta(days=offset)))
            doses.append(float(mg))
            said.append(f"Steroid {plain_number(mg)} mg/d since {day_words(start)}")
        days.append(iso_day(end))
        doses.append(float(mg))
        said.append(said[-1])
        before = end
    if before is not None and before < today:
        days += [iso_day(before + pd.Timedelta(days=1)), iso_day(today)]
        doses += [0.0, 0.0]
        said += ["", "no steroid on file"]
    planned = data.plan["dose_mg"].astype(float).tolist() if len(data.plan) else []
    top = max([HIGH_DOSE_MG * 1.15, *(dose * 1.1 for dose in doses), *(dose * 1.1 for dose in planned)])
    pane = Pane("<b>Steroid</b> mg a day, prednisone-equivalent", _STEROID_HEIGHT, {"range": [0, top], "nticks": 4})
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
                x=[*iso_days(data.plan["start"]), iso_day(ahead)],
                y=[*planned, planned[-1]],
                mode="lines",
                line={"color": palette.OTHER, "width": 1.5, "shape": "hv", "dash": "dash"},
                name="Planned taper",
                text=[
                    f"planned {plain_number(dose)} mg/d from {day_words(day)}"
                    for dose, day in zip(planned, data.plan["start"], strict=True)
                ]
                + [""],
                hovertemplate="%{text}<extra></extra>",
            )
        )
        pane.notes.append(inside_label("planned taper", planned[0], top=True))
    pulses = data.steroid[data.steroid["pulse"].astype(bool)] if len(data.steroid) else data.steroid
    if len(pulses):
        pane.traces.append(
            go.Scatter(
                x=iso_days(pulses["start"]),
                y=[top * 0.9] * len(pulses),
                mode="markers",
                marker={"symbol": "triangle-up", "size": 10, "color": palette.STEROID},
                text=[
                    f"Pulse {plain_number(mg)} mg/d, {day_words(start)} to {day_words(end)}"
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
    pane.notes.append(inside_label("30 mg: high above", HIGH_DOSE_MG, top=False))
    if doses:
        pane.notes.append(end_label(f"{plain_number(doses[-1])} mg", data.today, doses[-1], data, palette.STEROID))
    return [pane]


def course_panes(data: TimelineData) -> list[Pane]:
    """The pane of all other treatments."""
    if data.courses.empty:
        return []
    labels = list(dict.fromkeys(data.courses["label"].tolist()))
    place = {label: len(labels) - 1 - number for number, label in enumerate(labels)}
    pane = Pane(
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
            lines += [*(iso_day(start + pd.Timedelta(days=offset)) for offset in inside), None]
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
                    x=[iso_day(day) for day, _ in points],
                    y=[float(place[label])] * len(points),
                    mode="markers",
                    marker={"symbol": "triangle-up", "size": 9, "color": palette.OTHER},
                    text=[text for _, text in points],
                    hovertemplate="%{text}<extra></extra>",
                    name=label,
                )
            )
        pane.notes.append(row_label(str(label), place[label]))
    return [pane]


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

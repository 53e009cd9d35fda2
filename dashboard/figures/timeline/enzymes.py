"""Panes of muscle enzymes: CK in multiples of its limit or in U/L, troponin by kind and assay."""

from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import (
    Pane,
    end_label,
    iso_days,
    limit_label,
    limit_shapes,
    log_axis,
    plain_number,
    pushed_apart,
    result_points,
    said_of_results,
)

EnzymeScale = Literal["times", "units"]
_ENZYME_HEIGHT = 140
_TROPONIN_HEIGHT = 100


def enzyme_panes(data: TimelineData, scale: EnzymeScale) -> list[Pane]:
    """The pane of CK."""
    if data.enzyme.empty:
        return []
    rows = data.enzyme.sort_values("day", kind="stable")
    if scale == "times":
        return _times_panes(rows, data)
    values = rows["value"].astype(float)
    said = said_of_results("CK", rows, "U/L")
    pane = Pane("<b>CK</b> U/L, logarithmic", _ENZYME_HEIGHT, log_axis([*values, *rows["upper_limit"].dropna()]))
    limits = rows.dropna(subset=["upper_limit"])
    if len(limits):
        pane.traces.append(
            go.Scatter(
                x=iso_days(limits["day"]),
                y=limits["upper_limit"].astype(float).tolist(),
                mode="lines",
                line={"color": palette.OTHER, "width": 1, "shape": "hv", "dash": "dot"},
                hoverinfo="skip",
                name="upper limit as reported",
            )
        )
        pane.notes.append(limit_label("upper limit as reported", limits["upper_limit"].iloc[0], log=True))
    pane.traces += result_points(rows, values.tolist(), said, palette.ENZYME, "CK")
    pane.notes.append(
        end_label(plain_number(values.iloc[-1]), rows["day"].iloc[-1], values.iloc[-1], data, palette.ENZYME, log=True)
    )
    return [pane]


def _times_panes(rows: pd.DataFrame, data: TimelineData) -> list[Pane]:
    """CK as multiples of its limit. A result that came without a limit cannot be drawn, and the title says so."""
    known = rows.dropna(subset=["upper_limit"])
    left_out = len(rows) - len(known)
    title = "<b>CK</b> as multiples of the upper limit, logarithmic"
    if left_out:
        title += f" · {left_out} without a limit: see U/L"
    times = (known["value"] / known["upper_limit"]).astype(float)
    pane = Pane(title, _ENZYME_HEIGHT if len(known) else 20, log_axis([1.0, *times]))
    if len(known):
        said = said_of_results("CK", known, "U/L")
        pane.shapes += limit_shapes(pane.axis["range"], log=True)
        pane.notes.append(limit_label("upper limit", 1.0, log=True))
        pane.traces += result_points(known, times.tolist(), said, palette.ENZYME, "CK")
        pane.notes.append(
            end_label(
                f"{plain_number(times.iloc[-1])}×",
                known["day"].iloc[-1],
                times.iloc[-1],
                data,
                palette.ENZYME,
                log=True,
            )
        )
    return [pane]


def troponin_panes(data: TimelineData) -> list[Pane]:
    """The pane of troponin, in multiples of the limit reported with each result."""
    if data.troponin.empty:
        return []
    known = data.troponin.dropna(subset=["upper_limit"])
    left_out = len(data.troponin) - len(known)
    title = "<b>Troponin</b> as multiples of the upper limit"
    if left_out:
        title += f" · {left_out} without a limit: see the table"
    times = (known["value"] / known["upper_limit"]).astype(float)
    top = max(1.6, float(times.max()) * 1.15) if len(known) else 1.6
    pane = Pane(title, _TROPONIN_HEIGHT if len(known) else 20, {"range": [0, top], "nticks": 3})
    pane.shapes += limit_shapes([0, top], log=False)
    pane.notes.append(limit_label("upper limit", 1.0, log=False))
    ends: list[tuple[float, dict[str, Any]]] = []
    colours = {"T": palette.TROPONIN_T, "I": palette.TROPONIN_I}
    for (kind, assay), rows in known.assign(assay=known["assay"].fillna("")).groupby(["kind", "assay"], sort=True):
        rows = rows.sort_values("day", kind="stable")
        values = (rows["value"] / rows["upper_limit"]).astype(float)
        name = f"Troponin {kind}" + (f" ({assay})" if str(assay) else "")
        said = said_of_results(name, rows, "ng/L")
        pane.traces += result_points(
            rows, values.tolist(), said, colours[str(kind)], name, symbol="square" if kind == "I" else "circle"
        )
        text = f"{kind} {plain_number(values.iloc[-1])}×"
        ends.append(
            (float(values.iloc[-1]), end_label(text, rows["day"].iloc[-1], values.iloc[-1], data, colours[str(kind)]))
        )
    pane.notes += pushed_apart(ends, span=top, height=_TROPONIN_HEIGHT)
    return [pane]

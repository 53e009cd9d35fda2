"""Panes of what was measured: strength, enzymes, skin, lung, and the clinic's own measures."""

import html
import math
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import palette
from dashboard.figures.timeline.data import TimelineData
from dashboard.figures.timeline.pane import (
    Pane,
    day_words,
    end_label,
    iso_days,
    limit_label,
    limit_shapes,
    line_and_points,
    log_axis,
    plain_number,
    pushed_apart,
    result_points,
    said_of_results,
)

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

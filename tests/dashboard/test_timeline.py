"""The figure of a patient's course: what is compared, what is not, and what is never drawn."""

import datetime as dt
import json
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.figures import palette
from dashboard.figures.timeline import timeline
from dashboard.figures.timeline.data import TimelineData, shown_range, starting_range
from dashboard.figures.timeline.pane import GAP_DAYS

TODAY = dt.date(2026, 11, 22)


def day(offset: int) -> pd.Timestamp:
    return pd.Timestamp(TODAY) + pd.Timedelta(days=offset)


def strength(measure: str, maximum: float, *points: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "measure": measure,
                "label": measure.upper(),
                "maximum": maximum,
                "day": day(at),
                "value": value,
                "assessor": "",
            }
            for at, value in points
        ]
    )


def results(*points: tuple[int, float, str, float | None], **more: Any) -> pd.DataFrame:
    rows = [
        {"day": day(at), "value": v, "comparator": sign, "upper_limit": limit, **more} for at, v, sign, limit in points
    ]
    return pd.DataFrame(rows).astype({"upper_limit": "float64"})


def data(**tables: pd.DataFrame) -> TimelineData:
    return TimelineData(first=TODAY - dt.timedelta(days=500), today=TODAY, **tables)


def traces(figure: go.Figure, name: str, mode: str) -> list[Any]:
    return [trace for trace in figure.data if trace.name == name and trace.mode == mode]


def titles(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations if note.text.startswith("<b>") and note.x == 0]


def test_each_strength_instrument_has_an_axis_of_its_own_up_to_its_own_maximum() -> None:
    both = pd.concat([strength("cmas", 52, (-30, 40), (0, 38)), strength("mmt8", 80, (-30, 70))])
    figure = timeline(data(strength=both))
    axes = {traces(figure, name, "markers")[0].yaxis for name in ("CMAS", "MMT8")}
    assert len(axes) == 2
    assert figure.layout.yaxis.range[1] >= 52
    assert figure.layout.yaxis2.range[1] >= 80
    assert figure.layout.yaxis.range[1] < 60


def test_results_far_apart_are_not_joined_by_a_line() -> None:
    figure = timeline(data(strength=strength("cmas", 52, (-GAP_DAYS - 51, 40), (-50, 38), (0, 37))))
    line = traces(figure, "CMAS", "lines")[0]
    assert list(line.y) == [40, None, 38, 37]


def test_results_exactly_the_allowed_gap_apart_are_joined() -> None:
    figure = timeline(data(strength=strength("cmas", 52, (-GAP_DAYS, 40), (0, 38))))
    assert None not in traces(figure, "CMAS", "lines")[0].y


def test_ck_is_drawn_as_a_multiple_of_the_limit_reported_with_each_result() -> None:
    figure = timeline(data(enzyme=results((-30, 400, "", 200), (0, 400, "", 100))))
    assert list(traces(figure, "CK", "markers")[0].y) == [2, 4]


def test_ck_without_a_limit_is_not_drawn_as_a_multiple_and_the_title_says_so() -> None:
    figure = timeline(data(enzyme=results((-30, 400, "", None), (0, 400, "", 200))))
    assert list(traces(figure, "CK", "markers")[0].y) == [2]
    assert any("1 without a limit" in title for title in titles(figure))


def test_ck_in_units_keeps_results_without_a_limit_and_draws_the_limit_as_reported() -> None:
    figure = timeline(data(enzyme=results((-30, 400, "", None), (-10, 300, "", 200), (0, 400, "", 170))), scale="units")
    assert list(traces(figure, "CK", "markers")[0].y) == [400, 300, 400]
    assert list(traces(figure, "upper limit as reported", "lines")[0].y) == [200, 170]


def test_a_bound_is_an_open_mark_that_points_to_where_the_value_lies() -> None:
    figure = timeline(data(enzyme=results((-30, 20, "<", 200), (-10, 20000, ">", 200), (0, 300, "", 200))))
    points = traces(figure, "CK", "markers")[0]
    assert list(points.marker.symbol) == ["triangle-down-open", "triangle-up-open", "circle"]
    assert "<20 U/L" in points.text[0]


def test_troponin_t_and_i_and_each_assay_are_separate_series() -> None:
    tables = [
        results((-30, 20, "", 14), (0, 10, "", 14), kind="T", assay="A"),
        results((-20, 22, "", 14), kind="T", assay="B"),
        results((-20, 50, "", 26), kind="I", assay=None),
    ]
    figure = timeline(data(troponin=pd.concat(tables)))
    names = {trace.name for trace in figure.data if trace.mode == "markers"}
    assert names == {"Troponin T (A)", "Troponin T (B)", "Troponin I"}


def test_steroid_falls_to_nothing_where_no_dose_is_on_file() -> None:
    steroid = pd.DataFrame(
        {
            "start": [day(-60), day(-20)],
            "end": [day(-40), day(-10)],
            "steady_mg": [40.0, 20.0],
            "mg_day": [40.0, 20.0],
            "pulse": [False, False],
        }
    )
    line = traces(timeline(data(steroid=steroid)), "Steroid", "lines")[0]
    dose = dict(zip(line.x, line.y, strict=True))
    assert dose[day(-50).strftime("%Y-%m-%d")] == 40
    assert dose[day(-39).strftime("%Y-%m-%d")] == 0
    assert dose[day(-15).strftime("%Y-%m-%d")] == 20
    assert dose[TODAY.isoformat()] == 0


def test_a_pulse_is_a_mark_and_does_not_flatten_the_daily_doses() -> None:
    steroid = pd.DataFrame(
        {
            "start": [day(-60), day(-57)], "end": [day(-58), day(0)], "steady_mg": [0.0, 30.0],
            "mg_day": [1250.0, 30.0], "pulse": [True, False],
        }
    )  # fmt: skip
    figure = timeline(data(steroid=steroid))
    pulse = traces(figure, "Steroid pulse", "markers")[0]
    assert "1\u202f250 mg/d" in pulse.text[0]
    assert figure.layout.yaxis.range[1] < 50


def test_the_planned_taper_is_drawn_beyond_today() -> None:
    plan = pd.DataFrame({"start": [day(-5), day(10)], "dose_mg": [20.0, 10.0]})
    planned = traces(timeline(data(plan=plan)), "Planned taper", "lines")[0]
    assert list(planned.y[:2]) == [20, 10]
    assert planned.x[1] > TODAY.isoformat()


def test_all_panes_share_one_axis_of_days_and_one_read_out() -> None:
    figure = timeline(data(strength=strength("cmas", 52, (0, 40)), enzyme=results((0, 400, "", 200))))
    assert {trace.xaxis for trace in figure.data} == {"x"}
    assert figure.layout.hovermode == "x unified"
    assert figure.layout.hoversubplots == "axis"


def test_everything_the_figure_holds_is_a_plain_list() -> None:
    figure = timeline(data(strength=strength("cmas", 52, (-3, 40), (0, 38)), enzyme=results((0, 400, "", 200))))
    assert '"bdata"' not in figure.to_json()
    json.loads(figure.to_json())


@pytest.mark.parametrize(("choice", "days"), [("3m", 92), ("6m", 183), ("1y", 366), ("all", 500)])
def test_a_range_ends_a_little_after_today_and_begins_its_length_before(choice: str, days: int) -> None:
    begin, end = shown_range(TODAY - dt.timedelta(days=500), TODAY, choice)
    assert TODAY < dt.date.fromisoformat(end) <= TODAY + dt.timedelta(days=7)
    assert 0 < (TODAY - dt.date.fromisoformat(begin)).days - days <= 7


def test_a_short_history_is_shown_whole_and_a_long_one_by_its_last_year() -> None:
    assert starting_range(TimelineData(TODAY - dt.timedelta(days=100), TODAY)) == "all"
    assert starting_range(TimelineData(TODAY - dt.timedelta(days=3000), TODAY)) == "1y"


def test_a_patient_without_anything_has_nothing_to_draw() -> None:
    empty = TimelineData(TODAY, TODAY)
    assert empty.is_empty
    assert not timeline(empty).data


def test_a_value_of_zero_is_drawn_on_a_logarithmic_axis_without_an_error() -> None:
    figure = timeline(data(enzyme=results((-10, 0, "", 200), (0, 300, "", 200))))
    json.loads(figure.to_json())


def test_alerts_have_the_shape_of_their_severity() -> None:
    alerts = pd.DataFrame(
        {"day": [day(-3), day(-2), day(-1)], "severity": ["urgent", "action", "watch"], "label": ["a", "b", "c"]}
    )
    marks = traces(timeline(data(alerts=alerts)), "Alerts", "markers")[0]
    assert list(marks.marker.symbol) == ["triangle-up", "diamond", "circle"]


def test_the_palette_agrees_with_the_components() -> None:
    from dashboard.components import graph

    assert (palette.INK, palette.GRID, palette.FAINT) == (graph.INK, graph.GRID, graph.FAINT)
    assert graph.COLOURS["strength"] == palette.STRENGTH
    assert graph.COLOURS["enzyme"] == palette.ENZYME
    assert graph.COLOURS["steroid"] == palette.STEROID


def lung(kind: str, *points: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame([{"kind": kind, "day": day(at), "value": value, "comparator": ""} for at, value in points])


def test_vital_and_diffusing_capacity_share_an_axis_and_are_told_apart_by_mark_and_label() -> None:
    figure = timeline(data(lung=pd.concat([lung("FVC", (-200, 84), (0, 72)), lung("DLCO", (-200, 70), (0, 58))])))
    points = {name: traces(figure, name, "markers")[0] for name in ("FVC", "DLCO")}
    assert points["FVC"].yaxis == points["DLCO"].yaxis
    assert (points["FVC"].marker.symbol[0], points["DLCO"].marker.symbol[0]) == ("circle", "square")
    assert points["FVC"].marker.color != points["DLCO"].marker.color
    ends = [note.text for note in figure.layout.annotations if note.x == 1]
    assert ends == ["<b>DLCO 58 %</b>", "<b>FVC 72 %</b>"]


def test_lung_tests_half_a_year_apart_are_one_course() -> None:
    figure = timeline(data(lung=lung("FVC", (-380, 84), (-190, 80), (0, 78))))
    assert None not in traces(figure, "FVC", "lines")[0].y


def test_the_skin_score_starts_at_nothing_and_says_which_way_is_better() -> None:
    figure = timeline(data(skin=pd.DataFrame([{"day": day(0), "value": 12.0, "assessor": "Dr Moss"}])))
    assert figure.layout.yaxis.range[0] == 0
    assert titles(figure) == ["<b>Skin</b> CDASI activity of 100, lower is better"]
    assert traces(figure, "CDASI", "markers")[0].text == ("CDASI activity 12 of 100, 22 Nov 2026, Dr Moss",)

"""The calculators of response and of worsening: visits with core set measures against a baseline chosen here."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import dash_mantine_components as dmc
import pandas as pd
import plotly.graph_objects as go
from dash import html

from dashboard.components.accessible import aria
from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.graph import COLOURS, GRID, INK, graph
from dashboard.patient import ABOVE_DIALOGS
from dashboard.patient.advice import disease_class, score_text, usual_baseline
from dashboard.patient.view import PatientView, as_day, gather, rows_of
from dashboard.secure import Current
from jobs.scores.core_set import MEASURES
from jobs.scores.total_improvement import THRESHOLDS
from jobs.scores.total_improvement_series import CORE_MEASURES, VisitSeries, scored, visit_days, visit_series
from jobs.scores.worsening import DEFINITIONS, Worsening, WorseningDefinition, confirmed_deterioration
from models.database import writing
from models.errors import ActionRefused
from models.patient_record import find
from models.response_baseline import choose_baseline

MEASURE_LABELS: Mapping[str, str] = {
    "physician_global": "Physician global",
    "patient_global": "Patient global",
    "strength": "Strength",
    "haq": "HAQ",
    "enzyme": "Enzyme",
    "extramuscular_global": "Extramuscular",
}


def core_facts(view: PatientView) -> pd.DataFrame:
    """The patient's core set measures."""
    return view.frames.observations(*CORE_MEASURES)


def series_of(view: PatientView, kind: str, baseline: dt.date) -> VisitSeries:
    """The baseline and the visits after it."""
    return visit_series(core_facts(view), disease_class=kind, baseline_on=baseline)


def in_sentence(label: str) -> str:
    """A label as it stands within a sentence: `physician global`, but `HAQ`, `CK, LDH ...` and `anti-Jo-1`."""
    first = label.split(maxsplit=1)[0].strip(",")
    return label if first.isupper() or first.startswith("Gottron") else f"{label[:1].lower()}{label[1:]}"


def measure_names(keys: Iterable[str]) -> str:
    """Core set measures in a sentence."""
    return ", ".join(in_sentence(MEASURE_LABELS[key]) for key in keys)


VISITS_SHOWN = 10


def response_tab(view: PatientView, *, decides: bool) -> Any:
    """Baseline and class to choose, the score of every visit, and freezing the baseline."""
    days = visit_days(core_facts(view))
    baseline = usual_baseline(view)
    if baseline is None or not days:
        return html.P("No visit with a physician global or a strength score is on file.", className="quiet")
    kind = disease_class(view)
    shown = sorted({*days, baseline})
    chosen = view.baseline
    said = (
        f"Baseline {short_day(baseline, view.as_of)} chosen by {chosen.author} on "
        f"{short_day(as_day(chosen.created_at), view.as_of)}: {chosen.reason}"
        if chosen
        else "Nobody has chosen the baseline: the first visit with a physician global is used."
    )
    keep = html.Details(
        [
            html.Summary("Keep this baseline"),
            html.Div(
                [
                    dmc.TextInput(id="calc-reason", label="Why this visit", value="", size="sm"),
                    html.Div(id="calc-said", role="alert", className="form-said"),
                    html.Div(
                        html.Button("Keep", id="calc-keep", type="button", className="button", n_clicks=0),
                        className="form-end",
                    ),
                ],
                className="form-stack",
            ),
        ],
        className="held",
    )
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id="calc-baseline",
                        label="Baseline visit",
                        data=[{"value": day.isoformat(), "label": f"{day.day} {day:%b %Y}"} for day in shown],
                        value=baseline.isoformat(),
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                    dmc.Select(
                        id="calc-class",
                        label="Thresholds",
                        data=[
                            {"value": key, "label": f"{key}: {', '.join(map(str, limits))}"}
                            for key, limits in THRESHOLDS.items()
                        ],
                        value=kind,
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=ABOVE_DIALOGS,
                    ),
                ],
                className="form-row",
            ),
            html.P(said, className="quiet small"),
            html.Div(response_result(view, kind, baseline), id="calc-response", role="status"),
            keep if decides else None,
        ],
        className="form-stack",
    )


def response_result(view: PatientView, kind: str, baseline: dt.date) -> list[Any]:
    """The total improvement score of each visit with its parts, newest first, and as a line."""
    table = scored(series_of(view, kind, baseline), kind)
    if table.empty:
        return [html.P("There is no visit after this baseline.", className="quiet")]
    lines = [
        html.Tr(
            [
                html.Th(short_day(row.visit_on, view.as_of), scope="row", className="nowrap"),
                html.Td(score_text(row), className="num nowrap"),
                html.Td(str(row.category or "undecided")),
                *[_part(row.parts[name]) for name in MEASURES],
            ]
        )
        for row in rows_of(table.iloc[::-1])
    ]
    head = [html.Th("Visit"), html.Th("Score", className="num"), html.Th("Improvement")]
    head += [html.Th(MEASURE_LABELS[name], className="num") for name in MEASURES]
    problems = list(dict.fromkeys(text for told in table["problems"] for text in told))
    enzyme = next((str(name) for name in table["enzyme"] if name), "")
    last = table.iloc[-1]
    missing = measure_names(last["missing"])
    return [
        _line(table, kind),
        _visits(head, lines[:VISITS_SHOWN]),
        html.Details(
            [
                html.Summary(f"{counted(len(lines) - VISITS_SHOWN, 'earlier visit')}"),
                _visits(head, lines[VISITS_SHOWN:]),
            ],
            className="held",
        )
        if len(lines) > VISITS_SHOWN
        else None,
        html.P(
            f"Latest visit without {missing}: the score lies between the two numbers, whatever the missing would add."
            if missing
            else "Points of each measure; they add up to the score.",
            className="quiet small",
        ),
        html.P(f"Enzyme followed: {enzyme.upper()}.", className="quiet small") if enzyme else None,
        _remarks(problems),
        html.P("The score shows improvement only: worsening has its own tab.", className="quiet small"),
    ]


def _visits(head: list[Any], lines: list[Any]) -> Any:
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(lines)], className="plain")
    return html.Div(table, className="scroll-x", tabIndex="0", role="region", **aria(label="Scores by visit"))


def _part(points: float | None) -> html.Td:
    if points is None:
        return html.Td("missing", className="num quiet")
    return html.Td(number(float(points)), className="num")


def _remarks(problems: list[str]) -> Any:
    if not problems:
        return None
    return html.Details(
        [
            html.Summary(counted(len(problems), "remark")),
            html.Ul([html.Li(text) for text in problems], className="tight"),
        ],
        className="held",
    )


def _line(table: pd.DataFrame, kind: str) -> Any:
    """The decided scores as a line, the undecided ones as bars between their bounds, the thresholds behind them."""
    decided = [row for row in rows_of(table) if row.tis is not None]
    figure = go.Figure()
    for row in rows_of(table):
        if row.tis is None:
            figure.add_trace(
                go.Scatter(
                    x=[row.visit_on.isoformat()] * 2,
                    y=[float(row.bounds_low), float(row.bounds_high)],
                    mode="lines",
                    line={"color": COLOURS["other"], "width": 4},
                    opacity=0.45,
                    hovertemplate="%{y:.1f}<extra>bound</extra>",
                )
            )
    figure.add_trace(
        go.Scatter(
            x=[row.visit_on.isoformat() for row in decided],
            y=[float(row.tis) for row in decided],
            mode="lines+markers",
            line={"color": COLOURS["strength"], "width": 2},
            marker={"size": 7},
            hovertemplate="%{y:.1f}<extra>score</extra>",
        )
    )
    for limit, text in zip(THRESHOLDS[kind], ("minimal", "moderate", "major"), strict=True):
        figure.add_hline(
            y=limit,
            line={"color": GRID, "width": 1, "dash": "dot"},
            annotation={"text": text, "font": {"size": 11, "color": INK}, "xanchor": "left", "x": 0, "yshift": -7},
        )
    figure.update_layout(height=190, hovermode="closest", yaxis={"range": [-4, 104], "dtick": 20})
    figure.update_xaxes(type="date")
    return graph(figure, id="calc-graph", label="Total improvement score over time", height=190)


def keep_baseline(here: Current, mrn: str, visit_on: dt.date | None, reason: str) -> None:
    """Freeze the baseline visit.

    Raises:
        ActionRefused: no visit of this patient, or no reason.
    """
    view = gather(here, mrn)
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    if visit_on is not None and visit_on not in visit_days(core_facts(view)):
        raise ActionRefused("There is no visit on that day.")
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        choose_baseline(session, patient, visit_on, reason=reason, by=here.user.name, today=view.as_of, now=here.now)


WORSENING_WORDS = {
    "confirmed": "confirmed",
    "awaiting_confirmation": "worse at the last visit, not confirmed yet",
    "cannot_tell": "cannot tell",
    "not_met": "not met",
}
LIMB_WORDS = {"a": "physician global and strength", "b": "extramuscular global", "c": "core set measures"}


def worsening_tab(view: PatientView) -> Any:
    """Both definitions of worsening against the baseline chosen under Response."""
    baseline = usual_baseline(view)
    if baseline is None:
        return html.P("No visit with a physician global is on file.", className="quiet")
    return html.Div(worsening_result(view, disease_class(view), baseline), id="calc-worsening", role="status")


def worsening_result(view: PatientView, kind: str, baseline: dt.date) -> list[Any]:
    """What each definition says, and the newest visits measure by measure."""
    series = series_of(view, kind, baseline)
    visits = [visit.document | {"date": visit.on} for visit in series.visits]
    parts: list[Any] = [html.P(f"Against the baseline of {short_day(baseline, view.as_of)}.", className="quiet small")]
    for definition in DEFINITIONS.values():
        parts += _worsening(
            confirmed_deterioration(series.baseline.document, visits, definition), definition, view.as_of
        )
    return parts


def _worsening(found: Worsening, definition: WorseningDefinition, today: dt.date) -> list[Any]:
    bad = found.state in {"confirmed", "awaiting_confirmation"}
    words = WORSENING_WORDS[found.state]
    since = f" since {short_day(found.since, today)}" if found.since else ""
    limbs = f": {', '.join(LIMB_WORDS[limb] for limb in found.limbs)}" if found.limbs else ""
    missing = "" if found.state == "confirmed" else measure_names(found.missing)
    lines = [
        html.Tr(
            [
                html.Th(short_day(visit.visit_on, today), scope="row", className="nowrap"),
                html.Td({True: "worse", False: "not worse", None: "cannot tell"}[visit.worse]),
                html.Td(measure_names(visit.worse_measures)),
                html.Td(measure_names(visit.missing), className="quiet"),
            ]
        )
        for visit in found.visits[-6:][::-1]
    ]
    return [
        html.H3([f"{definition.title} ", mark_tag(definition.mark)]),
        html.P([html.B(f"{words[:1].upper()}{words[1:]}{since}"), limbs], className="c-warn" if bad else None),
        html.P(f"Missing to decide: {missing}.", className="quiet small") if missing else None,
        html.Table(
            [
                html.Thead(html.Tr([html.Th(text) for text in ("Visit", "Answer", "Measures worse", "Missing")])),
                html.Tbody(lines),
            ],
            className="plain",
        )
        if lines
        else None,
        html.P(f"Source: {definition.source}", className="quiet small"),
    ]

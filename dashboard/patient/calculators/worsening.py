"""The calculator of worsening: each definition of deterioration, with what confirms it."""

import datetime as dt
from typing import Any

from dash import html

from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.patient.advice import disease_class, usual_baseline
from dashboard.patient.calculators.core_set import measure_names, series_of
from dashboard.patient.view import PatientView
from jobs.scores.worsening import DEFINITIONS, Worsening, WorseningDefinition, confirmed_deterioration

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

"""What a plan would mean: its milestones, its steps as a table, and how it stands beside the templates."""

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from dash import html

from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import notice
from dashboard.patient.plan.steps import (
    OWN,
    Steps,
    cautions,
    offered,
    reached,
    start_dose,
    steps_of,
    template_steps,
    weight_of,
)
from dashboard.patient.view import PatientView, parse_day
from jobs import taper
from models.errors import ActionRefused
from models.vocabulary import taper_templates

MILESTONES_MG = (15.0, 10.0, 7.5, 5.0)
STEPS_SHOWN = 10
COMPARED_WEEKS = 26


def preview(view: PatientView, form: Mapping[str, Any]) -> list[Any]:
    """What the form stands for: steps with dates, milestones, cautions, and the other templates beside it."""
    told = {**form, **{name: _text(form.get(name)) for name in ("from", "begin")}}
    try:
        steps = steps_of(view, told)
    except ActionRefused as refused:
        return [html.P(str(refused), className="quiet")]
    template = str(form["template"])
    row = taper_templates().get(template)
    parts: list[Any] = [notice(text, kind="warn") for text in cautions(view, steps)]
    if row is not None:
        note = f" {row.note[:1].upper()}{row.note[1:]}." if row.note else ""
        parts.append(html.P([f"Template {row.key} ", mark_tag(row.mark), note], className="quiet small"))
    weight = weight_of(view)
    if row is not None and row.unit == "mg/kg" and weight:
        parts.append(
            html.P(
                f"Worked out at {number(weight[0])} kg of {short_day(weight[1], view.as_of)}.", className="quiet small"
            )
        )
    parts += [_milestones(steps, view), steps_table(steps, view, most=STEPS_SHOWN), _compared(view, told, steps)]
    return parts


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value or "")


def _milestones(steps: Steps, view: PatientView) -> html.Dl:
    told = []
    for mg in MILESTONES_MG:
        day = reached(steps, mg)
        text = "not reached" if day is None else "from the start" if day == steps[0][0] else _long(day)
        told.append(html.Div([html.Dt(f"{number(mg)} mg or less"), html.Dd(text)]))
    return html.Dl(told, className="pairs milestones")


def _long(day: dt.date) -> str:
    return f"{day.day} {day:%b %Y}"


def steps_table(steps: Steps, view: PatientView, *, most: int | None = None) -> Any:
    """Day, dose, dose per kg and how long each is held; what lies beyond `most` folded away."""
    weight = weight_of(view)
    lines = []
    for place, (day, mg) in enumerate(steps):
        following = steps[place + 1][0] if place + 1 < len(steps) else None
        held = "" if following is None else counted((following - day).days, "day")
        now = day <= view.as_of and (following is None or view.as_of < following)
        lines.append(
            html.Tr(
                [
                    html.Td([_long(day), html.Small(" now", className="quiet") if now else None], className="nowrap"),
                    html.Td(number(mg, 2), className="num"),
                    html.Td(number(mg / weight[0], 2), className="num quiet") if weight else None,
                    html.Td(held, className="quiet nowrap"),
                ]
            )
        )
    head = html.Thead(
        html.Tr(
            [
                html.Th("From"),
                html.Th("mg/day", className="num"),
                html.Th("mg/kg", className="num") if weight else None,
                html.Th("For"),
            ]
        )
    )
    first = html.Table([head, html.Tbody(lines[:most])], className="plain")
    if most is None or len(lines) <= most:
        return first
    rest = html.Table([head, html.Tbody(lines[most:])], className="plain")
    more = html.Details([html.Summary(f"{counted(len(lines) - most, 'further step')}"), rest], className="held")
    return html.Div([first, more])


def _compared(view: PatientView, form: Mapping[str, Any], chosen: Steps) -> Any:
    """The same start by each template, and by staying on the dose: when each milestone comes, and the sum of mg."""
    first = chosen[0][0]
    try:
        dose = start_dose(form.get("dose")) if form.get("template") != OWN else chosen[0][1]
        begin = parse_day(str(form.get("begin") or "")) or first
    except ActionRefused:
        return None
    if form.get("template") == OWN:
        begin = next((day for (_, high), (day, low) in pairwise(chosen) if low < high), first)
    weight = weight_of(view)
    plans: list[tuple[str, Steps]] = [("This plan", chosen)]
    for key in offered(view):
        if key == form.get("template"):
            continue
        try:
            other = template_steps(key, dose, first, max(begin, first), weight[0] if weight else None, 0)
        except ActionRefused:
            continue
        plans.append((f"Template {key}", other))
    plans.append(("No change", [(first, dose)]))
    last = first + dt.timedelta(weeks=COMPARED_WEEKS) - dt.timedelta(days=1)
    lines = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                *[html.Td(_when(steps, mg, first), className="nowrap") for mg in MILESTONES_MG],
                html.Td(number(taper.planned_total(steps, first, last), 0), className="num"),
            ]
        )
        for name, steps in plans
    ]
    head = [html.Th(""), *[html.Th(f"{number(mg)} mg") for mg in MILESTONES_MG]]
    head.append(html.Th(f"mg in {COMPARED_WEEKS} weeks", className="num"))
    return html.Details(
        [
            html.Summary("Beside the other templates"),
            html.Div(
                html.Table([html.Thead(html.Tr(head)), html.Tbody(lines)], className="plain compared"),
                className="scroll-x",
                tabIndex="0",
            ),
        ],
        className="held",
        open=True,
    )


def _when(steps: Steps, mg: float, first: dt.date) -> str:
    day = reached(steps, mg)
    if day is None:
        return "–"
    return f"week {-(-(day - first).days // 7)}" if day > first else "now"

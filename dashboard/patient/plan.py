"""The patient's own taper: what is agreed, what a template would mean from today on, and agreeing on a plan.

Trying out writes nothing; everybody who reads the page may do it. Only a physician or an administrator agrees on a plan
or withdraws one. Doses are prednisone-equivalent mg/day throughout; no template is a recommendation.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import shell
from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import notice
from dashboard.patient import CHANGED, REF
from dashboard.patient.entry.saving import ask_again
from dashboard.patient.view import PatientView, as_day, gather, parse_day
from dashboard.secure import DECIDERS, READERS, Current, SecureDash, current
from jobs import taper
from jobs.exposure import SMALLEST_DIFFERENCE_MG
from models.database import writing
from models.errors import ActionRefused
from models.patient_record import find
from models.taper_planning import OWN_STEPS, agree_plan, checked_steps, withdraw_plan
from models.vocabulary import TaperTemplate, diagnoses, taper_templates

OWN = "own"
"""Stands in the form for a plan that follows no template."""

MILESTONES_MG = (15.0, 10.0, 7.5, 5.0)
STEPS_SHOWN = 10
COMPARED_WEEKS = 26
OLD_WEIGHT_DAYS = 90
ROUNDINGS = {"0": "as computed", "0.5": "0.5 mg", "1": "1 mg", "2.5": "2.5 mg", "5": "5 mg"}
FIELDS = ("template", "dose", "from", "begin", "round", "own")
_POPUP = {"zIndex": 430}

Steps = Sequence[tuple[dt.date, float]]


def weight_of(view: PatientView) -> tuple[float, dt.date] | None:
    """The last weight on file and its day."""
    rows = view.readings("weight")
    return (float(rows["value"].iloc[-1]), as_day(rows["day"].iloc[-1])) if len(rows) else None


def offered(view: PatientView) -> dict[str, TaperTemplate]:
    """The templates for this patient: those per kg only for children and juvenile disease, and with a weight."""
    diagnosis = diagnoses().get(view.patient.diagnosis)
    juvenile = view.child or bool(diagnosis and diagnosis.juvenile)
    return {
        key: row
        for key, row in taper_templates().items()
        if row.population == "adult" or (juvenile and (row.unit == "mg" or weight_of(view) is not None))
    }


def usual_template(view: PatientView) -> str:
    """The one a rule would compare with: that of children where it can be worked out, A otherwise."""
    templates = offered(view)
    per_child = [key for key, row in templates.items() if row.population == "juvenile"]
    return per_child[0] if view.child and per_child else next(iter(templates))


def usual_begin(view: PatientView, template: str) -> dt.date:
    """Today, or the first day of the running course on which the template allows a reduction."""
    start = parse_day(view.steroid["course"]["start"])
    row = taper_templates().get(template)
    if start is None or row is None:
        return view.as_of
    return max(view.as_of, start + dt.timedelta(days=row.start_from_day))


def usual_rounding(template: str) -> str:
    """Doses per kg come out as odd numbers: to half a milligram; doses in mg as they are."""
    row = taper_templates().get(template)
    return "0.5" if row is not None and row.unit == "mg/kg" else "0"


# -------------------------------------------------------------------------------------------------- steps from the form


def template_steps(
    template: str, dose_mg: float, first: dt.date, begin: dt.date, weight_kg: float | None, round_to: float
) -> list[tuple[dt.date, float]]:
    """The start dose from its day on and the template's reductions from `begin` on.

    Raises:
        ActionRefused: the first reduction lies before the start, or the template needs a weight.
    """
    if begin < first:
        raise ActionRefused("The first reduction lies before the day from which the start dose holds.")
    try:
        reductions = taper.what_if(template, dose_mg, begin, weight_kg=weight_kg)
    except ValueError as error:
        raise ActionRefused(f"{error}.") from error
    except KeyError as error:
        raise ActionRefused("There is no such template.") from error
    opening = [(first, dose_mg)] if begin > first else []
    return taper.rounded([*opening, *reductions], round_to)


def typed_steps(text: str) -> list[tuple[dt.date, float]]:
    """Steps typed one a line, `2026-12-01 40`.

    Raises:
        ActionRefused: naming the line that is no step.
    """
    found = []
    for place, line in enumerate((text or "").splitlines(), start=1):
        if not line.strip():
            continue
        day_text, _, dose_text = line.strip().replace("\t", " ").partition(" ")
        amount = dose_text.strip().removesuffix("mg/day").removesuffix("mg").strip().replace(",", ".")
        try:
            found.append((dt.date.fromisoformat(day_text), float(amount)))
        except ValueError:
            raise ActionRefused(f"Line {place}, {line.strip()!r}: write a day and a dose, 2026-12-01 40.") from None
    return found


def written_steps(steps: Steps) -> str:
    """Steps as they are typed."""
    return "\n".join(f"{day.isoformat()} {number(mg, 3)}" for day, mg in steps)


def steps_of(view: PatientView, form: Mapping[str, Any]) -> tuple[tuple[dt.date, float], ...]:
    """The steps that the form stands for, checked.

    Raises:
        ActionRefused: with what is missing or wrong.
    """
    template = str(form.get("template") or "")
    if template == OWN:
        return checked_steps(typed_steps(str(form.get("own") or "")), view.as_of)
    if template not in offered(view):
        raise ActionRefused("Choose a template, or steps of your own.")
    dose = _dose(form.get("dose"))
    first, begin = parse_day(form.get("from")), parse_day(form.get("begin"))
    if first is None or begin is None:
        raise ActionRefused("Give the day from which the start dose holds, and that of the first reduction.")
    weight = weight_of(view)
    steps = template_steps(template, dose, first, begin, weight[0] if weight else None, float(form.get("round") or 0))
    return checked_steps(steps, view.as_of)


def _dose(value: Any) -> float:
    try:
        dose = float(str(value).replace(",", "."))
    except ValueError:
        raise ActionRefused("Give the start dose in mg of prednisone a day.") from None
    if not dose > 0:
        raise ActionRefused("The start dose must be above 0 mg.")
    return dose


def cautions(view: PatientView, steps: Steps) -> list[str]:
    """What whoever agrees on these steps should have seen."""
    found = []
    current = float(view.steroid["current"]["dose"])
    planned_today = next((mg for day, mg in reversed(list(steps)) if day <= view.as_of), None)
    if planned_today is not None and abs(planned_today - current) >= 0.5:
        found.append(f"On file today: {number(current)} mg/day; the plan has {number(planned_today)} mg.")
    if any(row["rule"] == "declining-strength" for row in view.met()):
        found.append("Strength is declining: in a flare a rapid taper makes it worse.")
    weight = weight_of(view)
    template = usual_template(view)
    large = taper.larger_cuts(steps, template, weight[0] if weight else None)
    if large:
        told = ", ".join(
            f"{number(high)} to {number(low)} mg on {short_day(day, view.as_of)}" for day, high, low in large[:3]
        )
        found.append(f"Larger or quicker than the steps of template {template}: {told}.")
    rises = [(day, low, high) for (_, low), (day, high) in pairwise(steps) if high > low]
    if rises:
        day, low, high = rises[0]
        found.append(f"The dose rises from {number(low)} to {number(high)} mg on {short_day(day, view.as_of)}.")
    if view.child and weight and (view.as_of - weight[1]).days > OLD_WEIGHT_DAYS:
        found.append(f"The child's last weight is of {short_day(weight[1], view.as_of)}: weigh first.")
    return found


# --------------------------------------------------------------------------------------------------------------- panel


def panel(view: PatientView, *, decides: bool) -> list[Any]:
    """The agreed plan, and the form to try one out and to agree on it."""
    template = usual_template(view)
    templates = offered(view)
    dose = float(view.steroid["current"]["dose"])
    options = [{"value": key, "label": f"{key}: {row.label}"} for key, row in templates.items()]
    options.append({"value": OWN, "label": "Own steps"})
    begin = usual_begin(view, template)
    form = {
        "template": template,
        "dose": dose or "",
        "from": view.as_of,
        "begin": begin,
        "round": usual_rounding(template),
    }
    fields = html.Div(
        [
            dmc.Select(
                id="taper-template",
                label="Template",
                data=options,
                value=template,
                size="sm",
                allowDeselect=False,
                comboboxProps=_POPUP,
            ),
            html.Div(
                [
                    dmc.TextInput(
                        id="taper-dose",
                        label="Start dose, mg/day",
                        value=number(dose) if dose else "",
                        size="sm",
                        debounce=300,
                        inputProps={"inputMode": "decimal"},
                    ),
                    _day("taper-from", "From", view.as_of),
                    _day("taper-begin", "First reduction", begin),
                    dmc.Select(
                        id="taper-round",
                        label="Round to",
                        data=[{"value": key, "label": text} for key, text in ROUNDINGS.items()],
                        value=usual_rounding(template),
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=_POPUP,
                    ),
                ],
                id="taper-template-box",
                className="form-row",
            ),
            html.Div(
                dmc.Textarea(
                    id="taper-own",
                    label="Steps, one a line: day and mg/day",
                    placeholder="2026-12-01 40",
                    value="",
                    size="sm",
                    autosize=True,
                    minRows=4,
                    maxRows=14,
                    debounce=400,
                ),
                id="taper-own-box",
                hidden=True,
            ),
        ],
        className="form-stack",
    )
    save: Any = html.P("A physician agrees on the plan; here it can be tried out.", className="quiet small")
    if decides:
        save = html.Div(
            [
                dmc.Textarea(id="taper-note", label="Note", size="sm", autosize=True, minRows=1, value=""),
                html.Div(id="taper-said", role="alert", className="form-said"),
                html.Div(
                    html.Button("Agree on this plan", id="taper-save", type="button", className="button", n_clicks=0),
                    className="form-end",
                ),
            ],
            className="form-stack",
        )
    if view.patient.status != "active":
        save = html.P(f"The patient is {view.patient.status}: nothing is planned any more.", className="quiet small")
    return [
        agreed_part(view, decides=decides),
        html.H3("New plan" if view.agreed else "Try out a plan"),
        fields,
        html.Div(preview(view, form), id="taper-preview", role="status"),
        save,
    ]


def _day(id: str, label: str, value: dt.date) -> Any:
    return dmc.DateInput(
        id=id, label=label, value=value.isoformat(), valueFormat="YYYY-MM-DD", size="sm", popoverProps=_POPUP
    )


def agreed_part(view: PatientView, *, decides: bool) -> Any:
    """The plan that holds: by whom, how the patient stands against it, its steps, and the way to withdraw it."""
    if view.agreed is None:
        return html.P("No plan is agreed. The rules compare the dose with a template.", className="quiet")
    plan = view.agreed.plan
    source = f"template {plan.template}" if plan.template else "own steps"
    standing = taper.plan_standing(view.facts)
    told: list[Any] = []
    if standing is not None:
        told.append(
            html.P(
                [
                    html.B(f"{standing.words.capitalize()}: "),
                    f"{number(standing.actual_mg)} mg today, {number(standing.planned_mg)} mg planned.",
                ]
            )
        )
    parts: list[Any] = [
        html.H3("Agreed plan"),
        html.P(
            f"Agreed {short_day(plan.agreed_on, view.as_of)} by {plan.author}, {source}."
            + (f" {plan.note}" if plan.note else ""),
            className="quiet",
        ),
        *told,
        html.Details([html.Summary(counted(len(view.plan), "step")), steps_table(view.plan, view)], className="held"),
    ]
    if decides:
        parts.append(
            html.Details(
                [
                    html.Summary("Withdraw this plan"),
                    html.Div(
                        [
                            dmc.TextInput(
                                id="taper-withdraw-reason", label="Why it no longer holds", value="", size="sm"
                            ),
                            html.Div(id="taper-withdraw-said", role="alert", className="form-said"),
                            html.Div(
                                html.Button(
                                    "Withdraw", id="taper-withdraw", type="button", className="button-quiet", n_clicks=0
                                ),
                                className="form-end",
                            ),
                        ],
                        className="form-stack",
                    ),
                ],
                className="held",
            )
        )
    return html.Div(parts, className="agreed")


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


def reached(steps: Steps, mg: float) -> dt.date | None:
    """The first day from which the plan stands at or below a dose; None where it never does."""
    return next((day for day, dose in steps if dose <= mg + SMALLEST_DIFFERENCE_MG), None)


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
        dose = _dose(form.get("dose")) if form.get("template") != OWN else chosen[0][1]
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


# ----------------------------------------------------------------------------------------------------------- callbacks


@dataclass(frozen=True)
class _Asked:
    here: Current
    view: PatientView


def _asked(ref: Mapping[str, str]) -> _Asked:
    here = current()
    view = gather(here, ref["mrn"], parse_day(ref["known"]))
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    return _Asked(here, view)


def drawer() -> Any:
    """The empty drawer; it is filled when it is opened."""
    return dmc.Drawer(
        html.Div(id="taper-panel"),
        id="taper-drawer",
        position="right",
        size="lg",
        padding="md",
        title="Taper plan",
        opened=False,
        zIndex=410,
    )


def save_plan(here: Current, mrn: str, form: Mapping[str, Any], note: str) -> None:
    """Agree on the plan that the form stands for, and ask the rules again.

    Raises:
        ActionRefused: the form is no plan, or the patient has left.
    """
    view = gather(here, mrn)
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    steps = steps_of(view, form)
    template = OWN_STEPS if form["template"] == OWN else str(form["template"])
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        agree_plan(
            session, patient, steps, template=template, note=note, by=here.user.name, today=view.as_of, now=here.now
        )
    ask_again(here, mrn)


def take_back_plan(here: Current, mrn: str, reason: str) -> None:
    """Withdraw the agreed plan, and ask the rules again.

    Raises:
        ActionRefused: no plan, or no reason.
    """
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        withdraw_plan(session, patient, reason=reason, by=here.user.name, now=here.now)
    ask_again(here, mrn)


def register(app: SecureDash) -> None:
    """Opening the drawer, trying out, agreeing and withdrawing."""
    inputs = [Input(f"taper-{name}", "value") for name in FIELDS]
    states = [State(f"taper-{name}", "value") for name in FIELDS]

    @app.callback(
        Output("taper-panel", "children"),
        Output("taper-drawer", "opened"),
        Input("patient-taper-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def open_drawer(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        asked = _asked(ref)
        decides = asked.here.may(DECIDERS) and asked.view.past is None
        return panel(asked.view, decides=decides), True

    @app.callback(
        Output("taper-template-box", "hidden"),
        Output("taper-own-box", "hidden"),
        Output("taper-own", "value"),
        Output("taper-begin", "value"),
        Output("taper-round", "value"),
        Input("taper-template", "value"),
        State(REF, "data"),
        *[State(f"taper-{name}", "value") for name in ("dose", "from", "begin", "round", "own")],
        prevent_initial_call=True,
        roles=READERS,
    )
    def choose(template: str | None, ref: Mapping[str, str], *values: Any) -> tuple[Any, ...]:
        view = _asked(ref).view
        form = dict(zip(("dose", "from", "begin", "round", "own"), values, strict=True))
        if template != OWN:
            begin = usual_begin(view, str(template))
            return False, True, no_update, begin.isoformat(), usual_rounding(str(template))
        if str(form["own"] or "").strip():
            return True, False, no_update, no_update, no_update
        try:
            # Own steps begin as a copy of a template's, to be edited: nobody types twenty lines.
            first = written_steps(steps_of(view, {**form, "template": usual_template(view)}))
        except ActionRefused:
            first = ""
        return True, False, first, no_update, no_update

    @app.callback(
        Output("taper-preview", "children"), *inputs, State(REF, "data"), prevent_initial_call=True, roles=READERS
    )
    def try_out(*values: Any) -> Any:
        *typed, ref = values
        return preview(_asked(ref).view, dict(zip(FIELDS, typed, strict=True)))

    @app.callback(
        Output("taper-drawer", "opened", allow_duplicate=True),
        Output("taper-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("taper-save", "n_clicks"),
        State("taper-note", "value"),
        State(REF, "data"),
        *states,
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def agree(clicks: int | None, note: str | None, ref: Mapping[str, str], *values: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            save_plan(here, ref["mrn"], dict(zip(FIELDS, values, strict=True)), note or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = here.now.isoformat()
        return False, "", stamp, stamp

    @app.callback(
        Output("taper-drawer", "opened", allow_duplicate=True),
        Output("taper-withdraw-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(shell.REFRESH, "data", allow_duplicate=True),
        Input("taper-withdraw", "n_clicks"),
        State("taper-withdraw-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def withdraw(clicks: int | None, reason: str | None, ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            take_back_plan(here, ref["mrn"], reason or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update, no_update
        stamp = here.now.isoformat()
        return False, "", stamp, stamp

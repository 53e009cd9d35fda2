"""The calculators beside the chart: response, worsening, classification, prednisone-equivalent.

They read what is on file and what is typed; only the choice of the baseline visit is written. A result that is not
complete says what is missing and between which bounds it lies. CMAS and MMT from their items stand where a score is
entered.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import dash_mantine_components as dmc
import pandas as pd
import plotly.graph_objects as go
from dash import ALL, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from dashboard.components.accessible import aria
from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted, number
from dashboard.components.graph import COLOURS, GRID, INK, graph
from dashboard.patient import CHANGED, REF
from dashboard.patient.advice import disease_class, score_text, usual_baseline
from dashboard.patient.view import PatientView, as_day, gather, parse_day, rows_of
from dashboard.secure import DECIDERS, READERS, Current, SecureDash, current
from jobs.scores.classification import BIOPSY_CRITERIA, CRITERIA, classify
from jobs.scores.core_set import ENZYME_RANGE_IN_UPPER_LIMITS, MEASURES
from jobs.scores.exact import ScoreInputError
from jobs.scores.steroid_equivalence import equivalence_table, prednisone_equivalent
from jobs.scores.total_improvement import THRESHOLDS
from jobs.scores.total_improvement_series import CORE_MEASURES, VisitSeries, scored, visit_days, visit_series
from jobs.scores.worsening import DEFINITIONS, Worsening, WorseningDefinition, confirmed_deterioration
from models.age import age_on
from models.database import writing
from models.errors import ActionRefused
from models.patient_record import find
from models.response_baseline import choose_baseline
from models.vocabulary import frequencies

MEASURE_LABELS: Mapping[str, str] = {
    "physician_global": "Physician global",
    "patient_global": "Patient global",
    "strength": "Strength",
    "haq": "HAQ",
    "enzyme": "Enzyme",
    "extramuscular_global": "Extramuscular",
}
FINDING_LABELS: Mapping[str, str] = {
    "weakness_proximal_upper": "Proximal weakness of the arms, symmetric, objective",
    "weakness_proximal_lower": "Proximal weakness of the legs, symmetric, objective",
    "neck_flexors_weaker_than_extensors": "Neck flexors weaker than extensors",
    "leg_proximal_weaker_than_distal": "Legs weaker proximally than distally",
    "heliotrope": "Heliotrope rash",
    "gottron_papules": "Gottron's papules",
    "gottron_sign": "Gottron's sign",
    "dysphagia": "Dysphagia or disturbed oesophageal motility",
    "anti_jo1": "Anti-Jo-1 antibody",
    "raised_muscle_enzyme": "CK, LDH, AST or ALT raised",
    "finger_flexor_weakness": "Finger flexors weak (subgroup only)",
    "treatment_response": "Response to treatment (subgroup only)",
    "endomysial_infiltrate": "Endomysial infiltrate around, not in, the fibres",
    "perimysial_perivascular_infiltrate": "Perimysial or perivascular infiltrate",
    "perifascicular_atrophy": "Perifascicular atrophy",
    "rimmed_vacuoles": "Rimmed vacuoles",
}
"""The variables of the criteria in our words."""

VISITS_SHOWN = 10
TREE_ONLY = ("finger_flexor_weakness", "treatment_response")
CATEGORY_WORDS = {"definite": "definite", "probable": "probable", "possible": "possible", "not_iim": "not classified"}
WORSENING_WORDS = {
    "confirmed": "confirmed",
    "awaiting_confirmation": "worse at the last visit, not confirmed yet",
    "cannot_tell": "cannot tell",
    "not_met": "not met",
}
LIMB_WORDS = {"a": "physician global and strength", "b": "extramuscular global", "c": "core set measures"}
_POPUP = {"zIndex": 430}


def drawer() -> Any:
    """The empty drawer; it is filled when it is opened."""
    return dmc.Drawer(
        html.Div(id="calc-panel"),
        id="calc-drawer",
        position="right",
        size="xl",
        padding="md",
        title="Calculators",
        opened=False,
        zIndex=410,
    )


def panel(view: PatientView, *, decides: bool) -> Any:
    """The calculators as tabs."""
    tabs = (
        ("response", "Response", response_tab(view, decides=decides)),
        ("worsening", "Worsening", worsening_tab(view)),
        ("classification", "Classification", classification_tab(view)),
        ("prednisone", "Prednisone", prednisone_tab(view)),
    )
    return html.Div(
        [
            dmc.Tabs(
                [
                    dmc.TabsList([dmc.TabsTab(title, value=key) for key, title, _ in tabs]),
                    *[dmc.TabsPanel(content, value=key, pt="sm") for key, _, content in tabs],
                ],
                value="response",
                keepMounted=True,
            ),
            html.P(
                "CMAS, MMT8 and the whole MMT from their items: “Add to record”, Score, item by item.",
                className="quiet small",
            ),
        ]
    )


# ------------------------------------------------------------------------------------------- response and worsening


def core_facts(view: PatientView) -> pd.DataFrame:
    """The patient's core set measures."""
    return view.frames.observations(*CORE_MEASURES)


def series_of(view: PatientView, kind: str, baseline: dt.date) -> VisitSeries:
    """The baseline and the visits after it."""
    return visit_series(core_facts(view), disease_class=kind, baseline_on=baseline)


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
                        comboboxProps=_POPUP,
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
                        comboboxProps=_POPUP,
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
    missing = _measures(last["missing"])
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


def in_sentence(label: str) -> str:
    """A label as it stands within a sentence: `physician global`, but `HAQ`, `CK, LDH ...` and `anti-Jo-1`."""
    first = label.split(maxsplit=1)[0].strip(",")
    return label if first.isupper() or first.startswith("Gottron") else f"{label[:1].lower()}{label[1:]}"


def _measures(keys: Iterable[str]) -> str:
    return ", ".join(in_sentence(MEASURE_LABELS[key]) for key in keys)


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
    missing = "" if found.state == "confirmed" else _measures(found.missing)
    lines = [
        html.Tr(
            [
                html.Th(short_day(visit.visit_on, today), scope="row", className="nowrap"),
                html.Td({True: "worse", False: "not worse", None: "cannot tell"}[visit.worse]),
                html.Td(_measures(visit.worse_measures)),
                html.Td(_measures(visit.missing), className="quiet"),
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


# ------------------------------------------------------------------------------------------- classification


def on_record(view: PatientView) -> dict[str, bool]:
    """The findings that the record answers: dysphagia, anti-Jo-1, a raised enzyme. Absence from it is no answer."""
    found: dict[str, bool] = {}
    happened = view.frames.events
    if len(happened):
        said = happened.loc[happened["event"] == "dysphagia", "present"]
        if len(said):
            found["dysphagia"] = bool(said.any())
    if "JO1" in view.patient.autoantibodies.split(";"):
        found["anti_jo1"] = True
    enzymes = view.frames.observations(*[name for name in ENZYME_RANGE_IN_UPPER_LIMITS if name != "aldolase"])
    limited = enzymes[enzymes["upper_limit"].notna()] if len(enzymes) else enzymes
    if len(limited):
        found["raised_muscle_enzyme"] = bool((limited["value"] > limited["upper_limit"]).any())
    return found


def onset_age(view: PatientView) -> int | None:
    """The age at diagnosis, which stands in for that at onset until somebody knows better."""
    patient = view.patient
    return age_on(patient.birth_date, patient.diagnosed_on) if patient.diagnosed_on else None


def classification_tab(view: PatientView) -> Any:
    """The form of findings, filled as far as the record answers, and the result."""
    known = on_record(view)
    age = onset_age(view)
    findings = [_finding(key, known.get(key)) for key in (*CRITERIA, *TREE_ONLY)]
    biopsy = [_finding(key, None) for key in BIOPSY_CRITERIA]
    form = {"onset_age": age, "biopsy": False, "findings": known}
    return html.Div(
        [
            html.Div(
                [
                    dmc.NumberInput(
                        id="calc-onset",
                        label="Age at onset, years",
                        value="" if age is None else age,
                        min=0,
                        max=120,
                        size="sm",
                        debounce=300,
                        description="Age at diagnosis, unless changed",
                    ),
                    dmc.Switch(id="calc-biopsy", label="Muscle biopsy taken", checked=False, size="sm"),
                ],
                className="form-row",
            ),
            html.Div(findings, className="findings"),
            html.Div(biopsy, id="calc-biopsy-box", className="findings", hidden=True),
            html.Div(classification_result(form), id="calc-classification", role="status"),
        ],
        className="form-stack",
    )


def _finding(key: str, value: bool | None) -> html.Div:
    name = FINDING_LABELS[key]
    return html.Div(
        [
            html.Span([name, html.Small(" on record", className="quiet") if value is not None else None]),
            dmc.SegmentedControl(
                id={"type": "calc-finding", "key": key},
                value={True: "yes", False: "no", None: "unknown"}[value],
                data=[{"value": one, "label": text} for one, text in (("yes", "yes"), ("no", "no"), ("unknown", "?"))],
                size="xs",
                **aria(label=name),
            ),
        ]
    )


def classification_result(form: Mapping[str, Any]) -> list[Any]:
    """Score, probability, category and subgroup of `{"onset_age", "biopsy": bool, "findings": {key: bool | None}}`."""
    told = form["findings"]
    document: dict[str, Any] = {
        "onset_age": form["onset_age"] if form["onset_age"] not in ("", None) else None,
        "findings": {key: told.get(key) for key in (*CRITERIA, *TREE_ONLY)},
        "biopsy": {key: told.get(key) for key in BIOPSY_CRITERIA} if form["biopsy"] else None,
    }
    try:
        found = classify(document)
    except ScoreInputError as error:
        return [html.P(str(error), className="c-warn")]
    low, high = found["bounds"]
    score = number(float(low)) if low == high else f"{number(float(low))} to {number(float(high))}"
    chances = [f"{round(100 * value)} %" for value in found["probability_bounds"]]
    chance = chances[0] if chances[0] == chances[1] else f"{chances[0]} to {chances[1]}"
    category = found["category"]
    rows: list[tuple[str, Any]] = [
        ("Category", html.B(CATEGORY_WORDS[category] if category else "undecided")),
        ("Score", score),
        ("Probability", html.Span([f"{chance} ", mark_tag(found["marks"]["probability"])])),
    ]
    if found["subgroup"]:
        rows.append(("Subgroup", html.Span([f"{found['subgroup']} ", mark_tag(found["marks"]["subgroup"])])))
    elif found["subgroup_missing"]:
        rows.append(("Subgroup", f"depends on {_names(found['subgroup_missing'])}"))
    return [
        html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in rows], className="pairs"),
        html.P(f"Not known: {_names(found['missing'])}.", className="quiet small") if found["missing"] else None,
        html.P(
            "2017 EULAR/ACR criteria, for research; only where nothing else explains the findings better. They are no "
            "diagnosis. Nothing here is stored.",
            className="quiet small",
        ),
    ]


def _names(keys: list[str]) -> str:
    return ", ".join("age at onset" if key == "onset_age" else in_sentence(FINDING_LABELS[key]) for key in keys)


# ------------------------------------------------------------------------------------------- prednisone


def prednisone_tab(view: PatientView) -> Any:
    """Drug and dose to prednisone, and the table of equivalences."""
    table = equivalence_table()
    options = [{"value": row["drug"], "label": row["label"]} for row in table if row["equivalent_to_5_mg"] is not None]
    lines = [
        html.Tr(
            [
                html.Th(row["label"], scope="row"),
                html.Td(
                    number(float(row["equivalent_to_5_mg"]), 2) if row["equivalent_to_5_mg"] is not None else "–",
                    className="num",
                ),
                html.Td(
                    mark_tag(row["mark"])
                    if row["equivalent_to_5_mg"] is not None
                    else f"not counted: {row['not_counted_because']}",
                    className="quiet",
                ),
            ]
        )
        for row in table
    ]
    form = {"drug": "methylprednisolone", "dose": "16", "unit": "mg", "frequency": "daily"}
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id="calc-drug",
                        label="Steroid",
                        data=options,
                        value=form["drug"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=_POPUP,
                    ),
                    dmc.TextInput(
                        id="calc-dose",
                        label="Dose",
                        value=form["dose"],
                        size="sm",
                        debounce=300,
                        inputProps={"inputMode": "decimal"},
                    ),
                    dmc.Select(
                        id="calc-unit",
                        label="Unit",
                        data=["mg", "g", "mg/kg"],
                        value=form["unit"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=_POPUP,
                    ),
                    dmc.Select(
                        id="calc-frequency",
                        label="How often",
                        data=[{"value": key, "label": row.label} for key, row in frequencies().items()],
                        value=form["frequency"],
                        size="sm",
                        allowDeselect=False,
                        comboboxProps=_POPUP,
                    ),
                ],
                className="form-row",
            ),
            html.Div(prednisone_result(view, form), id="calc-prednisone", role="status"),
            html.Table(
                [
                    html.Thead(
                        html.Tr(
                            [html.Th("Steroid"), html.Th("Equals 5 mg prednisone", className="num"), html.Th("Known")]
                        )
                    ),
                    html.Tbody(lines),
                ],
                className="plain",
            ),
        ],
        className="form-stack",
    )


def prednisone_result(view: PatientView, form: Mapping[str, Any]) -> list[Any]:
    """The dose in prednisone, a day and per kg of the last weight."""
    weight = view.readings("weight")
    kilograms = float(weight["value"].iloc[-1]) if len(weight) else None
    try:
        found = prednisone_equivalent(
            str(form["drug"] or ""),
            str(form["dose"] or "").replace(",", "."),
            str(form["unit"] or ""),
            frequency=str(form["frequency"] or ""),
            weight_kg=kilograms,
        )
    except ScoreInputError as error:
        return [html.P(str(error), className="c-warn")]
    rows: list[tuple[str, str]] = []
    per_day = found["mg_per_day"]
    if per_day is None:
        rows.append(("Once", f"{number(float(found['prednisone_mg']), 2)} mg prednisone"))
    else:
        rows.append(("A day", f"{number(float(per_day), 2)} mg prednisone"))
        if found["mg_per_kg_per_day"] is not None:
            rows.append(("Per kg", f"{number(found['mg_per_kg_per_day'], 2)} mg/kg/day at {number(kilograms)} kg"))
    return [
        html.Dl([html.Div([html.Dt(label), html.Dd(html.B(value))]) for label, value in rows], className="pairs"),
        *[html.P(text, className="quiet small") for text in found["remarks"]],
    ]


# ----------------------------------------------------------------------------------------------------------- callbacks


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


def _view(ref: Mapping[str, str]) -> PatientView:
    view = gather(current(), ref["mrn"], parse_day(ref["known"]))
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    return view


def register(app: SecureDash) -> None:
    """Opening the drawer, working out, and keeping the baseline."""

    @app.callback(
        Output("calc-panel", "children"),
        Output("calc-drawer", "opened"),
        Input("patient-calc-open", "n_clicks"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def open_drawer(clicks: int | None, ref: Mapping[str, str]) -> tuple[Any, bool]:
        if not clicks:
            raise PreventUpdate
        view = _view(ref)
        return panel(view, decides=current().may(DECIDERS) and view.past is None), True

    @app.callback(
        Output("calc-response", "children"),
        Output("calc-worsening", "children"),
        Input("calc-baseline", "value"),
        Input("calc-class", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def work_out(baseline: str | None, kind: str | None, ref: Mapping[str, str]) -> tuple[Any, Any]:
        day = parse_day(baseline)
        if day is None or kind is None or kind not in THRESHOLDS:
            raise PreventUpdate
        view = _view(ref)
        return response_result(view, kind, day), worsening_result(view, kind, day)

    @app.callback(
        Output("calc-drawer", "opened", allow_duplicate=True),
        Output("calc-said", "children"),
        Output(CHANGED, "data", allow_duplicate=True),
        Input("calc-keep", "n_clicks"),
        State("calc-baseline", "value"),
        State("calc-reason", "value"),
        State(REF, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def keep(clicks: int | None, baseline: str | None, reason: str | None, ref: Mapping[str, str]) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        here = current()
        try:
            keep_baseline(here, ref["mrn"], parse_day(baseline), reason or "")
        except ActionRefused as refused:
            return no_update, str(refused), no_update
        return False, "", here.now.isoformat()

    @app.callback(
        Output("calc-classification", "children"),
        Output("calc-biopsy-box", "hidden"),
        Input("calc-onset", "value"),
        Input("calc-biopsy", "checked"),
        Input({"type": "calc-finding", "key": ALL}, "value"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def judge(onset: Any, biopsy: bool | None, _values: list[str]) -> tuple[Any, bool]:
        answers = {"yes": True, "no": False}
        findings = {str(one["id"]["key"]): answers.get(str(one.get("value"))) for one in ctx.inputs_list[2]}
        return classification_result({"onset_age": onset, "biopsy": bool(biopsy), "findings": findings}), not biopsy

    @app.callback(
        Output("calc-prednisone", "children"),
        *[Input(f"calc-{name}", "value") for name in ("drug", "dose", "unit", "frequency")],
        State(REF, "data"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def convert(drug: str, dose: str, unit: str, frequency: str, ref: Mapping[str, str]) -> Any:
        return prednisone_result(_view(ref), {"drug": drug, "dose": dose, "unit": unit, "frequency": frequency})

"""The panel: one row a patient, worst first, with every reason in words."""

import datetime as dt
import re
from collections import Counter, defaultdict
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import flask
from dash import ClientsideFunction, Input, Output, State, dcc, html

from dashboard.components.accessible import aria, data
from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.dates import age, ago, day_and_ago
from dashboard.components.formats import counted, number
from dashboard.components.reasons import group_of, rule_title, together
from dashboard.components.states import empty_state, page_head
from dashboard.secure import READERS, Current, Page, SecureDash, current
from dashboard.trends import TrendCache
from models.alert_lifecycle import present_day
from models.database import reading
from models.panel import (
    SEVERITIES,
    alert_states,
    cannot_tell,
    next_labs,
    not_evaluated,
    panel_patients,
    reasons,
    steroid_answers,
)
from models.vocabulary import diagnoses

PAGE = Page("/", "Panel", READERS, nav=10)

GRID = "panel-grid"
COUNTS = "panel-counts"
FILTERS = {
    "q": "panel-search",
    "who": "panel-who",
    "sev": "panel-severity",
    "rule": "panel-rule",
    "site": "panel-site",
    "dx": "panel-diagnosis",
    "why": "panel-unable",
}
"""Filters by their name in the address."""

QUIET = ("acknowledged", "snoozed", "resolved")
_OWN_DATE = re.compile(r"(?<!feed silent) (?:than|since|on) \d{1,2} \w{3} \d{4}")


def layout(**query: str) -> Any:
    """The whole panel for whoever asks; filters come from the address."""
    here = current()
    rows, unable = panel_rows(here)
    if not rows:
        return html.Div(
            empty_state(
                "No patients yet",
                "The panel lists every active patient, worst first, as soon as there is data to look at.",
                action="Import a folder",
                href="/imports",
            ),
            className="page",
        )
    return html.Div(
        [
            page_head("Panel", html.Span(id=COUNTS, role="status"), _filters(rows, query)),
            html.Div(_grid(rows), className="grid-wrap", role="region", **aria(label="Patients, worst first")),
            _unable(unable, query.get("why", "")),
            dcc.Store(id="panel-me", data=[here.user.name, here.user.display_name]),
        ],
        className="page fill",
        **data(keys="panel"),
    )


def register(app: SecureDash) -> None:
    """Filtering happens in the browser: it has every row already."""
    app.server.config["MYOPANEL_TRENDS"] = TrendCache(app.engine, app.settings.timezone)
    app.clientside_callback(
        ClientsideFunction("myopanelPanel", "filter"),
        Output(COUNTS, "children"),
        *[Input(component, "value") for component in FILTERS.values()],
        State("panel-me", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("myopanelPanel", "open"),
        Output(GRID, "id"),
        Input(GRID, "cellClicked"),
        prevent_initial_call=True,
    )


def panel_rows(here: Current) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    """The rows of the grid, worst first, and the record numbers of who could not be evaluated, by cause."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        patients = panel_patients(session)
        answers: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in reasons(session):
            answers[row["patient_id"]].append(row)
        untold: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for patient_id, rule, because in cannot_tell(session):
            untold[patient_id].append((rule, because))
        waiting = dict(not_evaluated(session))
        states = alert_states(session, today)
        due = next_labs(session)
        steroids = steroid_answers(session)
    cache: TrendCache = flask.current_app.config["MYOPANEL_TRENDS"]
    curves = cache.of({row["id"]: row["revision"] for row in patients}, today)
    rows = [
        _row(patient, answers.get(patient["id"], []), states, due, steroids, curves[patient["id"]], today)
        for patient in patients
    ]
    unable: dict[str, set[str]] = defaultdict(set)
    for patient, row in zip(patients, rows, strict=True):
        causes = sorted({_cause(rule, because) for rule, because in untold.get(patient["id"], [])})
        if patient["id"] in waiting:
            causes.insert(0, waiting[patient["id"]].capitalize())
        for cause in causes:
            unable[cause].add(patient["mrn"])
        if causes:
            row["u"] = causes
            row["r"] = row["r"] or 1
    rows.sort(key=lambda row: (-row["r"], -row.pop("_weight"), row.pop("_since"), row["n"]))
    return rows, unable


def _row(
    patient: dict[str, Any],
    answers: list[dict[str, Any]],
    states: dict[tuple[int, str, str], dict[str, Any]],
    due: dict[int, dt.date],
    steroids: dict[int, dict[str, Any]],
    curves: dict[str, Any],
    today: dt.date,
) -> dict[str, Any]:
    who = patient["id"]
    lines, rank, weight, since = _reasons(answers, states, who, today)
    row: dict[str, Any] = {
        "m": patient["mrn"],
        "n": patient["name"],
        "x": patient["diagnosis"],
        "a": " ".join(filter(None, (age(patient["birth_date"], today), _SEX.get(patient["sex"], "")))),
        "site": patient["site"],
        "c": patient["clinician"],
        "r": rank,
        "_weight": weight,
        "_since": since,
    }
    if lines:
        row["w"] = lines
        row["k"] = sorted({answer["rule"] for answer in answers})
    strength = curves.get("strength")
    if strength:
        row["s"] = [strength["text"], strength["label"], strength["curve"]]
    ck = curves.get("ck")
    if ck:
        row["ck"] = [ck["text"], ck["times"], ck["curve"], int(ck["raised"])]
    steroid = curves.get("steroid")
    if steroid:
        high = steroids.get(who, {}).get("high_days") or 0
        told = "dose unknown" if steroid["mg"] is None else f"{number(steroid['mg'])} mg"
        row["d"] = [told, f"{number(high)} d high" if high else "", steroid["curve"]]
        row["dn"] = steroid["mg"] or 0
    if curves.get("last_lab") or who in due:
        row["l"], row["ln"] = _labs(due.get(who), curves.get("last_lab"), today)
    if curves.get("seen"):
        row["e"] = [(today - curves["seen"]).days, day_and_ago(curves["seen"], today)]
    return row


_SEX = {"female": "F", "male": "M", "other": "X", "unknown": ""}


def _reasons(
    answers: list[dict[str, Any]], states: dict[tuple[int, str, str], dict[str, Any]], who: int, today: dt.date
) -> tuple[list[list[Any]], int, int, dt.date]:
    """Lines `[severity, text, state in words]`, worst first; the patient's rank (2 next visit, 3 this week, 4 today, 0
    nothing), how much weighs on them, and since when."""
    lines: list[tuple[int, int, dt.date, list[Any]]] = []
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for answer in answers:
        quiet = _quiet(states.get((who, answer["rule"], answer["subject"])))
        groups[(*group_of(answer), quiet)].append(answer)
    for (_rule, _subject, quiet), found in groups.items():
        worst = max(SEVERITIES.get(str(one["severity"]), 0) for one in found)
        severity = next((key for key, value in SEVERITIES.items() if value == worst), "watch")
        text = together(found, today)
        starts = min((one["since"] for one in found if one["since"]), default=today)
        lines.append((int(bool(quiet)), -worst, starts, [severity, text, quiet]))
    lines.sort(key=lambda line: line[:3])
    awake = [line for line in lines if not line[0]]
    # What somebody has taken in hand still stands on the panel, one step below what nobody has.
    rank = 1 - awake[0][1] if awake else (2 if lines else 0)
    weight = sum(4 ** -line[1] for line in awake)
    return [line[3] for line in lines], rank, weight, min((line[2] for line in awake), default=today)


def _quiet(alert: dict[str, Any] | None) -> str:
    """Why a reason asks for nothing now, in a word; empty when it does ask."""
    if alert is None:
        return ""
    if alert["covered_by"]:
        return "covered"
    return str(alert["state"]) if alert["state"] in QUIET else ""


def _cause(rule: str, because: str) -> str:
    """The cause without the one patient's date in it, so that patients with the same trouble stand together."""
    return f"{rule_title(rule)}: {_OWN_DATE.sub('', because)}"


def _labs(due: dt.date | None, last: dt.date | None, today: dt.date) -> tuple[list[str], int]:
    """What the cell shows (`due in 3 d`, `last 12 d ago`, kind) and the number it is sorted by: days until due."""
    told = f"last {ago(last, today)}" if last else "never"
    if due is None:
        return ["", told, ""], 9999
    days = (due - today).days
    if days < 0:
        return [f"{-days} d overdue", told, "bad" if days < -7 else "warn"], days
    return ["due today" if days == 0 else f"due in {days} d", told, ""], days


def _grid(rows: list[dict[str, Any]]) -> Any:
    def column(field: str, title: str, renderer: str, **more: Any) -> dict[str, Any]:
        return {
            "field": field,
            "headerName": title,
            "cellRenderer": renderer,
            "cellDataType": False,
            "sortable": True,
            "resizable": True,
            "suppressMovable": True,
        } | more

    return dag.AgGrid(
        id=GRID,
        className="ag-theme-myo",
        columnDefs=[
            column("n", "Patient", "PanelPatient", width=216, colId="patient"),
            column("w", "Why, worst first", "PanelWhy", flex=1, minWidth=280, sortable=False),
            column("s", "Strength", "PanelTrend", width=166, sortable=False, colId="strength"),
            column("ck", "CK (log)", "PanelTrend", width=172, sortable=False),
            column("dn", "Steroid, 6 mo", "PanelDose", width=158, colId="dose"),
            column("ln", "Labs", "PanelLabs", width=116, colId="labs"),
            column("e", "Seen", "PanelSeen", width=84, colId="seen", comparator={"function": "panelBySeen(a, b)"}),
        ],
        rowData=rows,
        getRowId="params.data.m",
        defaultColDef={"suppressHeaderMenuButton": True},
        dashGridOptions={
            "getRowHeight": {"function": "panelRowHeight(params)"},
            "isExternalFilterPresent": {"function": "panelFiltered()"},
            "doesExternalFilterPass": {"function": "panelPasses(params)"},
            "headerHeight": 32,
            "rowBuffer": 20,
            "suppressCellFocus": False,
            "ensureDomOrder": True,
            "animateRows": False,
            "suppressColumnVirtualisation": True,
            "suppressDragLeaveHidesColumns": True,
            "localeText": {"noRowsToShow": "No patient matches these filters."},
        },
        style={"height": "100%", "width": "100%"},
    )


def _filters(rows: list[dict[str, Any]], query: dict[str, str]) -> list[Any]:
    sites = sorted({row["site"] for row in rows if row["site"]})
    kinds = Counter(row["x"] for row in rows)
    rules = Counter(key for row in rows for key in row.get("k", ()))
    names = diagnoses()

    def select(key: str, label: str, data: list[dict[str, str]], width: int) -> Any:
        known = {option["value"] for option in data}
        return dmc.Select(
            id=FILTERS[key],
            data=data,
            value=query.get(key) if query.get(key) in known else None,
            placeholder=label,
            clearable=True,
            searchable=len(data) > 8,
            size="xs",
            w=width,
            comboboxProps={"width": "max-content", "position": "bottom-start"},
            inputProps={"aria-label": label},
            className="optional" if key in {"site", "dx"} else None,
        )

    return [
        dmc.TextInput(
            id=FILTERS["q"],
            value=query.get("q", ""),
            placeholder="Filter by name or MRN",
            size="xs",
            w=170,
            debounce=False,
            inputProps={"aria-label": "Filter by name or record number"},
        ),
        select("who", "Everybody's", [{"value": "me", "label": "My patients"}], 118),
        select(
            "sev",
            "Any urgency",
            [{"value": key, "label": word} for key, word in SEVERITY_WORDS.items()],
            118,
        ),
        select(
            "rule",
            "Any reason",
            [
                {"value": key, "label": f"{rule_title(key)} ({count})"}
                for key, count in sorted(rules.items(), key=lambda item: -item[1])
            ],
            150,
        ),
        select("site", "Any site", [{"value": site, "label": site} for site in sites], 110),
        select(
            "dx",
            "Any diagnosis",
            [
                {"value": key, "label": f"{names[key].label if key in names else key} ({count})"}
                for key, count in sorted(kinds.items(), key=lambda item: -item[1])
            ],
            130,
        ),
    ]


def _unable(unable: dict[str, set[str]], chosen: str) -> Any:
    """The patients of whom something could not be told, by cause: silence is never shown as good news."""
    everyone = set().union(*unable.values()) if unable else set()
    ranked = sorted(unable.items(), key=lambda item: (-len(item[1]), item[0]))
    items = [
        html.Li(
            [
                html.Button(
                    counted(len(whom), "patient"),
                    className="link",
                    type="button",
                    **data(panel_cause=cause),
                ),
                f" · {cause}",
            ]
        )
        for cause, whom in ranked
    ]
    picker = dmc.TextInput(id=FILTERS["why"], value=chosen, style={"display": "none"})
    if not everyone:
        return html.Div(picker, hidden=True)
    few = " · ".join(f"{cause} {len(whom)}" for cause, whom in ranked[:2])
    return html.Div(
        [
            picker,
            html.Details(
                [
                    html.Summary(
                        [
                            html.B(f"Could not be evaluated ({len(everyone)})"),
                            html.Span(few + (" · …" if len(ranked) > 2 else ""), className="quiet unable-few"),
                        ]
                    ),
                    html.Ul(items),
                ],
                open=bool(chosen),
            ),
        ],
        className="unable",
    )

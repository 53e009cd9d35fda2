"""The panel: one row a patient, worst first, with the reasons in words.

The page itself holds no patient: its grid asks `/panel/rows` for a part of the list at a time, which the database
filters and sorts.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import flask
import orjson
from dash import ClientsideFunction, Input, Output, html

from dashboard.components.accessible import aria, data
from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.dates import age, ago, day_and_ago
from dashboard.components.formats import counted, number
from dashboard.components.reasons import as_of_today, phrase_of, rule_of, rule_title, short_reason
from dashboard.components.states import empty_state, page_head
from dashboard.rows import ROWS_AT_ONCE, answer, number_asked
from dashboard.secure import READERS, Current, Page, SecureDash, current, roles
from jobs.rule import all_rules
from models.alert_lifecycle import present_day
from models.alert_list import waiting_group
from models.database import reading
from models.list_order import Asks, place_of, place_of_alert
from models.panel import (
    SORTS,
    WAITING,
    Asked,
    Counts,
    anybody,
    causes,
    choices,
    gaps_of,
    panel_counts,
    panel_page,
    sites,
    waits_for,
)
from models.patient_facts import day_number
from models.standing import alerts_behind, last_reviews, quiet_word, settle
from models.states import severity_rank
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

POINTS, WINDOW_DAYS = 12, 182
"""The curve of the steroid dose: so many points over half a year."""


def layout(**query: str) -> Any:
    """The panel for whoever asks; filters come from the address."""
    here = current()
    with reading(here.engine) as session:
        if not anybody(session):
            return html.Div(
                empty_state(
                    "No patients yet",
                    "The panel lists every active patient, worst first, as soon as there is data to look at.",
                    action="Import a folder",
                    href="/imports",
                ),
                className="page",
            )
        where, untold = sites(session), causes(session)
        patients = panel_counts(session, Asked()).cannot_tell if untold else 0
    return html.Div(
        [
            page_head("Panel", html.Span(id=COUNTS, role="status"), _filters(where, query)),
            html.Div(_grid(), className="grid-wrap", role="region", **aria(label="Patients, worst first")),
            _unable(untold, patients, query.get("why", "")),
        ],
        className="page fill",
        **data(keys="panel"),
    )


def register(app: SecureDash) -> None:
    """The grid asks for rows whenever a filter changes; the choices of a filter are counted when it is opened."""
    app.clientside_callback(
        ClientsideFunction("myopanelPanel", "filter"),
        Output(COUNTS, "title"),
        *[Input(component, "value") for component in FILTERS.values()],
    )

    @app.server.get("/panel/rows")
    @roles(*READERS)
    def panel_rows() -> flask.Response:
        here = current()
        return answer(content(here, flask.request.args))

    @app.server.get("/panel/choices")
    @roles(*READERS)
    def panel_choices() -> flask.Response:
        here = current()
        with reading(here.engine) as session:
            found = choices(session)
        names = diagnoses()
        titles = {"rule": rule_title, "diagnosis": lambda key: names[key].label if key in names else key}
        return answer(
            {
                kind: [{"value": key, "label": f"{titles[kind](key)} ({number(count)})"} for key, count in counted_]
                for kind, counted_ in found.items()
            }
        )


# ------------------------------------------------------------------------------------------------------------- rows


def content(here: Current, query: Mapping[str, str]) -> dict[str, Any]:
    """A part of the list: `rows`, `total` (of those asked for), and for the first part the `counts` in words."""
    asked = asked_for(here, query)
    start = number_asked("start", 0) if flask.has_request_context() else 0
    count = number_asked("count", 100, ROWS_AT_ONCE) if flask.has_request_context() else ROWS_AT_ONCE
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    settle(here.engine, today)
    with reading(here.engine) as session:
        found = panel_page(session, asked, start, count)
        people = [row.id for row in found]
        behind = alerts_behind(session.connection(), people, more=_OF_ALERT)
        reviewed = last_reviews(session.connection(), people)
        untold = gaps_of(session, [row.id for row in found if row.untold])
        counts = panel_counts(session, asked)
        everybody = counts if asked.everybody else panel_counts(session, Asked())
        group = waiting_group(session)
    return {
        "rows": [
            _row(row, behind.get(row.id, {}), untold.get(row.id, []), reviewed.get(row.id), today) for row in found
        ],
        "total": counts.patients,
        "counts": _told(counts, everybody) + (f" · {counted(group.alerts, 'alert')} {group.said}" if group else ""),
    }


def asked_for(here: Current, query: Mapping[str, str]) -> Asked:
    """What the filters in an address ask for; what nobody could have chosen is passed over."""
    mine = {here.user.name.lower(), here.user.display_name.lower()} - {""}
    rule, colon, words = query.get("why", "").partition(": ")
    return Asked(
        words=tuple(query.get("q", "").split()[:6]),
        clinicians=tuple(sorted(mine)) if query.get("who") == "me" else (),
        severity=query.get("sev", "") if query.get("sev") in SEVERITY_WORDS else "",
        rule=query.get("rule", ""),
        site=query.get("site", ""),
        diagnosis=query.get("dx", ""),
        cause=(rule, words) if colon else None,
        sort=query.get("sort", "") if query.get("sort") in SORTS else "",
        descending=query.get("dir") == "desc",
    )


def _told(counts: Counts, everybody: Counts) -> str:
    of = counted(counts.patients, "patient")
    if counts.patients != everybody.patients:
        of = f"{number(counts.patients)} of {counted(everybody.patients, 'patient')}"
    return " · ".join(
        (
            of,
            f"{number(counts.today)} today",
            f"{number(counts.this_week)} this week",
            f"{number(counts.cannot_tell)} cannot tell",
        )
    )


_OF_ALERT = ("id", "grade", "since", "due", "explanation", "numbers", "cannot_tell_because", "ended_at")


def _row(
    patient: Any,
    alerts: Mapping[tuple[str, str], Mapping[str, Any]],
    untold: Sequence[tuple[str, str]],
    reviewed_at: dt.datetime | None,
    today: dt.date,
) -> dict[str, Any]:
    lines = _lines(orjson.loads(patient.reasons or "[]"), alerts, reviewed_at, today)
    waiting = waits_for(patient)
    unknown = ([waiting.capitalize()] if waiting else []) + [cause_text(rule, words) for rule, words in untold]
    row: dict[str, Any] = {
        "m": patient.mrn,
        "n": " ".join(part for part in (patient.given_name, patient.family_name) if part) or patient.mrn,
        "x": patient.diagnosis,
        "a": " ".join(filter(None, (age(patient.birth_date, today), _SEX.get(patient.sex, "")))),
        "r": _RANK[Asks(patient.asks or 0)] or int(bool(unknown)),
    }
    if lines:
        row["w"] = lines
    if unknown:
        row["u"] = unknown
    if patient.strength:
        row["s"] = orjson.loads(patient.strength)
    if patient.ck:
        row["ck"] = orjson.loads(patient.ck)
    if patient.steroid_steps and (dose := _dose(patient, today)) is not None:
        row["d"] = dose
    if patient.last_lab or patient.next_lab_due:
        row["l"] = _labs(patient.next_lab_due, patient.last_lab, today)
    if patient.last_visit:
        row["e"] = [(today - patient.last_visit).days, day_and_ago(patient.last_visit, today)]
    return row


_SEX = {"female": "F", "male": "M", "other": "X", "unknown": ""}


_RANK = {
    Asks.TODAY: 4,
    Asks.THIS_WEEK: 3,
    Asks.NEXT_VISIT: 2,
    Asks.IN_HAND: 2,
    Asks.CANNOT_TELL: 1,
    Asks.NOTHING: 0,
}
"""4 today, 3 this week, 2 next visit or in somebody's hands, 1 cannot tell, 0 nothing."""


def _lines(
    reasons: Sequence[dict[str, Any]],
    alerts: Mapping[tuple[str, str], Mapping[str, Any]],
    reviewed_at: dt.datetime | None,
    today: dt.date,
) -> list[list[str]]:
    """Lines `[severity, text, why it asks for nothing now]`: what asks first, then as the alerts are ordered."""
    lines: list[tuple[bool, int, int, str, list[str]]] = []
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for reason in reasons:
        quiet = quiet_word(alerts.get((reason["rule"], reason["subject"])), today)
        groups[reason["rule"], reason["line"], quiet].append(reason)
    for (_rule, _line, quiet), found in groups.items():
        worst = max((str(one["severity"]) for one in found), key=severity_rank)
        since = min((one["since"] for one in found if one["since"]), default=today.isoformat())
        behind = [alert for one in found if (alert := alerts.get((one["rule"], one["subject"]))) is not None]
        place = max([place_of_alert(alert, reviewed_at, today) for alert in behind] or [place_of(worst, 0, None)])
        first = min((alert["id"] for alert in behind), default=0)
        lines.append((bool(quiet), -place, first, since, [worst, _text(found, today), quiet]))
    said = {(reason["rule"], reason["subject"]) for reason in reasons}
    for key, alert in alerts.items():
        # Nobody can answer its question any more, so it goes on standing.
        if key not in said and alert["ended_at"] is None:
            quiet = quiet_word(alert, today)
            text = short_reason({**alert, "numbers": orjson.loads(alert["numbers"])}, today)
            since = alert["since"].isoformat() if alert["since"] else ""
            told = [alert["severity"], text, quiet or "no newer answer"]
            lines.append((bool(quiet), -place_of_alert(alert, reviewed_at, today), alert["id"], since, told))
    return [line[4] for line in sorted(lines, key=lambda line: line[:4])]


def _text(found: Sequence[dict[str, Any]], today: dt.date) -> str:
    text = phrase_of(rule_of(found[0]["rule"]), found) if len(found) > 1 else ""
    return as_of_today(text or found[0]["text"], found, today)


def cause_text(rule: str, words: str) -> str:
    """Something that could not be told, with the rule that asked."""
    return words.capitalize() if rule == WAITING else f"{rule_title(rule)}: {words}"


def _dose(patient: Any, today: dt.date) -> list[Any] | None:
    """Dose today in words, how long it has been high, and its curve; None where none was taken in half a year."""
    steps = orjson.loads(patient.steroid_steps)
    if steps and steps[-1][1] is None:
        return ["dose unknown", "", []]
    last = day_number(today)
    days = [last - round(WINDOW_DAYS * (POINTS - 1 - place) / (POINTS - 1)) for place in range(POINTS)]
    doses = [next((mg or 0.0 for begun, mg in reversed(steps) if begun <= day), 0.0) for day in days]
    if not any(doses):
        return None
    top = max(40.0, *doses)
    high = f"{number((today - patient.high_from).days + 1)} d high" if patient.high_from else ""
    return [f"{number(doses[-1])} mg", high, [round(dose / top * 100) for dose in doses]]


def _labs(due: dt.date | None, last: dt.date | None, today: dt.date) -> list[str]:
    """What the cell shows: `due in 3 d`, `last 12 d ago`, and how bad that is."""
    told = f"last {ago(last, today)}" if last else "never"
    if due is None:
        return ["", told, ""]
    days = (due - today).days
    if days < 0:
        return [f"{-days} d overdue", told, "bad" if days < -7 else "warn"]
    return ["due today" if days == 0 else f"due in {days} d", told, ""]


def _grid() -> Any:
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
        rowModelType="infinite",
        columnDefs=[
            column("n", "Patient", "PanelPatient", width=216, colId="patient"),
            column("w", "Why, worst first", "PanelWhy", flex=1, minWidth=280, sortable=False),
            column("s", "Strength", "PanelTrend", width=166, sortable=False, colId="strength"),
            column("ck", "CK, U/L (log)", "PanelTrend", width=150, sortable=False),
            column("d", "Steroid, 6 mo", "PanelDose", width=172, colId="dose"),
            column("l", "Labs", "PanelLabs", width=116, colId="labs"),
            column("e", "Seen", "PanelSeen", width=84, colId="seen"),
        ],
        getRowId="params.data.m",
        defaultColDef={"suppressHeaderMenuButton": True},
        dashGridOptions={
            "rowHeight": 57,
            "headerHeight": 32,
            "rowBuffer": 10,
            "cacheBlockSize": 50,
            "maxConcurrentDatasourceRequests": 2,
            "blockLoadDebounceMillis": 40,
            "suppressCellFocus": False,
            "ensureDomOrder": True,
            "animateRows": False,
            "suppressColumnVirtualisation": True,
            "suppressDragLeaveHidesColumns": True,
            "suppressMultiSort": True,
            "localeText": {"noRowsToShow": "No patient matches these filters."},
        },
        style={"height": "100%", "width": "100%"},
    )


def _filters(where: Sequence[str], query: Mapping[str, str]) -> list[Any]:
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
        select("rule", "Any reason", [{"value": rule.key, "label": rule.title} for rule in all_rules()], 150),
        select("site", "Any site", [{"value": site, "label": site} for site in where], 110),
        select("dx", "Any diagnosis", [{"value": key, "label": row.label} for key, row in names.items()], 130),
    ]


def _unable(untold: Sequence[tuple[str, str, int]], patients: int, chosen: str) -> Any:
    """The patients of whom something could not be told, by cause: silence is never shown as good news."""
    picker = dmc.TextInput(id=FILTERS["why"], value=chosen, style={"display": "none"})
    if not untold:
        return html.Div(picker, hidden=True)
    items = [
        html.Li(
            [
                html.Button(
                    counted(count, "patient"), className="link", type="button", **data(panel_cause=f"{rule}: {words}")
                ),
                f" · {cause_text(rule, words)}",
            ]
        )
        for rule, words, count in untold
    ]
    few = " · ".join(f"{cause_text(rule, words)} {number(count)}" for rule, words, count in untold[:2])
    return html.Div(
        [
            picker,
            html.Details(
                [
                    html.Summary(
                        [
                            html.B(f"Could not be evaluated ({number(patients)})"),
                            html.Span(few + (" · …" if len(untold) > 2 else ""), className="quiet unable-few"),
                        ]
                    ),
                    html.Ul(items),
                ],
                open=bool(chosen),
            ),
        ],
        className="unable",
    )

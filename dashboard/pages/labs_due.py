"""Labs due: who needs which blood test, by patient, by test, over the next fortnight, and as a list to take along."""

import datetime as dt
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update
from sqlmodel import Session

from dashboard.components.accessible import aria
from dashboard.components.addresses import address, query_of
from dashboard.components.dates import age, ago, day_and_ago, short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import empty_state, notice, page_head
from dashboard.components.tables import table, tabs
from dashboard.secure import ACTORS, READERS, Current, Page, SecureDash, current
from dashboard.shell import REFRESH, URL
from jobs.evaluation import evaluate
from jobs.importers.canonical import ObservationRow
from jobs.importers.load import record_facts
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.labs_due import (
    LONGEST_PAUSE_DAYS,
    Wanted,
    active_patients,
    end_pause,
    excuses,
    in_state,
    intervals,
    labs_rows,
    most_pressing,
    not_done_ids,
    patient_of,
    patients_by_state,
    patients_to_take,
    pause,
    required_tests,
    silent,
    take_back_not_done,
    tests_by_state,
    to_take,
    whose,
)
from models.patient_summary import NOT_TAKEN
from models.vocabulary import measures, tests

PAGE = Page("/labs", "Labs due", READERS, nav=30)

CONTENT = "labs-content"
FILTERS = {"q": "labs-search", "test": "labs-test", "site": "labs-site", "who": "labs-clinician"}
NAMES = "labs-names"
SAID = "labs-said"
CHANGED = "labs-changed"
MODAL = "labs-modal"
FORM = "labs-form"
FORM_PATIENT, FORM_KIND, FORM_TESTS = "labs-form-patient", "labs-form-kind", "labs-form-tests"
FORM_REASON, FORM_UNTIL, FORM_SAVE = "labs-form-reason", "labs-form-until", "labs-form-save"
EXCUSE, UNDO = "labs-excuse", "labs-undo"

STATES = {
    "overdue": ("Overdue", "Past due and past the days of grace."),
    "never_measured": ("Never measured", "No result on file since the treatment began."),
    "grace": ("In grace", "Past due, within the days of grace."),
    "due": ("Due today", ""),
    "not_due": ("Not due", ""),
    "not_possible": ("Not possible", "Recorded as not possible, with a reason."),
    "paused": ("Paused", "Left out for a while, with a reason and an end."),
    "cannot_tell": ("Cannot tell", "The laboratory's results stopped coming in: nobody knows whether it was taken."),
}
VIEWS = (("patient", "By patient"), ("test", "By test"), ("soon", "Next 14 days"), ("print", "Blood-taking list"))
SOON_DAYS = 14
ROWS_SHOWN = 150
A_DAY_SHOWN = 150
REASONS = (
    "Taken elsewhere, result awaited",
    "Treatment on hold",
    "Patient away",
    "Patient declined",
    "Blood could not be drawn",
    "Not needed: agreed with physician",
)

Row = dict[str, Any]


def layout(**query: str) -> Any:
    """The page for whoever asks; view and filters come from the address."""
    here = current()
    with reading(here.engine) as session:
        required, (sites, clinicians) = required_tests(session), whose(session)
    return html.Div(
        [
            page_head("Labs due", filters=_filters(required, sites, clinicians, query)),
            html.Div(id=SAID, role="status"),
            html.Div(content(here, query), id=CONTENT),
            dcc.Store(id=NAMES, data=list(FILTERS)),
            dcc.Store(id=CHANGED),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="md", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ],
        className="page records labs",
    )  # fmt: skip


def register(app: SecureDash) -> None:
    """Filters, the form behind "Leave out...", and taking it back."""
    app.clientside_callback(
        ClientsideFunction("myopanelRecords", "address"),
        Output(NAMES, "modified_timestamp"),
        *[Input(component, "value") for component in FILTERS.values()],
        State(NAMES, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(CONTENT, "children"),
        *[Output(component, "value") for component in FILTERS.values()],
        Input(URL, "search"),
        Input(CHANGED, "data"),
        State(URL, "pathname"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show(search: str | None, _changed: Any, pathname: str | None) -> tuple[Any, ...]:
        if pathname != PAGE.path:
            return (no_update,) * (1 + len(FILTERS))
        query = query_of(search)
        return content(current(), query), *(query.get(name, "") or None for name in FILTERS)

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": EXCUSE, "mrn": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=ACTORS,
    )
    def open_form(clicks: list[int | None]) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        here = current()
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            patient = patient_of(session, ctx.triggered_id["mrn"])
            rows = labs_rows(session, mrn=patient.mrn)
            known = excuses(session, patient.id or 0, today)
            title = f"Leave out tests of {patient.name} {patient.mrn}"
            return True, title, form(patient.mrn, rows, known, today)

    @app.callback(
        Output(FORM_UNTIL, "disabled"),
        Output(FORM_UNTIL, "description"),
        Input(FORM_KIND, "value"),
        roles=ACTORS,
    )
    def explain_kind(kind: str | None) -> tuple[bool, str]:
        if kind == "not_done":
            return True, "Counts for one interval from today; then the test is asked for again."
        return False, f"Last day of the pause; at most {LONGEST_PAUSE_DAYS} days."

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(FORM_SAVE, "n_clicks"),
        State(FORM_PATIENT, "data"),
        State(FORM_KIND, "value"),
        State(FORM_TESTS, "value"),
        State(FORM_REASON, "value"),
        State(FORM_UNTIL, "value"),
        prevent_initial_call=True,
        roles=ACTORS,
    )
    def save(
        clicks: int | None, mrn: str, kind: str, chosen: list[str] | None, reason: str | None, until: str | None
    ) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        here = current()
        said = leave_out(here, mrn, kind, chosen or [], reason or "", until)
        stamp = secrets.token_hex(4)
        return False, said, stamp, stamp

    @app.callback(
        Output(SAID, "children", allow_duplicate=True),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(REFRESH, "data", allow_duplicate=True),
        Output(MODAL, "opened", allow_duplicate=True),
        Input({"type": UNDO, "kind": ALL, "ids": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=ACTORS,
    )
    def undo(clicks: list[int | None]) -> tuple[Any, Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return (no_update,) * 4
        here = current()
        ids = [int(part) for part in ctx.triggered_id["ids"].split(",")]
        name = ask_again(here, ctx.triggered_id["kind"], ids)
        stamp = secrets.token_hex(4)
        return notice(f"Taken back: {name}'s tests are asked for again."), stamp, stamp, False


# -------------------------------------------------------------------------------------------------------------- actions


def leave_out(here: Current, mrn: str, kind: str, chosen: Sequence[str], reason: str, until: str | None) -> Any:
    """Pause tests, or note that they could not be taken; then answer the patient's rules anew. Returns what was done.

    Raises:
        ActionRefused: something the note needs is missing.
    """
    ids: list[int]
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        patient = patient_of(session, mrn)
        required = {row["test"] for row in labs_rows(session, mrn=mrn)}
        if set(chosen) - required:
            raise ActionRefused("One of the tests is no longer required of this patient. Open the form again.")
        if kind == "pause":
            end = dt.date.fromisoformat(until) if until else None
            ids = pause(
                session, patient, chosen, reason=reason, until=end, by=here.user.name, today=today, now=here.now
            )
            action, what = "pause tests", f"paused until {short_day(end, today)}"
        else:
            if not chosen:
                raise ActionRefused("Choose at least one test.")
            if not reason.strip():
                raise ActionRefused("Say why the test was not possible.")
            if any(tests()[test].measures[0] not in measures() for test in chosen):
                raise ActionRefused("An examination can be paused, but not recorded as not possible.")
            marks = {test: f"not-possible-{secrets.token_hex(8)}" for test in chosen}
            record_facts(
                session,
                [
                    ObservationRow(
                        mrn=mrn,
                        measure=tests()[test].measures[0],
                        observed_at=today.isoformat(),
                        status="not-done",
                        reason=reason.strip(),
                        source_id=mark,
                        value="",
                    )
                    for test, mark in marks.items()
                ],
                by=here.user.name,
                now=here.now,
                timezone=here.settings.timezone,
            )
            ids = not_done_ids(session, patient.id or 0, list(marks.values()))
            action, what = "test not possible", "recorded as not possible"
        audit(
            session, here.user.name, action, now=here.now, patient_id=patient.id, detail=", ".join(sorted(set(chosen)))
        )
        name = patient.name
    _evaluate(here, mrn, today)
    labels = _and(short_label(tests()[test].label) for test in chosen)
    return notice(
        [
            f"{labels} of {name} {what}. ",
            html.Button("Undo", id=_undo_id("pause" if kind == "pause" else "not_done", ids), className="link"),
        ]
    )


def ask_again(here: Current, kind: str, ids: Sequence[int]) -> str:
    """Take back pauses or notes; returns the patient's name.

    Raises:
        ActionRefused: taken back already.
    """
    take_back: Callable[..., Any] = end_pause if kind == "pause" else take_back_not_done
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        owners = {patient.mrn: patient for patient in (take_back(session, one, now=here.now) for one in ids)}
        for patient in owners.values():
            audit(session, here.user.name, f"take back {kind.replace('_', ' ')}", now=here.now, patient_id=patient.id)
        names = _and(patient.name for patient in owners.values())
        mrns = list(owners)
    for mrn in mrns:
        _evaluate(here, mrn, today)
    return names


def _evaluate(here: Current, mrn: str, today: dt.date) -> None:
    """The answer changes at once for the one patient; the panel's next run finds nothing new."""
    evaluate(here.engine, today, timezone=here.settings.timezone, mrns=[mrn], collect=False, now=here.now)


# -------------------------------------------------------------------------------------------------------- what is shown


def content(here: Current, query: Mapping[str, str]) -> Any:
    """Everything below the filters."""
    asked = Wanted(*(query.get(name, "") for name in ("q", "test", "site", "who")))
    view = query.get("view", "patient")
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        panel, needing = active_patients(session), patients_by_state(session, Wanted())[""]
        if not needing:
            return empty_state(
                "No blood tests are required of anybody",
                "Tests appear here as soon as a patient has a treatment that the monitoring table knows.",
                action="See the monitoring table",
                href="/rules?tab=monitoring",
            )
        lost, concerned = silent(session)
        shown = {"test": by_test, "soon": by_day, "print": print_list}.get(view, by_patient)
        body = shown(session, here, asked, query, today)
        count = _shown(session, asked, query, view, today)
    without = panel - needing
    rest = f" · {number(without)} {'needs' if without == 1 else 'need'} no tests" if without else ""
    return [
        html.Div(
            [
                tabs(
                    [
                        (key, words, address(PAGE.path, query, view="" if key == "patient" else key))
                        for key, words in VIEWS
                    ],
                    view if view in dict(VIEWS) else "patient",
                    label="Views",
                ),
                html.Div([html.B(f"{number(count)} of {counted(panel, 'patient')}"), rest], className="counts"),
            ],
            className="view-line",
        ),
        notice(
            [
                html.B("Results stopped coming in. "),
                "; ".join(f"{_label(test)}: {because}" for test, because in lost),
                f". {counted(concerned, 'patient')} "
                "may or may not have been tested. Ask the laboratory or whoever runs the interface. ",
                dcc.Link("Show them", href=address(PAGE.path, {}, state="cannot_tell")),
            ],
            kind="bad",
        )
        if lost
        else None,
        html.Div(body),
    ]


def _shown(session: Session, asked: Wanted, query: Mapping[str, str], view: str, today: dt.date) -> int:
    """How many patients the view is about."""
    if view == "print":
        return patients_to_take(session, asked, _until(query, today))
    if view == "soon":
        return patients_to_take(session, asked, today + dt.timedelta(days=SOON_DAYS))
    state = query.get("state", "")
    if view == "test" or state == "all":
        return patients_by_state(session, asked)[""]
    return patients_by_state(session, asked)[state] if state in STATES else patients_to_take(session, asked, today)


def _label(test: str) -> str:
    known = tests().get(test)
    return short_label(known.label) if known else test


def by_patient(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """One row a patient, the states as columns, most overdue first."""
    state = query.get("state", "")
    counts = patients_by_state(session, asked)
    chips = [
        ("", f"To take {number(patients_to_take(session, asked, today))}"),
        *((key, f"{STATES[key][0]} {number(counts[key])}") for key in STATES),
        ("all", "All"),
    ]
    line = html.Nav(
        [
            dcc.Link(
                words,
                href=address(PAGE.path, query, state=key),
                className="chip",
                title=STATES[key][1] if key in STATES else None,
            )
            if key != state
            else html.Span(words, className="chip here", **aria(current="true"))
            for key, words in chips
        ],
        className="chips",
        **aria(label="States"),
    )
    total = _shown(session, asked, query, "patient", today)
    order = most_pressing(session, asked, in_state(state, today), ROWS_SHOWN)
    if not order:
        nothing = "No blood test is due" if not state else f"Nobody: {STATES.get(state, ('all',))[0].lower()}"
        return [line, empty_state(nothing, "Nobody within these filters has a test in this state.")]
    people: dict[int, list[Row]] = defaultdict(list)
    for row in labs_rows(session, asked, patient_ids=order):
        people[row["patient_id"]].append(row)
    columns = [key for key in STATES if any(row["state"] == key for found in people.values() for row in found)]
    may = here.may(ACTORS)
    lines = []
    for found in (people[who] for who in order):
        first = found[0]
        cells: list[Any] = [(_who(first), "who")]
        cells += [(_tests(found, key, today), f"state s-{key}") for key in columns]
        if may:
            cells.append(
                (
                    html.Button(
                        "Leave out…",
                        id={"type": EXCUSE, "mrn": first["mrn"]},
                        className="row-button",
                        title=f"Pause tests of {first['name']}, or record that they are not possible",
                    ),
                    "act",
                )
            )
        lines.append(cells)
    hidden = total - len(order)
    return [
        line,
        table(
            ["Patient", *(STATES[key][0] for key in columns), *([""] if may else [])],
            lines,
            label="Blood tests by patient, most overdue first",
            kind="cards states",
        ),
        html.P(f"{number(hidden)} more are not listed: narrow the filters.", className="quiet more")
        if hidden > 0
        else None,
    ]


def _who(row: Row) -> Any:
    return html.Div(
        [
            dcc.Link(row["name"], href=f"/patients/{row['mrn']}", className="name"),
            html.Span(row["mrn"], className="sub"),
        ]
    )


def _tests(found: list[Row], state: str, today: dt.date) -> Any:
    chosen = [row for row in found if row["state"] == state]
    if not chosen:
        return None
    if state == "not_due":
        soonest = min(chosen, key=lambda row: row["due"])
        names = ", ".join(short_label(row["label"]) for row in chosen)
        return html.Span(
            [f"{len(chosen)} ", html.Span(f"next {short_day(soonest['due'], today)}", className="sub")],
            title=f"{names}; next {short_label(soonest['label'])}",
        )
    together: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(chosen, key=lambda row: (row["due"] or today, row["label"])):
        together[_beside(row, today)].append(row)
    return html.Div(
        [
            html.Div(
                [", ".join(short_label(row["label"]) for row in group), " ", html.Span(beside, className="sub")],
                title="\n".join(_told(row, today) for row in group),
            )
            for beside, group in together.items()
        ]
    )


def _beside(row: Row, today: dt.date) -> str:
    """What stands beside a test's name: how late, until when, or why."""
    if row["state"] in ("paused", "not_possible"):
        return str(row["note"])
    if row["state"] == "cannot_tell":
        return f"due {short_day(row['due'], today)}"
    days = (today - row["due"]).days if row["due"] else 0
    return "today" if days == 0 else f"{days} d late" if days > 0 else f"in {-days} d"


def _told(row: Row, today: dt.date) -> str:
    last = f"last {day_and_ago(row['last'], today)}" if row["last"] else "never measured here"
    why = f"every {row['interval']} d by {row['treatment'].replace('-', ' ')}"
    return f"{row['label']}: due {day_and_ago(row['due'], today)}; {last}; {why}"


def by_test(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """One row a test, patients counted by state; each count leads to those patients."""
    del here, today
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (test, state), count in tests_by_state(session, asked).items():
        counts[test][state] = count
    if not counts:
        return empty_state("No test fits these filters", "Choose another test, site or clinician.")
    every = intervals(session)
    known = tests()
    labels = {test: known[test].label if test in known else test for test in counts}
    order = sorted(counts, key=lambda test: (-counts[test]["overdue"], -counts[test]["grace"], labels[test]))

    def cell(test: str, state: str) -> Any:
        count = counts[test][state]
        if not count:
            return (html.Span("0", className="none"), f"s-{state}")
        href = address(PAGE.path, query, view="", test=test, state=state)
        return (dcc.Link(number(count), href=href), f"s-{state}")

    lines = [
        [
            (
                html.Div(
                    [
                        html.Span(short_label(labels[test]), className="name"),
                        html.Span(_inside(labels[test]), className="sub"),
                    ]
                ),
                "who",
            ),
            (_span(*every[test]), "nowrap"),
            *(cell(test, state) for state in STATES),
            number(sum(counts[test].values())),
        ]
        for test in order
    ]
    return table(
        ["Test", "Every", *(words for words, _ in STATES.values()), "Patients"],
        lines,
        label="Patients by test and state",
        numeric=range(2, 3 + len(STATES)),
        kind="matrix states",
    )


def _span(low: int, high: int) -> str:
    return f"{low} d" if low == high else f"{low} to {high} d"


def by_day(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """What falls due on each of the next fourteen days; what is late already stands on top."""
    del here, query
    last = today + dt.timedelta(days=SOON_DAYS)
    days: dict[dt.date | None, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in labs_rows(session, asked, which=to_take(last)):
        days[None if row["due"] < today else row["due"]][row["mrn"]].append(row)
    if not days:
        return empty_state("Nothing falls due", f"No test is due within {SOON_DAYS} days for anybody in these filters.")
    lines = []
    for day in sorted(days, key=lambda one: one or dt.date.min):
        people = days[day]
        words = "Late already" if day is None else f"{day:%a} {short_day(day, today)}"
        beside = "" if day is None else ago(day, today)
        who = [
            html.Div(
                [
                    dcc.Link(found[0]["name"], href=f"/patients/{mrn}"),
                    html.Span(f" {mrn} · {', '.join(short_label(row['label']) for row in found)}", className="sub"),
                ]
            )
            for mrn, found in list(people.items())[:A_DAY_SHOWN]
        ]
        if len(people) > A_DAY_SHOWN:
            more = f"and {number(len(people) - A_DAY_SHOWN)} more: narrow the filters, or print the list"
            who.append(html.Div(more, className="quiet"))
        lines.append(
            [
                (html.Div([html.Span(words, className="name"), html.Span(beside, className="sub")]), "who"),
                number(len(people)),
                (html.Div(who, className="people"), ""),
            ]
        )
    return table(
        ["Day", "Patients", "Who and what"], lines, label="Tests by the day they fall due", numeric=[1], kind="cards"
    )


def print_list(session: Session, here: Current, asked: Wanted, query: Mapping[str, str], today: dt.date) -> Any:
    """Per patient the tests to take, to print for phlebotomy: who, what, a box to tick; nothing else about them."""
    del here
    until = _until(query, today)
    ahead = (until - today).days
    people: dict[str, list[Row]] = defaultdict(list)
    for row in labs_rows(session, asked, which=to_take(until)):
        people[row["mrn"]].append(row)
    choices = html.Nav(
        [
            html.Span(words, className="chip here", **aria(current="true"))
            if days == str(ahead)
            else dcc.Link(words, href=address(PAGE.path, query, days="" if days == "0" else days), className="chip")
            for days, words in (("0", "Due by today"), ("7", "and in 7 days"), ("14", "and in 14 days"))
        ],
        className="chips",
        **aria(label="How far ahead"),
    )
    unknown = patients_by_state(session, asked)["cannot_tell"]
    head = html.Div([choices, html.Button("Print", className="button print-page")], className="print-line no-print")
    if not people:
        return [head, empty_state("Nobody to draw blood from", "No test is due by then for anybody in these filters.")]
    where = " · ".join(filter(None, (query.get("site"), query.get("who"))))
    lines = [
        [
            (html.Div([html.B(found[0]["name"]), html.Span(found[0]["mrn"], className="sub")]), "who"),
            (_born(found[0]["birth_date"], today), "nowrap"),
            (
                html.Div(
                    [html.Span([html.I(className="tick"), short_label(row["label"])]) for row in found],
                    className="take",
                ),
                "",
            ),
            ("", "blank"),
        ]
        for found in (
            sorted(rows_of, key=lambda row: row["label"])
            for rows_of in sorted(people.values(), key=lambda rows_of: rows_of[0]["name"].split()[-1])
        )
    ]
    return [
        head,
        html.Div(
            [
                html.H2(f"Blood to take, {short_day(today, today)} {today.year}{f' · {where}' if where else ''}"),
                html.P(
                    f"{counted(len(people), 'patient')}, {counted(sum(map(len, people.values())), 'test')}."
                    + (f" Left out: {counted(unknown, 'patient')} whose results stopped coming in." if unknown else ""),
                    className="quiet",
                ),
                table(["Patient", "Born", "Tests", "Taken by, when"], lines, label="Blood to take", kind="paper"),
            ],
            className="blood-list",
        ),
    ]


def _until(query: Mapping[str, str], today: dt.date) -> dt.date:
    return today + dt.timedelta(days=int(query["days"]) if query.get("days") in ("7", "14") else 0)


def _born(birth: dt.date | None, today: dt.date) -> str:
    return f"{birth.isoformat()} ({age(birth, today)})" if birth else ""


# ----------------------------------------------------------------------------------------------------------------- form


def form(mrn: str, rows: list[Row], known: list[dict[str, Any]], today: dt.date) -> Any:
    """What a nurse or physician fills in to leave tests out, and what is left out already."""
    wanted = [row for row in rows if row["state"] == "cannot_tell" or _is_due(row, today)] or rows
    return html.Div(
        [
            dcc.Store(id=FORM_PATIENT, data=mrn),
            dmc.SegmentedControl(
                id=FORM_KIND,
                value="pause",
                fullWidth=True,
                data=[{"value": "pause", "label": "Pause"}, {"value": "not_done", "label": "Not possible this time"}],
            ),
            dmc.MultiSelect(
                id=FORM_TESTS,
                label="Tests",
                required=True,
                data=[{"value": row["test"], "label": short_label(row["label"])} for row in rows],
                value=[row["test"] for row in wanted],
            ),
            dmc.Autocomplete(
                id=FORM_REASON,
                label="Reason",
                required=True,
                placeholder="In your words, or one of the usual ones",
                data=list(REASONS),
            ),
            dmc.DatePickerInput(
                id=FORM_UNTIL,
                label="Until",
                value=(today + dt.timedelta(days=28)).isoformat(),
                minDate=today.isoformat(),
                maxDate=(today + dt.timedelta(days=LONGEST_PAUSE_DAYS)).isoformat(),
                valueFormat="D MMM YYYY",
            ),
            html.Div(html.Button("Leave out", id=FORM_SAVE, className="button"), className="form-end"),
            html.Div([html.H3("Left out now"), *_excuses(known, today)], className="left-out") if known else None,
        ],
        className="form-stack",
    )


def _is_due(row: Row, today: dt.date) -> bool:
    return row["state"] not in NOT_TAKEN and bool(row["due"]) and row["due"] <= today


def _excuses(known: list[dict[str, Any]], today: dt.date) -> list[Any]:
    """What is left out already; what was said in one go is one line and taken back together."""
    together: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in known:
        together[one["kind"], one["reason"], one["day"], one["until"], one["by"]].append(one)
    lines = []
    for (kind, reason, day, until, by), group in together.items():
        names = ", ".join(sorted(_what(str(one["what"])) for one in group))
        span = f"paused until {short_day(until, today)}" if until else f"not possible {day_and_ago(day, today)}"
        lines.append(
            html.Div(
                [
                    html.Span([html.B(names), f" {span}: {reason} ", html.Span(f"({by})", className="sub")]),
                    html.Button("Take back", id=_undo_id(kind, [one["id"] for one in group]), className="link nowrap"),
                ],
                className="line",
            )
        )
    return lines


def _what(key: str) -> str:
    """The name of a test, or of the test that a measure belongs to."""
    if key == "all":
        return "All tests"
    if key in tests():
        return short_label(tests()[key].label)
    found = next((test.label for test in tests().values() if key in test.measures), "")
    return short_label(found) if found else measures()[key].short_label if key in measures() else key


def _undo_id(kind: str, ids: Sequence[int]) -> dict[str, str]:
    return {"type": UNDO, "kind": kind, "ids": ",".join(map(str, ids))}


def _filters(
    required: Sequence[str], sites: Sequence[str], clinicians: Sequence[str], query: Mapping[str, str]
) -> list[Any]:
    def select(name: str, words: str, options: Iterable[tuple[str, str]]) -> Any:
        return dmc.Select(
            id=FILTERS[name],
            value=query.get(name) or None,
            placeholder=words,
            data=[{"value": value, "label": label} for value, label in options],
            clearable=True,
            searchable=True,
            size="xs",
            w=150,
            inputProps={"aria-label": words},
        )

    labels = {test: _label(test) for test in required}
    return [
        dmc.TextInput(
            id=FILTERS["q"],
            value=query.get("q", ""),
            placeholder="Name or MRN",
            debounce=250,
            size="xs",
            w=150,
            inputProps={"aria-label": "Name or record number"},
        ),
        select("test", "Test", sorted(labels.items(), key=lambda item: item[1])),
        select("site", "Site", [(site, site) for site in sorted(sites)]),
        select("who", "Clinician", [(who, who) for who in sorted(clinicians)]),
    ]


def short_label(label: str) -> str:
    """`Blood count` of `Blood count (haemoglobin, ...)`."""
    return label.split(" (")[0]


def _inside(label: str) -> str:
    return label.partition(" (")[2].rstrip(")")


def _and(words: Iterable[str]) -> str:
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""

"""Labs due: who needs which blood test, by patient, by test, over the next fortnight, and as a list to take along."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.addresses import address, query_of
from dashboard.components.formats import counted, number
from dashboard.components.states import empty_state, notice, page_head
from dashboard.components.tables import tabs
from dashboard.pages.labs_due.leaving_out import ask_again, form, leave_out
from dashboard.pages.labs_due.states import (
    CHANGED,
    CONTENT,
    EXCUSE,
    FILTERS,
    FORM,
    FORM_KIND,
    FORM_PATIENT,
    FORM_REASON,
    FORM_SAVE,
    FORM_TESTS,
    FORM_UNTIL,
    MODAL,
    NAMES,
    PAGE,
    SAID,
    UNDO,
    patients_concerned,
    test_label,
)
from dashboard.pages.labs_due.views import by_day, by_patient, by_test, print_list
from dashboard.secure import ACTORS, READERS, Current, SecureDash, current
from dashboard.shell import REFRESH, URL
from models.alert_lifecycle import present_day
from models.database import reading
from models.labs_due import (
    LONGEST_PAUSE_DAYS,
    Wanted,
    active_patients,
    excuses,
    labs_rows,
    patient_of,
    patients_by_state,
    required_tests,
    silent,
    whose,
)

VIEWS = (("patient", "By patient"), ("test", "By test"), ("soon", "Next 14 days"), ("print", "Blood-taking list"))


def layout(**query: str) -> Any:
    """The page for whoever asks; view and filters come from the address."""
    here = current()
    with reading(here.engine) as session:
        required, (sites, clinicians) = required_tests(session), whose(session)
    return html.Div(
        [
            page_head("Labs due", filters=filters(required, sites, clinicians, query)),
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


def filters(
    required: Sequence[str], sites: Sequence[str], clinicians: Sequence[str], query: Mapping[str, str]
) -> list[Any]:
    """The filters with what the address says."""

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

    labels = {test: test_label(test) for test in required}
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
        count = patients_concerned(session, asked, query, view, today)
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
                "; ".join(f"{test_label(test)}: {because}" for test, because in lost),
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

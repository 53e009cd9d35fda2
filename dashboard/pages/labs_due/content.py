"""What stands below the filters of labs due: the views to choose from, and the one that is chosen."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html

from dashboard.components.addresses import address
from dashboard.components.formats import counted, number
from dashboard.components.states import empty_state, notice
from dashboard.components.tables import tabs
from dashboard.pages.labs_due.blood_list import print_list
from dashboard.pages.labs_due.by_day import by_day
from dashboard.pages.labs_due.by_patient import by_patient
from dashboard.pages.labs_due.by_test import by_test
from dashboard.pages.labs_due.labels import test_label
from dashboard.pages.labs_due.names import PAGE
from dashboard.pages.labs_due.states import patients_concerned
from dashboard.secure import Current
from models.alert_lifecycle import present_day
from models.database import reading
from models.labs_due import (
    Wanted,
    active_patients,
    patients_by_state,
    silent,
)

VIEWS = (("patient", "By patient"), ("test", "By test"), ("soon", "Next 14 days"), ("print", "Blood-taking list"))


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

"""The nurse list on paper: what a tab of Alerts shows, in the same order and numbers, with room to write."""

from typing import Any

from dash import dcc, html

from dashboard.alert_choice import FILTERS, in_words, only_of
from dashboard.components.accessible import data
from dashboard.components.addresses import address
from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.dates import short_day
from dashboard.components.formats import counted
from dashboard.components.reasons import short_reason
from dashboard.components.states import empty_state, page_head
from dashboard.components.tables import table
from dashboard.pages.alerts import VIEWS, views_of
from dashboard.secure import READERS, Page, SecureDash, current
from models.alert_lifecycle import present_day
from models.alert_list import alert_counts, alert_page
from models.database import reading
from models.standing import settle

PAGE = Page("/alerts/print", "Alerts to print", READERS)
MOST_PATIENTS = 2000
"""Patients on one print at most; what is left out is said."""


def layout(**query: str) -> Any:
    """The list of one tab, whole, as plain rows: a patient's alerts together."""
    here = current()
    show = query.get("show", "todo")
    title = dict(VIEWS).get(show, dict(VIEWS)["todo"])
    show = show if show in dict(VIEWS) else "todo"
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        only = only_of(session, here, query)
    settle(here.engine, today)
    with reading(here.engine) as session:
        counts = alert_counts(session, today, only=only, people_of=(show,))
        rows, more = alert_page(session, today, views_of(show), 0, MOST_PATIENTS, only=only)
    back = address("/alerts", {name: query[name] for name in FILTERS if query.get(name)})
    head = html.Div(
        [
            html.Button("Print", type="button", className="button print-page"),
            dcc.Link("Back to the list", href=back),
        ],
        className="print-line no-print",
    )
    told = f"{counted(counts.alerts[show], 'alert')} of {counted(counts.patients[show], 'patient')}"
    left_out = f"; the first {counted(MOST_PATIENTS, 'patient')} are printed" if more else ""
    moment = here.now.astimezone(here.settings.zone)
    stamp = f"as of {moment.day} {moment:%b %Y %H:%M}, for {here.user.shown_name}"
    heading = page_head(f"Alerts: {title}{in_words(query)}")
    if not rows:
        return html.Div([heading, head, empty_state("Nothing here", stamp)], className="page")
    return html.Div(
        [
            heading,
            head,
            html.P([html.B(told), f"{left_out}, {stamp}"], className="quiet"),
            table(
                ["Patient", "What, and the first thing to do", "Since", "Owner", "Done"],
                _lines(rows, today),
                label="Alerts, in the order of the list",
                kind="paper cards",
            ),
        ],
        className="page records",
    )


def _lines(rows: list[dict[str, Any]], today: Any) -> list[list[Any]]:
    lines = []
    before = None
    for row in rows:
        first = row["patient_id"] != before
        before = row["patient_id"]
        who = html.Div([html.B(row["name"]), html.Span(row["mrn"], className="sub")]) if first else ""
        what = html.Div(
            [
                html.B(SEVERITY_WORDS[row["severity"]] + ": "),
                short_reason(row, today, since=False),
                html.Div(f"First: {row['suggested_action']}", className="quiet small")
                if row["suggested_action"]
                else None,
            ],
            **data(alert=str(row["id"])),
        )
        lines.append(
            [
                (who, "who"),
                (what, "wrap"),
                (short_day(row["since"], today), "nowrap"),
                (row["owner"] or "", ""),
                (html.I(className="tick"), "blank"),
            ]
        )
    return lines


def register(app: SecureDash) -> None:
    """Nothing to click but Print, which is the browser's."""

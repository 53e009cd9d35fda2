"""The table of sources: who read what, when it is to be read again, and which numbers rest on it."""

from datetime import date
from typing import Any

from dash import html

from dashboard.components.badges import tag
from dashboard.components.dates import short_day
from dashboard.components.formats import counted
from dashboard.components.tables import table
from dashboard.pages.rules.rule_list import faint
from dashboard.pages.rules.words import lead_paragraph, where_found
from dashboard.secure import Current
from jobs.provenance import Number, due_for_review, resting_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.vocabulary import (
    Source,
    SourceCheck,
    source_checks,
    sources,
)


def source_table(here: Current) -> Any:
    """What is due for review, then everything numbers come from; what is a guideline, and what is not."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    words = {
        "guideline": "guideline",
        "educational-page": "educational page, not a guideline",
        "secondary": "secondary source, not a guideline",
        "project": "our own, no source",
    }
    lines = [
        [
            (row.id, "quiet"),
            (
                [
                    html.Span(f"{row.title} ({row.year}) " if row.year else f"{row.title} "),
                    tag(
                        words.get(row.kind, row.kind),
                        kind="warn" if row.kind in ("educational-page", "secondary", "project") else "",
                    ),
                    html.Span(where_found(row.where), className="sub block"),
                ],
                "wide",
            ),
            (_checked(source_checks().get(row.id), today), "wide"),
            (_next_review(source_checks().get(row.id), today), "nowrap"),
            faint(len(resting_on(row.id))),
        ]
        for row in sources().values()
    ]
    return [
        _due_for_review(today),
        html.H2("All sources"),
        lead_paragraph(
            "Where the numbers come from, how much of each was read, by whom, and when it is to be read again. No "
            "clinician has checked them for this program. Educational pages were the origin of the project; they are "
            "never shown as guidelines."
        ),
        table(
            ["Id", "Title", "Read", "Next review", "Numbers"],
            lines,
            label="Sources",
            numeric=[4],
            kind="cards",
        ),
    ]


def _due_for_review(today: date) -> Any:
    """The sources to be looked at again by the present day, with the numbers that rest on each."""
    due = due_for_review(today)
    if not due:
        return html.P(f"No source is due for review on {short_day(today, today)}.", className="quiet")
    lines = [
        [
            (_source(sources()[one.source]), "wide"),
            (_checked(one.check, today), "wide"),
            (_next_review(one.check, today), "nowrap"),
            (_numbers(one.numbers), "wide"),
        ]
        for one in due
    ]
    return html.Section(
        [
            html.H2(f"Due for review: {counted(len(due), 'source')}"),
            lead_paragraph("Read second-hand, from memory, or read too long ago: check these against the original."),
            table(["Source", "Read", "Due", "Numbers that rest on it"], lines, label="Due for review", kind="cards"),
        ]
    )


def _source(row: Source) -> Any:
    return [html.Span(row.title), html.Span(where_found(row.where), className="sub block")]


def _checked(check: SourceCheck | None, today: date) -> Any:
    """How much was read, by whom and when."""
    if check is None:
        return tag("never checked", kind="warn")
    said = [
        html.Span(check.read),
        html.Span(f"{check.checked_by}, {short_day(check.checked_on, today)}", className="sub block"),
    ]
    return [*said, html.Span(check.note, className="sub block")] if check.note else said


def _next_review(check: SourceCheck | None, today: date) -> Any:
    if check is None or check.next_review <= today:
        return tag("now" if check is None else short_day(check.next_review, today), kind="warn")
    return short_day(check.next_review, today)


def _numbers(found: tuple[Number, ...]) -> Any:
    """How many numbers, and which, on demand."""
    return html.Details(
        [
            html.Summary(counted(len(found), "number")),
            html.Ul([html.Li(f"{one.owner}, {one.name}: {one.value}") for one in found], className="quiet small"),
        ]
    )

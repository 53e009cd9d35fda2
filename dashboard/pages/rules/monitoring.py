"""The table of monitoring: which tests a treatment asks for and how often."""

from typing import Any

from dash import dcc, html

from dashboard.components.badges import mark_tag, tag
from dashboard.components.tables import table
from dashboard.pages.rules.words import lead_paragraph, only_if, remark, source_cell, treatment_words
from dashboard.secure import Current
from jobs.rules.overdue_labs import in_force
from jobs.thresholds import Thresholds, thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.vocabulary import (
    ACTIVE_TREATMENT,
    MonitoringRow,
    tests,
    vocabulary,
)


def monitoring_table(here: Current) -> Any:
    """Which test is asked of whom, how often; the profile in use first."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        thresholds = thresholds_on(session, today)
    groups: dict[tuple[Any, ...], list[MonitoringRow]] = {}
    for row in sorted(vocabulary().monitoring, key=lambda row: not _in_use(row, thresholds)):
        same = (
            row.treatment, row.only_if, row.from_day, row.to_day, row.interval_days, row.mark, row.profile, row.source,
            row.note,
        )  # fmt: skip
        groups.setdefault((*same, _in_use(row, thresholds)), []).append(row)
    lines = [
        [
            (treatment_words(rows[0].treatment), "who"),
            ", ".join(tests()[row.test].label.split(" (")[0] for row in rows),
            (_phase(rows[0]), "quiet nowrap"),
            (_interval(rows[0], thresholds), "nowrap"),
            (mark_tag(rows[0].mark), ""),
            (html.Span(rows[0].profile, title="A set of intervals that belong together"), "quiet"),
            (
                tag("in use", kind="accent")
                if _in_use(rows[0], thresholds)
                else html.Span("not in use", className="none"),
                "nowrap",
            ),
            ([source_cell(rows[0].source), remark(only_if(rows[0].only_if, rows[0].note))], "wide"),
        ]
        for rows in groups.values()
    ]
    return [
        lead_paragraph(
            "What each treatment, and some conditions, ask for, and how often. The shortest interval of all reasons "
            "counts. "
            "Which profile is used, and the interval on active treatment, are set with the rule ",
            dcc.Link("Overdue laboratory tests", href="/rules/overdue-labs"),
            ".",
        ),
        table(
            ["Treatment", "Tests", "When", "Every", "Known", "Profile", "Used", "Source"],
            lines,
            label="Monitoring",
            kind="cards",
        ),
        html.H2("Nothing asked for"),
        lead_paragraph("Drugs without a row in use, and why. A drug that is in no table asks for nothing either."),
        table(
            ["Drug", "Why", "Known", "Source"],
            [
                [
                    (treatment_words(row.treatment), "who"),
                    (row.because, "wide wrap"),
                    (mark_tag(row.mark), ""),
                    (source_cell(row.source), "wide"),
                ]
                for row in vocabulary().no_monitoring.values()
            ],
            label="Nothing asked for",
            kind="cards",
        ),
    ]


def _in_use(row: MonitoringRow, thresholds: Thresholds) -> bool:
    overdue = thresholds.clinic["overdue-labs"]
    return in_force(row, overdue.drug_profile, steroid_tests=overdue.steroid_tests == "yes")


def _interval(row: MonitoringRow, thresholds: Thresholds) -> str:
    if row.treatment == ACTIVE_TREATMENT and row.profile == "contract":
        return f"{thresholds.clinic['overdue-labs'].active_interval_days} d"
    return f"{row.interval_days} d"


def _phase(row: MonitoringRow) -> str:
    if row.from_day == 0 and row.to_day is None:
        return "throughout"
    if row.to_day is None:
        return f"from day {row.from_day}"
    return f"days {row.from_day} to {row.to_day}"

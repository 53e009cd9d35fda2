"""The tables about treatments: monitoring, screening, action limits, steroid equivalents, tapers."""

from typing import Any

from dash import dcc, html

from dashboard.components.badges import mark_tag, tag
from dashboard.components.formats import number
from dashboard.components.tables import table
from dashboard.pages.rules.words import lead_paragraph, measure_words, only_if, remark, source_cell, treatment_words
from dashboard.secure import Current
from jobs.rules.overdue_labs import in_force
from jobs.thresholds import Thresholds, thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.vocabulary import (
    ACTIVE_TREATMENT,
    ANY_DRUG,
    ANY_MONITORED,
    Drug,
    MonitoringRow,
    action_limits,
    drugs,
    screening,
    taper_templates,
    tests,
    vocabulary,
    written_unit,
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


def screening_table() -> Any:
    """What is wanted before, or soon after, a treatment begins."""
    words = {"required": "required", "if-risk": "if at risk", "site": "site setting"}
    lines = [
        [
            (treatment_words(row.treatment), "who"),
            row.screen.replace("_", " "),
            (", ".join(measure_words(key) for key in row.satisfied_by), "quiet"),
            ("before" if row.within_days == 0 else f"within {row.within_days} d", "nowrap"),
            (f"{row.valid_for_days} d" if row.valid_for_days else "always", "nowrap"),
            (words.get(row.requirement, row.requirement), "nowrap"),
            (mark_tag(row.mark), ""),
            ([source_cell(row.source), remark(only_if(row.only_if, row.note))], "wide"),
        ]
        for row in screening()
    ]
    return [
        lead_paragraph(
            "What should be on file before a treatment begins, or soon after, and for how long a result counts."
        ),
        table(
            ["Treatment", "Screen", "Any of", "When", "Counts for", "Wanted", "Known", "Source"],
            lines,
            label="Screening",
            kind="cards",
        ),
    ]


LIMITS_FOR = {ANY_MONITORED: "any monitored drug", ANY_DRUG: "any drug"}


def limits_table() -> Any:
    """Values at which a monitored drug needs action."""
    lines = [
        [
            (measure_words(row.measure), "who"),
            (LIMITS_FOR.get(row.applies_to) or treatment_words(row.applies_to), ""),
            (
                f"{row.direction} {number(row.limit, 2)} {written_unit(row.unit)}"
                if row.kind == "absolute"
                else f"{row.direction} {number(row.limit, 2)} times the reported limit"
                if row.kind == "times-limit"
                else f"rise of {number(row.limit)} {written_unit(row.unit)}"
                + (f" within {row.within_days} d" if row.within_days else ""),
                "nowrap",
            ),
            (f"from {row.from_age} y" if row.from_age else "", "nowrap"),
            "interrupt" if row.consequence == "interrupt" else "act",
            (mark_tag(row.mark), ""),
            ([source_cell(row.source), remark(row.caveat)], "wide"),
        ]
        for row in action_limits().values()
    ]
    return [
        lead_paragraph("Results at which somebody should act on a drug that is being monitored."),
        table(
            ["Measure", "Drug", "Limit", "Age", "Means", "Known", "Source"], lines, label="Action limits", kind="cards"
        ),
    ]


def equivalents_table() -> Any:
    """Milligrams that equal 5 mg of prednisone, and what does not count towards the dose."""
    lines = [
        [
            (row.label, "who"),
            number(row.equivalent_mg_to_5, 3) if row.equivalent_mg_to_5 else html.Span("–", className="none"),
            number(row.prednisone_factor, 3) if row.prednisone_factor else html.Span("–", className="none"),
            (mark_tag(row.factor_mark) if row.factor_mark else "", ""),
            (
                [source_cell(row.factor_source), remark("; ".join(filter(None, (_excluded(row), row.note))))],
                "wide",
            ),
        ]
        for row in drugs().values()
        if row.is_glucocorticoid
    ]
    return [
        lead_paragraph(
            "How each steroid is converted to prednisone. Topical, inhaled and intra-articular steroids add nothing to "
            "the dose; a pulse does."
        ),
        table(
            ["Steroid", "mg that equal 5 mg prednisone", "1 mg equals (mg)", "Known", "Source"],
            lines,
            label="Steroid equivalents",
            numeric=[1, 2],
            kind="cards",
        ),
    ]


def _excluded(row: Drug) -> str:
    return f"does not count: {row.excluded_because}" if row.excluded_because else ""


def taper_tables() -> Any:
    """The templates a steroid taper can follow, step by step."""
    parts: list[Any] = [
        lead_paragraph(
            "Templates to agree a taper from, on the patient's page. They are plans to compare with, not orders: the "
            "dose follows the patient."
        )
    ]
    for row in taper_templates().values():
        lines = [
            [
                (f"above {number(step.to_dose)} {written_unit(row.unit)}" if step.from_dose is None else
                 f"{number(step.from_dose)} to {number(step.to_dose)} {written_unit(row.unit)}", "nowrap"),
                f"minus {number(step.step, 2)} {written_unit(row.unit)}",
                f"{step.every_days} d",
                (mark_tag(step.mark), ""),
                (source_cell(step.source), "wide"),
            ]
            for step in row.steps
        ]  # fmt: skip
        begins = (
            f"begins on day {row.start_from_day}"
            if row.start_from_day == row.start_by_day
            else f"begins between day {row.start_from_day} and day {row.start_by_day}"
        )
        parts.append(
            html.Section(
                [
                    html.H2([f"{row.key}: {row.label} ", mark_tag(row.mark)]),
                    html.P([f"{row.population.capitalize()}; {begins}. ", source_cell(row.source), remark(row.note)]),
                    table(
                        ["Dose", "Step", "Every", "Known", "Source"], lines, label=f"Template {row.key}", kind="cards"
                    ),
                ],
                className="part",
            )
        )
    return parts

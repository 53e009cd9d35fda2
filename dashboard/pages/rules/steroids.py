"""The tables of steroids: prednisone equivalents, and templates for a taper."""

from typing import Any

from dash import html

from dashboard.components.badges import mark_tag
from dashboard.components.formats import number
from dashboard.components.tables import table
from dashboard.pages.rules.words import lead_paragraph, remark, source_cell
from models.vocabulary import (
    Drug,
    drugs,
    taper_templates,
)


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
                (f"above {number(step.to_dose)} {row.unit}" if step.from_dose is None else
                 f"{number(step.from_dose)} to {number(step.to_dose)} {row.unit}", "nowrap"),
                f"minus {number(step.step, 2)} {row.unit}",
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

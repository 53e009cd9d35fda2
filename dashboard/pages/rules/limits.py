"""The table of action limits: results at which a treatment is to be looked at again."""

from typing import Any

from dashboard.components.badges import mark_tag
from dashboard.components.formats import number
from dashboard.components.tables import table
from dashboard.pages.rules.words import lead_paragraph, measure_words, remark, source_cell, treatment_words
from models.vocabulary import (
    ANY_DRUG,
    ANY_MONITORED,
    action_limits,
)

LIMITS_FOR = {ANY_MONITORED: "any monitored drug", ANY_DRUG: "any drug"}


def limits_table() -> Any:
    """Values at which a monitored drug needs action."""
    lines = [
        [
            (measure_words(row.measure), "who"),
            (LIMITS_FOR.get(row.applies_to) or treatment_words(row.applies_to), ""),
            (
                f"{row.direction} {number(row.limit, 2)} {row.unit}"
                if row.kind == "absolute"
                else f"{row.direction} {number(row.limit, 2)} times the reported limit"
                if row.kind == "times-limit"
                else f"rise of {number(row.limit)} {row.unit}"
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

"""The table of screening: what is looked for before or soon after a treatment begins."""

from typing import Any

from dashboard.components.badges import mark_tag
from dashboard.components.tables import table
from dashboard.pages.rules.words import lead_paragraph, measure_words, only_if, remark, source_cell, treatment_words
from models.vocabulary import (
    screening,
)


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

"""The sources of a rule, each with what was read there."""

from typing import Any

from dash import html

from dashboard.components.badges import mark_tag
from dashboard.components.tables import table
from jobs.rule import Source


def sources_part(found: tuple[Source, ...]) -> Any:
    """The sources as a table."""
    lines = [
        [
            ([html.Span(one.title), html.Span(one.says, className="sub block") if one.says else None], "wide"),
            str(one.year or ""),
            (mark_tag(one.mark), ""),
            (_where(one.where), "wide"),
        ]
        for one in found
    ]
    return html.Section(
        [html.H2("Sources"), table(["Title", "Year", "Known", "Where"], lines, label="Sources", kind="cards")],
        className="part",
    )


def _where(where: str) -> Any:
    if where.startswith("https://"):
        return html.A(where.removeprefix("https://"), href=where, rel="noreferrer", target="_blank")
    return where

"""What the tables have in common: treatments, measures, sources and notes in words."""

from typing import Any

from dash import html

from models.vocabulary import (
    ACTIVE_TREATMENT,
    ANY_IMMUNOSUPPRESSANT,
    drug,
    measures,
    sources,
)


def only_if(condition: str, note: str) -> str:
    """The condition of a row with its note."""
    return "; ".join(filter(None, (f"only with {condition.replace('_', ' ')}" if condition else "", note)))


def treatment_words(key: str) -> str:
    """A treatment, class of drugs or group of the tables in words."""
    if key == ACTIVE_TREATMENT:
        return "Any active treatment"
    if key == ANY_IMMUNOSUPPRESSANT:
        return "Any immunosuppressant"
    known = drug(key)
    return known.label if known else key.replace("-", " ").replace("jak", "JAK").capitalize()


def measure_words(key: str) -> str:
    """A measure by its short name."""
    found = measures().get(key)
    return found.short_label if found else key.replace("_", " ")


def source_cell(source_id: str) -> Any:
    """A source by its title, leading to where it is."""
    found = sources().get(source_id)
    if found is None:
        return html.Span(source_id, className="quiet")
    year = f" ({found.year})" if found.year else ""
    shown: list[Any] = [html.Span(f"{found.title}{year}", title=found.where)]
    if found.kind in ("educational-page", "secondary"):
        shown.append(html.Span(" · not a guideline", className="sub"))
    return html.Span(shown)


def where_found(where: str) -> Any:
    """Where a source is to be found."""
    if where.startswith("https://"):
        return html.A(where.removeprefix("https://"), href=where, rel="noreferrer", target="_blank")
    return where


def remark(text: str) -> Any:
    """A remark beside a cell."""
    return html.Span(text[:1].upper() + text[1:], className="sub block") if text else None


def lead_paragraph(*words: Any) -> Any:
    """The paragraph above a table."""
    return html.P(list(words), className="lead quiet")

"""Plain tables: real `<table>`s with a caption for those who do not see them, which fold into cards on a phone."""

from collections.abc import Iterable, Sequence
from typing import Any

from dash import dcc, html

from dashboard.components.accessible import aria

Cell = Any
"""A component, a text, or a pair (content, class name)."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, label: str, numeric: Sequence[int] = (), kind: str = ""
) -> html.Div:
    """A table that scrolls sideways in its own box where the window is narrower than its words.

    Args:
        columns: the headings; an empty one is for actions.
        rows: cells in the order of the columns.
        label: what the table lists, for people who do not see it.
        numeric: places of columns whose cells stand to the right.
        kind: `cards` folds each row into a card on a phone; further class names as they are.
    """

    def shown(place: int, cell: Cell) -> html.Td:
        content, name = cell if isinstance(cell, tuple) else (cell, "")
        names = " ".join(filter(None, ("num" if place in numeric else "", name)))
        heading: dict[str, Any] = {"data-label": columns[place]} if columns[place] else {}
        return html.Td(content, className=names or None, **heading)

    head = html.Tr(
        [
            html.Th(
                title or html.Span("Actions", className="only-read"),
                scope="col",
                className="num" if place in numeric else None,
            )
            for place, title in enumerate(columns)
        ]
    )
    body = [html.Tr([shown(place, cell) for place, cell in enumerate(row)]) for row in rows]
    return html.Div(
        html.Table(
            [html.Caption(label, className="only-read"), html.Thead(head), html.Tbody(body)],
            className=f"plain {kind}".strip(),
        ),
        className="table-wrap",
        # A box that scrolls must be reachable without a mouse.
        tabIndex="0",
        role="region",
        **aria(label=label),
    )


def tabs(items: Iterable[tuple[str, Any, str]], chosen: str, *, label: str) -> html.Nav:
    """Views of one page as links, so that each has an address: (key, words, href)."""
    links = []
    for key, words, href in items:
        current: dict[str, Any] = {"className": "here"} if key == chosen else {}
        links.append(dcc.Link(words, href=href, **current))
    return html.Nav(links, className="tabs", **aria(label=label))

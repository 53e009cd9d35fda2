"""What a page shows when it has nothing to show, or cannot: what belongs here, why it is empty, what to do."""

from typing import Any

from dash import dcc, html


def empty_state(title: str, text: str, *, action: str = "", href: str = "") -> html.Div:
    """A designed empty state, with one way on if there is one."""
    children: list[Any] = [html.P(title, className="empty-title"), html.P(text)]
    if action and href:
        children.append(dcc.Link(action, href=href, className="button"))
    return html.Div(children, className="empty")


def notice(children: Any, *, kind: str = "info") -> html.Div:
    """A line the reader must not miss. `kind`: `info`, `warn` (amber) or `bad` (red)."""
    return html.Div(children, className=f"notice notice-{kind}", role="alert" if kind == "bad" else "status")


def page_head(title: str, counts: Any = None, filters: Any = None) -> html.Div:
    """The first line of every page: its name, its filters, and what is shown of how many."""
    return html.Div(
        [
            html.H1(title),
            html.Div(filters, className="filters") if filters is not None else None,
            html.Div(counts, className="counts") if counts is not None else None,
        ],
        className="page-head",
    )


def section(title: str, children: Any, *, note: Any = None, id: str | None = None) -> html.Section:
    """A card by hairline with a heading."""
    head = html.Div([html.H2(title), html.Div(note, className="quiet") if note is not None else None], className="head")
    extra: dict[str, Any] = {"id": id} if id else {}
    return html.Section([head, html.Div(children, className="body")], className="card", **extra)

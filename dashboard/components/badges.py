"""Severity, never by colour alone: a shape, a word and a colour that always go together."""

from dash import html

from dashboard.components.accessible import aria

SEVERITY_WORDS = {"urgent": "Today", "action": "This week", "watch": "Next visit", "cannot_tell": "Cannot tell"}

STATE_WORDS = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "snoozed": "Snoozed",
    "settled": "Settled",
    "resolved": "Resolved",
    "withdrawn": "Withdrawn",
}


def severity_badge(severity: str | None, *, words: bool = True) -> html.Span:
    """The badge of a severity (`urgent`, `action`, `watch`, `cannot_tell`): shape and word, or shape with a title."""
    key = severity if severity in SEVERITY_WORDS else "cannot_tell"
    label = SEVERITY_WORDS[key]
    shape = html.Span(className="sev-icon", **aria(hidden="true"))
    if words:
        return html.Span([shape, html.Span(label)], className=f"sev sev-{key}")
    return html.Span([shape, html.Span(label, className="only-read")], className=f"sev sev-{key}", title=label)


def tag(text: str, *, title: str = "", kind: str = "") -> html.Span:
    """A small outlined word: a grade, a diagnosis, a mark such as `default`. `kind`: '', `accent`, `warn`."""
    return html.Span(text, className=f"tag {f'tag-{kind}' if kind else ''}".strip(), title=title or None)


def mark_tag(mark: str) -> html.Span:
    """How well a number is known. Only `seen` and `computed` numbers stand without a warning."""
    known = {
        "seen": ("source read", "Read in the source named beside it.", ""),
        "contract": ("specified", "Laid down in the specification.", ""),
        "computed": ("computed", "Follows by arithmetic from definitions.", ""),
        "seed": ("educational page", "From an educational page, not a guideline.", "warn"),
        "memory": ("verify", "Known, but not seen in a source: verify before relying on it.", "warn"),
        "default": ("clinic default", "A choice made here; change it for your clinic.", "warn"),
    }
    text, title, kind = known.get(mark, (mark or "unmarked", "", "warn"))
    return tag(text, title=title, kind=kind)

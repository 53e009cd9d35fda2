"""What each antibody of the patient warns of, in one compact place, with how well that is known."""

from typing import Any

from dash import html

from dashboard.components.badges import mark_tag, tag
from dashboard.components.states import section
from dashboard.patient.view import PatientView
from models.vocabulary import antibody_warnings, autoantibodies, source


def antibodies_section(view: PatientView) -> html.Section:
    """A line for each antibody on file; that none is on file, or that one is not known here, is said."""
    codes = [code for code in view.patient.autoantibodies.split(";") if code]
    if not codes:
        text = "No antibody on file: what one would warn of is not known."
        return section("Antibodies", html.P(text, className="quiet"), id="patient-antibodies")
    rows = [html.Li([_line(code), _basis(code)]) for code in codes]
    return section("Antibodies", html.Ul(rows, className="tight antibodies"), note="what they warn of")


def _line(code: str) -> html.Div:
    known = autoantibodies().get(code)
    if known is None:
        return html.Div(
            [html.B(code), ": not in the vocabulary, what it warns of is not known here"], className="quiet"
        )
    warnings = antibody_warnings(code)
    if not warnings:
        return html.Div([html.B(known.label), ": no warning on file for it"])
    words: list[Any] = [html.B(known.label)]
    for one in warnings:
        kind = "warn" if one.mark == "seen" else ""
        words += [" ", tag(one.warns_of, kind=kind, title=one.says)]
    return html.Div(words)


def _basis(code: str) -> Any:
    """What each word means and where it comes from, one click away."""
    warnings = antibody_warnings(code)
    if not warnings:
        return None
    lines = []
    for one in warnings:
        row = source(one.source) if one.source else None
        lines.append(
            html.Li(
                [html.B(one.warns_of), f": {one.says} ", mark_tag(one.mark), f" {row.title}" if row is not None else ""]
            )
        )
    return html.Details([html.Summary("What and from where"), html.Ul(lines, className="tight")], className="why-more")

"""The card of what changed since the last visit."""

from dash import html

from dashboard.components.accessible import aria
from dashboard.components.dates import day_and_ago
from dashboard.patient.since_last_visit import Change, changes, compared_with
from dashboard.patient.view import PatientView


def since_card(view: PatientView) -> html.Section:
    """What changed since the last visit; each field opens nothing: the numbers behind it stand in the chart below."""
    day = compared_with(view)
    if day is None:
        head = "No visit on file"
        note = "A visit is a day with a strength score or a physician global."
    else:
        head = "Since last visit"
        note = day_and_ago(day, view.as_of)
    return html.Section(
        [
            html.Div([html.H2(head), html.Span(note, className="quiet")], className="since-head"),
            html.Dl([_change(change) for change in changes(view)]),
        ],
        className="since",
        **aria(label=head),
    )


def _change(change: Change) -> html.Div:
    words = {"worse": "worse", "missing": "missing or old"}.get(change.tone, "")
    return html.Div(
        [
            html.Dt(change.label),
            html.Dd(
                [
                    html.Span([change.text, html.Span(f" ({words})", className="only-read") if words else None]),
                    html.Small(change.detail) if change.detail else None,
                ]
            ),
        ],
        className=f"change {change.tone}".strip(),
    )

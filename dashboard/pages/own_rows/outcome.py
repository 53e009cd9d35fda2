"""What a change would do: the examples it would answer otherwise, and how many would be asked."""

from typing import Any

from dash import html

from dashboard.components.formats import counted
from dashboard.components.reasons import rule_title
from dashboard.components.states import notice
from jobs.own_rows import (
    Outcome,
)

DIFFERING_SHOWN = 10


def outcome_shown(outcome: Outcome) -> Any:
    """What a change would do, and the examples it would answer otherwise."""
    shown = outcome.differ[:DIFFERING_SHOWN]
    more = len(outcome.differ) - len(shown)
    first, *rest = outcome.sentences()
    return html.Div(
        [
            notice([html.B(first), html.Br(), " ".join(rest)], kind="warn" if outcome.differ else "info"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.B(f"{rule_title(one['rule'])}: {one['example']}. "),
                            f"Now {one['now']} Then {one['then']}",
                        ]
                    )
                    for one in shown
                ]
            )
            if shown
            else None,
            html.P(f"And {counted(more, 'example')} more.", className="quiet") if more > 0 else None,
        ]
    )

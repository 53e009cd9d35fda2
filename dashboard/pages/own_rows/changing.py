"""To try a change of a clinic's own rows, to show what it would do, and to keep what was tried."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dash import html
from sqlmodel import Session

from dashboard.components.dates import short_day
from dashboard.components.formats import counted
from dashboard.components.reasons import rule_title
from dashboard.components.states import notice
from dashboard.pages.own_rows.words import ALTER, END, RETURN, name_of_row
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.own_rows import (
    Change,
    Outcome,
    adding,
    begin_trial,
    ending,
    keep,
    may_decide,
    own_rows,
    returning,
    trial_of,
)
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.own_vocabulary import words_of


def wanted(
    here: Current, session: Session, what: Mapping[str, str], said: Mapping[str, str], begins: str | None
) -> Change:
    """The change a form asks for.

    Raises:
        ActionRefused: what it says is missing, unknown, taken, or does not fit.
    """
    today = present_day(session, here.now, here.settings.timezone)
    day = dt.date.fromisoformat(begins) if begins else today
    when: dict[str, Any] = {"valid_from": day, "today": today, "now": here.now}
    if what["act"] == END:
        return ending(session, what["kind"], what["row"], **when)
    if what["act"] == RETURN:
        return returning(session, int(what["row"]), **when)
    change = adding(session, what["kind"], said, **when)
    if what["act"] == ALTER and change.key != what["row"]:
        raise ActionRefused("That is another row: who asks for what, of whom and from which day stays. Add it instead.")
    return change


def begin(here: Current, what: Mapping[str, str], said: Mapping[str, str], begins: str | None, reason: str) -> int:
    """Begin to try the change of a form; returns the trial's number.

    Raises:
        ActionRefused: as on saving.
    """
    with reading(here.engine) as session:
        change = wanted(here, session, what, said, begins)
        may_decide(session, here.user.name, reason)
        today = present_day(session, here.now, here.settings.timezone)
    return begin_trial(
        here.engine, change, by=here.user.name, today=today, now=here.now, timezone=here.settings.timezone
    )


def save_change(
    here: Current,
    what: Mapping[str, str],
    said: Mapping[str, str],
    begins: str | None,
    reason: str,
    number: int | None,
) -> str:
    """Keep what was tried, and look at everybody again where it holds from today; returns what was done, in words.

    Raises:
        ActionRefused: it was not checked, the form has changed since, or it is refused.
    """
    if number is None:
        raise ActionRefused("Check it first: what it does to the examples and to whom it asks.")
    tried, outcome = trial_of(here.engine, number, here.now)
    if outcome is None:
        raise ActionRefused("The check is still running.")
    with writing(here.engine) as session:
        change = wanted(here, session, what, said, begins)
        if change.document() != tried.document():
            raise ActionRefused("The form has changed since it was checked. Check again.")
        today = present_day(session, here.now, here.settings.timezone)
        cells = next((one.newest.cells for one in own_rows(session, today) if one.key == change.key), change.cells)
        keep(session, change, reason=reason, by=here.user.name, now=here.now)
    if change.valid_from <= today:
        evaluate(here.engine, today, timezone=here.settings.timezone, collect=False, now=here.now)
    verb = "ends" if change.ended else "holds"
    with words_of(here.engine, today):
        name = name_of_row(change.kind, change.key, change.cells or cells)
    return f"{name} {verb} from {short_day(change.valid_from, today)} on."


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

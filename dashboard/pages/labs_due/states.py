"""The states in which a required test can be, and how many patients a view of them is about."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from models.labs_due import (
    Wanted,
    patients_by_state,
    patients_to_take,
)

STATES = {
    "overdue": ("Overdue", "Past due and past the days of grace."),
    "never_measured": ("Never measured", "No result on file since the treatment began."),
    "grace": ("In grace", "Past due, within the days of grace."),
    "due": ("Due today", ""),
    "not_due": ("Not due", ""),
    "not_possible": ("Not possible", "Recorded as not possible, with a reason."),
    "paused": ("Paused", "Left out for a while, with a reason and an end."),
    "cannot_tell": ("Cannot tell", "The laboratory's results stopped coming in: nobody knows whether it was taken."),
}
SOON_DAYS = 14

Row = dict[str, Any]


def patients_concerned(session: Session, asked: Wanted, query: Mapping[str, str], view: str, today: dt.date) -> int:
    """How many patients the view is about."""
    if view == "print":
        return patients_to_take(session, asked, last_day_of(query, today))
    if view == "soon":
        return patients_to_take(session, asked, today + dt.timedelta(days=SOON_DAYS))
    state = query.get("state", "")
    if view == "test" or state == "all":
        return patients_by_state(session, asked)[""]
    return patients_by_state(session, asked)[state] if state in STATES else patients_to_take(session, asked, today)


def last_day_of(query: Mapping[str, str], today: dt.date) -> dt.date:
    """The last day of the list that the address asks for."""
    return today + dt.timedelta(days=int(query["days"]) if query.get("days") in ("7", "14") else 0)

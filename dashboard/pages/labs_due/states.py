"""What the parts of labs due share: names of components, tests by short name, the states a test can be in."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from dashboard.secure import READERS, Page
from models.labs_due import (
    Wanted,
    patients_by_state,
    patients_to_take,
)
from models.vocabulary import tests

PAGE = Page("/labs", "Labs due", READERS, nav=30)

CONTENT = "labs-content"
FILTERS = {"q": "labs-search", "test": "labs-test", "site": "labs-site", "who": "labs-clinician"}
NAMES = "labs-names"
SAID = "labs-said"
CHANGED = "labs-changed"
MODAL = "labs-modal"
FORM = "labs-form"
FORM_PATIENT, FORM_KIND, FORM_TESTS = "labs-form-patient", "labs-form-kind", "labs-form-tests"
FORM_REASON, FORM_UNTIL, FORM_SAVE = "labs-form-reason", "labs-form-until", "labs-form-save"
EXCUSE, UNDO = "labs-excuse", "labs-undo"


def test_label(test: str) -> str:
    """The short name of a test, or its key where the table does not know it."""
    known = tests().get(test)
    return short_label(known.label) if known else test


def short_label(label: str) -> str:
    """`Blood count` of `Blood count (haemoglobin, ...)`."""
    return label.split(" (")[0]


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

"""To change a rule's threshold or status, for the clinic or for one patient."""

import datetime as dt
from dataclasses import Field
from typing import Any

from sqlmodel import Session

from dashboard.components.dates import short_day
from dashboard.pages.rule.names import STATUS
from dashboard.pages.rule.words import value_words
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.rule import Rule
from jobs.thresholds import set_parameter, set_status
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import writing
from models.errors import ActionRefused
from models.labs_due import patient_of
from models.rule_activity import (
    history,
)


def change(
    here: Current,
    shown: Rule,
    what: str,
    value: Any,
    begins: str | None,
    mrn: str,
    until: str | None,
    reason: str,
) -> str:
    """Set a threshold or the status (`what` is STATUS) from a day on; None goes back to what holds without it.

    What has come into force is evaluated at once. Returns what was done, in words.

    Raises:
        ActionRefused: no reason, a value out of range, a patient's own without an end, a day in the past.
    """
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        day = dt.date.fromisoformat(begins) if begins else today
        if day < today:
            # A replay of last month has to find last month's thresholds.
            raise ActionRefused("A change begins today at the earliest: what was concluded before stands as it was.")
        if what == STATUS:
            set_status(
                session, shown.key, str(value), reason=reason, author=here.user.name, valid_from=day, now=here.now
            )
            patient_id, said = None, f"{shown.title}: {value} from {short_day(day, today)} on."
        else:
            patient = patient_of(session, mrn) if mrn else None
            patient_id = patient.id if patient else None
            end = dt.date.fromisoformat(until) if patient and until else None
            if patient and value is None and end is None:
                end = _end_of_own(session, shown.key, what, mrn, day)
            set_parameter(
                session,
                shown.key,
                what,
                value,
                reason=reason,
                author=here.user.name,
                valid_from=day,
                now=here.now,
                patient_id=patient_id,
                expires_on=end,
            )
            whom = f"for {patient.name} {mrn}" if patient else "for the clinic"
            shown_value = "back to what holds without it" if value is None else f"{value_words(value)}"
            said = f"{what.replace('_', ' ').capitalize()} {whom}: {shown_value}, from {short_day(day, today)} on."
        audit(
            session,
            here.user.name,
            "change rule status" if what == STATUS else "change threshold",
            now=here.now,
            patient_id=patient_id,
            detail=f"{shown.key} {'' if what == STATUS else what}".strip(),
        )
    if day <= today:
        evaluate(
            here.engine,
            today,
            timezone=here.settings.timezone,
            mrns=[mrn] if mrn else None,
            collect=False,
            now=here.now,
        )
    return said


def _end_of_own(session: Session, key: str, parameter: str, mrn: str, day: dt.date) -> dt.date:
    """Until when a patient's own threshold would hold: taking it back has to last as long."""
    ends: list[dt.date] = [
        one["expires_on"]
        for one in history(session, key)
        if one["mrn"] == mrn and one["parameter"] == parameter and one["expires_on"] and one["expires_on"] >= day
    ]
    if not ends:
        raise ActionRefused(f"Patient {mrn} has no threshold of their own here.")
    return max(ends)


def threshold_field(shown: Rule, name: str) -> Field[Any]:
    """The threshold of that name, refused where the rule has none."""
    for field in shown.parameter_fields():
        if field.name == name:
            return field
    raise ActionRefused(f"{shown.title} has no threshold {name!r} in this version.")

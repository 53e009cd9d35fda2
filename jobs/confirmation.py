"""When what a patient really takes was last confirmed with them: a dose is what was prescribed until somebody asked.

A confirmation is an event: of one drug, or of everything that ran on its day. It says something of a statement that had
begun by then, and nothing of a dose begun since. It is no alert: how old it is stands beside the dose.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from models.event import CONFIRMED
from models.patient_facts import Happening, PatientFacts, date_of

DAYS_A_MONTH = 30.44


@dataclass(frozen=True, slots=True)
class Confirmation:
    """When a dose was last confirmed, seen from a day; both None where it never was. Days are day numbers."""

    on: int | None
    fact: int | None
    today: int

    def told(self, after_days: int) -> str:
        """What is said beside the dose where the confirmation is older than `after_days`; empty where it is not."""
        if self.on is None:
            return "never confirmed"
        if self.today - self.on <= after_days:
            return ""
        days = self.today - self.on
        if days < 3 * DAYS_A_MONTH:
            return f"last confirmed {days} {'day' if days == 1 else 'days'} ago"
        return f"last confirmed {int(days / DAYS_A_MONTH)} months ago"

    @property
    def day(self) -> dt.date | None:
        """The day of the confirmation."""
        return None if self.on is None else date_of(self.on)


def confirmations(patient: PatientFacts) -> Sequence[Happening]:
    """All confirmations on file, oldest first."""
    return [one for one in patient.events(CONFIRMED) if one.present]


def confirmed(patient: PatientFacts, drug: str, start: int) -> Confirmation:
    """When the dose of a drug that has been the same since day `start` was last confirmed."""
    fitting = [one for one in confirmations(patient) if one.detail.strip() in {"", drug} and one.day >= start]
    newest = max(fitting, key=lambda one: (one.day, one.id), default=None)
    return Confirmation(newest.day if newest else None, newest.id if newest else None, patient.today)

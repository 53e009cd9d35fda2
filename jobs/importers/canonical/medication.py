"""A medication statement as a row of medications.csv says it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.importers.canonical.cells import LONGEST_NAME, choice, free_text, received, record_number, required
from jobs.importers.canonical.digests import content_of, identity_of_id, natural_identity
from jobs.importers.canonical.event import EventFact
from jobs.importers.canonical.reading import Reading
from jobs.importers.canonical.refusal import Refused
from models import vocabulary
from models.clock import start_of_day
from models.event import CONFIRMED
from models.medication import STATUSES, MedicationStatement
from models.recorded import own_columns


@dataclass(slots=True, eq=False)
class MedicationFact:
    """One checked medication statement; None where not given."""

    mrn: str
    drug: str
    dose: float
    unit: str
    frequency: str
    route: str | None
    start_on: dt.date
    end_on: dt.date | None
    intent: str | None
    status: str | None
    received_at: dt.datetime | None
    source_id: str | None
    confirmed_on: dt.date | None = None
    """Beside the statement, not part of it: it may be confirmed again and again and stays the same statement."""

    def confirmation(self) -> EventFact | None:
        """The event that somebody confirmed the drug with the patient; None where the row says nothing of it."""
        if self.confirmed_on is None:
            return None
        return EventFact(
            mrn=self.mrn,
            event=CONFIRMED,
            occurred_on=self.confirmed_on,
            end_on=None,
            present=True,
            detail=self.drug,
            received_at=None,
            # Several drugs are confirmed on one day: each is an event of its own.
            source_id=f"{CONFIRMED}:{self.mrn}:{self.drug}:{self.confirmed_on.isoformat()}",
            status=None,
        )

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one statement: the sender's id, else all but its end and status."""
        if self.source_id is not None:
            return identity_of_id(sender, self.source_id)
        return natural_identity(
            "medication",
            self.mrn,
            self.drug,
            repr(self.dose),
            self.unit,
            self.frequency,
            self.route or "",
            self.intent or "",
            self.start_on.isoformat(),
        )

    def content(self) -> bytes:
        """Digest of all that was said."""
        return content_of(
            self.mrn,
            self.drug,
            self.dose,
            self.unit,
            self.frequency,
            self.route,
            self.start_on.isoformat(),
            None if self.end_on is None else self.end_on.isoformat(),
            self.intent,
            self.status,
            None if self.received_at is None else self.received_at.isoformat(),
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return start_of_day(self.start_on, timezone)

    def values(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """The columns of its table; what was not said is as the version before has it."""
        said = {column: getattr(self, column) for column in own_columns(MedicationStatement)}
        kept = before or {"end_on": None, "intent": "daily", "status": "active"}
        for column in ("end_on", "intent", "status"):
            if said[column] is None:
                said[column] = kept[column]
        if said["end_on"] is not None and said["end_on"] < self.start_on:
            # It was the end of what was stated before, and cannot be that of what is stated now.
            said["end_on"] = None
        if self.status is None and said["status"] == "entered-in-error":
            # Stated anew without a status, it is a statement again.
            said["status"] = "active"
        if self.route is None:
            said["route"] = before["route"] if before else "oral" if said["intent"] == "daily" else "iv"
        return said


def read_medication(cells: Sequence[str], reading: Reading) -> MedicationFact:
    """A row of medications.csv; cells in the order of COLUMNS, stripped."""
    mrn, drug, dose, unit, frequency, route, start, end, intent, status, received_at, source_id, confirmed = cells
    number = record_number(mrn)
    name = _drug(required("drug", drug, "the drug"), reading)
    amount = reading.number("dose", required("dose", dose, "the dose"))
    if amount <= 0:
        raise Refused("dose", dose, f"a dose of {dose} is no dose; to say that a drug was stopped, give its end_date")
    units = tuple(sorted(vocabulary.DOSE_UNITS))
    known_unit = choice("unit", unit.replace("\u00b2", "2"), units, "unit of a dose")
    how_often = choice("frequency", frequency, vocabulary.frequencies(), "frequency")
    start_on = reading.day("start_date", required("start_date", start, "the first day taken"))
    end_on = reading.day("end_date", end, may_be_ahead=True) if end else None
    if end_on is not None and end_on < start_on:
        raise Refused("end_date", end, f"the last day taken, {end}, lies before the first, {start}")
    return MedicationFact(
        mrn=number,
        drug=name,
        dose=amount,
        unit=known_unit,
        frequency=how_often,
        route=choice("route", route, tuple(sorted(vocabulary.ROUTES)), "route") if route else None,
        start_on=start_on,
        end_on=end_on,
        intent=choice("intent", intent, tuple(sorted(vocabulary.INTENTS)), "intent") if intent else None,
        status=choice("status", status, STATUSES, "status of a medication") if status else None,
        received_at=received(reading, received_at),
        source_id=free_text("source_id", source_id, LONGEST_NAME),
        confirmed_on=_confirmed(confirmed, start, start_on, reading) if confirmed else None,
    )


def _confirmed(text: str, start: str, start_on: dt.date, reading: Reading) -> dt.date:
    day = reading.day("confirmed_on", text)
    if day < start_on:
        raise Refused("confirmed_on", text, f"it was confirmed on {text}, before its first day, {start}")
    return day


def _drug(text: str, reading: Reading) -> str:
    free_text("drug", text, LONGEST_NAME)
    known = vocabulary.drug(text)
    if known is not None:
        return known.key
    name = " ".join(text.lower().split())
    reading.notes[f"drug {name!r} is not in the vocabulary; it was kept, but no rule knows it"] += 1
    return name

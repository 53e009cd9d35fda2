"""A clinical event as a row of events.csv says it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.importers.canonical.cells import LONGEST_NAME, choice, free_text, received, record_number, required
from jobs.importers.canonical.digests import content_of, identity_of_id, natural_identity
from jobs.importers.canonical.reading import Reading
from jobs.importers.canonical.refusal import Refused
from models import vocabulary
from models.clock import start_of_day
from models.event import ClinicalEvent
from models.recorded import own_columns

EVENT_STATUSES = ("final", "entered-in-error")
PRESENT = {"yes": True, "no": False, "y": True, "n": False, "true": True, "false": False, "1": True, "0": False}


@dataclass(slots=True, eq=False)
class EventFact:
    """One checked clinical event; None where not given."""

    mrn: str
    event: str
    occurred_on: dt.date
    end_on: dt.date | None
    present: bool | None
    detail: str | None
    received_at: dt.datetime | None
    source_id: str | None
    status: str | None

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one event: the sender's id, else patient, kind and day."""
        if self.source_id is not None:
            return identity_of_id(sender, self.source_id)
        return natural_identity("event", self.mrn, self.event, self.occurred_on.isoformat())

    def content(self) -> bytes:
        """Digest of all that was said."""
        return content_of(
            self.mrn,
            self.event,
            self.occurred_on.isoformat(),
            None if self.end_on is None else self.end_on.isoformat(),
            self.present,
            self.detail,
            self.status,
            None if self.received_at is None else self.received_at.isoformat(),
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return start_of_day(self.occurred_on, timezone)

    def values(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """The columns of its table; what was not said is as the version before has it."""
        said = {column: getattr(self, column) for column in own_columns(ClinicalEvent)}
        kept = before or {"end_on": None, "present": True, "detail": ""}
        for column in ("end_on", "present", "detail"):
            if said[column] is None:
                said[column] = kept[column]
        if said["end_on"] is not None and said["end_on"] < self.occurred_on:
            said["end_on"] = None
        return said | {"status": self.status or "final"}


def read_event(cells: Sequence[str], reading: Reading) -> EventFact:
    """A row of events.csv; cells in the order of COLUMNS, stripped."""
    mrn, event, date, end, present, detail, received_at, source_id, status = cells
    number = record_number(mrn)
    key = choice("event", event, vocabulary.events(), "event")
    occurred_on = reading.day("date", required("date", date, "the date"))
    end_on = reading.day("end_date", end, may_be_ahead=True) if end else None
    if end_on is not None and end_on < occurred_on:
        raise Refused("end_date", end, f"the end, {end}, lies before the beginning, {date}")
    if present and present.lower() not in PRESENT:
        raise Refused("present", present, f"{present[:80]!r} is neither yes nor no")
    return EventFact(
        mrn=number,
        event=key,
        occurred_on=occurred_on,
        end_on=end_on,
        present=PRESENT[present.lower()] if present else None,
        detail=free_text("detail", detail),
        received_at=received(reading, received_at),
        source_id=free_text("source_id", source_id, LONGEST_NAME),
        status=choice("status", status, EVENT_STATUSES, "status of an event") if status else None,
    )

"""How to say a stored fact again, so that it is recognised as the same fact: to correct it, end it or take it back.

A fact without a sender's id is recognised by what it says. The row sent is not kept, only what it meant, so the ways in
which it may have been sent are tried until one of them has the stored identity.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.importers.canonical import COLUMNS, EventRow, Kind, MedicationRow, ObservationRow, Reading, Refused, reader
from models.errors import ActionRefused
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient_record import Stored

Row = ObservationRow | MedicationRow | EventRow


def restated(fact: Stored, mrn: str, *, timezone: str, now: dt.datetime, **changes: str) -> Row:
    """The fact as a row that the importer recognises as a version of it, with some cells changed.

    Store it with `record_facts(..., sender=fact.sender)`: a source id belongs to its sender.

    Raises:
        ActionRefused: the fact came in a form that cannot be said again here.
    """
    kind, candidates = _candidates(fact, mrn)
    reading = Reading(timezone, now, decimal_comma=True)
    for row in candidates:
        try:
            said = reader(kind)(row.cells(), reading)
        except Refused:
            continue
        if said.identity(fact.sender) == fact.identity:
            return type(row)(**{**dict(zip(COLUMNS[kind], row.cells(), strict=True)), **changes})
    raise ActionRefused("This entry cannot be changed here: it has to be corrected where it came from.")


def _candidates(fact: Stored, mrn: str) -> tuple[Kind, Iterator[Row]]:
    if isinstance(fact, Observation):
        return "observations", _observations(fact, mrn)
    if isinstance(fact, MedicationStatement):
        return "medications", _medications(fact, mrn)
    return "events", _events(fact, mrn)


def _observations(fact: Observation, mrn: str) -> Iterator[ObservationRow]:
    common: dict[str, Any] = {
        "mrn": mrn,
        "measure": fact.measure,
        "observed_at": fact.effective_at.isoformat(),
        "assay": fact.assay or "",
        "assessor": fact.assessor or "",
        "source_id": fact.source_id or "",
    }
    value = "" if fact.value is None else f"{fact.comparator}{fact.value!r}"
    status = fact.status if fact.value is None else ""
    for said, unit in (fact.sent, (value, fact.unit)):
        yield ObservationRow(**common, value=said, unit=unit, status=status)


def _medications(fact: MedicationStatement, mrn: str) -> Iterator[MedicationRow]:
    for route in (fact.route, ""):
        for intent in (fact.intent, ""):
            yield MedicationRow(
                mrn=mrn,
                drug=fact.drug,
                dose=f"{fact.dose!r}",
                unit=fact.unit,
                frequency=fact.frequency,
                route=route,
                intent=intent,
                start_date=fact.start_on.isoformat(),
                end_date=fact.end_on.isoformat() if fact.end_on else "",
                source_id=fact.source_id or "",
            )


def _events(fact: ClinicalEvent, mrn: str) -> Iterator[EventRow]:
    yield EventRow(
        mrn=mrn,
        event=fact.event,
        date=fact.occurred_on.isoformat(),
        end_date=fact.end_on.isoformat() if fact.end_on else "",
        present="yes" if fact.present else "no",
        detail=fact.detail,
        source_id=fact.source_id or "",
    )


def withdrawal(fact: Stored, mrn: str, reason: str, *, timezone: str, now: dt.datetime) -> Row:
    """The row that takes a fact back as entered in error, with the reason where the kind has a place for it."""
    changes: Mapping[str, str] = {"status": "entered-in-error"}
    if isinstance(fact, Observation):
        changes = {**changes, "reason": reason}
    elif isinstance(fact, ClinicalEvent):
        changes = {**changes, "detail": f"{fact.detail} (withdrawn: {reason})".strip()}
    return restated(fact, mrn, timezone=timezone, now=now, **changes)

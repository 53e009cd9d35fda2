"""The four kinds of rows that bring facts in, and what makes one of them readable.

A row arrives as text, one cell per column (`PatientRow`, `ObservationRow`, `MedicationRow`, `EventRow`). `reader(kind)`
gives the function that turns the cells into a checked fact with canonical units, clinic days and vocabulary keys, or
raises `Refused`, which names the column, what was sent, and how to put it right. There is only this one reading: files,
workbooks and the forms on the patient's page get the same messages.

A blank cell is "not given" and becomes None; it never erases what is on file. The fields of a fact are the columns of
its table, and `values` says what a version of it has in each: nothing else knows the list.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jobs.importers.canonical.cells import LONGEST_NAME, LONGEST_TEXT
from jobs.importers.canonical.event import EventFact, read_event
from jobs.importers.canonical.medication import MedicationFact, read_medication
from jobs.importers.canonical.observation import NO_RESULT, PRESENCE_WORDS, ObservationFact, read_observation
from jobs.importers.canonical.patient import PATIENT_STATUSES, SEXES, PatientFact, read_patient
from jobs.importers.canonical.reading import EARLIEST, FUTURE_DAYS, LARGEST, Reading
from jobs.importers.canonical.refusal import Merging, NothingToTake, NotOurs, Refused, Waits
from jobs.importers.canonical.rows import (
    COLUMNS,
    FILE_COLUMNS,
    KINDS,
    REQUIRED,
    ROWS,
    EventRow,
    Kind,
    MedicationRow,
    ObservationRow,
    PatientRow,
)

Fact = ObservationFact | MedicationFact | EventFact

_READERS: dict[Kind, Callable[[Sequence[str], Reading], Any]] = {
    "patients": read_patient,
    "observations": read_observation,
    "medications": read_medication,
    "events": read_event,
}


def reader(kind: Kind) -> Callable[[Sequence[str], Reading], Any]:
    """The function that reads the cells of a kind of row; it raises `Refused`."""
    return _READERS[kind]


__all__ = [
    "COLUMNS",
    "EARLIEST",
    "FILE_COLUMNS",
    "FUTURE_DAYS",
    "KINDS",
    "LARGEST",
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "NO_RESULT",
    "PATIENT_STATUSES",
    "PRESENCE_WORDS",
    "REQUIRED",
    "ROWS",
    "SEXES",
    "EventFact",
    "EventRow",
    "Fact",
    "Kind",
    "MedicationFact",
    "MedicationRow",
    "Merging",
    "NotOurs",
    "NothingToTake",
    "ObservationFact",
    "ObservationRow",
    "PatientFact",
    "PatientRow",
    "Reading",
    "Refused",
    "Waits",
    "reader",
]

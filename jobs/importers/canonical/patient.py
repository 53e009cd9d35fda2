"""A patient as a row of patients.csv says it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.importers.canonical.cells import LONGEST_NAME, choice, free_text, record_number
from jobs.importers.canonical.reading import FUTURE_DAYS, Reading
from jobs.importers.canonical.refusal import Refused
from models import vocabulary

PATIENT_STATUSES = ("active", "discharged", "deceased", "moved")
SEXES = ("female", "male", "other", "unknown")


@dataclass(slots=True, eq=False)
class PatientFact:
    """What a row says about a patient; only what was given."""

    mrn: str
    given: dict[str, Any]


def read_patient(cells: Sequence[str], reading: Reading) -> PatientFact:
    """A row of patients.csv; cells in the order of COLUMNS, stripped."""
    mrn, family, given, birth, sex, diagnosis, diagnosed, antibodies, site, clinician, status = cells
    said: dict[str, Any] = {}
    number = record_number(mrn)
    for column, text in (("family_name", family), ("given_name", given), ("site", site), ("clinician", clinician)):
        if text:
            said[column] = free_text(column, text, LONGEST_NAME)
    if birth:
        said["birth_date"] = reading.day("birth_date", birth)
        if said["birth_date"] > reading.last_day - dt.timedelta(days=FUTURE_DAYS):
            raise Refused("birth_date", birth, f"{birth!r} lies in the future")
    if sex:
        said["sex"] = choice("sex", sex, SEXES, "sex")
    if diagnosis:
        said["diagnosis"] = choice("diagnosis", diagnosis, vocabulary.diagnoses(), "diagnosis")
    if diagnosed:
        said["diagnosed_on"] = reading.day("diagnosed_on", diagnosed)
        if "birth_date" in said and said["diagnosed_on"] < said["birth_date"]:
            raise Refused("diagnosed_on", diagnosed, f"{diagnosed!r} lies before the birth date {birth}")
    if antibodies:
        said["autoantibodies"] = _autoantibodies(antibodies, reading)
    if status:
        said["status"] = choice("status", status, PATIENT_STATUSES, "status of a patient")
    return PatientFact(number, said)


def _autoantibodies(text: str, reading: Reading) -> str:
    codes = set()
    for name in filter(None, (part.strip() for part in text.split(";"))):
        free_text("autoantibodies", name, LONGEST_NAME)
        known = vocabulary.autoantibodies().get(name.upper()) or vocabulary.autoantibody(name)
        if known is None:
            reading.notes[f"autoantibody {name!r} is not in the vocabulary; it was kept as sent"] += 1
        codes.add(known.code if known else name.upper())
    return ";".join(sorted(codes))

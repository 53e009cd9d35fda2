"""Examinations that a schedule asks for: when was each last done, by whatever counts as having done it.

Shared by rules that ask once for a whole list of examinations, so that a patient has one alert and not ten.
"""

from typing import NamedTuple

from models.patient_facts import PatientFacts


class Examination(NamedTuple):
    """Something to be done; any of its measures or events says that it was."""

    key: str
    label: str
    measures: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class Done(NamedTuple):
    """The newest time it was done, and the fact that says so."""

    day: int
    fact: str


def last_done(patient: PatientFacts, examination: Examination) -> Done | None:
    """When it was last done; None where nothing on file says so. A value held back as doubtful was measured, too."""
    found = [
        Done(reading.day, reading.fact)
        for measure in examination.measures
        if (reading := patient.last_measured(measure)) is not None
    ]
    found += [
        Done(min(event.last_day, patient.today), event.fact)
        for event in patient.events(*examination.events)
        if event.present
    ]
    return max(found, default=None, key=lambda one: one.day)


def recorded_as_not_possible(patient: PatientFacts, examination: Examination) -> int | None:
    """The newest day on which somebody recorded that it could not be done; None where nobody did."""
    return max((one.day for one in patient.not_done if one.measure in examination.measures), default=None)

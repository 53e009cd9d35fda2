"""Conditions and procedures as diagnoses and events."""

from collections.abc import Iterable
from typing import Any

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import OUR_DIAGNOSES, OUR_EVENTS, SNOMED
from jobs.importers.fhir_r4.elements import Body, code_of, codings_of, dict_of, dicts_of, name_of, names_of, text_of
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.identity import source_id_of
from jobs.importers.fhir_r4.index import Index
from jobs.importers.fhir_r4.paths import PATHS
from jobs.importers.fhir_r4.rows import Read
from jobs.importers.fhir_r4.times import day_of, last_day_of
from models import vocabulary


def myositis_of(resource: Body) -> vocabulary.Diagnosis | None:
    """The myositis subtype a condition names, by code."""
    for one in codings_of(resource.get("code")):
        system, code = text_of(one.get("system")), text_of(one.get("code"))
        if system == OUR_DIAGNOSES:
            known = vocabulary.diagnoses().get(code)
        else:
            # ICD-10 of other countries shares the first digits and means the same there; only whole codes match.
            name = "snomed" if system == SNOMED else "icd10cm" if "icd-10" in system else ""
            known = vocabulary.diagnosis_for_code(name, code)
        if known is not None:
            return known
    return None


def _onset(resource: Body) -> str:
    period = dict_of(resource.get("onsetPeriod"))
    return (
        text_of(resource.get("onsetDateTime")) or text_of(period.get("start")) or text_of(resource.get("recordedDate"))
    )


def read_condition(entry: Entry, index: Index) -> Iterable[Read]:
    """The row of a Condition: a diagnosis of ours, or an event.

    Raises:
        Refused: it is not verified, or nothing of the vocabulary.
    """
    resource = entry.resource
    verified = code_of(resource.get("verificationStatus"))
    diagnosis = myositis_of(resource)
    mrn = index.mrn(resource, entry.sender, "subject")
    if verified in {"unconfirmed", "provisional", "differential"}:
        raise Refused("status", verified, f"a {verified} condition is not on file yet")
    onset = _onset(resource)
    if diagnosis is not None:
        if verified in {"refuted", "entered-in-error"}:
            raise Refused("status", verified, f"a {verified} diagnosis is not taken back here; send the one that holds")
        day = day_of(onset, index.timezone)
        cells = {"mrn": mrn, "diagnosis": diagnosis.code, "diagnosed_on": day if len(day) == 10 else ""}
        return [(cells, PATHS["Condition"])]
    event = event_of(resource.get("code"))
    period = dict_of(resource.get("abatementPeriod"))
    ended = text_of(resource.get("abatementDateTime")) or text_of(period.get("end"))
    cells = {
        "mrn": mrn,
        "event": event.key,
        "date": day_of(onset, index.timezone),
        "end_date": day_of(ended, index.timezone),
        "present": "no" if verified == "refuted" else "yes",
        "detail": _detail(resource),
        "received_at": text_of(dict_of(resource.get("meta")).get("lastUpdated"))
        or text_of(resource.get("recordedDate")),
        "source_id": source_id_of(entry),
        "status": "entered-in-error" if verified == "entered-in-error" else "final",
    }
    return [(cells, PATHS["Condition"])]


def read_procedure(entry: Entry, index: Index) -> Iterable[Read]:
    """The row of a Procedure.

    Raises:
        Refused: it was not done, or is nothing of the vocabulary.
    """
    resource = entry.resource
    status = text_of(resource.get("status"))
    if status not in {"completed", "in-progress", "not-done", "entered-in-error", "stopped"}:
        raise Refused("status", status, f"a procedure that is {status or 'without status'} has not been done")
    mrn = index.mrn(resource, entry.sender, "subject")
    event = event_of(resource.get("code"))
    period = dict_of(resource.get("performedPeriod"))
    cells = {
        "mrn": mrn,
        "event": event.key,
        "date": day_of(text_of(resource.get("performedDateTime")) or text_of(period.get("start")), index.timezone),
        "end_date": last_day_of(text_of(period.get("end")), index.timezone),
        "present": "no" if status == "not-done" else "yes",
        "detail": _detail(resource),
        "received_at": text_of(dict_of(resource.get("meta")).get("lastUpdated")),
        "source_id": source_id_of(entry),
        "status": "entered-in-error" if status == "entered-in-error" else "final",
    }
    return [(cells, PATHS["Procedure"])]


def _detail(resource: Body) -> str:
    notes = (text_of(note.get("text")) for note in dicts_of(resource.get("note")))
    return " ".join(filter(None, notes))


def event_of(concept: Any) -> vocabulary.EventKind:
    """The event a code or its words name.

    Raises:
        Refused: none of the vocabulary.
    """
    for one in codings_of(concept):
        system, code = text_of(one.get("system")), text_of(one.get("code"))
        for event in vocabulary.events().values():
            if (system == SNOMED and event.snomed and code == event.snomed) or (
                system in {OUR_EVENTS, ""} and code == event.key
            ):
                return event
    said = {vocabulary.name_key(name) for name in names_of(concept)}
    for event in vocabulary.events().values():
        if said & {vocabulary.name_key(event.key), vocabulary.name_key(event.label)}:
            return event
    codes = ", ".join(
        " ".join(filter(None, (text_of(one.get("code")), text_of(one.get("display"))))) for one in codings_of(concept)
    )
    named = codes or name_of(concept)
    raise Refused("event", named, f"no event is known for {named!r}" if named else "it has no code")

"""Medication statements, requests and administrations as rows of medications."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from jobs.importers.canonical import Refused
from jobs.importers.drug_meant import drug_read
from jobs.importers.fhir_r4.course import Span, spans_of, whole_of
from jobs.importers.fhir_r4.dosage import amount_of, dose_of, multiplied, route_of, with_route
from jobs.importers.fhir_r4.drug import drug_of
from jobs.importers.fhir_r4.elements import Body, dict_of, dicts_of, list_of, name_of, text_of
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.identity import source_id_of
from jobs.importers.fhir_r4.index import Index
from jobs.importers.fhir_r4.paths import PATHS
from jobs.importers.fhir_r4.rows import Cells, Read
from jobs.importers.fhir_r4.times import day_of, last_day_of
from jobs.importers.fhir_r4.timing import Rhythm, rhythm_of

_TAKEN = {
    "MedicationStatement": {
        "active": "active", "completed": "stopped", "stopped": "stopped", "entered-in-error": "entered-in-error",
    },
    "MedicationRequest": {
        "active": "active", "completed": "stopped", "stopped": "stopped", "entered-in-error": "entered-in-error",
        # Withdrawn before any of it was given.
        "cancelled": "entered-in-error",
    },
    "MedicationAdministration": {
        "in-progress": "active", "completed": "active", "stopped": "stopped", "entered-in-error": "entered-in-error",
    },
}  # fmt: skip
_PROPOSED = frozenset({"proposal", "plan", "option"})


def read_medication(entry: Entry, index: Index) -> Iterable[Read]:
    """The rows of a medication resource, one for each of its dosages; each is taken over or refused alone.

    Raises:
        Refused: it does not say what was taken. Waits: patient or drug need a decision.
    """
    resource, kind = entry.resource, entry.type
    status = text_of(resource.get("status"))
    known = _TAKEN[kind].get(status)
    if known is None:
        raise Refused("status", status, f"a {kind} that is {status or 'without status'} does not say what was taken")
    if text_of(resource.get("intent")) in _PROPOSED:
        raise Refused("status", text_of(resource["intent"]), f"a {resource['intent']} is not taken yet")
    if resource.get("doNotPerform") is True:
        raise Refused("status", "doNotPerform", "it says that the drug is not to be given")
    mrn = index.mrn(resource, entry.sender, "subject")
    concept, medication = drug_resource(resource, index, entry.sender)
    name, home = drug_read(index.speaker(entry.sender), lambda: drug_of(concept))
    meta = dict_of(resource.get("meta"))
    updated = text_of(meta.get("lastUpdated"))
    common = {
        "mrn": mrn,
        "drug": name,
        "status": known,
        "received_at": updated or text_of(resource.get("dateAsserted")) or text_of(resource.get("authoredOn")),
    }
    paths = PATHS[kind]
    identifier = source_id_of(entry)
    if kind == "MedicationAdministration":
        dosage = dict_of(resource.get("dosage"))
        period = dict_of(resource.get("effectivePeriod"))
        start = text_of(resource.get("effectiveDateTime")) or text_of(period.get("start"))
        dose, unit = amount_of(dose_of(dosage, kind), concept, medication)
        cells = common | {"dose": dose, "unit": unit, "frequency": "once", "source_id": identifier}
        cells["start_date"] = day_of(start, index.timezone)
        cells["end_date"] = last_day_of(text_of(period.get("end")), index.timezone)
        yield with_route(cells, route_of(dosage.get("route"), home)), paths
        return
    dosages = dosages_of(resource)
    written = day_of(updated, index.timezone)
    whole = whole_of(resource, index.timezone, stopped_on=written if status == "stopped" else "")
    spans = spans_of(dosages, whole, _rhythm_or_none, index.timezone)
    for place, (dosage, span) in enumerate(zip(dosages, spans, strict=True)):
        try:
            if isinstance(span, Refused):
                raise span
            cells = common | _doses(dosage, concept, medication, kind)
            cells |= _when(span, known, written)
            cells["source_id"] = f"{identifier}#{place + 1}" if identifier and place else identifier
            yield with_route(cells, route_of(dosage.get("route"), home)), _paths_of(kind, place, len(dosages))
        except Refused as refused:
            yield refused, _paths_of(kind, place, len(dosages))


def dosages_of(resource: Body) -> list[Body]:
    """The dosages of a statement or order; an empty one where it has none."""
    name = "dosage" if resource.get("resourceType") == "MedicationStatement" else "dosageInstruction"
    return [one for dosage in dicts_of(resource.get(name)) for one in _each_event(dosage)] or [{}]


def _each_event(dosage: Body) -> list[Body]:
    """A dosage given on several days that are listed one by one is that many single doses."""
    timing = dict_of(dosage.get("timing"))
    events = [one for one in list_of(timing.get("event")) if text_of(one)]
    if len(events) < 2 or timing.get("repeat") is not None:
        return [dosage]
    return [{**dosage, "timing": {"event": [one]}} for one in events]


def _doses(dosage: Body, concept: Body, medication: Body, kind: str) -> Cells:
    """Dose, unit and frequency of a dosage."""
    if dosage.get("asNeededBoolean") is True or dosage.get("asNeededCodeableConcept") is not None:
        raise Refused("frequency", "as needed", "taken as needed: no dose per day follows from it")
    dose, unit = amount_of(dose_of(dosage, kind), concept, medication)
    rhythm = rhythm_of(dict_of(dosage.get("timing")))
    return {"dose": multiplied(dose, rhythm.factor), "unit": unit, "frequency": rhythm.frequency}


def _when(span: Span, status: str, written: str) -> Cells:
    """First and last day and the status of a dosage."""
    if span.withdrawn:
        # Stopped before its first day: none of it was taken.
        return {"start_date": span.start, "end_date": "", "status": "entered-in-error"}
    end = span.end
    if status == "stopped" and not end:
        # It was stopped, at the latest, when that was written down.
        end = written
    return {"start_date": span.start, "end_date": end if not span.start or not end or end >= span.start else span.start}


def _rhythm_or_none(dosage: Body) -> Rhythm | None:
    """How often, where that can be told: why not is said when the dosage itself is read."""
    try:
        return rhythm_of(dict_of(dosage.get("timing")))
    except Refused:
        return None


def _paths_of(kind: str, place: int, many: int) -> Mapping[str, str]:
    """Where the columns of a dosage stood; of several with its number."""
    paths = PATHS[kind]
    if many == 1:
        return paths
    name = "dosage" if kind == "MedicationStatement" else "dosageInstruction"
    return {
        column: path.replace(f".{name}.", f".{name}[{place}].", 1) if f".{name}." in path else path
        for column, path in paths.items()
    }


def drug_resource(resource: Body, index: Index | None, sender: str = "") -> tuple[Body, Body]:
    """What drug it is: a concept, and the Medication it comes from, contained or referred to ({} without one).

    Raises:
        Refused: it names none, or one that is not there.
    """
    concept = dict_of(resource.get("medicationCodeableConcept"))
    if concept:
        return concept, {}
    said = dict_of(resource.get("medicationReference"))
    target, shown = text_of(said.get("reference")), text_of(said.get("display"))
    medication = next(_found(resource, target, index, sender), {})
    named = _named(medication)
    if named or shown:
        return named or {"text": shown}, medication
    raise Refused("drug", target, f"the medication {target} is not in this import" if target else "no drug is named")


def _found(resource: Body, target: str, index: Index | None, sender: str) -> Iterator[Body]:
    if target.startswith("#"):
        yield from (one for one in dicts_of(resource.get("contained")) if text_of(one.get("id")) == target[1:])
    elif target and index is not None:
        yield from (index.drugs[key] for key in index.keys(target, sender) if key in index.drugs)


def _named(medication: Body) -> Body:
    """The concept of a Medication: its code, else its only active ingredient."""
    code = dict_of(medication.get("code"))
    if code:
        return code
    active = [one for one in dicts_of(medication.get("ingredient")) if one.get("isActive") is not False]
    concepts = [dict_of(one.get("itemCodeableConcept")) for one in active]
    return concepts[0] if len(concepts) == 1 else {}


def read_dispense(entry: Entry, _index: Index) -> Iterable[Read]:
    """A MedicationDispense: kept and counted, and never a dose.

    Raises:
        Refused: always.
    """
    drug = name_of(entry.resource.get("medicationCodeableConcept"))
    raise Refused(
        "drug",
        drug,
        "a dispense says what was handed over, not what is taken; send the MedicationRequest or MedicationStatement",
    )


class Draft(NamedTuple):
    """One dosage of a drafted order: the drug, and how often it would be taken ('' where that is not said)."""

    drug: str
    frequency: str


def drafts_of(resource: Body) -> list[Draft]:
    """The dosages of a drafted MedicationRequest.

    Raises:
        Refused: no drug is named.
    """
    concept, _ = drug_resource(resource, None)
    name, _ = drug_of(concept)
    rhythms = [_rhythm_or_none(dosage) for dosage in dosages_of(resource)]
    return [Draft(name, rhythm.frequency if rhythm else "") for rhythm in rhythms]

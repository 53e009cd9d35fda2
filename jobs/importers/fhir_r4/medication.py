"""Medication statements, requests and administrations as rows of medications."""

from collections.abc import Iterable, Mapping

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.condition import source_id_of
from jobs.importers.fhir_r4.dosage import dose_of, frequency_of, route_of, span_of, with_route
from jobs.importers.fhir_r4.drug import drug_of
from jobs.importers.fhir_r4.elements import Body, dict_of, dicts_of, text_of
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.index import Index
from jobs.importers.fhir_r4.paths import PATHS
from jobs.importers.fhir_r4.rows import Cells
from jobs.importers.fhir_r4.times import day_of, last_day_of

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


def read_medication(entry: Entry, index: Index) -> Iterable[tuple[Cells, Mapping[str, str]]]:
    """The rows of a medication resource, one for each of its dosages.

    Raises:
        Refused: it does not say what was taken, or not how much.
    """
    resource, kind = entry.resource, entry.type
    status = text_of(resource.get("status"))
    known = _TAKEN[kind].get(status)
    if known is None:
        raise Refused("status", status, f"a {kind} that is {status or 'without status'} does not say what was taken")
    if text_of(resource.get("intent")) in _PROPOSED:
        raise Refused("status", text_of(resource["intent"]), f"a {resource['intent']} is not taken yet")
    mrn = index.mrn(resource, entry.sender, "subject")
    name, home = drug_of(_concept(entry, index))
    meta = dict_of(resource.get("meta"))
    common = {
        "mrn": mrn,
        "drug": name,
        "status": known,
        "received_at": text_of(meta.get("lastUpdated"))
        or text_of(resource.get("dateAsserted"))
        or text_of(resource.get("authoredOn")),
    }
    paths = PATHS[kind]
    if kind == "MedicationAdministration":
        dosage = dict_of(resource.get("dosage"))
        period = dict_of(resource.get("effectivePeriod"))
        start = text_of(resource.get("effectiveDateTime")) or text_of(period.get("start"))
        dose, unit = dose_of(dict_of(dosage.get("dose")))
        cells = common | {"dose": dose, "unit": unit, "frequency": "once", "source_id": source_id_of(resource)}
        cells["start_date"] = day_of(start, index.timezone)
        cells["end_date"] = last_day_of(text_of(period.get("end")), index.timezone)
        yield with_route(cells, route_of(dosage.get("route"), home)), paths
        return
    dosages = dicts_of(resource.get("dosage" if kind == "MedicationStatement" else "dosageInstruction")) or [{}]
    for place, dosage in enumerate(dosages):
        if dosage.get("asNeededBoolean") is True or dosage.get("asNeededCodeableConcept") is not None:
            raise Refused("frequency", "as needed", "taken as needed: no dose per day follows from it")
        rates = dicts_of(dosage.get("doseAndRate"))
        if any("doseRange" in rate for rate in rates):
            raise Refused("dose", "range", "the dose is a range; the dose taken is needed")
        dose, unit = dose_of(dict_of(next((rate["doseQuantity"] for rate in rates if "doseQuantity" in rate), {})))
        start, end = span_of(resource, dosage, index.timezone)
        if known == "stopped" and not end:
            # It was stopped, at the latest, when that was written down.
            end = day_of(text_of(meta.get("lastUpdated")), index.timezone)
        identifier = source_id_of(resource)
        cells = common | {
            "dose": dose,
            "unit": unit,
            "frequency": frequency_of(dict_of(dosage.get("timing"))),
            "start_date": start,
            "end_date": end if not start or not end or end >= start else start,
            "source_id": f"{identifier}#{place + 1}" if identifier and place else identifier,
        }
        yield with_route(cells, route_of(dosage.get("route"), home)), paths


def _concept(entry: Entry, index: Index) -> Body:
    """What drug it is: a concept, or a Medication referred to."""
    resource = entry.resource
    concept = dict_of(resource.get("medicationCodeableConcept"))
    if concept:
        return concept
    said = dict_of(resource.get("medicationReference"))
    target = text_of(said.get("reference"))
    if target.startswith("#"):
        for one in dicts_of(resource.get("contained")):
            if text_of(one.get("id")) == target[1:]:
                return dict_of(one.get("code"))
    for key in index.keys(target, entry.sender) if target else ():
        if key in index.drugs:
            return index.drugs[key]
    shown = text_of(said.get("display"))
    if not shown:
        raise Refused(
            "drug", target, f"the medication {target} is not in this import" if target else "no drug is named"
        )
    return {"text": shown}

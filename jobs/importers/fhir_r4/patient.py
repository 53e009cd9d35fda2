"""A Patient resource as a row of patients."""

from collections.abc import Iterable

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import OUR_DIAGNOSES, OUR_RECORD_NUMBERS
from jobs.importers.fhir_r4.elements import code_of, dict_of, dicts_of, first_of, list_of, text_of
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.index import Index, person_of
from jobs.importers.fhir_r4.paths import PATHS
from jobs.importers.fhir_r4.rows import Read
from jobs.importers.identity import registered

_GENDERS = {"female": "female", "male": "male", "other": "other", "unknown": "unknown"}


def read_patient(entry: Entry, index: Index) -> Iterable[Read]:
    """The row of a Patient.

    Raises:
        Refused: nobody's record number, or a record that another one replaced. Waits: as `registered`.
    """
    resource = entry.resource
    person = person_of(resource)
    if person is None:
        raise Refused("mrn", "", "the patient has neither an identifier nor an id")
    mrn = registered(index.speaker(entry.sender), person.identifiers, person.claim)
    links = dicts_of(resource.get("link"))
    if any(link.get("type") == "replaced-by" for link in links):
        raise Refused("status", mrn, "this record was replaced by another one; send the one that holds")
    name = next((one for one in dicts_of(resource.get("name")) if one.get("use") == "official"), None)
    human = name or first_of(resource.get("name"))
    born, gender = text_of(resource.get("birthDate")), text_of(resource.get("gender"))
    dead = resource.get("deceasedBoolean") is True or bool(text_of(resource.get("deceasedDateTime")))
    status = "deceased" if dead else {True: "active", False: "discharged"}.get(resource.get("active"), "")  # type: ignore[arg-type]
    diagnosis = ""
    for extension in dicts_of(resource.get("extension")):
        if extension.get("url") == f"{OUR_RECORD_NUMBERS}:status":
            status = text_of(extension.get("valueCode"))
        elif extension.get("url") == OUR_DIAGNOSES:
            diagnosis = code_of(extension.get("valueCodeableConcept"))
    if gender and gender not in _GENDERS:
        raise Refused("sex", gender, f"{gender!r} is no gender of FHIR: {', '.join(_GENDERS)}")
    cells = {
        "mrn": mrn,
        "family_name": text_of(human.get("family")),
        "given_name": " ".join(filter(None, map(text_of, list_of(human.get("given"))))),
        # A year alone is no birth date; the patient is taken over without it.
        "birth_date": born if len(born) == 10 else "",
        "sex": gender,
        "diagnosis": diagnosis,
        "site": text_of(dict_of(resource.get("managingOrganization")).get("display")),
        "status": status,
    }
    return [(cells, PATHS["Patient"])]

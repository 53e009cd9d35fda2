"""What facts refer to: patients by their record number, practitioners and devices by name, drugs by code."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import OUR_RECORD_NUMBERS
from jobs.importers.fhir_r4.elements import Body, codings_of, dict_of, dicts_of, first_of, list_of, name_of, text_of
from jobs.importers.fhir_r4.entries import Entry

SUPPORTING = frozenset({"Practitioner", "PractitionerRole", "Organization", "Device", "Location", "Medication"})
"""They carry no fact of their own; what they are called is used where a fact refers to them."""

MEDICATIONS = ("MedicationStatement", "MedicationRequest", "MedicationAdministration")


@dataclass(frozen=True)
class Person:
    """A patient by the record number here, and every number of theirs."""

    mrn: str
    numbers: frozenset[str]


@dataclass
class Index:
    """What facts refer to, and which kinds of facts each file holds."""

    timezone: str
    people: dict[tuple[str, str], Person | None] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    drugs: dict[tuple[str, str], Body] = field(default_factory=dict)
    taken_as_number: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Note what an entry can be referred to by."""
        resource, identifier = entry.resource, text_of(entry.resource.get("id"))
        keys = [("", entry.full_url)] if entry.full_url else []
        if identifier:
            keys += [(entry.sender, f"{entry.type}/{identifier}"), ("*", f"{entry.type}/{identifier}")]
        if entry.type == "Patient":
            person = person_of(resource)
            for key in keys:
                known = self.people.setdefault(key, person)
                if known is not None and (person is None or known.mrn != person.mrn):
                    # Two people under one reference: nothing that only refers to it can be assigned.
                    self.people[key] = None
        elif entry.type == "Medication":
            for key in keys:
                self.drugs.setdefault(key, dict_of(resource.get("code")))
        elif entry.type in SUPPORTING and (name := called(resource)):
            for key in keys:
                self.names.setdefault(key, name)

    def keys(self, reference: str, sender: str) -> Iterator[tuple[str, str]]:
        """Under which keys a reference may be known, the surest first."""
        yield "", reference
        parts = reference.partition("/_history/")[0].split("/")
        tail = "/".join(parts[-2:])
        yield sender, tail
        yield "*", tail

    def name(self, reference: Any, sender: str, contained: Sequence[Body]) -> str:
        """What somebody or something referred to is called."""
        said = dict_of(reference)
        shown, target = text_of(said.get("display")), text_of(said.get("reference"))
        if shown or not target:
            return shown or text_of(dict_of(said.get("identifier")).get("value"))
        if target.startswith("#"):
            return next((called(one) for one in contained if text_of(one.get("id")) == target[1:]), "") or target[1:]
        known = next((self.names[key] for key in self.keys(target, sender) if key in self.names), "")
        return known or ("" if target.startswith("urn:") else target.rsplit("/", 1)[-1])

    def mrn(self, resource: Body, sender: str, column: str) -> str:
        """The record number of whom a resource is about.

        Raises:
            Refused: nobody, something that is no patient, or two people.
        """
        subject = dict_of(resource.get(column))
        reference = text_of(subject.get("reference"))
        stated = text_of(dict_of(subject.get("identifier")).get("value"))
        person: Person | None = None
        if reference.startswith("#"):
            inside = [one for one in dicts_of(resource.get("contained")) if text_of(one.get("id")) == reference[1:]]
            person = person_of(inside[0]) if inside else None
        elif reference:
            for key in self.keys(reference, sender):
                if key in self.people:
                    person = self.people[key]
                    if person is None:
                        raise Refused("mrn", reference, f"{reference} names two people, or one without a record number")
                    break
        if person is not None:
            if stated and stated not in person.numbers:
                raise Refused("mrn", stated, f"the reference {reference} and the identifier name two people")
            return person.mrn
        if stated:
            return stated
        if not reference:
            raise Refused("mrn", "", "it does not say whom it is about")
        query = parse_qs(urlsplit(reference).query)
        if "identifier" in query:
            return query["identifier"][0].rpartition("|")[2]
        parts = reference.partition("/_history/")[0].split("/")
        if len(parts) > 1 and parts[-2] != "Patient":
            raise Refused("mrn", reference, f"{reference} is no patient")
        if reference.startswith(("urn:", "#")):
            raise Refused(
                "mrn", reference, f"the patient {reference} is not in this import, and no identifier is given"
            )
        self.taken_as_number[parts[-1]] += 1
        return parts[-1]


def person_of(patient: Body) -> Person | None:
    """The record number: the identifier of type MR, else the usual or only one, else the id. An old one never."""
    given = [
        one for one in dicts_of(patient.get("identifier")) if text_of(one.get("value")) and one.get("use") != "old"
    ]
    numbers = frozenset(text_of(one["value"]) for one in given)
    ours = [one for one in given if text_of(one.get("system")) == OUR_RECORD_NUMBERS]
    medical = ours or [one for one in given if any(code.get("code") == "MR" for code in codings_of(one.get("type")))]
    usual = [one for one in given if one.get("use") in {"usual", "official"}]
    chosen = next(iter(medical or usual or given), None)
    mrn = text_of(chosen["value"]) if chosen else text_of(patient.get("id"))
    return Person(mrn, numbers | {mrn}) if mrn else None


def record_number(patient: Any) -> str | None:
    """The record number a Patient resource gives its person, or None; see `person_of`."""
    person = person_of(dict_of(patient))
    return None if person is None else person.mrn


def called(resource: Body) -> str:
    """What somebody or something is called."""
    name = resource.get("name")
    if isinstance(name, str):
        return name.strip()
    human = first_of(name)
    if human:
        return text_of(human.get("text")) or " ".join(
            filter(None, [*map(text_of, list_of(human.get("given"))), text_of(human.get("family"))])
        )
    device = first_of(resource.get("deviceName"))
    return text_of(device.get("name")) or name_of(resource.get("type"))

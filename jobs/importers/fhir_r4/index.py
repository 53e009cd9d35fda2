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

SUPPORTING = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Device", "Location", "Medication", "DiagnosticReport"}
)
"""They carry no fact of their own; what they say is used where a fact refers to them, or they to a fact."""

MEDICATIONS = ("MedicationStatement", "MedicationRequest", "MedicationAdministration")


INHERITED = ("subject", "effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming", "issued")
"""What a result may leave to the report or panel that holds it."""


@dataclass(frozen=True)
class Person:
    """A patient by the record number here and its system, and every number of theirs as (system, value)."""

    mrn: str
    system: str
    numbers: frozenset[tuple[str, str]]
    sex: str = ""
    born: str = ""


@dataclass
class Index:
    """What facts refer to, and who holds them.

    Attributes:
        references_are_numbers: whether the id in a bare reference is a record number: only where the sender speaks to
            this program's own server, which gave the id.
        taken_as_number: those of whom that was believed.
        notes: sentences about accepted results that somebody should look at, with how often each arose.
    """

    timezone: str
    references_are_numbers: bool = False
    people: dict[tuple[str, str], Person | None] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    drugs: dict[tuple[str, str], Body] = field(default_factory=dict)
    authorities: dict[str, str] = field(default_factory=dict)
    taken_as_number: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    _by_number: dict[tuple[str, str], Person] = field(default_factory=dict)
    _holders: dict[tuple[str, str], list[Body]] = field(default_factory=dict)
    _numbered: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Note what an entry can be referred to by, and what it refers to."""
        resource = entry.resource
        keys = list(_keys_of(entry))
        if entry.type == "Patient":
            person = person_of(resource, self.authorities.get(entry.sender, ""))
            if person is not None:
                self._by_number.update(dict.fromkeys(person.numbers, person))
                if person.system:
                    self.authorities.setdefault(entry.sender, person.system)
            for key in keys:
                known = self.people.setdefault(key, person)
                if known is not None and (person is None or known.mrn != person.mrn):
                    # Two people under one reference: nothing that only refers to it can be assigned.
                    self.people[key] = None
        elif entry.type == "Medication":
            for key in keys:
                self.drugs.setdefault(key, resource)
        elif entry.type == "DiagnosticReport":
            self._hold(entry, resource.get("result"))
        elif entry.type == "Observation":
            self._hold(entry, resource.get("hasMember"))
            for number in _numbers(resource):
                self._numbered[entry.sender, number, _first_code(resource)] += 1
        elif entry.type in SUPPORTING and (name := called(resource)):
            for key in keys:
                self.names.setdefault(key, name)

    def _hold(self, entry: Entry, references: Any) -> None:
        said = {name: entry.resource[name] for name in INHERITED if entry.resource.get(name) is not None}
        for one in dicts_of(references):
            target = text_of(one.get("reference"))
            if target and not target.startswith("#"):
                for key in self.keys(target, entry.sender):
                    # Never by the id alone: two servers use the same.
                    if key[0] != "*":
                        self._holders.setdefault(key, []).append(said)

    def inherited(self, entry: Entry) -> Body:
        """A result with what it leaves to the report or panel that holds it.

        Raises:
            Refused: it is held by two that say different things.
        """
        resource = entry.resource
        held = [entry.within.resource] if entry.within is not None else []
        held += [said for key in _keys_of(entry) for said in self._holders.get(key, ())]
        given: dict[str, Any] = {}
        for group in (("subject",), INHERITED[1:-1], ("issued",)):
            if any(resource.get(name) is not None for name in group):
                continue
            found = [said for one in held if (said := {name: one[name] for name in group if one.get(name) is not None})]
            if any(one != found[0] for one in found):
                column = "mrn" if group == ("subject",) else "observed_at"
                raise Refused(column, "", f"it is in two reports that say different things about its {group[0]}")
            given |= found[0] if found else {}
        return {**resource, **given}

    def is_shared(self, entry: Entry, number: str) -> bool:
        """Whether several results of one test have the same identifier here: then it is the number of an order."""
        return self._numbered[entry.sender, number, _first_code(entry.resource)] > 1

    def of_this_clinic(self, system: str, number: str, sender: str) -> str:
        """A number that is one of ours.

        Raises:
            Refused: it is another hospital's. The first system in which a sender numbers patients is taken for ours.
        """
        if not system or system == OUR_RECORD_NUMBERS:
            return number
        ours = self.authorities.setdefault(sender, system)
        if ours != system:
            raise Refused(
                "mrn",
                f"{system}|{number}",
                f"{number!r} is a number of {system}, and the patients here have numbers of {ours}; "
                "send the number of this clinic",
            )
        return number

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
            Refused: nobody, something that is no patient, two people, or somebody known only at another hospital.
        """
        subject = dict_of(resource.get(column))
        reference = text_of(subject.get("reference"))
        identifier = dict_of(subject.get("identifier"))
        stated, system = text_of(identifier.get("value")), text_of(identifier.get("system"))
        person = self.person(resource, sender, column)
        if person is not None:
            if stated and not any(
                value == stated and (not system or not of or of == system) for of, value in person.numbers
            ):
                raise Refused("mrn", stated, f"the reference {reference} and the identifier name two people")
            return self.of_this_clinic(person.system, person.mrn, sender)
        if stated:
            return self._stated(system, stated, sender)
        if not reference:
            raise Refused("mrn", "", "it does not say whom it is about")
        query = parse_qs(urlsplit(reference).query)
        if "identifier" in query:
            system, _, stated = query["identifier"][0].rpartition("|")
            return self._stated(system, stated, sender)
        parts = reference.partition("/_history/")[0].split("/")
        if len(parts) > 1 and parts[-2] != "Patient":
            raise Refused("mrn", reference, f"{reference} is no patient")
        if reference.startswith(("urn:", "#")) or not self.references_are_numbers:
            raise Refused(
                "mrn",
                reference,
                f"the patient {reference} is not in this import, and no identifier is given; send the Patient too",
            )
        self.taken_as_number[parts[-1]] += 1
        return parts[-1]

    def person(self, resource: Body, sender: str, column: str = "subject") -> Person | None:
        """The patient referred to, where it is in this import.

        Raises:
            Refused: the reference names two people.
        """
        reference = text_of(dict_of(resource.get(column)).get("reference"))
        if reference.startswith("#"):
            inside = [one for one in dicts_of(resource.get("contained")) if text_of(one.get("id")) == reference[1:]]
            return person_of(inside[0], self.authorities.get(sender, "")) if inside else None
        for key in self.keys(reference, sender) if reference else ():
            if key in self.people:
                person = self.people[key]
                if person is None:
                    raise Refused("mrn", reference, f"{reference} names two people, or one without a record number")
                return person
        return None

    def _stated(self, system: str, number: str, sender: str) -> str:
        """The record number that an identifier means."""
        person = self._by_number.get((system, number)) if system else None
        if person is not None:
            return self.of_this_clinic(person.system, person.mrn, sender)
        return self.of_this_clinic(system, number, sender)


def _keys_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Under which keys an entry can be referred to."""
    if entry.within is not None:
        return
    if entry.full_url:
        yield "", entry.full_url
    identifier = text_of(entry.resource.get("id"))
    if identifier:
        yield entry.sender, f"{entry.type}/{identifier}"
        yield "*", f"{entry.type}/{identifier}"


def _numbers(resource: Body) -> Iterator[str]:
    for one in dicts_of(resource.get("identifier")):
        if text_of(one.get("value")):
            yield f"{text_of(one.get('system'))}|{text_of(one.get('value'))}"


def _first_code(resource: Body) -> str:
    return next((text_of(one.get("code")) for one in codings_of(resource.get("code"))), "") or name_of(
        resource.get("code")
    )


def person_of(patient: Body, system: str = "") -> Person | None:
    """The record number: the identifier of type MR, else the usual or only one, else the id. An old one never.

    `system`: in which system the sender numbers patients; of several numbers the one of that system counts.
    """
    given = [
        one for one in dicts_of(patient.get("identifier")) if text_of(one.get("value")) and one.get("use") != "old"
    ]
    numbers = frozenset((text_of(one.get("system")), text_of(one["value"])) for one in given)
    ours = [one for one in given if text_of(one.get("system")) == OUR_RECORD_NUMBERS]
    medical = ours or [one for one in given if any(code.get("code") == "MR" for code in codings_of(one.get("type")))]
    usual = [one for one in given if one.get("use") in {"usual", "official"}]
    offered = medical or usual or given
    chosen = next((one for one in offered if system and text_of(one.get("system")) == system), None)
    chosen = chosen or next(iter(offered), None)
    mrn = text_of(chosen["value"]) if chosen else text_of(patient.get("id"))
    if not mrn:
        return None
    of = text_of(chosen.get("system")) if chosen else ""
    sex, born = text_of(patient.get("gender")), text_of(patient.get("birthDate"))
    return Person(mrn, of, numbers | {(of, mrn)}, sex, born)


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

"""What facts refer to: patients by their record number, practitioners and devices by name, drugs by code."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobs.importers.canonical import Refused, Waits
from jobs.importers.decisions import decisions
from jobs.importers.fhir_r4.elements import Body, codings_of, dict_of, dicts_of, first_of, list_of, name_of, text_of
from jobs.importers.fhir_r4.entries import Entry, sender_name
from jobs.importers.identity import OUR_NUMBERS, RECORD_NUMBER, Claim, Identifier, claim_of, whose

SUPPORTING = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Device", "Location", "Medication", "DiagnosticReport"}
)
"""They carry no fact of their own; what they say is used where a fact refers to them, or they to a fact."""

MEDICATIONS = ("MedicationStatement", "MedicationRequest", "MedicationAdministration")


INHERITED = ("subject", "effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming", "issued")
"""What a result may leave to the report or panel that holds it."""


@dataclass(frozen=True)
class Person:
    """A patient of a message: every identifier, the likeliest record number first, and what is said of the person.

    `numbers`: the identifiers as (system, value). `sex` and `born` as said, to choose among ranges.
    """

    identifiers: tuple[Identifier, ...]
    numbers: frozenset[tuple[str, str]]
    claim: Claim
    sex: str = ""
    born: str = ""
    resource: Body = field(default_factory=dict, compare=False, repr=False)

    @property
    def mrn(self) -> str:
        """The likeliest record number."""
        return self.identifiers[0].number


@dataclass
class Index:
    """What facts refer to, and who holds them.

    Attributes:
        told: who speaks, where that is not for the messages to say.
        references_are_numbers: whether the id in a bare reference is a record number: only where the sender speaks to
            this program's own server, which gave the id.
        taken_as_number: those of whom that was believed.
        notes: sentences about accepted results that somebody should look at, with how often each arose.
    """

    timezone: str
    references_are_numbers: bool = False
    told: str = ""
    people: dict[tuple[str, str], Person | None] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    drugs: dict[tuple[str, str], Body] = field(default_factory=dict)
    taken_as_number: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    _by_number: dict[tuple[str, str], Person] = field(default_factory=dict)
    _holders: dict[tuple[str, str], list[Body]] = field(default_factory=dict)
    _whose: dict[tuple[str, tuple[Identifier, ...], Claim], str | Refused] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Note what an entry can be referred to by, and what it refers to."""
        resource = entry.resource
        keys = list(_keys_of(entry))
        if entry.type == "Patient":
            person = person_of(resource)
            if person is not None:
                self._by_number.update(dict.fromkeys(person.numbers, person))
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
        elif entry.type in SUPPORTING and (name := called(resource)):
            for key in keys:
                self.names.setdefault(key, name)

    def knows(self, entry: Entry, patient: Body) -> None:
        """Whatever an entry calls its patient, it is this one: they were in one import."""
        reference = text_of(dict_of(entry.resource.get("subject")).get("reference"))
        person = person_of(patient)
        if person is not None:
            self._by_number.update(dict.fromkeys(person.numbers, person))
            if reference and not reference.startswith("#"):
                self.people["", reference] = person

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

    def speaker(self, sender: str) -> str:
        """Who speaks, as kept with every fact and decision."""
        return self.told or sender_name(sender)

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
            return self.whose(sender, person.identifiers, person.claim)
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
        if reference.startswith(("urn:", "#")):
            raise Refused(
                "mrn",
                reference,
                f"the patient {reference} is not in this import, and no identifier is given; send the Patient too",
            )
        if self.references_are_numbers:
            self.taken_as_number[parts[-1]] += 1
            return self.whose(sender, (Identifier(parts[-1], OUR_NUMBERS),), Claim())
        return self._referred(sender, "/".join(parts[-2:]), reference)

    def _referred(self, sender: str, what: str, reference: str) -> str:
        """Whom a bare reference means: nobody, before it was decided for its sender.

        Raises:
            Waits: it was not.
        """
        why = f"the patient {reference} is not in this import, and no identifier is given; send the Patient too"
        known = decisions()
        decided = known.needed(self.speaker(sender), "patient", what, column="mrn", value=reference, why=why)
        if known.on_file(decided.to) is None:
            raise Waits("mrn", reference, f"{what} is mapped to {decided.to!r}, who is not on file",
                        kind="patient", what=what)  # fmt: skip
        return decided.to

    def whose(self, sender: str, identifiers: tuple[Identifier, ...], claim: Claim) -> str:
        """The record number of the patient on file whom identifiers mean; asked once for each.

        Raises:
            As `jobs.importers.identity.whose`.
        """
        key = (self.speaker(sender), identifiers, claim)
        found = self._whose.get(key)
        if found is None:
            try:
                found = whose(*key).mrn
            except Refused as refused:
                found = refused
            self._whose[key] = found
        if isinstance(found, Refused):
            raise found
        return found

    def subject(self, resource: Body, sender: str, column: str = "subject") -> Person | None:
        """The patient of a resource where it is in this import, by reference or by identifier; None for any other."""
        identifier = dict_of(dict_of(resource.get(column)).get("identifier"))
        try:
            person = self.person(resource, sender, column)
        except Refused:
            return None
        return person or self._by_number.get((text_of(identifier.get("system")), text_of(identifier.get("value"))))

    def person(self, resource: Body, sender: str, column: str = "subject") -> Person | None:
        """The patient referred to, where it is in this import.

        Raises:
            Refused: the reference names two people.
        """
        reference = text_of(dict_of(resource.get(column)).get("reference"))
        if reference.startswith("#"):
            inside = [one for one in dicts_of(resource.get("contained")) if text_of(one.get("id")) == reference[1:]]
            return person_of(inside[0]) if inside else None
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
            return self.whose(sender, person.identifiers, person.claim)
        return self.whose(sender, (Identifier(number, system),), Claim())


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


def person_of(patient: Body) -> Person | None:
    """Who a Patient is; without any identifier the id stands for one. An old number never counts."""
    given = [
        one for one in dicts_of(patient.get("identifier")) if text_of(one.get("value")) and one.get("use") != "old"
    ]
    found = [
        Identifier(
            text_of(one["value"]),
            text_of(one.get("system")),
            next((code for code in map(_code, codings_of(one.get("type"))) if code), ""),
        )
        for one in sorted(given, key=_likelihood)
    ]
    if not found and text_of(patient.get("id")):
        found = [Identifier(text_of(patient["id"]), OUR_NUMBERS)]
    if not found:
        return None
    sex, born = text_of(patient.get("gender")), text_of(patient.get("birthDate"))
    names = [
        (text_of(one.get("family")), " ".join(filter(None, map(text_of, list_of(one.get("given"))))))
        for one in dicts_of(patient.get("name"))
        if one.get("use") != "anonymous"
    ]
    claim = claim_of(names, born, sex if sex in ("female", "male") else "")
    numbers = frozenset((one.authority, one.number) for one in found)
    return Person(tuple(found), numbers, claim, sex, born, patient)


def _code(coding: Body) -> str:
    return text_of(coding.get("code"))


def _likelihood(identifier: Body) -> tuple[bool, bool, bool]:
    """What sorts the likeliest record number to the front: ours, one of type MR, the usual or official one."""
    return (
        text_of(identifier.get("system")) != OUR_NUMBERS,
        RECORD_NUMBER not in map(_code, codings_of(identifier.get("type"))),
        identifier.get("use") not in {"usual", "official"},
    )


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

"""The rows of a resource, each with what recognises it when it is sent again; and rows that waited, read again.

A row that waits is kept with all it takes to read it alone: the resource with what it leaves to its report, the Patient
and the Medication it refers to. It is recognised by what it says, without the `meta` that servers write anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from jobs.importers.canonical import KINDS, LONGEST_NAME, Kind, Refused
from jobs.importers.fhir_r4.condition import read_condition, read_procedure
from jobs.importers.fhir_r4.elements import Body, dict_of, dicts_of, first_of, name_of
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.index import MEDICATIONS, Index, Person
from jobs.importers.fhir_r4.medication import drug_resource, read_dispense, read_medication
from jobs.importers.fhir_r4.observation import read_observation, sent_value, specimens_of
from jobs.importers.fhir_r4.paths import PATHS
from jobs.importers.fhir_r4.patient import read_patient
from jobs.importers.fhir_r4.rows import Cells, Reader, Unread
from jobs.importers.message_row import MessageRow, MessageSheet
from jobs.importers.sheet import Record, Sheet

FORMAT = "fhir"

_READERS: Mapping[str, Reader] = {
    "Patient": read_patient,
    "Condition": read_condition,
    "Procedure": read_procedure,
    "Observation": read_observation,
    "MedicationDispense": read_dispense,
    **dict.fromkeys(MEDICATIONS, read_medication),
}


def records_of(entry: Entry, kind: Kind, index: Index) -> Iterator[Record]:
    """The rows of a resource; one that says why where it cannot be read at all."""
    makes = _Rows(entry, kind, index)
    try:
        if entry.why:
            raise Refused("", "", entry.why)
        for place, (read, paths) in enumerate(_READERS[entry.type](entry, index)):
            if isinstance(read, Refused):
                yield makes.row(place, {}, paths, read)
            elif isinstance(read, Unread):
                yield makes.row(place, read.cells, paths, read.refused)
            else:
                yield makes.row(place, read, paths, None)
    except Refused as refused:
        yield makes.row(0, {}, PATHS.get(entry.type, {}), refused, whole=True)


class _Rows:
    """Makes the rows of one entry."""

    def __init__(self, entry: Entry, kind: Kind, index: Index) -> None:
        self.entry = entry
        self.kind = kind
        self.index = index
        self.person: Person | None = None
        resource: Body = entry.resource
        if entry.type == "Observation":
            try:
                resource = index.inherited(entry)
            except Refused:
                resource = entry.resource
        self.resource = resource
        if entry.type not in ("", "Patient"):
            self.person = index.subject(resource, entry.sender)
        self._says = ""

    def row(
        self, place: int, cells: Cells, paths: Mapping[str, str], refused: Refused | None, *, whole: bool = False
    ) -> Record:
        """One row."""
        said = self.resource or self.entry.sent
        within: tuple[str, ...] = ()
        taken_back = None
        if self.kind == "observations" and cells:
            within = (" ".join(specimens_of(self.resource, self.index, self.entry.sender)).casefold(),)
            taken_back = self._taken_back(cells, place)
        made = MessageRow(
            self.kind, cells, paths, self.entry.resource or self.entry.sent, refused, within=within,
            once=f"{self._once(said)}#{place}", example=self._example(place), taken_back=taken_back,
            kept=lambda: self._kept(place, whole=whole),
        )  # fmt: skip
        return self.entry.line, made, "" if refused is None else refused.why

    def _once(self, said: Any) -> str:
        """What the entry says, as one text: without `meta`, with whom it is about."""
        if not self._says:
            if isinstance(said, Mapping):
                said = {name: one for name, one in said.items() if name != "meta"}
            about = "" if self.person is None else repr((self.person.identifiers, self.person.claim))
            body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS, default=str).decode()
            self._says = f"{self.index.speaker(self.entry.sender)}|{about}|{body}"
        return self._says

    def _example(self, place: int) -> str:
        """Value and unit, or whatever lets a person recognise what it is about."""
        resource, kind = self.resource, self.entry.type
        if kind == "Observation":
            parts = [resource, *dicts_of(resource.get("component"))]
            # Which of the parts a row is of can only be told where there is one.
            part = resource if sent_value(resource) or len(parts) == 1 else parts[min(place + 1, len(parts) - 1)]
            return sent_value(part)[:LONGEST_NAME]
        if kind in MEDICATIONS:
            return name_of(resource.get("medicationCodeableConcept"))[:LONGEST_NAME]
        return name_of(resource.get("code"))[:LONGEST_NAME]

    def _taken_back(self, cells: Cells, place: int) -> Cells | None:
        if cells.get("status") != "corrected":
            return None
        text = self._example(place)
        reason = "; ".join(filter(None, (f"corrected: {text or 'without a value'}", cells.get("comment", ""))))
        found = ("value", "unit", "upper_limit", "lower_limit")
        return {column: cell for column, cell in cells.items() if column not in found} | {
            "status": "cancelled", "reason": reason,
        }  # fmt: skip

    def _kept(self, place: int, *, whole: bool) -> str:
        entry, index = self.entry, self.index
        beside: list[Body] = [] if self.person is None else [self.person.resource]
        resource = dict(self.resource)
        if entry.type in MEDICATIONS:
            try:
                concept, medication = drug_resource(resource, index, entry.sender)
            except Refused:
                concept, medication = {}, {}
            if medication:
                beside.append(medication)
            elif concept:
                resource["medicationCodeableConcept"] = concept
        if entry.type == "Observation":
            contained = dicts_of(resource.get("contained"))
            for name, one in (("performer", first_of(resource.get("performer"))), ("device", resource.get("device")),
                              ("specimen", resource.get("specimen"))):  # fmt: skip
                if called := index.name(one, entry.sender, contained):
                    shown = {**dict_of(one), "display": called}
                    resource[name] = [shown] if name == "performer" else shown
        outer = entry.within
        return json.dumps(
            {
                "kind": self.kind, "row": None if whole else place, "numbers": index.references_are_numbers,
                "resource": resource, "sender": entry.sender, "url": entry.full_url, "temporary": entry.temporary,
                "within": None if outer is None else {
                    "resource": {k: v for k, v in outer.resource.items() if k != "contained"},
                    "temporary": outer.temporary,
                },
                "about": None if self.person is None else self.person.resource,
                "beside": beside, "once": self._once(None), "why": entry.why, "sent": entry.sent,
            },
            ensure_ascii=False, default=str,
        )  # fmt: skip


@dataclass(frozen=True)
class KeptResources:
    """Rows of one kind of one sender that waited, in their order."""

    name: str
    sender: str
    kind: Kind
    kept: Sequence[tuple[int, Mapping[str, Any]]]
    timezone: str

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of the rows."""
        yield MessageSheet(self.kind, self.name, self._records(), self.sender, FORMAT)

    def _records(self) -> Iterator[Record]:
        for number, (line, one) in enumerate(self.kept):
            index = Index(self.timezone, one["numbers"], self.sender)
            outer = one["within"]
            within = None if outer is None else Entry(
                line, outer["resource"], one["sender"], temporary=outer["temporary"]
            )  # fmt: skip
            for beside in one["beside"]:
                index.add(Entry(line, beside, one["sender"]))
            entry = Entry(
                line, one["resource"], one["sender"], one["url"], one["why"], one["sent"], one["temporary"], within
            )
            if one["about"] is not None:
                index.knows(entry, one["about"])
            index.add(entry)
            for place, (_, row, why) in enumerate(records_of(entry, self.kind, index)):
                if one["row"] in (None, place):
                    assert isinstance(row, MessageRow)  # noqa: S101  by records_of
                    row.once, row.message = f"{one['once']}#{place}", f"kept {number}"
                    yield line, row, why


def kept_resources(name: str, sender: str, kept: Iterable[tuple[int, str]], timezone: str) -> list[KeptResources]:
    """Rows that waited, as they were kept, to be read again: patients before their facts, else in their order."""
    read = [(line, json.loads(text)) for line, text in kept]
    read.sort(key=lambda one: KINDS.index(one[1]["kind"]))
    return [
        KeptResources(name, sender, kind, list(some), timezone)
        for kind, some in groupby(read, key=lambda one: one[1]["kind"])
    ]

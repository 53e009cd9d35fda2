"""FHIR R4 resources as facts: a Bundle, a single resource, a list of them, NDJSON, or a folder of such files.

Read by hand and tolerantly: real senders add extensions and leave out what a validator wants, and one odd entry must
not cost the others. What is not understood is refused by entry, with its number and the path in the resource.

A patient is known by the record number among the Patient's identifiers. A result whose subject is only a reference is
looked up in the same import; without the Patient there, the id of the reference is taken as the record number, and the
report says so.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import orjson

from jobs.importers.canonical import KINDS, LONGEST_NAME, PRESENCE_WORDS, Kind, Refused
from jobs.importers.coded import (
    LOCAL,
    LOINC,
    OTHER,
    CodedRow,
    CodedSheet,
    Coding,
    in_unit_of_value,
    limits_of_text,
    measure_of,
    one_unit,
)
from jobs.importers.sheet import Record, Sheet
from models import vocabulary
from models.errors import UsageError

SUFFIXES = (".json", ".ndjson", ".jsonl")
LINE_SUFFIXES = (".ndjson", ".jsonl")

OUR_MEASURES = "urn:myopanel:measure"
OUR_DRUGS = "urn:myopanel:drug"
OUR_RECORD_NUMBERS = "urn:myopanel:mrn"
OUR_DIAGNOSES = "urn:myopanel:diagnosis"
OUR_EVENTS = "urn:myopanel:event"

LOINC_SYSTEM = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
_STANDARD_SYSTEMS = (
    SNOMED,
    RXNORM,
    ATC,
    "http://hl7.org/",
    "http://terminology.hl7.org/",
    "urn:oid:2.16.840.1.113883.",
)

SUPPORTING = frozenset({"Practitioner", "PractitionerRole", "Organization", "Device", "Location", "Medication"})
"""They carry no fact of their own; what they are called is used where a fact refers to them."""

MEDICATIONS = ("MedicationStatement", "MedicationRequest", "MedicationAdministration")

Body = Mapping[str, Any]


# ------------------------------------------------------------------------------------------------- tolerant reading


def _dict(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[Body]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _first(value: Any) -> Body:
    return next(iter(_dicts(value)), {})


def _codings(concept: Any) -> list[Body]:
    return _dicts(_dict(concept).get("coding"))


def _code_of(concept: Any) -> str:
    """The first code of a concept, such as a status."""
    return next((code for one in _codings(concept) if (code := _text(one.get("code")))), "")


def _values(part: Body) -> Iterator[str]:
    """Which of the members value[x] are there."""
    return (name for name, value in part.items() if name.startswith("value") and value is not None)


def _names_of(concept: Any) -> list[str]:
    """The words for a concept: its text, then the names of its codes."""
    words = [_text(_dict(concept).get("text")), *(_text(one.get("display")) for one in _codings(concept))]
    return list(dict.fromkeys(filter(None, words)))


def _name_of(concept: Any) -> str:
    return next(iter(_names_of(concept)), "") or _code_of(concept)


# ---------------------------------------------------------------------------------------------------------- entries


class Entry(NamedTuple):
    """One resource of a file; `line` is its number there, or its line in NDJSON. `why` tells why it is none."""

    line: int
    resource: Body
    sender: str
    full_url: str = ""
    why: str = ""
    sent: Any = None

    @property
    def type(self) -> str:
        """The type of the resource."""
        return _text(self.resource.get("resourceType"))


@dataclass
class Content:
    """A file of resources, or a message that was never a file (`message`)."""

    name: str
    path: Path | None = None
    message: Any = None
    _whole: Any = None

    def entries(self) -> Iterator[Entry]:
        """The resources in their order.

        Raises:
            UsageError: not UTF-8, not JSON, or not FHIR.
        """
        if self.path is None:
            yield from _entries_of(self.message, self.name)
            return
        if self.path.suffix.lower() in LINE_SUFFIXES:
            yield from self._lines()
            return
        if self._whole is None:
            self._whole = self._read(self.path)
        if isinstance(self._whole, bytes):
            yield from self._lines()
        else:
            yield from _entries_of(self._whole, self.name)

    def _read(self, path: Path) -> Any:
        try:
            content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
        if not content.strip():
            return []
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            # Bulk exports often call their lines .json.
            first = next(line for line in content.splitlines() if line.strip())
            try:
                if isinstance(orjson.loads(first), dict):
                    return content
            except orjson.JSONDecodeError:
                pass
            said = "it is XML; ask for JSON" if content.lstrip()[:1] == b"<" else str(error)
            raise UsageError(f"{self.name} is not JSON: {said}") from error

    def _lines(self) -> Iterator[Entry]:
        assert self.path is not None  # noqa: S101  lines stand in files only
        try:
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    text = line.removeprefix(b"\xef\xbb\xbf").strip()
                    if not text:
                        continue
                    try:
                        found = orjson.loads(text)
                    except orjson.JSONDecodeError as error:
                        sent = text[:2000].decode("utf-8", "replace")
                        yield Entry(number, {}, "", why=f"the line is not JSON: {error}", sent=sent)
                        continue
                    # A bundle on a line is unpacked; its entries have the line's number.
                    for entry in _flat(found, ""):
                        yield entry._replace(line=number)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror or error}") from error


def _entries_of(whole: Any, name: str) -> Iterator[Entry]:
    if isinstance(whole, dict) and not _text(whole.get("resourceType")):
        raise UsageError(f"{name} is not FHIR: there is no resourceType.")
    if not isinstance(whole, (dict, list)):
        raise UsageError(f"{name} is not FHIR: it is neither a resource nor a list of resources.")
    items = whole if isinstance(whole, list) else [whole]
    line = 0
    for item in items:
        for entry in _flat(item, ""):
            line += 1
            yield entry._replace(line=line)


def _flat(item: Any, sender: str, depth: int = 0) -> Iterator[Entry]:
    """A resource, or those of a bundle, bundles in bundles included."""
    if not isinstance(item, dict) or not _text(item.get("resourceType")):
        yield Entry(0, {}, sender, why="this is no resource: it has no resourceType", sent=item)
        return
    if item["resourceType"] != "Bundle":
        yield Entry(0, item, _sender_of(item, "", sender))
        return
    within = _source_of(item) or sender
    if item.get("entry") is not None and not isinstance(item["entry"], list):
        yield Entry(0, {}, within, why="the bundle's entry is no list", sent=item)
        return
    for sent in _list(item.get("entry")):
        entry, request = _dict(sent), _dict(_dict(sent).get("request"))
        resource, method = entry.get("resource"), _text(request.get("method")).upper()
        if method and method not in {"POST", "PUT"}:
            why = f"{method} is not done here; to take a fact back, send it with the status entered-in-error"
            yield Entry(0, {}, within, why=why, sent=sent)
        elif _text(_dict(resource).get("resourceType")) == "Bundle" and depth < 8:
            yield from _flat(resource, within, depth + 1)
        elif not _text(_dict(resource).get("resourceType")):
            yield Entry(0, {}, within, why="the entry has no resource with a resourceType", sent=sent)
        else:
            url = _text(entry.get("fullUrl"))
            yield Entry(0, _dict(resource), _sender_of(_dict(resource), url, within), url)


def _source_of(resource: Body) -> str:
    # Servers append the number of the request to the source: it changes with every message.
    return _text(_dict(resource.get("meta")).get("source")).partition("#")[0]


def _sender_of(resource: Body, full_url: str, otherwise: str) -> str:
    """Who speaks: the source it names, else the server its address is on."""
    said = _source_of(resource)
    if not said and full_url.startswith(("http://", "https://")):
        said = full_url.removesuffix(f"/{_text(resource.get('id'))}").removesuffix(f"/{resource['resourceType']}")
    return said or otherwise


def _sender_name(system: str) -> str:
    """The sender as kept with each fact; `fhir` where the message does not say."""
    return f"fhir:{system}"[:LONGEST_NAME] if system else "fhir"


# -------------------------------------------------------------------------------------------------------------- index


@dataclass(frozen=True)
class _Person:
    mrn: str
    numbers: frozenset[str]


@dataclass
class _Index:
    """What facts refer to, and which kinds of facts each file holds."""

    timezone: str
    people: dict[tuple[str, str], _Person | None] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    drugs: dict[tuple[str, str], Body] = field(default_factory=dict)
    taken_as_number: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Note what an entry can be referred to by."""
        resource, identifier = entry.resource, _text(entry.resource.get("id"))
        keys = [("", entry.full_url)] if entry.full_url else []
        if identifier:
            keys += [(entry.sender, f"{entry.type}/{identifier}"), ("*", f"{entry.type}/{identifier}")]
        if entry.type == "Patient":
            person = _person(resource)
            for key in keys:
                known = self.people.setdefault(key, person)
                if known is not None and (person is None or known.mrn != person.mrn):
                    # Two people under one reference: nothing that only refers to it can be assigned.
                    self.people[key] = None
        elif entry.type == "Medication":
            for key in keys:
                self.drugs.setdefault(key, _dict(resource.get("code")))
        elif entry.type in SUPPORTING and (name := _called(resource)):
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
        said = _dict(reference)
        shown, target = _text(said.get("display")), _text(said.get("reference"))
        if shown or not target:
            return shown or _text(_dict(said.get("identifier")).get("value"))
        if target.startswith("#"):
            return next((_called(one) for one in contained if _text(one.get("id")) == target[1:]), "") or target[1:]
        known = next((self.names[key] for key in self.keys(target, sender) if key in self.names), "")
        return known or ("" if target.startswith("urn:") else target.rsplit("/", 1)[-1])

    def mrn(self, resource: Body, sender: str, column: str) -> str:
        """The record number of whom a resource is about.

        Raises:
            Refused: nobody, something that is no patient, or two people.
        """
        subject = _dict(resource.get(column))
        reference = _text(subject.get("reference"))
        stated = _text(_dict(subject.get("identifier")).get("value"))
        person: _Person | None = None
        if reference.startswith("#"):
            inside = [one for one in _dicts(resource.get("contained")) if _text(one.get("id")) == reference[1:]]
            person = _person(inside[0]) if inside else None
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


def _person(patient: Body) -> _Person | None:
    """The record number: the identifier of type MR, else the usual or only one, else the id. An old one never."""
    given = [one for one in _dicts(patient.get("identifier")) if _text(one.get("value")) and one.get("use") != "old"]
    numbers = frozenset(_text(one["value"]) for one in given)
    ours = [one for one in given if _text(one.get("system")) == OUR_RECORD_NUMBERS]
    medical = ours or [one for one in given if any(code.get("code") == "MR" for code in _codings(one.get("type")))]
    usual = [one for one in given if one.get("use") in {"usual", "official"}]
    chosen = next(iter(medical or usual or given), None)
    mrn = _text(chosen["value"]) if chosen else _text(patient.get("id"))
    return _Person(mrn, numbers | {mrn}) if mrn else None


def record_number(patient: Any) -> str | None:
    """The record number a Patient resource gives its person, or None; see `_person`."""
    person = _person(_dict(patient))
    return None if person is None else person.mrn


def _called(resource: Body) -> str:
    name = resource.get("name")
    if isinstance(name, str):
        return name.strip()
    human = _first(name)
    if human:
        return _text(human.get("text")) or " ".join(
            filter(None, [*map(_text, _list(human.get("given"))), _text(human.get("family"))])
        )
    device = _first(resource.get("deviceName"))
    return _text(device.get("name")) or _name_of(resource.get("type"))


# ------------------------------------------------------------------------------------------------------------- sources


@dataclass(frozen=True)
class ResourceSheet:
    """The facts of one kind that one sender has in one file."""

    content: Content
    kind: Kind
    sender: str
    diagnoses: bool
    index: _Index

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet; the file is read again for each kind, and lines are never all in memory."""
        records = self._diagnosed() if self.diagnoses else self._records()
        warnings: list[str] = []
        sheet = CodedSheet(self.kind, self.name, self._told(records, warnings), _sender_name(self.sender))
        sheet.warnings = warnings
        yield sheet

    def _told(self, records: Iterator[Record], warnings: list[str]) -> Iterator[Record]:
        """The records; at their end it is known how many patients were named by a reference alone."""
        self.index.taken_as_number.clear()
        yield from records
        many = len(self.index.taken_as_number)
        if many:
            warnings.append(
                f"{self.name}: {many} {'patient was' if many == 1 else 'patients were'} named by a reference alone; "
                "its id was taken as the record number"
            )

    def _mine(self) -> Iterator[Entry]:
        for entry in self.content.entries():
            if entry.sender == self.sender and _sorted_into(entry) == (self.kind, self.diagnoses):
                yield entry

    def _records(self) -> Iterator[Record]:
        for entry in self._mine():
            yield from _records_of(entry, self.kind, self.index)

    def _diagnosed(self) -> Iterator[Record]:
        # The last word counts, so the newest diagnosis comes last, and "unspecified" never hides a known one.
        entries = sorted(
            self._mine(),
            key=lambda entry: (
                getattr(_myositis(entry.resource), "code", "") != "UNSPECIFIED",
                _text(entry.resource.get("recordedDate")) or _text(entry.resource.get("onsetDateTime")),
            ),
        )
        for entry in entries:
            yield from _records_of(entry, self.kind, self.index)


def find_resources(paths: Sequence[Path], timezone: str = "UTC") -> tuple[list[ResourceSheet], list[str]]:
    """The facts in files and folders of resources, in the order in which they have to be loaded, and warnings.

    Raises:
        UsageError: a path does not exist, a folder holds no such file, or a file is not FHIR.
    """
    files: list[Path] = []
    warnings: list[str] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
            wanted = [one for one in inside if one.suffix.lower() in SUFFIXES]
            if not wanted:
                raise UsageError(f"{path}: no {', '.join(SUFFIXES)} file is in this folder.")
            ignored = [one.name for one in inside if one not in wanted]
            if ignored:
                warnings.append(f"{path.name or path}: files ignored: {', '.join(ignored)}")
            files += wanted
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"{path} does not exist.")
    names = [path.name for path in files]
    contents = [Content(path.name if names.count(path.name) == 1 else str(path), path) for path in files]
    sheets, more = sheets_of(contents, timezone)
    return sheets, warnings + more


def sheets_of(contents: Sequence[Content], timezone: str = "UTC") -> tuple[list[ResourceSheet], list[str]]:
    """The same for messages that were never files.

    Raises:
        UsageError: one of them is not FHIR.
    """
    index = _Index(timezone)
    warnings: list[str] = []
    there: list[tuple[int, int, ResourceSheet]] = []
    for place, content in enumerate(contents):
        groups: dict[tuple[Kind, bool, str], None] = {}
        ignored: Counter[str] = Counter()
        for entry in content.entries():
            index.add(entry)
            sorted_into = _sorted_into(entry)
            if sorted_into is not None:
                groups[(*sorted_into, entry.sender)] = None
            elif entry.type not in SUPPORTING:
                ignored[entry.type] += 1
        for kind, diagnoses, sender in groups:
            order = 2 * KINDS.index(kind) + diagnoses
            there.append((order, place, ResourceSheet(content, kind, sender, diagnoses, index)))
        if ignored:
            listed = ", ".join(f"{number} {name}" for name, number in ignored.items())
            warnings.append(f"{content.name}: resources without a fact for this clinic ignored: {listed}")
    return [sheet for _, _, sheet in sorted(there, key=lambda one: one[:2])], warnings


def _sorted_into(entry: Entry) -> tuple[Kind, bool] | None:
    """Which kind of fact an entry is, and whether it is a diagnosis; None for what holds none."""
    kind = entry.type
    if entry.why or kind == "Observation":
        # A panel holds results by reference and has no value of its own.
        return None if _is_panel(entry.resource) else ("observations", False)
    if kind == "Patient":
        return "patients", False
    if kind in MEDICATIONS:
        return "medications", False
    if kind == "Condition":
        return ("patients", True) if _myositis(entry.resource) is not None else ("events", False)
    return ("events", False) if kind == "Procedure" else None


def _is_panel(resource: Body) -> bool:
    return bool(
        _list(resource.get("hasMember")) and not _list(resource.get("component")) and not any(_values(resource))
    )


_Cells = dict[str, str]
_Reader = Callable[[Entry, _Index], Iterable[tuple[_Cells, Mapping[str, str]]]]


def _records_of(entry: Entry, kind: Kind, index: _Index) -> Iterator[Record]:
    sent = entry.resource or entry.sent
    try:
        if entry.why:
            raise Refused("", "", entry.why)
        for cells, paths in _READERS[entry.type](entry, index):
            yield entry.line, CodedRow(kind, cells, paths, sent), ""
    except Refused as refused:
        paths = _PATHS.get(entry.type, {})
        yield entry.line, CodedRow(kind, {}, paths, sent, refused), refused.why


# --------------------------------------------------------------------------------------------------------------- times


def _day(text: str, timezone: str) -> str:
    """The clinic day of a FHIR date or instant; what is no whole day is left for the reader to refuse."""
    if len(text) <= 10:
        return text
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    return (moment.date() if moment.tzinfo is None else moment.astimezone(ZoneInfo(timezone)).date()).isoformat()


def _last_day(text: str, timezone: str) -> str:
    """The last clinic day of a period. A period that ends at midnight ended with the day before."""
    day = _day(text, timezone)
    if len(text) > 10 and day != text:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        local = moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(timezone))
        if local.time() == dt.time():
            return (local.date() - dt.timedelta(days=1)).isoformat()
    return day


def _known_since(resource: Body, *, corrected: bool) -> str:
    """When it became known: when it was issued, and a correction not before it was written."""
    issued, updated = _text(resource.get("issued")), _text(_dict(resource.get("meta")).get("lastUpdated"))
    if not corrected or not issued or not updated:
        return issued or updated
    try:
        moments = [(dt.datetime.fromisoformat(text.replace("Z", "+00:00")), text) for text in (issued, updated)]
        return max(moments)[1]
    except (ValueError, TypeError):
        return issued


# -------------------------------------------------------------------------------------------------------------- people

_GENDERS = {"female": "female", "male": "male", "other": "other", "unknown": "unknown"}


def _patient(entry: Entry, index: _Index) -> Iterable[tuple[_Cells, Mapping[str, str]]]:
    resource = entry.resource
    person = _person(resource)
    if person is None:
        raise Refused("mrn", "", "the patient has neither an identifier nor an id")
    links = _dicts(resource.get("link"))
    if any(link.get("type") == "replaced-by" for link in links):
        raise Refused("status", person.mrn, "this record was replaced by another one; send the one that holds")
    name = next((one for one in _dicts(resource.get("name")) if one.get("use") == "official"), None)
    human = name or _first(resource.get("name"))
    born, gender = _text(resource.get("birthDate")), _text(resource.get("gender"))
    dead = resource.get("deceasedBoolean") is True or bool(_text(resource.get("deceasedDateTime")))
    status = "deceased" if dead else {True: "active", False: "discharged"}.get(resource.get("active"), "")  # type: ignore[arg-type]
    diagnosis = ""
    for extension in _dicts(resource.get("extension")):
        if extension.get("url") == f"{OUR_RECORD_NUMBERS}:status":
            status = _text(extension.get("valueCode"))
        elif extension.get("url") == OUR_DIAGNOSES:
            diagnosis = _code_of(extension.get("valueCodeableConcept"))
    if gender and gender not in _GENDERS:
        raise Refused("sex", gender, f"{gender!r} is no gender of FHIR: {', '.join(_GENDERS)}")
    cells = {
        "mrn": person.mrn,
        "family_name": _text(human.get("family")),
        "given_name": " ".join(filter(None, map(_text, _list(human.get("given"))))),
        # A year alone is no birth date; the patient is taken over without it.
        "birth_date": born if len(born) == 10 else "",
        "sex": gender,
        "diagnosis": diagnosis,
        "site": _text(_dict(resource.get("managingOrganization")).get("display")),
        "status": status,
    }
    return [(cells, _PATHS["Patient"])]


def _myositis(resource: Body) -> vocabulary.Diagnosis | None:
    """The myositis subtype a condition names, by code."""
    for one in _codings(resource.get("code")):
        system, code = _text(one.get("system")), _text(one.get("code"))
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
    period = _dict(resource.get("onsetPeriod"))
    return _text(resource.get("onsetDateTime")) or _text(period.get("start")) or _text(resource.get("recordedDate"))


def _condition(entry: Entry, index: _Index) -> Iterable[tuple[_Cells, Mapping[str, str]]]:
    resource = entry.resource
    verified = _code_of(resource.get("verificationStatus"))
    diagnosis = _myositis(resource)
    mrn = index.mrn(resource, entry.sender, "subject")
    if verified in {"unconfirmed", "provisional", "differential"}:
        raise Refused("status", verified, f"a {verified} condition is not on file yet")
    onset = _onset(resource)
    if diagnosis is not None:
        if verified in {"refuted", "entered-in-error"}:
            raise Refused("status", verified, f"a {verified} diagnosis is not taken back here; send the one that holds")
        if not any(person is not None and person.mrn == mrn for person in index.people.values()):
            # A diagnosis alone must not make a patient of a mistyped number.
            raise Refused("mrn", mrn, "a diagnosis is taken over together with its Patient; send both")
        day = _day(onset, index.timezone)
        cells = {"mrn": mrn, "diagnosis": diagnosis.code, "diagnosed_on": day if len(day) == 10 else ""}
        return [(cells, _PATHS["Condition"])]
    event = event_of(resource.get("code"))
    period = _dict(resource.get("abatementPeriod"))
    ended = _text(resource.get("abatementDateTime")) or _text(period.get("end"))
    cells = {
        "mrn": mrn,
        "event": event.key,
        "date": _day(onset, index.timezone),
        "end_date": _day(ended, index.timezone),
        "present": "no" if verified == "refuted" else "yes",
        "detail": _detail(resource),
        "received_at": _text(_dict(resource.get("meta")).get("lastUpdated")) or _text(resource.get("recordedDate")),
        "source_id": _source_id(resource),
        "status": "entered-in-error" if verified == "entered-in-error" else "final",
    }
    return [(cells, _PATHS["Condition"])]


def _procedure(entry: Entry, index: _Index) -> Iterable[tuple[_Cells, Mapping[str, str]]]:
    resource = entry.resource
    status = _text(resource.get("status"))
    if status not in {"completed", "in-progress", "not-done", "entered-in-error", "stopped"}:
        raise Refused("status", status, f"a procedure that is {status or 'without status'} has not been done")
    mrn = index.mrn(resource, entry.sender, "subject")
    event = event_of(resource.get("code"))
    period = _dict(resource.get("performedPeriod"))
    cells = {
        "mrn": mrn,
        "event": event.key,
        "date": _day(_text(resource.get("performedDateTime")) or _text(period.get("start")), index.timezone),
        "end_date": _last_day(_text(period.get("end")), index.timezone),
        "present": "no" if status == "not-done" else "yes",
        "detail": _detail(resource),
        "received_at": _text(_dict(resource.get("meta")).get("lastUpdated")),
        "source_id": _source_id(resource),
        "status": "entered-in-error" if status == "entered-in-error" else "final",
    }
    return [(cells, _PATHS["Procedure"])]


def _detail(resource: Body) -> str:
    notes = (_text(note.get("text")) for note in _dicts(resource.get("note")))
    return " ".join(filter(None, notes))


def event_of(concept: Any) -> vocabulary.EventKind:
    """The event a code or its words name.

    Raises:
        Refused: none of the vocabulary.
    """
    for one in _codings(concept):
        system, code = _text(one.get("system")), _text(one.get("code"))
        for event in vocabulary.events().values():
            if (system == SNOMED and event.snomed and code == event.snomed) or (
                system in {OUR_EVENTS, ""} and code == event.key
            ):
                return event
    said = {vocabulary.name_key(name) for name in _names_of(concept)}
    for event in vocabulary.events().values():
        if said & {vocabulary.name_key(event.key), vocabulary.name_key(event.label)}:
            return event
    codes = ", ".join(
        " ".join(filter(None, (_text(one.get("code")), _text(one.get("display"))))) for one in _codings(concept)
    )
    named = codes or _name_of(concept)
    raise Refused("event", named, f"no event is known for {named!r}" if named else "it has no code")


def _source_id(resource: Body) -> str:
    return _text(resource.get("id"))


# -------------------------------------------------------------------------------------------------------------- results

_STATUSES = {
    "final": "final",
    "corrected": "corrected",
    "amended": "corrected",
    "appended": "corrected",
    "entered-in-error": "entered-in-error",
    "cancelled": "cancelled",
}
_NOT_DONE = frozenset({"not-performed", "not-asked", "asked-declined", "not-applicable", "unsupported"})
_COMPARATORS = {"<": "<", "<=": "<", ">": ">", ">=": ">"}
_PRESENCE_CODES = {
    "10828004": "positive",
    "260385009": "negative",
    "260373001": "detected",
    "260415000": "not detected",
}


def _observation(entry: Entry, index: _Index) -> Iterable[tuple[_Cells, Mapping[str, str]]]:
    resource = entry.resource
    status = _text(resource.get("status"))
    known = _STATUSES.get(status)
    if known is None:
        why = "has no status" if not status else f"is {status}, not final"
        raise Refused("status", status, f"the result {why}; it is taken over once it is")
    mrn = index.mrn(resource, entry.sender, "subject")
    period = _dict(resource.get("effectivePeriod"))
    contained = _dicts(resource.get("contained"))
    common = {
        "mrn": mrn,
        "observed_at": _text(resource.get("effectiveDateTime"))
        or _text(resource.get("effectiveInstant"))
        or _text(period.get("start")),
        "assay": _name_of(resource.get("method")) or index.name(resource.get("device"), entry.sender, contained),
        "assessor": index.name(_first(resource.get("performer")), entry.sender, contained),
        "received_at": _known_since(resource, corrected=known != "final"),
        "status": known,
        "source_id": _source_id(resource),
        "comment": " ".join(filter(None, (_text(note.get("text")) for note in _dicts(resource.get("note"))))),
    }
    if _text(resource.get("effectiveInstant")) == "" and resource.get("effectiveTiming") is not None:
        raise Refused("observed_at", "", "a timing is no point in time; give effectiveDateTime")
    parts = _dicts(resource.get("component"))
    has_value = any(_values(resource))
    if not parts or has_value or resource.get("dataAbsentReason") is not None:
        yield _result(resource, common), _PATHS["Observation"]
    for place, part in enumerate(parts):
        inside = f"Observation.component[{place}]"
        paths = {**_PATHS["Observation"], **{
            column: path.replace("Observation", inside, 1) for column, path in _PATHS["Observation"].items()
            if column in _IN_COMPONENT
        }}  # fmt: skip
        try:
            cells = _result(part, common)
        except Refused as refused:
            raise Refused(paths.get(refused.column, refused.column), refused.value, refused.why) from None
        yield cells, paths


def _result(part: Body, common: Mapping[str, str]) -> _Cells:
    """The cells of one value: that of an observation, or that of one of its components."""
    code = part.get("code")
    codings = [
        Coding(_system(_text(one.get("system"))), _text(one.get("code")), _text(one.get("display")))
        for one in _codings(code)
    ]
    measure = measure_of(codings, _text(_dict(code).get("text")))
    cells = {**common, "measure": measure.key}
    value, unit = _value(part, measure)
    absent = _code_of(part.get("dataAbsentReason"))
    if not value and part.get("dataAbsentReason") is not None and common["status"] in {"final", "corrected"}:
        why = _name_of(part.get("dataAbsentReason"))
        if absent not in _NOT_DONE and absent != "error":
            raise Refused("value", absent, f"there is no value: {why or 'no reason'}")
        cells |= {"status": "cancelled" if absent == "error" else "not-done", "reason": why}
    low, high = _limits(part, measure, unit)
    return cells | {"value": value, "unit": unit, "lower_limit": low, "upper_limit": high}


@lru_cache(maxsize=1024)
def _system(system: str) -> str:
    if system in {LOINC_SYSTEM, LOINC, "urn:oid:2.16.840.1.113883.6.1"}:
        return LOINC
    # A local code of a laboratory nobody told us about is as good as its name, which is checked.
    return OTHER if system.startswith(_STANDARD_SYSTEMS) else LOCAL


def _number(value: Any, column: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(column, str(value), f"{value!r} is not a number")
    return repr(value)


def _value(part: Body, measure: vocabulary.Measure) -> tuple[str, str]:
    """Value as text, with its comparator, and the unit; both '' where there is none."""
    if part.get("valueQuantity") is not None:
        quantity = _dict(part["valueQuantity"])
        if quantity.get("value") is None:
            return "", ""
        comparator = _text(quantity.get("comparator"))
        if comparator and comparator not in _COMPARATORS:
            raise Refused("comparator", comparator, f"{comparator!r} is no comparator of a measured value")
        number = _number(quantity["value"], "value")
        return f"{_COMPARATORS.get(comparator, '')}{number}", _unit(measure, quantity)
    if part.get("valueInteger") is not None:
        return _number(part["valueInteger"], "value"), ""
    if part.get("valueBoolean") is not None and measure.family == "presence":
        return ("1" if part["valueBoolean"] is True else "0"), ""
    if part.get("valueString") is not None:
        return _text(part["valueString"]), ""
    if part.get("valueCodeableConcept") is not None:
        concept = part["valueCodeableConcept"]
        codes = [_PRESENCE_CODES.get(_text(one.get("code")), "") for one in _codings(concept)]
        said = [word for word in (*codes, *(name.lower() for name in _names_of(concept))) if word in PRESENCE_WORDS]
        if len({PRESENCE_WORDS[word] for word in said}) > 1:
            raise Refused("value", _name_of(concept), "its code and its words say the opposite of each other")
        return said[0] if said else _name_of(concept), ""
    other = next(_values(part), "")
    if other:
        raise Refused("value", other, f"{other} is not a value of {measure.label}; send valueQuantity")
    return "", ""


def _unit(measure: vocabulary.Measure, quantity: Body) -> str:
    code, system = _text(quantity.get("code")), _text(quantity.get("system"))
    return one_unit(measure.key, [code if system in {UCUM, ""} else "", _text(quantity.get("unit"))])


def _limits(part: Body, measure: vocabulary.Measure, unit: str) -> tuple[str, str]:
    """Lower and upper limit in the unit of the value; '' where none, or more than one, is reported."""
    ranges = [one for one in _dicts(part.get("referenceRange")) if _code_of(one.get("type")) in {"", "normal"}]
    found: set[tuple[str, str]] = set()
    for one in ranges:
        sides = []
        for side in ("low", "high"):
            quantity = _dict(one.get(side))
            if quantity.get("value") is None:
                sides.append("")
                continue
            number = _number(quantity["value"], f"{'lower' if side == 'low' else 'upper'}_limit")
            sides.append(in_unit_of_value(measure.key, number, _unit(measure, quantity), unit))
        if not any(sides):
            told = limits_of_text(_text(one.get("text")))
            sides = [in_unit_of_value(measure.key, limit, told.unit, unit) for limit in (told.low, told.high)]
        if any(sides):
            found.add((sides[0], sides[1]))
    # Ranges for several ages or sexes: which of them is meant cannot be told from here.
    return next(iter(found)) if len(found) == 1 else ("", "")


# --------------------------------------------------------------------------------------------------------- medications

_ROUTES = {
    "26643006": "oral",
    "47625008": "iv",
    "78421000": "im",
    "34206005": "sc",
    "6064005": "topical",
    "447694001": "inhaled",
    "12130007": "intra-articular",
}
_ROUTE_WORDS = {
    "po": "oral", "oral": "oral", "bymouth": "oral", "peros": "oral", "oraluse": "oral", "oralroute": "oral",
    "iv": "iv", "intravenous": "iv", "intravenoususe": "iv", "intravenousroute": "iv", "ivinfusion": "iv",
    "im": "im", "intramuscular": "im", "intramuscularuse": "im",
    "sc": "sc", "sq": "sc", "subcut": "sc", "subcutaneous": "sc", "subcutaneoususe": "sc",
    "topical": "topical", "cutaneous": "topical", "cutaneoususe": "topical", "ocular": "topical",
    "ophthalmic": "topical", "ocularuse": "topical", "nasal": "inhaled",
    "inhalation": "inhaled", "inhaled": "inhaled", "inhalationuse": "inhaled",
    "intraarticular": "intra-articular", "intraarticularuse": "intra-articular",
}  # fmt: skip
_LOCAL_USE = {
    "D": "topical",
    "S": "topical",
    "C05": "topical",
    "A01": "topical",
    "A07": "",
    "R01": "inhaled",
    "R03": "inhaled",
}
"""Homes of steroids in the ATC that are not taken for the whole body."""

_PERIOD_DAYS = {
    "h": Fraction(1, 24), "d": Fraction(1), "wk": Fraction(7), "mo": Fraction(28), "min": Fraction(1, 1440),
}  # fmt: skip
"""A dose a month is given every four weeks in this program's words."""
_EVERY = {
    Fraction(1): "daily", Fraction(1, 2): "twice-daily", Fraction(1, 3): "three-times-daily",
    Fraction(2): "every-other-day", Fraction(7): "weekly", Fraction(14): "every-2-weeks",
    Fraction(28): "every-4-weeks",
}  # fmt: skip
_TIMING_CODES = {
    "QD": "daily", "DAILY": "daily", "AM": "daily", "PM": "daily", "BED": "daily", "Q24H": "daily",
    "BID": "twice-daily", "Q12H": "twice-daily", "TID": "three-times-daily", "Q8H": "three-times-daily",
    "QOD": "every-other-day", "WK": "weekly", "QW": "weekly", "Q2W": "every-2-weeks", "Q4W": "every-4-weeks",
    "MO": "every-4-weeks", "ONCE": "once",
}  # fmt: skip
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
PULSE_FROM_MG = 250
"""An intravenous steroid of at least this much a day is a pulse [default]."""


def _medication(entry: Entry, index: _Index) -> Iterable[tuple[_Cells, Mapping[str, str]]]:
    resource, kind = entry.resource, entry.type
    status = _text(resource.get("status"))
    known = _TAKEN[kind].get(status)
    if known is None:
        raise Refused("status", status, f"a {kind} that is {status or 'without status'} does not say what was taken")
    if _text(resource.get("intent")) in _PROPOSED:
        raise Refused("status", _text(resource["intent"]), f"a {resource['intent']} is not taken yet")
    mrn = index.mrn(resource, entry.sender, "subject")
    name, home = drug_of(_concept(entry, index))
    meta = _dict(resource.get("meta"))
    common = {
        "mrn": mrn,
        "drug": name,
        "status": known,
        "received_at": _text(meta.get("lastUpdated"))
        or _text(resource.get("dateAsserted"))
        or _text(resource.get("authoredOn")),
    }
    paths = _PATHS[kind]
    if kind == "MedicationAdministration":
        dosage = _dict(resource.get("dosage"))
        period = _dict(resource.get("effectivePeriod"))
        start = _text(resource.get("effectiveDateTime")) or _text(period.get("start"))
        dose, unit = _dose(_dict(dosage.get("dose")))
        cells = common | {"dose": dose, "unit": unit, "frequency": "once", "source_id": _source_id(resource)}
        cells["start_date"] = _day(start, index.timezone)
        cells["end_date"] = _last_day(_text(period.get("end")), index.timezone)
        yield _with_route(cells, _route(dosage.get("route"), home)), paths
        return
    dosages = _dicts(resource.get("dosage" if kind == "MedicationStatement" else "dosageInstruction")) or [{}]
    for place, dosage in enumerate(dosages):
        if dosage.get("asNeededBoolean") is True or dosage.get("asNeededCodeableConcept") is not None:
            raise Refused("frequency", "as needed", "taken as needed: no dose per day follows from it")
        rates = _dicts(dosage.get("doseAndRate"))
        if any("doseRange" in rate for rate in rates):
            raise Refused("dose", "range", "the dose is a range; the dose taken is needed")
        dose, unit = _dose(_dict(next((rate["doseQuantity"] for rate in rates if "doseQuantity" in rate), {})))
        start, end = _span(resource, dosage, index.timezone)
        if known == "stopped" and not end:
            # It was stopped, at the latest, when that was written down.
            end = _day(_text(meta.get("lastUpdated")), index.timezone)
        identifier = _source_id(resource)
        cells = common | {
            "dose": dose,
            "unit": unit,
            "frequency": _frequency(_dict(dosage.get("timing"))),
            "start_date": start,
            "end_date": end if not start or not end or end >= start else start,
            "source_id": f"{identifier}#{place + 1}" if identifier and place else identifier,
        }
        yield _with_route(cells, _route(dosage.get("route"), home)), paths


def _concept(entry: Entry, index: _Index) -> Body:
    """What drug it is: a concept, or a Medication referred to."""
    resource = entry.resource
    concept = _dict(resource.get("medicationCodeableConcept"))
    if concept:
        return concept
    said = _dict(resource.get("medicationReference"))
    target = _text(said.get("reference"))
    if target.startswith("#"):
        for one in _dicts(resource.get("contained")):
            if _text(one.get("id")) == target[1:]:
                return _dict(one.get("code"))
    for key in index.keys(target, entry.sender) if target else ():
        if key in index.drugs:
            return index.drugs[key]
    shown = _text(said.get("display"))
    if not shown:
        raise Refused(
            "drug", target, f"the medication {target} is not in this import" if target else "no drug is named"
        )
    return {"text": shown}


@lru_cache(maxsize=1)
def _by_atc() -> Mapping[str, tuple[vocabulary.Drug, ...]]:
    found: dict[str, list[vocabulary.Drug]] = {}
    for row in vocabulary.drugs().values():
        if row.atc:
            found.setdefault(row.atc, []).append(row)
    return {code: tuple(rows) for code, rows in found.items()}


def drug_of(concept: Body) -> tuple[str, str]:
    """The drug's name, and the home in the ATC of a form that is not for the whole body ('' for any other).

    Raises:
        Refused: no name, or a code and a name that mean different drugs.
    """
    coded: dict[str, vocabulary.Drug] = {}
    home = ""
    for one in _codings(concept):
        system, code = _text(one.get("system")), _text(one.get("code"))
        known: vocabulary.Drug | None = None
        if system == RXNORM:
            known = vocabulary.drug_for_rxnorm(code)
        elif system == OUR_DRUGS:
            known = vocabulary.drugs().get(code)
        elif system == ATC or system.endswith("/atc"):
            rows = _by_atc().get(code.upper(), ())
            # Mycophenolate mofetil and mycophenolic acid share a code: the name decides.
            known = rows[0] if len(rows) == 1 else None
            home = next((prefix for prefix in _LOCAL_USE if code.upper().startswith(prefix)), home)
        if known is not None:
            coded[known.key] = known
    names = _names_of(concept)
    named = {known.key: known for name in names if (known := _drug_named(name)) is not None}
    meant = {**coded, **named}
    if len(meant) > 1:
        raise Refused("drug", ", ".join(names), f"its codes and names mean different drugs: {', '.join(sorted(meant))}")
    if meant:
        return next(iter(meant)), home
    name = next(iter(names), "")
    if not name:
        code = _code_of(concept)
        raise Refused(
            "drug", code, f"no drug is known for the code {code!r}, and it has no name" if code else "no drug is named"
        )
    return name, home


_PRODUCT = re.compile(r"(?P<name>[^\d/]+?)(?: sodium| hydrochloride)?\s+\d.*", re.IGNORECASE | re.DOTALL)
_PLAIN_FORM = re.compile(r"(?:oral|tablet|capsule|inject|infusion|solution|suspension|iv\b|intravenous)", re.IGNORECASE)
_LOCAL_FORM = re.compile(
    r"(?:ophthalm|eye|otic|ear|nasal|topical|cream|ointment|inhal|rectal|enema|foam|aerosol)", re.IGNORECASE
)


def _drug_named(name: str) -> vocabulary.Drug | None:
    """A drug by its name, or by that of a product (`Prednisone 5 MG Oral Tablet`); never of a mixture."""
    known = vocabulary.drug(name)
    if known is not None or "/" in name:
        return known
    found = _PRODUCT.fullmatch(name.strip())
    if found is None or _LOCAL_FORM.search(name) or not (_PLAIN_FORM.search(name) or len(name) < 40):
        return None
    return vocabulary.drug(found["name"])


def _dose(quantity: Body) -> tuple[str, str]:
    if quantity.get("value") is None:
        return "", ""
    number = _number(quantity["value"], "dose")
    spelled = [_text(quantity.get("code")), _text(quantity.get("unit"))]
    known = {unit.lower().replace("\u00b2", "2").replace("^2", "2") for unit in spelled if unit}
    units = sorted(known & {*vocabulary.DOSE_UNITS, "ug", "mcg", "\u00b5g"})
    if len({"ug" if unit in {"mcg", "\u00b5g"} else unit for unit in units}) > 1:
        raise Refused("unit", " / ".join(units), f"the unit is named twice and not the same: {' and '.join(units)}")
    if units and units[0] in {"ug", "mcg", "\u00b5g"}:
        return repr(float(Fraction(number) / 1000)), "mg"
    return number, units[0] if units else next(filter(None, spelled), "")


def _frequency(timing: Body) -> str:
    """How often, in the vocabulary's words; what is said otherwise is left for the reader to refuse."""
    concept = timing.get("code")
    for one in _codings(concept):
        if (known := _TIMING_CODES.get(_text(one.get("code")).upper())) is not None:
            return known
    repeat = _dict(timing.get("repeat"))
    period = repeat.get("period")
    if isinstance(period, (int, float)) and not isinstance(period, bool) and period > 0:
        times, unit = repeat.get("frequency", 1), _text(repeat.get("periodUnit"))
        if isinstance(times, int) and times > 0 and unit in _PERIOD_DAYS:
            every = Fraction(repr(period)) * _PERIOD_DAYS[unit] / times
            if every in _EVERY:
                return _EVERY[every]
        return f"{times} per {period} {unit}"
    if repeat.get("count") == 1 or (_list(timing.get("event")) and not repeat):
        return "once"
    for name in _names_of(concept):
        for row in vocabulary.frequencies().values():
            if vocabulary.name_key(name) in {vocabulary.name_key(row.key), vocabulary.name_key(row.label)}:
                return row.key
    return _name_of(concept)


def _span(resource: Body, dosage: Body, timezone: str) -> tuple[str, str]:
    """First and last day taken; the dosage's own bounds count before the statement's."""
    repeat = _dict(_dict(dosage.get("timing")).get("repeat"))
    bounds, whole = _dict(repeat.get("boundsPeriod")), _dict(resource.get("effectivePeriod"))
    start = _day(
        _text(bounds.get("start"))
        or _text(whole.get("start"))
        or _text(resource.get("effectiveDateTime"))
        or _text(resource.get("authoredOn")),
        timezone,
    )
    end = _last_day(_text(bounds.get("end")) or _text(whole.get("end")), timezone)
    length = _dict(repeat.get("boundsDuration"))
    unit = {"d": 1, "wk": 7, "day": 1, "days": 1, "week": 7, "weeks": 7}.get(
        _text(length.get("code")) or _text(length.get("unit"))
    )
    if not end and unit and isinstance(length.get("value"), int) and 0 < length["value"] < 10_000:
        try:
            end = (dt.date.fromisoformat(start) + dt.timedelta(days=length["value"] * unit - 1)).isoformat()
        except ValueError:
            end = ""
    return start, end


def _route(concept: Any, home: str) -> str:
    """The route; a form of the ATC that is not for the whole body tells it where nobody else does.

    Raises:
        Refused: a route that is none of ours. Left out it would count as oral.
    """
    for one in _codings(concept):
        if (known := _ROUTES.get(_text(one.get("code")))) is not None and _text(one.get("system")) in {SNOMED, ""}:
            return known
    said = [*_names_of(concept), _code_of(concept)]
    for name in said:
        if (known := _ROUTE_WORDS.get(vocabulary.name_key(name))) is not None:
            return known
    if any(said):
        raise Refused(
            "route",
            said[0],
            f"{said[0] or said[-1]!r} is not a route known here; {', '.join(sorted(vocabulary.ROUTES))} are",
        )
    return _LOCAL_USE.get(home, "")


def _with_route(cells: _Cells, route: str) -> _Cells:
    """The row with its route and what follows from it for the intent."""
    cells["route"] = route
    known = vocabulary.drug(cells["drug"])
    if route == "iv":
        per_kilogram = "/" in cells["unit"]
        amount = float(cells["dose"] or 0) * (1000 if cells["unit"].startswith("g") else 1)
        steroid = known is not None and known.is_glucocorticoid
        pulse = steroid and (amount >= PULSE_FROM_MG if not per_kilogram else amount >= 10)
        cells["intent"] = "pulse" if pulse else "daily" if steroid and cells["frequency"] != "once" else "infusion"
    return cells


# -------------------------------------------------------------------------------------------------------------- tables

_READERS: Mapping[str, _Reader] = {
    "Patient": _patient,
    "Condition": _condition,
    "Procedure": _procedure,
    "Observation": _observation,
    **dict.fromkeys(MEDICATIONS, _medication),
}

_IN_COMPONENT = frozenset({"measure", "value", "unit", "upper_limit", "lower_limit", "comparator"})

_STATEMENT = {
    "mrn": "subject",
    "drug": "medicationCodeableConcept",
    "dose": "dosage.doseAndRate.doseQuantity.value",
    "unit": "dosage.doseAndRate.doseQuantity.unit",
    "frequency": "dosage.timing",
    "route": "dosage.route",
    "start_date": "effectivePeriod.start",
    "end_date": "effectivePeriod.end",
    "status": "status",
    "received_at": "meta.lastUpdated",
    "source_id": "id",
}


def _under(root: str, paths: Mapping[str, str]) -> Mapping[str, str]:
    return {column: f"{root}.{path}" for column, path in paths.items()}


_PATHS: Mapping[str, Mapping[str, str]] = {
    "Patient": _under(
        "Patient",
        {
            "mrn": "identifier", "family_name": "name.family", "given_name": "name.given", "birth_date": "birthDate",
            "sex": "gender", "status": "active", "site": "managingOrganization",
        },
    ),
    "Observation": _under(
        "Observation",
        {
            "mrn": "subject", "measure": "code", "value": "valueQuantity.value", "unit": "valueQuantity.unit",
            "comparator": "valueQuantity.comparator", "observed_at": "effectiveDateTime",
            "upper_limit": "referenceRange.high", "lower_limit": "referenceRange.low", "assay": "method",
            "assessor": "performer", "received_at": "issued", "status": "status", "reason": "dataAbsentReason",
            "source_id": "id", "comment": "note",
        },
    ),
    "MedicationStatement": _under("MedicationStatement", _STATEMENT),
    "MedicationRequest": _under(
        "MedicationRequest",
        {column: path.replace("dosage.", "dosageInstruction.", 1) for column, path in _STATEMENT.items()}
        | {"start_date": "authoredOn", "end_date": "dosageInstruction.timing.repeat.boundsPeriod.end"},
    ),
    "MedicationAdministration": _under(
        "MedicationAdministration",
        _STATEMENT | {"dose": "dosage.dose.value", "unit": "dosage.dose.unit", "start_date": "effectiveDateTime"},
    ),
    "Condition": _under(
        "Condition",
        {
            "mrn": "subject", "diagnosis": "code", "diagnosed_on": "onsetDateTime", "event": "code",
            "date": "onsetDateTime", "end_date": "abatementDateTime", "status": "verificationStatus",
            "received_at": "meta.lastUpdated", "detail": "note", "source_id": "id",
        },
    ),
    "Procedure": _under(
        "Procedure",
        {
            "mrn": "subject", "event": "code", "date": "performedDateTime", "end_date": "performedPeriod.end",
            "status": "status", "received_at": "meta.lastUpdated", "detail": "note", "source_id": "id",
        },
    ),
}  # fmt: skip

"""HL7 version 2 results (ORU^R01) as observations: files of one or many messages, with or without batch headers.

The encoding is small enough to be read by hand: MSH says which characters separate, segments end with a carriage return
(or what an editor made of it). Each OBX is one row; a reason names the segment by its number in the file and the field
(`OBX-6`). An ORU makes no patients: a mistyped record number would become a person.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.importers.canonical import LONGEST_NAME, Kind, Refused
from jobs.importers.coded import (
    LOCAL,
    LOINC,
    OTHER,
    CodedRow,
    CodedSheet,
    Coding,
    in_unit_of_value,
    limits_of_text,
    loinc_or,
    measure_of,
    one_unit,
)
from jobs.importers.files import named_files
from jobs.importers.sheet import Record, Sheet
from models import vocabulary
from models.errors import UsageError

SUFFIXES = (".hl7", ".oru")
IN_FOLDERS = (*SUFFIXES, ".txt", ".dat")
BATCH = frozenset({"FHS", "BHS", "BTS", "FTS"})
KIND: Kind = "observations"

_STATUSES = {
    "F": "final",
    "U": "final",
    "C": "corrected",
    "X": "cancelled",
    "W": "entered-in-error",
    "D": "entered-in-error",
}
_NOT_FINAL = {
    "P": "preliminary", "R": "entered, not verified", "S": "partial", "I": "pending", "N": "not asked for",
    "O": "only an order", "V": "entered, not verified", "B": "outside the detection limits, without a value",
}  # fmt: skip

_PATHS: Mapping[str, str] = {
    "mrn": "PID-3", "measure": "OBX-3", "value": "OBX-5", "unit": "OBX-6", "observed_at": "OBX-14",
    "upper_limit": "OBX-7", "lower_limit": "OBX-7", "status": "OBX-11", "assay": "OBX-17", "assessor": "OBX-16",
    "received_at": "OBR-22", "source_id": "OBR-3", "comment": "NTE-3",
}  # fmt: skip

_CHARSETS = {
    "8859/1": "iso-8859-1", "8859/15": "iso-8859-15", "8859/2": "iso-8859-2", "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8",
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- encoding


@dataclass(frozen=True)
class Encoding:
    """The characters that separate, as the message says itself."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @classmethod
    def of(cls, header: str) -> "Encoding":
        """The encoding of a header segment (MSH, FHS, BHS).

        Raises:
            ValueError: it is too short to say, or a character has two meanings.
        """
        marks = header[4:8].split(header[3], 1)[0] if len(header) > 3 else ""
        if len(marks) < 2:
            raise ValueError("the header does not say which characters separate")
        known = cls(header[3], marks[0], marks[1], marks[2:3], marks[3:4])
        used = [known.field, *marks]
        if len(set(used)) < len(used) or any(mark.isalnum() or mark.isspace() for mark in used):
            raise ValueError("one character of the header has two meanings")
        return known

    def text(self, raw: str) -> str:
        """A component with its escapes resolved; an empty pair of quotation marks means "none"."""
        if raw == '""':
            return ""
        if not self.escape or self.escape not in raw:
            return raw.strip()
        return re.sub(
            rf"{re.escape(self.escape)}([^{re.escape(self.escape)}]*){re.escape(self.escape)}",
            lambda found: self._meant(found[1]),
            raw,
        ).strip()

    def _meant(self, code: str) -> str:
        plain = {"F": self.field, "S": self.component, "R": self.repetition, "E": self.escape, "T": self.subcomponent}
        if code in plain:
            return plain[code]
        if code.startswith("X"):
            try:
                return bytes.fromhex(code[1:]).decode("utf-8", "replace")
            except ValueError:
                return ""
        # Highlighting says nothing; .br and its like end a line.
        return " " if code.startswith(".") else ""


class Segment:
    """One segment: its name, its number in the file, and its fields counted as the standard counts them."""

    __slots__ = ("encoding", "fields", "name", "number", "raw")

    def __init__(self, raw: str, number: int, encoding: Encoding) -> None:
        self.raw = raw
        self.number = number
        self.encoding = encoding
        self.fields = raw.split(encoding.field)
        self.name = self.fields[0].strip()
        if self.name == "MSH":
            # The first separator is itself field 1.
            self.fields.insert(1, encoding.field)

    def raw_field(self, place: int) -> str:
        """A field as it stands, or ''."""
        return self.fields[place] if place < len(self.fields) else ""

    def repetitions(self, place: int) -> list[list[str]]:
        """The repetitions of a field, each as its components."""
        raw = self.raw_field(place)
        if not raw:
            return []
        return [
            [self.encoding.text(part) for part in one.split(self.encoding.component)]
            for one in raw.split(self.encoding.repetition)
        ]

    def components(self, place: int) -> list[str]:
        """The components of a field's first repetition."""
        return next(iter(self.repetitions(place)), [])

    def get(self, place: int, component: int = 1) -> str:
        """One component (of the first repetition), or ''."""
        parts = self.components(place)
        return parts[component - 1] if component <= len(parts) else ""


# ---------------------------------------------------------------------------------------------------------- messages


@dataclass(frozen=True)
class Row:
    """One OBX (or what could not be read), with whom it is from."""

    sender: str
    number: int
    row: CodedRow
    why: str


def _segments(content: bytes, name: str) -> Iterator[Segment]:
    """The segments of a file, each with the encoding of its message.

    Raises:
        UsageError: there is no message in it, or the character set is not known.
    """
    text = _decoded(content, name)
    encoding = Encoding()
    seen = False
    for number, line in enumerate(_lines(text), 1):
        raw = line.strip("\x0b\x1c \t")
        if not raw:
            continue
        if raw[:3] in {"MSH", "FHS", "BHS"}:
            try:
                encoding = Encoding.of(raw)
            except ValueError as error:
                raise UsageError(f"{name}, segment {number}: {error}.") from error
        seen = seen or raw.startswith("MSH")
        yield Segment(raw, number, encoding)
    if not seen:
        raise UsageError(f"{name} holds no HL7 message: no segment begins with MSH.")


def _lines(text: str) -> list[str]:
    # Not splitlines(): it also breaks at characters that may stand within a field.
    return text.replace("\r\n", "\r").replace("\n", "\r").split("\r")


def _decoded(content: bytes, name: str) -> str:
    content = content.removeprefix(b"\xef\xbb\xbf")
    found = re.search(rb"(?:^|[\r\n\x0b])MSH(.)[^\r\n]*", content)
    said = ""
    if found is not None:
        fields = found[0].lstrip(b"\r\n\x0b").split(found[1])
        said = fields[17].decode("ascii", "replace").split("~")[0].strip().upper() if len(fields) > 17 else ""
    charset = _CHARSETS.get(said, "utf-8")
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not {charset}, although MSH-18 says {said or 'nothing'}.") from error


def rows_of(content: bytes, name: str) -> Iterator[Row]:
    """Every result of a file, in order; segments that belong to no result are passed over.

    Raises:
        UsageError: it is not HL7.
    """
    message = _Message()
    for segment in _segments(content, name):
        if segment.name == "MSH":
            yield from message.finish()
            message = _Message(segment)
        elif segment.name not in BATCH:
            yield from message.add(segment)
    yield from message.finish()


class _Message:
    """One message while it is being read; an OBX waits for the notes behind it."""

    def __init__(self, header: Segment | None = None) -> None:
        self.header = header
        self.patient: Segment | None = None
        self.order: Segment | None = None
        self.result: Segment | None = None
        self.notes: list[str] = []
        self.told = False

    @property
    def sender(self) -> str:
        """Who speaks: sending application and facility."""
        if self.header is None:
            return "hl7"
        names = [self.header.get(3), self.header.get(4)]
        return ":".join(["hl7", *filter(None, names)])[:LONGEST_NAME]

    @property
    def type(self) -> str:
        """`ORU^R01` and the like."""
        return "" if self.header is None else "^".join(self.header.components(9)[:2])

    def add(self, segment: Segment) -> Iterator[Row]:
        """Take the next segment; gives the result before it once nothing more can belong to that."""
        if self.header is None:
            yield self._refused(segment, "the segment stands before any message header (MSH)")
            return
        if not self.type.startswith("ORU"):
            if not self.told:
                self.told = True
                yield self._refused(
                    self.header, f"messages of type {self.type or 'unknown'} are not read; ORU^R01 is", "MSH-9"
                )
            return
        if segment.name == "NTE":
            if self.result is not None:
                self.notes.append(segment.get(3))
            return
        yield from self._close()
        if segment.name == "PID":
            # A second patient in one message starts with no order of the first one's.
            self.patient, self.order = segment, None
        elif segment.name == "OBR":
            self.order = segment
        elif segment.name == "OBX":
            self.result = segment

    def finish(self) -> Iterator[Row]:
        """The last result."""
        yield from self._close()

    def _refused(self, segment: Segment, why: str, column: str = "") -> Row:
        refused = Refused(column, segment.raw[:80], why)
        return Row(self.sender, segment.number, CodedRow(KIND, {}, _PATHS, segment.raw, refused), why)

    def _close(self) -> Iterator[Row]:
        segment, notes = self.result, self.notes
        self.result, self.notes = None, []
        if segment is None or self.header is None:
            return
        sent = "\r".join(one.raw for one in (self.header, self.patient, self.order, segment) if one is not None)
        try:
            cells = self._cells(segment, " ".join(filter(None, notes)))
            yield Row(self.sender, segment.number, CodedRow(KIND, cells, _PATHS, sent), "")
        except Refused as refused:
            yield Row(self.sender, segment.number, CodedRow(KIND, {}, _PATHS, sent, refused), refused.why)

    def _cells(self, result: Segment, comment: str) -> dict[str, str]:
        order = self.order
        status = result.get(11).upper() or ("" if order is None else order.get(25).upper())
        known = _STATUSES.get(status)
        if known is None:
            what = _NOT_FINAL.get(status, f"status {status!r}" if status else "without status")
            raise Refused("status", status, f"the result is {what}; it is taken over once it is final")
        if self.patient is None:
            raise Refused("mrn", "", "no PID stands before the result: whose is it?")
        mrn = _record_number(self.patient)
        codings = [coding for start in (0, 3) if (coding := _coding(result.components(3)[start : start + 3]))]
        measure = measure_of(codings, "")
        value = _value(result, measure)
        unit = one_unit(measure.key, _unit_names(result))
        limits = limits_of_text(self._plain(result, 7))
        observed = result.get(14) or ("" if order is None else order.get(7))
        return {
            "mrn": mrn,
            "measure": measure.key,
            "value": value,
            "unit": unit,
            "observed_at": self._time(observed, "observed_at"),
            "upper_limit": in_unit_of_value(measure.key, limits.high, limits.unit, unit),
            "lower_limit": in_unit_of_value(measure.key, limits.low, limits.unit, unit),
            "assay": result.get(17, 2) or result.get(17) or result.get(18),
            "assessor": " ".join(filter(None, (result.get(16, 3), result.get(16, 2)))) or result.get(16),
            "received_at": self._time(("" if order is None else order.get(22)) or self._sent_at, "received_at"),
            "status": known,
            "reason": comment if known != "final" else "",
            "source_id": self._source_id(result),
            "comment": comment,
        }

    @staticmethod
    def _plain(segment: Segment, place: int) -> str:
        return segment.encoding.text(segment.raw_field(place))

    @property
    def _sent_at(self) -> str:
        return "" if self.header is None else self.header.get(7)

    def _source_id(self, result: Segment) -> str:
        """The laboratory's order number and its code: what stays the same when the result is corrected."""
        order = self.order
        number = "" if order is None else next(filter(None, (self._entity(order, 3), self._entity(order, 2))), "")
        if not number:
            return ""
        parts = [number, result.get(3) or result.get(3, 4)]
        return "/".join([*parts, *filter(None, [result.get(4)])])[:LONGEST_NAME]

    @staticmethod
    def _entity(segment: Segment, place: int) -> str:
        return "^".join(filter(None, segment.components(place)[:2]))

    def _time(self, text: str, column: str) -> str:
        """An HL7 time in ISO 8601. A time without offset is in the offset of MSH-7, if that has one."""
        if not text:
            return ""
        found = _TIME.fullmatch(text)
        if found is None:
            raise Refused(column, text, f"{text!r} is not a time of HL7; write 20260531 or 202605311430+0200")
        year, month, day, hour, minute, second, offset = found.groups()
        if day is None:
            raise Refused(column, text, f"{text!r} names no day")
        said = f"{year}-{month}-{day}"
        if hour is None:
            return said
        if offset is None:
            own = _TIME.fullmatch(self._sent_at)
            offset = own[7] if own is not None else None
        at = f"{said}T{hour}:{minute or '00'}:{second or '00'}"
        return f"{at}{offset[:3]}:{offset[3:]}" if offset else at


_TIME = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.\d+)?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)


def _record_number(patient: Segment) -> str:
    """The identifier of type MR in PID-3, else its first.

    Raises:
        Refused: none.
    """
    numbers = [one for one in patient.repetitions(3) if one and one[0]]
    medical = [one for one in numbers if len(one) > 4 and one[4].upper() == "MR"]
    if not numbers:
        raise Refused("mrn", "", "the patient has no identifier")
    return (medical or numbers)[0][0]


def _coding(triplet: Sequence[str]) -> Coding | None:
    code, name, system = (*triplet, "", "", "")[:3]
    if not code and not name:
        return None
    spelled = system.upper()
    if spelled in {"LN", "LOINC"}:
        known = LOINC
    elif spelled in {"", "L", "LOCAL"} or spelled.startswith("99"):
        known = loinc_or("" if not spelled else LOCAL, code)
    else:
        known = OTHER
    return Coding(known, code, name)


def _value(result: Segment, measure: vocabulary.Measure) -> str:
    kind = result.get(2).upper()
    values = result.repetitions(5)
    if not values or not any(values[0]):
        return ""
    if len(values) > 1:
        raise Refused("value", result.raw_field(5), "the result has more than one value")
    parts = values[0]
    if kind == "SN":
        comparator, number, separator, second = (*parts, "", "", "", "")[:4]
        if separator or second:
            raise Refused("value", result.raw_field(5), "a range or ratio is not one value")
        return f"{_COMPARATORS.get(comparator, comparator)}{number}"
    if kind in {"CE", "CWE", "CNE", "CF"}:
        return parts[1] if len(parts) > 1 and parts[1] else parts[0]
    if kind not in {"NM", "ST", "TX", "FT", "IS", "ID", ""}:
        raise Refused("value", kind, f"a value of type {kind} is not a value of {measure.label}")
    text = " ".join(filter(None, parts))
    for sent, meant in _COMPARATORS.items():
        if text.startswith(sent):
            return meant + text.removeprefix(sent).strip()
    return text


_COMPARATORS = {"<=": "<", ">=": ">", "<": "<", ">": ">", "=": ""}


def _unit_names(result: Segment) -> list[str]:
    """The unit as code and as text. Some senders write `10^9/L` without escaping the separator: it is put together."""
    parts = result.components(6)
    if len(parts) == 2 and re.fullmatch(r"x?10", parts[0]):
        return [f"10*{parts[1]}"]
    return [*parts[:2], *parts[3:5]]


# ---------------------------------------------------------------------------------------------------------- sources


@dataclass(frozen=True)
class MessageSheet:
    """The results that one sender has in one file."""

    path: Path
    name: str
    sender: str
    kind: Kind = KIND

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of the file."""
        yield CodedSheet(self.kind, self.name, self._records(), self.sender)

    def _records(self) -> Iterator[Record]:
        for row in rows_of(_read(self.path), self.name):
            if row.sender == self.sender:
                yield row.number, row.row, row.why


def find_messages(paths: Sequence[Path]) -> tuple[list[MessageSheet], list[str]]:
    """The results in files and folders of HL7 messages, and warnings about what was left out.

    Raises:
        UsageError: a path does not exist, a folder holds no such file, or a file is not HL7.
    """
    files, warnings = named_files(paths, IN_FOLDERS)
    sheets: list[MessageSheet] = []
    for path, name in files:
        senders = dict.fromkeys(row.sender for row in rows_of(_read(path), name))
        sheets += [MessageSheet(path, name, sender) for sender in senders]
        if not senders:
            warnings.append(f"{name}: there is no result in it")
    return sheets, warnings


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error

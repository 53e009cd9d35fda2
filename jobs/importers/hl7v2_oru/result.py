"""The results of a message as rows: each OBX one row, or the reason why it is none.

A row that cannot be read, or needs a decision, is kept with the segments it takes to read it again alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jobs.importers.canonical import LONGEST_NAME, Kind, Merging, NothingToTake, Refused, Waits
from jobs.importers.coded import Limits, in_unit_of_value
from jobs.importers.decisions import Person, decisions
from jobs.importers.hl7v2_oru.encoding import Segment
from jobs.importers.hl7v2_oru.messages import Message
from jobs.importers.hl7v2_oru.person import claim_in, identifiers_of
from jobs.importers.hl7v2_oru.ranges import range_of
from jobs.importers.hl7v2_oru.times import iso_time
from jobs.importers.hl7v2_oru.value import codings_of, sent_value, unit_of, value_of
from jobs.importers.identity import Claim, claim_of, contradiction, number_of_ours, whose
from jobs.importers.measure_meant import meant_by_codes
from jobs.importers.message_row import MessageRow
from jobs.importers.number_marks import learn_from, plain_number
from models.vocabulary import Measure

KIND: Kind = "observations"
OCCURRENCE = "ZMY"
"""A segment of our own in kept rows: the how-manieth result of its kind it was in its message."""

_READ = ("ORU", "OUL")
_MERGES = frozenset({"A18", "A34", "A35", "A36", "A39", "A40", "A41", "A42"})

_STATUSES = {
    "F": "final", "U": "final", "C": "corrected", "X": "cancelled", "W": "entered-in-error", "D": "entered-in-error",
}  # fmt: skip
_NOT_FINAL = {
    "P": "preliminary", "R": "entered, not verified", "S": "partial", "I": "pending", "N": "not asked for",
    "O": "only an order", "V": "entered, not verified", "B": "outside the detection limits, without a value",
}  # fmt: skip
_PROCESSING = {"T": "a test or training message", "D": "a message for finding faults"}

_PATHS = {
    "mrn": "PID-3", "measure": "OBX-3", "value": "OBX-5", "unit": "OBX-6", "observed_at": "OBX-14",
    "upper_limit": "OBX-7", "lower_limit": "OBX-7", "status": "OBX-11", "assay": "OBX-17", "assessor": "OBX-16",
    "received_at": "OBR-22", "source_id": "OBR-3", "comment": "NTE-3",
}  # fmt: skip


class Row(NamedTuple):
    """One result, or what could not be read, with whom it is from."""

    sender: str
    number: int
    row: MessageRow
    why: str


@dataclass
class _Order:
    """An OBR with what belongs to it, as far as it has been read."""

    segment: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)
    results: list[tuple[Segment, list[Segment]]] = field(default_factory=list)


@dataclass
class _Part:
    """A patient of a message with their orders."""

    patient: Segment | None = None
    orders: list[_Order] = field(default_factory=list)


def rows_of_message(message: Message) -> Iterator[Row]:
    """Every result of a message; at least one row for every message, so that each is counted."""
    if message.header is None:
        yield _of_unreadable(message)
        return
    if message.processing != "P" and not message.type.startswith(_READ):
        yield _of_whole(message, not_production(message))
        return
    if message.type.startswith("ADT") and message.type.partition("^")[2] in _MERGES:
        yield _of_whole(message, _merge(message))
        return
    if not message.type.startswith(_READ):
        why = f"messages of type {message.type or 'unknown'} are not read; ORU^R01 is"
        yield _of_whole(message, Refused("MSH-9", message.header.raw[:80], why))
        return
    rows = 0
    occurrences: Counter[tuple[str, ...]] = Counter()
    for part in _parts(message):
        reader = _Reader(message, part.patient, occurrences)
        for order in part.orders:
            for result, notes in order.results:
                rows += 1
                yield reader.row(order, result, notes)
    if not rows:
        why = "the report holds no result: no OBX segment is in it"
        refused = not_production(message) if message.processing != "P" else Refused("OBX", "", why)
        yield _of_whole(message, refused)


def _parts(message: Message) -> list[_Part]:
    """The patients of a message with orders, results, notes and specimens where the standard puts them."""
    parts = [_Part(orders=[_Order()])]
    ahead: list[Segment] = []
    notes: list[Segment] | None = None
    for segment in message.segments:
        part = parts[-1]
        order = part.orders[-1]
        if segment.name == "PID":
            # A second patient in one message starts with no order of the first one's.
            parts.append(_Part(segment, [_Order()]))
            ahead, notes = [], None
        elif segment.name == "OBR":
            order = _Order(segment, specimens=list(ahead))
            part.orders.append(order)
            notes = order.notes
        elif segment.name == "OBX":
            notes = []
            order.results.append((segment, notes))
        elif segment.name == "NTE":
            if notes is not None:
                notes.append(segment)
        elif segment.name == "SPM":
            # In an ORU the specimen follows its results, in an OUL it comes before its orders.
            if message.type.startswith("OUL"):
                ahead = [segment]
            else:
                order.specimens.append(segment)
            notes = None
        elif segment.name != "TQ1":
            notes = None
    return parts


class _Reader:
    """Reads the results of one patient of a message."""

    def __init__(self, message: Message, patient: Segment | None, occurrences: Counter[tuple[str, ...]]) -> None:
        self.message = message
        self.sender = message.sender
        self.patient = patient
        self._occurrences = occurrences
        self._claim = Claim() if patient is None else claim_in(patient)
        self._whose: Person | Refused | None = None

    def row(self, order: _Order, result: Segment, notes: Sequence[Segment]) -> Row:
        """One result, or why it cannot be taken over."""
        occurrence = self._occurrence(order, result)
        kept = [self.patient, order.segment, *order.notes, *order.specimens, result, *notes]
        segments = [one.raw for one in kept if one is not None]
        if occurrence:
            segments.append(f"{OCCURRENCE}{result.encoding.field}{occurrence}")
        header = self.message.header
        sent = "\r".join([header.raw if header else "", *segments])
        once = "\r".join([self.sender, self.message.type, self.message.processing, *segments])
        example = " ".join(filter(None, (sent_value(result), result.get(6))))[:LONGEST_NAME]
        within = (_specimen_key(order), result.get(4), str(occurrence or ""))
        try:
            cells, refused, taken_back = self._cells(order, result, notes)
        except Refused as known:
            cells, refused, taken_back = {}, known, None
        made = MessageRow(
            KIND, cells, _PATHS, sent, refused, within=within, once=once, example=example, taken_back=taken_back
        )
        made.message = str(self.message.number)
        return Row(self.sender, result.number, made, "" if refused is None else refused.why)

    def _occurrence(self, order: _Order, result: Segment) -> int:
        """The how-manieth result of the same test, sub-id, time and order in this message; the first is 0.

        Two in one report are two results: neither corrects the other.
        """
        kept = next((one for one in self.message.segments if one.name == OCCURRENCE), None)
        if kept is not None:
            return int(kept.get(1)) if kept.get(1).isdecimal() else 0
        names = [(coding.code or coding.name).casefold() for coding in codings_of(result)][:1]
        number = "" if order.segment is None else "|".join((order.segment.raw_field(2), order.segment.raw_field(3)))
        moment = result.get(14) or ("" if order.segment is None else order.segment.get(7))
        who = "" if self.patient is None else self.patient.raw_field(3)
        key = (who, number, moment, result.get(4), _specimen_key(order), *names)
        self._occurrences[key] += 1
        return self._occurrences[key] - 1

    def _cells(
        self, order: _Order, result: Segment, notes: Sequence[Segment]
    ) -> tuple[dict[str, str], Refused | None, dict[str, str] | None]:
        """The cells of a result; why they cannot be read, if so; and the cells that take back what it corrects.

        Raises:
            Refused: it cannot even be told which result it is.
        """
        if self.message.processing != "P":
            raise not_production(self.message)
        learn_from(self.sender, self._plain(result, 7))
        obr = order.segment
        status = result.get(11).upper() or ("" if obr is None else obr.get(25).upper())
        known = _STATUSES.get(status)
        if known is None:
            what = _NOT_FINAL.get(status, f"status {status!r}" if status else "without status")
            kind = NothingToTake if status in _NOT_FINAL else Refused
            raise kind("status", status, f"the result is {what}; it is taken over once it is final")
        person = self._person()
        meant = meant_by_codes(self.sender, codings_of(result), _specimens(order))
        key = meant.measure.key
        remarks = [text for one in (*notes, *order.notes) if (text := one.get(3))]
        cells = {
            "mrn": person.mrn,
            "measure": key,
            "observed_at": self._time(result.get(14) or ("" if obr is None else obr.get(7)), "observed_at"),
            "assay": result.get(17, 2) or result.get(17) or result.get(18),
            "assessor": " ".join(filter(None, (result.get(16, 3), result.get(16, 2)))) or result.get(16),
            "received_at": self._time(("" if obr is None else obr.get(22)) or self.message.sent_at, "received_at"),
            "status": known,
            "reason": "; ".join(remarks) if known != "final" else "",
            "source_id": _number(obr, result),
            "comment": "; ".join(remarks),
        }
        taken_back = None
        if known == "corrected":
            text = " ".join(filter(None, (sent_value(result), result.get(6) if result.get(2) != "ST" else "")))
            reason = "; ".join([f"corrected: {text or 'without a value'}", *remarks])
            taken_back = cells | {"status": "cancelled", "reason": reason}
        try:
            return cells | self._found(result, person, meant.measure, meant.unit, remarks), None, taken_back
        except Refused as refused:
            return cells, refused, taken_back

    def _found(
        self, result: Segment, person: Person, measure: Measure, otherwise: str, remarks: Sequence[str]
    ) -> dict[str, str]:
        """What was found: value, unit, limits, and the remarks with what the limits do not say."""
        text = self._plain(result, 7)
        sex = person.sex if person.sex in ("female", "male") else self._claim.sex
        limits, says_more = range_of(text, sex)
        plain = self._in_plain_numbers(measure, limits)
        says_more = says_more or plain != limits
        value = value_of(self.sender, result, measure, plain)
        unit = unit_of(self.sender, result, measure, value.unit, otherwise)
        found = {
            "value": value.text,
            "unit": unit if value.text else "",
            "upper_limit": in_unit_of_value(measure.key, plain.high, plain.unit, unit),
            "lower_limit": in_unit_of_value(measure.key, plain.low, plain.unit, unit),
            "comment": "; ".join([*remarks, *([f"Range as sent: {text}"] if says_more else [])]),
        }
        if value.status:
            found |= {"status": value.status, "reason": "; ".join([sent_value(result), *remarks])}
        return found

    def _in_plain_numbers(self, measure: Measure, limits: Limits) -> Limits:
        """Limits whose marks mean the same as in the sender's values; none where a mark may mean two things."""
        plain = []
        for one in (limits.low, limits.high):
            try:
                number = plain_number(self.sender, measure.key, one) if one else None
            except Waits:
                return Limits()
            plain.append("" if number is None else number.text)
        return Limits(plain[0], plain[1], limits.unit)

    def _person(self) -> Person:
        """Whose the results are; asked once for a patient of a message."""
        if self._whose is None:
            try:
                if self.patient is None:
                    raise Refused("mrn", "", "no PID stands before the result: whose is it?")
                self._whose = whose(self.sender, identifiers_of(self.patient), self._claim)
            except Refused as refused:
                self._whose = refused
        if isinstance(self._whose, Refused):
            raise self._whose
        return self._whose

    def _time(self, text: str, column: str) -> str:
        return iso_time(text, column, self.message.sent_at)

    @staticmethod
    def _plain(segment: Segment, place: int) -> str:
        return segment.encoding.text(segment.raw_field(place))


# ---------------------------------------------------------------------------------------------------- what is no result


def _of_unreadable(message: Message) -> Row:
    """A message without a header that can be read, or what stands before the first message."""
    sent = "\r".join(message.lines)
    refused = Refused("MSH-2" if message.lines[0].startswith("MSH") else "", message.lines[0][:80], message.why)
    row = MessageRow(KIND, {}, _PATHS, sent, refused, example=message.lines[0][:80])
    return Row(message.sender, message.number, row, message.why)


def _of_whole(message: Message, refused: Refused) -> Row:
    """A message that is one row as a whole."""
    header = message.header
    sent = "\r".join(message.lines)
    once = "\r".join([message.sender, message.type, message.processing, *message.lines[1:]])
    row = MessageRow(KIND, {}, _PATHS, sent, refused, once=once, example=message.type)
    return Row(message.sender, header.number if header else message.number, row, refused.why)


def not_production(message: Message) -> Refused:
    """Why nothing of a test or training message is taken."""
    what = _PROCESSING.get(message.processing[:1], "not a message of production")
    return Refused("MSH-11", message.processing, f"{what} (MSH-11 is {message.processing}): kept here, never charted")


def _merge(message: Message) -> Refused:
    """Two record numbers become one: carried out where nothing on file speaks against it, else for a human."""
    patient = next((one for one in message.segments if one.name == "PID"), None)
    former = next((one for one in message.segments if one.name == "MRG"), None)
    if patient is None or former is None:
        return Refused("MRG-1", "", "a merge of record numbers names no former number (MRG) or no patient (PID)")
    numbers = [identifiers_of(patient), identifiers_of(_as_patient(former))]
    into, merged = (" ".join(map(str, one)) for one in numbers)
    known = [one.number for some in numbers for one in some if decisions().on_file(one.number) is not None]
    what = f"merge {merged} into {into}"[:LONGEST_NAME]
    if not known:
        return NothingToTake("MRG-1", merged, "record numbers are merged, and neither is on file")
    try:
        decided = decisions().of(message.sender, "patient", what)
    except Refused as not_ours:
        return not_ours
    why = f"the sender merges {merged} into {into}: decide with the number that holds, or set this aside as not ours"
    ours, ended = (number_of_ours(message.sender, some) for some in numbers)
    if ours is None or ended is None or ours == ended:
        return Waits("MRG-1", merged, why, kind="patient", what=what)
    holds, ends = decisions().on_file(ours), decisions().on_file(ended)
    against = ""
    if ends is not None:
        there = Claim() if holds is None else _claim_of(holds)
        against = contradiction(ends, there) or contradiction(ends, claim_in(patient))
    agreed = not against if decided is None else decided.to == ours
    why = "; ".join(filter(None, (why, against)))
    return Merging("MRG-1", why, what=what, former=ended, into=ours, agreed=agreed)


def _claim_of(person: Person) -> Claim:
    """What is on file of somebody, as a message would say it."""
    sex = person.sex if person.sex in ("female", "male") else ""
    return claim_of([(person.family, person.given)], person.birth_date, sex)


def _as_patient(former: Segment) -> Segment:
    """MRG-1 read like a PID-3."""
    return Segment(former.encoding.field.join(["PID", "", "", former.raw_field(1)]), former.number, former.encoding)


def _number(order: Segment | None, result: Segment) -> str:
    """The laboratory's number of the order, else the ward's; with the sub-id, which numbers results within it."""
    if order is None:
        return ""
    number = next(filter(None, (_entity(order, 3), _entity(order, 2))), "")
    return "/".join(filter(None, (number, result.get(4))))[:LONGEST_NAME] if number else ""


def _entity(segment: Segment, place: int) -> str:
    return "^".join(filter(None, segment.components(place)[:2]))


def _specimens(order: _Order) -> list[str]:
    """Every word for the specimen: SPM-4, else OBR-15."""
    found = [part for one in order.specimens for part in one.components(4)[:2]]
    if not any(found) and order.segment is not None:
        found = [
            part
            for name in order.segment.components(15)[:2]
            for part in name.split(order.segment.encoding.subcomponent or "\0")[:2]
        ]
    return [one for one in found if one]


def _specimen_key(order: _Order) -> str:
    """What tells one specimen of an order from another."""
    numbered = [one.get(2) for one in order.specimens if one.get(2)]
    return "|".join([*numbered, *_specimens(order)[:1]]).casefold()

"""A file of HL7 as its messages, each read by its own character set and separators.

One message that cannot be read is one, and stops none of the others. Segments end with a carriage return, or what an
editor made of it; batch headers and the marks of the wire are passed over.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from jobs.importers.canonical import LONGEST_NAME
from jobs.importers.hl7v2_oru.charset import as_bytes_of_ascii, decoded
from jobs.importers.hl7v2_oru.encoding import Encoding, Segment

ABOUT_A_PERSON = frozenset({"A01", "A04", "A05", "A08", "A31"})
"""Events of ADT that tell of one person: admitted, registered, pre-admitted, changed."""
BATCH = frozenset({b"FHS", b"BHS", b"BTS", b"FTS"})
_AROUND = b"\x0b\x1c \t"


@dataclass
class Message:
    """One message.

    Attributes:
        header: its MSH; None for what stands before the first one, and where `why` says that it cannot be read.
        number: the line of its first segment; `lines`: the segments as text, for what cannot be read.
        warning: about its character set.
    """

    header: Segment | None
    segments: list[Segment]
    number: int
    lines: Sequence[str]
    why: str = ""
    warning: str = ""

    @property
    def sender(self) -> str:
        """Who speaks: sending application and facility."""
        return "hl7" if self.header is None else sender_of(self.header)

    @property
    def type(self) -> str:
        """`ORU^R01` and the like."""
        return "" if self.header is None else "^".join(self.header.components(9)[:2])

    @property
    def tells_of_a_person(self) -> bool:
        """Whether it tells of a person and of no result."""
        return self.header is not None and _tells_of_a_person(self.header)

    @property
    def processing(self) -> str:
        """MSH-11: P in production, T for a test, D to debug; a message that does not say is one of production."""
        return "P" if self.header is None else (self.header.get(11).upper() or "P")

    @property
    def sent_at(self) -> str:
        """MSH-7."""
        return "" if self.header is None else self.header.get(7)


@dataclass
class _Lines:
    """The bytes of one message, line by line with their numbers."""

    lines: list[tuple[int, bytes]] = field(default_factory=list)


def _tells_of_a_person(header: Segment) -> bool:
    kind, event, *_ = (*header.components(9), "", "")
    return kind == "ADT" and event in ABOUT_A_PERSON


def sender_of(header: Segment) -> str:
    """Who speaks: sending application and facility."""
    names = [header.get(3), header.get(4)]
    return ":".join(["hl7", *filter(None, names)])[:LONGEST_NAME]


def messages_of(content: bytes, sender: str | None = None) -> Iterator[Message]:
    """The messages of a file in their order; with `sender` only theirs, the others are not read further."""
    for group in _groups(content):
        if sender is not None and _header_of(group)[1] != sender:
            continue
        yield _message(group)


def senders_of(content: bytes) -> dict[str, set[bool]]:
    """Who speaks in a file, in order of appearance, and of what: of a person (True), or of results and the rest."""
    senders: dict[str, set[bool]] = {}
    for group in _groups(content):
        header, sender = _header_of(group)
        senders.setdefault(sender, set()).add(header is not None and _tells_of_a_person(header))
    return senders


def message_of_text(text: str) -> Message:
    """A message that was kept as text."""
    lines = [(number, line) for number, line in enumerate(text.split("\r"), 1) if line.strip()]
    encoding = Encoding.of(lines[0][1])
    segments = [Segment(line, number, encoding) for number, line in lines]
    return Message(segments[0], segments[1:], 1, [line for _, line in lines])


def holds_a_message(content: bytes) -> bool:
    """Whether any message of a file has a header that can be read."""
    return any(_header_of(group)[0] is not None for group in _groups(content))


def header_in(content: bytes) -> bytes | None:
    """The first message header as bytes, whether or not it can be read; None where the content is no HL7."""
    return next((group.lines[0][1] for group in _groups(content) if group.lines[0][1].startswith(b"MSH")), None)


def _groups(content: bytes) -> Iterator[_Lines]:
    """The lines of each message; what stands before the first header comes first, if it is anything."""
    group = _Lines()
    # Not splitlines(): it also breaks at characters that may stand within a field.
    lines = as_bytes_of_ascii(content).replace(b"\r\n", b"\r").replace(b"\n", b"\r").split(b"\r")
    for number, line in enumerate(lines, 1):
        raw = line.strip(_AROUND)
        if not raw or raw[:3] in BATCH:
            continue
        if raw.startswith(b"MSH") and group.lines:
            yield group
            group = _Lines()
        group.lines.append((number, raw))
    if group.lines:
        yield group


def _header_of(group: _Lines) -> tuple[Segment | None, str]:
    """The header of a message, if it can be read, and who speaks."""
    number, raw = group.lines[0]
    if not raw.startswith(b"MSH"):
        return None, "hl7"
    text, _ = decoded(raw, _charset_said(raw))
    try:
        header = Segment(text, number, Encoding.of(text))
    except ValueError:
        return None, "hl7"
    return header, sender_of(header)


def _message(group: _Lines) -> Message:
    number, raw = group.lines[0]
    whole, warning = decoded(b"\r".join(line for _, line in group.lines), _charset_said(raw))
    texts = whole.split("\r")
    if not raw.startswith(b"MSH"):
        why = "the segment stands before any message header (MSH)"
        segments = _segments(((one, text) for (one, _), text in zip(group.lines, texts, strict=True)), Encoding())
        return Message(None, segments, number, texts, why, warning)
    try:
        encoding = Encoding.of(texts[0])
    except ValueError as error:
        return Message(None, [], number, texts, str(error), warning)
    segments = _segments(((one, text) for (one, _), text in zip(group.lines, texts, strict=True)), encoding)
    return Message(segments[0], segments[1:], number, texts, "", warning)


def _segments(lines: Iterable[tuple[int, str]], encoding: Encoding) -> list[Segment]:
    return [Segment(text, number, encoding) for number, text in lines]


def _charset_said(header: bytes) -> str:
    """MSH-18 of a header that is not decoded yet."""
    found = re.match(rb"MSH(.)", header, re.DOTALL)
    fields = [] if found is None else header.split(found[1])
    return fields[17].decode("ascii", "replace") if len(fields) > 17 else ""

"""The answer to a message: valid HL7 itself, in the message's own separators and bytes, with its number in MSA-2."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.importers.hl7v2_oru import Encoding, header_in

TAKEN, UNREADABLE, REFUSED = "AA", "AE", "AR"
"""Applied or kept waiting; stored, and cannot be read; not taken (and to be sent again where the reason says so)."""

MISSING, BAD_DATA, UNKNOWN_TYPE, NOT_PRODUCTION, INTERNAL = "100", "102", "200", "202", "207"
"""HL7 table 0357. An internal error is what a sender tries again."""

_WORDS = {
    MISSING: "Segment sequence error", BAD_DATA: "Data type error", UNKNOWN_TYPE: "Unsupported message type",
    NOT_PRODUCTION: "Unsupported processing id", INTERNAL: "Application internal error",
}  # fmt: skip
_OURS, _VERSION = b"MYOPANEL", b"2.5"
_MOST_PROBLEMS = 20
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Problem:
    """Why a message, or a part of it, is not taken over; with the code of table 0357 and, of a part, its place."""

    code: str
    why: str
    place: str = ""

    def sentence(self) -> str:
        """`OBX-5: ...`."""
        return f"{self.place}: {self.why}" if self.place else self.why


class _Header:
    """The fields of a header as bytes, under the numbers of the standard; a broken one lends us no separators."""

    def __init__(self, content: bytes) -> None:
        raw = header_in(content)
        self.fields = [] if raw is None or len(raw) < 4 else raw.split(raw[3:4])
        self.field, self.marks = b"|", b"^~\\&"
        try:
            said = Encoding.of("" if raw is None else raw[:8].decode("latin-1"))
        except ValueError:
            self.encoding = Encoding()
            return
        self.encoding = said
        self.field = said.field.encode("latin-1")
        self.marks = "".join((said.component, said.repetition, said.escape, said.subcomponent)).encode("latin-1")

    def get(self, number: int) -> bytes:
        return self.fields[number - 1] if number <= len(self.fields) else b""

    def text(self, words: str) -> bytes:
        """A sentence of ours within a field: what separates in this message is escaped, or left out where it cannot."""
        plain = words[:_LONGEST_REASON].encode("ascii", "replace").decode("ascii")
        said = self.encoding
        codes = {said.escape: "E", said.field: "F", said.component: "S", said.repetition: "R", said.subcomponent: "T"}
        out = []
        for character in re.sub(r"[\x00-\x1f\x7f]+", " ", plain):
            code = codes.get(character)
            out.append(character if code is None else f"{said.escape}{code}{said.escape}" if said.escape else " ")
        return "".join(out).encode("ascii", "replace")


def answer_to(content: bytes, code: str, problems: Sequence[Problem] = (), *, number: str, at: dt.datetime) -> bytes:
    """The acknowledgement of a message (what stood within its frame), as it stands within a frame itself.

    Args:
        number: of the answer (MSH-10). `at`: when it was decided; the same answer again is the same bytes.
    """
    head = _Header(content)
    component = head.encoding.component.encode("latin-1")
    kinds = head.get(9).split(component)
    trigger = kinds[1] if len(kinds) > 1 else b""
    version = head.get(12) or _VERSION
    segments = [
        head.field.join(
            [
                b"MSH",
                head.marks,
                head.get(5) or _OURS,
                head.get(6),
                head.get(3),
                head.get(4),
                f"{at.astimezone(dt.UTC):%Y%m%d%H%M%S}+0000".encode(),
                b"",
                component.join([b"ACK", trigger, b"ACK"]) if trigger else b"ACK",
                number.encode(),
                head.get(11) or b"P",
                version,
                *([b"", b"", b"", b"", b"", head.get(18)] if head.get(18) else []),
            ]
        )
    ]
    first = "; ".join(problem.sentence() for problem in problems[:1])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    told = [head.text(first + more)] if problems else []
    segments.append(head.field.join([b"MSA", code.encode(), head.get(10), *told]))
    if _has_errors_in_words(version):
        severity = b"W" if code == TAKEN else b"E"
        for problem in problems[:_MOST_PROBLEMS]:
            kind = component.join([problem.code.encode(), head.text(_WORDS[problem.code]), b"HL70357"])
            words = head.text(problem.sentence())
            segments.append(head.field.join([b"ERR", b"", b"", kind, severity, b"", b"", b"", words]))
    return b"".join(segment + b"\r" for segment in segments)


def _has_errors_in_words(version: bytes) -> bool:
    """Whether ERR has its fields of today: since 2.5; before, MSA-3 tells the reason alone."""
    found = re.match(rb"2\.(\d+)", version)
    return found is not None and int(found[1]) >= 5

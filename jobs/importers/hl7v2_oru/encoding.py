"""The encoding of HL7 version 2: which characters separate, how they are escaped, and the fields of a segment."""

import re
from dataclasses import dataclass


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

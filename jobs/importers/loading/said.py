"""Facts of one kind, before the database is asked about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.importers.canonical import Fact, Kind


@dataclass(frozen=True)
class Said:
    """Facts of one kind with what recognises them: all that can be worked out before the database is asked."""

    kind: Kind
    facts: Sequence[Fact]
    lines: Sequence[int | None]
    identities: Sequence[bytes]
    contents: Sequence[bytes]

    @classmethod
    def by(cls, sender: str, kind: Kind, facts: Sequence[Fact], lines: Sequence[int | None]) -> "Said":
        """Facts as said by a sender."""
        return cls(kind, facts, lines, [fact.identity(sender) for fact in facts], [fact.content() for fact in facts])

"""What was decided about senders, held while their messages are read.

A format asks here what a sender's code, unit, patient number or form of value means, and whom a record number belongs
to; where the answers come from (a database) is not its business. Whoever imports holds them (`deciding`).
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from jobs.importers.canonical import NotOurs, Waits
from models.waiting import ANY

Key = tuple[str, str, str]
"""Sender, kind, what."""


class Decision(NamedTuple):
    """What was decided: `to` a measure, record number, unit or form of value; or that it is not ours."""

    id: int
    to: str
    unit: str = ""
    not_ours: bool = False


class Person(NamedTuple):
    """A patient on file, as far as a message can contradict it; empty where nothing is known."""

    mrn: str
    family: str = ""
    given: str = ""
    birth_date: dt.date | None = None
    sex: str = "unknown"


def _nobody(_mrn: str) -> Person | None:
    return None


class Decisions:
    """The decisions in force, and whom the clinic knows.

    Attributes:
        ours: the assigning authorities of our record numbers, where a setting names them.
        person: the patient with a record number, or None.
        met: patients whom this import would make, in a dry run; otherwise they are on file by then.
        learned: what the messages themselves told while they were read, to be kept.
    """

    def __init__(
        self,
        known: Mapping[Key, Decision] | None = None,
        *,
        ours: tuple[str, ...] = (),
        person: Callable[[str], Person | None] = _nobody,
    ) -> None:
        self.known = dict(known or {})
        self.ours = ours
        self.person = person
        self.met: dict[str, Person] = {}
        self.learned: dict[Key, str] = {}

    def on_file(self, mrn: str) -> Person | None:
        """The patient with a record number, or None."""
        return self.person(mrn) or self.met.get(mrn)

    def of(self, sender: str, kind: str, what: str) -> Decision | None:
        """What was decided of exactly this, or None.

        Raises:
            NotOurs: it was decided that it is not ours.
        """
        found = self.known.get((sender, kind, what))
        if found is not None and found.not_ours:
            raise NotOurs("", found.id)
        return found

    def needed(self, sender: str, kind: str, what: str, *, column: str, value: str, why: str) -> Decision:
        """What was decided, where nothing can be read without; a decision on all of the kind counts as well.

        Raises:
            Waits: nothing was decided yet. NotOurs: it is not ours.
        """
        found = self.of(sender, kind, what) or self.of(sender, kind, ANY)
        if found is None:
            raise Waits(column, value, why, kind=kind, what=what)
        return found

    def all_of(self, sender: str, kind: str) -> Mapping[str, Decision]:
        """Every decision about a sender's kind, by what it is about."""
        return {what: one for (who, what_kind, what), one in self.known.items() if (who, what_kind) == (sender, kind)}

    def learn(self, sender: str, kind: str, what: str, to: str) -> None:
        """Keep what a message told. It holds from here on; a decision that was made already stands."""
        key = (sender, kind, what)
        if key not in self.known:
            self.known[key] = Decision(0, to)
            self.learned[key] = to


_HELD: ContextVar[Decisions | None] = ContextVar("decisions", default=None)


@contextmanager
def deciding(decisions: Decisions) -> Iterator[Decisions]:
    """These decisions hold until the block ends."""
    token = _HELD.set(decisions)
    try:
        yield decisions
    finally:
        _HELD.reset(token)


def decisions() -> Decisions:
    """The decisions that hold here; without any, everything that needs one waits."""
    held = _HELD.get()
    return Decisions() if held is None else held

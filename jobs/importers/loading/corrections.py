"""Which result a correction corrects, where it does not say the same place and time.

A sender has one number for a whole order, so that a result of a message is recognised by patient, measure, specimen and
time of collection as well. A correction may correct just these: then it is the one result of that number it can mean.
Where it can mean two, it waits; where it can mean none, it is the first that is heard of it. A result under another
number in the very place of one that says otherwise may be a second measurement or the same again: it is asked about.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from jobs.importers.canonical import LONGEST_NAME, NotOurs, ObservationFact, Refused, Waits
from jobs.importers.decisions import decisions
from jobs.importers.loading.bulk import parts, table_of, versions_on_file
from jobs.importers.loading.said import Said
from models.observation import Observation

ANOTHER = "another "
"""How the question begins whether a result under another number is one of its own."""
BOTH, REPLACES = "both", "replaces"
"""The answers: two results, or the new one in the place of the old."""

CORRECTS = frozenset({"corrected", "entered-in-error", "cancelled"})


class _Candidate(NamedTuple):
    identity: bytes
    same_patient: bool
    same_time: bool


def aimed(
    connection: sa.Connection, said: Said, ids: Mapping[str, int | None], sender: str
) -> tuple[Said, Mapping[int, Waits]]:
    """The facts with each correction under the identity of what it corrects; and those of which it cannot be told."""
    if said.kind != "observations":
        return said, {}
    correcting = [number for number, fact in enumerate(said.facts) if _corrects(fact)]
    if not correcting:
        return said, {}
    there = set(versions_on_file(connection, table_of(Observation), [said.identities[one] for one in correcting]))
    identities = list(said.identities)
    undecided: dict[int, Waits] = {}
    earlier: dict[tuple[str | None, str], list[tuple[ObservationFact, bytes]]] = {}
    for number, fact in enumerate(said.facts):
        assert isinstance(fact, ObservationFact)  # noqa: S101  by the kind
        key = (fact.source_id, fact.result.measure)
        if _corrects(fact) and identities[number] not in there:
            told = [
                _Candidate(identity, other.mrn == fact.mrn, other.taken.effective_at == fact.taken.effective_at)
                for other, identity in earlier.get(key, ())
                if fact.source_id is not None or other.mrn == fact.mrn
            ]
            if not any(one.identity == identities[number] for one in told):
                found = _meant([*told, *_on_file(connection, fact, ids.get(fact.mrn), sender)])
                if isinstance(found, bytes):
                    identities[number] = found
                elif found:
                    undecided[number] = _which(fact, found)
        if fact.within:
            earlier.setdefault(key, []).append((fact, identities[number]))
    return replace(said, identities=identities), undecided


def _corrects(fact: Any) -> bool:
    return isinstance(fact, ObservationFact) and bool(fact.within) and fact.result.status in CORRECTS


def _meant(candidates: list[_Candidate]) -> bytes | int:
    """The identity of the one result that can be meant, or how many can."""
    at_its_place = [one for one in candidates if one.same_patient and one.same_time]
    of_the_patient = [one for one in candidates if one.same_patient]
    # Filed under somebody else at that very time, and moved.
    moved = [one for one in candidates if one.same_time]
    for some in (at_its_place, of_the_patient, moved):
        found = {one.identity for one in some}
        if len(found) == 1:
            return found.pop()
        if found:
            return len(found)
    return 0


def _on_file(connection: sa.Connection, fact: ObservationFact, patient_id: int | None, sender: str) -> list[_Candidate]:
    table = table_of(Observation)
    said = table.c.source_id == fact.source_id
    where = sa.or_(table.c.patient_id == patient_id, table.c.effective_on == fact.taken.effective_on)
    if fact.source_id is None:
        # Without a number it can only be what the same sender said of the same moment.
        said = table.c.source_id.is_(None)
        where = sa.and_(table.c.patient_id == patient_id, table.c.effective_at == fact.taken.effective_at)
    query = sa.select(table.c.identity, table.c.patient_id, table.c.effective_at).where(
        where, said, table.c.sender == sender, table.c.measure == fact.result.measure, table.c.known_to.is_(None)
    )
    return [
        _Candidate(row.identity, row.patient_id == patient_id, row.effective_at == fact.taken.effective_at)
        for row in connection.execute(query)
    ]


def _which(fact: ObservationFact, many: int) -> Waits:
    measure, at = fact.result.measure, fact.taken.effective_at.isoformat()
    return Waits(
        "source_id", fact.source_id or "",
        f"a correction of {measure} fits {many} results of this number; correct the right one by hand, then set this "
        "aside as not ours",
        kind="value", what=f"correction of {measure} {fact.source_id or ''} {at}",
    )  # fmt: skip


class _InPlace(NamedTuple):
    """A result in force at some place: how it is recognised, its number, unit and assay as sent, and what it says.

    A conventional and a sensitive troponin of one specimen are two series; their units or assays tell.
    """

    identity: bytes
    source_id: str
    series: tuple[str, str | None]
    says: tuple[str, float | None]
    message: str | None
    """In which message of this import; None: in another import."""


def beside(
    connection: sa.Connection,
    said: Said,
    ids: Mapping[str, int | None],
    sender: str,
    on_file: Mapping[bytes, object],
    batch_id: int | None,
) -> tuple[Said, Mapping[int, Refused]]:
    """The facts, those that were decided to replace another under its identity; and those that have to be asked about.

    Looked at are results of messages that nobody told before: of the sender, patient, measure, specimen and time of a
    result in force of another message in the same unit and by the same assay, with another number and another value.
    """
    if said.kind != "observations":
        return said, {}
    new = [
        number
        for number, fact in enumerate(said.facts)
        if isinstance(fact, ObservationFact) and fact.within and fact.source_id is not None
        and fact.result.status == "final" and said.identities[number] not in on_file and ids.get(fact.mrn) is not None
    ]  # fmt: skip
    if not new:
        return said, {}
    places = _places(connection, said, ids, sender, new, batch_id)
    identities = list(said.identities)
    undecided: dict[int, Refused] = {}
    for number in new:
        fact = said.facts[number]
        assert isinstance(fact, ObservationFact)  # noqa: S101  by the kind
        key = (ids[fact.mrn], fact.result.measure, fact.taken.effective_at)
        result = fact.result
        series, says = (result.unit_sent, fact.told.assay), (result.comparator, result.value)
        mine = _InPlace(identities[number], fact.source_id or "", series, says, fact.message)
        there = places.setdefault(key, [])
        other = next((one for one in there if _is_another(one, fact, mine, sender)), None)
        if other is None:
            there.append(mine)
            continue
        what = _question(fact, other)
        try:
            decided = decisions().of(sender, "value", what)
        except NotOurs as refused:
            undecided[number] = refused
            continue
        if decided is None:
            why = (
                f"number {mine.source_id} says otherwise than {other.source_id} of the same time: two results, or one?"
            )
            undecided[number] = Waits("source_id", mine.source_id, why, kind="value", what=what)
        elif decided.to == REPLACES:
            identities[number] = other.identity
        else:
            there.append(mine)
    return replace(said, identities=identities), undecided


def _is_another(one: _InPlace, fact: ObservationFact, mine: _InPlace, sender: str) -> bool:
    """Whether a result has another number and says otherwise, and would be this one but for its number."""
    if (
        one.message == mine.message
        or one.source_id == mine.source_id
        or one.series != mine.series
        or one.says == mine.says
    ):
        return False
    return replace(fact, source_id=one.source_id).identity(sender) == one.identity


def _places(
    connection: sa.Connection,
    said: Said,
    ids: Mapping[str, int | None],
    sender: str,
    new: list[int],
    batch_id: int | None,
) -> dict[tuple[int | None, str, dt.datetime], list[_InPlace]]:
    """The results of a sender in force on the days of new ones, by patient, measure and time."""
    facts = [fact for number in new if isinstance(fact := said.facts[number], ObservationFact)]
    table = table_of(Observation)
    found: dict[tuple[int | None, str, dt.datetime], list[_InPlace]] = {}
    days = sorted({fact.taken.effective_on for fact in facts})
    patients = sorted({ids[fact.mrn] or 0 for fact in facts})
    columns = table.c
    for some in parts(days):
        for ones in parts(patients):
            query = sa.select(
                columns.patient_id, columns.measure, columns.effective_at, columns.identity, columns.source_id,
                columns.comparator, columns.value, columns.unit_sent, columns.assay,
                columns.batch_id,
            ).where(
                columns.effective_on.in_(some), columns.patient_id.in_(ones), columns.sender == sender,
                columns.known_to.is_(None), columns.source_id.is_not(None), columns.status.in_(("final", "corrected")),
            )  # fmt: skip
            for row in connection.execute(query):
                place = (row.patient_id, row.measure, row.effective_at)
                series, says = (row.unit_sent, row.assay), (row.comparator, row.value)
                message = "" if row.batch_id == batch_id else None
                found.setdefault(place, []).append(_InPlace(bytes(row.identity), row.source_id, series, says, message))
    return found


def _question(fact: ObservationFact, other: _InPlace) -> str:
    at = fact.taken.effective_at.isoformat()
    return f"{ANOTHER}{fact.result.measure} {fact.mrn} {at}: {fact.source_id} beside {other.source_id}"[:LONGEST_NAME]

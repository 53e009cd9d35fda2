"""Which result a correction corrects, where it does not say the same place and time.

A sender has one number for a whole order, so that a result of a message is recognised by patient, measure, specimen and
time of collection as well. A correction may correct just these: then it is the one result of that number it can mean.
Where it can mean two, it waits; where it can mean none, it is the first that is heard of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from jobs.importers.canonical import ObservationFact, Waits
from jobs.importers.loading.bulk import table_of, versions_on_file
from jobs.importers.loading.said import Said
from models.observation import Observation

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

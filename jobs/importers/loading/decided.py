"""The decisions about senders from the database, and what messages told that is to be kept as one."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from jobs.importers.decisions import Decision, Decisions, Key, Person
from models.database import reading, writing
from models.merging import PatientMerge, merged_numbers
from models.patient import Patient
from models.settings import settings
from models.waiting import LEARNED, SenderMapping, mapping_of, mappings_in_force


def decisions_on_file(engine: Engine, more: Mapping[Key, Decision] | None = None) -> Decisions:
    """The decisions in force, and whom the clinic knows. `more`: decisions that are only being tried."""
    with reading(engine) as session:
        known = {
            (one.sender, one.kind, one.what): Decision(one.id or 0, one.to, one.unit, one.not_ours)
            for one in mappings_in_force(session)
        }
    ours = tuple(filter(None, (name.strip() for name in settings().mrn_authorities.split(","))))
    return Decisions(known | dict(more or {}), ours=ours, person=_Directory(engine).person)


class _Directory:
    """Patients by record number, each asked for once in an import; who is not there yet may come with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Person] = {}

    def person(self, mrn: str) -> Person | None:
        """Who has a record number, or had it before it was merged into another; None for nobody."""
        known = self._known.get(mrn)
        if known is None:
            with self._engine.connect() as connection:
                found = _with_number(connection, mrn)
            if found is not None:
                known = self._known[mrn] = Person(mrn, *found)
        return known


def _with_number(connection: sa.Connection, mrn: str) -> tuple[str, str, dt.date | None, str] | None:
    """Family and given name, birth date and sex of whoever has a number now."""
    patient: Any = Patient
    merge: Any = PatientMerge
    holds = sa.select(merge.into_mrn).where(merge.former_mrn == mrn, merge.undone_at.is_(None))
    columns = (patient.family_name, patient.given_name, patient.birth_date, patient.sex)
    query = sa.select(patient.mrn, patient.status, *columns).where(sa.or_(patient.mrn == mrn, patient.mrn.in_(holds)))
    found = {row.mrn: row for row in connection.execute(query)}
    own = found.pop(mrn, None)
    if own is not None and (own.status != "moved" or not found):
        return own[2:]
    if found:
        other = next(iter(found))
        return found[other][2:] if found[other].status != "moved" else _with_number(connection, other)
    # Merged on and on: only the last of the numbers is somebody's.
    last = merged_numbers(connection).get(mrn, mrn) if connection.execute(holds).first() is not None else mrn
    return None if last == mrn else _with_number(connection, last)


def keep_learned(engine: Engine, learned: Mapping[Key, str], now: dt.datetime) -> list[Key]:
    """Keep what messages told of their senders; returns what was new."""
    if not learned:
        return []
    new = []
    with writing(engine) as session:
        for (sender, kind, what), to in learned.items():
            if mapping_of(session, sender, kind, what) is None:
                session.add(SenderMapping(sender=sender, kind=kind, what=what, to=to, by=LEARNED, at=now))
                session.flush()
                new.append((sender, kind, what))
    return new

"""The decisions about senders from the database, and what messages told that is to be kept as one."""

import datetime as dt
from collections.abc import Mapping

from sqlalchemy.engine import Engine
from sqlmodel import col, select

from jobs.importers.decisions import Decision, Decisions, Key, Person
from models.database import reading, writing
from models.merging import merged_numbers
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
        """Who has a record number, or None."""
        known = self._known.get(mrn)
        if known is None:
            with reading(self._engine) as session:
                found = session.exec(select(Patient).where(col(Patient.mrn) == mrn)).first()
                if found is None or found.status == "moved":
                    holds = merged_numbers(session.connection()).get(mrn, mrn)
                    found = session.exec(select(Patient).where(col(Patient.mrn) == holds)).first()
            if found is not None:
                known = Person(mrn, found.family_name, found.given_name, found.birth_date, found.sex)
                self._known[mrn] = known
        return known


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

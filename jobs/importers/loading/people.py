"""Patients of an import: created, brought up to date, and found by their record number."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from jobs.importers.canonical import PatientFact
from jobs.importers.decisions import Person
from jobs.importers.loading.bulk import parts, table_of
from models.merging import merged_numbers
from models.patient import Patient


class People:
    """What an import knows of patients. In a dry run whom it would have made has a number below zero."""

    def __init__(self, now: dt.datetime, *, dry_run: bool = False) -> None:
        self.now = now
        self.dry_run = dry_run
        self._ids: dict[str, int | None] = {}
        self._imagined: dict[str, dict[str, Any]] = {}
        self._merged: dict[str, str] | None = None

    def ids(self, connection: sa.Connection, mrns: Iterable[str]) -> Mapping[str, int | None]:
        """The patients' numbers by record number; None for those nobody knows."""
        table = table_of(Patient)
        merged = self.merged(connection)
        unknown = sorted({mrn for mrn in mrns if mrn not in self._ids})
        asked = sorted({merged.get(mrn, mrn) for mrn in unknown})
        there: dict[str, int] = {}
        for part in parts(asked):
            found = connection.execute(sa.select(table.c.mrn, table.c.id).where(table.c.mrn.in_(part)))
            there.update((mrn, patient_id) for mrn, patient_id in found)
        self._ids.update((mrn, there.get(merged.get(mrn, mrn))) for mrn in unknown)
        return self._ids

    def merged(self, connection: sa.Connection) -> Mapping[str, str]:
        """Former record numbers, each with the one that holds now."""
        if self._merged is None:
            self._merged = merged_numbers(connection)
        return self._merged

    def forget(self) -> None:
        """Numbers have changed."""
        self._merged = None
        self._ids.clear()

    def store(
        self, connection: sa.Connection, facts: Sequence[PatientFact], last_word: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[str], set[int], set[int]]:
        """Create or update patients; says of each row what became of it, who is new, and who of those on file changed.

        `last_word`: what the whole file says last of each patient. It counts, so that the same file read again changes
        nothing even where it contradicts itself.
        """
        table = table_of(Patient)
        state = self._on_file(connection, sorted({fact.mrn for fact in facts}))
        settled = {
            mrn for mrn, known in state.items() if all(known[name] == said for name, said in last_word[mrn].items())
        }
        new: dict[str, dict[str, Any]] = {}
        changed: dict[str, dict[str, Any]] = {}
        outcomes = []
        for fact in facts:
            known = state.get(fact.mrn)
            if known is None:
                made = Patient(mrn=fact.mrn, created_at=self.now, updated_at=self.now, **fact.given)
                known = {column.name: getattr(made, column.name) for column in table.columns if column.name != "id"}
                state[fact.mrn] = new[fact.mrn] = known
                outcomes.append("created")
            elif fact.mrn in settled or all(known[column] == value for column, value in fact.given.items()):
                outcomes.append("unchanged")
            else:
                known |= fact.given
                known["updated_at"] = self.now
                if fact.mrn not in new:
                    changed[fact.mrn] = known
                outcomes.append("updated")
        if self.dry_run:
            self._imagine(new, changed)
            return outcomes, set(), set()
        if new:
            connection.execute(sa.insert(table), list(new.values()))
        for known in changed.values():
            # The revisions belong to those who count facts and evaluate them: they are not written back.
            kept = {"id", "revision", "evaluated_revision"}
            values = {column: value for column, value in known.items() if column not in kept}
            connection.execute(sa.update(table).where(table.c.id == known["id"]).values(values))
        for mrn in new:
            self._ids.pop(mrn, None)
        there = self.ids(connection, new)
        return outcomes, {int(there[mrn] or 0) for mrn in new}, {known["id"] for known in changed.values()}

    def _on_file(self, connection: sa.Connection, mrns: Sequence[str]) -> dict[str, dict[str, Any]]:
        table = table_of(Patient)
        state: dict[str, dict[str, Any]] = {}
        for part in parts(mrns):
            for row in connection.execute(sa.select(table).where(table.c.mrn.in_(part))).mappings():
                state[row["mrn"]] = dict(row)
        state.update((mrn, dict(self._imagined[mrn])) for mrn in mrns if mrn in self._imagined)
        return state

    def _imagine(self, new: Mapping[str, dict[str, Any]], changed: Mapping[str, dict[str, Any]]) -> None:
        for mrn, known in {**new, **changed}.items():
            self._imagined[mrn] = known
            if mrn in new:
                self._ids[mrn] = -len(self._imagined)


def last_word_of(facts: Iterable[PatientFact]) -> dict[str, dict[str, Any]]:
    """What is said last of each patient, column by column."""
    said: dict[str, dict[str, Any]] = {}
    for fact in facts:
        said.setdefault(fact.mrn, {}).update(fact.given)
    return said


def person_in(fact: PatientFact) -> Person:
    """Who a row of patients is, as far as a message can contradict it."""
    said = fact.given
    return Person(
        fact.mrn,
        said.get("family_name") or "",
        said.get("given_name") or "",
        said.get("birth_date"),
        said.get("sex") or "unknown",
    )

"""Every version of every fact about a patient: what the facts were on any day of the past, as known that evening.

Read once for a patient; a day is then a filter over plain values and no question to the database.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from models.clock import clinic_date
from models.packed_facts import Plan
from models.patient_facts import (
    FeedSilence,
    Happening,
    NotDone,
    PatientFacts,
    Pause,
    PlannedDose,
    Reading,
    Statement,
    TaperAgreed,
    day_number,
)
from models.patient_reading import (
    CHUNK,
    Moments,
    happening_rows,
    instant,
    observation_rows,
    order_within_days,
    patient_rows,
    pause_rows,
    plan_rows,
    statement_rows,
)
from models.plausibility import Doubtful, plausible

NEVER = float("inf")


class Version(NamedTuple):
    """A fact and the span of knowledge in which it was believed: from `since` to before `until`, seconds since 1970."""

    fact: Any
    day: int
    since: float
    until: float

    def stands(self, evening: float) -> bool:
        """Whether it was believed at that instant."""
        return self.since <= evening < self.until


class PatientVersions:
    """One patient's facts in every version."""

    def __init__(self, person: Sequence[Any], timezone: str) -> None:
        self.person = person
        self.timezone = timezone
        self.readings: dict[str, list[Version]] = {}
        self.statements: list[Version] = []
        self.happenings: list[Version] = []
        self.not_done: list[Version] = []
        self.pauses: list[Version] = []
        self.plans: list[Version] = []

    @property
    def id(self) -> int:
        """The patient's id."""
        return int(self.person[0])

    def facts(self, today: int, evening: float, *, feeds: Sequence[FeedSilence] = ()) -> PatientFacts:
        """The facts as they stood on `today`, as known at `evening` (its last instant, seconds since 1970)."""

        believed_of: dict[str, Sequence[Reading]] = {}
        doubtful: dict[str, list[Doubtful]] = {}

        def read_doubtful() -> Sequence[Doubtful]:
            for measure in self.readings:
                read(measure)
            return [one for measure in sorted(doubtful) for one in doubtful[measure]]

        def read(measure: str) -> Sequence[Reading]:
            if measure not in believed_of:
                believed = [
                    one.fact for one in self.readings.get(measure, ()) if one.day <= today and one.stands(evening)
                ]
                believed_of[measure], doubtful[measure] = plausible(believed, self.person[2])
            return believed_of[measure]

        ahead: list[int] = []

        def begun(versions: Iterable[Version], end: Callable[[Any], int | None]) -> list[Any]:
            out = []
            for one in versions:
                if not one.stands(evening):
                    continue
                last = end(one.fact)
                ahead.extend(day for day in (one.day, None if last is None else last + 1) if day and day > today)
                if one.day <= today:
                    out.append(one.fact)
            return out

        statements = begun(self.statements, lambda fact: fact.end)
        happenings = begun(self.happenings, lambda fact: fact.end)
        not_done = begun(self.not_done, lambda fact: None)
        pauses = [one for one in begun(self.pauses, lambda fact: fact.until) if one.until >= today]
        plan = None
        for one in self.plans:
            if one.stands(evening) and one.fact.steps:
                ahead.extend(int(start) for start, _ in one.fact.steps if start > today)
                if one.day <= today:
                    doses = tuple(PlannedDose(int(start), dose) for start, dose in one.fact.steps)
                    plan = TaperAgreed(one.fact.id, one.fact.template, one.fact.agreed_on, doses)
        for series in self.readings.values():
            ahead.extend(one.day for one in series if one.day > today and one.stands(evening))
        _, mrn, birth_date, sex, diagnosis, diagnosed_on, autoantibodies, site, clinician, status, revision = (
            self.person
        )
        return PatientFacts(
            today=today,
            id=self.id,
            mrn=mrn,
            birth_date=birth_date,
            sex=sex or "unknown",
            diagnosis=diagnosis or "UNSPECIFIED",
            diagnosed_on=diagnosed_on,
            autoantibodies=autoantibodies or "",
            site=site or "",
            clinician=clinician or "",
            status=status,
            revision=revision,
            read=read,
            read_doubtful=read_doubtful,
            measures=self.readings,
            statements=statements,
            happenings=happenings,
            not_done=not_done,
            pauses=pauses,
            plan=plan,
            feeds=feeds,
            ahead=min(ahead, default=None),
        )

    def changes(self) -> set[int]:
        """The days on which something became known, or was no longer believed."""
        moments: set[float] = set()
        for versions in (
            *self.readings.values(), self.statements, self.happenings, self.not_done, self.pauses, self.plans,
        ):  # fmt: skip
            for one in versions:
                moments.add(one.since)
                if one.until != NEVER:
                    moments.add(one.until)
        return {day_number(clinic_date(dt.datetime.fromtimestamp(moment, dt.UTC), self.timezone)) for moment in moments}


def read_versions(connection: sa.Connection, patient_ids: Sequence[int], *, timezone: str) -> Iterator[PatientVersions]:
    """Every version of the facts about each of the patients, by patient id."""
    wanted = sorted(patient_ids)
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        people = {row[0]: PatientVersions(row, timezone) for row in patient_rows(connection, some)}
        _readings(connection, people, timezone)
        for row in statement_rows(connection, list(people), every_version=True):
            people[row.patient_id].statements.append(_version(Statement._make(row.fact), row.fact[6], row))
        for row in happening_rows(connection, list(people), every_version=True):
            people[row.patient_id].happenings.append(_version(Happening._make(row.fact), row.fact[2], row))
        for row in pause_rows(connection, list(people), every_version=True):
            people[row.patient_id].pauses.append(_version(Pause._make(row.fact), row.fact[2], row))
        for row in plan_rows(connection, list(people)):
            plan: Plan = row.fact
            people[row.patient_id].plans.append(_version(plan, plan.agreed_on, row))
        for one in people.values():
            one.statements.sort(key=lambda version: (version.day, version.fact.id))
            one.happenings.sort(key=lambda version: (version.day, version.fact.id))
            one.not_done.sort(key=lambda version: (version.day, version.fact.id))
            yield one


def _version(fact: Any, day: int, row: Any) -> Version:
    until = NEVER if row.known_to is None else instant(row.known_to).timestamp()
    return Version(fact, day, instant(row.received_at).timestamp(), until)


def _readings(connection: sa.Connection, people: dict[int, PatientVersions], timezone: str) -> None:
    found: dict[tuple[int, str], list[Any]] = {}
    moments: dict[int, Moments] = {}
    spans: dict[int, Any] = {}
    for row in observation_rows(connection, list(people), every_version=True):
        if row.not_done is not None:
            note = NotDone._make(row.not_done)
            people[row.patient_id].not_done.append(_version(note, note.day, row))
            continue
        found.setdefault((row.patient_id, row.measure), []).append(row.fact)
        moments[row.fact[0]] = row.effective_at, row.received_at, row.imported_at
        spans[row.fact[0]] = row
    for (who, measure), series in found.items():
        series.sort(key=lambda fact: (fact[1], fact[0]))
        order_within_days(series, moments, timezone)
        people[who].readings[measure] = [
            _version(Reading(day, value, limit, sign or "", number, assay, assessor, measure), day, spans[number])
            for number, day, value, limit, assay, assessor, sign in series
        ]

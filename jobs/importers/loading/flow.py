"""What waited flows once it is decided what its sender means: all of it at once, in the order in which it arrived."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from jobs.importers.decisions import Decision, Key
from jobs.importers.identity import EVERY_NUMBER, OURS
from jobs.importers.loading.corrections import ANOTHER, BOTH, REPLACES
from jobs.importers.loading.decided import decisions_on_file
from jobs.importers.loading.report import ImportReport
from jobs.importers.loading.sources import kept_sources
from jobs.importers.number_marks import DECIMAL, FORMS, THOUSANDS
from models import vocabulary
from models.accounts import audit
from models.database import reading, writing
from models.errors import ActionRefused
from models.own_vocabulary import words_at
from models.user import User
from models.waiting import (
    ANY,
    KINDS,
    SenderMapping,
    mapping_of,
    mappings_in_force,
    traces_of,
    waiting_groups,
    waiting_rows,
)


@dataclass(frozen=True)
class Wanted:
    """A decision as it is asked for: `to` (and of a code `unit`), or not ours."""

    sender: str
    kind: str
    what: str
    to: str = ""
    unit: str = ""
    not_ours: bool = False

    @property
    def key(self) -> Key:
        """Under what it is found."""
        return self.sender, self.kind, self.what


def checked(engine: Engine, wanted: Wanted, *, timezone: str, now: dt.datetime) -> Wanted:
    """The decision with its spelling put right.

    Raises:
        ActionRefused: nothing can be decided that way.
    """
    if wanted.kind not in KINDS:
        raise ActionRefused(f"{wanted.kind!r} is nothing that waits; known are {', '.join(KINDS)}.")
    if not wanted.sender or not wanted.what:
        raise ActionRefused("Name the sender and what is to be decided, as `myopanel waiting` shows them.")
    if wanted.not_ours:
        if wanted.to or wanted.unit:
            raise ActionRefused("It is either not ours or means something; not both.")
        return wanted
    if wanted.what == ANY:
        raise ActionRefused("Everything of a kind can only be not ours.")
    if not wanted.to:
        raise ActionRefused("Say what it means, or that it is not ours.")
    with words_at(engine, now, timezone):
        if wanted.kind == "code":
            return _checked_code(wanted)
        if wanted.kind == "unit":
            return _checked_unit(wanted)
        if wanted.kind == "value":
            return _checked_value(wanted)
        if wanted.kind == "drug":
            known = vocabulary.drug(wanted.to)
            if known is None and wanted.to == wanted.what:
                return wanted
            if known is None:
                raise ActionRefused(f"{wanted.to!r} is not a drug of the vocabulary, nor its own name {wanted.what!r}.")
            return Wanted(wanted.sender, wanted.kind, wanted.what, known.key)
    return _checked_patient(engine, wanted)


def _checked_code(wanted: Wanted) -> Wanted:
    if wanted.to not in vocabulary.measures():
        raise ActionRefused(f"{wanted.to!r} is not a measure; see `myopanel waiting` for what waits.")
    if wanted.unit:
        _accepted(wanted.to, wanted.unit)
    return wanted


def _checked_unit(wanted: Wanted) -> Wanted:
    key = wanted.what.split(" ", 1)[0]
    if key not in vocabulary.measures():
        raise ActionRefused("A unit waits as `measure unit`, as `myopanel waiting` shows it.")
    if wanted.to == key and not wanted.unit:
        raise ActionRefused(f"Say which unit of {key} it is.")
    unit = wanted.unit or wanted.to
    _accepted(key, unit)
    return Wanted(wanted.sender, wanted.kind, wanted.what, key, unit)


def _accepted(key: str, unit: str) -> None:
    try:
        vocabulary.conversion(key, unit)
    except vocabulary.UnknownUnit as error:
        names = ", ".join(name or "none" for name in error.accepted)
        raise ActionRefused(f"{unit!r} is not a unit of {key}; use {names}.") from None


def _checked_value(wanted: Wanted) -> Wanted:
    if wanted.what in FORMS.values():
        if wanted.to not in (DECIMAL, THOUSANDS):
            raise ActionRefused(f"Such a mark separates {DECIMAL} or {THOUSANDS}.")
        return wanted
    if wanted.what.startswith(ANOTHER):
        if wanted.to not in (BOTH, REPLACES):
            raise ActionRefused(f"Such a result is one of {BOTH} that count, or it {REPLACES} the other.")
        return wanted
    if wanted.what.startswith("correction of "):
        raise ActionRefused("Correct the result by hand; this can only be set aside as not ours.")
    try:
        float(wanted.to.lstrip("<> "))
    except ValueError:
        if wanted.to != "not-done":
            raise ActionRefused("A form of value means a number (0 negative, 1 positive) or not-done.") from None
    return wanted


def _checked_patient(engine: Engine, wanted: Wanted) -> Wanted:
    if wanted.what.startswith(EVERY_NUMBER):
        if wanted.to != OURS:
            raise ActionRefused(f"An authority's numbers are {OURS}, or not ours.")
        return wanted
    if wanted.what.startswith("merge "):
        holds = wanted.what.partition(" into ")[2]
        if wanted.to not in [one.partition("^^^")[0] for one in holds.split()]:
            raise ActionRefused(f"It is merged into the number that holds, {holds}, or set aside as not ours.")
        return wanted
    if decisions_on_file(engine).person(wanted.to) is None:
        raise ActionRefused(f"No patient with record number {wanted.to!r} is on file. Numbers are compared exactly.")
    return wanted


def preview(engine: Engine, wanted: Wanted, *, timezone: str, by: str, now: dt.datetime) -> ImportReport:
    """What would flow, and how it would look; nothing is changed.

    Raises:
        ActionRefused: nothing can be decided that way.
    """
    tried = checked(engine, wanted, timezone=timezone, now=now)
    more = {tried.key: Decision(0, tried.to, tried.unit, tried.not_ours)}
    return _flow(engine, tried, more, timezone=timezone, by=by, now=now, dry_run=True)


def decide(
    engine: Engine, wanted: Wanted, *, timezone: str, by: str, now: dt.datetime
) -> tuple[SenderMapping, ImportReport]:
    """Decide once for a sender, and let flow what waited for it; the same decision again lets flow what is left.

    Raises:
        ActionRefused: nothing can be decided that way, or it is decided otherwise.
    """
    tried = checked(engine, wanted, timezone=timezone, now=now)
    with writing(engine) as session:
        by = decider(session, by)
        mapping = mapping_of(session, *tried.key)
        if mapping is None:
            mapping = SenderMapping(
                sender=tried.sender, kind=tried.kind, what=tried.what, to=tried.to, unit=tried.unit,
                not_ours=tried.not_ours, by=by, at=now,
            )  # fmt: skip
            session.add(mapping)
            session.flush()
            audit(session, by, "map", now=now, detail=f"decision {mapping.id} of kind {tried.kind}")
        elif (mapping.to, mapping.unit, mapping.not_ours) != (tried.to, tried.unit, tried.not_ours):
            raise ActionRefused(f"It is decided otherwise (no. {mapping.id}, by {mapping.by}). Remove that first.")
        made = SenderMapping(**mapping.model_dump())
    return made, _flow(engine, tried, {}, timezone=timezone, by=by, now=now, dry_run=False)


def undecide(engine: Engine, mapping_id: int, *, by: str, now: dt.datetime) -> SenderMapping:
    """End a decision: what comes from now on waits again. What has flowed stays.

    Raises:
        ActionRefused: there is no such decision, or it has ended.
    """
    with writing(engine) as session:
        by = decider(session, by)
        mapping = session.get(SenderMapping, mapping_id)
        if mapping is None or mapping.removed_at is not None:
            raise ActionRefused(f"There is no decision no. {mapping_id} in force.")
        mapping.removed_at, mapping.removed_by = now, by
        audit(session, by, "map removed", now=now, detail=f"decision {mapping_id} of kind {mapping.kind}")
        session.flush()
        return SenderMapping(**mapping.model_dump())


def decider(session: Session, by: str) -> str:
    """Who decides: any name, but not a disabled account nor one that may only look.

    Raises:
        ActionRefused: nobody, or one who may not.
    """
    name = by.strip()
    if not name:
        raise ActionRefused("Who decides? Give a user name.")
    user = session.exec(select(User).where(User.name == name)).first()
    if user is not None and (user.disabled_at is not None or user.role not in {"nurse", "physician", "admin"}):
        raise ActionRefused(f"{name} may not decide this: nurses, physicians and administrators may.")
    return name


def flow_of_itself(
    engine: Engine,
    report: ImportReport,
    *,
    learned: Sequence[Key],
    newcomers: Collection[str],
    timezone: str,
    by: str,
    now: dt.datetime,
) -> None:
    """After an import: what waited for a patient whom it made, or for what its messages told of their sender."""
    ready = [Wanted(sender, kind, what) for sender, kind, what in learned if kind == "value"]
    if newcomers:
        with reading(engine) as session:
            groups = waiting_groups(session, kind="patient")
        ready += [
            Wanted(one["sender"], "patient", one["what"])
            for one in groups
            if one["what"].split("^^^")[0].split(": ")[0] in newcomers
        ]
    for one in ready:
        flowed = _flow(engine, one, {}, timezone=timezone, by=by, now=now, dry_run=False)
        taken = flowed.total.created + flowed.total.updated
        report.patient_ids = sorted({*report.patient_ids, *flowed.patient_ids})
        if taken:
            many = "1 row" if taken == 1 else f"{taken} rows"
            report.warnings.append(f"{many} of {one.sender} that waited ({one.kind}) could be taken over now")


def _flow(
    engine: Engine,
    wanted: Wanted,
    more: Mapping[Key, Decision],
    *,
    timezone: str,
    by: str,
    now: dt.datetime,
    dry_run: bool,
) -> ImportReport:
    """Read again what waits for a decision, under the decisions on file and those being tried."""
    # Imported here: an import may let flow what waited, and what flows is an import.
    from jobs.importers.load import import_sources

    exactly = wanted.what != ANY and not wanted.what.startswith(EVERY_NUMBER)
    with reading(engine) as session:
        rows = waiting_rows(session.connection(), wanted.sender, wanted.kind, [wanted.what] if exactly else None)
    if not rows:
        return ImportReport(dry_run=dry_run, may_wait=True)
    return import_sources(
        engine,
        kept_sources(wanted.sender, rows, timezone),
        format=rows[0][0],
        name="what waited",
        timezone=timezone,
        by=by,
        now=now,
        dry_run=dry_run,
        decided=decisions_on_file(engine, more),
        again=True,
    )


def decisions_listed(engine: Engine) -> list[dict[str, object]]:
    """Every decision in force, the newest first, with how many rows came that were not ours."""
    with reading(engine) as session:
        found = mappings_in_force(session)[::-1]
        traces = traces_of(session)
    return [
        {
            "id": one.id, "sender": one.sender, "kind": one.kind, "what": one.what, "to": one.to or None,
            "unit": one.unit or None, "not_ours": one.not_ours, "by": one.by, "at": one.at.isoformat(),
            "came": traces.get(one.id or 0, 0),
        }
        for one in found
    ]  # fmt: skip

"""A clinic adds, changes or ends a measure, drug or monitoring row of its own: tried first, then kept with who and why.

A change is tried on the rules' examples (do they answer as before?) and on the panel (who would newly be asked for a
test?). Page and command line go through here, and are refused for the same reasons.
"""

import datetime as dt
import json
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.assessing import ask
from jobs.examples import answered, as_told, everything_said
from jobs.rule import MET, all_rules
from jobs.thresholds import thresholds_on
from models.accounts import audit
from models.database import reading, snapshot, writing
from models.errors import ActionRefused, told
from models.medication import MedicationStatement
from models.observation import Observation
from models.own_vocabulary import OwnRow, Version, VocabularyTrial, standing, versions, vocabulary_of
from models.patient_facts import PatientFacts
from models.patient_reading import read_patients
from models.user import User
from models.vocabulary import Vocabulary, VocabularyError, holding, name_key
from models.vocabulary.own import KINDS, Kind, checked, identity_of

log = logging.getLogger(__name__)

DECIDE = ("physician", "admin")
"""Who may change what the rules rest on."""
LABS = "overdue-labs"
GIVEN_UP_AFTER = dt.timedelta(minutes=15)
"""A trial whose process died counts as failed after this long."""


@dataclass(frozen=True)
class Change:
    """A further version of an own row: what it says from a day on, or (`ended`) that it has ended."""

    kind: Kind
    key: str
    cells: Mapping[str, str]
    ended: bool
    valid_from: dt.date

    def document(self) -> str:
        """The change as it is kept with its trial: equal for equal changes."""
        return json.dumps(asdict(self), sort_keys=True, default=str, ensure_ascii=False)

    def version(self, number: int, now: dt.datetime) -> Version:
        """As it would stand among the others."""
        return Version(
            number, self.kind, self.key, self.cells, self.ended, self.valid_from, "", "", now
        )  # fmt: skip


def read_change(document: str) -> Change:
    """A change as it was kept with its trial."""
    said = json.loads(document)
    return Change(
        said["kind"], said["key"], said["cells"], said["ended"], dt.date.fromisoformat(said["valid_from"])
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- changes


def adding(
    session: Session, kind: str, said: Mapping[str, str], *, valid_from: dt.date, today: dt.date, now: dt.datetime
) -> Change:
    """A new row, or a row that says something else from a day on.

    Raises:
        ActionRefused: something is missing, unknown, taken, or does not fit what is on file.
    """
    connection = session.connection()
    known = versions(connection)
    with holding(vocabulary_of(known, max(valid_from, today))):
        cells = checked(cast(Kind, kind), said)
    change = Change(cast(Kind, kind), identity_of(cast(Kind, kind), cells), cells, ended=False, valid_from=valid_from)
    before = standing(known, valid_from).get((change.kind, change.key))
    if before is not None and not before.ended and dict(before.cells) == dict(cells):
        raise ActionRefused("That is what it says already.")
    if change.kind == "measure":
        _keeps_its_unit(connection, known, change)
    _fits(known, change, today, now)
    return change


def ending(session: Session, kind: str, key: str, *, valid_from: dt.date, today: dt.date, now: dt.datetime) -> Change:
    """The end of a row from a day on: what was concluded before stays explained by it.

    Raises:
        ActionRefused: no such row, one that has ended, or one that others rest on.
    """
    known = versions(session.connection())
    before = standing(known, valid_from).get((cast(Kind, kind), key))
    if before is None or before.ended:
        rows = ", ".join(sorted(name for (one, name), row in standing(known, valid_from).items() if one == kind))
        raise ActionRefused(f"The clinic has no {kind} {key!r} that holds on {valid_from}; it has: {rows or 'none'}.")
    change = Change(before.kind, key, {}, ended=True, valid_from=valid_from)
    _rests_on(known, change)
    _fits(known, change, today, now)
    return change


def returning(session: Session, version_id: int, *, valid_from: dt.date, today: dt.date, now: dt.datetime) -> Change:
    """Back to what an earlier version said.

    Raises:
        ActionRefused: no such version, or nothing it says fits any more.
    """
    known = versions(session.connection())
    one = next((row for row in known if row.id == version_id), None)
    if one is None:
        raise ActionRefused(f"There is no version {version_id}.")
    if one.ended:
        return ending(session, one.kind, one.key, valid_from=valid_from, today=today, now=now)
    return adding(session, one.kind, one.cells, valid_from=valid_from, today=today, now=now)


def _keeps_its_unit(connection: sa.Connection, known: Sequence[Version], change: Change) -> None:
    """Results on file keep their meaning: neither unit nor kind of result changes under them."""
    said = [one for one in known if (one.kind, one.key) == (change.kind, change.key) and not one.ended]
    if not said:
        return
    before = said[-1].cells
    same = ("unit", "result", "max_value")
    if all(before.get(name, "") == change.cells.get(name, "") for name in same):
        return
    table: Any = Observation
    count = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.measure == change.key)
    ).scalar_one()
    if count:
        raise ActionRefused(
            f"{count} results of {before['label']} are on file in {before.get('unit') or 'its old form'}: unit, kind "
            "of result and maximum stay. End it, and add another measure."
        )


def _rests_on(known: Sequence[Version], change: Change) -> None:
    """A measure or drug that a monitoring row asks for or by is not ended under it."""
    last = {one.valid_from for one in known} | {change.valid_from}
    for day in sorted(day for day in last if day >= change.valid_from):
        for (kind, key), row in standing(known, day).items():
            if kind != "monitoring" or row.ended or (kind, key) == (change.kind, change.key):
                continue
            if change.key in (row.cells["test"], row.cells["treatment"], row.cells.get("only_if")):
                raise ActionRefused(
                    f"The monitoring row {key} rests on {change.key}. End that row first, or from the same day."
                )


def _fits(known: Sequence[Version], change: Change, today: dt.date, now: dt.datetime) -> None:
    """Refuse a change after which the tables would not fit together on that day or on a later one."""
    if change.valid_from < today:
        raise ActionRefused("A change begins today at the earliest: what was concluded before stands as it was.")
    after = with_change(known, change, now)
    for day in sorted({one.valid_from for one in after if one.valid_from >= change.valid_from}):
        try:
            vocabulary_of(after, day, strict=True)
        except VocabularyError as error:
            raise ActionRefused(f"This does not fit: {error}.") from error


def with_change(known: Sequence[Version], change: Change, now: dt.datetime) -> list[Version]:
    """All versions with a further one among them, in their order."""
    number = max((one.id for one in known), default=0) + 1
    return sorted([*known, change.version(number, now)], key=lambda one: (one.valid_from, one.id))


def keep(session: Session, change: Change, *, reason: str, by: str, now: dt.datetime) -> OwnRow:
    """Write the change down, with who and why; whatever rests on the vocabulary is looked at again at the next run.

    Raises:
        ActionRefused: no reason, or somebody who may not decide this.
    """
    author = may_decide(session, by, reason)
    row = OwnRow(
        kind=change.kind,
        key=change.key,
        cells=json.dumps(dict(change.cells), ensure_ascii=False),
        ended=change.ended,
        valid_from=change.valid_from,
        reason=reason.strip(),
        author=author,
        created_at=now,
    )
    session.add(row)
    verb = "end" if change.ended else "set"
    audit(session, author, "change vocabulary", now=now, detail=f"{verb} {change.kind} {change.key}")
    session.flush()
    return row


def may_decide(session: Session, by: str, reason: str) -> str:
    """The account of whoever may decide this, with the reason given.

    Raises:
        ActionRefused: no reason, no such account, or one that may not.
    """
    if not reason.strip():
        raise ActionRefused("A change of the vocabulary needs a reason.")
    name = by.strip()
    user = session.exec(select(User).where(col(User.name) == name)).first() if name else None
    if user is None or user.disabled_at is not None:
        raise ActionRefused(f"There is no account {name!r}." if name else "Who decides this?")
    if user.role not in DECIDE:
        raise ActionRefused(f"{name} is a {user.role}: only physicians and administrators change the vocabulary.")
    return name


# -------------------------------------------------------------------------------------------------------------- trials


@dataclass(frozen=True)
class Outcome:
    """What a change would do.

    Attributes:
        examples: how many examples the rules have.
        differ: those that would be answered otherwise: rule, title, what is said now, what would be.
        untrue: those of them that would no longer be what the rule promises, as rule and title.
        newly_asked: patients of whom a test would be asked that is not asked now; by test in `tests`.
        newly_overdue: those of them for whom it would be overdue at once.
        no_longer: patients of whom a test would no longer be asked.
        on_file: statements or results on file that the row would give a meaning to.
    """

    examples: int
    differ: list[dict[str, str]]
    untrue: list[dict[str, str]]
    newly_asked: int
    newly_overdue: int
    no_longer: int
    tests: dict[str, int]
    on_file: int
    patients: int

    def sentences(self) -> list[str]:
        """What a person should know before they save."""
        said = [
            f"All {self.examples} examples of the rules answer as before."
            if not self.differ
            else f"{len(self.differ)} of {self.examples} examples of the rules would be answered otherwise."
        ]
        if self.untrue:
            said.append(f"{len(self.untrue)} would no longer be what their rule promises.")
        elif self.differ:
            said.append("All of them stay what their rule promises.")
        if self.newly_asked:
            tests = ", ".join(f"{test} {count}" for test, count in sorted(self.tests.items()))
            said.append(
                f"{_patients(self.newly_asked)} would newly be asked ({tests}), of {self.patients}; "
                f"for {self.newly_overdue} it would be overdue at once."
            )
        else:
            said.append("Nobody would newly be asked for a test.")
        if self.no_longer:
            said.append(f"{_patients(self.no_longer)} would no longer be asked for a test.")
        if self.on_file:
            said.append(f"{self.on_file} entries on file would be read by it.")
        return said


def _patients(count: int) -> str:
    return f"{count} patient" if count == 1 else f"{count} patients"


def outcome_of(engine: Engine, change: Change, *, today: dt.date, now: dt.datetime, timezone: str) -> Outcome:
    """Answer every example and ask for the tests of every patient, under the vocabulary as it is and as it would be."""
    day = max(change.valid_from, today)
    with snapshot(engine) as connection, Session(bind=connection, autoflush=False) as session:
        known = versions(connection)
        before, after = vocabulary_of(known, day), vocabulary_of(with_change(known, change, now), day)
        thresholds = thresholds_on(session, day)
        asked: list[dict[int, dict[str, bool]]] = []
        for one in (before, after):
            with holding(one):
                people = read_patients(connection, day, timezone=timezone)
                asked.append({person.id: _tests_of(person, thresholds) for person in people})
        on_file = _entries(connection, change)
    with holding(vocabulary_of(known, day, as_ever=True)):
        now_said = everything_said()
    with holding(vocabulary_of(with_change(known, change, now), day, as_ever=True)):
        then_said = everything_said()
        broken = _untrue()
    tests: Counter[str] = Counter()
    newly, overdue, fewer = set(), set(), set()
    labels = {key: row.label.split(" (")[0] for key, row in after.tests.items()}
    for who, then in asked[1].items():
        had = asked[0].get(who, {})
        for test, late in then.items():
            if test not in had or (late and not had[test]):
                newly.add(who)
                tests[labels.get(test, test)] += 1
                if late:
                    overdue.add(who)
        if set(had) - set(then):
            fewer.add(who)
    differ = [
        {"rule": name[0], "example": name[1], "now": _text(now_said[name], then_said[name]),
         "then": _text(then_said[name], now_said[name])}
        for name in now_said
        if now_said[name] != then_said[name]
    ]  # fmt: skip
    return Outcome(
        examples=len(now_said),
        differ=differ,
        untrue=broken,
        newly_asked=len(newly),
        newly_overdue=len(overdue),
        no_longer=len(fewer),
        tests=dict(tests),
        on_file=on_file,
        patients=len(asked[1]),
    )


def _tests_of(person: PatientFacts, thresholds: Any) -> dict[str, bool]:
    """The tests asked of a patient, each with whether it is overdue."""
    answers = ask(person, thresholds, [LABS]).answers.get(LABS, ())
    return {answer.subject: answer.state == MET for answer in answers}


def _untrue() -> list[dict[str, str]]:
    """The examples that are not answered as their rule promises, under the vocabulary that holds."""
    return [
        {"rule": one.key, "example": example.title}
        for one in all_rules()
        for example in one.examples
        if not as_told(example, answered(one, example))
    ]


def _text(said: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> str:
    """What is said here and not there."""
    own = [f"{subject}: {words}" if subject else words for subject, words in said if (subject, words) not in other]
    return "; ".join(own) or "nothing"


def _entries(connection: sa.Connection, change: Change) -> int:
    """Statements on file under a name of the drug that is added: rules will read them by its class."""
    if change.kind != "drug" or change.ended:
        return 0
    table: Any = MedicationStatement
    cells = change.cells
    names = {name_key(name) for name in (change.key, cells["label"], *cells.get("synonyms", "").split(";"))}
    counted = connection.execute(sa.select(table.drug, sa.func.count()).group_by(table.drug))
    return sum(int(count) for name, count in counted if name_key(name) in names - {""})


def begin_trial(engine: Engine, change: Change, *, by: str, today: dt.date, now: dt.datetime, timezone: str) -> int:
    """Try a change in the background; its outcome is read with `trial_of`, by whichever process is asked."""
    with writing(engine) as session:
        trial = VocabularyTrial(change=change.document(), by=by, begun_at=now)
        session.add(trial)
        session.flush()
        number = cast(int, trial.id)

    def work() -> None:
        try:
            said: dict[str, Any] = asdict(outcome_of(engine, change, today=today, now=now, timezone=timezone))
        except Exception as error:  # Whatever it is, it is told to the person who waits for the outcome.
            log.warning("a trial of the vocabulary failed: %s", told(error))
            said = {"failed": told(error)}
        with writing(engine) as session:
            done = session.get(VocabularyTrial, number)
            if done is not None:
                done.outcome = json.dumps(said, ensure_ascii=False)
                done.finished_at = now
                session.add(done)

    threading.Thread(target=work, name=f"vocabulary trial {number}", daemon=True).start()
    return number


def trial_of(engine: Engine, number: int, now: dt.datetime) -> tuple[Change, Outcome | None]:
    """A trial's change, and its outcome once there is one.

    Raises:
        ActionRefused: no such trial, or it failed.
    """
    with reading(engine) as session:
        trial = session.get(VocabularyTrial, number)
        if trial is None:
            raise ActionRefused("This check is not on record any more; check again.")
        change, outcome = read_change(trial.change), trial.outcome
        begun = trial.begun_at
    if not outcome:
        if now - begun > GIVEN_UP_AFTER:
            raise ActionRefused("The check did not come to an end. Check again.")
        return change, None
    said = json.loads(outcome)
    if "failed" in said:
        raise ActionRefused(f"The check failed: {said['failed']}.")
    return change, Outcome(**said)


# ------------------------------------------------------------------------------------------------------ what is on file


@dataclass(frozen=True)
class Listed:
    """One own row with its history: the newest version of all, the one that holds on the day, and all of them."""

    kind: Kind
    key: str
    newest: Version
    holds: Version | None
    history: tuple[Version, ...]

    @property
    def state(self) -> str:
        """`holds`, `begins` or `ended`."""
        if self.holds is None:
            return "begins"
        return "ended" if self.holds.ended else "holds"


def own_rows(session: Session, day: dt.date, known_at: dt.datetime | None = None) -> list[Listed]:
    """Every own row of the clinic, by kind and key, as known at an instant (None: by now)."""
    known = versions(session.connection(), known_at)
    holds = standing(known, day)
    grouped: dict[tuple[Kind, str], list[Version]] = defaultdict(list)
    for one in known:
        grouped[one.kind, one.key].append(one)
    return [
        Listed(kind, key, rows[-1], holds.get((kind, key)), tuple(sorted(rows, key=lambda one: one.id)))
        for (kind, key), rows in sorted(grouped.items(), key=lambda pair: (KINDS.index(pair[0][0]), pair[0][1]))
    ]


def set_aside(session: Session, day: dt.date) -> list[str]:
    """Rows that hold on a day and that the tables of this version of the program no longer take."""
    known = versions(session.connection())
    taken = _taken(vocabulary_of(known, day))
    return [
        f"{one.kind} {one.key}"
        for one in standing(known, day).values()
        if not one.ended and f"the clinic's {one.kind} {one.key}" not in taken
    ]


def _taken(one: Vocabulary) -> set[str]:
    return {line.said for line in one.own}

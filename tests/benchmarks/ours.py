"""Our side of each measurement. What is not an entry point that others rely on is called from here and nowhere else.

Stable are `evaluate`, `follow`, `replay`, `import_paths`, the `myopanel` command and the web server; of the insides,
`stored` takes one fact as the page stores it, and `PANEL_ROWS` is what the panel's own script asks for.
"""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import select

from jobs.evaluation import EvaluationReport, evaluate, follow
from jobs.importers.canonical import ObservationRow
from jobs.importers.load import import_paths, record_facts
from jobs.rule import all_rules
from models.accounts import add_user
from models.alert import Alert
from models.database import engine_for, reading, writing
from tests.benchmarks.clinic import AS_OF, NOW, REQUIRED, Clinic, checkpoint
from tests.benchmarks.reference import Found

HEADLINE = ("declining-strength", "overdue-labs", "prolonged-high-dose-steroids")
NURSE, PASSWORD = "nora", "a long enough password"
EVALUATED = "evaluated.db"
PANEL_ROWS = "/panel/rows?start=0&count=50"
"""The first part of the list, as the panel's script asks for it when the page is opened."""


def number_of_rules() -> int:
    """How many rules there are."""
    return len(all_rules())


def look(engine: Engine, as_of: dt.date, rules: Sequence[str] | None = None) -> None:
    """Facts read and every active rule (or those named) answered for the whole panel; nothing listed or written.

    Raises:
        RuntimeError: a rule failed.
    """
    done = evaluate(engine, as_of, timezone="UTC", now=NOW, rules=rules, dry_run=True, collect=False)
    if done.failures:
        raise RuntimeError(f"rules failed: {done.failures}")


def met(engine: Engine, as_of: dt.date) -> dict[str, Found]:
    """(patient id, subject) for which each headline rule is met; overdue labs: CK, troponin, CRP.

    A fall of less than a step, which counts only because other measures changed with it, is asked by no peer.
    """
    report = evaluate(engine, as_of, timezone="UTC", now=NOW, rules=list(HEADLINE), dry_run=True)
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        number = dict(connection.execute("select mrn, id from patient"))
    found: dict[str, Found] = {key: set() for key in HEADLINE}
    for one in report.assessments:
        rule, subject = str(one["rule"]), str(one["subject"])
        if not one["numbers"].get("by_itself", True):
            continue
        if rule in found and one["state"] == "met" and (rule != "overdue-labs" or subject in REQUIRED):
            found[rule].add((int(number[one["mrn"]]), subject))
    return found


def full_evaluation(database: Path, as_of: dt.date) -> EvaluationReport:
    """What `myopanel evaluate --full` does apart from printing: answers stored, alerts reconciled."""
    engine = engine_for(f"sqlite:///{database}")
    try:
        return evaluate(engine, as_of, timezone="UTC", full=True, collect=False, now=NOW)
    finally:
        engine.dispose()


def evaluated(clinic: Clinic) -> Path:
    """The clinic after its first full evaluation and with a nurse's account, to be copied; made once a run."""
    database = clinic.folder / EVALUATED
    if not database.exists():
        clinic.copy(EVALUATED)
        full_evaluation(database, AS_OF)
        engine = engine_for(f"sqlite:///{database}")
        with writing(engine) as session:
            add_user(session, NURSE, "nurse", PASSWORD, now=NOW, display_name="Nora Test")
        engine.dispose()
        checkpoint(database)
    return database


def imported(engine: Engine, csv: Path) -> int:
    """A CSV folder through the importer; returns the rows read.

    Raises:
        RuntimeError: rows were rejected.
    """
    total = import_paths(engine, [csv], timezone="UTC", by="benchmark", now=NOW).total
    if total.rejected:
        raise RuntimeError(f"{total.rejected} rows were rejected")
    return total.read


def stored(engine: Engine, rows: Sequence[Any], now: dt.datetime) -> None:
    """Facts as a person's click stores them, received at the instant `now`."""
    with writing(engine) as session:
        record_facts(session, rows, by="benchmark", now=now, timezone="UTC")


def followed(engine: Engine, now: dt.datetime) -> int:
    """What whoever stores facts does next: the patients concerned brought up to date; returns how many."""
    done = follow(engine, timezone="UTC", now=now)
    return done.computed if done is not None else 0


def creatine_kinase(mrn: str, day: dt.date, value: int = 600) -> ObservationRow:
    """A CK with an upper limit of 200."""
    return ObservationRow(
        mrn=mrn, measure="ck", value=str(value), unit="U/L", observed_at=f"{day}T09:00:00", upper_limit="200"
    )


def active_patients(database: Path) -> list[tuple[int, str]]:
    """(id, record number) of the active patients, in the order of their ids."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select id, mrn from patient where status = 'active' order by id")
        return [(int(who), str(mrn)) for who, mrn in rows]


def alerts_of(database: Path) -> list[dict[str, str]]:
    """Every alert with everything but its number, in an order of their own."""
    engine = engine_for(f"sqlite:///{database}")
    try:
        with reading(engine) as session:
            rows = [alert.model_dump(exclude={"id"}) for alert in session.exec(select(Alert))]
    finally:
        engine.dispose()
    found = [{key: str(value) for key, value in row.items()} for row in rows]
    return sorted(found, key=lambda row: tuple(row.values()))

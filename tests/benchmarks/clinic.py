"""The clinic under measurement: a synthetic cohort imported once, and a plain copy of its facts.

Without pandas, so that what we measure of ourselves does not carry what only the peers need.
"""

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from jobs.importers.load import import_paths
from models.database import engine_for, newest_version, upgrade
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from tests.benchmarks.measuring import say

AS_OF = dt.date(2026, 6, 30)
NOW = dt.datetime(2026, 6, 30, 20, 0, tzinfo=dt.UTC)
SEED = 20261
STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
REQUIRED = {"ck": ("ck",), "troponin": ("troponin_t", "troponin_i"), "crp": ("crp",)}
NOT_COUNTED = ("topical", "inhaled", "intra-articular")


@dataclass(frozen=True)
class Clinic:
    """A folder with the cohort (`csv`), the database and the peers' copies."""

    folder: Path
    patients: int
    rows: int

    @property
    def csv(self) -> Path:
        """The cohort as written."""
        return self.folder / "csv"

    @property
    def database(self) -> Path:
        """The database right after the import; measured code works on copies where it writes."""
        return self.folder / "clinic.db"

    @property
    def plain(self) -> Path:
        """The facts believed now in plain tables, for the reference and the SQL peer."""
        return self.folder / "plain.db"

    def engine(self) -> Engine:
        """An engine on the database, as the application makes it."""
        return engine_for(f"sqlite:///{self.database}")

    def copy(self, name: str, of: Path | None = None) -> Path:
        """A copy of the database (or of another one) that may be written to."""
        target = without(self.folder / name)
        shutil.copyfile(of or self.database, target)
        return target


def without(database: Path) -> Path:
    """The path, with nothing there any more: neither the file nor what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    return database


def checkpoint(path: Path) -> None:
    """Move what stands in the write-ahead log into the file, so that the file alone can be copied."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def made(folder: Path, patients: int, years: float) -> Clinic:
    """A clinic of that size in `folder`, or the one that an earlier run of the same size and schema left there."""
    from seed_data.cohort import write_cohort
    from tests.benchmarks.parquet import write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    said = folder / f"made-{patients}-{years:g}-{newest_version()}"
    if said.exists():
        say(f"Using the clinic of {patients} patients in {folder.name}")
        return Clinic(folder, patients, int(said.read_text()))
    say(f"Writing {patients} invented patients of {years:g} years ...")
    for name in ("patients", "observations", "medications", "events", "truth"):
        (folder / "csv" / f"{name}.csv").unlink(missing_ok=True)
    write_cohort(folder / "csv", patients, SEED, AS_OF, years)
    url = f"sqlite:///{without(folder / 'clinic.db')}"
    upgrade(url)
    engine = engine_for(url)
    say("Importing them ...")
    report = import_paths(engine, [folder / "csv"], timezone="UTC", by="benchmark", now=NOW)
    if report.total.rejected:
        raise RuntimeError(f"{report.total.rejected} rows of the cohort were rejected")
    write_plain(engine, without(folder / "plain.db"))
    engine.dispose()
    checkpoint(folder / "clinic.db")
    write_parquet(folder / "plain.db", folder)
    said.write_text(str(report.total.read))
    return Clinic(folder, patients, report.total.read)


def write_plain(engine: Engine, target: Path) -> None:
    """The facts believed now in the plainest tables: what the reference reads, and the database of the SQL peer.

    In the order in which they were true, days as text, indexed by patient. Corrections have been followed and units
    converted, in the peers' favour.
    """
    tables: tuple[tuple[str, Any, tuple[str, ...], tuple[str, ...]], ...] = (
        ("patient", Patient, ("id", "status"), ("id",)),
        (
            "observation", Observation, ("patient_id", "measure", "effective_on", "value", "status"),
            ("effective_at", "id"),
        ),
        (
            "medication_statement", MedicationStatement,
            ("patient_id", "drug", "dose", "unit", "frequency", "route", "start_on", "end_on", "status"),
            ("start_on", "id"),
        ),
    )  # fmt: skip
    with closing(sqlite3.connect(target)) as plain, engine.connect() as connection:
        for name, table, columns, order in tables:
            plain.execute(f"create table {name} ({', '.join(columns)})")
            query = sa.select(*(getattr(table, column) for column in columns))
            if table is not Patient:
                query = query.where(table.known_to.is_(None))
            rows = connection.execution_options(yield_per=10_000).execute(
                query.order_by(*(getattr(table, column) for column in order))
            )
            plain.executemany(
                f"insert into {name} values ({', '.join('?' * len(columns))})",
                ([one.isoformat() if isinstance(one, dt.date) else one for one in row] for row in rows),
            )
        plain.execute("create index by_patient on observation (patient_id, measure, effective_on)")
        plain.execute("create index by_start on medication_statement (patient_id, start_on)")
        plain.commit()
        plain.execute("analyze")

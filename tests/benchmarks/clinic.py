"""The clinic under measurement: a synthetic cohort imported once, and what the peers read of it."""

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy.engine import Engine

from jobs.importers.load import import_paths
from models.database import engine_for, upgrade
from models.vocabulary import drug, frequencies
from seed_data.cohort import write_cohort
from tests.benchmarks.measuring import say

AS_OF = dt.date(2026, 6, 30)
NOW = dt.datetime(2026, 6, 30, 20, 0, tzinfo=dt.UTC)
SEED = 20261
STRENGTH = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
REQUIRED = {"ck": ("ck",), "troponin": ("troponin_t", "troponin_i"), "crp": ("crp",)}
NOT_COUNTED = ("topical", "inhaled", "intra-articular")
CONTINUING = "9999-12-31"


@dataclass(frozen=True)
class Clinic:
    """A folder with the cohort (`csv`), the database and the peers' Parquet copies."""

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
    """A clinic of that size in `folder`, or the one that an earlier run of the same size left there."""
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / f"imported-{patients}-{years:g}"
    database = folder / "clinic.db"
    if said.exists():
        say(f"Using the clinic of {patients} patients in {folder.name}")
        return Clinic(folder, patients, int(said.read_text()))
    say(f"Writing {patients} invented patients of {years:g} years ...")
    write_cohort(folder / "csv", patients, SEED, AS_OF, years)
    without(database)
    upgrade(f"sqlite:///{database}")
    engine = engine_for(f"sqlite:///{database}")
    say("Importing them ...")
    report = import_paths(engine, [folder / "csv"], timezone="UTC", by="benchmark", now=NOW)
    engine.dispose()
    checkpoint(database)
    if report.total.rejected:
        raise RuntimeError(f"{report.total.rejected} rows of the cohort were rejected")
    write_parquet(database, folder)
    said.write_text(str(report.total.read))
    return Clinic(folder, patients, report.total.read)


def write_parquet(database: Path, folder: Path) -> None:
    """The peers' own copies: current valid scores and tests, current medications with doses already converted.

    In the order in which a clinic's table grows. What they cost to keep up to date is not in any peer's time.
    """
    wanted = [*STRENGTH, *(key for keys in REQUIRED.values() for key in keys), "weight"]
    with closing(sqlite3.connect(database)) as connection:
        observations = pd.read_sql_query(
            "select o.patient_id, measure, effective_on day, value from observation o"
            " join patient p on p.id = o.patient_id where p.status = 'active' and known_to is null"
            " and o.status in ('final', 'corrected') and effective_on <= ?"
            f" and measure in ({','.join('?' * len(wanted))}) order by effective_at, o.id",
            connection,
            params=[AS_OF.isoformat(), *wanted],
        )
        taken = pd.read_sql_query(
            "select m.patient_id, drug, dose, unit, frequency, route, start_on start, end_on, m.status from"
            " medication_statement m join patient p on p.id = m.patient_id"
            " where p.status = 'active' and known_to is null"
            " and m.status <> 'entered-in-error' and start_on <= ? order by start_on, m.id",
            connection,
            params=[AS_OF.isoformat()],
        )
    observations["day"] = pd.to_datetime(observations["day"])
    observations["measure"] = observations["measure"].astype("category")
    observations.to_parquet(folder / "observations.parquet", index=False)
    known = {name: drug(name) for name in taken["drug"].unique()}
    factor = {name: (row.prednisone_factor if row else None) or np.nan for name, row in known.items()}
    often = frequencies()
    every = {key: row.every_days or 0 for key, row in often.items()}
    doses = {key: float(row.doses) for key, row in often.items()}
    local = taken["route"].isin(NOT_COUNTED)
    steroid = taken["drug"].map({name: bool(row and row.is_glucocorticoid) for name, row in known.items()}).astype(bool)
    acts = taken["drug"].map({name: (row.acts_for_days if row else None) or 0 for name, row in known.items()})
    once = taken["frequency"] == "once"
    end = taken["end_on"].where(~once, taken["start"])
    open_stop = (taken["status"] == "stopped") & end.isna()
    through = pd.to_datetime(end.where(~open_stop, taken["start"]))
    per_dose = taken["dose"] * taken["drug"].map(factor).where(~local) * taken["frequency"].map(doses)
    per_dose *= np.where(taken["unit"] == "g", 1000.0, 1.0)
    days = taken["frequency"].map(every)
    frame = pd.DataFrame(
        {
            "patient_id": taken["patient_id"],
            "drug": taken["drug"].astype("category"),
            "active": taken["drug"]
            .map({n: bool(r and r.counts_as_active_treatment) for n, r in known.items()})
            .astype(bool)
            & ~(steroid & local),
            "start": pd.to_datetime(taken["start"]),
            "end": through,
            "through": through + pd.to_timedelta(acts.where(once | end.notna(), 0), unit="D"),
            # An alternate-day dose counts as its daily mean, a rarer one in full on its day.
            "mg": per_dose / np.where(days == 2, 2, 1),
            "every": days.astype("int64"),
            "per_kg": taken["unit"].eq("mg/kg") | taken["unit"].eq("g/kg"),
            "certain": ~open_stop & taken["unit"].isin(["mg", "g", "mg/kg", "g/kg"]),
        }
    )
    frame.to_parquet(folder / "medications.parquet", index=False)

"""The Parquet copies that the pandas peer reads."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from models.vocabulary import drug, frequencies
from tests.benchmarks.clinic import AS_OF, NOT_COUNTED, REQUIRED, STRENGTH


def write_parquet(plain: Path, folder: Path) -> None:
    """The peers' own copies: current valid scores and tests, current medications with doses already converted.

    In the order in which a clinic's table grows. What they cost to keep up to date is not in any peer's time.
    """
    wanted = [*STRENGTH, *(key for keys in REQUIRED.values() for key in keys), "weight"]
    with closing(sqlite3.connect(plain)) as connection:
        observations = pd.read_sql_query(
            "select o.patient_id, measure, effective_on day, value from observation o"
            " join patient p on p.id = o.patient_id where p.status = 'active'"
            " and o.status in ('final', 'corrected') and effective_on <= ?"
            f" and measure in ({','.join('?' * len(wanted))}) order by o.rowid",
            connection,
            params=[AS_OF.isoformat(), *wanted],
        )
        taken = pd.read_sql_query(
            "select m.patient_id, drug, dose, unit, frequency, route, start_on start, end_on, m.status from"
            " medication_statement m join patient p on p.id = m.patient_id"
            " where p.status = 'active'"
            " and m.status <> 'entered-in-error' and start_on <= ? order by m.rowid",
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

"""Other ways to answer the headline rules: vectorised pandas from Parquet, index-seek SQL, and two loops over patients.

The pandas peer and the ORM loop answer exactly what ours does and are checked for it. The SQL and the pandas loop
answer simpler questions (said in their docstrings), which is in their favour.
"""

import csv
import datetime as dt
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from models.medication import MedicationStatement
from models.observation import VALID, Observation
from models.vocabulary import vocabulary
from tests.benchmarks.clinic import REQUIRED, STRENGTH
from tests.benchmarks.reference import ERROR, STEP, Found, _active_since, _declines, _too_long_high

TEST_OF = {key: test for test, keys in REQUIRED.items() for key in keys}
LOOK_BACK = 120
"""Days that decide a course of more than 28 high days: 29 of them, each three days after the one before, lie within."""


def pandas_from_parquet(folder: Path, as_of: dt.date) -> dict[str, Found]:
    """The three headline rules as a careful analyst writes them, from a Parquet copy that somebody keeps current."""
    today = pd.Timestamp(as_of)
    observations = pd.read_parquet(folder / "observations.parquet", columns=["patient_id", "measure", "day", "value"])
    taken = pd.read_parquet(folder / "medications.parquet")
    observations["measure"] = observations["measure"].astype(str)
    return {
        "declining-strength": _pandas_declining(observations[observations["measure"].isin(STRENGTH)], today),
        "overdue-labs": _pandas_overdue(observations, taken, today),
        "prolonged-high-dose-steroids": _pandas_high_dose(observations, taken, today),
    }


def _pandas_declining(scores: pd.DataFrame, today: pd.Timestamp) -> Found:
    scores = scores.sort_values(["patient_id", "measure"], kind="stable").reset_index(drop=True)
    group = scores.groupby(["patient_id", "measure"], sort=False)
    total, number = pd.Series(0.0, scores.index), pd.Series(0, scores.index)
    for back in range(1, 5):
        before = group["value"].shift(back)
        usable = (scores["day"] - group["day"].shift(back)).dt.days <= 182
        total += before.where(usable, 0.0)
        number += usable
    reference = total / number.where(number > 0)
    step, error = scores["measure"].map(STEP), scores["measure"].map(ERROR)
    reverse = scores.iloc[::-1].groupby(["patient_id", "measure"], sort=False)["value"]
    highest = reverse.cummax().reindex(scores.index)
    count = reverse.cumcount().reindex(scores.index) + 1
    mean = reverse.cumsum().reindex(scores.index) / count
    later = highest.groupby([scores["patient_id"], scores["measure"]], sort=False).shift(-1).fillna(-np.inf)
    recent = scores["day"] >= today - pd.Timedelta(days=182)
    fall = (scores["value"] <= reference - step) & (later < reference - step / 2)
    shift = (count >= 2) & (number >= 2) & (highest < reference - step / 2) & (mean <= reference - step)
    with np.errstate(divide="ignore"):
        shift &= reference - mean >= 1.9 * error * np.sqrt(1 / number + 1 / count)
    newest = count == 1
    can_tell = scores[newest & ((today - scores["day"]).dt.days <= 90) & (number > 0)]
    candidates = set(can_tell[["patient_id", "measure"]].itertuples(index=False, name=None))
    met = set(
        scores.loc[recent & (fall | shift), ["patient_id", "measure"]]
        .drop_duplicates()
        .itertuples(index=False, name=None)
    )
    met &= candidates
    # A steady fall ends on a recent score four or more scores into a run in which none is higher than the one before.
    lower = ~(scores["value"] > group["value"].shift())
    lower &= group.cumcount() > 0
    runs = (~lower).cumsum()
    place = lower.groupby(runs).cumsum()
    hopeful = scores.loc[recent & (place >= 3), ["patient_id", "measure"]].drop_duplicates()
    left = set(hopeful.itertuples(index=False, name=None)) & candidates - met
    if left:
        keys = pd.MultiIndex.from_frame(scores[["patient_id", "measure"]])
        mine = scores[keys.isin(list(left))]
        for key, rows in mine.groupby(["patient_id", "measure"], sort=False):
            if _steady(rows["day"].to_numpy(), rows["value"].to_numpy(), STEP[str(key[1])], today):
                met.add((int(key[0]), str(key[1])))
    return {(int(who), str(key)) for who, key in met}


def _steady(day: np.ndarray, value: np.ndarray, step: float, today: pd.Timestamp) -> bool:
    number = day.astype("datetime64[D]").astype("int64")
    now = int(today.to_datetime64().astype("datetime64[D]").astype("int64"))
    run, best = 0, -1.0
    for row in range(1, len(value)):
        if value[row] > value[row - 1]:
            run = row
        while number[row] - number[run] > 182:
            run += 1
        if best >= 0 and value[row] >= best - step / 2:
            best = -1.0
        if best < 0 and row - run >= 3 and value[run] - value[row] >= step and number[row] >= now - 182:
            best = float(value[run])
    return best >= 0


def _pandas_overdue(observations: pd.DataFrame, taken: pd.DataFrame, today: pd.Timestamp) -> Found:
    active = taken[taken["active"]]
    alive = active[active["through"].isna() | (active["through"] >= today)]
    who = np.unique(alive["patient_id"].to_numpy())
    results = observations[observations["measure"].isin(TEST_OF)]
    last = results.groupby([results["patient_id"], results["measure"].map(TEST_OF)])["day"].max().unstack()
    last = last.reindex(index=who, columns=list(REQUIRED))
    late = last.stack(future_stack=True)
    overdue = late[(today - late).dt.days > 49]
    never = late[late.isna()].index
    found = {(int(patient), str(test)) for patient, test in overdue.index}
    if len(never):
        mine = active[active["patient_id"].isin(never.get_level_values(0))].sort_values(
            ["patient_id", "drug", "start"], kind="stable"
        )
        for (patient, _), rows in mine.groupby(["patient_id", "drug"], sort=False, observed=True):
            reach = rows["through"].fillna(pd.Timestamp.max).cummax()
            fresh = (rows["start"] - reach.shift()).dt.days > 14
            if reach.iloc[-1] < today:
                continue
            begin = rows["start"].where(fresh | ~rows.index.isin(rows.index[1:])).ffill().iloc[-1]
            if (today - begin).days > 49:
                found |= {(int(patient), str(test)) for one, test in never if one == patient}
    return found


def _pandas_high_dose(observations: pd.DataFrame, taken: pd.DataFrame, today: pd.Timestamp) -> Found:
    begin = today - pd.Timedelta(days=LOOK_BACK - 1)
    doses = taken[taken["mg"].notna() & taken["certain"] & (taken["end"].isna() | (taken["end"] >= begin))]
    weights = observations[observations["measure"] == "weight"].drop_duplicates("patient_id", keep="last")
    kilograms = weights.set_index("patient_id")["value"]
    codes, people = pd.factorize(doses["patient_id"])
    mine = pd.Series(people).map(kilograms).to_numpy(dtype="float64")
    mg = doses["mg"].to_numpy() * np.where(doses["per_kg"].to_numpy(), mine[codes], 1.0)
    first = (doses["start"] - begin).dt.days.to_numpy()
    last = (doses["end"].fillna(today).clip(upper=today) - begin).dt.days.to_numpy()
    every = doses["every"].to_numpy()
    often = (every == 1) | (every == 2)
    sums = np.zeros((len(people), LOOK_BACK + 1))
    np.add.at(sums, (codes[often], np.maximum(first[often], 0)), np.nan_to_num(mg[often]))
    np.add.at(sums, (codes[often], last[often] + 1), -np.nan_to_num(mg[often]))
    daily = sums.cumsum(1)[:, :LOOK_BACK]
    for row in np.flatnonzero(~often):
        stop = first[row] if every[row] == 0 else last[row]
        for day in range(first[row], stop + 1, max(every[row], 1)):
            if day >= 0:
                daily[codes[row], day] += np.nan_to_num(mg[row])
    high = (daily > 30 + 1e-5) | (daily >= 0.5 * mine[:, None] - 1e-5)
    backwards = high[:, ::-1]
    gap = np.zeros(len(people), dtype="int64")
    days = np.zeros(len(people), dtype="int64")
    going = np.ones(len(people), dtype=bool)
    for day in range(LOOK_BACK):
        gap = np.where(backwards[:, day], 0, gap + 1)
        going &= gap <= 3
        days += going & backwards[:, day]
    return {(int(patient), "steroids") for patient in np.asarray(people)[days > 28]}


# ------------------------------------------------------------------------------------------------------ index-seek SQL

_CURRENT = "{0}.status in ('final', 'corrected')"
_DECLINING = f"""
select p.id, i.measure from patient p cross join instrument i
join observation l on l.rowid = (select o.rowid from observation o where o.patient_id = p.id and o.measure = i.measure
  and {_CURRENT.format("o")} and o.effective_on <= :today order by o.effective_on desc limit 1)
where p.status = 'active' and l.effective_on >= :latest
and (select max(b.value) from observation b where b.patient_id = p.id and b.measure = i.measure
  and {_CURRENT.format("b")}
  and b.effective_on >= date(l.effective_on, '-90 days') and b.effective_on < l.effective_on) - l.value >= i.step"""
_OVERDUE = f"""
select distinct p.id, t.test from patient p cross join (select distinct test from required) t
where p.status = 'active' and exists (select 1 from medication_statement m join active a on a.drug = m.drug
  where m.patient_id = p.id and m.status <> 'entered-in-error' and m.start_on <= :today
  and (m.end_on is null or m.end_on >= :today) and m.frequency <> 'once')
and coalesce((select max((select o.effective_on from observation o where o.patient_id = p.id and o.measure = r.measure
  and {_CURRENT.format("o")} and o.effective_on <= :today order by o.effective_on desc limit 1))
  from required r where r.test = t.test), '') < :due"""
_DOSE = """(select coalesce(sum(m.dose * f.factor * g.times), 0) from medication_statement m
  join factor f on f.drug = m.drug join per_day g on g.frequency = m.frequency
  where m.patient_id = {who} and m.status <> 'entered-in-error' and m.start_on <= {day}
  and (m.end_on is null or m.end_on >= {day}))"""
_HIGH = f"""
select p.id, 'steroids' from patient p where p.status = 'active'
and {_DOSE.format(who="p.id", day=":today")} > 30 and {_DOSE.format(who="p.id", day=":first")} > 30
and not exists (select 1 from medication_statement c where c.patient_id = p.id
  and c.start_on > :first and c.start_on <= :today and {_DOSE.format(who="p.id", day="c.start_on")} <= 30)
and not exists (select 1 from medication_statement c where c.patient_id = p.id
  and c.end_on >= :first and c.end_on < :today and {_DOSE.format(who="p.id", day="date(c.end_on, '+1 day')")} <= 30)"""


def seek_sql(connection: sqlite3.Connection, as_of: dt.date) -> dict[str, Found]:
    """The questions a database answers fastest: latest score against the best of 90 days, last result older than 49
    days, more than 30 mg on each of 29 days. No shifts, gaps, weights or reasons."""
    days = {
        "today": as_of.isoformat(),
        "latest": (as_of - dt.timedelta(days=90)).isoformat(),
        "due": (as_of - dt.timedelta(days=49)).isoformat(),
        "first": (as_of - dt.timedelta(days=28)).isoformat(),
    }
    return {
        rule: {(int(who), str(subject)) for who, subject in connection.execute(query, days)}
        for rule, query in (
            ("declining-strength", _DECLINING),
            ("overdue-labs", _OVERDUE),
            ("prolonged-high-dose-steroids", _HIGH),
        )
    }


def sql_connection(plain: Path) -> sqlite3.Connection:
    """A connection to the plain copy of the facts, with the small tables of the vocabulary that the queries join."""
    connection = sqlite3.connect(plain)
    drugs = vocabulary().drugs.values()
    connection.execute("PRAGMA cache_size=-65536")
    for table, columns, rows in (
        ("instrument", "measure, step", list(STEP.items())),
        ("required", "test, measure", [(test, key) for key, test in TEST_OF.items()]),
        ("active", "drug primary key", [(row.key,) for row in drugs if row.counts_as_active_treatment]),
        (
            "factor",
            "drug primary key, factor",
            [(row.key, row.prednisone_factor) for row in drugs if row.prednisone_factor],
        ),
        (
            "per_day",
            "frequency primary key, times",
            [(row.key, row.doses_per_day) for row in vocabulary().frequencies.values() if row.doses_per_day],
        ),
    ):
        connection.execute(f"create temp table {table} ({columns})")
        connection.executemany(f"insert into {table} values ({','.join('?' * len(columns.split(',')))})", rows)
    return connection


# ------------------------------------------------------------------------------------------------- loops over patients


def pandas_per_patient(
    observations: dict[int, pd.DataFrame], taken: dict[int, pd.DataFrame], who: Sequence[int], as_of: dt.date
) -> int:
    """What a first clinic script does: one small frame per patient, masks by measure, 29 masks for the doses.

    The three headline questions in the simple form of `seek_sql`; returns how many are met.
    """
    today, met = pd.Timestamp(as_of), 0
    nothing = pd.DataFrame()
    for one in who:
        mine, drugs = observations.get(one, nothing), taken.get(one, nothing)
        if len(mine):
            for key in STRENGTH:
                scores = mine[mine["measure"] == key].sort_values("day")
                if scores.empty:
                    continue
                last = scores.iloc[-1]
                before = scores[(scores["day"] >= last["day"] - pd.Timedelta(days=90)) & (scores["day"] < last["day"])]
                met += bool(len(before) and before["value"].max() - last["value"] >= STEP[key])
        if not len(drugs):
            continue
        active = drugs[drugs["active"] & (drugs["through"].isna() | (drugs["through"] >= today))]
        if len(active) and len(mine):
            for keys in REQUIRED.values():
                day = mine.loc[mine["measure"].isin(keys), "day"].max()
                met += bool(pd.isna(day) or (today - day).days > 49)
        steroid = drugs[drugs["mg"].notna()]
        if len(steroid):
            sums = [
                steroid.loc[(steroid["start"] <= day) & (steroid["end"].isna() | (steroid["end"] >= day)), "mg"].sum()
                for day in pd.date_range(today - pd.Timedelta(days=28), today)
            ]
            met += min(sums) > 30
    return met


def orm_per_patient(engine: Engine, who: Sequence[int], as_of: dt.date) -> dict[str, Found]:
    """What a first version of an application does: rows as SQLModel objects, then the reference's plain Python."""
    found: dict[str, Found] = {
        "declining-strength": set(),
        "overdue-labs": set(),
        "prolonged-high-dose-steroids": set(),
    }
    today = as_of.toordinal()
    with Session(engine) as session:
        for one in who:
            scores: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
            newest: dict[str, int] = {}
            kilograms: float | None = None
            query = (
                select(Observation)
                .where(
                    Observation.patient_id == one,
                    col(Observation.known_to).is_(None),
                    col(Observation.status).in_(VALID),
                    Observation.effective_on <= as_of,
                )
                .order_by(col(Observation.effective_at), col(Observation.id))
            )
            for row in session.exec(query):
                if row.measure in STEP:
                    scores[row.measure].append((row.effective_on.toordinal(), row.value or 0.0))
                elif row.measure == "weight":
                    kilograms = row.value
                elif row.measure in TEST_OF:
                    newest[TEST_OF[row.measure]] = row.effective_on.toordinal()
            statements: list[Any] = [
                (
                    row.drug, row.dose, row.unit, row.frequency, row.route, row.start_on.toordinal(),
                    row.end_on.toordinal() if row.end_on else None, row.status,
                )
                for row in session.exec(
                    select(MedicationStatement).where(
                        MedicationStatement.patient_id == one,
                        col(MedicationStatement.known_to).is_(None),
                        MedicationStatement.status != "entered-in-error",
                        MedicationStatement.start_on <= as_of,
                    )
                )
            ]  # fmt: skip
            session.expunge_all()
            for key, rows in scores.items():
                if _declines(rows, STEP[key], ERROR[key], today):
                    found["declining-strength"].add((one, key))
            begun = _active_since(statements, today)
            if begun is not None:
                for test in REQUIRED:
                    if today - (newest.get(test) or begun) > 49:
                        found["overdue-labs"].add((one, test))
            if _too_long_high(statements, kilograms, today):
                found["prolonged-high-dose-steroids"].add((one, "steroids"))
    return found


# --------------------------------------------------------------------------------------------- reading and writing rows


@dataclass(frozen=True)
class Ready:
    """Rows of one table as somebody who knew them beforehand would hand them to the database."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def ready_rows(database: Path, beyond: Path | None = None) -> list[Ready]:
    """Every row of every table; with `beyond`, only tables whose rows differ in it."""
    found = []
    with closing(sqlite3.connect(database)) as connection, closing(sqlite3.connect(beyond or database)) as before:
        tables = [
            str(row[0])
            for row in connection.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by rowid"
            )
        ]
        for table in tables:
            if table == "alembic_version":
                continue
            cursor = connection.execute(f"select * from {table}")
            rows = cursor.fetchall()
            if beyond is not None and rows == before.execute(f"select * from {table}").fetchall():
                continue
            if rows:
                found.append(Ready(table, tuple(column[0] for column in cursor.description), rows))
    return found


def written(target: Path, ready: Sequence[Ready], csv_folder: Path | None = None) -> int:
    """The rows into the same tables with the same indexes by `executemany`, in one transaction; returns how many.

    With `csv_folder` its files are read first, by `csv.reader`: what an import that checked nothing would do. The
    settings of the connection are those of the application; what the tables held before is replaced.
    """
    if csv_folder is not None:
        for name in ("patients", "observations", "medications", "events"):
            with (csv_folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
                for _ in csv.reader(stream):
                    pass
    number = 0
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        for one in ready:
            connection.execute(f"delete from {one.table}")
            columns = ", ".join(f'"{column}"' for column in one.columns)
            places = ", ".join("?" * len(one.columns))
            number += connection.executemany(
                f"insert into {one.table} ({columns}) values ({places})", one.rows
            ).rowcount
        connection.execute("COMMIT")
    return number


def alert_numbers(database: Path) -> list[int]:
    """The alerts nobody has dealt with, by plain SQL: what a list of them cannot do without."""
    with closing(sqlite3.connect(database)) as connection:
        return [
            int(row[0])
            for row in connection.execute(
                "select a.id, a.*, p.mrn from alert a join patient p on p.id = a.patient_id where a.ended_at is null"
                " and a.acknowledged_at is null and a.snoozed_until is null order by a.id"
            )
        ]

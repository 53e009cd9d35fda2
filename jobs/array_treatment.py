"""Who is on which drug on the day asked about, and since when: statements joined into courses.

A course of a drug is a chain of its statements without a gap of more than `GAP_DAYS`. A drug given as single infusions
goes on acting for the days its vocabulary row says (rituximab nine months, immunoglobulin eight weeks).
"""

import numpy as np
import pandas as pd

from jobs import array_series as series
from models.frames import Frames
from models.vocabulary import Drug, drug, frequencies
from models.vocabulary.rows import STEROID_ROUTES_NOT_COUNTED

GAP_DAYS = 14
"""A pause of up to this long does not end a course (site setting in spirit; a forgotten prescription is not a stop)."""

CONTINUING = 1_000_000
"""Day number that stands for "no end": the same whatever day is asked about, so that answers do not drift with it."""

COLUMNS = ("patient_id", "drug", "start", "increased", "through", "last_statement", "ids", "weekly_dose", "unit")


def current_courses(frames: Frames) -> pd.DataFrame:
    """One row per patient and drug that is being taken, or still acting, on `frames.as_of`.

    Columns: `patient_id`; `drug`; `start` (day number of the course's first day); `increased` (day of the last dose
    increase, or the start); `through` (last day it is known to act, a large number while continuing); `ids` (statement
    ids, newest last); `weekly_dose` and `unit` of the newest statement (NaN for single doses).
    Local steroids (topical, inhaled, into a joint) are left out.
    """
    cached = frames.derived.get("courses")
    if isinstance(cached, pd.DataFrame):
        return cached
    result = _courses(frames)
    frames.derived["courses"] = result
    return result


def known_drug(name: str) -> Drug | None:
    """The vocabulary's row of a drug, None for one it does not know."""
    return drug(name)


def _courses(frames: Frames) -> pd.DataFrame:
    table = frames.medications
    today = int(np.datetime64(frames.as_of, "D").astype("int64"))
    never = CONTINUING
    if table.empty:
        return pd.DataFrame({name: [] for name in COLUMNS})
    code_of, names = pd.factorize(table["drug"].to_numpy(dtype=object), sort=True)
    rows = [drug(str(name)) for name in names]
    route_code, routes = pd.factorize(table["route"].to_numpy(dtype=object))
    local = np.isin(np.asarray(routes, dtype=str), list(STEROID_ROUTES_NOT_COUNTED))[route_code]
    steroid = np.array([bool(row and row.is_glucocorticoid) for row in rows])[code_of]
    acts = np.array([row.acts_for_days if row and row.acts_for_days else 0 for row in rows])[code_of]
    start = series.day_numbers(table["start"].to_numpy())
    ended = ~np.isnat(table["end"].to_numpy())
    end = np.where(ended, series.day_numbers(table["end"].to_numpy()), never)
    once = table["frequency"].to_numpy() == "once"
    end = np.where(once, start, end)
    # "Stopped" without a last day: it is not being taken, and we do not know since when.
    end = np.where((table["status"].to_numpy() == "stopped") & ~ended, start, end)
    through = np.where(end >= never, never, end + np.where(once | ended, acts, 0))
    keep = np.flatnonzero(~(steroid & local))
    patient = table["patient_id"].to_numpy()
    order = keep[np.lexsort((table["id"].to_numpy()[keep], start[keep], code_of[keep], patient[keep]))]
    if not len(order):
        return pd.DataFrame({name: [] for name in COLUMNS})
    patient, code, start, through = patient[order], code_of[order], start[order], through[order]
    groups = series.groups_of(patient, code)
    per_day = {key: (value.doses_per_day or np.nan) for key, value in frequencies().items()}
    often_code, often = pd.factorize(table["frequency"].to_numpy(dtype=object))
    times = np.array([per_day.get(str(key), np.nan) for key in often])[often_code]
    weekly = (table["dose"].to_numpy() * 7 * times)[order]
    unit = table["unit"].to_numpy()[order]
    # The furthest day covered by any earlier statement of the drug: a start beyond it plus the gap is a new course.
    reach = np.empty(len(start), dtype="int64")
    lift = groups.of * (4 * CONTINUING)
    reach[:] = np.maximum.accumulate(through + lift) - lift
    fresh = np.zeros(len(start), dtype=bool)
    fresh[groups.first] = True
    inner = np.flatnonzero(~fresh)
    fresh[inner] = start[inner] > reach[inner - 1] + GAP_DAYS
    chain = series.groups_of(np.cumsum(fresh))
    increase = np.zeros(len(start), dtype=bool)
    inside = np.flatnonzero(~fresh)
    with np.errstate(invalid="ignore"):
        increase[inside] = (weekly[inside] > weekly[inside - 1]) & (unit[inside] == unit[inside - 1])
    changed = np.where(increase | fresh, start, np.iinfo("int64").min)
    alive = reach[chain.last] >= today
    identifier = table["id"].to_numpy()[order]
    kept = np.flatnonzero(alive)
    drug_name = np.asarray(names, dtype=object)[code[chain.first]]
    return pd.DataFrame(
        {
            "patient_id": patient[chain.first][kept],
            "drug": drug_name[kept].astype(object),
            "start": start[chain.first][kept],
            "increased": np.maximum.reduceat(changed, chain.first)[kept],
            "through": reach[chain.last][kept],
            "last_statement": start[chain.last][kept],
            "ids": [tuple(identifier[chain.first[place] : chain.last[place] + 1].tolist()) for place in kept],
            "weekly_dose": weekly[chain.last][kept],
            "unit": unit[chain.last][kept],
        }
    )

"""Has nobody tested this patient's strength for too long?

Looked at: the day of the last strength score on any instrument. What counts: more than six weeks while the disease is
active (high steroid dose, declining strength, raised CK, treatment begun or increased within three months), more than
three months on steady treatment otherwise. What does not: patients without treatment, and a test that was recorded as
not possible.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.frames import Frames
from models.vocabulary import drug, measure
from tests.oracle import exposure as steroids
from tests.oracle import series
from tests.oracle.newest import FAR, dates, newest_value, next_after, only_where, strength_verdicts
from tests.oracle.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    parameter,
)
from tests.oracle.rules.declining_strength import INSTRUMENTS
from tests.oracle.treatment import current_courses

SUBJECT = "strength"
ADULT_FROM_YEARS = 18
HIGH_DOSE, DECLINE, RAISED_CK, NEW_TREATMENT, STEADY = (
    "high steroid dose",
    "declining strength",
    "raised CK",
    "treatment begun or increased",
    "steady treatment",
)


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the overdue-assessment rule."""

    active_days: int = parameter(
        42,
        unit="days",
        low=14,
        high=180,
        meaning="strength is tested at least this often while the disease is active",
        source="standardised testing at every visit, educational pages; the number is a site setting",
    )
    steady_days: int = parameter(
        90, unit="days", low=28, high=365, meaning="strength is tested at least this often on steady treatment"
    )
    new_treatment_days: int = parameter(
        90, unit="days", low=0, high=182, meaning="how long after its start or increase a treatment counts as new"
    )
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="CK above this counts as active disease",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )
    latest_days: int = parameter(90, unit="days", low=14, high=365, meaning="an older CK says nothing about activity")
    high_dose_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=100,
        meaning="a steroid dose above this is high",
        source="dose classes, EULAR 2013 (S7)",
        mark="seen",
    )
    high_dose_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day prednisone-equivalent",
        low=0.1,
        high=2,
        meaning="a steroid dose from this on is high where a weight is on file",
        source="educational page (seed 004)",
        mark="seed",
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient on active treatment."""
    courses = current_courses(frames)
    if courses.empty:
        return empty()
    today = steroids.day_number(as_of)
    names = courses["drug"].to_numpy().astype(str)
    active = {name: bool((row := drug(name)) and row.counts_as_active_treatment) for name in np.unique(names)}
    kept = np.flatnonzero(np.array([active[name] for name in names], dtype=bool))
    if not len(kept):
        return empty()
    patient = courses["patient_id"].to_numpy(dtype="int64")[kept]
    kept = kept[np.argsort(patient, kind="stable")]
    patient = courses["patient_id"].to_numpy(dtype="int64")[kept]
    groups = series.groups_of(patient)
    who = patient[groups.first]
    start = np.minimum.reduceat(courses["start"].to_numpy(dtype="int64")[kept], groups.first)
    increased = np.maximum.reduceat(courses["increased"].to_numpy(dtype="int64")[kept], groups.first)
    ends = np.minimum.reduceat(courses["through"].to_numpy(dtype="int64")[kept], groups.first) + 1
    panel = frames.patients.index.to_numpy(dtype="int64")
    of_panel = np.searchsorted(panel, who)

    # Where the disease stands.
    found = steroids.exposure(frames)
    high = np.isin(who, _high_today(found, found.known, today, parameters))
    maybe_high = np.isin(who, _high_today(found, found.possible, today, parameters)) & ~high
    everyone = strength_verdicts(frames, panel)
    declining, verdict_recheck = everyone.met[of_panel], everyone.recheck[of_panel]
    enzyme = newest_value(frames, "ck", panel)
    ck_day = enzyme.day[of_panel]
    with np.errstate(invalid="ignore"):
        raised = (enzyme.times_limit[of_panel] > parameters.raised_ck) & (today - ck_day <= parameters.latest_days)
    fresh = today - increased <= parameters.new_treatment_days
    why = np.select([high, declining, raised, fresh], [HIGH_DOSE, DECLINE, RAISED_CK, NEW_TREATMENT], STEADY).astype(
        object
    )
    interval = np.where(why == STEADY, parameters.steady_days, parameters.active_days)

    last, last_id, instrument = _last_score(frames, panel)
    last, last_id, instrument = last[of_panel], last_id[of_panel], instrument[of_panel]
    measured = last > -FAR
    base = np.where(measured, last, start)
    due = base + interval
    excused = _excused(frames, panel)[of_panel]
    counts = (excused > last) & (today <= excused + interval)
    over = (today > due) & ~counts
    # Whether the dose is high decides, and the dose is not known.
    unsure = maybe_high & (why == STEADY) & ~over & ~counts & (today > base + parameters.active_days)
    state = np.where(over, MET, np.where(unsure, CANNOT_TELL, NOT_MET)).astype(object)
    because = np.full(len(who), None, dtype=object)
    for place in np.flatnonzero(unsure):
        because[place] = f"steroid dose unknown ({steroids.why_unknown(found, int(who[place]))})"

    recheck = next_after(
        today,
        due + 1,
        ends,
        found.changes_on(who),
        increased + parameters.new_treatment_days + 1,
        np.where(raised, ck_day + parameters.latest_days + 1, -FAR),
        verdict_recheck,
        np.where(counts, excused + interval + 1, -FAR),
        np.where(maybe_high, today + 1, -FAR),
    )
    evidence: list[tuple[str, ...]] = [()] * len(who)
    newest = courses["ids"].to_numpy()[kept][groups.first]
    for place in np.flatnonzero(state != NOT_MET):
        score = (f"o{last_id[place]}",) if measured[place] else ()
        ck = (f"o{enzyme.id[of_panel[place]]}",) if why[place] == RAISED_CK else ()
        evidence[place] = (*score, *ck, f"m{newest[place][-1]}")
    adult = _adults(frames, panel, as_of)[of_panel]
    return assessments(
        patient_id=who,
        subject=SUBJECT,
        state=state,
        severity=only_where(over, WATCH),
        since=dates(np.where(over, due + 1, FAR)),
        due=dates(due),
        recheck_on=dates(recheck),
        evidence=evidence,
        cannot_tell_because=because,
        last_day=dates(last),
        instrument=instrument,
        interval_days=interval,
        why=why,
        treatment_start=dates(start),
        excused=counts,
        childrens_scale=adult & (instrument == "cmas"),
    )


def _high_today(
    found: steroids.Exposure, segments: steroids.Segments, today: int, parameters: Parameters
) -> series.Ints:
    """Patients whose dose is high on the day."""
    now = segments.where((segments.start <= today) & (segments.end >= today))
    return now.patient[found.is_high(now, parameters.high_dose_mg, parameters.high_dose_mg_per_kg)]


def _last_score(frames: Frames, panel: series.Ints) -> tuple[series.Ints, series.Ints, np.ndarray]:
    """Per patient the day, id and instrument of the newest strength score (`-FAR`: never measured)."""
    last, identifier = np.full(len(panel), -FAR, dtype="int64"), np.full(len(panel), -1, dtype="int64")
    instrument = np.full(len(panel), "", dtype=object)
    for key in INSTRUMENTS:
        newest = newest_value(frames, key, panel)
        newer = newest.day > last
        last[newer], identifier[newer], instrument[newer] = newest.day[newer], newest.id[newer], key
    return last, identifier, instrument


def _excused(frames: Frames, panel: series.Ints) -> series.Ints:
    """Per patient the newest day on which a strength test was recorded as not done."""
    excused = np.full(len(panel), -FAR, dtype="int64")
    table = frames.not_done
    if len(table):
        rows = np.flatnonzero(table["measure"].isin(INSTRUMENTS).to_numpy())
        place = np.searchsorted(panel, table["patient_id"].to_numpy(dtype="int64")[rows])
        np.maximum.at(excused, place, series.day_numbers(table["day"].to_numpy()[rows]))
    return excused


def _adults(frames: Frames, panel: series.Ints, as_of: dt.date) -> series.Bools:
    """Who is known to be 18 or older."""
    del panel
    born = frames.patients["birth_date"].to_numpy().astype("datetime64[D]")
    eighteenth = np.datetime64(as_of.replace(year=as_of.year - ADULT_FROM_YEARS, day=min(as_of.day, 28)), "D")
    return np.asarray(~np.isnat(born) & (born <= eighteenth))


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """When strength was last tested, how often it should be, and why."""
    del parameters
    if row["instrument"]:
        last = f"last tested on {day_text(row['last_day'])} ({measure(str(row['instrument'])).short_label})"
    else:
        last = f"never tested here, treatment began on {day_text(row['treatment_start'])}"
    often = f"every {int(row['interval_days'])} days ({row['why']})"
    if row["state"] == CANNOT_TELL:
        return (
            f"Strength {last}; whether that is long enough ago to repeat it cannot be told: "
            f"{row['cannot_tell_because']}."
        )
    note = " CMAS is a children's scale: choose another instrument." if row["childrens_scale"] else ""
    if row["state"] == MET:
        return f"Strength {last}, wanted {often}: was due on {day_text(row['due'])}.{note}"
    if row["excused"]:
        return f"Strength {last}; recorded as not possible since.{note}"
    return f"Strength {last}, wanted {often}: due on {day_text(row['due'])}.{note}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    return (
        "test strength at the next contact, same assessor, or record why it is not possible"
        if row["state"] == MET
        else ""
    )


RULE = Rule(
    key="overdue-assessment",
    title="Overdue strength test",
    question="Has nobody tested this patient's strength for too long?",
    why_it_matters=(
        "Every rule about weakness is blind without scores. A patient who is not tested looks stable, and a steroid "
        "dose then is steered by CK alone."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=(*INSTRUMENTS, "ck", "medications", "declining-strength"),
    sources=(
        Source(
            "Declining strength, pulse therapy and treatment options",
            2025,
            "educational pages, not guidelines",
            "seed",
            "standardised strength tests, regularly",
        ),
        Source("Intervals of six weeks and three months", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "a test done at another hospital or on paper that was not entered",
        "a drug that was stopped but never ended in the record",
    ),
    clears_when="a strength score of any instrument arrives, or the treatment ends",
    after=("declining-strength",),
    topic="monitoring",
    limitations="Intervals are site settings. Which instrument was used does not matter here, only that one was.",
    catalogue=("STR-04",),
    examples=(
        Example(
            title="60 mg of prednisone, last score 43 days ago",
            observations=({"measure": "mmt8", "value": 70, "day": -43},),
            medications=({"drug": "prednisone", "dose": 60, "start": -50},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": 0, "due": -1},
        ),
        Example(
            title="60 mg of prednisone, last score 42 days ago",
            observations=({"measure": "mmt8", "value": 70, "day": -42},),
            medications=({"drug": "prednisone", "dose": 60, "start": -50},),
            expect={"subject": SUBJECT, "state": NOT_MET, "due": 0},
        ),
        Example(
            title="on steady methotrexate eight weeks are in order",
            observations=({"measure": "mmt8", "value": 78, "day": -56},),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -700},),
            expect={"subject": SUBJECT, "state": NOT_MET, "due": 34},
        ),
        Example(
            title="never tested since treatment began",
            medications=({"drug": "prednisone", "dose": 40, "start": -43},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": 0, "due": -1},
        ),
        Example(
            title="a dose per kilogram, no weight, last score seven weeks ago",
            observations=({"measure": "cmas", "value": 48, "day": -49},),
            medications=({"drug": "prednisone", "dose": 0.4, "unit": "mg/kg", "start": -300},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
    ),
)

"""Does this patient take steroids alone, without an agent that would let the steroid come down?

Looked at: the steroid dose and every steroid-sparing agent (methotrexate, azathioprine, mycophenolate, ciclosporin,
tacrolimus, cyclophosphamide, rituximab, immunoglobulin and others of the drug table), infusions as long as they act.
What counts: a high dose with no agent, from its first day; or 15 mg a day and more (a child: a quarter of a milligram
per kilogram) for more than two weeks with no agent. An agent that ended less than two weeks ago still counts: changing
from one to another takes time. What does not: inclusion body myositis, for which no agent is known to work.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_exposure as steroids
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    number,
    parameter,
)
from models.frames import Frames
from models.vocabulary import drug, frequencies

SUBJECT = "steroids"
ALONE, FROM_THE_START = "alone", "from the start"
EXCLUDED_DIAGNOSES = ("IBM",)
_CONTINUING = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the steroid-monotherapy rule."""

    from_mg: float = parameter(
        15, unit="mg/day prednisone-equivalent", low=5, high=60, meaning="a dose from this on should not be given alone"
    )
    child_from_mg_per_kg: float = parameter(
        0.25, unit="mg/kg/day", low=0.1, high=2, meaning="the same for a child with a weight on file"
    )
    more_than_days: int = parameter(14, unit="days", low=1, high=90, meaning="days at that dose that must be exceeded")
    high_above_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=100,
        meaning="above this an agent is missed from the first day",
        source="dose classes, EULAR 2013 (S7)",
        mark="seen",
    )
    high_from_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day",
        low=0.1,
        high=2,
        meaning="the same per kilogram where a weight is on file",
        source="educational page (seed 004)",
        mark="seed",
    )
    gap_days: int = parameter(3, unit="days", low=0, high=14, meaning="days off that do not end the course")
    agent_gap_days: int = parameter(
        14,
        unit="days",
        low=0,
        high=90,
        meaning="an agent that ended (or stopped acting) less than this ago still counts",
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row for each patient with a steroid statement; never met for the excluded diagnoses."""
    found = steroids.exposure(frames)
    patient = found.patients()
    if not len(patient):
        return empty()
    today = found.today
    kilograms = found.kilograms(patient)
    child = steroids.children(frames, patient, as_of) & ~np.isnan(kilograms)
    limit = np.where(child, parameters.child_from_mg_per_kg * kilograms, parameters.from_mg)
    long = steroids.spell(found, patient, limit, gap_days=parameters.gap_days, nth=parameters.more_than_days + 1)

    def high_course(segments: steroids.Segments) -> steroids.Runs:
        high = found.is_high(segments, parameters.high_above_mg, parameters.high_from_mg_per_kg)
        return steroids.runs(segments, high, gap_days=parameters.gap_days).newest().aligned(patient)

    high = high_course(found.known)
    could_be_high = high_course(found.possible)
    on_high = steroids.is_day(high.last) & (today - high.last <= parameters.gap_days)
    could_be = long.could_be | (
        steroids.is_day(could_be_high.last) & (today - could_be_high.last <= parameters.gap_days)
    )

    covered = _covered_until(frames, patient)
    until = np.where(steroids.is_day(covered), covered + parameters.agent_gap_days, steroids.NEVER)
    alone = until < today
    judged = ~frames.patients["diagnosis"].reindex(patient).isin(EXCLUDED_DIAGNOSES).to_numpy(dtype=bool)
    met = judged & alone & (long.reached | on_high)
    cannot_tell = judged & alone & ~met & could_be
    state = np.where(met, MET, np.where(cannot_tell, CANNOT_TELL, NOT_MET)).astype(object)
    far = np.iinfo(np.int64).max
    begins = np.minimum(np.where(long.reached, long.run.nth_day, far), np.where(on_high, high.start, far))
    # The days of grace after an agent are not counted against the patient: alone since the agent was gone.
    since = np.where(met, np.maximum(begins, until + 1), steroids.NEVER)

    high_ends = np.where(on_high & (high.last < today), high.last + parameters.gap_days + 1, steroids.NEVER)
    uncovered = np.where((until >= today) & (until < _CONTINUING), until + 1, steroids.NEVER)
    tomorrow = np.where(could_be & ~met, today + 1, steroids.NEVER)
    grown_up = steroids.coming_of_age(frames, patient, as_of)
    recheck = steroids.earliest(long.recheck, high_ends, uncovered, tomorrow, grown_up)

    because = np.full(len(patient), None, dtype=object)
    for row in np.flatnonzero(cannot_tell):
        because[row] = steroids.why_unknown(found, int(patient[row]))
    start = np.minimum(np.where(long.alive, long.run.start, far), np.where(on_high, high.start, far))
    start = np.where(start == far, steroids.NEVER, start)
    finding = np.full(len(patient), None, dtype=object)
    finding[met] = np.where(long.reached, ALONE, FROM_THE_START)[met]
    return assessments(
        patient_id=patient,
        subject=SUBJECT,
        state=state,
        severity=[ACTION if yes else None for yes in met],
        since=steroids.as_days(since),
        recheck_on=steroids.as_days(recheck),
        evidence=steroids.evidence(found, patient, np.where(steroids.is_day(start), start, today)),
        cannot_tell_because=because,
        finding=finding,
        dose=np.round(found.dose_on(today, patient), 3),
        limit_mg=np.round(limit, 3),
        course_start=steroids.as_days(start),
        agent_until=steroids.as_days(np.where(until < today, covered, steroids.NEVER)),
    )


def _covered_until(frames: Frames, patient: steroids.Ints) -> steroids.Ints:
    """The last day on which any steroid-sparing agent acts, for each patient; a number before all days for none.

    Infusions act for the days of their row in the drug table; a weekly tablet until the next would be due. An agent
    that was stopped on an unknown day does not act any more.
    """
    out = np.full(len(patient), steroids.NEVER, dtype="int64")
    table = frames.medications
    if table.empty:
        return out
    code, names = pd.factorize(table["drug"])
    rows = [drug(str(name)) for name in names]
    sparing = np.array([row is not None and row.sparing_agent for row in rows], dtype=bool)
    part = table[sparing[code] & (code >= 0)]
    acts_by_drug = {str(name): (row.acts_for_days or 0) if row else 0 for name, row in zip(names, rows, strict=True)}
    every_by_key = {key: row.every_days or 1 for key, row in frequencies().items()}
    acts = part["drug"].map(acts_by_drug).to_numpy(dtype="int64")
    every = part["frequency"].map(every_by_key).fillna(1).to_numpy(dtype="int64")
    start = steroids.as_numbers(part["start"].to_numpy())
    end = steroids.as_numbers(part["end"].to_numpy())
    once = (part["frequency"] == "once").to_numpy(dtype=bool)
    stopped = (part["status"] == "stopped").to_numpy(dtype=bool)
    end = np.where(once, start, end)
    ended = steroids.is_day(end)
    end = np.where(~ended & stopped, start, end)
    through = np.where(ended | stopped, end + np.maximum(acts, every - 1), _CONTINUING)
    who = part["patient_id"].to_numpy(dtype="int64")
    place = np.minimum(np.searchsorted(patient, who), len(patient) - 1)
    mine = patient[place] == who
    np.maximum.at(out, place[mine], through[mine])
    return out


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The dose, since when, and what is missing."""
    dose = f"{number(row['dose'])} mg/day prednisone-equivalent"
    if row["state"] == CANNOT_TELL:
        return f"No steroid-sparing agent is on file, and the steroid dose is not known: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{dose}: not a long or high dose without a steroid-sparing agent."
    before = ""
    if row.get("agent_until") is not None and not pd.isna(row["agent_until"]):
        before = f" (the last one acted until {day_text(row['agent_until'])})"
    if row["finding"] == ALONE:
        return (
            f"{dose}, {number(row['limit_mg'])} mg or more since {day_text(row['course_start'])} and so for more than "
            f"{parameters.more_than_days} days, without a steroid-sparing agent{before}."
        )
    return f"{dose} since {day_text(row['course_start'])}, a high dose begun without a steroid-sparing agent{before}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    return (
        "ask the prescriber whether a steroid-sparing agent is meant to be added, or why not; check the medication list"
    )


RULE = Rule(
    key="steroid-monotherapy",
    title="Steroids without a steroid-sparing agent",
    question="Is this patient treated with steroids alone?",
    why_it_matters=(
        "Steroids alone often have to be given longer and higher. An agent started together with them takes months to "
        "work; each week without it is a week more on steroid."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("medications", "weight", "diagnosis"),
    sources=(
        Source(
            "Treatment options in inflammatory myopathy",
            None,
            "educational page, not a guideline",
            "seed",
            "start a steroid-sparing agent together with the steroid",
        ),
        Source("Pulse therapy in myositis", None, "educational page, not a guideline", "seed"),
        Source("Glucocorticoid dose classes", 2013, "ard.bmj.com/content/72/12/1905", "seen"),
    ),
    known_false_alarms=(
        "an agent given elsewhere and not on this list",
        "polymyalgia or another reason for the steroid",
        "myositis under a checkpoint inhibitor, where a steroid alone may be the first step",
        "an agent deliberately withheld: infection, pregnancy, waiting for a screening result",
    ),
    clears_when="a steroid-sparing agent is on file, or the dose has come down",
    topic="steroid sparing",
    limitations=(
        "15 mg, two weeks and the two weeks of grace after an agent are settings of this program, not published limits."
    ),
    catalogue=("IS-01", "IS-02"),
    examples=(
        Example(
            title="40 mg on day one without an agent",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": 0},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0, "finding": FROM_THE_START},
        ),
        Example(
            title="40 mg on day 15 without an agent",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -14},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -14, "finding": ALONE},
        ),
        Example(
            title="15 mg on day 15",
            medications=({"drug": "prednisone", "dose": 15, "unit": "mg", "frequency": "daily", "start": -14},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0, "finding": ALONE},
        ),
        Example(
            title="15 mg on day 14",
            medications=({"drug": "prednisone", "dose": 15, "unit": "mg", "frequency": "daily", "start": -13},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="40 mg with methotrexate",
            medications=(
                {"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -20},
                {"drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start": -20},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="rituximab five months ago still acts",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -60},
                {"drug": "rituximab", "dose": 1, "unit": "g", "frequency": "once", "route": "iv", "start": -150},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

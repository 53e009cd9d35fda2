"""Does this patient hurt without signs of inflamed muscle?

Looked at: the newest pain score or reported muscle pain, strength on every instrument in use, CK and the other muscle
enzymes. What counts: pain, with normal strength, no fall of it, and CK at most one and a half times its limit. It is
said because the answer to pain alone is not more immunosuppression. What does not: pain with weakness or raised
enzymes, which other rules look after.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.array_newest import FAR, dates, newest_event, newest_value, next_after, only_where, strength_verdicts
from jobs.array_treatment import current_courses
from jobs.rule import (
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
    number,
    parameter,
)
from jobs.rules.declining_strength import INSTRUMENTS
from models.frames import Frames
from models.vocabulary import drug, measure

SUBJECT = "pain"
RUN_DAYS = 365
"""How far back the beginning of pain is looked for."""
OTHER_ENZYMES = ("aldolase", "ldh", "ast", "alt")


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the pain-without-weakness rule."""

    pain_from: float = parameter(4, unit="points of 10", low=1, high=9, meaning="pain from here on counts as pain")
    pain_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="pain reported longer ago than this is asked about again"
    )
    reach_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="pain reported longer ago than this is forgotten"
    )
    latest_days: int = parameter(
        90, unit="days", low=14, high=365, meaning="an older strength score or CK cannot tell any more"
    )
    normal_strength: float = parameter(
        0.96, unit="share of maximum", low=0.8, high=1, meaning="a strength score from here on is normal"
    )
    normal_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=3,
        meaning="CK up to this does not speak for inflamed muscle",
        source="EFNS 2010 / EAN 2024 (S29); normal or mildly raised, educational page (seed 000)",
        mark="seen",
    )
    raised_enzyme: float = parameter(
        3.0,
        unit="x upper limit",
        low=1.5,
        high=10,
        meaning="another muscle enzyme from here on speaks for inflamed muscle",
        source="EFNS 2010; ASCO 2021 grade 2",
        mark="seen",
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient who has reported pain within reach."""
    today = int(np.datetime64(as_of, "D").astype("int64"))
    who = frames.patients.index.to_numpy(dtype="int64")
    if not len(who):
        return empty()
    score, report = newest_value(frames, "pain", who), newest_event(frames, "myalgia", who)
    # The newer word counts; on one day the score does.
    by_score = (score.day > -FAR) & (score.day >= report.day)
    said_day = np.where(by_score, score.day, report.day)
    lasts = np.where(~by_score & (report.end > -FAR), report.end, said_day + parameters.pain_days)
    hurts = np.where(by_score, (score.value >= parameters.pain_from) & (score.comparator != "<"), report.present)
    hurts &= ~by_score | (score.day > -FAR)
    open_end = by_score | (report.end <= -FAR)
    within = today - said_day <= parameters.reach_days
    rows = np.flatnonzero(hurts & (said_day > -FAR) & ((lasts >= today) | (open_end & within)))
    if not len(rows):
        return empty()
    now = lasts[rows] >= today
    weak, weak_why, strong, strong_id, strong_until = _strength(frames, who, rows, today, parameters)
    enzyme = newest_value(frames, "ck", who)
    ck, ck_day, ck_id = enzyme.times_limit[rows], enzyme.day[rows], enzyme.id[rows]
    ck_known = (today - ck_day <= parameters.latest_days) & ~np.isnan(ck)
    with np.errstate(invalid="ignore"):
        raised = ck_known & (ck > parameters.normal_ck)
    against = np.array(weak_why, dtype=object)
    against[~weak & raised] = "CK is raised"
    recheck = [
        np.where(now, lasts[rows] + 1, said_day[rows] + parameters.reach_days + 1),
        np.where(ck_known, ck_day + parameters.latest_days + 1, -FAR),
        strong_until,
        strength_verdicts(frames, who).recheck[rows],
    ]
    clear = weak | raised
    for key in OTHER_ENZYMES:
        other = newest_value(frames, key, who)
        fresh = today - other.day[rows] <= parameters.latest_days
        with np.errstate(invalid="ignore"):
            high = fresh & (other.times_limit[rows] >= parameters.raised_enzyme) & (other.comparator[rows] != "<")
        against[high & ~clear] = f"{measure(key).short_label} is raised"
        clear |= high
        recheck.append(np.where(fresh, other.day[rows] + parameters.latest_days + 1, -FAR))
    inflamed = np.zeros(len(rows), dtype=bool)
    for key in ("crp", "esr"):
        marker = newest_value(frames, key, who)
        fresh = today - marker.day[rows] <= parameters.pain_days
        with np.errstate(invalid="ignore"):
            inflamed |= fresh & (marker.times_limit[rows] > 1) & (marker.comparator[rows] != "<")
        recheck.append(np.where(fresh, marker.day[rows] + parameters.pain_days + 1, -FAR))
    statin, statin_ends = _statins(frames, who[rows])
    recheck.append(statin_ends)

    because = np.full(len(rows), None, dtype=object)
    for place in np.flatnonzero(~clear).tolist():
        if not now[place]:
            because[place] = f"pain reported on {_day(said_day[rows[place]])} and not asked about since"
        elif not strong[place]:
            because[place] = f"no strength score in the last {parameters.latest_days} days"
        elif not ck_known[place]:
            because[place] = f"no CK with its limit in the last {parameters.latest_days} days"
    unknown = np.array([reason is not None for reason in because], dtype=bool)
    state = np.where(clear, NOT_MET, np.where(unknown, CANNOT_TELL, MET)).astype(object)
    met = state == MET
    evidence: list[tuple[str, ...]] = []
    for place, row in enumerate(rows.tolist()):
        word = f"o{score.id[row]}" if by_score[row] else f"e{report.id[row]}"
        more = (
            (*strong_id[place], *((f"o{ck_id[place]}",) if ck_known[place] else ())) if state[place] != NOT_MET else ()
        )
        evidence.append((word, *more))
    begun = _since(frames, who, rows, by_score, said_day, parameters)
    return assessments(
        patient_id=who[rows],
        subject=SUBJECT,
        state=state,
        severity=only_where(met, WATCH),
        since=dates(np.where(met, begun, FAR)),
        recheck_on=dates(next_after(today, *recheck)),
        evidence=evidence,
        cannot_tell_because=because,
        pain=np.where(by_score[rows], score.value[rows], np.nan),
        pain_day=dates(said_day[rows]),
        ck_times_limit=np.where(ck_known, np.round(ck, 3), np.nan),
        ck_day=dates(np.where(ck_known, ck_day, FAR)),
        against=against,
        inflammation=inflamed & met,
        statin=np.where(met, statin, "").astype(object),
    )


def _day(number_of_day: Any) -> str:
    return day_text(np.datetime64(int(number_of_day), "D"))


def _strength(
    frames: Frames, who: series.Ints, rows: series.Ints, today: int, parameters: Parameters
) -> tuple[series.Bools, list[str], series.Bools, list[tuple[str, ...]], series.Ints]:
    """Weak and why; whether there is a fresh score; the ids of those; the day the first of them grows too old."""
    verdicts = strength_verdicts(frames, who)
    weak = verdicts.met[rows].copy()
    why = ["strength is falling" if flag else "" for flag in weak]
    known = np.zeros(len(rows), dtype=bool)
    until = np.full(len(rows), FAR, dtype="int64")
    used: list[tuple[str, ...]] = [()] * len(rows)
    for key in INSTRUMENTS:
        newest = newest_value(frames, key, who)
        fresh = today - newest.day[rows] <= parameters.latest_days
        if not fresh.any():
            continue
        full = measure(key).max_value or np.nan
        with np.errstate(invalid="ignore"):
            low = fresh & (newest.value[rows] < parameters.normal_strength * full - 1e-9)
        for place in np.flatnonzero(fresh):
            used[place] += (f"o{newest.id[rows[place]]}",)
            if low[place] and not weak[place]:
                score = f"{measure(key).short_label} {number(newest.value[rows[place]])} of {number(full)}"
                why[place] = f"strength is not full ({score})"
        weak |= low
        known |= fresh
        until = np.where(fresh, np.minimum(until, newest.day[rows] + parameters.latest_days + 1), until)
    return weak, why, known, used, until


def _statins(frames: Frames, patients: series.Ints) -> tuple[np.ndarray, series.Ints]:
    """The statin each of the patients takes (blank: none) and the day after it ends."""
    names = np.full(len(patients), "", dtype=object)
    ends = np.full(len(patients), FAR, dtype="int64")
    courses = current_courses(frames)
    if len(courses):
        kinds = pd.unique(courses["drug"])
        wanted = [name for name in kinds if (row := drug(str(name))) is not None and row.has_class("statin")]
        rows = courses[courses["drug"].isin(wanted) & courses["patient_id"].isin(patients)]
        place = np.searchsorted(patients, rows["patient_id"].to_numpy(dtype="int64"))
        names[place] = rows["drug"].to_numpy()
        ends[place] = rows["through"].to_numpy(dtype="int64") + 1
    return names, ends


def _since(
    frames: Frames,
    who: series.Ints,
    rows: series.Ints,
    by_score: series.Bools,
    said_day: series.Ints,
    parameters: Parameters,
) -> series.Ints:
    """The first of the unbroken run of painful scores that ends with the newest one, or the day of the report."""
    begun = said_day[rows].copy()
    table = frames.observations("pain")
    if table.empty:
        return begun
    groups = series.groups_of(table["patient_id"].to_numpy())
    day = series.day_numbers(table["day"].to_numpy())
    painless = (table["value"].to_numpy() < parameters.pain_from) | (day[groups.last[groups.of]] - day > RUN_DAYS)
    painless = np.where(painless, np.arange(len(table)), -1)
    first = np.maximum(np.maximum.reduceat(painless, groups.first) + 1, groups.first)
    first = np.minimum(first, groups.last)
    of = np.full(len(who), -1, dtype="int64")
    of[np.searchsorted(who, table["patient_id"].to_numpy()[groups.first])] = first
    scored = by_score[rows]
    begun[scored] = day[of[rows[scored]]]
    return begun


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The pain, and what does not speak for inflamed muscle."""
    del parameters
    pain = row["pain"]
    score = f"{number(pain)} of 10" if pain is not None and pain == pain else "reported"
    text = f"Pain {score} on {day_text(row['pain_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{text}; whether muscle is inflamed cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{text}, but {row['against']}: not pain alone."
    text += (
        f", strength normal, CK {number(row['ck_times_limit'], 2)} times its limit on {day_text(row['ck_day'])}: "
        "no sign of inflamed muscle."
    )
    if row["inflammation"]:
        text += " CRP or ESR is raised: think of polymyalgia or another cause."
    if row["statin"]:
        text += f" Takes {row['statin']}, which can hurt by itself."
    return text


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "ask about pain, test strength and measure CK before anything is changed"
    if row["state"] != MET:
        return ""
    del parameters
    return "do not escalate immunosuppression for pain alone; look for fibromyalgia, joint, statin and other causes"


RULE = Rule(
    key="pain-without-weakness",
    title="Pain without weakness",
    question="Does this patient hurt without any sign of inflamed muscle?",
    why_it_matters=(
        "Pain is what patients report and what treatment is often raised for. Without weakness and with quiet enzymes "
        "more immunosuppression harms and does not help."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("pain", "myalgia", *INSTRUMENTS, "ck", *OTHER_ENZYMES, "crp", "esr", "medications", "declining-strength"),
    sources=(
        Source(
            "Refractory muscle pain",
            2025,
            "educational page, not a guideline",
            "seed",
            "pain with normal strength and CK: stop escalating",
        ),
        Source(
            "Upper limits of CK",
            2010,
            "EFNS 2010, pubmed 20402744; EAN 2024",
            "seen",
            "raised from 1.5 times the limit",
        ),
    ),
    known_false_alarms=(
        "a flare of dermatomyositis with normal CK, before strength falls",
        "fasciitis or joint inflammation, which neither strength nor CK shows",
    ),
    clears_when="a later pain score is below the limit, or strength or an enzyme is no longer normal",
    after=("declining-strength",),
    topic="pain",
    limitations=(
        "Normal strength is 96 % of the instrument's maximum, a site setting; young children cannot reach the "
        "maximum of "
        "CMAS. Never says that the disease is quiet."
    ),
    catalogue=("PH-02", "PH-10", "PH-11"),
    examples=(
        Example(
            title="pain 8 of 10, full strength, CK 0.8 times its limit",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "mmt8", "value": 80, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -1},
        ),
        Example(
            title="the same with CK twice its limit",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "mmt8", "value": 80, "day": -1},
                {"measure": "ck", "value": 400, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="strength was not tested",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="reported muscle pain, strength below normal",
            observations=(
                {"measure": "mmt8", "value": 70, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            events=({"event": "myalgia", "day": -2},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

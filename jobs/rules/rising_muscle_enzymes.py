"""Are the muscle enzymes rising beyond this patient's own baseline?

Looked at: CK, aldolase, LDH, AST and ALT, each as a multiple of the upper limit reported with it, against the median
of the patient's last values. What counts: above the limit, and at least one and a half times the baseline, which is the
reference change value of CK. A chronically raised, stable value is not a rise; a value after strenuous exercise is only
watched.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.phrasing import amount, listed, subject_label
from jobs.rule import (
    ACTION,
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
    one_line_for_all,
    parameter,
)
from models.frames import Frames
from models.vocabulary import measure

ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the rising-muscle-enzymes rule."""

    latest_days: int = parameter(90, unit="days", low=14, high=365, meaning="an older value cannot tell any more")
    reference_values: int = parameter(
        3, unit="values", low=1, high=9, meaning="values before it that make its baseline"
    )
    reference_days: int = parameter(365, unit="days", low=60, high=1095, meaning="oldest value in a baseline")
    rise: float = parameter(
        1.5,
        unit="x baseline",
        low=1.1,
        high=5,
        meaning="a rise: the reference change value of CK (within-person variation 14.5 %, 95 %)",
        source="Carobene 2017, doi 10.1373/clinchem.2016.269811",
        mark="seen",
    )
    doubling: float = parameter(2.0, unit="x baseline", low=1.5, high=10, meaning="a rise that needs action")
    clearly_raised: float = parameter(
        3.0,
        unit="x upper limit",
        low=1,
        high=20,
        meaning="a value that needs action once it rises",
        source="ASCO 2021 grade 2; EFNS 2010",
        mark="seen",
    )
    exercise_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=21,
        meaning="strenuous exercise this recently explains a rise",
        source="back to baseline in 5 to 7 days",
        mark="seed",
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and enzyme on file."""
    rows = frames.observations(*ENZYMES)
    if rows.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    patient, enzyme = rows["patient_id"].to_numpy(), rows["measure"].to_numpy()
    value, limit = rows["value"].to_numpy(), rows["upper_limit"].to_numpy()
    day = series.day_numbers(rows["day"].to_numpy())
    comparator, identifier = rows["comparator"].to_numpy(), rows["id"].to_numpy()
    groups = series.groups_of(patient, enzyme)
    latest = groups.last
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(limit > 0, value / limit, np.nan)

    count = groups.count
    before = np.full((count, parameters.reference_values), np.nan)
    # Values before the latest that can serve: within reach and with a limit of their own, newest first.
    filled = np.zeros(count, dtype="int64")
    back = 1
    place = latest.copy()
    reach = True
    where = np.full((count, parameters.reference_values), -1, dtype="int64")
    while reach:
        place = latest - back
        inside = (place >= groups.first) & (filled < parameters.reference_values)
        safe = np.where(inside, place, 0)
        inside &= day[latest] - day[safe] <= parameters.reference_days
        reach = bool(inside.any())
        usable = inside & ~np.isnan(ratio[safe])
        hit = np.flatnonzero(usable)
        before[hit, filled[hit]] = ratio[safe[hit]]
        where[hit, filled[hit]] = safe[hit]
        filled[hit] += 1
        back += 1
    with np.errstate(all="ignore"):
        reference = np.full(count, np.nan)
        some = filled > 0
        reference[some] = np.nanmedian(before[some], axis=1)

    now = ratio[latest]
    factor = now / reference
    # A bound ("<20", ">10000") is read in the direction in which it is certain.
    below = comparator[latest] == "<"
    met = (now > 1) & (factor >= parameters.rise - 1e-9) & ~below
    state = np.where(met, MET, NOT_MET).astype(object)
    because = np.full(count, None, dtype=object)
    for mask, text in (
        (np.isnan(reference), "no earlier value within reach to compare it with"),
        (np.isnan(now), "no upper limit on file for this value"),
    ):
        state[mask], because[mask] = CANNOT_TELL, text
    too_old = today - day[latest] > parameters.latest_days
    for one in np.flatnonzero(too_old):
        state[one] = CANNOT_TELL
        because[one] = f"no newer value than {day_text(np.datetime64(int(day[latest[one]]), 'D'))}"
    met = state == MET

    exercised = _exercised(frames, patient[groups.first], day[latest], met, parameters.exercise_days)
    strength = frames.assessments.get("declining-strength")
    weaker = np.zeros(count, dtype=bool)
    if strength is not None and len(strength):
        declining = strength.loc[strength["state"].to_numpy() == MET, "patient_id"].to_numpy()
        weaker = np.isin(patient[groups.first], declining)
    with np.errstate(invalid="ignore"):
        strong = (now >= parameters.clearly_raised) | (factor >= parameters.doubling - 1e-9) | weaker
    severity = np.full(count, None, dtype=object)
    severity[met] = np.where(strong[met], ACTION, WATCH)
    exercise_found = np.array([bool(fact) for fact in exercised], dtype=bool)
    severity[met & exercise_found] = WATCH
    evidence: list[tuple[str, ...]] = [()] * count
    for one in np.flatnonzero(state != NOT_MET):
        facts = [f"o{identifier[row]}" for row in sorted(where[one][where[one] >= 0])]
        facts.append(f"o{identifier[latest[one]]}")
        evidence[one] = tuple(facts) + exercised[one]
    newest = day[latest].astype("datetime64[D]").astype("datetime64[s]")
    recheck = (day[latest] + parameters.latest_days + 1).astype("datetime64[D]").astype("datetime64[s]")
    return assessments(
        patient_id=patient[groups.first],
        subject=enzyme[groups.first],
        state=state,
        severity=severity,
        since=np.where(met, newest, np.datetime64("NaT", "s")),
        recheck_on=np.where(too_old, np.datetime64("NaT", "s"), recheck),
        evidence=evidence,
        cannot_tell_because=because,
        latest=value[latest],
        upper_limit=limit[latest],
        times_limit=np.round(now, 3),
        baseline=np.round(reference, 3),
        baseline_values=filled,
        factor=np.round(factor, 3),
        latest_day=newest,
        exercise=exercise_found & met,
        weaker=weaker & met,
    )


def _exercised(
    frames: Frames, patient: series.Ints, day: series.Ints, met: series.Bools, within: int
) -> list[tuple[str, ...]]:
    """Per row, the ids of strenuous exercise in the days before the value."""
    out: list[tuple[str, ...]] = [()] * len(patient)
    if frames.events.empty:
        return out
    events = frames.events[(frames.events["event"] == "strenuous_exercise") & frames.events["present"]]
    if events.empty:
        return out
    by_patient: dict[int, list[tuple[int, int, int]]] = {}
    begins = series.day_numbers(events["day"].to_numpy())
    ends = np.maximum(begins, series.day_numbers(events["end"].to_numpy()))
    for who, begin, end, identifier in zip(events["patient_id"], begins, ends, events["id"], strict=True):
        by_patient.setdefault(int(who), []).append((int(begin), int(end), int(identifier)))
    for place in np.flatnonzero(met):
        when = int(day[place])
        out[place] = tuple(
            f"e{identifier}"
            for begin, end, identifier in by_patient.get(int(patient[place]), [])
            if begin <= when and when - end <= within
        )
    return out


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The value as a multiple of its limit, against the patient's own baseline."""
    label = measure(str(row["subject"])).short_label
    value = f"{label} {number(row['latest'])} U/L on {day_text(row['latest_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{value}: {row['cannot_tell_because']}."
    times = f"{number(row['times_limit'])} times its upper limit"
    values = int(row["baseline_values"])
    basis = (
        f"own baseline {number(row['baseline'])} times (median of {values})"
        if values > 1
        else (f"value before it {number(row['baseline'])} times")
    )
    text = f"{value} ({times}; {basis})"
    if row["state"] == NOT_MET:
        return text + ": no rise beyond chance, or within its limit."
    text += f": {number(row['factor'])} times the baseline."
    if row["exercise"]:
        days = parameters.exercise_days
        text += f" Strenuous exercise in the {days} days before explains it: repeat after {days} days of rest."
    elif row["weaker"]:
        text += " Strength is declining too."
    return text


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "measure again, with the laboratory's limit"
    if row["state"] == NOT_MET:
        return ""
    if row["exercise"]:
        return f"repeat after {parameters.exercise_days} days of rest"
    return "examine strength and look for a cause" if row["severity"] == ACTION else "look at it at the next visit"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Another rise by the same factor since somebody last looked is worse."""
    before, latest = seen.get("times_limit"), now.get("times_limit")
    if not before or not latest or latest < before * parameters.rise:
        return None
    return f"{number(before)} -> {number(latest)} times the limit since seen"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`CK rising: 640 U/L, 3.2× its limit, 2× baseline; also AST`: one event, told by CK where CK rises."""
    ranked = sorted(rows, key=lambda row: -float(row.get("times_limit") or 0))
    first = next((row for row in ranked if row["subject"] == "ck"), ranked[0])
    others = listed([subject_label(str(row["subject"])) for row in ranked if row is not first])
    rested = ", after exercise" if first.get("exercise") else ""
    return (
        f"{subject_label(str(first['subject']))} rising: {amount(first['latest'], 0)} U/L, "
        f"{amount(first['times_limit'])}× its limit, {amount(first['factor'])}× baseline{rested}"
        + (f"; also {others}" if others else "")
    )


RULE = Rule(
    key="rising-muscle-enzymes",
    worse=worse,
    title="Rising muscle enzymes",
    question="Is a muscle enzyme rising beyond the patient's own baseline?",
    why_it_matters=(
        "A rise in CK often comes before weakness. Compared with the population's limit alone it is missed in "
        "patients with a low baseline and found falsely in those whose CK is always high."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="enzyme",
    reads=(*ENZYMES, "strenuous_exercise", "declining-strength"),
    after=("declining-strength",),
    sources=(
        Source("Biological variation of CK (EuBIVAS)", 2017, "Carobene, doi 10.1373/clinchem.2016.269811", "seen"),
        Source("CK above 1.5 times its limit (EFNS)", 2010, "doi 10.1111/j.1468-1331.2010.03012.x", "seen"),
        Source(
            "CK after exercise: 25 % above 10,000 U/L on day 4", 2006, "Clarkson, in J Fam Pract 2008;57:545", "seen"
        ),
        Source(
            "Exercise can raise CK above 10,000 without need for treatment",
            2025,
            "educational page, not a guideline",
            "seed",
        ),
    ),
    known_false_alarms=(
        "exercise, an injection, a fall, EMG or biopsy in the days before",
        "macro-CK: stable, high, normal strength",
        "AST and ALT from the liver rather than from muscle",
    ),
    clears_when="a later value is within its limit, or less than one and a half times the baseline",
    topic="enzymes",
    limitations=(
        "The reference change value comes from resting healthy people. CK is normal in half of patients with "
        "active dermatomyositis or polymyositis: a normal value excludes nothing."
    ),
    catalogue=("PH-09",),
    phrase=phrase,
    one_line=one_line_for_all,
    several_series=True,
    examples=(
        Example(
            title="410 to 640 with a limit of 200 is a rise by the reference change value",
            observations=(
                {"measure": "ck", "value": 410, "upper_limit": 200, "day": -28},
                {"measure": "ck", "value": 640, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": "ck", "state": MET, "severity": ACTION},
        ),
        Example(
            title="always high, and stable",
            observations=tuple({"measure": "ck", "value": 900, "upper_limit": 200, "day": -28 * n} for n in range(4)),
            expect={"subject": "ck", "state": NOT_MET},
        ),
        Example(
            title="12,000 two days after a marathon",
            observations=(
                {"measure": "ck", "value": 150, "upper_limit": 200, "day": -60},
                {"measure": "ck", "value": 12000, "upper_limit": 200, "day": 0},
            ),
            events=({"event": "strenuous_exercise", "day": -2},),
            expect={"subject": "ck", "state": MET, "severity": WATCH},
        ),
        Example(
            title="twice the baseline but within its limit",
            observations=(
                {"measure": "ck", "value": 60, "upper_limit": 200, "day": -28},
                {"measure": "ck", "value": 150, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": "ck", "state": NOT_MET},
        ),
    ),
)

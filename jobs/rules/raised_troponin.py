"""Is a troponin above its limit, and is it likely to come from the heart?

Looked at: the newest value of each kind (T, I) and assay, each against the upper limit reported with it. Troponin T is
also made by diseased skeletal muscle; troponin I is not. They, and each assay, are separate series and never compared.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.phrasing import amount
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
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
from models.frames import Frames
from models.list_order import Danger

LETTER = {"troponin_t": "T", "troponin_i": "I"}

REACH_DAYS = 540
"""Values older than this may not have been read: a run of raised values is followed back no further than the day on
which the newest value becomes too old would still reach, so that the answer is the same on every day until then."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the raised-troponin rule."""

    latest_days: int = parameter(90, unit="days", low=7, high=365, meaning="an older value cannot tell any more")
    other_kind_days: int = parameter(
        14, unit="days", low=1, high=90, meaning="a troponin I this near speaks for or against the heart"
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient, kind and assay; subject `troponin_t` or `troponin_i`, with the assay where reported."""
    rows = frames.observations("troponin_t", "troponin_i")
    if rows.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    assay = np.array([str(value).strip() if value else "" for value in rows["assay"].to_numpy()], dtype=object)
    kind = rows["measure"].to_numpy()
    patient = rows["patient_id"].to_numpy()
    day = series.day_numbers(rows["day"].to_numpy())
    folded = np.array([text.casefold() for text in assay], dtype=object)
    order = np.lexsort((np.arange(len(rows)), day, folded.astype(str), kind.astype(str), patient))
    patient, kind, assay, folded, day = patient[order], kind[order], assay[order], folded[order], day[order]
    value, limit = rows["value"].to_numpy()[order], rows["upper_limit"].to_numpy()[order]
    comparator, identifier = rows["comparator"].to_numpy()[order], rows["id"].to_numpy()[order]
    groups = series.groups_of(patient, kind, folded)
    latest = groups.last
    # "<14" lies at or below 14; ">50" lies above 50 and can only be judged when its limit is not higher.
    below, above = comparator == "<", comparator == ">"
    unclear = (below & (value > limit)) | (above & (value < limit))
    raised = np.where(above, value >= limit, value > limit) & ~below
    no_limit = np.isnan(limit)
    too_old = today - day > parameters.latest_days
    state = np.full(groups.count, NOT_MET, dtype=object)
    state[raised[latest]] = MET
    because = np.full(groups.count, None, dtype=object)
    for mask, text in (
        (unclear[latest], "the value is only a bound and its limit lies beyond it"),
        (no_limit[latest], "no upper limit on file for this value"),
    ):
        state[mask], because[mask] = CANNOT_TELL, text
    for old in np.flatnonzero(too_old[latest]):
        state[old] = CANNOT_TELL
        because[old] = f"no newer value than {day_text(np.datetime64(int(day[latest[old]]), 'D'))}"

    # Since when: the first value of the run of raised values that ends with the newest one.
    out_of_reach = day < day[latest][groups.of] - (REACH_DAYS - parameters.latest_days)
    broken = np.where(~raised | out_of_reach, np.arange(len(raised)), -1)
    last_normal = np.maximum.reduceat(broken, groups.first)
    begins = np.maximum(last_normal + 1, groups.first)
    begins = np.minimum(begins, latest)

    by_patient: dict[int, list[int]] = {}
    for one in np.flatnonzero(kind == "troponin_i").tolist():
        by_patient.setdefault(int(patient[one]), []).append(one)
    severity = np.full(groups.count, None, dtype=object)
    heart = np.full(groups.count, "", dtype=object)
    evidence: list[tuple[str, ...]] = [()] * groups.count
    recheck = np.where(too_old[latest], 10**6, day[latest] + parameters.latest_days + 1)
    for place, row in enumerate(latest.tolist()):
        evidence[place] = (f"o{identifier[row]}",)
        if state[place] != MET:
            continue
        used = [f"o{identifier[one]}" for one in range(int(begins[place]), row + 1)]
        if kind[row] == "troponin_i":
            severity[place] = URGENT
        else:
            near = [
                one
                for one in by_patient.get(int(patient[row]), [])
                if abs(int(day[one]) - int(day[row])) <= parameters.other_kind_days
                and not no_limit[one]
                and not unclear[one]
            ]
            if any(raised[one] for one in near):
                severity[place], heart[place] = ACTION, "raised"
            elif near:
                severity[place], heart[place] = WATCH, "normal"
            else:
                severity[place], heart[place] = ACTION, "missing"
            used += [f"o{identifier[one]}" for one in near]
        evidence[place] = tuple(used)
    return assessments(
        patient_id=patient[groups.first],
        subject=np.array(
            [f"{kind[one]}:{assay[one]}" if assay[one] else str(kind[one]) for one in latest.tolist()], dtype=object
        ),
        state=state,
        severity=severity,
        since=np.where(
            state == MET, day[begins].astype("datetime64[D]").astype("datetime64[s]"), np.datetime64("NaT", "s")
        ),
        recheck_on=np.where(
            too_old[latest], np.datetime64("NaT", "s"), recheck.astype("datetime64[D]").astype("datetime64[s]")
        ),
        evidence=evidence,
        cannot_tell_because=because,
        latest=value[latest],
        comparator=comparator[latest],
        upper_limit=limit[latest],
        latest_day=day[latest].astype("datetime64[D]").astype("datetime64[s]"),
        kind=kind[latest],
        assay=assay[latest],
        troponin_i=heart,
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The value, its own limit, and what the other kind says."""
    letter = LETTER[str(row["kind"])]
    assay = f" ({row['assay']})" if row["assay"] else ""
    value = f"Troponin {letter}{assay} {row['comparator']}{number(row['latest'])} ng/L on {day_text(row['latest_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{value}: {row['cannot_tell_because']}."
    limit = f"its upper limit {number(row['upper_limit'])} ng/L"
    if row["state"] == NOT_MET:
        return f"{value}, at or below {limit}."
    text = f"{value}, above {limit}, raised since {day_text(row['since'])}."
    within = f"within {parameters.other_kind_days} days"
    if letter == "I":
        return text + " Troponin I is made by heart muscle: involvement of the heart until shown otherwise."
    if row["troponin_i"] == "normal":
        return text + f" Troponin I {within} was normal: skeletal muscle is a likely source."
    if row["troponin_i"] == "raised":
        return text + f" Troponin I {within} was raised as well: see there."
    return text + f" No troponin I {within}: diseased skeletal muscle makes troponin T too, so the source is open."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "measure again, with the laboratory's limit"
    if row["state"] == NOT_MET:
        return ""
    if row["severity"] == URGENT:
        return "ECG and cardiac review today"
    if row["troponin_i"] == "normal":
        return "skeletal muscle is a likely source; look at the trend at the next visit"
    return "measure troponin I" if row["troponin_i"] == "missing" else "see the raised troponin I"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Troponin T 22 ng/L, limit 14, I normal`."""
    row = rows[0]
    letter = LETTER.get(str(row["kind"]), str(row["kind"]))
    hint = {"normal": ", I normal", "missing": ", no I measured"}.get(str(row.get("troponin_i")), "")
    return f"Troponin {letter} {amount(row['latest'])} ng/L, limit {amount(row['upper_limit'])}{hint}"


def danger(subject: str) -> Danger | None:
    """Troponin I is made by heart muscle."""
    return Danger.HEART if subject.partition(":")[0] == "troponin_i" else None


RULE = Rule(
    key="raised-troponin",
    title="Raised troponin",
    question="Is troponin above the limit of its own assay, and does it point to the heart?",
    why_it_matters=(
        "Heart muscle involvement in myositis is rare and dangerous. Troponin T is raised in four of ten patients "
        "without any cardiac disease, troponin I in hardly any: taking one for the other misses or invents myocarditis."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="kind and assay",
    reads=("troponin_t", "troponin_i"),
    sources=(
        Source(
            "Troponin T 41 %, troponin I 2.5 % raised in 39 patients without cardiac disease",
            2001,
            "Erlacher, pubmed 11282091",
            "seen",
        ),
        Source("Cardiac troponins in myositis: troponin I specificity 95 %", 2015, "PMC4589894", "seen"),
        Source(
            "Troponin and ECG before anything else in severe cases", 2025, "educational page, not a guideline", "seed"
        ),
    ),
    known_false_alarms=("troponin T from regenerating skeletal muscle; kidney disease",),
    clears_when="a later value of the same kind and assay is at or below its limit",
    topic="heart",
    limitations="A limit is the one reported with the value; without it nothing is judged. Not for acute chest pain.",
    catalogue=("SAFE-12",),
    phrase=phrase,
    danger=danger,
    several_series=True,
    examples=(
        Example(
            title="troponin T raised, troponin I never measured",
            observations=({"measure": "troponin_t", "value": 90, "upper_limit": 14, "day": 0},),
            expect={"subject": "troponin_t", "state": MET, "severity": ACTION},
        ),
        Example(
            title="troponin T raised, troponin I normal the same week",
            observations=(
                {"measure": "troponin_t", "value": 90, "upper_limit": 14, "day": 0},
                {"measure": "troponin_i", "value": 5, "upper_limit": 26, "day": -5},
            ),
            expect={"subject": "troponin_t", "state": MET, "severity": WATCH},
        ),
        Example(
            title="troponin I raised",
            observations=({"measure": "troponin_i", "value": 60, "upper_limit": 26, "day": 0},),
            expect={"subject": "troponin_i", "state": MET, "severity": URGENT},
        ),
        Example(
            title="no limit reported",
            observations=({"measure": "troponin_i", "value": 60, "day": 0},),
            expect={"subject": "troponin_i", "state": CANNOT_TELL},
        ),
        Example(
            title="at its limit is not raised",
            observations=({"measure": "troponin_t", "value": 14, "upper_limit": 14, "day": 0},),
            expect={"subject": "troponin_t", "state": NOT_MET},
        ),
    ),
)

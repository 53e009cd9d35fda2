"""Was everything checked that has to be checked before this drug?

Looked at: the screening table for each drug being taken, and the results and records on file. What counts: a required
screen without any result from before the drug or since. What does not: screens that are required only at some sites or
at some risk (a clinic can switch them on), what was recorded as not possible, and a drug taken for so long that the
screen may lie in older records: then nobody can tell.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.array_newest import FAR, dates, newest_event, newest_value, next_after
from jobs.array_treatment import current_courses
from jobs.phrasing import listed
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
    one_line_for_all,
    parameter,
)
from models.frames import Frames
from models.vocabulary import ANY_IMMUNOSUPPRESSANT, Drug, Screen, drug, events, measures, screening, tests

ASKED_ELSEWHERE = {"pregnancy": "drug-safety", "dxa": "missing-prophylaxis"}
"""Screens that another rule asks for, with the treatment that made them necessary."""

DANGEROUS = frozenset(
    {
        ("azathioprine", "tpmt"),
        ("rituximab", "hepatitis_b_surface_antigen"),
        ("rituximab", "hepatitis_b_core_antibody"),
    }
)
"""Without these the first doses can kill: marrow failure without TPMT (S12), hepatitis B flare (S16)."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the missing-safety-screen rule."""

    started_within_days: int = parameter(
        365, unit="days", low=28, high=1825, meaning="for a drug begun earlier the screen may lie in older records"
    )
    include_if_risk: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens wanted at risk only"
    )
    include_site: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens that sites decide on"
    )
    include_unverified: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens that no source was seen for"
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient, drug and screen that is missing or not yet due; screens that are there have none."""
    courses = current_courses(frames)
    if courses.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    panel = frames.patients.index.to_numpy(dtype="int64")
    names = courses["drug"].to_numpy().astype(str)
    patient = courses["patient_id"].to_numpy(dtype="int64")
    start = courses["start"].to_numpy(dtype="int64")
    ends = courses["through"].to_numpy(dtype="int64") + 1
    identifiers = courses["ids"].to_numpy()
    known = {name: drug(name) for name in np.unique(names)}
    place = np.searchsorted(panel, patient)
    last_of: dict[str, series.Ints] = {}

    def last(fact: str) -> series.Ints:
        """The newest day of a measure or of an event on which it was present, for each course."""
        if fact not in last_of:
            if fact in events():
                found = newest_event(frames, fact, panel)
                last_of[fact] = np.where(found.present, found.day, -FAR)
            else:
                last_of[fact] = newest_value(frames, fact, panel).day
        return last_of[fact][place]

    parts: list[dict[str, Any]] = []
    for screen in _asked(parameters):
        names_meant = {name for name, row in known.items() if row is not None and _meant(screen, row)}
        rows = np.flatnonzero(np.isin(names, list(names_meant)))
        if not len(rows):
            continue
        if screen.treatment == ANY_IMMUNOSUPPRESSANT:
            rows = _first_of_each(rows, patient, start)
        done = np.full(len(patient), -FAR, dtype="int64")
        for fact in screen.satisfied_by:
            done = np.maximum(done, last(fact))
        oldest = start - (FAR // 4 if screen.valid_for_days is None else screen.valid_for_days)
        rows = rows[done[rows] < oldest[rows]]
        if not len(rows):
            continue
        excused = _excused(frames, screen, panel)[place]
        rows = rows[excused[rows] < oldest[rows]]
        due = start[rows] + screen.within_days
        old = today - start[rows] > parameters.started_within_days
        wanted = today > due if screen.within_days else np.ones(len(rows), dtype=bool)
        state = np.where(~wanted, NOT_MET, np.where(old, CANNOT_TELL, MET)).astype(object)
        parts.append(
            {
                "patient_id": patient[rows],
                "subject": np.array([f"{name}:{screen.screen}" for name in names[rows]], dtype=object),
                "state": state,
                "severity": np.array(
                    [
                        (ACTION if (name, screen.screen) in DANGEROUS else WATCH) if met else None
                        for name, met in zip(names[rows], state == MET, strict=True)
                    ],
                    dtype=object,
                ),
                "since": np.where(state == MET, due + (1 if screen.within_days else 0), FAR),
                "due": due,
                "recheck": np.where(
                    state == NOT_MET,
                    due + 1,
                    np.where(state == MET, start[rows] + parameters.started_within_days + 1, FAR),
                ),
                "ends": ends[rows],
                "fact": np.array([identifiers[row][-1] for row in rows], dtype="int64"),
                "drug": names[rows].astype(object),
                "started": start[rows],
                "last_day": np.where(done[rows] > -FAR, done[rows], FAR),
                "screen": np.array([_label(screen)] * len(rows), dtype=object),
                "note": np.array([screen.note] * len(rows), dtype=object),
            }
        )
    if not parts:
        return empty()
    table = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    order = np.lexsort((table["subject"].astype(str), table["patient_id"]))
    table = {key: values[order] for key, values in table.items()}
    recheck = next_after(today, table["recheck"], table["ends"])
    because = np.full(len(order), None, dtype=object)
    because[table["state"] == CANNOT_TELL] = "the drug was begun so long ago that the screen may lie in older records"
    return assessments(
        patient_id=table["patient_id"],
        subject=table["subject"],
        state=table["state"],
        severity=table["severity"],
        since=dates(table["since"]),
        due=dates(table["due"]),
        recheck_on=dates(recheck),
        evidence=[(f"m{fact}",) for fact in table["fact"]],
        cannot_tell_because=because,
        drug=table["drug"],
        screen=table["screen"],
        started=dates(table["started"]),
        last_day=dates(table["last_day"]),
        note=table["note"],
    )


def _asked(parameters: Parameters) -> list[Screen]:
    """The rows of the screening table that hold in this clinic."""
    allowed = {"required"}
    if parameters.include_if_risk == "yes":
        allowed.add("if-risk")
    if parameters.include_site == "yes":
        allowed.add("site")
    return [
        row
        for row in screening()
        if row.requirement in allowed
        and row.screen not in ASKED_ELSEWHERE
        and (row.mark != "memory" or parameters.include_unverified == "yes")
    ]


def _meant(screen: Screen, row: Drug) -> bool:
    # A steroid alone is not yet immunosuppression that asks for vaccines; its own screens are in its own rows.
    if screen.treatment == ANY_IMMUNOSUPPRESSANT and (row.is_glucocorticoid or row.has_class("immunoglobulin")):
        return False
    return screen.applies_to(row)


def _first_of_each(rows: series.Ints, patient: series.Ints, start: series.Ints) -> series.Ints:
    """Of each patient's courses the one that began first: what any of them asks for is asked once."""
    order = rows[np.lexsort((rows, start[rows], patient[rows]))]
    return np.sort(order[series.groups_of(patient[order]).first])


def _excused(frames: Frames, screen: Screen, panel: series.Ints) -> series.Ints:
    """Per patient the newest day on which a measure of the screen was recorded as not done."""
    excused = np.full(len(panel), -FAR, dtype="int64")
    table = frames.not_done
    if len(table):
        rows = np.flatnonzero(table["measure"].isin(screen.satisfied_by).to_numpy())
        place = np.searchsorted(panel, table["patient_id"].to_numpy(dtype="int64")[rows])
        np.maximum.at(excused, place, series.day_numbers(table["day"].to_numpy()[rows]))
    return excused


def _label(screen: Screen) -> str:
    """What the screen is called."""
    if screen.screen in tests():
        return tests()[screen.screen].label
    if len(screen.satisfied_by) == 1:
        fact = screen.satisfied_by[0]
        return measures()[fact].short_label if fact in measures() else events()[fact].label
    return screen.screen.replace("_", " ")


def _drug_label(name: Any) -> str:
    known = drug(str(name))
    return known.label.lower() if known else str(name)


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The drug, since when, and what is missing."""
    del parameters
    taken = f"{_drug_label(row['drug'])} since {day_text(row['started'])}"
    last = "" if pd.isna(row["last_day"]) else f"; the last one of {day_text(row['last_day'])} is too old"
    if row["state"] == CANNOT_TELL:
        return f"{row['screen']}: not on file ({taken}{last}); {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{row['screen']}: wanted by {day_text(row['due'])} ({taken})."
    note = f" Note: {row['note']}." if row["note"] else ""
    return f"{row['screen']}: not on file, required for {taken}{last}.{note}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["state"] == CANNOT_TELL:
        return "look in older records once, then enter the result or order it"
    return (
        f"find or order: {row['screen']}; before the next dose"
        if row["severity"] == ACTION
        else f"find or order: {row['screen']}"
    )


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Screening missing: TPMT, hepatitis B (azathioprine, rituximab)`; a single one is told in full."""
    if len(rows) == 1:
        return ""
    screens = ", ".join(str(row.get("screen")) for row in rows)
    return f"Screening missing: {screens} ({listed([str(row.get('drug', '')) for row in rows])})"


RULE = Rule(
    key="missing-safety-screen",
    title="Missing safety screen",
    question="Was everything checked that has to be checked before this drug?",
    why_it_matters=(
        "Azathioprine without TPMT can destroy the marrow, rituximab can wake hepatitis B. The screen is "
        "ordered with the "
        "drug and its result is nobody's task."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="drug and screen",
    reads=("medications", "screening results", "screening events"),
    sources=(
        Source(
            "NHS Specialist Pharmacy Service: monitoring of methotrexate, azathioprine, mycophenolate, "
            "ciclosporin, tacrolimus",
            2024,
            "sps.nhs.uk/monitorings",
            "seen",
        ),
        Source(
            "Rituximab: immunoglobulins and hepatitis B",
            2021,
            "doi 10.1007/s00296-021-04847-x",
            "seen",
            "no consensus on IgG",
        ),
        Source("Vaccination under immunosuppression", 2021, "PMC8494475, table 2", "seen"),
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "hepatitis before methotrexate, TPMT before azathioprine",
        ),
    ),
    known_false_alarms=(
        "a screen done elsewhere or before our records begin: enter the result, or record it as not possible",
        "a drug on the list that was never taken",
    ),
    clears_when="a result (or the record that it was done) arrives, or the drug ends",
    topic="treatment safety",
    limitations=(
        "Screens that no source was seen for, that sites decide on or that are wanted at risk only are switched off as "
        "shipped. How long a screen holds is a site setting. Pregnancy and bone density are asked for by other rules."
    ),
    catalogue=("SAFE-06", "SAFE-08", "SAFE-09", "SAFE-10"),
    phrase=phrase,
    one_line=one_line_for_all,
    quiet_when_untold=True,
    examples=(
        Example(
            title="azathioprine begun ten days ago, no TPMT on file",
            medications=({"drug": "azathioprine", "dose": 150, "start": -10},),
            expect={"subject": "azathioprine:tpmt", "state": MET, "severity": ACTION, "since": -10},
        ),
        Example(
            title="vaccinations not brought up to date before methotrexate",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -10},),
            expect={"subject": "methotrexate:vaccines", "state": MET, "severity": WATCH, "since": -10},
        ),
        Example(
            title="azathioprine for two years: TPMT may lie in older records",
            medications=({"drug": "azathioprine", "dose": 150, "start": -730},),
            expect={"subject": "azathioprine:tpmt", "state": CANNOT_TELL},
        ),
        Example(
            title="an eye examination is wanted within the first year of hydroxychloroquine",
            medications=({"drug": "hydroxychloroquine", "dose": 300, "start": -100},),
            expect={"subject": "hydroxychloroquine:eye_examination", "state": NOT_MET, "due": 265},
        ),
    ),
)

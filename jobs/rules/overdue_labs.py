"""Which blood tests are overdue?

Looked at: the tests that a patient's current drugs require, by the monitoring table. Due is the day of the last valid
result (or the start of the treatment that requires the test) plus the shortest interval of all reasons; overdue is
from the day after due plus grace. What does not count: patients who left the clinic, a test that was recorded as not
possible or is paused with a reason, and a laboratory whose results stopped coming in (nobody can tell then).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.array_treatment import current_courses
from jobs.phrasing import dated, listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    Example,
    Rule,
    Source,
    assessments,
    choose,
    day_text,
    empty,
    one_line_for_all,
    parameter,
)
from models.frames import Frames
from models.vocabulary import MonitoringRow, drug, vocabulary
from models.vocabulary import tests as laboratory_tests
from models.vocabulary.rows import ACTIVE_TREATMENT

DUE_STATES = ("not_due", "due", "grace", "overdue", "never_measured", "not_possible", "paused")
NEVER = 100_000


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the overdue-labs rule."""

    active_interval_days: int = parameter(
        42,
        unit="days",
        low=14,
        high=180,
        meaning="CK, troponin and CRP on active treatment are due this long after the last",
        source="monitoring every 4 to 6 weeks (educational page)",
        mark="seed",
    )
    grace_days: int = parameter(7, unit="days", low=0, high=42, meaning="overdue only after this many days past due")
    drug_profile: str = parameter(
        "acr",
        unit="",
        choices=("acr", "bsr", "none"),
        meaning="methotrexate monitoring profile; `none` leaves drug safety tests out",
        source="ACR 2008/2015, BSR 2017",
        mark="seen",
    )
    feed_normal_results: int = parameter(
        20,
        unit="results",
        low=1,
        high=1000,
        meaning="a sender with this many results in 60 days normally delivers a test",
    )
    feed_silent_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=60,
        meaning="no result of a test from such a sender for this long: the feed is silent",
    )


def _required(parameters: Parameters) -> list[MonitoringRow]:
    """The rows of the monitoring table that hold under the chosen profile."""
    rows = []
    for row in vocabulary().monitoring:
        if row.profile in {"acr", "bsr"} and row.treatment == "methotrexate":
            wanted = row.profile == parameters.drug_profile
        elif row.treatment == ACTIVE_TREATMENT:
            wanted = row.profile == "contract"
        else:
            wanted = row.active and parameters.drug_profile != "none"
        if wanted:
            rows.append(row)
    return rows


def _reasons(frames: Frames, parameters: Parameters, today: int) -> pd.DataFrame:
    """Every reason to test.

    Columns: `patient_id`, `test`, `start`, `interval`, `changes_on` (when time alone changes it), `treatment`, `fact`.
    """
    courses = current_courses(frames)
    if courses.empty:
        return pd.DataFrame()
    rows = _required(parameters)
    parts: list[pd.DataFrame] = []
    code, names = pd.factorize(courses["drug"].to_numpy(dtype=object))
    start = courses["start"].to_numpy(dtype="int64")
    increased = courses["increased"].to_numpy(dtype="int64")
    through = courses["through"].to_numpy(dtype="int64")
    fact = np.array([ids[-1] for ids in courses["ids"]], dtype="int64")
    patient = courses["patient_id"].to_numpy(dtype="int64")
    known = [drug(str(name)) for name in names]
    active_drug = np.array([bool(found and found.counts_as_active_treatment) for found in known])[code]

    def add(
        mask: np.ndarray, row: MonitoringRow, begin: np.ndarray, interval: int, changes: np.ndarray, label: str
    ) -> None:
        parts.append(
            pd.DataFrame(
                {
                    "patient_id": patient[mask],
                    "test": row.test,
                    "start": begin[mask],
                    "interval": interval,
                    "changes_on": changes[mask],
                    "treatment": label,
                    "fact": fact[mask],
                }
            )
        )

    phase_day = today - increased
    for row in rows:
        if row.treatment == ACTIVE_TREATMENT:
            add(active_drug, row, start, parameters.active_interval_days, through + 1, "active treatment")
            continue
        applies = np.array([bool(found and row.applies_to(found)) for found in known])
        if not applies.any():
            continue
        mask = applies[code]
        mask &= (phase_day >= row.from_day) & (phase_day <= (NEVER if row.to_day is None else row.to_day))
        if mask.any():
            changes = through + 1 if row.to_day is None else np.minimum(through + 1, increased + row.to_day + 1)
            add(mask, row, start, row.interval_days, changes, row.treatment)
    return (
        pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else pd.DataFrame()
    )


def silent_feeds(feeds: pd.DataFrame, as_of: dt.date, parameters: Parameters) -> dict[str, dt.date]:
    """Tests whose normal senders have all gone silent, with the day of the last delivery."""
    if feeds.empty:
        return {}
    today = int(np.datetime64(as_of, "D").astype("int64"))
    silent: dict[str, dt.date] = {}
    last_day = series.day_numbers(feeds["last_day"].to_numpy())
    for test in laboratory_tests().values():
        part = np.isin(feeds["measure"].to_numpy().astype(str), list(test.measures))
        if not part.any():
            continue
        normal: dict[str, tuple[int, int]] = {}
        for sender, day, results in zip(
            feeds["sender"].to_numpy()[part], last_day[part], feeds["results"].to_numpy()[part], strict=True
        ):
            before = normal.get(str(sender), (-NEVER, 0))
            normal[str(sender)] = max(before[0], int(day)), before[1] + int(results)
        normally = [day for day, results in normal.values() if results >= parameters.feed_normal_results]
        if normally and all(today - day >= parameters.feed_silent_days for day in normally):
            silent[test.key] = dt.date.fromisoformat(str(np.datetime64(max(normally), "D")))
    return silent


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and test required of them."""
    today = int(np.datetime64(as_of, "D").astype("int64"))
    reasons = _reasons(frames, parameters, today)
    if reasons.empty:
        return empty()
    tests = laboratory_tests()
    test_code, test_names = pd.factorize(reasons["test"].to_numpy(dtype=object), sort=True)
    patient = reasons["patient_id"].to_numpy(dtype="int64")
    last, last_id = _last_results(frames, test_names)
    begin = reasons["start"].to_numpy(dtype="int64")
    interval = reasons["interval"].to_numpy(dtype="int64")
    where, found = _look_up(last, last_id, test_code, patient)
    measured = where > -NEVER
    due = np.where(measured, where, begin) + interval
    # The reason that asks first speaks for the test; among equals the treatment that began first.
    order = np.lexsort((begin, due, test_code, patient))
    patient, test_code, due, where, measured = (
        patient[order],
        test_code[order],
        due[order],
        where[order],
        measured[order],
    )
    interval, begin = interval[order], begin[order]
    treatment = reasons["treatment"].to_numpy()[order]
    fact, found = reasons["fact"].to_numpy()[order], found[order]
    changes = reasons["changes_on"].to_numpy(dtype="int64")[order]
    groups = series.groups_of(patient, test_code)
    first = groups.first
    changes_on = np.minimum.reduceat(changes, first)
    patient, test_code, due, where, measured = (
        patient[first],
        test_code[first],
        due[first],
        where[first],
        measured[first],
    )
    interval, begin, treatment, fact = interval[first], begin[first], treatment[first], fact[first]
    found = found[first]
    subject = np.asarray(test_names, dtype=object)[test_code]

    over = due + parameters.grace_days + 1
    due_state = np.select(
        [today >= over, ~measured, today > due, today == due],
        ["overdue", "never_measured", "grace", "due"],
        "not_due",
    ).astype(object)
    due_state[(today >= over) & ~measured] = "never_measured"
    state = np.where(today >= over, MET, NOT_MET).astype(object)
    because = np.full(len(patient), None, dtype=object)
    recheck = np.where(today < due, due, np.where(today == due, due + 1, np.where(today < over, over, NEVER * 10)))
    recheck = np.minimum(recheck, np.where(changes_on > today, changes_on, NEVER * 10))
    row_of: dict[tuple[int, int], int] = {}
    if len(frames.not_done) or len(frames.pauses):
        pairs = zip(patient.tolist(), test_code.tolist(), strict=True)
        row_of = {pair: place for place, pair in enumerate(pairs)}
    code_of = {str(name): code for code, name in enumerate(test_names)}
    note = np.full(len(patient), "", dtype=object)
    for place, until, reason in _not_possible(frames, row_of, code_of, where, interval + parameters.grace_days, today):
        state[place], due_state[place], note[place] = NOT_MET, "not_possible", reason
        recheck[place] = min(recheck[place], until + 1)
    for place, until, reason in _paused(frames, row_of, code_of, today):
        state[place], due_state[place], note[place] = NOT_MET, "paused", reason
        recheck[place] = min(recheck[place], until + 1)
    for test, day in silent_feeds(frames.feeds, as_of, parameters).items():
        if test in code_of:
            quiet = (test_code == code_of[test]) & (state == MET)
            state[quiet] = CANNOT_TELL
            because[quiet] = f"feed silent since {day_text(day)}"
    recheck_on = np.where(
        recheck > today + NEVER // 2, np.datetime64("NaT", "s"), recheck.astype("datetime64[D]").astype("datetime64[s]")
    )
    since = np.where(state == MET, over.astype("datetime64[D]").astype("datetime64[s]"), np.datetime64("NaT", "s"))
    evidence: list[tuple[str, ...]] = [
        (f"o{result}", f"m{statement}") if result >= 0 else (f"m{statement}",)
        for result, statement in zip(found.tolist(), fact.tolist(), strict=True)
    ]
    return assessments(
        patient_id=patient,
        subject=subject,
        state=state,
        severity=choose(state == MET, ACTION),
        since=since,
        due=due.astype("datetime64[D]").astype("datetime64[s]"),
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        due_state=due_state,
        last_day=np.where(measured, where, -NEVER * 10).astype("datetime64[D]").astype("datetime64[s]"),
        measured=measured,
        interval_days=interval,
        treatment=treatment,
        treatment_start=begin.astype("datetime64[D]").astype("datetime64[s]"),
        note=note,
        label=np.array([tests[str(name)].label for name in test_names], dtype=object)[test_code],
    )


def _last_results(
    frames: Frames, test_names: np.ndarray
) -> tuple[list[series.Ints], list[tuple[series.Ints, series.Ints]]]:
    """Per test: the patients with a valid result (sorted); and the day number and id of each one's last."""
    people: list[series.Ints] = []
    results: list[tuple[series.Ints, series.Ints]] = []
    tests = laboratory_tests()
    for name in test_names:
        who: list[np.ndarray] = [np.array([], dtype="int64")]
        when: list[np.ndarray] = [np.array([], dtype="int64")]
        which: list[np.ndarray] = [np.array([], dtype="int64")]
        for key in tests[str(name)].measures:
            rows = frames.observations(key)
            if len(rows):
                last = series.groups_of(rows["patient_id"].to_numpy()).last
                who.append(rows["patient_id"].to_numpy()[last])
                when.append(series.day_numbers(rows["day"].to_numpy()[last]))
                which.append(rows["id"].to_numpy()[last])
        patient, day, identifier = np.concatenate(who), np.concatenate(when), np.concatenate(which)
        order = np.lexsort((identifier, day, patient))
        newest = series.groups_of(patient[order]).last
        people.append(patient[order][newest])
        results.append((day[order][newest], identifier[order][newest]))
    return people, results


def _look_up(
    people: list[series.Ints],
    results: list[tuple[series.Ints, series.Ints]],
    test_code: series.Ints,
    patient: series.Ints,
) -> tuple[series.Ints, series.Ints]:
    """Day number and id of the last result for each (test, patient); -NEVER and -1 where there is none."""
    day = np.full(len(patient), -NEVER, dtype="int64")
    identifier = np.full(len(patient), -1, dtype="int64")
    for code, known in enumerate(people):
        rows = np.flatnonzero(test_code == code)
        if not len(known) or not len(rows):
            continue
        place = np.minimum(np.searchsorted(known, patient[rows]), len(known) - 1)
        hit = known[place] == patient[rows]
        day[rows[hit]] = results[code][0][place[hit]]
        identifier[rows[hit]] = results[code][1][place[hit]]
    return day, identifier


def _not_possible(
    frames: Frames,
    row_of: dict[tuple[int, int], int],
    code_of: dict[str, int],
    last: series.Ints,
    lasts_days: series.Ints,
    today: int,
) -> list[tuple[int, int, str]]:
    """Rows whose test was recorded as not done after the last result, and until when that excuses it."""
    found: dict[int, tuple[int, str]] = {}
    if frames.not_done.empty:
        return []
    test_of = {key: name for name, test in laboratory_tests().items() for key in test.measures if name in code_of}
    for who, key, day, reason in zip(
        frames.not_done["patient_id"],
        frames.not_done["measure"],
        series.day_numbers(frames.not_done["day"].to_numpy()),
        frames.not_done["reason"],
        strict=True,
    ):
        place = row_of.get((int(who), code_of.get(test_of.get(str(key), ""), -1)))
        if place is None or day <= last[place] or today > day + lasts_days[place]:
            continue
        until = int(day + lasts_days[place])
        if place not in found or until > found[place][0]:
            found[place] = until, str(reason or "no reason given")
    return [(place, until, reason) for place, (until, reason) in found.items()]


def _paused(
    frames: Frames, row_of: dict[tuple[int, int], int], code_of: dict[str, int], today: int
) -> list[tuple[int, int, str]]:
    found = []
    if frames.pauses.empty:
        return []
    for who, test, reason, until in zip(
        frames.pauses["patient_id"],
        frames.pauses["test"],
        frames.pauses["reason"],
        series.day_numbers(frames.pauses["until"].to_numpy()),
        strict=True,
    ):
        wanted = list(code_of) if test == "all" else [str(test)]
        for name in wanted:
            place = row_of.get((int(who), code_of.get(name, -1)))
            if place is not None and until >= today:
                found.append((place, int(until), str(reason)))
    return found


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is due, why, and since when; dates only, so that the sentence stays true tomorrow."""
    label = row["label"]
    why = f"required every {int(row['interval_days'])} days by {row['treatment']}"
    last = f"last result {day_text(row['last_day'])}" if row["measured"] else "never measured here"
    if row["state"] == CANNOT_TELL:
        silent = row["cannot_tell_because"]
        return f"{label} was due {day_text(row['due'])} ({last}), but whether it was done nobody can tell: {silent}."
    if row["due_state"] == "not_possible":
        return f"{label}: recorded as not possible ({row['note']}); {last}, {why}."
    if row["due_state"] == "paused":
        return f"{label}: paused ({row['note']}); {last}, {why}."
    if row["state"] == MET:
        begun = "" if row["measured"] else f", treatment began {day_text(row['treatment_start'])}"
        passed = f"{parameters.grace_days} days of grace passed"
        return f"{label} overdue: was due {day_text(row['due'])} ({last}{begun}; {why}; {passed})."
    return f"{label} due {day_text(row['due'])} ({last}; {why})."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "ask the laboratory or the interface team why results stopped coming"
    return f"order {row['label']} or record why it is not possible" if row["state"] == MET else ""


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Overdue: CK, CRP · due 10 Nov 2026`."""
    ranked = sorted(rows, key=lambda row: str(row["due"] or "9"))
    first = ranked[0]["due"]
    names = listed([subject_label(str(row["subject"])) for row in ranked])
    return f"Overdue: {names}" + (f" · due {dated(first)}" if first else "")


RULE = Rule(
    key="overdue-labs",
    title="Overdue laboratory tests",
    question="Which tests that this patient's treatment requires are overdue?",
    why_it_matters=(
        "A flare, a failing heart or a toxic drug shows in the blood before it shows in the clinic, but only if the "
        "blood is taken. A quarter of patients on methotrexate miss their tests within three months."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="laboratory test",
    reads=("medications", "laboratory results", "pauses", "feeds"),
    sources=(
        Source(
            "Monitoring every 4 to 6 weeks after treatment begins", 2025, "educational page, not a guideline", "seed"
        ),
        Source("ACR: laboratory monitoring of methotrexate", 2015, "PMC5684575, table 1", "seen"),
        Source("BSR/BHPR DMARD monitoring", 2017, "as used by NHS services", "seen"),
        Source(
            "Missed methotrexate monitoring (PINCER)", 2012, "24 to 30 % without blood tests in three months", "seen"
        ),
    ),
    known_false_alarms=(
        "a test done at another hospital whose results do not reach us: enter it or record it as not possible",
        "a drug that was stopped but never ended in the record",
    ),
    clears_when="a valid result of the test arrives, or the treatment that requires it ends",
    topic="monitoring",
    limitations="Intervals marked default or seed are site settings, not facts. A result counts whatever its value.",
    catalogue=("MON", "C16"),
    phrase=phrase,
    one_line=one_line_for_all,
    listed_in="labs",
    examples=(
        Example(
            title="day 42 plus 7 of grace is not overdue yet",
            observations=tuple(
                {"measure": key, "value": 5, "day": -49, "upper_limit": 200} for key in ("ck", "troponin_i", "crp")
            ),
            medications=({"drug": "prednisone", "dose": 5, "start": -200},),
            expect={"subject": "ck", "state": NOT_MET, "due": -7},
        ),
        Example(
            title="the day after due plus grace is the first",
            observations=tuple(
                {"measure": key, "value": 5, "day": -50, "upper_limit": 200} for key in ("ck", "troponin_i", "crp")
            ),
            medications=({"drug": "prednisone", "dose": 5, "start": -200},),
            expect={"subject": "ck", "state": MET, "since": 0, "due": -8, "severity": ACTION},
        ),
        Example(
            title="never measured: counted from the start of treatment",
            medications=({"drug": "prednisone", "dose": 5, "start": -50},),
            expect={"subject": "crp", "state": MET, "due": -8, "since": 0},
        ),
    ),
)

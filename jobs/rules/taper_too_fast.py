"""Was the steroid cut too fast?

Looked at: the steady steroid dose (pulses left out) of the last weeks, and whether strength is declining.
What counts: while strength declines, a cut of more than one step of the taper template within two weeks that has not
been taken back. Where a clinic switches it on, also a full stop after three weeks or more above 7.5 mg a day: the
adrenal glands may not have recovered. What does not: a taper in single steps; the end of a pulse; a dose held for less
than three days.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_exposure as steroids
from jobs import array_taper as taper
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
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
from models.vocabulary import taper_templates

IN_FLARE, STOP = "reduction-in-flare", "abrupt-stop"
STRENGTH = "declining-strength"
ON, OFF = "on", "off"
_NEAR_THE_END_DAYS = 7


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the taper-too-fast rule."""

    template: str = parameter(
        "A",
        unit="taper template",
        choices=("A", "B", "BSR"),
        meaning="whose steps an adult's cut is measured by",
        source="educational page (seed 001)",
        mark="seed",
    )
    template_child: str = parameter(
        "JDM-PRINTO",
        unit="taper template",
        choices=("JDM-PRINTO", "A", "B", "BSR"),
        meaning="whose steps a child's cut is measured by, where a weight is on file",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4)",
        mark="seen",
    )
    within_days: int = parameter(14, unit="days", low=3, high=56, meaning="more than one step within this is too fast")
    held_days: int = parameter(3, unit="days", low=1, high=14, meaning="a dose held for less is not compared with")
    remembered_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="how long a cut that was not taken back is shown"
    )
    judge_stops: str = parameter(
        OFF,
        unit="on or off",
        choices=(ON, OFF),
        meaning="whether a full stop after a long course is shown; its limits are to be verified by a clinician first",
        source="from memory, no source seen",
        mark="memory",
    )
    stop_after_days: int = parameter(
        21,
        unit="days",
        low=7,
        high=180,
        meaning="days above the dose after which a full stop is a risk",
        source="from memory, no source seen",
        mark="memory",
    )
    stop_above_mg: float = parameter(
        7.5,
        unit="mg/day prednisone-equivalent",
        low=2.5,
        high=30,
        meaning="the dose above which a full stop is a risk",
        source="from memory, no source seen",
        mark="memory",
    )


@dataclass(frozen=True)
class _Cut:
    """A cut of more than one step: the day of the lower dose, the dose before, the dose after, the step allowed."""

    day: int
    before_mg: float
    after_mg: float
    allowed_mg: float


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient with a steroid on file for the cut in a flare, and one for the full stop if switched on."""
    found = steroids.exposure(frames)
    patient = np.union1d(
        found.statements["patient_id"].to_numpy("int64"), found.unknown["patient_id"].to_numpy("int64")
    )
    if not len(patient):
        return empty()
    tables = [_in_flare(frames, found, patient, as_of, parameters)]
    if parameters.judge_stops == ON:
        tables.append(_stops(found, patient, parameters))
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]


def _in_flare(
    frames: Frames, found: steroids.Exposure, patient: steroids.Ints, as_of: dt.date, parameters: Parameters
) -> pd.DataFrame:
    today = found.today
    count = len(patient)
    change = found.changes_on(patient)
    steady = found.dose_on(today, patient, steady=True)
    child = steroids.children(frames, patient, as_of)
    kilograms = found.kilograms(patient)
    strength = _strength(frames)
    state = np.full(count, NOT_MET, dtype=object)
    because = np.full(count, None, dtype=object)
    since = np.full(count, steroids.NEVER, dtype="int64")
    recheck = steroids.earliest(change, steroids.coming_of_age(frames, patient, as_of))
    evidence: list[tuple[str, ...]] = [()] * count
    numbers = {name: np.full(count, np.nan) for name in ("before_mg", "after_mg", "allowed_mg")}
    cut_on = np.full(count, steroids.NEVER, dtype="int64")
    for row in _fell(found, patient, steady, parameters):
        who = int(patient[row])
        cut = _cut(found.known.of(who), today, bool(child[row]), float(kilograms[row]), parameters)
        if cut is None:
            continue
        decline = strength.get(who)
        forgotten = np.array([cut.day + parameters.remembered_days])
        recheck[row] = steroids.earliest(recheck[row : row + 1], forgotten)[0]
        if decline is not None and steroids.is_day(np.array([decline.recheck]))[0]:
            recheck[row] = steroids.earliest(recheck[row : row + 1], np.array([decline.recheck]))[0]
        cut_on[row] = cut.day
        numbers["before_mg"][row], numbers["after_mg"][row] = cut.before_mg, cut.after_mg
        numbers["allowed_mg"][row] = cut.allowed_mg
        if decline is None or decline.state == CANNOT_TELL:
            state[row] = CANNOT_TELL
            because[row] = "no recent strength score to compare with an earlier one"
        elif decline.state == MET:
            unsure = found.unknown[found.unknown["patient_id"] == who]
            if (unsure["last"] >= cut.day - parameters.within_days).any():
                state[row] = CANNOT_TELL
                because[row] = steroids.why_unknown(found, who)
            else:
                state[row] = MET
                since[row] = max(cut.day, decline.since)
                evidence[row] = decline.evidence
    met = state == MET
    reach = np.where(steroids.is_day(cut_on), cut_on - parameters.within_days, today)
    facts = steroids.evidence(found, patient, reach)
    return assessments(
        patient_id=patient,
        subject=IN_FLARE,
        state=state,
        severity=[ACTION if yes else None for yes in met],
        since=steroids.as_days(since),
        recheck_on=steroids.as_days(np.where(recheck > today, recheck, steroids.NEVER)),
        evidence=[mine + theirs for mine, theirs in zip(facts, evidence, strict=True)],
        cannot_tell_because=because,
        cut_on=steroids.as_days(cut_on),
        dose=np.round(steady, 3),
        above_mg_days=np.full(count, np.nan),
        **{name: np.round(values, 3) for name, values in numbers.items()},
    )


def _fell(
    found: steroids.Exposure, patient: steroids.Ints, steady: steroids.Floats, parameters: Parameters
) -> steroids.Ints:
    """Positions of those whose steady dose is lower than it was at any time in the weeks that count."""
    reach = found.today - parameters.remembered_days - parameters.within_days
    recent = found.known.where(found.known.end >= reach)
    highest = np.zeros(len(patient))
    np.maximum.at(highest, np.searchsorted(patient, recent.patient), recent.steady_mg)
    return np.flatnonzero(highest > steady + steroids.SMALLEST_DIFFERENCE_MG)


def _cut(mine: steroids.Segments, today: int, child: bool, kilograms: float, parameters: Parameters) -> _Cut | None:
    """The newest cut of more than one step that has not been taken back, or None."""
    levels = _levels(mine, today)
    now = levels[-1][2]
    for start, _, dose in reversed(levels):
        if start <= today - parameters.remembered_days:
            break
        before = 0.0
        for begins, ends, level in levels:
            held = min(ends, start - 1) - max(begins, start - parameters.within_days) + 1
            if held >= parameters.held_days:
                before = max(before, level)
        if before <= dose:
            continue
        allowed = _one_step_below(before, child, kilograms, parameters)
        if dose < allowed - steroids.SMALLEST_DIFFERENCE_MG and now < allowed - steroids.SMALLEST_DIFFERENCE_MG:
            return _Cut(start, before, dose, allowed)
    return None


def _levels(mine: steroids.Segments, today: int) -> list[tuple[int, int, float]]:
    """The steady dose as (first day, last day, mg/day) without holes up to today; days off are 0."""
    levels: list[tuple[int, int, float]] = []

    def add(first: int, last: int, dose: float) -> None:
        if first > last:
            return
        if levels and abs(levels[-1][2] - dose) <= steroids.SMALLEST_DIFFERENCE_MG:
            levels[-1] = (levels[-1][0], last, levels[-1][2])
        else:
            levels.append((first, last, dose))

    reached = int(mine.start[0]) - 1
    for start, end, dose in zip(mine.start, mine.end, mine.steady_mg, strict=True):
        add(reached + 1, int(start) - 1, 0.0)
        add(int(start), int(end), float(dose))
        reached = int(end)
    add(reached + 1, today, 0.0)
    return levels


def _one_step_below(mg: float, child: bool, kilograms: float, parameters: Parameters) -> float:
    key = parameters.template_child if child else parameters.template
    if taper_templates()[key].unit == "mg/kg":
        if kilograms > 0:
            return taper.one_step_below(key, mg, kilograms)
        key = parameters.template
    return taper.one_step_below(key, mg)


@dataclass(frozen=True)
class _Decline:
    state: str
    since: int
    recheck: int
    evidence: tuple[str, ...]


def _strength(frames: Frames) -> dict[int, _Decline]:
    """What the strength rule says of each patient: met by any instrument, else not met by any, else it cannot tell."""
    table = frames.assessments.get(STRENGTH)
    if table is None or table.empty:
        return {}
    order: dict[str, int] = {MET: 2, NOT_MET: 1, CANNOT_TELL: 0}
    found: dict[int, _Decline] = {}
    since = steroids.as_numbers(table["since"].to_numpy())
    recheck = steroids.as_numbers(table["recheck_on"].to_numpy())
    for row, (who, state, evidence) in enumerate(
        zip(table["patient_id"], table["state"], table["evidence"], strict=True)
    ):
        before = found.get(int(who))
        look = int(recheck[row])
        if before is not None:
            look = int(steroids.earliest(np.array([look]), np.array([before.recheck]))[0])
        if before is None or order[state] > order[before.state]:
            found[int(who)] = _Decline(str(state), int(since[row]), look, tuple(evidence))
        elif state == before.state == MET:
            found[int(who)] = _Decline(MET, min(int(since[row]), before.since), look, before.evidence + tuple(evidence))
        else:
            found[int(who)] = _Decline(before.state, before.since, look, before.evidence)
    return found


def _stops(found: steroids.Exposure, patient: steroids.Ints, parameters: Parameters) -> pd.DataFrame:
    """Full stops after a long course: no steady dose any more, and a long course above the limit until just before."""
    today = found.today
    steady = found.known.steady_mg
    taken = steroids.runs(found.known, steady > 0, gap_days=0).newest().aligned(patient)
    above = steroids.runs(found.known, steady > parameters.stop_above_mg + steroids.SMALLEST_DIFFERENCE_MG, gap_days=3)
    long = above.newest().aligned(patient)
    stopped_on = np.where(steroids.is_day(taken.last), taken.last + 1, steroids.NEVER)
    recent = steroids.is_day(stopped_on) & (stopped_on <= today) & (today - stopped_on < parameters.remembered_days)
    abrupt = recent & (long.days >= parameters.stop_after_days) & (long.last > taken.last - _NEAR_THE_END_DAYS)
    unsure = found.unknown.loc[found.unknown["last"] >= today - parameters.remembered_days, "patient_id"].to_numpy(
        "int64"
    )
    cannot_tell = abrupt & np.isin(patient, unsure)
    met = abrupt & ~cannot_tell
    because = np.full(len(patient), None, dtype=object)
    for row in np.flatnonzero(cannot_tell):
        because[row] = steroids.why_unknown(found, int(patient[row]))
    forgotten = np.where(recent, stopped_on + parameters.remembered_days, steroids.NEVER)
    nothing = np.full(len(patient), np.nan)
    return assessments(
        patient_id=patient,
        subject=STOP,
        state=np.where(met, MET, np.where(cannot_tell, CANNOT_TELL, NOT_MET)).astype(object),
        severity=[URGENT if yes else None for yes in met],
        since=steroids.as_days(np.where(met, stopped_on, steroids.NEVER)),
        recheck_on=steroids.as_days(steroids.earliest(found.changes_on(patient), forgotten)),
        evidence=steroids.evidence(found, patient, np.where(recent, long.start, today)),
        cannot_tell_because=because,
        cut_on=steroids.as_days(np.where(recent, stopped_on, steroids.NEVER)),
        dose=np.round(found.dose_on(today, patient, steady=True), 3),
        above_mg_days=np.where(recent, long.days, np.nan),
        before_mg=nothing,
        after_mg=nothing,
        allowed_mg=nothing,
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The doses before and after, and the step that would have been one."""
    if row["subject"] == STOP:
        if row["state"] == NOT_MET:
            return "No full stop of a long steroid course in the last weeks."
        text = (
            f"No steroid on file since {day_text(row['cut_on'])}, after {number(row['above_mg_days'])} days above "
            f"{number(parameters.stop_above_mg)} mg/day"
        )
        if row["state"] == CANNOT_TELL:
            return f"{text}; whether it was stopped cannot be told: {row['cannot_tell_because']}."
        return f"{text}: the adrenal glands may not have recovered (limits to be verified by a clinician)."
    if row.get("cut_on") is None or pd.isna(row["cut_on"]):
        return "No cut of the steroid by more than one step of the taper within two weeks."
    cut = (
        f"the steroid was cut from {number(row['before_mg'])} to {number(row['after_mg'])} mg/day on "
        f"{day_text(row['cut_on'])}; one step would have been to {number(row['allowed_mg'])} mg"
    )
    if row["state"] == MET:
        return f"While strength declines, {cut}."
    if row["state"] == CANNOT_TELL:
        return f"{cut[0].upper()}{cut[1:]}. Whether strength declines cannot be told: {row['cannot_tell_because']}."
    return f"{cut[0].upper()}{cut[1:]}. Strength is not declining."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        if row["subject"] == STOP:
            return "complete the steroid record: dose, weight or end date"
        return "measure strength, and ask how the new dose is tolerated"
    if row["state"] != MET:
        return ""
    if row["subject"] == STOP:
        return "call the patient today: was the steroid really stopped, and are there signs of adrenal insufficiency"
    return "ask the prescriber whether to slow the taper while the flare is treated"


RULE = Rule(
    key="taper-too-fast",
    title="Steroid cut fast in a flare",
    question="Is the steroid coming down faster than the disease allows?",
    why_it_matters=(
        "A rapid cut while strength is falling can deepen the flare. The way to a lower dose is then to strengthen the "
        "rest of the treatment first."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="reduction",
    after=(STRENGTH,),
    reads=("medications", "weight", STRENGTH),
    sources=(
        Source(
            "Declining strength under methotrexate and steroid",
            None,
            "educational page, not a guideline",
            "seed",
            "avoid a rapid taper in a flare",
        ),
        Source(
            "Pulse therapy in myositis", None, "educational page, not a guideline", "seed", "the steps of template A"
        ),
        Source("PRINTO steroid taper in juvenile dermatomyositis", 2019, "doi 10.1186/s12969-019-0326-5", "seen"),
        Source(
            "Adrenal suppression after a long course",
            None,
            "no source seen",
            "memory",
            "limits switched off as shipped",
        ),
    ),
    known_false_alarms=(
        "the new prescription is not entered yet",
        "a cut made on purpose because steroid myopathy is suspected",
        "a short rise for another illness that ended as planned",
    ),
    clears_when="the dose is back within one step, strength no longer declines, or four weeks have passed",
    topic="steroid dose",
    limitations=(
        "How fast is too fast is a setting of this program. The full stop after a long course rests on limits from "
        "memory and is switched off until a clinician has verified them."
    ),
    catalogue=("GC-05", "GC-08"),
    examples=(
        Example(
            title="60 to 30 mg a week ago while CMAS falls",
            observations=(
                {"measure": "cmas", "value": 30, "day": -14},
                {"measure": "cmas", "value": 26, "day": 0},
            ),
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -40, "end": -8},
                {"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -7},
            ),
            patient={"age_years": 40},
            expect={"subject": IN_FLARE, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="60 to 50 mg is one step",
            observations=(
                {"measure": "cmas", "value": 30, "day": -14},
                {"measure": "cmas", "value": 26, "day": 0},
            ),
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -40, "end": -8},
                {"drug": "prednisone", "dose": 50, "unit": "mg", "frequency": "daily", "start": -7},
            ),
            patient={"age_years": 40},
            expect={"subject": IN_FLARE, "state": NOT_MET},
        ),
        Example(
            title="60 to 30 mg with steady strength",
            observations=(
                {"measure": "mmt8", "value": 76, "day": -14},
                {"measure": "mmt8", "value": 76, "day": 0},
            ),
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -40, "end": -8},
                {"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -7},
            ),
            patient={"age_years": 40},
            expect={"subject": IN_FLARE, "state": NOT_MET},
        ),
        Example(
            title="60 to 30 mg and no strength score",
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -40, "end": -8},
                {"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -7},
            ),
            patient={"age_years": 40},
            expect={"subject": IN_FLARE, "state": CANNOT_TELL},
        ),
    ),
)

"""Could the steroid itself be weakening this patient?

Looked at: falling strength, CK against the patient's own baseline, the steroid dose of the last weeks, and signs that
speak for a flare. What counts: weaker, CK not up, and three weeks at high dose or a pulse within a fortnight; or weaker
after a week at very high doses, when CK does not help because the acute form can raise it. What does not: weakness with
raised CRP or ESR, rash, difficulty swallowing, raised aldolase or worse activity outside the muscle.
It names a pattern, never a diagnosis: a flare with normal CK looks the same, and both can be there at once.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.frames import Frames
from models.vocabulary import events, measure
from tests.oracle import exposure as steroids
from tests.oracle import series
from tests.oracle.newest import (
    FAR,
    NewestEvent,
    NewestValue,
    dates,
    newest_event,
    newest_value,
    next_after,
    only_where,
    strength_verdicts,
)
from tests.oracle.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    POSSIBLE,
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
from tests.oracle.rules.declining_strength import INSTRUMENTS

SUBJECT = "steroid myopathy"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the steroid-myopathy-pattern rule."""

    high_dose_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=20,
        high=60,
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
    high_dose_days: int = parameter(
        21, unit="days", low=7, high=84, meaning="this many days at high dose can weaken muscle"
    )
    gap_days: int = parameter(
        3,
        unit="days",
        low=0,
        high=14,
        meaning="days in a row without a high dose that do not end the course",
        mark="contract",
    )
    after_pulse_days: int = parameter(
        14, unit="days", low=3, high=42, meaning="weakness this soon after a pulse may come from it"
    )
    very_high_mg: float = parameter(
        100,
        unit="mg/day prednisone-equivalent",
        low=60,
        high=300,
        meaning="a dose above this is very high",
        source="dose classes, EULAR 2013 (S7)",
        mark="seen",
    )
    very_high_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=14,
        meaning="days at very high dose within a fortnight after which CK does not decide",
        source="the published case had ten (seed 003); the number is a site setting",
    )
    ck_days: int = parameter(28, unit="days", low=7, high=90, meaning="an older CK does not tell")
    ck_rise: float = parameter(
        1.5,
        unit="x own baseline",
        low=1.2,
        high=3,
        meaning="CK above its limit and beyond this has risen",
        source="reference change value of CK, Carobene 2017",
        mark="seen",
    )
    ck_fall: float = parameter(
        0.67,
        unit="x own baseline",
        low=0.3,
        high=0.9,
        meaning="CK at or below this has fallen",
        source="reference change value of CK, Carobene 2017",
        mark="seen",
    )
    ck_limit: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=5,
        meaning="CK above this and not falling speaks against: inflammation then comes first",
        source="raised CK by EFNS 2010 / EAN 2024 (S29); CK is typically below twice normal in steroid myopathy (S31)",
        mark="seen",
    )
    baseline_values: int = parameter(3, unit="values", low=1, high=9, meaning="CK values that make the baseline")
    baseline_days: int = parameter(365, unit="days", low=60, high=730, meaning="oldest CK in the baseline")
    sign_days: int = parameter(28, unit="days", low=7, high=90, meaning="how long a sign of a flare counts")
    raised_aldolase: float = parameter(
        1.5, unit="x upper limit", low=1, high=5, meaning="aldolase above this speaks for a flare"
    )
    compared_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="how old the extramuscular activity compared with may be"
    )
    extramuscular_rise: float = parameter(
        2,
        unit="points of 10",
        low=0.5,
        high=5,
        meaning="extramuscular activity worse by this speaks for a flare",
        source="ProDERM deterioration, doi 10.1186/s13075-023-03232-2",
        mark="seen",
    )


@dataclass(frozen=True)
class _Dose:
    """Per patient: exposed for long enough and since when, what could be, and when time alone may change it."""

    long: series.Bools
    since: series.Ints
    could_be: series.Bools
    acute: series.Bools
    recheck: series.Ints
    pulse_day: series.Ints
    course_start: series.Ints


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient whose strength was judged (or could not be) and who was or may have been exposed."""
    today = steroids.day_number(as_of)
    panel = frames.patients.index.to_numpy(dtype="int64")
    verdicts = strength_verdicts(frames, panel)
    found = steroids.exposure(frames)
    treated = np.isin(panel, found.patients())
    asked = np.flatnonzero((verdicts.met | verdicts.cannot_tell) & treated)
    if not len(asked):
        return empty()
    who = panel[asked]
    dose = _dose(found, who, today, parameters)
    weak, since = verdicts.met[asked], verdicts.since[asked]
    enzyme = newest_value(frames, "ck", panel)
    baseline, before = _baseline(frames, panel, parameters)
    ratio, ck_day, base = enzyme.times_limit[asked], enzyme.day[asked], baseline[asked]
    fresh = today - ck_day <= parameters.ck_days
    with np.errstate(invalid="ignore"):
        factor = ratio / base
        falling = factor <= parameters.ck_fall + 1e-9
        up = ((ratio > 1) & (factor > parameters.ck_rise + 1e-9)) | ((ratio > parameters.ck_limit + 1e-9) & ~falling)
        # Above its limit with nothing to compare it with: whether it rose is not known.
        trend_unknown = np.isnan(base) & (ratio > 1) & ~up
    ck_unknown = ~fresh | np.isnan(ratio) | trend_unknown
    against, against_facts = _against(frames, panel, asked, today, parameters)
    spoken = np.array([bool(text) for text in against], dtype=bool)

    state = np.full(len(who), NOT_MET, dtype=object)
    because = np.full(len(who), None, dtype=object)
    kind = np.full(len(who), "", dtype=object)
    chronic = weak & dose.long & ~spoken
    state[chronic & ~ck_unknown & ~up] = MET
    for place in np.flatnonzero(chronic & ck_unknown & ~(fresh & up)).tolist():
        state[place] = CANNOT_TELL
        if not fresh[place]:
            because[place] = f"no CK in the last {parameters.ck_days} days"
        elif np.isnan(ratio[place]):
            because[place] = "the newest CK came without its limit"
        else:
            because[place] = "CK is above its limit and there is no earlier value to compare it with"
    kind[dose.long] = "chronic"
    acute = weak & dose.acute
    state[acute], because[acute], kind[acute] = MET, None, "acute"
    exposed = dose.long | dose.acute
    for place in np.flatnonzero(weak & ~exposed & dose.could_be & ~spoken).tolist():
        state[place] = CANNOT_TELL
        because[place] = f"steroid dose unknown ({steroids.why_unknown(found, int(who[place]))})"
    for place in np.flatnonzero(~weak & exposed).tolist():
        state[place], because[place] = CANNOT_TELL, "no recent strength score to compare"
    met = state == MET
    grade = verdicts.grade[asked]
    severity = only_where(met, np.where(acute, URGENT, np.where(grade == POSSIBLE, WATCH, ACTION)))

    # Whoever was never exposed is not compared: the columns below would only change for nothing.
    live = exposed | dose.could_be
    compared = fresh & live
    recheck = next_after(today, verdicts.recheck[asked], dose.recheck, np.where(live, today + 1, -FAR))
    facts = steroids.evidence(found, who, np.where(exposed, dose.since, today))
    evidence: list[tuple[str, ...]] = []
    for place, one in enumerate(asked.tolist()):
        ck = (*before.get(one, ()), f"o{enzyme.id[one]}") if fresh[place] else ()
        own = (*verdicts.facts.get(one, ()), *ck, *facts[place], *against_facts[place])
        evidence.append(tuple(dict.fromkeys(own)) if state[place] != NOT_MET else ())
    return assessments(
        patient_id=who,
        subject=SUBJECT,
        state=state,
        grade=only_where(met, grade),
        severity=severity,
        since=dates(np.where(met, np.maximum(since, dose.since), FAR)),
        recheck_on=dates(recheck),
        evidence=evidence,
        cannot_tell_because=because,
        kind=kind,
        weak=weak,
        weaker_since=dates(since),
        ck_times_limit=np.where(compared, np.round(ratio, 3), np.nan),
        ck_factor=np.where(compared, np.round(factor, 3), np.nan),
        ck_day=dates(np.where(compared, ck_day, FAR)),
        ck_up=compared & up,
        course_start=dates(np.where(exposed, dose.course_start, FAR)),
        pulse_day=dates(np.where(exposed, dose.pulse_day, FAR)),
        against=np.where(live, np.array(against, dtype=object), "").astype(object),
    )


def _dose(found: steroids.Exposure, who: series.Ints, today: int, parameters: Parameters) -> _Dose:
    def course(segments: steroids.Segments) -> steroids.Runs:
        high = found.is_high(segments, parameters.high_dose_mg, parameters.high_dose_mg_per_kg)
        runs = steroids.runs(segments, high, gap_days=parameters.gap_days, nth=parameters.high_dose_days)
        return runs.newest().aligned(who)

    def alive(runs: steroids.Runs) -> series.Bools:
        return np.asarray((runs.days > 0) & (today - runs.last <= parameters.gap_days))

    known, possible = course(found.known), course(found.possible)
    running = alive(known)
    long = running & known.reached()
    pulses = steroids.runs(found.known, found.known.is_pulse, gap_days=parameters.gap_days).newest().aligned(who)
    pulsed = (pulses.days > 0) & (today - pulses.last <= parameters.after_pulse_days)
    very_high = _days_above(found.known, who, today - parameters.after_pulse_days + 1, today, parameters.very_high_mg)
    acute = very_high >= parameters.very_high_days
    maybe_very_high = _days_above(
        found.possible, who, today - parameters.after_pulse_days + 1, today, parameters.very_high_mg
    )
    could_be = (alive(possible) & possible.reached()) | (maybe_very_high >= parameters.very_high_days)
    begun = np.where(long, known.nth_day, FAR)
    begun = np.where(pulsed, np.minimum(begun, pulses.start), begun)
    begun = np.where(acute & ~long & ~pulsed, known.start, begun)
    moving = running | pulsed | (very_high > 0) | alive(possible) | (maybe_very_high > 0)
    return _Dose(
        long=long | pulsed,
        since=begun,
        could_be=could_be,
        acute=acute,
        # A course grows day by day; a dose on file may change on a day that is already known.
        recheck=next_after(today, found.changes_on(who), np.where(moving, today + 1, -FAR)),
        pulse_day=np.where(pulsed, pulses.last, FAR),
        course_start=np.where(running, known.start, FAR),
    )


def _days_above(segments: steroids.Segments, who: series.Ints, first: int, last: int, mg: float) -> series.Ints:
    """Days between two days, both included, on which the dose lay above `mg`."""
    length = np.minimum(segments.end, last) - np.maximum(segments.start, first) + 1
    inside = np.flatnonzero(
        (length > 0) & (segments.mg > mg + steroids.SMALLEST_DIFFERENCE_MG) & np.isin(segments.patient, who)
    )
    place = np.searchsorted(who, segments.patient[inside])
    return np.bincount(place, weights=length[inside], minlength=len(who)).astype("int64")


def _baseline(
    frames: Frames, panel: series.Ints, parameters: Parameters
) -> tuple[series.Floats, dict[int, tuple[str, ...]]]:
    """Per patient the median CK (times its limit) of the values before the newest one, and their ids."""
    out = np.full(len(panel), np.nan)
    used: dict[int, tuple[str, ...]] = {}
    rows = frames.observations("ck")
    if rows.empty:
        return out, used
    groups = series.groups_of(rows["patient_id"].to_numpy())
    day = series.day_numbers(rows["day"].to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = rows["value"].to_numpy() / rows["upper_limit"].to_numpy()
    ratio = np.where(rows["upper_limit"].to_numpy() > 0, ratio, np.nan)
    last = groups.last[groups.of]
    usable = np.flatnonzero(
        (np.arange(len(rows)) < last) & (day[last] - day <= parameters.baseline_days) & ~np.isnan(ratio)
    )
    # The newest `baseline_values` usable rows of each patient, counted from the end.
    of = groups.of[usable]
    from_end = np.searchsorted(of, of, side="right") - np.arange(len(of))
    usable, of = usable[from_end <= parameters.baseline_values], of[from_end <= parameters.baseline_values]
    identifier = rows["id"].to_numpy()
    place = np.searchsorted(panel, rows["patient_id"].to_numpy()[groups.first])
    chosen = series.groups_of(of)
    median = pd.Series(ratio[usable]).groupby(of).median()
    out[place[median.index.to_numpy(dtype="int64")]] = median.to_numpy()
    for first, end in zip(chosen.first.tolist(), chosen.last.tolist(), strict=True):
        used[int(place[of[first]])] = tuple(f"o{fact}" for fact in identifier[usable[first : end + 1]])
    return out, used


def _against(
    frames: Frames, panel: series.Ints, asked: series.Ints, today: int, parameters: Parameters
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Signs that speak for a flare instead, in words, and the facts behind them."""
    said: list[list[str]] = [[] for _ in asked]
    facts: list[list[str]] = [[] for _ in asked]

    def value(key: str, above: float) -> None:
        newest: NewestValue = newest_value(frames, key, panel)
        with np.errstate(invalid="ignore"):
            high = (
                (newest.times_limit > above) & (today - newest.day <= parameters.sign_days) & (newest.comparator != "<")
            )
        for place in np.flatnonzero(high[asked]):
            one = asked[place]
            said[place].append(f"{measure(key).short_label} {number(newest.times_limit[one])} times its limit")
            facts[place].append(f"o{newest.id[one]}")

    def event(key: str) -> None:
        newest: NewestEvent = newest_event(frames, key, panel)
        for place in np.flatnonzero(newest.still_there(today, parameters.sign_days)[asked]):
            one = asked[place]
            said[place].append(f"{events()[key].label.lower()} on {day_text(np.datetime64(int(newest.day[one]), 'D'))}")
            facts[place].append(f"e{newest.id[one]}")

    value("crp", 1.0)
    value("esr", 1.0)
    value("aldolase", parameters.raised_aldolase)
    event("dysphagia")
    event("rash")
    rows = frames.observations("extramuscular_global")
    groups = series.groups_of(rows["patient_id"].to_numpy())
    paired = groups.last[groups.last > groups.first]
    scores, day = rows["value"].to_numpy(), series.day_numbers(rows["day"].to_numpy())
    worse = paired[
        (day[paired] - day[paired - 1] <= parameters.compared_days)
        & (scores[paired] - scores[paired - 1] >= parameters.extramuscular_rise)
        & (today - day[paired] <= parameters.sign_days)
    ]
    place_of = {int(panel[one]): place for place, one in enumerate(asked.tolist())}
    for row in worse.tolist():
        place = place_of.get(int(rows["patient_id"].iloc[row]))
        if place is not None:
            said[place].append(f"extramuscular activity {number(scores[row - 1])} to {number(scores[row])} of 10")
            facts[place] += [f"o{rows['id'].iloc[row - 1]}", f"o{rows['id'].iloc[row]}"]
    return ["; ".join(text) for text in said], [tuple(found) for found in facts]


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The weakness, the dose and the CK, and that this is a pattern only."""
    weaker = f"Weaker since {day_text(row['weaker_since'])}" if row["weak"] else "Strength"
    exposed = []
    if _given(row["pulse_day"]):
        exposed.append(f"a pulse until {day_text(row['pulse_day'])}")
    if _given(row["course_start"]):
        exposed.append(f"high-dose steroid since {day_text(row['course_start'])}")
    dose = " and ".join(exposed) or "steroid"
    if row["state"] == CANNOT_TELL:
        return (
            f"{weaker} with {dose}; whether the steroid could be the cause cannot be told: "
            f"{row['cannot_tell_because']}."
        )
    if row["state"] == NOT_MET:
        if row["weak"] and row["kind"] and row["against"]:
            return f"{weaker} with {dose}, but {row['against']}: rather a flare."
        if row["weak"] and row["kind"] and row["ck_up"]:
            return (
                f"{weaker} with {dose}, but CK is up ({number(row['ck_times_limit'])} times its limit): rather a flare."
            )
        return "No weakness after weeks of high-dose steroid."
    if row["kind"] == "acute":
        return (
            f"{weaker} after {parameters.very_high_days} or more days above {number(parameters.very_high_mg)} "
            "mg/day within "
            f"{parameters.after_pulse_days} days: the acute form of steroid myopathy is possible, whatever the CK."
        )
    factor = row["ck_factor"]
    against_own = f", {number(factor, 2)} times the own baseline" if factor == factor and factor is not None else ""
    return (
        f"{weaker} with {dose}, and CK {number(row['ck_times_limit'], 2)} times its limit on {day_text(row['ck_day'])}"
        f"{against_own}: not up. The pattern fits steroid myopathy; a flare with normal CK fits it too."
    )


def _given(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "test strength and measure CK with its limit before the steroid is changed"
    if row["state"] != MET:
        return ""
    if row["kind"] == "acute":
        return "see today: breathing; discuss with the prescriber whether the dose can come down"
    return (
        "do not increase the steroid for this alone: muscle MRI, EMG, hip against neck flexors, TSH and "
        "potassium; then "
        "discuss a lower dose with the prescriber"
    )


RULE = Rule(
    key="steroid-myopathy-pattern",
    title="Pattern of steroid myopathy",
    question="Could the steroid itself be weakening this patient?",
    why_it_matters=(
        "The same falling score asks for more treatment in a flare and for less steroid in steroid myopathy. "
        "More steroid "
        "for a steroid myopathy makes it worse."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=(
        *INSTRUMENTS,
        "ck",
        "crp",
        "esr",
        "aldolase",
        "extramuscular_global",
        "dysphagia",
        "rash",
        "weight",
        "medications",
        "declining-strength",
    ),
    sources=(
        Source(
            "Corticosteroid-induced myopathy",
            2023,
            "emedicine.medscape.com/article/313842",
            "seen",
            "30 mg/day and more; CK normal; the acute form can raise it",
        ),
        Source("Steroid myopathy against flare", None, "aplar.org", "seen", "CK typically below twice normal"),
        Source(
            "Variation of creatine kinase",
            2017,
            "Carobene, doi 10.1373/clinchem.2016.269811",
            "seen",
            "change beyond 1.5 or 0.67",
        ),
        Source("Steroid myopathy", 2023, "educational page", "seed"),
    ),
    known_false_alarms=(
        "a flare with normal CK, above all in dermatomyositis; damage; potassium, thyroid or a statin",
        "a possible fall of strength that is only scatter: it is watched, not acted upon",
    ),
    clears_when="strength is regained, CK rises, or the steroid dose has not been high for more than three days",
    after=("declining-strength",),
    topic="strength",
    limitations=(
        "No limits for this pattern have been validated; three weeks and a fortnight are site settings. Never "
        "a diagnosis, "
        "and never a reason to stop a steroid at once."
    ),
    catalogue=("PH-04", "PH-04b", "GC-06"),
    examples=(
        Example(
            title="CMAS 40, 40, 33, 33 under 60 mg for five weeks, CK normal",
            observations=(
                {"measure": "cmas", "value": 40, "day": -90},
                {"measure": "cmas", "value": 40, "day": -60},
                {"measure": "cmas", "value": 33, "day": -14},
                {"measure": "cmas", "value": 33, "day": 0},
                {"measure": "ck", "value": 100, "upper_limit": 200, "day": -30},
                {"measure": "ck", "value": 90, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "prednisone", "dose": 60, "start": -35},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "grade": "confirmed", "since": -14},
        ),
        Example(
            title="one lower score only: watched",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                {"measure": "ck", "value": 90, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "prednisone", "dose": 60, "start": -35},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "grade": POSSIBLE, "since": 0},
        ),
        Example(
            title="the same with CK at three times its limit",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                {"measure": "ck", "value": 600, "upper_limit": 200, "day": -30},
                {"measure": "ck", "value": 600, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "prednisone", "dose": 60, "start": -35},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="no CK of the last weeks",
            observations=({"measure": "cmas", "value": 27, "day": -14}, {"measure": "cmas", "value": 24, "day": 0}),
            medications=({"drug": "prednisone", "dose": 60, "start": -35},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="low dose does not explain weakness",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                {"measure": "ck", "value": 90, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "prednisone", "dose": 10, "start": -35},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="ten days of methylprednisolone 240 mg, CK raised: the acute form",
            observations=(
                {"measure": "mmt8", "value": 70, "day": -14},
                {"measure": "mmt8", "value": 50, "day": 0},
                {"measure": "ck", "value": 900, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "methylprednisolone", "dose": 240, "route": "iv", "start": -9, "end": 0},),
            expect={"subject": SUBJECT, "state": MET, "severity": URGENT},
        ),
    ),
)

"""Is the steroid-sparing drug doing its work?

Looked at: each conventional steroid-sparing drug being taken, strength, CK and the steroid dose when it began and now.
What counts: a fall of strength that is more than scatter, after the first three months on the drug; or, after six
months, neither strength up nor CK down nor the steroid halved. What does not: anything before day 90, when these drugs
have not had time to work, and patients who had nothing to gain. It is for the next visit: the fall itself is
declining-strength's to report.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_exposure as steroids
from jobs import array_series as series
from jobs.array_newest import FAR, dates, next_after, only_where, strength_verdicts
from jobs.array_response import BETTER, LOWER, NO_BASELINE, NO_ROOM, SAME, History, ResponseSteps, told
from jobs.array_treatment import current_courses
from jobs.phrasing import dated, subject_label
from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    POSSIBLE,
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
from jobs.rules.declining_strength import HUBER, INSTRUMENTS
from models.frames import Frames
from models.vocabulary import diagnoses, drug

METHOTREXATE = "methotrexate"
ADULT_FROM_YEARS = 18
DECLINE, NO_GAIN, TOO_EARLY, GAIN, NOTHING_TO_GAIN, HOLDS = (
    "decline",
    "no gain",
    "too early",
    "gain",
    "nothing to gain",
    "holds",
)


@dataclass(frozen=True)
class Parameters(ResponseSteps):
    """Thresholds of the steroid-sparing-not-working rule."""

    judge_day: int = parameter(
        90,
        unit="days on the drug",
        low=28,
        high=182,
        meaning="failure is never called before this day",
        source="three to six months, educational page (seed 004)",
        mark="seed",
    )
    full_day: int = parameter(
        180,
        unit="days on the drug",
        low=90,
        high=365,
        meaning="from this day on a gain is expected",
        source="three to six months, educational page (seed 004)",
        mark="seed",
    )
    until_day: int = parameter(
        365, unit="days on the drug", low=182, high=540, meaning="after this a missing gain is no longer asked about"
    )
    baseline_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="how long before the drug a result may lie to be compared with"
    )
    latest_days: int = parameter(90, unit="days", low=28, high=182, meaning="an older result says nothing about today")
    steroid_share: float = parameter(
        0.5,
        unit="share of the dose at the start",
        low=0.1,
        high=0.9,
        meaning="a steroid dose brought down to this is a gain",
    )
    methotrexate_target: float = parameter(
        25,
        unit="mg/week",
        low=15,
        high=30,
        meaning="an adult's methotrexate below this has room to be raised",
        source="educational page (seed 004)",
        mark="seed",
    )


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and conventional steroid-sparing drug being taken; inclusion body myositis is left out."""
    courses = current_courses(frames)
    if courses.empty:
        return empty()
    today = steroids.day_number(as_of)
    panel = frames.patients.index.to_numpy(dtype="int64")
    names = courses["drug"].to_numpy().astype(str)
    sparing = {
        name: bool((row := drug(name)) and row.sparing_agent and row.has_class("conventional-sparing"))
        for name in np.unique(names)
    }
    everyone = courses["patient_id"].to_numpy(dtype="int64")
    kept = np.flatnonzero(np.array([sparing[name] for name in names], dtype=bool) & np.isin(everyone, panel))
    place_of = np.searchsorted(panel, everyone[kept])
    kept = kept[(frames.patients["diagnosis"].to_numpy() != "IBM")[place_of]]
    if not len(kept):
        return empty()
    who, name = everyone[kept], names[kept].astype(object)
    place_of = np.searchsorted(panel, who)
    start = courses["start"].to_numpy(dtype="int64")[kept]
    ends = courses["through"].to_numpy(dtype="int64")[kept] + 1
    verdicts = strength_verdicts(frames, panel)
    on_drug = today - start
    grade = verdicts.grade[place_of]
    weaker = verdicts.met[place_of] & (verdicts.since[place_of] >= start + parameters.judge_day)
    # One lower score may be scatter: it asks for a second test and not for another drug.
    falls, once = weaker & (grade != POSSIBLE), weaker & (grade == POSSIBLE)
    unsure = verdicts.cannot_tell[place_of]

    state = np.full(len(who), NOT_MET, dtype=object)
    outcome = np.where(on_drug < parameters.judge_day, TOO_EARLY, HOLDS).astype(object)
    because = np.full(len(who), None, dtype=object)
    said = np.full(len(who), "", dtype=object)
    since = np.full(len(who), FAR, dtype="int64")
    extra: list[tuple[str, ...]] = [()] * len(who)
    recheck = [
        ends,
        verdicts.recheck[place_of],
        start + parameters.judge_day,
        start + parameters.full_day,
        start + parameters.until_day + 1,
    ]
    late = np.full(len(who), FAR, dtype="int64")
    window = np.flatnonzero((on_drug >= parameters.full_day) & (on_drug <= parameters.until_day))
    if len(window):
        history = History(frames)
        found = steroids.exposure(frames)
        patients = np.unique(who[window])
        now = found.dose_on(today, patients)
        changes = found.changes_on(patients)
        for one in window.tolist():
            place = int(np.searchsorted(patients, who[one]))
            begun = int(start[one])
            compared = [
                result
                for key in (*INSTRUMENTS, "ck")
                if (
                    result := history.compare(
                        int(who[one]), key, begun, begun + parameters.judge_day, parameters.baseline_days, parameters
                    )
                )
                and today - result.after_day <= parameters.latest_days
            ]
            late[one] = min((result.after_day + parameters.latest_days + 1 for result in compared), default=FAR)
            at_start = _dose_at_start(found, int(who[one]), begun)
            outcome[one], because[one] = _gain(compared, at_start, float(now[place]), parameters)
            telling = [result for result in compared if result.verdict != NO_BASELINE]
            said[one] = "; ".join(told(result) for result in telling)
            if at_start > 0:
                steroid = f"steroid {number(at_start)} -> {number(now[place])} mg/day prednisone-equivalent"
                said[one] = f"{said[one]}; {steroid}" if said[one] else steroid
            extra[one] = tuple(fact for result in compared for fact in result.facts)
            late[one] = min(int(late[one]), int(changes[place]) if changes[place] > today else FAR)
            if outcome[one] == NO_GAIN:
                state[one] = MET
                since[one] = max(begun + parameters.full_day, min((r.since for r in telling), default=begun))
            elif because[one]:
                state[one] = CANNOT_TELL
    state[falls], because[falls], outcome[falls] = MET, None, DECLINE
    since[falls] = verdicts.since[place_of][falls]
    silent = ~falls & (state == NOT_MET) & unsure & (on_drug > parameters.until_day)
    state[silent] = CANNOT_TELL
    because[silent] = "no recent strength score to compare"
    scatter = once & (state == NOT_MET)
    state[scatter], because[scatter] = (
        CANNOT_TELL,
        "strength fell once, which may be scatter: the test has to be repeated",
    )
    met = state == MET
    evidence: list[tuple[str, ...]] = [()] * len(who)
    identifiers = courses["ids"].to_numpy()[kept]
    for one in np.flatnonzero(state != NOT_MET).tolist():
        fall = verdicts.facts.get(int(place_of[one]), ()) if weaker[one] else ()
        evidence[one] = tuple(dict.fromkeys((f"m{identifiers[one][-1]}", *fall, *extra[one])))
    weekly = courses["weekly_dose"].to_numpy(dtype="float64")[kept]
    low = (
        (name == METHOTREXATE)
        & (courses["unit"].to_numpy()[kept] == "mg")
        & (weekly < parameters.methotrexate_target)
        & _adults(frames, as_of)[place_of]
    )
    return assessments(
        patient_id=who,
        subject=name,
        state=state,
        grade=only_where(met & falls, grade),
        severity=only_where(met, WATCH),
        since=dates(np.where(met, since, FAR)),
        recheck_on=dates(next_after(today, *recheck, late)),
        evidence=evidence,
        cannot_tell_because=because,
        started=dates(start),
        outcome=outcome,
        said=said,
        weekly_dose=weekly,
        below_target=low & met,
    )


def _dose_at_start(found: steroids.Exposure, patient: int, begun: int) -> float:
    """The highest steady steroid dose within a fortnight of the day the drug began, mg/day."""
    mine = found.known.of(patient)
    near = (mine.start <= begun + 14) & (mine.end >= begun - 14)
    return float(mine.steady_mg[near].max()) if near.any() else 0.0


def _gain(compared: list[Any], at_start: float, now: float, parameters: Parameters) -> tuple[str, str | None]:
    """What six months on the drug brought, and why it cannot be told."""
    verdicts = {result.verdict for result in compared}
    halved = at_start > 0 and now <= parameters.steroid_share * at_start + steroids.SMALLEST_DIFFERENCE_MG
    if LOWER not in verdicts and (BETTER in verdicts or halved):
        return GAIN, None
    if verdicts & {SAME, LOWER}:
        return NO_GAIN, None
    if NO_ROOM in verdicts:
        return NOTHING_TO_GAIN, None
    if compared:
        return HOLDS, "no result from before the drug to compare with"
    return HOLDS, f"no strength score or CK in the last {parameters.latest_days} days"


def _adults(frames: Frames, as_of: dt.date) -> series.Bools:
    """Who is 18 or older; without a birth date whoever has no juvenile diagnosis."""
    born = frames.patients["birth_date"].to_numpy().astype("datetime64[D]")
    eighteenth = np.datetime64(as_of.replace(year=as_of.year - ADULT_FROM_YEARS, day=min(as_of.day, 28)), "D")
    juvenile = frames.patients["diagnosis"].isin([code for code, row in diagnoses().items() if row.juvenile]).to_numpy()
    return np.asarray(np.where(np.isnat(born), ~juvenile, born <= eighteenth))


def _label(name: Any) -> str:
    known = drug(str(name))
    return known.label if known else str(name)


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The drug, how long it has been taken, and what came of it."""
    taken = f"{_label(row['subject'])} since {day_text(row['started'])}"
    if row["state"] == CANNOT_TELL:
        more = f" ({row['said']})" if row["said"] else ""
        return f"{taken}: whether it works cannot be told: {row['cannot_tell_because']}{more}."
    if row["state"] == NOT_MET:
        return {
            TOO_EARLY: f"{taken}: not judged before day {parameters.judge_day}.",
            GAIN: f"{taken}: it helps ({row['said']}).",
            NOTHING_TO_GAIN: f"{taken}: strength and CK had nothing to gain ({row['said']}).",
        }.get(str(row["outcome"]), f"{taken}: no fall of strength since day {parameters.judge_day}.")
    if row["outcome"] == DECLINE:
        text = (
            f"{taken}: strength has been falling since {day_text(row['since'])}, after more than "
            f"{parameters.judge_day} days on it."
        )
    else:
        text = f"{taken}: no gain after {parameters.full_day} days or more ({row['said']})."
    if row["below_target"]:
        text += (
            f" The dose is not optimised: {number(row['weekly_dose'])} mg a week, the aim is "
            f"{number(parameters.methotrexate_target)} mg within three to six months."
        )
    return text


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "test strength and measure CK: the effect of the drug is due to be judged"
    if row["state"] != MET:
        return ""
    if row["below_target"]:
        return "check adherence, absorption and dose first: methotrexate has room to be raised"
    return "check adherence, absorption and dose; then see the options for escalation"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Methotrexate since 27 Mar 2026: weaker despite it`; anything but a decline is told in full."""
    row = rows[0]
    if row["outcome"] != DECLINE:
        return ""
    return f"{subject_label(str(row['subject']))} since {dated(row['started'])}: weaker despite it"


RULE = Rule(
    key="steroid-sparing-not-working",
    title="Steroid-sparing drug does not work",
    question="Is the steroid-sparing drug doing its work?",
    why_it_matters=(
        "These drugs need three to six months, and are often given up too early or kept too long. As long as "
        "one does not "
        "work, the steroid cannot come down."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="drug",
    reads=("medications", *INSTRUMENTS, "ck", "weight", "declining-strength"),
    sources=(
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "three to six months; methotrexate to 25 mg a week",
        ),
        Source(
            "SHARE recommendations on juvenile dermatomyositis",
            2017,
            "PMC5284351, table 3",
            "seen",
            "in children an earlier look at 12 weeks",
        ),
        Source("CMAS: minimal important difference", 2004, HUBER, "seen"),
    ),
    known_false_alarms=(
        "a drug given for the skin or the lung, or to keep a remission",
        "weakness from damage or from the steroid",
        "tablets that are not taken",
    ),
    clears_when="strength is regained or higher than at the start, CK lower, the steroid halved, or the drug ended",
    after=("declining-strength",),
    topic="treatment response",
    limitations=(
        "Looks at conventional drugs only, not at immunoglobulin, biologics or cyclophosphamide. For children "
        "the first "
        "look after 12 weeks (SHARE) is a visit, not an alert. A pause of up to a fortnight does not begin a "
        "new course."
    ),
    catalogue=("RSP-02", "RSP-03"),
    phrase=phrase,
    quiet_when_untold=True,
    examples=(
        Example(
            title="methotrexate for 200 days, nothing better, 15 mg a week",
            observations=(
                {"measure": "mmt8", "value": 62, "day": -205},
                {"measure": "mmt8", "value": 63, "day": -5},
                {"measure": "ck", "value": 900, "upper_limit": 200, "day": -205},
                {"measure": "ck", "value": 850, "upper_limit": 200, "day": -5},
            ),
            medications=(
                {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -200},
                {"drug": "prednisone", "dose": 20, "start": -220},
            ),
            expect={"subject": METHOTREXATE, "state": MET, "severity": WATCH, "since": -5},
        ),
        Example(
            title="not judged before day 90",
            observations=({"measure": "mmt8", "value": 62, "day": -90}, {"measure": "mmt8", "value": 55, "day": -2}),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -89},),
            expect={"subject": METHOTREXATE, "state": NOT_MET},
        ),
        Example(
            title="strength falls for certain in the fifth month",
            observations=(
                {"measure": "mmt8", "value": 70, "day": -120},
                {"measure": "mmt8", "value": 70, "day": -90},
                {"measure": "mmt8", "value": 60, "day": -28},
                {"measure": "mmt8", "value": 60, "day": 0},
            ),
            medications=({"drug": "azathioprine", "dose": 150, "start": -140},),
            expect={"subject": "azathioprine", "state": MET, "severity": WATCH, "grade": "confirmed", "since": -28},
        ),
        Example(
            title="one lower score in the fifth month has to be repeated first",
            observations=({"measure": "mmt8", "value": 70, "day": -60}, {"measure": "mmt8", "value": 63, "day": -5}),
            medications=({"drug": "azathioprine", "dose": 150, "start": -140},),
            expect={"subject": "azathioprine", "state": CANNOT_TELL},
        ),
        Example(
            title="the steroid was halved: it helps",
            observations=({"measure": "mmt8", "value": 62, "day": -205}, {"measure": "mmt8", "value": 63, "day": -5}),
            medications=(
                {"drug": "methotrexate", "dose": 20, "frequency": "weekly", "start": -200},
                {"drug": "prednisone", "dose": 40, "start": -220, "end": -150},
                {"drug": "prednisone", "dose": 10, "start": -149},
            ),
            expect={"subject": METHOTREXATE, "state": NOT_MET},
        ),
        Example(
            title="after 200 days nobody has measured anything",
            observations=({"measure": "mmt8", "value": 62, "day": -205},),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -200},),
            expect={"subject": METHOTREXATE, "state": CANNOT_TELL},
        ),
    ),
)

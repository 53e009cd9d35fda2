"""Is this patient getting weaker?

Looked at: the scores of each strength instrument (CMAS, MMT8 one side, MMT8 both sides, total MMT) of the last year.
What counts: a score that lies a step or more below the mean of the scores before it and has not been regained since
(a fall); two or more scores that together lie below by more than measurement error allows (a shift); or a
steady fall over four or more scores that no single step shows. What does not: a comparison between instruments, between
the same instrument with another maximum, or of a single muscle.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_series as series
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CONFIRMED,
    CORROBORATED,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    Example,
    Rule,
    Source,
    assessments,
    choose,
    day_text,
    empty,
    number,
    parameter,
)
from models.frames import Frames
from models.vocabulary import measure

INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
RED_FLAGS = ("dysphagia", "dyspnoea")
FALL_OF_CK = 1.5
"""CK has fallen when it lies below the value before by more than its reference change value (Carobene 2017)."""
HUBER = "Huber 2004, doi 10.1002/art.20179"
MMT_STEP = "derived from a standard error of 2 of 80 points (ARD 2016;75:1281), scaled to the other maxima"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the declining-strength rule."""

    step_cmas: float = parameter(
        3, unit="points of 52", low=1.5, high=8, meaning="a fall of this size counts (CMAS)", source=HUBER, mark="seen"
    )
    step_mmt8: float = parameter(
        6, unit="points of 80", low=2, high=16, meaning="a fall of this size counts (MMT8, one side)", source=MMT_STEP
    )
    step_mmt8_bilateral: float = parameter(
        11,
        unit="points of 150",
        low=4,
        high=30,
        meaning="a fall of this size counts (MMT8, both sides)",
        source=MMT_STEP,
    )
    step_mmt_total: float = parameter(
        19, unit="points of 260", low=6, high=52, meaning="a fall of this size counts (total MMT)", source=MMT_STEP
    )
    sem_cmas: float = parameter(
        2.9,
        unit="points of 52",
        low=0.5,
        high=6,
        meaning="standard error of measurement of CMAS",
        source="ICC 0.89 (Huber 2004) and the spread of CMAS in a JDM sample (SD 8.7)",
    )
    sem_mmt8: float = parameter(
        2.0, unit="points of 80", low=0.5, high=6, meaning="standard error of measurement of MMT8", source=MMT_STEP
    )
    sem_mmt8_bilateral: float = parameter(
        3.8,
        unit="points of 150",
        low=0.5,
        high=12,
        meaning="standard error of measurement of MMT8, both sides",
        source=MMT_STEP,
    )
    sem_mmt_total: float = parameter(
        6.5,
        unit="points of 260",
        low=0.5,
        high=20,
        meaning="standard error of measurement of total MMT",
        source=MMT_STEP,
    )
    latest_days: int = parameter(
        90, unit="days", low=14, high=365, meaning="an older latest score cannot tell any more"
    )
    reference_scores: int = parameter(
        4, unit="scores", low=1, high=8, meaning="scores before it that make its reference"
    )
    reference_days: int = parameter(182, unit="days", low=28, high=365, meaning="oldest score in a reference")
    window_days: int = parameter(182, unit="days", low=28, high=365, meaning="how far back a fall or shift counts")
    standard_errors: float = parameter(
        1.9, unit="standard errors", low=1, high=4, meaning="how far beyond measurement error a shift must lie"
    )
    corroboration_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="how near to the latest score a second sign must lie"
    )
    corroborating_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="CK above this, and not falling, corroborates",
        source="EFNS 2010 / EAN 2024",
        mark="seen",
    )
    corroborating_global: float = parameter(
        2,
        unit="points of 10",
        low=0.5,
        high=5,
        meaning="physician global worse by this corroborates",
        source="ProDERM deterioration, doi 10.1186/s13075-023-03232-2",
        mark="seen",
    )
    gradual_scores: int = parameter(4, unit="scores", low=3, high=8, meaning="fewest scores of a gradual fall")
    repeat_days: int = parameter(14, unit="days", low=1, high=42, meaning="a possible fall is re-examined within this")


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient and instrument on file. See the module's docstring; the arithmetic is `contract`'s."""
    scores = frames.observations(*INSTRUMENTS)
    if scores.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    patient = scores["patient_id"].to_numpy()
    instrument = scores["measure"].to_numpy()
    value = scores["value"].to_numpy()
    day = series.day_numbers(scores["day"].to_numpy())
    groups = series.groups_of(patient, instrument)
    of = groups.of
    step_of = {key: float(getattr(parameters, f"step_{key}")) for key in INSTRUMENTS}
    sem_of = {key: float(getattr(parameters, f"sem_{key}")) for key in INSTRUMENTS}
    subject = instrument[groups.first]
    step = np.array([step_of[key] for key in subject])[of]
    sem = np.array([sem_of[key] for key in subject])[of]

    reference, resting_on = series.mean_before(
        value, day, groups, parameters.reference_scores, parameters.reference_days
    )
    recent = day >= today - parameters.window_days
    is_fall, is_shift = (
        _falls(value, reference, step, groups),
        _shifts(value, reference, resting_on, step, sem, groups, parameters.standard_errors),
    )
    is_fall &= recent
    is_shift &= recent
    counts = is_fall | is_shift
    latest = groups.last
    too_old = today - day[latest] > parameters.latest_days
    no_reference = resting_on[latest] == 0
    begins = series.first_true(counts, groups)
    gradual = _gradual(value, day, step, groups, begins < 0, today, parameters)
    found = (begins >= 0) | (gradual[0] >= 0)
    state = np.where(too_old | no_reference, CANNOT_TELL, np.where(found, MET, NOT_MET)).astype(object)
    met = state == MET

    shifted = series.any_true(is_shift, groups)
    deep = series.any_true(counts & (value[latest][of] <= reference - 2 * step), groups)
    # Only what is met speaks of a fall: an answer that cannot be given must not change when a fall leaves the window.
    begins = np.where(met, begins, -1)
    gradual = np.where(met, gradual[0], -1), np.where(met, gradual[1], -1)
    start = np.where(begins >= 0, begins, np.where(gradual[0] >= 0, gradual[0], latest))
    compared = np.where(begins >= 0, reference[start], np.where(gradual[1] >= 0, value[gradual[1]], reference[latest]))
    signs = _corroboration(frames, patient[groups.first], subject, day[latest], is_fall, day, groups, met, parameters)
    grade = choose(met, POSSIBLE)
    grade[met & shifted] = CONFIRMED
    grade[met & np.array([bool(sign) for sign in signs.because], dtype=bool)] = CORROBORATED
    severity = choose(met, ACTION)
    severity[met & (deep | signs.red_flag)] = URGENT

    since = np.full(groups.count, np.datetime64("NaT", "s"))
    since[met] = day[start][met].astype("datetime64[D]").astype("datetime64[s]")
    # Time alone: the latest score grows too old, or the earliest fall leaves the window.
    recheck = day[latest] + parameters.latest_days + 1
    leaves = day[start] + parameters.window_days + 1
    recheck = np.where(met, np.minimum(recheck, leaves), recheck)
    recheck_on = recheck.astype("datetime64[D]").astype("datetime64[s]")
    recheck_on[recheck <= today] = np.datetime64("NaT", "s")

    identifier = scores["id"].to_numpy()
    assessor = scores["assessor"].to_numpy()
    evidence: list[tuple[str, ...]] = [()] * groups.count
    other_assessor = np.zeros(groups.count, dtype=bool)
    for place in np.flatnonzero(met):
        # From the scores the reference rests on to the latest one.
        begin = start[place] if begins[place] >= 0 else gradual[1][place]
        back = int(resting_on[begin]) if begins[place] >= 0 else 0
        used = range(int(begin) - back, int(latest[place]) + 1)
        evidence[place] = tuple(f"o{identifier[row]}" for row in used) + signs.facts[place]
        who = assessor[latest[place]], assessor[max(int(start[place]) - 1, int(groups.first[place]))]
        other_assessor[place] = all(who) and who[0] != who[1]
    because = np.full(groups.count, None, dtype=object)
    because[no_reference] = "only one score within reach: nothing to compare it with"
    for place in np.flatnonzero(too_old):
        because[place] = (
            f"no {measure(subject[place]).short_label} score since "
            f"{day_text(np.datetime64(int(day[latest[place]]), 'D'))}"
        )
    return assessments(
        patient_id=patient[groups.first],
        subject=subject,
        state=state,
        grade=grade,
        severity=severity,
        since=since,
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        latest=value[latest],
        latest_day=day[latest].astype("datetime64[D]").astype("datetime64[s]"),
        reference=np.round(compared, 2),
        reference_scores=np.where(begins >= 0, resting_on[start], np.where(gradual[0] >= 0, 1, resting_on[latest])),
        shift=shifted & met,
        gradual=met & (begins < 0),
        other_assessor=other_assessor,
        signs=np.array(["; ".join(sign) for sign in signs.because], dtype=object),
        red_flag=signs.red_flag & met,
    )


def _falls(value: series.Floats, reference: series.Floats, step: series.Floats, groups: series.Groups) -> series.Bools:
    """Scores a step or more below their reference that no later score has regained (to within half a step)."""
    highest = series.highest_from(value, groups)
    later = np.full(len(value), -np.inf)
    inner = np.ones(len(value), dtype=bool)
    inner[groups.last] = False
    following = np.flatnonzero(inner)
    later[following] = highest[following + 1]
    with np.errstate(invalid="ignore"):
        return np.asarray((value <= reference - step) & (later < reference - step / 2))


def _shifts(
    value: series.Floats,
    reference: series.Floats,
    resting_on: series.Ints,
    step: series.Floats,
    sem: series.Floats,
    groups: series.Groups,
    standard_errors: float,
) -> series.Bools:
    """Scores from which on the level lies lower than measurement error allows."""
    highest = series.highest_from(value, groups)
    mean, since = series.mean_from(value, groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = sem * np.sqrt(1 / resting_on + 1 / since)
        return np.asarray(
            (since >= 2)
            & (resting_on >= 2)
            & (highest < reference - step / 2)
            & (mean <= reference - step)
            & (reference - mean >= standard_errors * error)
        )


def _gradual(
    value: series.Floats,
    day: series.Ints,
    step: series.Floats,
    groups: series.Groups,
    wanted: series.Bools,
    today: int,
    parameters: Parameters,
) -> tuple[series.Ints, series.Ints]:
    """Per group: the row at which a steady fall reached a step, and the row it began at; -1 where there is none.

    A steady fall is a run of scores, each no higher than the one before, within `window_days`, that falls by a step
    or more and whose beginning no later score has regained (to within half a step).
    """
    reached = np.full(groups.count, -1, dtype="int64")
    began = np.full(groups.count, -1, dtype="int64")
    size = groups.last - groups.first + 1
    for place in np.flatnonzero(wanted & (size >= parameters.gradual_scores)):
        low, high = int(groups.first[place]), int(groups.last[place])
        size_of_step = step[low]
        run = low
        best: tuple[int, int] | None = None
        for row in range(low + 1, high + 1):
            if value[row] > value[row - 1]:
                run = row
            while day[row] - day[run] > parameters.window_days:
                run += 1
            long_enough = row - run + 1 >= parameters.gradual_scores
            if best is not None and value[row] >= value[best[1]] - size_of_step / 2:
                best = None
            if (
                best is None
                and long_enough
                and value[run] - value[row] >= size_of_step
                and day[row] >= today - parameters.window_days
            ):
                best = row, run
        if best is not None:
            reached[place], began[place] = best
    return reached, began


@dataclass(frozen=True)
class _Signs:
    because: list[tuple[str, ...]]
    facts: list[tuple[str, ...]]
    red_flag: series.Bools


def _corroboration(
    frames: Frames,
    patient: series.Ints,
    subject: np.ndarray,
    latest_day: series.Ints,
    is_fall: series.Bools,
    day: series.Ints,
    groups: series.Groups,
    met: series.Bools,
    parameters: Parameters,
) -> _Signs:
    """Second signs within `corroboration_days` of each latest score; worked out only where the rule is met."""
    because: list[tuple[str, ...]] = [()] * groups.count
    facts: list[tuple[str, ...]] = [()] * groups.count
    red_flag = np.zeros(groups.count, dtype=bool)
    places = np.flatnonzero(met)
    if not len(places):
        return _Signs(because, facts, red_flag)
    near = parameters.corroboration_days
    enzyme = _Rows(frames.observations("ck"))
    assessed = _Rows(frames.observations("physician_global"))
    symptoms = frames.events
    if len(symptoms):
        symptoms = symptoms[
            np.isin(symptoms["event"].to_numpy(dtype=object), RED_FLAGS) & symptoms["present"].to_numpy()
        ]
    symptomatic = _Rows(symptoms)
    falling: dict[tuple[int, str], list[int]] = {}
    for row in np.flatnonzero(is_fall):
        falling.setdefault((int(patient[groups.of[row]]), str(subject[groups.of[row]])), []).append(int(day[row]))
    for place in places:
        who, when = int(patient[place]), int(latest_day[place])
        said: list[str] = []
        used: list[str] = []
        for found in (
            _raised_ck(enzyme, who, when, near, parameters.corroborating_ck),
            _worse_global(assessed, who, when, near, parameters.corroborating_global),
        ):
            if found:
                said.append(found[0])
                used += found[1]
        for one in symptomatic.of(who):
            begin = int(symptomatic.day[one])
            end = max(begin, int(symptomatic.end[one]))
            if begin <= when + near and end >= when - near:
                said.append(f"{symptomatic.event[one]} on {day_text(np.datetime64(begin, 'D'))}")
                used.append(f"e{symptomatic.id[one]}")
                red_flag[place] = True
        said += [
            f"{measure(other).short_label} fell as well"
            for other in INSTRUMENTS
            if other != subject[place] and any(abs(fell - when) <= near for fell in falling.get((who, other), ()))
        ]
        because[place] = tuple(said)
        facts[place] = tuple(used)
    return _Signs(because, facts, red_flag)


class _Rows:
    """Facts sorted by patient, with the place of each patient's rows."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.patient = frame["patient_id"].to_numpy() if len(frame) else np.array([], dtype="int64")
        self.id = frame["id"].to_numpy() if len(frame) else self.patient
        self.day = series.day_numbers(frame["day"].to_numpy()) if len(frame) else self.patient
        if "event" in frame:
            self.end = series.day_numbers(frame["end"].to_numpy()) if len(frame) else self.patient
            self.event = frame["event"].to_numpy() if len(frame) else self.patient
        else:
            self.value = frame["value"].to_numpy()
            self.limit = frame["upper_limit"].to_numpy()

    def of(self, patient: int) -> range:
        """The places of one patient's rows."""
        begin, end = np.searchsorted(self.patient, (patient, patient + 1))
        return range(int(begin), int(end))


def _raised_ck(rows: _Rows, patient: int, when: int, near: int, ratio: float) -> tuple[str, list[str]] | None:
    """CK above `ratio` times its limit near `when` and not falling (a fall is more than chance: below 1/1.5)."""
    mine = rows.of(patient)
    close = [row for row in mine if abs(int(rows.day[row]) - when) <= near]
    if not close:
        return None
    last = close[-1]
    value, limit = float(rows.value[last]), float(rows.limit[last])
    if not limit > 0 or not value > ratio * limit:
        return None
    used = [f"o{rows.id[last]}"]
    if last > mine.start:
        if value < float(rows.value[last - 1]) / FALL_OF_CK:
            return None
        used.insert(0, f"o{rows.id[last - 1]}")
    return f"CK {number(value / limit)} times its upper limit and not falling", used


def _worse_global(rows: _Rows, patient: int, when: int, near: int, points: float) -> tuple[str, list[str]] | None:
    mine = rows.of(patient)
    close = [row for row in mine if abs(int(rows.day[row]) - when) <= near]
    if not close or close[-1] == mine.start:
        return None
    last = close[-1]
    now, before = float(rows.value[last]), float(rows.value[last - 1])
    if now - before < points:
        return None
    return (
        f"physician global worse ({number(before)} to {number(now)} of 10)",
        [f"o{rows.id[last - 1]}", f"o{rows.id[last]}"],
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """One sentence or two with the numbers, and what the grade is worth."""
    instrument = measure(str(row["subject"]))
    of = f"{number(row['latest'])} of {number(instrument.max_value)}"
    if row["state"] == CANNOT_TELL:
        return f"{instrument.short_label}: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return (
            f"{instrument.short_label} {of} on {day_text(row['latest_day'])}: no fall of "
            f"{number(getattr(parameters, 'step_' + str(row['subject'])))} points or more that has not been regained."
        )
    scores = int(row["reference_scores"])
    basis = "the score before it" if scores == 1 else f"the mean of {scores} scores"
    if row["gradual"]:
        text = (
            f"{instrument.short_label} fell step by step from {number(row['reference'])} to {of} by "
            f"{day_text(row['latest_day'])}; no single step shows it."
        )
    else:
        text = (
            f"{instrument.short_label} {number(row['reference'])} -> {of} on {day_text(row['latest_day'])} "
            f"(reference: {basis}); lower since {day_text(row['since'])}."
        )
    if row["grade"] == CORROBORATED:
        text += f" Corroborated: {row['signs']}."
    elif row["grade"] == CONFIRMED:
        text += (
            " Confirmed: two or more scores lie lower than measurement error explains (about 5 % of stable patients"
            " show this within six monthly visits)."
        )
    elif row["gradual"]:
        text += " Possible only: within measurement error, but each score was no higher than the one before."
    else:
        text += (
            " Possible only: measurement error alone makes a single fall of this size in seven to nine of ten stable"
            " patients within six monthly visits."
        )
    if row["other_assessor"]:
        text += " Measured by another assessor than before: weaker evidence."
    return text


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] != MET:
        return "repeat the strength test" if row["state"] == CANNOT_TELL else ""
    if row["grade"] == POSSIBLE:
        first = f"repeat within {parameters.repeat_days} days, same assessor"
        return f"{first}; review today: red flag" if row["severity"] == URGENT else first
    return "review treatment: see the options for escalation" + (" today" if row["severity"] == URGENT else "")


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Half a step lower than when somebody last looked is worse."""
    before, latest = seen.get("latest"), now.get("latest")
    if before is None or latest is None:
        return None
    half = min(float(getattr(parameters, f"step_{key}")) for key in INSTRUMENTS) / 2
    return f"{number(before)} -> {number(latest)} since seen" if latest <= before - half else None


RULE = Rule(
    key="declining-strength",
    worse=worse,
    title="Declining strength",
    question="Is this patient getting weaker than they were?",
    why_it_matters=(
        "Weakness is what myositis treatment is for. A decline on methotrexate and steroid means that the treatment "
        "does not hold, or that the steroid itself weakens the muscle; both need a decision."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="strength instrument",
    reads=(*INSTRUMENTS, "ck", "physician_global", "dysphagia", "dyspnoea"),
    sources=(
        Source(
            "CMAS: validity, reliability and minimal important difference", 2004, HUBER, "seen", "1.5 to 3 points of 52"
        ),
        Source("Measurement error of total MMT8", 2016, "Ann Rheum Dis 75 (Suppl 2): 1281", "seen", "2 points of 80"),
        Source(
            "Confirmed deterioration on two consecutive visits (ProDERM)",
            2023,
            "doi 10.1186/s13075-023-03232-2",
            "seen",
        ),
        Source(
            "Single-muscle agreement of MMT8", 2018, "doi 10.1371/journal.pone.0194531", "seen", "kappa 0.08 to 0.54"
        ),
        Source("Case: 27/52 falling to 24/52 in two weeks", 2025, "educational page, not a guideline", "seed"),
    ),
    known_false_alarms=(
        "another assessor, or a child who did not cooperate",
        "pain, intercurrent illness or a recent injury on the day of the test",
        "one low score among stable ones: so a single fall is called possible, and the first step is to repeat it",
    ),
    clears_when="a later score of the same instrument comes back to within half a step of the reference",
    covers=("overdue-assessment", "rising-muscle-enzymes", "steroid-sparing-not-working"),
    topic="strength",
    limitations=(
        "The steps for MMT8 and MMT are derived, not validated. Healthy four-year-olds score 46.6 of 52 on CMAS on "
        "average: a young child's maximum is not 52."
    ),
    catalogue=("STR-01", "STR-02", "STR-03"),
    examples=(
        Example(
            title="27 of 52 falling to 24 in two weeks, nothing else on file",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
            ),
            expect={"subject": "cmas", "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": 0},
        ),
        Example(
            title="27 falling to 26 is nothing",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 26, "day": 0},
            ),
            expect={"subject": "cmas", "state": NOT_MET},
        ),
        Example(
            title="two low scores after two high ones are a shift",
            observations=(
                {"measure": "cmas", "value": 40, "day": -90},
                {"measure": "cmas", "value": 40, "day": -60},
                {"measure": "cmas", "value": 33, "day": -30},
                {"measure": "cmas", "value": 33, "day": 0},
            ),
            expect={"subject": "cmas", "state": MET, "grade": CONFIRMED, "severity": URGENT, "since": -30},
        ),
        Example(
            title="a fall that was regained does not count",
            observations=(
                {"measure": "cmas", "value": 40, "day": -60},
                {"measure": "cmas", "value": 36, "day": -30},
                {"measure": "cmas", "value": 39, "day": 0},
            ),
            expect={"subject": "cmas", "state": NOT_MET},
        ),
        Example(
            title="a single score cannot tell",
            observations=({"measure": "mmt8", "value": 70, "day": 0},),
            expect={"subject": "mmt8", "state": CANNOT_TELL},
        ),
        Example(
            title="a point a visit over five visits",
            observations=tuple({"measure": "cmas", "value": 40 - n, "day": -112 + 28 * n} for n in range(5)),
            expect={"subject": "cmas", "state": MET, "grade": POSSIBLE},
        ),
    ),
)

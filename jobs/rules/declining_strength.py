"""Is this patient getting weaker?

Looked at: the scores of each strength instrument (CMAS, MMT8 one side, MMT8 both sides, total MMT) of the last year.
What counts: a score that lies a step or more below the mean of the scores before it and has not been regained since
(a fall); two or more scores that together lie below by more than measurement error allows (a shift); or a
steady fall over four or more scores that no single step shows. What does not: a comparison between instruments, between
the same instrument with another maximum, or of a single muscle.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.phrasing import amount, dated, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CONFIRMED,
    CORROBORATED,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
)
from models.patient_facts import PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure, measures

INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
RED_FLAGS = ("dysphagia", "dyspnoea")
FALL_OF_CK = 1.5
"""CK has fallen when it lies below the value before by more than its reference change value (Carobene 2017)."""
HUBER = "Huber 2004, doi 10.1002/art.20179"
MMT_STEP = "derived from a standard error of 2 of 80 points (ARD 2016;75:1281), scaled to the other maxima"
_STEP = {key: f"step_{key}" for key in INSTRUMENTS}
_SEM = {key: f"sem_{key}" for key in INSTRUMENTS}


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


class Reference(NamedTuple):
    """What a score is compared with: the mean of the scores before it, and how many those are."""

    mean: float
    scores: int


class Lowered(NamedTuple):
    """A score that counts: a fall, or the first of a shift. `place` is its place in the series."""

    place: int
    reference: Reference
    is_fall: bool
    is_shift: bool


class Gradual(NamedTuple):
    """A steady fall: the places at which it began and at which it reached a step."""

    began: int
    reached: int


class Sign(NamedTuple):
    """A second sign beside the scores: in words, the facts it rests on, and whether it is a red flag."""

    text: str
    facts: tuple[str, ...] = ()
    red_flag: bool = False


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per instrument on file. See the module's docstring; the arithmetic is `contract`'s."""
    for instrument in INSTRUMENTS:
        scores = patient.series(instrument)
        if scores:
            yield _assess_instrument(patient, instrument, scores, as_of, parameters)


def _assess_instrument(
    patient: PatientFacts, instrument: str, scores: Sequence[Reading], as_of: int, parameters: Parameters
) -> Answer:
    latest = scores[-1]
    reference = reference_of(scores, len(scores) - 1, parameters)
    grows_too_old = latest.day + parameters.latest_days + 1
    if as_of >= grows_too_old:
        because = f"no {measure(instrument).short_label} score since {day_text(latest.day)}"
        return Answer(
            instrument,
            CANNOT_TELL,
            cannot_tell_because=because,
            cause=Cause.STALE,
            numbers=_numbers(latest, reference),
        )
    if reference is None:
        return Answer(
            instrument,
            CANNOT_TELL,
            recheck_on=grows_too_old,
            cannot_tell_because="only one score within reach: nothing to compare it with",
            cause=Cause.NOTHING_TO_COMPARE,
            numbers=_numbers(latest, reference),
        )
    lowered = lowered_scores(instrument, scores, as_of, parameters)
    gradual = None if lowered else gradual_fall(instrument, scores, as_of, parameters)
    if not lowered and gradual is None:
        return Answer(instrument, NOT_MET, recheck_on=grows_too_old, numbers=_numbers(latest, reference))

    if lowered:
        start = lowered[0].place
        compared = lowered[0].reference
        first_used = start - compared.scores
    elif gradual is not None:
        start, first_used = gradual.reached, gradual.began
        compared = Reference(scores[gradual.began].value, 1)
    step = step_of(instrument, parameters)
    shifted = any(one.is_shift for one in lowered)
    deep = any(latest.value <= one.reference.mean - 2 * step for one in lowered)
    signs = list(second_signs(patient, instrument, latest.day, as_of, parameters))
    red_flag = any(sign.red_flag for sign in signs)
    begun = scores[start].day
    return Answer(
        instrument,
        MET,
        grade=CORROBORATED if signs else CONFIRMED if shifted else POSSIBLE,
        severity=URGENT if deep or red_flag else ACTION,
        since=begun,
        recheck_on=_first_after(as_of, grows_too_old, begun + parameters.window_days + 1),
        evidence=(
            *(f"o{score.id}" for score in scores[first_used:]),
            *(fact for sign in signs for fact in sign.facts),
        ),
        numbers=_numbers(
            latest,
            compared,
            shift=shifted,
            gradual=gradual is not None,
            other_assessor=_assessors_differ(latest, scores[max(start - 1, 0)]),
            signs="; ".join(sign.text for sign in signs),
            red_flag=red_flag,
        ),
    )


def step_of(instrument: str, parameters: Parameters) -> float:
    """The smallest fall of an instrument that counts, in its points."""
    step: float = getattr(parameters, _STEP[instrument])
    return step


def measurement_error_of(instrument: str, parameters: Parameters) -> float:
    """The standard error of measurement of an instrument, in its points."""
    error: float = getattr(parameters, _SEM[instrument])
    return error


def reference_of(scores: Sequence[Reading], place: int, parameters: Parameters) -> Reference | None:
    """The mean of the last few scores before one, none of them too old beside it; None where there is none."""
    oldest = scores[place].day - parameters.reference_days
    total, number_of = 0.0, 0
    for score in reversed(scores[max(0, place - parameters.reference_scores) : place]):
        if score.day < oldest:
            break
        total += score.value
        number_of += 1
    return Reference(total / number_of, number_of) if number_of else None


def lowered_scores(instrument: str, scores: Sequence[Reading], as_of: int, parameters: Parameters) -> Sequence[Lowered]:
    """The scores of the last `window_days` that are a fall nothing has regained, or begin a shift; oldest first."""
    step, error = step_of(instrument, parameters), measurement_error_of(instrument, parameters)
    oldest = as_of - parameters.window_days
    found: list[Lowered] = []
    highest_later = -math.inf
    total = 0.0
    for place in range(len(scores) - 1, 0, -1):
        day, value = scores[place][:2]
        if day < oldest:
            break
        total += value
        highest = value if value > highest_later else highest_later
        reference = reference_of(scores, place, parameters)
        # A score at or above half a step below the reference has regained it, itself or a later one.
        if reference is not None and highest < reference.mean - step / 2:
            is_fall = value <= reference.mean - step
            since = len(scores) - place
            is_shift = has_shifted(reference, total / since, since, step, error, parameters)
            if is_fall or is_shift:
                found.append(Lowered(place, reference, is_fall, is_shift))
        highest_later = highest
    found.reverse()
    return found


def has_shifted(
    reference: Reference, mean: float, scores: int, step: float, error: float, parameters: Parameters
) -> bool:
    """Whether two or more scores together lie further below their reference than measurement error allows."""
    if scores < 2 or reference.scores < 2:
        return False
    gap = reference.mean - mean
    chance = error * math.sqrt(1 / reference.scores + 1 / scores)
    return mean <= reference.mean - step and gap >= parameters.standard_errors * chance


def gradual_fall(instrument: str, scores: Sequence[Reading], as_of: int, parameters: Parameters) -> Gradual | None:
    """A run of scores, each no higher than the one before, within `window_days`, that falls by a step or more.

    It no longer counts once a later score comes back to within half a step of where the run began.
    """
    window, fewest = parameters.window_days, parameters.gradual_scores
    if len(scores) < fewest:
        return None
    step = step_of(instrument, parameters)
    found: Gradual | None = None
    run = 0
    for place in range(1, len(scores)):
        day, value = scores[place][:2]
        if value > scores[place - 1].value:
            run = place
        while day - scores[run].day > window:
            run += 1
        if found is not None and value >= scores[found.began].value - step / 2:
            found = None
        if found is None and day >= as_of - window and place - run + 1 >= fewest and scores[run].value - value >= step:
            found = Gradual(run, place)
    return found


def second_signs(
    patient: PatientFacts, instrument: str, when: int, as_of: int, parameters: Parameters
) -> Iterator[Sign]:
    """What beside the scores of one instrument speaks for weakness within `corroboration_days` of its latest score."""
    near = parameters.corroboration_days
    ck = raised_ck(patient, when, near, parameters.corroborating_ck)
    if ck:
        yield ck
    assessed = worse_global(patient, when, near, parameters.corroborating_global)
    if assessed:
        yield assessed
    for one in patient.events(*RED_FLAGS):
        if one.present and one.day <= when + near and one.last_day >= when - near:
            yield Sign(f"{one.event} on {day_text(one.day)}", (one.fact,), red_flag=True)
    for other in INSTRUMENTS:
        if other == instrument:
            continue
        scores = patient.series(other)
        falls = (one for one in lowered_scores(other, scores, as_of, parameters) if one.is_fall)
        if any(abs(scores[one.place].day - when) <= near for one in falls):
            yield Sign(f"{measure(other).short_label} fell as well")


def raised_ck(patient: PatientFacts, when: int, near: int, times: float) -> Sign | None:
    """CK near a day above so many times its limit, and not falling (a fall is more than chance: below 1/1.5)."""
    last, before = _newest_near(patient.series("ck"), when, near)
    if last is None or not last.limit or last.value <= times * last.limit:
        return None
    if before is not None and last.value < before.value / FALL_OF_CK:
        return None
    facts = (last.fact,) if before is None else (before.fact, last.fact)
    return Sign(f"CK {number(last.value / last.limit)} times its upper limit and not falling", facts)


def worse_global(patient: PatientFacts, when: int, near: int, points: float) -> Sign | None:
    """The physician's global assessment near a day, worse than the one before it by so many points."""
    last, before = _newest_near(patient.series("physician_global"), when, near)
    if last is None or before is None or last.value - before.value < points:
        return None
    return Sign(
        f"physician global worse ({number(before.value)} to {number(last.value)} of 10)", (before.fact, last.fact)
    )


def _newest_near(readings: Sequence[Reading], when: int, near: int) -> tuple[Reading | None, Reading | None]:
    """The newest reading within so many days of a day, and the reading before it."""
    for place in range(len(readings) - 1, -1, -1):
        if abs(readings[place].day - when) <= near:
            return readings[place], readings[place - 1] if place else None
        if readings[place].day < when - near:
            break
    return None, None


def _assessors_differ(one: Reading, other: Reading) -> bool:
    return bool(one.assessor and other.assessor and one.assessor != other.assessor)


def _first_after(as_of: int, *days: int) -> int | None:
    return min((day for day in days if day > as_of), default=None)


def _numbers(latest: Reading, compared: Reference | None, **found: Any) -> dict[str, Any]:
    """What `explain` quotes."""
    return {
        "latest": latest.value,
        "latest_day": date_of(latest.day),
        "reference": None if compared is None else round(compared.mean * 100) / 100,
        "reference_scores": 0 if compared is None else compared.scores,
        "shift": False,
        "gradual": False,
        "other_assessor": False,
        "signs": "",
        "red_flag": False,
        **found,
    }


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


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Weaker: CMAS 27 → 24 of 52 since 8 Nov 2026, possible`."""
    row = rows[0]
    subject = str(row["subject"])
    most = measures()[subject].max_value if subject in measures() else None
    of = f" of {amount(most)}" if most else ""
    since = f" since {dated(row['since'])}" if row["since"] else ""
    grade = f", {row['grade']}" if row["grade"] else ""
    return f"Weaker: {subject_label(subject)} {amount(row['reference'])} → {amount(row['latest'])}{of}{since}{grade}"


RULE = Rule(
    key="declining-strength",
    worse=worse,
    title="Declining strength",
    question="Is this patient getting weaker than they were?",
    why_it_matters=(
        "Weakness is what myositis treatment is for. A decline on methotrexate and steroid means that the treatment "
        "does not hold, or that the steroid itself weakens the muscle; both need a decision."
    ),
    assess=assess,
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
    phrase=phrase,
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

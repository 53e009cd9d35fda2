"""Could the steroid itself be weakening this patient?

Looked at: falling strength, CK against the patient's own baseline, the steroid dose of the last weeks, and signs that
speak for a flare. What counts: weaker, CK not up, and three weeks at high dose or a pulse within a fortnight; or weaker
after a week at very high doses, when CK does not help because the acute form can raise it. Six weeks at high dose are
remembered for three months while a steroid is still taken. What does not: weakness with rising AST, ALT or LDH, raised
CRP or ESR, rash, difficulty swallowing, raised aldolase or worse activity outside the muscle.
It names a pattern, never a diagnosis: a flare with normal CK looks the same, and both can be there at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from jobs import exposure as steroids
from jobs.newest import StrengthVerdict, next_after, still_there, strength_verdict
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    apart,
    day_text,
    number,
    parameter,
    stretch,
)
from jobs.rules.declining_strength import INSTRUMENTS
from models.patient_facts import PatientFacts, Reading, date_of
from models.states import Cause, Grade, Severity
from models.vocabulary import events, measure

SUBJECT = "steroid myopathy"
RISING_ENZYMES = "rising-muscle-enzymes"


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
    remembered_course_days: int = parameter(
        42, unit="days", low=21, high=182, meaning="a course at high dose this long is remembered after it came down"
    )
    remembered_for_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="how long it is remembered while a steroid is still taken"
    )
    ck_days: int = parameter(28, unit="days", low=7, high=90, meaning="an older CK does not tell")
    ck_rise: float = parameter(
        1.5,
        unit="x own baseline",
        low=1.2,
        high=3,
        meaning="CK above its limit and beyond this has risen",
        source="reference change value of CK, Carobene 2017 (CAROBENE-2017)",
        mark="seen",
    )
    ck_fall: float = parameter(
        0.67,
        unit="x own baseline",
        low=0.3,
        high=0.9,
        meaning="CK at or below this has fallen",
        source="reference change value of CK, Carobene 2017 (CAROBENE-2017)",
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
        source="ProDERM deterioration, doi 10.1186/s13075-023-03232-2 (PRODERM-2023)",
        mark="seen",
    )


_BY_A_HAIR = 1e-9
"""Ratios nearer than this to a limit lie on it."""


class Dose(NamedTuple):
    """Whether the steroid has been high for long enough to weaken muscle.

    Attributes:
        course: the course at high dose that goes on, None where there is none.
        past: a long course at high dose that came down in the last months, None where one goes on or there was none.
        pulse: the pulse of the last fortnight, None where there was none.
        acute: days enough at a very high dose.
        could_be: long enough if everything unknown had been taken.
        growing: a day more may make it long enough, or too long ago.
    """

    course: steroids.Run | None
    past: steroids.Run | None
    pulse: steroids.Run | None
    acute: bool
    could_be: bool
    growing: bool
    since: int | None

    @property
    def chronic(self) -> bool:
        """Weeks at high dose, now or remembered, or a pulse."""
        return self.past is not None or self.now

    @property
    def now(self) -> bool:
        """Weeks at high dose until today, or a pulse."""
        return self.pulse is not None or (self.course is not None and self.course.reached)

    @property
    def exposed(self) -> bool:
        """Either way."""
        return self.chronic or self.acute


class Enzyme(NamedTuple):
    """The newest CK against its limit and against the median of the values before it.

    `because` says in words why it does not tell, None where it does.
    """

    newest: Reading | None
    before: Sequence[Reading]
    times_limit: float | None
    factor: float | None
    up: bool
    because: str | None
    cause: Cause | None

    @property
    def facts(self) -> tuple[str, ...]:
        """The values it was judged from."""
        return () if self.newest is None else (*[one.fact for one in self.before], self.newest.fact)


class Against(NamedTuple):
    """A sign that speaks for a flare instead, in words, and the facts behind it."""

    words: str
    facts: tuple[str, ...]


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for whoever has a steroid on file and whose strength falls, or could not be judged."""
    strength = strength_verdict(patient)
    if not strength.met and not strength.unknown:
        return
    found = steroids.exposure(patient)
    if found.on_file:
        yield _answer(patient, strength, found, as_of, parameters)


def _answer(
    patient: PatientFacts, strength: StrengthVerdict, found: steroids.Exposure, as_of: int, parameters: Parameters
) -> Answer:
    dose = dose_of(found, as_of, parameters)
    if not dose.exposed and not dose.could_be:
        again = next_after(as_of, strength.recheck_on, found.next_change, as_of + 1 if dose.growing else None)
        return Answer(SUBJECT, NOT_MET, recheck_on=again, numbers=_numbers(strength, dose))
    enzyme = enzyme_of(patient, as_of, parameters)
    if not dose.now and (enzyme.times_limit or 0.0) > parameters.ck_limit + _BY_A_HAIR:
        # After a dose that has come down long ago CK must be quiet, not only falling.
        enzyme = enzyme._replace(up=True)
    against = list(signs_of_a_flare(patient, as_of, parameters))
    acute = strength.met and dose.acute
    met, because, cause = acute, None, None
    if not strength.met:
        if dose.exposed:
            because, cause = "no recent strength score to compare", Cause.NOTHING_TO_COMPARE
    elif not acute and not against:
        if not dose.exposed:
            because, cause = f"steroid dose unknown ({steroids.why_unknown(found)})", Cause.DOSE_UNKNOWN
        elif enzyme.because:
            because, cause = enzyme.because, enzyme.cause
        else:
            met = not enzyme.up
    numbers = _numbers(strength, dose, enzyme, against, kind="acute" if acute else "chronic" if dose.chronic else "")
    if not met and because is None:
        return Answer(SUBJECT, NOT_MET, recheck_on=as_of + 1, numbers=numbers)
    facts = (
        *strength.facts,
        *enzyme.facts,
        *steroids.evidence(found, as_of if dose.since is None else dose.since),
        *[fact for sign in against for fact in sign.facts],
    )
    return Answer(
        SUBJECT,
        MET if met else CANNOT_TELL,
        grade=Grade(strength.grade) if met and strength.grade else None,
        severity=_severity(strength, acute) if met else None,
        since=max(strength.since or as_of, dose.since or as_of) if met else None,
        recheck_on=as_of + 1,
        evidence=tuple(dict.fromkeys(facts)),
        cannot_tell_because=because,
        cause=cause,
        numbers=numbers,
    )


def _severity(strength: StrengthVerdict, acute: bool) -> Severity:
    if acute:
        return URGENT
    return WATCH if strength.grade == POSSIBLE else ACTION


def dose_of(found: steroids.Exposure, as_of: int, parameters: Parameters) -> Dose:
    """How long the steroid has been high, or very high, up to today."""
    newest = _newest_course(found, found.known, parameters)
    course = _if_running(newest, as_of, parameters)
    possible = _if_running(_newest_course(found, found.possible, parameters), as_of, parameters)
    pulse = steroids.newest_run(found.known, lambda one: one.is_pulse, gap_days=parameters.gap_days)
    if pulse is not None and as_of - pulse.last > parameters.after_pulse_days:
        pulse = None
    very_high = days_above_very_high(found.known, as_of, parameters)
    maybe_very_high = days_above_very_high(found.possible, as_of, parameters)
    long, acute = course is not None and course.reached, very_high >= parameters.very_high_days
    since = steroids.earliest(course.nth_day if course is not None else None, None if pulse is None else pulse.start)
    past = None if course is not None else _remembered(newest, found, as_of, parameters)
    if since is None and past is not None:
        since = past.start
    if acute and not long and pulse is None:
        since = None if newest is None else newest.start
    return Dose(
        course,
        past,
        pulse,
        acute=acute,
        could_be=(possible is not None and possible.reached) or maybe_very_high >= parameters.very_high_days,
        growing=bool(course or past or pulse or possible or very_high or maybe_very_high),
        since=since,
    )


def _newest_course(
    found: steroids.Exposure, segments: Sequence[steroids.Segment], parameters: Parameters
) -> steroids.Run | None:
    above_mg, from_mg_kg = parameters.high_dose_mg, parameters.high_dose_mg_per_kg
    return steroids.newest_run(
        segments,
        lambda one: found.is_high(one, above_mg, from_mg_kg),
        gap_days=parameters.gap_days,
        nth=parameters.high_dose_days,
    )


def _remembered(
    newest: steroids.Run | None, found: steroids.Exposure, as_of: int, parameters: Parameters
) -> steroids.Run | None:
    if newest is None or newest.days < parameters.remembered_course_days or not found.dose_on(as_of) > 0:
        return None
    return newest if as_of - newest.last <= parameters.remembered_for_days else None


def _if_running(course: steroids.Run | None, as_of: int, parameters: Parameters) -> steroids.Run | None:
    return course if course is not None and as_of - course.last <= parameters.gap_days else None


def days_above_very_high(segments: Sequence[steroids.Segment], as_of: int, parameters: Parameters) -> int:
    """Days of the last fortnight on which the dose was very high."""
    first, above_mg = as_of - parameters.after_pulse_days + 1, parameters.very_high_mg + steroids.SMALLEST_DIFFERENCE_MG
    return sum(
        min(one.end, as_of) - max(one.start, first) + 1
        for one in segments
        if one.mg > above_mg and one.end >= first and one.start <= as_of
    )


def enzyme_of(patient: PatientFacts, as_of: int, parameters: Parameters) -> Enzyme:
    """What the newest CK says: up, not up, or nothing."""
    values = patient.series("ck")
    newest = values[-1] if values else None
    if newest is None or as_of - newest.day > parameters.ck_days:
        because = f"no CK in the last {parameters.ck_days} days"
        return Enzyme(None, (), None, None, False, because, Cause.STALE if values else Cause.NOT_ON_FILE)
    before = _baseline(values, newest, parameters)
    ratio = newest.times_limit
    if ratio is None:
        return Enzyme(newest, before, None, None, False, "the newest CK came without its limit", Cause.NO_LIMIT)
    base = median(one.times_limit or 0.0 for one in before) if before else None
    factor = ratio / base if base else None
    falling = factor is not None and factor <= parameters.ck_fall + _BY_A_HAIR
    risen = factor is not None and factor > parameters.ck_rise + _BY_A_HAIR
    up = (ratio > 1 and risen) or (ratio > parameters.ck_limit + _BY_A_HAIR and not falling)
    if factor is None and ratio > 1 and not up:
        because = "CK is above its limit and there is no earlier value to compare it with"
        return Enzyme(newest, before, ratio, None, False, because, Cause.NOTHING_TO_COMPARE)
    return Enzyme(newest, before, ratio, factor, up, None, None)


def _baseline(values: Sequence[Reading], newest: Reading, parameters: Parameters) -> Sequence[Reading]:
    """The last few values with a limit before the newest one, oldest first."""
    oldest = newest.day - parameters.baseline_days
    usable = [one for one in values[:-1] if one.day >= oldest and one.times_limit is not None]
    return usable[-parameters.baseline_values :]


def signs_of_a_flare(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Against]:
    """What speaks for a flare rather than for the steroid."""
    for key, above in (("crp", 1.0), ("esr", 1.0), ("aldolase", parameters.raised_aldolase)):
        newest = patient.latest(key)
        if newest is None or newest.comparator == "<" or as_of - newest.day > parameters.sign_days:
            continue
        ratio = newest.times_limit
        if ratio is not None and ratio > above:
            yield Against(f"{measure(key).short_label} {apart(ratio, above)} times its limit", (newest.fact,))
    for answer in patient.answers_of(RISING_ENZYMES):
        if answer.state == MET and answer.subject in ("ast", "alt", "ldh"):
            words = f"{measure(answer.subject).short_label} up on {day_text(answer.since)}"
            yield Against(words, tuple(answer.evidence))
    for key in ("dysphagia", "rash"):
        event = patient.last_event(key)
        if event is not None and still_there(event, as_of, parameters.sign_days):
            yield Against(f"{events()[key].label.lower()} on {day_text(event.day)}", (event.fact,))
    scores = patient.series("extramuscular_global")[-2:]
    if len(scores) == 2:
        before, last = scores
        near = last.day - before.day <= parameters.compared_days and as_of - last.day <= parameters.sign_days
        if near and last.value - before.value >= parameters.extramuscular_rise:
            words = f"extramuscular activity {number(before.value)} to {number(last.value)} of 10"
            yield Against(words, (before.fact, last.fact))


def _numbers(
    strength: StrengthVerdict,
    dose: Dose,
    enzyme: Enzyme | None = None,
    against: Sequence[Against] = (),
    kind: str = "",
) -> dict[str, Any]:
    """What `explain` quotes; whoever was never exposed is not compared."""
    course = dose.course if dose.exposed else None
    pulse = dose.pulse if dose.exposed else None
    ck = enzyme.newest if enzyme else None
    return {
        "kind": kind,
        "weak": strength.met,
        "weaker_since": None if strength.since is None else date_of(strength.since),
        "ck_times_limit": _rounded(enzyme.times_limit if enzyme else None),
        "ck_factor": _rounded(enzyme.factor if enzyme else None),
        "ck_day": None if ck is None else date_of(ck.day),
        "ck_up": enzyme is not None and enzyme.up,
        "course_start": None if course is None else date_of(course.start),
        "past_start": None if dose.past is None else date_of(dose.past.start),
        "past_end": None if dose.past is None else date_of(dose.past.last),
        "pulse_day": None if pulse is None else date_of(pulse.last),
        "against": "; ".join(sign.words for sign in against),
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio * 1000) / 1000


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The weakness, the dose and the CK, and that this is a pattern only."""
    weaker = f"Weaker since {day_text(row['weaker_since'])}" if row["weak"] else "Strength"
    exposed = []
    if _given(row["pulse_day"]):
        exposed.append(f"a pulse until {day_text(row['pulse_day'])}")
    if _given(row["course_start"]):
        exposed.append(f"high-dose steroid since {day_text(row['course_start'])}")
    if _given(row.get("past_start")):
        exposed.append(f"high-dose steroid from {day_text(row['past_start'])} to {day_text(row['past_end'])}")
    dose = " and ".join(exposed) or "steroid"
    if row["state"] == CANNOT_TELL:
        told = f"{weaker} with {dose}" if row["weak"] else f"{dose[0].upper()}{dose[1:]}"
        asked = "whether the steroid could be the cause" if row["weak"] else "whether it weakens the muscles"
        return f"{told}; {asked} cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        if row["weak"] and row["kind"] and row["against"]:
            return f"{weaker} with {dose}, but {row['against']}: rather a flare."
        if row["weak"] and row["kind"] and row["ck_up"]:
            times = number(row["ck_times_limit"], 3)
            return f"{weaker} with {dose}, but CK is up ({times} times its limit): rather a flare."
        if row["weak"]:
            return f"{weaker}, and no steroid dose of these weeks high and long enough to explain it."
        return "No falling strength that a steroid could explain."
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
    return value is not None and value == value


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "test strength and measure CK with its limit before the steroid is changed"
    if row["state"] != MET:
        return ""
    if row["kind"] == "acute":
        return "see today: breathing; discuss with the prescriber whether the dose can come down"
    if _given(row.get("past_start")):
        return (
            "do not increase the steroid for this alone: muscle MRI, EMG, hip against neck flexors, TSH and potassium; "
            "then discuss the next step of the taper with the prescriber"
        )
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
    assess=assess,
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
        RISING_ENZYMES,
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
    clears_when=lambda limits: (
        "strength is regained, an enzyme rises (very high doses excepted), the steroid dose has not been high (above "
        f"{number(limits.high_dose_mg)} mg/day, or from {number(limits.high_dose_mg_per_kg, 2)} mg/kg/day on) for more "
        f"than {stretch(limits.gap_days)}, or, after {stretch(limits.remembered_course_days)} at high dose, no steroid "
        "is taken any more"
    ),
    in_time=lambda limits: (
        f"{stretch(limits.remembered_course_days)} at high dose ended more than {stretch(limits.remembered_for_days)} "
        f"ago, a pulse is more than {stretch(limits.after_pulse_days)} ago, or the last 2 weeks hold fewer than "
        f"{number(limits.very_high_days)} days of very high doses"
    ),
    after=("declining-strength", RISING_ENZYMES),
    topic="strength",
    limitations=(
        "No limits for this pattern have been validated; three weeks and a fortnight are site settings. Never "
        "a diagnosis, "
        "and never a reason to stop a steroid at once."
    ),
    version="2.0.0",
    changed=(
        "Six weeks at high dose are remembered for three months while a steroid is still taken, with quiet CK only; "
        "rising AST, ALT or LDH speak for a flare."
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
            title="40 mg for five months, then 20 mg for one: remembered",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                {"measure": "ck", "value": 90, "upper_limit": 200, "day": 0},
            ),
            medications=(
                {"drug": "prednisone", "dose": 40, "start": -180, "end": -31},
                {"drug": "prednisone", "dose": 20, "start": -30},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": 0},
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

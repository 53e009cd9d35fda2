"""Is the steroid-sparing drug doing its work?

Looked at: each conventional steroid-sparing drug being taken, strength, CK and the steroid dose when it began and now.
What counts: a fall of strength that is more than scatter, after the first three months on the drug; or, after six
months, neither strength up nor CK down nor the steroid halved. What does not: anything before day 90, when these drugs
have not had time to work, and patients who had nothing to gain. It is for the next visit: the fall itself is
declining-strength's to report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.exposure import SMALLEST_DIFFERENCE_MG, Exposure, exposure
from jobs.newest import StrengthVerdict, next_after, strength_verdict
from jobs.phrasing import dated, subject_label
from jobs.response import BETTER, COMPARED, LOWER, NO_BASELINE, NO_ROOM, SAME, Comparison, ResponseSteps, compare, told
from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    POSSIBLE,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
)
from jobs.rules.declining_strength import HUBER, INSTRUMENTS
from jobs.treatment import Course, courses
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, date_of
from models.states import Cause, Grade
from models.vocabulary import drug, remembered

METHOTREXATE = "methotrexate"
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


class _Gain(NamedTuple):
    """What the first six months on the drug brought; nothing as long as they are not over or long gone."""

    outcome: str
    said: str = ""
    because: str | None = None
    since: int | None = None
    evidence: tuple[str, ...] = ()
    changes: tuple[int | None, ...] = ()


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for each conventional steroid-sparing drug being taken; inclusion body myositis is left out."""
    if patient.diagnosis == "IBM" or not patient.statements:
        return
    for course in courses(patient):
        if _is_conventional(course.drug):
            yield _of_drug(patient, course, strength_verdict(patient), as_of, parameters)


def _of_drug(
    patient: PatientFacts, course: Course, weaker: StrengthVerdict, as_of: int, parameters: Parameters
) -> Answer:
    on_drug = as_of - course.start
    fell_on_it = weaker.met and weaker.since is not None and weaker.since >= course.start + parameters.judge_day
    if parameters.full_day <= on_drug <= parameters.until_day:
        gain = _gain(patient, course, as_of, parameters)
    else:
        gain = _Gain(TOO_EARLY if on_drug < parameters.judge_day else HOLDS)
    answer = Answer(
        course.drug,
        NOT_MET,
        recheck_on=next_after(
            as_of,
            course.through + 1,
            weaker.recheck_on,
            course.start + parameters.judge_day,
            course.start + parameters.full_day,
            course.start + parameters.until_day + 1,
            *gain.changes,
        ),
        numbers={
            "started": date_of(course.start),
            "outcome": gain.outcome,
            "said": gain.said,
            "weekly_dose": course.weekly_dose,
            "below_target": False,
        },
    )
    evidence = tuple(dict.fromkeys((course.newest.fact, *(weaker.facts if fell_on_it else ()), *gain.evidence)))
    # One lower score may be scatter: it asks for a second test and not for another drug.
    if fell_on_it and weaker.grade != POSSIBLE:
        numbers = {**answer.numbers, "outcome": DECLINE, "below_target": _below_target(patient, course, parameters)}
        return answer._replace(
            state=MET,
            grade=None if weaker.grade is None else Grade(weaker.grade),
            severity=WATCH,
            since=weaker.since,
            evidence=evidence,
            numbers=numbers,
        )
    if gain.outcome == NO_GAIN:
        numbers = {**answer.numbers, "below_target": _below_target(patient, course, parameters)}
        return answer._replace(state=MET, severity=WATCH, since=gain.since, evidence=evidence, numbers=numbers)
    cannot_tell = answer._replace(state=CANNOT_TELL, evidence=evidence)
    if gain.because:
        cause = Cause.NOTHING_TO_COMPARE if gain.evidence else Cause.NOT_ON_FILE
        return cannot_tell._replace(cannot_tell_because=gain.because, cause=cause)
    if weaker.unknown and on_drug > parameters.until_day:
        return cannot_tell._replace(cannot_tell_because="no recent strength score to compare", cause=Cause.STALE)
    if fell_on_it:
        because = "strength fell once, which may be scatter: the test has to be repeated"
        return cannot_tell._replace(cannot_tell_because=because, cause=Cause.NOTHING_TO_COMPARE)
    return answer


def _gain(patient: PatientFacts, course: Course, as_of: int, parameters: Parameters) -> _Gain:
    """Strength, CK and the steroid dose at the start of the drug and now."""
    begun, latest_days = course.start, parameters.latest_days
    judged_from = begun + parameters.judge_day
    compared = [
        result
        for key in COMPARED
        if (result := compare(patient, key, begun, judged_from, parameters.baseline_days, parameters))
        and as_of - result.after_day <= latest_days
    ]
    found = exposure(patient)
    at_start, now = _dose_at_start(found, begun), found.dose_on(as_of)
    outcome, because = _outcome(compared, at_start, now, parameters)
    telling = [result for result in compared if result.verdict != NO_BASELINE]
    said = [told(result) for result in telling]
    if at_start > 0:
        said.append(
            f"steroid {number(at_start, 2)} (highest within two weeks of its start) -> {number(now, 2)} mg/day "
            "prednisone-equivalent"
        )
    return _Gain(
        outcome,
        "; ".join(said),
        because,
        max(begun + parameters.full_day, min((result.since for result in telling), default=begun)),
        tuple(fact for result in compared for fact in result.facts),
        (found.next_change, *(result.after_day + latest_days + 1 for result in compared)),
    )


def _dose_at_start(found: Exposure, begun: int) -> float:
    """The highest steady steroid dose within a fortnight of the day the drug began, mg/day."""
    near = [one.steady_mg for one in found.known if one.start <= begun + 14 and one.end >= begun - 14]
    return max(near, default=0.0)


def _outcome(
    compared: Sequence[Comparison], at_start: float, now: float, parameters: Parameters
) -> tuple[str, str | None]:
    """What six months on the drug brought, and why it cannot be told."""
    verdicts = {result.verdict for result in compared}
    halved = at_start > 0 and now <= parameters.steroid_share * at_start + SMALLEST_DIFFERENCE_MG
    if LOWER not in verdicts and (BETTER in verdicts or halved):
        return GAIN, None
    if verdicts & {SAME, LOWER}:
        return NO_GAIN, None
    if NO_ROOM in verdicts:
        return NOTHING_TO_GAIN, None
    if compared:
        return HOLDS, "no result from before the drug to compare with"
    return HOLDS, f"no strength score or CK in the last {parameters.latest_days} days"


def _below_target(patient: PatientFacts, course: Course, parameters: Parameters) -> bool:
    """An adult's methotrexate that has room to be raised."""
    weekly = course.weekly_dose
    return (
        course.drug == METHOTREXATE
        and course.unit == "mg"
        and weekly is not None
        and weekly < parameters.methotrexate_target
        and not patient.is_child()
    )


@remembered(maxsize=512)
def _is_conventional(name: str) -> bool:
    row = drug(name)
    return row is not None and row.sparing_agent and row.has_class("conventional-sparing")


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
        }.get(str(row["outcome"]), f"{taken}: no fall of strength on file since day {parameters.judge_day}.")
    if row["outcome"] == DECLINE:
        text = (
            f"{taken}: strength fell on {day_text(row['since'])} and is not regained, after "
            f"{parameters.judge_day} days or more on it."
        )
    else:
        text = f"{taken}: no gain after {parameters.full_day} days or more ({row['said']})."
    if row["below_target"]:
        text += (
            f" The dose is not optimised: {number(row['weekly_dose'], 2)} mg a week, the aim is "
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
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
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
    clears_when=lambda limits: (
        "strength is regained or higher than at the start, CK at most "
        f"{number(limits.ck_fall, 2)} times what it was, the steroid at most {number(100 * limits.steroid_share)} % of "
        "the dose at the start, or the drug ended"
    ),
    after=("declining-strength",),
    topic="treatment response",
    limitations=(
        "Looks at conventional drugs only, not at immunoglobulin, biologics or cyclophosphamide. For children "
        "the first "
        "look after 12 weeks (SHARE) is a visit, not an alert. A pause of up to a fortnight does not begin a "
        "new course."
    ),
    version="1.0.1",
    changed="Wording: strength fell and is not regained; what the steroid dose is compared with.",
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

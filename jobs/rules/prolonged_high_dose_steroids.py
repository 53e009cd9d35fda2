"""Has this patient taken a high steroid dose for more than four weeks?

Looked at: every systemic steroid the patient takes, converted to prednisone and added up, day by day.
What counts: days above 30 mg, or from half a milligram per kilogram where a weight is on file, within one course; up to
three days without a high dose do not end the course and are not counted. A pulse counts on its days, a dose every other
day as its daily mean. The same drug by the same route begun again while an older statement without an end stands
replaces it; that is said. What does not: topical, inhaled and intra-articular steroids, oral budesonide,
fludrocortisone.
The 29th day is the first. Whoever tapers on time is still above 30 mg for a while: that is for the next visit. No
taper begun, or a taper that has fallen behind, is for this week.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs import exposure as steroids
from jobs import taper
from jobs.phrasing import amount, dated
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
    stretch,
)
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, Statement, date_of
from models.states import Cause
from models.vocabulary import taper_templates

SUBJECT = "steroids"
NOT_BEGUN, BEHIND, ON_TEMPLATE = "not begun", "behind", "on template"
OWN_PLAN = "plan"
SECOND_LINE, EXPERT_CENTRE = "second line", "expert centre"
_PLAN_BELONGS_DAYS = 14


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the prolonged-high-dose-steroids rule."""

    above_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=5,
        high=100,
        meaning="a dose above this is high",
        source="dose classes, Buttgereit 2002 / EULAR 2013 (S7)",
        mark="seen",
    )
    from_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day prednisone-equivalent",
        low=0.1,
        high=2,
        meaning="a dose from this on is high where a weight is on file",
        source="lower end of the induction range, educational page (seed 004)",
        mark="seed",
    )
    more_than_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=180,
        meaning="days at high dose in one course that must be exceeded",
        source="two to four weeks, educational page (seed 004)",
        mark="seed",
    )
    gap_days: int = parameter(
        3,
        unit="days",
        low=0,
        high=14,
        meaning="days in a row without a high dose that do not end the course",
        mark="contract",
    )
    unreduced_share: float = parameter(
        0.9, unit="share of the start dose", low=0.5, high=1, meaning="from this on no taper has begun", mark="contract"
    )
    template: str = parameter(
        "A",
        unit="taper template",
        choices=("A", "B", "BSR"),
        meaning="the taper an adult's dose is compared with, unless a plan of the patient's own was agreed",
        source="educational page (seed 001)",
        mark="seed",
    )
    template_child: str = parameter(
        "JDM-PRINTO",
        unit="taper template",
        choices=("JDM-PRINTO", "A", "B", "BSR"),
        meaning="the taper a child's dose is compared with where a weight is on file",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4)",
        mark="seen",
    )
    steps_behind: int = parameter(
        1, unit="steps", low=0, high=4, meaning="more steps behind the taper than this are too many", mark="contract"
    )
    days_behind: int = parameter(
        14, unit="days", low=1, high=56, meaning="this many days behind the taper are too many", mark="contract"
    )
    forecast_from_day: int = parameter(
        21,
        unit="days at high dose",
        low=1,
        high=28,
        meaning="from here the patient's page names the day of crossing",
        mark="contract",
    )
    second_line_day: int = parameter(
        84,
        unit="days since induction",
        low=56,
        high=365,
        meaning="still above the adult line on this day, whatever the template: review of the second line (GC-04)",
        source="longest time that the tapers of the educational pages take from 80 mg, computed",
    )
    child_first_day: int = parameter(
        70,
        unit="days since induction",
        low=28,
        high=365,
        meaning="a child above the first dose per kg on this day comes down more slowly than in the trial (GC-04c)",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4): two months, and ten days of our own",
    )
    child_first_mg_per_kg: float = parameter(
        1.0,
        unit="mg/kg/day prednisone-equivalent",
        low=0.2,
        high=2,
        meaning="the dose per kg that a child should have reached by then",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4)",
        mark="seen",
    )
    child_second_day: int = parameter(
        130,
        unit="days since induction",
        low=56,
        high=730,
        meaning="a child above the second dose per kg on this day comes down more slowly than in the trial (GC-04c)",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4): four months, and ten days of our own",
    )
    child_second_mg_per_kg: float = parameter(
        0.5,
        unit="mg/kg/day prednisone-equivalent",
        low=0.1,
        high=2,
        meaning="the dose per kg that a child should have reached by then",
        source="PRINTO 2019, doi 10.1186/s12969-019-0326-5 (S4)",
        mark="seen",
    )


class Taper(NamedTuple):
    """How a dose that is high for too long comes down, against the agreed plan or a template.

    Attributes:
        name: the template's key, or `plan`.
        start_mg: the dose the course began with, mg/day.
        standing: where today's dose lies against it.
        progress: not begun, behind, or on template.
        day: of the time since induction; None where that cannot be counted.
        review: what is to be reviewed beside the taper, None where nothing is.
    """

    name: str
    start_mg: float
    standing: taper.Standing
    progress: str
    day: int | None
    review: str | None


class Expected(NamedTuple):
    """The taper a dose is compared with, and the day of the course by which its first reduction is due."""

    name: str
    schedule: taper.Schedule
    first_reduction: int


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for whoever has a steroid statement of any kind."""
    found = steroids.exposure(patient)
    if not found.on_file:
        return
    course = high_dose_course(found, found.known, parameters)
    could_be = high_dose_course(found, found.possible, parameters)
    if course is not None and course.reached:
        yield _too_long(patient, found, course, as_of, parameters)
    elif could_be is not None and could_be.reached:
        yield Answer(
            SUBJECT,
            CANNOT_TELL,
            recheck_on=as_of + 1,
            evidence=_evidence(found, course, as_of, parameters),
            cannot_tell_because=steroids.why_unknown(found),
            cause=Cause.DOSE_UNKNOWN,
            numbers=_numbers(found, course, as_of, parameters),
        )
    else:
        yield Answer(
            SUBJECT,
            NOT_MET,
            recheck_on=as_of + 1 if could_be else _next_look(found, course, as_of, parameters),
            evidence=_evidence(found, course, as_of, parameters),
            numbers=_numbers(found, course, as_of, parameters),
        )


def high_dose_course(
    found: steroids.Exposure, segments: Sequence[steroids.Segment], parameters: Parameters
) -> steroids.Run | None:
    """The course of high-dose days that goes on (or paused for no longer than a gap), None where there is none."""
    above_mg, from_mg_kg = parameters.above_mg, parameters.from_mg_per_kg
    newest = steroids.newest_run(
        segments,
        lambda segment: found.is_high(segment, above_mg, from_mg_kg),
        gap_days=parameters.gap_days,
        nth=parameters.more_than_days + 1,
    )
    return newest if newest is not None and found.today - newest.last <= parameters.gap_days else None


def _too_long(
    patient: PatientFacts, found: steroids.Exposure, course: steroids.Run, as_of: int, parameters: Parameters
) -> Answer:
    coming_down = taper_of(patient, found, course, as_of, parameters)
    return Answer(
        SUBJECT,
        MET,
        severity=WATCH if coming_down.progress == ON_TEMPLATE else ACTION,
        since=course.nth_day,
        recheck_on=as_of + 1,
        evidence=_evidence(found, course, as_of, parameters),
        numbers=_numbers(
            found,
            course,
            as_of,
            parameters,
            high_days=course.days,
            start_dose=round(coming_down.start_mg, 3),
            tapering=coming_down.progress,
            template=coming_down.name,
            template_dose=round(coming_down.standing.expected_mg, 3),
            days_behind=coming_down.standing.days_behind,
            behind_since=_days_before(as_of, coming_down.standing.days_behind),
            steps_behind=coming_down.standing.steps_behind,
            taper_day=coming_down.day,
            induced_on=_days_before(as_of, coming_down.day),
            none_since=None if found.dose_on(as_of) > 0 else date_of(course.last + 1),
            review=coming_down.review,
        ),
    )


def taper_of(
    patient: PatientFacts, found: steroids.Exposure, course: steroids.Run, as_of: int, parameters: Parameters
) -> Taper:
    """Where the dose of today stands against the taper it should follow, and what else it asks for."""
    start_mg = taper.start_dose(found.known, course.start, as_of)
    steady_mg = found.dose_on(as_of, steady=True) or found.dose_on(as_of)
    expected = expected_taper(patient, found.kilograms, course.start, start_mg, parameters)
    standing = expected.schedule.standing(as_of - course.start, steady_mg)
    unreduced = steady_mg >= parameters.unreduced_share * start_mg - steroids.SMALLEST_DIFFERENCE_MG
    late = standing.steps_behind > parameters.steps_behind or standing.days_behind >= parameters.days_behind
    if unreduced and as_of - course.start >= expected.first_reduction:
        progress = NOT_BEGUN
    else:
        progress = BEHIND if late else ON_TEMPLATE
    # The days at high dose are the contract's; this clock also sees a re-induction, and time below the line.
    induced = taper.clock_start(found.known, as_of)
    day = None if induced is None else as_of - induced
    review = None if day is None else review_of(patient, found.kilograms, day, steady_mg, parameters)
    return Taper(expected.name, start_mg, standing, progress, day, review)


def expected_taper(
    patient: PatientFacts, kilograms: float | None, course_start: int, start_mg: float, parameters: Parameters
) -> Expected:
    """The taper to compare with: the patient's own plan, else a template for adults or for children."""
    plan, since = patient.plan, course_start - _PLAN_BELONGS_DAYS
    # A plan of an earlier course says nothing about this one.
    if plan is not None and plan.steps and max(plan.agreed_on, plan.steps[0].start) >= since:
        schedule = taper.from_plan(plan.steps, course_start, start_mg)
        first = schedule.day_below(start_mg)
        return Expected(OWN_PLAN, schedule, parameters.more_than_days if first is None else first)
    template = taper_templates()[parameters.template_child if patient.is_child() else parameters.template]
    if template.unit == "mg/kg":
        if kilograms is not None and kilograms > 0:
            return Expected(template.key, taper.planned(template.key, start_mg, None, kilograms), template.start_by_day)
        template = taper_templates()[parameters.template]
    return Expected(template.key, taper.planned(template.key, start_mg), template.start_by_day)


def review_of(
    patient: PatientFacts, kilograms: float | None, day: int, steady_mg: float, parameters: Parameters
) -> str | None:
    """Whether a dose is still so high so late after induction that more than the taper has to be looked at."""
    if patient.is_child() and kilograms is not None and kilograms > 0:
        per_kg = steady_mg / kilograms
        slow = (day >= parameters.child_first_day and per_kg > parameters.child_first_mg_per_kg + 1e-6) or (
            day >= parameters.child_second_day and per_kg > parameters.child_second_mg_per_kg + 1e-6
        )
        # 30 mg a day means nothing in a small child.
        return EXPERT_CENTRE if slow else None
    high = steady_mg > parameters.above_mg + steroids.SMALLEST_DIFFERENCE_MG
    return SECOND_LINE if day >= parameters.second_line_day and high else None


def _next_look(found: steroids.Exposure, course: steroids.Run | None, as_of: int, parameters: Parameters) -> int | None:
    """The dose on file changes, the line is crossed, or the course ends."""
    if course is None:
        return found.next_change
    if course.last == as_of:
        return steroids.earliest(found.next_change, crosses_on(course, as_of, parameters))
    return steroids.earliest(found.next_change, course.last + parameters.gap_days + 1)


def crosses_on(course: steroids.Run | None, as_of: int, parameters: Parameters) -> int | None:
    """The day on which the line is crossed if today's high dose continues; None where none is taken today."""
    if course is None or course.reached or course.last < as_of:
        return None
    return as_of + parameters.more_than_days + 1 - course.days


def _evidence(
    found: steroids.Exposure, course: steroids.Run | None, as_of: int, parameters: Parameters
) -> tuple[str, ...]:
    """The statements of the course (or of today), and the weight where the dose or the limit rests on it."""
    taken = steroids.evidence(found, as_of if course is None else course.start)
    weight = found.weight
    if weight is None:
        return taken
    limit_is_by_weight = course is not None and parameters.from_mg_per_kg * weight.value <= parameters.above_mg
    dose_is_by_weight = any(one.by_weight for one in found.statements)
    return (*taken, weight.fact) if limit_is_by_weight or dose_is_by_weight else taken


def _numbers(
    found: steroids.Exposure, course: steroids.Run | None, as_of: int, parameters: Parameters, **known: Any
) -> dict[str, Any]:
    """What `explain` quotes."""
    crosses = crosses_on(course, as_of, parameters)
    forecast = None
    if course is not None and crosses is not None:
        forecast = as_of + parameters.forecast_from_day - course.days
    off = course.last - course.start + 1 - course.days if course is not None and course.last == as_of else None
    return {
        "high_days": None,
        "dose": round(found.dose_on(as_of), 3),
        "weight_kg": found.kilograms,
        "course_start": None if course is None else date_of(course.start),
        "days_not_counted": off,
        "start_dose": None,
        "crosses_on": None if crosses is None else date_of(crosses),
        "forecast_from": None if forecast is None else date_of(forecast),
        "tapering": None,
        "template": None,
        "template_dose": None,
        "days_behind": None,
        "steps_behind": None,
        "behind_since": None,
        "taper_day": None,
        "induced_on": None,
        "none_since": None,
        "review": None,
        "read_as": _read_as(found),
        **known,
    }


def _days_before(day: int, days: int | None) -> dt.date | None:
    """The date some days before a day: it stays the same while the days grow. None for no days."""
    return date_of(day - days) if days else None


def _read_as(found: steroids.Exposure) -> str:
    """What the dose rests on that may not be so: an older statement taken to have been replaced, two drugs at once."""
    told = [*_added_up(found)]
    for one in found.replaced:
        taken = [other.statement for other in found.statements] + [other.statement for other in found.unknown]
        starts = [statement.start for statement in taken if statement.drug == one.by.drug]
        if max(starts, default=one.by.start) <= one.by.start:
            told.append(one.words)
    return "; ".join(told)


def _added_up(found: steroids.Exposure) -> Iterator[str]:
    """Two steroids without an end, one begun after the other: meant to be taken together, or one instead of the other?

    Only the same drug by the same route replaces; a change from one drug or route to another looks like two at once.
    """
    open_ended = [
        one.statement
        for one in found.statements
        if one.statement.end is None and one.last == found.today and not one.pulse and one.statement.intent == "daily"
    ]
    same_day: dict[tuple[str, str, int], list[Statement]] = {}
    for one in sorted(open_ended, key=lambda one: one.id):
        same_day.setdefault((one.drug, one.route, one.start), []).append(one)
    for (name, _, start), twice in same_day.items():
        if len(twice) > 1:
            doses = " and ".join(steroids.dose_words(one) for one in twice)
            yield f"{name} begins more than once on {dated(start)}, {doses}, and is added up"
    kinds = {(one.drug, one.route): one for one in sorted(open_ended, key=lambda one: (one.start, one.id))}
    if len(kinds) > 1:
        *_, before, last = sorted(kinds.values(), key=lambda one: (one.start, one.id))
        if before.start < last.start:
            yield (
                f"{before.drug} of {dated(before.start)} has no end and is added to {last.drug} of {dated(last.start)}"
            )


def _limit(row: Mapping[str, Any], parameters: Parameters) -> str:
    kilograms = row.get("weight_kg")
    if kilograms and kilograms == kilograms and parameters.from_mg_per_kg * kilograms <= parameters.above_mg:
        return (
            f"at {number(parameters.from_mg_per_kg, 2)} mg/kg/day or more "
            f"({number(parameters.from_mg_per_kg * kilograms, 2)} mg at {number(kilograms, 2)} kg)"
        )
    return f"above {number(parameters.above_mg)} mg/day"


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The dose, since when, where the taper stands, and what was taken to be replaced."""
    read_as = row.get("read_as")
    return _told(row, parameters) + (f" {read_as[0].upper()}{read_as[1:]}: ask if both are taken." if read_as else "")


def _told(row: Mapping[str, Any], parameters: Parameters) -> str:
    dose = number(row["dose"], 2)
    if row["state"] == CANNOT_TELL:
        return (
            f"Whether the steroid dose has been {_limit(row, parameters)} for more than {parameters.more_than_days} "
            f"days cannot be told: {row['cannot_tell_because']}."
        )
    if row["state"] == NOT_MET:
        if _is_given(row.get("crosses_on")):
            return (
                f"{dose} mg/day prednisone-equivalent, {_limit(row, parameters)} since "
                f"{day_text(row['course_start'])}{_not_counted(row)}; if this dose continues, the line of "
                f"{parameters.more_than_days} days is crossed on {day_text(row['crosses_on'])}."
            )
        if not row["dose"]:
            return "No systemic steroid is taken on this day."
        return f"{dose} mg/day prednisone-equivalent is not {_limit(row, parameters)}."
    limit = _limit(row, parameters)
    text = (
        f"{limit[0].upper()}{limit[1:]} (prednisone-equivalent) since {day_text(row['course_start'])}, longer than "
        f"{parameters.more_than_days} days since {day_text(row['since'])}; "
    )
    if not row["dose"]:
        return f"{text}no dose on file from {day_text(row['none_since'])} on."
    text += f"now {dose} mg"
    late = _late(row, parameters)
    if row["tapering"] == NOT_BEGUN:
        began = f"its highest lasting dose in the first two weeks was {number(row['start_dose'], 2)} mg"
        return f"{text}; {began}: no taper has begun.{late}"
    against = "the agreed plan" if row["template"] == OWN_PLAN else f"template {row['template']}"
    text += f", where {against} has {number(row['template_dose'], 2)} mg"
    left_on = f" since {day_text(row['behind_since'])}" if _is_given(row.get("behind_since")) else ""
    if row["tapering"] == BEHIND:
        return f"{text}: behind{left_on}.{late}"
    if row["steps_behind"]:
        return f"{text}: behind{left_on}, no more than allowed for.{late}"
    return f"{text}: not behind.{late}"


def _not_counted(row: Mapping[str, Any]) -> str:
    """Days off within the course: so many fewer than the days since its start."""
    off = row.get("days_not_counted")
    if not _is_given(off) or not off:
        return ""
    return f" ({number(off)} {'day' if off == 1 else 'days'} in between without a high dose not counted)"


def _late(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What day of the taper it is, where the dose is too high for it."""
    if row.get("review") == SECOND_LINE:
        return (
            f" Still above {number(parameters.above_mg)} mg more than {parameters.second_line_day - 1} days after "
            f"induction on {day_text(row['induced_on'])}."
        )
    if row.get("review") == EXPERT_CENTRE:
        per_kg = number(row["dose"] / row["weight_kg"], 3)
        return f" {per_kg} mg/kg after induction on {day_text(row['induced_on'])}: slower than in the PRINTO trial."
    return ""


def _is_given(value: Any) -> bool:
    return value is not None and value == value


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    if row["tapering"] == NOT_BEGUN:
        first = "decide on a taper with the prescriber this week; check strength first, never cut fast in a flare"
    elif row["tapering"] == BEHIND:
        first = "ask the prescriber whether the taper is meant to be slower; agree on a plan"
    else:
        first = "next visit: continue the taper"
    reviews = {
        SECOND_LINE: "; review the second line of treatment",
        EXPERT_CENTRE: "; ask an expert centre for juvenile myositis",
    }
    return first + reviews.get(str(row.get("review")), "")


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`40 mg/day, high dose since 20 Oct 2026, no taper begun`."""
    row = rows[0]
    progress = {NOT_BEGUN: ", no taper begun", BEHIND: ", behind its taper"}
    otherwise = ", on its taper" if row["severity"] == WATCH else ", no taper begun or behind it"
    ending = progress.get(str(row.get("tapering")), otherwise)
    begun = row.get("course_start")
    how_long = f"high dose since {dated(begun)}" if begun else f"day {amount(row['high_days'])} at high dose"
    if row.get("days_not_counted", 0) is None:
        return f"{how_long[0].upper()}{how_long[1:]}, now {amount(row['dose'], 2)} mg/day{ending}"
    return f"{amount(row['dose'], 2)} mg/day, {how_long}{ending}"


RULE = Rule(
    key="prolonged-high-dose-steroids",
    title="High-dose steroids for more than four weeks",
    question="Has this patient been on a high steroid dose for too long, and is it coming down?",
    why_it_matters=(
        "Weeks of high-dose steroid weaken muscle and bone and raise the risk of infection and diabetes. Often nobody "
        "decided to stay on the dose: the taper merely did not happen."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("medications", "weight", "height", "taper plan"),
    sources=(
        Source(
            "Glucocorticoid dose classes",
            2013,
            "ard.bmj.com/content/72/12/1905",
            "seen",
            "high is above 30 to 100 mg/day",
        ),
        Source(
            "Treatment options in inflammatory myopathy",
            None,
            "educational page, not a guideline",
            "seed",
            "taper after two to four weeks",
        ),
        Source(
            "Pulse therapy in myositis", None, "educational page, not a guideline", "seed", "the steps of template A"
        ),
        Source("PRINTO steroid taper in juvenile dermatomyositis", 2019, "doi 10.1186/s12969-019-0326-5", "seen"),
        Source(
            "BSR guideline on idiopathic inflammatory myopathy",
            2022,
            "doi 10.1093/rheumatology/keac115",
            "seen",
            "summaries only: taper from about week six",
        ),
        Source("Steroid equivalences", None, "globalrph.com corticosteroid converter", "seen"),
    ),
    known_false_alarms=(
        "an old prescription left open beside a new one of another drug or route: doses at the same time add up",
        "a taper agreed by telephone and not yet entered",
        "a course prolonged on purpose: agree on a plan for the patient, and it is compared with that plan",
        "an old weight of a growing child",
    ),
    clears_when=lambda limits: (
        f"the dose has not been high (above {number(limits.above_mg)} mg/day, or from "
        f"{number(limits.from_mg_per_kg, 2)} mg/kg/day on) for more than {stretch(limits.gap_days)} in a row"
    ),
    topic="steroid dose",
    limitations=(
        "What is prescribed is taken to be what is swallowed. All doses per kg use the last weight on file, also for "
        "days before it. Templates are conventions; none was tested against another."
    ),
    version="2.0.0",
    changed=(
        "The same drug by the same route begun again while an older statement without an end stands replaces it (at "
        "another dose a change of dose, at the same dose a refill) and no longer adds up; that is said beside the dose."
    ),
    catalogue=("GC-01", "GC-02", "GC-03", "GC-04", "GC-04c"),
    phrase=phrase,
    examples=(
        Example(
            title="60 mg, day 31, unchanged: no taper has begun",
            medications=({"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -30},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="the 29th day is the first",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -28},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the 28th day is not yet more than 28 days",
            medications=({"drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start": -27},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="taper begun on day 28, 50 mg on day 35: on template",
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -35, "end": -8},
                {"drug": "prednisone", "dose": 50, "unit": "mg", "frequency": "daily", "start": -7},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -7},
        ),
        Example(
            title="from 80 mg, 35 mg on day 90: close to template A, yet above 30 mg after twelve weeks",
            medications=(
                {"drug": "prednisone", "dose": 80, "unit": "mg", "frequency": "daily", "start": -90, "end": -41},
                {"drug": "prednisone", "dose": 35, "unit": "mg", "frequency": "daily", "start": -40},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "review": SECOND_LINE},
        ),
        Example(
            title="exactly 30 mg is not high",
            medications=({"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -60},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="60 mg every other day is 30 mg a day",
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "every-other-day", "start": -60},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="exactly half a milligram per kilogram is high",
            observations=({"measure": "weight", "value": 20, "unit": "kg", "day": -10},),
            medications=({"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -28},),
            patient={"age_years": 6, "diagnosis": "JDM"},
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="1 mg/kg and no weight on file",
            medications=({"drug": "prednisone", "dose": 1, "unit": "mg/kg", "frequency": "daily", "start": -40},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="inhaled budesonide does not count",
            medications=(
                {
                    "drug": "budesonide",
                    "dose": 400,
                    "unit": "mg",
                    "frequency": "daily",
                    "route": "inhaled",
                    "start": -60,
                },
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

"""Does a drug on the list endanger this patient?

Looked at: doses that can hardly be meant, how often methotrexate is taken, what is taken beside it, pregnancy and lung
disease on file, and blood counts, liver, kidney, electrolytes and blood pressure against the limits at which a drug
asks for action. What counts: facts of today's drug list and the newest result; how grave it is follows from how
dangerous the value is (neutrophils of 0.4 are for today, whatever is taken, and for some weeks after it ended). Before
a limit is crossed, a trend towards it is noted. What does not: raised liver enzymes are only watched while CK is raised
and gamma-GT and bilirubin are not, because muscle makes them too; and a limit for adults says nothing about a child:
then it is said that no limit is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from jobs.newest import lasts_until, next_after, still_there
from jobs.phrasing import listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
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
from jobs.screens import HARMS_THE_UNBORN
from jobs.treatment import Course, courses, ended_courses
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, Reading, Statement
from models.states import Cause, Severity, State, severity_rank
from models.vocabulary import (
    ACTIVE_TREATMENT,
    ANY_DRUG,
    ANY_MONITORED,
    ActionLimit,
    Frequency,
    action_limits,
    drug,
    frequencies,
    measure,
    remembered,
    written_unit,
)

METHOTREXATE = "methotrexate"
FOLATE_BLOCKERS = ("co-trimoxazole", "trimethoprim")
MONITORED_CLASSES = ("conventional-sparing", "cytotoxic", "jak-inhibitor")
LIVER = ("alt", "ast")
OF_THE_LIVER = ("gamma_gt", "bilirubin")
"""What muscle does not make: raised beside a transaminase, the liver takes part in it."""
TELLS_APART = "gamma-GT and bilirubin tell it from the liver"
TRENDS = ("white_cells", "neutrophils", "platelets", "haemoglobin", "alt", "ast", "egfr")
"""Measures in which a steady move towards the limit is worth a note."""
INFANT_UNTIL_YEARS = 1
"""In the first year of life counts and salts have limits of their own; none is asserted (`from_age` of the limits)."""
REACH_DAYS = 365
"""How far before the newest result others are looked at."""
DOSE, FREQUENCY, INTERACTION, PREGNANCY, LUNG, LIMIT, TREND = (
    "dose",
    "frequency",
    "interaction",
    "pregnancy",
    "lung",
    "limit",
    "trend",
)


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the drug-safety rule. The action limits themselves are rows of the vocabulary."""

    latest_days: int = parameter(90, unit="days", low=14, high=182, meaning="an older result cannot tell any more")
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=10,
        meaning="with CK above this raised liver enzymes are likely muscle",
        source="EFNS 2010 / EAN 2024 (S29); muscle as a source of transaminases (S32, secondary)",
        mark="seen",
    )
    ck_days: int = parameter(28, unit="days", low=7, high=90, meaning="how near to the liver enzyme that CK must lie")
    ck_reach_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="a raised CK so far from it makes muscle a possible source"
    )
    adult_from: int = parameter(
        18, unit="years", low=16, high=21, meaning="the limits are for adults", source="NHS SPS (S12)", mark="seen"
    )
    trend_share: float = parameter(
        60,
        unit="%",
        low=30,
        high=100,
        meaning="a value that went this part of the way from where it came from to its limit is a trend",
    )
    trend_fall: float = parameter(20, unit="%", low=5, high=90, meaning="and fell by at least this much")
    trend_rise: float = parameter(50, unit="%", low=10, high=400, meaning="or rose by at least this much")
    trend_days: int = parameter(182, unit="days", low=28, high=365, meaning="within this time")
    after_days: int = parameter(
        28,
        unit="days",
        low=0,
        high=182,
        meaning="a dangerous value is told this long after the drug ended, where nothing else is taken",
    )
    most_methotrexate: float = parameter(
        40, unit="mg/week", low=25, high=60, meaning="a weekly dose above this is hardly ever meant",
        source="SHARE: at most 40 mg a week (S2)", mark="seen",
    )  # fmt: skip
    most_steroid: float = parameter(
        100, unit="mg/day prednisone equivalent", low=60, high=250,
        meaning="a daily dose by mouth above this, not recorded as a pulse, is hardly ever meant",
        source="EULAR: above 100 mg is very high (S7)", mark="seen",
    )  # fmt: skip
    most_azathioprine: float = parameter(
        300, unit="mg/day", low=200, high=400, meaning="a daily dose above this is hardly ever meant"
    )
    most_mycophenolate: float = parameter(
        4000, unit="mg/day", low=3000, high=6000, meaning="a daily dose above this is hardly ever meant"
    )
    most_ciclosporin: float = parameter(
        600, unit="mg/day", low=300, high=1000, meaning="a daily dose above this is hardly ever meant"
    )
    most_tacrolimus: float = parameter(
        20, unit="mg/day", low=10, high=40, meaning="a daily dose above this is hardly ever meant"
    )
    most_hydroxychloroquine: float = parameter(
        600, unit="mg/day", low=400, high=800, meaning="a daily dose above this is hardly ever meant"
    )
    protection_days: int = parameter(
        365, unit="days", low=28, high=730, meaning="a recorded contraception without an end holds this long"
    )


MOST_A_DAY = {
    "azathioprine": "most_azathioprine",
    "mycophenolate mofetil": "most_mycophenolate",
    "ciclosporin": "most_ciclosporin",
    "tacrolimus": "most_tacrolimus",
    "hydroxychloroquine": "most_hydroxychloroquine",
}
"""Of each of these drugs the parameter with the daily dose above which a typing error is likelier than the dose."""
BY_MOUTH = ("oral", "")
Taken = Mapping[str, Course]
"""A patient's courses by the vocabulary's name of the drug."""

ONCE_A_WEEK = 1 + 1e-9


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per issue: those found, those nobody can tell, and results inside the limits of a drug."""
    if not patient.statements:
        return
    running = courses(patient)
    if not running:
        ended = ended_courses(patient, parameters.after_days)
        yield from _beyond_limits(patient, _by_name(ended), as_of, parameters, dangers_only=True)
        return
    taken = {row.key: course for course in running if (row := course.row) is not None}
    found = [*_beyond_limits(patient, _by_name(running), as_of, parameters)]
    if METHOTREXATE in taken:
        found += _not_weekly(patient, as_of)
        found += _with_folate_blocker(taken, as_of)
        found += _with_lung_disease(patient, taken[METHOTREXATE], as_of)
    found += _with_pregnancy(patient, taken, as_of, parameters)
    found += _hardly_meant(patient, as_of, parameters)
    yield from sorted(found, key=lambda answer: answer.subject)


def _by_name(some: Sequence[Course]) -> Taken:
    """Courses by the vocabulary's name of the drug, else by the one on the list."""
    return {course.drug if (row := course.row) is None else row.key: course for course in some}


def _finding(
    subject: str,
    issue: str,
    said: str,
    *,
    state: State,
    severity: Severity,
    since: int,
    recheck_on: int | None,
    evidence: tuple[str, ...],
    because: str | None = None,
    cause: Cause | None = None,
    quiet_liver: bool = False,
) -> Answer:
    met = state == MET
    return Answer(
        subject,
        state,
        severity=severity if met else None,
        since=since if met else None,
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        cause=cause,
        numbers={"issue": issue, "said": said, "quiet_liver": quiet_liver},
    )


def _label(name: str) -> str:
    row = drug(name)
    return row.label if row else name


# -------------------------------------------------------------------------------------------- how often, beside what


def _not_weekly(patient: PatientFacts, as_of: int) -> Iterator[Answer]:
    """Methotrexate more often than once in seven days, by one statement or by several at the same time (IS-08)."""
    rhythms = [(one, frequencies().get(one.frequency)) for one in patient.statements if _runs(one, as_of)]
    # A single dose is not a rhythm; an unknown rhythm is not known to be weekly.
    repeated = [(one, often) for one, often in rhythms if often is None or often.doses_per_day]
    each = [_per_week(often) for _, often in repeated]
    too_often = sum(each) > ONCE_A_WEEK
    if not too_often and all(often is not None for _, often in repeated):
        return
    # Two weekly prescriptions: most often an old one that was left open.
    two_weekly = all(doses <= ONCE_A_WEEK for doses in each)
    how = " and ".join(
        f"{number(one.dose)} {written_unit(one.unit)} {often.label if often else 'unknown'}" for one, often in repeated
    )
    yield _finding(
        f"{METHOTREXATE}:frequency",
        FREQUENCY,
        f"Methotrexate is on the list as {how}: more than one dose in seven days"
        if too_often
        else "Methotrexate must not be taken more than once a week",
        state=MET if too_often else CANNOT_TELL,
        severity=ACTION if two_weekly else URGENT,
        since=max(one.start for one, _ in repeated),
        recheck_on=next_after(as_of, *(one.end + 1 for one, _ in repeated if one.end is not None)),
        evidence=tuple(one.fact for one, _ in repeated),
        because=None if too_often else "how often it is taken is not known",
        cause=None if too_often else Cause.DOSE_UNKNOWN,
    )


def _runs(statement: Statement, as_of: int) -> bool:
    """Whether this is methotrexate on the list today; "stopped" without a last day is not being taken."""
    row = drug(statement.drug)
    if row is None or row.key != METHOTREXATE or statement.start > as_of:
        return False
    return statement.status != "stopped" if statement.end is None else statement.end >= as_of


def _per_week(often: Frequency | None) -> float:
    return 0.0 if often is None else 7 * (often.doses_per_day or 0.0)


def _hardly_meant(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """A dose on today's list that a typing error explains better than a prescription (GC-10): the largest of a drug."""
    largest: dict[str, tuple[float, Answer]] = {}
    for one in patient.statements:
        row = drug(one.drug)
        milligrams = _milligrams_a_day(patient, one)
        if row is None or milligrams is None or not _is_on_the_list(one, as_of):
            continue
        times, unit, most = 1.0, "mg/day", 0.0
        if row.key == METHOTREXATE:
            times, unit, most = 7.0, "mg/week", parameters.most_methotrexate
        elif row.prednisone_factor is not None and one.route in BY_MOUTH and one.intent != "pulse":
            times, unit, most = row.prednisone_factor, "mg/day prednisone equivalent", parameters.most_steroid
        elif row.key in MOST_A_DAY:
            most = getattr(parameters, MOST_A_DAY[row.key])
        dose = milligrams * times
        if not most or dose <= most + 1e-9 or dose <= largest.get(row.key, (0.0,))[0]:
            continue
        often = frequencies()[one.frequency].label
        found = _finding(
            f"{row.key}:dose",
            DOSE,
            f"{row.label} is on the list as {number(one.dose, 2)} {written_unit(one.unit)} {often} "
            f"since {day_text(one.start)}, "
            f"{number(dose)} {unit}: more than {number(most)} is hardly ever meant",
            state=MET,
            severity=URGENT if row.key == METHOTREXATE else ACTION,
            since=one.start,
            recheck_on=next_after(as_of, None if one.end is None else one.end + 1),
            evidence=(one.fact,),
        )
        largest[row.key] = (dose, found)
    for _, found in largest.values():
        yield found


def _is_on_the_list(one: Statement, as_of: int) -> bool:
    """Whether it is taken today; "stopped" without a last day is not, nor is a single dose of another day."""
    if one.start > as_of or (one.frequency == "once" and one.start < as_of):
        return False
    return one.status != "stopped" if one.end is None else one.end >= as_of


def _milligrams_a_day(patient: PatientFacts, one: Statement) -> float | None:
    """The dose of a day in mg; None for a single dose, an unknown frequency, or a unit that needs what is not there."""
    often = frequencies().get(one.frequency)
    if often is None or not often.doses_per_day or one.dose is None:
        return None
    weight = patient.latest("weight")
    scale = {"mg": 1.0, "g": 1000.0, "mg/kg": weight.value if weight else None}.get(one.unit)
    return None if scale is None else one.dose * scale * often.doses_per_day


def _with_folate_blocker(taken: Taken, as_of: int) -> Iterator[Answer]:
    """Methotrexate together with trimethoprim, alone or in co-trimoxazole (SAFE-05)."""
    mine = taken[METHOTREXATE]
    for name in FOLATE_BLOCKERS:
        other = taken.get(name)
        if other is None:
            continue
        since = max(mine.start, other.start)
        yield _finding(
            f"{METHOTREXATE}+{name}",
            INTERACTION,
            f"Methotrexate and {name} are taken together since {day_text(since)}: both block folate, and "
            "marrow can fail",
            state=MET,
            severity=URGENT,
            since=since,
            recheck_on=next_after(as_of, mine.through + 1, other.through + 1),
            evidence=(mine.newest.fact, other.newest.fact),
        )


def _with_pregnancy(patient: PatientFacts, taken: Taken, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """A drug that harms the unborn, pregnancy possible, and no contraception on record (IS-05)."""
    possible = patient.last_event("pregnancy_possible")
    # "Possible" holds until somebody says otherwise; protection holds for as long as it was recorded for.
    if possible is None or not possible.present or (possible.end is not None and possible.end < as_of):
        return
    protection = patient.last_event("contraception")
    safe = still_there(protection, as_of, parameters.protection_days)
    safe_until = None if protection is None else lasts_until(protection, parameters.protection_days)
    lapsed = safe_until if protection is not None and protection.present and not safe else None
    for name in HARMS_THE_UNBORN:
        course = taken.get(name)
        if course is None:
            continue
        since = max(course.start, possible.day, course.start if lapsed is None else lapsed + 1)
        said = f"{_label(name)} harms an unborn child, pregnancy is possible ({day_text(possible.day)})"
        still = " that still holds" if lapsed is not None else ""
        yield _finding(
            f"{name}:pregnancy",
            PREGNANCY,
            f"{said}; contraception is recorded" if safe else f"{said}, and no contraception is on record{still}",
            state=NOT_MET if safe else MET,
            severity=URGENT,
            since=since,
            recheck_on=next_after(
                as_of,
                course.through + 1,
                None if possible.end is None else possible.end + 1,
                safe_until + 1 if safe and safe_until is not None else None,
            ),
            evidence=(course.newest.fact, possible.fact, *(() if protection is None else (protection.fact,))),
        )


def _with_lung_disease(patient: PatientFacts, course: Course, as_of: int) -> Iterator[Answer]:
    """Methotrexate in somebody with interstitial lung disease (IS-04)."""
    lung = patient.last_event("interstitial_lung_disease")
    if lung is None or not lung.present or (lung.end is not None and lung.end < as_of):
        return
    yield _finding(
        f"{METHOTREXATE}:interstitial_lung_disease",
        LUNG,
        f"Methotrexate since {day_text(course.start)} in interstitial lung disease (recorded on {day_text(lung.day)})",
        state=MET,
        severity=WATCH,
        since=max(course.start, lung.day),
        recheck_on=next_after(as_of, course.through + 1, None if lung.end is None else lung.end + 1),
        evidence=(course.newest.fact, lung.fact),
    )


# ------------------------------------------------------------------------------------------------ results and limits


class Threshold(NamedTuple):
    """The value that is too much or too little, and the result it rests on, if any."""

    value: float
    rests_on: tuple[str, ...] = ()


def _beyond_limits(
    patient: PatientFacts, taken: Taken, as_of: int, parameters: Parameters, *, dangers_only: bool = False
) -> Iterator[Answer]:
    """Results beyond the limit at which a drug asks for action, or on the way to it: the gravest of each measure."""
    if not taken:
        return
    child = patient.is_child(parameters.adult_from)
    for key, limits in _limits_under(tuple(taken)):
        series = patient.series(key)
        if not series:
            continue
        newest, before = series[-1], series[-2] if len(series) > 1 else None
        best: Answer | None = None
        for limit, names in limits:
            if _clearly_inside(newest, before, limit) or (dangers_only and limit.consequence != "interrupt"):
                continue
            for_adults = limit.from_age >= ADULT_FROM_YEARS
            if not for_adults and patient.age is not None and patient.age < limit.from_age:
                continue
            name = min(names, key=lambda one: (_stands_back(one), taken[one].start))
            looked = Look(limit, name, taken[name], newest, unknown_for_child=child and for_adults)
            found = _against(patient, looked, as_of, parameters) or _on_the_way(patient, looked, as_of, parameters)
            if found is not None and (best is None or _weight(found) > _weight(best)):
                best = found
        if best is not None:
            yield best


@remembered(maxsize=4096)
def _limits_under(names: tuple[str, ...]) -> tuple[tuple[str, tuple[tuple[ActionLimit, tuple[str, ...]], ...]], ...]:
    """By measure the limits in use that some drugs ask for, each with the drugs it is for.

    What is only known from memory is not in use.
    """
    found: dict[str, list[tuple[ActionLimit, tuple[str, ...]]]] = {}
    for limit in action_limits().values():
        concerned = tuple(name for name in sorted(names) if _limited(name, limit.applies_to))
        if concerned and limit.mark != "memory":
            found.setdefault(limit.measure, []).append((limit, concerned))
    return tuple((key, tuple(limits)) for key, limits in found.items())


def _clearly_inside(newest: Reading, before: Reading | None, limit: ActionLimit) -> bool:
    """The quick way for nearly every result: inside a fixed limit, and not nearer to it than the result before."""
    value, threshold = newest.value, limit.limit
    if newest.comparator or limit.kind == "relative-rise":
        return False
    if limit.kind == "times-limit":
        if newest.limit is None:
            return True
        threshold *= newest.limit
    if value < threshold if limit.direction == "below" else value > threshold:
        return False
    if before is None or limit.consequence != "act" or limit.measure not in TRENDS:
        return True
    return before.value <= value if limit.direction == "below" else before.value >= value


class Look(NamedTuple):
    """The newest result of a measure under a drug, and the limit it is held against.

    `unknown_for_child`: the limit is one for adults and the patient is a child, for whom none is known.
    """

    limit: ActionLimit
    name: str
    course: Course
    newest: Reading
    unknown_for_child: bool


def _weight(found: Answer) -> tuple[bool, int]:
    return found.state == MET, severity_rank(found.severity)


@remembered(maxsize=1024)
def _stands_back(name: str) -> bool:
    """Whether another drug is named as the likelier reason, where both are taken."""
    row = drug(name)
    return row is None or not row.counts_as_active_treatment


def _limited(key: str, applies_to: str) -> bool:
    row = drug(key)
    if applies_to == ANY_DRUG:
        return True
    if row is None:
        return False
    if applies_to == ACTIVE_TREATMENT:
        return row.counts_as_active_treatment
    if applies_to == ANY_MONITORED:
        return any(row.has_class(name) for name in MONITORED_CLASSES)
    return applies_to == row.key or row.has_class(applies_to)


def _against(patient: PatientFacts, looked: Look, as_of: int, parameters: Parameters) -> Answer | None:
    """The newest result against one limit; None where it lies inside."""
    limit, newest = looked.limit, looked.newest
    threshold = _threshold(patient, limit, newest, as_of)
    if threshold is None:
        return None
    beyond = _is_beyond(newest, limit, threshold.value)
    # "<4" is below 3.5 for certain only if 4 is; otherwise nobody can tell.
    only_a_bound = not beyond and newest.comparator == ("<" if limit.direction == "below" else ">")
    if not beyond and not only_a_bound:
        return None
    said = f"{_value(newest, threshold.value)}, {limit.direction} {_limit_in_words(limit, threshold.value)}"
    said += f", {_taken(looked, as_of)}"
    severity = URGENT if limit.consequence == "interrupt" else ACTION
    evidence = (looked.course.newest.fact, *threshold.rests_on, newest.fact)
    muscle = _muscle_instead(patient, newest, parameters) if limit.measure in LIVER else None
    liver = None if muscle is None else _liver_too(patient, newest, parameters)
    quiet: Reading | None = None
    if muscle is not None and liver is not None:
        said += f"; CK is raised, but so is {_value(liver, liver.limit or 0.0)}: muscle alone does not explain it"
        evidence += (muscle.fact, liver.fact)
    elif muscle is not None:
        severity = WATCH
        times = apart(muscle.times_limit or 0.0, parameters.raised_ck)
        quiet = _quiet_gamma_gt(patient, newest, parameters)
        said += f"; CK is {times} times its limit, so muscle is a likely source; "
        said += TELLS_APART if quiet is None else f"{_value(quiet, quiet.limit or 0.0)} is not raised"
        evidence += (muscle.fact, *(() if quiet is None else (quiet.fact,)))
    elif limit.measure in LIVER and (other := _muscle_at_another_time(patient, newest, parameters)) is not None:
        said += f"; {_muscle_possible(other, parameters)}"
        evidence += (other.fact,)
    elif limit.caveat and limit.measure not in LIVER:
        said += f" ({limit.caveat})"
    because, cause, quiet_liver = None, None, muscle is not None and liver is None and quiet is not None
    if as_of - newest.day > parameters.latest_days:
        because, cause = f"no newer result than {day_text(newest.day)}", Cause.STALE
    elif looked.unknown_for_child:
        because, cause = "this limit is for adults, and no limit is known for children", Cause.NO_LIMIT
    elif only_a_bound:
        because, cause = "the result is only a bound", Cause.NOTHING_TO_COMPARE
    return _finding(
        f"{looked.name}:{limit.measure}",
        LIMIT,
        said,
        state=MET if because is None else CANNOT_TELL,
        severity=severity,
        since=_since(patient, limit, threshold.value, newest),
        recheck_on=next_after(
            as_of,
            newest.day + parameters.latest_days + 1,
            newest.day + REACH_DAYS + 1 if limit.kind == "relative-rise" else None,
            looked.course.through + 1,
            looked.course.through + parameters.after_days + 1,
        ),
        evidence=evidence,
        because=because,
        cause=cause,
        quiet_liver=quiet_liver,
    )


def _taken(looked: Look, as_of: int) -> str:
    """`under methotrexate`; of a result from before the drug since when it is taken, of an ended one until when."""
    name, begun, through = _label(looked.name).lower(), looked.course.start, looked.course.through
    if looked.newest.day < begun:
        return f"before {name}, taken since {day_text(begun)}" + (
            f" and until {day_text(through)}" if through < as_of else ""
        )
    if through >= as_of:
        return f"under {name}"
    return f"{'under' if looked.newest.day <= through else 'after'} {name}, which ended on {day_text(through)}"


def _value(reading: Reading, threshold: float) -> str:
    """`WBC 3.1 10⁹/L on 3 Mar 2026`, with digits enough to see that it lies beyond the threshold."""
    known = measure(reading.measure)
    shown = f"{reading.comparator}{apart(reading.value, threshold, 2)} {written_unit(known.unit)}"
    return f"{known.short_label} {shown} on {day_text(reading.day)}"


def _limit_in_words(limit: ActionLimit, threshold: float) -> str:
    if limit.kind == "relative-rise":
        return f"{number(threshold, 2)} (a rise of {number(limit.limit)} % on the values of the year before)"
    if limit.kind == "times-limit":
        return f"{number(threshold, 2)} ({number(limit.limit, 2)} times its reported limit)"
    return f"the action limit of {number(threshold, 2)}"


def _on_the_way(patient: PatientFacts, looked: Look, as_of: int, parameters: Parameters) -> Answer | None:
    """A value still inside its limit that moved most of the way towards it, result by result."""
    limit, newest = looked.limit, looked.newest
    if limit.measure not in TRENDS or limit.kind != "absolute" or limit.consequence != "act":
        return None
    if looked.unknown_for_child or newest.comparator:
        return None
    run = _run_towards(patient, limit, newest, parameters.trend_days)
    begun = run[0]
    if begun is newest:
        return None
    reached = [one for one in run[1:] if _is_trend(begun, one, limit, parameters)]
    if not reached or reached[-1] is not newest:
        return None
    if limit.measure in LIVER and _muscle_instead(patient, newest, parameters) is not None:
        return None
    stale = as_of - newest.day > parameters.latest_days
    other = _muscle_at_another_time(patient, newest, parameters) if limit.measure in LIVER else None
    muscle = "" if other is None else f"; {_muscle_possible(other, parameters)}"
    shown = ", ".join(number(one.value, 2) for one in run)
    verb = "fell" if limit.direction == "below" else "rose"
    known = measure(limit.measure)
    return _finding(
        f"{looked.name}:{limit.measure}",
        TREND,
        f"{known.short_label} {verb} from {day_text(begun.day)} to {day_text(newest.day)}: "
        f"{shown} {written_unit(known.unit)}, "
        f"towards the action limit of {number(limit.limit, 2)}, {_taken(looked, as_of)}{muscle}",
        state=CANNOT_TELL if stale else MET,
        severity=WATCH,
        since=reached[0].day,
        recheck_on=next_after(as_of, newest.day + parameters.latest_days + 1, looked.course.through + 1),
        evidence=(looked.course.newest.fact, *(one.fact for one in run), *(() if other is None else (other.fact,))),
        because=f"no newer result than {day_text(newest.day)}" if stale else None,
        cause=Cause.STALE if stale else None,
    )


def _run_towards(patient: PatientFacts, limit: ActionLimit, newest: Reading, within_days: int) -> list[Reading]:
    """The results that moved towards the limit one after another, up to the newest, oldest first."""
    run = [newest]
    for one in reversed(patient.series(limit.measure)[:-1]):
        nearer = one.value > run[0].value if limit.direction == "below" else one.value < run[0].value
        if one.comparator or not nearer or newest.day - one.day > within_days:
            break
        run.insert(0, one)
    return run


def _is_trend(begun: Reading, now: Reading, limit: ActionLimit, parameters: Parameters) -> bool:
    """Far enough towards the limit, and a change that is more than the scatter of the test."""
    way, gone = limit.limit - begun.value, now.value - begun.value
    least = parameters.trend_fall if limit.direction == "below" else parameters.trend_rise
    return way != 0 and gone / way >= parameters.trend_share / 100 and abs(gone) >= least / 100 * begun.value


def _threshold(patient: PatientFacts, limit: ActionLimit, newest: Reading, as_of: int) -> Threshold | None:
    """What the newest result is held against; for a rise, the median of the results of the year before it."""
    if limit.kind == "absolute":
        return Threshold(limit.limit)
    if limit.kind == "times-limit":
        return Threshold(limit.limit * newest.limit) if newest.limit else None
    # A newest result older than the reach would be compared with results that a panel no longer reads.
    if as_of - newest.day > REACH_DAYS:
        return None
    reach = min(limit.within_days or REACH_DAYS, REACH_DAYS)
    before = [one for one in patient.series(limit.measure)[:-1] if newest.day - one.day <= reach]
    if not before:
        return None
    return Threshold(median(one.value for one in before) * (1 + limit.limit / 100), (before[-1].fact,))


def _is_beyond(reading: Reading, limit: ActionLimit, threshold: float) -> bool:
    """Whether a result certainly lies beyond: a bound counts only where even the bound itself does."""
    value, sign = reading.value, reading.comparator
    if limit.direction == "below":
        return value <= threshold if sign == "<" else sign == "" and value < threshold
    return value >= threshold if sign == ">" else sign == "" and value > threshold


def _since(patient: PatientFacts, limit: ActionLimit, threshold: float, newest: Reading) -> int:
    """The first day of the unbroken run of results beyond the threshold that ends with the newest one."""
    since = newest.day
    for one in reversed(patient.series(limit.measure)[:-1]):
        inside = one.value >= threshold if limit.direction == "below" else one.value <= threshold
        if inside or newest.day - one.day > REACH_DAYS:
            break
        since = one.day
    return since


def _muscle_instead(patient: PatientFacts, newest: Reading, parameters: Parameters) -> Reading | None:
    """The CK that makes muscle a likely source of a raised liver enzyme: raised itself, and taken near to it."""
    ck = _nearest_ck(patient, newest)
    if ck is None or abs(ck.day - newest.day) > parameters.ck_days:
        return None
    return ck if (ck.times_limit or 0) > parameters.raised_ck else None


def _muscle_at_another_time(patient: PatientFacts, newest: Reading, parameters: Parameters) -> Reading | None:
    """A raised CK of some other week, where none was taken near to the liver enzyme: muscle is possible, not likely."""
    ck = _nearest_ck(patient, newest)
    if ck is None or not parameters.ck_days < abs(ck.day - newest.day) <= parameters.ck_reach_days:
        return None
    return ck if (ck.times_limit or 0) > parameters.raised_ck else None


def _nearest_ck(patient: PatientFacts, newest: Reading) -> Reading | None:
    """The CK nearest to a result; of two as near the newer."""
    return min(patient.series("ck"), key=lambda one: (abs(one.day - newest.day), -one.day, -one.id), default=None)


def _muscle_possible(ck: Reading, parameters: Parameters) -> str:
    times = apart(ck.times_limit or 0.0, parameters.raised_ck)
    when = f"on {day_text(ck.day)}, at another time"
    return f"CK was {times} times its limit {when}: muscle is a possible source; {TELLS_APART}"


def _quiet_gamma_gt(patient: PatientFacts, newest: Reading, parameters: Parameters) -> Reading | None:
    """A gamma-GT taken near to the transaminase and within its limit: it speaks for the muscle."""
    found = patient.latest("gamma_gt")
    near = found is not None and abs(found.day - newest.day) <= parameters.ck_days
    return found if found is not None and near and found.limit is not None and found.value <= found.limit else None


def _liver_too(patient: PatientFacts, newest: Reading, parameters: Parameters) -> Reading | None:
    """A liver test that muscle does not raise, raised itself and taken near to the transaminase."""
    for key in OF_THE_LIVER:
        other = patient.latest(key)
        if other is not None and abs(other.day - newest.day) <= parameters.ck_days and (other.times_limit or 0) > 1:
            return other
    return None


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The drug and the fact that makes it dangerous."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return f"{row['said']}: {row['cannot_tell_because']}."
    return f"{row['said']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["state"] == CANNOT_TELL:
        if row["issue"] == FREQUENCY:
            return "ask how often it is taken"
        return (
            "hold it against the limits for this age" if "children" in row["cannot_tell_because"] else "measure again"
        )
    if row["issue"] == TREND:
        return "look at the series; repeat earlier than planned if it goes on"
    if row["issue"] == LIMIT and row["severity"] == URGENT:
        return "today: call the patient, hold the drug until the prescriber has decided, repeat the test"
    if row["issue"] == LIMIT and row["severity"] == WATCH:
        if row["quiet_liver"]:
            return "follow it with CK; muscle explains it better than the drug, which is not stopped for this alone"
        return "add GGT and bilirubin before blaming the drug; do not stop it for this alone"
    if row["issue"] == DOSE and row["severity"] == URGENT:
        return "call the patient today: what is really taken; correct the dose, unit or frequency"
    actions: Mapping[str, str] = {
        DOSE: "ask what is really taken; correct the dose, unit or frequency, or confirm it with the reason",
        FREQUENCY: "call the patient today: what is really taken; blood count, creatinine; correct the prescription",
        INTERACTION: (
            "call the prescriber today: another drug against Pneumocystis, or a documented decision with blood counts"
        ),
        PREGNANCY: "talk to the patient today: contraception, pregnancy test; another drug where pregnancy is planned",
        LUNG: "ask at the next visit whether azathioprine or mycophenolate suits better; lung function",
        LIMIT: "repeat within a week, look at the dose; decide on a pause with the prescriber",
    }
    return actions[str(row["issue"])]


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`ALT, AST beyond the action limit under methotrexate`; a single answer is told in full."""
    if len(rows) == 1:
        return ""
    pairs = [str(row["subject"]).partition(":") for row in rows]
    measured = listed([subject_label(measure or drug) for drug, _, measure in pairs])
    return f"{measured} beyond the action limit under {listed([drug for drug, _, _ in pairs])}"


def one_line(row: Mapping[str, Any]) -> str:
    """Values beyond their limits share a line; every other danger has its own."""
    return LIMIT if row.get("issue") == LIMIT else str(row["subject"])


RULE = Rule(
    key="drug-safety",
    title="Drug safety",
    question="Does a drug on the list endanger this patient?",
    why_it_matters=(
        "Daily instead of weekly methotrexate, and methotrexate with trimethoprim, have killed. Falling counts "
        "are seen by "
        "whoever opens the result, if anybody does."
    ),
    assess=assess,
    ages=lambda parameters: (INFANT_UNTIL_YEARS, parameters.adult_from),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="drug and issue",
    reads=(
        "medications",
        "white_cells",
        "neutrophils",
        "platelets",
        "haemoglobin",
        "alt",
        "ast",
        "creatinine",
        "egfr",
        "albumin",
        "bilirubin",
        "gamma_gt",
        "mcv",
        "eosinophils",
        "lymphocytes",
        "potassium",
        "magnesium",
        "urine_protein",
        "tacrolimus_level",
        "systolic",
        "diastolic",
        "ck",
        "pregnancy_possible",
        "contraception",
        "interstitial_lung_disease",
    ),
    sources=(
        Source(
            "NHS Specialist Pharmacy Service: action limits of disease-modifying drugs",
            2024,
            "sps.nhs.uk/monitorings",
            "seen",
        ),
        Source("NHS protocol: methotrexate with co-trimoxazole", None, "docest.com/doc/90798", "seen", "avoid"),
        Source(
            "ACR guideline on reproductive health",
            2020,
            "the-rheumatologist.org",
            "seen",
            "stop cyclophosphamide, mycophenolate and methotrexate in pregnancy",
        ),
        Source(
            "Product information of JAK inhibitors",
            None,
            "mims.com",
            "seen",
            "interrupt at low neutrophils or haemoglobin",
        ),
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "methotrexate weekly; not with lung disease",
        ),
    ),
    known_false_alarms=(
        "a frequency typed wrongly in the record: that too must be corrected",
        "a low-dose co-trimoxazole prophylaxis on which a specialist decided: acknowledge it with the reason",
        "a low count after an infection; raised liver enzymes from muscle; creatinine after a dry day",
        "an old prescription left open beside the new one",
    ),
    clears_when=lambda limits: (
        "the drug list or the record is corrected, a later result lies inside the limit, or the drug ends (of a "
        f"dangerous value: {stretch(limits.after_days)} after it, where nothing else is taken)"
    ),
    in_time=lambda limits: f"{stretch(limits.after_days)} after the end of the drug of a dangerous value",
    topic="treatment safety",
    limitations=(
        "Most limits are for adults; for a child beyond one of them it is said that none is known. Limits marked "
        "default are site settings. Interactions other than methotrexate with trimethoprim are not looked at. An alert "
        "is a reason to look, not to stop a drug."
    ),
    catalogue=("GC-10", "IS-04", "IS-05", "IS-08", "SAFE-05", "SAFE-13"),
    version="2.0.0",
    changed=(
        "Single dangerous values are urgent whatever the drug (neutrophils, platelets, haemoglobin, potassium, "
        "creatinine, liver enzymes as multiples of their reported limits); albumin, MCV, eosinophils, eGFR and blood "
        "pressure have limits; a trend towards a limit is noted; for a child beyond an adult limit it is said that "
        "none is known. A dangerous value is told under any drug and for four weeks after it; biologics have limits "
        "for counts; raised gamma-GT or bilirubin beside a transaminase says that muscle alone does not explain it. A "
        "dose that is hardly ever meant is asked about; muscle is named beside a transaminase wherever CK is raised."
    ),
    phrase=phrase,
    one_line=one_line,
    examples=(
        Example(
            title="methotrexate every day",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "daily", "start": -3},),
            expect={"subject": "methotrexate:frequency", "state": MET, "severity": URGENT, "since": -3},
        ),
        Example(
            title="400 mg of prednisone every day, typed for 40",
            medications=({"drug": "prednisone", "dose": 400, "start": -10},),
            expect={"subject": "prednisone:dose", "state": MET, "severity": ACTION, "since": -10},
        ),
        Example(
            title="co-trimoxazole beside weekly methotrexate",
            medications=(
                {"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100},
                {"drug": "co-trimoxazole", "dose": 960, "frequency": "twice-daily", "start": -2},
            ),
            expect={"subject": "methotrexate+co-trimoxazole", "state": MET, "severity": URGENT, "since": -2},
        ),
        Example(
            title="white cells 3.1 under azathioprine",
            observations=({"measure": "white_cells", "value": 3.1, "day": -2},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -100},),
            expect={"subject": "azathioprine:white_cells", "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="neutrophils 0.4 are for today, whatever the drug and the age",
            patient={"age_years": 9},
            observations=({"measure": "neutrophils", "value": 0.4, "day": -1},),
            medications=({"drug": "prednisone", "dose": 5, "start": -100},),
            expect={"subject": "prednisone:neutrophils", "state": MET, "severity": URGENT, "since": -1},
        ),
        Example(
            title="the drug was stopped five days ago, and the neutrophils of yesterday are 0.4",
            observations=({"measure": "neutrophils", "value": 0.4, "day": -1},),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300, "end": -5},),
            expect={"subject": "methotrexate:neutrophils", "state": MET, "severity": URGENT, "since": -1},
        ),
        Example(
            title="ALT 130 with CK at five times its limit, and gamma-GT raised too",
            observations=(
                {"measure": "alt", "value": 130, "day": -2},
                {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -2},
                {"measure": "gamma_gt", "value": 180, "upper_limit": 60, "day": -2},
            ),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100},),
            expect={"subject": "methotrexate:alt", "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="platelets 380, 300, 220: inside the limit, and on the way to it",
            observations=(
                {"measure": "platelets", "value": 380, "day": -100},
                {"measure": "platelets", "value": 300, "day": -70},
                {"measure": "platelets", "value": 220, "day": -40},
            ),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            expect={"subject": "methotrexate:platelets", "state": MET, "severity": WATCH, "since": -40},
        ),
        Example(
            title="ALT 130 with CK at five times its limit: watched",
            observations=(
                {"measure": "alt", "value": 130, "day": -2},
                {"measure": "ck", "value": 1000, "upper_limit": 200, "day": -2},
            ),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -100},),
            expect={"subject": "methotrexate:alt", "state": MET, "severity": WATCH, "since": -2},
        ),
        Example(
            title="pregnancy possible under mycophenolate, contraception on record",
            medications=({"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -100},),
            events=({"event": "pregnancy_possible", "day": -100}, {"event": "contraception", "day": -90}),
            expect={"subject": "mycophenolate mofetil:pregnancy", "state": NOT_MET},
        ),
        Example(
            title="a low count that nobody repeated for four months",
            observations=({"measure": "white_cells", "value": 3.1, "day": -120},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -300},),
            expect={"subject": "azathioprine:white_cells", "state": CANNOT_TELL},
        ),
    ),
)

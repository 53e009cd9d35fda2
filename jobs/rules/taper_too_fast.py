"""Was the steroid cut too fast?

Looked at: the steady steroid dose (pulses left out) of the last weeks, and whether strength is declining.
What counts: while strength declines, a cut of more than one step of the taper template within two weeks that has not
been taken back. Also a full stop after three weeks or more above 7.5 mg a day: the adrenal glands may not have
recovered. What does not: a taper in single steps; the end of a pulse; a dose held for less than three days. Where an
older statement without an end may still be taken, nobody can tell whether it was a stop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs import exposure as steroids
from jobs import taper
from jobs.newest import DECLINING_STRENGTH, next_after, strength_verdict
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
    stretch,
)
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, date_of
from models.states import Cause, State
from models.vocabulary import taper_templates

IN_FLARE, STOP = "reduction-in-flare", "abrupt-stop"
ON, OFF = "on", "off"
SUPPRESSION = (
    "above 7.5 mg/day for more than three weeks: droracle.ai/articles/875307, read second-hand, to be verified; three "
    "weeks: hospital protocol, redbook.streamliners.co.nz/44735.htm"
)
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
    tablet_mg: float = parameter(
        0.5,
        unit="mg/day",
        low=0,
        high=2.5,
        meaning="a child's dose this near to a step per kilogram is the step: tablets cannot do more",
    )
    smallest_step_mg: float = parameter(
        1.0,
        unit="mg/day",
        low=0,
        high=5,
        meaning="a cut of no more than this is never more than one step: tablets are no smaller",
    )
    held_days: int = parameter(3, unit="days", low=1, high=14, meaning="a dose held for less is not compared with")
    remembered_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="how long a cut that was not taken back is shown"
    )
    judge_stops: str = parameter(
        ON,
        unit="on or off",
        choices=(ON, OFF),
        meaning="whether a full stop after a long course is shown; its limits are to be verified by a clinician",
    )
    stop_after_days: int = parameter(
        21,
        unit="days",
        low=7,
        high=180,
        meaning="days above the dose after which a full stop is a risk",
        source=SUPPRESSION,
        mark="memory",
    )
    stop_above_mg: float = parameter(
        7.5,
        unit="mg/day prednisone-equivalent",
        low=2.5,
        high=30,
        meaning="the dose above which a full stop is a risk",
        source=SUPPRESSION,
        mark="memory",
    )
    stop_above_mg_per_kg_child: float = parameter(
        0.1,
        unit="mg/kg/day prednisone-equivalent",
        low=0.05,
        high=0.5,
        meaning="in a child a dose above this, where that is less, makes a full stop a risk",
        source="the adult's 7.5 mg at about 70 kg, scaled",
    )


class Cut(NamedTuple):
    """A cut of more than one step: the day of the lower dose, the dose before, the dose after, the step allowed."""

    day: int
    before_mg: float
    after_mg: float
    allowed_mg: float


class Level(NamedTuple):
    """Days at one steady dose, mg/day; days off are 0."""

    first: int
    last: int
    mg: float


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """For whoever has a steroid on file: the cut in a flare, and the full stop unless that is switched off."""
    found = steroids.exposure(patient)
    if not found.statements and not found.unknown:
        return
    yield _cut_in_flare(patient, found, as_of, parameters)
    if parameters.judge_stops == ON:
        yield _full_stop(patient, found, as_of, parameters)


def _cut_in_flare(patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: Parameters) -> Answer:
    cut = newest_cut(patient, found, as_of, parameters)
    if cut is None:
        return Answer(
            IN_FLARE,
            NOT_MET,
            recheck_on=next_after(as_of, found.next_change),
            evidence=steroids.evidence(found, as_of),
            numbers=_numbers(found, as_of),
        )
    strength = strength_verdict(patient)
    state, because, cause = NOT_MET, None, None
    if strength.met and _dose_unknown_since(found, cut.day - parameters.within_days):
        state, because, cause = CANNOT_TELL, steroids.why_unknown(found), Cause.DOSE_UNKNOWN
    elif strength.met:
        state = MET
    elif not _strength_is_steady(patient):
        state, because = CANNOT_TELL, "no recent strength score to compare with an earlier one"
        cause = Cause.NOTHING_TO_COMPARE
    met = state == MET
    return Answer(
        IN_FLARE,
        state,
        severity=ACTION if met else None,
        since=max(cut.day, strength.since or cut.day) if met else None,
        recheck_on=next_after(as_of, found.next_change, cut.day + parameters.remembered_days, strength.recheck_on),
        evidence=steroids.evidence(found, cut.day - parameters.within_days) + (strength.facts if met else ()),
        cannot_tell_because=because,
        cause=cause,
        numbers=_numbers(
            found,
            as_of,
            cut_on=date_of(cut.day),
            before_mg=round(cut.before_mg, 3),
            after_mg=round(cut.after_mg, 3),
            allowed_mg=round(cut.allowed_mg, 3),
        ),
    )


def _strength_is_steady(patient: PatientFacts) -> bool:
    """Whether any instrument could be judged: one that shows no fall outweighs another too old to say."""
    return any(answer.state == State.NOT_MET for answer in patient.answers_of(DECLINING_STRENGTH))


def _dose_unknown_since(found: steroids.Exposure, day: int) -> bool:
    return any(one.last >= day for one in found.unknown)


def newest_cut(patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: Parameters) -> Cut | None:
    """The newest cut of more than one step within the remembered days that has not been taken back."""
    if not _has_come_down(found, as_of, parameters):
        return None
    levels = steady_levels(found.known, as_of)
    now = levels[-1].mg
    for level in reversed(levels):
        if level.first <= as_of - parameters.remembered_days:
            break
        before_mg = _highest_held(levels, level.first, parameters)
        if before_mg <= level.mg:
            continue
        allowed_mg = one_step_below(patient, before_mg, found.kilograms, parameters)
        cut_to = max(level.mg, now)
        is_more = before_mg - cut_to > parameters.smallest_step_mg + steroids.SMALLEST_DIFFERENCE_MG
        slack_mg = parameters.tablet_mg if by_the_kilogram(patient, found, parameters) else 0.0
        if is_more and cut_to < allowed_mg - slack_mg - steroids.SMALLEST_DIFFERENCE_MG:
            return Cut(level.first, before_mg, level.mg, allowed_mg)
    return None


def by_the_kilogram(patient: PatientFacts, found: steroids.Exposure, parameters: Parameters) -> bool:
    """Whether a step of the taper is so many mg/kg: what it leads to is no number of tablets."""
    key = parameters.template_child if patient.is_child() else parameters.template
    return taper_templates()[key].unit == "mg/kg" and bool(found.kilograms)


def _has_come_down(found: steroids.Exposure, as_of: int, parameters: Parameters) -> bool:
    """Whether the steady dose is lower than it was at any time in the weeks that count."""
    today_mg = found.dose_on(as_of, steady=True) + steroids.SMALLEST_DIFFERENCE_MG
    reach = as_of - parameters.remembered_days - parameters.within_days
    return any(one.steady_mg > today_mg for one in found.known if one.end >= reach)


def _highest_held(levels: Sequence[Level], day: int, parameters: Parameters) -> float:
    """The highest dose that was held for long enough in the weeks before a day, mg/day."""
    highest = 0.0
    for first, last, mg in levels:
        held = min(last, day - 1) - max(first, day - parameters.within_days) + 1
        if held >= parameters.held_days:
            highest = max(highest, mg)
    return highest


def steady_levels(segments: Sequence[steroids.Segment], as_of: int) -> list[Level]:
    """The steady dose as levels without holes up to a day, oldest first."""
    levels: list[Level] = []

    def add(first: int, last: int, mg: float) -> None:
        if first > last:
            return
        if levels and abs(levels[-1].mg - mg) <= steroids.SMALLEST_DIFFERENCE_MG:
            levels[-1] = levels[-1]._replace(last=last)
        else:
            levels.append(Level(first, last, mg))

    reached = segments[0].start - 1
    for segment in segments:
        add(reached + 1, segment.start - 1, 0.0)
        add(segment.start, segment.end, segment.steady_mg)
        reached = segment.end
    add(reached + 1, as_of, 0.0)
    return levels


def one_step_below(patient: PatientFacts, mg: float, kilograms: float | None, parameters: Parameters) -> float:
    """The dose that one step of the taper leads to, mg/day."""
    key = parameters.template_child if patient.is_child() else parameters.template
    if taper_templates()[key].unit == "mg/kg":
        if kilograms is not None and kilograms > 0:
            return taper.one_step_below(key, mg, kilograms)
        key = parameters.template
    return taper.one_step_below(key, mg)


def _full_stop(patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: Parameters) -> Answer:
    """No steady dose any more, and a long course above the limit until just before."""
    limit_mg = parameters.stop_above_mg
    if patient.is_child() and found.kilograms is not None:
        limit_mg = min(limit_mg, parameters.stop_above_mg_per_kg_child * found.kilograms)
    above_mg = limit_mg + steroids.SMALLEST_DIFFERENCE_MG
    taken = steroids.newest_run(found.known, lambda one: one.steady_mg > 0, gap_days=0)
    course = steroids.newest_run(found.known, lambda one: one.steady_mg > above_mg, gap_days=3)
    forgotten = None if taken is None else taken.last + 1 + parameters.remembered_days
    if taken is None or taken.last >= as_of or forgotten is None or forgotten <= as_of:
        return Answer(
            STOP,
            NOT_MET,
            recheck_on=next_after(as_of, found.next_change),
            evidence=steroids.evidence(found, as_of),
            numbers=_numbers(found, as_of),
        )
    long = course is not None and course.days >= parameters.stop_after_days
    abrupt = long and course is not None and course.last > taken.last - _NEAR_THE_END_DAYS
    why_unsure, cause = _why_a_stop_is_unsure(found, as_of, parameters)
    unsure = abrupt and bool(why_unsure)
    return Answer(
        STOP,
        CANNOT_TELL if unsure else MET if abrupt else NOT_MET,
        severity=URGENT if abrupt and not unsure else None,
        since=taken.last + 1 if abrupt and not unsure else None,
        recheck_on=next_after(as_of, found.next_change, forgotten),
        evidence=steroids.evidence(found, as_of if course is None else course.start),
        cannot_tell_because=why_unsure if unsure else None,
        cause=cause if unsure else None,
        numbers=_numbers(
            found,
            as_of,
            cut_on=date_of(taken.last + 1),
            above_mg_days=0 if course is None else course.days,
            stop_limit_mg=round(limit_mg, 3),
        ),
    )


def _why_a_stop_is_unsure(
    found: steroids.Exposure, as_of: int, parameters: Parameters
) -> tuple[str | None, Cause | None]:
    """An unknown dose or end of these weeks, or an older statement without an end that may have gone on."""
    since = as_of - parameters.remembered_days
    if _dose_unknown_since(found, since):
        return steroids.why_unknown(found), Cause.DOSE_UNKNOWN
    ended = [one for one in found.replaced if one.by.end is not None and one.by.end >= since]
    return ("; ".join(one.words for one in ended), Cause.FACTS_DISAGREE) if ended else (None, None)


def _numbers(found: steroids.Exposure, as_of: int, **known: Any) -> dict[str, Any]:
    """What `explain` quotes."""
    return {
        "cut_on": None,
        "dose": round(found.dose_on(as_of, steady=True), 3),
        "above_mg_days": None,
        "stop_limit_mg": None,
        "before_mg": None,
        "after_mg": None,
        "allowed_mg": None,
        **known,
    }


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The doses before and after, and the step that would have been one."""
    if row["subject"] == STOP:
        if row["state"] == NOT_MET:
            return "No full stop of a long steroid course in the last weeks."
        text = (
            f"No regular steroid of known dose on file since {day_text(row['cut_on'])}, after "
            f"{number(row['above_mg_days'])} days above {number(row['stop_limit_mg'], 2)} mg/day"
        )
        if row["state"] == CANNOT_TELL:
            return f"{text}; whether it was stopped cannot be told: {row['cannot_tell_because']}."
        return f"{text}: the adrenal glands may not have recovered (limits to be verified by a clinician)."
    if row.get("cut_on") is None or row["cut_on"] != row["cut_on"]:
        return f"No cut of the steroid by more than one step of the taper within {parameters.within_days} days."
    cut = (
        f"the steroid came down from {number(row['before_mg'], 2)} to {number(row['after_mg'], 2)} mg/day within "
        f"{parameters.within_days} days, on {day_text(row['cut_on'])}; one step would have been to "
        f"{number(row['allowed_mg'], 2)} mg"
    )
    if row["state"] == MET:
        return f"While strength is lower than it was, {cut}."
    if row["state"] == CANNOT_TELL:
        return f"{cut[0].upper()}{cut[1:]}. Whether strength fell cannot be told: {row['cannot_tell_because']}."
    return f"{cut[0].upper()}{cut[1:]}. No fall of strength is left."


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
    title="Steroid cut fast or stopped",
    question="Is the steroid coming down faster than the disease allows?",
    why_it_matters=(
        "A rapid cut while strength is falling can deepen the flare. The way to a lower dose is then to strengthen the "
        "rest of the treatment first."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="reduction",
    after=(DECLINING_STRENGTH,),
    reads=("medications", "weight", DECLINING_STRENGTH),
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
            "redbook.streamliners.co.nz/44735.htm; droracle.ai/articles/875307 (second-hand)",
            "seen",
            "unlikely before three weeks; a taper is called for after more than three weeks above 7.5 mg/day",
        ),
    ),
    known_false_alarms=(
        "the new prescription is not entered yet",
        "a cut made on purpose because steroid myopathy is suspected",
        "a short rise for another illness that ended as planned",
    ),
    clears_when="the dose is back within one step, or strength no longer declines",
    in_time=lambda limits: f"the step or the stop is {stretch(limits.remembered_days)} ago",
    topic="steroid dose",
    limitations=(
        "The limits of an abrupt stop are from memory and to be verified. "
        "How fast is too fast is a setting of this program. The full stop after a long course rests on limits "
        "read second-hand, which the sentence says; a prescription that is not yet renewed looks the same."
    ),
    version="2.0.0",
    changed=(
        "A full stop after weeks of steroid is shown as shipped, from the day after the last dose; a dose prescribed "
        "anew, or changed without an end of the older one, is neither."
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
        Example(
            title="60 then 50 mg for four weeks and nothing since eleven days",
            medications=(
                {"drug": "prednisone", "dose": 60, "unit": "mg", "frequency": "daily", "start": -39, "end": -18},
                {"drug": "prednisone", "dose": 50, "unit": "mg", "frequency": "daily", "start": -17, "end": -11},
            ),
            patient={"age_years": 56},
            expect={"subject": STOP, "state": MET, "severity": URGENT, "since": -10},
        ),
    ),
)

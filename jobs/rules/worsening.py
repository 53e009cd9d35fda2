"""Is this patient worse, whether or not strength was measured?

Looked at: the globals of physician and patient, the questionnaire on function, strength and enzymes of each visit,
vital capacity, weight, rash, skin ulcers and calcinosis, and what patient or parent report. What counts: a visit that
meets a published definition of worsening against the mean of the patient's own visits of the year before; a single
measure clearly worse; a new rash or calcinosis, skin ulcers, a loss of weight; a flare reported, and nobody saw the
patient since: that asks for a call back this week. It ends when it is measured again and regained, or said to be over;
silence ends nothing. Scores of different instruments are never compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from jobs.newest import forgotten, lasts_until, next_after, still_there
from jobs.rule import (
    ACTION,
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
    stretch,
)
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.scores.core_set import (
    ENZYME_RANGE_IN_UPPER_LIMITS,
    SCALE_RANGES,
    CoreSet,
    EnzymeResult,
    StrengthScore,
    follow_enzyme,
)
from jobs.scores.worsening import CORE_SET, IMACS, PRODERM, VisitWorsening, judge
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause, Severity
from models.vocabulary import events, measure

SUBJECT = "patient"
GLOBALS = ("physician_global", "patient_global", "extramuscular_global")
FUNCTION = ("haq", "chaq")
ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")
SEEN_BY = (*GLOBALS, *FUNCTION, *INSTRUMENTS)
"""What a visit consists of; a blood test alone is none."""
SEEN_IN_PERSON = ("physician_global", "extramuscular_global", *INSTRUMENTS)
"""What needs somebody who sees the patient: a questionnaire may come from home."""
SIGNS = ("rash", "skin_ulcers", "weight_loss", "calcinosis")
NEW_ONLY = ("rash", "calcinosis")
"""Signs with which the disease may have come: they count where they are new to somebody known before."""
LASTING = ("calcinosis",)
"""What stays: that it is new is told for a while, and nobody is asked whether it is still there."""
FLARE = "flare_reported"
VITAL_CAPACITY = "fvc_percent"
_CORE_MEASURE = {
    **dict.fromkeys(INSTRUMENTS, "strength"),
    **dict.fromkeys(FUNCTION, "haq"),
    **dict.fromkeys(ENZYMES, "enzyme"),
}
_FAR = 1e9
CORE_TITLES = {
    "physician_global": "physician global",
    "patient_global": "patient global",
    "extramuscular_global": "extramuscular activity",
}
LIMB_MEASURES = {"a": ("physician_global", "strength"), "b": ("extramuscular_global",)}
"""Of the first two limbs of the definitions the measures they look at; the third looks at all."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the worsening rule; the numbers of the published definitions stand in `jobs.scores.worsening`."""

    within_days: int = parameter(
        182, unit="days", low=60, high=182, meaning="a visit older than this says nothing about today", mark="contract"
    )
    reference_days: int = parameter(
        365, unit="days", low=90, high=365, meaning="how far back the patient's own visits count", mark="contract"
    )
    reference_visits: int = parameter(
        3, unit="visits", low=1, high=6, meaning="up to this many of the patient's own visits before", mark="contract"
    )
    least_change: float = parameter(
        5,
        unit="% of the scale",
        low=0,
        high=10,
        meaning="of three measures worse by 30 % each has to differ by this too: near zero 30 % is nothing",
    )
    global_points: float = parameter(
        2, unit="points of 10", low=1, high=5, meaning="a physician global worse by this counts alone", mark="contract"
    )
    patient_global_points: float = parameter(
        3, unit="points of 10", low=1, high=8, meaning="a patient global worse by this is told, to be asked about"
    )
    function_points: float = parameter(
        0.5, unit="points of 3", low=0.2, high=2, meaning="a HAQ or CHAQ worse by this is told, to be asked about"
    )
    fvc_points: float = parameter(
        10,
        unit="points of per cent predicted",
        low=5,
        high=30,
        meaning="a vital capacity lower by this counts alone",
        mark="contract",
    )
    fvc_reference_days: int = parameter(
        182, unit="days", low=60, high=365, meaning="the best vital capacity is looked for so far back", mark="contract"
    )
    weight_percent: float = parameter(
        5, unit="% of body weight", low=3, high=15, meaning="a weight lower by this is told, to be asked about"
    )
    weight_reference_days: int = parameter(
        182, unit="days", low=60, high=365, meaning="weights so far back are what it is compared with"
    )
    sign_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="a new rash, ulcers or loss of weight, never mentioned again, "
        "is taken to be there this long",
    )  # fmt: skip
    flare_days: int = parameter(
        14, unit="days", low=3, high=42, meaning="a reported flare asks for a call back this long", mark="contract"
    )


class _Finding(NamedTuple):
    """One thing that is worse: since when, in words, its facts, how soon to look, and when time alone changes it.

    `waits`: it was reported lately, and nobody has seen the patient since. `tells`: the measures it names.
    """

    since: int
    said: str
    facts: tuple[str, ...]
    severity: Severity
    turns: tuple[int, ...]
    waits: bool = False
    tells: tuple[str, ...] = ()


class _Untold(NamedTuple):
    """Something that was worse and of which nobody said any more; until when that is asked about."""

    because: str
    until: int
    facts: tuple[str, ...]


class _Visit(NamedTuple):
    """What was measured on a day, by measure."""

    day: int
    readings: Mapping[str, Reading]


class _Single(NamedTuple):
    """A measure that counts alone: what is worse, by how much, and against what.

    Attributes:
        label, unit: how it is said.
        points: name of the parameter with the step; of weight per cent of the reference.
        days: name of the parameter that says how far back the reference lies.
        sign: 1 where higher is worse.
        best: it is held against the best value, not the mean.
    """

    measure: str
    label: str
    unit: str
    points: str
    days: str
    severity: Severity
    sign: int = 1
    best: bool = False
    relative: bool = False


SINGLES = (
    _Single("physician_global", "physician global", " of 10", "global_points", "reference_days", ACTION),
    _Single(VITAL_CAPACITY, "FVC", " %", "fvc_points", "fvc_reference_days", ACTION, -1, best=True),
    _Single("patient_global", "patient global", " of 10", "patient_global_points", "reference_days", WATCH),
    _Single("haq", "HAQ", " of 3", "function_points", "reference_days", WATCH),
    _Single("chaq", "CHAQ", " of 3", "function_points", "reference_days", WATCH),
    _Single("weight", "weight", " kg", "weight_percent", "weight_reference_days", WATCH, -1, relative=True),
)


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient who was seen, or of whom something was reported."""
    visits = _visits(patient, as_of, parameters)
    reported = {one.event: one for one in patient.happenings if one.event == FLARE or one.event in SIGNS}
    capacity = patient.series(VITAL_CAPACITY)
    if not visits and not capacity and not reported and len(patient.series("weight")) < 2:
        return
    found: list[_Finding | _Untold | None] = [_flare(reported.get(FLARE), visits, as_of, parameters)]
    found += [_sign(patient, reported[kind], visits, as_of, parameters) for kind in SIGNS if kind in reported]
    defined = _by_definition(visits, as_of, parameters)
    told = () if defined is None else defined.tells
    found.append(defined)
    found += [
        _single(one, patient.series(one.measure), as_of, parameters) for one in SINGLES if one.measure not in told
    ]
    found += [
        _not_measured_again(one, patient.series(one.measure), as_of, parameters)
        for one in SINGLES
        if one.severity == ACTION
    ]
    findings = [one for one in found if isinstance(one, _Finding)]
    only_lung = bool(findings) and all(one.tells == (VITAL_CAPACITY,) for one in findings)
    untold = [one for one in found if isinstance(one, _Untold)]
    newest = [series[-1].day for series in (visits, capacity) if series]
    answer = Answer(
        SUBJECT,
        NOT_MET,
        recheck_on=next_after(
            as_of,
            *(day + parameters.within_days + 1 for day in newest),
            *(turn for one in findings for turn in one.turns),
            *(one.until for one in untold),
        ),
        numbers={
            "said": "",
            "call_back": False,
            "only_lung": only_lung,
            "last_visit": date_of(visits[-1].day) if visits else None,
            "nothing_before": _nothing_before(visits, as_of, parameters),
        },
    )
    if findings:
        severity = ACTION if any(one.severity == ACTION for one in findings) else WATCH
        yield answer._replace(
            state=MET,
            grade=None if severity == ACTION else POSSIBLE,
            severity=severity,
            since=min(one.since for one in findings),
            evidence=tuple(dict.fromkeys(fact for one in findings for fact in one.facts)),
            numbers={
                **answer.numbers,
                "said": "; ".join(one.said for one in findings),
                "call_back": any(one.waits for one in findings),
            },
        )
    elif untold:
        yield answer._replace(
            state=CANNOT_TELL,
            evidence=tuple(fact for one in untold for fact in one.facts),
            cannot_tell_because="; ".join(one.because for one in untold),
            cause=Cause.STALE,
        )
    elif visits and as_of - visits[-1].day > parameters.within_days:
        because = f"no visit since {day_text(visits[-1].day)}"
        yield answer._replace(state=CANNOT_TELL, cannot_tell_because=because, cause=Cause.STALE)
    elif newest or any(as_of - one.last_day <= parameters.within_days for one in reported.values()):
        yield answer


# ----------------------------------------------------------------------------------------------------------- visits


def _visits(patient: PatientFacts, today: int, parameters: Parameters) -> list[_Visit]:
    """The days on which the patient was seen, oldest first, with what was measured on each.

    As far back as the visits of the last half year and what they are compared with; always the newest one.
    """
    earliest = today - parameters.within_days - parameters.reference_days
    days: dict[int, dict[str, Reading]] = {}
    newest: Reading | None = None
    for key in SEEN_BY:
        for reading in reversed(patient.series(key)):
            if newest is None or reading.day > newest.day:
                newest = reading
            if reading.day < earliest:
                break
            days.setdefault(reading.day, {}).setdefault(key, reading)
    if newest is None:
        return []
    if not days:
        return [_Visit(newest.day, {newest.measure: newest})]
    for key in ENZYMES:
        for reading in reversed(patient.series(key)):
            if reading.day < earliest:
                break
            if reading.day in days and reading.times_limit is not None:
                days[reading.day].setdefault(key, reading)
    return [_Visit(day, days[day]) for day in sorted(days)]


def _nothing_before(visits: Sequence[_Visit], today: int, parameters: Parameters) -> bool:
    """Whether there is no earlier visit to hold the newest one against."""
    if not visits or today - visits[-1].day > parameters.within_days:
        return False
    return len(visits) < 2 or visits[-1].day - visits[-2].day > parameters.reference_days


def _seen_since(visits: Sequence[_Visit], day: int) -> bool:
    """Whether somebody saw the patient on that day or later."""
    return any(one.day >= day and any(key in one.readings for key in SEEN_IN_PERSON) for one in reversed(visits))


# --------------------------------------------------------------------------------------------------- what is reported


def _flare(
    flare: Happening | None, visits: Sequence[_Visit], today: int, parameters: Parameters
) -> _Finding | _Untold | None:
    """A flare reported lately that nobody looked at; later nobody knows what came of it."""
    if flare is None or not flare.present or today - flare.day > parameters.within_days:
        return None
    if _seen_since(visits, flare.day):
        return None
    said = f"flare reported on {day_text(flare.day)}"
    if today - flare.day <= parameters.flare_days:
        return _Finding(flare.day, said, (flare.fact,), ACTION, (flare.day + parameters.flare_days + 1,), waits=True)
    return _Untold(f"{said}, and no visit since", flare.day + parameters.within_days + 1, (flare.fact,))


def _sign(
    patient: PatientFacts, newest: Happening, visits: Sequence[_Visit], today: int, parameters: Parameters
) -> _Finding | _Untold | None:
    """A rash, skin ulcers, a loss of weight or calcinosis that began within the last half year.

    A rash or calcinosis on file from the first day on belongs to the disease as it came, not to its worsening.
    """
    begun = _begin(patient, newest, parameters)
    if today - begun.day > parameters.within_days:
        return None
    if newest.event in NEW_ONLY and not _known_before(patient, visits, begun.day):
        return None
    if newest.event in LASTING:
        newest = begun
    kind = events()[newest.event].label.lower()
    if newest.event not in LASTING and forgotten(newest, today, parameters.sign_days, parameters.within_days):
        because = f"{kind} recorded on {day_text(newest.day)} and never mentioned again"
        return _Untold(because, min(begun.day, newest.day) + parameters.within_days + 1, (newest.fact,))
    if not still_there(newest, today, parameters.sign_days):
        return None
    again = "" if newest.day == begun.day else f", again on {day_text(newest.day)}"
    seen = _seen_since(visits, newest.day)
    said = f"{f'new {kind}' if newest.event in NEW_ONLY else kind} on {day_text(begun.day)}{again}"
    turns = (
        begun.day + parameters.within_days + 1,
        lasts_until(newest, parameters.sign_days) + 1,
        newest.day + parameters.flare_days + 1,
    )
    unhurried = newest.event in LASTING or (seen and newest.event != "skin_ulcers")
    severity = WATCH if unhurried else ACTION
    waits = not unhurried and not seen and today - newest.day <= parameters.flare_days
    return _Finding(begun.day, said, tuple(dict.fromkeys((begun.fact, newest.fact))), severity, turns, waits)


def _begin(patient: PatientFacts, newest: Happening, parameters: Parameters) -> Happening:
    """The first record of a sign that was mentioned again and again since, and never said to be over."""
    begun = newest
    for one in reversed(list(patient.events(newest.event))):
        over = one.end is not None and one.end < begun.day
        if not one.present or over or begun.day - one.day > parameters.reference_days:
            break
        begun = one
    return begun


def _known_before(patient: PatientFacts, visits: Sequence[_Visit], day: int) -> bool:
    """Whether anything is on file from before a day: a visit, a treatment, a diagnosis, an event."""
    diagnosed = patient.diagnosed_on
    return (
        (bool(visits) and visits[0].day < day)
        or any(one.start < day for one in patient.statements)
        or any(one.day < day for one in patient.happenings)
        or (diagnosed is not None and diagnosed < date_of(day))
    )


# ------------------------------------------------------------------------------------------ the published definitions


def _by_definition(visits: Sequence[_Visit], today: int, parameters: Parameters) -> _Finding | None:
    """The first visit of the last half year that meets the IMACS definition and that no later visit has regained."""
    for place, visit in enumerate(visits):
        if today - visit.day <= parameters.within_days:
            found = _worse_since(visits, place, parameters)
            if found is not None:
                return found
    return None


def _worse_since(visits: Sequence[_Visit], place: int, parameters: Parameters) -> _Finding | None:
    visit = visits[place]
    before = [one for one in visits[:place] if visit.day - one.day <= parameters.reference_days]
    if not before or not _may_be_worse(visit, before, parameters):
        return None
    instrument = _shared(INSTRUMENTS, visit, before)
    questionnaire = _shared(FUNCTION, visit, before)
    own = {key: _newest_of(before, key, parameters.reference_visits) for key in visit.readings}
    reference = {key: sum(map(_exact, values), Fraction(0)) / len(values) for key, values in own.items() if values}
    baseline = _core_set(reference, instrument, questionnaire)

    def measured(one: _Visit) -> CoreSet:
        values = {key: _exact(reading) for key, reading in one.readings.items()}
        return _core_set(values, instrument, questionnaire)

    told = judge(date_of(visit.day), baseline, measured(visit), IMACS)
    if not told.worse:
        return None
    changes = _changes(baseline, measured(visit), questionnaire or "")
    first = _beyond_a_hair(told, changes, parameters)
    if not any(first.limbs.values()):
        return None
    for later in visits[place + 1 :]:
        if _regained(first, judge(date_of(later.day), baseline, measured(later), IMACS)):
            return None
    counted = _counted(first)
    names = ", ".join(
        f"{changes[key].label} {_short(changes[key].before)} -> {_short(changes[key].after)}{changes[key].unit}"
        for key in counted
    )
    said = (
        f"definition of worsening (IMACS) met on {day_text(visit.day)} against the mean of the visits before ({names})"
    )
    following = visits[place + 1 : place + 2]
    if following:
        both = (visit, following[0])
        if all(judge(date_of(one.day), baseline, measured(one), PRODERM).worse for one in both):
            said += f", and again on {day_text(following[0].day)}: confirmed as in the ProDERM trial"
    keys = [changes[key].key for key in counted]
    facts = [reading.fact for key in keys for reading in own[key]]
    facts += [visit.readings[key].fact for key in keys]
    return _Finding(visit.day, said, tuple(facts), ACTION, (visit.day + parameters.within_days + 1,), tells=tuple(keys))


class _Change(NamedTuple):
    """A core measure before and now, as the definitions compare it; `width` is that of its scale."""

    key: str
    label: str
    unit: str
    before: Fraction
    after: Fraction
    width: int


def _changes(before: CoreSet, after: CoreSet, questionnaire: str) -> dict[str, _Change]:
    """The core measures on file both times; the enzyme is the one that was most abnormal before."""
    found = {}
    for key, width in SCALE_RANGES.items():
        if key in before.scales and key in after.scales:
            kept = key if key in GLOBALS else questionnaire
            label = kept.upper() if key == "haq" else CORE_TITLES[key]
            found[key] = _Change(kept, label, f" of {width}", before.scales[key], after.scales[key], width)
    if before.strength is not None and after.strength is not None:
        kept, top = before.strength.instrument, before.strength.maximum
        label = measure(kept).short_label
        found["strength"] = _Change(kept, label, f" of {top}", before.strength.score, after.strength.score, top)
    enzyme = follow_enzyme(before, after)
    if enzyme.enzyme is not None and enzyme.baseline is not None and enzyme.follow_up is not None:
        kept = enzyme.enzyme
        label, width = measure(kept).short_label, ENZYME_RANGE_IN_UPPER_LIMITS[kept]
        found["enzyme"] = _Change(kept, label, " times its limit", enzyme.baseline, enzyme.follow_up, width)
    return found


def _short(value: Fraction) -> str:
    return number(float(value), 2)


def _beyond_a_hair(visit: VisitWorsening, changes: Mapping[str, _Change], parameters: Parameters) -> VisitWorsening:
    """The same without measures of the third limb that differ by less than a share of their scale.

    From 0.3 to 0.5 of 10 is two thirds worse, and nothing.
    """
    least = Fraction(str(parameters.least_change)) / 100
    worse = tuple(
        key
        for key in visit.worse_measures
        if abs(changes[key].after - changes[key].before) >= least * changes[key].width
    )
    limbs = {**visit.limbs, CORE_SET: len(worse) >= IMACS.core_count}
    return replace(visit, worse_measures=worse, limbs=limbs)


def _counted(visit: VisitWorsening) -> list[str]:
    """The core measures of the limbs a visit meets."""
    counted: list[str] = []
    for limb, is_met in visit.limbs.items():
        if is_met:
            counted += LIMB_MEASURES.get(limb, visit.worse_measures)
    return list(dict.fromkeys(counted))


def _regained(first: VisitWorsening, later: VisitWorsening) -> bool:
    """Whether a later visit no longer meets any limb that the first one met; what was not measured is not regained."""
    for limb, is_met in first.limbs.items():
        if not is_met:
            continue
        if limb != CORE_SET:
            if later.limbs[limb] is not False:
                return False
        elif sum(key in later.worse_measures or key in later.missing for key in first.worse_measures) >= (
            IMACS.core_count
        ):
            return False
    return True


def _may_be_worse(visit: _Visit, before: Sequence[_Visit], parameters: Parameters) -> bool:
    """A look in plain numbers, a tenth more generous than the definitions: what fails it cannot meet one of them."""
    worse_by: dict[str, float] = {}
    share: dict[str, float] = {}
    for key, reading in visit.readings.items():
        own = _newest_of(before, key, parameters.reference_visits)
        if own:
            mean = sum(map(_roughly, own)) / len(own)
            worse = mean - _roughly(reading) if key in INSTRUMENTS else _roughly(reading) - mean
            measured = _CORE_MEASURE.get(key, key)
            worse_by[key] = worse
            relative = worse / mean if mean > 0 else (_FAR if worse > 0 else 0.0)
            share[measured] = max(share.get(measured, -_FAR), relative)
    step = 0.9 * float(IMACS.global_step)
    if worse_by.get("extramuscular_global", 0.0) >= step:
        return True
    strength = share.get("strength", 0.0) >= 0.9 * float(IMACS.strength_percent) / 100
    if strength and worse_by.get("physician_global", 0.0) >= step:
        return True
    return sum(one >= 0.9 * float(IMACS.core_percent) / 100 for one in share.values()) >= IMACS.core_count


def _newest_of(visits: Sequence[_Visit], key: str, most: int) -> list[Reading]:
    """Up to `most` of the newest values of a measure, oldest first."""
    found = []
    for one in reversed(visits):
        if key in one.readings:
            found.append(one.readings[key])
            if len(found) == most:
                break
    return found[::-1]


def _exact(reading: Reading) -> Fraction:
    """The value as written; an enzyme as a multiple of the limit reported with it."""
    value = _as_written(reading.value)
    return value / _as_written(reading.limit or 0.0) if reading.measure in ENZYMES else value


@lru_cache(maxsize=16_384)
def _as_written(value: float) -> Fraction:
    """Scores and limits are few; reading their text costs more than the arithmetic."""
    return Fraction(str(value))


def _roughly(reading: Reading) -> float:
    return (reading.times_limit or 0.0) if reading.measure in ENZYMES else reading.value


def _shared(keys: Sequence[str], visit: _Visit, before: Sequence[_Visit]) -> str | None:
    """The instrument used at the visit and at one before; instruments are never compared."""
    return next((key for key in keys if key in visit.readings and any(key in one.readings for one in before)), None)


def _core_set(values: Mapping[str, Fraction], instrument: str | None, questionnaire: str | None) -> CoreSet:
    """Values as the definitions compare them; enzymes are multiples of their limit already."""
    scales = {key: values[key] for key in GLOBALS if key in values}
    if questionnaire is not None and questionnaire in values:
        scales["haq"] = values[questionnaire]
    scored = instrument is not None and instrument in values
    return CoreSet(
        scales,
        StrengthScore(instrument, values[instrument]) if scored and instrument is not None else None,
        {key: EnzymeResult(values[key], Fraction(1)) for key in ENZYMES if key in values},
    )


# ------------------------------------------------------------------------------------------------ single measures


def _single(single: _Single, series: Sequence[Reading], today: int, parameters: Parameters) -> _Finding | None:
    """The first value of the last half year that is worse by a step and that no later one has regained.

    Regained is what came back to within half a step of the reference.
    """
    place = len(series)
    while place > 1 and today - series[place - 1].day <= parameters.within_days:
        place -= 1
    step: float = getattr(parameters, single.points)
    for current in range(max(place, 1), len(series)):
        own = _own(single, series, current, parameters)
        if not own:
            continue
        one = series[current]
        reference = sum(other.value for other in own) / len(own)
        needed = step * reference / 100 if single.relative else step
        if single.sign * (one.value - reference) < needed - 1e-9:
            continue
        if any(single.sign * (later.value - reference) <= needed / 2 + 1e-9 for later in series[current + 1 :]):
            continue
        facts = (*(other.fact for other in own), one.fact, series[-1].fact)
        turns = (one.day + parameters.within_days + 1,)
        said = _single_said(single, own, reference, one, series[-1])
        return _Finding(one.day, said, tuple(dict.fromkeys(facts)), single.severity, turns, tells=(single.measure,))
    return None


def _not_measured_again(
    single: _Single, series: Sequence[Reading], today: int, parameters: Parameters
) -> _Untold | None:
    """What was worse when it was last measured, longer ago than says something about today: silence is no recovery."""
    if not series or today - series[-1].day <= parameters.within_days:
        return None
    worse = _single(single, series, series[-1].day, parameters)
    if worse is None:
        return None
    return _Untold(f"{worse.said}, and nothing newer", today, worse.facts)


def _own(single: _Single, series: Sequence[Reading], place: int, parameters: Parameters) -> list[Reading]:
    """What a value is held against: the patient's own last few of earlier days, or the best of them; oldest first."""
    day = series[place].day
    earliest = day - getattr(parameters, single.days)
    found: list[Reading] = []
    for other in reversed(series[:place]):
        if other.day < earliest or (len(found) == parameters.reference_visits and not single.best):
            break
        if other.day < day:
            found.append(other)
    if single.best and found:
        return [max(found, key=lambda other: other.value)]
    return found[::-1]


def _single_said(single: _Single, own: Sequence[Reading], reference: float, worse: Reading, newest: Reading) -> str:
    """`physician global 1.5, the mean of the 2 before -> 5 of 10 on 22 Nov 2026`."""
    against = f", the mean of the {len(own)} before" if len(own) > 1 else f" on {day_text(own[0].day)}"
    now = f"{number(worse.value, 2)}{single.unit} on {day_text(worse.day)}"
    last = "" if newest.day == worse.day else f", {number(newest.value, 2)}{single.unit} on {day_text(newest.day)}"
    return f"{single.label} {number(reference, 2)}{against} -> {now}{last}"


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is worse, and against what."""
    if row["state"] == CANNOT_TELL:
        return f"Whether the disease is worse cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        if row["nothing_before"]:
            return f"Seen on {day_text(row['last_visit'])}: no earlier visit to compare with."
        return (
            "No published definition of worsening is met, nothing new is on file, and no flare waits for a call back."
        )
    said = str(row["said"])
    after = " No visit is on file since that was reported." if row["call_back"] else ""
    return f"Worse: {said}.{after}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL and "nothing newer" in str(row["cannot_tell_because"]):
        return "measure again what was worse, and see the patient"
    if row["state"] == CANNOT_TELL:
        return "ask the patient, and see them: globals, strength, function and skin"
    if row["state"] != MET:
        return ""
    if row["call_back"]:
        return "call back this week, and see the patient if it is a flare"
    if row["only_lung"]:
        return "repeat FVC and DLCO within weeks; ask about breath and cough; infection and breathing muscles too"
    if row["severity"] == WATCH:
        return "ask what changed, and examine strength, swallowing and skin at the next visit"
    return "see the patient: strength, enzymes, lungs and skin; then look at the state and the options"


RULE = Rule(
    key="worsening",
    title="Worse",
    question="Is the disease worse, whether or not strength was measured?",
    why_it_matters=(
        "A flare often shows first in what the patient says, in the physician's global, the lung or the skin. Waiting "
        "for a strength score loses weeks."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=(*SEEN_BY, *ENZYMES, "fvc_percent", "weight", FLARE, *SIGNS),
    sources=(
        Source(PRODERM.title, 2023, PRODERM.source, "seen", "two visits in a row"),
        Source(IMACS.title, 2005, IMACS.source, "memory", "its text could not be read"),
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "loss of weight, severe rash and difficulty swallowing call for more treatment",
        ),
        Source("Steps of single measures, and the least change of each", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "another physician's hand: globals of different people differ",
        "an infection or pain that weighs on the globals",
        "a vital capacity blown with less effort",
        "weight lost on purpose, or weight gained under steroids that goes again",
        "a rash of another cause, or one that was there before anybody wrote it down",
    ),
    clears_when=(
        "what was worse is measured again and has come back, the rash, ulcers or loss of weight are recorded as over, "
        "or the patient who reported a flare was seen"
    ),
    in_time=lambda limits: (
        f"a report or a sign that nobody mentioned again is more than {stretch(limits.within_days)} ago"
    ),
    topic="disease activity",
    limitations=(
        "The definitions were made for trials with complete visits; where measures are missing they stay silent, which "
        "is why single measures are looked at too. The text of the IMACS definition could not be read: its numbers are "
        "from memory. A visit is a day with a global, a questionnaire or a strength score on file; a questionnaire "
        "alone does not count as having been seen. A loss of weight is held against the patient's own weight: that a "
        "child does not gain is not looked at here."
    ),
    catalogue=("RSP-04", "ESC-18"),
    quiet_when_untold=True,
    # A fall of vital capacity alone is what the rule on lung function says, and says more exactly.
    stands_by_itself=lambda numbers: not numbers.get("only_lung"),
    version="2.0.0",
    changed=(
        "A new rash, skin ulcers and loss of weight; patient global, HAQ, CHAQ and weight alone, to be asked about; "
        "what was worse stays until it is measured again and regained; a flare that nobody looked at is asked about "
        "after its 14 days."
    ),
    examples=(
        Example(
            title="a flare reported by telephone, nobody saw the patient since",
            events=({"event": "flare_reported", "day": -3},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -3},
        ),
        Example(
            title="seen the day after the flare was reported",
            observations=({"measure": "physician_global", "value": 1, "day": -2},),
            events=({"event": "flare_reported", "day": -3},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="physician global from 2 to 5",
            observations=(
                {"measure": "physician_global", "value": 2, "day": -90},
                {"measure": "physician_global", "value": 2, "day": -45},
                {"measure": "physician_global", "value": 5, "day": 0},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="vital capacity ten points lower",
            observations=(
                {"measure": "fvc_percent", "value": 85, "day": -100},
                {"measure": "fvc_percent", "value": 75, "day": -1},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -1},
        ),
        Example(
            title="three core measures worse by a third at one visit",
            observations=(
                {"measure": "physician_global", "value": 3, "day": -60},
                {"measure": "patient_global", "value": 3, "day": -60},
                {"measure": "haq", "value": 1, "day": -60},
                {"measure": "physician_global", "value": 4.5, "day": 0},
                {"measure": "patient_global", "value": 4.5, "day": 0},
                {"measure": "haq", "value": 1.5, "day": 0},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the flare was reported three weeks ago and nobody knows what came of it",
            events=({"event": "flare_reported", "day": -21},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="a new rash three months after treatment began, seen by nobody yet",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -90},),
            events=({"event": "rash", "day": -2},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="the rash with which the disease came",
            observations=({"measure": "physician_global", "value": 6, "day": -2},),
            events=({"event": "rash", "day": -2},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="skin ulcers",
            observations=({"measure": "physician_global", "value": 2, "day": -1},),
            events=({"event": "skin_ulcers", "day": -1},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -1},
        ),
        Example(
            title="a child of nine whose CHAQ went from 0.5 to 1.25",
            patient={"age_years": 9, "diagnosis": "JDM"},
            observations=(
                {"measure": "chaq", "value": 0.5, "day": -60},
                {"measure": "chaq", "value": 1.25, "day": -1},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -1},
        ),
        Example(
            title="a physician global that went up two months ago and has come back since",
            observations=(
                {"measure": "physician_global", "value": 2, "day": -90},
                {"measure": "physician_global", "value": 5, "day": -60},
                {"measure": "physician_global", "value": 2.5, "day": -30},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="as every time",
            observations=(
                {"measure": "physician_global", "value": 3, "day": -60},
                {"measure": "physician_global", "value": 3.5, "day": 0},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

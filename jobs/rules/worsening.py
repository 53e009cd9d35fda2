"""Is this patient worse, whether or not strength was measured?

Looked at: the globals of physician and patient, the questionnaire on function, strength and enzymes of each visit,
vital capacity, and what patient or parent report. What counts: a visit that meets a published definition of worsening
against the mean of the patient's own visits of the year before; a physician global or a vital capacity clearly worse; a
flare reported, and nobody saw the patient since: that asks for a call back this week. Scores of different instruments
are never compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from jobs.newest import next_after
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
)
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.scores.worsening import IMACS, PRODERM, WorseningDefinition, confirmed_deterioration
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure

SUBJECT = "patient"
GLOBALS = ("physician_global", "patient_global", "extramuscular_global")
FUNCTION = ("haq", "chaq")
ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")
SEEN_BY = (*GLOBALS, *FUNCTION, *INSTRUMENTS)
"""What is measured by seeing the patient: a day with one of these is a visit; a blood test alone is none."""
_CORE_MEASURE = {
    **dict.fromkeys(INSTRUMENTS, "strength"),
    **dict.fromkeys(FUNCTION, "haq"),
    **dict.fromkeys(ENZYMES, "enzyme"),
}
_FAR = 1e9
SPARE = 4
"""Visits read beyond those needed, for visits at which a measure was not taken and for days with two values."""
LIMB_TITLES = {
    "a": "physician global and strength",
    "b": "extramuscular activity",
    "c": "three or more core measures",
}


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the worsening rule; the numbers of the published definitions stand in `jobs.scores.worsening`."""

    within_days: int = parameter(
        182, unit="days", low=60, high=365, meaning="a visit older than this says nothing about today", mark="contract"
    )
    reference_days: int = parameter(
        365, unit="days", low=90, high=365, meaning="how far back the patient's own visits count", mark="contract"
    )
    reference_visits: int = parameter(
        3, unit="visits", low=1, high=6, meaning="up to this many of the patient's own visits before", mark="contract"
    )
    global_points: float = parameter(
        2, unit="points of 10", low=1, high=5, meaning="a physician global worse by this counts alone", mark="contract"
    )
    fvc_points: float = parameter(
        10,
        unit="points of per cent predicted",
        low=5,
        high=30,
        meaning="a vital capacity lower by this counts alone",
        mark="contract",
    )
    flare_days: int = parameter(
        14, unit="days", low=3, high=42, meaning="a reported flare asks for a call back this long", mark="contract"
    )


class _Finding(NamedTuple):
    """One thing that is worse: since when, in words, its facts."""

    since: int
    said: str
    facts: tuple[str, ...]


class _Visit(NamedTuple):
    """What was measured on a day, by measure."""

    day: int
    readings: Mapping[str, Reading]


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient who was seen, or who reported a flare."""
    visits = _visits(patient, parameters)
    flare = _flare_without_visit(patient, visits, as_of, parameters)
    capacity = patient.series("fvc_percent")
    if not visits and not capacity and flare is None:
        return
    recent = [one for one in visits if as_of - one.day <= parameters.within_days]
    findings = [
        found
        for found in (
            None if flare is None else _Finding(flare.day, f"flare reported on {day_text(flare.day)}", (flare.fact,)),
            _worse_by_definition(visits, parameters) if recent else None,
            _global_worse(patient.series("physician_global"), as_of, parameters),
            _capacity_worse(capacity, as_of, parameters),
        )
        if found is not None
    ]
    newest = [series[-1].day for series in (visits, capacity) if series]
    answer = Answer(
        SUBJECT,
        NOT_MET,
        recheck_on=next_after(
            as_of,
            *(day + parameters.within_days + 1 for day in newest),
            *(one.day + parameters.within_days + 1 for key in GLOBALS[:1] for one in patient.series(key)[-1:]),
            None if flare is None else flare.day + parameters.flare_days + 1,
        ),
        numbers={"said": "", "call_back": False, "last_visit": date_of(visits[-1].day) if visits else None},
    )
    if findings:
        yield answer._replace(
            state=MET,
            severity=ACTION,
            since=min(found.since for found in findings),
            evidence=tuple(dict.fromkeys(fact for found in findings for fact in found.facts)),
            numbers={
                **answer.numbers,
                "said": "; ".join(found.said for found in findings),
                "call_back": flare is not None,
            },
        )
    elif not recent and visits:
        because = f"no visit since {day_text(visits[-1].day)}"
        yield answer._replace(state=CANNOT_TELL, cannot_tell_because=because, cause=Cause.STALE)
    else:
        yield answer


# ----------------------------------------------------------------------------------------------------------- visits


def _visits(patient: PatientFacts, parameters: Parameters) -> list[_Visit]:
    """The newest days on which the patient was seen, oldest first, with what was measured on each.

    As many values of each measure as the two newest visits and what they are compared with can hold.
    """
    enough = parameters.reference_visits + 2 + SPARE
    days: dict[int, dict[str, Reading]] = {}
    for key in SEEN_BY:
        for reading in patient.series(key)[-enough:]:
            days.setdefault(reading.day, {})[key] = reading
    if not days:
        return []
    seen = sorted(days)
    earliest = max(seen[0], seen[-1] - 2 * parameters.reference_days)
    for key in ENZYMES:
        for reading in reversed(patient.series(key)):
            if reading.day < earliest:
                break
            if reading.day in days and reading.times_limit is not None:
                days[reading.day].setdefault(key, reading)
    return [_Visit(day, days[day]) for day in seen]


def _flare_without_visit(
    patient: PatientFacts, visits: Sequence[_Visit], today: int, parameters: Parameters
) -> Happening | None:
    """A flare reported lately, with no visit on or after that day."""
    flare = patient.last_event("flare_reported")
    if flare is None or not flare.present or today - flare.day > parameters.flare_days:
        return None
    return None if visits and visits[-1].day >= flare.day else flare


def _before(visits: Sequence[_Visit], place: int, parameters: Parameters) -> list[_Visit]:
    """The patient's own visits before the one at `place`, as many and as far back as count."""
    earliest = visits[place].day - parameters.reference_days
    return [one for one in visits[:place] if one.day >= earliest]


def _reference(visits: Sequence[_Visit], like: _Visit, parameters: Parameters) -> dict[str, Fraction]:
    """Of each measure of a visit the mean of the patient's own values before; enzymes as multiples of the limit."""
    out = {}
    for key in like.readings:
        own = _newest_of(visits, key, parameters.reference_visits)
        if own:
            out[key] = sum(map(_exact, own), Fraction(0)) / len(own)
    return out


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
    value = Fraction(str(reading.value))
    return value / Fraction(str(reading.limit)) if reading.measure in ENZYMES else value


# ------------------------------------------------------------------------------------------ the published definitions


def _worse_by_definition(visits: Sequence[_Visit], parameters: Parameters) -> _Finding | None:
    """The newest visit by the IMACS definition, or the newest two by that of the ProDERM trial."""
    last = len(visits) - 1
    found = _judged(visits, [last], IMACS, parameters)
    if found is None and last >= 1:
        found = _judged(visits, [last - 1, last], PRODERM, parameters)
    return found


def _judged(
    visits: Sequence[_Visit], places: Sequence[int], definition: WorseningDefinition, parameters: Parameters
) -> _Finding | None:
    before = _before(visits, places[0], parameters)
    judged = [visits[place] for place in places]
    if not before or not all(_may_be_worse(one, before, parameters) for one in reversed(judged)):
        return None
    instrument = _shared(INSTRUMENTS, judged, before)
    questionnaire = _shared(FUNCTION, judged, before)
    reference: dict[str, Fraction] = {}
    for one in judged:
        reference |= _reference(before, one, parameters)
    baseline = _document(reference, instrument, questionnaire)
    documents = [
        {**_document({key: _exact(one.readings[key]) for key in one.readings}, instrument, questionnaire),
         "date": date_of(one.day)}
        for one in judged
    ]  # fmt: skip
    answer = confirmed_deterioration(baseline, documents, definition)
    if answer.state != "confirmed" or answer.since is None:
        return None
    limbs = " and ".join(LIMB_TITLES[limb] for limb in answer.limbs)
    seen = " and ".join(day_text(one.day) for one in judged)
    said = f"{definition.title} met on {seen} ({limbs}) against the mean of the visits before"
    facts = tuple(reading.fact for one in judged for reading in one.readings.values())
    return _Finding(judged[0].day, said, facts)


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


def _roughly(reading: Reading) -> float:
    return (reading.times_limit or 0.0) if reading.measure in ENZYMES else reading.value


def _shared(keys: Sequence[str], judged: Sequence[_Visit], before: Sequence[_Visit]) -> str | None:
    """The instrument used at every judged visit and at one before; instruments are never compared."""
    for key in keys:
        if all(key in one.readings for one in judged) and any(key in one.readings for one in before):
            return key
    return None


def _document(values: Mapping[str, Fraction], instrument: str | None, questionnaire: str | None) -> dict[str, Any]:
    """Values in the shape the definitions read (contract, V)."""
    out: dict[str, Any] = {key: values[key] for key in GLOBALS if key in values}
    if instrument is not None and instrument in values:
        out["strength"] = {"instrument": instrument, "score": values[instrument]}
    if questionnaire is not None and questionnaire in values:
        out["haq"] = values[questionnaire]
    enzymes = {key: {"value": values[key], "upper_limit": 1} for key in ENZYMES if key in values}
    return {**out, "enzymes": enzymes} if enzymes else out


# ------------------------------------------------------------------------------------------------ single measures


def _global_worse(series: Sequence[Reading], today: int, parameters: Parameters) -> _Finding | None:
    """The newest physician global against the mean of the patient's own before it."""
    if not series or today - series[-1].day > parameters.within_days:
        return None
    newest = series[-1]
    own = [one for one in series[:-1] if newest.day - one.day <= parameters.within_days and one.day < newest.day]
    own = own[-parameters.reference_visits :]
    if not own:
        return None
    mean = sum(one.value for one in own) / len(own)
    if newest.value - mean < parameters.global_points - 1e-9:
        return None
    of = "" if len(own) == 1 else f", the mean of the {len(own)} before"
    said = f"physician global {number(mean)}{of} -> {number(newest.value)} of 10 on {day_text(newest.day)}"
    return _Finding(newest.day, said, tuple(one.fact for one in (*own, newest)))


def _capacity_worse(series: Sequence[Reading], today: int, parameters: Parameters) -> _Finding | None:
    """The newest vital capacity against the best of the half year before it."""
    if not series or today - series[-1].day > parameters.within_days:
        return None
    newest = series[-1]
    own = [one for one in series[:-1] if newest.day - one.day <= parameters.within_days]
    best = max(own, key=lambda one: one.value, default=None)
    if best is None or best.value - newest.value < parameters.fvc_points - 1e-9:
        return None
    label = measure("fvc_percent").short_label
    said = (
        f"{label} {number(best.value)} % on {day_text(best.day)} -> {number(newest.value)} % on {day_text(newest.day)}"
    )
    return _Finding(newest.day, said, (best.fact, newest.fact))


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is worse, and against what."""
    if row["state"] == CANNOT_TELL:
        return f"Whether the disease is worse cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return "No published definition of worsening is met, and no flare waits for a call back."
    said = str(row["said"])
    after = " Nobody has seen the patient since." if row["call_back"] else ""
    return f"Worse: {said}.{after}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "see the patient: globals, strength and function"
    if row["state"] != MET:
        return ""
    return (
        "call back this week, and see the patient if it is a flare"
        if row["call_back"]
        else ("see the patient: strength, enzymes, lungs and skin; then look at the state and the options")
    )


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
    reads=(*SEEN_BY, *ENZYMES, "fvc_percent", "flare_reported"),
    sources=(
        Source(PRODERM.title, 2023, PRODERM.source, "seen", "two visits in a row"),
        Source(IMACS.title, 2005, IMACS.source, "memory", "its text could not be read"),
    ),
    known_false_alarms=(
        "another physician's hand: globals of different people differ",
        "an infection or pain that weighs on the globals",
        "a vital capacity blown with less effort",
    ),
    clears_when="a later visit no longer meets the definition, or the patient who reported a flare was seen",
    topic="disease activity",
    limitations=(
        "The definitions were made for trials with complete visits; where measures are missing they stay silent. A "
        "visit is a day with a global, a questionnaire or a strength score on file."
    ),
    catalogue=("RSP-05",),
    quiet_when_untold=True,
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
            title="as every time",
            observations=(
                {"measure": "physician_global", "value": 3, "day": -60},
                {"measure": "physician_global", "value": 3.5, "day": 0},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

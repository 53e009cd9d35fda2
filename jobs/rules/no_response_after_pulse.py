"""Did the steroid pulse help?

Looked at: strength and CK before the last pulse and from the 28th day after it on. What counts as a response: strength
up by at least the instrument's step, or CK down by more than its natural variation. What does not: a result within the
first four weeks, a CK that was normal before, a score that could not have become better. Without a result in or after
the response window nobody can tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.exposure import Exposure, Segment, exposure, newest_run
from jobs.newest import next_after
from jobs.response import BETTER, COMPARED, LOWER, NO_BASELINE, NO_ROOM, SAME, Comparison, ResponseSteps, compare, told
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
from jobs.rules.declining_strength import HUBER, INSTRUMENTS
from models.patient_facts import PatientFacts, date_of
from models.states import Cause

SUBJECT = "pulse"


@dataclass(frozen=True)
class Parameters(ResponseSteps):
    """Thresholds of the no-response-after-pulse rule."""

    from_day: int = parameter(
        28,
        unit="days after the pulse",
        low=7,
        high=84,
        meaning="the response is judged from this day on",
        source="four to six weeks, educational page (seed 001)",
        mark="seed",
    )
    to_day: int = parameter(
        42,
        unit="days after the pulse",
        low=14,
        high=112,
        meaning="by this day it should have been judged",
        source="four to six weeks, educational page (seed 001)",
        mark="seed",
    )
    until_day: int = parameter(
        182, unit="days after the pulse", low=56, high=365, meaning="after this the pulse is no longer asked about"
    )
    baseline_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="how long before the pulse a result may lie to be compared with"
    )
    same_pulse_days: int = parameter(
        7, unit="days", low=1, high=28, meaning="doses this near to one another are one pulse"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient whose last pulse is not too long ago; inclusion body myositis is left out."""
    if patient.diagnosis == "IBM":
        return
    found = exposure(patient)
    pulse = newest_run(found.known, _is_pulse, gap_days=parameters.same_pulse_days)
    if pulse is None or as_of - pulse.last > parameters.until_day:
        return
    judged_from = pulse.last + parameters.from_day
    recheck_on = next_after(
        as_of,
        judged_from if as_of < judged_from else pulse.last + parameters.until_day + 1,
        # A pulse that is still being given, or given again on a day that is on file, moves the window.
        found.next_change,
        pulse.last + 1,
    )
    answer = Answer(SUBJECT, NOT_MET, due=pulse.last + parameters.to_day, recheck_on=recheck_on)
    numbers = {"pulse_first": date_of(pulse.start), "pulse_last": date_of(pulse.last)}
    if as_of < judged_from:
        yield answer._replace(numbers={**numbers, "said": f"not judged before {day_text(judged_from)}"})
        return
    compared = [
        result
        for key in COMPARED
        if (result := compare(patient, key, pulse.start, judged_from, parameters.baseline_days, parameters))
    ]
    evidence = (*_pulses_from(found, pulse.start), *(fact for result in compared for fact in result.facts))
    said = "; ".join(told(result) for result in compared if result.verdict != NO_BASELINE)
    answer = answer._replace(evidence=evidence, numbers={**numbers, "said": said})
    since = _no_response_since(compared)
    if since is not None:
        severity = URGENT if patient.diagnosis == "ICI_MYOSITIS" else ACTION
        yield answer._replace(state=MET, severity=severity, since=max(judged_from, since))
    elif _can_tell(compared):
        yield answer
    else:
        because, cause = _why_not_told(compared, pulse.last, parameters)
        yield answer._replace(state=CANNOT_TELL, cannot_tell_because=because, cause=cause)


def _is_pulse(segment: Segment) -> bool:
    return segment.is_pulse


def _pulses_from(found: Exposure, first: int) -> list[str]:
    """The statements of pulses given on or after a day."""
    return [one.statement.fact for one in found.statements if one.pulse and one.last >= first]


def _has_responded(compared: Sequence[Comparison]) -> bool:
    """Something is better, and no strength score is lower."""
    return any(one.verdict == BETTER for one in compared) and not any(one.verdict == LOWER for one in compared)


def _no_response_since(compared: Sequence[Comparison]) -> int | None:
    """The first day of results that show no response, None where there was one or nobody can tell.

    Strength has to be among them, unless it was full before and after: then only CK could have answered.
    """
    if _has_responded(compared):
        return None
    unchanged = [one for one in compared if one.verdict in (SAME, LOWER)]
    of_strength = any(one.measure != "ck" for one in unchanged)
    only_ck_could = any(one.verdict == NO_ROOM and one.measure != "ck" for one in compared)
    if not unchanged or not (of_strength or only_ck_could):
        return None
    return min(one.since for one in unchanged)


def _can_tell(compared: Sequence[Comparison]) -> bool:
    """A response, or strength that had nothing to gain."""
    return _has_responded(compared) or any(one.verdict == NO_ROOM and one.measure != "ck" for one in compared)


def _why_not_told(compared: Sequence[Comparison], pulse_last: int, parameters: Parameters) -> tuple[str, Cause]:
    if any(one.measure != "ck" for one in compared):
        reach = parameters.baseline_days
        return f"no strength score within {reach} days before the pulse to compare with", Cause.NOTHING_TO_COMPARE
    window = " to ".join(day_text(pulse_last + days) for days in (parameters.from_day, parameters.to_day))
    return f"no strength score since the pulse in the window {window} or later", Cause.NOT_ON_FILE


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The pulse, and strength and CK before and after it."""
    del parameters
    pulse = f"Pulse until {day_text(row['pulse_last'])}"
    if row["state"] == CANNOT_TELL:
        more = f" ({row['said']})" if row["said"] else ""
        return f"{pulse}: whether it helped cannot be told: {row['cannot_tell_because']}{more}."
    if row["state"] == NOT_MET:
        return f"{pulse}: {row['said'] or 'nothing on file that could have become better'}."
    return f"{pulse}: no response on {row['said']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "test strength and measure CK: the response to the pulse is due"
    if row["state"] != MET:
        return ""
    return "ask again what the weakness is (flare, steroid, other), then see the options for escalation"


RULE = Rule(
    key="no-response-after-pulse",
    title="No response after a pulse",
    question="Did the last steroid pulse help?",
    why_it_matters=(
        "A pulse that did not help within four to six weeks will not help later. Then either the treatment is "
        "too weak or "
        "the weakness has another cause, and both need a decision."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("medications", *INSTRUMENTS, "ck"),
    sources=(
        Source(
            "Pulse therapy in myositis",
            2025,
            "educational page, not a guideline",
            "seed",
            "judge the response after four to six weeks",
        ),
        Source("CMAS: minimal important difference", 2004, HUBER, "seen"),
        Source("Variation of creatine kinase", 2017, "Carobene, doi 10.1373/clinchem.2016.269811", "seen"),
    ),
    known_false_alarms=(
        "a pulse given for the skin, the lung or the joints, where strength and CK were not the aim",
        "the fall of strength came just before the pulse and the score before it is older",
        "weakness from damage, which no pulse can lift",
    ),
    clears_when=lambda limits: (
        f"strength is higher by a step, or CK at most {number(limits.ck_fall, 2)} times what it was, than before the "
        "pulse; or a new pulse is given"
    ),
    in_time=lambda limits: f"the pulse is more than {stretch(limits.until_day)} ago",
    topic="treatment response",
    limitations=(
        "A pulse repeated within four weeks is judged after the last one only. What is recorded as a pulse, or "
        "a day of 250 "
        "mg prednisone-equivalent and more, counts as one."
    ),
    version="1.0.1",
    changed="Wording: two digits, so that a comparison never looks like the other answer.",
    catalogue=("RSP-01", "ESC-05"),
    quiet_when_untold=True,
    examples=(
        Example(
            title="35 days after the pulse neither strength nor CK is better",
            observations=(
                {"measure": "mmt8", "value": 60, "day": -38},
                {"measure": "mmt8", "value": 59, "day": -2},
                {"measure": "ck", "value": 1500, "upper_limit": 200, "day": -38},
                {"measure": "ck", "value": 1540, "upper_limit": 200, "day": -2},
            ),
            medications=(
                {
                    "drug": "methylprednisolone",
                    "dose": 1000,
                    "route": "iv",
                    "start": -37,
                    "end": -35,
                    "intent": "pulse",
                },
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -2, "due": 7},
        ),
        Example(
            title="CK a third lower is a response",
            observations=(
                {"measure": "mmt8", "value": 60, "day": -38},
                {"measure": "mmt8", "value": 61, "day": -2},
                {"measure": "ck", "value": 1500, "upper_limit": 200, "day": -38},
                {"measure": "ck", "value": 900, "upper_limit": 200, "day": -2},
            ),
            medications=(
                {
                    "drug": "methylprednisolone",
                    "dose": 1000,
                    "route": "iv",
                    "start": -37,
                    "end": -35,
                    "intent": "pulse",
                },
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="not judged before day 28",
            observations=({"measure": "mmt8", "value": 60, "day": -30}, {"measure": "mmt8", "value": 59, "day": -1}),
            medications=(
                {
                    "drug": "methylprednisolone",
                    "dose": 1000,
                    "route": "iv",
                    "start": -29,
                    "end": -27,
                    "intent": "pulse",
                },
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="no strength score since the pulse",
            observations=({"measure": "mmt8", "value": 60, "day": -50},),
            medications=(
                {
                    "drug": "methylprednisolone",
                    "dose": 1000,
                    "route": "iv",
                    "start": -47,
                    "end": -45,
                    "intent": "pulse",
                },
            ),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
    ),
)

"""Did the steroid pulse help?

Looked at: strength and CK before the last pulse and from the 28th day after it on. What counts as a response: strength
up by at least the instrument's step, or CK down by more than its natural variation. What does not: a result within the
first four weeks, a CK that was normal before, a score that could not have become better. Without a result in or after
the response window nobody can tell.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_exposure as steroids
from jobs.array_newest import FAR, dates, next_after, only_where
from jobs.array_response import BETTER, LOWER, NO_BASELINE, NO_ROOM, SAME, Comparison, History, ResponseSteps, told
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    parameter,
)
from jobs.rules.declining_strength import HUBER, INSTRUMENTS
from models.frames import Frames

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


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient whose last pulse is not too long ago; inclusion body myositis is left out."""
    found = steroids.exposure(frames)
    today = steroids.day_number(as_of)
    pulses = steroids.runs(found.known, found.known.is_pulse, gap_days=parameters.same_pulse_days).newest()
    diagnosis = frames.patients["diagnosis"].reindex(pulses.patient).to_numpy()
    kept = np.flatnonzero((today - pulses.last <= parameters.until_day) & (diagnosis != "IBM"))
    if not len(kept):
        return empty()
    history = History(frames)
    who, first, last = pulses.patient[kept], pulses.start[kept], pulses.last[kept]
    state = np.full(len(kept), NOT_MET, dtype=object)
    because = np.full(len(kept), None, dtype=object)
    said = np.full(len(kept), "", dtype=object)
    since, recheck = np.full(len(kept), FAR, dtype="int64"), last + parameters.until_day + 1
    facts: list[tuple[str, ...]] = [()] * len(kept)
    statements = steroids.evidence(found, who, first)
    doses = {
        int(row): bool(pulse) for row, pulse in zip(found.statements["id"], found.statements["pulse"], strict=True)
    }
    for place in range(len(kept)):
        judged_from = int(last[place]) + parameters.from_day
        if today < judged_from:
            recheck[place] = judged_from
            said[place] = f"not judged before {day_text(np.datetime64(judged_from, 'D'))}"
            continue
        compared = [
            result
            for key in (*INSTRUMENTS, "ck")
            if (
                result := history.compare(
                    int(who[place]), key, int(first[place]), judged_from, parameters.baseline_days, parameters
                )
            )
        ]
        pulse = tuple(fact for fact in statements[place] if doses.get(int(fact[1:]), False))
        state[place], said[place], because[place], since[place] = _judged(
            compared, judged_from, int(last[place]), parameters
        )
        facts[place] = (*pulse, *(fact for result in compared for fact in result.facts))
    met = state == MET
    checkpoint = diagnosis[kept] == "ICI_MYOSITIS"
    return assessments(
        patient_id=who,
        subject=SUBJECT,
        state=state,
        severity=only_where(met, np.where(checkpoint, URGENT, ACTION)),
        since=dates(np.where(met, since, FAR)),
        due=dates(last + parameters.to_day),
        # A pulse that is still being given, or given again on a day that is on file, moves the window.
        recheck_on=dates(next_after(today, recheck, found.changes_on(who), np.where(last == today, today + 1, FAR))),
        evidence=facts,
        cannot_tell_because=because,
        pulse_first=dates(first),
        pulse_last=dates(last),
        said=said,
    )


def _judged(
    compared: list[Comparison], judged_from: int, pulse_last: int, parameters: Parameters
) -> tuple[str, str, str | None, int]:
    """State, sentence, why it cannot be told, and since when."""
    said = "; ".join(told(result) for result in compared if result.verdict != NO_BASELINE)
    strength = [result for result in compared if result.measure != "ck"]
    if any(result.verdict == BETTER for result in compared) and not any(result.verdict == LOWER for result in strength):
        return NOT_MET, said, None, FAR
    telling = [result for result in compared if result.verdict in {SAME, LOWER}]
    if strength and any(result.verdict in {SAME, LOWER} for result in strength):
        return MET, said, None, max(judged_from, min(result.since for result in telling))
    if any(result.verdict == NO_ROOM for result in strength):
        # Full strength before and after: only CK could have answered.
        if any(result.measure == "ck" for result in telling):
            return MET, said, None, max(judged_from, min(result.since for result in telling))
        return NOT_MET, said, None, FAR
    if strength:
        return (
            CANNOT_TELL,
            said,
            f"no strength score within {parameters.baseline_days} days before the pulse to compare with",
            FAR,
        )
    window = " to ".join(
        day_text(np.datetime64(pulse_last + days, "D")) for days in (parameters.from_day, parameters.to_day)
    )
    return CANNOT_TELL, said, f"no strength score since the pulse in the window {window} or later", FAR


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
    evaluate=evaluate,
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
    clears_when="strength is higher by a step, or CK lower by more than chance, than before the pulse; or a "
    "new pulse is given",
    topic="treatment response",
    limitations=(
        "A pulse repeated within four weeks is judged after the last one only. What is recorded as a pulse, or "
        "a day of 250 "
        "mg prednisone-equivalent and more, counts as one."
    ),
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

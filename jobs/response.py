"""Did a treatment help? Strength and CK before and after it, judged by what measurement error and nature allow.

Shared by the rules that ask it of a steroid pulse, of a steroid-sparing drug and of active disease under treatment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobs.rule import day_text, number, parameter
from jobs.rules.declining_strength import HUBER, INSTRUMENTS, MMT_STEP
from models.patient_facts import PatientFacts, Reading
from models.vocabulary import measure

LOWER, BETTER, SAME, NO_BASELINE, NO_ROOM = "lower", "better", "same", "no baseline", "no room"
COMPARED = (*INSTRUMENTS, "ck")
_STEP = {key: f"step_{key}" for key in INSTRUMENTS}


@dataclass(frozen=True)
class ResponseSteps:
    """What makes a change of strength or CK count as a response to treatment."""

    step_cmas: float = parameter(
        3,
        unit="points of 52",
        low=1.5,
        high=8,
        meaning="a gain of this size is a response (CMAS)",
        source=HUBER,
        mark="seen",
    )
    step_mmt8: float = parameter(
        6,
        unit="points of 80",
        low=2,
        high=16,
        meaning="a gain of this size is a response (MMT8, one side)",
        source=MMT_STEP,
    )
    step_mmt8_bilateral: float = parameter(
        11,
        unit="points of 150",
        low=4,
        high=30,
        meaning="a gain of this size is a response (MMT8, both sides)",
        source=MMT_STEP,
    )
    step_mmt_total: float = parameter(
        19,
        unit="points of 260",
        low=6,
        high=52,
        meaning="a gain of this size is a response (total MMT)",
        source=MMT_STEP,
    )
    ck_fall: float = parameter(
        0.67,
        unit="x value before",
        low=0.3,
        high=0.9,
        meaning="CK at or below this share of the value before is a response",
        source="reference change value of CK, Carobene 2017 (CAROBENE-2017)",
        mark="seen",
    )
    raised_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=5,
        meaning="a CK not above this before treatment cannot show a response",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )


class Comparison(NamedTuple):
    """One measure before and after: what it says, and the facts it rests on.

    Attributes:
        before: the value before; None without a baseline. CK is a multiple of the limit reported with it.
        since: first of the days without a response that reach to the newest one.
    """

    measure: str
    verdict: str
    before: float | None
    after: float
    after_day: int
    since: int
    facts: tuple[str, ...]


def compare(
    patient: PatientFacts, key: str, begins: int, judged_from: int, baseline_days: int, steps: ResponseSteps
) -> Comparison | None:
    """A measure before day `begins` (that day included) against its newest value from day `judged_from` on.

    None where there is no value from that day on. CK is compared as a multiple of the limit reported with each.
    """
    series = patient.series(key)
    if not series or series[-1].day < judged_from:
        return None
    is_enzyme = key == "ck"
    usable = [one for one in series if one.times_limit is not None] if is_enzyme else series
    after = [one for one in usable if one.day >= judged_from]
    if not after:
        return None
    newest = after[-1]
    before = next((one for one in reversed(usable) if one.day <= begins), None)
    if before is None or before.day < begins - baseline_days:
        return Comparison(key, NO_BASELINE, None, _value(newest), newest.day, newest.day, (newest.fact,))
    base, now = _value(before), _value(newest)
    if is_enzyme:
        enough = steps.ck_fall * base + 1e-9
        better = [_value(one) <= enough for one in after]
        no_room, lower = base <= steps.raised_ck, False
    else:
        step: float = getattr(steps, _STEP[key])
        better = [one.value >= base + step for one in after]
        most = measure(key).max_value
        no_room, lower = most is not None and base > most - step, now <= base - step
    verdict = BETTER if better[-1] else LOWER if lower else NO_ROOM if no_room else SAME
    since = _without_response_since(after, better)
    return Comparison(key, verdict, base, now, newest.day, since, (before.fact, newest.fact))


def _value(reading: Reading) -> float:
    if reading.measure != "ck":
        return reading.value
    return reading.times_limit or 0.0


def _without_response_since(after: Sequence[Reading], better: Sequence[bool]) -> int:
    """The first of the results without a response that reach to the newest one; where that is one, the first of all."""
    place = len(after)
    while place and not better[place - 1]:
        place -= 1
    return after[place if place < len(after) else 0].day


def told(found: Comparison) -> str:
    """A comparison in words."""
    when = day_text(found.after_day)
    if found.measure == "ck":
        return f"CK {number(found.before, 2)} -> {number(found.after, 2)} times its limit ({when})"
    return f"{measure(found.measure).short_label} {number(found.before, 2)} -> {number(found.after, 2)} ({when})"

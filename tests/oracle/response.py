"""Did a treatment help? Strength and CK before and after it, judged by what measurement error and nature allow.

Shared by the rules that ask it of a steroid pulse and of a steroid-sparing drug.
"""

from dataclasses import dataclass

import numpy as np

from models.frames import Frames
from models.vocabulary import measure
from tests.oracle import series
from tests.oracle.rule import day_text, number, parameter
from tests.oracle.rules.declining_strength import HUBER, INSTRUMENTS, MMT_STEP

LOWER, BETTER, SAME, NO_BASELINE, NO_ROOM = "lower", "better", "same", "no baseline", "no room"


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
        source="reference change value of CK, Carobene 2017",
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


@dataclass(frozen=True)
class Comparison:
    """One measure before and after: what it says, and the rows it rests on (-1 where there is none)."""

    measure: str
    verdict: str
    before: float
    after: float
    after_day: int
    since: int
    facts: tuple[str, ...]


class History:
    """The results of strength and CK of a panel, ready to be asked for one patient after the other."""

    def __init__(self, frames: Frames) -> None:
        self._tables: dict[str, tuple[np.ndarray, ...]] = {}
        for key in (*INSTRUMENTS, "ck"):
            rows = frames.observations(key)
            if rows.empty:
                continue
            patient = rows["patient_id"].to_numpy()
            value = rows["value"].to_numpy()
            if key == "ck":
                with np.errstate(invalid="ignore", divide="ignore"):
                    limit = rows["upper_limit"].to_numpy()
                    value = np.where(limit > 0, value / limit, np.nan)
            self._tables[key] = patient, series.day_numbers(rows["day"].to_numpy()), value, rows["id"].to_numpy()

    def compare(
        self, patient: int, key: str, begins: int, judged_from: int, baseline_days: int, steps: ResponseSteps
    ) -> Comparison | None:
        """A measure before day `begins` (that day included) against its newest value from day `judged_from` on.

        None where there is no value from that day on. CK is compared as a multiple of the limit reported with each.
        """
        table = self._tables.get(key)
        if table is None:
            return None
        low, high = np.searchsorted(table[0], [patient, patient + 1])
        day, value, identifier = (column[low:high] for column in table[1:])
        usable = ~np.isnan(value)
        after = np.flatnonzero((day >= judged_from) & usable)
        if not len(after):
            return None
        before = np.flatnonzero((day <= begins) & (day >= begins - baseline_days) & usable)
        last = int(after[-1])
        if not len(before):
            return Comparison(
                key, NO_BASELINE, np.nan, float(value[last]), int(day[last]), int(day[last]), (f"o{identifier[last]}",)
            )
        base = float(value[before[-1]])
        if key == "ck":
            no_room = base <= steps.raised_ck
            better = value[after] <= steps.ck_fall * base + 1e-9
            lower = False
        else:
            step = float(getattr(steps, f"step_{key}"))
            no_room = base > (measure(key).max_value or np.inf) - step
            better = value[after] >= base + step
            lower = bool(value[last] <= base - step)
        verdict = BETTER if better[-1] else NO_ROOM if no_room and not lower else LOWER if lower else SAME
        # Since the first of the results without a response that reach to the newest one.
        broken = np.flatnonzero(better)
        first = after[int(broken[-1]) + 1] if len(broken) and broken[-1] + 1 < len(after) else after[0]
        return Comparison(
            key,
            verdict,
            base,
            float(value[last]),
            int(day[last]),
            int(day[first]),
            (f"o{identifier[before[-1]]}", f"o{identifier[last]}"),
        )


def told(found: Comparison) -> str:
    """A comparison in words."""
    when = day_text(np.datetime64(found.after_day, "D"))
    if found.measure == "ck":
        return f"CK {number(found.before)} -> {number(found.after)} times its limit ({when})"
    return f"{measure(found.measure).short_label} {number(found.before)} -> {number(found.after)} ({when})"

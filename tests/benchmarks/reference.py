"""The three headline rules in plain Python, read from the contract: who is `met` for what, and nothing else.

Row by row and day by day, so that it is easy to check by eye and shares no arithmetic with the rules. It covers what
the synthetic cohort contains: no taper pauses, no settings of the clinic's own, no laboratory that fell silent.
"""

import datetime as dt
import math
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from models.vocabulary import drug, frequencies
from tests.benchmarks.clinic import NOT_COUNTED, REQUIRED, STRENGTH
from tests.benchmarks.measuring import Disagreement

Found = set[tuple[int, str]]
STEP = {"cmas": 3.0, "mmt8": 6.0, "mmt8_bilateral": 11.0, "mmt_total": 19.0}
ERROR = {"cmas": 2.9, "mmt8": 2.0, "mmt8_bilateral": 3.8, "mmt_total": 6.5}
DAY = dt.timedelta(days=1)


def agree(name: str, found: dict[str, Found], expected: dict[str, Found]) -> None:
    """Nothing, if `name` found just what was expected.

    Raises:
        Disagreement: with the first differences.
    """
    for rule, wanted in expected.items():
        got = found[rule]
        if got != wanted:
            raise Disagreement(
                f"{name}, {rule}: {len(got - wanted)} too many {sorted(got - wanted)[:3]}, "
                f"{len(wanted - got)} missing {sorted(wanted - got)[:3]} of {len(wanted)}"
            )


def headline(plain: Path, as_of: dt.date) -> dict[str, Found]:
    """(patient id, subject) for which each headline rule is met on the day; overdue labs: CK, troponin, CRP.

    Read from the plain copy that `tests.benchmarks.clinic.write_plain` makes.
    """
    tests = [key for keys in REQUIRED.values() for key in keys]
    scores: defaultdict[tuple[int, str], list[tuple[int, float]]] = defaultdict(list)
    newest: dict[tuple[int, str], int] = {}
    undone: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    weight: dict[int, float] = {}
    taken: defaultdict[int, list[tuple[str, float, str, str, str, int, int | None, str]]] = defaultdict(list)
    today = as_of.toordinal()
    with closing(sqlite3.connect(plain)) as connection:
        people = {row[0] for row in connection.execute("select id from patient where status = 'active'")}
        wanted = [*STRENGTH, *tests, "weight"]
        for who, key, day, value, status in connection.execute(
            "select patient_id, measure, effective_on, value, status from observation"
            f" where measure in ({','.join('?' * len(wanted))}) and effective_on <= ?"
            " order by patient_id, rowid",
            [*wanted, as_of.isoformat()],
        ):
            number = dt.date.fromisoformat(day).toordinal()
            if status == "not-done":
                undone[who, key].append(number)
            elif status not in {"final", "corrected"}:
                continue
            elif key in STRENGTH:
                scores[who, key].append((number, value))
            elif key == "weight":
                weight[who] = value
            else:
                newest[who, key] = max(number, newest.get((who, key), 0))
        for who, name, dose, unit, frequency, route, start, end, status in connection.execute(
            "select patient_id, drug, dose, unit, frequency, route, start_on, end_on, status from medication_statement"
            " where status <> 'entered-in-error' and start_on <= ? order by patient_id, rowid",
            [as_of.isoformat()],
        ):
            last = dt.date.fromisoformat(end).toordinal() if end else None
            row = name, dose, unit, frequency, route, dt.date.fromisoformat(start).toordinal(), last, status
            taken[who].append(row)
    found: dict[str, Found] = {
        "declining-strength": set(),
        "overdue-labs": set(),
        "prolonged-high-dose-steroids": set(),
    }
    for (who, key), rows in scores.items():
        if who in people and _declines(rows, STEP[key], ERROR[key], today):
            found["declining-strength"].add((who, key))
    for who in people:
        start = _active_since(taken[who], today)
        if start is not None:
            for test, keys in REQUIRED.items():
                last = max((newest.get((who, key), 0) for key in keys), default=0)
                due = (last or start) + 42
                excused = any(day > last and today <= day + 42 + 7 for key in keys for day in undone[who, key])
                if today >= due + 7 + 1 and not excused:
                    found["overdue-labs"].add((who, test))
        if _too_long_high(taken[who], weight.get(who), today):
            found["prolonged-high-dose-steroids"].add((who, "steroids"))
    return found


def _declines(rows: list[tuple[int, float]], step: float, error: float, today: int) -> bool:
    if today - rows[-1][0] > 90:
        return False
    references: list[tuple[float, int]] = []
    for place, (day, _) in enumerate(rows):
        before = [value for when, value in rows[max(place - 4, 0) : place] if day - when <= 182]
        references.append((sum(before) / len(before) if before else math.nan, len(before)))
    if not references[-1][1]:
        return False
    for place, (day, value) in enumerate(rows):
        reference, resting_on = references[place]
        if today - day > 182 or not resting_on:
            continue
        later = [one for _, one in rows[place + 1 :]]
        if value <= reference - step and all(one < reference - step / 2 for one in later):
            return True
        since = [value, *later]
        mean = sum(since) / len(since)
        if (
            len(since) >= 2
            and resting_on >= 2
            and max(since) < reference - step / 2
            and mean <= reference - step
            and reference - mean >= 1.9 * error * math.sqrt(1 / resting_on + 1 / len(since))
        ):
            return True
    return _declines_gradually(rows, step, today)


def _declines_gradually(rows: list[tuple[int, float]], step: float, today: int) -> bool:
    """A steady fall of a step over four scores or more within 182 days, whose beginning was not regained since."""
    for last in range(3, len(rows)):
        if today - rows[last][0] > 182:
            continue
        begin = last
        while begin > 0 and rows[begin - 1][1] >= rows[begin][1] and rows[last][0] - rows[begin - 1][0] <= 182:
            begin -= 1
        if last - begin + 1 < 4 or rows[begin][1] - rows[last][1] < step:
            continue
        if all(value < rows[begin][1] - step / 2 for _, value in rows[last + 1 :]):
            return True
    return False


def _active_since(rows: list[tuple[str, float, str, str, str, int, int | None, str]], today: int) -> int | None:
    """First day of the longest course of a drug that is active treatment and is taken, or still acts, today."""
    courses: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, _, _, frequency, route, start, end, status in rows:
        known = drug(name)
        if known is None or not known.counts_as_active_treatment or (known.is_glucocorticoid and route in NOT_COUNTED):
            continue
        if frequency == "once":
            through = start + (known.acts_for_days or 0)
        elif end is not None:
            through = end + (known.acts_for_days or 0)
        else:
            through = start if status == "stopped" else today + 100_000
        courses[name].append((start, through))
    begins = []
    for spans in courses.values():
        spans.sort()
        first, reach = spans[0]
        for start, through in spans[1:]:
            if start > reach + 14:
                first = start
                reach = through
            reach = max(reach, through)
        if reach >= today:
            begins.append(first)
    return min(begins, default=None)


def _too_long_high(
    rows: list[tuple[str, float, str, str, str, int, int | None, str]], kilograms: float | None, today: int
) -> bool:
    doses: defaultdict[int, float] = defaultdict(float)
    often = frequencies()
    for name, dose, unit, frequency, route, start, end, status in rows:
        known = drug(name)
        factor = known.prednisone_factor if known else None
        if not factor or route in NOT_COUNTED or (status == "stopped" and end is None):
            continue
        amount = dose * factor * (1000 if unit in {"g", "g/kg"} else 1)
        if unit in {"mg/kg", "g/kg"}:
            if kilograms is None:
                continue
            amount *= kilograms
        every = often[frequency].every_days
        amount *= often[frequency].doses
        last = start if every is None else min(end if end is not None else today, today)
        if every == 2:
            amount, every = amount / 2, 1
        for day in range(start, last + 1, every or 1):
            doses[day] += amount
    counted = gap = 0
    for day in range(today, min(doses, default=today + 1) - 1, -1):
        dose = doses.get(day, 0.0)
        if dose > 30 + 1e-5 or (kilograms is not None and dose >= 0.5 * kilograms - 1e-5):
            counted, gap = counted + 1, 0
        else:
            gap += 1
            if gap > 3:
                break
    return counted > 28

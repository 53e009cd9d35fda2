"""When each dosage of a statement or order begins and ends: together, or one after the other.

Dosages with different `sequence` follow one another: each begins the day after the one before it ended. With the same
`sequence`, or where only the time of day tells them apart, they are taken together. Several without it that each have a
length and no dates could mean both, and doses that are added up instead of following each other would be three times
the dose: they are not guessed.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.elements import Body, dict_of, list_of, text_of
from jobs.importers.fhir_r4.times import day_of, last_day_of
from jobs.importers.fhir_r4.timing import Rhythm

_DAYS: Mapping[str, int] = {
    **dict.fromkeys(("d", "day", "days", "Tag", "Tage"), 1),
    **dict.fromkeys(("wk", "week", "weeks", "Woche", "Wochen"), 7),
}
_MONTHS = frozenset({"mo", "month", "months"})
_YEARS = frozenset({"a", "year", "years"})
_HOURS = frozenset({"h", "hour", "hours"})
_MOMENTS = frozenset({"AM", "PM", "QAM", "QPM", "BED", "HS", "QHS", "MORN", "NOON", "EVE", "NIGHT"})


@dataclass(frozen=True)
class Span:
    """First and last day taken as texts, '' where not known; `withdrawn`: it was stopped before its first day."""

    start: str
    end: str
    withdrawn: bool = False


@dataclass(frozen=True)
class Whole:
    """What the statement or order says of all its dosages: its first and last day, and the day it was stopped."""

    start: str
    end: str
    stopped_on: str = ""


def whole_of(resource: Body, timezone: str, *, stopped_on: str = "") -> Whole:
    """The span of a whole statement or order. `stopped_on`: the day on which it was said to have been stopped."""
    period = dict_of(resource.get("effectivePeriod"))
    begun = text_of(period.get("start")) or text_of(resource.get("effectiveDateTime"))
    start = day_of(begun or text_of(resource.get("authoredOn")), timezone)
    return Whole(start, last_day_of(text_of(period.get("end")), timezone), stopped_on)


def spans_of(
    dosages: Sequence[Body], whole: Whole, rhythm: Callable[[Body], Rhythm | None], timezone: str
) -> list[Span | Refused]:
    """When each dosage is taken, or why that cannot be told.

    `rhythm`: how often a dosage is taken, where that can be told; a number of doses ends only with it.
    """
    if len(dosages) == 1:
        return [_alone(dosages[0], whole.start, whole, rhythm, timezone)]
    steps = [one.get("sequence") for one in dosages]
    if all(step is None for step in steps):
        if _may_follow_each_other(dosages):
            return [_unordered() for _ in dosages]
        return [_alone(one, whole.start, whole, rhythm, timezone) for one in dosages]
    if not all(isinstance(step, int) and not isinstance(step, bool) for step in steps):
        return [_unordered() for _ in dosages]
    return _one_after_the_other(dosages, steps, whole, rhythm, timezone)  # type: ignore[arg-type]


def _unordered() -> Refused:
    return Refused(
        "start_date",
        "",
        "its dosages may be meant together or one after the other; give each a sequence, or a boundsPeriod with dates",
    )


def _may_follow_each_other(dosages: Sequence[Body]) -> bool:
    repeats = [dict_of(dict_of(one.get("timing")).get("repeat")) for one in dosages]
    if all(dict_of(repeat.get("boundsPeriod")).get("start") for repeat in repeats):
        return False
    if all(_has_moment(one) for one in dosages):
        return False
    limited = ("boundsDuration", "boundsRange", "boundsPeriod", "count")
    return any(repeat.get(name) is not None for repeat in repeats for name in limited)


def _has_moment(dosage: Body) -> bool:
    timing = dict_of(dosage.get("timing"))
    repeat = dict_of(timing.get("repeat"))
    codes = {text_of(dict_of(one).get("code")).upper() for one in list_of(dict_of(timing.get("code")).get("coding"))}
    return bool(list_of(repeat.get("when")) or list_of(repeat.get("timeOfDay")) or codes & _MOMENTS)


def _one_after_the_other(
    dosages: Sequence[Body],
    steps: Sequence[int],
    whole: Whole,
    rhythm: Callable[[Body], Rhythm | None],
    timezone: str,
) -> list[Span | Refused]:
    found: dict[int, Span | Refused] = {}
    order = sorted(set(steps))
    begins = whole.start
    for number, step in enumerate(order):
        places = [place for place, one in enumerate(steps) if one == step]
        is_last = number == len(order) - 1
        ends: list[str] = []
        for place in places:
            start = _own_start(dosages[place], timezone) or begins
            if not start:
                found[place] = Refused(
                    "start_date", "", "it begins when the dosage before it ends, and that has no end"
                )
                continue
            try:
                end = _own_end(dosages[place], start, rhythm, timezone)
            except Refused as refused:
                found[place] = refused
                end = ""
            else:
                if not end and not is_last:
                    following = [
                        _own_start(dosages[at], timezone) for at, one in enumerate(steps) if one == order[number + 1]
                    ]
                    end = _day_before(min(following)) if all(following) else ""
                found[place] = _within(start, end or (whole.end if is_last else ""), whole)
            ends.append(end)
        begins = _day_after(max(ends)) if ends and all(ends) else ""
    return [found[place] for place in range(len(dosages))]


def _alone(
    dosage: Body, start: str, whole: Whole, rhythm: Callable[[Body], Rhythm | None], timezone: str
) -> Span | Refused:
    begins = _own_start(dosage, timezone) or start
    try:
        end = _own_end(dosage, begins, rhythm, timezone)
    except Refused as refused:
        return refused
    return _within(begins, end or whole.end, whole)


def _within(start: str, end: str, whole: Whole) -> Span:
    """A span cut where the whole was ended or stopped."""
    last = min(filter(None, (whole.end, whole.stopped_on)), default="")
    if not last or not start:
        return Span(start, end)
    if start > last:
        return Span(start, end, withdrawn=True)
    return Span(start, min(end, last) if end else last)


def _own_start(dosage: Body, timezone: str) -> str:
    bounds = dict_of(_repeat(dosage).get("boundsPeriod"))
    events = [text_of(one) for one in list_of(dict_of(dosage.get("timing")).get("event")) if text_of(one)]
    return day_of(text_of(bounds.get("start")) or (events[0] if len(events) == 1 else ""), timezone)


def _own_end(dosage: Body, start: str, rhythm: Callable[[Body], Rhythm | None], timezone: str) -> str:
    """The last day a dosage gives itself, or ''.

    Raises:
        Refused: a range of lengths, or a length in an unknown unit.
    """
    repeat = _repeat(dosage)
    stated = last_day_of(text_of(dict_of(repeat.get("boundsPeriod")).get("end")), timezone)
    if stated:
        return stated
    if repeat.get("boundsRange") is not None:
        raise Refused("end_date", "range", "for how long is a range; the last day or a length is needed")
    try:
        first = dt.date.fromisoformat(start)
    except ValueError:
        return ""
    length = dict_of(repeat.get("boundsDuration"))
    if length:
        return _after(first, length)
    count = repeat.get("count")
    if isinstance(count, int) and not isinstance(count, bool) and 1 < count < 10_000:
        often = rhythm(dosage)
        if often is not None:
            return (first + dt.timedelta(days=often.days_of(count) - 1)).isoformat()
    return ""


def _after(first: dt.date, length: Body) -> str:
    value = length.get("value")
    unit = text_of(length.get("code")) or text_of(length.get("unit"))
    said = f"{value} {unit}".strip()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 40_000:
        raise Refused("end_date", said, f"{said!r} is no length of time")
    number = Fraction(repr(value))
    if unit in _DAYS:
        days = math.ceil(number * _DAYS[unit])
    elif unit in _HOURS:
        days = math.ceil(number / 24)
    elif (unit in _MONTHS or unit in _YEARS) and number.denominator == 1:
        days = (_months_on(first, int(number) * (12 if unit in _YEARS else 1)) - first).days
    else:
        raise Refused("end_date", said, f"{said!r} is no length of time known here; use d, wk, mo or a")
    return (first + dt.timedelta(days=days - 1)).isoformat()


def _months_on(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        # A month from 31 January ends with the last of February.
        return (dt.date(year, month + 1, 28) + dt.timedelta(days=4)).replace(day=1)


def _repeat(dosage: Body) -> Body:
    return dict_of(dict_of(dosage.get("timing")).get("repeat"))


def _day_after(day: str) -> str:
    return _moved(day, 1)


def _day_before(day: str) -> str:
    return _moved(day, -1)


def _moved(day: str, by: int) -> str:
    try:
        return (dt.date.fromisoformat(day) + dt.timedelta(days=by)).isoformat()
    except ValueError:
        return ""

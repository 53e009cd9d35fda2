"""How often a dose is taken, in the vocabulary's words.

A rhythm the vocabulary has no word for, but that comes several times a day, is said as the whole day's dose taken
daily: 4 mg every 6 hours are 16 mg a day. Everything else that cannot be said exactly is refused with its own words.
"""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.elements import Body, codings_of, dict_of, list_of, name_of, names_of, text_of
from models import vocabulary

MEALS = 3
"""What "before meals" means a day [default]."""

_PERIOD_DAYS: Mapping[str, Fraction] = {
    "s": Fraction(1, 86_400), "min": Fraction(1, 1440), "h": Fraction(1, 24), "d": Fraction(1), "wk": Fraction(7),
    "mo": Fraction(28),
}  # fmt: skip
"""A dose a month is given every four weeks in this program's words."""

_CODES: Mapping[str, Fraction] = {
    **dict.fromkeys(("QD", "DAILY", "AM", "PM", "BED", "QAM", "QPM", "QHS", "HS", "OD", "NOCTE", "MANE"), Fraction(1)),
    "BID": Fraction(2), "BD": Fraction(2), "TID": Fraction(3), "TDS": Fraction(3), "QID": Fraction(4),
    "QDS": Fraction(4),
    "QOD": Fraction(1, 2), **dict.fromkeys(("WK", "QW", "QWK"), Fraction(1, 7)), "Q2W": Fraction(1, 14),
    "Q3W": Fraction(1, 21), **dict.fromkeys(("MO", "Q4W", "QM"), Fraction(1, 28)),
}  # fmt: skip
_EVERY_HOURS = re.compile(r"Q(\d{1,2})H", re.ASCII)
_MEALS = frozenset({"C", "AC", "PC"})


class Rhythm(NamedTuple):
    """How often: a key of the vocabulary, by what one dose is multiplied, and doses a day (None: a single one)."""

    frequency: str
    factor: Fraction = Fraction(1)
    per_day: Fraction | None = None

    def days_of(self, doses: int) -> int:
        """For how many days this many doses last, counted from the first."""
        return 1 if self.per_day is None else max(1, math.ceil(doses / self.per_day))


ONCE = Rhythm("once")


def rhythm_of(timing: Body) -> Rhythm:
    """The rhythm of a Timing.

    Raises:
        Refused: it says none, two that differ, or one that cannot be said exactly here.
    """
    coded, repeated = _coded(timing.get("code")), _repeated(timing)
    if coded is not None and repeated is not None and coded.per_day != repeated.per_day:
        raise Refused("frequency", name_of(timing.get("code")), "its code and its repeat say two different rhythms")
    found = coded or repeated
    if found is None:
        said = name_of(timing.get("code"))
        raise Refused("frequency", said, f"{said!r} is no rhythm known here" if said else "it does not say how often")
    return found


def _coded(concept: Any) -> Rhythm | None:
    for one in codings_of(concept):
        code = text_of(one.get("code")).upper()
        if code == "ONCE":
            return ONCE
        if code in _CODES:
            return _said(_CODES[code], code)
        hours = _EVERY_HOURS.fullmatch(code)
        if hours is not None and int(hours[1]):
            return _said(Fraction(24, int(hours[1])), code)
    for name in names_of(concept):
        for row in vocabulary.frequencies().values():
            if vocabulary.name_key(name) in {vocabulary.name_key(row.key), vocabulary.name_key(row.label)}:
                if row.every_days is None:
                    return ONCE
                return Rhythm(row.key, per_day=Fraction(row.doses, row.every_days))
        hours = _EVERY_HOURS.fullmatch(name.upper().replace(" ", ""))
        if name.upper() in _CODES:
            return _said(_CODES[name.upper()], name)
        if hours is not None and int(hours[1]):
            return _said(Fraction(24, int(hours[1])), name)
    return None


def _repeated(timing: Body) -> Rhythm | None:
    repeat = dict_of(timing.get("repeat"))
    if repeat.get("count") == 1 or (list_of(timing.get("event")) and not repeat):
        return ONCE
    if any(repeat.get(name) is not None for name in ("frequencyMax", "periodMax")):
        raise Refused("frequency", "range", "how often is a range; how often it is taken is needed")
    moments = _moments(repeat)
    days = sorted({text_of(day) for day in list_of(repeat.get("dayOfWeek")) if text_of(day)})
    period, unit = repeat.get("period"), text_of(repeat.get("periodUnit"))
    times = repeat.get("frequency")
    said = " ".join(str(part) for part in (times, "per", period, unit) if part is not None)
    if period is None:
        if times is not None or not (moments or days):
            return None
        every = Fraction(7 if days else 1)
    else:
        if not _is_number(period) or unit not in _PERIOD_DAYS:
            raise Refused("frequency", said, f"{said!r} is no rhythm known here")
        every = Fraction(repr(period)) * _PERIOD_DAYS[unit]
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise Refused("frequency", said, f"{said!r} is no rhythm known here")
    if moments and times is not None and times != moments and every == 1:
        raise Refused("frequency", said, f"{times} a day, and {moments} times of the day are named")
    each = times if times is not None else moments or 1
    if days:
        return _on_days(days, each, times, every, said)
    return _said(Fraction(each) / every, said)


def _on_days(days: list[str], each: int, times: int | None, every: Fraction, said: str) -> Rhythm:
    """Something that happens on some days of the week only."""
    if every == 7 and times is not None:
        if times % len(days):
            raise Refused("frequency", said, f"{said!r} and {len(days)} days of the week: which of the two is meant?")
        return _said(Fraction(times, 7), said)
    if every not in {1, 7}:
        raise Refused("frequency", said, f"{said!r} on {', '.join(days)} is no rhythm known here")
    rhythm = _said(Fraction(len(days), 7), said)
    return rhythm._replace(factor=Fraction(each), per_day=Fraction(len(days) * each, 7))


def _moments(repeat: Body) -> int:
    """How many moments of a day are named."""
    named = [text_of(one) for one in list_of(repeat.get("when")) if text_of(one)]
    clock = [one for one in list_of(repeat.get("timeOfDay")) if text_of(one)]
    return sum(MEALS if one in _MEALS else 1 for one in named) or len(clock)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _said(per_day: Fraction, said: str) -> Rhythm:
    """Doses a day in the vocabulary's words."""
    for row in vocabulary.frequencies().values():
        if row.every_days is not None and Fraction(row.doses, row.every_days) == per_day:
            return Rhythm(row.key, per_day=per_day)
    if per_day > 1:
        return Rhythm("daily", per_day, per_day)
    raise Refused("frequency", said, f"{said!r} is no rhythm known here; {', '.join(vocabulary.frequencies())} are")

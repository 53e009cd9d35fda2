"""Numbers, days and instants as files write them, each with the message that says how to put it right."""

import datetime as dt
import math
import re
from collections import Counter
from zoneinfo import ZoneInfo

from jobs.importers.canonical.refusal import Refused
from models.clock import clinic_date, start_of_day

EARLIEST = dt.date(1880, 1, 1)
FUTURE_DAYS = 366
"""A fact dated further ahead than this is a slip of the pen (a planned treatment may lie some months ahead)."""

LARGEST = 1e12

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS_POINT = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[Zz]| ?[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)


class Reading:
    """What the cells of a file mean beyond their text: the clinic's zone, the present, the decimal sign.

    Attributes:
        thousands_point: whether a point before three digits may separate thousands: nothing in the file shows that it
            is a decimal point.
        notes: sentences about accepted rows that somebody should look at, with how often each arose.
    """

    def __init__(
        self, timezone: str, now: dt.datetime, *, decimal_comma: bool = False, thousands_point: bool = False
    ) -> None:
        self.timezone = timezone
        self.zone = ZoneInfo(timezone)
        self.decimal_comma = decimal_comma
        self.thousands_point = thousands_point
        self.last_day = clinic_date(now, timezone) + dt.timedelta(days=FUTURE_DAYS)
        self.notes: Counter[str] = Counter()
        self._days: dict[str, dt.date] = {}
        self._starts: dict[str, tuple[dt.datetime, dt.date]] = {}

    def number(self, column: str, text: str) -> float:
        """A finite number; a decimal comma only in files whose cells are not separated by commas."""
        if _NUMBER.fullmatch(text) is None:
            text = self._without_decimal_comma(column, text)
        elif self.thousands_point and _THOUSANDS_POINT.fullmatch(text) is not None:
            plain = text.replace(".", "")
            raise Refused(
                column, text, f"{text!r} may mean {plain} or {text.replace('.', ',')}; write {plain}, or {text}0"
            )
        value = float(text)
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise Refused(column, text, f"{text!r} is too large to be a measured value")
        return value

    def _without_decimal_comma(self, column: str, text: str) -> str:
        if _DECIMAL_COMMA.fullmatch(text) is None:
            raise Refused(column, text, f"{text!r} is not a number; write digits with a decimal point, as in 12.5")
        whole, _, fraction = text.partition(",")
        plain = f"{whole}.{fraction}"
        if not self.decimal_comma:
            raise Refused(
                column, text, f"{text!r} has a comma; in a file separated by commas write the decimal point, {plain}"
            )
        if len(fraction) == 3 and whole.lstrip("+-") != "0":
            raise Refused(
                column,
                text,
                f"{text!r} may mean {whole}{fraction} or {plain}; write it without the comma or with a point",
            )
        return plain

    def day(self, column: str, text: str, *, may_be_ahead: bool = False) -> dt.date:
        """A calendar day written YYYY-MM-DD."""
        known = self._days.get(text)
        if known is None:
            if _DAY.fullmatch(text) is None:
                raise Refused(column, text, f"{text!r} is not a date; write it as YYYY-MM-DD, as in 2026-05-31")
            try:
                known = dt.date.fromisoformat(text)
            except ValueError:
                raise Refused(column, text, f"{text!r} is not a day of the calendar; write it as YYYY-MM-DD") from None
            self._days[text] = known
        self._check_range(column, text, known, may_be_ahead)
        return known

    def _check_range(self, column: str, text: str, day: dt.date, may_be_ahead: bool) -> None:
        if day < EARLIEST:
            raise Refused(column, text, f"{text!r} lies before {EARLIEST:%Y}; check the year")
        if day > self.last_day and (not may_be_ahead or day.year > self.last_day.year + 100):
            raise Refused(column, text, f"{text!r} lies more than {FUTURE_DAYS} days in the future; check the year")

    def instant(self, column: str, text: str) -> tuple[dt.datetime, dt.date]:
        """An instant in UTC and its clinic day. A day alone is the start of that clinic day.

        A local time that happens twice (clock set back) is taken as the first; one that never happens (clock set
        forward) is moved ahead by the missing hour.
        """
        if len(text) == 10:
            known = self._starts.get(text)
            if known is None:
                day = self.day(column, text)
                known = self._starts[text] = (start_of_day(day, self.timezone), day)
            return known
        try:
            if _INSTANT.fullmatch(text) is None:
                raise ValueError
            moment = dt.datetime.fromisoformat(text.upper().replace(" +", "+").replace(" -", "-").replace(",", "."))
        except ValueError:
            raise Refused(
                column,
                text,
                f"{text!r} is not a point in time; write 2026-05-31, 2026-05-31T14:30 or 2026-05-31T14:30Z",
            ) from None
        # Before any conversion: near the ends of the calendar it would overflow.
        self._check_range(column, text, moment.date(), may_be_ahead=False)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        moment = moment.astimezone(dt.UTC)
        return moment, moment.astimezone(self.zone).date()

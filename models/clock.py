"""The only place where the wall clock is read.

Everything clinical is told the day it is asked about (`as_of`); only the outermost edge asks what day it is.
"""

import datetime as dt
import time
from zoneinfo import ZoneInfo


def utc_now() -> dt.datetime:
    """The present instant, timezone-aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def clinic_date(instant: dt.datetime, timezone: str) -> dt.date:
    """The calendar day of an aware `instant` in the clinic's zone (an IANA name such as `Europe/Berlin`)."""
    return instant.astimezone(ZoneInfo(timezone)).date()


def start_of_day(day: dt.date, timezone: str) -> dt.datetime:
    """The first instant of a clinic day, in UTC. Where midnight does not exist, the first instant that does."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)


def end_of_day(day: dt.date, timezone: str) -> dt.datetime:
    """The last microsecond of a clinic day, in UTC."""
    return start_of_day(day + dt.timedelta(days=1), timezone) - dt.timedelta(microseconds=1)


def seconds() -> float:
    """A monotonic stop-watch reading in seconds, for durations only."""
    return time.perf_counter()

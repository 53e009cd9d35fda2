"""A person's age, counted in one place: completed years, and the birthday on which a year is completed.

Whoever was born on 29 February completes a year on 1 March where the year has no 29 February: not before a whole year
has gone by, as German (BGB §§ 187, 188), English and most other law counts.
"""

import datetime as dt
from calendar import isleap


def age_on(birth: dt.date | None, day: dt.date) -> int | None:
    """Completed years on `day`: on the birthday itself the new year counts. None without a birth date or before it."""
    if birth is None or day < birth:
        return None
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def birthday(birth: dt.date, years: int) -> dt.date:
    """The first day on which somebody born on `birth` is `years` old: `age_on(birth, day) >= years` from then on.

    Raises:
        ValueError: `years` is negative, or the day lies beyond the year 9999.
    """
    if years < 0:
        raise ValueError(f"nobody is {years} years old")
    year = birth.year + years
    if (birth.month, birth.day) == (2, 29) and not isleap(year):
        return dt.date(year, 3, 1)
    return birth.replace(year=year)

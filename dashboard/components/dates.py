"""Dates and times as people read them: `3 Mar (12 d ago)`, always in the clinic's zone."""

import datetime as dt

from models.age import age_on


def short_day(day: dt.date | None, today: dt.date) -> str:
    """`3 Mar`, with the year when it is not this one: `3 Mar 2025`. Empty for None."""
    if day is None:
        return ""
    text = f"{day.day} {day:%b}"
    return text if day.year == today.year else f"{text} {day.year}"


def ago(day: dt.date | None, today: dt.date) -> str:
    """`today`, `12 d ago`, `in 3 d`; months from 90 days on: `7 mo ago`. Empty for None."""
    if day is None:
        return ""
    days = (today - day).days
    if days == 0:
        return "today"
    size = abs(days)
    text = f"{size} d" if size < 90 else f"{round(size / 30.44)} mo" if size < 730 else f"{size / 365.25:.0f} y"
    return f"{text} ago" if days > 0 else f"in {text}"


def day_and_ago(day: dt.date | None, today: dt.date) -> str:
    """`3 Mar (12 d ago)`."""
    return f"{short_day(day, today)} ({ago(day, today)})" if day else ""


def clock_time(instant: dt.datetime | None, zone: dt.tzinfo, today: dt.date) -> str:
    """`07:02` today, `21 Nov 07:02` otherwise. Empty for None."""
    if instant is None:
        return ""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == today else f"{short_day(local.date(), today)} {local:%H:%M}"


def age(birth: dt.date | None, today: dt.date) -> str:
    """`12 y`; below two years in months: `17 mo`. Empty where it is not known."""
    years = age_on(birth, today)
    if birth is None or years is None:
        return ""
    if years >= 2:
        return f"{years} y"
    months = (today.year - birth.year) * 12 + today.month - birth.month - (today.day < birth.day)
    return f"{months} mo"

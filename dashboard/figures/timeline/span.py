"""From which day to which the timeline is shown: the choices, and how far an agreed taper is looked ahead."""

import datetime as dt

import pandas as pd

from dashboard.figures.timeline.data import TimelineData

RANGES = {"3m": 92, "6m": 183, "1y": 366, "all": None}

PLAN_AHEAD_DAYS = 70
"""So much of an agreed taper that lies ahead is shown to the right of today: five steps of a fortnight."""


def days_ahead(data: TimelineData) -> int:
    """How many days after today the axis goes on for the steps of an agreed taper; 0 without any ahead."""
    if data.plan.empty:
        return 0
    last = (pd.Timestamp(data.plan["start"].iloc[-1]) - pd.Timestamp(data.today)).days
    return max(min(last + 1, PLAN_AHEAD_DAYS), 0)


def shown_range(first: dt.date, today: dt.date, choice: str, ahead: int = 0) -> list[str]:
    """The ends of the axis for one of `RANGES`, with `ahead` days of a plan or a little air at the right."""
    span = RANGES.get(choice)
    begin = first if span is None else max(today - dt.timedelta(days=span), dt.date(1900, 1, 1))
    length = max((today - begin).days, 7)
    air = dt.timedelta(days=max(round(length * 0.012), 1))
    return [(begin - air).isoformat(), (today + max(air, dt.timedelta(days=ahead))).isoformat()]


def starting_range(data: TimelineData) -> str:
    """The narrowest of one year and everything."""
    return "all" if (data.today - data.first).days <= 366 else "1y"

"""The small tables that the timeline draws, and from which day to which it is shown."""

import datetime as dt
from dataclasses import dataclass, field

import pandas as pd


def _no(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})


@dataclass(frozen=True)
class TimelineData:
    """What the figure draws. Days are datetime64; empty tables leave their pane out.

    Attributes:
        first, today: the days the axis runs from and to when everything is shown.
        strength: `measure`, `label`, `maximum`, `day`, `value`, `assessor`.
        enzyme: CK: `day`, `value` (U/L), `comparator`, `upper_limit` (as reported with each, NaN where none).
        troponin: `kind` (`T` or `I`), `assay`, `day`, `value` (ng/L), `comparator`, `upper_limit`.
        skin: CDASI activity (0 to 100): `day`, `value`, `assessor`.
        lung: `kind` (`FVC` or `DLCO`), `day`, `value` (% of predicted), `comparator`.
        own: the clinic's own measures: `label`, `unit`, `day`, `value`, `comparator`, `upper_limit`.
        steroid: `start`, `end` (last day), `steady_mg`, `mg_day`, `pulse`; prednisone-equivalent mg/day.
        plan: the agreed taper: `start`, `dose_mg`.
        courses: other drugs: `label`, `start`, `end` (NaT: continuing), `text`; sorted as they are to stand.
        events: `day`, `label`, `present`, `red_flag`.
        alerts: `day`, `severity`, `label`.
    """

    first: dt.date
    today: dt.date
    strength: pd.DataFrame = field(
        default_factory=lambda: _no("measure", "label", "maximum", "day", "value", "assessor")
    )
    enzyme: pd.DataFrame = field(default_factory=lambda: _no("day", "value", "comparator", "upper_limit"))
    troponin: pd.DataFrame = field(
        default_factory=lambda: _no("kind", "assay", "day", "value", "comparator", "upper_limit")
    )
    skin: pd.DataFrame = field(default_factory=lambda: _no("day", "value", "assessor"))
    lung: pd.DataFrame = field(default_factory=lambda: _no("kind", "day", "value", "comparator"))
    own: pd.DataFrame = field(default_factory=lambda: _no("label", "unit", "day", "value", "comparator", "upper_limit"))
    steroid: pd.DataFrame = field(default_factory=lambda: _no("start", "end", "steady_mg", "mg_day", "pulse"))
    plan: pd.DataFrame = field(default_factory=lambda: _no("start", "dose_mg"))
    courses: pd.DataFrame = field(default_factory=lambda: _no("label", "start", "end", "text"))
    events: pd.DataFrame = field(default_factory=lambda: _no("day", "label", "present", "red_flag"))
    alerts: pd.DataFrame = field(default_factory=lambda: _no("day", "severity", "label"))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all to draw."""
        measured = (self.strength, self.enzyme, self.troponin, self.skin, self.lung, self.own)
        return all(table.empty for table in (*measured, self.steroid, self.courses, self.events, self.alerts))


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

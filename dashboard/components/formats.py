"""Numbers with their units, and counts in words."""

from jobs.phrasing import amount as number

__all__ = ["counted", "number", "times_limit"]


def times_limit(value: float | None, limit: float | None) -> str:
    """`3.2×` the upper limit; empty where either is missing."""
    if value is None or not limit:
        return ""
    times = value / limit
    return f"{number(times, 1 if times < 10 else 0)}×"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 patient`, `23 patients`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"

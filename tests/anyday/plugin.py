"""A pytest plugin that runs every test once for each of the days on which clocks and calendars go wrong.

`pytest -p tests.anyday.plugin tests/stories` sets the machine's clock, its time zone and the clinic's zone before each
test, in the test's process and in every Python process it starts. Only the time of day moves: waits, time limits and
stop-watches go by the monotonic clock and stay as they are.
"""

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

CHILD = Path(__file__).resolve().parent / "child"
"""First on the path of the processes that a test starts: its `sitecustomize` sets their clock."""

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def _before(day: dt.date, hour: int) -> dt.datetime:
    """One second before a full hour of UTC, so that the clock change comes in the middle of the test."""
    return dt.datetime.combine(day, dt.time(hour), dt.UTC) - dt.timedelta(seconds=1)


DAYS: dict[str, tuple[str, dt.datetime | dt.timedelta]] = {
    "29-february": (BERLIN, dt.datetime(2028, 2, 29, 11, tzinfo=dt.UTC)),
    "31-december": (NEW_YORK, dt.datetime(2026, 12, 31, 18, tzinfo=dt.UTC)),
    "berlin-forward": (BERLIN, _before(dt.date(2027, 3, 28), 1)),
    "berlin-back": (BERLIN, _before(dt.date(2027, 10, 31), 1)),
    "new-york-forward": (NEW_YORK, _before(dt.date(2027, 3, 14), 7)),
    "new-york-back": (NEW_YORK, _before(dt.date(2027, 11, 7), 6)),
    "400-days-ahead": ("UTC", dt.timedelta(days=400)),
}
"""The machine's zone, and the instant at which the test begins or how far ahead of the true clock it is."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test once for each day."""
    if "_clock" not in metafunc.fixturenames:
        metafunc.fixturenames.insert(0, "_clock")
    metafunc.parametrize("_clock", list(DAYS), indirect=True)


@pytest.fixture(autouse=True)
def _clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """The clock and the zone of one of the days."""
    zone, when = DAYS[request.param]
    true = time.time()  # noqa: TID251 - the true clock is what is set here
    start = true + when.total_seconds() if isinstance(when, dt.timedelta) else when.timestamp()
    path = os.pathsep.join(filter(None, [str(CHILD), os.environ.get("PYTHONPATH")]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        patch.setenv("TEST_CLOCK_AHEAD", str(start - true))
        patch.setenv("TEST_CLINIC_ZONE", zone)
        patch.setenv("TZ", zone)
        with time_machine.travel(dt.datetime.fromtimestamp(start, ZoneInfo(zone))):
            yield
    time.tzset()

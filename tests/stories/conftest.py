"""A clinic seen from outside: folders go in, commands answer. Nothing here knows how the answers come about."""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

DAY = dt.date(2025, 3, 16)
"""Day 0 of the stories: a Monday with no clock change in the weeks before it."""


def day(offset: int) -> str:
    """A date, counted from day 0."""
    return (DAY + dt.timedelta(days=offset)).isoformat()


def observation(
    mrn: str, measure: str, value: object, offset: int = 0, unit: str = "", **more: object
) -> dict[str, object]:
    """A row of observations.csv, examined at ten o'clock."""
    return {
        "mrn": mrn, "measure": measure, "value": value, "unit": unit, "observed_at": f"{day(offset)}T10:00:00", **more,
    }  # fmt: skip


def cmas(mrn: str, value: object, offset: int = 0, **more: object) -> dict[str, object]:
    """A CMAS score."""
    return observation(mrn, "cmas", value, offset, **more)


def laboratory(
    mrn: str, measure: str, value: object, offset: int = 0, limit: object = None, unit: str = "U/L", **more: object
) -> dict[str, object]:
    """A laboratory value with the limit reported with it."""
    return observation(mrn, measure, value, offset, unit=unit, upper_limit=limit, **more)


def drug(
    mrn: str,
    name: str,
    dose: object,
    start: int,
    end: int | None = None,
    unit: str = "mg",
    frequency: str = "daily",
    **more: object,
) -> dict[str, object]:
    """A row of medications.csv."""
    return {
        "mrn": mrn, "drug": name, "dose": dose, "unit": unit, "frequency": frequency,
        "start_date": day(start), "end_date": None if end is None else day(end), **more,
    }  # fmt: skip


def event(mrn: str, name: str, offset: int = 0, **more: object) -> dict[str, object]:
    """A row of events.csv."""
    return {"mrn": mrn, "event": name, "date": day(offset), **more}


Rows = Sequence[Mapping[str, object]]


class Clinic:
    """The command on one database, and what it answered."""

    def __init__(self, run: Callable[..., Any], write: Callable[..., Path], env: dict[str, str]) -> None:
        self.run = run
        self.write = write
        self.env = env
        self._folders = itertools.count()

    def __call__(self, *arguments: object, code: int = 0, stdin: str = "") -> Any:
        """Run a command that has to end with `code`."""
        done = self.run(*arguments, env=self.env, stdin=stdin)
        assert done.code == code, f"exit {done.code} of {arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def folder(self, **files: Rows) -> Path:
        """A new CSV folder."""
        return self.write(name=f"folder-{next(self._folders)}", **files)

    def load(self, *options: object, code: int = 0, **files: Rows) -> Any:
        """Import rows; the counts as JSON."""
        return self("import", self.folder(**files), "--format", "json", *options, code=code).json()

    def people(self, *mrns: str, **more: object) -> None:
        """Import patients about whom nothing else is known."""
        self.load(patients=[{"mrn": mrn, **more} for mrn in mrns])

    def evaluate(self, offset: int | None = 0, *options: object, code: int = 0) -> Any:
        """The assessments of a day."""
        asked = () if offset is None else ("--as-of", day(offset))
        return self("evaluate", *asked, "--format", "json", *options, code=code).json()

    def answers(self, offset: int, rule: str, *options: object) -> dict[tuple[str, str], Any]:
        """All states of one rule by patient and subject, changing nothing."""
        found = self.evaluate(offset, "--rule", rule, "--all-states", "--dry-run", *options)
        return {(one["mrn"], one["subject"]): one for one in found if one["rule"] == rule}

    def met(self, offset: int = 0, *options: object) -> set[tuple[str, str, str]]:
        """Who meets what on a day."""
        return {(one["mrn"], one["rule"], one["subject"]) for one in self.evaluate(offset, *options)}

    def alerts(self, state: str = "open", *options: object) -> Any:
        """The nurse list."""
        return self("alerts", "--state", state, "--format", "json", *options).json()

    def suggest(self, mrn: str, offset: int = 0, *options: object) -> Any:
        """The suggestion answer for one patient."""
        return self("suggest", mrn, "--as-of", day(offset), "--format", "json", *options).json()


@pytest.fixture
def clinic(cli: Callable[..., Any], clinic_folder: Callable[..., Path], sqlite_url: str) -> Clinic:
    """An empty clinic in UTC."""
    return Clinic(cli, clinic_folder, {"MYOPANEL_DATABASE_URL": sqlite_url})


@pytest.fixture
def clinic_in(cli: Callable[..., Any], clinic_folder: Callable[..., Path], sqlite_url: str) -> Callable[[str], Clinic]:
    """An empty clinic in a time zone."""
    return lambda zone: Clinic(cli, clinic_folder, {"MYOPANEL_DATABASE_URL": sqlite_url, "MYOPANEL_TIMEZONE": zone})


@pytest.fixture
def postgres_clinic(cli: Callable[..., Any], clinic_folder: Callable[..., Path], postgres_url: str) -> Clinic:
    """An empty clinic in UTC on PostgreSQL."""
    return Clinic(cli, clinic_folder, {"MYOPANEL_DATABASE_URL": postgres_url})

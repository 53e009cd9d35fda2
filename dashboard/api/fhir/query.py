"""The parameters of a search, as FHIR writes them; one that nobody used is refused."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from dashboard.api.fhir.resources import Refusal, base_url, of_ids
from dashboard.secure import Current
from models.clock import start_of_day
from models.patient import Patient


@dataclass
class Query:
    """A search: its parameters, each of which must be used or is refused."""

    here: Current
    given: list[tuple[str, str]]

    def __post_init__(self) -> None:
        self.used: set[str] = {"_format", "_pretty", "_count", "_after", "_summary", "_total"}

    def all(self, *names: str) -> list[str]:
        """Every value of the parameters: all of them must hold."""
        self.used.update(names)
        return [value for name, value in self.given if name in names]

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number not below 0."""
        values = self.all(name)
        if not values:
            return default
        if not re.fullmatch(r"\d{1,15}", values[-1], re.ASCII):
            raise Refusal(400, "invalid", f"{name} must be a whole number.")
        return int(values[-1])

    def check(self) -> None:
        """Refuse what nobody used."""
        unknown = sorted({name for name, _ in self.given} - self.used)
        if unknown:
            raise Refusal(400, "not-supported", f"Not a search parameter here: {', '.join(unknown)}.")

    def tokens(self, value: str) -> list[tuple[str | None, str]]:
        """`system|code,code` as (system or None, code)."""
        pairs = []
        for part in value.split(","):
            system, bar, code = part.rpartition("|")
            pairs.append((system if bar else None, code.strip()))
        return pairs

    def moments(self, column: Any, *names: str) -> list[Any]:
        """Conditions of a date parameter (`ge2026-03-01`) on an instant; days are the clinic's."""
        return [self._moment(column, value) for value in self.all(*names)]

    def _moment(self, column: Any, value: str) -> Any:
        found = re.fullmatch(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d{4}(?:-\d{2}(?:-\d{2}(?:T.+)?)?)?)", value, re.ASCII)
        if found is None:
            raise Refusal(400, "invalid", "A date is written ge2026-03-01 or lt2026-03-01T10:00:00Z.")
        try:
            begin, end = self._span(found[2].replace(" ", "+"))
        except (ValueError, OverflowError) as error:
            raise Refusal(400, "invalid", "There is no such date.") from error
        prefix = found[1] or "eq"
        return {
            "eq": sa.and_(column >= begin, column < end),
            "ne": sa.or_(column < begin, column >= end),
            "gt": column >= end,
            "sa": column >= end,
            "ge": column >= begin,
            "lt": column < begin,
            "eb": column < begin,
            "le": column < end,
        }[prefix]

    def _span(self, text: str) -> tuple[dt.datetime, dt.datetime]:
        zone = self.here.settings.timezone
        if "T" in text:
            moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self.here.settings.zone)
            moment = moment.astimezone(dt.UTC)
            # A text to the second means that second, one with a fraction that millisecond.
            return moment, moment + dt.timedelta(milliseconds=1 if moment.microsecond else 1000)
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 3:
            day = dt.date(*parts)
            return start_of_day(day, zone), start_of_day(day + dt.timedelta(days=1), zone)
        year, month = parts[0], parts[1] if len(parts) == 2 else 1
        first = dt.date(year, month, 1)
        last = dt.date(year + 1, 1, 1) if len(parts) == 1 else (first + dt.timedelta(days=32)).replace(day=1)
        return start_of_day(first, zone), start_of_day(last, zone)

    def patients(self, *names: str) -> list[Any]:
        """Conditions on the patient: `patient`, `subject`, and their identifiers."""
        base = f"{base_url(self.here)}/"
        conditions: list[Any] = []
        for value in self.all(*names):
            ids = [part.strip().removeprefix(base).removeprefix("Patient/") for part in value.split(",")]
            conditions.append(of_ids(ids))
        spelled = [spelling for name in names for spelling in (f"{name}.identifier", f"{name}:identifier")]
        numbers = [[code for _, code in self.tokens(value)] for value in self.all(*spelled)]
        return conditions + [col(Patient.mrn).in_(one) for one in numbers]

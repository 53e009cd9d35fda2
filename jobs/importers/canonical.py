"""The four kinds of rows that bring facts in, and what makes one of them readable.

A row arrives as text, one cell per column (`PatientRow`, `ObservationRow`, `MedicationRow`, `EventRow`). `reader(kind)`
gives the function that turns the cells into a checked fact with canonical units, clinic days and vocabulary keys, or
raises `Refused`, which names the column, what was sent, and how to put it right. There is only this one reading: files,
workbooks and the forms on the patient's page get the same messages.

A blank cell is "not given" and becomes None; it never erases what is on file.
"""

import datetime as dt
import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models import vocabulary
from models.clock import clinic_date, start_of_day
from models.column_types import CONTENT_BYTES, IDENTITY_BYTES, digest

Kind = Literal["patients", "observations", "medications", "events"]

KINDS: tuple[Kind, ...] = ("patients", "observations", "medications", "events")
"""In the order in which they are loaded: a fact needs its patient."""

EARLIEST = dt.date(1880, 1, 1)
FUTURE_DAYS = 366
"""A fact dated further ahead than this is a slip of the pen (a planned treatment may lie some months ahead)."""

LARGEST = 1e12
LONGEST_NAME = 200
LONGEST_TEXT = 20_000

PATIENT_STATUSES = ("active", "discharged", "deceased", "moved")
SEXES = ("female", "male", "other", "unknown")
OBSERVATION_STATUSES = ("final", "corrected", "entered-in-error", "cancelled", "not-done")
NO_RESULT = frozenset({"entered-in-error", "cancelled", "not-done"})
MEDICATION_STATUSES = ("active", "stopped", "entered-in-error")
EVENT_STATUSES = ("final", "entered-in-error")
PRESENT = {"yes": True, "no": False, "y": True, "n": False, "true": True, "false": False, "1": True, "0": False}

# What laboratories write for a qualitative result.
PRESENCE_WORDS = {
    "positive": 1.0,
    "pos": 1.0,
    "reactive": 1.0,
    "detected": 1.0,
    "present": 1.0,
    "negative": 0.0,
    "neg": 0.0,
    "non-reactive": 0.0,
    "nonreactive": 0.0,
    "not detected": 0.0,
    "absent": 0.0,
}


class Refused(ValueError):
    """A row that cannot be taken over: which column, what stood there, and what to do about it."""

    def __init__(self, column: str, value: str, why: str) -> None:
        super().__init__(f"column {column}: {why}" if column else why)
        self.column = column
        self.value = value
        self.why = why


# --------------------------------------------------------------------------------------------------------- rows as sent


class _Row(BaseModel):
    """Text cells by column; numbers, days, instants and None are written as a file would have them."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (dt.date, dt.datetime)):
            return value.isoformat()
        if isinstance(value, (int, float)):
            return repr(value)
        return value

    def cells(self) -> list[str]:
        """The cells in the order of the columns."""
        return list(self.__dict__.values())


class PatientRow(_Row):
    """A row of patients.csv as sent."""

    mrn: str = Field(description="Record number, compared exactly as text.")
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    sex: str = Field("", description="female, male, other, unknown")
    diagnosis: str = Field("", description="A code of the vocabulary's diagnoses.")
    diagnosed_on: str = ""
    autoantibodies: str = Field("", description="Codes separated by `;`.")
    site: str = ""
    clinician: str = ""
    status: str = Field("", description="active, discharged, deceased, moved")


class ObservationRow(_Row):
    """A row of observations.csv as sent."""

    mrn: str
    measure: str
    value: str = Field("", description="May start with `<` or `>`.")
    unit: str = Field("", description="As the laboratory wrote it; empty only for scores.")
    observed_at: str
    max_value: str = Field("", description="Maximum of a strength score; its instrument's when blank.")
    upper_limit: str = Field("", description="As reported with this result, in the unit of the result.")
    lower_limit: str = ""
    assay: str = ""
    assessor: str = ""
    received_at: str = Field("", description="When it became known here; blank: since `observed_at`.")
    status: str = Field("", description="final, corrected, entered-in-error, cancelled, not-done")
    reason: str = ""
    source_id: str = Field("", description="The sender's id of the result: a later row with it is a correction.")
    comment: str = ""


class MedicationRow(_Row):
    """A row of medications.csv as sent."""

    mrn: str
    drug: str
    dose: str
    unit: str
    frequency: str
    route: str = ""
    start_date: str
    end_date: str = Field("", description="Last day taken; blank: continuing.")
    intent: str = Field("", description="daily, pulse, infusion")
    status: str = Field("", description="active, stopped, entered-in-error")
    received_at: str = ""
    source_id: str = ""


class EventRow(_Row):
    """A row of events.csv as sent. `status` is for the patient's page only: the file has no such column."""

    mrn: str
    event: str
    date: str
    end_date: str = ""
    present: str = Field("", description="yes, no")
    detail: str = ""
    received_at: str = ""
    source_id: str = ""
    status: str = Field("", description="final, entered-in-error")


ROWS: dict[Kind, type[_Row]] = {
    "patients": PatientRow,
    "observations": ObservationRow,
    "medications": MedicationRow,
    "events": EventRow,
}

COLUMNS: dict[Kind, tuple[str, ...]] = {kind: tuple(row.model_fields) for kind, row in ROWS.items()}
"""The columns of each kind in the order in which `reader` expects the cells."""

FILE_COLUMNS: dict[Kind, tuple[str, ...]] = {**COLUMNS, "events": COLUMNS["events"][:-1]}
"""The columns a file may have."""

REQUIRED: dict[Kind, tuple[str, ...]] = {
    "patients": ("mrn",),
    "observations": ("mrn", "measure", "value", "unit", "observed_at"),
    "medications": ("mrn", "drug", "dose", "unit", "frequency", "start_date"),
    "events": ("mrn", "event", "date"),
}
"""The columns without which a file cannot be read."""


# ------------------------------------------------------------------------------------------------------------ the facts


@dataclass(slots=True, eq=False)
class PatientFact:
    """What a row says about a patient; only what was given."""

    mrn: str
    given: dict[str, Any]


@dataclass(slots=True, eq=False)
class ObservationFact:
    """One checked observation; value and limits in the measure's canonical unit, None where not given."""

    mrn: str
    measure: str
    value: float | None
    comparator: str
    unit: str
    value_sent: str
    unit_sent: str
    max_value: float | None
    upper_limit: float | None
    lower_limit: float | None
    assay: str | None
    assessor: str | None
    status: str
    reason: str | None
    comment: str | None
    effective_at: dt.datetime
    effective_on: dt.date
    received_at: dt.datetime | None
    source_id: str | None

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one result. The patient is no part of a sender's id: a result that was
        filed under the wrong person and moved is the same result."""
        if self.source_id is not None:
            return digest(f"id:{sender}:{self.measure}:{self.source_id}", IDENTITY_BYTES)
        value = "" if self.value is None else f"{self.comparator}{self.value!r}"
        return _natural_key(
            "observation", self.mrn, self.measure, self.effective_at.isoformat(), value, self.assay or ""
        )

    def content(self) -> bytes:
        """Digest of all that was said; a row with a known digest says nothing new."""
        return _digest(
            (
                self.mrn,
                self.effective_at.isoformat(),
                self.value,
                self.comparator,
                self.upper_limit,
                self.lower_limit,
                self.assay,
                self.assessor,
                self.status,
                self.reason,
                self.comment,
                None if self.received_at is None else self.received_at.isoformat(),
            )
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return self.effective_at


@dataclass(slots=True, eq=False)
class MedicationFact:
    """One checked medication statement; None where not given."""

    mrn: str
    drug: str
    dose: float
    unit: str
    frequency: str
    route: str | None
    start_on: dt.date
    end_on: dt.date | None
    intent: str | None
    status: str | None
    received_at: dt.datetime | None
    source_id: str | None

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one statement: the sender's id, else all but its end and status."""
        if self.source_id is not None:
            return digest(f"id:{sender}:{self.source_id}", IDENTITY_BYTES)
        return _natural_key(
            "medication",
            self.mrn,
            self.drug,
            repr(self.dose),
            self.unit,
            self.frequency,
            self.route or "",
            self.intent or "",
            self.start_on.isoformat(),
        )

    def content(self) -> bytes:
        """Digest of all that was said."""
        return _digest(
            (
                self.mrn,
                self.drug,
                self.dose,
                self.unit,
                self.frequency,
                self.route,
                self.start_on.isoformat(),
                None if self.end_on is None else self.end_on.isoformat(),
                self.intent,
                self.status,
                None if self.received_at is None else self.received_at.isoformat(),
            )
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return start_of_day(self.start_on, timezone)


@dataclass(slots=True, eq=False)
class EventFact:
    """One checked clinical event; None where not given."""

    mrn: str
    event: str
    occurred_on: dt.date
    end_on: dt.date | None
    present: bool | None
    detail: str | None
    received_at: dt.datetime | None
    source_id: str | None
    status: str | None

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one event: the sender's id, else patient, kind and day."""
        if self.source_id is not None:
            return digest(f"id:{sender}:{self.source_id}", IDENTITY_BYTES)
        return _natural_key("event", self.mrn, self.event, self.occurred_on.isoformat())

    def content(self) -> bytes:
        """Digest of all that was said."""
        return _digest(
            (
                self.mrn,
                self.event,
                self.occurred_on.isoformat(),
                None if self.end_on is None else self.end_on.isoformat(),
                self.present,
                self.detail,
                self.status,
                None if self.received_at is None else self.received_at.isoformat(),
            )
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return start_of_day(self.occurred_on, timezone)


Fact = ObservationFact | MedicationFact | EventFact


def _said(parts: tuple[object, ...]) -> bytes:
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _digest(said: tuple[object, ...]) -> bytes:
    return _said(said)[:CONTENT_BYTES]


def _natural_key(*said: str) -> bytes:
    return _said(said)[:IDENTITY_BYTES]


# -------------------------------------------------------------------------------------------------------------- reading

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[Zz]| ?[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)


class Reading:
    """What the cells of a file mean beyond their text: the clinic's zone, the present, the decimal sign.

    Attributes:
        notes: sentences about accepted rows that somebody should look at, with how often each arose.
    """

    def __init__(self, timezone: str, now: dt.datetime, *, decimal_comma: bool = False) -> None:
        self.timezone = timezone
        self.zone = ZoneInfo(timezone)
        self.decimal_comma = decimal_comma
        self.last_day = clinic_date(now, timezone) + dt.timedelta(days=FUTURE_DAYS)
        self.notes: Counter[str] = Counter()
        self._days: dict[str, dt.date] = {}
        self._starts: dict[str, tuple[dt.datetime, dt.date]] = {}

    def number(self, column: str, text: str) -> float:
        """A finite number; a decimal comma only in files whose cells are not separated by commas."""
        if _NUMBER.fullmatch(text) is None:
            text = self._without_decimal_comma(column, text)
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


def _text(column: str, text: str, longest: int = LONGEST_TEXT) -> str | None:
    """Free text, or None where the cell is blank."""
    if not text:
        return None
    if len(text) > longest:
        raise Refused(column, text[:80] + "...", f"the text has {len(text)} characters; at most {longest} are kept")
    return text


def _mrn(text: str) -> str:
    if not text:
        raise Refused("mrn", "", "the record number is missing; every row needs one")
    if len(text) > LONGEST_NAME:
        raise Refused("mrn", text[:80] + "...", f"a record number has at most {LONGEST_NAME} characters")
    return text


@lru_cache(maxsize=4096)
def _nearest(text: str, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(text.lower()[:60], [name.lower() for name in known], n=1, cutoff=0.6)
    if found:
        name = next(name for name in known if name.lower() == found[0])
        return f"did you mean {name}?"
    return "known are " + ", ".join(known)


def _choice(column: str, text: str, known: Collection[str], what: str) -> str:
    """One of the known words, whatever its case."""
    if text in known:
        return text
    for spelled in (text.lower(), text.upper()):
        if spelled in known:
            return spelled
    if not text:
        raise Refused(column, "", f"{what} is missing; known are {', '.join(known)}")
    raise Refused(column, text, f"{text[:80]!r} is not a known {what}; {_nearest(text, tuple(known))}")


def _required(column: str, text: str, what: str) -> str:
    if not text:
        raise Refused(column, "", f"{what} is missing")
    return text


def _received(reading: Reading, text: str) -> dt.datetime | None:
    return reading.instant("received_at", text)[0] if text else None


def read_patient(cells: Sequence[str], reading: Reading) -> PatientFact:
    """A row of patients.csv; cells in the order of COLUMNS, stripped."""
    mrn, family, given, birth, sex, diagnosis, diagnosed, antibodies, site, clinician, status = cells
    said: dict[str, Any] = {}
    number = _mrn(mrn)
    for column, text in (("family_name", family), ("given_name", given), ("site", site), ("clinician", clinician)):
        if text:
            said[column] = _text(column, text, LONGEST_NAME)
    if birth:
        said["birth_date"] = reading.day("birth_date", birth)
        if said["birth_date"] > reading.last_day - dt.timedelta(days=FUTURE_DAYS):
            raise Refused("birth_date", birth, f"{birth!r} lies in the future")
    if sex:
        said["sex"] = _choice("sex", sex, SEXES, "sex")
    if diagnosis:
        said["diagnosis"] = _choice("diagnosis", diagnosis, vocabulary.diagnoses(), "diagnosis")
    if diagnosed:
        said["diagnosed_on"] = reading.day("diagnosed_on", diagnosed)
        if "birth_date" in said and said["diagnosed_on"] < said["birth_date"]:
            raise Refused("diagnosed_on", diagnosed, f"{diagnosed!r} lies before the birth date {birth}")
    if antibodies:
        said["autoantibodies"] = _autoantibodies(antibodies, reading)
    if status:
        said["status"] = _choice("status", status, PATIENT_STATUSES, "status of a patient")
    return PatientFact(number, said)


def _autoantibodies(text: str, reading: Reading) -> str:
    codes = set()
    for name in filter(None, (part.strip() for part in text.split(";"))):
        _text("autoantibodies", name, LONGEST_NAME)
        known = vocabulary.autoantibodies().get(name.upper()) or vocabulary.autoantibody(name)
        if known is None:
            reading.notes[f"autoantibody {name!r} is not in the vocabulary; it was kept as sent"] += 1
        codes.add(known.code if known else name.upper())
    return ";".join(sorted(codes))


def read_observation(cells: Sequence[str], reading: Reading) -> ObservationFact:
    """A row of observations.csv; cells in the order of COLUMNS, stripped."""
    (
        mrn, measure, value, unit, observed_at, max_value, upper_limit, lower_limit, assay, assessor, received_at,
        status, reason, source_id, comment,
    ) = cells  # fmt: skip
    number = _mrn(mrn)
    key = _choice("measure", measure, vocabulary.measures(), "measure")
    known = vocabulary.measure(key)
    state = _choice("status", status, OBSERVATION_STATUSES, "status of a result") if status else "final"
    effective_at, effective_on = reading.instant("observed_at", _required("observed_at", observed_at, "the time"))
    amount: float | None = None
    comparator = ""
    upper = lower = None
    maximum = known.max_value if known.is_score else None
    if maximum is not None and max_value and reading.number("max_value", max_value) != maximum:
        raise Refused(
            "max_value", max_value, f"{key} has the maximum {maximum:g}, not {max_value}; another instrument?"
        )
    if value or state not in NO_RESULT:
        try:
            amount, comparator = _amount(known, value, unit, reading)
            upper = _limit("upper_limit", key, upper_limit, unit, reading)
            lower = _limit("lower_limit", key, lower_limit, unit, reading)
            if upper is not None and upper <= 0:
                raise Refused("upper_limit", upper_limit, "an upper limit is above 0; leave the cell blank if unknown")
            if upper is not None and lower is not None and lower > upper:
                raise Refused("lower_limit", lower_limit, f"the lower limit lies above the upper limit {upper_limit}")
        except Refused:
            # Taking a result back must not fail because the result was unreadable in the first place.
            if state not in NO_RESULT or not (source_id or state == "not-done"):
                raise
            amount, comparator, upper, lower = None, "", None, None
    if state == "entered-in-error" and amount is None and not source_id:
        raise Refused("source_id", "", "which result was an error? Give its source_id, or repeat its value and unit")
    return ObservationFact(
        mrn=number,
        measure=key,
        value=amount,
        comparator=comparator,
        unit=known.unit,
        value_sent=value[:LONGEST_NAME],
        unit_sent=unit[:LONGEST_NAME],
        max_value=maximum,
        upper_limit=upper,
        lower_limit=lower,
        assay=_text("assay", assay, LONGEST_NAME),
        assessor=_text("assessor", assessor, LONGEST_NAME),
        status=state,
        reason=_text("reason", reason),
        comment=_text("comment", comment),
        effective_at=effective_at,
        effective_on=effective_on,
        received_at=_received(reading, received_at),
        source_id=_text("source_id", source_id, LONGEST_NAME),
    )


def _amount(known: vocabulary.Measure, sent: str, unit: str, reading: Reading) -> tuple[float, str]:
    """The value in the canonical unit and its comparator."""
    text = sent
    comparator = ""
    if text[:1] in ("<", ">"):
        comparator, text = text[0], text[1:].lstrip()
        if known.is_score:
            raise Refused(
                "value", sent, f"a score of {known.key} is a number, not a bound; write it without {comparator}"
            )
    if not text:
        raise Refused("value", sent, "the value is missing; where nothing was measured, use the status not-done")
    if known.family == "presence" and text.lower() in PRESENCE_WORDS:
        value = PRESENCE_WORDS[text.lower()]
    else:
        value = reading.number("value", text)
    try:
        converted = vocabulary.to_canonical(known.key, value, unit)
    except vocabulary.UnknownUnit as error:
        raise Refused("unit", unit, _unit_message(known.key, unit, error.accepted)) from None
    except vocabulary.ImpossibleValue:
        raise Refused("value", sent, f"{known.key} is 1 (positive) or 0 (negative), not {text}") from None
    if known.max_value is not None and converted > known.max_value:
        raise Refused("value", sent, f"{sent} is above {known.max_value:g}, the maximum of {known.key}")
    if known.min_value is not None and converted < known.min_value:
        raise Refused("value", sent, f"{sent} is below {known.min_value:g}; {known.key} cannot be")
    if converted == 0 and known.kind == "body":
        raise Refused("value", sent, f"a {known.key} of 0 cannot be")
    return converted, comparator


def _unit_message(key: str, unit: str, accepted: tuple[str, ...]) -> str:
    names = [name for name in accepted if name]
    use = " or ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "none"
    if not unit:
        return f"the unit is missing; without it a value of {key} cannot be compared. Use {use}"
    return f"{unit[:80]!r} is not a unit of {key}; use {use}"


def _limit(column: str, key: str, text: str, unit: str, reading: Reading) -> float | None:
    """A limit reported with the result, converted like the result itself."""
    if not text:
        return None
    value = reading.number(column, text)
    if value < 0:
        raise Refused(column, text, f"a limit of {text} cannot be; leave the cell blank if it is unknown")
    try:
        return vocabulary.to_canonical(key, value, unit)
    except vocabulary.ImpossibleValue:
        raise Refused(column, text, f"{key} is 1 or 0 and has no limit of {text}; leave the cell blank") from None


def read_medication(cells: Sequence[str], reading: Reading) -> MedicationFact:
    """A row of medications.csv; cells in the order of COLUMNS, stripped."""
    mrn, drug, dose, unit, frequency, route, start, end, intent, status, received_at, source_id = cells
    number = _mrn(mrn)
    name = _drug(_required("drug", drug, "the drug"), reading)
    amount = reading.number("dose", _required("dose", dose, "the dose"))
    if amount <= 0:
        raise Refused("dose", dose, f"a dose of {dose} is no dose; to say that a drug was stopped, give its end_date")
    units = tuple(sorted(vocabulary.DOSE_UNITS))
    known_unit = _choice("unit", unit.replace("\u00b2", "2"), units, "unit of a dose")
    how_often = _choice("frequency", frequency, vocabulary.frequencies(), "frequency")
    start_on = reading.day("start_date", _required("start_date", start, "the first day taken"))
    end_on = reading.day("end_date", end, may_be_ahead=True) if end else None
    if end_on is not None and end_on < start_on:
        raise Refused("end_date", end, f"the last day taken, {end}, lies before the first, {start}")
    return MedicationFact(
        mrn=number,
        drug=name,
        dose=amount,
        unit=known_unit,
        frequency=how_often,
        route=_choice("route", route, tuple(sorted(vocabulary.ROUTES)), "route") if route else None,
        start_on=start_on,
        end_on=end_on,
        intent=_choice("intent", intent, tuple(sorted(vocabulary.INTENTS)), "intent") if intent else None,
        status=_choice("status", status, MEDICATION_STATUSES, "status of a medication") if status else None,
        received_at=_received(reading, received_at),
        source_id=_text("source_id", source_id, LONGEST_NAME),
    )


def _drug(text: str, reading: Reading) -> str:
    _text("drug", text, LONGEST_NAME)
    known = vocabulary.drug(text)
    if known is not None:
        return known.key
    name = " ".join(text.lower().split())
    reading.notes[f"drug {name!r} is not in the vocabulary; it was kept, but no rule knows it"] += 1
    return name


def read_event(cells: Sequence[str], reading: Reading) -> EventFact:
    """A row of events.csv; cells in the order of COLUMNS, stripped."""
    mrn, event, date, end, present, detail, received_at, source_id, status = cells
    number = _mrn(mrn)
    key = _choice("event", event, vocabulary.events(), "event")
    occurred_on = reading.day("date", _required("date", date, "the date"))
    end_on = reading.day("end_date", end, may_be_ahead=True) if end else None
    if end_on is not None and end_on < occurred_on:
        raise Refused("end_date", end, f"the end, {end}, lies before the beginning, {date}")
    if present and present.lower() not in PRESENT:
        raise Refused("present", present, f"{present[:80]!r} is neither yes nor no")
    return EventFact(
        mrn=number,
        event=key,
        occurred_on=occurred_on,
        end_on=end_on,
        present=PRESENT[present.lower()] if present else None,
        detail=_text("detail", detail),
        received_at=_received(reading, received_at),
        source_id=_text("source_id", source_id, LONGEST_NAME),
        status=_choice("status", status, EVENT_STATUSES, "status of an event") if status else None,
    )


_READERS: dict[Kind, Callable[[Sequence[str], Reading], Any]] = {
    "patients": read_patient,
    "observations": read_observation,
    "medications": read_medication,
    "events": read_event,
}


def reader(kind: Kind) -> Callable[[Sequence[str], Reading], Any]:
    """The function that reads the cells of a kind of row; it raises `Refused`."""
    return _READERS[kind]

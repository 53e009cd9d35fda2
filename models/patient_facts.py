"""What a rule sees: the facts of one patient as they stand on a day, as plain values in the order of time.

Nothing here reads a database (that is `models.patient_reading`): a rule, and a test of a rule, needs only this.
Days are whole numbers, counted from 1 January 1970, so that a rule compares and subtracts them; `day_number` and
`date_of` lead there and back.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from models.age import age_on
from models.vocabulary import canonical_unit, diagnoses

EPOCH = dt.date(1970, 1, 1).toordinal()
ADULT_FROM_YEARS = 18

Derived = TypeVar("Derived")


def day_number(day: dt.date) -> int:
    """The number of a date, counted from 1970-01-01."""
    return day.toordinal() - EPOCH


def date_of(number: int) -> dt.date:
    """The date of a day number."""
    return dt.date.fromordinal(number + EPOCH)


class Reading(NamedTuple):
    """A valid observation in the canonical unit of its measure.

    `limit` is the upper limit reported with it; `comparator` is `<` or `>` where the value is a bound, else empty.
    """

    day: int
    value: float
    limit: float | None
    comparator: str
    id: int
    assay: str | None
    assessor: str | None
    measure: str

    @property
    def times_limit(self) -> float | None:
        """The value as a multiple of the upper limit reported with it; None without a usable limit."""
        return self.value / self.limit if self.limit is not None and self.limit > 0 else None

    @property
    def fact(self) -> str:
        """The reading as evidence of an answer."""
        return f"o{self.id}"

    def document(self) -> dict[str, Any]:
        """The reading as JSON-ready data; what was not given is left out."""
        return {
            "kind": "observation",
            "id": self.id,
            "measure": self.measure,
            "value": int(self.value) if self.value == int(self.value) else self.value,
            "unit": canonical_unit(self.measure),
            "date": date_of(self.day).isoformat(),
            **({"comparator": self.comparator} if self.comparator else {}),
            **({} if self.limit is None else {"upper_limit": self.limit}),
            **({"assay": self.assay} if self.assay else {}),
            **({"assessor": self.assessor} if self.assessor else {}),
        }


class Statement(NamedTuple):
    """One medication statement; `end` is the last day taken, None while continuing. `dose` is None where not known."""

    id: int
    drug: str
    dose: float | None
    unit: str
    frequency: str
    route: str
    start: int
    end: int | None
    intent: str
    status: str

    @property
    def fact(self) -> str:
        """The statement as evidence of an answer."""
        return f"m{self.id}"

    def document(self) -> dict[str, Any]:
        """The statement as JSON-ready data."""
        return {
            "kind": "medication",
            "id": self.id,
            "drug": self.drug,
            "value": self.dose,
            "unit": self.unit,
            "date": date_of(self.start).isoformat(),
            "frequency": self.frequency,
            "end": None if self.end is None else date_of(self.end).isoformat(),
        }


class Happening(NamedTuple):
    """One clinical event: what was (or expressly was not, `present` false) the case on a day or over several."""

    id: int
    event: str
    day: int
    end: int | None
    present: bool
    detail: str

    @property
    def last_day(self) -> int:
        """The last day it is recorded for."""
        return self.day if self.end is None else max(self.day, self.end)

    @property
    def fact(self) -> str:
        """The event as evidence of an answer."""
        return f"e{self.id}"

    def document(self) -> dict[str, Any]:
        """The event as JSON-ready data."""
        return {
            "kind": "event",
            "id": self.id,
            "event": self.event,
            "value": "present" if self.present else "absent",
            "unit": None,
            "date": date_of(self.day).isoformat(),
        }


class NotDone(NamedTuple):
    """A measure that was not, or could not be, taken on a day, with the reason."""

    id: int
    measure: str
    day: int
    reason: str | None


class Pause(NamedTuple):
    """A test that need not be done for a while; `test` is a test's key, or `all`. Both days included."""

    test: str
    reason: str
    start: int
    until: int


class PlannedDose(NamedTuple):
    """From `start` on the planned prednisone-equivalent dose is `dose_mg` a day."""

    start: int
    dose_mg: float


class TaperAgreed(NamedTuple):
    """The newest taper plan agreed with the patient."""

    id: int
    template: str
    agreed_on: int
    steps: tuple[PlannedDose, ...]


class FeedSilence(NamedTuple):
    """How one sender delivered one measure to the clinic: facts of the feed, not of any patient.

    Attributes:
        last_day: newest day of delivery up to the day asked about.
        results: how many were delivered in the 60 days up to and including `last_day`.
        delivery_days: on how many days of the year up to `last_day` something was delivered.
        median_gap: median number of days between those, None where there are fewer than two.
        patients_waiting: how many active patients whom this sender served have had nothing for longer than usual.
    """

    sender: str
    measure: str
    last_day: int
    results: int
    delivery_days: int = 0
    median_gap: float | None = None
    patients_waiting: int = 0


class PatientFacts:
    """Everything known about one patient up to and including the day asked about (`today`), oldest first.

    Attributes:
        revision: how many times the patient's facts had changed when they were read.
        measures: the measures on file (of any day).
        answers: what rules that were asked before said of this patient, by rule key.
        unheard: rules in shadow: what they say reaches nobody.
        feeds: how the clinic's senders deliver; the same for every patient.
        ahead: the first day after `today` on which a fact on file begins, ends or changes by its own date.
    """

    __slots__ = (
        "_age",
        "_derived",
        "_doubtful",
        "_latest",
        "_read",
        "_read_doubtful",
        "_read_latest",
        "_series",
        "ahead",
        "answers",
        "autoantibodies",
        "birth_date",
        "clinician",
        "diagnosed_on",
        "diagnosis",
        "feeds",
        "happenings",
        "id",
        "measures",
        "mrn",
        "not_done",
        "pauses",
        "plan",
        "revision",
        "sex",
        "site",
        "statements",
        "status",
        "today",
        "unheard",
    )

    def __init__(
        self,
        *,
        today: int,
        id: int,
        mrn: str = "",
        birth_date: dt.date | None = None,
        sex: str = "unknown",
        diagnosis: str = "UNSPECIFIED",
        diagnosed_on: dt.date | None = None,
        autoantibodies: str = "",
        site: str = "",
        clinician: str = "",
        status: str = "active",
        revision: int = 0,
        read: Callable[[str], Sequence[Reading]] | None = None,
        read_latest: Callable[[str], Reading | None] | None = None,
        read_doubtful: Callable[[], Sequence[Any]] | None = None,
        measures: Iterable[str] | None = None,
        series: Mapping[str, Sequence[Reading]] | None = None,
        statements: Sequence[Statement] = (),
        happenings: Sequence[Happening] = (),
        not_done: Sequence[NotDone] = (),
        pauses: Sequence[Pause] = (),
        plan: TaperAgreed | None = None,
        feeds: Sequence[FeedSilence] = (),
        ahead: int | None = None,
    ) -> None:
        """Readings are given as `series` by measure, or are `read` measure by measure when first asked for."""
        self.today = today
        self.id = id
        self.mrn = mrn
        self.birth_date = birth_date
        self.sex = sex
        self.diagnosis = diagnosis
        self.diagnosed_on = diagnosed_on
        self.autoantibodies = autoantibodies
        self.site = site
        self.clinician = clinician
        self.status = status
        self.revision = revision
        self.measures = series.keys() if series is not None else measures or ()
        self.statements = statements
        self.happenings = happenings
        self.not_done = not_done
        self.pauses = pauses
        self.plan = plan
        self.feeds = feeds
        self.ahead = ahead
        self.answers: dict[str, Sequence[Any]] = {}
        self.unheard: frozenset[str] = frozenset()
        self._series: dict[str, Sequence[Reading]] = dict(series or {})
        self._read = read
        self._read_latest = read_latest
        self._read_doubtful = read_doubtful
        self._doubtful: Sequence[Any] | None = None
        self._latest: dict[str, Reading | None] = {}
        self._age: int | None = -1
        self._derived: dict[str, Any] = {}

    # ------------------------------------------------------------------------------------------------- who it is

    @property
    def age(self) -> int | None:
        """Completed years on the day asked about; None where the birth date is unknown."""
        if self._age == -1:
            self._age = age_on(self.birth_date, date_of(self.today))
        return self._age

    @property
    def is_juvenile(self) -> bool:
        """Juvenile-onset disease."""
        row = diagnoses().get(self.diagnosis)
        return bool(row and row.juvenile)

    def is_child(self, adult_from: int = ADULT_FROM_YEARS) -> bool:
        """Younger than `adult_from` years; where the birth date is unknown, a juvenile diagnosis counts as a child."""
        age = self.age
        return self.is_juvenile if age is None else age < adult_from

    # ------------------------------------------------------------------------------------------------- what is on file

    def series(self, measure: str) -> Sequence[Reading]:
        """The valid readings of one measure however old, oldest first; of one day in the order of their time."""
        found = self._series.get(measure)
        if found is None:
            found = self._series[measure] = self._read(measure) if self._read is not None else ()
        return found

    def latest(self, measure: str) -> Reading | None:
        """The newest reading of a measure."""
        series = self._series.get(measure)
        if series is not None or self._read_latest is None:
            found = self.series(measure)
            return found[-1] if found else None
        if measure not in self._latest:
            self._latest[measure] = self._read_latest(measure)
        return self._latest[measure]

    def doubtful(self) -> Sequence[Any]:
        """Readings that cannot be (`models.plausibility.Doubtful`): held back from the series, and asked about."""
        if self._doubtful is None:
            self._doubtful = self._read_doubtful() if self._read_doubtful is not None else ()
        return self._doubtful

    def last_measured(self, measure: str) -> Reading | None:
        """The newest reading of a measure, one held back as doubtful among them: it was measured all the same."""
        latest = self.latest(measure)
        found: list[Reading] = [one.reading for one in self.doubtful() if one.reading.measure == measure]
        if latest is not None:
            found.append(latest)
        return max(found, key=lambda reading: (reading.day, reading.id), default=None)

    def newest_of(self, measures: Iterable[str]) -> Reading | None:
        """The newest reading among several measures; of one day the one recorded last."""
        found = [reading for measure in measures if (reading := self.latest(measure)) is not None]
        return max(found, key=lambda reading: (reading.day, reading.id), default=None)

    def events(self, *names: str) -> Iterator[Happening]:
        """The records of some kinds of event, oldest first, those that say "not present" among them."""
        return (one for one in self.happenings if one.event in names)

    def last_event(self, name: str) -> Happening | None:
        """The newest record of a kind of event."""
        return next((one for one in reversed(self.happenings) if one.event == name), None)

    def facts_by_kind(self) -> dict[str, dict[int, Reading | Statement | Happening]]:
        """The facts an answer may name as evidence, by the letter of their kind (`o17` is `o`) and their number.

        Among them are the readings of every measure asked for so far.
        """
        readings: dict[int, Any] = {one.id: one for one in self._latest.values() if one is not None}
        for series in self._series.values():
            readings.update((one.id, one) for one in series)
        return {
            "o": readings,
            "m": {one.id: one for one in self.statements},
            "e": {one.id: one for one in self.happenings},
        }

    def answers_of(self, rule: str) -> Sequence[Any]:
        """What a rule that was asked before said of this patient (`jobs.rule.Answer`), nothing if it was not asked."""
        return self.answers.get(rule, ())

    def once(self, name: str, work_out: Callable[["PatientFacts"], Derived]) -> Derived:
        """What several rules share (the steroid exposure, the courses), worked out when first asked for."""
        if name not in self._derived:
            self._derived[name] = work_out(self)
        found: Derived = self._derived[name]
        return found

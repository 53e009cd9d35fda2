"""One patient's facts as plain values: what the phenotype branch and the suggestions read.

Rules look at the whole panel at once; a suggestion looks at one person. `Charts` cuts the panel's frames into charts
once and hands them out by patient, so that one patient takes well under a millisecond and a panel a few seconds.
Nothing here decides anything: a chart finds facts, it does not judge them.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from jobs import array_treatment as treatment
from jobs.array_exposure import PULSE_MG, SMALLEST_DIFFERENCE_MG, day_number, exposure, why_unknown
from jobs.rule import MET, day_text, number
from models.frames import Frames
from models.vocabulary import Drug, diagnoses, drug, events, measures
from models.vocabulary.rows import STEROID_ROUTES_NOT_COUNTED

STRENGTH_INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
STEROID_WINDOW_DAYS = 400
FOREVER = dt.date.max


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing on file (or worked out from it) that a suggestion rests on: value, unit, date and where it is kept."""

    kind: str
    name: str
    value: float | str | None
    unit: str
    date: dt.date | None
    id: int | None = None
    label: str = ""
    upper_limit: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The fact in the contract's shape: `measure`, `drug` or `event` by kind; `name` for what was worked out."""
        named = {"observation": "measure", "medication": "drug", "event": "event"}.get(self.kind, "name")
        out: dict[str, Any] = {
            "kind": self.kind,
            "id": self.id,
            named: self.name,
            "label": self.label or self.name,
            "value": self.value,
            "unit": self.unit,
            "date": self.date.isoformat() if self.date else None,
        }
        if self.upper_limit is not None:
            out["upper_limit"] = self.upper_limit
        return out

    def text(self) -> str:
        """The fact in a line: `CK 400 U/L (limit 200) on 3 Mar 2026`."""
        value = number(self.value) if isinstance(self.value, float | int) else (self.value or "")
        limit = f" (limit {number(self.upper_limit)})" if self.upper_limit is not None else ""
        parts = " ".join(part for part in (self.label or self.name, value, self.unit) if part)
        return f"{parts}{limit}" + (f" on {day_text(self.date)}" if self.date else "")


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid observation in the canonical unit of its measure."""

    id: int
    measure: str
    value: float
    comparator: str
    upper_limit: float | None
    assay: str | None
    assessor: str | None
    day: dt.date

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the upper limit reported with it; None without a limit."""
        return None if not self.upper_limit else self.value / self.upper_limit

    @property
    def share_of_maximum(self) -> float | None:
        """A strength score as a share (0 to 1) of its instrument's maximum."""
        top = measures()[self.measure].max_value
        return None if not top else self.value / top

    def fact(self) -> Fact:
        """The reading as evidence; a bound keeps its sign (`>20000`)."""
        row = measures().get(self.measure)
        unit = row.unit if row else ""
        if row and row.is_strength and row.max_value:
            unit = f"of {number(row.max_value)}"
        value: float | str = f"{self.comparator}{number(self.value)}" if self.comparator else self.value
        label = row.short_label if row else self.measure
        return Fact("observation", self.measure, value, unit, self.day, self.id, label, self.upper_limit)


@dataclass(frozen=True, slots=True)
class Statement:
    """One medication statement as recorded."""

    id: int
    drug: str
    dose: float
    unit: str
    frequency: str
    route: str
    start: dt.date
    end: dt.date | None
    intent: str
    status: str

    @property
    def row(self) -> Drug | None:
        """The vocabulary's row of the drug; None for a drug it does not know."""
        return drug(self.drug)

    @property
    def last_day(self) -> dt.date:
        """The last day on which it is known to have been given (the start where it says stopped but not when)."""
        if self.frequency == "once":
            return self.start
        if self.end is not None:
            return self.end
        return self.start if self.status == "stopped" or self.intent in ("pulse", "infusion") else FOREVER

    def fact(self) -> Fact:
        """The statement as evidence, dated by its start."""
        label = self.row.label if self.row else self.drug
        value = f"{number(self.dose, 2)} {self.unit} {self.frequency}"
        return Fact("medication", self.drug, value, "", self.start, self.id, label)


@dataclass(frozen=True, slots=True)
class Course:
    """A drug being taken, or still acting, on the day asked about."""

    drug: str
    start: dt.date
    through: dt.date
    weekly_dose: float | None
    unit: str
    statements: tuple[Statement, ...]

    @property
    def row(self) -> Drug | None:
        """The vocabulary's row of the drug."""
        return drug(self.drug)

    @property
    def label(self) -> str:
        """The drug's name in a sentence."""
        return (self.row.label if self.row else self.drug).lower() if self.drug != "ivig" else "IVIG"

    def fact(self) -> Fact:
        """The newest statement of the course as evidence, dated by the course's first day."""
        newest = self.statements[-1].fact()
        return Fact("medication", self.drug, newest.value, newest.unit, self.start, newest.id, newest.label)


@dataclass(frozen=True, slots=True)
class Happening:
    """One clinical event."""

    id: int
    event: str
    day: dt.date
    end: dt.date | None
    present: bool
    detail: str

    def fact(self) -> Fact:
        """The event as evidence."""
        row = events().get(self.event)
        value = ("present" if self.present else "absent") + (f": {self.detail}" if self.detail else "")
        return Fact("event", self.event, value, "", self.day, self.id, row.label if row else self.event)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's assessment of this patient and subject."""

    rule: str
    subject: str
    state: str
    grade: str | None
    severity: str | None
    since: dt.date | None
    evidence: tuple[str, ...]
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class SteroidDays:
    """Prednisone-equivalent mg on each of the days up to and including the day asked about, oldest first.

    `unknown` says why the dose cannot be known (no weight for a dose per kg, stopped without an end date).
    """

    first: dt.date
    mg: np.ndarray[Any, np.dtype[np.float64]]
    unknown: str = ""

    @property
    def today(self) -> float:
        """The dose on the day asked about."""
        return float(self.mg[-1]) if len(self.mg) else 0.0

    def highest_within(self, days: int) -> float:
        """The highest daily dose in the last `days` days, the day asked about included."""
        return float(self.mg[-days:].max()) if len(self.mg) else 0.0

    def days_at_least(self, mg: float, within: int) -> int:
        """How many of the last `within` days were at or above `mg`."""
        return int((self.mg[-within:] >= mg).sum()) if len(self.mg) else 0

    def run_of_high_days(self, above: float, at_least: float | None, gap: int) -> int:
        """High days in one course up to the day asked about: above `above`, or at least `at_least`; 0 if it is over.

        A gap of up to `gap` days does not end the course and is not counted.
        """
        high = self.mg > above + SMALLEST_DIFFERENCE_MG
        if at_least is not None:
            # A dose per kg may come out a hair below the line through rounding: it still counts as on the line.
            high = high | (self.mg >= at_least - SMALLEST_DIFFERENCE_MG)
        counted = missed = 0
        for is_high in high[::-1]:
            if is_high:
                counted, missed = counted + 1, 0
            else:
                missed += 1
                if missed > gap:
                    break
        return counted


@dataclass(frozen=True)
class Chart:
    """Everything on file about one patient up to and including `as_of`, oldest first."""

    patient_id: int
    mrn: str
    as_of: dt.date
    birth_date: dt.date | None
    sex: str
    diagnosis: str
    autoantibodies: frozenset[str]
    status: str
    readings: Mapping[str, tuple[Reading, ...]]
    statements: tuple[Statement, ...]
    courses: tuple[Course, ...]
    happenings: tuple[Happening, ...]
    verdicts: tuple[Verdict, ...]
    steroid: SteroidDays
    derived: dict[str, Any] = field(default_factory=dict, compare=False)

    # ------------------------------------------------------------------------------------------------- who it is

    @property
    def age(self) -> int | None:
        """Completed years on the day asked about; None where the birth date is unknown."""
        if self.birth_date is None:
            return None
        before_birthday = (self.as_of.month, self.as_of.day) < (self.birth_date.month, self.birth_date.day)
        return self.as_of.year - self.birth_date.year - int(before_birthday)

    @property
    def is_child(self) -> bool:
        """Under 18; where the birth date is unknown, a juvenile diagnosis counts as a child."""
        if self.age is not None:
            return self.age < 18
        return self.is_juvenile

    @property
    def is_juvenile(self) -> bool:
        """Juvenile-onset disease."""
        row = diagnoses().get(self.diagnosis)
        return bool(row and row.juvenile)

    # ------------------------------------------------------------------------------------------------ what is on file

    def days_since(self, day: dt.date) -> int:
        """Days from `day` to the day asked about."""
        return (self.as_of - day).days

    def latest(self, measure: str, within: int | None = None) -> Reading | None:
        """The newest reading of a measure, none if it is older than `within` days."""
        series = self.readings.get(measure, ())
        if not series or (within is not None and self.days_since(series[-1].day) > within):
            return None
        return series[-1]

    def newest(self, names: Iterable[str], within: int | None = None) -> Reading | None:
        """The newest reading among several measures."""
        found = [reading for name in names if (reading := self.latest(name, within))]
        return max(found, key=lambda reading: (reading.day, reading.id), default=None)

    def before(self, reading: Reading, days: int, most: int) -> tuple[Reading, ...]:
        """The up to `most` readings of the same measure on days before `reading`, none older than `days` before it."""
        earliest = reading.day - dt.timedelta(days=days)
        series = [other for other in self.readings[reading.measure] if earliest <= other.day < reading.day]
        return tuple(series[-most:])

    def happened(self, event: str, within: int) -> Happening | None:
        """The newest record of an event that was there in the last `within` days; None if last recorded as absent."""
        earliest = self.as_of - dt.timedelta(days=within)
        for happening in reversed(self.happenings):
            if happening.event != event:
                continue
            if not happening.present:
                return None
            return happening if max(happening.day, happening.end or happening.day) >= earliest else None
        return None

    def condition(self, event: str) -> Happening | None:
        """A lasting condition: the newest record says present and it has not ended."""
        for happening in reversed(self.happenings):
            if happening.event == event:
                over = happening.end is not None and happening.end < self.as_of
                return happening if happening.present and not over else None
        return None

    def on(self, *names: str) -> Course | None:
        """The first current course of one of the drugs."""
        return next((course for course in self.courses if course.drug in names), None)

    def on_class(self, *classes: str) -> tuple[Course, ...]:
        """The current courses of drugs that belong to one of the classes."""
        return tuple(
            course for course in self.courses if (row := course.row) and any(row.has_class(name) for name in classes)
        )

    def sparing(self) -> tuple[Course, ...]:
        """The steroid-sparing agents being taken or still acting."""
        return tuple(course for course in self.courses if (row := course.row) and row.sparing_agent)

    def given(self, *drugs: str) -> tuple[Statement, ...]:
        """All statements of some drugs, oldest first."""
        return tuple(statement for statement in self.statements if statement.drug in drugs)

    def verdict(self, rule: str, subject: str | None = None) -> Verdict | None:
        """The rule's assessment (of the subject); where there are several, the worst met one."""
        found = [row for row in self.verdicts if row.rule == rule and (subject is None or row.subject == subject)]
        return max(found, key=lambda row: row.state == MET, default=None)

    def met(self, rule: str) -> tuple[Verdict, ...]:
        """The rule's met assessments."""
        return tuple(row for row in self.verdicts if row.rule == rule and row.state == MET)

    def facts(self, evidence: Iterable[str]) -> tuple[Fact, ...]:
        """The facts behind evidence ids such as `o17`, `m4`, `e2`; ids that are not on this chart are left out."""
        index: dict[str, Reading | Statement | Happening] | None = self.derived.get("index")
        if index is None:
            index = {f"o{reading.id}": reading for series in self.readings.values() for reading in series}
            index |= {f"m{statement.id}": statement for statement in self.statements}
            index |= {f"e{happening.id}": happening for happening in self.happenings}
            self.derived["index"] = index
        return tuple(index[key].fact() for key in evidence if key in index)

    # --------------------------------------------------------------------------------------------------- steroids

    def pulses(self) -> tuple[Statement, ...]:
        """Statements of a steroid pulse: intent pulse, or an intravenous dose of at least 250 mg PE a day."""
        found = []
        for statement in self.statements:
            row = statement.row
            if row is None or row.prednisone_factor is None or statement.route in STEROID_ROUTES_NOT_COUNTED:
                continue
            if statement.intent == "pulse" or (statement.route == "iv" and self._daily_mg(statement) >= PULSE_MG):
                found.append(statement)
        return tuple(found)

    def _daily_mg(self, statement: Statement) -> float:
        factor = statement.row.prednisone_factor if statement.row else None
        weight = self.latest("weight")
        per_kg = weight.value if weight else 0.0
        scale = {"mg": 1.0, "g": 1000.0, "mg/kg": per_kg, "g/kg": 1000.0 * per_kg}.get(statement.unit, 0.0)
        times = {"twice-daily": 2.0, "three-times-daily": 3.0}.get(statement.frequency, 1.0)
        return statement.dose * scale * times * (factor or 0.0)

    def last_pulse(self) -> tuple[Statement, dt.date] | None:
        """The newest pulse and its last day."""
        dated = [(statement, min(statement.last_day, self.as_of)) for statement in self.pulses()]
        return max(dated, key=lambda pair: (pair[1], pair[0].id), default=None)

    def steroid_facts(self) -> tuple[Fact, ...]:
        """Today's prednisone-equivalent dose and the statements it comes from."""
        if self.steroid.today <= 0:
            return ()
        dose = Fact(
            "derived",
            "prednisone_equivalent",
            round(self.steroid.today, 1),
            "mg/day",
            self.as_of,
            label="Steroid dose (prednisone equivalent)",
        )
        current = [
            statement.fact()
            for statement in self.statements
            if statement.row
            and statement.row.prednisone_factor is not None
            and statement.route not in STEROID_ROUTES_NOT_COUNTED
            and statement.start <= self.as_of <= statement.last_day
        ]
        return (dose, *current)


def _date(value: Any) -> dt.date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def _day(value: Any) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(value))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return value


class _Cut:
    """A frame sorted by patient, and where each patient's rows lie in it."""

    def __init__(self, frame: pd.DataFrame, columns: Sequence[str], days: Sequence[str] = ()) -> None:
        patient = frame["patient_id"].to_numpy(dtype="int64") if len(frame) else np.array([], "int64")
        order = np.argsort(patient, kind="stable")
        self.patient: np.ndarray[Any, np.dtype[np.int64]] = patient[order]
        self.columns: list[list[Any]] = []
        for name in columns:
            if not len(frame):
                self.columns.append([])
                continue
            values = frame[name].to_numpy()
            if name in days:
                values = values.astype("datetime64[D]").astype(object)
            self.columns.append(values[order].tolist())

    def rows(self, patient_id: int) -> Iterator[tuple[Any, ...]]:
        """The patient's rows as tuples, in the frame's order."""
        first, last = np.searchsorted(self.patient, [patient_id, patient_id + 1])
        return zip(*(column[first:last] for column in self.columns), strict=True)


class Charts:
    """The charts of the patients in `frames`, with the rules' answers in `answers` (assessment frames by rule key)."""

    def __init__(self, frames: Frames, answers: Mapping[str, pd.DataFrame]) -> None:
        self.frames = frames
        self._readings = {
            measure: _Cut(frame, ("id", "value", "comparator", "upper_limit", "assay", "assessor", "day"), ("day",))
            for measure, frame in frames.by_measure.items()
        }
        self._statements = _Cut(
            frames.medications,
            ("id", "drug", "dose", "unit", "frequency", "route", "start", "end", "intent", "status"),
            ("start", "end"),
        )
        self._happenings = _Cut(frames.events, ("id", "event", "day", "end", "present", "detail"), ("day", "end"))
        self._courses = _Cut(
            treatment.current_courses(frames), ("drug", "start", "through", "weekly_dose", "unit", "ids")
        )
        base = ("subject", "state", "grade", "severity", "since", "evidence")
        self._answers = {
            key: (tuple(frame.columns), _Cut(frame, (*base, *[c for c in frame.columns if c not in base]), ("since",)))
            for key, frame in answers.items()
            if len(frame)
        }
        self._answer_base = base
        self._exposure = exposure(frames)
        self._unknown = frozenset(self._exposure.unknown["patient_id"].tolist())
        self._people: dict[Any, dict[Any, Any]] = frames.patients.to_dict("index")

    def chart(self, patient_id: int) -> Chart:
        """The chart of one patient.

        Raises:
            KeyError: the patient is not in the frames.
        """
        row = self._people[patient_id]
        as_of = self.frames.as_of
        readings: dict[str, tuple[Reading, ...]] = {}
        for measure, cut in self._readings.items():
            series = tuple(
                Reading(int(i), measure, float(v), c or "", _plain(limit), assay, assessor, day)
                for i, v, c, limit, assay, assessor, day in cut.rows(patient_id)
            )
            if series:
                readings[measure] = series
        statements = tuple(
            Statement(int(i), name, float(dose), unit, often, route or "", start, end, intent or "", status or "")
            for i, name, dose, unit, often, route, start, end, intent, status in self._statements.rows(patient_id)
        )
        by_id = {statement.id: statement for statement in statements}
        courses = tuple(
            Course(
                str(name),
                _day(start),
                min(_day(through), as_of + dt.timedelta(days=36500)),
                _plain(weekly),
                unit,
                tuple(by_id[int(i)] for i in ids),
            )
            for name, start, through, weekly, unit, ids in self._courses.rows(patient_id)
        )
        happenings = tuple(
            Happening(int(i), event, day, end, bool(present), detail or "")
            for i, event, day, end, present, detail in self._happenings.rows(patient_id)
        )
        return Chart(
            patient_id=patient_id,
            mrn=str(row["mrn"]),
            as_of=as_of,
            birth_date=_date(row["birth_date"]),
            sex=str(row["sex"] or "unknown"),
            diagnosis=str(row["diagnosis"] or "UNSPECIFIED"),
            autoantibodies=frozenset(code for code in str(row["autoantibodies"] or "").split(";") if code),
            status=str(row["status"]),
            readings=readings,
            statements=statements,
            courses=courses,
            happenings=happenings,
            verdicts=tuple(self._verdicts(patient_id)),
            steroid=self._steroid(patient_id),
        )

    def _verdicts(self, patient_id: int) -> Iterator[Verdict]:
        base = self._answer_base
        for rule, (columns, cut) in self._answers.items():
            own = [name for name in columns if name not in base]
            for values in cut.rows(patient_id):
                subject, state, grade, severity, since, evidence = values[: len(base)]
                numbers = {name: _plain(value) for name, value in zip(own, values[len(base) :], strict=True)}
                yield Verdict(
                    rule, str(subject), str(state), _plain(grade), _plain(severity), since, tuple(evidence), numbers
                )

    def _steroid(self, patient_id: int) -> SteroidDays:
        first = self.frames.as_of - dt.timedelta(days=STEROID_WINDOW_DAYS - 1)
        begin = day_number(first)
        known = self._exposure.known.of(patient_id)
        mg = np.zeros(STEROID_WINDOW_DAYS)
        for start, end, dose in zip(known.start, known.end, known.mg, strict=True):
            mg[max(start - begin, 0) : max(end - begin + 1, 0)] = dose
        why = why_unknown(self._exposure, patient_id) if patient_id in self._unknown else ""
        return SteroidDays(first, mg, why)

"""One patient's facts as the phenotype branch and the suggestions read them.

Nothing here decides anything: a chart finds facts, it does not judge them. Days are day numbers, as in
`models.patient_facts`; a `Fact`, which is what a reader sees, holds a date.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.exposure import PULSE_MG, SMALLEST_DIFFERENCE_MG, daily, exposure, why_unknown
from jobs.rule import MET, Answer, day_text, number
from jobs.treatment import CONTINUING, Course, courses
from models.patient_facts import Happening, PatientFacts, Reading, Statement, date_of
from models.vocabulary import drug, events, measures, written_unit
from models.vocabulary.rows import STEROID_ROUTES_NOT_COUNTED

STRENGTH_INSTRUMENTS = ("cmas", "mmt8", "mmt8_bilateral", "mmt_total")
STEROID_WINDOW_DAYS = 400


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
        parts = " ".join(part for part in (self.label or self.name, value, written_unit(self.unit)) if part)
        return f"{parts}{limit}" + (f" on {day_text(self.date)}" if self.date else "")


# ------------------------------------------------------------------------------------------ what is on file, as facts


def fact_of(one: Reading | Statement | Course | Happening) -> Fact:
    """Something on file as evidence. A course is its newest statement, dated by the course's first day."""
    if isinstance(one, Reading):
        return _fact_of_reading(one)
    if isinstance(one, Course):
        newest = fact_of(one.newest)
        return Fact("medication", one.drug, newest.value, newest.unit, date_of(one.start), newest.id, newest.label)
    if isinstance(one, Statement):
        known = drug(one.drug)
        value = f"{number(one.dose, 2)} {written_unit(one.unit)} {one.frequency}"
        return Fact("medication", one.drug, value, "", date_of(one.start), one.id, known.label if known else one.drug)
    kind = events().get(one.event)
    value = ("present" if one.present else "absent") + (f": {one.detail}" if one.detail else "")
    return Fact("event", one.event, value, "", date_of(one.day), one.id, kind.label if kind else one.event)


def _fact_of_reading(reading: Reading) -> Fact:
    """A bound keeps its sign (`>20000`)."""
    row = measures().get(reading.measure)
    unit = row.unit if row else ""
    if row and row.is_strength and row.max_value:
        unit = f"of {number(row.max_value)}"
    shown = number(reading.value)
    value: float | str = f"{reading.comparator}{shown}" if reading.comparator else reading.value
    label = row.short_label if row else reading.measure
    return Fact("observation", reading.measure, value, unit, date_of(reading.day), reading.id, label, reading.limit)


def label_of(course: Course) -> str:
    """The drug's name in a sentence."""
    return (course.row.label if course.row else course.drug).lower() if course.drug != "ivig" else "IVIG"


def last_day_of(statement: Statement) -> int:
    """The last day on which it is known to have been given (the start where it says stopped but not when)."""
    if statement.frequency == "once":
        return statement.start
    if statement.end is not None:
        return statement.end
    given_once = statement.status == "stopped" or statement.intent in ("pulse", "infusion")
    return statement.start if given_once else CONTINUING


def share_of_maximum(score: Reading) -> float | None:
    """A strength score as a share (0 to 1) of its instrument's maximum."""
    top = measures()[score.measure].max_value
    return None if not top else score.value / top


def _is_counted_steroid(statement: Statement) -> bool:
    row = drug(statement.drug)
    return row is not None and row.prednisone_factor is not None and statement.route not in STEROID_ROUTES_NOT_COUNTED


def _facts_by_id(patient: PatientFacts) -> Mapping[str, Reading | Statement | Happening]:
    index: dict[str, Reading | Statement | Happening] = {
        reading.fact: reading for measure in measures() for reading in patient.series(measure)
    }
    index |= {statement.fact: statement for statement in patient.statements}
    index |= {happening.fact: happening for happening in patient.happenings}
    return index


@dataclass(frozen=True)
class SteroidDays:
    """Prednisone-equivalent mg on each of the days up to and including the day asked about, oldest first.

    `unknown` says why the dose cannot be known (no weight for a dose per kg, stopped without an end date).
    """

    mg: Sequence[float]
    unknown: str = ""

    @property
    def today(self) -> float:
        """The dose on the day asked about."""
        return self.mg[-1] if self.mg else 0.0

    def highest_within(self, days: int) -> float:
        """The highest daily dose in the last `days` days, the day asked about included."""
        return max(self.mg[-days:], default=0.0)

    def days_at_least(self, mg: float, within: int) -> int:
        """How many of the last `within` days were at or above `mg`."""
        return sum(dose >= mg for dose in self.mg[-within:])

    def run_of_high_days(self, above: float, at_least: float | None, gap: int) -> tuple[int, int]:
        """High days in one course up to the day asked about, and how many days before it the first of them lies.

        High is above `above`, or at least `at_least`; none where the course is over. A gap of up to `gap` days does
        not end the course and is not counted.
        """
        # A dose per kg may come out a hair below the line through rounding: it still counts as on the line.
        line = math.inf if at_least is None else at_least - SMALLEST_DIFFERENCE_MG
        counted = missed = first = 0
        for back, dose in enumerate(reversed(self.mg)):
            if dose > above + SMALLEST_DIFFERENCE_MG or dose >= line:
                counted, missed, first = counted + 1, 0, back
            else:
                missed += 1
                if missed > gap:
                    break
        return counted, first


@dataclass(frozen=True)
class Chart:
    """Everything on file about one patient up to and including the day asked about, with the rules' answers."""

    patient: PatientFacts
    answers: Mapping[str, Sequence[Answer]]
    steroid: SteroidDays

    # ------------------------------------------------------------------------------------------------- who it is

    @property
    def mrn(self) -> str:
        """The record number."""
        return self.patient.mrn

    @property
    def today(self) -> int:
        """The day asked about, as a day number."""
        return self.patient.today

    @property
    def as_of(self) -> dt.date:
        """The day asked about."""
        return date_of(self.patient.today)

    @property
    def sex(self) -> str:
        """Female, male, other or unknown."""
        return self.patient.sex

    @property
    def diagnosis(self) -> str:
        """The code of the diagnosis."""
        return self.patient.diagnosis

    @property
    def status(self) -> str:
        """Active, discharged, deceased or moved."""
        return self.patient.status

    @property
    def autoantibodies(self) -> frozenset[str]:
        """The codes of the autoantibodies found."""
        return frozenset(code for code in self.patient.autoantibodies.split(";") if code)

    @property
    def age(self) -> int | None:
        """Completed years on the day asked about; None where the birth date is unknown."""
        return self.patient.age

    @property
    def is_child(self) -> bool:
        """Under 18; where the birth date is unknown, a juvenile diagnosis counts as a child."""
        return self.patient.is_child()

    @property
    def is_juvenile(self) -> bool:
        """Juvenile-onset disease."""
        return self.patient.is_juvenile

    # ------------------------------------------------------------------------------------------------ what is on file

    @property
    def statements(self) -> Sequence[Statement]:
        """The medication statements, oldest first."""
        return self.patient.statements

    @property
    def courses(self) -> Sequence[Course]:
        """The drugs being taken, or still acting."""
        return courses(self.patient)

    @property
    def happenings(self) -> Sequence[Happening]:
        """The clinical events, oldest first."""
        return self.patient.happenings

    def days_since(self, day: int) -> int:
        """Days from `day` to the day asked about."""
        return self.today - day

    def series(self, measure: str) -> Sequence[Reading]:
        """The valid readings of a measure, oldest first."""
        return self.patient.series(measure)

    def latest(self, measure: str, within: int | None = None) -> Reading | None:
        """The newest reading of a measure, none if it is older than `within` days."""
        reading = self.patient.latest(measure)
        return None if reading is None or (within is not None and self.today - reading.day > within) else reading

    def newest(self, names: Iterable[str], within: int | None = None) -> Reading | None:
        """The newest reading among several measures."""
        found = [reading for name in names if (reading := self.latest(name, within))]
        return max(found, key=lambda reading: (reading.day, reading.id), default=None)

    def before(self, reading: Reading, days: int, most: int) -> tuple[Reading, ...]:
        """The up to `most` readings of the same measure on days before `reading`, none older than `days` before it."""
        earliest = reading.day - days
        series = [other for other in self.series(reading.measure) if earliest <= other.day < reading.day]
        return tuple(series[-most:])

    def happened(self, event: str, within: int) -> Happening | None:
        """The newest record of an event that was there in the last `within` days; None if last recorded as absent."""
        last = self.patient.last_event(event)
        return last if last is not None and last.present and last.last_day >= self.today - within else None

    def condition(self, event: str) -> Happening | None:
        """A lasting condition: the newest record says present and it has not ended."""
        last = self.patient.last_event(event)
        over = last is None or not last.present or (last.end is not None and last.end < self.today)
        return None if over else last

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

    def verdict(self, rule: str, subject: str | None = None) -> Answer | None:
        """The rule's answer (about the subject); where there are several, the first that is met."""
        found = [row for row in self.answers.get(rule, ()) if subject is None or row.subject == subject]
        return max(found, key=lambda row: row.state == MET, default=None)

    def met(self, rule: str) -> tuple[Answer, ...]:
        """The rule's answers that are met."""
        return tuple(row for row in self.answers.get(rule, ()) if row.state == MET)

    def facts(self, evidence: Iterable[str]) -> tuple[Fact, ...]:
        """The facts behind evidence ids such as `o17`, `m4`, `e2`; ids that are not on this chart are left out."""
        index = self.patient.once("facts by id", _facts_by_id)
        return tuple(fact_of(index[key]) for key in evidence if key in index)

    # --------------------------------------------------------------------------------------------------- steroids

    def pulses(self) -> tuple[Statement, ...]:
        """Statements of a steroid pulse: intent pulse, or an intravenous dose of at least 250 mg PE a day."""
        found = []
        for statement in self.statements:
            if not _is_counted_steroid(statement):
                continue
            if statement.intent == "pulse" or (statement.route == "iv" and self._daily_mg(statement) >= PULSE_MG):
                found.append(statement)
        return tuple(found)

    def _daily_mg(self, statement: Statement) -> float:
        row = drug(statement.drug)
        factor = row.prednisone_factor if row else None
        if statement.dose is None or factor is None:
            return 0.0
        weight = self.latest("weight")
        per_kg = weight.value if weight else 0.0
        scale = {"mg": 1.0, "g": 1000.0, "mg/kg": per_kg, "g/kg": 1000.0 * per_kg}.get(statement.unit, 0.0)
        times = {"twice-daily": 2.0, "three-times-daily": 3.0}.get(statement.frequency, 1.0)
        return statement.dose * scale * times * factor

    def last_pulse(self) -> tuple[Statement, int] | None:
        """The newest pulse and its last day."""
        dated = [(statement, min(last_day_of(statement), self.today)) for statement in self.pulses()]
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
            fact_of(statement)
            for statement in self.statements
            if _is_counted_steroid(statement) and statement.start <= self.today <= last_day_of(statement)
        ]
        return (dose, *current)


def chart_of(patient: PatientFacts, answers: Mapping[str, Sequence[Answer]]) -> Chart:
    """The chart of a patient, with what the rules said of them (answers by rule key)."""
    days = daily(patient, patient.today - STEROID_WINDOW_DAYS + 1, patient.today)
    return Chart(patient, answers, SteroidDays(days, why_unknown(exposure(patient))))

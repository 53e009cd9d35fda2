"""How much steroid a patient takes: medication statements become prednisone-equivalent milligrams a day.

Doses are piecewise constant, so a patient's history is a short table of segments and never a row per day. Doses at
the same time add up; they are added as whole nanograms, so that three prescriptions of 10 mg are exactly 30 mg and
the order or the cutting of the statements cannot change the answer.

What counts: oral, intravenous, intramuscular and subcutaneous glucocorticoids with a known equivalence. A dose taken
every other day counts as its daily mean; a dose taken weekly or more rarely counts in full on the day it is given.
What does not: topical, inhaled and intra-articular routes, oral budesonide, fludrocortisone, vamorolone.

A statement whose dose or end is not known is never guessed. It is kept apart as what *could* have been taken, so that
a rule can answer `cannot_tell` exactly where it matters and nowhere else.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.frames import Frames
from models.vocabulary import STEROID_ROUTES_NOT_COUNTED, diagnoses, drug, frequencies

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HIGH_MG = 30.0
"""Prednisone-equivalent mg/day above which a dose is high (EULAR 2013 dose classes)."""
HIGH_MG_KG = 0.5
"""Prednisone-equivalent mg/kg/day from which a dose is high (contract)."""
COURSE_GAP_DAYS = 3
"""Days without a high dose that do not end a course (contract)."""
LONGEST_HIGH_DAYS = 28
"""Days at high dose that must be exceeded before a course is prolonged (contract)."""
PULSE_MG = 250.0
"""Prednisone-equivalent mg on one day from which it is a pulse (Buttgereit 2002; from memory, to be verified)."""
ADULT_FROM_YEARS = 18
UNIT = "mg/day prednisone-equivalent"

SMALLEST_DIFFERENCE_MG = 1e-5
"""Doses nearer than this are the same dose: 4.5 mg of dexamethasone is 30 mg, not 30.000000000000004."""

# Generous bounds of a body, used only to say what a dose could at most have been where no weight is on file.
_HEAVIEST_KG = 250.0
_LARGEST_M2 = 3.0
_ANY_DOSE_MG = 10_000.0

_NANOGRAMS = 1_000_000  # in a milligram
NEVER = int(np.iinfo(np.int64).min // 4)
"""Stands for "no such day" among day numbers."""
_DAY_BITS = 20  # a day fits below the patient's number in one sortable integer
_EPOCH_SHIFT = 200_000  # days: keeps dates long before 1970 positive

_NO_WEIGHT = "the dose is per kg and no weight is on file"
_NO_AREA = "the dose is per m2 and weight or height is not on file"
_NO_DOSE = "no dose was stated"
_NO_FREQUENCY = "how often it was taken is not known"
_NO_UNIT = "the unit of the dose is not known"
_NO_END = "stopped without an end date"


@dataclass(frozen=True)
class Segments:
    """Stretches of days at one dose, sorted by patient and start; days are numbers since 1970-01-01, both included.

    `mg` is the whole prednisone-equivalent dose a day, `pulse_mg` the part of it that comes from pulses.
    """

    patient: Ints
    start: Ints
    end: Ints
    mg: Floats
    pulse_mg: Floats

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def steady_mg(self) -> Floats:
        """The dose without pulses, mg/day."""
        return np.asarray(self.mg - self.pulse_mg)

    @property
    def is_pulse(self) -> Bools:
        """Whether a pulse was given on these days."""
        return np.asarray((self.pulse_mg > 0) | (self.mg >= PULSE_MG - SMALLEST_DIFFERENCE_MG))

    def of(self, patient_id: int) -> "Segments":
        """The segments of one patient."""
        low, high = np.searchsorted(self.patient, [patient_id, patient_id + 1])
        return self.where(slice(int(low), int(high)))

    def where(self, chosen: Bools | slice) -> "Segments":
        """Some of the segments."""
        return Segments(
            self.patient[chosen], self.start[chosen], self.end[chosen], self.mg[chosen], self.pulse_mg[chosen]
        )

    def frame(self) -> pd.DataFrame:
        """As a table: `patient_id`, `start`, `end` (datetime64, last day included), `mg_day`, `steady_mg`, `pulse`."""
        return pd.DataFrame(
            {
                "patient_id": self.patient,
                "start": as_days(self.start),
                "end": as_days(self.end),
                "mg_day": self.mg,
                "steady_mg": self.steady_mg,
                "pulse": self.is_pulse,
            }
        )


@dataclass(frozen=True)
class Runs:
    """Spells of days that satisfy a condition, short gaps bridged; sorted by patient and start.

    Attributes:
        patient: patient ids.
        start, last: first and last day that satisfies it (day numbers).
        days: how many days satisfy it; days in a gap are not counted.
        nth_day: the day on which the asked-for number of days was reached, or a number before all days.
    """

    patient: Ints
    start: Ints
    last: Ints
    days: Ints
    nth_day: Ints

    def __len__(self) -> int:
        return len(self.patient)

    def newest(self) -> "Runs":
        """Each patient's newest run."""
        keep = np.append(self.patient[1:] != self.patient[:-1], True) if len(self) else np.array([], dtype=bool)
        return Runs(self.patient[keep], self.start[keep], self.last[keep], self.days[keep], self.nth_day[keep])

    def reached(self) -> Bools:
        """Whether the asked-for number of days was reached."""
        return np.asarray(self.nth_day > NEVER)

    def aligned(self, patient_ids: Ints) -> "Runs":
        """One row for each of the (sorted) patients; `days` is 0 and the dates lie before all days where none is."""
        place = np.searchsorted(self.patient, patient_ids)
        place_in = np.minimum(place, max(len(self) - 1, 0))
        found = (self.patient[place_in] == patient_ids) if len(self) else np.zeros(len(patient_ids), dtype=bool)

        def pick(values: Ints, absent: int) -> Ints:
            out = np.full(len(patient_ids), absent, dtype="int64")
            out[found] = values[place_in[found]]
            return out

        return Runs(
            np.asarray(patient_ids, dtype="int64"),
            pick(self.start, NEVER),
            pick(self.last, NEVER),
            pick(self.days, 0),
            pick(self.nth_day, NEVER),
        )


@dataclass(frozen=True)
class Exposure:
    """The steroid exposure of a panel up to and including one day.

    Attributes:
        today: the day asked about, as a day number.
        known: what was taken for certain.
        possible: the same with everything that could have been taken added; only for patients with an unknown.
        statements: counted statements: `id`, `patient_id`, `drug`, `first`, `last` (day numbers, `last` at most
            today), `mg_day` (prednisone-equivalent on a day it is taken), `pulse`, `by_weight`.
        ignored: steroid statements that do not count: `id`, `patient_id`, `drug`, `route`, `why`.
        unknown: statements of unknown dose or end: `id`, `patient_id`, `drug`, `first`, `last`, `why`.
        weight: last weight on file: index `patient_id`; `kg`, `id`, `day`.
        next_change: by patient, the first future day on which the dose on file changes by itself (day number).
    """

    today: int
    known: Segments
    possible: Segments
    statements: pd.DataFrame
    ignored: pd.DataFrame
    unknown: pd.DataFrame
    weight: pd.DataFrame
    next_change: "pd.Series[Any]"

    def patients(self) -> Ints:
        """Everyone with a steroid statement of any kind, sorted."""
        return np.unique(
            np.concatenate(
                [part["patient_id"].to_numpy(dtype="int64") for part in (self.statements, self.ignored, self.unknown)]
            )
        )

    def kilograms(self, patient: Ints) -> Floats:
        """The last weight on file for each of the patients; NaN where there is none."""
        if self.weight.empty:
            return np.full(len(patient), np.nan)
        index = self.weight.index.to_numpy()
        place = np.minimum(np.searchsorted(index, patient), len(index) - 1)
        return np.where(index[place] == patient, self.weight["kg"].to_numpy()[place], np.nan)

    def dose_on(self, day: int, patient: Ints, *, steady: bool = False) -> Floats:
        """mg/day on a day for each of the (sorted) patients; 0 where none. `steady` leaves pulses out."""
        inside = (self.known.start <= day) & (self.known.end >= day)
        out = np.zeros(len(patient))
        who = self.known.patient[inside]
        if not len(who) or not len(patient):
            return out
        mg = (self.known.steady_mg if steady else self.known.mg)[inside]
        place = np.minimum(np.searchsorted(who, patient), len(who) - 1)
        found = who[place] == patient
        out[found] = mg[place[found]]
        return out

    def is_high(self, segments: Segments, above_mg: float = HIGH_MG, from_mg_kg: float = HIGH_MG_KG) -> Bools:
        """Which segments lie above `above_mg`, or at or above `from_mg_kg` where a weight is on file."""
        by_weight = segments.mg >= from_mg_kg * self.kilograms(segments.patient) - SMALLEST_DIFFERENCE_MG
        return np.asarray((segments.mg > above_mg + SMALLEST_DIFFERENCE_MG) | by_weight)

    def changes_on(self, patient: Ints) -> Ints:
        """`next_change` for each of the patients; a number before all days where nothing is planned."""
        if self.next_change.empty:
            return np.full(len(patient), NEVER, dtype="int64")
        return self.next_change.reindex(patient).fillna(NEVER).to_numpy(dtype="int64")

    def cumulative(self, patient_ids: Ints, first: int, last: int) -> Floats:
        """Milligrams of prednisone-equivalent taken from day `first` to day `last`, for each of the patients."""
        length = np.minimum(self.known.end, last) - np.maximum(self.known.start, first) + 1
        milligrams = np.where(length > 0, length, 0) * self.known.mg
        if not len(patient_ids) or not len(self.known):
            return np.zeros(len(patient_ids))
        place = np.minimum(np.searchsorted(patient_ids, self.known.patient), len(patient_ids) - 1)
        mine = patient_ids[place] == self.known.patient
        sums = np.bincount(place[mine], weights=milligrams[mine], minlength=len(patient_ids))
        return np.asarray(sums, dtype="float64")


def as_days(numbers: Ints) -> npt.NDArray[np.datetime64]:
    """Day numbers to datetime64[s]; a number before all days becomes NaT."""
    out = np.asarray(numbers, dtype="int64").astype("datetime64[D]").astype("datetime64[s]")
    out[np.asarray(numbers) <= NEVER] = np.datetime64("NaT", "s")
    return out


def as_numbers(days: Any) -> Ints:
    """datetime64 (NaT allowed) to day numbers; NaT becomes a number before all days."""
    values = np.asarray(days, dtype="datetime64[D]")
    out = values.astype("int64")
    return np.where(np.isnat(values), NEVER, out)


def day_number(day: dt.date) -> int:
    """The number of a date, counted from 1970-01-01."""
    return int(np.datetime64(day, "D").astype("int64"))


def day_of(number: int) -> dt.date:
    """The date of a day number."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(number))


def is_day(numbers: Ints) -> Bools:
    """Which day numbers stand for a day at all."""
    return np.asarray(np.asarray(numbers) > NEVER)


def exposure(frames: Frames) -> Exposure:
    """The exposure of everyone in `frames`; worked out once per frames."""
    found = frames.derived.get("exposure")
    if not isinstance(found, Exposure):
        found = _exposure(frames)
        frames.derived["exposure"] = found
    return found


def runs(segments: Segments, chosen: Bools, *, gap_days: int, nth: int = 1) -> Runs:
    """Spells of chosen segments; up to `gap_days` other days in a row do not end a spell and are not counted.

    `nth` is the number of days whose date is wanted (`Runs.nth_day`).
    """
    part = segments.where(chosen)
    if not len(part):
        nothing = np.array([], dtype="int64")
        return Runs(nothing, nothing, nothing, nothing, nothing)
    begins = np.ones(len(part), dtype=bool)
    begins[1:] = (part.patient[1:] != part.patient[:-1]) | (part.start[1:] - part.end[:-1] - 1 > gap_days)
    first = np.flatnonzero(begins)
    final = np.append(first[1:], len(part)) - 1
    counted = np.cumsum(part.end - part.start + 1)
    before = np.append(0, counted[final[:-1]])
    days = counted[final] - before
    # The segment in which the nth day lies, and how far from its end.
    place = np.minimum(np.searchsorted(counted, before + nth), len(part) - 1)
    nth_day = np.where(days >= nth, part.end[place] - (counted[place] - (before + nth)), NEVER)
    return Runs(part.patient[first], part.start[first], part.end[final], days, nth_day)


@dataclass(frozen=True)
class Spell:
    """Whether each patient is at this time in a spell at or above a dose, and for long enough.

    Attributes:
        run: each patient's newest spell.
        alive: it goes on, or paused for no longer than a gap that does not end it.
        reached: it goes on and has lasted long enough.
        could_be: it would have lasted long enough if everything unknown had been taken; False where `reached`.
        recheck: first day on which time alone changes any of these at the doses on file (day number).
    """

    run: Runs
    alive: Bools
    reached: Bools
    could_be: Bools
    recheck: Ints


def spell(found: Exposure, patient: Ints, from_mg: Floats | float, *, gap_days: int, nth: int) -> Spell:
    """Spells of `nth` days or more at `from_mg` (one limit, or one for each of the sorted patients) or above.

    `patient` must hold everyone in `found.patients()`.
    """
    limit = np.broadcast_to(np.asarray(from_mg, dtype="float64"), patient.shape)

    def newest(segments: Segments) -> Runs:
        chosen = segments.mg >= limit[np.searchsorted(patient, segments.patient)] - SMALLEST_DIFFERENCE_MG
        return runs(segments, chosen, gap_days=gap_days, nth=nth).newest().aligned(patient)

    run, largest = newest(found.known), newest(found.possible)
    alive = is_day(run.last) & (found.today - run.last <= gap_days)
    reached = alive & run.reached()
    maybe = is_day(largest.last) & (found.today - largest.last <= gap_days)
    far = np.iinfo(np.int64).max
    recheck = np.full(len(patient), far, dtype="int64")
    going_on = alive & (run.last == found.today)
    recheck = np.where(going_on & ~reached, found.today + nth - run.days, recheck)
    recheck = np.where(alive & ~going_on, run.last + gap_days + 1, recheck)
    recheck = np.where(maybe & ~reached, found.today + 1, recheck)
    change = found.changes_on(patient)
    recheck = np.where(is_day(change), np.minimum(recheck, change), recheck)
    recheck = np.where(recheck == far, NEVER, recheck)
    return Spell(run, alive, reached, maybe & largest.reached() & ~reached, recheck)


def earliest(*days: Ints) -> Ints:
    """The earliest of several day numbers, place by place; those that stand for no day are passed over."""
    far = np.iinfo(np.int64).max
    least = np.minimum.reduce([np.where(is_day(part), part, far) for part in days])
    return np.where(least == far, NEVER, least)


def children(frames: Frames, patient: Ints, as_of: dt.date) -> Bools:
    """Who is under 18, and so is judged per kilogram; without a birth date whoever has a juvenile diagnosis."""
    panel = frames.patients.reindex(patient)
    leap_day = (as_of.month, as_of.day) == (2, 29)
    latest_adult = as_of.replace(year=as_of.year - ADULT_FROM_YEARS, day=28 if leap_day else as_of.day)
    birth = panel["birth_date"].to_numpy().astype("datetime64[D]")
    juvenile = panel["diagnosis"].isin([code for code, row in diagnoses().items() if row.juvenile]).to_numpy()
    return np.asarray(np.where(np.isnat(birth), juvenile, birth > np.datetime64(latest_adult, "D")), dtype=bool)


def coming_of_age(frames: Frames, patient: Ints, as_of: dt.date) -> Ints:
    """The 18th birthday of those who are under 18, as a day number: from then on adult limits hold."""
    birth = frames.patients["birth_date"].reindex(patient).to_numpy().astype("datetime64[D]")
    month = birth.astype("datetime64[M]")
    birthday = as_numbers((month + 12 * ADULT_FROM_YEARS).astype("datetime64[D]") + (birth - month))
    return np.where(birthday > day_number(as_of), birthday, NEVER)


def _exposure(frames: Frames) -> Exposure:
    today = day_number(frames.as_of)
    medications = frames.medications
    weight = _last(frames.observations("weight"))
    row = _steroid_rows(medications)
    part = medications.iloc[row]
    identifier = part["id"].to_numpy(dtype="int64")
    patient = part["patient_id"].to_numpy(dtype="int64")
    first = as_numbers(part["start"].to_numpy())
    end = as_numbers(part["end"].to_numpy())
    drug_code, drug_names = _codes(part["drug"])
    unit_code, unit_names = _codes(part["unit"])
    route_code, route_names = _codes(part["route"])
    frequency_code, frequency_names = _codes(part["frequency"])
    stopped = _equals(part["status"], "stopped")
    told_pulse = _equals(part["intent"], "pulse")

    factor, ignored_because = _factors(drug_names, drug_code, route_names, route_code)
    counts = _missing(ignored_because)

    milligrams, at_most, why = _milligrams(
        frames, weight, patient, part["dose"].to_numpy("float64"), unit_names, unit_code
    )
    by_weight = np.array([name.endswith("/kg") or name.endswith("/m2") for name in unit_names], dtype=bool)[unit_code]
    known_frequency = frequencies()
    doses = np.array([known_frequency[n].doses if n in known_frequency else np.nan for n in frequency_names])[
        frequency_code
    ]
    every = np.array(
        [(known_frequency[n].every_days or 0) if n in known_frequency else -1 for n in frequency_names], dtype="int64"
    )[frequency_code]
    why[(every < 0) & _missing(why)] = _NO_FREQUENCY
    at_most[every < 0] = _ANY_DOSE_MG
    # Every other day counts as its daily mean; weekly and rarer doses count in full on their days.
    smooth = (every >= 1) & (every <= 2)
    share = np.where(smooth, doses / np.maximum(every, 1), np.where(every < 0, 1.0, doses))
    per_day = milligrams * factor * share
    most_per_day = at_most * np.maximum(factor, 0) * np.where(np.isnan(share), 1.0, share)

    # Of a rare dose the last day taken is the day of its last dose.
    rare = (every >= 3) & is_day(end)
    end = np.where(rare, first + (end - first) // np.maximum(every, 1) * every, end)
    open_end = ~is_day(end)
    no_end = stopped & open_end & (every != 0)
    why[no_end & _missing(why)] = _NO_END
    last = np.where(every == 0, first, np.where(open_end, today, np.minimum(end, today)))
    _bound_stopped(no_end & counts, patient, drug_code, first, last)

    in_time = counts & (first <= today) & (last >= first)
    sure = in_time & _missing(why)
    unsure = in_time & ~_missing(why)
    pulse = told_pulse | (per_day >= PULSE_MG - SMALLEST_DIFFERENCE_MG)

    counted = _given(patient, first, last, every, per_day, pulse, sure)
    known = _sweep(*counted)
    unknown_patients = np.unique(patient[unsure])
    if len(unknown_patients):
        extra = _given(patient, first, last, every, most_per_day, told_pulse, unsure)
        concerned = np.isin(counted[0], unknown_patients)
        possible = _sweep(*(np.concatenate([mine[concerned], more]) for mine, more in zip(counted, extra, strict=True)))
    else:
        possible = known.where(np.zeros(len(known), dtype=bool))

    names = np.asarray(drug_names, dtype=object)[drug_code]
    return Exposure(
        today=today,
        known=known,
        possible=possible,
        statements=pd.DataFrame(
            {
                "id": identifier[sure],
                "patient_id": patient[sure],
                "drug": names[sure],
                "first": first[sure],
                "last": last[sure],
                "mg_day": per_day[sure],
                "pulse": pulse[sure],
                "by_weight": by_weight[sure],
            }
        ),
        ignored=pd.DataFrame(
            {
                "id": identifier[~counts],
                "patient_id": patient[~counts],
                "drug": names[~counts],
                "route": np.asarray(route_names, dtype=object)[route_code][~counts],
                "why": ignored_because[~counts],
            }
        ),
        unknown=pd.DataFrame(
            {
                "id": identifier[unsure],
                "patient_id": patient[unsure],
                "drug": names[unsure],
                "first": first[unsure],
                "last": last[unsure],
                "why": why[unsure],
            }
        ),
        weight=weight,
        next_change=_next_change(today, patient, first, end, every, in_time),
    )


def _missing(values: Any) -> Bools:
    return np.asarray(pd.isna(values), dtype=bool)


def _codes(column: "pd.Series[Any]") -> tuple[Ints, list[str]]:
    """Texts as codes and names; a missing text is the empty name."""
    codes, names = pd.factorize(column)
    texts = [str(name) for name in names]
    codes = np.asarray(codes, dtype="int64")
    if (codes < 0).any():
        texts.append("")
        codes = np.where(codes < 0, len(texts) - 1, codes)
    return codes, texts


def _equals(column: "pd.Series[Any]", text: str) -> Bools:
    codes, names = _codes(column)
    return np.array([name == text for name in names], dtype=bool)[codes]


def _steroid_rows(medications: pd.DataFrame) -> Ints:
    """Positions of the steroid statements, counted or not."""
    if medications.empty:
        return np.array([], dtype="int64")
    codes, names = _codes(medications["drug"])
    found = [drug(name) for name in names]
    return np.flatnonzero(
        np.array([known is not None and known.is_glucocorticoid for known in found], dtype=bool)[codes]
    )


def _factors(drug_names: list[str], drug_code: Ints, route_names: list[str], route_code: Ints) -> tuple[Floats, Any]:
    """Prednisone-equivalent of 1 mg for each statement, and why it does not count (None where it does)."""
    known = [drug(name) for name in drug_names]
    factor = np.array([(row.prednisone_factor if row else None) or 0.0 for row in known], dtype="float64")
    excluded = np.empty(len(known), dtype=object)
    excluded[:] = [
        None
        if row is not None and row.prednisone_factor
        else (row.excluded_because if row else "") or "no equivalence known"
        for row in known
    ]
    because = excluded[drug_code] if len(known) else np.array([], dtype=object)
    local = np.array([name in STEROID_ROUTES_NOT_COUNTED for name in route_names], dtype=bool)
    route = np.empty(len(route_names), dtype=object)
    route[:] = [f"{name} steroids are not counted" for name in route_names]
    if len(route_names):
        because = np.where(local[route_code], route[route_code], because)
    return (factor[drug_code] if len(known) else np.array([])), because


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    """Each patient's newest value: index `patient_id`; `kg` (the value), `id`, `day`."""
    patient = rows["patient_id"].to_numpy(dtype="int64")
    keep = np.append(patient[1:] != patient[:-1], True) if len(patient) else np.array([], dtype=bool)
    return pd.DataFrame(
        {
            "kg": rows["value"].to_numpy(dtype="float64")[keep],
            "id": rows["id"].to_numpy(dtype="int64")[keep],
            "day": rows["day"].to_numpy()[keep],
        },
        index=pd.Index(patient[keep], name="patient_id"),
    )


def _milligrams(
    frames: Frames, weight: pd.DataFrame, patient: Ints, dose: Floats, unit_names: list[str], unit_code: Ints
) -> tuple[Floats, Floats, Any]:
    """Milligrams of one dose, the most they could be, and why they are not known (None where they are)."""
    unit = np.asarray(unit_names, dtype=object)[unit_code] if len(unit_names) else np.array([], dtype=object)
    why = np.full(len(patient), None, dtype=object)
    scale = np.full(len(patient), np.nan)
    bound = np.full(len(patient), np.nan)
    for name, milligrams in (("mg", 1.0), ("g", 1000.0)):
        scale[unit == name] = milligrams
        bound[unit == name] = milligrams
    per_kg = np.isin(unit, ["mg/kg", "g/kg"])
    per_m2 = unit == "mg/m2"
    if (per_kg | per_m2).any():
        kilograms = weight["kg"].reindex(patient).to_numpy(dtype="float64")
        thousand = np.where(unit == "g/kg", 1000.0, 1.0)
        scale = np.where(per_kg, kilograms * thousand, scale)
        bound = np.where(per_kg, _HEAVIEST_KG * thousand, bound)
        why[per_kg & np.isnan(kilograms)] = _NO_WEIGHT
        centimetres = _last(frames.observations("height"))["kg"].reindex(patient).to_numpy(dtype="float64")
        area = np.sqrt(kilograms * centimetres / 3600.0)  # Mosteller
        scale = np.where(per_m2, area, scale)
        bound = np.where(per_m2, _LARGEST_M2, bound)
        why[per_m2 & np.isnan(area)] = _NO_AREA
    no_unit = np.isnan(bound)
    why[no_unit] = _NO_UNIT
    no_dose = np.isnan(dose)
    why[no_dose] = _NO_DOSE
    at_most = np.where(no_unit | no_dose, _ANY_DOSE_MG, np.where(np.isnan(scale), bound, scale) * dose)
    return scale * dose, at_most, why


def _bound_stopped(concerned: Bools, patient: Ints, drug_code: Ints, first: Ints, last: Ints) -> None:
    """A statement stopped on an unknown day had ended, at the latest, before the next one of the same drug began."""
    for place in np.flatnonzero(concerned):
        later = first[(patient == patient[place]) & (drug_code == drug_code[place]) & (first > first[place])]
        if len(later):
            last[place] = min(last[place], int(later.min()) - 1)


def _given(
    patient: Ints, first: Ints, last: Ints, every: Ints, mg: Floats, pulse: Bools, chosen: Bools
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """The chosen statements as stretches on which they are taken every day, doses in whole nanograms.

    A weekly (or rarer) statement becomes one stretch of a single day for each of its doses.
    """
    nanograms = np.rint(np.where(chosen, mg, 0.0) * _NANOGRAMS).astype("int64")
    daily = chosen & (every < 3)
    rare = np.flatnonzero(chosen & (every >= 3))
    times = (last[rare] - first[rare]) // every[rare] + 1
    which = np.repeat(rare, times)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
    on = first[which] + nth * every[which]
    every_day = np.flatnonzero(daily)
    row = np.concatenate([every_day, which])
    return (
        patient[row],
        np.concatenate([first[every_day], on]),
        np.concatenate([last[every_day], on]),
        nanograms[row],
        np.where(pulse[row], nanograms[row], 0),
    )


def _sweep(patient: Ints, first: Ints, last: Ints, nanograms: Ints, pulse_nanograms: Ints) -> Segments:
    """Stretches that overlap become segments of one dose; neighbours of the same dose become one."""
    shifted = patient.astype("int64") << _DAY_BITS
    keys = np.concatenate([shifted | (first + _EPOCH_SHIFT), shifted | (last + 1 + _EPOCH_SHIFT)])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    total = np.cumsum(np.concatenate([nanograms, -nanograms])[order])
    pulses = np.cumsum(np.concatenate([pulse_nanograms, -pulse_nanograms])[order])
    final = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.array([], dtype=bool)
    keys, total, pulses = keys[final], total[final], pulses[final]
    # What a patient starts has ended by the patient's last key, so a positive sum always has a next key of the same.
    taken = np.flatnonzero(total > 0)
    who = keys[taken] >> _DAY_BITS
    mask = (1 << _DAY_BITS) - 1
    start = (keys[taken] & mask) - _EPOCH_SHIFT
    end = (keys[taken + 1] & mask) - _EPOCH_SHIFT - 1
    total, pulses = total[taken], pulses[taken]
    begins = np.ones(len(taken), dtype=bool)
    begins[1:] = (
        (who[1:] != who[:-1]) | (start[1:] != end[:-1] + 1) | (total[1:] != total[:-1]) | (pulses[1:] != pulses[:-1])
    )
    head = np.flatnonzero(begins)
    tail = np.append(head[1:], len(taken)) - 1 if len(taken) else head
    return Segments(who[head], start[head], end[tail], total[head] / _NANOGRAMS, pulses[head] / _NANOGRAMS)


def _next_change(today: int, patient: Ints, first: Ints, end: Ints, every: Ints, chosen: Bools) -> "pd.Series[Any]":
    """For each patient the first day after today on which a statement on file begins a dose or ends by itself."""
    far = np.iinfo(np.int64).max
    change = np.full(len(patient), far, dtype="int64")
    ends = is_day(end) & (end >= today) & (every != 0)
    change[ends] = end[ends] + 1
    change[(every == 0) & (first == today)] = today + 1
    rare = every >= 3
    interval = np.maximum(every, 1)
    coming = first + ((today - first) // interval + 1) * interval
    given_today = rare & ((today - first) % interval == 0) & (~is_day(end) | (end >= today))
    change[given_today] = today + 1
    due = rare & ~given_today & (~is_day(end) | (coming <= end))
    change[due] = np.minimum(change[due], coming[due])
    change[rare & ~given_today & ~due] = far
    keep = chosen & (change < far)
    return pd.Series(change[keep], index=patient[keep], dtype="int64").groupby(level=0).min()


def evidence(found: Exposure, patient_ids: Ints, since: Ints) -> list[tuple[str, ...]]:
    """For each of the (sorted) patients the statements taken on or after the patient's day `since`, oldest first."""
    out: list[tuple[str, ...]] = [()] * len(patient_ids)
    parts = [frame for frame in (found.statements, found.unknown) if len(frame)]
    if not len(patient_ids) or not parts:
        return out
    who = np.concatenate([frame["patient_id"].to_numpy() for frame in parts])
    last = np.concatenate([frame["last"].to_numpy() for frame in parts])
    identifier = np.concatenate([frame["id"].to_numpy() for frame in parts])
    place = np.minimum(np.searchsorted(patient_ids, who), len(patient_ids) - 1)
    used = np.flatnonzero((patient_ids[place] == who) & (last >= since[place]))
    if not len(used):
        return out
    if not len(used):
        return out
    used = used[np.argsort(place[used], kind="stable")]
    names = [f"m{number}" for number in identifier[used].tolist()]
    rows, begins = np.unique(place[used], return_index=True)
    for row, begin, end in zip(rows.tolist(), begins.tolist(), [*begins[1:].tolist(), len(used)], strict=True):
        out[row] = tuple(names[begin:end])
    return out


def why_unknown(found: Exposure, patient_id: int) -> str:
    """What is not known about a patient's steroids, for a sentence."""
    rows = found.unknown[found.unknown["patient_id"] == patient_id]
    return "; ".join(dict.fromkeys(f"{row.drug}: {row.why}" for row in rows.itertuples()))


def daily(frames: Frames, patient_id: int, first: dt.date, last: dt.date) -> "pd.Series[Any]":
    """Prednisone-equivalent mg for each day from `first` to `last` (both included), indexed by day."""
    found = exposure(frames).known.of(patient_id)
    begin, end = day_number(first), day_number(last)
    milligrams = np.zeros(max(end - begin + 1, 0))
    for start, stop, mg in zip(found.start, found.end, found.mg, strict=True):
        milligrams[max(start - begin, 0) : max(stop - begin + 1, 0)] = mg
    return pd.Series(milligrams, index=pd.date_range(first, periods=len(milligrams), freq="D"), name="mg_day")


def exposure_report(
    frames: Frames,
    patient_id: int,
    as_of: dt.date,
    *,
    above_mg: float = HIGH_MG,
    from_mg_kg: float = HIGH_MG_KG,
    gap_days: int = COURSE_GAP_DAYS,
    longest_days: int = LONGEST_HIGH_DAYS,
) -> dict[str, Any]:
    """Everything about one patient's steroids as plain data, ready for JSON; dates as `YYYY-MM-DD`.

    `days` holds the days of the last year on which (or since which) a steroid was on file; `segments` the whole
    history; `spans` the stretches above each limit; `next` the date on which the line would be crossed if today's
    dose continued. Raises `KeyError` for a patient not in `frames`.
    """
    mrn = str(frames.patients.loc[patient_id, "mrn"])
    found = exposure(frames)
    mine = found.known.of(patient_id)
    today = day_number(as_of)
    who = np.array([patient_id], dtype="int64")
    kilograms = float(found.kilograms(who)[0])
    high = found.is_high(mine, above_mg, from_mg_kg)
    limit = f"above {above_mg:g} mg/day" + ("" if np.isnan(kilograms) else f" or at least {from_mg_kg:g} mg/kg/day")
    spans: list[dict[str, Any]] = []
    courses = runs(mine, high, gap_days=gap_days, nth=longest_days + 1)
    for text, part in (
        (limit, courses),
        ("above 7.5 mg/day", runs(mine, mine.mg > 7.5 + SMALLEST_DIFFERENCE_MG, gap_days=gap_days)),
    ):
        spans += [
            {"start": _text(part.start[row]), "end": _text(part.last[row]), "days": int(part.days[row]), "limit": text}
            for row in range(len(part))
        ]
    begin = max(today - 364, int(mine.start[0])) if len(mine) else today + 1
    doses = np.zeros(max(today - begin + 1, 0))
    is_high = np.zeros(len(doses), dtype=bool)
    for row in range(len(mine)):
        covered = slice(max(int(mine.start[row]) - begin, 0), max(int(mine.end[row]) - begin + 1, 0))
        doses[covered] = mine.mg[row]
        is_high[covered] = high[row]
    now = len(mine) > 0 and int(mine.end[-1]) >= today
    in_force = mine.mg[-1] if now else 0.0
    newest = courses.newest()
    alive = len(newest) > 0 and today - int(newest.last[0]) <= gap_days
    crossed = bool(alive and newest.reached()[0])
    crosses = None
    if now and bool(high[-1]) and not crossed:
        crosses = _text(today + longest_days + 1 - int(newest.days[0]))
    weight = None
    if not np.isnan(kilograms):
        weight = {"kg": kilograms, "date": _text(as_numbers(found.weight.loc[[patient_id], "day"].to_numpy())[0])}
    since = _text(mine.start[-1]) if now else (_text(int(mine.end[-1]) + 1) if len(mine) else None)
    return {
        "mrn": mrn,
        "as_of": as_of.isoformat(),
        "unit": UNIT,
        "days": [
            {
                "date": _text(begin + offset),
                "dose": _round(dose),
                "mg_per_kg": None if np.isnan(kilograms) else round(float(dose) / kilograms, 3),
                "high": bool(is_high[offset]),
            }
            for offset, dose in enumerate(doses)
        ],
        "segments": [
            {
                "start": _text(mine.start[row]),
                "end": _text(mine.end[row]),
                "dose": _round(mine.mg[row]),
                "pulse": bool(mine.is_pulse[row]),
                "high": bool(high[row]),
            }
            for row in range(len(mine))
        ],
        "spans": spans,
        "cumulative": {
            "total_mg": _round(found.cumulative(who, NEVER, today)[0]),
            "last_365_days_mg": _round(found.cumulative(who, today - 364, today)[0]),
        },
        "current": {"dose": _round(in_force), "since": since},
        "course": {
            "start": _text(newest.start[0]) if alive else None,
            "high_days": int(newest.days[0]) if alive else 0,
            "longer_than_days": longest_days,
            "crossed_on": _text(newest.nth_day[0]) if crossed else None,
        },
        "weight": weight,
        "ignored": [
            {"drug": row.drug, "route": row.route, "why": row.why}
            for row in found.ignored[found.ignored["patient_id"] == patient_id].itertuples()
        ],
        "unknown": [
            {"drug": row.drug, "start": _text(int(str(row.first))), "why": row.why}
            for row in found.unknown[found.unknown["patient_id"] == patient_id].itertuples()
        ],
        "next": {"crosses_on": crosses},
    }


def _text(number: Any) -> str:
    return day_of(int(number)).isoformat()


def _round(milligrams: Any) -> float:
    return round(float(milligrams), 3)

"""A synthetic clinic with known true states: what a rule says can be held against what was really the matter.

`write_cohort` writes a CSV folder (contract format) and truth.csv. The same arguments give the same bytes. Nobody in it
exists; names come from a short list of words and numbers begin with C.

The model
---------
Time counts in days before `as_of`. Patients are drawn in blocks of 2,000, each with its own random stream.

*Strength* is one latent number S in CMAS-equivalents (0-52), scaled to the instrument a patient has: `cmas` under 18,
otherwise `mmt8` (60 %), `mmt8_bilateral` (25 %), `mmt_total` (15 %). A score is S scaled, plus normal noise with the
instrument's standard error of measurement, rounded and clipped. The errors are those of the rule set: CMAS 2.9 (from
ICC 0.89 in Huber 2004 and the spread in a juvenile sample), MMT8 2.0 of 80, and 3.8 of 150 and 6.5 of 260 by scaling
[default]. CMAS of a child under 6 has its ceiling near 47.

*Profiles* [default]: stable, flaring, steroid myopathy, gradual decline, damage, with the shares in `PROFILE_SHARES`
(inclusion body myositis mostly declines). An episode falls linearly over 28-56 days by 6-14 points, stays down for
28-84 days, recovers over 60-120 days and keeps 0-25 % of the loss. Enzymes lead strength by 14 days, a quarter of the
flares of dermatomyositis leave CK alone. Steroid myopathy: 6-10 points between day 30 and 90 of a high dose nobody
tapered, CK normal, recovery after the dose has come down. Whoever was diagnosed within the period begins with a flare.

*Laboratory*: CK is lognormal about the patient's own level (0.5 x its limit; 2 x in necrotising, 1.3 x in inclusion
body myositis) with 16 % within-person variation (EuBIVAS 14.5 % plus analytical). Limits are sex-specific and reported
with each result. Troponin T (limit 14) or I (limit 16 / 34) by site; a raised T is followed by an I on the same day in
92 %. CRP below 1 is reported as `<1`. Safety tests at every second visit under methotrexate, azathioprine or
mycophenolate. Of the results 2 % arrive 2-10 days late, 0.5 % are wrong and corrected later under the same `source_id`,
0.15 % are entered in error; 8 % of patients have CK in ukat/L, 12 % in IU/L, 6 % troponin in ng/mL.

*Visits*: every 28, 35 or 42 days (+-3) on treatment, every 56 without; 1.5 % of blood draws are missed altogether and
0.5 % of single tests; 1.5 % of patients are lost to follow-up 60-400 days ago.

*What makes real patients hard to judge* (all drawn from a stream of their own) [default]: 12 % have a CK that has
been at 1.6 to 6 times its limit for years and moves no more than anybody's; 2 % of visits are missed and not made up
for, and 5 % of patients miss two to five in a row, half of them until today; 9 % report difficulties that come and go
(events with `present` yes and no); a quarter of those diagnosed within the period were ill for 6 to 30 months before,
with CK values and complaints on file from then and some strength lost for good.

*Slips* that nobody has corrected, at most one a patient and measure: of the kinds in `SLIPS`. Those marked `held
back` lie outside what can be and are kept, held back and asked about by the application (`models/plausibility.py`);
those marked `passes` cannot be told from a true value by anybody. The newest weight is never one.

*Steroids*: each episode starts a course of 40-60 mg (children 1.5 mg/kg, at most 60) held for 14 or 28 days, then
tapered by 10 to 30 mg, by 5 to 20, by 2.5 to 10 every two weeks, by 1 every four weeks down to the patient's
maintenance dose. 82 % of tapers begin on time, 10 % are 15-35 days late (`taper_late`), 8 % 60-110 days
(`taper_missed`). A quarter of the flares have a pulse first.

truth.csv
---------
`mrn, state, start_date, end_date, detail`. The *principal* states cover a patient's time from entry to the end
without overlap: stable, flare, recovering, steroid_myopathy, gradual_decline, damage, lost_to_follow_up. *Overlays*
may lie on top: exercise_ck, lab_missed (the days on which a required test is more than 42 + 7 days old; detail is the
test), prolonged_high_dose (from the 29th day above 30 mg or at 0.5 mg/kg, gaps up to 3 days uncounted; worked out
from the written doses and weights, without those held back), taper_late, taper_missed, chronic_ck (the steady level
of whoever has one; detail is how many times its limit), visit_missed (from the day of a missed visit to the day
before the next one kept; detail is how many), function_varies (difficulties that come and go; detail is which),
late_diagnosis (from the first complaint to the day before the diagnosis), wrong_unit and typing_error (one day;
detail is measure, what was written for what, and `held back` or `passes`). An interval ending on `as_of` is still
going on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from seed_data.csv_folder import COLUMNS, TRUTH_COLUMNS

BLOCK = 2_000
SMALLEST, LARGEST = 1, 1_000_000

PROFILE_SHARES = {"stable": 0.60, "flaring": 0.23, "steroid_myopathy": 0.04, "gradual_decline": 0.05, "damage": 0.08}
DIAGNOSIS_SHARES = {
    "JDM": 0.28, "DM": 0.22, "IMNM": 0.12, "IBM": 0.09, "ASYS": 0.11, "PM": 0.07, "OVERLAP": 0.06, "ADM": 0.03,
    "UNSPECIFIED": 0.02,
}  # fmt: skip
INSTRUMENTS = {"cmas": (52, 2.9), "mmt8": (80, 2.0), "mmt8_bilateral": (150, 3.8), "mmt_total": (260, 6.5)}
"""Instrument -> (maximum, standard error of measurement in its own points)."""

PRINCIPAL_STATES = (
    "stable", "flare", "recovering", "steroid_myopathy", "gradual_decline", "damage", "lost_to_follow_up",
)  # fmt: skip
OVERLAY_STATES = (
    "exercise_ck", "lab_missed", "prolonged_high_dose", "taper_late", "taper_missed", "chronic_ck", "visit_missed",
    "function_varies", "late_diagnosis", "wrong_unit", "typing_error",
)  # fmt: skip


class Slip(NamedTuple):
    """A way of writing a value wrongly: `share` of the patients have one, and whether the application can see it."""

    measure: str
    state: str
    what: str
    write: Callable[[float], float | None]
    held_back: bool
    share: float


def _swapped(value: float) -> float | None:
    """The last two digits before the point exchanged; None where that changes nothing."""
    whole = int(value)
    if whole < 10 or whole % 10 == whole // 10 % 10:
        return None
    return whole // 100 * 100 + whole % 10 * 10 + whole // 10 % 10


def _passes(measure: str, wrong: float, right: float) -> bool:
    """Whether a wrong value looks like a true one: a weight that no body could have is no such slip."""
    return measure != "weight" or 1 / 1.6 < wrong / right < 1.6


SLIPS = (
    Slip("weight", "typing_error", "without its last digit", lambda kg: round(kg / 10, 1), True, 0.02),
    Slip("weight", "wrong_unit", "in pounds", lambda kg: round(kg * 2.2046, 1), True, 0.01),
    Slip("weight", "typing_error", "with its digits exchanged", _swapped, False, 0.01),
    Slip("creatinine", "wrong_unit", "in umol/L", lambda mg: round(mg * 88.42), True, 0.02),
    Slip("haemoglobin", "typing_error", "without its point", lambda g: round(g * 10), True, 0.02),
    Slip("haemoglobin", "wrong_unit", "in mmol/L", lambda g: round(g * 0.6206, 1), False, 0.01),
    Slip("ck", "typing_error", "with a nought too many", lambda u: round(u * 10), False, 0.01),
    *(Slip(one, "typing_error", "with its digits exchanged", _swapped, False, 0.02) for one in INSTRUMENTS),
)

LAB_INTERVAL, LAB_GRACE = 42, 7
HIGH_MG, HIGH_MG_PER_KG, HIGH_DAYS, COURSE_GAP = 30.0, 0.5, 28, 3

_FAMILY = (
    "Adler", "Ahorn", "Amsel", "Birke", "Bussard", "Dachs", "Distel", "Drossel", "Eibe", "Elster", "Erle",
    "Esche", "Falke", "Fichte", "Fink", "Ginster", "Habicht", "Hasel", "Heide", "Holunder", "Iltis", "Kiebitz",
    "Kiefer", "Kranich", "Lerche", "Linde", "Luchs", "Marder", "Meise", "Milan", "Mohn", "Nessel", "Otter",
    "Pappel", "Reiher", "Robinie", "Salbei", "Schilf", "Sperling", "Star", "Tanne", "Thymian", "Ulme",
    "Wacholder", "Weide", "Wiesel", "Ysop", "Zaunkoenig", "Zeder", "Zeisig",
)  # fmt: skip
_FEMALE = (
    "Alva", "Bea", "Cleo", "Dina", "Elin", "Femke", "Gesa", "Hedda", "Ilva", "Jule", "Kaja", "Lotte", "Mila",
    "Nele", "Oda", "Pia", "Runa", "Svea", "Tilda", "Wiebke",
)  # fmt: skip
_MALE = (
    "Arne", "Bo", "Carl", "Dag", "Eike", "Finn", "Gero", "Hauke", "Ivo", "Jorin", "Knut", "Lars", "Milo",
    "Nils", "Olaf", "Per", "Rune", "Sven", "Till", "Veit",
)  # fmt: skip
_SITES = ("North", "South", "Harbour")
_CLINICIANS = ("paul", "petra.imhof", "omar.keller")
_ASSESSORS = ("PT Lind", "PT Moor", "PT Sund")
_ANTIBODIES: dict[str, Sequence[str]] = {
    "JDM": ("", "NXP2", "TIF1G", "MDA5", "MI2"), "DM": ("", "MI2", "TIF1G", "NXP2", "SAE"),
    "IMNM": ("SRP", "HMGCR", ""),
    "IBM": ("CN1A", ""), "ASYS": ("JO1", "PL7", "PL12", "EJ"), "PM": ("",), "OVERLAP": ("PMSCL75", "U1RNP", "KU"),
    "ADM": ("MDA5", "SAE", ""), "UNSPECIFIED": ("",),
}  # fmt: skip

Array = npt.NDArray[Any]


def write_cohort(directory: Path | str, patients: int, seed: int, as_of: date, years: float = 5.0) -> dict[str, int]:
    """Write a synthetic cohort as a CSV folder with truth.csv and return the number of data rows per file.

    `patients` is the number of patients, `seed` any non-negative integer, `as_of` the last day of the history, `years`
    its length. Facts learnt after `as_of` are left out. Raises ValueError for a size or length that makes no cohort.
    """
    if not SMALLEST <= patients <= LARGEST:
        raise ValueError(f"patients must be between {SMALLEST} and {LARGEST:,}, not {patients}")
    if not 0.25 <= years <= 30:
        raise ValueError(f"years must be between 0.25 and 30, not {years}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, not {seed}")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    calendar = _Calendar(as_of, round(years * 365.25))
    columns = {**COLUMNS, "truth.csv": TRUTH_COLUMNS}
    counts = dict.fromkeys(columns, 0)
    files: dict[str, TextIO] = {}
    try:
        for name, header in columns.items():
            files[name] = (folder / name).open("w", encoding="utf-8", newline="")
            files[name].write(",".join(header) + "\n")
        for number, first in enumerate(range(0, patients, BLOCK)):
            rng, beside = np.random.default_rng([seed, number]), np.random.default_rng([seed, number, 1])
            block = _Block(rng, beside, first, min(BLOCK, patients - first), calendar)
            for name, lines in block.lines().items():
                if lines:
                    files[name].write("\n".join(lines) + "\n")
                    counts[name] += len(lines)
    finally:
        for stream in files.values():
            stream.close()
    return counts


class _Calendar:
    """Text of a day, given as days from as_of, looked up rather than formatted: dates are most of the output."""

    def __init__(self, as_of: date, history: int) -> None:
        self.as_of, self.history = as_of, history
        self._before = max(history, 365 * 16) + 2_000
        self._text = [(as_of + timedelta(days=day)).isoformat() for day in range(-self._before, 1)]

    def __call__(self, day: int) -> str:
        if -self._before <= day <= 0:
            return self._text[day + self._before]
        return (self.as_of + timedelta(days=int(day))).isoformat()

    def open_end(self, day: int) -> str:
        """A last day taken: blank where it lies on or after as_of, because the drug is still being taken."""
        return "" if day >= 0 else self(day)


@dataclass
class _Lines:
    """Finished lines of one file with the key they are sorted by: patient, day, and a running number."""

    patient: list[int] = field(default_factory=list)
    day: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def add(self, patient: int, day: int, text: str) -> None:
        self.patient.append(patient)
        self.day.append(day)
        self.text.append(text)

    def extend(self, patient: list[int], day: list[int], text: list[str]) -> None:
        self.patient += patient
        self.day += day
        self.text += text

    def ordered(self) -> list[str]:
        order = np.lexsort((np.asarray(self.day), np.asarray(self.patient)))  # stable: ties keep the order of writing
        text = self.text
        return [text[i] for i in order.tolist()]


class _Block:
    """Up to 2,000 patients, drawn in a fixed order: `rng` for the disease, `beside` for what makes it hard to judge."""

    def __init__(
        self, rng: np.random.Generator, beside: np.random.Generator, first: int, n: int, calendar: _Calendar
    ) -> None:
        self.rng, self.beside, self.n, self.calendar = rng, beside, n, calendar
        self.mrn = [f"C{first + i + 1:07d}" for i in range(n)]
        self.observations, self.medications, self.events, self.truth = _Lines(), _Lines(), _Lines(), _Lines()
        self.numbers: dict[tuple[str, int], int] = {}
        self.people()
        self.episodes()
        self.hardships()
        self.visits()
        self.weights()
        self.steroid_courses()
        self.other_treatments()
        self.strength()
        self.laboratory()
        self.clinic_measures()
        self.symptoms()
        self.coming_and_going()
        self.before_the_diagnosis()
        self.true_states()

    def _number(self, kind: str, i: int) -> int:
        """A patient's next running number of a kind of row, for its source_id."""
        self.numbers[kind, i] = self.numbers.get((kind, i), 0) + 1
        return self.numbers[kind, i]

    def lines(self) -> dict[str, list[str]]:
        """Lines of each file, sorted by patient and day."""
        return {
            "patients.csv": self.patient_lines,
            "observations.csv": self.observations.ordered(),
            "medications.csv": self.medications.ordered(),
            "events.csv": self.events.ordered(),
            "truth.csv": self.truth.ordered(),
        }

    # -- who they are ------------------------------------------------------------------------------------------------

    def people(self) -> None:
        rng, n, history = self.rng, self.n, self.calendar.history
        names = np.array(list(DIAGNOSIS_SHARES))
        self.diagnosis = rng.choice(names, n, p=list(DIAGNOSIS_SHARES.values()))
        self.juvenile = self.diagnosis == "JDM"
        self.female = rng.random(n) < np.where(self.diagnosis == "IBM", 0.4, 0.68)
        onset_age = np.where(self.juvenile, rng.uniform(4, 15, n), rng.uniform(22, 68, n))
        onset_age = np.where(self.diagnosis == "IBM", rng.uniform(50, 72, n), onset_age)
        duration = np.where(self.juvenile, rng.uniform(0.15, 10, n), rng.uniform(0.15, 15, n))
        self.diagnosed = -np.rint(duration * 365).astype(int)
        self.age_days = np.rint((onset_age + duration) * 365.25).astype(int)
        self.entry = np.maximum(self.diagnosed, -history)
        self.new = self.diagnosed > -history
        self.child = self.age_days < 18 * 365.25

        self.status = rng.choice(
            np.array(["active", "discharged", "moved", "deceased"]), n, p=[0.965, 0.02, 0.01, 0.005]
        )
        self.lost = (rng.random(n) < 0.015) & (self.status == "active") & (self.entry < -500)
        gone = (self.status != "active") & (self.entry < -200)
        self.status = np.where(gone, self.status, "active")
        stop = np.where(self.lost, -rng.integers(60, 401, n), 0)
        leaving = rng.integers(np.minimum(self.entry + 150, -2), np.full(n, -1))
        self.end = np.where(gone, leaving, stop)

        share = list(PROFILE_SHARES.values())
        profile = rng.choice(np.array(list(PROFILE_SHARES)), n, p=share)
        ibm = self.diagnosis == "IBM"
        profile = np.where(ibm, np.where(rng.random(n) < 0.7, "gradual_decline", "stable"), profile)
        # A child does not lose strength for ever, and an amyopathic patient has none to lose.
        profile = np.where((profile == "gradual_decline") & self.juvenile, "flaring", profile)
        self.profile = np.where(self.diagnosis == "ADM", "stable", profile)
        old = duration > 3
        self.untreated = (ibm & (rng.random(n) < 0.75)) | (
            (self.profile == "stable") & old & ~self.new & ~ibm & (rng.random(n) < 0.14)
        )

        family, given = rng.integers(0, len(_FAMILY), n), rng.integers(0, len(_FEMALE), n)
        site, clinician = rng.integers(0, 3, n), rng.integers(0, 3, n)
        self.site = site
        pick = rng.random(n)
        self.patient_lines = []
        for i in range(n):
            antibodies = _ANTIBODIES[str(self.diagnosis[i])]
            self.patient_lines.append(
                f"{self.mrn[i]},{_FAMILY[family[i]]},{(_FEMALE if self.female[i] else _MALE)[given[i]]},"
                f"{self.calendar(-int(self.age_days[i]))},{'female' if self.female[i] else 'male'},"
                f"{self.diagnosis[i]},{self.calendar(int(self.diagnosed[i]))},"
                f"{antibodies[int(pick[i] * len(antibodies))]},{_SITES[site[i]]},{_CLINICIANS[clinician[i]]},"
                f"{self.status[i]}"
            )

    # -- what happens to them ----------------------------------------------------------------------------------------

    def episodes(self) -> None:
        """Up to three episodes a patient: the first at diagnosis, two later; absent ones have `real` False."""
        rng, n = self.rng, self.n
        shape = (n, 3)
        self.fall = rng.integers(28, 57, shape)
        self.plateau = rng.integers(28, 85, shape)
        self.recovery = rng.integers(60, 121, shape)
        self.drop = rng.uniform(6, 14, shape)
        self.residual = rng.uniform(0, 0.25, shape)
        self.severity = np.clip(self.drop / 10, 0.6, 1.4)
        silent = np.isin(self.diagnosis, ["DM", "JDM"])[:, None] & (rng.random(shape) < 0.25)
        self.enzyme_gain = np.where(silent, 0.0, rng.normal(np.log(6), 0.5, shape))

        span = np.maximum(-self.entry - 200, 1)[:, None]
        when = (self.entry[:, None] + 200 + np.rint(rng.random(shape) * span)).astype(int)
        when[:, 1:] = np.sort(when[:, 1:], axis=1)
        has_time = (self.entry < -260)[:, None]
        self.real = np.zeros(shape, bool)
        flaring = self.profile == "flaring"
        self.real[:, 1] = flaring & has_time[:, 0]
        self.real[:, 2] = flaring & has_time[:, 0] & (when[:, 2] - when[:, 1] >= 330)
        muscle = ~np.isin(self.diagnosis, ["IBM", "ADM"])
        self.real[:, 0] = self.new & muscle & (self.profile != "gradual_decline")
        when[:, 0] = self.entry - self.fall[:, 0]
        self.onset = when
        # Nothing further happens to those who come into the clinic still in their first flare.
        apart = when[:, 1:] - when[:, :1] >= 330
        self.real[:, 1:] &= apart | ~self.real[:, :1]
        self.real &= self.onset < np.where(self.end < 0, self.end - 60, 1)[:, None]

        self.course = self.onset + rng.integers(10, 41, shape)
        self.course[:, 0] = self.entry + rng.integers(0, 4, n)
        self.treated = self.real & (self.course < self.end[:, None])
        policy = rng.random(shape)
        hold = np.where(rng.random(shape) < 0.6, 14, 28)
        late, missed = (policy >= 0.82) & (policy < 0.92), policy >= 0.92
        delay = np.where(late, rng.integers(15, 36, shape), 0) + np.where(missed, rng.integers(60, 111, shape), 0)

        # Steroid myopathy: one course, begun for a rise of enzymes without weakness, and never tapered in time.
        self.myopathy = (self.profile == "steroid_myopathy") & (self.entry < -420)
        self.profile = np.where((self.profile == "steroid_myopathy") & ~self.myopathy, "stable", self.profile)
        weak = self.myopathy
        latest = np.maximum(-self.entry - 400, 1)
        begin = self.entry + 380 + np.rint(rng.random(n) * latest * 0.95).astype(int)
        self.onset[weak, 1] = begin[weak]
        self.course[weak, 1] = begin[weak]
        self.real[weak, 1] = False
        self.real[weak, 2] = False
        self.treated[:, 2] &= ~weak
        self.treated[weak, 1] = begin[weak] < self.end[weak]
        self.myopathy &= self.treated[:, 1]
        self.profile = np.where((self.profile == "steroid_myopathy") & ~self.myopathy, "stable", self.profile)
        long_hold = rng.integers(80, 141, n)
        delay[weak, 1] = (long_hold - hold[:, 1])[weak]
        self.hold, self.delay = hold, delay
        self.myopathy_drop = rng.uniform(6, 10, n)
        self.myopathy_back = begin + long_hold + 28  # by then the dose has come down to 40 mg or less
        self.myopathy_gone = self.myopathy_back + rng.integers(70, 111, n)

        self.decline_from = self.entry + np.rint(rng.uniform(0.1, 0.75, n) * np.maximum(-self.entry, 1)).astype(int)
        ibm = self.diagnosis == "IBM"
        self.decline_from = np.where(ibm, self.entry, self.decline_from)
        per_year = np.where(ibm, rng.uniform(2.5, 4.5, n), rng.uniform(9, 15, n))
        self.decline_per_day = np.where(self.profile == "gradual_decline", per_year / 365.25, 0.0)
        base = np.where(self.juvenile, rng.uniform(45, 51, n), rng.uniform(43, 51.5, n))
        base = np.where(self.profile == "damage", rng.uniform(27, 37, n), base)
        base = np.where(ibm, rng.uniform(36, 45, n), base)
        self.base = np.where(self.new & (self.age_days < 6 * 365), np.minimum(base, 46.5), base)

    def hardships(self) -> None:
        """Who has a steady high CK, who was diagnosed late, whose function varies, who writes what wrongly."""
        beside, n = self.beside, self.n
        muscle = ~np.isin(self.diagnosis, ["IBM", "ADM"])
        self.chronic = (beside.random(n) < 0.12) & muscle & ~self.myopathy
        self.chronic_level = np.log(beside.uniform(1.6, 6, n))
        self.late = (beside.random(n) < 0.25) & self.new & muscle
        self.ill_for = beside.integers(180, 900, n)
        self.base = np.where(self.late, np.maximum(self.base - beside.uniform(2, 7, n), 25), self.base)
        self.varies = (beside.random(n) < 0.09) & muscle & (self.profile != "gradual_decline")
        drawn = beside.random((len(SLIPS), n))
        self.slips = {slip: drawn[place] < slip.share for place, slip in enumerate(SLIPS)}
        self.slip_at = beside.random((len(SLIPS), n))

    def misses(self) -> Array:
        """Visits that were planned and missed, and never made up for; the first one is always kept."""
        beside, n, width = self.beside, self.n, self.width
        missed = beside.random((n, width)) < 0.02
        run, length = beside.random(n), beside.integers(2, 6, n)
        planned = self.seen.sum(axis=1)
        begin = np.where(run < 0.025, planned - length, 1 + np.rint(beside.random(n) * np.maximum(planned - 8, 1)))
        place = np.arange(width)[None, :]
        inside = (place >= begin[:, None]) & (place < (begin + length)[:, None])
        missed |= (run < 0.05)[:, None] & inside
        missed[:, 0] = False
        missed &= self.seen
        for i in np.nonzero(missed.any(axis=1))[0].tolist():
            kept = np.nonzero(self.seen[i] & ~missed[i])[0]
            until = int(self.end[i])
            done = -1
            for visit in np.nonzero(missed[i])[0].tolist():
                if visit <= done:
                    continue
                later = kept[kept > visit]
                done = int(later[0]) - 1 if len(later) else width
                count = int(missed[i, visit : done + 1].sum())
                last = int(self.day[i, later[0]]) - 1 if len(later) else until
                if not self.lost[i] or len(later):
                    words = f"{count} visit" if count == 1 else f"{count} visits"
                    self._true(i, "visit_missed", int(self.day[i, visit]), last, words)
        return missed

    def _slip(
        self, measure: str, who: Array, visit: Array, numbers: Array, ordinary: Array, form: str
    ) -> dict[int, str]:
        """Which of the rows of a measure were written wrongly, and how; noted in the truth.

        `ordinary` rows have no fate of their own (late, wrong and corrected). Neither a patient's first row nor the
        newest is written wrongly: before the first nobody could tell, and the newest weight makes a dose high or not.
        """
        found: dict[int, str] = {}
        for place, slip in enumerate(SLIPS):
            if slip.measure != measure:
                continue
            for i in np.nonzero(self.slips[slip])[0].tolist():
                mine = np.nonzero(who == i)[0]
                if len(mine) < 4 or found.keys() & set(mine.tolist()):
                    continue
                # Mostly of the last year: what was written wrongly long ago asks nobody for anything.
                recent = mine[max(1, len(mine) - 10) : -1]
                row = int(recent[int(self.slip_at[place, i] * len(recent))])
                wrong = slip.write(float(numbers[row]))
                highest = INSTRUMENTS[measure][0] if measure in INSTRUMENTS else None
                if wrong is None or not ordinary[row] or (highest is not None and wrong > highest):
                    continue
                right, text = form % float(numbers[row]), f"{wrong:g}"
                if right == text or (not slip.held_back and not _passes(measure, wrong, float(numbers[row]))):
                    continue
                found[row] = text
                fate = "held back" if slip.held_back else "passes"
                day = int(self.day[i, visit[row]])
                self._true(i, slip.state, day, day, f"{measure} {text} for {right} {slip.what}: {fate}")
                if measure == "weight":
                    if slip.held_back:
                        self.weighed[i, visit[row]] = False
                    else:
                        self.weight[i, visit[row]] = wrong
        return found

    def _course_shape(self, day: Array, lead: int, keep: bool) -> Array:
        """0 to 1 for every patient, day and episode: how far an episode has gone; `keep` leaves its residual behind."""
        since = (day + lead)[:, :, None] - self.onset[:, None, :]
        fall, plateau, recovery = self.fall[:, None, :], self.plateau[:, None, :], self.recovery[:, None, :]
        rest = self.residual[:, None, :] if keep else np.zeros_like(self.residual)[:, None, :]
        down = np.clip(since / fall, 0, 1)
        back = np.clip((since - fall - plateau) / recovery, 0, 1)
        result: Array = np.where(self.real[:, None, :], down * (1 - back * (1 - rest)), 0.0)
        return result

    def true_strength(self, day: Array) -> Array:
        """Latent strength in CMAS-equivalents for a matrix of days, one row a patient."""
        lost = (self._course_shape(day, 0, keep=True) * self.drop[:, None, :]).sum(axis=2)
        lost += self.decline_per_day[:, None] * np.clip(day - self.decline_from[:, None], 0, 540 * 4)
        begin = self.course[:, 1][:, None]
        down = np.clip((day - begin - 30) / 60, 0, 1)
        back_from, gone = self.myopathy_back[:, None], self.myopathy_gone[:, None]
        back = np.clip((day - back_from) / np.maximum(gone - back_from, 1), 0, 1)
        lost += np.where(self.myopathy[:, None], self.myopathy_drop[:, None] * down * (1 - back), 0)
        result: Array = np.clip(self.base[:, None] - lost, 2, 52)
        return result

    # -- when they are seen ------------------------------------------------------------------------------------------

    def visits(self) -> None:
        rng, n = self.rng, self.n
        every = rng.choice(np.array([28, 35, 42]), n, p=[0.3, 0.4, 0.3])
        self.every = np.where(self.untreated, 56, every)
        width = self.calendar.history // 25 + 2
        gaps = self.every[:, None] + rng.integers(-3, 4, (n, width))
        gaps[:, 0] = np.where(self.new, rng.integers(0, 4, n), rng.integers(0, 28, n))
        self.day = self.entry[:, None] + np.cumsum(gaps, axis=1)
        self.seen = (self.day <= self.end[:, None]) & (self.day <= 0)
        bled = rng.random((n, width)) >= 0.015
        self.visit = np.broadcast_to(np.arange(width), (n, width))
        self.width = width
        self.seen &= ~self.misses()
        self.bled = self.seen & bled
        activity = self._course_shape(self.day, 14, keep=False)
        self.activity = (activity * self.severity[:, None, :]).sum(axis=2)
        self.enzyme_rise = (activity * self.enzyme_gain[:, None, :]).sum(axis=2)
        # Before a steroid myopathy there was a reason for the steroid: enzymes high at its start, normal after 3 weeks.
        before = self.day - self.course[:, 1][:, None]
        spark = self.myopathy[:, None] & (before > -45) & (before < 21)
        self.enzyme_rise += np.where(spark, np.log(5), 0.0)

    def weights(self) -> None:
        rng, n = self.rng, self.n
        age = (self.age_days[:, None] + self.day) / 365.25
        build = np.exp(rng.normal(0, 0.13, n))[:, None]
        grown = np.where(self.female, 68, 81)[:, None] * build
        growing = np.interp(age, [2, 5, 8, 11, 14, 17, 18], [12, 18, 26, 36, 50, 60, 61]) * build
        drift = np.cumsum(rng.normal(0, 0.35, (n, self.width)), axis=1)
        self.weight = np.round(np.where(self.child[:, None], growing, np.maximum(grown + drift, 40)), 1)
        self.height = np.round(np.interp(age, [2, 5, 8, 11, 14, 17], [87, 109, 128, 144, 160, 168]), 0)
        first = np.argmax(self.seen, axis=1)
        self.first_weight = self.weight[np.arange(n), first]
        self.weighed = self.seen & ((rng.random((n, self.width)) < 0.85) | (self.visit == first[:, None]))
        self._score("weight", self.weighed, self.weight, "%.1f", unit="kg")
        self._score("height", self.seen & self.child[:, None] & (self.visit % 4 == 0), self.height, "%.0f", unit="cm")

    # -- what they take ----------------------------------------------------------------------------------------------

    def _medicine(
        self, i: int, drug: str, dose: float, start: int, end: int = 0, *, unit: str = "mg", frequency: str = "daily",
        route: str = "oral", intent: str = "daily",
    ) -> None:  # fmt: skip
        """One row of medications.csv. `end` on or after as_of means continuing; a start after as_of is not written.

        Of those who were discharged, moved away or died nothing is known after their last day.
        """
        if self.status[i] != "active":
            end = min(end, int(self.end[i]))
        if start > 0 or end < start:
            return
        number = self._number("medication", i)
        self.medications.add(
            i,
            start,
            f"{self.mrn[i]},{drug},{dose:g},{unit},{frequency},{route},{self.calendar(start)},"
            f"{self.calendar.open_end(end)},{intent},{'active' if end >= 0 else 'stopped'},,{self.mrn[i]}-m{number},",
        )

    def steroid_courses(self) -> None:
        """Tapers, maintenance, pulses; and from the written doses the daily prednisone equivalent, for truth.csv."""
        rng, n, history = self.rng, self.n, self.calendar.history
        choose = rng.random(n)
        maintenance = np.where(choose < 0.45, 0.0, np.where(choose < 0.85, 5.0, 7.5))
        self.maintenance = np.where(self.untreated | (self.diagnosis == "IBM"), 0.0, maintenance)
        start_dose = rng.choice(np.array([40.0, 50.0, 60.0]), (n, 3), p=[0.3, 0.3, 0.4])
        start_dose[self.myopathy, 1] = 60.0
        child_dose = np.clip(5 * np.rint(1.5 * self.first_weight / 5), 10, 60)
        start_dose = np.where(self.child[:, None], np.minimum(child_dose[:, None], 60), start_dose)
        drug = rng.choice(np.array(["prednisone", "prednisolone", "methylprednisolone"]), n, p=[0.72, 0.2, 0.08])
        pulsed = rng.random((n, 3)) < 0.25
        self.equivalent = np.zeros((n, history + 1))
        for i in range(n):
            courses = [j for j in range(3) if self.treated[i, j]]
            steps: list[tuple[int, int, float]] = []
            low = float(self.maintenance[i])
            at = int(self.course[i, courses[0]]) if courses else 1
            if low > 0 and self.entry[i] < at:
                steps.append((int(self.entry[i]), at - 1, low))
            for place, j in enumerate(courses):
                begin = int(self.course[i, j])
                stop = int(self.course[i, courses[place + 1]]) - 1 if place + 1 < len(courses) else 0
                lengths = int(self.hold[i, j] + self.delay[i, j])
                steps += _taper(begin, stop, float(start_dose[i, j]), lengths, low)
                self._taper_truth(i, j, begin, min(stop, int(self.end[i])))
                if pulsed[i, j] and self.real[i, j] and begin + 2 <= stop:
                    grams = float(min(1000.0, 10 * np.rint(3 * self.first_weight[i]))) if self.child[i] else 1000.0
                    self._medicine(i, "methylprednisolone", grams, begin, begin + 2, route="iv", intent="pulse")
                    self._expose(i, begin, begin + 2, grams * 1.25)
            name = str(drug[i])
            factor = 1.25 if name == "methylprednisolone" else 1.0
            for first, last, dose in steps:
                # A step that ends today still goes on: only tomorrow's prescription would change it.
                self._medicine(i, name, dose / factor, first, last)
                self._expose(i, first, last, dose)

    def _expose(self, i: int, first: int, last: int, milligrams: float) -> None:
        history = self.calendar.history
        lower = max(first, -history)
        upper = min(last, 0 if self.status[i] == "active" else int(self.end[i]))
        if lower <= upper:
            self.equivalent[i, lower + history : upper + history + 1] += milligrams

    def _taper_truth(self, i: int, j: int, begin: int, stop: int) -> None:
        delay, due = int(self.delay[i, j]), begin + int(self.hold[i, j])
        if delay > 0 and due <= stop:
            state = "taper_late" if delay <= 35 else "taper_missed"
            self._true(i, state, due, min(due + delay - 1, stop), f"taper begun {delay} days after it was due")

    def other_treatments(self) -> None:
        rng, n = self.rng, self.n
        which = rng.random(n)
        lung = self.diagnosis == "ASYS"
        agent = np.where(which < 0.5, "methotrexate", np.where(which < 0.72, "azathioprine", "mycophenolate mofetil"))
        agent = np.where(lung & (agent == "methotrexate"), "mycophenolate mofetil", agent)
        agent = np.where(self.juvenile & (which < 0.85), "methotrexate", agent)
        alone = (rng.random(n) < 0.03) & (self.maintenance > 0)
        self.agent = np.where(self.untreated | alone, "", agent)
        lead = rng.integers(100, 1500, n)
        begin = np.where(self.new, self.entry + rng.integers(0, 10, n), np.maximum(self.entry - lead, self.diagnosed))
        self.agent_from = begin
        stopped = -rng.integers(400, 900, n)
        # Off treatment: the last drug was stopped before the history began or early in it.
        screened, second = rng.random(n), rng.random(n)
        before = rng.integers(3, 15, n)
        for i in range(n):
            name, first = str(self.agent[i]), int(begin[i])
            if self.untreated[i]:
                if self.diagnosis[i] != "IBM":
                    last = int(min(stopped[i], self.entry[i] - 1))
                    self._medicine(
                        i, "methotrexate", 15, min(int(self.diagnosed[i]) + 10, last), last, frequency="weekly"
                    )
                continue
            if screened[i] < 0.93 and name:
                day = first - int(before[i])
                for measure in ("hbsag", "anti_hbc", "anti_hcv"):
                    self._once(i, measure, "0", "presence", day)
                self._event(i, "chest_x_ray", day)
                self._event(i, "vaccines_updated", day)
                if name == "azathioprine":
                    self._once(i, "tpmt", "32", "U/mL{RBCs}", day, lower="24")
            if self.female[i] and name in ("methotrexate", "mycophenolate mofetil") and screened[i] < 0.9:
                self._event(i, "contraception", first - 2)
            weight = float(self.first_weight[i])
            if name == "methotrexate":
                dose = min(2.5 * round(0.45 * weight / 2.5), 25.0) if self.child[i] else 15.0 + 5 * (i % 3)
                self._medicine(
                    i, name, max(dose, 5), first, frequency="weekly", route="sc" if self.child[i] else "oral"
                )
                self._medicine(i, "folic acid", 5, first, frequency="weekly")
            elif name == "azathioprine":
                self._medicine(i, name, 25 * max(round(2 * weight / 25), 1), first)
            elif name:
                self._medicine(i, name, 1000 if weight > 45 else 500, first, frequency="twice-daily")
            if self.maintenance[i] > 0 or self.treated[i].any():
                bone = int(self.entry[i]) + 1
                self._medicine(i, "calcium carbonate", 1000, bone)
                self._medicine(i, "cholecalciferol", 0.02, bone)
                if not self.child[i]:
                    # Bone density again before two years are over; a few never come back for it.
                    for scan in range(bone + 14, 1 if screened[i] < 0.9 else bone + 15, 640):
                        self._event(i, "dxa", scan)
                    if self.maintenance[i] > 0 and screened[i] < 0.8:
                        self._medicine(i, "alendronate", 70, bone + 30, frequency="weekly")
            for j in np.flatnonzero(self.treated[i]).tolist():
                high = int(self.course[i, j])
                if second[i] < 0.9:
                    self._medicine(i, "atovaquone", 750, high + 3, high + 200, frequency="twice-daily")
                if screened[i] < 0.9 and not self.child[i] and not (self.maintenance[i] > 0 and screened[i] < 0.8):
                    self._medicine(i, "alendronate", 70, high + 10, high + 400, frequency="weekly")
            if self.real[i, 2] and self.treated[i, 2]:
                again = int(self.course[i, 2]) + 30
                if second[i] < 0.6:
                    cycles = 6 + int(second[i] * 10)
                    self._medicine(
                        i, "ivig", 2, again, again + 28 * (cycles - 1), unit="g/kg", frequency="every-4-weeks",
                        route="iv", intent="infusion",
                    )  # fmt: skip
                elif second[i] < 0.85:
                    for dose_day in (again, again + 14):
                        self._medicine(
                            i, "rituximab", 1000, dose_day, dose_day, frequency="once", route="iv", intent="infusion"
                        )

    # -- what is measured --------------------------------------------------------------------------------------------

    def _score(
        self, measure: str, mask: Array, value: Array, form: str, *, unit: str = "", maximum: Array | None = None,
        assessor: bool = False,
    ) -> None:  # fmt: skip
        """Rows of something examined in the clinic, known the moment it is done."""
        who, visit = np.nonzero(mask)
        if not len(who):
            return
        mrn, calendar = self.mrn, self.calendar
        people, days = who.tolist(), self.day[mask].tolist()
        values = list(map(form.__mod__, value[mask].tolist()))
        for row, wrong in self._slip(measure, who, visit, value[mask], np.ones(len(people), bool), form).items():
            values[row] = wrong
        top = [""] * len(people) if maximum is None else [f"{m:.0f}" for m in maximum[who].tolist()]
        # One assessor knows a patient; every fourth visit is somebody else's.
        by = [_ASSESSORS[k] for k in ((self.site[who] + (visit % 4 == 3)) % 3).tolist()] if assessor else top
        by = by if assessor else [""] * len(people)
        self.observations.extend(
            people,
            days,
            [
                f"{mrn[i]},{measure},{v},{unit},{calendar(d)}T10:00:00,{m},,,,{a},,final,,{mrn[i]}-{measure}-{k},"
                for i, d, v, m, a, k in zip(people, days, values, top, by, visit.tolist(), strict=True)
            ],
        )

    def _lab(
        self, measure: str, mask: Array, value: Array, form: str, *, unit: str, upper: str | Sequence[str] = "",
        lower: str = "", assay: str = "", floor: float | None = None,
    ) -> Array:  # fmt: skip
        """Rows of a laboratory result with its late, wrong and withdrawn ones; returns the mask of valid results."""
        rng, mrn, calendar = self.rng, self.mrn, self.calendar
        mask = mask & (rng.random(mask.shape) >= 0.005)
        who, visit = np.nonzero(mask)
        count = len(who)
        fate = rng.random(count)
        wait = rng.integers(2, 11, count)
        factor = rng.choice(np.array([0.1, 3.0, 10.0]), count)
        valid: Array = mask.copy()
        if not count:
            return valid
        people, days, visits = who.tolist(), self.day[mask].tolist(), visit.tolist()
        numbers: list[float] = value[mask].tolist()
        below = "" if floor is None else f"<{floor:g}"

        def written(number: float) -> str:
            return below if floor is not None and number < floor else form % number

        values = list(map(written, numbers)) if floor is not None else list(map(form.__mod__, numbers))
        # A laboratory that reports in other units types no whole numbers: slips are those of the common unit.
        slips = unit in ("U/L", "mg/dL", "g/dL")
        for row, wrong in (self._slip(measure, who, visit, value[mask], fate >= 0.0265, form) if slips else {}).items():
            values[row] = wrong
        limits = [upper] * count if isinstance(upper, str) else [upper[i] for i in people]

        def line(row: int, text: str, received: str = "", status: str = "final", reason: str = "") -> str:
            i = people[row]
            return (
                f"{mrn[i]},{measure},{text},{unit},{calendar(days[row])}T08:30:00,,{limits[row]},{lower},{assay},,"
                f"{received},{status},{reason},{mrn[i]}-{measure}-{visits[row]},"
            )

        text = [
            f"{mrn[i]},{measure},{v},{unit},{calendar(d)}T08:30:00,,{u},{lower},{assay},,,final,,{mrn[i]}-{measure}-{k},"
            for i, d, v, u, k in zip(people, days, values, limits, visits, strict=True)
        ]
        later: list[tuple[int, str]] = []
        dropped: set[int] = set()
        for row in np.nonzero(fate < 0.0265)[0].tolist():
            arrival = days[row] + int(wait[row])
            at = f"{calendar(arrival)}T16:00:00"
            if fate[row] < 0.02:
                if arrival > 0:
                    dropped.add(row)
                    valid[who[row], visit[row]] = False
                else:
                    text[row] = line(row, values[row], at)
                continue
            wrong = written(numbers[row] * float(factor[row]))
            text[row] = line(row, wrong)
            if fate[row] < 0.025:
                if arrival <= 0:
                    later.append((row, line(row, values[row], at, "corrected", "value transcribed wrongly")))
            elif arrival <= 0:
                later.append((row, line(row, wrong, at, "entered-in-error", "sample of another patient")))
                valid[who[row], visit[row]] = False
        keep = [row for row in range(count) if row not in dropped] if dropped else range(count)
        self.observations.extend([people[r] for r in keep], [days[r] for r in keep], [text[r] for r in keep])
        for row, extra in later:
            self.observations.add(people[row], days[row], extra)
        return valid

    def _once(self, i: int, measure: str, value: str, unit: str, day: int, lower: str = "") -> None:
        self.observations.add(
            i,
            day,
            f"{self.mrn[i]},{measure},{value},{unit},{self.calendar(day)}T08:30:00,,,{lower},,,,final,,"
            f"{self.mrn[i]}-{measure}-s,",
        )

    def strength(self) -> None:
        rng, n = self.rng, self.n
        adult = rng.choice(np.array(["mmt8", "mmt8_bilateral", "mmt_total"]), n, p=[0.6, 0.25, 0.15])
        self.instrument = np.where(self.child, "cmas", adult)
        self.strength_true = self.true_strength(self.day)
        noise = rng.normal(0, 1, (n, self.width))
        done = self.seen & (rng.random((n, self.width)) < 0.96)
        for name, (maximum, error) in INSTRUMENTS.items():
            mine = self.instrument == name
            score = np.clip(np.rint(self.strength_true * maximum / 52 + noise * error), 0, maximum)
            self._score(name, done & mine[:, None], score, "%.0f", maximum=np.full(n, float(maximum)), assessor=True)

    def laboratory(self) -> None:
        rng, n, shape = self.rng, self.n, (self.n, self.width)
        necrotising, inclusion = self.diagnosis == "IMNM", self.diagnosis == "IBM"
        own = np.minimum(rng.normal(np.log(0.5), 0.28, n), np.log(0.85))
        own = np.where(necrotising, rng.normal(np.log(2.0), 0.5, n), own)
        own = np.where(inclusion, rng.normal(np.log(1.3), 0.4, n), own)
        own = np.where(self.chronic, self.chronic_level, own)
        for i in np.nonzero(own > np.log(1.5))[0].tolist():
            self._true(i, "chronic_ck", int(self.entry[i]), int(self.end[i]), f"about {np.exp(own[i]):.1f} x limit")
        limit = np.where(self.female, 170.0, 200.0)
        ratio = np.exp(np.clip(own[:, None] + self.enzyme_rise + rng.normal(0, 0.16, shape), -3, 5))

        active = rng.random(n) < 0.03
        visit = np.minimum((rng.random(n) * np.maximum(self.seen.sum(axis=1), 1)).astype(int), self.width - 1)
        spike = active & self.bled[np.arange(n), visit] & ~self.untreated & (self.age_days < 60 * 365)
        quiet = self.enzyme_rise[np.arange(n), visit] < 0.1
        spike &= quiet
        jump, rest = np.exp(rng.normal(np.log(12), 0.6, n)), rng.integers(1, 5, n)
        for i in np.nonzero(spike)[0].tolist():
            day = int(self.day[i, visit[i]])
            ratio[i, visit[i]] = max(ratio[i, visit[i]], jump[i])
            self._event(i, "strenuous_exercise", day - int(rest[i]))
            self._true(i, "exercise_ck", day - int(rest[i]), min(day + 7, 0), f"CK {ratio[i, visit[i]]:.1f} x limit")

        house = rng.random(n)
        valid: dict[str, Array] = {"troponin": np.zeros(shape, bool), "ck": np.zeros(shape, bool)}
        units: list[tuple[Array, str, float, str]] = [
            (house < 0.80, "U/L", 1.0, "%.0f"), (house >= 0.88, "IU/L", 1.0, "%.0f"),
            ((house >= 0.80) & (house < 0.88), "ukat/L", 1 / 60, "%.2f"),
        ]  # fmt: skip
        for mine, unit, factor, form in units:
            limits = [form % (u * factor) for u in limit.tolist()]
            valid["ck"] |= self._lab(
                "ck", self.bled & mine[:, None], ratio * limit[:, None] * factor, form, unit=unit, upper=limits
            )

        uses_t = rng.random(n) < 0.45
        regenerating = inclusion | (self.diagnosis == "PM")
        t = np.exp(
            np.minimum(rng.normal(np.log(6.5), 0.3, n), np.log(11))[:, None] + np.where(regenerating, 0.5, 0.0)[:, None]
            + 0.5 * self.activity + rng.normal(0, 0.12, shape)
        )  # fmt: skip
        heart = (rng.random(n) < 0.01)[:, None] & (self.activity > 0.3)
        i_level = np.minimum(rng.normal(np.log(4), 0.35, n), np.log(9))[:, None] + rng.normal(0, 0.15, shape)
        i_level = np.exp(i_level + np.where(heart, np.log(15), 0.0))
        needs_i = (t > 14) & (rng.random(shape) < 0.92)
        in_mass = rng.random(n) < 0.06
        limit_i = np.where(self.female, 16.0, 34.0)
        for mine, unit, factor, form in ((~in_mass, "ng/L", 1.0, "%.0f"), (in_mass, "ng/mL", 0.001, "%.4f")):
            valid["troponin"] |= self._lab(
                "troponin_t", self.bled & (mine & uses_t)[:, None], t * factor, form, unit=unit,
                upper=f"{14 * factor:g}", assay="Elecsys hs-cTnT", floor=3 * factor,
            )  # fmt: skip
            valid["troponin"] |= self._lab(
                "troponin_i", self.bled & mine[:, None] & (~uses_t[:, None] | needs_i), i_level * factor, form,
                unit=unit, upper=[f"{u * factor:g}" for u in limit_i.tolist()], assay="ARCHITECT hs-cTnI",
                floor=2 * factor,
            )  # fmt: skip

        crp = np.exp(rng.normal(np.log(1.6), 0.35, n)[:, None] + rng.normal(0, 0.4, shape) + 0.8 * self.activity)
        valid["crp"] = self._lab("crp", self.bled, crp, "%.1f", unit="mg/L", upper="5", floor=1.0)

        # Every second visit keeps the safety tests within twelve weeks; in the first three months, every visit.
        fresh = (self.day - self.agent_from[:, None] < 100) & self.new[:, None]
        safety = self.bled & (self.agent != "")[:, None] & ((self.visit % 2 == 0) | fresh)
        leak = 0.35 * np.maximum(ratio - 1, 0)
        for measure, level, spread, unit, form, more in (
            ("alt", 0.55, 0.10, "U/L", "%.0f", 40 * leak), ("ast", 0.6, 0.09, "U/L", "%.0f", 40 * leak * 1.3),
        ):  # fmt: skip
            centre = np.exp(rng.normal(np.log(level), 0.18, n))[:, None] * np.exp(rng.normal(0, spread, shape))
            self._lab(measure, safety, 40 * centre + more, form, unit=unit, upper="40")
        ldh = 190 * np.exp(rng.normal(0, 0.1, n)[:, None] + rng.normal(0, 0.05, shape)) + 60 * np.maximum(ratio - 1, 0)
        self._lab("ldh", safety & (self.visit % 4 == 0), np.minimum(ldh, 4000), "%.0f", unit="U/L", upper="250")
        creatinine = np.where(self.child, 0.5, np.where(self.female, 0.75, 0.9)) * np.exp(rng.normal(0, 0.1, n))
        self._lab(
            "creatinine", safety, creatinine[:, None] * np.exp(rng.normal(0, 0.05, shape)), "%.2f", unit="mg/dL",
            upper="1.2",
        )  # fmt: skip
        counts: tuple[tuple[str, float, float, float, str, str, str], ...] = (
            ("haemoglobin", 13.4, 0.05, 0.025, "g/dL", "11.5", "%.1f"),
            ("white_cells", 7.0, 0.14, 0.09, "10*9/L", "4", "%.1f"),
            ("neutrophils", 4.4, 0.15, 0.10, "10*9/L", "2", "%.1f"),
            ("platelets", 260.0, 0.12, 0.06, "10*9/L", "150", "%.0f"),
        )
        for measure, level, between, within, unit, lowest, form in counts:
            centre = level * np.exp(np.clip(rng.normal(0, between, n), -1.6 * between, None))
            self._lab(
                measure, safety, centre[:, None] * np.exp(rng.normal(0, within, shape)), form, unit=unit, lower=lowest
            )
        self._lab_truth(valid)

    def _lab_truth(self, valid: dict[str, Array]) -> None:
        """Days on which a test that active treatment requires was older than interval and grace allow."""
        allowed = LAB_INTERVAL + LAB_GRACE
        for test in ("ck", "troponin", "crp"):
            for i in np.nonzero(~self.untreated & (self.status == "active"))[0].tolist():
                days = [*self.day[i][valid[test][i]].tolist(), 1]
                previous = int(self.entry[i])
                for day in days:
                    if day - previous > allowed + 1:
                        self._true(i, "lab_missed", previous + allowed + 1, day - 1, test)
                    previous = day

    def clinic_measures(self) -> None:
        rng, n, shape = self.rng, self.n, (self.n, self.width)
        quiet = rng.uniform(0.1, 0.9, n)[:, None]
        weakness = np.clip(1 - self.strength_true / 50, 0, 1)
        spread = rng.normal(0, 0.35, shape)
        physician = np.clip(quiet + 4.5 * self.activity + spread, 0, 10)
        self._score("physician_global", self.seen, physician, "%.1f")
        patient = np.clip(quiet + 3 * self.activity + 6 * weakness + rng.normal(0, 0.5, shape), 0, 10)
        self._score("patient_global", self.seen, patient, "%.1f")
        third = self.seen & (self.visit % 3 == 0)
        self._score("extramuscular_global", third, np.clip(0.7 * quiet + 2.5 * self.activity + spread, 0, 10), "%.1f")
        steps = np.rint(np.clip(0.1 + 3 * weakness + rng.normal(0, 0.12, shape), 0, 3) * 8) / 8
        self._score("chaq", third & self.child[:, None], steps, "%.3f")
        self._score("haq", third & ~self.child[:, None], steps, "%.3f")
        lung = third & (self.diagnosis == "ASYS")[:, None]
        fvc = np.clip(rng.normal(82, 10, n)[:, None] + rng.normal(0, 2, shape), 35, 120)
        self._score("fvc_percent", lung, fvc, "%.0f", unit="%")
        dlco = np.clip(self.beside.normal(68, 9, n)[:, None] + self.beside.normal(0, 3, shape), 25, 120)
        self._score("dlco_percent", lung, dlco, "%.0f", unit="%")

    # -- what is reported --------------------------------------------------------------------------------------------

    def _event(self, i: int, event: str, day: int, detail: str = "", *, present: str = "yes") -> None:
        if day <= 0:
            number = self._number("event", i)
            self.events.add(
                i, day, f"{self.mrn[i]},{event},{self.calendar(day)},,{present},{detail},,{self.mrn[i]}-e{number}"
            )

    def coming_and_going(self) -> None:
        """Difficulties asked about at every visit of the last two years; they come and go without a course."""
        beside = self.beside
        for i in np.nonzero(self.varies)[0].tolist():
            asked = np.nonzero(self.seen[i] & (self.day[i] > -730))[0]
            what = ("difficulty_stairs", "difficulty_rising", "difficulty_lifting_arms")[int(beside.integers(0, 3))]
            answers = beside.random(len(asked)) < 0.4
            if not answers.any() or answers.all():
                continue
            for visit, yes in zip(asked.tolist(), answers.tolist(), strict=True):
                self._event(i, what, int(self.day[i, visit]), present="yes" if yes else "no")
            first, last = int(self.day[i, asked[0]]), int(self.day[i, asked[-1]])
            self._true(i, "function_varies", first, last, f"{what}: yes at {int(answers.sum())} of {len(asked)} visits")

    def before_the_diagnosis(self) -> None:
        """Of those diagnosed late: complaints and CK values from before, as another doctor's record has them."""
        beside = self.beside
        for i in np.nonzero(self.late)[0].tolist():
            begin = int(self.diagnosed[i] - self.ill_for[i])
            self._event(i, "myalgia", begin)
            self._event(i, "difficulty_stairs", begin + int(self.ill_for[i]) // 3)
            limit = 170 if self.female[i] else 200
            level = float(beside.uniform(2, 12))
            for number, part in enumerate((0.2, 0.6, 0.95)):
                day = begin + int(part * int(self.ill_for[i]))
                value = limit * level * float(np.exp(beside.normal(0, 0.2)))
                self.observations.add(
                    i,
                    day,
                    f"{self.mrn[i]},ck,{value:.0f},U/L,{self.calendar(day)}T08:30:00,,{limit},,,,,final,,"
                    f"{self.mrn[i]}-ck-b{number},",
                )
            self._true(i, "late_diagnosis", begin, int(self.diagnosed[i]) - 1, f"{int(self.ill_for[i])} days")

    def symptoms(self) -> None:
        rng, shape = self.rng, (self.n, 3)
        draws = {
            name: rng.random(shape)
            for name in ("flare_reported", "rash", "dysphagia", "dyspnoea", "myalgia")
        }  # fmt: skip
        chance = {"flare_reported": 0.5, "rash": 0.5, "dysphagia": 0.1, "dyspnoea": 0.03, "myalgia": 0.4}
        skin = np.isin(self.diagnosis, ["DM", "JDM"])
        after = rng.integers(5, 30, shape)
        for i, j in zip(*(axis.tolist() for axis in np.nonzero(self.real)), strict=True):
            for name, draw in draws.items():
                day = int(self.onset[i, j] + after[i, j])
                if draw[i, j] < chance[name] and (name != "rash" or skin[i]) and day <= self.end[i]:
                    self._event(i, name, day)
        ache = rng.random(self.n)
        when = np.rint(rng.random(self.n) * self.entry).astype(int)
        for i in np.nonzero(ache < 0.1)[0].tolist():
            if when[i] <= self.end[i]:
                self._event(i, "myalgia", int(when[i]))
        for i in np.nonzero(self.diagnosis == "ASYS")[0].tolist():
            self._event(i, "interstitial_lung_disease", int(self.diagnosed[i]))

    # -- what was really the matter ----------------------------------------------------------------------------------

    def _true(self, i: int, state: str, first: int, last: int, detail: str = "") -> None:
        if first <= last and first <= 0:
            start, end = self.calendar(first), self.calendar(min(last, 0))
            self.truth.add(i, first, f"{self.mrn[i]},{state},{start},{end},{detail}")

    def true_states(self) -> None:
        resting = {"damage": "damage"}
        for i in range(self.n):
            background = resting.get(str(self.profile[i]), "stable")
            last = int(self.end[i])
            pieces: list[tuple[int, int, str, str]] = []
            for j in range(3):
                if self.real[i, j]:
                    low = int(self.onset[i, j] + self.fall[i, j] + self.plateau[i, j])
                    detail = f"{self.drop[i, j]:.1f} CMAS-equivalents"
                    pieces.append((int(self.onset[i, j]), low, "flare", detail))
                    pieces.append((low + 1, low + int(self.recovery[i, j]), "recovering", ""))
            if self.myopathy[i]:
                detail = f"{self.myopathy_drop[i]:.1f} CMAS-equivalents"
                begin = int(self.course[i, 1])
                pieces.append((begin + 30, int(self.myopathy_back[i]), "steroid_myopathy", detail))
                pieces.append((int(self.myopathy_back[i]) + 1, int(self.myopathy_gone[i]), "recovering", ""))
            if self.profile[i] == "gradual_decline":
                per_year = f"{self.decline_per_day[i] * 365.25:.1f} CMAS-equivalents a year"
                pieces.append((int(self.decline_from[i]), 0, "gradual_decline", per_year))
            if self.lost[i]:
                seen = self.day[i][self.seen[i]]
                last = int(seen.max()) if len(seen) else last
            for first, until, state, detail in _tiled(int(self.entry[i]), last, sorted(pieces), background):
                self._true(i, state, first, until, detail)
            if self.lost[i]:
                self._true(i, "lost_to_follow_up", last + 1, 0, f"last seen {self.calendar(last)}")
        for i, first, until, count in self._high_dose_spans():
            self._true(i, "prolonged_high_dose", first, until, f"{count} days at high dose")

    def _high_dose_spans(self) -> Iterator[tuple[int, int, int, int]]:
        """Patient, 29th high-dose day, last high-dose day and number of high-dose days of every span that has one."""
        n, history = self.n, self.calendar.history
        on_file = np.full((n, history + 1), np.nan)
        who, visit = np.nonzero(self.weighed)
        on_file[who, self.day[who, visit] + history] = self.weight[who, visit]
        newest = np.maximum.accumulate(np.where(np.isnan(on_file), 0, np.arange(history + 1)), axis=1)
        on_file = np.take_along_axis(on_file, newest, axis=1)
        by_weight = self.equivalent >= HIGH_MG_PER_KG * np.where(np.isnan(on_file), np.inf, on_file)
        high = ((self.equivalent > HIGH_MG) | by_weight) & (self.equivalent > 0)
        people, days = np.nonzero(high)
        if not len(people):
            return
        breaks = (np.diff(people) != 0) | (np.diff(days) > COURSE_GAP + 1)
        first = np.concatenate([[0], np.nonzero(breaks)[0] + 1])
        last = np.concatenate([first[1:] - 1, [len(people) - 1]])
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            if b - a + 1 > HIGH_DAYS:
                yield int(people[a]), int(days[a + HIGH_DAYS]) - history, int(days[b]) - history, b - a + 1


def _next_dose(dose: float) -> tuple[float, int]:
    """The next step of taper A and how many days the present dose is kept."""
    if dose > 30:
        return max(30.0, dose - 10), 14
    if dose > 20:
        return max(20.0, dose - 5), 14
    if dose > 10:
        return max(10.0, dose - 2.5), 14
    return dose - 1, 28


def _taper(begin: int, stop: int, dose: float, hold: int, floor: float) -> list[tuple[int, int, float]]:
    """Steps (first day, last day, mg/day) from `begin` to `stop`: hold, then taper A down to `floor`, then keep it."""
    steps: list[tuple[int, int, float]] = []
    day, length = begin, hold
    while day <= stop:
        if dose <= floor or dose <= 0:
            if floor > 0:
                steps.append((day, stop, floor))
            break
        steps.append((day, min(day + length - 1, stop), dose))
        day += length
        dose, _ = _next_dose(dose)
        _, length = _next_dose(dose)
    return steps


def _tiled(
    begin: int, end: int, pieces: Iterable[tuple[int, int, str, str]], background: str
) -> Iterator[tuple[int, int, str, str]]:
    """Cover begin..end with the pieces (sorted, cut where they meet) and the background in between."""
    day = begin
    for first, last, state, detail in pieces:
        first, last = max(first, day), min(last, end)
        if first > last:
            continue
        if first > day:
            yield day, first - 1, background, ""
        yield first, last, state, detail
        day = last + 1
    if day <= end:
        yield day, end, background, ""

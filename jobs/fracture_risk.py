"""How likely a fracture is under steroids: the risk classes of the ACR guideline of 2022, adults and children apart.

Very high: a fracture without adequate force, a T-score of -3.5 or less, FRAX of 30 % (hip 4.5 %) or more, 30 mg a day
or more for more than 30 days, or 5 g in a year. High, from 40 years on: osteoporosis, a T-score of -2.5 or less, FRAX
of 20 % (hip 3 %). Moderate, from 40 years on: FRAX of 10 % (hip above 1 %), a T-score of -1 or less; under 40: 7.5 mg a
day for half a year with a Z-score below -3. All three are treated. FRAX holds from 40 years on and is never worked out
here: where it or a bone density value is not on file, the risk is said not to be known, never assumed to be low.

A child is asked for neither scan nor FRAX. What counts is a fracture without adequate force while a steroid is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jobs import exposure as steroids
from jobs.newest import on_record
from jobs.rule import apart, day_text, number, parameter
from jobs.steroid_year import YEAR_DAYS, day_the_year_reaches, year_at_limit
from models.patient_facts import Happening, PatientFacts, Reading

VERY_HIGH, HIGH, MODERATE, LOW = "very high", "high", "moderate", "low"
FRAX_FROM_YEARS = 40
"""FRAX was made for 40 years and older (ACR 2022)."""
GIOP = "ACR glucocorticoid-induced osteoporosis 2022 (S20)"
CLASSES = "risk classes of ACR 2022 (S20) as BMJ Best Practice reprints them (GIOP-CLASSES)"
_CHILDREN = "ACR 2017 and 2022 for children of 4 to 17 years (S20), from memory: to be verified"


@dataclass(frozen=True)
class FractureParameters:
    """What makes the risk of a fracture very high, high or moderate."""

    bone_from_mg: float = parameter(
        2.5,
        unit="mg/day prednisone-equivalent",
        low=1,
        high=15,
        meaning="a dose from this on is a risk for bone",
        source=GIOP,
        mark="seen",
    )
    bone_after_days: int = parameter(
        90, unit="days", low=28, high=365, meaning="more days than this are long for bone", source=GIOP, mark="seen"
    )
    bone_gap_days: int = parameter(
        14, unit="days", low=0, high=60, meaning="days off that do not end the course for bone"
    )
    scan_within_days: int = parameter(
        183, unit="days", low=28, high=365, meaning="a scan is due this long after the start", source=GIOP, mark="seen"
    )
    scan_valid_days: int = parameter(
        730, unit="days", low=180, high=1825, meaning="a scan or FRAX counts for this long", source=GIOP, mark="seen"
    )
    very_high_from_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=15,
        high=100,
        meaning="a very high dose for bone",
        source=CLASSES,
        mark="seen",
    )
    very_high_days: int = parameter(
        30,
        unit="days",
        low=7,
        high=180,
        meaning="more days at it than this make the fracture risk very high",
        source=CLASSES,
        mark="seen",
    )
    very_high_year_mg: float = parameter(
        5000,
        unit="mg prednisone-equivalent in 365 days",
        low=1000,
        high=20000,
        meaning="a year's sum that makes the fracture risk very high",
        source=CLASSES,
        mark="seen",
    )
    frax_major_very_high: float = parameter(
        30,
        unit="% in ten years",
        low=20,
        high=60,
        meaning="FRAX (major fracture) from this on: very high risk",
        source=CLASSES,
        mark="seen",
    )
    frax_hip_very_high: float = parameter(
        4.5,
        unit="% in ten years",
        low=3,
        high=20,
        meaning="FRAX (hip) from this on: very high risk",
        source=CLASSES,
        mark="seen",
    )
    frax_major_high: float = parameter(
        20,
        unit="% in ten years",
        low=10,
        high=40,
        meaning="FRAX (major fracture) from this on: high risk",
        source=CLASSES,
        mark="seen",
    )
    frax_hip_high: float = parameter(
        3,
        unit="% in ten years",
        low=1,
        high=10,
        meaning="FRAX (hip) from this on: high risk",
        source=CLASSES,
        mark="seen",
    )
    frax_major_moderate: float = parameter(
        10,
        unit="% in ten years",
        low=5,
        high=20,
        meaning="FRAX (major fracture) from this on: moderate risk",
        source=CLASSES,
        mark="seen",
    )
    frax_hip_above_moderate: float = parameter(
        1,
        unit="% in ten years",
        low=0.5,
        high=3,
        meaning="FRAX (hip) above this: moderate risk",
        source=CLASSES,
        mark="seen",
    )
    t_score_very_high: float = parameter(
        -3.5,
        unit="standard deviations (T-score)",
        low=-5,
        high=-2.5,
        meaning="a T-score of this or less: very high risk",
        source=CLASSES,
        mark="seen",
    )
    t_score_high: float = parameter(
        -2.5,
        unit="standard deviations (T-score)",
        low=-3.5,
        high=-1.5,
        meaning="a T-score of this or less: high risk",
        source=CLASSES,
        mark="seen",
    )
    t_score_moderate: float = parameter(
        -1,
        unit="standard deviations (T-score)",
        low=-2,
        high=0,
        meaning="a T-score of this or less: moderate risk",
        source=CLASSES,
        mark="seen",
    )
    young_from_mg: float = parameter(
        7.5,
        unit="mg/day prednisone-equivalent",
        low=2.5,
        high=20,
        meaning="under 40 years: a dose from this on",
        source=CLASSES,
        mark="seen",
    )
    young_days: int = parameter(
        183,
        unit="days",
        low=90,
        high=365,
        meaning="under 40 years: for this many days",
        source=CLASSES,
        mark="seen",
    )
    young_z_score: float = parameter(
        -3,
        unit="standard deviations (Z-score)",
        low=-5,
        high=-1,
        meaning="under 40 years: a Z-score below this: moderate risk",
        source=CLASSES,
        mark="seen",
    )
    child_from_mg_per_kg: float = parameter(
        0.1,
        unit="mg/kg/day prednisone-equivalent",
        low=0.05,
        high=0.5,
        meaning="a child with a fracture: a dose from this on",
        source=_CHILDREN,
        mark="memory",
    )
    child_days: int = parameter(
        90,
        unit="days",
        low=28,
        high=365,
        meaning="a child with a fracture: for more days than this",
        source=_CHILDREN,
        mark="memory",
    )


class Risk(NamedTuple):
    """The risk of a fracture as far as what is on file says it.

    Attributes:
        level: very high, high, moderate or low; None where what is on file does not say.
        words: what it rests on, for a sentence.
        since: the first day of it.
        taken_from: the day from which the steroid statements are evidence.
        facts: the facts beside the steroid.
        missing: what would have to be on file to say more.
        recheck: the first day on which time alone changes any of this.
    """

    level: str | None
    words: str = ""
    since: int | None = None
    taken_from: int = 0
    facts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    recheck: int | None = None

    @property
    def is_treated(self) -> bool:
        """Whether the guideline treats it: moderate risk and above."""
        return self.level in (VERY_HIGH, HIGH, MODERATE)


def bone_spell(found: steroids.Exposure, parameters: FractureParameters) -> steroids.Spell:
    """The time on a dose that is a risk for bone."""
    return steroids.spell(
        found, parameters.bone_from_mg, gap_days=parameters.bone_gap_days, nth=parameters.bone_after_days + 1
    )


def fracture_risk(
    patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: FractureParameters, gap_days: int
) -> Risk:
    """The risk class of an adult who takes a steroid; low for one who takes none.

    `gap_days` days off do not end a spell at a very high dose. Of several reasons the highest is said; `since` is the
    earliest day of any.
    """
    bone = bone_spell(found, parameters)
    by_dose, recheck = _by_dose(found, as_of, parameters, gap_days)
    if bone.run is None or not bone.alive:
        return Risk(LOW, recheck=recheck)
    reasons = [*_on_file(patient, bone.run), *by_dose]
    older = patient.age is None or patient.age >= FRAX_FROM_YEARS
    values = _Values.of(patient)
    if older:
        reasons += values.reasons(bone, parameters)
        missing, until = values.missing(as_of, parameters, knows_age=patient.age is not None)
    else:
        moderate, missing, until = _of_the_young(patient, found, as_of, parameters)
        reasons += moderate
    recheck = steroids.earliest(recheck, bone.recheck, until)
    if reasons:
        highest = min(reasons, key=lambda one: _ORDER.index(one.level))
        first = min(one.since for one in reasons)
        return Risk(highest.level, highest.words, first, highest.taken_from, highest.facts, recheck=recheck)
    if not bone.reached:
        # So far a short course of a low dose: the assessment itself is due later.
        return Risk(LOW, recheck=recheck)
    return Risk(None if missing else LOW, missing=missing, recheck=recheck)


_ORDER = (VERY_HIGH, HIGH, MODERATE)


class _Reason(NamedTuple):
    """One thing that makes the risk what it is; the fields are those of `Risk`."""

    level: str
    words: str
    since: int
    taken_from: int
    facts: tuple[str, ...] = ()


def _on_file(patient: PatientFacts, bone: steroids.Run) -> Iterator[_Reason]:
    """A fracture or osteoporosis that is on record."""
    broken, osteoporosis = broken_on(patient), _osteoporosis_since(patient)
    if broken is not None:
        words = f"a fracture without adequate force on {day_text(broken.day)}"
        yield _Reason(VERY_HIGH, words, max(broken.day, bone.start), bone.start, (broken.fact,))
    if osteoporosis is not None:
        words = f"osteoporosis on file since {day_text(osteoporosis.day)}"
        yield _Reason(HIGH, words, max(osteoporosis.day, bone.start), bone.start, (osteoporosis.fact,))


def _of_the_young(
    patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: FractureParameters
) -> tuple[list[_Reason], tuple[str, ...], int | None]:
    """Under 40: the moderate risk, what is missing to tell, and the day on which either changes by itself."""
    taken = steroids.spell(
        found, parameters.young_from_mg, gap_days=parameters.bone_gap_days, nth=parameters.young_days
    )
    if not taken.reached or taken.run is None or taken.run.nth_day is None:
        return [], (), taken.recheck
    score = patient.latest("bone_z_score")
    if score is not None and score.value < parameters.young_z_score:
        words = (
            f"{number(parameters.young_from_mg)} mg/day or more since {day_text(taken.run.start)} and a Z-score of "
            f"{apart(score.value, parameters.young_z_score)} on {day_text(score.day)}"
        )
        since = max(score.day, taken.run.nth_day)
        return [_Reason(MODERATE, words, since, taken.run.start, (score.fact,))], (), taken.recheck
    expires = None if score is None else score.day + parameters.scan_valid_days + 1
    if expires is None or as_of >= expires:
        return [], ("a Z-score" if score is None else "a Z-score of the last two years",), taken.recheck
    return [], (), steroids.earliest(taken.recheck, expires)


class _Values(NamedTuple):
    """The newest bone density and FRAX values on file."""

    t_score: Reading | None
    frax_major: Reading | None
    frax_hip: Reading | None

    @classmethod
    def of(cls, patient: PatientFacts) -> "_Values":
        newest = patient.latest("bone_t_score")
        # Spine and hip of one scan come as two values: the lower one counts.
        lowest = newest and min(
            (one for one in patient.series("bone_t_score") if one.day == newest.day), key=lambda one: one.value
        )
        return cls(lowest, patient.latest("frax_major"), patient.latest("frax_hip"))

    def reasons(self, bone: steroids.Spell, p: FractureParameters) -> Iterator[_Reason]:
        """What each value makes the risk; a moderate risk counts after three months of steroid."""
        major = (p.frax_major_very_high, p.frax_major_high, p.frax_major_moderate)
        hip = (p.frax_hip_very_high, p.frax_hip_high, p.frax_hip_above_moderate)
        score = (-p.t_score_very_high, -p.t_score_high, -p.t_score_moderate)
        for one, limits, sign, words in (
            (self.t_score, score, -1, "a T-score of {}"),
            (self.frax_major, major, 1, "FRAX {} % (major fracture)"),
            (self.frax_hip, hip, 1, "FRAX {} % (hip)"),
        ):
            if one is None or bone.run is None:
                continue
            value = sign * one.value
            level = next((level for level, limit in zip(_ORDER, limits, strict=True) if value >= limit), None)
            if level is None or (level == MODERATE and not bone.reached):
                continue
            if level == MODERATE and one is self.frax_hip and value == p.frax_hip_above_moderate:
                continue  # Of a hip fracture the moderate risk lies above its limit, not at it.
            begun = bone.run.nth_day if level == MODERATE else bone.run.start
            nearest = min((sign * limit for limit in limits), key=lambda limit: abs(limit - one.value))
            said = f"{words.format(apart(one.value, nearest))} on {day_text(one.day)}"
            yield _Reason(level, said, max(one.day, begun or one.day), bone.run.start, (one.fact,))

    def missing(
        self, as_of: int, parameters: FractureParameters, *, knows_age: bool
    ) -> tuple[tuple[str, ...], int | None]:
        """What is not on file or too old to call the risk low, and the day on which more of it will be."""
        absent, until = [] if knows_age else ["the birth date"], None
        for one, words in ((self.frax_major, "FRAX"), (self.t_score, "a T-score")):
            expires = None if one is None else one.day + parameters.scan_valid_days + 1
            if expires is None or as_of >= expires:
                absent.append(words if one is None else f"{words} of the last two years")
            else:
                until = steroids.earliest(until, expires)
        return tuple(absent), until


def child_with_a_fracture(
    patient: PatientFacts, found: steroids.Exposure, parameters: FractureParameters
) -> Risk | None:
    """A child's risk: None where no fracture and no osteoporosis was ever recorded."""
    records = [one for one in patient.happenings if one.event in ("fragility_fracture", "osteoporosis")]
    if not records:
        return None
    broken = broken_on(patient) or _osteoporosis_since(patient)
    kilograms = found.kilograms
    # Without a weight any steroid counts: a child who broke a vertebra is not passed over for a missing weight.
    from_mg = 0.001 if kilograms is None else parameters.child_from_mg_per_kg * kilograms
    taken = steroids.spell(found, from_mg, gap_days=parameters.bone_gap_days, nth=parameters.child_days + 1)
    if broken is None or taken.run is None or not taken.reached:
        return Risk(LOW, recheck=taken.recheck)
    words = "a fracture without adequate force" if broken.event == "fragility_fracture" else "osteoporosis"
    dose = "a steroid"
    if kilograms is not None:
        dose = f"{number(parameters.child_from_mg_per_kg, 2)} mg/kg/day of steroid or more"
    words += f" on file since {day_text(broken.day)}, and {dose} since {day_text(taken.run.start)}"
    since = max(broken.day, taken.run.nth_day or broken.day)
    return Risk(HIGH, words, since, taken.run.start, (broken.fact,), recheck=taken.recheck)


def broken_on(patient: PatientFacts) -> Happening | None:
    """The first fracture without adequate force. A later "no fracture" tells of its own day: what broke has broken."""
    return next((one for one in patient.events("fragility_fracture") if one.present), None)


def _osteoporosis_since(patient: PatientFacts) -> Happening | None:
    """The oldest record of osteoporosis that no later record says was not there."""
    return next(iter(on_record(patient, "osteoporosis")), None)


def last_present(patient: PatientFacts, event: str) -> Happening | None:
    """The newest record of an event that was present."""
    return next((one for one in reversed(patient.happenings) if one.event == event and one.present), None)


def _by_dose(
    found: steroids.Exposure, as_of: int, parameters: FractureParameters, gap_days: int
) -> tuple[list[_Reason], int | None]:
    """What the dose alone makes very high, and the day on which that changes by itself."""
    spell = _very_high_of_the_year(found, as_of, parameters, gap_days)
    year_mg = found.cumulative(as_of - YEAR_DAYS + 1, as_of)
    much = year_mg >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG
    year = year_at_limit(found, as_of, parameters.very_high_year_mg) if much else None
    now = steroids.spell(found, parameters.very_high_from_mg, gap_days=gap_days, nth=parameters.very_high_days + 1)
    recheck = steroids.earliest(
        now.recheck,
        day_the_year_reaches(found, year_mg, as_of, parameters.very_high_year_mg) if year is None else year.until,
        None if spell is None or spell.last == as_of else spell.last + YEAR_DAYS,
    )
    reasons = []
    if spell is not None and spell.nth_day is not None:
        words = (
            f"{number(parameters.very_high_from_mg)} mg/day or more for more than {parameters.very_high_days} days, "
            f"from {day_text(spell.start)}"
        )
        reasons.append(_Reason(VERY_HIGH, words, spell.nth_day, spell.start))
    if year is not None:
        # The sum changes every night; that it is beyond the limit does not.
        words = f"{number(parameters.very_high_year_mg / 1000)} g or more of prednisone-equivalent in the last year"
        reasons.append(_Reason(VERY_HIGH, words, year.since, year.since - YEAR_DAYS + 1))
    return reasons, recheck


def _very_high_of_the_year(
    found: steroids.Exposure, as_of: int, parameters: FractureParameters, gap_days: int
) -> steroids.Run | None:
    """The newest long spell at a very high dose: it counts for the year after it, as long as a steroid is taken."""
    from_mg = parameters.very_high_from_mg - steroids.SMALLEST_DIFFERENCE_MG
    spells = steroids.runs(
        found.known, lambda one: one.mg >= from_mg, gap_days=gap_days, nth=parameters.very_high_days + 1
    )
    newest = next((run for run in reversed(spells) if run.reached), None)
    return newest if newest is not None and as_of - newest.last < YEAR_DAYS else None

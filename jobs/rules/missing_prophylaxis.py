"""Is protection missing that should go with this patient's steroids and immunosuppression?

Looked at: the steroid dose, the other immunosuppressants, bone density scans, osteoporosis, and the protective drugs
on file. Four questions, each on its own line: a bone density scan after three months of steroid; calcium with vitamin D
after three months; a bone-protecting drug with osteoporosis or after a very high dose; protection against Pneumocystis
under a moderate to high dose with another immunosuppressant. What does not count: local steroids. A pause of two weeks
or less does not end the three months.
Everything here is for the prescriber to weigh; nothing is an order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from jobs import exposure as steroids
from jobs.newest import next_after
from jobs.phrasing import listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    one_line_for_all,
    parameter,
)
from jobs.treatment import CONTINUING, Course, courses
from models.patient_facts import ADULT_FROM_YEARS, Happening, PatientFacts, date_of
from models.states import Cause, Severity
from models.vocabulary import Drug

SCAN, SUPPLEMENTS, BONE_DRUG, PNEUMOCYSTIS = "bone-density", "calcium-vitamin-d", "bone-protection", "pneumocystis"
_YEAR_DAYS = 365
GIOP = "ACR glucocorticoid-induced osteoporosis 2022 (S20)"
GIOP_SECOND_HAND = "ACR glucocorticoid-induced osteoporosis 2022 (S20), read second-hand: to be verified"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the missing-prophylaxis rule."""

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
        730, unit="days", low=180, high=1825, meaning="a scan counts for this long", source=GIOP, mark="seen"
    )
    very_high_from_mg: float = parameter(
        30,
        unit="mg/day prednisone-equivalent",
        low=15,
        high=100,
        meaning="a very high dose for bone",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    very_high_days: int = parameter(
        30,
        unit="days",
        low=7,
        high=180,
        meaning="days at it that make the fracture risk very high",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    very_high_year_mg: float = parameter(
        5000,
        unit="mg prednisone-equivalent in 365 days",
        low=1000,
        high=20000,
        meaning="a year's sum that makes the fracture risk very high",
        source=GIOP_SECOND_HAND,
        mark="seen",
    )
    pneumocystis_from_mg: float = parameter(
        20,
        unit="mg/day prednisone-equivalent",
        low=10,
        high=60,
        meaning="a dose from this on, with another immunosuppressant, calls for protection",
        source="within the range of EULAR 2022 (S23): above 15 to 30 mg",
    )
    pneumocystis_days: int = parameter(
        28,
        unit="days",
        low=7,
        high=90,
        meaning="days at it from which protection is called for",
        source="within the range of EULAR 2022 (S23): more than 2 to 4 weeks",
    )
    gap_days: int = parameter(3, unit="days", low=0, high=14, meaning="days off that do not end a spell at these doses")


class Taking(NamedTuple):
    """What the patient takes of some drugs, or is still under the effect of."""

    courses: Sequence[Course]

    @property
    def has(self) -> bool:
        """Whether any of them."""
        return bool(self.courses)

    @property
    def since(self) -> int | None:
        """The day the first of them was begun."""
        return min((one.start for one in self.courses), default=None)

    @property
    def ends(self) -> int | None:
        """The first day without one of them, where one is known: what is said of several changes on it."""
        return min((one.through + 1 for one in self.courses if one.through < CONTINUING), default=None)

    @property
    def names(self) -> str:
        """Their names for a sentence."""
        return " and ".join(one.drug for one in self.courses)

    @property
    def facts(self) -> tuple[str, ...]:
        """Their statements as evidence."""
        return tuple(statement.fact for one in self.courses for statement in one.statements)


class Reason(NamedTuple):
    """Why a protection is called for: in words, since when, and the facts beside the steroid of those days.

    `taken_from` is the day from which the steroid statements are evidence.
    """

    words: str
    since: int | None
    taken_from: int
    facts: tuple[str, ...] = ()


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """For whoever takes a steroid, or had cyclophosphamide; bone density and bone drugs for adults only."""
    found = steroids.exposure(patient)
    # Whoever ever had cyclophosphamide keeps an answer: only that, not silence, can settle an alert.
    if not found.on_file and not any(one.drug == "cyclophosphamide" for one in patient.statements):
        return
    bone = steroids.spell(
        found, parameters.bone_from_mg, gap_days=parameters.bone_gap_days, nth=parameters.bone_after_days + 1
    )
    adult = not patient.is_child()
    if adult:
        yield _scan(patient, found, bone, as_of, parameters)
    yield _supplements(patient, found, bone, as_of)
    if adult:
        yield _bone_drug(patient, found, bone, as_of, parameters)
    yield _pneumocystis(patient, found, as_of, parameters)


def taking(patient: PatientFacts, wanted: Callable[[Drug], bool]) -> Taking:
    """What the patient takes of the drugs whose row in the drug table is wanted."""
    return Taking([one for one in courses(patient) if one.row is not None and wanted(one.row)])


def _answer(
    subject: str,
    found: steroids.Exposure,
    as_of: int,
    *,
    reason: Reason | None,
    could_be: bool,
    severity: Severity,
    recheck: int | None,
    due: int | None = None,
    last_scan: int | None = None,
    on_methotrexate: bool = False,
) -> Answer:
    """Missing for a reason, not known whether it is called for, or neither."""
    numbers = {
        "called_for_by": None if reason is None else reason.words,
        "last_scan": None if last_scan is None else date_of(last_scan),
        "on_methotrexate": on_methotrexate and reason is not None,
    }
    again = next_after(as_of, recheck)
    if reason is not None:
        return Answer(
            subject,
            MET,
            severity=severity,
            since=reason.since,
            due=due,
            recheck_on=again,
            evidence=steroids.evidence(found, reason.taken_from) + reason.facts,
            numbers=numbers,
        )
    taken = steroids.evidence(found, as_of)
    if could_be:
        return Answer(
            subject,
            CANNOT_TELL,
            recheck_on=again,
            evidence=taken,
            cannot_tell_because=steroids.why_unknown(found),
            cause=Cause.DOSE_UNKNOWN,
            numbers=numbers,
        )
    return Answer(subject, NOT_MET, recheck_on=again, evidence=taken, numbers=numbers)


def _scan(
    patient: PatientFacts, found: steroids.Exposure, bone: steroids.Spell, as_of: int, parameters: Parameters
) -> Answer:
    scan = last_present(patient, "dxa")
    expires = None if scan is None else scan.day + parameters.scan_valid_days + 1
    valid = expires is not None and as_of < expires
    reason, due = None, None
    if bone.run is not None and bone.reached and not valid:
        due = latest(bone.run.start + parameters.scan_within_days, expires)
        reason = Reason(
            f"{number(parameters.bone_from_mg)} mg/day of steroid or more since {day_text(bone.run.start)}",
            latest(bone.run.nth_day, expires),
            bone.run.start,
            () if scan is None else (scan.fact,),
        )
    return _answer(
        SCAN,
        found,
        as_of,
        reason=reason,
        could_be=bone.could_be and not valid,
        severity=WATCH,
        due=due,
        recheck=steroids.earliest(bone.recheck, expires if valid else None),
        last_scan=None if scan is None else scan.day,
    )


def _supplements(patient: PatientFacts, found: steroids.Exposure, bone: steroids.Spell, as_of: int) -> Answer:
    supplements = taking(patient, lambda row: row.has_class("calcium-vitamin-d"))
    reason = None
    if bone.run is not None and bone.reached and not supplements.has:
        reason = Reason(f"a steroid since {day_text(bone.run.start)}", bone.run.nth_day, bone.run.start)
    return _answer(
        SUPPLEMENTS,
        found,
        as_of,
        reason=reason,
        could_be=bone.could_be and not supplements.has,
        severity=WATCH,
        recheck=steroids.earliest(bone.recheck, supplements.ends),
    )


def _bone_drug(
    patient: PatientFacts, found: steroids.Exposure, bone: steroids.Spell, as_of: int, parameters: Parameters
) -> Answer:
    protected = taking(patient, lambda row: row.has_class("bone-protection"))
    osteoporosis = last_present(patient, "osteoporosis")
    very_high = _very_high_of_the_year(found, as_of, parameters)
    year_mg = found.cumulative(as_of - _YEAR_DAYS + 1, as_of)
    much = year_mg >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG
    now = steroids.spell(
        found, parameters.very_high_from_mg, gap_days=parameters.gap_days, nth=parameters.very_high_days
    )
    reason = None
    if bone.run is not None and bone.alive and not protected.has:
        if osteoporosis is not None:
            reason = Reason(
                f"osteoporosis on file since {day_text(osteoporosis.day)}",
                max(osteoporosis.day, bone.run.start),
                _first_evidence(bone.run, very_high, much, as_of),
                (osteoporosis.fact,),
            )
        elif very_high is not None:
            reason = Reason(
                f"{number(parameters.very_high_from_mg)} mg/day or more for at least {parameters.very_high_days} days, "
                f"from {day_text(very_high.start)}",
                very_high.nth_day,
                very_high.start,
            )
        elif much:
            reason = Reason(
                f"{number(year_mg / 1000)} g of prednisone-equivalent in a year",
                day_the_year_had_reached(found, as_of, parameters),
                as_of - _YEAR_DAYS + 1,
            )
    fragile_if_taken = osteoporosis is not None and not bone.alive and bone.could_be
    return _answer(
        BONE_DRUG,
        found,
        as_of,
        reason=reason,
        could_be=(now.could_be or fragile_if_taken) and not protected.has,
        severity=ACTION,
        recheck=steroids.earliest(
            bone.recheck,
            now.recheck,
            as_of + 1 if much else day_the_year_reaches(found, year_mg, as_of, parameters),
            None if very_high is None else very_high.last + _YEAR_DAYS,
            protected.ends,
        ),
    )


def _first_evidence(bone: steroids.Run, very_high: steroids.Run | None, much: bool, as_of: int) -> int:
    if very_high is not None:
        return very_high.start
    return as_of - _YEAR_DAYS + 1 if much else bone.start


def _very_high_of_the_year(found: steroids.Exposure, as_of: int, parameters: Parameters) -> steroids.Run | None:
    """The newest long spell at a very high dose: it counts for the year after it, as long as a steroid is taken."""
    from_mg = parameters.very_high_from_mg - steroids.SMALLEST_DIFFERENCE_MG
    spells = steroids.runs(
        found.known, lambda one: one.mg >= from_mg, gap_days=parameters.gap_days, nth=parameters.very_high_days
    )
    newest = next((run for run in reversed(spells) if run.reached), None)
    return newest if newest is not None and as_of - newest.last < _YEAR_DAYS else None


def day_the_year_reaches(found: steroids.Exposure, year_mg: float, as_of: int, parameters: Parameters) -> int | None:
    """The day on which the sum of the year before it first reaches the limit if today's dose goes on.

    Old doses leave the year while today's enters it, each day as much as the other less: stretch by stretch, so that
    the day named for looking again does not move with the day it is worked out on.
    """
    dose = found.dose_on(as_of)
    if not dose > 0 or year_mg + _YEAR_DAYS * dose < parameters.very_high_year_mg:
        return None
    missing = parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG - year_mg
    leaving = as_of - _YEAR_DAYS + 1
    for last, mg in _doses_without_holes(found, leaving, as_of):
        gain, days = dose - mg, last - leaving + 1
        if gain > 0 and (needed := max(ceil(missing / gain), 1)) <= days:
            return leaving + needed - 1 + _YEAR_DAYS
        missing -= gain * days
        leaving = last + 1
    return None


def _doses_without_holes(found: steroids.Exposure, first: int, last: int) -> Iterator[tuple[int, float]]:
    """The dose from one day to another as stretches (last day, mg/day); days off are 0."""
    for segment in found.known:
        if segment.end < first:
            continue
        if segment.start > first:
            yield segment.start - 1, 0.0
        yield segment.end, segment.mg
        first = segment.end + 1
    if first <= last:
        yield last, 0.0


def day_the_year_had_reached(found: steroids.Exposure, as_of: int, parameters: Parameters) -> int | None:
    """The first day within the last year on which the sum of the year up to today had reached the limit."""
    total, begin = 0.0, as_of - _YEAR_DAYS + 1
    for segment in found.known:
        first = max(segment.start, begin)
        days = segment.end - first + 1
        if days <= 0:
            continue
        if total + days * segment.mg >= parameters.very_high_year_mg - steroids.SMALLEST_DIFFERENCE_MG:
            return first + max(ceil((parameters.very_high_year_mg - total) / segment.mg - 1e-9), 1) - 1
        total += days * segment.mg
    return None


def is_other_agent(row: Drug) -> bool:
    """An immunosuppressant other than a steroid; immunoglobulin does not lower the defence against Pneumocystis."""
    return row.counts_as_active_treatment and not row.is_glucocorticoid and not row.has_class("immunoglobulin")


def _pneumocystis(patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: Parameters) -> Answer:
    moderate = steroids.spell(
        found, parameters.pneumocystis_from_mg, gap_days=parameters.gap_days, nth=parameters.pneumocystis_days
    )
    any_steroid = steroids.spell(found, _ANY_MG, gap_days=parameters.gap_days, nth=1)
    agents = taking(patient, is_other_agent)
    cyclophosphamide = taking(patient, lambda row: row.key == "cyclophosphamide")
    rituximab = taking(patient, lambda row: row.key == "rituximab")
    protected = taking(patient, lambda row: row.has_class("pjp-prophylaxis"))
    methotrexate = taking(patient, lambda row: row.key == "methotrexate")
    by_dose = moderate.run is not None and moderate.reached and agents.has
    by_rituximab = rituximab.has and any_steroid.alive
    reason = None
    if (by_dose or cyclophosphamide.has or by_rituximab) and not protected.has:
        since = steroids.earliest(
            latest(moderate.run.nth_day, agents.since) if by_dose and moderate.run is not None else None,
            cyclophosphamide.since,
            latest(any_steroid.run.start, rituximab.since) if by_rituximab and any_steroid.run is not None else None,
        )
        if cyclophosphamide.has:
            words, facts = cyclophosphamide.names, cyclophosphamide.facts
        elif by_rituximab:
            words, facts = "rituximab together with a steroid", rituximab.facts
        else:
            begun = None if moderate.run is None else moderate.run.start
            words = (
                f"{number(parameters.pneumocystis_from_mg)} mg/day of steroid or more since {day_text(begun)}, "
                f"together with {agents.names}"
            )
            facts = agents.facts
        taken_from = moderate.run.start if by_dose and moderate.run is not None else as_of
        reason = Reason(words, since, taken_from, facts)
    could_be = (moderate.could_be and agents.has) or (any_steroid.could_be and rituximab.has)
    ends = [one.ends for one in (agents, rituximab, protected, cyclophosphamide, methotrexate)]
    return _answer(
        PNEUMOCYSTIS,
        found,
        as_of,
        reason=reason,
        could_be=could_be and not protected.has,
        severity=ACTION,
        recheck=steroids.earliest(moderate.recheck, any_steroid.recheck, *ends),
        on_methotrexate=methotrexate.has,
    )


_ANY_MG = 0.001


def last_present(patient: PatientFacts, event: str) -> Happening | None:
    """The newest record of an event that was present."""
    return next((one for one in reversed(patient.happenings) if one.event == event and one.present), None)


def latest(day: int | None, other: int | None) -> int | None:
    """The later of two days, one of which may not be known."""
    return max((one for one in (day, other) if one is not None), default=None)


_WANTED = {
    SCAN: "a bone density scan",
    SUPPLEMENTS: "calcium with vitamin D",
    BONE_DRUG: "a bone-protecting drug",
    PNEUMOCYSTIS: "protection against Pneumocystis",
}


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What calls for the protection, and that it is not on file."""
    wanted = _WANTED[str(row["subject"])]
    if row["state"] == CANNOT_TELL:
        return f"Whether {wanted} is called for cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{wanted[0].upper()}{wanted[1:]} is on file, or not called for."
    text = f"{row['called_for_by']}, and no {wanted.removeprefix('a ')} on file"
    text = text[0].upper() + text[1:]
    if row["subject"] == SCAN:
        last = row.get("last_scan")
        known = last is not None and last == last
        text += f" since {day_text(last)}" if known else ""
        return f"{text}; due {day_text(row['due'])}."
    return f"{text}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    if row["subject"] == SCAN:
        return "book a bone density scan and a fracture risk assessment, or record where it was done"
    if row["subject"] == SUPPLEMENTS:
        return "ask about calcium and vitamin D (often bought without prescription) and record it"
    if row["subject"] == BONE_DRUG:
        return "ask the prescriber about bone protection"
    text = "ask the prescriber about protection against Pneumocystis"
    if row["on_methotrexate"]:
        text += "; not co-trimoxazole together with methotrexate without a documented decision"
    return text


SAID_SHORT = {
    PNEUMOCYSTIS: "Pneumocystis protection",
    BONE_DRUG: "bone protection",
    SCAN: "bone density scan",
    SUPPLEMENTS: "calcium and vitamin D",
}


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Missing beside steroids: Pneumocystis protection, bone density scan`."""
    missing = [SAID_SHORT.get(str(row["subject"]), subject_label(str(row["subject"])).lower()) for row in rows]
    return f"Missing beside steroids: {listed(missing)}"


RULE = Rule(
    key="missing-prophylaxis",
    title="Protection missing beside steroids",
    question="Does this patient lack protection of bone or against infection that goes with the treatment?",
    why_it_matters=(
        "Bone is lost in the first months of a steroid, and Pneumocystis pneumonia under combined immunosuppression is "
        "rare but often fatal. Both can be prevented, and both are easily forgotten while attention is on the muscle."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="protection",
    reads=("medications", "weight", "dxa", "osteoporosis"),
    sources=(
        Source(
            "ACR guideline on glucocorticoid-induced osteoporosis",
            2022,
            "guidelinecentral.com/guideline/7043",
            "seen",
            "from 2.5 mg/day for more than three months; the very-high-dose limits were read second-hand",
        ),
        Source(
            "EULAR recommendations on screening for and preventing infections",
            2022,
            "doi 10.1136/ard-2022-223335",
            "seen",
            "above 15 to 30 mg for more than 2 to 4 weeks",
        ),
        Source(
            "Methotrexate with co-trimoxazole",
            None,
            "NHS Greater Glasgow protocol, docest.com/doc/90798",
            "seen",
            "avoid",
        ),
        Source("Treatment options in inflammatory myopathy", None, "educational page, not a guideline", "seed"),
    ),
    known_false_alarms=(
        "calcium and vitamin D bought without prescription",
        "a scan done elsewhere",
        "protection against Pneumocystis left out on purpose: allergy, or a decision not on file",
    ),
    clears_when="the protection is on file, or the dose no longer calls for it",
    topic="protection",
    limitations=(
        "Fracture risk beyond dose and osteoporosis (age, FRAX, falls) is not computed. Bone density scans and bone "
        "drugs are judged for adults only. Which dose calls for protection against Pneumocystis is a setting within a "
        "published range."
    ),
    catalogue=("SAFE-01", "SAFE-02", "SAFE-03", "SAFE-04"),
    phrase=phrase,
    one_line=one_line_for_all,
    examples=(
        Example(
            title="10 mg for four months and no bone density scan",
            medications=({"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},),
            patient={"age_years": 50},
            expect={"subject": SCAN, "state": MET, "severity": WATCH, "since": -30, "due": 63},
        ),
        Example(
            title="10 mg for four months, scanned last year",
            medications=({"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},),
            events=({"event": "dxa", "day": -300},),
            patient={"age_years": 50},
            expect={"subject": SCAN, "state": NOT_MET},
        ),
        Example(
            title="10 mg for four months with vitamin D",
            medications=(
                {"drug": "prednisone", "dose": 10, "unit": "mg", "frequency": "daily", "start": -120},
                {"drug": "cholecalciferol", "dose": 0.02, "unit": "mg", "frequency": "daily", "start": -100},
            ),
            expect={"subject": SUPPLEMENTS, "state": NOT_MET},
        ),
        Example(
            title="a steroid and osteoporosis without a bone drug",
            medications=({"drug": "prednisone", "dose": 5, "unit": "mg", "frequency": "daily", "start": -40},),
            events=({"event": "osteoporosis", "day": -400},),
            patient={"age_years": 60},
            expect={"subject": BONE_DRUG, "state": MET, "severity": ACTION, "since": -40},
        ),
        Example(
            title="30 mg for 30 days",
            medications=({"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -29},),
            patient={"age_years": 60},
            expect={"subject": BONE_DRUG, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="20 mg for 28 days with azathioprine and no protection against Pneumocystis",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "azathioprine", "dose": 100, "unit": "mg", "frequency": "daily", "start": -27},
            ),
            expect={"subject": PNEUMOCYSTIS, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the same with atovaquone",
            medications=(
                {"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "azathioprine", "dose": 100, "unit": "mg", "frequency": "daily", "start": -27},
                {"drug": "atovaquone", "dose": 1500, "unit": "mg", "frequency": "daily", "start": -20},
            ),
            expect={"subject": PNEUMOCYSTIS, "state": NOT_MET},
        ),
    ),
)

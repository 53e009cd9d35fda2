"""Is this patient getting weaker?

Looked at: the scores of each strength instrument (CMAS, MMT8 one side, MMT8 both sides, total MMT) of the last year,
and what CK, the physician's and the patient's global assessment, a second instrument and swallowing or breathing say of
the same time.
What counts: a score that lies a step or more below the mean of the scores before it and has not been regained since
(a fall); two or more scores that together lie below by more than measurement error allows (a shift); or a
steady fall over four or more scores that no single step shows. What the other measures say of a change is weighed and
added up; a steady value at any level adds nothing, and quiet enzymes take nothing away. What does not: a comparison
between instruments, between the same instrument with another maximum, or of a single muscle.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from jobs import strength_course
from jobs.change_evidence import Change
from jobs.phrasing import amount, dated, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CONFIRMED,
    CORROBORATED,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
)
from jobs.strength_course import Gradual, Lowered, Reference, gradual_fall, lowered_scores, reference_of, step_of
from jobs.strength_evidence import Evidence, red_flags_near, strongest_evidence
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure, measures

INSTRUMENTS = strength_course.INSTRUMENTS
CHANGES = ("ck", "physician_global", "patient_global")
CHANGE_LABELS = (
    ("ck", "CK", " U/L", "geometric mean"),
    ("physician_global", "physician global", " of 10", "mean"),
    ("patient_global", "patient global", " of 10", "mean"),
)
HUBER = "Huber 2004, doi 10.1002/art.20179 (S28)"
MMT_STEP = "derived from a standard error of 2 of 80 points (ARD 2016;75:1281), scaled to the other maxima"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the declining-strength rule."""

    step_cmas: float = parameter(
        3, unit="points of 52", low=1.5, high=8, meaning="a fall of this size counts (CMAS)", source=HUBER, mark="seen"
    )
    step_mmt8: float = parameter(
        6, unit="points of 80", low=2, high=16, meaning="a fall of this size counts (MMT8, one side)", source=MMT_STEP
    )
    step_mmt8_bilateral: float = parameter(
        11,
        unit="points of 150",
        low=4,
        high=30,
        meaning="a fall of this size counts (MMT8, both sides)",
        source=MMT_STEP,
    )
    step_mmt_total: float = parameter(
        19, unit="points of 260", low=6, high=52, meaning="a fall of this size counts (total MMT)", source=MMT_STEP
    )
    sem_cmas: float = parameter(
        2.9,
        unit="points of 52",
        low=0.5,
        high=6,
        meaning="standard error of measurement of CMAS",
        source="ICC 0.89 (Huber 2004) and the spread of CMAS in a JDM sample (SD 8.7)",
    )
    sem_mmt8: float = parameter(
        2.0, unit="points of 80", low=0.5, high=6, meaning="standard error of measurement of MMT8", source=MMT_STEP
    )
    sem_mmt8_bilateral: float = parameter(
        3.8,
        unit="points of 150",
        low=0.5,
        high=12,
        meaning="standard error of measurement of MMT8, both sides",
        source=MMT_STEP,
    )
    sem_mmt_total: float = parameter(
        6.5,
        unit="points of 260",
        low=0.5,
        high=20,
        meaning="standard error of measurement of total MMT",
        source=MMT_STEP,
    )
    latest_days: int = parameter(
        90, unit="days", low=14, high=365, meaning="an older latest score cannot tell any more"
    )
    reference_scores: int = parameter(
        4, unit="scores", low=1, high=8, meaning="scores before it that make its reference"
    )
    reference_days: int = parameter(182, unit="days", low=28, high=365, meaning="oldest score in a reference")
    window_days: int = parameter(182, unit="days", low=28, high=365, meaning="how far back a fall or shift counts")
    standard_errors: float = parameter(
        1.9, unit="standard errors", low=1, high=4, meaning="how far beyond measurement error a shift must lie"
    )
    corroboration_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="how near to the latest score another measure must lie"
    )
    needed_weight: float = parameter(
        6.5,
        unit="weight",
        low=2,
        high=20,
        meaning="summed evidence of a change that corroborates a fall",
        source="calibrated by simulation (tests/benchmarks/calibration.py)",
    )
    least_share: float = parameter(
        0.75,
        unit="share of a step",
        low=0.5,
        high=1,
        meaning="a smaller fall than a step counts from here on where the summed evidence reaches the needed weight",
        source="calibrated by simulation (tests/benchmarks/calibration.py)",
    )
    ck_values: int = parameter(3, unit="values", low=1, high=9, meaning="CK values before a change that it rises from")
    ck_days: int = parameter(365, unit="days", low=60, high=1095, meaning="oldest of them")
    ck_variation: float = parameter(
        25, unit="%", low=10, high=60, meaning="variation of CK within a person, until the patient's own is known"
    )
    own_variation_values: int = parameter(
        5, unit="values", low=3, high=12, meaning="from so many earlier values on the patient's own variation counts"
    )
    least_variation: float = parameter(15, unit="%", low=5, high=40, meaning="the patient's own variation is at least")
    most_variation: float = parameter(40, unit="%", low=20, high=100, meaning="the patient's own variation is at most")
    global_scatter: float = parameter(
        0.7, unit="points of 10", low=0.2, high=2, meaning="scatter of a global assessment in a stable patient"
    )
    global_values: int = parameter(4, unit="values", low=1, high=8, meaning="global assessments before a change")
    global_days: int = parameter(365, unit="days", low=60, high=1095, meaning="oldest of them")
    exercise_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=21,
        meaning="a CK this soon after strenuous exercise says nothing of the disease",
        source="back to baseline in 5 to 7 days (seed 000)",
        mark="seed",
    )
    gradual_scores: int = parameter(4, unit="scores", low=3, high=8, meaning="fewest scores of a gradual fall")
    repeat_days: int = parameter(14, unit="days", low=1, high=42, meaning="a possible fall is re-examined within this")


AS_SHIPPED = Parameters()


class StablePatients(NamedTuple):
    """Of 100 stable patients, how many are graded so at least once at visits 2 to 6 of six monthly ones.

    `possible` (or more) and `confirmed` with scores alone; `corroborated` with CK and both globals on file, half of the
    patients with a steadily raised CK. 0 means fewer than one.
    """

    possible: int
    confirmed: int
    corroborated: int


STABLE_PATIENTS = {
    "cmas": StablePatients(75, 8, 2),
    "mmt8": StablePatients(8, 0, 1),
    "mmt8_bilateral": StablePatients(8, 0, 1),
    "mmt_total": StablePatients(6, 0, 1),
}
STABLE_PATIENTS_TWO_STEPS = {
    "cmas": StablePatients(30, 6, 1),
    "mmt8": StablePatients(0, 0, 0),
    "mmt8_bilateral": StablePatients(0, 0, 0),
    "mmt_total": StablePatients(0, 0, 0),
}
"""The same where the latest score lies two steps or more below: a large fall is never told the rate of a small one.

Both are printed by `make bench` (section calibration) and held by tests/benchmarks/test_calibration.py.
"""


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per instrument on file. See the module's docstring; the arithmetic is `contract`'s."""
    for instrument in INSTRUMENTS:
        scores = patient.series(instrument)
        if scores:
            yield _assess_instrument(patient, instrument, scores, as_of, parameters)


def _assess_instrument(
    patient: PatientFacts, instrument: str, scores: Sequence[Reading], as_of: int, parameters: Parameters
) -> Answer:
    latest = scores[-1]
    grows_too_old = latest.day + parameters.latest_days + 1
    reference = reference_of(scores, len(scores) - 1, parameters)
    if as_of >= grows_too_old:
        return Answer(
            instrument,
            CANNOT_TELL,
            cannot_tell_because=f"no {measure(instrument).short_label} score since {day_text(latest.day)}",
            cause=Cause.STALE,
            numbers=_numbers(latest, reference, parameters),
        )
    if reference is None:
        return Answer(
            instrument,
            CANNOT_TELL,
            recheck_on=grows_too_old,
            cannot_tell_because="only one score within reach: nothing to compare it with",
            cause=Cause.NOTHING_TO_COMPARE,
            numbers=_numbers(latest, reference, parameters),
        )
    lowered = lowered_scores(instrument, scores, as_of, parameters)
    counted = [one for one in lowered if one.counts]
    gradual = None if counted else gradual_fall(instrument, scores, as_of, parameters)
    evidence = strongest_evidence(patient, instrument, scores, lowered, gradual, parameters)
    needed = parameters.needed_weight
    if evidence is None or not (counted or gradual is not None or evidence.carries(needed)):
        return Answer(instrument, NOT_MET, recheck_on=grows_too_old, numbers=_numbers(latest, reference, parameters))

    first: Lowered | None = None
    if gradual is not None:
        start, first_used = gradual.reached, gradual.began
        compared = Reference(scores[first_used].value, 1)
    else:
        # The earliest that counts, or the one that only the other measures make count.
        first = counted[0] if counted else next(one for one in lowered if one.place == evidence.place)
        start, compared, first_used = first.place, first.reference, first.place - first.reference.scores
    step = step_of(instrument, parameters)
    shift = next((one for one in counted if one.is_shift), None)
    deep = any(latest.value <= one.reference.mean - 2 * step for one in counted)
    red_flags = list(red_flags_near(patient, latest.day, parameters.corroboration_days))
    begun = scores[start].day
    leaves = min([begun, *(scores[one.place].day for one in lowered)]) + parameters.window_days + 1
    return Answer(
        instrument,
        MET,
        grade=CORROBORATED if evidence.reaches(needed) else CONFIRMED if shift is not None else POSSIBLE,
        severity=URGENT if deep or red_flags else ACTION,
        since=begun,
        recheck_on=min(day for day in (grows_too_old, leaves) if day > as_of),
        evidence=(
            *(score.fact for score in scores[first_used:]),
            *evidence.facts,
            *(one.fact for one in red_flags if one not in evidence.new_symptoms),
        ),
        numbers={
            **_numbers(latest, compared, parameters),
            **_fall_numbers(scores, start, first, shift, gradual),
            **_evidence_numbers(evidence),
            "other_assessor": all_by_another_assessor(scores[first_used:start], scores[start:]),
            "deep": deep,
            "red_flag": bool(red_flags),
            "red_flags": _symptoms(red_flags),
            "inclusion_body": patient.diagnosis == "IBM",
        },
    )


def all_by_another_assessor(before: Sequence[Reading], since: Sequence[Reading]) -> bool:
    """Whether every score since was taken by somebody who took none of those before; unknown names prove nothing."""
    earlier, later = {score.assessor for score in before}, {score.assessor for score in since}
    return all(earlier) and all(later) and bool(earlier) and not earlier & later


def _symptoms(found: Iterable[Happening]) -> str:
    return "; ".join(f"{one.event} on {day_text(one.day)}" for one in found)


NOTHING_FOUND: Mapping[str, Any] = MappingProxyType(
    {
        "fall_value": None,
        "by_itself": False,
        "by_fall": False,
        "since_mean": None,
        "since_scores": 0,
        "shift": False,
        "shift_since": None,
        "shift_mean": None,
        "shift_scores": 0,
        "shift_reference": None,
        "shift_reference_scores": 0,
        "gradual": False,
        "gradual_began": None,
        "other_assessor": False,
        "deep": False,
        "red_flag": False,
        "red_flags": "",
        "inclusion_body": False,
        "new_symptoms": "",
        "second_instrument": "",
        "ck_in_limits": False,
        **{f"evidence_{part}": 0.0 for part in ("strength", *CHANGES, "second", "symptom", "total")},
        **{f"{name}_{what}": None for name in CHANGES for what in ("before", "now")},
        **{f"{name}_values": 0 for name in CHANGES},
    }
)
"""The numbers of an answer that found no change."""


def _numbers(latest: Reading, compared: Reference | None, parameters: Parameters) -> dict[str, Any]:
    """What `explain` quotes; the parts of the evidence are nothing until a change is found."""
    return {
        "latest": latest.value,
        "latest_day": date_of(latest.day),
        "reference": None if compared is None else round(compared.mean, 2),
        "reference_scores": 0 if compared is None else compared.scores,
        **NOTHING_FOUND,
        "evidence_needed": parameters.needed_weight,
    }


def _fall_numbers(
    scores: Sequence[Reading], start: int, first: Lowered | None, shift: Lowered | None, gradual: Gradual | None
) -> dict[str, Any]:
    """The score that counted, and the shift or the steady fall it belongs to."""
    return {
        "fall_value": scores[start].value,
        "by_itself": first is None or first.counts,
        "by_fall": first is not None and first.is_fall,
        "since_mean": None if first is None else round(first.mean, 2),
        "since_scores": len(scores) - start,
        "shift": shift is not None,
        "shift_since": None if shift is None else date_of(scores[shift.place].day),
        "shift_mean": None if shift is None else round(shift.mean, 2),
        "shift_scores": 0 if shift is None else shift.scores,
        "shift_reference": None if shift is None else round(shift.reference.mean, 2),
        "shift_reference_scores": 0 if shift is None else shift.reference.scores,
        "gradual": gradual is not None and first is None,
        "gradual_began": None if gradual is None or first is not None else date_of(scores[gradual.began].day),
    }


def _evidence_numbers(evidence: Evidence) -> dict[str, Any]:
    """The parts of the evidence as columns, and from what to what each measure changed."""
    numbers: dict[str, Any] = {
        "evidence_strength": evidence.strength,
        "evidence_second": evidence.second,
        "evidence_symptom": evidence.symptom,
        "evidence_total": evidence.total,
        "second_instrument": evidence.second_instrument,
        "new_symptoms": _symptoms(evidence.new_symptoms),
    }
    for name in CHANGES:
        change: Change | None = getattr(evidence, name)
        numbers[f"evidence_{name}"] = change.weight if change is not None else 0.0
        numbers[f"{name}_before"] = round(change.before, 2) if change is not None else None
        numbers[f"{name}_now"] = round(change.now, 2) if change is not None else None
        numbers[f"{name}_values"] = change.values if change is not None else 0
    numbers["ck_in_limits"] = evidence.ck is not None and evidence.ck.in_limits
    return numbers


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The fall that counted with its numbers, what each measure adds, and what the grade is worth."""
    instrument = measure(str(row["subject"]))
    name, most = instrument.short_label, number(instrument.max_value)
    if row["state"] == CANNOT_TELL:
        return f"{name}: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        step = number(step_of(str(row["subject"]), parameters))
        return (
            f"{name} {number(row['latest'], 2)} of {most} on {day_text(row['latest_day'])}: no fall of {step} points "
            "or more that has not been regained."
        )
    text = f"{name} {_what_fell(row, most)}"
    if row["shift"]:
        text += " " + _what_shifted(row)
    if row["grade"] == CORROBORATED:
        text += f" Corroborated: {_summed(row)}, needs {number(row['evidence_needed'])}."
        if not row["by_itself"]:
            text += " Less than a step by itself: it counts because other measures changed with it."
    elif row["evidence_total"] > 0:
        text += f" Evidence: {_summed(row)}; to be corroborated it needs {number(row['evidence_needed'])}"
        text += "." if row["evidence_total"] > row["evidence_strength"] else ", with a measure beside these scores."
    text += _what_it_is_worth(row, parameters)
    if row["deep"]:
        text += " Urgent: the latest score lies two steps or more below."
    if row["red_flag"]:
        text += f" Urgent: {row['red_flags']}."
    if row["other_assessor"]:
        text += " Measured by another assessor than before: weaker evidence."
    return text


def _what_fell(row: Mapping[str, Any], most: str) -> str:
    """`27 -> 24 of 52 on 22 Nov 2026 (27: the score before it).`"""
    before, scores = number(row["reference"], 2), int(row["reference_scores"])
    basis = "the score before it" if scores == 1 else f"the mean of the {scores} scores before it"
    since = day_text(row["since"])
    later = int(row["since_scores"]) > 1
    latest = f" Latest: {number(row['latest'], 2)} on {day_text(row['latest_day'])}." if later else ""
    if row["gradual"]:
        began = day_text(row["gradual_began"])
        return (
            f"went down step by step from {before} on {began} to {number(row['fall_value'], 2)} of {most} on {since}; "
            f"no single step shows it.{latest}"
        )
    if row["by_fall"] or not later:
        return f"{before} -> {number(row['fall_value'], 2)} of {most} on {since} ({before}: {basis}).{latest}"
    return (
        f"{before} -> {number(row['since_mean'], 2)} of {most}, the mean of the {int(row['since_scores'])} scores "
        f"since {since} ({before}: {basis}).{latest}"
    )


def _what_shifted(row: Mapping[str, Any]) -> str:
    return (
        f"The mean of the {int(row['shift_scores'])} scores since {day_text(row['shift_since'])} is "
        f"{number(row['shift_mean'], 2)}, of the {int(row['shift_reference_scores'])} before "
        f"{number(row['shift_reference'], 2)}: lower than measurement error explains."
    )


def _summed(row: Mapping[str, Any]) -> str:
    """`strength 2.1 + CK 1.3 (290 -> 410 U/L) = 3.4`: every part that weighs something, and their sum."""
    parts = [f"strength {number(row['evidence_strength'])}"] if row["evidence_strength"] > 0 else []
    for key, label, unit, mean in CHANGE_LABELS:
        if row[f"evidence_{key}"] > 0:
            values = int(row[f"{key}_values"])
            unit = " times its limit" if key == "ck" and row["ck_in_limits"] else unit
            several = f", {mean} of {values}" if values > 1 else ""
            before, now = row[f"{key}_before"], row[f"{key}_now"]
            # A mean of enzyme values is no more exact than they are, unless rounding would hide the change.
            digits = 0 if unit == " U/L" and round(now) > round(before) else 2
            change = f"{number(before, digits)} -> {number(now, digits)}{unit}{several}"
            parts.append(f"{label} {number(row[f'evidence_{key}'])} ({change})")
    if row["evidence_second"] > 0:
        fell = measure(str(row["second_instrument"])).short_label
        parts.append(f"{fell} {number(row['evidence_second'])} (fell as well)")
    if row["evidence_symptom"] > 0:
        parts.append(f"new symptom {number(row['evidence_symptom'])} ({row['new_symptoms']}: enough by itself)")
    return f"{' + '.join(parts)} = {number(row['evidence_total'])}"


def _what_it_is_worth(row: Mapping[str, Any], parameters: Parameters) -> str:
    """How often chance alone does the same with this instrument; said only of the thresholds it was measured with."""
    if parameters != AS_SHIPPED:
        return " Possible only." if row["grade"] == POSSIBLE else ""
    often = "of 100 stable patients at some time in six monthly visits"
    if row["deep"]:
        rate = getattr(STABLE_PATIENTS_TWO_STEPS[str(row["subject"])], str(row["grade"]))
        begin = " Graded possible: chance" if row["grade"] == POSSIBLE else " Chance"
        return f"{begin} alone brings a fall of two steps or more, graded so, to {_how_many(rate)} {often}."
    stable = STABLE_PATIENTS[str(row["subject"])]
    if row["grade"] == CORROBORATED:
        return f" Chance alone does this to {_how_many(stable.corroborated)} {often}."
    if row["grade"] == CONFIRMED:
        return f" Chance alone does this to {_how_many(stable.confirmed)} {often}."
    text = f" Possible only: chance alone does this to {_how_many(stable.possible)} {often}"
    return text + (", and each score was no higher than the one before." if row["gradual"] else ".")


def _how_many(patients: int) -> str:
    return str(patients) if patients else "fewer than 1"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] != MET:
        return "repeat the strength test" if row["state"] == CANNOT_TELL else ""
    if row["grade"] == POSSIBLE:
        first = f"repeat within {parameters.repeat_days} days, same assessor"
        why = "red flag" if row["red_flag"] else "two steps or more"
        return f"{first}; review today: {why}" if row["severity"] == URGENT else first
    today = " today" if row["severity"] == URGENT else ""
    if row.get("inclusion_body"):
        return f"review{today}: swallowing, falls and function; a fast fall is not the course of this disease"
    return f"review treatment: see the options for escalation{today}"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Half a step of the instrument lower than when somebody last looked is worse."""
    before, latest = seen.get("latest"), now.get("latest")
    if before is None or latest is None:
        return None
    half = step_of(str(now["subject"]), parameters) / 2
    return f"{number(before)} -> {number(latest)} since seen" if latest <= before - half else None


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Weaker: CMAS mean 27 → 24 of 52 since 8 Nov 2026, latest 25, possible`: the fall that counted, and now."""
    row = rows[0]
    subject = str(row["subject"])
    most = measures()[subject].max_value if subject in measures() else None
    mean = "mean " if int(row.get("reference_scores") or 1) > 1 else ""
    several, fell_at_once = int(row.get("since_scores") or 1) > 1, bool(row.get("by_fall") or row.get("gradual"))
    # Where no single score fell a step, it is the mean of those since that lies lower.
    together = several and not fell_at_once and row.get("since_mean") is not None
    counted = row["since_mean"] if together else row.get("fall_value")
    counted = row["latest"] if counted is None else counted
    fell = f"{mean}{amount(row['reference'])} → {'mean ' if together else ''}{amount(counted)}"
    of = f" of {amount(most)}" if most else ""
    since = f" since {dated(row['since'])}" if row["since"] else ""
    latest = f", latest {amount(row['latest'])}" if several and row["latest"] != counted else ""
    grade = f", {row['grade']}" if row["grade"] else ""
    return f"Weaker: {subject_label(subject)} {fell}{of}{since}{latest}{grade}"


RULE = Rule(
    key="declining-strength",
    worse=worse,
    title="Declining strength",
    question="Is this patient getting weaker than they were?",
    why_it_matters=(
        "Weakness is what myositis treatment is for. A decline on methotrexate and steroid means that the treatment "
        "does not hold, or that the steroid itself weakens the muscle; both need a decision."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="strength instrument",
    reads=(
        *INSTRUMENTS,
        "ck",
        "physician_global",
        "patient_global",
        "dysphagia",
        "dyspnoea",
        "strenuous_exercise",
    ),
    sources=(
        Source(
            "CMAS: validity, reliability and minimal important difference", 2004, HUBER, "seen", "1.5 to 3 points of 52"
        ),
        Source("Measurement error of total MMT8", 2016, "Ann Rheum Dis 75 (Suppl 2): 1281", "seen", "2 points of 80"),
        Source(
            "Confirmed deterioration on two consecutive visits (ProDERM)",
            2023,
            "doi 10.1186/s13075-023-03232-2",
            "seen",
        ),
        Source(
            "Single-muscle agreement of MMT8", 2018, "doi 10.1371/journal.pone.0194531", "seen", "kappa 0.08 to 0.54"
        ),
        Source("Case: 27/52 falling to 24/52 in two weeks", 2025, "educational page, not a guideline", "seed"),
    ),
    known_false_alarms=(
        "another assessor, or a child who did not cooperate",
        "pain, intercurrent illness or a recent injury on the day of the test",
        "one low score among stable ones: so a single fall is called possible, and the first step is to repeat it",
    ),
    clears_when=lambda limits: (
        "a later score of the same instrument comes back to within half a step of the reference ("
        + ", ".join(f"{measures()[key].short_label} {number(step_of(key, limits) / 2, 2)}" for key in INSTRUMENTS)
        + " points)"
    ),
    version="2.0.0",
    changed=(
        "Corroborated by the summed evidence of a change (strength, CK, globals, a second instrument, a new red flag), "
        "no longer by a CK that is merely high; each part is shown, with the rates of the instrument and grade."
    ),
    covers=("overdue-assessment", "rising-muscle-enzymes", "steroid-sparing-not-working"),
    topic="strength",
    limitations=(
        "The steps for MMT8 and MMT are derived, not validated. Healthy four-year-olds score 46.6 of 52 on CMAS on "
        "average: a young child's maximum is not 52. The weights of the measures are added as if their errors were "
        "independent: a physician who knows the score may judge the global by it."
    ),
    catalogue=("STR-01", "STR-02", "STR-03"),
    phrase=phrase,
    examples=(
        Example(
            title="27 of 52 falling to 24 in two weeks, nothing else on file",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
            ),
            expect={"subject": "cmas", "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the same fall with CK 280, 300, 1600",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                {"measure": "ck", "value": 280, "upper_limit": 200, "day": -56},
                {"measure": "ck", "value": 300, "upper_limit": 200, "day": -28},
                {"measure": "ck", "value": 1600, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": "cmas", "state": MET, "grade": CORROBORATED, "severity": ACTION, "since": 0},
        ),
        Example(
            title="the same fall with a CK that is high and steady",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 24, "day": 0},
                *({"measure": "ck", "value": 1600, "upper_limit": 200, "day": -28 * n} for n in range(3)),
            ),
            expect={"subject": "cmas", "state": MET, "grade": POSSIBLE, "severity": ACTION, "since": 0},
        ),
        Example(
            title="27 falling to 26 is nothing",
            observations=(
                {"measure": "cmas", "value": 27, "day": -14},
                {"measure": "cmas", "value": 26, "day": 0},
            ),
            expect={"subject": "cmas", "state": NOT_MET},
        ),
        Example(
            title="two low scores after two high ones are a shift",
            observations=(
                {"measure": "cmas", "value": 40, "day": -90},
                {"measure": "cmas", "value": 40, "day": -60},
                {"measure": "cmas", "value": 33, "day": -30},
                {"measure": "cmas", "value": 33, "day": 0},
            ),
            expect={"subject": "cmas", "state": MET, "grade": CONFIRMED, "severity": URGENT, "since": -30},
        ),
        Example(
            title="a fall that was regained does not count",
            observations=(
                {"measure": "cmas", "value": 40, "day": -60},
                {"measure": "cmas", "value": 36, "day": -30},
                {"measure": "cmas", "value": 39, "day": 0},
            ),
            expect={"subject": "cmas", "state": NOT_MET},
        ),
        Example(
            title="a single score cannot tell",
            observations=({"measure": "mmt8", "value": 70, "day": 0},),
            expect={"subject": "mmt8", "state": CANNOT_TELL},
        ),
        Example(
            title="a point a visit over five visits",
            observations=tuple({"measure": "cmas", "value": 40 - n, "day": -112 + 28 * n} for n in range(5)),
            expect={"subject": "cmas", "state": MET, "grade": POSSIBLE},
        ),
    ),
)

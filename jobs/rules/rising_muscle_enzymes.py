"""Are the muscle enzymes rising beyond this patient's own baseline?

Looked at: CK, aldolase, LDH, AST and ALT, each as a multiple of the upper limit reported with it, against the median
of the patient's last values. What counts: above the limit, and at least one and a half times the baseline, which is the
reference change value of CK. It is confirmed where the rise lies beyond what this patient's own values scatter by. A
chronically raised, stable value is not a rise; a value after strenuous exercise is only watched.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.change_evidence import Change, enzyme_change, median, variation_of
from jobs.newest import strength_verdict
from jobs.phrasing import amount, listed, subject_label
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    CONFIRMED,
    MET,
    NOT_MET,
    POSSIBLE,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    apart,
    day_text,
    number,
    one_line_for_all,
    parameter,
)
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure

ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")
ROUNDING = 1e-9
"""A factor this little short of a threshold is that threshold: 1.5 times 0.7 is not 1.05 in binary."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the rising-muscle-enzymes rule."""

    latest_days: int = parameter(90, unit="days", low=14, high=365, meaning="an older value cannot tell any more")
    reference_values: int = parameter(
        3, unit="values", low=1, high=9, meaning="values before it that make its baseline"
    )
    reference_days: int = parameter(365, unit="days", low=60, high=1095, meaning="oldest value in a baseline")
    rise: float = parameter(
        1.5,
        unit="x baseline",
        low=1.1,
        high=5,
        meaning="a rise: the reference change value of CK (within-person variation 14.5 %, 95 %)",
        source="Carobene 2017, doi 10.1373/clinchem.2016.269811 (CAROBENE-2017)",
        mark="seen",
    )
    doubling: float = parameter(2.0, unit="x baseline", low=1.5, high=10, meaning="a rise that needs action")
    clearly_raised: float = parameter(
        3.0,
        unit="x upper limit",
        low=1,
        high=20,
        meaning="a value that needs action once it rises",
        source="ASCO 2021 grade 2 (S5); EFNS 2010 (S29)",
        mark="seen",
    )
    variation: float = parameter(
        25, unit="%", low=10, high=60, meaning="variation within a person, until the patient's own is known"
    )
    own_variation_values: int = parameter(
        5, unit="values", low=3, high=12, meaning="from so many earlier values on the patient's own variation counts"
    )
    least_variation: float = parameter(15, unit="%", low=5, high=40, meaning="the patient's own variation is at least")
    most_variation: float = parameter(40, unit="%", low=20, high=100, meaning="the patient's own variation is at most")
    confirmed_weight: float = parameter(
        2.2,
        unit="weight",
        low=1,
        high=10,
        meaning="a rise that weighs this much is beyond the patient's own variation",
        source="calibrated by simulation (tests/benchmarks/calibration.py)",
    )
    confirming_values: int = parameter(
        2, unit="values", low=1, high=4, meaning="last values that are looked at together for a rise that lasts"
    )
    exercise_days: int = parameter(
        7,
        unit="days",
        low=1,
        high=21,
        meaning="strenuous exercise this recently may explain a rise",
        source="back to baseline in 5 to 7 days (seed 000)",
        mark="seed",
    )


AS_SHIPPED = Parameters()

STABLE_POSSIBLE = 29
STABLE_CONFIRMED = 9
"""Of 100 patients with a steady CK (variation 25 %, half of them raised), how many are called a rise, and a confirmed
one, at some of visits 2 to 6 of six monthly ones. `make bench` prints it (section calibration), a test holds it."""


class Baseline(NamedTuple):
    """What a value is compared with: the median of the values before it, as a multiple of their limits."""

    times_limit: float
    readings: tuple[Reading, ...]


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per enzyme on file."""
    for enzyme in ENZYMES:
        values = patient.series(enzyme)
        if values:
            yield _assess_enzyme(patient, enzyme, values, as_of, parameters)


def _assess_enzyme(
    patient: PatientFacts, enzyme: str, values: Sequence[Reading], as_of: int, parameters: Parameters
) -> Answer:
    latest = values[-1]
    now = latest.times_limit
    baseline = baseline_of(values, len(values) - 1, parameters)
    factor = None if now is None or baseline is None else times_baseline(now, baseline)
    numbers = _numbers(latest, now, baseline, factor)
    evidence = (*(value.fact for value in baseline.readings), latest.fact) if baseline else (latest.fact,)
    grows_too_old = latest.day + parameters.latest_days + 1
    if as_of >= grows_too_old:
        because = f"no newer value than {day_text(latest.day)}"
        return _cannot_tell(enzyme, because, Cause.STALE, None, evidence, numbers)
    if now is None:
        because = "no upper limit on file for this value"
        return _cannot_tell(enzyme, because, Cause.NO_LIMIT, grows_too_old, evidence, numbers)
    if baseline is None or factor is None:
        because = "no earlier value within reach to compare it with"
        return _cannot_tell(enzyme, because, Cause.NOTHING_TO_COMPARE, grows_too_old, evidence, numbers)
    # A bound ("<20", ">10000") is read in the direction in which it is certain.
    has_risen = now > 1 and factor >= parameters.rise - ROUNDING and latest.comparator != "<"
    if not has_risen:
        return Answer(enzyme, NOT_MET, recheck_on=grows_too_old, numbers=numbers)

    rise = lasting_rise(values, parameters)
    exercise = tuple(strenuous_exercise_before(patient, latest.day, parameters.exercise_days))
    weaker = strength_verdict(patient).met
    strong = now >= parameters.clearly_raised or factor >= parameters.doubling - ROUNDING or weaker
    return Answer(
        enzyme,
        MET,
        grade=CONFIRMED if rise is not None and rise.weight >= parameters.confirmed_weight else POSSIBLE,
        severity=ACTION if strong and not exercise else WATCH,
        since=latest.day,
        recheck_on=grows_too_old,
        evidence=(*evidence, *(one.fact for one in exercise)),
        numbers={**numbers, **_rise_numbers(rise), "exercise": bool(exercise), "weaker": weaker},
    )


def baseline_of(values: Sequence[Reading], place: int, parameters: Parameters) -> Baseline | None:
    """The median of the last few values before one that have a limit of their own; None where there is none."""
    oldest = values[place].day - parameters.reference_days
    readings: list[Reading] = []
    for before in range(place - 1, -1, -1):
        value = values[before]
        if value.day < oldest or len(readings) == parameters.reference_values:
            break
        if value.times_limit is not None:
            readings.append(value)
    if not readings:
        return None
    return Baseline(median([value.value / value.limit for value in readings if value.limit]), tuple(reversed(readings)))


def lasting_rise(values: Sequence[Reading], parameters: Parameters) -> Change | None:
    """The newest value, or the last few together, against the values before: the reading that weighs most."""
    found: Change | None = None
    for together in range(1, min(parameters.confirming_values, len(values) - 1) + 1):
        change = enzyme_change(
            values[-together:],
            values[:-together],
            reference_values=parameters.reference_values,
            reference_days=parameters.reference_days,
            scatter=parameters.variation / 100,
            own_from=parameters.own_variation_values,
            least_scatter=parameters.least_variation / 100,
            most_scatter=parameters.most_variation / 100,
        )
        if change is not None and (found is None or change.weight > found.weight):
            found = change
    return found


def times_baseline(now: float, baseline: Baseline) -> float:
    """A value as a multiple of the baseline; beyond all bounds where the baseline is nothing."""
    if baseline.times_limit > 0:
        return now / baseline.times_limit
    return math.inf if now > 0 else 1.0


def strenuous_exercise_before(patient: PatientFacts, day: int, within: int) -> Iterator[Happening]:
    """Strenuous exercise that began by a day and ended no more than so many days before it."""
    for one in patient.events("strenuous_exercise"):
        if one.present and one.day <= day and day - one.last_day <= within:
            yield one


def _cannot_tell(
    enzyme: str,
    because: str,
    cause: Cause,
    recheck_on: int | None,
    evidence: tuple[str, ...],
    numbers: Mapping[str, Any],
) -> Answer:
    return Answer(
        enzyme,
        CANNOT_TELL,
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        cause=cause,
        numbers=numbers,
    )


def _millionths(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _rise_numbers(rise: Change | None) -> dict[str, Any]:
    """How far beyond the patient's own variation the rise lies."""
    return {
        "rise_weight": 0.0 if rise is None else rise.weight,
        "rise_values": 0 if rise is None else rise.values,
        "variation": None if rise is None else round(100 * variation_of(rise.scatter)),
        "own_variation": rise is not None and rise.own_scatter,
    }


def _numbers(latest: Reading, now: float | None, baseline: Baseline | None, factor: float | None) -> dict[str, Any]:
    """What `explain` quotes; `factor` is None also where the baseline is nothing."""
    return {
        "latest": latest.value,
        "upper_limit": latest.limit,
        "times_limit": _millionths(now),
        "baseline": _millionths(baseline.times_limit if baseline else None),
        "baseline_values": 0 if baseline is None else len(baseline.readings),
        "factor": _millionths(factor if baseline and baseline.times_limit > 0 else None),
        "latest_day": date_of(latest.day),
        "comparator": latest.comparator,
        **_rise_numbers(None),
        "exercise": False,
        "weaker": False,
    }


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The value as a multiple of its limit, against the patient's own baseline."""
    label = measure(str(row["subject"])).short_label
    value = f"{label} {row['comparator']}{number(row['latest'])} U/L on {day_text(row['latest_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{value}: {row['cannot_tell_because']}."
    times = f"{apart(row['times_limit'], 1, 2)} times its upper limit"
    values = int(row["baseline_values"])
    lower = number(row["baseline"], 2)
    basis = f"the median of the {values} values before it: {lower} times" if values > 1 else f"before it: {lower} times"
    text = f"{value} ({times}; {basis})"
    factor = row["factor"]
    baseline = "median" if values > 1 else "value before it"
    against = (
        f"far above a {baseline} of nothing"
        if factor is None or factor != factor
        else f"{apart(factor, parameters.rise, 2)} times the {baseline}"
    )
    if row["state"] == NOT_MET:
        if row["times_limit"] <= 1:
            return f"{text}: within its limit."
        if row["comparator"] == "<":
            return f"{text}: only known to lie below that."
        return f"{text}: {against}, a rise begins at {number(parameters.rise, 2)}."
    text += f": {against}.{_what_it_is_worth(row, parameters)}"
    if row["exercise"]:
        days = parameters.exercise_days
        text += f" Strenuous exercise in the {days} days before may explain it: repeat after {days} days of rest."
    elif row["weaker"]:
        text += " Strength has fallen too and is not regained."
    return text


def _what_it_is_worth(row: Mapping[str, Any], parameters: Parameters) -> str:
    """Whether the patient's own variation explains the rise, and how often chance alone does the same."""
    variation = f"{'own' if row['own_variation'] else 'assumed'} variation of {number(row['variation'])} %"
    together = int(row["rise_values"])
    if row["grade"] == CONFIRMED:
        what = "value" if together == 1 else f"last {together} values together"
        text = f" Confirmed: the {what} {'lies' if together == 1 else 'lie'} beyond the {variation}"
    else:
        text = f" Possible only: the {variation} can explain it"
    if row["subject"] != "ck" or parameters != AS_SHIPPED:
        return f"{text}."
    often = STABLE_CONFIRMED if row["grade"] == CONFIRMED else STABLE_POSSIBLE
    return f"{text}; chance alone does this to {often} of 100 patients with a steady CK at some time in six visits."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "measure again, with the laboratory's limit"
    if row["state"] == NOT_MET:
        return ""
    if row["exercise"]:
        return f"repeat after {parameters.exercise_days} days of rest"
    if row["severity"] != ACTION:
        return "look at it at the next visit"
    again = "" if row["grade"] == CONFIRMED else "; measure again"
    return f"examine strength and look for a cause{again}"


def worse(seen: Mapping[str, Any], now: Mapping[str, Any], parameters: Parameters) -> str | None:
    """Another rise by the same factor since somebody last looked is worse."""
    before, latest = seen.get("times_limit"), now.get("times_limit")
    if not before or not latest or latest < before * parameters.rise:
        return None
    return f"{number(before)} -> {number(latest)} times the limit since seen"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`CK up: 640 U/L, 3.2× its limit, 2× baseline; also AST`: one event, told by CK where CK has risen."""
    ranked = sorted(rows, key=lambda row: -float(row.get("times_limit") or 0))
    first = next((row for row in ranked if row["subject"] == "ck"), ranked[0])
    others = listed([subject_label(str(row["subject"])) for row in ranked if row is not first])
    rested = ", after exercise" if first.get("exercise") else ""
    factor = first.get("factor")
    against = (
        "from nothing" if factor is None or factor != factor else f"{amount(factor, 2 if factor < 10 else 0)}× baseline"
    )
    return (
        f"{subject_label(str(first['subject']))} up: {first.get('comparator') or ''}{amount(first['latest'], 0)} U/L, "
        f"{amount(first['times_limit'], 2)}× its limit, {against}{rested}" + (f"; also {others}" if others else "")
    )


RULE = Rule(
    key="rising-muscle-enzymes",
    worse=worse,
    title="Rising muscle enzymes",
    question="Is a muscle enzyme rising beyond the patient's own baseline?",
    why_it_matters=(
        "A rise in CK often comes before weakness. Compared with the population's limit alone it is missed in "
        "patients with a low baseline and found falsely in those whose CK is always high."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="enzyme",
    reads=(*ENZYMES, "strenuous_exercise", "declining-strength"),
    after=("declining-strength",),
    sources=(
        Source("Biological variation of CK (EuBIVAS)", 2017, "Carobene, doi 10.1373/clinchem.2016.269811", "seen"),
        Source("CK above 1.5 times its limit (EFNS)", 2010, "doi 10.1111/j.1468-1331.2010.03012.x", "seen"),
        Source(
            "CK after exercise: 25 % above 10,000 U/L on day 4", 2006, "Clarkson, in J Fam Pract 2008;57:545", "seen"
        ),
        Source(
            "Exercise can raise CK above 10,000 without need for treatment",
            2025,
            "educational page, not a guideline",
            "seed",
        ),
    ),
    known_false_alarms=(
        "exercise, an injection, a fall, EMG or biopsy in the days before",
        "macro-CK: stable, high, normal strength",
        "AST and ALT from the liver rather than from muscle",
    ),
    clears_when=lambda limits: (
        f"a later value is within its limit, or less than {number(limits.rise, 2)} times the baseline"
    ),
    version="2.0.0",
    changed=(
        "Graded: confirmed where the rise lies beyond the patient's own variation, by the newest value or the last two "
        "together, otherwise possible. When it is met, and how urgent it is, stay as they were."
    ),
    topic="enzymes",
    limitations=(
        "The reference change value comes from resting healthy people. CK is normal in half of patients with "
        "active dermatomyositis or polymyositis: a normal value excludes nothing."
    ),
    catalogue=("PH-09",),
    phrase=phrase,
    one_line=one_line_for_all,
    shown=("latest", "comparator", "times_limit", "factor", "exercise"),
    several_series=True,
    examples=(
        Example(
            title="410 to 640 with a limit of 200 is a rise by the reference change value",
            observations=(
                {"measure": "ck", "value": 410, "upper_limit": 200, "day": -28},
                {"measure": "ck", "value": 640, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": "ck", "state": MET, "severity": ACTION},
        ),
        Example(
            title="always high, and stable",
            observations=tuple({"measure": "ck", "value": 900, "upper_limit": 200, "day": -28 * n} for n in range(4)),
            expect={"subject": "ck", "state": NOT_MET},
        ),
        Example(
            title="12,000 two days after a marathon",
            observations=(
                {"measure": "ck", "value": 150, "upper_limit": 200, "day": -60},
                {"measure": "ck", "value": 12000, "upper_limit": 200, "day": 0},
            ),
            events=({"event": "strenuous_exercise", "day": -2},),
            expect={"subject": "ck", "state": MET, "severity": WATCH},
        ),
        Example(
            title="twice the baseline but within its limit",
            observations=(
                {"measure": "ck", "value": 60, "upper_limit": 200, "day": -28},
                {"measure": "ck", "value": 150, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": "ck", "state": NOT_MET},
        ),
    ),
)

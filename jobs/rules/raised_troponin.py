"""Is a troponin above its limit, and is it likely to come from the heart?

Looked at: the newest value of each kind (T, I) and assay, each against the upper limit reported with it. Troponin T is
also made by diseased skeletal muscle; troponin I is not. They, and each assay, are separate series and never compared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.phrasing import amount
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    number,
    parameter,
)
from models.list_order import Danger
from models.patient_facts import PatientFacts, Reading, date_of
from models.states import Cause

LETTER = {"troponin_t": "T", "troponin_i": "I"}

REACH_DAYS = 540
"""A run of raised values is followed back no further than this from the day on which the newest becomes too old."""


DIGITS = 4
"""Of a value and its limit in sentences, so that 14.02 is seen to lie above 14 (ug/L become ng/L with decimals)."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the raised-troponin rule."""

    latest_days: int = parameter(90, unit="days", low=7, high=365, meaning="an older value cannot tell any more")
    other_kind_days: int = parameter(
        14, unit="days", low=1, high=90, meaning="a troponin I this near speaks for or against the heart"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per kind and assay; subject `troponin_t` or `troponin_i`, with the assay where reported."""
    for kind in LETTER:
        for values in by_assay(patient.series(kind)):
            yield _assess_series(patient, values, as_of, parameters)


def _assess_series(patient: PatientFacts, values: Sequence[Reading], as_of: int, parameters: Parameters) -> Answer:
    latest = values[-1]
    assay = (latest.assay or "").strip()
    subject = f"{latest.measure}:{assay}" if assay else latest.measure
    numbers = _numbers(latest, assay)
    grows_too_old = latest.day + parameters.latest_days + 1
    evidence = (latest.fact,)
    if as_of >= grows_too_old:
        because = f"no newer value than {day_text(latest.day)}"
        return _cannot_tell(subject, because, Cause.STALE, None, evidence, numbers)
    if latest.limit is None:
        because = "no upper limit on file for this value"
        return _cannot_tell(subject, because, Cause.NO_LIMIT, grows_too_old, evidence, numbers)
    if is_unclear(latest):
        because = "the value is only a bound and its limit lies beyond it"
        return _cannot_tell(subject, because, Cause.FACTS_DISAGREE, grows_too_old, evidence, numbers)
    if not is_raised(latest):
        return Answer(subject, NOT_MET, recheck_on=grows_too_old, evidence=evidence, numbers=numbers)

    run = raised_run(values, parameters)
    heart = ""
    near: Sequence[Reading] = ()
    severity = URGENT
    if latest.measure == "troponin_t":
        near = troponin_i_near(patient, latest.day, parameters.other_kind_days)
        heart = "missing" if not near else "raised" if any(is_raised(value) for value in near) else "normal"
        severity = WATCH if heart == "normal" else ACTION
    return Answer(
        subject,
        MET,
        severity=severity,
        since=run[0].day,
        recheck_on=grows_too_old,
        evidence=(*(value.fact for value in run), *(value.fact for value in near)),
        numbers={**numbers, "troponin_i": heart},
    )


def by_assay(values: Sequence[Reading]) -> Iterable[Sequence[Reading]]:
    """The values of each assay, oldest first; upper and lower case are the same assay."""
    found: dict[str, list[Reading]] = {}
    for value in values:
        found.setdefault((value.assay or "").strip().casefold(), []).append(value)
    return found.values()


def is_raised(value: Reading) -> bool:
    """Above its own limit. "<14" lies at or below 14; ">50" lies above 50."""
    if value.limit is None or value.comparator == "<":
        return False
    return value.value >= value.limit if value.comparator == ">" else value.value > value.limit


def is_unclear(value: Reading) -> bool:
    """Only a bound is known, and the limit lies beyond it."""
    if value.limit is None:
        return False
    if value.comparator == "<":
        return value.value > value.limit
    return value.comparator == ">" and value.value < value.limit


def raised_run(values: Sequence[Reading], parameters: Parameters) -> Sequence[Reading]:
    """The unbroken run of raised values that ends with the newest one."""
    oldest = values[-1].day - (REACH_DAYS - parameters.latest_days)
    begin = len(values) - 1
    while begin > 0 and is_raised(values[begin - 1]) and values[begin - 1].day >= oldest:
        begin -= 1
    return values[begin:]


def troponin_i_near(patient: PatientFacts, day: int, within: int) -> Sequence[Reading]:
    """The troponin I values of any assay that can be judged, within so many days of a day."""
    return [
        value
        for value in patient.series("troponin_i")
        if abs(value.day - day) <= within and value.limit is not None and not is_unclear(value)
    ]


def _cannot_tell(
    subject: str,
    because: str,
    cause: Cause,
    recheck_on: int | None,
    evidence: tuple[str, ...],
    numbers: Mapping[str, Any],
) -> Answer:
    return Answer(
        subject,
        CANNOT_TELL,
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        cause=cause,
        numbers=numbers,
    )


def _numbers(latest: Reading, assay: str) -> dict[str, Any]:
    """What `explain` quotes."""
    return {
        "latest": latest.value,
        "comparator": latest.comparator,
        "upper_limit": latest.limit,
        "latest_day": date_of(latest.day),
        "kind": latest.measure,
        "assay": assay,
        "troponin_i": "",
    }


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The value, its own limit, and what the other kind says."""
    letter = LETTER[str(row["kind"])]
    assay = f" ({row['assay']})" if row["assay"] else ""
    amount_of = f"{row['comparator']}{number(row['latest'], DIGITS)} ng/L"
    value = f"Troponin {letter}{assay} {amount_of} on {day_text(row['latest_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{value}: {row['cannot_tell_because']}."
    limit = f"its upper limit {number(row['upper_limit'], DIGITS)} ng/L"
    if row["state"] == NOT_MET:
        return f"{value}, at or below {limit}."
    text = f"{value}, above {limit}, raised since {day_text(row['since'])}."
    within = f"within {parameters.other_kind_days} days"
    if letter == "I":
        return text + " Troponin I is made by heart muscle: involvement of the heart until shown otherwise."
    if row["troponin_i"] == "normal":
        return text + f" Troponin I {within} was normal: skeletal muscle is a likely source."
    if row["troponin_i"] == "raised":
        return text + f" Troponin I {within} was raised as well: see there."
    return (
        text
        + f" No troponin I to judge by {within}: diseased skeletal muscle makes troponin T too; the source is open."
    )


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "measure again, with the laboratory's limit"
    if row["state"] == NOT_MET:
        return ""
    if row["severity"] == URGENT:
        return "ECG and cardiac review today"
    if row["troponin_i"] == "normal":
        return "skeletal muscle is a likely source; look at the trend at the next visit"
    return "measure troponin I" if row["troponin_i"] == "missing" else "see the raised troponin I"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Troponin T 22 ng/L, limit 14, I normal`."""
    row = rows[0]
    letter = LETTER.get(str(row["kind"]), str(row["kind"]))
    hint = {"normal": ", I normal", "missing": ", no I to judge it by"}.get(str(row.get("troponin_i")), "")
    value = f"{row.get('comparator') or ''}{amount(row['latest'], DIGITS)}"
    return f"Troponin {letter} {value} ng/L, limit {amount(row['upper_limit'], DIGITS)}{hint}"


def danger(subject: str) -> Danger | None:
    """Troponin I is made by heart muscle."""
    return Danger.HEART if subject.partition(":")[0] == "troponin_i" else None


RULE = Rule(
    key="raised-troponin",
    title="Raised troponin",
    question="Is troponin above the limit of its own assay, and does it point to the heart?",
    why_it_matters=(
        "Heart muscle involvement in myositis is rare and dangerous. Troponin T is raised in four of ten patients "
        "without any cardiac disease, troponin I in hardly any: taking one for the other misses or invents myocarditis."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="kind and assay",
    reads=("troponin_t", "troponin_i"),
    sources=(
        Source(
            "Troponin T 41 %, troponin I 2.5 % raised in 39 patients without cardiac disease",
            2001,
            "Erlacher, pubmed 11282091",
            "seen",
        ),
        Source("Cardiac troponins in myositis: troponin I specificity 95 %", 2015, "PMC4589894", "seen"),
        Source(
            "Troponin and ECG before anything else in severe cases", 2025, "educational page, not a guideline", "seed"
        ),
    ),
    known_false_alarms=("troponin T from regenerating skeletal muscle; kidney disease",),
    clears_when="a later value of the same kind and assay is at or below its limit",
    topic="heart",
    limitations="A limit is the one reported with the value; without it nothing is judged. Not for acute chest pain.",
    version="1.0.1",
    changed="Wording: the digits that decide, a bound with its sign; a troponin I nobody can judge is not missing.",
    catalogue=("SAFE-12",),
    phrase=phrase,
    danger=danger,
    several_series=True,
    examples=(
        Example(
            title="troponin T raised, troponin I never measured",
            observations=({"measure": "troponin_t", "value": 90, "upper_limit": 14, "day": 0},),
            expect={"subject": "troponin_t", "state": MET, "severity": ACTION},
        ),
        Example(
            title="troponin T raised, troponin I normal the same week",
            observations=(
                {"measure": "troponin_t", "value": 90, "upper_limit": 14, "day": 0},
                {"measure": "troponin_i", "value": 5, "upper_limit": 26, "day": -5},
            ),
            expect={"subject": "troponin_t", "state": MET, "severity": WATCH},
        ),
        Example(
            title="troponin I raised",
            observations=({"measure": "troponin_i", "value": 60, "upper_limit": 26, "day": 0},),
            expect={"subject": "troponin_i", "state": MET, "severity": URGENT},
        ),
        Example(
            title="no limit reported",
            observations=({"measure": "troponin_i", "value": 60, "day": 0},),
            expect={"subject": "troponin_i", "state": CANNOT_TELL},
        ),
        Example(
            title="at its limit is not raised",
            observations=({"measure": "troponin_t", "value": 14, "upper_limit": 14, "day": 0},),
            expect={"subject": "troponin_t", "state": NOT_MET},
        ),
    ),
)

"""Did a screening test find something that matters for a drug being taken?

Looked at: the latest result of each screen on file, while a drug runs, or still acts, that it matters for. What counts:
hepatitis B and C, HIV or tuberculosis found; no immunity against varicella; TPMT absent or low; immunoglobulin G low;
glucose or HbA1c high under a steroid; a pregnancy. What does not: that a test was done says nothing about its result;
a screen that is not on file is asked for by another rule. Under immunoglobulin, antibodies may come from the donors.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jobs.newest import next_after
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
    one_line_each,
    parameter,
)
from jobs.treatment import Course, courses
from models.patient_facts import ADULT_FROM_YEARS, Happening, PatientFacts, Reading, date_of
from models.states import Cause, Severity, State
from models.vocabulary import ACTIVE_TREATMENT, drug, events, measure

HARMS_THE_UNBORN = ("cyclophosphamide", "leflunomide", "methotrexate", "mycophenolate mofetil", "mycophenolic acid")
WAKES_HEPATITIS_B = ("rituximab", "anti-tnf", "jak-inhibitor", "cyclophosphamide")
ANTIBODY_TESTS = ("anti_hbc", "anti_hcv", "vzv_igg")
"""Antibodies of others: after immunoglobulin they may be the donors'."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the screening-result rule."""

    tpmt_absent_below: float = parameter(
        10, unit="U/mL{RBCs}", low=1, high=20, meaning="TPMT below this is absent: no azathioprine"
    )
    tpmt_low_below: float = parameter(
        24, unit="U/mL{RBCs}", low=5, high=40, meaning="TPMT below this is low: half the dose"
    )
    igg_low_below: float = parameter(
        600, unit="mg/dL", low=300, high=800, meaning="immunoglobulin G below this is low (adults)"
    )
    igg_very_low_below: float = parameter(
        400, unit="mg/dL", low=100, high=600, meaning="immunoglobulin G below this calls for a decision (adults)"
    )
    glucose_high: float = parameter(
        200,
        unit="mg/dL",
        low=120,
        high=300,
        meaning="glucose from this on is diabetes in need of treatment",
    )
    glucose_dangerous: float = parameter(
        360, unit="mg/dL", low=250, high=600, meaning="glucose from this on is for today"
    )
    hba1c_high: float = parameter(6.5, unit="%", low=6, high=9, meaning="HbA1c from this on is diabetes")
    changing_days: int = parameter(
        182, unit="days", low=28, high=730, meaning="an older glucose, HbA1c or immunoglobulin G says nothing of today"
    )
    pregnancy_days: int = parameter(
        280, unit="days", low=28, high=300, meaning="how long a positive pregnancy test counts"
    )


class Verdict(NamedTuple):
    """What a result means for a drug: how grave, what is found, what to do. Severity None: nothing to worry about."""

    severity: Severity | None
    found: str = ""
    do: str = ""


FINE = Verdict(None)
Found = Reading | Happening
Judge = Callable[[Found, str, Parameters], Verdict]


class ResultScreen(NamedTuple):
    """A screen whose result is read.

    Attributes:
        fact: the measure, or the event whose detail says the result.
        matters_for: drugs or classes, the first one that a patient takes speaks.
        lasts: name of the parameter that says how long a result holds; empty for what does not pass.
        adults_only: its limits are for adults.
        is_event: it is recorded as an event, whose text says what was found.
    """

    fact: str
    matters_for: tuple[str, ...]
    judge: Judge
    lasts: str = ""
    adults_only: bool = False
    is_event: bool = False


def _positive(reading: Found) -> bool:
    return isinstance(reading, Reading) and reading.value >= 1


def _hepatitis_b_antigen(result: Found, name: str, parameters: Parameters) -> Verdict:
    del parameters
    if not _positive(result):
        return FINE
    grave = URGENT if _belongs(name, WAKES_HEPATITIS_B) else ACTION
    return Verdict(
        grave,
        "hepatitis B surface antigen is positive: the infection is active",
        "hepatologist and antiviral treatment before the next dose; HBV DNA, liver enzymes",
    )


def _hepatitis_b_core(result: Found, name: str, parameters: Parameters) -> Verdict:
    del parameters
    if not _positive(result):
        return FINE
    grave = ACTION if _belongs(name, WAKES_HEPATITIS_B) else WATCH
    return Verdict(
        URGENT if name == "rituximab" else grave,
        "hepatitis B core antibody is positive: a past infection can wake",
        "HBV DNA; antiviral prophylaxis under rituximab and other strong agents; liver enzymes every 2 to 3 months",
    )


def _hepatitis_c(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name, parameters
    return (
        Verdict(
            ACTION, "hepatitis C antibody is positive", "HCV RNA; treat first where it is found; liver-toxic drugs last"
        )
        if _positive(result)
        else FINE
    )


def _hiv(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name, parameters
    return (
        Verdict(ACTION, "the HIV test is positive", "confirm; infectious diseases before more immunosuppression")
        if _positive(result)
        else FINE
    )


def _tuberculosis(result: Found, name: str, parameters: Parameters) -> Verdict:
    del parameters
    found = _positive(result) if isinstance(result, Reading) else _said_positive(result)
    if not found:
        return FINE
    return Verdict(
        URGENT if _belongs(name, ("anti-tnf",)) else ACTION,
        "the tuberculosis screen is positive",
        "chest X-ray, look for active disease; preventive treatment before or beside the drug",
    )


def _varicella(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name, parameters
    if _positive(result):
        return FINE
    return Verdict(
        WATCH,
        "no immunity against varicella",
        "tell the family what to do after contact; vaccinate contacts; no live vaccine under treatment",
    )


def _tpmt(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if _below(result, parameters.tpmt_absent_below):
        return Verdict(URGENT, "TPMT is absent: ordinary doses destroy the marrow", "stop azathioprine; another agent")
    if _below(result, parameters.tpmt_low_below):
        return Verdict(ACTION, "TPMT is low", "half the dose (1 mg/kg), blood counts more often, or another agent")
    return FINE


def _immunoglobulin(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if _below(result, parameters.igg_very_low_below):
        return Verdict(
            ACTION, "immunoglobulin G is very low", "before the next dose: infections, replacement, another agent"
        )
    if _below(result, parameters.igg_low_below):
        return Verdict(WATCH, "immunoglobulin G is low", "ask for infections; measure again before the next dose")
    return FINE


def _glucose(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if result.value >= parameters.glucose_dangerous:
        return Verdict(URGENT, "glucose is dangerously high under a steroid", "call today: symptoms, ketones; treat")
    if result.value >= parameters.glucose_high:
        return Verdict(
            ACTION,
            "glucose is in the range of diabetes under a steroid",
            "repeat fasting, HbA1c; treat; lower the dose if the disease allows",
        )
    return FINE


def _hba1c(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name
    if isinstance(result, Reading) and result.value >= parameters.hba1c_high:
        return Verdict(
            ACTION, "HbA1c is in the range of diabetes under a steroid", "treat; lower the dose if the disease allows"
        )
    return FINE


def _pregnancy(result: Found, name: str, parameters: Parameters) -> Verdict:
    del name, parameters
    found = _positive(result) if isinstance(result, Reading) else _said_positive(result)
    if not found:
        return FINE
    return Verdict(
        URGENT,
        "the pregnancy test is positive under a drug that harms the unborn",
        "call today: stop the drug, obstetrics, folic acid; never wait for the next visit",
    )


def _said_positive(record: Found) -> bool:
    """Whether the text of a record of a screen says that it was positive."""
    said = record.detail.casefold() if isinstance(record, Happening) else ""
    return "positive" in said and "not positive" not in said


def _below(reading: Reading, limit: float) -> bool:
    return reading.value < limit or (reading.comparator == "<" and reading.value <= limit)


SCREENS = (
    ResultScreen("hbsag", (*WAKES_HEPATITIS_B, ACTIVE_TREATMENT), _hepatitis_b_antigen),
    ResultScreen("anti_hbc", (*WAKES_HEPATITIS_B, ACTIVE_TREATMENT), _hepatitis_b_core),
    ResultScreen("anti_hcv", (ACTIVE_TREATMENT,), _hepatitis_c),
    ResultScreen("hiv", (ACTIVE_TREATMENT,), _hiv),
    ResultScreen("igra", ("anti-tnf", "jak-inhibitor", ACTIVE_TREATMENT), _tuberculosis),
    ResultScreen("tb_screen", ("anti-tnf", "jak-inhibitor", ACTIVE_TREATMENT), _tuberculosis, is_event=True),
    ResultScreen("vzv_igg", (ACTIVE_TREATMENT,), _varicella),
    ResultScreen("tpmt", ("azathioprine",), _tpmt),
    ResultScreen("igg", ("rituximab", ACTIVE_TREATMENT), _immunoglobulin, "changing_days", adults_only=True),
    ResultScreen("glucose", ("glucocorticoid",), _glucose, "changing_days"),
    ResultScreen("hba1c", ("glucocorticoid",), _hba1c, "changing_days"),
    ResultScreen("hcg", HARMS_THE_UNBORN, _pregnancy, "pregnancy_days"),
    ResultScreen("pregnancy_test", HARMS_THE_UNBORN, _pregnancy, "pregnancy_days", is_event=True),
)


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per screen that has a result and matters for a drug that runs or still acts."""
    running = courses(patient)
    if not running:
        return
    for screen, names in _screens_that_matter(tuple(course.drug for course in running)):
        result = _latest(patient, screen)
        if result is not None:
            course = min((one for one in running if one.drug in names), key=lambda one: one.start)
            yield _answer(patient, screen, result, course, as_of, parameters)


def _latest(patient: PatientFacts, screen: ResultScreen) -> Found | None:
    """The latest result of a measure, or the latest record of a screen."""
    if not screen.is_event:
        return patient.latest(screen.fact)
    record = patient.last_event(screen.fact)
    return record if record is not None and record.present else None


@lru_cache(maxsize=4096)
def _screens_that_matter(names: tuple[str, ...]) -> tuple[tuple[ResultScreen, tuple[str, ...]], ...]:
    """The screens that matter for some drugs, each with those of the drugs for which it matters most."""
    found = []
    for screen in SCREENS:
        for treatment in screen.matters_for:
            mine = tuple(name for name in names if _belongs(name, (treatment,)))
            if mine:
                found.append((screen, mine))
                break
    return tuple(found)


def _belongs(name: str, treatments: tuple[str, ...]) -> bool:
    """Whether a drug is one of some drugs or of their classes."""
    row = drug(name)
    if row is None:
        return False
    return any(
        row.counts_as_active_treatment and not row.has_class("immunoglobulin")
        if one == ACTIVE_TREATMENT
        else one == row.key or row.has_class(one)
        for one in treatments
    )


def _answer(
    patient: PatientFacts,
    screen: ResultScreen,
    result: Found,
    course: Course,
    as_of: int,
    parameters: Parameters,
) -> Answer:
    key = row.key if (row := course.row) is not None else course.drug
    verdict = screen.judge(result, key, parameters)
    severity, found = verdict.severity, verdict.found
    donors = severity is not None and screen.fact in ANTIBODY_TESTS and _after_immunoglobulin(patient, result.day)
    if donors:
        severity = WATCH
        found += "; under immunoglobulin the antibodies may be the donors'"
    lasts: int | None = getattr(parameters, screen.lasts) if screen.lasts else None
    state: State = NOT_MET if severity is None else MET
    because = cause = None
    if lasts is not None and as_of - result.day > lasts:
        state = NOT_MET if severity is None else CANNOT_TELL
        because, cause = f"no newer result than {day_text(result.day)}", Cause.STALE
    elif severity is not None and screen.adults_only and patient.is_child():
        state, because = CANNOT_TELL, "the limit is for adults, and no limit is known for children"
        cause = Cause.NO_LIMIT
    if state != CANNOT_TELL:
        because = cause = None
    return Answer(
        screen.fact,
        state,
        severity=severity if state == MET else None,
        since=max(result.day, course.start) if state == MET else None,
        recheck_on=next_after(as_of, course.through + 1, None if lasts is None else result.day + lasts + 1),
        evidence=(result.fact, course.newest.fact),
        cannot_tell_because=because,
        cause=cause,
        numbers={
            "label": _label(screen.fact),
            "value": result.detail if isinstance(result, Happening) else result.value,
            "sign": "" if isinstance(result, Happening) else result.comparator,
            "day": date_of(result.day),
            "drug": key,
            "started": date_of(course.start),
            "found": found,
            "do": verdict.do,
        },
    )


def _after_immunoglobulin(patient: PatientFacts, day: int) -> bool:
    """Whether immunoglobulin was given, or still acted, when the blood was taken; what came later changes nothing."""
    for one in patient.statements:
        row = drug(one.drug) if one.start <= day else None
        if row is None or not row.has_class("immunoglobulin"):
            continue
        ended = one.start if one.frequency == "once" or (one.status == "stopped" and one.end is None) else one.end
        if ended is None or day <= ended + (row.acts_for_days or 0):
            return True
    return False


@lru_cache(maxsize=64)
def _label(fact: str) -> str:
    return events()[fact].label if fact in events() else measure(fact).short_label


def _shown(row: Mapping[str, Any]) -> str:
    """`positive`, `negative`, the text of a record, or the number with its unit."""
    if row["subject"] in events():
        return str(row["value"]) or "done"
    known = measure(str(row["subject"]))
    if known.family == "presence":
        return "positive" if float(row["value"]) >= 1 else "negative"
    return f"{row['sign']}{number(float(row['value']), 1)} {known.unit}".strip()


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The result, what it means, and for which drug."""
    del parameters
    name = str(row["drug"])
    known = drug(name)
    taken = f"{known.label.lower() if known else name} since {day_text(row['started'])}"
    result = f"{row['label']} {_shown(row)} on {day_text(row['day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{result} ({taken}): {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{result} ({taken}): nothing that stands against it."
    return f"{result} ({taken}): {row['found']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "measure again, or hold it against the limits for this age"
    return str(row["do"]) if row["state"] == MET else ""


RULE = Rule(
    key="screening-result",
    title="Screening result that matters",
    question="Did a screening test find something that matters for a drug being taken?",
    why_it_matters=(
        "That a screen was done is remembered, its result is not: rituximab has woken hepatitis B that was on file, "
        "azathioprine has destroyed the marrow of patients whose TPMT was known to be absent."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    subject="screen",
    reads=("medications", *(screen.fact for screen in SCREENS)),
    sources=(
        Source("Rituximab: immunoglobulins and hepatitis B", 2021, "doi 10.1007/s00296-021-04847-x", "seen"),
        Source(
            "NHS Specialist Pharmacy Service: azathioprine and TPMT",
            2024,
            "sps.nhs.uk/monitorings",
            "seen",
            "absent: avoid; low: half the dose",
        ),
        Source("EULAR: screening for and preventing infections", 2022, "doi 10.1136/ard-2022-223335", "seen"),
        Source(
            "ACR guideline on reproductive health",
            2020,
            "the-rheumatologist.org",
            "seen",
            "stop cyclophosphamide, mycophenolate and methotrexate in pregnancy",
        ),
        Source("Limits of TPMT, immunoglobulin G, glucose and HbA1c", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "antibodies from donors after immunoglobulin",
        "TPMT measured after a transfusion, or by an assay with other limits",
        "glucose after a meal",
    ),
    clears_when="a later result is fine, or the drug has ended and acts no longer",
    topic="treatment safety",
    limitations=(
        "Qualitative screens are read as 0 and 1, screens recorded as events by the word 'positive'. Limits of TPMT "
        "depend on the assay. For immunoglobulin G of children no limit is known here."
    ),
    catalogue=("SAFE-08", "SAFE-09", "SAFE-10", "SAFE-11"),
    one_line=one_line_each,
    quiet_when_untold=True,
    examples=(
        Example(
            title="hepatitis B core antibody under rituximab given five months ago",
            observations=({"measure": "anti_hbc", "value": 1, "day": -200},),
            medications=({"drug": "rituximab", "dose": 1000, "frequency": "once", "route": "iv", "start": -150},),
            expect={"subject": "anti_hbc", "state": MET, "severity": URGENT, "since": -150},
        ),
        Example(
            title="TPMT absent, azathioprine begun three days ago",
            observations=({"measure": "tpmt", "value": 2, "day": -30},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -3},),
            expect={"subject": "tpmt", "state": MET, "severity": URGENT, "since": -3},
        ),
        Example(
            title="TPMT normal",
            observations=({"measure": "tpmt", "value": 32, "day": -30},),
            medications=({"drug": "azathioprine", "dose": 150, "start": -3},),
            expect={"subject": "tpmt", "state": NOT_MET},
        ),
        Example(
            title="glucose 250 under prednisone",
            observations=({"measure": "glucose", "value": 250, "day": -2},),
            medications=({"drug": "prednisone", "dose": 40, "start": -60},),
            expect={"subject": "glucose", "state": MET, "severity": ACTION, "since": -2},
        ),
        Example(
            title="immunoglobulin G of 450 in a child: no limit is known",
            patient={"age_years": 8},
            observations=({"measure": "igg", "value": 450, "day": -20},),
            medications=({"drug": "rituximab", "dose": 500, "frequency": "once", "route": "iv", "start": -60},),
            expect={"subject": "igg", "state": CANNOT_TELL},
        ),
    ),
)

"""Screening results and what they mean for a drug: taken, still acting, or only thought of.

Hepatitis B and C, HIV, tuberculosis, varicella, TPMT, immunoglobulin G, glucose and HbA1c, pregnancy. A screen is read
for the rule that looks at running drugs and for every list of options, so that both say the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jobs.rule import ACTION, URGENT, WATCH, day_text, number, parameter
from models.patient_facts import Happening, PatientFacts, Reading
from models.states import Severity
from models.vocabulary import ACTIVE_TREATMENT, drug, events, measure, remembered, written_unit

HARMS_THE_UNBORN = ("cyclophosphamide", "leflunomide", "methotrexate", "mycophenolate mofetil", "mycophenolic acid")
WAKES_HEPATITIS_B = ("rituximab", "obinutuzumab", "cd19 car-t", "anti-tnf", "jak-inhibitor", "cyclophosphamide")
POSITIVE_WORDS = ("positive", "reactive", "detected")
ANTIBODY_TESTS = ("anti_hbc", "anti_hcv", "vzv_igg")
"""Antibodies of others: after immunoglobulin they may be the donors'."""


@dataclass(frozen=True)
class ScreenLimits:
    """From where on a screening result counts, and for how long."""

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
    """What a result means for a drug. Severity None: nothing to worry about.

    Attributes:
        severity: how soon to act where the drug is taken.
        found: what the result says.
        do: what to do where the drug is taken.
        before: what comes before the first dose where the drug is only thought of.
        rules_out: with this result the drug is no option at all.
    """

    severity: Severity | None
    found: str = ""
    do: str = ""
    before: str = ""
    rules_out: bool = False


FINE = Verdict(None)
Found = Reading | Happening
Judge = Callable[[Found, str, ScreenLimits], Verdict]


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


def _hepatitis_b_antigen(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del parameters
    if not _positive(result):
        return FINE
    grave = URGENT if belongs(name, WAKES_HEPATITIS_B) else ACTION
    return Verdict(
        grave,
        "hepatitis B surface antigen is positive: there is an infection",
        "hepatologist and antiviral treatment before the next dose; HBV DNA, liver enzymes",
        "hepatologist and antiviral treatment first; HBV DNA, liver enzymes",
    )


def _hepatitis_b_core(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del parameters
    if not _positive(result):
        return FINE
    grave = ACTION if belongs(name, WAKES_HEPATITIS_B) else WATCH
    return Verdict(
        URGENT if name in ("rituximab", "obinutuzumab") else grave,
        "hepatitis B core antibody is positive: a past infection can wake",
        "HBV DNA; antiviral prophylaxis under rituximab and other strong agents; liver enzymes every 2 to 3 months",
        "HBV DNA first; antiviral prophylaxis under rituximab and other strong agents",
    )


def _hepatitis_c(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name, parameters
    return (
        Verdict(
            ACTION,
            "hepatitis C antibody is positive",
            "HCV RNA; treat first where it is found; liver-toxic drugs last",
            "HCV RNA first, and treatment where it is found; liver-toxic drugs last",
        )
        if _positive(result)
        else FINE
    )


def _hiv(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name, parameters
    return (
        Verdict(
            ACTION,
            "the HIV test is positive",
            "confirm; infectious diseases before more immunosuppression",
            "confirm, and infectious diseases first",
        )
        if _positive(result)
        else FINE
    )


def _tuberculosis(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del parameters
    found = _positive(result) if isinstance(result, Reading) else _said_positive(result)
    if not found:
        return FINE
    return Verdict(
        URGENT if belongs(name, ("anti-tnf",)) else ACTION,
        "the tuberculosis screen is positive",
        "chest X-ray, look for active disease; preventive treatment before or beside the drug",
        "chest X-ray and preventive treatment first",
    )


def _varicella(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name, parameters
    if _positive(result):
        return FINE
    return Verdict(
        WATCH,
        "no immunity against varicella",
        "tell the family what to do after contact; vaccinate contacts; no live vaccine under treatment",
        "vaccinate first where there is time: no live vaccine under treatment",
    )


def _tpmt(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if _below(result, parameters.tpmt_absent_below):
        return Verdict(
            URGENT,
            "TPMT is absent: ordinary doses destroy the marrow",
            "stop azathioprine; another agent",
            "another agent",
            rules_out=True,
        )
    if _below(result, parameters.tpmt_low_below):
        return Verdict(
            ACTION,
            "TPMT is low",
            "half the dose (1 mg/kg), blood counts more often, or another agent",
            "half the dose (1 mg/kg), blood counts more often, or another agent",
        )
    return FINE


def _immunoglobulin(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if _below(result, parameters.igg_very_low_below):
        return Verdict(
            ACTION,
            "immunoglobulin G is very low",
            "before the next dose: infections, replacement, another agent",
            "infections and replacement first, or another agent",
        )
    if _below(result, parameters.igg_low_below):
        return Verdict(
            WATCH,
            "immunoglobulin G is low",
            "ask for infections; measure again before the next dose",
            "ask for infections first",
        )
    return FINE


def _glucose(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name
    if not isinstance(result, Reading):
        return FINE
    if result.value >= parameters.glucose_dangerous:
        return Verdict(
            URGENT,
            "glucose is dangerously high",
            "call today: symptoms, ketones; treat",
            "treat it first: a steroid raises it further",
        )
    if result.value >= parameters.glucose_high:
        return Verdict(
            ACTION,
            "glucose is in the range of diabetes",
            "repeat fasting, HbA1c; treat; lower the dose if the disease allows",
            "fasting glucose and HbA1c, and a plan for it, first: a steroid raises it further",
        )
    return FINE


def _hba1c(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del name
    if isinstance(result, Reading) and result.value >= parameters.hba1c_high:
        return Verdict(
            ACTION,
            "HbA1c is in the range of diabetes",
            "treat; lower the dose if the disease allows",
            "a plan for the sugar first: a steroid raises it further",
        )
    return FINE


def _pregnancy(result: Found, name: str, parameters: ScreenLimits) -> Verdict:
    del parameters
    found = _positive(result) if isinstance(result, Reading) else _said_positive(result)
    if not found:
        return FINE
    if name in HARMS_THE_UNBORN:
        return Verdict(
            URGENT,
            "the pregnancy test is positive, and the drug harms the unborn",
            "call today: stop the drug, obstetrics, folic acid; never wait for the next visit",
            "another agent",
            rules_out=True,
        )
    return Verdict(
        ACTION,
        "the pregnancy test is positive",
        "obstetrics; which drugs may go on, and none that harms the unborn",
        "obstetrics first",
    )


def _said_positive(record: Found) -> bool:
    """Whether the text of a record of a screen says that it was positive."""
    said = record.detail.casefold() if isinstance(record, Happening) else ""
    denied = any(f"{no}{word}" in said for no in ("not ", "non-", "non", "no ") for word in POSITIVE_WORDS)
    return any(word in said for word in POSITIVE_WORDS) and not denied


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
    ResultScreen("hcg", (*HARMS_THE_UNBORN, ACTIVE_TREATMENT), _pregnancy, "pregnancy_days"),
    ResultScreen("pregnancy_test", (*HARMS_THE_UNBORN, ACTIVE_TREATMENT), _pregnancy, "pregnancy_days", is_event=True),
)


def belongs(name: str, treatments: tuple[str, ...]) -> bool:
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


class Adverse(NamedTuple):
    """A result on file that stands against a drug that is only thought of."""

    screen: ResultScreen
    result: Found
    verdict: Verdict

    @property
    def said(self) -> str:
        """`HBsAg positive on 20 Aug 2026`."""
        return f"{label(self.screen.fact)} {shown(self.screen.fact, self.result)} on {day_text(self.result.day)}"


def latest_result(patient: PatientFacts, screen: ResultScreen) -> Found | None:
    """The latest result of a measure, or the latest record of a screen."""
    if not screen.is_event:
        return patient.latest(screen.fact)
    record = patient.last_event(screen.fact)
    return record if record is not None and record.present else None


def holds(screen: ResultScreen, result: Found, today: int, parameters: ScreenLimits) -> bool:
    """Whether a result is not too old to say anything of today."""
    return not screen.lasts or today - result.day <= getattr(parameters, screen.lasts)


def adverse_results(patient: PatientFacts, name: str, parameters: ScreenLimits) -> list[Adverse]:
    """What stands against giving a drug, from the results on file; not what is missing."""
    found = []
    for screen in SCREENS:
        if not belongs(name, screen.matters_for) or (screen.adults_only and patient.is_child()):
            continue
        result = latest_result(patient, screen)
        if result is None or not holds(screen, result, patient.today, parameters):
            continue
        verdict = screen.judge(result, name, parameters)
        if verdict.severity is not None:
            found.append(Adverse(screen, result, verdict))
    return found


@remembered(maxsize=64)
def label(fact: str) -> str:
    """What a screen is called."""
    return events()[fact].label if fact in events() else measure(fact).short_label


def shown(fact: str, result: Found) -> str:
    """`positive`, `negative`, the text of a record, or the number with its unit."""
    if isinstance(result, Happening):
        return result.detail or "done"
    known = measure(fact)
    if known.family == "presence":
        return "positive" if result.value >= 1 else "negative"
    return f"{result.comparator}{number(result.value, 3)} {written_unit(known.unit)}".strip()

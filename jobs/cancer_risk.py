"""The risk that a cancer goes with this myositis (IMACS 2023), and the highest it could be with what is missing.

Looked at: subtype, antibodies, age at the diagnosis, sex, trouble swallowing, skin ulcers and disease that does not
respond.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from jobs.rule import MET, parameter
from models.patient_facts import PatientFacts
from models.vocabulary import autoantibodies

STANDARD, MODERATE, HIGH = "standard", "moderate", "high"
HIGH_SUBTYPES, MODERATE_SUBTYPES = ("DM",), ("ADM", "PM", "IMNM")
LOW_SUBTYPES = ("ASYS", "OVERLAP")
HIGH_ANTIBODIES, MODERATE_ANTIBODIES = ("TIF1G", "NXP2"), ("SAE", "HMGCR", "MI2", "MDA5")
SWALLOWING, ULCERS, RESISTS = "trouble swallowing", "skin ulcers", "active disease that does not respond"
FEATURES = (SWALLOWING, ULCERS, RESISTS)


@dataclass(frozen=True)
class CancerRiskParameters:
    """Thresholds of the risk."""

    onset_above: int = parameter(
        40,
        unit="years",
        low=30,
        high=60,
        meaning="an age at the diagnosis above this is a high-risk factor",
        source="IMACS 2023, legend of figure 1 (IMACS-CANCER-2023)",
        mark="seen",
    )
    high_from: int = parameter(
        2,
        unit="high-risk factors",
        low=1,
        high=4,
        meaning="from so many on the risk is high; one makes it moderate",
        source="IMACS 2023, figure 1; its body was not read",
        mark="memory",
    )
    moderate_from: int = parameter(
        2,
        unit="moderate-risk factors",
        low=1,
        high=4,
        meaning="from so many on the risk is moderate without any high-risk factor",
        source="IMACS 2023, figure 1; its body was not read",
        mark="memory",
    )
    before_days: int = parameter(
        365, unit="days", low=90, high=730, meaning="what was done this long before the diagnosis counts for it"
    )


class CancerRisk(NamedTuple):
    """The risk by what is known, what makes it so, and the highest it could be with what is missing."""

    known: str
    could_be: str
    factors: tuple[str, ...]
    facts: tuple[str, ...]
    missing: tuple[str, ...]


def cancer_risk(patient: PatientFacts, onset: int | None, begun: int, parameters: CancerRiskParameters) -> CancerRisk:
    """The risk of a patient of that age at the diagnosis (None: not known), `begun` being the day of it."""
    codes = tuple(code for code in patient.autoantibodies.split(";") if code)
    high, moderate, facts, missing = [], [], [], []
    if patient.diagnosis in HIGH_SUBTYPES:
        high.append("dermatomyositis")
    elif patient.diagnosis in MODERATE_SUBTYPES:
        moderate.append(patient.diagnosis)
    elif patient.diagnosis not in LOW_SUBTYPES:
        missing.append("subtype")
    high += [_label(code) for code in codes if code in HIGH_ANTIBODIES]
    moderate += [_label(code) for code in codes if code in MODERATE_ANTIBODIES]
    if not _is_specific(codes):
        missing.append("a myositis-specific antibody")
    if onset is None:
        missing.append("birth date")
    elif onset > parameters.onset_above:
        high.append(f"age {onset} at the diagnosis")
    if patient.sex == "male":
        moderate.append("male")
    elif patient.sex != "female":
        missing.append("sex")
    for event, said in (("dysphagia", SWALLOWING), ("skin_ulcers", ULCERS)):
        found = [one for one in patient.events(event) if one.present and one.day >= begun - parameters.before_days]
        if found:
            high.append(said)
            facts.append(found[0].fact)
    resists = [one for one in patient.answers_of("active-disease") if one.numbers.get("treatment") == "not_responding"]
    if any(one.state == MET for one in resists):
        high.append(RESISTS)
    known = _class(len(high), len(moderate), parameters)
    # Each thing missing could be one more high-risk factor; sex could be a moderate one.
    could = _class(len(high) + sum(one != "sex" for one in missing), len(moderate) + ("sex" in missing), parameters)
    return CancerRisk(known, could, (*high, *moderate), tuple(facts), tuple(missing))


def _class(high: int, moderate: int, parameters: CancerRiskParameters) -> str:
    if high >= parameters.high_from:
        return HIGH
    return MODERATE if high or moderate >= parameters.moderate_from else STANDARD


def _label(code: str) -> str:
    return autoantibodies()[code].label


@lru_cache(maxsize=512)
def _is_specific(codes: tuple[str, ...]) -> bool:
    """Whether one of the antibodies belongs to one subtype only: then those of the others are not to be expected."""
    known = autoantibodies()
    return any(code in known and known[code].group not in ("MAA", "IBM") for code in codes)

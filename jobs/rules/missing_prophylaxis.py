"""Is protection missing that should go with this patient's steroids and immunosuppression?

Looked at: the steroid dose, the other immunosuppressants, bone density scans and their values, FRAX, osteoporosis and
fractures, and the protective drugs on file. Four questions, each on its own line. For adults a bone density scan after
three months of steroid, and a bone-protecting drug where the risk of a fracture is moderate, high or very high
(`jobs.fracture_risk`, ACR 2022); where the risk is not known that is said, with what is missing. For everybody calcium
with vitamin D after three months. For a child a scan is never asked for; a fracture under steroids goes to a children's
bone centre. Protection against Pneumocystis by dose, duration and what else is taken (`jobs.pneumocystis`).
What does not count: local steroids. A pause of two weeks or less does not end the three months.
Everything here is for the prescriber to weigh; nothing is an order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import exposure as steroids
from jobs.fracture_risk import (
    FRAX_FROM_YEARS,
    MODERATE,
    FractureParameters,
    Risk,
    bone_spell,
    broken_on,
    child_with_a_fracture,
    fracture_risk,
    last_present,
)  # fmt: skip
from jobs.newest import on_record
from jobs.phrasing import listed, subject_label
from jobs.pneumocystis import PneumocystisParameters, protection
from jobs.protection_answer import Reason, protection_answer
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
)  # fmt: skip
from jobs.treatment import taking
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, date_of

SCAN, SUPPLEMENTS, BONE_DRUG, PNEUMOCYSTIS = "bone-density", "calcium-vitamin-d", "bone-protection", "pneumocystis"


@dataclass(frozen=True)
class Parameters(PneumocystisParameters, FractureParameters):
    """Thresholds of the missing-prophylaxis rule."""

    gap_days: int = parameter(3, unit="days", low=0, high=14, meaning="days off that do not end a spell at these doses")


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """For whoever takes a steroid, or had cyclophosphamide; a scan for adults only."""
    found = steroids.exposure(patient)
    # Whoever ever had cyclophosphamide keeps an answer: only that, not silence, can settle an alert.
    if not found.on_file and not any(one.drug == "cyclophosphamide" for one in patient.statements):
        return
    bone = bone_spell(found, parameters)
    if patient.is_child():
        yield _supplements(patient, found, bone, as_of, parameters)
        broken = child_with_a_fracture(patient, found, parameters)
        if broken is not None:
            yield _bone_drug(patient, found, bone, broken, as_of, parameters)
    else:
        yield _scan(patient, found, bone, as_of, parameters)
        yield _supplements(patient, found, bone, as_of, parameters)
        risk = fracture_risk(patient, found, as_of, parameters, parameters.gap_days)
        yield _bone_drug(patient, found, bone, risk, as_of, parameters)
    yield _pneumocystis(patient, found, as_of, parameters)


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
    return protection_answer(
        SCAN,
        found,
        as_of,
        reason=reason,
        could_be=bone.could_be and not valid,
        severity=WATCH,
        due=due,
        recheck=steroids.earliest(bone.recheck, expires if valid else None),
        last_scan=None if scan is None else date_of(scan.day),
        over_40=_is_over_40(patient),
    )


def _supplements(
    patient: PatientFacts, found: steroids.Exposure, bone: steroids.Spell, as_of: int, parameters: Parameters
) -> Answer:
    supplements = taking(patient, lambda row: row.has_class("calcium-vitamin-d"))
    reason = None
    if bone.run is not None and bone.reached and not supplements.has:
        words = f"{number(parameters.bone_from_mg)} mg/day of steroid or more since {day_text(bone.run.start)}"
        reason = Reason(words, bone.run.nth_day, bone.run.start)
    return protection_answer(
        SUPPLEMENTS,
        found,
        as_of,
        reason=reason,
        could_be=bone.could_be and not supplements.has,
        severity=WATCH,
        recheck=steroids.earliest(bone.recheck, supplements.ends),
    )


def _bone_drug(
    patient: PatientFacts,
    found: steroids.Exposure,
    bone: steroids.Spell,
    risk: Risk,
    as_of: int,
    parameters: Parameters,
) -> Answer:
    protected = taking(patient, lambda row: row.has_class("bone-protection"))
    reason = None
    if risk.is_treated and not protected.has:
        reason = Reason(risk.words, risk.since, risk.taken_from, risk.facts)
    now = steroids.spell(
        found, parameters.very_high_from_mg, gap_days=parameters.gap_days, nth=parameters.very_high_days + 1
    )
    fragile = bool(broken_on(patient) or on_record(patient, "osteoporosis"))
    unknown = now.could_be or (fragile and not bone.alive and bone.could_be)
    return protection_answer(
        BONE_DRUG,
        found,
        as_of,
        reason=reason,
        could_be=unknown and not protected.has,
        severity=WATCH if risk.level == MODERATE else ACTION,
        recheck=steroids.earliest(bone.recheck, now.recheck, risk.recheck, protected.ends),
        missing=() if protected.has else risk.missing,
        risk=risk.level,
        child=patient.is_child(),
        over_40=_is_over_40(patient),
    )


def _is_over_40(patient: PatientFacts) -> bool | None:
    return None if patient.age is None else patient.age >= FRAX_FROM_YEARS


def _pneumocystis(patient: PatientFacts, found: steroids.Exposure, as_of: int, parameters: Parameters) -> Answer:
    told = protection(patient, found, as_of, parameters, parameters.gap_days)
    need = told.need
    reason = None
    if need is not None and not told.taken.has:
        reason = Reason(need.words, need.since, need.taken_from, need.facts)
    return protection_answer(
        PNEUMOCYSTIS,
        found,
        as_of,
        reason=reason,
        could_be=told.could_be and not told.taken.has,
        severity=ACTION,
        recheck=told.recheck,
        on_methotrexate=told.on_methotrexate and reason is not None,
        basis=None if need is None else need.basis,
        child=patient.is_child(),
        may_stop=told.may_stop,
    )


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
    """What calls for the protection, by whose threshold, and that it is not on file."""
    wanted = _WANTED[str(row["subject"])]
    if row["state"] == CANNOT_TELL:
        return f"Whether {wanted} is called for cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        text = f"{wanted[0].upper()}{wanted[1:]} is on file, or not called for."
        return f"{text} {_STOPPING}" if row.get("may_stop") else text
    # A drug that was taken and stopped is on file, too.
    where = "on file" if row["subject"] == SCAN else "on the present list of drugs"
    text = f"{row['called_for_by']}, and no {wanted.removeprefix('a ')} {where}"
    text = text[0].upper() + text[1:]
    if row["subject"] == SCAN:
        last = row.get("last_scan")
        known = last is not None and last == last
        text += f" since {day_text(last)}" if known else ""
        return f"{text}; due {day_text(row['due'])}."
    if row["subject"] == BONE_DRUG and not row.get("child"):
        return f"{text}. The risk of a fracture is {row['risk']} (ACR 2022)."
    basis = row.get("basis")
    told = f"{text}. {basis[0].upper()}{basis[1:]}." if basis else f"{text}."
    if row["subject"] == PNEUMOCYSTIS and row.get("child"):
        told += " These thresholds are of adults; for children there are none."
    return told


_STOPPING = "Nothing on file calls for protection against Pneumocystis any more: whether it may stop can be reviewed."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        if row["subject"] == BONE_DRUG and str(row["cannot_tell_because"]).endswith("not on file"):
            return "enter what is missing, or have it measured"
        return "complete the steroid record: dose, weight or end date"
    if row["state"] != MET:
        return ""
    if row["subject"] == SCAN:
        frax = "" if row.get("over_40") is False else ", and FRAX"
        return f"book a bone density scan with an image of the vertebrae{frax}, or record where it was done"
    if row["subject"] == SUPPLEMENTS:
        return "ask about calcium and vitamin D (often bought without prescription) and record it"
    if row["subject"] == BONE_DRUG:
        return (
            "ask a children's bone centre about bone protection"
            if row.get("child")
            else "ask the prescriber about bone protection"
        )
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
    ages=lambda parameters: (ADULT_FROM_YEARS, FRAX_FROM_YEARS),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="protection",
    reads=(
        "medications",
        "weight",
        "diagnosis",
        "autoantibodies",
        "dxa",
        "osteoporosis",
        "fragility_fracture",
        "bone_t_score",
        "bone_z_score",
        "frax_major",
        "frax_hip",
        "lymphocytes",
        "interstitial_lung_disease",
        "skin_ulcers",
    ),
    sources=(
        Source(
            "ACR guideline on glucocorticoid-induced osteoporosis",
            2022,
            "guidelinecentral.com/guideline/7043",
            "seen",
            "key recommendations read; moderate, high and very high risk are treated; children not read in full",
        ),
        Source(
            "Risk classes of that guideline as a clinical reference reprints them",
            2023,
            "BMJ Best Practice, criteria of osteoporosis",
            "seen",
            "30 mg/day for more than 30 days, or 5 g a year; FRAX, T- and Z-scores by age",
        ),
        Source(
            "EULAR recommendations on screening for and preventing infections",
            2022,
            "doi 10.1136/ard-2022-223335",
            "seen",
            "above 15 to 30 mg for more than 2 to 4 weeks",
        ),
        Source(
            "Review behind these recommendations",
            2022,
            "doi 10.1136/rmdopen-2022-002726",
            "seen",
            "cohorts of 30 mg for four weeks and of 15 to 30 mg",
        ),
        Source(
            "ASCO guideline on checkpoint inhibitors",
            2021,
            "doi 10.1200/jco.21.01440",
            "seen",
            "section 12.2: 20 mg for four weeks, or above 30 mg for three",
        ),
        Source(
            "ACR guideline on ANCA-associated vasculitis",
            2021,
            "doi 10.1002/art.41773",
            "seen",
            "under cyclophosphamide or rituximab (a summary was read); not a guideline of myositis",
        ),
        Source(
            "Pneumocystis pneumonia in juvenile myositis",
            2021,
            "pmc.ncbi.nlm.nih.gov/articles/PMC7850515",
            "seen",
            "anti-MDA5, lung disease, skin ulcers and pulses were more frequent in those who had it",
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
    in_time=lambda limits: (
        f"a year has passed since a dose of {number(limits.very_high_from_mg)} mg/day or more, or the sum of the last "
        f"year has become less than {number(limits.very_high_year_mg / 1000, 3)} g"
    ),
    topic="protection",
    limitations=(
        "Whoever takes any bone drug is not asked for another one. "
        "FRAX is taken as entered and never worked out: above 7.5 mg/day the guideline raises it. A loss of density "
        "between two scans is not measured. A child's bone is judged by a fracture on file only. Its limits and the "
        "lymphocyte count that is a further risk are from memory. Which dose calls for protection against Pneumocystis "
        "is a setting within a published range; for myositis there is no guideline."
    ),
    version="2.0.0",
    changed=(
        "Bone drugs by the risk classes of ACR 2022: moderate risk too, the risk not known where FRAX or a density "
        "is not on file, very high only after more than 30 days. Pneumocystis also at 30 mg alone, at more than 15 mg "
        "with a further risk, and by the oncologists' thresholds after a checkpoint inhibitor."
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
            title="30 mg for more than 30 days",
            medications=({"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -30},),
            patient={"age_years": 60},
            expect={"subject": BONE_DRUG, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="5 mg for four months at 55 years and a T-score of -1.8: a moderate risk is treated",
            observations=({"measure": "bone_t_score", "value": -1.8, "day": -20},),
            medications=({"drug": "prednisone", "dose": 5, "unit": "mg", "frequency": "daily", "start": -120},),
            patient={"age_years": 55},
            expect={"subject": BONE_DRUG, "state": MET, "severity": WATCH, "since": -20},
        ),
        Example(
            title="5 mg for four months at 55 years, neither FRAX nor a bone density on file",
            medications=({"drug": "prednisone", "dose": 5, "unit": "mg", "frequency": "daily", "start": -120},),
            patient={"age_years": 55},
            expect={"subject": BONE_DRUG, "state": CANNOT_TELL},
        ),
        Example(
            title="30 mg for four weeks, nothing else",
            medications=({"drug": "prednisone", "dose": 30, "unit": "mg", "frequency": "daily", "start": -27},),
            expect={"subject": PNEUMOCYSTIS, "state": MET, "severity": ACTION, "since": 0},
        ),
        Example(
            title="18 mg for three weeks with mycophenolate, anti-MDA5",
            medications=(
                {"drug": "prednisone", "dose": 18, "unit": "mg", "frequency": "daily", "start": -20},
                {"drug": "mycophenolate mofetil", "dose": 2000, "unit": "mg", "frequency": "daily", "start": -20},
            ),
            patient={"autoantibodies": "MDA5"},
            expect={"subject": PNEUMOCYSTIS, "state": MET, "severity": ACTION, "since": -6},
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

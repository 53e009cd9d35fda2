"""Myositis of adults: is the search for a cancer that goes with it complete?

Looked at: subtype, antibodies, age at the diagnosis, sex, trouble swallowing, skin ulcers and disease that does not
respond, which together make the risk high, moderate or standard; and what of the search is on file. What counts: in the
three years after the diagnosis an examination of the panel for this risk that nobody recorded. What does not: juvenile
disease and inclusion body myositis, which the guideline does not ask to be screened, a cancer that is known, and
disease that began under a checkpoint inhibitor, whose cancer is known too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.asked_for import ASKS, OVERDUE_LABS, asked_for, asks_for
from jobs.cancer_risk import FEATURES, HIGH, STANDARD, CancerRisk, CancerRiskParameters, cancer_risk
from jobs.examinations import Done, Examination, last_done
from jobs.newest import next_after
from jobs.phrasing import listed
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
    parameter,
    stretch,
)
from models.age import age_on
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, day_number
from models.states import Cause, Severity

SUBJECT = "patient"
NOT_SCREENED = ("IBM", "ICI_MYOSITIS")
CANCER = "cancer"
ASKED_BEFORE = (OVERDUE_LABS, "missing-safety-screen", "lung-screening")
"""Rules that ask for some of the same tests; what they ask for is not asked for again here."""
ALL_DONE = "cancer_screening"
"""The event that says the whole search was done, wherever its parts are recorded."""

BASIC = (
    Examination("blood_count", "blood count", ("haemoglobin", "white_cells", "platelets")),
    Examination("liver_tests", "liver tests", ("alt", "ast", "gamma_gt", "bilirubin")),
    Examination("inflammation", "ESR or CRP", ("crp", "esr")),
    Examination("protein_electrophoresis", "protein electrophoresis", events=("protein_electrophoresis",)),
    Examination("urinalysis", "urinalysis", events=("urinalysis",)),
    Examination("chest_x_ray", "chest X-ray", events=("chest_x_ray", "chest_ct", "ct_neck_to_pelvis", "pet_ct")),
)
ENHANCED = (
    Examination("ct_neck_to_pelvis", "CT of neck, chest, abdomen and pelvis", events=("ct_neck_to_pelvis", "pet_ct")),
    Examination("faecal_occult_blood", "faecal occult blood", events=("faecal_occult_blood", "colonoscopy")),
)
OF_WOMEN = (
    Examination("cervical_screening", "cervical screening", events=("cervical_screening",)),
    Examination("mammography", "mammography", events=("mammography",)),
    Examination("ca125_test", "CA-125", events=("ca125_test",)),
    Examination("pelvic_ultrasound", "pelvic ultrasound", events=("pelvic_ultrasound",)),
)
OF_MEN = (Examination("psa_test", "PSA", events=("psa_test",)),)


@dataclass(frozen=True)
class Parameters(CancerRiskParameters):
    """Thresholds of the cancer-screening rule."""

    years: int = parameter(
        3,
        unit="years",
        low=1,
        high=5,
        meaning="so long after the diagnosis the search goes on",
        source="IMACS 2023 (IMACS-CANCER-2023); it counts from the first symptoms, which are not on file",
        mark="seen",
    )
    grace_days: int = parameter(
        60, unit="days", low=14, high=182, meaning="asked for only this long after the day on which it was due"
    )
    early_days: int = parameter(
        182, unit="days", low=60, high=365, meaning="a yearly round may be done this long before its day"
    )
    action_days: int = parameter(
        365, unit="days", low=90, high=1095, meaning="at high risk a first search not begun is for this week so long"
    )


class _Round(NamedTuple):
    """One examination that the risk asks for: when its newest round was due, from which day on what was done counts."""

    what: Examination
    due: int
    earliest: int
    done: Done | None


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for an adult within the years after the diagnosis."""
    if patient.diagnosis in NOT_SCREENED or patient.is_juvenile:
        return
    numbers: dict[str, Any] = {
        "risk": "",
        "could_be": "",
        "factors": "",
        "missing": "",
        "said": "",
        "open": "",
        "more": "",
        "elsewhere": "",
    }
    if patient.diagnosed_on is None:
        if patient.is_child() or not patient.statements:
            return
        day = "the day of the diagnosis"
        yield _untold(f"{day} is not on file", numbers | {"missing": day})
        return
    begun = day_number(patient.diagnosed_on)
    ends = begun + 365 * parameters.years + parameters.early_days
    if as_of > ends or as_of < begun:
        return
    onset = age_on(patient.birth_date, patient.diagnosed_on)
    if onset is not None and onset < ADULT_FROM_YEARS:
        return
    cancer = patient.last_event(CANCER)
    if cancer is not None and cancer.present:
        yield Answer(SUBJECT, NOT_MET, evidence=(cancer.fact,), numbers=numbers | {"said": "a cancer is on file"})
        return
    risk = cancer_risk(patient, onset, begun, parameters)
    numbers |= {"risk": risk.known, "could_be": risk.could_be, "factors": ", ".join(risk.factors)}
    numbers |= {"missing": ", ".join(risk.missing)}
    rounds = _rounds(patient, risk.known, begun, as_of, parameters)
    elsewhere = asked_for(patient, ASKED_BEFORE)
    undone = [one for one in rounds if one.done is None]
    open_ones = [one for one in undone if elsewhere.isdisjoint(_facts_of(one.what))]
    numbers["elsewhere"] = _labels([one for one in undone if one not in open_ones])
    late = [one for one in open_ones if as_of > one.due + parameters.grace_days]
    recheck_on = next_after(as_of, *_changes(begun, ends, parameters))
    evidence = tuple(dict.fromkeys((*risk.facts, *(one.done.fact for one in rounds if one.done is not None))))
    if late:
        due = min(one.due for one in late)
        yield Answer(
            SUBJECT,
            MET,
            severity=_severity(risk.known, rounds, begun, as_of, parameters),
            since=due + parameters.grace_days + 1,
            due=due,
            recheck_on=recheck_on,
            evidence=evidence,
            numbers=numbers
            | {"said": _labels(late), "open": _by_round(late), "more": _more(patient, risk, onset, parameters)}
            | {ASKS: asks_for(fact for one in late for fact in _facts_of(one.what))},
        )
    elif risk.could_be != risk.known:
        yield _untold(f"not on file: {', '.join(risk.missing)}", numbers, evidence, recheck_on)
    else:
        numbers |= {"said": _labels(open_ones), "open": _by_round(open_ones)}
        yield Answer(SUBJECT, NOT_MET, recheck_on=recheck_on, evidence=evidence, numbers=numbers)


def _untold(
    because: str, numbers: Mapping[str, Any], evidence: tuple[str, ...] = (), recheck_on: int | None = None
) -> Answer:
    return Answer(
        SUBJECT,
        CANNOT_TELL,
        recheck_on=recheck_on,
        evidence=evidence,
        cannot_tell_because=because,
        cause=Cause.NOT_ON_FILE,
        numbers=numbers,
    )


def _changes(begun: int, ends: int, parameters: Parameters) -> Iterator[int]:
    """The days on which the answer may change without a new fact."""
    yield ends + 1
    yield begun + parameters.action_days + 1
    for year in range(parameters.years + 1):
        yield begun + 365 * year
        yield begun + 365 * year + parameters.grace_days + 1


# ---------------------------------------------------------------------------------------------------------------- what


def _rounds(patient: PatientFacts, risk: str, begun: int, today: int, parameters: Parameters) -> list[_Round]:
    """What the risk asks for by today, with the newest round of each."""
    everything = last_done(patient, Examination(ALL_DONE, "", events=(ALL_DONE,)))
    year = min((today - begun) // 365, parameters.years) if risk == HIGH else 0
    out = []
    for what in (*BASIC, *(_enhanced(patient.sex) if risk != STANDARD else ())):
        round_of = year if what in BASIC else 0
        due = begun + 365 * round_of
        earliest = due - (parameters.early_days if round_of else parameters.before_days)
        found = (last_done(patient, what), everything)
        done = next((one for one in found if one is not None and one.day >= earliest), None)
        out.append(_Round(what, due, earliest, done))
    return out


def _facts_of(what: Examination) -> tuple[str, ...]:
    """What would count as having done it."""
    return (*what.measures, *what.events)


def _labels(rounds: Sequence[_Round]) -> str:
    return listed([one.what.label for one in rounds])


def _by_round(rounds: Sequence[_Round]) -> str:
    """What was due on the same day together; what was done before that day's round may well be on file."""
    days = dict.fromkeys((one.due, one.earliest) for one in sorted(rounds, key=lambda one: one.due))
    return "; ".join(
        f"due since {day_text(due)} and not on file since {day_text(earliest)}: "
        + _labels([one for one in rounds if one.due == due])
        for due, earliest in days
    )


def _enhanced(sex: str) -> tuple[Examination, ...]:
    """The enhanced panel; what goes by sex is asked for where the sex is known."""
    return (*ENHANCED, *(OF_WOMEN if sex == "female" else OF_MEN if sex == "male" else ()))


def _severity(
    risk: str,
    rounds: Sequence[_Round],
    begun: int,
    today: int,
    parameters: Parameters,
) -> Severity:
    """For this week only where the risk is high and the enhanced search was not even begun in the first year."""
    begun_with = any(one.done is not None for one in rounds if one.what not in BASIC)
    return ACTION if risk == HIGH and not begun_with and today - begun <= parameters.action_days else WATCH


def _more(patient: PatientFacts, risk: CancerRisk, onset: int | None, parameters: Parameters) -> str:
    """What the guideline asks to be considered beyond the panels."""
    if risk.known != HIGH:
        return ""
    said = ["PET-CT and upper and lower endoscopy where the first search found nothing"]
    older = onset is not None and onset > parameters.onset_above
    tif1g = patient.diagnosis == "DM" and "TIF1G" in patient.autoantibodies.split(";")
    if tif1g and older and any(one in FEATURES for one in risk.factors):
        said.append("PET-CT as the only search (anti-TIF1 gamma, older, another high-risk feature)")
    return "; ".join(said)


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The risk with its factors, and what is not on file."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return f"Whether the search for a cancer is complete cannot be told: {row['cannot_tell_because']}."
    if not row["risk"]:
        return f"No search for a cancer is asked for: {row['said']}."
    factors = f" ({row['factors']})" if row["factors"] else ""
    missing = f" Not on file: {row['missing']}" if row["missing"] else ""
    if missing:
        missing += f"; the risk could be {row['could_be']}." if row["could_be"] != row["risk"] else "."
    if row["state"] == NOT_MET:
        rest = f"; {row['open']}" if row["open"] else ""
        others = f" but what other alerts ask for ({row['elsewhere']})" if row["elsewhere"] else ""
        return f"Cancer risk {row['risk']}{factors}: nothing is overdue{others}{rest}.{missing}"
    more = f" To be considered: {row['more']}." if row["more"] else ""
    return f"Cancer risk {row['risk']}{factors}. {str(row['open'])[0].upper()}{str(row['open'])[1:]}.{missing}{more}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return f"complete the record: {row['missing']}"
    if row["state"] == NOT_MET:
        return ""
    return "order it, or record when it was done (one entry 'cancer screening completed' stands for all)"


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Cancer screening, high risk: CT of neck, chest, abdomen and pelvis, mammography`."""
    return f"Cancer screening, {rows[0]['risk']} risk: {rows[0]['said']}"


RULE = Rule(
    key="cancer-screening",
    title="Cancer screening",
    question="Is the search for a cancer that goes with myositis complete?",
    why_it_matters=(
        "Adult myositis goes with cancer in the three years before and after it begins, up to one in four by the "
        "guideline's authors. It is mostly found late, and myositis answers poorly until it is treated."
    ),
    assess=assess,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    explain=explain,
    suggested_action=suggested_action,
    phrase=phrase,
    parameters=Parameters,
    subject="patient",
    reads=(
        "autoantibodies",
        "dysphagia",
        "skin_ulcers",
        CANCER,
        ALL_DONE,
        *(one.key for one in (*ENHANCED, *OF_WOMEN, *OF_MEN)),
        "active-disease",
    ),
    after=("active-disease", *ASKED_BEFORE),
    quiet_when_untold=True,
    sources=(
        Source(
            "International guideline for cancer screening in myositis (IMACS)",
            2023,
            "doi:10.1038/s41584-023-01045-w (abstract and legend of figure 1)",
            "seen",
            "adults, three years, three classes of risk, two panels; PET-CT, endoscopy; not juvenile disease",
        ),
        Source(
            "Application of risk-based cancer screening in dermatomyositis",
            2024,
            "doi:10.1001/jamadermatol.2024.3355 (abstract)",
            "seen",
            "what the basic and the enhanced panel consist of",
        ),
        Source(
            "Protocol of Oldroyd et al.",
            None,
            "medicalalgorithms.com; a secondary page",
            "seen",
            "both panels at the start, the basic panel for three years at high risk",
        ),
        Source(
            "Which subtype, antibody and feature makes which risk",
            2023,
            "IMACS guideline; its body was not read",
            "memory",
            "the lists are from memory: check them against figure 1",
        ),
    ),
    known_false_alarms=(
        "screening done elsewhere, by the family physician or a national programme, and not entered",
        "a diagnosis entered years after the disease began",
        "national programmes that begin or end at another age",
    ),
    clears_when="what is due is on file, or a cancer is recorded",
    in_time=lambda limits: (
        f"{stretch(365 * limits.years)} and {stretch(limits.early_days)} have passed since the diagnosis"
    ),
    topic="cancer",
    limitations=(
        "The lists of risk factors and how many make which class are from memory and marked so. The guideline counts "
        "from the first symptoms, this rule from the diagnosis. Ages of national programmes, family history and "
        "smoking are not looked at, nor is what an examination found. How grave trouble swallowing was is not on "
        "file: any counts."
    ),
    catalogue=("CANCER-01",),
    examples=(
        Example(
            title="dermatomyositis at 62 with anti-TIF1 gamma, four months ago, nothing on file",
            patient={
                "diagnosis": "DM",
                "autoantibodies": "TIF1G",
                "age_years": 62,
                "sex": "female",
                "diagnosed_day": -120,
            },
            events=({"event": "dysphagia", "day": -110},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -59, "due": -120},
        ),
        Example(
            title="the same, and the whole search was done",
            patient={
                "diagnosis": "DM",
                "autoantibodies": "TIF1G",
                "age_years": 62,
                "sex": "female",
                "diagnosed_day": -120,
            },
            events=({"event": ALL_DONE, "day": -100},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="anti-Jo-1 at 35: standard risk, basic panel, one part missing",
            patient={
                "diagnosis": "ASYS",
                "autoantibodies": "JO1",
                "age_years": 35,
                "sex": "female",
                "diagnosed_day": -200,
            },
            observations=(
                {"measure": "haemoglobin", "value": 13, "day": -190},
                {"measure": "alt", "value": 20, "day": -190},
                {"measure": "crp", "value": 3, "day": -190},
            ),
            events=({"event": "chest_x_ray", "day": -190}, {"event": "urinalysis", "day": -190}),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -139, "due": -200},
        ),
        Example(
            title="basic panel done, and no antibody on file: the risk could be higher",
            patient={
                "diagnosis": "ASYS",
                "autoantibodies": "",
                "age_years": 35,
                "sex": "female",
                "diagnosed_day": -200,
            },
            events=({"event": ALL_DONE, "day": -190},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="juvenile disease is not screened",
            patient={"diagnosis": "JDM", "autoantibodies": "TIF1G", "age_years": 12, "diagnosed_day": -200},
            expect={"state": NOT_MET},
        ),
        Example(
            title="four years after the diagnosis",
            patient={"diagnosis": "DM", "autoantibodies": "TIF1G", "age_years": 66, "diagnosed_day": -1461},
            expect={"state": NOT_MET},
        ),
    ),
)

"""Did a screening test find something that matters for a drug being taken, or thought of?

Looked at: the latest result of each screen on file, while a drug that it matters for runs, still acts, or is among the
options of a suggestion. What counts: hepatitis B and C, HIV or tuberculosis found; no immunity against varicella; TPMT
absent or low; immunoglobulin G low; glucose or HbA1c high under a steroid; a pregnancy. What does not: that a test was
done says nothing about its result; a screen that is not on file is asked for by another rule. Under immunoglobulin,
antibodies may come from the donors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.cards import proposed_drugs
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
    one_line_each,
)
from jobs.screens import (
    ANTIBODY_TESTS,
    SCREENS,
    Found,
    ResultScreen,
    ScreenLimits,
    belongs,
    holds,
    label,
    latest_result,
    shown,
)
from jobs.treatment import Course, courses
from models.patient_facts import ADULT_FROM_YEARS, PatientFacts, date_of
from models.states import Cause, Severity, State
from models.vocabulary import drug, remembered

SUGGESTIONS_READ = (
    "active-disease",
    "declining-strength",
    "lung-function",
    "mda5-lung-disease",
    "no-response-after-pulse",
    "pain-without-weakness",
    "prolonged-high-dose-steroids",
    "raised-troponin",
    "red-flag-symptoms",
    "rising-muscle-enzymes",
    "skin-activity",
    "steroid-monotherapy",
    "steroid-myopathy-pattern",
    "steroid-sparing-not-working",
    "taper-too-fast",
    "worsening",
)
"""What the suggestions look at: whether a drug is among the options follows from these answers."""
_RANK = {None: 0, WATCH: 1, ACTION: 2, URGENT: 3}


@dataclass(frozen=True)
class Parameters(ScreenLimits):
    """Thresholds of the screening-result rule."""


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per screen that has a result and matters for a drug that runs, still acts, or is proposed."""
    results = [(screen, result) for screen in SCREENS if (result := latest_result(patient, screen)) is not None]
    if not results:
        return
    running = courses(patient)
    names = tuple(course.drug for course in running)
    proposed: Mapping[str, str] | None = None
    for screen, result in results:
        answer = None
        for_drugs = _those_it_matters_for_most(screen, names)
        if for_drugs:
            course = min((one for one in running if one.drug in for_drugs), key=lambda one: one.start)
            answer = _taken(patient, screen, result, course, as_of, parameters)
        could_be = _gravest(patient, screen, result, screen.matters_for, as_of, parameters)
        if _RANK[could_be] <= _RANK[None if answer is None else answer.severity]:
            if answer is not None:
                yield answer
            continue
        if proposed is None:
            proposed = proposed_drugs(patient)
        open_to = {name: title for name, title in proposed.items() if name not in names}
        graver = _proposed(patient, screen, result, open_to, answer, as_of, parameters)
        if graver is not None:
            yield graver
        elif answer is not None:
            # What is proposed changes with the days that pass.
            yield answer._replace(recheck_on=as_of + 1)
        else:
            yield Answer(screen.fact, NOT_MET, recheck_on=as_of + 1, numbers=_numbers(screen, result, "", None, ""))


@remembered(maxsize=4096)
def _those_it_matters_for_most(screen: ResultScreen, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some drugs for which a screen matters most."""
    for treatment in screen.matters_for:
        mine = tuple(name for name in names if belongs(name, (treatment,)))
        if mine:
            return mine
    return ()


def _gravest(
    patient: PatientFacts,
    screen: ResultScreen,
    result: Found,
    treatments: Sequence[str],
    as_of: int,
    parameters: Parameters,
) -> Severity | None:
    """How grave a result could be for any drug one might think of; for these it is for this week at most."""
    if not holds(screen, result, as_of, parameters) or (screen.adults_only and patient.is_child()):
        return None
    found = [screen.judge(result, one, parameters).severity for one in treatments]
    worst = max(found, key=lambda one: _RANK[one], default=None)
    return ACTION if worst == URGENT else worst


def _taken(
    patient: PatientFacts,
    screen: ResultScreen,
    result: Found,
    course: Course,
    as_of: int,
    parameters: Parameters,
) -> Answer:
    """What a result means for a drug that runs or still acts."""
    key = row.key if (row := course.row) is not None else course.drug
    verdict = screen.judge(result, key, parameters)
    severity, found = verdict.severity, verdict.found
    if severity is not None and _may_be_the_donors(patient, screen, result):
        severity = WATCH
        found += "; under immunoglobulin the antibodies may be the donors'"
    lasts: int | None = getattr(parameters, screen.lasts) if screen.lasts else None
    state: State = NOT_MET if severity is None else MET
    because = cause = None
    if not holds(screen, result, as_of, parameters):
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
        numbers={**_numbers(screen, result, key, course, found), "do": verdict.do},
    )


def _proposed(
    patient: PatientFacts,
    screen: ResultScreen,
    result: Found,
    proposed: Mapping[str, str],
    taken: Answer | None,
    as_of: int,
    parameters: Parameters,
) -> Answer | None:
    """What a result means for the drug among the options for which it is gravest; None where it says no more."""
    best = None
    for name, title in proposed.items():
        if not belongs(name, screen.matters_for):
            continue
        verdict = screen.judge(result, name, parameters)
        if best is None or _RANK[verdict.severity] > _RANK[best[1].severity]:
            best = name, verdict, title
    if best is None or best[1].severity is None:
        return None
    name, verdict, title = best
    ruled_out = [one for one in proposed if belongs(one, screen.matters_for)
                 and screen.judge(result, one, parameters).rules_out]  # fmt: skip
    severity, found = (ACTION if verdict.severity == URGENT else verdict.severity), verdict.found
    if _may_be_the_donors(patient, screen, result):
        severity = WATCH
        found += "; under immunoglobulin the antibodies may be the donors'"
    if _RANK[severity] <= _RANK[None if taken is None else taken.severity]:
        return None
    names = ", ".join(_name(one).lower() for one in ruled_out or (name,))
    return Answer(
        screen.fact,
        MET,
        severity=severity,
        since=result.day,
        recheck_on=as_of + 1,
        evidence=(result.fact,),
        numbers={
            **_numbers(screen, result, name, None, found),
            "proposed": title,
            "do": f"{'no' if verdict.rules_out else 'before'} {names}: {verdict.before}",
            "ruled_out": verdict.rules_out,
        },
    )


def _may_be_the_donors(patient: PatientFacts, screen: ResultScreen, result: Found) -> bool:
    """Whether an antibody was found while immunoglobulin was given or still acted; what came later changes nothing."""
    if screen.fact not in ANTIBODY_TESTS:
        return False
    for one in patient.statements:
        row = drug(one.drug) if one.start <= result.day else None
        if row is None or not row.has_class("immunoglobulin"):
            continue
        ended = one.start if one.frequency == "once" or (one.status == "stopped" and one.end is None) else one.end
        if ended is None or result.day <= ended + (row.acts_for_days or 0):
            return True
    return False


def _numbers(screen: ResultScreen, result: Found, name: str, course: Course | None, found: str) -> dict[str, Any]:
    return {
        "label": label(screen.fact),
        "shown": shown(screen.fact, result),
        "day": date_of(result.day),
        "drug": name,
        "started": None if course is None else date_of(course.start),
        "proposed": "",
        "ruled_out": False,
        "found": found,
        "do": "",
    }


def _name(name: str) -> str:
    known = drug(name)
    return known.label if known else name


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The result, what it means, and for which drug."""
    del parameters
    result = f"{row['label']} {row['shown']} on {day_text(row['day'])}"
    name = _name(str(row["drug"])).lower()
    if row["proposed"]:
        is_one = "would be" if row["ruled_out"] else "is"
        return f"{result} ({name} {is_one} among the options of '{row['proposed']}'): {row['found']}."
    if not row["drug"]:
        return f"{result}: no drug that it matters for is taken or thought of."
    taken = f"{name} since {day_text(row['started'])}"
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
    question="Did a screening test find something that matters for a drug being taken, or thought of?",
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
    reads=("medications", *(screen.fact for screen in SCREENS), *SUGGESTIONS_READ),
    after=SUGGESTIONS_READ,
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
    clears_when="a later result is fine, or the drug ends",
    in_time="the drug has ended and acts no longer, or it is no longer thought of",
    topic="treatment safety",
    limitations=(
        "Qualitative screens are read as 0 and 1, or by their number and the limit sent with it; screens recorded as "
        "events by the words 'positive', 'reactive' and 'detected'. What is thought of follows from the suggestions "
        "with their thresholds as shipped. Limits of TPMT depend on the assay. For immunoglobulin G of children no "
        "limit is known here."
    ),
    catalogue=("SAFE-08", "SAFE-09", "SAFE-10", "SAFE-11"),
    one_line=one_line_each,
    quiet_when_untold=True,
    version="2.0.0",
    changed="Also for drugs that are only among the options of a suggestion; a pregnancy under any immunosuppressant.",
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
            title="weak with a high CK, untreated: azathioprine is no option where TPMT is absent",
            observations=(
                {"measure": "mmt8", "value": 50, "day": -3},
                {"measure": "ck", "value": 4000, "upper_limit": 200, "day": -3},
                {"measure": "tpmt", "value": 2, "day": -30},
            ),
            expect={"subject": "tpmt", "state": MET, "severity": ACTION, "since": -30},
        ),
        Example(
            title="TPMT absent, and nobody thinks of azathioprine",
            observations=({"measure": "tpmt", "value": 2, "day": -30},),
            expect={"subject": "tpmt", "state": NOT_MET},
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

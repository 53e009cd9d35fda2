"""Was everything checked that has to be checked before this drug?

Looked at: the screening table for each drug being taken, and the results and records on file. What counts: a required
screen without any result from before the drug or since. What does not: a test that is overdue by its schedule, which is
asked for there; screens that are required only at some sites or
at some risk (a clinic can switch them on), what was recorded as not possible, and a drug taken for so long that the
screen may lie in older records: then nobody can tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.asked_for import ASKS, OVERDUE_LABS, asked_for, asks_for
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
    one_line_for_all,
    parameter,
)
from jobs.screens import HARMS_THE_UNBORN
from jobs.treatment import Course, courses
from models.patient_facts import PatientFacts, date_of
from models.states import Cause
from models.vocabulary import ANY_IMMUNOSUPPRESSANT, Drug, Screen, drug, events, measures, remembered, screening, tests

ASKED_ELSEWHERE = {"dxa": "missing-prophylaxis"}
"""Screens that another rule asks for, with the treatment that made them necessary."""

OF_MONITORING = "monitoring"
"""Who asks for a test that is overdue by its schedule."""

PREGNANCY = "pregnancy"
"""Asked where nothing at all is on file; where pregnancy is recorded as possible, drug-safety looks at protection."""

DANGEROUS = frozenset(
    {
        ("azathioprine", "tpmt"),
        ("rituximab", "hepatitis_b_surface_antigen"),
        ("rituximab", "hepatitis_b_core_antibody"),
    }
)
"""Without these the first doses can kill: marrow failure without TPMT (S12), hepatitis B flare (S16)."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the missing-safety-screen rule."""

    pregnancy_from_age: int = parameter(
        12, unit="years", low=9, high=18, meaning="pregnancy and contraception are asked about from this age"
    )
    pregnancy_until_age: int = parameter(50, unit="years", low=40, high=60, meaning="and up to and including this age")

    started_within_days: int = parameter(
        365, unit="days", low=28, high=1825, meaning="for a drug begun earlier the screen may lie in older records"
    )
    include_if_risk: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens wanted at risk only"
    )
    include_site: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens that sites decide on"
    )
    include_unverified: str = parameter(
        "no", unit="", choices=("no", "yes"), meaning="also ask for screens that no source was seen for"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer per drug and screen that is missing or not yet due; a screen that is there has none."""
    wanted: list[tuple[str, Course, Screen]] = []
    first_of: dict[str, tuple[str, Course, Screen]] = {}
    for course in courses(patient):
        for screen in _screens_of(course.drug, parameters):
            asked = f"{course.drug}:{screen.screen}", course, screen
            if screen.treatment != ANY_IMMUNOSUPPRESSANT:
                wanted.append(asked)
            # What any immunosuppressant asks for is asked once, for the one that began first.
            elif screen.screen not in first_of or course.start < first_of[screen.screen][1].start:
                first_of[screen.screen] = asked
    elsewhere = asked_for(patient, (OVERDUE_LABS,))
    missing: list[Answer] = []
    for subject, course, screen in sorted([*wanted, *first_of.values()], key=lambda one: one[0]):
        if screen.screen == PREGNANCY:
            if _pregnancy_was_never_asked(patient, parameters):
                missing.append(_answer(as_of, subject, course, screen, None, parameters))
            continue
        done = _last_done(patient, screen)
        if not _holds(done, course, screen) and not _holds(_last_excused(patient, screen), course, screen):
            answer = _answer(as_of, subject, course, screen, done, parameters)
            missing.append(_left_to(answer, OF_MONITORING) if not elsewhere.isdisjoint(screen.satisfied_by) else answer)
    yield from _each_once(missing)


def _each_once(missing: Sequence[Answer]) -> Iterator[Answer]:
    """One result serves every drug that wants it: it is asked for where it is gravest, then where it was due first."""
    asking: dict[str, Answer] = {}
    for one in missing:
        if one.state == MET:
            asks = str(one.numbers[ASKS])
            asking[asks] = min(one, asking.get(asks, one), key=lambda it: (it.severity != ACTION, it.due, it.subject))
    for one in missing:
        other = asking.get(str(one.numbers[ASKS])) if one.state == MET else None
        yield one if other is None or other is one else _left_to(one, _drug_label(other.numbers["drug"]))


def _left_to(answer: Answer, who: str) -> Answer:
    """The same answer where the test is asked for elsewhere."""
    return answer._replace(
        state=NOT_MET,
        severity=None,
        since=None,
        cannot_tell_because=None,
        cause=None,
        numbers={**answer.numbers, "elsewhere": who, ASKS: ""},
    )


@remembered(maxsize=1024)
def _screens_of(name: str, parameters: Parameters) -> tuple[Screen, ...]:
    """The screens that hold in this clinic for whoever takes a drug."""
    known = drug(name)
    return () if known is None else tuple(row for row in _asked(parameters) if _meant(row, known))


def _asked(parameters: Parameters) -> list[Screen]:
    """The rows of the screening table that hold in this clinic."""
    allowed = {"required"}
    if parameters.include_if_risk == "yes":
        allowed.add("if-risk")
    if parameters.include_site == "yes":
        allowed.add("site")
    return [
        row
        for row in screening()
        if row.requirement in allowed
        and row.screen not in ASKED_ELSEWHERE
        # To ask about a pregnancy harms nobody, whoever was read on it.
        and (row.mark != "memory" or row.screen == PREGNANCY or parameters.include_unverified == "yes")
    ]


def _meant(screen: Screen, row: Drug) -> bool:
    # A steroid alone is not yet immunosuppression that asks for vaccines; its own screens are in its own rows.
    if screen.treatment == ANY_IMMUNOSUPPRESSANT and (row.is_glucocorticoid or row.has_class("immunoglobulin")):
        return False
    return screen.applies_to(row)


def _pregnancy_was_never_asked(patient: PatientFacts, parameters: Parameters) -> bool:
    """Whether a woman who could be pregnant has nothing on file about it: absent is not "no".

    Where the age is unknown she is asked too; where the sex is unknown nobody is asked.
    """
    if patient.sex not in ("female", "other"):
        return False
    age = patient.age
    if age is not None and not parameters.pregnancy_from_age <= age <= parameters.pregnancy_until_age:
        return False
    spoken_of = patient.last_event("pregnancy_possible") or patient.last_event("contraception")
    return spoken_of is None and patient.last_event("pregnancy_test") is None and patient.latest("hcg") is None


def _last_done(patient: PatientFacts, screen: Screen) -> int | None:
    """The newest day of a result, or of a record that says it was done."""
    days = []
    for fact in screen.satisfied_by:
        if fact in events():
            record = patient.last_event(fact)
            if record is not None and record.present:
                days.append(record.day)
        elif (reading := patient.last_measured(fact)) is not None:
            days.append(reading.day)
    return max(days, default=None)


def _last_excused(patient: PatientFacts, screen: Screen) -> int | None:
    """The newest day on which a measure of the screen was recorded as not done."""
    return max((one.day for one in patient.not_done if one.measure in screen.satisfied_by), default=None)


def _holds(done: int | None, course: Course, screen: Screen) -> bool:
    """Whether what was done on a day counts for the course: not longer before its start than a screen is valid."""
    if done is None:
        return False
    return screen.valid_for_days is None or done >= course.start - screen.valid_for_days


def _answer(
    as_of: int, subject: str, course: Course, screen: Screen, done: int | None, parameters: Parameters
) -> Answer:
    due = course.start + screen.within_days
    # What was tested before a drug may lie in older records; what was never asked is open however long ago it began.
    looked_back = None if screen.screen == PREGNANCY else course.start + parameters.started_within_days + 1
    since = severity = because = again = None
    if screen.within_days and as_of <= due:
        state, again = NOT_MET, due + 1
    elif looked_back is not None and as_of >= looked_back:
        state, again = CANNOT_TELL, None
        because = "the drug was begun so long ago that the screen may lie in older records"
    else:
        state, again = MET, looked_back
        since = due + (1 if screen.within_days else 0)
        severity = ACTION if (course.drug, screen.screen) in DANGEROUS else WATCH
    return Answer(
        subject,
        state,
        severity=severity,
        since=since,
        due=due,
        recheck_on=next_after(as_of, again, course.through + 1),
        evidence=(course.newest.fact,),
        cannot_tell_because=because,
        cause=None if because is None else Cause.NOT_ON_FILE,
        numbers={
            "drug": course.drug,
            "screen": _label(screen),
            "started": date_of(course.start),
            "last_day": None if done is None else date_of(done),
            "too_old": done is not None,
            "note": screen.note,
            "elsewhere": "",
            ASKS: asks_for(screen.satisfied_by),
        },
    )


def _label(screen: Screen) -> str:
    """What the screen is called."""
    if screen.screen == PREGNANCY:
        return "Pregnancy and contraception"
    if screen.screen in tests():
        return tests()[screen.screen].label
    if len(screen.satisfied_by) == 1:
        fact = screen.satisfied_by[0]
        return measures()[fact].short_label if fact in measures() else events()[fact].label
    return screen.screen.replace("_", " ")


def _drug_label(name: Any) -> str:
    known = drug(str(name))
    return known.label.lower() if known else str(name)


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The drug, since when, and what is missing."""
    del parameters
    taken = f"{_drug_label(row['drug'])} since {day_text(row['started'])}"
    last = f"; the last one of {day_text(row['last_day'])} is too old" if row["too_old"] else ""
    if row["state"] == CANNOT_TELL:
        return f"{row['screen']}: not on file ({taken}{last}); {row['cannot_tell_because']}."
    if row["elsewhere"]:
        where = "by its schedule" if row["elsewhere"] == OF_MONITORING else f"because of {row['elsewhere']}"
        return f"{row['screen']}: not on file ({taken}{last}), and asked for {where}."
    if row["state"] == NOT_MET:
        return f"{row['screen']}: wanted by {day_text(row['due'])} ({taken})."
    note = f" Note: {row['note']}." if row["note"] else ""
    if str(row["subject"]).endswith(f":{PREGNANCY}"):
        why = (
            "can harm an unborn child"
            if str(row["drug"]) in HARMS_THE_UNBORN
            else "asks for a plan where a pregnancy is possible (to be verified)"
        )
        return f"{row['screen']}: nothing on file, and {taken} {why}.{note}"
    return f"{row['screen']}: not on file, required for {taken}{last}.{note}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["state"] == MET and str(row["subject"]).endswith(f":{PREGNANCY}"):
        return "ask about pregnancy, wishes and contraception; record the answer, also where it is no"
    if row["state"] == CANNOT_TELL:
        return "look in older records once, then enter the result or order it"
    return (
        f"find or order: {row['screen']}; before the next dose"
        if row["severity"] == ACTION
        else f"find or order: {row['screen']}"
    )


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Screening missing: TPMT, hepatitis B (azathioprine, rituximab)`; a single one is told in full."""
    if len(rows) == 1:
        return ""
    # What a blood count consists of is for the laboratory; two drugs may ask for the same screen.
    screens = listed([str(row.get("screen")).split(" (")[0] for row in rows])
    return f"Screening missing: {screens} ({listed([str(row.get('drug', '')) for row in rows])})"


RULE = Rule(
    key="missing-safety-screen",
    title="Missing safety screen",
    question="Was everything checked that has to be checked before this drug?",
    why_it_matters=(
        "Azathioprine without TPMT can destroy the marrow, rituximab can wake hepatitis B. The screen is "
        "ordered with the "
        "drug and its result is nobody's task."
    ),
    assess=assess,
    ages=lambda parameters: (parameters.pregnancy_from_age, parameters.pregnancy_until_age + 1),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="drug and screen",
    reads=("medications", "screening results", "screening events"),
    sources=(
        Source(
            "NHS Specialist Pharmacy Service: monitoring of methotrexate, azathioprine, mycophenolate, "
            "ciclosporin, tacrolimus",
            2024,
            "sps.nhs.uk/monitorings",
            "seen",
        ),
        Source(
            "Rituximab: immunoglobulins and hepatitis B",
            2021,
            "doi 10.1007/s00296-021-04847-x",
            "seen",
            "no consensus on IgG",
        ),
        Source("Vaccination under immunosuppression", 2021, "PMC8494475, table 2", "seen"),
        Source(
            "Treatment options in inflammatory myopathy",
            2025,
            "educational page, not a guideline",
            "seed",
            "hepatitis before methotrexate, TPMT before azathioprine",
        ),
    ),
    known_false_alarms=(
        "a screen done elsewhere or before our records begin: enter the result, or record it as not possible",
        "a drug on the list that was never taken",
    ),
    clears_when="a result (or the record that it was done) arrives, or the drug ends",
    in_time="the test is overdue by its schedule and asked for there",
    after=(OVERDUE_LABS,),
    topic="treatment safety",
    limitations=(
        "Screens that no source was seen for, that sites decide on or that are wanted at risk only are switched off as "
        "shipped. How long a screen holds is a site setting. Bone density is asked for by another rule; what a screen "
        "found is read by screening-result, and a test that is overdue by its schedule is asked for by overdue-labs."
    ),
    version="2.2.0",
    changed=(
        "Asks about pregnancy and contraception where nothing is on file, under rituximab, JAK inhibitors, TNF "
        "blockers and mycophenolic acid too; screens for leflunomide, tocilizumab and mycophenolic acid. A test that "
        "is overdue by its schedule is asked for there; one that two drugs want is asked for once."
    ),
    catalogue=("SAFE-06", "SAFE-08", "SAFE-09", "SAFE-10"),
    phrase=phrase,
    one_line=one_line_for_all,
    shown=("screen", "drug"),
    quiet_when_untold=True,
    examples=(
        Example(
            title="azathioprine begun ten days ago, no TPMT on file",
            medications=({"drug": "azathioprine", "dose": 150, "start": -10},),
            expect={"subject": "azathioprine:tpmt", "state": MET, "severity": ACTION, "since": -10},
        ),
        Example(
            title="vaccinations not brought up to date before methotrexate",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -10},),
            expect={"subject": "methotrexate:vaccines", "state": MET, "severity": WATCH, "since": -10},
        ),
        Example(
            title="azathioprine for two years: TPMT may lie in older records",
            medications=({"drug": "azathioprine", "dose": 150, "start": -730},),
            expect={"subject": "azathioprine:tpmt", "state": CANNOT_TELL},
        ),
        Example(
            title="a woman of 30 under mycophenolate, nothing about pregnancy on file",
            patient={"age_years": 30, "sex": "female"},
            medications=({"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -500},),
            expect={"subject": "mycophenolate mofetil:pregnancy", "state": MET, "severity": WATCH, "since": -500},
        ),
        Example(
            title="an eye examination is wanted within the first year of hydroxychloroquine",
            medications=({"drug": "hydroxychloroquine", "dose": 300, "start": -100},),
            expect={"subject": "hydroxychloroquine:eye_examination", "state": NOT_MET, "due": 265},
        ),
    ),
)

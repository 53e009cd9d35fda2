"""Is the way from paediatric to adult care planned, and is everything handed over?

Looked at: the age of somebody whose disease began in childhood, and whether a plan and a handover are on record. What
counts: from 17 years on no handover; from 14 years on a plan is asked about on the patient's page. What does not:
disease that began in adults, and adults who have long been looked after as such.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rule import CANNOT_TELL, MET, NOT_MET, WATCH, Answer, Example, Rule, Source, day_text, parameter
from jobs.screens import HARMS_THE_UNBORN
from jobs.treatment import courses
from models.age import birthday
from models.patient_facts import PatientFacts, date_of, day_number
from models.states import Cause, State
from models.vocabulary import drug, events

SUBJECT = "transition"
PLAN, HANDOVER = "transition_plan", "transition_handover"
DAMAGE = ("calcinosis", "contracture", "muscle_atrophy", "osteoporosis", "interstitial_lung_disease")


@dataclass(frozen=True)
class Parameters:
    """At which ages; site settings."""

    plan_from_age: int = parameter(14, unit="years", low=10, high=17, meaning="from this age a plan is wanted")
    hand_over_from_age: int = parameter(17, unit="years", low=15, high=20, meaning="from this age a handover is wanted")
    until_age: int = parameter(21, unit="years", low=18, high=30, meaning="from this age nobody is asked any more")


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a young person with juvenile disease of the age in question."""
    age = patient.age
    if not patient.is_juvenile or patient.birth_date is None or age is None:
        return
    if not parameters.plan_from_age <= age < parameters.until_age:
        return
    late = age >= parameters.hand_over_from_age
    wanted = HANDOVER if late else PLAN
    record = patient.last_event(wanted)
    done = record is not None and record.present
    from_age = parameters.hand_over_from_age if late else parameters.plan_from_age
    since = day_number(birthday(patient.birth_date, from_age))
    running = courses(patient)
    # A missing plan is for the next talk, not for the nurse's list: it is said on the patient's page.
    state: State = NOT_MET if done else MET if late else CANNOT_TELL
    yield Answer(
        SUBJECT,
        state,
        severity=WATCH if state == MET else None,
        since=since if state == MET else None,
        due=since,
        recheck_on=_next_change(patient, as_of),
        evidence=(
            *(() if record is None else (record.fact,)),
            *(one.newest.fact for one in running),
            *(last.fact for name in DAMAGE if (last := patient.last_event(name)) is not None and last.present),
        ),
        cannot_tell_because="no plan for adult care is on record" if state == CANNOT_TELL else None,
        cause=Cause.NOT_ON_FILE if state == CANNOT_TELL else None,
        numbers={
            "step": wanted,
            "age": age,
            "done_on": date_of(record.day) if record is not None and done else None,
            "antibodies": patient.autoantibodies.replace(";", ", "),
            "drugs": ", ".join(_label(one.drug) for one in running),
            "damage": ", ".join(events()[name].label.lower() for name in DAMAGE if _there(patient, name)),
            "unborn": any(one.drug in HARMS_THE_UNBORN for one in running),
        },
    )


def _next_change(patient: PatientFacts, today: int) -> int | None:
    """The first day on which a drug that is listed ends; the birthdays are said by the rule's ages."""
    days = [one.through + 1 for one in courses(patient) if today < one.through + 1 <= today + 10_000]
    return min(days, default=None)


def _there(patient: PatientFacts, name: str) -> bool:
    last = patient.last_event(name)
    return last is not None and last.present


def _label(name: str) -> str:
    known = drug(name)
    return known.label.lower() if known else name


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is wanted at this age, and what there is to hand over."""
    if row["state"] == NOT_MET:
        return f"{_capital(events()[str(row['step'])].label)} on {day_text(row['done_on'])}."
    years = f"{int(row['age'])} years old with disease since childhood"
    if row["step"] == PLAN:
        return f"{years}: no plan for adult care is on record (wanted from {parameters.plan_from_age} years on)."
    parts = [
        "the course so far",
        f"antibodies ({row['antibodies']})" if row["antibodies"] else "antibodies (none on file)",
        f"drugs ({row['drugs']})" if row["drugs"] else "drugs tried",
        f"damage ({row['damage']})" if row["damage"] else "damage",
        "steroid dose so far, bones and growth",
        "vaccinations",
        "contraception under a drug that harms the unborn" if row["unborn"] else "contraception",
        "scores on adult instruments beside CMAS and CHAQ",
    ]
    return f"{years}: not handed over to adult care. To hand over: {'; '.join(parts)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["step"] == PLAN:
        return "talk with the young person, alone too, about disease, drugs and the way to adult care; record the plan"
    return "name the adult clinic, see the young person together once, send the summary; record the handover"


RULE = Rule(
    key="transition-to-adult-care",
    title="Transition to adult care",
    question="Is the way from paediatric to adult care planned, and is everything handed over?",
    why_it_matters=(
        "Between the last paediatric and the first adult visit patients are lost, drugs are stopped and old damage is "
        "taken for activity, because CMAS and CHAQ end where adult scores begin."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    ages=lambda parameters: (*range(parameters.plan_from_age, parameters.until_age + 1),),
    subject="patient",
    reads=("birth_date", "diagnosis", "autoantibodies", "medications", PLAN, HANDOVER, *DAMAGE),
    sources=(Source("Ages of plan and handover, and what is handed over", None, "site setting", "default"),),
    known_false_alarms=("already looked after by an adult clinic, and nobody recorded it",),
    clears_when="the plan, later the handover, is recorded",
    topic="organisation of care",
    quiet_when_untold=True,
    limitations="Ages are site settings. Whether somebody is ready is not a matter of age alone.",
    catalogue=("TRANS-01",),
    examples=(
        Example(
            title="15 years old, no plan on record",
            patient={"diagnosis": "JDM", "age_years": 15},
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="15 years old, planned last year",
            patient={"diagnosis": "JDM", "age_years": 15},
            events=({"event": PLAN, "day": -300},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="17 years old: the plan is there, the handover is not",
            patient={"diagnosis": "JDM", "age_years": 17},
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            events=({"event": PLAN, "day": -300}, {"event": "calcinosis", "day": -900}),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH},
        ),
    ),
)

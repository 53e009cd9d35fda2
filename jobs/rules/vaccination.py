"""Does a vaccination just given ask for something because of the treatment?

Looked at: vaccinations of the last weeks and the drugs being taken. What counts: a live vaccine under
immunosuppression; a vaccine against influenza or COVID-19 under methotrexate in an adult, whose answer is better where
methotrexate pauses for up to two weeks, and a vaccine of which nobody wrote down which it was. What does not: another
vaccine, a pause while the disease is active, a child's methotrexate, a vaccination long ago.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.newest import next_after, on_record
from jobs.phrasing import listed
from jobs.rule import ACTION, MET, NOT_MET, WATCH, Answer, Example, Rule, Source, day_text, parameter, stretch
from jobs.treatment import courses
from models.patient_facts import ADULT_FROM_YEARS, Happening, PatientFacts, date_of
from models.vocabulary import drug

LIVE, PAUSE = "live-vaccine", "methotrexate-pause"
GIVEN = ("vaccination", "vaccines_updated")
INFLUENZA_OR_COVID = re.compile(r"influenza|\bflu\b|grippe?\b|covid|sars|corona", re.IGNORECASE)
"""The vaccines after which a pause was studied (SAFE-07), as the text of a record names them."""
OF_ACTIVITY = ("active-disease", "declining-strength", "red-flag-symptoms", "worsening")


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the vaccination rule."""

    pause_days: int = parameter(
        14, unit="days", low=7, high=28, meaning="methotrexate may pause this long after a vaccine",
        source="BSR 2025, news summaries read (S13)", mark="seen",
    )  # fmt: skip
    live_days: int = parameter(
        42, unit="days", low=14, high=90, meaning="an infection by a live vaccine is looked for this long"
    )


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a live vaccine under treatment and one for a vaccine under methotrexate."""
    live, given = patient.last_event("live_vaccination"), _given(patient, as_of - parameters.pause_days)
    if live is None and not given:
        return
    running = [
        one for one in courses(patient)
        if (row := one.row) is not None and row.counts_as_active_treatment and not row.has_class("immunoglobulin")
    ]  # fmt: skip
    if live is not None and live.present and as_of - live.day <= parameters.live_days:
        under = [one for one in running if one.start <= live.day]
        names = listed([_label(one.drug) for one in under])
        yield Answer(
            LIVE,
            MET if under else NOT_MET,
            severity=ACTION if under else None,
            since=live.day if under else None,
            recheck_on=next_after(as_of, live.day + parameters.live_days + 1, *(one.through + 1 for one in under)),
            evidence=(live.fact, *(one.newest.fact for one in under)),
            numbers={"day": date_of(live.day), "under": names, "active": False},
        )
    methotrexate = next((one for one in running if one.drug == "methotrexate"), None)
    if not given or methotrexate is None or patient.is_child():
        return
    meant = [one for one in given if not one.detail or INFLUENZA_OR_COVID.search(one.detail)]
    newest = max(meant or given, key=lambda one: one.day)
    active = any(one.state == MET for key in OF_ACTIVITY for one in patient.answers_of(key))
    yield Answer(
        PAUSE,
        MET if meant and not active else NOT_MET,
        severity=WATCH if meant and not active else None,
        since=newest.day if meant and not active else None,
        recheck_on=next_after(as_of, newest.day + parameters.pause_days + 1, methotrexate.through + 1),
        evidence=(newest.fact, methotrexate.newest.fact),
        numbers={
            "day": date_of(newest.day),
            "under": "methotrexate",
            "active": active and bool(meant),
            "which": newest.detail,
            "meant": bool(meant),
        },
    )


def _given(patient: PatientFacts, from_day: int) -> list[Happening]:
    """The vaccines, not live ones, since a day."""
    return [one for name in GIVEN for one in on_record(patient, name) if one.day >= from_day]


def _label(name: str) -> str:
    known = drug(name)
    return known.label.lower() if known else name


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The vaccine, the drug, and what follows."""
    when = day_text(row["day"])
    if row["subject"] == LIVE:
        if row["state"] == NOT_MET:
            return f"Live vaccine on {when}, under no immunosuppressant."
        return f"Live vaccine on {when} under {row['under']}."
    which = f" ({row['which']})" if row["which"] else ""
    if not row["meant"]:
        return f"Vaccination{which} on {when} under methotrexate: a pause was studied for influenza and COVID-19 only."
    if row["active"]:
        return f"Vaccination{which} on {when} under methotrexate: the disease is active, no pause is thought of."
    pause = f"without methotrexate for up to {parameters.pause_days} days after it the body answers better"
    if not which:
        pause = f"which one is not on file; if against influenza or COVID-19, {pause}"
    return f"Vaccination{which} on {when} under methotrexate: {pause}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == NOT_MET:
        return ""
    if row["subject"] == LIVE:
        return "call the patient: fever, rash, contact; ask the prescriber and infectious diseases"
    ask = f"ask the prescriber whether methotrexate pauses for up to {stretch(parameters.pause_days)}"
    return ask if row["which"] else f"write down which vaccine it was; against influenza or COVID-19 {ask}"


RULE = Rule(
    key="vaccination",
    title="Vaccination and treatment",
    question="Does a vaccination just given ask for something because of the treatment?",
    why_it_matters=(
        "A live vaccine can make somebody under immunosuppression ill. Under methotrexate the answer to a vaccine is "
        "weaker, and a short pause repairs much of that."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    ages=lambda parameters: (ADULT_FROM_YEARS,),
    subject="vaccination",
    reads=("vaccination", "vaccines_updated", "live_vaccination", "medications", *OF_ACTIVITY),
    after=OF_ACTIVITY,
    sources=(
        Source(
            "BSR guideline on conventional synthetic drugs", 2025, "rheumatology.org.uk, news summaries read", "seen"
        ),
        Source("Vaccination under immunosuppression", 2021, "PMC8494475, table 2", "seen", "no live vaccine"),
    ),
    known_false_alarms=(
        "a live booster given on purpose under a low dose, by a specialist's decision",
        "a vaccine recorded on the day it was noted, not given",
    ),
    clears_when="the drug ends, the disease is active, or the vaccine is recorded as not given",
    in_time=lambda limits: (
        f"the vaccine was given more than {stretch(limits.pause_days)} ago, a live one more than "
        f"{stretch(limits.live_days)}"
    ),
    topic="treatment safety",
    limitations=(
        "Which vaccine it was is read from the text of the record, by the words influenza, flu, COVID, SARS and "
        "corona. A vaccination planned for later is not seen."
    ),
    catalogue=("SAFE-06", "SAFE-07"),
    examples=(
        Example(
            title="vaccinated last week on steady methotrexate",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            events=({"event": "vaccination", "day": -7},),
            expect={"subject": PAUSE, "state": MET, "severity": WATCH, "since": -7},
        ),
        Example(
            title="against influenza a week ago on steady methotrexate",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            events=({"event": "vaccination", "day": -7, "detail": "influenza"},),
            expect={"subject": PAUSE, "state": MET, "severity": WATCH, "since": -7},
        ),
        Example(
            title="against pneumococci: no pause was studied",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -300},),
            events=({"event": "vaccination", "day": -7, "detail": "pneumococcal"},),
            expect={"subject": PAUSE, "state": NOT_MET},
        ),
        Example(
            title="a live vaccine under mycophenolate",
            medications=({"drug": "mycophenolate mofetil", "dose": 1000, "frequency": "twice-daily", "start": -300},),
            events=({"event": "live_vaccination", "day": -3},),
            expect={"subject": LIVE, "state": MET, "severity": ACTION, "since": -3},
        ),
        Example(
            title="a live vaccine before any treatment",
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -1},),
            events=({"event": "live_vaccination", "day": -30},),
            expect={"subject": LIVE, "state": NOT_MET},
        ),
    ),
)

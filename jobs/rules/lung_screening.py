"""Antisynthetase antibodies and anti-MDA5: has somebody looked for lung disease?

Looked at: patients with one of these antibodies, or with antisynthetase syndrome, and no lung disease on file. What
counts: chest CT, vital and diffusing capacity that were never done since the diagnosis, or lung function not repeated
for too long. What does not: with lung disease on file, lung function is asked for among the tests that are due.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jobs.asked_for import ASKS, OVERDUE_LABS, asked_for, asks_for
from jobs.examinations import Done, Examination, last_done, recorded_as_not_possible
from jobs.newest import next_after
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
)
from jobs.rules.mda5_lung_disease import CHEST_CT, LUNG_DISEASE, MDA5
from models.patient_facts import PatientFacts, day_number
from models.states import Cause
from models.vocabulary import autoantibodies

SUBJECT = "lung"
ANTISYNTHETASE = "ASYS"
CT = Examination(CHEST_CT, "chest CT", events=(CHEST_CT,))
OTHER_CT = Examination("other_ct", "CT of neck, chest, abdomen and pelvis", events=("ct_neck_to_pelvis",))
"""Shows the chest, not made to look for early lung disease: does not count, and is named."""
FVC = Examination("fvc", "FVC", measures=("fvc_percent",))
DLCO = Examination("dlco", "DLCO", measures=("dlco_percent",))


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the lung-screening rule."""

    grace_days: int = parameter(
        60, unit="days", low=0, high=180, meaning="asked for only this long after the day on which it was due"
    )
    interval_days: int = parameter(
        365,
        unit="days",
        low=90,
        high=1095,
        meaning="without lung disease lung function is repeated this long after the last",
    )
    interval_days_mda5: int = parameter(
        91,
        unit="days",
        low=28,
        high=365,
        meaning="with anti-MDA5 this soon, while its lung disease is most likely to begin",
    )
    early_days: int = parameter(
        365, unit="days", low=90, high=1095, meaning="how long after the diagnosis that closer interval holds"
    )
    ct_asked_days: int = parameter(
        1095,
        unit="days",
        low=365,
        high=3650,
        meaning="for a diagnosis longer ago a chest CT may lie in older records and is not asked for",
    )
    from_age: int = parameter(
        6, unit="years", low=4, high=18, meaning="younger children cannot do the tests, and are not asked about"
    )


class _Wanted(NamedTuple):
    """One examination, when it is due, and when it was last done."""

    what: Examination
    due: int
    last: Done | None
    instead: Done | None = None


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient whose antibody or subtype endangers the lung."""
    why = _why(patient)
    if not why or (patient.age is not None and patient.age < parameters.from_age):
        return
    disease = patient.last_event(LUNG_DISEASE)
    if disease is not None and disease.present and (disease.end is None or disease.end >= as_of):
        yield Answer(
            SUBJECT,
            NOT_MET,
            recheck_on=None if disease.end is None else next_after(as_of, disease.end + 1),
            evidence=(disease.fact,),
            numbers={"why": why, "said": "", "disease": True, "mda5": False},
        )
        return
    begun = _begun(patient)
    past = any(one.present for one in patient.events(LUNG_DISEASE))
    numbers: dict[str, Any] = {
        "why": why,
        "said": "",
        "elsewhere": "",
        "disease": False,
        "mda5": why == _label(MDA5),
        "past": past,
    }
    if begun is None:
        yield Answer(
            SUBJECT,
            CANNOT_TELL,
            cannot_tell_because="neither the day of the diagnosis nor any treatment is on file",
            cause=Cause.NOT_ON_FILE,
            numbers=numbers,
        )
        return
    early = why == _label(MDA5) and as_of - begun <= parameters.early_days
    wanted = _wanted(patient, begun, early, as_of, parameters)
    elsewhere = asked_for(patient, (OVERDUE_LABS,))
    past_due = [one for one in wanted if as_of > one.due + parameters.grace_days]
    late = [one for one in past_due if elsewhere.isdisjoint((*one.what.measures, *one.what.events))]
    numbers["elsewhere"] = ", ".join(one.what.label for one in past_due if one not in late)
    recheck_on = next_after(
        as_of,
        *(one.due + parameters.grace_days + 1 for one in wanted),
        begun + parameters.early_days + 1 if why == _label(MDA5) else None,
        begun + parameters.ct_asked_days + 1,
    )
    if not late:
        yield Answer(SUBJECT, NOT_MET, recheck_on=recheck_on, numbers=numbers)
        return
    due = min(one.due for one in late)
    never = early and not any(one.last for one in wanted)
    yield Answer(
        SUBJECT,
        MET,
        severity=ACTION if never else WATCH,
        since=due + parameters.grace_days + 1,
        due=due,
        recheck_on=recheck_on,
        evidence=tuple(one.last.fact for one in wanted if one.last is not None) or _first_fact(patient),
        numbers=numbers
        | {"said": ", ".join(map(_said, late))}
        | {ASKS: asks_for(fact for one in late for fact in (*one.what.measures, *one.what.events))},
    )


@lru_cache(maxsize=256)
def _named(codes: str) -> str:
    """The antibody that endangers the lung most, in words; empty where there is none."""
    known = autoantibodies()
    found = [
        code for code in codes.split(";") if code == MDA5 or (code in known and known[code].group == ANTISYNTHETASE)
    ]
    return _label(MDA5 if MDA5 in found else found[0]) if found else ""


def _label(code: str) -> str:
    return autoantibodies()[code].label


def _why(patient: PatientFacts) -> str:
    named = _named(patient.autoantibodies)
    return named or ("Antisynthetase syndrome" if patient.diagnosis == ANTISYNTHETASE else "")


def _begun(patient: PatientFacts) -> int | None:
    """The day of the diagnosis, else the first day of treatment on file."""
    if patient.diagnosed_on is not None:
        return day_number(patient.diagnosed_on)
    return min((one.start for one in patient.statements), default=None)


def _wanted(patient: PatientFacts, begun: int, early: bool, today: int, parameters: Parameters) -> list[_Wanted]:
    out = []
    ct = last_done(patient, CT)
    if ct is None and today - begun <= parameters.ct_asked_days:
        out.append(_Wanted(CT, begun, None, last_done(patient, OTHER_CT)))
    interval = parameters.interval_days_mda5 if early else parameters.interval_days
    for what in (FVC, DLCO):
        last, undone = last_done(patient, what), recorded_as_not_possible(patient, what)
        base = max((day for day in (last.day if last else None, undone) if day is not None), default=None)
        out.append(_Wanted(what, begun if base is None else base + interval, last))
    return out


def _first_fact(patient: PatientFacts) -> tuple[str, ...]:
    """What says that the patient is in care, where nothing was ever done."""
    facts = [(one.start, one.fact) for one in patient.statements] + [(one.day, one.fact) for one in patient.happenings]
    return (min(facts)[1],) if facts else ()


def _said(one: _Wanted) -> str:
    last = "none on file" if one.last is None else f"last {day_text(one.last.day)}"
    if one.instead is not None:
        last += f" but the {OTHER_CT.label} on {day_text(one.instead.day)}"
    return f"{one.what.label} ({last}; due {day_text(one.due)})"


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is due, and why."""
    del parameters
    why = str(row["why"])
    if row["state"] == CANNOT_TELL:
        return f"{why}: whether the lung was looked at in time cannot be told: {row['cannot_tell_because']}."
    if row["disease"]:
        return f"{why}: lung disease is on file, lung function is asked for among the tests that are due."
    if row["state"] == NOT_MET:
        others = f" but what other alerts ask for ({row['elsewhere']})" if row["elsewhere"] else ""
        return f"{why}: nothing is overdue of what looks for lung disease{others}."
    none = "none on file goes on" if row.get("past") else "none is on file"
    return f"{why} goes with lung disease, and {none}. Due: {row['said']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "record the day of the diagnosis"
    return "order it, or record where and when it was done" if row["state"] == MET else ""


def phrase(rows: Sequence[Mapping[str, Any]]) -> str:
    """`Anti-Jo-1, look for lung disease: chest CT (none on file; due 3 Mar 2026)`."""
    return f"{rows[0]['why']}, look for lung disease: {rows[0]['said']}"


RULE = Rule(
    key="lung-screening",
    title="Looking for lung disease",
    question="Has somebody looked for lung disease where the antibody goes with it?",
    why_it_matters=(
        "Lung disease of antisynthetase antibodies and anti-MDA5 begins without symptoms. Found early it is treated "
        "before lung is lost."
    ),
    assess=assess,
    ages=lambda parameters: (parameters.from_age,),
    explain=explain,
    suggested_action=suggested_action,
    phrase=phrase,
    parameters=Parameters,
    subject="lung",
    after=(OVERDUE_LABS,),
    reads=("autoantibodies", LUNG_DISEASE, CHEST_CT, *OTHER_CT.events, "fvc_percent", "dlco_percent"),
    quiet_when_untold=True,
    sources=(
        Source(
            "ACR/CHEST guideline on screening for and monitoring of interstitial lung disease",
            2024,
            "doi:10.1002/art.42860 (summary tables)",
            "seen",
            "at raised risk: lung function together with high-resolution CT; adults; all recommendations conditional",
        ),
        Source("Intervals without lung disease, and closer ones with anti-MDA5", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "tests done at another hospital or on paper that were not entered",
        "an antibody found weakly and once",
        "lung disease that is known and was not entered",
    ),
    clears_when="the examination is on file, or lung disease is recorded",
    topic="lung",
    limitations=(
        "The guideline names no interval where no lung disease was found: ours are site settings. It is for adults. "
        "What a CT showed is not read. Antibodies other than these do not ask here."
    ),
    catalogue=("LUNG-03",),
    examples=(
        Example(
            title="anti-Jo-1 for a year, FVC alone",
            patient={"autoantibodies": "JO1", "diagnosis": "ASYS", "diagnosed_day": -380},
            observations=({"measure": "fvc_percent", "value": 88, "day": -100},),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -319, "due": -380},
        ),
        Example(
            title="anti-MDA5 for three months, lung never looked at",
            patient={"autoantibodies": "MDA5", "diagnosis": "ADM", "diagnosed_day": -90},
            medications=({"drug": "prednisone", "dose": 40, "start": -90},),
            expect={"subject": SUBJECT, "state": MET, "severity": ACTION, "since": -29, "due": -90},
        ),
        Example(
            title="anti-Jo-1, everything done this year",
            patient={"autoantibodies": "JO1", "diagnosis": "ASYS", "diagnosed_day": -380},
            observations=(
                {"measure": "fvc_percent", "value": 88, "day": -100},
                {"measure": "dlco_percent", "value": 80, "day": -100},
            ),
            events=({"event": CHEST_CT, "day": -370},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="with lung disease on file the tests that are due ask",
            patient={"autoantibodies": "PL7", "diagnosis": "ASYS", "diagnosed_day": -380},
            events=({"event": LUNG_DISEASE, "day": -370},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="anti-Mi-2 does not ask",
            patient={"autoantibodies": "MI2", "diagnosis": "DM", "diagnosed_day": -380},
            expect={"state": NOT_MET},
        ),
    ),
)

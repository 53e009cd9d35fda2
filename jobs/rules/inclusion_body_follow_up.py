"""Is somebody with inclusion body myositis followed for what this disease does: swallowing, falls, function, breathing?

Looked at: the newest word on swallowing, on falls and on everyday function or strength, and the newest vital capacity.
What counts: nothing on file for half a year (vital capacity: a year); a fall. What does not: other diagnoses; a quiet
or a raised CK. No drug is asked for here: the disease answers poorly to immunosuppression.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.asked_for import ASKS, OVERDUE_LABS, asked_for, asks_for
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
    stretch,
)
from jobs.rules.active_disease import DIFFICULTIES
from jobs.rules.declining_strength import INSTRUMENTS
from models.patient_facts import Happening, PatientFacts, Reading, day_number
from models.states import Cause

DIAGNOSIS = "IBM"
ASKED_BEFORE = (OVERDUE_LABS, "lung-screening")
"""Rules that ask for some of the same tests; what they ask for is not asked for again here."""
FOLLOW_UP, FALL = "follow-up", "fall"
ASKED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "swallowing": (("dysphagia", "swallow_assessment"), (), "half_yearly_days"),
    "falls": ((FALL,), (), "half_yearly_days"),
    "function": (DIFFICULTIES, ("haq", *INSTRUMENTS), "half_yearly_days"),
    "breathing": ((), ("fvc_percent",), "yearly_days"),
}
"""What is followed: the events (said to be there or not) and the measures that are a word on it, and how often."""
DO = {
    "swallowing": "ask about swallowing and weight",
    "falls": "ask about falls",
    "function": "ask how rising, stairs, grip and walking go, or measure strength or HAQ",
    "breathing": "measure vital capacity, lying down too where breath is short",
}


@dataclass(frozen=True)
class Parameters:
    """How often each is wanted; all of it site settings."""

    half_yearly_days: int = parameter(
        182, unit="days", low=56, high=400, meaning="swallowing, falls and function are asked about this often"
    )
    yearly_days: int = parameter(365, unit="days", low=90, high=800, meaning="vital capacity is measured this often")
    first_days: int = parameter(
        56, unit="days", low=0, high=182, meaning="what was never asked about is wanted within this of the first record"
    )
    fall_days: int = parameter(90, unit="days", low=14, high=182, meaning="a fall is spoken of for this long")


class _Wanted(NamedTuple):
    """One of what is followed: its newest word and the day on which the next is due."""

    subject: str
    newest: Happening | Reading | None
    due: int


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer on what is due and, where a fall is on file, one on that; for inclusion body myositis only."""
    if patient.diagnosis != DIAGNOSIS:
        return
    known_from = _known_from(patient)
    if known_from is None:
        because = "nothing is on file to count from"
        yield Answer(FOLLOW_UP, CANNOT_TELL, cannot_tell_because=because, cause=Cause.NOT_ON_FILE, numbers={"said": ""})
        return
    wanted = []
    for subject, (kinds, measures, interval) in ASKED.items():
        newest = _newest(patient, kinds, measures)
        every: int = getattr(parameters, interval)
        due = known_from + parameters.first_days if newest is None else newest.day + every
        wanted.append(_Wanted(subject, newest, due))
    elsewhere = asked_for(patient, ASKED_BEFORE)
    late = [
        one
        for one in wanted
        if as_of > one.due and elsewhere.isdisjoint((*ASKED[one.subject][0], *ASKED[one.subject][1]))
    ]
    first = min(one.due for one in late or wanted)
    yield Answer(
        FOLLOW_UP,
        MET if late else NOT_MET,
        severity=WATCH if late else None,
        since=first + 1 if late else None,
        due=first,
        recheck_on=next_after(as_of, *(one.due + 1 for one in wanted)),
        evidence=tuple(dict.fromkeys(one.newest.fact for one in wanted if one.newest is not None)),
        numbers={
            "said": ", ".join(f"{one.subject} ({_last(one.newest)})" for one in late),
            "subjects": ";".join(one.subject for one in late),
            ASKS: asks_for(
                fact for one in late for kinds in ASKED[one.subject][:2] for fact in kinds if fact not in INSTRUMENTS
            ),
        },
    )
    fall = patient.last_event(FALL)
    if fall is not None:
        until = fall.day + parameters.fall_days
        fell = fall.present and as_of <= until
        yield Answer(
            FALL,
            MET if fell else NOT_MET,
            severity=ACTION if fell else None,
            since=fall.day if fell else None,
            recheck_on=until + 1 if fell else None,
            evidence=(fall.fact,),
            numbers={"said": f"{'a fall' if fall.present else 'no fall'} on {day_text(fall.day)}"},
        )


def _last(newest: Happening | Reading | None) -> str:
    return "nothing on file" if newest is None else f"last on {day_text(newest.day)}"


def _newest(patient: PatientFacts, kinds: Sequence[str], measures: Sequence[str]) -> Happening | Reading | None:
    """The newest word: an event said to be there or not, or a measurement."""
    events = (patient.last_event(kind) for kind in kinds)
    values = (patient.latest(key) for key in measures)
    found: list[Happening | Reading] = [one for one in (*events, *values) if one is not None]
    return max(found, key=lambda one: one.day, default=None)


def _known_from(patient: PatientFacts) -> int | None:
    """The first day of anything on file: diagnosis, treatment, event or strength."""
    days = [one.start for one in patient.statements] + [one.day for one in patient.happenings[:1]]
    days += [series[0].day for key in INSTRUMENTS if (series := patient.series(key))]
    if patient.diagnosed_on is not None:
        days.append(day_number(patient.diagnosed_on))
    return min((day for day in days if day <= patient.today), default=None)


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is due, and since when."""
    del parameters
    if row["subject"] == FALL:
        return f"Inclusion body myositis: {row['said']}."
    if row["state"] == CANNOT_TELL:
        return f"Follow-up of inclusion body myositis: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"Follow-up of inclusion body myositis: the next is due on {day_text(row['due'])}."
    return f"Follow-up of inclusion body myositis is due since {day_text(row['due'])}: {row['said']}."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do; never a drug."""
    del parameters
    if row["state"] == NOT_MET:
        return ""
    if row["subject"] == FALL:
        return "physiotherapy, aids and the home; knee and ankle weakness; bone density"
    if row["state"] == CANNOT_TELL:
        return "record since when the diagnosis is known"
    return "; ".join(DO[one] for one in str(row["subjects"]).split(";")) + "; record the answer, also where it is no"


RULE = Rule(
    key="inclusion-body-follow-up",
    title="Inclusion body myositis: follow-up",
    question="Is somebody with inclusion body myositis followed for what this disease does?",
    why_it_matters=(
        "Swallowing, falls and breathing decide how somebody lives with this disease, and no other rule asks about "
        "them: without immunosuppression there is no drug whose monitoring would bring the patient back."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="what is followed",
    after=ASKED_BEFORE,
    reads=("diagnosis", "dysphagia", "swallow_assessment", FALL, *DIFFICULTIES, "haq", *INSTRUMENTS, "fvc_percent"),
    sources=(
        Source(
            "Treatment of inclusion body myositis",
            2020,
            "doi:10.1007/s40674-020-00169-4",
            "seen",
            "no immunosuppressive treatment with lasting benefit",
        ),
        Source("How often each is asked about", None, "site setting", "default"),
    ),
    known_false_alarms=("followed at another clinic", "asked about and not written down"),
    clears_when="the answer, also a no, or a value is recorded",
    in_time=lambda limits: f"a fall is more than {stretch(limits.fall_days)} ago",
    topic="monitoring",
    limitations=(
        "Intervals are site settings. Grip and knee extension, which this disease takes first, have no score here."
    ),
    catalogue=("ESC-16",),
    quiet_when_untold=True,
    examples=(
        Example(
            title="diagnosed three years ago; swallowing and falls were never asked about",
            patient={"diagnosis": "IBM", "diagnosed_day": -1000},
            observations=(
                {"measure": "mmt8", "value": 60, "day": -30},
                {"measure": "fvc_percent", "value": 80, "day": -30},
            ),
            expect={"subject": FOLLOW_UP, "state": MET, "severity": WATCH, "since": -943},
        ),
        Example(
            title="everything was asked about three months ago",
            patient={"diagnosis": "IBM"},
            observations=(
                {"measure": "haq", "value": 1, "day": -90},
                {"measure": "fvc_percent", "value": 80, "day": -90},
            ),
            events=(
                {"event": "dysphagia", "day": -90, "present": "no"},
                {"event": "fall", "day": -90, "present": "no"},
            ),
            expect={"subject": FOLLOW_UP, "state": NOT_MET, "due": 92},
        ),
        Example(
            title="a fall last week",
            patient={"diagnosis": "IBM"},
            events=({"event": "fall", "day": -7},),
            expect={"subject": FALL, "state": MET, "severity": ACTION, "since": -7},
        ),
    ),
)

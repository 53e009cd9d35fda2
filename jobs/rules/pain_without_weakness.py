"""Does this patient hurt without signs of inflamed muscle?

Looked at: the newest pain score or reported muscle pain, strength on every instrument in use, CK and the other muscle
enzymes. What counts: pain, with normal strength, no fall of it, and CK at most one and a half times its limit. It is
said because the answer to pain alone is not more immunosuppression. What does not: pain with weakness or raised
enzymes, which other rules look after.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.newest import lasts_until, next_after, strength_verdict
from jobs.rule import (
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
    parameter,
    stretch,
)
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.treatment import Course, courses
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause
from models.vocabulary import measure

SUBJECT = "pain"
RUN_DAYS = 365
"""How far back the beginning of pain is looked for."""
OTHER_ENZYMES = ("aldolase", "ldh", "ast", "alt")
ROUNDING = 1e-9
"""96 % of 52 is 49.92 to the eye and a little more in binary."""


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the pain-without-weakness rule."""

    pain_from: float = parameter(4, unit="points of 10", low=1, high=9, meaning="pain from here on counts as pain")
    pain_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="pain reported longer ago than this is asked about again"
    )
    reach_days: int = parameter(
        182, unit="days", low=28, high=365, meaning="pain reported longer ago than this is forgotten"
    )
    latest_days: int = parameter(
        90, unit="days", low=14, high=365, meaning="an older strength score or CK cannot tell any more"
    )
    normal_strength: float = parameter(
        0.96, unit="share of maximum", low=0.8, high=1, meaning="a strength score from here on is normal"
    )
    normal_ck: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=3,
        meaning="CK up to this does not speak for inflamed muscle",
        source="EFNS 2010 / EAN 2024 (S29); normal or mildly raised, educational page (seed 000)",
        mark="seen",
    )
    raised_enzyme: float = parameter(
        3.0,
        unit="x upper limit",
        low=1.5,
        high=10,
        meaning="another muscle enzyme from here on speaks for inflamed muscle",
        source="EFNS 2010 (S29); ASCO 2021 grade 2 (S5)",
        mark="seen",
    )


class Pain(NamedTuple):
    """The newest word on pain: a score, or a report of muscle pain. It lasts until the day `until`."""

    day: int
    until: int
    score: Reading | None
    report: Happening | None

    @property
    def fact(self) -> str:
        """The score or the report as evidence."""
        return self.score.fact if self.score is not None else self.report.fact if self.report is not None else ""


class Strength(NamedTuple):
    """What speaks against normal strength (blank: nothing), and the newest scores that are not too old."""

    against: str
    scores: tuple[Reading, ...]


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient who has reported pain within reach."""
    pain = reported_pain(patient, as_of, parameters)
    if pain is not None:
        yield _assess_pain(patient, pain, as_of, parameters)


def _assess_pain(patient: PatientFacts, pain: Pain, as_of: int, parameters: Parameters) -> Answer:
    latest_days = parameters.latest_days
    strength = strength_of(patient, as_of, parameters)
    ck = fresh(patient, "ck", as_of, latest_days)
    if ck is not None and ck.times_limit is None:
        ck = None
    others = [value for key in OTHER_ENZYMES if (value := fresh(patient, key, as_of, latest_days))]
    markers = [value for key in ("crp", "esr") if (value := fresh(patient, key, as_of, parameters.pain_days))]
    statin = _statin(patient)
    against = strength.against or _raised_enzyme(ck, others, parameters)
    still_hurts = pain.until >= as_of
    because, cause = None, None
    if against:
        state = NOT_MET
    elif not still_hurts:
        because = f"pain reported on {day_text(pain.day)} and not asked about since"
        state, cause = CANNOT_TELL, Cause.STALE
    elif not strength.scores:
        because = f"no strength score in the last {latest_days} days"
        state, cause = CANNOT_TELL, Cause.NOT_ON_FILE
    elif ck is None:
        because = f"no CK with its limit in the last {latest_days} days"
        state, cause = CANNOT_TELL, Cause.NOT_ON_FILE
    else:
        state = MET
    met = state == MET
    evidence: tuple[str, ...] = (pain.fact,)
    if state != NOT_MET:
        evidence += (*(score.fact for score in strength.scores), *((ck.fact,) if ck else ()))
    used = (*strength.scores, *others, *((ck,) if ck else ()))
    return Answer(
        SUBJECT,
        state,
        severity=WATCH if met else None,
        since=pain_since(patient, pain, parameters) if met else None,
        recheck_on=next_after(
            as_of,
            pain.until + 1 if still_hurts else pain.day + parameters.reach_days + 1,
            *(value.day + latest_days + 1 for value in used),
            *(value.day + parameters.pain_days + 1 for value in markers),
            strength_verdict(patient).recheck_on,
            statin.through + 1 if statin else None,
        ),
        evidence=evidence,
        cannot_tell_because=because,
        cause=cause,
        numbers={
            "pain": pain.score.value if pain.score else None,
            "pain_day": date_of(pain.day),
            "ck_times_limit": round(ck.times_limit * 1000) / 1000 if ck and ck.times_limit is not None else None,
            "ck_day": date_of(ck.day) if ck else None,
            "against": against,
            "inflammation": met and any(is_above(value, 1) for value in markers),
            "statin": statin.drug if met and statin else "",
        },
    )


def reported_pain(patient: PatientFacts, as_of: int, parameters: Parameters) -> Pain | None:
    """The newest word on pain, a score or a report (on one day the score); None unless it says that it hurts."""
    score, report = patient.latest("pain"), patient.last_event("myalgia")
    if score is not None and (report is None or score.day >= report.day):
        hurts = score.value >= parameters.pain_from and score.comparator != "<"
        pain = Pain(score.day, score.day + parameters.pain_days, score, None)
        may_go_on = True
    elif report is not None:
        hurts = report.present
        pain = Pain(report.day, lasts_until(report, parameters.pain_days), None, report)
        may_go_on = report.end is None
    else:
        return None
    within_reach = pain.until >= as_of or (may_go_on and as_of - pain.day <= parameters.reach_days)
    return pain if hurts and within_reach else None


def fresh(patient: PatientFacts, key: str, as_of: int, days: int) -> Reading | None:
    """The newest value of a measure, None if it is older than so many days."""
    value = patient.latest(key)
    return value if value is not None and as_of - value.day <= days else None


def is_above(value: Reading, times: float) -> bool:
    """Whether a value is certainly more than so many times its limit."""
    return value.times_limit is not None and value.times_limit > times and value.comparator != "<"


def strength_of(patient: PatientFacts, as_of: int, parameters: Parameters) -> Strength:
    """The newest score of every instrument in use, and the first reason why strength is not normal."""
    against = "strength has fallen and is not regained" if strength_verdict(patient).met else ""
    scores = []
    for key in INSTRUMENTS:
        score = fresh(patient, key, as_of, parameters.latest_days)
        if score is None:
            continue
        scores.append(score)
        full = measure(key).max_value
        if not against and full is not None and score.value < parameters.normal_strength * full - ROUNDING:
            of = f"{measure(key).short_label} {number(score.value)} of {number(full)}"
            against = f"strength is not full ({of})"
    return Strength(against, tuple(scores))


def _raised_enzyme(ck: Reading | None, others: Sequence[Reading], parameters: Parameters) -> str:
    """The first muscle enzyme that is raised, in words; blank where none is."""
    if ck is not None and ck.times_limit is not None and ck.times_limit > parameters.normal_ck:
        return "CK is raised"
    for value in others:
        times = value.times_limit
        if times is not None and times >= parameters.raised_enzyme and value.comparator != "<":
            return f"{measure(value.measure).short_label} is raised"
    return ""


def _statin(patient: PatientFacts) -> Course | None:
    found = None
    for course in courses(patient):
        row = course.row
        if row is not None and row.has_class("statin"):
            found = course
    return found


def pain_since(patient: PatientFacts, pain: Pain, parameters: Parameters) -> int:
    """The first of the unbroken run of painful scores that ends with the newest one, or the day of the report."""
    begun = pain.day
    if pain.score is not None:
        for score in reversed(patient.series("pain")):
            if score.value < parameters.pain_from or pain.day - score.day > RUN_DAYS:
                break
            begun = score.day
    return begun


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The pain, and what does not speak for inflamed muscle."""
    del parameters
    pain = row["pain"]
    score = f"{number(pain)} of 10" if pain is not None and pain == pain else "reported"
    text = f"Pain {score} on {day_text(row['pain_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{text}; whether muscle is inflamed cannot be told: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{text}, but {row['against']}: not pain alone."
    text += (
        f", strength normal, CK {number(row['ck_times_limit'], 2)} times its limit on {day_text(row['ck_day'])}: "
        "no sign of inflamed muscle."
    )
    if row["inflammation"]:
        text += " CRP or ESR is raised: think of polymyalgia or another cause."
    if row["statin"]:
        text += f" Takes {row['statin']}, which can hurt by itself."
    return text


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    if row["state"] == CANNOT_TELL:
        return "ask about pain, test strength and measure CK before anything is changed"
    if row["state"] != MET:
        return ""
    del parameters
    return "do not escalate immunosuppression for pain alone; look for fibromyalgia, joint, statin and other causes"


RULE = Rule(
    key="pain-without-weakness",
    title="Pain without weakness",
    question="Does this patient hurt without any sign of inflamed muscle?",
    why_it_matters=(
        "Pain is what patients report and what treatment is often raised for. Without weakness and with quiet enzymes "
        "more immunosuppression harms and does not help."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("pain", "myalgia", *INSTRUMENTS, "ck", *OTHER_ENZYMES, "crp", "esr", "medications", "declining-strength"),
    sources=(
        Source(
            "Refractory muscle pain",
            2025,
            "educational page, not a guideline",
            "seed",
            "pain with normal strength and CK: stop escalating",
        ),
        Source(
            "Upper limits of CK",
            2010,
            "EFNS 2010, pubmed 20402744; EAN 2024",
            "seen",
            "raised from 1.5 times the limit",
        ),
    ),
    known_false_alarms=(
        "a flare of dermatomyositis with normal CK, before strength falls",
        "fasciitis or joint inflammation, which neither strength nor CK shows",
    ),
    clears_when=lambda limits: (
        f"a later pain score is below {number(limits.pain_from, 2)} of 10, or strength or an enzyme is no longer normal"
    ),
    in_time=lambda limits: f"the pain was reported more than {stretch(limits.reach_days)} ago",
    after=("declining-strength",),
    topic="pain",
    limitations=(
        "Normal strength is 96 % of the instrument's maximum, a site setting; young children cannot reach the "
        "maximum of "
        "CMAS. Never says that the disease is quiet."
    ),
    version="1.0.1",
    changed="Wording: strength has fallen, instead of is falling.",
    catalogue=("PH-02", "PH-10", "PH-11"),
    examples=(
        Example(
            title="pain 8 of 10, full strength, CK 0.8 times its limit",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "mmt8", "value": 80, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": MET, "severity": WATCH, "since": -1},
        ),
        Example(
            title="the same with CK twice its limit",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "mmt8", "value": 80, "day": -1},
                {"measure": "ck", "value": 400, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="strength was not tested",
            observations=(
                {"measure": "pain", "value": 8, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
        Example(
            title="reported muscle pain, strength below normal",
            observations=(
                {"measure": "mmt8", "value": 70, "day": -1},
                {"measure": "ck", "value": 160, "upper_limit": 200, "day": -3},
            ),
            events=({"event": "myalgia", "day": -2},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
    ),
)

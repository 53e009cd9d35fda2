"""Is the disease active today, and is it treated?

Looked at: where the patient is, not only what changed: strength and everyday function, muscle enzymes, the physician's
global, swallowing, rash; and the treatment that runs. What counts: weakness together with a sign of activity; or a CK
above ten times its limit alone. What does not: weakness without any sign of activity (that may be damage), a raised
enzyme in a patient known to be strong, exercise before the CK. Inclusion body myositis has its own card.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.disease_treatment import (
    NOT_JUDGED,
    NOT_RESPONDING,
    RESPONDING,
    TOO_EARLY,
    UNTREATED,
    Judged,
    TreatmentTimes,
    judged_treatment,
)
from jobs.newest import DECLINING_STRENGTH, StrengthVerdict, lasts_until, next_after, still_there, strength_verdict
from jobs.rule import (
    ACTION,
    CANNOT_TELL,
    MET,
    NOT_MET,
    POSSIBLE,
    URGENT,
    WATCH,
    Answer,
    Example,
    Rule,
    Source,
    apart,
    day_text,
    number,
    parameter,
)
from jobs.rules.declining_strength import INSTRUMENTS
from jobs.rules.red_flag_symptoms import CheckpointDoses, checkpoint_doses
from models.patient_facts import Happening, PatientFacts, Reading, date_of
from models.states import Cause, Severity
from models.vocabulary import events, measure

MUSCLE, ENZYME = "muscle", "enzyme"
DIFFICULTIES = (
    "difficulty_rising",
    "difficulty_stairs",
    "difficulty_lifting_arms",
    "difficulty_walking",
    "difficulty_neck",
)
FIRST_ENZYMES, OTHER_ENZYMES = ("ck", "aldolase"), ("ast", "alt", "ldh")
RED_FLAGS = ("dysphagia", "dyspnoea")
EXCLUDED_DIAGNOSES = ("IBM",)
_BELOW = {key: f"weak_below_{key}" for key in INSTRUMENTS}
_SCALED = "scaled from 142 of 150, the entry criterion of the ProDERM trial"
_NO_NUMBERS: Mapping[str, Any] = {
    "treatment": None,
    "treated_from": None,
    "running": "",
    "compared": "",
    "weak": "",
    "active": "",
    "known_strong": False,
    "checkpoint": False,
    "falls": False,
}
_READ = frozenset((*DIFFICULTIES, *RED_FLAGS, "rash", "strenuous_exercise"))


@dataclass(frozen=True)
class Parameters(TreatmentTimes):
    """Thresholds of the active-disease rule."""

    latest_days: int = parameter(
        90, unit="days", low=28, high=182, meaning="an older result or statement says nothing about today",
        mark="contract",
    )  # fmt: skip
    weak_below_cmas: float = parameter(
        48,
        unit="points of 52",
        low=30,
        high=52,
        meaning="a CMAS below this is weak",
        source="PRINTO, clinically inactive disease (LAZAREVIC-2013)",
        mark="seen",
    )
    weak_below_mmt8: float = parameter(
        76, unit="points of 80", low=50, high=80, meaning="an MMT8 (one side) below this is weak", source=_SCALED
    )
    weak_below_mmt8_bilateral: float = parameter(
        142,
        unit="points of 150",
        low=90,
        high=150,
        meaning="an MMT8 (both sides) below this is weak",
        source="entry criterion of the ProDERM trial (PRODERM-2023)",
        mark="seen",
    )
    weak_below_mmt_total: float = parameter(
        246, unit="points of 260", low=150, high=260, meaning="a total MMT below this is weak", source=_SCALED
    )
    cmas_from_age: int = parameter(
        5, unit="years", low=3, high=8, meaning="a younger child may score low on CMAS without being weak",
        mark="contract",
    )  # fmt: skip
    enzyme_sign: float = parameter(
        1.5,
        unit="x upper limit",
        low=1,
        high=5,
        meaning="an enzyme above this is a sign of activity",
        source="EFNS 2010 / EAN 2024 (S29)",
        mark="seen",
    )
    global_sign: float = parameter(
        3, unit="points of 10", low=1, high=8, meaning="a physician global from this on is a sign of activity",
        mark="contract",
    )  # fmt: skip
    enzyme_alone: float = parameter(
        10, unit="x upper limit", low=4, high=50, meaning="a CK above this counts without known weakness",
        mark="contract",
    )  # fmt: skip
    exercise_days: int = parameter(
        7, unit="days", low=1, high=14, meaning="strenuous exercise this near before a CK explains it", source="S30",
        mark="seen",
    )  # fmt: skip
    checkpoint_days: int = parameter(
        180, unit="days", low=30, high=730, meaning="how long after its last dose a checkpoint inhibitor counts"
    )
    red_flag_days: int = parameter(
        28, unit="days", low=7, high=90, meaning="a red flag recorded without an end is taken to be there this long"
    )


class _Known(NamedTuple):
    """Whether something is so: yes, no, or (None) not known; what says so, since when, and its facts."""

    is_so: bool | None
    said: tuple[str, ...] = ()
    since: int | None = None
    facts: tuple[str, ...] = ()


class Beside(NamedTuple):
    """What stands beside active disease and changes what is done first."""

    inhibitor: CheckpointDoses | None
    falls: StrengthVerdict

    @property
    def changes(self) -> tuple[int | None, ...]:
        """The days on which it could read differently with no new fact."""
        return (*(self.inhibitor.changes if self.inhibitor else ()), self.falls.recheck_on)


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for the muscle, and one for the enzyme where a CK with its limit is on file."""
    if patient.diagnosis in EXCLUDED_DIAGNOSES:
        return
    happened = {one.event: one for one in patient.happenings if one.event in _READ}
    enzymes = _current_enzymes(patient, as_of, parameters)
    weak = _weakness(patient, happened, as_of, parameters)
    active = _activity(patient, happened, enzymes, as_of, parameters)
    alone = _enzyme_alone(patient, weak, as_of, parameters)
    if weak.is_so is None and active.is_so is None and alone is None and not _ever_looked_at(patient):
        return
    recheck_on = next_after(as_of, *_turns_old(patient, happened, parameters))
    met = [subject for subject, yes in ((MUSCLE, weak.is_so and active.is_so), (ENZYME, alone and alone.is_so)) if yes]
    treated = judged_treatment(patient, parameters.latest_days, parameters) if met else None
    beside = Beside(checkpoint_doses(patient, as_of, parameters.checkpoint_days), strength_verdict(patient))
    if treated is not None and MUSCLE in met:
        yield _met(MUSCLE, weak, active, treated, beside, happened, as_of, recheck_on, parameters)
    else:
        yield _muscle_not_met(patient, weak, active, recheck_on, parameters)
    if alone is None:
        return
    if treated is not None and ENZYME in met:
        answer = _met(ENZYME, None, alone, treated, beside, happened, as_of, recheck_on, parameters)
        numbers = {**answer.numbers, "known_strong": weak.is_so is False}
        yield answer._replace(grade=POSSIBLE, numbers=numbers)
    elif alone.is_so is None:
        because = f"no newer CK than the high one of {day_text(alone.since or as_of)}"
        yield Answer(
            ENZYME,
            CANNOT_TELL,
            recheck_on=recheck_on,
            evidence=alone.facts,
            cannot_tell_because=because,
            cause=Cause.STALE,
            numbers=_NO_NUMBERS,
        )
    else:
        yield Answer(ENZYME, NOT_MET, recheck_on=recheck_on, numbers=_NO_NUMBERS)


# -------------------------------------------------------------------------------------------------- weak, and active


def _weakness(patient: PatientFacts, happened: Mapping[str, Happening], today: int, parameters: Parameters) -> _Known:
    """A low newest strength score, or a difficulty in everyday function."""
    score = _newest_score(patient, today, parameters)
    said: list[str] = []
    since: list[int] = []
    facts: list[str] = []
    if score is not None and score.value < getattr(parameters, _BELOW[score.measure]):
        row = measure(score.measure)
        below = float(getattr(parameters, _BELOW[score.measure]))
        said.append(
            f"{row.short_label} {apart(score.value, below)} of {number(row.max_value)} on {day_text(score.day)}"
        )
        since.append(_run_start(patient.series(score.measure), lambda one: one.value < below))
        facts.append(score.fact)
    difficulties = [happened[kind] for kind in DIFFICULTIES if kind in happened]
    current = [one for one in difficulties if today - one.last_day <= parameters.latest_days]
    for one in current:
        if _is_there(one, today):
            said.append(f"{events()[one.event].label.lower()} on {day_text(one.day)}")
            since.append(one.day)
            facts.append(one.fact)
    if said:
        return _Known(True, tuple(said), min(since), tuple(facts))
    return _Known(False if score is not None or current else None)


def _newest_score(patient: PatientFacts, today: int, parameters: Parameters) -> Reading | None:
    """The newest strength score; of one day the one furthest below its limit. A young child's CMAS is left out."""
    age = patient.age
    found = [
        score
        for key in INSTRUMENTS
        if (score := patient.latest(key)) is not None
        and today - score.day <= parameters.latest_days
        and not (key == "cmas" and age is not None and age < parameters.cmas_from_age)
    ]
    if not found:
        return None
    day = max(score.day for score in found)
    return min(
        (score for score in found if score.day == day),
        key=lambda score: score.value / getattr(parameters, _BELOW[score.measure]),
    )


def _activity(
    patient: PatientFacts,
    happened: Mapping[str, Happening],
    enzymes: list[Reading],
    today: int,
    parameters: Parameters,
) -> _Known:
    """A raised enzyme, a raised global, difficulty swallowing or a rash."""
    said: list[str] = []
    since: list[int] = []
    facts: list[str] = []
    for reading in enzymes:
        if _is_above(reading, parameters.enzyme_sign):
            label = measure(reading.measure).short_label
            times = apart(reading.times_limit or 0.0, parameters.enzyme_sign)
            said.append(f"{label} {reading.comparator}{times} times its limit on {day_text(reading.day)}")
            since.append(
                _run_start(patient.series(reading.measure), lambda one: _is_above(one, parameters.enzyme_sign))
            )
            facts.append(reading.fact)
    globe = patient.latest("physician_global")
    if globe is not None and today - globe.day > parameters.latest_days:
        globe = None
    if globe is not None and globe.value >= parameters.global_sign:
        said.append(f"physician global {apart(globe.value, parameters.global_sign)} of 10 on {day_text(globe.day)}")
        since.append(_run_start(patient.series("physician_global"), lambda one: one.value >= parameters.global_sign))
        facts.append(globe.fact)
    for kind in ("dysphagia", "rash"):
        event = happened.get(kind)
        if event is not None and today - event.last_day <= parameters.latest_days and _is_there(event, today):
            said.append(f"{events()[kind].label.lower()} on {day_text(event.day)}")
            since.append(event.day)
            facts.append(event.fact)
    if said:
        return _Known(True, tuple(said), min(since), tuple(facts))
    return _Known(False if enzymes or globe is not None else None, facts=tuple(one.fact for one in enzymes))


def _current_enzymes(patient: PatientFacts, today: int, parameters: Parameters) -> list[Reading]:
    """CK and aldolase with their limits; AST, ALT and LDH, which have other sources, only where neither is on file."""

    def current(keys: tuple[str, ...]) -> list[Reading]:
        return [
            reading
            for key in keys
            if (reading := patient.latest(key)) is not None
            and today - reading.day <= parameters.latest_days
            and reading.times_limit is not None
        ]

    return current(FIRST_ENZYMES) or current(OTHER_ENZYMES)


def _is_above(reading: Reading, times: float) -> bool:
    ratio = reading.times_limit
    return ratio is not None and ratio > times and reading.comparator != "<"


def _is_there(event: Happening, today: int) -> bool:
    """Recorded as present and not over."""
    return event.present and (event.end is None or event.end >= today)


def _run_start(series: Any, holds: Any) -> int:
    """The first day of the newest values in a row for which it holds."""
    day = series[-1].day
    for one in reversed(series):
        if not holds(one):
            break
        day = one.day
    return int(day)


def _enzyme_alone(patient: PatientFacts, weak: _Known, today: int, parameters: Parameters) -> _Known | None:
    """A very high CK in a patient not known to be weak; None where no CK with its limit is on file."""
    reading = patient.latest("ck")
    if reading is None or reading.times_limit is None:
        return None
    if not _is_above(reading, parameters.enzyme_alone) or weak.is_so:
        return _Known(False)
    if today - reading.day > parameters.latest_days:
        return _Known(None, since=reading.day, facts=(reading.fact,))
    if _exercised_before(patient, reading, parameters.exercise_days):
        return _Known(False)
    times = apart(reading.times_limit, parameters.enzyme_alone)
    said = f"CK {reading.comparator}{times} times its limit on {day_text(reading.day)}"
    since = _run_start(patient.series("ck"), lambda one: _is_above(one, parameters.enzyme_alone))
    return _Known(True, (said,), since, (reading.fact,))


def _exercised_before(patient: PatientFacts, reading: Reading, days: int) -> bool:
    return any(
        one.present and one.day <= reading.day and reading.day - min(one.last_day, reading.day) <= days
        for one in patient.events("strenuous_exercise")
    )


def _ever_looked_at(patient: PatientFacts) -> bool:
    """Whether strength or function was ever on file: then silence is said, not passed over."""
    return any(patient.latest(key) is not None for key in INSTRUMENTS) or any(
        one.event in DIFFICULTIES for one in patient.happenings
    )


def _turns_old(
    patient: PatientFacts, happened: Mapping[str, Happening], parameters: Parameters
) -> Iterator[int | None]:
    """The days on which a newest fact becomes too old, or a symptom is over."""
    for key in (*INSTRUMENTS, *FIRST_ENZYMES, *OTHER_ENZYMES, "physician_global"):
        reading = patient.latest(key)
        if reading is not None:
            yield reading.day + parameters.latest_days + 1
    for kind, event in happened.items():
        yield event.last_day + parameters.latest_days + 1
        yield None if event.end is None else event.end + 1
        if kind in RED_FLAGS:
            yield lasts_until(event, parameters.red_flag_days) + 1


# ------------------------------------------------------------------------------------------------------- the answers


def _met(
    subject: str,
    weak: _Known | None,
    active: _Known,
    treated: Judged,
    beside: Beside,
    happened: Mapping[str, Happening],
    today: int,
    recheck_on: int | None,
    parameters: Parameters,
) -> Answer:
    weakness = weak or _Known(None)
    endangered = any(still_there(happened.get(kind), today, parameters.red_flag_days) for kind in RED_FLAGS)
    since = [known.since for known in (weakness, active) if known.since is not None]
    return Answer(
        subject,
        MET,
        severity=_severity(treated, endangered),
        since=max(since, default=today),
        due=treated.due,
        recheck_on=next_after(today, recheck_on, *treated.changes, *beside.changes),
        evidence=tuple(dict.fromkeys((*weakness.facts, *active.facts, *treated.facts))),
        numbers={
            "treatment": treated.verdict,
            "treated_from": None if treated.start is None else date_of(treated.start),
            "running": "; ".join(treated.running),
            "compared": "; ".join(treated.said),
            "weak": "; ".join(weakness.said),
            "active": "; ".join(active.said),
            "known_strong": False,
            "checkpoint": beside.inhibitor is not None,
            "falls": beside.falls.met,
        },
    )


def _severity(treated: Judged, endangered: bool) -> Severity:
    if treated.verdict in (UNTREATED, NOT_RESPONDING):
        return URGENT if endangered else ACTION
    return WATCH


def _muscle_not_met(
    patient: PatientFacts, weak: _Known, active: _Known, recheck_on: int | None, parameters: Parameters
) -> Answer:
    """Not active where one of the two is known not to be so; where nobody knows, that is said."""
    numbers = {**_NO_NUMBERS, "weak": "; ".join(weak.said), "active": "; ".join(active.said)}
    answer = Answer(MUSCLE, NOT_MET, recheck_on=recheck_on, evidence=(*weak.facts, *active.facts), numbers=numbers)
    if weak.is_so is False or active.is_so is False:
        return answer
    days = parameters.latest_days
    missing = []
    if weak.is_so is None:
        missing.append("strength score and no word on everyday function")
    if active.is_so is None:
        missing.append("muscle enzyme with its limit and no physician global")
    because = " and ".join(f"no {what}" for what in missing) + f" in the last {days} days"
    stale = weak.is_so is None and _ever_looked_at(patient)
    return answer._replace(
        state=CANNOT_TELL, cannot_tell_because=because, cause=Cause.STALE if stale else Cause.NOT_ON_FILE
    )


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """What is weak, what is active, and what the treatment does."""
    if row["state"] == CANNOT_TELL:
        known = "; ".join(part for part in (row.get("weak"), row.get("active")) if part)
        return f"Whether the disease is active cannot be told: {row['cannot_tell_because']}" + (
            f" ({known})." if known else "."
        )
    if row["state"] == NOT_MET:
        if row["subject"] == ENZYME:
            limit = number(parameters.enzyme_alone)
            return f"No CK above {limit} times its limit that neither weakness nor exercise goes with."
        if row.get("weak"):
            return f"Weak ({row['weak']}), without a sign of activity."
        return f"Signs of activity ({row['active']}), not weak." if row.get("active") else "Not weak, or not active."
    if row["subject"] == MUSCLE:
        found = f"Weak ({row['weak']}) with signs of activity ({row['active']})"
    else:
        found = f"{row['active']}, without known weakness and without exercise before it"
    return f"{found}. {_told(row)}"


def _told(row: Mapping[str, Any]) -> str:
    """The treatment in words."""
    verdict = row["treatment"]
    if verdict == UNTREATED:
        return "No glucocorticoid and no immunosuppressant is on file as running or still acting."
    begun = (
        f"Treatment judged from {day_text(row['treated_from'])}, when it was begun, raised or a pulse was last given"
    )
    if verdict == TOO_EARLY:
        return f"{begun}: it can be judged on {day_text(row['due'])}."
    if verdict == RESPONDING:
        return f"{begun}: it helps ({row['compared']})."
    if verdict == NOT_RESPONDING:
        return f"{begun}: no response that holds ({row['compared']})."
    return f"{begun}: there is nothing to compare with, so whether it helps is not known."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "test strength, ask about stairs, rising and lifting the arms, measure CK"
    if row["state"] != MET:
        return ""
    if row["checkpoint"] and row["treatment"] in (UNTREATED, NOT_RESPONDING, NOT_JUDGED):
        return "troponin I, ECG, swallowing and breathing today; the treatment is decided with oncology"
    if row["subject"] == ENZYME:
        first = "" if row["known_strong"] else "test strength, "
        return f"{first}repeat CK after a week of rest, ask about statins; look for another source"
    if row["treatment"] == TOO_EARLY:
        by = day_text(row["due"])
        return f"test strength and CK by {by}; see it earlier where it gets worse, or where a pulse did not help"
    if row["treatment"] == RESPONDING and row["falls"]:
        return "strength fell under what helped: see the alert on strength, and whether it is coming back"
    soon = "today" if row["severity"] == URGENT else "this week"
    return {
        UNTREATED: f"discuss first-line treatment {soon}, with its safety screens",
        NOT_RESPONDING: "check adherence and dose, then see the options for escalation",
        RESPONDING: "go on with what helps",
        NOT_JUDGED: "set a baseline now: strength, CK and globals",
    }[str(row["treatment"])]


RULE = Rule(
    key="active-disease",
    title="Active disease",
    question="Is the disease active, and is it treated?",
    why_it_matters=(
        "A patient who is weak and inflamed needs treatment whether or not anything changed since the last visit. What "
        "only looks for decline does not see somebody who never got better."
    ),
    assess=assess,
    ages=lambda parameters: (parameters.cmas_from_age,),
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="muscle or enzyme",
    reads=(
        *INSTRUMENTS,
        *FIRST_ENZYMES,
        *OTHER_ENZYMES,
        "physician_global",
        *DIFFICULTIES,
        *RED_FLAGS,
        "rash",
        "strenuous_exercise",
        "medications",
        DECLINING_STRENGTH,
    ),
    after=(DECLINING_STRENGTH,),
    sources=(
        Source(
            "Clinically inactive disease in juvenile dermatomyositis (PRINTO)",
            2013,
            "doi:10.1136/annrheumdis-2012-201483",
            "seen",
            "CMAS 48 and more, MMT8 78 and more, physician global at most 0.2",
        ),
        Source("ProDERM trial of immunoglobulin", 2022, "entry criterion: MMT8 of 150 at most 141", "seen"),
        Source("CK in neuromuscular disease (EFNS, EAN)", 2024, "S29", "seen", "above 1.5 times the limit is raised"),
        Source("Pulse therapy in myositis", 2025, "educational page, not a guideline", "seed", "four to six weeks"),
    ),
    known_false_alarms=(
        "weakness from damage with a CK raised for another reason: statin, hypothyroidism, muscular dystrophy",
        "treatment given elsewhere and not on this list",
        "AST, ALT or LDH raised by the liver, where neither CK nor aldolase is on file",
    ),
    clears_when=lambda limits: (
        f"strength and function are back, or enzymes (at most {number(limits.enzyme_sign, 2)} times their limit; "
        f"without weakness CK at most {number(limits.enzyme_alone, 2)} times) and the global (below "
        f"{number(limits.global_sign, 2)} of 10) are quiet"
    ),
    topic="disease activity",
    limitations=(
        "Says where the patient is, not why: the state and the suggestions ask what else it could be. The limits of "
        "MMT8 one side and of the total are scaled from it on both sides. A rise of a quarter, or of 5 mg, counts as "
        "a new start of treatment; the 5 mg are a setting of this program."
    ),
    catalogue=("PH-01", "ESC-01"),
    several_series=True,
    examples=(
        Example(
            title="weak and inflamed on the first visit, untreated",
            observations=(
                {"measure": "mmt8", "value": 50, "day": 0},
                {"measure": "ck", "value": 4000, "upper_limit": 200, "day": 0},
                {"measure": "physician_global", "value": 8, "day": 0},
            ),
            expect={"subject": MUSCLE, "state": MET, "severity": ACTION, "since": 0, "treatment": UNTREATED},
        ),
        Example(
            title="half a year of methotrexate and prednisone, nothing better",
            observations=(
                {"measure": "mmt8", "value": 50, "day": -205},
                {"measure": "mmt8", "value": 51, "day": -2},
                {"measure": "ck", "value": 4000, "upper_limit": 200, "day": -205},
                {"measure": "ck", "value": 3600, "upper_limit": 200, "day": -2},
            ),
            medications=(
                {"drug": "methotrexate", "dose": 20, "frequency": "weekly", "start": -200},
                {"drug": "prednisone", "dose": 20, "start": -200},
            ),
            expect={"subject": MUSCLE, "state": MET, "severity": ACTION, "treatment": NOT_RESPONDING},
        ),
        Example(
            title="four weeks on methotrexate: too early",
            observations=(
                {"measure": "mmt8", "value": 50, "day": 0},
                {"measure": "ck", "value": 4000, "upper_limit": 200, "day": 0},
            ),
            medications=({"drug": "methotrexate", "dose": 15, "frequency": "weekly", "start": -28},),
            expect={"subject": MUSCLE, "state": MET, "severity": WATCH, "due": 62, "treatment": TOO_EARLY},
        ),
        Example(
            title="steady weakness with quiet enzymes and a low global is not active",
            observations=(
                {"measure": "mmt8", "value": 60, "day": 0},
                {"measure": "ck", "value": 150, "upper_limit": 200, "day": 0},
                {"measure": "physician_global", "value": 1, "day": 0},
            ),
            expect={"subject": MUSCLE, "state": NOT_MET},
        ),
        Example(
            title="difficulty with stairs and a raised CK",
            observations=({"measure": "ck", "value": 900, "upper_limit": 200, "day": -1},),
            events=({"event": "difficulty_stairs", "day": -3},),
            expect={"subject": MUSCLE, "state": MET, "severity": ACTION, "treatment": UNTREATED},
        ),
        Example(
            title="CK twelve times its limit in somebody strong",
            observations=(
                {"measure": "mmt8", "value": 80, "day": 0},
                {"measure": "ck", "value": 2400, "upper_limit": 200, "day": 0},
            ),
            expect={"subject": ENZYME, "state": MET, "grade": "possible", "severity": ACTION},
        ),
    ),
)

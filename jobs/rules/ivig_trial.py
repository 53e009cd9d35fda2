"""Is the trial of immunoglobulin on its way, did it help, and can it become less?

Looked at: the courses of intravenous immunoglobulin, the core set measures before the first and after the twelfth week,
dose and gap of the courses, clots. What counts: nothing on file from before to compare with; sixteen weeks without a
look at the response, or without a response; half a year of response at the full dose; a clot under it. What does not: a
single course, a dose that was lowered, subcutaneous immunoglobulin.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.disease_treatment import NOT_RESPONDING
from jobs.ivig_courses import Given, Trial, ivig_trial, slower_because
from jobs.newest import next_after
from jobs.response import BETTER, COMPARED, LOWER, NO_BASELINE, SAME, ResponseSteps, compare, told
from jobs.rule import (
    ACTION,
    MET,
    NOT_MET,
    URGENT,
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
from jobs.scores.core_set import SCALE_RANGES
from jobs.scores.total_improvement import total_improvement_score
from models.patient_facts import PatientFacts, Reading, date_of

RESPONSE, CLOT = "response", "clot"
ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")
FUNCTION = ("haq", "chaq")
START, LOOK, NONE_SEEN, HELPS, LESS, GOES_ON = (
    "no baseline",
    "not looked at",
    "no response",
    "response",
    "could become less",
    "on its way",
)
ACTIVE_DISEASE = "active-disease"
OF_ACTIVITY = (
    ACTIVE_DISEASE,
    "declining-strength",
    "lung-function",
    "red-flag-symptoms",
    "skin-activity",
    "worsening",
)
"""Rules whose answer `met` says that it is no time for less."""
PRODERM = "ProDERM trial, adults with dermatomyositis (PRODERM-2022)"


@dataclass(frozen=True)
class Parameters(ResponseSteps):
    """Thresholds of the ivig-trial rule."""

    judged_on_day: int = parameter(
        112, unit="days", low=84, high=182, meaning="the response is judged sixteen weeks after the first course",
        source=f"{PRODERM}: response at week 16", mark="seen",
    )  # fmt: skip
    looked_at_from_day: int = parameter(
        84, unit="days", low=56, high=112, meaning="what was measured from this day on speaks of the response"
    )
    baseline_days: int = parameter(
        90, unit="days", low=14, high=182, meaning="how long before the first course a result may lie"
    )
    baseline_until_day: int = parameter(
        28, unit="days", low=1, high=42, meaning="until the second course a baseline can still be asked for"
    )
    response_points: float = parameter(
        20, unit="points of 100", low=20, high=60, meaning="a total improvement score from this on is a response",
        source=f"{PRODERM}: 79 % of 47 under immunoglobulin, 44 % of 48 under placebo", mark="seen",
    )  # fmt: skip
    less_after_days: int = parameter(
        196, unit="days", low=112, high=365, meaning="after this long with a response less is thought of",
        source=f"{PRODERM}: 1 g/kg allowed from week 28 where stable", mark="seen",
    )  # fmt: skip
    less_by: float = parameter(
        0.25, unit="share of the dose", low=0.1, high=0.5, meaning="a course smaller by this is a lower dose"
    )
    wider_gap_days: int = parameter(40, unit="days", low=35, high=70, meaning="courses this far apart are spaced out")
    clot_days: int = parameter(
        56, unit="days", low=14, high=90, meaning="a clot this soon after an infusion is held against it"
    )
    slower_from_age: int = parameter(
        65, unit="years", low=50, high=90, meaning="from this age a slower rate and five days are thought of"
    )
    slow_rate: float = parameter(
        3.3, unit="mg/kg/min", low=1, high=4, meaning="at most this fast where clots or the kidneys are a concern",
        source="label (S25), monitoring page (S26)", mark="seen",
    )  # fmt: skip


class _Response(NamedTuple):
    """What the trial did: whether it helped (None: cannot be told), in words, and the facts."""

    helped: bool | None
    said: str
    facts: tuple[str, ...]


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer on the response and, where there is a clot on file, one on that."""
    trial = ivig_trial(patient)
    if trial is None:
        return
    given = trial.given
    yield _trial(patient, trial, as_of, parameters)
    clot = patient.last_event("thrombosis")
    if clot is not None:
        last = max((one.day for one in given if one.day <= clot.day), default=None)
        under = clot.present and last is not None and clot.day - last <= parameters.clot_days
        yield Answer(
            CLOT,
            MET if under else NOT_MET,
            severity=URGENT if under else None,
            since=clot.day if under else None,
            recheck_on=next_after(as_of, trial.through + 1),
            evidence=(clot.fact, given[-1].statement.fact),
            numbers={"clot_day": date_of(clot.day), "last_before": None if last is None else date_of(last)},
        )


def _trial(patient: PatientFacts, trial: Trial, today: int, parameters: Parameters) -> Answer:
    given = trial.given
    first, last = given[0], given[-1]
    judged_on = first.day + parameters.judged_on_day
    slower = slower_because(patient, parameters.slower_from_age)
    numbers = {
        "first": date_of(first.day),
        "last": date_of(last.day),
        "courses": len(given),
        "step": GOES_ON,
        "said": "",
        "slower": ", ".join(words for words, _ in slower),
        "missing": "",
        "by_activity": "",
    }
    evidence = tuple(dict.fromkeys((first.statement.fact, last.statement.fact)))
    answer = Answer(
        RESPONSE,
        NOT_MET,
        due=judged_on,
        recheck_on=next_after(
            today,
            first.day + parameters.baseline_until_day + 1,
            judged_on,
            first.day + parameters.less_after_days,
            trial.next_day,
            trial.through + 1,
        ),
        evidence=evidence,
        numbers=numbers,
    )
    if today < judged_on:
        if today - first.day <= parameters.baseline_until_day and not _has_baseline(patient, first.day, parameters):
            return answer._replace(state=MET, severity=WATCH, since=first.day, numbers={**numbers, "step": START})
        return answer
    if len(given) < 2:
        return answer
    response = _response(patient, first.day, parameters)
    numbers = {**numbers, "said": response.said}
    answer = answer._replace(evidence=(*evidence, *response.facts), numbers=numbers)
    if response.helped is None:
        numbers["missing"] = _missing(patient, first.day, parameters)
        # What active disease is judged by is held to the first values after a treatment where none is from before it.
        by_activity = next((one for one in patient.answers_of(ACTIVE_DISEASE) if _says_no_response(one)), None)
        if by_activity is None:
            return answer._replace(state=MET, severity=WATCH, since=judged_on, numbers={**numbers, "step": LOOK})
        numbers |= {"step": NONE_SEEN, "by_activity": by_activity.numbers["compared"]}
        facts = tuple(dict.fromkeys((*answer.evidence, *by_activity.evidence)))
        return answer._replace(state=MET, severity=ACTION, since=judged_on, evidence=facts, numbers=numbers)
    if not response.helped:
        return answer._replace(state=MET, severity=ACTION, since=judged_on, numbers={**numbers, "step": NONE_SEEN})
    less_from = first.day + parameters.less_after_days
    if today >= less_from and not _is_less(given, parameters) and not _restless(patient):
        return answer._replace(state=MET, severity=WATCH, since=less_from, numbers={**numbers, "step": LESS})
    return answer._replace(numbers={**numbers, "step": HELPS})


def _has_baseline(patient: PatientFacts, first: int, parameters: Parameters) -> bool:
    """Whether strength was measured before the first course, or soon enough after it to stand for before."""
    earliest, latest = first - parameters.baseline_days, first + 2
    return any(earliest <= one.day <= latest for key in INSTRUMENTS for one in patient.series(key))


def _says_no_response(answer: Answer) -> bool:
    return answer.state == MET and answer.numbers.get("treatment") == NOT_RESPONDING


def _missing(patient: PatientFacts, first: int, parameters: Parameters) -> str:
    """What of a strength score before the first course and a later one is not there to be compared."""
    earliest, judged_from = first - parameters.baseline_days, first + parameters.looked_at_from_day
    before = {key for key in INSTRUMENTS if any(earliest <= one.day <= first for one in patient.series(key))}
    after = {key for key in INSTRUMENTS if any(one.day >= judged_from for one in patient.series(key))}
    wanted = f"no strength score from the {parameters.baseline_days} days before it"
    if not before:
        return wanted if after else f"{wanted}, and none since {day_text(judged_from)}"
    if not after:
        return f"no strength score since {day_text(judged_from)}"
    if not before & after:
        return f"no instrument of strength was used both before it and since {day_text(judged_from)}"
    return "strength before it was too near its maximum to become better by a step"


def _restless(patient: PatientFacts) -> bool:
    """Whether another rule speaks of activity or of a fall: then nothing becomes less."""
    return any(one.state == MET for key in OF_ACTIVITY for one in patient.answers_of(key))


def _is_less(given: Sequence[Given], parameters: Parameters) -> bool:
    """Whether the newest course is smaller than the largest, or the courses have been spaced out."""
    largest = max((one.dose for one in given if one.dose is not None and one.unit == given[-1].unit), default=None)
    newest = given[-1].dose
    smaller = largest is not None and newest is not None and newest <= (1 - parameters.less_by) * largest + 1e-9
    return smaller or given[-1].day - given[-2].day >= parameters.wider_gap_days


def _response(patient: PatientFacts, first: int, parameters: Parameters) -> _Response:
    """By the total improvement score where it decides, else by strength and CK."""
    judged_from = first + parameters.looked_at_from_day
    by_score = _improvement(patient, first, judged_from, parameters)
    if by_score is not None and by_score.helped is not None:
        return by_score
    compared = [
        found
        for key in COMPARED
        if (found := compare(patient, key, first, judged_from, parameters.baseline_days, parameters)) is not None
    ]
    said = "; ".join(told(one) for one in compared if one.verdict != NO_BASELINE)
    facts = tuple(fact for one in compared for fact in one.facts)
    lower = any(one.verdict == LOWER for one in compared)
    if any(one.verdict == BETTER for one in compared) and not lower:
        return _Response(True, said, facts)
    if any(one.verdict in (SAME, LOWER) and one.measure != "ck" for one in compared):
        return _Response(False, said, facts)
    return _Response(None, said, facts)


def _improvement(patient: PatientFacts, first: int, judged_from: int, parameters: Parameters) -> _Response | None:
    """The total improvement score from the newest values before the first course to the newest ones now."""
    before = _visit(patient, first - parameters.baseline_days, first)
    after = _visit(patient, judged_from, patient.today)
    instrument = next((key for key in INSTRUMENTS if key in before and key in after), None)
    questionnaire = next((key for key in FUNCTION if key in before and key in after), None)
    if instrument is None:
        return None
    kind = "juvenile" if patient.is_juvenile or patient.is_child() else "adult"
    found = total_improvement_score(
        {
            "class": kind,
            "baseline": _document(before, instrument, questionnaire),
            "follow_up": _document(after, instrument, questionnaire),
        }
    )
    low, high = found["bounds"]
    used = [key for key in (*SCALE_RANGES, instrument, *ENZYMES, *FUNCTION) if key in before and key in after]
    facts = tuple(fact for key in used for fact in (before[key].fact, after[key].fact))
    helped = True if low >= parameters.response_points else False if high < parameters.response_points else None
    exact = f"{number(low)}" if low == high else f"{number(low)} to {number(high)} (measures missing)"
    return _Response(helped, f"total improvement score {exact} of 100", facts)


def _visit(patient: PatientFacts, earliest: int, latest: int) -> dict[str, Reading]:
    """The newest value of each core set measure between two days; enzymes with their limit only."""
    found = {}
    for key in (*SCALE_RANGES, *FUNCTION, *INSTRUMENTS, *ENZYMES):
        for reading in reversed(patient.series(key)):
            if reading.day < earliest:
                break
            if reading.day <= latest and (key not in ENZYMES or reading.times_limit is not None):
                found[key] = reading
                break
    return found


def _document(values: Mapping[str, Reading], instrument: str, questionnaire: str | None) -> dict[str, Any]:
    """Values in the shape of the calculator (contract, V)."""
    out: dict[str, Any] = {key: values[key].value for key in SCALE_RANGES if key in values and key not in FUNCTION}
    out["strength"] = {"instrument": instrument, "score": values[instrument].value}
    if questionnaire is not None:
        out["haq"] = values[questionnaire].value
    enzymes = {key: {"value": values[key].value, "upper_limit": values[key].limit} for key in ENZYMES if key in values}
    return {**out, "enzymes": enzymes} if enzymes else out


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """Where the trial stands, and by what it is judged."""
    if row["subject"] == CLOT:
        if row["state"] == MET:
            return f"A clot on {day_text(row['clot_day'])}, after the immunoglobulin of {day_text(row['last_before'])}."
        return f"No clot soon after an infusion; the last word on one is of {day_text(row['clot_day'])}."
    courses = "one course" if int(row["courses"]) == 1 else f"{int(row['courses'])} courses"
    trial = f"Immunoglobulin since {day_text(row['first'])}, {courses}, the last on {day_text(row['last'])}"
    slower = (
        f" At most {number(parameters.slow_rate)} mg/kg/min, over five days: {row['slower']}." if row["slower"] else ""
    )
    said = f" ({row['said']})" if row["said"] else ""
    due = day_text(row["due"])
    step = row["step"]
    if step == START:
        return f"{trial}: no strength score from before it, so that nobody can tell on {due} whether it helped.{slower}"
    if step == LOOK:
        return f"{trial}: whether it helped should have been judged on {due}, and cannot be: {row['missing']}{said}."
    if step == NONE_SEEN and row["by_activity"]:
        by_activity = f"by the values that active disease is judged by no response ({row['by_activity']})"
        return f"{trial}: {row['missing']}; {by_activity}."
    if step == NONE_SEEN:
        return f"{trial}: no response{said}, judged from {due} on."
    if step == LESS:
        return f"{trial}: it helps{said}, at the full dose for more than {parameters.less_after_days} days.{slower}"
    if step == HELPS:
        return f"{trial}: it helps{said}.{slower}"
    return f"{trial}: the response is judged on {due}.{slower}"


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] != MET:
        return ""
    if row["subject"] == CLOT:
        return "call today: no further infusion before it is settled; treat the clot"
    return {
        START: "measure strength, both globals, function, skin and enzymes before the second course",
        LOOK: "measure the core set now and decide: go on, change, or stop",
        NONE_SEEN: "stop or change it: look at the diagnosis, the dose given and the alternatives",
        LESS: "think of a lower dose (1 g/kg) or wider gaps; agree what brings it back",
    }[str(row["step"])]


RULE = Rule(
    key="ivig-trial",
    title="Immunoglobulin as a trial",
    question="Is the trial of immunoglobulin on its way, did it help, and can it become less?",
    why_it_matters=(
        "Immunoglobulin is dear, takes days of a patient's month and can clot. Begun without a baseline and without a "
        "day on which it is judged it goes on for years, whether it helps or not."
    ),
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="trial",
    reads=(
        *INSTRUMENTS,
        *SCALE_RANGES,
        "chaq",
        *ENZYMES,
        "creatinine",
        "thrombosis",
        "diabetes",
        "medications",
        *OF_ACTIVITY,
    ),
    after=OF_ACTIVITY,
    ages=lambda parameters: (18, parameters.slower_from_age),
    sources=(
        Source(
            "ProDERM trial: response",
            2022,
            "doi:10.1056/NEJMoa2117912, the maker's summary was read",
            "seen",
            "79 % of 47 adults with dermatomyositis responded at week 16, 44 % of 48 under placebo",
        ),
        Source(
            "ProDERM trial: safety",
            2024,
            "doi:10.1186/s13075-023-03232-2",
            "seen",
            "eight clots in six patients; fewer at a lower rate, none at 1 g/kg; more where there were risks before",
        ),
        Source(
            "Immunoglobulin 10 % label", None, "octagamusa.com; empr.com", "seen", "at most 4, with risks 3.3 mg/kg/min"
        ),
        Source("When a look is late, what is less, from which age slower", None, "site setting", "default"),
    ),
    known_false_alarms=(
        "immunoglobulin given to replace what is lacking, or for another disease",
        "courses given elsewhere, so that the first one on file is not the first",
        "strength that was full before, in somebody treated for the skin or for swallowing",
    ),
    clears_when=(
        "strength from before the first course is on file, the response is measured against values from before it, "
        "the dose becomes less, or immunoglobulin ends and acts no longer"
    ),
    in_time=lambda limits: (
        f"a first course before which nothing was measured is more than {stretch(limits.baseline_until_day)} ago, or "
        "immunoglobulin acts no longer"
    ),
    topic="treatment response",
    limitations=(
        "The trial was of adults with dermatomyositis; for children and other subtypes its numbers are borrowed. Skin "
        "and swallowing are not among the measures judged. A single course is not judged."
    ),
    catalogue=("ESC-01", "ESC-03", "C1"),
    quiet_when_untold=True,
    examples=(
        Example(
            title="sixteen weeks, and strength rose by ten points",
            observations=(
                {"measure": "mmt8", "value": 60, "day": -115},
                {"measure": "mmt8", "value": 70, "day": -5},
            ),
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -112},
            ),
            expect={"subject": RESPONSE, "state": NOT_MET, "due": 0},
        ),
        Example(
            title="sixteen weeks without a response",
            observations=(
                {"measure": "mmt8", "value": 60, "day": -115},
                {"measure": "mmt8", "value": 61, "day": -5},
            ),
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -112},
            ),
            expect={"subject": RESPONSE, "state": MET, "severity": ACTION, "since": 0, "due": 0},
        ),
        Example(
            title="nobody looked whether it helped",
            observations=({"measure": "mmt8", "value": 60, "day": -122},),
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -120},
            ),
            expect={"subject": RESPONSE, "state": MET, "severity": WATCH, "since": -8},
        ),
        Example(
            title="the first course a week ago, strength not measured before",
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -7},
            ),
            expect={"subject": RESPONSE, "state": MET, "severity": WATCH, "since": -7},
        ),
        Example(
            title="eight months of response at 2 g/kg",
            observations=(
                {"measure": "mmt8", "value": 60, "day": -240},
                {"measure": "mmt8", "value": 78, "day": -5},
            ),
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "every-4-weeks", "route": "iv", "start": -240},
            ),
            expect={"subject": RESPONSE, "state": MET, "severity": WATCH, "since": -44},
        ),
        Example(
            title="a clot ten days after an infusion",
            medications=({"drug": "ivig", "dose": 70, "unit": "g", "frequency": "once", "route": "iv", "start": -15},),
            events=({"event": "thrombosis", "day": -5},),
            expect={"subject": CLOT, "state": MET, "severity": URGENT, "since": -5},
        ),
    ),
)
